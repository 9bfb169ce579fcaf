//! Whether the rows that a read puts together lie together, so that each shard can answer for its own.

use std::collections::BTreeSet;

use keyspace::keys::KeyType;
use keyspace::schema::{TableColumn, TableKind};

use super::place::TablePosition;
use super::planner::Planner;
use crate::sql::meaning::statement::{ColumnRef, Condition, Operand, Read};
use crate::sql::text::relations::{Membership, Relations};

impl Planner<'_> {
    /// Whether the answer over all rows is that of each shard over its own, one after another.
    ///
    /// It is, if every row of FROM holds a row of one sharded table (the anchor) and every other sharded table, also
    /// in subqueries, contributes only rows whose key equals that of the anchor. Reference tables are everywhere.
    pub fn is_together(&self, read: &Read, relations: &Relations) -> bool {
        let mut sharded = BTreeSet::new();
        for (scope_index, scope) in read.scopes.iter().enumerate() {
            // What comes out of a derived table may have been put together from several shards' rows.
            if !scope.derived.is_empty() {
                return false;
            }
            for (table_index, used) in scope.tables.iter().enumerate() {
                match self.schema.table(&used.table.name).map(|table| &table.kind) {
                    Some(TableKind::Sharded { .. }) => drop(sharded.insert((scope_index, table_index))),
                    Some(TableKind::Reference) => {}
                    _ => return false,
                }
            }
        }
        let is_optional = |(scope, table): TablePosition| {
            relations.uses.iter().any(|used| (used.scope, used.table) == (scope, table) && used.is_optional)
        };
        let Some(anchor) = sharded.iter().copied().find(|found| found.0 == 0 && !is_optional(*found)) else {
            return false;
        };
        let mut together = BTreeSet::from([anchor]);
        loop {
            let is_linked = |candidate: &&TablePosition| {
                !together.contains(*candidate)
                    && (self.is_joined(read, **candidate, is_optional(**candidate), &together)
                        || relations.memberships.iter().any(|membership| {
                            let outer = |found: &TablePosition| together.contains(found) && !is_optional(*found);
                            !is_optional(**candidate) && self.is_member(read, **candidate, membership, outer)
                        }))
            };
            match sharded.iter().find(is_linked) {
                Some(&linked) => drop(together.insert(linked)),
                None => return together == sharded,
            }
        }
    }

    /// Whether a condition of its own scope equates the key of a table with that of one of `together`.
    fn is_joined(
        &self,
        read: &Read,
        candidate: TablePosition,
        is_optional: bool,
        together: &BTreeSet<TablePosition>,
    ) -> bool {
        // The NULLs of an outer join depend on its own ON alone.
        let applies = |condition: &Condition| match &condition.only {
            None => !is_optional,
            Some(tables) => tables.contains(&candidate.1),
        };
        let scope = candidate.0;
        read.scopes[scope].conditions.iter().filter(|condition| applies(condition)).any(|condition| {
            let Operand::Column(other) = &condition.operand else { return false };
            match (self.key_at(read, scope, &condition.column), self.key_at(read, scope, other)) {
                (Some(one), Some(two)) if one.is_comparable(&two) => {
                    one.of == candidate && together.contains(&two.of)
                        || two.of == candidate && together.contains(&one.of)
                }
                _ => false,
            }
        })
    }

    /// Whether a membership equates the key of a table of a subquery with that of one of `outer`. Without NULLs on
    /// either side it makes no difference to IN which other values there are.
    fn is_member(
        &self,
        read: &Read,
        candidate: TablePosition,
        membership: &Membership,
        outer: impl Fn(&TablePosition) -> bool,
    ) -> bool {
        let found = self.key_at(read, membership.outer.0, &membership.outer.1);
        match (found, self.key_at(read, membership.inner.0, &membership.inner.1)) {
            (Some(one), Some(two)) => {
                let no_nulls = !one.column.nullable && !two.column.nullable;
                no_nulls && one.is_comparable(&two) && two.of == candidate && outer(&one.of)
            }
            _ => false,
        }
    }

    /// The sharding key that a column is, if it is one.
    fn key_at(&self, read: &Read, scope: usize, column: &ColumnRef) -> Option<KeyUse<'_>> {
        let (scope, table, name) = self.resolve(&read.scopes, scope, column)?;
        let table_of = self.schema.table(&read.scopes[scope].tables[table].table.name)?;
        let (key, key_type) = table_of.shard_key()?;
        let is_key = key.eq_ignore_ascii_case(&name);
        is_key.then_some(KeyUse { of: (scope, table), key_type, column: table_of.column(key)? })
    }
}

/// The sharding key of one use of a table.
struct KeyUse<'a> {
    of: TablePosition,
    key_type: KeyType,
    column: &'a TableColumn,
}

impl KeyUse<'_> {
    /// Whether equal values lie in one slot.
    fn is_comparable(&self, other: &KeyUse) -> bool {
        self.key_type == other.key_type && self.column.collation == other.column.collation
    }
}
