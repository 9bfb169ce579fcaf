//! Sessions over several shards, against a connection to one server: the same answers to the same statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyspace::mysql::er;
use keyspace::own;
use keyspace::schema::Layout;
use keyspace::topology::MovePhase;
use keyspace::topology::Transfer;
use moves::cluster::Cluster;
use moves::execute;
use router::Limits;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::bench::{half, silent, slot_of};
use crate::kit::front::Front;
use crate::kit::moving::{move_back_and_forth, quick_moves};
use crate::kit::servers::{Flavor, Server, innodb_rows, number, rows, run, wait_until, with_scalers_logins};

const TABLES: [&str; 3] = [
    "CREATE TABLE accounts (id BIGINT PRIMARY KEY, v INT NOT NULL)",
    "CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, account BIGINT NOT NULL, text VARCHAR(40), KEY (account))",
    "CREATE TABLE rates (code CHAR(3) PRIMARY KEY, rate INT)",
];

/// What one client does in one session, statement by statement; `>` says what another connection sees meanwhile.
const SCRIPTS: &[&[&str]] = &[
    &[
        "BEGIN",
        "UPDATE accounts SET v = v - 10 WHERE id = 1",
        "UPDATE accounts SET v = v + 10 WHERE id = 3",
        "> SELECT SUM(v), MIN(v) FROM accounts",
        "SELECT id, v FROM accounts ORDER BY id",
        "COMMIT",
        "> SELECT id, v FROM accounts ORDER BY id",
    ],
    &[
        "START TRANSACTION",
        "DELETE FROM accounts",
        "SELECT COUNT(*) FROM accounts",
        "ROLLBACK",
        "SELECT COUNT(*) FROM accounts",
    ],
    &[
        "BEGIN",
        "INSERT INTO accounts VALUES (20, 1)",
        "SAVEPOINT a",
        "INSERT INTO accounts VALUES (21, 1), (22, 1), (23, 1)",
        "SAVEPOINT b",
        "UPDATE accounts SET v = 0",
        "ROLLBACK TO SAVEPOINT b",
        "SELECT id, v FROM accounts ORDER BY id",
        "ROLLBACK TO a",
        "SELECT id, v FROM accounts ORDER BY id",
        "RELEASE SAVEPOINT b",
        "RELEASE SAVEPOINT a",
        "ROLLBACK TO a",
        "COMMIT",
        "SELECT id, v FROM accounts ORDER BY id",
    ],
    &[
        "SET autocommit = 0",
        "INSERT INTO accounts VALUES (30, 1)",
        "> SELECT COUNT(*) FROM accounts WHERE id = 30",
        "COMMIT",
        "> SELECT COUNT(*) FROM accounts WHERE id = 30",
        "INSERT INTO accounts VALUES (31, 1)",
        "ROLLBACK",
        "INSERT INTO accounts VALUES (32, 1)",
        "SET autocommit = 1",
        "> SELECT id FROM accounts WHERE id > 29 ORDER BY id",
    ],
    &[
        "SET @a = 5, @b = 'it''s', @c = 1.50",
        "SELECT @a, @b, @c, @nothing, @a + 1 AS sum",
        "UPDATE accounts SET v = @a WHERE id = @a",
        "SELECT v FROM accounts WHERE id = @A",
        "SET @d = (SELECT SUM(v) FROM accounts)",
        "SELECT @d",
        "SET @d = @d + 1",
        "SELECT @d",
        "SET @e = NULL",
        "SELECT @e IS NULL",
    ],
    &[
        "SELECT LAST_INSERT_ID()",
        "INSERT INTO notes (account, text) VALUES (1, 'a')",
        "SELECT LAST_INSERT_ID()",
        "INSERT INTO notes (account, text) VALUES (2, 'b'), (3, 'c')",
        "SELECT LAST_INSERT_ID()",
        "SELECT ROW_COUNT()",
        "INSERT INTO notes VALUES (90, 1, 'd')",
        "SELECT LAST_INSERT_ID()",
        "INSERT INTO notes (account, text) VALUES (4, LAST_INSERT_ID())",
        "SELECT id, account, text FROM notes ORDER BY id",
    ],
    &[
        "UPDATE accounts SET v = v + 1",
        "SELECT ROW_COUNT()",
        "SELECT id FROM accounts ORDER BY id",
        "SELECT FOUND_ROWS()",
        "SELECT ROW_COUNT()",
    ],
    // A statement that fails is undone alone, on all shards.
    &[
        "BEGIN",
        "INSERT INTO accounts VALUES (40, 1), (41, 1), (42, 1)",
        "INSERT INTO accounts VALUES (43, 1), (44, 1), (1, 1)",
        "SELECT id FROM accounts WHERE id >= 40 ORDER BY id",
        "INSERT INTO accounts VALUES (45, 1)",
        "COMMIT",
        "SELECT id FROM accounts WHERE id >= 40 ORDER BY id",
    ],
    &[
        "BEGIN",
        "UPDATE rates SET rate = rate + 1",
        "INSERT INTO accounts VALUES (50, 1)",
        "> SELECT rate FROM rates",
        "SELECT rate FROM rates",
        "COMMIT",
        "> SELECT rate FROM rates",
    ],
    &[
        "START TRANSACTION READ ONLY",
        "SELECT COUNT(*) FROM accounts",
        "INSERT INTO accounts VALUES (60, 1)",
        "COMMIT",
        "INSERT INTO accounts VALUES (60, 1)",
    ],
    &[
        "BEGIN",
        "INSERT INTO accounts VALUES (70, 1)",
        "BEGIN",
        "ROLLBACK",
        "SELECT COUNT(*) FROM accounts WHERE id = 70",
    ],
    &[
        "BEGIN",
        "INSERT INTO accounts VALUES (71, 1)",
        "CREATE TABLE later (id INT PRIMARY KEY)",
        "ROLLBACK",
        "SELECT COUNT(*) FROM accounts WHERE id = 71",
        "DROP TABLE later",
    ],
    &[
        "BEGIN",
        "INSERT INTO accounts VALUES (72, 1)",
        "COMMIT AND CHAIN",
        "INSERT INTO accounts VALUES (73, 1)",
        "ROLLBACK",
        "SELECT id FROM accounts WHERE id IN (72, 73)",
    ],
    &[
        "BEGIN",
        "SELECT v FROM accounts WHERE id = 1 FOR UPDATE",
        "UPDATE accounts SET id = 80 WHERE id = 1",
        "SELECT id FROM accounts ORDER BY id",
        "ROLLBACK",
        "SELECT id FROM accounts ORDER BY id",
    ],
    &[
        "BEGIN",
        "INSERT INTO accounts SELECT id + 100, v FROM accounts WHERE id < 5",
        "SELECT COUNT(*) FROM accounts",
        "ROLLBACK",
        "SELECT COUNT(*) FROM accounts",
    ],
    &[
        "BEGIN",
        "UPDATE accounts SET v = 100 WHERE id = 2",
        "SELECT v, COUNT(*) FROM accounts GROUP BY v ORDER BY v",
        "SELECT a.id, b.id FROM accounts a JOIN accounts b ON a.v = b.v AND a.id < b.id ORDER BY 1, 2",
        "ROLLBACK",
    ],
    &["ROLLBACK", "COMMIT", "SAVEPOINT x", "ROLLBACK TO x", "SET NAMES utf8mb4"],
];

