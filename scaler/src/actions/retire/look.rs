//! Whether a server has rows that are nowhere else.

use std::time::Duration;

use keyspace::accounts;
use keyspace::endpoint::Endpoint;
use keyspace::mysql;
use keyspace::schema::load::SchemaError;
use keyspace::schema::{Layout, Table, TableKind, load, quote};
use keyspace::slots::SlotSet;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

/// What a server that works answers within.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The last look reads tables to their ends where none of their rows is the server's own.
const ROWS_TIMEOUT: Duration = Duration::from_secs(600);

/// A table in which a shard still holds rows of its own, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemainingRows {
    pub table: String,
    pub rows: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("the server refused")]
    Database(#[from] sqlx::Error),
    #[error("its account may not look into every database: grant SELECT on *.* to it")]
    Blind,
    #[error("its schema cannot be read")]
    Schema(#[from] SchemaError),
}

/// Base tables of every schema but the servers' own and ours. Sequences and views hold no rows.
const TABLES: &str = "SELECT CAST(TABLE_SCHEMA AS CHAR), CAST(TABLE_NAME AS CHAR), TABLE_SCHEMA = DATABASE() \
     FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA \
     NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', '_autoscaler') ORDER BY 3 DESC, 1, 2";

pub async fn connect(endpoint: &Endpoint) -> Result<MySqlConnection, sqlx::Error> {
    mysql::within(ANSWER_TIMEOUT, mysql::connect(endpoint)).await
}

/// Whether any transaction at all is prepared on the server.
pub async fn has_prepared(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let listed = mysql::within(ANSWER_TIMEOUT, connection.fetch_all(sqlx::raw_sql("XA RECOVER"))).await?;
    Ok(!listed.is_empty())
}

/// The first table with rows that are no copies: neither of a reference table, nor in the slots `copies` of a sharded
/// one.
pub async fn look_for_rows(
    connection: &mut MySqlConnection,
    layout: &Layout,
    copies: &SlotSet,
) -> Result<Option<RemainingRows>, LookError> {
    mysql::within(ROWS_TIMEOUT, async { Ok(look(connection, layout, copies).await) }).await?
}

async fn look(
    connection: &mut MySqlConnection,
    layout: &Layout,
    copies: &SlotSet,
) -> Result<Option<RemainingRows>, LookError> {
    // What an account may not read it does not see at all.
    if !accounts::grants_of(connection).await?.has_everywhere("SELECT") {
        return Err(LookError::Blind);
    }
    let schema = load::load(connection, layout).await?;
    for row in connection.fetch_all(sqlx::raw_sql(TABLES)).await? {
        let (database, name): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
        let is_of_cluster = row.try_get_unchecked::<i64, _>(2)? == 1;
        let table = schema.table(&name).filter(|_| is_of_cluster);
        let Some(condition) = condition_of_own_rows(table, copies) else { continue };
        let from = format!("FROM {}.{} WHERE {condition}", quote(&database), quote(&name));
        let question = format!("SELECT EXISTS(SELECT 1 {from})");
        let answer = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(question))).await?;
        if answer.try_get_unchecked::<i64, _>(0)? == 1 {
            let question = format!("SELECT CAST(COUNT(*) AS CHAR) {from}");
            let answer = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(question))).await?;
            let rows: String = answer.try_get_unchecked(0)?;
            let rows = rows.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let table = if is_of_cluster { name } else { format!("{database}.{name}") };
            return Ok(Some(RemainingRows { table, rows }));
        }
    }
    Ok(None)
}

/// The condition that rows of a server's own fulfil; `None` where a table can have none. A table that the schema does
/// not have is somebody else's, and all of its rows count.
fn condition_of_own_rows(table: Option<&Table>, copies: &SlotSet) -> Option<String> {
    let everything = "1 = 1".to_owned();
    let Some(table) = table else { return Some(everything) };
    match &table.kind {
        TableKind::Reference | TableKind::View => None,
        // The probe of a move, which is never more than a probe.
        TableKind::Unsharded if table.name.starts_with("_as_") => None,
        TableKind::Sharded { key, key_type } if !copies.is_empty() => {
            Some(format!("NOT {}", key_type.slot_in_sql(&quote(key), copies)))
        }
        TableKind::Sharded { .. } | TableKind::Unsharded | TableKind::Unusable { .. } => Some(everything),
    }
}
