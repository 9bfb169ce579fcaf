//! What runs a statement, whatever door it came in by: request in, rows out through a [`RowSink`].

mod ended;
mod leftovers;
mod literals;
mod session;

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::Client;
use door::DoorLimits;
use jiff::Timestamp;
use keyspace::endpoint::Login;
use keyspace::recovery::{PATIENCE, Recovery};
use keyspace::schema::Layout;
use keyspace::topology::{Epoch, Shard, ShardId, Topology};
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Mutex, Semaphore};

use self::literals::{Counting, LiteralRows};
use self::session::Sessions;
use crate::budget::{Budget, Held, Kind};
use crate::bulkheads::{Place, Shares, Turns};
use crate::definitions::{self, Time};
use crate::error::QueryError;
use crate::execute::{Execution, RowSink, Written};
use crate::faults::Faults;
use crate::known::KnownReads;
use crate::metrics::{Metrics, Retry};
use crate::plan::{Combine, Gather, IdsWanted, Merge, Node, Plan, Planner, Refill, Refusal, WriteNode};
use crate::sequences::Sequences;
use crate::shards::Shards;
use crate::slot_load::SlotCounters;
use crate::sql;
use crate::sql::meaning::statement::{Scope, Statement};
use crate::sql::read::bind::Param;
use crate::sql::read::error::SqlError;
use crate::sql::read::error::Unsupported;
use crate::sql::read::outline::outline;
use crate::sql::read::source::Sql;
use crate::sql::read::weight::weigh;
use crate::transaction::{Coordinator, Transaction};
use crate::watch::{View, Watch};

#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Shards to find the topology on, or to make the first one of; in shard order.
    pub seeds: Vec<Shard>,
    /// The account that routers have on every shard. `None`: the seeds' logins are used as they are.
    pub account: Option<Login>,
    pub layout: Layout,
    pub limits: Limits,
    pub faults: Faults,
}

/// What one router spends on a client at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a request, 16 MiB.
    pub max_body_bytes: u64,
    /// Of an answer, 100,000.
    pub max_result_rows: u64,
    /// Of an answer, 64 MiB.
    pub max_result_bytes: u64,
    /// Groups that a merge may hold at once, 1,000,000.
    pub max_held_rows: usize,
    /// Of a statement, 250,000: an INSERT of 1 MB has 200,000.
    pub max_statement_tokens: usize,
    /// 30 s.
    pub statement_timeout: Duration,
    /// 512 at a time.
    pub max_concurrent_queries: usize,
    /// 32.
    pub max_connections_per_shard: usize,
    /// How long a query may wait for its turn or for a connection, 1 s.
    pub queue_timeout: Duration,
    /// 1,000.
    pub max_sessions: usize,
    /// After this long without a statement a session ends, and its transaction is rolled back, 30 s.
    pub session_idle_timeout: Duration,
    /// What the router holds for all clients together: bodies, statements, answers, rows and sessions, 96 MiB.
    pub max_memory_bytes: usize,
    /// How long a part of a transaction may be in doubt before it is brought to its end, 5 s.
    pub in_doubt_timeout: Duration,
    /// Connections of clients, and how long they may take.
    pub http: DoorLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_body_bytes: 16 << 20,
            max_result_rows: 100_000,
            max_result_bytes: 64 << 20,
            max_held_rows: 1_000_000,
            max_statement_tokens: 250_000,
            statement_timeout: Duration::from_secs(30),
            max_concurrent_queries: 512,
            max_connections_per_shard: 32,
            queue_timeout: Duration::from_secs(1),
            max_sessions: 1_000,
            session_idle_timeout: Duration::from_secs(30),
            max_memory_bytes: 96 << 20,
            in_doubt_timeout: PATIENCE,
            http: DoorLimits::default(),
        }
    }
}

/// Between two rounds of what is to be done once in a while.
const TENDING_INTERVAL: Duration = Duration::from_secs(1);
impl Limits {
    /// Statements that copy rows to the home shard at a time.
    fn most_gathers(&self) -> usize {
        (self.max_connections_per_shard / 4).max(1)
    }
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Request {
    pub sql: String,
    pub params: Vec<Param>,
    pub client: Client,
    /// Shorter than the configured timeout, if given.
    pub timeout: Option<Duration>,
    pub consistency: Consistency,
}

/// What a read over several shards sees of a transaction over several shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// All of it or nothing.
    #[default]
    Atomic,
    /// What each shard has, which may be a part.
    Shard,
}

/// Where an answer came from, and what a write did.
#[derive(Debug)]
pub struct Answer {
    pub shards: Vec<ShardId>,
    /// Set for writes and DDL.
    pub written: Option<Written>,
}

