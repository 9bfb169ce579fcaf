//! Taking shards away, and what becomes of what an interrupted addition or drain leaves: real servers, and a scaler that
//! is stopped in the middle, with and without its catalogue.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::{
    Address, Call, ErrorClass, Fault, InstanceId, InstanceName, InstanceSpec, InstanceState, Limits, Login,
    MemoryProvisioner, OperationId, Owner, Provisioner, Secret,
};
use cli::config::Config;
use cli::parts::{self, KeyFile, scaler_settings};
use keyspace::endpoint::Endpoint;
use keyspace::own;
use keyspace::slots::plan_even_spread;
use keyspace::topology::{Shard, ShardId, Topology};
use moves::cluster::ClusterError;
use scaler::catalogue::NewAction;
use scaler::catalogue::{Catalogue, Outcome};
use scaler::http::{ApiError, ControlApi};
use scaler::policy::Mode;
use scaler::prometheus::Prometheus;
use scaler::service::api::Api;
use scaler::service::{Parts, Scaler};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::Site;
use crate::kit::bench::{Bench, ORDERS, id};
use crate::kit::servers::{DATABASE, Server, number, rows, run, wait_until};
use crate::up::{has_programs, stop};

const COUNTRIES: &str = "CREATE TABLE countries (code CHAR(2) PRIMARY KEY)";
const NOTES: &str = "CREATE TABLE notes (id INT PRIMARY KEY)";

/// Shards whose servers a backend in memory says are its own, and the scaler's files.
struct Field {
    bench: Bench,
    provisioner: MemoryProvisioner,
    owner: Owner,
    folder: TempDir,
    config: Config,
}

