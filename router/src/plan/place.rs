//! Which shards hold the rows that a statement's tables can contribute.

use std::collections::{BTreeMap, BTreeSet};

use keyspace::keys::{KeyColumn, KeyLiteral, KeySlot, KeyType};
use keyspace::schema::{TableColumn, TableKind};
use keyspace::slots::Slot;
use keyspace::topology::ShardId;

use super::planner::Planner;
use super::refusal::Refusal;
use super::tree::Route;
use crate::sql::meaning::statement::{ColumnRef, Condition, Operand, Scope};
use crate::sql::read::error::Unsupported;

/// Where all rows lie that matter to a statement.
pub enum Place {
    /// On every shard: reference tables, or no table at all.
    Any,
    Home,
    Shard {
        shard: ShardId,
        reason: String,
        /// The slots that the keys name.
        slots: BTreeSet<Slot>,
        /// Rows of any slot may matter: the shard is the only owner, and no key had to be named.
        may_touch_others: bool,
    },
    Several(Several),
}

/// A place on several shards.
pub struct Several {
    /// In shard order.
    pub shards: Vec<ShardId>,
    pub route: Route,
    pub reason: String,
    /// The slots that the keys name; empty if they do not pin every table.
    pub slots: BTreeSet<Slot>,
}

/// A table use, by scope and position.
pub type TablePosition = (usize, usize);

/// For a column of a table use, in lower case, the literals that it must equal one of.
pub type Pins = BTreeMap<(usize, usize, String), Vec<KeyLiteral>>;

