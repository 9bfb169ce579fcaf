//! Runs a plan: statements out, rows in, merged on the way to the client.

mod gather;
mod snapshots;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use door::Client;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use keyspace::literal::Kind;
use keyspace::mysql;
use keyspace::own;
use keyspace::own::topology::Sighting;
use keyspace::topology::ShardId;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Either, Row as _, Statement as _};
use tokio::sync::Mutex;

pub use self::write::REAL_CLOCK;
use crate::cells::{Column, Row, columns_from, columns_of};
use crate::error::QueryError;
use crate::merge::aggregate::{Aggregate, Groups};
use crate::merge::compare::{Compare, OrderKey, Pad, compare_for, compare_rows};
use crate::merge::decimal::Division;
use crate::merge::order::{KWay, Window};
use crate::metrics::Metrics;
use crate::plan::{self, Combine, Grouping, Merge, MergeKey, Position, ReadNode};
use crate::shards::Lease;
use crate::transaction::{Coordinator, Transaction};
use crate::watch::{View, Watch};

/// Takes an answer, row by row. One front door of the router implements it, others can.
pub trait RowSink: Send {
    /// Called once before the first row, and not at all if there is no row and `wants_empty_columns` is false.
    fn columns(&mut self, columns: &[Column]) -> Result<(), QueryError>;
    fn row<R: Row>(&mut self, row: &R) -> Result<(), QueryError>;
    /// Forgets everything taken so far: the statement runs again.
    fn reset(&mut self);
    /// Whether columns matter although there is no row.
    fn wants_empty_columns(&self) -> bool;
}

/// What a write did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub rows_affected: u64,
    pub last_insert_id: Option<u64>,
}

/// What running a plan needs.
pub struct Execution<'a> {
    pub coordinator: &'a Arc<Coordinator>,
    pub watch: &'a Watch,
    pub view: &'a View,
    /// The open transaction of a session: everything runs in it.
    pub transaction: Option<&'a Mutex<Transaction>>,
    /// Whether reads lock rows.
    pub locks: bool,
    /// Whether reads over several shards see each transaction whole or not at all.
    pub is_atomic: bool,
    /// The statement may leave something on its connections.
    pub stains: bool,
    pub max_held_rows: usize,
    pub client: Client,
    pub deadline: Instant,
    pub timeout: Duration,
}

/// Whether any shard had a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Rows,
    Nothing,
}

type Rows<'a> = BoxStream<'a, Result<MySqlRow, sqlx::Error>>;

