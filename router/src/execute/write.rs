//! Carries out writes: on one shard as they are, on several in one transaction.

use std::time::Instant;

use futures_util::{FutureExt, TryStreamExt};
use keyspace::mysql::REAL_CLOCK;
use keyspace::mysql::er;

use super::fences;
use super::{Execution, RowSink, Written, at_rest_after_answer, reason};
use crate::cells::Column;
use crate::error::QueryError;
use crate::faults::Point;
use crate::plan::{Part, WriteNode, WritePart};
use crate::shards::client::{Connection, Piece, ShardRow};
use crate::shards::{Ending, LAST_WORDS, Lease};
use crate::transaction::{Transaction, before_decision};

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
            Err(QueryError::Database { errno: er::CONSTRAINT_FAILED, .. })
                if node.forgives_checks && rows.len() == 1 =>
            {
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
        connection: &mut Connection,
        sink: &mut impl RowSink,
    ) -> Result<Written, QueryError> {
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let mut first = true;
        let (opening, closing) = match fenced {
            true => {
                let look = fences::look_at(&self.view.topology.fences_of(&part.shard));
                let opening = ["BEGIN".to_owned()].into_iter().chain(look);
                (opening.collect(), vec!["COMMIT".to_owned()])
            }
            false => (Vec::new(), Vec::new()),
        };
        run_write(connection, part, &opening, &closing, |row| {
            if std::mem::take(&mut first) {
                sink.columns(&row.describe(is_json))?;
            }
            sink.row(&row)
        })
        .await
    }
}

/// Rows of RETURNING from several shards.
#[derive(Default)]
struct Returned {
    columns: Vec<Column>,
    /// Each with the number of the row that it returns, if that is known.
    rows: Vec<(usize, ShardRow)>,
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
            returned.columns = row.describe(is_json);
        }
        returned.is_given = true;
        let number = numbers.get(count).copied().unwrap_or(after + count);
        count += 1;
        returned.rows.push((number, row));
        Ok(())
    })
    .await
}

/// Sends `prefix`, the part's statement and `suffix` in one go, and takes the statement's result.
async fn run_write(
    connection: &mut Connection,
    part: &Part,
    prefix: &[String],
    suffix: &[String],
    mut take: impl FnMut(ShardRow) -> Result<(), QueryError> + Send,
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
    let mut answers = connection.send(text);
    let mut ended = 0;
    loop {
        match answers.try_next().await {
            Ok(None) => return Ok(written),
            Ok(Some(Piece::End(done))) => {
                if ended == prefix.len() {
                    written = Written { rows_affected: done.rows_affected, last_insert_id: done.last_insert_id };
                }
                ended += 1;
            }
            Ok(Some(Piece::Row(row))) if ended == prefix.len() => take(row)?,
            Ok(Some(Piece::Row(_))) => {}
            Err(error) => {
                return Err(match error {
                    error @ QueryError::Database { .. } if ended < prefix.len() => fences::moved(error),
                    QueryError::ConnectionBroke { shard, cause } => QueryError::OutcomeUnknown { shard, cause },
                    other => other,
                });
            }
        }
    }
}
