//! What must be there, by the writers' own account, and whether it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use keyspace::slots::Slot;
use keyspace::topology::Topology;

use crate::kit::bench::{id, slot_of};
use crate::kit::servers::{Server, number, rows};

/// The tables that a crowd writes. All of their keys are BIGINTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Orders,
    Pairs,
    Items,
}

impl Table {
    pub const ALL: [Table; 3] = [Table::Orders, Table::Pairs, Table::Items];

    pub fn name(self) -> &'static str {
        match self {
            Table::Orders => "orders",
            Table::Pairs => "pairs",
            Table::Items => "items",
        }
    }

    pub fn sharding_key(self) -> &'static str {
        match self {
            Table::Orders => "id",
            Table::Pairs => "owner",
            Table::Items => "account",
        }
    }

    /// The columns that tell a row from others with its sharding key, and what it is worth.
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Table::Orders => ("id", "value"),
            Table::Pairs => ("part", "amount"),
            Table::Items => ("item", "v"),
        }
    }
}

/// All rows of one table with one value of the sharding key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub table: Table,
    pub value: i64,
}

impl Key {
    pub fn slot(self) -> Slot {
        slot_of(self.value)
    }

    /// What reads the rows, as `part` and `worth`.
    pub fn select(self) -> String {
        let (part, worth) = self.table.row();
        let (table, key) = (self.table.name(), self.table.sharding_key());
        format!("SELECT {part} AS part, {worth} AS worth FROM {table} WHERE {key} = {}", self.value)
    }
}

/// The worth of each row with one key.
pub type Rows = BTreeMap<i64, i64>;

/// What an operation makes of the rows with one key.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: Key,
    pub before: Rows,
    pub after: Rows,
}

/// The name of an operation of which nobody knows whether it happened.
pub type Doubt = u64;

#[derive(Default)]
struct Books {
    known: BTreeMap<Key, Rows>,
    /// Changes that happened all together or not at all. Nobody writes to their keys any more: however late one of them
    /// arrives, it meets the rows as they were before it.
    doubts: BTreeMap<Doubt, Vec<Change>>,
    doubts_ever: Doubt,
}

/// The account of all writers; clones share it.
#[derive(Clone, Default)]
pub struct Account(Arc<Mutex<Books>>);

impl Account {
    /// The rows with a key that is not in doubt.
    pub fn rows(&self, key: Key) -> Rows {
        self.books().known.get(&key).cloned().unwrap_or_default()
    }

    /// What an operation that reaches these rows makes of them.
    pub fn change(&self, key: Key, change: impl FnOnce(&mut Rows)) -> Change {
        let before = self.rows(key);
        let mut after = before.clone();
        change(&mut after);
        Change { key, before, after }
    }

    /// The changes have happened.
    pub fn enter(&self, changes: &[Change]) {
        self.books().enter(changes.iter().map(|change| (change.key, change.after.clone())));
    }

    /// The changes may have happened, or happen yet.
    pub fn doubt(&self, changes: &[Change]) -> Doubt {
        let mut books = self.books();
        changes.iter().for_each(|change| _ = books.known.remove(&change.key));
        books.doubts_ever += 1;
        let doubt = books.doubts_ever;
        books.doubts.insert(doubt, changes.to_vec());
        doubt
    }

    /// Ends a doubt; `false` if it had ended before.
    pub fn settle(&self, doubt: Doubt, happened: bool) -> bool {
        let mut books = self.books();
        let Some(changes) = books.doubts.remove(&doubt) else { return false };
        let rows = |change: Change| (change.key, if happened { change.after } else { change.before });
        books.enter(changes.into_iter().map(rows));
        true
    }

