//! Where the rows of an INSERT stand in its text, so that each shard can be sent its own.

use std::ops::Range;

use sqlparser::ast::{Insert, SetExpr, Statement};
use sqlparser::tokenizer::Token;

use crate::sql::read::source::Sql;

/// Byte ranges into [`Sql::text`].
#[derive(Debug, PartialEq, Eq)]
pub struct InsertText {
    /// Behind the table's name: where a list of columns can stand.
    pub after_table: usize,
    /// The list of columns with its parentheses, if there is one.
    pub columns: Option<Range<usize>>,
    pub source: SourceText,
}

#[derive(Debug, PartialEq, Eq)]
pub enum SourceText {
    Values(Vec<RowText>),
    /// The values of `SET a = 1, b = 2`, and where another assignment can stand.
    Set {
        values: Vec<Range<usize>>,
        first: usize,
    },
    /// All of `SELECT …`.
    Query(Range<usize>),
}

/// One `(…)` of VALUES.
#[derive(Debug, PartialEq, Eq)]
pub struct RowText {
    pub range: Range<usize>,
    pub cells: Vec<Range<usize>>,
}

/// `None` where the tokens do not agree with the tree.
pub fn insert_text(sql: &Sql) -> Option<InsertText> {
    let Ok(Statement::Insert(tree)) = &sql.statement else { return None };
    let at_top = |i: usize| sql.tokens.get(i).is_some_and(|lexeme| lexeme.depth == 0);
    let name = table_name(sql)?;
    let after_table = sql.tokens[name.end - 1].range.end;
    let is_empty_list = sql.is_token(name.end, &Token::LParen) && sql.is_token(name.end + 1, &Token::RParen);
    let columns = match sql.is_token(name.end, &Token::LParen) && (is_empty_list || !tree.columns.is_empty()) {
        true => Some(name.end..closing(sql, name.end)? + 1),
        false => None,
    };
    let next = columns.as_ref().map_or(name.end, |columns| columns.end);
    let bytes = |tokens: &Range<usize>| sql.tokens[tokens.start].range.start..sql.tokens[tokens.end - 1].range.end;
    let is_end = |i: usize| i >= sql.tokens.len() || at_top(i) && ends_source(sql, i);
    let source = if sql.is_word(next, "SET") {
        let values = assignments(sql, next + 1, is_end)?;
        SourceText::Set { values, first: sql.tokens.get(next + 1)?.range.start }
    } else if sql.is_word(next, "VALUES") || sql.is_word(next, "VALUE") {
        SourceText::Values(rows(sql, next + 1)?)
    } else {
        let end = (next..).find(|&i| is_end(i))?;
        // A parenthesis around all of it ends where it does.
        SourceText::Query(sql.tokens.get(next)?.range.start..sql.tokens[end - 1].range.end)
    };
    let text = InsertText { after_table, columns: columns.as_ref().map(bytes), source };
    agrees(sql, &text, tree).then_some(text)
}

