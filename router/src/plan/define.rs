//! DDL: to every shard, or refused with the reason.

use super::{DefineNode, Node, Plan, Planner, Refusal, Route};
use crate::schema::quote;
use crate::sql::Sql;
use crate::sql::statement::{Define, DefineKind, ForeignKey, Unsupported};

impl Planner<'_> {
    pub(super) fn plan_define(&self, sql: &Sql, define: &Define) -> Result<Plan, Refusal> {
        if !self.topology.moves().is_empty() {
            return Err(Refusal::MoveInProgress("the schema cannot be changed"));
        }
        let several = self.topology.shards().len() > 1;
        if several && define.reads_rows {
            let hint = "create the table, then INSERT … SELECT";
            return Err(Unsupported::with_hint("CREATE TABLE … SELECT on several shards", hint).into());
        }
        for table in &define.tables {
            self.own_schema(table)?;
            self.check_definition(define, &table.name)?;
        }
        if several && let Some(table) = define.tables.first() {
            self.check_unique_indexes(define, &table.name)?;
            self.check_foreign_keys(define, &table.name)?;
        }
        let is_owner =
            |shard: &&crate::topology::Shard| self.topology.owning_shards().iter().any(|owner| owner.id == shard.id);
        let home = self.home();
        let newcomers = self.topology.shards().iter().filter(|shard| shard.id != *home && !is_owner(shard));
        let changes_tables =
            matches!(define.kind, DefineKind::AlterTable | DefineKind::CreateIndex | DefineKind::DropIndex);
        let inverse = match (&define.created_index, define.tables.first()) {
            (Some(index), Some(table)) => Some(format!("DROP INDEX {index} ON {}", quote(&table.name))),
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
                    true => define.tables.iter().map(|table| table.name.clone()).collect(),
                    false => Vec::new(),
                },
                inverse,
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    fn check_definition(&self, define: &Define, table: &str) -> Result<(), Refusal> {
        let Some(key) = self.schema.layout_key(table) else {
            return match define.renames_table && self.schema.layout_reference(table) {
                true => Err(renamed(table)),
                false => Ok(()),
            };
        };
        if define.renames_table {
            return Err(renamed(table));
        }
        if define.altered_columns.iter().any(|column| column.eq_ignore_ascii_case(key)) {
            let hint = "rows would lie on the wrong shards";
            return Err(Unsupported::with_hint(format!("changing `{key}`, the sharding key of {table},"), hint).into());
        }
        if define.kind != DefineKind::CreateTable || define.created_columns.is_empty() {
            return Ok(());
        }
        match define.created_columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
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
