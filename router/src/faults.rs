//! The points of a transaction over several shards at which a test stops the process, or something around it.

use keyspace::faults::FaultPoint;

/// What happens at each [`Point`].
pub type Faults = keyspace::faults::Faults<Point>;

/// A point of a transaction over several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A branch has carried out its part of a statement.
    Executed,
    /// Every branch has, and nothing is prepared.
    Complete,
    /// A branch is prepared.
    BranchPrepared,
    /// All are, and nothing is decided.
    Prepared,
    /// The decision is on its shard, and no other branch knows.
    Decided,
    /// A branch has committed.
    BranchCommitted,
    /// All have, and the client does not know.
    Finished,
}

impl FaultPoint for Point {
    const ALL: &'static [Point] = &[
        Point::Executed,
        Point::Complete,
        Point::BranchPrepared,
        Point::Prepared,
        Point::Decided,
        Point::BranchCommitted,
        Point::Finished,
    ];
    const VARIABLE: &'static str = "SQL_AUTOSCALER_FAULT";

    fn as_str(self) -> &'static str {
        match self {
            Point::Executed => "executed",
            Point::Complete => "complete",
            Point::BranchPrepared => "branch_prepared",
            Point::Prepared => "prepared",
            Point::Decided => "decided",
            Point::BranchCommitted => "branch_committed",
            Point::Finished => "finished",
        }
    }
}
