//! Which slots a hot shard gives away, by what is asked of them.

use std::fmt;

use crate::slots::{Slot, SlotSet};

/// What is asked of one slot, in any unit that is the same for all slots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SlotLoad {
    pub queries: f64,
    /// Rows returned or changed.
    pub rows: f64,
}

/// Why no choice of slots halves what is asked of a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unsplittable {
    TooFewSlots,
    /// One slot has nearly all of it, and rows of one slot stay together.
    HotSlot {
        slot: Slot,
        /// 0 to 1.
        share: f64,
    },
}

impl fmt::Display for Unsplittable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsplittable::TooFewSlots => f.write_str("it has fewer than two slots"),
            Unsplittable::HotSlot { slot, share } => {
                write!(f, "slot {slot} alone carries {:.0} % of its load", share * 100.0)
            }
        }
    }
}

/// Above this share of a shard's queries a slot is moved nowhere: a new shard would be as hot as the old one is, for the
/// price of a move.
const HOT_SHARE: f64 = 0.8;

/// How far from half, as a part of it, one range of slots may be before single slots are picked: few ranges keep the
/// topology short, and loads change by more than this while rows move.
const RANGE_TOLERANCE: f64 = 0.05;

/// A slot with more than this share of a shard's weight is picked by itself; all others are given as one range. Picking
/// every slot by itself would make a topology of thousands of ranges.
const PICKED_SHARE: f64 = 0.01;

/// What queries, rows and being a slot weigh. Queries decide. Rows tell slots of equally many queries apart, and the
/// number of slots divides those of which nothing is asked; both together shift a half by less than 2 %.
const QUERIES_WEIGHT: f64 = 0.97;
const ROWS_WEIGHT: f64 = 0.02;
const COUNT_WEIGHT: f64 = 0.01;

/// Sums differ by this for their rounding alone.
const NOTHING: f64 = 1e-12;

/// Whether moving slots can relieve a shard at all.
pub fn check_splittable(owned: &SlotSet, load: impl Fn(Slot) -> SlotLoad) -> Result<(), Unsplittable> {
    if owned.len() < 2 {
        return Err(Unsplittable::TooFewSlots);
    }
    let mut hottest = (Slot::OF_NULL, 0.0);
    let mut all = 0.0;
    for slot in owned.iter() {
        let queries = amount(load(slot).queries);
        all += queries;
        if queries > hottest.1 {
            hottest = (slot, queries);
        }
    }
    let (slot, share) = (hottest.0, hottest.1 / all);
    match all > 0.0 && share > HOT_SHARE {
        true => Err(Unsplittable::HotSlot { slot, share }),
        false => Ok(()),
    }
}

/// The slots that a hot shard gives away so that each side keeps half of what is asked of it, as nearly as possible: one
/// range if that comes near enough, else the hottest slots one by one and a range of the others. Of two equal sides the
/// one with fewer slots goes, as fewer rows move with it. Without any load, the upper half.
///
/// Never none and never all of the slots.
pub fn plan_half_by_load(owned: &SlotSet, load: impl Fn(Slot) -> SlotLoad) -> Result<SlotSet, Unsplittable> {
    check_splittable(owned, &load)?;
    let weights = weights(owned, load);
    let range = cut(&weights);
    let given = match range.distance() <= RANGE_TOLERANCE / 2.0 {
        true => range,
        false => {
            let picked = pick(&weights);
            // Many ranges have to be worth it.
            if picked.distance() + NOTHING < range.distance() { picked } else { range }
        }
    };
    let kept: SlotSet = owned.iter().filter(|&slot| !given.slots.contains(slot)).collect();
    Ok(if kept.len() < given.slots.len() { kept } else { given.slots })
}

/// One side of a split.
struct Side {
    slots: SlotSet,
    /// 0 to 1.
    weight: f64,
}

impl Side {
    fn distance(&self) -> f64 {
        (self.weight - 0.5).abs()
    }
}

/// The weight of each slot in ascending order, all of them together 1.
fn weights(owned: &SlotSet, load: impl Fn(Slot) -> SlotLoad) -> Vec<(Slot, f64)> {
    let loads: Vec<(Slot, SlotLoad)> = owned.iter().map(|slot| (slot, load(slot))).collect();
    let queries: f64 = loads.iter().map(|(_, load)| amount(load.queries)).sum();
    let rows: f64 = loads.iter().map(|(_, load)| amount(load.rows)).sum();
    let part = |value: f64, of: f64| if of > 0.0 { amount(value) / of } else { 0.0 };
    let weight = |load: &SlotLoad| {
        QUERIES_WEIGHT * part(load.queries, queries)
            + ROWS_WEIGHT * part(load.rows, rows)
            + COUNT_WEIGHT / loads.len() as f64
    };
    let all: f64 = loads.iter().map(|(_, load)| weight(load)).sum();
    loads.iter().map(|(slot, load)| (*slot, weight(load) / all)).collect()
}

