//! The rules that the original's thresholds stand for.
//!
//! `hot` compares each shard with the threshold. `cold` compares the cluster with the same number: the use of all
//! shards over their capacity for CPU and memory, and the mean per shard for counts. A total would grow with every
//! shard added and could never fall below the threshold again.
//!
//! Every value is gated: it counts only while its source is alive and was scraped within the window. A `rate()`
//! over a dead shard decays for a whole range, and an instant selector repeats the last value for five minutes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Direction, Rule, RuleError, RuleSpec, Scope, SplitBy, Unit};

/// The key `scaling_thresholds`. `null` switches a rule off; a missing key has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScalingThresholds {
    /// 70; above 0, at most 100.
    pub cpu_threshold_percent: Option<f64>,
    /// 85; above 0, at most 100.
    pub memory_threshold_percent: Option<f64>,
    /// Open client connections on a shard, 20.
    pub connection_threshold: Option<f64>,
    /// Statements per second that the routers send to a shard, 1000.
    pub qps_threshold: Option<f64>,
    /// Rows of a shard, off by default.
    pub total_entry_threshold_per_shard: Option<f64>,
}

impl Default for ScalingThresholds {
    fn default() -> ScalingThresholds {
        ScalingThresholds {
            cpu_threshold_percent: Some(70.0),
            memory_threshold_percent: Some(85.0),
            connection_threshold: Some(20.0),
            qps_threshold: Some(1000.0),
            total_entry_threshold_per_shard: None,
        }
    }
}

