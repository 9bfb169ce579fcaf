//! What is asked of each slot, as the routers count it: by this a hot shard is split.
//!
//! Routers count from their start on. A rate is what was counted within about the last minute, older rounds weighing less
//! and less. A router that does not answer, or was not asked twice yet, is unknown and never zero.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyspace::slots::halve::{SlotLoad, Unsplittable, check_splittable, plan_half_by_load};
use keyspace::slots::{SLOT_COUNT, Slot, SlotSet};
use keyspace::topology::ShardId;
use serde::Deserialize;

/// How long a router may take: a round must not wait for one that hangs.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// After so long a count weighs 1/e: long enough that one burst is not the load, short enough that after a shard's split
/// and its cooldown the slots that are gone no longer count.
const MEMORY: Duration = Duration::from_secs(60);

/// Below so many queries within the memory chance decides which slots seem hot.
const FEWEST_QUERIES: f64 = 100.0;

/// What a router answers to `GET /slots`.
#[derive(Clone, Debug, Deserialize)]
pub struct Counters {
    /// When it began to count; another time is another run of the router.
    since: Timestamp,
    /// Queries and rows by slot.
    slots: BTreeMap<u16, (u64, u64)>,
    /// All statements sent to each shard, those that name no slot included.
    shards: BTreeMap<ShardId, u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("it did not answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer cannot be read")]
    Malformed(#[source] serde_json::Error),
    #[error("its answer has a slot {0}")]
    NoSlot(u16),
}

/// Asks one router, `host:port`, for its counters.
pub async fn fetch_counters(client: &reqwest::Client, router: &str) -> Result<Counters, AskError> {
    let request = client.get(format!("http://{router}/slots")).timeout(ASK_TIMEOUT);
    let answer = request.send().await.map_err(|error| AskError::NoAnswer(error.without_url()))?;
    if !answer.status().is_success() {
        return Err(AskError::Status(answer.status().as_u16()));
    }
    let body = answer.bytes().await.map_err(|error| AskError::NoAnswer(error.without_url()))?;
    let counters: Counters = serde_json::from_slice(&body).map_err(AskError::Malformed)?;
    match counters.slots.keys().find(|&&slot| slot >= SLOT_COUNT) {
        Some(&slot) => Err(AskError::NoSlot(slot)),
        None => Ok(counters),
    }
}

/// Why it is not known what is asked of a shard's slots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasured {
    #[error("there is no router to ask")]
    NoRouters,
    #[error("no router tells ({router}: {why})")]
    Silent { router: String, why: String },
    #[error("the routers were not asked twice yet")]
    TooSoon,
    #[error("{queries} queries within about a minute tell too little")]
    TooFew { queries: u64 },
}

/// What all routers say, kept from round to round.
#[derive(Debug)]
pub struct SlotLoads {
    /// In the order of the configuration.
    routers: Vec<RouterLoad>,
}

impl SlotLoads {
    pub fn new(routers: &[String]) -> SlotLoads {
        SlotLoads { routers: routers.iter().map(|name| RouterLoad::new(name.clone())).collect() }
    }

    /// Takes the answers of a round, in the order of the routers, each with the moment in which it came.
    pub fn take(&mut self, answers: Vec<(Result<Counters, AskError>, Instant)>) {
        for (router, (answer, at)) in self.routers.iter_mut().zip(answers) {
            match answer {
                Ok(counters) => router.take(counters, at),
                Err(error) => router.silence = Some(keyspace::errors::chain(&error)),
            }
        }
    }

    /// How many routers did not tell in the last round.
    pub fn silent(&self) -> usize {
        self.routers.iter().filter(|router| router.silence.is_some()).count()
    }

