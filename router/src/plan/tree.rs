//! What planning leads to: everything about running a statement, as a tree of nodes.

use std::collections::BTreeMap;

use keyspace::slots::Slot;
use keyspace::topology::{Epoch, ShardId};

use crate::merge::compare::Pad;

/// Where a statement goes, in the words that `/explain` uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// One shard by its sharding key, or because there is only one.
    Single,
    /// Some shards, by an IN list of keys.
    Multi,
    /// Every shard that owns rows.
    Scatter,
    /// Any shard: reference tables only.
    Reference,
    /// The home shard: unsharded tables.
    Home,
}

impl Route {
    pub const ALL: [Route; 5] = [Route::Single, Route::Multi, Route::Scatter, Route::Reference, Route::Home];

    pub fn as_str(self) -> &'static str {
        match self {
            Route::Single => "single",
            Route::Multi => "multi",
            Route::Scatter => "scatter",
            Route::Reference => "reference",
            Route::Home => "home",
        }
    }
}

/// Everything about running a statement, with nothing left to choose.
#[derive(Debug)]
pub struct Plan {
    pub route: Route,
    /// Why this route, for people.
    pub reason: String,
    pub node: Node,
    /// The topology that the plan was made for.
    pub epoch: Epoch,
    /// The slots that the statement's keys name: each once, or one for each row of an INSERT. Empty if they name none.
    /// Load is counted by them; nothing is routed by them.
    pub slots: Vec<Slot>,
    /// Its connections may keep something of it that the next user could see.
    pub stains: bool,
}

impl Plan {
    /// Every shard that takes part, in shard order.
    pub fn shards(&self) -> Vec<ShardId> {
        match &self.node {
            Node::Read(node) => node.parts.iter().map(|part| part.shard.clone()).collect(),
            Node::Gather(node) => node.shards.clone(),
            Node::Refill(node) => node.source.shards(),
            Node::Write(node) => node.shards(),
            Node::Define(node) => node.shards.clone(),
        }
    }
}

/// What to do; a tree, so that later nodes can feed on others.
#[derive(Debug)]
pub enum Node {
    Read(ReadNode),
    Gather(Gather),
    Refill(Refill),
    Write(WriteNode),
    Define(DefineNode),
}

/// Rows from one shard or several.
#[derive(Debug)]
pub struct ReadNode {
    pub parts: Vec<Part>,
    pub merge: Merge,
    /// Visible columns that are FLOAT columns read as DOUBLE: the text protocol rounds FLOAT to 6 digits.
    pub float_columns: Vec<usize>,
    /// Rows could change owner under the read: look at the shards' epochs again afterwards.
    pub recheck: bool,
}

/// A read over copies of rows: each input becomes a temporary table on one shard, and the statement runs there.
#[derive(Debug)]
pub struct Gather {
    /// The statement as the client wrote it.
    pub original: String,
    pub at: ShardId,
    /// Every shard that takes part, in shard order.
    pub shards: Vec<ShardId>,
    pub inputs: Vec<Input>,
    /// The statement, with each input's name in place of its table's.
    pub sql: String,
    /// What stands in its text now and what stood there, for columns that are named after their text.
    pub renamed: Vec<(String, String)>,
    /// As [`ReadNode::float_columns`].
    pub float_columns: Vec<usize>,
    /// As [`ReadNode::recheck`].
    pub recheck: bool,
}

/// Rows of one table to be copied.
#[derive(Debug)]
pub struct Input {
    /// The name of the temporary table.
    pub scratch: String,
    /// The statement that makes it.
    pub definition: String,
    /// The table whose rows they are, or the tables as FROM has them.
    pub table: String,
    /// For a column of the temporary table, the table and the column that it comes from.
    pub origins: BTreeMap<String, (String, String)>,
    pub parts: Vec<Part>,
}

/// INSERT … SELECT whose rows are read first; the statement with them as VALUES is planned then.
#[derive(Debug)]
pub struct Refill {
    pub source: Box<Plan>,
    /// What stands before the query, and behind it.
    pub head: String,
    pub tail: String,
}

/// A write. On several shards it is one transaction.
#[derive(Debug)]
pub struct WriteNode {
    /// In shard order.
    pub parts: Vec<WritePart>,
    /// Every part writes the same rows: what one did, all did.
    pub copies: bool,
    /// Every part is expected to change rows.
    pub all_write: bool,
    /// The part with the statement's last row: its insert id is the statement's.
    pub last_row_in: usize,
    pub uniqueness: Option<Uniqueness>,
    pub relocation: Option<Relocation>,
    /// What the session variable `timestamp` is set to, so that NOW() is the same everywhere.
    pub clock: Option<String>,
    /// For an INSERT in parts, its rows one by one.
    pub rows: Vec<Part>,
    /// IGNORE passes over a row that violates a CHECK, though MariaDB does not if the row is the only one.
    pub forgives_checks: bool,
}