/// What cannot be a number of anything counts for nothing.
fn amount(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// The upper range of slots whose weight is nearest to half.
fn cut(weights: &[(Slot, f64)]) -> Side {
    let count = nearest_upper(weights, 0.0, 1..=weights.len() - 1);
    side(&weights[weights.len() - count..])
}

/// Slots of two even sides: the heavy ones, largest first, each to the lighter side, and the others as a range to each.
fn pick(weights: &[(Slot, f64)]) -> Side {
    let (mut heavy, light): (Vec<_>, Vec<_>) = weights.iter().partition(|(_, weight)| *weight > PICKED_SHARE);
    heavy.sort_by(|(one, one_weight), (two, two_weight)| two_weight.total_cmp(one_weight).then(one.cmp(two)));
    let mut sides = [Vec::new(), Vec::new()];
    let mut sums = [0.0, 0.0];
    for (slot, weight) in heavy {
        let lighter = usize::from(sums[1] < sums[0]);
        sides[lighter].push((slot, weight));
        sums[lighter] += weight;
    }
    let [mut given, kept] = sides;
    // Neither side may end up with nothing.
    let least = usize::from(given.is_empty());
    let most = light.len() - usize::from(kept.is_empty());
    let count = nearest_upper(&light, sums[0], least..=most);
    given.extend_from_slice(&light[light.len() - count..]);
    side(&given)
}

/// How many of the highest slots, within bounds, bring a side of weight `before` nearest to half; of equals the fewest.
fn nearest_upper(weights: &[(Slot, f64)], before: f64, bounds: std::ops::RangeInclusive<usize>) -> usize {
    let mut sum = before;
    let mut nearest = (*bounds.start(), f64::INFINITY);
    let sums = std::iter::once(0.0).chain(weights.iter().rev().map(|(_, weight)| *weight));
    for (count, weight) in sums.enumerate() {
        sum += weight;
        let distance = (sum - 0.5).abs();
        if bounds.contains(&count) && distance + NOTHING < nearest.1 {
            nearest = (count, distance);
        }
    }
    nearest.0
}

fn side(weights: &[(Slot, f64)]) -> Side {
    Side {
        slots: weights.iter().map(|(slot, _)| *slot).collect(),
        weight: weights.iter().map(|(_, weight)| weight).sum(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::slots::plan_half;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    fn set(text: &str) -> SlotSet {
        SlotSet::parse(text).unwrap()
    }

    fn by_queries(queries: &[(u16, f64)]) -> impl Fn(Slot) -> SlotLoad {
        let queries: BTreeMap<Slot, f64> = queries.iter().map(|&(number, queries)| (slot(number), queries)).collect();
        move |slot| SlotLoad { queries: queries.get(&slot).copied().unwrap_or(0.0), rows: 0.0 }
    }

    #[track_caller]
    fn check(owned: &str, queries: &[(u16, f64)], expected: &str) {
        let shown = match plan_half_by_load(&set(owned), by_queries(queries)) {
            Ok(given) => given.to_string(),
            Err(unsplittable) => unsplittable.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn without_load_the_upper_half_goes() {
        check("0-9", &[], "5-9");
        check("0-8", &[], "5-8");
        check("3,7", &[], "7");
    }

    #[test]
    fn a_range_goes_where_one_halves_the_load() {
        check("0-9", &[(1, 10.0), (2, 10.0), (3, 10.0), (4, 10.0)], "0-2");
        check("0-9", &[(5, 10.0), (6, 10.0), (7, 10.0), (9, 10.0)], "7-9");
        // Half of the queries, and the fewer slots of the two sides.
        check("0-16383", &[(100, 50.0), (16_000, 50.0)], "8192-16383");
        check("0-16383", &[(100, 50.0), (101, 50.0)], "0-100");
    }

    #[test]
    fn hot_slots_go_one_by_one_where_no_range_halves_the_load() {
        // Alone it has more than half: it goes by itself, and nothing else moves.
        check("0-99", &[(40, 60.0), (20, 20.0), (70, 20.0)], "40");
        check("0-99", &[(10, 30.0), (40, 40.0), (70, 30.0)], "10,70");
        check("0-99", &[(10, 35.0), (40, 30.0), (70, 35.0)], "10,40");
        // What the hot ones leave to be evened out, a range of the others does.
        let even: Vec<(u16, f64)> = (0..200).map(|slot| (slot, if slot == 90 { 80.0 } else { 1.0 })).collect();
        check("0-199", &even, "90,140-199");
    }

    #[test]
    fn one_slot_with_nearly_everything_is_named() {
        check("0-99", &[(40, 81.0), (41, 19.0)], "slot 40 alone carries 81 % of its load");
        check("0-99", &[(40, 80.0), (41, 20.0)], "40");
        check("7", &[], "it has fewer than two slots");
        check("", &[], "it has fewer than two slots");
    }

    #[test]
    fn rows_tell_slots_of_equal_queries_apart() {
        let given = |queries: f64, rows: [f64; 4]| {
            let load = |slot: Slot| SlotLoad { queries, rows: rows[usize::from(slot.number())] };
            plan_half_by_load(&set("0-3"), load).unwrap().to_string()
        };
        assert_eq!(given(1.0, [9.0, 9.0, 1.0, 1.0]), "2-3", "queries decide");
        assert_eq!(given(0.0, [9.0, 3.0, 3.0, 3.0]), "0");
    }

    #[test]
    fn numbers_that_are_none_count_for_nothing() {
        check("0-9", &[(0, f64::NAN), (1, f64::INFINITY), (2, -5.0)], "5-9");
    }

    fn loads() -> impl Strategy<Value = BTreeMap<u16, (f64, f64)>> {
        // From nothing to a million times as much: few slots have nearly everything.
        let amount =
            prop_oneof![2 => Just(0.0), 3 => 0.0..10.0, 1 => (0.0..6.0).prop_map(|power: f64| 10f64.powf(power))];
        prop::collection::btree_map(0..512u16, (amount.clone(), amount), 2..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn halves_are_parts_as_near_to_half_as_the_hottest_slot_allows(loads in loads()) {
            let owned: SlotSet = loads.keys().map(|&number| slot(number)).collect();
            let load = |slot: Slot| {
                let (queries, rows) = loads[&slot.number()];
                SlotLoad { queries, rows }
            };
            let all: f64 = loads.values().map(|(queries, _)| queries).sum();
            let hottest = loads.values().map(|(queries, _)| *queries).fold(0.0, f64::max) / all;
            let planned = plan_half_by_load(&owned, load);
            prop_assert_eq!(planned.clone(), plan_half_by_load(&owned, load));
            match planned {
                Ok(given) => {
                    prop_assert!(!given.is_empty() && given.len() <= owned.len() / 2);
                    prop_assert!(given.iter().all(|slot| owned.contains(slot)));
                    let weights = weights(&owned, load);
                    let weight: f64 = weights.iter().filter(|(slot, _)| given.contains(*slot)).map(|(_, weight)| weight).sum();
                    let heaviest = weights.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
                    let bound = (RANGE_TOLERANCE / 2.0).max(heaviest / 2.0) + 1e-9;
                    prop_assert!((weight - 0.5).abs() <= bound, "{weight}, heaviest {heaviest}");
                    if all > 0.0 {
                        prop_assert!(hottest <= HOT_SHARE);
                        // What rows and counts weigh may shift the queries by 2 %.
                        let queries: f64 = given.iter().map(|slot| load(slot).queries).sum::<f64>() / all;
                        prop_assert!((queries - 0.5).abs() <= bound + 0.02, "{queries}, hottest {hottest}");
                    }
                }
                Err(Unsplittable::HotSlot { slot, share }) => {
                    prop_assert!(share > HOT_SHARE);
                    prop_assert!((share - hottest).abs() < 1e-9);
                    prop_assert_eq!(load(slot).queries / all, share);
                }
                Err(Unsplittable::TooFewSlots) => prop_assert!(false, "there are two slots"),
            }
        }

        #[test]
        fn equal_slots_are_halved_by_count(count in 2u16..600, queries in 0.0..5.0) {
            let owned: SlotSet = (0..count).map(slot).collect();
            let given = plan_half_by_load(&owned, |_| SlotLoad { queries, rows: 0.0 }).unwrap();
            prop_assert_eq!(given, plan_half(&owned));
        }
    }
}
