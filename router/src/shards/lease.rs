//! A connection in somebody's hands: for one statement, or kept by a transaction from one to the next.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool::managed::Object;
use door::Client;
use futures_util::future::BoxFuture;
use keyspace::endpoint::Endpoint;
use keyspace::topology::{Shard, ShardId};
use tokio::sync::OwnedSemaphorePermit;

use super::client::Connection;
use super::pool::{CONNECT_TIMEOUT, Opener};
use crate::bulkheads::Place;
use crate::error::QueryError;

/// How long a server that works needs at most to end a statement that it was told to end, and to say what came of it.
pub const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a connection takes of its shard's.
#[derive(Default)]
pub struct Places {
    pub _client: Option<OwnedSemaphorePermit>,
    pub _transaction: Option<(OwnedSemaphorePermit, Place<Client>)>,
}

/// A connection taken from its pool. It goes back only if nothing was left half done on it: dropping a lease during
/// a statement closes the connection and ends the statement on the server.
pub struct Lease {
    shard: ShardId,
    object: Option<Object<Opener>>,
    busy: bool,
    endpoint: Endpoint,
    /// Where it goes back to, if not to its pool.
    keeper: Option<Arc<Mutex<Kept>>>,
    places: Places,
}

impl Lease {
    pub fn new(shard: &Shard, object: Object<Opener>, places: Places) -> Lease {
        let (endpoint, shard) = (shard.endpoint.clone(), shard.id.clone());
        Lease { shard, object: Some(object), busy: false, endpoint, keeper: None, places }
    }

    /// The connection, for work that [`Lease::done`] declares finished.
    pub fn begin(&mut self) -> &mut Connection {
        self.busy = true;
        &mut self.object.as_mut().expect("the object leaves in drop only").connection
    }

    /// Runs statements whose rows do not matter. The lease stays busy.
    pub async fn run(&mut self, sql: &str) -> Result<(), QueryError> {
        self.begin().run(sql).await.map(drop)
    }

    /// Every answer was read and no transaction is open, or its owner goes on with it: the next user may have the
    /// connection.
    pub fn done(&mut self) {
        self.busy = false;
    }

    /// The next user of the pool gets another connection: what runs on this one may leave something there.
    pub fn stain(&mut self) {
        self.object.as_mut().expect("the object leaves in drop only").is_stained = true;
    }

    /// What ends this connection's statement from another one.
    pub fn killer(&self) -> Killer {
        Killer { endpoint: self.endpoint.clone(), id: self.object.as_ref().map_or(0, |object| object.connection.id()) }
    }

    /// Keeps the connection, with its open transaction, for one statement after another.
    pub fn keep(mut self) -> Keeper {
        let kept = Kept { object: self.object.take(), lost: false, _places: std::mem::take(&mut self.places) };
        let kept = Arc::new(Mutex::new(kept));
        let keeper = Keeper { shard: self.shard.clone(), kept, endpoint: self.endpoint.clone() };
        self.busy = false;
        keeper
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match (&self.keeper, self.busy) {
            (Some(keeper), false) => keeper.lock().expect("no holder of this lock panics").object = self.object.take(),
            (None, false) => {}
            (keeper, true) => {
                if let Some(keeper) = keeper {
                    keeper.lock().expect("no holder of this lock panics").lost = true;
                }
                let killer = self.killer();
                if let Some(object) = self.object.take() {
                    drop(Object::take(object));
                    spawn(async move { killer.kill("CONNECTION").await });
                }
            }
        }
    }
}

/// Runs a task of no importance, if there is still a runtime to run it.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(task);
    }
}

/// A connection that a transaction holds. Dropping it closes the connection, and what was not committed is undone.
pub struct Keeper {
    shard: ShardId,
    kept: Arc<Mutex<Kept>>,
    endpoint: Endpoint,
}

struct Kept {
    object: Option<Object<Opener>>,
    /// Something was left half done on it.
    lost: bool,
    _places: Places,
}

impl Keeper {
    /// The connection for one statement; `None` if it is lost or in use.
    pub fn borrow(&self) -> Option<Lease> {
        let object = self.kept.lock().expect("no holder of this lock panics").object.take()?;
        let keeper = Some(self.kept.clone());
        let (shard, endpoint) = (self.shard.clone(), self.endpoint.clone());
        Some(Lease { shard, object: Some(object), busy: false, endpoint, keeper, places: Places::default() })
    }

    /// Asks the server for a sign of life; without one the connection is lost.
    pub async fn ping(&self) {
        let Some(mut lease) = self.borrow() else { return };
        let ping = tokio::time::timeout(CONNECT_TIMEOUT, lease.begin().ping()).await;
        if matches!(ping, Ok(Ok(()))) {
            lease.done();
        }
    }

    pub fn is_lost(&self) -> bool {
        self.kept.lock().expect("no holder of this lock panics").lost
    }

    /// Gives the connection back to its pool: no transaction is open on it.
    pub fn release(self) {
        drop(self.kept.lock().expect("no holder of this lock panics").object.take());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut lease) = self.borrow() {
            lease.keeper = None;
            lease.busy = true;
        }
    }
}

pub struct Killer {
    endpoint: Endpoint,
    id: u64,
}

/// How work on a connection ended that had a deadline.
pub enum Ending<T> {
    InTime(T),
    /// After its deadline, when the server had been told to end it. The end may still come to the next statement, so
    /// that the connection cannot be used any more.
    Told(T),
    /// There is no answer, and nobody knows whether the server goes on with it.
    Silent,
}

impl Killer {
    /// Waits for work on the connection that must not be abandoned: at its deadline it is ended on the server, which has
    /// [`LAST_WORDS`] to say what came of it.
    pub async fn see_out<T>(&self, deadline: Instant, mut work: BoxFuture<'_, T>) -> Ending<T> {
        if let Ok(outcome) = tokio::time::timeout_at(deadline.into(), &mut work).await {
            return Ending::InTime(outcome);
        }
        let told = async { tokio::join!(self.kill("QUERY"), work).1 };
        tokio::time::timeout(LAST_WORDS, told).await.map_or(Ending::Silent, Ending::Told)
    }

    async fn kill(&self, what: &str) {
        let kill = format!("KILL {what} {}", self.id);
        let attempt = Connection::run_apart(&self.endpoint, &kill);
        // Best effort: a server that does not answer ends the statement with its connection.
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, attempt).await;
    }
}

/// Waits for what a shard that works answers within moments.
pub async fn answered<T>(
    shard: &ShardId,
    answer: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, QueryError> {
    tokio::time::timeout(LAST_WORDS, answer).await.unwrap_or_else(|_| {
        Err(QueryError::ShardUnavailable { shard: shard.clone(), cause: format!("no answer within {LAST_WORDS:?}") })
    })
}
