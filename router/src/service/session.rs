//! Sessions of clients: transactions, user variables and what the last statement did, under a name that the client
//! chooses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::literals::{Counting, Scalar};
use super::{Answer, Attempt, Reading, Router};
use crate::error::QueryError;
use crate::execute::{RowSink, Written};
use crate::sql::command::{Command, SessionValues, Setting, command, with_session_values};
use crate::sql::statement::{Statement, Unsupported};
use crate::sql::{self, Sql};
use crate::topology::Topology;
use crate::transaction::{Coordinator, Transaction};

/// Variables of one session.
const MOST_VARIABLES: usize = 1_000;

/// All sessions of a router.
pub(super) struct Sessions {
    sessions: StdMutex<HashMap<String, Arc<Mutex<Session>>>>,
    most: usize,
    idle_timeout: Duration,
}

struct Session {
    autocommit: bool,
    transaction: Option<Open>,
    /// By lower-cased name, as literals.
    variables: HashMap<String, String>,
    last_insert_id: u64,
    row_count: i64,
    found_rows: u64,
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
        Sessions { sessions: StdMutex::new(HashMap::new()), most, idle_timeout }
    }

    pub fn count(&self) -> usize {
        self.sessions.lock().expect("no holder of this lock panics").len()
    }

    fn get(&self, name: &str) -> Result<Arc<Mutex<Session>>, QueryError> {
        let mut sessions = self.sessions.lock().expect("no holder of this lock panics");
        if let Some(session) = sessions.get(name) {
            return Ok(session.clone());
        }
        if sessions.len() >= self.most {
            return Err(QueryError::Overloaded(format!("{} sessions are open (limits.max_sessions)", self.most)));
        }
        let session = Arc::new(Mutex::new(Session::default()));
        sessions.insert(name.to_owned(), session.clone());
        Ok(session)
    }

    /// Ends sessions that have not been used for long; their transactions are rolled back.
    pub async fn end_idle(&self, coordinator: &Coordinator) {
        let ended: Vec<Arc<Mutex<Session>>> = {
            let mut sessions = self.sessions.lock().expect("no holder of this lock panics");
            let is_idle = |session: &Arc<Mutex<Session>>| {
                session.try_lock().is_ok_and(|session| session.last_used.elapsed() > self.idle_timeout)
            };
            sessions.extract_if(|_, session| is_idle(session)).map(|(_, session)| session).collect()
        };
        for session in ended {
            if let Some(open) = session.lock().await.transaction.take() {
                tracing::info!("a session was idle for too long: its transaction is rolled back");
                coordinator.metrics.session_expired();
                coordinator.roll_back(open.transaction.into_inner()).await;
            }
        }
    }
}

impl Default for Session {
    fn default() -> Session {
        Session {
            autocommit: true,
            transaction: None,
            variables: HashMap::new(),
            last_insert_id: 0,
            row_count: 0,
            found_rows: 0,
            last_used: Instant::now(),
        }
    }
}

impl SessionValues for Session {
    fn variable(&self, name: &str) -> String {
        self.variables.get(name).cloned().unwrap_or_else(|| "NULL".to_owned())
    }

    fn last_insert_id(&self) -> u64 {
        self.last_insert_id
    }

    fn row_count(&self) -> i64 {
        self.row_count
    }

    fn found_rows(&self) -> u64 {
        self.found_rows
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
        let session = self.sessions.get(name)?;
        let turn = tokio::time::timeout_at(attempt.deadline.into(), session.lock()).await;
        let mut session = turn.map_err(|_| QueryError::SessionBusy)?;
        session.last_used = Instant::now();
        let sql = sql::read(&attempt.request.sql, &attempt.request.params)?;
        let outcome = match command(&sql)? {
            Some(command) => self.obey(command, &mut session, attempt).await,
            None => self.answer_in_session(sql, &mut session, attempt, sink).await,
        };
        session.last_used = Instant::now();
        if outcome.is_err() {
            session.row_count = -1;
        }
        outcome
    }

