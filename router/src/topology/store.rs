//! The topology as each shard carries it, in `_autoscaler.topology`.
//!
//! One row: epoch, document, and a counter of schema changes that tells routers to read the schema again.
//! Only compare-and-set on the epoch ever writes the document.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use super::{Epoch, MOST_FENCES, MoveId, Topology};
use crate::session::errno;

/// The schema that holds everything of ours on a shard.
pub const OWN_SCHEMA: &str = "_autoscaler";

/// What one cheap look at a shard tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub epoch: Epoch,
    /// Rises with every schema change made through a router.
    pub schema_version: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("reading or writing the topology failed")]
    Database(#[from] sqlx::Error),
    #[error("the topology stored on the shard cannot be read")]
    Document(#[from] serde_json::Error),
}

const ER_BAD_DB: u16 = 1049;
const ER_NO_SUCH_TABLE: u16 = 1146;

/// The statement that [`look`] sends, for callers that send it with others.
pub const LOOK: &str = "SELECT epoch, schema_version FROM _autoscaler.topology WHERE id = 1";

/// Every table of [`create_schema`], and whether all fences are there.
const IS_COMPLETE: &str = "SELECT (SELECT COUNT(*) FROM _autoscaler.fence), topology.id, commits.xid, sequences.name, \
     definitions.id, moves.id, incoming_moves.id, move_positions.id FROM (SELECT 1) one \
     LEFT JOIN _autoscaler.topology ON FALSE LEFT JOIN _autoscaler.commits ON FALSE \
     LEFT JOIN _autoscaler.sequences ON FALSE LEFT JOIN _autoscaler.definitions ON FALSE \
     LEFT JOIN _autoscaler.moves ON FALSE LEFT JOIN _autoscaler.incoming_moves ON FALSE \
     LEFT JOIN _autoscaler.move_positions ON FALSE";

/// Creates what a shard needs to carry a topology, where anything of it is missing: an account that may not create is
/// enough for a shard that has all of it. Safe to repeat.
pub async fn create_schema(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    match connection.fetch_one(sqlx::raw_sql(IS_COMPLETE)).await {
        Ok(row) if row.try_get_unchecked::<i64, _>(0)? >= i64::from(MOST_FENCES) => return Ok(()),
        // Also where it may not look, and then not create.
        Ok(_) | Err(sqlx::Error::Database(_)) => {}
        Err(error) => return Err(error.into()),
    }
    for statement in [
        "CREATE DATABASE IF NOT EXISTS _autoscaler CHARACTER SET utf8mb4",
        "CREATE TABLE IF NOT EXISTS _autoscaler.topology (
            id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
            epoch BIGINT UNSIGNED NOT NULL,
            schema_version BIGINT UNSIGNED NOT NULL DEFAULT 0,
            doc LONGTEXT NOT NULL
         ) ENGINE=InnoDB CHARACTER SET utf8mb4",
        crate::transaction::markers::TABLE,
        crate::sequences::TABLE,
        crate::definitions::TABLE,
        // The journal of moves away from this shard, and of those towards it.
        "CREATE TABLE IF NOT EXISTS _autoscaler.moves (id VARCHAR(64) NOT NULL PRIMARY KEY, \
         state VARCHAR(16) NOT NULL, doc LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4",
        "CREATE TABLE IF NOT EXISTS _autoscaler.incoming_moves (id VARCHAR(64) NOT NULL PRIMARY KEY, \
         state VARCHAR(16) NOT NULL, doc LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4",
        "CREATE TABLE IF NOT EXISTS _autoscaler.move_positions (id VARCHAR(64) NOT NULL, \
         table_name VARCHAR(64) NOT NULL, last_key LONGTEXT NOT NULL, done TINYINT NOT NULL, \
         PRIMARY KEY (id, table_name)) ENGINE=InnoDB CHARACTER SET utf8mb4",
        "CREATE TABLE IF NOT EXISTS _autoscaler.fence (id TINYINT PRIMARY KEY, fenced TINYINT NOT NULL) ENGINE=InnoDB",
    ] {
        connection.execute(sqlx::raw_sql(statement)).await?;
    }
    // Fences are made once and stay for ever: on newer MariaDBs a transaction with an older snapshot than a fence
    // fails there.
    let fences: Vec<String> = (1..=MOST_FENCES).map(|fence| format!("({fence},0)")).collect();
    let statement = format!("INSERT IGNORE INTO _autoscaler.fence (id,fenced) VALUES {}", fences.join(","));
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    Ok(())
}

