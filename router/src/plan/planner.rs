//! What a plan is made from, and the small questions that every way of planning asks.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use keyspace::schema::Schema;
use keyspace::slots::Slot;
use keyspace::topology::{ShardId, Topology};

use super::refusal::Refusal;
use super::tree::{Merge, Node, Part, Plan, ReadNode, Route, Window, WriteNode, WritePart};
use crate::sql::read::error::Unsupported;
use crate::sql::read::names::TableName;

/// Plans statements for one topology and schema.
#[derive(Clone)]
pub struct Planner<'a> {
    pub topology: &'a Topology,
    pub schema: &'a Schema,
    /// Why the parts' answers could not be merged when it was tried, as only their types told.
    pub unmergeable: Option<&'a Unsupported>,
    /// What NOW() is to every shard.
    pub now: Timestamp,
    /// Ids in the statement that come from its table's sequence.
    pub drawn: Option<RangeInclusive<u64>>,
}

impl<'a> Planner<'a> {
    pub fn new(topology: &'a Topology, schema: &'a Schema, now: Timestamp) -> Planner<'a> {
        Planner { topology, schema, unmergeable: None, now, drawn: None }
    }
}

impl Planner<'_> {
    /// The shard that owns every slot, if one does.
    pub fn only_owner(&self) -> Option<ShardId> {
        let first = self.topology.owner(Slot::OF_NULL);
        (self.topology.owning_shard_count() == 1).then(|| first.id.clone())
    }

    /// `moving`: the rows may be among those that move.
    pub fn read_from(&self, route: Route, shard: &ShardId, sql: String, moving: bool, reason: String) -> Plan {
        let node = Node::Read(ReadNode {
            parts: vec![Part { shard: shard.clone(), sql }],
            merge: Merge::Concatenate(Window::default()),
            float_columns: Vec::new(),
            recheck: moving && self.is_moving(shard),
        });
        Plan { route, reason, node, epoch: self.topology.epoch(), stains: false, slots: Vec::new() }
    }

    /// Whether rows may change owner under a statement on this shard.
    pub fn is_moving(&self, shard: &ShardId) -> bool {
        self.topology.moves_touching(shard).next().is_some()
    }

    /// The shards that a test picks, in shard order.
    pub fn shards_where(&self, is_picked: impl Fn(&ShardId) -> bool) -> Vec<ShardId> {
        let shards = self.topology.shards().iter().map(|shard| &shard.id);
        shards.filter(|shard| is_picked(shard)).cloned().collect()
    }

    pub fn write_to(&self, route: Route, shard: ShardId, sql: String, moving: bool, reason: String) -> Plan {
        let fenced = moving && self.is_source(&shard);
        Plan {
            route,
            reason,
            node: Node::Write(WriteNode {
                parts: vec![WritePart { part: Part { shard, sql }, fenced, rows: Vec::new() }],
                copies: false,
                all_write: true,
                last_row_in: 0,
                uniqueness: None,
                relocation: None,
                clock: None,
                rows: Vec::new(),
                forgives_checks: false,
            }),
            epoch: self.topology.epoch(),
            stains: false,
            slots: Vec::new(),
        }
    }

    pub fn no_such_table(&self, table: &TableName) -> Refusal {
        Refusal::NoSuchTable { database: self.schema.database().to_owned(), table: table.name.clone() }
    }
}
