//! DDL over several shards: one change at a time, journalled on the home shard, finished by whoever finds it half done.
//!
//! A server commits DDL by itself, so that several cannot do it at one moment. What can be known beforehand is looked at
//! beforehand: that every shard answers and that the tables are the same everywhere. The home shard goes first, and
//! what it refuses is done nowhere. Whether a shard did its part before a crash is told by how its tables looked before.
//!
//! Everything has a deadline, and whoever waits for a shard that stands still holds nothing that anybody else needs but
//! the right to change the schema.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::own::definitions::{Change, FORGET, LOCK, SHARD_LOCK};
use keyspace::schema::auto_increment::without_auto_increment;
use keyspace::schema::{load, quote};
use keyspace::topology::{Shard, ShardId, Topology};

use crate::error::QueryError;
use crate::plan::{DefineNode, Refusal};
use crate::shards::client::{Connection, failure};
use crate::shards::{Ending, LAST_WORDS, Lease, Shards, answered};
use crate::transaction::Coordinator;

/// How long a change waits for another one to end.
const MOST_WAITED: Duration = Duration::from_secs(10);
/// Between two attempts to get a lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(50);
/// What a server may take to say whether a lock is free, also for whoever does not wait for it.
const LEAST_WAITED: Duration = Duration::from_millis(500);
/// What a client waits for its answer behind its statement's time: [`LAST_WORDS`], and a word with the home shard.
const GRACE: Duration = Duration::from_secs(6);
/// How many times a statement's time a change may take that is resumed: others did their part within one.
const RESUMED_TIMEOUTS: u32 = 4;

/// What a server says to a statement that it has carried out before: the table is there, or not; so is the column or index.
const SAYS_DONE: [u16; 6] = [
    er::TABLE_EXISTS,
    er::BAD_TABLE,
    er::NO_SUCH_TABLE,
    er::DUP_FIELDNAME,
    er::DUP_KEYNAME,
    er::CANT_DROP_FIELD_OR_KEY,
];
/// A table is in use by a transaction, or a deadlock: the same statement may succeed later.
const SAYS_LATER: [u16; 2] = [er::LOCK_WAIT_TIMEOUT, er::LOCK_DEADLOCK];

/// What a statement that changes the schema may take.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    pub deadline: Instant,
    pub timeout: Duration,
}

impl Time {
    fn of(timeout: Duration) -> Time {
        Time { deadline: Instant::now() + timeout, timeout }
    }

    fn is_over(self) -> QueryError {
        QueryError::Timeout { milliseconds: self.timeout.as_millis() }
    }
}

/// Whether a statement may have run on a shard already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// How a change ends on one shard.
enum Step {
    Done,
    /// The shard has said what is wrong with it.
    Refused(QueryError),
    /// It is as it was, and may succeed later.
    NotNow(QueryError),
    /// Nobody knows: the shard does not answer.
    Unknown(String),
}

/// Why a change did not reach every shard.
enum Halt {
    Refused(QueryError),
    NotNow(ShardId, QueryError),
    Unknown(ShardId, String),
}

impl Coordinator {
    /// Changes the schema on every shard. Goes on if the caller is dropped.
    ///
    /// At the deadline the statement that runs is ended on its shard. What no shard has done then is not done at all; the
    /// rest is taken back where that is possible, and else stays in the journal, from which a router brings it to its end.
    pub async fn define(
        self: &Arc<Self>,
        node: &DefineNode,
        topology: Arc<Topology>,
        time: Time,
    ) -> Result<(), QueryError> {
        let change = Change {
            sql: node.sql.clone(),
            shards: node.shards.clone(),
            newcomers: node.newcomers.clone(),
            done: Vec::new(),
            before: BTreeMap::new(),
            tables: node.tables.clone(),
            stopped: None,
        };
        let until = time.deadline.min(Instant::now() + MOST_WAITED);
        // Of those in one router one asks the home shard: the others would hold connections while they wait.
        let turn = tokio::time::timeout_at(until.into(), self.turn_to_define.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| QueryError::OtherChange)?;
        let (coordinator, home) = (self.clone(), topology.home().id.clone());
        let (inverse, new_names) = (node.inverse.clone(), node.new_names.clone());
        let task = tokio::spawn(async move {
            let _turn = turn;
            let definitions = Definitions { shards: &coordinator.shards, topology: &topology };
            definitions.define(change, inverse, &new_names, until, time).await
        });
        match tokio::time::timeout_at((time.deadline + GRACE).into(), task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(QueryError::Internal(format!("a change broke off: {error}"))),
            Err(_) => {
                let cause = "the change has no end in the statement's time".to_owned();
                Err(QueryError::OutcomeUnknown { shard: home, cause })
            }
        }
    }
}

