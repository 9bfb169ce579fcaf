//! How a value is read from one server and written to another without losing a bit.
//!
//! The rules were measured on MariaDB 10.11 and MySQL 9.7, value by value. They hold in
//! sessions set up by [`crate::connection::Connection`].

use keyspace::literal::{Kind, write_literal};
use keyspace::schema::TableColumn;

/// One row as raw bytes; `None` is NULL.
pub(crate) type Cells = Vec<Option<Vec<u8>>>;

/// The ways in which column types travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Digits, written as they are read.
    Exact,
    /// FLOAT, which prints six digits unless it is widened first.
    Float,
    Double,
    /// ENUM, SET and BIT: by number, because text cannot tell `''` from an invalid value.
    Ordinal,
    /// Dates, times and the like: ASCII text without anything to escape.
    Text,
    /// MySQL's JSON, which refuses binary strings.
    Json,
    /// Everything that is a row of bytes in the column's own character set.
    Bytes,
}

fn form(column: &TableColumn) -> Form {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Form::Exact,
        "float" => Form::Float,
        "double" => Form::Double,
        "enum" | "set" | "bit" => Form::Ordinal,
        "date" | "datetime" | "timestamp" | "time" | "year" | "uuid" | "inet4" | "inet6" => Form::Text,
        "json" => Form::Json,
        _ => Form::Bytes,
    }
}

/// The SQL that reads a column given by its (quoted, perhaps qualified) name.
pub fn select_expression(column: &TableColumn, name: &str) -> String {
    match column.exact_type() {
        Some(exact) => format!("CAST({name} AS {exact})"),
        None => name.to_owned(),
    }
}

/// Appends what [`select_expression`] returned, as a literal for INSERT.
pub(crate) fn push_literal(sql: &mut Vec<u8>, column: &TableColumn, value: Option<&[u8]>) {
    let Some(bytes) = value else { return sql.extend_from_slice(b"NULL") };
    match form(column) {
        Form::Exact | Form::Ordinal => sql.extend_from_slice(bytes),
        Form::Float | Form::Double => write_literal(sql, Kind::Double, value),
        Form::Text => {
            sql.push(b'\'');
            bytes.iter().for_each(|&byte| match byte {
                b'\'' => sql.extend_from_slice(b"''"),
                byte => sql.push(byte),
            });
            sql.push(b'\'');
        }
        Form::Json => {
            sql.extend_from_slice(b"CONVERT(");
            write_literal(sql, Kind::Binary, value);
            sql.extend_from_slice(b" USING utf8mb4)");
        }
        Form::Bytes => push_bytes(sql, bytes),
    }
}

/// A binary string: text as it is, and what is no text, or mostly bytes to escape, as hex.
///
/// Text halves what travels and what the server reads. It needs a session in which a backslash escapes; the introducer
/// keeps the server from converting it. Only UTF-8 goes so, because a statement is UTF-8 itself.
fn push_bytes(sql: &mut Vec<u8>, bytes: &[u8]) {
    let is_escaped = |byte: &u8| matches!(byte, b'\'' | b'\\' | b'\0');
    let escaped = bytes.iter().filter(|byte| is_escaped(byte)).count();
    if escaped > bytes.len() / 2 || str::from_utf8(bytes).is_err() {
        return write_literal(sql, Kind::Binary, Some(bytes));
    }
    sql.reserve(bytes.len() + escaped + 10);
    sql.extend_from_slice(b"_binary'");
    if escaped == 0 {
        sql.extend_from_slice(bytes);
    } else {
        for byte in bytes {
            match byte {
                b'\0' => sql.extend_from_slice(b"\\0"),
                b'\'' | b'\\' => sql.extend_from_slice(&[b'\\', *byte]),
                _ => sql.push(*byte),
            }
        }
    }
    sql.push(b'\'');
}

/// What [`push_literal`] writes, but bytes always as hex: an introducer may stand before it.
fn literal(column: &TableColumn, value: Option<&[u8]>) -> String {
    let mut literal = Vec::new();
    match form(column) {
        Form::Bytes => write_literal(&mut literal, Kind::Binary, value),
        Form::Exact | Form::Float | Form::Double | Form::Ordinal | Form::Text | Form::Json => {
            push_literal(&mut literal, column, value);
        }
    }
    String::from_utf8_lossy(&literal).into_owned()
}

pub(crate) fn is_integer(column: &TableColumn) -> bool {
    matches!(column.data_type.as_str(), "tinyint" | "smallint" | "mediumint" | "int" | "bigint")
}

/// Whether values are read and compared by number.
pub(crate) fn is_ordinal(column: &TableColumn) -> bool {
    form(column) == Form::Ordinal
}

/// What stands in an INSERT for a value that a session variable has.
pub(crate) fn from_variable(column: &TableColumn, variable: &str) -> String {
    match form(column) {
        Form::Json => format!("CONVERT({variable} USING utf8mb4)"),
        Form::Exact | Form::Float | Form::Double | Form::Ordinal | Form::Text | Form::Bytes => variable.to_owned(),
    }
}

