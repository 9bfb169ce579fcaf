//! Statements that any client may send, with comments in them: answered as the bare server does, or refused.

use sqlx::mysql::MySqlConnection;

use super::Counts;
use super::bench::{Bench, USERS};
use super::canaries::Place;
use super::random;
use super::state;
use crate::kit::servers::run;

/// A database beside ours with the same rows, to be asked past the router.
const BARE: &str = "bare";

pub struct Differential {
    pub counts: Counts,
    /// Statements, and how they were answered otherwise.
    pub different: Vec<(String, String)>,
}

/// The number that the servers compare the versions in comments with.
pub async fn version(bench: &Bench) -> u32 {
    let mut root = bench.servers[0].connect().await;
    let version = state::rows(&mut root, "SELECT VERSION()").await.unwrap()[0][0].clone();
    let digits: Vec<u32> =
        version.split(|char: char| !char.is_ascii_digit()).take(3).map(|part| part.parse().unwrap()).collect();
    digits[0] * 10_000 + digits[1] * 100 + digits[2]
}

/// Random honest statements, in both ways.
pub async fn compare_random(bench: &Bench, seed: u64, count: u64, version: u32) -> Differential {
    let mut bare = bare(bench).await;
    let mut differential = Differential { counts: Counts::default(), different: Vec::new() };
    let first = 5_000_000;
    for seed in seed..seed + count {
        let number = first + usize::try_from(seed % 1_000_000).unwrap();
        let text = random::honest(seed, number, version);
        if let Some(how) = compare(bench, &mut bare, &text.to_string(), &mut differential.counts).await {
            let (least, how) = shortened(bench, &mut bare, text, how).await;
            differential.different.push((least, how));
        }
    }
    let rows = format!("SELECT id, t FROM honest WHERE id >= {first} ORDER BY id");
    let expected = state::rows(&mut bare, &rows).await.unwrap();
    let got = bench.ask(&rows, None).await;
    if cells(&got.body) != expected {
        let how = format!("the rows that were written: expected {expected:?}, got {}", got.body);
        differential.different.push((rows, how));
    }
    differential
}

/// Statements in one session, in both ways, and with each refusal that does not say what it refuses.
pub async fn compare_listed(bench: &Bench, statements: &[String]) -> Differential {
    let mut bare = bare(bench).await;
    let mut differential = Differential { counts: Counts::default(), different: Vec::new() };
    for sql in statements {
        let how = compare_in(bench, Some("dump"), &mut bare, sql, &mut differential.counts).await;
        differential.different.extend(how.map(|how| (sql.clone(), how)));
    }
    differential
}

