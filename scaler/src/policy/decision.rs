//! The answer of a round, in types for the executor and in words for people.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use keyspace::slots::halve::Unsplittable;
use keyspace::topology::ShardId;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::calm::{Calm, place};
use super::timer::Phase;
use crate::prometheus::{Unknown, list_shards};
use crate::rules::{Rule, SplitBy, Unit};

/// What to do, and why. Doing nothing has its reasons too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub at: Timestamp,
    pub action: Action,
    /// The most important first; never empty.
    pub reasons: Vec<Reason>,
    /// Every rule on every shard that it looks at, in the order of rules and shards.
    pub rules: Vec<RuleStatus>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// One more shard. It takes slots from `source`, or from every shard where there is none.
    ScaleOut {
        source: Option<ShardId>,
        cause: Cause,
    },
    /// One shard fewer: this one gives its slots to the others and goes.
    ScaleIn {
        shard: ShardId,
        cause: Cause,
    },
    Hold,
}

/// What asks for an action.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    Rule(Breach),
    MinShards { shards: usize, min: usize },
    Calm(Calm),
}

/// A value above its rule's threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breach {
    pub rule: String,
    /// `None` for the cluster.
    pub shard: Option<ShardId>,
    pub value: f64,
    pub threshold: f64,
    pub unit: Unit,
    /// What a split for it has to halve.
    #[serde(skip)]
    pub split_by: SplitBy,
}

impl Breach {
    pub(super) fn new(rule: &Rule, shard: Option<ShardId>, value: f64) -> Breach {
        Breach {
            rule: rule.name().to_owned(),
            shard,
            value,
            threshold: rule.threshold(),
            unit: rule.unit(),
            split_by: rule.split_by(),
        }
    }

    /// How many times the threshold the value is, which makes different rules comparable.
    pub fn severity(&self) -> f64 {
        self.value / self.threshold
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Breach { rule, shard, value, threshold, unit, split_by: _ } = self;
        let place = place(shard.as_ref());
        write!(f, "{rule} {place} {} {}, above {}", unit.verb(), unit.show(*value), unit.show(*threshold))
    }
}

/// One thing that spoke for or against acting.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    ScaleOut {
        cause: Cause,
        source: Option<ShardId>,
    },
    ScaleIn {
        cause: Cause,
        shard: ShardId,
        held: Duration,
    },
    /// Something asks for an action, and the reasons that follow say why it has to wait.
    Wanted(Cause),
    Off,
    Paused,
    Recommended {
        source: Option<ShardId>,
    },
    RecommendedDrain {
        shard: ShardId,
    },
    InProgress {
        action: String,
    },
    Cooldown {
        until: Timestamp,
    },
    Backoff {
        what: String,
        until: Timestamp,
    },
    MaxShards {
        max: usize,
    },
    Futile {
        additions: u32,
        rule: String,
        shard: Option<ShardId>,
    },
    Troubled {
        shard: ShardId,
        trouble: String,
    },
    Unsplittable {
        shard: ShardId,
        why: Unsplittable,
    },
    /// `why`: what `check` says of them.
    CannotMove {
        shard: ShardId,
        why: String,
    },
    Pending {
        breach: Breach,
        held: Duration,
        hold: Duration,
    },
    /// One shard fewer would do, not yet for long enough.
    Calming {
        shard: ShardId,
        held: Duration,
        hold: Duration,
    },
    Settling {
        rule: String,
        until: Timestamp,
    },
    /// No shards: a rule over the cluster.
    WarmingUp {
        rule: String,
        shards: Vec<ShardId>,
        until: Timestamp,
    },
    /// No shards: a rule over the cluster, or one that failed as a whole.
    Unknown {
        rule: String,
        shards: Vec<ShardId>,
        why: Unknown,
    },
    Strangers {
        rule: String,
        shards: Vec<ShardId>,
    },
    Calm {
        rules: usize,
    },
}

