//! Moves that yield: to statements of the application, and to replicas that are behind.

use std::sync::Arc;

use keyspace::own::journal::MoveState;
use moves::{MoveProgress, MoveSettings, ProgressSink, Rest, Throttle, execute};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kit::bench::{Bench, ORDERS, half, layout, quick};
use crate::kit::servers::{DATABASE, Server, number, rows, run, wait_until};

/// The longest wait of a move before it goes on with one more chunk.
const LONGEST_WAIT_SECONDS: f64 = 10.0;

/// A sink, and what it was told last.
fn watched() -> (ProgressSink, watch::Receiver<Option<MoveProgress>>) {
    let (sender, receiver) = watch::channel(None);
    let sink = Arc::new(move |progress: MoveProgress| {
        sender.send_replace(Some(progress));
    });
    (sink, receiver)
}

async fn reached(
    progress: &mut watch::Receiver<Option<MoveProgress>>,
    holds: impl Fn(&MoveProgress) -> bool,
) -> MoveProgress {
    let seen = progress.wait_for(|progress| progress.as_ref().is_some_and(&holds)).await.unwrap();
    seen.clone().unwrap()
}

fn rested(progress: &MoveProgress, reason: Rest) -> f64 {
    progress.rested_seconds.get(reason.as_str()).copied().unwrap_or_default()
}

/// Statements that run on a server until they are released.
struct Held {
    holder: sqlx::mysql::MySqlConnection,
    statements: Vec<JoinHandle<()>>,
}

impl Held {
    async fn start(server: &Server, count: u64) -> Held {
        let mut holder = server.connect().await;
        run(&mut holder, "DO GET_LOCK('held', 0)").await;
        let mut statements = Vec::new();
        for _ in 0..count {
            let mut connection = server.connect().await;
            statements.push(tokio::spawn(async move {
                run(&mut connection, "DO GET_LOCK('held', 600)").await;
                run(&mut connection, "DO RELEASE_LOCK('held')").await;
            }));
        }
        let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO GET_LOCK%'";
        wait_until("the statements run", || async { number(&mut server.connect().await, waiting).await == count })
            .await;
        Held { holder, statements }
    }