impl WriteNode {
    /// Every shard that takes part in a write, in shard order.
    pub fn shards(&self) -> Vec<ShardId> {
        match &self.uniqueness {
            // All owners are asked.
            Some(uniqueness) => uniqueness.parts.iter().map(|part| part.shard.clone()).collect(),
            None => {
                let written = self.parts.iter().map(|part| &part.part.shard);
                let target = self.relocation.iter().map(|relocation| &relocation.target);
                let mut shards: Vec<ShardId> = Vec::new();
                for shard in written.chain(target) {
                    if !shards.contains(shard) {
                        shards.push(shard.clone());
                    }
                }
                shards
            }
        }
    }

    /// Whether it is one statement on one shard, which needs no transaction.
    pub fn is_single(&self) -> bool {
        self.parts.len() == 1 && self.uniqueness.is_none() && self.relocation.is_none()
    }
}

/// What one shard does of a write.
#[derive(Debug)]
pub struct WritePart {
    pub part: Part,
    /// The rows could change owner under the write: hold the fence while writing.
    pub fenced: bool,
    /// The numbers of the statement's rows that it inserts.
    pub rows: Vec<usize>,
}

/// Rows whose sharding key was changed, on their way to its owner.
#[derive(Debug)]
pub struct Relocation {
    pub table: String,
    /// The columns that are stored, quoted, and as they are read exactly.
    pub columns: Vec<String>,
    pub exact: Vec<String>,
    /// Finds rows with the new key.
    pub condition: String,
    pub target: ShardId,
}

/// DDL for every shard.
#[derive(Debug)]
pub struct DefineNode {
    /// The home shard first, whose answer decides whether the statement is wrong.
    pub shards: Vec<ShardId>,
    /// Those of them that own nothing: they get what they lack with their first rows.
    pub newcomers: Vec<ShardId>,
    pub sql: String,
    /// Tables that must be the same everywhere before they are changed.
    pub tables: Vec<String>,
    /// What takes it back on a shard, where that is possible.
    pub inverse: Option<String>,
    /// Names of tables and views that it makes.
    pub new_names: Vec<String>,
}

/// One statement for one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub shard: ShardId,
    pub sql: String,
}

/// How the parts' rows become one answer.
#[derive(Debug)]
pub enum Merge {
    /// One part, or the parts one after another in shard order, cut by the window.
    Concatenate(Window),
    Ordered {
        keys: Vec<MergeKey>,
        hidden: usize,
        window: Window,
    },
    Grouped(Grouping),
}

/// Groups of the parts joined into one.
#[derive(Debug)]
pub struct Grouping {
    /// Group columns: those whose equal values make one group.
    pub keys: Vec<MergeKey>,
    /// For each column that the shards return, how its partial values become one.
    pub columns: Vec<Combine>,
    pub order: Vec<MergeKey>,
    /// Columns at the end that the client did not ask for.
    pub hidden: usize,
    pub window: Window,
}

/// How partial values of one column become one. MIN and MAX learn how to compare when the type is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    First,
    Count,
    Sum,
    Min { text: Option<Pad> },
    Max { text: Option<Pad> },
    Avg { sum: usize, count: usize },
}

/// LIMIT and OFFSET, applied after merging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub offset: u64,
    pub limit: Option<u64>,
}

/// A column to compare by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeKey {
    pub column: Position,
    pub descending: bool,
    /// How text in it compares, if it is under a `_bin` collation; `None`: text cannot be compared here.
    pub text: Option<Pad>,
}

/// A column of the shards' answers. Wildcards make counting from the front impossible for hidden columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    FromStart(usize),
    /// 1 is the last one.
    FromEnd(usize),
}

/// What must not be there twice when a write is done.
#[derive(Debug)]
pub struct Uniqueness {
    pub probes: Vec<Probe>,
    /// For each shard a query that returns a probe's number for each row that it finds; at most two of each.
    pub parts: Vec<Part>,
    /// The statement does not fail at a duplicate: one on another shard cannot be dealt with as it wants.
    pub only_tells: bool,
}

/// A value of a unique index.
#[derive(Debug)]
pub struct Probe {
    /// As the server names the index in its error.
    pub index: String,
    pub entry: String,
}

/// Ids that an INSERT needs before it can be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdsWanted {
    pub table: String,
    pub column: String,
    /// The id that each row brings: 0 if one is to be drawn, `None` if it cannot be told.
    pub rows: Vec<Option<u64>>,
}

impl IdsWanted {
    /// The drawn ids in row order, if the next one is `next`, and the next one after the statement: as on a server,
    /// where an id that a row brings makes the next one larger.
    pub fn assign(&self, mut next: u64) -> (Vec<u64>, u64) {
        let mut drawn = Vec::new();
        for row in self.rows.iter().flatten() {
            match row {
                0 => {
                    drawn.push(next);
                    next += 1;
                }
                given => next = next.max(given.saturating_add(1)),
            }
        }
        (drawn, next)
    }

    pub fn is_any_drawn(&self) -> bool {
        self.rows.contains(&Some(0))
    }
}
