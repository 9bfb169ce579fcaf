//! The clock of one rule: for how long it is above its threshold.

use std::time::Duration;

use jiff::Timestamp;
use keyspace::topology::ShardId;
use serde::{Deserialize, Serialize};

use crate::rules::Rule;

/// Rounds that may be missed before a value counts as unknown in between: a slow query is no gap.
pub(super) const MISSED_ROUNDS: u32 = 3;

/// The clock of one rule on one shard, or on the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timer {
    pub(super) rule: String,
    pub(super) shard: Option<ShardId>,
    /// The last round with a value.
    pub(super) seen: Option<Timestamp>,
    pub(super) unknown_since: Option<Timestamp>,
    /// After a long gap: when the expression's window is full again.
    pub(super) warm_at: Option<Timestamp>,
    pub(super) above: Option<Above>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Above {
    pub(super) since: Timestamp,
    /// The time above the threshold, without the gaps in which nothing was known.
    pub(super) held: Duration,
}

/// Where a timer stands after a round.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    Inactive,
    Pending { since: Timestamp, held: Duration },
    Firing { since: Timestamp },
    Unknown { since: Timestamp },
    WarmingUp { until: Timestamp },
    Settling { until: Timestamp },
}

impl Timer {
    /// Takes one round's value, `None` where it is unknown.
    pub fn advance(
        &mut self,
        rule: &Rule,
        value: Option<f64>,
        interval: Duration,
        settled_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Phase {
        let gap = self.seen.or(self.unknown_since).map_or(Duration::ZERO, |last| elapsed(last, now));
        let interrupted = self.unknown_since.is_some() || gap > interval * MISSED_ROUNDS;
        let long_gap = interrupted && gap > rule.hold();
        if long_gap {
            self.above = None;
        }
        let Some(value) = value else {
            return Phase::Unknown { since: *self.unknown_since.get_or_insert(now) };
        };
        if long_gap {
            self.warm_at = Some(after(now, rule.lookback()));
        }
        self.seen = Some(now);
        self.unknown_since = None;
        self.warm_at = self.warm_at.filter(|&until| until > now);
        if let Some(until) = settled_at.filter(|&until| until > now) {
            self.above = None;
            return Phase::Settling { until };
        }
        if let Some(until) = self.warm_at {
            self.above = None;
            return Phase::WarmingUp { until };
        }
        if value <= rule.threshold() {
            self.above = None;
            return Phase::Inactive;
        }
        let above = self.above.get_or_insert(Above { since: now, held: Duration::ZERO });
        if above.since < now && !interrupted {
            above.held += gap;
        }
        match above.held >= rule.hold() {
            true => Phase::Firing { since: above.since },
            false => Phase::Pending { since: above.since, held: above.held },
        }
    }
}

pub(super) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

pub(super) fn after(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}
