//! An answer as JSON, written straight to bytes as rows come.

use serde::Deserialize;

use crate::cells::{Column, Row, RowWriter, duplicate_name};
use crate::error::QueryError;
use crate::execute::RowSink;
use crate::service::Answer;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Objects,
    Rows,
}

pub(super) struct JsonAnswer {
    format: Format,
    columns: Vec<u8>,
    data: Vec<u8>,
    rows: u64,
    writer: Option<RowWriter>,
    max_rows: u64,
    max_bytes: u64,
}

impl JsonAnswer {
    pub(super) fn new(format: Format, max_rows: u64, max_bytes: u64) -> JsonAnswer {
        JsonAnswer { format, columns: Vec::new(), data: Vec::new(), rows: 0, writer: None, max_rows, max_bytes }
    }

    /// The whole body: nothing is sent before everything is known to be right.
    pub(super) fn finish(self, answer: &Answer) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.columns.len() + self.data.len() + 128);
        body.push(b'{');
        if self.format == Format::Rows {
            body.extend_from_slice(b"\"columns\":[");
            body.extend_from_slice(&self.columns);
            body.extend_from_slice(b"],");
        }
        body.extend_from_slice(b"\"data\":[");
        body.extend_from_slice(&self.data);
        body.push(b']');
        if let Some(written) = answer.written {
            let id = written.last_insert_id.map_or("null".to_owned(), |id| id.to_string());
            let text = format!(",\"rows_affected\":{},\"last_insert_id\":{id}", written.rows_affected);
            body.extend_from_slice(text.as_bytes());
        }
        match &answer.shards[..] {
            [shard] => body.extend_from_slice(format!(",\"shard\":\"{shard}\"").as_bytes()),
            shards => {
                let names: Vec<String> = shards.iter().map(|shard| format!("\"{shard}\"")).collect();
                body.extend_from_slice(format!(",\"shards\":[{}]", names.join(",")).as_bytes());
            }
        }
        body.push(b'}');
        body
    }
}

impl RowSink for JsonAnswer {
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
        Ok(())
    }

    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError> {
        self.rows += 1;
        if self.rows > self.max_rows {
            let message = format!("the answer has more than {} rows (limits.max_result_rows)", self.max_rows);
            return Err(QueryError::LimitExceeded(message));
        }
        let writer = self.writer.as_ref().expect("columns come before rows");
        if self.rows > 1 {
            self.data.push(b',');
        }
        match self.format {
            Format::Objects => writer.write_object_row(&mut self.data, row)?,
            Format::Rows => writer.write_array_row(&mut self.data, row)?,
        }
        if self.data.len() as u64 > self.max_bytes {
            let message = format!("the answer is larger than {} bytes (limits.max_result_bytes)", self.max_bytes);
            return Err(QueryError::LimitExceeded(message));
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.columns.clear();
        self.data.clear();
        self.rows = 0;
        self.writer = None;
    }

    fn wants_empty_columns(&self) -> bool {
        self.format == Format::Rows
    }
}
