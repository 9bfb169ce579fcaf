//! Copies rows to temporary tables on one shard and runs the statement there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use keyspace::literal::{Kind, write_literal};
use keyspace::mysql::er;
use keyspace::schema::quote;
use keyspace::topology::ShardId;
use tokio::sync::Mutex;

use super::modes::{AS_BEFORE, LENIENT};
use super::{Execution, RowSink, name_floats, reason};
use crate::cells::{Column, Row};
use crate::error::QueryError;
use crate::plan::{Gather, Part};
use crate::shards::Lease;
use crate::shards::client::ShardRow;
use crate::sql::read::error::Unsupported;

/// Bytes of one INSERT, far below every server's max_allowed_packet (16 MiB and more) unless one row alone is longer.
const BATCH_BYTES: usize = 1 << 20;

/// For a statement that the server knows to be determined by the keys of its tables, which their copies lack.
const LOOSE: &str = "SET sql_mode = REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')";

/// Counts the rows that one statement gathers, from all shards and for all of its tables together.
struct HeldRows {
    count: AtomicUsize,
    most: usize,
}

impl HeldRows {
    /// To be called for each row as it arrives, so that hardly more rows than that are ever read.
    fn add_one(&self) -> Result<(), QueryError> {
        match self.count.fetch_add(1, Ordering::Relaxed) < self.most {
            true => Ok(()),
            false => Err(QueryError::TooManyToGather(self.most)),
        }
    }
}

/// Rows on their way into a temporary table: the statements that insert them.
struct Inserts {
    /// Of each statement.
    beginning: String,
    /// Those of the first row are those of all.
    columns: Vec<Column>,
    batch: Vec<u8>,
}

impl Inserts {
    fn of(scratch: &str) -> Inserts {
        let beginning = format!("INSERT INTO {} VALUES ", quote(scratch));
        Inserts { beginning, columns: Vec::new(), batch: Vec::new() }
    }

    /// Takes a row; gives the statement that is long enough with it, if one is.
    fn push(&mut self, row: &ShardRow) -> Result<Option<String>, QueryError> {
        if self.columns.is_empty() {
            self.columns = row.describe(|_, _| false);
        }
        self.batch.extend_from_slice(if self.batch.is_empty() { self.beginning.as_bytes() } else { b", " });
        write_row(&mut self.batch, &self.columns, row)?;
        if self.batch.len() < BATCH_BYTES {
            return Ok(None);
        }
        self.finish()
    }

    /// The statement for the rows that are left, if any are.
    fn finish(&mut self) -> Result<Option<String>, QueryError> {
        if self.batch.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8(std::mem::take(&mut self.batch));
        text.map(Some).map_err(|_| QueryError::Internal("a literal is not UTF-8".to_owned()))
    }
}

/// What the copies from all shards have in common.
struct Copying<'a, 'w> {
    /// Whether the source's transaction is to end behind its rows.
    ends: bool,
    recheck: bool,
    held_rows: &'a HeldRows,
    /// Where all rows go to.
    target: &'a Mutex<&'w mut Lease>,
}

