//! INSERT and REPLACE: each row to the shard that owns its key.

use std::collections::{BTreeMap, BTreeSet};

use keyspace::keys::{KeyLiteral, KeySlot, KeyType};
use keyspace::schema::{Table, TableColumn, TableKind, quote};
use keyspace::slots::Slot;
use keyspace::topology::ShardId;

use super::change::{can_be_undone, key_change, unusable};
use super::place::Place;
use super::planner::Planner;
use super::refusal::Refusal;
use super::tree::IdsWanted;
use super::tree::{Node, Part, Plan, Refill, Route, WriteNode, WritePart};
use super::unique::Value;
use crate::sql::meaning::analyse::analyse;
use crate::sql::meaning::statement::{Insert, InsertCell, InsertRows, Scope, Statement, Update};
use crate::sql::read::error::Unsupported;
use crate::sql::read::read;
use crate::sql::read::source::Sql;
use crate::sql::text::rows::{InsertText, RowText, SourceText, insert_text};
use crate::sql::text::splice::splice;

impl Planner<'_> {
    pub fn plan_insert(&self, sql: &Sql, insert: &Insert) -> Result<Plan, Refusal> {
        let table = self.written_table(&insert.table)?;
        let (key, key_type) = match &table.kind {
            TableKind::Sharded { key, key_type } => (key, *key_type),
            TableKind::Reference if self.only_owner().is_none() => {
                return self.plan_reference_insert(sql, insert, table);
            }
            TableKind::Reference => return self.plan_reference_write(sql, table),
            TableKind::Unsharded => {
                if let (InsertRows::Query, Err(_)) =
                    (&insert.rows, self.check_reads_only_from(&insert.scopes, self.home()))
                {
                    return self.plan_refill(sql, insert);
                }
                self.check_reads_only_from(&insert.scopes, self.home())?;
                return Ok(self.plan_home_write(sql));
            }
            TableKind::View => return self.plan_view_write(sql, table),
            TableKind::Unusable { reason } => return Err(unusable(table, reason)),
        };
        let only_owner = self.only_owner();
        if only_owner.is_none() {
            let changes_key = |update: &Update| update.column.eq_ignore_ascii_case(key) && !update.is_own_value;
            if insert.updates.iter().any(changes_key) {
                return Err(key_change(key, table, "where a row is there already"));
            }
            self.check_updates(insert, table)?;
        }
        let slots = match &insert.rows {
            InsertRows::Values(rows) => self.slots_of_rows(insert, rows, table, key, key_type)?,
            InsertRows::Query => None,
        };
        match (only_owner, slots) {
            (Some(shard), slots) => {
                let moving = slots.as_ref().is_none_or(|slots| self.any_moving(slots))
                    || self.may_clash_behind_switch(table, None);
                let reason = "one shard owns every row".to_owned();
                let plan = self.write_to(Route::Single, shard, sql.text.clone(), moving, reason);
                Ok(Plan { slots: slots.unwrap_or_default(), ..plan })
            }
            (None, None) => self.plan_refill(sql, insert),
            (None, Some(slots)) => self.plan_rows(sql, insert, table, &slots),
        }
    }

    /// Rows whose slots are known, for one shard of several or for more.
    fn plan_rows(&self, sql: &Sql, insert: &Insert, table: &Table, slots: &[Slot]) -> Result<Plan, Refusal> {
        let mut rows_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, &slot) in slots.iter().enumerate() {
            rows_of.entry(self.topology.position(slot)).or_default().push(row);
        }
        let shards: Vec<ShardId> = rows_of.keys().map(|&index| self.topology.shards()[index].id.clone()).collect();
        for shard in &shards {
            self.check_reads_only_from(&insert.scopes, shard)?;
        }
        if shards.len() > 1 {
            can_be_undone(table)?;
        }
        let text = insert_text(sql).ok_or_else(|| Unsupported::new("this form of INSERT over several shards"))?;
        let columns = match (&text.columns, &text.source) {
            // Another router's change of the table must not give the values another meaning than they had here.
            (None, SourceText::Values(rows)) if rows.iter().all(|row| !row.cells.is_empty()) => Some(names(table)),
            _ => None,
        };
        let uniqueness = self.uniqueness_of_rows(sql, insert, table, &text)?;
        let last_row = slots.len() - 1;
        let mut last_row_in = 0;
        let mut parts = Vec::new();
        for (index, (shard, rows)) in shards.iter().zip(rows_of.into_values()).enumerate() {
            if rows.contains(&last_row) {
                last_row_in = index;
            }
            let own: BTreeSet<Slot> = rows.iter().map(|&row| slots[row]).collect();
            let sql = own_rows(sql, &text, &rows, columns.as_deref());
            let fenced = self.is_source(shard) && self.any_moving(&own);
            parts.push(WritePart { part: Part { shard: shard.clone(), sql }, fenced, rows });
        }
        let (route, reason) = match &shards[..] {
            [shard] => (Route::Single, format!("every row's sharding key lies on {shard}")),
            several => (Route::Multi, format!("the rows' sharding keys lie on {} shards", several.len())),
        };
        let is_split = parts.len() > 1;
        let node = WriteNode {
            parts,
            copies: false,
            all_write: true,
            last_row_in,
            uniqueness,
            relocation: None,
            clock: if is_split { self.pinned_clock(sql, table) } else { None },
            rows: if is_split { single_rows(sql, &text, slots, columns.as_deref(), self) } else { Vec::new() },
            forgives_checks: is_split && insert.ignores && self.schema.is_mariadb(),
        };
        let epoch = self.topology.epoch();
        Ok(Plan { route, reason, node: Node::Write(node), epoch, stains: false, slots: slots.to_vec() })
    }

    fn plan_reference_insert(&self, sql: &Sql, insert: &Insert, table: &Table) -> Result<Plan, Refusal> {
        if let InsertRows::Query = insert.rows {
            return self.plan_refill(sql, insert);
        }
        if !matches!(self.place(&insert.scopes)?, Place::Any) {
            return Err(Unsupported::new("a write to a reference table that reads other tables").into());
        }
        let is_given = |column: &TableColumn| {
            insert.columns.is_empty() || insert.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name))
        };
        if let Some(column) = table.columns.iter().find(|column| column.volatile_default && !is_given(column)) {
            let construct = format!("the default of `{}`, another one on each shard,", column.name);
            return Err(Unsupported::with_hint(construct, "give it a value").into());
        }
        self.plan_reference_write(sql, table)
    }

    /// INSERT … SELECT whose rows come from elsewhere: they are read first and then inserted as VALUES.
    fn plan_refill(&self, sql: &Sql, insert: &Insert) -> Result<Plan, Refusal> {
        let unsupported = || Unsupported::new("this form of INSERT … SELECT over several shards");
        let text = insert_text(sql).ok_or_else(unsupported)?;
        let SourceText::Query(range) = &text.source else { return Err(unsupported().into()) };
        let tail = &sql.text[range.end..];
        let source = read(sql.slice(range.clone()), &[]).map_err(|_| unsupported())?;
        let Ok(Statement::Read(query)) = analyse(&source) else { return Err(unsupported().into()) };
        if query.scopes.iter().any(|scope| {
            scope.tables.iter().any(|used| self.names_column_of(sql, range.end, used.alias.as_str(), insert))
        }) {
            let hint = "use VALUES(column) there";
            return Err(
                Unsupported::with_hint("ON DUPLICATE KEY UPDATE from the selected tables' columns", hint).into()
            );
        }
        let plan = self.plan_read(&source, &query)?;
        Ok(Plan {
            stains: false,
            route: plan.route,
            reason: format!("{}; the selected rows are inserted where they belong", plan.reason),
            epoch: plan.epoch,
            // Those of its rows are named when they are known.
            slots: Vec::new(),
            node: Node::Refill(Refill {
                source: Box::new(plan),
                head: sql.text[..range.start].to_owned(),
                tail: tail.to_owned(),
            }),
        })
    }

    /// Whether `alias.` stands behind a byte of the text, for another table than the one inserted into.
    fn names_column_of(&self, sql: &Sql, from: usize, alias: &str, insert: &Insert) -> bool {
        !alias.eq_ignore_ascii_case(&insert.table.name) && sql.qualifies(from, alias)
    }

    /// The slots of all rows, row by row; `None` if the server computes a key itself, which only a lone owner may.
    fn slots_of_rows(
        &self,
        insert: &Insert,
        rows: &[Vec<InsertCell>],
        table: &Table,
        key: &str,
        key_type: KeyType,
    ) -> Result<Option<Vec<Slot>>, Refusal> {
        let position = position_of(insert, table, key);
        let mut slots = Some(Vec::new());
        for row in rows {
            let cell = position.and_then(|position| row.get(position)).unwrap_or(&InsertCell::Default);
            match self.slot_of_cell(cell, table, key, key_type)? {
                Some(slot) => slots.iter_mut().for_each(|slots| slots.push(slot)),
                None => slots = None,
            }
        }
        Ok(slots)
    }

    pub fn slot_of_cell(
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

    /// The ids that an INSERT takes from its table's sequence; `None`: none, or the server draws them, as it may while
    /// one shard owns every row and none are moving.
    pub fn ids_wanted(&self, insert: &Insert) -> Option<IdsWanted> {
        let table = self.schema.table(&insert.table.name)?;
        let is_shared = matches!(table.kind, TableKind::Sharded { .. } | TableKind::Reference);
        if !is_shared || self.only_owner().is_some() && self.topology.moves().is_empty() {
            return None;
        }
        self.ids_of(insert)
    }

    /// The ids that the rows of an INSERT bring, or leave to be drawn; `None` if its table draws none.
    pub fn ids_of(&self, insert: &Insert) -> Option<IdsWanted> {
        let table = self.schema.table(&insert.table.name)?;
        let column = table.columns.iter().find(|column| column.auto_increment)?;
        let InsertRows::Values(rows) = &insert.rows else { return None };
        let position = position_of(insert, table, &column.name);
        let given = |row: &Vec<InsertCell>| match position.and_then(|position| row.get(position)) {
            None | Some(InsertCell::Default | InsertCell::Literal(KeyLiteral::Null)) => Some(0),
            Some(InsertCell::Literal(KeyLiteral::Integer(digits) | KeyLiteral::Text(digits))) => digits.parse().ok(),
            Some(InsertCell::Literal(_)) => None,
        };
        let rows: Vec<Option<u64>> = rows.iter().map(given).collect();
        rows.iter().any(Option::is_some).then(|| IdsWanted {
            table: table.name.clone(),
            column: column.name.clone(),
            rows,
        })
    }

    /// The statement with `ids`, in row order, for the rows that have none.
    pub fn with_ids(&self, sql: &Sql, insert: &Insert, wanted: &IdsWanted, ids: &[u64]) -> Option<String> {
        let table = self.schema.table(&insert.table.name)?;
        let text = insert_text(sql)?;
        let position = position_of(insert, table, &wanted.column);
        let column = quote(&wanted.column);
        let mut ids = ids.iter();
        let mut edits = Vec::new();
        match (&text.source, position) {
            (SourceText::Set { values, .. }, Some(position)) => {
                edits.push((values.get(position)?.clone(), ids.next()?.to_string()));
            }
            (SourceText::Set { first, .. }, None) => {
                edits.push((*first..*first, format!("{column} = {}, ", ids.next()?)))
            }
            (SourceText::Values(rows), position) => {
                if position.is_none() || rows.iter().all(|row| row.cells.is_empty()) {
                    // The column is new to the list.
                    edits.push(match &text.columns {
                        Some(columns) if insert.columns.is_empty() => (columns.end - 1..columns.end - 1, column),
                        Some(columns) => (columns.end - 1..columns.end - 1, format!(", {column}")),
                        None if rows.iter().all(|row| row.cells.is_empty()) => {
                            (text.after_table..text.after_table, format!(" ({column})"))
                        }
                        // It is invisible, and the others are given by their places.
                        None => return None,
                    });
                }
                let drawn = rows.iter().zip(&wanted.rows).filter(|(_, id)| **id == Some(0));
                for (RowText { range, cells }, _) in drawn {
                    let id = ids.next()?;
                    edits.push(match position.and_then(|position| cells.get(position)) {
                        Some(cell) => (cell.clone(), id.to_string()),
                        None if cells.is_empty() => (range.end - 1..range.end - 1, id.to_string()),
                        None => (range.end - 1..range.end - 1, format!(", {id}")),
                    });
                }
            }
            (SourceText::Query(_), _) => return None,
        }
        Some(splice(&sql.text, edits))
    }

    /// Refuses ON DUPLICATE KEY UPDATE of what other shards would have to be asked about.
    fn check_updates(&self, insert: &Insert, table: &Table) -> Result<(), Refusal> {
        for index in self.local_indexes(table) {
            let is_of = |update: &&Update| {
                !update.is_own_value && index.columns.iter().any(|column| column.eq_ignore_ascii_case(&update.column))
            };
            if let Some(update) = insert.updates.iter().find(is_of) {
                let construct = format!(
                    "ON DUPLICATE KEY UPDATE of `{}`, of the unique index {}, which lacks the sharding key,",
                    update.column, index.name
                );
                let hint = "use UPDATE, or name the table in allow_local_unique";
                return Err(Unsupported::with_hint(construct, hint).into());
            }
        }
        Ok(())
    }

    fn uniqueness_of_rows(
        &self,
        sql: &Sql,
        insert: &Insert,
        table: &Table,
        text: &InsertText,
    ) -> Result<Option<super::tree::Uniqueness>, Refusal> {
        let InsertRows::Values(rows) = &insert.rows else { return Ok(None) };
        if self.local_indexes(table).next().is_none() {
            return Ok(None);
        }
        let mut values: Vec<BTreeMap<String, Value>> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let mut of_row = BTreeMap::new();
            for column in &table.columns {
                let position = position_of(insert, table, &column.name);
                let value = match position.and_then(|position| Some((row.get(position)?, position))) {
                    Some((InsertCell::Literal(literal), position)) => {
                        let range = match &text.source {
                            SourceText::Values(rows) => &rows[index].cells[position],
                            SourceText::Set { values, .. } => &values[position],
                            SourceText::Query(_) => continue,
                        };
                        Value::of(literal, sql.slice(range.clone()))
                    }
                    _ if column.has_default => Value::Unknown,
                    _ => Value::Null,
                };
                of_row.insert(column.name.to_lowercase(), value);
            }
            values.push(of_row);
        }
        let only_tells = insert.keeps_duplicates || !insert.updates.is_empty();
        self.uniqueness(table, &values, None, only_tells)
    }

    /// Refuses a write that reads rows of other shards than the one it goes to.
    pub fn check_reads_only_from(&self, scopes: &[Scope], shard: &ShardId) -> Result<(), Refusal> {
        let fits = match self.place(scopes)? {
            Place::Any => true,
            Place::Home => *shard == *self.home(),
            Place::Shard { shard: read, .. } => read == *shard,
            Place::Several(_) => false,
        };
        let hint = "read the values first, and send them as literals";
        match fits {
            true => Ok(()),
            false => Err(Unsupported::with_hint("a write that reads rows of other shards", hint).into()),
        }
    }
}

