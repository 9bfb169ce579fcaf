//! Named points of a move at which a test stops the scaler, or something around it.

use keyspace::faults::FaultPoint;
use keyspace::own::journal::MoveState;

/// A point that a move passes: the entry into each of its states, and what lies within them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// Both shards are checked and have what a move needs; nobody has heard of it.
    Prepared,
    /// The target's journal knows the move, the source's does not.
    HalfJournalled,
    /// Both journals know the move.
    Journalled,
    /// The topology announces it.
    Preparing,
    /// One table is locked, and everybody waits.
    TableLocked,
    /// One table's changes are captured.
    TableCaptured,
    /// All tables' are.
    Captured,
    Copying,
    /// A chunk is written on the target and not committed.
    ChunkWritten,
    /// A chunk is committed.
    ChunkCopied,
    /// Changes are replayed on the target, and the source still has them on its list.
    ChangesReplayed,
    Verifying,
    CatchingUp,
    CuttingOver,
    /// The fence is locked: writers of moving rows wait.
    FenceTaken,
    /// No change is left.
    Drained,
    /// The switch is written and not committed.
    SwitchWritten,
    /// The switch is committed, and only its source knows.
    SwitchCommitted,
    Switched,
    CleaningUp,
    /// Some moved rows are deleted from the source.
    BatchDeleted,
    /// All are.
    RowsDeleted,
    TriggersDropped,
    /// The topology no longer has the move, the journals do.
    Withdrawn,
    Done,
    Undoing,
    UndoTriggersDropped,
    /// The copies are deleted from the target.
    UndoCleared,
    UndoWithdrawn,
    Undone,
}

impl Point {
    /// The point at which a move enters a state: written in its journal, without an effect yet.
    pub fn of_state(state: MoveState) -> Point {
        match state {
            MoveState::Preparing => Point::Preparing,
            MoveState::Copying => Point::Copying,
            MoveState::Verifying => Point::Verifying,
            MoveState::CatchingUp => Point::CatchingUp,
            MoveState::CuttingOver => Point::CuttingOver,
            MoveState::Switched => Point::Switched,
            MoveState::CleaningUp => Point::CleaningUp,
            MoveState::Done => Point::Done,
            MoveState::Undoing => Point::Undoing,
            MoveState::Undone => Point::Undone,
        }
    }

    /// Whether only a move that is taken back passes it.
    pub fn is_of_undoing(self) -> bool {
        self >= Point::Undoing
    }

    /// Whether the target owns the slots for good.
    pub fn is_past_return(self) -> bool {
        self >= Point::SwitchCommitted && !self.is_of_undoing()
    }
}

impl FaultPoint for Point {
    const ALL: &'static [Point] = &[
        Point::Prepared,
        Point::HalfJournalled,
        Point::Journalled,
        Point::Preparing,
        Point::TableLocked,
        Point::TableCaptured,
        Point::Captured,
        Point::Copying,
        Point::ChunkWritten,
        Point::ChunkCopied,
        Point::ChangesReplayed,
        Point::Verifying,
        Point::CatchingUp,
        Point::CuttingOver,
        Point::FenceTaken,
        Point::Drained,
        Point::SwitchWritten,
        Point::SwitchCommitted,
        Point::Switched,
        Point::CleaningUp,
        Point::BatchDeleted,
        Point::RowsDeleted,
        Point::TriggersDropped,
        Point::Withdrawn,
        Point::Done,
        Point::Undoing,
        Point::UndoTriggersDropped,
        Point::UndoCleared,
        Point::UndoWithdrawn,
        Point::Undone,
    ];
    const VARIABLE: &'static str = "SQL_AUTOSCALER_MOVE_FAULT";

    fn as_str(self) -> &'static str {
        match self {
            Point::Prepared => "prepared",
            Point::HalfJournalled => "half_journalled",
            Point::Journalled => "journalled",
            Point::Preparing => "preparing",
            Point::TableLocked => "table_locked",
            Point::TableCaptured => "table_captured",
            Point::Captured => "captured",
            Point::Copying => "copying",
            Point::ChunkWritten => "chunk_written",
            Point::ChunkCopied => "chunk_copied",
            Point::ChangesReplayed => "changes_replayed",
            Point::Verifying => "verifying",
            Point::CatchingUp => "catching_up",
            Point::CuttingOver => "cutting_over",
            Point::FenceTaken => "fence_taken",
            Point::Drained => "drained",
            Point::SwitchWritten => "switch_written",
            Point::SwitchCommitted => "switch_committed",
            Point::Switched => "switched",
            Point::CleaningUp => "cleaning_up",
            Point::BatchDeleted => "batch_deleted",
            Point::RowsDeleted => "rows_deleted",
            Point::TriggersDropped => "triggers_dropped",
            Point::Withdrawn => "withdrawn",
            Point::Done => "done",
            Point::Undoing => "undoing",
            Point::UndoTriggersDropped => "undo_triggers_dropped",
            Point::UndoCleared => "undo_cleared",
            Point::UndoWithdrawn => "undo_withdrawn",
            Point::Undone => "undone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_in_order_and_each_has_its_own_name() {
        assert!(Point::ALL.is_sorted());
        let mut names: Vec<&str> = Point::ALL.iter().map(|point| point.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Point::Undone as usize + 1);
        for state in MoveState::ALL {
            assert!(Point::ALL.contains(&Point::of_state(state)));
        }
    }
}
