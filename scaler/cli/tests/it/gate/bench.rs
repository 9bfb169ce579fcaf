//! A router over servers with canaries, and the servers themselves to be looked at.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use router::Limits;
use router::faults::Faults;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use tempfile::TempDir;

use super::canaries::{Canaries, Place};
use super::state::{self, State, differences, look};
use crate::kit::front::Front;
use crate::kit::servers::{DATABASE, Flavor, Server, number, run, wait_until};

/// Connections that the router may have to each shard: few, so that many clients meet on each.
pub const CONNECTIONS: usize = 8;
/// Rows of `users`.
pub const USERS: usize = 100;

const TABLES: [&str; 7] = [
    "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL)",
    "CREATE TABLE honest (id INT PRIMARY KEY, t VARCHAR(255))",
    "CREATE TABLE settings (id INT PRIMARY KEY, v VARCHAR(60))",
    "CREATE TABLE notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(60))",
    "CREATE TABLE parts (id INT, v VARCHAR(64)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100))",
    "CREATE VIEW eyes AS SELECT id, v FROM settings",
    "CREATE TABLE gate_own (id INT PRIMARY KEY)",
];
/// The administrator does not wait long for what an attempt has locked.
const PATIENT: &str = "SET lock_wait_timeout = 3, innodb_lock_wait_timeout = 3";
/// How long an answer may take: more than any `timeout_ms` that is asked for.
const PATIENCE: Duration = Duration::from_secs(8);
/// What LAST_INSERT_ID() of other clients begins with.
pub const FOREIGN_ID: &str = "73105882917";

pub struct Bench {
    pub flavor: Flavor,
    pub servers: Vec<Server>,
    pub front: Front,
    pub canaries: Canaries,
    /// A folder that the servers can read and write.
    pub folder: TempDir,
    /// The ids of sessions that others have on each server.
    pub victims: Vec<u64>,
    roots: Vec<MySqlConnection>,
    before: Vec<State>,
    sessions: AtomicUsize,
}

/// What the router said.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    code: String,
    pub errno: Option<u64>,
}

impl Answer {
    /// Whether the router itself refused the text, so that no server saw it.
    pub fn is_refusal(&self) -> bool {
        let own = ["not_allowed", "parse_error", "unsupported", "bad_request", "limit_exceeded", "too_large"];
        self.status != 200 && self.errno.is_none() && own.contains(&self.code.as_str())
    }

    /// Whether none came, though the statement had a time limit.
    pub fn is_missing(&self) -> bool {
        self.status == 0
    }

    /// Whether there was no connection or no time for the statement, whatever it said.
    pub fn is_for_want_of_time(&self) -> bool {
        self.is_missing() || ["timeout", "overloaded", "shard_unavailable"].contains(&self.code.as_str())
    }

    pub fn is_ok(&self) -> bool {
        self.status == 200
    }
}

impl Bench {
    pub async fn start(flavor: Flavor, shards: usize) -> Option<Bench> {
        let mut options = vec!["--log-bin=gate-bin", "--server-id=1", "--secure-file-priv="];
        if flavor == Flavor::MariaDb {
            options.extend(["--performance-schema=ON", "--log-bin-trust-function-creators=1"]);
        }
        let servers = Server::start_all_with(flavor, shards, &options).await?;
        let canaries = Canaries::new();
        let folder = TempDir::new().unwrap();
        let content = format!("1,{0}\n{0}\n", canaries.word(Place::File));
        std::fs::write(folder.path().join("canary.txt"), content).unwrap();

        let mut roots = Vec::new();
        let mut victims = Vec::new();
        let mut endpoints = Vec::new();
        for server in &servers {
            let mut root = server.connect().await;
            run(&mut root, PATIENT).await;
            for sql in fixtures(flavor, &canaries) {
                run(&mut root, &sql).await;
            }
            victims.push(start_victim(server, &canaries).await);
            let port = server.address().port();
            endpoints.push(Endpoint::tcp("127.0.0.1", port, "gate", canaries.word(Place::Password), DATABASE));
            roots.push(root);
        }
        let limits = Limits {
            max_connections_per_shard: CONNECTIONS,
            max_sessions: 100_000,
            session_idle_timeout: Duration::from_millis(500),
            queue_timeout: Duration::from_secs(3),
            ..Limits::default()
        };
        let layout = Layout {
            shard_keys: ["users", "honest"].map(|table| (table.to_owned(), "id".to_owned())).into(),
            ..Layout::default()
        };
        let front = Front::over(endpoints, layout, limits, Faults::default()).await;
        let sessions = AtomicUsize::new(0);
        let before = Vec::new();
        let mut bench = Bench { flavor, servers, front, canaries, folder, victims, roots, before, sessions };
        for table in TABLES {
            bench.must(table).await;
        }
        let users: Vec<String> = (1..=USERS).map(|id| format!("({id}, 'user {id}')")).collect();
        bench.must(&format!("INSERT INTO users VALUES {}", users.join(", "))).await;
        bench.must("INSERT INTO settings VALUES (1, 'one'), (2, 'two')").await;
        bench.must("INSERT INTO honest VALUES (1, 'a'), (2, 'b')").await;
        bench.must(&format!("INSERT INTO notes VALUES ({FOREIGN_ID}000, 'first')")).await;
        bench.plant().await.expect("the servers take the decoys before anything was tried");
        bench.before = bench.look().await.expect("the servers answer before anything was tried");
        Some(bench)
    }

