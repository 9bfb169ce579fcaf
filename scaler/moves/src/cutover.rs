//! The moment at which the target becomes the owner: one transaction on the source, a few milliseconds long.
//!
//! The statements, their locks and their order were measured on MariaDB 10.11 and MySQL 9.7: changing one of them can
//! lose a write, or make every writer wait for the whole cutover.

use std::collections::BTreeSet;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::own::journal::Side;
use keyspace::topology::{SlotMove, Topology};
use tokio::time::Instant;

use crate::changes::{Changes, Touched};
use crate::cluster::{Cluster, ClusterError};
use crate::connection::{Connection, DEFAULT_PATIENCE, Purpose, error_number, is_duplicate, is_locked};
use crate::definitions;
use crate::error::MoveError;
use crate::faults::Point;
use crate::journal;
use crate::rows::Cells;
use crate::table::MovedTable;
use crate::verify::{Difference, verify_touched};

pub(crate) enum Attempt {
    /// The switch is committed: the point of no return.
    Switched { took: Duration, replayed: u64 },
    /// Somebody else held a lock, or time ran out. Nothing changed.
    BackedOff(&'static str),
    /// Rows of one table, given by its place, are not the same although nothing is left to be replayed.
    Differs { place: usize, difference: Difference },
}

/// What the work under the fence came to.
enum DrainOutcome {
    Equal { replayed: u64 },
    Differs { place: usize, difference: Difference },
}

/// How long an answer is waited for under the fence.
const PATIENCE_UNDER_FENCE: Duration = Duration::from_secs(2);
/// So many rows are compared under the fence at most.
const MOST_COMPARED: usize = 2_000;

/// How the fence is asked for.
#[derive(Clone, Copy)]
pub(crate) enum FenceWait {
    /// Nobody ever queues behind the mover.
    Poll,
    /// One wait of 150 ms, behind which writers queue: for a fence that polling never finds free.
    Bounded,
}

/// One move at the door.
pub(crate) struct Cutover<'a> {
    pub cluster: &'a Cluster,
    pub slot_move: &'a SlotMove,
    pub tables: &'a [MovedTable],
    /// The tables' InnoDB numbers when the capture began.
    pub identities: &'a [Cells],
    pub source: &'a mut Connection,
    pub target: &'a mut Connection,
    pub changes: &'a mut Changes,
    pub budget: Duration,
    pub faults: &'a Faults<Point>,
}

