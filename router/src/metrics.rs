//! What the router tells Prometheus. Names are an interface; labels have few values and never SQL text.

use std::cell::RefCell;
use std::time::Duration;

use door::{EndReason, Event, RefusalReason};
use keyspace::description::Description;
use keyspace::recovery::Round;
use keyspace::topology::{ShardId, Topology};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::budget::{Kind, Usage};
use crate::plan::Route;

/// Buckets from 100 µs to 30 s: a point read takes a few hundred microseconds, the default timeout is 30 s.
const SECONDS: [f64; 14] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The codes of errors, as clients see them.
pub const ERROR_CODES: [&str; 15] = [
    "bad_request",
    "misdirected",
    "parse_error",
    "unsupported",
    "not_allowed",
    "unauthorized",
    "database_error",
    "conflict",
    "too_large",
    "limit_exceeded",
    "overloaded",
    "shard_unavailable",
    "timeout",
    "outcome_unknown",
    "internal",
];

/// Why a statement runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Its rows had moved.
    Moved,
    /// The connection of a read broke before a row came.
    Connection,
}

impl Retry {
    fn as_str(self) -> &'static str {
        match self {
            Retry::Moved => "moved",
            Retry::Connection => "connection",
        }
    }
}

pub struct Metrics {
    registry: Registry,
    descriptions: Vec<Description>,
    queries: IntCounterVec,
    errors: IntCounterVec,
    duration: HistogramVec,
    shard_queries: IntCounterVec,
    shard_errors: IntCounterVec,
    shard_duration: HistogramVec,
    shard_connections: IntGaugeVec,
    shard_up: IntGaugeVec,
    epoch: IntGauge,
    active: IntGauge,
    retries: IntCounterVec,
    gathered_rows: IntCounterVec,
    slot_queries: IntCounter,
    rereads: IntCounterVec,
    transactions: IntCounterVec,
    branches: IntCounterVec,
    in_doubt: IntGauge,
    sessions: IntGauge,
    sessions_expired: IntCounterVec,
    memory: IntGaugeVec,
    memory_refusals: IntCounterVec,
    http_connections: IntGauge,
    http_refused: IntCounterVec,
    http_ended: IntCounterVec,
}

