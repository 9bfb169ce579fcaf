//! One statement as tokens and, where sqlparser can, as a tree.
//!
//! The bytes that reach a shard must mean there exactly what they meant here. So this module lexes by
//! MySQL's rules (`lex`), insists on exactly one statement, refuses by name what no client may send
//! (`gate`), bounds what the tree may cost (`size`), and only then asks sqlparser, through a dialect
//! with MySQL's operator precedence (`dialect`). Everything is pure: no IO and no clock.
//!
//! The lexical rules are those of the pinned session: `utf8mb4`, backslash escapes on, `ANSI_QUOTES`,
//! `PIPES_AS_CONCAT` and `HIGH_NOT_PRECEDENCE` off.

pub mod bind;
pub mod comments;
mod dialect;
pub mod error;
mod gate;
pub mod head;
mod hints;
pub mod lex;
pub mod literal;
pub mod names;
pub mod outline;
mod reserved;
pub mod scan;
pub mod size;
pub mod source;
pub mod tree;
pub mod weight;

use sqlparser::tokenizer::Token;

use self::bind::Param;
use self::error::SqlError;
use self::source::Sql;

/// Reads exactly one statement and binds `params` to its `?` placeholders. Executable comments are expanded before
/// ([`comments::expand`]); one that is still there is refused.
///
/// A statement that sqlparser cannot parse is not an error: its tree is `Err` and its tokens still hold.
///
/// # Errors
/// Every variant of [`SqlError`]. Text whose strings, comments or `;` MySQL might see elsewhere than
/// sqlparser does is `Malformed`, so that nothing hides from the checks.
pub fn read(text: &str, params: &[Param]) -> Result<Sql, SqlError> {
    let mut tokens = lex::lex(text)?;
    let bound = bind::bind(text, &tokens, params)?;
    if let Some(bound) = &bound {
        tokens = lex::lex(bound)?;
    }
    let mut text = bound.unwrap_or_else(|| text.to_owned());

    if let Some(semicolon) = tokens.iter().position(|lexeme| lexeme.token == Token::SemiColon) {
        let end = tokens[semicolon].range.start;
        if tokens.len() > semicolon + 1 {
            return Err(SqlError::Several);
        }
        tokens.truncate(semicolon);
        text.truncate(end);
    }
    if tokens.is_empty() {
        return Err(SqlError::Empty);
    }

    let mut sql = Sql { text, tokens, statement: Err(String::new()), unparsed_rows: 0..0, lock_in_share_mode: false };
    gate::check(&sql)?;
    if !head::begins_statement(&sql.head()) {
        let first = &sql.tokens[head::first_word(&sql).min(sql.tokens.len() - 1)];
        return Err(SqlError::Malformed(format!("no statement begins with `{}`", sql.slice(first.range.clone()))));
    }
    size::check(&sql.tokens)?;
    sql.unparsed_rows = super::meaning::plain_rows::behind_the_first(&sql.tokens);
    let (tokens, lock_in_share_mode) = tree::parser_tokens(&sql.tokens, &sql.unparsed_rows);
    sql.lock_in_share_mode = lock_in_share_mode;
    sql.statement = tree::parse(tokens);
    Ok(sql)
}
