//! What the router tells Prometheus. Names are an interface; labels have few values and never SQL text.

mod families;
mod registrar;

use std::time::Duration;

use door::{EndReason, Event, RefusalReason};
use keyspace::description::Description;
use keyspace::recovery::Round;
use keyspace::topology::{ShardId, Topology};
use prometheus::{Encoder, Registry, TextEncoder};

use self::families::{
    ClientFamilies, QueryFamilies, RepeatFamilies, RouterFamilies, ShardFamilies, TransactionFamilies,
};
use self::registrar::Registrar;
use crate::budget::{Kind, Usage};
use crate::plan::Route;

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
    router: RouterFamilies,
    queries: QueryFamilies,
    shards: ShardFamilies,
    repeats: RepeatFamilies,
    transactions: TransactionFamilies,
    clients: ClientFamilies,
}

impl Metrics {
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let registrar = Registrar::new(&registry);
        let router = RouterFamilies::register(&registrar)?;
        let queries = QueryFamilies::register(&registrar)?;
        let shards = ShardFamilies::register(&registrar)?;
        let repeats = RepeatFamilies::register(&registrar)?;
        let transactions = TransactionFamilies::register(&registrar)?;
        let clients = ClientFamilies::register(&registrar)?;
        let descriptions = registrar.into_descriptions();
        let metrics = Metrics { registry, descriptions, router, queries, shards, repeats, transactions, clients };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// Shows every label value that is known beforehand, so that a first event is a rise and not a new series.
    fn begin_at_zero(&self) {
        self.router.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for code in ERROR_CODES {
            self.queries.errors.with_label_values(&[code]);
        }
        for route in Route::ALL {
            for kind in ["read", "write"] {
                self.queries.answered.with_label_values(&[kind, route.as_str()]);
            }
        }
        for retry in [Retry::Moved, Retry::Connection] {
            self.repeats.retries.with_label_values(&[retry.as_str()]);
        }
        self.gathered(0);
        for outcome in ["committed", "rolled_back", "unknown"] {
            self.transactions.ended.with_label_values(&[outcome]);
        }
        for event in ["prepared", "committed", "recovered_committed", "recovered_rolled_back"] {
            self.transactions.branches.with_label_values(&[event]);
        }
        self.repeats.rereads.with_label_values::<&str>(&[]);
        self.clients.sessions_expired.with_label_values::<&str>(&[]);
        for refused in RefusalReason::ALL {
            self.clients.http_refused.with_label_values(&[refused.as_str()]);
        }
        for ended in EndReason::ALL {
            self.clients.http_ended.with_label_values(&[ended.as_str()]);
        }
        self.memory(&Kind::ALL.map(|kind| (kind, Usage::default())));
    }

    /// Every family, in the order of their registration.
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    pub fn answered(&self, kind: &str, route: Route, took: Duration) {
        self.queries.answered.with_label_values(&[kind, route.as_str()]).inc();
        self.queries.duration.with_label_values(&[route.as_str()]).observe(took.as_secs_f64());
    }

    pub fn failed(&self, code: &str) {
        self.queries.errors.with_label_values(&[code]).inc();
    }

    pub fn asked_shard(&self, shard: &ShardId, took: Duration, failure: Option<&str>) {
        self.shards.queries.with_label_values(&[shard.as_str(), "primary"]).inc();
        self.shards.duration.with_label_values(&[shard.as_str()]).observe(took.as_secs_f64());
        if let Some(reason) = failure {
            self.shards.errors.with_label_values(&[shard.as_str(), reason]).inc();
        }
    }

    /// All statements that were sent to a shard.
    pub fn sent_to_shard(&self, shard: &ShardId) -> u64 {
        self.shards.queries.with_label_values(&[shard.as_str(), "primary"]).get()
    }

    /// A statement named so many slots.
    pub fn named_slots(&self, slots: u64) {
        self.router.slot_queries.inc_by(slots);
    }

    /// Rows copied to one shard for one read.
    pub fn gathered(&self, rows: usize) {
        self.repeats.gathered_rows.with_label_values::<&str>(&[]).inc_by(rows as u64);
    }

    /// Snapshots that held a transaction in part.
    pub fn reread(&self) {
        self.repeats.rereads.with_label_values::<&str>(&[]).inc();
    }

    /// A transaction over several shards is `committed`, `rolled_back`, or nobody knows: `unknown`.
    pub fn transaction(&self, outcome: &str) {
        self.transactions.ended.with_label_values(&[outcome]).inc();
    }

    /// A branch of one is `prepared` or `committed`.
    pub fn branch(&self, event: &str) {
        self.transactions.branches.with_label_values(&[event]).inc();
    }

    pub fn recovered(&self, round: &Round) {
        self.transactions.in_doubt.set(round.in_doubt as i64);
        self.transactions.branches.with_label_values(&["recovered_committed"]).inc_by(round.committed as u64);
        self.transactions.branches.with_label_values(&["recovered_rolled_back"]).inc_by(round.rolled_back as u64);
    }

    pub fn sessions(&self, open: usize) {
        self.clients.sessions.set(open as i64);
    }

    /// Brings what is told of the memory budget up to date.
    pub fn memory(&self, usage: &[(Kind, Usage)]) {
        for (kind, usage) in usage {
            self.clients.memory.with_label_values(&[kind.as_str()]).set(usage.held_bytes as i64);
            let refusals = self.clients.memory_refusals.with_label_values(&[kind.as_str()]);
            refusals.inc_by(usage.refusals.saturating_sub(refusals.get()));
        }
    }

    /// Something happened at the door of the HTTP interface.
    pub fn at_door(&self, event: Event) {
        match event {
            Event::Opened => self.clients.http_connections.inc(),
            Event::Closed => self.clients.http_connections.dec(),
            Event::Refused(why) => self.clients.http_refused.with_label_values(&[why.as_str()]).inc(),
            Event::Ended(why) => self.clients.http_ended.with_label_values(&[why.as_str()]).inc(),
            Event::Misdirected => self.failed("misdirected"),
        }
    }

    pub fn session_expired(&self) {
        self.clients.sessions_expired.with_label_values::<&str>(&[]).inc();
    }

    pub fn retried(&self, why: Retry) {
        self.repeats.retries.with_label_values(&[why.as_str()]).inc();
    }

    /// The gauges, brought up to date, and everything else, in Prometheus' text format.
    pub fn render(
        &self,
        topology: Option<&Topology>,
        connections: &[(ShardId, usize, usize)],
        active_queries: usize,
        is_up: impl Fn(&ShardId) -> bool,
    ) -> Vec<u8> {
        self.router.epoch.set(topology.map_or(0, |topology| topology.epoch().number() as i64));
        self.router.active.set(active_queries as i64);
        self.shards.up.reset();
        self.shards.connections.reset();
        for shard in topology.iter().flat_map(|topology| topology.shards()) {
            self.shards.up.with_label_values(&[shard.id.as_str()]).set(i64::from(is_up(&shard.id)));
            // A counter that appears with its first query looks like a jump to rate().
            self.shards.queries.with_label_values(&[shard.id.as_str(), "primary"]);
        }
        for (shard, in_use, idle) in connections {
            self.shards.connections.with_label_values(&[shard.as_str(), "in_use"]).set(*in_use as i64);
            self.shards.connections.with_label_values(&[shard.as_str(), "idle"]).set(*idle as i64);
        }
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n").into_bytes(),
        }
    }
}
