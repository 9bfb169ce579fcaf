//! Comparing cells as the server does, and the canonical bytes of values that it holds for equal.

use std::cmp::Ordering;

use keyspace::literal::Kind;

use crate::cells::Row;

/// How the server orders a column's values, told from their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// Integers of any size, signed or not.
    Integer,
    /// DECIMAL of any scale.
    Decimal,
    Double,
    /// DATE, DATETIME and TIMESTAMP: the order of their text, whatever number of fraction digits it has.
    Temporal,
    /// TIME: signed, up to 838 hours.
    Time,
    /// Plain bytes: binary strings and BIT.
    Bytes,
    /// A `_bin` collation with PAD SPACE, such as `utf8mb4_bin`: a shorter string goes on with blanks.
    BinPadSpace,
    /// A `_bin` collation with NO PAD, such as `utf8mb4_0900_bin`.
    BinNoPad,
}

/// The pad attribute of a `_bin` collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pad {
    Space,
    None,
}

/// How to compare values of a kind, or `None` where it cannot be done here.
///
/// `bin_collation` is given for text whose collation is a `_bin` one. The session gets text as utf8mb4, so this holds
/// only for character sets whose `_bin` order is that of code points: the Unicode ones and ascii. Not latin1, gbk
/// and the like.
///
/// FLOAT cannot be compared, because its text has six digits and different values share it; cast to DOUBLE it can.
/// Neither can ENUM and SET (ordered by number, not text), JSON, geometry and text under other collations.
pub fn compare_for(kind: Kind, bin_collation: Option<Pad>) -> Option<Compare> {
    match kind {
        Kind::Integer | Kind::Unsigned | Kind::Year => Some(Compare::Integer),
        Kind::Decimal => Some(Compare::Decimal),
        Kind::Double => Some(Compare::Double),
        Kind::Date | Kind::DateTime => Some(Compare::Temporal),
        Kind::Time => Some(Compare::Time),
        Kind::Binary | Kind::Bit => Some(Compare::Bytes),
        // All cells of the column are NULL, which every comparison puts in the same place.
        Kind::Null => Some(Compare::Bytes),
        Kind::Text => bin_collation.map(|pad| match pad {
            Pad::Space => Compare::BinPadSpace,
            Pad::None => Compare::BinNoPad,
        }),
        Kind::Float | Kind::Enum | Kind::Set | Kind::Json | Kind::Geometry => None,
    }
}

/// One column of an ORDER BY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderKey {
    pub index: usize,
    pub compare: Compare,
    pub descending: bool,
}

/// Orders two rows by the keys in turn; NULL comes first ascending and last descending, as in MySQL.
pub fn compare_rows<R: Row>(keys: &[OrderKey], left: &R, right: &R) -> Ordering {
    for key in keys {
        // `None` sorts below `Some`, so NULL needs no case of its own but for the comparison of two values.
        let ordering = match (left.cell(key.index), right.cell(key.index)) {
            (Some(left), Some(right)) => key.compare.cells(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        };
        if ordering.is_ne() {
            return if key.descending { ordering.reverse() } else { ordering };
        }
    }
    Ordering::Equal
}

impl Compare {
    /// Orders two cells that are not NULL.
    pub fn cells(self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Self::Integer | Self::Decimal => Number::of(left).cmp(&Number::of(right)),
            Self::Double => double(left).total_cmp(&double(right)),
            Self::Temporal => without_fraction_zeros(left).cmp(without_fraction_zeros(right)),
            Self::Time => microseconds(left).cmp(&microseconds(right)),
            Self::Bytes | Self::BinNoPad => left.cmp(right),
            Self::BinPadSpace => compare_padded(left, right),
        }
    }

    /// Appends bytes that are the same for two cells exactly when [`Compare::cells`] holds them for equal.
    fn write_canonical(self, out: &mut Vec<u8>, cell: &[u8]) {
        match self {
            Self::Integer | Self::Decimal => Number::of(cell).write(out),
            Self::Double => out.extend_from_slice(&double(cell).to_be_bytes()),
            Self::Temporal => out.extend_from_slice(without_fraction_zeros(cell)),
            Self::Time => out.extend_from_slice(&microseconds(cell).to_be_bytes()),
            Self::Bytes | Self::BinNoPad => out.extend_from_slice(cell),
            Self::BinPadSpace => out.extend_from_slice(without_trailing(cell, b' ')),
        }
    }
}

