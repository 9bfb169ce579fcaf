//! Keeps the topology and the schema current, and knows which shards may serve.
//!
//! A router may serve from a shard only if it has seen within the last 5 s that the shard carries no newer topology
//! than the router's own. Whoever can read a shard's rows can read its epoch, so a router that is cut off can
//! neither serve rows long after they moved nor miss rows that were cleaned up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::mysql::MySqlConnection;

use super::store::{self, Sighting};
use super::{Epoch, Shard, ShardId, Topology, bootstrap};
use crate::schema::{Layout, Schema, load};
use crate::session;

/// How long a look at a shard's epoch counts.
pub const CONFIRMATION: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// What queries are planned against.
#[derive(Clone)]
pub struct View {
    pub topology: Arc<Topology>,
    pub schema: Arc<Schema>,
}

pub struct Watch {
    seeds: Vec<Shard>,
    layout: Layout,
    state: RwLock<State>,
    /// One round at a time; whoever waits for it shares the next one.
    connections: tokio::sync::Mutex<HashMap<ShardId, MySqlConnection>>,
    rounds_begun: AtomicU64,
    schema_loaded: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    view: Option<View>,
    schema_version: u64,
    confirmed: HashMap<ShardId, Instant>,
    problem: String,
}

impl Watch {
    pub fn new(seeds: Vec<Shard>, layout: Layout) -> Watch {
        Watch {
            seeds,
            layout,
            state: RwLock::new(State { problem: "starting".to_owned(), ..State::default() }),
            connections: tokio::sync::Mutex::new(HashMap::new()),
            rounds_begun: AtomicU64::new(0),
            schema_loaded: Mutex::new(None),
        }
    }

