//! SELECT over one table on several shards: what each shard is asked, and how the answers are merged.

use super::place::Several;
use super::{Combine, Grouping, Merge, MergeKey, Node, Part, Plan, Planner, Position, ReadNode, Refusal, Window};
use crate::merge::compare::Pad;
use crate::schema::{Schema, Table, TableColumn, TableKind, quote};
use crate::slots::SlotSet;
use crate::sql::Sql;
use crate::sql::statement::{
    Aggregate, AggregateFunction, ColumnRef, Direction, Item, ItemKind, Key, Read, Scope, SelectList, Shape, TableName,
    TableUse, Unsupported,
};
use crate::topology::{MovePhase, ShardId};

/// What each shard returns for one entry of its SELECT list.
struct Output {
    sql: String,
    combine: Combine,
}

impl Planner<'_> {
    pub(super) fn plan_scatter(&self, read: &Read, several: Several) -> Result<Plan, Refusal> {
        let over = |unsupported: &Unsupported| Unsupported {
            construct: format!("{} over several shards", unsupported.construct),
            hint: unsupported.hint.clone().or_else(|| Some(format!("name the sharding key: {}", several.reason))),
        };
        let shape = read.shape.as_ref().map_err(over)?;
        let (Some(list), [scope]) = (&read.list, &read.scopes[..]) else {
            return Err(over(&Unsupported::new("this form of SELECT")).into());
        };
        let [used] = &scope.tables[..] else {
            return Err(over(&Unsupported::new("this form of FROM")).into());
        };
        let table = self.schema.table(&used.table.name).ok_or_else(|| self.no_such_table(&used.table))?;
        let query = Query { table, shape, list, schema: self.schema };
        let (mut select, tail, merge, float_columns) = match shape.grouped {
            true => query.grouped()?,
            false => query.plain()?,
        };
        select.insert_str(0, "SELECT ");
        let parts = several.shards.iter().map(|shard| {
            let filter = self.ownership_filter(shard, table, &used.alias);
            let where_ = match (&shape.where_, filter) {
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

    /// Hides rows that are also somewhere else: copied but not switched, switched but not cleaned up.
    fn ownership_filter(&self, shard: &ShardId, table: &Table, alias: &str) -> Option<String> {
        let TableKind::Sharded { key, key_type } = &table.kind else { return None };
        let surplus = self.topology.moves().iter().any(|slot_move| match slot_move.phase {
            MovePhase::Announced => slot_move.target == *shard,
            MovePhase::Switched => slot_move.source == *shard,
        });
        let owned: SlotSet = self.topology.owned(shard);
        surplus.then(|| key_type.slot_in_sql(&format!("{}.{}", quote(alias), quote(key)), &owned))
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
    table: &'a Table,
    shape: &'a Shape,
    list: &'a SelectList,
    schema: &'a Schema,
}

impl Query<'_> {
    /// Rows as they are: sorted by each shard, merged by the same keys.
    fn plain(&self) -> Result<Parts, Refusal> {
        let scope = Scope {
            tables: vec![TableUse {
                table: TableName { schema: None, name: self.table.name.clone() },
                alias: self.alias(),
            }],
            ..Scope::default()
        };
        let items = expand_floats(self.list, &scope, self.schema)?;
        let float_columns = items.iter().enumerate().filter(|(_, item)| item.1).map(|(index, _)| index).collect();
        let mut select: Vec<String> = items.into_iter().map(|(text, _)| text).collect();
        let hidden = self.shape.order_by.len();
        let mut keys = Vec::new();
        for (ordinal, (key, direction)) in self.shape.order_by.iter().enumerate() {
            let (text, pad, float) = match key {
                Key::Item(index) => {
                    let item = &self.list.items[*index];
                    let (pad, float) = self.item_order(item)?;
                    (item.text.clone(), pad, float)
                }
                Key::Column(column, text) => {
                    let (pad, float) = self.column_order(column)?;
                    (text.clone(), pad, float)
                }
                Key::Expression(text) => (text.clone(), None, false),
                Key::Aggregate(..) => return Err(Unsupported::new("an aggregate in ORDER BY").into()),
            };
            let text = if float { format!("CAST({text} AS DOUBLE)") } else { text };
            select.push(format!("{text} AS `_autoscaler_{ordinal}`"));
            keys.push(MergeKey {
                column: Position::FromEnd(hidden - ordinal),
                descending: *direction == Direction::Descending,
                text: pad,
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

    /// Partial groups of each shard, joined by group key.
    fn grouped(&self) -> Result<Parts, Refusal> {
        let mut outputs = Vec::new();
        let mut keys: Vec<(usize, Option<Pad>)> = Vec::new();
        let mut averages = Vec::new();
        for item in &self.list.items {
            match &item.kind {
                ItemKind::Aggregate(aggregate) => {
                    if aggregate.function == AggregateFunction::Avg {
                        averages.push((outputs.len(), aggregate.argument.clone()));
                    }
                    outputs.push(Output { sql: labelled(item), combine: self.combine(aggregate)? });
                }
                ItemKind::Column(_) | ItemKind::Expression => {
                    outputs.push(Output { sql: labelled(item), combine: Combine::First });
                }
                ItemKind::Wildcard { .. } => return Err(Unsupported::new("`*` beside aggregates").into()),
                ItemKind::OverAggregates => {
                    let hint = "select the plain aggregates and compute from them";
                    return Err(Unsupported::with_hint(format!("`{}` over several shards", item.text), hint).into());
                }
            }
        }
        let visible = outputs.len();
        let mut group_texts = Vec::new();
        for key in &self.shape.group_by {
            let (index, pad, text) = self.group_output(key, &mut outputs)?;
            group_texts.push((text, index));
            keys.push((index, pad));
        }
        for (index, item) in self.list.items.iter().enumerate() {
            let grouped = keys.iter().any(|(key, _)| *key == index);
            if !grouped && !matches!(item.kind, ItemKind::Aggregate(_)) {
                let hint = "add it to GROUP BY";
                let construct = format!("`{}` outside GROUP BY over several shards", item.text);
                return Err(Unsupported::with_hint(construct, hint).into());
            }
        }
        let mut order = Vec::new();
        for (key, direction) in &self.shape.order_by {
            let (index, text) = self.order_output(key, &group_texts, &keys, &mut outputs, &mut averages)?;
            order.push(MergeKey {
                column: Position::FromStart(index),
                descending: *direction == Direction::Descending,
                text,
            });
        }
        for (index, argument) in averages {
            let sum = outputs.len();
            outputs.push(Output { sql: format!("SUM({argument})"), combine: Combine::Sum });
            outputs.push(Output { sql: format!("COUNT({argument})"), combine: Combine::Count });
            outputs[index].combine = Combine::Avg { sum, count: sum + 1 };
        }
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
        let grouping = Grouping {
            keys: keys
                .into_iter()
                .map(|(index, text)| MergeKey { column: Position::FromStart(index), descending: false, text })
                .collect(),
            hidden: outputs.len() - visible,
            columns: outputs.into_iter().map(|output| output.combine).collect(),
            order,
            window: self.window(),
        };
        Ok((self.list_text(&select), tail, Merge::Grouped(grouping), Vec::new()))
    }

    /// The column of the answer that holds a group key, added at the end if the list lacks it.
    fn group_output(&self, key: &Key, outputs: &mut Vec<Output>) -> Result<(usize, Option<Pad>, String), Refusal> {
        let (text, pad) = match key {
            Key::Item(index) => {
                let (pad, float) = self.item_order(&self.list.items[*index])?;
                refuse_float_group(float)?;
                return Ok((*index, pad, self.list.items[*index].text.clone()));
            }
            Key::Column(column, text) => {
                let aliased = self.list.items.iter().position(|item| is_alias(item, column));
                match (self.table.column(&column.name), aliased) {
                    (None, Some(index)) => return self.group_output(&Key::Item(index), outputs),
                    (Some(_), Some(_)) if column.qualifier.is_none() => {
                        let hint = "give the alias another name";
                        let construct = format!("GROUP BY `{}`, which is both a column and an alias,", column.name);
                        return Err(Unsupported::with_hint(construct, hint).into());
                    }
                    _ => {}
                }
                let (pad, float) = self.column_order(column)?;
                refuse_float_group(float)?;
                (text.clone(), pad)
            }
            Key::Expression(text) => (text.clone(), None),
            Key::Aggregate(..) => return Err(Unsupported::new("an aggregate in GROUP BY").into()),
        };
        outputs.push(Output { sql: text.clone(), combine: Combine::First });
        Ok((outputs.len() - 1, pad, text))
    }

    fn order_output(
        &self,
        key: &Key,
        group_texts: &[(String, usize)],
        keys: &[(usize, Option<Pad>)],
        outputs: &mut Vec<Output>,
        averages: &mut Vec<(usize, String)>,
    ) -> Result<(usize, Option<Pad>), Refusal> {
        let pad_of = |index: usize| keys.iter().find(|(key, _)| *key == index).and_then(|(_, pad)| *pad);
        match key {
            Key::Item(index) => match outputs[*index].combine {
                Combine::Min { text } | Combine::Max { text } => Ok((*index, text)),
                Combine::First | Combine::Count | Combine::Sum | Combine::Avg { .. } => Ok((*index, pad_of(*index))),
            },
            Key::Aggregate(aggregate, text) => {
                let combine = self.combine(aggregate)?;
                if aggregate.function == AggregateFunction::Avg {
                    averages.push((outputs.len(), aggregate.argument.clone()));
                }
                outputs.push(Output { sql: text.clone(), combine });
                match combine {
                    Combine::Min { text } | Combine::Max { text } => Ok((outputs.len() - 1, text)),
                    _ => Ok((outputs.len() - 1, None)),
                }
            }
            Key::Column(_, text) | Key::Expression(text) => {
                let group = group_texts.iter().find(|(group, _)| group.eq_ignore_ascii_case(text));
                let (_, index) = group.ok_or_else(|| {
                    let hint = "order by group keys or aggregates";
                    Unsupported::with_hint(format!("ORDER BY `{text}` outside GROUP BY over several shards"), hint)
                })?;
                Ok((*index, pad_of(*index)))
            }
        }
    }

    fn combine(&self, aggregate: &Aggregate) -> Result<Combine, Refusal> {
        let column = aggregate.column.as_ref().and_then(|column| self.table.column(&column.name));
        match aggregate.function {
            AggregateFunction::Count => Ok(Combine::Count),
            AggregateFunction::Sum | AggregateFunction::Avg => {
                self.check_summable(aggregate, column)?;
                Ok(Combine::Sum)
            }
            AggregateFunction::Min | AggregateFunction::Max => {
                let text = match &aggregate.column {
                    Some(column) => {
                        let (pad, float) = self.column_order(column)?;
                        refuse_float_group(float)?;
                        pad
                    }
                    None => None,
                };
                match aggregate.function {
                    AggregateFunction::Min => Ok(Combine::Min { text }),
                    _ => Ok(Combine::Max { text }),
                }
            }
        }
    }

    /// Sums whose parts the shards would round before they are added.
    fn check_summable(&self, aggregate: &Aggregate, column: Option<&TableColumn>) -> Result<(), Refusal> {
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

    fn item_order(&self, item: &Item) -> Result<(Option<Pad>, bool), Refusal> {
        match &item.kind {
            ItemKind::Column(column) => self.column_order(column),
            ItemKind::Aggregate(aggregate) => match self.combine(aggregate)? {
                Combine::Min { text } | Combine::Max { text } => Ok((text, false)),
                _ => Ok((None, false)),
            },
            ItemKind::Wildcard { .. } | ItemKind::Expression | ItemKind::OverAggregates => Ok((None, false)),
        }
    }

    /// How a column's text compares, and whether it is a FLOAT; refused if it cannot be compared here.
    fn column_order(&self, column: &ColumnRef) -> Result<(Option<Pad>, bool), Refusal> {
        // An unknown column is the server's to complain about.
        let Some(column) = self.table.column(&column.name) else { return Ok((None, false)) };
        let refuse = |what: String| {
            let hint = "use a number, a date, or a column under a utf8mb4 _bin collation";
            Err(Unsupported::with_hint(format!("comparing `{}` ({what}) over several shards", column.name), hint)
                .into())
        };
        let type_name = column.data_type.as_str();
        match type_name {
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                let collation = column.collation.as_deref().unwrap_or_default();
                let unicode = ["utf8mb4_", "utf8mb3_", "utf8_", "ascii_"].iter().any(|set| collation.starts_with(set));
                // Shards sort long text by its first max_sort_length bytes only.
                if type_name.ends_with("text") && type_name != "tinytext" {
                    return refuse("long text".to_owned());
                }
                match (unicode && collation.ends_with("bin"), collation.contains("nopad") || collation.contains("0900"))
                {
                    (true, true) => Ok((Some(Pad::None), false)),
                    (true, false) => Ok((Some(Pad::Space), false)),
                    (false, _) => refuse(format!("text under {collation}")),
                }
            }
            "blob" | "mediumblob" | "longblob" => refuse("a long binary string".to_owned()),
            "enum" | "set" | "json" | "uuid" | "inet4" | "inet6" => refuse(type_name.to_uppercase()),
            "float" => Ok((None, true)),
            _ if column.json => refuse("JSON".to_owned()),
            _ => Ok((None, false)),
        }
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

    /// The name under which FROM knows the table: the last word of a FROM with one table.
    fn alias(&self) -> String {
        self.shape.alias.clone()
    }
}

fn is_alias(item: &Item, column: &ColumnRef) -> bool {
    column.qualifier.is_none()
        && item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&column.name))
        && !matches!(&item.kind, ItemKind::Column(own) if own.name.eq_ignore_ascii_case(&column.name))
}

/// FLOAT groups and extremes come back rounded to 6 digits.
fn refuse_float_group(float: bool) -> Result<(), Refusal> {
    match float {
        true => Err(Unsupported::with_hint(
            "grouping or MIN/MAX of a FLOAT column over several shards",
            "cast it to DOUBLE",
        )
        .into()),
        false => Ok(()),
    }
}
