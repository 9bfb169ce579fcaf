//! Sessions of clients: transactions, user variables and what the last statement did, under a name that the client
//! chooses.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use door::Client;
use futures_util::future::join_all;
use keyspace::topology::Topology;
use tokio::sync::Mutex;

use super::ended::{Dropped, Ended, EndedSessions, Heard};
use super::leftovers::{Leftover, Leftovers};
use super::literals::{Counting, Scalar};
use super::{Answer, Attempt, Reading, Router};
use crate::budget::{Held, Kind};
use crate::bulkheads::share_of;
use crate::error::QueryError;
use crate::execute::{RowSink, Written};
use crate::metrics::Retry;
use crate::shards::IDLE_BEFORE_PING;
use crate::sql;
use crate::sql::meaning::command::{Command, SessionValues, Setting, command, with_session_values};
use crate::sql::meaning::statement::Statement;
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::transaction::{Coordinator, Transaction};

/// Variables of one session.
const MOST_VARIABLES: usize = 1_000;
/// Of their names and values.
const MOST_VARIABLE_BYTES: usize = 1 << 20;

/// All sessions of a router.
pub(super) struct Sessions {
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
        self.ended.mark(&name, Dropped::Values);
        true
    }
}

/// A session in use. When its last user is done, it goes if it has nothing to remember.
struct InUse<'a> {
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
            table.ended.mark(self.name, Dropped::Values);
        }
        for name in table.leftovers.keep(self.name, session.leftover, Instant::now()) {
            table.ended.mark(&name, Dropped::Values);
        }
    }
}

struct Session {
    client: Client,
    autocommit: bool,
    transaction: Option<Open>,
    /// Its last transaction, if that was rolled back and the next statement could count on it.
    ended: Option<Ended>,
    /// By lower-cased name, as literals.
    variables: HashMap<String, String>,
    variable_bytes: usize,
    /// The variables' room.
    held: Option<Held>,
    /// What was remembered of the last session of this name was dropped to make room.
    was_dropped: bool,
    leftover: Leftover,
    last_used: Instant,
}

struct Open {
    transaction: Mutex<Transaction>,
    read_only: bool,
    /// The topology of its first statement.
    topology: Option<Arc<Topology>>,
}

impl Sessions {
    pub fn new(most: usize, idle_timeout: Duration) -> Sessions {
        Sessions { table: StdMutex::default(), most, idle_timeout }
    }

    pub fn count(&self) -> usize {
        self.table.lock().expect("no holder of this lock panics").open.len()
    }

