//! DDL over several shards: on all of them or on none, also when its router dies in between.

use std::time::Duration;

use router::schema::Layout;
use router::service::Limits;
use serde_json::{Value, json};

use crate::front::Front;
use crate::servers::{Flavor, Server, number, rows, run, wait_until};

struct Fixture {
    front: Front,
    servers: Vec<Server>,
}

fn layout() -> Layout {
    Layout {
        shard_keys: [("users".to_owned(), "id".to_owned())].into(),
        reference_tables: ["rates".to_owned()].into(),
        ..Layout::default()
    }
}

impl Fixture {
    async fn start() -> Option<Fixture> {
        let servers = Server::start_all(Flavor::MariaDb, 3).await?;
        let front = Front::start(&servers, layout(), Limits::default()).await;
        let fixture = Fixture { front, servers };
        fixture.ok("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), v INT)").await;
        let users: Vec<String> = (1..=30).map(|id| format!("({id}, 'n{id}', {id})")).collect();
        fixture.ok(&format!("INSERT INTO users VALUES {}", users.join(", "))).await;
        Some(fixture)
    }

    async fn post(&self, sql: &str) -> (u16, Value) {
        let body = json!({ "query": sql });
        let answer = self.front.client.post(format!("{}/query", self.front.url)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn ok(&self, sql: &str) -> Value {
        let (status, answer) = self.post(sql).await;
        assert_eq!(status, 200, "{sql}: {answer}");
        answer
    }

    /// How every shard defines a table; empty where there is none.
    async fn definitions(&self, table: &str) -> Vec<String> {
        let mut found = Vec::new();
        for server in &self.servers {
            let mut connection = server.connect().await;
            let exists = format!(
                "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = '{table}'"
            );
            found.push(match number(&mut connection, &exists).await {
                0 => String::new(),
                _ => rows(&mut connection, &format!("SHOW CREATE TABLE {table}")).await[0][1].clone(),
            });
        }
        found
    }

    async fn journal(&self) -> u64 {
        number(&mut self.servers[0].connect().await, "SELECT COUNT(*) FROM _autoscaler.definitions").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_reaches_every_shard() {
    let Some(fixture) = Fixture::start().await else { return };
    for sql in [
        "CREATE TABLE plain (id INT PRIMARY KEY, v INT)",
        "ALTER TABLE users ADD COLUMN age INT DEFAULT 7, ADD INDEX by_age (age)",
        "CREATE INDEX by_name ON users (name)",
        "DROP INDEX by_age ON users",
        "CREATE VIEW named AS SELECT id, name FROM users",
        "DROP VIEW named",
        "RENAME TABLE plain TO simple",
        "ALTER TABLE users RENAME COLUMN v TO value",
        "TRUNCATE TABLE simple",
        "DROP TABLE simple",
    ] {
        fixture.ok(sql).await;
        let found = fixture.definitions("users").await;
        assert!(found.iter().all(|definition| *definition == found[0]), "{sql}: {found:?}");
        assert_eq!(fixture.journal().await, 0, "{sql}");
    }
    assert!(fixture.definitions("users").await[2].contains("`value` int"));
    assert_eq!(fixture.definitions("simple").await, ["", "", ""]);
    assert_eq!(fixture.ok("SELECT SUM(age) s FROM users").await["data"][0]["s"], json!(210));
    fixture.ok("TRUNCATE TABLE users").await;
    assert_eq!(fixture.ok("SELECT COUNT(*) n FROM users").await["data"][0]["n"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_changes_nothing_anywhere() {
    let Some(fixture) = Fixture::start().await else { return };
    let before = fixture.definitions("users").await;
    for (sql, errno) in [
        ("ALTER TABLE users ADD COLUMN name INT", 1060),
        ("ALTER TABLE users DROP COLUMN nothing", 1091),
        ("CREATE TABLE users (id BIGINT PRIMARY KEY)", 1050),
        ("CREATE INDEX i ON users (nothing)", 1072),
        ("ALTER TABLE nowhere ADD COLUMN a INT", 1146),
        ("DROP TABLE nowhere", 1051),
    ] {
        let (status, answer) = fixture.post(sql).await;
        assert_eq!((status, &answer["error"]["mysql"]["errno"]), (400, &json!(errno)), "{sql}: {answer}");
        assert_eq!(fixture.definitions("users").await, before, "{sql}");
        assert_eq!(fixture.journal().await, 0, "{sql}");
    }
    // Two shards have other columns than the third: not touched either.
    run(&mut fixture.servers[2].connect().await, "ALTER TABLE users ADD COLUMN own INT").await;
    let (status, answer) = fixture.post("ALTER TABLE users ADD COLUMN age INT").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("conflict")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("shard-3"), "{answer}");
    assert_eq!(fixture.definitions("users").await[..2], before[..2]);
}

/// Rows of one shard stand in the way, which the home shard could not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_refuses_is_caught_up_when_it_can() {
    let Some(fixture) = Fixture::start().await else { return };
    // An index is taken back where it was made: nothing is left.
    let on_last = {
        let mut connection = fixture.servers[2].connect().await;
        rows(&mut connection, "SELECT id FROM users ORDER BY id LIMIT 1").await[0][0].clone()
    };
    let before = fixture.definitions("users").await;
    fixture.ok(&format!("UPDATE users SET v = NULL WHERE id = {on_last}")).await;
    let (status, answer) = fixture.post("ALTER TABLE users MODIFY v INT NOT NULL").await;
    assert_eq!(status, 400, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("on shard-3; done on shard-1, shard-2"), "{message}");
    assert_eq!(fixture.journal().await, 1);
    // Reads that would mix both are told to wait; those that do not care go on.
    assert_eq!(fixture.ok("SELECT COUNT(*) n FROM users").await["data"][0]["n"], json!(30));
    fixture.ok(&format!("UPDATE users SET v = 1 WHERE id = {on_last}")).await;
    fixture.ok("ALTER TABLE users MODIFY v INT NOT NULL").await;
    let after = fixture.definitions("users").await;
    assert!(after.iter().all(|definition| *definition == after[0] && *definition != before[0]), "{after:?}");
    assert_eq!(fixture.journal().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_left_half_done_is_finished() {
    let Some(mut fixture) = Fixture::start().await else { return };
    // The third shard is away, so that the change stops before it.
    fixture.servers[2].kill();
    let (status, answer) = fixture.post("ALTER TABLE users ADD COLUMN age INT").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("shard_unavailable")), "{answer}");
    let mut home = fixture.servers[0].connect().await;
    assert!(!rows(&mut home, "SHOW CREATE TABLE users").await[0][1].contains("age"), "nothing was changed");
    fixture.servers[2].restart().await;
    fixture.ok("ALTER TABLE users ADD COLUMN age INT").await;
    // A router that died between two shards: its journal says which, or the tables do.
    run(&mut home, "ALTER TABLE users ADD COLUMN height INT").await;
    run(&mut fixture.servers[1].connect().await, "ALTER TABLE users ADD COLUMN height INT").await;
    let marks = "{\"shard-1\":\"x\",\"shard-2\":\"x\",\"shard-3\":\"MARK\"}";
    let third = fixture.definitions("users").await[2].clone();
    let hex: String = third.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mark = rows(&mut home, &format!("SELECT LPAD(LOWER(HEX(CRC32(x'{hex}'))), 8, '0')")).await[0][0].clone();
    let doc = format!(
        "{{\"sql\":\"ALTER TABLE users ADD COLUMN height INT\",\"shards\":[\"shard-1\",\"shard-2\",\"shard-3\"],\
         \"newcomers\":[],\"done\":[\"shard-1\"],\"before\":{},\"tables\":[\"users\"],\"stopped\":null}}",
        marks.replace("MARK", &mark)
    );
    run(&mut home, &format!("INSERT INTO _autoscaler.definitions VALUES (1, '{doc}')")).await;
    wait_until("the change is finished", || async { fixture.journal().await == 0 }).await;
    let found = fixture.definitions("users").await;
    assert!(found.iter().all(|definition| definition.contains("height") && *definition == found[0]), "{found:?}");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(fixture.ok("SELECT COUNT(height) n FROM users").await["data"][0]["n"], json!(0));
}
