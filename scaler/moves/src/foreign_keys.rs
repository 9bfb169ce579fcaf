//! Foreign keys that a shard cannot enforce: the referred rows may lie on another one.

use keyspace::schema::Layout;
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};

/// A foreign key from a table to rows that may lie elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    pub table: String,
    pub name: String,
    pub referred: String,
}

/// The foreign keys of a database that lead from one shard to another.
pub async fn crossing(connection: &mut MySqlConnection, layout: &Layout) -> Result<Vec<Crossing>, sqlx::Error> {
    let question = "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), \
         CAST(REFERENCED_TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(REFERENCED_COLUMN_NAME AS CHAR) \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, ORDINAL_POSITION";
    let mut keys: Vec<(Crossing, Vec<(String, String)>)> = Vec::new();
    for row in connection.fetch_all(sqlx::raw_sql(question)).await? {
        let text = |index: usize| row.try_get_unchecked::<String, _>(index);
        let key = Crossing { table: text(0)?, name: text(1)?, referred: text(2)? };
        let pair = (text(3)?, text(4)?);
        match keys.last_mut().filter(|(last, _)| *last == key) {
            Some((_, pairs)) => pairs.push(pair),
            None => keys.push((key, vec![pair])),
        }
    }
    let crosses =
        |(key, pairs): &(Crossing, Vec<(String, String)>)| !layout.keeps_together(&key.table, &key.referred, pairs);
    Ok(keys.into_iter().filter(crosses).map(|(key, _)| key).collect())
}
