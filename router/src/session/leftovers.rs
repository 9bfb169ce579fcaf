//! The few bytes that a session leaves when it has nothing else to remember: what its last statements did.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Of a generation. At 128 bytes of name both take 4 MB.
const MOST: usize = 10_000;

/// What LAST_INSERT_ID(), ROW_COUNT() and FOUND_ROWS() give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    pub last_insert_id: u64,
    pub row_count: i64,
    pub found_rows: u64,
}

/// Leftovers of sessions that hold no place, in two generations: the older one goes when the younger is full.
#[derive(Default)]
pub struct Leftovers {
    young: HashMap<String, (Instant, Leftover)>,
    old: HashMap<String, (Instant, Leftover)>,
}

impl Leftovers {
    /// Keeps what a session left; returns the names of those whose leftovers went for it.
    pub fn keep(&mut self, name: &str, leftover: Leftover, now: Instant) -> Vec<String> {
        if leftover == Leftover::default() {
            return Vec::new();
        }
        let mut dropped = HashMap::new();
        if self.young.len() >= MOST {
            dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        }
        self.young.insert(name.to_owned(), (now, leftover));
        dropped.into_keys().collect()
    }

    /// What the last session of this name left, if that is not too long ago.
    pub fn take(&mut self, name: &str, idle_timeout: Duration) -> Option<Leftover> {
        let kept = self.young.remove(name).or_else(|| self.old.remove(name));
        kept.filter(|(at, _)| at.elapsed() <= idle_timeout).map(|(_, leftover)| leftover)
    }

    /// As every session ends that is idle for so long.
    pub fn forget_old(&mut self, idle_timeout: Duration) {
        for generation in [&mut self.young, &mut self.old] {
            generation.retain(|_, (at, _)| at.elapsed() <= idle_timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn leftover(last_insert_id: u64) -> Leftover {
        Leftover { last_insert_id, ..Leftover::default() }
    }

    #[test]
    fn a_session_finds_what_it_left() {
        let mut leftovers = Leftovers::default();
        leftovers.keep("a", leftover(7), Instant::now());
        leftovers.keep("b", Leftover::default(), Instant::now());
        assert_eq!(leftovers.take("a", HOUR), Some(leftover(7)));
        assert_eq!(leftovers.take("a", HOUR), None);
        assert_eq!(leftovers.take("b", HOUR), None);
        leftovers.keep("a", leftover(7), Instant::now());
        leftovers.forget_old(Duration::ZERO);
        assert_eq!(leftovers.take("a", HOUR), None);
    }

    #[test]
    fn the_oldest_go_and_are_named() {
        let mut leftovers = Leftovers::default();
        let mut dropped = Vec::new();
        for number in 0..2 * MOST + 1 {
            dropped.extend(leftovers.keep(&number.to_string(), leftover(1), Instant::now()));
        }
        assert_eq!(dropped.len(), MOST);
        assert!(dropped.contains(&"0".to_owned()) && !dropped.contains(&MOST.to_string()));
        assert_eq!(leftovers.take(&MOST.to_string(), HOUR), Some(leftover(1)));
    }
}
