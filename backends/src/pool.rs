//! Servers that somebody else runs and prepared, such as managed ones: claimed one by one when shards are added.
//!
//! A claim is a row on the server itself, in `_autoscaler.claim`, so that every program that knows the pool sees
//! it. Only an empty server is ever claimed. A server that is given back loses its databases; one whose data is to
//! be kept stays claimed as `kept` until its operator empties it.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use crate::files::{self, Lock};
use crate::{
    Address, Capabilities, DataFate, Instance, InstanceId, InstanceSpec, InstanceState, Limits, Login, OperationId,
    Owner, ProvisionError, Provisioner, ProvisionerInfo, Usage, check_database, sql_server,
};

/// A server of the pool, with an account that may create databases and grant what a shard needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolServer {
    pub address: Address,
    pub login: Login,
}

#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Only servers claimed by this owner are given back.
    pub owner: Owner,
    /// Holds locks and which server an operation began with. Made with mode 0700.
    pub directory: PathBuf,
    /// In the order in which they are taken.
    pub servers: Vec<PoolServer>,
}

/// Hands out prepared servers.
#[derive(Debug)]
pub struct PoolProvisioner {
    config: PoolConfig,
}

/// Longer than one call takes, so that a second one waits instead of failing.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);
/// Dropping a large database takes its time; one that takes longer is looked at by a person.
const DROP_TIMEOUT: Duration = Duration::from_secs(3600);

const CLAIM_TABLE: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.claim (\
     id TINYINT NOT NULL PRIMARY KEY, owner VARCHAR(64) NOT NULL, operation VARCHAR(64) NOT NULL, \
     name VARCHAR(64) NOT NULL, database_name VARCHAR(64) NOT NULL, cpu_cores DOUBLE NULL, \
     memory_bytes BIGINT UNSIGNED NULL, is_kept BOOLEAN NOT NULL DEFAULT FALSE) ENGINE=InnoDB";

/// What a server is claimed for.
#[derive(Debug, Clone, PartialEq)]
struct Claim {
    owner: Owner,
    operation: OperationId,
    spec: InstanceSpec,
}

/// What a server of the pool is used for.
enum ServerState {
    Claimed(Claim),
    /// Destroyed, with its data to be kept.
    Kept,
    /// Has tables that nobody claimed.
    Filled(String),
    Free,
}

impl PoolProvisioner {
    /// Makes the directory where it is missing, and connects to nothing yet.
    pub fn new(config: PoolConfig) -> Result<Self, ProvisionError> {
        files::create_private_dir(&config.directory.join("placement"))?;
        Ok(Self { config })
    }

    /// One call at a time: claims are safe by themselves, but one operation must not claim two servers.
    async fn lock(&self) -> Result<Lock, ProvisionError> {
        Lock::take(self.config.directory.join("pool.lock"), LOCK_PATIENCE).await
    }

    fn check_owner(&self, id: &InstanceId, owner: &Owner) -> Result<(), ProvisionError> {
        if *owner == self.config.owner {
            return Ok(());
        }
        Err(ProvisionError::Foreign { id: id.clone(), owner: owner.clone() })
    }

    /// Where this operation began, if it did: on record before the claim, so that it never claims a second one.
    fn placement(&self, operation: &OperationId, id: &InstanceId) -> PathBuf {
        self.config.directory.join("placement").join(format!("{id}.{operation}"))
    }

    async fn look_at_all(&self) -> Vec<(&PoolServer, Result<ServerState, ProvisionError>)> {
        join_all(self.config.servers.iter().map(|server| async move { (server, look(server).await) })).await
    }

    /// The server that is claimed for an instance. One that does not answer may be it, so "none" needs all answers.
    async fn located(&self, id: &InstanceId) -> Result<(&PoolServer, Claim), ProvisionError> {
        let mut silent = None;
        for (server, look) in self.look_at_all().await {
            match look {
                Ok(ServerState::Claimed(claim)) if claim.id() == *id => return Ok((server, claim)),
                Ok(_) => {}
                Err(error) => silent = Some(error),
            }
        }
        Err(silent.unwrap_or_else(|| ProvisionError::NotFound { id: id.clone() }))
    }

    async fn located_own(&self, id: &InstanceId) -> Result<(&PoolServer, Claim), ProvisionError> {
        let (server, claim) = self.located(id).await?;
        self.check_owner(id, &claim.owner)?;
        Ok((server, claim))
    }

