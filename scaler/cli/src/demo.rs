//! The scaling test: from one shard to three under load, on real parts, every row compared with an account.

mod account;
mod client;
mod writers;

use std::future::Future;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::demo::account::Question;
use crate::demo::client::{ClusterClient, TopologyView};
use crate::demo::writers::{Change, Ledger, Writers, random_order, random_user};
use crate::output;
use crate::output::tell;

/// Rows per shard above which the scaler adds one.
const THRESHOLD: usize = 100;
/// Everything together, on a slow machine.
const DEADLINE: Duration = Duration::from_secs(240);
const STEP_DEADLINE: Duration = Duration::from_secs(60);
const CONFIG_FILE: &str = "config.json";
const POLL: Duration = Duration::from_millis(50);

/// Scales from one shard to three under load and verifies every row; success only if all of them were right.
pub async fn run(shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<ExitCode> {
    let folder = scratch_folder()?;
    let mut cluster = Cluster::start(&folder).await?;
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(DEADLINE, drive(&mut cluster)) => match outcome {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("not over within {} s", DEADLINE.as_secs())),
        },
        () = shutdown => Err(anyhow::anyhow!("interrupted")),
    };
    if outcome.is_err() {
        cluster.tell_why().await;
    }
    cluster.stop().await;
    let logs = folder.join("up.log");
    match outcome {
        Ok(()) => {
            std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error.context(format!("the demo failed; the cluster's log is {}", logs.display()))),
    }
}

