//! The scaler's handle on the shards: connections to them, and the topology as the scaler last decided it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use router::endpoint::Endpoint;
use router::session;
use router::topology::{ShardId, Topology, store};
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
    /// Shards that could not be told of the topology, to say so once.
    behind: Mutex<BTreeSet<ShardId>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("shard `{0}` is not part of the topology")]
    UnknownShard(ShardId),
    #[error("connecting to shard `{shard}` failed")]
    Connect { shard: ShardId, source: sqlx::Error },
    #[error("shard `{0}` did not accept a connection within {CONNECT_TIMEOUT:?}")]
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
        Cluster { shared: Arc::new(Shared { topology, nudge, behind: Mutex::default() }) }
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
        let mut newest = Topology::clone(&current);
        let mut last_error = None;
        let mut readable = 0;
        for shard in current.shards() {
            match self.read(&shard.id).await {
                Ok(found) => {
                    readable += 1;
                    if let Some(found) = found.filter(|found| found.epoch() > newest.epoch()) {
                        newest = found;
                    }
                }
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) if readable == 0 => return Err(error),
            // Writing to it says so, once.
            Some(error) => tracing::debug!(error = &error as &dyn std::error::Error, "a shard's topology is unknown"),
            None => {}
        }
        self.adopt(newest);
        self.spread().await;
        Ok(())
    }

    /// Makes `next` the topology: compare-and-set on shard `first`, then on all others, then in memory.
    ///
    /// Once the first shard carries it the topology is decided; shards that miss it are repaired by
    /// [`Cluster::refresh`].
    pub async fn publish(&self, next: Topology, first: &ShardId) -> Result<(), ClusterError> {
        let mut connection = self.connect(first).await?;
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
        self.shared.topology.send_if_modified(|current| {
            let newer = next.epoch() > current.epoch();
            if newer {
                *current = Arc::new(next);
            }
            newer
        });
        (self.shared.nudge)();
    }

    /// Writes the current topology to every shard that is behind, then nudges. Failures are logged.
    pub async fn spread(&self) {
        let topology = self.topology();
        let writes = topology.shards().iter().map(|shard| async {
            let write = async {
                let mut connection = self.connect(&shard.id).await?;
                store::catch_up(&mut connection, &topology)
                    .await
                    .map_err(|source| ClusterError::Store { shard: shard.id.clone(), source })
            };
            let outcome = write.await;
            let mut behind = self.shared.behind.lock().expect("no holder of this lock panics");
            match outcome {
                Err(error) if behind.insert(shard.id.clone()) => {
                    let error = router::topology::watch::chain(&error);
                    tracing::warn!(shard = %shard.id, error, "the shard cannot be reached and misses the topology for now");
                }
                Ok(()) if behind.remove(&shard.id) => tracing::info!(shard = %shard.id, "the shard has the topology again"),
                _ => {}
            }
        });
        futures_util::future::join_all(writes).await;
        (self.shared.nudge)();
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

    /// Whether the lease still stands; `false` also if its connection broke.
    pub async fn still_held(&mut self) -> bool {
        let statement = "SELECT IS_USED_LOCK('_autoscaler.scaler') = CONNECTION_ID()";
        matches!(number(&mut self.connection, statement).await, Ok(Some(1)))
    }
}

async fn number(connection: &mut MySqlConnection, statement: &'static str) -> Result<Option<u64>, ClusterError> {
    let row = connection.fetch_one(sqlx::raw_sql(statement)).await.map_err(ClusterError::Lease)?;
    let number: Option<i64> = row.try_get_unchecked(0).map_err(ClusterError::Lease)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
