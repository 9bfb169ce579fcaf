//! Unique indexes over several shards.

use keyspace::mysql::er;

use super::Execution;
use crate::error::QueryError;
use crate::plan::WriteNode;
use crate::sql::read::error::Unsupported;
use crate::transaction::Transaction;

impl Execution<'_> {
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
