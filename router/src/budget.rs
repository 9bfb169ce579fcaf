//! The memory that a router holds for its clients: one budget for bodies, statements, answers, rows and sessions.
//!
//! Whoever is about to hold something takes its bytes first, and gives them back by dropping what it took. One client
//! may hold a share only, so that nobody takes the room of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use door::Client;
use tokio::sync::Notify;

use crate::error::QueryError;

/// What memory is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bodies of requests, while they arrive and until their statement is answered.
    Bodies,
    /// Tokens and trees of statements that are read and planned.
    Statements,
    /// Answers, until their client has taken them.
    Answers,
    /// Rows of a merge or of a query that an INSERT reads.
    Rows,
    /// Variables of sessions.
    Sessions,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Bodies, Kind::Statements, Kind::Answers, Kind::Rows, Kind::Sessions];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Bodies => "bodies",
            Kind::Statements => "statements",
            Kind::Answers => "answers",
            Kind::Rows => "rows",
            Kind::Sessions => "sessions",
        }
    }
}

/// See the module.
pub struct Budget {
    total: usize,
    /// Of one client.
    share: usize,
    holdings: Mutex<Holdings>,
    /// Something was given back.
    room: Notify,
}

#[derive(Default)]
struct Holdings {
    held: usize,
    by_client: HashMap<Client, usize>,
    by_kind: [Usage; Kind::ALL.len()],
}

/// What is held of a kind, and how often there was no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub held_bytes: usize,
    pub refusals: u64,
}

/// Why memory is not given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// Not even if nothing else were held.
    Ever,
    OfClient,
    OfAll,
}

impl Budget {
    pub fn new(total_bytes: usize) -> Arc<Budget> {
        let share = total_bytes - total_bytes / 4;
        Arc::new(Budget { total: total_bytes, share, holdings: Mutex::default(), room: Notify::new() })
    }

    /// The most that one client may hold: three quarters, so that there is always room for others.
    pub fn share(&self) -> usize {
        self.share
    }

    /// Takes room for something; dropping it gives the room back.
    ///
    /// # Errors
    /// `Overloaded` if there is not so much room now, `LimitExceeded` if there never is for one client.
    pub fn take(self: &Arc<Budget>, client: Client, kind: Kind, bytes: usize) -> Result<Held, QueryError> {
        let mut held = Held { budget: self.clone(), client, kind, bytes: 0 };
        held.grow(bytes)?;
        Ok(held)
    }

    /// As [`Budget::take`], but waits for room until `deadline`.
    pub async fn take_by(
        self: &Arc<Budget>,
        client: Client,
        kind: Kind,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Held, QueryError> {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // What is given back between the look and the wait is heard of, too.
            room.as_mut().enable();
            match self.try_grow(client, kind, 0, bytes) {
                Ok(()) => return Ok(Held { budget: self.clone(), client, kind, bytes }),
                Err(Shortage::Ever) => return Err(self.refused(kind, Shortage::Ever, bytes)),
                Err(lack) => {
                    if tokio::time::timeout_at(deadline.into(), room).await.is_err() {
                        return Err(self.refused(kind, lack, bytes));
                    }
                }
            }
        }
    }

    /// What is held, kind by kind.
    pub fn usage(&self) -> [(Kind, Usage); Kind::ALL.len()] {
        let by_kind = self.lock().by_kind;
        Kind::ALL.map(|kind| (kind, by_kind[kind as usize]))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Holdings> {
        self.holdings.lock().expect("no holder of this lock panics")
    }

    fn try_grow(&self, client: Client, kind: Kind, held: usize, bytes: usize) -> Result<(), Shortage> {
        if held.saturating_add(bytes) > self.share {
            return Err(Shortage::Ever);
        }
        let mut holdings = self.lock();
        if holdings.held + bytes > self.total {
            return Err(Shortage::OfAll);
        }
        let of_client = holdings.by_client.get(&client).copied().unwrap_or_default() + bytes;
        if of_client > self.share {
            return Err(Shortage::OfClient);
        }
        if of_client > 0 {
            holdings.by_client.insert(client, of_client);
        }
        holdings.held += bytes;
        holdings.by_kind[kind as usize].held_bytes += bytes;
        Ok(())
    }

    fn give_back(&self, client: Client, kind: Kind, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut holdings = self.lock();
        holdings.held -= bytes;
        holdings.by_kind[kind as usize].held_bytes -= bytes;
        if let Some(of_client) = holdings.by_client.get_mut(&client) {
            *of_client -= bytes;
            if *of_client == 0 {
                holdings.by_client.remove(&client);
            }
        }
        drop(holdings);
        self.room.notify_waiters();
    }

    fn refused(&self, kind: Kind, shortage: Shortage, bytes: usize) -> QueryError {
        self.lock().by_kind[kind as usize].refusals += 1;
        let what = kind.as_str();
        let (share, total) = (self.share, self.total);
        match shortage {
            Shortage::Ever => QueryError::TooMuchMemory(format!(
                "{what} of {bytes} bytes are more than one client may hold ({share} bytes, three quarters of \
                 limits.max_memory_bytes)"
            )),
            Shortage::OfClient => QueryError::Overloaded(format!(
                "no room for {bytes} more bytes of {what}: your client's other requests hold the rest of its {share} \
                 bytes (three quarters of limits.max_memory_bytes)"
            )),
            Shortage::OfAll => QueryError::Overloaded(format!(
                "no room for {bytes} more bytes of {what}: the router holds {total} bytes for clients at most \
                 (limits.max_memory_bytes)"
            )),
        }
    }
}

/// Room that was taken.
pub struct Held {
    budget: Arc<Budget>,
    client: Client,
    kind: Kind,
    bytes: usize,
}

impl Held {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more room; on an error as much is held as before.
    pub fn grow(&mut self, bytes: usize) -> Result<(), QueryError> {
        match self.budget.try_grow(self.client, self.kind, self.bytes, bytes) {
            Ok(()) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(Shortage::Ever) => {
                Err(self.budget.refused(self.kind, Shortage::Ever, self.bytes.saturating_add(bytes)))
            }
            Err(lack) => Err(self.budget.refused(self.kind, lack, bytes)),
        }
    }

