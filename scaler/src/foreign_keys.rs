//! Foreign keys that a shard cannot enforce: the referred rows may lie on another one.

use router::schema::Layout;
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};

/// A foreign key from a table to rows that may lie elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub table: String,
    pub name: String,
    pub referred: String,
}

#[derive(PartialEq, Eq)]
enum Lie<'a> {
    ByKey(&'a str),
    Everywhere,
    Home,
}

fn lie_of<'a>(layout: &'a Layout, table: &str) -> Lie<'a> {
    let key = layout.shard_keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(table));
    match key {
        Some((_, key)) => Lie::ByKey(key),
        None if layout.reference_tables.iter().any(|name| name.eq_ignore_ascii_case(table)) => Lie::Everywhere,
        None => Lie::Home,
    }
}

/// The foreign keys of a database that lead from one shard to another.
pub(crate) async fn crossing(connection: &mut MySqlConnection, layout: &Layout) -> Result<Vec<Crossing>, sqlx::Error> {
    let question = "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), \
         CAST(REFERENCED_TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(REFERENCED_COLUMN_NAME AS CHAR) \
         FROM information_schema.KEY_COLUMN_USAGE \
         WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, ORDINAL_POSITION";
    let mut keys: Vec<(Crossing, bool)> = Vec::new();
    for row in connection.fetch_all(sqlx::raw_sql(question)).await? {
        let text = |index: usize| row.try_get_unchecked::<String, _>(index);
        let key = Crossing { table: text(0)?, name: text(1)?, referred: text(2)? };
        let stays = stays(layout, &key, &text(3)?, &text(4)?);
        match keys.last_mut().filter(|(last, _)| *last == key) {
            Some((_, found)) => *found |= stays,
            None => keys.push((key, stays)),
        }
    }
    Ok(keys.into_iter().filter(|(_, stays)| !stays).map(|(key, _)| key).collect())
}

/// Whether a pair of columns keeps the referred row on the referring row's shard.
fn stays(layout: &Layout, key: &Crossing, column: &str, referred: &str) -> bool {
    match (lie_of(layout, &key.table), lie_of(layout, &key.referred)) {
        (_, Lie::Everywhere) | (Lie::Home, Lie::Home) => true,
        (Lie::ByKey(own), Lie::ByKey(other)) => {
            column.eq_ignore_ascii_case(own) && referred.eq_ignore_ascii_case(other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_together_by_their_keys() {
        let layout = Layout {
            shard_keys: [("users", "id"), ("orders", "user")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
            reference_tables: ["rates".to_owned()].into(),
            ..Layout::default()
        };
        let check = |table: &str, column: &str, referred: &str, other: &str| {
            let key = Crossing { table: table.to_owned(), name: String::new(), referred: referred.to_owned() };
            stays(&layout, &key, column, other)
        };
        assert!(check("orders", "user", "users", "id"));
        assert!(check("Orders", "rate", "rates", "code"));
        assert!(check("plain", "a", "other", "b"));
        assert!(!check("orders", "seller", "users", "id"));
        assert!(!check("orders", "user", "plain", "id"));
        assert!(!check("plain", "user", "users", "id"));
        assert!(!check("rates", "user", "users", "id"));
    }
}