/// A statement as far as it had to be read.
enum Reading {
    /// A read, known by its outline.
    Known(Vec<Scope>),
    Full(Box<(Sql, Statement)>),
}

/// What holds for a statement however often it is tried.
struct Attempt<'a> {
    request: &'a Request,
    deadline: Instant,
    timeout: Duration,
    /// That of the session, if it has one open.
    transaction: Option<&'a Mutex<Transaction>>,
    /// Rows that it reads are locked: those that are moving must not be switched meanwhile.
    locks: bool,
}

impl Reading {
    fn full(request: &Request) -> Result<Reading, QueryError> {
        Reading::of(&request.sql, &request.params)
    }

    fn of(text: &str, params: &[Param]) -> Result<Reading, QueryError> {
        let sql = sql::read(text, params)?;
        let statement = sql::analyse(&sql)?;
        Ok(Reading::Full(Box::new((sql, statement))))
    }
}

/// Ids that a statement drew.
struct Drawn {
    table: String,
    ids: Option<RangeInclusive<u64>>,
    /// The statement before it had them.
    before: Option<Reading>,
}

impl Drawn {
    /// Whether an error names one of the ids.
    fn collides(&self, message: &str) -> bool {
        self.before.is_some()
            && self.ids.clone().is_some_and(|mut ids| ids.any(|id| message.contains(&format!("'{id}'"))))
    }
}

pub struct Router {
    watch: Watch,
    known: KnownReads,
    coordinator: Arc<Coordinator>,
    sequences: Sequences,
    sessions: Sessions,
    slot_counters: SlotCounters,
    limits: Limits,
    budget: Arc<Budget>,
    turns: Turns,
    /// Statements in progress on each shard, running or waiting.
    places: Arc<Shares<ShardId>>,
    gather_turns: Semaphore,
    /// Of long statements, which few are read of at a time.
    reading_turns: Semaphore,
}

/// Statements longer than this take milliseconds to read and plan.
const LONG_STATEMENT: usize = 16 << 10;
/// Long statements that are read at a time: on a machine of two cores others are still served.
const MOST_READ_AT_ONCE: usize = 1;

impl Router {
    /// Starts looking for the topology and returns at once; [`Router::is_ready`] tells when it is known.
    pub fn start(config: RouterConfig) -> Arc<Router> {
        let watch = Watch::start(config.seeds, config.account, config.layout);
        let shards = Shards::new(config.limits.max_connections_per_shard, config.limits.queue_timeout);
        let metrics = Metrics::new().expect("every family has its own valid name");
        let router = Arc::new(Router {
            watch,
            known: KnownReads::default(),
            coordinator: Arc::new(Coordinator::new(shards, metrics, config.faults)),
            sequences: Sequences::default(),
            sessions: Sessions::new(config.limits.max_sessions, config.limits.session_idle_timeout),
            slot_counters: SlotCounters::new(Timestamp::now()),
            turns: Turns::new(config.limits.max_concurrent_queries),
            places: Arc::default(),
            gather_turns: Semaphore::new(config.limits.most_gathers()),
            reading_turns: Semaphore::new(MOST_READ_AT_ONCE),
            budget: Budget::new(config.limits.max_memory_bytes),
            limits: config.limits,
        });
        let recovery = Arc::new(Mutex::new(Recovery::new(router.limits.in_doubt_timeout)));
        tend(&router, TENDING_INTERVAL, move |router| {
            let recovery = recovery.clone();
            async move { router.recover(&mut *recovery.lock().await).await }
        });
        tend(&router, TENDING_INTERVAL, |router| async move { router.resume_definitions().await });
        tend(&router, TENDING_INTERVAL, |router| async move { router.sessions.end_idle(&router.coordinator).await });
        // Often, so that reads over several shards find few rows of transactions that are over.
        tend(&router, Duration::from_millis(100), |router| async move {
            if let Some(topology) = router.topology() {
                router.coordinator.delete_settled(&topology);
            }
        });
        router
    }

    /// Brings transactions to their end that were left behind.
    async fn recover(&self, recovery: &mut Recovery) {
        if let Some(topology) = self.topology() {
            let round = recovery.round(&topology).await;
            self.metrics().recovered(&round);
        }
    }

