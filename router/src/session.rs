//! Sessions of clients: transactions, user variables and what the last statement did, under a name that the client
//! chooses.

mod ended;
mod leftovers;
pub mod table;

use std::time::{Duration, Instant};

use keyspace::mysql::er;
use tokio::sync::Mutex;

use crate::budget::Kind;
use crate::error::QueryError;
use crate::execute::{RowSink, Written};
use crate::metrics::Retry;
use crate::request::{Answer, Attempt, Parsed};
use crate::router::Router;
use crate::session::ended::{Heard, RolledBack};
use crate::session::table::{Open, Session};
use crate::shards::IDLE_BEFORE_PING;
use crate::sinks::{Counting, Scalar};
use crate::sql;
use crate::sql::meaning::command::{Command, Setting, command, with_session_values};
use crate::sql::meaning::statement::Statement;
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;

/// How many variables one session may set.
const MOST_VARIABLES: usize = 1_000;
/// How long the names and values of a session's variables may be together.
const MOST_VARIABLE_BYTES: usize = 1 << 20;

impl Router {
    /// Runs a statement in a session; one at a time.
    pub(crate) async fn run_in_session(
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
        let outcome = match self.check_alive(command.as_ref(), &mut session, idle).await {
            Ok(()) => match command {
                Some(command) => self.run_command(command, &mut session, attempt).await,
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
    async fn check_alive(
        &self,
        command: Option<&Command>,
        session: &mut Session,
        idle: Duration,
    ) -> Result<(), QueryError> {
        if let Some(open) = &mut session.transaction {
            let transaction = open.transaction.get_mut();
            // The scaler ends sessions that were idle since a switch. Without the question a statement on another shard
            // would still be done, and nobody could say what became of a COMMIT.
            if idle > IDLE_BEFORE_PING {
                transaction.ping().await;
            }
            if let Some(shard) = transaction.lost() {
                let why = format!("the connection to {shard} broke");
                session.ended = Some(RolledBack { why, heard: Heard::Nothing });
                self.roll_back(session).await;
            }
        }
        match session.ended.take() {
            Some(ended) if !ended.permits(command) => Err(QueryError::TransactionLost(ended.why)),
            Some(_) | None => Ok(()),
        }
    }

    async fn run_command(
        &self,
        command: Command,
        session: &mut Session,
        attempt: &Attempt<'_>,
    ) -> Result<Answer, QueryError> {
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
        let reading = Parsed::Full(Box::new((sql, statement)));
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
        mut reading: Parsed,
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
                Parsed::Full(full) if is_first => Some(full.0.text.clone()),
                Parsed::Full(_) | Parsed::Known(_) => None,
            };
            let in_transaction = Attempt { transaction: Some(&open.transaction), ..*attempt };
            let shard = match self.answer(reading, &in_transaction, sink).await {
                Err(QueryError::Moved(shard)) => shard,
                // With innodb_snapshot_isolation it is how a snapshot from before a switch meets the fence.
                Err(QueryError::Database { shard, errno: er::CHECKREAD, sqlstate, message }) => {
                    self.watch.look_at(&shard, attempt.deadline).await;
                    if self.same_owners(open).is_ok() {
                        return Err(QueryError::Database { shard, errno: er::CHECKREAD, sqlstate, message });
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
            reading = Parsed::of(&text, &[])?;
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
        session.ended = Some(RolledBack { why: error.to_string(), heard: Heard::Failure });
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
                session.ended = Some(RolledBack { why: error.to_string(), heard: Heard::Failure });
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
        self.own_answer(er::CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, "25006", message)
    }

    fn no_savepoint(&self, name: &str) -> QueryError {
        self.own_answer(er::SP_DOES_NOT_EXIST, "42000", format!("SAVEPOINT {} does not exist", name.trim_matches('`')))
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
