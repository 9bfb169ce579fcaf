//! Carries out writes: on one shard as they are, on several in one transaction.

use std::time::Instant;

use futures_util::{FutureExt, TryStreamExt};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Either, Executor, Row as _};

use super::gather::{AS_BEFORE, LENIENT};
use super::{Execution, RowSink, Written, at_rest_after_answer, reason};
use crate::cells::{Column, Kind, Row, columns_of, write_literal};
use crate::error::QueryError;
use crate::faults::Point;
use crate::plan::{Part, Relocation, WriteNode, WritePart};
use crate::schema::quote;
use crate::shards::{Ending, LAST_WORDS, Lease};
use crate::sql::statement::Unsupported;
use crate::topology::ShardId;
use crate::transaction::{Transaction, before_decision};

/// Ends what [`WriteNode::clock`] begins.
pub const REAL_CLOCK: &str = "SET timestamp = DEFAULT";

/// A CHECK is violated.
const ER_CHECK_MARIADB: u16 = 4025;

/// Bytes of one INSERT of moved rows.
const BATCH_BYTES: usize = 1 << 20;

impl Execution<'_> {
    /// Carries out a write. `sink` takes the rows of RETURNING.
    ///
    /// On several shards it is one transaction: a client that goes away before the decision has written nothing.
    pub async fn write(&self, node: &WriteNode, sink: &mut impl RowSink) -> Result<Written, QueryError> {
        match (&self.transaction, &node.parts[..]) {
            (Some(transaction), _) => {
                let mut transaction = transaction.lock().await;
                self.write_in_session(node, &mut transaction, sink).await
            }
            (None, [part]) if node.is_single() => self.write_one(part, sink).await,
            (None, _) => {
                let mut transaction = self.coordinator.begin();
                match self.write_within_deadline(node, &mut transaction, sink).await {
                    Ok(written) => {
                        self.coordinator.commit(transaction, self.view.topology.clone(), self.deadline).await?;
                        Ok(written)
                    }
                    Err(error) => {
                        self.coordinator.roll_back(transaction).await;
                        Err(self.first_complaint(node, error).await)
                    }
                }
            }
        }
    }

    /// A statement of a transaction: one that fails is undone alone, as on one server.
    async fn write_in_session(
        &self,
        node: &WriteNode,
        transaction: &mut Transaction,
        sink: &mut impl RowSink,
    ) -> Result<Written, QueryError> {
        const BEFORE: &str = "_autoscaler_statement";
        // A server undoes its own part of a statement by itself.
        if node.is_single() {
            return self.write_within_deadline(node, transaction, sink).await;
        }
        transaction.set_savepoint(BEFORE, self.deadline).await?;
        let outcome = self.write_within_deadline(node, transaction, sink).await;
        match outcome {
            Ok(_) => {}
            // There is nothing left to go back to.
            Err(error) if error.ends_transaction() || transaction.lost().is_some() => return Err(error),
            Err(_) => {
                // The statement's own time may be over.
                let undone = transaction.roll_back_to(BEFORE, Instant::now() + LAST_WORDS).await;
                undone.map_err(|error| QueryError::TransactionLost(error.to_string()))?;
            }
        }
        transaction.release_savepoint(BEFORE, Instant::now() + LAST_WORDS).await?;
        outcome
    }

    async fn write_within_deadline(
        &self,
        node: &WriteNode,
        transaction: &mut Transaction,
        sink: &mut impl RowSink,
    ) -> Result<Written, QueryError> {
        // A statement that takes longer is ended with its connection, and the transaction with that.
        self.in_time(self.write_parts(node, transaction, sink)).await
    }

    /// Always in shard order, so that two writes wait for each other on one shard, where the server sees it.
    async fn write_parts(
        &self,
        node: &WriteNode,
        transaction: &mut Transaction,
        sink: &mut impl RowSink,
    ) -> Result<Written, QueryError> {
        let mut written = Written::default();
        let mut returned = Returned::default();
        // The last branch of a statement by itself prepares in the same round trip; nothing is waited for after that.
        let is_whole =
            self.transaction.is_none() && node.all_write && node.uniqueness.is_none() && node.relocation.is_none();
        for (index, part) in node.parts.iter().enumerate() {
            let seals = is_whole && index + 1 == node.parts.len() && transaction.has_written();
            let own = self.write_part(node, part, transaction, seals, &mut returned).await?;
            match (node.copies, index) {
                (false, _) => written.rows_affected += own.rows_affected,
                (true, 0) => written.rows_affected = own.rows_affected,
                (true, _) if written.rows_affected != own.rows_affected => {
                    return Err(QueryError::CopiesDiffer { shard: part.part.shard.clone() });
                }
                (true, _) => {}
            }
            if index == node.last_row_in {
                written.last_insert_id = own.last_insert_id;
            }
            self.coordinator.faults.reach(Point::Executed).await;
        }
        if let Some(relocation) = &node.relocation {
            self.relocate(relocation, node, transaction).await?;
        }
        if written.rows_affected > 0 {
            self.check_unique(node, transaction).await?;
        }
        self.coordinator.faults.reach(Point::Complete).await;
        returned.write_to(sink)?;
        Ok(written)
    }

    async fn write_part(
        &self,
        node: &WriteNode,
        WritePart { part, fenced, rows }: &WritePart,
        transaction: &mut Transaction,
        seals: bool,
        returned: &mut Returned,
    ) -> Result<Written, QueryError> {
        let (mut lease, mut prefix) = self.enlisted(&part.shard, transaction).await?;
        if *fenced {
            for statement in prefix.drain(..) {
                lease.run(&statement).await?;
            }
            self.hold_fences(&mut lease, &part.shard, transaction).await?;
        }
        prefix.extend(node.clock.as_ref().map(|clock| format!("SET timestamp = {clock}")));
        let mut suffix: Vec<String> = node.clock.iter().map(|_| REAL_CLOCK.to_owned()).collect();
        if seals {
            suffix.extend(transaction.seal(&part.shard));
        }
        let (started, before) = (Instant::now(), returned.rows.len());
        let collector = if node.copies && returned.is_given { None } else { Some(&mut *returned) };
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let outcome =
            run_collecting(&mut lease, part, &prefix, &suffix, collector.map(|c| (c, &rows[..])), &is_json).await;
        self.metrics().asked_shard(&part.shard, started.elapsed(), outcome.as_ref().err().map(reason));
        at_rest_after_answer(&mut lease, &outcome);
        // What found no row has nothing to commit.
        match &outcome {
            Ok(_) if seals => transaction.sealed(&part.shard),
            // With RETURNING the rows count, not their number.
            Ok(written) if node.copies || written.rows_affected > 0 || returned.rows.len() > before => {
                transaction.wrote(&part.shard);
            }
            _ => {}
        }
        match outcome {
            Err(QueryError::Database { errno: ER_CHECK_MARIADB, .. }) if node.forgives_checks && rows.len() == 1 => {
                lease.run(REAL_CLOCK).await?;
                lease.done();
                Ok(Written::default())
            }
            outcome => outcome.map_err(before_decision),
        }
    }

    /// One server complains of the first row that is wrong; of several, each does so of the first of its own. When the
    /// statement is undone its rows are tried one by one, and undone again.
    async fn first_complaint(&self, node: &WriteNode, error: QueryError) -> QueryError {
        if !matches!(error, QueryError::Database { .. }) || error.is_conflict() || node.rows.is_empty() {
            return error;
        }
        let mut transaction = self.coordinator.begin();
        let tried = async {
            for (row, part) in (1u32..).zip(&node.rows) {
                let mut lease = self.begun(&part.shard, &mut transaction).await?;
                let outcome = lease.run(&part.sql).await;
                if matches!(outcome, Ok(()) | Err(QueryError::Database { .. })) {
                    lease.done();
                }
                if let Err(QueryError::Database { shard, errno, sqlstate, message }) = outcome {
                    let message = message.replace("at row 1", &format!("at row {row}"));
                    return Err(QueryError::Database { shard, errno, sqlstate, message });
                }
                outcome?;
            }
            Ok(())
        };
        let found = tokio::time::timeout_at(self.deadline.into(), tried).await;
        self.coordinator.roll_back(transaction).await;
        match found {
            Ok(Err(found @ QueryError::Database { .. })) if !found.is_conflict() => found,
            _ => error,
        }
    }

    /// A shard's connection in a transaction, which the shard joins if it is new to it.
    pub(super) async fn enlisted(
        &self,
        shard: &ShardId,
        transaction: &mut Transaction,
    ) -> Result<(Lease, Vec<String>), QueryError> {
        if !transaction.takes_part(shard) {
            transaction.enlist(shard, self.for_transaction(shard).await?);
        }
        self.check_time(shard)?;
        transaction.connection(shard)
    }

    /// Fails if so much time has passed since the plan was made that the rows may be elsewhere by now.
    ///
    /// To be asked with the connection in hand, and before anything is sent. A router that stands still after this finds
    /// the connection closed: the scaler ends those that have been idle since a switch before the old owner takes writes
    /// of moved rows again.
    fn check_time(&self, shard: &ShardId) -> Result<(), QueryError> {
        match self.watch.may_write(shard, &self.view.topology) {
            true => Ok(()),
            false => Err(QueryError::Moved(shard.clone())),
        }
    }

    /// As [`Execution::enlisted`], on a connection on which the transaction has begun.
    async fn begun(&self, shard: &ShardId, transaction: &mut Transaction) -> Result<Lease, QueryError> {
        let (mut lease, opening) = self.enlisted(shard, transaction).await?;
        for statement in opening {
            lease.run(&statement).await?;
        }
        lease.done();
        Ok(lease)
    }

    /// Brings rows, whose sharding key was changed where they lay, to the owner of the new key.
    async fn relocate(
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
            let found = lease.begin().fetch_all(sqlx::raw_sql(AssertSqlSafe(select))).await;
            let found = found.map_err(|error| QueryError::of_shard(source, error))?;
            if let Some(first) = found.first() {
                let described = columns_of(first, |_, _| false);
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

    /// Looks on every shard for the values that were written into unique indexes that each shard enforces for its own
    /// rows only. The looks lock what they find, and the gap where it would be; what is leaving a shard stays until the
    /// transaction ends, or is somewhere else already and the statement runs again.
    async fn check_unique(&self, node: &WriteNode, transaction: &mut Transaction) -> Result<(), QueryError> {
        let Some(uniqueness) = &node.uniqueness else { return Ok(()) };
        let mut counts = vec![0u32; uniqueness.probes.len()];
        for part in &uniqueness.parts {
            let mut lease = self.begun(&part.shard, transaction).await?;
            self.hold_fences(&mut lease, &part.shard, transaction).await?;
            let rows = lease.begin().fetch_all(sqlx::raw_sql(AssertSqlSafe(part.sql.clone()))).await;
            let rows = rows.map_err(|error| QueryError::of_shard(&part.shard, error))?;
            lease.done();
            for row in rows {
                let index = row.try_get_unchecked::<i64, _>(0).unwrap_or_default();
                if let Some(count) = usize::try_from(index).ok().and_then(|index| counts.get_mut(index)) {
                    *count += 1;
                }
            }
        }
        let Some(position) = counts.iter().position(|&count| count > 1) else { return Ok(()) };
        let probe = &uniqueness.probes[position];
        if uniqueness.only_tells {
            let construct = format!("a value of {}, which lies on another shard, in this statement", probe.index);
            return Err(Unsupported::with_hint(construct, "write that row with its own sharding key").into());
        }
        Err(QueryError::Database {
            shard: uniqueness.parts[0].shard.clone(),
            errno: 1062,
            sqlstate: "23000".to_owned(),
            message: format!("Duplicate entry '{}' for key '{}'", probe.entry, probe.index),
        })
    }

    /// On one shard, by itself.
    ///
    /// A write that has begun is never abandoned for time: it is killed on the server, and the server says what came
    /// of it.
    async fn write_one(&self, part: &WritePart, sink: &mut impl RowSink) -> Result<Written, QueryError> {
        let shard = &part.part.shard;
        let mut lease = self.pooled(shard).await?;
        self.check_time(shard)?;
        let killer = lease.killer();
        let started = Instant::now();
        let ending = killer.see_out(self.deadline, self.write_alone(part, lease.begin(), sink).boxed()).await;
        let is_in_time = matches!(ending, Ending::InTime(_));
        let outcome = match ending {
            Ending::Told(Err(error)) if error.is_interrupted() => Err(self.timed_out()),
            Ending::InTime(outcome) | Ending::Told(outcome) => outcome,
            Ending::Silent => Err(QueryError::OutcomeUnknown {
                shard: shard.clone(),
                cause: "no answer after the statement was killed".to_owned(),
            }),
        };
        self.metrics().asked_shard(shard, started.elapsed(), outcome.as_ref().err().map(reason));
        // After an answer of the server the connection is at rest, unless a transaction is left open.
        match &outcome {
            Ok(_) if is_in_time => lease.done(),
            Err(QueryError::Database { .. } | QueryError::Moved(_)) if is_in_time && !part.fenced => lease.done(),
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    async fn write_alone(
        &self,
        WritePart { part, fenced, .. }: &WritePart,
        connection: &mut MySqlConnection,
        sink: &mut impl RowSink,
    ) -> Result<Written, QueryError> {
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let mut first = true;
        let (opening, closing) = match fenced {
            true => {
                let look = look_at_fences(&self.view.topology.fences_of(&part.shard));
                let opening = ["BEGIN".to_owned()].into_iter().chain(look);
                (opening.collect(), vec!["COMMIT".to_owned()])
            }
            false => (Vec::new(), Vec::new()),
        };
        run_write(connection, part, &opening, &closing, |row| {
            if std::mem::take(&mut first) {
                sink.columns(&columns_of(&row, is_json))?;
            }
            sink.row(&row)
        })
        .await
    }

    /// Holds the cutovers of everything that is leaving the shard off until the transaction ends, as far as it does not
    /// hold them off yet; fails if one is over.
    pub(super) async fn hold_fences(
        &self,
        lease: &mut Lease,
        shard: &ShardId,
        transaction: &mut Transaction,
    ) -> Result<(), QueryError> {
        let fences = transaction.fences_to_take(shard, self.view.topology.fences_of(shard));
        let Some(look) = look_at_fences(&fences) else { return Ok(()) };
        let taken = lease.run(&look).await.map_err(moved);
        at_rest_after_answer(lease, &taken);
        taken?;
        transaction.holds_fences(shard, fences);
        Ok(())
    }
}

/// Takes a shared lock on fences of the shard that it runs on: their cutovers wait until the transaction ends. Fails
/// once one is over ([`moved`]), so that nothing that follows in the same go is run. `None` for no fences.
fn look_at_fences(fences: &[u8]) -> Option<String> {
    let ids = fences.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let look = format!(
        "SELECT {LARGEST_NUMBER} + (COUNT(*) <> {} OR SUM(fenced <> 0) <> 0) FROM _autoscaler.fence \
         WHERE id IN ({ids}) LOCK IN SHARE MODE",
        fences.len()
    );
    (!fences.is_empty()).then_some(look)
}

/// What an error of [`look_at_fences`] means.
fn moved(error: QueryError) -> QueryError {
    match error {
        QueryError::Database { shard, errno: ER_DATA_OUT_OF_RANGE, .. } => QueryError::Moved(shard),
        other => other,
    }
}

/// Rows of RETURNING from several shards.
#[derive(Default)]
struct Returned {
    columns: Vec<Column>,
    /// Each with the number of the row that it returns, if that is known.
    rows: Vec<(usize, MySqlRow)>,
    is_given: bool,
}

impl Returned {
    /// In the order in which the statement names the rows.
    fn write_to(mut self, sink: &mut impl RowSink) -> Result<(), QueryError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.rows.sort_by_key(|(number, _)| *number);
        sink.columns(&self.columns)?;
        self.rows.iter().try_for_each(|(_, row)| sink.row(row))
    }
}

async fn run_collecting(
    lease: &mut Lease,
    part: &Part,
    prefix: &[String],
    suffix: &[String],
    collector: Option<(&mut Returned, &[usize])>,
    is_json: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Written, QueryError> {
    let Some((returned, numbers)) = collector else {
        return run_write(lease.begin(), part, prefix, suffix, |_| Ok(())).await;
    };
    let mut count = 0;
    let after = returned.rows.len();
    run_write(lease.begin(), part, prefix, suffix, |row| {
        if returned.columns.is_empty() {
            returned.columns = columns_of(&row, is_json);
        }
        returned.is_given = true;
        let number = numbers.get(count).copied().unwrap_or(after + count);
        count += 1;
        returned.rows.push((number, row));
        Ok(())
    })
    .await
}

/// The largest number that a server adds without an error.
const LARGEST_NUMBER: u64 = u64::MAX;
/// A number is larger than that.
const ER_DATA_OUT_OF_RANGE: u16 = 1690;

/// Sends `prefix`, the part's statement and `suffix` in one go, and takes the statement's result.
async fn run_write(
    connection: &mut MySqlConnection,
    part: &Part,
    prefix: &[String],
    suffix: &[String],
    mut take: impl FnMut(MySqlRow) -> Result<(), QueryError> + Send,
) -> Result<Written, QueryError> {
    let mut text = String::with_capacity(part.sql.len() + 64);
    for statement in prefix {
        text.push_str(statement);
        text.push_str("; ");
    }
    text.push_str(&part.sql);
    for statement in suffix {
        // The statement before may end in a comment.
        text.push_str("\n; ");
        text.push_str(statement);
    }
    let mut written = Written::default();
    let mut results = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(connection);
    let mut ended = 0;
    loop {
        match results.try_next().await {
            Ok(None) => return Ok(written),
            Ok(Some(Either::Left(result))) => {
                if ended == prefix.len() {
                    written.rows_affected = result.rows_affected();
                    let id = result.last_insert_id();
                    written.last_insert_id = (id != 0).then_some(id);
                }
                ended += 1;
            }
            Ok(Some(Either::Right(row))) if ended == prefix.len() => take(row)?,
            Ok(Some(Either::Right(_))) => {}
            Err(error) => {
                return Err(match QueryError::of_shard(&part.shard, error) {
                    error @ QueryError::Database { .. } if ended < prefix.len() => moved(error),
                    QueryError::ConnectionBroke { shard, cause } => QueryError::OutcomeUnknown { shard, cause },
                    other => other,
                });
            }
        }
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
