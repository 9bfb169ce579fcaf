//! `CREATE VIEW` and `ALTER VIEW`.

use sqlparser::tokenizer::Token;

use super::fault::Read;
use super::opening::Opening;
use super::query::Query;
use super::reader::Reader;
use crate::sql::meaning::statement::Role;

/// `[IF NOT EXISTS] view [(columns)] AS query [WITH [CASCADED | LOCAL] CHECK OPTION]`
pub(super) fn view(reader: &mut Reader, opening: &Opening) -> Read<Option<Query>> {
    reader.found.replaces = opening.or_replace;
    reader.eat_existence();
    reader.named(if opening.verb == "ALTER" { Role::Changed } else { Role::Created })?;
    if reader.is_mark(&Token::LParen) {
        reader.in_parentheses(Reader::name)?;
    }
    if !reader.is("AS") {
        return Err(reader.unexpected());
    }
    let count = reader.sql.tokens.len();
    let endings: [&[&str]; 3] =
        [&["WITH", "CASCADED", "CHECK", "OPTION"], &["WITH", "LOCAL", "CHECK", "OPTION"], &["WITH", "CHECK", "OPTION"]];
    let ends = |words: &&&[&str]| count > words.len() && reader.sql.are_words(count - words.len(), words);
    let ending = endings.iter().find(ends).map_or(0, |words| words.len());
    let query = Query::up_to(reader, count - ending)?;
    reader.at += ending;
    Ok(query)
}
