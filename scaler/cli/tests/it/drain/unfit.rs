//! Rows that cannot move.

use backends::Call;
use scaler::http::ControlApi;
use scaler::policy::Mode;

use super::field::Field;
use crate::kit::bench::id;
use crate::kit::servers::{DATABASE, wait_until};

const FIRES: &str = "CREATE TRIGGER counts AFTER DELETE ON orders FOR EACH ROW SET @n = OLD.id";
const CANNOT_MOVE: &str = "table `orders` cannot be moved: trigger counts would also fire";

/// Rows of a table cannot move: nobody creates a server for them, on command or for a rule, and everybody says why.
#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_created_for_rows_that_cannot_move() {
    let Some(mut field) = Field::new(1, 1).await else { return };
    let account = field.bench.fill_orders(50).await;
    field.bench.on_owners(FIRES).await;
    let creations = |field: &Field| field.provisioner.calls().iter().filter(|call| **call == Call::Create).count();
    let before = creations(&field);
    let control = field.start().await;
    for dry_run in [true, false] {
        for source in [None, Some(id(0))] {
            let refusal = control.api.scale_out(dry_run, source).await.unwrap_err();
            assert_eq!(refusal.status, 409, "{refusal:?}");
            assert!(refusal.message.contains(CANNOT_MOVE), "{refusal:?}");
            assert!(refusal.hint.as_ref().is_some_and(|hint| hint.contains("check")), "{refusal:?}");
        }
    }
    control.stop().await;

    field.config.min_shards = 2;
    field.config.mode = Mode::Recommend;
    let control = field.start().await;
    wait_until("the recommendation is held back", || control.reasons("cannot_move")).await;
    assert!(!control.reasons("recommend").await, "what is refused is not recommended");
    control.stop().await;

    field.config.mode = Mode::Auto;
    let control = field.start().await;
    let rounds = r#"sql_autoscaler_scaler_suppressed_total{reason="cannot_move"} 5"#;
    wait_until("rounds go by", || async { control.shows(rounds) }).await;
    let told = control.api.decisions(20).await.unwrap().to_string();
    assert!(told.contains("cannot_move") && told.contains("trigger counts would also fire"), "{told}");
    assert_eq!(creations(&field), before, "a server was created in vain");
    assert_eq!(field.instances().await, ["shard-1"]);

    field.bench.on_owners("DROP TRIGGER counts").await;
    wait_until("it goes on by itself", || async { field.topology().await.owning_shard_count() == 2 }).await;
    wait_until("the addition is over", || control.is_idle()).await;
    control.stop().await;
    assert_eq!(creations(&field), before + 1);
    field.bench.cluster.learn(&field.bench.servers[1].endpoint(DATABASE));
    field.bench.assert_orders(&account).await;
}

/// Nor is anything begun that takes a shard away.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_whose_rows_cannot_move_is_not_drained() {
    let Some(field) = Field::new(2, 0).await else { return };
    field.bench.on_owners(FIRES).await;
    let control = field.start().await;
    assert_eq!(control.refused("shard-2", CANNOT_MOVE).await.status, 409);
    assert!(control.api.drain(id(1), true).await.is_err());
    assert_eq!(control.action().await, "");
    control.stop().await;
}