    fn get<'a>(&'a self, name: &'a str, client: Client) -> Result<InUse<'a>, QueryError> {
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
        if dropped == Some(Dropped::Transaction) && ended.is_none() {
            let why = "what the router knew of it was dropped, since too many others were rolled back".to_owned();
            ended = Some(Ended { why, heard: Heard::Nothing });
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

impl Router {
    /// Runs a statement in a session; one at a time.
    pub(super) async fn run_in_session(
        &self,
        name: &str,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        let in_use = self.sessions.get(name, attempt.request.client)?;
        let turn = tokio::time::timeout_at(attempt.deadline.into(), in_use.lock()).await;
        let mut session = turn.map_err(|_| QueryError::SessionBusy)?;
        let idle = session.last_used.elapsed();
        session.last_used = Instant::now();
        let read = || sql::read(&attempt.request.sql, &attempt.request.params);
        let sql = self.at_length(attempt.request.sql.len(), attempt, read).await??;
        let command = command(&sql)?;
        let outcome = match self.stands(command.as_ref(), &mut session, idle).await {
            Ok(()) => match command {
                Some(command) => self.obey(command, &mut session, attempt).await,
                None => self.answer_in_session(sql, &mut session, attempt, sink).await,
            },
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.after_error(&mut session, error).await),
        };
        session.last_used = Instant::now();
        if outcome.is_err() {
            session.leftover.row_count = -1;
        }
        outcome
    }

    /// Fails, once, if the transaction that a statement belongs to is no more.
    async fn stands(&self, command: Option<&Command>, session: &mut Session, idle: Duration) -> Result<(), QueryError> {
        if let Some(open) = &mut session.transaction {
            let transaction = open.transaction.get_mut();
            // The scaler ends sessions that were idle since a switch. Without the question a statement on another shard
            // would still be done, and nobody could say what became of a COMMIT.
            if idle > IDLE_BEFORE_PING {
                transaction.ping().await;
            }
            if let Some(shard) = transaction.lost() {
                let why = format!("the connection to {shard} broke");
                session.ended = Some(Ended { why, heard: Heard::Nothing });
                self.roll_back(session).await;
            }
        }
        match session.ended.take() {
            Some(ended) if !ended.permits(command) => Err(QueryError::TransactionLost(ended.why)),
            Some(_) | None => Ok(()),
        }
    }

    async fn obey(&self, command: Command, session: &mut Session, attempt: &Attempt<'_>) -> Result<Answer, QueryError> {
        let mut answer = Answer { shards: Vec::new(), written: Some(Written::default()) };
        match command {
            Command::Begin { read_only } => {
                self.commit(session, attempt.deadline).await?;
                session.transaction = Some(self.open(read_only));
            }
            Command::Commit { chain } => {
                let read_only = session.transaction.as_ref().is_some_and(|open| open.read_only);
                answer.shards = session.shards();
                self.commit(session, attempt.deadline).await?;
                session.transaction = chain.then(|| self.open(read_only));
            }
            Command::Rollback { chain } => {
                let read_only = session.transaction.as_ref().is_some_and(|open| open.read_only);
                answer.shards = session.shards();
                self.roll_back(session).await;
                session.transaction = chain.then(|| self.open(read_only));
            }
            Command::Savepoint(name) => {
                // As on a server: without a transaction it is set and gone.
                if let Some(open) = &mut session.transaction {
                    open.transaction.get_mut().set_savepoint(&name, attempt.deadline).await?;
                }
            }
            Command::RollbackTo(name) => {
                let found = match &mut session.transaction {
                    Some(open) => open.transaction.get_mut().roll_back_to(&name, attempt.deadline).await?,
                    None => false,
                };
                found.then_some(()).ok_or_else(|| self.no_savepoint(&name))?;
            }
            Command::Release(name) => {
                let found = match &mut session.transaction {
                    Some(open) => open.transaction.get_mut().release_savepoint(&name, attempt.deadline).await?,
                    None => false,
                };
                found.then_some(()).ok_or_else(|| self.no_savepoint(&name))?;
            }
            Command::Set(settings) if settings.len() > MOST_VARIABLES => {
                let message = format!("one SET sets {MOST_VARIABLES} variables at most");
                return Err(QueryError::LimitExceeded(message));
            }
            Command::Set(settings) => {
                for setting in settings {
                    self.set(setting, session, attempt).await?;
                }
            }
        }
        session.leftover.row_count = 0;
        Ok(answer)
    }

    async fn set(&self, setting: Setting, session: &mut Session, attempt: &Attempt<'_>) -> Result<(), QueryError> {
        match setting {
            Setting::Nothing => {}
            Setting::Autocommit(on) => {
                if on && !session.autocommit {
                    self.commit(session, attempt.deadline).await?;
                }
                session.autocommit = on;
            }
            Setting::Variable(name, expression) => {
                let text = format!("SELECT ({expression}\n)");
                let mut scalar = Scalar::default();
                Box::pin(self.answer_in_session(sql::read(&text, &[])?, session, attempt, &mut scalar)).await?;
                if session.variables.len() >= MOST_VARIABLES && !session.variables.contains_key(&name) {
                    let message = format!("a session has {MOST_VARIABLES} user variables at most");
                    return Err(QueryError::LimitExceeded(message));
                }
                self.keep_variable(session, name, scalar.finish())?;
            }
        }
        Ok(())
    }

    /// Keeps the value of a variable, if there is room for it.
    fn keep_variable(&self, session: &mut Session, name: String, value: String) -> Result<(), QueryError> {
        /// The map's own.
        const ENTRY: usize = 128;
        let before = session.variables.get(&name).map_or(0, |value| ENTRY + name.len() + value.len());
        let bytes = session.variable_bytes - before + ENTRY + name.len() + value.len();
        if bytes > MOST_VARIABLE_BYTES {
            let message = format!("the user variables of a session take {MOST_VARIABLE_BYTES} bytes at most");
            return Err(QueryError::LimitExceeded(message));
        }
        match &mut session.held {
            Some(held) => held.cover(bytes)?,
            held @ None => *held = Some(self.budget.take(session.client, Kind::Sessions, bytes)?),
        }
        session.variable_bytes = bytes;
        session.variables.insert(name, value);
        Ok(())
    }

    async fn answer_in_session(
        &self,
        sql: Sql,
        session: &mut Session,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        session.check_dropped(&sql)?;
        let length = sql.text.len();
        let replaced = self.at_length(length, attempt, || with_session_values(&sql, session)).await??;
        let _held = match &replaced {
            Some(text) => Some(self.admit_text(attempt.request.client, text, 0, attempt.deadline).await?),
            None => None,
        };
        let read = || {
            let sql = match replaced {
                Some(text) => sql::read(&text, &[])?,
                None => sql,
            };
            let statement = sql::analyse(&sql)?;
            Ok::<_, QueryError>((sql, statement))
        };
        let (sql, statement) = self.at_length(length, attempt, read).await??;
        let is_definition = matches!(statement, Statement::Define(_));
        let is_read = matches!(statement, Statement::Read(_) | Statement::Inspect(_) | Statement::Explain(_));
        if is_definition {
            // As on a server, it ends the transaction.
            self.commit(session, attempt.deadline).await?;
        } else if session.transaction.is_none() && !session.autocommit {
            session.transaction = Some(self.open(false));
        }
        let draws = self.draws_ids(&statement);
        let locks = sql.lock_in_share_mode || sql.names_any(&["FOR"]) && sql.names_any(&["UPDATE", "SHARE"]);
        let reading = Reading::Full(Box::new((sql, statement)));
        let mut counting = Counting { sink, rows: 0 };
        let outcome = match &mut session.transaction {
            Some(open) if !is_definition => {
                if open.read_only && !is_read {
                    return Err(self.read_only());
                }
                let attempt = Attempt { locks, ..*attempt };
                self.answer_in_transaction(reading, open, &attempt, &mut counting).await
            }
            _ => self.answer(reading, attempt, &mut counting).await,
        };
        let rows = counting.rows;
        let answer = outcome?;
        match answer.written {
            Some(written) => {
                session.leftover.row_count = i64::try_from(written.rows_affected).unwrap_or(i64::MAX);
                if let Some(id) = written.last_insert_id.filter(|_| draws) {
                    session.leftover.last_insert_id = id;
                }
            }
            None => {
                session.leftover.row_count = -1;
                session.leftover.found_rows = rows;
            }
        }
        Ok(answer)
    }

    /// Runs a statement in a transaction. If its rows have moved it is run again in the place of the first one, while
    /// the transaction has nothing else; otherwise the transaction is over.
    async fn answer_in_transaction(
        &self,
        mut reading: Reading,
        open: &mut Open,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        loop {
            let is_first = !open.transaction.get_mut().has_begun();
            if is_first {
                open.topology = None;
            }
            self.same_owners(open).map_err(QueryError::TransactionLost)?;
            let text = match &reading {
                Reading::Full(full) if is_first => Some(full.0.text.clone()),
                Reading::Full(_) | Reading::Known(_) => None,
            };
            let in_transaction = Attempt { transaction: Some(&open.transaction), ..*attempt };
            let shard = match self.answer(reading, &in_transaction, sink).await {
                Err(QueryError::Moved(shard)) => shard,
                // With innodb_snapshot_isolation it is how a snapshot from before a switch meets the fence.
                Err(QueryError::Database { shard, errno: 1020, sqlstate, message }) => {
                    self.watch.look_at(&shard, attempt.deadline).await;
                    if self.same_owners(open).is_ok() {
                        return Err(QueryError::Database { shard, errno: 1020, sqlstate, message });
                    }
                    shard
                }
                outcome => return outcome,
            };
            // Whether it is this statement that runs again or, soon, the whole transaction: on the new owner.
            if let Some(topology) = &open.topology {
                self.follow(&shard, topology.epoch(), attempt.deadline).await;
            }
            let Some(text) = text else { return Err(QueryError::Moved(shard)) };
            self.coordinator.begin_anew(open.transaction.get_mut()).await;
            if Instant::now() > attempt.deadline {
                return Err(QueryError::KeptMoving);
            }
            tracing::debug!(%shard, "rows moved, running the first statement of a transaction again");
            self.metrics().retried(Retry::Moved);
            sink.reset();
            reading = Reading::of(&text, &[])?;
        }
    }

    /// Ends a transaction that cannot go on. A server rolls one back that it makes the victim of a deadlock, or whose
    /// snapshot is too old; so do the others that take part.
    async fn after_error(&self, session: &mut Session, error: QueryError) -> QueryError {
        let Some(open) = &mut session.transaction else { return error };
        let is_lost = open.transaction.get_mut().lost().is_some();
        let error = match error {
            QueryError::Moved(shard) => QueryError::TransactionLost(format!("rows moved away from {shard}")),
            QueryError::ConnectionBroke { shard, cause } if is_lost => {
                QueryError::TransactionLost(format!("the connection to {shard} broke ({cause})"))
            }
            error @ QueryError::TransactionLost(_) => error,
            error if is_lost || error.ends_transaction() => error,
            error => return error,
        };
        // Noted before anything is waited for: the client may go away meanwhile.
        session.ended = Some(Ended { why: error.to_string(), heard: Heard::Failure });
        self.roll_back(session).await;
        if let QueryError::TransactionLost(_) = error {
            session.ended = None;
        }
        error
    }

    fn open(&self, read_only: bool) -> Open {
        Open { transaction: Mutex::new(self.coordinator.begin()), read_only, topology: None }
    }

    /// Commits the session's transaction, if one is open.
    async fn commit(&self, session: &mut Session, deadline: Instant) -> Result<(), QueryError> {
        let view = self.watch.view().map_err(QueryError::NotReady)?;
        let Some(open) = session.transaction.take() else { return Ok(()) };
        match self.coordinator.commit(open.transaction.into_inner(), view.topology, deadline).await {
            Ok(()) => Ok(()),
            Err(QueryError::ConnectionBroke { shard, cause }) => {
                Err(QueryError::TransactionLost(format!("the connection to {shard} broke ({cause})")))
            }
            Err(QueryError::GivenUp(shard)) => {
                Err(QueryError::TransactionLost(format!("it was given up before {shard} had decided it")))
            }
            Err(error @ QueryError::OutcomeUnknown { .. }) => Err(error),
            Err(error) => {
                // A second COMMIT must not look like the success of this one.
                session.ended = Some(Ended { why: error.to_string(), heard: Heard::Failure });
                Err(error)
            }
        }
    }

    async fn roll_back(&self, session: &mut Session) {
        if let Some(open) = session.transaction.take() {
            self.coordinator.roll_back(open.transaction.into_inner()).await;
        }
    }

    /// What a transaction has read and locked belongs to the owners that it found.
    fn same_owners(&self, open: &mut Open) -> Result<(), String> {
        let Some(now) = self.topology() else { return Ok(()) };
        let then = open.topology.get_or_insert_with(|| now.clone());
        match then.has_same_owners(&now) {
            true => Ok(()),
            false => Err("rows moved to another shard meanwhile".to_owned()),
        }
    }

    /// Whether an INSERT leaves an AUTO_INCREMENT column to be filled: only then LAST_INSERT_ID() changes.
    fn draws_ids(&self, statement: &Statement) -> bool {
        let (Statement::Insert(insert), Ok(view)) = (statement, self.watch.view()) else { return false };
        let planner = crate::plan::Planner::new(&view.topology, &view.schema, jiff::Timestamp::now());
        planner.ids_of(insert).is_some_and(|wanted| wanted.is_any_drawn())
    }

    fn read_only(&self) -> QueryError {
        let message = "Cannot execute statement in a READ ONLY transaction".to_owned();
        self.own_answer(1792, "25006", message)
    }

    fn no_savepoint(&self, name: &str) -> QueryError {
        self.own_answer(1305, "42000", format!("SAVEPOINT {} does not exist", name.trim_matches('`')))
    }

    /// An error as a server would give it.
    fn own_answer(&self, errno: u16, sqlstate: &str, message: String) -> QueryError {
        match self.topology() {
            Some(topology) => {
                let shard = topology.home().id.clone();
                QueryError::Database { shard, errno, sqlstate: sqlstate.to_owned(), message }
            }
            None => Unsupported::new(message).into(),
        }
    }
}

impl Session {
    /// Whether it has to remember what takes a place.
    fn takes_room(&self) -> bool {
        self.transaction.is_some() || !self.autocommit || !self.variables.is_empty()
    }

    /// Whether it may go to make room: it holds no transaction, and its next statement would not be half of one.
    fn is_droppable(&self) -> bool {
        self.transaction.is_none() && self.autocommit && self.ended.is_none()
    }

    /// Refuses what counts on values that were dropped: NULL and 0 would be wrong answers.
    fn check_dropped(&self, sql: &Sql) -> Result<(), QueryError> {
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
    fn last_words(&mut self, had_transaction: bool, idle_timeout: Duration) -> Option<Ended> {
        let seconds = idle_timeout.as_secs_f64();
        let why = match (had_transaction, self.autocommit) {
            (true, _) => format!("its session was idle for {seconds} s"),
            // Its next statement counts on a ROLLBACK that undoes it.
            (false, false) => format!("its session was idle for {seconds} s, and autocommit is on again"),
            (false, true) => return self.ended.take(),
        };
        Some(Ended { why, heard: Heard::Nothing })
    }

    fn shards(&mut self) -> Vec<keyspace::topology::ShardId> {
        let open = self.transaction.as_mut();
        open.map(|open| open.transaction.get_mut().shards().cloned().collect()).unwrap_or_default()
    }
}
