//! When rules fire: what they see, for how long, and what a gap in it means.

use super::*;

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
