//! Moves of every shape: one shard to several, several at a time.

use keyspace::slots::{SlotSet, plan_half};
use keyspace::topology::Transfer;
use moves::{MoveError, execute};

use super::writing::beside_writers;
use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent};

/// What is left of a shard's slots when others get some of them, in two parts.
fn two_parts(bench: &Bench, source: usize) -> [SlotSet; 2] {
    let owned = bench.cluster.topology().owned(&id(source));
    let upper = plan_half(&owned);
    let lower = owned.iter().filter(|slot| !upper.contains(*slot)).collect();
    [upper, lower]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shard_gives_everything_to_two_others_while_it_is_written() {
    let Some(bench) = Bench::start(2, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench
        .on_owners("CREATE TABLE countries (code CHAR(2) PRIMARY KEY); INSERT INTO countries VALUES ('de'),('fr')")
        .await;
    let account = bench.fill_orders(3_000).await;
    let [upper, lower] = two_parts(&bench, 0);
    let transfer = |target: usize, slots: SlotSet| Transfer { source: id(0), target: id(target), slots };
    // One that owns slots already, and one that owns none.
    let transfers = [transfer(1, upper), transfer(2, lower)];
    let (layout, settings, sink) = (layout(), quick(), silent());
    let moved = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
    let (reports, account, operations) = beside_writers(&bench, account, moved).await;
    let reports = reports.unwrap();
    assert_eq!(reports.len(), 2);
    assert!(operations > 100);
    let topology = bench.cluster.topology();
    assert_eq!([0, 1, 2].map(|shard| topology.owned(&id(shard)).len()), [0, 12_288, 4_096]);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_that_share_no_shard_run_side_by_side() {
    let Some(bench) = Bench::start(2, 2).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let (layout, settings, sink) = (layout(), quick(), silent());
    let (one, two) = ([half(&bench.cluster, 0, 2)], [half(&bench.cluster, 1, 3)]);
    let moved = async {
        tokio::join!(
            execute(&bench.cluster, &layout, &one, &settings, &sink),
            execute(&bench.cluster, &layout, &two, &settings, &sink)
        )
    };
    let ((one, two), account, _) = beside_writers(&bench, account, moved).await;
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (1, 1));
    let topology = bench.cluster.topology();
    assert_eq!([0, 1, 2, 3].map(|shard| topology.owned(&id(shard)).len()), [4_096; 4]);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_does_not_give_and_take_at_a_time() {
    let Some(bench) = Bench::start(2, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let (layout, settings, sink) = (layout(), quick(), silent());
    let refused = |transfers: Vec<Transfer>| {
        let (cluster, layout, settings, sink) = (bench.cluster.clone(), layout.clone(), settings.clone(), sink.clone());
        async move { execute(&cluster, &layout, &transfers, &settings, &sink).await.unwrap_err() }
    };
    let chain = vec![half(&bench.cluster, 0, 1), half(&bench.cluster, 1, 2)];
    assert!(matches!(refused(chain).await, MoveError::Busy(_)));
    let twice = vec![half(&bench.cluster, 0, 2), half(&bench.cluster, 0, 2)];
    assert!(matches!(refused(twice).await, MoveError::Busy(_)));
    bench.assert_clean().await;
}
