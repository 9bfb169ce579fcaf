//! Fences: how a write keeps the cutovers of what it writes off until its transaction ends.

use keyspace::mysql::er;
use keyspace::own;
use keyspace::topology::ShardId;

use super::{Execution, at_rest_after_answer};
use crate::error::QueryError;
use crate::shards::Lease;
use crate::transaction::Transaction;

impl Execution<'_> {
    /// Takes a shared lock on the fences of everything that is leaving the shard: the cutovers wait until the transaction
    /// ends. Fails once one is over ([`moved`]), so that nothing that follows in the same go is run. `None` if nothing
    /// leaves.
    pub fn look_at_fences(&self, shard: &ShardId) -> Option<String> {
        let fences = self.view.topology.fences_of(shard);
        (!fences.is_empty()).then(|| own::fence::hold(&fences))
    }

    /// Holds the cutovers of everything that is leaving the shard off until the transaction ends, if it does not yet; fails
    /// if one is over.
    pub async fn hold_fences(
        &self,
        lease: &mut Lease,
        shard: &ShardId,
        transaction: &mut Transaction,
    ) -> Result<(), QueryError> {
        let Some(look) = self.look_at_fences(shard).filter(|_| transaction.takes_fence(shard)) else { return Ok(()) };
        let taken = lease.run(&look).await.map_err(moved);
        at_rest_after_answer(lease, &taken);
        taken.map(drop)
    }
}

/// What an error of [`Execution::look_at_fences`] means.
pub fn moved(error: QueryError) -> QueryError {
    match error {
        QueryError::Database { shard, errno: er::DATA_OUT_OF_RANGE, .. } => QueryError::Moved(shard),
        other => other,
    }
}
