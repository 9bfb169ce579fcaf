//! Rates of ever-rising totals.

use std::time::Instant;

/// What a total was at a moment.
#[derive(Clone, Copy, Debug)]
pub struct CounterReading {
    pub at: Instant,
    pub total: f64,
}

/// How fast a total rose between two readings. `None` without both, and when it fell: the process behind it
/// started again, and how far it had come before is unknown.
pub fn per_second(before: Option<CounterReading>, now: Option<CounterReading>) -> Option<f64> {
    let (before, now) = before.zip(now)?;
    let seconds = now.at.saturating_duration_since(before.at).as_secs_f64();
    let risen = now.total - before.total;
    (seconds > 0.0 && risen >= 0.0).then(|| risen / seconds)
}
