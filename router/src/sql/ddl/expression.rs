//! Values and expressions in definitions.

use std::ops::Range;

use sqlparser::tokenizer::Token;

use super::fault::{Fault, Read};
use super::reader::Reader;
use crate::sql::meaning::statement::{DefinedTable, Role};
use crate::sql::read::names::TableName;

/// `(expression)`, without a query and without tables of its own.
pub(super) fn parenthesised(reader: &mut Reader) -> Read<()> {
    let inside = reader.balanced()?;
    check(reader, inside)
}

/// What may stand behind DEFAULT or ON UPDATE: a literal, a function, or an expression in parentheses.
pub(super) fn value(reader: &mut Reader) -> Read<()> {
    const CONSTANTS: [&str; 13] = [
        "NULL",
        "TRUE",
        "FALSE",
        "CURRENT_TIMESTAMP",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_USER",
        "CURRENT_ROLE",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "UTC_TIMESTAMP",
        "UTC_DATE",
        "UTC_TIME",
    ];
    if reader.is_mark(&Token::LParen) {
        return parenthesised(reader);
    }
    if reader.eat_mark(&Token::Minus) || reader.eat_mark(&Token::Plus) {
        return reader.number();
    }
    // DATE '2020-01-01', _utf8mb4 'text'
    let introduces = reader.is_one_of(&["DATE", "TIME", "TIMESTAMP"])
        || reader.word().is_some_and(|word| word.value.starts_with('_'));
    if introduces && reader.sql.tokens.get(reader.at + 1).is_some_and(|next| is_literal(&next.token)) {
        reader.at += 1;
    }
    match reader.token() {
        Some(token) if is_literal(token) => {
            reader.at += 1;
            while matches!(reader.token(), Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))) {
                reader.at += 1;
            }
            Ok(())
        }
        Some(Token::Word(_)) if is_function(reader) && reader.sql.is_token(reader.at + 1, &Token::LParen) => {
            let begin = reader.at;
            reader.at += 1;
            let inside = reader.balanced()?;
            check(reader, begin..inside.end)
        }
        _ if reader.eat_one_of(&CONSTANTS) => Ok(()),
        // MariaDB takes another column for a default.
        _ => reader.name().map(|_| ()),
    }
}

/// Some functions have the names of reserved words.
fn is_function(reader: &Reader) -> bool {
    reader.is_name() || reader.is_one_of(&["IF", "REPLACE", "INSERT", "CONVERT"])
}

fn is_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
    )
}

/// Looks at an expression's words; names with a schema are kept, as those of tables that are read.
fn check(reader: &mut Reader, inside: Range<usize>) -> Read<()> {
    const SEQUENCES: [&str; 3] = ["NEXTVAL", "LASTVAL", "SETVAL"];
    for at in inside.clone() {
        let Token::Word(word) = &reader.sql.tokens[at].token else { continue };
        if ["SELECT", "VALUES", "TABLE", "WITH"].iter().any(|query| reader.sql.is_word(at, query)) {
            return Err(Fault::unsupported("a query inside of an expression of a definition", "leave it out"));
        }
        let is_call = reader.sql.is_token(at + 1, &Token::LParen);
        let draws = reader.sql.are_words(at, &["NEXT", "VALUE"]) || reader.sql.are_words(at, &["PREVIOUS", "VALUE"]);
        if draws || is_call && SEQUENCES.iter().any(|name| word.value.eq_ignore_ascii_case(name)) {
            return Err(Fault::unsupported("a sequence in a definition", "use AUTO_INCREMENT"));
        }
    }
    let plain = |token: &Token| match token {
        Token::Word(word) => Some(word.value.replace("``", "`")),
        _ => None,
    };
    // schema.function(…) and schema.table.column; a lone table.column means the table itself.
    let mut at = inside.start;
    while at < inside.end {
        let mut parts = Vec::new();
        let begin = at;
        while let Some(part) = reader.sql.tokens[..inside.end].get(at).and_then(|lexeme| plain(&lexeme.token)) {
            parts.push(part);
            at += 1;
            let goes_on = at < inside.end && reader.sql.is_token(at, &Token::Period);
            if !goes_on {
                break;
            }
            at += 1;
        }
        let is_call = reader.sql.is_token(at, &Token::LParen);
        if parts.len() > 2 || parts.len() == 2 && is_call {
            let table = TableName { schema: Some(parts[0].clone()), name: parts[1].clone() };
            reader.found.tables.push(DefinedTable { table, role: Role::Read });
        }
        at += usize::from(at == begin);
    }
    Ok(())
}
