//! The sessions that a router has, and what each remembers.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use door::Client;
use futures_util::future::join_all;
use keyspace::topology::Topology;
use tokio::sync::Mutex;

use crate::budget::Held;
use crate::bulkheads::share_of;
use crate::error::QueryError;
use crate::session::ended::{EndedSessions, Forgotten, Heard, RolledBack};
use crate::session::leftovers::{Leftover, Leftovers};
use crate::sql::meaning::command::SessionValues;
use crate::sql::read::source::Sql;
use crate::transaction::{Coordinator, Transaction};

/// All sessions of a router.
pub struct Sessions {
    table: StdMutex<Table>,
    most: usize,
    idle_timeout: Duration,
}

#[derive(Default)]
struct Table {
    /// Those that hold a place: they run a statement, or have something to remember that takes room.
    open: HashMap<String, Arc<Mutex<Session>>>,
    by_client: HashMap<Client, usize>,
    ended: EndedSessions,
    /// What little is to be remembered of all others.
    leftovers: Leftovers,
}

impl Table {
    fn remove(&mut self, name: &str, client: Client) {
        self.open.remove(name);
        if let Some(count) = self.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&client);
            }
        }
    }

    /// Makes room by dropping the session that was not used for longest, among those that have variables only: who asks
    /// for them hears of it.
    fn drop_one(&mut self, of: Option<Client>) -> bool {
        let oldest = self.open.iter().filter_map(|(name, session)| {
            let session = (Arc::strong_count(session) == 1).then(|| session.try_lock().ok()).flatten()?;
            let is_meant = of.is_none_or(|client| client == session.client);
            (is_meant && session.is_droppable()).then(|| (session.last_used, name.clone(), session.client))
        });
        let Some((_, name, client)) = oldest.min_by_key(|(last_used, _, _)| *last_used) else { return false };
        self.remove(&name, client);
        self.ended.mark(&name, Forgotten::Values);
        true
    }
}

/// A session in use. When its last user is done, it goes if it has nothing to remember.
pub struct InUse<'a> {
    sessions: &'a Sessions,
    name: &'a str,
    session: Arc<Mutex<Session>>,
}

impl Deref for InUse<'_> {
    type Target = Mutex<Session>;

    fn deref(&self) -> &Mutex<Session> {
        &self.session
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let mut table = self.sessions.table.lock().expect("no holder of this lock panics");
        // The table's own and this one.
        if Arc::strong_count(&self.session) > 2 {
            return;
        }
        let Ok(mut session) = self.session.try_lock() else { return };
        if session.takes_room() {
            return;
        }
        table.remove(self.name, session.client);
        if let Some(ended) = session.ended.take() {
            table.ended.remember(self.name.to_owned(), ended, Instant::now());
        }
        if session.was_dropped {
            table.ended.mark(self.name, Forgotten::Values);
        }
        for name in table.leftovers.keep(self.name, session.leftover, Instant::now()) {
            table.ended.mark(&name, Forgotten::Values);
        }
    }
}

pub struct Session {
    pub client: Client,
    pub autocommit: bool,
    pub transaction: Option<Open>,
    /// Its last transaction, if that was rolled back and the next statement could count on it.
    pub ended: Option<RolledBack>,
    /// By lower-cased name, as literals.
    pub variables: HashMap<String, String>,
    pub variable_bytes: usize,
    /// The variables' room.
    pub held: Option<Held>,
    /// What was remembered of the last session of this name was dropped to make room.
    pub was_dropped: bool,
    pub leftover: Leftover,
    pub last_used: Instant,
}

pub struct Open {
    pub transaction: Mutex<Transaction>,
    pub read_only: bool,
    /// The topology of its first statement.
    pub topology: Option<Arc<Topology>>,
}

impl Sessions {
    pub fn new(most: usize, idle_timeout: Duration) -> Sessions {
        Sessions { table: StdMutex::default(), most, idle_timeout }
    }

    pub fn count(&self) -> usize {
        self.table.lock().expect("no holder of this lock panics").open.len()
    }

    pub fn get<'a>(&'a self, name: &'a str, client: Client) -> Result<InUse<'a>, QueryError> {
        let mut table = self.table.lock().expect("no holder of this lock panics");
        if let Some(session) = table.open.get(name) {
            return Ok(InUse { sessions: self, name, session: session.clone() });
        }
        let share = share_of(self.most);
        if table.by_client.get(&client).is_some_and(|own| *own >= share) && !table.drop_one(Some(client)) {
            let why = "of your client are in a transaction or at work (three quarters of limits.max_sessions)";
            return Err(QueryError::Overloaded(format!("{share} sessions {why}")));
        }
        if table.open.len() >= self.most && !table.drop_one(Some(client)) && !table.drop_one(None) {
            let why = "are in a transaction or at work (limits.max_sessions)";
            return Err(QueryError::Overloaded(format!("{} sessions {why}", self.most)));
        }
        let dropped = table.ended.take_mark(name);
        let mut ended = table.ended.take(name);
        if dropped == Some(Forgotten::Transaction) && ended.is_none() {
            let why = "what the router knew of it was dropped, since too many others were rolled back".to_owned();
            ended = Some(RolledBack { why, heard: Heard::Nothing });
        }
        let session = Session {
            client,
            ended,
            was_dropped: dropped.is_some(),
            leftover: table.leftovers.take(name, self.idle_timeout).unwrap_or_default(),
            ..Session::default()
        };
        let session = Arc::new(Mutex::new(session));
        table.open.insert(name.to_owned(), session.clone());
        *table.by_client.entry(client).or_default() += 1;
        Ok(InUse { sessions: self, name, session })
    }

