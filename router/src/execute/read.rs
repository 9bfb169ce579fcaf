//! Reads: each shard's part, and how their rows become one answer.

use std::time::Instant;

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use keyspace::literal::Kind;
use keyspace::own;
use keyspace::own::topology::Sighting;

use super::{Execution, RowSink, name_floats, reason};
use crate::cells::{Column, Row};
use crate::error::QueryError;
use crate::merge::aggregate::{Aggregate, Groups};
use crate::merge::compare::{Compare, OrderKey, Pad, compare_for, compare_rows};
use crate::merge::decimal::Division;
use crate::merge::order::{KWay, Window};
use crate::plan::{self, Combine, Grouping, Merge, MergeKey, Position, ReadNode};
use crate::shards::Lease;
use crate::shards::client::{Connection, Piece, Rows, ShardRow};

/// Whether any shard had a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Rows,
    Nothing,
}

/// The rows of a statement; what is seen of the shard right behind them comes in the same answer.
fn rows_and_sighting<'a>(connection: &'a mut Connection, sql: &str, sighting: &'a mut Option<Sighting>) -> Rows<'a> {
    // The statement may end in a comment.
    let answers = connection.send(format!("{sql}\n; {}", own::topology::LOOK));
    let mut is_behind = false;
    let rows = answers.filter_map(move |piece| {
        let row = match piece {
            Ok(Piece::End(_)) => {
                is_behind = true;
                None
            }
            Ok(Piece::Row(row)) if is_behind => {
                *sighting = row.sighting();
                None
            }
            Ok(Piece::Row(row)) => Some(Ok(row)),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(row)
    });
    rows.boxed()
}

impl Execution<'_> {
    pub async fn read(&self, node: &ReadNode, sink: &mut impl RowSink) -> Result<(), QueryError> {
        let mut leases = Vec::new();
        for part in &node.parts {
            leases.push(self.lease(&part.shard).await?);
        }
        let mut sightings = vec![None; leases.len()];
        let in_snapshots = self.is_atomic && self.transaction.is_none() && node.parts.len() > 1;
        let started = Instant::now();
        let read = async {
            let found = match in_snapshots {
                true => self.read_in_snapshots(node, &mut leases, sink).await?,
                false => self.read_parts(node, &mut leases, &mut sightings, sink).await?,
            };
            match found {
                Found::Rows => Ok(()),
                Found::Nothing => self.empty(node, &mut leases, sink).await,
            }
        };
        let outcome = self.in_time(read).await;
        for part in &node.parts {
            self.metrics().asked_shard(&part.shard, started.elapsed(), outcome.as_ref().err().map(reason));
        }
        match &outcome {
            Ok(()) => {}
            // The server answered, so the connections are at rest; a scatter may have others half read.
            Err(QueryError::Database { .. } | QueryError::Moved(_)) if leases.len() == 1 => leases[0].done(),
            // A session's transaction lives on: what was not read is read before its next statement.
            Err(error) if self.transaction.is_some() && !error.is_of_connection() => {
                leases.iter_mut().for_each(Lease::done);
                return outcome;
            }
            Err(_) => return outcome,
        }
        for ((lease, part), sighting) in leases.iter_mut().zip(&node.parts).zip(sightings) {
            // Also after an error: it may come from rows that were moving away.
            match sighting {
                Some(sighting) => {
                    lease.done();
                    self.check_epoch(&part.shard, sighting)?;
                }
                None => self.in_time(self.recheck(&part.shard, lease, node.recheck)).await?,
            }
        }
        leases.iter_mut().for_each(Lease::done);
        outcome
    }

    /// Each shard's part as it is. `sightings` get what was seen of the shards behind their rows, if that matters and all
    /// rows were read.
    async fn read_parts(
        &self,
        node: &ReadNode,
        leases: &mut [Lease],
        sightings: &mut [Option<Sighting>],
        sink: &mut impl RowSink,
    ) -> Result<Found, QueryError> {
        let inputs = leases.iter_mut().zip(&node.parts).zip(sightings);
        let inputs = inputs.map(|((lease, part), sighting)| match node.recheck {
            true => rows_and_sighting(lease.begin(), &part.sql, sighting),
            false => lease.begin().rows(&part.sql),
        });
        self.merge(node, inputs.collect(), sink).await
    }

    pub async fn merge(
        &self,
        node: &ReadNode,
        mut inputs: Vec<Rows<'_>>,
        sink: &mut impl RowSink,
    ) -> Result<Found, QueryError> {
        // All shards work at once: each is asked for its first row before any is read on.
        let heads = join_all(inputs.iter_mut().map(StreamExt::next)).await;
        let mut firsts = Vec::new();
        for head in heads {
            firsts.push(head.transpose()?);
        }
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let Some(first) = firsts.iter().flatten().next() else { return Ok(Found::Nothing) };
        // Shards that a change of the schema has reached answer otherwise than those that it has not.
        if firsts.iter().flatten().any(|other| !first.has_names_of(other)) {
            return Err(QueryError::SchemaChanging);
        }
        let mut columns = first.describe(is_json);
        name_floats(&node.float_columns, &mut columns);
        super::gather::refuse_floats(&node.float_columns, &columns)?;
        let sources = Sources { inputs, firsts };
        match &node.merge {
            Merge::Concatenate(window) => {
                sink.columns(&columns)?;
                sources.concatenate(*window, sink).await?;
            }
            Merge::Ordered { keys, hidden, window } => {
                let visible = columns.len() - hidden;
                let keys = order_keys(keys, &columns)?;
                sink.columns(&columns[..visible])?;
                sources.merge_ordered(keys, visible, *window, sink).await?;
            }
            Merge::Grouped(grouping) => {
                let visible = columns.len() - grouping.hidden;
                sink.columns(&columns[..visible])?;
                let division = if self.is_mariadb() { Division::MARIADB } else { Division::MYSQL };
                sources.merge_grouped(grouping, &columns, division, self.max_held_rows, sink).await?;
            }
        }
        Ok(Found::Rows)
    }

    /// No row anywhere: the columns, if they matter, come from preparing the statement.
    async fn empty(&self, node: &ReadNode, leases: &mut [Lease], sink: &mut impl RowSink) -> Result<(), QueryError> {
        let (Some(lease), Some(part)) = (leases.first_mut(), node.parts.first()) else { return Ok(()) };
        if !sink.wants_empty_columns() {
            return Ok(());
        }
        let hidden = match &node.merge {
            Merge::Concatenate(_) => 0,
            Merge::Ordered { hidden, .. } => *hidden,
            Merge::Grouped(grouping) => grouping.hidden,
        };
        // What cannot be prepared (SHOW variants) has no columns to tell.
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let Ok(mut columns) = lease.begin().describe(&part.sql, is_json).await else { return sink.columns(&[]) };
        name_floats(&node.float_columns, &mut columns);
        sink.columns(&columns[..columns.len().saturating_sub(hidden)])
    }
}