    /// The same with changes of the schema.
    async fn resume_definitions(&self) {
        let Some(topology) = self.topology() else { return };
        match definitions::resume(&self.coordinator, &topology, self.limits.statement_timeout).await {
            Ok(0) => {}
            Ok(resumed) => {
                tracing::info!(resumed, "changes of the schema that were left half done are at their end");
                self.watch.load_schema(Instant::now() + self.limits.statement_timeout).await;
            }
            Err(error) => tracing::debug!(%error, "changes of the schema stay half done for now"),
        }
    }

    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.watch.view().ok().map(|view| view.topology)
    }

    /// Looks at every shard's topology now.
    pub async fn refresh(&self) {
        self.watch.refresh().await;
    }

    /// Ready when a shard has confirmed the topology; returns the shards with rows that have not. One dead shard must
    /// not take the router away from the others' clients.
    pub fn is_ready(&self) -> Result<Vec<ShardId>, String> {
        let view = self.watch.view()?;
        let owning = view.topology.owning_shards();
        let unconfirmed = owning.iter().filter(|shard| !self.watch.is_confirmed(&shard.id));
        let unconfirmed: Vec<ShardId> = unconfirmed.map(|shard| shard.id.clone()).collect();
        match unconfirmed.len() < owning.len() {
            true => Ok(unconfirmed),
            false => Err("no shard has confirmed the topology within 5 s".to_owned()),
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What may be held for clients; front doors take from it what they read and answer.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub fn metrics(&self) -> &Metrics {
        &self.coordinator.metrics
    }

    /// What was asked of each slot since the router started.
    pub fn slot_load(&self) -> Value {
        let topology = self.topology();
        let shards = topology.iter().flat_map(|topology| topology.shards());
        self.slot_counters.to_json(shards.map(|shard| (shard.id.clone(), self.metrics().sent_to_shard(&shard.id))))
    }

    pub fn render_metrics(&self) -> Vec<u8> {
        let topology = self.topology();
        let active = self.turns.active();
        self.metrics().sessions(self.sessions.count());
        self.metrics().memory(&self.budget.usage());
        self.metrics().render(topology.as_deref(), &self.coordinator.shards.counts(), active, |shard| {
            self.watch.is_confirmed(shard)
        })
    }

    /// Runs a statement; its rows go to `sink`. With `session`, in the session of that name.
    ///
    /// Not cancel safe for writes on one shard: dropping the future during one leaves its outcome to the server. Writes on
    /// several are undone, unless they are decided already.
    pub async fn run(
        &self,
        request: &Request,
        session: Option<&str>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        let started = Instant::now();
        let _turn = self.turns.take(request.client, started + self.limits.queue_timeout).await?;
        let timeout = request.timeout.unwrap_or(self.limits.statement_timeout).min(self.limits.statement_timeout);
        let request = &*self.expanded(request)?;
        let attempt = Attempt { request, deadline: started + timeout, timeout, transaction: None, locks: false };
        // Dumps have comments that only newer servers run.
        if sql::read::scan::is_comments_only(&request.sql) {
            return Ok(Answer { shards: Vec::new(), written: Some(Written::default()) });
        }
        let _held = self.admit(request, started + timeout).await?;
        match session {
            None => {
                let reading = self.at_length(request.sql.len(), &attempt, || self.read(request)).await??;
                self.answer(reading, &attempt, sink).await
            }
            Some(name) => self.run_in_session(name, &attempt, sink).await,
        }
    }

    /// Room for reading a request's statement.
    async fn admit(&self, request: &Request, deadline: Instant) -> Result<Held, QueryError> {
        /// A param's place in the text and in the tree.
        const PARAM_BYTES: usize = 1_000;
        const PARAM_COPIES: usize = 6;
        let of_params = request.params.iter().map(|param| match param {
            Param::Null | Param::Bool(_) => PARAM_BYTES,
            Param::Number(text) | Param::Text(text) => PARAM_BYTES + PARAM_COPIES * text.len(),
        });
        self.admit_text(request.client, &request.sql, of_params.sum(), deadline).await
    }

    async fn admit_text(
        &self,
        client: Client,
        text: &str,
        more_bytes: usize,
        deadline: Instant,
    ) -> Result<Held, QueryError> {
        let weight = weigh(text);
        let limit = self.limits.max_statement_tokens;
        if weight.tokens > limit {
            let what = "tokens (limits.max_statement_tokens)";
            return Err(SqlError::TooMany { what, count: weight.tokens, limit }.into());
        }
        let patience = deadline.min(Instant::now() + self.limits.queue_timeout);
        self.budget.take_by(client, Kind::Statements, weight.bytes + more_bytes, patience).await
    }

    /// Does what takes time in proportion to a statement's length. If it is long, then one at a time and not on a thread
    /// that serves others.
    async fn at_length<T>(
        &self,
        length: usize,
        attempt: &Attempt<'_>,
        work: impl FnOnce() -> T,
    ) -> Result<T, QueryError> {
        if length <= LONG_STATEMENT {
            return Ok(work());
        }
        let turn = tokio::time::timeout_at(attempt.deadline.into(), self.reading_turns.acquire()).await;
        let _turn = turn.map_err(|_| QueryError::Timeout { milliseconds: attempt.timeout.as_millis() })?;
        Ok(match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            // There is no other thread.
            _ => work(),
        })
    }

    /// Tries a statement until it has an answer: rows may move meanwhile.
    async fn answer(
        &self,
        mut reading: Reading,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        /// Ids that rows have already are drawn when rows came past the router.
        const MOST_DRAWS: u32 = 3;
        let started = Instant::now();
        let sink = &mut Counting { sink, rows: 0 };
        let mut unmergeable = None;
        let mut is_second_connection = false;
        let mut looked_for: Option<String> = None;
        let mut drawn: Option<Drawn> = None;
        let mut draws = 0;
        // Room for statements that were made from others' rows.
        let mut refilled: Vec<Held> = Vec::new();
        loop {
            let view = self.watch.view().map_err(QueryError::NotReady)?;
            if let (Reading::Full(full), None) = (&reading, &drawn)
                && let Some((found, filled)) = self.draw(&full.0, &full.1, &view, attempt).await?
            {
                draws += 1;
                drawn = Some(Drawn { before: filled.map(|filled| std::mem::replace(&mut reading, filled)), ..found });
            }
            let plan = match &reading {
                Reading::Full(full) => {
                    let ids = drawn.as_ref().and_then(|drawn| drawn.ids.clone());
                    let plan = || self.plan(&full.0, &full.1, &view, unmergeable.as_ref(), ids);
                    let planned = self.at_length(full.0.text.len(), attempt, plan).await?;
                    if let Err(Refusal::NoSuchTable { table, .. }) = &planned
                        && looked_for.as_ref() != Some(table)
                    {
                        // The table may be newer than the schema in memory, and then draw ids.
                        self.watch.find_table(table, attempt.deadline).await?;
                        looked_for = Some(table.clone());
                        continue;
                    }
                    if let (Err(_), Some(Drawn { table, ids: Some(ids), .. })) = (&planned, &drawn) {
                        self.sequences.give_back(table, *ids.start(), ids.end() + 1);
                    }
                    let is_unread = full.0.statement.is_err() || matches!(full.1, Statement::Unread(_));
                    // Not even to be read by a server, if it leads out of the database.
                    let has_own_names = || {
                        let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
                        planner.resolve_names(&full.0, &full.1).is_ok()
                    };
                    if planned.is_err() && is_unread && has_own_names() {
                        self.execution(&view, false, attempt).check_syntax(&full.0.text).await?;
                    }
                    (planned?, view)
                }
                Reading::Known(scopes) => {
                    let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
                    let Some(plan) = planner.plan_by_scopes(&attempt.request.sql, scopes) else {
                        reading = Reading::full(attempt.request)?;
                        continue;
                    };
                    (plan, view)
                }
            };
            let _places = self.enter(&plan)?;
            if let Some(shard) = self.outdated(&plan, attempt.deadline).await? {
                // What a transaction has read and locked belongs to the owners that it found.
                let moved = self.topology().is_some_and(|now| !now.has_same_owners(&plan.1.topology));
                if moved && attempt.transaction.is_some() {
                    return Err(QueryError::Moved(shard));
                }
                continue;
            }
            if let Node::Refill(refill) = &plan.0.node {
                match self.refill(refill, &plan, attempt).await {
                    Ok(Some(text)) => {
                        refilled.push(self.admit_text(attempt.request.client, &text, 0, attempt.deadline).await?);
                        reading = self.at_length(text.len(), attempt, || Reading::of(&text, &[])).await??;
                    }
                    Ok(None) => {
                        return Ok(Answer { shards: shards_of(&plan.0), written: Some(Written::default()) });
                    }
                    // What a transaction has read of the old owner must not meet what the new one has.
                    Err(QueryError::Moved(shard)) if attempt.transaction.is_none() => {
                        if Instant::now() > attempt.deadline {
                            return Err(QueryError::KeptMoving);
                        }
                        self.follow(&shard, plan.1.topology.epoch(), attempt.deadline).await;
                    }
                    Err(error) => return Err(error),
                }
                continue;
            }
            let outcome = self.carry_out(&plan, attempt, sink).await;
            self.count_load(&plan.0, &outcome, sink.rows);
            match outcome {
                Err(QueryError::Moved(shard)) if attempt.transaction.is_none() => {
                    if Instant::now() > attempt.deadline {
                        return Err(QueryError::KeptMoving);
                    }
                    tracing::debug!(%shard, "rows moved, running again");
                    self.metrics().retried(Retry::Moved);
                    sink.reset();
                    self.follow(&shard, plan.1.topology.epoch(), attempt.deadline).await;
                }
                // A server that was restarted, or a session that was ended while it lay in its pool.
                Err(QueryError::ConnectionBroke { shard, cause })
                    if attempt.transaction.is_none()
                        && matches!(plan.0.node, Node::Read(_) | Node::Gather(_))
                        && !std::mem::replace(&mut is_second_connection, true)
                        && sink.rows == 0
                        && Instant::now() < attempt.deadline =>
                {
                    tracing::debug!(%shard, cause, "the connection of a read broke, running again");
                    self.metrics().retried(Retry::Connection);
                    self.coordinator.shards.forget(&shard);
                    sink.reset();
                }
                // Only the columns that came back told that they cannot be merged here.
                Err(QueryError::Refused(Refusal::Unsupported(why)))
                    if unmergeable.is_none() && matches!(plan.0.node, Node::Read(_)) =>
                {
                    sink.reset();
                    unmergeable = Some(why);
                }
                Err(QueryError::Database { errno: 1062, message, .. })
                    if draws < MOST_DRAWS && drawn.as_ref().is_some_and(|drawn| drawn.collides(&message)) =>
                {
                    if let Some(Drawn { table, before: Some(before), .. }) = drawn.take() {
                        self.sequences.forget(&table);
                        reading = before;
                    }
                }
                Ok(written) => {
                    let kind = if written.is_some() { "write" } else { "read" };
                    self.metrics().answered(kind, plan.0.route, started.elapsed());
                    let first_drawn = drawn.as_ref().and_then(|drawn| drawn.ids.as_ref()).map(|ids| *ids.start());
                    let written = written.map(|written| match first_drawn {
                        Some(first) if written.rows_affected > 0 => Written { last_insert_id: Some(first), ..written },
                        _ => written,
                    });
                    return Ok(Answer { shards: shards_of(&plan.0), written });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Places on the shards of a plan. A shard that stands still holds up the statements that have one, and no more: the
    /// turns of all others are left to the other shards.
    fn enter(&self, (plan, view): &(Plan, View)) -> Result<Vec<Place<ShardId>>, QueryError> {
        let is_alone = view.topology.owning_shard_count() <= 1;
        // What the router has promised to carry out on every shard waits for no client.
        if is_alone || matches!(plan.node, Node::Define(_)) {
            return Ok(Vec::new());
        }
        let most = (self.limits.max_concurrent_queries / 4).max(1);
        let enter = |shard: &ShardId| {
            self.places.enter(shard, most).ok_or_else(|| {
                QueryError::Overloaded(format!(
                    "{most} queries run on {shard} or wait for it already (a quarter of limits.max_concurrent_queries)"
                ))
            })
        };
        shards_of(plan).iter().map(enter).collect()
    }

    /// A turn of those that gather, each of which takes several connections of the home shard.
    async fn gather_turn(&self, attempt: &Attempt<'_>) -> Result<tokio::sync::SemaphorePermit<'_>, QueryError> {
        let patience = attempt.deadline.min(Instant::now() + self.limits.queue_timeout);
        match tokio::time::timeout_at(patience.into(), self.gather_turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(QueryError::Overloaded(format!(
                "{} statements gather rows already (a quarter of limits.max_connections_per_shard)",
                self.limits.most_gathers()
            ))),
        }
    }

    /// Counts a statement that a shard has worked on, also in vain.
    fn count_load(&self, plan: &Plan, outcome: &Result<Option<Written>, QueryError>, rows_returned: u64) {
        let rows = match outcome {
            Ok(Some(written)) => written.rows_affected,
            Ok(None) => rows_returned,
            Err(QueryError::Database { .. }) => 0,
            Err(_) => return,
        };
        let queries = self.slot_counters.count(&plan.slots, rows);
        self.metrics().named_slots(queries);
    }

    /// The ids that an INSERT takes from a sequence, and the statement with them.
    async fn draw(
        &self,
        sql: &Sql,
        statement: &Statement,
        view: &View,
        attempt: &Attempt<'_>,
    ) -> Result<Option<(Drawn, Option<Reading>)>, QueryError> {
        let Statement::Insert(insert) = statement else { return Ok(None) };
        let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
        let Some(wanted) = planner.ids_wanted(insert) else { return Ok(None) };
        let IdsWanted { table, .. } = &wanted;
        let first = self.sequences.draw(&self.coordinator.shards, &view.topology, &wanted, attempt.deadline).await?;
        let (ids, _) = wanted.assign(first);
        let drawn = Drawn { table: table.clone(), ids: None, before: None };
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(Some((drawn, None))) };
        let read = || {
            let filled = planner.with_ids(sql, insert, &wanted, &ids);
            let filled = filled
                .ok_or_else(|| Unsupported::new("this form of INSERT with AUTO_INCREMENT over several shards"))?;
            Reading::of(&filled, &[])
        };
        let filled = self.at_length(sql.text.len(), attempt, read).await??;
        Ok(Some((Drawn { ids: Some(*first..=*last), ..drawn }, Some(filled))))
    }

    /// The statement with the rows of its query as VALUES; `None` if there are none.
    async fn refill(
        &self,
        refill: &Refill,
        (plan, view): &(Plan, View),
        attempt: &Attempt<'_>,
    ) -> Result<Option<String>, QueryError> {
        let mut rows = LiteralRows::new(self.limits.max_held_rows);
        let execution = self.execution(view, plan.stains, attempt);
        match &refill.source.node {
            Node::Read(node) => execution.read(node, &mut rows).await?,
            Node::Gather(node) => {
                let _turn = self.gather_turn(attempt).await?;
                execution.gather(node, &mut rows).await?;
            }
            Node::Refill(_) | Node::Write(_) | Node::Define(_) => {
                return Err(QueryError::Internal("a query that is no read".to_owned()));
            }
        }
        let Some(rows) = rows.finish()? else { return Ok(None) };
        Ok(Some(format!("{}VALUES {rows}{}", refill.head, refill.tail)))
    }

    /// Plans a statement and says what would happen.
    pub async fn explain(&self, request: &Request) -> Result<Value, QueryError> {
        let request = &*self.expanded(request)?;
        let timeout = self.limits.statement_timeout;
        let started = Instant::now();
        let deadline = started + timeout;
        let _turn = self.turns.take(request.client, started + self.limits.queue_timeout).await?;
        let attempt = Attempt { request, deadline, timeout, transaction: None, locks: false };
        let _held = self.admit(request, deadline).await?;
        let read = || sql::read(&request.sql, &request.params).map(|sql| (sql::analyse(&sql), sql));
        let (statement, sql) = self.at_length(request.sql.len(), &attempt, read).await??;
        let statement = match statement {
            Ok(statement) => statement,
            Err(unsupported) => return Ok(refusal_json(&unsupported.into(), 0)),
        };
        let view = self.watch.view().map_err(QueryError::NotReady)?;
        let epoch = view.topology.epoch().number();
        let plan = |view: &View| self.plan(&sql, &statement, view, None, None);
        let planned = match self.at_length(sql.text.len(), &attempt, || plan(&view)).await? {
            Err(Refusal::NoSuchTable { table, .. }) => {
                self.watch.find_table(&table, Instant::now() + self.limits.statement_timeout).await?;
                let view = self.watch.view().map_err(QueryError::NotReady)?;
                self.at_length(sql.text.len(), &attempt, || plan(&view)).await?
            }
            planned => planned,
        };
        match planned {
            Ok(plan) => Ok(plan_json(&plan)),
            Err(refusal) => Ok(refusal_json(&refusal, epoch)),
        }
    }

    /// What is known of the statement from an earlier one, or all of it.
    fn read(&self, request: &Request) -> Result<Reading, QueryError> {
        // Params are bound by reading the statement.
        let Some(outline) = outline(&request.sql).filter(|_| request.params.is_empty()) else {
            return Reading::full(request);
        };
        // A stored function may be newer than what is known.
        let may_call = self.watch.view().is_ok_and(|view| view.schema.functions().next().is_some());
        if let Some(scopes) = self.known.scopes(&outline).filter(|_| !may_call) {
            return Ok(Reading::Known(scopes));
        }
        let reading = Reading::full(request)?;
        // What is known is planned by its scopes alone.
        if let (Reading::Full(full), Ok(view)) = (&reading, self.watch.view())
            && Planner::new(&view.topology, &view.schema, Timestamp::now()).is_plain(&full.0, &full.1)
        {
            self.known.learn(outline, &full.1);
        }
        Ok(reading)
    }

    /// The request with its executable comments expanded as the shards' servers would.
    fn expanded<'r>(&self, request: &'r Request) -> Result<Cow<'r, Request>, QueryError> {
        if !sql::read::comments::may_hold_code(&request.sql) {
            return Ok(Cow::Borrowed(request));
        }
        self.watch.view().map_err(QueryError::NotReady)?;
        let sql = sql::read::comments::expand(&request.sql, &self.watch.server_versions())?.into_owned();
        Ok(Cow::Owned(Request { sql, ..request.clone() }))
    }

    fn plan(
        &self,
        sql: &Sql,
        statement: &Statement,
        view: &View,
        unmergeable: Option<&Unsupported>,
        drawn: Option<RangeInclusive<u64>>,
    ) -> Result<Plan, Refusal> {
        let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
        Planner { unmergeable, drawn, ..planner }.plan(sql, statement)
    }

    async fn carry_out(
        &self,
        (plan, view): &(Plan, View),
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Option<Written>, QueryError> {
        let execution = self.execution(view, plan.stains, attempt);
        match &plan.node {
            Node::Read(node) => execution.read(node, sink).await.map(|()| None),
            Node::Gather(node) => {
                let _turn = self.gather_turn(attempt).await?;
                execution.gather(node, sink).await.map(|()| None)
            }
            Node::Refill(_) => Err(QueryError::Internal("a query to be read first".to_owned())),
            Node::Write(node) => execution.write(node, sink).await.map(Some),
            Node::Define(node) => {
                let time = Time { deadline: attempt.deadline, timeout: attempt.timeout };
                let outcome = self.coordinator.define(node, view.topology.clone(), time).await;
                if !matches!(outcome, Err(QueryError::OtherChange)) {
                    self.watch.load_schema(attempt.deadline).await;
                }
                outcome.map(|()| Some(Written::default()))
            }
        }
    }

    fn execution<'a>(&'a self, view: &'a View, stains: bool, attempt: &Attempt<'a>) -> Execution<'a> {
        Execution {
            coordinator: &self.coordinator,
            watch: &self.watch,
            view,
            transaction: attempt.transaction,
            locks: attempt.locks,
            is_atomic: attempt.request.consistency == Consistency::Atomic,
            stains,
            max_held_rows: self.limits.max_held_rows,
            client: attempt.request.client,
            deadline: attempt.deadline,
            timeout: attempt.timeout,
        }
    }

    /// The rule of 5 s: a shard serves only while it is known to carry no newer topology than the plan's.
    ///
    /// A router that was stopped learns only here what happened meanwhile; then the plan is of another time, and this is
    /// the shard that told.
    async fn outdated(&self, (plan, view): &(Plan, View), deadline: Instant) -> Result<Option<ShardId>, QueryError> {
        let epoch = view.topology.epoch();
        for shard in shards_of(plan) {
            if self.watch.is_confirmed_at(&shard, epoch) {
                continue;
            }
            if !self.watch.is_confirmed(&shard) {
                self.watch.look_at(&shard, deadline).await;
            }
            if self.topology().is_some_and(|newest| newest.epoch() > epoch) {
                return Ok(Some(shard));
            }
            if !self.watch.is_confirmed(&shard) {
                self.coordinator.shards.forget(&shard);
                let cause = "it has not confirmed the topology within 5 s".to_owned();
                return Err(QueryError::ShardUnavailable { shard, cause });
            }
        }
        Ok(None)
    }

    /// Waits until a newer topology than the plan's is known, for a short while. The shard from which rows moved carries
    /// it first.
    async fn follow(&self, shard: &ShardId, outdated: Epoch, deadline: Instant) {
        self.watch.look_at(shard, deadline).await;
        let newer = self.topology().is_some_and(|topology| topology.epoch() > outdated);
        if !newer {
            // The fence is set and its topology commits with it: the next look sees it.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Does something for a router again and again, until the router is dropped. Whatever waits for shards has a task of its
/// own: one kind of work must not hold up the others.
fn tend<F>(router: &Arc<Router>, interval: Duration, work: impl Fn(Arc<Router>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tended = Arc::downgrade(router);
    tokio::spawn(async move {
        while let Some(router) = tended.upgrade() {
            work(router).await;
            tokio::time::sleep(interval).await;
        }
    });
}

fn shards_of(plan: &Plan) -> Vec<ShardId> {
    match &plan.node {
        Node::Read(node) => node.parts.iter().map(|part| part.shard.clone()).collect(),
        Node::Gather(node) => node.shards.clone(),
        Node::Refill(node) => shards_of(&node.source),
        Node::Write(node) => shards_written(node),
        Node::Define(node) => node.shards.clone(),
    }
}

/// Every shard that takes part in a write, in shard order.
fn shards_written(node: &WriteNode) -> Vec<ShardId> {
    match &node.uniqueness {
        // All owners are asked.
        Some(uniqueness) => uniqueness.parts.iter().map(|part| part.shard.clone()).collect(),
        None => {
            let written = node.parts.iter().map(|part| &part.part.shard);
            let target = node.relocation.iter().map(|relocation| &relocation.target);
            let mut shards: Vec<ShardId> = Vec::new();
            for shard in written.chain(target) {
                if !shards.contains(shard) {
                    shards.push(shard.clone());
                }
            }
            shards
        }
    }
}

fn refusal_json(refusal: &Refusal, epoch: u64) -> Value {
    json!({
        "route": "refused", "shards": [], "reason": refusal.to_string(), "hint": refusal.hint(),
        "statements": [], "merge": [], "epoch": epoch,
    })
}

fn plan_json(plan: &Plan) -> Value {
    let statement = |shard: &ShardId, sql: &str| json!({ "shard": shard, "sql": sql });
    let (statements, merge): (Vec<Value>, Vec<String>) = match &plan.node {
        Node::Read(node) => (
            node.parts.iter().map(|part| statement(&part.shard, &part.sql)).collect(),
            if node.parts.len() > 1 { describe_merge(&node.merge) } else { Vec::new() },
        ),
        Node::Gather(node) => {
            let parts = node.inputs.iter().flat_map(|input| &input.parts);
            let mut statements: Vec<Value> = parts.map(|part| statement(&part.shard, &part.sql)).collect();
            statements.push(statement(&node.at, &node.sql));
            (statements, describe_gather(node))
        }
        Node::Refill(node) => {
            let source = plan_json(&node.source);
            let mut steps: Vec<String> = serde_json::from_value(source["merge"].clone()).unwrap_or_default();
            steps.push("insert the rows where they belong".to_owned());
            (source["statements"].as_array().cloned().unwrap_or_default(), steps)
        }
        Node::Write(node) => {
            (node.parts.iter().map(|part| statement(&part.part.shard, &part.part.sql)).collect(), describe_write(node))
        }
        Node::Define(node) => (node.shards.iter().map(|shard| statement(shard, &node.sql)).collect(), Vec::new()),
    };
    json!({
        "route": plan.route.as_str(), "shards": shards_of(plan), "reason": plan.reason,
        "statements": statements, "merge": merge, "epoch": plan.epoch,
    })
}

/// The steps of a write, for people.
fn describe_write(node: &WriteNode) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(relocation) = &node.relocation {
        steps.push(format!("move the rows with the new key to {}", relocation.target));
    }
    if let Some(uniqueness) = &node.uniqueness {
        let shards = uniqueness.parts.len();
        steps.push(format!("look on {shards} shards for {} values of unique indexes", uniqueness.probes.len()));
    }
    if !node.is_single() {
        steps.push("commit on all of them or on none".to_owned());
    }
    steps
}

/// The steps of a gather, for people.
fn describe_gather(node: &Gather) -> Vec<String> {
    let copies =
        node.inputs.iter().map(|input| format!("copy rows of {} to {} as {}", input.table, node.at, input.scratch));
    copies.chain([format!("run the statement on {}", node.at)]).collect()
}

/// The steps of a merge, for people.
fn describe_merge(merge: &Merge) -> Vec<String> {
    let (mut steps, window) = match merge {
        Merge::Concatenate(window) => (vec!["rows in shard order".to_owned()], window),
        Merge::Ordered { keys, window, .. } => (vec![format!("merge sorted rows by {} keys", keys.len())], window),
        Merge::Grouped(grouping) => {
            let mut steps = vec![match grouping.keys.len() {
                0 => "one group of all rows".to_owned(),
                keys => format!("join groups by {keys} keys"),
            }];
            steps.extend(grouping.columns.iter().filter_map(|combine| match combine {
                Combine::First => None,
                Combine::Count => Some("add COUNTs".to_owned()),
                Combine::Sum => Some("add SUMs".to_owned()),
                Combine::Min { .. } => Some("least of MINs".to_owned()),
                Combine::Max { .. } => Some("greatest of MAXs".to_owned()),
                Combine::Avg { .. } => Some("AVG from SUM and COUNT".to_owned()),
            }));
            if !grouping.order.is_empty() {
                steps.push(format!("sort groups by {} keys", grouping.order.len()));
            }
            (steps, &grouping.window)
        }
    };
    if window.offset > 0 {
        steps.push(format!("skip {} rows", window.offset));
    }
    if let Some(limit) = window.limit {
        steps.push(format!("take {limit} rows"));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::literals::Scalar;

    /// It is moved around some times by whatever serves it, and lies on the stacks of the threads that do so.
    #[tokio::test]
    async fn a_statement_under_way_is_small() {
        let (seeds, layout, limits, faults) = (Vec::new(), Layout::default(), Limits::default(), Faults::default());
        let router = Router::start(RouterConfig { seeds, account: None, layout, limits, faults });
        let request = Request {
            sql: "SELECT 1".to_owned(),
            params: Vec::new(),
            timeout: None,
            consistency: Consistency::Atomic,
            client: Default::default(),
        };
        let mut answer = Scalar::default();
        let run = router.run(&request, Some("session"), &mut answer);
        let bytes = std::mem::size_of_val(&run);
        // Without optimization it is 45 KiB.
        assert!(bytes < 64 << 10, "{bytes} bytes");
    }
}
