//! Rows on shards that do not own them, and what their owners have instead.

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::errors::chain;
use keyspace::keys::KeyType;
use keyspace::schema::{Schema, Table, TableKind, quote};
use keyspace::slots::SlotSet;
use keyspace::topology::{MovePhase, ShardId, Topology};
use moves::cluster::Cluster;
use tokio::time::Instant;

use crate::check::finding::{Finding, Misplaced, Severity};
use crate::check::look::columns;
use crate::check::progress::Progress;
use crate::check::rows::{ComparedTable, Lock, MisplacedRow};
use crate::check::session::{CheckError, ShardSession, number};

/// How many keys of each kind a finding names.
const EXAMPLES: usize = 10;

/// What the owner of a misplaced row has instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counterpart {
    Equal,
    Differing,
    /// None: the misplaced row is the only one.
    Absent,
    Unknown,
}

impl Misplaced {
    pub fn count(&mut self, row: &MisplacedRow, counterpart: Counterpart) {
        self.rows += 1;
        let (count, keys) = match counterpart {
            Counterpart::Equal => return self.equal += 1,
            Counterpart::Unknown => return self.not_compared += 1,
            Counterpart::Differing => (&mut self.differing, &mut self.differing_keys),
            Counterpart::Absent => (&mut self.orphaned, &mut self.orphaned_keys),
        };
        *count += 1;
        if keys.len() < EXAMPLES {
            keys.push(row.shown.clone());
        }
    }

    fn problem(&self, shard: &ShardId) -> String {
        let named = |count: u64, what: &str, keys: &[String]| {
            let more = if count > keys.len() as u64 { ", …" } else { "" };
            format!("{count} {what} ({}{more})", keys.join(", "))
        };
        let parts = [
            (self.equal > 0).then(|| format!("{} equal to their owners' rows", self.equal)),
            (self.differing > 0).then(|| {
                named(self.differing, "unlike their owners' rows of the same primary key", &self.differing_keys)
            }),
            (self.orphaned > 0).then(|| named(self.orphaned, "that their owners lack", &self.orphaned_keys)),
            (self.not_compared > 0).then(|| {
                let why = self.why_not_compared.as_deref().unwrap_or("nobody knows why");
                format!("{} that could not be compared ({why})", self.not_compared)
            }),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{} rows lie in slots that {shard} does not own: {}", self.rows, parts.join("; "))
    }

    fn remedy(&self) -> String {
        let parts = [
            (self.equal > 0, "`check --repair` deletes the equal ones here"),
            (
                self.differing > 0,
                "of those that differ, decide which row is right, write it through the router, and delete the one here",
            ),
            (
                self.orphaned > 0,
                "those that their owners lack were written past the router: insert them through it, then \
                 `check --repair` deletes them here",
            ),
            (self.not_compared > 0, "mend what else is found, and look again"),
        ];
        parts.into_iter().filter(|(applies, _)| *applies).map(|(_, part)| part).collect::<Vec<_>>().join("; ")
    }
}

/// The owners of misplaced rows: sessions on them, opened when first asked for, and their schemas.
pub(super) struct Owners<'a> {
    cluster: &'a Cluster,
    schemas: &'a BTreeMap<ShardId, Schema>,
    /// `None` for one that could not be reached.
    sessions: BTreeMap<ShardId, Option<ShardSession>>,
}

impl<'a> Owners<'a> {
    pub fn new(cluster: &'a Cluster, schemas: &'a BTreeMap<ShardId, Schema>) -> Owners<'a> {
        Owners { cluster, schemas, sessions: BTreeMap::new() }
    }

    /// A session on an owner; `None` if it cannot be reached.
    pub async fn session(&mut self, owner: &ShardId) -> Option<&mut ShardSession> {
        if !self.sessions.contains_key(owner) {
            let opened = ShardSession::open(self.cluster, owner).await.ok();
            self.sessions.insert(owner.clone(), opened);
        }
        self.sessions.get_mut(owner)?.as_mut()
    }

    /// Whether the owner's table has the same columns: else equal texts would not mean equal rows.
    fn is_comparable(&self, owner: &ShardId, table: &Table) -> bool {
        let theirs = self.schemas.get(owner).and_then(|schema| schema.table(&table.name));
        theirs.is_some_and(|theirs| columns(theirs) == columns(table) && theirs.primary_key == table.primary_key)
    }
}

