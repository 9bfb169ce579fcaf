//! Words that no server takes for a name: a tree that has one as a column was read otherwise than a server would.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Statement, visit_expressions};

/// Reserved by both servers (<https://mariadb.com/kb/en/reserved-words/>,
/// <https://dev.mysql.com/doc/refman/8.4/en/keywords.html>), those between which a statement's parts lie.
const RESERVED: [&str; 34] = [
    "SELECT",
    "FROM",
    "WHERE",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "CROSS",
    "NATURAL",
    "STRAIGHT_JOIN",
    "ON",
    "USING",
    "GROUP",
    "ORDER",
    "BY",
    "HAVING",
    "LIMIT",
    "UNION",
    "INTO",
    "SET",
    "UPDATE",
    "DELETE",
    "INSERT",
    "TABLE",
    "AND",
    "OR",
    "XOR",
    "NOT",
    "IN",
    "LIKE",
    "BETWEEN",
    "AS",
    "FOR",
    "WITH",
];

/// The first reserved word that stands for a column, unquoted.
pub fn as_name(statement: &Statement) -> Option<String> {
    let is_reserved =
        |name: &&Ident| name.quote_style.is_none() && RESERVED.iter().any(|word| name.value.eq_ignore_ascii_case(word));
    let found = visit_expressions(statement, |expr| {
        let reserved = match expr {
            Expr::Identifier(name) => Some(name).filter(is_reserved),
            // Behind a period any word is a name.
            Expr::CompoundIdentifier(parts) => parts.first().filter(is_reserved),
            _ => None,
        };
        reserved.map_or(ControlFlow::Continue(()), |name| ControlFlow::Break(name.value.clone()))
    });
    match found {
        ControlFlow::Break(word) => Some(word),
        ControlFlow::Continue(()) => None,
    }
}