/// The place of a column in a row of the statement.
fn position_of(insert: &Insert, table: &Table, column: &str) -> Option<usize> {
    match insert.columns.is_empty() {
        true => visible(table).position(|name| name.eq_ignore_ascii_case(column)),
        false => insert.columns.iter().position(|name| name.eq_ignore_ascii_case(column)),
    }
}

fn visible(table: &Table) -> impl Iterator<Item = &str> {
    table.columns.iter().filter(|column| !column.invisible).map(|column| &*column.name)
}

fn names(table: &Table) -> String {
    format!(" ({})", visible(table).map(quote).collect::<Vec<_>>().join(", "))
}

/// Each row by itself, with its shard, to find out which one a server complains of first; none if they are many.
fn single_rows(sql: &Sql, text: &InsertText, slots: &[Slot], columns: Option<&str>, planner: &Planner) -> Vec<Part> {
    const MOST: usize = 200;
    // What is not rows is in each of them.
    const MOST_BYTES: usize = 1 << 20;
    let rows_bytes = match &text.source {
        SourceText::Values(rows) => rows.iter().map(|row| row.range.len()).sum(),
        SourceText::Set { .. } | SourceText::Query(_) => 0,
    };
    if slots.len() > MOST || slots.len() * sql.text.len().saturating_sub(rows_bytes) > MOST_BYTES {
        return Vec::new();
    }
    let part = |(row, slot): (usize, &Slot)| Part {
        shard: planner.topology.owner(*slot).id.clone(),
        sql: own_rows(sql, text, &[row], columns),
    };
    slots.iter().enumerate().map(part).collect()
}

/// The statement with some of its rows.
fn own_rows(sql: &Sql, text: &InsertText, rows: &[usize], columns: Option<&str>) -> String {
    let mut edits = Vec::new();
    if let SourceText::Values(all) = &text.source {
        let kept: Vec<&str> = rows.iter().map(|&row| sql.slice(all[row].range.clone())).collect();
        if let (Some(first), Some(last), true) = (all.first(), all.last(), kept.len() < all.len()) {
            edits.push((first.range.start..last.range.end, kept.join(", ")));
        }
    }
    edits.extend(columns.map(|columns| (text.after_table..text.after_table, columns.to_owned())));
    splice(&sql.text, edits)
}
