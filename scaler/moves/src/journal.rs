//! What both shards know of a move, in `_autoscaler.moves` on its source and `_autoscaler.incoming_moves` on its target.
//!
//! The rows are also permits: every transaction that writes rows for a move holds its row with a shared lock. A scaler
//! that was stopped and wakes up after another one took its move over finds the row changed or gone, and writes
//! nothing.

use keyspace::own;
use keyspace::own::journal::MoveState;
use keyspace::own::journal::Side;
use keyspace::topology::{MoveId, MovePhase, SlotMove, Topology};

use crate::connection::{Connection, into_text};
use crate::error::MoveError;

/// Writes a move down on one of its shards. From here on a sweep finds whatever the move leaves there.
pub(crate) async fn open(shard: &mut Connection, side: Side, slot_move: &SlotMove) -> Result<(), MoveError> {
    let doc = serde_json::to_string(slot_move).map_err(MoveError::Journal)?;
    shard.run(&own::journal::open(side, &slot_move.id, &doc)).await?;
    Ok(())
}

/// Records on the source that a move enters a state; fails if another scaler has taken the move over.
pub(crate) async fn enter(source: &mut Connection, id: &MoveId, state: MoveState) -> Result<(), MoveError> {
    match source.run(&own::journal::enter(id, state)).await? {
        0 => Err(MoveError::TakenOver { id: id.clone(), shard: source.shard.clone() }),
        _ => Ok(()),
    }
}

/// Within the cutover's transaction: the move has switched, if nobody forbade it.
pub(crate) async fn switch(source: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    match source.run(&own::journal::switch(id)).await? {
        0 => Err(MoveError::TakenOver { id: id.clone(), shard: source.shard.clone() }),
        _ => Ok(()),
    }
}

/// On the target: from now on only whoever undoes the move writes its rows. Waits for a write that is under way.
pub(crate) async fn forbid_copying(target: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    target.run(&own::journal::forbid_copying(id)).await?;
    Ok(())
}

/// Forgets a move on one of its shards. The row goes last: as long as it is there, a sweep finds the rest.
pub(crate) async fn forget(shard: &mut Connection, side: Side, slot_move: &SlotMove) -> Result<(), MoveError> {
    let sql = match side {
        Side::Source => own::fence::lower(slot_move.fence),
        Side::Target => own::journal::forget_positions(slot_move.id.as_str()),
    };
    shard.run(&sql).await?;
    forget_row(shard, side, &slot_move.id).await
}

/// The row alone: somebody else needs the rest.
pub(crate) async fn forget_row(shard: &mut Connection, side: Side, id: &MoveId) -> Result<(), MoveError> {
    shard.run(&own::journal::forget(side, id.as_str())).await?;
    Ok(())
}

/// The moves in a shard's journal that the topology does not know: left behind between two steps.
pub(crate) async fn moves_unknown_to_topology(
    shard: &mut Connection,
    side: Side,
    topology: &Topology,
) -> Result<Vec<SlotMove>, MoveError> {
    let docs = match shard.fetch(&own::journal::docs(side)).await {
        // A shard that no topology was ever published to.
        Err(MoveError::Database { source, .. }) if own::schema::is_absent(&source) => return Ok(Vec::new()),
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
pub(crate) fn is_switched(topology: &Topology, id: &MoveId) -> bool {
    topology.moves().iter().any(|slot_move| slot_move.id == *id && slot_move.phase == MovePhase::Switched)
}
