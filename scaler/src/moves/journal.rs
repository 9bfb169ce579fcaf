//! What both shards know of a move, in `_autoscaler.moves` on its source and `_autoscaler.incoming_moves` on its target.
//!
//! The rows are also permits: every transaction that writes rows for a move holds its row with a shared lock. A scaler
//! that was stopped and wakes up after another one took its move over finds the row changed or gone, and writes
//! nothing.

use keyspace::own::journal::UNDOING;
use keyspace::topology::{MoveId, MovePhase, SlotMove, Topology};

use super::connection::{Connection, error_number, into_text, string_literal};
use super::{MoveError, MoveState};

/// Which end of a move a connection works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

impl Side {
    pub fn journal(self) -> &'static str {
        match self {
            Side::Source => "_autoscaler.moves",
            Side::Target => "_autoscaler.incoming_moves",
        }
    }
}

/// Writes a move down on one of its shards. From here on a sweep finds whatever the move leaves there.
pub(super) async fn open(shard: &mut Connection, side: Side, slot_move: &SlotMove) -> Result<(), MoveError> {
    let doc = serde_json::to_string(slot_move).map_err(MoveError::Journal)?;
    let (table, id, state, doc) = (side.journal(), &slot_move.id, MoveState::Preparing, string_literal(&doc));
    shard.run(&format!("REPLACE INTO {table} (id,state,doc) VALUES ('{id}','{state:?}',{doc})")).await?;
    Ok(())
}

/// Notes on the source that a move enters a state; fails if another scaler has taken the move over.
pub(super) async fn enter(source: &mut Connection, id: &MoveId, state: MoveState) -> Result<(), MoveError> {
    let sql = format!("UPDATE {} SET state='{state:?}' WHERE id='{id}' AND state<>'{UNDOING}'", Side::Source.journal());
    match source.run(&sql).await? {
        0 => Err(MoveError::TakenOver { id: id.clone(), shard: source.shard.clone() }),
        _ => Ok(()),
    }
}

/// Within the cutover's transaction: the move has switched, if nobody forbade it.
pub(super) async fn switch(source: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    let (table, from, to) = (Side::Source.journal(), MoveState::CuttingOver, MoveState::Switched);
    let sql = format!("UPDATE {table} SET state='{to:?}' WHERE id='{id}' AND state='{from:?}'");
    match source.run(&sql).await? {
        0 => Err(MoveError::TakenOver { id: id.clone(), shard: source.shard.clone() }),
        _ => Ok(()),
    }
}

/// On the target: from now on only whoever undoes the move writes its rows. Waits for a write that is under way.
pub(super) async fn forbid_copying(target: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    target.run(&format!("UPDATE {} SET state='{UNDOING}' WHERE id='{id}'", Side::Target.journal())).await?;
    Ok(())
}

/// Forgets a move on one of its shards. The row goes last: as long as it is there, a sweep finds the rest.
pub(super) async fn forget(shard: &mut Connection, side: Side, slot_move: &SlotMove) -> Result<(), MoveError> {
    let sql = match side {
        Side::Source => lower_fence(slot_move),
        Side::Target => format!("DELETE FROM _autoscaler.move_positions WHERE id='{}'", slot_move.id),
    };
    shard.run(&sql).await?;
    forget_row(shard, side, &slot_move.id).await
}

/// The row alone: somebody else needs the rest.
pub(super) async fn forget_row(shard: &mut Connection, side: Side, id: &MoveId) -> Result<(), MoveError> {
    shard.run(&format!("DELETE FROM {} WHERE id='{id}'", side.journal())).await?;
    Ok(())
}

/// Only once the triggers are gone, which look at it.
pub(super) fn lower_fence(slot_move: &SlotMove) -> String {
    format!("UPDATE _autoscaler.fence SET fenced=0 WHERE id={}", slot_move.fence)
}

/// The moves in a shard's journal that the topology does not know: left behind between two steps.
pub(super) async fn strays(
    shard: &mut Connection,
    side: Side,
    topology: &Topology,
) -> Result<Vec<SlotMove>, MoveError> {
    /// A shard that no topology was ever published to.
    const ABSENT: [u16; 2] = [1049, 1146];
    let docs = match shard.fetch(&format!("SELECT doc FROM {}", side.journal())).await {
        Err(error) if error_number(&error).is_some_and(|number| ABSENT.contains(&number)) => return Ok(Vec::new()),
        other => other?,
    };
    let mut strays = Vec::new();
    for doc in docs.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
        let slot_move: SlotMove = serde_json::from_str(&into_text(doc)).map_err(MoveError::Journal)?;
        if !topology.moves().iter().any(|known| known.id == slot_move.id) {
            strays.push(slot_move);
        }
    }
    Ok(strays)
}

/// Whether a topology has a move, and behind its switch.
pub(super) fn is_switched(topology: &Topology, id: &MoveId) -> bool {
    topology.moves().iter().any(|slot_move| slot_move.id == *id && slot_move.phase == MovePhase::Switched)
}
