//! The first pass: every moving row in primary-key order, in chunks.

use std::collections::BTreeSet;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::own;
use keyspace::schema::quote;
use keyspace::topology::MoveId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::connection::{Connection, is_duplicate, is_transient};
use crate::error::MoveError;
use crate::faults::Point;
use crate::fill::Writers;
use crate::pace::CHUNK_BYTES;
use crate::pace::ChunkSize;
use crate::reach::{Reach, next_rows, reach};
use crate::replace::{conflict, write_rows};
use crate::table::{Key, MovedTable};

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
