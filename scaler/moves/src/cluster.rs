//! The scaler's handle on the shards: connections to them, and the topology as the scaler last decided it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::endpoint::Endpoint;
use keyspace::logins::Logins;
use keyspace::mysql;
use keyspace::own;
use keyspace::topology::{Epoch, MoveId, MovePhase, Shard, ShardId, SlotMove, Topology, TopologyError};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
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
    /// Whoever makes the next topology holds it: two made from the same one would share an epoch.
    turn: tokio::sync::Mutex<()>,
    /// Something that this process or an earlier one published may not have arrived on the home shard yet.
    unsure: AtomicBool,
    /// Announced moves that cannot switch without this process knowing.
    settled: Mutex<BTreeSet<MoveId>>,
    /// The home shard's number of the connection that holds the lease; 0: none does.
    lease: AtomicU64,
    /// Where shards answer that the topology has elsewhere.
    found_at: Mutex<BTreeMap<ShardId, Endpoint>>,
    logins: Logins,
    /// A shard was seen to store logins in its topology, as earlier versions did.
    stores_logins: AtomicBool,
    nudge: Arc<dyn Fn() + Send + Sync>,
    /// Shards that did not answer when they were asked last.
    unreachable: Mutex<BTreeSet<ShardId>>,
}

impl Shared {
    fn unreachable(&self) -> MutexGuard<'_, BTreeSet<ShardId>> {
        self.unreachable.lock().expect("no holder of this lock panics")
    }

    fn settled(&self) -> MutexGuard<'_, BTreeSet<MoveId>> {
        self.settled.lock().expect("no holder of this lock panics")
    }

    fn found_at(&self) -> MutexGuard<'_, BTreeMap<ShardId, Endpoint>> {
        self.found_at.lock().expect("no holder of this lock panics")
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
    Store { shard: ShardId, source: own::topology::StoreError },
    #[error("shard `{0}` already carries another topology")]
    Superseded(ShardId),
    #[error("move {id} of an earlier scaler may have switched on shard `{source_shard}`, which has to be asked first")]
    Unsettled { id: MoveId, source_shard: ShardId },
    #[error("another scaler holds the lease (connection {holder} on the home shard)")]
    Leased { holder: u64 },
    #[error("shard `{0}` did not answer within {STEP_TIMEOUT:?}")]
    Silent(ShardId),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error("the lease could not be asked for")]
    Lease(#[source] sqlx::Error),
}

impl Cluster {
    /// `nudge` tells routers to look for a new topology; it must not block. The shards are logged in to as the topology
    /// has it.
    pub fn new(topology: Topology, nudge: Arc<dyn Fn() + Send + Sync>) -> Cluster {
        let logins = Logins::of(topology.shards());
        Cluster::with_logins(topology, logins, nudge)
    }

    /// The same with logins that come from elsewhere.
    pub fn with_logins(topology: Topology, logins: Logins, nudge: Arc<dyn Fn() + Send + Sync>) -> Cluster {
        let topology = watch::Sender::new(Arc::new(logins.complete_topology(topology)));
        Cluster {
            shared: Arc::new(Shared {
                topology,
                turn: tokio::sync::Mutex::default(),
                unsure: AtomicBool::new(true),
                settled: Mutex::default(),
                lease: AtomicU64::new(0),
                found_at: Mutex::default(),
                logins,
                stores_logins: AtomicBool::new(false),
                nudge,
                unreachable: Mutex::default(),
            }),
        }
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
        let found_at = self.shared.found_at().get(id).cloned();
        connect(id, found_at.as_ref().unwrap_or(&shard.endpoint)).await
    }

    /// From now on this is how its place is logged in to.
    pub fn learn(&self, endpoint: &Endpoint) {
        let logins = &self.shared.logins;
        logins.learn(endpoint);
        self.shared.topology.send_if_modified(|current| {
            let is_known = |shard: &Shard| logins.complete(&shard.endpoint) == shard.endpoint;
            let has_changed = !current.shards().iter().all(is_known);
            if has_changed {
                *current = Arc::new(logins.complete_topology(Topology::clone(current)));
            }
            has_changed
        });
    }

    /// Publishes the topology anew if a shard was seen to store logins in it, as earlier versions did.
    pub async fn forget_stored_logins(&self) -> Result<(), ClusterError> {
        if !self.shared.stores_logins.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.change(|topology| Ok::<_, ClusterError>(topology.renewed())).await?;
        self.shared.stores_logins.store(false, Ordering::Relaxed);
        tracing::info!("the topology on the shards holds no logins any more");
        Ok(())
    }

