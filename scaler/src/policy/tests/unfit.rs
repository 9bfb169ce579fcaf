//! Rows that cannot move.

use super::*;

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
