//! How a router is set up, and what it spends on its clients.

use std::time::Duration;

use door::DoorLimits;
use keyspace::endpoint::Login;
use keyspace::recovery::PATIENCE;
use keyspace::schema::Layout;
use keyspace::topology::Shard;

use crate::faults::Faults;

#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Shards to find the topology on, or to make the first one of; in shard order.
    pub seeds: Vec<Shard>,
    /// The account that routers have on every shard. `None`: the seeds' logins are used as they are.
    pub account: Option<Login>,
    pub layout: Layout,
    pub limits: Limits,
    pub faults: Faults,
}

/// What one router spends on a client at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a request, 16 MiB.
    pub max_body_bytes: u64,
    /// Of an answer, 100,000.
    pub max_result_rows: u64,
    /// Of an answer, 64 MiB.
    pub max_result_bytes: u64,
    /// Groups that a merge may hold at once, 1,000,000.
    pub max_held_rows: usize,
    /// Of a statement, 250,000: an INSERT of 1 MB has 200,000.
    pub max_statement_tokens: usize,
    /// 30 s.
    pub statement_timeout: Duration,
    /// 512 at a time.
    pub max_concurrent_queries: usize,
    /// 32.
    pub max_connections_per_shard: usize,
    /// How long a query may wait for its turn or for a connection, 1 s.
    pub queue_timeout: Duration,
    /// 1,000.
    pub max_sessions: usize,
    /// After this long without a statement a session ends, and its transaction is rolled back, 30 s.
    pub session_idle_timeout: Duration,
    /// What the router holds for all clients together: bodies, statements, answers, rows and sessions, 96 MiB.
    pub max_memory_bytes: usize,
    /// How long a part of a transaction may be in doubt before it is brought to its end, 5 s.
    pub in_doubt_timeout: Duration,
    /// Connections of clients, and how long they may take.
    pub http: DoorLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_body_bytes: 16 << 20,
            max_result_rows: 100_000,
            max_result_bytes: 64 << 20,
            max_held_rows: 1_000_000,
            max_statement_tokens: 250_000,
            statement_timeout: Duration::from_secs(30),
            max_concurrent_queries: 512,
            max_connections_per_shard: 32,
            queue_timeout: Duration::from_secs(1),
            max_sessions: 1_000,
            session_idle_timeout: Duration::from_secs(30),
            max_memory_bytes: 96 << 20,
            in_doubt_timeout: PATIENCE,
            http: DoorLimits::default(),
        }
    }
}

impl Limits {
    /// Statements that copy rows to the home shard at a time.
    pub fn most_gathers(&self) -> usize {
        (self.max_connections_per_shard / 4).max(1)
    }
}
