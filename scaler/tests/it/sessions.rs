//! Sessions over several shards, against a connection to one server: the same answers to the same statements.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use router::schema::Layout;
use router::service::Limits;
use router::topology::MovePhase;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::front::{Front, move_back_and_forth};
use crate::servers::{Flavor, Server, number, rows, run, wait_until};

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
        let servers = Server::start_all(flavor, shards).await?;
        let layout = Layout {
            shard_keys: [("accounts", "id"), ("notes", "account")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
            reference_tables: ["rates".to_owned()].into(),
            ..Layout::default()
        };
        let front = Front::start(&servers, layout, limits).await;
        let sharded = Sharded { front, servers };
        for table in TABLES {
            assert_eq!(sharded.post(None, table).await.0, 200);
        }
        Some(sharded)
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
        Err(error) => format!("error {}", router::session::errno(&error).unwrap()),
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
    let config = scaler::config::Config::from_json("{}", std::path::Path::new(""), &|_| None).unwrap();
    let admin = scaler::admin::Admin::new(&config).with_router(Some(&sharded.front.url));
    let script = "SET @a = 3;\nBEGIN;\nUPDATE accounts SET v = @a;\nSELECT SUM(v) s FROM accounts;\nROLLBACK;\n";
    let query = scaler::cli::Query { sql: None, param: Vec::new(), format: scaler::cli::Format::Csv, url: None };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut input = std::io::Cursor::new(script);
    scaler::admin::query::run(&admin, query, &mut input, &mut out, &mut notes).await.unwrap();
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
    sharded.ok(Some("b"), "SELECT 1").await;
    let (status, answer) = sharded.post(Some("c"), "SELECT 1").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("overloaded")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("limits.max_sessions"));
    wait_until("the idle sessions end", || async { sharded.post(Some("c"), "SELECT 1").await.0 == 200 }).await;
    // Nothing is locked any more, and nothing was written.
    assert_eq!(sharded.say(None, "UPDATE accounts SET v = v + 1").await, "affected 10");
    assert_eq!(sharded.say(None, "SELECT SUM(v) FROM accounts").await, "510");
    let metrics = sharded.front.client.get(format!("{}/metrics", sharded.front.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("sql_autoscaler_router_sessions_expired_total 1"), "{metrics}");
}

/// One waits for the other on two shards: no server sees that, the end of waiting does.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_over_two_shards_ends_as_a_conflict() {
    let Some(sharded) = Sharded::start(Flavor::MariaDb, 2, Limits::default()).await else { return };
    sharded.fill().await;
    let shard_of = async |id: u32| {
        sharded.ok(None, &format!("SELECT v FROM accounts WHERE id = {id}")).await["shard"].as_str().unwrap().to_owned()
    };
    let first = shard_of(1).await;
    let mut other = 2;
    while shard_of(other).await == first {
        other += 1;
    }
    let update = |id: u32| format!("UPDATE accounts SET v = v + 1 WHERE id = {id}");
    sharded.ok(Some("a"), "BEGIN").await;
    sharded.ok(Some("b"), "BEGIN").await;
    sharded.ok(Some("a"), &update(1)).await;
    sharded.ok(Some("b"), &update(other)).await;
    let (one_way, other_way) = (update(other), update(1));
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
    let layout = Layout {
        shard_keys: [("accounts", "id"), ("notes", "account")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
        reference_tables: ["rates".to_owned()].into(),
        ..Layout::default()
    };
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
    tokio::join!(move_back_and_forth(&sharded.front.router, &layout, &stop, &ended), client);
}
