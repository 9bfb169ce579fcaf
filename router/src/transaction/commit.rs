//! Commits: a write on one shard as it is, on several in two phases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::recovery;
use keyspace::recovery::Verdict;
use keyspace::topology::{ShardId, Topology};

use super::branch::{Branch, prepare};
use super::coordinator::Coordinator;
use super::markers::Settled;
use super::state::Transaction;
use crate::error::QueryError;
use crate::faults::Point;
use crate::shards::LAST_WORDS;

/// How long a commit whose answer was lost is asked after before the client hears that nobody knows.
const ASKING: Duration = Duration::from_secs(5);
/// What each step of a commit may take that begins shortly before its statement's time is over.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// What the shard that decides says.
enum Decision {
    Commit,
    /// Why nothing was done.
    RollBack(QueryError),
    Unknown(QueryError),
}

impl Coordinator {
    /// Commits. Goes on if the caller is dropped: once decided, a transaction is carried to its end.
    ///
    /// What is not prepared at the deadline is rolled back. The decision is waited for a few seconds longer, as only its
    /// shard can tell it. A branch on a shard that stands still behind it is committed later; the caller hears of the
    /// decision.
    ///
    /// # Errors
    /// All but [`QueryError::OutcomeUnknown`] mean that nothing happened and nothing will.
    pub async fn commit(
        self: &Arc<Self>,
        transaction: Transaction,
        topology: Arc<Topology>,
        deadline: Instant,
    ) -> Result<(), QueryError> {
        let coordinator = self.clone();
        let task = tokio::spawn(async move { coordinator.commit_here(transaction, topology, deadline).await });
        task.await.unwrap_or_else(|error| Err(QueryError::Internal(format!("a commit broke off: {error}"))))
    }

    async fn commit_here(
        self: Arc<Self>,
        mut transaction: Transaction,
        topology: Arc<Topology>,
        deadline: Instant,
    ) -> Result<(), QueryError> {
        if let Some(shard) = transaction.lost() {
            let shard = shard.clone();
            self.roll_back(transaction).await;
            return Err(QueryError::ConnectionBroke { shard, cause: "in an earlier statement".to_owned() });
        }
        let writers = transaction.branches.iter().filter(|branch| branch.wrote).count();
        if writers > 1 {
            return self.commit_several(transaction, topology, deadline).await;
        }
        let position = transaction.branches.iter().position(|branch| branch.wrote);
        if let Some(position) = position {
            let branch = &transaction.branches[position];
            let commit = match &branch.xid {
                None => "COMMIT".to_owned(),
                Some(xid) => format!("XA END {xid}; XA COMMIT {xid} ONE PHASE"),
            };
            if let Err(error) = branch.run(&commit, at_least(deadline)).await {
                let error = match error {
                    QueryError::ConnectionBroke { shard, cause } => QueryError::OutcomeUnknown { shard, cause },
                    other => other,
                };
                self.roll_back(transaction).await;
                return Err(error);
            }
            transaction.branches.remove(position).keeper.release();
        }
        self.end(transaction).await;
        Ok(())
    }

    async fn commit_several(
        self: Arc<Self>,
        transaction: Transaction,
        topology: Arc<Topology>,
        deadline: Instant,
    ) -> Result<(), QueryError> {
        let marker = own::commits::insert(&transaction.number, &transaction.writers());
        if let Err(error) = self.prepare(&transaction, &marker, at_least(deadline)).await {
            self.roll_back(transaction).await;
            return Err(given_up(error));
        }
        self.faults.reach(Point::Prepared).await;
        match self.decide(&transaction, &marker, &topology, at_least(deadline)).await {
            Decision::Commit => {}
            Decision::RollBack(error) => {
                self.roll_back(transaction).await;
                return Err(given_up(error));
            }
            Decision::Unknown(error) => {
                self.metrics.transaction("unknown");
                return Err(error);
            }
        }
        self.faults.reach(Point::Decided).await;
        self.metrics.transaction("committed");
        let finishing = tokio::spawn(self.finish_all(transaction, topology));
        // It is decided, and nothing that a shard does or leaves undone changes that.
        let _ = tokio::time::timeout_at(at_least(deadline).into(), finishing).await;
        Ok(())
    }

    /// Has every branch prepare that wrote, but for the one that decides.
    async fn prepare(&self, transaction: &Transaction, marker: &str, deadline: Instant) -> Result<(), QueryError> {
        let branches = transaction.branches.iter().filter(|branch| branch.wrote);
        let prepares = branches.filter_map(|branch| Some((branch, prepare(marker, branch.xid.as_ref()?))));
        let prepared = join_all(prepares.map(|(branch, prepare)| async move {
            if !branch.is_prepared {
                branch.run(&prepare, deadline).await?;
            }
            self.metrics.branch("prepared");
            self.faults.reach(Point::BranchPrepared).await;
            Ok(())
        }));
        prepared.await.into_iter().collect()
    }

