//! When a shard goes that is not needed.

use super::*;

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
