//! A crowd of clients that work through routers while rows move and things break, and keep their own account.
//!
//! Each writer has keys that nobody else writes, so that it knows after every answer what must be there. What a router
//! says that it did has happened exactly as counted; what it says that it did not has not; and of what nobody knows, all
//! has happened or nothing. Readers ask for what must always hold.

mod account;
mod client;
mod direct;
mod leftovers;
mod readers;
mod writers;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::ShardId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::account::Account;
use self::account::{Change, Key, Rows, Table};
use self::client::{Client, Ending};
use self::direct::Direct;
pub use self::leftovers::assert_no_leftovers;
use self::writers::{WRITERS, Writer};
use crate::kit::bench::ORDERS;
use crate::kit::servers::wait_until;

const PAIRS: &str = "CREATE TABLE pairs (owner BIGINT NOT NULL, part TINYINT NOT NULL, amount BIGINT NOT NULL, \
     PRIMARY KEY (owner, part))";
const ITEMS: &str = "CREATE TABLE items (account BIGINT NOT NULL, item BIGINT NOT NULL, v BIGINT NOT NULL, \
     PRIMARY KEY (account, item))";

/// Orders `1..=PERMANENT` are always there; two writers change them.
const PERMANENT: i64 = 1_200;
/// Of the orders that the clients on connections of their own hold.
const HELD_FROM: i64 = 10_000;
const HELD: i64 = 40;
/// Above this all keys are for orders that come and go.
const FIRST_ORDER: i64 = 1_000_000;
const OWNERS: i64 = 60;
/// What the two rows of an owner have together, always.
const PAIR_SUM: i64 = 1_000;
const ACCOUNTS: i64 = 40;

/// How many operations all writers together attempt in a second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub per_second: u32,
}

impl Pace {
    fn of_each(self, clients: usize) -> Duration {
        Duration::from_secs(1) * u32::try_from(clients).unwrap() / self.per_second
    }
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { per_second: 300 }
    }
}

/// What a crowd did and met.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Operations that were acknowledged.
    pub writes: u64,
    /// Operations of which the clients did not hear what became.
    pub unknown: u64,
    /// Operations that did not happen, by why.
    pub refused: BTreeMap<String, u64>,
    pub reads: u64,
    /// Reads without an answer, by why.
    pub failed_reads: BTreeMap<String, u64>,
    /// How often a client turned to another router.
    pub failovers: u64,
    /// Answers to writes that came when their clients did not wait any more.
    pub late_answers: u64,
    /// Requests that were never answered.
    pub unanswered: usize,
    pub slowest_write: Duration,
    /// The longest time in which no client had a write acknowledged.
    pub longest_gap: Duration,
    /// What must not be.
    pub violations: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes, {} unknown, refused {:?}; {} reads, without answer {:?}; {} failovers, {} late answers, {} never \
             answered; slowest write {:?}, longest gap {:?}; {} violations",
            self.writes,
            self.unknown,
            self.refused,
            self.reads,
            self.failed_reads,
            self.failovers,
            self.late_answers,
            self.unanswered,
            self.slowest_write,
            self.longest_gap,
            self.violations.len()
        )
    }
}

impl Tally {
    pub fn assert_no_violations(&self) {
        let shown: Vec<&String> = self.violations.iter().take(10).collect();
        assert!(shown.is_empty(), "{self}: {shown:#?}");
    }
}

/// What the clients of a crowd have in common.
struct Shared {
    urls: Vec<String>,
    account: Account,
    tally: Mutex<Tally>,
    started: Instant,
    /// When a write was last acknowledged.
    last_write: Mutex<Instant>,
    /// Read by each client while it works; written by who wants them to rest.
    turns: Arc<RwLock<()>>,
    stopping: AtomicBool,
    /// Requests that nobody waits for any more.
    late: Mutex<JoinSet<()>>,
    late_count: AtomicUsize,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn violation(&self, what: String) {
        self.tally().violations.push(format!("after {:?}: {what}", self.started.elapsed()));
    }

    /// A write took so long until it was acknowledged.
    fn acknowledged(&self, took: Duration) {
        let mut last_write = self.last_write.lock().unwrap();
        let mut tally = self.tally();
        tally.writes += 1;
        tally.slowest_write = tally.slowest_write.max(took);
        tally.longest_gap = tally.longest_gap.max(last_write.elapsed());
        *last_write = Instant::now();
    }

    fn late(self: &Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) {
        let shared = self.clone();
        self.late_count.fetch_add(1, Ordering::SeqCst);
        self.late.lock().unwrap().spawn(async move {
            task.await;
            shared.late_count.fetch_sub(1, Ordering::SeqCst);
        });
    }

    fn has_late(&self) -> bool {
        self.late_count.load(Ordering::SeqCst) > 0
    }
}

/// Clients at work, until they are told to rest or to stop.
pub struct Crowd {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
    resting: Option<OwnedRwLockWriteGuard<()>>,
}

/// The sharding keys of the crowd's tables.
pub fn layout() -> Layout {
    let keys = Table::ALL.map(|table| (table.name().to_owned(), table.sharding_key().to_owned()));
    Layout { shard_keys: keys.into(), ..Layout::default() }
}

