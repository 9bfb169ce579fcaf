//! One scaler after another: what the first left, what it does when it wakes up, and what nobody can know yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::own::journal::MoveState;
use keyspace::schema::Layout;
use keyspace::topology::{Topology, Transfer};
use moves::ProgressSink;
use moves::cluster::{Cluster, ClusterError};
use moves::faults::Point;
use moves::{MoveError, MoveReport, MoveSettings, execute, recover};
use tokio::task::JoinHandle;

use super::trap::Trap;
use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent, slot_of};
use crate::kit::servers::{DATABASE, rows, run, with_scalers_logins};

/// Another scaler's handle, which knows what one of the shards carries.
async fn successor(bench: &Bench) -> Cluster {
    let carried = keyspace::own::topology::read(&mut bench.servers[0].connect().await).await.unwrap().unwrap();
    Cluster::new(with_scalers_logins(carried), Arc::new(|| {}))
}

type Running = JoinHandle<Result<Vec<MoveReport>, MoveError>>;

/// A move that stands at a point.
async fn standing_at(bench: &Bench, transfers: Vec<Transfer>, point: Point) -> (Running, Arc<Trap>) {
    let (trap, mut reached) = Trap::set(point, 1);
    let settings = MoveSettings { faults: trap.faults(), ..quick() };
    let cluster = bench.cluster.clone();
    let running = tokio::spawn(async move { execute(&cluster, &layout(), &transfers, &settings, &silent()).await });
    reached.recv().await.unwrap();
    (running, trap)
}

async fn bench_with_orders(owning: usize, empty: usize) -> Option<(Bench, BTreeMap<i64, i64>)> {
    let bench = Bench::start(owning, empty).await?;
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(2_000).await;
    Some((bench, account))
}

/// The first scaler stands still in the middle of its work, a second one ends the move and makes another, the first
/// wakes up: it must not write a row any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_that_wakes_up_after_its_successor_changes_nothing() {
    for point in [Point::ChunkWritten, Point::CatchingUp, Point::SwitchWritten] {
        let Some((mut bench, account)) = bench_with_orders(2, 0).await else { return };
        let (running, trap) = standing_at(&bench, vec![half(&bench.cluster, 0, 1)], point).await;
        let second = successor(&bench).await;
        assert_eq!(recover(&second, &layout(), &quick(), &silent()).await.unwrap().len(), 1, "{point:?}");
        execute(&second, &layout(), &[half(&second, 0, 1)], &quick(), &silent()).await.unwrap();
        trap.release();
        let woken = running.await.unwrap();
        assert!(woken.is_err(), "{point:?}: {woken:?}");
        bench.cluster = second;
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
}

/// The same behind the switch, where rows are deleted from the source: which owns them again by the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_that_wakes_up_in_its_clean_up_deletes_no_row_that_came_back() {
    let Some((mut bench, account)) = bench_with_orders(2, 0).await else { return };
    let there = half(&bench.cluster, 0, 1);
    let (running, trap) = standing_at(&bench, vec![there.clone()], Point::BatchDeleted).await;
    let second = successor(&bench).await;
    second.refresh().await.unwrap();
    recover(&second, &layout(), &quick(), &silent()).await.unwrap();
    let back = Transfer { source: there.target, target: there.source, slots: there.slots };
    execute(&second, &layout(), &[back], &quick(), &silent()).await.unwrap();
    trap.release();
    // It finds that the move is over.
    let woken = tokio::time::timeout(Duration::from_secs(30), running).await;
    println!("{woken:?}");
    bench.cluster = second;
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// A scaler that is stopped, or cut off, while it has locks that writers wait for: their server does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_that_stands_still_with_a_lock_holds_writers_up_for_seconds_only() {
    let Some((bench, mut account)) = bench_with_orders(2, 0).await else { return };
    let transfer = half(&bench.cluster, 0, 1);
    let moving = moving_order(&transfer);
    for (value, point) in [(1, Point::TableLocked), (2, Point::FenceTaken), (3, Point::SwitchWritten)] {
        let (running, trap) = standing_at(&bench, vec![transfer.clone()], point).await;
        let mut client = bench.servers[0].connect().await;
        let write = format!("UPDATE orders SET value={value} WHERE id={moving}");
        let written = tokio::time::timeout(Duration::from_secs(15), run(&mut client, &write)).await;
        assert!(written.is_ok(), "writers wait for a scaler that stands still at {point:?}");
        account.insert(moving, value);
        trap.release();
        let woken = running.await.unwrap();
        assert!(woken.is_err(), "{point:?}: {woken:?}");
        recover(&bench.cluster, &layout(), &quick(), &silent()).await.unwrap();
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
}

