//! Moving slots from one shard to another while both are in use: with nothing but SQL and triggers.
//!
//! [`execute`] runs moves from announcement to clean-up; [`recover`] brings moves to an end that a stopped
//! scaler left behind. Only the holder of [`crate::cluster::Lease`] may call either.

mod changes;
mod connection;
mod copy;
mod cutover;
mod definitions;
mod ending;
mod mover;
mod preflight;
mod rows;
mod table;
mod triggers;
mod verify;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use router::schema::Layout;
use router::schema::load::SchemaError;
use router::topology::{MoveId, MovePhase, ShardId, SlotMove, TopologyError, Transfer};
use serde::Serialize;
use tokio::time::Instant;

use crate::cluster::{Cluster, ClusterError};
use ending::Undoing;
use mover::Mover;

/// How moves are paced. The defaults suit production.
#[derive(Clone, Debug)]
pub struct MoveSettings {
    /// From the announcement until the first cutover: every router that can still write has seen the
    /// announcement by then, because routers refuse to write on a topology older than five seconds.
    pub confirmation_wait: Duration,
    /// From the switch until moved rows are deleted: reads that began before it end meanwhile.
    pub cleanup_delay: Duration,
    /// How long writers of moving slots may have to wait at most.
    pub cutover_budget: Duration,
    pub cutover_attempts: u32,
    /// Rows per copied chunk; wide rows make it smaller.
    pub chunk_rows: u32,
}

impl Default for MoveSettings {
    fn default() -> MoveSettings {
        MoveSettings {
            confirmation_wait: Duration::from_millis(5_200),
            cleanup_delay: Duration::from_secs(30),
            cutover_budget: Duration::from_millis(250),
            cutover_attempts: 120,
            chunk_rows: 1_000,
        }
    }
}

/// How far one move is.
///
/// ```text
/// Preparing ─▶ Copying ─▶ Verifying ─▶ CatchingUp ─▶ CuttingOver ══▶ Switched ─▶ CleaningUp ─▶ Done
///     └───────────┴───────────┴────────────┴──────────────┴──▶ Undone
/// ```
/// The double line is the point of no return: before it a failure undoes everything, after it the move is
/// repeated until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    Preparing,
    Copying,
    Verifying,
    CatchingUp,
    CuttingOver,
    Switched,
    CleaningUp,
    Done,
    Undone,
}

#[derive(Clone, Debug, Serialize)]
pub struct MoveProgress {
    pub id: MoveId,
    pub source: ShardId,
    pub target: ShardId,
    pub state: MoveState,
    pub slots: usize,
    pub rows_copied: u64,
    pub changes_replayed: u64,
    pub cutover_millis: Option<f64>,
    pub started_at: jiff::Timestamp,
    /// Why the move waits or failed, if it does.
    pub message: Option<String>,
}

