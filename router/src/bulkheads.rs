//! Walls between those who share a router: what one shard or one client takes of it has an end, so that the others go on.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use door::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::QueryError;

/// Places of which each owner has so many at most.
pub struct Shares<K> {
    taken: Mutex<HashMap<K, usize>>,
}

impl<K> Default for Shares<K> {
    fn default() -> Shares<K> {
        Shares { taken: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// A place, given back by dropping it; `None` if the owner has `most` already.
    pub fn enter(self: &Arc<Self>, owner: &K, most: usize) -> Option<Place<K>> {
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        match taken.get_mut(owner) {
            Some(count) if *count >= most => return None,
            Some(count) => *count += 1,
            None if most == 0 => return None,
            None => {
                taken.insert(owner.clone(), 1);
            }
        }
        Some(Place { shares: self.clone(), owner: owner.clone() })
    }
}

/// See [`Shares::enter`].
pub struct Place<K: Clone + Eq + Hash> {
    shares: Arc<Shares<K>>,
    owner: K,
}

impl<K: Clone + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().expect("no holder of this lock panics");
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

/// Three quarters, and one at least: what the greediest may take of what all share.
pub fn share_of(total: usize) -> usize {
    (total - total / 4).max(1)
}

/// The turns of statements: so many at a time, of which one client has three quarters at most.
pub struct Turns {
    all: Arc<Semaphore>,
    total: usize,
    by_client: Mutex<HashMap<Client, Arc<Semaphore>>>,
}

/// A turn, given back by dropping it.
pub struct Turn {
    _of_client: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub fn new(total: usize) -> Turns {
        Turns { all: Arc::new(Semaphore::new(total)), total, by_client: Mutex::default() }
    }

    /// How many have a turn.
    pub fn active(&self) -> usize {
        self.total.saturating_sub(self.all.available_permits())
    }

    /// Waits for a turn until `patience` ends.
    pub async fn take(&self, client: Client, patience: Instant) -> Result<Turn, QueryError> {
        let share = share_of(self.total);
        let of_client = tokio::time::timeout_at(patience.into(), self.of_client(client, share).acquire_owned()).await;
        let of_client = of_client.map_err(|_| {
            let why = "of your client are running already (three quarters of limits.max_concurrent_queries)";
            QueryError::Overloaded(format!("{share} queries {why}"))
        })?;
        let of_all = tokio::time::timeout_at(patience.into(), self.all.clone().acquire_owned()).await;
        let of_all = of_all.map_err(|_| {
            QueryError::Overloaded(format!(
                "{} queries are running already (limits.max_concurrent_queries)",
                self.total
            ))
        })?;
        match (of_client, of_all) {
            (Ok(of_client), Ok(of_all)) => Ok(Turn { _of_client: of_client, _of_all: of_all }),
            _ => Err(QueryError::Internal("a semaphore was closed".to_owned())),
        }
    }

    fn of_client(&self, client: Client, share: usize) -> Arc<Semaphore> {
        /// Clients that are remembered; those without a turn are forgotten first.
        const MOST: usize = 1_024;
        let mut by_client = self.by_client.lock().expect("no holder of this lock panics");
        if by_client.len() > MOST {
            by_client.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        by_client.entry(client).or_insert_with(|| Arc::new(Semaphore::new(share))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(number: u8) -> Client {
        Client::at([10, 0, 0, number].into())
    }

    #[test]
    fn an_owner_has_a_share_and_others_have_theirs() {
        let shares = Arc::new(Shares::default());
        let places: Vec<_> = (0..2).map(|_| shares.enter(&"a", 2)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(shares.enter(&"a", 2).is_none());
        assert!(shares.enter(&"b", 2).is_some());
        drop(places);
        assert!(shares.enter(&"a", 2).is_some());
        assert!(shares.taken.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_client_leaves_turns_to_others() {
        let turns = Turns::new(4);
        let soon = || Instant::now() + Duration::from_millis(10);
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(turns.take(client(1), soon()).await.unwrap_or_else(|error| panic!("{error}")));
        }
        assert!(matches!(turns.take(client(1), soon()).await, Err(QueryError::Overloaded(_))));
        taken.push(turns.take(client(2), soon()).await.unwrap_or_else(|error| panic!("{error}")));
        assert_eq!(turns.active(), 4);
        assert!(matches!(turns.take(client(3), soon()).await, Err(QueryError::Overloaded(_))));
        taken.clear();
        assert_eq!(turns.active(), 0);
        assert!(turns.take(client(1), soon()).await.is_ok());
    }
}
