//! Why a query has no answer, in the terms that its client acts on.

use keyspace::mysql::er;
use keyspace::topology::ShardId;

use crate::cells::RowError;
use crate::merge::aggregate::MergeError;
use crate::plan::Refusal;
use crate::sql::read::error::SqlError;
use crate::sql::read::error::Unsupported;

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The shard's server answered with an error.
    #[error("{message}")]
    Database { shard: ShardId, errno: u16, sqlstate: String, message: String },
    #[error("shard {shard} cannot be reached: {cause}")]
    ShardUnavailable { shard: ShardId, cause: String },
    /// A connection broke, or its server ended it, before the answer was whole.
    #[error("the connection to {shard} broke: {cause}")]
    ConnectionBroke { shard: ShardId, cause: String },
    #[error("the router knows no topology yet: {0}")]
    NotReady(String),
    #[error("{0}")]
    Overloaded(String),
    #[error("the statement took longer than {milliseconds} ms and was ended")]
    Timeout { milliseconds: u128 },
    #[error("the connection to {shard} broke during the write ({cause}): it may or may not have happened")]
    OutcomeUnknown { shard: ShardId, cause: String },
    #[error("{0}")]
    LimitExceeded(String),
    /// More than [`crate::budget::Budget`] ever holds for one client.
    #[error("{0}")]
    TooMuchMemory(String),
    #[error("the statement needs more than {0} rows gathered on one shard")]
    TooManyToGather(usize),
    #[error("{0} does not let the router make temporary tables, which this statement over several shards takes")]
    MayNotGather(ShardId),
    #[error("two columns are named `{0}`")]
    DuplicateColumn(String),
    #[error("column `{0}` is a FLOAT that the server prints with 6 digits only")]
    InexactFloat(String),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("a cell cannot be written: {0}")]
    Row(String),
    /// The rows moved while the statement ran; it had no effect and runs again on their new owner.
    #[error("rows moved away from {0}")]
    Moved(ShardId),
    #[error("rows kept moving; nothing was done")]
    KeptMoving,
    /// Recovery took its router for dead.
    #[error("the transaction was given up before {0} had decided it; nothing was done")]
    GivenUp(ShardId),
    /// The transaction of a session cannot go on.
    #[error("the transaction was rolled back: {0}")]
    TransactionLost(String),
    #[error("what this session remembered, {0} too, was dropped to make room for other sessions")]
    SessionDropped(String),
    #[error("another statement of this session is still running")]
    SessionBusy,
    #[error("{shard} has other rows of a reference table than the other shards: nothing was written")]
    CopiesDiffer { shard: ShardId },
    #[error("the tables that are to be changed ({tables}) are defined otherwise on {shard} than on the home shard")]
    TablesDiffer { shard: ShardId, tables: String },
    /// Shards had different columns: a change of the schema is on its way.
    #[error("the tables are being changed: the shards do not have the same columns")]
    SchemaChanging,
    /// One change of the schema at a time.
    #[error("another change of the schema is under way; nothing was done")]
    OtherChange,
    /// The change is on some shards, and in the journal.
    #[error(
        "the change took longer than {milliseconds} ms and was ended on {shard}; it is done on {}, and a router brings \
         it to its end",
        .done.iter().map(ShardId::as_str).collect::<Vec<_>>().join(", ")
    )]
    ChangeUnfinished { shard: ShardId, done: Vec<ShardId>, milliseconds: u128 },
    #[error("{0}")]
    Internal(String),
}

/// The MySQL error that belongs to an error, if one does.
pub struct ServerError<'a> {
    pub errno: u16,
    pub sqlstate: &'a str,
    pub message: String,
}

