//! How far a move is, told to the log and to whoever listens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::own::journal::MoveState;
use keyspace::topology::{MoveId, ShardId, SlotMove};
use serde::Serialize;
use tokio::time::Instant;

use crate::faults::Point;
use crate::pace::Pace;
use crate::settings::MoveSettings;

/// Told at each change of state and after each chunk. Must not block.
pub type ProgressSink = Arc<dyn Fn(MoveProgress) + Send + Sync>;

/// One move as people and metrics see it.
#[derive(Clone, Debug, Serialize)]
pub struct MoveProgress {
    pub id: MoveId,
    pub source: ShardId,
    pub target: ShardId,
    pub state: MoveState,
    pub slots: usize,
    pub rows_copied: u64,
    /// As the server estimates them; `None` until they are looked at.
    pub rows_expected: Option<u64>,
    pub bytes_copied: u64,
    /// Of the copy, rests included.
    pub rows_per_second: Option<f64>,
    pub bytes_per_second: Option<f64>,
    pub changes_replayed: u64,
    /// Changes that are logged and not replayed yet.
    pub changes_waiting: u64,
    /// Of the source, after the switch.
    pub rows_deleted: u64,
    /// What the move rested so that the application could work, in seconds and by reason.
    pub rested_seconds: BTreeMap<&'static str, f64>,
    /// Until the switch, or, behind it, until the clean-up is done.
    pub seconds_left: Option<f64>,
    /// From the first lock attempt of the successful attempt until its commit.
    pub cutover_millis: Option<f64>,
    pub cutover_attempts: u32,
    pub started_at: jiff::Timestamp,
    /// Why the move waits or failed, if it does.
    pub message: Option<String>,
}

impl MoveProgress {
    /// Of a move that has done nothing yet.
    pub fn of(slot_move: &SlotMove) -> MoveProgress {
        MoveProgress {
            id: slot_move.id.clone(),
            source: slot_move.source.clone(),
            target: slot_move.target.clone(),
            state: MoveState::Preparing,
            slots: slot_move.slots.len(),
            rows_copied: 0,
            rows_expected: None,
            bytes_copied: 0,
            rows_per_second: None,
            bytes_per_second: None,
            changes_replayed: 0,
            changes_waiting: 0,
            rows_deleted: 0,
            rested_seconds: BTreeMap::new(),
            seconds_left: None,
            cutover_millis: None,
            cutover_attempts: 0,
            started_at: jiff::Timestamp::now(),
            message: None,
        }
    }
}

/// Tells how far one move is.
pub(crate) struct Reporter {
    pub progress: MoveProgress,
    sink: ProgressSink,
    faults: Faults<Point>,
    copy_began: Option<Instant>,
    deletion_began: Option<Instant>,
    /// No switch comes before.
    not_before: Option<Instant>,
    told: Instant,
}

impl Reporter {
    pub fn new(slot_move: &SlotMove, settings: &MoveSettings, sink: &ProgressSink) -> Reporter {
        let (sink, faults) = (sink.clone(), settings.faults.clone());
        let (copy_began, deletion_began, not_before) = (None, None, None);
        let progress = MoveProgress::of(slot_move);
        Reporter { progress, sink, faults, copy_began, deletion_began, not_before, told: Instant::now() }
    }

    /// The move is in another state, or waits for something. Tests may end everything here.
    pub async fn enter(&mut self, state: MoveState, message: Option<&str>) {
        let is_new = self.progress.state != state || state == MoveState::Preparing;
        self.progress.state = state;
        self.progress.message = message.map(str::to_owned);
        match state {
            MoveState::Copying => self.copy_began = Some(Instant::now()),
            MoveState::CleaningUp => self.deletion_began = Some(Instant::now()),
            MoveState::Preparing
            | MoveState::Verifying
            | MoveState::CatchingUp
            | MoveState::CuttingOver
            | MoveState::Switched
            | MoveState::Done
            | MoveState::Undoing
            | MoveState::Undone => {}
        }
        self.estimate();
        let MoveProgress { id, rows_copied, changes_replayed, .. } = &self.progress;
        tracing::info!(r#move = %id, phase = ?state, rows = rows_copied, changes = changes_replayed, message, "move");
        (self.sink)(self.progress.clone());
        if is_new {
            self.faults.reach(Point::of_state(state)).await;
        }
    }

    /// One of the many small steps: told to the listener, and to the log every ten seconds.
    pub fn step(&mut self) {
        const LOG_INTERVAL: Duration = Duration::from_secs(10);
        self.estimate();
        if self.told.elapsed() > LOG_INTERVAL {
            self.told = Instant::now();
            let MoveProgress { id, state, rows_copied, rows_expected, rows_per_second, changes_waiting, .. } =
                &self.progress;
            tracing::info!(r#move = %id, phase = ?state, rows = rows_copied, of = rows_expected,
                rows_per_second, changes_waiting, seconds_left = self.progress.seconds_left, "moving");
        }
        (self.sink)(self.progress.clone());
    }

    /// No switch comes before.
    pub fn wait_until(&mut self, not_before: Instant) {
        self.not_before = Some(not_before);
    }

    /// Adds what was rested since the last call: the parts of a move have a pace each.
    pub fn rested(&mut self, pace: &mut Pace) {
        for (reason, time) in std::mem::take(&mut pace.rested) {
            *self.progress.rested_seconds.entry(reason.as_str()).or_default() += time.as_secs_f64();
        }
    }

    fn estimate(&mut self) {
        let progress = &mut self.progress;
        let announced = self.not_before.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64());
        progress.seconds_left = match progress.state {
            MoveState::Copying => {
                let seconds = self.copy_began.map(|at| at.elapsed().as_secs_f64()).filter(|seconds| *seconds > 0.5);
                progress.rows_per_second = seconds.map(|seconds| progress.rows_copied as f64 / seconds);
                progress.bytes_per_second = seconds.map(|seconds| progress.bytes_copied as f64 / seconds);
                let left = progress.rows_expected.map(|rows| rows.saturating_sub(progress.rows_copied) as f64);
                let rate = progress.rows_per_second.filter(|rate| *rate > 0.0);
                left.zip(rate).map(|(left, rate)| (left / rate).max(announced.unwrap_or(0.0)))
            }
            // How long comparing takes nobody knows.
            MoveState::Verifying => announced.filter(|seconds| *seconds > 0.0),
            MoveState::CatchingUp | MoveState::CuttingOver => announced,
            MoveState::CleaningUp => {
                let seconds = self.deletion_began.map(|at| at.elapsed().as_secs_f64());
                let rate = seconds.map(|seconds| progress.rows_deleted as f64 / seconds).filter(|rate| *rate > 0.0);
                let left = progress.rows_copied.saturating_sub(progress.rows_deleted) as f64;
                rate.filter(|_| progress.rows_copied > 0).map(|rate| left / rate)
            }
            MoveState::Preparing | MoveState::Switched | MoveState::Done | MoveState::Undoing | MoveState::Undone => {
                None
            }
        };
    }
}
