//! One transaction over several shards: all of it happens, or nothing does.
//!
//! The first shard that takes part decides (a last agent): it runs an ordinary transaction, the others branches under
//! XA. To commit, the others prepare; then the first one commits, together with a row in `_autoscaler.commits` that
//! holds the transaction's number: this commit is the decision. Then the others commit. Whoever finds a prepared branch
//! later learns from its name whom to ask ([`recovery`]).
//!
//! ```text
//! Executing ─▶ Preparing ─▶ Deciding ══▶ Finishing ─▶ (settled: its rows in `commits` are deleted)
//!      └───────────┴───────────┴──▶ rolled back
//! ```
//! The double line is the point of no return.
//!
//! Every writing branch commits such a row with its own rows, so that a reader sees from a shard's snapshot which
//! transactions it holds ([`markers`]).

pub mod markers;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use keyspace::mysql;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::recovery;
use keyspace::recovery::Verdict;
use keyspace::recovery::xid::Xid;
use keyspace::topology::Shard;
use keyspace::topology::{ShardId, Topology};
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::Semaphore;

use self::markers::Settled;
use crate::error::QueryError;
use crate::faults::Faults;
use crate::faults::Point;
use crate::metrics::Metrics;
use crate::shards::{Keeper, LAST_WORDS, Lease, Shards};

/// How long a commit whose answer was lost is asked after before the client hears that nobody knows.
const ASKING: Duration = Duration::from_secs(5);
/// What each step of a commit may take that begins shortly before its statement's time is over.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// How long rows stay when all participants have committed.
const RETENTION: Duration = Duration::from_millis(500);

/// What transactions of one router share.
pub struct Coordinator {
    pub shards: Shards,
    pub metrics: Metrics,
    pub faults: Faults,
    /// Distinguishes this run of this router from all others.
    run: String,
    next: AtomicU64,
    settled: Mutex<Vec<Settled>>,
    /// Whoever changes the schema, one of this router at a time.
    pub turn_to_define: Arc<Semaphore>,
}

/// A transaction in progress. Dropping it undoes it: its connections are closed.
pub struct Transaction {
    number: String,
    branches: Vec<Branch>,
    /// In the order in which they were set.
    savepoints: Vec<String>,
}

struct Branch {
    shard: ShardId,
    keeper: Keeper,
    /// Set for all but the first.
    xid: Option<Xid>,
    wrote: bool,
    is_prepared: bool,
    /// The fences of moves from here that it holds until it ends.
    fences: BTreeSet<u8>,
    /// What begins it, to be sent with its first statement.
    opening: Option<Vec<String>>,
}

impl Coordinator {
    pub fn new(shards: Shards, metrics: Metrics, faults: Faults) -> Coordinator {
        // The standard library seeds each of these from the system's randomness.
        let run = RandomState::new().build_hasher().finish();
        Coordinator {
            shards,
            metrics,
            faults,
            run: format!("{run:016x}"),
            next: AtomicU64::new(1),
            settled: Mutex::new(Vec::new()),
            turn_to_define: Arc::new(Semaphore::new(1)),
        }
    }