impl Crowd {
    /// Makes and fills the tables through the first of the routers, and sets the clients to work. Each of `direct` is a
    /// shard on which a client holds transactions open on a connection of its own.
    pub async fn start(urls: Vec<String>, direct: Vec<(ShardId, Endpoint)>, seed: u64, pace: Pace) -> Crowd {
        let now = Instant::now();
        let shared = Arc::new(Shared {
            urls,
            account: Account::default(),
            tally: Mutex::default(),
            started: now,
            last_write: Mutex::new(now),
            turns: Arc::new(RwLock::new(())),
            stopping: AtomicBool::new(false),
            late: Mutex::default(),
            late_count: AtomicUsize::new(0),
        });
        let mut lanes = 0..;
        let mut client = |role: &str| {
            let lane: u64 = lanes.next().unwrap();
            let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(lane));
            Client::new(&shared, format!("{role}-{lane}"), rng)
        };
        fill(&mut client("filler"), i64::try_from(direct.len()).unwrap()).await;
        *shared.tally() = Tally::default();
        *shared.last_write.lock().unwrap() = Instant::now();
        let mut clients = JoinSet::new();
        for (lane, work) in (0..).zip(WRITERS) {
            let writer = Writer::new(work, client("writer"), lane);
            clients.spawn(writer.run(pace));
        }
        for (place, (shard, endpoint)) in (0..).zip(direct) {
            clients.spawn(Direct::new(client("direct"), shard, endpoint, held_by(place)).run());
        }
        for _ in 0..readers::READERS {
            clients.spawn(readers::run(client("reader")));
        }
        Crowd { shared, clients, resting: None }
    }

    /// What must be there; right while the clients rest or have stopped.
    pub fn account(&self) -> Account {
        self.shared.account.clone()
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        self.shared.tally().clone()
    }

    /// Brings all clients to rest: when it returns nothing is under way. A router that is stopped must go on before,
    /// since what it was sent is waited for.
    pub async fn pause(&mut self) {
        if self.resting.is_none() {
            let turns = self.shared.turns.clone().write_owned();
            self.resting = Some(tokio::time::timeout(Duration::from_secs(60), turns).await.expect("a client hangs"));
        }
        wait_until("every request is answered", || async { !self.shared.has_late() }).await;
    }

    /// Lets the clients work again.
    pub fn resume(&mut self) {
        *self.shared.last_write.lock().unwrap() = Instant::now();
        self.resting = None;
    }

    /// Ends all clients. A request that is not answered soon counts as never answered.
    pub async fn stop(mut self) -> Tally {
        let was_at_work = self.resting.is_none();
        self.shared.stopping.store(true, Ordering::Relaxed);
        let gap = self.shared.last_write.lock().unwrap().elapsed();
        self.resting = None;
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.shared.has_late() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut tally = self.shared.tally().clone();
        tally.unanswered = self.shared.late_count.load(Ordering::SeqCst);
        if was_at_work {
            tally.longest_gap = tally.longest_gap.max(gap);
        }
        tally
    }
}

/// The orders that a client on a connection of its own changes.
fn held_by(place: i64) -> Vec<i64> {
    (HELD_FROM + place * HELD..).take(HELD.try_into().unwrap()).collect()
}

/// Makes the tables and the rows that are there from the beginning.
async fn fill(filler: &mut Client, holders: i64) {
    for sql in [ORDERS, PAIRS, ITEMS] {
        assert_eq!(filler.write(sql, 0, &[]).await, Ending::Done, "{:?}", filler.shared.tally());
    }
    for table in Table::ALL {
        filler.wait_for(table).await;
    }
    let change = |table, value, rows: Rows| Change { key: Key { table, value }, before: Rows::new(), after: rows };
    let order = |id: i64| change(Table::Orders, id, Rows::from([(id, id * 10)]));
    let held = (0..holders).flat_map(held_by);
    let orders: Vec<Change> = (1..=PERMANENT).chain(held).map(order).collect();
    let pair = |owner| change(Table::Pairs, owner, Rows::from([(1, PAIR_SUM / 2), (2, PAIR_SUM / 2)]));
    let items = |account| change(Table::Items, account, (1..=10).map(|item| (item, account)).collect());
    let (pairs, items) = ((1..=OWNERS).map(pair).collect::<Vec<_>>(), (1..=ACCOUNTS).map(items).collect::<Vec<_>>());
    for (columns, changes) in
        [("orders (id, value)", orders), ("pairs (owner, part, amount)", pairs), ("items (account, item, v)", items)]
    {
        for changes in changes.chunks(200) {
            let row = |change: &Change| {
                let Key { table, value } = change.key;
                let rows = change.after.iter().map(move |(part, worth)| match table {
                    Table::Orders => format!("({value}, {worth})"),
                    Table::Pairs | Table::Items => format!("({value}, {part}, {worth})"),
                });
                rows.collect::<Vec<String>>()
            };
            let rows: Vec<String> = changes.iter().flat_map(row).collect();
            let sql = format!("INSERT INTO {columns} VALUES {}", rows.join(", "));
            let affected = u64::try_from(rows.len()).unwrap();
            assert_eq!(filler.write(&sql, affected, changes).await, Ending::Done, "{:?}", filler.shared.tally());
        }
    }
}
