//! Sessions over several shards, against a connection to one server: the same answers to the same statements.

mod endings;
mod moving;
mod scripts;

use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::bench::slot_of;
use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server, rows, run};

const TABLES: [&str; 3] = [
    "CREATE TABLE accounts (id BIGINT PRIMARY KEY, v INT NOT NULL)",
    "CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, account BIGINT NOT NULL, text VARCHAR(40), KEY (account))",
    "CREATE TABLE rates (code CHAR(3) PRIMARY KEY, rate INT)",
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
        self.front.ask(session, sql).await
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
