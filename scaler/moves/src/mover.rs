//! One move on its way to the switch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyspace::own;
use keyspace::own::journal::MoveState;
use keyspace::own::journal::Side;
use keyspace::schema::Layout;
use keyspace::topology::{MoveId, SlotMove, Transfer};
use tokio::time::Instant;

use crate::changes::Changes;
use crate::cluster::Cluster;
use crate::connection::{Connection, Purpose, is_away};
use crate::copy::Copy;
use crate::cutover::{Attempt, Cutover, FenceWait};
use crate::definitions;
use crate::delete::delete_moving_rows;
use crate::ending;
use crate::error::MoveError;
use crate::faults::Point;
use crate::fill::Writers;
use crate::journal;
use crate::pace::{ChunkSize, Pace};
use crate::preflight;
use crate::progress::ProgressSink;
use crate::progress::Reporter;
use crate::replace::{read_rows, run_inserts};
use crate::rows::Cells;
use crate::settings::MoveSettings;
use crate::table::MovedTable;
use crate::triggers;
use crate::verify::{Difference, verify, verify_touched};

pub(crate) struct Mover<'a> {
    cluster: &'a Cluster,
    settings: &'a MoveSettings,
    slot_move: SlotMove,
    tables: Vec<MovedTable>,
    /// The tables' InnoDB numbers when the capture began.
    identities: Vec<Cells>,
    source: Connection,
    target: Connection,
    /// Beside `target`, while rows are copied.
    second: Option<Connection>,
    changes: Changes,
    /// When changes were last replayed.
    caught_up: Instant,
    pace: Pace,
    reporter: Reporter,
}

/// A look for changes reads the change tables of all tables: hundreds of small ones are not worth one each.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(100);