    /// A shard is reached elsewhere from now on. Publishes that; until then this process knows already.
    pub async fn relocate(&self, shard: Shard) -> Result<(), ClusterError> {
        self.shared.logins.learn(&shard.endpoint);
        self.shared.found_at().insert(shard.id.clone(), shard.endpoint.clone());
        let moved = [shard];
        self.change(|topology| Ok(topology.with_endpoints(&moved)?)).await
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
                    if found.as_ref().is_some_and(Topology::has_logins) {
                        self.shared.stores_logins.store(true, Ordering::Relaxed);
                    }
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

    /// Makes the topology that `change` gives the next one: by compare-and-set on the home shard, then on all others.
    ///
    /// Once the home shard carries it the topology is decided; shards that miss it are repaired by
    /// [`Cluster::refresh`]. Only a switch of owners begins on another shard, its source, and that under
    /// [`Cluster::publication`]; so the newest epoch lies on the home shard or on the source of an announced move, and
    /// all of these are known before another one is made.
    ///
    /// After an error the home shard may carry the change all the same, if it is away.
    pub async fn change<E>(&self, change: impl FnOnce(&Topology) -> Result<Topology, E>) -> Result<(), E>
    where
        E: From<ClusterError>,
    {
        let publication = self.publication().await?;
        let next = change(&self.topology())?;
        publication.publish(next).await?;
        Ok(())
    }

    /// The right to make the next topology, which also a cutover needs. Held until what was made is known.
    pub async fn publication(&self) -> Result<Publication<'_>, ClusterError> {
        let turn = self.shared.turn.lock().await;
        let publication = Publication { cluster: self, _turn: turn };
        if self.shared.unsure.load(Ordering::Relaxed) {
            let home = self.topology().home().clone();
            in_time(&home.id, publication.make_sure()).await?;
        }
        Ok(publication)
    }

    /// The home shard's number of the connection that holds the lease, if this process has it.
    pub(crate) fn lease_connection(&self) -> Option<u64> {
        Some(self.shared.lease.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// An announced move is this process's own, or cannot switch any more.
    pub(crate) fn settle(&self, id: &MoveId) {
        self.shared.settled().insert(id.clone());
    }

    /// An announced move may switch without this process knowing: whoever carried it out was stopped.
    pub(crate) fn forget_settled(&self, id: &MoveId) {
        self.shared.settled().remove(id);
    }

    /// Takes a topology that a shard carries already. Never goes backwards.
    pub fn adopt(&self, next: Topology) {
        let next = self.shared.logins.complete_topology(next);
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
                own::topology::catch_up(&mut connection, topology)
                    .await
                    .map_err(|source| ClusterError::Store { shard: shard.id.clone(), source })
            };
            // One that arrives late does no harm: it never goes backwards.
            self.note_reach(&shard.id, in_time(&shard.id, write).await.err().as_ref());
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
                let error = keyspace::errors::chain(error);
                tracing::warn!(%shard, error, "the shard cannot be reached and misses the topology for now");
            }
            None if unreachable.remove(shard) => tracing::info!(%shard, "the shard can be reached again"),
            _ => {}
        }
    }

    async fn read(&self, id: &ShardId) -> Result<Option<Topology>, ClusterError> {
        let mut connection = self.connect(id).await?;
        own::topology::read(&mut connection).await.map_err(|source| ClusterError::Store { shard: id.clone(), source })
    }
}

