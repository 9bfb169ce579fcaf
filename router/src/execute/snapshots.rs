//! Snapshots of several shards that hold each transaction whole or not at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, future};
use keyspace::own::commits::BEGIN_SNAPSHOT;
use keyspace::recovery;
use keyspace::topology::ShardId;
use sqlx::mysql::{MySqlQueryResult, MySqlRow};
use sqlx::{AssertSqlSafe, Either, Row as _};

use super::read::{Found, Rows};
use super::{Execution, RowSink};
use crate::error::QueryError;
use crate::plan::ReadNode;
use crate::shards::Lease;
use crate::transaction::markers::{self, Markers};

/// Looks that meet a transaction half-way before its participants are asked what became of it.
const QUICK_LOOKS: u32 = 5;

/// The answers to several statements, one after another.
type Results<'a> = BoxStream<'a, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>>;

/// How often a read has looked, and what it found out.
#[derive(Default)]
struct Looks {
    count: u32,
    /// Transactions that are finished on every shard on which they were missed.
    finished: BTreeSet<String>,
}

impl Execution<'_> {
    /// Begins a transaction on each shard. Their snapshots hold the same transactions over several shards, if reads are
    /// to be atomic.
    pub(super) async fn begin_snapshots(&self, shards: &mut [(&ShardId, &mut Lease)]) -> Result<(), QueryError> {
        let mut looks = Looks::default();
        loop {
            let started = Instant::now();
            let begun = join_all(shards.iter_mut().map(|(shard, lease)| async {
                let mut results = sqlx::raw_sql(BEGIN_SNAPSHOT).fetch_many(lease.begin());
                let markers = markers_of(shard, &mut results).await?;
                drain(shard, results).await?;
                Ok::<_, QueryError>(markers)
            }));
            let begun = begun.await.into_iter().collect::<Result<Vec<Markers>, QueryError>>()?;
            let apart = started.elapsed();
            if !self.is_atomic || shards.len() < 2 {
                return Ok(());
            }
            let snapshots: Vec<(&ShardId, &Markers)> = shards.iter().map(|(shard, _)| *shard).zip(&begun).collect();
            if self.are_whole(&snapshots, apart, &mut looks).await {
                return Ok(());
            }
        }
    }

    /// Runs the parts in such snapshots; all of it is sent to each shard in one go.
    pub(super) async fn read_in_snapshots(
        &self,
        node: &ReadNode,
        leases: &mut [Lease],
        sink: &mut impl RowSink,
    ) -> Result<Found, QueryError> {
        let mut looks = Looks::default();
        loop {
            let started = Instant::now();
            let results = leases.iter_mut().zip(&node.parts).map(|(lease, part)| {
                // The statement may end in a comment.
                let text = format!("{BEGIN_SNAPSHOT}; {}\n; COMMIT", part.sql);
                sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(lease.begin())
            });
            let mut results: Vec<Results> = results.collect();
            let begun = results.iter_mut().zip(&node.parts).map(|(results, part)| markers_of(&part.shard, results));
            let begun = join_all(begun).await.into_iter().collect::<Result<Vec<Markers>, QueryError>>()?;
            let apart = started.elapsed();
            let snapshots: Vec<(&ShardId, &Markers)> = node.parts.iter().map(|part| &part.shard).zip(&begun).collect();
            if self.are_whole(&snapshots, apart, &mut looks).await {
                return self.merge(node, results.into_iter().map(only_rows).collect(), sink).await;
            }
            let drained = results.into_iter().zip(&node.parts).map(|(results, part)| drain(&part.shard, results));
            join_all(drained).await.into_iter().collect::<Result<(), QueryError>>()?;
        }
    }

    /// Whether snapshots hold the same transactions. If not, waits a little, and in the end finds out why.
    async fn are_whole(&self, snapshots: &[(&ShardId, &Markers)], apart: Duration, looks: &mut Looks) -> bool {
        let mut torn = markers::torn(snapshots);
        torn.retain(|number| !looks.finished.contains(*number));
        // A transaction could have been begun, and its rows be deleted, between two snapshots.
        if torn.is_empty() && apart < markers::SETTLING {
            return true;
        }
        self.metrics().reread();
        looks.count += 1;
        match looks.count < QUICK_LOOKS {
            true => tokio::time::sleep(Duration::from_micros(100 << looks.count)).await,
            false => {
                let torn: Vec<String> = torn.into_iter().map(str::to_owned).collect();
                let shards: Vec<&ShardId> = snapshots.iter().map(|(shard, _)| *shard).collect();
                looks.finished.extend(self.without_branches(&torn, &shards).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        false
    }

    /// Those of the transactions of which no branch is left on the shards that are read; branches that their router left
    /// behind are finished. Other shards are not asked: whatever is left there is not missed here.
    async fn without_branches(&self, numbers: &[String], shards: &[&ShardId]) -> Vec<String> {
        let looks = join_all(shards.iter().map(|shard| async move {
            let mut lease = self.pooled(shard).await?;
            let found = recovery::prepared(lease.begin()).await;
            let found = found.map_err(|error| QueryError::of_shard(shard, error))?;
            lease.done();
            Ok::<_, QueryError>(found)
        }));
        let mut with_branches = BTreeSet::new();
        for (shard, found) in shards.iter().zip(looks.await) {
            // Nothing is known of the branches on a shard that cannot be asked.
            let Ok(found) = found else { return Vec::new() };
            for xid in found.into_iter().filter(|xid| numbers.iter().any(|number| number == xid.number())) {
                // It is decided, as its rows were seen. Bound to a session that lives, it is being finished.
                if recovery::resolve(&self.view.topology, shard, &xid).await.is_err() {
                    with_branches.insert(xid.number().to_owned());
                }
            }
        }
        numbers.iter().filter(|number| !with_branches.contains(*number)).cloned().collect()
    }
}

/// Reads the answers to [`BEGIN_SNAPSHOT`] to the end of the second.
async fn markers_of(shard: &ShardId, results: &mut Results<'_>) -> Result<Markers, QueryError> {
    let mut markers = Markers::new();
    let mut ended = 0;
    while ended < 2 {
        match results.try_next().await.map_err(|error| QueryError::of_shard(shard, error))? {
            Some(Either::Left(_)) => ended += 1,
            Some(Either::Right(row)) => {
                let text = |index: usize| {
                    let text: Result<String, sqlx::Error> = row.try_get_unchecked(index);
                    text.map_err(|error| QueryError::of_shard(shard, error))
                };
                markers.insert(text(0)?, text(1)?);
            }
            None => break,
        }
    }
    Ok(markers)
}

fn only_rows(results: Results<'_>) -> Rows<'_> {
    results.try_filter_map(|result| future::ready(Ok(result.right()))).boxed()
}

async fn drain(shard: &ShardId, mut results: Results<'_>) -> Result<(), QueryError> {
    while results.try_next().await.map_err(|error| QueryError::of_shard(shard, error))?.is_some() {}
    Ok(())
}
