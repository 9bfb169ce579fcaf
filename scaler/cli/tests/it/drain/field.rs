//! Servers, a provisioner and a scaler of a test's own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::{
    Address, InstanceId, InstanceName, InstanceSpec, Limits, Login, MemoryProvisioner, OperationId, Owner, Provisioner,
    Secret,
};
use cli::config::Config;
use cli::parts::{self, KeyFile, scaler_settings};
use keyspace::own;
use keyspace::slots::plan_even_spread;
use keyspace::topology::{Shard, ShardId, Topology};
use scaler::catalogue::{Catalogue, Outcome};
use scaler::http::{ApiError, ControlApi};
use scaler::prometheus::Prometheus;
use scaler::service::api::Api;
use scaler::service::{Parts, Scaler};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::kit::bench::{Bench, ORDERS, id};
use crate::kit::servers::{DATABASE, Server, wait_until};

pub const COUNTRIES: &str = "CREATE TABLE countries (code CHAR(2) PRIMARY KEY)";
pub const NOTES: &str = "CREATE TABLE notes (id INT PRIMARY KEY)";

/// Shards whose servers a backend in memory says are its own, and the scaler's files.
pub struct Field {
    pub bench: Bench,
    pub provisioner: MemoryProvisioner,
    pub owner: Owner,
    pub folder: TempDir,
    pub config: Config,
}

impl Field {
    /// `owning` shards that share all slots, and `spare` servers that additions get.
    pub async fn new(owning: usize, spare: usize) -> Option<Field> {
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
    pub async fn start(&self) -> Control {
        let control = self.start_unsettled().await;
        wait_until("leftovers are settled", || control.is_idle()).await;
        control
    }

    pub async fn start_unsettled(&self) -> Control {
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

    pub fn parts(&self) -> Parts {
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

    pub fn lose_catalogue(&self) {
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    pub async fn instances(&self) -> Vec<String> {
        self.provisioner.list(&self.owner).await.unwrap().iter().map(|instance| instance.name.to_string()).collect()
    }

    pub async fn topology(&self) -> Arc<Topology> {
        self.bench.cluster.refresh().await.unwrap();
        self.bench.cluster.topology()
    }

    pub async fn shards(&self) -> Vec<String> {
        self.topology().await.shards().iter().map(|shard| shard.id.to_string()).collect()
    }

    /// Kind, outcome and message of the last action.
    pub async fn last_action(&self) -> (String, Option<Outcome>, String) {
        let catalogue = Catalogue::open(self.folder.path().join("catalogue.db")).await.unwrap();
        let action = catalogue.actions(1).await.unwrap().remove(0);
        (action.kind, action.outcome, action.message.unwrap_or_default())
    }
}

/// A running scaler, asked through its API.
pub struct Control {
    pub api: Api,
    pub stop: oneshot::Sender<()>,
    pub rounds: JoinHandle<()>,
}

impl Control {
    /// Stops it wherever it is: what it was doing is dropped as by a crash.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.rounds.await.unwrap();
    }

    pub async fn is_idle(&self) -> bool {
        self.api.ready().is_ok() && self.api.explain().await.unwrap()["action_in_progress"].is_null()
    }

    pub async fn drain(&self, shard: &ShardId) -> Value {
        self.api.drain(shard.clone(), false).await.unwrap()
    }

    /// What the scaler says that it is doing.
    pub async fn action(&self) -> String {
        self.api.explain().await.unwrap()["action_in_progress"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the last decision has a reason of this code.
    pub async fn reasons(&self, code: &str) -> bool {
        let explained = self.api.explain().await.unwrap();
        let reasons = explained["decision"]["reasons"].as_array().cloned().unwrap_or_default();
        reasons.iter().any(|reason| reason["code"] == code)
    }

    pub async fn refused(&self, shard: &str, part: &str) -> ApiError {
        let error = self.api.drain(ShardId::new(shard).unwrap(), false).await.unwrap_err();
        assert!(error.message.contains(part), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{error:?}");
        error
    }

    /// Whether the metrics have a line, written without the cluster's name.
    pub fn shows(&self, series: &str) -> bool {
        let without_cluster = |line: &str| {
            ["{cluster=\"drained\"}", ",cluster=\"drained\"", "cluster=\"drained\","]
                .iter()
                .fold(line.to_owned(), |line, label| line.replace(label, ""))
        };
        self.api.metrics().lines().any(|line| without_cluster(line) == series)
    }

    pub async fn reaches(&self, phase: &str) {
        let series = format!(r#"sql_autoscaler_scaler_action_phase{{phase="{phase}"}} 1"#);
        wait_until(phase, || async { self.shows(&series) }).await;
    }
}

pub fn offer(provisioner: &MemoryProvisioner, server: &Server) {
    let endpoint = server.endpoint(DATABASE);
    let (host, port) = endpoint.tcp_address().unwrap();
    let login = Login { user: endpoint.user().to_owned(), password: Secret::new(endpoint.password()) };
    provisioner.offer(Address { host: host.to_owned(), port }, login);
}

pub async fn create(provisioner: &MemoryProvisioner, owner: &Owner, shard: &ShardId, operation: &str) -> InstanceId {
    let spec = InstanceSpec {
        owner: owner.clone(),
        name: InstanceName::new(shard.as_str()).unwrap(),
        database: DATABASE.to_owned(),
        limits: Limits::default(),
    };
    provisioner.create(&OperationId::new(operation).unwrap(), &spec).await.unwrap().id
}
