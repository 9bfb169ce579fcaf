//! Moving slots from one shard to another while both are in use: with nothing but SQL and triggers.
//!
//! [`execute`] runs moves from announcement to clean-up; [`recover`] brings moves to an end that a stopped
//! scaler left behind. Only the holder of [`crate::cluster::Lease`] may call either.

mod changes;
pub mod cluster;
mod connection;
mod copy;
mod cutover;
mod definitions;
mod delete;
mod ending;
mod error;
pub mod faults;
mod fill;
pub mod foreign_keys;
mod journal;
mod mover;
mod pace;
mod preflight;
mod progress;
mod reach;
mod replace;
mod rows;
mod settings;
mod table;
mod triggers;
mod verify;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyspace::own::journal::MoveState;
use keyspace::schema::Layout;
use keyspace::topology::{MoveId, MovePhase, ShardId, SlotMove, Transfer};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::ending::UndoOutcome;
pub use crate::error::MoveError;
use crate::mover::Mover;
pub use crate::pace::{Rest, Throttle};
pub use crate::preflight::{find_unfit, find_unfit_source, is_guarded};
use crate::progress::Reporter;
pub use crate::progress::{MoveProgress, ProgressSink};
pub use crate::rows::{key_literal, select_expression};
pub use crate::settings::MoveSettings;

#[derive(Clone, Debug)]
pub struct MoveReport {
    pub id: MoveId,
    pub source: ShardId,
    pub target: ShardId,
    pub rows_copied: u64,
    /// Rows deleted from the source at clean-up.
    pub rows_moved: u64,
    /// From the first lock attempt of the successful attempt until its commit.
    pub cutover: Duration,
    pub attempts: u32,
}

