//! Whether the cluster can do with one shard fewer: pure, and in doubt no.

use std::time::Duration;

use jiff::Timestamp;
use keyspace::slots::plan_drain_sizes;
use keyspace::topology::ShardId;

use super::calm::{Calm, CalmClock};
use super::decision::{Reason, RuleState, RuleStatus};
use super::limits::{Mode, Policy, ScaleIn};
use super::state::PolicyState;
use super::timer::{MISSED_ROUNDS, after, elapsed};
use super::view::{ClusterView, ShardView, are_stuck, troubled, unfit};

/// What this round's search for a shard that is not needed found, if it found one.
pub(super) enum CalmSearch {
    /// Calm, but not for long enough yet.
    Waiting(Reason),
    Calm {
        shard: ShardId,
        calm: Calm,
        held: Duration,
    },
}

/// Looks for a shard that is not needed, and moves the clock of calm on by one round.
pub(super) fn find_calm(
    policy: &Policy,
    state: &mut PolicyState,
    rules: &[RuleStatus],
    cluster: &ClusterView,
    now: Timestamp,
) -> Option<CalmSearch> {
    let before = state.calm.take();
    let scale_in = policy.scale_in.as_ref()?;
    if cluster.shards.len() <= policy.min_shards {
        return None;
    }
    let shard = candidate(cluster)?;
    let calm = calm_without(scale_in, rules, cluster, shard)?;
    let owners = cluster.shards.iter().filter(|shard| shard.slots > 0).count();
    let goes_on = |clock: &CalmClock| {
        let is_same = clock.shard == shard.id && clock.owners == owners;
        // A round that was missed may have seen anything.
        is_same && elapsed(clock.seen, now) <= policy.interval * MISSED_ROUNDS
    };
    let since = before.filter(goes_on).map_or(now, |clock| clock.since);
    state.calm = Some(CalmClock { since, seen: now, shard: shard.id.clone(), owners });
    let (shard, held) = (shard.id.clone(), elapsed(since, now));
    Some(match held >= scale_in.hold {
        true => CalmSearch::Calm { shard, calm, held },
        false => CalmSearch::Waiting(Reason::Calming { shard, held, hold: scale_in.hold }),
    })
}

/// What forbids taking a shard away in this round, beyond what forbids every action.
pub(super) fn obstacles(
    policy: &Policy,
    state: &PolicyState,
    cluster: &ClusterView,
    shard: &ShardId,
    now: Timestamp,
) -> Vec<Reason> {
    let mut obstacles = Vec::new();
    let cooldown = policy.scale_in.map_or(Duration::ZERO, |scale_in| scale_in.cooldown);
    let is_longer = cooldown > policy.cooldown;
    if let Some(until) = state.cooldown_until(cooldown).filter(|&until| is_longer && until > now) {
        obstacles.push(Reason::Cooldown { until });
    }
    // Its rows go to several others, and all of them must agree that it owns nothing before it is destroyed.
    obstacles.extend(cluster.shards.iter().find_map(troubled));
    obstacles.extend(cluster.shards.iter().find(|known| known.id == *shard).and_then(unfit));
    if policy.mode == Mode::Recommend && !are_stuck(&obstacles) {
        obstacles.push(Reason::RecommendedDrain { shard: shard.clone() });
    }
    obstacles
}

/// The shard to go: the one with the fewest slots, of equals the one that joined last. Never the home shard, which
/// has what is not sharded.
fn candidate(cluster: &ClusterView) -> Option<&ShardView> {
    let is_other_owner = cluster.shards.iter().filter(|shard| shard.slots > 0).count() > 1;
    let others = cluster.shards.iter().skip(1).filter(|shard| shard.slots > 0);
    others.rev().min_by_key(|shard| shard.slots).filter(|_| is_other_owner)
}

/// The rule nearest to its limit without `leaving`; `None` if one would reach it, or anything is not known.
fn calm_without(scale_in: &ScaleIn, rules: &[RuleStatus], cluster: &ClusterView, leaving: &ShardView) -> Option<Calm> {
    let receivers: Vec<&ShardView> =
        cluster.shards.iter().filter(|shard| shard.slots > 0 && shard.id != leaving.id).collect();
    let sizes: Vec<usize> = receivers.iter().map(|shard| shard.slots).collect();
    let shares = plan_drain_sizes(leaving.slots, &sizes);
    let owners = receivers.len() as f64 + 1.0;
    let mut nearest: Option<Calm> = None;
    for status in rules {
        // Firing and pending ask for more; settling, warming up and unknown say nothing yet.
        let value = status.value.filter(|value| value.is_finite() && status.state == RuleState::Inactive)?;
        let even = value * owners / (owners - 1.0);
        // What a receiver takes over besides its own, where the slots do not go to all alike.
        let of_leaving = rules
            .iter()
            .find(|other| other.rule == status.rule && other.shard.as_ref() == Some(&leaving.id))
            .and_then(|other| other.value);
        let receiver = receivers.iter().position(|shard| status.shard.as_ref() == Some(&shard.id));
        let taken = receiver.zip(of_leaving).map(|(i, load)| load * shares[i] as f64 / leaving.slots as f64);
        let expected = taken.map_or(even, |taken| even.max(value + taken));
        let limit = status.threshold * scale_in.threshold_ratio;
        if expected >= limit {
            return None;
        }
        let margin = |calm: &Calm| calm.expected / calm.limit;
        if nearest.as_ref().is_none_or(|nearest| expected / limit > margin(nearest)) {
            let (rule, shard, unit) = (status.rule.clone(), status.shard.clone(), status.unit);
            nearest = Some(Calm { rule, shard, value, expected, limit, unit });
        }
    }
    nearest
}

impl PolicyState {
    /// When shards may be taken away again, also where that lies in the past; `None` also if that is switched off.
    pub fn scale_in_cooldown_until(&self, cooldown: Duration, scale_in: Option<&ScaleIn>) -> Option<Timestamp> {
        let ended = self.last_action_ended?;
        scale_in.map(|scale_in| after(ended, cooldown.max(scale_in.cooldown)))
    }
}
