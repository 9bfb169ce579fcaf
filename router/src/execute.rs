//! Runs a plan: statements out, rows in, merged on the way to the client.

mod fences;
mod gather;
mod modes;
mod read;
mod relocate;
mod snapshots;
mod unique;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use door::Client;
use futures_util::FutureExt;
use keyspace::literal::Kind;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::own::topology::Sighting;
use keyspace::topology::ShardId;
use tokio::sync::Mutex;

use crate::cells::{Column, Row};
use crate::error::QueryError;
use crate::metrics::Metrics;
use crate::shards::Lease;
use crate::transaction::{Coordinator, Transaction};
use crate::watch::{View, Watch};

/// Takes an answer, row by row. One front door of the router implements it, others can.
pub trait RowSink: Send {
    /// Called once before the first row, and not at all if there is no row and `wants_empty_columns` is false.
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError>;
    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError>;
    /// Forgets everything taken so far: the statement runs again.
    fn reset(&mut self);
    /// Whether columns matter although there is no row.
    fn wants_empty_columns(&self) -> bool;
}

/// What a write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub rows_affected: u64,
    pub last_insert_id: Option<u64>,
}

/// What running a plan needs.
pub struct Execution<'a> {
    pub coordinator: &'a Arc<Coordinator>,
    pub watch: &'a Watch,
    pub view: &'a View,
    /// The open transaction of a session: everything runs in it.
    pub transaction: Option<&'a Mutex<Transaction>>,
    /// Whether reads lock rows.
    pub locks: bool,
    /// Whether reads over several shards see each transaction whole or not at all.
    pub is_atomic: bool,
    /// The statement may leave something on its connections.
    pub stains: bool,
    pub max_held_rows: usize,
    pub client: Client,
    pub deadline: Instant,
    pub timeout: Duration,
}

