//! Rows of the target made equal to those of the source.

use std::collections::BTreeSet;

use keyspace::mysql::er;
use keyspace::schema::quote;

use crate::connection::Connection;
use crate::error::MoveError;
use crate::rows::Cells;
use crate::table::{Insert, Key, MovedTable};

/// The rows with these keys as the source has them now, without locks.
pub(crate) async fn read_rows(
    source: &mut Connection,
    table: &MovedTable,
    keys: &BTreeSet<Key>,
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
pub(crate) async fn write_rows(
    target: &mut Connection,
    table: &MovedTable,
    keys: &BTreeSet<Key>,
    rows: &[Cells],
    note: Option<&str>,
) -> Result<(), MoveError> {
    target.begin().await?;
    let written = async {
        target.run(&table.delete_by_keys(keys.iter())).await?;
        run_inserts(target, &table.insert_statements(&quote(&table.name), rows)).await?;
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
    written.map(drop)
}

/// Runs what [`MovedTable::insert_statements`] made, within the caller's transaction.
pub(crate) async fn run_inserts(target: &mut Connection, inserts: &[Insert]) -> Result<(), MoveError> {
    for insert in inserts {
        for (variable, value) in &insert.values {
            target.set_variable(variable, value).await?;
        }
        target.run(&insert.sql).await?;
        if !insert.values.is_empty() {
            // They may be large, and the session is long.
            let cleared: Vec<String> = insert.values.iter().map(|(variable, _)| format!("{variable}=NULL")).collect();
            target.run(&format!("SET {}", cleared.join(","))).await?;
        }
    }
    Ok(())
}

/// Turns a lasting duplicate into an error that says what to do.
pub(crate) fn conflict(error: MoveError, table: &MovedTable, target: &Connection) -> MoveError {
    match error {
        MoveError::Database { source, .. } if keyspace::mysql::errno(&source) == Some(er::DUP_ENTRY) => {
            MoveError::Conflict { table: table.name.clone(), target: target.shard.clone(), source }
        }
        other => other,
    }
}
