//! The first topology: found on the shards, or made from where the rows lie.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::accounts;
use crate::endpoint::Endpoint;
use crate::logins::Logins;
use crate::mysql;
use crate::own;
use crate::own::topology::StoreError;
use crate::schema::load::{self, SchemaError};
use crate::schema::{Layout, Schema, quote};
use crate::slots::{SlotSet, plan_even_spread};
use crate::topology::{MovePhase, Shard, ShardId, Topology, TopologyError};

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("no shard is configured")]
    NoShards,
    #[error("shard {shard} cannot be reached")]
    Unreachable { shard: ShardId, source: sqlx::Error },
    #[error("shard {shard} did not answer within {patience:?}")]
    Silent { shard: ShardId, patience: Duration },
    #[error("shard {shard} refuses the login `{user}`: {}", accounts::HOW_TO_MEND)]
    Refused { shard: ShardId, user: String, source: sqlx::Error },
    #[error("no topology from shard {shard}")]
    Store { shard: ShardId, source: StoreError },
    #[error("shard {shard}: reading the schema failed")]
    Schema { shard: ShardId, source: SchemaError },
    #[error(
        "several shards hold rows of {tables}, and not where an even spread would put them: empty all shards but \
         one, start, and insert the other rows through the router"
    )]
    RowsOnSeveral { tables: String },
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

/// How long a shard is waited for that is asked for what it carries, or given it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one that makes our tables, or that changes the topology and may wait for another one who does.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long where its rows lie. Those of a database that is there already may all have to be read, once.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(3600);

/// The newest topology that the seeds carry; if none carries one, epoch 1, made by compare-and-set on the first.
///
/// All shards empty: slots are spread evenly. Exactly one holds rows of sharded tables: it owns every slot. Several
/// hold rows: refused, unless every row lies where an even spread would put it.
///
/// A seed that carries the topology, under whose name the topology has an endpoint that does not answer, is where
/// that shard is now: its address changed.
///
/// The seeds are asked side by side, and one that does not answer is not waited for long.
pub async fn find_or_create(seeds: &[Shard], layout: &Layout, logins: &Logins) -> Result<Topology, BootstrapError> {
    let mut newest: Option<Topology> = None;
    let mut connections = Vec::new();
    let mut carriers = Vec::new();
    let mut unreachable = None;
    let asked = seeds.iter().map(|shard| in_time(shard, ANSWER_TIMEOUT, ask(shard)));
    for (shard, answer) in seeds.iter().zip(join_all(asked).await) {
        match answer {
            Ok((connection, found)) => {
                if found.is_some() {
                    carriers.push(shard);
                }
                newest = newest.into_iter().chain(found).max_by_key(Topology::epoch);
                connections.push(connection);
            }
            Err(error @ BootstrapError::Store { source: StoreError::Document(_), .. }) => return Err(error),
            Err(error) => unreachable = Some(error),
        }
    }
    match (newest.map(|newest| logins.complete_topology(newest)), unreachable) {
        (Some(topology), _) => follow_moved(topology, &carriers, logins).await,
        // Whether a shard holds rows or a topology can only be told when it answers.
        (None, Some(error)) => Err(error),
        (None, None) => create(seeds, &mut connections, layout).await,
    }
}

async fn ask(shard: &Shard) -> Result<(MySqlConnection, Option<Topology>), BootstrapError> {
    let mut connection = connect(shard).await?;
    let found = own::topology::read(&mut connection).await.map_err(|source| at(shard, source))?;
    Ok((connection, found))
}

async fn connect(shard: &Shard) -> Result<MySqlConnection, BootstrapError> {
    let connected = mysql::connect(&shard.endpoint).await;
    connected.map_err(|source| unreached(shard, source))
}

async fn in_time<T>(
    shard: &Shard,
    patience: Duration,
    work: impl Future<Output = Result<T, BootstrapError>>,
) -> Result<T, BootstrapError> {
    let silent = || BootstrapError::Silent { shard: shard.id.clone(), patience };
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(silent()))
}

/// The topology with the endpoints of shards that are found elsewhere, if it could be changed.
async fn follow_moved(topology: Topology, carriers: &[&Shard], logins: &Logins) -> Result<Topology, BootstrapError> {
    let mut moved = Vec::new();
    for seed in carriers {
        let known = topology.shard(&seed.id).filter(|known| !known.endpoint.is_same_place(&seed.endpoint));
        if let Some(known) = known
            && !answers(&known.endpoint).await
        {
            tracing::warn!(shard = %seed.id, from = %known.endpoint, to = %seed.endpoint, "the shard is reached elsewhere");
            moved.push(Shard::clone(seed));
        }
    }
    if moved.is_empty() {
        return Ok(topology);
    }
    let topology = logins.complete_topology(decide_moves(topology, &moved).await?);
    let next = topology.with_endpoints(&moved)?;
    let home = next.home();
    let publish = async {
        let mut connection = connect(home).await?;
        // A shard that missed the last epoch would refuse the next one.
        own::topology::catch_up(&mut connection, &topology).await.map_err(|source| at(home, source))?;
        match own::topology::replace(&mut connection, &next).await.map_err(|source| at(home, source))? {
            true => Ok(next.clone()),
            // Another router or scaler was first.
            false => {
                Ok(own::topology::read(&mut connection).await.map_err(|source| at(home, source))?.unwrap_or(topology))
            }
        }
    };
    in_time(home, STEP_TIMEOUT, publish).await
}

