//! Transactions over several shards, in `_autoscaler.commits`: on the deciding shard whether one was committed or given
//! up, and on every shard that took part a marker by which readers see whether a snapshot holds it.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::topology::ShardId;

/// The statement that a branch commits its marker with. The clock of a session may be pinned; SYSDATE() is not.
pub fn insert(number: &str, participants: &[ShardId]) -> String {
    let names: Vec<&str> = participants.iter().map(ShardId::as_str).collect();
    format!(
        "INSERT INTO _autoscaler.commits (xid, committed, participants, at) VALUES ('{number}', 1, '{}', SYSDATE())",
        names.join(",")
    )
}

/// Statements that delete markers, one by one and without locks on gaps: a condition over several could make the server
/// look at, and wait for, rows of transactions that are going on.
pub fn delete(numbers: &[String]) -> String {
    let deletes: String =
        numbers.iter().map(|number| format!("DELETE FROM _autoscaler.commits WHERE xid = '{number}'; ")).collect();
    format!("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN; {deletes}COMMIT")
}

/// The statement that gives up a transaction on its deciding shard. It fails with ER_DUP_ENTRY where the transaction is
/// decided already, and waits for a decision that is about to commit.
pub fn give_up(number: &str) -> String {
    format!("INSERT INTO _autoscaler.commits (xid, committed, participants, at) VALUES ('{number}', 0, '', SYSDATE())")
}

/// Whether a transaction was committed; `None` if its number is not there (any more).
pub async fn is_committed(connection: &mut MySqlConnection, number: &str) -> Result<Option<bool>, sqlx::Error> {
    let read = format!("SELECT committed FROM _autoscaler.commits WHERE xid = '{number}'");
    let row = connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(read))).await?;
    row.map(|row| Ok(row.try_get_unchecked::<i64, _>(0)? == 1)).transpose()
}

/// Numbers that nobody should need any more, and whether each was committed: of those committed more than a minute ago
/// some branch may still wait, those given up were so an hour ago.
pub async fn old(connection: &mut MySqlConnection) -> Result<Vec<(String, bool)>, sqlx::Error> {
    let old = "SELECT xid, committed FROM _autoscaler.commits \
         WHERE at < SYSDATE() - INTERVAL IF(committed, 1, 60) MINUTE LIMIT 10000";
    let rows = connection.fetch_all(sqlx::raw_sql(old)).await?;
    rows.iter().map(|row| Ok((row.try_get_unchecked(0)?, row.try_get_unchecked::<i64, _>(1)? == 1))).collect()
}

/// Two statements: the snapshot is taken by the first, and the second reads from it the markers that it holds, numbers and
/// participants between commas.
pub const BEGIN_SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; \
     SELECT xid, participants FROM _autoscaler.commits WHERE committed";
