//! The families about rules.

use prometheus::{CounterVec, Gauge, GaugeVec, Histogram};

use super::registrar::Registrar;

const EVALUATION_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Rules and their evaluation.
pub struct RuleFamilies {
    pub value: GaugeVec,
    pub threshold: GaugeVec,
    pub state: GaugeVec,
    pub evaluations: CounterVec,
    pub evaluation_duration: Histogram,
    pub last_evaluation: Gauge,
    pub last_success: GaugeVec,
}

impl RuleFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> RuleFamilies {
        RuleFamilies {
            value: registrar.gauges(
                "scaler_rule_value",
                "What a rule's expression gave last; absent when unknown.",
                &["rule", "shard"],
            ),
            threshold: registrar.gauges("scaler_rule_threshold", "A rule's threshold.", &["rule", "direction"]),
            state: registrar.gauges(
                "scaler_rule_state",
                "1 for the state that a rule is in, else 0.",
                &["rule", "shard", "state"],
            ),
            evaluations: registrar.counters(
                "scaler_evaluations_total",
                "Evaluations of a rule by outcome.",
                &["rule", "outcome"],
            ),
            evaluation_duration: registrar.histogram(
                "scaler_evaluation_duration_seconds",
                "How long a round of evaluating all rules took.",
                &EVALUATION_BUCKETS,
            ),
            last_evaluation: registrar.gauge(
                "scaler_last_evaluation_timestamp_seconds",
                "When the last round of evaluating all rules ended.",
            ),
            last_success: registrar.gauges(
                "scaler_last_success_timestamp_seconds",
                "When a rule's value was last known; 0 if never.",
                &["rule"],
            ),
        }
    }
}
