//! Rows that tell which transactions over several shards a shard's snapshot holds.
//!
//! Each writing branch commits one with its own rows. A read over several shards that finds a transaction on one
//! participant and not on another has met it half-way, and reads again (as in RAMP, Bailis et al., SIGMOD 2014). Once
//! every participant has committed, a row is of no use to reads that begin from then on; it is deleted when reads that
//! began before are over.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use keyspace::topology::ShardId;

/// The snapshots of one read must not be further apart than this.
pub const SETTLING: Duration = Duration::from_millis(400);
/// A transaction of which every branch is committed, and the shards that have its marker.
pub struct Settled {
    pub number: String,
    pub shards: Vec<ShardId>,
    pub at: Instant,
}

impl Settled {
    pub fn new(number: String, shards: Vec<ShardId>) -> Settled {
        Settled { number, shards, at: Instant::now() }
    }
}

/// Transactions that one snapshot holds, each with its participants between commas.
pub type Markers = HashMap<String, String>;

/// The transactions that some of the snapshots hold and others, of shards that took part, do not.
pub fn torn<'a>(snapshots: &[(&ShardId, &'a Markers)]) -> BTreeSet<&'a str> {
    let mut torn = BTreeSet::new();
    for (_, markers) in snapshots {
        for (number, participants) in *markers {
            let lacks = |(shard, others): &(&ShardId, &Markers)| {
                !others.contains_key(number) && participants.split(',').any(|participant| participant == shard.as_str())
            };
            if snapshots.iter().any(lacks) {
                torn.insert(number.as_str());
            }
        }
    }
    torn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markers(entries: &[(&str, &[&str])]) -> Markers {
        entries.iter().map(|(number, participants)| (number.to_string(), participants.join(","))).collect()
    }

    #[test]
    fn a_transaction_on_one_of_its_shards_only_is_torn() {
        let (one, two, three) = (shard("a"), shard("b"), shard("c"));
        let on_one = markers(&[("t1", &["a", "b"]), ("t2", &["a", "c"]), ("t3", &["a", "b"])]);
        let on_two = markers(&[("t1", &["a", "b"])]);
        let on_three = markers(&[("t2", &["a", "c"])]);
        let snapshots = [(&one, &on_one), (&two, &on_two), (&three, &on_three)];
        assert_eq!(torn(&snapshots), BTreeSet::from(["t3"]));
        // Whether the other participant has it does not matter to those who do not read there.
        assert_eq!(torn(&[(&one, &on_one), (&three, &on_three)]), BTreeSet::new());
    }

    fn shard(name: &str) -> ShardId {
        ShardId::new(name).unwrap()
    }
}
