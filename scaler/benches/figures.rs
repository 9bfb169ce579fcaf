//! The figures that the README names: overhead of the router, and the pause that a writer sees at a cutover.
//!
//! `make bench` runs it. Each figure compares two things in one run, in alternating rounds: machines are noisy.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backends::{
    InstanceName, InstanceSpec, Limits, OperationId, Owner, ProcessConfig, ProcessProvisioner, Provisioner,
};
use router::endpoint::Endpoint;
use router::schema::Layout;
use router::service::{Router, RouterConfig};
use router::slots::plan_half;
use router::topology::{Shard, ShardId, Topology, Transfer};
use scaler::cluster::Cluster;
use scaler::moves::{self, MoveSettings};
use scaler::scale_out::endpoint_of;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const ROWS: u64 = 100_000;
const POINT_QUERIES: u64 = 3_000;
const CLIENTS: u64 = 16;
const ROUND_SECONDS: u64 = 4;
const CUTOVERS: usize = 20;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let provisioner =
            ProcessProvisioner::new(ProcessConfig::new(Owner::new("bench")?, folder.path().join("servers")))?;
        let outcome = run(&provisioner, folder.path()).await;
        for name in ["one", "two", "three", "four", "five"] {
            provisioner.stop(&backends::InstanceId::new(format!("bench.{name}"))?).await.ok();
        }
        outcome
    })
}