/// State of a move in its source's journal once it is to be undone: it cannot switch any more.
pub const UNDOING: &str = "Undoing";

/// Makes sure that a move never switches unless it has already, and returns the topology that its source carries then.
///
/// The cutover sets the same row in the transaction that writes the switch, so one of the two comes first. Waits for
/// a cutover whose commit is under way.
pub async fn forbid_switch(connection: &mut MySqlConnection, id: &MoveId) -> Result<Option<Topology>, StoreError> {
    let statement = "UPDATE _autoscaler.moves SET state = ? WHERE id = ? AND state NOT IN ('Switched', 'CleaningUp')";
    match sqlx::query(statement).bind(UNDOING).bind(id.as_str()).execute(&mut *connection).await {
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    read(connection).await
}

/// Epoch and schema version of a shard; `None` if it carries no topology yet.
pub async fn look(connection: &mut MySqlConnection) -> Result<Option<Sighting>, StoreError> {
    let row = match connection.fetch_optional(sqlx::raw_sql(LOOK)).await {
        Err(error) if is_absent(&error) => return Ok(None),
        other => other?,
    };
    row.map(|row| sighting_of(&row).map_err(StoreError::from)).transpose()
}

/// What a row of [`LOOK`] says.
pub fn sighting_of(row: &MySqlRow) -> Result<Sighting, sqlx::Error> {
    Ok(Sighting { epoch: Epoch::from_number(row.try_get(0)?), schema_version: row.try_get(1)? })
}

/// The whole topology of a shard; `None` if it carries none yet.
pub async fn read(connection: &mut MySqlConnection) -> Result<Option<Topology>, StoreError> {
    let query = sqlx::raw_sql("SELECT doc FROM _autoscaler.topology WHERE id = 1");
    let row = match connection.fetch_optional(query).await {
        Err(error) if is_absent(&error) => return Ok(None),
        other => other?,
    };
    match row {
        Some(row) => Ok(Some(serde_json::from_str(&row.try_get::<String, _>(0)?)?)),
        None => Ok(None),
    }
}

/// Stores the first topology. `false` if another one is there already.
pub async fn create(connection: &mut MySqlConnection, topology: &Topology) -> Result<bool, StoreError> {
    let statement = "INSERT IGNORE INTO _autoscaler.topology (id, epoch, doc) VALUES (1, ?, ?)";
    let result = sqlx::query(statement)
        .bind(topology.epoch().number())
        .bind(serde_json::to_string(topology)?)
        .execute(connection)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Compare-and-set: replaces exactly the topology before this one. `false` if the shard carries another.
///
/// Runs inside the caller's transaction if there is one: the cutover relies on that.
pub async fn replace(connection: &mut MySqlConnection, topology: &Topology) -> Result<bool, StoreError> {
    let statement = "UPDATE _autoscaler.topology SET epoch = ?, doc = ? WHERE id = 1 AND epoch = ?";
    let result = sqlx::query(statement)
        .bind(topology.epoch().number())
        .bind(serde_json::to_string(topology)?)
        .bind(topology.epoch().number() - 1)
        .execute(connection)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Brings a shard that is behind to a topology already decided elsewhere. Never goes backwards.
pub async fn catch_up(connection: &mut MySqlConnection, topology: &Topology) -> Result<(), StoreError> {
    create_schema(connection).await?;
    if create(connection, topology).await? {
        return Ok(());
    }
    sqlx::query("UPDATE _autoscaler.topology SET epoch = ?, doc = ? WHERE id = 1 AND epoch < ?")
        .bind(topology.epoch().number())
        .bind(serde_json::to_string(topology)?)
        .bind(topology.epoch().number())
        .execute(connection)
        .await?;
    Ok(())
}

/// Tells every router that the schema changed.
pub async fn bump_schema_version(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    let statement = "UPDATE _autoscaler.topology SET schema_version = schema_version + 1 WHERE id = 1";
    connection.execute(sqlx::raw_sql(statement)).await?;
    Ok(())
}

fn is_absent(error: &sqlx::Error) -> bool {
    matches!(errno(error), Some(ER_BAD_DB | ER_NO_SUCH_TABLE))
}
