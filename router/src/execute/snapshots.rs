//! Snapshots of several shards that hold each transaction whole or not at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use keyspace::own::commits::BEGIN_SNAPSHOT;
use keyspace::recovery;
use keyspace::topology::ShardId;

use super::read::Found;
use super::{Execution, RowSink};
use crate::error::QueryError;
use crate::plan::ReadNode;
use crate::shards::Lease;
use crate::shards::client::{Answers, Piece, failure, only_rows};
use crate::transaction::markers::{self, Markers};

/// Looks that meet a transaction half-way before its participants are asked what became of it.
const QUICK_LOOKS: u32 = 5;

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
            let begun = join_all(shards.iter_mut().map(|(_, lease)| async {
                let mut answers = lease.begin().send(BEGIN_SNAPSHOT);
                let markers = markers_of(&mut answers).await?;
                drain(answers).await?;
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
            let answers = leases.iter_mut().zip(&node.parts).map(|(lease, part)| {
                // The statement may end in a comment.
                lease.begin().send(format!("{BEGIN_SNAPSHOT}; {}\n; COMMIT", part.sql))
            });
            let mut answers: Vec<Answers> = answers.collect();
            let begun = join_all(answers.iter_mut().map(markers_of))
                .await
                .into_iter()
                .collect::<Result<Vec<Markers>, QueryError>>()?;
            let apart = started.elapsed();
            let snapshots: Vec<(&ShardId, &Markers)> = node.parts.iter().map(|part| &part.shard).zip(&begun).collect();
            if self.are_whole(&snapshots, apart, &mut looks).await {
                return self.merge(node, answers.into_iter().map(only_rows).collect(), sink).await;
            }
            join_all(answers.into_iter().map(drain)).await.into_iter().collect::<Result<(), QueryError>>()?;
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
            let found = recovery::prepared(lease.begin().for_keyspace()).await;
            let found = found.map_err(|error| failure(shard, error))?;
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
async fn markers_of(answers: &mut Answers<'_>) -> Result<Markers, QueryError> {
    let mut markers = Markers::new();
    let mut ended = 0;
    while ended < 2 {
        match answers.try_next().await? {
            Some(Piece::End(_)) => ended += 1,
            Some(Piece::Row(row)) => {
                markers.insert(row.needed_text(0)?.to_owned(), row.needed_text(1)?.to_owned());
            }
            None => break,
        }
    }
    Ok(markers)
}

async fn drain(mut answers: Answers<'_>) -> Result<(), QueryError> {
    while answers.try_next().await?.is_some() {}
    Ok(())
}
