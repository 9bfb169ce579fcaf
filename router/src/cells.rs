//! Cells as MySQL prints them, what kind of value each column holds, and their JSON form.
//!
//! Statements run over the text protocol, so a cell is the very text the server prints (or raw bytes for binary
//! columns). It is compared, added up and written to JSON from there, and never passes through a Rust value that
//! could lose a digit.

mod json;
mod number;

#[cfg(test)]
pub use json::write_cell;
pub use json::{RowError, RowWriter, duplicate_name};
use keyspace::literal::Kind;
pub use number::write_double;

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

impl Row for Vec<Option<Vec<u8>>> {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self[index].as_deref()
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }
}