impl Reason {
    /// Adds `reason`, to the one that says the same of other shards if there is one: fifty shards make no fifty lines.
    pub(super) fn add_to(self, reasons: &mut Vec<Reason>) {
        for known in &mut *reasons {
            match (known, &self) {
                (
                    Reason::WarmingUp { rule, shards, until },
                    Reason::WarmingUp { rule: same_rule, shards: more, until: same_until },
                ) if (&*rule, &*until) == (same_rule, same_until) => return extend(shards, more),
                (
                    Reason::Unknown { rule, shards, why },
                    Reason::Unknown { rule: same_rule, shards: more, why: same_why },
                ) if (&*rule, &*why) == (same_rule, same_why) => {
                    return extend(shards, more);
                }
                (known, new) if known == new => return,
                _ => {}
            }
        }
        reasons.push(self);
    }

    /// The value of the label `reason` in `sql_autoscaler_scaler_suppressed_total`, and the code in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::ScaleOut { .. } => "scale_out",
            Reason::ScaleIn { .. } => "scale_in",
            Reason::Wanted(_) => "wanted",
            Reason::Off => "off",
            Reason::Paused => "paused",
            Reason::Recommended { .. } | Reason::RecommendedDrain { .. } => "recommend",
            Reason::InProgress { .. } => "in_progress",
            Reason::Cooldown { .. } => "cooldown",
            Reason::Backoff { .. } => "backoff",
            Reason::MaxShards { .. } => "max_shards",
            Reason::Futile { .. } => "futile",
            Reason::Troubled { .. } => "shard_trouble",
            Reason::Unsplittable { .. } => "unsplittable",
            Reason::CannotMove { .. } => "cannot_move",
            Reason::Pending { .. } | Reason::Calming { .. } => "window",
            Reason::Settling { .. } => "settling",
            Reason::WarmingUp { .. } => "warming_up",
            Reason::Unknown { .. } => "unknown",
            Reason::Strangers { .. } => "unknown_shards",
            Reason::Calm { .. } => "calm",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::ScaleOut { cause, source } => write!(f, "{cause}; scaling out: {}", plan(source.as_ref())),
            Reason::ScaleIn { cause, shard, held } => {
                write!(f, "{cause}, for {}; scaling in: {shard} will be drained", seconds(*held))
            }
            Reason::Wanted(cause) => cause.fmt(f),
            Reason::Off => f.write_str("mode is off: nothing is done automatically"),
            Reason::Paused => f.write_str("scaling is paused; `sql-autoscaler resume` ends the pause"),
            Reason::Recommended { source } => {
                let plan = plan(source.as_ref());
                write!(f, "mode is recommend: run `sql-autoscaler scale-out` to do it ({plan})")
            }
            Reason::RecommendedDrain { shard } => {
                write!(f, "mode is recommend: run `sql-autoscaler drain {shard}` to do it")
            }
            Reason::InProgress { action } => write!(f, "one action at a time: {action} is in progress"),
            Reason::Cooldown { until } => write!(f, "cooling down after the last action until {until:.0}"),
            Reason::Backoff { what, until } => {
                write!(f, "the last try failed ({what}); the next one is due at {until:.0}")
            }
            Reason::MaxShards { max } => write!(f, "max_shards is {max}, and all of them are in use"),
            Reason::Futile { additions, rule, shard } => {
                let place = place(shard.as_ref());
                write!(
                    f,
                    "the last {additions} shards did not lower {rule} {place}, so another one would not either: look for \
                     a single key that carries the load, then `sql-autoscaler resume`"
                )
            }
            Reason::Troubled { shard, trouble } => write!(f, "no rows can move while {shard} is {trouble}"),
            Reason::Unsplittable { shard, why: Unsplittable::TooFewSlots } => {
                write!(f, "{shard} has fewer than two slots, so it cannot be split")
            }
            Reason::Unsplittable { shard, why: why @ Unsplittable::HotSlot { .. } } => {
                write!(
                    f,
                    "a split of {shard} would not help: {why}, which another shard would carry as it is; look for a single \
                     key that is asked for"
                )
            }
            Reason::CannotMove { shard, why } => write!(f, "rows of {shard} cannot move: {why}"),
            Reason::Pending { breach, held, hold } => {
                write!(f, "{breach}, for {} of {} so far", seconds(*held), seconds(*hold))
            }
            Reason::Calming { shard, held, hold } => {
                let (held, hold) = (seconds(*held), seconds(*hold));
                write!(f, "the cluster could do without {shard}, for {held} of {hold} so far")
            }
            Reason::Settling { rule, until } => {
                write!(f, "rule {rule} still looks back before the end of the last action, until {until:.0}")
            }
            Reason::WarmingUp { rule, shards, until } => {
                let on_shards = on_shards(shards);
                write!(f, "rule {rule} had no value{on_shards} for a while; it is trusted again from {until:.0}")
            }
            Reason::Unknown { rule, shards, why } => write!(f, "no value for {rule}{}: {why}", on_shards(shards)),
            Reason::Strangers { rule, shards } => {
                let shards = list_shards(shards);
                write!(f, "{rule} has values of shards that the topology does not have, which are ignored: {shards}")
            }
            Reason::Calm { rules: 0 } => f.write_str("there are no rules"),
            Reason::Calm { .. } => f.write_str("no rule is above its threshold"),
        }
    }
}