/// Told at each change of state and after each chunk. Must not block.
pub type ProgressSink = Arc<dyn Fn(MoveProgress) + Send + Sync>;

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

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("table `{table}` cannot be moved: {reason}; {remedy}")]
    Unfit { table: String, reason: String, remedy: String },
    #[error("shard `{shard}` cannot move rows: {reason}; {remedy}")]
    UnfitServer { shard: String, reason: String, remedy: String },
    #[error("a move that touches shard `{0}` is in progress")]
    Busy(ShardId),
    #[error("the tables on shard `{shard}` cannot be read")]
    Schema { shard: ShardId, source: SchemaError },
    #[error("table `{table}` is defined differently on shard `{target}`")]
    DefinitionsDiffer { table: String, target: ShardId },
    #[error("a table on shard `{0}` was truncated or altered during the move")]
    TableReplaced(ShardId),
    #[error("rows of table `{table}` have unique values that other rows on shard `{target}` have already")]
    Conflict { table: String, target: ShardId, source: sqlx::Error },
    #[error("{rows} rows of table `{table}` differ after the copy, the first one has the key {first_key}")]
    RowsDiffer { table: String, rows: usize, first_key: String },
    #[error("a transaction that was prepared (XA) before the move stays open on shard `{shard}`")]
    PreparedBranch { shard: ShardId },
    #[error("another mover still works at move {id} on shard `{shard}`")]
    Occupied { id: MoveId, shard: ShardId },
    #[error("move {id} found no moment to switch in {attempts} attempts: {reason}")]
    NoCutover { id: MoveId, attempts: u32, reason: &'static str },
    #[error("shard `{0}` did not answer during the cutover")]
    Silent(ShardId),
    #[error("the cutover took longer than its budget")]
    OverBudget,
    #[error("stopped because another move of the same round failed")]
    Stopped,
    #[error("the journal of moves cannot be read")]
    Journal(#[source] serde_json::Error),
    #[error("a statement failed on shard `{shard}`")]
    Database { shard: ShardId, source: sqlx::Error },
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

/// Carries out the transfers: all are copied side by side, then switched one after the other.
///
/// Targets are part of the topology and reachable; they may be empty. Each source and each slot is named once.
/// An error means that what was not switched is undone, and what was switched is finished. Not cancel safe:
/// after a drop [`recover`] must run.
pub async fn execute(
    cluster: &Cluster,
    layout: &Layout,
    transfers: &[Transfer],
    settings: &MoveSettings,
    progress: &ProgressSink,
) -> Result<Vec<MoveReport>, MoveError> {
    cluster.refresh().await?;
    check_free(cluster, transfers)?;
    for transfer in transfers {
        mover::prepare_shards(cluster, layout, transfer).await?;
    }
    let next = cluster.topology().with_moves(transfers)?;
    // The next topology holds these moves only: with others in it check_free would have refused.
    let slot_moves: Vec<SlotMove> = next.moves().to_vec();
    let Some(first) = slot_moves.first().map(|slot_move| slot_move.source.clone()) else { return Ok(Vec::new()) };
    for slot_move in &slot_moves {
        mover::write_journal(cluster, slot_move).await?;
    }
    cluster.publish(next, &first).await?;
    let announced = Instant::now();

    let mut movers = Vec::new();
    let mut failure = None;
    for slot_move in &slot_moves {
        match Mover::open(cluster, layout, settings, progress, slot_move).await {
            Ok(mover) => movers.push(mover),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if failure.is_none() {
        failure = fill_targets(&mut movers, announced + settings.confirmation_wait).await.err();
    }
    let mut switched: BTreeSet<MoveId> = BTreeSet::new();
    for mover in &mut movers {
        if failure.is_none() {
            match mover.cut_over().await {
                Ok(()) => {
                    switched.insert(mover.id().clone());
                }
                Err(error) => failure = Some(error),
            }
        }
    }
    let endings = movers.into_iter().map(|mover| mover.into_ending()).collect::<Vec<_>>();
    if let Some(error) = &failure {
        let message = error.to_string();
        for slot_move in slot_moves.iter().filter(|slot_move| !switched.contains(&slot_move.id)) {
            undo(cluster, layout, slot_move, &message, progress).await;
        }
    }
    let endings = endings.into_iter().filter(|ending| switched.contains(ending.id()));
    let mut reports = Vec::new();
    let switched_at = Instant::now();
    for ending in endings {
        tokio::time::sleep_until(switched_at + settings.cleanup_delay).await;
        reports.push(ending.clean_up(cluster, layout).await);
    }
    failure.map_or(Ok(reports), Err)
}

/// Ends the moves that an earlier scaler left behind: announced ones are undone, switched ones finished.
/// Returns their names.
pub async fn recover(
    cluster: &Cluster,
    layout: &Layout,
    settings: &MoveSettings,
    progress: &ProgressSink,
) -> Result<Vec<MoveId>, MoveError> {
    cluster.refresh().await?;
    let slot_moves = cluster.topology().moves().to_vec();
    for slot_move in &slot_moves {
        let reporter = mover::Reporter::new(slot_move, progress);
        if slot_move.phase == MovePhase::Announced {
            match ending::undo(cluster, layout, slot_move).await? {
                Undoing::Undone => {
                    reporter.report(MoveState::Undone, Some("left behind by an earlier scaler"));
                    continue;
                }
                // The source was away when the topology was refreshed.
                Undoing::AlreadySwitched => cluster.spread().await,
            }
        }
        reporter.report(MoveState::Switched, None);
        mover::drop_reference_triggers(cluster, layout, slot_move).await?;
        tokio::time::sleep(settings.cleanup_delay).await;
        reporter.report(MoveState::CleaningUp, None);
        let progress = || reporter.report_progress(MoveState::CleaningUp);
        ending::clean_up_until_done(cluster, layout, slot_move, &progress).await;
        reporter.report(MoveState::Done, None);
    }
    // A scaler may also stop between the journal and the announcement.
    for shard in cluster.topology().shards() {
        let mut connection = connection::Connection::open(cluster, &shard.id).await?;
        ending::sweep(cluster, &mut connection).await?;
    }
    Ok(slot_moves.into_iter().map(|slot_move| slot_move.id).collect())
}

/// One fence per source: a shard takes part in one round of moves at a time.
fn check_free(cluster: &Cluster, transfers: &[Transfer]) -> Result<(), MoveError> {
    let topology = cluster.topology();
    if let Some(slot_move) = topology.moves().first() {
        return Err(MoveError::Busy(slot_move.source.clone()));
    }
    let mut sources = BTreeSet::new();
    for transfer in transfers {
        if !sources.insert(&transfer.source) || transfers.iter().any(|other| other.target == transfer.source) {
            return Err(MoveError::Busy(transfer.source.clone()));
        }
    }
    Ok(())
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
async fn undo(cluster: &Cluster, layout: &Layout, slot_move: &SlotMove, message: &str, progress: &ProgressSink) {
    const ATTEMPTS: u32 = 5;
    for attempt in 1..=ATTEMPTS {
        match ending::undo(cluster, layout, slot_move).await {
            Ok(Undoing::Undone) => {
                mover::Reporter::new(slot_move, progress).report(MoveState::Undone, Some(message));
                return;
            }
            Ok(Undoing::AlreadySwitched) => {
                tracing::error!(r#move = %slot_move.id, "the move had switched; recovery will finish it");
                return;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(r#move = %slot_move.id, phase = "undo", attempt, error, "the move is not undone yet");
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
