//! The parts of a SELECT as source text, and what its GROUP BY and ORDER BY refer to.

use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    LimitClause, OrderByKind, OrderBySort, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableFactor, TableWithJoins, Value, Visit, Visitor,
};
use sqlparser::tokenizer::Token;

use crate::sql::meaning::scopes::{column_of, table_name};
use crate::sql::meaning::statement::{Aggregate, AggregateFunction, Direction, Item, ItemKind, Key, SelectList, Shape};
use crate::sql::read::error::Unsupported;
use crate::sql::read::source::{Lexeme, Sql};
use crate::sql::text::clauses::{SelectClauses, select_clauses};

/// The SELECT list of a lone SELECT; `None` if its parts cannot be told apart with certainty.
pub fn select_list(sql: &Sql, query: &Query) -> Option<SelectList> {
    let select = query.body.as_select()?;
    let clauses = select_clauses(sql)?;
    if clauses.items.len() != select.projection.len() {
        return None;
    }
    let items = select.projection.iter().zip(&clauses.items).map(|(item, range)| read_item(sql, item, range));
    let list_end = clauses.items.last()?.end;
    Some(SelectList {
        items: items.collect::<Option<Vec<Item>>>()?,
        modifiers: sql.text[clauses.modifiers.clone()].to_owned(),
        rest: sql.text[list_end..].to_owned(),
    })
}

fn read_item(sql: &Sql, item: &SelectItem, range: &Range<usize>) -> Option<Item> {
    let source = sql.text[range.clone()].trim().to_owned();
    match item {
        SelectItem::UnnamedExpr(expr) => Some(Item { kind: kind_of(expr, &source), text: source, alias: None }),
        SelectItem::ExprWithAlias { expr, alias } => {
            let text = without_alias(sql, range)?;
            Some(Item { kind: kind_of(expr, &text), text, alias: Some(alias.value.clone()) })
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            let qualifier = Some(table_name(name).ok()?.name);
            Some(Item { text: source, alias: None, kind: ItemKind::Wildcard { qualifier } })
        }
        SelectItem::Wildcard(_) => {
            Some(Item { text: source, alias: None, kind: ItemKind::Wildcard { qualifier: None } })
        }
        SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => None,
    }
}

/// The source of `expr [AS] alias` up to the alias, which is its last token.
fn without_alias(sql: &Sql, range: &Range<usize>) -> Option<String> {
    let mut lexemes = lexemes_in(sql, range);
    let alias = lexemes.next_back()?;
    let before = lexemes.next_back()?;
    let is_as = sql.text[before.range.clone()].eq_ignore_ascii_case("as");
    let end = if is_as { before.range.start } else { alias.range.start };
    Some(sql.text[range.start..end].trim().to_owned())
}

fn lexemes_in<'a>(sql: &'a Sql, range: &'a Range<usize>) -> impl DoubleEndedIterator<Item = &'a Lexeme> {
    sql.tokens.iter().filter(|lexeme| range.start <= lexeme.range.start && lexeme.range.end <= range.end)
}

fn kind_of(expr: &Expr, source: &str) -> ItemKind {
    if let Some(column) = column_of(expr) {
        return ItemKind::Column(column);
    }
    match expr {
        Expr::Function(function) if is_aggregate_name(function) => match read_aggregate(function, source) {
            Some(aggregate) => ItemKind::Aggregate(aggregate),
            None => ItemKind::OverAggregates,
        },
        _ if has_aggregate(expr) => ItemKind::OverAggregates,
        _ => ItemKind::Expression,
    }
}

pub fn function_name(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// `source` is the whole call as written.
fn read_aggregate(function: &Function, source: &str) -> Option<Aggregate> {
    let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(argument)] = &list.args[..] else { return None };
    if !plain || !list.clauses.is_empty() || list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
        return None;
    }
    let name = match function_name(function).as_str() {
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "min" => AggregateFunction::Min,
        "max" => AggregateFunction::Max,
        "avg" => AggregateFunction::Avg,
        _ => return None,
    };
    let (argument, column) = match argument {
        FunctionArgExpr::Wildcard if name == AggregateFunction::Count => ("*".to_owned(), None),
        FunctionArgExpr::Expr(expr) if !has_aggregate(expr) && !finds(expr, is_subquery) => {
            // From the source: printing the tree could change literals.
            let (_, argument) = source.split_once('(')?;
            (argument.strip_suffix(')')?.trim().to_owned(), column_of(expr))
        }
        _ => return None,
    };
    Some(Aggregate { function: name, argument, column })
}

