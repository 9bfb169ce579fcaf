//! Brings transactions to their end that their router left behind.
//!
//! Any number of routers and scalers may do so at any time, also while the router is at work: who finds a prepared
//! branch tries to write its number as aborted on the deciding shard. If that succeeds, no commit can follow, and the
//! branch is rolled back. If the number is there, what it says holds.
//!
//! A number given up stays written for an hour, far longer than a server keeps the open transaction of a router that
//! stands still (ten minutes). A committed one goes when no branch of it is left anywhere.

pub mod xid;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::task::JoinHandle;

use self::xid::Xid;
use crate::endpoint::Endpoint;
use crate::mysql::er;
use crate::mysql::{self, errno};
use crate::own;
use crate::topology::{ShardId, Topology};

/// How long a branch may be in doubt before it is brought to its end. Its router needs milliseconds from the first
/// branch's preparation to the decision.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer of a shard is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
/// All shards had answered a moment before.
const PRUNE_TIMEOUT: Duration = Duration::from_secs(1);
/// What a round waits for shards that answer, which takes milliseconds.
const MOMENT: Duration = Duration::from_millis(500);

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
///
/// Every shard is asked by a task of its own, and so is what to do about a branch. A round takes what is known after a
/// moment; what comes later is taken by the next one, so that a shard that stands still holds up nothing on the others.
pub struct Recovery {
    patience: Duration,
    connections: HashMap<ShardId, (Endpoint, MySqlConnection)>,
    looks: HashMap<ShardId, JoinHandle<Result<ShardBranches, RecoveryError>>>,
    endings: HashMap<(ShardId, Xid), JoinHandle<Result<Verdict, RecoveryError>>>,
    since: BTreeMap<(ShardId, Xid), Instant>,
    pruned: Option<Instant>,
}

/// The prepared branches of a shard, and the connection that they were looked for over.
struct ShardBranches {
    endpoint: Endpoint,
    connection: MySqlConnection,
    prepared: Vec<Xid>,
}

impl Recovery {
    /// `patience`: how long a branch may be in doubt, [`PATIENCE`] if there is no reason for another.
    pub fn new(patience: Duration) -> Recovery {
        Recovery {
            patience,
            connections: HashMap::new(),
            looks: HashMap::new(),
            endings: HashMap::new(),
            since: BTreeMap::new(),
            pruned: None,
        }
    }

