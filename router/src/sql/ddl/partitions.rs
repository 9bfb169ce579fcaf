//! `PARTITION BY …` and definitions of partitions.

use sqlparser::tokenizer::Token;

use super::expression;
use super::fault::Read;
use super::options::{self, PARTITION_OPTIONS, REFUSED_TABLE_OPTIONS};
use super::reader::Reader;

/// `PARTITION BY …`, if it stands here.
pub(super) fn partitioning(reader: &mut Reader) -> Read<()> {
    if !reader.eat_all(&["PARTITION", "BY"]) {
        return Ok(());
    }
    if reader.eat("SYSTEM_TIME") {
        system_time(reader)?;
    } else if reader.eat("RANGE") || reader.eat("LIST") {
        match reader.eat("COLUMNS") {
            true => columns(reader)?,
            false => expression::parenthesised(reader)?,
        }
    } else {
        by_hash(reader)?;
    }
    if reader.eat("PARTITIONS") {
        reader.number()?;
    }
    if reader.eat_all(&["SUBPARTITION", "BY"]) {
        by_hash(reader)?;
        if reader.eat("SUBPARTITIONS") {
            reader.number()?;
        }
    }
    if reader.is_mark(&Token::LParen) {
        definitions(reader)?;
    }
    Ok(())
}

/// `([PARTITION] name …, …)`
pub(super) fn definitions(reader: &mut Reader) -> Read<()> {
    reader.in_parentheses(definition)?;
    Ok(())
}

/// `[LINEAR] HASH (expression)` or `[LINEAR] KEY [ALGORITHM = n] (columns)`
fn by_hash(reader: &mut Reader) -> Read<()> {
    reader.eat("LINEAR");
    if reader.eat("HASH") {
        return expression::parenthesised(reader);
    }
    reader.expect("KEY")?;
    if reader.eat("ALGORITHM") {
        reader.expect_mark(&Token::Eq)?;
        reader.number()?;
    }
    columns(reader)
}

/// `([column, …])`
fn columns(reader: &mut Reader) -> Read<()> {
    reader.expect_mark(&Token::LParen)?;
    if !reader.is_mark(&Token::RParen) {
        reader.list(Reader::name)?;
    }
    reader.expect_mark(&Token::RParen)
}

/// `[INTERVAL n unit [STARTS time] | LIMIT n] [AUTO]`
fn system_time(reader: &mut Reader) -> Read<()> {
    if reader.eat("INTERVAL") {
        expression::value(reader)?;
        reader.name()?;
        if reader.eat("STARTS") {
            expression::value(reader)?;
        }
    } else if reader.eat("LIMIT") {
        reader.number()?;
    }
    reader.eat("AUTO");
    Ok(())
}

fn definition(reader: &mut Reader) -> Read<()> {
    // MariaDB takes it without the word.
    reader.eat("PARTITION");
    reader.name()?;
    if reader.eat_all(&["VALUES", "LESS", "THAN"]) {
        if !reader.eat("MAXVALUE") {
            expression::parenthesised(reader)?;
        }
    } else if reader.eat_all(&["VALUES", "IN"]) {
        expression::parenthesised(reader)?;
    } else {
        reader.eat_one_of(&["CURRENT", "HISTORY", "DEFAULT"]);
    }
    partition_options(reader)?;
    if reader.is_mark(&Token::LParen) {
        reader.in_parentheses(|reader| {
            reader.expect("SUBPARTITION")?;
            match reader.token() {
                Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => reader.text()?,
                _ => {
                    reader.name()?;
                }
            }
            partition_options(reader)
        })?;
    }
    Ok(())
}

fn partition_options(reader: &mut Reader) -> Read<()> {
    loop {
        options::refuse(reader, &REFUSED_TABLE_OPTIONS)?;
        if !options::one(reader, &PARTITION_OPTIONS)? {
            return Ok(());
        }
    }
}
