//! The first topology: found on the shards, or made from where the rows lie.

use std::time::Duration;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::store::{self, StoreError};
use super::{MovePhase, Shard, ShardId, Topology, TopologyError};
use crate::endpoint::Endpoint;
use crate::schema::load::{self, SchemaError};
use crate::schema::{Layout, Schema, quote};
use crate::session;
use crate::slots::{SlotSet, plan_even_spread};

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("no shard is configured")]
    NoShards,
    #[error("shard {shard} cannot be reached")]
    Unreachable { shard: ShardId, source: sqlx::Error },
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

/// The newest topology that the seeds carry; if none carries one, epoch 1, made by compare-and-set on the first.
///
/// All shards empty: slots are spread evenly. Exactly one holds rows of sharded tables: it owns every slot. Several
/// hold rows: refused, unless every row lies where an even spread would put it.
///
/// A seed that carries the topology, under whose name the topology has an endpoint that does not answer, is where
/// that shard is now: its login or its port changed.
pub async fn find_or_create(seeds: &[Shard], layout: &Layout) -> Result<Topology, BootstrapError> {
    let mut newest: Option<Topology> = None;
    let mut connections = Vec::new();
    let mut carriers = Vec::new();
    let mut unreachable = None;
    for shard in seeds {
        match session::connect(&shard.endpoint).await {
            Ok(mut connection) => {
                let found = store::read(&mut connection).await.map_err(|source| at(shard, source))?;
                if found.is_some() {
                    carriers.push(shard);
                }
                newest = newest.into_iter().chain(found).max_by_key(Topology::epoch);
                connections.push(connection);
            }
            Err(source) => unreachable = Some(BootstrapError::Unreachable { shard: shard.id.clone(), source }),
        }
    }
    match (newest, unreachable) {
        (Some(topology), _) => follow_moved(topology, &carriers).await,
        // Whether a shard holds rows or a topology can only be told when it answers.
        (None, Some(error)) => Err(error),
        (None, None) => create(seeds, &mut connections, layout).await,
    }
}

/// The topology with the endpoints of shards that are found elsewhere, if it could be changed.
async fn follow_moved(topology: Topology, carriers: &[&Shard]) -> Result<Topology, BootstrapError> {
    let mut moved = Vec::new();
    for seed in carriers {
        let known = topology.shard(&seed.id).filter(|known| known.endpoint != seed.endpoint);
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
    let topology = decide_moves(topology, &moved).await?;
    let next = topology.with_endpoints(&moved)?;
    let home = next.home();
    let mut connection = session::connect(&home.endpoint)
        .await
        .map_err(|source| BootstrapError::Unreachable { shard: home.id.clone(), source })?;
    // A shard that missed the last epoch would refuse the next one.
    store::catch_up(&mut connection, &topology).await.map_err(|source| at(home, source))?;
    match store::replace(&mut connection, &next).await.map_err(|source| at(home, source))? {
        true => Ok(next),
        // Another router or scaler was first.
        false => Ok(store::read(&mut connection).await.map_err(|source| at(home, source))?.unwrap_or(topology)),
    }
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
        let mut connection = session::connect(&source.endpoint)
            .await
            .map_err(|error| BootstrapError::Unreachable { shard: source.id.clone(), source: error })?;
        let carried = store::forbid_switch(&mut connection, &slot_move.id).await.map_err(|error| at(source, error))?;
        newest = carried.filter(|carried| carried.epoch() > newest.epoch()).unwrap_or(newest);
    }
    Ok(newest)
}

async fn answers(endpoint: &Endpoint) -> bool {
    tokio::time::timeout(Duration::from_secs(3), session::connect(endpoint)).await.is_ok_and(|answer| answer.is_ok())
}

async fn create(
    seeds: &[Shard],
    connections: &mut [MySqlConnection],
    layout: &Layout,
) -> Result<Topology, BootstrapError> {
    let home = seeds.first().ok_or(BootstrapError::NoShards)?;
    let slots = plan_slots(seeds, connections, layout).await?;
    let topology = Topology::first(seeds.to_vec(), slots)?;
    store::create_schema(&mut connections[0]).await.map_err(|source| at(home, source))?;
    let created = store::create(&mut connections[0], &topology).await.map_err(|source| at(home, source))?;
    let topology = match created {
        true => topology,
        // Another router or scaler was first.
        false => store::read(&mut connections[0]).await.map_err(|source| at(home, source))?.unwrap_or(topology),
    };
    for (shard, connection) in seeds.iter().zip(connections).skip(1) {
        store::catch_up(connection, &topology).await.map_err(|source| at(shard, source))?;
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
        let schema = load::load(connection, layout)
            .await
            .map_err(|source| BootstrapError::Schema { shard: shard.id.clone(), source })?;
        let (tables, outside) = tables_with_rows(connection, &schema, &even[index])
            .await
            .map_err(|source| BootstrapError::Unreachable { shard: shard.id.clone(), source })?;
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

fn at(shard: &Shard, source: StoreError) -> BootstrapError {
    BootstrapError::Store { shard: shard.id.clone(), source }
}
