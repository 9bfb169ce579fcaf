//! A client sees one database: every name of a statement that leads to another one is refused.

use super::{Planner, Refusal};
use crate::sql::statement::{Scope, Statement, TableName, Unsupported};
use crate::sql::{Sql, names};

/// The schema of both servers that describes the others; what clients see of it is narrowed (`information_schema`).
pub(super) const INFORMATION_SCHEMA: &str = "information_schema";

impl Planner<'_> {
    /// Resolves every qualified name of a statement.
    ///
    /// # Errors
    /// `Unsupported` with the database that a name leads to, or may lead to where the statement has no tree that would
    /// tell.
    pub fn resolve_names(&self, sql: &Sql, statement: &Statement) -> Result<(), Refusal> {
        let reads = matches!(statement, Statement::Read(_));
        for table in scopes(statement).iter().flat_map(|scope| &scope.tables) {
            match &table.table.schema {
                Some(schema) if reads && is_information_schema(schema) => {}
                _ => self.own_schema(&table.table)?,
            }
        }
        for name in names::qualified(sql) {
            let first = name.first();
            if first == self.schema.database() || (reads && is_information_schema(first)) {
                continue;
            }
            let is_other = match statement {
                // Tables are known by their places, so that what is left are columns of tables and aliases.
                Statement::Read(_) | Statement::Insert(_) | Statement::Change(_) => {
                    self.schema.is_other_database(first) && !is_alias(scopes(statement), first)
                }
                Statement::Define(_) | Statement::Unread(_) | Statement::Opaque(_) => !self.may_be_table(sql, first),
                Statement::Inspect(_) | Statement::Explain(_) => false,
            };
            if is_other || name.begins_with_database() {
                return Err(self.other_database(first));
            }
        }
        match statement {
            Statement::Opaque(_) | Statement::Define(_) | Statement::Unread(_) => refuse_raw_names(sql),
            _ => Ok(()),
        }
    }

    /// Refuses names in other databases than the sharded one.
    pub(super) fn own_schema(&self, table: &TableName) -> Result<(), Refusal> {
        match &table.schema {
            Some(schema) if schema != self.schema.database() => Err(self.other_database(schema)),
            _ => Ok(()),
        }
    }

    pub(super) fn other_database(&self, database: &str) -> Refusal {
        let hint = format!("the router serves database `{}`", self.schema.database());
        Unsupported::with_hint(format!("database `{database}`"), hint).into()
    }

    /// Whether a name before a period is a table, or is used as an alias: without a tree nobody knows which names are
    /// tables, and a database of another spelling must not pass for one.
    fn may_be_table(&self, sql: &Sql, name: &str) -> bool {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'));
        self.schema.table(name).is_some()
            || (is_plain && names::is_declared(sql, name) && !self.schema.is_other_database(name))
    }
}

pub(super) fn is_information_schema(schema: &str) -> bool {
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

fn is_alias(scopes: &[Scope], name: &str) -> bool {
    let is_it = |alias: &String| alias.eq_ignore_ascii_case(name);
    scopes.iter().any(|scope| scope.tables.iter().any(|table| is_it(&table.alias)) || scope.derived.iter().any(is_it))
}

/// `#mysql50#…` names files instead of tables, on both servers.
fn refuse_raw_names(sql: &Sql) -> Result<(), Refusal> {
    let is_raw = |word: &str| word.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("#mysql50#"));
    match names::quoted(sql).find(|word| is_raw(word)) {
        Some(name) => Err(Unsupported::new(format!("the name `{name}`")).into()),
        None => Ok(()),
    }
}
