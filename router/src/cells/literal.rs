//! A cell as an SQL literal that means the same value.

use super::Kind;

/// Appends a cell of a result as a literal for INSERT, in a session that speaks utf8mb4 and UTC.
///
/// The forms are those of notes on moving rows: strings go as the bytes they are, so that nothing needs escaping. A
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
