//! Scalers as processes of their own, which end themselves at a step of a move as `kill -9` would end them.

use std::time::Duration;

use keyspace::faults::FaultPoint;
use keyspace::own;
use keyspace::topology::Topology;
use moves::faults::Point;
use serde_json::json;
use tokio::process::Child;
use tokio::time::Instant;

use crate::cli::Site;
use crate::kit::bench::{ORDERS, id, slot_of};
use crate::kit::crowd::assert_no_leftovers;
use crate::kit::servers::{DATABASE, Flavor, Server, rows, wait_until};
use crate::up::stop;

const COUNT: i64 = 400;

/// Waits for longer than the states of single servers need: moves have waits of seconds.
async fn within_a_minute<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ends_itself(scaler: &mut Child, point: Point) {
    let ended = tokio::time::timeout(Duration::from_secs(60), scaler.wait()).await;
    let ended = ended.unwrap_or_else(|_| panic!("{} was not passed", point.as_str())).unwrap();
    assert!(!ended.success(), "{}: {ended}", point.as_str());
}

async fn topology_of(server: &Server) -> Topology {
    own::topology::read(&mut server.connect().await).await.unwrap().unwrap()
}

/// Kills the scaler in an addition at each of the points, starts it again, and checks every row.
async fn scalers_end(points: &[Point]) {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let site = Site::over(
        &[&servers[0]],
        json!({
            "table_shard_keys": { "orders": "id" }, "monitoring_interval_seconds": 0.5, "max_shards": 2,
            "database": DATABASE, "prometheus": { "url": "http://127.0.0.1:9" }, "cooldown_seconds": 0,
            "moves": { "cleanup_delay_seconds": 5, "chunk_rows": 50 },
            "backend": { "kind": "static", "pool": [servers[1].endpoint(DATABASE).to_dsn()] },
        }),
    );
    let router = site.start("router").await;
    site.query(ORDERS).await;
    let values: Vec<String> = (1..=COUNT).map(|order| format!("({order}, {order})")).collect();
    site.query(&format!("INSERT INTO orders (id, value) VALUES {}", values.join(", "))).await;
    let mut next = 0;
    let mut write = async || loop {
        next = next % COUNT + 1;
        // Between an old owner and a new one it may be refused.
        let _ = site.try_query(&format!("UPDATE orders SET value=id WHERE id={next}")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // So that there are changes to be replayed.
    tokio::select! {
        () = at_each(points, &site, &servers) => {}
        () = write() => {}
    }
    stop(router).await;
}

async fn at_each(points: &[Point], site: &Site, servers: &[Server]) {
    for &point in points {
        let variable = Point::VARIABLE;
        // What is to be undone must have begun.
        let first = if point.is_of_undoing() { Point::ChunkCopied } else { point };
        let mut scaler = site.start_with("scaler", &[(variable, first.as_str())]).await;
        within_a_minute("the scaler scales out", || site.scale_out()).await;
        ends_itself(&mut scaler, first).await;
        if point.is_of_undoing() {
            let mut second = site.start_with("scaler", &[(variable, point.as_str())]).await;
            ends_itself(&mut second, point).await;
        }
        let scaler = site.start("scaler").await;
        within_a_minute("what was left is settled", || async {
            let explained = site.scaler("/explain").await;
            explained["action_in_progress"].is_null() && topology_of(&servers[0]).await.moves().is_empty()
        })
        .await;
        let topology = topology_of(&servers[0]).await;
        assert_eq!(topology.shards().len(), if point.is_past_return() { 2 } else { 1 }, "{}", point.as_str());
        check_rows(servers, &topology, point).await;
        // What was undone has given its server back to the pool, emptied.
        assert_no_leftovers(&servers[..topology.shards().len()], &topology).await;
        if point.is_past_return() {
            // And back, for the next point.
            assert!(site.drain("shard-2").await);
            within_a_minute("one shard is left", || async { topology_of(&servers[0]).await.shards().len() == 1 }).await;
            within_a_minute("the drain is over", || async {
                site.scaler("/explain").await["action_in_progress"].is_null()
            })
            .await;
        }
        stop(scaler).await;
        println!("the scaler ended itself at {}, and the next one brought the move to its end", point.as_str());
    }
}

async fn check_rows(servers: &[Server], topology: &Topology, point: Point) {
    let mut found = Vec::new();
    for (index, server) in servers.iter().enumerate().take(topology.shards().len()) {
        for row in rows(&mut server.connect().await, "SELECT id, value FROM orders").await {
            let order: i64 = row[0].parse().unwrap();
            assert_eq!(row[0], row[1], "{}", point.as_str());
            assert_eq!(topology.owner(slot_of(order)).id, id(index), "row {order} after {}", point.as_str());
            found.push(order);
        }
    }
    found.sort_unstable();
    assert!(found.iter().copied().eq(1..=COUNT), "{}: {} rows", point.as_str(), found.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_process_that_ends_itself_is_taken_up_by_the_next() {
    let every = std::env::var("MOVE_KILLS").is_ok();
    let some = [Point::ChunkWritten, Point::UndoCleared, Point::SwitchCommitted];
    scalers_end(if every { Point::ALL } else { &some }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_without_a_fault_does_not_end_itself() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 1).await else { return };
    let site = Site::over(&[&servers[0]], json!({ "prometheus": { "url": "http://127.0.0.1:9" } }));
    let scaler = site.start_with("scaler", &[(Point::VARIABLE, "nowhere")]).await;
    let log = site.folder().join("scaler.log");
    wait_until("it says that it knows no such point", || async {
        std::fs::read_to_string(&log).unwrap().contains("names no point")
    })
    .await;
    stop(scaler).await;
}