    /// The server that an operation has or gets, and its claim if it has one.
    async fn choose(
        &self,
        operation: &OperationId,
        spec: &InstanceSpec,
    ) -> Result<(&PoolServer, Option<Claim>), ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        let began = files::read_record::<String>(&self.placement(operation, &id))?;
        let mut free = None;
        let mut reasons = Vec::new();
        for (server, look) in self.look_at_all().await {
            let address = server.address.to_string();
            match look {
                Ok(ServerState::Claimed(claim)) if claim.id() == id => return Ok((server, Some(claim))),
                Ok(ServerState::Claimed(claim)) => reasons.push(format!("{address} is claimed for {}", claim.id())),
                Ok(ServerState::Kept) => reasons.push(format!("{address} keeps the data of an earlier instance")),
                Ok(ServerState::Filled(table)) => reasons.push(format!("{address} is not empty, it has {table}")),
                Ok(ServerState::Free) => {
                    if began.as_deref() == Some(address.as_str()) || free.is_none() {
                        free = Some(server);
                    }
                }
                // It may have claimed that one.
                Err(error) if began.as_deref() == Some(address.as_str()) => return Err(error),
                Err(error) => {
                    tracing::warn!(address, %error, "a server of the pool is passed over");
                    reasons.push(format!("{address} does not answer"));
                }
            }
        }
        match free {
            Some(server) => Ok((server, None)),
            None if reasons.is_empty() => Err(ProvisionError::PoolExhausted { reasons: "it is empty".to_owned() }),
            None => Err(ProvisionError::PoolExhausted { reasons: reasons.join("; ") }),
        }
    }

    async fn instance(&self, server: &PoolServer, claim: &Claim) -> Result<Instance, ProvisionError> {
        let greeting = sql_server::greet(&server.address, &server.login).await.map_err(silent(server))?;
        Ok(Instance {
            id: claim.id(),
            owner: claim.owner.clone(),
            operation: claim.operation.clone(),
            name: claim.spec.name.clone(),
            // One that does not answer cannot tell whose it is, so it is never seen here.
            state: InstanceState::Ready,
            address: Some(server.address.clone()),
            login: server.login.clone(),
            database: claim.spec.database.clone(),
            limits: claim.spec.limits,
            server_version: Some(greeting.version),
            pid: None,
        })
    }
}

impl Claim {
    fn id(&self) -> InstanceId {
        InstanceId::of(&self.owner, &self.spec.name)
    }

    /// `None`: the row was not written by us.
    fn read(row: &MySqlRow) -> Option<Self> {
        let text = |index: usize| row.try_get_unchecked::<String, _>(index).ok();
        let owner: Owner = text(0)?.parse().ok()?;
        let limits = Limits { cpu_cores: row.try_get_unchecked(4).ok()?, memory_bytes: row.try_get_unchecked(5).ok()? };
        let spec = InstanceSpec { owner: owner.clone(), name: text(2)?.parse().ok()?, database: text(3)?, limits };
        Some(Self { owner, operation: text(1)?.parse().ok()?, spec })
    }
}

fn silent(server: &PoolServer) -> impl FnOnce(sqlx::Error) -> ProvisionError {
    let address = server.address.to_string();
    move |source| ProvisionError::PoolServer { address, is_refusal: sql_server::is_refusal(&source), source }
}

async fn look(server: &PoolServer) -> Result<ServerState, ProvisionError> {
    sql_server::within(async {
        let mut connection = sql_server::connect(&server.address, &server.login).await?;
        let look = look_through(&mut connection).await;
        let _ = connection.close().await;
        look
    })
    .await
    .map_err(silent(server))
}

async fn look_through(connection: &mut MySqlConnection) -> Result<ServerState, sqlx::Error> {
    let tables = "SELECT CAST(CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') \
         ORDER BY TABLE_SCHEMA = '_autoscaler' AND TABLE_NAME = 'claim' DESC LIMIT 2";
    let mut names = Vec::new();
    for row in connection.fetch_all(sqlx::raw_sql(tables)).await? {
        names.push(row.try_get_unchecked::<String, _>(0)?);
    }
    let has_claims = names.first().is_some_and(|name| name == "_autoscaler.claim");
    if has_claims {
        let claims = "SELECT owner, operation, name, database_name, cpu_cores, memory_bytes, is_kept \
             FROM _autoscaler.claim WHERE id = 1";
        if let Some(row) = connection.fetch_optional(sqlx::query(claims)).await? {
            let is_kept: bool = row.try_get_unchecked(6)?;
            return Ok(match Claim::read(&row) {
                Some(claim) if !is_kept => ServerState::Claimed(claim),
                _ => ServerState::Kept,
            });
        }
        names.remove(0);
    }
    Ok(names.pop().map_or(ServerState::Free, ServerState::Filled))
}

