//! `docs/sql-support.md`, made by planning statements of every kind: what it says is what the planner does.
//!
//! `UPDATE_DOCS=1 cargo test` writes it anew.

use std::fmt::Write;
use std::path::Path;

use super::*;

/// What an application may send, by kind. Refusals name the construct and, where there is one, the way around.
const STATEMENTS: &[(&str, &[&str])] = &[
    (
        "Reading",
        &[
            "SELECT * FROM users WHERE user_id = 1",
            "SELECT name FROM users WHERE user_id IN (1, 2, 5)",
            "SELECT name FROM users WHERE user_id IN (1, 3)",
            "SELECT country FROM users WHERE country > 3",
            "SELECT COUNT(*), SUM(country), AVG(country), MIN(country), MAX(country) FROM users",
            "SELECT country, COUNT(*) FROM users GROUP BY country ORDER BY 2 DESC LIMIT 10",
            "SELECT code FROM users ORDER BY code LIMIT 10 OFFSET 20",
            "SELECT name FROM users ORDER BY name",
            "SELECT COUNT(DISTINCT country) FROM users",
            "SELECT DISTINCT country FROM users",
            "SELECT country FROM users GROUP BY country HAVING COUNT(*) > 1",
            "SELECT country, COUNT(*) FROM users GROUP BY country WITH ROLLUP",
            "SELECT SUM(country) / COUNT(*) FROM users",
            "SELECT GROUP_CONCAT(code) FROM users",
            "SELECT country FROM users UNION ALL SELECT customer_id FROM orders",
            "SELECT RANK() OVER (ORDER BY country) FROM users",
            "WITH t AS (SELECT * FROM users) SELECT COUNT(*) FROM t",
            "SELECT NOW(), country FROM users",
            "SELECT LAST_INSERT_ID()",
            "SELECT * FROM users FOR UPDATE",
        ],
    ),
    (
        "Joins and subqueries",
        &[
            "SELECT * FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 1",
            "SELECT * FROM users u JOIN currencies c ON c.currency = u.country WHERE u.user_id = 1",
            "SELECT * FROM users u JOIN orders o ON u.user_id = o.customer_id",
            "SELECT * FROM users u JOIN currencies c ON c.currency = u.country",
            "SELECT * FROM users WHERE user_id IN (SELECT customer_id FROM orders)",
            "SELECT * FROM users WHERE user_id = 1 AND EXISTS (SELECT 1 FROM orders WHERE customer_id = 1)",
            "SELECT * FROM currencies",
            "SELECT * FROM plain",
        ],
    ),
    (
        "Writing",
        &[
            "INSERT INTO users (user_id, country) VALUES (1, 7)",
            "INSERT INTO users (user_id, country) VALUES (1, 7), (2, 8)",
            "INSERT INTO users (user_id, country) VALUES (1, 7), (3, 8)",
            "INSERT INTO users (country) VALUES (7)",
            "INSERT INTO users (user_id, country) VALUES (1, 7) ON DUPLICATE KEY UPDATE country = 8",
            "REPLACE INTO users (user_id, country) VALUES (1, 7)",
            "INSERT INTO users (user_id, country) VALUES (1, 7) ON DUPLICATE KEY UPDATE user_id = 3",
            "INSERT INTO users SELECT * FROM users",
            "INSERT INTO users (user_id) VALUES (UUID())",
            "UPDATE users SET country = 8 WHERE user_id = 1",
            "UPDATE users SET country = 8",
            "UPDATE users SET country = 8 WHERE country = 7 LIMIT 1",
            "UPDATE users SET country = (SELECT COUNT(*) FROM orders WHERE customer_id = user_id)",
            "UPDATE users SET country = (SELECT COUNT(*) FROM orders)",
            "UPDATE users SET user_id = 3 WHERE user_id = 1",
            "UPDATE users SET user_id = user_id + 1",
            "UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.country = 8",
            "UPDATE users u JOIN orders o ON u.country = o.id SET u.country = 8",
            "DELETE FROM users WHERE user_id IN (1, 2)",
            "DELETE FROM users WHERE country = 7",
            "DELETE o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.country = 7",
            "INSERT INTO currencies VALUES (1, 0.5)",
            "INSERT INTO currencies SELECT country, COUNT(*) FROM users GROUP BY country",
            "UPDATE currencies SET rate = RAND()",
            "INSERT INTO plain VALUES (1)",
        ],
    ),
    (
        "Tables",
        &[
            "CREATE TABLE later (k BIGINT PRIMARY KEY)",
            "ALTER TABLE users ADD COLUMN age INT",
            "CREATE INDEX by_country ON users (country)",
            "CREATE UNIQUE INDEX by_name ON users (name)",
            "CREATE TABLE later (k BIGINT, v INT, FOREIGN KEY (v) REFERENCES users (user_id))",
            "CREATE VIEW named AS SELECT user_id, name FROM users",
            "DROP TABLE users",
            "CREATE TABLE copied AS SELECT * FROM users",
            "TRUNCATE TABLE users",
            "RENAME TABLE users TO people",
            "RENAME TABLE plain TO later",
            "CREATE TABLE Plain (v INT)",
            "ALTER TABLE users EXCHANGE PARTITION p WITH TABLE plain",
            "CREATE TABLE t (v INT) ENGINE=FEDERATED CONNECTION='mysql://h/d/t'",
            "CREATE TEMPORARY TABLE t (v INT)",
        ],
    ),
    (
        "Looks at the database and the server",
        &[
            "SHOW FULL TABLES LIKE 'u%'",
            "SHOW FULL COLUMNS FROM users",
            "SHOW INDEX FROM users",
            "SHOW CREATE TABLE users",
            "SHOW TABLE STATUS",
            "SHOW TRIGGERS",
            "SHOW EVENTS",
            "SHOW CREATE DATABASE app",
            "SHOW DATABASES",
            "SHOW FUNCTION STATUS",
            "SHOW CHARACTER SET",
            "SHOW COLLATION LIKE 'utf8%'",
            "SHOW ENGINES",
            "SHOW VARIABLES LIKE 'max_%'",
            "SHOW GLOBAL STATUS",
            "SHOW STATUS",
            "SHOW WARNINGS",
            "SHOW PROCESSLIST",
            "SHOW TABLES FROM other",
            "SHOW TABLES WHERE (SELECT 1)",
            "DESCRIBE users name",
            "EXPLAIN SELECT * FROM users",
            "EXPLAIN FOR CONNECTION 3",
            "SELECT table_name FROM information_schema.tables",
            "SELECT info FROM information_schema.processlist",
            "SELECT @@last_insert_id",
            "SELECT @@warning_count",
            "SELECT /*+ SET_VAR(sql_mode = '') */ 1",
        ],
    ),
    (
        "Sessions (with X-Session-Id they work), accounts and files",
        &[
            "BEGIN",
            "SET autocommit = 0",
            "SET @x = 1",
            "SET GLOBAL max_connections = 9",
            "SET sql_mode = ''",
            "GRANT ALL ON *.* TO somebody",
            "SELECT * FROM mysql.user",
            "SELECT * FROM other.users",
            "SELECT * FROM users INTO OUTFILE '/tmp/x'",
            "LOAD DATA INFILE '/tmp/x' INTO TABLE users",
            "SELECT 1; SELECT 2",
            "CALL something()",
            "XA START 'x'",
        ],
    ),
];

