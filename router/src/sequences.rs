//! AUTO_INCREMENT over several shards: ids come from one sequence per table, which the home shard keeps.
//!
//! A router takes a block at a time, so that most ids cost nothing. A block that is not used up when the router stops
//! leaves a gap, as a server's own cache does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::schema::auto_increment::next_of;
use keyspace::schema::quote;
use keyspace::topology::{Shard, Topology};

use crate::error::QueryError;
use crate::plan::IdsWanted;
use crate::shards::Shards;
use crate::shards::client::Done;

/// Ids taken at once.
const BLOCK: u64 = 100;

/// The ids that this router holds, by table.
#[derive(Default)]
pub struct Sequences {
    blocks: Mutex<HashMap<String, Block>>,
    /// Whoever takes a new block of a table: one at a time, while ids of the old one still serve others.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Clone, Copy)]
struct Block {
    next: u64,
    end: u64,
}

impl Sequences {
    /// The id of the first row that has none. The others follow from it ([`IdsWanted::assign`]).
    ///
    /// # Errors
    /// [`QueryError::ShardUnavailable`] if the home shard gives no ids before the deadline.
    pub async fn draw(
        &self,
        shards: &Shards,
        topology: &Topology,
        wanted: &IdsWanted,
        deadline: Instant,
    ) -> Result<u64, QueryError> {
        let name = wanted.table.to_lowercase();
        if let Some(first) = self.take(&name, wanted) {
            return Ok(first);
        }
        let turn = self.turns.lock().expect("no holder of this lock panics").entry(name.clone()).or_default().clone();
        let drawn = async {
            let _turn = turn.lock().await;
            if let Some(first) = self.take(&name, wanted) {
                return Ok(first);
            }
            let block = reserve(shards, topology, &name, wanted, deadline).await?;
            let next = wanted.assign(block.next).1;
            self.blocks().insert(name.clone(), Block { next, ..block });
            Ok(block.next)
        };
        tokio::time::timeout_at(deadline.into(), drawn.boxed()).await.unwrap_or_else(|_| {
            let cause = format!("it gave no ids for {} in the statement's time", wanted.table);
            Err(QueryError::ShardUnavailable { shard: topology.home().id.clone(), cause })
        })
    }

    /// From the block that is held, if it has enough: ids in a row come from one block.
    fn take(&self, name: &str, wanted: &IdsWanted) -> Option<u64> {
        let mut blocks = self.blocks();
        let block = blocks.get_mut(name)?;
        let (first, next) = (block.next, wanted.assign(block.next).1);
        (next <= block.end).then(|| {
            block.next = next;
            first
        })
    }

    /// Takes ids back that no statement used, unless later ones are in use.
    pub fn give_back(&self, table: &str, first: u64, next: u64) {
        if let Some(block) = self.blocks().get_mut(&table.to_lowercase())
            && block.next == next
        {
            block.next = first;
        }
    }

    /// Forgets what is held of a table: ids were drawn that rows have already.
    pub fn forget(&self, table: &str) {
        self.blocks().remove(&table.to_lowercase());
    }

    fn blocks(&self) -> MutexGuard<'_, HashMap<String, Block>> {
        self.blocks.lock().expect("no holder of this lock panics")
    }
}

async fn reserve(
    shards: &Shards,
    topology: &Topology,
    name: &str,
    wanted: &IdsWanted,
    deadline: Instant,
) -> Result<Block, QueryError> {
    let home = topology.home();
    let mut lease = shards.lease_for_client(home, deadline).await?;
    let count = wanted.rows.len() as u64 + BLOCK;
    // An id that a row brings makes those behind it larger.
    let beyond = wanted.rows.iter().flatten().max().map_or(0, |largest| largest.saturating_add(count));
    for _ in 0..2 {
        let take = own::sequences::take(name, count, beyond);
        let taken = lease.begin().run(take).await?;
        if let Done { rows_affected: 1, last_insert_id: Some(next) } = taken {
            lease.done();
            return Ok(Block { next, end: (next + count).max(beyond) });
        }
        let first = first_free(shards, topology, wanted, deadline).await?;
        let create = own::sequences::create(name, first);
        lease.run(&create).await?;
    }
    Err(QueryError::Internal(format!("the sequence of {name} cannot be made")))
}

/// Behind every id that any shard has, or has given.
async fn first_free(
    shards: &Shards,
    topology: &Topology,
    wanted: &IdsWanted,
    deadline: Instant,
) -> Result<u64, QueryError> {
    let free = topology.shards().iter().map(|shard| first_free_on(shards, shard, wanted, deadline));
    Ok(try_join_all(free).await?.into_iter().max().unwrap_or(1))
}

async fn first_free_on(
    shards: &Shards,
    shard: &Shard,
    wanted: &IdsWanted,
    deadline: Instant,
) -> Result<u64, QueryError> {
    let (table, column) = (quote(&wanted.table), quote(&wanted.column));
    let mut lease = shards.lease_for_client(shard, deadline).await?;
    let largest = format!("SELECT CAST(COALESCE(MAX({column}), 0) + 1 AS CHAR) FROM {table}");
    let behind_rows = match lease.begin().fetch_first(largest).await {
        Ok(Some(row)) => row.needed_text(0)?.parse().unwrap_or(1),
        Ok(None) => 1,
        // A shard that is only joining may lack the table.
        Err(QueryError::Database { errno: er::NO_SUCH_TABLE, .. }) => {
            lease.done();
            return Ok(1);
        }
        Err(error) => return Err(error),
    };
    // In information_schema it may be a day old.
    let shown = format!("SHOW CREATE TABLE {table}");
    let next_of_table = match lease.begin().fetch_first(shown).await? {
        Some(row) => next_of(row.needed_text(1)?).unwrap_or(1),
        None => 1,
    };
    lease.done();
    Ok(next_of_table.max(behind_rows))
}