/// `{"code", "text"}`: a code for machines, a sentence for people.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Reason", 2)?;
        object.serialize_field("code", self.code())?;
        object.serialize_field("text", &self.to_string())?;
        object.end()
    }
}

impl Cause {
    /// What a split for it has to halve.
    pub fn split_by(&self) -> SplitBy {
        match self {
            Cause::Rule(breach) => breach.split_by,
            Cause::MinShards { .. } | Cause::Calm(_) => SplitBy::default(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Rule(breach) => breach.fmt(f),
            Cause::MinShards { shards, min } => write!(f, "the cluster has {shards} of at least {min} shards"),
            Cause::Calm(calm) => calm.fmt(f),
        }
    }
}

/// One rule on one shard, or on the cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleStatus {
    pub rule: String,
    pub shard: Option<ShardId>,
    /// `None` where it is not known; never 0 instead.
    pub value: Option<f64>,
    pub threshold: f64,
    pub unit: Unit,
    pub state: RuleState,
    /// Since when the rule is above its threshold, or unknown.
    pub since: Option<Timestamp>,
    /// What `state` means here, in words; empty for `inactive`.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    Inactive,
    /// Above the threshold, not yet for long enough.
    Pending,
    Firing,
    Unknown,
    /// Unknown for a fault in the question or the answer: two series for one shard, an infinite value.
    Invalid,
    /// Known again after a gap; the window is not yet full.
    WarmingUp,
    /// The window still reaches back before the end of the last action.
    Settling,
}

impl RuleStatus {
    pub(super) fn new(rule: &Rule, shard: Option<ShardId>, value: &Result<f64, Unknown>, phase: &Phase) -> RuleStatus {
        let (state, since, detail) = match phase {
            Phase::Inactive => (RuleState::Inactive, None, String::new()),
            Phase::Pending { since, held } => {
                (RuleState::Pending, Some(*since), format!("{} of {}", seconds(*held), seconds(rule.hold())))
            }
            Phase::Firing { since } => (RuleState::Firing, Some(*since), "above the threshold".to_owned()),
            Phase::Unknown { since } => {
                let why = value.as_ref().err();
                let is_invalid = why.is_some_and(|why| why.outcome() == "invalid");
                let state = if is_invalid { RuleState::Invalid } else { RuleState::Unknown };
                (state, Some(*since), why.map(ToString::to_string).unwrap_or_default())
            }
            Phase::WarmingUp { until } => (RuleState::WarmingUp, None, format!("until {until:.0}")),
            Phase::Settling { until } => (RuleState::Settling, None, format!("until {until:.0}")),
        };
        RuleStatus {
            rule: rule.name().to_owned(),
            shard,
            value: value.as_ref().ok().copied(),
            threshold: rule.threshold(),
            unit: rule.unit(),
            state,
            since,
            detail,
        }
    }
}

fn extend(shards: &mut Vec<ShardId>, more: &[ShardId]) {
    let new: Vec<_> = more.iter().filter(|shard| !shards.contains(shard)).cloned().collect();
    shards.extend(new);
}

fn on_shards(shards: &[ShardId]) -> String {
    if shards.is_empty() { String::new() } else { format!(" on {}", list_shards(shards)) }
}

fn plan(source: Option<&ShardId>) -> String {
    match source {
        Some(shard) => format!("{shard} will be split"),
        None => "every shard will give a part of its slots to a new one".to_owned(),
    }
}

fn seconds(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}
