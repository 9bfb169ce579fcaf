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
pub mod faults;
mod fill;
mod journal;
mod mover;
mod pace;
mod preflight;
mod progress;
mod rows;
mod table;
mod triggers;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use router::faults::Faults;
use router::schema::Layout;
use router::schema::load::SchemaError;
use router::topology::{MoveId, MovePhase, ShardId, SlotMove, TopologyError, Transfer};
use serde::Serialize;
use tokio::time::Instant;

pub use self::pace::{Rest, Throttle};
pub use self::progress::MoveProgress;
use crate::cluster::{Cluster, ClusterError};
use connection::Connection;
use ending::Undoing;
use faults::Point;
use mover::Mover;
use progress::Reporter;

pub(crate) use preflight::{find_unfit, find_unfit_source, is_guarded};
pub(crate) use rows::{key_literal, select_expression};

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
    /// Rows of the first copied chunk; the size adapts from there.
    pub chunk_rows: u32,
    pub throttle: Throttle,
    /// The room on the disks of targets. A move to a target that is not named is not checked for it.
    pub free_bytes: BTreeMap<ShardId, u64>,
    /// The user of the router's account, whose sessions end before the triggers of a move go.
    pub router_user: String,
    /// What tests let happen on the way.
    pub faults: Faults<Point>,
}

impl Default for MoveSettings {
    fn default() -> MoveSettings {
        MoveSettings {
            confirmation_wait: Duration::from_millis(5_200),
            cleanup_delay: Duration::from_secs(30),
            cutover_budget: Duration::from_millis(250),
            cutover_attempts: 120,
            chunk_rows: 1_000,
            throttle: Throttle::default(),
            free_bytes: BTreeMap::new(),
            router_user: router::accounts::ROUTER_USER.to_owned(),
            faults: Faults::default(),
        }
    }
}

/// How far one move is.
///
/// ```text
/// Preparing ─▶ Copying ─▶ Verifying ─▶ CatchingUp ─▶ CuttingOver ══▶ Switched ─▶ CleaningUp ─▶ Done
///     └───────────┴───────────┴────────────┴──────────────┴──▶ Undoing ─▶ Undone
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
    Undoing,
    Undone,
}

impl MoveState {
    pub const ALL: [MoveState; 10] = [
        MoveState::Preparing,
        MoveState::Copying,
        MoveState::Verifying,
        MoveState::CatchingUp,
        MoveState::CuttingOver,
        MoveState::Switched,
        MoveState::CleaningUp,
        MoveState::Done,
        MoveState::Undoing,
        MoveState::Undone,
    ];
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
    #[error(
        "{rows} rows of table `{table}` differ after the copy, the first one has the key {first_key}; \
         the target's version of them is kept on the source, in {kept}"
    )]
    RowsDiffer { table: String, rows: usize, first_key: String, kept: String },
    #[error("table `{table}` on shard `{shard}` is in use by a long transaction")]
    TableInUse { table: String, shard: ShardId },
    #[error("a transaction that was prepared (XA) before the move stays open on shard `{shard}`")]
    PreparedBranch { shard: ShardId },
    #[error("another mover still works at move {id} on shard `{shard}`")]
    Occupied { id: MoveId, shard: ShardId },
    #[error("move {id} found no moment to switch in {attempts} attempts: {reason}")]
    NoCutover { id: MoveId, attempts: u32, reason: &'static str },
    #[error("another scaler has taken move {id} over on shard `{shard}`")]
    TakenOver { id: MoveId, shard: ShardId },
    #[error("shard `{0}` did not answer in time")]
    Silent(ShardId),
    #[error("shard `{0}` is away: what moves may have left there is removed when it is back")]
    Away(ShardId),
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

impl MoveError {
    /// Whether the move was refused for what somebody has to mend first: a table, a server, an account.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            MoveError::Unfit { .. } | MoveError::UnfitServer { .. } | MoveError::DefinitionsDiffer { .. } => true,
            MoveError::Busy(_)
            | MoveError::Schema { .. }
            | MoveError::TableReplaced(_)
            | MoveError::Conflict { .. }
            | MoveError::RowsDiffer { .. }
            | MoveError::TableInUse { .. }
            | MoveError::PreparedBranch { .. }
            | MoveError::Occupied { .. }
            | MoveError::NoCutover { .. }
            | MoveError::TakenOver { .. }
            | MoveError::Silent(_)
            | MoveError::Away(_)
            | MoveError::OverBudget
            | MoveError::Stopped
            | MoveError::Journal(_)
            | MoveError::Database { .. }
            | MoveError::Cluster(_)
            | MoveError::Topology(_) => false,
        }
    }
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
    let switched_at = Instant::now();
    let mut endings = movers.into_iter().map(Mover::into_ending).collect::<Vec<_>>();
    if let Some(error) = &failure {
        let message = router::topology::watch::chain(error);
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
        reports.push(MoveReport {
            id: slot_move.id,
            source: slot_move.source,
            target: slot_move.target,
            rows_copied: reporter.progress.rows_copied,
            rows_moved,
            cutover: Duration::from_secs_f64(reporter.progress.cutover_millis.unwrap_or_default() / 1e3),
            attempts: reporter.progress.cutover_attempts,
        });
    }
    failure.map_or(Ok(reports), Err)
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
            let undoing = ending::undo(cluster, layout, slot_move, settings, &mut reporter).await?;
            if undoing == Undoing::Undone {
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
        self.slot_moves.iter().for_each(|slot_move| self.cluster.unsettle(&slot_move.id));
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
            Ok(Undoing::Undone) => return reporter.enter(MoveState::Undone, Some(message)).await,
            Ok(Undoing::AlreadySwitched) => {
                tracing::error!(r#move = %slot_move.id, "the move had switched; recovery will finish it");
                return;
            }
            Err(error) => {
                let error = router::topology::watch::chain(&error);
                tracing::warn!(r#move = %slot_move.id, phase = "undo", attempt, error, "the move is not undone yet");
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
