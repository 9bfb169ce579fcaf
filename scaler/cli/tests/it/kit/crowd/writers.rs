//! What the writers of a crowd do, each with keys of its own.

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::{IndexedRandom, IteratorRandom};
use tokio::time::Instant;

use super::account::{Change, Key, Rows, Table};
use super::client::{Client, Ending, Step};
use super::{ACCOUNTS, FIRST_ORDER, OWNERS, PERMANENT, Pace};

/// What a writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Single rows of `orders` come, change and go.
    SingleRows,
    /// INSERT … ON DUPLICATE KEY UPDATE, and REPLACE, of keys that are there or not.
    Upserts,
    /// A row is deleted and inserted again, in a transaction or by two statements.
    Reinserts,
    /// Several rows of `orders`, which may lie on several shards, by one statement or in a transaction. These rows always
    /// exist.
    Several,
    /// Ranges of the rows of one key of `items`.
    Ranges,
    /// Amounts go from one row of a pair to the other in a transaction.
    Pairs,
}

/// One writer for each.
pub(super) const WRITERS: [Work; 9] = [
    Work::SingleRows,
    Work::SingleRows,
    Work::Upserts,
    Work::Reinserts,
    Work::Several,
    Work::Several,
    Work::Ranges,
    Work::Pairs,
    Work::Pairs,
];

/// Rows of `orders` that a writer wants to have, at most.
const MOST_ORDERS: usize = 80;

pub(super) struct Writer {
    work: Work,
    client: Client,
    /// Keys that it has used, and that are not in doubt.
    keys: Vec<i64>,
    /// Its number among the writers.
    lane: i64,
    /// How many keys and values it has used up: each value tells which operation wrote it.
    used_up: i64,
}

impl Writer {
    pub fn new(work: Work, client: Client, lane: usize) -> Writer {
        // Those that do the same share the keys that are there from the beginning.
        let alike: Vec<usize> = (0..WRITERS.len()).filter(|&other| WRITERS[other] == work).collect();
        let place = alike.iter().position(|&other| other == lane).unwrap();
        let last = match work {
            Work::SingleRows | Work::Upserts | Work::Reinserts => 0,
            Work::Several => PERMANENT,
            Work::Ranges => ACCOUNTS,
            Work::Pairs => OWNERS,
        };
        let keys = (1..=last).skip(place).step_by(alike.len()).collect();
        Writer { work, client, keys, lane: i64::try_from(lane).unwrap(), used_up: 0 }
    }

    pub async fn run(mut self, pace: Pace) {
        let shared = self.client.shared.clone();
        while !shared.is_stopping() {
            let started = Instant::now();
            let turn = shared.turns.read().await;
            if shared.is_stopping() {
                return;
            }
            self.operate().await;
            drop(turn);
            tokio::time::sleep_until(started + pace.of_each(WRITERS.len())).await;
        }
    }

    async fn operate(&mut self) {
        if self.client.rng.random_bool(0.15)
            && let Some(&value) = self.keys.choose(&mut self.client.rng)
        {
            return self.client.read_own(self.key(value)).await;
        }
        match self.work {
            Work::SingleRows => self.single_row().await,
            Work::Upserts => self.upsert().await,
            Work::Reinserts => self.reinsert().await,
            Work::Several => self.several().await,
            Work::Ranges => self.range().await,
            Work::Pairs => self.pair().await,
        }
    }

    async fn single_row(&mut self) {
        let worth = self.fresh_worth();
        let choice = self.client.rng.random_range(0..10);
        match self.some_order() {
            Some((order, true)) if choice < 5 || choice < 9 && self.keys.len() >= MOST_ORDERS => {
                let sql = format!("UPDATE orders SET value = {worth} WHERE id = {order}");
                self.set_order(&sql, order, worth, 1).await;
            }
            Some((order, true)) if choice == 9 => _ = self.delete_order(order).await,
            Some((order, false)) => {
                let sql = format!("INSERT INTO orders (id, value) VALUES ({order}, {worth})");
                self.set_order(&sql, order, worth, 1).await;
            }
            Some(_) | None => {
                let order = self.fresh_order();
                let sql = format!("INSERT INTO orders (id, value, note) VALUES ({order}, {worth}, 'new')");
                self.set_order(&sql, order, worth, 1).await;
            }
        }
    }

