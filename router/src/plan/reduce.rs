//! A read whose rows lie together, but whose parts cannot be merged here: each shard sends what is left of its rows,
//! grouped where that loses nothing, and the rest of the statement runs over those on one shard.

use std::collections::BTreeMap;
use std::ops::Range;

use keyspace::schema::{TableColumn, quote};
use keyspace::topology::ShardId;

use super::planner::Planner;
use super::question::Question;
use super::scatter::where_clause;
use super::tree::{Gather, Input, Node, Part, Plan, Route};
use crate::sql::meaning::statement::{ColumnRef, Key, Read, Shape};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::Sql;
use crate::sql::text::pieces::{Aggregate, Column, Pieces, pieces};
use crate::sql::text::splice::splice;

const SCRATCH: &str = "_autoscaler_0";

/// Stretches of the statement's text, with what stands in their places.
type Edits = Vec<(Range<usize>, String)>;

/// What each shard sends.
#[derive(Default)]
struct SentColumns {
    /// As the scratch table's definition and as the shards' statements select it.
    defined: Vec<String>,
    selected: Vec<String>,
    keys: Vec<String>,
    /// Which column of the scratch table is which of a table, to tell JSON.
    origins: BTreeMap<String, (String, String)>,
    by_name: BTreeMap<String, usize>,
}

