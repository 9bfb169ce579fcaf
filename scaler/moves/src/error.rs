//! Why a move failed.

use keyspace::schema::load::SchemaError;
use keyspace::topology::{MoveId, ShardId, TopologyError};

use crate::cluster::ClusterError;

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("table `{table}` cannot be moved: {reason}; {remedy}")]
    Unfit { table: String, reason: String, remedy: String },
    #[error("shard `{shard}` cannot move rows: {reason}; {remedy}")]
    UnfitServer { shard: String, reason: String, remedy: String },
    #[error("a move that touches shard `{0}` is in progress")]
    Busy(ShardId),
    #[error("the tables on shard `{shard}` cannot be read")]
    Schema { shard: ShardId, source: SchemaError },
    #[error("table `{table}` is defined differently on shard `{target}`")]
    DefinitionsDiffer { table: String, target: ShardId },
    #[error("a table on shard `{0}` was truncated or altered during the move")]
    TableReplaced(ShardId),
    #[error("rows of table `{table}` have unique values that other rows on shard `{target}` have already")]
    Conflict { table: String, target: ShardId, source: sqlx::Error },
    #[error(
        "{rows} rows of table `{table}` differ after the copy, the first one has the key {first_key}; \
         the target's version of them is kept on the source, in {kept}"
    )]
    RowsDiffer { table: String, rows: usize, first_key: String, kept: String },
    #[error("table `{table}` on shard `{shard}` is in use by a long transaction")]
    TableInUse { table: String, shard: ShardId },
    #[error("a transaction that was prepared (XA) before the move stays open on shard `{shard}`")]
    PreparedBranch { shard: ShardId },
    #[error("another mover still works at move {id} on shard `{shard}`")]
    Occupied { id: MoveId, shard: ShardId },
    #[error("move {id} found no moment to switch in {attempts} attempts: {reason}")]
    NoCutover { id: MoveId, attempts: u32, reason: &'static str },
    #[error("another scaler has taken move {id} over on shard `{shard}`")]
    TakenOver { id: MoveId, shard: ShardId },
    #[error("shard `{0}` did not answer in time")]
    Silent(ShardId),
    #[error("shard `{0}` is away: what moves may have left there is removed when it is back")]
    Away(ShardId),
    #[error("the cutover took longer than its budget")]
    OverBudget,
    #[error("stopped because another move of the same round failed")]
    Stopped,
    #[error("the journal of moves cannot be read")]
    Journal(#[source] serde_json::Error),
    #[error("a statement failed on shard `{shard}`")]
    Database { shard: ShardId, source: sqlx::Error },
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

impl MoveError {
    /// Whether the move was refused for what somebody has to mend first: a table, a server, an account.
    pub fn is_refusal(&self) -> bool {
        match self {
            MoveError::Unfit { .. } | MoveError::UnfitServer { .. } | MoveError::DefinitionsDiffer { .. } => true,
            MoveError::Busy(_)
            | MoveError::Schema { .. }
            | MoveError::TableReplaced(_)
            | MoveError::Conflict { .. }
            | MoveError::RowsDiffer { .. }
            | MoveError::TableInUse { .. }
            | MoveError::PreparedBranch { .. }
            | MoveError::Occupied { .. }
            | MoveError::NoCutover { .. }
            | MoveError::TakenOver { .. }
            | MoveError::Silent(_)
            | MoveError::Away(_)
            | MoveError::OverBudget
            | MoveError::Stopped
            | MoveError::Journal(_)
            | MoveError::Database { .. }
            | MoveError::Cluster(_)
            | MoveError::Topology(_) => false,
        }
    }
}