impl Metrics {
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let descriptions = RefCell::new(Vec::new());
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(Opts::new(name, help), labels)?;
            descriptions.borrow_mut().push(Description::of("counter", &family));
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
            descriptions.borrow_mut().push(Description::of("gauge", &family));
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)?;
            descriptions.borrow_mut().push(Description::of("histogram", &family));
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let epoch = IntGauge::new("sql_autoscaler_router_topology_epoch", "Epoch of the topology in use; 0: none yet")?;
        registry.register(Box::new(epoch.clone()))?;
        descriptions.borrow_mut().push(Description::of("gauge", &epoch));
        let active = IntGauge::new("sql_autoscaler_router_active_queries", "Queries being answered")?;
        registry.register(Box::new(active.clone()))?;
        descriptions.borrow_mut().push(Description::of("gauge", &active));
        let lone_gauge = |name: &str, help: &str| {
            let family = IntGauge::new(name, help)?;
            registry.register(Box::new(family.clone()))?;
            descriptions.borrow_mut().push(Description::of("gauge", &family));
            Ok::<_, prometheus::Error>(family)
        };
        let slot_queries = IntCounter::new(
            "sql_autoscaler_router_slot_queries_total",
            "Queries counted for slots that their keys name, once for each slot; GET /slots has them slot by slot",
        )?;
        registry.register(Box::new(slot_queries.clone()))?;
        descriptions.borrow_mut().push(Description::of("counter", &slot_queries));
        let build = gauge("sql_autoscaler_router_build_info", "Always 1", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let mut metrics = Metrics {
            queries: counter("sql_autoscaler_router_queries_total", "Queries answered", &["kind", "route"])?,
            errors: counter("sql_autoscaler_router_query_errors_total", "Queries refused or failed", &["reason"])?,
            duration: seconds("sql_autoscaler_router_query_duration_seconds", "Time to the whole answer", &["route"])?,
            shard_queries: counter(
                "sql_autoscaler_router_backend_queries_total",
                "Statements sent to a shard",
                &["shard", "role"],
            )?,
            shard_errors: counter(
                "sql_autoscaler_router_backend_errors_total",
                "Statements that a shard did not carry out",
                &["shard", "reason"],
            )?,
            shard_duration: seconds(
                "sql_autoscaler_router_backend_query_duration_seconds",
                "Time a shard took for a statement",
                &["shard"],
            )?,
            shard_connections: gauge(
                "sql_autoscaler_router_backend_connections",
                "Connections to a shard",
                &["shard", "state"],
            )?,
            shard_up: gauge(
                "sql_autoscaler_router_shard_up",
                "1 if the shard's epoch was confirmed within 5 s",
                &["shard"],
            )?,
            retries: counter(
                "sql_autoscaler_router_retries_total",
                "Statements run again: moved (rows had moved) or connection (a read's broke)",
                &["reason"],
            )?,
            gathered_rows: counter(
                "sql_autoscaler_router_gathered_rows_total",
                "Rows copied to one shard for reads that no merge answers",
                &[],
            )?,
            rereads: counter(
                "sql_autoscaler_router_rereads_total",
                "Snapshots taken again because they held a transaction in part",
                &[],
            )?,
            transactions: counter(
                "sql_autoscaler_router_transactions_total",
                "Transactions over several shards, and those that were rolled back",
                &["outcome"],
            )?,
            branches: counter(
                "sql_autoscaler_router_branches_total",
                "Parts of transactions over several shards, by what became of them; recovered: their router left them behind",
                &["event"],
            )?,
            in_doubt: lone_gauge(
                "sql_autoscaler_router_branches_in_doubt",
                "Prepared parts of transactions that are still to be finished, as last seen",
            )?,
            sessions: lone_gauge("sql_autoscaler_router_sessions", "Open sessions")?,
            sessions_expired: counter(
                "sql_autoscaler_router_sessions_expired_total",
                "Sessions whose open transaction was rolled back because nobody used them",
                &[],
            )?,
            memory: gauge(
                "sql_autoscaler_router_held_bytes",
                "Memory held for clients, at most limits.max_memory_bytes in all",
                &["kind"],
            )?,
            memory_refusals: counter(
                "sql_autoscaler_router_memory_refusals_total",
                "Times that there was no room for what a client asked for or sent",
                &["kind"],
            )?,
            http_connections: lone_gauge("sql_autoscaler_router_http_connections", "Open connections of clients")?,
            http_refused: counter(
                "sql_autoscaler_router_http_refused_connections_total",
                "Connections that were not let in: full, client_share or no_descriptor",
                &["reason"],
            )?,
            http_ended: counter(
                "sql_autoscaler_router_http_ended_connections_total",
                "Connections ended because their client took too long: header_timeout, body_timeout, idle_timeout, \
                 write_timeout, or displaced by another one",
                &["reason"],
            )?,
            slot_queries,
            epoch,
            active,
            registry,
            descriptions: Vec::new(),
        };
        metrics.descriptions = descriptions.into_inner();
        for code in ERROR_CODES {
            metrics.errors.with_label_values(&[code]);
        }
        for route in Route::ALL {
            for kind in ["read", "write"] {
                metrics.queries.with_label_values(&[kind, route.as_str()]);
            }
        }
        for retry in [Retry::Moved, Retry::Connection] {
            metrics.retries.with_label_values(&[retry.as_str()]);
        }
        metrics.gathered(0);
        for outcome in ["committed", "rolled_back", "unknown"] {
            metrics.transactions.with_label_values(&[outcome]);
        }
        for event in ["prepared", "committed", "recovered_committed", "recovered_rolled_back"] {
            metrics.branches.with_label_values(&[event]);
        }
        metrics.rereads.with_label_values::<&str>(&[]);
        metrics.sessions_expired.with_label_values::<&str>(&[]);
        for refused in RefusalReason::ALL {
            metrics.http_refused.with_label_values(&[refused.as_str()]);
        }
        for ended in EndReason::ALL {
            metrics.http_ended.with_label_values(&[ended.as_str()]);
        }
        metrics.memory(&Kind::ALL.map(|kind| (kind, Usage::default())));
        Ok(metrics)
    }

    /// Every family, in the order of their registration.
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    pub fn answered(&self, kind: &str, route: Route, took: Duration) {
        self.queries.with_label_values(&[kind, route.as_str()]).inc();
        self.duration.with_label_values(&[route.as_str()]).observe(took.as_secs_f64());
    }

    pub fn failed(&self, code: &str) {
        self.errors.with_label_values(&[code]).inc();
    }

    pub fn asked_shard(&self, shard: &ShardId, took: Duration, failure: Option<&str>) {
        self.shard_queries.with_label_values(&[shard.as_str(), "primary"]).inc();
        self.shard_duration.with_label_values(&[shard.as_str()]).observe(took.as_secs_f64());
        if let Some(reason) = failure {
            self.shard_errors.with_label_values(&[shard.as_str(), reason]).inc();
        }
    }

    /// All statements that were sent to a shard.
    pub fn sent_to_shard(&self, shard: &ShardId) -> u64 {
        self.shard_queries.with_label_values(&[shard.as_str(), "primary"]).get()
    }

    /// A statement named so many slots.
    pub fn named_slots(&self, slots: u64) {
        self.slot_queries.inc_by(slots);
    }

    /// Rows copied to one shard for one read.
    pub fn gathered(&self, rows: usize) {
        self.gathered_rows.with_label_values::<&str>(&[]).inc_by(rows as u64);
    }

    /// Snapshots that held a transaction in part.
    pub fn reread(&self) {
        self.rereads.with_label_values::<&str>(&[]).inc();
    }

    /// A transaction over several shards is `committed`, `rolled_back`, or nobody knows: `unknown`.
    pub fn transaction(&self, outcome: &str) {
        self.transactions.with_label_values(&[outcome]).inc();
    }

    /// A branch of one is `prepared` or `committed`.
    pub fn branch(&self, event: &str) {
        self.branches.with_label_values(&[event]).inc();
    }

    pub fn recovered(&self, round: &Round) {
        self.in_doubt.set(round.in_doubt as i64);
        self.branches.with_label_values(&["recovered_committed"]).inc_by(round.committed as u64);
        self.branches.with_label_values(&["recovered_rolled_back"]).inc_by(round.rolled_back as u64);
    }

    pub fn sessions(&self, open: usize) {
        self.sessions.set(open as i64);
    }

    /// Brings what is told of the memory budget up to date.
    pub fn memory(&self, usage: &[(Kind, Usage)]) {
        for (kind, usage) in usage {
            self.memory.with_label_values(&[kind.as_str()]).set(usage.held_bytes as i64);
            let refusals = self.memory_refusals.with_label_values(&[kind.as_str()]);
            refusals.inc_by(usage.refusals.saturating_sub(refusals.get()));
        }
    }

    /// Something happened at the door of the HTTP interface.
    pub fn at_door(&self, event: Event) {
        match event {
            Event::Opened => self.http_connections.inc(),
            Event::Closed => self.http_connections.dec(),
            Event::Refused(why) => self.http_refused.with_label_values(&[why.as_str()]).inc(),
            Event::Ended(why) => self.http_ended.with_label_values(&[why.as_str()]).inc(),
            Event::Misdirected => self.failed("misdirected"),
        }
    }

    pub fn session_expired(&self) {
        self.sessions_expired.with_label_values::<&str>(&[]).inc();
    }

    pub fn retried(&self, why: Retry) {
        self.retries.with_label_values(&[why.as_str()]).inc();
    }

    /// The gauges, brought up to date, and everything else, in Prometheus' text format.
    pub fn render(
        &self,
        topology: Option<&Topology>,
        connections: &[(ShardId, usize, usize)],
        active_queries: usize,
        is_up: impl Fn(&ShardId) -> bool,
    ) -> Vec<u8> {
        self.epoch.set(topology.map_or(0, |topology| topology.epoch().number() as i64));
        self.active.set(active_queries as i64);
        self.shard_up.reset();
        self.shard_connections.reset();
        for shard in topology.iter().flat_map(|topology| topology.shards()) {
            self.shard_up.with_label_values(&[shard.id.as_str()]).set(i64::from(is_up(&shard.id)));
            // A counter that appears with its first query looks like a jump to rate().
            self.shard_queries.with_label_values(&[shard.id.as_str(), "primary"]);
        }
        for (shard, in_use, idle) in connections {
            self.shard_connections.with_label_values(&[shard.as_str(), "in_use"]).set(*in_use as i64);
            self.shard_connections.with_label_values(&[shard.as_str(), "idle"]).set(*idle as i64);
        }
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n").into_bytes(),
        }
    }
}
