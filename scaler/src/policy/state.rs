//! What a decision remembers from one round to the next.

use std::time::Duration;

use jiff::Timestamp;
use keyspace::topology::ShardId;
use serde::{Deserialize, Serialize};

use super::calm::CalmClock;
use super::decision::Cause;
use super::timer::{Timer, after};
use crate::rules::Rule;

/// The smallest relative fall that counts as help: below the half of what an even split brings, above noise.
const HELPFUL_FALL: f64 = 0.1;

/// Clocks, rests and stops. The catalogue keeps it, so that a restart forgets none of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyState {
    pub(super) paused: bool,
    pub(super) timers: Vec<Timer>,
    pub(super) last_action_ended: Option<Timestamp>,
    pub(super) failure: Option<Failure>,
    pub(super) addition: Option<Addition>,
    pub(super) futility: Option<Futility>,
    pub(super) calm: Option<CalmClock>,
}

impl PolicyState {
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Ends a pause, and gives adding another chance where it had stopped for not helping.
    pub fn resume(&mut self) {
        self.paused = false;
        self.futility = None;
    }

    /// An action is complete, its rebalance included: the cooldown begins. Actions on command count as well.
    pub fn action_ended(&mut self, now: Timestamp) {
        self.last_action_ended = Some(now);
        self.failure = None;
        if let Some(addition) = &mut self.addition {
            addition.ended = true;
        }
    }

    /// An action failed and was undone. It moved nothing, so there is no cooldown, only a rest before the next try.
    pub fn action_failed(&mut self, what: impl Into<String>, retry_at: Timestamp) {
        self.failure = Some(Failure { what: what.into(), retry_at });
        self.addition = None;
    }

    /// An action moved rows and then failed to come to its end: both the cooldown and a rest before the next try.
    pub fn action_broke_off(&mut self, what: impl Into<String>, now: Timestamp, retry_at: Timestamp) {
        self.action_ended(now);
        self.action_failed(what, retry_at);
    }

    /// When the cooldown ends, also where that lies in the past.
    pub fn cooldown_until(&self, cooldown: Duration) -> Option<Timestamp> {
        self.last_action_ended.map(|ended| after(ended, cooldown))
    }

    /// When a rule's values tell only of the time after the last action: a lookback and two scrapes after its end.
    pub(super) fn settled_at(&self, rule: &Rule, interval: Duration) -> Option<Timestamp> {
        self.last_action_ended.map(|ended| after(ended, rule.lookback() + interval * 2))
    }

    /// The timer of a rule on a shard, a new one if there is none yet.
    pub(super) fn timer(&self, rule: &Rule, shard: Option<&ShardId>) -> Timer {
        let found = self.timers.iter().find(|timer| timer.rule == rule.name() && timer.shard.as_ref() == shard);
        found.cloned().unwrap_or_else(|| Timer {
            rule: rule.name().to_owned(),
            shard: shard.cloned(),
            seen: None,
            unknown_since: None,
            warm_at: None,
            above: None,
        })
    }

    /// Moments after now come from a clock that was set back; without this a rest could last for years.
    pub(super) fn forget_the_future(&mut self, now: Timestamp) {
        self.last_action_ended = self.last_action_ended.map(|ended| ended.min(now));
        if let Some(calm) = &mut self.calm {
            (calm.since, calm.seen) = (calm.since.min(now), calm.seen.min(now));
        }
        for timer in &mut self.timers {
            timer.seen = timer.seen.map(|seen| seen.min(now));
            timer.unknown_since = timer.unknown_since.map(|since| since.min(now));
            if let Some(above) = &mut timer.above {
                above.since = above.since.min(now);
            }
        }
    }

    /// Watches what the last addition did to the value that asked for it.
    pub(super) fn note_effect(&mut self, rule: &Rule, shard: Option<&ShardId>, value: f64) {
        if let Some(addition) = &mut self.addition
            && addition.ended
            && addition.rule == rule.name()
            && addition.shard.as_ref() == shard
        {
            addition.lowest = Some(addition.lowest.map_or(value, |lowest| lowest.min(value)));
        }
    }

    /// Called before the next addition: the last one has had its cooldown by then.
    pub(super) fn judge_last_addition(&mut self) {
        let Some(addition) = self.addition.take() else { return };
        match addition.helped() {
            Some(true) => self.futility = None,
            Some(false) => {
                let additions = self.futility.as_ref().map_or(0, |futility| futility.additions) + 1;
                self.futility = Some(Futility { additions, rule: addition.rule, shard: addition.shard });
            }
            // Nothing was read since, which proves nothing.
            None => {}
        }
    }
}

/// An addition that a rule asked for, until it is known whether it helped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Addition {
    rule: String,
    shard: Option<ShardId>,
    /// The value that asked for it.
    value: f64,
    shards_after: usize,
    ended: bool,
    /// The lowest value since its end. Not the latest: a load that goes on growing was helped nonetheless.
    lowest: Option<f64>,
}

impl Addition {
    /// `None` where no value asked for it, so none can tell whether it helped.
    pub fn expected(cause: &Cause, source: Option<&ShardId>, shards_after: usize) -> Option<Addition> {
        let Cause::Rule(breach) = cause else { return None };
        let (rule, shard, value) = (breach.rule.clone(), source.cloned(), breach.value);
        Some(Addition { rule, shard, value, shards_after, ended: false, lowest: None })
    }

    /// Whether the value has fallen by enough since the shard was added; `None` if it was not measured since.
    fn helped(&self) -> Option<bool> {
        // A split halves a hot shard; over the cluster, one of n shards takes an nth.
        let even_fall = match self.shard {
            Some(_) => 0.5,
            None => 1.0 / self.shards_after as f64,
        };
        let enough = HELPFUL_FALL.min(even_fall / 2.0);
        self.lowest.map(|lowest| lowest <= self.value * (1.0 - enough))
    }
}

/// Additions in a row that did not help, and what they were to help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Futility {
    pub additions: u32,
    pub rule: String,
    pub shard: Option<ShardId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub what: String,
    pub retry_at: Timestamp,
}