    async fn release(mut self) {
        run(&mut self.holder, "DO RELEASE_LOCK('held')").await;
        for statement in self.statements {
            statement.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_waits_while_a_server_has_too_much_to_do() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let settings = MoveSettings {
        chunk_rows: 100,
        // Time enough to begin the statements that hold up the clean-up.
        cleanup_delay: std::time::Duration::from_secs(2),
        throttle: Throttle { max_threads_running: 4, busy_share: 1.0, ..Throttle::default() },
        ..quick()
    };
    let (sink, mut progress) = watched();
    let overload = async {
        let held = Held::start(&bench.servers[0], 4).await;
        let waiting = reached(&mut progress, |progress| rested(progress, Rest::Overloaded) > 0.0).await;
        assert_eq!(waiting.state, MoveState::Copying);
        assert!(
            waiting.rows_copied <= 100 && rested(&waiting, Rest::Overloaded) >= LONGEST_WAIT_SECONDS,
            "{waiting:?}"
        );
        held.release().await;

        let switched = reached(&mut progress, |progress| progress.state == MoveState::Switched).await;
        let held = Held::start(&bench.servers[0], 4).await;
        let before = rested(&switched, Rest::Overloaded);
        let waiting = reached(&mut progress, |progress| rested(progress, Rest::Overloaded) > before).await;
        assert_eq!(waiting.state, MoveState::CleaningUp);
        assert!(rested(&waiting, Rest::Overloaded) >= before + LONGEST_WAIT_SECONDS, "{waiting:?}");
        assert!((1..switched.rows_copied).contains(&waiting.rows_deleted), "{waiting:?}");
        held.release().await;
    };
    let (layout, transfers) = (layout(), [half(&bench.cluster, 0, 1)]);
    let moving = async {
        // Else the first chunks would be quicker than the statements.
        wait_until("the server is overloaded", || async {
            let running =
                rows(&mut bench.servers[0].connect().await, "SHOW GLOBAL STATUS LIKE 'Threads_running'").await;
            running[0][1].parse::<u64>().unwrap() > 4
        })
        .await;
        execute(&bench.cluster, &layout, &transfers, &settings, &sink).await.unwrap()
    };
    let (reports, ()) = tokio::join!(moving, overload);
    assert!(reports[0].rows_moved > 1_000, "{reports:?}");
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_takes_its_share_of_a_busy_server() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let moved = async |busy_share: f64, source, target| {
        let throttle = Throttle { busy_share, ..Throttle::default() };
        let settings = MoveSettings { chunk_rows: 100, throttle, ..quick() };
        let (sink, mut progress) = watched();
        let transfers = [half(&bench.cluster, source, target)];
        let layout = layout();
        let moving = execute(&bench.cluster, &layout, &transfers, &settings, &sink);
        let switched = reached(&mut progress, |progress| progress.state == MoveState::Switched);
        let (reports, switched) = tokio::join!(moving, switched);
        reports.unwrap();
        let done = progress.borrow().clone().unwrap();
        assert_eq!(done.state, MoveState::Done);
        (rested(&switched, Rest::Busy), rested(&done, Rest::Busy))
    };
    let (copying, in_all) = moved(0.2, 0, 1).await;
    assert_eq!((copying, in_all), (0.0, 0.0), "nobody else is there");
    let held = Held::start(&bench.servers[1], 2).await;
    let (copying, in_all) = moved(0.2, 1, 0).await;
    assert!(copying > 0.0 && in_all > copying, "{copying} {in_all}");
    let (_, in_all) = moved(1.0, 1, 0).await;
    assert_eq!(in_all, 0.0, "it may take all of the time");
    held.release().await;
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_waits_for_a_replica() {
    let options = ["--log-bin=bin", "--server-id=1", "--log-bin-trust-function-creators=1"];
    let Some(source) = Server::start_with(&options).await else { return };
    let Some(target) = Server::start().await else { return };
    let Some(replica) = Server::start_with(&["--server-id=2", "--relay-log=relay"]).await else { return };
    let Some(other) = Server::start_with(&["--server-id=3", "--relay-log=relay"]).await else { return };
    let (endpoint, port) = (source.endpoint(DATABASE), source.address().port());
    let bench = Bench::of(vec![source, target], 1).await;
    let mut on_replica = replica.connect().await;
    let follow = format!(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{}', MASTER_PASSWORD='{}', \
         MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=4",
        endpoint.user(),
        endpoint.password()
    );
    run(&mut bench.servers[0].connect().await, "GRANT REPLICATION SLAVE ON *.* TO app@'%'").await;
    for replica in [&replica, &other] {
        let mut connection = replica.connect().await;
        run(&mut connection, &follow).await;
        run(&mut connection, "START SLAVE").await;
    }
    bench.on_owners(ORDERS).await;
    let account = bench.fill_orders(3_000).await;
    let replicated = async |count: u64| {
        wait_until("the replica has the rows", || async {
            let mut connection = replica.connect().await;
            let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME='orders'";
            number(&mut connection, tables).await == 1
                && number(&mut connection, "SELECT COUNT(*) FROM orders").await == count
        })
        .await;
    };
    replicated(account.len() as u64).await;
    run(&mut on_replica, "STOP SLAVE SQL_THREAD").await;

    let throttle = Throttle { replicas: vec![replica.endpoint(DATABASE)], ..Throttle::default() };
    let settings = MoveSettings { chunk_rows: 100, throttle, ..quick() };
    let (sink, mut progress) = watched();
    let (layout, transfers) = (layout(), [half(&bench.cluster, 0, 1)]);
    let lag = async {
        let waiting = reached(&mut progress, |progress| rested(progress, Rest::ReplicaLag) > 0.0).await;
        assert_eq!(waiting.state, MoveState::Copying);
        assert!(
            waiting.rows_copied <= 100 && rested(&waiting, Rest::ReplicaLag) >= LONGEST_WAIT_SECONDS,
            "{waiting:?}"
        );
        run(&mut on_replica, "START SLAVE SQL_THREAD").await;
    };
    let (reports, ()) = tokio::join!(execute(&bench.cluster, &layout, &transfers, &settings, &sink), lag);
    let moved = reports.unwrap()[0].rows_moved;
    let done = progress.borrow().clone().unwrap();
    assert!(rested(&done, Rest::ReplicaLag) < 2.0 * LONGEST_WAIT_SECONDS, "it went on: {done:?}");
    // Feeding two replicas keeps two sessions at work all the time.
    assert_eq!(rested(&done, Rest::Busy), 0.0, "{done:?}");
    bench.assert_orders(&account).await;
    bench.assert_clean().await;
    // What a move does to the source must not stop its replicas.
    replicated(account.len() as u64 - moved).await;
}
