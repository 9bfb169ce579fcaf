//! The first pass: every moving row in primary-key order, in chunks.

use std::collections::BTreeSet;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::own;
use keyspace::schema::quote;
use keyspace::topology::MoveId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::changes::{conflict, write_rows};
use crate::connection::{Cells, Connection, into_text, is_duplicate, is_transient};
use crate::error::MoveError;
use crate::faults::Point;
use crate::fill::Writers;
use crate::pace::ChunkSize;
use crate::pace::Pace;
use crate::table::{Key, MovedTable};

/// Chunks shrink when rows are wide, so that one chunk stays a short transaction and fits into memory.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;

/// How often one chunk may meet a deadlock or a unique value that is not free yet.
const RETRIES: u32 = 50;

/// What one chunk brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied {
    pub rows: u64,
    pub bytes: u64,
}

/// The state of one table's copy.
pub(crate) struct Copy<'a> {
    table: &'a MovedTable,
    id: &'a MoveId,
    /// The key of the last row copied.
    last_key: Option<Key>,
    done: bool,
    /// How often the current chunk could not be written.
    failures: u32,
}

impl<'a> Copy<'a> {
    pub fn new(table: &'a MovedTable, id: &'a MoveId) -> Copy<'a> {
        Copy { table, id, last_key: None, done: false, failures: 0 }
    }

    /// Copies the next chunk; `None` once the table is through. A chunk that met a deadlock or a taken unique value
    /// counts no rows and comes again.
    ///
    /// Must alternate with the replay of changes, never run beside it: the older of two reads could win.
    pub async fn next_chunk(
        &mut self,
        source: &mut Connection,
        mut target: Writers<'_>,
        size: &mut ChunkSize,
        faults: &Faults<Point>,
    ) -> Result<Option<Copied>, MoveError> {
        if self.done {
            return Ok(None);
        }
        let table = self.table;
        let started = Instant::now();
        let bound = self.bound(source, size.rows()).await?;
        let sql = match &bound {
            Bound::Rows(rows) => next_rows(table, &table.row_select(), self.last_key.as_deref(), *rows),
            Bound::Key { last, .. } => rows_up_to(table, self.last_key.as_deref(), last),
        };
        let (sender, arriving) = mpsc::unbounded_channel();
        let mut rows = Vec::new();
        let (read, inserted) = tokio::join!(source.fetch_into(&sql, sender), target.insert(table, arriving, &mut rows));
        if let Err(error) = read {
            target.roll_back().await?;
            return Err(error);
        }
        let (last_key, done) = match bound {
            Bound::Rows(limit) => {
                let last_key = rows.last().map(|last| table.key_literals(last)).or_else(|| self.last_key.clone());
                (last_key, rows.len() < limit as usize)
            }
            Bound::Key { last, is_end } => (Some(last), is_end),
        };
        let position = self.position(last_key.as_deref(), done);
        let mut written = target.commit(inserted, &position, faults).await;
        if written.as_ref().is_err_and(is_duplicate) {
            // The replay of changes was here before: what it wrote is replaced by what was read after it.
            let keys: BTreeSet<Key> = rows.iter().map(|row| table.key_literals(row)).collect();
            written = write_rows(target.main, table, &keys, &rows, Some(&position)).await;
        }
        match written {
            Ok(()) => self.failures = 0,
            // Also a unique value that an earlier row still has on the target: replaying its change frees it.
            Err(error) if (is_transient(&error) || is_duplicate(&error)) && self.failures < RETRIES => {
                self.failures += 1;
                // Fewer rows meet fewer values that change hands just now.
                size.halve();
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(Some(Copied::default()));
            }
            Err(error) => return Err(conflict(error, table, target.main)),
        }
        self.last_key = last_key;
        self.done = done;
        let bytes: usize = rows.iter().flatten().flatten().map(Vec::len).sum();
        size.adapt(rows.len(), bytes, started.elapsed());
        Ok(Some(Copied { rows: rows.len() as u64, bytes: bytes as u64 }))
    }

    /// How far the next chunk goes: so many rows, or fewer where they are long.
    async fn bound(&self, source: &mut Connection, rows: u32) -> Result<Bound, MoveError> {
        let table = self.table;
        let Some(long_bytes) = table.long_bytes() else { return Ok(Bound::Rows(rows)) };
        let reach = reach(source, table, &long_bytes, self.last_key.as_deref(), rows, CHUNK_BYTES).await?;
        Ok(reach.map_or(Bound::Rows(rows), |Reach { last, is_end }| Bound::Key { last, is_end }))
    }

    /// The statement that notes how far the copy is, for the transaction that writes the rows.
    fn position(&self, last_key: Option<&[String]>, done: bool) -> String {
        let last_key = last_key.map(|key| key.join(",")).unwrap_or_default();
        own::journal::note_position(self.id, &self.table.name, &last_key, done)
    }
}

enum Bound {
    Rows(u32),
    Key { last: Key, is_end: bool },
}

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

fn rows_up_to(table: &MovedTable, last_key: Option<&[String]>, last: &[String]) -> String {
    let after = last_key.map(|key| format!("{} AND ", table.key_after(key))).unwrap_or_default();
    format!(
        "SELECT {} FROM {} FORCE INDEX(PRIMARY) WHERE {after}{} AND {} ORDER BY {}",
        table.row_select(),
        quote(&table.name),
        table.key_up_to(last),
        table.moving_test(),
        table.order()
    )
}

/// Deletes all rows of the move from one side, by key and in small transactions. Returns how many there were.
///
/// `after_batch` is told of each batch.
pub(crate) async fn delete_moving_rows(
    connection: &mut Connection,
    table: &MovedTable,
    pace: &mut Pace,
    faults: Option<&Faults<Point>>,
    after_batch: &mut (dyn FnMut(u64, &mut Pace) + Send),
) -> Result<u64, MoveError> {
    let (mut deleted, mut last_key) = (0, None);
    let mut size = pace.delete_size();
    loop {
        let started = Instant::now();
        let limit = size.rows();
        let keys = connection.fetch(&next_rows(table, &table.key_select(), last_key.as_deref(), limit)).await?;
        let keys: Vec<Key> = keys.iter().map(|cells| table.key_literals(cells)).collect();
        if !keys.is_empty() {
            connection.begin().await?;
            match connection.run(&format!("{}COMMIT", table.delete_by_keys(keys.iter()))).await {
                Ok(count) => {
                    deleted += count;
                    after_batch(count, pace);
                    if let Some(faults) = faults {
                        faults.reach(Point::BatchDeleted).await;
                    }
                }
                Err(error) if is_transient(&error) => {
                    connection.run("ROLLBACK").await?;
                    size.halve();
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        if keys.len() < limit as usize {
            return Ok(deleted);
        }
        size.adapt(keys.len(), 0, started.elapsed());
        last_key = keys.into_iter().next_back();
        pace.rest(started.elapsed()).await;
    }
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
