//! Removes what is provably surplus, and nothing else: misplaced rows of which the owner has an equal one, and what moves
//! that are over left behind.
//!
//! It is safe beside routers and a running scaler. Whoever announces or switches a move writes the row of
//! `_autoscaler.topology`, so a transaction that has locked this row can rely on what it says until it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::errors::chain;
use keyspace::own;
use keyspace::own::journal::Side;
use keyspace::schema::auto_increment::without_auto_increment;
use keyspace::schema::{Layout, Schema, Table, quote};
use keyspace::topology::{Epoch, ShardId, Topology};
use moves::cluster::Cluster;
use moves::is_guarded;
use serde::Serialize;
use tokio::time::Instant;

use crate::check::agreement::{self, CarriedTopology};
use crate::check::finding::{Finding, Severity};
use crate::check::leftovers::{self, Leftover, LeftoverKind};
use crate::check::placement::{Counterpart, Owners, Walk};
use crate::check::progress::Progress;
use crate::check::rows::{ComparedTable, Digest, Lock, MisplacedRow};
use crate::check::session::{CheckError, ShardSession, number};

/// How far a repair goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Says what it would remove.
    DryRun,
    Remove,
}

/// Something that was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Removal {
    pub shard: ShardId,
    pub what: Surplus,
    /// Table, trigger, move or fence.
    pub name: String,
    pub count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Surplus {
    Rows,
    Trigger,
    ChangeTable,
    ProbeTable,
    JournalRow,
    IncomingJournalRow,
    Position,
    RaisedFence,
}

#[derive(Debug, Default)]
pub(super) struct Repaired {
    pub removed: Vec<Removal>,
    /// Why nothing was removed.
    pub refused: Option<String>,
    /// What could not be removed, and why it stopped if it did.
    pub findings: Vec<Finding>,
}

impl Removal {
    pub fn text(&self, repair: Repair) -> String {
        let Removal { shard, name, count, .. } = self;
        let verb = match repair {
            Repair::DryRun => "would go ",
            Repair::Remove => "removed  ",
        };
        let what = match self.what {
            Surplus::Rows => return format!("{verb}{shard} {name}: {count} rows that their owners have, too"),
            Surplus::Trigger => format!("trigger {name}"),
            Surplus::ChangeTable => format!("change table _autoscaler.{name}"),
            Surplus::ProbeTable => format!("table {name}"),
            Surplus::JournalRow => format!("move {name} from the journal"),
            Surplus::IncomingJournalRow => format!("move {name} from the journal of arriving moves"),
            Surplus::Position => format!("{count} notes of how far move {name} had copied"),
            Surplus::RaisedFence => format!("what raised fence {name}"),
        };
        format!("{verb}{shard}: {what}")
    }
}

/// Repairs the cluster as far as that is certain to lose nothing.
pub(super) async fn run(
    topology: &Topology,
    carried: &[CarriedTopology],
    layout: &Layout,
    repair: Repair,
    progress: &mut Progress,
) -> Repaired {
    if let Some(refused) = agreement::refusal(topology, carried) {
        return Repaired { refused: Some(refused), ..Repaired::default() };
    }
    let cluster = Cluster::new(topology.clone(), Arc::new(|| {}));
    let (mut schemas, mut definitions) = (BTreeMap::new(), BTreeMap::new());
    for shard in topology.shards() {
        match tables(&cluster, &shard.id, layout).await {
            Ok((schema, texts)) => {
                schemas.insert(shard.id.clone(), schema);
                definitions.insert(shard.id.clone(), texts);
            }
            Err(error) => {
                let refused = format!("the tables of {} cannot be read: {}", shard.id, chain(&error));
                return Repaired { refused: Some(refused), ..Repaired::default() };
            }
        }
    }
    let (schemas, definitions) = (&schemas, &definitions);
    let mut repairer =
        Repairer { topology, cluster: &cluster, schemas, definitions, repair, progress, outcome: Repaired::default() };
    if let Err(error) = repairer.run().await {
        repairer.outcome.findings.push(Finding::new(
            Severity::Error,
            "repair",
            format!("stopped: {}", chain(&error)),
            "what is listed as removed is removed; run it again for the rest",
        ));
    }
    repairer.outcome
}

/// `CREATE TABLE` of each sharded table.
type Definitions = BTreeMap<String, String>;

