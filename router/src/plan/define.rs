//! DDL: to every shard, or refused with the reason.

use std::collections::HashSet;

use keyspace::schema::quote;

use super::names::refuse_scratch_name;
use super::planner::Planner;
use super::refusal::Refusal;
use super::tree::{DefineNode, Node, Plan, Route};
use crate::sql::meaning::statement::{Define, DefineKind, ForeignKey, Role};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;

impl Planner<'_> {
    pub fn plan_define(&self, sql: &Sql, define: &Define) -> Result<Plan, Refusal> {
        if !self.topology.moves().is_empty() {
            return Err(Refusal::MoveInProgress("the schema cannot be changed"));
        }
        let several = self.topology.shards().len() > 1;
        if several && define.reads_rows {
            let hint = "create the table, then INSERT … SELECT";
            return Err(Unsupported::with_hint("CREATE TABLE … SELECT on several shards", hint).into());
        }
        for named in &define.tables {
            self.own_schema(&named.table)?;
        }
        let renamed: HashSet<&str> = define.tables_as(&[Role::Renamed]).map(|table| table.name.as_str()).collect();
        for table in define.tables_as(&[Role::Created, Role::Changed, Role::Dropped, Role::Renamed]) {
            self.check_definition(define, &table.name, renamed.contains(table.name.as_str()))?;
        }
        for table in define.tables_as(&[Role::Created, Role::RenamedTo]) {
            refuse_scratch_name(&table.name)?;
        }
        self.check_twins(define, &renamed)?;
        if let Some(table) = define.tables.first().map(|named| &named.table) {
            self.check_exchanged(define, &table.name)?;
            if several {
                self.check_new_names(define)?;
                self.check_unique_indexes(define, &table.name)?;
                self.check_foreign_keys(define, &table.name)?;
            }
        }
        let is_owner =
            |shard: &&keyspace::topology::Shard| self.topology.owning_shards().iter().any(|owner| owner.id == shard.id);
        let home = self.home();
        let newcomers = self.topology.shards().iter().filter(|shard| shard.id != *home && !is_owner(shard));
        let changes_tables =
            matches!(define.kind, DefineKind::AlterTable | DefineKind::CreateIndex | DefineKind::DropIndex);
        let inverse = match (&define.created_index, define.tables.first()) {
            (Some(index), Some(named)) => Some(format!("DROP INDEX {index} ON {}", quote(&named.table.name))),
            _ => None,
        };
        Ok(Plan {
            route: if several { Route::Scatter } else { Route::Single },
            reason: "every shard has every table".to_owned(),
            node: Node::Define(DefineNode {
                shards: self.topology.shards().iter().map(|shard| shard.id.clone()).collect(),
                newcomers: newcomers.map(|shard| shard.id.clone()).collect(),
                sql: sql.text.clone(),
                tables: match changes_tables {
                    true => define.tables_as(&[Role::Changed, Role::Renamed]).map(|table| table.name.clone()).collect(),
                    false => Vec::new(),
                },
                new_names: new_names(define),
                inverse,
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    fn check_definition(&self, define: &Define, table: &str, renames: bool) -> Result<(), Refusal> {
        let Some(key) = self.schema.layout_key(table) else {
            return match renames && self.schema.layout_reference(table) {
                true => Err(renamed(table)),
                false => Ok(()),
            };
        };
        if renames {
            return Err(renamed(table));
        }
        if define.altered_columns.iter().any(|column| column.eq_ignore_ascii_case(key)) {
            let hint = "rows would lie on the wrong shards";
            return Err(Unsupported::with_hint(format!("changing `{key}`, the sharding key of {table},"), hint).into());
        }
        // The same value in another character set or collation may have another slot.
        let is_text =
            || self.schema.table(table).and_then(|table| table.column(key)).is_some_and(|key| key.collation.is_some());
        if define.converts_text && is_text() {
            let construct = format!("CONVERT TO CHARACTER SET of {table}, whose sharding key `{key}` is a text,");
            return Err(Unsupported::with_hint(construct, "change the columns one by one with MODIFY").into());
        }
        if define.kind != DefineKind::CreateTable || define.columns.is_empty() {
            return Ok(());
        }
        match define.columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            None => Err(Refusal::UnusableTable {
                table: table.to_owned(),
                reason: format!("it has no column `{key}`, its sharding key in table_shard_keys"),
            }),
            Some((_, type_name)) if !can_be_key(type_name) => Err(Refusal::UnusableTable {
                table: table.to_owned(),
                reason: format!("its sharding key `{key}` is unsupported: type {type_name} cannot be a sharding key"),
            }),
            Some(_) => Ok(()),
        }
    }

    /// Two tables of which the names differ in case only would be one to half of what reads them.
    fn check_twins(&self, define: &Define, gone: &HashSet<&str>) -> Result<(), Refusal> {
        for table in define.tables_as(&[Role::Created, Role::RenamedTo]) {
            let is_twin = |other: &&str| *other != table.name && !gone.contains(other);
            if let Some(twin) = self.schema.twin_of(&table.name).filter(is_twin) {
                return Err(Refusal::twin(&table.name, twin));
            }
        }
        Ok(())
    }

    /// Rows that change places must be where those of the other table are looked for.
    fn check_exchanged(&self, define: &Define, table: &str) -> Result<(), Refusal> {
        let differs = |other: &&TableName| !self.schema.layout().are_placed_alike(table, &other.name);
        match define.tables_as(&[Role::Exchanged]).find(differs) {
            Some(other) => {
                let construct = format!("EXCHANGE PARTITION of {table} with {}", other.name);
                Err(Unsupported::with_hint(construct, "their rows lie in different places").into())
            }
            None => Ok(()),
        }
    }

    /// A table whose rows lie on the home shard cannot take the name of one whose rows lie elsewhere, too.
    fn check_new_names(&self, define: &Define) -> Result<(), Refusal> {
        let is_configured = |table: &&TableName| {
            self.schema.layout_key(&table.name).is_some() || self.schema.layout_reference(&table.name)
        };
        match define.tables_as(&[Role::RenamedTo]).find(is_configured) {
            Some(table) => {
                let hint =
                    "the configuration says of this name where its rows lie: create the table, then INSERT … SELECT";
                Err(Unsupported::with_hint(format!("renaming a table to {}", table.name), hint).into())
            }
            None => Ok(()),
        }
    }

    /// Rows that several shards have already may hold a value twice, of which no shard would know.
    fn check_unique_indexes(&self, define: &Define, table: &str) -> Result<(), Refusal> {
        let Some(key) = self.schema.layout_key(table) else { return Ok(()) };
        let lacks_key = |columns: &&Vec<String>| !columns.iter().any(|column| column.eq_ignore_ascii_case(key));
        let is_new = define.kind == DefineKind::CreateTable;
        match define.unique_indexes.iter().find(lacks_key) {
            Some(columns) if !is_new && !self.schema.allows_local_unique(table) => {
                let construct =
                    format!("a unique index ({}) without the sharding key `{key}` of {table}", columns.join(", "));
                let hint = "add the key to it, or name the table in allow_local_unique: each shard then enforces it for \
                     its own rows only";
                Err(Unsupported::with_hint(construct, hint).into())
            }
            _ => Ok(()),
        }
    }

    /// A server looks for the referred row among its own.
    fn check_foreign_keys(&self, define: &Define, table: &str) -> Result<(), Refusal> {
        let crosses = |key: &&ForeignKey| {
            let pairs: Vec<(String, String)> = key.columns.iter().cloned().zip(key.referred.iter().cloned()).collect();
            !self.schema.layout().keeps_together(table, &key.table, &pairs)
        };
        match define.foreign_keys.iter().find(crosses) {
            Some(key) => {
                let construct =
                    format!("a foreign key from {table} to {}, whose rows may lie on another shard", key.table);
                Err(Unsupported::with_hint(construct, "refer by the sharding keys, or to a reference table").into())
            }
            None => Ok(()),
        }
    }
}

/// The names that the definition adds to those in use; a name that only changes its case is not among them.
fn new_names(define: &Define) -> Vec<String> {
    let is_old = |name: &str| define.tables_as(&[Role::Renamed]).any(|old| old.name.eq_ignore_ascii_case(name));
    let added = define.tables_as(&[Role::Created, Role::RenamedTo]).map(|table| table.name.clone());
    added.filter(|name| !is_old(name)).collect()
}

fn renamed(table: &str) -> Refusal {
    let hint = "its place is bound to its name in the configuration";
    Unsupported::with_hint(format!("renaming {table}"), hint).into()
}

/// A first look at a type's name; the schema has the last word once the table exists.
fn can_be_key(type_name: &str) -> bool {
    const NEVER: [&str; 12] =
        ["DECIMAL", "NUMERIC", "DEC", "FLOAT", "DOUBLE", "REAL", "ENUM", "SET", "JSON", "BIT", "TIME", "TIMESTAMP"];
    let word: String = type_name.chars().take_while(char::is_ascii_alphabetic).collect();
    !NEVER.contains(&word.to_uppercase().as_str())
}
