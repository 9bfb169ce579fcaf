//! How transactions end that nobody commits: idle, in a deadlock, with their connection or their time.

use std::time::Duration;

use keyspace::mysql::er;
use router::Limits;
use serde_json::json;

use super::{Sharded, update};
use crate::kit::servers::{Flavor, Server, innodb_rows, number, run, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded_and_idle_ones_are_rolled_back() {
    let limits = Limits { max_sessions: 2, session_idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, limits).await else { return };
    sharded.fill().await;
    sharded.ok(Some("a"), "BEGIN").await;
    sharded.ok(Some("a"), "UPDATE accounts SET v = 0").await;
    sharded.ok(Some("b"), "BEGIN").await;
    let (status, answer) = sharded.post(Some("c"), "SELECT 1").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("overloaded")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("limits.max_sessions"));
    wait_until("the idle sessions end", || async { sharded.post(Some("c"), "SELECT 1").await.0 == 200 }).await;
    // Nothing is locked any more, and nothing was written.
    assert_eq!(sharded.say(None, "UPDATE accounts SET v = v + 1").await, "affected 10");
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "510");
    let metrics = sharded.front.client.get(format!("{}/metrics", sharded.front.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("sql_autoscaler_router_sessions_expired_total 2"), "{metrics}");
}

/// One waits for the other on two shards: no server sees that, the end of waiting does.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_over_two_shards_ends_as_a_conflict() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let [first, other] = sharded.apart().await;
    sharded.ok(Some("a"), "BEGIN").await;
    sharded.ok(Some("b"), "BEGIN").await;
    sharded.ok(Some("a"), &update(first)).await;
    sharded.ok(Some("b"), &update(other)).await;
    let (one_way, other_way) = (update(other), update(first));
    let (one, two) = tokio::join!(sharded.post(Some("a"), &one_way), sharded.post(Some("b"), &other_way));
    let codes = [&one.1["error"]["code"], &two.1["error"]["code"]];
    assert!(codes.contains(&&json!("conflict")), "{codes:?}");
    for session in ["a", "b"] {
        sharded.ok(Some(session), "ROLLBACK").await;
    }
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_hears_once_that_its_transaction_was_rolled_back_as_idle() {
    let limits = Limits { session_idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, limits).await else { return };
    sharded.fill().await;
    let expired = async |count: u64| {
        wait_until("it is idle for too long", || async {
            sharded.metric("sessions_expired_total").await == count && sharded.metric("sessions").await == 0
        })
        .await;
    };
    for (count, next) in (1..).zip([
        "UPDATE accounts SET v = v + 100",
        "SELECT COUNT(*) FROM accounts",
        "COMMIT",
        "BEGIN",
        "SAVEPOINT a",
        "SET @a = 1",
    ]) {
        sharded.ok(Some("a"), "BEGIN").await;
        sharded.ok(Some("a"), "UPDATE accounts SET v = v + 1000").await;
        expired(count).await;
        sharded.lost("a", next, "idle for 0.3 s").await;
        assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500", "{next}");
    }
    // Once; nobody else; and not who wanted it rolled back.
    assert_eq!(sharded.say(Some("a"), "UPDATE accounts SET v = v + 1").await, "affected 10");
    sharded.ok(Some("b"), "BEGIN").await;
    expired(7).await;
    assert_eq!(sharded.say(Some("c"), "UPDATE accounts SET v = v + 1").await, "affected 10");
    sharded.ok(Some("b"), "ROLLBACK").await;
    assert_eq!(sharded.say(Some("b"), "UPDATE accounts SET v = v + 1").await, "affected 10");
    // A statement that counts on a later ROLLBACK.
    sharded.ok(Some("d"), "SET autocommit = 0").await;
    expired(7).await;
    sharded.lost("d", "UPDATE accounts SET v = 0", "autocommit is on again").await;
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "530");
}