impl Planner<'_> {
    pub fn place(&self, scopes: &[Scope]) -> Result<Place, Refusal> {
        if let Some(shard) = self.only_owner().filter(|shard| *shard == self.topology.home().id) {
            let reason = "one shard owns every row".to_owned();
            // While rows move it matters whether these can be among them.
            if !self.topology.moves().is_empty()
                && let Ok(Place::Shard { slots, .. }) = self.place_by_keys(scopes)
            {
                return Ok(Place::Shard { shard, reason, slots, may_touch_others: false });
            }
            return Ok(Place::Shard { shard, reason, slots: self.named_slots(scopes), may_touch_others: true });
        }
        self.place_by_keys(scopes)
    }

    fn place_by_keys(&self, scopes: &[Scope]) -> Result<Place, Refusal> {
        let mut sharded: Vec<(TablePosition, &str, KeyType)> = Vec::new();
        let mut unsharded = false;
        for (scope_index, scope) in scopes.iter().enumerate() {
            if let Some(cte) = scope.ctes.iter().find(|cte| self.schema.table(cte).is_some()) {
                let hint = "give the WITH query a name of its own";
                return Err(Unsupported::with_hint(format!("WITH `{cte}`, which is also a table's name,"), hint).into());
            }
            for (table_index, used) in scope.tables.iter().enumerate() {
                self.own_schema(&used.table)?;
                let table = self.schema.table(&used.table.name).ok_or_else(|| self.no_such_table(&used.table))?;
                match &table.kind {
                    TableKind::Sharded { key, key_type } => {
                        sharded.push(((scope_index, table_index), key, *key_type));
                    }
                    TableKind::Reference => {}
                    TableKind::Unsharded => unsharded = true,
                    TableKind::Unusable { reason } => {
                        return Err(Refusal::UnusableTable { table: table.name.clone(), reason: reason.clone() });
                    }
                    TableKind::View => {
                        let hint = "select from its tables";
                        return Err(Unsupported::with_hint(
                            format!("the view {} over several shards", table.name),
                            hint,
                        )
                        .into());
                    }
                }
            }
        }
        if sharded.is_empty() {
            return Ok(if unsharded { Place::Home } else { Place::Any });
        }
        let pins = self.pins(scopes);
        let mut slots = BTreeSet::new();
        for ((scope, table), key, key_type) in sharded {
            match pins.get(&(scope, table, key.to_lowercase())).and_then(|literals| exact_slots(literals, key_type)) {
                Some(found) => slots.extend(found),
                None => return Ok(Place::Several(self.everywhere(&scopes[scope].tables[table].alias, key))),
            }
        }
        Ok(self.place_of_slots(slots, unsharded))
    }

    fn everywhere(&self, alias: &str, key: &str) -> Several {
        Several {
            shards: self.all_owners(),
            route: Route::Scatter,
            reason: format!("no condition pins `{key}`, the sharding key of {alias}, to exact values"),
            slots: BTreeSet::new(),
        }
    }

    /// The slots that the keys name where none has to be; empty if they do not pin every sharded table.
    fn named_slots(&self, scopes: &[Scope]) -> BTreeSet<Slot> {
        let tables = scopes.iter().enumerate().flat_map(|(scope_index, scope)| {
            scope.tables.iter().enumerate().map(move |(table_index, used)| ((scope_index, table_index), used))
        });
        let sharded = tables.filter_map(|(place, used)| {
            let (key, key_type) = self.schema.table(&used.table.name)?.shard_key()?;
            Some((place, key, key_type))
        });
        let mut pins = None;
        let mut slots = BTreeSet::new();
        for ((scope, table), key, key_type) in sharded {
            let pinned = pins.get_or_insert_with(|| self.pins(scopes)).get(&(scope, table, key.to_lowercase()));
            match pinned.and_then(|literals| exact_slots(literals, key_type)) {
                Some(found) => slots.extend(found),
                None => return BTreeSet::new(),
            }
        }
        slots
    }

    /// The shards whose rows of one use of a table can matter, by `pins`.
    pub fn shards_of(&self, pins: &Pins, (scope, table): TablePosition, key: &str, key_type: KeyType) -> Vec<ShardId> {
        let pinned = pins.get(&(scope, table, key.to_lowercase()));
        match pinned.and_then(|literals| exact_slots(literals, key_type)) {
            Some(slots) => {
                let owners = self.owners(&slots);
                self.shards_where(|shard| owners.contains(shard))
            }
            None => self.all_owners(),
        }
    }

    fn owners(&self, slots: &BTreeSet<Slot>) -> BTreeSet<&ShardId> {
        slots.iter().map(|&slot| &self.topology.owner(slot).id).collect()
    }

    /// Every shard that owns slots, in shard order.
    fn all_owners(&self) -> Vec<ShardId> {
        self.topology.owning_shards().iter().map(|shard| shard.id.clone()).collect()
    }

    fn place_of_slots(&self, slots: BTreeSet<Slot>, unsharded: bool) -> Place {
        let mut owners = self.owners(&slots);
        if unsharded {
            owners.insert(&self.topology.home().id);
        }
        let shards = self.shards_where(|shard| owners.contains(shard));
        match (&shards[..], &slots.iter().collect::<Vec<_>>()[..]) {
            // Only NULL was asked for, which equals nothing: any shard answers that.
            ([], _) => Place::Any,
            ([shard], [slot]) => {
                let reason = format!("the sharding key is in slot {slot}, which {shard} owns");
                Place::Shard { shard: shard.clone(), reason, slots, may_touch_others: false }
            }
            ([shard], _) => {
                let reason = format!("every sharding key named lies on {shard}");
                Place::Shard { shard: shard.clone(), reason, slots, may_touch_others: false }
            }
            (several, _) => Place::Several(Several {
                shards: several.to_vec(),
                route: Route::Multi,
                reason: format!("the sharding keys named lie on {} shards", several.len()),
                slots,
            }),
        }
    }

    /// The literals to which columns are pinned, also through equalities between columns.
    pub fn pins(&self, scopes: &[Scope]) -> Pins {
        let mut pins = Pins::new();
        let mut equalities = Vec::new();
        for (index, scope) in scopes.iter().enumerate() {
            for condition in &scope.conditions {
                let Some(column) = self.resolve(scopes, index, &condition.column) else { continue };
                match &condition.operand {
                    Operand::Literals(literals) if restricts(condition, index, (column.0, column.1)) => {
                        pins.entry(column)
                            .or_insert_with(|| literals.iter().map(|literal| literal.value.clone()).collect());
                    }
                    Operand::Literals(_) => {}
                    Operand::Column(other) => {
                        let Some(other) = self.resolve(scopes, index, other) else { continue };
                        if self.comparable(scopes, &column, &other) {
                            equalities.push((index, condition, column, other));
                        }
                    }
                }
            }
        }
        // Each round carries literals over one more equality.
        loop {
            let mut learned = Vec::new();
            for (index, condition, one, two) in &equalities {
                for (from, to) in [(one, two), (two, one)] {
                    // A subquery's conditions say nothing about the rows around it.
                    let inward = to.0 == *index;
                    if inward && restricts(condition, *index, (to.0, to.1)) && !pins.contains_key(to) {
                        learned.extend(pins.get(from).map(|literals| (to.clone(), literals.clone())));
                    }
                }
            }
            if learned.is_empty() {
                return pins;
            }
            pins.extend(learned);
        }
    }

    /// The table use that a column belongs to, in its scope or in one around it.
    pub fn resolve(&self, scopes: &[Scope], scope_index: usize, column: &ColumnRef) -> Option<(usize, usize, String)> {
        let scope = &scopes[scope_index];
        let has = |index: &usize| {
            let used = &scope.tables[*index];
            match &column.qualifier {
                Some(qualifier) => used.alias.eq_ignore_ascii_case(qualifier),
                None => self.schema.table(&used.table.name).is_some_and(|table| table.column(&column.name).is_some()),
            }
        };
        let may_be_derived = match &column.qualifier {
            Some(qualifier) => scope.derived.iter().any(|name| name.eq_ignore_ascii_case(qualifier)),
            None => !scope.derived.is_empty(),
        };
        let mut candidates = (0..scope.tables.len()).filter(has);
        match (candidates.next(), candidates.next(), scope.parent) {
            (Some(table), None, _) => Some((scope_index, table, column.name.to_lowercase())),
            (None, _, Some(parent)) if !may_be_derived => self.resolve(scopes, parent, column),
            (Some(_), Some(_), _) | (None, _, _) => None,
        }
    }

    /// Whether two columns compare as their own types do, so that one's literal is the other's as well.
    fn comparable(&self, scopes: &[Scope], one: &(usize, usize, String), two: &(usize, usize, String)) -> bool {
        let column = |(scope, table, name): &(usize, usize, String)| {
            self.schema.table(&scopes[*scope].tables[*table].table.name)?.column(name)
        };
        match (column(one), column(two)) {
            (Some(one), Some(two)) => {
                one.collation == two.collation && key_type(one).is_some() && key_type(one) == key_type(two)
            }
            _ => false,
        }
    }
}

fn key_type(column: &TableColumn) -> Option<KeyType> {
    KeyType::of_column(&KeyColumn {
        data_type: &column.data_type,
        column_type: &column.column_type,
        collation: column.collation.as_deref(),
        fraction_digits: column.fraction_digits,
    })
    .ok()
}

/// Whether a condition restricts the rows of a table use of its own scope.
fn restricts(condition: &Condition, scope: usize, (of_scope, table): TablePosition) -> bool {
    scope == of_scope && condition.only.as_ref().is_none_or(|only| only.contains(&table))
}

/// The slots of literals under a key type; `None` if one of them does not convert exactly.
fn exact_slots(literals: &[KeyLiteral], key_type: KeyType) -> Option<BTreeSet<Slot>> {
    let mut slots = BTreeSet::new();
    for literal in literals {
        match key_type.slot_of(literal) {
            KeySlot::Slot(slot) => {
                slots.insert(slot);
            }
            KeySlot::Null => {}
            KeySlot::Inexact => return None,
        }
    }
    Some(slots)
}
