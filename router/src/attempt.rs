//! A statement's way to its answer: planned, run, and planned anew while rows, tables or ids change under it.
//!
//! ```text
//!   ReadWhole ─▶┐            ┌─▶ FindTable ─▶ Plan
//!               Plan ────────┼─▶ Refill ────▶ Plan          (INSERT … SELECT: its rows are in the text now)
//!               ▲  ▲         └─▶ Run ───────▶ Done
//!               │  └───────────── │ its ids were taken, it cannot be merged, a read's connection broke
//!               └── Follow ◀───── ┘ its rows moved
//! ```
//! Each way back is taken a bounded number of times or until the statement's time is over: [`Tried`] counts.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyspace::mysql::er;
use keyspace::topology::{Epoch, ShardId};

use crate::budget::Held;
use crate::bulkheads::Place;
use crate::definitions::Time;
use crate::error::QueryError;
use crate::execute::{RowSink, Written};
use crate::metrics::Retry;
use crate::plan::{IdsWanted, Node, Plan, Planner, Refill, Refusal};
use crate::request::{Answer, Attempt, Parsed};
use crate::router::Router;
use crate::sinks::{Counting, LiteralRows};
use crate::sql::meaning::statement::{Scope, Statement};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::watch::View;

/// Ids that rows have already are drawn when rows came past the router: so often they are drawn again.
const MOST_DRAWS: u32 = 3;

/// What to do next about a statement.
enum Step {
    /// Plan it for the newest topology and schema.
    Plan,
    /// Look for a table that the schema lacks: it may be newer.
    FindTable(String),
    /// Read the whole statement: what was known of it is not enough.
    ReadWhole,
    /// Read the rows that it inserts.
    Refill(Box<Planned>),
    Run(Box<Planned>),
    /// Wait for the topology that is newer than `epoch`, which `shard` has.
    Follow {
        shard: ShardId,
        epoch: Epoch,
    },
    Done(Answer),
}

/// A plan, what it was made for, and the statement's places on the shards.
struct Planned {
    plan: Plan,
    view: View,
    _places: Vec<Place<ShardId>>,
}

/// What was tried already, so that it is not tried for ever.
#[derive(Default)]
struct Tried {
    /// A table that was looked for.
    table: Option<String>,
    /// Why the shards' answers cannot be merged.
    merging: Option<Unsupported>,
    /// Another connection after one that broke.
    reconnecting: bool,
    draws: u32,
}

/// Ids that a statement drew.
struct DrawnIds {
    table: String,
    column: String,
    ids: Option<RangeInclusive<u64>>,
    /// The statement before it had them.
    before: Option<Parsed>,
}

/// A statement on its way.
struct Journey<'a, 's, S> {
    router: &'a Router,
    attempt: &'a Attempt<'a>,
    sink: Counting<'s, S>,
    started: Instant,
    parsed: Parsed,
    drawn: Option<DrawnIds>,
    tried: Tried,
    /// Room for texts that were made from others' rows.
    refilled: Vec<Held>,
}

impl Router {
    /// Tries a statement until it has an answer: rows may move meanwhile.
    pub(crate) async fn answer(
        &self,
        parsed: Parsed,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        let mut journey = Journey {
            router: self,
            attempt,
            sink: Counting { sink, rows: 0 },
            started: Instant::now(),
            parsed,
            drawn: None,
            tried: Tried::default(),
            refilled: Vec::new(),
        };
        let mut step = Step::Plan;
        loop {
            step = match step {
                Step::Plan => journey.plan().await?,
                Step::FindTable(table) => journey.find_table(table).await?,
                Step::ReadWhole => journey.read_whole()?,
                Step::Refill(planned) => journey.refill(&planned).await?,
                Step::Run(planned) => journey.run(&planned).await?,
                Step::Follow { shard, epoch } => {
                    self.follow(&shard, epoch, attempt.deadline).await;
                    Step::Plan
                }
                Step::Done(answer) => return Ok(answer),
            };
        }
    }
}

