//! Finds every table that a statement reads, SELECT by SELECT, with the conditions that may pin its sharding key.

use std::ops::{ControlFlow, Range};

use keyspace::keys::KeyLiteral;
use sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SetExpr, TableFactor,
    TableWithJoins, Visit, Visitor,
};

use crate::sql::meaning::key_literal::{compared_literal, literal_of};
use crate::sql::meaning::statement::{ColumnRef, Condition, Literal, Operand, Scope, TableUse};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;

/// The scopes of everything below `node`, outermost first. `outer` is the scope of the statement around it, if any.
pub fn collect(node: &impl Visit, outer: Option<Scope>) -> Result<Vec<Scope>, Unsupported> {
    let mut collector = Collector::default();
    if let Some(scope) = outer {
        collector.open.push(0);
        collector.relations_expected += scope.tables.len();
        collector.scopes.push(scope);
    }
    if let ControlFlow::Break(unsupported) = node.visit(&mut collector) {
        return Err(unsupported);
    }
    match collector.relations_seen == collector.relations_expected {
        true => Ok(collector.scopes),
        // A table in a place that no scope covers must not be overlooked.
        false => Err(Unsupported::new("a table reference in this place")),
    }
}

#[derive(Default)]
struct Collector {
    scopes: Vec<Scope>,
    /// The scopes around the node being visited.
    open: Vec<usize>,
    ctes: Vec<String>,
    relations_seen: usize,
    relations_expected: usize,
}

impl Visitor for Collector {
    type Break = Unsupported;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unsupported> {
        if has_table_part(&query.body) {
            return ControlFlow::Break(Unsupported::with_hint("TABLE as a part of a query", "write SELECT * FROM"));
        }
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(ctes.map(|cte| cte.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Unsupported> {
        let mut scope = Scope { parent: self.open.last().copied(), ..Scope::default() };
        for joined in &select.from {
            if let Err(unsupported) = add_joined(&mut scope, joined) {
                return ControlFlow::Break(unsupported);
            }
        }
        self.relations_expected += scope.tables.len();
        let is_cte =
            |used: &TableUse| used.table.schema.is_none() && self.ctes.contains(&used.table.name.to_lowercase());
        for cte in scope.tables.extract_if(.., |used| is_cte(used)) {
            scope.derived.push(cte.alias);
            scope.ctes.push(cte.table.name);
        }
        if let Some(selection) = &select.selection {
            add_conjuncts(&mut scope, selection, None);
        }
        self.open.push(self.scopes.len());
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &Select) -> ControlFlow<Unsupported> {
        self.open.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Unsupported> {
        self.relations_seen += usize::from(!is_dual(relation));
        ControlFlow::Continue(())
    }
}

/// Whether `TABLE t` is a part of a set operation: the tree has its name as plain text, which no visitor comes by.
fn has_table_part(body: &SetExpr) -> bool {
    match body {
        SetExpr::Table(_) => true,
        SetExpr::SetOperation { left, right, .. } => has_table_part(left) || has_table_part(right),
        // A query in parentheses is visited by itself.
        _ => false,
    }
}

/// Adds a FROM element with its joins to a scope.
pub fn add_joined(scope: &mut Scope, joined: &TableWithJoins) -> Result<(), Unsupported> {
    add_factor(scope, &joined.relation)?;
    for join in &joined.joins {
        let left = 0..scope.tables.len();
        add_factor(scope, &join.relation)?;
        let right = left.end..scope.tables.len();
        add_join_conditions(scope, join, left, right)?;
    }
    Ok(())
}

fn add_factor(scope: &mut Scope, factor: &TableFactor) -> Result<(), Unsupported> {
    match factor {
        TableFactor::Table { name, .. } if is_dual(name) => Ok(()),
        TableFactor::Table { name, alias, args: None, .. } => {
            let table = table_name(name)?;
            let alias = alias.as_ref().map_or_else(|| table.name.clone(), |alias| alias.name.value.clone());
            scope.tables.push(TableUse { table, alias });
            Ok(())
        }
        TableFactor::NestedJoin { table_with_joins, .. } => add_joined(scope, table_with_joins),
        // A derived table is an own scope; the visitor comes by.
        TableFactor::Derived { alias, .. } | TableFactor::JsonTable { alias, .. } => {
            scope.derived.push(alias.as_ref().map(|alias| alias.name.value.clone()).unwrap_or_default());
            Ok(())
        }
        other => Err(Unsupported::new(format!("`{other}` in FROM"))),
    }
}

/// `DUAL`, a keyword in the place of a table: one row and no column.
fn is_dual(name: &ObjectName) -> bool {
    let [part] = &name.0[..] else { return false };
    part.as_ident().is_some_and(|ident| ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("dual"))
}

fn add_join_conditions(
    scope: &mut Scope,
    join: &Join,
    left: Range<usize>,
    right: Range<usize>,
) -> Result<(), Unsupported> {
    let (constraint, only) = match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::StraightJoin(constraint) => (constraint, None),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (constraint, Some(right.clone())),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Some(left.clone())),
        _ => return Err(Unsupported::new("this kind of join")),
    };
    scope.joins_columns |= matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural);
    match constraint {
        JoinConstraint::On(on) => add_conjuncts(scope, on, only),
        JoinConstraint::Using(columns) if left.len() == 1 && right.len() == 1 => {
            for column in columns {
                let name = table_name(column)?.name;
                let of =
                    |index: usize| ColumnRef { qualifier: Some(scope.tables[index].alias.clone()), name: name.clone() };
                let condition =
                    Condition { column: of(right.start), operand: Operand::Column(of(left.start)), only: only.clone() };
                scope.conditions.push(condition);
            }
        }
        JoinConstraint::Using(_) | JoinConstraint::Natural | JoinConstraint::None => {}
    }
    Ok(())
}

/// Adds the conjuncts of a condition that compare a column with literals or with another column.
pub fn add_conjuncts(scope: &mut Scope, condition: &Expr, only: Option<Range<usize>>) {
    let mut rest = vec![condition];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::Nested(inner) => rest.push(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => rest.extend([&**left, &**right]),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match (tuple(left), tuple(right)) {
                (Some(columns), Some(values)) => add_rows(scope, columns, &[values], only.as_ref()),
                _ => {
                    let (column, operand) = match (column_of(left), column_of(right)) {
                        (Some(column), Some(other)) => (column, Operand::Column(other)),
                        (Some(column), None) => (column, Operand::Literals(vec![compared_literal(right)])),
                        (None, Some(column)) => (column, Operand::Literals(vec![compared_literal(left)])),
                        (None, None) => continue,
                    };
                    scope.conditions.push(Condition { column, operand, only: only.clone() });
                }
            },
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => {
                if let Some((column, literals)) = alternatives(expr) {
                    let operand = Operand::Literals(literals);
                    scope.conditions.push(Condition { column, operand, only: only.clone() });
                }
            }
            Expr::InList { expr, list, negated: false } => {
                if let Some(column) = column_of(expr) {
                    let operand = Operand::Literals(list.iter().map(compared_literal).collect());
                    scope.conditions.push(Condition { column, operand, only: only.clone() });
                } else if let (Some(columns), Some(rows)) =
                    (tuple(expr), list.iter().map(tuple).collect::<Option<Vec<&[Expr]>>>())
                {
                    add_rows(scope, columns, &rows, only.as_ref());
                }
            }
            Expr::Between { expr, negated: false, low, high } => {
                if let (Some(column), Some(literals)) = (column_of(expr), integers(low, high)) {
                    let operand = Operand::Literals(literals);
                    scope.conditions.push(Condition { column, operand, only: only.clone() });
                }
            }
            _ => {}
        }
    }
}