impl ScalingThresholds {
    /// The default rules, in the order of the keys.
    ///
    /// `interval` is the time between two evaluations, which is taken for the time between two scrapes as well.
    ///
    /// # Errors
    /// Every threshold that cannot be one.
    pub fn rules(&self, strategy: Scope, interval: Duration) -> Result<Vec<Rule>, Vec<RuleError>> {
        let signals = Signals { window: window(interval) };
        // Noisy signals must hold for some evaluations, with a floor for very short intervals. A row count has no
        // noise: rows do not go away by waiting.
        let steady = (interval * 6).max(Duration::from_secs(6));
        let brief = (interval * 3).max(Duration::from_secs(3));
        let (count, rate) = match strategy {
            Scope::Hot => (Unit::Count, Unit::PerSecond),
            Scope::Cold => (Unit::CountPerShard, Unit::PerSecondPerShard),
        };
        let table = [
            ("cpu", self.cpu_threshold_percent, signals.cpu(), steady, Unit::Percent, SplitBy::Load),
            ("memory", self.memory_threshold_percent, signals.memory(), steady, Unit::Percent, SplitBy::Slots),
            ("connections", self.connection_threshold, signals.connections(), brief, count, SplitBy::Load),
            ("qps", self.qps_threshold, signals.qps(), steady, rate, SplitBy::Load),
            ("rows", self.total_entry_threshold_per_shard, signals.rows(), Duration::ZERO, count, SplitBy::Slots),
        ];
        let mut rules = Vec::new();
        let mut mistakes = Vec::new();
        for (name, threshold, signal, for_, unit, split_by) in table {
            let Some(threshold) = threshold else { continue };
            let (expr, coverage) = match strategy {
                Scope::Hot => (signal.hot, None),
                Scope::Cold => (signal.cold, Some(signal.hot)),
            };
            let spec = RuleSpec {
                name: name.to_owned(),
                scope: strategy,
                direction: Direction::Out,
                expr,
                coverage,
                threshold,
                for_,
                unit,
                split_by,
            };
            match Rule::new(spec) {
                Ok(rule) => rules.push(rule),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
    }
}

/// The range of `rate()` and the age at which a value is too old: four scrapes, so that one may fail and a rate
/// still has its two samples, and a minute at least, so that one burst is not a load.
fn window(interval: Duration) -> Duration {
    let seconds = (interval * 4).as_secs_f64().ceil();
    Duration::from_secs_f64(seconds).max(Duration::from_secs(60))
}

/// One signal as PromQL.
struct Signal {
    /// One series for each shard that is alive, with label `shard`.
    hot: String,
    /// One series.
    cold: String,
}

struct Signals {
    window: Duration,
}

impl Signals {
    fn cpu(&self) -> Signal {
        let range = self.window.as_secs();
        self.used_share(
            &format!("max by (shard) (rate(sql_autoscaler_shard_process_cpu_seconds_total[{range}s]))"),
            "max by (shard) (sql_autoscaler_shard_cpu_limit_cores)",
        )
    }

    fn memory(&self) -> Signal {
        self.used_share(
            "max by (shard) (sql_autoscaler_shard_process_resident_memory_bytes)",
            "max by (shard) (sql_autoscaler_shard_memory_limit_bytes)",
        )
    }

    fn connections(&self) -> Signal {
        self.mean(self.alive("max by (shard) (mysql_global_status_threads_connected)"))
    }

    /// Summed, as each router counts its own statements.
    fn qps(&self) -> Signal {
        let range = self.window.as_secs();
        self.mean(self.alive(&format!("sum by (shard) (rate(sql_autoscaler_router_backend_queries_total[{range}s]))")))
    }

    /// Counted by the scaler itself, which drops the series of a shard that it cannot read; so the exporter need
    /// not be asked whether the shard is alive. Right for one series per shard and for one per table.
    fn rows(&self) -> Signal {
        let rows = "sum by (shard) (max by (shard, table) (sql_autoscaler_shard_rows))";
        self.mean(format!("{rows} and on (shard) ({})", self.fresh("sql_autoscaler_shard_rows")))
    }

    /// `used` over `limit` in percent. Both sides of the cold form are gated alike: a dead shard's capacity must
    /// not make the others look idle.
    fn used_share(&self, used: &str, limit: &str) -> Signal {
        let hot = self.alive(&format!("100 * {used} / on (shard) {limit}"));
        let cold = format!("100 * sum({}) / sum({})", self.alive(used), self.alive(limit));
        Signal { hot, cold }
    }

    fn mean(&self, hot: String) -> Signal {
        Signal { cold: format!("avg({hot})"), hot }
    }

    fn alive(&self, expr: &str) -> String {
        format!("({expr}) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) ({})", self.fresh("mysql_up"))
    }

    fn fresh(&self, metric: &str) -> String {
        format!("time() - max by (shard) (timestamp({metric})) < {}", self.window.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(strategy: Scope, interval: Duration) -> Vec<Rule> {
        let thresholds =
            ScalingThresholds { total_entry_threshold_per_shard: Some(100.0), ..ScalingThresholds::default() };
        thresholds.rules(strategy, interval).unwrap()
    }

    fn shown(rules: &[Rule]) -> String {
        let lines = rules.iter().map(|rule| {
            let (threshold, hold) = (rule.unit().show(rule.threshold()), rule.hold());
            format!("{} above {threshold} for {hold:?}\n  {}", rule.name(), rule.expr())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn hot_rules_compare_each_shard() {
        insta::assert_snapshot!(shown(&rules(Scope::Hot, Duration::from_secs(10))), @"
        cpu above 70 % for 60s
          (100 * max by (shard) (rate(sql_autoscaler_shard_process_cpu_seconds_total[60s])) / on (shard) max by (shard) (sql_autoscaler_shard_cpu_limit_cores)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)
        memory above 85 % for 60s
          (100 * max by (shard) (sql_autoscaler_shard_process_resident_memory_bytes) / on (shard) max by (shard) (sql_autoscaler_shard_memory_limit_bytes)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)
        connections above 20 for 30s
          (max by (shard) (mysql_global_status_threads_connected)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)
        qps above 1000 per second for 60s
          (sum by (shard) (rate(sql_autoscaler_router_backend_queries_total[60s]))) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)
        rows above 100 for 0ns
          sum by (shard) (max by (shard, table) (sql_autoscaler_shard_rows)) and on (shard) (time() - max by (shard) (timestamp(sql_autoscaler_shard_rows)) < 60)
        ");
    }

    #[test]
    fn cold_rules_compare_the_cluster_and_know_what_they_cover() {
        let cold = rules(Scope::Cold, Duration::from_secs(10));
        insta::assert_snapshot!(shown(&cold), @"
        cpu above 70 % for 60s
          100 * sum((max by (shard) (rate(sql_autoscaler_shard_process_cpu_seconds_total[60s]))) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)) / sum((max by (shard) (sql_autoscaler_shard_cpu_limit_cores)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60))
        memory above 85 % for 60s
          100 * sum((max by (shard) (sql_autoscaler_shard_process_resident_memory_bytes)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60)) / sum((max by (shard) (sql_autoscaler_shard_memory_limit_bytes)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60))
        connections above 20 per shard for 30s
          avg((max by (shard) (mysql_global_status_threads_connected)) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60))
        qps above 1000 per second and shard for 60s
          avg((sum by (shard) (rate(sql_autoscaler_router_backend_queries_total[60s]))) and on (shard) (max by (shard) (mysql_up) == 1) and on (shard) (time() - max by (shard) (timestamp(mysql_up)) < 60))
        rows above 100 per shard for 0ns
          avg(sum by (shard) (max by (shard, table) (sql_autoscaler_shard_rows)) and on (shard) (time() - max by (shard) (timestamp(sql_autoscaler_shard_rows)) < 60))
        ");
        for (cold, hot) in cold.iter().zip(rules(Scope::Hot, Duration::from_secs(10))) {
            assert_eq!(cold.coverage(), Some(hot.expr()));
        }
    }

    #[test]
    fn windows_follow_the_interval() {
        let lookback = |interval| rules(Scope::Hot, interval)[0].lookback();
        assert_eq!(lookback(Duration::from_millis(500)), Duration::from_secs(60));
        assert_eq!(lookback(Duration::from_secs(30)), Duration::from_secs(120));
        let holds = |interval| rules(Scope::Hot, interval).iter().map(|rule| rule.hold().as_secs()).collect::<Vec<_>>();
        assert_eq!(holds(Duration::from_secs(10)), [60, 60, 30, 60, 0]);
        assert_eq!(holds(Duration::from_secs(1)), [6, 6, 3, 6, 0]);
        assert_eq!(holds(Duration::from_millis(100)), [6, 6, 3, 6, 0]);
    }

    #[test]
    fn null_switches_a_rule_off_and_a_missing_key_does_not() {
        let thresholds: ScalingThresholds = serde_json::from_str(r#"{"cpu_threshold_percent":null}"#).unwrap();
        let rules = thresholds.rules(Scope::Hot, Duration::from_secs(10)).unwrap();
        assert_eq!(rules.iter().map(Rule::name).collect::<Vec<_>>(), ["memory", "connections", "qps"]);
    }

    #[test]
    fn every_bad_threshold_is_reported() {
        let thresholds = ScalingThresholds {
            cpu_threshold_percent: Some(0.0),
            qps_threshold: Some(-1.0),
            ..ScalingThresholds::default()
        };
        assert_eq!(thresholds.rules(Scope::Hot, Duration::from_secs(10)).unwrap_err().len(), 2);
    }
}