/// What changing the schema takes.
struct Definitions<'a> {
    shards: &'a Shards,
    topology: &'a Topology,
}

impl Definitions<'_> {
    async fn define(
        &self,
        mut change: Change,
        inverse: Option<String>,
        new_names: &[String],
        until: Instant,
        time: Time,
    ) -> Result<(), QueryError> {
        let mut home = self.lock(until).await?.ok_or(QueryError::OtherChange)?;
        let mut again = Again::No;
        match self.journalled(&mut home).await? {
            Some(found) if found.stopped.is_some() && found.sql == change.sql => {
                again = Again::Yes;
                change = Change { stopped: None, ..found };
            }
            // A change that its router left half done comes first; one that stopped gives way.
            Some(found) if found.stopped.is_none() => {
                self.finish(found, &mut home, time).await.map_err(|_| QueryError::OtherChange)?;
            }
            _ => {}
        }
        if let Some(twin) = self.twin(new_names, &mut home).await? {
            self.unlock(home).await;
            return Err(twin.into());
        }
        if change.before.is_empty() {
            self.look_at_tables(&mut change, time).await?;
        }
        self.write_journal(&change, &mut home).await?;
        let outcome = match self.carry_out(&mut change, again, &mut home, time).await {
            Ok(()) => Ok(()),
            Err(halt) => Err(self.after_halt(halt, &mut change, inverse.as_deref(), time).await?),
        };
        let is_at_end = outcome.is_ok() || change.done.is_empty();
        let noted = match is_at_end {
            true => self.clear_journal(&mut home).await,
            false => self.write_journal(&change, &mut home).await,
        };
        match noted {
            Ok(()) => {
                self.unlock(home).await;
                outcome
            }
            // Whoever resumes it finds out what is done, and does the rest.
            Err(error) => outcome.map_err(|_| QueryError::OutcomeUnknown {
                shard: self.topology.home().id.clone(),
                cause: error.to_string(),
            }),
        }
    }

    /// Takes back what shards did of a change that does not come to its end, as far as that can be; gives what the client is
    /// told. An error is what leaves the journal as it is.
    async fn after_halt(
        &self,
        halt: Halt,
        change: &mut Change,
        inverse: Option<&str>,
        time: Time,
    ) -> Result<QueryError, QueryError> {
        match halt {
            Halt::Refused(error) => {
                if let Some(inverse) = inverse {
                    self.take_back(change, inverse).await?;
                }
                Ok(error)
            }
            Halt::NotNow(_, error) if change.done.is_empty() => Ok(error),
            Halt::NotNow(shard, _) => {
                let done = change.done.clone();
                let is_taken_back = match inverse {
                    Some(inverse) => self.take_back(change, inverse).await.is_ok(),
                    None => false,
                };
                if is_taken_back {
                    return Ok(time.is_over());
                }
                change.done = done.clone();
                Ok(QueryError::ChangeUnfinished { shard, done, milliseconds: time.timeout.as_millis() })
            }
            // The journal has what is known.
            Halt::Unknown(shard, cause) => Err(QueryError::OutcomeUnknown { shard, cause }),
        }
    }

    /// The right to change the schema, and the connection that holds it; `None` if somebody else has it until then.
    async fn lock(&self, until: Instant) -> Result<Option<Lease>, QueryError> {
        let home = self.topology.home();
        let mut lease = self.shards.lease(home, until.max(Instant::now() + LEAST_WAITED)).await?;
        match takes_lock(&home.id, &mut lease, LOCK, until).await? {
            true => Ok(Some(lease)),
            false => {
                lease.done();
                Ok(None)
            }
        }
    }

    /// A table whose name one of the new ones equals but for the case: it may be newer than the schema in memory.
    async fn twin(&self, new_names: &[String], home: &mut Lease) -> Result<Option<Refusal>, QueryError> {
        let shard = &self.topology.home().id;
        for name in new_names {
            let twin = async {
                let twin = load::twin_of(home.begin().for_keyspace(), name).await;
                twin.map_err(|error| failure(shard, error))
            };
            if let Some(twin) = answered(shard, twin).await? {
                return Ok(Some(Refusal::twin(name, &twin)));
            }
        }
        Ok(None)
    }

    /// The lock ends with the connection if that fails.
    async fn unlock(&self, mut home: Lease) {
        if answered(&self.topology.home().id, home.run(&format!("DO RELEASE_LOCK('{LOCK}')"))).await.is_ok() {
            home.done();
        }
    }

    async fn journalled(&self, home: &mut Lease) -> Result<Option<Change>, QueryError> {
        let shard = &self.topology.home().id;
        let read =
            async { own::definitions::read(home.begin().for_keyspace()).await.map_err(|error| failure(shard, error)) };
        answered(shard, read).await
    }

    async fn write_journal(&self, change: &Change, home: &mut Lease) -> Result<(), QueryError> {
        let write = own::definitions::write(change).map_err(|error| QueryError::Internal(error.to_string()))?;
        answered(&self.topology.home().id, home.run(&write)).await
    }

    async fn clear_journal(&self, home: &mut Lease) -> Result<(), QueryError> {
        answered(&self.topology.home().id, home.run(FORGET)).await
    }

    /// Every shard answers, and has the tables as the home shard has them.
    async fn look_at_tables(&self, change: &mut Change, time: Time) -> Result<(), QueryError> {
        let shards = change.shards.iter().filter_map(|shard| self.topology.shard(shard));
        let looks = shards.map(|shard| self.look_at(shard, &change.tables, time));
        let mut definitions: Option<Vec<String>> = None;
        for (shard, (found, marks)) in try_join_all(looks).await? {
            let is_newcomer = change.newcomers.contains(&shard);
            change.before.insert(shard.clone(), marks);
            match &definitions {
                _ if is_newcomer => {}
                None => definitions = Some(found),
                Some(first) if *first == found => {}
                Some(_) => {
                    return Err(QueryError::TablesDiffer { shard, tables: change.tables.join(", ") });
                }
            }
        }
        Ok(())
    }

    async fn look_at(
        &self,
        shard: &Shard,
        tables: &[String],
        time: Time,
    ) -> Result<(ShardId, (Vec<String>, String)), QueryError> {
        let unavailable = |cause: String| QueryError::ShardUnavailable { shard: shard.id.clone(), cause };
        let mut lease = self.shards.lease(shard, time.deadline).await?;
        let looks = async {
            own::topology::look(lease.begin().for_keyspace()).await.map_err(|error| unavailable(error.to_string()))?;
            looks_of(lease.begin(), tables).await.map_err(|error| match error {
                QueryError::ConnectionBroke { cause, .. } => unavailable(cause),
                answered => answered,
            })
        };
        let looks = tokio::time::timeout_at(time.deadline.into(), looks).await;
        let too_late = || Err(unavailable("it did not show its tables in the statement's time".to_owned()));
        let looks = looks.unwrap_or_else(|_| too_late());
        // A server that answered, also with an error, waits for the next statement.
        if matches!(looks, Ok(_) | Err(QueryError::Database { .. })) {
            lease.done();
        }
        Ok((shard.id.clone(), looks?))
    }

    /// Runs the statement where it did not run yet.
    async fn carry_out(&self, change: &mut Change, again: Again, home: &mut Lease, time: Time) -> Result<(), Halt> {
        let home_shard = &self.topology.home().id;
        for shard in change.shards.clone() {
            if change.done.contains(&shard) {
                continue;
            }
            let Some(known) = self.topology.shard(&shard) else { continue };
            match self.change_shard(known, change, again, time).await {
                Step::Done => {}
                Step::Refused(error) if change.newcomers.contains(&shard) => {
                    tracing::warn!(%shard, %error, "a shard without rows was not changed");
                }
                Step::Refused(QueryError::Database { shard, errno, sqlstate, message }) if !change.done.is_empty() => {
                    let done: Vec<&str> = change.done.iter().map(ShardId::as_str).collect();
                    let message = format!("{message} (on {shard}; done on {})", done.join(", "));
                    change.stopped = Some(message.clone());
                    return Err(Halt::Refused(QueryError::Database { shard, errno, sqlstate, message }));
                }
                Step::Refused(error) => return Err(Halt::Refused(error)),
                Step::NotNow(error) => return Err(Halt::NotNow(shard, error)),
                Step::Unknown(cause) => return Err(Halt::Unknown(shard, cause)),
            }
            change.done.push(shard);
            let written = self.write_journal(change, home).await;
            written.map_err(|error| Halt::Unknown(home_shard.clone(), error.to_string()))?;
        }
        // ALTER TABLE … AUTO_INCREMENT = n makes the next id larger.
        for table in &change.tables {
            let follow = async {
                let followed = own::sequences::follow(home.begin().for_keyspace(), table).await;
                followed.map_err(|error| failure(home_shard, error))
            };
            let followed = answered(home_shard, follow).await;
            followed.map_err(|error| Halt::Unknown(home_shard.clone(), error.to_string()))?;
        }
        Ok(())
    }

    /// Runs the statement on one shard, unless that has done it already, and tells routers of it.
    async fn change_shard(&self, shard: &Shard, change: &Change, again: Again, time: Time) -> Step {
        let mut lease = match self.turn_on(shard, again, time).await {
            Ok(lease) => lease,
            Err(error) => return Step::NotNow(error),
        };
        // It looks otherwise than before: it was changed, and nobody heard of it.
        let is_changed = match again {
            Again::Yes if !change.tables.is_empty() => {
                match self.looks_changed(shard, change, &mut lease, time).await {
                    Ok(is_changed) => is_changed,
                    Err(error) => return Step::NotNow(error),
                }
            }
            Again::Yes | Again::No => false,
        };
        if !is_changed {
            let killer = lease.killer();
            let ending = killer.see_out(time.deadline, lease.run(&change.sql).boxed()).await;
            match ending {
                Ending::InTime(Ok(())) => {}
                Ending::InTime(Err(QueryError::Database { errno, .. }))
                    if again == Again::Yes && SAYS_DONE.contains(&errno) => {}
                Ending::InTime(Err(QueryError::Database { errno, .. }))
                    if again == Again::Yes && SAYS_LATER.contains(&errno) =>
                {
                    return Step::NotNow(QueryError::OtherChange);
                }
                Ending::InTime(Err(error @ QueryError::Database { .. })) => {
                    give_back(shard, lease).await;
                    return Step::Refused(error);
                }
                Ending::Told(Err(QueryError::Database { .. })) => return self.as_before(shard, change, time).await,
                Ending::Told(Ok(())) => match self.shards.lease(shard, Instant::now() + LAST_WORDS).await {
                    Ok(another) => lease = another,
                    Err(error) => return Step::Unknown(error.to_string()),
                },
                Ending::InTime(Err(error)) | Ending::Told(Err(error)) => return Step::Unknown(error.to_string()),
                Ending::Silent => return Step::Unknown("no answer after the statement was ended".to_owned()),
            }
        }
        match bump(shard, &mut lease).await {
            Ok(()) => {
                give_back(shard, lease).await;
                Step::Done
            }
            Err(error) => Step::Unknown(error.to_string()),
        }
    }

    /// A connection to a shard, once no earlier statement of a change runs there.
    async fn turn_on(&self, shard: &Shard, again: Again, time: Time) -> Result<Lease, QueryError> {
        let mut lease = self.shards.lease(shard, time.deadline).await?;
        // CREATE TABLE … SELECT may call stored functions, which leave what they like.
        lease.stain();
        if !takes_lock(&shard.id, &mut lease, SHARD_LOCK, time.deadline).await? {
            lease.done();
            return Err(QueryError::OtherChange);
        }
        if again == Again::Yes {
            // Whoever wants a table waits behind a statement that waits for it, and this one comes again by itself.
            answered(&shard.id, lease.run("SET SESSION lock_wait_timeout = 1")).await?;
        }
        Ok(lease)
    }

    async fn looks_changed(
        &self,
        shard: &Shard,
        change: &Change,
        lease: &mut Lease,
        time: Time,
    ) -> Result<bool, QueryError> {
        let looks = looks_of(lease.begin(), &change.tables);
        let looks = tokio::time::timeout_at(time.deadline.into(), looks).await;
        let (_, marks) = looks.unwrap_or_else(|_| Err(time.is_over()))?;
        Ok(change.before.get(&shard.id).is_some_and(|before| *before != marks))
    }

    /// What became of a statement that the server ended.
    async fn as_before(&self, shard: &Shard, change: &Change, time: Time) -> Step {
        let soon = Time { deadline: Instant::now() + LAST_WORDS, ..time };
        match self.look_at(shard, &change.tables, soon).await {
            Ok((_, (_, marks))) if change.before.get(&shard.id).is_none_or(|before| *before == marks) => {
                Step::NotNow(time.is_over())
            }
            Ok(_) => Step::Unknown("its tables are not as before, although the statement was ended".to_owned()),
            Err(error) => Step::Unknown(error.to_string()),
        }
    }

    /// Undoes on the shards that did what another one refused.
    async fn take_back(&self, change: &mut Change, inverse: &str) -> Result<(), QueryError> {
        for shard in std::mem::take(&mut change.done) {
            let Some(known) = self.topology.shard(&shard) else { continue };
            let deadline = Instant::now() + LAST_WORDS;
            let mut lease = self.shards.lease(known, deadline).await?;
            let killer = lease.killer();
            match killer.see_out(deadline, lease.run(inverse).boxed()).await {
                Ending::InTime(undone) => undone?,
                Ending::Told(_) | Ending::Silent => {
                    return Err(QueryError::OutcomeUnknown {
                        shard,
                        cause: "taking a change back took too long".to_owned(),
                    });
                }
            }
            bump(known, &mut lease).await?;
            lease.done();
        }
        Ok(())
    }

    /// Brings a change to its end that was left half done.
    async fn finish(&self, mut change: Change, home: &mut Lease, time: Time) -> Result<(), QueryError> {
        let nothing_done = change.done.is_empty();
        match self.carry_out(&mut change, Again::Yes, home, time).await {
            Ok(()) => self.clear_journal(home).await,
            // The statement was wrong, and the first shard would have said so.
            Err(Halt::Refused(_)) if nothing_done && change.done.is_empty() => self.clear_journal(home).await,
            Err(Halt::Refused(error)) => {
                change.stopped.get_or_insert(error.to_string());
                self.write_journal(&change, home).await
            }
            Err(Halt::NotNow(_, error)) => Err(error),
            Err(Halt::Unknown(shard, cause)) => Err(QueryError::OutcomeUnknown { shard, cause }),
        }
    }
}