    /// What is asked of a shard that owns these slots.
    pub fn of_shard(&self, shard: &ShardId, owned: &SlotSet) -> Result<ShardLoad, Unmeasured> {
        let measured: Vec<&RouterLoad> = self.routers.iter().filter(|router| router.is_measured()).collect();
        if measured.is_empty() {
            let silent = |router: &RouterLoad| {
                let why = router.silence.clone()?;
                Some(Unmeasured::Silent { router: router.name.clone(), why })
            };
            let unknown = if self.routers.is_empty() { Unmeasured::NoRouters } else { Unmeasured::TooSoon };
            return Err(self.routers.iter().find_map(silent).unwrap_or(unknown));
        }
        let mut slots = BTreeMap::new();
        let (mut statements, mut named, mut counted) = (0.0, 0.0, 0.0);
        for router in &measured {
            let sent = router.statements.get(shard).copied().unwrap_or_default();
            statements += sent / router.seconds;
            let mut queries = 0.0;
            for slot in owned.iter() {
                let sums = router.slots[usize::from(slot.number())];
                queries += sums.queries;
                let load: &mut SlotLoad = slots.entry(slot).or_default();
                load.queries += sums.queries / router.seconds;
                load.rows += sums.rows / router.seconds;
            }
            named += queries / router.seconds;
            counted += queries.max(sent);
        }
        if counted < FEWEST_QUERIES {
            return Err(Unmeasured::TooFew { queries: counted as u64 });
        }
        // What names no slot is work on all of them alike: each shard does a scatter's work for the rows that it has.
        let unnamed = (statements - named).max(0.0) / owned.len().max(1) as f64;
        slots.values_mut().for_each(|load| load.queries += unnamed);
        let unmeasured = self.routers.iter().filter(|router| !router.is_measured());
        Ok(ShardLoad {
            slots,
            routers: measured.len(),
            unmeasured: unmeasured.map(|router| router.name.clone()).collect(),
        })
    }
}

/// What is asked of one shard's slots.
#[derive(Clone, Debug)]
pub struct ShardLoad {
    slots: BTreeMap<Slot, SlotLoad>,
    /// How many routers told it, and which ones did not.
    routers: usize,
    unmeasured: Vec<String>,
}

impl ShardLoad {
    /// Slots that take half of it away, or why there are none.
    pub fn plan_half(&self, owned: &SlotSet) -> Result<SlotSet, Unsplittable> {
        plan_half_by_load(owned, |slot| self.of(slot))
    }

    /// Whether a split relieves the shard. A router that is not heard may have the rest of the load, so that all of them
    /// have to agree before a slot counts as too hot.
    pub fn check_splittable(&self, owned: &SlotSet) -> Result<(), Unsplittable> {
        match check_splittable(owned, |slot| self.of(slot)) {
            Err(Unsplittable::HotSlot { .. }) if !self.unmeasured.is_empty() => Ok(()),
            outcome => outcome,
        }
    }

    /// The part of the queries that goes to some of the slots, 0 to 1.
    pub fn share_of(&self, part: &SlotSet) -> f64 {
        let sum = |slots: &mut dyn Iterator<Item = &SlotLoad>| slots.map(|load| load.queries).sum::<f64>();
        let all = sum(&mut self.slots.values());
        let own = sum(&mut self.slots.iter().filter(|(slot, _)| part.contains(**slot)).map(|(_, load)| load));
        if all > 0.0 { own / all } else { 0.0 }
    }

    /// The part of the queries that goes to the hottest slot, 0 to 1.
    pub fn hottest_share(&self) -> f64 {
        let all: f64 = self.slots.values().map(|load| load.queries).sum();
        let hottest = self.slots.values().map(|load| load.queries).fold(0.0, f64::max);
        if all > 0.0 { hottest / all } else { 0.0 }
    }

    /// Who measured it, for people.
    pub fn measured_by(&self) -> String {
        let routers = self.routers + self.unmeasured.len();
        match (&self.unmeasured[..], routers) {
            ([], 1) => "the router".to_owned(),
            ([], _) => format!("{routers} routers"),
            (away, _) => format!("{} of {routers} routers, without {}", self.routers, away.join(", ")),
        }
    }

    fn of(&self, slot: Slot) -> SlotLoad {
        self.slots.get(&slot).copied().unwrap_or_default()
    }
}

/// What one router says.
#[derive(Debug)]
struct RouterLoad {
    name: String,
    /// Its last answer.
    last: Option<(Instant, Counters)>,
    /// Why there was none in the last round.
    silence: Option<String>,
    /// What was counted between two answers, and for how many seconds, the older the less. Their quotient is the rate.
    slots: Vec<SlotLoad>,
    statements: BTreeMap<ShardId, f64>,
    seconds: f64,
}

impl RouterLoad {
    fn new(name: String) -> RouterLoad {
        RouterLoad {
            name,
            last: None,
            silence: None,
            slots: vec![SlotLoad::default(); usize::from(SLOT_COUNT)],
            statements: BTreeMap::new(),
            seconds: 0.0,
        }
    }

    fn is_measured(&self) -> bool {
        self.silence.is_none() && self.seconds > 0.0
    }