    async fn upsert(&mut self) {
        let worth = self.fresh_worth();
        let choice = self.client.rng.random_range(0..10);
        let (order, exists) = match self.some_order() {
            Some(known) if choice > 1 || self.keys.len() >= MOST_ORDERS => known,
            Some(_) | None => (self.fresh_order(), false),
        };
        if exists && choice == 9 {
            self.delete_order(order).await;
            return;
        }
        let sql = match choice % 2 {
            0 => format!(
                "INSERT INTO orders (id, value) VALUES ({order}, {worth}) ON DUPLICATE KEY UPDATE value = VALUES(value)"
            ),
            _ => format!("REPLACE INTO orders (id, value, note) VALUES ({order}, {worth}, 'replaced')"),
        };
        // A row that is there counts twice, as one deleted and one inserted.
        self.set_order(&sql, order, worth, if exists { 2 } else { 1 }).await;
    }

    async fn reinsert(&mut self) {
        let worth = self.fresh_worth();
        let (order, exists) = match self.some_order() {
            Some(known) if self.keys.len() >= MOST_ORDERS / 4 => known,
            Some(_) | None => (self.fresh_order(), false),
        };
        let insert = format!("INSERT INTO orders (id, value, note) VALUES ({order}, {worth}, 'again')");
        if exists && self.client.rng.random_bool(0.5) {
            let changes = [self.order_change(order, Some(worth))];
            let delete = format!("DELETE FROM orders WHERE id = {order}");
            let ending = self.client.transact(&[Step::write(delete, 1), Step::write(insert, 1)], &changes).await;
            self.note(&changes, ending);
        } else if !exists || self.delete_order(order).await == Ending::Done {
            self.set_order(&insert, order, worth, 1).await;
        }
    }

    async fn several(&mut self) {
        let orders: Vec<i64> = self.keys.choose_multiple(&mut self.client.rng, 2).copied().collect();
        // In one order, so that two writers never wait for each other.
        let (first, second) = match orders[..] {
            [one, two] => (one.min(two), one.max(two)),
            _ => return,
        };
        let (one, two) = (self.fresh_worth(), self.fresh_worth());
        let changes = [self.order_change(first, Some(one)), self.order_change(second, Some(two))];
        let ending = match self.client.rng.random_bool(0.5) {
            true => {
                let sql = format!(
                    "UPDATE orders SET value = CASE id WHEN {first} THEN {one} ELSE {two} END WHERE id IN ({first}, {second})"
                );
                self.client.write(&sql, 2, &changes).await
            }
            false => {
                let update =
                    |order, worth| Step::write(format!("UPDATE orders SET value = {worth} WHERE id = {order}"), 1);
                let steps = [update(first, -1), update(first, one), update(second, two)];
                self.client.transact(&steps, &changes).await
            }
        };
        self.note(&changes, ending);
    }

    async fn range(&mut self) {
        let Some(&account) = self.keys.choose(&mut self.client.rng) else { return };
        let rows = self.rows(account);
        let highest = rows.keys().next_back().copied().unwrap_or(0);
        let choice = self.client.rng.random_range(0..10);
        if choice < 3 && rows.len() < 40 {
            let (first, worth) = (highest + 1, self.fresh_worth());
            let values: Vec<String> = (first..first + 4).map(|item| format!("({account}, {item}, {worth})")).collect();
            let sql = format!("INSERT INTO items (account, item, v) VALUES {}", values.join(", "));
            return self
                .change_items(&sql, account, |rows| rows.extend((first..first + 4).map(|item| (item, worth))))
                .await;
        }
        let low = self.client.rng.random_range(0..=highest);
        if choice < 8 {
            let high = low + self.client.rng.random_range(0..10);
            let sql = format!("UPDATE items SET v = v + 1 WHERE account = {account} AND item BETWEEN {low} AND {high}");
            return self
                .change_items(&sql, account, |rows| rows.range_mut(low..=high).for_each(|(_, v)| *v += 1))
                .await;
        }
        let sql = format!("DELETE FROM items WHERE account = {account} AND item > {low}");
        self.change_items(&sql, account, |rows| rows.retain(|item, _| *item <= low)).await;
    }

