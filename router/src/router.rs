//! What runs a statement, whatever door it came in by: request in, rows out through a [`RowSink`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use door::Client;
use jiff::Timestamp;
use keyspace::recovery::Recovery;
use keyspace::topology::{ShardId, Topology};
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Mutex, Semaphore};

use crate::budget::{Budget, Held, Kind};
use crate::bulkheads::{Shares, Turns};
use crate::config::{Limits, RouterConfig};
use crate::definitions::{self};
use crate::error::QueryError;
use crate::execute::{Execution, RowSink, Written};
use crate::known::KnownReads;
use crate::metrics::Metrics;
use crate::plan::Planner;
use crate::request::{Answer, Attempt, Consistency, Parsed, Request};
use crate::sequences::Sequences;
use crate::session::table::Sessions;
use crate::shards::Shards;
use crate::slot_load::SlotCounters;
use crate::sql;
use crate::sql::read::bind::Param;
use crate::sql::read::error::SqlError;
use crate::sql::read::outline::outline;
use crate::sql::read::weight::weigh;
use crate::transaction::Coordinator;
use crate::watch::{View, Watch};

/// Between two rounds of what is to be done once in a while.
const CHORE_INTERVAL: Duration = Duration::from_secs(1);

/// One router, whatever doors its clients come in by.
pub struct Router {
    pub(crate) watch: Watch,
    pub(crate) known: KnownReads,
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) sequences: Sequences,
    pub(crate) sessions: Sessions,
    pub(crate) slot_counters: SlotCounters,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) turns: Turns,
    /// Statements in progress on each shard, running or waiting.
    pub(crate) places: Arc<Shares<ShardId>>,
    pub(crate) gather_turns: Semaphore,
    /// Of long statements, which few are read of at a time.
    pub(crate) reading_turns: Semaphore,
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
        repeat(&router, CHORE_INTERVAL, move |router| {
            let recovery = recovery.clone();
            async move { router.recover(&mut *recovery.lock().await).await }
        });
        repeat(&router, CHORE_INTERVAL, |router| async move { router.resume_definitions().await });
        repeat(&router, CHORE_INTERVAL, |router| async move { router.sessions.end_idle(&router.coordinator).await });
        // Often, so that reads over several shards find few rows of transactions that are over.
        repeat(&router, Duration::from_millis(100), |router| async move {
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

    /// Finishes changes of the schema that their routers left half done.
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
    pub(crate) async fn admit(&self, request: &Request, deadline: Instant) -> Result<Held, QueryError> {
        /// A param's place in the text and in the tree.
        const PARAM_BYTES: usize = 1_000;
        const PARAM_COPIES: usize = 6;
        let of_params = request.params.iter().map(|param| match param {
            Param::Null | Param::Bool(_) => PARAM_BYTES,
            Param::Number(text) | Param::Text(text) => PARAM_BYTES + PARAM_COPIES * text.len(),
        });
        self.admit_text(request.client, &request.sql, of_params.sum(), deadline).await
    }

    pub(crate) async fn admit_text(
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
    pub(crate) async fn at_length<T>(
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

    /// What is known of the statement from an earlier one, or all of it.
    fn read(&self, request: &Request) -> Result<Parsed, QueryError> {
        // Params are bound by reading the statement.
        let Some(outline) = outline(&request.sql).filter(|_| request.params.is_empty()) else {
            return Parsed::full(request);
        };
        // A stored function may be newer than what is known.
        let may_call = self.watch.view().is_ok_and(|view| view.schema.functions().next().is_some());
        if let Some(scopes) = self.known.scopes(&outline).filter(|_| !may_call) {
            return Ok(Parsed::Known(scopes));
        }
        let reading = Parsed::full(request)?;
        // What is known is planned by its scopes alone.
        if let (Parsed::Full(full), Ok(view)) = (&reading, self.watch.view())
            && Planner::new(&view.topology, &view.schema, Timestamp::now()).is_plain(&full.0, &full.1)
        {
            self.known.learn(outline, &full.1);
        }
        Ok(reading)
    }

    /// The request with its executable comments expanded as the shards' servers would.
    pub(crate) fn expanded<'r>(&self, request: &'r Request) -> Result<Cow<'r, Request>, QueryError> {
        if !sql::read::comments::may_hold_code(&request.sql) {
            return Ok(Cow::Borrowed(request));
        }
        self.watch.view().map_err(QueryError::NotReady)?;
        let sql = sql::read::comments::expand(&request.sql, &self.watch.server_versions())?.into_owned();
        Ok(Cow::Owned(Request { sql, ..request.clone() }))
    }
    pub(crate) fn execution<'a>(&'a self, view: &'a View, stains: bool, attempt: &Attempt<'a>) -> Execution<'a> {
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
}

/// Does something for a router again and again, until the router is dropped. Whatever waits for shards has a task of its
/// own: one kind of work must not hold up the others.
fn repeat<F>(router: &Arc<Router>, interval: Duration, work: impl Fn(Arc<Router>) -> F + Send + 'static)
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

#[cfg(test)]
mod tests {
    use keyspace::schema::Layout;

    use super::*;
    use crate::faults::Faults;
    use crate::sinks::Scalar;

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
