//! Looks at one shard, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyspace::errors::chain;
use keyspace::mysql;
use keyspace::own;
use keyspace::topology::Shard;
use sqlx::mysql::MySqlConnection;

use crate::watch::desk::{Request, Requests};
use crate::watch::shared::{SeenShard, Shared};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
pub const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at a shard once a second, and at once for whoever asks. Each shard has a task of its own, with its own
/// connection: one that does not answer holds up nobody who asks about another.
pub async fn keep_looking(shared: Arc<Shared>, shard: Shard, mut requests: Requests<(), ()>) {
    let mut kept: Option<MySqlConnection> = None;
    let mut waiting: Vec<Request<(), ()>> = Vec::new();
    loop {
        // What is confirmed is confirmed as of here: before anything was sent.
        let asked = Instant::now();
        let looked = look(&shared, &shard, kept.take());
        match tokio::time::timeout(LOOK_TIMEOUT, looked).await {
            Ok(Ok((connection, look))) => {
                kept = Some(connection);
                shared.record_seen(&shard, asked, look);
            }
            Ok(Err(problem)) => tracing::debug!(shard = %shard.id, problem, "a shard did not answer"),
            Err(_) => tracing::debug!(shard = %shard.id, "a shard did not answer within 2 s"),
        }
        for request in std::mem::take(&mut waiting) {
            request.answer(());
        }
        waiting = requests.next_within(LOOK_INTERVAL).await;
    }
}

async fn look(
    shared: &Shared,
    shard: &Shard,
    kept: Option<MySqlConnection>,
) -> Result<(MySqlConnection, SeenShard), String> {
    let text = |error: &dyn std::error::Error| chain(error);
    let mut connection = match kept {
        Some(connection) => connection,
        None => {
            let connected = shared.logins.connect(shard).await;
            shared.follow_logins();
            let mut connection = connected.map_err(|error| text(&error))?;
            // A server does not change its version under a connection.
            let version = mysql::version(&mut connection).await.map_err(|error| text(&error))?;
            shared.saw_version(&shard.id, &version);
            connection
        }
    };
    let known = shared.epoch();
    let sighting = own::topology::look(&mut connection).await.map_err(|error| text(&error))?;
    let newer = match sighting {
        Some(sighting) if known.is_none_or(|known| sighting.epoch > known) => {
            own::topology::read(&mut connection).await.map_err(|error| text(&error))?
        }
        _ => None,
    };
    Ok((connection, SeenShard { sighting, newer }))
}
