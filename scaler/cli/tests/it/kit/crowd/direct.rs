//! A client that knows nothing of routers: it holds transactions open on one shard.

use std::time::Duration;

use keyspace::endpoint::Endpoint;
use keyspace::mysql::{er, errno};
use keyspace::own;
use keyspace::own::topology::StoreError;
use keyspace::topology::{ShardId, Topology};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::{Instant, timeout};

use super::account::{Change, Key, Table};
use super::client::{Client, Ending, PATIENCE};

const LOCKED: [u16; 3] = [er::LOCK_WAIT_TIMEOUT, er::LOCK_DEADLOCK, er::CHECKREAD];

pub(super) struct Direct {
    client: Client,
    shard: ShardId,
    endpoint: Endpoint,
    /// Orders that no other client writes.
    keys: Vec<i64>,
    connection: Option<MySqlConnection>,
    operations: i64,
}

/// Why a transaction was given up before its COMMIT.
enum GivenUp {
    /// The rows have moved away, or were about to.
    NotOwned,
    Failed(sqlx::Error),
    Silent,
    Wrong(String),
}

impl From<sqlx::Error> for GivenUp {
    fn from(error: sqlx::Error) -> GivenUp {
        GivenUp::Failed(error)
    }
}

impl Direct {
    pub fn new(client: Client, shard: ShardId, endpoint: Endpoint, keys: Vec<i64>) -> Direct {
        Direct { client, shard, endpoint, keys, connection: None, operations: 0 }
    }

    pub async fn run(mut self) {
        let shared = self.client.shared.clone();
        while !shared.is_stopping() {
            let turn = shared.turns.read().await;
            if shared.is_stopping() {
                return;
            }
            self.operate().await;
            drop(turn);
            // A cutover needs a moment without such a transaction.
            let rest = Duration::from_millis(self.client.rng.random_range(100..300));
            tokio::time::sleep(rest).await;
        }
    }

    async fn operate(&mut self) {
        let Some(mut connection) = self.connect().await else {
            *self.client.shared.tally().refused.entry("direct: away".to_owned()).or_default() += 1;
            return;
        };
        let Some(changes) = self.choose(&mut connection).await else { return };
        let held = Duration::from_millis(self.client.rng.random_range(20..150));
        let shared = self.client.shared.clone();
        let refused = |code: &str| *shared.tally().refused.entry(format!("direct: {code}")).or_default() += 1;
        match self.hold(&mut connection, &changes, held).await {
            Ok(()) => {}
            Err(GivenUp::NotOwned) => refused("slot moved"),
            Err(GivenUp::Failed(error)) => match errno(&error) {
                Some(er::SIGNAL_EXCEPTION) if error.to_string().contains("_autoscaler: slot moved") => {
                    refused("slot moved")
                }
                Some(number) if LOCKED.contains(&number) => refused("conflict"),
                Some(_) => shared.violation(format!("a direct client on {}: {error}", self.shard)),
                None => return refused("broken"),
            },
            Err(GivenUp::Silent) => return refused("unanswered"),
            Err(GivenUp::Wrong(what)) => shared.violation(what),
        }
        self.connection = Some(connection);
    }

    async fn connect(&mut self) -> Option<MySqlConnection> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => timeout(PATIENCE, keyspace::mysql::connect(&self.endpoint)).await.ok()?.ok()?,
        };
        let undone = timeout(PATIENCE, connection.execute(sqlx::raw_sql("ROLLBACK"))).await;
        undone.ok()?.ok()?;
        Some(connection)
    }

    /// Two of its orders that the shard owns; those that are moving are preferred.
    async fn choose(&mut self, connection: &mut MySqlConnection) -> Option<Vec<Change>> {
        let topology = timeout(PATIENCE, own::topology::read(connection)).await.ok()?.ok()??;
        let mut owned: Vec<i64> = self.keys.iter().copied().filter(|key| owns(&topology, &self.shard, *key)).collect();
        owned.shuffle(&mut self.client.rng);
        let is_moving = |key: i64| topology.moves().iter().any(|other| other.slots.contains(order(key).slot()));
        owned.sort_by_key(|key| !is_moving(*key));
        owned.truncate(6);
        let chosen: Vec<i64> = owned.choose_multiple(&mut self.client.rng, 2).copied().collect();
        let change = |key: i64| {
            self.operations += 1;
            let worth = -1_000 - self.operations;
            self.client.shared.account.change(order(key), |rows| _ = rows.insert(key, worth))
        };
        (chosen.len() == 2).then(|| chosen.into_iter().map(change).collect())
    }

    async fn hold(
        &mut self,
        connection: &mut MySqlConnection,
        changes: &[Change],
        held: Duration,
    ) -> Result<(), GivenUp> {
        let started = Instant::now();
        execute(connection, "BEGIN".to_owned()).await?;
        let mut affected = 0;
        for Change { key, after, .. } in changes {
            let worth = after[&key.value];
            affected +=
                execute(connection, format!("UPDATE orders SET value = {worth} WHERE id = {}", key.value)).await?;
        }
        // Now that the rows are locked no cutover passes; who owned them before may have changed since they were chosen.
        let topology = timeout(PATIENCE, own::topology::read(connection)).await.map_err(|_| GivenUp::Silent)?;
        let topology = topology.map_err(|error| match error {
            StoreError::Database(error) => GivenUp::Failed(error),
            StoreError::Document(error) => GivenUp::Wrong(error.to_string()),
        })?;
        let owned = |topology: &Topology| changes.iter().all(|change| owns(topology, &self.shard, change.key.value));
        if !topology.as_ref().is_some_and(owned) {
            return Err(GivenUp::NotOwned);
        }
        if affected != 2 {
            let what = format!("{} owns the rows of {changes:?}, and has {affected} of them", self.shard);
            return Err(GivenUp::Wrong(what));
        }
        tokio::time::sleep(held).await;
        match execute(connection, "COMMIT".to_owned()).await {
            Ok(_) => {
                self.client.shared.account.enter(changes);
                self.client.shared.acknowledged(started.elapsed().saturating_sub(held));
            }
            Err(GivenUp::Failed(error)) if errno(&error).is_some() => return Err(error.into()),
            Err(unknown) => {
                let doubt = self.client.shared.account.doubt(changes);
                if self.client.look_after("COMMIT", doubt, changes).await == Ending::Doubtful {
                    self.keys.retain(|key| !changes.iter().any(|change| change.key.value == *key));
                }
                return Err(unknown);
            }
        }
        Ok(())
    }
}

async fn execute(connection: &mut MySqlConnection, sql: String) -> Result<u64, GivenUp> {
    let executed = timeout(PATIENCE, connection.execute(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
    Ok(executed.map_err(|_| GivenUp::Silent)??.rows_affected())
}

fn owns(topology: &Topology, shard: &ShardId, key: i64) -> bool {
    topology.owner(order(key).slot()).id == *shard
}

fn order(key: i64) -> Key {
    Key { table: Table::Orders, value: key }
}
