//! `CREATE TABLE`.

use sqlparser::tokenizer::Token;

use super::fault::Read;
use super::opening::Opening;
use super::options::{self, REFUSED_TABLE_OPTIONS, TABLE_OPTIONS};
use super::query::Query;
use super::reader::Reader;
use super::{columns, keys, partitions};
use crate::sql::meaning::statement::{DefineKind, Role};

/// `[IF NOT EXISTS] table LIKE other`, or `table [(elements)] [options] [PARTITION BY …] [query]`
pub(super) fn table(reader: &mut Reader, opening: &Opening) -> Read<Option<Query>> {
    reader.found.kind = DefineKind::CreateTable;
    reader.found.replaces = opening.or_replace;
    reader.eat_existence();
    reader.named(Role::Created)?;
    if like(reader)? {
        return Ok(None);
    }
    if reader.is_mark(&Token::LParen) && !opens_query(reader) {
        reader.in_parentheses(element)?;
    }
    table_options(reader)?;
    partitions::partitioning(reader)?;
    let _ = reader.eat("IGNORE") || reader.eat("REPLACE");
    let query = Query::to_the_end(reader)?;
    reader.found.reads_rows = query.is_some();
    Ok(query)
}

/// `LIKE other`, also in parentheses.
fn like(reader: &mut Reader) -> Read<bool> {
    if reader.eat("LIKE") {
        reader.named(Role::Like)?;
        return Ok(true);
    }
    let is_like = reader.is_mark(&Token::LParen) && reader.sql.is_word(reader.at + 1, "LIKE");
    if is_like {
        reader.at += 2;
        reader.named(Role::Like)?;
        reader.expect_mark(&Token::RParen)?;
    }
    Ok(is_like)
}

fn opens_query(reader: &Reader) -> bool {
    let next = reader.at + 1;
    let query = ["SELECT", "WITH", "VALUES", "TABLE"];
    reader.sql.is_token(next, &Token::LParen) || query.iter().any(|word| reader.sql.is_word(next, word))
}

/// A column, or a key or constraint, between the parentheses.
pub(super) fn element(reader: &mut Reader) -> Read<()> {
    if !keys::key(reader)? {
        columns::column(reader)?;
    }
    Ok(())
}

/// Options of a table, with commas between them or without.
fn table_options(reader: &mut Reader) -> Read<()> {
    while table_option(reader)? {
        reader.eat_mark(&Token::Comma);
    }
    Ok(())
}

/// An option of a table, if one stands here.
pub(super) fn table_option(reader: &mut Reader) -> Read<bool> {
    options::refuse(reader, &REFUSED_TABLE_OPTIONS)?;
    options::one(reader, &TABLE_OPTIONS)
}
