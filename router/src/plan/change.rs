//! UPDATE and DELETE: to the shards whose rows they can change.

use std::collections::{BTreeMap, BTreeSet};

use keyspace::keys::KeyLiteral;
use keyspace::schema::{Table, TableKind, quote};
use keyspace::slots::Slot;
use keyspace::topology::ShardId;

use super::place::{Place, Several};
use super::planner::Planner;
use super::question::Question;
use super::refusal::Refusal;
use super::tree::{Node, Part, Plan, Relocation, Route, WriteNode, WritePart};
use super::unique::Value;
use crate::sql::meaning::analyse::analyse;
use crate::sql::meaning::statement::{Assignment, Change, InsertCell, Statement};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;
use crate::sql::text::conditions::change_as_select;
use crate::sql::text::conditions::change_text;

/// What differs from server to server, and is no clock.
const LOCAL_FUNCTIONS: [&str; 12] = [
    "rand",
    "uuid",
    "uuid_short",
    "random_bytes",
    "sysdate",
    "connection_id",
    "sys_guid",
    "user",
    "current_user",
    "session_user",
    "system_user",
    "sleep",
];

/// Functions of the clock, which is the same for all parts of a statement.
const CLOCK: [&str; 13] = [
    "now",
    "curdate",
    "curtime",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "unix_timestamp",
    "sysdate",
];