    fn take(&mut self, now: Counters, at: Instant) {
        self.silence = None;
        if let Some((before_at, before)) = self.last.take() {
            let passed = at.saturating_duration_since(before_at).as_secs_f64();
            // After a restart the time since the last answer was only in part one of counting.
            if before.since == now.since && passed > 0.0 {
                self.add(&before, &now, passed);
            }
        }
        self.last = Some((at, now));
    }

    fn add(&mut self, before: &Counters, now: &Counters, passed: f64) {
        let kept = (-passed / MEMORY.as_secs_f64()).exp();
        for load in &mut self.slots {
            load.queries *= kept;
            load.rows *= kept;
        }
        self.statements.values_mut().for_each(|sent| *sent *= kept);
        self.seconds = self.seconds * kept + passed;
        let risen = |from: u64, to: u64| to.saturating_sub(from) as f64;
        for (slot, (queries, rows)) in &now.slots {
            let (queries_before, rows_before) = before.slots.get(slot).copied().unwrap_or_default();
            if let Some(load) = self.slots.get_mut(usize::from(*slot)) {
                load.queries += risen(queries_before, *queries);
                load.rows += risen(rows_before, *rows);
            }
        }
        for (shard, sent) in &now.shards {
            let sent_before = before.shards.get(shard).copied().unwrap_or_default();
            *self.statements.entry(shard.clone()).or_default() += risen(sent_before, *sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard_1() -> ShardId {
        ShardId::new("shard-1").unwrap()
    }

    fn owned() -> SlotSet {
        (0..100).filter_map(Slot::new).collect()
    }

    fn slot_set(slots: &[u16]) -> SlotSet {
        slots.iter().filter_map(|&slot| Slot::new(slot)).collect()
    }

    fn counters(run: i64, slots: &[(u16, u64)], statements: u64) -> Result<Counters, AskError> {
        Ok(Counters {
            since: Timestamp::from_second(run).unwrap(),
            slots: slots.iter().map(|&(slot, queries)| (slot, (queries, 0))).collect(),
            shards: BTreeMap::from([(shard_1(), statements)]),
        })
    }

    /// Routers asked at moments in seconds; says what is known of a shard with slots 0 to 99.
    struct Rounds {
        loads: SlotLoads,
        start: Instant,
    }

    impl Rounds {
        fn of(routers: &[&str]) -> Rounds {
            let routers: Vec<String> = routers.iter().map(|&router| router.to_owned()).collect();
            Rounds { loads: SlotLoads::new(&routers), start: Instant::now() }
        }

        fn at(&mut self, second: u64, answers: Vec<Result<Counters, AskError>>) -> Result<ShardLoad, Unmeasured> {
            let at = self.start + Duration::from_secs(second);
            self.loads.take(answers.into_iter().map(|answer| (answer, at)).collect());
            self.loads.of_shard(&shard_1(), &owned())
        }
    }

    /// Queries a second.
    #[track_caller]
    fn check_rate(load: &ShardLoad, slot: u16, expected: f64) {
        let rate = load.of(Slot::new(slot).unwrap()).queries;
        assert!((rate - expected).abs() < 0.01 * expected.max(0.1), "slot {slot}: {rate}, expected {expected}");
    }

    #[test]
    fn rates_come_from_differences() {
        let mut rounds = Rounds::of(&["a"]);
        assert_eq!(rounds.at(0, vec![counters(1, &[(3, 5000)], 5000)]).unwrap_err(), Unmeasured::TooSoon);
        let load = rounds.at(10, vec![counters(1, &[(3, 5100), (4, 200)], 5300)]).unwrap();
        check_rate(&load, 3, 10.0);
        check_rate(&load, 4, 20.0);
        check_rate(&load, 5, 0.0);
        assert_eq!((load.share_of(&slot_set(&[4])), load.hottest_share()), (2.0 / 3.0, 2.0 / 3.0));
        assert_eq!(load.measured_by(), "the router");
    }

    #[test]
    fn rates_follow_within_some_minutes_and_not_at_once() {
        let mut rounds = Rounds::of(&["a"]);
        let mut total = 0;
        let mut rate_after = |second: u64, rate: u64| {
            total += rate * 10;
            rounds.at(second, vec![counters(1, &[(3, total)], total)])
        };
        for second in (0..300).step_by(10) {
            let _ = rate_after(second, 100);
        }
        // One burst of ten seconds is a sixth of what is remembered.
        let burst = rate_after(300, 1000).unwrap().of(Slot::new(3).unwrap()).queries;
        assert!((200.0..300.0).contains(&burst), "{burst}");
        for second in (310..700).step_by(10) {
            let _ = rate_after(second, 0);
        }
        assert!(matches!(rate_after(700, 0), Err(Unmeasured::TooFew { .. })));
    }

    #[test]
    fn a_restart_of_a_router_is_no_fall() {
        let mut rounds = Rounds::of(&["a"]);
        let _ = rounds.at(0, vec![counters(1, &[(3, 1000)], 1000)]);
        check_rate(&rounds.at(10, vec![counters(1, &[(3, 2000)], 2000)]).unwrap(), 3, 100.0);
        check_rate(&rounds.at(20, vec![counters(15, &[(3, 10)], 10)]).unwrap(), 3, 100.0);
        check_rate(&rounds.at(30, vec![counters(15, &[(3, 1010)], 1010)]).unwrap(), 3, 100.0);
        // Also when it has counted more by now than the run before had.
        check_rate(&rounds.at(40, vec![counters(31, &[(3, 99_999)], 99_999)]).unwrap(), 3, 100.0);
    }

    #[test]
    fn a_router_that_is_silent_is_unknown_and_not_zero() {
        let mut rounds = Rounds::of(&["a", "b"]);
        let _ = rounds.at(0, vec![counters(1, &[], 0), counters(1, &[], 0)]);
        let both = rounds.at(10, vec![counters(1, &[(3, 1000)], 1000), counters(1, &[(4, 1000)], 1000)]).unwrap();
        assert_eq!((both.share_of(&slot_set(&[3])), both.measured_by().as_str()), (0.5, "2 routers"));
        let one = rounds.at(20, vec![counters(1, &[(3, 2000)], 2000), Err(AskError::Status(404))]).unwrap();
        assert_eq!((one.hottest_share(), one.measured_by().as_str()), (1.0, "1 of 2 routers, without b"));
        assert_eq!(rounds.loads.silent(), 1);
        // The other one may have asked for any slot: nothing is too hot for certain.
        assert_eq!(one.check_splittable(&owned()), Ok(()));
        let none = rounds.at(30, vec![Err(AskError::Status(503)), Err(AskError::Status(404))]).unwrap_err();
        assert_eq!(none.to_string(), "no router tells (a: it answered with status 503)");
        // It counted on meanwhile: what it says tells of the whole time.
        let back = rounds.at(50, vec![counters(1, &[(3, 5000)], 5000), counters(1, &[(4, 5000)], 5000)]).unwrap();
        check_rate(&back, 3, 100.0);
        check_rate(&back, 4, 100.0);
    }

    #[test]
    fn a_lone_hot_slot_is_told_apart_from_one_beside_scatter_reads() {
        let hot = |statements| {
            let mut rounds = Rounds::of(&["a"]);
            let _ = rounds.at(0, vec![counters(1, &[], 0)]);
            rounds.at(10, vec![counters(1, &[(3, 900), (4, 100)], statements)]).unwrap()
        };
        let why = hot(1000).check_splittable(&owned()).unwrap_err();
        assert_eq!(why.to_string(), "slot 3 alone carries 90 % of its load");
        assert_eq!(hot(1000).plan_half(&owned()).unwrap_err(), why);
        // As many statements name no slot, and each slot has its part of them.
        let beside = hot(2000);
        assert_eq!(beside.check_splittable(&owned()), Ok(()));
        let half = beside.plan_half(&owned()).unwrap();
        assert!((beside.share_of(&half) - 0.5).abs() < 0.03, "{half}");
    }

    #[test]
    fn little_load_tells_nothing() {
        assert_eq!(Rounds::of(&[]).at(0, vec![]).unwrap_err(), Unmeasured::NoRouters);
        let mut rounds = Rounds::of(&["a"]);
        let _ = rounds.at(0, vec![counters(1, &[], 0)]);
        let few = rounds.at(10, vec![counters(1, &[(3, 60)], 60)]).unwrap_err();
        assert_eq!(few.to_string(), "60 queries within about a minute tell too little");
    }

    #[test]
    fn what_a_router_answers_is_read() {
        let text = r#"{"since":"2026-03-01T12:00:00.5Z","slots":{"17":[5,9]},"shards":{"shard-1":7}}"#;
        let read: Counters = serde_json::from_str(text).unwrap();
        assert_eq!((read.slots[&17], read.shards[&shard_1()]), ((5, 9), 7));
    }
}