impl Planner<'_> {
    /// `None` if the statement has to be gathered table by table.
    pub fn plan_reduced(&self, question: &Question, why: &Unsupported) -> Option<Plan> {
        let Question { sql, read, several, .. } = question;
        let pieces = pieces(sql)?;
        let scope = read.scopes.first()?;
        if pieces.has_windows && pieces.is_grouped || !scope.derived.is_empty() || scope.tables.is_empty() {
            return None;
        }
        let adds_up = self.adds_up(question, &pieces)?;
        let mut sent = SentColumns::default();
        let mut edits = self.send_columns(read, &pieces, adds_up, &mut sent)?;
        if adds_up {
            edits.extend(self.send_aggregates(question, &pieces, &mut sent)?);
        }
        if sent.selected.is_empty() {
            sent.add_expression("1 AS _c0".to_owned());
        }
        edits.extend(pieces.unnamed.iter().map(|(end, label)| (*end..*end, format!(" AS {}", quote(label)))));
        let begin = pieces.clauses.from.as_ref()?.start;
        let end = pieces.clauses.where_.as_ref().unwrap_or(pieces.clauses.from.as_ref()?).end;
        edits.push((begin..end, SCRATCH.to_owned()));
        let at = self.topology.home().id.clone();
        Some(Plan {
            route: Route::Scatter,
            reason: question.reason(why),
            node: Node::Gather(Gather {
                original: sql.text.clone(),
                shards: self.shards_where(|shard| *shard == at || several.shards.contains(shard)),
                at,
                inputs: vec![self.scratch_input(question, &pieces, adds_up, sent)?],
                sql: splice(&sql.text, edits),
                renamed: Vec::new(),
                float_columns: Vec::new(),
                recheck: several.shards.iter().any(|shard| self.is_moving(shard)),
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        })
    }

    /// Whether the shards can group their rows, because every aggregate is had from those of the shards.
    fn adds_up(&self, question: &Question, pieces: &Pieces) -> Option<bool> {
        let Question { sql, read, .. } = question;
        let list = read.list.as_ref()?;
        // Inside an expression AVG has more digits than it prints, or not, by the server's plan.
        let is_item = |aggregate: &Aggregate| {
            let starts = |range: &Range<usize>| range.start == aggregate.range.start;
            let item = pieces.clauses.items.iter().position(starts);
            item.is_some_and(|item| list.items[item].text.len() == aggregate.range.len()) && pieces.aliases.is_empty()
        };
        let is_merged = |aggregate: &Aggregate| {
            (aggregate.function != "avg" || is_item(aggregate))
                && merged(aggregate, self.column_at(read, aggregate), sql).is_some()
        };
        let mut aggregates = pieces.aggregates.iter();
        Some(pieces.is_grouped && aggregates.all(|aggregate| aggregate.is_distinct || is_merged(aggregate)))
    }

    /// Has the shards send the columns that the statement names, but for those in aggregates that they compute. Returns
    /// what stands in the places of the names then.
    fn send_columns(&self, read: &Read, pieces: &Pieces, adds_up: bool, sent: &mut SentColumns) -> Option<Edits> {
        let mut edits = Vec::new();
        for column in &pieces.columns {
            let is_alias = column.name.qualifier.is_none()
                && pieces.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(&column.name.name));
            let found = self.one_column(read, &column.name);
            match (found, is_alias && column.may_be_alias) {
                // Which of the two is meant differs by clause.
                (Some(_), true) => return None,
                (None, true) if column.aggregate.is_none() => {}
                (None, _) => return None,
                (Some(found), false) => {
                    let goes_with_aggregate =
                        column.aggregate.is_some_and(|index| adds_up && !pieces.aggregates[index].is_distinct);
                    if !goes_with_aggregate {
                        let name = sent.add_column(found, adds_up)?;
                        edits.push((column.range.clone(), name));
                    }
                }
            }
        }
        Some(edits)
    }

    /// Has the shards send their parts of the aggregates. Returns what merges them, for the places of the aggregates.
    fn send_aggregates(&self, question: &Question, pieces: &Pieces, sent: &mut SentColumns) -> Option<Edits> {
        let Question { sql, read, .. } = question;
        let mut edits = Vec::new();
        for aggregate in pieces.aggregates.iter().filter(|aggregate| !aggregate.is_distinct) {
            let name = format!("_a{}", sent.selected.len());
            let call = sql.slice(aggregate.range.clone());
            let (_, argument) = call.split_once('(')?;
            sent.add_expression(match aggregate.function.as_str() {
                "avg" => format!("SUM({argument} AS {name}, COUNT({argument} AS {name}n"),
                _ => format!("{call} AS {name}"),
            });
            let column = self.column_at(read, aggregate);
            edits.push((aggregate.range.clone(), merged(aggregate, column, sql)?.replace("{}", &name)));
        }
        Some(edits)
    }

    /// The scratch table with what each shard sends for it.
    fn scratch_input(&self, question: &Question, pieces: &Pieces, adds_up: bool, sent: SentColumns) -> Option<Input> {
        let Question { sql, read, several, .. } = question;
        let filters = self.scatter_filters(question).ok()?;
        let grouped = if adds_up { sent.group_by() } else { String::new() };
        let tail = if adds_up { grouped.clone() } else { first_rows(sql, pieces, read) };
        let from = sql.slice(pieces.clauses.from.clone()?).to_owned();
        let where_ = pieces.clauses.where_.clone().map(|range| sql.slice(range).to_owned());
        let modifiers = straight(&read.list.as_ref()?.modifiers);
        let statement = |columns: &[String], filter: &Option<String>, tail: &str| {
            let condition = where_clause(where_.as_deref(), filter.as_deref());
            format!("SELECT {modifiers}{} FROM {from}{condition}{tail}", columns.join(", "))
        };
        let part = |(shard, filter): (&ShardId, &Option<String>)| Part {
            shard: shard.clone(),
            sql: statement(&sent.selected, filter, &tail),
        };
        let columns = statement(&sent.defined, &None, &grouped);
        Some(Input {
            scratch: SCRATCH.to_owned(),
            definition: format!("CREATE TEMPORARY TABLE {} AS {columns} LIMIT 0", quote(SCRATCH)),
            table: from.clone(),
            parts: several.shards.iter().zip(&filters).map(part).collect(),
            origins: sent.origins,
        })
    }

    /// The column of FROM that a name means, with its table.
    fn one_column(&self, read: &Read, name: &ColumnRef) -> Option<UsedColumn<'_>> {
        let (0, table, column) = self.resolve(&read.scopes, 0, name)? else { return None };
        let used = &read.scopes[0].tables[table];
        let table = self.schema.table(&used.table.name)?;
        let column = table.column(&column)?;
        Some(UsedColumn { alias: used.alias.clone(), table: table.name.clone(), column })
    }

    fn column_at(&self, read: &Read, aggregate: &Aggregate) -> Option<&TableColumn> {
        Some(self.one_column(read, aggregate.column.as_ref()?)?.column)
    }
}

struct UsedColumn<'a> {
    alias: String,
    table: String,
    column: &'a TableColumn,
}

impl SentColumns {
    /// Adds an expression that the scratch table has as the shards select it.
    fn add_expression(&mut self, expression: String) {
        self.defined.push(expression.clone());
        self.selected.push(expression);
    }

