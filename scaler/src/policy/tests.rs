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

#[test]
fn a_breach_scales_out_and_splits_the_hot_shard() {
    let mut sim = Sim::new(2);
    let decision = sim.round(&[rows(&[("shard-1", 104.0), ("shard-2", 40.0)])]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&decision).unwrap(), @r#"
    {
      "at": "2026-03-01T12:00:00Z",
      "action": {
        "kind": "scale_out",
        "source": "shard-1",
        "cause": {
          "kind": "rule",
          "rule": "rows",
          "shard": "shard-1",
          "value": 104.0,
          "threshold": 100.0,
          "unit": "count"
        }
      },
      "reasons": [
        {
          "code": "scale_out",
          "text": "rows on shard-1 are 104, above 100; scaling out: shard-1 will be split"
        }
      ],
      "rules": [
        {
          "rule": "rows",
          "shard": "shard-1",
          "value": 104.0,
          "threshold": 100.0,
          "unit": "count",
          "state": "firing",
          "since": "2026-03-01T12:00:00Z",
          "detail": "above the threshold"
        },
        {
          "rule": "rows",
          "shard": "shard-2",
          "value": 40.0,
          "threshold": 100.0,
          "unit": "count",
          "state": "inactive",
          "since": null,
          "detail": ""
        }
      ]
    }
    "#);
}

