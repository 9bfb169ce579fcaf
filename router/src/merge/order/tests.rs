use proptest::prelude::*;

use super::*;
use crate::merge::compare::Compare;

type Cells = Vec<Option<Vec<u8>>>;

/// Feeds the merge from parts, as the executor does from streams.
fn merge(keys: &[OrderKey], parts: Vec<Vec<Cells>>) -> Vec<Cells> {
    let mut merge = KWay::new(parts.len(), keys.to_vec());
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    let mut merged = Vec::new();
    loop {
        while let Some(input) = merge.needs() {
            let row = parts[input].next();
            merge.offer(input, row);
        }
        match merge.pop() {
            Some(row) => merged.push(row),
            None => return merged,
        }
    }
}

fn row(number: Option<i64>, tag: &str) -> Cells {
    vec![number.map(|number| number.to_string().into_bytes()), Some(tag.as_bytes().to_vec())]
}

fn by_number(descending: bool) -> Vec<OrderKey> {
    vec![OrderKey { index: 0, compare: Compare::Integer, descending }]
}

#[test]
fn equal_rows_come_in_the_order_of_their_inputs() {
    let parts = vec![
        vec![row(None, "a"), row(Some(1), "b"), row(Some(1), "c")],
        vec![],
        vec![row(None, "d"), row(Some(1), "e"), row(Some(2), "f")],
    ];
    let tags: Vec<_> = merge(&by_number(false), parts).into_iter().map(|row| row[1].clone().unwrap()).collect();
    assert_eq!(tags.concat(), b"adbcef");
}

#[test]
fn inputs_may_be_fed_in_any_order() {
    let mut merge = KWay::new(2, by_number(false));
    merge.offer(1, Some(row(Some(2), "")));
    assert_eq!(merge.needs(), Some(0));
    merge.offer(0, Some(row(Some(3), "")));
    assert_eq!(merge.pop(), Some(row(Some(2), "")));
    assert_eq!(merge.needs(), Some(1));
    merge.offer(1, None);
    assert_eq!(merge.pop(), Some(row(Some(3), "")));
    merge.offer(0, None);
    assert_eq!(merge.pop(), None);
    assert_eq!(merge.pop(), None);
}

#[test]
fn no_inputs_are_no_rows() {
    assert_eq!(merge(&by_number(false), vec![]), Vec::<Cells>::new());
}

#[test]
#[should_panic(expected = "every input is fed")]
fn a_row_cannot_be_taken_too_early() {
    let mut merge = KWay::new(2, by_number(false));
    merge.offer(0, Some(row(Some(1), "")));
    merge.pop();
}

#[test]
fn windows_skip_and_stop() {
    let mut window = Window::new(2, Some(3));
    let admitted: Vec<_> = (0..10).filter(|_| window.admits()).collect();
    assert_eq!(admitted, [2, 3, 4]);
    assert!(window.is_closed());
    assert!(Window::new(5, Some(0)).is_closed());

    let mut without_limit = Window::new(1, None);
    assert_eq!((0..4).filter(|_| without_limit.admits()).count(), 3);
    assert!(!without_limit.is_closed());
}

proptest! {
    #[test]
    fn merging_sorted_parts_is_sorting_the_whole(
        parts in proptest::collection::vec(proptest::collection::vec(proptest::option::of(-5_i64..5), 0..12), 0..7),
        descending: bool,
    ) {
        let keys = by_number(descending);
        let parts: Vec<Vec<Cells>> = parts
            .iter()
            .enumerate()
            .map(|(input, numbers)| {
                let tag = |position| format!("{input}:{position}");
                let mut rows: Vec<_> =
                    numbers.iter().enumerate().map(|(position, number)| row(*number, &tag(position))).collect();
                rows.sort_by(|left, right| compare_rows(&keys, left, right));
                rows
            })
            .collect();
        let mut whole = parts.concat();
        whole.sort_by(|left, right| compare_rows(&keys, left, right));
        prop_assert_eq!(merge(&keys, parts), whole);
    }
}