impl Cutover<'_> {
    /// Tries to switch once, within the budget.
    pub async fn attempt(&mut self, wait: FenceWait) -> Result<Attempt, MoveError> {
        if self.changes.touched.as_ref().is_some_and(|touched| compared(touched) > MOST_COMPARED) {
            return Ok(Attempt::BackedOff("too many rows have changed since they were compared"));
        }
        // Nobody else makes a topology until the outcome is known: both would have the same epoch.
        let _publication = self.cluster.publication().await?;
        let current = self.cluster.topology();
        let next = current.with_switched(&self.slot_move.id)?;
        // The switch replaces exactly the epoch before it, so the source must have that one. And a scaler that was
        // stopped and knows less than the target must not take the copies for leftovers.
        for shard in [&mut *self.source, &mut *self.target] {
            shard.catch_up(&current).await?;
            shard.set_patience(PATIENCE_UNDER_FENCE);
        }
        self.source.hold_locks().await?;
        let attempted = self.switch(next, wait).await;
        for shard in [&mut *self.source, &mut *self.target] {
            shard.set_patience(DEFAULT_PATIENCE);
        }
        // One that is gone is found out about by whoever uses it next.
        let _ = self.source.holds_no_locks().await;
        attempted
    }

    async fn switch(&mut self, next: Topology, wait: FenceWait) -> Result<Attempt, MoveError> {
        let started = Instant::now();
        let under_fence = async {
            self.take_fence(started, wait).await?;
            self.faults.reach(Point::FenceTaken).await;
            let drained = self.drain(started).await?;
            self.faults.reach(Point::Drained).await;
            if let DrainOutcome::Equal { .. } = drained {
                self.write_switch(&next).await?;
                self.faults.reach(Point::SwitchWritten).await;
            }
            match started.elapsed() > self.budget {
                true => Err(MoveError::OverBudget),
                false => Ok(drained),
            }
        };
        let replayed = match under_fence.await {
            Ok(DrainOutcome::Equal { replayed }) => replayed,
            Ok(DrainOutcome::Differs { place, difference }) => {
                self.source.run("ROLLBACK").await?;
                return Ok(Attempt::Differs { place, difference });
            }
            Err(error) => {
                // A connection that cannot roll back is gone, and its transaction with it.
                let _ = self.source.run("ROLLBACK").await;
                return back_off(error);
            }
        };
        let committed = self.source.run("COMMIT").await;
        let took = started.elapsed();
        let topology = match committed {
            Ok(_) => next,
            Err(error) => {
                let id = &self.slot_move.id;
                tracing::warn!(r#move = %id, phase = "cutover", %error, "the commit's outcome is unknown");
                match self.ask_outcome().await? {
                    Some(topology) => topology,
                    None => return Ok(Attempt::BackedOff("the commit was lost")),
                }
            }
        };
        // The switch should be on the source's disk before others act on it; it is committed either way.
        if let Err(error) = self.source.flush_log().await {
            let (id, error): (_, &dyn std::error::Error) = (&self.slot_move.id, &error);
            tracing::warn!(r#move = %id, phase = "cutover", error, "the source's log could not be flushed");
        }
        self.cluster.adopt(topology);
        Ok(Attempt::Switched { took, replayed })
    }

    /// Begins the transaction and locks the fence: from here on writers of moving rows wait.
    async fn take_fence(&mut self, started: Instant, wait: FenceWait) -> Result<(), MoveError> {
        let fence = own::fence::take(self.slot_move.fence);
        let statement = match (wait, self.source.mariadb) {
            (FenceWait::Poll, _) => format!("{fence} NOWAIT"),
            (FenceWait::Bounded, true) => format!("SET STATEMENT max_statement_time=0.15 FOR {fence}"),
            (FenceWait::Bounded, false) => fence.replacen("SELECT", "SELECT /*+ MAX_EXECUTION_TIME(150) */", 1),
        };
        let polling_ends = started + self.budget.mul_f32(0.6);
        loop {
            self.source.run("BEGIN").await?;
            match self.source.fetch(&statement).await {
                Ok(_) => return Ok(()),
                Err(error) if is_locked(&error) && Instant::now() < polling_ends => {
                    self.source.run("ROLLBACK").await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Replays what is left, which nobody adds to any more, and compares what was replayed last.
    async fn drain(&mut self, started: Instant) -> Result<DrainOutcome, MoveError> {
        let deadline = started + self.budget;
        let replayed = self.changes.drain(self.source, self.target, self.tables, deadline).await?;
        if let Some(touched) = &mut self.changes.touched {
            if compared(touched) > MOST_COMPARED {
                return Err(MoveError::OverBudget);
            }
            verify_touched(self.source, self.target, self.tables, touched).await?;
            if let Some((&place, keys)) = touched.first_key_value() {
                let difference = Difference { keys: keys.iter().cloned().collect() };
                return Ok(DrainOutcome::Differs { place, difference });
            }
        }
        if definitions::identities(self.source, self.tables).await? != self.identities {
            return Err(MoveError::TableReplaced(self.source.shard.clone()));
        }
        // What was drained must not be lost by a crash of the target once the source has given it up.
        self.target.flush_log().await?;
        Ok(DrainOutcome::Equal { replayed })
    }

    async fn write_switch(&mut self, next: &Topology) -> Result<(), MoveError> {
        let SlotMove { id, fence, .. } = self.slot_move;
        self.source.run(&own::fence::raise(*fence)).await?;
        // Fails if another scaler is about to undo the move, see `own::journal::forbid_switch`.
        journal::switch(self.source, id).await?;
        match self.source.replace_topology(next).await? {
            true => Ok(()),
            false => Err(ClusterError::Superseded(self.source.shard.clone()).into()),
        }
    }

    /// The source's topology if the commit arrived. Asks for as long as it takes: until the source answers
    /// nobody can tell who owns the slots, and both undoing and going on could lose rows.
    async fn ask_outcome(&mut self) -> Result<Option<Topology>, MoveError> {
        let id = &self.slot_move.id;
        // If it still answers it must not keep the name that its successor waits for.
        let _ = self.source.run("ROLLBACK; DO RELEASE_ALL_LOCKS()").await;
        loop {
            let asked = async {
                // Once this is open the session that sent the commit is over.
                let (side, purpose) = (Side::Source, Purpose::Advance);
                let mut connection = Connection::open_for(self.cluster, self.slot_move, side, purpose).await?;
                let carried = connection.topology().await?;
                Ok::<_, MoveError>((connection, carried))
            };
            match asked.await {
                Ok((connection, carried)) => {
                    *self.source = connection;
                    return Ok(carried.filter(|carried| journal::is_switched(carried, id)));
                }
                Err(error) => {
                    let error = keyspace::errors::chain(&error);
                    tracing::warn!(r#move = %id, phase = "cutover", error, "waiting for the source to come back");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

fn compared(touched: &Touched) -> usize {
    touched.values().map(BTreeSet::len).sum()
}

/// Errors that a later attempt may not meet.
fn back_off(error: MoveError) -> Result<Attempt, MoveError> {
    const OUT_OF_TIME: [u16; 2] = [er::STATEMENT_TIMEOUT, er::QUERY_TIMEOUT];
    const DEADLOCK_OR_CHANGED: [u16; 2] = [er::LOCK_DEADLOCK, er::CHECKREAD];
    match error_number(&error) {
        _ if is_locked(&error) => Ok(Attempt::BackedOff("a transaction on moving rows is open")),
        _ if is_duplicate(&error) => Ok(Attempt::BackedOff("a unique value is not free on the target yet")),
        Some(number) if OUT_OF_TIME.contains(&number) => Ok(Attempt::BackedOff("the fence was not free in time")),
        Some(number) if DEADLOCK_OR_CHANGED.contains(&number) => Ok(Attempt::BackedOff("the server chose a victim")),
        _ if matches!(error, MoveError::OverBudget) => Ok(Attempt::BackedOff("the budget was spent")),
        _ => Err(error),
    }
}
