use std::sync::Arc;

use async_trait::async_trait;
use backends::conformance::{self, Subject};
use backends::{
    DataFate, ErrorClass, Instance, InstanceSpec, Limits, OperationId, Owner, PoolConfig, PoolProvisioner, PoolServer,
    ProcessConfig, ProcessProvisioner, ProvisionError, Provisioner, find_program,
};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tempfile::TempDir;

/// Servers that "somebody" prepared, by processes of this machine. Two, as one that keeps data is given out no more.
struct Pool {
    folder: TempDir,
    process: ProcessProvisioner,
    servers: Vec<PoolServer>,
}

impl Pool {
    async fn new() -> Option<Self> {
        if find_program(&["mariadbd", "mysqld"]).is_none() {
            println!("SKIPPED: neither mariadbd nor mysqld is installed (Debian: mariadb-server)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let operator: Owner = "operator".parse().unwrap();
        let process = ProcessProvisioner::new(ProcessConfig::new(operator.clone(), folder.path().join("rds"))).unwrap();
        let mut servers = Vec::new();
        for name in ["first", "second"] {
            let spec = InstanceSpec {
                owner: operator.clone(),
                name: name.parse().unwrap(),
                database: "app".to_owned(),
                limits: Limits::default(),
            };
            let made = process.create(&operation(name), &spec).await.unwrap();
            servers.push(PoolServer { address: made.address.unwrap(), login: made.login });
        }
        Some(Self { folder, process, servers })
    }

    fn pool(&self, owner: &Owner) -> PoolProvisioner {
        PoolProvisioner::new(PoolConfig {
            owner: owner.clone(),
            directory: self.folder.path().join("pool"),
            servers: self.servers.clone(),
        })
        .unwrap()
    }

    async fn connect(&self, server: usize) -> MySqlConnection {
        let server = &self.servers[server];
        let options = MySqlConnectOptions::new()
            .host(&server.address.host)
            .port(server.address.port)
            .username(&server.login.user)
            .password(server.login.password.expose())
            .ssl_mode(MySqlSslMode::Disabled);
        options.connect().await.unwrap()
    }

    async fn execute(&self, server: usize, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        self.connect(server).await.execute(statement).await.unwrap();
    }

    async fn stop_all(&self) {
        for instance in self.process.list(&"operator".parse().unwrap()).await.unwrap() {
            self.process.stop(&instance.id).await.unwrap();
        }
    }
}

#[async_trait]
impl Subject for Pool {
    fn provisioner(&self, owner: &Owner) -> Arc<dyn Provisioner> {
        Arc::new(self.pool(owner))
    }

    async fn crash(&self, _instance: &Instance) {
        unreachable!("servers of a pool are not ours to start again");
    }
}

fn owner() -> Owner {
    "demo".parse().unwrap()
}

fn operation(id: &str) -> OperationId {
    id.parse().unwrap()
}

fn spec(name: &str) -> InstanceSpec {
    InstanceSpec { owner: owner(), name: name.parse().unwrap(), database: "app".into(), limits: Limits::default() }
}

#[tokio::test]
async fn the_static_pool_conforms() {
    let Some(pool) = Pool::new().await else { return };
    conformance::run(&pool).await;
    pool.stop_all().await;
}

#[tokio::test]
async fn a_server_with_tables_is_never_claimed() {
    let Some(pool) = Pool::new().await else { return };
    pool.execute(0, "CREATE TABLE app.letters (id INT PRIMARY KEY)").await;
    let provisioner = pool.pool(&owner());
    let first = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap();
    assert_eq!(first.address.as_ref(), Some(&pool.servers[1].address), "the empty one");
    let error = provisioner.create(&operation("op-2"), &spec("shard-2")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Quota);
    let message = error.to_string();
    assert!(message.contains("is not empty, it has app.letters"), "{message}");
    assert!(message.contains("is claimed for demo.shard-1"), "{message}");
    // Given back, it is empty and free again.
    provisioner.destroy(&operation("op-3"), &first.id, DataFate::Remove).await.unwrap();
    let again = provisioner.create(&operation("op-4"), &spec("shard-2")).await.unwrap();
    assert_eq!(again.address, first.address);
    pool.execute(0, "SELECT * FROM app.letters").await;
    pool.stop_all().await;
}

#[tokio::test]
async fn kept_data_stays_claimed_until_somebody_removes_it() {
    let Some(pool) = Pool::new().await else { return };
    let provisioner = pool.pool(&owner());
    let first = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap();
    pool.execute(0, "CREATE TABLE app.t (id INT PRIMARY KEY)").await;
    provisioner.destroy(&operation("op-2"), &first.id, DataFate::Keep).await.unwrap();
    assert_eq!(provisioner.list(&owner()).await.unwrap(), []);
    let second = provisioner.create(&operation("op-3"), &spec("shard-1")).await.unwrap();
    assert_eq!(second.address.as_ref(), Some(&pool.servers[1].address));
    let error = provisioner.create(&operation("op-4"), &spec("shard-2")).await.unwrap_err();
    assert!(error.to_string().contains("keeps the data of an earlier instance"), "{error}");
    pool.execute(0, "SELECT * FROM app.t").await;
    pool.stop_all().await;
}

#[tokio::test]
async fn a_silent_server_is_passed_over_and_a_wrong_password_is_told() {
    let Some(mut pool) = Pool::new().await else { return };
    let mut dead = pool.servers[0].clone();
    dead.address.port = 1;
    pool.servers.insert(0, dead);
    let provisioner = pool.pool(&owner());
    let made = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap();
    assert_eq!(made.address.as_ref(), Some(&pool.servers[1].address));
    assert_eq!(provisioner.inspect(&made.id).await.unwrap(), made);
    // The dead one may be claimed too, so a list would not be whole.
    assert_eq!(provisioner.list(&owner()).await.unwrap_err().class(), ErrorClass::Transient);

    pool.servers.truncate(2);
    pool.servers.remove(0);
    pool.servers[0].login.user = "nobody".to_owned();
    let error = pool.pool(&owner()).inspect(&made.id).await.unwrap_err();
    assert!(matches!(error, ProvisionError::PoolServer { is_refusal: true, .. }), "{error:?}");
    pool.stop_all().await;
}