impl Execution<'_> {
    /// Runs a read over copies of the rows that matter to it.
    ///
    /// Each shard is read in one consistent snapshot, whatever number of tables is copied from it.
    pub async fn gather(&self, node: &Gather, sink: &mut impl RowSink) -> Result<(), QueryError> {
        self.in_time(self.gather_rows(node, sink)).await
    }

    async fn gather_rows(&self, node: &Gather, sink: &mut impl RowSink) -> Result<(), QueryError> {
        let is_apart = self.works_apart(&node.at).await;
        let mut destination = match is_apart {
            true => self.pooled(&node.at).await?,
            false => self.lease(&node.at).await?,
        };
        self.prepare(node, &mut destination).await?;
        let mut by_shard: BTreeMap<&ShardId, Vec<(&str, &Part)>> = BTreeMap::new();
        for input in &node.inputs {
            for part in &input.parts {
                by_shard.entry(&part.shard).or_default().push((&input.scratch, part));
            }
        }
        let held_rows = HeldRows { count: AtomicUsize::new(0), most: self.max_held_rows };
        let mut sources = Vec::new();
        for (&shard, parts) in &by_shard {
            // In a session's transaction a shard has one connection: its rows are held before they are put there.
            if self.transaction.is_some() && !is_apart && *shard == node.at {
                self.copy_within(parts, &mut destination, &held_rows).await?;
                continue;
            }
            sources.push((shard, parts, self.lease(shard).await?));
        }
        let is_one_statement = sources.len() == 1 && sources[0].1.len() == 1;
        if self.transaction.is_none() && !is_one_statement {
            let mut leases: Vec<_> = sources.iter_mut().map(|(shard, _, lease)| (*shard, lease)).collect();
            self.begin_snapshots(&mut leases).await?;
        }
        let target = Mutex::new(&mut destination);
        let ends = self.transaction.is_none() && !is_one_statement;
        let copies = sources.into_iter().map(|(shard, parts, source)| async {
            let started = Instant::now();
            let copy = Copying { ends, recheck: node.recheck, held_rows: &held_rows, target: &target };
            let copied = self.copy_from(shard, parts, source, &copy).await;
            self.metrics().asked_shard(shard, started.elapsed(), copied.as_ref().err().map(reason));
            copied
        });
        try_join_all(copies).await?;
        self.metrics().gathered(held_rows.count.into_inner());
        let started = Instant::now();
        destination.run(AS_BEFORE).await?;
        let mut outcome = self.run_gathered(node, &mut destination, sink).await;
        if matches!(
            outcome,
            Err(QueryError::Database { errno: er::WRONG_FIELD_WITH_GROUP | er::MIX_OF_GROUP_FUNC_AND_FIELDS, .. })
        ) && destination.begin().describe(&node.original, |_, _| false).await.is_ok()
        {
            destination.run(LOOSE).await?;
            outcome = self.run_gathered(node, &mut destination, sink).await;
            destination.run(AS_BEFORE).await?;
        }
        self.metrics().asked_shard(&node.at, started.elapsed(), outcome.as_ref().err().map(reason));
        let outcome = outcome.map_err(refuse_reopened);
        // Without its own answer the connection is closed, and the temporary tables end with it.
        if matches!(outcome, Ok(()) | Err(QueryError::Database { .. })) {
            let names: Vec<String> = node.inputs.iter().map(|input| quote(&input.scratch)).collect();
            let dropped = format!("DROP TEMPORARY TABLE {}", names.join(", "));
            destination.run(&dropped).await?;
            destination.done();
        }
        outcome
    }

    /// Whether the copies are made on a connection outside of the session's transaction. What is read there, reference
    /// and unsharded tables, must not have been written in it.
    async fn works_apart(&self, shard: &ShardId) -> bool {
        let Some(transaction) = self.transaction.filter(|_| !self.is_mariadb()) else { return false };
        let transaction = transaction.lock().await;
        !transaction.may_make_tables(shard) && !transaction.has_written_on(shard)
    }

    async fn prepare(&self, node: &Gather, destination: &mut Lease) -> Result<(), QueryError> {
        // First, as a definition may repeat a default that a strict mode refuses.
        destination.run(LENIENT).await?;
        for input in &node.inputs {
            destination.run(&input.definition).await.map_err(|error| match error {
                QueryError::Database { errno: er::DBACCESS_DENIED | er::TABLEACCESS_DENIED, shard, .. } => {
                    QueryError::MayNotGather(shard)
                }
                QueryError::Database { errno: er::XA_TEMP_TABLE, .. } => no_tables_in_xa(),
                error => error,
            })?;
        }
        Ok(())
    }

    /// Copies the parts that lie on one shard.
    async fn copy_from(
        &self,
        shard: &ShardId,
        parts: &[(&str, &Part)],
        mut source: Lease,
        copy: &Copying<'_, '_>,
    ) -> Result<(), QueryError> {
        for (scratch, part) in parts {
            let mut inserts = Inserts::of(scratch);
            let mut rows = source.begin().rows(&part.sql);
            while let Some(row) = rows.try_next().await? {
                copy.held_rows.add_one()?;
                if let Some(statement) = inserts.push(&row)? {
                    copy.target.lock().await.run(&statement).await?;
                }
            }
            drop(rows);
            if let Some(statement) = inserts.finish()? {
                copy.target.lock().await.run(&statement).await?;
            }
        }
        if copy.ends {
            source.run("COMMIT").await?;
        }
        self.recheck(shard, &mut source, copy.recheck).await?;
        source.done();
        Ok(())
    }

    /// Copies rows of the shard on which they are wanted, over one connection: a part is read to its end before any of it
    /// is inserted.
    async fn copy_within(
        &self,
        parts: &[(&str, &Part)],
        destination: &mut Lease,
        held_rows: &HeldRows,
    ) -> Result<(), QueryError> {
        for (scratch, part) in parts {
            let mut inserts = Inserts::of(scratch);
            let mut statements = Vec::new();
            let mut rows = destination.begin().rows(&part.sql);
            while let Some(row) = rows.try_next().await? {
                held_rows.add_one()?;
                statements.extend(inserts.push(&row)?);
            }
            drop(rows);
            statements.extend(inserts.finish()?);
            for statement in statements {
                destination.run(&statement).await?;
            }
        }
        Ok(())
    }

    async fn run_gathered(
        &self,
        node: &Gather,
        destination: &mut Lease,
        sink: &mut impl RowSink,
    ) -> Result<(), QueryError> {
        let is_json = |table: &str, column: &str| {
            let input = node.inputs.iter().find(|input| input.scratch == table);
            let origin = input.and_then(|input| input.origins.get(column));
            let (table, column) = origin.map_or((table, column), |(table, column)| (table, column));
            self.view.schema.is_json(table, column)
        };
        let described = |mut columns: Vec<Column>| {
            name_floats(&node.float_columns, &mut columns);
            for (now, before) in &node.renamed {
                columns.iter_mut().for_each(|column| column.name = column.name.replace(now, before));
            }
            columns
        };
        let mut is_empty = true;
        {
            let mut rows = destination.begin().rows(&node.sql);
            while let Some(row) = rows.try_next().await? {
                if std::mem::take(&mut is_empty) {
                    let columns = described(row.describe(is_json));
                    refuse_floats(&node.float_columns, &columns)?;
                    sink.columns(&columns)?;
                }
                sink.row(&row)?;
            }
        }
        if is_empty && sink.wants_empty_columns() {
            // As for one shard: what ran but cannot be prepared has no columns to tell.
            let columns = destination.begin().describe(&node.sql, is_json).await.map_or_else(|_| Vec::new(), described);
            sink.columns(&columns)?;
        }
        Ok(())
    }
}

