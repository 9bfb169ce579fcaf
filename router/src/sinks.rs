//! Rows as the VALUES of an INSERT, and cells as what a user variable holds.

use keyspace::literal::quote_text;
use keyspace::literal::{Kind, write_literal};

use crate::cells::{Column, Row};
use crate::error::QueryError;
use crate::execute::RowSink;

/// More than this in one statement is more than a parser should be given.
const MOST_ROWS: usize = 20_000;

/// Collects rows as `(…), (…)`.
pub struct LiteralRows {
    kinds: Vec<Kind>,
    text: Vec<u8>,
    rows: usize,
    most: usize,
}

impl LiteralRows {
    pub fn new(most: usize) -> LiteralRows {
        LiteralRows { kinds: Vec::new(), text: Vec::new(), rows: 0, most: most.min(MOST_ROWS) }
    }

    /// `None` if there was no row.
    pub fn finish(self) -> Result<Option<String>, QueryError> {
        let text = String::from_utf8(self.text);
        let text = text.map_err(|_| QueryError::Internal("a literal is not UTF-8".to_owned()))?;
        Ok((self.rows > 0).then_some(text))
    }
}

impl RowSink for LiteralRows {
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError> {
        self.kinds = columns.iter().map(|column| column.kind).collect();
        Ok(())
    }

    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError> {
        self.rows += 1;
        if self.rows > self.most {
            let message = format!("INSERT … SELECT over several shards inserts {} rows at once at most", self.most);
            return Err(QueryError::LimitExceeded(message));
        }
        self.text.extend_from_slice(if self.rows == 1 { b"(" } else { b", (" });
        for (index, kind) in self.kinds.iter().enumerate() {
            if index > 0 {
                self.text.extend_from_slice(b", ");
            }
            write_literal(&mut self.text, *kind, row.cell(index));
        }
        self.text.push(b')');
        Ok(())
    }

    fn reset(&mut self) {
        self.kinds.clear();
        self.text.clear();
        self.rows = 0;
    }

    fn wants_empty_columns(&self) -> bool {
        false
    }
}

/// Takes the first cell of the first row, as a literal of the type that a user variable would have.
#[derive(Default)]
pub struct Scalar {
    kind: Option<Kind>,
    literal: Option<String>,
}

impl Scalar {
    pub fn finish(self) -> String {
        self.literal.unwrap_or_else(|| "NULL".to_owned())
    }
}

impl RowSink for Scalar {
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError> {
        self.kind = columns.first().map(|column| column.kind);
        Ok(())
    }

    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError> {
        let Some(kind) = self.kind.filter(|_| self.literal.is_none()) else { return Ok(()) };
        let cell = row.cell(0);
        // A variable holds numbers, text or bytes; a date becomes text.
        let as_text = cell.map(String::from_utf8_lossy).map(|text| quote_text(&text));
        let literal = match kind {
            Kind::Text | Kind::Enum | Kind::Set | Kind::Json | Kind::Date | Kind::Time | Kind::DateTime => as_text,
            Kind::Integer
            | Kind::Unsigned
            | Kind::Decimal
            | Kind::Float
            | Kind::Double
            | Kind::Year
            | Kind::Binary
            | Kind::Bit
            | Kind::Geometry
            | Kind::Null => {
                let mut out = Vec::new();
                write_literal(&mut out, if kind == Kind::Year { Kind::Integer } else { kind }, cell);
                String::from_utf8(out).ok()
            }
        };
        self.literal = Some(literal.unwrap_or_else(|| "NULL".to_owned()));
        Ok(())
    }

    fn reset(&mut self) {
        *self = Scalar::default();
    }

    fn wants_empty_columns(&self) -> bool {
        false
    }
}

/// Passes rows on and counts them.
pub struct Counting<'a, S> {
    pub sink: &'a mut S,
    pub rows: u64,
}

impl<S: RowSink> RowSink for Counting<'_, S> {
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError> {
        self.sink.columns(columns)
    }

    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError> {
        self.rows += 1;
        self.sink.row(row)
    }

    fn reset(&mut self) {
        self.rows = 0;
        self.sink.reset();
    }

    fn wants_empty_columns(&self) -> bool {
        self.sink.wants_empty_columns()
    }
}
