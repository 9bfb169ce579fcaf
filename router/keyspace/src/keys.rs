//! Sharding keys: which column types can be one, and the canonical bytes that decide the slot.
//!
//! Equal values under the column's own comparison must have equal canonical bytes; that is all that routing needs.
//! Each rule exists twice, in Rust for literals and in SQL for stored rows, and the two are tested against each
//! other on both servers.

use std::fmt;

use crate::slots::{Slot, SlotSet};

/// How values of a sharding key column become canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Every integer type, signed or not: decimal text.
    Integer,
    /// Text under a `_bin` collation: UTF-8 without trailing blanks (PAD SPACE collations call those equal).
    TextBinary,
    /// Text under a case-insensitive collation: printable ASCII, lower-cased, without trailing blanks. Equality
    /// of other characters depends on collation tables, so values with them have no computable slot.
    TextCaseInsensitive,
    /// VARBINARY: the bytes.
    Bytes,
    /// BINARY(n): the bytes without trailing NULs, which the server appends when it stores them.
    PaddedBytes,
    /// DATE: `YYYY-MM-DD`.
    Date,
    /// DATETIME: `YYYY-MM-DD hh:mm:ss` with the column's number of fraction digits.
    DateTime { fraction_digits: u8 },
    /// MariaDB's UUID: lower-case text with dashes.
    Uuid,
}

/// A literal that a statement compares with a key, or writes into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLiteral {
    Null,
    /// An integer literal, sign applied, as decimal text of any length.
    Integer(String),
    /// A string literal, decoded.
    Text(String),
    /// A hex or bit literal (`x'…'`, `0x…`): its bytes. A number or a string, depending on context.
    Bytes(Vec<u8>),
    /// Anything else: decimals, functions, columns.
    Other,
}

/// Where a literal leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySlot {
    Slot(Slot),
    /// NULL equals nothing: a read finds no row, a write is refused.
    Null,
    /// The literal does not convert exactly to the key's type: a read scatters, a write is refused.
    Inexact,
}

/// What is needed of a column to tell whether it can be a sharding key, as information_schema shows it.
#[derive(Clone, Debug)]
pub struct KeyColumn<'a> {
    /// `DATA_TYPE`, lower case: `bigint`, `varchar`.
    pub data_type: &'a str,
    /// `COLUMN_TYPE`: `bigint(20) unsigned zerofill`.
    pub column_type: &'a str,
    pub collation: Option<&'a str>,
    pub fraction_digits: Option<u8>,
}

/// The collations whose equality on printable ASCII is exactly "same letters, whatever their case".
const CASE_INSENSITIVE: [&str; 12] = [
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8mb4_unicode_520_ci",
    "utf8mb4_0900_ai_ci",
    "utf8mb4_uca1400_ai_ci",
    "utf8mb3_general_ci",
    "utf8mb3_unicode_ci",
    "utf8mb3_uca1400_ai_ci",
    "utf8_general_ci",
    "utf8_unicode_ci",
    "latin1_swedish_ci",
    "ascii_general_ci",
];

/// Collations of text whose `_bin` form orders by UTF-8 bytes.
const UNICODE_CHARSETS: [&str; 4] = ["utf8mb4_", "utf8mb3_", "utf8_", "ascii_"];

