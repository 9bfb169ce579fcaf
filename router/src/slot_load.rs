//! How much is asked of each slot: counters since the router started, by which a scaler chooses what to move.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use keyspace::slots::{SLOT_COUNT, Slot, SlotSet};
use keyspace::topology::ShardId;
use serde_json::{Map, Value, json};

/// Counts the statements whose keys name a slot, and the rows that they returned or changed.
pub struct SlotCounters {
    since: Timestamp,
    /// By slot. Relaxed: nobody needs the counters of one instant, and statements must not wait for each other here.
    counters: Box<[Counter]>,
}

#[derive(Default)]
struct Counter {
    queries: AtomicU64,
    rows: AtomicU64,
}

impl SlotCounters {
    pub fn new(since: Timestamp) -> SlotCounters {
        SlotCounters { since, counters: (0..SLOT_COUNT).map(|_| Counter::default()).collect() }
    }

    /// Counts a statement that ran: one query for each slot that `slots` has, and `rows` spread evenly over the entries
    /// of `slots`, as it is not known which slot gave how many. Returns the number of different slots.
    pub fn count(&self, slots: &[Slot], rows: u64) -> u64 {
        let (&[first, ..], entries) = (slots, slots.len() as u64) else { return 0 };
        if entries == 1 {
            self.add(first, 1, rows);
            return 1;
        }
        let mut seen = SlotSet::empty();
        let mut queries = 0;
        for (&slot, position) in slots.iter().zip(0..) {
            let is_new = !seen.contains(slot);
            seen.insert(slot);
            queries += u64::from(is_new);
            self.add(slot, u64::from(is_new), rows / entries + u64::from(position < rows % entries));
        }
        queries
    }

    fn add(&self, slot: Slot, queries: u64, rows: u64) {
        let counter = &self.counters[usize::from(slot.number())];
        counter.queries.fetch_add(queries, Ordering::Relaxed);
        counter.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// What `GET /slots` answers: the counters that are not zero, and all statements that were sent to each shard, those
    /// that name no slot included.
    pub fn to_json(&self, statements: impl Iterator<Item = (ShardId, u64)>) -> Value {
        let counted = self.counters.iter().enumerate().filter_map(|(slot, counter)| {
            let (queries, rows) = (counter.queries.load(Ordering::Relaxed), counter.rows.load(Ordering::Relaxed));
            (queries > 0 || rows > 0).then(|| (slot.to_string(), json!([queries, rows])))
        });
        let shards: Map<String, Value> = statements.map(|(shard, sent)| (shard.to_string(), sent.into())).collect();
        json!({ "since": self.since, "slots": counted.collect::<Map<String, Value>>(), "shards": shards })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statements: &[(&[u16], u64)], expected: Value) {
        let counters = SlotCounters::new(Timestamp::UNIX_EPOCH);
        for (slots, rows) in statements {
            let slots: Vec<Slot> = slots.iter().map(|&slot| Slot::new(slot).unwrap()).collect();
            let mut different = slots.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(counters.count(&slots, *rows), different.len() as u64);
        }
        let answer = counters.to_json([(ShardId::new("shard-1").unwrap(), 7)].into_iter());
        assert_eq!(answer, json!({ "since": "1970-01-01T00:00:00Z", "slots": expected, "shards": { "shard-1": 7 } }));
    }

    #[test]
    fn each_slot_that_is_named_counts_once_for_a_statement() {
        check(&[], json!({}));
        check(&[(&[], 5)], json!({}));
        check(&[(&[17], 1), (&[17], 0), (&[16_383], 3)], json!({ "17": [2, 1], "16383": [1, 3] }));
    }

    #[test]
    fn rows_are_spread_over_the_slots_that_are_named() {
        check(&[(&[1, 2, 3], 7)], json!({ "1": [1, 3], "2": [1, 2], "3": [1, 2] }));
        // An INSERT of three rows, two of them in one slot.
        check(&[(&[5, 9, 5], 3)], json!({ "5": [1, 2], "9": [1, 1] }));
        check(&[(&[1, 2], 0)], json!({ "1": [1, 0], "2": [1, 0] }));
    }
}