    /// Looks at every shard once, and brings to their end the branches that have been in doubt for too long.
    pub async fn round(&mut self, topology: &Topology) -> Round {
        let mut round = Round::default();
        let prepared = self.look(topology).await;
        let found: BTreeSet<(ShardId, Xid)> = prepared
            .iter()
            .flat_map(|(shard, xids)| xids.iter().flatten().map(|xid| (shard.clone(), xid.clone())))
            .collect();
        self.since.retain(|known, _| found.contains(known) || prepared.get(&known.0).is_none_or(Option::is_none));
        for branch in found {
            let since = *self.since.entry(branch.clone()).or_insert_with(Instant::now);
            if since.elapsed() < self.patience {
                round.in_doubt += 1;
                continue;
            }
            self.endings.entry(branch).or_insert_with_key(|(shard, xid)| {
                let (topology, shard, xid) = (topology.clone(), shard.clone(), xid.clone());
                tokio::spawn(async move { resolve(&topology, &shard, &xid).await })
            });
        }
        for ((shard, xid), ended) in take_ended(&mut self.endings).await {
            match ended {
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
        round.in_doubt += self.endings.len();
        let all_seen = prepared.values().all(Option::is_some);
        if all_seen && self.pruned.is_none_or(|at| at.elapsed() >= PRUNE_INTERVAL) {
            self.pruned = Some(Instant::now());
            let listed = prepared.values().flatten().flatten().map(|xid| xid.number().to_owned()).collect();
            self.prune(&listed).await;
        }
        round
    }

    /// The branches that each shard lists; `None` for one that has not answered yet, or not at all.
    async fn look(&mut self, topology: &Topology) -> BTreeMap<ShardId, Option<Vec<Xid>>> {
        self.looks.retain(|shard, _| topology.shard(shard).is_some());
        for shard in topology.shards() {
            if !self.looks.contains_key(&shard.id) {
                let kept = self.connections.remove(&shard.id).filter(|(endpoint, _)| *endpoint == shard.endpoint);
                let look = look(shard.endpoint.clone(), kept.map(|(_, connection)| connection));
                self.looks.insert(shard.id.clone(), tokio::spawn(look));
            }
        }
        let mut seen: BTreeMap<ShardId, Option<Vec<Xid>>> =
            topology.shards().iter().map(|shard| (shard.id.clone(), None)).collect();
        for (shard, looked) in take_ended(&mut self.looks).await {
            match looked {
                Ok(ShardBranches { endpoint, connection, prepared }) => {
                    self.connections.insert(shard.clone(), (endpoint, connection));
                    seen.insert(shard, Some(prepared));
                }
                Err(error) => tracing::debug!(%shard, %error, "no look at prepared branches"),
            }
        }
        seen
    }

    /// Deletes numbers that nobody asks for any more.
    async fn prune(&mut self, listed: &BTreeSet<String>) {
        let prunings = self.connections.drain().map(|(shard, (endpoint, mut connection))| async move {
            match tokio::time::timeout(PRUNE_TIMEOUT, prune(&mut connection, listed)).await {
                Ok(Ok(())) => return Some((shard, (endpoint, connection))),
                Ok(Err(error)) => tracing::debug!(%shard, %error, "old numbers stay for now"),
                Err(_) => tracing::debug!(%shard, "old numbers stay for now: no answer"),
            }
            // Whatever is half done on it ends with it.
            None
        });
        let kept = join_all(prunings).await;
        self.connections.extend(kept.into_iter().flatten());
    }
}

/// Takes out of `tasks` what ends within a moment; the others go on.
async fn take_ended<K, T>(
    tasks: &mut HashMap<K, JoinHandle<Result<T, RecoveryError>>>,
) -> Vec<(K, Result<T, RecoveryError>)>
where
    K: Clone + Eq + Hash,
{
    let until = tokio::time::Instant::now() + MOMENT;
    let waits = tasks.iter_mut().map(|(key, task)| async move {
        let ended = tokio::time::timeout_at(until, task).await.ok()?;
        // One that panicked has said why.
        Some((key.clone(), ended.unwrap_or(Err(RecoveryError::Silent))))
    });
    let ended: Vec<_> = join_all(waits).await.into_iter().flatten().collect();
    for (key, _) in &ended {
        tasks.remove(key);
    }
    ended
}

async fn look(endpoint: Endpoint, kept: Option<MySqlConnection>) -> Result<ShardBranches, RecoveryError> {
    let look = async {
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let mut connection = mysql::connect(&endpoint).await?;
                connection.execute(sqlx::raw_sql("SET SESSION innodb_lock_wait_timeout = 1")).await?;
                create_tables_if_absent(&mut connection).await?;
                connection
            }
        };
        let prepared = prepared(&mut connection).await?;
        Ok((connection, prepared))
    };
    let (connection, prepared) =
        tokio::time::timeout(ANSWER_TIMEOUT, look).await.unwrap_or(Err(RecoveryError::Silent))?;
    Ok(ShardBranches { endpoint, connection, prepared })
}

async fn prune(connection: &mut MySqlConnection, listed: &BTreeSet<String>) -> Result<(), sqlx::Error> {
    // All branches are prepared before a number is written: one that no shard lists now is not there any more.
    let surplus: Vec<String> = own::commits::old(connection)
        .await?
        .into_iter()
        .filter(|(number, committed)| !committed || !listed.contains(number))
        .map(|(number, _)| number)
        .collect();
    for batch in surplus.chunks(100) {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(own::commits::delete(batch)))).await?;
    }
    Ok(())
}

/// A shard of an earlier version has no such tables; one that is not set up at all is left alone.
async fn create_tables_if_absent(connection: &mut MySqlConnection) -> Result<(), RecoveryError> {
    let look = "SELECT 1 FROM _autoscaler.commits, _autoscaler.sequences, _autoscaler.definitions LIMIT 0";
    match connection.execute(sqlx::raw_sql(look)).await {
        Err(error) if errno(&error) == Some(er::NO_SUCH_TABLE) => Ok(own::schema::create_schema(connection).await?),
        Err(error) if errno(&error) == Some(er::BAD_DB) => Ok(()),
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
        let mut connection = mysql::connect(decider).await?;
        // Its own commit may be under way and hold the row.
        connection.execute(sqlx::raw_sql("SET SESSION innodb_lock_wait_timeout = 2")).await?;
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(own::commits::give_up(number)))).await {
            Ok(_) => Ok(Verdict::Aborted),
            Err(error) if errno(&error) == Some(er::DUP_ENTRY) => {
                match own::commits::is_committed(&mut connection, number).await? {
                    Some(true) => Ok(Verdict::Committed),
                    Some(false) => Ok(Verdict::Aborted),
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
        let mut connection = mysql::connect(endpoint).await?;
        let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("XA {verb} {xid}")))).await;
        match done {
            Ok(_) => Ok(()),
            // MariaDB says so as long as the session lives that prepared it, although it lists the branch.
            Err(error) if errno(&error) == Some(er::XAER_NOTA) => {
                match prepared(&mut connection).await?.contains(xid) {
                    true => Err(RecoveryError::Bound),
                    false => Ok(()),
                }
            }
            Err(error) => Err(error.into()),
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, finish).await.unwrap_or(Err(RecoveryError::Silent))
}
