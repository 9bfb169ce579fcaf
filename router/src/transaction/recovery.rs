//! Brings transactions to their end that their router left behind.
//!
//! Any number of routers and scalers may do so at any time, also while the router is at work: who finds a prepared
//! branch tries to write its number as aborted on the deciding shard. If that succeeds, no commit can follow, and the
//! branch is rolled back. If the number is there, what it says holds.
//!
//! A number given up stays written for an hour, far longer than a server keeps the open transaction of a router that
//! stands still ([`crate::shards::IDLE_TIMEOUT`]). A committed one goes when no branch of it is left anywhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::markers;
use super::xid::Xid;
use crate::endpoint::Endpoint;
use crate::session::{self, errno};
use crate::topology::{Shard, ShardId, Topology, store};

/// How long a branch may be in doubt before it is brought to its end. Its router needs milliseconds from the first
/// branch's preparation to the decision.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer of a shard is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

const ER_DUP_ENTRY: u16 = 1062;
const ER_NO_SUCH_TABLE: u16 = 1146;
const ER_BAD_DB: u16 = 1049;
/// XAER_NOTA: there is no such branch, or its session lives.
const XAER_NOTA: u16 = 1397;
/// Without XA_RECOVER_ADMIN MySQL shows nothing.
pub const XAER_RMERR: u16 = 1401;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Committed,
    Aborted,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the shard did not answer")]
    Silent,
    #[error("the shard answered with an error")]
    Database(#[from] sqlx::Error),
    #[error("the branch is still bound to its session")]
    Bound,
}

/// What one round of looks found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Prepared branches that are still there.
    pub in_doubt: usize,
    pub committed: usize,
    pub rolled_back: usize,
}

/// Remembers, from round to round, since when branches are in doubt.
pub struct Recovery {
    patience: Duration,
    connections: HashMap<ShardId, (Endpoint, MySqlConnection)>,
    since: BTreeMap<(ShardId, Xid), Instant>,
    pruned: Option<Instant>,
}

impl Recovery {
    /// `patience`: how long a branch may be in doubt, [`PATIENCE`] if there is no reason for another.
    pub fn new(patience: Duration) -> Recovery {
        Recovery { patience, connections: HashMap::new(), since: BTreeMap::new(), pruned: None }
    }

    /// Looks at every shard once, and brings to their end the branches that have been in doubt for too long.
    pub async fn round(&mut self, topology: &Topology) -> Round {
        let mut round = Round::default();
        let mut prepared: BTreeMap<ShardId, Option<Vec<Xid>>> = BTreeMap::new();
        for shard in topology.shards() {
            let found = tokio::time::timeout(ANSWER_TIMEOUT, self.look(shard)).await;
            let found = found.unwrap_or(Err(RecoveryError::Silent));
            if let Err(error) = &found {
                self.connections.remove(&shard.id);
                tracing::debug!(shard = %shard.id, %error, "no look at prepared branches");
            }
            prepared.insert(shard.id.clone(), found.ok());
        }
        let found: BTreeSet<(ShardId, Xid)> = prepared
            .iter()
            .flat_map(|(shard, xids)| xids.iter().flatten().map(|xid| (shard.clone(), xid.clone())))
            .collect();
        self.since.retain(|known, _| found.contains(known) || prepared.get(&known.0).is_none_or(Option::is_none));
        for (shard, xid) in found {
            let since = *self.since.entry((shard.clone(), xid.clone())).or_insert_with(Instant::now);
            if since.elapsed() < self.patience {
                round.in_doubt += 1;
                continue;
            }
            match resolve(topology, &shard, &xid).await {
                Ok(verdict) => {
                    tracing::info!(%shard, %xid, ?verdict, "a transaction that its router left behind is at its end");
                    match verdict {
                        Verdict::Committed => round.committed += 1,
                        Verdict::Aborted => round.rolled_back += 1,
                    }
                    self.since.remove(&(shard, xid));
                }
                Err(error) => {
                    tracing::warn!(%shard, %xid, %error, "a transaction stays in doubt for now");
                    round.in_doubt += 1;
                }
            }
        }
        let all_seen = prepared.values().all(Option::is_some);
        if all_seen && self.pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
            self.pruned = Some(Instant::now());
            for shard in topology.shards() {
                let pruned = tokio::time::timeout(ANSWER_TIMEOUT, self.prune(shard, &prepared)).await;
                if let Err(error) = pruned.unwrap_or(Err(RecoveryError::Silent)) {
                    // Whatever is half done on it ends with it.
                    self.connections.remove(&shard.id);
                    tracing::debug!(shard = %shard.id, %error, "old numbers stay for now");
                }
            }
        }
        round
    }

    async fn connection(&mut self, shard: &Shard) -> Result<&mut MySqlConnection, RecoveryError> {
        let is_current = self.connections.get(&shard.id).is_some_and(|(endpoint, _)| *endpoint == shard.endpoint);
        if !is_current {
            let mut connection = session::connect(&shard.endpoint).await?;
            connection.execute(sqlx::raw_sql("SET SESSION innodb_lock_wait_timeout = 1")).await?;
            create_tables_if_absent(&mut connection).await?;
            self.connections.insert(shard.id.clone(), (shard.endpoint.clone(), connection));
        }
        Ok(&mut self.connections.get_mut(&shard.id).expect("inserted above").1)
    }

    async fn look(&mut self, shard: &Shard) -> Result<Vec<Xid>, RecoveryError> {
        let connection = self.connection(shard).await?;
        Ok(prepared(connection).await?)
    }

    /// Deletes numbers that nobody asks for any more.
    async fn prune(
        &mut self,
        shard: &Shard,
        prepared: &BTreeMap<ShardId, Option<Vec<Xid>>>,
    ) -> Result<(), RecoveryError> {
        let connection = self.connection(shard).await?;
        let old = "SELECT xid, committed FROM _autoscaler.commits \
             WHERE at < SYSDATE() - INTERVAL IF(committed, 1, 60) MINUTE LIMIT 10000";
        let mut surplus = Vec::new();
        for row in connection.fetch_all(sqlx::raw_sql(old)).await? {
            let number: String = row.try_get_unchecked(0)?;
            // All branches are prepared before a number is written: one that no shard lists now is not there any more.
            let is_listed = || prepared.values().flatten().flatten().any(|xid| xid.number() == number);
            if row.try_get_unchecked::<i64, _>(1)? == 0 || !is_listed() {
                surplus.push(number);
            }
        }
        for batch in surplus.chunks(100) {
            connection.execute(sqlx::raw_sql(AssertSqlSafe(markers::deletion(batch)))).await?;
        }
        Ok(())
    }
}