/// Whether a lock was to be had until then; it belongs to the lease's session. A server that waited for it by itself could
/// not be told from one that does not answer.
async fn takes_lock(shard: &ShardId, lease: &mut Lease, name: &str, until: Instant) -> Result<bool, QueryError> {
    loop {
        let ask = lease.begin().fetch_first(format!("SELECT GET_LOCK('{name}', 0)"));
        let row = tokio::time::timeout_at(until.max(Instant::now() + LEAST_WAITED).into(), ask).await;
        let row = row.unwrap_or_else(|_| {
            let cause = "no answer in the statement's time".to_owned();
            Err(QueryError::ShardUnavailable { shard: shard.clone(), cause })
        })?;
        if row.is_some_and(|row| row.text(0) == Some("1")) {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(LOCK_INTERVAL).await;
    }
}

async fn bump(shard: &Shard, lease: &mut Lease) -> Result<(), QueryError> {
    let bump = async {
        let bumped = own::topology::bump_schema_version(lease.begin().for_keyspace()).await;
        bumped.map_err(|error| QueryError::Internal(error.to_string()))
    };
    answered(&shard.id, bump).await
}

/// Gives a connection back that had [`SHARD_LOCK`]; without an answer it is closed, and the lock ends with it.
async fn give_back(shard: &Shard, mut lease: Lease) {
    let reset = format!("DO RELEASE_LOCK('{SHARD_LOCK}'); SET SESSION lock_wait_timeout = DEFAULT");
    if answered(&shard.id, lease.run(&reset)).await.is_ok() {
        lease.done();
    }
}

/// Finishes what a router left half done; returns how many changes that were.
pub async fn resume(
    coordinator: &Coordinator,
    topology: &Topology,
    statement_timeout: Duration,
) -> Result<usize, QueryError> {
    let definitions = Definitions { shards: &coordinator.shards, topology };
    let mut lease = coordinator.shards.lease(topology.home(), Instant::now() + LAST_WORDS).await?;
    let found = definitions.journalled(&mut lease).await?;
    lease.done();
    drop(lease);
    if found.is_none_or(|change| change.stopped.is_some()) {
        return Ok(0);
    }
    // Held as long as the router lives that is at it.
    let Ok(_turn) = coordinator.turn_to_define.try_acquire() else { return Ok(0) };
    let Some(mut home) = definitions.lock(Instant::now()).await? else { return Ok(0) };
    let found = definitions.journalled(&mut home).await?.filter(|change| change.stopped.is_none());
    let resumed = usize::from(found.is_some());
    if let Some(change) = found {
        definitions.finish(change, &mut home, Time::of(statement_timeout * RESUMED_TIMEOUTS)).await?;
    }
    definitions.unlock(home).await;
    Ok(resumed)
}

/// The definitions of tables, and marks that change with each change of them.
async fn looks_of(connection: &mut Connection, tables: &[String]) -> Result<(Vec<String>, String), QueryError> {
    let mut definitions = Vec::new();
    let mut marks = String::new();
    for table in tables {
        let shown = connection.fetch_first(format!("SHOW CREATE TABLE {}", quote(table))).await;
        let definition = match shown {
            Ok(Some(row)) => without_auto_increment(row.needed_text(1)?),
            Ok(None) => String::new(),
            Err(QueryError::Database { errno: er::NO_SUCH_TABLE, .. }) => String::new(),
            Err(error) => return Err(error),
        };
        marks.push_str(&definition);
        definitions.push(definition);
    }
    Ok((definitions, format!("{:08x}", crc32fast::hash(marks.as_bytes()))))
}
