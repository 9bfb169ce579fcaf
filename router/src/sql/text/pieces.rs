//! Where the columns and aggregates of a SELECT stand in its text, so that they can be replaced one by one.

use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArguments, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem,
    Statement, Visit, Visitor,
};
use sqlparser::tokenizer::Token;

use crate::sql::meaning::scopes::column_of;
use crate::sql::meaning::shape::{
    function_name, is_aggregate_name, is_distinct, is_subquery, is_volatile_call, refuse_volatile,
};
use crate::sql::meaning::statement::ColumnRef;
use crate::sql::read::source::{Sql, bytes_of};
use crate::sql::text::clauses::{SelectClauses, select_clauses};

/// A SELECT without its FROM and WHERE.
#[derive(Debug)]
pub struct Pieces {
    pub clauses: SelectClauses,
    pub columns: Vec<Column>,
    pub aggregates: Vec<Aggregate>,
    /// Items without an alias: the byte at which one can be added, and the name that the server gives them.
    pub unnamed: Vec<(usize, String)>,
    pub aliases: Vec<String>,
    /// Rows that agree in the named columns count as one, or are added up.
    pub is_grouped: bool,
    pub has_having: bool,
    pub has_windows: bool,
}

/// A name that may be a column's.
#[derive(Debug)]
pub struct Column {
    pub range: Range<usize>,
    pub name: ColumnRef,
    /// The aggregate around it.
    pub aggregate: Option<usize>,
    /// Where a name may also mean an item: everywhere but in the list.
    pub may_be_alias: bool,
}

#[derive(Debug)]
pub struct Aggregate {
    pub range: Range<usize>,
    /// In lower case.
    pub function: String,
    pub is_distinct: bool,
    /// The argument, if it is just a column.
    pub column: Option<ColumnRef>,
}

/// The pieces of a lone SELECT; `None` if something in them cannot be told from the text.
pub fn pieces(sql: &Sql) -> Option<Pieces> {
    let Ok(Statement::Query(query)) = &sql.statement else { return None };
    let select = query.body.as_select()?;
    let clauses = select_clauses(sql)?;
    if clauses.lock.is_some() || refuse_volatile(sql).is_err() {
        return None;
    }
    let mut pieces = Pieces {
        columns: Vec::new(),
        aggregates: Vec::new(),
        unnamed: Vec::new(),
        aliases: Vec::new(),
        is_grouped: is_distinct(select),
        has_having: select.having.is_some(),
        has_windows: !select.named_window.is_empty(),
        clauses,
    };
    pieces.add_items(sql, select)?;
    pieces.add_rest(sql, select, query)?;
    pieces.is_grouped |= !pieces.aggregates.is_empty();
    Some(pieces)
}

impl Pieces {
    fn add_items(&mut self, sql: &Sql, select: &Select) -> Option<()> {
        let ranges = self.clauses.items.clone();
        for (item, range) in select.projection.iter().zip(ranges) {
            match item {
                SelectItem::ExprWithAlias { expr, alias } => {
                    self.aliases.push(alias.value.clone());
                    self.add(sql, expr, false)?;
                }
                SelectItem::UnnamedExpr(expr) => {
                    let label = match (column_of(expr), expr) {
                        (Some(column), Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => column.name,
                        (Some(_), _) => return None,
                        (None, _) => sql.slice(range.clone()).to_owned(),
                    };
                    // The server takes quotes and comments out of some names, and cuts long ones.
                    let is_plain = !label.contains(['\'', '"', '`', '\n', '#', '\\']);
                    if !is_plain || label.contains("/*") || label.contains("--") || label.len() > 64 {
                        return None;
                    }
                    self.unnamed.push((range.end, label));
                    self.add(sql, expr, false)?;
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn add_rest(&mut self, sql: &Sql, select: &Select, query: &Query) -> Option<()> {
        let GroupByExpr::Expressions(group_by, _) = &select.group_by else { return None };
        self.is_grouped |= !group_by.is_empty();
        group_by.iter().chain(&select.having).try_for_each(|expr| self.add(sql, expr, true))?;
        match query.order_by.as_ref().map(|order_by| &order_by.kind) {
            None => Some(()),
            Some(OrderByKind::Expressions(exprs)) => exprs.iter().try_for_each(|key| self.add(sql, &key.expr, true)),
            Some(OrderByKind::All(_)) => None,
        }
    }

    fn add(&mut self, sql: &Sql, expr: &Expr, may_be_alias: bool) -> Option<()> {
        let mut collector = Collector { sql, pieces: self, may_be_alias, around: Vec::new() };
        expr.visit(&mut collector).is_continue().then_some(())
    }
}

struct Collector<'a> {
    sql: &'a Sql,
    pieces: &'a mut Pieces,
    may_be_alias: bool,
    /// The aggregates around the expression being visited.
    around: Vec<usize>,
}

impl Visitor for Collector<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if is_subquery(expr) || is_volatile_call(expr) {
            return ControlFlow::Break(());
        }
        let added = match expr {
            Expr::Identifier(name) => self.add_column(expr, name, name),
            Expr::CompoundIdentifier(parts) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) if parts.len() == 2 => self.add_column(expr, first, last),
                _ => None,
            },
            Expr::Function(function) if function.over.is_some() => {
                self.pieces.has_windows = true;
                Some(())
            }
            Expr::Function(function) if is_aggregate_name(function) => self.add_aggregate(function),
            _ => Some(()),
        };
        if added.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && function.over.is_none()
            && is_aggregate_name(function)
        {
            self.around.pop();
        }
        ControlFlow::Continue(())
    }
}

impl Collector<'_> {
    fn add_column(&mut self, expr: &Expr, first: &Ident, last: &Ident) -> Option<()> {
        let range = bytes_of(first)?.start..bytes_of(last)?.end;
        // The word of a time unit or the like is no column, though the tree says so; it is not found in the schema.
        let is_there = self.sql.text.get(range.clone())?.trim_matches('`').starts_with(first.value.as_str());
        let (aggregate, may_be_alias) = (self.around.last().copied(), self.may_be_alias);
        self.pieces.columns.push(Column { range, name: column_of(expr)?, aggregate, may_be_alias });
        is_there.then_some(())
    }

    fn add_aggregate(&mut self, function: &Function) -> Option<()> {
        let name = function.name.0.first()?.as_ident().filter(|_| function.name.0.len() == 1)?;
        let start = bytes_of(name)?.start;
        let index = self.sql.tokens.iter().position(|lexeme| lexeme.range.start == start)?;
        let open = self.sql.tokens.get(index + 1).filter(|lexeme| lexeme.token == Token::LParen)?;
        let closes =
            |lexeme: &&crate::sql::read::source::Lexeme| lexeme.token == Token::RParen && lexeme.depth == open.depth;
        let end = self.sql.tokens[index + 2..].iter().find(closes)?.range.end;
        let FunctionArguments::List(list) = &function.args else { return None };
        if !self.around.is_empty() || function.filter.is_some() {
            return None;
        }
        self.around.push(self.pieces.aggregates.len());
        let column = match &list.args[..] {
            [sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(expr))] => column_of(expr),
            _ => None,
        };
        let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        // Two arguments or an ORDER BY inside are none of the functions whose parts add up.
        let function = function_name(function);
        self.pieces.aggregates.push(Aggregate { range: start..end, function, is_distinct, column });
        Some(())
    }
}
