//! The first pass: every moving row in primary-key order, in chunks.

use std::collections::BTreeSet;
use std::time::Duration;

use router::schema::quote;
use router::topology::MoveId;

use super::MoveError;
use super::changes::{self, conflict};
use super::connection::{Cells, Connection, is_duplicate, is_transient, string_literal};
use super::table::MovedTable;

/// Chunks shrink when rows are wide, so that one chunk stays a short transaction.
const CHUNK_BYTES: usize = 4 << 20;

/// How often one chunk may meet a deadlock or a unique value that is not free yet.
const RETRIES: u32 = 50;

/// The state of one table's copy.
pub(super) struct Copy<'a> {
    table: &'a MovedTable,
    id: &'a MoveId,
    /// The key of the last row copied.
    last_key: Option<Vec<String>>,
    done: bool,
    /// How often the current chunk could not be written.
    failures: u32,
    chunk_rows: u32,
    largest_chunk_rows: u32,
}

impl<'a> Copy<'a> {
    pub fn new(table: &'a MovedTable, id: &'a MoveId, chunk_rows: u32) -> Copy<'a> {
        Copy { table, id, last_key: None, done: false, failures: 0, chunk_rows, largest_chunk_rows: chunk_rows }
    }

    /// Copies the next chunk and returns its number of rows; `None` once the table is through. A chunk that
    /// met a deadlock or a taken unique value counts no rows and comes again.
    ///
    /// Must alternate with the replay of changes, never run beside it: the older of two reads could win.
    pub async fn next_chunk(
        &mut self,
        source: &mut Connection,
        target: &mut Connection,
    ) -> Result<Option<u64>, MoveError> {
        if self.done {
            return Ok(None);
        }
        let table = self.table;
        let rows =
            source.fetch(&next_rows(table, &table.row_select(), self.last_key.as_deref(), self.chunk_rows)).await?;
        let last_key = rows.last().map(|last| table.key_literals(last)).or_else(|| self.last_key.clone());
        let done = rows.len() < self.chunk_rows as usize;
        let position = self.position(last_key.as_deref(), done);
        let mut written = insert(target, table, &rows, &position).await;
        if written.as_ref().is_err_and(is_duplicate) {
            // The replay of changes was here before: what it wrote is replaced by what was read after it.
            let keys: BTreeSet<Vec<String>> = rows.iter().map(|row| table.key_literals(row)).collect();
            written = changes::write_rows(target, table, &keys, &rows, Some(&position)).await;
        }
        match written {
            Ok(()) => self.failures = 0,
            // Also a unique value that an earlier row still has on the target: replaying its change frees it.
            Err(error) if (is_transient(&error) || is_duplicate(&error)) && self.failures < RETRIES => {
                self.failures += 1;
                // Fewer rows meet fewer values that change hands just now.
                self.chunk_rows = (self.chunk_rows / 2).max(1);
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(Some(0));
            }
            Err(error) => return Err(conflict(error, table, target)),
        }
        self.last_key = last_key;
        self.adapt(&rows);
        self.done = done;
        Ok(Some(rows.len() as u64))
    }

    fn adapt(&mut self, rows: &[Cells]) {
        let bytes: usize = rows.iter().flatten().flatten().map(Vec::len).sum();
        self.chunk_rows = match bytes > CHUNK_BYTES {
            true => (self.chunk_rows / 2).max(1),
            false if bytes < CHUNK_BYTES / 4 => (self.chunk_rows * 2).min(self.largest_chunk_rows),
            false => self.chunk_rows,
        };
    }

    /// The statement that notes how far the copy is, for the transaction that writes the rows.
    fn position(&self, last_key: Option<&[String]>, done: bool) -> String {
        format!(
            "REPLACE INTO _autoscaler.move_positions (id,table_name,last_key,done) VALUES ('{}',{},{},{})",
            self.id,
            string_literal(&self.table.name),
            string_literal(&last_key.map(|key| key.join(",")).unwrap_or_default()),
            u8::from(done)
        )
    }
}

/// The next rows of the move in key order, read without locks.
pub(super) fn next_rows(table: &MovedTable, select: &str, last_key: Option<&[String]>, limit: u32) -> String {
    let after = last_key.map(|key| format!("{} AND ", table.key_after(key))).unwrap_or_default();
    format!(
        "SELECT {select} FROM {} FORCE INDEX(PRIMARY) WHERE {after}{} ORDER BY {} LIMIT {limit}",
        quote(&table.name),
        table.moving_test(),
        table.order()
    )
}

async fn insert(target: &mut Connection, table: &MovedTable, rows: &[Cells], position: &str) -> Result<(), MoveError> {
    let inserted = async {
        target.run("BEGIN").await?;
        for statement in table.insert_statements(rows) {
            target.run(&statement).await?;
        }
        target.run(position).await?;
        target.run("COMMIT").await
    };
    let inserted = inserted.await;
    if inserted.is_err() {
        // As in changes: a connection that cannot roll back is gone, and with it the transaction.
        let _ = target.run("ROLLBACK").await;
    }
    inserted.map(|_| ())
}

/// Deletes all rows of the move from one side, by key and in small transactions. Returns how many there were.
pub(super) async fn delete_moving_rows(
    connection: &mut Connection,
    table: &MovedTable,
    after_batch: &(dyn Fn() + Send + Sync),
) -> Result<u64, MoveError> {
    const BATCH: u32 = 200;
    let (mut deleted, mut last_key) = (0, None);
    loop {
        let keys = connection.fetch(&next_rows(table, &table.key_select(), last_key.as_deref(), BATCH)).await?;
        let keys: Vec<Vec<String>> = keys.iter().map(|cells| table.key_literals(cells)).collect();
        if !keys.is_empty() {
            match connection.run(&format!("BEGIN;{}COMMIT", table.delete_by_keys(keys.iter()))).await {
                Ok(count) => {
                    deleted += count;
                    after_batch();
                }
                Err(error) if is_transient(&error) => {
                    connection.run("ROLLBACK").await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        if keys.len() < BATCH as usize {
            return Ok(deleted);
        }
        last_key = keys.into_iter().next_back();
    }
}
