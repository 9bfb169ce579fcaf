//! Qualified names: what stands before a period, in every statement and in every spelling that the server has.
//!
//! A client sees one database. Names that a tree placed are resolved by the planner, table by table; this is the look at
//! the tokens, which also covers what the tree does not show (functions, columns of three parts) and statements without
//! a tree.

use std::collections::HashSet;

use sqlparser::tokenizer::Token;

use crate::sql::read::source::Sql;

/// A table as a statement names it, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    pub schema: Option<String>,
    pub name: String,
}

/// `a.b`, `a.b.c`, `a.*`: unquoted names and names in backticks, in any mix, with blanks and comments between.
#[derive(Debug, PartialEq, Eq)]
pub struct Qualified {
    /// The token at which it begins.
    pub at: usize,
    /// Decoded, two or three.
    pub parts: Vec<String>,
    /// Whether `.*` follows.
    pub has_wildcard: bool,
    /// Whether `(` follows.
    pub is_called: bool,
}

impl Qualified {
    /// Whether the first part can be nothing but a database.
    pub fn begins_with_database(&self) -> bool {
        self.parts.len() + usize::from(self.has_wildcard) > 2 || self.is_called
    }

    pub fn first(&self) -> &str {
        &self.parts[0]
    }
}

/// The part of a name that a token is; `None` for anything but a name. Backticks in it are single.
pub fn part(sql: &Sql, at: usize) -> Option<String> {
    match &sql.tokens.get(at)?.token {
        Token::Word(word) if word.quote_style.is_none() => (!word.value.starts_with('@')).then(|| word.value.clone()),
        Token::Word(word) => Some(word.value.replace("``", "`")),
        _ => None,
    }
}

/// Every qualified name of a statement, in order.
pub fn qualified(sql: &Sql) -> Vec<Qualified> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < sql.tokens.len() {
        let Some(first) = part(sql, at).filter(|_| sql.is_token(at + 1, &Token::Period)) else {
            at += 1;
            continue;
        };
        let begin = at;
        let mut parts = vec![first];
        let mut has_wildcard = false;
        at += 1;
        while sql.is_token(at, &Token::Period) {
            at += 1;
            if let Some(next) = part(sql, at) {
                parts.push(next);
                at += 1;
            } else if sql.is_token(at, &Token::Mul) {
                has_wildcard = true;
                at += 1;
            }
        }
        let is_called = parts.len() > 1 && sql.is_token(at, &Token::LParen);
        found.push(Qualified { at: begin, parts, has_wildcard, is_called });
    }
    found
}

/// Every name in backticks, decoded.
pub fn quoted(sql: &Sql) -> impl Iterator<Item = String> {
    let is_quoted = |at: &usize| matches!(&sql.tokens[*at].token, Token::Word(word) if word.quote_style.is_some());
    (0..sql.tokens.len()).filter(is_quoted).filter_map(|at| part(sql, at))
}

/// The names that stand somewhere without a period beside them, as a table or an alias, perhaps; in lower case.
pub fn declared(sql: &Sql) -> HashSet<String> {
    let stands_alone =
        |at: &usize| !sql.is_token(at + 1, &Token::Period) && (*at == 0 || !sql.is_token(at - 1, &Token::Period));
    (0..sql.tokens.len()).filter(stands_alone).filter_map(|at| part(sql, at)).map(|name| name.to_lowercase()).collect()
}

/// Whether the token behind a table is an alias, or leads to one.
pub fn has_alias(sql: &Sql, at: usize) -> bool {
    const GO_ON: [&str; 26] = [
        "WHERE",
        "JOIN",
        "LEFT",
        "RIGHT",
        "INNER",
        "CROSS",
        "NATURAL",
        "STRAIGHT_JOIN",
        "ON",
        "USING",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "WINDOW",
        "FOR",
        "LOCK",
        "USE",
        "FORCE",
        "IGNORE",
        "PROCEDURE",
    ];
    match sql.tokens.get(at).map(|lexeme| &lexeme.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            !GO_ON.iter().any(|follower| word.value.eq_ignore_ascii_case(follower))
        }
        Some(Token::Word(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = qualified(&read(text, &[]).unwrap())
            .iter()
            .map(|name| {
                let mut shown = name.parts.join("|");
                shown.push_str(if name.has_wildcard { "|*" } else { "" });
                shown.push_str(if name.is_called { "(" } else { "" });
                shown
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn qualified_names_are_found_in_every_spelling() {
        check("SELECT a.b, `a`.`b``c` FROM a . /* x */ b", &["a|b", "a|b`c", "a|b"]);
        check("SELECT a.*, a.b.c, a.b.* FROM t", &["a|*", "a|b|c", "a|b|*"]);
        check("SELECT f(x), d.f(x), d . f (x) FROM t", &["d|f(", "d|f("]);
        check("SELECT @@session.sql_mode, 'a.b', `a.b`, 1.5 FROM t", &[]);
        check("SELECT a . `b` . c FROM t", &["a|b|c"]);
    }

    #[test]
    fn declarations_stand_alone() {
        let declared = declared(&read("SELECT a.x FROM b AS `A` JOIN c.d", &[]).unwrap());
        assert!(declared.contains("a") && declared.contains("b"));
        assert!(!declared.contains("c") && !declared.contains("d"));
    }
}