impl<'a> Mover<'a> {
    pub async fn open(
        cluster: &'a Cluster,
        layout: &Layout,
        settings: &'a MoveSettings,
        sink: &ProgressSink,
        slot_move: &SlotMove,
    ) -> Result<Mover<'a>, MoveError> {
        let mut reporter = Reporter::new(slot_move, settings, sink);
        reporter.enter(MoveState::Preparing, None).await;
        let mut source = Connection::open_for(cluster, slot_move, Side::Source, Purpose::Advance).await?;
        let target = Connection::open_for(cluster, slot_move, Side::Target, Purpose::Advance).await?;
        // A scaler that was stopped and knows less than the shard must not take what follows for leftovers.
        let topology = cluster.topology();
        source.catch_up(&topology).await?;
        let with_reference_tables = ending::fills_newcomer(cluster, slot_move);
        let tables = ending::tables_of(&mut source, layout, &slot_move.id, with_reference_tables).await?;
        let share = slot_move.slots.len() as f64 / cluster.topology().owned(&slot_move.source).len().max(1) as f64;
        reporter.progress.rows_expected = Some(definitions::expected_rows(&mut source, &tables, share).await?);
        Ok(Mover {
            cluster,
            settings,
            changes: Changes::new(tables.len(), settings.faults.clone()),
            caught_up: Instant::now(),
            pace: Pace::new(cluster, &settings.throttle, &[&slot_move.source, &slot_move.target]),
            slot_move: slot_move.clone(),
            tables,
            identities: Vec::new(),
            source,
            target,
            second: None,
            reporter,
        })
    }

    pub fn id(&self) -> &MoveId {
        &self.slot_move.id
    }

    /// Brings the target to the source's state and keeps it there until `not_before`.
    pub async fn fill_target(&mut self, stop: &AtomicBool, not_before: Instant) -> Result<(), MoveError> {
        self.reporter.wait_until(not_before);
        let check_stop = || match stop.load(Ordering::Relaxed) {
            true => Err(MoveError::Stopped),
            false => Ok(()),
        };
        // A router that has not heard of the move does not filter: on a target that it asks already it would see each
        // copied row beside the source's.
        if !self.cluster.topology().owned(&self.slot_move.target).is_empty() {
            tokio::time::sleep_until(not_before).await;
        }
        for table in &self.tables {
            check_stop()?;
            triggers::install(&mut self.source, table, &self.slot_move, &self.settings.faults).await?;
            self.settings.faults.reach(Point::TableCaptured).await;
        }
        self.identities = definitions::identities(&mut self.source, &self.tables).await?;
        triggers::wait_for_prepared_branches(&mut self.source).await?;
        self.settings.faults.reach(Point::Captured).await;
        self.enter(MoveState::Copying).await?;
        self.second = Some(Connection::open_beside(self.cluster, &self.slot_move).await?);
        for place in 0..self.tables.len() {
            self.copy_table(place, &check_stop).await?;
        }
        self.second = None;
        // From here on everything that is replayed is compared, too.
        self.changes.touched = Some(Default::default());
        self.enter(MoveState::Verifying).await?;
        let names = self.tables.iter().map(|table| table.name.as_str());
        definitions::compare(&mut self.source, &mut self.target, names).await?;
        for place in 0..self.tables.len() {
            check_stop()?;
            // What is not replayed yet differs, and is caught up with then; this keeps it little.
            if place == 0 || self.caught_up.elapsed() >= CATCH_UP_INTERVAL {
                self.catch_up(self.tables.len()).await?;
            }
            let (source, target, changes) = (&mut self.source, &mut self.target, &mut self.changes);
            let table = &self.tables[place];
            let difference = verify(source, target, changes, &self.tables, table, &mut self.pace).await?;
            if let Some(difference) = difference {
                return Err(self.keep_both(place, difference).await);
            }
            self.reporter.rested(&mut self.pace);
            self.reporter.step();
        }
        definitions::raise_auto_increment(&mut self.source, &mut self.target, &self.tables).await?;
        self.enter(MoveState::CatchingUp).await?;
        loop {
            check_stop()?;
            self.catch_up(self.tables.len()).await?;
            self.verify_touched().await?;
            if Instant::now() >= not_before {
                return Ok(());
            }
            let pause = Instant::now() + Duration::from_millis(100);
            tokio::time::sleep_until(pause.min(not_before)).await;
        }
    }

    async fn copy_table(
        &mut self,
        place: usize,
        check_stop: &(dyn Fn() -> Result<(), MoveError> + Sync),
    ) -> Result<(), MoveError> {
        // A move that was undone while the target was away left rows there.
        let table = &self.tables[place];
        delete_moving_rows(&mut self.target, table, &mut self.pace, None, &mut |_, _| {}).await?;
        let id = self.slot_move.id.clone();
        let mut size = ChunkSize::new(self.settings.chunk_rows, self.settings.throttle.chunk_time);
        let table = table.clone();
        let mut copy = Copy::new(&table, &id);
        loop {
            let started = Instant::now();
            // One statement at a time is enough beside an application.
            let second = self.second.as_mut().filter(|_| !self.pace.is_busy());
            let (source, target) = (&mut self.source, Writers::new(&mut self.target, second));
            let Some(copied) = copy.next_chunk(source, target, &mut size, &self.settings.faults).await? else {
                return Ok(());
            };
            self.settings.faults.reach(Point::ChunkCopied).await;
            check_stop()?;
            self.reporter.progress.rows_copied += copied.rows;
            self.reporter.progress.bytes_copied += copied.bytes;
            // Tables that are not copied yet have nothing to correct. A chunk that could not be written waits for
            // changes that free its values.
            if copied.rows == 0 || self.caught_up.elapsed() >= CATCH_UP_INTERVAL {
                self.catch_up(place + 1).await?;
            }
            self.pace.rest(started.elapsed()).await;
            self.reporter.rested(&mut self.pace);
            self.reporter.step();
        }
    }

    /// Switches the owner, with as many attempts as the settings allow.
    pub async fn cut_over(&mut self) -> Result<(), MoveError> {
        /// Polling fails for long only beside a long transaction, or on slots so hot that one wait is better.
        const POLLS_BEFORE_WAITING: u32 = 20;
        self.enter(MoveState::CuttingOver).await?;
        // A row that the target's own clients hold must not keep the fence up: one second is the least.
        self.target.run("SET SESSION innodb_lock_wait_timeout=1").await?;
        let mut last_reason = "no attempt was made";
        for attempt in 1..=self.settings.cutover_attempts {
            self.catch_up(self.tables.len()).await?;
            self.verify_touched().await?;
            let wait = match attempt % POLLS_BEFORE_WAITING {
                0 => FenceWait::Bounded,
                _ => FenceWait::Poll,
            };
            self.reporter.progress.cutover_attempts = attempt;
            let mut cutover = Cutover {
                cluster: self.cluster,
                slot_move: &self.slot_move,
                tables: &self.tables,
                identities: &self.identities,
                source: &mut self.source,
                target: &mut self.target,
                changes: &mut self.changes,
                budget: self.settings.cutover_budget,
                faults: &self.settings.faults,
            };
            match cutover.attempt(wait).await? {
                Attempt::Switched { took, replayed } => {
                    self.reporter.progress.changes_replayed += replayed;
                    self.reporter.progress.changes_waiting = 0;
                    self.reporter.progress.cutover_millis = Some(took.as_secs_f64() * 1e3);
                    self.settings.faults.reach(Point::SwitchCommitted).await;
                    self.settle_switch().await;
                    return Ok(());
                }
                Attempt::BackedOff(reason) => {
                    last_reason = reason;
                    self.reporter.enter(MoveState::CuttingOver, Some(reason)).await;
                    let pause = rand::random_range(200..=500);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Attempt::Differs { place, difference } => return Err(self.keep_both(place, difference).await),
            }
        }
        let (id, attempts) = (self.slot_move.id.clone(), self.settings.cutover_attempts);
        Err(MoveError::NoCutover { id, attempts, reason: last_reason })
    }

    /// What follows the switch at once. Failures are repaired by the clean-up.
    async fn settle_switch(&mut self) {
        // Behind the fence reference tables refuse every write on the source, so their triggers go first.
        for table in self.tables.iter().filter(|table| table.is_reference()) {
            if let Err(error) = triggers::remove_from_table(&mut self.source, table, &self.slot_move.id).await {
                let (error, table): (&dyn std::error::Error, _) = (&error, &table.name);
                tracing::warn!(r#move = %self.slot_move.id, table, error, "a reference table stays fenced for now");
            }
        }
        self.cluster.spread().await;
        self.reporter.enter(MoveState::Switched, None).await;
    }

    /// What is left to do once the connections are closed.
    pub fn into_ending(self) -> (SlotMove, Reporter) {
        (self.slot_move, self.reporter)
    }

    /// Of the first so many tables.
    async fn catch_up(&mut self, tables: usize) -> Result<(), MoveError> {
        let (source, target, tables) = (&mut self.source, &mut self.target, &self.tables[..tables]);
        let replayed = self.changes.catch_up(source, target, tables).await?;
        self.caught_up = Instant::now();
        self.reporter.progress.changes_replayed += replayed;
        self.reporter.progress.changes_waiting = self.changes.backlog;
        self.changes.raise_floors(source, &self.tables, &self.slot_move).await
    }

    async fn verify_touched(&mut self) -> Result<(), MoveError> {
        match &mut self.changes.touched {
            Some(touched) => verify_touched(&mut self.source, &mut self.target, &self.tables, touched).await,
            None => Ok(()),
        }
    }

    /// Saves the target's version of rows that differ beside the source's own, before the move is undone.
    async fn keep_both(&mut self, place: usize, difference: Difference) -> MoveError {
        const MOST_ROWS: usize = 1_000;
        let table = &self.tables[place];
        let kept = table.kept_table();
        let keys = difference.keys.iter().take(MOST_ROWS).cloned().collect();
        let saved = async {
            // Behind a failed cutover its transaction is over.
            let rows = read_rows(&mut self.target, table, &keys).await?;
            let create = format!("CREATE TABLE IF NOT EXISTS {kept} LIKE {}", keyspace::schema::quote(&table.name));
            self.source.run(&create).await?;
            run_inserts(&mut self.source, &table.insert_statements(&kept, &rows)).await
        };
        let kept = match saved.await {
            Ok(()) => Some(kept.clone()),
            Err(error) if is_away(&error) => None,
            Err(error) => {
                let (error, table): (&dyn std::error::Error, _) = (&error, &table.name);
                tracing::error!(r#move = %self.slot_move.id, table, error, "rows that differ could not be kept");
                None
            }
        };
        MoveError::RowsDiffer {
            table: table.name.clone(),
            rows: difference.keys.len(),
            first_key: difference.keys.first().map(|key| key.join(",")).unwrap_or_default(),
            kept: kept.unwrap_or_else(|| "nowhere".to_owned()),
        }
    }

    async fn enter(&mut self, state: MoveState) -> Result<(), MoveError> {
        journal::enter(&mut self.source, &self.slot_move.id, state).await?;
        self.reporter.enter(state, None).await;
        Ok(())
    }
}

/// Checks both shards and gives them what a move needs, before anybody hears of it. `free_bytes` is the room on the
/// target, if it is known; what the move needs is taken off it.
pub(crate) async fn prepare_shards(
    cluster: &Cluster,
    layout: &Layout,
    transfer: &Transfer,
    settings: &MoveSettings,
    free_bytes: Option<&mut u64>,
) -> Result<(), MoveError> {
    let mut source = Connection::open(cluster, &transfer.source).await?;
    let mut target = Connection::open(cluster, &transfer.target).await?;
    for connection in [&mut source, &mut target] {
        ending::sweep(cluster, layout, connection, settings).await?;
    }
    let schema = preflight::check(&mut source, layout).await?;
    preflight::check_target(&mut target, &schema).await?;
    preflight::check_packets(&mut source, &mut target).await?;
    let share = transfer.slots.len() as f64 / cluster.topology().owned(&transfer.source).len().max(1) as f64;
    preflight::check_space(&mut source, &transfer.target, &schema, share, free_bytes).await?;
    for connection in [&mut source, &mut target] {
        connection.create_own_schema().await?;
    }
    definitions::copy(&mut source, &mut target).await?;
    let moving = schema.tables().filter(|table| preflight::moves(table));
    let moving: Vec<&str> = moving.map(|table| table.name.as_str()).collect();
    definitions::compare(&mut source, &mut target, moving.iter().copied()).await?;
    for table in moving {
        definitions::copy_triggers(&mut source, &mut target, table).await?;
    }
    settings.faults.reach(Point::Prepared).await;
    Ok(())
}

/// Writes a move down on both of its shards. From here on a sweep finds whatever it leaves behind.
pub(crate) async fn write_journals(
    cluster: &Cluster,
    slot_move: &SlotMove,
    settings: &MoveSettings,
) -> Result<(), MoveError> {
    let mut target = Connection::open(cluster, &slot_move.target).await?;
    journal::open(&mut target, Side::Target, slot_move).await?;
    settings.faults.reach(Point::HalfJournalled).await;
    let mut source = Connection::open(cluster, &slot_move.source).await?;
    // No trigger looks at it yet, and nothing may be in the way of the first writer.
    source.run(&own::fence::lower(slot_move.fence)).await?;
    journal::open(&mut source, Side::Source, slot_move).await?;
    settings.faults.reach(Point::Journalled).await;
    Ok(())
}

/// The same as at the switch, for a move whose scaler was stopped right behind it.
pub(crate) async fn drop_reference_triggers(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
) -> Result<(), MoveError> {
    let mut connection = Connection::open_for(cluster, slot_move, Side::Source, Purpose::End).await?;
    let tables = ending::tables_of(&mut connection, layout, &slot_move.id, true).await?;
    for table in tables.iter().filter(|table| table.is_reference()) {
        triggers::remove_from_table(&mut connection, table, &slot_move.id).await?;
    }
    Ok(())
}
