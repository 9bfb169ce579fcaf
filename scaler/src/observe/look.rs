//! The SQL of one look at one shard.

use std::collections::BTreeMap;

use keyspace::endpoint::Endpoint;
use keyspace::mysql;
use keyspace::own;
use keyspace::schema::{Layout, Schema, TableKind, load, quote};
use keyspace::slots::SlotSet;
use keyspace::topology::{ShardId, Topology};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};

/// Tables below this many rows, by the engine's estimate, are counted: some ten milliseconds each. InnoDB's
/// estimates of larger ones are good enough for scaling, and counting those would be load of its own.
const COUNTED_BELOW_ROWS: u64 = 100_000;

/// What a server says about itself at once.
pub struct Vitals {
    pub sessions: u64,
    /// `Questions`: statements that clients sent since the server started.
    pub statements: u64,
    /// Those of this connection.
    pub own_statements: u64,
}

/// What a shard holds.
pub struct Holdings {
    pub rows: BTreeMap<String, u64>,
    /// The sum of `rows` without the reference tables.
    pub own_rows: u64,
    pub size_bytes: u64,
}

/// What a server knows of itself beyond its rows; each is unknown where the login may not ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Internals {
    /// Branches of distributed transactions that were prepared and not yet decided.
    pub prepared_transactions: Option<u64>,
    /// Files of tables and logs.
    pub disk_used_bytes: Option<u64>,
    /// Logged changes of a move that are not yet replayed; only on the source of one.
    pub pending_changes: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum HoldingsError {
    #[error("the shard refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the shard's schema cannot be read: {0}")]
    Schema(#[from] load::SchemaError),
}

/// A session whose statements end on the server too when their look is over.
pub async fn connect(endpoint: &Endpoint) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = mysql::connect(endpoint).await?;
    let version: String = connection.fetch_one(sqlx::raw_sql("SELECT VERSION()")).await?.try_get_unchecked(0)?;
    let setup = match version.contains("MariaDB") {
        true => "SET SESSION max_statement_time = 3",
        // MySQL 8 answers from estimates up to a day old unless told not to.
        false => "SET SESSION max_execution_time = 3000, SESSION information_schema_stats_expiry = 0",
    };
    connection.execute(sqlx::raw_sql(setup)).await?;
    Ok(connection)
}

pub async fn fetch_vitals(connection: &mut MySqlConnection) -> Result<Vitals, sqlx::Error> {
    let (mut sessions, mut statements) = (None, None);
    let global = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Questions')";
    for row in connection.fetch_all(sqlx::raw_sql(global)).await? {
        match row.try_get_unchecked::<String, _>(0)?.as_str() {
            "Threads_connected" => sessions = Some(number(&row, 1)?),
            _ => statements = Some(number(&row, 1)?),
        }
    }
    let own = connection.fetch_one(sqlx::raw_sql("SHOW SESSION STATUS LIKE 'Questions'")).await?;
    Ok(Vitals {
        sessions: sessions.ok_or(sqlx::Error::RowNotFound)?,
        statements: statements.ok_or(sqlx::Error::RowNotFound)?,
        // This statement itself came after the global count.
        own_statements: number(&own, 1)?.saturating_sub(1),
    })
}

/// Counts or estimates the rows of every base table; fails as a whole rather than leave one out.
pub async fn fetch_holdings(
    connection: &mut MySqlConnection,
    shard: &ShardId,
    topology: &Topology,
    layout: &Layout,
) -> Result<Holdings, HoldingsError> {
    let schema = load::load(connection, layout).await?;
    // While slots move, a shard holds rows that are not its own: copies not yet owned, or not yet deleted.
    let owned = topology.moves_touching(shard).next().is_some().then(|| topology.owned(shard));
    let tables = "SELECT CAST(TABLE_NAME AS CHAR), CAST(COALESCE(TABLE_ROWS, 0) AS CHAR), \
         CAST(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') \
         AND TABLE_NAME NOT LIKE '\\_as\\_%'";
    let mut holdings = Holdings { rows: BTreeMap::new(), own_rows: 0, size_bytes: 0 };
    for row in connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(tables))).await? {
        let (table, estimate): (String, _) = (row.try_get_unchecked(0)?, number(&row, 1)?);
        let rows = match plan_count(&schema, &table, estimate, owned.as_ref()) {
            Some(count) => number(&connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(count))).await?, 0)?,
            None => estimate,
        };
        holdings.size_bytes += number(&row, 2)?;
        if !is_reference(&schema, &table) {
            holdings.own_rows += rows;
        }
        holdings.rows.insert(table, rows);
    }
    Ok(holdings)
}

/// Never fails: what cannot be asked is unknown.
pub async fn fetch_internals(connection: &mut MySqlConnection, is_source_of_move: bool) -> Internals {
    let prepared = connection.fetch_all(sqlx::raw_sql("XA RECOVER")).await;
    Internals {
        prepared_transactions: prepared.ok().map(|branches| branches.len() as u64),
        disk_used_bytes: fetch_disk_used(connection).await,
        pending_changes: match is_source_of_move {
            true => fetch_pending_changes(connection).await.ok(),
            false => None,
        },
    }
}

async fn fetch_disk_used(connection: &mut MySqlConnection) -> Option<u64> {
    // The names on MariaDB and on MySQL; each server knows one.
    const TABLESPACES: [&str; 2] = ["INNODB_SYS_TABLESPACES", "INNODB_TABLESPACES"];
    const REDO_LOGS: [&str; 2] = ["@@innodb_log_file_size", "@@innodb_redo_log_capacity"];
    for (tablespaces, redo_log) in TABLESPACES.into_iter().zip(REDO_LOGS) {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(FILE_SIZE), 0) + {redo_log} AS CHAR) FROM information_schema.{tablespaces}"
        );
        if let Ok(row) = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql))).await {
            return number(&row, 0).ok();
        }
    }
    None
}

/// The span of the numbers that are left: those deleted in the middle count too, so it is the most that there can be.
async fn fetch_pending_changes(connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
    let tables = own::changes::names(own::changes::PREFIX);
    let mut pending = 0;
    for row in connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(tables))).await? {
        let span = own::changes::span(&row.try_get_unchecked::<String, _>(0)?);
        pending += number(&connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(span))).await?, 0)?;
    }
    Ok(pending)
}

/// The statement that counts a table's rows, or `None` if the engine's estimate is to serve. No estimate tells
/// owned rows from others, so with `owned` sharded tables are counted whatever their size.
pub fn plan_count(schema: &Schema, table: &str, estimate: u64, owned: Option<&SlotSet>) -> Option<String> {
    let count = format!("SELECT CAST(COUNT(*) AS CHAR) FROM {}", quote(table));
    match (schema.table(table).and_then(|table| table.shard_key()), owned) {
        (Some((key, key_type)), Some(owned)) => {
            Some(format!("{count} WHERE {}", key_type.slot_in_sql(&quote(key), owned)))
        }
        _ => (estimate < COUNTED_BELOW_ROWS).then_some(count),
    }
}

fn is_reference(schema: &Schema, table: &str) -> bool {
    schema.table(table).is_some_and(|table| table.kind == TableKind::Reference)
}

/// A number that the server sent as text.
fn number(row: &MySqlRow, index: usize) -> Result<u64, sqlx::Error> {
    let text: String = row.try_get_unchecked(index)?;
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