/// Ends the sessions of a server that have an open transaction, when they were idle for as long as the scaler waits.
async fn end_transactions(server: &Server, idle_seconds: u64) {
    let mut connection = server.connect().await;
    let open = format!(
        "SELECT p.id FROM information_schema.PROCESSLIST p JOIN information_schema.INNODB_TRX t \
         ON t.trx_mysql_thread_id = p.id WHERE p.command = 'Sleep' AND p.time >= {idle_seconds}"
    );
    wait_until("the transaction is idle", || async { !innodb_rows(server, &open).await.is_empty() }).await;
    for row in innodb_rows(server, &open).await {
        run(&mut connection, &format!("KILL {}", row[0])).await;
    }
    wait_until("it is undone", || async {
        innodb_rows(server, "SELECT trx_id FROM information_schema.INNODB_TRX").await.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_connection_was_ended_fails_as_a_whole() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let [first, other] = sharded.apart().await;
    let begin = async |session: &str| {
        sharded.ok(Some(session), "BEGIN").await;
        sharded.ok(Some(session), &update(first)).await;
    };
    // At once: the shard says so to the next statement there.
    for next in [update(first), format!("SELECT v FROM accounts WHERE id = {first}")] {
        begin("a").await;
        end_transactions(&sharded.servers[0], 0).await;
        sharded.lost("a", &next, "the connection to shard-1 broke").await;
    }
    // After a while, as at the end of a move: to every statement, whichever shard it is for.
    for next in [update(other), "COMMIT".to_owned(), "SAVEPOINT a".to_owned(), "BEGIN".to_owned()] {
        begin("a").await;
        end_transactions(&sharded.servers[0], 4).await;
        sharded.lost("a", &next, "the connection to shard-1 broke").await;
    }
    begin("a").await;
    end_transactions(&sharded.servers[0], 4).await;
    sharded.ok(Some("a"), "ROLLBACK").await;
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500");
    begin("a").await;
    sharded.ok(Some("a"), &update(other)).await;
    sharded.ok(Some("a"), "COMMIT").await;
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "502");
}

/// The client may take it for the matter of one statement, and send that again.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_timeout_does_not_run_without_its_transaction() {
    let limits = Limits { statement_timeout: Duration::from_millis(500), ..Limits::default() };
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, limits).await else { return };
    sharded.fill().await;
    let [first, other] = sharded.apart().await;
    let mut holder = sharded.servers[1].connect().await;
    run(&mut holder, &format!("BEGIN; {}", update(other))).await;
    let time_out = async || {
        sharded.ok(Some("a"), "BEGIN").await;
        sharded.ok(Some("a"), &update(first)).await;
        let (status, answer) = sharded.post(Some("a"), &update(other)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (504, Some("timeout")), "{answer}");
    };
    time_out().await;
    sharded.lost("a", &update(first), "took longer").await;
    time_out().await;
    sharded.ok(Some("a"), "BEGIN").await;
    sharded.ok(Some("a"), "ROLLBACK").await;
    run(&mut holder, "ROLLBACK").await;
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500");
}

/// The server has undone what the transaction did on it: the other shard's part must not be committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_in_a_statement_for_two_shards_undoes_the_transaction_on_both() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let [first, other] = sharded.apart().await;
    let both = format!("UPDATE accounts SET v = v + 1 WHERE id IN ({first}, {other})");
    let mut rival = sharded.servers[1].connect().await;
    run(&mut rival, "CREATE TABLE weight (id INT PRIMARY KEY); INSERT INTO weight SELECT seq FROM seq_1_to_500").await;
    sharded.ok(Some("a"), "BEGIN").await;
    sharded.ok(Some("a"), "INSERT INTO rates VALUES ('CHF', 3)").await;
    // The one that has changed less is the victim.
    run(&mut rival, &format!("BEGIN; UPDATE weight SET id = id + 1000; {}", update(other))).await;
    let waiting = async {
        wait_until("it waits for the rival", || async {
            let waits = "SELECT trx_id FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
            innodb_rows(&sharded.servers[1], waits).await.len() == 1
        })
        .await;
        run(&mut rival, "UPDATE rates SET rate = 0 WHERE code = 'CHF'").await;
    };
    let ((status, answer), ()) = tokio::join!(sharded.post(Some("a"), &both), waiting);
    assert_eq!((status, answer["error"]["mysql"]["errno"].as_u64()), (409, Some(er::LOCK_DEADLOCK.into())), "{answer}");
    run(&mut rival, "ROLLBACK; DROP TABLE weight").await;
    sharded.lost("a", "COMMIT", "Deadlock").await;
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500");
    for server in &sharded.servers {
        assert_eq!(number(&mut server.connect().await, "SELECT COUNT(*) FROM rates").await, 2);
    }
}
