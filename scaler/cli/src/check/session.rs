//! A session on one shard that reads every value exactly and never waits long for a lock.

use std::time::Duration;

use keyspace::endpoint::Endpoint;
use keyspace::errors::chain;
use keyspace::mysql::er;
use keyspace::mysql::{self, errno};
use keyspace::own;
use keyspace::own::definitions::Change;
use keyspace::own::topology::StoreError;
use keyspace::recovery;
use keyspace::recovery::xid::Xid;
use keyspace::schema::load::{self, SchemaError};
use keyspace::schema::{Layout, Schema};
use keyspace::topology::ShardId;
use keyspace::topology::Topology;
use moves::cluster::{Cluster, ClusterError};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

/// The longest statements count a whole table or compare its rows.
const PATIENCE: Duration = Duration::from_secs(600);
/// What a server that works answers within moments.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// Thousands of tables take seconds.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(60);

/// One row as raw bytes; `None` is NULL.
pub(super) type Cells = Vec<Option<Vec<u8>>>;

#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("a statement failed on shard `{shard}`")]
    Database { shard: ShardId, source: sqlx::Error },
    #[error("the topology on shard `{shard}` cannot be read")]
    Store { shard: ShardId, source: StoreError },
    #[error("the tables on shard `{shard}` cannot be read")]
    Schema { shard: ShardId, source: SchemaError },
    #[error("`{text}` is not a number")]
    NotANumber { text: String },
    #[error("the topology changed meanwhile; run it again")]
    TopologyChanged,
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl CheckError {
    /// A deadlock, a lock that was not given in time, a statement that was cut short, or a row that changed meanwhile:
    /// the same work may succeed next time.
    pub fn is_transient(&self) -> bool {
        const TRANSIENT: [u16; 6] = [
            er::LOCK_WAIT_TIMEOUT,
            er::LOCK_NOWAIT,
            er::LOCK_DEADLOCK,
            er::CHECKREAD,
            er::QUERY_INTERRUPTED,
            er::STATEMENT_TIMEOUT,
        ];
        match self {
            CheckError::Database { source, .. } => errno(source).is_some_and(|number| TRANSIENT.contains(&number)),
            CheckError::Store { .. }
            | CheckError::Schema { .. }
            | CheckError::NotANumber { .. }
            | CheckError::TopologyChanged
            | CheckError::Cluster(_) => false,
        }
    }

    /// A table that the statement needs is not there.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, CheckError::Database { source, .. } if errno(source) == Some(er::NO_SUCH_TABLE))
    }
}

pub(super) struct ShardSession {
    pub shard: ShardId,
    pub mariadb: bool,
    inner: MySqlConnection,
}

impl ShardSession {
    pub async fn open(cluster: &Cluster, shard: &ShardId) -> Result<ShardSession, CheckError> {
        let inner = cluster.connect(shard).await?;
        let mut session = ShardSession { shard: shard.clone(), mariadb: true, inner };
        session.mariadb = session.fetch_text("SELECT VERSION()").await?.unwrap_or_default().contains("MariaDB");
        // As a mover's: zero dates are values like others, strings come as they are stored, children of a deleted row
        // stay, and guarded triggers of users keep still. Two seconds for a row: nobody is to wait long behind us.
        session
            .run(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET SESSION sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks=0, \
                 character_set_results=NULL, wait_timeout=86400, innodb_lock_wait_timeout=2; \
                 SET @_autoscaler_cleanup=1",
            )
            .await?;
        Ok(session)
    }

    /// Runs one or more statements and returns the affected rows.
    pub async fn run(&mut self, sql: &str) -> Result<u64, CheckError> {
        let result = mysql::within(PATIENCE, self.inner.execute(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
        Ok(result.map_err(|source| self.failed(source))?.rows_affected())
    }

    /// The rows of one or more statements, one after the other.
    pub async fn fetch(&mut self, sql: &str) -> Result<Vec<Cells>, CheckError> {
        let rows = mysql::within(PATIENCE, self.inner.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
        let rows = rows.map_err(|source| self.failed(source))?;
        let cells = |row: &sqlx::mysql::MySqlRow| {
            (0..row.len())
                .map(|i| Ok(row.try_get_unchecked::<Option<&[u8]>, _>(i)?.map(<[u8]>::to_vec)))
                .collect::<Result<Cells, sqlx::Error>>()
        };
        rows.iter().map(cells).collect::<Result<_, _>>().map_err(|source| self.failed(source))
    }

    /// The first cell of the first row as text.
    pub async fn fetch_text(&mut self, sql: &str) -> Result<Option<String>, CheckError> {
        let rows = self.fetch(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().map(into_text))
    }

    /// The rows as text, NULL as nothing.
    pub async fn fetch_texts<const N: usize>(&mut self, sql: &str) -> Result<Vec<[String; N]>, CheckError> {
        let texts = |row: Cells| {
            let mut cells = row.into_iter();
            std::array::from_fn(|_| cells.next().flatten().map(into_text).unwrap_or_default())
        };
        Ok(self.fetch(sql).await?.into_iter().map(texts).collect())
    }

    pub async fn load_schema(&mut self, layout: &Layout) -> Result<Schema, CheckError> {
        let loaded = async { Ok(load::load(&mut self.inner, layout).await) };
        let loaded = mysql::within(SCHEMA_PATIENCE, loaded).await.map_err(|source| self.failed(source))?;
        loaded.map_err(|source| CheckError::Schema { shard: self.shard.clone(), source })
    }

    /// The topology that the shard carries.
    pub async fn topology(&mut self) -> Result<Option<Topology>, CheckError> {
        let read = async { Ok(own::topology::read(&mut self.inner).await) };
        let read = mysql::within(LOOK_PATIENCE, read).await.map_err(|source| self.failed(source))?;
        read.map_err(|source| CheckError::Store { shard: self.shard.clone(), source })
    }

    /// The prepared branches of ours.
    pub async fn prepared(&mut self) -> Result<Vec<Xid>, sqlx::Error> {
        mysql::within(LOOK_PATIENCE, recovery::prepared(&mut self.inner)).await
    }

    /// The change of the schema that waits to be finished.
    pub async fn journal(&mut self) -> Result<Option<Change>, CheckError> {
        let read = mysql::within(LOOK_PATIENCE, own::definitions::read(&mut self.inner)).await;
        read.map_err(|source| self.failed(source))
    }

    pub fn failed(&self, source: sqlx::Error) -> CheckError {
        CheckError::Database { shard: self.shard.clone(), source }
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn number(text: &str) -> Result<u64, CheckError> {
    text.parse().map_err(|_| CheckError::NotANumber { text: text.to_owned() })
}

/// What a server that works answers within.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A session, or why there is none: a server that says nothing must not hold up the check.
pub async fn connect(endpoint: &Endpoint) -> Result<MySqlConnection, String> {
    keyspace::mysql::within(ANSWER_TIMEOUT, keyspace::mysql::connect(endpoint)).await.map_err(|error| chain(&error))
}
