//! The moment at which the target becomes the owner: one transaction on the source, a few milliseconds long.
//!
//! Statements, locks and their order are those measured in notes/move-triggers.md §2.

use std::time::Duration;

use router::topology::store::{self, StoreError};
use router::topology::{SlotMove, Topology};
use tokio::time::Instant;

use super::changes::{Reading, replay_batch};
use super::connection::{Cells, Connection, Side, error_number, is_duplicate, is_locked};
use super::ending::switched_topology;
use super::table::MovedTable;
use super::{MoveError, definitions};
use crate::cluster::{Cluster, ClusterError};

pub(super) enum Attempt {
    /// The switch is committed: the point of no return.
    Switched { topology: Topology, took: Duration, replayed: u64 },
    /// Somebody else held a lock, or time ran out. Nothing changed.
    BackedOff(&'static str),
}

/// How the fence is asked for.
#[derive(Clone, Copy)]
pub(super) enum FenceWait {
    /// Nobody ever queues behind the mover.
    Poll,
    /// One wait of 150 ms, behind which writers queue: for a fence that polling never finds free.
    Bounded,
}

/// One move at the door.
pub(super) struct Cutover<'a> {
    pub cluster: &'a Cluster,
    pub slot_move: &'a SlotMove,
    pub tables: &'a [MovedTable],
    /// The tables' InnoDB numbers when the capture began.
    pub identities: &'a [Cells],
    pub source: &'a mut Connection,
    pub target: &'a mut Connection,
    pub budget: Duration,
}

impl Cutover<'_> {
    /// Tries to switch once, within the budget.
    pub async fn attempt(&mut self, wait: FenceWait) -> Result<Attempt, MoveError> {
        let current = self.cluster.topology();
        let next = current.with_switched(&self.slot_move.id)?;
        // The switch replaces exactly the epoch before it, so the source must have that one.
        let caught_up = store::catch_up(self.source.inner(), &current).await;
        caught_up.map_err(|source| self.store_failed(source))?;

        let started = Instant::now();
        let switched = async {
            self.take_fence(started, wait).await?;
            // A target that stops answering must not keep the fence up: then the move is undone.
            let silent = MoveError::Silent(self.slot_move.target.clone());
            let drained = tokio::time::timeout(self.budget * 8, self.drain(started)).await;
            let replayed = drained.map_err(|_| silent)??;
            self.write_switch(&next).await?;
            match started.elapsed() > self.budget {
                true => Err(MoveError::OverBudget),
                false => Ok(replayed),
            }
        };
        let replayed = match switched.await {
            Ok(replayed) => replayed,
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
                match self.ask_outcome().await {
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
        Ok(Attempt::Switched { topology, took, replayed })
    }

    /// Begins the transaction and locks the fence: from here on writers of moving rows wait.
    async fn take_fence(&mut self, started: Instant, wait: FenceWait) -> Result<(), MoveError> {
        const FENCE: &str = "SELECT fenced FROM _autoscaler.fence WHERE id=1 FOR UPDATE";
        let statement = match (wait, self.source.mariadb) {
            (FenceWait::Poll, _) => format!("{FENCE} NOWAIT"),
            (FenceWait::Bounded, true) => format!("SET STATEMENT max_statement_time=0.15 FOR {FENCE}"),
            (FenceWait::Bounded, false) => FENCE.replacen("SELECT", "SELECT /*+ MAX_EXECUTION_TIME(150) */", 1),
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

    /// Replays what is left, which nobody adds to any more. Returns how much it was.
    async fn drain(&mut self, started: Instant) -> Result<u64, MoveError> {
        let mut replayed = 0;
        for table in self.tables {
            loop {
                if started.elapsed() > self.budget {
                    return Err(MoveError::OverBudget);
                }
                match replay_batch(self.source, self.target, table, Reading::Locked).await? {
                    0 => break,
                    count => replayed += count,
                }
            }
        }
        if definitions::identities(self.source, self.tables).await? != self.identities {
            return Err(MoveError::TableReplaced(self.source.shard.clone()));
        }
        // What was drained must not be lost by a crash of the target once the source has given it up.
        self.target.flush_log().await?;
        Ok(replayed)
    }

    async fn write_switch(&mut self, next: &Topology) -> Result<(), MoveError> {
        self.source.run("UPDATE _autoscaler.fence SET fenced=1 WHERE id=1").await?;
        let replaced = store::replace(self.source.inner(), next).await;
        match replaced.map_err(|source| self.store_failed(source))? {
            true => Ok(()),
            false => Err(ClusterError::Superseded(self.source.shard.clone()).into()),
        }
    }

    /// The source's topology if the commit arrived. Asks for as long as it takes: until the source answers
    /// nobody can tell who owns the slots, and both undoing and going on could lose rows.
    async fn ask_outcome(&mut self) -> Option<Topology> {
        let SlotMove { id, source, slots, .. } = self.slot_move;
        // If it still answers it must not keep the name that its successor waits for.
        let _ = self.source.run("ROLLBACK; DO RELEASE_ALL_LOCKS()").await;
        loop {
            let asked = async {
                let mut connection = Connection::open_for(self.cluster, source, id, Side::Source, slots).await?;
                let switched = switched_topology(&mut connection, id).await?;
                Ok::<_, MoveError>((connection, switched))
            };
            match asked.await {
                Ok((connection, switched)) => {
                    *self.source = connection;
                    return switched;
                }
                Err(error) => {
                    let error = router::topology::watch::chain(&error);
                    tracing::warn!(r#move = %id, phase = "cutover", error, "waiting for the source to come back");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn store_failed(&self, source: StoreError) -> ClusterError {
        ClusterError::Store { shard: self.source.shard.clone(), source }
    }
}

/// Errors that a later attempt may not meet.
fn back_off(error: MoveError) -> Result<Attempt, MoveError> {
    const OUT_OF_TIME: [u16; 2] = [1969, 3024];
    const DEADLOCK_OR_CHANGED: [u16; 2] = [1213, 1020];
    match error_number(&error) {
        _ if is_locked(&error) => Ok(Attempt::BackedOff("a transaction on moving rows is open")),
        _ if is_duplicate(&error) => Ok(Attempt::BackedOff("a unique value is not free on the target yet")),
        Some(number) if OUT_OF_TIME.contains(&number) => Ok(Attempt::BackedOff("the fence was not free in time")),
        Some(number) if DEADLOCK_OR_CHANGED.contains(&number) => Ok(Attempt::BackedOff("the server chose a victim")),
        _ if matches!(error, MoveError::OverBudget) => Ok(Attempt::BackedOff("the budget was spent")),
        _ => Err(error),
    }
}
