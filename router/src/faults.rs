//! Named points at which a test stops the router, or something around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::BoxFuture;

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

impl Point {
    pub const ALL: [Point; 7] = [
        Point::Executed,
        Point::Complete,
        Point::BranchPrepared,
        Point::Prepared,
        Point::Decided,
        Point::BranchCommitted,
        Point::Finished,
    ];

    /// The name in [`Faults::from_env`].
    pub fn as_str(self) -> &'static str {
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

type Hook = Arc<dyn Fn(Point) -> BoxFuture<'static, ()> + Send + Sync>;

/// What happens at the points: nothing, unless a test wants it.
#[derive(Clone, Default)]
pub struct Faults(Option<Hook>);

impl Faults {
    /// Runs `hook` at every point, and goes on when it returns.
    pub fn hook(hook: impl Fn(Point) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Faults {
        Faults(Some(Arc::new(hook)))
    }

    /// `SQL_AUTOSCALER_FAULT=prepared:3` ends the process, as `kill -9` would, when it passes that point for the third
    /// time.
    pub fn from_env() -> Faults {
        let Ok(fault) = std::env::var("SQL_AUTOSCALER_FAULT") else { return Faults::default() };
        let (name, count) = fault.split_once(':').unwrap_or((&fault, "1"));
        let point = Point::ALL.into_iter().find(|point| point.as_str() == name);
        let (Some(fatal), Ok(count)) = (point, count.parse::<u32>()) else {
            tracing::warn!(fault, "SQL_AUTOSCALER_FAULT names no point: nothing will happen");
            return Faults::default();
        };
        tracing::warn!(fault, "this process will end itself: SQL_AUTOSCALER_FAULT is set");
        let left = AtomicU32::new(count);
        Faults::hook(move |point| {
            if point == fatal && left.fetch_sub(1, Ordering::Relaxed) == 1 {
                std::process::abort();
            }
            Box::pin(std::future::ready(()))
        })
    }

    pub(crate) async fn reach(&self, point: Point) {
        if let Some(hook) = &self.0 {
            hook(point).await;
        }
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(set)" } else { "Faults(none)" })
    }
}
