//! What is wrong, and what to do about it.

use keyspace::topology::ShardId;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Rows are wrong, or will be.
    Error,
    /// Something will not work.
    Warning,
    /// Worth knowing; the cluster is clean all the same.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// A shard, a table, or both.
    pub place: String,
    pub problem: String,
    pub remedy: String,
    /// Counts and keys, where rows lie on the wrong shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misplaced: Option<Misplaced>,
}

impl Finding {
    pub fn new(severity: Severity, place: impl ToString, problem: impl ToString, remedy: impl ToString) -> Finding {
        Finding {
            severity,
            place: place.to_string(),
            problem: problem.to_string(),
            remedy: remedy.to_string(),
            misplaced: None,
        }
    }
}

/// What lies on a shard that owns its slot in no way, by what the owner has under the same primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Misplaced {
    pub rows: u64,
    /// Equal in all columns: surplus.
    pub equal: u64,
    pub differing: u64,
    /// The owner has no such row.
    pub orphaned: u64,
    /// Nobody knows: the table has no primary key, or the owner or its table could not be read.
    pub not_compared: u64,
    pub why_not_compared: Option<String>,
    /// Primary keys of the first ones.
    pub differing_keys: Vec<String>,
    pub orphaned_keys: Vec<String>,
}

pub const UNREACHABLE: &str = "cannot be reached: ";

pub fn unreachable(shard: &ShardId, problem: &str) -> Finding {
    Finding::new(
        Severity::Error,
        shard,
        format!("{UNREACHABLE}{problem}"),
        "start its server, or correct its DSN and login",
    )
}