/// A dump of a database that has what dumps write in comments, as statements.
pub async fn dumped(bench: &Bench) -> Vec<String> {
    let mut root = bench.servers[0].connect().await;
    for sql in [
        "CREATE DATABASE source CHARACTER SET utf8mb4",
        "CREATE TABLE source.dumped (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT, d DECIMAL(10,2) NOT NULL DEFAULT 1.50, \
         at TIMESTAMP NULL, kind ENUM('a', 'it''s') DEFAULT 'a', g INT AS (id + 1) VIRTUAL, UNIQUE KEY (d, id)) COMMENT='*/'",
        "INSERT INTO source.dumped (t, d) VALUES ('/*! a */', 1), ('*/ -- #', 2), ('it''s \\\\ \\n ; \"', 3), (NULL, 4)",
        "CREATE TABLE source.dumped_parts (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 2",
        "INSERT INTO source.dumped_parts VALUES (1, 1), (2, 2)",
        "CREATE VIEW source.dumped_view AS SELECT id, t FROM source.dumped",
    ] {
        run(&mut root, sql).await;
    }
    let output = std::process::Command::new("mariadb-dump")
        .args(["--no-defaults", "--host=127.0.0.1", "--user=gate", "source"])
        .arg(format!("--port={}", bench.servers[0].address().port()))
        .arg(format!("--password={}", bench.canaries.word(Place::Password)))
        .output();
    let Ok(output) = output else {
        println!("skipped: no mariadb-dump");
        return Vec::new();
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let code: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let statements = code.join("\n");
    let statements = statements.split(";\n").map(|statement| statement.trim().to_owned());
    statements.filter(|statement| !statement.is_empty()).collect()
}

/// Whether a refusal has a word of the statement, or says that it is about a comment.
fn is_named(refusal: &str, sql: &str) -> bool {
    let answer: serde_json::Value = serde_json::from_str(refusal).unwrap_or_default();
    let message = answer["error"]["message"].as_str().unwrap_or_default().to_lowercase();
    let sql = sql.to_lowercase();
    let common = ["this", "that", "with", "from", "statement", "allowed", "query"];
    let mut words = message.split(|char: char| !char.is_alphanumeric() && char != '_');
    message.contains("comment") || words.any(|word| word.len() > 2 && !common.contains(&word) && sql.contains(word))
}

async fn bare(bench: &Bench) -> MySqlConnection {
    let server = &bench.servers[0];
    let mut root = server.connect().await;
    for sql in [
        "CREATE DATABASE IF NOT EXISTS bare CHARACTER SET utf8mb4",
        "CREATE TABLE IF NOT EXISTS bare.users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL)",
        "CREATE TABLE IF NOT EXISTS bare.honest (id INT PRIMARY KEY, t VARCHAR(255))",
    ] {
        run(&mut root, sql).await;
    }
    let users: Vec<String> = (1..=USERS).map(|id| format!("({id}, 'user {id}')")).collect();
    run(&mut root, &format!("REPLACE INTO bare.users VALUES {}", users.join(", "))).await;
    keyspace::mysql::connect(&server.admin_endpoint(BARE)).await.unwrap()
}

/// How the router's answer differs from the server's; `None` if it is the same or a refusal.
async fn compare(bench: &Bench, bare: &mut MySqlConnection, sql: &str, counts: &mut Counts) -> Option<String> {
    compare_in(bench, None, bare, sql, counts).await
}

async fn compare_in(
    bench: &Bench,
    session: Option<&str>,
    bare: &mut MySqlConnection,
    sql: &str,
    counts: &mut Counts,
) -> Option<String> {
    let got = bench.ask(sql, session).await;
    counts.tried += 1;
    // Random statements are refused for all kinds of nonsense; those in good faith with what is to be changed.
    if session.is_some() && got.is_refusal() && !is_named(&got.body, sql) {
        return Some(format!("the refusal names nothing: {}", got.body));
    }
    if got.is_refusal() {
        // The bare server runs it all the same, or its rows would lack what is refused: so both go without.
        counts.refused += 1;
        return None;
    }
    let expected = state::rows(bare, sql).await;
    match (expected, got.is_ok()) {
        (Ok(expected), true) => {
            counts.answered += 1;
            let rows = cells(&got.body);
            (rows != expected).then(|| format!("expected {expected:?}, got {}", got.body))
        }
        (Err(_), false) => {
            counts.failed += 1;
            None
        }
        (Ok(expected), false) => Some(format!("expected {expected:?}, got {}", got.body)),
        (Err(error), true) => Some(format!("expected {error}, got {}", got.body)),
    }
}

/// The rows of an answer as the server's text.
fn cells(body: &str) -> Vec<Vec<String>> {
    let answer: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let cell = |cell: &serde_json::Value| match cell {
        serde_json::Value::Null => "NULL".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    rows.iter().map(|row| row.as_array().map_or(Vec::new(), |cells| cells.iter().map(cell).collect())).collect()
}

/// The least edits of a SELECT that still differ; writes are told as they are.
async fn shortened(
    bench: &Bench,
    bare: &mut MySqlConnection,
    mut text: random::Text,
    mut how: String,
) -> (String, String) {
    if text.to_string().to_uppercase().contains("HONEST") {
        return (text.to_string(), how);
    }
    'smaller: loop {
        for smaller in text.smaller() {
            if let Some(difference) = compare(bench, bare, &smaller.to_string(), &mut Counts::default()).await {
                (text, how) = (smaller, difference);
                continue 'smaller;
            }
        }
        return (text.to_string(), how);
    }
}
