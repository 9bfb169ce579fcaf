//! Whether to act: from readings, state and limits to a decision with its reasons.
//!
//! Pure: no clock, no IO. The caller passes the time and keeps the state between rounds.
//!
//! One (rule, shard) pair goes through these states, evaluated anew in each round:
//!
//! ```text
//!             above                  held for `for`
//! inactive ──────────▶ pending ───────────────────────▶ firing ──▶ may act
//!     ▲                 │   ▲ clock goes on                │
//!     └──not above──────┴───┼──────────────────────────────┘
//!                           │ back within one `for`
//!   any ──no value──▶ unknown ──back later──▶ warming up ──a lookback later──▶ inactive or pending
//!   any ──action ended──▶ settling ──lookback and two rounds later──▶ inactive or pending
//! ```

mod calm;
mod decision;
mod limits;
mod scale_in;
mod state;
mod timer;
mod view;

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use keyspace::slots::halve::Unsplittable;
use keyspace::topology::ShardId;

pub use self::calm::Calm;
pub use self::decision::{Action, Breach, Cause, Decision, Reason, RuleState, RuleStatus};
pub use self::limits::{Mode, Policy, PolicyError, ScaleIn};
use self::state::Addition;
pub use self::state::PolicyState;
use self::timer::Phase;
pub use self::view::{ClusterView, ShardView};
use self::view::{are_stuck, troubled, unfit};
use crate::prometheus::Unknown;
use crate::rules::{Rule, RuleReading, Scope, SplitBy, Values};

/// Additions in a row that may fail to lower the load before adding stops.
const FUTILE_ADDITIONS: u32 = 2;

/// Decides one round.
///
/// `readings` holds every rule once; the clock of a rule that is left out starts anew. The caller asks the decision's
/// [`ClusterView::givers`] whether their rows can move, and decides again from the same state if it had not asked them
/// yet. Then it keeps the new state, carries the action out and tells the state when it has ended.
pub fn decide(
    policy: &Policy,
    mut state: PolicyState,
    readings: &[RuleReading],
    cluster: &ClusterView,
    now: Timestamp,
) -> (Decision, PolicyState) {
    state.forget_the_future(now);
    let mut evaluated = evaluate(policy, &mut state, readings, cluster, now);
    let (proposal, mut blockers) = weigh_growth(policy, &mut state, &evaluated, cluster, now);
    let shrinking = weigh_shrinking(policy, &mut state, &mut evaluated, cluster, now);
    // Growth goes before it.
    let shrinking = shrinking.filter(|_| proposal.is_none());
    if let Some(Shrinking { shard, .. }) = &shrinking {
        // That shards were added in vain is no reason to keep them.
        blockers.retain(|blocker| !matches!(blocker, Reason::Futile { .. }));
        blockers.extend(scale_in::obstacles(policy, &state, cluster, shard, now));
    }
    let (action, mut reasons) = choose(&mut state, proposal, shrinking, blockers, cluster);
    reasons.extend(strangers(readings, cluster));
    reasons.append(&mut evaluated.reasons(readings));
    if reasons.is_empty() {
        reasons.push(Reason::Calm { rules: readings.len() });
    }
    (Decision { at: now, action, reasons, rules: evaluated.statuses }, state)
}

/// Takes every reading, and moves the rules' clocks on.
fn evaluate(
    policy: &Policy,
    state: &mut PolicyState,
    readings: &[RuleReading],
    cluster: &ClusterView,
    now: Timestamp,
) -> Evaluated {
    let mut evaluated = Evaluated::default();
    for observation in readings.iter().flat_map(|reading| observe(reading, cluster)) {
        evaluated.take(policy, state, &observation, now);
    }
    state.timers = std::mem::take(&mut evaluated.timers);
    evaluated
}

