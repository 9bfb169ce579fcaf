//! The background load: writers that insert, update and delete by key, and account for what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyspace::errors::chain;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::{Mutex, RwLock, RwLockWriteGuard};
use tokio::task::JoinSet;

use crate::demo::account::{Account, COUNTRIES, Cents, MOMENTS, Order, User};
use crate::demo::client::{ClientError, ClusterClient};

const WRITER_COUNT: i64 = 4;
/// Rows that one writer has at a time, so that the drivers of the steps decide when a threshold is passed.
const ROWS_PER_WRITER: usize = 8;
/// Between two statements of one writer: enough load to meet every cutover, on any machine.
const PAUSE: Duration = Duration::from_millis(5);
/// The writers' keys are above all keys of the steps.
const FIRST_WRITER_KEY: i64 = 1_000_000;
const KEYS_PER_WRITER: i64 = 1_000_000;
const KEPT_FAILURES: usize = 5;

/// One change of one row by its key.
#[derive(Clone, Debug)]
pub enum Change {
    PutUser(i64, User),
    SetBalance(i64, Cents),
    DeleteUser(i64),
    PutOrder((i64, i64), Order),
    SetAmount((i64, i64), Cents),
    DeleteOrder((i64, i64)),
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    /// How long each statement took.
    pub samples: Vec<Duration>,
    pub failed: usize,
    /// The first few of the failures.
    pub failures: Vec<String>,
}

/// Sends changes and accounts for them. A cheap handle.
#[derive(Clone)]
pub struct Ledger {
    client: ClusterClient,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Held shared from before a statement is sent until it is accounted for; whoever holds it alone sees an
    /// account that equals the tables.
    gate: RwLock<()>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    account: Account,
    log: Log,
}

impl Ledger {
    pub fn new(client: ClusterClient) -> Ledger {
        Ledger { client, state: Arc::default() }
    }

    /// Sends the change; accounts for it if it was acknowledged, else for the failure.
    pub async fn write(&self, change: Change) -> Result<(), ClientError> {
        let _shared = self.state.gate.read().await;
        let (sql, params) = change.statement();
        let started = Instant::now();
        let answer = self.client.query(sql, &params).await;
        let took = started.elapsed();
        let mut books = self.state.books.lock().await;
        books.log.samples.push(took);
        let failure = match &answer {
            Ok(answer) if answer.rows_affected == Some(1) => None,
            Ok(answer) => Some(format!("{:?} rows were affected instead of one", answer.rows_affected)),
            Err(error) => Some(chain(error)),
        };
        match failure {
            None => change.apply(&mut books.account),
            Some(failure) => {
                books.log.failed += 1;
                if books.log.failures.len() < KEPT_FAILURES {
                    books.log.failures.push(format!("{sql} {params:?}: {failure}"));
                }
            }
        }
        answer.map(|_| ())
    }

    /// The account while nobody writes: it equals the tables for as long as the guard is held.
    pub async fn hold_still(&self) -> (RwLockWriteGuard<'_, ()>, Account) {
        let still = self.state.gate.write().await;
        let account = self.state.books.lock().await.account.clone();
        (still, account)
    }

    pub async fn log(&self) -> Log {
        self.state.books.lock().await.log.clone()
    }
}

