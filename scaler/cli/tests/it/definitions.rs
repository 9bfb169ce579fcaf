//! DDL over several shards: on all of them or on none, also when its router dies in between.

use std::time::Duration;

use keyspace::mysql::er;
use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};

use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server, number, rows, run, wait_until};

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
        ("ALTER TABLE users ADD COLUMN name INT", er::DUP_FIELDNAME),
        ("ALTER TABLE users DROP COLUMN nothing", er::CANT_DROP_FIELD_OR_KEY),
        ("CREATE TABLE users (id BIGINT PRIMARY KEY)", er::TABLE_EXISTS),
        ("CREATE INDEX i ON users (nothing)", er::KEY_COLUMN_DOES_NOT_EXIST),
        ("ALTER TABLE nowhere ADD COLUMN a INT", er::NO_SUCH_TABLE),
        ("DROP TABLE nowhere", er::BAD_TABLE),
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

/// Names of the tables and views of each server's database.
async fn names(servers: &[Server]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for server in servers {
        let tables =
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' ORDER BY BINARY TABLE_NAME";
        let shown = rows(&mut server.connect().await, tables).await;
        found.push(shown.into_iter().map(|mut row| row.remove(0)).collect());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_tables_differ_in_case_only() {
    let Some(fixture) = Fixture::start().await else { return };
    fixture.ok("CREATE TABLE casey (id INT PRIMARY KEY)").await;
    fixture.ok("CREATE TABLE plain (id INT PRIMARY KEY)").await;
    let before = names(&fixture.servers).await;
    // Newer than the schema that the router has in memory.
    run(&mut fixture.servers[0].connect().await, "CREATE TABLE Newer (id INT PRIMARY KEY)").await;
    for sql in [
        "CREATE TABLE Casey (id INT PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS CASEY LIKE plain",
        "CREATE VIEW Casey AS SELECT 1",
        "RENAME TABLE plain TO Casey",
        "ALTER TABLE plain RENAME TO Casey",
        "CREATE TABLE newer (id INT PRIMARY KEY)",
        "RENAME TABLE plain TO nEWER",
    ] {
        let (status, answer) = fixture.post(sql).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (422, Some("unsupported")), "{sql}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("which differs in case only"), "{sql}: {answer}");
        assert_eq!(names(&fixture.servers).await[1..], before[1..], "{sql}");
        assert_eq!(fixture.journal().await, 0, "{sql}");
    }
    fixture.ok("RENAME TABLE casey TO Casey").await;
    fixture.ok("INSERT INTO Casey VALUES (1)").await;
    fixture.ok("DROP TABLE Casey").await;
    fixture.ok("CREATE TABLE casey (id INT PRIMARY KEY)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_differ_in_case_only_leave_the_others_alone() {
    let Some(Fixture { front, servers }) = Fixture::start().await else { return };
    for server in &servers {
        let connection = &mut server.connect().await;
        run(connection, "CREATE TABLE casey (id INT PRIMARY KEY)").await;
        run(connection, "CREATE TABLE Casey (id INT PRIMARY KEY)").await;
        run(connection, "CREATE TABLE seen (id INT PRIMARY KEY)").await;
        run(connection, "CREATE VIEW Seen AS SELECT 1 a").await;
        run(connection, "CREATE TABLE Users (id BIGINT PRIMARY KEY)").await;
    }
    // A router that starts over these.
    drop(front);
    let fixture = Fixture { front: Front::start(&servers, layout(), Limits::default()).await, servers };
    fixture.ok("CREATE TABLE plain (id INT PRIMARY KEY)").await;
    fixture.ok("INSERT INTO plain VALUES (1)").await;
    for sql in [
        "SELECT * FROM casey",
        "INSERT INTO Casey VALUES (1)",
        "SELECT * FROM seen",
        "SELECT COUNT(*) n FROM users",
        "UPDATE Users SET id = 2",
    ] {
        let (status, answer) = fixture.post(sql).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 422 && message.contains("differ in case only"), "{sql}: {status} {answer}");
    }
    // Each goes by its exact name, and then the other one is as good as any.
    fixture.ok("DROP TABLE casey").await;
    fixture.ok("INSERT INTO Casey VALUES (1)").await;
    fixture.ok("DROP VIEW Seen").await;
    fixture.ok("INSERT INTO seen VALUES (1)").await;
    fixture.ok("DROP TABLE Users").await;
    assert_eq!(fixture.ok("SELECT COUNT(*) n FROM users").await["data"][0]["n"], json!(30));
    assert_eq!(names(&fixture.servers).await[1], ["Casey", "plain", "seen", "users"]);
}

/// Servers to which names that differ in case only are one name answer for themselves.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_fold_case_say_what_is_there() {
    let Some(servers) = Server::start_all_with(Flavor::MariaDb, 2, &["--lower-case-table-names=1"]).await else {
        return;
    };
    let named = Layout { shard_keys: [("Users".to_owned(), "ID".to_owned())].into(), ..Layout::default() };
    let fixture = Fixture { front: Front::start(&servers, named, Limits::default()).await, servers };
    fixture.ok("CREATE TABLE uSERS (id BIGINT PRIMARY KEY, v INT)").await;
    fixture.ok("CREATE TABLE IF NOT EXISTS USERS (id BIGINT PRIMARY KEY, v INT)").await;
    let (status, answer) = fixture.post("CREATE TABLE Users (id BIGINT PRIMARY KEY)").await;
    assert_eq!((status, &answer["error"]["mysql"]["errno"]), (400, &json!(er::TABLE_EXISTS)), "{answer}");
    fixture.ok("INSERT INTO Users VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8)").await;
    assert_eq!(fixture.ok("SELECT COUNT(*) n FROM USERS").await["data"][0]["n"], json!(8));
    let (status, answer) = fixture.post("ALTER TABLE USERS DROP COLUMN ID").await;
    assert!(status == 422 && answer["error"]["message"].as_str().unwrap().contains("the sharding key"), "{answer}");
    fixture.ok("DROP TABLE USERS").await;
    assert_eq!(names(&fixture.servers).await, [Vec::<String>::new(), Vec::new()]);
}

/// Mistakes are the server's to tell; what it would take and nobody here understands is named.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_are_not_understood_are_refused() {
    let Some(fixture) = Fixture::start().await else { return };
    for sql in ["CREATE TABEL t (a INT)", "CREATE TABLE t (a INTT)", "ALTER TABLE users ADD COLUMN", "DROP TABLE a b"] {
        let (status, answer) = fixture.post(sql).await;
        assert!([400, 403].contains(&status), "{sql}: {answer}");
        assert!(
            status == 403
                || [json!(er::PARSE_ERROR), json!(er::UNKNOWN_DATA_TYPE)].contains(&answer["error"]["mysql"]["errno"]),
            "{sql}: {answer}"
        );
    }
    let before = names(&fixture.servers).await;
    for (sql, status, construct) in [
        ("ALTER TABLE users CONVERT TABLE rates TO PARTITION p VALUES LESS THAN (1)", 422, "CONVERT"),
        ("CREATE TABLE s SEQUENCE=1 SELECT 1", 422, "SEQUENCE"),
        ("CREATE TABLE f (a INT) ENGINE='feder\\ated'", 403, "ENGINE federated"),
        ("CREATE DEFINER=view FUNCTION f() RETURNS INT RETURN 1", 403, "CREATE FUNCTION"),
        ("CREATE OR REPLACE DEFINER=x AGGREGATE FUNCTION f(a INT) RETURNS INT RETURN 1", 403, "CREATE FUNCTION"),
        ("CREATE DEFINER=view EVENT e ON SCHEDULE EVERY 1 DAY DO DO 1", 403, "CREATE EVENT"),
        ("CREATE DEFINER=root@localhost VIEW v AS SELECT 1", 403, "DEFINER"),
    ] {
        let (found, answer) = fixture.post(sql).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(construct), "{sql}: {found} {answer}");
    }
    assert_eq!(names(&fixture.servers).await, before);
}
