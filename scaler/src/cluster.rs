//! The scaler's handle on the shards: connections to them, and the topology as the scaler last decided it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join_all;
use router::endpoint::Endpoint;
use router::session;
use router::topology::{Epoch, Shard, ShardId, Topology, store};
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};
use tokio::sync::watch;

/// Long enough for a busy server to answer, short enough to notice one that is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A cheap handle; clones share one topology.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    topology: watch::Sender<Arc<Topology>>,
    nudge: Arc<dyn Fn() + Send + Sync>,
    /// Shards that did not answer when they were asked last.
    unreachable: Mutex<BTreeSet<ShardId>>,
}

impl Shared {
    fn unreachable(&self) -> MutexGuard<'_, BTreeSet<ShardId>> {
        self.unreachable.lock().expect("no holder of this lock panics")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("shard `{0}` is not part of the topology")]
    UnknownShard(ShardId),
    #[error("connecting to shard `{shard}` failed")]
    Connect { shard: ShardId, source: sqlx::Error },
    #[error("shard `{0}` did not answer within {CONNECT_TIMEOUT:?}")]
    ConnectTimeout(ShardId),
    #[error("the topology on shard `{shard}` could not be read or written")]
    Store { shard: ShardId, source: store::StoreError },
    #[error("shard `{0}` already carries another topology")]
    Superseded(ShardId),
    #[error("another scaler holds the lease (connection {holder} on the home shard)")]
    Leased { holder: u64 },
    #[error("the lease could not be asked for")]
    Lease(#[source] sqlx::Error),
}

impl Cluster {
    /// `nudge` tells routers to look for a new topology; it must not block.
    pub fn new(topology: Topology, nudge: Arc<dyn Fn() + Send + Sync>) -> Cluster {
        let topology = watch::Sender::new(Arc::new(topology));
        Cluster { shared: Arc::new(Shared { topology, nudge, unreachable: Mutex::default() }) }
    }

    pub fn topology(&self) -> Arc<Topology> {
        self.shared.topology.borrow().clone()
    }

    pub fn subscribe(&self) -> watch::Receiver<Arc<Topology>> {
        self.shared.topology.subscribe()
    }

    pub async fn connect(&self, id: &ShardId) -> Result<MySqlConnection, ClusterError> {
        let topology = self.topology();
        let shard = topology.shard(id).ok_or_else(|| ClusterError::UnknownShard(id.clone()))?;
        connect(id, &shard.endpoint).await
    }

    /// Learns the highest epoch that any reachable shard carries and brings the others up to it.
    ///
    /// Fails only if no shard can be read.
    pub async fn refresh(&self) -> Result<(), ClusterError> {
        let current = self.topology();
        let reads = join_all(current.shards().iter().map(|shard| async {
            // One that takes the connection and then says nothing must not hold up the others.
            let read = tokio::time::timeout(CONNECT_TIMEOUT, self.read(&shard.id)).await;
            read.unwrap_or_else(|_| Err(ClusterError::ConnectTimeout(shard.id.clone())))
        }))
        .await;
        let mut newest = Topology::clone(&current);
        let mut carried: BTreeMap<&ShardId, Option<Epoch>> = BTreeMap::new();
        let mut last_error = None;
        for (shard, read) in current.shards().iter().zip(reads) {
            self.note_reach(&shard.id, read.as_ref().err());
            match read {
                Ok(found) => {
                    carried.insert(&shard.id, found.as_ref().map(Topology::epoch));
                    newest = found.filter(|found| found.epoch() > newest.epoch()).unwrap_or(newest);
                }
                Err(error) => last_error = Some(error),
            }
        }
        if let Some(error) = last_error.filter(|_| carried.is_empty()) {
            return Err(error);
        }
        self.adopt(newest);
        let topology = self.topology();
        // What just did not answer is not asked again before the next round; a shard that was not known yet is new.
        let is_behind = |shard: &&Shard| match carried.get(&shard.id) {
            Some(epoch) => *epoch < Some(topology.epoch()),
            None => current.shard(&shard.id).is_none(),
        };
        self.write_to(&topology, topology.shards().iter().filter(is_behind)).await;
        Ok(())
    }