impl KeyType {
    /// The key type of a column, or the reason why it cannot be a sharding key.
    pub fn of_column(column: &KeyColumn) -> Result<KeyType, String> {
        match column.data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => match column.column_type.contains("zerofill") {
                true => Err("ZEROFILL integers print differently from how they compare".to_owned()),
                false => Ok(KeyType::Integer),
            },
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
                let collation = column.collation.unwrap_or_default();
                if CASE_INSENSITIVE.contains(&collation) {
                    Ok(KeyType::TextCaseInsensitive)
                } else if collation.ends_with("bin") && UNICODE_CHARSETS.iter().any(|set| collation.starts_with(set)) {
                    Ok(KeyType::TextBinary)
                } else {
                    Err(format!("equality under collation {collation} cannot be hashed safely"))
                }
            }
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Ok(KeyType::Bytes),
            "binary" => Ok(KeyType::PaddedBytes),
            "date" => Ok(KeyType::Date),
            "datetime" => Ok(KeyType::DateTime { fraction_digits: column.fraction_digits.unwrap_or(0) }),
            "uuid" => Ok(KeyType::Uuid),
            other => Err(format!("type {} cannot be a sharding key", other.to_uppercase())),
        }
    }

    /// Where a literal leads under this key type.
    pub fn slot_of(&self, literal: &KeyLiteral) -> KeySlot {
        match literal {
            KeyLiteral::Null => KeySlot::Null,
            literal => match self.canonical_bytes(literal) {
                Some(bytes) => KeySlot::Slot(Slot::of_canonical(&bytes)),
                None => KeySlot::Inexact,
            },
        }
    }

    fn canonical_bytes(&self, literal: &KeyLiteral) -> Option<Vec<u8>> {
        match (self, literal) {
            (KeyType::Integer, KeyLiteral::Integer(digits)) => canonical_integer(digits).map(String::into_bytes),
            // A quoted number counts only in the form in which the server prints it: '042' or ' 42' compare as
            // 42, but so does '42abc'.
            (KeyType::Integer, KeyLiteral::Text(text)) => {
                canonical_integer(text).filter(|canonical| canonical == text).map(String::into_bytes)
            }
            (KeyType::TextBinary, KeyLiteral::Text(text)) => Some(text.trim_end_matches(' ').as_bytes().to_vec()),
            (KeyType::TextCaseInsensitive, KeyLiteral::Text(text)) => {
                let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                printable.then(|| text.trim_end_matches(' ').to_ascii_lowercase().into_bytes())
            }
            (KeyType::Bytes, KeyLiteral::Text(text)) => Some(text.as_bytes().to_vec()),
            (KeyType::Bytes, KeyLiteral::Bytes(bytes)) => Some(bytes.clone()),
            (KeyType::PaddedBytes, KeyLiteral::Text(text)) => Some(without_padding(text.as_bytes())),
            (KeyType::PaddedBytes, KeyLiteral::Bytes(bytes)) => Some(without_padding(bytes)),
            (KeyType::Date, KeyLiteral::Text(text)) => is_date(text).then(|| text.as_bytes().to_vec()),
            (KeyType::DateTime { fraction_digits }, KeyLiteral::Text(text)) => {
                is_date_time(text, *fraction_digits).then(|| text.as_bytes().to_vec())
            }
            (KeyType::Uuid, KeyLiteral::Text(text)) => is_uuid(text).then(|| text.to_ascii_lowercase().into_bytes()),
            (
                KeyType::Integer
                | KeyType::TextBinary
                | KeyType::TextCaseInsensitive
                | KeyType::Bytes
                | KeyType::PaddedBytes
                | KeyType::Date
                | KeyType::DateTime { .. }
                | KeyType::Uuid,
                _,
            ) => None,
        }
    }

    /// SQL for the slot of the key expression `column`: an integer, never NULL.
    ///
    /// Runs the same on MariaDB and MySQL. `column` is inserted as it is, so it must be quoted where needed.
    pub fn slot_sql(&self, column: &str) -> String {
        let canonical = match self {
            KeyType::Integer | KeyType::Date | KeyType::DateTime { .. } | KeyType::Uuid => {
                format!("CAST({column} AS CHAR)")
            }
            KeyType::TextBinary => format!("RTRIM(CONVERT({column} USING utf8mb4))"),
            KeyType::TextCaseInsensitive => format!("LOWER(RTRIM(CONVERT({column} USING utf8mb4)))"),
            KeyType::Bytes => column.to_owned(),
            KeyType::PaddedBytes => format!("TRIM(TRAILING x'00' FROM {column})"),
        };
        format!("COALESCE(CRC32({canonical})&16383,{})", Slot::OF_NULL)
    }

    /// SQL that is 1 if the slot of `column` is in `slots`, else 0: a test against a literal bitmap, whose cost
    /// does not depend on how the set is cut.
    pub fn slot_in_sql(&self, column: &str, slots: &SlotSet) -> String {
        let slot = self.slot_sql(column);
        format!("(ORD(SUBSTR(x'{}',({slot}>>3)+1,1))>>({slot}&7)&1)", slots.to_hex())
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyType::Integer => "a plain integer",
            KeyType::TextBinary => "a string",
            KeyType::TextCaseInsensitive => "a string of printable ASCII characters",
            KeyType::Bytes | KeyType::PaddedBytes => "a string or x'…' literal",
            KeyType::Date => "a date 'YYYY-MM-DD'",
            KeyType::DateTime { .. } => "a datetime 'YYYY-MM-DD hh:mm:ss' with the column's fraction digits",
            KeyType::Uuid => "a UUID with dashes",
        })
    }
}

/// The integer as the server prints it; `None` if `digits` is no integer or too long to be a key.
fn canonical_integer(digits: &str) -> Option<String> {
    let (sign, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    if magnitude.is_empty() || !magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = magnitude.trim_start_matches('0');
    match magnitude.len() {
        0 => Some("0".to_owned()),
        1..=20 => Some(format!("{sign}{magnitude}")),
        _ => None,
    }
}

fn without_padding(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes[..end].to_vec()
}

/// `pattern` matched byte for byte, where `9` stands for any digit and `x` for any hex digit.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, expected)| match expected {
            b'9' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            _ => byte == expected,
        })
}