/// Appends the canonical bytes of a row's group: equal exactly when every key compares equal, NULL being equal to NULL.
pub(super) fn write_group_key<R: Row>(out: &mut Vec<u8>, keys: &[(usize, Compare)], row: &R) {
    for &(index, compare) in keys {
        // Each value is followed by its length, so that no two rows of different cells share their bytes; NULL has
        // a length that no cell can have.
        let start = out.len();
        let length = match row.cell(index) {
            None => u64::MAX,
            Some(cell) => {
                compare.write_canonical(out, cell);
                (out.len() - start) as u64
            }
        };
        out.extend_from_slice(&length.to_be_bytes());
    }
}

/// A decimal number as slices of its text, without what carries no value: so comparing needs neither a number type
/// as wide as DECIMAL(65) nor an allocation.
#[derive(Debug, PartialEq, Eq)]
struct Number<'a> {
    /// False for zero, also when printed as `-0.00`.
    negative: bool,
    /// Without leading zeros.
    whole: &'a [u8],
    /// Without trailing zeros.
    fraction: &'a [u8],
}

impl<'a> Number<'a> {
    fn of(cell: &'a [u8]) -> Self {
        let (negative, digits) = match cell.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, cell),
        };
        let (whole, fraction) = match digits.iter().position(|&byte| byte == b'.') {
            Some(point) => (&digits[..point], &digits[point + 1..]),
            None => (digits, &digits[..0]),
        };
        let leading_zeros = whole.iter().take_while(|&&byte| byte == b'0').count();
        let (whole, fraction) = (&whole[leading_zeros..], without_trailing(fraction, b'0'));
        Self { negative: negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        out.extend_from_slice(self.whole);
        out.push(b'.');
        out.extend_from_slice(self.fraction);
    }

    fn compare_sizes(&self, other: &Self) -> Ordering {
        // More whole digits make the larger number; of equally many the text decides. A fraction that is a prefix
        // of another lacks only digits that are not all zero.
        (self.whole.len(), self.whole, self.fraction).cmp(&(other.whole.len(), other.whole, other.fraction))
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.compare_sizes(other),
            (true, true) => other.compare_sizes(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A DOUBLE with one zero. Text that is no number, which the server never sends, becomes NaN and sorts last.
fn double(cell: &[u8]) -> f64 {
    let value: f64 = std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    if value == 0.0 { 0.0 } else { value }
}

fn without_fraction_zeros(cell: &[u8]) -> &[u8] {
    if !cell.contains(&b'.') {
        return cell;
    }
    let trimmed = without_trailing(cell, b'0');
    trimmed.strip_suffix(b".").unwrap_or(trimmed)
}

fn without_trailing(bytes: &[u8], byte: u8) -> &[u8] {
    let length = bytes.iter().rposition(|&last| last != byte).map_or(0, |last| last + 1);
    &bytes[..length]
}

/// A TIME `[-]hhh:mm:ss[.ffffff]` as signed microseconds.
fn microseconds(cell: &[u8]) -> i64 {
    let (negative, text) = match cell.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, cell),
    };
    let mut parts = text.split(|&byte| byte == b'.');
    let clock = parts.next().unwrap_or_default();
    let seconds = clock.split(|&byte| byte == b':').take(3).fold(0, |seconds, part| seconds * 60 + digits(part));
    let fraction = parts.next().unwrap_or_default();
    let missing_digits = 6_u32.saturating_sub(u32::try_from(fraction.len()).unwrap_or(6));
    let size = seconds * 1_000_000 + digits(fraction) * 10_i64.pow(missing_digits);
    if negative { -size } else { size }
}

/// The number in the first six digits; no part of a TIME has more.
fn digits(text: &[u8]) -> i64 {
    text.iter().take(6).fold(0, |number, &byte| number * 10 + i64::from(byte.wrapping_sub(b'0') % 10))
}

fn compare_padded(left: &[u8], right: &[u8]) -> Ordering {
    let common = left.len().min(right.len());
    let pad = std::iter::repeat(&b' ');
    left[..common].cmp(&right[..common]).then_with(|| {
        // At most one of the two has bytes left; they meet the blanks that continue the other.
        let (left, right) = (&left[common..], &right[common..]);
        let longer = left.len().max(right.len());
        left.iter().chain(pad.clone()).take(longer).cmp(right.iter().chain(pad).take(longer))
    })
}

#[cfg(test)]
mod tests;
