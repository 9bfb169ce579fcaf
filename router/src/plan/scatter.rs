//! A SELECT for several shards whose rows lie together: the statement for each, and which rows are its own.

use std::ops::Range;

use keyspace::keys::KeySlot;
use keyspace::schema::{Table, TableKind, quote};
use keyspace::topology::{MovePhase, ShardId};

use super::floats::{expand_floats, is_float};
use super::planner::Planner;
use super::question::Question;
use super::refusal::Refusal;
use super::select::Query;
use super::tree::{Node, Part, Plan, ReadNode};
use crate::sql::meaning::statement::{Condition, Operand, Read, Scope, Shape};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::sql::text::splice::splice;

impl Planner<'_> {
    pub fn plan_scatter(&self, question: &Question) -> Result<Plan, Refusal> {
        let Question { sql, read, several, .. } = question;
        let shape = read.shape.as_ref().map_err(|why| question.refusal(why.clone()))?;
        let Some(list) = &read.list else {
            return Err(question.refusal(Unsupported::new("this form of SELECT")).into());
        };
        let filters = self.scatter_filters(question).map_err(|why| question.refusal(why))?;
        let query = Query { scope: &read.scopes[0], shape, list, schema: self.schema };
        let (mut select, tail, merge, float_columns) = match shape.grouped || shape.distinct {
            true => query.grouped()?,
            false => query.plain()?,
        };
        select.insert_str(0, "SELECT ");
        let parts = several.shards.iter().zip(filters).map(|(shard, filter)| {
            let condition = shape.where_.as_ref().map(|_| self.own_condition(sql, read, shape, shard));
            let where_ = where_clause(condition.as_deref(), filter.as_deref());
            Part { shard: shard.clone(), sql: format!("{select} FROM {}{where_}{tail}", shape.from) }
        });
        Ok(Plan {
            route: several.route,
            reason: several.reason.clone(),
            node: Node::Read(ReadNode {
                parts: parts.collect(),
                merge,
                float_columns,
                recheck: several.shards.iter().any(|shard| self.is_moving(shard)),
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    /// The WHERE for one shard, with its own part of each list of keys.
    fn own_condition(&self, sql: &Sql, read: &Read, shape: &Shape, shard: &ShardId) -> String {
        let condition = shape.where_.clone().unwrap_or_default();
        let edits = read.scopes[0].conditions.iter().filter_map(|listed| {
            let (range, own) = self.own_keys(sql, read, listed, shard)?;
            let inside = range.start.checked_sub(shape.where_at)?..range.end.checked_sub(shape.where_at)?;
            (inside.end <= condition.len()).then_some((inside, own))
        });
        splice(&condition, edits.collect())
    }

    /// Where a list of keys stands in the text, and those of it that lie on a shard.
    fn own_keys(&self, sql: &Sql, read: &Read, listed: &Condition, shard: &ShardId) -> Option<(Range<usize>, String)> {
        let Operand::Literals(literals) = &listed.operand else { return None };
        let (0, table, column) = self.resolve(&read.scopes, 0, &listed.column)? else { return None };
        let (key, key_type) = self.schema.table(&read.scopes[0].tables[table].table.name)?.shard_key()?;
        if listed.only.is_some() || literals.len() < 2 || !key.eq_ignore_ascii_case(&column) {
            return None;
        }
        let token = |at: usize| sql.tokens.iter().find(|lexeme| lexeme.range.start == at);
        let mut own = Vec::new();
        for literal in literals {
            match key_type.slot_of(&literal.value) {
                KeySlot::Slot(slot) if self.topology.owner(slot).id == *shard => {
                    own.push(sql.slice(token(literal.at?)?.range.clone()));
                }
                KeySlot::Slot(_) | KeySlot::Null => {}
                KeySlot::Inexact => return None,
            }
        }
        let range = literals.first()?.at?..token(literals.last()?.at?)?.range.end;
        // Literals and the commas between them, and nothing else.
        let within =
            sql.tokens.iter().filter(|lexeme| range.start <= lexeme.range.start && lexeme.range.end <= range.end);
        (within.count() == 2 * literals.len() - 1 && !own.is_empty()).then(|| (range, own.join(", ")))
    }

    /// What each shard must add to its WHERE so that it answers for rows that are its own.
    pub fn scatter_filters(&self, question: &Question) -> Result<Vec<Option<String>>, Unsupported> {
        let Question { read, several, .. } = question;
        if let [Scope { tables, derived, .. }] = &read.scopes[..]
            && let ([used], []) = (&tables[..], &derived[..])
            && let Some(table) = self.schema.table(&used.table.name)
        {
            let shards = several.shards.iter();
            return Ok(shards.map(|shard| self.ownership_filter(shard, table, &used.alias)).collect());
        }
        if !self.is_together(read, question.relations()?) {
            return Err(Unsupported::new(match read.scopes.len() {
                1 => "a join of rows that lie on different shards",
                _ => "a subquery over rows that lie on different shards",
            }));
        }
        // In an outer join or a subquery the filter would have to stand with each table.
        match several.shards.iter().any(|shard| self.has_surplus(shard)) {
            true => Err(Unsupported::new("a join or subquery while rows move")),
            false => Ok(vec![None; several.shards.len()]),
        }
    }

    /// Whether a shard has rows that are also somewhere else: copied but not switched, switched but not cleaned up.
    pub fn has_surplus(&self, shard: &ShardId) -> bool {
        self.topology.moves().iter().any(|slot_move| match slot_move.phase {
            MovePhase::Announced => slot_move.target == *shard,
            MovePhase::Switched => slot_move.source == *shard,
        })
    }

    /// Hides rows that are also somewhere else.
    pub fn ownership_filter(&self, shard: &ShardId, table: &Table, alias: &str) -> Option<String> {
        let TableKind::Sharded { key, key_type } = &table.kind else { return None };
        self.has_surplus(shard)
            .then(|| key_type.slot_in_sql(&format!("{}.{}", quote(alias), quote(key)), &self.topology.owned(shard)))
    }

    /// The text to send to a lone shard, and which of its columns are FLOATs read as DOUBLE.
    pub fn read_floats(&self, sql: &Sql, read: &Read) -> Result<(String, Vec<usize>), Refusal> {
        let unchanged = || Ok((sql.text.clone(), Vec::new()));
        let (Some(list), Some(scope)) = (&read.list, read.scopes.first()) else { return unchanged() };
        let tables: Vec<&Table> = scope.tables.iter().filter_map(|used| self.schema.table(&used.table.name)).collect();
        if !tables.iter().any(|table| table.columns.iter().any(is_float)) {
            return unchanged();
        }
        let items = expand_floats(list, scope, self.schema)?;
        let float_columns =
            items.iter().enumerate().filter(|(_, item)| item.1).map(|(index, _)| index).collect::<Vec<_>>();
        if float_columns.is_empty() {
            return unchanged();
        }
        let items: Vec<String> = items.into_iter().map(|(text, _)| text).collect();
        Ok((format!("SELECT {} {} {}", list.modifiers, items.join(", "), list.rest), float_columns))
    }
}

/// WHERE of the client's condition and the shard's own.
pub fn where_clause(condition: Option<&str>, filter: Option<&str>) -> String {
    match (condition, filter) {
        (Some(condition), Some(filter)) => format!(" WHERE ({condition}) AND {filter}"),
        (Some(condition), None) => format!(" WHERE {condition}"),
        (None, Some(filter)) => format!(" WHERE {filter}"),
        (None, None) => String::new(),
    }
}
