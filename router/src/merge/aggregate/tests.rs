use proptest::prelude::*;

use super::*;

type Cells = Vec<Option<Vec<u8>>>;

fn row(cells: &[Option<&str>]) -> Cells {
    cells.iter().map(|cell| cell.map(|cell| cell.as_bytes().to_vec())).collect()
}

fn columns(kinds: &[Kind]) -> Vec<Column> {
    let column = |&kind| Column { name: String::new(), kind, type_name: String::new(), nullable: true };
    kinds.iter().map(column).collect()
}

fn try_merge(
    keys: &[(usize, Compare)],
    aggregates: &[Aggregate],
    kinds: &[Kind],
    rows: &[Cells],
) -> Result<Vec<Cells>, MergeError> {
    let mut groups = Groups::new(keys.to_vec(), aggregates.to_vec(), &columns(kinds), Division::MARIADB, 1000);
    rows.iter().try_for_each(|row| groups.push(row))?;
    groups.finish()
}

/// Merges rows of one column into one cell.
fn merge_one(aggregate: Aggregate, kind: Kind, cells: &[Option<&str>]) -> Result<Option<String>, MergeError> {
    let rows: Vec<_> = cells.iter().map(|&cell| row(&[cell])).collect();
    let mut merged = try_merge(&[], &[aggregate], &[kind], &rows)?;
    assert_eq!(merged.len(), 1);
    Ok(merged.remove(0).remove(0).map(|cell| String::from_utf8(cell).unwrap()))
}

fn check(aggregate: Aggregate, kind: Kind, cells: &[Option<&str>], expected: Option<&str>) {
    assert_eq!(merge_one(aggregate, kind, cells), Ok(expected.map(str::to_owned)));
}

const COUNT: Aggregate = Aggregate::Count { index: 0 };
const SUM: Aggregate = Aggregate::Sum { index: 0 };

#[test]
fn counts_add_up() {
    check(COUNT, Kind::Integer, &[Some("0"), Some("0")], Some("0"));
    check(COUNT, Kind::Integer, &[Some("3"), Some("4")], Some("7"));
    assert_eq!(merge_one(COUNT, Kind::Integer, &[None]), Err(MergeError::NotANumber { index: 0 }));
}

#[test]
fn sums_add_up_in_their_type() {
    check(SUM, Kind::Decimal, &[None, None], None);
    check(SUM, Kind::Decimal, &[Some("18446744073709551615"), None, Some("1")], Some("18446744073709551616"));
    check(SUM, Kind::Decimal, &[Some("0.10"), Some("-0.20")], Some("-0.10"));
    check(SUM, Kind::Double, &[Some("0.1"), Some("0.2")], Some("0.30000000000000004"));
    check(SUM, Kind::Double, &[None, Some("1e20")], Some("1e20"));
    check(SUM, Kind::Double, &[None], None);
}

#[test]
fn sums_beyond_their_type_are_refused() {
    let widest = "9".repeat(65);
    let out_of_range = Err(MergeError::OutOfRange { index: 0 });
    assert_eq!(merge_one(SUM, Kind::Decimal, &[Some(&widest), Some("1")]), out_of_range);
    // What counts is the end: a sum that comes back into the range is exact.
    check(SUM, Kind::Decimal, &[Some(&widest), Some("1"), Some("-1")], Some(&widest));
    assert_eq!(merge_one(SUM, Kind::Double, &[Some("1.7e308"), Some("1.7e308")]), out_of_range);
    assert_eq!(merge_one(SUM, Kind::Decimal, &[Some("1e5")]), Err(MergeError::NotANumber { index: 0 }));
}

#[test]
fn extremes_compare_as_the_type_does_and_ignore_null() {
    let min = |compare| Aggregate::Min { index: 0, compare };
    let max = |compare| Aggregate::Max { index: 0, compare };
    check(min(Compare::Integer), Kind::Integer, &[Some("10"), None, Some("9")], Some("9"));
    check(max(Compare::Integer), Kind::Integer, &[Some("9"), Some("10"), None], Some("10"));
    check(max(Compare::Time), Kind::Time, &[Some("99:00:00"), Some("100:00:00")], Some("100:00:00"));
    check(max(Compare::Bytes), Kind::Binary, &[None, None], None);
    check(min(Compare::Decimal), Kind::Decimal, &[Some("-1.5"), Some("-10.5")], Some("-10.5"));
}

#[test]
fn averages_are_weighted_by_their_counts() {
    let average = Aggregate::Avg { sum: 0, count: 1 };
    let merge = |kind, rows: &[Cells]| try_merge(&[], &[average], &[kind, Kind::Integer], rows).unwrap();
    let exact = [row(&[Some("10.00"), Some("1")]), row(&[None, Some("0")]), row(&[Some("1.00"), Some("2")])];
    assert_eq!(merge(Kind::Decimal, &exact), [row(&[Some("3.666667")])]);
    assert_eq!(merge(Kind::Decimal, &[row(&[None, Some("0")])]), [row(&[None])]);
    let double = [row(&[Some("0.1"), Some("1")]), row(&[Some("0.2"), Some("1")])];
    assert_eq!(merge(Kind::Double, &double), [row(&[Some("0.15000000000000002")])]);
}

