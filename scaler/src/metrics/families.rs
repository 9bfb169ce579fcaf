//! The metric families: names, help and labels. Names are an interface; dashboards and rules use them.

use std::cell::RefCell;

use keyspace::description::Description;
use prometheus::core::Collector;
use prometheus::{Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, Opts, Registry};

const PREFIX: &str = "sql_autoscaler";

/// From a second to the two hours that copying a large shard may take.
const ACTION_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 7200.0];

/// Around a tenth of a second, what writes may wait without a client noticing.
const CUTOVER_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

const EVALUATION_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

pub struct Families {
    /// Of all of them, in this order.
    pub descriptions: Vec<Description>,
    pub build_info: GaugeVec,

    pub info: GaugeVec,
    pub cpu_seconds: CounterVec,
    pub cpu_limit: GaugeVec,
    pub memory: GaugeVec,
    pub memory_limit: GaugeVec,
    pub disk_used: GaugeVec,
    pub disk_capacity: GaugeVec,
    pub disk_available: GaugeVec,
    pub up: GaugeVec,
    pub slots: GaugeVec,
    pub hottest_slot: GaugeVec,
    pub prepared: GaugeVec,
    pub pending_changes: GaugeVec,
    pub rows: GaugeVec,

    pub shards: GaugeVec,
    pub orphans: Gauge,
    pub shards_min: Gauge,
    pub shards_max: Gauge,

    pub rule_value: GaugeVec,
    pub rule_threshold: GaugeVec,
    pub rule_state: GaugeVec,
    pub evaluations: CounterVec,
    pub evaluation_duration: Histogram,
    pub last_evaluation: Gauge,
    pub last_success: GaugeVec,

    pub decisions: CounterVec,
    pub suppressed: CounterVec,
    pub cooldown_until: GaugeVec,
    pub actions: CounterVec,
    pub action_phase: GaugeVec,
    pub action_duration: HistogramVec,
    pub last_action: GaugeVec,
    pub provision_attempts: CounterVec,
    pub paused: Gauge,
    pub leader: Gauge,
    pub mode: GaugeVec,
    pub epoch: Gauge,
    pub silent_routers: Gauge,

    pub moves: GaugeVec,
    pub moves_total: CounterVec,
    pub rows_copied: Counter,
    pub bytes_copied: Counter,
    pub rows_deleted: Counter,
    pub changes_replayed: Counter,
    pub waiting_changes: GaugeVec,
    pub remaining_rows: Gauge,
    pub remaining_seconds: GaugeVec,
    pub throttled: CounterVec,
    pub last_progress: Gauge,
    pub cutover_attempts: Counter,
    pub cutover_duration: Histogram,
}