    async fn obey(&self, command: Command, session: &mut Session, attempt: &Attempt<'_>) -> Result<Answer, QueryError> {
        let mut answer = Answer { shards: Vec::new(), written: Some(Written::default()) };
        match command {
            Command::Begin { read_only } => {
                self.commit(session).await?;
                session.transaction = Some(self.open(read_only));
            }
            Command::Commit { chain } => {
                let read_only = session.transaction.as_ref().is_some_and(|open| open.read_only);
                answer.shards = session.shards();
                self.commit(session).await?;
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
                    open.transaction.get_mut().set_savepoint(&name).await?;
                }
            }
            Command::RollbackTo(name) => {
                let found = match &mut session.transaction {
                    Some(open) => open.transaction.get_mut().roll_back_to(&name).await?,
                    None => false,
                };
                found.then_some(()).ok_or_else(|| self.no_savepoint(&name))?;
            }
            Command::Release(name) => {
                let found = match &mut session.transaction {
                    Some(open) => open.transaction.get_mut().release_savepoint(&name).await?,
                    None => false,
                };
                found.then_some(()).ok_or_else(|| self.no_savepoint(&name))?;
            }
            Command::Set(settings) => {
                for setting in settings {
                    self.set(setting, session, attempt).await?;
                }
            }
        }
        session.row_count = 0;
        Ok(answer)
    }

    async fn set(&self, setting: Setting, session: &mut Session, attempt: &Attempt<'_>) -> Result<(), QueryError> {
        match setting {
            Setting::Nothing => {}
            Setting::Autocommit(on) => {
                if on && !session.autocommit {
                    self.commit(session).await?;
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
                session.variables.insert(name, scalar.finish());
            }
        }
        Ok(())
    }

    async fn answer_in_session(
        &self,
        sql: Sql,
        session: &mut Session,
        attempt: &Attempt<'_>,
        sink: &mut impl RowSink,
    ) -> Result<Answer, QueryError> {
        let sql = match with_session_values(&sql, session)? {
            Some(text) => sql::read(&text, &[])?,
            None => sql,
        };
        let statement = sql::analyse(&sql)?;
        let is_definition = matches!(statement, Statement::Define(_));
        let is_read = matches!(statement, Statement::Read(_) | Statement::Inspect);
        if is_definition {
            // As on a server, it ends the transaction.
            self.commit(session).await?;
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
                if let Err(why) = self.same_owners(open) {
                    self.roll_back(session).await;
                    return Err(QueryError::TransactionLost(why));
                }
                let attempt = Attempt { transaction: Some(&open.transaction), locks, ..*attempt };
                self.answer(reading, &attempt, &mut counting).await
            }
            _ => self.answer(reading, attempt, &mut counting).await,
        };
        let rows = counting.rows;
        match outcome {
            Ok(answer) => {
                match answer.written {
                    Some(written) => {
                        session.row_count = i64::try_from(written.rows_affected).unwrap_or(i64::MAX);
                        if let Some(id) = written.last_insert_id.filter(|_| draws) {
                            session.last_insert_id = id;
                        }
                    }
                    None => {
                        session.row_count = -1;
                        session.found_rows = rows;
                    }
                }
                Ok(answer)
            }
            Err(error) => Err(self.after_error(session, error).await),
        }
    }

    /// A server rolls back a transaction that it makes the victim of a deadlock; so do the others that take part.
    async fn after_error(&self, session: &mut Session, error: QueryError) -> QueryError {
        let Some(open) = &mut session.transaction else { return error };
        let is_lost = open.transaction.get_mut().lost().is_some();
        let error = match error {
            QueryError::Moved(shard) => QueryError::TransactionLost(format!("rows moved away from {shard}")),
            QueryError::ConnectionBroke { shard, cause } if is_lost => {
                QueryError::TransactionLost(format!("the connection to {shard} broke ({cause})"))
            }
            QueryError::Database { errno: 1213 | 1614 | 1613, .. } => error,
            error if is_lost => error,
            error => return error,
        };
        self.roll_back(session).await;
        error
    }

    fn open(&self, read_only: bool) -> Open {
        Open { transaction: Mutex::new(self.coordinator.begin()), read_only, topology: None }
    }

    /// Commits the session's transaction, if one is open.
    async fn commit(&self, session: &mut Session) -> Result<(), QueryError> {
        let Some(open) = session.transaction.take() else { return Ok(()) };
        let view = self.watch.view().map_err(QueryError::NotReady)?;
        self.coordinator.commit(open.transaction.into_inner(), view.topology).await
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
    fn shards(&mut self) -> Vec<crate::topology::ShardId> {
        let open = self.transaction.as_mut();
        open.map(|open| open.transaction.get_mut().shards().cloned().collect()).unwrap_or_default()
    }
}
