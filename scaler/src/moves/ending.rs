//! The two ways in which a move ends: undone before the switch, cleaned up after it. Both are safe to repeat.

use std::time::Duration;

use router::schema::{Layout, load};
use router::topology::{MoveId, MovePhase, SlotMove, Topology, store};

use super::MoveError;
use super::connection::{Connection, Side};
use super::copy::delete_moving_rows;
use super::table::MovedTable;
use super::triggers;
use crate::cluster::{Cluster, ClusterError};

/// What became of an attempt to undo.
pub(super) enum Undoing {
    Undone,
    /// The source says that the move is past its point of no return: nothing was touched.
    AlreadySwitched,
}

/// Takes everything back: triggers, copied rows, bookkeeping, the announcement.
///
/// Asks the source itself first, because it alone knows whether a cutover was committed.
///
/// A target that is away keeps its copies for now: the next move there clears the slots first, and until then
/// nobody reads them.
pub(super) async fn undo(cluster: &Cluster, layout: &Layout, slot_move: &SlotMove) -> Result<Undoing, MoveError> {
    let SlotMove { id, source, target, slots, .. } = slot_move;
    let mut connection = Connection::open_for(cluster, source, id, Side::Source, slots).await?;
    if let Some(topology) = switched_topology(&mut connection, id).await? {
        cluster.adopt(topology);
        return Ok(Undoing::AlreadySwitched);
    }
    triggers::remove(&mut connection, id).await?;
    if let Err(error) = clear_target(cluster, layout, slot_move).await {
        let error = router::topology::watch::chain(&error);
        tracing::warn!(r#move = %id, shard = %target, error, "the copied rows stay on the target for now");
    }
    forget(&mut connection, id).await?;
    withdraw(cluster, slot_move).await?;
    Ok(Undoing::Undone)
}

/// The source's own topology if the move is switched in it.
pub(super) async fn switched_topology(source: &mut Connection, id: &MoveId) -> Result<Option<Topology>, MoveError> {
    let shard = source.shard.clone();
    let topology = store::read(source.inner()).await.map_err(|source| ClusterError::Store { shard, source })?;
    let switched = |topology: &Topology| {
        topology.moves().iter().any(|slot_move| slot_move.id == *id && slot_move.phase == MovePhase::Switched)
    };
    Ok(topology.filter(switched))
}

async fn clear_target(cluster: &Cluster, layout: &Layout, slot_move: &SlotMove) -> Result<(), MoveError> {
    let SlotMove { id, target, slots, .. } = slot_move;
    let mut connection = Connection::open_for(cluster, target, id, Side::Target, slots).await?;
    for table in tables_of(&mut connection, layout, fills_newcomer(cluster, slot_move)).await? {
        delete_moving_rows(&mut connection, &table, &|| {}).await?;
    }
    forget_positions(&mut connection, id).await
}

/// Deletes the moved rows from the source, then everything that the move left there. Returns the rows deleted.
pub(super) async fn clean_up(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    after_batch: &(dyn Fn() + Send + Sync),
) -> Result<u64, MoveError> {
    let SlotMove { id, source, target, slots, .. } = slot_move;
    let mut connection = Connection::open_for(cluster, source, id, Side::Source, slots).await?;
    // The triggers refuse every writer but this one, and stay until the last moved row is gone.
    connection.run("SET @_autoscaler_cleanup=1").await?;
    let mut deleted = 0;
    for table in tables_of(&mut connection, layout, false).await? {
        deleted += delete_moving_rows(&mut connection, &table, after_batch).await?;
    }
    triggers::remove(&mut connection, id).await?;
    forget(&mut connection, id).await?;
    let forgotten = async {
        let mut connection = Connection::open_for(cluster, target, id, Side::Target, slots).await?;
        forget_positions(&mut connection, id).await
    };
    forgotten.await?;
    withdraw(cluster, slot_move).await?;
    Ok(deleted)
}

/// The same with as many attempts as it takes: a switched move can only go forward.
pub(super) async fn clean_up_until_done(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    after_batch: &(dyn Fn() + Send + Sync),
) -> u64 {
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);
    let mut pause = Duration::from_millis(200);
    loop {
        match clean_up(cluster, layout, slot_move, after_batch).await {
            Ok(deleted) => return deleted,
            Err(error) => {
                let error = router::topology::watch::chain(&error);
                tracing::warn!(r#move = %slot_move.id, phase = "clean_up", error, "cleaning up will be tried again");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if let Err(error) = cluster.refresh().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the topology could not be refreshed");
        }
    }
}

/// The tables of a move as this shard shows them; a fresh target has none.
pub(super) async fn tables_of(
    connection: &mut Connection,
    layout: &Layout,
    with_reference_tables: bool,
) -> Result<Vec<MovedTable>, MoveError> {
    let shard = connection.shard.clone();
    let schema = load::load(connection.inner(), layout).await;
    let schema = schema.map_err(|source| MoveError::Schema { shard, source })?;
    let tables = schema.tables().enumerate().filter_map(|(index, table)| MovedTable::of(table, index));
    Ok(tables.filter(|table| with_reference_tables || !table.is_reference()).collect())
}

/// Whether this move brings the reference tables: it is the first one to a shard that owns nothing.
pub(super) fn fills_newcomer(cluster: &Cluster, slot_move: &SlotMove) -> bool {
    let topology = cluster.topology();
    let first = topology.moves().iter().find(|other| other.target == slot_move.target);
    topology.owned(&slot_move.target).is_empty() && first.is_none_or(|first| first.id == slot_move.id)
}

/// Removes what is left on a shard of moves that its journal knows and the topology does not.
pub(super) async fn sweep(cluster: &Cluster, connection: &mut Connection) -> Result<(), MoveError> {
    let known = cluster.topology();
    let exists = "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA='_autoscaler' AND TABLE_NAME='moves'";
    if connection.fetch_text(exists).await?.is_none() {
        return Ok(());
    }
    for name in connection.fetch_texts("SELECT id FROM _autoscaler.moves").await? {
        let id: MoveId = serde_json::from_value(serde_json::Value::String(name)).map_err(MoveError::Journal)?;
        if !known.moves().iter().any(|slot_move| slot_move.id == id) {
            triggers::remove(connection, &id).await?;
            forget(connection, &id).await?;
        }
    }
    Ok(())
}

/// The journal row goes last: as long as it is there, a sweep finds the rest.
async fn forget(source: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    source
        .run(&format!(
            "UPDATE _autoscaler.fence SET fenced=0 WHERE id=1; DELETE FROM _autoscaler.moves WHERE id='{id}'"
        ))
        .await?;
    Ok(())
}

async fn forget_positions(target: &mut Connection, id: &MoveId) -> Result<(), MoveError> {
    target.run(&format!("DELETE FROM _autoscaler.move_positions WHERE id='{id}'")).await?;
    Ok(())
}

async fn withdraw(cluster: &Cluster, slot_move: &SlotMove) -> Result<(), MoveError> {
    let topology = cluster.topology();
    if topology.moves().iter().any(|other| other.id == slot_move.id) {
        cluster.publish(topology.without_move(&slot_move.id), &slot_move.source).await?;
    }
    Ok(())
}
