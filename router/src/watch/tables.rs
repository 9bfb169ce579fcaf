//! Reads the schema, and asks for tables that are not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyspace::endpoint::Endpoint;
use keyspace::errors::chain;
use keyspace::mysql;
use keyspace::own;
use keyspace::schema::{Layout, load};
use keyspace::topology::{Shard, Topology};
use sqlx::mysql::MySqlConnection;

use crate::shards::IDLE_BEFORE_PING;
use crate::watch::desk::Requests;
use crate::watch::look::LOOK_TIMEOUT;
use crate::watch::shared::{Existence, LoadOutcome, LoadedSchema, Shared};

/// Reading takes some milliseconds, and a second or two where there are thousands of tables. A server that needs longer
/// waits for something, such as a CREATE TABLE … SELECT that has its table locked.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the schema from the home shard for whoever asks.
pub async fn keep_loading(shared: Arc<Shared>, mut requests: Requests<(), LoadOutcome>) {
    loop {
        let waiting = requests.next().await;
        if waiting.is_empty() {
            return;
        }
        let outcome = match shared.view() {
            Err(why) => Err(why),
            Ok(view) => {
                let read = read(&view.topology.home().endpoint, &shared.layout).await;
                if let Err(problem) = &read {
                    tracing::warn!(problem, "the schema could not be read");
                }
                read.map(|read| shared.take_schema(read))
            }
        };
        waiting.into_iter().for_each(|request| request.answer(outcome.clone()));
    }
}

/// Asks the home shard for tables by their names: many times faster than reading the schema, and nothing that is being
/// changed holds it up.
pub async fn keep_searching(shared: Arc<Shared>, mut requests: Requests<String, Existence>) {
    let mut kept: Option<(Endpoint, Instant, MySqlConnection)> = None;
    loop {
        let waiting = requests.next().await;
        if waiting.is_empty() {
            return;
        }
        let names = waiting.iter().map(|request| request.wanted.clone()).collect();
        let found = match shared.view() {
            Err(why) => Err(why),
            Ok(view) => {
                let endpoint = view.topology.home().endpoint.clone();
                let is_usable =
                    |known: &Endpoint, used: &Instant| *known == endpoint && used.elapsed() < IDLE_BEFORE_PING;
                let connection = kept.take().filter(|(known, used, _)| is_usable(known, used)).map(|(_, _, open)| open);
                let asked = mysql::within(LOOK_TIMEOUT, existing(connection, &endpoint, names)).await;
                let asked = asked.map_err(|error| chain(&error));
                asked.map(|(connection, found)| {
                    kept = Some((endpoint, Instant::now(), connection));
                    found
                })
            }
        };
        for request in waiting {
            let exists = found.as_ref().map(|found| found.get(&request.wanted).copied().unwrap_or(false));
            request.answer(exists.map_err(Clone::clone));
        }
    }
}

async fn existing(
    kept: Option<MySqlConnection>,
    endpoint: &Endpoint,
    names: BTreeSet<String>,
) -> Result<(MySqlConnection, BTreeMap<String, bool>), sqlx::Error> {
    let mut connection = match kept {
        Some(connection) => connection,
        None => mysql::connect(endpoint).await?,
    };
    let mut found = BTreeMap::new();
    for name in names {
        let exists = load::has_table(&mut connection, &name).await?;
        found.insert(name, exists);
    }
    Ok((connection, found))
}

/// The schema that a router begins with. If the home shard is away, that of another one serves until it is back: DDL
/// reaches every shard. What only the home shard has is not known then, and is asked for.
pub async fn read_first(topology: &Topology, layout: &Layout) -> Result<LoadedSchema, String> {
    let home = topology.home();
    let problem = match read(&home.endpoint, layout).await {
        Ok(read) => return Ok(read),
        Err(problem) => format!("shard {}: {problem}", home.id),
    };
    let is_like_home = |shard: &&Shard| shard.endpoint.database() == home.endpoint.database();
    for other in topology.shards().iter().skip(1).filter(is_like_home) {
        if let Ok(read) = read(&other.endpoint, layout).await {
            tracing::warn!(problem, shard = %other.id, "the home shard is away: beginning with the tables of another one");
            return Ok(LoadedSchema { is_borrowed: true, ..read });
        }
    }
    Err(problem)
}

async fn read(endpoint: &Endpoint, layout: &Layout) -> Result<LoadedSchema, String> {
    let read = async {
        let mut connection = mysql::connect(endpoint).await.map_err(|error| chain(&error))?;
        // Has the server end what is not waited for any more.
        mysql::limit_statements(&mut connection, LOAD_TIMEOUT).await.map_err(|error| chain(&error))?;
        // First: what changes while the tables are read is read again.
        let sighting = own::topology::look(&mut connection).await.map_err(|error| chain(&error))?;
        let schema = load::load(&mut connection, layout).await.map_err(|error| chain(&error))?;
        Ok(LoadedSchema { schema, version: sighting.map(|sighting| sighting.schema_version), is_borrowed: false })
    };
    let read = tokio::time::timeout(LOAD_TIMEOUT, read).await;
    read.unwrap_or_else(|_| Err(format!("its tables could not be read within {LOAD_TIMEOUT:?}")))
}
