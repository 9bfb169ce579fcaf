//! Whole days, followed round by round.

use super::*;

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