/// Claims an empty server. `false`: somebody else was faster.
async fn claim(connection: &mut MySqlConnection, claim: &Claim) -> Result<bool, sqlx::Error> {
    connection.execute(sqlx::raw_sql("CREATE DATABASE IF NOT EXISTS _autoscaler")).await?;
    connection.execute(sqlx::raw_sql(CLAIM_TABLE)).await?;
    let insert = "INSERT IGNORE INTO _autoscaler.claim \
         (id, owner, operation, name, database_name, cpu_cores, memory_bytes) VALUES (1, ?, ?, ?, ?, ?, ?)";
    let inserted = sqlx::query(insert)
        .bind(claim.owner.as_str())
        .bind(claim.operation.as_str())
        .bind(claim.spec.name.as_str())
        .bind(&claim.spec.database)
        .bind(claim.spec.limits.cpu_cores)
        .bind(claim.spec.limits.memory_bytes)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

#[async_trait]
impl Provisioner for PoolProvisioner {
    fn info(&self) -> ProvisionerInfo {
        ProvisionerInfo {
            kind: "static",
            capabilities: Capabilities {
                enforces_cpu: false,
                enforces_memory: false,
                runs_servers: true,
                controls_servers: false,
            },
        }
    }

    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError> {
        self.check_owner(&InstanceId::of(&spec.owner, &spec.name), &spec.owner)?;
        check_database(spec)?;
        let operation = OperationId::new("preflight").expect("it is a name");
        match self.choose(&operation, spec).await? {
            (_, None) => Ok(()),
            (_, Some(Claim { operation, .. })) => Err(ProvisionError::NameTaken { name: spec.name.clone(), operation }),
        }
    }

    async fn create(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<Instance, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        let _lock = self.lock().await?;
        let wanted = Claim { owner: spec.owner.clone(), operation: operation.clone(), spec: spec.clone() };
        loop {
            let (server, claimed) = self.choose(operation, spec).await?;
            if let Some(claimed) = &claimed {
                if claimed.operation != *operation {
                    let (name, operation) = (spec.name.clone(), claimed.operation.clone());
                    return Err(ProvisionError::NameTaken { name, operation });
                }
                if *claimed != wanted {
                    return Err(ProvisionError::SpecChanged { id, operation: operation.clone() });
                }
            }
            files::write_record(&self.placement(operation, &id), &server.address.to_string())?;
            let made = sql_server::within(async {
                let mut connection = sql_server::connect(&server.address, &server.login).await?;
                let is_ours = claimed.is_some() || claim(&mut connection, &wanted).await?;
                if is_ours {
                    // The name is checked, so it cannot end its quotes.
                    let create = format!("CREATE DATABASE IF NOT EXISTS `{}`", spec.database);
                    connection.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
                }
                let _ = connection.close().await;
                Ok(is_ours)
            })
            .await
            .map_err(silent(server))?;
            if made {
                return self.instance(server, &wanted).await;
            }
        }
    }

    async fn inspect(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        let (server, claim) = self.located(id).await?;
        self.instance(server, &claim).await
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Instance>, ProvisionError> {
        let mut instances = Vec::new();
        for (server, look) in self.look_at_all().await {
            if let ServerState::Claimed(claim) = look?
                && claim.owner == *owner
            {
                instances.push(self.instance(server, &claim).await?);
            }
        }
        instances.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(instances)
    }

    /// Its operator starts it; here it is only seen whether it runs.
    async fn start(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        let (server, claim) = self.located_own(id).await?;
        self.instance(server, &claim).await
    }

    /// Does nothing: the server is not ours to stop.
    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError> {
        self.located_own(id).await.map(drop)
    }

    async fn destroy(&self, _operation: &OperationId, id: &InstanceId, data: DataFate) -> Result<(), ProvisionError> {
        let _lock = self.lock().await?;
        let (server, claim) = match self.located_own(id).await {
            Err(ProvisionError::NotFound { .. }) => return Ok(()),
            located => located?,
        };
        let statements = match data {
            DataFate::Keep => vec!["UPDATE _autoscaler.claim SET is_kept = TRUE WHERE id = 1".to_owned()],
            // The claim goes last: until then the server is ours to empty.
            DataFate::Remove => vec![
                format!("DROP DATABASE IF EXISTS `{}`", claim.spec.database),
                "DROP DATABASE _autoscaler".to_owned(),
            ],
        };
        let connected = sql_server::within(sql_server::connect(&server.address, &server.login)).await;
        let mut connection = connected.map_err(silent(server))?;
        for statement in statements {
            let dropping = connection.execute(sqlx::raw_sql(AssertSqlSafe(statement)));
            let done = tokio::time::timeout(DROP_TIMEOUT, dropping).await;
            let done = done.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
            done.map_err(silent(server))?;
        }
        let _ = connection.close().await;
        Ok(())
    }

    /// The server's machine is not ours to look at: what it uses is unknown.
    async fn usage(&self, id: &InstanceId) -> Result<Usage, ProvisionError> {
        let (_, claim) = self.located(id).await?;
        Ok(Usage {
            cpu_limit_cores: claim.spec.limits.cpu_cores,
            memory_limit_bytes: claim.spec.limits.memory_bytes,
            ..Usage::default()
        })
    }
}
