//! Unique indexes that lack the sharding key: each shard enforces them for its own rows, so the others are asked.

use std::collections::BTreeMap;

use keyspace::keys::KeyLiteral;
use keyspace::schema::{Table, UniqueIndex, quote};
use keyspace::topology::ShardId;

use super::planner::Planner;
use super::refusal::Refusal;
use super::tree::Part;
use super::tree::{Probe, Uniqueness};
use crate::sql::read::error::Unsupported;

/// More values than this are too many to look for.
const MOST_PROBES: usize = 1_000;

/// What a row gets in a column.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    /// A literal as written, and what it says.
    Literal {
        text: String,
        shown: String,
    },
    /// Something that only the server computes.
    Unknown,
}

impl Value {
    pub fn of(literal: &KeyLiteral, text: &str) -> Value {
        match literal {
            KeyLiteral::Null => Value::Null,
            KeyLiteral::Other => Value::Unknown,
            KeyLiteral::Integer(shown) | KeyLiteral::Text(shown) => {
                Value::Literal { text: text.to_owned(), shown: shown.clone() }
            }
            KeyLiteral::Bytes(_) => Value::Literal { text: text.to_owned(), shown: text.to_owned() },
        }
    }
}

impl Planner<'_> {
    /// What a write of these values, each row's by lower-cased column name, must look for; `assigned`: the only columns
    /// that are written.
    ///
    /// # Errors
    /// A value that is known to the server only.
    pub fn uniqueness(
        &self,
        table: &Table,
        rows: &[BTreeMap<String, Value>],
        assigned: Option<&[&str]>,
        only_tells: bool,
    ) -> Result<Option<Uniqueness>, Refusal> {
        let mut probes = Vec::new();
        let mut conditions = Vec::new();
        for index in self.written_indexes(table, assigned) {
            for row in rows {
                let Some((condition, shown)) = probe(index, row)? else { continue };
                if self.is_drawn(table, index, &shown) {
                    continue;
                }
                conditions.push(condition);
                let name = match self.schema.is_mariadb() {
                    true => index.name.clone(),
                    false => format!("{}.{}", table.name, index.name),
                };
                probes.push(Probe { index: name, entry: shown.join("-") });
            }
        }
        if probes.is_empty() {
            return Ok(None);
        }
        if probes.len() > MOST_PROBES {
            let construct =
                format!("a write of more than {MOST_PROBES} values of unique indexes that lack the sharding key");
            return Err(Unsupported::with_hint(construct, "write fewer rows at once").into());
        }
        let name = quote(&table.name);
        let part = |shard: &ShardId| {
            let filter = self.ownership_filter(shard, table, &table.name);
            let filter = filter.map_or(String::new(), |filter| format!(" AND {filter}"));
            let query = |(number, condition): (usize, &String)| {
                format!("(SELECT {number} FROM {name} WHERE {condition}{filter} LIMIT 2 FOR UPDATE)")
            };
            let queries: Vec<String> = conditions.iter().enumerate().map(query).collect();
            Part { shard: shard.clone(), sql: queries.join(" UNION ALL ") }
        };
        let owners = self.topology.owning_shards();
        Ok(Some(Uniqueness { probes, parts: owners.iter().map(|shard| part(&shard.id)).collect(), only_tells }))
    }

    /// Whether a write of these columns, or of all, to the only owner may violate a unique index without anybody looking for
    /// it: behind the switch of a move, of which this router has not heard, values are taken where the shard does not see.
    pub fn may_clash_behind_switch(&self, table: &Table, assigned: Option<&[&str]>) -> bool {
        self.only_owner().is_some() && self.written_indexes(table, assigned).next().is_some()
    }

    /// Those of [`Planner::local_indexes`] that a write of these columns, or of all, can violate.
    fn written_indexes<'a>(
        &'a self,
        table: &'a Table,
        assigned: Option<&'a [&'a str]>,
    ) -> impl Iterator<Item = &'a UniqueIndex> {
        let is_written = move |column: &String| {
            assigned.is_none_or(|assigned| assigned.iter().any(|name| name.eq_ignore_ascii_case(column)))
        };
        self.local_indexes(table).filter(move |index| index.columns.iter().any(is_written))
    }

    /// The unique indexes of a sharded table that no shard can enforce by itself, unless the configuration lets them.
    pub fn local_indexes<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a UniqueIndex> {
        let is_enforced = self.schema.allows_local_unique(&table.name);
        let key = table.shard_key().map(|(key, _)| key);
        table.unique_indexes.iter().filter(move |index| {
            !is_enforced && key.is_some_and(|key| !index.columns.iter().any(|column| column.eq_ignore_ascii_case(key)))
        })
    }

    /// An id that the table's sequence gave is given once.
    fn is_drawn(&self, table: &Table, index: &UniqueIndex, shown: &[String]) -> bool {
        let [column] = &index.columns[..] else { return false };
        let draws = table.column(column).is_some_and(|column| column.auto_increment);
        let id = shown.first().and_then(|id| id.parse::<u64>().ok());
        draws && id.is_some_and(|id| self.drawn.as_ref().is_some_and(|drawn| drawn.contains(&id)))
    }
}

/// The condition that finds a row's value of an index, and the value; `None` if a part of it is NULL, which is equal to
/// nothing.
fn probe(index: &UniqueIndex, row: &BTreeMap<String, Value>) -> Result<Option<(String, Vec<String>)>, Refusal> {
    let mut parts = Vec::new();
    let mut values = Vec::new();
    for column in &index.columns {
        match row.get(&column.to_lowercase()) {
            Some(Value::Literal { text, shown }) => {
                parts.push(format!("{} = {text}", quote(column)));
                values.push(shown.clone());
            }
            Some(Value::Null) => return Ok(None),
            Some(Value::Unknown) | None => {
                let what = if column.is_empty() { "an expression" } else { column };
                let construct = format!(
                    "a write of `{what}`, of the unique index {}, which lacks the sharding key, that is no literal",
                    index.name
                );
                let hint = "give it as a literal, or name the table in allow_local_unique: each shard then looks at its \
                     own rows only";
                return Err(Unsupported::with_hint(construct, hint).into());
            }
        }
    }
    Ok(Some((parts.join(" AND "), values)))
}
