//! What keeps the policy from acting on a rule that fires.

use super::*;

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
