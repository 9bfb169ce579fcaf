//! What holds whatever happens.

use super::*;

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
