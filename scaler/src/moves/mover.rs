//! One move on its way to the switch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use router::schema::Layout;
use router::slots::SlotSet;
use router::topology::{MoveId, SlotMove, Transfer, store};
use tokio::time::Instant;

use super::changes::catch_up;
use super::connection::{Cells, Connection, Side, string_literal};
use super::copy::{Copy, delete_moving_rows};
use super::cutover::{Attempt, Cutover, FenceWait};
use super::table::MovedTable;
use super::verify::verify;
use super::{
    MoveError, MoveProgress, MoveReport, MoveSettings, MoveState, ProgressSink, definitions, ending, preflight,
    triggers,
};
use crate::cluster::{Cluster, ClusterError};

/// Tells how far one move is, to the log and to whoever listens.
pub(super) struct Reporter {
    progress: MoveProgress,
    sink: ProgressSink,
}

impl Reporter {
    pub fn new(slot_move: &SlotMove, sink: &ProgressSink) -> Reporter {
        let progress = MoveProgress {
            id: slot_move.id.clone(),
            source: slot_move.source.clone(),
            target: slot_move.target.clone(),
            state: MoveState::Preparing,
            slots: slot_move.slots.len(),
            rows_copied: 0,
            changes_replayed: 0,
            cutover_millis: None,
            started_at: jiff::Timestamp::now(),
            message: None,
        };
        Reporter { progress, sink: sink.clone() }
    }

    pub fn report(&self, state: MoveState, message: Option<&str>) {
        let MoveProgress { id, rows_copied, changes_replayed, .. } = &self.progress;
        tracing::info!(r#move = %id, phase = ?state, rows = rows_copied, changes = changes_replayed, message, "move");
        self.publish(state, message);
    }

    /// For the many small steps: told to the listener, not logged.
    pub fn report_progress(&self, state: MoveState) {
        self.publish(state, None);
    }

    fn publish(&self, state: MoveState, message: Option<&str>) {
        (self.sink)(MoveProgress { state, message: message.map(str::to_owned), ..self.progress.clone() });
    }
}

pub(super) struct Mover<'a> {
    cluster: &'a Cluster,
    settings: &'a MoveSettings,
    slot_move: SlotMove,
    tables: Vec<MovedTable>,
    /// The tables' InnoDB numbers when the capture began.
    identities: Vec<Cells>,
    source: Connection,
    target: Connection,
    reporter: Reporter,
    attempts: u32,
    cutover: Duration,
}