/// Carries out the transfers: all are copied side by side, then switched one after the other.
///
/// Targets are part of the topology and reachable; they may be empty. A shard may give to several others, and take
/// from several, but not both at a time; no slot is named twice. Others may be under way on other shards.
///
/// An error means that what was not switched is undone, and what was switched is finished; what could not be undone,
/// because a shard is away, [`recover`] undoes. Not cancel safe: after a drop [`recover`] must run.
pub async fn execute(
    cluster: &Cluster,
    layout: &Layout,
    transfers: &[Transfer],
    settings: &MoveSettings,
    progress: &ProgressSink,
) -> Result<Vec<MoveReport>, MoveError> {
    cluster.refresh().await?;
    check_free(cluster, transfers)?;
    let mut free_bytes = settings.free_bytes.clone();
    for transfer in transfers {
        let free_bytes = free_bytes.get_mut(&transfer.target);
        mover::prepare_shards(cluster, layout, transfer, settings, free_bytes).await?;
    }
    let announcement = announce(cluster, transfers, settings).await?;
    let announced = Instant::now();

    let mut movers = Vec::new();
    let mut failure = None;
    for slot_move in &announcement.slot_moves {
        match Mover::open(cluster, layout, settings, progress, slot_move).await {
            Ok(mover) => movers.push(mover),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if failure.is_none() {
        failure = fill_targets(&mut movers, announced + settings.confirmation_wait).await.err();
    }
    let mut switched: BTreeSet<MoveId> = BTreeSet::new();
    if failure.is_none() {
        failure = cut_over_all(&mut movers, &mut switched).await.err();
    }
    let switched_at = Instant::now();
    let mut endings = movers.into_iter().map(Mover::into_ending).collect::<Vec<_>>();
    if let Some(error) = &failure {
        let message = keyspace::errors::chain(error);
        for slot_move in announcement.slot_moves.iter().filter(|slot_move| !switched.contains(&slot_move.id)) {
            let known = endings.iter().position(|(ended, _)| ended.id == slot_move.id);
            let reporter = known.map(|index| endings.swap_remove(index).1);
            let mut reporter = reporter.unwrap_or_else(|| Reporter::new(slot_move, settings, progress));
            undo(cluster, layout, slot_move, settings, &message, &mut reporter).await;
        }
    }
    let mut reports = Vec::new();
    for (slot_move, mut reporter) in endings {
        tokio::time::sleep_until(switched_at + settings.cleanup_delay).await;
        reporter.enter(MoveState::CleaningUp, None).await;
        let rows_moved = ending::clean_up_until_done(cluster, layout, &slot_move, settings, &mut reporter).await;
        reporter.enter(MoveState::Done, None).await;
        reports.push(report(slot_move, &reporter.progress, rows_moved));
    }
    failure.map_or(Ok(reports), Err)
}

/// Switches one move after the other, up to the first that fails. Names in `switched` those that have switched.
async fn cut_over_all(movers: &mut [Mover<'_>], switched: &mut BTreeSet<MoveId>) -> Result<(), MoveError> {
    for mover in movers {
        mover.cut_over().await?;
        switched.insert(mover.id().clone());
    }
    Ok(())
}

fn report(slot_move: SlotMove, progress: &MoveProgress, rows_moved: u64) -> MoveReport {
    MoveReport {
        id: slot_move.id,
        source: slot_move.source,
        target: slot_move.target,
        rows_copied: progress.rows_copied,
        rows_moved,
        cutover: Duration::from_secs_f64(progress.cutover_millis.unwrap_or_default() / 1e3),
        attempts: progress.cutover_attempts,
    }
}

/// Ends the moves that an earlier scaler left behind: announced ones are undone, switched ones finished; and removes
/// what any move left on the shards. Returns the names of the moves.
///
/// Nothing of it may be under way in this process. An error means that something is left: call it again later.
pub async fn recover(
    cluster: &Cluster,
    layout: &Layout,
    settings: &MoveSettings,
    progress: &ProgressSink,
) -> Result<Vec<MoveId>, MoveError> {
    cluster.refresh().await?;
    // Which of them have switched must be known of all before the first change is published.
    let is_announced = |slot_move: &&SlotMove| slot_move.phase == MovePhase::Announced;
    for slot_move in cluster.topology().moves().iter().filter(is_announced) {
        drop(ending::decide(cluster, slot_move).await?);
    }
    let slot_moves = cluster.topology().moves().to_vec();
    let mut switched = Vec::new();
    for slot_move in &slot_moves {
        let mut reporter = Reporter::new(slot_move, settings, progress);
        if slot_move.phase == MovePhase::Announced {
            let outcome = ending::undo(cluster, layout, slot_move, settings, &mut reporter).await?;
            if outcome == UndoOutcome::Undone {
                reporter.enter(MoveState::Undone, Some("left behind by an earlier scaler")).await;
                continue;
            }
        }
        cluster.spread().await;
        reporter.enter(MoveState::Switched, None).await;
        mover::drop_reference_triggers(cluster, layout, slot_move).await?;
        switched.push((slot_move, reporter));
    }
    if !switched.is_empty() {
        tokio::time::sleep(settings.cleanup_delay).await;
    }
    for (slot_move, mut reporter) in switched {
        reporter.enter(MoveState::CleaningUp, None).await;
        ending::clean_up(cluster, layout, slot_move, settings, &mut reporter).await?;
        reporter.enter(MoveState::Done, None).await;
    }
    // A scaler may also stop before the announcement, or behind its withdrawal.
    let mut away = None;
    for shard in cluster.topology().shards() {
        let swept = async {
            let mut connection = Connection::open(cluster, &shard.id).await?;
            ending::sweep(cluster, layout, &mut connection, settings).await
        };
        match swept.await {
            Ok(()) => {}
            Err(error) if connection::is_away(&error) => away = Some(shard.id.clone()),
            Err(error) => return Err(error),
        }
    }
    match away {
        Some(shard) => Err(MoveError::Away(shard)),
        None => Ok(slot_moves.into_iter().map(|slot_move| slot_move.id).collect()),
    }
}

/// A shard that gives slots and takes others at the same time is more than can be told apart when something fails.
fn check_free(cluster: &Cluster, transfers: &[Transfer]) -> Result<(), MoveError> {
    let topology = cluster.topology();
    for (place, transfer) in transfers.iter().enumerate() {
        for shard in [&transfer.source, &transfer.target] {
            if topology.moves_touching(shard).next().is_some() {
                return Err(MoveError::Busy(shard.clone()));
            }
        }
        if transfers.iter().any(|other| other.target == transfer.source) {
            return Err(MoveError::Busy(transfer.source.clone()));
        }
        let is_same = |other: &Transfer| other.source == transfer.source && other.target == transfer.target;
        if transfers[..place].iter().any(is_same) {
            return Err(MoveError::Busy(transfer.source.clone()));
        }
    }
    Ok(())
}

/// Moves that this process carries out. When it is dropped, they may be anywhere on their way.
struct Announcement<'a> {
    cluster: &'a Cluster,
    slot_moves: Vec<SlotMove>,
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        self.slot_moves.iter().for_each(|slot_move| self.cluster.forget_settled(&slot_move.id));
    }
}

/// Writes the moves down on their shards, then tells the routers.
async fn announce<'a>(
    cluster: &'a Cluster,
    transfers: &[Transfer],
    settings: &MoveSettings,
) -> Result<Announcement<'a>, MoveError> {
    let publication = cluster.publication().await?;
    check_free(cluster, transfers)?;
    let next = cluster.topology().with_moves(transfers)?;
    let known = cluster.topology();
    let is_new = |slot_move: &&SlotMove| known.moves().iter().all(|other| other.id != slot_move.id);
    let slot_moves: Vec<SlotMove> = next.moves().iter().filter(is_new).cloned().collect();
    let announcement = Announcement { cluster, slot_moves };
    for slot_move in &announcement.slot_moves {
        cluster.settle(&slot_move.id);
        mover::write_journals(cluster, slot_move, settings).await?;
    }
    publication.publish(next).await?;
    Ok(announcement)
}

/// Copies and verifies all moves side by side, and keeps them caught up until the cutover may begin.
async fn fill_targets(movers: &mut [Mover<'_>], not_before: Instant) -> Result<(), MoveError> {
    // Nobody is dropped in mid-statement: a mover that sees the flag stops between two chunks.
    let stop = AtomicBool::new(false);
    let fillings = movers.iter_mut().map(|mover| async {
        let filled = mover.fill_target(&stop, not_before).await;
        if filled.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        filled
    });
    let outcomes = futures_util::future::join_all(fillings).await;
    // The cause is more telling than the stops that it led to.
    let mut errors: Vec<MoveError> = outcomes.into_iter().filter_map(Result::err).collect();
    errors.sort_by_key(|error| matches!(error, MoveError::Stopped));
    errors.into_iter().next().map_or(Ok(()), Err)
}

/// Undoes a move with a few attempts. What stays is undone by [`recover`].
async fn undo(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    settings: &MoveSettings,
    message: &str,
    reporter: &mut Reporter,
) {
    const ATTEMPTS: u32 = 5;
    for attempt in 1..=ATTEMPTS {
        match ending::undo(cluster, layout, slot_move, settings, reporter).await {
            Ok(UndoOutcome::Undone) => return reporter.enter(MoveState::Undone, Some(message)).await,
            Ok(UndoOutcome::AlreadySwitched) => {
                tracing::error!(r#move = %slot_move.id, "the move had switched; recovery will finish it");
                return;
            }
            Err(error) => {
                let error = keyspace::errors::chain(&error);
                tracing::warn!(r#move = %slot_move.id, phase = "undo", attempt, error, "the move is not undone yet");
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