/// The shard to add, if a rule asks for one, and what forbids to act.
fn weigh_growth(
    policy: &Policy,
    state: &mut PolicyState,
    evaluated: &Evaluated,
    cluster: &ClusterView,
    now: Timestamp,
) -> (Option<Proposal>, Vec<Reason>) {
    let mut blockers = blockers(policy, state, cluster, now);
    let (proposal, obstacles) = propose(policy, &evaluated.firing, cluster);
    blockers.extend(obstacles);
    if let Some(proposal) = &proposal {
        if cluster.shards.len() >= policy.max_shards {
            blockers.push(Reason::MaxShards { max: policy.max_shards });
        }
        if policy.mode == Mode::Recommend && !are_stuck(&blockers) {
            blockers.push(Reason::Recommended { source: proposal.source.clone() });
        }
        if blockers.is_empty() {
            state.judge_last_addition();
            blockers.extend(futility(state));
        }
    }
    (proposal, blockers)
}

/// A shard that is not needed.
struct Shrinking {
    shard: ShardId,
    cause: Cause,
    held: Duration,
}

/// The shard to take away, if calm has lasted long enough. To be called in every round, because the clock of calm goes
/// on.
fn weigh_shrinking(
    policy: &Policy,
    state: &mut PolicyState,
    evaluated: &mut Evaluated,
    cluster: &ClusterView,
    now: Timestamp,
) -> Option<Shrinking> {
    match scale_in::find_calm(policy, state, &evaluated.statuses, cluster, now)? {
        scale_in::CalmSearch::Calm { shard, calm, held } => Some(Shrinking { shard, cause: Cause::Calm(calm), held }),
        scale_in::CalmSearch::Waiting(reason) => {
            evaluated.waiting.push(reason);
            None
        }
    }
}

/// Acts where something is wanted and nothing forbids it, and notes that in the state.
fn choose(
    state: &mut PolicyState,
    proposal: Option<Proposal>,
    shrinking: Option<Shrinking>,
    blockers: Vec<Reason>,
    cluster: &ClusterView,
) -> (Action, Vec<Reason>) {
    match (proposal, shrinking) {
        (Some(Proposal { cause, source }), _) if blockers.is_empty() => {
            state.addition = Addition::expected(&cause, source.as_ref(), cluster.shards.len() + 1);
            let reason = Reason::ScaleOut { cause: cause.clone(), source: source.clone() };
            (Action::ScaleOut { source, cause }, vec![reason])
        }
        (None, Some(Shrinking { shard, cause, held })) if blockers.is_empty() => {
            state.calm = None;
            let reason = Reason::ScaleIn { cause: cause.clone(), shard: shard.clone(), held };
            (Action::ScaleIn { shard, cause }, vec![reason])
        }
        (proposal, shrinking) => {
            let wanted = proposal.map(|proposal| proposal.cause).or(shrinking.map(|shrinking| shrinking.cause));
            (Action::Hold, wanted.map(Reason::Wanted).into_iter().chain(blockers).collect())
        }
    }
}

/// One value of one rule, or why there is none. `shard` is `None` for the cluster.
struct Observation<'a> {
    rule: &'a Rule,
    shard: Option<&'a ShardId>,
    value: Result<f64, Unknown>,
}

/// A hot rule is observed on every shard of the topology, whatever Prometheus has; a cold rule once.
fn observe<'a>(reading: &'a RuleReading, cluster: &'a ClusterView) -> Vec<Observation<'a>> {
    let rule = &reading.rule;
    match (rule.scope(), &reading.values) {
        (Scope::Hot, values) => {
            let value = |shard: &ShardId| match values {
                Ok(Values::PerShard(values)) => values.get(shard).cloned().unwrap_or(Err(Unknown::NoSeries)),
                Ok(Values::Cluster { .. }) => Err(Unknown::SeveralSeries(1)),
                Err(reason) => Err(reason.clone()),
            };
            let observed = |shard: &'a ShardView| Observation { rule, shard: Some(&shard.id), value: value(&shard.id) };
            cluster.shards.iter().map(observed).collect()
        }
        (Scope::Cold, values) => {
            let value = match values {
                Ok(Values::Cluster { value, covered }) => {
                    let ids = cluster.shards.iter().map(|shard| &shard.id);
                    let missing: Vec<_> = ids.filter(|id| !covered.contains(id)).cloned().collect();
                    if missing.is_empty() { Ok(*value) } else { Err(Unknown::NotCovered { missing }) }
                }
                Ok(Values::PerShard(values)) => Err(Unknown::SeveralSeries(values.len())),
                Err(reason) => Err(reason.clone()),
            };
            vec![Observation { rule, shard: None, value }]
        }
    }
}