/// Behind the verb and its modifiers.
fn table_name(sql: &Sql) -> Option<Range<usize>> {
    const MODIFIERS: [&str; 7] = ["INSERT", "REPLACE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];
    let first = (0..sql.tokens.len()).find(|&i| !MODIFIERS.iter().any(|word| sql.is_word(i, word)))?;
    let end = if sql.is_token(first + 1, &Token::Period) { first + 3 } else { first + 1 };
    sql.tokens[first..end.min(sql.tokens.len())]
        .iter()
        .step_by(2)
        .all(|lexeme| matches!(lexeme.token, Token::Word(_)))
        .then_some(first..end)
}

/// What may follow the rows or the query.
fn ends_source(sql: &Sql, i: usize) -> bool {
    sql.are_words(i, &["ON", "DUPLICATE"]) || sql.is_word(i, "RETURNING")
}

/// The token that closes the parenthesis at `open`.
fn closing(sql: &Sql, open: usize) -> Option<usize> {
    let depth = sql.tokens.get(open)?.depth;
    (open + 1..sql.tokens.len()).find(|&i| sql.is_token(i, &Token::RParen) && sql.tokens[i].depth == depth)
}

fn rows(sql: &Sql, mut i: usize) -> Option<Vec<RowText>> {
    let mut rows = Vec::new();
    loop {
        if !sql.is_token(i, &Token::LParen) {
            return None;
        }
        let close = closing(sql, i)?;
        let range = sql.tokens[i].range.start..sql.tokens[close].range.end;
        let cells = if close == i + 1 { Vec::new() } else { list(sql, i + 1, close)? };
        rows.push(RowText { range, cells });
        if !sql.is_token(close + 1, &Token::Comma) {
            return Some(rows);
        }
        i = close + 2;
    }
}

/// The parts of tokens `begin..end` between the commas that stand as deep as the first of them.
fn list(sql: &Sql, begin: usize, end: usize) -> Option<Vec<Range<usize>>> {
    let depth = sql.tokens.get(begin.checked_sub(1)?)?.depth + 1;
    let commas = (begin..end).filter(|&i| sql.is_token(i, &Token::Comma) && sql.tokens[i].depth == depth);
    let mut parts = Vec::new();
    let mut start = begin;
    for comma in commas.chain([end]) {
        let tokens = sql.tokens.get(start..comma).filter(|tokens| !tokens.is_empty())?;
        parts.push(tokens[0].range.start..tokens[tokens.len() - 1].range.end);
        start = comma + 1;
    }
    Some(parts)
}

/// The values of assignments from token `i` to the end of them.
fn assignments(sql: &Sql, begin: usize, is_end: impl Fn(usize) -> bool) -> Option<Vec<Range<usize>>> {
    let mut values = Vec::new();
    let mut i = begin;
    loop {
        let equals =
            (i..sql.tokens.len()).find(|&i| sql.is_token(i, &Token::Eq) || sql.is_token(i, &Token::Assignment))?;
        let ends = |i: &usize| is_end(*i) || sql.tokens[*i].depth == 0 && sql.is_token(*i, &Token::Comma);
        let end = (equals + 1..=sql.tokens.len()).find(ends)?;
        let tokens = sql.tokens.get(equals + 1..end).filter(|tokens| !tokens.is_empty())?;
        values.push(tokens[0].range.start..tokens[tokens.len() - 1].range.end);
        if is_end(end) {
            return Some(values);
        }
        i = end + 1;
    }
}

/// The values of the assignments in tokens `begin..end`.
pub fn assigned_values(sql: &Sql, begin: usize, end: usize) -> Option<Vec<Range<usize>>> {
    assignments(sql, begin, |i| i >= end)
}

fn agrees(sql: &Sql, text: &InsertText, tree: &Insert) -> bool {
    let source = match (&text.source, &tree.source) {
        (SourceText::Values(rows), Some(source)) => match &*source.body {
            SetExpr::Values(values) => {
                // Rows that the tree lacks are as long as the first.
                let parsed = if sql.unparsed_rows.is_empty() { rows } else { &rows[..rows.len().min(1)] };
                let lengths = parsed.iter().map(|row| row.cells.len());
                lengths.eq(values.rows.iter().map(|row| row.len()))
            }
            _ => false,
        },
        (SourceText::Set { values, .. }, None) => values.len() == tree.assignments.len(),
        (SourceText::Query(_), Some(source)) => !matches!(&*source.body, SetExpr::Values(_)),
        (SourceText::Values(rows), None) => rows.iter().all(|row| row.cells.is_empty()),
        _ => false,
    };
    source && (text.columns.is_some() || tree.columns.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let sql = read(text, &[]).unwrap();
        let found = insert_text(&sql).map(|found| {
            let slice = |range: &Range<usize>| sql.slice(range.clone()).to_owned();
            let columns = found.columns.as_ref().map_or("-".to_owned(), slice);
            let source = match &found.source {
                SourceText::Values(rows) => {
                    let row = |row: &RowText| row.cells.iter().map(slice).collect::<Vec<_>>().join("|");
                    rows.iter().map(row).collect::<Vec<_>>().join(" / ")
                }
                SourceText::Set { values, .. } => values.iter().map(slice).collect::<Vec<_>>().join("|"),
                SourceText::Query(range) => slice(range),
            };
            format!("{}; {columns}; {source}", &text[..found.after_table])
        });
        assert_eq!(found.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn rows_and_cells_are_found() {
        check("INSERT INTO t VALUES (1, 'a'), (2, f(b, (c)))", "INSERT INTO t; -; 1|'a' / 2|f(b, (c))");
        check("insert ignore t (a,b) value (1,')'),(-2, 3 + 4)", "insert ignore t; (a,b); 1|')' / -2|3 + 4");
        check("REPLACE INTO d.t(a) VALUES (1) -- x", "REPLACE INTO d.t; (a); 1");
        check("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = (2)", "INSERT INTO t; (a); 1");
        check("INSERT INTO `values` VALUES ()", "INSERT INTO `values`; -; ");
        check("INSERT INTO t () VALUES ()", "INSERT INTO t; (); ");
    }

    #[test]
    fn assignments_and_queries_are_found() {
        check("INSERT INTO t SET a = 1, b = f(2, 3)", "INSERT INTO t; -; 1|f(2, 3)");
        check("INSERT INTO t SET a = 1 ON DUPLICATE KEY UPDATE b = 2", "INSERT INTO t; -; 1");
        check("INSERT INTO t (a) SELECT b FROM u WHERE c = 1", "INSERT INTO t; (a); SELECT b FROM u WHERE c = 1");
        check("INSERT INTO t SELECT b FROM u ON DUPLICATE KEY UPDATE a = 1", "INSERT INTO t; -; SELECT b FROM u");
    }
}
