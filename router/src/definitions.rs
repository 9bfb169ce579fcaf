//! DDL over several shards.

pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS _autoscaler.definitions (
    id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    doc LONGTEXT NOT NULL
 ) ENGINE=InnoDB CHARACTER SET utf8mb4";