impl Execution<'_> {
    pub fn is_mariadb(&self) -> bool {
        self.view.schema.is_mariadb()
    }

    /// What the parser does not understand may be a mistake, which the server names better.
    pub async fn check_syntax(&self, text: &str) -> Result<(), QueryError> {
        let home = &self.view.topology.home().id;
        let mut lease = self.lease(home).await?;
        let prepared = self.in_time(lease.begin().describe(text, |_, _| false)).await;
        if matches!(prepared, Ok(_) | Err(QueryError::Database { .. })) {
            lease.done();
        }
        match prepared {
            // MariaDB says of an unknown type that it is none.
            Err(error @ QueryError::Database { errno: er::PARSE_ERROR | er::UNKNOWN_DATA_TYPE, .. }) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Fails if rows may have moved since the plan was made.
    ///
    /// Where nothing moves, what was seen of the shard lately says enough: rows change owner more than 5 s after that is
    /// announced. But a statement can take longer until it has run, if the router was stopped or the network stood still.
    pub async fn recheck(&self, shard: &ShardId, lease: &mut Lease, is_moving: bool) -> Result<(), QueryError> {
        if !is_moving && self.watch.is_confirmed_at(shard, self.view.topology.epoch()) {
            return Ok(());
        }
        let sighting = own::topology::look(lease.begin().for_keyspace())
            .await
            .map_err(|error| QueryError::ConnectionBroke { shard: shard.clone(), cause: error.to_string() })?;
        let checked = sighting.map_or(Ok(()), |sighting| self.check_epoch(shard, sighting));
        if checked.is_err() {
            lease.done();
        }
        checked
    }

    pub fn check_epoch(&self, shard: &ShardId, sighting: Sighting) -> Result<(), QueryError> {
        match sighting.epoch > self.view.topology.epoch() {
            true => Err(QueryError::Moved(shard.clone())),
            false => Ok(()),
        }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.coordinator.metrics
    }

    /// A connection for a read: that of the session's transaction, if one is open.
    pub async fn lease(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        let Some(transaction) = self.transaction else { return self.pooled(shard).await };
        let begin = async {
            let (mut lease, opening) = self.enlisted(shard, &mut *transaction.lock().await).await?;
            for statement in opening {
                lease.run(&statement).await?;
            }
            if self.locks {
                self.hold_fences(&mut lease, shard, &mut *transaction.lock().await).await?;
            }
            lease.done();
            Ok(lease)
        };
        self.in_time(begin).await
    }

    /// A connection without a transaction.
    pub async fn pooled(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        let known = self.view.topology.shard(shard);
        let known = known.ok_or_else(|| QueryError::Internal(format!("{shard} is not in the topology")))?;
        let lease = self.coordinator.shards.lease_for_client(known, self.deadline).await?;
        Ok(self.stained(lease))
    }

    /// A connection for the transaction of a session, or for a write that is one by itself.
    pub async fn for_transaction(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        if self.transaction.is_none() {
            return self.pooled(shard).await;
        }
        let known = self.view.topology.shard(shard);
        let known = known.ok_or_else(|| QueryError::Internal(format!("{shard} is not in the topology")))?;
        let lease = self.coordinator.shards.lease_for_session(known, self.client, self.deadline).await?;
        Ok(self.stained(lease))
    }

    pub fn stained(&self, mut lease: Lease) -> Lease {
        if self.stains {
            lease.stain();
        }
        lease
    }

    /// A shard's connection in a transaction, which the shard joins if it is new to it.
    pub async fn enlisted(
        &self,
        shard: &ShardId,
        transaction: &mut Transaction,
    ) -> Result<(Lease, Vec<String>), QueryError> {
        if !transaction.takes_part(shard) {
            transaction.enlist(shard, self.for_transaction(shard).await?);
        }
        self.check_time(shard)?;
        transaction.connection(shard)
    }

    /// Fails if so much time has passed since the plan was made that the rows may be elsewhere by now.
    ///
    /// To be asked with the connection in hand, and before anything is sent. A router that stands still after this finds
    /// the connection closed: the scaler ends those that have been idle since a switch before the old owner takes writes
    /// of moved rows again.
    pub fn check_time(&self, shard: &ShardId) -> Result<(), QueryError> {
        match self.watch.may_write(shard, &self.view.topology) {
            true => Ok(()),
            false => Err(QueryError::Moved(shard.clone())),
        }
    }

    /// As [`Execution::enlisted`], on a connection on which the transaction has begun.
    pub async fn begun(&self, shard: &ShardId, transaction: &mut Transaction) -> Result<Lease, QueryError> {
        let (mut lease, opening) = self.enlisted(shard, transaction).await?;
        for statement in opening {
            lease.run(&statement).await?;
        }
        lease.done();
        Ok(lease)
    }

    /// For reads, and whatever else is undone with the connections that it takes.
    ///
    /// The work is put in a box: as a part of the future of whoever waits for it, it would be there several times.
    pub fn in_time<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'a,
    ) -> impl Future<Output = Result<T, QueryError>> + Send + 'a
    where
        T: Send + 'a,
    {
        let in_time = tokio::time::timeout_at(self.deadline.into(), work.boxed());
        async move { in_time.await.unwrap_or_else(|_| Err(self.timed_out())) }
    }

    pub fn timed_out(&self) -> QueryError {
        QueryError::Timeout { milliseconds: self.timeout.as_millis() }
    }
}

/// What is read as DOUBLE to be exact is a FLOAT to the client.
pub fn name_floats(float_columns: &[usize], columns: &mut [Column]) {
    for &index in float_columns {
        if let Some(column) = columns.get_mut(index) {
            column.kind = Kind::Float;
            column.type_name = "FLOAT".to_owned();
        }
    }
}

/// A server that has answered waits for the next statement of the transaction.
pub fn at_rest_after_answer<T>(lease: &mut Lease, outcome: &Result<T, QueryError>) {
    if matches!(outcome, Ok(_) | Err(QueryError::Database { .. } | QueryError::Moved(_))) {
        lease.done();
    }
}

pub fn reason(error: &QueryError) -> &'static str {
    match error {
        QueryError::Database { .. } => "database",
        QueryError::Moved(_) => "moved",
        QueryError::Timeout { .. } => "timeout",
        _ => "connection",
    }
}