/// Every aggregate function of both servers.
pub fn is_aggregate_name(function: &Function) -> bool {
    const AGGREGATES: [&str; 23] = [
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "bit_and",
        "bit_or",
        "bit_xor",
        "std",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "var_pop",
        "var_samp",
        "variance",
        "group_concat",
        "json_arrayagg",
        "json_objectagg",
        "any_value",
        "st_collect",
        "median",
        "percentile_cont",
        "percentile_disc",
    ];
    AGGREGATES.contains(&function_name(function).as_str())
}

/// Whether an aggregate in the expression belongs, or may belong, to the SELECT around it.
///
/// One inside a subquery belongs to the subquery if it counts rows or names only columns of tables there; of
/// unqualified columns nobody knows here.
pub fn has_aggregate(expr: &Expr) -> bool {
    #[derive(Default)]
    struct Finder {
        /// The names in FROM of the subqueries around.
        inner: Vec<Vec<String>>,
    }
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.inner.push(names_in(&select.from));
            ControlFlow::Continue(())
        }
        fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
            self.inner.pop();
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            if !is_aggregate_name(function) {
                return ControlFlow::Continue(());
            }
            let stays_inside = self.inner.last().is_some_and(|names| {
                !finds(&function.args, |argument| match argument {
                    Expr::CompoundIdentifier(parts) => !names
                        .iter()
                        .any(|name| parts.first().is_some_and(|part| part.value.eq_ignore_ascii_case(name))),
                    Expr::Identifier(_) => true,
                    _ => false,
                })
            });
            if stays_inside { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    }
    expr.visit(&mut Finder::default()).is_break()
}

/// The names under which a FROM knows its plain tables.
fn names_in(from: &[TableWithJoins]) -> Vec<String> {
    let factors = from
        .iter()
        .flat_map(|joined| std::iter::once(&joined.relation).chain(joined.joins.iter().map(|join| &join.relation)));
    factors
        .filter_map(|factor| match factor {
            TableFactor::Table { name, alias, .. } => {
                let alias = alias.as_ref().map(|alias| alias.name.value.clone());
                alias.or_else(|| table_name(name).ok().map(|table| table.name))
            }
            _ => None,
        })
        .collect()
}

pub fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
}

/// What each shard would compute anew, or from more than the row at hand.
const VOLATILE: [&str; 21] = [
    "now",
    "sysdate",
    "curdate",
    "curtime",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "unix_timestamp",
    "rand",
    "uuid",
    "uuid_short",
    "random_bytes",
    "connection_id",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "sys_guid",
    "sleep",
    // Its relevance depends on all rows of the server that computes it.
    "match",
];

pub fn refuse_volatile(sql: &Sql) -> Result<(), Unsupported> {
    const BARE: [&str; 5] = ["current_timestamp", "current_date", "current_time", "localtime", "localtimestamp"];
    let is_bare = |lexeme: &&Lexeme| {
        matches!(&lexeme.token, Token::Word(word) if word.quote_style.is_none()
            && BARE.iter().any(|name| word.value.eq_ignore_ascii_case(name)))
    };
    let bare = sql.tokens.iter().find(is_bare).map(|lexeme| &sql.text[lexeme.range.clone()]);
    match sql.calls(&VOLATILE).or(bare) {
        Some(name) => Err(Unsupported::with_hint(format!("{}()", name.to_uppercase()), "send its value as a literal")),
        None => Ok(()),
    }
}

pub fn is_volatile_call(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => VOLATILE.contains(&function_name(function).as_str()),
        Expr::MatchAgainst { .. } => true,
        _ => false,
    }
}

pub fn is_window(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.over.is_some())
}

fn finds(node: &impl Visit, test: impl Fn(&Expr) -> bool) -> bool {
    struct Finder<F>(F);
    impl<F: Fn(&Expr) -> bool> Visitor for Finder<F> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if (self.0)(expr) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    node.visit(&mut Finder(test)).is_break()
}