    /// Commits on the first shard.
    async fn decide(
        &self,
        transaction: &Transaction,
        marker: &str,
        topology: &Topology,
        deadline: Instant,
    ) -> Decision {
        let decider = &transaction.branches[0];
        let Err((error, ended)) = decider.run_counting(&format!("{marker}; COMMIT"), deadline).await else {
            return Decision::Commit;
        };
        let _ = decider.run("ROLLBACK", Instant::now() + LAST_WORDS).await;
        if ended == 0 && matches!(error, QueryError::Database { .. }) {
            // Its row was not written, and nobody else can write it.
            return Decision::RollBack(error);
        }
        match self.ask(&transaction.number, &decider.shard, topology).await {
            Some(Verdict::Committed) => Decision::Commit,
            Some(Verdict::Aborted) => Decision::RollBack(error),
            None => {
                Decision::Unknown(QueryError::OutcomeUnknown { shard: decider.shard.clone(), cause: error.to_string() })
            }
        }
    }

    /// Commits what is prepared of a transaction that is decided.
    async fn finish_all(self: Arc<Self>, mut transaction: Transaction, topology: Arc<Topology>) {
        let number = transaction.number.clone();
        // The deciding shard has a marker whether it wrote anything else or not.
        let mut marked = transaction.writers();
        let decider = transaction.branches.remove(0);
        if !marked.contains(&decider.shard) {
            marked.push(decider.shard.clone());
        }
        decider.keeper.release();
        let (writers, readers): (Vec<Branch>, Vec<Branch>) =
            transaction.branches.drain(..).partition(|branch| branch.wrote);
        let finished = join_all(writers.into_iter().map(|branch| self.finish(branch, &topology))).await;
        self.end(Transaction { branches: readers, ..transaction }).await;
        if finished.into_iter().all(|finished| finished) {
            self.settled.lock().expect("no holder of this lock panics").push(Settled::new(number, marked));
        }
        self.faults.reach(Point::Finished).await;
    }

    /// Commits a prepared branch of a transaction that is decided; false if that is left to recovery.
    async fn finish(&self, branch: Branch, topology: &Topology) -> bool {
        let Some(xid) = &branch.xid else { return true };
        let finished = match branch.run(&format!("XA COMMIT {xid}"), Instant::now() + LAST_WORDS).await {
            Ok(()) => {
                branch.keeper.release();
                true
            }
            Err(error) => {
                tracing::warn!(%xid, shard = %branch.shard, %error, "a branch is committed on another connection");
                let shard = branch.shard.clone();
                let xid = xid.clone();
                // MariaDB keeps a branch to its session as long as that lives.
                drop(branch);
                let deadline = Instant::now() + ASKING;
                let mut finished = false;
                while !finished && Instant::now() < deadline {
                    finished = match topology.shard(&shard) {
                        Some(shard) => recovery::finish(&shard.endpoint, &xid, Verdict::Committed).await.is_ok(),
                        None => break,
                    };
                    if !finished {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                finished
            }
        };
        if finished {
            self.metrics.branch("committed");
            self.faults.reach(Point::BranchCommitted).await;
        }
        finished
    }

    /// Whether a transaction was decided, making sure that it will not be if it was not. `None`: nobody knows.
    async fn ask(&self, number: &str, decider: &ShardId, topology: &Topology) -> Option<Verdict> {
        let endpoint = &topology.shard(decider)?.endpoint;
        let ask = async {
            loop {
                match recovery::verdict(endpoint, number).await {
                    Ok(verdict) => return verdict,
                    Err(error) => {
                        tracing::warn!(number, shard = %decider, %error, "asking whether a transaction was committed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        tokio::time::timeout(ASKING, ask).await.ok()
    }
}

/// The deadline of a step of a commit.
fn at_least(deadline: Instant) -> Instant {
    deadline.max(Instant::now() + LEAST_TIME)
}

/// What went wrong before the decision: whatever it was, nothing happened.
pub fn before_decision(error: QueryError) -> QueryError {
    match error {
        QueryError::OutcomeUnknown { shard, cause } => QueryError::ConnectionBroke { shard, cause },
        other => other,
    }
}

/// As [`before_decision`], of a statement that writes a marker: one that is there already was written by who gave the
/// transaction up.
fn given_up(error: QueryError) -> QueryError {
    match before_decision(error) {
        QueryError::Database { shard, errno: er::DUP_ENTRY, .. } => QueryError::GivenUp(shard),
        other => other,
    }
}
