//! How deep an expression's tree may grow before it is a danger.
//!
//! sqlparser's trees are recursive, and an overflown stack aborts the process. On a 2 MiB stack (tokio's default)
//! `a OR b OR …` may have about 1,900 operators before `clone` dies in a release build and 450 in a debug build;
//! `==` takes 850, Debug 1,700, and parsing, printing, visiting and dropping more than 8,000 in a debug build.
//! So what passes here may be parsed, printed, visited and dropped anywhere, but should not be cloned whole.
//! Lists are flat and may be long.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use crate::sql::read::error::SqlError;
use crate::sql::read::source::Lexeme;

/// Operators on one path from an expression's root to its leaves.
pub const OPERATOR_LIMIT: usize = 1_000;

/// # Errors
/// `TooComplex` if the tree of some expression may be deeper than [`OPERATOR_LIMIT`].
pub fn check(tokens: &[Lexeme]) -> Result<(), SqlError> {
    check_lists(tokens)?;
    let operators = deepest(tokens);
    if operators > OPERATOR_LIMIT {
        return Err(SqlError::TooComplex { operators, limit: OPERATOR_LIMIT });
    }
    Ok(())
}

/// A list whose parts are looked at together, in more time than each by itself.
#[derive(Clone, Copy)]
enum List {
    /// What is selected, grouped and ordered by.
    Columns,
    Tables,
    Queries,
}

impl List {
    /// What is counted, and how many are taken. A server joins 61 tables and has 4,096 columns in a table.
    fn limit(self) -> (&'static str, usize) {
        match self {
            List::Columns => ("columns in one list", 4_096),
            List::Tables => ("tables in one FROM", 61),
            List::Queries => ("WITH queries", 100),
        }
    }
}

/// Refuses what costs more than its length: lists of a SELECT beyond what a server takes, and too many SELECTs.
///
/// Rows, IN and arguments are no such lists. They may be as long as a statement may.
fn check_lists(tokens: &[Lexeme]) -> Result<(), SqlError> {
    const MOST_SELECTS: usize = 1_000;
    let mut selects = 0;
    let mut outer: Vec<(Option<List>, usize)> = Vec::new();
    let (mut list, mut parts) = (None, 1);
    for lexeme in tokens {
        match &lexeme.token {
            Token::LParen => {
                outer.push((list, parts));
                (list, parts) = (None, 1);
            }
            Token::RParen => (list, parts) = outer.pop().unwrap_or((None, 1)),
            Token::Comma => {
                parts += 1;
                if let Some((what, limit)) = list.map(List::limit)
                    && parts > limit
                {
                    return Err(SqlError::TooMany { what, count: parts, limit });
                }
            }
            Token::Word(word) if word.quote_style.is_none() => {
                let begun = match word.keyword {
                    Keyword::SELECT => {
                        selects += 1;
                        Some(List::Columns)
                    }
                    Keyword::FROM => Some(List::Tables),
                    Keyword::WITH => Some(List::Queries),
                    Keyword::GROUP | Keyword::ORDER => Some(List::Columns),
                    Keyword::JOIN | Keyword::STRAIGHT_JOIN if matches!(list, Some(List::Tables)) => {
                        parts += 1;
                        continue;
                    }
                    Keyword::WHERE | Keyword::DUPLICATE | Keyword::SET => None,
                    _ => continue,
                };
                (list, parts) = (begun, 1);
            }
            _ => {}
        }
    }
    match selects > MOST_SELECTS {
        true => Err(SqlError::TooMany { what: "SELECTs", count: selects, limit: MOST_SELECTS }),
        false => Ok(()),
    }
}

/// What is known of one parenthesis level.
#[derive(Default)]
struct Level {
    /// Operators since the last comma.
    operators: usize,
    /// Joins that still wait for their ON, and the most of them at once since the last comma.
    open_joins: usize,
    most_open_joins: usize,
    /// The deepest tree in parentheses since the last comma.
    deepest_inside: usize,
    /// The deepest tree between two commas before.
    deepest_before: usize,
}

impl Level {
    fn end_expression(&mut self) {
        *self = Level { deepest_before: self.depth(), ..Level::default() };
    }

    fn begin_join(&mut self) {
        self.operators += 1;
        self.open_joins += 1;
        self.most_open_joins = self.most_open_joins.max(self.open_joins);
    }

    fn depth(&self) -> usize {
        // sqlparser recurses for a JOIN that follows a JOIN without ON, at more than 40 kB in a debug build.
        const OPEN_JOIN_WEIGHT: usize = 60;
        let open_joins = OPEN_JOIN_WEIGHT * self.most_open_joins.saturating_sub(1);
        self.deepest_before.max(self.operators + open_joins + self.deepest_inside)
    }
}

/// An upper bound for the depth of the tree, in operators.
///
/// A path from the root passes at most all operators of a level and then enters one pair of parentheses. A comma
/// separates expressions, but not the operands of set operators: those are counted over the whole statement.
fn deepest(tokens: &[Lexeme]) -> usize {
    // Cloning 103 set operations fills a 2 MiB stack in a debug build: each is several nodes of a query.
    const SET_OPERATOR_WEIGHT: usize = 10;
    // sqlparser's hook for DIV and MOD copies the left side, so a chain costs its square in time.
    const COPYING_WEIGHT: usize = 4;

    let mut set_operators = 0;
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for lexeme in tokens {
        match &lexeme.token {
            Token::LParen => outer.push(std::mem::take(&mut level)),
            Token::RParen => close(&mut level, outer.pop()),
            Token::Comma => level.end_expression(),
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => {
                    set_operators += SET_OPERATOR_WEIGHT;
                }
                Keyword::JOIN | Keyword::STRAIGHT_JOIN => level.begin_join(),
                Keyword::ON | Keyword::USING => level.open_joins = level.open_joins.saturating_sub(1),
                Keyword::DIV | Keyword::MOD => level.operators += COPYING_WEIGHT,
                keyword if is_operator(keyword) => level.operators += 1,
                _ => {}
            },
            token if is_operand(token) => {}
            _symbol => level.operators += 1,
        }
    }
    while let Some(open) = outer.pop() {
        close(&mut level, Some(open));
    }
    level.depth() + set_operators
}

/// Goes on with the level around the parentheses that just ended.
fn close(level: &mut Level, outer: Option<Level>) {
    let inside = level.depth();
    *level = outer.unwrap_or_default();
    level.deepest_inside = level.deepest_inside.max(inside);
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
