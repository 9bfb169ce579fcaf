//! Looks at every shard: is it there, how busy is it, and how many rows does it hold.

mod look;
mod rates;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::{ShardId, Topology};
pub use look::Internals;
use look::{Holdings, Vitals};
use rates::{CounterReading, per_second};
use serde::Serialize;
use sqlx::mysql::MySqlConnection;
use tokio::time::timeout;

/// How long one look at one shard may take: well below the shortest sensible round of five seconds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// A shard as `GET /shards` shows it. What is not known is `None`, never zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardStatus {
    pub shard_id: ShardId,
    /// Of the instance's CPU limit, since the round before.
    pub cpu_percent: Option<f64>,
    pub memory_percent: Option<f64>,
    pub disk_percent: Option<f64>,
    /// Rows that this shard alone holds: all tables but the reference tables, which are copies.
    pub total_entries: Option<u64>,
    /// Sessions on the server, the scaler's own included.
    pub connection_count: Option<u64>,
    /// Statements of clients since the round before, without the observer's own.
    pub queries_per_second: Option<f64>,
    /// Data and indexes of all tables, by the engine's estimate.
    pub database_size_bytes: Option<u64>,
    /// Rows of every base table. While slots move, copies that the shard does not own are not counted.
    pub table_counts: Option<BTreeMap<String, u64>>,
    pub status: Condition,
    /// Of the last look that the shard answered.
    pub last_updated: Option<Timestamp>,
    pub slots: usize,
    /// Address and database, without the login.
    pub endpoint: String,
    pub instance: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Healthy,
    Unreachable,
    /// Owns no slots and has not answered once.
    Starting,
    /// Answers, and owns no slots yet.
    Joining,
    /// Is giving its slots away, to be removed.
    Draining,
}

/// What an instance uses of what it may use, as its provisioner measures it; `None` is what it cannot tell.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceUsage {
    /// Since the process started.
    pub cpu_seconds: Option<f64>,
    pub resident_memory_bytes: Option<u64>,
    pub cpu_limit_cores: Option<f64>,
    pub memory_limit_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    pub disk_capacity_bytes: Option<u64>,
    pub disk_available_bytes: Option<u64>,
    pub instance: String,
    pub provisioner: &'static str,
    pub server_version: Option<String>,
}

#[async_trait]
pub trait UsageSource: Send + Sync {
    /// `None` if the backend knows no instance of the shard, or cannot measure it now.
    async fn usage(&self, shard: &ShardId) -> Option<InstanceUsage>;
}

/// Looks at the shards round after round; keeps what rates need, and one connection for each shard.
pub struct Observer {
    layout: Layout,
    subjects: Vec<ObservedShard>,
}

impl Observer {
    pub fn new(layout: Layout) -> Observer {
        Observer { layout, subjects: Vec::new() }
    }

    /// One look at every shard of `topology`, in its order, all at the same time and at most three seconds each.
    ///
    /// Never fails as a whole: a shard that does not answer is `unreachable` or `starting`, and rows that could
    /// not be counted in time are unknown. `draining` names the shards that are to be removed. A cancelled round
    /// loses its connections and nothing else.
    pub async fn observe(
        &mut self,
        topology: &Topology,
        draining: &BTreeSet<ShardId>,
        usage: &dyn UsageSource,
    ) -> Vec<ShardStatus> {
        self.follow(topology);
        let layout = &self.layout;
        let looks = self.subjects.iter_mut().map(|subject| async move {
            let slots = topology.owned(&subject.shard).len();
            let findings = subject.look(topology, layout, usage).await;
            let condition = condition(
                findings.vitals.is_some(),
                subject.last_updated.is_some(),
                slots,
                draining.contains(&subject.shard),
            );
            subject.assemble(findings, slots, condition)
        });
        join_all(looks).await
    }

    /// The usage that the last round found for a shard.
    pub fn last_usage(&self, shard: &ShardId) -> Option<&InstanceUsage> {
        self.subjects.iter().find(|subject| subject.shard == *shard)?.usage.as_ref()
    }

