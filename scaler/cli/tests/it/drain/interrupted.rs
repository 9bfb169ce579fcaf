//! What is left when a scaler is stopped in the middle, with and without its catalogue.

use std::time::Duration;

use keyspace::own;
use keyspace::topology::Shard;
use moves::cluster::ClusterError;
use scaler::catalogue::{Catalogue, NewAction, Outcome};
use scaler::http::ControlApi;
use serde_json::json;

use super::field::{Field, create};
use crate::kit::bench::id;
use crate::kit::servers::{DATABASE, number, run, wait_until};

/// Stops the scaler in a phase of a drain, perhaps loses its catalogue, and starts another.
async fn check_interrupted_drain(phase: &str, loses_catalogue: bool) {
    let Some(mut field) = Field::new(2, 0).await else { return };
    let account = field.bench.fill_orders(100).await;
    if phase == "retire" {
        // Which holds the drain up for as long as its router may still come to decide.
        field.config.limits.in_doubt_timeout = Duration::from_secs(2);
        let mut connection = field.bench.servers[0].connect().await;
        run(&mut connection, "XA START '0a-1','shard-2',16723; INSERT INTO notes VALUES (7)").await;
        run(&mut connection, "XA END '0a-1','shard-2',16723; XA PREPARE '0a-1','shard-2',16723").await;
    }
    let control = field.start().await;
    control.drain(&id(1)).await;
    control.reaches(phase).await;
    control.stop().await;
    if loses_catalogue {
        field.lose_catalogue();
    }
    field.start().await.stop().await;
    let what = format!("{phase}, {}", if loses_catalogue { "without the catalogue" } else { "with it" });
    field.topology().await;
    field.bench.assert_orders(&account).await;
    field.bench.assert_clean().await;
    // Nobody knows any more that a shard was to go which still owns slots.
    match phase == "move" && loses_catalogue {
        true => assert_eq!(field.topology().await.owned(&id(1)).len(), 8192, "{what}"),
        false => {
            assert_eq!(field.shards().await, ["shard-1"], "{what}");
            assert_eq!(field.instances().await, ["shard-1"], "{what}");
        }
    }
    if !loses_catalogue {
        assert_eq!(field.last_action().await.1, Some(Outcome::Succeeded), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_was_interrupted_is_finished() {
    for phase in ["move", "retire", "destroy"] {
        check_interrupted_drain(phase, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_was_interrupted_leaves_nothing_when_the_catalogue_is_lost() {
    for phase in ["move", "retire", "destroy"] {
        check_interrupted_drain(phase, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addition_that_was_interrupted_leaves_nothing_when_the_catalogue_is_lost() {
    for loses_catalogue in [true, false] {
        let Some(field) = Field::new(1, 1).await else { return };
        let account = field.bench.fill_orders(100).await;
        let control = field.start().await;
        control.api.scale_out(false, None).await.unwrap();
        control.reaches("move").await;
        let copied = async || {
            let has_rows = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'move_positions'";
            number(&mut field.bench.servers[1].connect().await, has_rows).await == 1
        };
        wait_until("rows are copied", copied).await;
        control.stop().await;
        if loses_catalogue {
            field.lose_catalogue();
        }
        field.start().await.stop().await;
        assert_eq!(field.shards().await, ["shard-1"]);
        assert_eq!(field.instances().await, ["shard-1"]);
        field.bench.assert_orders(&account).await;
        let mut connection = field.bench.servers[0].connect().await;
        let triggers = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'";
        assert_eq!(number(&mut connection, triggers).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copies_on_a_new_server_that_died_go_with_it() {
    let Some(mut field) = Field::new(1, 1).await else { return };
    let account = field.bench.fill_orders(500).await;
    // Time to see that rows were copied.
    field.config.moves.confirmation = Duration::from_secs(4);
    let control = field.start().await;
    control.api.scale_out(false, None).await.unwrap();
    let copied = async || {
        let mut connection = field.bench.servers[1].connect().await;
        let exists = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop' AND TABLE_NAME='orders'";
        number(&mut connection, exists).await == 1 && number(&mut connection, "SELECT COUNT(*) FROM orders").await > 0
    };
    wait_until("rows are copied", copied).await;
    field.bench.servers[1].kill();
    wait_until("the shard left the topology", async || field.shards().await.len() == 1).await;
    let failed = r#"sql_autoscaler_scaler_actions_total{action="scale_out",result="failed"} 1"#;
    wait_until("its server is missed", async || control.shows(failed)).await;
    control.stop().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);

    field.bench.servers[1].restart().await;
    assert!(number(&mut field.bench.servers[1].connect().await, "SELECT COUNT(*) FROM orders").await > 0);
    field.start().await.stop().await;
    assert_eq!(field.instances().await, ["shard-1"]);
    field.bench.assert_orders(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_joined_and_never_served_is_taken_away_without_the_catalogue() {
    let Some(field) = Field::new(1, 1).await else { return };
    create(&field.provisioner, &field.owner, &id(1), "add-shard-2").await;
    let joined = Shard { id: id(1), endpoint: field.bench.servers[1].endpoint(DATABASE) };
    field.bench.cluster.change(|topology| Ok::<_, ClusterError>(topology.with_shard(joined))).await.unwrap();
    field.start().await.stop().await;
    assert_eq!(field.shards().await, ["shard-1"]);
    assert_eq!(field.instances().await, ["shard-1"]);
}

/// A later version may have been replaced by this one in the middle of an action that this one does not know.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_of_an_unknown_kind_is_left_as_it_is_and_told() {
    let Some(field) = Field::new(1, 1).await else { return };
    // As much as it can look like an addition that was interrupted.
    create(&field.provisioner, &field.owner, &id(1), "later-1").await;
    let shard = Shard { id: id(1), endpoint: field.bench.servers[1].endpoint(DATABASE) };
    let joined = field.topology().await.with_shard(shard);
    for server in &field.bench.servers {
        own::topology::catch_up(&mut server.connect().await, &joined).await.unwrap();
    }
    let action = NewAction {
        id: "later-1".to_owned(),
        kind: "divide".to_owned(),
        phase: "join".to_owned(),
        inputs: json!({ "plan": { "shard": "shard-2", "transfers": [] } }),
    };
    let path = field.folder.path().join("catalogue.db");
    let catalogue = Catalogue::open(&path).await.unwrap();
    catalogue.begin_action(&action, jiff::Timestamp::now()).await.unwrap();
    drop(catalogue);

    let control = field.start_unsettled().await;
    let told = || async { control.action().await.contains("action `later-1` of the unknown kind `divide`") };
    wait_until("it is told", told).await;
    for refusal in
        [control.api.scale_out(false, None).await.unwrap_err(), control.api.drain(id(1), false).await.unwrap_err()]
    {
        assert!(refusal.message.contains("`divide`"), "{refusal:?}");
    }
    wait_until("no rule acts meanwhile", || control.reasons("in_progress")).await;
    control.stop().await;
    assert_eq!(field.shards().await, ["shard-1", "shard-2"]);
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    assert_eq!(field.last_action().await.1, None, "its own version goes on with it");

    // As that version would, or somebody by hand.
    let catalogue = Catalogue::open(&path).await.unwrap();
    catalogue.finish_action("later-1", Outcome::Undone, "given up", jiff::Timestamp::now()).await.unwrap();
    drop(catalogue);
    field.start().await.stop().await;
    assert_eq!(field.shards().await, ["shard-1"]);
    assert_eq!(field.instances().await, ["shard-1"]);
}