impl Planner<'_> {
    pub fn plan_change(&self, sql: &Sql, change: &Change) -> Result<Plan, Refusal> {
        let written = self.written_tables(change)?;
        let table = *written.first().ok_or_else(|| Unsupported::new("a change without a table"))?;
        if let Some(other) =
            written.iter().find(|other| std::mem::discriminant(&other.kind) != std::mem::discriminant(&table.kind))
        {
            let construct =
                format!("one change of {} and {}, whose rows lie in different ways,", table.name, other.name);
            return Err(Unsupported::with_hint(construct, "change one after the other").into());
        }
        match &table.kind {
            TableKind::Sharded { .. } | TableKind::Unsharded => {}
            TableKind::Reference => return self.plan_reference_change(sql, change, table),
            TableKind::View => return self.plan_view_write(sql, table),
            TableKind::Unusable { reason } => return Err(unusable(table, reason)),
        }
        let new_slot = self.new_slot(change, &written)?;
        match self.place(&change.scopes)? {
            Place::Home | Place::Any if table.kind == TableKind::Unsharded => Ok(self.plan_home_write(sql)),
            // Its key is compared with NULL: no row anywhere.
            Place::Home | Place::Any => {
                let reason = "the sharding key equals NULL, which no row does".to_owned();
                Ok(self.write_to(Route::Single, self.home().clone(), sql.text.clone(), false, reason))
            }
            Place::Shard { shard, reason, slots, may_touch_others } => {
                if table.kind == TableKind::Unsharded && shard != *self.home() {
                    return self.check_reads_only_from(&change.scopes, self.home()).map(|()| self.plan_home_write(sql));
                }
                let moving = may_touch_others
                    || self.any_moving(&slots)
                    || self.may_clash_behind_switch(table, Some(&assigned_columns(change)));
                let route = if table.kind == TableKind::Unsharded { Route::Home } else { Route::Single };
                let mut plan = self.write_to(route, shard.clone(), sql.text.clone(), moving, reason);
                plan.slots = slots.into_iter().collect();
                if self.only_owner().is_none()
                    && let Node::Write(node) = &mut plan.node
                {
                    node.uniqueness = self.uniqueness_of_change(change, table)?;
                    node.relocation = self.relocation(change, table, new_slot, &[shard])?;
                }
                Ok(plan)
            }
            Place::Several(several) if matches!(table.kind, TableKind::Sharded { .. }) => {
                self.plan_change_several(sql, change, table, new_slot, &several)
            }
            Place::Several(_) => {
                self.check_reads_only_from(&change.scopes, self.home())?;
                Ok(self.plan_home_write(sql))
            }
        }
    }

    fn plan_change_several(
        &self,
        sql: &Sql,
        change: &Change,
        table: &Table,
        new_slot: Option<Slot>,
        several: &Several,
    ) -> Result<Plan, Refusal> {
        let refuse = |construct: &str| {
            let hint = format!("name the sharding key: {}", several.reason);
            Err(Unsupported::with_hint(format!("{construct} over several shards"), hint).into())
        };
        if change.has_limit {
            return refuse("LIMIT in a change");
        }
        can_be_undone(table)?;
        let is_alone = change.scopes.len() == 1 && change.scopes[0].tables.len() == 1;
        if !is_alone {
            self.check_together(sql, several)?;
        }
        let is_moving = several.shards.iter().any(|shard| self.has_surplus(shard));
        if is_moving && !is_alone {
            return Err(Refusal::MoveInProgress("rows cannot be changed with a join or subquery over several shards"));
        }
        let alias = &change.scopes[0].tables[0].alias;
        let mut parts = Vec::new();
        for shard in &several.shards {
            let sql = match self.ownership_filter(shard, table, alias) {
                Some(filter) => match change_text(sql) {
                    Some(text) => text.with(sql, &filter),
                    None => return refuse("this form of change"),
                },
                None => sql.text.clone(),
            };
            parts.push(WritePart {
                part: Part { shard: shard.clone(), sql },
                fenced: self.is_source(shard),
                rows: Vec::new(),
            });
        }
        let node = WriteNode {
            parts,
            copies: false,
            all_write: several.route == Route::Multi,
            last_row_in: 0,
            uniqueness: self.uniqueness_of_change(change, table)?,
            relocation: self.relocation(change, table, new_slot, &several.shards)?,
            clock: self.pinned_clock(sql, table),
            rows: Vec::new(),
            forgives_checks: false,
        };
        Ok(Plan {
            route: several.route,
            reason: several.reason.clone(),
            node: Node::Write(node),
            epoch: self.topology.epoch(),
            stains: false,
            slots: several.slots.iter().copied().collect(),
        })
    }

    /// Refuses a change that puts together rows of different shards. What it reads is looked at as a SELECT's would be.
    fn check_together(&self, sql: &Sql, several: &Several) -> Result<(), Refusal> {
        let refusal = || {
            let hint = "join the tables on their sharding keys, or read first and change by key";
            Unsupported::with_hint("a change with a join or subquery over rows that lie on different shards", hint)
        };
        let select = change_as_select(sql).ok_or_else(refusal)?;
        let Ok(Statement::Read(read)) = analyse(&select) else { return Err(refusal().into()) };
        let question = Question::new(&select, &read, several);
        match question.relations().is_ok_and(|relations| self.is_together(&read, relations)) {
            true => Ok(()),
            false => Err(refusal().into()),
        }
    }

    /// The tables that are changed. A column without its table's name is that of the first table that has it.
    fn written_tables(&self, change: &Change) -> Result<Vec<&Table>, Refusal> {
        let scope = change.scopes.first().ok_or_else(|| Unsupported::new("a change without a table"))?;
        let mut written = Vec::new();
        for (index, used) in scope.tables.iter().enumerate() {
            let named = |name: &str| used.alias.eq_ignore_ascii_case(name);
            let assigns = |assignment: &Assignment| match &assignment.column.qualifier {
                Some(qualifier) => named(qualifier),
                None => {
                    let has = |used: &crate::sql::meaning::statement::TableUse| {
                        self.schema
                            .table(&used.table.name)
                            .is_some_and(|table| table.column(&assignment.column.name).is_some())
                    };
                    scope.tables.iter().position(has).unwrap_or(0) == index
                }
            };
            let is_written = match (&change.assignments[..], &change.deleted[..]) {
                ([], []) => index == 0,
                (assignments, deleted) => assignments.iter().any(assigns) || deleted.iter().any(|name| named(name)),
            };
            if is_written {
                written.push(self.written_table(&used.table)?);
            }
        }
        Ok(written)
    }

    pub fn written_table(&self, name: &TableName) -> Result<&Table, Refusal> {
        self.own_schema(name)?;
        self.schema.table(&name.name).ok_or_else(|| self.no_such_table(name))
    }

    pub fn home(&self) -> &ShardId {
        &self.topology.home().id
    }

    /// Whether rows are on their way from a shard, and not switched yet.
    pub fn is_source(&self, shard: &ShardId) -> bool {
        let announced = keyspace::topology::MovePhase::Announced;
        self.topology.moves().iter().any(|slot_move| slot_move.source == *shard && slot_move.phase == announced)
    }

    pub fn plan_home_write(&self, sql: &Sql) -> Plan {
        let reason = "unsharded tables lie on the home shard".to_owned();
        self.write_to(Route::Home, self.home().clone(), sql.text.clone(), false, reason)
    }

    fn plan_reference_change(&self, sql: &Sql, change: &Change, table: &Table) -> Result<Plan, Refusal> {
        if self.only_owner().is_none() {
            if !matches!(self.place(&change.scopes)?, Place::Any) {
                let hint = "read the values first, and send them as literals";
                return Err(Unsupported::with_hint("a write to a reference table that reads other tables", hint).into());
            }
            if change.has_limit {
                return Err(Unsupported::with_hint("LIMIT in a change of a reference table", "name the rows").into());
            }
        }
        self.plan_reference_write(sql, table)
    }

    /// The same statement on every shard that has a copy.
    pub fn plan_reference_write(&self, sql: &Sql, table: &Table) -> Result<Plan, Refusal> {
        if let Some(shard) = self.only_owner().filter(|shard| shard == self.home()) {
            let reason = "one shard owns every row".to_owned();
            return Ok(self.write_to(Route::Reference, shard, sql.text.clone(), true, reason));
        }
        if let Some(function) = sql.calls(&LOCAL_FUNCTIONS) {
            let construct =
                format!("{}(), another one on each shard, in a write to a reference table", function.to_uppercase());
            return Err(Unsupported::with_hint(construct, "send its value as a literal").into());
        }
        can_be_undone(table)?;
        let mut holders: BTreeSet<&ShardId> = self.topology.owning_shards().iter().map(|shard| &shard.id).collect();
        holders.insert(self.home());
        let part = |shard: ShardId| WritePart {
            fenced: self.is_source(&shard),
            part: Part { shard, sql: sql.text.clone() },
            rows: Vec::new(),
        };
        let node = WriteNode {
            parts: self.shards_where(|shard| holders.contains(shard)).into_iter().map(part).collect(),
            copies: true,
            all_write: true,
            last_row_in: 0,
            uniqueness: None,
            relocation: None,
            clock: self.pinned_clock(sql, table),
            rows: Vec::new(),
            forgives_checks: false,
        };
        Ok(Plan {
            route: Route::Reference,
            reason: format!("every shard has all rows of {}", table.name),
            node: Node::Write(node),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    pub fn plan_view_write(&self, sql: &Sql, table: &Table) -> Result<Plan, Refusal> {
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

    /// What NOW() is to every part of a write, if that can matter.
    pub fn pinned_clock(&self, sql: &Sql, table: &Table) -> Option<String> {
        let matters = table.columns.iter().any(|column| column.clock) || sql.names_any(&CLOCK);
        matters.then(|| format!("{}.{:06}", self.now.as_second(), self.now.subsec_microsecond()))
    }

    /// The slot of the sharding key that is assigned, if one is.
    fn new_slot(&self, change: &Change, written: &[&Table]) -> Result<Option<Slot>, Refusal> {
        for table in written {
            let Some((key, key_type)) = table.shard_key() else { continue };
            let Some(literal) = assigned_key(change, table, key) else { continue };
            if self.only_owner().is_some() {
                self.slot_of_cell(&InsertCell::Literal(literal.clone()), table, key, key_type)?;
                return Ok(None);
            }
            let why = match literal {
                KeyLiteral::Other => Some("to a value that is no literal"),
                _ if written.len() > 1 || change.scopes[0].tables.len() > 1 => Some("in a change of several tables"),
                _ if table.has_triggers => Some("while triggers would fire for the row that moves"),
                _ if table.has_references => Some("while foreign keys lead to or from it"),
                _ => None,
            };
            if let Some(why) = why {
                return Err(key_change(key, table, why));
            }
            if !self.topology.moves().is_empty() {
                return Err(Refusal::MoveInProgress("a sharding key cannot be changed"));
            }
            return self.slot_of_cell(&InsertCell::Literal(literal.clone()), table, key, key_type);
        }
        Ok(None)
    }

    /// How rows get to the owner of their new key.
    fn relocation(
        &self,
        change: &Change,
        table: &Table,
        new_slot: Option<Slot>,
        shards: &[ShardId],
    ) -> Result<Option<Relocation>, Refusal> {
        let (Some(slot), Some((key, _))) = (new_slot, table.shard_key()) else { return Ok(None) };
        let target = self.topology.owner(slot).id.clone();
        if shards.iter().all(|shard| *shard == target) {
            return Ok(None);
        }
        let literal = assigned_key(change, table, key).cloned().unwrap_or(KeyLiteral::Other);
        let written = key_text(&literal).ok_or_else(|| key_change(key, table, "to a value of this form"))?;
        let stored = || table.columns.iter().filter(|column| !column.generated);
        let exact = stored().map(|column| match column.exact_type() {
            Some(exact) => format!("CAST({} AS {exact})", quote(&column.name)),
            None => quote(&column.name),
        });
        Ok(Some(Relocation {
            table: table.name.clone(),
            columns: stored().map(|column| quote(&column.name)).collect(),
            exact: exact.collect(),
            condition: format!("{} = {written}", quote(key)),
            target,
        }))
    }

    fn uniqueness_of_change(&self, change: &Change, table: &Table) -> Result<Option<super::tree::Uniqueness>, Refusal> {
        if change.assignments.is_empty() {
            return Ok(None);
        }
        let value = |assignment: &Assignment| {
            (assignment.column.name.to_lowercase(), Value::of(&assignment.value, &assignment.text))
        };
        let values: BTreeMap<String, Value> = change.assignments.iter().map(value).collect();
        self.uniqueness(table, &[values], Some(&assigned_columns(change)), false)
    }

    pub fn any_moving<'s>(&self, slots: impl IntoIterator<Item = &'s Slot> + Clone) -> bool {
        let moves = self.topology.moves();
        moves.iter().any(|slot_move| slots.clone().into_iter().any(|&slot| slot_move.slots.contains(slot)))
    }
}

fn assigned_columns(change: &Change) -> Vec<&str> {
    change.assignments.iter().map(|assignment| &*assignment.column.name).collect()
}

fn assigned_key<'a>(change: &'a Change, table: &Table, key: &str) -> Option<&'a KeyLiteral> {
    let used = change.scopes[0].tables.iter().find(|used| used.table.name.eq_ignore_ascii_case(&table.name))?;
    let is_it = |assignment: &&Assignment| {
        assignment.column.name.eq_ignore_ascii_case(key)
            && assignment.column.qualifier.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&used.alias))
    };
    // The last one holds.
    change.assignments.iter().rfind(is_it).map(|assignment| &assignment.value)
}