/// A pass over the misplaced rows of one table on one shard, in key order and in batches.
pub(super) struct Walk<'a> {
    table: &'a Table,
    compared: &'a ComparedTable,
    last_key: Option<Vec<String>>,
    batch_rows: u32,
    done: bool,
    /// Why rows could not be compared, if some could not.
    why_unknown: Option<String>,
}

impl<'a> Walk<'a> {
    /// The session is to be on the shard where the rows lie, and is told which slots' rows are in their place there.
    pub async fn start(
        here: &mut ShardSession,
        in_place: &SlotSet,
        table: &'a Table,
        compared: &'a ComparedTable,
    ) -> Result<Walk<'a>, CheckError> {
        here.run(&ComparedTable::set_slots(in_place)).await?;
        Ok(Walk { table, compared, last_key: None, batch_rows: 200, done: false, why_unknown: None })
    }

    /// The next misplaced rows, with what their owners have; empty at the end.
    pub async fn next(
        &mut self,
        here: &mut ShardSession,
        owners: &mut Owners<'_>,
        topology: &Topology,
    ) -> Result<Vec<(ShardId, MisplacedRow, Counterpart)>, CheckError> {
        /// Wide rows take long to digest, and nobody is to wait for that behind a lock.
        const TARGET: Duration = Duration::from_millis(100);
        const MOST_ROWS: u32 = 1_000;
        if self.done {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let read = here.fetch(&self.compared.misplaced_after(self.last_key.as_deref(), self.batch_rows)).await?;
        self.done = read.len() < self.batch_rows as usize;
        let mut by_owner: BTreeMap<ShardId, Vec<MisplacedRow>> = BTreeMap::new();
        for row in read.into_iter().filter_map(|cells| self.compared.read(cells)) {
            self.last_key = Some(row.key.clone());
            by_owner.entry(topology.owner(row.slot).id.clone()).or_default().push(row);
        }
        let mut batch = Vec::new();
        for (owner, rows) in by_owner {
            let counterparts = self.compare(&owner, &rows, owners).await;
            batch.extend(rows.into_iter().zip(counterparts).map(|(row, found)| (owner.clone(), row, found)));
        }
        self.batch_rows = match started.elapsed() {
            elapsed if elapsed > TARGET * 2 => (self.batch_rows / 2).max(1),
            elapsed if elapsed < TARGET / 2 => (self.batch_rows * 2).min(MOST_ROWS),
            _ => self.batch_rows,
        };
        Ok(batch)
    }

    async fn compare(&mut self, owner: &ShardId, rows: &[MisplacedRow], owners: &mut Owners<'_>) -> Vec<Counterpart> {
        match self.look_up(owner, rows, owners).await {
            Ok(counterparts) => counterparts,
            Err(why) => {
                self.why_unknown = Some(why);
                vec![Counterpart::Unknown; rows.len()]
            }
        }
    }

    async fn look_up(
        &self,
        owner: &ShardId,
        rows: &[MisplacedRow],
        owners: &mut Owners<'_>,
    ) -> Result<Vec<Counterpart>, String> {
        if !owners.is_comparable(owner, self.table) {
            return Err(format!("the table is another one on {owner}, or cannot be read there"));
        }
        let session = owners.session(owner).await.ok_or_else(|| format!("{owner} cannot be reached"))?;
        let mut counterparts = vec![Counterpart::Absent; rows.len()];
        let keys = rows.iter().map(|row| row.key.as_slice());
        for packet in self.compared.look_up(keys, Lock::None, session.mariadb) {
            let found = session.fetch(&packet).await.map_err(|error| chain(&error))?;
            for (number, digest) in found.into_iter().filter_map(ComparedTable::read_looked_up) {
                if let (Some(row), Some(counterpart)) = (rows.get(number), counterparts.get_mut(number)) {
                    *counterpart = match row.digest.is_equal(&digest) {
                        true => Counterpart::Equal,
                        false => Counterpart::Differing,
                    };
                }
            }
        }
        Ok(counterparts)
    }
}

