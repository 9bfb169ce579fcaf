//! Transactions while rows move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyspace::own;
use keyspace::topology::{MovePhase, Transfer};
use moves::cluster::Cluster;
use moves::execute;
use router::Limits;
use sqlx::{AssertSqlSafe, Executor};

use super::{Sharded, layout, update};
use crate::kit::bench::{half, silent, slot_of};
use crate::kit::moving::{move_back_and_forth, quick_moves};
use crate::kit::servers::{Flavor, Server, number, run, wait_until, with_scalers_logins};

#[tokio::test(flavor = "multi_thread")]
async fn moving_rows_end_a_transaction_with_a_conflict() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let (stop, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
    let phase = || sharded.front.router.topology().unwrap().moves().first().map(|slot_move| slot_move.phase);
    let client = async {
        // Its tables are locked for a moment at the beginning; a transaction that is open then holds the move off.
        wait_until("a move with its triggers", || async {
            phase() == Some(MovePhase::Announced)
                && number(
                    &mut sharded.servers[0].connect().await,
                    "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'",
                )
                .await
                    >= 6
        })
        .await;
        sharded.ok(Some("s"), "BEGIN").await;
        sharded.ok(Some("s"), "SELECT SUM(v) FROM accounts").await;
        wait_until("its switch", || async { phase() == Some(MovePhase::Switched) }).await;
        stop.store(true, Ordering::Relaxed);
        let (status, answer) = sharded.post(Some("s"), "UPDATE accounts SET v = 0").await;
        assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("conflict")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("rolled back"), "{answer}");
        assert_eq!(sharded.say(Some("s"), "SELECT SUM(v) FROM accounts").await, "500");
    };
    let layout = layout();
    tokio::join!(move_back_and_forth(&sharded.front.router, &layout, &stop, &ended), client);
}

/// Moves half of the slots, and does not tell the router.
async fn move_half(sharded: &Sharded, cluster: &Cluster) {
    let transfer = half(cluster, 0, 1);
    execute(cluster, &layout(), &[transfer], &quick_moves(), &silent()).await.unwrap();
    assert!(sharded.front.router.topology().unwrap().epoch() <= cluster.topology().epoch());
}

fn untold(sharded: &Sharded) -> Cluster {
    Cluster::new(with_scalers_logins((*sharded.front.router.topology().unwrap()).clone()), Arc::new(|| {}))
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_whose_first_statement_meets_a_switch_do_not_fail() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let cluster = untold(&sharded);
    let stop = AtomicBool::new(false);
    // Each works on a row of its own, and on the savepoint that it set before.
    let client = async |id: u32| {
        let session = format!("s{id}");
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            let first = match done % 3 {
                0 => update(id),
                1 => format!("UPDATE accounts SET v = v + 1 WHERE id IN ({id}, {})", id + 1000),
                _ => format!("SELECT v FROM accounts WHERE id = {id} FOR UPDATE"),
            };
            let second = if done % 3 == 2 { update(id) } else { format!("UPDATE accounts SET v = v WHERE id = {id}") };
            for sql in ["BEGIN", "SAVEPOINT a", &first, "SAVEPOINT b", "ROLLBACK TO b"] {
                let (status, answer) = sharded.post(Some(&session), sql).await;
                assert_eq!(status, 200, "{sql}: {answer}");
            }
            // A switch after the first statement is another matter.
            match sharded.post(Some(&session), &second).await {
                (200, _) => {}
                (409, answer) => {
                    assert!(answer["error"]["message"].as_str().unwrap().contains("rows moved"), "{answer}");
                    continue;
                }
                (_, answer) => panic!("{second}: {answer}"),
            }
            sharded.ok(Some(&session), "COMMIT").await;
            done += 1;
        }
        (id, done)
    };
    let moves = async {
        move_half(&sharded, &cluster).await;
        stop.store(true, Ordering::Relaxed);
    };
    let clients = futures_util::future::join_all((1..=10).map(client));
    let ((), clients) = tokio::join!(moves, clients);
    for (id, done) in clients {
        let found = sharded.say(None, &format!("SELECT v FROM accounts WHERE id = {id}")).await;
        assert_eq!(found, (50 + done).to_string(), "account {id}");
    }
    assert!(sharded.metric("retries_total{reason=\"moved\"}").await > 0);
}

