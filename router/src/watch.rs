//! Keeps the topology and the schema current, and knows which shards may serve.
//!
//! A router may serve from a shard only if it has seen within the last 5 s that the shard carries no newer topology
//! than the router's own. Whoever can read a shard's rows can read its epoch, so a router that is cut off can
//! neither serve rows long after they moved nor miss rows that were cleaned up.
//!
//! Each shard is looked at by a task of its own (`look`), and the schema is read by others (`tables`). All of them
//! have deadlines, and none has a lock while it waits for a shard: one that stands still is missed, and nothing else.

mod desk;
mod look;
mod shared;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyspace::bootstrap;
use keyspace::endpoint::Login;
use keyspace::errors::chain;
use keyspace::mysql::ServerVersion;
use keyspace::schema::Layout;
use keyspace::topology::{Epoch, Shard, ShardId, Topology};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::error::QueryError;
use crate::logins::RouterLogins;
use crate::watch::desk::Desk;
use crate::watch::look::LOOK_TIMEOUT;
pub use crate::watch::shared::View;
use crate::watch::shared::{LoadedSchema, Shared, State};

/// Between two attempts to find the first topology.
const BEGIN_INTERVAL: Duration = Duration::from_secs(1);

/// Ends its tasks when it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to look for the topology, and goes on looking. With the account that routers have on every shard; without
    /// one, the seeds' logins are used as they are.
    pub fn start(seeds: Vec<Shard>, account: Option<Login>, layout: Layout) -> Watch {
        let (loads, to_load) = Desk::new();
        let (searches, to_search) = Desk::new();
        let shared = Arc::new(Shared {
            logins: RouterLogins::new(account, &seeds),
            seeds,
            layout,
            state: RwLock::new(State { problem: "starting".to_owned(), ..State::default() }),
            looks: Mutex::default(),
            versions: Mutex::default(),
            topology_changed: Notify::new(),
            loads,
            searches,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(keep(shared.clone()));
        tasks.spawn(tables::keep_loading(shared.clone(), to_load));
        tasks.spawn(tables::keep_searching(shared.clone(), to_search));
        Watch { shared, _tasks: tasks }
    }

    /// The newest topology and schema known, or why there is none yet.
    pub fn view(&self) -> Result<View, String> {
        self.shared.view()
    }

    /// Whether a shard may serve now.
    pub fn is_confirmed(&self, shard: &ShardId) -> bool {
        self.shared.state.read().expect("no holder of this lock panics").is_confirmed(shard)
    }

    /// Whether a shard was seen within the last 5 s to carry nothing newer than a topology, which is still the newest.
    pub fn is_confirmed_at(&self, shard: &ShardId, epoch: Epoch) -> bool {
        let state = self.shared.state.read().expect("no holder of this lock panics");
        state.view.as_ref().is_some_and(|view| view.topology.epoch() == epoch) && state.is_confirmed(shard)
    }

    /// Whether a shard was seen within the last 5 s to carry nothing newer than what is known here, and that has the same
    /// owners as a plan's topology.
    pub fn may_write(&self, shard: &ShardId, planned: &Topology) -> bool {
        let state = self.shared.state.read().expect("no holder of this lock panics");
        let has_same_owners = |known: &Topology| known.epoch() == planned.epoch() || known.has_same_owners(planned);
        state.view.as_ref().is_some_and(|view| has_same_owners(&view.topology)) && state.is_confirmed(shard)
    }

    /// The versions of the shards' servers, each once. One that was never seen serves no statement either.
    pub fn server_versions(&self) -> Vec<ServerVersion> {
        let Ok(view) = self.view() else { return Vec::new() };
        let seen = self.shared.versions.lock().expect("no holder of this lock panics");
        let of_shards = view.topology.shards().iter().filter_map(|shard| seen.get(&shard.id).copied());
        let versions: BTreeSet<ServerVersion> = of_shards.collect();
        match versions.is_empty() {
            true => view.schema.server_version().into_iter().collect(),
            false => versions.into_iter().collect(),
        }
    }

    /// Looks at every shard, each of which has its time to answer; returns when all have, or that is over.
    pub async fn refresh(&self) {
        // One look may be under way already.
        let deadline = Instant::now() + 2 * LOOK_TIMEOUT;
        let desks: Vec<Arc<Desk<(), ()>>> = {
            let looks = self.shared.looks.lock().expect("no holder of this lock panics");
            looks.values().cloned().collect()
        };
        join_all(desks.iter().map(|desk| desk.ask((), deadline))).await;
    }

    /// One look at a shard that begins after this call, if it is over by the deadline.
    pub async fn look_at(&self, shard: &ShardId, deadline: Instant) {
        let desk = self.shared.looks.lock().expect("no holder of this lock panics").get(shard).cloned();
        if let Some(desk) = desk {
            desk.ask((), deadline).await;
        }
    }

    /// Makes sure that a table which a statement named, and which is not in the schema, does not exist: another router or
    /// a client of the server may have made it a moment ago. If it does, the schema has been read again.
    ///
    /// # Errors
    /// [`QueryError::ShardUnavailable`] if the home shard does not say by the deadline.
    pub async fn find_table(&self, table: &str, deadline: Instant) -> Result<(), QueryError> {
        let home = self.view().map_err(QueryError::NotReady)?.topology.home().id.clone();
        let unknown = |why: &str| QueryError::ShardUnavailable {
            shard: home.clone(),
            cause: format!("whether there is a table `{table}` is not known, {why}"),
        };
        // One that is known to stand still is waited for as little as by any other statement.
        if !self.is_confirmed(&home) {
            self.look_at(&home, deadline).await;
        }
        if !self.is_confirmed(&home) {
            return Err(unknown("as it does not answer"));
        }
        match self.shared.searches.ask(table.to_owned(), deadline).await {
            Some(Ok(false)) => return Ok(()),
            Some(Ok(true)) => {}
            Some(Err(why)) => return Err(unknown(&why)),
            None => return Err(unknown("as it did not answer in the statement's time")),
        }
        match self.shared.loads.ask((), deadline).await {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(unknown(&why)),
            None => Err(unknown("as its tables could not be read in the statement's time")),
        }
    }

    /// Reads the schema again because it changed. If that is not over by the deadline, it is waited for no more.
    pub async fn load_schema(&self, deadline: Instant) {
        self.shared.loads.ask((), deadline).await;
    }
}

/// Finds the first topology, and then has every shard of the newest one looked at.
async fn keep(shared: Arc<Shared>) {
    while let Err(problem) = begin(&shared).await {
        tracing::warn!(problem, "no topology yet");
        shared.state.write().expect("no holder of this lock panics").problem = problem;
        tokio::time::sleep(BEGIN_INTERVAL).await;
    }
    let mut tasks = JoinSet::new();
    let mut lookers: HashMap<ShardId, (Shard, AbortHandle)> = HashMap::new();
    while let Ok(View { topology, .. }) = shared.view() {
        lookers.retain(|id, (shard, task)| {
            let is_current = topology.shard(id) == Some(shard);
            if !is_current {
                task.abort();
                shared.looks.lock().expect("no holder of this lock panics").remove(id);
            }
            is_current
        });
        for shard in topology.shards() {
            if !lookers.contains_key(&shard.id) {
                let (desk, requests) = Desk::new();
                let task = tasks.spawn(look::keep_looking(shared.clone(), shard.clone(), requests));
                shared.looks.lock().expect("no holder of this lock panics").insert(shard.id.clone(), Arc::new(desk));
                lookers.insert(shard.id.clone(), (shard.clone(), task));
            }
        }
        shared.topology_changed.notified().await;
    }
}

/// Finds the first topology, or makes it, and reads the first schema.
async fn begin(shared: &Shared) -> Result<(), String> {
    let (seeds, logins) = (shared.logins.settle(&shared.seeds).await, shared.logins.logins());
    let found = bootstrap::find_or_create(&seeds, &shared.layout, logins).await.map_err(|error| chain(&error))?;
    let found = logins.complete_topology(found);
    let LoadedSchema { schema, version, is_borrowed } = tables::read_first(&found, &shared.layout).await?;
    let mut state = shared.state.write().expect("no holder of this lock panics");
    state.view = Some(View { topology: Arc::new(found), schema: Arc::new(schema) });
    state.schema_version = version;
    state.has_borrowed_schema = is_borrowed;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::shared::SeenShard;
    use keyspace::endpoint::Endpoint;
    use keyspace::own::topology::Sighting;
    use keyspace::schema::Schema;
    use keyspace::slots::plan_even_spread;

    fn shard(number: u16, port: u16) -> Shard {
        let id = ShardId::new(format!("shard-{number}")).unwrap();
        Shard { id, endpoint: Endpoint::tcp("127.0.0.1", port, "app", "", "shop") }
    }

    fn first() -> Topology {
        Topology::first(vec![shard(1, 1), shard(2, 2)], plan_even_spread(2)).unwrap()
    }

    /// What is known when the shards were asked at some moment, and whether the schema is to be read again.
    struct Known(Watch);

    impl Known {
        fn new() -> Known {
            let watch = Watch::start(Vec::new(), None, Layout::default());
            let schema = Arc::new(Schema::new("shop", &Layout::default(), true, Vec::new()));
            *watch.shared.state.write().unwrap() =
                State { view: Some(View { topology: Arc::new(first()), schema }), ..State::default() };
            Known(watch)
        }

        fn record_seen(&self, shard: &Shard, ago: Duration, epoch: u64, newer: Option<Topology>) {
            let sighting = Some(Sighting { epoch: Epoch::from_number(epoch), schema_version: 0 });
            self.0.shared.record_seen(shard, Instant::now() - ago, SeenShard { sighting, newer });
        }
    }

    #[tokio::test]
    async fn a_look_counts_from_when_it_was_asked() {
        let known = Known::new();
        known.record_seen(&shard(1, 1), Duration::from_millis(4_900), 1, None);
        known.record_seen(&shard(2, 2), Duration::from_millis(5_100), 1, None);
        assert!(known.0.is_confirmed(&shard(1, 1).id));
        assert!(!known.0.is_confirmed(&shard(2, 2).id));
    }

    #[tokio::test]
    async fn a_shard_that_carries_more_than_is_known_confirms_nothing() {
        let known = Known::new();
        let second = first().with_shard(shard(3, 3));
        known.record_seen(&shard(1, 1), Duration::ZERO, 2, None);
        assert!(!known.0.is_confirmed(&shard(1, 1).id));
        known.record_seen(&shard(1, 1), Duration::ZERO, 2, Some(second.clone()));
        assert!(known.0.is_confirmed_at(&shard(1, 1).id, Epoch::from_number(2)));
        // An older one that comes later is no step back.
        known.record_seen(&shard(2, 2), Duration::ZERO, 1, Some(first()));
        assert_eq!(known.0.view().unwrap().topology.epoch(), second.epoch());
        assert!(known.0.is_confirmed(&shard(2, 2).id));
    }

    #[tokio::test]
    async fn the_home_shard_does_not_serve_by_the_tables_of_another_one() {
        let known = Known::new();
        let read = |is_borrowed| LoadedSchema {
            schema: Schema::new("shop", &Layout::default(), true, Vec::new()),
            version: Some(0),
            is_borrowed,
        };
        known.0.shared.take_schema(read(true));
        known.record_seen(&shard(1, 1), Duration::ZERO, 1, None);
        known.record_seen(&shard(2, 2), Duration::ZERO, 1, None);
        assert!(!known.0.is_confirmed(&shard(1, 1).id));
        assert!(known.0.is_confirmed(&shard(2, 2).id));
        known.0.shared.take_schema(read(false));
        known.record_seen(&shard(1, 1), Duration::ZERO, 1, None);
        assert!(known.0.is_confirmed(&shard(1, 1).id));
    }

    #[tokio::test]
    async fn a_server_that_is_a_shards_no_longer_confirms_nothing() {
        let known = Known::new();
        let moved = first().with_endpoints(&[shard(2, 20)]).unwrap();
        known.record_seen(&shard(1, 1), Duration::ZERO, 2, Some(moved));
        known.record_seen(&shard(2, 2), Duration::ZERO, 1, None);
        assert!(!known.0.is_confirmed(&shard(2, 2).id));
        known.record_seen(&shard(2, 20), Duration::ZERO, 1, None);
        assert!(known.0.is_confirmed(&shard(2, 2).id));
    }
}