/// One publication at a time, see [`Cluster::change`].
pub struct Publication<'a> {
    cluster: &'a Cluster,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Publication<'_> {
    /// Makes `next`, which follows the cluster's present topology, the topology.
    pub async fn publish(&self, next: Topology) -> Result<(), ClusterError> {
        let shared = &self.cluster.shared;
        let current = self.cluster.topology();
        let is_unsettled = |slot_move: &&SlotMove| {
            slot_move.phase == MovePhase::Announced && !shared.settled().contains(&slot_move.id)
        };
        if let Some(SlotMove { id, source, .. }) = current.moves().iter().find(is_unsettled) {
            return Err(ClusterError::Unsettled { id: id.clone(), source_shard: source.clone() });
        }
        let home = next.home().id.clone();
        let failed = |source| ClusterError::Store { shard: home.clone(), source };
        let write = async {
            let mut connection = self.connect_home().await?;
            // A shard that missed the last epoch would refuse the next one.
            own::topology::catch_up(&mut connection, &current).await.map_err(failed)?;
            shared.unsure.store(true, Ordering::Relaxed);
            let replaced = own::topology::replace(&mut connection, &next).await.map_err(failed)?;
            shared.unsure.store(false, Ordering::Relaxed);
            Ok(replaced)
        };
        if !in_time(&home, write).await? {
            return Err(ClusterError::Superseded(home));
        }
        // Of a shard that has just joined.
        next.shards().iter().for_each(|shard| shared.logins.learn(&shard.endpoint));
        self.cluster.adopt(next);
        self.cluster.spread().await;
        Ok(())
    }

    /// Waits until nothing that was published earlier can still arrive on the home shard, and learns what has.
    async fn make_sure(&self) -> Result<(), ClusterError> {
        let home = self.cluster.topology().home().id.clone();
        let mut connection = self.connect_home().await?;
        let read = own::topology::read(&mut connection).await;
        let carried = read.map_err(|source| ClusterError::Store { shard: home, source })?;
        if let Some(carried) = carried {
            self.cluster.adopt(carried);
        }
        self.cluster.shared.unsure.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// A connection to the home shard, once no earlier one from which something was published is left: its last
    /// statement might arrive after ours.
    async fn connect_home(&self) -> Result<MySqlConnection, ClusterError> {
        const LOCK: &str = "SELECT GET_LOCK('_autoscaler.publication', 1)";
        let home = self.cluster.topology().home().id.clone();
        let mut connection = self.cluster.connect(&home).await?;
        let failed =
            |source| ClusterError::Store { shard: home.clone(), source: own::topology::StoreError::Database(source) };
        // Whoever hangs with it in hand is not waited for by the next one.
        connection.execute(sqlx::raw_sql("SET SESSION wait_timeout = 10")).await.map_err(failed)?;
        while ask_number(&mut connection, LOCK).await.map_err(failed)? != Some(1) {
            let holder = "SELECT IS_USED_LOCK('_autoscaler.publication')";
            if let Some(holder) = ask_number(&mut connection, holder).await.map_err(failed)? {
                // It may end by itself meanwhile.
                let _ = connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL {holder}")))).await;
            }
        }
        Ok(connection)
    }
}

/// The longest that one step of publishing a topology may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

async fn in_time<T>(shard: &ShardId, step: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
    tokio::time::timeout(STEP_TIMEOUT, step).await.unwrap_or_else(|_| Err(ClusterError::Silent(shard.clone())))
}

async fn connect(id: &ShardId, endpoint: &Endpoint) -> Result<MySqlConnection, ClusterError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, mysql::connect(endpoint)).await {
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
        // The next scaler need not wait for one that hangs, and the longest time between two looks is far below that.
        let acquire = async {
            let statement = "SET SESSION wait_timeout = 600";
            connection.execute(sqlx::raw_sql(statement)).await.map_err(ClusterError::Lease)?;
            let statement = "SELECT GET_LOCK('_autoscaler.scaler', 0)";
            if number(&mut connection, statement).await? == Some(1) {
                let own = number(&mut connection, "SELECT CONNECTION_ID()").await?;
                cluster.shared.lease.store(own.unwrap_or(0), Ordering::Relaxed);
                return Ok(Lease { connection });
            }
            let holder = number(&mut connection, "SELECT IS_USED_LOCK('_autoscaler.scaler')").await?;
            Err(ClusterError::Leased { holder: holder.unwrap_or(0) })
        };
        in_time(&home, acquire).await
    }

    /// Whether the lease still stands; `false` also if its connection broke or the server hangs.
    pub async fn still_held(&mut self) -> bool {
        let statement = "SELECT IS_USED_LOCK('_autoscaler.scaler') = CONNECTION_ID()";
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, number(&mut self.connection, statement)).await;
        matches!(asked, Ok(Ok(Some(1))))
    }
}

async fn number(connection: &mut MySqlConnection, statement: &'static str) -> Result<Option<u64>, ClusterError> {
    ask_number(connection, statement).await.map_err(ClusterError::Lease)
}

async fn ask_number(connection: &mut MySqlConnection, statement: &'static str) -> Result<Option<u64>, sqlx::Error> {
    let row = connection.fetch_one(sqlx::raw_sql(statement)).await?;
    let number: Option<i64> = row.try_get_unchecked(0)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()))
}