/// What a round's observations came to.
#[derive(Default)]
struct Evaluated {
    timers: Vec<timer::Timer>,
    statuses: Vec<RuleStatus>,
    firing: Vec<Breach>,
    waiting: Vec<Reason>,
    unknown: Vec<(String, Reason)>,
}

impl Evaluated {
    fn take(&mut self, policy: &Policy, state: &mut PolicyState, observation: &Observation<'_>, now: Timestamp) {
        let Observation { rule, shard, value } = observation;
        let shard = shard.cloned();
        let settled_at = state.settled_at(rule, policy.interval);
        let mut timer = state.timer(rule, shard.as_ref());
        let phase = timer.advance(rule, value.as_ref().ok().copied(), policy.interval, settled_at, now);
        if let Ok(value) = value {
            state.note_effect(rule, shard.as_ref(), *value);
            let breach = Breach::new(rule, shard.clone(), *value);
            match phase {
                Phase::Firing { .. } => self.firing.push(breach),
                Phase::Pending { held, .. } => self.waiting.push(Reason::Pending { breach, held, hold: rule.hold() }),
                Phase::WarmingUp { until } => {
                    let shards = shard.iter().cloned().collect();
                    Reason::WarmingUp { rule: rule.name().to_owned(), shards, until }.add_to(&mut self.waiting);
                }
                Phase::Settling { until } => {
                    Reason::Settling { rule: rule.name().to_owned(), until }.add_to(&mut self.waiting);
                }
                Phase::Inactive | Phase::Unknown { .. } => {}
            }
        }
        if let Err(why) = value {
            let name = rule.name().to_owned();
            let shards = shard.iter().cloned().collect();
            let reason = Reason::Unknown { rule: name.clone(), shards, why: why.clone() };
            self.unknown.push((name, reason));
        }
        self.statuses.push(RuleStatus::new(rule, shard, value, &phase));
        self.timers.push(timer);
    }

    /// What waits and what is unknown. A rule that failed as a whole is told once and not for each shard.
    fn reasons(&mut self, readings: &[RuleReading]) -> Vec<Reason> {
        let failed = |name: &str| {
            let reading = readings.iter().find(|reading| reading.rule.name() == name)?;
            let why = reading.values.as_ref().err()?.clone();
            Some(Reason::Unknown { rule: name.to_owned(), shards: Vec::new(), why })
        };
        let mut reasons = std::mem::take(&mut self.waiting);
        for (name, reason) in self.unknown.drain(..) {
            failed(&name).unwrap_or(reason).add_to(&mut reasons);
        }
        reasons
    }
}

/// What to do if nothing forbids it.
struct Proposal {
    cause: Cause,
    source: Option<ShardId>,
}