/// MySQL reads a temporary table once in a statement, and a WITH query that is used twice reads its tables twice.
fn refuse_reopened(error: QueryError) -> QueryError {
    match error {
        QueryError::Database { errno: er::CANT_REOPEN_TABLE, .. } => {
            let hint = "MySQL cannot read gathered rows twice: write a derived table in each place";
            Unsupported::with_hint("a WITH query used twice over several shards", hint).into()
        }
        QueryError::Database { errno: er::XA_TEMP_TABLE, .. } => no_tables_in_xa(),
        error => error,
    }
}

/// MySQL has no temporary tables in a branch of a transaction over several shards.
fn no_tables_in_xa() -> QueryError {
    let hint = "read before the transaction, or begin it with a statement on the home shard";
    Unsupported::with_hint("a gathered read inside a transaction that began on another shard", hint).into()
}

/// FLOATs are exact only in columns that are read as DOUBLE.
pub(super) fn refuse_floats(exact: &[usize], columns: &[Column]) -> Result<(), QueryError> {
    let inexact = |(index, column): &(usize, &Column)| column.kind == Kind::Float && !exact.contains(index);
    match columns.iter().enumerate().find(inexact) {
        Some((_, column)) => Err(QueryError::InexactFloat(column.name.clone())),
        None => Ok(()),
    }
}

fn write_row(batch: &mut Vec<u8>, columns: &[Column], row: &impl Row) -> Result<(), QueryError> {
    for (index, column) in columns.iter().enumerate() {
        batch.push(if index == 0 { b'(' } else { b',' });
        if column.kind == Kind::Float {
            return Err(QueryError::InexactFloat(column.name.clone()));
        }
        write_literal(batch, column.kind, row.cell(index));
    }
    batch.push(b')');
    Ok(())
}
