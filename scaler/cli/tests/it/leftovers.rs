//! What one client's statement leaves on a connection to a shard is not seen by the next one: with a pool of one
//! connection every client is the next one.

use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};

use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server, rows, run};

struct Pool {
    front: Front,
    server: Server,
}

impl Pool {
    /// A router with one connection to one shard, whose table `users` has three rows.
    async fn start(flavor: Flavor, prepared: &[&str]) -> Option<Pool> {
        let mut servers = Server::start_all(flavor, 1).await?;
        let mut connection = servers[0].connect().await;
        run(&mut connection, "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))").await;
        run(&mut connection, "INSERT INTO users (name) VALUES ('a'), ('b'), ('c')").await;
        for statement in prepared {
            run(&mut connection, statement).await;
        }
        let limits = Limits { max_connections_per_shard: 1, ..Limits::default() };
        let front = Front::start(&servers, Layout::default(), limits).await;
        Some(Pool { front, server: servers.remove(0) })
    }

    async fn ask(&self, sql: &str, session: Option<&str>) -> (u16, Value) {
        self.front.ask(session, sql).await
    }

    async fn data(&self, sql: &str, session: Option<&str>) -> Value {
        let (status, answer) = self.ask(sql, session).await;
        assert_eq!(status, 200, "{sql}: {answer}");
        answer["data"].clone()
    }
}

async fn temporary_tables_are_refused_however_they_are_spelled(flavor: Flavor) {
    let Some(pool) = Pool::start(flavor, &[]).await else { return };
    for sql in [
        "CREATE TEMPORARY TABLE users (id INT)",
        "CREATE /*!TEMPORARY*/ TABLE users (id INT)",
        "CREATE /*!50000TEMPORARY*/ TABLE users (id INT)",
        "CREATE/*!*/TEMPORARY/*! TABLE*/ users (id INT)",
        "CREATE /*!99999 x */ TEMPORARY TABLE users LIKE users",
        "CREATE TEMPORARY TABLE users SELECT 1 AS id",
    ] {
        for session in [None, Some("s")] {
            let (status, answer) = pool.ask(sql, session).await;
            assert_eq!(status, 422, "{sql}: {answer}");
        }
        assert_eq!(pool.data("SELECT COUNT(*) FROM users", None).await, json!([[3]]), "after {sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_tables_are_refused_however_they_are_spelled_on_mariadb() {
    temporary_tables_are_refused_however_they_are_spelled(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_tables_are_refused_however_they_are_spelled_on_mysql() {
    temporary_tables_are_refused_however_they_are_spelled(Flavor::MySql).await;
}

/// The variables without a global value are those of a connection; these are the ones that are constants of it or the
/// clock, and say nothing of its last statement.
const CONSTANTS: [&str; 21] = [
    "timestamp",
    "proxy_user",
    "external_user",
    "pseudo_thread_id",
    "pseudo_slave_mode",
    "pseudo_replica_mode",
    "default_master_connection",
    "skip_parallel_replication",
    "skip_replication",
    "gtid_next",
    "immediate_server_version",
    "original_commit_timestamp",
    "original_server_version",
    "require_row_format",
    "resultset_metadata",
    "show_create_table_skip_secondary_engine",
    "sql_log_bin",
    "transaction_allow_batching",
    "use_secondary_engine",
    "secondary_engine_cost_threshold",
    "debug_sync",
];

async fn what_the_last_statement_left_is_not_told(flavor: Flavor) {
    let Some(pool) = Pool::start(flavor, &[]).await else { return };
    let mut connection = pool.server.connect().await;
    let mut of_connections = Vec::new();
    for variable in rows(&mut connection, "SHOW SESSION VARIABLES").await {
        let name = variable[0].to_lowercase();
        let has_global = sqlx::Executor::fetch_one(
            &mut connection,
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SELECT @@global.{name}"))),
        );
        if has_global.await.is_err() && !CONSTANTS.contains(&name.as_str()) {
            of_connections.push(name);
        }
    }
    assert!(of_connections.iter().any(|name| name == "last_insert_id"), "{of_connections:?}");
    pool.data("INSERT INTO users (name) VALUES ('d')", None).await;
    pool.data("SELECT CAST('x' AS SIGNED)", None).await;
    for name in &of_connections {
        for spelled in [format!("@@{name}"), format!("@@SESSION.{name}"), format!("@@local . `{name}`")] {
            let (status, answer) = pool.ask(&format!("SELECT {spelled}"), None).await;
            assert_eq!(status, 422, "{spelled}: {answer}");
        }
        let shown = pool.data(&format!("SHOW VARIABLES LIKE '{name}'"), None).await;
        assert_eq!(shown, json!([]), "{name}");
    }
    for sql in ["SHOW WARNINGS", "SHOW /*!WARNINGS*/", "SHOW COUNT(*) WARNINGS", "SHOW ERRORS", "SHOW STATUS"] {
        for session in [None, Some("s")] {
            let (status, answer) = pool.ask(sql, session).await;
            assert_eq!(status, 422, "{sql}: {answer}");
        }
    }
    // A session has its own.
    pool.data("INSERT INTO users (name) VALUES ('e')", Some("one")).await;
    let asked = "SELECT LAST_INSERT_ID(), @@identity, @@session.last_insert_id";
    assert_eq!(pool.data(asked, Some("one")).await, json!([[5, 5, 5]]));
    assert_eq!(pool.data(asked, Some("two")).await, json!([[0, 0, 0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_statement_left_is_not_told_on_mariadb() {
    what_the_last_statement_left_is_not_told(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_statement_left_is_not_told_on_mysql() {
    what_the_last_statement_left_is_not_told(Flavor::MySql).await;
}

/// Functions and triggers of an adopted database may set variables and make temporary tables.
#[tokio::test(flavor = "multi_thread")]
async fn what_stored_code_left_is_not_seen_by_the_next_client() {
    let prepared = [
        "CREATE TABLE noted (id INT PRIMARY KEY)",
        "CREATE FUNCTION leave_variable() RETURNS INT BEGIN SET @left = 7; RETURN 1; END",
        "CREATE FUNCTION leave_table() RETURNS INT BEGIN CREATE TEMPORARY TABLE users (id INT); RETURN 1; END",
        "CREATE FUNCTION found() RETURNS INT RETURN @left",
        "CREATE TRIGGER leaves AFTER INSERT ON noted FOR EACH ROW SET @left = NEW.id",
        "CREATE VIEW calling AS SELECT leave_variable() AS a",
    ];
    let Some(pool) = Pool::start(Flavor::MariaDb, &prepared).await else { return };
    for leaving in [
        "SELECT leave_variable()",
        "SELECT `Leave_Variable` () FROM users LIMIT 1",
        "SELECT shop.leave_variable()",
        "INSERT INTO noted VALUES (1)",
        "INSERT INTO noted SELECT 2",
        "SELECT * FROM calling",
        "SHOW TABLES WHERE leave_variable() = 2",
        "CREATE TABLE made AS SELECT leave_variable() AS a",
        "UPDATE users SET name = 'x' WHERE id = leave_variable()",
    ] {
        for session in [None, Some("s")] {
            if session.is_none() || leaving.starts_with("S") {
                pool.data(leaving, session).await;
            }
            assert_eq!(pool.data("SELECT found()", None).await, json!([[null]]), "{leaving}");
        }
    }
    pool.data("SELECT leave_table()", None).await;
    assert_eq!(pool.data("SELECT COUNT(*) FROM users", None).await, json!([[3]]));
}
