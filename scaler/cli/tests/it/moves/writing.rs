//! Moves under writers: no row is lost, doubled or wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::mysql::{er, errno};
use keyspace::topology::ShardId;
use moves::cluster::Cluster;
use moves::faults::Point;
use moves::{MoveSettings, execute};
use rand::Rng;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::time::Instant;

use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent, slot_of};
use crate::kit::servers::{DATABASE, Flavor, Server, number, rows, run};

/// A client that writes orders of its own and knows what must be there.
struct Writer {
    cluster: Cluster,
    connections: BTreeMap<ShardId, MySqlConnection>,
    /// How often a write met the fence.
    refused: u64,
    slowest: Duration,
}

impl Writer {
    fn new(cluster: &Cluster) -> Writer {
        Writer { cluster: cluster.clone(), connections: BTreeMap::new(), refused: 0, slowest: Duration::ZERO }
    }

    /// Runs a statement where the order lives, as a router would: refused writes look for the new owner.
    async fn write(&mut self, order: i64, sql: &str) -> u64 {
        let started = Instant::now();
        loop {
            let owner = self.cluster.topology().owner(slot_of(order)).id.clone();
            if !self.connections.contains_key(&owner) {
                self.connections.insert(owner.clone(), self.cluster.connect(&owner).await.unwrap());
            }
            let connection = self.connections.get_mut(&owner).unwrap();
            match connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await {
                Ok(result) => {
                    self.slowest = self.slowest.max(started.elapsed());
                    return result.rows_affected();
                }
                Err(error) if errno(&error) == Some(er::SIGNAL_EXCEPTION) => {
                    assert!(error.to_string().contains("_autoscaler: slot moved"), "{error}");
                    self.refused += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => panic!("{error}: {sql}"),
            }
        }
    }
}

struct Outcome {
    account: BTreeMap<i64, i64>,
    operations: u64,
    refused: u64,
    slowest: Duration,
}

/// Writes the orders whose number is `lane` modulo `lanes` until told to stop.
async fn write_lane(
    cluster: Cluster,
    mut account: BTreeMap<i64, i64>,
    (lane, lanes): (i64, i64),
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> Outcome {
    let mut writer = Writer::new(&cluster);
    // Above every order that an earlier writer may have left.
    let highest = account.keys().next_back().copied().unwrap_or(0).max(1_000_000);
    let mut next = (highest / lanes + 1) * lanes + lane;
    let mut operations = 0;
    while !stop.load(Ordering::Relaxed) {
        let (choice, skip): (u32, usize) =
            (rand::rng().random_range(0..10), rand::rng().random_range(0..account.len()));
        let known = *account.keys().nth(skip).unwrap();
        let (order, sql, value) = match choice {
            0..3 => (next, format!("INSERT INTO orders VALUES ({next},{choice},'new')"), Some(i64::from(choice))),
            3..8 => {
                let value = account[&known] + 1;
                (known, format!("UPDATE orders SET value=value+1 WHERE id={known}"), Some(value))
            }
            8 => (known, format!("REPLACE INTO orders VALUES ({known},77,NULL)"), Some(77)),
            _ => (known, format!("DELETE FROM orders WHERE id={known}"), None),
        };
        let affected = writer.write(order, &sql).await;
        assert!(affected >= 1, "no row was affected by {sql}");
        match value {
            Some(value) => account.insert(order, value),
            None => account.remove(&order),
        };
        if order == next {
            next += lanes;
        }
        operations += 1;
        done.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Outcome { account, operations, refused: writer.refused, slowest: writer.slowest }
}

/// Four writers for as long as `work` runs; returns the joint account.
pub(super) async fn beside_writers<T>(
    bench: &Bench,
    account: BTreeMap<i64, i64>,
    work: impl Future<Output = T>,
) -> (T, BTreeMap<i64, i64>, u64) {
    const LANES: i64 = 4;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..LANES)
        .map(|lane| {
            let own = account.iter().filter(|(order, _)| **order % LANES == lane).map(|(k, v)| (*k, *v)).collect();
            tokio::spawn(write_lane(bench.cluster.clone(), own, (lane, LANES), stop.clone(), done.clone()))
        })
        .collect();
    let result = work.await;
    // Writers must also have written under the topology that the work left.
    let (seen, deadline) = (done.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(20));
    while done.load(Ordering::Relaxed) < seen + 50 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let (mut joint, mut operations, mut refused, mut slowest) = (BTreeMap::new(), 0, 0, Duration::ZERO);
    for task in tasks {
        let outcome = task.await.unwrap();
        joint.extend(outcome.account);
        operations += outcome.operations;
        refused += outcome.refused;
        slowest = slowest.max(outcome.slowest);
    }
    println!("{operations} writes, {refused} refused by the fence, slowest {slowest:?}");
    (result, joint, operations)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_shard_takes_half_of_the_slots_while_they_are_written() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench.on_owners("CREATE VIEW big AS SELECT id FROM orders WHERE value > 100").await;
    let account = bench.fill_orders(3_000).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let (layout, settings, sink) = (layout(), quick(), silent());
    let moved = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
    let (reports, account, operations) = beside_writers(&bench, account, moved).await;
    let reports = reports.unwrap();
    println!("{reports:?}");
    assert!(operations > 100);
    assert!(reports[0].rows_copied > 1_000 && reports[0].rows_moved > 1_000);
    assert_eq!(bench.cluster.topology().owned(&id(1)).len(), 8_192);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
    let mut target = bench.servers[1].connect().await;
    let next = "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_NAME='orders'";
    assert!(number(&mut target, next).await >= 5_000_000);
    assert!(number(&mut target, "SELECT COUNT(*) FROM big").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mysql_shard_takes_half_of_the_slots_while_they_are_written() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(2_000).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let (layout, settings, sink) = (layout(), quick(), silent());
    let moved = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
    let (reports, account, _) = beside_writers(&bench, account, moved).await;
    println!("{:?}", reports.unwrap());
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// Unique values that change hands while they are copied: the target meets each pair in some wrong order.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_swap_unique_values_arrive() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench
        .on_owners(
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, value BIGINT NOT NULL, note VARCHAR(40), UNIQUE (note))",
        )
        .await;
    let account = bench.fill_orders(3_000).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let moving: Vec<i64> = (1..=3_000).filter(|order| transfers[0].slots.contains(slot_of(*order))).collect();
    let stop = AtomicBool::new(false);
    let mut client = bench.servers[0].connect().await;
    let swapping = async {
        let mut swaps = 0;
        while !stop.load(Ordering::Relaxed) {
            let pick = || moving[rand::rng().random_range(0..moving.len())];
            let (one, other) = (pick(), pick());
            let statements = format!(
                "BEGIN; SET @one=(SELECT note FROM orders WHERE id={one}), @other=(SELECT note FROM orders WHERE id={other}); \
                 UPDATE orders SET note=NULL WHERE id={one}; UPDATE orders SET note=@one WHERE id={other}; \
                 UPDATE orders SET note=IF({one}={other},@one,@other) WHERE id={one}; COMMIT"
            );
            match client.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await {
                Ok(_) => swaps += 1,
                // A transaction over two rows may also meet the clean-up in the other order.
                Err(error) if matches!(errno(&error), Some(er::SIGNAL_EXCEPTION | er::LOCK_DEADLOCK)) => {
                    run(&mut client, "ROLLBACK").await
                }
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        swaps
    };
    let (layout, sink) = (layout(), silent());
    let settings = moves::MoveSettings { chunk_rows: 20, ..quick() };
    let moving_away = async {
        let reports = execute(&bench.cluster, &layout, &transfers, &settings, &sink).await;
        stop.store(true, Ordering::Relaxed);
        reports
    };
    let (reports, swaps) = tokio::join!(moving_away, swapping);
    reports.unwrap();
    assert!(swaps > 50, "only {swaps} swaps");
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
    let distinct = "SELECT COUNT(DISTINCT note) FROM orders";
    let mut target = bench.servers[1].connect().await;
    assert_eq!(number(&mut target, distinct).await, moving.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_branches_arrive_whether_older_or_younger_than_the_triggers() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let mut account = bench.fill_orders(300).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let moving: Vec<i64> = (1..).filter(|order| transfers[0].slots.contains(slot_of(*order))).take(2).collect();
    let prepare = |xid: &'static str, order: i64| {
        format!("XA START '{xid}'; UPDATE orders SET value=-1 WHERE id={order}; XA END '{xid}'; XA PREPARE '{xid}'")
    };
    let mut client = bench.servers[0].connect().await;
    run(&mut client, &prepare("older", moving[0])).await;
    // MariaDB lets others finish a branch only once its own session is gone.
    client.close().await.unwrap();
    let (state_sender, mut states) = tokio::sync::mpsc::unbounded_channel();
    let sink: moves::ProgressSink = Arc::new(move |progress| {
        let _ = state_sender.send((progress.state, progress.message));
    });
    let finishing = async {
        let mut client = bench.servers[0].connect().await;
        let triggers = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='shop'";
        let deadline = Instant::now() + Duration::from_secs(30);
        while number(&mut client, triggers).await < 3 {
            assert!(Instant::now() < deadline);
        }
        assert_eq!(states.recv().await.unwrap().0, keyspace::own::journal::MoveState::Preparing);
        assert!(states.try_recv().is_err(), "the copy began beside an older branch");
        commit_branch(&mut client, "older").await;
        while states.recv().await.unwrap().0 != keyspace::own::journal::MoveState::CatchingUp {}
        let mut other = bench.servers[0].connect().await;
        run(&mut other, &prepare("younger", moving[1])).await;
        other.close().await.unwrap();
        while states.recv().await.unwrap().1.is_none() {}
        commit_branch(&mut client, "younger").await;
    };
    let (layout, settings) = (layout(), quick());
    let (reports, ()) = tokio::join!(execute(&bench.cluster, &layout, &transfers, &settings, &sink), finishing);
    assert!(reports.unwrap()[0].attempts > 1);
    moving.iter().for_each(|order| _ = account.insert(*order, -1));
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// Commits a branch as soon as its session is gone.
async fn commit_branch(client: &mut MySqlConnection, xid: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = client.execute(sqlx::raw_sql(AssertSqlSafe(format!("XA COMMIT '{xid}'")))).await {
        assert!(errno(&error) == Some(er::XAER_NOTA) && Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shards_give_to_a_third_one_while_they_are_written() {
    let Some(bench) = Bench::start(2, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(2_000).await;
    let transfers = [half(&bench.cluster, 0, 2), half(&bench.cluster, 1, 2)];
    let (layout, settings, sink) = (layout(), quick(), silent());
    let moved = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
    let (reports, account, _) = beside_writers(&bench, account, moved).await;
    assert_eq!(reports.unwrap().len(), 2);
    assert_eq!(bench.cluster.topology().owned(&id(2)).len(), 8_192);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_rows_are_deleted_beside_locked_ones_on_mariadb() {
    moved_rows_are_deleted_beside_locked_ones(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_rows_are_deleted_beside_locked_ones_on_mysql() {
    moved_rows_are_deleted_beside_locked_ones(Flavor::MySql).await;
}

/// A client has locked many rows that stay, from the switch until the others are deleted.
async fn moved_rows_are_deleted_beside_locked_ones(flavor: Flavor) {
    let Some(servers) = Server::start_all(flavor, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let staying = account.keys().filter(|order| !transfers[0].slots.contains(slot_of(**order)));
    // MariaDB makes a table of more than a thousand, and locks what it finds before it has looked there.
    let staying: Vec<String> = staying.take(900).map(i64::to_string).collect();
    let locking = format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN; \
         SELECT id FROM orders FORCE INDEX(PRIMARY) WHERE id IN ({}) FOR UPDATE",
        staying.join(",")
    );
    let (source, client) = (bench.servers[0].endpoint(DATABASE), Arc::new(tokio::sync::Mutex::new(None)));
    let faults = Faults::hook(move |point| {
        let (source, locking, client) = (source.clone(), locking.clone(), client.clone());
        Box::pin(async move {
            match point {
                Point::Switched => {
                    let mut connection = keyspace::mysql::connect(&source).await.unwrap();
                    run(&mut connection, &locking).await;
                    *client.lock().await = Some(connection);
                }
                // Dropping the triggers waits for it, as DDL does.
                Point::RowsDeleted => *client.lock().await = None,
                _ => {}
            }
        })
    });
    let settings = MoveSettings { faults, ..quick() };
    let (layout, sink) = (layout(), silent());
    let moving = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
    // A lock is waited for 50 seconds.
    let reports = tokio::time::timeout(Duration::from_secs(40), moving).await.expect("nothing waits").unwrap();
    assert!(reports[0].rows_moved > 1_000, "{reports:?}");
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_transaction_delays_the_switch_and_nobody_else() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(500).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let held = (1..).find(|order| transfers[0].slots.contains(slot_of(*order))).unwrap();
    // The transaction begins once the triggers are there and ends after the first attempts have failed.
    let (state_sender, mut states) = tokio::sync::mpsc::unbounded_channel();
    let sink: moves::ProgressSink = Arc::new(move |progress| {
        let _ = state_sender.send((progress.state, progress.message));
    });
    let mut client = bench.servers[0].connect().await;
    let long_transaction = async {
        while states.recv().await.unwrap().0 != keyspace::own::journal::MoveState::CatchingUp {}
        let mut transaction = client.begin().await.unwrap();
        run(&mut transaction, &format!("UPDATE orders SET note='held' WHERE id={held}")).await;
        let mut refusals = 0;
        while refusals < 3 {
            refusals += u32::from(states.recv().await.unwrap().1.is_some());
        }
        transaction.commit().await.unwrap();
    };
    let mut others = account.clone();
    let held_value = others.remove(&held).unwrap();
    let (layout, settings) = (layout(), quick());
    let work =
        async { tokio::join!(execute(&bench.cluster, &layout, &transfers, &settings, &sink), long_transaction).0 };
    let (reports, mut account, _) = beside_writers(&bench, others, work).await;
    assert!(reports.unwrap()[0].attempts > 3);
    account.insert(held, held_value);
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
    let mut target = bench.servers[1].connect().await;
    assert_eq!(rows(&mut target, &format!("SELECT note FROM orders WHERE id={held}")).await[0][0], "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_table_arrives_whole_while_it_is_written() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench.on_owners("CREATE TABLE countries (code CHAR(4) PRIMARY KEY, n INT NOT NULL)").await;
    bench.fill_orders(2_000).await;
    let mut source = bench.servers[0].connect().await;
    for n in 0..300 {
        run(&mut source, &format!("INSERT INTO countries VALUES ('c{n}',{n})")).await;
    }
    let stop = AtomicBool::new(false);
    // Like a router: on every shard that owns slots, first the one that a move may fence.
    let writing = async {
        let mut target = bench.servers[1].connect().await;
        let mut n = 0u32;
        while !stop.load(Ordering::Relaxed) {
            n += 1;
            let statements = [
                format!("UPDATE countries SET n=n+1 WHERE code='c{}'", n % 300),
                format!("REPLACE INTO countries VALUES ('n{n}',{n})"),
                format!("DELETE FROM countries WHERE code='n{}'", n / 2),
            ];
            for statement in &statements {
                let on_both = bench.cluster.topology().owning_shard_count() == 2;
                let written = source.execute(sqlx::raw_sql(AssertSqlSafe(statement.as_str()))).await;
                match written {
                    Ok(_) if on_both => run(&mut target, statement).await,
                    Ok(_) => {}
                    Err(error) if errno(&error) == Some(er::SIGNAL_EXCEPTION) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        n
    };
    let transfers = [half(&bench.cluster, 0, 1)];
    let (layout, settings, sink) = (layout(), quick(), silent());
    let moving = async {
        let reports = execute(&bench.cluster, &layout, &transfers, &settings, &sink).await;
        stop.store(true, Ordering::Relaxed);
        reports
    };
    let (reports, rounds) = tokio::join!(moving, writing);
    reports.unwrap();
    assert!(rounds > 50, "only {rounds} rounds of writing");
    bench.assert_clean().await;
    let everything = "SELECT code, n FROM countries ORDER BY code";
    let mut target = bench.servers[1].connect().await;
    assert_eq!(rows(&mut source_of(&bench).await, everything).await, rows(&mut target, everything).await);
}

async fn source_of(bench: &Bench) -> MySqlConnection {
    bench.servers[0].connect().await
}