/// The rows of all parts, each with its first row read.
struct Sources<'a> {
    inputs: Vec<Rows<'a>>,
    firsts: Vec<Option<ShardRow>>,
}

impl Sources<'_> {
    async fn next(&mut self, input: usize) -> Result<Option<ShardRow>, QueryError> {
        match self.firsts[input].take() {
            Some(row) => Ok(Some(row)),
            None => self.inputs[input].try_next().await,
        }
    }

    async fn concatenate(mut self, window: plan::Window, sink: &mut impl RowSink) -> Result<(), QueryError> {
        let mut window = Window::new(window.offset, window.limit);
        for input in 0..self.inputs.len() {
            // Rows beyond the window are still read: a connection with rows on the way cannot be used again.
            while let Some(row) = self.next(input).await? {
                if window.admits() {
                    sink.row(&row)?;
                }
            }
        }
        Ok(())
    }

    async fn merge_ordered(
        mut self,
        keys: Vec<OrderKey>,
        visible: usize,
        window: plan::Window,
        sink: &mut impl RowSink,
    ) -> Result<(), QueryError> {
        let mut window = Window::new(window.offset, window.limit);
        let mut merge = KWay::new(self.inputs.len(), keys);
        loop {
            while let Some(input) = merge.needs() {
                let row = self.next(input).await?;
                merge.offer(input, row);
            }
            match merge.pop() {
                None => return Ok(()),
                Some(row) if window.admits() => sink.row(&Cut { row: &row, visible })?,
                Some(_) => {}
            }
        }
    }

    async fn merge_grouped(
        mut self,
        grouping: &Grouping,
        columns: &[Column],
        division: Division,
        max_held_rows: usize,
        sink: &mut impl RowSink,
    ) -> Result<(), QueryError> {
        let keys = order_keys(&grouping.keys, columns)?.iter().map(|key| (key.index, key.compare)).collect();
        let aggregates =
            grouping.columns.iter().enumerate().map(|(index, combine)| aggregate(index, *combine, columns));
        let aggregates = aggregates.collect::<Result<Vec<Aggregate>, QueryError>>()?;
        let order = order_keys(&grouping.order, columns)?;
        let mut groups = Groups::new(keys, aggregates, columns, division, max_held_rows);
        for input in 0..self.inputs.len() {
            while let Some(row) = self.next(input).await? {
                groups.push(&row)?;
            }
        }
        let mut rows = groups.finish()?;
        rows.sort_by(|one, two| compare_rows(&order, one, two));
        let mut window = Window::new(grouping.window.offset, grouping.window.limit);
        let visible = columns.len() - grouping.hidden;
        for row in &rows {
            if window.admits() {
                sink.row(&Cut { row, visible })?;
            }
        }
        Ok(())
    }
}

