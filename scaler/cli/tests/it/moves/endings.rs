//! Moves that are refused, fail, or lose their scaler.

use std::sync::Arc;
use std::time::Duration;

use keyspace::own::journal::MoveState;
use keyspace::topology::{MovePhase, Shard, Topology};
use moves::cluster::{ClusterError, Lease};
use moves::{MoveError, MoveProgress, ProgressSink, execute, recover};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::writing::beside_writers;
use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent};
use crate::kit::servers::{DATABASE, number, run};

/// A sink and the states that it was told.
fn states() -> (ProgressSink, UnboundedReceiver<MoveState>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let sink = Arc::new(move |progress: MoveProgress| {
        // The test may have stopped listening.
        let _ = sender.send(progress.state);
    });
    (sink, receiver)
}

async fn reached(states: &mut UnboundedReceiver<MoveState>, state: MoveState) {
    while states.recv().await.unwrap() != state {}
}

/// Moves half of shard 1 to shard 2 and drops the mover as soon as it is in `state`.
async fn abandon_at(bench: &Bench, state: MoveState) {
    let (sink, mut states) = states();
    let (layout, settings, transfers) = (layout(), quick(), [half(&bench.cluster, 0, 1)]);
    tokio::select! {
        result = execute(&bench.cluster, &layout, &transfers, &settings, &sink) => panic!("not abandoned: {result:?}"),
        () = reached(&mut states, state) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_without_its_scaler_is_undone_before_the_switch_and_finished_after_it() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(2_000).await;
    let before_the_switch =
        [MoveState::Preparing, MoveState::Copying, MoveState::Verifying, MoveState::CatchingUp, MoveState::CuttingOver];
    let mut account = account;
    for state in before_the_switch {
        let recovered = async {
            abandon_at(&bench, state).await;
            assert_eq!(bench.cluster.topology().moves()[0].phase, MovePhase::Announced, "{state:?}");
            recover(&bench.cluster, &layout(), &quick(), &silent()).await.unwrap()
        };
        let (ended, written, _) = beside_writers(&bench, account, recovered).await;
        account = written;
        assert_eq!(ended.len(), 1, "{state:?}");
        assert!(bench.cluster.topology().owned(&id(1)).is_empty());
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
    for (state, slots) in [(MoveState::Switched, 8_192), (MoveState::CleaningUp, 12_288)] {
        let recovered = async {
            abandon_at(&bench, state).await;
            assert_eq!(bench.cluster.topology().moves()[0].phase, MovePhase::Switched, "{state:?}");
            recover(&bench.cluster, &layout(), &quick(), &silent()).await.unwrap()
        };
        let (_, written, _) = beside_writers(&bench, account, recovered).await;
        account = written;
        assert_eq!(bench.cluster.topology().owned(&id(1)).len(), slots);
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
    assert!(recover(&bench.cluster, &layout(), &quick(), &silent()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_undone_when_its_target_dies() {
    let Some(mut bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(5_000).await;
    let (sink, mut states) = states();
    let (cluster, layout, settings, transfers) =
        (&bench.cluster.clone(), layout(), quick(), [half(&bench.cluster, 0, 1)]);
    let kill = async {
        reached(&mut states, MoveState::Copying).await;
        bench.servers[1].kill();
    };
    let (result, ()) = tokio::join!(execute(cluster, &layout, &transfers, &settings, &sink), kill);
    match &result {
        Err(MoveError::Database { shard, .. } | MoveError::Cluster(ClusterError::Connect { shard, .. })) => {
            assert_eq!(*shard, id(1), "{result:?}");
        }
        _ => panic!("{result:?}"),
    }
    bench.servers.pop();
    bench.assert_clean().await;
    assert!(cluster.topology().owned(&id(1)).is_empty());
    let mut source = bench.servers[0].connect().await;
    assert_eq!(number(&mut source, "SELECT COUNT(*) FROM orders").await, account.len() as u64);
    run(&mut source, "UPDATE orders SET value=0").await;
}

/// The source crashes before, in or after the cutover's commit: whatever the mover could see of it, every row
/// is once where the topology says.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_crashes_at_the_cutover_has_switched_or_has_not() {
    let Some(mut bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(1_000).await;
    let cluster = bench.cluster.clone();
    let mut switches = 0;
    for delay in [0, 8, 16, 25, 40, 80] {
        let (sink, mut states) = states();
        let (layout, settings, transfers) = (layout(), quick(), [half(&cluster, 0, 1)]);
        let crash = async {
            reached(&mut states, MoveState::CuttingOver).await;
            // Not to wait for anything: to crash at another point each time.
            tokio::time::sleep(Duration::from_millis(delay)).await;
            bench.servers[0].kill();
            bench.servers[0].restart().await;
        };
        let (result, ()) = tokio::join!(execute(&cluster, &layout, &transfers, &settings, &sink), crash);
        switches += u32::from(result.is_ok());
        recover(&cluster, &layout, &settings, &silent()).await.unwrap();
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
    println!("{switches} of 6 moves had switched when the source crashed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_source_was_away_is_undone_later() {
    let Some(mut bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let (sink, mut states) = states();
    let cluster = bench.cluster.clone();
    let (layout, settings, transfers) = (layout(), quick(), [half(&cluster, 0, 1)]);
    let kill = async {
        reached(&mut states, MoveState::Copying).await;
        bench.servers[0].kill();
    };
    let (result, ()) = tokio::join!(execute(&cluster, &layout, &transfers, &settings, &sink), kill);
    assert!(matches!(result, Err(MoveError::Database { ref shard, .. }) if *shard == id(0)), "{result:?}");
    assert_eq!(cluster.topology().moves().len(), 1);
    bench.servers[0].restart().await;
    assert_eq!(recover(&cluster, &layout, &settings, &silent()).await.unwrap().len(), 1);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_table_is_truncated_is_undone() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench.fill_orders(500).await;
    let (sink, mut states) = states();
    let (layout, settings, transfers) = (layout(), quick(), [half(&bench.cluster, 0, 1)]);
    let truncate = async {
        reached(&mut states, MoveState::CatchingUp).await;
        bench.on_owners("TRUNCATE orders").await;
    };
    let (result, ()) = tokio::join!(execute(&bench.cluster, &layout, &transfers, &settings, &sink), truncate);
    assert!(matches!(result, Err(MoveError::TableReplaced(_))), "{result:?}");
    bench.assert_orders(&Default::default()).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_move_are_refused_with_a_remedy() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let table = |key: &str| {
        let mut layout = layout();
        layout.shard_keys.insert("t".to_owned(), key.to_owned());
        layout
    };
    let cases = [
        ("CREATE TABLE t (id INT)", "no primary key"),
        ("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM", "MyISAM"),
        ("CREATE TABLE t (id DECIMAL(9,2) PRIMARY KEY)", "DECIMAL"),
        (
            "CREATE TABLE t (id BIGINT PRIMARY KEY, FOREIGN KEY (id) REFERENCES orders (id) ON DELETE CASCADE)",
            "ON DELETE CASCADE",
        ),
        (
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT, FOREIGN KEY (v) REFERENCES orders (id))",
            "leads to rows of orders that may move elsewhere",
        ),
        (
            "CREATE TABLE t (id INT PRIMARY KEY); CREATE TRIGGER mine BEFORE INSERT ON t FOR EACH ROW SET NEW.id=NEW.id",
            "trigger mine",
        ),
    ];
    for (definition, reason) in cases {
        bench.on_owners(definition).await;
        let transfers = [half(&bench.cluster, 0, 1)];
        let refused = execute(&bench.cluster, &table("id"), &transfers, &quick(), &silent()).await.unwrap_err();
        assert!(matches!(&refused, MoveError::Unfit { table, .. } if table == "t"), "{refused:?}");
        assert!(refused.to_string().contains(reason), "{refused}");
        bench.on_owners("DROP TABLE t").await;
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_the_trigger_privilege_is_refused() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    for server in &bench.servers {
        run(&mut server.connect().await, "REVOKE TRIGGER ON shop.* FROM app@'%'").await;
    }
    let transfers = [half(&bench.cluster, 0, 1)];
    let refused = execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap_err();
    assert!(refused.to_string().contains("grant TRIGGER"), "{refused:?}");
    assert!(bench.cluster.topology().moves().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_target_has_under_another_key_stops_the_move() {
    let Some(bench) = Bench::start(2, 0).await else { return };
    bench
        .on_owners(
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, value BIGINT NOT NULL, note VARCHAR(40), UNIQUE (note))",
        )
        .await;
    let mut account = bench.fill_orders(200).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let owned =
        |index, order: &i64| bench.cluster.topology().owned(&id(index)).contains(crate::kit::bench::slot_of(*order));
    let moving = (1_000..).find(|order| transfers[0].slots.contains(crate::kit::bench::slot_of(*order))).unwrap();
    let resident = (1_000..).find(|order| owned(1, order)).unwrap();
    for (server, order) in [(0, moving), (1, resident)] {
        let sql = format!("INSERT INTO orders VALUES ({order},1,'taken')");
        run(&mut bench.servers[server].connect().await, &sql).await;
        account.insert(order, 1);
    }
    let stopped = execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap_err();
    assert!(matches!(&stopped, MoveError::Conflict { table, .. } if table == "orders"), "{stopped:?}");
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_scaler_holds_the_lease() {
    let Some(bench) = Bench::start(1, 0).await else { return };
    let mut lease = Lease::acquire(&bench.cluster).await.unwrap();
    assert!(lease.still_held().await);
    let refused = Lease::acquire(&bench.cluster).await.unwrap_err();
    let ClusterError::Leased { holder } = refused else { panic!("{refused:?}") };
    run(&mut bench.servers[0].connect().await, &format!("KILL {holder}")).await;
    assert!(!lease.still_held().await);
    // The server gives the lock back when it ends the killed connection, a moment later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while Lease::acquire(&bench.cluster).await.is_err() {
        assert!(Instant::now() < deadline, "the lease of a killed connection stays taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topology_that_somebody_else_replaced_is_not_published() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    let stale = moves::cluster::Cluster::new((*bench.cluster.topology()).clone(), Arc::new(|| {}));
    let joined = |topology: &Topology| {
        let shard = Shard { id: id(7), endpoint: bench.servers[1].endpoint(DATABASE) };
        Ok::<_, ClusterError>(topology.with_shard(shard))
    };
    bench.cluster.change(joined).await.unwrap();
    // It looks before its first change, and then no more.
    drop(stale.publication().await.unwrap());
    bench.cluster.change(joined).await.unwrap();
    let refused = stale.change(joined).await.unwrap_err();
    assert!(matches!(refused, ClusterError::Superseded(_)), "{refused:?}");
    stale.refresh().await.unwrap();
    assert_eq!(*stale.topology(), *bench.cluster.topology());
}
