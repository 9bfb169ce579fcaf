//! The moment at which the target becomes the owner: one transaction on the source, a few milliseconds long.
//!
//! Statements, locks and their order are those measured in notes/move-triggers.md §2.

use std::time::Duration;

use router::slots::SlotSet;
use router::topology::{MoveId, MovePhase, Topology, store};
use tokio::time::Instant;

use super::MoveError;
use super::changes::{Reading, replay_batch};
use super::connection::{Connection, Side, error_number, is_duplicate, is_locked};
use super::table::MovedTable;
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

/// Tries to switch once, within `budget`.
#[expect(clippy::too_many_arguments, reason = "both ends of a move and what is to happen between them")]
pub(super) async fn attempt(
    cluster: &Cluster,
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
    id: &MoveId,
    slots: &SlotSet,
    budget: Duration,
    wait: FenceWait,
) -> Result<Attempt, MoveError> {
    let current = cluster.topology();
    let next = current.with_switched(id)?;
    // The switch replaces exactly the epoch before it, so the source must have that one.
    let store_failed = |shard, source| ClusterError::Store { shard, source };
    let caught_up = store::catch_up(source.inner(), &current).await;
    caught_up.map_err(|error| store_failed(source.shard.clone(), error))?;

    let started = Instant::now();
    let replayed = match take_fence_and_drain(source, target, tables, started, budget, wait).await {
        Ok(replayed) => replayed,
        Err(error) => {
            // A connection that cannot roll back is gone, and its transaction with it.
            let _ = source.run("ROLLBACK").await;
            return back_off(error);
        }
    };
    let switched = async {
        source.run("UPDATE _autoscaler.fence SET fenced=1 WHERE id=1").await?;
        let replaced = store::replace(source.inner(), &next).await;
        Ok(replaced.map_err(|error| store_failed(source.shard.clone(), error))?)
    };
    let switched: Result<bool, MoveError> = switched.await;
    let give_up = match switched {
        Ok(true) if started.elapsed() <= budget => None,
        Ok(true) => Some(Ok(Attempt::BackedOff("the budget was spent"))),
        Ok(false) => Some(Err(ClusterError::Superseded(source.shard.clone()).into())),
        Err(error) => Some(back_off(error)),
    };
    if let Some(outcome) = give_up {
        let _ = source.run("ROLLBACK").await;
        return outcome;
    }
    match source.run("COMMIT").await {
        Ok(_) => Ok(Attempt::Switched { topology: next, took: started.elapsed(), replayed }),
        Err(error) => {
            tracing::warn!(%id, error = &error as &dyn std::error::Error, "the cutover's outcome is unknown");
            *source = reopen(cluster, source, id, slots).await;
            match committed(source, id).await? {
                Some(topology) => Ok(Attempt::Switched { topology, took: started.elapsed(), replayed }),
                None => Ok(Attempt::BackedOff("the commit was lost")),
            }
        }
    }
}

async fn take_fence_and_drain(
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
    started: Instant,
    budget: Duration,
    wait: FenceWait,
) -> Result<u64, MoveError> {
    const FENCE: &str = "SELECT fenced FROM _autoscaler.fence WHERE id=1 FOR UPDATE";
    let polling_ends = started + budget.mul_f32(0.6);
    loop {
        source.run("BEGIN").await?;
        let asked = match (wait, source.mariadb) {
            (FenceWait::Poll, _) => source.fetch(&format!("{FENCE} NOWAIT")).await,
            (FenceWait::Bounded, true) => {
                source.fetch(&format!("SET STATEMENT max_statement_time=0.15 FOR {FENCE}")).await
            }
            (FenceWait::Bounded, false) => {
                source.fetch(&FENCE.replacen("SELECT", "SELECT /*+ MAX_EXECUTION_TIME(150) */", 1)).await
            }
        };
        match asked {
            Ok(_) => break,
            Err(error) if is_locked(&error) && Instant::now() < polling_ends => {
                source.run("ROLLBACK").await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => return Err(error),
        }
    }
    let mut replayed = 0;
    for table in tables {
        loop {
            if started.elapsed() > budget {
                return Err(MoveError::OverBudget);
            }
            match replay_batch(source, target, table, Reading::Locked).await? {
                0 => break,
                count => replayed += count,
            }
        }
    }
    // What was drained must not be lost by a crash of the target once the source has given it up.
    if target.fetch_text("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit").await?.as_deref() != Some("1") {
        target.run("FLUSH ENGINE LOGS").await?;
    }
    Ok(replayed)
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

/// Connects again, for as long as it takes: until the source is asked nobody can tell who owns the slots.
async fn reopen(cluster: &Cluster, lost: &Connection, id: &MoveId, slots: &SlotSet) -> Connection {
    loop {
        match Connection::open_for(cluster, &lost.shard, id, Side::Source, slots).await {
            Ok(connection) => return connection,
            Err(error) => {
                tracing::warn!(%id, error = &error as &dyn std::error::Error, "waiting for the source to come back");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// The source's topology if the move is switched in it.
async fn committed(source: &mut Connection, id: &MoveId) -> Result<Option<Topology>, MoveError> {
    let shard = source.shard.clone();
    let topology = store::read(source.inner()).await.map_err(|source| ClusterError::Store { shard, source })?;
    let switched = |topology: &Topology| {
        topology.moves().iter().any(|slot_move| slot_move.id == *id && slot_move.phase == MovePhase::Switched)
    };
    Ok(topology.filter(switched))
}
