//! The change of the schema that is on its way, in `_autoscaler.definitions` of the home shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};

use super::schema::is_absent;
use crate::literal::quote_text;
use crate::topology::ShardId;

/// The lock that is held on the home shard by the session of whoever changes the schema.
pub const LOCK: &str = "_autoscaler.definitions";

/// The lock that is held on each shard by the session that changes it: whoever goes on with a change waits until the
/// statement of whoever began it is over, also if nobody waits for that one any more.
pub const SHARD_LOCK: &str = "_autoscaler.definition";

/// The statement that forgets the change.
pub const FORGET: &str = "DELETE FROM _autoscaler.definitions";

/// A change on its way, as the journal has it. There is one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub sql: String,
    /// In the order in which they are changed.
    pub shards: Vec<ShardId>,
    pub newcomers: Vec<ShardId>,
    pub done: Vec<ShardId>,
    /// How the tables looked on each shard before.
    pub before: BTreeMap<ShardId, String>,
    pub tables: Vec<String>,
    /// A shard refused what others had done: the same statement, sent again, goes on where it stopped.
    pub stopped: Option<String>,
}

/// The statement that journals a change in place of the one before.
///
/// # Errors
/// None that a change can have: its fields are text, lists and maps of text.
pub fn write(change: &Change) -> Result<String, serde_json::Error> {
    let doc = serde_json::to_string(change)?;
    Ok(format!("REPLACE INTO _autoscaler.definitions (id, doc) VALUES (1, {})", quote_text(&doc)))
}

/// The change that a home shard's journal holds.
pub async fn read(connection: &mut MySqlConnection) -> Result<Option<Change>, sqlx::Error> {
    let row = connection.fetch_optional(sqlx::raw_sql("SELECT doc FROM _autoscaler.definitions LIMIT 1")).await;
    let row = match row {
        Err(error) if is_absent(&error) => return Ok(None),
        row => row?,
    };
    let Some(row) = row else { return Ok(None) };
    let doc: String = row.try_get_unchecked(0)?;
    serde_json::from_str(&doc).map(Some).map_err(|error| sqlx::Error::Decode(error.into()))
}
