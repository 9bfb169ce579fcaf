//! The keyspace: 16,384 slots, sets of them, and the map that gives each slot one owner.

pub mod halve;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many slots the keyspace has. A power of two, so that `CRC32(key) & 16383` is the slot in SQL too.
pub const SLOT_COUNT: u16 = 16_384;

/// One hash bucket of the keyspace, `0..SLOT_COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// `None` if `number` is outside the keyspace.
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOT_COUNT).then_some(Slot(number))
    }

    /// The slot of a key, from its canonical bytes (IEEE CRC32, as `CRC32()` of MySQL and MariaDB).
    pub fn of_canonical(bytes: &[u8]) -> Slot {
        Slot((crc32fast::hash(bytes) & u32::from(SLOT_COUNT - 1)) as u16)
    }

    /// The slot in which rows with a NULL key lie. The router refuses to write such rows; those that are
    /// there already still have exactly one place.
    pub const OF_NULL: Slot = Slot(0);

    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of slots. Written as ranges, `0-8191,9000`.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    words: Box<[u64; 256]>,
}

impl SlotSet {
    pub fn empty() -> SlotSet {
        SlotSet { words: Box::new([0; 256]) }
    }

    pub fn insert(&mut self, slot: Slot) {
        self.words[usize::from(slot.0 / 64)] |= 1 << (slot.0 % 64);
    }

    pub fn remove(&mut self, slot: Slot) {
        self.words[usize::from(slot.0 / 64)] &= !(1 << (slot.0 % 64));
    }

    pub fn contains(&self, slot: Slot) -> bool {
        self.words[usize::from(slot.0 / 64)] >> (slot.0 % 64) & 1 == 1
    }

    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub fn is_disjoint(&self, other: &SlotSet) -> bool {
        self.words.iter().zip(other.words.iter()).all(|(a, b)| a & b == 0)
    }

    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        all_slots().filter(|&slot| self.contains(slot))
    }

    /// The set as 2,048 bytes in hex: bit `s & 7` of byte `s >> 3` is slot `s`. The form that SQL tests against.
    pub fn to_hex(&self) -> String {
        use fmt::Write;
        let mut hex = String::with_capacity(4096);
        for byte in self.words.iter().flat_map(|word| word.to_le_bytes()) {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    fn ranges(&self) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for slot in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == slot.0 => *last = slot.0,
                _ => ranges.push((slot.0, slot.0)),
            }
        }
        ranges
    }

    fn parse(text: &str) -> Result<SlotSet, String> {
        let number = |part: &str| {
            let number = part.parse().map_err(|_| format!("`{part}` is not a slot number"))?;
            Slot::new(number).ok_or_else(|| format!("slot {number} is outside 0-{}", SLOT_COUNT - 1))
        };
        let mut set = SlotSet::empty();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            (first.0..=last.0).map(Slot).for_each(|slot| set.insert(slot));
        }
        Ok(set)
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut set = SlotSet::empty();
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.ranges().into_iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotSet({self})")
    }
}

