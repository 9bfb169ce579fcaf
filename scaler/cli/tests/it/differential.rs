//! Every statement of `tests/differential` over several shards, against one plain server with the same rows.
//!
//! An answer is either the server's (rows, order where the statement has one, names, types, errors) or a refusal that
//! `refused.txt` lists; `UPDATE_DOCS=1` writes that list anew.

pub mod cluster;
mod generator;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream;

use self::cluster::{Answer, Cluster, Outcome, compare};
use crate::docs::check_kept;
use crate::kit::servers::Flavor;

/// What each class came to.
#[derive(Default)]
pub struct Counts {
    pub equal: usize,
    pub failed_alike: usize,
    pub refused: usize,
}

struct Statement {
    class: String,
    sql: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

/// The statements of every class that a flavor understands.
fn statements(flavor: Flavor) -> Vec<Statement> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let mut statements = Vec::new();
    for file in files {
        let class = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let other = if flavor == Flavor::MariaDb { "mysql_only" } else { "mariadb_only" };
        if ["schema", "rows", other].contains(&class.as_str()) {
            continue;
        }
        statements.extend(cluster::lines(&file).into_iter().map(|sql| Statement { class: class.clone(), sql }));
    }
    statements
}

/// Runs everything on both and returns what differs, what is refused, and the counts by class.
async fn run_all(
    plain: &Cluster,
    sharded: &Cluster,
    statements: &[Statement],
) -> (Vec<String>, Vec<String>, BTreeMap<String, Counts>) {
    let outcomes: Vec<Outcome> =
        stream::iter(statements).map(|statement| compare(plain, sharded, &statement.sql)).buffered(4).collect().await;
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let (mut different, mut refused) = (Vec::new(), Vec::new());
    for (statement, outcome) in statements.iter().zip(outcomes) {
        let counts = counts.entry(statement.class.clone()).or_default();
        match outcome {
            Outcome::Equal => counts.equal += 1,
            Outcome::FailedAlike => counts.failed_alike += 1,
            Outcome::Refused(message) => {
                counts.refused += 1;
                refused.push(format!("{}\n    {message}", statement.sql));
            }
            Outcome::Different(how) => different.push(format!("{}\n{how}", statement.sql)),
        }
    }
    (different, refused, counts)
}

pub fn table(counts: &BTreeMap<String, Counts>) -> String {
    let mut table = format!("{:<14} {:>6} {:>13} {:>8}\n", "class", "equal", "failed alike", "refused");
    let mut total = Counts::default();
    for (class, counts) in counts {
        writeln!(table, "{class:<14} {:>6} {:>13} {:>8}", counts.equal, counts.failed_alike, counts.refused).unwrap();
        total.equal += counts.equal;
        total.failed_alike += counts.failed_alike;
        total.refused += counts.refused;
    }
    writeln!(table, "{:<14} {:>6} {:>13} {:>8}", "all", total.equal, total.failed_alike, total.refused).unwrap();
    table
}

