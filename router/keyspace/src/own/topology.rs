//! The topology as each shard carries it, in `_autoscaler.topology`.
//!
//! One row: epoch, document, and a counter of schema changes that tells routers to read the schema again.
//! Only compare-and-set on the epoch ever writes the document.

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{Executor, Row};

use super::schema::{create_schema, is_absent};
use crate::topology::{Epoch, Topology};

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

/// The statement that [`look`] sends, for callers that send it with others.
pub const LOOK: &str = "SELECT epoch, schema_version FROM _autoscaler.topology WHERE id = 1";

/// The statement that reads a shard's epoch and keeps others from changing it until the transaction ends.
pub const HOLD_EPOCH: &str = "SELECT epoch FROM _autoscaler.topology WHERE id=1 LOCK IN SHARE MODE";

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