impl Field {
    /// `owning` shards that share all slots, and `spare` servers that additions get.
    async fn new(owning: usize, spare: usize) -> Option<Field> {
        let servers: Vec<Server> = Server::start_all(crate::kit::servers::Flavor::MariaDb, owning + spare).await?;
        let owner = Owner::new("drained").unwrap();
        let provisioner = MemoryProvisioner::new(owner.clone());
        for server in &servers {
            offer(&provisioner, server);
        }
        for index in 0..owning {
            create(&provisioner, &owner, &id(index), "bootstrap").await;
        }
        let shard = |index: usize| Shard { id: id(index), endpoint: servers[index].endpoint(DATABASE) };
        let topology = Topology::first((0..owning).map(shard).collect(), plan_even_spread(owning)).unwrap();
        for server in &servers[..owning] {
            own::topology::catch_up(&mut server.connect().await, &topology).await.unwrap();
        }
        let bench = Bench { cluster: moves::cluster::Cluster::new(topology, Arc::new(|| {})), servers };
        for table in [ORDERS, COUNTRIES, NOTES, "INSERT INTO countries VALUES ('DE'), ('FR')"] {
            bench.on_owners(table).await;
        }
        let text = json!({
            "cluster": "drained", "table_shard_keys": { "orders": "id" }, "reference_tables": ["countries"],
            "monitoring_interval_seconds": 0.1, "mode": "off",
        });
        let mut config = Config::from_json(&text.to_string(), Path::new(""), &|_| None).unwrap();
        // No router is there that would have to follow.
        config.moves.confirmation = Duration::from_millis(300);
        config.moves.cleanup_delay = Duration::from_millis(300);
        config.limits.in_doubt_timeout = Duration::from_millis(500);
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::INFO).try_init();
        Some(Field { bench, provisioner, owner, folder: TempDir::new().unwrap(), config })
    }

    /// A scaler over these shards, ready and with nothing left to settle.
    async fn start(&self) -> Control {
        let control = self.start_unsettled().await;
        wait_until("leftovers are settled", || control.is_idle()).await;
        control
    }

    async fn start_unsettled(&self) -> Control {
        let deadline = Instant::now() + Duration::from_secs(20);
        let scaler = loop {
            match Scaler::start(self.parts()).await {
                Ok(scaler) => break scaler,
                // The server notices a moment later that the last scaler's lease is gone.
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let rounds = tokio::spawn(scaler.clone().run(async {
            let _ = stopped.await;
        }));
        Control { api: Api(scaler), stop, rounds }
    }

    fn parts(&self) -> Parts {
        let nowhere = serde_json::from_value(json!({ "url": "http://127.0.0.1:1" })).unwrap();
        Parts {
            settings: scaler_settings(&self.config),
            catalogue: self.folder.path().join("catalogue.db"),
            seeds: self.bench.cluster.topology().shards().to_vec(),
            provisioner: Arc::new(self.provisioner.clone()),
            owner: self.owner.clone(),
            accounts: parts::accounts(&self.config, KeyFile::None).unwrap(),
            prometheus: Prometheus::new(&nowhere).unwrap(),
            exporter_of: Arc::new(|_| None),
            routers: Vec::new(),
            nudge: Arc::new(|| {}),
        }
    }

    fn lose_catalogue(&self) {
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    async fn instances(&self) -> Vec<String> {
        self.provisioner.list(&self.owner).await.unwrap().iter().map(|instance| instance.name.to_string()).collect()
    }

    async fn topology(&self) -> Arc<Topology> {
        self.bench.cluster.refresh().await.unwrap();
        self.bench.cluster.topology()
    }

    async fn shards(&self) -> Vec<String> {
        self.topology().await.shards().iter().map(|shard| shard.id.to_string()).collect()
    }

    /// Kind, outcome and message of the last action.
    async fn last_action(&self) -> (String, Option<Outcome>, String) {
        let catalogue = Catalogue::open(self.folder.path().join("catalogue.db")).await.unwrap();
        let action = catalogue.actions(1).await.unwrap().remove(0);
        (action.kind, action.outcome, action.message.unwrap_or_default())
    }
}

/// A running scaler, asked through its API.
struct Control {
    api: Api,
    stop: oneshot::Sender<()>,
    rounds: JoinHandle<()>,
}

impl Control {
    /// Stops it wherever it is: what it was doing is dropped as by a crash.
    async fn stop(self) {
        let _ = self.stop.send(());
        self.rounds.await.unwrap();
    }

    async fn is_idle(&self) -> bool {
        self.api.ready().is_ok() && self.api.explain().await.unwrap()["action_in_progress"].is_null()
    }

    async fn drain(&self, shard: &ShardId) -> Value {
        self.api.drain(shard.clone(), false).await.unwrap()
    }

    /// What the scaler says that it is doing.
    async fn action(&self) -> String {
        self.api.explain().await.unwrap()["action_in_progress"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the last decision has a reason of this code.
    async fn reasons(&self, code: &str) -> bool {
        let explained = self.api.explain().await.unwrap();
        let reasons = explained["decision"]["reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().any(|reason| reason["code"] == code)
    }

    async fn refused(&self, shard: &str, part: &str) -> ApiError {
        let error = self.api.drain(ShardId::new(shard).unwrap(), false).await.unwrap_err();
        assert!(error.message.contains(part), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{error:?}");
        error
    }

    /// Whether the metrics have a line, written without the cluster's name.
    fn shows(&self, series: &str) -> bool {
        let without_cluster = |line: &str| {
            ["{cluster=\"drained\"}", ",cluster=\"drained\"", "cluster=\"drained\","]
                .iter()
                .fold(line.to_owned(), |line, label| line.replace(label, ""))
        };
        self.api.metrics().lines().any(|line| without_cluster(line) == series)
    }

    async fn reaches(&self, phase: &str) {
        let series = format!(r#"sql_autoscaler_scaler_action_phase{{phase="{phase}"}} 1"#);
        wait_until(phase, || async { self.shows(&series) }).await;
    }
}

fn offer(provisioner: &MemoryProvisioner, server: &Server) {
    let endpoint = server.endpoint(DATABASE);
    let (host, port) = endpoint.tcp_address().unwrap();
    let login = Login { user: endpoint.user().to_owned(), password: Secret::new(endpoint.password()) };
    provisioner.offer(Address { host: host.to_owned(), port }, login);
}

async fn create(provisioner: &MemoryProvisioner, owner: &Owner, shard: &ShardId, operation: &str) -> InstanceId {
    let spec = InstanceSpec {
        owner: owner.clone(),
        name: InstanceName::new(shard.as_str()).unwrap(),
        database: DATABASE.to_owned(),
        limits: Limits::default(),
    };
    provisioner.create(&OperationId::new(operation).unwrap(), &spec).await.unwrap().id
}

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
