//! What the scaler tells Prometheus: shards, rules, decisions, actions and moves.
//!
//! Methods say what happened. Every label value that is known beforehand starts at zero, so that a first event
//! is a rise and not a new series; series of what is gone or unknown are removed, never left at their last value.

mod families;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backends::Owner;
use families::Families;
use jiff::Timestamp;
use keyspace::description::Description;
use keyspace::own::journal::MoveState;
use keyspace::topology::{Epoch, MovePhase, ShardId, Topology};
use moves::{MoveProgress, Rest};
use prometheus::{CounterVec, GaugeVec, Registry, TextEncoder};

use crate::catalogue::Outcome;
use crate::observe::{Condition, InstanceUsage, Internals, ShardStatus};
use crate::policy::Mode;

/// Why nothing was done: the policy's reason codes. `calm` is that no rule asked, `wanted` that one did.
const SUPPRESSIONS: [&str; 19] = [
    "calm",
    "wanted",
    "off",
    "paused",
    "recommend",
    "in_progress",
    "cooldown",
    "backoff",
    "max_shards",
    "futile",
    "shard_trouble",
    "unsplittable",
    "cannot_move",
    "window",
    "settling",
    "warming_up",
    "unknown",
    "unknown_shards",
    "not_leader",
];
const DIRECTIONS: [&str; 2] = ["out", "in"];
const ACTIONS: [&str; 2] = ["scale_out", "drain"];
const ACTION_PHASES: [&str; 6] = ["create", "join", "move", "undo", "retire", "destroy"];
const OUTCOMES: [Outcome; 3] = [Outcome::Succeeded, Outcome::Failed, Outcome::Undone];
const EVALUATION_OUTCOMES: [&str; 7] = ["ok", "breach", "no_data", "invalid", "partial", "stale", "error"];
const RULE_STATES: [&str; 7] = ["inactive", "pending", "firing", "unknown", "warming_up", "settling", "invalid"];

/// The scaler's registry. Methods take `&self` and never fail or wait.
pub struct Metrics {
    registry: Registry,
    families: Families,
    shown: Mutex<LiveSeries>,
}

/// Series that exist now and must be removed when what they show is gone.
#[derive(Default)]
struct LiveSeries {
    shards: BTreeMap<ShardId, ShardSeries>,
    /// Rule and shard; the shard is empty for a rule about the whole cluster.
    rule_states: BTreeSet<(String, String)>,
    phase: Option<String>,
    /// Rows left to copy, by move in progress.
    remaining_rows: BTreeMap<String, u64>,
}

#[derive(Default)]
struct ShardSeries {
    tables: BTreeSet<String>,
    /// Provisioner, instance and server version.
    info: Option<[String; 3]>,
}

impl Metrics {
    /// Without a cluster's name, for tests.
    pub fn new() -> Metrics {
        Metrics::in_registry(Registry::new())
    }

    /// Every series carries the label `cluster`, so that those of several clusters can lie in one Prometheus.
    pub fn of_cluster(cluster: &Owner) -> Metrics {
        let labels = HashMap::from([("cluster".to_owned(), cluster.to_string())]);
        Metrics::in_registry(Registry::new_custom(None, Some(labels)).expect("the label is legal"))
    }

    fn in_registry(registry: Registry) -> Metrics {
        let families = Families::register(&registry);
        families.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        for direction in DIRECTIONS {
            families.actions.decisions.with_label_values(&[direction]);
            families.actions.cooldown_until.with_label_values(&[direction]);
        }
        families.actions.decisions.with_label_values(&["hold"]);
        for reason in SUPPRESSIONS {
            families.actions.suppressed.with_label_values(&[reason]);
        }
        for outcome in OUTCOMES {
            for action in ACTIONS {
                families.actions.ended.with_label_values(&[action, outcome.as_str()]);
            }
            families.moves.ended.with_label_values(&[outcome.as_str()]);
        }
        for phase in [MovePhase::Announced, MovePhase::Switched] {
            families.moves.in_progress.with_label_values(&[move_phase(phase)]);
        }
        for reason in Rest::ALL {
            families.moves.throttled.with_label_values(&[reason.as_str()]);
        }
        for phase in ACTION_PHASES {
            families.actions.phase.with_label_values(&[phase]);
        }
        for action in ACTIONS {
            families.actions.duration.with_label_values(&[action]);
        }
        Metrics { registry, families, shown: Mutex::default() }
    }