/// The newest topology once no move can switch any more that has not yet.
///
/// A switch is committed on its source first: whoever published another change without having asked there could give
/// one epoch to two topologies. A move that is under way is undone by this; its shards changed their addresses.
async fn decide_moves(topology: Topology, moved: &[Shard]) -> Result<Topology, BootstrapError> {
    let mut newest = topology.clone();
    for slot_move in topology.moves().iter().filter(|slot_move| slot_move.phase == MovePhase::Announced) {
        let is_source = |shard: &&Shard| shard.id == slot_move.source;
        let source = moved.iter().find(is_source).or_else(|| topology.shards().iter().find(is_source));
        let source = source.ok_or_else(|| TopologyError::UnknownShard(slot_move.source.clone()))?;
        let forbid = async {
            let mut connection = connect(source).await?;
            own::journal::forbid_switch(&mut connection, &slot_move.id).await.map_err(|error| at(source, error))
        };
        let carried = in_time(source, STEP_TIMEOUT, forbid).await?;
        newest = carried.filter(|carried| carried.epoch() > newest.epoch()).unwrap_or(newest);
    }
    Ok(newest)
}

async fn answers(endpoint: &Endpoint) -> bool {
    mysql::within(ANSWER_TIMEOUT, mysql::connect(endpoint)).await.is_ok()
}

async fn create(
    seeds: &[Shard],
    connections: &mut [MySqlConnection],
    layout: &Layout,
) -> Result<Topology, BootstrapError> {
    let home = seeds.first().ok_or(BootstrapError::NoShards)?;
    let slots = plan_slots(seeds, connections, layout).await?;
    let topology = Topology::first(seeds.to_vec(), slots)?;
    let first = &mut connections[0];
    let make = async {
        own::schema::create_schema(first).await.map_err(|source| at(home, source.into()))?;
        match own::topology::create(first, &topology).await.map_err(|source| at(home, source))? {
            true => Ok(topology),
            // Another router or scaler was first.
            false => Ok(own::topology::read(first).await.map_err(|source| at(home, source))?.unwrap_or(topology)),
        }
    };
    let topology = in_time(home, STEP_TIMEOUT, make).await?;
    for (shard, connection) in seeds.iter().zip(connections).skip(1) {
        let told = async { own::topology::catch_up(connection, &topology).await.map_err(|source| at(shard, source)) };
        in_time(shard, STEP_TIMEOUT, told).await?;
    }
    Ok(topology)
}

async fn plan_slots(
    seeds: &[Shard],
    connections: &mut [MySqlConnection],
    layout: &Layout,
) -> Result<Vec<SlotSet>, BootstrapError> {
    let even = plan_even_spread(seeds.len());
    let mut with_rows: Vec<(usize, Vec<String>)> = Vec::new();
    let mut misplaced = false;
    for (index, (shard, connection)) in seeds.iter().zip(connections).enumerate() {
        let survey = async {
            let schema = load::load(connection, layout)
                .await
                .map_err(|source| BootstrapError::Schema { shard: shard.id.clone(), source })?;
            tables_with_rows(connection, &schema, &even[index])
                .await
                .map_err(|source| BootstrapError::Unreachable { shard: shard.id.clone(), source })
        };
        let (tables, outside) = in_time(shard, SURVEY_TIMEOUT, survey).await?;
        misplaced |= outside;
        if !tables.is_empty() {
            with_rows.push((index, tables));
        }
    }
    match &with_rows[..] {
        [] => Ok(even),
        [(owner, _)] => {
            let mut slots = vec![SlotSet::empty(); seeds.len()];
            slots[*owner] = plan_even_spread(1).remove(0);
            Ok(slots)
        }
        _ if !misplaced => Ok(even),
        several => {
            let mut tables: Vec<String> = several.iter().flat_map(|(_, tables)| tables.clone()).collect();
            tables.sort();
            tables.dedup();
            Err(BootstrapError::RowsOnSeveral { tables: tables.join(", ") })
        }
    }
}

/// The sharded tables with rows, and whether one of them has rows outside of `slots`.
async fn tables_with_rows(
    connection: &mut MySqlConnection,
    schema: &Schema,
    slots: &SlotSet,
) -> Result<(Vec<String>, bool), sqlx::Error> {
    let mut tables = Vec::new();
    let mut misplaced = false;
    for table in schema.tables() {
        let Some((key, key_type)) = table.shard_key() else { continue };
        let name = quote(&table.name);
        let inside = key_type.slot_in_sql(&quote(key), slots);
        let question = format!("SELECT EXISTS(SELECT 1 FROM {name}), EXISTS(SELECT 1 FROM {name} WHERE NOT {inside})");
        let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(question))).await?;
        if row.try_get_unchecked::<i64, _>(0)? == 1 {
            tables.push(table.name.clone());
        }
        misplaced |= row.try_get_unchecked::<i64, _>(1)? == 1;
    }
    Ok((tables, misplaced))
}

fn unreached(shard: &Shard, source: sqlx::Error) -> BootstrapError {
    let (shard, user) = (shard.id.clone(), shard.endpoint.user().to_owned());
    match accounts::is_login_refused(&source) {
        true => BootstrapError::Refused { shard, user, source },
        false => BootstrapError::Unreachable { shard, source },
    }
}

fn at(shard: &Shard, source: StoreError) -> BootstrapError {
    BootstrapError::Store { shard: shard.id.clone(), source }
}
