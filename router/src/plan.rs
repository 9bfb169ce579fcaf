//! Decides, without IO, which shards a statement goes to, what each gets, and how the answers become one.

mod change;
mod define;
mod gather;
mod information_schema;
mod insert;
mod names;
mod order;
mod place;
mod question;
mod reduce;
mod scatter;
mod select;
mod stains;
#[cfg(test)]
mod tests;
mod together;
mod unique;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use keyspace::schema::Schema;
use keyspace::slots::Slot;
use keyspace::topology::{Epoch, ShardId, Topology};

pub use self::insert::IdsWanted;
use self::names::is_information_schema;
use self::place::{Place, Several};
use self::question::Question;
pub use self::unique::Uniqueness;
use crate::merge::compare::Pad;
use crate::sql::freeze::frozen;
use crate::sql::inspect::Inspect;
use crate::sql::statement::{Opaque, Read, Scope, Statement, TableName, TableUse, Unsupported};
use crate::sql::{self, Sql, analyse};

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

/// Why a statement is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{} is not supported here", .0.construct)]
    Unsupported(Unsupported),
    /// What the server would answer itself; asking it could do harm.
    #[error("Table '{database}.{table}' doesn't exist")]
    NoSuchTable { database: String, table: String },
    #[error("{table} cannot be used: {reason}")]
    UnusableTable { table: String, reason: String },
    #[error("{message}")]
    BadKey { message: String, hint: String },
    #[error("{0} while rows are moving")]
    MoveInProgress(&'static str),
}

impl Refusal {
    /// A table or view of which the name differs from that of another one in case only.
    pub(crate) fn twin(name: &str, twin: &str) -> Refusal {
        let hint = "choose another name: on some servers both would be one table";
        Unsupported::with_hint(format!("`{name}` beside `{twin}`, which differs in case only,"), hint).into()
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Refusal::Unsupported(unsupported) => unsupported.hint.as_deref(),
            Refusal::BadKey { hint, .. } => Some(hint),
            Refusal::MoveInProgress(_) => Some("try again when the move is over (GET /topology shows it)"),
            Refusal::NoSuchTable { .. } | Refusal::UnusableTable { .. } => None,
        }
    }
}

impl From<Unsupported> for Refusal {
    fn from(unsupported: Unsupported) -> Refusal {
        Refusal::Unsupported(unsupported)
    }
}