impl Families {
    pub fn register(registry: &Registry) -> Families {
        let registry = &Registrar { registry, descriptions: RefCell::default() };
        let gauge = |name, help| registry.add("gauge", Gauge::with_opts(opts(name, help)));
        let gauges = |name, help, labels: &[&str]| registry.add("gauge", GaugeVec::new(opts(name, help), labels));
        let counter = |name, help| registry.add("counter", Counter::with_opts(opts(name, help)));
        let counters = |name, help, labels: &[&str]| registry.add("counter", CounterVec::new(opts(name, help), labels));
        let histogram = |name, help, buckets: &[f64]| {
            registry.add("histogram", Histogram::with_opts(histogram_opts(name, help, buckets)))
        };
        let mut families = Families {
            descriptions: Vec::new(),
            build_info: gauges("build_info", "The scaler's version; always 1.", &["version"]),

            info: gauges(
                "shard_info",
                "A shard's instance; always 1.",
                &["shard", "provisioner", "instance_id", "server_version"],
            ),
            cpu_seconds: counters(
                "shard_process_cpu_seconds_total",
                "CPU time that the shard's server has used since it started.",
                &["shard"],
            ),
            cpu_limit: gauges("shard_cpu_limit_cores", "CPU that the shard's server may use.", &["shard"]),
            memory: gauges("shard_process_resident_memory_bytes", "Resident memory of the shard's server.", &["shard"]),
            memory_limit: gauges("shard_memory_limit_bytes", "Memory that the shard's server may use.", &["shard"]),
            disk_used: gauges("shard_disk_used_bytes", "Disk space that the shard uses.", &["shard"]),
            disk_capacity: gauges("shard_disk_capacity_bytes", "Disk space that the shard may use.", &["shard"]),
            disk_available: gauges("shard_disk_available_bytes", "Disk space that is left for the shard.", &["shard"]),
            up: gauges("shard_up", "1 if the shard answered the scaler's last look.", &["shard"]),
            slots: gauges("shard_slots", "Slots, of 16384, that the shard owns.", &["shard"]),
            hottest_slot: gauges(
                "shard_hottest_slot_ratio",
                "The hottest slot's part of what routers ask of the shard, 0 to 1; absent when unknown.",
                &["shard"],
            ),
            prepared: gauges(
                "shard_prepared_transactions",
                "XA branches that are prepared on the shard and not yet decided.",
                &["shard"],
            ),
            pending_changes: gauges(
                "rebalance_pending_changes",
                "Logged changes of a move on its source that are not yet replayed; absent without a move.",
                &["shard"],
            ),
            rows: gauges(
                "shard_rows",
                "Rows of a table that the shard owns; large tables by the engine's estimate.",
                &["shard", "table"],
            ),

            shards: gauges("scaler_shards", "Shards by state, and how many are desired.", &["state"]),
            orphans: gauge(
                "scaler_orphans",
                "Instances of the backend that belong to no shard, and hold rows or could not be looked at.",
            ),
            shards_min: gauge("scaler_shards_min", "Fewest shards that the configuration allows."),
            shards_max: gauge("scaler_shards_max", "Most shards that the configuration allows."),

            rule_value: gauges(
                "scaler_rule_value",
                "What a rule's expression gave last; absent when unknown.",
                &["rule", "shard"],
            ),
            rule_threshold: gauges("scaler_rule_threshold", "A rule's threshold.", &["rule", "direction"]),
            rule_state: gauges(
                "scaler_rule_state",
                "1 for the state that a rule is in, else 0.",
                &["rule", "shard", "state"],
            ),
            evaluations: counters(
                "scaler_evaluations_total",
                "Evaluations of a rule by outcome.",
                &["rule", "outcome"],
            ),
            evaluation_duration: histogram(
                "scaler_evaluation_duration_seconds",
                "How long a round of evaluating all rules took.",
                &EVALUATION_BUCKETS,
            ),
            last_evaluation: gauge(
                "scaler_last_evaluation_timestamp_seconds",
                "When the last round of evaluating all rules ended.",
            ),
            last_success: gauges(
                "scaler_last_success_timestamp_seconds",
                "When a rule's value was last known; 0 if never.",
                &["rule"],
            ),

            decisions: counters("scaler_decisions_total", "Decisions by direction.", &["direction"]),
            suppressed: counters(
                "scaler_suppressed_total",
                "Rounds in which nothing was done, by each reason; calm: no rule asked, wanted: one did.",
                &["reason"],
            ),
            cooldown_until: gauges(
                "scaler_cooldown_until_timestamp_seconds",
                "When the cooldown ends or ended; 0 without one.",
                &["direction"],
            ),
            actions: counters("scaler_actions_total", "Actions that ended.", &["action", "result"]),
            action_phase: gauges(
                "scaler_action_phase",
                "1 for the phase that the action in progress is in, else 0.",
                &["phase"],
            ),
            action_duration: registry.add(
                "histogram",
                HistogramVec::new(
                    histogram_opts(
                        "scaler_action_duration_seconds",
                        "How long actions took, whatever their result.",
                        &ACTION_BUCKETS,
                    ),
                    &["action"],
                ),
            ),
            last_action: gauges(
                "scaler_last_action_timestamp_seconds",
                "When the last action ended.",
                &["action", "result"],
            ),
            provision_attempts: counters(
                "scaler_provision_attempts_total",
                "Tries to create an instance; class says why one failed.",
                &["provisioner", "result", "class"],
            ),
            paused: gauge("scaler_paused", "1 while scaling is paused."),
            leader: gauge("scaler_leader", "1 if this scaler may act."),
            mode: gauges("scaler_mode", "1 for the mode that the scaler runs in, else 0.", &["mode"]),
            epoch: gauge("scaler_topology_epoch", "Epoch of the topology that the scaler knows."),
            silent_routers: gauge(
                "scaler_silent_routers",
                "Routers that did not tell in the last round what is asked of each slot.",
            ),

            moves: gauges("rebalance_moves", "Moves of slots in progress, by phase.", &["phase"]),
            moves_total: counters("rebalance_moves_total", "Moves of slots that ended.", &["result"]),
            rows_copied: counter("rebalance_rows_copied_total", "Rows copied between shards."),
            bytes_copied: counter("rebalance_bytes_copied_total", "Bytes of the rows copied between shards."),
            rows_deleted: counter("rebalance_rows_deleted_total", "Moved rows deleted at their old place."),
            changes_replayed: counter(
                "rebalance_changes_replayed_total",
                "Changes that were made while rows moved, replayed on the target.",
            ),
            waiting_changes: gauges(
                "rebalance_waiting_changes",
                "Changes that a move in progress has still to replay; as the mover counts them, absent without a move.",
                &["move"],
            ),
            remaining_rows: gauge(
                "rebalance_remaining_rows",
                "Rows that moves in progress still have to copy, by estimate; 0 without one.",
            ),
            remaining_seconds: gauges(
                "rebalance_remaining_seconds",
                "Until a move in progress switches or, behind that, is cleaned up, by estimate; absent when unknown.",
                &["move"],
            ),
            throttled: counters(
                "rebalance_throttled_seconds_total",
                "What moves rested: busy, the application is at work; overloaded, a server runs too many statements; \
                 replica_lag, a replica is behind.",
                &["reason"],
            ),
            last_progress: gauge(
                "rebalance_last_progress_timestamp_seconds",
                "When a move in progress last got further; 0 without one.",
            ),
            cutover_attempts: counter(
                "rebalance_cutover_attempts_total",
                "Attempts to switch the owner of slots, whatever became of them.",
            ),
            cutover_duration: histogram(
                "rebalance_cutover_duration_seconds",
                "How long writes waited while slots changed owner.",
                &CUTOVER_BUCKETS,
            ),
        };
        families.descriptions = registry.descriptions.take();
        families
    }

    /// The gauges whose only label is the shard.
    pub fn of_one_shard(&self) -> [&GaugeVec; 11] {
        [
            &self.cpu_limit,
            &self.memory,
            &self.memory_limit,
            &self.disk_used,
            &self.disk_capacity,
            &self.disk_available,
            &self.up,
            &self.slots,
            &self.hottest_slot,
            &self.prepared,
            &self.pending_changes,
        ]
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(PREFIX)
}

fn histogram_opts(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).namespace(PREFIX).buckets(buckets.to_vec())
}

struct Registrar<'a> {
    registry: &'a Registry,
    descriptions: RefCell<Vec<Description>>,
}

impl Registrar<'_> {
    fn add<F: Collector + Clone + 'static>(&self, kind: &'static str, family: prometheus::Result<F>) -> F {
        let family = family.expect("the names, labels and buckets in this file are legal");
        self.registry.register(Box::new(family.clone())).expect("the names in this file differ");
        self.descriptions.borrow_mut().push(Description::of(kind, &family));
        family
    }
}
