//! The families about decisions, actions and the scaler itself.

use prometheus::{CounterVec, Gauge, GaugeVec, HistogramVec};

use super::registrar::Registrar;

/// From a second to the two hours that copying a large shard may take.
const ACTION_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 7200.0];

/// Decisions, and the actions that carry them out.
pub struct ActionFamilies {
    pub decisions: CounterVec,
    pub suppressed: CounterVec,
    pub cooldown_until: GaugeVec,
    pub ended: CounterVec,
    pub phase: GaugeVec,
    pub duration: HistogramVec,
    pub last_ended: GaugeVec,
    pub provision_attempts: CounterVec,
}

impl ActionFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> ActionFamilies {
        ActionFamilies {
            decisions: registrar.counters("scaler_decisions_total", "Decisions by direction.", &["direction"]),
            suppressed: registrar.counters(
                "scaler_suppressed_total",
                "Rounds in which nothing was done, by each reason; calm: no rule asked, wanted: one did.",
                &["reason"],
            ),
            cooldown_until: registrar.gauges(
                "scaler_cooldown_until_timestamp_seconds",
                "When the cooldown ends or ended; 0 without one.",
                &["direction"],
            ),
            ended: registrar.counters("scaler_actions_total", "Actions that ended.", &["action", "result"]),
            phase: registrar.gauges(
                "scaler_action_phase",
                "1 for the phase that the action in progress is in, else 0.",
                &["phase"],
            ),
            duration: registrar.histograms(
                "scaler_action_duration_seconds",
                "How long actions took, whatever their result.",
                &["action"],
                &ACTION_BUCKETS,
            ),
            last_ended: registrar.gauges(
                "scaler_last_action_timestamp_seconds",
                "When the last action ended.",
                &["action", "result"],
            ),
            provision_attempts: registrar.counters(
                "scaler_provision_attempts_total",
                "Tries to create an instance; class says why one failed.",
                &["provisioner", "result", "class"],
            ),
        }
    }
}

/// What the scaler itself may do and knows.
pub struct ScalerFamilies {
    pub paused: Gauge,
    pub leader: Gauge,
    pub mode: GaugeVec,
    pub epoch: Gauge,
    pub silent_routers: Gauge,
}

impl ScalerFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> ScalerFamilies {
        ScalerFamilies {
            paused: registrar.gauge("scaler_paused", "1 while scaling is paused."),
            leader: registrar.gauge("scaler_leader", "1 if this scaler may act."),
            mode: registrar.gauges("scaler_mode", "1 for the mode that the scaler runs in, else 0.", &["mode"]),
            epoch: registrar.gauge("scaler_topology_epoch", "Epoch of the topology that the scaler knows."),
            silent_routers: registrar.gauge(
                "scaler_silent_routers",
                "Routers that did not tell in the last round what is asked of each slot.",
            ),
        }
    }
}