#[test]
fn the_threshold_itself_is_no_breach() {
    insta::assert_snapshot!(Sim::new(1).told(&[rows(&[("shard-1", 100.0)])]), @"
    hold
    - no rule is above its threshold
    ");
    insta::assert_snapshot!(Sim::new(1).told(&[]), @"
    hold
    - there are no rules
    ");
}

#[test]
fn a_breach_must_hold() {
    let mut sim = Sim::new(1);
    insta::assert_snapshot!(sim.told(&[cpu(&[("shard-1", 82.4)])]), @"
    hold
    - cpu on shard-1 is 82.4 %, above 70 %, for 0 s of 30 s so far
    ");
    assert!(!sim.acts(&[cpu(&[("shard-1", 75.0)])]));
    insta::assert_snapshot!(sim.told(&[cpu(&[("shard-1", 75.0)])]), @"
    hold
    - cpu on shard-1 is 75 %, above 70 %, for 20 s of 30 s so far
    ");
    insta::assert_snapshot!(sim.told(&[cpu(&[("shard-1", 82.4)])]), @"
    scale out
    - cpu on shard-1 is 82.4 %, above 70 %; scaling out: shard-1 will be split
    ");
}

#[test]
fn a_value_below_starts_the_clock_anew() {
    let mut sim = Sim::new(1);
    for value in [82.0, 82.0, 60.0, 82.0, 82.0, 82.0] {
        assert!(!sim.acts(&[cpu(&[("shard-1", value)])]));
    }
    assert!(sim.acts(&[cpu(&[("shard-1", 82.0)])]));
}

#[test]
fn a_short_gap_pauses_the_clock() {
    let mut sim = Sim::new(1);
    let hot = [cpu(&[("shard-1", 82.0)])];
    assert!(!sim.acts(&hot));
    assert!(!sim.acts(&hot), "10 s");
    insta::assert_snapshot!(sim.told(&[lost(cpu_rule())]), @"
    hold
    - no value for cpu: prometheus at 127.0.0.1:9091 cannot be reached: connection refused
    ");
    insta::assert_snapshot!(sim.told(&hot), @"
    hold
    - cpu on shard-1 is 82 %, above 70 %, for 10 s of 30 s so far
    ");
    assert!(!sim.acts(&hot), "20 s");
    assert!(sim.acts(&hot), "30 s");
}

#[test]
fn after_a_long_gap_a_full_window_must_pass_first() {
    let mut sim = Sim::new(1);
    let hot = [cpu(&[("shard-1", 82.0)])];
    sim.round(&hot);
    for _ in 0..4 {
        assert!(!sim.acts(&[lost(cpu_rule())]));
    }
    insta::assert_snapshot!(sim.told(&hot), @"
    hold
    - rule cpu had no value on shard-1 for a while; it is trusted again from 2026-03-01T12:01:50Z
    ");
    // 60 s until the range holds no gap, then 30 s of `for`.
    let waited = (1..).find(|_| sim.acts(&hot)).unwrap();
    assert_eq!(waited, 9);
}

#[test]
fn a_scaler_that_was_away_does_not_count_the_time() {
    let mut sim = Sim::new(1);
    let hot = [cpu(&[("shard-1", 82.0)])];
    sim.round(&hot);
    sim.now += Duration::from_secs(3600);
    assert!(!sim.acts(&hot));
}

#[test]
fn unknown_rules_do_not_hinder_the_others() {
    let mut sim = Sim::new(2);
    insta::assert_snapshot!(sim.told(&[lost(cpu_rule()), rows(&[("shard-1", 104.0)])]), @"
    scale out
    - rows on shard-1 are 104, above 100; scaling out: shard-1 will be split
    - no value for cpu: prometheus at 127.0.0.1:9091 cannot be reached: connection refused
    - no value for rows on shard-2: prometheus has no data for this shard
    ");
    let readings = [cpu(&[("shard-1", f64::NAN), ("shard-2", 20.0), ("shard-9", 99.0)])];
    insta::assert_snapshot!(Sim::new(2).told(&readings), @"
    hold
    - cpu has values of shards that the topology does not have, which are ignored: shard-9
    - no value for cpu on shard-1: its value is NaN
    ");
}

#[test]
fn a_value_that_makes_no_sense_is_told_from_one_that_is_missing() {
    let decision = Sim::new(2).round(&[cpu(&[("shard-1", f64::NAN)])]);
    let states: Vec<_> =
        decision.rules.iter().map(|rule| (rule.shard.as_ref().map(ShardId::as_str), rule.state)).collect();
    assert_eq!(states, [(Some("shard-1"), RuleState::Invalid), (Some("shard-2"), RuleState::Unknown)]);
}

#[test]
fn many_shards_with_one_reason_make_one_line() {
    let mut sim = Sim::new(4);
    let all = [("shard-1", 1.0), ("shard-2", 1.0), ("shard-3", 1.0), ("shard-4", 1.0)];
    sim.round(&[cpu(&all)]);
    insta::assert_snapshot!(sim.told(&[cpu(&all[..1])]), @r"
    hold
    - no value for cpu on shard-2, shard-3, shard-4: prometheus has no data for this shard
    ");
    (0..9).for_each(|_| drop(sim.round(&[cpu(&all[..1])])));
    insta::assert_snapshot!(sim.told(&[cpu(&all)]), @r"
    hold
    - rule cpu had no value on shard-2, shard-3, shard-4 for a while; it is trusted again from 2026-03-01T12:02:50Z
    ");
}

#[test]
fn a_cold_rule_needs_every_shard() {
    insta::assert_snapshot!(Sim::new(2).told(&[cold(104.0, &[("shard-1", 104.0)])]), @"
    hold
    - no value for rows: no data from shard-2, so an aggregate would be wrong
    ");
    insta::assert_snapshot!(Sim::new(2).told(&[cold(104.0, &[("shard-1", 104.0), ("shard-2", 104.0)])]), @"
    scale out
    - rows across the cluster are 104 per shard, above 100 per shard; scaling out: every shard will give a part of its slots to a new one
    ");
    let mut sim = Sim::new(2);
    sim.cluster.shards[1].trouble = Some("unreachable".to_owned());
    insta::assert_snapshot!(sim.told(&[cold(104.0, &[("shard-1", 104.0), ("shard-2", 104.0)])]), @"
    hold
    - rows across the cluster are 104 per shard, above 100 per shard
    - no rows can move while shard-2 is unreachable
    ");
}

#[test]
fn the_worst_breach_that_can_be_helped_wins() {
    let mut sim = Sim::new(3);
    let readings = [rows(&[("shard-1", 104.0), ("shard-2", 300.0), ("shard-3", 200.0)])];
    sim.cluster.shards[1].slots = 1;
    let Action::ScaleOut { source, .. } = sim.round(&readings).action else { panic!("nothing was done") };
    assert_eq!(source, Some(id(3)));
    insta::assert_snapshot!(sim.told(&[rows(&[("shard-1", 4.0), ("shard-2", 300.0), ("shard-3", 20.0)])]), @"
    hold
    - rows on shard-2 are 300, above 100
    - shard-2 has fewer than two slots, so it cannot be split
    ");
}

#[test]
fn a_lone_hot_slot_is_told_and_not_moved() {
    let hot_slot =
        |share| keyspace::slots::halve::Unsplittable::HotSlot { slot: keyspace::slots::Slot::new(17).unwrap(), share };
    let mut sim = Sim::new(2);
    sim.cluster = sim.cluster.with_unsplittable(&BTreeMap::from([(id(1), hot_slot(0.931))]));
    let qps = |value| {
        let rule = rule("qps", Scope::Hot, "qps", 1000.0, 0, Unit::PerSecond);
        RuleReading::new(rule, per_shard(&[("shard-1", value), ("shard-2", 1.0)]), None)
    };
    let decision = sim.round(&[qps(3000.0)]);
    assert_eq!(decision.action, Action::Hold);
    assert_eq!(decision.reasons.iter().map(Reason::code).collect::<Vec<_>>(), ["wanted", "unsplittable"]);
    insta::assert_snapshot!(sim.told(&[qps(3000.0)]), @"
    hold
    - qps on shard-1 is 3000 per second, above 1000 per second
    - a split of shard-1 would not help: slot 17 alone carries 93 % of its load, which another shard would carry as it is; look for a single key that is asked for
    ");
    // Rows are halved by any half of the slots.
    let Action::ScaleOut { source, cause } = sim.round(&[qps(3000.0), rows(&[("shard-1", 104.0)])]).action else {
        panic!("nothing was done")
    };
    assert_eq!((source, cause.split_by()), (Some(id(1)), SplitBy::Slots));
}

#[test]
fn what_forbids_acting_is_told() {
    let hot = [rows(&[("shard-1", 104.0)])];
    let told = |change: fn(&mut Sim)| {
        let mut sim = Sim::new(1);
        change(&mut sim);
        sim.told(&hot)
    };
    insta::assert_snapshot!(told(|sim| sim.policy = policy(Mode::Off)), @"
    hold
    - rows on shard-1 are 104, above 100
    - mode is off: nothing is done automatically
    ");
    insta::assert_snapshot!(told(|sim| sim.policy = policy(Mode::Recommend)), @"
    hold
    - rows on shard-1 are 104, above 100
    - mode is recommend: run `sql-autoscaler scale-out` to do it (shard-1 will be split)
    ");
    insta::assert_snapshot!(told(|sim| sim.state.pause()), @"
    hold
    - rows on shard-1 are 104, above 100
    - scaling is paused; `sql-autoscaler resume` ends the pause
    ");
    insta::assert_snapshot!(told(|sim| sim.cluster.action_in_progress = Some("adding shard-2".to_owned())), @"
    hold
    - rows on shard-1 are 104, above 100
    - one action at a time: adding shard-2 is in progress
    ");
    insta::assert_snapshot!(told(|sim| sim.policy.max_shards = 1), @"
    hold
    - rows on shard-1 are 104, above 100
    - max_shards is 1, and all of them are in use
    ");
    insta::assert_snapshot!(told(|sim| sim.state.action_ended(sim.now - Duration::from_secs(30))), @"
    hold
    - rows on shard-1 are 104, above 100
    - cooling down after the last action until 2026-03-01T12:00:30Z
    ");
    insta::assert_snapshot!(told(|sim| sim.state.action_failed("no free port", sim.now + INTERVAL)), @"
    hold
    - rows on shard-1 are 104, above 100
    - the last try failed (no free port); the next one is due at 2026-03-01T12:00:10Z
    ");
}

#[test]
fn a_rule_rests_for_its_own_window_however_short_the_cooldown() {
    let mut sim = Sim::new(2);
    sim.policy.cooldown = Duration::from_secs(5);
    sim.state.action_ended(sim.now);
    sim.now += INTERVAL;
    let hot = [cpu(&[("shard-1", 82.0), ("shard-2", 1.0)])];
    insta::assert_snapshot!(sim.told(&hot), @"
    hold
    - rule cpu still looks back before the end of the last action, until 2026-03-01T12:01:20Z
    ");
    // The rest of 60 s of range and two rounds, then 30 s of `for`.
    let waited = (1..).find(|_| sim.acts(&hot)).unwrap();
    assert_eq!(waited, 10);
    // Rows have no window, so they need the two rounds only.
    let mut sim = Sim::new(1);
    sim.policy.cooldown = Duration::from_secs(5);
    sim.state.action_ended(sim.now);
    let waited = (0..).find(|_| sim.acts(&[rows(&[("shard-1", 104.0)])])).unwrap();
    assert_eq!(waited, 2);
}

#[test]
fn two_additions_that_do_not_help_are_enough() {
    let mut sim = Sim::new(1);
    sim.policy.max_shards = 9;
    let hot = [rows(&[("shard-1", 104.0)])];
    for _ in 0..2 {
        assert!(sim.acts(&hot));
        sim.add_shard_and_rest();
        sim.cluster.shards.truncate(1);
    }
    insta::assert_snapshot!(sim.told(&hot), @"
    hold
    - rows on shard-1 are 104, above 100
    - the last 2 shards did not lower rows on shard-1, so another one would not either: look for a single key that carries the load, then `sql-autoscaler resume`
    ");
    sim.state.resume();
    assert!(sim.acts(&hot));
}

#[test]
fn an_addition_that_failed_proves_nothing() {
    let mut sim = Sim::new(1);
    let hot = [rows(&[("shard-1", 104.0)])];
    for _ in 0..5 {
        assert!(sim.acts(&hot));
        sim.state.action_failed("no free port", sim.now);
        // One on command succeeds, and is not taken for the one that failed.
        sim.state.action_ended(sim.now);
        sim.now += Duration::from_secs(60);
    }
}

#[test]
fn a_load_that_goes_on_growing_was_helped_nonetheless() {
    let mut sim = Sim::new(1);
    sim.policy.max_shards = 99;
    for _ in 0..5 {
        assert!(sim.acts(&[rows(&[("shard-1", 104.0)])]));
        sim.state.action_ended(sim.now);
        assert!(!sim.acts(&[rows(&[("shard-1", 52.0)])]));
        sim.now += Duration::from_secs(60);
    }
}

#[test]
fn too_few_shards_are_a_reason_by_themselves() {
    let mut sim = Sim::new(1);
    sim.policy.min_shards = 3;
    insta::assert_snapshot!(sim.told(&[lost(cpu_rule())]), @"
    scale out
    - the cluster has 1 of at least 3 shards; scaling out: every shard will give a part of its slots to a new one
    - no value for cpu: prometheus at 127.0.0.1:9091 cannot be reached: connection refused
    ");
    sim.add_shard_and_rest();
    assert!(sim.acts(&[]));
    sim.add_shard_and_rest();
    assert!(!sim.acts(&[]));
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_rest() {
    let mut sim = Sim::new(1);
    sim.state.action_ended(sim.now + Duration::from_secs(86_400));
    let hot = [rows(&[("shard-1", 104.0)])];
    let waited = (0..).find(|_| sim.acts(&hot)).unwrap();
    assert_eq!(waited, 6, "the cooldown of 60 s begins anew, and no more than that");
}

#[test]
fn bounds_are_checked_once() {
    let check = |min, max| Policy::new(Mode::Auto, min, max, Duration::ZERO, INTERVAL).unwrap_err().to_string();
    assert_eq!(check(3, 2), "min_shards 3 exceeds max_shards 2");
    assert_eq!(check(0, 2), "min_shards must be at least 1");
}

#[test]
fn a_move_in_the_topology_is_an_action_in_progress() {
    use keyspace::endpoint::Endpoint;
    use keyspace::slots;
    use keyspace::topology::{Shard, Transfer};
    let shard =
        |number: u16| Shard { id: id(number.into()), endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p", "app") };
    let topology = Topology::first(vec![shard(1)], slots::plan_even_spread(1)).unwrap().with_shard(shard(2));
    let view = ClusterView::new(&topology, &BTreeMap::from([(id(2), "starting".to_owned())]), None);
    assert_eq!(view.action_in_progress, None);
    assert_eq!((view.shards[0].slots, view.shards[1].trouble.as_deref()), (16_384, Some("starting")));
    let half = slots::plan_half(&topology.owned(&id(1)));
    let moving = topology.with_moves(&[Transfer { source: id(1), target: id(2), slots: half }]).unwrap();
    assert_eq!(ClusterView::new(&moving, &BTreeMap::new(), None).action_in_progress.as_deref(), Some("move m3-1"));
}

/// Rows grow all day, with an outage of Prometheus in the middle and actions that take a minute.
#[test]
fn a_day_of_growth_is_followed_step_by_step() {
    let mut sim = Sim::new(1);
    sim.policy.max_shards = 8;
    let start = sim.now;
    let mut held: Vec<f64> = vec![10.0];
    let mut running: Option<(usize, Timestamp)> = None;
    let mut decided_at = Vec::new();
    for round in 0..8640 {
        let outage = (3000..4000).contains(&round);
        for rows in &mut held {
            *rows += 0.05 / sim.cluster.shards.len() as f64;
        }
        if let Some((source, ends)) = running.filter(|&(_, ends)| ends <= sim.now) {
            held[source] /= 2.0;
            held.push(held[source]);
            sim.cluster.shards.push(shard(held.len()));
            sim.cluster.action_in_progress = None;
            sim.state.action_ended(ends);
            running = None;
        }
        let names: Vec<String> = (1..=held.len()).map(|number| id(number).to_string()).collect();
        let values: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(held.iter().copied()).collect();
        let known = rows(&values);
        let reading = if outage { lost(known.rule.clone()) } else { known };
        let now = sim.now;
        if let Action::ScaleOut { source: Some(source), .. } = sim.round(&[reading]).action {
            assert!(!outage, "nothing is known at round {round}");
            assert!(running.is_none());
            let index = sim.cluster.shards.iter().position(|shard| shard.id == source).unwrap();
            running = Some((index, now + Duration::from_secs(60)));
            sim.cluster.action_in_progress = Some("adding a shard".to_owned());
            decided_at.push((now.duration_since(start).as_secs() / 60, source.to_string()));
        }
    }
    assert!(held.iter().all(|&rows| rows <= 101.0), "{held:?}");
    insta::assert_debug_snapshot!(decided_at, @r#"
    [
        (
            300,
            "shard-1",
        ),
        (
            666,
            "shard-1",
        ),
        (
            668,
            "shard-2",
        ),
        (
            1299,
            "shard-1",
        ),
        (
            1301,
            "shard-3",
        ),
        (
            1303,
            "shard-2",
        ),
        (
            1305,
            "shard-4",
        ),
    ]
    "#);
}

fn shrinking(shards: usize) -> Sim {
    let mut sim = Sim::new(shards);
    let scale_in = ScaleIn { threshold_ratio: 0.5, hold: Duration::from_secs(60), cooldown: Duration::from_secs(300) };
    sim.policy = sim.policy.with_scale_in(Some(scale_in));
    sim
}

/// Rounds until a shard is to go, at most thirty, and which one.
fn rounds_until_shrinking(sim: &mut Sim, readings: &[RuleReading]) -> Option<(usize, ShardId)> {
    (1..=30).find_map(|round| match sim.round(readings).action {
        Action::ScaleIn { shard, .. } => Some((round, shard)),
        Action::ScaleOut { .. } | Action::Hold => None,
    })
}

const CALM: [(&str, f64); 3] = [("shard-1", 20.0), ("shard-2", 10.0), ("shard-3", 30.0)];

#[test]
fn a_shard_goes_once_the_others_would_do_for_long_enough() {
    let mut sim = shrinking(3);
    // At most 35 percent with two shards.
    let calm = [rows(&CALM), cpu(&[("shard-1", 20.0), ("shard-2", 7.5), ("shard-3", 8.0)])];
    insta::assert_snapshot!(sim.told(&calm), @"
    hold
    - the cluster could do without shard-3, for 0 s of 60 s so far
    ");
    (0..5).for_each(|_| drop(sim.round(&calm)));
    insta::assert_snapshot!(sim.told(&calm), @"
    scale in
    - with one shard fewer rows on shard-3 would be about 45 (now 30), below 50, and no rule comes nearer to its limit, for 60 s; scaling in: shard-3 will be drained
    ");
    // The clock begins anew.
    assert!(matches!(sim.round(&calm).action, Action::Hold));
}

#[test]
fn nobody_goes_unless_it_is_switched_on_and_everything_is_known_and_low() {
    let never = |sim: &mut Sim, readings: &[RuleReading]| {
        assert_eq!(rounds_until_shrinking(sim, readings), None);
    };
    never(&mut Sim::new(3), &[rows(&CALM)]);
    never(&mut shrinking(3), &[]);
    never(&mut shrinking(3), &[rows(&CALM[..2])]);
    never(&mut shrinking(3), &[rows(&CALM), lost(cpu_rule())]);
    never(&mut shrinking(3), &[rows(&[("shard-1", 20.0), ("shard-2", 10.0), ("shard-3", f64::NAN)])]);
    never(&mut shrinking(3), &[cold(20.0, &CALM[..2])]);
    // 34 of 100 are 51 with two shards instead of three.
    never(&mut shrinking(3), &[rows(&[("shard-1", 34.0), ("shard-2", 10.0), ("shard-3", 10.0)])]);
    // The last shard goes, and what it has goes to one of the others only: 30 and 30 are above 50.
    let mut sim = shrinking(3);
    (sim.cluster.shards[0].slots, sim.cluster.shards[1].slots) = (1000, 200);
    never(&mut sim, &[rows(&[("shard-1", 1.0), ("shard-2", 30.0), ("shard-3", 30.0)])]);
    let mut sim = shrinking(3);
    sim.policy.min_shards = 3;
    never(&mut sim, &[rows(&CALM)]);
    let one = [("shard-1", 1.0)];
    never(&mut shrinking(1), &[rows(&one)]);
    // Of two, one owns nothing.
    let mut sim = shrinking(2);
    sim.cluster.shards[1].slots = 0;
    never(&mut sim, &[rows(&[("shard-1", 1.0), ("shard-2", 1.0)])]);
    assert_eq!(rounds_until_shrinking(&mut shrinking(3), &[rows(&CALM)]), Some((7, id(3))));
    assert_eq!(rounds_until_shrinking(&mut shrinking(3), &[cold(20.0, &CALM)]), Some((7, id(3))));
}

#[test]
fn the_smallest_goes_and_never_the_home_shard() {
    let mut sim = shrinking(3);
    sim.cluster.shards[0].slots = 1;
    sim.cluster.shards[1].slots = 90;
    assert_eq!(rounds_until_shrinking(&mut sim, &[rows(&CALM)]), Some((7, id(2))));
}

#[test]
fn an_unknown_round_and_a_gap_begin_the_calm_anew() {
    let mut sim = shrinking(3);
    (0..6).for_each(|_| drop(sim.round(&[rows(&CALM)])));
    sim.round(&[lost(rows(&[]).rule)]);
    assert_eq!(rounds_until_shrinking(&mut sim, &[rows(&CALM)]), Some((7, id(3))));
    let mut sim = shrinking(3);
    (0..6).for_each(|_| drop(sim.round(&[rows(&CALM)])));
    sim.now += Duration::from_secs(40);
    assert_eq!(rounds_until_shrinking(&mut sim, &[rows(&CALM)]), Some((7, id(3))));
}

#[test]
fn what_forbids_shrinking_is_told() {
    let told = |change: fn(&mut Sim)| {
        let mut sim = shrinking(3);
        (0..6).for_each(|_| drop(sim.round(&[rows(&CALM)])));
        change(&mut sim);
        let decision = sim.round(&[rows(&CALM)]);
        assert_eq!(decision.action, Action::Hold);
        decision.reasons.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(|sim| sim.policy.mode = Mode::Recommend), @"mode is recommend: run `sql-autoscaler drain shard-3` to do it");
    insta::assert_snapshot!(told(|sim| sim.policy.mode = Mode::Off), @"mode is off: nothing is done automatically");
    insta::assert_snapshot!(told(|sim| sim.state.pause()), @"scaling is paused; `sql-autoscaler resume` ends the pause");
    insta::assert_snapshot!(told(|sim| sim.cluster.action_in_progress = Some("adding shard-4".to_owned())), @"one action at a time: adding shard-4 is in progress");
    insta::assert_snapshot!(told(|sim| sim.cluster.shards[1].trouble = Some("unreachable".to_owned())), @"no rows can move while shard-2 is unreachable");
    // Long after the cooldown of growing, and the rows' own window.
    insta::assert_snapshot!(told(|sim| sim.state.action_ended(sim.now - Duration::from_secs(100))), @"cooling down after the last action until 2026-03-01T12:04:20Z");
    insta::assert_snapshot!(told(|sim| sim.state.action_failed("no lease", sim.now + INTERVAL)), @"the last try failed (no lease); the next one is due at 2026-03-01T12:01:10Z");
}

#[test]
fn growth_goes_before_shrinking() {
    let mut sim = shrinking(3);
    (0..6).for_each(|_| drop(sim.round(&[rows(&CALM)])));
    let decision = sim.round(&[rows(&[("shard-1", 20.0), ("shard-2", 10.0), ("shard-3", 130.0)])]);
    assert!(matches!(decision.action, Action::ScaleOut { .. }), "{decision:?}");
    // Additions that did not help forbid more of them, and not fewer.
    let mut sim = shrinking(3);
    sim.policy.max_shards = 9;
    sim.state.futility = Some(state::Futility { additions: 2, rule: "rows".to_owned(), shard: None });
    assert_eq!(rounds_until_shrinking(&mut sim, &[rows(&CALM)]), Some((7, id(3))));
}

/// Load comes and goes with the hours of two days; shards follow, slowly, and never to and fro.
#[test]
fn a_day_with_a_night_grows_and_shrinks_without_flapping() {
    let mut sim = shrinking(1);
    sim.policy.max_shards = 8;
    let start = sim.now;
    let mut running: Option<(bool, usize, Timestamp)> = None;
    // Parts of the load that each shard has.
    let mut parts = vec![1.0];
    let mut log: Vec<(i64, &str)> = Vec::new();
    for round in 0..2 * 8640 {
        let hour = f64::from(round) / 360.0;
        // From 20 at midnight to 380 at noon.
        let load = 200.0 - 180.0 * (hour / 24.0 * std::f64::consts::TAU).cos();
        if let Some((grows, index, ends)) = running.filter(|&(_, _, ends)| ends <= sim.now) {
            match grows {
                true => {
                    parts[index] /= 2.0;
                    parts.push(parts[index]);
                    sim.cluster.shards[index].slots /= 2;
                    let slots = sim.cluster.shards[index].slots;
                    sim.cluster.shards.push(ShardView { slots, ..shard(parts.len()) });
                }
                false => {
                    let sizes: Vec<usize> = sim.cluster.shards.iter().map(|shard| shard.slots).collect();
                    let others: Vec<usize> = (0..sizes.len()).filter(|&i| i != index).collect();
                    let owned: Vec<usize> = others.iter().map(|&i| sizes[i]).collect();
                    let shares = keyspace::slots::plan_drain_sizes(sizes[index], &owned);
                    for (&other, share) in others.iter().zip(shares) {
                        parts[other] += parts[index] * share as f64 / sizes[index] as f64;
                        sim.cluster.shards[other].slots += share;
                    }
                    parts.remove(index);
                    sim.cluster.shards.remove(index);
                }
            }
            sim.cluster.action_in_progress = None;
            sim.state.action_ended(ends);
            running = None;
        }
        let ids: Vec<String> = sim.cluster.shards.iter().map(|shard| shard.id.to_string()).collect();
        let values: Vec<(&str, f64)> = ids.iter().zip(&parts).map(|(id, part)| (id.as_str(), part * load)).collect();
        let now = sim.now;
        let minute = now.duration_since(start).as_secs() / 60;
        let position = |sim: &Sim, id: &ShardId| sim.cluster.shards.iter().position(|shard| shard.id == *id).unwrap();
        let begun = match sim.round(&[rows(&values)]).action {
            Action::ScaleOut { source, .. } => Some((true, position(&sim, &source.unwrap()), "out")),
            Action::ScaleIn { shard, .. } => Some((false, position(&sim, &shard), "in")),
            Action::Hold => None,
        };
        if let Some((grows, index, word)) = begun {
            assert!(running.is_none());
            running = Some((grows, index, now + Duration::from_secs(60)));
            sim.cluster.action_in_progress = Some("something".to_owned());
            log.push((minute, word));
        }
    }
    let turns: Vec<_> = log.windows(2).filter(|pair| pair[0].1 != pair[1].1).collect();
    // Up in the morning, down in the evening, twice.
    assert_eq!(turns.len(), 3, "{log:?}");
    assert!(turns.iter().all(|pair| pair[1].0 - pair[0].0 > 120), "{log:?}");
    assert_eq!(sim.cluster.shards.len(), 1, "{log:?}");
    assert!(log.iter().filter(|(_, word)| *word == "out").count() >= 6, "{log:?}");
}

/// One round of chance: a CPU and a row value for each shard, or none, and what else the world is up to.
#[derive(Clone, Debug)]
struct Chance {
    values: Vec<Option<f64>>,
    lost: bool,
    seconds: u64,
    busy: bool,
    ended: bool,
    paused: bool,
    mode: Mode,
}

fn chance() -> impl Strategy<Value = Chance> {
    let value = prop_oneof![
        1 => Just(None), 1 => Just(Some(f64::NAN)), 1 => Just(Some(f64::INFINITY)),
        4 => (0.0..300.0).prop_map(Some),
    ];
    let mode = prop_oneof![6 => Just(Mode::Auto), 1 => Just(Mode::Recommend), 1 => Just(Mode::Off)];
    let often = proptest::bool::weighted;
    (proptest::collection::vec(value, 6), often(0.1), 1u64..90, often(0.1), often(0.1), often(0.1), mode).prop_map(
        |(values, lost, seconds, busy, ended, paused, mode)| Chance {
            values,
            lost,
            seconds,
            busy,
            ended,
            paused,
            mode,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_is_done_that_is_forbidden_or_unfounded(
        rounds in proptest::collection::vec(chance(), 1..60), shards in 1usize..5, hot in any::<bool>(),
    ) {
        let mut sim = Sim::new(shards);
        let mut ended: Option<Timestamp> = None;
        for chance in rounds {
            sim.policy = policy(chance.mode);
            sim.cluster.action_in_progress = chance.busy.then(|| "something".to_owned());
            if chance.ended {
                sim.state.action_ended(sim.now);
                ended = Some(sim.now);
            }
            if chance.paused { sim.state.pause() } else { sim.state.resume() }
            let names: Vec<String> = (1..=6).map(|number| id(number).to_string()).collect();
            let pairs = names.iter().zip(&chance.values);
            let values: Vec<_> = pairs.filter_map(|(name, value)| Some((name.as_str(), (*value)?))).collect();
            let mut readings = vec![cpu(&values), if hot { rows(&values) } else { cold(150.0, &values) }];
            if chance.lost {
                readings = readings.into_iter().map(|reading| lost(reading.rule)).collect();
            }
            let now = sim.now;
            let decision = sim.round(&readings);
            sim.now = now + Duration::from_secs(chance.seconds);
            prop_assert!(!decision.reasons.is_empty());
            let Action::ScaleOut { source, cause: Cause::Rule(breach) } = &decision.action else {
                prop_assert_eq!(&decision.action, &Action::Hold);
                continue;
            };
            prop_assert!(!chance.lost && !chance.paused && !chance.busy && chance.mode == Mode::Auto);
            prop_assert!(sim.cluster.shards.len() < sim.policy.max_shards);
            prop_assert!(ended.is_none_or(|ended| now >= ended + Duration::from_secs(60)));
            prop_assert!(breach.value.is_finite() && breach.value > breach.threshold);
            prop_assert_eq!(source, &breach.shard);
            let finite = |number: usize| chance.values[number - 1].is_some_and(f64::is_finite);
            match source {
                Some(source) => prop_assert!((1..=shards).any(|number| id(number) == *source && finite(number))),
                None => prop_assert!((1..=shards).all(finite)),
            }
        }
    }

    /// Values that are mostly low, so that shrinking is near; whatever is unknown anywhere forbids it.
    #[test]
    fn what_is_unknown_anywhere_keeps_every_shard(
        rounds in proptest::collection::vec((proptest::collection::vec(chance_of_calm(), 4), 1u64..25), 10..60),
        shards in 2usize..5, hot in any::<bool>(),
    ) {
        let mut sim = shrinking(shards);
        let mut calm_since: Option<Timestamp> = None;
        for (values, seconds) in rounds {
            let names: Vec<String> = (1..=4).map(|number| id(number).to_string()).collect();
            let pairs = names.iter().zip(&values);
            let known: Vec<_> = pairs.filter_map(|(name, value)| Some((name.as_str(), (*value)?))).collect();
            let readings = [cpu(&known), if hot { rows(&known) } else { cold(20.0, &known) }];
            let is_calm = values[..shards].iter().all(|value| value.is_some_and(|value| value < 50.0));
            calm_since = if is_calm { calm_since.or(Some(sim.now)) } else { None };
            let now = sim.now;
            let decision = sim.round(&readings);
            sim.now = now + Duration::from_secs(seconds);
            if let Action::ScaleIn { shard, .. } = &decision.action {
                let since = calm_since;
                prop_assert!(since.is_some_and(|since| now >= since + Duration::from_secs(60)), "{decision:?}");
                prop_assert!(*shard != id(1) && sim.cluster.shards.iter().any(|known| known.id == *shard));
                calm_since = None;
            }
        }
    }
}

fn chance_of_calm() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(f64::NAN)), 1 => Just(Some(60.0)), 60 => (0.0..20.0).prop_map(Some)]
}

const STUCK: &str = "table `t` cannot be moved: it has no primary key; add one";

/// The givers of a decision, and what is told once it is known that the rows of `unfit` cannot move.
fn ask_and_tell(sim: &mut Sim, readings: &[RuleReading], unfit: usize) -> (Vec<String>, String) {
    let (decision, _) = decide(&sim.policy, sim.state.clone(), readings, &sim.cluster, sim.now);
    let givers = sim.cluster.givers(&decision);
    let fitness = givers.iter().map(|giver| (giver.clone(), (*giver == id(unfit)).then(|| STUCK.to_owned())));
    sim.cluster = sim.cluster.clone().with_unfit(&fitness.collect());
    (givers.iter().map(ToString::to_string).collect(), sim.told(readings))
}

#[test]
fn rows_that_cannot_move_hold_an_addition_back() {
    let mut sim = Sim::new(2);
    let (givers, told) = ask_and_tell(&mut sim, &[rows(&[("shard-1", 104.0), ("shard-2", 40.0)])], 1);
    assert_eq!(givers, ["shard-1"]);
    insta::assert_snapshot!(told, @"
    hold
    - rows on shard-1 are 104, above 100
    - rows of shard-1 cannot move: table `t` cannot be moved: it has no primary key; add one
    ");
    // Where every shard gives, one is enough; whose rows can move is no obstacle.
    let reading = cold(104.0, &[("shard-1", 1.0), ("shard-2", 1.0)]);
    let (givers, told) = ask_and_tell(&mut Sim::new(2), std::slice::from_ref(&reading), 2);
    assert_eq!(givers, ["shard-1", "shard-2"]);
    assert!(told.contains("- rows of shard-2 cannot move: "), "{told}");
    let (_, told) = ask_and_tell(&mut Sim::new(2), &[reading], 9);
    assert!(told.starts_with("scale out"), "{told}");
}

#[test]
fn another_shard_is_split_where_the_rows_of_the_hottest_cannot_move() {
    let mut sim = Sim::new(2);
    let readings = [rows(&[("shard-1", 109.0), ("shard-2", 104.0)])];
    let (givers, told) = ask_and_tell(&mut sim, &readings, 1);
    assert_eq!(givers, ["shard-1"]);
    assert!(told.contains("scaling out: shard-2 will be split"), "{told}");
}

#[test]
fn nobody_is_told_to_move_rows_that_cannot_move() {
    let mut sim = Sim::new(1);
    sim.policy = policy(Mode::Recommend);
    let readings = [rows(&[("shard-1", 104.0)])];
    assert!(sim.told(&readings).contains("mode is recommend: run `sql-autoscaler scale-out`"));
    let (givers, told) = ask_and_tell(&mut sim, &readings, 1);
    assert_eq!(givers, ["shard-1"]);
    assert!(told.contains("rows of shard-1 cannot move") && !told.contains("recommend"), "{told}");
}

#[test]
fn what_is_not_to_be_done_asks_nobody() {
    let mut sim = Sim::new(2);
    sim.state.pause();
    let (givers, told) = ask_and_tell(&mut sim, &[rows(&[("shard-1", 104.0), ("shard-2", 1.0)])], 1);
    assert!(givers.is_empty() && told.contains("paused"), "{givers:?} {told}");
    let (givers, _) = ask_and_tell(&mut Sim::new(2), &[rows(&[("shard-1", 1.0), ("shard-2", 1.0)])], 1);
    assert!(givers.is_empty(), "{givers:?}");
}
