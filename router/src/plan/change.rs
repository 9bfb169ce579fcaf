//! Writes: each goes to exactly one shard, or is refused by name.

use std::collections::BTreeSet;

use super::place::Place;
use super::{Plan, Planner, Refusal, Route};
use crate::keys::{KeyLiteral, KeySlot, KeyType};
use crate::schema::{Table, TableKind};
use crate::slots::Slot;
use crate::sql::Sql;
use crate::sql::statement::{Change, Insert, InsertCell, InsertRows, TableName, Unsupported};
use crate::topology::ShardId;

const SEVERAL_SHARDS_HINT: &str = "name the sharding key so that one shard is touched, or send one statement for \
     each key; atomic writes across shards are not supported yet";

impl Planner<'_> {
    pub(super) fn plan_insert(&self, sql: &Sql, insert: &Insert) -> Result<Plan, Refusal> {
        let table = self.written_table(&insert.table)?;
        let (key, key_type) = match &table.kind {
            TableKind::Sharded { key, key_type } => (key, *key_type),
            TableKind::Reference => return self.plan_reference_write(sql, table),
            TableKind::Unsharded => {
                self.reads_stay_on(&insert.scopes, &self.topology.home().id)?;
                return Ok(self.plan_home_write(sql));
            }
            TableKind::View => return self.plan_view_write(sql, table),
            TableKind::Unusable { reason } => return Err(unusable(table, reason)),
        };
        let only_owner = self.only_owner();
        if only_owner.is_none() {
            if insert.updated_columns.iter().any(|column| column.eq_ignore_ascii_case(key)) {
                return Err(key_change(key, table));
            }
            self.check_auto_increment(insert, table)?;
        }
        let slots = match &insert.rows {
            InsertRows::Values(rows) => self.slots_of_rows(insert, rows, table, key, key_type)?,
            InsertRows::Query => None,
        };
        match (only_owner, slots) {
            (Some(shard), slots) => {
                let moving = slots.is_none_or(|slots| self.any_moving(&slots));
                Ok(self.write_to(Route::Single, shard, sql.text.clone(), moving, "one shard owns every row".to_owned()))
            }
            (None, None) => {
                Err(Unsupported::with_hint("INSERT … SELECT over several shards", SEVERAL_SHARDS_HINT).into())
            }
            (None, Some(slots)) => {
                let shard = self.owner_of_all(&slots)?;
                self.reads_stay_on(&insert.scopes, &shard)?;
                let reason = format!("every row's sharding key lies on {shard}");
                let moving = self.any_moving(&slots);
                Ok(self.write_to(Route::Single, shard, sql.text.clone(), moving, reason))
            }
        }
    }

    pub(super) fn plan_change(&self, sql: &Sql, change: &Change) -> Result<Plan, Refusal> {
        let used = change.scopes.first().and_then(|scope| scope.tables.first());
        let used = used.ok_or_else(|| Unsupported::new("a change without a table"))?;
        let table = self.written_table(&used.table)?;
        match &table.kind {
            TableKind::Sharded { key, key_type } => self.check_key_assignment(change, table, key, *key_type)?,
            TableKind::Reference => return self.plan_reference_write(sql, table),
            TableKind::Unsharded => {}
            TableKind::View => return self.plan_view_write(sql, table),
            TableKind::Unusable { reason } => return Err(unusable(table, reason)),
        }
        match self.place(&change.scopes)? {
            Place::Home | Place::Any if table.kind == TableKind::Unsharded => Ok(self.plan_home_write(sql)),
            // Its key is compared with NULL: no row anywhere.
            Place::Home | Place::Any => {
                let reason = "the sharding key equals NULL, which no row does".to_owned();
                Ok(self.write_to(Route::Single, self.topology.home().id.clone(), sql.text.clone(), false, reason))
            }
            Place::Shard { shard, reason, slots } => {
                let moving = slots.is_none_or(|slots| self.any_moving(&slots));
                let route = if table.kind == TableKind::Unsharded { Route::Home } else { Route::Single };
                Ok(self.write_to(route, shard, sql.text.clone(), moving, reason))
            }
            Place::Several(several) => {
                let construct = format!("a write that touches several shards ({})", several.reason);
                Err(Unsupported::with_hint(construct, SEVERAL_SHARDS_HINT).into())
            }
        }
    }

    fn written_table(&self, name: &TableName) -> Result<&Table, Refusal> {
        self.own_schema(name)?;
        self.schema.table(&name.name).ok_or_else(|| self.no_such_table(name))
    }

    fn plan_home_write(&self, sql: &Sql) -> Plan {
        let reason = "unsharded tables lie on the home shard".to_owned();
        self.write_to(Route::Home, self.topology.home().id.clone(), sql.text.clone(), false, reason)
    }

    fn plan_reference_write(&self, sql: &Sql, table: &Table) -> Result<Plan, Refusal> {
        match self.only_owner() {
            Some(shard) => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.write_to(Route::Reference, shard, sql.text.clone(), true, reason))
            }
            None => {
                let construct = format!("a write to the reference table {} while there are several shards", table.name);
                Err(Unsupported::with_hint(construct, "atomic writes across shards are not supported yet").into())
            }
        }
    }

    fn plan_view_write(&self, sql: &Sql, table: &Table) -> Result<Plan, Refusal> {
        match self.only_owner() {
            Some(shard) if self.topology.moves().is_empty() => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.write_to(Route::Single, shard, sql.text.clone(), true, reason))
            }
            _ => {
                let construct = format!("a write through the view {}", table.name);
                Err(Unsupported::with_hint(construct, "write to its table").into())
            }
        }
    }

    /// The slots of all rows; `None` if the server computes a key itself, which only a lone owner may.
    fn slots_of_rows(
        &self,
        insert: &Insert,
        rows: &[Vec<InsertCell>],
        table: &Table,
        key: &str,
        key_type: KeyType,
    ) -> Result<Option<BTreeSet<Slot>>, Refusal> {
        let visible: Vec<&str>;
        let columns: Vec<&str> = match insert.columns.is_empty() {
            true => {
                visible = table.columns.iter().filter(|column| !column.invisible).map(|column| &*column.name).collect();
                visible
            }
            false => insert.columns.iter().map(String::as_str).collect(),
        };
        let position = columns.iter().position(|column| column.eq_ignore_ascii_case(key));
        let mut slots = Some(BTreeSet::new());
        for row in rows {
            let cell = position.and_then(|position| row.get(position)).unwrap_or(&InsertCell::Default);
            match self.slot_of_cell(cell, table, key, key_type)? {
                Some(slot) => {
                    slots.as_mut().map(|slots| slots.insert(slot));
                }
                None => slots = None,
            }
        }
        Ok(slots)
    }

    fn slot_of_cell(
        &self,
        cell: &InsertCell,
        table: &Table,
        key: &str,
        key_type: KeyType,
    ) -> Result<Option<Slot>, Refusal> {
        let column = table.column(key);
        let generated = column.is_some_and(|column| column.auto_increment);
        let lone = self.only_owner().is_some();
        let refuse = |message: String, hint: &str| Err(Refusal::BadKey { message, hint: hint.to_owned() });
        let name = format!("`{key}`, the sharding key of {}", table.name);
        match cell {
            InsertCell::Default | InsertCell::Literal(KeyLiteral::Null) if generated && lone => Ok(None),
            InsertCell::Default if lone && column.is_some_and(|column| column.has_default) => Ok(None),
            InsertCell::Default => refuse(format!("the row has no value for {name}"), "give every row its key"),
            InsertCell::Literal(KeyLiteral::Null) => {
                refuse(format!("NULL cannot be a value of {name}"), "give every row its key")
            }
            InsertCell::Literal(KeyLiteral::Other) if lone && key_type != KeyType::TextCaseInsensitive => Ok(None),
            InsertCell::Literal(literal) => match key_type.slot_of(literal) {
                KeySlot::Slot(slot) => Ok(Some(slot)),
                KeySlot::Null | KeySlot::Inexact => refuse(
                    format!("the value for {name} does not convert exactly to its type"),
                    &format!("write {key_type}"),
                ),
            },
        }
    }

    fn check_key_assignment(
        &self,
        change: &Change,
        table: &Table,
        key: &str,
        key_type: KeyType,
    ) -> Result<(), Refusal> {
        let assigned = change.assignments.iter().find(|(column, _)| column.eq_ignore_ascii_case(key));
        let Some((_, literal)) = assigned else { return Ok(()) };
        if self.only_owner().is_none() {
            return Err(key_change(key, table));
        }
        self.slot_of_cell(&InsertCell::Literal(literal.clone()), table, key, key_type).map(|_| ())
    }

    /// Ids drawn on several shards would collide.
    fn check_auto_increment(&self, insert: &Insert, table: &Table) -> Result<(), Refusal> {
        let Some(column) = table.columns.iter().find(|column| column.auto_increment) else { return Ok(()) };
        let drawn = |cell: Option<&InsertCell>| match cell {
            None | Some(InsertCell::Default | InsertCell::Literal(KeyLiteral::Null)) => true,
            Some(InsertCell::Literal(KeyLiteral::Integer(digits))) => digits.trim_start_matches('0').is_empty(),
            Some(InsertCell::Literal(_)) => false,
        };
        let position = match insert.columns.is_empty() {
            true => table.columns.iter().filter(|column| !column.invisible).position(|other| other.name == column.name),
            false => insert.columns.iter().position(|name| name.eq_ignore_ascii_case(&column.name)),
        };
        let any_drawn = match &insert.rows {
            InsertRows::Values(rows) => rows.iter().any(|row| drawn(position.and_then(|position| row.get(position)))),
            InsertRows::Query => true,
        };
        match any_drawn {
            true => Err(Unsupported::with_hint(
                format!("drawing AUTO_INCREMENT `{}` of {} on several shards", column.name, table.name),
                format!("give a value for `{}`", column.name),
            )
            .into()),
            false => Ok(()),
        }
    }

    fn owner_of_all(&self, slots: &BTreeSet<Slot>) -> Result<ShardId, Refusal> {
        let owners: BTreeSet<&ShardId> = slots.iter().map(|&slot| &self.topology.owner(slot).id).collect();
        let mut owners = owners.into_iter();
        match (owners.next(), owners.next()) {
            (Some(shard), None) => Ok(shard.clone()),
            _ => Err(Unsupported::with_hint("an INSERT whose rows lie on several shards", SEVERAL_SHARDS_HINT).into()),
        }
    }

    /// Refuses a write that reads rows of other shards than the one it goes to.
    fn reads_stay_on(&self, scopes: &[crate::sql::statement::Scope], shard: &ShardId) -> Result<(), Refusal> {
        let fits = match self.place(scopes)? {
            Place::Any => true,
            Place::Home => *shard == self.topology.home().id,
            Place::Shard { shard: read, .. } => read == *shard,
            Place::Several(_) => false,
        };
        match fits {
            true => Ok(()),
            false => Err(Unsupported::with_hint("a write that reads rows of other shards", SEVERAL_SHARDS_HINT).into()),
        }
    }

    fn any_moving(&self, slots: &BTreeSet<Slot>) -> bool {
        let moves = self.topology.moves();
        moves.iter().any(|slot_move| slots.iter().any(|&slot| slot_move.slots.contains(slot)))
    }
}

fn key_change(key: &str, table: &Table) -> Refusal {
    let hint = "delete the row and insert it under its new key";
    Unsupported::with_hint(format!("changing `{key}`, the sharding key of {}, over several shards", table.name), hint)
        .into()
}

fn unusable(table: &Table, reason: &str) -> Refusal {
    Refusal::UnusableTable { table: table.name.clone(), reason: reason.to_owned() }
}
