//! What an answer means for a rule.

use std::collections::BTreeMap;

use keyspace::topology::ShardId;

use super::{Rule, Scope};
use crate::prometheus::{MetricSource, QueryResult, Sample, Unknown};

/// One rule with what its expression gave.
#[derive(Clone, Debug)]
pub struct RuleReading {
    pub rule: Rule,
    pub values: Result<Values, Unknown>,
}

/// The values of a rule, in the shape of its scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Hot: each shard that has a series. A shard that is missing here is unknown.
    PerShard(BTreeMap<ShardId, Result<f64, Unknown>>),
    /// Cold: one value, and the shards that it covers.
    Cluster { value: f64, covered: Vec<ShardId> },
}

impl RuleReading {
    /// Asks the source for a rule's values: one query for a hot rule, two for a cold one.
    pub async fn fetch(rule: &Rule, source: &dyn MetricSource) -> RuleReading {
        let reading = source.query(rule.expr()).await;
        let coverage = match rule.coverage() {
            Some(coverage) if reading.is_ok() => Some(source.query(coverage).await),
            _ => None,
        };
        RuleReading::new(rule.clone(), reading, coverage)
    }

    /// Reads the answers to a rule's expression and, for a cold rule, to its coverage.
    pub fn new(rule: Rule, reading: QueryResult, coverage: Option<QueryResult>) -> RuleReading {
        let values = match rule.scope() {
            Scope::Hot => reading.and_then(|samples| per_shard(&samples)).map(Values::PerShard),
            Scope::Cold => reading.and_then(|samples| {
                let value = single(&samples)?;
                let covering = per_shard(&coverage.unwrap_or(Err(Unknown::Empty))?)?;
                let covered = covering.into_iter().filter_map(|(shard, value)| value.is_ok().then_some(shard));
                Ok(Values::Cluster { value, covered: covered.collect() })
            }),
        };
        RuleReading { rule, values }
    }
}

fn per_shard(samples: &[Sample]) -> Result<BTreeMap<ShardId, Result<f64, Unknown>>, Unknown> {
    let mut values = BTreeMap::new();
    let mut labels_of = BTreeMap::new();
    for sample in samples {
        let name = sample.labels.get("shard").ok_or_else(|| Unknown::NoShardLabel { labels: labels(sample) })?;
        // A label that cannot be a shard's name is no shard of ours, as is one that the topology does not have.
        let Ok(shard) = ShardId::new(name) else { continue };
        if let Some(first) = labels_of.insert(shard.clone(), labels(sample)) {
            return Err(Unknown::DuplicateShard { first, second: labels(sample) });
        }
        values.insert(shard, sample.value());
    }
    Ok(values)
}

fn single(samples: &[Sample]) -> Result<f64, Unknown> {
    match samples {
        [] => Err(Unknown::Empty),
        [sample] => sample.value(),
        several => Err(Unknown::SeveralSeries(several.len())),
    }
}

fn labels(sample: &Sample) -> String {
    let pairs = sample.labels.iter().map(|(name, value)| format!("{name}={value:?}"));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::prometheus::fake::{FakeMetrics, per_shard as series};
    use crate::rules::defaults::ScalingThresholds;

    fn rows(scope: Scope) -> Rule {
        let thresholds =
            ScalingThresholds { total_entry_threshold_per_shard: Some(100.0), ..ScalingThresholds::default() };
        thresholds.rules(scope, Duration::from_secs(10)).unwrap().pop().unwrap()
    }

    fn check(scope: Scope, reading: QueryResult, coverage: Option<QueryResult>) -> String {
        match RuleReading::new(rows(scope), reading, coverage).values {
            Ok(values) => format!("{values:?}"),
            Err(reason) => format!("{}: {reason}", reason.outcome()),
        }
    }

    fn total(value: f64) -> QueryResult {
        Ok(vec![Sample::new(BTreeMap::new(), value)])
    }

    #[test]
    fn hot_values_go_by_shard() {
        insta::assert_snapshot!(check(Scope::Hot, series(&[("shard-1", 104.0), ("shard-2", f64::NAN), ("no shard", 1.0)]), None), @r#"PerShard({shard-1: Ok(104.0), shard-2: Err(NotFinite { value: "NaN" })})"#);
        insta::assert_snapshot!(check(Scope::Hot, series(&[("shard-1", 104.0), ("shard-1", 3.0)]), None), @r#"invalid: two series carry the same shard: {shard="shard-1"} and {shard="shard-1"}"#);
        insta::assert_snapshot!(check(Scope::Hot, total(104.0), None), @"invalid: a series carries no shard label: {}");
        insta::assert_snapshot!(check(Scope::Hot, Err(Unknown::Empty), None), @"no_data: prometheus has no data for it");
    }

    #[test]
    fn cold_values_are_one_and_covered() {
        let both = series(&[("shard-1", 104.0), ("shard-2", 3.0)]);
        insta::assert_snapshot!(check(Scope::Cold, total(53.5), Some(both.clone())), @"Cluster { value: 53.5, covered: [shard-1, shard-2] }");
        insta::assert_snapshot!(check(Scope::Cold, both.clone(), Some(both)), @"invalid: a rule over the cluster needs exactly one series, the query gives 2");
        insta::assert_snapshot!(check(Scope::Cold, total(f64::INFINITY), Some(series(&[("shard-1", 1.0)]))), @"invalid: its value is inf");
        insta::assert_snapshot!(check(Scope::Cold, total(53.5), None), @"no_data: prometheus has no data for it");
    }

    #[tokio::test]
    async fn a_cold_rule_asks_for_its_coverage_too() {
        let rule = rows(Scope::Cold);
        let source = FakeMetrics::default();
        source.set(rule.expr(), total(104.0));
        source.set(rule.coverage().unwrap(), series(&[("shard-1", 104.0)]));
        let covered = vec![ShardId::new("shard-1").unwrap()];
        let reading = RuleReading::fetch(&rule, &source).await;
        assert_eq!(reading.values, Ok(Values::Cluster { value: 104.0, covered }));
    }
}
