//! The next AUTO_INCREMENT of each table over all shards, in `_autoscaler.sequences` of the home shard.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::literal::quote_text;
use crate::schema::auto_increment::next_of;
use crate::schema::quote;

/// The statement that takes `count` ids of a sequence; the first of them is the statement's last insert id. Ids up to
/// `beyond` are passed over for ever. It changes no row where there is no such sequence.
pub fn take(name: &str, count: u64, beyond: u64) -> String {
    let name = quote_text(name);
    format!(
        "UPDATE _autoscaler.sequences SET next = GREATEST(LAST_INSERT_ID(next) + {count}, {beyond}) WHERE name = {name}"
    )
}

/// The statement that makes a sequence which gives `first` next; one that is there is left as it is.
pub fn create(name: &str, first: u64) -> String {
    format!("INSERT IGNORE INTO _autoscaler.sequences (name, next) VALUES ({}, {first})", quote_text(name))
}

/// Raises a table's sequence, if it has one, to the number that the table says its server would give next.
pub async fn follow(connection: &mut MySqlConnection, table: &str) -> Result<(), sqlx::Error> {
    let shown = format!("SHOW CREATE TABLE {}", quote(table));
    let Ok(Some(row)) = connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(shown))).await else { return Ok(()) };
    let Some(next) = next_of(&row.try_get_unchecked::<String, _>(1)?) else { return Ok(()) };
    let name = quote_text(&table.to_lowercase());
    let raise = format!("UPDATE _autoscaler.sequences SET next = GREATEST(next, {next}) WHERE name = {name}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(raise))).await.map(drop)
}
