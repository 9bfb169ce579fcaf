//! DDL over several shards: one change at a time, journalled on the home shard, finished by whoever finds it half done.
//!
//! A server commits DDL by itself, so that several cannot do it at one moment. What can be known beforehand is looked at
//! beforehand: that every shard answers and that the tables are the same everywhere. The home shard goes first, and
//! what it refuses is done nowhere. Whether a shard did its part before a crash is told by how its tables looked before.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row as _};

use crate::error::QueryError;
use crate::plan::DefineNode;
use crate::schema::quote;
use crate::sequences;
use crate::session;
use crate::shards::{Lease, Shards};
use crate::sql::quote_text;
use crate::topology::{ShardId, Topology, store};
use crate::transaction::Coordinator;

pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.definitions (
    id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    doc LONGTEXT NOT NULL
 ) ENGINE=InnoDB CHARACTER SET utf8mb4";

/// Held on the home shard by the session of whoever changes the schema.
const LOCK: &str = "_autoscaler.definitions";
/// How long a change waits for another one to end.
const WAIT_SECONDS: u32 = 10;

/// What a server says to a statement that it has carried out before: the table is there, or not; so is the column or index.
const SAYS_DONE: [u16; 6] = [1050, 1051, 1146, 1060, 1061, 1091];

/// Whether a statement may have run on a shard already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// A change on its way, as the journal has it. There is one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub sql: String,
    /// In the order in which they are changed.
    shards: Vec<ShardId>,
    newcomers: Vec<ShardId>,
    done: Vec<ShardId>,
    /// How the tables looked on each shard before.
    before: BTreeMap<ShardId, String>,
    tables: Vec<String>,
    /// A shard refused what others had done: the same statement, sent again, goes on where it stopped.
    pub stopped: Option<String>,
}

impl Coordinator {
    /// Changes the schema on every shard. Goes on if the caller is dropped.
    pub async fn define(self: &Arc<Self>, node: &DefineNode, topology: Arc<Topology>) -> Result<(), QueryError> {
        let change = Change {
            sql: node.sql.clone(),
            shards: node.shards.clone(),
            newcomers: node.newcomers.clone(),
            done: Vec::new(),
            before: BTreeMap::new(),
            tables: node.tables.clone(),
            stopped: None,
        };
        let (coordinator, inverse) = (self.clone(), node.inverse.clone());
        let task = tokio::spawn(async move {
            Definitions { shards: &coordinator.shards, topology: &topology }.define(change, inverse).await
        });
        task.await.unwrap_or_else(|error| Err(QueryError::Internal(format!("a change broke off: {error}"))))
    }
}

/// What changing the schema takes.
struct Definitions<'a> {
    shards: &'a Shards,
    topology: &'a Topology,
}

