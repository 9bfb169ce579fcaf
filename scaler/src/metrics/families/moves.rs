//! The families about moves of slots.

use prometheus::{Counter, CounterVec, Gauge, GaugeVec, Histogram};

use super::registrar::Registrar;

/// Around a tenth of a second, what writes may wait without a client noticing.
const CUTOVER_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Moves of slots.
pub struct MoveFamilies {
    pub in_progress: GaugeVec,
    pub ended: CounterVec,
    pub rows_copied: Counter,
    pub bytes_copied: Counter,
    pub rows_deleted: Counter,
    pub changes_replayed: Counter,
    pub waiting_changes: GaugeVec,
    pub remaining_rows: Gauge,
    pub remaining_seconds: GaugeVec,
    pub throttled: CounterVec,
    pub last_progress: Gauge,
    pub cutover_attempts: Counter,
    pub cutover_duration: Histogram,
}

impl MoveFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> MoveFamilies {
        MoveFamilies {
            in_progress: registrar.gauges("rebalance_moves", "Moves of slots in progress, by phase.", &["phase"]),
            ended: registrar.counters("rebalance_moves_total", "Moves of slots that ended.", &["result"]),
            rows_copied: registrar.counter("rebalance_rows_copied_total", "Rows copied between shards."),
            bytes_copied: registrar.counter("rebalance_bytes_copied_total", "Bytes of the rows copied between shards."),
            rows_deleted: registrar.counter("rebalance_rows_deleted_total", "Moved rows deleted at their old place."),
            changes_replayed: registrar.counter(
                "rebalance_changes_replayed_total",
                "Changes that were made while rows moved, replayed on the target.",
            ),
            waiting_changes: registrar.gauges(
                "rebalance_waiting_changes",
                "Changes that a move in progress has still to replay; as the mover counts them, absent without a move.",
                &["move"],
            ),
            remaining_rows: registrar.gauge(
                "rebalance_remaining_rows",
                "Rows that moves in progress still have to copy, by estimate; 0 without one.",
            ),
            remaining_seconds: registrar.gauges(
                "rebalance_remaining_seconds",
                "Until a move in progress switches or, behind that, is cleaned up, by estimate; absent when unknown.",
                &["move"],
            ),
            throttled: registrar.counters(
                "rebalance_throttled_seconds_total",
                "What moves rested: busy, the application is at work; overloaded, a server runs too many statements; \
                 replica_lag, a replica is behind.",
                &["reason"],
            ),
            last_progress: registrar.gauge(
                "rebalance_last_progress_timestamp_seconds",
                "When a move in progress last got further; 0 without one.",
            ),
            cutover_attempts: registrar.counter(
                "rebalance_cutover_attempts_total",
                "Attempts to switch the owner of slots, whatever became of them.",
            ),
            cutover_duration: registrar.histogram(
                "rebalance_cutover_duration_seconds",
                "How long writes waited while slots changed owner.",
                &CUTOVER_BUCKETS,
            ),
        }
    }
}
