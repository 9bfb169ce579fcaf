//! Taking shards away, and what becomes of what an interrupted addition or drain leaves: real servers, and a scaler that
//! is stopped in the middle, with and without its catalogue.

mod field;
mod interrupted;
mod leaving;
mod orphans;
mod unfit;

use std::time::{Duration, Instant};

use keyspace::endpoint::Endpoint;
use serde_json::{Value, json};

use crate::cli::Site;
use crate::kit::servers::{run, wait_until};
use crate::up::{has_programs, stop};

/// What `GET /shards` says of the second shard; null once it is gone.
async fn second_shard(site: &Site) -> Value {
    site.scaler("/shards").await[1].clone()
}

async fn add_second_shard(site: &Site) {
    wait_until("the scaler scales out", || site.scale_out()).await;
    wait_until("two shards own slots", || async { second_shard(site).await["slots"] == 8192 }).await;
    wait_until("the addition is over", || async { site.scaler("/explain").await["action_in_progress"].is_null() })
        .await;
}

fn site(more: &Value) -> Site {
    let mut config = json!({
        "table_shard_keys": { "users": "user_id" }, "reference_tables": ["rates"], "monitoring_interval_seconds": 0.5,
        "cooldown_seconds": 1, "moves": { "cleanup_delay_seconds": 5 },
        "scaling_thresholds": {
            "cpu_threshold_percent": null, "memory_threshold_percent": null, "connection_threshold": null,
            "qps_threshold": null, "total_entry_threshold_per_shard": 100_000,
        },
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    Site::new(config)
}

fn instance_folder(site: &Site) -> std::path::PathBuf {
    site.folder().join("data/instances/instances/sql-autoscaler.shard-2")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_is_drained_under_writes() {
    if !has_programs() {
        return;
    }
    let site = site(&json!({}));
    let up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, v INT)").await;
    site.query("CREATE TABLE rates (code CHAR(3) PRIMARY KEY)").await;
    site.query("CREATE TABLE plain (id INT PRIMARY KEY)").await;
    site.query("INSERT INTO plain VALUES (1)").await;
    site.query("INSERT INTO rates VALUES ('EUR')").await;
    add_second_shard(&site).await;
    assert!(instance_folder(&site).exists());

    let (code, shown, _) = site.run(&["drain", "shard-2", "--dry-run"]).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("instance_destroyed") && shown.contains("8192"), "{shown}");
    let (code, _, refused) = site.run(&["drain", "shard-1"]).await;
    assert!(code == 1 && refused.contains("home shard"), "{refused}");

    // Every write is acknowledged or refused; what was acknowledged is there in the end.
    let (code, shown, refused) = site.run(&["drain", "shard-2"]).await;
    assert!(code == 0 && shown.contains("draining shard-2"), "{shown}{refused}");
    let (mut acknowledged, mut user, mut was_draining) = (0, 0, false);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        user += 1;
        let written = site.try_query(&format!("INSERT INTO users VALUES ({user}, 1)")).await;
        assert!(written.is_ok(), "{written:?}");
        acknowledged += 1;
        if user % 20 == 0 {
            let shard = second_shard(&site).await;
            was_draining |= shard["status"] == "draining";
            let rates = site.try_query(&format!("REPLACE INTO rates VALUES ('{:03}')", user % 1000)).await;
            assert!(rates.is_ok(), "{rates:?}");
            if shard.is_null() && site.scaler("/explain").await["action_in_progress"].is_null() {
                break;
            }
            assert!(Instant::now() < deadline, "not over: {shard}");
        }
    }
    assert!(was_draining);
    let count = site.query("SELECT COUNT(*) n, SUM(v) s FROM users").await;
    assert_eq!(count, json!({ "data": [{ "n": acknowledged, "s": acknowledged }], "shard": "shard-1" }));
    assert!(!instance_folder(&site).exists(), "its server and its data are gone");
    let (code, shown, _) = site.run(&["check"]).await;
    assert!(code == 0 && shown.contains("clean: 1 shard"), "{shown}");

    // And the name is free again.
    add_second_shard(&site).await;
    let count = site.query("SELECT COUNT(*) n, SUM(v) s FROM users").await;
    assert_eq!(count["data"], json!([{ "n": acknowledged, "s": acknowledged }]));
    stop(up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_goes_by_rule_when_it_is_not_needed() {
    if !has_programs() {
        return;
    }
    let scale_in = json!({ "enabled": true, "for_seconds": 8, "cooldown_seconds": 2 });
    let site = site(&json!({ "scale_in": scale_in }));
    let up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3), (4), (5)").await;
    add_second_shard(&site).await;
    wait_until("it is drained", || async { second_shard(&site).await["status"] == "draining" }).await;
    wait_until("it owns nothing", || async { second_shard(&site).await["slots"] != 8192 }).await;
    wait_until("it is gone", || async { second_shard(&site).await.is_null() && !instance_folder(&site).exists() })
        .await;
    assert_eq!(site.query("SELECT COUNT(*) n FROM users").await["data"], json!([{ "n": 5 }]));
    let decisions = site.scaler("/decisions?limit=1000").await;
    let decided = decisions.as_array().unwrap().iter().find(|decision| decision["kind"] == "scale_in").unwrap();
    let reason = decided["detail"]["reasons"][0]["text"].as_str().unwrap();
    assert!(reason.contains("with one shard fewer rows") && reason.ends_with("shard-2 will be drained"), "{reason}");
    stop(up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_addition_without_catalogue_is_settled_and_rows_in_it_are_kept() {
    if !has_programs() {
        return;
    }
    let site = site(&json!({}));
    // The shard has joined by then, and nothing is on its way to it.
    let mut up = site.start_with("up", &[("SQL_AUTOSCALER_MOVE_FAULT", "prepared")]).await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3), (4), (5)").await;
    wait_until("the scaler scales out", || site.scale_out()).await;
    let ended = tokio::time::timeout(Duration::from_secs(120), up.wait()).await;
    assert!(!ended.expect("it ends before its first move").unwrap().success());
    for name in ["catalogue.db", "catalogue.db-wal", "catalogue.db-shm"] {
        let _ = std::fs::remove_file(site.folder().join("data").join(name));
    }
    let record = std::fs::read_to_string(instance_folder(&site).join("instance.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let port = u16::try_from(record["port"].as_u64().unwrap()).unwrap();
    let text = |key: &str| record[key].as_str().unwrap().to_owned();
    let endpoint = Endpoint::tcp("127.0.0.1", port, &text("user"), &text("password"), &text("database"));
    let mut connection = keyspace::mysql::connect(&endpoint).await.unwrap();
    run(&mut connection, "CREATE TABLE mine (a INT)").await;
    run(&mut connection, "INSERT INTO mine VALUES (1), (2)").await;
    drop(connection);

    let up = site.start("up").await;
    wait_until("it left the topology", || async { second_shard(&site).await.is_null() }).await;
    wait_until("leftovers are settled", || async { site.scaler("/explain").await["action_in_progress"].is_null() })
        .await;
    assert!(instance_folder(&site).exists());
    let (code, shown, _) = site.run(&["check"]).await;
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("sql-autoscaler.shard-2: belongs to no shard and holds 2 rows of table mine"), "{shown}");
    assert_eq!(site.query("SELECT COUNT(*) n FROM users").await["data"], json!([{ "n": 5 }]));
    let mut connection = keyspace::mysql::connect(&endpoint).await.unwrap();
    run(&mut connection, "DROP TABLE mine").await;
    stop(up).await;

    let up = site.start("up").await;
    wait_until("it is destroyed", || async { !instance_folder(&site).exists() }).await;
    wait_until("check is content", || async { site.run(&["check"]).await.0 == 0 }).await;
    stop(up).await;
}