/// The tables of a shard. Their definitions are older than the schema, so one that is still the same later is the one
/// whose columns are known.
async fn tables(cluster: &Cluster, shard: &ShardId, layout: &Layout) -> Result<(Schema, Definitions), CheckError> {
    let mut session = ShardSession::open(cluster, shard).await?;
    let mut definitions = Definitions::new();
    for table in session.load_schema(layout).await?.tables().filter(|table| table.shard_key().is_some()) {
        definitions.insert(table.name.clone(), definition(&mut session, &table.name).await?);
    }
    Ok((session.load_schema(layout).await?, definitions))
}

struct Repairer<'a> {
    topology: &'a Topology,
    cluster: &'a Cluster,
    schemas: &'a BTreeMap<ShardId, Schema>,
    definitions: &'a BTreeMap<ShardId, Definitions>,
    repair: Repair,
    progress: &'a mut Progress,
    outcome: Repaired,
}

/// What one transaction did with its rows.
enum Deletion {
    Deleted(u64),
    /// Somebody wrote the topology, or a server chose a victim.
    Busy,
    /// The table is not the same on both shards, or not the one that was looked at.
    TableDiffers,
}

impl Repairer<'_> {
    async fn run(&mut self) -> Result<(), CheckError> {
        // Triggers of moves that are over go first: behind a fence that stayed up they refuse every write.
        for shard in self.topology.shards() {
            self.remove_leftovers(&shard.id).await?;
        }
        let mut owners = Owners::new(self.cluster, self.schemas);
        for (shard, schema) in self.schemas {
            for table in schema.tables() {
                if let Some(compared) = ComparedTable::of(table) {
                    self.remove_copies(shard, table, &compared, &mut owners).await?;
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, shard: &ShardId, what: Surplus, name: &str, count: u64) {
        self.outcome.removed.push(Removal { shard: shard.clone(), what, name: name.to_owned(), count });
    }

    /// Deletes a table's misplaced rows of which the owner has an equal one.
    async fn remove_copies(
        &mut self,
        shard: &ShardId,
        table: &Table,
        compared: &ComparedTable,
        owners: &mut Owners<'_>,
    ) -> Result<(), CheckError> {
        let mut here = ShardSession::open(self.cluster, shard).await?;
        let definition = self.definitions.get(shard).and_then(|texts| texts.get(&table.name));
        let Some(definition) = definition else { return Ok(()) };
        let obstacle = obstacle(&mut here, table).await?;
        let in_place = self.topology.owned(shard);
        let mut walk = Walk::start(&mut here, &in_place, table, compared).await?;
        let (mut removed, mut kept, mut busy, mut differs) = (0, 0, 0, false);
        loop {
            let batch = walk.next(&mut here, owners, self.topology).await?;
            if batch.is_empty() {
                break;
            }
            let mut by_owner: BTreeMap<ShardId, Vec<MisplacedRow>> = BTreeMap::new();
            for (owner, row, _) in batch.into_iter().filter(|(_, _, found)| *found == Counterpart::Equal) {
                by_owner.entry(owner).or_default().push(row);
            }
            for (owner, rows) in by_owner {
                let count = rows.len() as u64;
                if obstacle.is_some() || differs {
                    kept += count;
                } else if self.repair == Repair::DryRun {
                    removed += count;
                } else if let Some(there) = owners.session(&owner).await {
                    let deletion = Batch { compared, rows: &rows, definition, epoch: self.topology.epoch() };
                    match deletion.run(&mut here, there).await? {
                        Deletion::Deleted(deleted) => {
                            removed += deleted;
                            busy += count.saturating_sub(deleted);
                        }
                        Deletion::Busy => busy += count,
                        Deletion::TableDiffers => {
                            differs = true;
                            kept += count;
                        }
                    }
                }
                self.progress.tell(|| format!("{shard} {}: removed {removed} rows", table.name));
            }
        }
        if removed > 0 {
            self.note(shard, Surplus::Rows, &table.name, removed);
        }
        let place = format!("{shard} {}", table.name);
        if busy > 0 {
            let problem = format!("{busy} surplus rows stay: others had locked or changed them");
            self.outcome.findings.push(Finding::new(Severity::Warning, &place, problem, "run it again"));
        }
        if kept > 0 {
            let (reason, remedy) = obstacle.unwrap_or_else(|| {
                let reason = "the table is not defined in the same way on all shards".to_owned();
                (reason, "make it equal on all shards, and run it again")
            });
            let problem = format!("{kept} surplus rows stay: {reason}");
            self.outcome.findings.push(Finding::new(Severity::Warning, &place, problem, remedy));
        }
        Ok(())
    }

    async fn remove_leftovers(&mut self, shard: &ShardId) -> Result<(), CheckError> {
        let mut session = ShardSession::open(self.cluster, shard).await?;
        let over = left_over(&mut session, self.topology).await?;
        if self.repair == Repair::DryRun {
            for leftover in &over {
                self.note(shard, leftover.surplus(), &leftover.name, 1);
            }
            return Ok(());
        }
        let triggers: Vec<&Leftover> =
            over.iter().filter(|leftover| matches!(leftover.kind, LeftoverKind::Trigger { .. })).collect();
        let triggers_are_gone = self.drop_triggers(&mut session, &triggers).await?;
        let tables: Vec<&Leftover> = over
            .iter()
            .filter(|leftover| matches!(leftover.kind, LeftoverKind::ChangeTable | LeftoverKind::Probe))
            .collect();
        self.drop_tables(&mut session, &tables).await?;
        // Triggers that stay, as their table is in use, go on refusing the writes that they refuse.
        let may_go = |leftover: &&Leftover| leftover.kind != LeftoverKind::Fence || triggers_are_gone;
        let rows = over.iter().filter(|leftover| leftover.drop_statement().is_none()).filter(may_go);
        let rows: Vec<&Leftover> = rows.collect();
        self.forget(&mut session, &rows).await
    }

    /// Their names alone prove that no move needs them, so nothing has to stand still meanwhile. `false` if some stay.
    async fn drop_triggers(&mut self, session: &mut ShardSession, triggers: &[&Leftover]) -> Result<bool, CheckError> {
        let mut are_gone = true;
        let mut by_table: BTreeMap<&str, Vec<&Leftover>> = BTreeMap::new();
        for trigger in triggers {
            if let LeftoverKind::Trigger { table } = &trigger.kind {
                by_table.entry(table).or_default().push(trigger);
            }
        }
        for (table, triggers) in by_table {
            if !lock_table(session, table).await? {
                self.stays_in_use(&session.shard, table);
                are_gone = false;
                continue;
            }
            for trigger in triggers {
                let Some(statement) = trigger.drop_statement() else { continue };
                match run_briefly(session, &statement).await? {
                    true => self.note(&session.shard, Surplus::Trigger, &trigger.name, 1),
                    false => {
                        self.stays_in_use(&session.shard, table);
                        are_gone = false;
                    }
                }
            }
            session.run("UNLOCK TABLES").await?;
        }
        Ok(are_gone)
    }

    /// Only behind the topology of every shard: a move that is announced meanwhile would make tables of these names. And
    /// only after the triggers that write to them, which would fail from then on.
    async fn drop_tables(&mut self, session: &mut ShardSession, tables: &[&Leftover]) -> Result<(), CheckError> {
        for table in tables {
            let Some(statement) = table.drop_statement() else { continue };
            let deadline = Instant::now() + PATIENCE;
            loop {
                match self.drop_table(session, table, &statement).await {
                    Ok(()) => break,
                    Err(error) if error.is_transient() && Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(error) if error.is_transient() => {
                        self.stays_in_use(&session.shard, &table.name);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn drop_table(
        &mut self,
        session: &mut ShardSession,
        table: &Leftover,
        statement: &str,
    ) -> Result<(), CheckError> {
        let guard = Guard::take(self.cluster, self.topology).await?;
        let dropped = match triggers_left(session, table.writing_triggers()).await? {
            true => Ok(false),
            false => session.run(&format!("{SHORT_WAIT}; {statement}")).await.map(|_| true),
        };
        guard.release().await;
        if dropped? {
            self.note(&session.shard, table.surplus(), &table.name, 1);
        }
        Ok(())
    }

    /// Bookkeeping goes in one transaction, in which the topology stays as it is.
    async fn forget(&mut self, session: &mut ShardSession, rows: &[&Leftover]) -> Result<(), CheckError> {
        if rows.is_empty() {
            return Ok(());
        }
        let forgotten = async {
            session.run("BEGIN").await?;
            check_epoch(session, self.topology.epoch()).await?;
            let mut forgotten = Vec::new();
            for row in rows {
                let name = &row.name;
                let statement = match row.kind {
                    LeftoverKind::JournalRow => own::journal::forget(Side::Source, name),
                    LeftoverKind::IncomingRow => own::journal::forget(Side::Target, name),
                    LeftoverKind::Position => own::journal::forget_positions(name),
                    LeftoverKind::Fence => match name.parse() {
                        Ok(fence) => own::fence::lower(fence),
                        // None of ours has such a number.
                        Err(_) => continue,
                    },
                    LeftoverKind::Trigger { .. } | LeftoverKind::ChangeTable | LeftoverKind::Probe => continue,
                };
                forgotten.push((row.surplus(), name.clone(), session.run(&statement).await?));
            }
            session.run("COMMIT").await?;
            Ok(forgotten)
        };
        match forgotten.await {
            Ok(forgotten) => {
                for (what, name, count) in forgotten.into_iter().filter(|(_, _, count)| *count > 0) {
                    self.note(&session.shard, what, &name, count);
                }
                Ok(())
            }
            Err(error) => {
                // A session that cannot roll back is gone, and its transaction with it.
                let _ = session.run("ROLLBACK").await;
                Err(error)
            }
        }
    }

    fn stays_in_use(&mut self, shard: &ShardId, name: &str) {
        self.outcome.findings.push(Finding::new(
            Severity::Warning,
            shard,
            format!(
                "what is left over stays: {name} was in use for {} s by a transaction of others",
                PATIENCE.as_secs()
            ),
            "find it in information_schema.INNODB_TRX, end it, and run it again",
        ));
    }
}

impl Leftover {
    fn surplus(&self) -> Surplus {
        match self.kind {
            LeftoverKind::Trigger { .. } => Surplus::Trigger,
            LeftoverKind::ChangeTable => Surplus::ChangeTable,
            LeftoverKind::Probe => Surplus::ProbeTable,
            LeftoverKind::JournalRow => Surplus::JournalRow,
            LeftoverKind::IncomingRow => Surplus::IncomingJournalRow,
            LeftoverKind::Position => Surplus::Position,
            LeftoverKind::Fence => Surplus::RaisedFence,
        }
    }
}

/// Whether a shard has triggers of ours that begin so. `None`: of no name.
async fn triggers_left(session: &mut ShardSession, prefix: Option<String>) -> Result<bool, CheckError> {
    let Some(prefix) = prefix else { return Ok(false) };
    let triggers = format!(
        "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=DATABASE() \
         AND LEFT(TRIGGER_NAME,{})='{prefix}' AND EVENT_OBJECT_TABLE<>'{}'",
        prefix.len(),
        leftovers::PROBE
    );
    Ok(number(&session.fetch_text(&triggers).await?.unwrap_or_default())? > 0)
}

/// How long one table may be in use before it is left as it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is certain to be surplus on a shard.
async fn left_over(session: &mut ShardSession, topology: &Topology) -> Result<Vec<Leftover>, CheckError> {
    let found = crate::check::look::leftovers(session, topology).await?;
    Ok(found.into_iter().filter(|leftover| leftover.is_over).collect())
}

/// Locks the topology's row until the transaction ends, if it still says what was checked.
async fn check_epoch(session: &mut ShardSession, epoch: Epoch) -> Result<(), CheckError> {
    let carried = session.fetch_text(own::topology::HOLD_EPOCH).await?;
    match carried.and_then(|text| text.parse().ok()).map(Epoch::from_number) == Some(epoch) {
        true => Ok(()),
        false => Err(CheckError::TopologyChanged),
    }
}

/// The topology's row on every shard, locked: no move can be announced or switched while it is held.
struct Guard {
    sessions: Vec<ShardSession>,
}

impl Guard {
    async fn take(cluster: &Cluster, topology: &Topology) -> Result<Guard, CheckError> {
        let taken = topology.shards().iter().map(|shard| async {
            let mut session = ShardSession::open(cluster, &shard.id).await?;
            session.run("BEGIN").await?;
            check_epoch(&mut session, topology.epoch()).await?;
            Ok(session)
        });
        let sessions = join_all(taken).await.into_iter().collect::<Result<_, CheckError>>()?;
        Ok(Guard { sessions })
    }

    async fn release(self) {
        for mut session in self.sessions {
            // One that does not answer has lost its locks, or does so when its server notices.
            let _ = session.run("ROLLBACK").await;
        }
    }
}

/// DDL that waits makes others wait behind it, so it waits a second at most. MySQL knows no less.
const SHORT_WAIT: &str = "SET SESSION lock_wait_timeout=1";

/// Takes the table's metadata lock, so that several triggers are dropped at one stroke; `false` if it stays in use.
async fn lock_table(session: &mut ShardSession, table: &str) -> Result<bool, CheckError> {
    let table = quote(table);
    let statement = match session.mariadb {
        true => format!("LOCK TABLES {table} WRITE NOWAIT"),
        false => format!("LOCK TABLES {table} WRITE"),
    };
    match run_briefly(session, &statement).await {
        // The triggers write to a change table that is gone: they can only be dropped one by one.
        Err(error) if error.is_missing_table() => Ok(true),
        other => other,
    }
}

/// Runs DDL, again and again while the table is in use; `false` if it stays so.
async fn run_briefly(session: &mut ShardSession, statement: &str) -> Result<bool, CheckError> {
    // Others have time between two tries.
    let pause = Duration::from_millis(if session.mariadb { 5 } else { 200 });
    let deadline = Instant::now() + PATIENCE;
    loop {
        match session.run(&format!("{SHORT_WAIT}; {statement}")).await {
            Ok(_) => return Ok(true),
            Err(error) if !error.is_transient() => return Err(error),
            Err(_) if Instant::now() > deadline => return Ok(false),
            Err(_) => tokio::time::sleep(pause).await,
        }
    }
}

/// Why rows of a table are not deleted, and what helps.
async fn obstacle(here: &mut ShardSession, table: &Table) -> Result<Option<(String, &'static str)>, CheckError> {
    if !table.has_transactions {
        return Ok(Some(("its engine has no transactions".to_owned(), "ALTER TABLE … ENGINE=InnoDB")));
    }
    let triggers = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR),CAST(TRIGGER_NAME AS CHAR),CAST(ACTION_STATEMENT AS CHAR) \
         FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=DATABASE() AND EVENT_MANIPULATION='DELETE'";
    let fires = |[on, _, text]: &[String; 3]| *on == table.name && !is_guarded(text);
    let firing = here.fetch_texts::<3>(triggers).await?.into_iter().find(fires);
    Ok(firing.map(|[_, name, _]| {
        (
            format!("trigger {name} would fire for them"),
            "put what it does into IF @_autoscaler_cleanup IS NULL THEN … END IF, or drop it for that time",
        )
    }))
}

async fn definition(session: &mut ShardSession, table: &str) -> Result<String, CheckError> {
    let rows = session.fetch_texts::<2>(&format!("SHOW CREATE TABLE {}", quote(table))).await?;
    Ok(rows.into_iter().next().map(|[_, text]| without_auto_increment(&text)).unwrap_or_default())
}

/// Rows that were equal to their owner's a moment ago.
struct Batch<'a> {
    compared: &'a ComparedTable,
    rows: &'a [MisplacedRow],
    /// The table as it was when its columns were read: a new one would not be in the digest.
    definition: &'a str,
    epoch: Epoch,
}

impl Batch<'_> {
    async fn run(&self, here: &mut ShardSession, there: &mut ShardSession) -> Result<Deletion, CheckError> {
        const ATTEMPTS: u32 = 3;
        for _ in 0..ATTEMPTS {
            let deleted = self.attempt(here, there).await;
            if !matches!(deleted, Ok(Deletion::Deleted(_))) {
                // What cannot roll back is gone, and its transaction with it.
                let _ = here.run("ROLLBACK").await;
            }
            // On the owner nothing was written: its locks end after the commit here.
            let _ = there.run("ROLLBACK").await;
            match deleted {
                Err(error) if error.is_transient() => {}
                other => return other,
            }
        }
        Ok(Deletion::Busy)
    }

    async fn attempt(&self, here: &mut ShardSession, there: &mut ShardSession) -> Result<Deletion, CheckError> {
        for session in [&mut *here, &mut *there] {
            session.run("BEGIN").await?;
            check_epoch(session, self.epoch).await?;
        }
        let theirs = self.digests(there, Lock::Shared).await?;
        let ours = self.digests(here, Lock::Exclusive).await?;
        // Having been read, the tables keep their definitions until the transactions end.
        for session in [&mut *here, &mut *there] {
            if definition(session, &self.compared.name).await? != self.definition {
                return Ok(Deletion::TableDiffers);
            }
        }
        let is_equal = |number: &usize| {
            let digests = ours.get(number).zip(theirs.get(number));
            digests.is_some_and(|(ours, theirs)| ours.is_equal(theirs))
        };
        let equal: BTreeSet<usize> = (0..self.rows.len()).filter(is_equal).collect();
        let keys = equal.iter().filter_map(|&number| self.rows.get(number)).map(|row| row.key.as_slice());
        let mut deleted = 0;
        for packet in self.compared.delete(keys) {
            deleted += here.run(&packet).await?;
        }
        here.run("COMMIT").await?;
        Ok(Deletion::Deleted(deleted))
    }

    async fn digests(&self, session: &mut ShardSession, lock: Lock) -> Result<BTreeMap<usize, Digest>, CheckError> {
        let mut digests = BTreeMap::new();
        let keys = self.rows.iter().map(|row| row.key.as_slice());
        for packet in self.compared.look_up(keys, lock, session.mariadb) {
            let found = session.fetch(&packet).await?;
            digests.extend(found.into_iter().filter_map(ComparedTable::read_looked_up));
        }
        Ok(digests)
    }
}
