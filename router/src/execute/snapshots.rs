//! Snapshots of several shards that hold each transaction whole or not at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use sqlx::Row as _;

use super::Execution;
use crate::error::QueryError;
use crate::shards::Lease;
use crate::topology::ShardId;
use crate::transaction::markers::{self, Markers};
use crate::transaction::recovery;

/// In one go: the snapshot is taken by the first statement, and the second one reads from it.
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; \
     SELECT xid, participants FROM _autoscaler.commits WHERE committed";

/// Looks that meet a transaction half-way before its participants are asked what became of it.
const QUICK_LOOKS: u32 = 5;

impl Execution<'_> {
    /// Begins a transaction on each shard. Their snapshots hold the same transactions over several shards, if reads are
    /// to be atomic.
    pub(super) async fn begin_snapshots(&self, shards: &mut [(&ShardId, &mut Lease)]) -> Result<(), QueryError> {
        // Those that are finished on every shard on which they were missed.
        let mut finished: BTreeSet<String> = BTreeSet::new();
        for look in 1u32.. {
            let started = Instant::now();
            let begun = join_all(shards.iter_mut().map(|(shard, lease)| begin(shard, lease))).await;
            let begun = begun.into_iter().collect::<Result<Vec<Markers>, QueryError>>()?;
            let apart = started.elapsed();
            if !self.is_atomic || shards.len() < 2 {
                return Ok(());
            }
            let snapshots: Vec<(&ShardId, &Markers)> = shards.iter().map(|(shard, _)| *shard).zip(&begun).collect();
            let mut torn = markers::torn(&snapshots);
            torn.retain(|number| !finished.contains(*number));
            // A transaction could have been begun, and its rows be deleted, between two snapshots.
            if torn.is_empty() && apart < markers::SETTLING / 2 {
                return Ok(());
            }
            self.metrics().reread();
            match look < QUICK_LOOKS {
                true => tokio::time::sleep(Duration::from_micros(200 << look)).await,
                false => {
                    let torn: Vec<String> = torn.into_iter().map(str::to_owned).collect();
                    finished.extend(self.without_branches(&torn).await);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        unreachable!("the statement's deadline ends the loop")
    }

    /// Those of the transactions of which no branch is left; branches that their router left behind are finished.
    async fn without_branches(&self, numbers: &[String]) -> Vec<String> {
        let mut with_branches = BTreeSet::new();
        for shard in self.view.topology.shards() {
            let look = async {
                let mut lease = self.pooled(&shard.id).await?;
                let found = recovery::prepared(lease.begin()).await;
                let found = found.map_err(|error| QueryError::of_shard(&shard.id, error))?;
                lease.done();
                Ok::<_, QueryError>(found)
            };
            // Nothing is known of the branches on a shard that cannot be asked.
            let Ok(found) = look.await else { return Vec::new() };
            for xid in found.into_iter().filter(|xid| numbers.iter().any(|number| number == xid.number())) {
                // It is decided, as its rows were seen. Bound to a session that lives, it is being finished.
                if recovery::resolve(&self.view.topology, &shard.id, &xid).await.is_err() {
                    with_branches.insert(xid.number().to_owned());
                }
            }
        }
        numbers.iter().filter(|number| !with_branches.contains(*number)).cloned().collect()
    }
}

async fn begin(shard: &ShardId, lease: &mut Lease) -> Result<Markers, QueryError> {
    let mut found = Markers::new();
    let mut rows = sqlx::raw_sql(BEGIN).fetch(lease.begin());
    loop {
        match rows.try_next().await.map_err(|error| QueryError::of_shard(shard, error)) {
            Ok(Some(row)) => {
                let text = |index: usize| {
                    let text: Result<String, sqlx::Error> = row.try_get_unchecked(index);
                    text.map_err(|error| QueryError::of_shard(shard, error))
                };
                found.insert(text(0)?, text(1)?.split(',').map(str::to_owned).collect());
            }
            Ok(None) => return Ok(found),
            // Where there is no such table nothing was ever committed with others.
            Err(QueryError::Database { errno: 1146, .. }) => return Ok(found),
            Err(error) => return Err(error),
        }
    }
}