/// A key as SQL that means the same wherever it stands.
fn key_text(literal: &KeyLiteral) -> Option<String> {
    match literal {
        KeyLiteral::Integer(digits) => Some(digits.clone()),
        KeyLiteral::Text(text) => Some(keyspace::literal::quote_text(text)),
        KeyLiteral::Bytes(bytes) => {
            Some(format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        }
        KeyLiteral::Null | KeyLiteral::Other => None,
    }
}

pub fn key_change(key: &str, table: &Table, why: &str) -> Refusal {
    let hint = "delete the row and insert it under its new key";
    Unsupported::with_hint(
        format!("changing `{key}`, the sharding key of {}, {why}, over several shards", table.name),
        hint,
    )
    .into()
}

/// Refuses to write to several shards what one of them could not take back.
pub fn can_be_undone(table: &Table) -> Result<(), Refusal> {
    match table.has_transactions {
        true => Ok(()),
        false => {
            let construct = format!("a write to several shards of {}, whose engine has no transactions,", table.name);
            Err(Unsupported::with_hint(construct, format!("ALTER TABLE {} ENGINE=InnoDB", table.name)).into())
        }
    }
}

pub fn unusable(table: &Table, reason: &str) -> Refusal {
    Refusal::UnusableTable { table: table.name.clone(), reason: reason.to_owned() }
}