/// With statements before a switch a transaction fails once, and succeeds at once when it is run again.
async fn a_transaction_from_before_a_switch(snapshot_isolation: bool) {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    if snapshot_isolation {
        for server in &servers {
            run(&mut server.connect().await, "SET GLOBAL innodb_snapshot_isolation = ON").await;
        }
    }
    let sharded = Sharded::over(servers, Limits::default()).await;
    sharded.fill().await;
    let cluster = untold(&sharded);
    let transfer = half(&cluster, 0, 1);
    let moved = (1..=10).find(|id| transfer.slots.contains(slot_of(i64::from(*id)))).unwrap();
    let stayed =
        (1..=10).find(|id| cluster.topology().owner(slot_of(i64::from(*id))).id.as_str() == "shard-2").unwrap();
    let client = async {
        // The tables are locked for a moment at the beginning; a transaction that is open then holds the move off.
        wait_until("a move with its triggers", || async {
            let triggers = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'";
            number(&mut sharded.servers[0].connect().await, triggers).await >= 6
        })
        .await;
        for (session, id) in [("reader", moved), ("writer", stayed)] {
            sharded.ok(Some(session), "BEGIN").await;
            sharded.ok(Some(session), &format!("SELECT v FROM accounts WHERE id = {id} FOR UPDATE")).await;
        }
        sharded.ok(Some("writer"), &update(stayed)).await;
        sharded.ok(Some("reader"), "ROLLBACK").await;
        // A snapshot only, which holds nothing off.
        sharded.ok(Some("reader"), "BEGIN").await;
        sharded.ok(Some("reader"), &format!("SELECT v FROM accounts WHERE id = {moved}")).await;
        wait_until("the owner has changed", || async {
            cluster.topology().owner(slot_of(i64::from(moved))).id.as_str() == "shard-2"
        })
        .await;
        for (session, before) in [("reader", None), ("writer", Some(stayed))] {
            sharded.lost(session, &update(moved), "rows moved").await;
            sharded.ok(Some(session), "BEGIN").await;
            for id in before.into_iter().chain([moved]) {
                sharded.ok(Some(session), &update(id)).await;
            }
            sharded.ok(Some(session), "COMMIT").await;
        }
    };
    tokio::join!(move_half(&sharded, &cluster), client);
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "503");
    assert_eq!(sharded.say(None, &format!("SELECT v FROM accounts WHERE id = {moved}")).await, "52");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_from_before_a_switch_fails_once_and_succeeds_when_run_again() {
    a_transaction_from_before_a_switch(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_from_before_a_switch_fails_once_where_snapshots_are_isolated() {
    a_transaction_from_before_a_switch(true).await;
}

/// Whether somebody holds a fence of the first shard.
async fn is_held(sharded: &Sharded, fence: u8) -> bool {
    let mut connection = sharded.servers[0].connect().await;
    run(&mut connection, "BEGIN").await;
    let take = format!("SELECT fenced FROM _autoscaler.fence WHERE id = {fence} FOR UPDATE NOWAIT");
    let taken = connection.execute(sqlx::raw_sql(AssertSqlSafe(take))).await;
    run(&mut connection, "ROLLBACK").await;
    taken.is_err()
}

/// A transaction outlives a lock that was not given in time (error 1205), and moves that are announced while it is open: it
/// holds the fence of every move whose rows it writes all the same.
async fn a_transaction_holds_every_fence_that_it_needs(flavor: Flavor) {
    let options = ["--innodb-lock-wait-timeout=1"];
    let Some(servers) = Server::start_all_with(flavor, 2, &options).await else { return };
    let sharded = Sharded::over(servers, Limits::default()).await;
    sharded.fill().await;
    let known = || sharded.front.router.topology().unwrap();
    let is_here = |id: &u32| known().owner(slot_of(i64::from(*id))).id.as_str() == "shard-1";
    let here: Vec<u32> = (1..=10).filter(is_here).collect();
    let (first, second) = (here[0], here[1]);
    let announce = async |id: u32| {
        let [source, target] = [0, 1].map(|index| known().shards()[index].id.clone());
        let transfer = Transfer { source, target, slots: [slot_of(i64::from(id))].into_iter().collect() };
        let announced = known().with_moves(&[transfer]).unwrap();
        for server in &sharded.servers {
            own::topology::catch_up(&mut server.connect().await, &announced).await.unwrap();
        }
        wait_until("the router knows of the move", || async { known().epoch() == announced.epoch() }).await;
    };
    announce(first).await;

    let mut holder = sharded.servers[0].connect().await;
    run(&mut holder, "BEGIN").await;
    run(&mut holder, "SELECT fenced FROM _autoscaler.fence WHERE id = 1 FOR UPDATE").await;
    sharded.ok(Some("s"), "BEGIN").await;
    assert_eq!(sharded.say(Some("s"), &update(first)).await, "error 1205");
    run(&mut holder, "ROLLBACK").await;
    assert!(!is_held(&sharded, 1).await);
    sharded.ok(Some("s"), &update(first)).await;
    assert!(is_held(&sharded, 1).await, "a move could switch behind the write");

    announce(second).await;
    sharded.ok(Some("s"), &update(second)).await;
    assert!(is_held(&sharded, 2).await, "a move that was announced meanwhile could switch behind the write");
    sharded.ok(Some("s"), "COMMIT").await;
    assert!(!is_held(&sharded, 1).await && !is_held(&sharded, 2).await);
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "502");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_holds_every_fence_that_it_needs_on_mariadb() {
    a_transaction_holds_every_fence_that_it_needs(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_holds_every_fence_that_it_needs_on_mysql() {
    a_transaction_holds_every_fence_that_it_needs(Flavor::MySql).await;
}
