//! Connections to the shards, kept in pools that do not ping on every return (notes: a ping doubles a point read).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use door::Client;
use futures_util::future::BoxFuture;
use keyspace::endpoint::Endpoint;
use keyspace::mysql;
use keyspace::topology::{Shard, ShardId};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bulkheads::{Place, Shares, share_of};
use crate::error::QueryError;

/// After this long without use a connection is pinged before it serves again. Shorter than what the scaler waits for
/// before it ends idle sessions at the end of a move, which is at least 4 s.
pub const IDLE_BEFORE_PING: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a server that works needs at most to end a statement that it was told to end, and to say what came of it.
pub const LAST_WORDS: Duration = Duration::from_secs(5);
/// After this long without a statement the server closes a connection.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// One pool per shard and endpoint.
pub struct Shards {
    pools: Mutex<HashMap<ShardId, ShardPool>>,
    max_connections: usize,
    queue_timeout: Duration,
}

/// Connections for what the router itself has to do, which never waits for clients: ends of transactions, DDL.
const RESERVE: usize = 4;

#[derive(Clone)]
struct ShardPool {
    endpoint: Endpoint,
    pool: Pool<Opener>,
    /// Places of clients' statements and sessions.
    clients: Arc<Semaphore>,
    /// Places of sessions' transactions, of which each client has a share.
    transactions: Arc<Semaphore>,
    transactions_of: Arc<Shares<Client>>,
}

/// What a connection takes of its shard's.
#[derive(Default)]
struct Places {
    _client: Option<OwnedSemaphorePermit>,
    _transaction: Option<(OwnedSemaphorePermit, Place<Client>)>,
}

struct Opener {
    endpoint: Endpoint,
}

struct Open {
    connection: MySqlConnection,
    id: u64,
    /// Something was left on it that the next user could see.
    is_stained: bool,
}

impl Manager for Opener {
    type Type = Open;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Open, sqlx::Error> {
        let mut connection = mysql::connect(&self.endpoint).await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(waits()))).await?;
        let row = connection.fetch_one(sqlx::raw_sql("SELECT CONNECTION_ID()")).await?;
        Ok(Open { id: row.try_get_unchecked(0)?, connection, is_stained: false })
    }

    async fn recycle(&self, open: &mut Open, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if open.is_stained {
            return Err(RecycleError::message("a statement may have left something on it"));
        }
        if metrics.last_used() > IDLE_BEFORE_PING {
            open.connection.ping().await.map_err(RecycleError::Backend)?;
        }
        Ok(())
    }
}

/// How long a connection's statements wait for locks, and how long it may idle.
///
/// No server sees a deadlock over several of them: waiting ends before the statement's own timeout of 30 s. A transaction
/// of a router that stands still is rolled back by its server long before anybody forgets that it was given up
/// ([`keyspace::recovery`]).
fn waits() -> String {
    format!("SET SESSION innodb_lock_wait_timeout = 10, SESSION wait_timeout = {}", IDLE_TIMEOUT.as_secs())
}

impl Shards {
    pub fn new(max_connections: usize, queue_timeout: Duration) -> Shards {
        Shards { pools: Mutex::new(HashMap::new()), max_connections, queue_timeout }
    }

    /// A connection to a shard, for a client's statement, if there is one before the deadline.
    pub async fn lease_for_client(&self, shard: &Shard, deadline: Instant) -> Result<Lease, QueryError> {
        let place = self.place(shard, &self.pool(shard)).await?;
        let mut lease = self.lease(shard, deadline).await?;
        lease.places._client = Some(place);
        Ok(lease)
    }

    /// A connection to a shard, for the transaction of a client's session, which keeps it while the client thinks:
    /// some are left to statements of their own.
    pub async fn lease_for_session(
        &self,
        shard: &Shard,
        client: Client,
        deadline: Instant,
    ) -> Result<Lease, QueryError> {
        let pool = self.pool(shard);
        let most = share_of(self.max_connections);
        let of_client = share_of(most);
        let Some(place) = pool.transactions_of.enter(&client, of_client) else {
            return Err(QueryError::Overloaded(format!(
                "{of_client} transactions of your client are open on {} already (of {most} for all sessions)",
                shard.id
            )));
        };
        let transaction = tokio::time::timeout(self.queue_timeout, pool.transactions.clone().acquire_owned()).await;
        let Ok(Ok(transaction)) = transaction else {
            return Err(QueryError::Overloaded(format!(
                "{most} transactions of sessions are open on {} already (three quarters of \
                 limits.max_connections_per_shard)",
                shard.id
            )));
        };
        let client = self.place(shard, &pool).await?;
        let mut lease = self.lease(shard, deadline).await?;
        lease.places = Places { _client: Some(client), _transaction: Some((transaction, place)) };
        Ok(lease)
    }

