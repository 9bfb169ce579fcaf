//! A metric source that says what a test told it to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::{MetricSource, QueryResult, Sample, Unknown};

/// Answers by expression; what it was not told about is [`Unknown::Empty`], as in Prometheus.
#[derive(Debug, Default)]
pub struct FakeMetrics(Mutex<BTreeMap<String, QueryResult>>);

impl FakeMetrics {
    pub fn set(&self, expr: &str, reading: QueryResult) {
        self.0.lock().expect("no test panics while it holds the lock").insert(expr.to_owned(), reading);
    }
}

#[async_trait]
impl MetricSource for FakeMetrics {
    async fn query(&self, expr: &str) -> QueryResult {
        let readings = self.0.lock().expect("no test panics while it holds the lock");
        readings.get(expr).cloned().unwrap_or(Err(Unknown::Empty))
    }
}

/// One sample for each `(shard, value)`.
pub fn per_shard(values: &[(&str, f64)]) -> QueryResult {
    let sample =
        |&(shard, value): &(&str, f64)| Sample::new(BTreeMap::from([("shard".to_owned(), shard.to_owned())]), value);
    Ok(values.iter().map(sample).collect())
}
