//! What an expression gave.

use std::collections::BTreeMap;

use super::unknown::Unknown;

/// What an expression gave: at least one sample, or why there is none.
pub type QueryResult = Result<Vec<Sample>, Unknown>;

/// One series of an instant vector. A scalar is a sample without labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    value: f64,
}

impl Sample {
    pub fn new(labels: BTreeMap<String, String>, value: f64) -> Sample {
        Sample { labels, value }
    }

    /// The value, always finite. NaN and infinities come from divisions by zero and say nothing about the load, so
    /// they make this series unknown; the other series of the answer stand.
    pub fn value(&self) -> Result<f64, Unknown> {
        match self.value.is_finite() {
            true => Ok(self.value),
            false => Err(Unknown::NotFinite { value: self.value.to_string() }),
        }
    }
}