impl Serialize for SlotSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SlotSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SlotSet, D::Error> {
        let text = String::deserialize(deserializer)?;
        SlotSet::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Every slot of the keyspace in ascending order.
pub fn all_slots() -> impl Iterator<Item = Slot> {
    (0..SLOT_COUNT).map(Slot)
}

/// Splits the keyspace into `shard_count` contiguous sets whose sizes differ by at most one.
pub fn plan_even_spread(shard_count: usize) -> Vec<SlotSet> {
    let mut sets = vec![SlotSet::empty(); shard_count];
    for slot in all_slots() {
        sets[usize::from(slot.0) * shard_count / usize::from(SLOT_COUNT)].insert(slot);
    }
    sets
}

/// What each owner gives up when a shard without slots joins: every owner above its fair share gives its
/// highest slots, so that the newcomer gets its exact share and nothing else moves.
pub fn plan_share_for_newcomer(owned: &[&SlotSet]) -> Vec<SlotSet> {
    let shards = owned.len() + 1;
    let base = usize::from(SLOT_COUNT) / shards;
    // The remainder stays with the owners that have the most: moving it would be movement without balance.
    let mut remainder = usize::from(SLOT_COUNT) % shards;
    let mut by_size: Vec<usize> = (0..owned.len()).collect();
    by_size.sort_by_key(|&i| std::cmp::Reverse(owned[i].len()));
    let mut given = vec![SlotSet::empty(); owned.len()];
    for i in by_size {
        let keep = base + usize::from(remainder > 0);
        if owned[i].len() > base {
            remainder = remainder.saturating_sub(1);
        }
        given[i] = highest(owned[i], owned[i].len().saturating_sub(keep));
    }
    given
}

/// The upper half of a shard's slots: what a hot shard gives to a new one if it is not known what is asked of them.
pub fn plan_half(owned: &SlotSet) -> SlotSet {
    highest(owned, owned.len() / 2)
}

/// What each of the `others` receives when a shard gives away all of its slots: whoever has the fewest is filled first,
/// so that they end as even as can be while nothing else moves. Each receives slots that lie together.
///
/// One set for each of the others, in their order; of nobody's, no sets at all.
pub fn plan_drain(given: &SlotSet, others: &[&SlotSet]) -> Vec<SlotSet> {
    let sizes: Vec<usize> = others.iter().map(|owned| owned.len()).collect();
    let mut slots = given.iter();
    plan_drain_sizes(given.len(), &sizes).into_iter().map(|share| slots.by_ref().take(share).collect()).collect()
}

/// How many of `given` slots [`plan_drain`] gives to each of those that own so many.
pub fn plan_drain_sizes(given: usize, others: &[usize]) -> Vec<usize> {
    let mut sizes = others.to_vec();
    for _ in 0..given {
        // The first of equals, so that the plan is always the same one.
        let Some(smallest) = (0..sizes.len()).min_by_key(|&i| sizes[i]) else { break };
        sizes[smallest] += 1;
    }
    sizes.iter().zip(others).map(|(after, before)| after - before).collect()
}

fn highest(set: &SlotSet, count: usize) -> SlotSet {
    let slots: Vec<Slot> = set.iter().collect();
    slots.into_iter().rev().take(count).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slot_is_the_crc32_that_the_servers_compute() {
        // SELECT CRC32('42') & 16383 on MariaDB 10.11 and MySQL 9.7.
        assert_eq!(Slot::of_canonical(b"42").number(), (841_265_288_u32 & 16_383) as u16);
        assert_eq!(Slot::of_canonical(b"").number(), 0);
    }

    #[test]
    fn hex_has_bit_s_and_7_of_byte_s_shr_3() {
        let set: SlotSet = [Slot(0), Slot(9)].into_iter().collect();
        assert_eq!(&set.to_hex()[..6], "010200");
        assert_eq!(set.to_hex().len(), 4096);
    }

    #[test]
    fn a_newcomer_takes_its_exact_share() {
        let spread = plan_even_spread(2);
        let given = plan_share_for_newcomer(&spread.iter().collect::<Vec<_>>());
        let taken: usize = given.iter().map(SlotSet::len).sum();
        assert_eq!(taken, 5461);
        assert!(given.iter().all(|set| set.len().abs_diff(2730) <= 1));
    }

    #[test]
    fn a_drained_shards_slots_fill_those_that_have_the_fewest() {
        let spread = plan_even_spread(4);
        let given = plan_drain(&spread[3], &[&spread[0], &spread[1], &spread[2]]);
        assert_eq!(given.iter().map(SlotSet::len).collect::<Vec<_>>(), [1366, 1365, 1365]);
        // One that has more than its share already receives nothing.
        let large: SlotSet = spread[0].iter().chain(spread[1].iter()).collect();
        let given = plan_drain(&spread[3], &[&large, &spread[2]]);
        assert_eq!(given.iter().map(SlotSet::len).collect::<Vec<_>>(), [0, 4096]);
        assert_eq!(given[1], spread[3]);
        assert_eq!(plan_drain(&spread[3], &[]), []);
    }

    #[test]
    fn wrong_ranges_are_named() {
        assert_eq!(SlotSet::parse("5-x").unwrap_err(), "`x` is not a slot number");
        assert_eq!(SlotSet::parse("16384").unwrap_err(), "slot 16384 is outside 0-16383");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_set_survives_its_text(numbers in prop::collection::vec(0..SLOT_COUNT, 0..200)) {
            let set: SlotSet = numbers.iter().map(|&n| Slot(n)).collect();
            prop_assert_eq!(SlotSet::parse(&set.to_string()).unwrap(), set);
        }

        #[test]
        fn a_drain_gives_each_slot_once_and_evens_out(owners in prop::collection::vec(0usize..5, 64)) {
            // Blocks of 256 slots, each with an owner; the first owner is drained.
            let owned = |owner: usize| -> SlotSet {
                all_slots().filter(|slot| owners[usize::from(slot.0 / 256)] == owner).collect()
            };
            let (given, others) = (owned(0), [owned(1), owned(2), owned(3), owned(4)]);
            let shares = plan_drain(&given, &others.iter().collect::<Vec<_>>());
            let mut received = SlotSet::empty();
            for share in &shares {
                prop_assert!(share.is_disjoint(&received));
                share.iter().for_each(|slot| received.insert(slot));
            }
            prop_assert_eq!(received, given);
            let sizes: Vec<usize> = others.iter().zip(&shares).map(|(own, share)| own.len() + share.len()).collect();
            let least = sizes.iter().min().unwrap();
            for (size, share) in sizes.iter().zip(&shares) {
                prop_assert!(share.is_empty() || size - least <= 1, "{:?}", sizes);
            }
        }

        #[test]
        fn shares_never_leave_anyone_more_than_one_slot_off(shards in 1usize..20) {
            let mut owned = vec![plan_even_spread(1).remove(0)];
            for _ in 1..shards {
                let given = plan_share_for_newcomer(&owned.iter().collect::<Vec<_>>());
                let mut newcomer = SlotSet::empty();
                for (set, gift) in owned.iter_mut().zip(&given) {
                    gift.iter().for_each(|slot| { set.remove(slot); newcomer.insert(slot); });
                }
                owned.push(newcomer);
            }
            let sizes: Vec<usize> = owned.iter().map(SlotSet::len).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), usize::from(SLOT_COUNT));
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
        }
    }
}
