//! Two shards, the first of which owns every row, with a router in this process and what moves slots between them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyspace::endpoint::Endpoint;
use keyspace::own;
use keyspace::own::journal::MoveState;
use keyspace::schema::Layout;
use keyspace::slots::{SlotSet, plan_even_spread};
use keyspace::topology::{Shard, ShardId, Topology, Transfer};
use moves::cluster::Cluster;
use moves::{self, MoveProgress, MoveReport, MoveSettings, ProgressSink};
use router::Router;
use router::RouterConfig;
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::watch;

use crate::Outcome;
use crate::http::serve;

/// A table with rows of about 208 bytes and a secondary index.
const USERS: &str = "CREATE TABLE users (user_id BIGINT PRIMARY KEY, email VARCHAR(64), country CHAR(2), \
     balance DECIMAL(12,2) NOT NULL, created DATETIME, about VARCHAR(160), KEY (country))";

pub struct Pair {
    pub cluster: Cluster,
    pub layout: Layout,
    /// Of the router over HTTP.
    pub address: String,
    endpoints: [Endpoint; 2],
}

pub fn shard_id(index: usize) -> Outcome<ShardId> {
    Ok(ShardId::new(format!("shard-{}", index + 1))?)
}

/// Every slot there is.
pub fn all_slots() -> SlotSet {
    plan_even_spread(1).remove(0)
}

/// The lower half of all slots: those of the keys with `CRC32(CAST(user_id AS CHAR)) & 16383` below 8192.
pub fn lower_half() -> SlotSet {
    plan_even_spread(2).remove(0)
}

/// Waits that suit the only router, which is in this process: one round of its looks.
pub fn settings() -> MoveSettings {
    MoveSettings {
        confirmation_wait: Duration::from_millis(1_300),
        cleanup_delay: Duration::from_millis(200),
        ..MoveSettings::default()
    }
}

impl Pair {
    pub async fn start(one: Endpoint, two: Endpoint) -> Outcome<Pair> {
        let endpoints = [one, two];
        let mut seeds = Vec::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            seeds.push(Shard { id: shard_id(index)?, endpoint: endpoint.clone() });
        }
        let mut layout = Layout::default();
        layout.shard_keys.insert("users".to_owned(), "user_id".to_owned());
        let first = Topology::first(seeds.clone(), vec![all_slots(), SlotSet::empty()])?;
        let mut connection = keyspace::mysql::connect(&endpoints[0]).await?;
        own::schema::create_schema(&mut connection).await?;
        own::topology::create(&mut connection, &first).await?;
        let router = Router::start(RouterConfig {
            seeds,
            account: None,
            layout: layout.clone(),
            limits: Default::default(),
            faults: Default::default(),
        });
        let address = serve(&router).await?;
        let nudged = router.clone();
        let cluster = Cluster::new(
            first,
            Arc::new(move || {
                let router = nudged.clone();
                tokio::spawn(async move { router.refresh().await });
            }),
        );
        cluster.refresh().await?;
        while router.is_ready().is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Pair { cluster, layout, address, endpoints })
    }

    /// Makes the table `users` on the first shard, with so many rows.
    pub async fn fill(&self, rows: u64) -> Outcome<()> {
        const BATCH: u64 = 50_000;
        let mut connection = keyspace::mysql::connect(&self.endpoints[0]).await?;
        connection.execute(USERS).await?;
        for first in (1..=rows).step_by(BATCH as usize) {
            let last = rows.min(first + BATCH - 1);
            let insert = format!(
                "INSERT INTO users SELECT seq, CONCAT('user-',seq,'@example.com'), CONCAT('c',seq MOD 8), seq/100, \
                 '2024-02-29' + INTERVAL seq SECOND, RPAD(CONCAT('it''s ',SHA1(seq)),150,MD5(seq)) \
                 FROM seq_{first}_to_{last}"
            );
            connection.execute(sqlx::raw_sql(AssertSqlSafe(insert))).await?;
        }
        connection.execute("ANALYZE TABLE users").await?;
        Ok(())
    }

    /// Moves slots from one shard to the other; `progress` hears how far the move is.
    pub async fn move_slots(
        &self,
        (source, target): (usize, usize),
        slots: SlotSet,
        settings: &MoveSettings,
        progress: watch::Sender<Option<MoveProgress>>,
    ) -> Outcome<Moved> {
        let transfers = [Transfer { source: shard_id(source)?, target: shard_id(target)?, slots }];
        let entered: Arc<Mutex<Vec<(MoveState, Instant)>>> = Arc::default();
        let entries = entered.clone();
        let sink: ProgressSink = Arc::new(move |now| {
            if let Ok(mut entries) = entries.lock()
                && entries.last().is_none_or(|(state, _)| *state != now.state)
            {
                entries.push((now.state, Instant::now()));
            }
            progress.send_replace(Some(now));
        });
        let mut reports = moves::execute(&self.cluster, &self.layout, &transfers, settings, &sink).await?;
        let entered = entered.lock().map_err(|_| "poisoned")?.clone();
        Ok(Moved { report: reports.remove(0), entered })
    }
}

/// A move that is over.
pub struct Moved {
    pub report: MoveReport,
    /// When it entered each of its states.
    entered: Vec<(MoveState, Instant)>,
}

impl Moved {
    /// How long it was in a state.
    pub fn took(&self, state: MoveState) -> Duration {
        let next = self.entered.iter().zip(self.entered.iter().skip(1)).find(|(entry, _)| entry.0 == state);
        next.map(|(entry, next)| next.1 - entry.1).unwrap_or_default()
    }
}

/// Waits until the move has a state at or past this one on its way, and returns what it said then.
pub async fn wait_for(progress: &mut watch::Receiver<Option<MoveProgress>>, state: MoveState) -> Outcome<MoveProgress> {
    let place = |state| MoveState::ALL.iter().position(|other| *other == state);
    let reached = progress.wait_for(|now| now.as_ref().is_some_and(|now| place(now.state) >= place(state))).await?;
    reached.clone().ok_or_else(|| "no progress".into())
}