/// The source of one move is away, and only it knows that the slots are switched. Whoever published anything now could
/// give the same epoch to another topology, and the switch would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_while_a_switch_may_be_unknown() {
    let Some((mut bench, account)) = bench_with_orders(2, 2).await else { return };
    // Of two moves the second one's source is not the home shard.
    let transfers = vec![half(&bench.cluster, 1, 3), half(&bench.cluster, 0, 2)];
    let (running, _trap) = standing_at(&bench, transfers, Point::SwitchCommitted).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let home_knows = successor(&bench).await;
    assert!(home_knows.topology().owned(&id(3)).is_empty(), "the switch has not been spread");
    bench.servers[1].kill();

    let second = Cluster::new((*home_knows.topology()).clone(), Arc::new(|| {}));
    let unchanged = |topology: &Topology| Ok::<_, ClusterError>(topology.with_shard(topology.home().clone()));
    let refused = second.change(unchanged).await.unwrap_err();
    assert!(matches!(refused, ClusterError::Unsettled { .. }), "{refused:?}");
    let failed = recover(&second, &layout(), &quick(), &silent()).await.unwrap_err();
    println!("{failed}");
    let still = second.change(unchanged).await.unwrap_err();
    assert!(matches!(still, ClusterError::Unsettled { .. }), "{still:?}");

    bench.servers[1].restart().await;
    recover(&second, &layout(), &quick(), &silent()).await.unwrap();
    let topology = second.topology();
    assert_eq!(topology.owned(&id(3)).len(), 4_096, "the switch that was committed holds");
    assert!(topology.owned(&id(2)).is_empty(), "the other move is undone");
    bench.cluster = second;
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// Rows that differ although nothing is left to be replayed: the move is taken back, and both versions can be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_differ_stop_the_move_and_are_kept() {
    let Some((bench, account)) = bench_with_orders(1, 1).await else { return };
    let transfer = half(&bench.cluster, 0, 1);
    let moving = moving_order(&transfer);
    let (running, trap) = standing_at(&bench, vec![transfer], Point::Verifying).await;
    run(&mut bench.servers[1].connect().await, &spoil(moving)).await;
    trap.release();
    assert_kept(&bench, &running.await.unwrap().unwrap_err(), moving).await;
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// The same for a row that changes after all were compared, and goes wrong just before the switch.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_replayed_last_is_compared_under_the_fence() {
    let Some((bench, mut account)) = bench_with_orders(1, 1).await else { return };
    let transfer = half(&bench.cluster, 0, 1);
    let moving = moving_order(&transfer);
    let (source, target) = (bench.servers[0].endpoint(DATABASE), bench.servers[1].endpoint(DATABASE));
    let is_late = Arc::new(AtomicBool::new(false));
    let faults = Faults::hook(move |point| {
        let (source, target, is_late) = (source.clone(), target.clone(), is_late.clone());
        Box::pin(async move {
            if point == Point::CuttingOver && !is_late.swap(true, Ordering::SeqCst) {
                let mut source = keyspace::mysql::connect(&source).await.unwrap();
                run(&mut source, &format!("UPDATE orders SET value=5 WHERE id={moving}")).await;
            }
            if point == Point::ChangesReplayed && is_late.load(Ordering::SeqCst) {
                run(&mut keyspace::mysql::connect(&target).await.unwrap(), &spoil(moving)).await;
            }
        })
    });
    let settings = MoveSettings { faults, ..quick() };
    let stopped = execute(&bench.cluster, &layout(), &[transfer], &settings, &silent()).await.unwrap_err();
    account.insert(moving, 5);
    assert_kept(&bench, &stopped, moving).await;
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

