//! Rows whose sharding key was changed, on their way to its owner.

use keyspace::literal::{Kind, write_literal};
use keyspace::schema::quote;

use super::Execution;
use super::modes::{AS_BEFORE, LENIENT};
use crate::cells::{Column, Row};
use crate::error::QueryError;
use crate::plan::{Relocation, WriteNode};
use crate::transaction::Transaction;

/// Bytes of one INSERT of moved rows.
const BATCH_BYTES: usize = 1 << 20;

impl Execution<'_> {
    /// Brings rows, whose sharding key was changed where they lay, to the owner of the new key.
    pub async fn relocate(
        &self,
        relocation: &Relocation,
        node: &WriteNode,
        transaction: &mut Transaction,
    ) -> Result<(), QueryError> {
        let Relocation { table, columns, exact, condition, target } = relocation;
        let table = quote(table);
        let insert = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
        let mut batches: Vec<Vec<u8>> = Vec::new();
        for source in node.parts.iter().map(|part| &part.part.shard).filter(|shard| *shard != target) {
            let mut lease = self.begun(source, transaction).await?;
            let select = format!("SELECT {} FROM {table} WHERE {condition}", exact.join(", "));
            let found = lease.begin().fetch_all(select).await?;
            if let Some(first) = found.first() {
                let described = first.describe(|_, _| false);
                for row in &found {
                    if batches.last().is_none_or(|batch| batch.len() >= BATCH_BYTES) {
                        batches.push(insert.clone().into_bytes());
                    }
                    let batch = batches.last_mut().expect("pushed above");
                    let is_first = batch.len() == insert.len();
                    batch.extend_from_slice(if is_first { b"(" } else { b",(" });
                    write_cells(batch, &described, row);
                    batch.push(b')');
                }
                lease.run(&format!("DELETE FROM {table} WHERE {condition}")).await?;
            }
            lease.done();
        }
        if batches.is_empty() {
            return Ok(());
        }
        let mut lease = self.begun(target, transaction).await?;
        transaction.wrote(target);
        lease.run(LENIENT).await?;
        for batch in batches {
            let text =
                String::from_utf8(batch).map_err(|_| QueryError::Internal("a literal is not UTF-8".to_owned()))?;
            let inserted = lease.run(&text).await;
            if let Err(error) = inserted {
                lease.run(AS_BEFORE).await?;
                lease.done();
                return Err(error);
            }
        }
        lease.run(AS_BEFORE).await?;
        lease.done();
        Ok(())
    }
}

fn write_cells(out: &mut Vec<u8>, columns: &[Column], row: &impl Row) {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // Columns are read by their exact types: a FLOAT as DOUBLE, sets and bits as numbers.
        let kind = if column.kind == Kind::Float { Kind::Double } else { column.kind };
        write_literal(out, kind, row.cell(index));
    }
}
