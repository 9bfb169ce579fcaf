//! The limits of deciding.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the scaler does with what it decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Auto,
    /// Decides and tells, and acts only on command.
    Recommend,
    Off,
}

/// Bounds, rests and what is done without a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub(super) mode: Mode,
    pub(super) min_shards: usize,
    pub(super) max_shards: usize,
    pub(super) cooldown: Duration,
    pub(super) interval: Duration,
    /// `None`: shards are never taken away without a command.
    pub(super) scale_in: Option<ScaleIn>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    #[error("min_shards must be at least 1")]
    NoShards,
    #[error("min_shards {min} exceeds max_shards {max}")]
    Bounds { min: usize, max: usize },
    #[error("the time between two rounds must be above 0")]
    Interval,
}

impl Policy {
    /// `cooldown` counts from the end of an action; `interval` is the time between two rounds.
    pub fn new(
        mode: Mode,
        min_shards: usize,
        max_shards: usize,
        cooldown: Duration,
        interval: Duration,
    ) -> Result<Policy, PolicyError> {
        if min_shards == 0 {
            return Err(PolicyError::NoShards);
        }
        if min_shards > max_shards {
            return Err(PolicyError::Bounds { min: min_shards, max: max_shards });
        }
        if interval.is_zero() {
            return Err(PolicyError::Interval);
        }
        Ok(Policy { mode, min_shards, max_shards, cooldown, interval, scale_in: None })
    }

    /// The same limits, and shards are taken away when the cluster does without them.
    pub fn with_scale_in(self, scale_in: Option<ScaleIn>) -> Policy {
        Policy { scale_in, ..self }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// When shards are taken away without a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleIn {
    /// Every value must stay below this part of its threshold with one shard fewer, too.
    pub threshold_ratio: f64,
    /// For how long, without a gap.
    pub hold: Duration,
    /// From the end of any action; the policy's own cooldown counts where it is longer.
    pub cooldown: Duration,
}
