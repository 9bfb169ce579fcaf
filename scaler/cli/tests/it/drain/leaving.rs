//! Shards that leave, and those that may not.

use keyspace::own;
use scaler::catalogue::Outcome;
use scaler::http::ControlApi;
use serde_json::json;

use super::field::Field;
use crate::kit::bench::id;
use crate::kit::servers::{number, rows, run, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_shard_gives_everything_and_its_server_is_destroyed() {
    let Some(field) = Field::new(2, 0).await else { return };
    let account = field.bench.fill_orders(300).await;
    // A transaction whose router is gone, and which the leaving shard was to decide.
    let mut connection = field.bench.servers[0].connect().await;
    run(&mut connection, "XA START '0a-1','shard-2',16723; INSERT INTO notes VALUES (7)").await;
    run(&mut connection, "XA END '0a-1','shard-2',16723; XA PREPARE '0a-1','shard-2',16723").await;
    drop(connection);
    let control = field.start().await;

    let before = field.topology().await.epoch();
    let plan = control.api.drain(id(1), true).await.unwrap();
    assert_eq!(plan["plan"]["transfers"][0], json!({"target": "shard-1", "slots": "8192-16383", "slot_count": 8192}));
    assert_eq!(plan["plan"]["then"], "instance_destroyed");
    assert_eq!(field.topology().await.epoch(), before, "a dry run changes nothing");

    assert_eq!(control.drain(&id(1)).await["action"], "draining shard-2");
    control.refused("shard-2", "draining shard-2 is in progress").await;
    let is_draining = || async {
        let statuses = serde_json::to_value(control.api.shards().await).unwrap();
        statuses[1]["status"] == "draining"
    };
    wait_until("it shows as draining", is_draining).await;
    assert!(control.shows(r#"sql_autoscaler_scaler_shards{state="draining"} 1"#));
    wait_until("the drain is over", || control.is_idle()).await;
    assert!(control.shows(r#"sql_autoscaler_scaler_actions_total{action="drain",result="succeeded"} 1"#));
    control.stop().await;

    assert_eq!(field.shards().await, ["shard-1"]);
    assert_eq!(field.instances().await, ["shard-1"]);
    field.bench.assert_orders(&account).await;
    field.bench.assert_clean().await;
    let carried = own::topology::read(&mut field.bench.servers[1].connect().await).await.unwrap().unwrap();
    assert_eq!(carried, *field.topology().await, "whoever looks there alone learns that it left");
    let mut connection = field.bench.servers[0].connect().await;
    assert_eq!(rows(&mut connection, "XA RECOVER").await, Vec::<Vec<String>>::new());
    assert_eq!(number(&mut connection, "SELECT COUNT(*) FROM notes").await, 0, "nobody had decided");
    let (kind, outcome, message) = field.last_action().await;
    assert_eq!((kind.as_str(), outcome), ("drain", Some(Outcome::Succeeded)), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_shards_one_gives_to_both_others() {
    let Some(field) = Field::new(3, 0).await else { return };
    let account = field.bench.fill_orders(300).await;
    let control = field.start().await;
    control.drain(&id(1)).await;
    wait_until("the drain is over", || control.is_idle()).await;
    control.stop().await;
    let (_, outcome, message) = field.last_action().await;
    assert_eq!(outcome, Some(Outcome::Succeeded), "{message}");
    assert_eq!(field.shards().await, ["shard-1", "shard-3"]);
    let topology = field.topology().await;
    assert_eq!(topology.owned(&id(0)).len(), topology.owned(&id(2)).len());
    assert_eq!(field.instances().await, ["shard-1", "shard-3"]);
    field.bench.assert_orders(&account).await;
    field.bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_drained_is_refused_with_a_remedy() {
    let Some(mut field) = Field::new(2, 0).await else { return };
    let control = field.start().await;
    assert_eq!(control.refused("shard-9", "there is no shard `shard-9`").await.status, 404);
    assert_eq!(control.refused("shard-1", "shard-1 is the home shard").await.status, 409);
    field.bench.servers[1].kill();
    let is_away = || async {
        let statuses = serde_json::to_value(control.api.shards().await).unwrap();
        statuses[1]["status"] == "unreachable"
    };
    wait_until("the shard is missed", is_away).await;
    control.refused("shard-2", "shard-2 is unreachable").await;
    control.stop().await;
    field.bench.servers[1].restart().await;

    field.config.min_shards = 2;
    let control = field.start().await;
    control.refused("shard-2", "there are 2 shards and min_shards is 2").await;
    control.stop().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    assert_eq!(field.topology().await.owning_shard_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_shard_leaves_and_its_server_runs_on() {
    let Some(mut field) = Field::new(2, 0).await else { return };
    field.config.shards = field.bench.cluster.topology().shards().to_vec();
    let control = field.start().await;
    assert_eq!(control.drain(&id(1)).await["plan"]["then"], "server_left_running");
    wait_until("the drain is over", || control.is_idle()).await;
    control.stop().await;
    assert_eq!(field.shards().await, ["shard-1"]);
    assert_eq!(field.instances().await, ["shard-1", "shard-2"], "not the scaler's to destroy");
    // Nor is it one that was left.
    field.lose_catalogue();
    field.start().await.stop().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_rows_of_its_own_is_kept_until_they_are_gone() {
    let Some(field) = Field::new(2, 0).await else { return };
    let account = field.bench.fill_orders(50).await;
    run(&mut field.bench.servers[1].connect().await, "INSERT INTO notes VALUES (1), (2), (3)").await;
    let control = field.start().await;
    control.drain(&id(1)).await;
    wait_until("it is told", || async { control.shows("sql_autoscaler_scaler_orphans 1") }).await;
    assert!(control.shows(r#"sql_autoscaler_scaler_actions_total{action="drain",result="failed"} 1"#));
    wait_until("leftovers are settled", || control.is_idle()).await;
    control.stop().await;
    let (_, outcome, message) = field.last_action().await;
    assert_eq!(outcome, Some(Outcome::Failed));
    assert!(message.contains("3 rows of table `notes`"), "{message}");
    assert_eq!(field.shards().await, ["shard-1"], "it owns nothing");
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    field.bench.assert_orders(&account).await;

    // A row of a sharded table counts as well, and one in another database.
    let mut connection = field.bench.servers[1].connect().await;
    run(&mut connection, "DELETE FROM notes; INSERT INTO orders VALUES (900001, 1, 'mine')").await;
    field.start().await.stop().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    run(&mut connection, "DELETE FROM orders; CREATE DATABASE other; CREATE TABLE other.t (a INT)").await;
    run(&mut connection, "INSERT INTO other.t VALUES (1)").await;
    field.start().await.stop().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    run(&mut connection, "DROP DATABASE other").await;
    field.start().await.stop().await;
    assert_eq!(field.instances().await, ["shard-1"]);
}