/// The parts of a row constructor.
fn tuple(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(parts) => Some(parts),
        _ => None,
    }
}

/// `(a, b) IN ((1, 2), (3, 4))`: each column is one of the values in its place.
fn add_rows(scope: &mut Scope, columns: &[Expr], rows: &[&[Expr]], only: Option<&Range<usize>>) {
    for (place, column) in columns.iter().enumerate() {
        let Some(column) = column_of(column) else { continue };
        let literals = rows.iter().map(|row| row.get(place).map(placeless)).collect::<Option<Vec<Literal>>>();
        if let Some(literals) = literals {
            scope.conditions.push(Condition { column, operand: Operand::Literals(literals), only: only.cloned() });
        }
    }
}

/// `a = 1 OR a IN (2, 3)`: the one column of all of them, with every value.
fn alternatives(expr: &Expr) -> Option<(ColumnRef, Vec<Literal>)> {
    match expr {
        Expr::Nested(inner) => alternatives(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            let (column, mut literals) = alternatives(left)?;
            let (other, more) = alternatives(right)?;
            literals.extend(more);
            (column == other).then_some((column, literals))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match (column_of(left), column_of(right)) {
            (Some(column), None) => Some((column, vec![placeless(right)])),
            (None, Some(column)) => Some((column, vec![placeless(left)])),
            _ => None,
        },
        Expr::InList { expr, list, negated: false } => Some((column_of(expr)?, list.iter().map(placeless).collect())),
        _ => None,
    }
}

/// The integers of a small range. They are all values of an integer column, and inexact for every other key.
fn integers(low: &Expr, high: &Expr) -> Option<Vec<Literal>> {
    const MOST: i128 = 64;
    let number = |expr: &Expr| match literal_of(expr) {
        KeyLiteral::Integer(digits) => digits.parse::<i128>().ok(),
        _ => None,
    };
    let (low, high) = (number(low)?, number(high)?);
    let literal = |number: i128| Literal { value: KeyLiteral::Integer(number.to_string()), at: None };
    (high - low < MOST).then(|| (low..=high).map(literal).collect())
}

/// A literal whose place in the text says nothing about the condition.
fn placeless(expr: &Expr) -> Literal {
    Literal { at: None, ..compared_literal(expr) }
}

/// The column that an expression is, through parentheses.
pub fn column_of(expr: &Expr) -> Option<ColumnRef> {
    match expr {
        Expr::Nested(inner) => column_of(inner),
        Expr::Identifier(name) => Some(ColumnRef { qualifier: None, name: name.value.clone() }),
        Expr::CompoundIdentifier(parts) => match &parts[..] {
            [qualifier, name] | [_, qualifier, name] => {
                Some(ColumnRef { qualifier: Some(qualifier.value.clone()), name: name.value.clone() })
            }
            _ => None,
        },
        _ => None,
    }
}

/// `table` or `schema.table`.
pub fn table_name(name: &ObjectName) -> Result<TableName, Unsupported> {
    let part = |index: usize| name.0.get(index).and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
    match (name.0.len(), part(0), part(1)) {
        (1, Some(name), _) => Ok(TableName { schema: None, name }),
        (2, Some(schema), Some(name)) => Ok(TableName { schema: Some(schema), name }),
        _ => Err(Unsupported::new(format!("the name `{name}`"))),
    }
}