async fn run(provisioner: &ProcessProvisioner, folder: &Path) -> Outcome<()> {
    let one = server(provisioner, "one").await?;
    sysbench(&one, "prepare").await?;
    overhead(&one, folder).await?;
    let (two, three) = (server(provisioner, "two").await?, server(provisioner, "three").await?);
    cutovers(two, three).await?;
    across_shards(server(provisioner, "four").await?, server(provisioner, "five").await?).await?;
    memory(folder).await
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

async fn server(provisioner: &ProcessProvisioner, name: &str) -> Outcome<Endpoint> {
    let spec = InstanceSpec {
        owner: Owner::new("bench")?,
        name: InstanceName::new(name)?,
        database: "app".to_owned(),
        limits: Limits::default(),
    };
    let instance = provisioner.create(&OperationId::new(format!("bench-{name}"))?, &spec).await?;
    Ok(endpoint_of(&instance)?)
}

/// The statement that sysbench's `oltp_point_select` sends.
fn point_select(number: u64) -> String {
    format!("SELECT c FROM sbtest1 WHERE id={}", number * 7_919 % ROWS + 1)
}

/// Point selects straight to the server and through the router as its own process.
async fn overhead(endpoint: &Endpoint, folder: &Path) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    drop(listener);
    let config = serde_json::json!({
        "shards": { "shard-1": endpoint.to_dsn() }, "table_shard_keys": { "sbtest1": "id" }, "router_listen": address,
    });
    let file = folder.join("router.json");
    std::fs::write(&file, config.to_string())?;
    let mut router = tokio::process::Command::new(env!("CARGO_BIN_EXE_sql-autoscaler"))
        .arg("--config")
        .arg(&file)
        .arg("router")
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = router.id().ok_or("the router ended at once")?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut http = loop {
        if let Ok(mut http) = Http::connect(&address).await
            && http.query(&point_select(1)).await.is_ok_and(|status| status == 200)
        {
            break http;
        }
        if Instant::now() > deadline {
            return Err("the router did not become ready".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut direct = router::session::connect(endpoint).await?;
    let (mut direct_times, mut http_times) = (Vec::new(), Vec::new());
    for round in 0..4 {
        for number in 0..POINT_QUERIES / 4 {
            let started = Instant::now();
            run_direct(&mut direct, &point_select(number + round)).await?;
            direct_times.push(started.elapsed());
        }
        for number in 0..POINT_QUERIES / 4 {
            let started = Instant::now();
            http.query(&point_select(number + round)).await?;
            http_times.push(started.elapsed());
        }
    }
    let (direct_p50, http_p50) = (quantile(&mut direct_times, 0.5), quantile(&mut http_times, 0.5));
    say(&format!(
        "point select p50: direct {:.3} ms, router {:.3} ms, overhead {:.3} ms (goal 0.1, at most 0.25)",
        millis(direct_p50),
        millis(http_p50),
        millis(http_p50) - millis(direct_p50)
    ));
    let mut ratios = Vec::new();
    let (mut cpu, mut queries) = (0.0, 0.0);
    for _ in 0..3 {
        let straight = figure_after(&sysbench(endpoint, "run").await?, "queries:")?;
        let before = cpu_seconds(pid)?;
        let through = wrk(&address, folder).await?;
        cpu += cpu_seconds(pid)? - before;
        queries += through * ROUND_SECONDS as f64;
        ratios.push(through / straight);
        say(&format!("{CLIENTS} clients: sysbench straight {straight:.0}/s, wrk through the router {through:.0}/s"));
    }
    ratios.sort_by(f64::total_cmp);
    say(&format!("throughput ratio, median of 3: {:.2} (goal 0.79, at least 0.4)", ratios[1]));
    say(&format!("router CPU: {:.0} ms per 1,000 queries (goal 60, below 150)", cpu * 1e6 / queries));
    say(&format!("router resident memory: {:.1} MB", resident_megabytes(pid)?));
    router.kill().await?;
    Ok(())
}

async fn run_direct(connection: &mut MySqlConnection, sql: &str) -> Outcome<()> {
    connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
    Ok(())
}

/// Runs sysbench's point selects by the text protocol, and returns what it printed.
async fn sysbench(endpoint: &Endpoint, command: &str) -> Outcome<String> {
    let address = endpoint.address();
    let (host, port) = address.rsplit_once(':').ok_or("not a TCP endpoint")?;
    let output = tokio::process::Command::new("sysbench")
        .args(["oltp_point_select", "--db-driver=mysql", "--db-ps-mode=disable", "--tables=1", "--mysql-db=app"])
        .arg(format!("--mysql-host={host}"))
        .arg(format!("--mysql-port={port}"))
        .arg(format!("--mysql-user={}", endpoint.user()))
        .arg(format!("--mysql-password={}", endpoint.password()))
        .arg(format!("--table-size={ROWS}"))
        .arg(format!("--threads={CLIENTS}"))
        .arg(format!("--time={ROUND_SECONDS}"))
        .arg(command)
        .output()
        .await?;
    printed("sysbench", &output)
}

/// The same statements over HTTP: answers per second.
async fn wrk(address: &str, folder: &Path) -> Outcome<f64> {
    let script = folder.join("point_select.lua");
    std::fs::write(
        &script,
        format!(
            "wrk.method = 'POST'\nlocal n = 0\nrequest = function()\n  n = n + 1\n  local id = n * 7919 % {ROWS} + 1\n  \
             return wrk.format(nil, '/query', nil, '{{\"query\":\"SELECT c FROM sbtest1 WHERE id=' .. id .. '\"}}')\nend\n"
        ),
    )?;
    let output = tokio::process::Command::new("wrk")
        .args(["-t1", &format!("-c{CLIENTS}"), &format!("-d{ROUND_SECONDS}s"), "-s"])
        .arg(script)
        .arg(format!("http://{address}"))
        .output()
        .await?;
    let shown = printed("wrk", &output)?;
    match shown.contains("Non-2xx") {
        true => Err(format!("some queries failed:\n{shown}").into()),
        false => figure_after(&shown, "Requests/sec:"),
    }
}

fn printed(program: &str, output: &std::process::Output) -> Outcome<String> {
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(shown) } else { Err(format!("{program} failed:\n{shown}").into()) }
}

/// The figure in the line that begins with `label`; the one per second, if the line has one in parentheses.
fn figure_after(shown: &str, label: &str) -> Outcome<f64> {
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(label)).ok_or("no such line")?;
    let figure = line.split_once('(').map_or(line, |(_, rate)| rate);
    Ok(figure.split_whitespace().next().ok_or("no figure")?.parse()?)
}

/// Moves half of the slots there and back under a writer, and takes the longest write of each move.
async fn cutovers(two: Endpoint, three: Endpoint) -> Outcome<()> {
    let shard = |number: u16, endpoint| Outcome::Ok(Shard { id: ShardId::new(format!("shard-{number}"))?, endpoint });
    let seeds = vec![shard(1, two)?, shard(2, three)?];
    let mut layout = Layout::default();
    layout.shard_keys.insert("users".to_owned(), "user_id".to_owned());
    let all = router::slots::plan_even_spread(1).remove(0);
    let first = Topology::first(seeds.clone(), vec![all, router::slots::SlotSet::empty()])?;
    let mut connection = router::session::connect(&seeds[0].endpoint).await?;
    router::topology::store::create_schema(&mut connection).await?;
    router::topology::store::create(&mut connection, &first).await?;
    let router = Router::start(RouterConfig {
        seeds,
        layout: layout.clone(),
        limits: Default::default(),
        faults: Default::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(router::http::serve(listener, router.clone(), std::future::pending()));
    let nudged = router.clone();
    let cluster = Cluster::new(
        first,
        Arc::new(move || {
            let router = nudged.clone();
            tokio::spawn(async move { router.refresh().await });
        }),
    );
    cluster.refresh().await?;
    while router.is_ready().is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut setup = Http::connect(&address).await?;
    setup.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, balance DECIMAL(12,2))").await?;
    let rows: Vec<String> = (0..2_000).map(|id| format!("({id}, 0)")).collect();
    setup.query(&format!("INSERT INTO users VALUES {}", rows.join(","))).await?;

    let settings = MoveSettings {
        // One round of looks: the only router is in this process.
        confirmation_wait: Duration::from_millis(1_300),
        cleanup_delay: Duration::from_millis(200),
        ..MoveSettings::default()
    };
    let half = plan_half(&cluster.topology().owned(&ShardId::new("shard-1")?));
    let (mut pauses, mut switches, mut failed, mut writes) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..CUTOVERS {
        let (source, target) = if round % 2 == 0 { ("shard-1", "shard-2") } else { ("shard-2", "shard-1") };
        let transfer = Transfer { source: ShardId::new(source)?, target: ShardId::new(target)?, slots: half.clone() };
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4).map(|number| tokio::spawn(write(address.clone(), number, stop.clone()))).collect();
        let reports = moves::execute(&cluster, &layout, &[transfer], &settings, &(Arc::new(|_| ()) as _)).await?;
        stop.store(true, Ordering::Relaxed);
        let mut longest = Duration::ZERO;
        for writer in writers {
            let (pause, count, failures) = writer.await??;
            longest = longest.max(pause);
            writes += count;
            failed += failures;
        }
        pauses.push(longest);
        switches.extend(reports.iter().map(|report| report.cutover));
    }
    say(&format!(
        "{CUTOVERS} cutovers under 4 writers, {writes} writes: longest write p50 {:.1} ms, p95 {:.1} ms (below 250), \
         max {:.1} ms; fence to commit p95 {:.1} ms; failed writes {failed} (none allowed)",
        millis(quantile(&mut pauses.clone(), 0.5)),
        millis(quantile(&mut pauses.clone(), 0.95)),
        millis(quantile(&mut pauses, 1.0)),
        millis(quantile(&mut switches, 0.95)),
    ));
    Ok(())
}

/// What it costs that a write on two shards, and a read, are of one piece.
async fn across_shards(four: Endpoint, five: Endpoint) -> Outcome<()> {
    let shard = |number: u16, endpoint| Outcome::Ok(Shard { id: ShardId::new(format!("shard-{number}"))?, endpoint });
    let mut layout = Layout::default();
    layout.shard_keys.insert("users".to_owned(), "user_id".to_owned());
    let router = Router::start(RouterConfig {
        seeds: vec![shard(1, four)?, shard(2, five)?],
        layout,
        limits: Default::default(),
        faults: Default::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(router::http::serve(listener, router.clone(), std::future::pending()));
    while router.is_ready().map_or(true, |away| !away.is_empty()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut http = Http::connect(&address).await?;
    let table = "CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(64), country CHAR(2), balance DECIMAL(12,2), \
         KEY (country))";
    http.query(table).await?;
    for first in (0..ROWS).step_by(5_000) {
        let row = |id: u64| format!("({id}, 'name of {id}', 'c{}', 0)", id % 8);
        let rows: Vec<String> = (first..first + 5_000).map(row).collect();
        http.query(&format!("INSERT INTO users VALUES {}", rows.join(","))).await?;
    }
    let mut keys: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    for id in 0..400 {
        http.query(&format!("SELECT user_id FROM users WHERE user_id = {id}")).await?;
        keys[usize::from(String::from_utf8_lossy(&http.body).contains("shard-2"))].push(id);
    }
    let pairs: Vec<(u64, u64)> = keys[0].iter().copied().zip(keys[1].iter().copied()).take(150).collect();
    let (mut apart, mut together) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        for (one, two) in &pairs {
            let started = Instant::now();
            for id in [one, two] {
                http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id = {id}")).await?;
            }
            apart.push(started.elapsed());
        }
        for (one, two) in &pairs {
            let started = Instant::now();
            http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id IN ({one}, {two})")).await?;
            together.push(started.elapsed());
        }
    }
    let (apart, together) = (quantile(&mut apart, 0.5), quantile(&mut together, 0.5));
    say(&format!(
        "write on two shards p50: {:.2} ms atomically, {:.2} ms as two statements, ratio {:.2}",
        millis(together),
        millis(apart),
        millis(together) / millis(apart)
    ));
    // The rows of those transactions are of no use any more, and gone by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for is_written in [false, true] {
        let stop = Arc::new(AtomicBool::new(!is_written));
        let writer = tokio::spawn(transfer(address.clone(), pairs.clone(), stop.clone()));
        let (mut atomic, mut loose) = (Vec::new(), Vec::new());
        for number in 0..400 {
            let (consistency, times) = if number % 2 == 0 { ("atomic", &mut atomic) } else { ("shard", &mut loose) };
            let query = format!("SELECT COUNT(*) FROM users WHERE country = 'c{}'", number / 2 % 8);
            let body = serde_json::json!({ "query": query, "consistency": consistency }).to_string();
            let started = Instant::now();
            http.request("POST /query", &body).await?;
            times.push(started.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        let transfers = writer.await??;
        let (atomic, loose) = (quantile(&mut atomic, 0.5), quantile(&mut loose, 0.5));
        say(&format!(
            "scatter COUNT p50 beside {transfers} writes on two shards: atomic {:.2} ms, by shard {:.2} ms, ratio {:.2} (below 1.15)",
            millis(atomic),
            millis(loose),
            millis(atomic) / millis(loose)
        ));
    }
    Ok(())
}

/// Writes on both shards until told to stop; returns how many.
async fn transfer(address: String, pairs: Vec<(u64, u64)>, stop: Arc<AtomicBool>) -> Outcome<u64> {
    let mut http = Http::connect(&address).await?;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (one, two) = pairs[count as usize % pairs.len()];
        http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id IN ({one}, {two})")).await?;
        count += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(count)
}

/// Memory of router and scaler as `up` runs them, in one process, as shards are added.
async fn memory(folder: &Path) -> Outcome<()> {
    let mut free = Vec::new();
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        free.push(listener.local_addr()?.to_string());
    }
    let config = serde_json::json!({
        "table_shard_keys": { "users": "user_id" }, "router_listen": free[0], "scaler_listen": free[1],
        "monitoring_interval_seconds": 1, "cooldown_seconds": 0, "moves": { "cleanup_delay_seconds": 5 },
        "scaling_thresholds": {
            "cpu_threshold_percent": null, "memory_threshold_percent": null, "connection_threshold": null,
            "qps_threshold": null,
        },
    });
    let file = folder.join("up.json");
    std::fs::write(&file, config.to_string())?;
    let mut up = tokio::process::Command::new(env!("CARGO_BIN_EXE_sql-autoscaler"))
        .arg("--config")
        .arg(&file)
        .arg("--data-dir")
        .arg(folder.join("up"))
        .arg("up")
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let pid = up.id().ok_or("`up` ended at once")?;
    let measured = grow(&free[0], &free[1], pid).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid)?), nix::sys::signal::Signal::SIGTERM)?;
    up.wait().await?;
    let sizes = measured?;
    let per_shard = (sizes[sizes.len() - 1] - sizes[0]) / (sizes.len() - 1) as f64;
    say(&format!(
        "router and scaler in one process: {:.1} MB with 1 shard (below 40), {per_shard:.2} MB more for each of {} \
         further ones (below 1)",
        sizes[0],
        sizes.len() - 1
    ));
    Ok(())
}

