//! Scripts of statements: each ends as on one server.

use router::Limits;

use super::{Sharded, TABLES, say};
use crate::kit::servers::{Flavor, Server, run};

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
