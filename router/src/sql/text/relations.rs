//! Each table of a read as it stands in the text, with the conditions that concern it alone.
//!
//! It is for a read whose tables are copied before it runs: the names have to be replaced, and a condition of one
//! table spares copying the rows that it excludes.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Visit, Visitor,
};

use crate::sql::meaning::scopes::{column_of, table_name};
use crate::sql::meaning::shape::{has_aggregate, is_subquery, is_volatile_call, is_window};
use crate::sql::meaning::statement::{ColumnRef, Read};
use crate::sql::read::error::Unsupported;
use crate::sql::read::read;
use crate::sql::read::source::{Sql, bytes_of};

/// What copying a read's tables takes to know of the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Relations {
    pub uses: Vec<Relation>,
    /// `*`, `t.*`, NATURAL JOIN or TABLE stands somewhere: every visible column counts.
    pub needs_all_columns: bool,
    pub memberships: Vec<Membership>,
}

/// `column IN (SELECT column …)`, of a subquery without grouping.
#[derive(Debug, PartialEq, Eq)]
pub struct Membership {
    /// The scope that it stands in, and a column there.
    pub outer: (usize, ColumnRef),
    /// The subquery's scope, and the column that it selects.
    pub inner: (usize, ColumnRef),
}

/// One use of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its place in [`Read::scopes`] and in that scope's tables.
    pub scope: usize,
    pub table: usize,
    /// The bytes of its name, with the schema's if it has one.
    pub name: Range<usize>,
    pub has_alias: bool,
    /// An outer join may fill its place with NULLs.
    pub is_optional: bool,
    /// Conditions that a row of the table must meet to matter, if they name no other table's columns.
    pub filters: Vec<Filter>,
}

/// A condition that may be evaluated on each row of a table before anything is joined to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Filter {
    /// As SQL, reparsed to the very tree it was printed from.
    pub text: String,
    /// Every column in it.
    pub columns: Vec<ColumnRef>,
}

/// The relations of a read, in the order of its scopes.
///
/// # Errors
/// Constructs that mean something else over a copy of a table.
pub fn relations(sql: &Sql, read: &Read) -> Result<Relations, Unsupported> {
    let Ok(statement) = &sql.statement else { return Err(Unsupported::new("this statement")) };
    let mut finder = Finder { read, next_scope: 0, open: Vec::new(), relations: Relations::default() };
    match statement.visit(&mut finder) {
        ControlFlow::Continue(()) => Ok(finder.relations),
        ControlFlow::Break(unsupported) => Err(unsupported),
    }
}

struct Finder<'a> {
    read: &'a Read,
    next_scope: usize,
    /// The scopes around the node being visited.
    open: Vec<usize>,
    relations: Relations,
}

