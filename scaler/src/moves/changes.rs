//! Catching up: logged keys are read again on the source and rewritten on the target.
//!
//! The order of steps is what makes it right (notes/move-triggers.md §6): read a batch of changes, re-read
//! their rows, commit them on the target, delete exactly those changes. A change that arrives in between has
//! its own number and is found next time, whatever its number is.

use std::collections::BTreeSet;
use std::time::Duration;

use router::schema::quote;

use super::MoveError;
use super::connection::{Cells, Connection, into_text, is_duplicate, is_transient};
use super::table::MovedTable;

const BATCH: usize = 500;

/// How a batch of changes is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// So many committed changes with numbers up to `newest`; those of open transactions are found later.
    UpTo { newest: u64, limit: usize },
    /// All changes, inside the cutover: fails at once if a transaction holds one, prepared XA branches too.
    Locked,
}

/// Replays all changes that were committed before the call. Returns how many there were.
///
/// It does not wait for a moment without changes, which a busy table may never have.
pub(super) async fn catch_up(
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
) -> Result<u64, MoveError> {
    /// A key that another row still has on the target is free once that row's own change is replayed.
    const RETRIES: u32 = 50;
    let mut replayed = 0;
    for table in tables {
        let Some(mut newest) = newest_change(source, table).await? else { continue };
        let mut failures = 0;
        loop {
            let reading = Reading::UpTo { newest, limit: BATCH << failures.min(4) };
            match replay_batch(source, target, table, reading).await {
                Ok(0) => break,
                Ok(count) => {
                    replayed += count;
                    failures = 0;
                }
                Err(error) if (is_duplicate(&error) || is_transient(&error)) && failures < RETRIES => {
                    failures += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    // The change that frees the value may be newer than the call, or far behind in the queue.
                    newest = newest_change(source, table).await?.unwrap_or(newest);
                }
                Err(error) => return Err(conflict(error, table, target)),
            }
        }
    }
    Ok(replayed)
}

async fn newest_change(source: &mut Connection, table: &MovedTable) -> Result<Option<u64>, MoveError> {
    let newest = source.fetch_text(&format!("SELECT MAX(seq) FROM {}", table.change_table())).await?;
    Ok(newest.and_then(|newest| newest.parse().ok()))
}

/// Replays up to one batch of one table. Inside a transaction of the source it becomes part of that; on the
/// target it is always committed on its own.
pub(super) async fn replay_batch(
    source: &mut Connection,
    target: &mut Connection,
    table: &MovedTable,
    reading: Reading,
) -> Result<u64, MoveError> {
    let (bound, limit, lock) = match reading {
        Reading::UpTo { newest, limit } => (format!("WHERE seq<={newest}"), limit, ""),
        Reading::Locked => (String::new(), BATCH, "FOR UPDATE NOWAIT"),
    };
    let (keys, changes) = (table.change_key_select(), table.change_table());
    let sql = format!("SELECT seq,{keys} FROM {changes} {bound} ORDER BY seq LIMIT {limit} {lock}");
    let batch = source.fetch(&sql).await?;
    if batch.is_empty() {
        return Ok(0);
    }
    let keys: BTreeSet<Vec<String>> = batch.iter().map(|change| table.key_literals(&change[1..])).collect();
    let rows = read_rows(source, table, &keys).await?;
    write_rows(target, table, &keys, &rows, None).await?;
    let numbers: Vec<String> =
        batch.into_iter().filter_map(|change| change.into_iter().next()?.map(into_text)).collect();
    // Any shorter form may scan the table and then waits for every writer's uncommitted change.
    source
        .run(&format!(
            "DELETE x FROM JSON_TABLE('[{}]','$[*]' COLUMNS(s BIGINT UNSIGNED PATH '$')) j \
             STRAIGHT_JOIN {changes} x FORCE INDEX(PRIMARY) ON x.seq=j.s",
            numbers.join(",")
        ))
        .await?;
    Ok(numbers.len() as u64)
}

/// The rows with these keys as the source has them now, without locks.
pub(super) async fn read_rows(
    source: &mut Connection,
    table: &MovedTable,
    keys: &BTreeSet<Vec<String>>,
) -> Result<Vec<Cells>, MoveError> {
    let sql = format!(
        "SELECT {} FROM {} FORCE INDEX(PRIMARY) WHERE {} AND {}",
        table.row_select(),
        quote(&table.name),
        table.key_among(keys.iter()),
        table.moving_test()
    );
    source.fetch(&sql).await
}

/// Makes the target's rows with these keys exactly `rows`, in one transaction together with `note`.
///
/// Deletes by key and slot, then inserts: an upsert could destroy a row that the target owns, through another
/// unique key.
pub(super) async fn write_rows(
    target: &mut Connection,
    table: &MovedTable,
    keys: &BTreeSet<Vec<String>>,
    rows: &[Cells],
    note: Option<&str>,
) -> Result<(), MoveError> {
    let written = async {
        target.run(&format!("BEGIN;{}", table.delete_by_keys(keys.iter()))).await?;
        for insert in table.insert_statements(rows) {
            target.run(&insert).await?;
        }
        if let Some(note) = note {
            target.run(note).await?;
        }
        target.run("COMMIT").await
    };
    let written = written.await;
    if written.is_err() {
        // The first error is the one to report; if this fails too, the connection is gone and with it the work.
        let _ = target.run("ROLLBACK").await;
    }
    written.map(|_| ())
}

/// Turns a lasting duplicate into an error that says what to do.
pub(super) fn conflict(error: MoveError, table: &MovedTable, target: &Connection) -> MoveError {
    match error {
        MoveError::Database { source, .. } if router::session::errno(&source) == Some(1062) => {
            MoveError::Conflict { table: table.name.clone(), target: target.shard.clone(), source }
        }
        other => other,
    }
}