impl<S: RowSink> Journey<'_, '_, S> {
    async fn plan(&mut self) -> Result<Step, QueryError> {
        let view = self.router.watch.view().map_err(QueryError::NotReady)?;
        self.draw(&view).await?;
        let plan = match &self.parsed {
            Parsed::Known(scopes) => self.plan_known(scopes, &view),
            Parsed::Full(full) => match self.plan_full(&full.0, &full.1, &view).await? {
                Err(Refusal::NoSuchTable { table, .. }) if self.tried.table.as_ref() != Some(&table) => {
                    return Ok(Step::FindTable(table));
                }
                planned => Some(self.check_refusal(planned, &full.0, &full.1, &view).await?),
            },
        };
        let Some(plan) = plan else { return Ok(Step::ReadWhole) };
        let _places = self.router.enter(&plan, &view)?;
        if let Some(shard) = self.router.outdated(&plan, &view, self.attempt.deadline).await? {
            // What a transaction has read and locked belongs to the owners that it found.
            let moved = self.router.topology().is_some_and(|now| !now.has_same_owners(&view.topology));
            return match moved && self.attempt.transaction.is_some() {
                true => Err(QueryError::Moved(shard)),
                false => Ok(Step::Plan),
            };
        }
        let planned = Box::new(Planned { plan, view, _places });
        Ok(match planned.plan.node {
            Node::Refill(_) => Step::Refill(planned),
            Node::Read(_) | Node::Gather(_) | Node::Write(_) | Node::Define(_) => Step::Run(planned),
        })
    }

    /// `None` if it takes the whole statement.
    fn plan_known(&self, scopes: &[Scope], view: &View) -> Option<Plan> {
        let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
        planner.plan_by_scopes(&self.attempt.request.sql, scopes)
    }

    async fn plan_full(
        &self,
        sql: &Sql,
        statement: &Statement,
        view: &View,
    ) -> Result<Result<Plan, Refusal>, QueryError> {
        let ids = self.drawn.as_ref().and_then(|drawn| drawn.ids.clone());
        let plan = || self.router.plan(sql, statement, view, self.tried.merging.as_ref(), ids);
        self.router.at_length(sql.text.len(), self.attempt, plan).await
    }

    /// What is refused gives its ids back; and if the statement was not understood, a server may name its mistake better.
    async fn check_refusal(
        &self,
        planned: Result<Plan, Refusal>,
        sql: &Sql,
        statement: &Statement,
        view: &View,
    ) -> Result<Plan, QueryError> {
        let refusal = match planned {
            Ok(plan) => return Ok(plan),
            Err(refusal) => refusal,
        };
        if let Some(DrawnIds { table, ids: Some(ids), .. }) = &self.drawn {
            self.router.sequences.give_back(table, *ids.start(), ids.end() + 1);
        }
        let is_unread = sql.statement.is_err() || matches!(statement, Statement::Unread(_));
        // Not even to be read by a server, if it leads out of the database.
        let has_own_names = || {
            let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
            planner.resolve_names(sql, statement).is_ok()
        };
        if is_unread && has_own_names() {
            self.router.execution(view, false, self.attempt).check_syntax(&sql.text).await?;
        }
        Err(refusal.into())
    }

    async fn find_table(&mut self, table: String) -> Result<Step, QueryError> {
        self.router.watch.find_table(&table, self.attempt.deadline).await?;
        self.tried.table = Some(table);
        Ok(Step::Plan)
    }

    fn read_whole(&mut self) -> Result<Step, QueryError> {
        self.parsed = Parsed::full(self.attempt.request)?;
        Ok(Step::Plan)
    }