/// How a statement is answered, or why not.
fn answer(topology: &Topology, text: &str) -> String {
    let planned = plan_text(topology, text);
    let is_route = |word: &str| ["single", "home", "reference", "multi", "scatter"].contains(&word);
    match planned.split([' ', ',', ':']).next() {
        Some(route) if is_route(route) && planned.ends_with(" shards") => "on every shard".to_owned(),
        Some(route) if is_route(route) => route.to_owned(),
        Some("gather") => "gather".to_owned(),
        Some("refill") => "read, then inserted".to_owned(),
        _ => {
            let reason = planned.strip_prefix("refused: ").unwrap_or(&planned).replace(" is not supported here", "");
            format!("**refused**: {}", reason.replace('|', "\\|"))
        }
    }
}

fn document() -> String {
    let mut text = String::from(
        "# SQL over several shards\n\n\
         Made by planning each statement (`router/src/plan/tests/support.rs`), and checked to be current. `users` is \
         sharded by\n`user_id` and `orders` by `customer_id`, `currencies` is a reference table and `plain` lies whole on \
         the first shard.\n\n\
         On one shard everything goes there as it is, except what the last two sections refuse. On several:\n\n\
         - `single`: one shard answers, text unchanged; `multi`: some shards, each its own part; `scatter`: every shard,\n  \
         merged exactly; `reference`, `home`: where such tables lie.\n\
         - `gather`: the rows that matter are copied to temporary tables on the home shard, and the statement runs there. \
         Its\n  meaning is the server's own; it costs the copying. `limits.max_held_rows` bounds the rows, and conditions \
         on one\n  table spare those that they exclude.\n\
         - A write for several shards is one transaction ([transactions.md](transactions.md)): all of it happens or \
         nothing.\n  What INSERT … SELECT selects is read first and then inserted where it belongs.\n\
         - **refused**: with 422 `unsupported` or 403 `not_allowed`, and nothing was done. `POST /explain` tells all of\n  \
         this of any statement.\n",
    );
    for (heading, statements) in STATEMENTS {
        write!(text, "\n## {heading}\n\n| statement | one shard | several |\n|---|---|---|\n").unwrap();
        for statement in *statements {
            let (one, several) = (answer(&one_shard(), statement), answer(&two_shards(), statement));
            writeln!(text, "| `{statement}` | {one} | {several} |").unwrap();
        }
    }
    text
}

#[test]
fn the_documentation_says_what_the_planner_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql-support.md");
    let expected = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/sql-support.md is not current: UPDATE_DOCS=1 cargo test -p router --lib support"
    );
}