/// The rows of a statement; what is seen of the shard right behind them comes in the same answer.
fn rows_and_sighting<'a>(
    connection: &'a mut MySqlConnection,
    sql: &str,
    sighting: &'a mut Option<Sighting>,
) -> Rows<'a> {
    // The statement may end in a comment.
    let text = format!("{sql}\n; {}", own::topology::LOOK);
    let mut is_behind = false;
    let results = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(connection);
    let rows = results.filter_map(move |result| {
        let row = match result {
            Ok(Either::Left(_)) => {
                is_behind = true;
                None
            }
            Ok(Either::Right(row)) if is_behind => {
                *sighting = own::topology::sighting_of(&row).ok();
                None
            }
            Ok(Either::Right(row)) => Some(Ok(row)),
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
            false => sqlx::raw_sql(AssertSqlSafe(part.sql.clone())).fetch(lease.begin()),
        });
        self.merge(node, inputs.collect(), sink).await
    }

    async fn merge(
        &self,
        node: &ReadNode,
        mut inputs: Vec<Rows<'_>>,
        sink: &mut impl RowSink,
    ) -> Result<Found, QueryError> {
        // All shards work at once: each is asked for its first row before any is read on.
        let heads = join_all(inputs.iter_mut().map(StreamExt::next)).await;
        let mut firsts = Vec::new();
        for (head, part) in heads.into_iter().zip(&node.parts) {
            firsts.push(head.transpose().map_err(|error| QueryError::of_shard(&part.shard, error))?);
        }
        let is_json = |table: &str, column: &str| self.view.schema.is_json(table, column);
        let Some(first) = firsts.iter().flatten().next() else { return Ok(Found::Nothing) };
        if firsts.iter().flatten().any(|other| !has_same_columns(first, other)) {
            return Err(QueryError::SchemaChanging);
        }
        let mut columns = columns_of(first, is_json);
        name_floats(&node.float_columns, &mut columns);
        gather::refuse_floats(&node.float_columns, &columns)?;
        let sources = Sources { node, inputs, firsts };
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

    fn is_mariadb(&self) -> bool {
        self.view.schema.is_mariadb()
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
        let Ok(prepared) = mysql::prepare(lease.begin(), &part.sql).await else { return sink.columns(&[]) };
        let mut columns = columns_from(prepared.columns(), |table, column| self.view.schema.is_json(table, column));
        name_floats(&node.float_columns, &mut columns);
        sink.columns(&columns[..columns.len().saturating_sub(hidden)])
    }

    /// What the parser does not understand may be a mistake, which the server names better.
    pub async fn check_syntax(&self, text: &str) -> Result<(), QueryError> {
        let home = &self.view.topology.home().id;
        let mut lease = self.lease(home).await?;
        let prepare = async {
            let prepared = mysql::prepare(lease.begin(), text).await;
            prepared.map_err(|error| QueryError::of_shard(home, error))
        };
        let prepared = self.in_time(prepare).await;
        if matches!(prepared, Ok(_) | Err(QueryError::Database { .. })) {
            lease.done();
        }
        match prepared {
            // MariaDB says of an unknown type that it is none.
            Err(error @ QueryError::Database { errno: 1064 | 4161, .. }) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Fails if rows may have moved since the plan was made.
    ///
    /// Where nothing moves, what was seen of the shard lately says enough: rows change owner more than 5 s after that is
    /// announced. But a statement can take longer until it has run, if the router was stopped or the network stood still.
    async fn recheck(&self, shard: &ShardId, lease: &mut Lease, is_moving: bool) -> Result<(), QueryError> {
        if !is_moving && self.watch.is_confirmed_at(shard, self.view.topology.epoch()) {
            return Ok(());
        }
        let sighting = own::topology::look(lease.begin())
            .await
            .map_err(|error| QueryError::ConnectionBroke { shard: shard.clone(), cause: error.to_string() })?;
        let checked = sighting.map_or(Ok(()), |sighting| self.check_epoch(shard, sighting));
        if checked.is_err() {
            lease.done();
        }
        checked
    }

    fn check_epoch(&self, shard: &ShardId, sighting: Sighting) -> Result<(), QueryError> {
        match sighting.epoch > self.view.topology.epoch() {
            true => Err(QueryError::Moved(shard.clone())),
            false => Ok(()),
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.coordinator.metrics
    }

    /// A connection for a read: that of the session's transaction, if one is open.
    async fn lease(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        let Some(transaction) = self.transaction else { return self.pooled(shard).await };
        let begin = async {
            let (mut lease, opening) = self.enlisted(shard, &mut *transaction.lock().await).await?;
            for statement in opening {
                lease.run(&statement).await?;
            }
            if self.locks {
                self.hold_fences(&mut lease, shard, &mut *transaction.lock().await).await?;
            }
            lease.done();
            Ok(lease)
        };
        self.in_time(begin).await
    }

    /// A connection without a transaction.
    async fn pooled(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        let known = self.view.topology.shard(shard);
        let known = known.ok_or_else(|| QueryError::Internal(format!("{shard} is not in the topology")))?;
        let lease = self.coordinator.shards.lease_for_client(known, self.deadline).await?;
        Ok(self.stained(lease))
    }

    /// A connection for the transaction of a session, or for a write that is one by itself.
    async fn for_transaction(&self, shard: &ShardId) -> Result<Lease, QueryError> {
        if self.transaction.is_none() {
            return self.pooled(shard).await;
        }
        let known = self.view.topology.shard(shard);
        let known = known.ok_or_else(|| QueryError::Internal(format!("{shard} is not in the topology")))?;
        let lease = self.coordinator.shards.lease_for_session(known, self.client, self.deadline).await?;
        Ok(self.stained(lease))
    }

    fn stained(&self, mut lease: Lease) -> Lease {
        if self.stains {
            lease.stain();
        }
        lease
    }

    /// For reads, and whatever else is undone with the connections that it takes.
    ///
    /// The work is put in a box: as a part of the future of whoever waits for it, it would be there several times.
    fn in_time<'a, T>(
        &'a self,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'a,
    ) -> impl Future<Output = Result<T, QueryError>> + Send + 'a
    where
        T: Send + 'a,
    {
        let in_time = tokio::time::timeout_at(self.deadline.into(), work.boxed());
        async move { in_time.await.unwrap_or_else(|_| Err(self.timed_out())) }
    }

    fn timed_out(&self) -> QueryError {
        QueryError::Timeout { milliseconds: self.timeout.as_millis() }
    }
}

/// Shards that a change of the schema has reached answer otherwise than those that it has not.
fn has_same_columns(one: &MySqlRow, two: &MySqlRow) -> bool {
    let names = |row: &MySqlRow| row.columns().iter().map(|column| column.name().to_owned()).collect::<Vec<_>>();
    names(one) == names(two)
}

/// What is read as DOUBLE to be exact is a FLOAT to the client.
fn name_floats(float_columns: &[usize], columns: &mut [Column]) {
    for &index in float_columns {
        if let Some(column) = columns.get_mut(index) {
            column.kind = Kind::Float;
            column.type_name = "FLOAT".to_owned();
        }
    }
}

/// A server that has answered waits for the next statement of the transaction.
fn at_rest_after_answer<T>(lease: &mut Lease, outcome: &Result<T, QueryError>) {
    if matches!(outcome, Ok(_) | Err(QueryError::Database { .. } | QueryError::Moved(_))) {
        lease.done();
    }
}

fn reason(error: &QueryError) -> &'static str {
    match error {
        QueryError::Database { .. } => "database",
        QueryError::Moved(_) => "moved",
        QueryError::Timeout { .. } => "timeout",
        _ => "connection",
    }
}

/// The rows of all parts, each with its first row read.
struct Sources<'a> {
    node: &'a ReadNode,
    inputs: Vec<Rows<'a>>,
    firsts: Vec<Option<MySqlRow>>,
}

impl Sources<'_> {
    async fn next(&mut self, input: usize) -> Result<Option<MySqlRow>, QueryError> {
        match self.firsts[input].take() {
            Some(row) => Ok(Some(row)),
            None => {
                let next = self.inputs[input].try_next().await;
                next.map_err(|error| QueryError::of_shard(&self.node.parts[input].shard, error))
            }
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
        crate::sql::statement::Unsupported::with_hint(
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
