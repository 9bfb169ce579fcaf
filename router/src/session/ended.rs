//! What is remembered of transactions that ended without their clients' doing.
//!
//! Statements that belong to one must not run by themselves: that would apply half of it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use crate::sql::meaning::command::Command;

/// After this long nobody is expected to go on with a transaction.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Sessions; the oldest are forgotten first. At 128 bytes of name it is 2 MB.
const MOST: usize = 10_000;

/// A transaction that was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// Why, for the client.
    pub why: String,
    pub heard: Heard,
}

/// What the client has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    /// That its last statement failed, which it may take for that statement's matter alone.
    Failure,
}

impl RolledBack {
    /// Whether a statement may run as if nothing had been.
    pub fn permits(&self, command: Option<&Command>) -> bool {
        match (command, self.heard) {
            (Some(Command::Rollback { .. }), _) | (Some(Command::Begin { .. }), Heard::Failure) => true,
            // It would commit what is not there any more.
            (Some(Command::Begin { .. }), Heard::Nothing) => false,
            (
                Some(
                    Command::Commit { .. }
                    | Command::RollbackTo(_)
                    | Command::Savepoint(_)
                    | Command::Release(_)
                    | Command::Set(_),
                )
                | None,
                _,
            ) => false,
        }
    }
}

/// What the router has forgotten of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Variables, or what the last statement did.
    Values,
    /// That its transaction was rolled back.
    Transaction,
}

/// Marks of a generation: at 16 bytes each both take 4 MB. Far more sessions than that would have to end within the time
/// that a client takes for its next statement.
const MOST_MARKS: usize = 100_000;

/// The transactions of sessions that are no more.
#[derive(Default)]
pub struct EndedSessions {
    by_name: HashMap<String, (Instant, RolledBack)>,
    /// Of what was dropped no more than that is known, by a hash of the name that nobody else can compute.
    marks: HashMap<u64, Forgotten>,
    older_marks: HashMap<u64, Forgotten>,
    hasher: RandomState,
}

impl EndedSessions {
    pub fn remember(&mut self, name: String, ended: RolledBack, now: Instant) {
        if self.by_name.len() >= MOST && !self.by_name.contains_key(&name) {
            let oldest = self.by_name.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.by_name.remove(&oldest);
                self.mark(&oldest, Forgotten::Transaction);
            }
        }
        self.by_name.insert(name, (now, ended));
    }

    /// What its next session of this name has to hear.
    pub fn take(&mut self, name: &str) -> Option<RolledBack> {
        self.by_name.remove(name).map(|(_, ended)| ended)
    }

    /// Notes that something of a session was dropped.
    pub fn mark(&mut self, name: &str, what: Forgotten) {
        if self.marks.len() >= MOST_MARKS {
            self.older_marks = std::mem::take(&mut self.marks);
        }
        self.marks.insert(self.hasher.hash_one(name), what);
    }

    /// What the next session of this name lacks.
    pub fn take_mark(&mut self, name: &str) -> Option<Forgotten> {
        let name = self.hasher.hash_one(name);
        self.marks.remove(&name).or_else(|| self.older_marks.remove(&name))
    }

    pub fn forget_old(&mut self, now: Instant) {
        self.by_name.retain(|_, (at, _)| now.duration_since(*at) < REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(heard: Heard) -> RolledBack {
        RolledBack { why: "idle".to_owned(), heard }
    }

    fn check_permits(sql: &str, expected: [bool; 2]) {
        let command = crate::sql::meaning::command::command(&crate::sql::read::read(sql, &[]).unwrap()).unwrap();
        let permits = [Heard::Nothing, Heard::Failure].map(|heard| ended(heard).permits(command.as_ref()));
        assert_eq!(permits, expected, "{sql}");
    }

    #[test]
    fn only_what_does_not_count_on_the_transaction_may_follow_it() {
        check_permits("ROLLBACK", [true, true]);
        check_permits("ROLLBACK AND CHAIN", [true, true]);
        check_permits("BEGIN", [false, true]);
        check_permits("START TRANSACTION READ ONLY", [false, true]);
        check_permits("COMMIT", [false, false]);
        check_permits("ROLLBACK TO a", [false, false]);
        check_permits("SAVEPOINT a", [false, false]);
        check_permits("SET autocommit = 1", [false, false]);
        check_permits("UPDATE accounts SET v = 0", [false, false]);
        check_permits("SELECT 1", [false, false]);
    }

    #[test]
    fn a_session_hears_of_it_once() {
        let mut sessions = EndedSessions::default();
        sessions.remember("a".to_owned(), ended(Heard::Nothing), Instant::now());
        assert_eq!(sessions.take("b"), None);
        assert_eq!(sessions.take("a"), Some(ended(Heard::Nothing)));
        assert_eq!(sessions.take("a"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_by_number_and_time() {
        let start = Instant::now();
        let at = |second: usize| start + Duration::from_secs(second as u64);
        let mut sessions = EndedSessions::default();
        for number in 0..MOST + 3 {
            sessions.remember(number.to_string(), ended(Heard::Nothing), at(number));
        }
        assert_eq!(sessions.by_name.len(), MOST);
        assert_eq!(sessions.take("2"), None);
        // That there was something stays known for longer.
        assert_eq!(sessions.take_mark("2"), Some(Forgotten::Transaction));
        assert_eq!(sessions.take_mark("3"), None);
        assert!(sessions.take("3").is_some());
        sessions.forget_old(at(MOST + 2) + REMEMBERED);
        assert_eq!(sessions.by_name.len(), 0);
    }
}