    /// Holds so many bytes at least. Room is taken by the step: cheap for what grows little by little.
    pub fn cover(&mut self, bytes: usize) -> Result<(), QueryError> {
        const STEP: usize = 64 << 10;
        match bytes.checked_sub(self.bytes) {
            None | Some(0) => Ok(()),
            // The last step before the limit may be a short one.
            Some(lacking) => self.grow(lacking.next_multiple_of(STEP)).or_else(|_| self.grow(lacking)),
        }
    }

    /// Gives back what is above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.give_back(self.client, self.kind, surplus);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes of {}", self.bytes, self.kind.as_str())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.client, self.kind, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(address: &str) -> Client {
        Client::at(address.parse().unwrap())
    }

    #[test]
    fn what_is_dropped_makes_room() {
        let budget = Budget::new(100);
        let (one, other) = (client("10.0.0.1"), client("10.0.0.2"));
        let mut held = budget.take(one, Kind::Bodies, 50).unwrap();
        held.grow(25).unwrap();
        let refused = budget.take(one, Kind::Answers, 1).unwrap_err();
        assert!(
            matches!(&refused, QueryError::Overloaded(why) if why.contains("limits.max_memory_bytes")),
            "{refused}"
        );
        // Others find the quarter that one client may not have.
        let others = budget.take(other, Kind::Answers, 25).unwrap();
        assert!(matches!(budget.take(other, Kind::Answers, 1), Err(QueryError::Overloaded(_))));
        let expected = [(Kind::Bodies, 75, 0), (Kind::Answers, 25, 2)];
        for (kind, held_bytes, refusals) in expected {
            assert!(budget.usage().contains(&(kind, Usage { held_bytes, refusals })), "{:?}", budget.usage());
        }
        held.shrink_to(10);
        budget.take(one, Kind::Answers, 65).unwrap();
        drop((held, others));
        assert!(budget.usage().iter().all(|(_, usage)| usage.held_bytes == 0));
        assert!(budget.lock().by_client.is_empty());
    }

    #[test]
    fn what_never_fits_says_so() {
        let budget = Budget::new(100);
        let mut held = budget.take(Client::default(), Kind::Answers, 70).unwrap();
        assert!(matches!(held.grow(6), Err(QueryError::TooMuchMemory(_))));
        assert!(matches!(budget.take(Client::default(), Kind::Answers, 76), Err(QueryError::TooMuchMemory(_))));
        assert_eq!(held.bytes(), 70);
    }

    #[test]
    fn what_grows_by_little_is_taken_by_the_step() {
        let budget = Budget::new(200 << 10);
        let mut held = budget.take(Client::default(), Kind::Answers, 0).unwrap();
        held.cover(1).unwrap();
        assert_eq!(held.bytes(), 64 << 10);
        held.cover(150 << 10).unwrap();
        assert_eq!(held.bytes(), 150 << 10);
        held.cover(10).unwrap();
        assert_eq!(held.bytes(), 150 << 10);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_its_own() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:3:4:5:6"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
    }

    #[tokio::test]
    async fn who_waits_gets_the_room_that_is_given_back() {
        let budget = Budget::new(100);
        let first = budget.take(Client::default(), Kind::Statements, 60).unwrap();
        let soon = Instant::now() + Duration::from_millis(10);
        let late = budget.take_by(Client::default(), Kind::Statements, 60, soon).await;
        assert!(matches!(late, Err(QueryError::Overloaded(_))));
        let (waiting, ()) = tokio::join!(
            budget.take_by(Client::default(), Kind::Statements, 60, Instant::now() + Duration::from_secs(60)),
            async { drop(first) }
        );
        assert_eq!(waiting.unwrap().bytes(), 60);
    }
}
