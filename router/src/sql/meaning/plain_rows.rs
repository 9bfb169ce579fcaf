//! Rows of an INSERT that are nothing but literals. The parser sees the first of them only: a tree of many thousands
//! would take ten times the memory of their text, and all that it could tell of them their tokens tell, too.

use std::ops::Range;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use crate::sql::meaning::key_literal::literal_of_token;
use crate::sql::meaning::statement::InsertCell;
use crate::sql::read::source::{Lexeme, Sql};

/// The tokens behind the first row and up to the last one's end, if all rows of the statement are as long as each other
/// and hold literals only; an empty range otherwise.
pub fn behind_the_first(tokens: &[Lexeme]) -> Range<usize> {
    let find = || {
        let first = tokens.first().filter(|lexeme| is_keyword(lexeme, &[Keyword::INSERT, Keyword::REPLACE]));
        first?;
        let is_values = |lexeme: &Lexeme| lexeme.depth == 0 && is_keyword(lexeme, &[Keyword::VALUES, Keyword::VALUE]);
        let values = tokens.iter().position(is_values)?;
        let (behind, width) = row(tokens, values + 1)?;
        let mut end = behind;
        while tokens.get(end).is_some_and(|lexeme| lexeme.token == Token::Comma) {
            let (next, own_width) = row(tokens, end + 1)?;
            if own_width != width {
                return None;
            }
            end = next;
        }
        Some(behind..end)
    };
    find().unwrap_or(0..0)
}

/// The cells of the rows that the parser did not see.
pub fn cells(sql: &Sql) -> Vec<Vec<InsertCell>> {
    let tokens = &sql.tokens[sql.unparsed_rows.clone()];
    let mut rows: Vec<Vec<InsertCell>> = Vec::new();
    let mut negative = false;
    for lexeme in tokens {
        let cell = match &lexeme.token {
            Token::LParen => {
                let width = rows.last().map_or(0, Vec::len);
                rows.push(Vec::with_capacity(width));
                continue;
            }
            Token::Minus => {
                negative = true;
                continue;
            }
            Token::RParen | Token::Comma | Token::Plus => continue,
            Token::Word(word) if word.keyword == Keyword::DEFAULT => InsertCell::Default,
            token => InsertCell::Literal(literal_of_token(token, std::mem::take(&mut negative))),
        };
        if let Some(row) = rows.last_mut() {
            row.push(cell);
        }
    }
    rows
}

/// Where the row that begins at token `i` ends, and how many cells it has.
fn row(tokens: &[Lexeme], i: usize) -> Option<(usize, usize)> {
    let is = |i: usize, token: &Token| tokens.get(i).is_some_and(|lexeme| lexeme.token == *token);
    if !is(i, &Token::LParen) {
        return None;
    }
    if is(i + 1, &Token::RParen) {
        return Some((i + 2, 0));
    }
    let mut width = 0;
    let mut at = i;
    loop {
        at += 1;
        let signed = is(at, &Token::Minus) || is(at, &Token::Plus);
        at += usize::from(signed);
        let lexeme = tokens.get(at)?;
        let is_literal = match &lexeme.token {
            Token::Number(..) => true,
            Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::HexStringLiteral(_) => !signed,
            Token::Word(_) => !signed && is_keyword(lexeme, &[Keyword::NULL, Keyword::DEFAULT]),
            _ => false,
        };
        if !is_literal {
            return None;
        }
        width += 1;
        at += 1;
        if is(at, &Token::RParen) {
            return Some((at + 1, width));
        }
        if !is(at, &Token::Comma) {
            return None;
        }
    }
}

fn is_keyword(lexeme: &Lexeme, keywords: &[Keyword]) -> bool {
    matches!(&lexeme.token, Token::Word(word) if word.quote_style.is_none() && keywords.contains(&word.keyword))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::sql::meaning::analyse::analyse;
    use crate::sql::meaning::statement::{InsertRows, Statement};
    use crate::sql::read::read;

    /// The rows of an INSERT.
    fn rows_of(text: &str) -> InsertRows {
        match analyse(&read(text, &[]).unwrap()) {
            Ok(Statement::Insert(insert)) => insert.rows,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn left_out(text: &str) -> String {
        let sql = read(text, &[]).unwrap();
        let tokens = &sql.tokens[sql.unparsed_rows.clone()];
        assert!(sql.statement.is_ok(), "{text}");
        tokens.first().zip(tokens.last()).map_or("", |(a, b)| sql.slice(a.range.start..b.range.end)).to_owned()
    }

    #[test]
    fn rows_of_literals_are_left_out_of_the_tree() {
        assert_eq!(left_out("INSERT INTO t VALUES (1, -2), (3, 'a') ON DUPLICATE KEY UPDATE a = 1"), ", (3, 'a')");
        assert_eq!(left_out("REPLACE t (a, b) VALUES (), ()"), ", ()");
        assert_eq!(left_out("INSERT INTO t VALUE (NULL), (DEFAULT), (x'41')"), ", (DEFAULT), (x'41')");
    }

    #[test]
    fn other_rows_are_parsed() {
        for text in [
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (1), (1 + 1)",
            "INSERT INTO t VALUES (1), (2, 3)",
            "INSERT INTO t VALUES (1), ((2))",
            "INSERT INTO t VALUES (1), ('a' 'b')",
            "INSERT INTO t VALUES (1), (NOW())",
            "INSERT INTO t VALUES (1), ((SELECT a FROM u))",
            "INSERT INTO t (a) SELECT 1",
        ] {
            assert_eq!(left_out(text), "", "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_tell_of_literals_what_the_tree_does(
            cells in prop::collection::vec(
                prop::sample::select(vec![
                    "1", "-1", "+ 1", "007", "-0", "1.5", "-1.5", "1e3", "0x41", "-0x41", "x'4142'", "'a''b'", "'a\\'b'",
                    "\"a\"\"b'\"", "NULL", "default", "18446744073709551616",
                ]),
                2..12,
            )
        ) {
            let text = |tail: &str| {
                let rows: Vec<String> = cells.iter().map(|cell| format!("({cell})")).collect();
                format!("INSERT INTO t VALUES {}{tail}", rows.join(", "))
            };
            // A row that is no literal makes the parser see all of them.
            let InsertRows::Values(mut parsed) = rows_of(&text(", (1 + 1)")) else { panic!("rows") };
            parsed.pop();
            let InsertRows::Values(rows) = rows_of(&text("")) else { panic!("rows") };
            prop_assert_eq!(rows, parsed);
        }
    }
}