/// What a plan is made from.
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
    /// Plans a statement for this topology and schema.
    pub fn plan(&self, sql: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        self.resolve_names(sql, statement)?;
        let plan = self.plan_by_kind(sql, statement)?;
        Ok(Plan { stains: self.may_stain(sql, statement), ..plan })
    }

    fn plan_by_kind(&self, sql: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        match statement {
            Statement::Read(read) => self.plan_read(sql, read),
            Statement::Insert(insert) => self.plan_insert(sql, insert),
            Statement::Change(change) => self.plan_change(sql, change),
            Statement::Define(define) => self.plan_define(sql, define),
            Statement::Inspect(inspect) => self.plan_inspect(sql, inspect),
            Statement::Explain(explained) => self.plan_explain(sql, &explained.0, &explained.1),
            Statement::Unread(why) => Err(why.clone().into()),
            Statement::Opaque(opaque) => self.plan_opaque(sql, opaque),
        }
    }

    fn plan_inspect(&self, sql: &Sql, inspect: &Inspect) -> Result<Plan, Refusal> {
        if let Some(other) = inspect.databases.iter().find(|name| *name != self.schema.database()) {
            return Err(self.other_database(other));
        }
        for table in &inspect.tables {
            self.own_schema(table)?;
        }
        let text = inspect.sql(self.schema.database());
        match (inspect.is_alike, self.only_owner()) {
            (true, _) => {
                let reason = "every shard has the same tables; the home shard answers".to_owned();
                Ok(self.read_from(Route::Home, &self.topology.home().id, text, true, reason))
            }
            (false, Some(shard)) => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.read_from(Route::Single, &shard, text, true, reason))
            }
            (false, None) => Err(Unsupported::new(format!("{} over several shards", sql.text)).into()),
        }
    }

    fn plan_explain(&self, sql: &Sql, explained: &Sql, statement: &Statement) -> Result<Plan, Refusal> {
        let Some(shard) = self.only_owner() else {
            let hint = "POST /explain shows where a statement goes";
            return Err(Unsupported::with_hint("EXPLAIN over several shards", hint).into());
        };
        match statement {
            Statement::Read(_) | Statement::Insert(_) | Statement::Change(_) | Statement::Opaque(_) => {
                self.resolve_names(explained, statement)?;
            }
            Statement::Define(_) | Statement::Unread(_) | Statement::Inspect(_) | Statement::Explain(_) => {
                return Err(Unsupported::new("EXPLAIN of this statement").into());
            }
        }
        if sql::names::qualified(explained).iter().any(|name| is_information_schema(name.first())) {
            return Err(Unsupported::new("EXPLAIN of a read of information_schema").into());
        }
        let reason = "one shard owns every row".to_owned();
        Ok(self.read_from(Route::Single, &shard, sql.text.clone(), true, reason))
    }

    fn plan_read(&self, sql: &Sql, read: &Read) -> Result<Plan, Refusal> {
        if let Some(plan) = self.plan_information_schema(sql, read)? {
            return Ok(plan);
        }
        let (text, float_columns) = self.read_floats(sql, read)?;
        let mut plan = match self.read_at(self.place(&read.scopes)?, text) {
            Ok(plan) => plan,
            Err(several) => {
                let frozen = frozen(sql, self.now).and_then(|sql| match analyse(&sql) {
                    Ok(Statement::Read(read)) => Some((sql, read)),
                    _ => None,
                });
                let (sql, read) = frozen.as_ref().map_or((sql, read), |(sql, read)| (sql, read));
                let plan = self.plan_several(&Question::new(sql, read, &several))?;
                return Ok(Plan { slots: several.slots.into_iter().collect(), ..plan });
            }
        };
        if let Node::Read(node) = &mut plan.node {
            node.float_columns = float_columns;
        }
        Ok(plan)
    }

    /// Merged if that is possible, else over what is left of each shard's rows, else over copies of them.
    fn plan_several(&self, question: &Question) -> Result<Plan, Refusal> {
        let scattered = match self.unmergeable {
            Some(why) => Err(Refusal::Unsupported(why.clone())),
            None => self.plan_scatter(question),
        };
        match scattered {
            Err(Refusal::Unsupported(why)) => match self.plan_reduced(question, &why) {
                Some(plan) => Ok(plan),
                None => self.plan_gather(question, &why),
            },
            outcome => outcome,
        }
    }

    /// Plans a read of which only the scopes are known; `None` if that takes the whole statement.
    pub fn plan_by_scopes(&self, text: &str, scopes: &[Scope]) -> Option<Plan> {
        let mut tables = scopes.iter().flat_map(|scope| &scope.tables);
        let is_sent_unchanged = |used: &TableUse| {
            let table = self.schema.table(&used.table.name).filter(|_| self.own_schema(&used.table).is_ok());
            table.is_some_and(|table| !table.columns.iter().any(scatter::is_float))
        };
        if !tables.all(is_sent_unchanged) {
            return None;
        }
        self.read_at(self.place(scopes).ok()?, text.to_owned()).ok()
    }

    /// A read of one place; the place is given back if it is several.
    fn read_at(&self, place: Place, text: String) -> Result<Plan, Several> {
        Ok(match place {
            Place::Any => {
                let reason = "only reference tables, which every shard has whole".to_owned();
                self.read_from(Route::Reference, &self.topology.home().id, text, true, reason)
            }
            Place::Home => {
                let reason = "unsharded tables lie on the home shard".to_owned();
                self.read_from(Route::Home, &self.topology.home().id, text, true, reason)
            }
            Place::Shard { shard, reason, slots, may_touch_others } => {
                let moving = may_touch_others || self.any_moving(&slots);
                let plan = self.read_from(Route::Single, &shard, text, moving, reason);
                Plan { slots: slots.into_iter().collect(), ..plan }
            }
            Place::Several(several) => return Err(several),
        })
    }

    fn plan_opaque(&self, sql: &Sql, opaque: &Opaque) -> Result<Plan, Refusal> {
        match (self.only_owner(), opaque.writes) {
            (Some(shard), false) => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.read_from(Route::Single, &shard, sql.text.clone(), true, reason))
            }
            // While rows move, a write that is not understood could not be sent on to their new owner.
            (Some(shard), true) if self.topology.moves().is_empty() => {
                let reason = "one shard owns every row".to_owned();
                Ok(self.write_to(Route::Single, shard, sql.text.clone(), true, reason))
            }
            (Some(_), true) | (None, _) => Err(opaque.why.clone().into()),
        }
    }

    /// The shard that owns every slot, if one does.
    fn only_owner(&self) -> Option<ShardId> {
        let first = self.topology.owner(Slot::OF_NULL);
        (self.topology.owning_shard_count() == 1).then(|| first.id.clone())
    }

    /// `moving`: the rows may be among those that move.
    fn read_from(&self, route: Route, shard: &ShardId, sql: String, moving: bool, reason: String) -> Plan {
        let node = Node::Read(ReadNode {
            parts: vec![Part { shard: shard.clone(), sql }],
            merge: Merge::Concatenate(Window::default()),
            float_columns: Vec::new(),
            recheck: moving && self.is_moving(shard),
        });
        Plan { route, reason, node, epoch: self.topology.epoch(), stains: false, slots: Vec::new() }
    }

    /// Whether rows may change owner under a statement on this shard.
    fn is_moving(&self, shard: &ShardId) -> bool {
        self.topology.moves_touching(shard).next().is_some()
    }

    /// The shards that a test picks, in shard order.
    fn shards_where(&self, is_picked: impl Fn(&ShardId) -> bool) -> Vec<ShardId> {
        let shards = self.topology.shards().iter().map(|shard| &shard.id);
        shards.filter(|shard| is_picked(shard)).cloned().collect()
    }

    fn write_to(&self, route: Route, shard: ShardId, sql: String, moving: bool, reason: String) -> Plan {
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

    fn no_such_table(&self, table: &TableName) -> Refusal {
        Refusal::NoSuchTable { database: self.schema.database().to_owned(), table: table.name.clone() }
    }
}