    /// Draws the ids that an INSERT takes from a sequence, if it has none yet, and puts them into the statement.
    async fn draw(&mut self, view: &View) -> Result<(), QueryError> {
        if let (Parsed::Full(full), None) = (&self.parsed, &self.drawn)
            && let Some((found, filled)) = self.router.draw(&full.0, &full.1, view, self.attempt).await?
        {
            self.tried.draws += 1;
            let before = filled.map(|filled| std::mem::replace(&mut self.parsed, filled));
            self.drawn = Some(DrawnIds { before, ..found });
        }
        Ok(())
    }

    async fn refill(&mut self, Planned { plan, view, .. }: &Planned) -> Result<Step, QueryError> {
        let Node::Refill(refill) = &plan.node else {
            return Err(QueryError::Internal("a statement without a query".to_owned()));
        };
        match self.router.read_rows_to_insert(refill, plan, view, self.attempt).await {
            Ok(Some(text)) => {
                let Attempt { request, deadline, .. } = self.attempt;
                self.refilled.push(self.router.admit_text(request.client, &text, 0, *deadline).await?);
                let read = || Parsed::of(&text, &[]);
                self.parsed = self.router.at_length(text.len(), self.attempt, read).await??;
                Ok(Step::Plan)
            }
            Ok(None) => Ok(Step::Done(Answer { shards: plan.shards(), written: Some(Written::default()) })),
            Err(QueryError::Moved(shard)) => self.after_move(shard, view),
            Err(error) => Err(error),
        }
    }

    async fn run(&mut self, planned: &Planned) -> Result<Step, QueryError> {
        let Planned { plan, view, .. } = planned;
        let outcome = self.router.run_plan(plan, view, self.attempt, &mut self.sink).await;
        self.router.count_load(plan, &outcome, self.sink.rows);
        match outcome {
            Ok(written) => Ok(Step::Done(self.answered(plan, written))),
            Err(error) => self.after_failure(error, planned).await,
        }
    }

    fn answered(&self, plan: &Plan, written: Option<Written>) -> Answer {
        let kind = if written.is_some() { "write" } else { "read" };
        self.router.metrics().answered(kind, plan.route, self.started.elapsed());
        let first_drawn = self.drawn.as_ref().and_then(|drawn| drawn.ids.as_ref()).map(|ids| *ids.start());
        let written = written.map(|written| match first_drawn {
            Some(first) if written.rows_affected > 0 => Written { last_insert_id: Some(first), ..written },
            _ => written,
        });
        Answer { shards: plan.shards(), written }
    }

    /// What may still lead to an answer; else the failure is the answer.
    async fn after_failure(
        &mut self,
        error: QueryError,
        Planned { plan, view, .. }: &Planned,
    ) -> Result<Step, QueryError> {
        match error {
            QueryError::Moved(shard) if self.attempt.transaction.is_none() => {
                let next = self.after_move(shard, view)?;
                self.router.metrics().retried(Retry::Moved);
                self.sink.reset();
                Ok(next)
            }
            // A server that was restarted, or a session that was ended while it lay in its pool.
            QueryError::ConnectionBroke { shard, cause } if self.may_reconnect(plan) => {
                tracing::debug!(%shard, cause, "the connection of a read broke, running again");
                self.router.metrics().retried(Retry::Connection);
                self.router.coordinator.shards.forget(&shard);
                self.tried.reconnecting = true;
                self.sink.reset();
                Ok(Step::Plan)
            }
            // Only the columns that came back told that they cannot be merged here.
            QueryError::Refused(Refusal::Unsupported(why))
                if self.tried.merging.is_none() && matches!(plan.node, Node::Read(_)) =>
            {
                self.tried.merging = Some(why);
                self.sink.reset();
                Ok(Step::Plan)
            }
            QueryError::Database { errno: er::DUP_ENTRY, .. } if self.should_draw_again(view).await => {
                if let Some(DrawnIds { table, before: Some(before), .. }) = self.drawn.take() {
                    self.router.sequences.forget(&table);
                    self.parsed = before;
                }
                Ok(Step::Plan)
            }
            error => Err(error),
        }
    }