    /// What the last round found inside a shard.
    pub fn last_internals(&self, shard: &ShardId) -> Internals {
        self.subjects.iter().find(|subject| subject.shard == *shard).map_or_else(Internals::default, |s| s.internals)
    }

    /// Keeps what is known of the shards that stay where they are, and starts afresh with the others.
    fn follow(&mut self, topology: &Topology) {
        let mut known = std::mem::take(&mut self.subjects);
        self.subjects = topology
            .shards()
            .iter()
            .map(|shard| {
                let same = |subject: &ObservedShard| subject.shard == shard.id && subject.endpoint == shard.endpoint;
                match known.iter().position(same) {
                    Some(index) => known.swap_remove(index),
                    None => ObservedShard::new(shard.id.clone(), shard.endpoint.clone()),
                }
            })
            .collect();
    }
}

/// One shard between rounds.
struct ObservedShard {
    shard: ShardId,
    endpoint: Endpoint,
    connection: Option<MySqlConnection>,
    usage: Option<InstanceUsage>,
    internals: Internals,
    cpu_seconds: Option<CounterReading>,
    statements: Option<CounterReading>,
    /// The statements of `connection`'s session that `statements` includes.
    own_statements: u64,
    last_updated: Option<Timestamp>,
}

/// What one round found out about a shard.
#[derive(Default)]
struct RoundFindings {
    vitals: Option<Vitals>,
    holdings: Option<Holdings>,
    cpu_cores: Option<f64>,
    queries_per_second: Option<f64>,
}

impl ObservedShard {
    fn new(shard: ShardId, endpoint: Endpoint) -> ObservedShard {
        ObservedShard {
            shard,
            endpoint,
            connection: None,
            usage: None,
            internals: Internals::default(),
            cpu_seconds: None,
            statements: None,
            own_statements: 0,
            last_updated: None,
        }
    }

    async fn look(&mut self, topology: &Topology, layout: &Layout, source: &dyn UsageSource) -> RoundFindings {
        let shard = self.shard.clone();
        let measured = async { timeout(LOOK_TIMEOUT, source.usage(&shard)).await.ok().flatten() };
        let (mut usage, mut findings) = tokio::join!(measured, self.look_inside(topology, layout));
        if let Some(usage) = &mut usage {
            // The server's own account, where the backend does not see its files.
            usage.disk_used_bytes = usage.disk_used_bytes.or(self.internals.disk_used_bytes);
            let free = usage.disk_capacity_bytes.zip(usage.disk_used_bytes);
            let free = free.map(|(capacity, used)| capacity.saturating_sub(used));
            usage.disk_available_bytes = usage.disk_available_bytes.or(free);
        }
        let seconds = usage.as_ref().and_then(|usage| usage.cpu_seconds);
        let reading = seconds.map(|total| CounterReading { at: Instant::now(), total });
        findings.cpu_cores = per_second(self.cpu_seconds, reading);
        (self.cpu_seconds, self.usage) = (reading, usage);
        findings
    }

