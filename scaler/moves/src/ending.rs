//! The two ways in which a move ends: undone before the switch, cleaned up after it. Both are safe to repeat.

use std::time::Duration;

use keyspace::own::journal::MoveState;
use keyspace::own::journal::Side;
use keyspace::schema::Layout;
use keyspace::topology::{MoveId, SlotMove};

use crate::cluster::{Cluster, ClusterError};
use crate::connection::{Connection, Purpose, into_text, is_away};
use crate::delete::delete_moving_rows;
use crate::error::MoveError;
use crate::faults::Point;
use crate::journal;
use crate::pace::Pace;
use crate::progress::Reporter;
use crate::settings::MoveSettings;
use crate::table::{MovedTable, SLOTS_VARIABLE};
use crate::triggers;

/// What became of an attempt to undo a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UndoOutcome {
    Undone,
    /// The source says that the move is past its point of no return: nothing was touched.
    AlreadySwitched,
}

/// Finds out on the source whether a move has switched, and makes sure that it does not any more if it has not.
///
/// Until this is known of every move that an earlier scaler announced, no topology can be published.
pub(crate) async fn decide(cluster: &Cluster, slot_move: &SlotMove) -> Result<(UndoOutcome, Connection), MoveError> {
    let id = &slot_move.id;
    let mut source = Connection::open_for(cluster, slot_move, Side::Source, Purpose::End).await?;
    let carried = source.forbid_switch(id).await?;
    let switched = carried.filter(|carried| journal::is_switched(carried, id));
    cluster.settle(id);
    match switched {
        Some(topology) => {
            cluster.adopt(topology);
            Ok((UndoOutcome::AlreadySwitched, source))
        }
        None => Ok((UndoOutcome::Undone, source)),
    }
}