impl Definitions<'_> {
    async fn define(&self, mut change: Change, inverse: Option<String>) -> Result<(), QueryError> {
        let mut home = self.lock(WAIT_SECONDS).await?.ok_or(QueryError::SchemaChanging)?;
        let mut again = Again::No;
        match self.journalled(&mut home).await? {
            Some(found) if found.stopped.is_some() && found.sql == change.sql => {
                again = Again::Yes;
                change = Change { stopped: None, ..found };
            }
            // A change that its router left half done comes first; one that stopped gives way.
            Some(found) if found.stopped.is_none() => self.finish(found, &mut home).await?,
            _ => {}
        }
        if change.before.is_empty() {
            self.look_at_tables(&mut change).await?;
        }
        self.write_journal(&change, &mut home).await?;
        let outcome = self.carry_out(&mut change, again, &mut home).await;
        if let (Err(QueryError::Database { .. }), Some(inverse)) = (&outcome, inverse) {
            self.take_back(&mut change, &inverse).await?;
        }
        let is_at_end = outcome.is_ok() || change.done.is_empty();
        match is_at_end {
            true => self.clear_journal(&mut home).await?,
            false => self.write_journal(&change, &mut home).await?,
        }
        self.unlock(home).await?;
        outcome
    }

    /// The right to change the schema, and the connection that holds it; `None` if somebody else has it.
    async fn lock(&self, wait_seconds: u32) -> Result<Option<Lease>, QueryError> {
        let home = self.topology.home();
        let mut lease = self.shards.lease(home).await?;
        let lock = format!("SELECT GET_LOCK('{LOCK}', {wait_seconds})");
        let row = lease.begin().fetch_one(sqlx::raw_sql(AssertSqlSafe(lock))).await;
        let row = row.map_err(|error| QueryError::of_shard(&home.id, error))?;
        match row.try_get_unchecked::<Option<i64>, _>(0) {
            Ok(Some(1)) => Ok(Some(lease)),
            _ => {
                lease.done();
                Ok(None)
            }
        }
    }

    async fn unlock(&self, mut home: Lease) -> Result<(), QueryError> {
        home.run(&format!("DO RELEASE_LOCK('{LOCK}')")).await?;
        home.done();
        Ok(())
    }

    async fn journalled(&self, home: &mut Lease) -> Result<Option<Change>, QueryError> {
        read_journal(home.begin()).await.map_err(|error| QueryError::of_shard(&self.topology.home().id, error))
    }

    async fn write_journal(&self, change: &Change, home: &mut Lease) -> Result<(), QueryError> {
        let doc = serde_json::to_string(change).map_err(|error| QueryError::Internal(error.to_string()))?;
        let write = format!("REPLACE INTO _autoscaler.definitions (id, doc) VALUES (1, {})", quote_text(&doc));
        home.run(&write).await
    }

    async fn clear_journal(&self, home: &mut Lease) -> Result<(), QueryError> {
        home.run("DELETE FROM _autoscaler.definitions").await
    }

    /// Every shard answers, and has the tables as the home shard has them.
    async fn look_at_tables(&self, change: &mut Change) -> Result<(), QueryError> {
        let mut definitions: Option<Vec<String>> = None;
        for shard in &change.shards {
            let Some(known) = self.topology.shard(shard) else { continue };
            let mut lease = self.shards.lease(known).await?;
            let unavailable = |cause: String| QueryError::ShardUnavailable { shard: shard.clone(), cause };
            store::look(lease.begin()).await.map_err(|error| unavailable(error.to_string()))?;
            let looks = looks_of(lease.begin(), &change.tables).await.map_err(|error| {
                match QueryError::of_shard(shard, error) {
                    QueryError::ConnectionBroke { cause, .. } => unavailable(cause),
                    answered => answered,
                }
            });
            // A server that answered, also with an error, waits for the next statement.
            if matches!(looks, Ok(_) | Err(QueryError::Database { .. })) {
                lease.done();
            }
            let (found, marks) = looks?;
            change.before.insert(shard.clone(), marks);
            if change.newcomers.contains(shard) {
                continue;
            }
            match &definitions {
                None => definitions = Some(found),
                Some(first) if *first == found => {}
                Some(_) => {
                    return Err(QueryError::TablesDiffer { shard: shard.clone(), tables: change.tables.join(", ") });
                }
            }
        }
        Ok(())
    }

    /// Runs the statement where it did not run yet.
    async fn carry_out(&self, change: &mut Change, again: Again, home: &mut Lease) -> Result<(), QueryError> {
        for shard in change.shards.clone() {
            if change.done.contains(&shard) {
                continue;
            }
            let Some(known) = self.topology.shard(&shard) else { continue };
            let mut lease = self.shards.lease(known).await?;
            let outcome = lease.run(&change.sql).await;
            match outcome {
                Ok(()) => {}
                Err(QueryError::Database { errno, .. }) if again == Again::Yes && SAYS_DONE.contains(&errno) => {}
                Err(error @ QueryError::Database { .. }) if change.newcomers.contains(&shard) => {
                    tracing::warn!(%shard, %error, "a shard without rows was not changed");
                }
                Err(QueryError::Database { shard, errno, sqlstate, message }) => {
                    lease.done();
                    if change.done.is_empty() {
                        return Err(QueryError::Database { shard, errno, sqlstate, message });
                    }
                    let done: Vec<&str> = change.done.iter().map(ShardId::as_str).collect();
                    let message = format!("{message} (on {shard}; done on {})", done.join(", "));
                    change.stopped = Some(message.clone());
                    return Err(QueryError::Database { shard, errno, sqlstate, message });
                }
                Err(error) => {
                    return Err(QueryError::OutcomeUnknown { shard: shard.clone(), cause: error.to_string() });
                }
            }
            let bumped = store::bump_schema_version(lease.begin()).await;
            bumped.map_err(|error| QueryError::Internal(error.to_string()))?;
            lease.done();
            change.done.push(shard);
            self.write_journal(change, home).await?;
        }
        // ALTER TABLE … AUTO_INCREMENT = n makes the next id larger.
        for table in &change.tables {
            sequences::follow(home.begin(), table)
                .await
                .map_err(|error| QueryError::of_shard(&self.topology.home().id, error))?;
        }
        Ok(())
    }

    /// Undoes on the shards that did what another one refused.
    async fn take_back(&self, change: &mut Change, inverse: &str) -> Result<(), QueryError> {
        for shard in std::mem::take(&mut change.done) {
            let Some(known) = self.topology.shard(&shard) else { continue };
            let mut lease = self.shards.lease(known).await?;
            lease.run(inverse).await?;
            let bumped = store::bump_schema_version(lease.begin()).await;
            bumped.map_err(|error| QueryError::Internal(error.to_string()))?;
            lease.done();
        }
        Ok(())
    }

    /// Brings a change to its end that was left half done.
    async fn finish(&self, mut change: Change, home: &mut Lease) -> Result<(), QueryError> {
        for shard in change.shards.clone() {
            if change.done.contains(&shard) {
                continue;
            }
            let Some(known) = self.topology.shard(&shard) else { continue };
            let mut lease = self.shards.lease(known).await?;
            let looks = looks_of(lease.begin(), &change.tables).await;
            let (_, marks) = looks.map_err(|error| QueryError::of_shard(&shard, error))?;
            lease.done();
            // It looks otherwise than before: it was changed, and nobody heard of it.
            if !change.tables.is_empty() && change.before.get(&shard).is_some_and(|before| *before != marks) {
                change.done.push(shard);
            }
        }
        let nothing_done = change.done.is_empty();
        match self.carry_out(&mut change, Again::Yes, home).await {
            Ok(()) => self.clear_journal(home).await,
            // The statement was wrong, and the first shard would have said so.
            Err(QueryError::Database { .. }) if nothing_done && change.done.is_empty() => {
                self.clear_journal(home).await
            }
            Err(QueryError::Database { message, .. }) => {
                change.stopped.get_or_insert(message);
                self.write_journal(&change, home).await
            }
            Err(error) => Err(error),
        }
    }
}

