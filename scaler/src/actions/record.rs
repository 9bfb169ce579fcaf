//! What an action leaves in the catalogue.

use std::time::Instant;

use jiff::Timestamp;
use keyspace::topology::Epoch;
use moves::MoveReport;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::catalogue::{Action, CatalogueError, NewAction};
use crate::hands::Hands;

/// What was decided when an action began, so that nothing is left to choose when it is taken up again.
#[derive(Serialize, Deserialize)]
struct Inputs<P> {
    plan: P,
    /// Of the topology that it was planned for.
    epoch: Option<Epoch>,
}

/// An action that is about to begin.
pub fn new_action<P: Serialize>(id: &str, kind: ActionKind, phase: &str, plan: P, epoch: Epoch) -> NewAction {
    let inputs = Inputs { plan, epoch: Some(epoch) };
    NewAction {
        id: id.to_owned(),
        kind: kind.as_str().to_owned(),
        phase: phase.to_owned(),
        inputs: serde_json::to_value(inputs).unwrap_or_default(),
    }
}

/// The plan that an action began with, if this version can read it.
pub fn plan_of<P: for<'de> Deserialize<'de>>(action: &Action) -> Option<P> {
    serde_json::from_value::<Inputs<P>>(action.inputs.clone()).ok().map(|inputs| inputs.plan)
}

/// What an action does, as the catalogue and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    ScaleOut,
    Drain,
}

impl ActionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ActionKind::ScaleOut => "scale_out",
            ActionKind::Drain => "drain",
        }
    }

    /// `None` for a kind of another version.
    pub fn parse(text: &str) -> Option<ActionKind> {
        [ActionKind::ScaleOut, ActionKind::Drain].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Writes finished moves to the log and into the catalogue.
pub async fn record_reports(hands: &Hands, reports: &[MoveReport], started: Instant) -> Result<(), CatalogueError> {
    for report in reports {
        tracing::info!(slot_move = %report.id, rows = report.rows_moved, cutover = ?report.cutover,
            attempts = report.attempts, seconds = started.elapsed().as_secs_f64(), "moved");
        let mut record = json!({
            "id": report.id, "source": report.source, "target": report.target, "state": "done",
            "rows_copied": report.rows_copied, "rows_moved": report.rows_moved, "attempts": report.attempts,
            "cutover_millis": report.cutover.as_secs_f64() * 1000.0,
        });
        // After a restart the record is all that is known of the move.
        let progress = hands.progress_of(&report.id).map(|progress| json!(progress));
        if let (Some(record), Some(Value::Object(progress))) = (record.as_object_mut(), progress) {
            for (key, value) in progress {
                record.entry(key).or_insert(value);
            }
        }
        hands.catalogue.record_move(report.id.as_str(), &record, Timestamp::now()).await?;
    }
    Ok(())
}