/// A row without its hidden columns.
struct Cut<'a, R> {
    row: &'a R,
    visible: usize,
}

impl<R: Row> Row for Cut<'_, R> {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.row.cell(index)
    }

    fn len(&self) -> usize {
        self.visible
    }
}

fn order_keys(keys: &[MergeKey], columns: &[Column]) -> Result<Vec<OrderKey>, QueryError> {
    let resolve = |key: &MergeKey| {
        let index = match key.column {
            Position::FromStart(index) => index,
            Position::FromEnd(back) => columns.len().saturating_sub(back),
        };
        Ok(OrderKey { index, compare: compare_at(index, key.text, columns)?, descending: key.descending })
    };
    keys.iter().map(resolve).collect()
}

fn compare_at(index: usize, text: Option<Pad>, columns: &[Column]) -> Result<Compare, QueryError> {
    let column =
        columns.get(index).ok_or_else(|| QueryError::Internal("a merge key lies outside the row".to_owned()))?;
    // A FLOAT that was read as DOUBLE compares as one.
    let kind = if column.kind == Kind::Float { Kind::Double } else { column.kind };
    compare_for(kind, text).ok_or_else(|| {
        crate::sql::read::error::Unsupported::with_hint(
            format!("comparing {} over several shards", column.type_name),
            "use a number, a date, or a column under a utf8mb4 _bin collation",
        )
        .into()
    })
}

fn aggregate(index: usize, combine: Combine, columns: &[Column]) -> Result<Aggregate, QueryError> {
    Ok(match combine {
        Combine::First => Aggregate::First { index },
        Combine::Count => Aggregate::Count { index },
        Combine::Sum => Aggregate::Sum { index },
        Combine::Min { text } => Aggregate::Min { index, compare: compare_at(index, text, columns)? },
        Combine::Max { text } => Aggregate::Max { index, compare: compare_at(index, text, columns)? },
        Combine::Avg { sum, count } => Aggregate::Avg { sum, count },
    })
}
