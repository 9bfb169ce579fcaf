//! The router against real servers: one shard is the oracle for two.

use std::time::Duration;

use keyspace::mysql::er;
use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server, number, rows, run, wait_until};

/// A router over its own servers, reached over HTTP.
struct Fixture {
    front: Front,
    servers: Vec<Server>,
}

impl Fixture {
    async fn start(shard_count: usize, limits: Limits) -> Option<Fixture> {
        let servers = Server::start_all(Flavor::MariaDb, shard_count).await?;
        let keys = [("users", "user_id"), ("orders", "customer_id"), ("names", "name"), ("floats", "id")];
        let layout = Layout {
            shard_keys: keys.iter().map(|(table, key)| (table.to_string(), key.to_string())).collect(),
            reference_tables: ["currencies".to_owned()].into(),
            ..Layout::default()
        };
        let front = Front::start(&servers, layout, limits).await;
        Some(Fixture { front, servers })
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.front.client.post(format!("{}{path}", self.front.url)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn raw(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let answer = self.front.client.post(format!("{}/query", self.front.url)).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let value: Value = answer.json().await.unwrap();
        (status, value["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn query(&self, sql: &str) -> (u16, Value) {
        self.post("/query", &json!({ "query": sql })).await
    }

    async fn ok(&self, sql: &str) -> Value {
        let (status, answer) = self.query(sql).await;
        assert_eq!(status, 200, "{sql}: {answer}");
        answer
    }

    async fn refused(&self, sql: &str, status: u16, code: &str, naming: &str) {
        let (got, answer) = self.query(sql).await;
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{sql}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(naming), "{sql}: {answer}");
    }

    async fn fill(&self) {
        for statement in [
            "CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(40), code VARCHAR(9) COLLATE utf8mb4_bin, \
             country INT, balance DECIMAL(12,2), score DOUBLE, born DATE, seen DATETIME(3), doc JSON, raw VARBINARY(9))",
            "CREATE TABLE orders (customer_id BIGINT, order_id INT, amount DECIMAL(10,5), PRIMARY KEY (customer_id, order_id))",
            "CREATE TABLE names (name VARCHAR(20) PRIMARY KEY, v INT)",
            "CREATE TABLE floats (id INT PRIMARY KEY, f FLOAT)",
            "CREATE TABLE currencies (code CHAR(3) PRIMARY KEY, rate DECIMAL(8,4))",
            "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
        ] {
            self.ok(statement).await;
        }
        for id in 1..=60 {
            let null = id % 7 == 0;
            let balance = if null { "NULL".to_owned() } else { format!("{}.{:02}", id * 37 % 101 - 50, id % 100) };
            self.ok(&format!(
                "INSERT INTO users VALUES ({id}, 'n{}', 'c{}', {}, {balance}, {}.25, '2000-01-{:02}', \
                 '2024-05-{:02} 10:00:00.{:03}', '{{\"a\": {id}}}', x'00{:02x}')",
                id % 9,
                id % 11,
                id % 5,
                id * 3,
                id % 28 + 1,
                id % 28 + 1,
                id * 7 % 1000,
                id
            ))
            .await;
            self.ok(&format!("INSERT INTO orders VALUES ({id}, 1, {id}.12345), ({id}, 2, -0.{id:05})")).await;
        }
        for id in 1..=6 {
            self.ok(&format!(
                "INSERT INTO floats VALUES ({id}, {})",
                ["0.1", "16777217", "-1.5", "1e30", "3", "NULL"][id - 1]
            ))
            .await;
        }
    }
}

/// What one database with all rows would answer: same rows, same columns, same types.
const SAME: &[&str] = &[
    "SELECT COUNT(*) FROM users",
    "SELECT COUNT(*), COUNT(balance), SUM(balance), MIN(balance), MAX(balance), AVG(balance) FROM users",
    "SELECT SUM(user_id), AVG(user_id), MIN(born), MAX(seen), AVG(score), SUM(score) FROM users",
    "SELECT AVG(amount) FROM orders",
    "SELECT SUM(balance), COUNT(*), MIN(user_id), AVG(balance) FROM users WHERE user_id > 1000000",
    "SELECT country, COUNT(*) AS n, SUM(balance) FROM users GROUP BY country ORDER BY country",
    "SELECT country, AVG(balance) FROM users GROUP BY country ORDER BY AVG(balance) DESC, country",
    "SELECT COUNT(*) c, country FROM users GROUP BY 2 ORDER BY c DESC, 2 LIMIT 3",
    "SELECT code, MAX(user_id) FROM users GROUP BY code ORDER BY code DESC",
    "SELECT country % 2 AS half, COUNT(*) FROM users GROUP BY half ORDER BY half",
    "SELECT COUNT(*) FROM users GROUP BY country ORDER BY country LIMIT 2, 2",
    "SELECT user_id, name FROM users ORDER BY user_id",
    "SELECT * FROM users ORDER BY user_id LIMIT 7 OFFSET 50",
    "SELECT user_id FROM users ORDER BY balance, user_id DESC",
    "SELECT user_id FROM users ORDER BY balance DESC, user_id LIMIT 10, 5",
    "SELECT user_id AS u FROM users WHERE country = 3 OR score > 100 ORDER BY u DESC LIMIT 4",
    "SELECT user_id, country + 1 FROM users ORDER BY country * 2, user_id",
    "SELECT code, raw FROM users ORDER BY code, raw",
    "SELECT user_id, seen FROM users ORDER BY seen DESC, user_id LIMIT 0",
    "SELECT user_id, balance FROM users WHERE user_id IN (1,2,3,4,5,6,7,8) ORDER BY user_id",
    "SELECT user_id FROM users WHERE user_id = 42",
    "SELECT user_id FROM users WHERE user_id = '42abc' ORDER BY user_id",
    "SELECT user_id FROM users WHERE user_id = 42.0",
    "SELECT user_id FROM users WHERE user_id = NULL",
    "SELECT u.name, o.amount FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 7 ORDER BY o.order_id",
    "SELECT u.name, (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id) s FROM users u WHERE u.user_id = 9",
    "SELECT * FROM floats ORDER BY id",
    "SELECT f FROM floats WHERE id = 2",
    "SELECT id, f AS g FROM floats ORDER BY f, id",
    "SELECT f AS g, id FROM floats WHERE id < 0 ORDER BY f",
    "SELECT user_id, doc FROM users WHERE user_id = 5",
    "SELECT 1 + 1, 'x' AS y",
    "SELECT DISTINCT country FROM users ORDER BY country",
    "SELECT name, COUNT(*) FROM users GROUP BY name ORDER BY name",
    "SELECT COUNT(*) FROM users HAVING COUNT(*) > 1",
    "SELECT SUM(balance)/2 FROM users",
    "SELECT user_id FROM users WHERE seen < NOW() ORDER BY user_id",
    "SELECT COUNT(DISTINCT country) FROM users",
    "SELECT u.name, o.order_id FROM users u, orders o WHERE u.user_id = o.customer_id ORDER BY u.user_id, o.order_id",
    "SELECT name FROM users UNION SELECT code FROM users ORDER BY 1",
    "SELECT country, ROW_NUMBER() OVER (ORDER BY user_id) FROM users ORDER BY 2",
];

#[tokio::test(flavor = "multi_thread")]
async fn two_shards_answer_as_one() {
    let (Some(one), Some(two)) =
        (Fixture::start(1, Limits::default()).await, Fixture::start(2, Limits::default()).await)
    else {
        return;
    };
    one.fill().await;
    two.fill().await;
    assert_eq!(two.ok("SELECT COUNT(*) FROM users").await["shards"], json!(["shard-1", "shard-2"]));
    for sql in SAME {
        for format in ["objects", "rows"] {
            let body = json!({ "query": sql, "format": format });
            let (expected, got) = (one.post("/query", &body).await, two.post("/query", &body).await);
            assert_eq!(expected.0, 200, "{sql}: {}", expected.1);
            assert_eq!((got.0, &got.1["data"]), (200, &expected.1["data"]), "{sql}: {}", got.1);
            assert_eq!(got.1["columns"], expected.1["columns"], "{sql}");
        }
    }
    let row = one.ok("SELECT * FROM users WHERE user_id = 3").await["data"][0].clone();
    assert_eq!(row["balance"].to_string(), "-40.03");
    assert_eq!(
        (&row["doc"], &row["raw"], &row["seen"]),
        (&json!({"a": 3}), &json!("AAM="), &json!("2024-05-04 10:00:00.021"))
    );
    let floats = two.ok("SELECT f FROM floats ORDER BY id LIMIT 2").await["data"].to_string();
    assert_eq!(floats, r#"[{"f":0.1},{"f":16777216}]"#);

    two.refused("SELECT name FROM users WHERE user_id > 3 FOR UPDATE", 422, "unsupported", "locking").await;
    two.refused("UPDATE users SET user_id = user_id + 1", 422, "unsupported", "sharding key").await;
    two.refused("UPDATE users SET country = 1 LIMIT 1", 422, "unsupported", "several shards").await;
    two.refused("UPDATE users SET user_id = 5 WHERE user_id = 6", 400, "database_error", "Duplicate").await;
    two.refused("ALTER TABLE users DROP COLUMN user_id", 422, "unsupported", "user_id").await;
    // A duplicate in the middle leaves nothing behind.
    let all: Vec<String> = (100..140).map(|id| format!("({}, 1, 1)", if id == 120 { 7 } else { id })).collect();
    two.refused(&format!("INSERT INTO orders VALUES {}", all.join(",")), 400, "database_error", "Duplicate").await;
    assert_eq!(two.ok("SELECT COUNT(*) n FROM orders WHERE customer_id >= 100").await["data"][0]["n"], json!(0));

    let update = two.ok("UPDATE users SET country = 9 WHERE user_id = 11").await;
    assert_eq!((&update["rows_affected"], &update["data"]), (&json!(1), &json!([])));
    assert!(update["shard"].is_string());
    let upsert = "INSERT INTO users (user_id, country) VALUES (11, 1) ON DUPLICATE KEY UPDATE country = 4";
    assert_eq!(two.ok(upsert).await["rows_affected"], json!(2));
    let plain = two.ok("INSERT INTO plain (v) VALUES (5)").await;
    assert_eq!((&plain["last_insert_id"], &plain["shard"]), (&json!(1), &json!("shard-1")));
    two.ok("ALTER TABLE users ADD COLUMN extra INT DEFAULT 3").await;
    assert_eq!(two.ok("SELECT SUM(extra) s FROM users").await["data"][0]["s"], json!(180));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_its_code_and_loses_nothing() {
    let limits = Limits { max_body_bytes: 2_000, max_result_rows: 50, ..Limits::default() };
    let Some(one) = Fixture::start(1, limits).await else { return };
    one.fill().await;
    assert_eq!(one.raw("{").await, (400, "bad_request".into()));
    assert_eq!(one.raw("[]").await, (400, "bad_request".into()));
    assert_eq!(one.raw(vec![b'{', 0xff, b'}']).await, (400, "bad_request".into()));
    assert_eq!(one.raw("{\"sql\":\"SELECT 1\"}").await, (400, "bad_request".into()));
    assert_eq!(one.raw("{\"query\":7}").await, (400, "bad_request".into()));
    assert_eq!(one.raw("{\"query\":\"SELECT 1\",\"extra\":1}").await, (400, "bad_request".into()));
    assert_eq!(one.raw("{\"query\":\"SELECT ?\",\"params\":[[1]]}").await, (400, "bad_request".into()));
    assert_eq!(one.raw("{\"query\":\"SELECT ?\"}").await, (400, "bad_request".into()));
    assert_eq!(one.raw(format!("{{\"query\":\"SELECT '{}'\"}}", "x".repeat(3000))).await, (413, "too_large".into()));
    one.refused("", 400, "bad_request", "no statement").await;
    one.refused(" ; ", 400, "bad_request", "no statement").await;
    // As a server has it.
    assert_eq!(one.ok(" -- nothing\n/*!99999 x */;").await["data"], json!([]));
    one.refused("SELECT 'open", 400, "parse_error", "").await;
    one.refused("SELECT 1; SELECT 2", 403, "not_allowed", "more than one").await;
    one.refused("SELECT 1 INTO OUTFILE '/tmp/x'", 403, "not_allowed", "OUTFILE").await;
    one.refused("SELECT * FROM mysql.user", 403, "not_allowed", "mysql").await;
    one.refused("SELECT 1 /*! INTO OUTFILE '/tmp/x' */", 403, "not_allowed", "").await;
    one.refused("BEGIN", 422, "unsupported", "session").await;
    one.refused("SELECT @a", 422, "unsupported", "session").await;
    one.refused("SELECT LAST_INSERT_ID()", 422, "unsupported", "session").await;
    one.refused("SELECT * FROM nowhere", 400, "database_error", "nowhere").await;
    one.refused("INSERT INTO users (user_id) VALUES (1)", 400, "database_error", "Duplicate").await;
    one.refused("INSERT INTO users (user_id) VALUES (NULL)", 422, "unsupported", "user_id").await;
    one.refused("INSERT INTO users (name) VALUES ('x')", 422, "unsupported", "user_id").await;
    one.refused("INSERT INTO users (user_id) VALUES ('42abc')", 422, "unsupported", "user_id").await;
    one.refused("INSERT INTO names VALUES ('é', 1)", 422, "unsupported", "name").await;
    one.refused("SELECT * FROM orders", 422, "limit_exceeded", "50").await;
    one.refused("SELECT 1 AS a, 2 AS a", 422, "unsupported", "`a`").await;
    let (status, answer) = one.post("/query", &json!({"query": "SELECT SLEEP(5)", "timeout_ms": 200})).await;
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("timeout")));
    one.refused("SELEC 1", 400, "parse_error", "SELEC").await;
    let body = r#"{"query": "SELECT ? a, ? b, ? c, ? d", "params": [1, "it's \\ ?", null, 12.50]}"#;
    let answer = one
        .front
        .client
        .post(format!("{}/query", one.front.url))
        .body(body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(answer, r#"{"data":[{"a":1,"b":"it's \\ ?","c":null,"d":12.50}],"shard":"shard-1"}"#);
    assert_eq!(one.ok("SELECT COUNT(*) n FROM users").await["data"][0]["n"], json!(60));
    let wrong = one.front.client.get(format!("{}/query", one.front.url)).send().await.unwrap();
    assert_eq!(wrong.status().as_u16(), 405);
    assert_eq!(one.front.client.get(format!("{}/nothing", one.front.url)).send().await.unwrap().status().as_u16(), 404);
    let session = one
        .front
        .client
        .post(format!("{}/query", one.front.url))
        .header("X-Session-Id", "x".repeat(129))
        .body("{\"query\":\"SELECT 1\"}");
    assert_eq!(session.send().await.unwrap().status().as_u16(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_shard_is_named_and_the_others_go_on() {
    let Some(mut two) = Fixture::start(2, Limits::default()).await else { return };
    two.fill().await;
    let mut on_first = None;
    for id in 1..60 {
        let explained =
            two.post("/explain", &json!({"query": format!("SELECT * FROM users WHERE user_id = {id}")})).await.1;
        assert_eq!(explained["route"], json!("single"));
        if explained["shards"] == json!(["shard-1"]) {
            on_first = Some(id);
        }
    }
    let on_first = on_first.unwrap();
    two.servers.remove(1);
    wait_until("shard-2 is missed", || async { two.front.router.is_ready().is_ok_and(|away| away.len() == 1) }).await;
    let (status, answer) = two.query("SELECT COUNT(*) FROM users").await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("shard_unavailable")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("shard-2"), "{answer}");
    two.ok(&format!("SELECT name FROM users WHERE user_id = {on_first}")).await;
    let metrics =
        two.front.client.get(format!("{}/metrics", two.front.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("sql_autoscaler_router_shard_up{shard=\"shard-2\"} 0"), "{metrics}");
    assert!(metrics.contains("sql_autoscaler_router_query_errors_total{reason=\"shard_unavailable\"}"));
    tokio::time::timeout(Duration::from_secs(5), two.ok("SELECT 1")).await.unwrap();
}

/// A client that does not wait for its answer must not leave its statement running.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_statement_on_the_shards() {
    let Some(two) = Fixture::start(2, Limits::default()).await else { return };
    two.fill().await;
    for sql in [
        "SELECT user_id, SLEEP(1) FROM users WHERE user_id = 3",
        "SELECT COUNT(*) FROM users WHERE BENCHMARK(100000000, SHA2(name, 512)) = 0",
        "SELECT COUNT(DISTINCT name, code) + BENCHMARK(2000000000, SHA2('x', 512)) FROM users",
    ] {
        let body = json!({ "query": sql });
        let gone = two
            .front
            .client
            .post(format!("{}/query", two.front.url))
            .timeout(Duration::from_millis(300))
            .json(&body)
            .send();
        assert!(gone.await.unwrap_err().is_timeout(), "{sql}");
        wait_until("no shard works on it any more", || async {
            let running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(%' OR INFO LIKE '%BENCHMARK(%'";
            let mut left = 0;
            for server in &two.servers {
                // The look itself is one of them.
                left += crate::kit::servers::number(&mut server.connect().await, running).await - 1;
            }
            left == 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gathering_is_bounded_and_asks_for_its_privilege() {
    let limits = Limits { max_held_rows: 50, ..Limits::default() };
    let Some(two) = Fixture::start(2, limits).await else { return };
    two.fill().await;
    two.refused("SELECT u.name FROM users u JOIN orders o ON o.order_id = u.country", 422, "limit_exceeded", "50")
        .await;
    two.ok(
        "SELECT u.name FROM users u JOIN orders o ON o.order_id = u.country WHERE u.user_id < 9 AND o.customer_id < 9",
    )
    .await;
    for server in &two.servers {
        let mut connection = server.connect().await;
        crate::kit::servers::run(
            &mut connection,
            "REVOKE CREATE TEMPORARY TABLES ON shop.* FROM autoscaler_router@'%'",
        )
        .await;
        // Open sessions keep what they could do when they began.
        let others = "SELECT id FROM information_schema.PROCESSLIST WHERE user = 'autoscaler_router'";
        for row in crate::kit::servers::rows(&mut connection, others).await {
            crate::kit::servers::run(&mut connection, &format!("KILL {}", row[0])).await;
        }
    }
    let body = json!({ "query": "SELECT COUNT(*) + COUNT(DISTINCT name) FROM users" });
    wait_until("the privilege is asked for", || async {
        let (status, answer) = two.post("/query", &body).await;
        let hint = answer["error"]["hint"].as_str().unwrap_or_default().to_owned();
        status == 422 && hint.starts_with("GRANT CREATE TEMPORARY TABLES")
    })
    .await;
}

/// Ends every session of the routers, as a restart would, and as the scaler does with those that are idle after a switch.
async fn end_sessions(server: &Server) {
    let mut connection = server.connect().await;
    let others = "SELECT id FROM information_schema.PROCESSLIST WHERE user = 'autoscaler_router'";
    for row in rows(&mut connection, others).await {
        // One may have ended by itself.
        let _ = connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL {}", row[0])))).await;
    }
    let left =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE user = 'autoscaler_router' AND command = 'Sleep'";
    // The router's look may have begun a new one.
    wait_until("the sessions are over", || async { number(&mut server.connect().await, left).await <= 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_broke_is_tried_once_more_and_a_write_is_not() {
    let Some(two) = Fixture::start(2, Limits::default()).await else { return };
    two.ok("CREATE TABLE users (user_id BIGINT PRIMARY KEY, country INT)").await;
    two.ok("INSERT INTO users VALUES (1, 0), (2, 0), (3, 0), (4, 0)").await;
    let retries = async || {
        let metrics = two.front.client.get(format!("{}/metrics", two.front.url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let family = "sql_autoscaler_router_retries_total{reason=\"connection\"} ";
        let value = metrics.lines().find_map(|line| line.strip_prefix(family)).unwrap();
        value.parse::<u64>().unwrap()
    };
    for (done, sql) in (0..).zip([
        "SELECT user_id FROM users WHERE user_id = 1",
        "SELECT COUNT(*) AS n FROM users",
        "SELECT COUNT(DISTINCT a.country) AS n FROM users a JOIN users b ON a.user_id = b.country + 1",
    ]) {
        // Lately used, so that they are not asked for a sign of life.
        let before = two.ok(sql).await;
        assert_eq!(retries().await, done, "{sql}");
        // On one server that it asks: it is tried again once.
        end_sessions(&two.servers[usize::from(before["shard"] == "shard-2")]).await;
        assert_eq!(two.ok(sql).await, before, "{sql}");
        assert_eq!(retries().await, done + 1, "{sql}");
    }
    two.ok("UPDATE users SET country = 0 WHERE user_id = 1").await;
    for server in &two.servers {
        end_sessions(server).await;
    }
    two.refused("UPDATE users SET country = country + 1 WHERE user_id = 1", 504, "outcome_unknown", "broke").await;
    assert_eq!(retries().await, 3);
    assert_eq!(two.ok("SELECT SUM(country) AS n FROM users").await["data"], json!([{ "n": 0 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_another_router_has_just_made_is_known() {
    let Some(two) = Fixture::start(2, Limits::default()).await else { return };
    let layout = Layout {
        shard_keys: (0..30).map(|number| (format!("made_{number}"), "owner".to_owned())).collect(),
        ..Layout::default()
    };
    let other = Front::start(&two.servers, layout.clone(), Limits::default()).await;
    let mine = Front::start(&two.servers, layout, Limits::default()).await;
    let ask = async |front: &Front, sql: String| {
        let request = front.client.post(format!("{}/query", front.url)).json(&json!({ "query": sql }));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for table in 0..30 {
        // Many times a second it has just looked for tables that there are not, also for this one.
        for unknown in [format!("made_{table}"), "nothing".to_owned()] {
            let (_, answer) = ask(&mine, format!("DELETE FROM {unknown}")).await;
            assert_eq!(answer["error"]["mysql"]["errno"], json!(er::NO_SUCH_TABLE), "{answer}");
        }
        let create = format!("CREATE TABLE made_{table} (id INT AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL)");
        assert_eq!(ask(&other, create).await.0, 200);
        let inserts = (1..=4).map(|owner| ask(&mine, format!("INSERT INTO made_{table} (owner) VALUES ({owner})")));
        for (status, answer) in futures_util::future::join_all(inserts).await {
            assert_eq!(status, 200, "{answer}");
        }
        // Their ids come from the sequence, also of the first one.
        let (_, answer) = ask(&mine, format!("SELECT COUNT(DISTINCT id) AS n FROM made_{table}")).await;
        assert_eq!(answer["data"], json!([{ "n": 4 }]));
    }
    let mut direct = two.servers[0].connect().await;
    for table in 0..20 {
        run(&mut direct, &format!("CREATE TABLE plain_{table} (id INT PRIMARY KEY)")).await;
        let (status, answer) = ask(&mine, format!("INSERT INTO plain_{table} VALUES (1)")).await;
        assert_eq!(status, 200, "{answer}");
    }
}