/// The slots whose rows a shard has copies of because of a move in progress.
pub(super) fn copied_slots(topology: &Topology, shard: &ShardId) -> SlotSet {
    topology
        .moves_touching(shard)
        .filter(|slot_move| match slot_move.phase {
            MovePhase::Announced => slot_move.target == *shard,
            MovePhase::Switched => slot_move.source == *shard,
        })
        .flat_map(|slot_move| slot_move.slots.iter())
        .collect()
}

/// Looks where the rows of one table on one shard belong.
pub(super) async fn check_table(
    here: &mut ShardSession,
    owners: &mut Owners<'_>,
    topology: &Topology,
    table: &Table,
    findings: &mut Vec<Finding>,
    progress: &mut Progress,
) -> Result<(), CheckError> {
    let shard = here.shard.clone();
    let place = format!("{shard} {}", table.name);
    progress.tell(|| format!("{shard}: looking where the rows of {} belong", table.name));
    let Some((key, key_type)) = table.shard_key() else {
        return check_home_table(here, topology, table, findings).await;
    };
    let (owned, copied) = (topology.owned(&shard), copied_slots(topology, &shard));
    let [misplaced, copies, keyless] = count_by_place(here, table, (key, key_type), &owned, &copied).await?;
    if misplaced > 0 {
        let in_place: SlotSet = owned.iter().chain(copied.iter()).collect();
        let found = match ComparedTable::of(table) {
            Some(compared) => {
                let mut walk = Walk::start(here, &in_place, table, &compared).await?;
                compare_misplaced(&mut walk, here, owners, topology, |rows| {
                    progress.tell(|| format!("{place}: compared {rows} of about {misplaced} misplaced rows"));
                })
                .await?
            }
            None => Misplaced {
                rows: misplaced,
                not_compared: misplaced,
                why_not_compared: Some("it has no primary key that tells rows apart".to_owned()),
                ..Misplaced::default()
            },
        };
        // Between the count and the comparison somebody may have put them right.
        if found.rows > 0 {
            let finding = Finding::new(Severity::Error, &place, found.problem(&shard), found.remedy());
            findings.push(Finding { misplaced: Some(found), ..finding });
        }
    }
    if copies > 0 {
        findings.push(Finding::new(
            Severity::Note,
            &place,
            format!("{copies} rows are copies of a move in progress"),
            "they disappear when the move is over",
        ));
    }
    if keyless > 0 {
        let problem = format!("{keyless} rows have no sharding key");
        findings.push(Finding::new(Severity::Warning, &place, problem, "give them one"));
    }
    Ok(())
}

/// How many rows of a table neither belong to the shard nor are copies, how many are copies, and how many have no key.
async fn count_by_place(
    here: &mut ShardSession,
    table: &Table,
    (key, key_type): (&str, KeyType),
    owned: &SlotSet,
    copied: &SlotSet,
) -> Result<[u64; 3], CheckError> {
    let key = quote(key);
    let owned_test = key_type.slot_in_sql(&key, owned);
    let copied_test = key_type.slot_in_sql(&key, copied);
    let count = format!(
        "SELECT COALESCE(SUM(NOT {owned_test} AND NOT {copied_test}),0),\
         COALESCE(SUM(NOT {owned_test} AND {copied_test}),0),COALESCE(SUM({key} IS NULL),0) \
         FROM {} WHERE NOT {owned_test} OR {key} IS NULL",
        quote(&table.name)
    );
    let counts = here.fetch_texts::<3>(&count).await?;
    let [misplaced, copies, keyless] = counts.into_iter().next().unwrap_or_default();
    Ok([number(&misplaced)?, number(&copies)?, number(&keyless)?])
}