/// Finishes what a router left half done; returns how many changes that were.
pub async fn resume(coordinator: &Coordinator, topology: &Topology) -> Result<usize, QueryError> {
    let definitions = Definitions { shards: &coordinator.shards, topology };
    let mut lease = coordinator.shards.lease(topology.home()).await?;
    let found = definitions.journalled(&mut lease).await?;
    lease.done();
    drop(lease);
    if found.is_none_or(|change| change.stopped.is_some()) {
        return Ok(0);
    }
    // Held as long as the router lives that is at it.
    let Some(mut home) = definitions.lock(0).await? else { return Ok(0) };
    let found = definitions.journalled(&mut home).await?.filter(|change| change.stopped.is_none());
    let resumed = usize::from(found.is_some());
    if let Some(change) = found {
        definitions.finish(change, &mut home).await?;
    }
    definitions.unlock(home).await?;
    Ok(resumed)
}

/// The change that a home shard's journal holds.
pub async fn read_journal(connection: &mut MySqlConnection) -> Result<Option<Change>, sqlx::Error> {
    let row = connection.fetch_optional(sqlx::raw_sql("SELECT doc FROM _autoscaler.definitions LIMIT 1")).await;
    let row = match row {
        Err(error) if matches!(session::errno(&error), Some(1146 | 1049)) => return Ok(None),
        row => row?,
    };
    let Some(row) = row else { return Ok(None) };
    let doc: String = row.try_get_unchecked(0)?;
    serde_json::from_str(&doc).map(Some).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The definitions of tables, and marks that change with each change of them.
async fn looks_of(connection: &mut MySqlConnection, tables: &[String]) -> Result<(Vec<String>, String), sqlx::Error> {
    let mut definitions = Vec::new();
    let mut marks = String::new();
    for table in tables {
        let shown =
            connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(format!("SHOW CREATE TABLE {}", quote(table)))));
        let definition = match shown.await {
            Ok(Some(row)) => without_auto_increment(&row.try_get_unchecked::<String, _>(1)?),
            Ok(None) => String::new(),
            Err(error) if session::errno(&error) == Some(1146) => String::new(),
            Err(error) => return Err(error),
        };
        marks.push_str(&definition);
        definitions.push(definition);
    }
    Ok((definitions, format!("{:08x}", crc32fast::hash(marks.as_bytes()))))
}

/// A definition without its `AUTO_INCREMENT=n`, which differs from shard to shard.
pub fn without_auto_increment(definition: &str) -> String {
    // The option stands behind the closing parenthesis of the columns, the last line that starts with one.
    let options = definition.rfind("\n)").unwrap_or(0);
    let Some(start) = definition[options..].find(" AUTO_INCREMENT=").map(|found| options + found) else {
        return definition.to_owned();
    };
    let rest = &definition[start + " AUTO_INCREMENT=".len()..];
    format!("{}{}", &definition[..start], rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::without_auto_increment;

    #[test]
    fn only_the_table_option_is_left_out() {
        let table = "CREATE TABLE `t` (\n  `a` int DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=12 X";
        let expected = "CREATE TABLE `t` (\n  `a` int DEFAULT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB X";
        assert_eq!(without_auto_increment(table), expected);
        assert_eq!(without_auto_increment(expected), expected);
    }
}