    async fn pair(&mut self) {
        let Some(&owner) = self.keys.choose(&mut self.client.rng) else { return };
        let key = self.key(owner);
        let amount = self.client.rng.random_range(1..50) * if self.client.rng.random_bool(0.5) { 1 } else { -1 };
        let change = self.client.shared.account.change(key, |rows| {
            *rows.get_mut(&1).unwrap() -= amount;
            *rows.get_mut(&2).unwrap() += amount;
        });
        let update = |part: i64, amount: i64| {
            Step::write(
                format!("UPDATE pairs SET amount = amount + {amount} WHERE owner = {owner} AND part = {part}"),
                1,
            )
        };
        let mut steps = vec![update(1, -amount), update(2, amount)];
        if self.client.rng.random_bool(0.5) {
            let sql = format!("{} FOR UPDATE", key.select());
            steps.insert(0, Step::Read { sql, rows: change.before.clone() });
        }
        let ending = self.client.transact(&steps, std::slice::from_ref(&change)).await;
        self.note(&[change], ending);
    }

    async fn set_order(&mut self, sql: &str, order: i64, worth: i64, affected: u64) {
        let changes = [self.order_change(order, Some(worth))];
        let ending = self.client.write(sql, affected, &changes).await;
        self.note(&changes, ending);
    }

    async fn delete_order(&mut self, order: i64) -> Ending {
        let changes = [self.order_change(order, None)];
        let ending = self.client.write(&format!("DELETE FROM orders WHERE id = {order}"), 1, &changes).await;
        self.note(&changes, ending);
        ending
    }

    async fn change_items(&mut self, sql: &str, account: i64, change: impl FnOnce(&mut Rows)) {
        let change = self.client.shared.account.change(self.key(account), change);
        let rows: BTreeSet<&i64> = change.before.keys().chain(change.after.keys()).collect();
        let differ = rows.into_iter().filter(|item| change.before.get(item) != change.after.get(item)).count();
        let ending = self.client.write(sql, u64::try_from(differ).unwrap(), std::slice::from_ref(&change)).await;
        self.note(&[change], ending);
    }

    /// Keys that are in doubt are left alone, new ones are remembered.
    fn note(&mut self, changes: &[Change], ending: Ending) {
        for Change { key, .. } in changes {
            match ending {
                Ending::Done if !self.keys.contains(&key.value) => self.keys.push(key.value),
                Ending::Done | Ending::NotDone => {}
                Ending::Doubtful => self.keys.retain(|known| *known != key.value),
            }
        }
    }

    /// One of its orders, and whether the row is there.
    fn some_order(&mut self) -> Option<(i64, bool)> {
        let order = self.keys.iter().copied().choose(&mut self.client.rng)?;
        Some((order, !self.rows(order).is_empty()))
    }

    fn order_change(&self, order: i64, worth: Option<i64>) -> Change {
        self.client.shared.account.change(self.key(order), |rows| match worth {
            Some(worth) => _ = rows.insert(order, worth),
            None => rows.clear(),
        })
    }

    fn rows(&self, value: i64) -> Rows {
        self.client.shared.account.rows(self.key(value))
    }

    fn key(&self, value: i64) -> Key {
        let table = match self.work {
            Work::SingleRows | Work::Upserts | Work::Reinserts | Work::Several => Table::Orders,
            Work::Ranges => Table::Items,
            Work::Pairs => Table::Pairs,
        };
        Key { table, value }
    }

    /// A key that nobody has used.
    fn fresh_order(&mut self) -> i64 {
        FIRST_ORDER + self.fresh_worth()
    }

    fn fresh_worth(&mut self) -> i64 {
        self.used_up += 1;
        self.used_up * i64::try_from(WRITERS.len()).unwrap() + self.lane
    }
}