struct Sharded {
    front: Front,
    servers: Vec<Server>,
}

impl Sharded {
    async fn start(flavor: Flavor, shards: usize, limits: Limits) -> Option<Sharded> {
        Some(Sharded::over(Server::start_all(flavor, shards).await?, limits).await)
    }

    async fn over(servers: Vec<Server>, limits: Limits) -> Sharded {
        let front = Front::start(&servers, layout(), limits).await;
        let sharded = Sharded { front, servers };
        for table in TABLES {
            assert_eq!(sharded.post(None, table).await.0, 200);
        }
        sharded
    }

    /// A statement is told that its transaction was rolled back, and why.
    async fn lost(&self, session: &str, sql: &str, why: &str) {
        let (status, answer) = self.post(Some(session), sql).await;
        let error = &answer["error"];
        assert_eq!((status, error["code"].as_str()), (409, Some("conflict")), "{sql}: {answer}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("the transaction was rolled back") && message.contains(why), "{sql}: {answer}");
        assert_eq!(error["hint"], json!("run the transaction again from its beginning"));
    }

    async fn metric(&self, name: &str) -> u64 {
        let metrics = self.front.client.get(format!("{}/metrics", self.front.url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("sql_autoscaler_router_{name} ")));
        value.unwrap().parse().unwrap()
    }

    /// An account on each of the first two shards.
    async fn apart(&self) -> [u32; 2] {
        let mut found = [0, 0];
        for id in 1..=10 {
            let answer = self.ok(None, &format!("SELECT v FROM accounts WHERE id = {id}")).await;
            found[usize::from(answer["shard"] != "shard-1")] = id;
        }
        assert!(!found.contains(&0));
        found
    }

    async fn post(&self, session: Option<&str>, sql: &str) -> (u16, Value) {
        let body = json!({ "query": sql, "format": "rows" });
        let mut request = self.front.client.post(format!("{}/query", self.front.url)).json(&body);
        if let Some(session) = session {
            request = request.header("X-Session-Id", session);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn ok(&self, session: Option<&str>, sql: &str) -> Value {
        let (status, answer) = self.post(session, sql).await;
        assert_eq!(status, 200, "{sql}: {answer}");
        answer
    }

    /// Rows, or the number of rows affected, or the error's number.
    async fn say(&self, session: Option<&str>, sql: &str) -> String {
        let (status, answer) = self.post(session, sql).await;
        let errno = &answer["error"]["mysql"]["errno"];
        match status {
            200 if answer["rows_affected"].is_null() => shown(&answer["data"]),
            200 => format!("affected {}", answer["rows_affected"]),
            _ if errno.is_null() => panic!("{sql}: {answer}"),
            _ => format!("error {errno}"),
        }
    }

    async fn fill(&self) {
        for sql in ["DELETE FROM accounts", "DELETE FROM notes", "DELETE FROM rates"] {
            self.ok(None, sql).await;
        }
        let rows: Vec<String> = (1..=10).map(|id| format!("({id}, 50)")).collect();
        self.ok(None, &format!("INSERT INTO accounts VALUES {}", rows.join(", "))).await;
        self.ok(None, "INSERT INTO rates VALUES ('EUR', 1), ('USD', 2)").await;
    }
}

fn layout() -> Layout {
    Layout {
        shard_keys: [("accounts", "id"), ("notes", "account")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
        reference_tables: ["rates".to_owned()].into(),
        ..Layout::default()
    }
}

fn update(id: u32) -> String {
    format!("UPDATE accounts SET v = v + 1 WHERE id = {id}")
}

fn shown(rows: &Value) -> String {
    let cell = |cell: &Value| match cell {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |row: &Value| row.as_array().unwrap().iter().map(cell).collect::<Vec<_>>().join(",");
    rows.as_array().unwrap().iter().map(row).collect::<Vec<_>>().join("; ")
}

/// What a server says to the same.
async fn say(connection: &mut MySqlConnection, sql: &str) -> String {
    let is_read = sql.starts_with("SELECT");
    if is_read {
        let found = rows(connection, sql).await;
        return found.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("; ");
    }
    match connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await {
        Ok(result) => format!("affected {}", result.rows_affected()),
        Err(error) => format!("error {}", keyspace::mysql::errno(&error).unwrap()),
    }
}

async fn scripts_end_alike(flavor: Flavor) {
    let (Some(plain), Some(sharded)) =
        (Server::start_all(flavor, 1).await, Sharded::start(flavor, 3, Limits::default()).await)
    else {
        return;
    };
    let plain = &plain[0];
    let mut setup = plain.connect().await;
    for table in TABLES {
        run(&mut setup, table).await;
    }
    for (number, script) in SCRIPTS.iter().enumerate() {
        sharded.fill().await;
        for sql in [
            "DELETE FROM accounts".to_owned(),
            "DELETE FROM notes".to_owned(),
            "DELETE FROM rates".to_owned(),
            format!(
                "INSERT INTO accounts VALUES {}",
                (1..=10).map(|id| format!("({id}, 50)")).collect::<Vec<_>>().join(", ")
            ),
            "INSERT INTO rates VALUES ('EUR', 1), ('USD', 2)".to_owned(),
        ] {
            run(&mut setup, &sql).await;
        }
        let session = format!("script-{number}");
        let mut client = plain.connect().await;
        let mut other = plain.connect().await;
        for sql in *script {
            let (expected, got) = match sql.strip_prefix("> ") {
                Some(sql) => (say(&mut other, sql).await, sharded.say(None, sql).await),
                None => (say(&mut client, sql).await, sharded.say(Some(&session), sql).await),
            };
            assert_eq!(got, expected, "script {number}: {sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_end_as_on_one_mariadb() {
    scripts_end_alike(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_end_as_on_one_mysql() {
    scripts_end_alike(Flavor::MySql).await;
}

/// `query` without a statement reads a script: its statements are one session.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_of_the_command_line_is_one_session() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let config = cli::config::Config::from_json("{}", std::path::Path::new(""), &|_| None).unwrap();
    let admin = cli::admin::Admin::new(&config).with_router(Some(&sharded.front.url));
    let script = "SET @a = 3;\nBEGIN;\nUPDATE accounts SET v = @a;\nSELECT SUM(v) s FROM accounts;\nROLLBACK;\n";
    let query = cli::args::Query { sql: None, param: Vec::new(), format: cli::args::Format::Csv, url: None };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut input = std::io::Cursor::new(script);
    cli::admin::query::run(&admin, query, &mut input, &mut out, &mut notes).await.unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "s\r\n30\r\n");
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "500");
}

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

/// A transaction has one connection to each shard, so what is gathered on the home shard is held on its way back there:
/// all parts together, and no more of them than the limit is read.
#[tokio::test(flavor = "multi_thread")]
async fn rows_gathered_within_a_transaction_are_counted_as_they_come_and_over_all_parts() {
    let limits = Limits { max_held_rows: 50, ..Limits::default() };
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, limits).await else { return };
    sharded.ok(None, "ALTER TABLE notes MODIFY text MEDIUMTEXT").await;
    let topology = sharded.front.router.topology().unwrap();
    let here = (1..).filter(|id| topology.owner(slot_of(*id)).id.as_str() == "shard-1").take(30);
    let here: Vec<i64> = here.collect();
    let mut connection = sharded.servers[0].connect().await;
    let fill = async |connection: &mut MySqlConnection, rows: u32, bytes: u32| {
        let notes = format!("INSERT INTO notes SELECT seq, {}, REPEAT('x', {bytes}) FROM seq_1_to_{rows}", here[0]);
        run(connection, &notes).await;
    };
    let accounts: Vec<String> = here.iter().map(|id| format!("({id}, 1)")).collect();
    run(&mut connection, &format!("INSERT INTO accounts VALUES {}", accounts.join(", "))).await;
    fill(&mut connection, 30, 1).await;
    let gathered = "SELECT COUNT(DISTINCT a.v, n.text) FROM accounts a JOIN notes n ON n.id = a.v";
    let refused = async |session: Option<&str>| {
        let (status, answer) = sharded.post(session, gathered).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (422, Some("limit_exceeded")), "{session:?}: {answer}");
    };
    refused(None).await;
    sharded.ok(Some("s"), "BEGIN").await;
    refused(Some("s")).await;

    // 40 MB, of which 50 rows and what the sockets hold may be sent.
    run(&mut connection, "DELETE FROM notes").await;
    fill(&mut connection, 500, 80_000).await;
    let sent = async || {
        let sent = rows(&mut sharded.servers[0].connect().await, "SHOW GLOBAL STATUS LIKE 'Bytes_sent'").await;
        sent[0][1].parse::<u64>().unwrap()
    };
    sharded.ok(Some("t"), "BEGIN").await;
    let before = sent().await;
    refused(Some("t")).await;
    let read = sent().await - before;
    assert!(read < 25_000_000, "{read} bytes of a table were read of which 4 MB are too many rows");
}