fn is_date(text: &str) -> bool {
    matches_pattern(text, "9999-99-99") && in_range(&text[5..7], 1, 12) && in_range(&text[8..10], 1, 31)
}

fn is_date_time(text: &str, fraction_digits: u8) -> bool {
    let fraction = match fraction_digits {
        0 => String::new(),
        digits => format!(".{}", "9".repeat(usize::from(digits))),
    };
    matches_pattern(text, &format!("9999-99-99 99:99:99{fraction}"))
        && is_date(&text[..10])
        && in_range(&text[11..13], 0, 23)
        && in_range(&text[14..16], 0, 59)
        && in_range(&text[17..19], 0, 59)
}

fn in_range(digits: &str, low: u8, high: u8) -> bool {
    digits.parse().is_ok_and(|number: u8| (low..=high).contains(&number))
}

fn is_uuid(text: &str) -> bool {
    matches_pattern(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key_type: KeyType, literal: KeyLiteral, canonical: Option<&str>) {
        let expected = match canonical {
            Some(text) => KeySlot::Slot(Slot::of_canonical(text.as_bytes())),
            None => KeySlot::Inexact,
        };
        assert_eq!(key_type.slot_of(&literal), expected, "{key_type:?} {literal:?}");
    }

    fn integer(digits: &str) -> KeyLiteral {
        KeyLiteral::Integer(digits.to_owned())
    }

    fn text(value: &str) -> KeyLiteral {
        KeyLiteral::Text(value.to_owned())
    }

    #[test]
    fn integers_are_decimal_text() {
        check(KeyType::Integer, integer("42"), Some("42"));
        check(KeyType::Integer, integer("007"), Some("7"));
        check(KeyType::Integer, integer("-0"), Some("0"));
        check(KeyType::Integer, integer("18446744073709551615"), Some("18446744073709551615"));
        check(KeyType::Integer, text("-42"), Some("-42"));
    }

    #[test]
    fn quoted_numbers_in_another_form_pick_no_shard() {
        for value in ["42abc", " 42", "042", "42.0", "+42", "", "-0", "4e1"] {
            check(KeyType::Integer, text(value), None);
        }
        check(KeyType::Integer, KeyLiteral::Bytes(vec![0x2a]), None);
        check(KeyType::Integer, KeyLiteral::Other, None);
        assert_eq!(KeyType::Integer.slot_of(&KeyLiteral::Null), KeySlot::Null);
    }

    #[test]
    fn text_is_hashed_as_it_compares() {
        check(KeyType::TextBinary, text("Ab  "), Some("Ab"));
        check(KeyType::TextBinary, text("é"), Some("é"));
        check(KeyType::TextBinary, integer("5"), None);
        check(KeyType::TextCaseInsensitive, text("Ab "), Some("ab"));
        check(KeyType::TextCaseInsensitive, text("é"), None);
        check(KeyType::TextCaseInsensitive, text("a\u{1}"), None);
    }

    #[test]
    fn binary_keys_know_their_padding() {
        check(KeyType::Bytes, KeyLiteral::Bytes(vec![b'a', 0]), Some("a\0"));
        check(KeyType::PaddedBytes, KeyLiteral::Bytes(vec![b'a', 0]), Some("a"));
    }

    #[test]
    fn dates_count_only_in_the_form_that_the_server_prints() {
        check(KeyType::Date, text("2024-02-29"), Some("2024-02-29"));
        for value in ["2024-2-29", "20240229", "2024-13-01", "2024-02-29 00:00:00"] {
            check(KeyType::Date, text(value), None);
        }
        let milliseconds = KeyType::DateTime { fraction_digits: 3 };
        check(milliseconds, text("2024-02-29 23:59:59.123"), Some("2024-02-29 23:59:59.123"));
        check(milliseconds, text("2024-02-29 23:59:59"), None);
        check(milliseconds, text("2024-02-29 24:00:00.000"), None);
    }

    #[test]
    fn column_types_that_cannot_be_keys_are_refused_with_the_reason() {
        let refused = |data_type, column_type, collation| {
            KeyType::of_column(&KeyColumn { data_type, column_type, collation, fraction_digits: None }).unwrap_err()
        };
        assert!(refused("int", "int(5) unsigned zerofill", None).contains("ZEROFILL"));
        assert!(refused("varchar", "varchar(9)", Some("utf8mb4_turkish_ci")).contains("utf8mb4_turkish_ci"));
        assert!(refused("decimal", "decimal(10,2)", None).contains("DECIMAL"));
    }
}