/// The shape of a SELECT that can be scattered if its rows lie together, or the construct that stands in the way.
pub fn shape(sql: &Sql, query: &Query, list: Option<&SelectList>) -> Result<Shape, Unsupported> {
    let refuse = |construct: &str| Err(Unsupported::new(construct));
    if query.with.is_some() {
        return refuse("WITH");
    }
    let select = match &*query.body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { op, .. } => return refuse(&op.to_string()),
        SetExpr::Values(_) => return refuse("VALUES"),
        SetExpr::Table(_) => return refuse("TABLE"),
        _ => return refuse("a parenthesised SELECT"),
    };
    refuse_unmergeable(select, query)?;
    let group_exprs = match &select.group_by {
        GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => &exprs[..],
        GroupByExpr::Expressions(..) | GroupByExpr::All(_) => return refuse("GROUP BY … WITH ROLLUP"),
    };
    let (Some(list), Some(clauses)) = (list, select_clauses(sql)) else {
        return refuse("this form of SELECT");
    };
    let context = Context { sql, select, list };
    let group_by = group_exprs
        .iter()
        .zip(&clauses.group_by)
        .map(|(expr, range)| context.group_key(expr, range))
        .collect::<Result<Vec<Key>, _>>()?;
    let order_by = read_order_by(&context, query, &clauses)?;
    let aggregates =
        list.items.iter().any(|item| matches!(item.kind, ItemKind::Aggregate(_) | ItemKind::OverAggregates))
            || order_by.iter().any(|(key, _)| matches!(key, Key::Aggregate(..)));
    let (limit, offset) = read_limit(query)?;
    let text = |range: &Option<Range<usize>>| range.clone().map(|range| sql.text[range].to_owned());
    let whole = |ranges: &[Range<usize>]| match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) => sql.text[first.start..last.end].to_owned(),
        _ => String::new(),
    };
    refuse_volatile(sql)?;
    Ok(Shape {
        from: text(&clauses.from).ok_or_else(|| Unsupported::new("this form of SELECT"))?,
        where_: text(&clauses.where_),
        where_at: clauses.where_.as_ref().map_or(0, |range| range.start),
        grouped: aggregates || !group_by.is_empty(),
        group_by,
        group_text: whole(&clauses.group_by),
        order_by,
        order_text: whole(&clauses.order_by),
        limit,
        offset,
        distinct: is_distinct(select),
    })
}

/// Whether equal rows come once; `ALL` says that they do not.
pub fn is_distinct(select: &Select) -> bool {
    matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_)))
}

fn refuse_unmergeable(select: &Select, query: &Query) -> Result<(), Unsupported> {
    let refuse = |construct: &str| Err(Unsupported::new(construct));
    // MySQL and MariaDB know plain DISTINCT only.
    if matches!(select.distinct, Some(Distinct::On(_))) {
        return refuse("this form of DISTINCT");
    }
    if select.having.is_some() {
        return refuse("HAVING");
    }
    if !query.locks.is_empty() {
        return refuse("a locking SELECT");
    }
    if select.into.is_some() {
        return refuse("SELECT … INTO");
    }
    if !select.named_window.is_empty() || finds(select, is_window) {
        return refuse("a window function");
    }
    if select.select_modifiers.as_ref().is_some_and(|modifiers| modifiers.to_string().contains("SQL_CALC_FOUND_ROWS")) {
        return refuse("SQL_CALC_FOUND_ROWS");
    }
    Ok(())
}

struct Context<'a> {
    sql: &'a Sql,
    select: &'a Select,
    list: &'a SelectList,
}