/// A shard of an earlier version has no such tables; one that is not set up at all is left alone.
async fn create_tables_if_absent(connection: &mut MySqlConnection) -> Result<(), RecoveryError> {
    let look = "SELECT 1 FROM _autoscaler.commits, _autoscaler.sequences, _autoscaler.definitions LIMIT 0";
    match connection.execute(sqlx::raw_sql(look)).await {
        Err(error) if errno(&error) == Some(ER_NO_SUCH_TABLE) => match store::create_schema(connection).await {
            Ok(()) => Ok(()),
            Err(store::StoreError::Database(error)) => Err(error.into()),
            Err(_) => Ok(()),
        },
        Err(error) if errno(&error) == Some(ER_BAD_DB) => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// The branches of ours that a shard holds prepared.
pub async fn prepared(connection: &mut MySqlConnection) -> Result<Vec<Xid>, sqlx::Error> {
    let mut found = Vec::new();
    for row in connection.fetch_all(sqlx::raw_sql("XA RECOVER")).await? {
        let number = |index: usize| row.try_get_unchecked::<i64, _>(index);
        let length = |index: usize| number(index).map(|length| usize::try_from(length).unwrap_or(0));
        let data: Vec<u8> = row.try_get_unchecked(3)?;
        found.extend(Xid::of_row(u64::try_from(number(0)?).unwrap_or(0), length(1)?, length(2)?, &data));
    }
    Ok(found)
}

/// Brings one prepared branch to its end.
pub async fn resolve(topology: &Topology, shard: &ShardId, xid: &Xid) -> Result<Verdict, RecoveryError> {
    let endpoint = |id: &ShardId| topology.shard(id).map(|shard| &shard.endpoint).ok_or(RecoveryError::Silent);
    let verdict = verdict(endpoint(xid.decider())?, xid.number()).await?;
    finish(endpoint(shard)?, xid, verdict).await?;
    Ok(verdict)
}

/// What became of a transaction, which from now on will not change: one that is not decided is given up.
pub async fn verdict(decider: &Endpoint, number: &str) -> Result<Verdict, RecoveryError> {
    let ask = async {
        let mut connection = session::connect(decider).await?;
        // Its own commit may be under way and hold the row.
        connection.execute(sqlx::raw_sql("SET SESSION innodb_lock_wait_timeout = 2")).await?;
        let abort = format!(
            "INSERT INTO _autoscaler.commits (xid, committed, participants, at) VALUES ('{number}', 0, '', SYSDATE())"
        );
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(abort))).await {
            Ok(_) => Ok(Verdict::Aborted),
            Err(error) if errno(&error) == Some(ER_DUP_ENTRY) => {
                let read = format!("SELECT committed FROM _autoscaler.commits WHERE xid = '{number}'");
                match connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(read))).await? {
                    Some(row) if row.try_get_unchecked::<i64, _>(0)? == 1 => Ok(Verdict::Committed),
                    Some(_) => Ok(Verdict::Aborted),
                    // Deleted between the two: then all branches are at their end.
                    None => Err(RecoveryError::Bound),
                }
            }
            Err(error) => Err(error.into()),
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, ask).await.unwrap_or(Err(RecoveryError::Silent))
}

/// Commits a prepared branch or rolls it back, from a session that did not prepare it.
pub async fn finish(endpoint: &Endpoint, xid: &Xid, verdict: Verdict) -> Result<(), RecoveryError> {
    let verb = match verdict {
        Verdict::Committed => "COMMIT",
        Verdict::Aborted => "ROLLBACK",
    };
    let finish = async {
        let mut connection = session::connect(endpoint).await?;
        let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("XA {verb} {xid}")))).await;
        match done {
            Ok(_) => Ok(()),
            // MariaDB says so as long as the session lives that prepared it, although it lists the branch.
            Err(error) if errno(&error) == Some(XAER_NOTA) => match prepared(&mut connection).await?.contains(xid) {
                true => Err(RecoveryError::Bound),
                false => Ok(()),
            },
            Err(error) => Err(error.into()),
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, finish).await.unwrap_or(Err(RecoveryError::Silent))
}
