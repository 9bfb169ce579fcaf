mod blocked;
mod chance;
mod days;
mod firing;
mod shrinking;
mod unfit;

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::topology::Topology;
use proptest::prelude::*;

use super::*;
use crate::prometheus::Sample;
use crate::prometheus::fake::per_shard;
use crate::rules::{Direction, RuleSpec, SplitBy, Unit};

/// A cluster under a policy, driven round by round.
struct Sim {
    policy: Policy,
    state: PolicyState,
    cluster: ClusterView,
    now: Timestamp,
}

const INTERVAL: Duration = Duration::from_secs(10);

fn id(number: usize) -> ShardId {
    ShardId::new(format!("shard-{number}")).unwrap()
}

fn shard(number: usize) -> ShardView {
    ShardView { id: id(number), slots: 100, trouble: None, unsplittable: None, unfit: None }
}

fn policy(mode: Mode) -> Policy {
    Policy::new(mode, 1, 4, Duration::from_secs(60), INTERVAL).unwrap()
}

fn rule(name: &str, scope: Scope, expr: &str, threshold: f64, hold: u64, unit: Unit) -> Rule {
    let for_ = Duration::from_secs(hold);
    let coverage = (scope == Scope::Cold).then(|| "up".to_owned());
    let (name, expr, direction) = (name.to_owned(), expr.to_owned(), Direction::Out);
    let split_by = if name == "rows" { SplitBy::Slots } else { SplitBy::Load };
    Rule::new(RuleSpec { name, scope, direction, expr, coverage, threshold, for_, unit, split_by }).unwrap()
}

fn rows(values: &[(&str, f64)]) -> RuleReading {
    RuleReading::new(rule("rows", Scope::Hot, "rows", 100.0, 0, Unit::Count), per_shard(values), None)
}

fn cpu(values: &[(&str, f64)]) -> RuleReading {
    RuleReading::new(cpu_rule(), per_shard(values), None)
}

fn cpu_rule() -> Rule {
    rule("cpu", Scope::Hot, "rate(cpu[60s])", 70.0, 30, Unit::Percent)
}

fn lost(rule: Rule) -> RuleReading {
    let why = Unknown::Unreachable { server: "127.0.0.1:9091".to_owned(), cause: "connection refused".to_owned() };
    RuleReading::new(rule, Err(why), None)
}

fn cold(value: f64, covered: &[(&str, f64)]) -> RuleReading {
    let rule = rule("rows", Scope::Cold, "avg(rows)", 100.0, 0, Unit::CountPerShard);
    RuleReading::new(rule, Ok(vec![Sample::new(BTreeMap::new(), value)]), Some(per_shard(covered)))
}

impl Sim {
    fn new(shards: usize) -> Sim {
        let cluster = ClusterView { shards: (1..=shards).map(shard).collect(), action_in_progress: None };
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        Sim { policy: policy(Mode::Auto), state: PolicyState::default(), cluster, now }
    }

    /// One round now, then the clock goes on by one interval. The state goes through its JSON, as in the catalogue.
    fn round(&mut self, readings: &[RuleReading]) -> Decision {
        let (decision, state) = decide(&self.policy, self.state.clone(), readings, &self.cluster, self.now);
        self.state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        self.now += INTERVAL;
        decision
    }

    fn told(&mut self, readings: &[RuleReading]) -> String {
        let decision = self.round(readings);
        let reasons = decision.reasons.iter().map(|reason| format!("\n- {reason}"));
        let action = match decision.action {
            Action::Hold => "hold",
            Action::ScaleOut { .. } => "scale out",
            Action::ScaleIn { .. } => "scale in",
        };
        format!("{action}{}", reasons.collect::<String>())
    }

    fn acts(&mut self, readings: &[RuleReading]) -> bool {
        matches!(self.round(readings).action, Action::ScaleOut { .. })
    }

    /// Lets the action that was decided happen, and rests until its cooldown is over.
    fn add_shard_and_rest(&mut self) {
        self.cluster.shards.push(shard(self.cluster.shards.len() + 1));
        self.state.action_ended(self.now);
        self.now += Duration::from_secs(60);
    }
}

fn shrinking(shards: usize) -> Sim {
    let mut sim = Sim::new(shards);
    let scale_in = ScaleIn { threshold_ratio: 0.5, hold: Duration::from_secs(60), cooldown: Duration::from_secs(300) };
    sim.policy = sim.policy.with_scale_in(Some(scale_in));
    sim
}