    /// The metrics in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("gathered families are complete and their labels are text")
    }

    /// Every family, in the order of their registration.
    pub fn descriptions(&self) -> &[Description] {
        &self.families.descriptions
    }

    /// Shows one shard as the last round saw it. What the round could not find out is removed.
    pub fn shard(&self, status: &ShardStatus, usage: Option<&InstanceUsage>, internals: Internals) {
        let shard = status.shard_id.as_str();
        let families = &self.families;
        match usage.and_then(|usage| usage.cpu_seconds) {
            Some(seconds) => set_total(&families.servers.cpu_seconds, &[shard], seconds),
            None => remove_total(&families.servers.cpu_seconds, &[shard]),
        }
        set_or_remove(&families.servers.cpu_limit, &[shard], usage.and_then(|usage| usage.cpu_limit_cores));
        let answers = !matches!(status.status, Condition::Unreachable | Condition::Starting);
        families.shards.up.with_label_values(&[shard]).set(flag(answers));
        families.shards.slots.with_label_values(&[shard]).set(status.slots as f64);
        let of_usage = |field: fn(&InstanceUsage) -> Option<u64>| usage.and_then(field);
        for (gauge, number) in [
            (&families.servers.memory, of_usage(|usage| usage.resident_memory_bytes)),
            (&families.servers.memory_limit, of_usage(|usage| usage.memory_limit_bytes)),
            (&families.servers.disk_used, of_usage(|usage| usage.disk_used_bytes)),
            (&families.servers.disk_capacity, of_usage(|usage| usage.disk_capacity_bytes)),
            (&families.servers.disk_available, of_usage(|usage| usage.disk_available_bytes)),
            (&families.shards.prepared, internals.prepared_transactions),
            (&families.shards.pending_changes, internals.pending_changes),
        ] {
            set_or_remove(gauge, &[shard], number.map(|number| number as f64));
        }

        let mut shown = self.shown();
        let known = shown.shards.entry(status.shard_id.clone()).or_default();
        let nothing = BTreeMap::new();
        let counts = status.table_counts.as_ref().unwrap_or(&nothing);
        for gone in known.tables.iter().filter(|table| !counts.contains_key(*table)) {
            remove(&families.shards.rows, &[shard, gone]);
        }
        for (table, rows) in counts {
            families.shards.rows.with_label_values(&[shard, table]).set(*rows as f64);
        }
        known.tables = counts.keys().cloned().collect();

        let info = usage.map(|usage| {
            let version = usage.server_version.clone().unwrap_or_default();
            [usage.provisioner.to_owned(), usage.instance.clone(), version]
        });
        if known.info != info {
            known.remove_info(families, shard);
            if let Some([provisioner, instance, version]) = &info {
                families.servers.info.with_label_values(&[shard, provisioner, instance, version]).set(1.0);
            }
            known.info = info;
        }
    }

    /// The part of a shard's load that its hottest slot has, 0 to 1, if it is known.
    pub fn hottest_slot(&self, shard: &ShardId, share: Option<f64>) {
        set_or_remove(&self.families.shards.hottest_slot, &[shard.as_str()], share);
    }

    /// How many routers did not tell in the last round what is asked of each slot.
    pub fn silent_routers(&self, routers: usize) {
        self.families.scaler.silent_routers.set(routers as f64);
    }

    /// Removes every series of shards other than `kept`.
    pub fn forget_shards_except(&self, kept: &[ShardId]) {
        let mut shown = self.shown();
        let families = &self.families;
        shown.shards.retain(|id, known| {
            let keep = kept.contains(id);
            if !keep {
                known.remove_all(families, id.as_str());
            }
            keep
        });
        shown.rule_states.retain(|(rule, shard)| {
            let keep = shard.is_empty() || kept.iter().any(|id| id.as_str() == shard);
            if !keep {
                remove(&families.rules.value, &[rule, shard]);
                RULE_STATES.iter().for_each(|state| remove(&families.rules.state, &[rule, shard, state]));
            }
            keep
        });
    }

    /// How many shards there are in which condition, and how many there are to be.
    pub fn shard_counts(&self, statuses: &[ShardStatus], desired: usize) {
        let mut counts = BTreeMap::from([("ready", 0), ("provisioning", 0), ("draining", 0), ("failed", 0)]);
        for status in statuses {
            let state = match status.status {
                Condition::Healthy => "ready",
                Condition::Starting | Condition::Joining => "provisioning",
                Condition::Draining => "draining",
                Condition::Unreachable => "failed",
            };
            *counts.entry(state).or_default() += 1;
        }
        counts.insert("desired", desired);
        for (state, count) in counts {
            self.families.fleet.shards.with_label_values(&[state]).set(count as f64);
        }
    }

    /// How many instances belong to no shard and were left as they are.
    pub fn orphans(&self, count: usize) {
        self.families.fleet.orphans.set(count as f64);
    }

    pub fn shard_limits(&self, min: usize, max: usize) {
        self.families.fleet.min.set(min as f64);
        self.families.fleet.max.set(max as f64);
    }

    /// A rule of the configuration, with its threshold for a direction (`out`, `in`).
    pub fn rule(&self, rule: &str, direction: &str, threshold: f64) {
        self.families.rules.threshold.with_label_values(&[rule, direction]).set(threshold);
        self.families.rules.last_success.with_label_values(&[rule]);
        for outcome in EVALUATION_OUTCOMES {
            self.families.rules.evaluations.with_label_values(&[rule, outcome]);
        }
    }

    /// What a rule made of a shard (of the cluster, with no shard): its value, unless unknown, and its state,
    /// one of the policy's.
    pub fn rule_status(&self, rule: &str, shard: Option<&ShardId>, value: Option<f64>, state: &str) {
        let shard = shard.map_or("", ShardId::as_str);
        self.shown().rule_states.insert((rule.to_owned(), shard.to_owned()));
        set_or_remove(&self.families.rules.value, &[rule, shard], value);
        for known in RULE_STATES {
            self.families.rules.state.with_label_values(&[rule, shard, known]).set(flag(known == state));
        }
    }

    /// One rule was evaluated, with one of the outcomes `ok, breach, no_data, invalid, partial, stale, error`.
    pub fn evaluation(&self, rule: &str, outcome: &str) {
        self.families.rules.evaluations.with_label_values(&[rule, outcome]).inc();
    }

    /// A rule's value was known at `at`.
    pub fn rule_known(&self, rule: &str, at: Timestamp) {
        self.families.rules.last_success.with_label_values(&[rule]).set(seconds(at));
    }

    /// A round of evaluating all rules ended at `at`.
    pub fn evaluated(&self, took: Duration, at: Timestamp) {
        self.families.rules.evaluation_duration.observe(took.as_secs_f64());
        self.families.rules.last_evaluation.set(seconds(at));
    }

    /// A decision, `out`, `in` or `hold`.
    pub fn decision(&self, direction: &str) {
        self.families.actions.decisions.with_label_values(&[direction]).inc();
    }

    /// A round held, for one of the policy's reasons.
    pub fn suppressed(&self, reason: &str) {
        self.families.actions.suppressed.with_label_values(&[reason]).inc();
    }

    /// No action in `direction` before `until`; `None` if there is no such moment.
    pub fn cooldown(&self, direction: &str, until: Option<Timestamp>) {
        self.families.actions.cooldown_until.with_label_values(&[direction]).set(until.map_or(0.0, seconds));
    }

    /// The action in progress is in `phase`, also when it is the first one.
    pub fn action_phase(&self, phase: &str) {
        let before = self.shown().phase.replace(phase.to_owned());
        if let Some(before) = before {
            self.families.actions.phase.with_label_values(&[&before]).set(0.0);
        }
        self.families.actions.phase.with_label_values(&[phase]).set(1.0);
    }

    /// The action in progress (`scale_out`, `drain`) ended.
    pub fn action_finished(&self, action: &str, outcome: Outcome, took: Duration, at: Timestamp) {
        let outcome = outcome.as_str();
        if let Some(last) = self.shown().phase.take() {
            self.families.actions.phase.with_label_values(&[&last]).set(0.0);
        }
        self.families.actions.ended.with_label_values(&[action, outcome]).inc();
        self.families.actions.duration.with_label_values(&[action]).observe(took.as_secs_f64());
        self.families.actions.last_ended.with_label_values(&[action, outcome]).set(seconds(at));
    }

    /// A try to create an instance, with the class of its failure if it failed.
    pub fn provision_attempt(&self, provisioner: &str, result: Result<(), &str>) {
        let (result, class) = match result {
            Ok(()) => ("success", ""),
            Err(class) => ("failure", class),
        };
        self.families.actions.provision_attempts.with_label_values(&[provisioner, result, class]).inc();
    }

    pub fn set_paused(&self, paused: bool) {
        self.families.scaler.paused.set(flag(paused));
    }

    pub fn set_mode(&self, mode: Mode) {
        for (name, known) in [("auto", Mode::Auto), ("recommend", Mode::Recommend), ("off", Mode::Off)] {
            self.families.scaler.mode.with_label_values(&[name]).set(flag(known == mode));
        }
    }

    pub fn topology_epoch(&self, epoch: Epoch) {
        self.families.scaler.epoch.set(epoch.number() as f64);
    }

    pub fn set_leader(&self, leader: bool) {
        self.families.scaler.leader.set(flag(leader));
    }

    /// Shows the moves that `topology` announces.
    pub fn moves(&self, topology: &Topology) {
        for phase in [MovePhase::Announced, MovePhase::Switched] {
            let count = topology.moves().iter().filter(|slot_move| slot_move.phase == phase).count();
            self.families.moves.in_progress.with_label_values(&[move_phase(phase)]).set(count as f64);
        }
        if topology.moves().is_empty() {
            let mut shown = self.shown();
            let moves: Vec<String> = shown.remaining_rows.keys().cloned().collect();
            moves.iter().for_each(|id| self.forget_move(&mut shown, id));
            self.families.moves.last_progress.set(0.0);
        }
    }

    /// A move got further than `before`, which is `None` at its beginning.
    pub fn move_progressed(&self, before: Option<&MoveProgress>, progress: &MoveProgress, at: Timestamp) {
        let families = &self.families;
        // A mover that took over from another one counts from zero again.
        let rise = |count: fn(&MoveProgress) -> u64| {
            let before = before.map_or(0, count);
            count(progress).saturating_sub(before) as f64
        };
        families.moves.rows_copied.inc_by(rise(|progress| progress.rows_copied));
        families.moves.bytes_copied.inc_by(rise(|progress| progress.bytes_copied));
        families.moves.rows_deleted.inc_by(rise(|progress| progress.rows_deleted));
        families.moves.changes_replayed.inc_by(rise(|progress| progress.changes_replayed));
        families.moves.cutover_attempts.inc_by(rise(|progress| u64::from(progress.cutover_attempts)));
        for reason in Rest::ALL.map(Rest::as_str) {
            let rested = |progress: &MoveProgress| progress.rested_seconds.get(reason).copied().unwrap_or_default();
            let seconds = rested(progress) - before.map_or(0.0, rested);
            families.moves.throttled.with_label_values(&[reason]).inc_by(seconds.max(0.0));
        }
        if before.map(|before| before.state) != Some(progress.state) {
            self.move_entered(progress);
        }
        let id = progress.id.as_str();
        let mut shown = self.shown();
        if matches!(progress.state, MoveState::Done | MoveState::Undone) {
            self.forget_move(&mut shown, id);
        } else {
            shown.remaining_rows.insert(id.to_owned(), remaining_rows(progress));
            families.moves.remaining_rows.set(shown.remaining_rows.values().sum::<u64>() as f64);
            families.moves.waiting_changes.with_label_values(&[id]).set(progress.changes_waiting as f64);
            set_or_remove(&families.moves.remaining_seconds, &[id], progress.seconds_left);
        }
        families.moves.last_progress.set(seconds(at));
    }

    fn move_entered(&self, progress: &MoveProgress) {
        let finished = |outcome: Outcome| self.families.moves.ended.with_label_values(&[outcome.as_str()]).inc();
        match progress.state {
            // After a restart nobody knows how long it took.
            MoveState::Switched => {
                let pause = progress.cutover_millis.map(|millis| millis / 1000.0);
                pause.into_iter().for_each(|seconds| self.families.moves.cutover_duration.observe(seconds));
            }
            MoveState::Done => finished(Outcome::Succeeded),
            MoveState::Undone => finished(Outcome::Undone),
            MoveState::Preparing
            | MoveState::Copying
            | MoveState::Verifying
            | MoveState::CatchingUp
            | MoveState::CuttingOver
            | MoveState::CleaningUp
            | MoveState::Undoing => {}
        }
    }

    fn forget_move(&self, shown: &mut LiveSeries, id: &str) {
        shown.remaining_rows.remove(id);
        self.families.moves.remaining_rows.set(shown.remaining_rows.values().sum::<u64>() as f64);
        remove(&self.families.moves.waiting_changes, &[id]);
        remove(&self.families.moves.remaining_seconds, &[id]);
    }

    fn shown(&self) -> MutexGuard<'_, LiveSeries> {
        // No method leaves it half changed in a way that matters more than a stale series.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl ShardSeries {
    fn remove_info(&self, families: &Families, shard: &str) {
        if let Some([provisioner, instance, version]) = &self.info {
            remove(&families.servers.info, &[shard, provisioner, instance, version]);
        }
    }

    fn remove_all(&self, families: &Families, shard: &str) {
        self.remove_info(families, shard);
        self.tables.iter().for_each(|table| remove(&families.shards.rows, &[shard, table]));
        remove_total(&families.servers.cpu_seconds, &[shard]);
        for gauge in families.of_one_shard() {
            remove(gauge, &[shard]);
        }
    }
}

