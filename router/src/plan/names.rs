//! A client sees one database: every name of a statement that leads to another one is refused.

use std::collections::HashSet;

use super::planner::Planner;
use super::refusal::Refusal;
use crate::sql::meaning::statement::{Scope, Statement};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;

/// The schema of both servers that describes the others; what clients see of it is narrowed (`information_schema`).
pub const INFORMATION_SCHEMA: &str = "information_schema";

impl Planner<'_> {
    /// Resolves every qualified name of a statement.
    ///
    /// # Errors
    /// `Unsupported` with the database that a name leads to, or may lead to where the statement has no tree that would
    /// tell.
    pub fn resolve_names(&self, sql: &Sql, statement: &Statement) -> Result<(), Refusal> {
        let reads = matches!(statement, Statement::Read(_));
        for table in scopes(statement).iter().flat_map(|scope| &scope.tables) {
            refuse_scratch_name(&table.table.name)?;
            match &table.table.schema {
                Some(schema) if reads && is_information_schema(schema) => {}
                _ => self.own_schema(&table.table)?,
            }
        }
        // Without a tree nobody knows which names are tables: what is neither one nor an alias may be a database.
        let is_placed = match statement {
            Statement::Read(_) | Statement::Insert(_) | Statement::Change(_) => true,
            Statement::Inspect(_) | Statement::Explain(_) => true,
            Statement::Define(_) | Statement::Unread(_) | Statement::Opaque(_) => false,
        };
        let mut declared = None;
        for name in names::qualified(sql) {
            let first = name.first();
            if first == self.schema.database() || (reads && is_information_schema(first)) {
                continue;
            }
            // An alias of that name does not make it one: a part of the statement may mean the other thing.
            let may_be_database = self.schema.is_other_database(first)
                || is_information_schema(first)
                || name.begins_with_database()
                || !(is_placed || self.may_be_table(first, declared.get_or_insert_with(|| names::declared(sql))));
            if may_be_database {
                return Err(self.other_database(first));
            }
        }
        match statement {
            Statement::Opaque(_) | Statement::Define(_) | Statement::Unread(_) => refuse_raw_names(sql),
            _ => Ok(()),
        }
    }

    /// Refuses names in other databases than the sharded one.
    pub fn own_schema(&self, table: &TableName) -> Result<(), Refusal> {
        match &table.schema {
            Some(schema) if schema != self.schema.database() => Err(self.other_database(schema)),
            _ => Ok(()),
        }
    }

    pub fn other_database(&self, database: &str) -> Refusal {
        let hint =
            format!("the router serves database `{}`; an alias must not have another's name", self.schema.database());
        Unsupported::with_hint(format!("database `{database}`"), hint).into()
    }

    /// Whether a name before a period is a table, or is used as an alias. A database of another spelling must not pass for
    /// one.
    fn may_be_table(&self, name: &str, declared: &HashSet<String>) -> bool {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
        self.schema.table(name).is_some() || (is_plain && declared.contains(&name.to_lowercase()))
    }
}

/// Rows are gathered in temporary tables of such names, which would hide a table.
pub fn refuse_scratch_name(table: &str) -> Result<(), Refusal> {
    const SCRATCH: &str = "_autoscaler_";
    match table.get(..SCRATCH.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SCRATCH)) {
        true => Err(Unsupported::with_hint(format!("the table name `{table}`"), "names of the router begin so").into()),
        false => Ok(()),
    }
}

pub fn is_information_schema(schema: &str) -> bool {
    schema.eq_ignore_ascii_case(INFORMATION_SCHEMA)
}

fn scopes(statement: &Statement) -> &[Scope] {
    match statement {
        Statement::Read(read) => &read.scopes,
        Statement::Insert(insert) => &insert.scopes,
        Statement::Change(change) => &change.scopes,
        Statement::Define(_)
        | Statement::Unread(_)
        | Statement::Inspect(_)
        | Statement::Explain(_)
        | Statement::Opaque(_) => &[],
    }
}

/// `#mysql50#…` names files instead of tables, on both servers.
fn refuse_raw_names(sql: &Sql) -> Result<(), Refusal> {
    let is_raw = |word: &str| word.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("#mysql50#"));
    match names::quoted(sql).find(|word| is_raw(word)) {
        Some(name) => Err(Unsupported::new(format!("the name `{name}`")).into()),
        None => Ok(()),
    }
}
