//! A read that no merge can answer: the rows that matter are copied to one shard, and the statement runs there, over
//! the copies. So its meaning is the server's own, whatever is in it.

use std::collections::BTreeSet;

use keyspace::schema::{Table, TableColumn, TableKind, quote};
use keyspace::topology::ShardId;

use super::planner::Planner;
use super::question::Question;
use super::refusal::Refusal;
use super::tree::{Gather, Input, Node, Part, Plan, Route};
use crate::sql::meaning::statement::{Operand, Read};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::sql::text::relations::{Relation, Relations};
use crate::sql::text::splice::splice;

impl Planner<'_> {
    /// `why` is what stands in the way of merging, for `/explain`.
    pub fn plan_gather(&self, question: &Question, why: &Unsupported) -> Result<Plan, Refusal> {
        let Question { sql, read, .. } = question;
        let relations = question.relations().map_err(|why| question.refusal(why))?;
        let pins = self.pins(&read.scopes);
        let mut inputs = Vec::new();
        let mut edits = Vec::new();
        for relation in &relations.uses {
            let used = &read.scopes[relation.scope].tables[relation.table];
            let table = self.schema.table(&used.table.name).ok_or_else(|| self.no_such_table(&used.table))?;
            let TableKind::Sharded { key, key_type } = &table.kind else { continue };
            let shards = self.shards_of(&pins, (relation.scope, relation.table), key, *key_type);
            let scratch = format!("_autoscaler_{}", inputs.len());
            let alias = if relation.has_alias { String::new() } else { format!(" AS {}", quote(&used.alias)) };
            edits.push((relation.name.clone(), format!("{}{alias}", quote(&scratch))));
            let columns = needed_columns(table, sql, relations)?;
            inputs.push(self.input(read, relation, scratch, table, &columns, &shards));
        }
        let renamed = edits.iter().map(|(range, now)| (now.clone(), sql.slice(range.clone()).to_owned())).collect();
        let (text, float_columns) = self.read_floats(sql, read)?;
        let original = sql.text.clone();
        let sql = match float_columns.is_empty() {
            true => splice(&sql.text, edits),
            // The list was written anew, so that places in it are not those of the text any more.
            false => splice_rest(&sql.text, &text, edits).ok_or_else(|| {
                let construct = "a FLOAT column beside a subquery in the list";
                question.refusal(Unsupported::with_hint(construct, "cast it to DOUBLE"))
            })?,
        };
        let at = &self.topology.home().id;
        let asks = |shard: &ShardId| inputs.iter().flat_map(|input| &input.parts).any(|part| part.shard == *shard);
        let shards = self.shards_where(|shard| shard == at || asks(shard));
        let recheck = self.topology.shards().iter().any(|shard| asks(&shard.id) && self.is_moving(&shard.id));
        Ok(Plan {
            route: Route::Scatter,
            reason: question.reason(why),
            node: Node::Gather(Gather {
                original,
                at: at.clone(),
                shards,
                inputs,
                sql,
                renamed,
                float_columns,
                recheck,
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    /// The copy of one use of a table: its definition, and what each shard sends for it.
    fn input(
        &self,
        read: &Read,
        relation: &Relation,
        scratch: String,
        table: &Table,
        columns: &[&TableColumn],
        shards: &[ShardId],
    ) -> Input {
        let used = &read.scopes[relation.scope].tables[relation.table];
        let alias = quote(&used.alias);
        let list = |exact: bool| {
            let one = |column: &&TableColumn| {
                let name = format!("{alias}.{}", quote(&column.name));
                match column.exact_type().filter(|_| exact) {
                    Some(exact) => format!("CAST({name} AS {exact}) AS {}", quote(&column.name)),
                    None => name,
                }
            };
            columns.iter().map(one).collect::<Vec<String>>().join(", ")
        };
        let from = format!("{} AS {alias}", quote(&table.name));
        let conditions: Vec<String> = relation
            .filters
            .iter()
            .filter(|filter| {
                filter.columns.iter().all(|column| {
                    let found = self.resolve(&read.scopes, relation.scope, column);
                    found.is_some_and(|(scope, index, _)| (scope, index) == (relation.scope, relation.table))
                })
            })
            .map(|filter| format!("({})", filter.text))
            .collect();
        let part = |shard: &ShardId| {
            let mut conditions = conditions.clone();
            conditions.extend(self.ownership_filter(shard, table, &used.alias));
            let condition =
                if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
            Part { shard: shard.clone(), sql: format!("SELECT {} FROM {from}{condition}", list(true)) }
        };
        let keys: Vec<String> = self
            .joined_columns(read, relation)
            .iter()
            .filter_map(|name| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
            .filter(|column| can_be_indexed(column))
            .map(|column| format!("KEY ({})", quote(&column.name)))
            .collect();
        let keys = if keys.is_empty() { String::new() } else { format!(" ({})", keys.join(", ")) };
        Input {
            definition: format!(
                "CREATE TEMPORARY TABLE {}{keys} AS SELECT {} FROM {from} LIMIT 0",
                quote(&scratch),
                list(false)
            ),
            origins: columns
                .iter()
                .map(|column| (column.name.clone(), (table.name.clone(), column.name.clone())))
                .collect(),
            table: table.name.clone(),
            parts: shards.iter().map(part).collect(),
            scratch,
        }
    }

    /// Columns of a use that are compared with other columns: an index on them keeps joins of copies fast.
    fn joined_columns(&self, read: &Read, relation: &Relation) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (index, scope) in read.scopes.iter().enumerate() {
            for condition in &scope.conditions {
                let Operand::Column(other) = &condition.operand else { continue };
                let ends = [&condition.column, other].map(|column| self.resolve(&read.scopes, index, column));
                for (scope, table, name) in ends.into_iter().flatten() {
                    if (scope, table) == (relation.scope, relation.table) {
                        names.insert(name);
                    }
                }
            }
        }
        names
    }
}

/// The columns that a statement names or means by `*`, in table order; one at least.
fn needed_columns<'a>(table: &'a Table, sql: &Sql, relations: &Relations) -> Result<Vec<&'a TableColumn>, Refusal> {
    let is_named = |column: &TableColumn| sql.names(&column.name);
    if relations.needs_all_columns {
        // A copy cannot have INVISIBLE columns that come with their values.
        if let Some(hidden) = table.columns.iter().find(|column| column.invisible && is_named(column)) {
            let construct = format!("the INVISIBLE column `{}` beside `*` over several shards", hidden.name);
            return Err(Unsupported::with_hint(construct, "name the columns").into());
        }
        return Ok(table.columns.iter().filter(|column| !column.invisible).collect());
    }
    let mut needed: Vec<&TableColumn> = table.columns.iter().filter(|column| is_named(column)).collect();
    if needed.is_empty() {
        needed.extend(table.columns.first());
    }
    Ok(needed)
}

fn can_be_indexed(column: &TableColumn) -> bool {
    let long = ["text", "blob", "json", "geometry"].iter().any(|kind| column.data_type.ends_with(kind));
    !long && column.length().unwrap_or(0) <= 255
}

/// As [`splice`], of a text that has another beginning; `None` if a range lies in what differs.
fn splice_rest(text: &str, other: &str, edits: Vec<(std::ops::Range<usize>, String)>) -> Option<String> {
    let same = text.bytes().rev().zip(other.bytes().rev()).take_while(|(one, two)| one == two).count();
    let (begin, other_begin) = (text.len() - same, other.len() - same);
    let moved = edits.into_iter().map(|(range, replacement)| {
        (range.start >= begin)
            .then(|| (range.start - begin + other_begin..range.end - begin + other_begin, replacement))
    });
    Some(splice(other, moved.collect::<Option<Vec<_>>>()?))
}