/// How many rows a move still has to copy, by the estimate that it began with.
fn remaining_rows(progress: &MoveProgress) -> u64 {
    match progress.state {
        MoveState::Preparing | MoveState::Copying => {
            progress.rows_expected.unwrap_or(0).saturating_sub(progress.rows_copied)
        }
        MoveState::Verifying
        | MoveState::CatchingUp
        | MoveState::CuttingOver
        | MoveState::Switched
        | MoveState::CleaningUp
        | MoveState::Done
        | MoveState::Undoing
        | MoveState::Undone => 0,
    }
}

fn move_phase(phase: MovePhase) -> &'static str {
    match phase {
        MovePhase::Announced => "announced",
        MovePhase::Switched => "switched",
    }
}

/// Brings a counter to a total that another process counts. A lower total than before is that process's restart,
/// and shows as the counter's reset, which `rate()` understands.
fn set_total(counters: &CounterVec, labels: &[&str], total: f64) {
    let counter = counters.with_label_values(labels);
    let shown = counter.get();
    if total >= shown {
        counter.inc_by(total - shown);
    } else {
        counter.reset();
        counter.inc_by(total.max(0.0));
    }
}

fn remove_total(counters: &CounterVec, labels: &[&str]) {
    // Fails only when there is no such series, which is what is wanted.
    let _ = counters.remove_label_values(labels);
}

fn set_or_remove(gauges: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauges.with_label_values(labels).set(value),
        None => remove(gauges, labels),
    }
}

fn remove(gauges: &GaugeVec, labels: &[&str]) {
    // Fails only when there is no such series, which is what is wanted.
    let _ = gauges.remove_label_values(labels);
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

#[cfg(test)]
pub(crate) mod tests;