/// A key that does not tell upper from lower case: a client respells it, and the row goes wrong on the target whenever
/// it is replayed. The first change is made at a point, each other one when the one before is replayed; `value` is what
/// they leave. Returns the states of the move.
async fn respelled_row_goes_wrong(
    point: Point,
    changes: &'static [&'static str],
    value: &str,
) -> Option<Vec<MoveState>> {
    let bench = Bench::start(1, 1).await?;
    let mut client = bench.servers[0].connect().await;
    let create = "CREATE TABLE names (name VARCHAR(20) NOT NULL, id BIGINT NOT NULL, value BIGINT NOT NULL, \
         PRIMARY KEY (name, id)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    run(&mut client, create).await;
    run(&mut client, "INSERT INTO names VALUES ('anna',1,1),('berta',2,2)").await;
    let (source, target) = (bench.servers[0].endpoint(DATABASE), bench.servers[1].endpoint(DATABASE));
    let left = Arc::new(Mutex::new(VecDeque::from_iter(changes)));
    let faults = Faults::hook(move |reached| {
        let (source, target, left) = (source.clone(), target.clone(), left.clone());
        Box::pin(async move {
            let is_begun = left.lock().unwrap().len() < changes.len();
            let is_replay = is_begun && reached == Point::ChangesReplayed;
            if reached == point && !is_begun || is_replay {
                let change = left.lock().unwrap().pop_front();
                if let Some(change) = change {
                    run(&mut keyspace::mysql::connect(&source).await.unwrap(), change).await;
                }
            }
            if is_replay {
                let spoil = "UPDATE names SET value=-1 WHERE id=1";
                run(&mut keyspace::mysql::connect(&target).await.unwrap(), spoil).await;
            }
        })
    });
    let states = Arc::new(Mutex::new(Vec::new()));
    let seen = states.clone();
    let sink: ProgressSink = Arc::new(move |progress| seen.lock().unwrap().push(progress.state));
    let layout = Layout { shard_keys: [("names".to_owned(), "id".to_owned())].into(), ..Layout::default() };
    let slots = bench.cluster.topology().owned(&id(0));
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    let settings = MoveSettings { faults, ..quick() };
    let stopped = execute(&bench.cluster, &layout, &transfers, &settings, &sink).await;
    let Err(MoveError::RowsDiffer { rows: 1, kept, .. }) = stopped else { panic!("{stopped:?}") };
    let mut client = bench.servers[0].connect().await;
    let read = |table: &str| format!("SELECT CAST(name AS CHAR),value FROM {table} WHERE id=1");
    assert_eq!(rows(&mut client, &read("names")).await, [["ANNA", value]]);
    assert_eq!(rows(&mut client, &read(&kept)).await, [["ANNA", "-1"]]);
    bench.assert_clean().await;
    let states = states.lock().unwrap().clone();
    Some(states)
}

const RESPELL: &str = "UPDATE names SET name=UPPER(name) WHERE id=1";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_respelled_while_its_row_is_looked_at_again_is_followed() {
    const COUNT: &str = "UPDATE names SET value=value+1 WHERE id=1";
    let Some(states) = respelled_row_goes_wrong(Point::Verifying, &[COUNT, COUNT, RESPELL], "3").await else { return };
    assert!(!states.contains(&MoveState::CatchingUp), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_compared_before_the_switch_whatever_spelling_was_logged() {
    let Some(states) = respelled_row_goes_wrong(Point::CuttingOver, &[RESPELL], "1").await else { return };
    assert!(states.contains(&MoveState::CuttingOver), "{states:?}");
}

fn moving_order(transfer: &Transfer) -> i64 {
    (1..).find(|order| transfer.slots.contains(slot_of(*order))).unwrap()
}

fn spoil(order: i64) -> String {
    format!("UPDATE orders SET note='rot' WHERE id={order}")
}

async fn assert_kept(bench: &Bench, stopped: &MoveError, order: i64) {
    let MoveError::RowsDiffer { table, rows: 1, first_key, kept } = stopped else { panic!("{stopped:?}") };
    assert_eq!((table.as_str(), first_key.as_str()), ("orders", order.to_string().as_str()));
    let mut source = bench.servers[0].connect().await;
    let found = rows(&mut source, &format!("SELECT id, note FROM {kept}")).await;
    assert_eq!(found, [[order.to_string(), "rot".to_owned()]]);
}
