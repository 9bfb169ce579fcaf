//! `up` with the real program: what it starts comes back, is adopted, and is gone at the end.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::Child;

use crate::cli::Site;
use crate::kit::servers::{DATABASE, Server, wait_until};

/// Processes that have the folder in their command line, other than this one.
fn processes_of(folder: &Path) -> Vec<(i32, String)> {
    let folder = folder.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let command_line = |pid: i32| {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    pids.map(|pid| (pid, command_line(pid))).filter(|(_, line)| line.contains(folder)).collect()
}

fn database_of(folder: &Path) -> Pid {
    let databases: Vec<i32> =
        processes_of(folder).iter().filter(|(_, line)| line.contains("--datadir=")).map(|(pid, _)| *pid).collect();
    assert_eq!(databases.len(), 1, "{:?}", processes_of(folder));
    Pid::from_raw(databases[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn crashed_shards_come_back_and_a_killed_up_is_taken_over() {
    if !has_programs() {
        return;
    }
    let site = Site::new(json!({ "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5 }));
    let folder = site.folder().canonicalize().unwrap();
    let count = "SELECT COUNT(*) n FROM users";
    let mut up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3)").await;

    let first = database_of(&folder);
    kill(first, Signal::SIGKILL).unwrap();
    wait_until("the crashed shard answers", || async { site.try_query(count).await.is_ok() }).await;
    let second = database_of(&folder);
    assert_ne!(first, second);

    up.kill().await.unwrap();
    assert_eq!(database_of(&folder), second, "databases outlive `up`");
    let up = site.start("up").await;
    assert_eq!(site.query(count).await["data"], json!([{ "n": 3 }]));
    assert_eq!(database_of(&folder), second, "taken over as it runs");
    wait_until("the scaler counts the rows", || async { site.scaler("/shards").await[0]["total_entries"] == 3 }).await;

    stop(up).await;
    assert_eq!(processes_of(&folder), [], "nothing runs on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_whose_port_was_taken_meanwhile_is_found_at_its_new_one() {
    if !has_programs() {
        return;
    }
    let site = Site::new(json!({ "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5 }));
    let up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1)").await;
    let endpoint = site.scaler("/shards").await[0]["endpoint"].as_str().unwrap().to_owned();
    stop(up).await;

    let _holder = std::net::TcpListener::bind(endpoint.split('/').next().unwrap()).unwrap();
    let up = site.start("up").await;
    assert_eq!(site.query("SELECT COUNT(*) n FROM users").await["data"], json!([{ "n": 1 }]));
    wait_until("the scaler sees it there", || async {
        let shards = site.scaler("/shards").await;
        shards[0]["status"] == "healthy" && shards[0]["endpoint"] != json!(endpoint)
    })
    .await;
    stop(up).await;
}

/// Over whatever backend: two shards by command, and both there again after a restart.
async fn check_two_shards_and_a_restart(site: &Site) {
    let up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    let rows: Vec<String> = (1..=50).map(|user| format!("({user})")).collect();
    site.query(&format!("INSERT INTO users VALUES {}", rows.join(","))).await;
    wait_until("the scaler scales out", || site.scale_out()).await;
    wait_until("two shards own slots", || async {
        let shards = site.scaler("/shards").await;
        let serves = |number: usize| shards[number]["status"] == "healthy" && shards[number]["slots"] == 8192;
        serves(0) && serves(1)
    })
    .await;
    stop(up).await;
    let up = site.start("up").await;
    let count = "SELECT COUNT(*) n FROM users";
    wait_until("both shards serve again", || async { site.try_query(count).await.is_ok() }).await;
    assert_eq!(site.query(count).await, json!({ "data": [{ "n": 50 }], "shards": ["shard-1", "shard-2"] }));
    stop(up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_pool_gives_its_servers_one_by_one() {
    if !has_programs() {
        return;
    }
    let (Some(one), Some(two)) = (Server::start().await, Server::start().await) else { return };
    let pool: Vec<String> = [&one, &two].map(|server| server.endpoint(DATABASE).to_dsn()).into();
    let site = Site::new(json!({
        "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5, "max_shards": 3,
        "moves": { "cleanup_delay_seconds": 5 }, "database": DATABASE, "backend": { "kind": "static", "pool": pool },
    }));
    check_two_shards_and_a_restart(&site).await;
    for (server, shard) in [(&one, "shard-1"), (&two, "shard-2")] {
        let claim = "SELECT CONCAT(owner, '.', name) FROM _autoscaler.claim";
        let claim: String = sqlx::query_scalar(claim).fetch_one(&mut server.connect().await).await.unwrap();
        assert_eq!(claim, format!("sql-autoscaler.{shard}"));
    }
    // There is no third server, and that is told.
    let up = site.start("up").await;
    wait_until("what was left is settled", || site.scale_out()).await;
    wait_until("the failure is told", || async {
        std::fs::read_to_string(site.folder().join("up.log")).unwrap().contains("no server of the pool is free")
    })
    .await;
    stop(up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_shards_of_a_router_on_the_host() {
    use futures_util::FutureExt;
    if !has_programs() || !crate::compose::has_image("mariadb:11.8").await {
        return;
    }
    let cluster = format!("test-up-{:08x}", rand::random::<u32>());
    let site = Site::new(json!({
        "cluster": cluster, "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5,
        "backend": { "kind": "docker", "image": "mariadb:11.8", "pull": "never", "memory_bytes": 268_435_456 },
    }));
    let outcome = std::panic::AssertUnwindSafe(check_two_shards_and_a_restart(&site)).catch_unwind().await;
    crate::compose::remove_instances(&cluster).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub async fn stop(mut up: Child) {
    kill(Pid::from_raw(i32::try_from(up.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), up.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

/// Whether everything that `up` starts is installed; says what is not.
pub fn has_programs() -> bool {
    let programs = [&["mariadbd", "mysqld"][..], &["prometheus"], &["prometheus-mysqld-exporter", "mysqld_exporter"]];
    let missing = programs.iter().find(|names| backends::find_program(names).is_none());
    if let Some(missing) = missing {
        println!("skipped: no {}", missing[0]);
    }
    missing.is_none()
}
