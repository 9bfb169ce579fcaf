//! Everything that is ours on a shard: its tables, and how they are made.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::mysql::er;
use crate::mysql::errno;
use crate::topology::MOST_FENCES;

/// The schema that holds everything of ours on a shard.
pub const OWN_SCHEMA: &str = "_autoscaler";

const TOPOLOGY: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.topology (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
    epoch BIGINT UNSIGNED NOT NULL,
    schema_version BIGINT UNSIGNED NOT NULL DEFAULT 0,
    doc LONGTEXT NOT NULL
 ) ENGINE=InnoDB CHARACTER SET utf8mb4";

const COMMITS: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.commits (
    xid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    committed TINYINT NOT NULL,
    participants TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at DATETIME NOT NULL
 ) ENGINE=InnoDB";

const SEQUENCES: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.sequences (
    name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    next BIGINT UNSIGNED NOT NULL
 ) ENGINE=InnoDB";

const DEFINITIONS: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.definitions (
    id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    doc LONGTEXT NOT NULL
 ) ENGINE=InnoDB CHARACTER SET utf8mb4";

/// The journal of moves away from a shard.
const MOVES: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.moves (id VARCHAR(64) NOT NULL PRIMARY KEY, \
    state VARCHAR(16) NOT NULL, doc LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4";

/// The journal of moves towards a shard.
const INCOMING_MOVES: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.incoming_moves (id VARCHAR(64) NOT NULL PRIMARY KEY, \
    state VARCHAR(16) NOT NULL, doc LONGTEXT NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4";

/// How far each table of a move towards a shard is copied.
const MOVE_POSITIONS: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.move_positions (id VARCHAR(64) NOT NULL, \
    table_name VARCHAR(64) NOT NULL, last_key LONGTEXT NOT NULL, done TINYINT NOT NULL, \
    PRIMARY KEY (id, table_name)) ENGINE=InnoDB CHARACTER SET utf8mb4";

const FENCE: &str =
    "CREATE TABLE IF NOT EXISTS _autoscaler.fence (id TINYINT PRIMARY KEY, fenced TINYINT NOT NULL) ENGINE=InnoDB";

/// Every table of [`create_schema`], and whether all fences are there.
const IS_COMPLETE: &str = "SELECT (SELECT COUNT(*) FROM _autoscaler.fence), topology.id, commits.xid, sequences.name, \
     definitions.id, moves.id, incoming_moves.id, move_positions.id FROM (SELECT 1) one \
     LEFT JOIN _autoscaler.topology ON FALSE LEFT JOIN _autoscaler.commits ON FALSE \
     LEFT JOIN _autoscaler.sequences ON FALSE LEFT JOIN _autoscaler.definitions ON FALSE \
     LEFT JOIN _autoscaler.moves ON FALSE LEFT JOIN _autoscaler.incoming_moves ON FALSE \
     LEFT JOIN _autoscaler.move_positions ON FALSE";

/// Creates what a shard needs to carry a topology, where anything of it is missing: an account that may not create is
/// enough for a shard that has all of it. Safe to repeat.
pub async fn create_schema(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    match connection.fetch_one(sqlx::raw_sql(IS_COMPLETE)).await {
        Ok(row) if row.try_get_unchecked::<i64, _>(0)? >= i64::from(MOST_FENCES) => return Ok(()),
        // Also where it may not look, and then not create.
        Ok(_) | Err(sqlx::Error::Database(_)) => {}
        Err(error) => return Err(error),
    }
    connection.execute(sqlx::raw_sql("CREATE DATABASE IF NOT EXISTS _autoscaler CHARACTER SET utf8mb4")).await?;
    for table in [TOPOLOGY, COMMITS, SEQUENCES, DEFINITIONS, MOVES, INCOMING_MOVES, MOVE_POSITIONS, FENCE] {
        connection.execute(sqlx::raw_sql(table)).await?;
    }
    // Fences are made once and stay for ever: on newer MariaDBs a transaction with an older snapshot than a fence
    // fails there.
    let fences: Vec<String> = (1..=MOST_FENCES).map(|fence| format!("({fence},0)")).collect();
    let statement = format!("INSERT IGNORE INTO _autoscaler.fence (id,fenced) VALUES {}", fences.join(","));
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    Ok(())
}

/// The statement that reads the names of all tables of ours, those of moves among them.
pub const TABLES: &str =
    "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA='_autoscaler' ORDER BY 1";

/// Whether a server says that it lacks our schema, or a table of it: no topology was ever published to it, or by an
/// earlier version.
pub fn is_absent(error: &sqlx::Error) -> bool {
    matches!(errno(error), Some(er::BAD_DB | er::NO_SUCH_TABLE))
}