    /// Makes `next` the topology: compare-and-set on shard `first`, then on all others, then in memory.
    ///
    /// Once the first shard carries it the topology is decided; shards that miss it are repaired by
    /// [`Cluster::refresh`].
    pub async fn publish(&self, next: Topology, first: &ShardId) -> Result<(), ClusterError> {
        // Where it is from now on, if that is what changes.
        let shard = next.shard(first).ok_or_else(|| ClusterError::UnknownShard(first.clone()))?;
        let mut connection = connect(first, &shard.endpoint).await?;
        let failed = |source| ClusterError::Store { shard: first.clone(), source };
        // A shard that missed the last epoch would refuse the next one.
        store::catch_up(&mut connection, &self.topology()).await.map_err(failed)?;
        if !store::replace(&mut connection, &next).await.map_err(failed)? {
            return Err(ClusterError::Superseded(first.clone()));
        }
        self.adopt(next);
        self.spread().await;
        Ok(())
    }

    /// Takes a topology that a shard carries already. Never goes backwards.
    pub fn adopt(&self, next: Topology) {
        let is_newer = self.shared.topology.send_if_modified(|current| {
            let newer = next.epoch() > current.epoch();
            if newer {
                *current = Arc::new(next);
            }
            newer
        });
        if is_newer {
            (self.shared.nudge)();
        }
    }

    /// Writes the current topology to every shard that is behind, then nudges. Failures are logged.
    pub async fn spread(&self) {
        let topology = self.topology();
        self.write_to(&topology, topology.shards().iter()).await;
    }

    async fn write_to(&self, topology: &Topology, shards: impl Iterator<Item = &Shard>) {
        let writes = shards.map(|shard| async {
            let write = async {
                let mut connection = self.connect(&shard.id).await?;
                store::catch_up(&mut connection, topology)
                    .await
                    .map_err(|source| ClusterError::Store { shard: shard.id.clone(), source })
            };
            self.note_reach(&shard.id, write.await.err().as_ref());
        });
        if !join_all(writes).await.is_empty() {
            (self.shared.nudge)();
        }
    }

    /// Says once that a shard cannot be reached, and once that it can be again.
    fn note_reach(&self, shard: &ShardId, error: Option<&ClusterError>) {
        let mut unreachable = self.shared.unreachable();
        match error {
            Some(error) if unreachable.insert(shard.clone()) => {
                let error = router::topology::watch::chain(error);
                tracing::warn!(%shard, error, "the shard cannot be reached and misses the topology for now");
            }
            None if unreachable.remove(shard) => tracing::info!(%shard, "the shard can be reached again"),
            _ => {}
        }
    }

    async fn read(&self, id: &ShardId) -> Result<Option<Topology>, ClusterError> {
        let mut connection = self.connect(id).await?;
        store::read(&mut connection).await.map_err(|source| ClusterError::Store { shard: id.clone(), source })
    }
}

async fn connect(id: &ShardId, endpoint: &Endpoint) -> Result<MySqlConnection, ClusterError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, session::connect(endpoint)).await {
        Ok(connected) => connected.map_err(|source| ClusterError::Connect { shard: id.clone(), source }),
        Err(_) => Err(ClusterError::ConnectTimeout(id.clone())),
    }
}

/// The right to change the cluster: a named lock on the home shard, held as long as its connection lives.
#[derive(Debug)]
pub struct Lease {
    connection: MySqlConnection,
}

impl Lease {
    /// Takes the lease or says who has it. Does not wait.
    pub async fn acquire(cluster: &Cluster) -> Result<Lease, ClusterError> {
        let home = cluster.topology().home().id.clone();
        let mut connection = cluster.connect(&home).await?;
        // An idle connection must outlive the server's default of eight hours between two looks.
        let statement = "SET SESSION wait_timeout = 2147483";
        connection.execute(sqlx::raw_sql(statement)).await.map_err(ClusterError::Lease)?;
        let statement = "SELECT GET_LOCK('_autoscaler.scaler', 0)";
        if number(&mut connection, statement).await? == Some(1) {
            return Ok(Lease { connection });
        }
        let holder = number(&mut connection, "SELECT IS_USED_LOCK('_autoscaler.scaler')").await?;
        Err(ClusterError::Leased { holder: holder.unwrap_or(0) })
    }

    /// Whether the lease still stands; `false` also if its connection broke or the server hangs.
    pub async fn still_held(&mut self) -> bool {
        let statement = "SELECT IS_USED_LOCK('_autoscaler.scaler') = CONNECTION_ID()";
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, number(&mut self.connection, statement)).await;
        matches!(asked, Ok(Ok(Some(1))))
    }
}

async fn number(connection: &mut MySqlConnection, statement: &'static str) -> Result<Option<u64>, ClusterError> {
    let row = connection.fetch_one(sqlx::raw_sql(statement)).await.map_err(ClusterError::Lease)?;
    let number: Option<i64> = row.try_get_unchecked(0).map_err(ClusterError::Lease)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
