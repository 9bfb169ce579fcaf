//! Connections to the shards, kept in pools that do not ping on every return (notes: a ping doubles a point read).

pub mod client;
mod lease;
mod pool;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError, TimeoutType, Timeouts};
use door::Client;
use keyspace::endpoint::Endpoint;
use keyspace::topology::{Shard, ShardId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::lease::Places;
pub use self::lease::{Ending, Keeper, LAST_WORDS, Lease, answered};
pub use self::pool::IDLE_BEFORE_PING;
use self::pool::{CONNECT_TIMEOUT, Opener};
use crate::bulkheads::{Shares, share_of};
use crate::error::QueryError;

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

impl Shards {
    pub fn new(max_connections: usize, queue_timeout: Duration) -> Shards {
        Shards { pools: Mutex::new(HashMap::new()), max_connections, queue_timeout }
    }

    /// A connection to a shard, for a client's statement, if there is one before the deadline.
    pub async fn lease_for_client(&self, shard: &Shard, deadline: Instant) -> Result<Lease, QueryError> {
        let place = self.place(shard, &self.pool(shard)).await?;
        self.lease_with(Places { _client: Some(place), _transaction: None }, shard, deadline).await
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
        let places = Places { _client: Some(client), _transaction: Some((transaction, place)) };
        self.lease_with(places, shard, deadline).await
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
        self.lease_with(Places::default(), shard, deadline).await
    }

    async fn lease_with(&self, places: Places, shard: &Shard, deadline: Instant) -> Result<Lease, QueryError> {
        let unavailable = |cause: String| QueryError::ShardUnavailable { shard: shard.id.clone(), cause };
        let object = tokio::time::timeout_at(deadline.into(), self.pool(shard).pool.get()).await;
        let object = object.map_err(|_| unavailable("no connection in the statement's time".to_owned()))?;
        let object = object.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => self.all_in_use(shard),
            PoolError::Backend(error) => unavailable(error),
            PoolError::Timeout(_) => unavailable("no answer within 3 s".to_owned()),
            other => unavailable(other.to_string()),
        })?;
        Ok(Lease::new(shard, object, places))
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
                let pool = Pool::builder(Opener { shard: shard.id.clone(), endpoint: shard.endpoint.clone() })
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
