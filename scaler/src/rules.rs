//! Which load is too much: rules, the defaults made from thresholds, and what an answer means for a rule.

pub mod defaults;
pub mod lookback;
mod reading;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::lookback::{LookbackError, longest_lookback};
pub use self::reading::{RuleReading, Values};

/// Whether each shard is compared with the threshold, or the cluster as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Hot,
    Cold,
}

/// Whether a breach asks for more shards or for fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Out,
    In,
}

/// What a rule's numbers count, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Percent,
    Count,
    CountPerShard,
    PerSecond,
    PerSecondPerShard,
    Plain,
}

/// What has to be halved for a rule's value to fall when a shard is split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// What is asked of the shard's slots.
    #[default]
    Load,
    /// The number of its slots, and with it what the shard holds.
    Slots,
}

/// What a rule is made of, not yet checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Letters, digits and `_`; unique, as states and metrics are kept by it.
    pub name: String,
    pub scope: Scope,
    pub direction: Direction,
    /// PromQL without the comparison: that happens here, because a comparison in PromQL hides missing data.
    pub expr: String,
    /// Cold rules only: an expression with one series for each shard that `expr` covers.
    pub coverage: Option<String>,
    /// A value above it is a breach. Positive.
    pub threshold: f64,
    /// How long the value must stay above the threshold.
    #[serde(rename = "for")]
    pub for_: Duration,
    pub unit: Unit,
    #[serde(default)]
    pub split_by: SplitBy,
}

/// A rule that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    spec: RuleSpec,
    lookback: Duration,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RuleError {
    #[error("rule `{0}`: a name has 1 to 48 letters, digits and `_`")]
    Name(String),
    #[error("rule `{0}`: `direction: in` is not supported: shards are not taken away yet")]
    ScaleIn(String),
    #[error("rule `{name}`: the threshold must be above 0, not {threshold}")]
    Threshold { name: String, threshold: f64 },
    #[error("rule `{name}`: {reason}")]
    Expression { name: String, reason: LookbackError },
    #[error("rule `{0}`: a rule over the cluster needs `coverage`, an expression with one series for each shard")]
    NoCoverage(String),
    #[error("rule `{0}` appears twice")]
    Duplicate(String),
}

impl Rule {
    pub fn new(spec: RuleSpec) -> Result<Rule, RuleError> {
        let name = spec.name.clone();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > 48 || !name.chars().all(legal) {
            return Err(RuleError::Name(name));
        }
        if spec.direction == Direction::In {
            return Err(RuleError::ScaleIn(name));
        }
        if !spec.threshold.is_finite() || spec.threshold <= 0.0 {
            return Err(RuleError::Threshold { name, threshold: spec.threshold });
        }
        if spec.scope == Scope::Cold && spec.coverage.is_none() {
            return Err(RuleError::NoCoverage(name));
        }
        let lookback = longest_lookback(&spec.expr).map_err(|reason| RuleError::Expression { name, reason })?;
        Ok(Rule { spec, lookback })
    }

    /// Refuses two rules of one name.
    pub fn check_unique(rules: &[Rule]) -> Result<(), RuleError> {
        let repeated = |(i, rule): (usize, &Rule)| rules[..i].iter().any(|other| other.name() == rule.name());
        match rules.iter().enumerate().position(repeated) {
            Some(i) => Err(RuleError::Duplicate(rules[i].name().to_owned())),
            None => Ok(()),
        }
    }

    pub fn name(&self) -> &str {
        &self.spec.name
    }

    pub fn scope(&self) -> Scope {
        self.spec.scope
    }

    pub fn direction(&self) -> Direction {
        self.spec.direction
    }

    pub fn expr(&self) -> &str {
        &self.spec.expr
    }

    /// The expression that tells which shards `expr` covers; only cold rules have one.
    pub fn coverage(&self) -> Option<&str> {
        self.spec.coverage.as_deref().filter(|_| self.scope() == Scope::Cold)
    }

    pub fn threshold(&self) -> f64 {
        self.spec.threshold
    }

    pub fn hold(&self) -> Duration {
        self.spec.for_
    }

    pub fn unit(&self) -> Unit {
        self.spec.unit
    }

    pub fn split_by(&self) -> SplitBy {
        self.spec.split_by
    }

    /// How far back the expression looks: for so long after an action its value still tells of the time before.
    pub fn lookback(&self) -> Duration {
        self.lookback
    }
}

impl Unit {
    /// A value with its unit.
    pub fn show(self, value: f64) -> impl fmt::Display {
        let number = number(value);
        match self {
            Unit::Percent => format!("{number} %"),
            Unit::Count | Unit::Plain => number,
            Unit::CountPerShard => format!("{number} per shard"),
            Unit::PerSecond => format!("{number} per second"),
            Unit::PerSecondPerShard => format!("{number} per second and shard"),
        }
    }

    /// `is` or `are`, as rows and connections are many and a share is one.
    pub fn verb(self) -> &'static str {
        match self {
            Unit::Count | Unit::CountPerShard => "are",
            Unit::Percent | Unit::PerSecond | Unit::PerSecondPerShard | Unit::Plain => "is",
        }
    }
}

/// Enough digits to tell values apart, and no more.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 1.0 => 1,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RuleSpec {
        RuleSpec {
            name: "p99".to_owned(),
            scope: Scope::Hot,
            direction: Direction::Out,
            expr: "latency[5m]".to_owned(),
            coverage: None,
            threshold: 1.0,
            for_: Duration::ZERO,
            unit: Unit::Plain,
            split_by: SplitBy::Load,
        }
    }

    #[test]
    fn a_rule_knows_how_far_it_looks_back() {
        assert_eq!(Rule::new(spec()).unwrap().lookback(), Duration::from_secs(300));
    }

    #[test]
    fn mistakes_are_refused_by_name() {
        let error = |spec| Rule::new(spec).unwrap_err().to_string();
        insta::assert_snapshot!(error(RuleSpec { name: "a b".to_owned(), ..spec() }), @"rule `a b`: a name has 1 to 48 letters, digits and `_`");
        insta::assert_snapshot!(error(RuleSpec { direction: Direction::In, ..spec() }), @"rule `p99`: `direction: in` is not supported: shards are not taken away yet");
        insta::assert_snapshot!(error(RuleSpec { threshold: 0.0, ..spec() }), @"rule `p99`: the threshold must be above 0, not 0");
        insta::assert_snapshot!(error(RuleSpec { threshold: f64::NAN, ..spec() }), @"rule `p99`: the threshold must be above 0, not NaN");
        insta::assert_snapshot!(error(RuleSpec { scope: Scope::Cold, ..spec() }), @"rule `p99`: a rule over the cluster needs `coverage`, an expression with one series for each shard");
        insta::assert_snapshot!(error(RuleSpec { expr: "x[5 apples]".to_owned(), ..spec() }), @"rule `p99`: `5 apples` is not a range that can be read");
        let rule = Rule::new(spec()).unwrap();
        assert_eq!(Rule::check_unique(&[rule.clone(), rule]), Err(RuleError::Duplicate("p99".to_owned())));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [104.0, 71.25, 0.00012, 12345.678, 3.0].map(number);
        assert_eq!(shown, ["104", "71.2", "0.0001", "12346", "3"]);
    }
}