    /// Every row of the three tables is exactly once on its owner with the accounted worth, and nothing else is
    /// anywhere. Holds while no client is at work and no move goes on; servers are shard-1, shard-2 and so on, and may be
    /// more than the topology has. Returns the number of rows.
    pub async fn verify(&self, servers: &[Server], topology: &Topology) -> usize {
        assert!(topology.moves().is_empty(), "while a move goes on rows are twice");
        let mut wrong = Vec::new();
        let mut found: BTreeMap<Key, Rows> = BTreeMap::new();
        for (index, server) in servers.iter().enumerate() {
            let mut connection = server.connect().await;
            for table in Table::ALL {
                let (name, key, (part, worth)) = (table.name(), table.sharding_key(), table.row());
                let exists = format!(
                    "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop' AND TABLE_NAME='{name}'"
                );
                if number(&mut connection, &exists).await == 0 {
                    continue;
                }
                for row in rows(&mut connection, &format!("SELECT {key}, {part}, {worth} FROM {name}")).await {
                    let [value, part, worth] = [0, 1, 2].map(|column| row[column].parse::<i64>().unwrap());
                    let key = Key { table, value };
                    let owner = &topology.owner(key.slot()).id;
                    if *owner != id(index) {
                        wrong.push(format!("{key:?} {part}: {worth} is on {} and belongs to {owner}", id(index)));
                    }
                    if let Some(other) = found.entry(key).or_default().insert(part, worth) {
                        wrong.push(format!("{key:?} {part} is twice: {other} and {worth}"));
                    }
                }
            }
        }
        let count = found.values().map(Rows::len).sum();
        wrong.extend(self.books().differences(found));
        let shown: Vec<&String> = wrong.iter().take(20).collect();
        assert!(wrong.is_empty(), "{} of {count} rows are wrong or missing: {shown:#?}", wrong.len());
        count
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

impl Books {
    fn enter(&mut self, rows: impl Iterator<Item = (Key, Rows)>) {
        for (key, rows) in rows {
            match rows.is_empty() {
                true => self.known.remove(&key),
                false => self.known.insert(key, rows),
            };
        }
    }

    fn differences(&self, mut found: BTreeMap<Key, Rows>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, rows) in &self.known {
            let there = found.remove(key).unwrap_or_default();
            if there != *rows {
                wrong.push(format!("{key:?} should be {rows:?} and is {there:?}"));
            }
        }
        for changes in self.doubts.values() {
            let there: Vec<Rows> = changes.iter().map(|change| found.remove(&change.key).unwrap_or_default()).collect();
            let is_before = changes.iter().zip(&there).all(|(change, rows)| change.before == *rows);
            let is_after = changes.iter().zip(&there).all(|(change, rows)| change.after == *rows);
            if !is_before && !is_after {
                wrong.push(format!("neither before nor after an operation in doubt: {changes:?}, but {there:?}"));
            }
        }
        wrong.extend(found.iter().map(|(key, rows)| format!("nobody wrote {key:?}: {rows:?}")));
        wrong
    }
}

#[test]
fn the_account_tells_what_is_wrong() {
    let key = |value| Key { table: Table::Orders, value };
    let order = |value, worth| (key(value), Rows::from([(value, worth)]));
    let account = Account::default();
    let write = |value, worth| account.change(key(value), |rows| _ = rows.insert(value, worth));
    account.enter(&[write(1, 10), write(2, 20), write(3, 30), write(4, 40)]);
    account.enter(&[account.change(key(4), Rows::clear)]);
    let doubt = account.doubt(&[write(2, 21), write(3, 31)]);
    let check = |found: &[(Key, Rows)], wrong: usize| {
        let differences = account.books().differences(found.iter().cloned().collect());
        assert_eq!(differences.len(), wrong, "{found:?}: {differences:?}");
    };
    check(&[order(1, 10), order(2, 20), order(3, 30)], 0);
    check(&[order(1, 10), order(2, 21), order(3, 31)], 0);
    check(&[order(1, 10), order(2, 21), order(3, 30)], 1);
    check(&[order(1, 11), order(2, 21)], 2);
    check(&[order(1, 10), order(2, 20), order(3, 30), order(4, 40)], 1);
    assert!(account.settle(doubt, true) && !account.settle(doubt, false));
    check(&[order(1, 10), order(2, 20), order(3, 31)], 1);
    check(&[order(1, 10), order(2, 21), order(3, 31)], 0);
}
