//! An answer as JSON, written straight to bytes as rows come.

use std::sync::Arc;

use door::Client;
use keyspace::literal;
use serde::Deserialize;

use crate::budget::{Budget, Held, Kind};
use crate::cells::{Column, Row, RowWriter, duplicate_name};
use crate::config::Limits;
use crate::doors::http::pieces::Pieces;
use crate::error::QueryError;
use crate::execute::RowSink;
use crate::request::Answer;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Objects,
    Rows,
}

/// Answers are written in pieces of about this size, so that none is copied to grow.
const PIECE: usize = 64 << 10;

/// Answers below take no room of the budget: there are not more of them than connections.
const SMALL: usize = 16 << 10;

pub(super) struct JsonAnswer<'a> {
    format: Format,
    max_rows: u64,
    max_bytes: u64,
    budget: &'a Arc<Budget>,
    client: Client,
    held: Option<Held>,
    columns: Vec<u8>,
    writer: Option<RowWriter>,
    /// The columns whose cells may be long.
    long: Vec<usize>,
    rows: u64,
    /// Full pieces, their bytes and their room.
    pieces: Vec<Vec<u8>>,
    bytes: usize,
    room: usize,
    /// The piece that is being written.
    data: Vec<u8>,
}

impl<'a> JsonAnswer<'a> {
    pub(super) fn new(format: Format, limits: &Limits, budget: &'a Arc<Budget>, client: Client) -> JsonAnswer<'a> {
        JsonAnswer {
            format,
            max_rows: limits.max_result_rows,
            max_bytes: limits.max_result_bytes,
            budget,
            client,
            held: None,
            columns: Vec::new(),
            writer: None,
            long: Vec::new(),
            rows: 0,
            pieces: Vec::new(),
            bytes: 0,
            room: 0,
            data: Vec::new(),
        }
    }

    /// The whole body: nothing is sent before everything is known to be right.
    pub(super) fn finish(mut self, answer: &Answer) -> Pieces {
        let mut head = vec![b'{'];
        if self.format == Format::Rows {
            head.extend_from_slice(b"\"columns\":[");
            head.append(&mut self.columns);
            head.extend_from_slice(b"],");
        }
        head.extend_from_slice(b"\"data\":[");
        let mut tail = vec![b']'];
        if let Some(written) = answer.written {
            let id = written.last_insert_id.map_or("null".to_owned(), |id| id.to_string());
            let text = format!(",\"rows_affected\":{},\"last_insert_id\":{id}", written.rows_affected);
            tail.extend_from_slice(text.as_bytes());
        }
        match &answer.shards[..] {
            [shard] => tail.extend_from_slice(format!(",\"shard\":\"{shard}\"").as_bytes()),
            shards => {
                let names: Vec<String> = shards.iter().map(|shard| format!("\"{shard}\"")).collect();
                tail.extend_from_slice(format!(",\"shards\":[{}]", names.join(",")).as_bytes());
            }
        }
        tail.push(b'}');
        let mut pieces = self.pieces;
        if pieces.is_empty() {
            head.append(&mut self.data);
            head.append(&mut tail);
            return Pieces { pieces: vec![head], held: self.held };
        }
        pieces.insert(0, head);
        pieces.extend([self.data, tail]);
        Pieces { pieces, held: self.held }
    }

    /// Makes sure that there is room for what was written and for `more`.
    fn cover(&mut self, more: usize) -> Result<(), QueryError> {
        let room = self.room + self.data.capacity() + more;
        if room <= SMALL {
            return Ok(());
        }
        let held = match &mut self.held {
            Some(held) => held,
            none => none.insert(self.budget.take(self.client, Kind::Answers, 0)?),
        };
        held.cover(room)
    }
}

impl RowSink for JsonAnswer<'_> {
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError> {
        match self.format {
            Format::Objects => {
                if let Some(name) = duplicate_name(columns) {
                    return Err(QueryError::DuplicateColumn(name.to_owned()));
                }
            }
            Format::Rows => {
                let described = columns.iter().map(|column| {
                    serde_json::json!({ "name": column.name, "type": column.type_name, "nullable": column.nullable })
                });
                let texts: Vec<String> = described.map(|column| column.to_string()).collect();
                self.columns = texts.join(",").into_bytes();
            }
        }
        self.writer = Some(RowWriter::new(columns));
        let may_be_long = |column: &Column| {
            matches!(
                column.kind,
                literal::Kind::Text | literal::Kind::Binary | literal::Kind::Json | literal::Kind::Geometry
            )
        };
        self.long = (0..columns.len()).filter(|index| may_be_long(&columns[*index])).collect();
        Ok(())
    }

    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError> {
        self.rows += 1;
        if self.rows > self.max_rows {
            let message = format!("the answer has more than {} rows (limits.max_result_rows)", self.max_rows);
            return Err(QueryError::LimitExceeded(message));
        }
        let read: usize = self.long.iter().map(|index| row.cell(*index).map_or(0, <[u8]>::len)).sum();
        if read > SMALL {
            // Once, and not twice as much for the last byte.
            let needed = read + read / 8 + SMALL;
            self.cover(needed)?;
            self.data.reserve_exact(needed);
        }
        let writer = self.writer.as_ref().expect("columns come before rows");
        if self.rows > 1 {
            self.data.push(b',');
        }
        match self.format {
            Format::Objects => writer.write_object_row(&mut self.data, row)?,
            Format::Rows => writer.write_array_row(&mut self.data, row)?,
        }
        if (self.bytes + self.data.len()) as u64 > self.max_bytes {
            let message = format!("the answer is larger than {} bytes (limits.max_result_bytes)", self.max_bytes);
            return Err(QueryError::LimitExceeded(message));
        }
        if self.data.len() >= PIECE {
            self.data.shrink_to_fit();
        }
        self.cover(0)?;
        if self.data.len() >= PIECE {
            self.bytes += self.data.len();
            self.room += self.data.capacity();
            self.pieces.push(std::mem::replace(&mut self.data, Vec::with_capacity(PIECE + SMALL)));
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.columns.clear();
        self.pieces.clear();
        (self.bytes, self.room) = (0, 0);
        self.data = Vec::new();
        self.held = None;
        self.rows = 0;
        self.writer = None;
    }

    fn wants_empty_columns(&self) -> bool {
        self.format == Format::Rows
    }
}
