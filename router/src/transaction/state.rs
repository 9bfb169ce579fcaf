//! A transaction in progress: which shards take part, and how far each is.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::future::join_all;
use keyspace::mysql;
use keyspace::own;
use keyspace::recovery::xid::Xid;
use keyspace::topology::ShardId;

use super::branch::{Branch, prepare};
use crate::error::QueryError;
use crate::shards::Lease;

/// A transaction in progress. Dropping it undoes it: its connections are closed.
pub struct Transaction {
    pub(super) number: String,
    pub(super) branches: Vec<Branch>,
    /// In the order in which they were set.
    pub(super) savepoints: Vec<String>,
}

impl Transaction {
    /// A shard whose connection broke: the transaction can only be undone.
    pub fn lost(&self) -> Option<&ShardId> {
        self.branches.iter().find(|branch| branch.keeper.is_lost()).map(|branch| &branch.shard)
    }

    /// Asks the servers whether their connections still stand; [`Transaction::lost`] then tells.
    pub async fn ping(&self) {
        join_all(self.branches.iter().map(|branch| branch.keeper.ping())).await;
    }

    /// Whether anything was sent to any shard.
    pub fn has_begun(&self) -> bool {
        self.branches.iter().any(|branch| branch.opening.is_none())
    }

    pub fn shards(&self) -> impl Iterator<Item = &ShardId> {
        self.branches.iter().map(|branch| &branch.shard)
    }

    pub fn takes_part(&self, shard: &ShardId) -> bool {
        self.branch(shard).is_some()
    }

    fn branch(&self, shard: &ShardId) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.shard == *shard)
    }

    fn branch_mut(&mut self, shard: &ShardId) -> Option<&mut Branch> {
        self.branches.iter_mut().find(|branch| branch.shard == *shard)
    }

    pub fn has_written(&self) -> bool {
        self.branches.iter().any(|branch| branch.wrote)
    }

    /// Whether temporary tables can be made on a shard's connection: MySQL has none under XA.
    pub fn may_make_tables(&self, shard: &ShardId) -> bool {
        self.branches.first().is_none_or(|first| first.shard == *shard)
    }

    pub fn has_written_on(&self, shard: &ShardId) -> bool {
        self.branch(shard).is_some_and(|branch| branch.wrote)
    }

    /// Adds a shard, on a connection without a transaction.
    pub fn enlist(&mut self, shard: &ShardId, lease: Lease) {
        let xid = self.branches.first().map(|first| Xid::new(&self.number, &first.shard));
        let begin = xid.as_ref().map_or("BEGIN".to_owned(), |xid| format!("XA START {xid}"));
        let savepoints = self.savepoints.iter().map(|name| format!("SAVEPOINT {name}"));
        let opening = Some([begin].into_iter().chain(savepoints).collect());
        let keeper = lease.keep();
        self.branches.push(Branch {
            shard: shard.clone(),
            keeper,
            xid,
            wrote: false,
            is_prepared: false,
            fences: BTreeSet::new(),
            opening,
        });
    }

    /// The connection of a shard that takes part, and what must be sent before the next statement on it.
    pub fn connection(&mut self, shard: &ShardId) -> Result<(Lease, Vec<String>), QueryError> {
        let branch = self.branch_mut(shard);
        let branch = branch.ok_or_else(|| QueryError::Internal(format!("{shard} takes no part")))?;
        let lease = branch.keeper.borrow().ok_or_else(|| QueryError::ConnectionBroke {
            shard: shard.clone(),
            cause: "in an earlier statement".to_owned(),
        })?;
        Ok((lease, branch.opening.take().unwrap_or_default()))
    }

    /// Notes that a shard has written.
    pub fn wrote(&mut self, shard: &ShardId) {
        if let Some(branch) = self.branch_mut(shard) {
            branch.wrote = true;
        }
    }

    /// The shards that have written.
    pub(super) fn writers(&self) -> Vec<ShardId> {
        self.branches.iter().filter(|branch| branch.wrote).map(|branch| branch.shard.clone()).collect()
    }

    /// What the last statement of all, which runs on `shard`, is followed by, so that its branch is prepared with it;
    /// `None` for the shard that decides.
    pub fn seal(&mut self, shard: &ShardId) -> Option<String> {
        self.wrote(shard);
        let xid = self.branch(shard)?.xid.as_ref()?;
        Some(prepare(&own::commits::insert(&self.number, &self.writers()), xid))
    }

    /// Notes that it was.
    pub fn sealed(&mut self, shard: &ShardId) {
        if let Some(branch) = self.branch_mut(shard) {
            branch.is_prepared = branch.xid.is_some();
        }
    }

    /// Those of `fences` on a shard that the transaction does not hold yet. More of them may be needed later: moves
    /// begin while a transaction is open.
    pub fn fences_to_take(&self, shard: &ShardId, mut fences: Vec<u8>) -> Vec<u8> {
        fences.retain(|fence| !self.branch(shard).is_some_and(|branch| branch.fences.contains(fence)));
        fences
    }

    /// Records that the transaction holds fences on a shard until it ends. Only after the shard has answered: a lock
    /// that was not given in time leaves the transaction alive.
    pub fn holds_fences(&mut self, shard: &ShardId, fences: Vec<u8>) {
        if let Some(branch) = self.branch_mut(shard) {
            branch.fences.extend(fences);
        }
    }

    /// Runs a statement without an answer on every shard that has begun.
    async fn run_everywhere(&self, sql: &str, deadline: Instant) -> Result<(), QueryError> {
        let begun = self.branches.iter().filter(|branch| branch.opening.is_none());
        let outcomes = join_all(begun.map(|branch| branch.run(sql, deadline))).await;
        outcomes.into_iter().collect()
    }

    /// Sets a savepoint on all shards, also on those that take part later.
    pub async fn set_savepoint(&mut self, name: &str, deadline: Instant) -> Result<(), QueryError> {
        self.run_everywhere(&format!("SAVEPOINT {name}"), deadline).await?;
        for branch in &mut self.branches {
            if let Some(opening) = &mut branch.opening {
                opening.push(format!("SAVEPOINT {name}"));
            }
        }
        // A second one of the same name takes the place of the first.
        self.savepoints.retain(|other| !other.eq_ignore_ascii_case(name));
        self.savepoints.push(name.to_owned());
        Ok(())
    }

    /// Undoes everything since a savepoint; `false` if there is none of this name.
    pub async fn roll_back_to(&mut self, name: &str, deadline: Instant) -> Result<bool, QueryError> {
        let Some(position) = self.savepoints.iter().position(|other| other.eq_ignore_ascii_case(name)) else {
            return Ok(false);
        };
        let undo = format!("ROLLBACK TO SAVEPOINT {name}; {}", mysql::REAL_CLOCK);
        self.run_everywhere(&undo, deadline).await?;
        self.savepoints.truncate(position + 1);
        Ok(true)
    }

    /// Forgets a savepoint and those set after it; `false` if there is none of this name.
    pub async fn release_savepoint(&mut self, name: &str, deadline: Instant) -> Result<bool, QueryError> {
        let Some(position) = self.savepoints.iter().position(|other| other.eq_ignore_ascii_case(name)) else {
            return Ok(false);
        };
        self.run_everywhere(&format!("RELEASE SAVEPOINT {name}"), deadline).await?;
        self.savepoints.truncate(position);
        Ok(true)
    }
}
