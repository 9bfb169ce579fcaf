//! Memory of router and scaler as `up` runs them, in one process, as shards are added.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use crate::http::Http;
use crate::measure::resident_megabytes;
use crate::{Outcome, say};

pub async fn memory(folder: &Path) -> Outcome<()> {
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
