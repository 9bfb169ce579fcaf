//! Unique indexes over several shards.

use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::mysql::er;
use keyspace::schema::quote;
use keyspace::topology::ShardId;

use super::{Execution, at_rest_after_answer};
use crate::error::QueryError;
use crate::plan::WriteNode;
use crate::shards::Lease;
use crate::sql::read::error::Unsupported;
use crate::transaction::Transaction;

/// How long a shard may take to say whether its rows have ids.
const PATIENCE: Duration = Duration::from_secs(1);

impl Execution<'_> {
    /// Whether rows have any of these ids, on any shard: they came past every router, or the transaction made them.
    ///
    /// A shard that does not say so soon has none: whoever asks has an error of a duplicate in hand, which is as true.
    pub async fn are_in_use(&self, table: &str, column: &str, ids: &RangeInclusive<u64>) -> bool {
        let (table, column) = (quote(table), quote(column));
        let look = format!("SELECT 1 FROM {table} WHERE {column} BETWEEN {} AND {} LIMIT 1", ids.start(), ids.end());
        let looks = self.view.topology.shards().iter().map(async |shard| {
            let apart = tokio::time::timeout(PATIENCE, async { finds(self.pooled(&shard.id).await?, &look).await });
            // What the transaction did itself is seen on its own connection alone, and nothing newer than its snapshot.
            matches!(apart.await, Ok(Ok(true))) || self.finds_in_transaction(&shard.id, &look).await
        });
        join_all(looks).await.contains(&true)
    }

    async fn finds_in_transaction(&self, shard: &ShardId, look: &str) -> bool {
        let Some(transaction) = self.transaction else { return false };
        if !transaction.lock().await.has_written_on(shard) {
            return false;
        }
        let found = self.in_time(async { finds(self.lease(shard).await?, look).await });
        found.await.unwrap_or(false)
    }

    /// Looks on every shard for the values that were written into unique indexes that each shard enforces for its own
    /// rows only. The looks lock what they find, and the gap where it would be; what is leaving a shard stays until the
    /// transaction ends, or is somewhere else already and the statement runs again.
    pub async fn check_unique(&self, node: &WriteNode, transaction: &mut Transaction) -> Result<(), QueryError> {
        let Some(uniqueness) = &node.uniqueness else { return Ok(()) };
        let mut counts = vec![0u32; uniqueness.probes.len()];
        for part in &uniqueness.parts {
            let mut lease = self.begun(&part.shard, transaction).await?;
            self.hold_fences(&mut lease, &part.shard, transaction).await?;
            let rows = lease.begin().fetch_all(&part.sql).await?;
            lease.done();
            for row in rows {
                let index = row.text(0).and_then(|index| index.parse::<usize>().ok());
                if let Some(count) = index.and_then(|index| counts.get_mut(index)) {
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
            errno: er::DUP_ENTRY,
            sqlstate: "23000".to_owned(),
            message: format!("Duplicate entry '{}' for key '{}'", probe.entry, probe.index),
        })
    }
}

/// Whether a query has a row. On a shard that is only joining its table may be missing.
async fn finds(mut lease: Lease, query: &str) -> Result<bool, QueryError> {
    let found = lease.begin().fetch_first(query).await;
    at_rest_after_answer(&mut lease, &found);
    Ok(found?.is_some())
}
