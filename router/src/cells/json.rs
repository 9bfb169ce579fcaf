//! Rows as JSON, written straight to bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyspace::literal::Kind;
use serde::de::IgnoredAny;

use super::number::{write_double, write_float};
use super::{Column, Row};

/// A cell that cannot be written as JSON without changing its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    #[error("text is not valid UTF-8")]
    NotUtf8,
    #[error("not a number as MySQL prints one")]
    NotANumber,
    /// MariaDB guards JSON columns by a CHECK, which can be dropped or switched off.
    #[error("JSON column holds malformed JSON")]
    MalformedJson,
}

/// A [`CellError`] with the column it happened in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` cannot be written as JSON")]
pub struct RowError {
    pub column: String,
    #[source]
    pub source: CellError,
}

/// Writes rows of one result; what all rows share is prepared once.
#[derive(Debug, Clone)]
pub struct RowWriter {
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    /// `"name":`, escaped.
    prefix: Vec<u8>,
    kind: Kind,
}

impl RowWriter {
    pub fn new(columns: &[Column]) -> Self {
        let fields = columns.iter().map(Field::new).collect();
        Self { fields }
    }

    /// Appends `{"name":value,…}`. On an error `out` is as it was before.
    ///
    /// Names are written as they come: see [`duplicate_name`].
    ///
    /// # Panics
    /// When the row has fewer cells than there are columns.
    pub fn write_object_row(&self, out: &mut Vec<u8>, row: &impl Row) -> Result<(), RowError> {
        self.write(out, row, b'{', b'}', |out, field| out.extend_from_slice(&field.prefix))
    }

    /// Appends `[value,…]`; otherwise as [`RowWriter::write_object_row`].
    pub fn write_array_row(&self, out: &mut Vec<u8>, row: &impl Row) -> Result<(), RowError> {
        self.write(out, row, b'[', b']', |_, _| {})
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        row: &impl Row,
        open: u8,
        close: u8,
        write_prefix: impl Fn(&mut Vec<u8>, &Field),
    ) -> Result<(), RowError> {
        let start = out.len();
        out.push(open);
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_prefix(out, field);
            if let Err(source) = write_cell(out, field.kind, row.cell(index)) {
                out.truncate(start);
                return Err(RowError { column: field.name.clone(), source });
            }
        }
        out.push(close);
        Ok(())
    }
}

impl Field {
    fn new(column: &Column) -> Self {
        let mut prefix = Vec::with_capacity(column.name.len() + 3);
        write_string(&mut prefix, &column.name);
        prefix.push(b':');
        Self { name: column.name.clone(), prefix, kind: column.kind }
    }
}

/// A name that two columns share, which an object row could not tell apart.
pub fn duplicate_name(columns: &[Column]) -> Option<&str> {
    let mut seen = std::collections::HashSet::with_capacity(columns.len());
    columns.iter().map(|column| column.name.as_str()).find(|name| !seen.insert(*name))
}

/// Appends one cell as a JSON value. On an error part of the value may have been written.
pub fn write_cell(out: &mut Vec<u8>, kind: Kind, cell: Option<&[u8]>) -> Result<(), CellError> {
    let Some(cell) = cell else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    match kind {
        Kind::Integer | Kind::Unsigned | Kind::Decimal => write_exact_number(out, cell)?,
        Kind::Float => write_float(out, parse_finite(cell, |value: &f32| value.is_finite())?),
        Kind::Double => write_double(out, parse_finite(cell, |value: &f64| value.is_finite())?),
        Kind::Text | Kind::Enum | Kind::Set | Kind::Date | Kind::Time | Kind::DateTime | Kind::Year | Kind::Null => {
            write_string(out, std::str::from_utf8(cell).map_err(|_| CellError::NotUtf8)?)
        }
        Kind::Binary | Kind::Bit | Kind::Geometry => write_base64(out, cell),
        Kind::Json => write_json(out, cell)?,
    }
    Ok(())
}

/// JSON allows no leading zeros, which ZEROFILL prints; everything else of the text stays, the scale too.
fn write_exact_number(out: &mut Vec<u8>, cell: &[u8]) -> Result<(), CellError> {
    let (sign, digits) = match cell.strip_prefix(b"-") {
        Some(digits) => (&b"-"[..], digits),
        None => (&b""[..], cell),
    };
    let whole_len = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(whole_len);
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !is_number(whole) || !(rest.is_empty() || is_number(&rest[1..])) {
        return Err(CellError::NotANumber);
    }
    let leading_zeros = whole.iter().take(whole.len() - 1).take_while(|&&byte| byte == b'0').count();
    out.extend_from_slice(sign);
    out.extend_from_slice(&whole[leading_zeros..]);
    out.extend_from_slice(rest);
    Ok(())
}

fn parse_finite<T: std::str::FromStr>(cell: &[u8], is_finite: impl Fn(&T) -> bool) -> Result<T, CellError> {
    let text = std::str::from_utf8(cell).map_err(|_| CellError::NotANumber)?;
    text.parse().ok().filter(is_finite).ok_or(CellError::NotANumber)
}

fn write_base64(out: &mut Vec<u8>, cell: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + cell.len().div_ceil(3) * 4, 0);
    let written =
        STANDARD.encode_slice(cell, &mut out[start..]).expect("four characters for every three bytes are enough");
    debug_assert_eq!(written, out.len() - start);
    out.push(b'"');
}

fn write_json(out: &mut Vec<u8>, cell: &[u8]) -> Result<(), CellError> {
    // Checked as text first, because serde_json skips ignored strings without looking at their encoding.
    let text = std::str::from_utf8(cell).map_err(|_| CellError::NotUtf8)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| CellError::MalformedJson)?;
    out.extend_from_slice(cell);
    Ok(())
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let bytes = text.as_bytes();
    // Most cells need no escape. Looking at whole chunks without leaving early lets the compiler use wide registers.
    let needs_escape = bytes.chunks(64).any(|chunk| chunk.iter().fold(false, |any, &byte| any | is_special(byte)));
    if needs_escape {
        write_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for run in bytes.chunk_by(|&left, &right| !is_special(left) && !is_special(right)) {
        match *run {
            [byte @ (b'"' | b'\\')] => out.extend_from_slice(&[b'\\', byte]),
            [b'\n'] => out.extend_from_slice(b"\\n"),
            [b'\r'] => out.extend_from_slice(b"\\r"),
            [b'\t'] => out.extend_from_slice(b"\\t"),
            [byte] if is_special(byte) => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
            _ => out.extend_from_slice(run),
        }
    }
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests;
