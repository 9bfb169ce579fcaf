//! One shard's part of a transaction.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::TryStreamExt;
use keyspace::mysql;
use keyspace::recovery::xid::Xid;
use keyspace::topology::ShardId;

use crate::error::QueryError;
use crate::shards::Keeper;
use crate::shards::client::Piece;

/// A shard that takes part.
pub struct Branch {
    pub shard: ShardId,
    pub keeper: Keeper,
    /// Set for all but the first.
    pub xid: Option<Xid>,
    pub wrote: bool,
    pub is_prepared: bool,
    /// The fences of moves from here that it holds until it ends.
    pub fences: BTreeSet<u8>,
    /// What begins it, to be sent with its first statement.
    pub opening: Option<Vec<String>>,
}

impl Branch {
    /// Undoes what is not prepared. A connection on which that fails is closed.
    pub async fn undo(self, deadline: Instant) {
        if self.opening.is_some() {
            // It never began.
            self.keeper.release();
            return;
        }
        let ended = match &self.xid {
            None => self.run(&format!("ROLLBACK; {}", mysql::REAL_CLOCK), deadline).await,
            Some(xid) => {
                // It fails if the branch is prepared or the server has given it up.
                let _ = self.run(&format!("XA END {xid}"), deadline).await;
                self.run(&format!("XA ROLLBACK {xid}; {}", mysql::REAL_CLOCK), deadline).await
            }
        };
        match ended {
            Ok(()) => self.keeper.release(),
            Err(error) => tracing::debug!(shard = %self.shard, %error, "a branch ends with its connection"),
        }
    }

    /// Runs statements without answers. If the shard has not answered by the deadline the connection is lost.
    pub async fn run(&self, sql: &str, deadline: Instant) -> Result<(), QueryError> {
        self.run_counting(sql, deadline).await.map_err(|(error, _)| error)
    }

    /// An error comes with the number of statements before the one that failed.
    pub async fn run_counting(&self, sql: &str, deadline: Instant) -> Result<(), (QueryError, usize)> {
        let lost = |cause: &str| QueryError::ConnectionBroke { shard: self.shard.clone(), cause: cause.to_owned() };
        let mut lease = self.keeper.borrow().ok_or_else(|| (lost("in an earlier statement"), 0))?;
        let mut ended = 0;
        let outcome = {
            let mut answers = lease.begin().send(sql);
            loop {
                match tokio::time::timeout_at(deadline.into(), answers.try_next()).await {
                    Ok(Ok(Some(Piece::End(_)))) => ended += 1,
                    Ok(Ok(Some(Piece::Row(_)))) => {}
                    Ok(Ok(None)) => break Ok(()),
                    Ok(Err(error)) => break Err((error, ended)),
                    Err(_) => break Err((lost("there was no answer in time"), ended)),
                }
            }
        };
        if matches!(outcome, Ok(()) | Err((QueryError::Database { .. } | QueryError::Moved(_), _))) {
            lease.done();
        }
        outcome
    }
}

/// What a branch prepares with.
pub fn prepare(marker: &str, xid: &Xid) -> String {
    format!("{marker}; XA END {xid}; XA PREPARE {xid}")
}
