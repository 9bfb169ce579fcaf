//! Fences: how a write keeps the cutovers of what it writes off until its transaction ends.

use keyspace::mysql::er;
use keyspace::own;
use keyspace::topology::ShardId;

use super::{Execution, at_rest_after_answer};
use crate::error::QueryError;
use crate::shards::Lease;
use crate::transaction::Transaction;

impl Execution<'_> {
    /// Holds the cutovers of everything that is leaving the shard off until the transaction ends, as far as it does not
    /// hold them off yet; fails if one is over.
    pub async fn hold_fences(
        &self,
        lease: &mut Lease,
        shard: &ShardId,
        transaction: &mut Transaction,
    ) -> Result<(), QueryError> {
        let fences = transaction.fences_to_take(shard, self.view.topology.fences_of(shard));
        let Some(look) = look_at(&fences) else { return Ok(()) };
        let taken = lease.run(&look).await.map_err(moved);
        at_rest_after_answer(lease, &taken);
        taken?;
        transaction.holds_fences(shard, fences);
        Ok(())
    }
}

/// Takes a shared lock on fences of the shard that it runs on: their cutovers wait until the transaction ends. Fails
/// once one is over ([`moved`]), so that nothing that follows in the same go is run. `None` for no fences.
pub fn look_at(fences: &[u8]) -> Option<String> {
    (!fences.is_empty()).then(|| own::fence::hold(fences))
}

/// What an error of [`look_at`] means.
pub fn moved(error: QueryError) -> QueryError {
    match error {
        QueryError::Database { shard, errno: er::DATA_OUT_OF_RANGE, .. } => QueryError::Moved(shard),
        other => other,
    }
}
