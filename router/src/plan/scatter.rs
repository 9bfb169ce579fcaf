//! SELECT over one table on several shards: what each shard is asked, and how the answers are merged.

use std::ops::Range;

use super::gather::splice;
use super::place::Several;
use super::{Combine, Grouping, Merge, MergeKey, Node, Part, Plan, Planner, Position, ReadNode, Refusal, Window};
use crate::keys::KeySlot;
use crate::merge::compare::Pad;
use crate::schema::{Schema, Table, TableColumn, TableKind, quote};
use crate::slots::SlotSet;
use crate::sql::Sql;
use crate::sql::relations::relations;
use crate::sql::statement::{
    Aggregate, AggregateFunction, ColumnRef, Condition, Direction, Item, ItemKind, Key, Operand, Read, Scope,
    SelectList, Shape, TableUse, Unsupported,
};
use crate::topology::{MovePhase, ShardId};

/// What each shard returns for one entry of its SELECT list.
struct Output {
    sql: String,
    combine: Combine,
}

impl Planner<'_> {
    pub(super) fn plan_scatter(&self, sql: &Sql, read: &Read, several: &Several) -> Result<Plan, Refusal> {
        let over = |unsupported: &Unsupported| Unsupported {
            construct: format!("{} over several shards", unsupported.construct),
            hint: unsupported.hint.clone().or_else(|| Some(format!("name the sharding key: {}", several.reason))),
        };
        let shape = read.shape.as_ref().map_err(over)?;
        let Some(list) = &read.list else {
            return Err(over(&Unsupported::new("this form of SELECT")).into());
        };
        let filters = self.scatter_filters(sql, read, several).map_err(|unsupported| over(&unsupported))?;
        let query = Query { scope: &read.scopes[0], shape, list, schema: self.schema };
        let (mut select, tail, merge, float_columns) = match shape.grouped || shape.distinct {
            true => query.grouped()?,
            false => query.plain()?,
        };
        select.insert_str(0, "SELECT ");
        let parts = several.shards.iter().zip(filters).map(|(shard, filter)| {
            let condition = shape.where_.as_ref().map(|_| self.own_condition(sql, read, shape, shard));
            let where_ = match (condition, filter) {
                (Some(condition), Some(filter)) => format!(" WHERE ({condition}) AND {filter}"),
                (Some(condition), None) => format!(" WHERE {condition}"),
                (None, Some(filter)) => format!(" WHERE {filter}"),
                (None, None) => String::new(),
            };
            Part { shard: shard.clone(), sql: format!("{select} FROM {}{where_}{tail}", shape.from) }
        });
        Ok(Plan {
            route: several.route,
            reason: several.reason.clone(),
            node: Node::Read(ReadNode {
                parts: parts.collect(),
                merge,
                float_columns,
                recheck: several.shards.iter().any(|shard| self.topology.moves_touching(shard).next().is_some()),
            }),
            epoch: self.topology.epoch(),
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
    pub(super) fn scatter_filters(
        &self,
        sql: &Sql,
        read: &Read,
        several: &Several,
    ) -> Result<Vec<Option<String>>, Unsupported> {
        if let ([Scope { tables, derived, .. }], [used]) = (&read.scopes[..], &read.scopes[0].tables[..])
            && derived.is_empty()
            && tables.len() == 1
            && let Some(table) = self.schema.table(&used.table.name)
        {
            let shards = several.shards.iter();
            return Ok(shards.map(|shard| self.ownership_filter(shard, table, &used.alias)).collect());
        }
        if !self.is_together(read, &relations(sql, read)?) {
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
    fn has_surplus(&self, shard: &ShardId) -> bool {
        self.topology.moves().iter().any(|slot_move| match slot_move.phase {
            MovePhase::Announced => slot_move.target == *shard,
            MovePhase::Switched => slot_move.source == *shard,
        })
    }

    /// Hides rows that are also somewhere else.
    pub(super) fn ownership_filter(&self, shard: &ShardId, table: &Table, alias: &str) -> Option<String> {
        let TableKind::Sharded { key, key_type } = &table.kind else { return None };
        let owned: SlotSet = self.topology.owned(shard);
        self.has_surplus(shard).then(|| key_type.slot_in_sql(&format!("{}.{}", quote(alias), quote(key)), &owned))
    }

    /// The text to send to a lone shard, and which of its columns are FLOATs read as DOUBLE.
    pub(super) fn read_floats(&self, sql: &Sql, read: &Read) -> Result<(String, Vec<usize>), Refusal> {
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

/// The items with FLOAT columns cast to DOUBLE: the text protocol prints FLOAT with 6 digits only.
fn expand_floats(list: &SelectList, scope: &Scope, schema: &Schema) -> Result<Vec<(String, bool)>, Refusal> {
    let column_of = |column: &ColumnRef| {
        scope.tables.iter().find_map(|used| {
            let named = column.qualifier.as_ref().is_none_or(|qualifier| used.alias.eq_ignore_ascii_case(qualifier));
            if named { schema.table(&used.table.name)?.column(&column.name) } else { None }
        })
    };
    let mut items = Vec::new();
    for item in &list.items {
        match &item.kind {
            ItemKind::Column(column) if column_of(column).is_some_and(is_float) => {
                let label = item.alias.as_ref().unwrap_or(&column.name);
                items.push((format!("CAST({} AS DOUBLE) AS {}", item.text, quote(label)), true));
            }
            ItemKind::Wildcard { qualifier } => {
                if qualifier.is_none() && (scope.joins_columns || !scope.derived.is_empty()) {
                    let construct = "`*` over a FLOAT column beside derived tables or joined columns";
                    return Err(Unsupported::with_hint(construct, "name the columns").into());
                }
                let is_chosen = |used: &&TableUse| {
                    qualifier.as_ref().is_none_or(|qualifier| used.alias.eq_ignore_ascii_case(qualifier))
                };
                let chosen: Option<Vec<(&TableUse, &Table)>> = scope
                    .tables
                    .iter()
                    .filter(is_chosen)
                    .map(|used| Some((used, schema.table(&used.table.name)?)))
                    .collect();
                let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
                    // Not a table, or an unknown one, which is the server's to complain about.
                    items.push((item.text.clone(), false));
                    continue;
                };
                for (used, table) in chosen {
                    for column in table.columns.iter().filter(|column| !column.invisible) {
                        let name = format!("{}.{}", quote(&used.alias), quote(&column.name));
                        match is_float(column) {
                            true => items.push((format!("CAST({name} AS DOUBLE) AS {}", quote(&column.name)), true)),
                            false => items.push((name, false)),
                        }
                    }
                }
            }
            _ => items.push((labelled(item), false)),
        }
    }
    Ok(items)
}

pub(super) fn is_float(column: &TableColumn) -> bool {
    column.data_type == "float"
}

/// An item with its label kept.
fn labelled(item: &Item) -> String {
    match &item.alias {
        Some(alias) => format!("{} AS {}", item.text, quote(alias)),
        None => item.text.clone(),
    }
}

type Parts = (String, String, Merge, Vec<usize>);

struct Query<'a> {
    scope: &'a Scope,
    shape: &'a Shape,
    list: &'a SelectList,
    schema: &'a Schema,
}

impl Query<'_> {
    /// Rows as they are: sorted by each shard, merged by the same keys.
    fn plain(&self) -> Result<Parts, Refusal> {
        let items = expand_floats(self.list, self.scope, self.schema)?;
        let float_columns = items.iter().enumerate().filter(|(_, item)| item.1).map(|(index, _)| index).collect();
        let mut select: Vec<String> = items.into_iter().map(|(text, _)| text).collect();
        let hidden = self.shape.order_by.len();
        let mut keys = Vec::new();
        for (ordinal, (key, direction)) in self.shape.order_by.iter().enumerate() {
            let (text, order) = match key {
                Key::Item(index) => {
                    let item = &self.list.items[*index];
                    (item.text.clone(), self.item_order(item)?)
                }
                Key::Column(column, text) => (text.clone(), self.column_order(column)?),
                Key::Expression(text) => (text.clone(), Order::Value),
                Key::Aggregate(..) => return Err(Unsupported::new("an aggregate in ORDER BY").into()),
            };
            select.push(format!("{} AS `_autoscaler_{ordinal}`", order.compared(&text)));
            keys.push(MergeKey {
                column: Position::FromEnd(hidden - ordinal),
                descending: *direction == Direction::Descending,
                text: order.pad(),
            });
        }
        let mut tail = String::new();
        if !self.shape.order_text.is_empty() {
            tail.push_str(&format!(" ORDER BY {}", self.shape.order_text));
        }
        if let Some(limit) = self.shape.limit {
            tail.push_str(&format!(" LIMIT {}", limit.saturating_add(self.shape.offset)));
        }
        let window = self.window();
        let merge = if keys.is_empty() { Merge::Concatenate(window) } else { Merge::Ordered { keys, hidden, window } };
        Ok((self.list_text(&select), tail, merge, float_columns))
    }

    /// Partial groups of each shard, joined by group key; DISTINCT is a group for each row.
    fn grouped(&self) -> Result<Parts, Refusal> {
        if self.shape.distinct && self.shape.grouped {
            return Err(Unsupported::new("DISTINCT beside grouping").into());
        }
        let mut groups = Groups::default();
        for item in &self.list.items {
            let combine = match &item.kind {
                ItemKind::Aggregate(aggregate) => groups.add_aggregate(aggregate, self.combine(aggregate)?),
                ItemKind::Column(_) | ItemKind::Expression => Combine::First,
                ItemKind::Wildcard { .. } => return Err(Unsupported::new("`*` beside grouping").into()),
                ItemKind::OverAggregates => {
                    let hint = "select the plain aggregates and compute from them";
                    return Err(Unsupported::with_hint(format!("`{}` over several shards", item.text), hint).into());
                }
            };
            groups.outputs.push(Output { sql: labelled(item), combine });
        }
        let visible = groups.outputs.len();
        match self.shape.distinct {
            true => {
                for index in 0..visible {
                    self.add_group_key(&Key::Item(index), &mut groups)?;
                }
            }
            false => self.shape.group_by.iter().try_for_each(|key| self.add_group_key(key, &mut groups))?,
        }
        for (index, item) in self.list.items.iter().enumerate() {
            let grouped = groups.keys.iter().any(|key| key.shown == index);
            if !grouped && !matches!(item.kind, ItemKind::Aggregate(_)) {
                let construct = format!("`{}` outside GROUP BY over several shards", item.text);
                return Err(Unsupported::with_hint(construct, "add it to GROUP BY").into());
            }
        }
        let mut order = Vec::new();
        for (key, direction) in &self.shape.order_by {
            let (index, text) = self.order_output(key, &mut groups)?;
            let descending = *direction == Direction::Descending;
            order.push(MergeKey { column: Position::FromStart(index), descending, text });
        }
        groups.split_averages();
        let Groups { outputs, keys, .. } = groups;
        let select: Vec<String> = outputs
            .iter()
            .enumerate()
            .map(|(index, output)| match index < visible {
                true => output.sql.clone(),
                false => format!("{} AS `_autoscaler_{index}`", output.sql),
            })
            .collect();
        let tail = match self.shape.group_text.is_empty() {
            true => String::new(),
            false => format!(" GROUP BY {}", self.shape.group_text),
        };
        let key =
            |key: GroupKey| MergeKey { column: Position::FromStart(key.compared), descending: false, text: key.pad };
        let grouping = Grouping {
            keys: keys.into_iter().map(key).collect(),
            hidden: outputs.len() - visible,
            columns: outputs.into_iter().map(|output| output.combine).collect(),
            order,
            window: self.window(),
        };
        Ok((self.list_text(&select), tail, Merge::Grouped(grouping), Vec::new()))
    }

    /// Finds the column of the answer that holds a group key, or adds one at the end.
    fn add_group_key(&self, key: &Key, groups: &mut Groups) -> Result<(), Refusal> {
        let (shown, text, order) = match key {
            Key::Item(index) => {
                let item = &self.list.items[*index];
                (Some(*index), item.text.clone(), self.item_order(item)?)
            }
            Key::Column(column, text) => {
                let aliased = self.list.items.iter().position(|item| is_alias(item, column));
                match (self.is_column(column), aliased) {
                    (false, Some(index)) => return self.add_group_key(&Key::Item(index), groups),
                    (true, Some(_)) if column.qualifier.is_none() => {
                        let construct = format!("GROUP BY `{}`, which is both a column and an alias,", column.name);
                        return Err(Unsupported::with_hint(construct, "give the alias another name").into());
                    }
                    _ => {}
                }
                (None, text.clone(), self.column_order(column)?)
            }
            Key::Expression(text) => (None, text.clone(), Order::Value),
            Key::Aggregate(..) => return Err(Unsupported::new("an aggregate in GROUP BY").into()),
        };
        if order == Order::Float {
            let construct = "grouping by a FLOAT column over several shards";
            return Err(Unsupported::with_hint(construct, "cast it to DOUBLE").into());
        }
        let shown = shown.unwrap_or_else(|| groups.add(text.clone(), Combine::First));
        let compared = match order {
            Order::Weight(_) => groups.add(order.compared(&text), Combine::First),
            Order::Value | Order::Text(_) | Order::Float => shown,
        };
        groups.keys.push(GroupKey { shown, compared, pad: order.pad(), text });
        Ok(())
    }

    fn order_output(&self, key: &Key, groups: &mut Groups) -> Result<(usize, Option<Pad>), Refusal> {
        match key {
            Key::Item(index) => match groups.outputs[*index].combine {
                Combine::Min { text } | Combine::Max { text } => Ok((*index, text)),
                Combine::First => {
                    let key = groups.keys.iter().find(|key| key.shown == *index);
                    Ok(key.map_or((*index, None), |key| (key.compared, key.pad)))
                }
                Combine::Count | Combine::Sum | Combine::Avg { .. } => Ok((*index, None)),
            },
            Key::Aggregate(aggregate, text) if !self.shape.distinct => {
                let combine = groups.add_aggregate(aggregate, self.combine(aggregate)?);
                let index = groups.add(text.clone(), combine);
                match combine {
                    Combine::Min { text } | Combine::Max { text } => Ok((index, text)),
                    _ => Ok((index, None)),
                }
            }
            Key::Column(_, text) | Key::Expression(text) | Key::Aggregate(_, text) => {
                let key = groups.keys.iter().find(|key| key.text.eq_ignore_ascii_case(text));
                let key = key.ok_or_else(|| {
                    let construct = format!("ORDER BY `{text}` outside GROUP BY over several shards");
                    Unsupported::with_hint(construct, "order by group keys or aggregates")
                })?;
                Ok((key.compared, key.pad))
            }
        }
    }

    fn combine(&self, aggregate: &Aggregate) -> Result<Combine, Refusal> {
        let column = aggregate.column.as_ref().and_then(|column| self.column(column));
        match aggregate.function {
            AggregateFunction::Count => Ok(Combine::Count),
            AggregateFunction::Sum | AggregateFunction::Avg => {
                check_summable(aggregate, column)?;
                Ok(Combine::Sum)
            }
            AggregateFunction::Min | AggregateFunction::Max => {
                let order = aggregate.column.as_ref().map_or(Ok(Order::Value), |column| self.column_order(column))?;
                let text = match order {
                    Order::Value => None,
                    Order::Text(pad) => Some(pad),
                    Order::Weight(_) | Order::Float => {
                        let construct = format!("MIN or MAX of `{}` over several shards", aggregate.argument);
                        return Err(Unsupported::new(construct).into());
                    }
                };
                match aggregate.function {
                    AggregateFunction::Min => Ok(Combine::Min { text }),
                    _ => Ok(Combine::Max { text }),
                }
            }
        }
    }

    fn item_order(&self, item: &Item) -> Result<Order, Refusal> {
        match &item.kind {
            ItemKind::Column(column) => self.column_order(column),
            ItemKind::Aggregate(aggregate) => match self.combine(aggregate)? {
                Combine::Min { text: Some(pad) } | Combine::Max { text: Some(pad) } => Ok(Order::Text(pad)),
                _ => Ok(Order::Value),
            },
            ItemKind::Wildcard { .. } | ItemKind::Expression | ItemKind::OverAggregates => Ok(Order::Value),
        }
    }

    /// How a column's values compare; refused if they cannot be compared outside of the server.
    fn column_order(&self, column: &ColumnRef) -> Result<Order, Refusal> {
        // An unknown column is the server's to complain about.
        let Some(column) = self.column(column) else { return Ok(Order::Value) };
        let refuse = |what: String| {
            let hint = "use a number, a date, or a column under a utf8mb4 _bin collation";
            Err(Unsupported::with_hint(format!("comparing `{}` ({what}) over several shards", column.name), hint)
                .into())
        };
        match column.data_type.as_str() {
            // Shards sort long text by its first max_sort_length bytes only.
            "text" | "mediumtext" | "longtext" => refuse("long text".to_owned()),
            "char" | "varchar" | "tinytext" => {
                let collation = column.collation.as_deref().unwrap_or_default();
                let unicode = ["utf8mb4_", "utf8mb3_", "utf8_", "ascii_"].iter().any(|set| collation.starts_with(set));
                let no_pad = collation.contains("nopad") || collation.contains("0900");
                match (unicode && collation.ends_with("bin"), weight(column, collation, self.schema.is_mariadb())) {
                    (true, _) => Ok(Order::Text(if no_pad { Pad::None } else { Pad::Space })),
                    (false, Some(weight)) => Ok(Order::Weight(weight)),
                    (false, None) => refuse(format!("text under {collation}")),
                }
            }
            "blob" | "mediumblob" | "longblob" => refuse("a long binary string".to_owned()),
            // BIT comes back as a number from some of the server's temporary tables, and not from others.
            "bit" | "enum" | "set" | "json" | "uuid" | "inet4" | "inet6" => refuse(column.data_type.to_uppercase()),
            "float" => Ok(Order::Float),
            _ if column.json => refuse("JSON".to_owned()),
            _ => Ok(Order::Value),
        }
    }

    /// The column that a name means in FROM, if just one is meant.
    fn column(&self, column: &ColumnRef) -> Option<&TableColumn> {
        let mut found = self.scope.tables.iter().filter_map(|used| {
            let named = column.qualifier.as_ref().is_none_or(|qualifier| used.alias.eq_ignore_ascii_case(qualifier));
            if named { self.schema.table(&used.table.name)?.column(&column.name) } else { None }
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    fn is_column(&self, column: &ColumnRef) -> bool {
        let tables = self.scope.tables.iter().filter_map(|used| self.schema.table(&used.table.name));
        tables.into_iter().any(|table| table.column(&column.name).is_some())
    }

    fn list_text(&self, select: &[String]) -> String {
        match self.list.modifiers.is_empty() {
            true => select.join(", "),
            false => format!("{} {}", self.list.modifiers, select.join(", ")),
        }
    }

    fn window(&self) -> Window {
        Window { offset: self.shape.offset, limit: self.shape.limit }
    }
}

/// How the values of a column compare, as far as that is not told by their type alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Order {
    Value,
    /// Text by its code points.
    Text(Pad),
    /// Text by the weight that the server gives it; with the length to fill up to under PAD SPACE.
    Weight(Option<u32>),
    Float,
}

impl Order {
    /// What the shards return to compare `text`, an expression, by.
    fn compared(&self, text: &str) -> String {
        match self {
            Order::Value | Order::Text(_) => text.to_owned(),
            Order::Weight(None) => format!("WEIGHT_STRING({text})"),
            Order::Weight(Some(length)) => format!("WEIGHT_STRING({text} AS CHAR({length}))"),
            Order::Float => format!("CAST({text} AS DOUBLE)"),
        }
    }

    fn pad(&self) -> Option<Pad> {
        match self {
            Order::Text(pad) => Some(*pad),
            Order::Value | Order::Weight(_) | Order::Float => None,
        }
    }
}

/// The weight by which a column's text compares, where it orders and groups as the server does.
///
/// Measured on both servers (notes, "WEIGHT_STRING"): without padding it does; under PAD SPACE it does when filled up
/// to the column's length, but for some collations of MySQL.
fn weight(column: &TableColumn, collation: &str, mariadb: bool) -> Option<Option<u32>> {
    /// Longer weights could exceed max_sort_length, up to which the server itself compares.
    const MAX_LENGTH: u32 = 128;
    let (_, rest) = column.column_type.split_once('(')?;
    let length = rest.split_once(')')?.0.parse::<u32>().ok().filter(|length| *length <= MAX_LENGTH)?;
    let unicode = collation.starts_with("utf8mb4_") || collation.starts_with("utf8mb3_");
    let fills = ["_general_ci", "_swedish_ci"].iter().any(|name| collation.ends_with(name));
    let padded = match mariadb {
        true => fills || collation.ends_with("_unicode_ci") || collation.contains("_uca1400_"),
        false => fills,
    };
    if collation.starts_with("utf8mb4_0900_") && !mariadb {
        return Some(None);
    }
    let known = (unicode || collation == "latin1_swedish_ci") && padded && !collation.contains("nopad");
    known.then_some(Some(length))
}

/// What the shards return for groups, and how it becomes one.
#[derive(Default)]
struct Groups {
    outputs: Vec<Output>,
    keys: Vec<GroupKey>,
    /// Columns that are averages, with their argument.
    averages: Vec<(usize, String)>,
}

struct GroupKey {
    /// The column that holds its value.
    shown: usize,
    /// The column by which it compares.
    compared: usize,
    pad: Option<Pad>,
    text: String,
}

impl Groups {
    fn add(&mut self, sql: String, combine: Combine) -> usize {
        self.outputs.push(Output { sql, combine });
        self.outputs.len() - 1
    }

    /// Notes what the aggregate that becomes the next column needs beside it.
    fn add_aggregate(&mut self, aggregate: &Aggregate, combine: Combine) -> Combine {
        if aggregate.function == AggregateFunction::Avg {
            self.averages.push((self.outputs.len(), aggregate.argument.clone()));
        }
        combine
    }

    /// Adds the sum and the count behind each average.
    fn split_averages(&mut self) {
        for (index, argument) in std::mem::take(&mut self.averages) {
            let sum = self.add(format!("SUM({argument})"), Combine::Sum);
            let count = self.add(format!("COUNT({argument})"), Combine::Count);
            self.outputs[index].combine = Combine::Avg { sum, count };
        }
    }
}

/// Refuses sums whose parts the shards would round before they are added.
fn check_summable(aggregate: &Aggregate, column: Option<&TableColumn>) -> Result<(), Refusal> {
    let fixed_float = |column: &TableColumn| {
        matches!(column.data_type.as_str(), "float" | "double" | "real") && column.column_type.contains('(')
    };
    if aggregate.argument.contains('/') || column.is_some_and(fixed_float) {
        let hint = "cast it to a DECIMAL inside the aggregate";
        let construct = format!("a sum over `{}`, whose parts each shard rounds,", aggregate.argument);
        return Err(Unsupported::with_hint(construct, hint).into());
    }
    Ok(())
}

fn is_alias(item: &Item, column: &ColumnRef) -> bool {
    column.qualifier.is_none()
        && item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&column.name))
        && !matches!(&item.kind, ItemKind::Column(own) if own.name.eq_ignore_ascii_case(&column.name))
}
