//! Types of columns, of both servers.

use sqlparser::tokenizer::Token;

use super::fault::Read;
use super::reader::Reader;

/// Types of several words; the longer ones come first.
const PHRASES: [&[&str]; 22] = [
    &["DOUBLE", "PRECISION"],
    &["NATIONAL", "CHARACTER", "VARYING"],
    &["NATIONAL", "CHAR", "VARYING"],
    &["NATIONAL", "CHARACTER"],
    &["NATIONAL", "CHAR"],
    &["NATIONAL", "VARCHARACTER"],
    &["NATIONAL", "VARCHAR"],
    &["NCHAR", "VARCHARACTER"],
    &["NCHAR", "VARCHAR"],
    &["NCHAR", "VARYING"],
    &["CHARACTER", "VARYING"],
    &["CHAR", "VARYING"],
    &["LONG", "CHARACTER", "VARYING"],
    &["LONG", "CHAR", "VARYING"],
    &["LONG", "CHARACTER"],
    &["LONG", "VARCHARACTER"],
    &["LONG", "VARCHAR"],
    &["LONG", "VARBINARY"],
    &["LONG", "BYTE"],
    &["LONG", "CHAR"],
    &["CHAR", "BYTE"],
    &["CHARACTER", "BYTE"],
];

const WORDS: [&str; 68] = [
    "TINYINT",
    "SMALLINT",
    "MEDIUMINT",
    "MIDDLEINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "INT1",
    "INT2",
    "INT3",
    "INT4",
    "INT8",
    "DECIMAL",
    "DEC",
    "NUMERIC",
    "FIXED",
    "NUMBER",
    "FLOAT",
    "FLOAT4",
    "FLOAT8",
    "DOUBLE",
    "REAL",
    "BIT",
    "BOOL",
    "BOOLEAN",
    "SERIAL",
    "CHAR",
    "CHARACTER",
    "NCHAR",
    "VARCHAR",
    "VARCHARACTER",
    "NVARCHAR",
    "VARCHAR2",
    "BINARY",
    "VARBINARY",
    "RAW",
    "TINYBLOB",
    "BLOB",
    "MEDIUMBLOB",
    "LONGBLOB",
    "TINYTEXT",
    "TEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
    "LONG",
    "CLOB",
    "ENUM",
    "SET",
    "DATE",
    "TIME",
    "DATETIME",
    "TIMESTAMP",
    "YEAR",
    "JSON",
    "UUID",
    "INET4",
    "INET6",
    "VECTOR",
    "GEOMETRY",
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
    "GEOMCOLLECTION",
    "XMLTYPE",
];

/// A type with its length and attributes; returns the type as written, without attributes.
pub(super) fn column_type(reader: &mut Reader) -> Read<String> {
    let begin = reader.at;
    if !PHRASES.iter().any(|phrase| reader.eat_all(phrase)) {
        reader.expect_one_of(&WORDS)?;
    }
    if reader.is_mark(&Token::LParen) {
        reader.in_parentheses(length_or_member)?;
    }
    let written = reader.sql.tokens[begin].range.start..reader.sql.tokens[reader.at - 1].range.end;
    attributes(reader)?;
    Ok(reader.sql.slice(written).to_owned())
}

fn length_or_member(reader: &mut Reader) -> Read<()> {
    match reader.token() {
        Some(
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_),
        ) => reader.at += 1,
        _ => return Err(reader.unexpected()),
    }
    Ok(())
}

fn attributes(reader: &mut Reader) -> Read<()> {
    const FLAGS: [&str; 7] = ["UNSIGNED", "SIGNED", "ZEROFILL", "ASCII", "UNICODE", "BYTE", "BINARY"];
    loop {
        if eat_character_set(reader) {
            character_set(reader)?;
        } else if !reader.eat_one_of(&FLAGS) {
            return Ok(());
        }
    }
}

/// `CHARACTER SET` in its three spellings.
pub(super) fn eat_character_set(reader: &mut Reader) -> bool {
    reader.eat_all(&["CHARACTER", "SET"]) || reader.eat_all(&["CHAR", "SET"]) || reader.eat("CHARSET")
}

/// The name of a character set or collation, also as a text.
pub(super) fn character_set(reader: &mut Reader) -> Read<()> {
    match reader.token() {
        Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => reader.at += 1,
        _ if reader.eat_one_of(&["BINARY", "DEFAULT", "ASCII"]) => {}
        _ => {
            reader.name()?;
        }
    }
    Ok(())
}