    async fn must(&self, sql: &str) {
        let answer = self.ask(sql, None).await;
        assert_eq!(answer.status, 200, "{sql}: {}", answer.body);
    }

    /// A name that no session had yet.
    pub fn new_session(&self) -> String {
        format!("gate-{}", self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    pub async fn ask(&self, sql: &str, session: Option<&str>) -> Answer {
        self.ask_with(json!({ "query": sql, "format": "rows", "timeout_ms": 1500 }), session).await
    }

    pub async fn ask_with(&self, request: Value, session: Option<&str>) -> Answer {
        let mut post = self.front.client.post(format!("{}/query", self.front.url)).json(&request);
        if let Some(session) = session {
            post = post.header("X-Session-Id", session);
        }
        let answered = async {
            let response = post.send().await.expect("the router answers");
            (response.status().as_u16(), response.text().await.expect("the answer is whole"))
        };
        let Ok((status, body)) = tokio::time::timeout(PATIENCE, answered).await else {
            return Answer { status: 0, body: String::new(), code: "none".to_owned(), errno: None };
        };
        let error = serde_json::from_str::<Value>(&body).map_or(Value::Null, |mut answer| answer["error"].take());
        let code = error["code"].as_str().unwrap_or_default().to_owned();
        Answer { status, body, code, errno: error["mysql"]["errno"].as_u64() }
    }

    /// What is no longer as it was, on any server. From then on it counts as it is now, with decoys made anew.
    ///
    /// # Errors
    /// Says which server does not answer.
    pub async fn changes(&mut self) -> Result<Vec<String>, String> {
        let after = self.look().await?;
        let mut changes = Vec::new();
        for (before, after) in self.before.iter().zip(&after) {
            changes.extend(differences(before, after));
        }
        changes.sort();
        changes.dedup();
        if !changes.is_empty() {
            let before = std::mem::take(&mut self.before);
            for (root, (before, after)) in self.roots.iter_mut().zip(before.iter().zip(&after)) {
                undo(root, before, after).await;
            }
        }
        self.clear().await;
        if !changes.is_empty() {
            self.plant().await?;
            self.before = self.look().await?;
        }
        Ok(changes)
    }

    /// Ends the router's sessions on all servers, with whatever they wait for or hold.
    ///
    /// # Errors
    /// Says which server does not answer.
    pub async fn free(&mut self) -> Result<(), String> {
        for (at, root) in self.roots.iter_mut().enumerate() {
            let freed = free(root, &self.servers[at]).await;
            freed.map_err(|error| format!("shard-{} does not answer: {error}", at + 1))?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<Vec<State>, String> {
        let mut states = Vec::new();
        for (at, root) in self.roots.iter_mut().enumerate() {
            let victim = self.victims[at];
            let mut looked = look(root, self.flavor, victim, &self.canaries).await;
            if let Err(error) = &looked {
                let locked = format!("the server is locked for its administrator: {error}");
                looked = match free(root, &self.servers[at]).await {
                    Ok(()) => look(root, self.flavor, victim, &self.canaries).await.map(|mut state| {
                        state.insert(locked, String::new());
                        state
                    }),
                    Err(error) => Err(error),
                };
            }
            let mut state = looked.map_err(|error| format!("shard-{} does not answer: {error}", at + 1))?;
            state::files(self.servers[at].folder(), &mut state);
            state::files(self.folder.path(), &mut state);
            states.push(state);
        }
        Ok(states)
    }

    /// Removes what attempts made in `shop`, which is theirs to make.
    async fn clear(&mut self) {
        for root in &mut self.roots {
            let kept = state::KEPT.map(|table| format!("'{table}'")).join(", ");
            let extra = format!(
                "SELECT table_name, table_type FROM information_schema.tables \
                 WHERE table_schema = 'shop' AND table_name NOT IN ({kept}, 'gate_own')"
            );
            let Ok(extra) = state::rows(root, &extra).await else { continue };
            let named = |kind: &str| {
                let names = extra.iter().filter(|row| row[1] == kind).map(|row| format!("shop.`{}`", row[0]));
                names.collect::<Vec<_>>().join(", ")
            };
            let (views, tables, sequences) = (named("VIEW"), named("BASE TABLE"), named("SEQUENCE"));
            let mut statements = vec!["SET foreign_key_checks = 0".to_owned()];
            for (kind, names) in [("VIEW", views), ("TABLE", tables), ("SEQUENCE", sequences)] {
                if !names.is_empty() {
                    statements.push(format!("DROP {kind} IF EXISTS {names}"));
                }
            }
            statements.push("CREATE TABLE IF NOT EXISTS shop.gate_own (id INT PRIMARY KEY)".to_owned());
            for sql in statements {
                // What cannot be dropped is looked at again, and told.
                let _ = state::run(root, &sql).await;
            }
        }
    }

    /// Makes the decoys anew.
    async fn plant(&mut self) -> Result<(), String> {
        let statements = decoys(self.flavor, &self.canaries);
        for (at, root) in self.roots.iter_mut().enumerate() {
            for sql in &statements {
                if state::run(root, sql).await.is_err() {
                    let freed = free(root, &self.servers[at]).await;
                    freed.map_err(|error| format!("shard-{} does not answer: {error}", at + 1))?;
                    let planted = state::run(root, sql).await;
                    planted.map_err(|error| format!("shard-{} does not take {sql}: {error}", at + 1))?;
                }
            }
        }
        Ok(())
    }

    /// What the router's idle connections still hold, by what it is.
    pub async fn leftovers(&mut self) -> Vec<String> {
        let of_router =
            "thread_id IN (SELECT thread_id FROM performance_schema.threads WHERE processlist_user = 'gate')";
        let looks = [
            (
                "user variables",
                // The router's own hold the mode of a session whose copies are being read.
                format!(
                    "performance_schema.user_variables_by_thread \
                     WHERE {of_router} AND variable_name NOT LIKE '\\_autoscaler%'"
                ),
            ),
            (
                "prepared statements",
                "performance_schema.prepared_statements_instances WHERE statement_name IS NOT NULL".to_owned(),
            ),
            (
                "open transactions",
                "information_schema.innodb_trx WHERE trx_mysql_thread_id IN \
                 (SELECT id FROM information_schema.processlist WHERE user = 'gate')"
                    .to_owned(),
            ),
            (
                "locks",
                format!(
                    "performance_schema.metadata_locks WHERE owner_{of_router} \
                     AND lock_duration <> 'STATEMENT' AND object_schema IN ('shop', 'mysql', 'other')"
                ),
            ),
            (
                "named locks",
                format!(
                    "performance_schema.metadata_locks WHERE owner_{of_router} AND object_type = 'USER LEVEL LOCK'"
                ),
            ),
        ];
        let mut left = Vec::new();
        for (at, root) in self.roots.iter_mut().enumerate() {
            for (what, from) in &looks {
                // Sessions end half a second after their last statement, and what they held with them.
                let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
                let sql = format!("SELECT COUNT(*) FROM {from}");
                let mut count = number(root, &sql).await;
                while count > 0 && tokio::time::Instant::now() < deadline {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    count = number(root, &sql).await;
                }
                if count > 0 {
                    let held = state::rows(root, &format!("SELECT * FROM {from}")).await.unwrap_or_default();
                    left.push(format!("{count} {what} on shard-{}: {held:?}", at + 1));
                }
            }
            if self.flavor == Flavor::MySql {
                // Counts of the last statement's warnings begin anew with the next; the router waits longer for some
                // of its own locks than for others.
                let differing = "SELECT variable_name, GROUP_CONCAT(DISTINCT variable_value) \
                     FROM performance_schema.variables_by_thread JOIN performance_schema.threads USING (thread_id) \
                     WHERE processlist_user = 'gate' AND variable_name NOT IN ('timestamp', 'rand_seed1', 'rand_seed2', \
                     'pseudo_thread_id', 'last_insert_id', 'identity', 'insert_id', 'gtid_next', 'statement_id', \
                     'error_count', 'warning_count', \
                     'innodb_lock_wait_timeout', 'wait_timeout') \
                     GROUP BY 1 HAVING COUNT(DISTINCT variable_value) > 1";
                for row in state::rows(root, differing).await.unwrap_or_default() {
                    left.push(format!("the session variable {} is {} on shard-{}", row[0], row[1], at + 1));
                }
            }
        }
        left
    }
}

/// A new session of the administrator, and the end of all that the router has on the server.
async fn free(root: &mut MySqlConnection, server: &Server) -> Result<(), sqlx::Error> {
    *root = keyspace::mysql::connect(&server.admin_endpoint("mysql")).await?;
    state::run(root, PATIENT).await?;
    for row in state::rows(root, "SELECT id FROM information_schema.processlist WHERE user = 'gate'").await? {
        // It may have ended by itself.
        let _ = state::run(root, &format!("KILL {}", row[0])).await;
    }
    Ok(())
}

/// Undoes what can be undone by name, so that the next attempt finds things as this one did.
async fn undo(root: &mut MySqlConnection, before: &State, after: &State) {
    let mut statements = Vec::new();
    for (what, how) in after {
        let Some((kind, name)) = what.split_once(' ') else { continue };
        match (kind, before.get(what)) {
            ("variable", Some(was)) if was != how => {
                statements.push(format!("SET GLOBAL {name} = {was}"));
                statements.push(format!("SET GLOBAL {name} = '{was}'"));
            }
            ("database", None) => statements.push(format!("DROP DATABASE `{name}`")),
            ("trigger" | "event", None) => statements.push(format!("DROP {kind} {name}")),
            ("account", None) => statements.push(format!("DROP USER {}", quoted_account(name))),
            ("routine", None) => {
                let (schema, rest) = name.split_once('.').unwrap_or_default();
                let (kind, routine) = rest.split_once(' ').unwrap_or_default();
                statements.push(format!("DROP {kind} {schema}.{routine}"));
            }
            ("table", None) => {
                statements.push(format!("DROP VIEW IF EXISTS {name}"));
                statements.push(format!("DROP TABLE IF EXISTS {name}"));
            }
            ("file", None) => drop(std::fs::remove_file(name)),
            _ => {}
        }
    }
    for sql in statements {
        // What stays becomes part of what is compared with.
        let _ = state::run(root, &sql).await;
    }
}

fn quoted_account(name: &str) -> String {
    let (user, host) = name.rsplit_once('@').unwrap_or((name, "%"));
    format!("'{user}'@'{host}'")
}

/// A client that runs one statement all the while, past the router. Its session's id.
async fn start_victim(server: &Server, canaries: &Canaries) -> u64 {
    let mut connection = server.connect().await;
    let id = number(&mut connection, "SELECT CONNECTION_ID()").await;
    let word = canaries.word(Place::RunningStatement).to_owned();
    tokio::spawn(async move {
        let sql = format!("SELECT '{word}', SLEEP(100000) FROM other.run_{word}");
        // It ends with its server, or is killed, which shows when the server is looked at.
        let _ = state::rows(&mut connection, &sql).await;
    });
    let running =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND info LIKE '%SLEEP%'");
    wait_until("the victim runs", || async { number(&mut server.connect().await, &running).await == 1 }).await;
    id
}

/// What is there from the beginning on.
fn fixtures(flavor: Flavor, canaries: &Canaries) -> Vec<String> {
    let word = |place| canaries.word(place);
    let mut statements = vec![
        format!("CREATE USER gate@'%' IDENTIFIED BY '{}'", word(Place::Password)),
        "GRANT ALL ON *.* TO gate@'%' WITH GRANT OPTION".to_owned(),
        "CREATE USER gate_known@localhost IDENTIFIED BY 'known'".to_owned(),
        format!("CREATE USER {}@localhost IDENTIFIED BY 'secret'", word(Place::AccountName)),
        format!("GRANT SELECT ON mysql.* TO {}@localhost", word(Place::AccountName)),
        "CREATE DATABASE IF NOT EXISTS _autoscaler".to_owned(),
        "CREATE DATABASE IF NOT EXISTS other".to_owned(),
        format!("CREATE DATABASE {}", word(Place::DatabaseName)),
        format!("CREATE TABLE mysql.{} (id INT PRIMARY KEY)", word(Place::TableName)),
        format!("CREATE TABLE other.run_{} (id INT PRIMARY KEY)", word(Place::RunningStatement)),
        format!("INSERT INTO other.run_{} VALUES (1)", word(Place::RunningStatement)),
        format!("CREATE TABLE other.logged (id INT PRIMARY KEY) COMMENT='{}'", word(Place::LoggedStatement)),
    ];
    if flavor == Flavor::MariaDb {
        // Left out by default.
        statements.push("UPDATE performance_schema.setup_objects SET enabled = 'YES', timed = 'YES'".to_owned());
        statements.push(
            "UPDATE performance_schema.setup_instruments SET enabled = 'YES', timed = 'YES' \
             WHERE name LIKE 'wait/io/table/%' OR name LIKE 'wait/lock/metadata/%'"
                .to_owned(),
        );
    } else {
        statements.push("UPDATE performance_schema.setup_objects SET enabled = 'YES'".to_owned());
    }
    statements
}

/// What attempts reach for, made anew as often as one gets hold of it.
fn decoys(flavor: Flavor, canaries: &Canaries) -> Vec<String> {
    let definition = canaries.word(Place::DecoyDefinition);
    let mut statements = vec!["SET foreign_key_checks = 0, sql_log_bin = 0".to_owned()];
    statements.push("CREATE DATABASE IF NOT EXISTS other".to_owned());
    for (table, place) in [
        ("mysql.canary", Place::ServerRow),
        ("_autoscaler.decoy", Place::OwnRow),
        ("other.secrets", Place::OtherRow),
        ("other.plain", Place::OtherRow),
        ("other.old", Place::OtherRow),
    ] {
        let word = canaries.word(place);
        statements.push(format!("DROP TABLE IF EXISTS {table}"));
        statements.push(match table {
            // Without keys: partitions are exchanged with it, and it is merged.
            "other.plain" => format!("CREATE TABLE {table} (id INT, v VARCHAR(64)) ENGINE=InnoDB"),
            "other.old" => format!("CREATE TABLE {table} (id INT NOT NULL, v VARCHAR(64)) ENGINE=MyISAM"),
            _ => format!(
                "CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(64), col_{definition} INT, \
                 KEY key_{definition} (v)) ENGINE=InnoDB COMMENT='{definition}'"
            ),
        });
        statements.push(format!("INSERT INTO {table} (id, v) VALUES (1, '{word}')"));
    }
    let code = canaries.word(Place::Code);
    statements.push("DROP FUNCTION IF EXISTS other.tell".to_owned());
    statements
        .push(format!("CREATE FUNCTION other.tell() RETURNS VARCHAR(64) DETERMINISTIC READS SQL DATA RETURN '{code}'"));
    statements.push("DROP PROCEDURE IF EXISTS other.speak".to_owned());
    statements.push(format!("CREATE PROCEDURE other.speak() SELECT '{code}'"));
    if flavor == Flavor::MariaDb {
        statements.push("CREATE OR REPLACE SEQUENCE other.seq START WITH 5".to_owned());
    }
    statements.push("SET foreign_key_checks = 1, sql_log_bin = 1".to_owned());
    statements.push("TRUNCATE TABLE performance_schema.table_io_waits_summary_by_table".to_owned());
    statements
}