fn scratch_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("sql-autoscaler-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

/// `sql-autoscaler up` as a child, with its own ports and folder.
struct Cluster {
    folder: PathBuf,
    child: Child,
    client: ClusterClient,
    started: Instant,
}

impl Cluster {
    async fn start(folder: &Path) -> anyhow::Result<Cluster> {
        let (router, scaler) = (free_address()?, free_address()?);
        let config = json!({
            "table_shard_keys": { "users": "user_id", "orders": "customer_id" },
            "scaling_thresholds": {
                "cpu_threshold_percent": null, "memory_threshold_percent": null, "connection_threshold": null,
                "qps_threshold": null, "total_entry_threshold_per_shard": THRESHOLD,
            },
            "scaling_strategy": "hot", "monitoring_interval_seconds": 1, "cooldown_seconds": 2, "max_shards": 3,
            "moves": { "cleanup_delay_seconds": 6 },
            "router_listen": router.to_string(), "scaler_listen": scaler.to_string(),
        });
        std::fs::write(folder.join(CONFIG_FILE), config.to_string())?;
        let log = std::fs::File::create(folder.join("up.log"))?;
        let mut command = program(folder, "up")?;
        // An own process group: Ctrl-C reaches the demo, which then stops the cluster in order.
        command.process_group(0).stdin(std::process::Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("starting `sql-autoscaler up`")?;
        let client = ClusterClient::new(router, scaler);
        Ok(Cluster { folder: folder.to_owned(), child, client, started: Instant::now() })
    }

    /// What `check` says of the cluster; an error if it finds anything wrong.
    async fn check(&self) -> anyhow::Result<String> {
        let output = program(&self.folder, "check")?.output().await.context("running `check`")?;
        let shown = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success(), "`check` found:\n{shown}\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(shown)
    }

    /// Prints the scaler's own words about why it is where it is.
    async fn tell_why(&self) {
        if let Ok(explained) = self.client.scaler("/explain").await {
            tell(format_args!("the scaler says: {explained}"));
        }
    }

    async fn stop(&mut self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // Already gone is as good as stopped.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn say(&self, step: &str, text: &str) {
        tell(format_args!("{:>7.2} s  {step:<3} {text}", self.started.elapsed().as_secs_f64()));
    }

    /// Polls until `probe` gives something, with a bound.
    async fn wait<T, F: Future<Output = Option<T>>>(&mut self, what: &str, probe: impl Fn() -> F) -> anyhow::Result<T> {
        let deadline = Instant::now() + STEP_DEADLINE;
        loop {
            if let Some(found) = probe().await {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`sql-autoscaler up` ended with {status} while waiting: {what}");
            }
            ensure!(Instant::now() < deadline, "not within {} s: {what}", STEP_DEADLINE.as_secs());
            tokio::time::sleep(POLL).await;
        }
    }
}

/// This program over the demo's configuration and data.
fn program(folder: &Path, command: &str) -> anyhow::Result<Command> {
    let mut program = Command::new(std::env::current_exe()?);
    program.arg("--config").arg(folder.join(CONFIG_FILE)).arg("--data-dir").arg(folder.join("data")).arg(command);
    Ok(program)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What one addition of a shard took.
struct Addition {
    shard: String,
    crossed_to_serving: Duration,
}

async fn drive(cluster: &mut Cluster) -> anyhow::Result<()> {
    let client = cluster.client.clone();
    cluster.say("1", "starting one shard, Prometheus, its exporter, router and scaler");
    cluster.wait("router and scaler are ready", || async { client.ready().await.ok() }).await?;
    for statement in [
        "CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(64), \
         country CHAR(2) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, balance DECIMAL(12,2))",
        "CREATE TABLE orders (customer_id BIGINT, order_id BIGINT, amount DECIMAL(10,2), created_at DATETIME, \
         PRIMARY KEY (customer_id, order_id))",
    ] {
        client.query(statement, &[]).await?;
    }
    cluster.say("1", "shard-1 serves, tables users and orders are there");

    let ledger = Ledger::new(client.clone());
    let writers = Writers::start(&ledger);
    let mut source = Rows { rng: StdRng::seed_from_u64(7), next_id: 0 };
    let mut additions = Vec::new();
    for number in 2..=3 {
        additions.push(add_shard(cluster, &ledger, &mut source, number).await?);
    }
    cluster.say("8", "waiting until the moved rows are gone from where they were");
    settle(cluster).await?;
    writers.stop().await;
    verdict(cluster, &ledger, &additions).await
}

/// Steps 2 to 7 (and for shard-3 step 8) of the test.
async fn add_shard(
    cluster: &mut Cluster,
    ledger: &Ledger,
    source: &mut Rows,
    number: usize,
) -> anyhow::Result<Addition> {
    let client = cluster.client.clone();
    let shard = format!("shard-{number}");
    // shard-3 comes about the same way: its steps carry the number of the last one.
    let step = |step: &'static str| if number == 2 { step } else { "8" };

    let filled = format!("shard-{}", number - 1);
    cluster.say(step("2"), &format!("inserting rows over HTTP until {filled} has more than {THRESHOLD}"));
    let mut inserted = 0;
    while rows_on(&client, &filled).await? <= THRESHOLD as u64 {
        for _ in 0..10 {
            insert_on(&client, ledger, source, &filled).await?;
            inserted += 1;
        }
    }
    let crossed = Instant::now();
    cluster.say(step("2"), &format!("{inserted} rows inserted; the threshold is passed"));

    let reason = cluster.wait("the scaler decides to add a shard", || scale_out_reason(&client, number - 2)).await?;
    cluster.say(step("3"), &format!("the scaler: {reason}"));
    let topology = cluster.wait("the new shard owns slots", || async {
        let topology = client.topology().await.ok()?;
        owns(&topology, &shard).then_some(topology)
    });
    let topology = topology.await?;
    let crossed_to_serving = crossed.elapsed();
    let slots: Vec<String> = topology.shards.iter().map(|shard| format!("{} {}", shard.id, shard.slot_count)).collect();
    cluster.say(
        step("4"),
        &format!(
            "{shard} serves, {:.2} s after the threshold; epoch {}, slots: {}",
            crossed_to_serving.as_secs_f64(),
            topology.epoch,
            slots.join(", ")
        ),
    );

    for _ in 0..20 {
        insert_on(&client, ledger, source, &shard).await?;
    }
    cluster.say(step("5"), &format!("20 more rows inserted that belong to {shard}"));

    let asked = ask_scattered(&client, ledger).await?;
    cluster.say(step("6"), &format!("{asked} scatter queries answered as one database would"));
    let asked = ask_single(&client, ledger).await?;
    cluster.say(step("7"), &format!("{asked} single-shard queries went where they belong"));
    settle(cluster).await?;
    Ok(Addition { shard, crossed_to_serving })
}

/// Waits until no move is left, so that the next threshold starts from a quiet cluster.
async fn settle(cluster: &mut Cluster) -> anyhow::Result<()> {
    let client = cluster.client.clone();
    cluster
        .wait("the move is over", || async { client.topology().await.ok().filter(|topology| topology.move_count == 0) })
        .await?;
    Ok(())
}

fn owns(topology: &TopologyView, shard: &str) -> bool {
    topology.shards.iter().any(|view| view.id == shard && view.slot_count > 0)
}

/// The reason of the scale-out decision after `earlier` others.
async fn scale_out_reason(client: &ClusterClient, earlier: usize) -> Option<String> {
    let decisions = client.scaler("/decisions?limit=1000").await.ok()?;
    let outs: Vec<_> = decisions.as_array()?.iter().filter(|record| record["kind"] == "scale_out").collect();
    let newest = outs.first().filter(|_| outs.len() > earlier)?;
    newest["detail"]["reasons"][0]["text"].as_str().map(str::to_owned)
}

/// Rows of both tables on one shard, as the scaler counts them; 0 while it does not know.
async fn rows_on(client: &ClusterClient, shard: &str) -> anyhow::Result<u64> {
    let shards = client.scaler("/shards").await?;
    let shards = shards.as_array().context("/shards is a list")?;
    let rows = shards.iter().find(|entry| entry["shard_id"] == shard).and_then(|entry| entry["total_entries"].as_u64());
    // One round of counting lies between a row and its count.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(rows.unwrap_or(0))
}

/// Where the steps' own rows come from.
struct Rows {
    rng: StdRng,
    next_id: i64,
}

/// Inserts one user, or a user's order, whose key lies on `shard`.
async fn insert_on(client: &ClusterClient, ledger: &Ledger, source: &mut Rows, shard: &str) -> anyhow::Result<()> {
    loop {
        source.next_id += 1;
        let id = source.next_id;
        let explained = client.explain_query(&format!("SELECT name FROM users WHERE user_id = {id}")).await?;
        if explained != [shard] {
            continue;
        }
        let change = match id % 3 {
            0 => Change::PutOrder((id, 1), random_order(&mut source.rng)),
            _ => Change::PutUser(id, random_user(&mut source.rng, id)),
        };
        ledger.write(change).await?;
        return Ok(());
    }
}

async fn ask_scattered(client: &ClusterClient, ledger: &Ledger) -> anyhow::Result<usize> {
    let (_still, account) = ledger.hold_still().await;
    let questions = account.scatter_questions();
    for question in &questions {
        let shards = ask(client, question).await?;
        ensure!(shards.len() > 1, "{} was answered by {} alone", question.sql, shards.join(", "));
    }
    Ok(questions.len())
}

async fn ask_single(client: &ClusterClient, ledger: &Ledger) -> anyhow::Result<usize> {
    let (_still, account) = ledger.hold_still().await;
    let customers = account.customers();
    for customer in &customers {
        let question = account.customer_question(*customer);
        let explained = client.explain_query(&question.sql).await?;
        let shards = ask(client, &question).await?;
        ensure!(shards == explained && shards.len() == 1, "{} went to {shards:?}, not {explained:?}", question.sql);
    }
    Ok(customers.len())
}

/// Asks and compares; returns the shards that answered.
async fn ask(client: &ClusterClient, question: &Question) -> anyhow::Result<Vec<String>> {
    let answer = client.query(&question.sql, &[]).await?;
    if answer.rows != question.expected {
        let differing = answer.rows.iter().zip(&question.expected).find(|(got, expected)| got != expected);
        bail!(
            "{}: {} rows instead of {}; first difference {differing:?}",
            question.sql,
            answer.rows.len(),
            question.expected.len()
        );
    }
    Ok(answer.shards)
}

async fn verdict(cluster: &Cluster, ledger: &Ledger, additions: &[Addition]) -> anyhow::Result<()> {
    let client = &cluster.client;
    let (_still, account) = ledger.hold_still().await;
    let mut compared = 0;
    for question in account.full_questions() {
        ask(client, &question).await.context("a row differs from the account")?;
        compared += question.expected.len();
    }
    let placement = cluster.check().await?;
    let log = ledger.log().await;
    let mut took = log.samples.clone();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let moves = client.scaler("/moves").await?;
    let moves = moves.as_array().context("/moves is a list")?;
    tell(format_args!("\nverdict"));
    for addition in additions {
        tell(format_args!(
            "  threshold crossed → {} serving   {:.2} s",
            addition.shard,
            addition.crossed_to_serving.as_secs_f64()
        ));
    }
    for entry in moves {
        tell(format_args!(
            "  {} → {}   {} rows moved, cutover {:.1} ms",
            entry["source"].as_str().unwrap_or("?"),
            entry["target"].as_str().unwrap_or("?"),
            entry["rows_moved"],
            entry["cutover_millis"].as_f64().unwrap_or(f64::NAN)
        ));
    }
    tell(format_args!("  writes                             {}, {} failed", took.len(), log.failed));
    tell(format_args!("  write latency p50 / p99 / longest  {:.1} / {:.1} / {:.1} ms", at(0.5), at(0.99), at(1.0)));
    tell(format_args!("  rows compared with the account     {compared}, all equal"));
    tell(format_args!("  placement of every row             {placement}"));
    for failure in &log.failures {
        tell(format_args!("  failed: {failure}"));
    }
    ensure!(log.failed == 0, "{} writes failed", log.failed);
    ensure!(compared == account.row_count(), "{compared} rows were compared of {}", account.row_count());
    let passed = "passed: one shard became three under load and every row is where it belongs, once";
    writeln!(output::results(), "{passed}")?;
    Ok(())
}
