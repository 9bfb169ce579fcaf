//! One SELECT over several shards: what each is asked, and how the answers become one.

use keyspace::schema::{Schema, TableColumn};

use super::floats::{expand_floats, labelled};
use super::order::{Order, weight};
use super::refusal::Refusal;
use super::tree::{Combine, Grouping, Merge, MergeKey, Position, Window};
use crate::merge::compare::Pad;
use crate::sql::meaning::statement::{
    Aggregate, AggregateFunction, ColumnRef, Direction, Item, ItemKind, Key, Scope, SelectList, Shape,
};
use crate::sql::read::error::Unsupported;

/// What each shard returns for one entry of its SELECT list.
struct Output {
    sql: String,
    combine: Combine,
}

/// The select list, what follows WHERE, the merge, and the FLOAT columns.
pub type Parts = (String, String, Merge, Vec<usize>);

/// One SELECT, to be asked of several shards.
pub struct Query<'a> {
    pub scope: &'a Scope,
    pub shape: &'a Shape,
    pub list: &'a SelectList,
    pub schema: &'a Schema,
}

impl Query<'_> {
    /// Rows as they are: sorted by each shard, merged by the same keys.
    pub fn plain(&self) -> Result<Parts, Refusal> {
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
    pub fn grouped(&self) -> Result<Parts, Refusal> {
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