    async fn place(&self, shard: &Shard, pool: &ShardPool) -> Result<OwnedSemaphorePermit, QueryError> {
        match tokio::time::timeout(self.queue_timeout, pool.clients.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(self.all_in_use(shard)),
        }
    }

    fn all_in_use(&self, shard: &Shard) -> QueryError {
        QueryError::Overloaded(format!(
            "all {} connections to {} are in use (limits.max_connections_per_shard)",
            self.max_connections, shard.id
        ))
    }

    /// A connection to a shard, for the router's own work, if there is one before the deadline: it waits for no client's.
    pub async fn lease(&self, shard: &Shard, deadline: Instant) -> Result<Lease, QueryError> {
        let unavailable = |cause: String| QueryError::ShardUnavailable { shard: shard.id.clone(), cause };
        let object = tokio::time::timeout_at(deadline.into(), self.pool(shard).pool.get()).await;
        let object = object.map_err(|_| unavailable("no connection in the statement's time".to_owned()))?;
        let object = object.map_err(|error| match error {
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => self.all_in_use(shard),
            PoolError::Backend(error) => unavailable(error.to_string()),
            PoolError::Timeout(_) => unavailable("no answer within 3 s".to_owned()),
            other => unavailable(other.to_string()),
        })?;
        Ok(Lease {
            shard: shard.id.clone(),
            object: Some(object),
            busy: false,
            endpoint: shard.endpoint.clone(),
            keeper: None,
            places: Places::default(),
        })
    }

    /// Drops every idle connection to a shard: its server went away, and so did its sessions.
    pub fn forget(&self, shard: &ShardId) {
        let pools = self.pools.lock().expect("no holder of this lock panics");
        if let Some(ShardPool { pool, .. }) = pools.get(shard) {
            pool.retain(|_, _| false);
        }
    }

    /// In-use and idle connections of each shard.
    pub fn counts(&self) -> Vec<(ShardId, usize, usize)> {
        let pools = self.pools.lock().expect("no holder of this lock panics");
        let count = |(id, known): (&ShardId, &ShardPool)| {
            let status = known.pool.status();
            (id.clone(), status.size.saturating_sub(status.available), status.available)
        };
        pools.iter().map(count).collect()
    }

    fn pool(&self, shard: &Shard) -> ShardPool {
        let mut pools = self.pools.lock().expect("no holder of this lock panics");
        match pools.get(&shard.id) {
            Some(known) if known.endpoint == shard.endpoint => known.clone(),
            _ => {
                let pool = Pool::builder(Opener { endpoint: shard.endpoint.clone() })
                    .max_size(self.max_connections + RESERVE)
                    .timeouts(Timeouts {
                        wait: Some(self.queue_timeout),
                        create: Some(CONNECT_TIMEOUT),
                        recycle: Some(CONNECT_TIMEOUT),
                    })
                    .runtime(Runtime::Tokio1)
                    .build()
                    .expect("a runtime is given, which timeouts need");
                let known = ShardPool {
                    endpoint: shard.endpoint.clone(),
                    pool,
                    clients: Arc::new(Semaphore::new(self.max_connections)),
                    transactions: Arc::new(Semaphore::new(share_of(self.max_connections))),
                    transactions_of: Arc::default(),
                };
                pools.insert(shard.id.clone(), known.clone());
                known
            }
        }
    }
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
    /// The connection, for work that [`Lease::done`] declares finished.
    pub fn begin(&mut self) -> &mut MySqlConnection {
        self.busy = true;
        &mut self.object.as_mut().expect("the object leaves in drop only").connection
    }

    /// Runs statements without answers. The lease stays busy.
    pub async fn run(&mut self, sql: &str) -> Result<(), QueryError> {
        let outcome = self.begin().execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
        outcome.map(drop).map_err(|error| QueryError::of_shard(&self.shard, error))
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
        Killer { endpoint: self.endpoint.clone(), id: self.object.as_ref().map_or(0, |object| object.id) }
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
        let attempt = async {
            let mut connection = MySqlConnection::connect_with(&self.endpoint.connect_options()).await?;
            connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL {what} {}", self.id)))).await?;
            connection.close().await
        };
        // Best effort: a server that does not answer ends the statement with its connection.
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, attempt).await;
    }
}
