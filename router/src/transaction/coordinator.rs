//! What transactions of one router share, and how they begin and are undone.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyspace::own;
use keyspace::topology::{Shard, ShardId, Topology};
use tokio::sync::Semaphore;

use super::markers::Settled;
use super::state::Transaction;
use crate::error::QueryError;
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::shards::{LAST_WORDS, Shards, answered};

/// How long rows stay when all participants have committed.
const RETENTION: Duration = Duration::from_millis(500);

/// What transactions of one router share.
pub struct Coordinator {
    pub shards: Shards,
    pub metrics: Metrics,
    pub faults: Faults,
    /// Distinguishes this run of this router from all others.
    run: String,
    next: AtomicU64,
    pub(super) settled: Mutex<Vec<Settled>>,
    /// Whoever changes the schema, one of this router at a time.
    pub turn_to_define: Arc<Semaphore>,
}

impl Coordinator {
    pub fn new(shards: Shards, metrics: Metrics, faults: Faults) -> Coordinator {
        // The standard library seeds each of these from the system's randomness.
        let run = RandomState::new().build_hasher().finish();
        Coordinator {
            shards,
            metrics,
            faults,
            run: format!("{run:016x}"),
            next: AtomicU64::new(1),
            settled: Mutex::new(Vec::new()),
            turn_to_define: Arc::new(Semaphore::new(1)),
        }
    }

    pub fn begin(&self) -> Transaction {
        let number = format!("{}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed));
        Transaction { number, branches: Vec::new(), savepoints: Vec::new() }
    }

    /// Undoes a transaction and begins another one in its place, with the same savepoints.
    pub async fn begin_anew(&self, transaction: &mut Transaction) {
        let anew = Transaction { savepoints: transaction.savepoints.clone(), ..self.begin() };
        self.end(std::mem::replace(transaction, anew)).await;
    }

    /// Undoes everything. Connections on which that fails are closed, which undoes what is not prepared; what is
    /// prepared is found by recovery.
    pub async fn roll_back(&self, transaction: Transaction) {
        if !transaction.branches.is_empty() {
            self.metrics.transaction("rolled_back");
        }
        self.end(transaction).await;
    }

    /// Ends branches that wrote nothing, or whose writes are not to be.
    pub(super) async fn end(&self, transaction: Transaction) {
        let deadline = Instant::now() + LAST_WORDS;
        join_all(transaction.branches.into_iter().map(|branch| branch.undo(deadline))).await;
    }

    /// Has the rows of transactions deleted that have been settled for long enough. Each shard does so in its own time;
    /// what one does not do, recovery finds again.
    pub fn delete_settled(self: &Arc<Self>, topology: &Topology) {
        let due: Vec<Settled> = {
            let mut settled = self.settled.lock().expect("no holder of this lock panics");
            settled.extract_if(.., |settled| settled.at.elapsed() >= RETENTION).collect()
        };
        let mut by_shard: BTreeMap<&ShardId, Vec<String>> = BTreeMap::new();
        for settled in &due {
            for shard in &settled.shards {
                by_shard.entry(shard).or_default().push(settled.number.clone());
            }
        }
        for (shard, numbers) in by_shard {
            let Some(known) = topology.shard(shard).cloned() else { continue };
            let coordinator = self.clone();
            tokio::spawn(async move {
                for batch in numbers.chunks(100) {
                    if let Err(error) = coordinator.delete_markers(&known, batch).await {
                        tracing::debug!(shard = %known.id, %error, "markers stay for now");
                        return;
                    }
                }
            });
        }
    }

    async fn delete_markers(&self, shard: &Shard, numbers: &[String]) -> Result<(), QueryError> {
        let mut lease = self.shards.lease(shard, Instant::now() + LAST_WORDS).await?;
        answered(&shard.id, lease.run(&own::commits::delete(numbers))).await?;
        lease.done();
        Ok(())
    }
}
