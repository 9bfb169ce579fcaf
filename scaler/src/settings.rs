//! What a scaler is told once, at its start.

use std::time::Duration;

use backends::Limits;
use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::Shard;
use moves::MoveSettings;

use crate::policy::{Mode, ScaleIn};
use crate::rules::Scope;
use crate::rules::defaults::ScalingThresholds;

/// Checked by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The shards of the configuration, whose servers are their owner's.
    pub shards: Vec<Shard>,
    /// Servers that somebody prepared, with the logins of their accounts.
    pub pool: Vec<Endpoint>,
    /// What a new shard may use.
    pub shard_limits: Limits,
    pub layout: Layout,
    pub scaling_thresholds: ScalingThresholds,
    pub scope: Scope,
    pub monitoring_interval: Duration,
    /// At least 1, at most `max_shards`.
    pub min_shards: u16,
    pub max_shards: u16,
    pub mode: Mode,
    /// From the end of a rebalance.
    pub cooldown: Duration,
    /// `None`: no shard goes by rule.
    pub scale_in: Option<ScaleIn>,
    /// How long a transaction over several shards may be in doubt before it is brought to its end.
    pub in_doubt_timeout: Duration,
    /// How moves are paced, but for the room on the disks, which is looked up for each.
    pub moves: MoveSettings,
}