impl Visitor for Finder<'_> {
    type Break = Unsupported;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unsupported> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Unsupported::new("a locking SELECT"));
        }
        self.relations.needs_all_columns |= matches!(&*query.body, SetExpr::Table(_));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Unsupported> {
        let scope = self.next_scope;
        self.next_scope += 1;
        self.open.push(scope);
        let is_wildcard =
            |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        self.relations.needs_all_columns |= select.projection.iter().any(is_wildcard);
        if select.into.is_some() {
            return ControlFlow::Break(Unsupported::new("SELECT … INTO"));
        }
        let mut from =
            From { read: self.read, scope, found: Vec::new(), optional: BTreeSet::new(), all_columns: false };
        for joined in &select.from {
            if let Err(unsupported) = from.add_joined(joined) {
                return ControlFlow::Break(unsupported);
            }
        }
        if let Some(selection) = &select.selection {
            from.add_filters(selection, 0..from.found.len());
        }
        for optional in &from.optional {
            from.found[*optional].is_optional = true;
        }
        self.relations.needs_all_columns |= from.all_columns;
        self.relations.uses.extend(from.found);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &Select) -> ControlFlow<Unsupported> {
        self.open.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unsupported> {
        match expr {
            Expr::CompoundIdentifier(parts) if parts.len() > 2 => {
                let construct = format!("the column `{expr}`, qualified with its database,");
                ControlFlow::Break(Unsupported::with_hint(construct, "qualify it with the table alone"))
            }
            Expr::MatchAgainst { .. } => {
                let hint = "relevance depends on all rows of a server; search one shard's, or with LIKE";
                ControlFlow::Break(Unsupported::with_hint("MATCH … AGAINST", hint))
            }
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("connection_id") => {
                ControlFlow::Break(Unsupported::new("CONNECTION_ID()"))
            }
            Expr::InSubquery { expr, subquery, .. } => {
                // A column holds no scope, so that the subquery's is the next one.
                if let (Some(outer), Some(&scope), Some(inner)) =
                    (column_of(expr), self.open.last(), lone_column(subquery))
                {
                    let inner = (self.next_scope, inner);
                    self.relations.memberships.push(Membership { outer: (scope, outer), inner });
                }
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The one column that a subquery selects from rows as they are.
fn lone_column(query: &Query) -> Option<ColumnRef> {
    let select = query.body.as_select()?;
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    if query.with.is_some() || query.limit_clause.is_some() || is_grouped || select.having.is_some() {
        return None;
    }
    match &select.projection[..] {
        [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => column_of(expr),
        _ => None,
    }
}

/// The FROM of one SELECT.
struct From<'a> {
    read: &'a Read,
    scope: usize,
    found: Vec<Relation>,
    /// Tables whose place an outer join may fill with NULLs: a condition after it must still see those.
    optional: BTreeSet<usize>,
    all_columns: bool,
}

impl From<'_> {
    fn add_joined(&mut self, joined: &TableWithJoins) -> Result<(), Unsupported> {
        let first = self.found.len();
        self.add_factor(&joined.relation)?;
        for join in &joined.joins {
            let left = first..self.found.len();
            self.add_factor(&join.relation)?;
            self.add_join(join, left.clone(), left.end..self.found.len());
        }
        Ok(())
    }

    fn add_factor(&mut self, factor: &TableFactor) -> Result<(), Unsupported> {
        match factor {
            TableFactor::Table { name, alias, partitions, index_hints, with_hints, sample, version, .. } => {
                let tables = &self.read.scopes[self.scope].tables;
                let is_next = tables.get(self.found.len()).is_some_and(|used| {
                    let alias = alias.as_ref().map(|alias| alias.name.value.as_str());
                    table_name(name)
                        .is_ok_and(|table| table == used.table && alias.unwrap_or(&table.name) == used.alias)
                });
                if !is_next {
                    return Ok(());
                }
                if !index_hints.is_empty() || !partitions.is_empty() {
                    let construct = format!("an index hint or PARTITION at `{name}`");
                    return Err(Unsupported::with_hint(construct, "leave it out"));
                }
                if !with_hints.is_empty() || sample.is_some() || version.is_some() {
                    return Err(Unsupported::new(format!("`{factor}` in FROM")));
                }
                self.found.push(Relation {
                    scope: self.scope,
                    table: self.found.len(),
                    name: bytes_of_name(name).ok_or_else(|| Unsupported::new(format!("the name `{name}`")))?,
                    has_alias: alias.is_some(),
                    is_optional: false,
                    filters: Vec::new(),
                });
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.add_joined(table_with_joins),
            _ => Ok(()),
        }
    }

    fn add_join(&mut self, join: &Join, left: Range<usize>, right: Range<usize>) {
        // An ON is evaluated before the NULLs of its own join, so it filters the optional side itself.
        let (constraint, filtered, optional) = match &join.join_operator {
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (constraint, right.clone(), right),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, left.clone(), left),
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint) => (constraint, left.start..right.end, 0..0),
            _ => return,
        };
        match constraint {
            JoinConstraint::On(on) => self.add_filters(on, filtered),
            JoinConstraint::Natural => self.all_columns = true,
            JoinConstraint::Using(_) | JoinConstraint::None => {}
        }
        self.optional.extend(optional);
    }

    /// Adds each conjunct to every table of `tables` that is sure to have a row where it is evaluated. Which of them
    /// the conjunct's columns belong to is for the planner to say.
    fn add_filters(&mut self, condition: &Expr, tables: Range<usize>) {
        let mut rest = vec![condition];
        while let Some(expr) = rest.pop() {
            match expr {
                Expr::Nested(inner) => rest.push(inner),
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => rest.extend([&**left, &**right]),
                _ => {
                    let Some(columns) = columns_of(expr) else { continue };
                    let Some(text) = printed(expr) else { continue };
                    for table in tables.clone().filter(|table| !self.optional.contains(table)) {
                        self.found[table].filters.push(Filter { text: text.clone(), columns: columns.clone() });
                    }
                }
            }
        }
    }
}

/// The columns of an expression that depends on nothing but them; `None` if it names none or depends on more.
fn columns_of(expr: &Expr) -> Option<Vec<ColumnRef>> {
    struct Columns(Vec<ColumnRef>);
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if is_subquery(expr) || is_window(expr) || is_volatile_call(expr) {
                return ControlFlow::Break(());
            }
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => match column_of(expr) {
                    Some(column) => {
                        self.0.push(column);
                        ControlFlow::Continue(())
                    }
                    None => ControlFlow::Break(()),
                },
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let mut columns = Columns(Vec::new());
    let depends_on_columns_only = expr.visit(&mut columns).is_continue() && !has_aggregate(expr);
    (depends_on_columns_only && !columns.0.is_empty()).then_some(columns.0)
}

/// The expression as text; `None` if that text would not be read as the same expression.
fn printed(expr: &Expr) -> Option<String> {
    let text = expr.to_string();
    let again = read(&format!("SELECT 1 FROM t WHERE {text}"), &[]).ok()?;
    let Ok(sqlparser::ast::Statement::Query(query)) = &again.statement else { return None };
    (query.body.as_select()?.selection.as_ref()? == expr).then_some(text)
}

/// From the first part of a name to its last.
fn bytes_of_name(name: &ObjectName) -> Option<Range<usize>> {
    let part = |index: usize| bytes_of(name.0.get(index)?.as_ident()?);
    Some(part(0)?.start..part(name.0.len() - 1)?.end)
}