async fn every_statement(flavor: Flavor, shard_counts: &[usize], refusals: &str) {
    let statements = statements(flavor);
    let Some(plain) = Cluster::start(flavor, 1).await else { return };
    for &shards in shard_counts {
        let Some(sharded) = Cluster::start(flavor, shards).await else { return };
        let (different, refused, counts) = run_all(&plain, &sharded, &statements).await;
        println!("{flavor:?}, {shards} shards\n{}", table(&counts));
        assert!(different.is_empty(), "{} differ over {shards} shards:\n{}", different.len(), different.join("\n\n"));
        check_kept(&folder().join(refusals), &(refused.join("\n") + "\n"));
        if let (Flavor::MariaDb, 3) = (flavor, shards) {
            let routes = stream::iter(&statements).map(|statement| sharded.route(&statement.sql)).buffered(4);
            let routes = routes.collect::<Vec<String>>().await;
            check_kept(&folder().join("routes.txt"), &(routes.join("\n") + "\n"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_answered_as_by_one_mariadb_or_refused() {
    every_statement(Flavor::MariaDb, &[2, 3, 7], "refused_mariadb.txt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_answered_as_by_one_mysql_or_refused() {
    every_statement(Flavor::MySql, &[3], "refused_mysql.txt").await;
}

/// Slots go back and forth between two shards all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_answered_alike_while_rows_move() {
    let statements = statements(Flavor::MariaDb);
    let Some(plain) = Cluster::start(Flavor::MariaDb, 1).await else { return };
    let Some(sharded) = Cluster::start(Flavor::MariaDb, 2).await else { return };
    let stop = AtomicBool::new(false);
    let ended = AtomicUsize::new(0);
    let moves = sharded.move_back_and_forth(&stop, &ended);
    let reads = async {
        loop {
            let outcome = run_all(&plain, &sharded, &statements).await;
            if !outcome.0.is_empty() || ended.load(Ordering::Relaxed) >= 4 {
                stop.store(true, Ordering::Relaxed);
                return outcome;
            }
        }
    };
    let ((different, _, counts), ()) = tokio::join!(reads, moves);
    let moves = ended.into_inner();
    println!("while {moves} moves ran\n{}", table(&counts));
    assert!(different.is_empty(), "{} differ while rows move:\n{}", different.len(), different.join("\n\n"));
}

/// Random statements, `FUZZ_STATEMENTS` of them from `FUZZ_SEED` on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_statements_are_answered_as_by_one_server_or_refused() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |value| value.parse().unwrap());
    let (count, seed) = (number("FUZZ_STATEMENTS", 1500), number("FUZZ_SEED", 1));
    let flavor = if std::env::var_os("FUZZ_MYSQL").is_some() { Flavor::MySql } else { Flavor::MariaDb };
    let Some(plain) = Cluster::start(flavor, 1).await else { return };
    let Some(sharded) = Cluster::start(flavor, 3).await else { return };
    let mut counts = Counts::default();
    let mut different = Vec::new();
    let outcomes = stream::iter(seed..seed + count)
        .map(|seed| {
            let query = generator::query(seed);
            let (plain, sharded) = (&plain, &sharded);
            async move { (seed, compare(plain, sharded, &query.to_string()).await, query) }
        })
        .buffer_unordered(4);
    tokio::pin!(outcomes);
    while let Some((seed, outcome, query)) = outcomes.next().await {
        match outcome {
            Outcome::Equal => counts.equal += 1,
            Outcome::FailedAlike => counts.failed_alike += 1,
            Outcome::Refused(_) => counts.refused += 1,
            Outcome::Different(_) => {
                let (least, how) = minimised(&plain, &sharded, query).await;
                different.push(format!("seed {seed}: {least}\n{how}"));
                if different.len() >= 10 {
                    break;
                }
            }
        }
    }
    println!("{}", table(&[("random".to_owned(), counts)].into()));
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n\n"));
}

/// The smallest part of a query that still differs, and how.
async fn minimised(plain: &Cluster, sharded: &Cluster, mut query: generator::Query) -> (String, String) {
    let mut how = String::new();
    'smaller: loop {
        for smaller in query.smaller() {
            if let Outcome::Different(difference) = compare(plain, sharded, &smaller.to_string()).await {
                (query, how) = (smaller, difference);
                continue 'smaller;
            }
        }
        return (query.to_string(), how);
    }
}

impl Answer {
    /// Rows in order if the statement orders them, else sorted.
    fn comparable(&self, is_ordered: bool, depends_on_additions: bool) -> Vec<String> {
        let mut rows: Vec<String> = self.rows.iter().map(|row| shown(row, depends_on_additions)).collect();
        if !is_ordered {
            rows.sort();
        }
        rows
    }
}

/// A row as text. The last digits of a deviation or variance depend on the order of additions, also on one server.
fn shown(row: &serde_json::Value, depends_on_additions: bool) -> String {
    let Some(cells) = row.as_array().filter(|_| depends_on_additions) else { return row.to_string() };
    let cell = |cell: &serde_json::Value| match cell.as_f64() {
        Some(number) => format!("{number:.10e}"),
        None => cell.to_string(),
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",")
}
