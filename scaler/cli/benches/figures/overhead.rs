//! What the router costs: point selects straight to the server and through the router as its own process.

use std::path::Path;
use std::time::{Duration, Instant};

use keyspace::endpoint::Endpoint;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use tokio::net::TcpListener;

use crate::http::Http;
use crate::measure::{cpu_seconds, millis, quantile, resident_megabytes};
use crate::servers::Servers;
use crate::{Outcome, say};

const ROWS: u64 = 100_000;
const POINT_QUERIES: u64 = 3_000;
const CLIENTS: u64 = 16;
const ROUND_SECONDS: u64 = 4;

/// Point selects straight to the server and through the router as its own process.
pub async fn overhead(servers: &Servers, folder: &Path) -> Outcome<()> {
    let endpoint = &servers.start().await?;
    sysbench(endpoint, "prepare").await?;
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
    let mut direct = keyspace::mysql::connect(endpoint).await?;
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

/// The statement that sysbench's `oltp_point_select` sends.
fn point_select(number: u64) -> String {
    format!("SELECT c FROM sbtest1 WHERE id={}", number * 7_919 % ROWS + 1)
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