/// The running writers.
pub struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Writers {
    pub fn start(ledger: &Ledger) -> Writers {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..WRITER_COUNT {
            let writer = Writer::new(number);
            tasks.spawn(writer.run(ledger.clone(), Arc::clone(&stop)));
        }
        Writers { stop, tasks }
    }

    /// Returns when the last statement is accounted for.
    pub async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Chooses changes of its own rows, the same ones in every run.
struct Writer {
    rng: StdRng,
    next_key: i64,
    users: Vec<i64>,
    orders: Vec<(i64, i64)>,
}

impl Writer {
    fn new(number: i64) -> Writer {
        Writer {
            rng: StdRng::seed_from_u64(number.unsigned_abs()),
            next_key: FIRST_WRITER_KEY + number * KEYS_PER_WRITER,
            users: Vec::new(),
            orders: Vec::new(),
        }
    }

    async fn run(mut self, ledger: Ledger, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            // A failure is in the log already; the verdict fails on it.
            let _ = ledger.write(self.next()).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn next(&mut self) -> Change {
        let rows = self.users.len() + self.orders.len();
        let die = self.rng.random_range(0..10);
        match die {
            0..3 if rows < ROWS_PER_WRITER => self.insert(),
            3 | 4 if rows > ROWS_PER_WRITER / 2 => self.delete(),
            _ => self.update(),
        }
    }

    fn insert(&mut self) -> Change {
        self.next_key += 1;
        let key = self.next_key;
        if self.rng.random_bool(0.5) {
            self.users.push(key);
            Change::PutUser(key, random_user(&mut self.rng, key))
        } else {
            self.orders.push((key, 1));
            Change::PutOrder((key, 1), random_order(&mut self.rng))
        }
    }

    fn update(&mut self) -> Change {
        let rows = self.users.len() + self.orders.len();
        if rows == 0 {
            return self.insert();
        }
        let money = random_money(&mut self.rng);
        let chosen = self.rng.random_range(0..rows);
        match self.users.get(chosen) {
            Some(user) => Change::SetBalance(*user, money),
            None => Change::SetAmount(self.orders[chosen - self.users.len()], money),
        }
    }

    fn delete(&mut self) -> Change {
        let chosen = self.rng.random_range(0..self.users.len() + self.orders.len());
        match chosen.checked_sub(self.users.len()) {
            None => Change::DeleteUser(self.users.swap_remove(chosen)),
            Some(index) => Change::DeleteOrder(self.orders.swap_remove(index)),
        }
    }
}

pub fn random_user(rng: &mut StdRng, id: i64) -> User {
    User {
        name: format!("user {id}"),
        country: COUNTRIES[rng.random_range(0..COUNTRIES.len())],
        balance: random_money(rng),
    }
}

pub fn random_order(rng: &mut StdRng) -> Order {
    Order { amount: random_money(rng), created_at: MOMENTS[rng.random_range(0..MOMENTS.len())] }
}

fn random_money(rng: &mut StdRng) -> Cents {
    Cents(rng.random_range(1..10_000_000))
}

impl Change {
    fn statement(&self) -> (&'static str, Vec<Value>) {
        // Decimals are sent as text: a JSON number might be read as a double on the way.
        match self {
            Change::PutUser(id, user) => (
                "INSERT INTO users (user_id, name, country, balance) VALUES (?, ?, ?, ?)",
                vec![json!(id), json!(user.name), json!(user.country), json!(user.balance.to_string())],
            ),
            Change::SetBalance(id, balance) => {
                ("UPDATE users SET balance = ? WHERE user_id = ?", vec![json!(balance.to_string()), json!(id)])
            }
            Change::DeleteUser(id) => ("DELETE FROM users WHERE user_id = ?", vec![json!(id)]),
            Change::PutOrder((customer, order), row) => (
                "INSERT INTO orders (customer_id, order_id, amount, created_at) VALUES (?, ?, ?, ?)",
                vec![json!(customer), json!(order), json!(row.amount.to_string()), json!(row.created_at)],
            ),
            Change::SetAmount((customer, order), amount) => (
                "UPDATE orders SET amount = ? WHERE customer_id = ? AND order_id = ?",
                vec![json!(amount.to_string()), json!(customer), json!(order)],
            ),
            Change::DeleteOrder((customer, order)) => {
                ("DELETE FROM orders WHERE customer_id = ? AND order_id = ?", vec![json!(customer), json!(order)])
            }
        }
    }

    fn apply(self, account: &mut Account) {
        match self {
            Change::PutUser(id, user) => {
                account.users.insert(id, user);
            }
            Change::SetBalance(id, balance) => {
                account.users.entry(id).and_modify(|user| user.balance = balance);
            }
            Change::DeleteUser(id) => {
                account.users.remove(&id);
            }
            Change::PutOrder(key, order) => {
                account.orders.insert(key, order);
            }
            Change::SetAmount(key, amount) => {
                account.orders.entry(key).and_modify(|order| order.amount = amount);
            }
            Change::DeleteOrder(key) => {
                account.orders.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_changes_only_rows_that_it_has_and_stays_small() {
        let mut writer = Writer::new(2);
        let mut account = Account::default();
        for _ in 0..5_000 {
            let change = writer.next();
            let known = match &change {
                Change::PutUser(id, _) => !account.users.contains_key(id),
                Change::PutOrder(key, _) => !account.orders.contains_key(key),
                Change::SetBalance(id, _) | Change::DeleteUser(id) => account.users.contains_key(id),
                Change::SetAmount(key, _) | Change::DeleteOrder(key) => account.orders.contains_key(key),
            };
            assert!(known, "{change:?}");
            change.apply(&mut account);
            assert!(account.row_count() <= ROWS_PER_WRITER);
        }
        assert!(writer.next_key > FIRST_WRITER_KEY + 2 * KEYS_PER_WRITER + 100);
    }
}