impl Context<'_> {
    fn group_key(&self, expr: &Expr, range: &Range<usize>) -> Result<Key, Unsupported> {
        if let Some(index) = self.ordinal(expr, "GROUP BY")? {
            return Ok(Key::Item(index));
        }
        if has_aggregate(expr) {
            return Err(Unsupported::new("an aggregate in GROUP BY"));
        }
        if let Some(index) = self.same_item(expr) {
            return Ok(Key::Item(index));
        }
        let text = self.sql.text[range.clone()].trim().to_owned();
        match column_of(expr) {
            // GROUP BY looks at columns first, and at aliases only if there is no such column: the planner, which
            // knows the columns, decides.
            Some(column) => Ok(Key::Column(column, text)),
            None => self.expression(expr, text),
        }
    }

    fn order_key(&self, expr: &Expr, text: String) -> Result<Key, Unsupported> {
        if let Some(index) = self.ordinal(expr, "ORDER BY")? {
            return Ok(Key::Item(index));
        }
        // ORDER BY looks at aliases first.
        if let Some(index) = self.alias(expr).or_else(|| self.same_item(expr)) {
            return Ok(Key::Item(index));
        }
        if let Some(column) = column_of(expr) {
            return Ok(Key::Column(column, text));
        }
        match expr {
            Expr::Function(function) if is_aggregate_name(function) => match read_aggregate(function, &text) {
                Some(aggregate) => Ok(Key::Aggregate(aggregate, text)),
                None => Err(Unsupported::new(format!("ORDER BY {text}"))),
            },
            _ if has_aggregate(expr) => Err(Unsupported::new("an expression around aggregates in ORDER BY")),
            _ if finds(expr, is_window) => Err(Unsupported::new("a window function")),
            _ => self.expression(expr, text),
        }
    }

    /// An expression that means the same when it stands in the list: its names must not be aliases.
    fn expression(&self, expr: &Expr, text: String) -> Result<Key, Unsupported> {
        let aliased = finds(expr, |part| match part {
            Expr::Identifier(name) => self
                .list
                .items
                .iter()
                .any(|item| item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&name.value))),
            _ => false,
        });
        match aliased {
            true => Err(Unsupported::with_hint(
                format!("the alias inside the expression `{text}`"),
                "write the aliased expression itself",
            )),
            false => Ok(Key::Expression(text)),
        }
    }

    fn ordinal(&self, expr: &Expr, clause: &str) -> Result<Option<usize>, Unsupported> {
        let Expr::Value(value) = expr else { return Ok(None) };
        let ordinal = match &value.value {
            Value::Number(digits, _) => digits.parse::<usize>().ok(),
            _ => None,
        };
        let wildcard = self.list.items.iter().any(|item| matches!(item.kind, ItemKind::Wildcard { .. }));
        match ordinal.and_then(|ordinal| ordinal.checked_sub(1)) {
            Some(index) if index < self.list.items.len() && !wildcard => Ok(Some(index)),
            _ => Err(Unsupported::with_hint(format!("{clause} {expr}"), "name the column")),
        }
    }

    fn alias(&self, expr: &Expr) -> Option<usize> {
        let Expr::Identifier(name) = expr else { return None };
        let is_it = |item: &Item| item.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&name.value));
        self.list.items.iter().position(is_it)
    }

    fn same_item(&self, expr: &Expr) -> Option<usize> {
        self.select.projection.iter().position(|item| match item {
            SelectItem::UnnamedExpr(other) | SelectItem::ExprWithAlias { expr: other, .. } => {
                other == expr || column_of(other).is_some_and(|other| Some(other) == column_of(expr))
            }
            _ => false,
        })
    }
}

fn read_order_by(
    context: &Context,
    query: &Query,
    clauses: &SelectClauses,
) -> Result<Vec<(Key, Direction)>, Unsupported> {
    let Some(order_by) = &query.order_by else { return Ok(Vec::new()) };
    let OrderByKind::Expressions(exprs) = &order_by.kind else {
        return Err(Unsupported::new("ORDER BY ALL"));
    };
    exprs
        .iter()
        .zip(&clauses.order_by)
        .map(|(order, range)| {
            let direction = match &order.options.sort {
                None | Some(OrderBySort::Asc) => Direction::Ascending,
                Some(OrderBySort::Desc) => Direction::Descending,
                Some(OrderBySort::Using(_)) => return Err(Unsupported::new("ORDER BY … USING")),
            };
            let end = match (&order.options.sort, lexemes_in(context.sql, range).next_back()) {
                (Some(_), Some(direction)) => direction.range.start,
                _ => range.end,
            };
            let text = context.sql.text[range.start..end].trim().to_owned();
            Ok((context.order_key(&order.expr, text)?, direction))
        })
        .collect()
}

fn read_limit(query: &Query) -> Result<(Option<u64>, u64), Unsupported> {
    let number = |expr: &Expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse::<u64>().ok(),
            _ => None,
        },
        _ => None,
    };
    let refused = || Unsupported::with_hint("a LIMIT that is not a plain number", "use whole numbers");
    match &query.limit_clause {
        None => Ok((None, 0)),
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
            Ok((Some(number(limit).ok_or_else(refused)?), number(offset).ok_or_else(refused)?))
        }
        Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            let limit = limit.as_ref().map(|limit| number(limit).ok_or_else(refused)).transpose()?;
            let offset = offset.as_ref().map(|offset| number(&offset.value).ok_or_else(refused)).transpose()?;
            Ok((limit, offset.unwrap_or(0)))
        }
        Some(LimitClause::LimitOffset { .. }) => Err(Unsupported::new("LIMIT … BY")),
    }
}
