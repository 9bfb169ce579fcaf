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
/// The schema is not read more often for tables that do not exist.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

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
    schema_loads: Mutex<SchemaLoads>,
}

/// When the schema was last read, and when that last failed.
#[derive(Clone, Copy, Debug, Default)]
struct SchemaLoads {
    begun: Option<Instant>,
    failed: Option<Instant>,
}

/// What is done for a statement that names a table which is not in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// Reading the schema has begun since then: it is known what there is.
    Done,
    Load,
    /// It was read a moment ago, and is not read again for a table that does not exist.
    Ask,
}

impl SchemaLoads {
    /// For a statement that came at `asked`, when nobody else is at it.
    fn search(&self, asked: Instant, now: Instant) -> Search {
        let is_recent = |at: Option<Instant>| at.is_some_and(|at| now.duration_since(at) < RELOAD_INTERVAL);
        match self.begun {
            Some(begun) if begun >= asked => Search::Done,
            // Everybody would wait for a server that does not answer, one after another.
            Some(_) | None if is_recent(self.failed) => Search::Done,
            Some(_) if is_recent(self.begun) => Search::Ask,
            Some(_) | None => Search::Load,
        }
    }
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
            schema_loads: Mutex::new(SchemaLoads::default()),
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

    /// Makes sure that a table which a statement named, and which is not in the schema, does not exist: another router or
    /// a client of the server may have made it a moment ago.
    ///
    /// Reads the schema at most once a second unless the home shard says that there is such a table. Whoever comes while
    /// it is read waits for that.
    pub async fn reload_schema(&self, table: &str) {
        let asked = Instant::now();
        let Ok(view) = self.view() else { return };
        let mut connections = self.connections.lock().await;
        let search = self.schema_loads().search(asked, Instant::now());
        let is_worth_it = match search {
            Search::Done => false,
            Search::Load => true,
            Search::Ask => self.is_at_home(&mut connections, view.topology.home(), table).await,
        };
        // A newer topology could have come with the round that was waited for.
        let Ok(view) = self.view() else { return };
        if is_worth_it && let Err(problem) = self.adopt(&mut connections, view.topology).await {
            tracing::warn!(problem, "the schema could not be read");
        }
    }

    /// Whether the home shard has a table; also `false` if it does not answer.
    async fn is_at_home(&self, connections: &mut HashMap<ShardId, MySqlConnection>, home: &Shard, table: &str) -> bool {
        let kept = connections.remove(&home.id);
        let ask = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => session::connect(&home.endpoint).await?,
            };
            let exists = load::has_table(&mut connection, table).await?;
            Ok::<_, sqlx::Error>((connection, exists))
        };
        match tokio::time::timeout(LOOK_TIMEOUT, ask).await {
            Ok(Ok((connection, exists))) => {
                connections.insert(home.id.clone(), connection);
                exists
            }
            Ok(Err(_)) | Err(_) => {
                self.note_load(|loads| loads.failed = Some(Instant::now()));
                false
            }
        }
    }

    fn schema_loads(&self) -> SchemaLoads {
        *self.schema_loads.lock().expect("no holder of this lock panics")
    }

    fn note_load(&self, note: impl FnOnce(&mut SchemaLoads)) {
        note(&mut self.schema_loads.lock().expect("no holder of this lock panics"));
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
        let begun = Instant::now();
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
        match &schema {
            Ok(_) => self.note_load(|loads| *loads = SchemaLoads { begun: Some(begun), failed: None }),
            Err(_) => self.note_load(|loads| loads.failed = Some(Instant::now())),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds after a beginning; the schema is looked for at 10 s.
    fn check_search(begun: Option<u64>, failed: Option<u64>, asked: u64, expected: Search) {
        let start = Instant::now();
        let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
        let loads = SchemaLoads { begun: begun.map(at), failed: failed.map(at) };
        assert_eq!(loads.search(at(asked), at(10_000)), expected, "{loads:?}, asked at {asked}");
    }

    #[test]
    fn the_schema_is_read_once_a_second_for_tables_that_may_not_exist() {
        check_search(None, None, 9_000, Search::Load);
        check_search(Some(8_900), None, 10_000, Search::Load);
        check_search(Some(9_100), None, 10_000, Search::Ask);
    }

    #[test]
    fn a_read_of_the_schema_serves_those_who_asked_before_it_began() {
        check_search(Some(9_900), None, 9_800, Search::Done);
        check_search(Some(9_900), None, 9_900, Search::Done);
        // A table could have been made after it.
        check_search(Some(9_900), None, 9_950, Search::Ask);
        // Even if that took long.
        check_search(Some(8_500), None, 8_000, Search::Done);
    }

    #[test]
    fn a_home_shard_that_does_not_answer_is_left_alone_for_a_second() {
        check_search(None, Some(9_500), 9_800, Search::Done);
        check_search(Some(9_100), Some(9_500), 9_800, Search::Done);
        check_search(Some(5_000), Some(8_500), 9_800, Search::Load);
    }
}
