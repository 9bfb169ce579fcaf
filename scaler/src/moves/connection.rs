//! A mover's connection to one shard, set up so that values pass unchanged and locks stay small.

use std::time::Duration;

use router::session::errno;
use router::slots::SlotSet;
use router::topology::{MoveId, ShardId};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::MoveError;
use super::table::SLOTS_VARIABLE;
use crate::cluster::Cluster;

/// One row as raw bytes; `None` is NULL.
pub(super) type Cells = Vec<Option<Vec<u8>>>;

/// Which end of a move a connection works on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Source,
    Target,
}

pub(super) struct Connection {
    pub shard: ShardId,
    pub mariadb: bool,
    inner: MySqlConnection,
}

/// What an abandoned mover's last statement may take to end.
const PREDECESSOR_TIMEOUT: Duration = Duration::from_secs(60);

impl Connection {
    /// A connection that works for no move yet.
    pub async fn open(cluster: &Cluster, shard: &ShardId) -> Result<Connection, MoveError> {
        let inner = cluster.connect(shard).await?;
        let mut connection = Connection { shard: shard.clone(), mariadb: true, inner };
        let version = connection.fetch_text("SELECT VERSION()").await?.unwrap_or_default();
        connection.mariadb = version.contains("MariaDB");
        // Strict mode would refuse zero dates and ENUM index 0 that the rows have; triggers keep the mode in
        // which they are made, so it also decides about the application's writes. Character set NULL sends
        // strings as they are stored.
        connection
            .run(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET SESSION sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks=0, \
                 character_set_results=NULL, wait_timeout=86400",
            )
            .await?;
        if !connection.mariadb {
            // Else AUTO_INCREMENT in information_schema is up to a day old.
            connection.run("SET SESSION information_schema_stats_expiry=0").await?;
        }
        Ok(connection)
    }

    /// A connection for one move and one side of it. Waits until an earlier one, perhaps of a mover that was
    /// stopped in mid-statement, is gone: its last write must not arrive after ours.
    pub async fn open_for(
        cluster: &Cluster,
        shard: &ShardId,
        id: &MoveId,
        side: Side,
        slots: &SlotSet,
    ) -> Result<Connection, MoveError> {
        let mut connection = Connection::open(cluster, shard).await?;
        let (name, wait) = (format!("_autoscaler.{id}.{side:?}"), PREDECESSOR_TIMEOUT.as_secs());
        let taken = connection.fetch_text(&format!("SELECT GET_LOCK('{name}',{wait})")).await?;
        if taken.as_deref() != Some("1") {
            return Err(MoveError::Occupied { id: id.clone(), shard: shard.clone() });
        }
        connection.run(&format!("SET {SLOTS_VARIABLE}=x'{}'", slots.to_hex())).await?;
        Ok(connection)
    }

    /// Runs one or more statements and returns the affected rows.
    pub async fn run(&mut self, sql: &str) -> Result<u64, MoveError> {
        let result = self.inner.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        Ok(result.map_err(|source| self.failed(source))?.rows_affected())
    }

    pub async fn fetch(&mut self, sql: &str) -> Result<Vec<Cells>, MoveError> {
        let rows = self.inner.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let rows = rows.map_err(|source| self.failed(source))?;
        rows.iter()
            .map(|row| {
                (0..row.len())
                    .map(|i| Ok(row.try_get_unchecked::<Option<&[u8]>, _>(i)?.map(<[u8]>::to_vec)))
                    .collect::<Result<Cells, sqlx::Error>>()
            })
            .collect::<Result<_, _>>()
            .map_err(|source| self.failed(source))
    }

    /// The first cell of the first row as text.
    pub async fn fetch_text(&mut self, sql: &str) -> Result<Option<String>, MoveError> {
        let rows = self.fetch(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().map(into_text))
    }

    /// The first column as text.
    pub async fn fetch_texts(&mut self, sql: &str) -> Result<Vec<String>, MoveError> {
        let rows = self.fetch(sql).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).map(into_text).collect())
    }

    /// Brings everything committed to the server's disk, where its settings do not at each commit.
    pub async fn flush_log(&mut self) -> Result<(), MoveError> {
        let at_commit = self.fetch_text("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit").await?;
        if at_commit.as_deref() != Some("1") {
            self.run("FLUSH ENGINE LOGS").await?;
        }
        Ok(())
    }

    /// The connection itself, for functions of other modules.
    pub fn inner(&mut self) -> &mut MySqlConnection {
        &mut self.inner
    }

    pub fn failed(&self, source: sqlx::Error) -> MoveError {
        MoveError::Database { shard: self.shard.clone(), source }
    }
}

pub(super) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A string as an SQL literal, whatever is in it.
pub(super) fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Another transaction has the lock: MariaDB says 1205, also for NOWAIT, MySQL 3572.
pub(super) fn is_locked(error: &MoveError) -> bool {
    matches!(error_number(error), Some(1205 | 3572))
}

/// A deadlock, a lock not given in time, or a row changed meanwhile: the same work may succeed next time.
pub(super) fn is_transient(error: &MoveError) -> bool {
    matches!(error_number(error), Some(1205 | 3572 | 1213 | 1020))
}

pub(super) fn is_duplicate(error: &MoveError) -> bool {
    error_number(error) == Some(1062)
}

pub(super) fn error_number(error: &MoveError) -> Option<u16> {
    match error {
        MoveError::Database { source, .. } => errno(source),
        _ => None,
    }
}
