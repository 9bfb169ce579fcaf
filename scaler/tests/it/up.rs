//! `up` with the real program: what it starts comes back, is adopted, and is gone at the end.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::cli::Site;
use crate::servers::wait_until;

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
    let programs = [&["mariadbd", "mysqld"][..], &["prometheus"], &["prometheus-mysqld-exporter", "mysqld_exporter"]];
    if let Some(missing) = programs.iter().find(|names| backends::find_program(names).is_none()) {
        println!("skipped: no {}", missing[0]);
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
    let mut up = site.start("up").await;
    assert_eq!(site.query(count).await["data"], json!([{ "n": 3 }]));
    assert_eq!(database_of(&folder), second, "taken over as it runs");
    wait_until("the scaler counts the rows", || async { site.scaler("/shards").await[0]["total_entries"] == 3 }).await;

    kill(Pid::from_raw(i32::try_from(up.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), up.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
    assert_eq!(processes_of(&folder), [], "nothing runs on");
}