#[test]
fn groups_come_in_the_order_first_seen() {
    let rows = [
        row(&[Some("b"), Some("1.0"), Some("2")]),
        row(&[None, Some("1"), Some("1")]),
        row(&[Some("b "), Some("1.00"), Some("3")]),
        row(&[Some("B"), Some("1"), Some("1")]),
        row(&[None, Some("1.0"), Some("1")]),
    ];
    let merged = try_merge(
        &[(0, Compare::BinPadSpace), (1, Compare::Decimal)],
        &[Aggregate::First { index: 0 }, Aggregate::Count { index: 2 }],
        &[Kind::Text, Kind::Decimal, Kind::Integer],
        &rows,
    );
    assert_eq!(merged.unwrap(), [row(&[Some("b"), Some("5")]), row(&[None, Some("2")]), row(&[Some("B"), Some("1")])]);
}

#[test]
fn no_rows_are_no_groups() {
    assert_eq!(try_merge(&[], &[COUNT], &[Kind::Integer], &[]), Ok(vec![]));
}

#[test]
fn the_number_of_groups_is_bounded() {
    let mut groups =
        Groups::new(vec![(0, Compare::Integer)], vec![COUNT], &columns(&[Kind::Integer]), Division::MYSQL, 2);
    for cell in ["1", "2", "1"] {
        assert_eq!(groups.push(&row(&[Some(cell)])), Ok(()));
    }
    assert_eq!(groups.push(&row(&[Some("3")])), Err(MergeError::TooManyRows { limit: 2 }));
}

/// A table `(grp, value)` with values in hundredths, as a shard would hold it.
type Table = Vec<(Option<u8>, Option<i64>)>;

fn print(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}

/// `SELECT grp, COUNT(value), SUM(value), MIN(value), MAX(value) … GROUP BY grp`, computed on numbers.
fn shard_answer(table: &Table) -> Vec<Cells> {
    let mut groups: Vec<_> = table.iter().map(|(group, _)| *group).collect();
    groups.sort();
    groups.dedup();
    let answer_for = |group: Option<u8>| {
        let values: Vec<i64> = table.iter().filter(|row| row.0 == group).filter_map(|row| row.1).collect();
        let sum = values.iter().copied().reduce(|sum, value| sum + value);
        let number = |number: Option<i64>| number.map(|number| print(number).into_bytes());
        vec![
            group.map(|group| group.to_string().into_bytes()),
            Some(values.len().to_string().into_bytes()),
            number(sum),
            number(values.iter().copied().min()),
            number(values.iter().copied().max()),
        ]
    };
    groups.into_iter().map(answer_for).collect()
}

proptest! {
    #[test]
    fn merged_answers_are_those_of_the_whole(
        shards in proptest::collection::vec(
            proptest::collection::vec(
                (proptest::option::of(0_u8..4), proptest::option::of(-100_000_i64..100_000)),
                0..20,
            ),
            1..5,
        ),
    ) {
        let compare = Compare::Decimal;
        let merge = |rows: &[Cells]| {
            let aggregates = [
                Aggregate::First { index: 0 },
                Aggregate::Count { index: 1 },
                Aggregate::Sum { index: 2 },
                Aggregate::Min { index: 3, compare },
                Aggregate::Max { index: 4, compare },
                Aggregate::Avg { sum: 2, count: 1 },
            ];
            let kinds = [Kind::Integer, Kind::Integer, Kind::Decimal, Kind::Decimal, Kind::Decimal];
            let mut merged = try_merge(&[(0, Compare::Integer)], &aggregates, &kinds, rows).unwrap();
            merged.sort();
            merged
        };
        let parts: Vec<Cells> = shards.iter().flat_map(shard_answer).collect();
        let whole = shard_answer(&shards.concat());
        let merged = merge(&parts);
        let without_average: Vec<Cells> = merged.iter().map(|row| row[..5].to_vec()).collect();
        prop_assert_eq!(without_average, whole.clone());
        // The average is of one database's SUM and COUNT, however these came about.
        prop_assert_eq!(merged, merge(&whole));
    }

    #[test]
    fn double_sums_are_close_to_the_whole(values in proptest::collection::vec(-1e6_f64..1e6, 1..50)) {
        let rows: Vec<Cells> = values.iter().map(|value| row(&[Some(&value.to_string())])).collect();
        let merged = try_merge(&[], &[SUM], &[Kind::Double], &rows).unwrap();
        let sum: f64 = String::from_utf8(merged[0][0].clone().unwrap()).unwrap().parse().unwrap();
        prop_assert!((sum - values.iter().sum::<f64>()).abs() <= 1e-6);
    }
}