    /// Looks at every shard once a second, for ever.
    pub async fn run(&self) {
        loop {
            self.refresh().await;
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// The newest topology and schema known, or why there is none yet.
    pub fn view(&self) -> Result<View, String> {
        let state = self.state.read().expect("no holder of this lock panics");
        state.view.clone().ok_or_else(|| state.problem.clone())
    }

    /// Whether a shard may serve now.
    pub fn is_confirmed(&self, shard: &ShardId) -> bool {
        let state = self.state.read().expect("no holder of this lock panics");
        state.confirmed.get(shard).is_some_and(|seen| seen.elapsed() < CONFIRMATION)
    }

    /// Whether a shard was seen within the last 5 s to carry nothing newer than a topology, which is still the newest.
    pub fn is_confirmed_at(&self, shard: &ShardId, epoch: Epoch) -> bool {
        let state = self.state.read().expect("no holder of this lock panics");
        state.view.as_ref().is_some_and(|view| view.topology.epoch() == epoch)
            && state.confirmed.get(shard).is_some_and(|seen| seen.elapsed() < CONFIRMATION)
    }

    /// Whether a shard was seen within the last 5 s to carry nothing newer than what is known here, and that has the same
    /// owners as a plan's topology.
    pub fn may_write(&self, shard: &ShardId, planned: &Topology) -> bool {
        let state = self.state.read().expect("no holder of this lock panics");
        let has_same_owners = |known: &Topology| known.epoch() == planned.epoch() || known.has_same_owners(planned);
        state.view.as_ref().is_some_and(|view| has_same_owners(&view.topology))
            && state.confirmed.get(shard).is_some_and(|seen| seen.elapsed() < CONFIRMATION)
    }

    /// One round of looks that begins after this call.
    pub async fn refresh(&self) {
        let before = self.rounds_begun.load(Ordering::SeqCst);
        let mut connections = self.connections.lock().await;
        // Somebody else's round began while this call waited: it serves as well.
        if self.rounds_begun.load(Ordering::SeqCst) > before {
            return;
        }
        self.rounds_begun.fetch_add(1, Ordering::SeqCst);
        if let Err(problem) = self.round(&mut connections).await {
            tracing::warn!(problem, "no topology yet");
            self.state.write().expect("no holder of this lock panics").problem = problem;
        }
    }

    /// Reads the schema again because a statement named an unknown table; at most once a second.
    pub async fn reload_schema(&self) {
        {
            let mut loaded = self.schema_loaded.lock().expect("no holder of this lock panics");
            if loaded.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
                return;
            }
            *loaded = Some(Instant::now());
        }
        self.load_schema().await;
    }

    /// Reads the schema again because it changed.
    pub async fn load_schema(&self) {
        let Ok(view) = self.view() else { return };
        let mut connections = self.connections.lock().await;
        if let Err(problem) = self.adopt(&mut connections, view.topology).await {
            tracing::warn!(problem, "the schema could not be read");
        }
    }

    async fn round(&self, connections: &mut HashMap<ShardId, MySqlConnection>) -> Result<(), String> {
        let current = match self.view() {
            Ok(view) => view.topology,
            Err(_) => {
                let found =
                    bootstrap::find_or_create(&self.seeds, &self.layout).await.map_err(|error| chain(&error))?;
                let found = Arc::new(found);
                self.adopt(connections, found.clone()).await?;
                found
            }
        };
        let looks = current.shards().iter().map(|shard| {
            let kept = connections.remove(&shard.id);
            async move {
                let asked = Instant::now();
                let look = look(shard, kept, current_epoch(self));
                (
                    shard,
                    asked,
                    tokio::time::timeout(LOOK_TIMEOUT, look)
                        .await
                        .unwrap_or_else(|_| Err("no answer within 2 s".to_owned())),
                )
            }
        });
        let mut newest: Option<Topology> = None;
        let mut seen = Vec::new();
        for (shard, asked, outcome) in join_all(looks).await {
            match outcome {
                Ok(look) => {
                    connections.insert(shard.id.clone(), look.connection);
                    newest = newest.into_iter().chain(look.newer).max_by_key(Topology::epoch);
                    seen.push((shard.id.clone(), asked, look.sighting));
                }
                Err(problem) => tracing::debug!(shard = %shard.id, problem, "a shard did not answer"),
            }
        }
        let schema_version = seen.iter().filter_map(|(_, _, sighting)| *sighting).map(|s| s.schema_version).max();
        if let Some(newest) = newest {
            tracing::info!(epoch = %newest.epoch(), "a newer topology");
            self.adopt(connections, Arc::new(newest)).await?;
        } else if schema_version.is_some_and(|version| version != self.schema_version()) {
            self.adopt(connections, current.clone()).await?;
        }
        let mut state = self.state.write().expect("no holder of this lock panics");
        state.schema_version = schema_version.unwrap_or(state.schema_version);
        let epoch = state.view.as_ref().map(|view| view.topology.epoch());
        for (shard, asked, sighting) in seen {
            if sighting.is_none_or(|sighting| Some(sighting.epoch) <= epoch) {
                state.confirmed.insert(shard, asked);
            }
        }
        Ok(())
    }

    fn schema_version(&self) -> u64 {
        self.state.read().expect("no holder of this lock panics").schema_version
    }

    async fn adopt(
        &self,
        connections: &mut HashMap<ShardId, MySqlConnection>,
        topology: Arc<Topology>,
    ) -> Result<(), String> {
        let home = topology.home();
        let connection = match connections.remove(&home.id) {
            Some(connection) => Ok(connection),
            None => session::connect(&home.endpoint).await.map_err(|error| format!("shard {}: {error}", home.id)),
        };
        let schema = match connection {
            Ok(mut connection) => {
                let schema = load::load(&mut connection, &self.layout).await.map_err(|error| chain(&error));
                connections.insert(home.id.clone(), connection);
                schema
            }
            Err(problem) => Err(problem),
        };
        let schema = match (schema, self.view()) {
            (Ok(schema), _) => Arc::new(schema),
            // The home shard is away: what moved elsewhere is known all the same.
            (Err(problem), Ok(view)) => {
                tracing::warn!(problem, "the schema could not be read again");
                view.schema
            }
            (Err(problem), Err(_)) => return Err(problem),
        };
        let mut state = self.state.write().expect("no holder of this lock panics");
        state.view = Some(View { topology, schema });
        Ok(())
    }
}

fn current_epoch(watch: &Watch) -> Option<Epoch> {
    watch.view().ok().map(|view| view.topology.epoch())
}

struct Look {
    connection: MySqlConnection,
    sighting: Option<Sighting>,
    newer: Option<Topology>,
}

async fn look(shard: &Shard, kept: Option<MySqlConnection>, known: Option<Epoch>) -> Result<Look, String> {
    let text = |error: &dyn std::error::Error| chain(error);
    let mut connection = match kept {
        Some(connection) => connection,
        None => session::connect(&shard.endpoint).await.map_err(|error| text(&error))?,
    };
    let sighting = store::look(&mut connection).await.map_err(|error| text(&error))?;
    let newer = match sighting {
        Some(sighting) if known.is_none_or(|known| sighting.epoch > known) => {
            store::read(&mut connection).await.map_err(|error| text(&error))?
        }
        _ => None,
    };
    Ok(Look { connection, sighting, newer })
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    causes.fold(error.to_string(), |text, cause| {
        // Some libraries say their cause themselves.
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}