/// The breach that lies furthest above its threshold, among those that a new shard can relieve; else the lower
/// bound; else a breach that has to wait, with what stands in its way.
fn propose(policy: &Policy, firing: &[Breach], cluster: &ClusterView) -> (Option<Proposal>, Vec<Reason>) {
    let mut ordered: Vec<&Breach> = firing.iter().collect();
    // Stable, so that equals stay in the order of rules and shards.
    ordered.sort_by(|a, b| b.severity().partial_cmp(&a.severity()).unwrap_or(Ordering::Equal));
    let because = |breach: &Breach| Proposal { cause: Cause::Rule(breach.clone()), source: breach.shard.clone() };
    if let Some(free) = ordered.iter().find(|breach| obstacle(breach, cluster).is_none()) {
        return (Some(because(free)), Vec::new());
    }
    let shards = cluster.shards.len();
    if shards < policy.min_shards {
        let cause = Cause::MinShards { shards, min: policy.min_shards };
        let obstacle = obstacle_of_all(cluster);
        return (Some(Proposal { cause, source: None }), obstacle.into_iter().collect());
    }
    let obstacles = ordered.iter().filter_map(|breach| obstacle(breach, cluster)).collect();
    (ordered.first().map(|worst| because(worst)), obstacles)
}

/// Why the rows that a breach wants moved cannot move.
fn obstacle(breach: &Breach, cluster: &ClusterView) -> Option<Reason> {
    match &breach.shard {
        None => obstacle_of_all(cluster),
        Some(id) => {
            let shard = cluster.shards.iter().find(|shard| shard.id == *id)?;
            // What is asked of slots does not matter to a rule of what the shard holds.
            let why = match (shard.slots, breach.split_by) {
                (0 | 1, _) => Some(Unsplittable::TooFewSlots),
                (_, SplitBy::Load) => shard.unsplittable,
                (_, SplitBy::Slots) => None,
            };
            let unsplittable = || Some(Reason::Unsplittable { shard: id.clone(), why: why? });
            troubled(shard).or_else(|| unfit(shard)).or_else(unsplittable)
        }
    }
}

/// Every shard gives, so every shard must be able to.
fn obstacle_of_all(cluster: &ClusterView) -> Option<Reason> {
    let shards = &cluster.shards;
    shards.iter().find_map(troubled).or_else(|| shards.iter().find_map(unfit))
}

/// What forbids every action in this round, whatever the rules say.
fn blockers(policy: &Policy, state: &PolicyState, cluster: &ClusterView, now: Timestamp) -> Vec<Reason> {
    let mut blockers = Vec::new();
    if policy.mode == Mode::Off {
        blockers.push(Reason::Off);
    }
    if state.paused {
        blockers.push(Reason::Paused);
    }
    if let Some(action) = &cluster.action_in_progress {
        blockers.push(Reason::InProgress { action: action.clone() });
    }
    if let Some(failure) = state.failure.as_ref().filter(|failure| failure.retry_at > now) {
        blockers.push(Reason::Backoff { what: failure.what.clone(), until: failure.retry_at });
    }
    if let Some(until) = state.cooldown_until(policy.cooldown).filter(|&until| until > now) {
        blockers.push(Reason::Cooldown { until });
    }
    blockers.extend(futility(state));
    blockers
}

fn futility(state: &PolicyState) -> Option<Reason> {
    let futility = state.futility.as_ref().filter(|futility| futility.additions >= FUTILE_ADDITIONS)?;
    let (rule, shard) = (futility.rule.clone(), futility.shard.clone());
    Some(Reason::Futile { additions: futility.additions, rule, shard })
}

/// Shards that Prometheus knows and the topology does not.
fn strangers(readings: &[RuleReading], cluster: &ClusterView) -> Vec<Reason> {
    let known = |id: &ShardId| cluster.shards.iter().any(|shard| shard.id == *id);
    let of_reading = |reading: &RuleReading| match &reading.values {
        Ok(Values::PerShard(values)) => {
            let shards: Vec<_> = values.keys().filter(|id| !known(id)).cloned().collect();
            (!shards.is_empty()).then(|| Reason::Strangers { rule: reading.rule.name().to_owned(), shards })
        }
        Ok(Values::Cluster { .. }) | Err(_) => None,
    };
    readings.iter().filter_map(of_reading).collect()
}

#[cfg(test)]
mod tests;
