//! How near a cluster with one shard fewer would come to its limits.

use std::fmt;

use jiff::Timestamp;
use keyspace::topology::ShardId;
use serde::{Deserialize, Serialize};

use crate::rules::Unit;

/// The rule that would come closest to what it may reach if there were one shard fewer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calm {
    pub rule: String,
    /// `None` for the cluster.
    pub shard: Option<ShardId>,
    pub value: f64,
    /// With one shard fewer, by estimate.
    pub expected: f64,
    /// What `expected` is below.
    pub limit: f64,
    pub unit: Unit,
}

impl fmt::Display for Calm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calm { rule, shard, value, expected, limit, unit } = self;
        let (place, value) = (place(shard.as_ref()), unit.show(*value));
        let (expected, limit) = (unit.show(*expected), unit.show(*limit));
        write!(f, "with one shard fewer {rule} {place} would be about {expected} (now {value}), below {limit}")?;
        f.write_str(", and no rule comes nearer to its limit")
    }
}

/// Since when the cluster could do with one shard fewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CalmClock {
    pub(super) since: Timestamp,
    /// The last round in which that was seen.
    pub(super) seen: Timestamp,
    /// The shard that would go: another cluster has another clock.
    pub(super) shard: ShardId,
    pub(super) owners: usize,
}

pub(super) fn place(shard: Option<&ShardId>) -> String {
    shard.map_or_else(|| "across the cluster".to_owned(), |shard| format!("on {shard}"))
}