    /// Ends sessions that have not been used for long; their transactions are rolled back.
    pub async fn end_idle(&self, coordinator: &Coordinator) {
        // Side by side: a shard that stands still holds up its own only.
        join_all(self.remove_idle().into_iter().map(|open| {
            tracing::info!("a session was idle for too long: its transaction is rolled back");
            coordinator.metrics.session_expired();
            coordinator.roll_back(open.transaction.into_inner())
        }))
        .await;
    }

    /// Their transactions; the next sessions of their names hear of that.
    fn remove_idle(&self) -> Vec<Open> {
        let now = Instant::now();
        let mut table = self.table.lock().expect("no holder of this lock panics");
        let Table { open, by_client, ended, leftovers } = &mut *table;
        ended.forget_old(now);
        leftovers.forget_old(self.idle_timeout);
        let mut transactions = Vec::new();
        open.retain(|name, session| {
            // Nobody who has it already, or waits for it, may find it without its transaction.
            if Arc::strong_count(session) > 1 {
                return true;
            }
            let Ok(mut session) = session.try_lock() else { return true };
            if now.duration_since(session.last_used) <= self.idle_timeout {
                return true;
            }
            let transaction = session.transaction.take();
            if let Some(last) = session.last_words(transaction.is_some(), self.idle_timeout) {
                ended.remember(name.clone(), last, now);
            }
            transactions.extend(transaction);
            if let Some(count) = by_client.get_mut(&session.client) {
                *count -= 1;
            }
            false
        });
        by_client.retain(|_, count| *count > 0);
        transactions
    }
}

impl Default for Session {
    fn default() -> Session {
        Session {
            client: Client::default(),
            autocommit: true,
            transaction: None,
            ended: None,
            variables: HashMap::new(),
            variable_bytes: 0,
            held: None,
            was_dropped: false,
            leftover: Leftover::default(),
            last_used: Instant::now(),
        }
    }
}

impl SessionValues for Session {
    fn variable(&self, name: &str) -> String {
        self.variables.get(name).cloned().unwrap_or_else(|| "NULL".to_owned())
    }

    fn last_insert_id(&self) -> u64 {
        self.leftover.last_insert_id
    }

    fn row_count(&self) -> i64 {
        self.leftover.row_count
    }

    fn found_rows(&self) -> u64 {
        self.leftover.found_rows
    }
}

impl Session {
    /// Whether it has to remember what takes a place.
    pub fn takes_room(&self) -> bool {
        self.transaction.is_some() || !self.autocommit || !self.variables.is_empty()
    }

    /// Whether it may go to make room: it holds no transaction, and its next statement would not be half of one.
    pub fn is_droppable(&self) -> bool {
        self.transaction.is_none() && self.autocommit && self.ended.is_none()
    }

    /// Refuses what counts on values that were dropped: NULL and 0 would be wrong answers.
    pub fn check_dropped(&self, sql: &Sql) -> Result<(), QueryError> {
        if !self.was_dropped {
            return Ok(());
        }
        let is_gone = |name: &str| !self.variables.contains_key(&name.to_lowercase());
        let variable = sql.user_variables().find(|variable| is_gone(&variable[1..]));
        let call = match self.leftover.last_insert_id {
            0 => sql.calls(&["last_insert_id", "row_count", "found_rows"]),
            _ => None,
        };
        match variable.or(call) {
            Some(what) => Err(QueryError::SessionDropped(what.to_owned())),
            None => Ok(()),
        }
    }

    /// What the next session of its name has to hear, if this one is ended as idle.
    pub fn last_words(&mut self, had_transaction: bool, idle_timeout: Duration) -> Option<RolledBack> {
        let seconds = idle_timeout.as_secs_f64();
        let why = match (had_transaction, self.autocommit) {
            (true, _) => format!("its session was idle for {seconds} s"),
            // Its next statement counts on a ROLLBACK that undoes it.
            (false, false) => format!("its session was idle for {seconds} s, and autocommit is on again"),
            (false, true) => return self.ended.take(),
        };
        Some(RolledBack { why, heard: Heard::Nothing })
    }

    pub fn shards(&mut self) -> Vec<keyspace::topology::ShardId> {
        let open = self.transaction.as_mut();
        open.map(|open| open.transaction.get_mut().shards().cloned().collect()).unwrap_or_default()
    }
}