/// Whether one value may be so long that rows cannot be read by number alone.
pub(crate) fn is_long(column: &TableColumn) -> bool {
    const LONGEST_CHARACTERS: u32 = 2_000;
    match column.data_type.as_str() {
        "char" | "varchar" | "binary" | "varbinary" => column.length().is_none_or(|length| length > LONGEST_CHARACTERS),
        "tinytext" | "tinyblob" => false,
        _ => form(column) == Form::Bytes || form(column) == Form::Json,
    }
}

/// What [`select_expression`] returned for a key column, as a literal to compare the column with.
///
/// A string carries the character set of its column, so that the column's own collation decides and its index is used.
/// It must not carry the collation as well. Both servers take two literals with a COLLATE clause for the same value if
/// they are equal under the default collation of their character set: `k='a' COLLATE utf8mb4_bin OR k='A' COLLATE
/// utf8mb4_bin` finds only the row of the first one, and without the clauses it finds both.
pub fn key_literal(column: &TableColumn, value: Option<&[u8]>) -> String {
    let plain = literal(column, value);
    match (form(column), column.collation.as_deref(), value) {
        (Form::Bytes, Some(collation), Some(_)) if collation != "binary" => {
            let charset = collation.split('_').next().unwrap_or(collation);
            format!("_{charset} {plain}")
        }
        _ => plain,
    }
}

/// Whether two literals of a key column may be equal to the server and yet have other bytes.
pub(super) fn has_spellings(column: &TableColumn) -> bool {
    match form(column) {
        Form::Bytes => column.collation.as_deref().is_some_and(|collation| collation != "binary"),
        // 0 and -0.
        Form::Float | Form::Double => true,
        Form::Exact | Form::Ordinal | Form::Text | Form::Json => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data_type: &str, collation: Option<&str>) -> TableColumn {
        TableColumn {
            name: "c".to_owned(),
            data_type: data_type.to_owned(),
            column_type: data_type.to_owned(),
            collation: collation.map(str::to_owned),
            fraction_digits: None,
            nullable: true,
            has_default: false,
            auto_increment: false,
            generated: false,
            invisible: false,
            json: false,
            clock: false,
            volatile_default: false,
        }
    }

    fn check(data_type: &str, read: &str, value: &[u8], written: &str) {
        let column = column(data_type, None);
        assert_eq!(select_expression(&column, "`c`"), read);
        assert_eq!(literal(&column, Some(value)), written);
        assert_eq!(literal(&column, None), "NULL");
    }

    #[test]
    fn each_type_travels_in_its_exact_form() {
        check("bigint", "`c`", b"18446744073709551615", "18446744073709551615");
        check("decimal", "`c`", b"-0.10", "-0.10");
        check("float", "CAST(`c` AS DOUBLE)", b"16777217", "16777217e0");
        check("double", "`c`", b"-0", "-0e0");
        check("double", "`c`", b"1.5e300", "1.5e300");
        check("set", "CAST(`c` AS UNSIGNED)", b"9223372036854775808", "9223372036854775808");
        check("bit", "CAST(`c` AS UNSIGNED)", b"5", "5");
        check("year", "`c`", b"0000", "'0000'");
        check("time", "`c`", b"-838:59:59.000001", "'-838:59:59.000001'");
        check("json", "`c`", b"[]", "CONVERT(x'5b5d' USING utf8mb4)");
        check("blob", "`c`", b"\0'\\", "x'00275c'");
    }

    fn check_bytes(value: &[u8], written: &str) {
        let mut sql = Vec::new();
        push_literal(&mut sql, &column("varchar", None), Some(value));
        assert_eq!(String::from_utf8(sql).unwrap(), written);
    }

    #[test]
    fn text_goes_as_text_and_anything_else_as_hex() {
        check_bytes(b"", "_binary''");
        check_bytes("né 😀".as_bytes(), "_binary'né 😀'");
        check_bytes(b"it's \\ a\0\n", "_binary'it\\'s \\\\ a\\0\n'");
        check_bytes(b"''a", "x'272761'");
        check_bytes(b"\xe9", "x'e9'");
        // Half a character of UTF-8, and a surrogate.
        check_bytes(b"a\xc3", "x'61c3'");
        check_bytes(b"\xed\xa0\x80", "x'eda080'");
        // The second byte of these is a backslash, which would take the quote behind it along.
        check_bytes(b"\x83\\", "x'835c'");
    }

    #[test]
    fn string_keys_leave_the_collation_to_their_column() {
        let latin = column("varchar", Some("latin1_swedish_ci"));
        assert_eq!(key_literal(&latin, Some(b"\xe9")), "_latin1 x'e9'");
        assert_eq!(key_literal(&column("varchar", Some("utf8mb4_bin")), Some(b"a")), "_utf8mb4 x'61'");
        assert_eq!(key_literal(&column("varbinary", None), Some(b"a")), "x'61'");
        assert_eq!(key_literal(&column("enum", Some("utf8mb4_bin")), Some(b"2")), "2");
    }

    #[test]
    fn text_and_floating_numbers_have_spellings() {
        assert!(has_spellings(&column("varchar", Some("utf8mb4_bin"))));
        assert!(has_spellings(&column("double", None)));
        for (data_type, collation) in
            [("varbinary", None), ("set", Some("utf8mb4_bin")), ("bigint", None), ("uuid", None)]
        {
            assert!(!has_spellings(&column(data_type, collation)), "{data_type}");
        }
    }
}
