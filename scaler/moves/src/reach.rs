//! How far rows go that fit into memory together.

use std::collections::BTreeSet;

use keyspace::schema::quote;

use crate::connection::{Connection, into_text};
use crate::error::MoveError;
use crate::pace::CHUNK_BYTES;
use crate::rows::Cells;
use crate::table::{Key, MovedTable};

/// The bytes of a row's long columns, which come last in it.
fn length(row: &Cells) -> usize {
    row.last().cloned().flatten().and_then(|cell| into_text(cell).parse().ok()).unwrap_or_default()
}

/// How many of the first rows have no more than so many bytes together.
fn fitting(lengths: &[usize], most: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = |length: &&usize| {
        bytes = bytes.saturating_add(**length);
        bytes <= most
    };
    lengths.iter().take_while(fits).count()
}

/// The end of a stretch of moving rows.
pub(crate) struct Reach {
    pub last: Key,
    /// No moving row is behind it.
    pub is_end: bool,
}

/// How far so many moving rows behind `last_key` go, or fewer that have no more than `most_bytes` in long columns; at
/// least one. `None` if there is none.
pub(crate) async fn reach(
    source: &mut Connection,
    table: &MovedTable,
    long_bytes: &str,
    last_key: Option<&[String]>,
    rows: u32,
    most_bytes: usize,
) -> Result<Option<Reach>, MoveError> {
    /// To tell how long values are the server reads them, so that it is asked about few at first.
    const WINDOWS: std::ops::RangeInclusive<u32> = 16..=1_024;
    let select = format!("{},{long_bytes}", table.key_select());
    let (mut window, mut rows_left, mut bytes_left) = (*WINDOWS.start(), rows, most_bytes);
    let mut last: Option<Key> = None;
    loop {
        let limit = window.min(rows_left);
        let from = last.as_deref().or(last_key);
        let looked = source.fetch(&next_rows(table, &select, from, limit)).await?;
        let lengths: Vec<usize> = looked.iter().map(length).collect();
        let fitting = fitting(&lengths, bytes_left).max(usize::from(last.is_none())).min(looked.len());
        if let Some(row) = fitting.checked_sub(1).and_then(|place| looked.get(place)) {
            last = Some(table.key_literals(row));
        }
        let is_end = fitting == looked.len() && looked.len() < limit as usize;
        rows_left -= u32::try_from(fitting).unwrap_or(rows_left).min(rows_left);
        if fitting < looked.len() || is_end || rows_left == 0 {
            return Ok(last.map(|last| Reach { last, is_end }));
        }
        bytes_left = bytes_left.saturating_sub(lengths.iter().sum());
        window = (window * 4).min(*WINDOWS.end());
    }
}

/// Keys in groups whose rows fit into memory, all of them together.
pub(crate) async fn groups_by_bytes(
    source: &mut Connection,
    table: &MovedTable,
    keys: BTreeSet<Key>,
) -> Result<Vec<BTreeSet<Key>>, MoveError> {
    let Some(long_bytes) = table.long_bytes() else { return Ok(vec![keys]) };
    let sql = format!(
        "SELECT {},{long_bytes} FROM {} FORCE INDEX(PRIMARY) WHERE {} AND {}",
        table.key_select(),
        quote(&table.name),
        table.key_among(keys.iter()),
        table.moving_test()
    );
    let mut groups: Vec<BTreeSet<Key>> = Vec::new();
    let mut left: Vec<Cells> = source.fetch(&sql).await?;
    let mut others = keys;
    while !left.is_empty() {
        let lengths: Vec<usize> = left.iter().map(length).collect();
        let rest = left.split_off(fitting(&lengths, CHUNK_BYTES).max(1));
        let group: BTreeSet<Key> = left.iter().map(|row| table.key_literals(row)).collect();
        others.retain(|key| !group.contains(key));
        groups.push(group);
        left = rest;
    }
    // The rows that the server finds by keys of other bytes are in groups already. All at once they might not fit.
    for key in respelled(source, table, &others).await? {
        others.remove(&key);
        groups.push(BTreeSet::from([key]));
    }
    // Rows that are not there any more need no memory.
    if !others.is_empty() {
        groups.push(others);
    }
    Ok(groups)
}

/// Of keys that no row has byte by byte, those by which the server finds a row all the same.
async fn respelled(source: &mut Connection, table: &MovedTable, keys: &BTreeSet<Key>) -> Result<Vec<Key>, MoveError> {
    /// Statements that are sent at a time.
    const AT_ONCE: usize = 500;
    let mut respelled = Vec::new();
    if !table.has_spellings() {
        return Ok(respelled);
    }
    for some in keys.iter().collect::<Vec<&Key>>().chunks(AT_ONCE) {
        let look = |(number, key): (usize, &&Key)| {
            let (name, equal, moving) = (quote(&table.name), table.key_equals(key), table.moving_test());
            format!("SELECT {number} FROM {name} FORCE INDEX(PRIMARY) WHERE {equal} AND {moving}")
        };
        let looks: Vec<String> = some.iter().enumerate().map(look).collect();
        let numbers = source.fetch_texts(&looks.join(";")).await?;
        let numbers = numbers.iter().filter_map(|number| number.parse::<usize>().ok());
        respelled.extend(numbers.filter_map(|number| some.get(number)).map(|key| (*key).clone()));
    }
    Ok(respelled)
}

/// The next rows of the move in key order, read without locks.
pub(crate) fn next_rows(table: &MovedTable, select: &str, last_key: Option<&[String]>, limit: u32) -> String {
    let after = last_key.map(|key| format!("{} AND ", table.key_after(key))).unwrap_or_default();
    format!(
        "SELECT {select} FROM {} FORCE INDEX(PRIMARY) WHERE {after}{} ORDER BY {} LIMIT {limit}",
        quote(&table.name),
        table.moving_test(),
        table.order()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_as_long_as_their_bytes_fit() {
        let large = 16 << 20;
        assert_eq!(fitting(&[1, 2, 3], 6), 3);
        assert_eq!(fitting(&[1, 2, 4], 6), 2);
        assert_eq!(fitting(&[large, 1], CHUNK_BYTES), 0);
        assert_eq!(fitting(&[1, large, 1], CHUNK_BYTES), 1);
        assert_eq!(fitting(&[usize::MAX, usize::MAX], usize::MAX), 2);
        assert_eq!(fitting(&[], 0), 0);
    }
}
