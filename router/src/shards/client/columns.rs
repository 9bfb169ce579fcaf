//! From what sqlx says of a result's columns to [`Column`].

use keyspace::literal::Kind;
use sqlx::mysql::{MySql, MySqlColumn, MySqlTypeInfo};
use sqlx::{Column as _, Type, TypeInfo as _};

use crate::cells::Column;

/// The columns of a result. `is_json` as for [`super::ShardRow::describe`].
pub fn described(columns: &[MySqlColumn], is_json: impl Fn(&str, &str) -> bool) -> Vec<Column> {
    columns.iter().map(|column| describe(column, &is_json)).collect()
}

pub fn names(columns: &[MySqlColumn]) -> impl Iterator<Item = &str> {
    columns.iter().map(MySqlColumn::name)
}

fn describe(column: &MySqlColumn, is_json: &impl Fn(&str, &str) -> bool) -> Column {
    let type_info = column.type_info();
    let flags = Flags::of(type_info);
    let (mut kind, mut type_name) = kind_and_name(type_info, flags);
    if kind == Kind::Text && comes_from_json(column, is_json) {
        (kind, type_name) = (Kind::Json, "JSON");
    }
    Column { name: column.name().to_owned(), kind, type_name: type_name.to_owned(), nullable: !flags.not_null }
}

/// sqlx names string types by the BINARY flag, which the server also sets for text with a `_bin` collation. Whether
/// a string is text depends on its character set alone, and sqlx tells that through `Type::compatible`.
fn kind_and_name(type_info: &MySqlTypeInfo, flags: Flags) -> (Kind, &'static str) {
    let is_text = <str as Type<MySql>>::compatible(type_info);
    match type_info.name() {
        // sqlx's word for TINYINT(1), signed or not. The column may hold any number, so it stays one.
        "BOOLEAN" if flags.unsigned => (Kind::Unsigned, "TINYINT UNSIGNED"),
        "BOOLEAN" | "TINYINT" => (Kind::Integer, "TINYINT"),
        "SMALLINT" => (Kind::Integer, "SMALLINT"),
        "MEDIUMINT" => (Kind::Integer, "MEDIUMINT"),
        "INT" => (Kind::Integer, "INT"),
        "BIGINT" => (Kind::Integer, "BIGINT"),
        "TINYINT UNSIGNED" => (Kind::Unsigned, "TINYINT UNSIGNED"),
        "SMALLINT UNSIGNED" => (Kind::Unsigned, "SMALLINT UNSIGNED"),
        "MEDIUMINT UNSIGNED" => (Kind::Unsigned, "MEDIUMINT UNSIGNED"),
        "INT UNSIGNED" => (Kind::Unsigned, "INT UNSIGNED"),
        "BIGINT UNSIGNED" => (Kind::Unsigned, "BIGINT UNSIGNED"),
        "DECIMAL" => (Kind::Decimal, "DECIMAL"),
        "FLOAT" => (Kind::Float, "FLOAT"),
        "DOUBLE" => (Kind::Double, "DOUBLE"),
        "DATE" => (Kind::Date, "DATE"),
        "TIME" => (Kind::Time, "TIME"),
        "DATETIME" => (Kind::DateTime, "DATETIME"),
        "TIMESTAMP" => (Kind::DateTime, "TIMESTAMP"),
        "YEAR" => (Kind::Year, "YEAR"),
        "BIT" => (Kind::Bit, "BIT"),
        "JSON" => (Kind::Json, "JSON"),
        "GEOMETRY" => (Kind::Geometry, "GEOMETRY"),
        "NULL" => (Kind::Null, "NULL"),
        // ENUM and SET arrive as CHAR with a flag.
        _ if flags.is_enum => (Kind::Enum, "ENUM"),
        _ if flags.is_set => (Kind::Set, "SET"),
        "CHAR" | "BINARY" if is_text => (Kind::Text, "CHAR"),
        "CHAR" | "BINARY" => (Kind::Binary, "BINARY"),
        "VARCHAR" | "VARBINARY" if is_text => (Kind::Text, "VARCHAR"),
        "VARCHAR" | "VARBINARY" => (Kind::Binary, "VARBINARY"),
        "TINYTEXT" | "TINYBLOB" if is_text => (Kind::Text, "TINYTEXT"),
        "TINYTEXT" | "TINYBLOB" => (Kind::Binary, "TINYBLOB"),
        "MEDIUMTEXT" | "MEDIUMBLOB" if is_text => (Kind::Text, "MEDIUMTEXT"),
        "MEDIUMTEXT" | "MEDIUMBLOB" => (Kind::Binary, "MEDIUMBLOB"),
        "LONGTEXT" | "LONGBLOB" if is_text => (Kind::Text, "LONGTEXT"),
        "LONGTEXT" | "LONGBLOB" => (Kind::Binary, "LONGBLOB"),
        "ENUM" => (Kind::Enum, "ENUM"),
        "SET" => (Kind::Set, "SET"),
        _ if is_text => (Kind::Text, "TEXT"),
        _ => (Kind::Binary, "BLOB"),
    }
}

fn comes_from_json(column: &MySqlColumn, is_json: &impl Fn(&str, &str) -> bool) -> bool {
    let origin = column.origin();
    let Some(origin) = origin.table_column() else {
        return false;
    };
    // sqlx gives `schema.table` unquoted. With a dot in the schema's name the table is not found, and the cell stays
    // text.
    let table = origin.table.split_once('.').map_or(&*origin.table, |(_, table)| table);
    is_json(table, &origin.name)
}

/// The column flags of the protocol that the mapping needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    not_null: bool,
    unsigned: bool,
    is_enum: bool,
    is_set: bool,
}

impl Flags {
    /// sqlx receives the flags but keeps them private; its `Debug` text is the only way to them
    /// (`… flags: ColumnFlags(NOT_NULL | UNSIGNED), …`). Were that text to change, every flag would read as unset,
    /// and the tests of this module that read a real server's columns fail.
    fn of(type_info: &MySqlTypeInfo) -> Self {
        Self::parse(&format!("{type_info:?}"))
    }

    fn parse(debug: &str) -> Self {
        let mut flags = Self::default();
        let Some((_, rest)) = debug.split_once("ColumnFlags(") else {
            return flags;
        };
        let Some((names, _)) = rest.split_once(')') else {
            return flags;
        };
        for name in names.split('|').map(str::trim) {
            match name {
                "NOT_NULL" => flags.not_null = true,
                "UNSIGNED" => flags.unsigned = true,
                "ENUM" => flags.is_enum = true,
                "SET" => flags.is_set = true,
                _ => {}
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests;
