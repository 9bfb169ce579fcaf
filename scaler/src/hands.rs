//! What actions act with: the cluster, the catalogue, the backend, and what they tell while they run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use backends::{InstanceId, Owner, Provisioner};
use futures_util::future::join_all;
use jiff::Timestamp;
use keyspace::topology::{MoveId, ShardId, Transfer};
use moves::cluster::{Cluster, ClusterError, Lease};
use moves::{MoveProgress, MoveSettings, ProgressSink};

use crate::accounts::Accounts;
use crate::catalogue::Catalogue;
use crate::metrics::Metrics;
use crate::observe::{InstanceUsage, UsageSource};
use crate::settings::Settings;

/// See the module. Shared by the rounds and the action that runs.
pub struct Hands {
    pub settings: Settings,
    pub cluster: Cluster,
    pub catalogue: Catalogue,
    pub provisioner: Arc<dyn Provisioner>,
    pub owner: Owner,
    pub accounts: Accounts,
    pub metrics: Metrics,
    lease: tokio::sync::Mutex<Option<Lease>>,
    told: Mutex<ActionReports>,
}

/// What actions report while they run.
#[derive(Default)]
struct ActionReports {
    draining: Option<ShardId>,
    /// An action in the catalogue that another version began and this one does not know, as a noun for people: nothing
    /// else is begun before it has ended.
    unknown_action: Option<String>,
    /// The names of instances that belong to no shard and were left as they are.
    orphans: BTreeSet<String>,
    /// The moves of this run, by name.
    moves: BTreeMap<String, MoveProgress>,
}

impl Hands {
    #[expect(clippy::too_many_arguments, reason = "each is a part that somebody else made")]
    pub fn new(
        settings: Settings,
        cluster: Cluster,
        catalogue: Catalogue,
        provisioner: Arc<dyn Provisioner>,
        owner: Owner,
        accounts: Accounts,
        metrics: Metrics,
        lease: Lease,
    ) -> Hands {
        let (lease, told) = (tokio::sync::Mutex::new(Some(lease)), Mutex::default());
        Hands { settings, cluster, catalogue, provisioner, owner, accounts, metrics, lease, told }
    }

    /// Whether this scaler may still change the cluster; takes the lease again if its connection broke.
    pub async fn hold_lease(&self) -> Result<(), ClusterError> {
        let mut lease = self.lease.lock().await;
        let held = match lease.as_mut() {
            Some(lease) => lease.still_held().await,
            None => false,
        };
        if !held {
            *lease = None;
            *lease = Some(Lease::acquire(&self.cluster).await?);
        }
        Ok(())
    }

    /// The shard that is being taken away, as `GET /shards` shows it.
    pub fn set_draining(&self, shard: Option<ShardId>) {
        self.told().draining = shard;
    }

    /// Whether the catalogue has an action that only another version can bring to its end.
    pub fn set_unknown_action(&self, action: Option<String>) {
        self.told().unknown_action = action;
    }

    pub fn set_orphans(&self, names: BTreeSet<String>) {
        self.metrics.orphans(names.len());
        self.told().orphans = names;
    }

    pub fn draining(&self) -> Option<ShardId> {
        self.told().draining.clone()
    }

    pub fn unknown_action(&self) -> Option<String> {
        self.told().unknown_action.clone()
    }

    pub fn orphans(&self) -> BTreeSet<String> {
        self.told().orphans.clone()
    }

    /// How far the moves of this run are, in the order of their names.
    pub fn moves(&self) -> Vec<MoveProgress> {
        self.told().moves.values().cloned().collect()
    }

    /// Takes a move's progress for the API, the metrics and the log.
    pub fn progress_sink(self: &Arc<Self>) -> ProgressSink {
        let hands = Arc::downgrade(self);
        Arc::new(move |progress: MoveProgress| {
            if let Some(hands) = hands.upgrade() {
                hands.take_progress(progress);
            }
        })
    }

    fn take_progress(&self, progress: MoveProgress) {
        let id = progress.id.to_string();
        let mut told = self.told();
        self.metrics.move_progressed(told.moves.get(&id), &progress, Timestamp::now());
        told.moves.insert(id, progress);
    }

    /// What was last heard of a move of this run.
    pub fn progress_of(&self, id: &MoveId) -> Option<MoveProgress> {
        self.told().moves.get(id.as_str()).cloned()
    }

    /// How transfers are to be carried out, with the room that the backend sees on their targets.
    pub async fn settings_of_moves(&self, transfers: &[Transfer]) -> MoveSettings {
        let backend = self.usage();
        let targets: BTreeSet<&ShardId> = transfers.iter().map(|transfer| &transfer.target).collect();
        let looks = targets.into_iter().map(|target| async {
            let usage = backend.usage(target).await?;
            Some((target.clone(), usage.disk_available_bytes?))
        });
        let free_bytes = join_all(looks).await.into_iter().flatten().collect();
        MoveSettings { free_bytes, ..self.settings.moves.clone() }
    }

    /// Usage of instances as the backend measures it.
    pub fn usage(&self) -> BackendUsage<'_> {
        BackendUsage { provisioner: &*self.provisioner, owner: &self.owner }
    }

    fn told(&self) -> MutexGuard<'_, ActionReports> {
        self.told.lock().expect("no holder of this lock panics")
    }
}

/// Usage as the backend measures it, for shards that it runs or was told of.
pub struct BackendUsage<'a> {
    provisioner: &'a dyn Provisioner,
    owner: &'a Owner,
}

#[async_trait]
impl UsageSource for BackendUsage<'_> {
    async fn usage(&self, shard: &ShardId) -> Option<InstanceUsage> {
        let id = InstanceId::new(format!("{}.{shard}", self.owner)).ok()?;
        let usage = self.provisioner.usage(&id).await.ok()?;
        Some(InstanceUsage {
            cpu_seconds: usage.cpu_seconds,
            resident_memory_bytes: usage.resident_memory_bytes,
            cpu_limit_cores: usage.cpu_limit_cores,
            memory_limit_bytes: usage.memory_limit_bytes,
            disk_used_bytes: usage.disk_used_bytes,
            disk_capacity_bytes: usage.disk_capacity_bytes,
            disk_available_bytes: usage.disk_available_bytes,
            instance: id.to_string(),
            provisioner: self.provisioner.info().kind,
            server_version: None,
        })
    }
}
