//! Reads of information_schema, narrowed to what concerns the router's database.
//!
//! Each of its tables that a statement names is replaced by a derived table of the same name over the rows that the
//! client may see. Tables that show accounts, other clients' statements or the server's insides are not among them.

use std::ops::Range;

use keyspace::literal::quote_text;
use keyspace::schema::quote;

use super::names::{INFORMATION_SCHEMA, is_information_schema};
use super::planner::Planner;
use super::refusal::Refusal;
use super::tree::{Plan, Route};
use crate::sql::meaning::statement::Read;
use crate::sql::read::error::Unsupported;
use crate::sql::read::names;
use crate::sql::read::source::Sql;
use crate::sql::text::splice::splice;

/// What of a table is the client's to see.
#[derive(Clone, Copy)]
enum VisibleRows {
    /// The same on every server.
    All,
    /// Rows whose column names the router's database.
    OfDatabase(&'static str),
    /// The same, and those about information_schema itself.
    OfDatabaseAndItself(&'static str),
    /// The same, but for what moves make.
    Triggers,
}

const TABLES: [(&str, VisibleRows); 21] = [
    ("SCHEMATA", VisibleRows::OfDatabaseAndItself("SCHEMA_NAME")),
    ("TABLES", VisibleRows::OfDatabaseAndItself("TABLE_SCHEMA")),
    ("COLUMNS", VisibleRows::OfDatabaseAndItself("TABLE_SCHEMA")),
    ("STATISTICS", VisibleRows::OfDatabase("TABLE_SCHEMA")),
    ("PARTITIONS", VisibleRows::OfDatabase("TABLE_SCHEMA")),
    ("VIEWS", VisibleRows::OfDatabase("TABLE_SCHEMA")),
    ("KEY_COLUMN_USAGE", VisibleRows::OfDatabase("TABLE_SCHEMA")),
    ("TABLE_CONSTRAINTS", VisibleRows::OfDatabase("TABLE_SCHEMA")),
    ("REFERENTIAL_CONSTRAINTS", VisibleRows::OfDatabase("CONSTRAINT_SCHEMA")),
    ("CHECK_CONSTRAINTS", VisibleRows::OfDatabase("CONSTRAINT_SCHEMA")),
    ("TRIGGERS", VisibleRows::Triggers),
    ("EVENTS", VisibleRows::OfDatabase("EVENT_SCHEMA")),
    ("ROUTINES", VisibleRows::OfDatabase("ROUTINE_SCHEMA")),
    ("PARAMETERS", VisibleRows::OfDatabase("SPECIFIC_SCHEMA")),
    ("CHARACTER_SETS", VisibleRows::All),
    ("COLLATIONS", VisibleRows::All),
    ("COLLATION_CHARACTER_SET_APPLICABILITY", VisibleRows::All),
    ("ENGINES", VisibleRows::All),
    ("KEYWORDS", VisibleRows::All),
    ("SQL_FUNCTIONS", VisibleRows::All),
    ("ST_SPATIAL_REFERENCE_SYSTEMS", VisibleRows::All),
];

impl Planner<'_> {
    /// Plans a read that names information_schema; `None` if this one does not.
    pub fn plan_information_schema(&self, sql: &Sql, read: &Read) -> Result<Option<Plan>, Refusal> {
        let mut named = read.scopes.iter().flat_map(|scope| &scope.tables);
        let is_named = named.any(|table| table.table.schema.as_deref().is_some_and(is_information_schema));
        let qualified = names::qualified(sql);
        if !is_named && !qualified.iter().any(|name| is_information_schema(name.first())) {
            return Ok(None);
        }
        // Sizes, row counts and the next id are those of one shard.
        let Some(shard) = self.only_owner() else { return Err(self.other_database(INFORMATION_SCHEMA)) };
        let mut edits = Vec::new();
        for name in qualified.iter().filter(|name| is_information_schema(name.first())) {
            edits.push(self.narrow(sql, name)?);
        }
        let reason = "information_schema, as far as it is about this database".to_owned();
        Ok(Some(self.read_from(Route::Single, &shard, splice(&sql.text, edits), false, reason)))
    }

    /// A table of information_schema where it stands in FROM; the name of one of its columns loses its schema.
    fn narrow(&self, sql: &Sql, name: &names::Qualified) -> Result<(Range<usize>, String), Refusal> {
        let closed = |table: &str| {
            let hint = "it shows what concerns other clients or the server";
            Refusal::from(Unsupported::with_hint(format!("{INFORMATION_SCHEMA}.{}", table.to_uppercase()), hint))
        };
        let Some(named) = name.parts.get(1) else { return Err(closed("*")) };
        let end = name.at + 2 * name.parts.len() - 1;
        let range = sql.tokens[name.at].range.start..sql.tokens[end - 1].range.end;
        let known = TABLES.iter().find(|(table, _)| named.eq_ignore_ascii_case(table));
        let Some((table, shown)) = known.filter(|_| !name.is_called) else { return Err(closed(named)) };
        if name.parts.len() > 2 || name.has_wildcard {
            let first_kept = sql.tokens[name.at + 2].range.start;
            return Ok((range.start..first_kept, String::new()));
        }
        let own = quote_text(self.schema.database());
        let condition = match shown {
            VisibleRows::All => "1".to_owned(),
            VisibleRows::OfDatabase(column) => is_own(column, &own),
            VisibleRows::OfDatabaseAndItself(column) => {
                format!("({} OR {column} = '{INFORMATION_SCHEMA}')", is_own(column, &own))
            }
            VisibleRows::Triggers => {
                format!("{} AND TRIGGER_NAME NOT LIKE '\\_as\\_%'", is_own("TRIGGER_SCHEMA", &own))
            }
        };
        let narrowed = format!("(SELECT * FROM {INFORMATION_SCHEMA}.{table} WHERE {condition})");
        Ok(match names::has_alias(sql, end) {
            true => (range, narrowed),
            false => (range, format!("{narrowed} AS {}", quote(named))),
        })
    }
}

/// The collation of these columns takes `Shop` and `shöp` for `shop`, which are other databases; it also tells the server
/// where to look, which bytes do not.
fn is_own(column: &str, own: &str) -> String {
    format!("{column} = {own} AND CAST({column} AS BINARY) = {own}")
}
