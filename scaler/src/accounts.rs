//! The accounts on every shard: whose they are, what they may do, and how they come to shards that were added a moment
//! ago.
//!
//! | account | whose |
//! |---|---|
//! | the scaler's | that of the configured DSNs and of the backend's instances; it makes the two others |
//! | the router's | `router_account`, else [`keyspace::accounts::ROUTER_USER`] with a password that is derived |
//! | the exporter's | `exporter`, else in `up` [`EXPORTER_USER`] with a derived password |

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::accounts::{self, Grant, MakeError, On};
use keyspace::endpoint::{Endpoint, Login};
use keyspace::errors::chain;
use keyspace::mysql;
use keyspace::mysql::Vendor;
use keyspace::own::schema::OWN_SCHEMA;
use keyspace::topology::{Shard, Topology};

/// What the exporter's account is called where `up` makes one by itself.
pub const EXPORTER_USER: &str = "autoscaler_exporter";

const PATIENCE: Duration = Duration::from_secs(5);

/// The accounts that the scaler makes where they are missing, once for each shard.
#[derive(Debug, Default)]
pub struct Accounts {
    router: Option<Login>,
    exporter: Option<Login>,
    /// The addresses of the shards that have them.
    done: Mutex<BTreeSet<String>>,
    /// The addresses of the shards whose refusal was told.
    told: Mutex<BTreeSet<String>>,
}

impl Accounts {
    /// `router`: `None` where router and scaler have no secret in common. `exporter`: `None` if exporters are not the
    /// scaler's business.
    pub fn new(router: Option<Login>, exporter: Option<Login>) -> Accounts {
        Accounts { router, exporter, ..Accounts::default() }
    }

    /// `None` where router and scaler have no secret in common.
    pub fn router(&self) -> Option<&Login> {
        self.router.as_ref()
    }

    pub fn exporter(&self) -> Option<&Login> {
        self.exporter.as_ref()
    }

    /// Never fails: a shard that cannot be given the accounts is tried again the next time.
    pub async fn follow(&self, topology: &Topology) {
        let missing = topology.shards().iter().filter(|shard| !self.done().contains(&shard.endpoint.address()));
        join_all(missing.map(|shard| async {
            match self.ensure(shard).await {
                Ok(()) => {
                    self.told().remove(&shard.endpoint.address());
                }
                Err(error) if self.told().insert(shard.endpoint.address()) => {
                    let error = chain(&error);
                    tracing::warn!(shard = %shard.id, error, "the accounts of routers and exporters were not made");
                }
                Err(_) => {}
            }
        }))
        .await;
    }

    /// Makes the accounts on a shard before anybody uses it.
    pub async fn ensure(&self, shard: &Shard) -> Result<(), MakeError> {
        let ensure = async {
            if let Some(router) = &self.router
                && router.user() != shard.endpoint.user()
            {
                accounts::ensure_router(&shard.endpoint, router).await?;
            }
            if let Some(exporter) = &self.exporter
                && exporter.user() != shard.endpoint.user()
            {
                make_exporter(&shard.endpoint, exporter).await?;
            }
            Ok(())
        };
        let timed_out = |_| Err(MakeError::Connect(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
        tokio::time::timeout(PATIENCE, ensure).await.unwrap_or_else(timed_out)?;
        self.done().insert(shard.endpoint.address());
        Ok(())
    }

    fn done(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.done.lock().expect("no holder of this lock panics")
    }

    fn told(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.told.lock().expect("no holder of this lock panics")
    }
}

/// Three connections at most, so that the exporter never takes those of the applications.
async fn make_exporter(admin: &Endpoint, account: &Login) -> Result<(), MakeError> {
    let mut connection = mysql::connect(admin).await.map_err(MakeError::Connect)?;
    let grants = exporter_grants(admin.database(), Vendor::of(&mut connection).await?);
    accounts::make(&mut connection, account, &grants, "WITH MAX_USER_CONNECTIONS 3").await
}

/// What mysqld_exporter's collectors ask for, without a look at rows: SHOW VIEW is what makes a database's tables and
/// their sizes visible to it.
pub fn exporter_grants(database: &str, vendor: Vendor) -> Vec<Grant> {
    let on_server: &[&str] = match vendor {
        Vendor::MariaDb => &["PROCESS", "REPLICATION CLIENT", "SLAVE MONITOR"],
        Vendor::MySql => &["PROCESS", "REPLICATION CLIENT"],
    };
    vec![
        Grant::new(On::Server, on_server),
        Grant::new(On::Schema(database.to_owned()), &["SHOW VIEW"]),
        Grant::new(On::Schema("performance_schema".to_owned()), &["SELECT"]),
    ]
}

/// What the scaler's own account needs on a shard: it makes the other accounts and may pass on what they have, makes
/// triggers and moves rows, sees and ends sessions of routers, and has moved rows written to disk. It reads everything,
/// so that no server is taken or destroyed that holds rows of somebody else.
pub fn scaler_grants(database: &str, vendor: Vendor) -> Vec<Grant> {
    let on_server: &[&str] = match vendor {
        Vendor::MariaDb => &[
            "SELECT",
            "CREATE USER",
            "PROCESS",
            "RELOAD",
            "CONNECTION ADMIN",
            "SET USER",
            "REPLICATION CLIENT",
            "SLAVE MONITOR",
        ],
        Vendor::MySql => &[
            "SELECT",
            "CREATE USER",
            "PROCESS",
            "RELOAD",
            "REPLICATION CLIENT",
            "CONNECTION_ADMIN",
            "SET_ANY_DEFINER",
            "ALLOW_NONEXISTENT_DEFINER",
            "XA_RECOVER_ADMIN",
        ],
    };
    vec![
        Grant::new(On::Server, on_server),
        Grant::new(On::Schema(database.to_owned()), &["ALL PRIVILEGES"]),
        Grant::new(On::Schema(OWN_SCHEMA.to_owned()), &["ALL PRIVILEGES"]),
    ]
}