    /// The scratch table's name for a column; `None` if its values cannot be sent so.
    fn add_column(&mut self, found: UsedColumn<'_>, is_key: bool) -> Option<String> {
        let UsedColumn { alias, table, column } = found;
        let source = format!("{}.{}", quote(&alias), quote(&column.name));
        if let Some(index) = self.by_name.get(&source) {
            return Some(format!("_c{index}"));
        }
        let kind = column.data_type.as_str();
        let is_long = ["text", "blob", "geometry"].iter().any(|long| kind.ends_with(long) && kind != "tinytext");
        // A FLOAT has to be read as DOUBLE at the end; long values are grouped by their beginning in places.
        if kind == "float" || is_key && (is_long || column.json) {
            return None;
        }
        let index = self.selected.len();
        let name = format!("_c{index}");
        self.by_name.insert(source.clone(), index);
        self.origins.insert(name.clone(), (table, column.name.clone()));
        self.defined.push(format!("{source} AS {name}"));
        self.selected.push(match column.exact_type() {
            Some(exact) => format!("CAST({source} AS {exact}) AS {name}"),
            None => format!("{source} AS {name}"),
        });
        if is_key {
            self.keys.push(source.clone());
            // What is equal under a collation may differ to an expression over it.
            if column.collation.is_some() && !matches!(kind, "enum" | "set") {
                self.keys.push(format!("CAST({source} AS BINARY)"));
            }
        }
        Some(name)
    }

    fn group_by(&self) -> String {
        match self.keys.is_empty() {
            true => String::new(),
            false => format!(" GROUP BY {}", self.keys.join(", ")),
        }
    }
}

/// How the parts of an aggregate become one, `{}` being a column of parts; `None` if they cannot.
fn merged(aggregate: &Aggregate, column: Option<&TableColumn>, sql: &Sql) -> Option<&'static str> {
    let argument = sql.slice(aggregate.range.clone());
    let kind = column.map_or("", |column| column.data_type.as_str());
    match aggregate.function.as_str() {
        "count" => Some("CAST(COALESCE(SUM({}), 0) AS SIGNED)"),
        // The parts of a quotient, and of a DOUBLE with a fixed number of digits, are rounded.
        "sum" | "avg" => {
            let fixed = column.is_some_and(|column| kind == "double" && column.column_type.contains('('));
            // AVG divides as `/` does, and prints as many digits.
            let merged = if aggregate.function == "sum" { "SUM({})" } else { "(SUM({}) / SUM({}n))" };
            (kind != "float" && !fixed && !argument.contains('/')).then_some(merged)
        }
        // What compares otherwise than it is stored.
        "min" | "max" if ["enum", "set", "bit", "float", "uuid", "inet4", "inet6", "json"].contains(&kind) => None,
        "min" | "max" if argument.to_lowercase().contains("json") => None,
        "min" => Some("MIN({})"),
        "max" => Some("MAX({})"),
        "bit_and" => Some("BIT_AND({})"),
        "bit_or" => Some("BIT_OR({})"),
        "bit_xor" => Some("BIT_XOR({})"),
        _ => None,
    }
}

/// The order and the limit that spare each shard the rows beyond those that can count.
fn first_rows(sql: &Sql, pieces: &Pieces, read: &Read) -> String {
    let is_alias = |column: &Column| {
        column.may_be_alias && pieces.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(&column.name.name))
    };
    let Ok(Shape { order_by, limit: Some(limit), offset, .. }) = &read.shape else { return String::new() };
    let by_item = order_by.iter().any(|(key, _)| matches!(key, Key::Item(_)));
    if pieces.is_grouped || pieces.has_having || pieces.has_windows || by_item || pieces.columns.iter().any(is_alias) {
        return String::new();
    }
    let order = match (pieces.clauses.order_by.first(), pieces.clauses.order_by.last()) {
        (Some(first), Some(last)) => format!(" ORDER BY {}", sql.slice(first.start..last.end)),
        _ => String::new(),
    };
    format!("{order} LIMIT {}", limit.saturating_add(*offset))
}

/// Of the words after SELECT, the one that has to do with FROM.
fn straight(modifiers: &str) -> &'static str {
    if modifiers.to_uppercase().contains("STRAIGHT_JOIN") { "STRAIGHT_JOIN " } else { "" }
}