    pub fn begin(&self) -> Transaction {
        let number = format!("{}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed));
        Transaction { number, branches: Vec::new(), savepoints: Vec::new() }
    }

    /// Has the rows of transactions deleted that have been settled for long enough. Each shard does so in its own time;
    /// what one does not do, recovery finds again.
    pub fn delete_settled(self: &Arc<Self>, topology: &Topology) {
        let due: Vec<Settled> = {
            let mut settled = self.settled.lock().expect("no holder of this lock panics");
            settled.extract_if(.., |settled| settled.at.elapsed() >= RETENTION).collect()
        };
        let mut by_shard: BTreeMap<&ShardId, Vec<String>> = BTreeMap::new();
        for settled in &due {
            for shard in &settled.shards {
                by_shard.entry(shard).or_default().push(settled.number.clone());
            }
        }
        for (shard, numbers) in by_shard {
            let Some(known) = topology.shard(shard).cloned() else { continue };
            let coordinator = self.clone();
            tokio::spawn(async move {
                for batch in numbers.chunks(100) {
                    if let Err(error) = coordinator.delete_markers(&known, batch).await {
                        tracing::debug!(shard = %known.id, %error, "markers stay for now");
                        return;
                    }
                }
            });
        }
    }

    async fn delete_markers(&self, shard: &Shard, numbers: &[String]) -> Result<(), QueryError> {
        let deadline = Instant::now() + LAST_WORDS;
        let mut lease = self.shards.lease(shard, deadline).await?;
        let delete = lease.begin().execute(sqlx::raw_sql(AssertSqlSafe(own::commits::delete(numbers))));
        mysql::within(LAST_WORDS, delete).await.map_err(|error| QueryError::of_shard(&shard.id, error))?;
        lease.done();
        Ok(())
    }

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
        mut transaction: Transaction,
        topology: Arc<Topology>,
        deadline: Instant,
    ) -> Result<(), QueryError> {
        let number = transaction.number.clone();
        let written = transaction.writers();
        let marker = own::commits::insert(&number, &written);
        let until_prepared = at_least(deadline);
        let coordinator = &self;
        let prepares = transaction.branches.iter().filter(|branch| branch.wrote).filter_map(|branch| {
            let xid = branch.xid.as_ref()?;
            let prepare = prepare(&marker, xid);
            Some(async move {
                if !branch.is_prepared {
                    branch.run(&prepare, until_prepared).await?;
                }
                coordinator.metrics.branch("prepared");
                coordinator.faults.reach(Point::BranchPrepared).await;
                Ok::<(), QueryError>(())
            })
        });
        let prepared = join_all(prepares).await;
        if let Some(error) = prepared.into_iter().find_map(Result::err) {
            self.roll_back(transaction).await;
            return Err(given_up(error));
        }
        self.faults.reach(Point::Prepared).await;
        let decider = &transaction.branches[0];
        if let Err((error, ended)) = decider.run_counting(&format!("{marker}; COMMIT"), at_least(deadline)).await {
            let _ = decider.run("ROLLBACK", Instant::now() + LAST_WORDS).await;
            let is_refused = ended == 0 && matches!(error, QueryError::Database { .. });
            let verdict = match is_refused {
                // Its row was not written, and nobody else can write it.
                true => Some(Verdict::Aborted),
                false => self.ask(&number, &decider.shard, &topology).await,
            };
            match verdict {
                Some(Verdict::Committed) => {}
                Some(Verdict::Aborted) => {
                    self.roll_back(transaction).await;
                    return Err(given_up(error));
                }
                None => {
                    self.metrics.transaction("unknown");
                    let shard = decider.shard.clone();
                    return Err(QueryError::OutcomeUnknown { shard, cause: error.to_string() });
                }
            }
        }
        self.faults.reach(Point::Decided).await;
        // The deciding shard has a marker whether it wrote anything else or not.
        let mut marked = written;
        let decider = transaction.branches.remove(0);
        if !marked.contains(&decider.shard) {
            marked.push(decider.shard.clone());
        }
        decider.keeper.release();
        let (writers, readers): (Vec<Branch>, Vec<Branch>) =
            transaction.branches.drain(..).partition(|branch| branch.wrote);
        self.metrics.transaction("committed");
        let coordinator = self.clone();
        let finishing = tokio::spawn(async move {
            let finished = join_all(writers.into_iter().map(|branch| coordinator.finish(branch, &topology))).await;
            coordinator.end(Transaction { branches: readers, ..transaction }).await;
            if finished.into_iter().all(|finished| finished) {
                coordinator.settled.lock().expect("no holder of this lock panics").push(Settled::new(number, marked));
            }
            coordinator.faults.reach(Point::Finished).await;
        });
        // It is decided, and nothing that a shard does or leaves undone changes that.
        let _ = tokio::time::timeout_at(at_least(deadline).into(), finishing).await;
        Ok(())
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

    /// Undoes a transaction and begins another one in its place, with the same savepoints.
    pub async fn begin_anew(&self, transaction: &mut Transaction) {
        let anew = Transaction { savepoints: transaction.savepoints.clone(), ..self.begin() };
        self.end(std::mem::replace(transaction, anew)).await;
    }

    /// Undoes everything. Connections on which that fails are closed, which undoes what is not prepared; what is
    /// prepared is found by recovery.
    pub async fn roll_back(&self, transaction: Transaction) {
        if !transaction.branches.is_empty() {
            self.metrics.transaction("rolled_back");
        }
        self.end(transaction).await;
    }

    /// Ends branches that wrote nothing, or whose writes are not to be.
    async fn end(&self, transaction: Transaction) {
        let deadline = Instant::now() + LAST_WORDS;
        let endings = transaction.branches.into_iter().map(|branch| async move {
            if branch.opening.is_some() {
                // It never began.
                branch.keeper.release();
                return;
            }
            let ended = match &branch.xid {
                None => branch.run(&format!("ROLLBACK; {}", mysql::REAL_CLOCK), deadline).await,
                Some(xid) => {
                    // It fails if the branch is prepared or the server has given it up.
                    let _ = branch.run(&format!("XA END {xid}"), deadline).await;
                    branch.run(&format!("XA ROLLBACK {xid}; {}", mysql::REAL_CLOCK), deadline).await
                }
            };
            match ended {
                Ok(()) => branch.keeper.release(),
                Err(error) => tracing::debug!(shard = %branch.shard, %error, "a branch ends with its connection"),
            }
        });
        join_all(endings).await;
    }
}

/// The deadline of a step of a commit.
fn at_least(deadline: Instant) -> Instant {
    deadline.max(Instant::now() + LEAST_TIME)
}

/// What a branch prepares with.
fn prepare(marker: &str, xid: &Xid) -> String {
    format!("{marker}; XA END {xid}; XA PREPARE {xid}")
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
    fn writers(&self) -> Vec<ShardId> {
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

impl Branch {
    /// Runs statements without answers. If the shard has not answered by the deadline the connection is lost.
    async fn run(&self, sql: &str, deadline: Instant) -> Result<(), QueryError> {
        self.run_counting(sql, deadline).await.map_err(|(error, _)| error)
    }

    /// An error comes with the number of statements before the one that failed.
    async fn run_counting(&self, sql: &str, deadline: Instant) -> Result<(), (QueryError, usize)> {
        let lost = |cause: &str| QueryError::ConnectionBroke { shard: self.shard.clone(), cause: cause.to_owned() };
        let mut lease = self.keeper.borrow().ok_or_else(|| (lost("in an earlier statement"), 0))?;
        let mut ended = 0;
        let outcome = {
            let mut results = lease.begin().execute_many(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
            loop {
                match tokio::time::timeout_at(deadline.into(), results.try_next()).await {
                    Ok(Ok(Some(_))) => ended += 1,
                    Ok(Ok(None)) => break Ok(()),
                    Ok(Err(error)) => break Err((QueryError::of_shard(&self.shard, error), ended)),
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
