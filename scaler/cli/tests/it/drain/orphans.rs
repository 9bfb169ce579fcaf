//! Instances that belong to no shard.

use backends::{
    Call, ErrorClass, Fault, InstanceId, InstanceName, InstanceSpec, InstanceState, Limits, OperationId, Provisioner,
};
use keyspace::endpoint::Endpoint;
use keyspace::own;
use keyspace::slots::plan_even_spread;
use keyspace::topology::{Shard, Topology};
use scaler::catalogue::Outcome;
use scaler::http::ControlApi;

use super::field::{COUNTRIES, Field, create};
use crate::kit::bench::id;
use crate::kit::servers::{DATABASE, number, run, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_destroyed_only_when_they_are_known_to_be_empty() {
    let Some(field) = Field::new(1, 5).await else { return };
    let servers = &field.bench.servers;
    let topology = field.topology().await;
    for index in 1..=5 {
        create(&field.provisioner, &field.owner, &id(index), "an-earlier-run").await;
    }
    // One is empty; one has rows and stands still; one knows more than the cluster; one is another cluster's; one holds
    // copies of a reference table only, and stands still.
    run(&mut servers[2].connect().await, "CREATE TABLE anything (a INT); INSERT INTO anything VALUES (1)").await;
    let id_of = |index: usize| InstanceId::new(format!("drained.{}", id(index))).unwrap();
    field.provisioner.stop(&id_of(2)).await.unwrap();
    let newer = topology.with_shard(Shard { id: id(3), endpoint: servers[3].endpoint(DATABASE) });
    own::topology::catch_up(&mut servers[3].connect().await, &newer).await.unwrap();
    let stranger = Shard { id: id(0), endpoint: Endpoint::tcp("10.1.1.1", 3306, "u", "p", "shop") };
    let other = Topology::first(vec![stranger], plan_even_spread(1)).unwrap();
    own::topology::catch_up(&mut servers[4].connect().await, &other).await.unwrap();
    run(&mut servers[5].connect().await, COUNTRIES).await;
    run(&mut servers[5].connect().await, "INSERT INTO countries VALUES ('DE')").await;
    field.provisioner.stop(&id_of(5)).await.unwrap();
    // One never came up, and nothing answers where one is said to be.
    field.provisioner.leave_half_made(ErrorClass::Timeout);
    let spec = |index: usize| InstanceSpec {
        owner: field.owner.clone(),
        name: InstanceName::new(id(index).as_str()).unwrap(),
        database: DATABASE.to_owned(),
        limits: Limits::default(),
    };
    field.provisioner.create(&OperationId::new("half").unwrap(), &spec(6)).await.unwrap_err();
    create(&field.provisioner, &field.owner, &id(7), "silent").await;

    let control = field.start().await;
    assert_eq!(field.instances().await, ["shard-1", "shard-3", "shard-4", "shard-5", "shard-8"]);
    assert!(control.shows("sql_autoscaler_scaler_orphans 4"));
    let state = field.provisioner.inspect(&id_of(2)).await.unwrap().state;
    assert_eq!(state, InstanceState::Stopped, "it was started for the look only");
    assert_eq!(number(&mut servers[2].connect().await, "SELECT COUNT(*) FROM anything").await, 1);
    // Their names are passed over: shard-2 is free again, and shard-3 is not.
    let plan = control.api.scale_out(true, None).await.unwrap();
    assert_eq!(plan["plan"]["shard"], "shard-2");
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addition_that_finds_its_name_taken_does_not_destroy_who_has_it() {
    let Some(field) = Field::new(1, 1).await else { return };
    run(&mut field.bench.servers[1].connect().await, "CREATE TABLE anything (a INT); INSERT INTO anything VALUES (1)")
        .await;
    create(&field.provisioner, &field.owner, &id(1), "an-earlier-run").await;
    // So that it is not seen beforehand.
    // The scaler asks for logins, and for what it left.
    for _ in 0..2 {
        field.provisioner.inject(Call::List, Fault::Fail(ErrorClass::Transient));
    }
    let control = field.start().await;
    control.api.scale_out(false, None).await.unwrap();
    wait_until("the addition failed", || async {
        control.shows(r#"sql_autoscaler_scaler_actions_total{action="scale_out",result="undone"} 1"#)
    })
    .await;
    assert!(!field.provisioner.calls().contains(&Call::Destroy));
    assert_eq!(field.instances().await, ["shard-1", "shard-2"]);
    control.stop().await;
    let (_, outcome, message) = field.last_action().await;
    assert_eq!(outcome, Some(Outcome::Undone));
    assert!(message.contains("taken"), "{message}");
}