impl QueryError {
    /// Lock wait timeout, deadlock, or a snapshot that is too old: the statement can simply be sent again.
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            QueryError::Database {
                errno: er::LOCK_WAIT_TIMEOUT
                    | er::LOCK_DEADLOCK
                    | er::CHECKREAD
                    | er::LOCK_NOWAIT
                    | er::XA_RBTIMEOUT
                    | er::XA_RBDEADLOCK,
                ..
            } | QueryError::KeptMoving
                | QueryError::GivenUp(_)
                | QueryError::SessionBusy
                | QueryError::SchemaChanging
                | QueryError::OtherChange
        )
    }

    /// Whether a server says that it ended the statement because it was told to, or because its time was over.
    pub fn is_interrupted(&self) -> bool {
        matches!(
            self,
            QueryError::Database { errno: er::QUERY_INTERRUPTED | er::QUERY_TIMEOUT | er::STATEMENT_TIMEOUT, .. }
        )
    }

    /// Whether a server has rolled the whole transaction back: a deadlock, a snapshot that is too old (MariaDB with
    /// innodb_snapshot_isolation), or a branch that it ended for either.
    pub fn ends_transaction(&self) -> bool {
        matches!(
            self,
            QueryError::Database {
                errno: er::LOCK_DEADLOCK | er::CHECKREAD | er::XA_RBTIMEOUT | er::XA_RBDEADLOCK,
                ..
            }
        )
    }

    /// Whether the connection cannot be used any more, or may be in the middle of something.
    pub fn is_of_connection(&self) -> bool {
        matches!(
            self,
            QueryError::ShardUnavailable { .. }
                | QueryError::ConnectionBroke { .. }
                | QueryError::OutcomeUnknown { .. }
                | QueryError::Timeout { .. }
                | QueryError::Overloaded(_)
                | QueryError::Internal(_)
        )
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            QueryError::Sql(SqlError::NotAllowed { hint, .. }) => Some(hint.clone()),
            QueryError::Sql(SqlError::Several) => Some("send one statement per request".to_owned()),
            QueryError::Refused(refusal) => refusal.hint().map(str::to_owned),
            QueryError::DuplicateColumn(_) => Some("give one an alias, or ask for \"format\":\"rows\"".to_owned()),
            QueryError::InexactFloat(name) => Some(format!("select CAST(… AS DOUBLE) AS `{name}`")),
            QueryError::OutcomeUnknown { .. } => Some("read the rows to see whether the write happened".to_owned()),
            QueryError::ChangeUnfinished { .. } => {
                Some("other changes of the schema get 409 until then; do not send it again".to_owned())
            }
            QueryError::TooManyToGather(_) => Some(
                "narrow its tables down with conditions or sharding keys, or raise limits.max_held_rows".to_owned(),
            ),
            QueryError::MayNotGather(_) => {
                Some("GRANT CREATE TEMPORARY TABLES on the database to the router's account".to_owned())
            }
            QueryError::SessionDropped(_) => Some("set its variables again, or raise limits.max_sessions".to_owned()),
            QueryError::TransactionLost(_) => Some("run the transaction again from its beginning".to_owned()),
            QueryError::CopiesDiffer { .. } | QueryError::TablesDiffer { .. } => {
                Some("`sql-autoscaler check` compares them".to_owned())
            }
            QueryError::TooMuchMemory(_) => {
                Some("ask for or send less at once, or raise limits.max_memory_bytes".to_owned())
            }
            QueryError::LimitExceeded(_) => Some("ask for fewer rows with WHERE or LIMIT".to_owned()),
            error if error.is_conflict() => Some("send the statement again".to_owned()),
            _ => None,
        }
    }

    pub fn server_error(&self) -> Option<ServerError<'_>> {
        match self {
            QueryError::Database { errno, sqlstate, message, .. } => {
                Some(ServerError { errno: *errno, sqlstate, message: message.clone() })
            }
            QueryError::Refused(Refusal::NoSuchTable { .. }) => {
                Some(ServerError { errno: er::NO_SUCH_TABLE, sqlstate: "42S02", message: self.to_string() })
            }
            _ => None,
        }
    }
}

impl From<Unsupported> for QueryError {
    fn from(unsupported: Unsupported) -> QueryError {
        QueryError::Refused(unsupported.into())
    }
}

impl From<RowError> for QueryError {
    fn from(error: RowError) -> QueryError {
        QueryError::Row(error.to_string())
    }
}
