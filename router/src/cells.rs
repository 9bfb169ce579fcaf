//! Cells as MySQL prints them, what kind of value each column holds, and their JSON form.
//!
//! Statements run over the text protocol, so a cell is the very text the server prints (or raw bytes for binary
//! columns). It is compared, added up and written to JSON from there, and never passes through a Rust value that
//! could lose a digit.

mod columns;
mod json;
mod literal;
mod number;
#[cfg(test)]
pub(crate) mod test_server;

pub use columns::{columns_from, columns_of};
pub use json::{CellError, RowError, RowWriter, duplicate_name, write_cell};
pub use literal::write_literal;
pub use number::write_double;

use sqlx::Row as _;
use sqlx::mysql::MySqlRow;

/// One column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// The SQL name of the type without length or precision: `BIGINT UNSIGNED`, `DECIMAL`, `VARCHAR`.
    pub type_name: String,
    /// False only where the server said that the column never holds NULL.
    pub nullable: bool,
}

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

/// A row of cells; `None` is NULL.
pub trait Row {
    /// # Panics
    /// When `index` is not below [`Row::len`].
    fn cell(&self, index: usize) -> Option<&[u8]>;

    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Row for MySqlRow {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.try_get_unchecked::<Option<&[u8]>, _>(index)
            .expect("only an index out of range can fail, and the caller keeps below len()")
    }

    fn len(&self) -> usize {
        self.columns().len()
    }
}

impl Row for Vec<Option<Vec<u8>>> {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self[index].as_deref()
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }
}