    /// What a transaction has read of the old owner must not meet what the new one has.
    fn after_move(&self, shard: ShardId, view: &View) -> Result<Step, QueryError> {
        if self.attempt.transaction.is_some() {
            return Err(QueryError::Moved(shard));
        }
        if Instant::now() > self.attempt.deadline {
            return Err(QueryError::KeptMoving);
        }
        tracing::debug!(%shard, "rows moved, running again");
        Ok(Step::Follow { shard, epoch: view.topology.epoch() })
    }

    fn may_reconnect(&self, plan: &Plan) -> bool {
        self.attempt.transaction.is_none()
            && matches!(plan.node, Node::Read(_) | Node::Gather(_))
            && !self.tried.reconnecting
            && self.sink.rows == 0
            && Instant::now() < self.attempt.deadline
    }

    /// Whether rows have ids already that the statement drew. The rows are asked, as a server's message names the value of
    /// a key, which may be of other columns or of several.
    async fn should_draw_again(&self, view: &View) -> bool {
        let Some(DrawnIds { table, column, ids: Some(ids), before: Some(_) }) = &self.drawn else { return false };
        if self.tried.draws >= MOST_DRAWS {
            return false;
        }
        // Of a table that cannot be undone the statement's own rows have its ids.
        let is_undone = view.schema.table(table).is_some_and(|table| table.has_transactions);
        is_undone && self.router.execution(view, false, self.attempt).are_in_use(table, column, ids).await
    }
}

impl Router {
    /// Places on the shards of a plan. A shard that stands still holds up the statements that have one, and no more: the
    /// turns of all others are left to the other shards.
    fn enter(&self, plan: &Plan, view: &View) -> Result<Vec<Place<ShardId>>, QueryError> {
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
        plan.shards().iter().map(enter).collect()
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
    ) -> Result<Option<(DrawnIds, Option<Parsed>)>, QueryError> {
        let Statement::Insert(insert) = statement else { return Ok(None) };
        let planner = Planner::new(&view.topology, &view.schema, Timestamp::now());
        let Some(wanted) = planner.ids_wanted(insert) else { return Ok(None) };
        let IdsWanted { table, column, .. } = &wanted;
        let first = self.sequences.draw(&self.coordinator.shards, &view.topology, &wanted, attempt.deadline).await?;
        let (ids, _) = wanted.assign(first);
        let drawn = DrawnIds { table: table.clone(), column: column.clone(), ids: None, before: None };
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(Some((drawn, None))) };
        let read = || {
            let filled = planner.with_ids(sql, insert, &wanted, &ids);
            let filled = filled
                .ok_or_else(|| Unsupported::new("this form of INSERT with AUTO_INCREMENT over several shards"))?;
            Parsed::of(&filled, &[])
        };
        let filled = self.at_length(sql.text.len(), attempt, read).await??;
        Ok(Some((DrawnIds { ids: Some(*first..=*last), ..drawn }, Some(filled))))
    }

    /// The statement with the rows of its query as VALUES; `None` if there are none.
    async fn read_rows_to_insert(
        &self,
        refill: &Refill,
        plan: &Plan,
        view: &View,
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

    pub(crate) fn plan(
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

    async fn run_plan(
        &self,
        plan: &Plan,
        view: &View,
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

    /// The rule of 5 s: a shard serves only while it is known to carry no newer topology than the plan's.
    ///
    /// A router that was stopped learns only here what happened meanwhile; then the plan is of another time, and this is
    /// the shard that told.
    async fn outdated(&self, plan: &Plan, view: &View, deadline: Instant) -> Result<Option<ShardId>, QueryError> {
        let epoch = view.topology.epoch();
        for shard in plan.shards() {
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
    pub(crate) async fn follow(&self, shard: &ShardId, outdated: Epoch, deadline: Instant) {
        self.watch.look_at(shard, deadline).await;
        let newer = self.topology().is_some_and(|topology| topology.epoch() > outdated);
        if !newer {
            // The fence is set and its topology commits with it: the next look sees it.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