/// Compares misplaced rows with what their owners have, and tells after each batch how many are compared.
async fn compare_misplaced(
    walk: &mut Walk<'_>,
    here: &mut ShardSession,
    owners: &mut Owners<'_>,
    topology: &Topology,
    mut tell: impl FnMut(u64),
) -> Result<Misplaced, CheckError> {
    let mut found = Misplaced::default();
    loop {
        let batch = walk.next(here, owners, topology).await?;
        if batch.is_empty() {
            break;
        }
        batch.iter().for_each(|(_, row, counterpart)| found.count(row, *counterpart));
        tell(found.rows);
    }
    found.why_not_compared = walk.why_unknown.take();
    Ok(found)
}

/// A table that is named nowhere lies on the home shard: rows of it elsewhere are seen by nobody.
async fn check_home_table(
    here: &mut ShardSession,
    topology: &Topology,
    table: &Table,
    findings: &mut Vec<Finding>,
) -> Result<(), CheckError> {
    let home = &topology.home().id;
    if table.kind != TableKind::Unsharded || here.shard == *home {
        return Ok(());
    }
    let count = here.fetch_text(&format!("SELECT COUNT(*) FROM {}", quote(&table.name))).await?.unwrap_or_default();
    match number(&count)? {
        0 => {}
        rows => findings.push(Finding::new(
            Severity::Warning,
            format!("{} {}", here.shard, table.name),
            format!("{rows} rows lie here, but the table is whole on {home} and read only there"),
            "insert what is missing there through the router and delete them here, or name the table in \
             table_shard_keys or reference_tables",
        )),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use keyspace::slots::{Slot, plan_even_spread, plan_half};
    use keyspace::topology::{Shard, Transfer};

    use super::*;

    fn shard(number: u16) -> Shard {
        Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: keyspace::endpoint::Endpoint::tcp("127.0.0.1", number, "u", "p", "app"),
        }
    }

    #[test]
    fn findings_count_every_row_and_name_the_first_ones() {
        let found = Misplaced {
            rows: 15,
            equal: 2,
            differing: 1,
            orphaned: 12,
            not_compared: 0,
            why_not_compared: None,
            differing_keys: vec!["`id`=5".to_owned()],
            orphaned_keys: vec!["`id`=7".to_owned(), "`id`=8".to_owned()],
        };
        insta::assert_snapshot!(
            found.problem(&shard(1).id),
            @"15 rows lie in slots that shard-1 does not own: 2 equal to their owners' rows; 1 unlike their owners' rows of the same primary key (`id`=5); 12 that their owners lack (`id`=7, `id`=8, …)"
        );
        assert!(found.remedy().starts_with("`check --repair` deletes the equal ones here; of those that differ"));
        let unknown = Misplaced { rows: 3, not_compared: 3, ..Misplaced::default() };
        assert_eq!(unknown.remedy(), "mend what else is found, and look again");
    }

    #[test]
    fn only_one_side_of_a_move_has_copies() {
        let joined = Topology::first(vec![shard(1)], plan_even_spread(1)).unwrap().with_shard(shard(2));
        let slots = plan_half(&joined.owned(&shard(1).id));
        let transfer = Transfer { source: shard(1).id, target: shard(2).id, slots };
        let announced = joined.with_moves(&[transfer]).unwrap();
        let switched = announced.with_switched(&announced.moves()[0].id).unwrap();
        let copies = |topology: &Topology, number| copied_slots(topology, &shard(number).id).len();
        assert_eq!((copies(&announced, 1), copies(&announced, 2)), (0, 8_192));
        assert_eq!((copies(&switched, 1), copies(&switched, 2)), (8_192, 0));
        assert!(copied_slots(&switched, &shard(1).id).contains(Slot::new(16_383).unwrap()));
    }
}