impl<'a> Mover<'a> {
    pub async fn open(
        cluster: &'a Cluster,
        layout: &Layout,
        settings: &'a MoveSettings,
        sink: &ProgressSink,
        slot_move: &SlotMove,
    ) -> Result<Mover<'a>, MoveError> {
        let SlotMove { id, source, target, slots, .. } = slot_move;
        let mut source = Connection::open_for(cluster, source, id, Side::Source, slots).await?;
        let target = Connection::open_for(cluster, target, id, Side::Target, slots).await?;
        let with_reference_tables = ending::fills_newcomer(cluster, slot_move);
        let tables = ending::tables_of(&mut source, layout, with_reference_tables).await?;
        let reporter = Reporter::new(slot_move, sink);
        reporter.report(MoveState::Preparing, None);
        Ok(Mover {
            cluster,
            settings,
            slot_move: slot_move.clone(),
            tables,
            identities: Vec::new(),
            source,
            target,
            reporter,
            attempts: 0,
            cutover: Duration::ZERO,
        })
    }

    pub fn id(&self) -> &MoveId {
        &self.slot_move.id
    }

    /// Brings the target to the source's state and keeps it there until `not_before`.
    pub async fn fill_target(&mut self, stop: &AtomicBool, not_before: Instant) -> Result<(), MoveError> {
        let check_stop = || match stop.load(Ordering::Relaxed) {
            true => Err(MoveError::Stopped),
            false => Ok(()),
        };
        for table in &self.tables {
            check_stop()?;
            triggers::install(&mut self.source, table, &self.slot_move.id, &self.slot_move.slots).await?;
        }
        self.identities = definitions::identities(&mut self.source, &self.tables).await?;
        triggers::wait_for_prepared_branches(&mut self.source).await?;
        self.enter(MoveState::Copying).await?;
        for index in 0..self.tables.len() {
            let table = &self.tables[index];
            // A move that was undone while the target was away left rows there.
            let progress = || self.reporter.report_progress(MoveState::Copying);
            delete_moving_rows(&mut self.target, table, &progress).await?;
            let mut copy = Copy::new(table, &self.slot_move.id, self.settings.chunk_rows);
            while let Some(rows) = copy.next_chunk(&mut self.source, &mut self.target).await? {
                check_stop()?;
                self.reporter.progress.rows_copied += rows;
                // Tables that are not copied yet have nothing to correct.
                let replayed = catch_up(&mut self.source, &mut self.target, &self.tables[..=index]).await?;
                self.reporter.progress.changes_replayed += replayed;
                self.reporter.report_progress(MoveState::Copying);
            }
        }
        self.enter(MoveState::Verifying).await?;
        definitions::compare(&mut self.source, &mut self.target, &self.tables).await?;
        for table in &self.tables {
            check_stop()?;
            self.reporter.progress.changes_replayed +=
                catch_up(&mut self.source, &mut self.target, &self.tables).await?;
            verify(&mut self.source, &mut self.target, &self.tables, table).await?;
            self.reporter.report_progress(MoveState::Verifying);
        }
        definitions::raise_auto_increment(&mut self.source, &mut self.target, &self.tables).await?;
        self.enter(MoveState::CatchingUp).await?;
        loop {
            check_stop()?;
            self.catch_up().await?;
            if Instant::now() >= not_before {
                return Ok(());
            }
            let pause = Instant::now() + Duration::from_millis(100);
            tokio::time::sleep_until(pause.min(not_before)).await;
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
            self.catch_up().await?;
            let wait = match attempt % POLLS_BEFORE_WAITING {
                0 => FenceWait::Bounded,
                _ => FenceWait::Poll,
            };
            let mut cutover = Cutover {
                cluster: self.cluster,
                slot_move: &self.slot_move,
                tables: &self.tables,
                identities: &self.identities,
                source: &mut self.source,
                target: &mut self.target,
                budget: self.settings.cutover_budget,
            };
            match cutover.attempt(wait).await? {
                Attempt::Switched { topology, took, replayed } => {
                    self.cluster.adopt(topology);
                    self.attempts = attempt;
                    self.cutover = took;
                    self.reporter.progress.changes_replayed += replayed;
                    self.reporter.progress.cutover_millis = Some(took.as_secs_f64() * 1e3);
                    self.settle_switch().await;
                    return Ok(());
                }
                Attempt::BackedOff(reason) => {
                    last_reason = reason;
                    self.reporter.report(MoveState::CuttingOver, Some(reason));
                    let pause = rand::random_range(200..=500);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
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
        self.reporter.report(MoveState::Switched, None);
        let noted = self.note(MoveState::Switched).await;
        if let Err(error) = noted {
            tracing::warn!(r#move = %self.slot_move.id, error = &error as &dyn std::error::Error, "journal not written");
        }
    }

    /// What is left to do once the connections are closed.
    pub fn into_ending(self) -> Ending {
        Ending { slot_move: self.slot_move, reporter: self.reporter, attempts: self.attempts, cutover: self.cutover }
    }

    async fn catch_up(&mut self) -> Result<(), MoveError> {
        let replayed = catch_up(&mut self.source, &mut self.target, &self.tables).await?;
        self.reporter.progress.changes_replayed += replayed;
        Ok(())
    }

    async fn enter(&mut self, state: MoveState) -> Result<(), MoveError> {
        self.note(state).await?;
        self.reporter.report(state, None);
        Ok(())
    }

    async fn note(&mut self, state: MoveState) -> Result<(), MoveError> {
        let id = &self.slot_move.id;
        self.source.run(&format!("UPDATE _autoscaler.moves SET state='{state:?}' WHERE id='{id}'")).await?;
        Ok(())
    }
}

/// A switched move that waits for its clean-up.
pub(super) struct Ending {
    slot_move: SlotMove,
    reporter: Reporter,
    attempts: u32,
    cutover: Duration,
}

impl Ending {
    pub fn id(&self) -> &MoveId {
        &self.slot_move.id
    }

    pub async fn clean_up(self, cluster: &Cluster, layout: &Layout) -> MoveReport {
        self.reporter.report(MoveState::CleaningUp, None);
        let rows_moved = {
            let progress = || self.reporter.report_progress(MoveState::CleaningUp);
            ending::clean_up_until_done(cluster, layout, &self.slot_move, &progress).await
        };
        self.reporter.report(MoveState::Done, None);
        MoveReport {
            id: self.slot_move.id,
            source: self.slot_move.source,
            target: self.slot_move.target,
            rows_copied: self.reporter.progress.rows_copied,
            rows_moved,
            cutover: self.cutover,
            attempts: self.attempts,
        }
    }
}

/// Checks both shards and gives them what a move needs, before anybody hears of it.
pub(super) async fn prepare_shards(cluster: &Cluster, layout: &Layout, transfer: &Transfer) -> Result<(), MoveError> {
    let mut source = Connection::open(cluster, &transfer.source).await?;
    let mut target = Connection::open(cluster, &transfer.target).await?;
    ending::sweep(cluster, &mut source).await?;
    let schema = preflight::check(&mut source, layout).await?;
    preflight::check_user_triggers(&mut target, &schema).await?;
    definitions::copy(&mut source, &mut target).await?;
    let tables = ending::tables_of(&mut source, layout, true).await?;
    definitions::compare(&mut source, &mut target, &tables).await?;
    for connection in [&mut source, &mut target] {
        let shard = connection.shard.clone();
        let created = store::create_schema(connection.inner()).await;
        created.map_err(|source| ClusterError::Store { shard, source })?;
    }
    // The fence row is made once and stays for ever: a transaction with an older snapshot than its last
    // change fails on newer MariaDBs.
    source
        .run(
            "CREATE TABLE IF NOT EXISTS _autoscaler.moves (id VARCHAR(64) NOT NULL PRIMARY KEY, \
             state VARCHAR(16) NOT NULL, doc LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4; \
             CREATE TABLE IF NOT EXISTS _autoscaler.fence (id TINYINT PRIMARY KEY, fenced TINYINT NOT NULL) \
             ENGINE=InnoDB; \
             INSERT IGNORE INTO _autoscaler.fence (id,fenced) VALUES (1,0)",
        )
        .await?;
    target
        .run(
            "CREATE TABLE IF NOT EXISTS _autoscaler.move_positions (id VARCHAR(64) NOT NULL, \
             table_name VARCHAR(64) NOT NULL, last_key LONGTEXT NOT NULL, done TINYINT NOT NULL, \
             PRIMARY KEY (id,table_name)) ENGINE=InnoDB CHARACTER SET utf8mb4",
        )
        .await?;
    Ok(())
}

/// Writes the source's journal row. From here on a sweep finds whatever the move leaves behind.
pub(super) async fn write_journal(cluster: &Cluster, slot_move: &SlotMove) -> Result<(), MoveError> {
    let mut source = Connection::open(cluster, &slot_move.source).await?;
    let doc = serde_json::to_string(slot_move).map_err(MoveError::Journal)?;
    let (id, doc) = (&slot_move.id, string_literal(&doc));
    source.run(&format!("REPLACE INTO _autoscaler.moves (id,state,doc) VALUES ('{id}','Preparing',{doc})")).await?;
    Ok(())
}

/// The same as at the switch, for a move whose scaler was stopped right behind it.
pub(super) async fn drop_reference_triggers(
    cluster: &Cluster,
    layout: &Layout,
    slot_move: &SlotMove,
) -> Result<(), MoveError> {
    let SlotMove { id, source, slots, .. }: &SlotMove = slot_move;
    let slots: &SlotSet = slots;
    let mut connection = Connection::open_for(cluster, source, id, Side::Source, slots).await?;
    for table in ending::tables_of(&mut connection, layout, true).await?.iter().filter(|table| table.is_reference()) {
        triggers::remove_from_table(&mut connection, table, id).await?;
    }
    Ok(())
}