/// Takes everything back: triggers, copied rows, bookkeeping, the announcement.
///
/// Asks the source itself first, because it alone knows whether a cutover was committed. The copies go before the
/// announcement does: as long as the topology has the move, no reader looks at them. Only a target that owns nothing
/// may be away, since nobody reads it at all; its copies go when it is back, or with it.
pub(crate) async fn undo(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    settings: &MoveSettings,
    reporter: &mut Reporter,
) -> Result<UndoOutcome, MoveError> {
    let id = &slot_move.id;
    let (outcome, mut source) = decide(cluster, slot_move).await?;
    if outcome == UndoOutcome::AlreadySwitched {
        return Ok(outcome);
    }
    reporter.enter(MoveState::Undoing, None).await;
    triggers::remove(&mut source, id).await?;
    settings.faults.reach(Point::UndoTriggersDropped).await;
    let mut target = match clear_target(cluster, layout, slot_move, settings).await {
        Ok(target) => Some(target),
        Err(error) if is_away(&error) && cluster.topology().owned(&slot_move.target).is_empty() => {
            let error = keyspace::errors::chain(&error);
            tracing::warn!(r#move = %id, shard = %slot_move.target, error, "the copied rows stay on it for now");
            None
        }
        Err(error) => return Err(error),
    };
    settings.faults.reach(Point::UndoCleared).await;
    withdraw(cluster, slot_move).await?;
    settings.faults.reach(Point::UndoWithdrawn).await;
    if let Some(target) = &mut target {
        journal::forget(target, Side::Target, slot_move).await?;
    }
    journal::forget(&mut source, Side::Source, slot_move).await?;
    Ok(UndoOutcome::Undone)
}

async fn clear_target(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    settings: &MoveSettings,
) -> Result<Connection, MoveError> {
    let mut target = Connection::open_for(cluster, slot_move, Side::Target, Purpose::End).await?;
    journal::forbid_copying(&mut target, &slot_move.id).await?;
    let mut pace = Pace::new(cluster, &settings.throttle, &[&slot_move.target]);
    for table in tables_of(&mut target, layout, &slot_move.id, fills_newcomer(cluster, slot_move)).await? {
        delete_moving_rows(&mut target, &table, &mut pace, None, &mut |_, _| {}).await?;
    }
    Ok(target)
}

/// Deletes the moved rows from the source, then everything that the move left there. Returns the rows deleted.
pub(crate) async fn clean_up(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    settings: &MoveSettings,
    reporter: &mut Reporter,
) -> Result<u64, MoveError> {
    let id = &slot_move.id;
    let mut source = Connection::open_for(cluster, slot_move, Side::Source, Purpose::End).await?;
    if !cluster.topology().moves().iter().any(|known| known.id == *id) {
        // Only the journals may be left.
        sweep(cluster, layout, &mut source, settings).await?;
        return Ok(0);
    }
    journal::enter(&mut source, id, MoveState::CleaningUp).await?;
    let before = reporter.progress.rows_deleted;
    let mut pace = Pace::new(cluster, &settings.throttle, &[&slot_move.source]);
    for table in tables_of(&mut source, layout, id, false).await? {
        let mut after_batch = |count: u64, pace: &mut Pace| {
            reporter.progress.rows_deleted += count;
            reporter.rested(pace);
            reporter.step();
        };
        delete_moving_rows(&mut source, &table, &mut pace, Some(&settings.faults), &mut after_batch).await?;
    }
    settings.faults.reach(Point::RowsDeleted).await;
    end_idle_sessions(&mut source, settings.cleanup_delay, &settings.router_user).await?;
    // The triggers refuse every writer but this one, and stay until the last moved row is gone.
    triggers::remove(&mut source, id).await?;
    settings.faults.reach(Point::TriggersDropped).await;
    withdraw(cluster, slot_move).await?;
    settings.faults.reach(Point::Withdrawn).await;
    let mut target = Connection::open_for(cluster, slot_move, Side::Target, Purpose::End).await?;
    journal::forget(&mut target, Side::Target, slot_move).await?;
    journal::forget(&mut source, Side::Source, slot_move).await?;
    Ok(reporter.progress.rows_deleted - before)
}

/// Ends the sessions of routers that have been idle since the switch: a router that stood still since then may be about
/// to write moved rows here, and the triggers that refuse them are to go.
///
/// A router logs in by its own account, or by ours, or by another one that may use our schema, which it must read.
///
/// Routers that are well ask a connection whether it lives when it was idle for more than 3 s.
async fn end_idle_sessions(
    source: &mut Connection,
    since_switch: Duration,
    router_user: &str,
) -> Result<(), MoveError> {
    // Grantees are written 'user'@'host'.
    const USERS: &str = "SELECT SUBSTRING_INDEX(USER(),'@',1) UNION \
         SELECT SUBSTRING_INDEX(SUBSTR(GRANTEE,2),'\\'@',1) FROM information_schema.SCHEMA_PRIVILEGES \
         WHERE TABLE_SCHEMA IN ('_autoscaler','\\\\_autoscaler') UNION \
         SELECT SUBSTRING_INDEX(SUBSTR(GRANTEE,2),'\\'@',1) FROM information_schema.TABLE_PRIVILEGES \
         WHERE TABLE_SCHEMA='_autoscaler'";
    const LEAST_IDLE: Duration = Duration::from_secs(4);
    // The server counts whole seconds.
    let idle = since_switch.saturating_sub(Duration::from_secs(1)).max(LEAST_IDLE).as_secs();
    let users = source.fetch_texts(USERS).await?;
    for row in source.fetch("SHOW PROCESSLIST").await? {
        let cell = |index: usize| row.get(index).cloned().flatten().map(into_text).unwrap_or_default();
        let (number, seconds) = (cell(0).parse::<u64>(), cell(5).parse::<u64>());
        let is_routers = cell(1) == router_user || users.contains(&cell(1));
        let is_idle = is_routers && cell(4) == "Sleep" && seconds.is_ok_and(|seconds| seconds >= idle);
        if let Some(number) = number.ok().filter(|number| is_idle && !source.is_needed(*number)) {
            // It may have ended by itself.
            let _ = source.run(&format!("KILL {number}")).await;
        }
    }
    Ok(())
}

/// The same with as many attempts as it takes: a switched move can only go forward.
pub(crate) async fn clean_up_until_done(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
    settings: &MoveSettings,
    reporter: &mut Reporter,
) -> u64 {
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);
    let mut pause = Duration::from_millis(200);
    loop {
        match clean_up(cluster, layout, slot_move, settings, reporter).await {
            Ok(deleted) => return deleted,
            Err(error) => {
                let error = keyspace::errors::chain(&error);
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
pub(crate) async fn tables_of(
    connection: &mut Connection,
    layout: &Layout,
    id: &MoveId,
    with_reference_tables: bool,
) -> Result<Vec<MovedTable>, MoveError> {
    let schema = connection.load_schema(layout).await?;
    let tables = schema.tables().enumerate().filter_map(|(index, table)| MovedTable::of(table, index, id));
    Ok(tables.filter(|table| with_reference_tables || !table.is_reference()).collect())
}

/// Whether this move brings the reference tables: it is the first one to a shard that owns nothing.
pub(crate) fn fills_newcomer(cluster: &Cluster, slot_move: &SlotMove) -> bool {
    let topology = cluster.topology();
    let first = topology.moves().iter().find(|other| other.target == slot_move.target);
    topology.owned(&slot_move.target).is_empty() && first.is_none_or(|first| first.id == slot_move.id)
}

/// Removes what moves left on a shard whose journal knows them and the topology does not.
///
/// Only with the newest topology: one that the shard has a newer one than is refused.
pub(crate) async fn sweep(
    cluster: &Cluster,
    layout: &Layout,
    connection: &mut Connection,
    settings: &MoveSettings,
) -> Result<(), MoveError> {
    let topology = cluster.topology();
    let shard = connection.shard.clone();
    let carried = connection.sighting().await?;
    if carried.is_some_and(|carried| carried.epoch > topology.epoch()) {
        return Err(ClusterError::Superseded(shard).into());
    }
    for stray in journal::moves_unknown_to_topology(connection, Side::Source, &topology).await? {
        tracing::info!(r#move = %stray.id, %shard, "removing what a move left on its source");
        let mut source = Connection::open_for(cluster, &stray, Side::Source, Purpose::End).await?;
        triggers::remove(&mut source, &stray.id).await?;
        match topology.moves().iter().any(|known| known.source == shard && known.fence == stray.fence) {
            // Another move has the fence by now.
            true => journal::forget_row(&mut source, Side::Source, &stray.id).await?,
            false => journal::forget(&mut source, Side::Source, &stray).await?,
        }
    }
    for stray in journal::moves_unknown_to_topology(connection, Side::Target, &topology).await? {
        tracing::info!(r#move = %stray.id, %shard, "removing what a move left on its target");
        let mut target = Connection::open_for(cluster, &stray, Side::Target, Purpose::End).await?;
        journal::forbid_copying(&mut target, &stray.id).await?;
        let owned = topology.owned(&shard);
        let is_arriving = |slot| topology.moves_touching(&shard).any(|known| known.slots.contains(slot));
        let copies: keyspace::slots::SlotSet =
            stray.slots.iter().filter(|&slot| !owned.contains(slot) && !is_arriving(slot)).collect();
        if !copies.is_empty() {
            target.run(&format!("SET {SLOTS_VARIABLE}=x'{}'", copies.to_hex())).await?;
            let mut pace = Pace::new(cluster, &settings.throttle, &[&shard]);
            // Reference tables are whole on every shard that owns something, and else nobody reads them.
            for table in tables_of(&mut target, layout, &stray.id, false).await? {
                delete_moving_rows(&mut target, &table, &mut pace, None, &mut |_, _| {}).await?;
            }
        }
        journal::forget(&mut target, Side::Target, &stray).await?;
    }
    Ok(())
}

async fn withdraw(cluster: &Cluster, slot_move: &SlotMove) -> Result<(), MoveError> {
    let is_known = || cluster.topology().moves().iter().any(|other| other.id == slot_move.id);
    if !is_known() {
        return Ok(());
    }
    let withdrawn = cluster.change(|topology| Ok::<_, ClusterError>(topology.without_move(&slot_move.id))).await;
    Ok(withdrawn?)
}
