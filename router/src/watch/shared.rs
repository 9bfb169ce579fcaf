//! What the tasks of the watch share: what is known of the topology, the schema and the shards.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use keyspace::mysql::ServerVersion;
use keyspace::own::topology::Sighting;
use keyspace::schema::{Layout, Schema};
use keyspace::topology::{Epoch, Shard, ShardId, Topology};
use tokio::sync::Notify;

use super::desk::Desk;
use crate::logins::RouterLogins;

/// How long a look at a shard's epoch counts.
pub const CONFIRMATION: Duration = Duration::from_secs(5);

/// What queries are planned against.
#[derive(Clone)]
pub struct View {
    pub topology: Arc<Topology>,
    pub schema: Arc<Schema>,
}

/// What the tasks share. Its locks are held for moments only.
pub struct Shared {
    pub seeds: Vec<Shard>,
    pub logins: RouterLogins,
    pub layout: Layout,
    pub state: RwLock<State>,
    pub looks: Mutex<HashMap<ShardId, Arc<Desk<(), ()>>>>,
    /// Of the servers that were seen.
    pub versions: Mutex<BTreeMap<ShardId, ServerVersion>>,
    pub topology_changed: Notify,
    pub loads: Desk<(), LoadOutcome>,
    pub searches: Desk<String, Existence>,
}

#[derive(Default)]
pub struct State {
    pub view: Option<View>,
    /// The shard's when its schema was read.
    pub schema_version: Option<u64>,
    /// The schema is another shard's, as the home shard was away when this router began: it does not serve before its own
    /// is read.
    pub has_borrowed_schema: bool,
    pub confirmed: HashMap<ShardId, Instant>,
    pub problem: String,
}

impl State {
    pub fn is_confirmed(&self, shard: &ShardId) -> bool {
        self.confirmed.get(shard).is_some_and(|seen| seen.elapsed() < CONFIRMATION)
    }
}

impl Shared {
    pub fn view(&self) -> Result<View, String> {
        let state = self.state.read().expect("no holder of this lock panics");
        state.view.clone().ok_or_else(|| state.problem.clone())
    }

    pub fn epoch(&self) -> Option<Epoch> {
        self.view().ok().map(|view| view.topology.epoch())
    }

    /// Takes note of what a shard was seen to carry when it was asked at `asked`. Never goes backwards.
    pub fn record_seen(&self, shard: &Shard, asked: Instant, SeenShard { sighting, newer }: SeenShard) {
        let mut state = self.state.write().expect("no holder of this lock panics");
        let State { view: Some(view), schema_version, has_borrowed_schema, confirmed, .. } = &mut *state else {
            return;
        };
        let newer = newer.filter(|newer| newer.epoch() > view.topology.epoch());
        let is_new = newer.is_some();
        if let Some(newer) = newer {
            tracing::info!(epoch = %newer.epoch(), "a newer topology");
            let newer = self.logins.logins().complete_topology(newer);
            let before = std::mem::replace(&mut view.topology, Arc::new(newer));
            confirmed.retain(|shard, _| view.topology.shard(shard) == before.shard(shard));
        }
        // What a server said that is the shard's no longer counts for nothing.
        let is_current = view.topology.shard(&shard.id) == Some(shard);
        let is_home = view.topology.home() == shard;
        let is_known = !(is_home && *has_borrowed_schema);
        if is_current && is_known && sighting.is_none_or(|sighting| sighting.epoch <= view.topology.epoch()) {
            confirmed.insert(shard.id.clone(), asked);
        }
        let is_other_version = sighting.is_some_and(|sighting| Some(sighting.schema_version) != *schema_version);
        let is_other_schema = is_home && (*has_borrowed_schema || is_other_version);
        drop(state);
        if is_new {
            self.topology_changed.notify_one();
        }
        if is_new || is_other_schema {
            drop(self.loads.order(()));
        }
    }

    /// A shard that refused the router's account may be reached by another login now.
    pub fn follow_logins(&self) {
        let logins = self.logins.logins();
        let mut state = self.state.write().expect("no holder of this lock panics");
        if let Some(view) = &mut state.view
            && view.topology.shards().iter().any(|shard| logins.complete(&shard.endpoint) != shard.endpoint)
        {
            view.topology = Arc::new(logins.complete_topology(Topology::clone(&view.topology)));
        }
    }

    pub fn saw_version(&self, shard: &ShardId, version: &str) {
        if let Some(version) = ServerVersion::parse(version) {
            self.versions.lock().expect("no holder of this lock panics").insert(shard.clone(), version);
        }
    }

    pub fn take_schema(&self, LoadedSchema { schema, version, is_borrowed }: LoadedSchema) {
        let mut state = self.state.write().expect("no holder of this lock panics");
        if let Some(view) = &mut state.view {
            view.schema = Arc::new(schema);
            state.schema_version = version;
            state.has_borrowed_schema = is_borrowed;
        }
    }
}

/// What a shard carried when it was looked at.
pub struct SeenShard {
    pub sighting: Option<Sighting>,
    /// Its topology, if that is newer than the one that was known.
    pub newer: Option<Topology>,
}

/// Whether a table exists, or why that cannot be told.
pub type Existence = Result<bool, String>;
/// Whether the schema was read.
pub type LoadOutcome = Result<(), String>;

/// The schema as it was read.
pub struct LoadedSchema {
    pub schema: Schema,
    /// How often it had been changed through routers when reading it began.
    pub version: Option<u64>,
    /// It is another shard's than the home shard's.
    pub is_borrowed: bool,
}
