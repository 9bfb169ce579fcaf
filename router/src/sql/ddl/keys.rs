//! Keys, indexes and constraints of tables.

use sqlparser::tokenizer::Token;

use super::expression;
use super::fault::Read;
use super::options::{self, INDEX_OPTIONS};
use super::reader::Reader;
use crate::sql::meaning::statement::{ForeignKey, Role};

/// A key, index or constraint among the columns, if one stands here.
pub(super) fn key(reader: &mut Reader) -> Read<bool> {
    let is_constraint = reader.eat("CONSTRAINT");
    if is_constraint {
        reader.eat_existence();
        if reader.is_name() {
            reader.name()?;
        }
    }
    if reader.eat_all(&["PRIMARY", "KEY"]) {
        unique(reader)?;
    } else if reader.eat("UNIQUE") {
        reader.eat_one_of(&["INDEX", "KEY"]);
        unique(reader)?;
    } else if reader.eat_all(&["FOREIGN", "KEY"]) {
        foreign_key(reader)?;
    } else if reader.is("CHECK") {
        check(reader)?;
    } else if is_constraint {
        return Err(reader.unexpected());
    } else if reader.eat("FULLTEXT") || reader.eat("SPATIAL") || eat_vector(reader) {
        reader.eat_one_of(&["INDEX", "KEY"]);
        index(reader)?;
    } else if reader.eat("INDEX") || reader.eat("KEY") {
        index(reader)?;
    } else if reader.are(&["PERIOD", "FOR"]) || reader.are(&["PERIOD", "IF"]) {
        reader.at += 1;
        period(reader)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `VECTOR` is also a type's name, and a column may have it for a name.
fn eat_vector(reader: &mut Reader) -> bool {
    let is = reader.are(&["VECTOR", "INDEX"]) || reader.are(&["VECTOR", "KEY"]);
    reader.at += usize::from(is);
    is
}

/// `[IF NOT EXISTS] FOR name (begin, end)`
fn period(reader: &mut Reader) -> Read<()> {
    reader.eat_existence();
    reader.expect("FOR")?;
    reader.name()?;
    reader.in_parentheses(Reader::name)?;
    Ok(())
}

fn unique(reader: &mut Reader) -> Read<()> {
    let columns = index(reader)?;
    reader.found.unique_indexes.push(columns);
    Ok(())
}

/// `[IF NOT EXISTS] [name] [USING type] (parts) [option] …`; returns the columns.
fn index(reader: &mut Reader) -> Read<Vec<String>> {
    reader.eat_existence();
    if reader.is_name() && !reader.is("USING") {
        reader.name()?;
    }
    index_type(reader)?;
    let columns = reader.in_parentheses(part)?;
    options::each(reader, &INDEX_OPTIONS)?;
    Ok(columns)
}

/// `USING BTREE`, also as `TYPE BTREE`.
pub(super) fn index_type(reader: &mut Reader) -> Read<()> {
    if reader.eat("USING") || reader.eat("TYPE") {
        reader.expect_one_of(&["BTREE", "HASH", "RTREE"])?;
    }
    Ok(())
}

/// A part of an index. An expression has no name, nor has the beginning of a column.
pub(super) fn part(reader: &mut Reader) -> Read<String> {
    let mut column = String::new();
    if reader.is_mark(&Token::LParen) {
        expression::parenthesised(reader)?;
    } else {
        column = reader.name()?;
        if reader.is_mark(&Token::LParen) {
            reader.in_parentheses(Reader::number)?;
            column.clear();
        }
    }
    if !reader.eat_all(&["WITHOUT", "OVERLAPS"]) {
        reader.eat_one_of(&["ASC", "DESC"]);
    }
    Ok(column)
}

fn foreign_key(reader: &mut Reader) -> Read<()> {
    reader.eat_existence();
    if reader.is_name() {
        reader.name()?;
    }
    let columns = reader.in_parentheses(part)?;
    references(reader, columns)
}

/// `REFERENCES table [(columns)] [MATCH …] [ON DELETE …] [ON UPDATE …]`
pub(super) fn references(reader: &mut Reader, columns: Vec<String>) -> Read<()> {
    const ACTIONS: [&[&str]; 5] =
        [&["RESTRICT"], &["CASCADE"], &["SET", "NULL"], &["SET", "DEFAULT"], &["NO", "ACTION"]];
    reader.expect("REFERENCES")?;
    let table = reader.named(Role::Referred)?;
    let referred = match reader.is_mark(&Token::LParen) {
        true => reader.in_parentheses(part)?,
        false => Vec::new(),
    };
    reader.found.foreign_keys.push(ForeignKey { columns, table, referred });
    if reader.eat("MATCH") {
        reader.expect_one_of(&["FULL", "PARTIAL", "SIMPLE"])?;
    }
    while reader.eat_all(&["ON", "DELETE"]) || reader.are(&["ON", "UPDATE"]) && is_action(reader, &ACTIONS) {
        reader.eat_all(&["ON", "UPDATE"]);
        if !ACTIONS.iter().any(|action| reader.eat_all(action)) {
            return Err(reader.unexpected());
        }
    }
    Ok(())
}

/// `ON UPDATE` behind a column's REFERENCES may also be its own: `ON UPDATE CURRENT_TIMESTAMP`.
fn is_action(reader: &Reader, actions: &[&[&str]]) -> bool {
    actions.iter().any(|action| reader.sql.are_words(reader.at + 2, action))
}

/// `CHECK (expression) [[NOT] ENFORCED]`
pub(super) fn check(reader: &mut Reader) -> Read<()> {
    reader.expect("CHECK")?;
    reader.eat_existence();
    expression::parenthesised(reader)?;
    let _ = reader.eat("ENFORCED") || reader.eat_all(&["NOT", "ENFORCED"]);
    Ok(())
}
