//! What a statement may leave on its connection through code that is stored in the database.
//!
//! Statements of clients leave nothing: temporary tables, variables and locks are refused. But a stored function or a
//! trigger of an adopted database may make a temporary table or set a variable, and the connection's next user would
//! find it.

use keyspace::schema::{Table, TableKind};

use super::names::is_information_schema;
use super::planner::Planner;
use crate::sql::meaning::statement::Statement;
use crate::sql::read::names;
use crate::sql::read::source::Sql;

impl Planner<'_> {
    /// Whether a read can be planned again by its scopes alone.
    pub fn is_plain(&self, sql: &Sql, statement: &Statement) -> bool {
        let reads_information_schema = || names::qualified(sql).iter().any(|name| is_information_schema(name.first()));
        self.resolve_names(sql, statement).is_ok() && !self.may_stain(sql, statement) && !reads_information_schema()
    }

    /// Whether the connection that a statement ran on is not to be used for another client.
    pub fn may_stain(&self, sql: &Sql, statement: &Statement) -> bool {
        let (scopes, inserted) = match statement {
            Statement::Read(read) => (&read.scopes, None),
            Statement::Insert(insert) => (&insert.scopes, Some(&insert.table)),
            Statement::Change(change) => (&change.scopes, None),
            // What is not understood may be anything.
            Statement::Opaque(_) | Statement::Explain(_) | Statement::Inspect(_) => {
                return self.schema.has_stored_code();
            }
            // Definitions leave their connections stained by themselves.
            Statement::Define(_) | Statement::Unread(_) => return false,
        };
        let used = scopes.iter().flat_map(|scope| &scope.tables).map(|used| &used.table);
        let mut tables = used.chain(inserted).filter_map(|table| self.schema.table(&table.name));
        let changes = !matches!(statement, Statement::Read(_));
        let calls = || self.schema.functions().any(|name| sql.names(name));
        let runs_code = |table: &Table| {
            (changes && table.has_triggers) || (table.kind == TableKind::View && self.schema.has_stored_code())
        };
        tables.any(runs_code) || calls()
    }
}
