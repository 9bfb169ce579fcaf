//! Why an action fails, and whether the next attempt may come further.

use std::time::Duration;

use backends::{ErrorClass, ProvisionError};
use keyspace::accounts::MakeError;
use keyspace::topology::{Epoch, ShardId, TopologyError};
use moves::MoveError;
use moves::cluster::ClusterError;

use crate::catalogue::CatalogueError;
use crate::instances::NoAddress;

/// Why a shard was not added or taken away.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("no instance could be created")]
    Provision(#[from] ProvisionError),
    #[error("the accounts of routers and exporters could not be made on the new server")]
    Account(#[from] MakeError),
    #[error("the topology could not be changed")]
    Cluster(#[from] ClusterError),
    #[error("the topology does not allow it")]
    Topology(#[from] TopologyError),
    #[error("moving rows failed")]
    Move(#[from] MoveError),
    #[error("the action could not be recorded")]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    #[error("`{0}` cannot name an instance")]
    Name(String),
    #[error("{0}")]
    Refused(String),
    /// Nothing was done about it: only its own version knows what it has made and what undoes that.
    #[error(
        "action `{id}` is of kind `{kind}`, which this version of sql-autoscaler does not know: it is left as it is, for \
         the version that began it"
    )]
    UnknownAction { id: String, kind: String },
    /// Everything else is done or undone.
    #[error("a server could not be taken away")]
    Retire(#[from] RetireError),
}

impl Failure {
    /// How long to wait before the next attempt: short for what passes by itself, long for what somebody must mend.
    pub fn retry_after(&self) -> Duration {
        match self {
            Failure::Provision(error) => match error.class() {
                ErrorClass::Transient | ErrorClass::Timeout | ErrorClass::Port => Duration::from_secs(15),
                ErrorClass::Conflict | ErrorClass::Auth => Duration::from_secs(60),
                ErrorClass::Quota | ErrorClass::Program | ErrorClass::Permanent => Duration::from_secs(300),
            },
            Failure::UnknownAction { .. } => Duration::from_secs(300),
            Failure::Account(error) if error.is_refusal() => Duration::from_secs(300),
            Failure::Account(_) | Failure::Cluster(_) | Failure::Topology(_) | Failure::Catalogue(_) => {
                Duration::from_secs(15)
            }
            Failure::Retire(error) if error.may_pass() => Duration::from_secs(15),
            // The next server would be created, and destroyed, for the same refusal.
            Failure::Move(error) if error.is_refusal() => Duration::from_secs(300),
            Failure::Move(_) | Failure::NoAddress(_) | Failure::Name(_) | Failure::Refused(_) | Failure::Retire(_) => {
                Duration::from_secs(60)
            }
        }
    }
}

/// Why a server could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    #[error("shard `{0}` is the home shard, which has what is not sharded")]
    Home(ShardId),
    #[error("shard `{0}` still owns slots or takes part in a move")]
    StillOwns(ShardId),
    #[error("the topology could not be read or changed")]
    Cluster(#[from] ClusterError),
    #[error("the topology does not allow it")]
    Topology(#[source] TopologyError),
    #[error("shard `{on}` does not carry the topology without `{shard}` yet")]
    Disagrees { shard: ShardId, on: ShardId },
    #[error("a transaction that shard `{shard}` takes part in is still in doubt on shard `{on}`")]
    InDoubt { shard: ShardId, on: ShardId },
    #[error("prepared transactions on shard `{on}` could not be asked for")]
    Branches { on: ShardId, source: sqlx::Error },
    #[error("the instance could not be asked for or destroyed")]
    Provision(#[from] ProvisionError),
    #[error("`{0}` cannot name an instance")]
    Name(String),
    #[error("the instance of `{shard}` has the address of shard `{owner}`, so it is left as it is")]
    InUse { shard: ShardId, owner: ShardId },
    #[error("the server of `{shard}` could not be looked at, so it is left as it is")]
    Unseen { shard: ShardId, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the server of `{shard}` carries epoch {found}, but the cluster is at {known}: it is left as it is")]
    Newer { shard: ShardId, found: Epoch, known: Epoch },
    #[error("the server of `{shard}` carries the topology of another cluster, so it is left as it is")]
    OtherCluster { shard: ShardId },
    #[error(
        "the server of `{shard}` holds {rows} rows of table `{table}` that belong nowhere else, so it is left as it is"
    )]
    HoldsRows { shard: ShardId, table: String, rows: u64 },
    #[error("the server of `{shard}` has a prepared transaction of somebody else, so it is left as it is")]
    StrangersBranch { shard: ShardId },
}

impl RetireError {
    /// Whether the server stays because of what it is or has, not because something else is away for now.
    pub fn keeps_server(&self) -> bool {
        match self {
            RetireError::Home(_)
            | RetireError::StillOwns(_)
            | RetireError::InUse { .. }
            | RetireError::Unseen { .. }
            | RetireError::Newer { .. }
            | RetireError::OtherCluster { .. }
            | RetireError::HoldsRows { .. }
            | RetireError::StrangersBranch { .. } => true,
            RetireError::Cluster(_)
            | RetireError::Topology(_)
            | RetireError::Disagrees { .. }
            | RetireError::InDoubt { .. }
            | RetireError::Branches { .. }
            | RetireError::Provision(_)
            | RetireError::Name(_) => false,
        }
    }

    /// Whether the next attempt may come further without anybody's doing: a server that does not answer may only be
    /// starting.
    pub fn may_pass(&self) -> bool {
        !self.keeps_server() || matches!(self, RetireError::Unseen { .. })
    }
}