/// Resident megabytes with one shard, two, and so on.
async fn grow(router: &str, scaler: &str, pid: u32) -> Outcome<Vec<f64>> {
    let deadline = Instant::now() + Duration::from_secs(180);
    let (mut sizes, mut created) = (Vec::new(), false);
    while sizes.len() < 4 {
        if Instant::now() > deadline {
            return Err("`up` did not get to four shards".into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (Ok(mut router), Ok(mut scaler)) = (Http::connect(router).await, Http::connect(scaler).await) else {
            continue;
        };
        if !created {
            created = router.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, v INT)").await? == 200;
            continue;
        }
        scaler.request("GET /shards", "").await?;
        let shards: serde_json::Value = serde_json::from_slice(&scaler.body)?;
        let serving = shards.as_array().map_or(0, |shards| shards.iter().filter(|shard| shard["slots"] != 0).count());
        if serving <= sizes.len() {
            // Refused while the last one is still being added.
            scaler.request("POST /scale-out", "").await?;
            continue;
        }
        for number in 0..500 {
            router.query(&format!("REPLACE INTO users VALUES ({number}, 1)")).await?;
            router.query("SELECT COUNT(*), SUM(v) FROM users").await?;
        }
        sizes.push(resident_megabytes(pid)?);
    }
    Ok(sizes)
}

async fn write(address: String, number: u64, stop: Arc<AtomicBool>) -> Outcome<(Duration, u64, u64)> {
    let mut http = Http::connect(&address).await?;
    let (mut longest, mut count, mut failed) = (Duration::ZERO, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let id = (count * 37 + number * 501) % 2_000;
        let started = Instant::now();
        let status = http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id = {id}")).await?;
        longest = longest.max(started.elapsed());
        count += 1;
        failed += u64::from(status != 200);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok((longest, count, failed))
}

/// A kept HTTP connection that costs little itself.
struct Http {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Http {
    async fn connect(address: &str) -> Outcome<Http> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Http { stream: BufReader::new(stream), body: Vec::new() })
    }

    /// Sends a query, reads the whole answer, returns its status.
    async fn query(&mut self, sql: &str) -> Outcome<u16> {
        self.request("POST /query", &serde_json::json!({ "query": sql }).to_string()).await
    }

    /// Sends a request such as `GET /shards`; the answer's body is then in `body`.
    async fn request(&mut self, what: &str, body: &str) -> Outcome<u16> {
        let request = format!("{what} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("not HTTP")?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(status)
    }
}

fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len().saturating_sub(1)) as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// User and system time of a process; the kernel counts in hundredths of a second.
fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

fn resident_megabytes(pid: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse::<f64>()? / 1024.0)
}
