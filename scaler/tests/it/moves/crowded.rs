//! Moves beside a crowd of clients, through routers that are processes of their own.

use std::time::Duration;

use router::topology::Transfer;
use scaler::moves::{MoveSettings, execute};

use super::bench::{Bench, half, id, silent};
use crate::crowd::{Crowd, Pace, assert_no_leftovers, layout};
use crate::processes::Process;
use crate::servers::{DATABASE, Flavor, Server};

/// Routers look for themselves, so the announcement is waited for as long as in production.
fn settings() -> MoveSettings {
    MoveSettings { cleanup_delay: Duration::from_secs(1), chunk_rows: 200, ..MoveSettings::default() }
}

/// Shard-1 with all slots and shard-2 without any.
async fn two_shards(flavor: Flavor) -> Option<Bench> {
    Some(Bench::of(Server::start_all(flavor, 2).await?, 1).await)
}

async fn start_crowd(bench: &Bench, routers: &[&Process], seed: u64) -> Crowd {
    let urls = routers.iter().map(|router| router.url.clone()).collect();
    let direct = (0..).zip(&bench.servers).map(|(index, server)| (id(index), server.endpoint(DATABASE))).collect();
    Crowd::start(urls, direct, seed, Pace::default()).await
}

async fn there_and_back(flavor: Flavor) {
    let Some(bench) = two_shards(flavor).await else { return };
    let routers =
        [Process::start(&bench.servers, &layout(), &[]).await, Process::start(&bench.servers, &layout(), &[]).await];
    let mut crowd = start_crowd(&bench, &[&routers[0], &routers[1]], 1).await;
    for (source, target) in [(0, 1), (1, 0)] {
        let slots = match source {
            0 => half(&bench.cluster, 0, 1).slots,
            _ => bench.cluster.topology().owned(&id(source)),
        };
        let transfer = Transfer { source: id(source), target: id(target), slots };
        let reports = execute(&bench.cluster, &layout(), &[transfer], &settings(), &silent()).await.unwrap();
        println!("{reports:?}");
        crowd.pause().await;
        let rows = crowd.account().verify(&bench.servers, &bench.cluster.topology()).await;
        println!("{rows} rows are right; {}", crowd.tally());
        assert_no_leftovers(&bench.servers, &bench.cluster.topology()).await;
        crowd.resume();
    }
    let account = crowd.account();
    let tally = crowd.stop().await;
    println!("{tally}");
    tally.assert_no_violations();
    assert!(tally.writes > 1_000 && tally.reads > 500);
    account.verify(&bench.servers, &bench.cluster.topology()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_notices_nothing_of_moves_there_and_back() {
    there_and_back(Flavor::MariaDb).await;
}