    async fn look_inside(&mut self, topology: &Topology, layout: &Layout) -> RoundFindings {
        // Taken out and put back only after a complete look: a connection whose answer was not awaited is dropped.
        let kept = self.connection.take();
        let fresh = kept.is_none();
        let deadline = tokio::time::Instant::now() + LOOK_TIMEOUT;
        let vitals = tokio::time::timeout_at(deadline, async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => look::connect(&self.endpoint).await?,
            };
            Ok((look::fetch_vitals(&mut connection).await?, connection))
        });
        let (vitals, mut connection) = match vitals.await {
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => {
                let error: sqlx::Error = error;
                tracing::debug!(shard = %self.shard, %error, "the shard did not answer");
                return self.lost();
            }
            Err(_) => {
                tracing::debug!(shard = %self.shard, "the shard did not answer in time");
                return self.lost();
            }
        };
        self.last_updated = Some(Timestamp::now());
        let is_source = topology.moves().iter().any(|slot_move| slot_move.source == self.shard);
        let internals = look::fetch_internals(&mut connection, is_source);
        // A connection whose answer was not awaited is of no more use, so the rest of the look fails too.
        self.internals = tokio::time::timeout_at(deadline, internals).await.unwrap_or_default();
        let queries_per_second = self.count_statements(&vitals, fresh);
        let holdings =
            tokio::time::timeout_at(deadline, look::fetch_holdings(&mut connection, &self.shard, topology, layout));
        let holdings = match holdings.await {
            Ok(Ok(holdings)) => {
                self.connection = Some(connection);
                Some(holdings)
            }
            Ok(Err(error)) => {
                tracing::warn!(shard = %self.shard, %error, "the shard's rows could not be counted");
                None
            }
            Err(_) => {
                tracing::warn!(shard = %self.shard, "the shard's rows could not be counted in time");
                None
            }
        };
        RoundFindings { vitals: Some(vitals), holdings, cpu_cores: None, queries_per_second }
    }

    /// A rate over a gap would hide what happened in it, so it starts again.
    fn lost(&mut self) -> RoundFindings {
        self.statements = None;
        self.internals = Internals::default();
        RoundFindings::default()
    }

    /// Statements of clients a second. After a session was dropped in the middle of a look, the few statements
    /// that it still sent count once as a client's.
    fn count_statements(&mut self, vitals: &Vitals, fresh_connection: bool) -> Option<f64> {
        let counted_before = if fresh_connection { 0 } else { self.own_statements };
        let own = vitals.own_statements.saturating_sub(counted_before);
        let now = CounterReading { at: Instant::now(), total: vitals.statements as f64 };
        let of_clients = CounterReading { total: now.total - own as f64, ..now };
        let rate = per_second(self.statements, Some(of_clients));
        (self.statements, self.own_statements) = (Some(now), vitals.own_statements);
        rate
    }

    fn assemble(&self, findings: RoundFindings, slots: usize, status: Condition) -> ShardStatus {
        let usage = self.usage.as_ref();
        let percent = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole * 100.0);
        ShardStatus {
            shard_id: self.shard.clone(),
            cpu_percent: usage
                .and_then(|usage| usage.cpu_limit_cores)
                .zip(findings.cpu_cores)
                .and_then(|(limit, cores)| percent(cores, limit)),
            memory_percent: usage
                .and_then(|usage| usage.resident_memory_bytes.zip(usage.memory_limit_bytes))
                .and_then(|(used, limit)| percent(used as f64, limit as f64)),
            disk_percent: usage
                .and_then(|usage| usage.disk_used_bytes.zip(usage.disk_capacity_bytes))
                .and_then(|(used, capacity)| percent(used as f64, capacity as f64)),
            total_entries: findings.holdings.as_ref().map(|holdings| holdings.own_rows),
            connection_count: findings.vitals.as_ref().map(|vitals| vitals.sessions),
            queries_per_second: findings.queries_per_second,
            database_size_bytes: findings.holdings.as_ref().map(|holdings| holdings.size_bytes),
            table_counts: findings.holdings.map(|holdings| holdings.rows),
            status,
            last_updated: self.last_updated,
            slots,
            endpoint: self.endpoint.to_string(),
            instance: usage.map(|usage| usage.instance.clone()),
        }
    }
}

/// `answered_ever` includes this round.
fn condition(answered: bool, answered_ever: bool, slots: usize, draining: bool) -> Condition {
    match (answered, draining) {
        (false, _) if slots == 0 && !answered_ever => Condition::Starting,
        (false, _) => Condition::Unreachable,
        (true, true) => Condition::Draining,
        (true, false) if slots == 0 => Condition::Joining,
        (true, false) => Condition::Healthy,
    }
}

#[cfg(test)]
mod tests;
