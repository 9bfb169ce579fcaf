//! How large an expression may grow before its tree is a danger.
//!
//! sqlparser's trees are recursive: cloning one of a long `a OR b OR …` chain overflows a 2 MiB stack (tokio's
//! default) at about 1,900 terms, which aborts the process (notes/sqlparser.md). Lists are flat and may be long.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::{Lexeme, SqlError};

/// Operators on one path through an expression; half of what a 2 MiB stack bears.
pub const OPERATOR_LIMIT: usize = 1_000;

/// # Errors
/// `TooComplex` if the tree of some expression may be deeper than [`OPERATOR_LIMIT`].
pub(super) fn check(tokens: &[Lexeme]) -> Result<(), SqlError> {
    let operators = deepest(tokens);
    if operators > OPERATOR_LIMIT {
        return Err(SqlError::TooComplex {
            operators,
            limit: OPERATOR_LIMIT,
        });
    }
    Ok(())
}

/// What is known of one parenthesis level: the operators since its last comma, and the most between any two.
#[derive(Default)]
struct Level {
    current: usize,
    most: usize,
}

impl Level {
    fn total(&self) -> usize {
        self.most.max(self.current)
    }
}

/// An upper bound for the depth of the tree, in operators.
///
/// A comma separates expressions, so it starts a new count on its level; what is inside parentheses hangs below
/// the expression around them. Set operators are counted over the whole statement: commas do not part them.
fn deepest(tokens: &[Lexeme]) -> usize {
    let mut set_operators = 0;
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for lexeme in tokens {
        match &lexeme.token {
            Token::LParen => open.push(std::mem::take(&mut level)),
            Token::RParen => {
                let inner = level.total();
                level = open.pop().unwrap_or_default();
                level.current += inner;
            }
            Token::Comma => {
                level.most = level.total();
                level.current = 0;
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                // A set operation is three nested nodes to an operator's one.
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => {
                    set_operators += 4
                }
                // sqlparser's hook for these copies the left side, so a chain costs its square.
                Keyword::DIV | Keyword::MOD => level.current += 4,
                keyword if is_operator(keyword) => level.current += 1,
                _ => {}
            },
            token if is_operand(token) => {}
            _symbol => level.current += 1,
        }
    }
    while let Some(outer) = open.pop() {
        let inner = level.total();
        level = outer;
        level.current += inner;
    }
    level.total() + set_operators
}

/// Words that nest: operators, and what makes joins, types and statements hang below each other.
fn is_operator(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::SIMILAR
            | Keyword::MEMBER
            | Keyword::OVERLAPS
            | Keyword::OPERATOR
            | Keyword::AT
            | Keyword::COLLATE
            | Keyword::BINARY
            | Keyword::INTERVAL
            | Keyword::JOIN
            | Keyword::STRAIGHT_JOIN
            | Keyword::EXPLAIN
            | Keyword::DESCRIBE
            | Keyword::DESC
            | Keyword::CASE
            | Keyword::ARRAY
    )
}

fn is_operand(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
    )
}
