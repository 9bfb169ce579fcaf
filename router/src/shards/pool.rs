//! What keeps connections to a shard: how they are opened, and looked at before they serve again.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use keyspace::endpoint::Endpoint;
use keyspace::topology::ShardId;

use super::client::Connection;

/// After this long without use a connection is pinged before it serves again. Shorter than what the scaler waits for
/// before it ends idle sessions at the end of a move, which is at least 4 s.
pub const IDLE_BEFORE_PING: Duration = Duration::from_secs(3);
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// After this long without a statement the server closes a connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

pub struct Opener {
    pub shard: ShardId,
    pub endpoint: Endpoint,
}

pub struct Open {
    pub connection: Connection,
    /// Something was left on it that the next user could see.
    pub is_stained: bool,
}

impl Manager for Opener {
    type Type = Open;
    /// Why there is no connection.
    type Error = String;

    async fn create(&self) -> Result<Open, String> {
        let connection = Connection::open(&self.shard, &self.endpoint, &waits()).await?;
        Ok(Open { connection, is_stained: false })
    }

    async fn recycle(&self, open: &mut Open, metrics: &Metrics) -> RecycleResult<String> {
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
