//! What runs a statement, whatever door it came in by: request in, rows out through a [`RowSink`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::error::QueryError;
use crate::execute::{Execution, RowSink, Written};
use crate::known::KnownReads;
use crate::metrics::Metrics;
use crate::plan::{Combine, Gather, Merge, Node, Plan, Planner, Refusal};
use crate::schema::Layout;
use crate::shards::Shards;
use crate::sql::outline::outline;
use crate::sql::statement::{Scope, Statement, Unsupported};
use crate::sql::{self, Param, Sql};
use crate::topology::watch::{View, Watch};
use crate::topology::{Shard, ShardId, Topology};

#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Shards to find the topology on, or to make the first one of; in shard order.
    pub seeds: Vec<Shard>,
    pub layout: Layout,
    pub limits: Limits,
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
    /// 30 s.
    pub statement_timeout: Duration,
    /// 512 at a time.
    pub max_concurrent_queries: usize,
    /// 32.
    pub max_connections_per_shard: usize,
    /// How long a query may wait for its turn or for a connection, 1 s.
    pub queue_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_body_bytes: 16 << 20,
            max_result_rows: 100_000,
            max_result_bytes: 64 << 20,
            max_held_rows: 1_000_000,
            statement_timeout: Duration::from_secs(30),
            max_concurrent_queries: 512,
            max_connections_per_shard: 32,
            queue_timeout: Duration::from_secs(1),
        }
    }
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Request {
    pub sql: String,
    pub params: Vec<Param>,
    /// Shorter than the configured timeout, if given.
    pub timeout: Option<Duration>,
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

impl Reading {
    fn full(request: &Request) -> Result<Reading, QueryError> {
        let sql = sql::read(&request.sql, &request.params)?;
        let statement = sql::analyse(&sql)?;
        Ok(Reading::Full(Box::new((sql, statement))))
    }
}

pub struct Router {
    watch: Arc<Watch>,
    known: KnownReads,
    shards: Shards,
    metrics: Metrics,
    limits: Limits,
    turns: Semaphore,
}

impl Router {
    /// Starts looking for the topology and returns at once; [`Router::is_ready`] tells when it is known.
    pub fn start(config: RouterConfig) -> Arc<Router> {
        let watch = Arc::new(Watch::new(config.seeds, config.layout));
        let router = Arc::new(Router {
            watch: watch.clone(),
            known: KnownReads::default(),
            shards: Shards::new(config.limits.max_connections_per_shard, config.limits.queue_timeout),
            metrics: Metrics::new().expect("every family has its own valid name"),
            turns: Semaphore::new(config.limits.max_concurrent_queries),
            limits: config.limits,
        });
        // Ends with the router: the task holds no strong reference to it.
        let alive = Arc::downgrade(&router);
        tokio::spawn(async move {
            while alive.strong_count() > 0 {
                watch.refresh().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        router
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

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn render_metrics(&self) -> Vec<u8> {
        let topology = self.topology();
        let active = self.limits.max_concurrent_queries.saturating_sub(self.turns.available_permits());
        self.metrics.render(topology.as_deref(), &self.shards.counts(), active, |shard| self.watch.is_confirmed(shard))
    }

    /// Runs a statement; its rows go to `sink`.
    ///
    /// Not cancel safe for writes: dropping the future during one leaves its outcome to the server.
    pub async fn run(&self, request: &Request, sink: &mut impl RowSink) -> Result<Answer, QueryError> {
        let started = Instant::now();
        let turn = tokio::time::timeout(self.limits.queue_timeout, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| {
            QueryError::Overloaded(format!("{} queries are running already", self.limits.max_concurrent_queries))
        })?;
        let timeout = request.timeout.unwrap_or(self.limits.statement_timeout).min(self.limits.statement_timeout);
        let deadline = started + timeout;
        let mut reading = self.read(request)?;
        let mut unmergeable = None;
        loop {
            let view = self.watch.view().map_err(QueryError::NotReady)?;
            let plan = match &reading {
                Reading::Full(full) => {
                    let planned = self.plan(&full.0, &full.1, view.clone(), unmergeable.as_ref()).await;
                    if planned.is_err() && full.0.statement.is_err() && !full.0.executable_comment {
                        self.execution(&view, deadline, timeout).check_syntax(&full.0.text).await?;
                    }
                    planned?
                }
                Reading::Known(scopes) => {
                    let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
                    let Some(plan) = planner.plan_by_scopes(&request.sql, scopes) else {
                        reading = Reading::full(request)?;
                        continue;
                    };
                    (plan, view)
                }
            };
            match self.carry_out(&plan, deadline, timeout, sink).await {
                Err(QueryError::Moved(shard)) => {
                    if Instant::now() > deadline {
                        return Err(QueryError::KeptMoving);
                    }
                    tracing::debug!(%shard, "rows moved, running again");
                    self.metrics.retried();
                    sink.reset();
                    self.follow(plan.1).await;
                }
                // Only the columns that came back told that they cannot be merged here.
                Err(QueryError::Refused(Refusal::Unsupported(why)))
                    if unmergeable.is_none() && matches!(plan.0.node, Node::Read(_)) =>
                {
                    sink.reset();
                    unmergeable = Some(why);
                }
                Ok(written) => {
                    let kind = if written.is_some() { "write" } else { "read" };
                    self.metrics.answered(kind, plan.0.route, started.elapsed());
                    return Ok(Answer { shards: shards_of(&plan.0), written });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Plans a statement and says what would happen.
    pub async fn explain(&self, request: &Request) -> Result<Value, QueryError> {
        let sql = sql::read(&request.sql, &request.params)?;
        let statement = match sql::analyse(&sql) {
            Ok(statement) => statement,
            Err(unsupported) => return Ok(refusal_json(&unsupported.into(), 0)),
        };
        let view = self.watch.view().map_err(QueryError::NotReady)?;
        let epoch = view.topology.epoch().number();
        match self.plan(&sql, &statement, view, None).await {
            Ok((plan, _)) => Ok(plan_json(&plan)),
            Err(QueryError::Refused(refusal)) => Ok(refusal_json(&refusal, epoch)),
            Err(error) => Err(error),
        }
    }

    /// What is known of the statement from an earlier one, or all of it.
    fn read(&self, request: &Request) -> Result<Reading, QueryError> {
        // Params are bound by reading the statement.
        let Some(outline) = outline(&request.sql).filter(|_| request.params.is_empty()) else {
            return Reading::full(request);
        };
        if let Some(scopes) = self.known.scopes(&outline) {
            return Ok(Reading::Known(scopes));
        }
        let reading = Reading::full(request)?;
        if let Reading::Full(full) = &reading {
            self.known.learn(outline, &full.1);
        }
        Ok(reading)
    }

    async fn plan(
        &self,
        sql: &Sql,
        statement: &Statement,
        view: View,
        unmergeable: Option<&Unsupported>,
    ) -> Result<(Plan, View), QueryError> {
        let plan = |view: &View| {
            let planner = Planner { unmergeable, ..Planner::new(&view.topology, &view.schema, Timestamp::now()) };
            planner.plan(sql, statement)
        };
        match (plan(&view), view) {
            (Ok(plan), view) => Ok((plan, view)),
            // The table may be newer than the schema in memory.
            (Err(Refusal::NoSuchTable { .. }), _) => {
                self.watch.reload_schema().await;
                let view = self.watch.view().map_err(QueryError::NotReady)?;
                Ok((plan(&view)?, view))
            }
            (Err(refusal), _) => Err(refusal.into()),
        }
    }

    async fn carry_out(
        &self,
        (plan, view): &(Plan, View),
        deadline: Instant,
        timeout: Duration,
        sink: &mut impl RowSink,
    ) -> Result<Option<Written>, QueryError> {
        for shard in shards_of(plan) {
            self.confirm(&shard).await?;
        }
        let execution = self.execution(view, deadline, timeout);
        match &plan.node {
            Node::Read(node) => execution.read(node, sink).await.map(|()| None),
            Node::Gather(node) => execution.gather(node, sink).await.map(|()| None),
            Node::Write(node) => execution.write(node, sink).await.map(Some),
            Node::Define(node) => {
                let outcome = execution.define(node).await;
                self.watch.load_schema().await;
                outcome.map(Some)
            }
        }
    }

    fn execution<'a>(&'a self, view: &'a View, deadline: Instant, timeout: Duration) -> Execution<'a> {
        Execution {
            shards: &self.shards,
            view,
            metrics: &self.metrics,
            max_held_rows: self.limits.max_held_rows,
            deadline,
            timeout,
        }
    }

    /// The rule of 5 s: a shard serves only while it is known to carry no newer topology.
    async fn confirm(&self, shard: &ShardId) -> Result<(), QueryError> {
        if self.watch.is_confirmed(shard) {
            return Ok(());
        }
        self.watch.refresh().await;
        match self.watch.is_confirmed(shard) {
            true => Ok(()),
            false => {
                self.shards.forget(shard);
                let cause = "it has not confirmed the topology within 5 s".to_owned();
                Err(QueryError::ShardUnavailable { shard: shard.clone(), cause })
            }
        }
    }

    /// Waits until a newer topology than the plan's is known, for a short while.
    async fn follow(&self, outdated: View) {
        self.watch.refresh().await;
        let newer = self.topology().is_some_and(|topology| topology.epoch() > outdated.topology.epoch());
        if !newer {
            // The fence is set and its topology commits with it: the next look sees it.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn shards_of(plan: &Plan) -> Vec<ShardId> {
    match &plan.node {
        Node::Read(node) => node.parts.iter().map(|part| part.shard.clone()).collect(),
        Node::Gather(node) => node.shards.clone(),
        Node::Write(node) => vec![node.part.shard.clone()],
        Node::Define(node) => node.shards.clone(),
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
        Node::Write(node) => (vec![statement(&node.part.shard, &node.part.sql)], Vec::new()),
        Node::Define(node) => (node.shards.iter().map(|shard| statement(shard, &node.sql)).collect(), Vec::new()),
    };
    json!({
        "route": plan.route.as_str(), "shards": shards_of(plan), "reason": plan.reason,
        "statements": statements, "merge": merge, "epoch": plan.epoch,
    })
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
