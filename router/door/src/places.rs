//! The connections that a door has: how many there may be, what each waits for, and whose has to go when there is no
//! room for another.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::Notify;

use crate::client::Client;

/// What a connection is about. Only its client can end the first three, so in need they give way, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing of a request has come yet.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// The body of a request is being read.
    Body,
    /// A request is being answered.
    Running,
    /// It has given way.
    Left,
}

/// Why there is no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    InAll,
    OfClient,
}

/// All connections of a door.
pub(crate) struct Places {
    most: usize,
    most_of_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    count: usize,
    by_client: HashMap<Client, HashMap<u64, Arc<State>>>,
    next_id: u64,
}

/// One connection, until it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    client: Client,
    id: u64,
    state: Arc<State>,
}

struct State {
    now: Mutex<Now>,
    give_way: Notify,
}

#[derive(Clone, Copy)]
struct Now {
    phase: Phase,
    since: Instant,
    /// Bytes of an answer wait for the client to read.
    is_writing: bool,
    /// Of the request at hand: its client may be in the middle of sending a body.
    has_unread_body: bool,
}

impl Places {
    pub(crate) fn new(most: usize, most_of_client: usize) -> Arc<Places> {
        Arc::new(Places { most, most_of_client, taken: Mutex::default() })
    }

    /// Takes a place for a connection from `address`. If there is none, the connection that has waited for its client
    /// the longest gives way: of the same client if that one has its share, else of the client that has the most.
    pub(crate) fn take(self: &Arc<Places>, address: SocketAddr) -> Result<Admitted, NoRoom> {
        let client = Client::from(address);
        let mut taken = self.lock();
        let of_client = taken.by_client.get(&client).map_or(0, HashMap::len);
        let displaced = if of_client >= self.most_of_client {
            taken.displace(client).then_some(client).ok_or(NoRoom::OfClient)?;
            true
        } else if taken.count >= self.most {
            taken.displace_of_greediest().then_some(()).ok_or(NoRoom::InAll)?;
            true
        } else {
            false
        };
        let id = taken.next_id;
        taken.next_id += 1;
        taken.count += 1;
        let now = Now { phase: Phase::Idle, since: Instant::now(), is_writing: false, has_unread_body: false };
        let state = Arc::new(State { now: Mutex::new(now), give_way: Notify::new() });
        taken.by_client.entry(client).or_default().insert(id, state.clone());
        Ok(Admitted { place: Place { places: self.clone(), client, id, state }, displaced })
    }

    /// Makes room without need of a place, as when the process has no descriptors left.
    pub(crate) fn make_room(&self) -> bool {
        self.lock().displace_of_greediest()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("no holder of this lock panics")
    }
}

pub(crate) struct Admitted {
    pub(crate) place: Place,
    /// Another connection gave way.
    pub(crate) displaced: bool,
}

impl Taken {
    fn displace_of_greediest(&mut self) -> bool {
        let mut clients: Vec<(usize, Client)> =
            self.by_client.iter().map(|(client, places)| (places.len(), *client)).collect();
        clients.sort_unstable_by_key(|(places, _)| std::cmp::Reverse(*places));
        clients.into_iter().any(|(_, client)| self.displace(client))
    }

    /// Lets the connection of the client that has waited for it the longest give way, if one waits.
    fn displace(&mut self, client: Client) -> bool {
        loop {
            let Some(places) = self.by_client.get(&client) else { return false };
            let waiting = places.iter().filter_map(|(id, state)| {
                let now = state.now();
                (now.phase < Phase::Running && !now.is_writing).then_some((now.phase, now.since, *id))
            });
            let Some((phase, _, id)) = waiting.min() else { return false };
            // It may have begun to run meanwhile.
            if self.by_client.get(&client).and_then(|places| places.get(&id)).is_some_and(|state| state.leave(phase)) {
                self.remove(client, id);
                return true;
            }
        }
    }

    fn remove(&mut self, client: Client, id: u64) {
        let Some(places) = self.by_client.get_mut(&client) else { return };
        if places.remove(&id).is_some() {
            self.count -= 1;
        }
        if places.is_empty() {
            self.by_client.remove(&client);
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect("no holder of this lock panics")
    }

    fn now(&self) -> Now {
        *self.lock()
    }

    /// Whether it was still in this phase and has left now.
    fn leave(&self, phase: Phase) -> bool {
        let mut now = self.lock();
        let leaves = now.phase == phase;
        if leaves {
            now.phase = Phase::Left;
            self.give_way.notify_one();
        }
        leaves
    }
}

impl Place {
    pub(crate) fn client(&self) -> Client {
        self.client
    }

    pub(crate) fn phase(&self) -> (Phase, Instant) {
        let now = self.state.now();
        (now.phase, now.since)
    }

    /// Bytes have come from the client.
    pub(crate) fn note_bytes(&self) {
        let mut now = self.state.lock();
        if now.phase == Phase::Idle {
            (now.phase, now.since) = (Phase::Head, Instant::now());
        }
    }

    /// Goes on to a phase of the request at hand; `false` if the connection has given way, and then nothing may run.
    pub(crate) fn enter(&self, phase: Phase) -> bool {
        let mut now = self.state.lock();
        if now.phase == Phase::Left {
            return false;
        }
        (now.phase, now.since) = (phase, Instant::now());
        true
    }

    pub(crate) fn set_writing(&self, is_writing: bool) {
        self.state.lock().is_writing = is_writing;
    }

    pub(crate) fn set_unread_body(&self, has_unread_body: bool) {
        self.state.lock().has_unread_body = has_unread_body;
    }

    pub(crate) fn has_unread_body(&self) -> bool {
        self.state.now().has_unread_body
    }

    /// Completes when the connection is to give way.
    pub(crate) async fn given_way(&self) {
        self.state.give_way.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.client, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_of_client: usize) -> Arc<Places> {
        Places::new(most, most_of_client)
    }

    fn take(places: &Arc<Places>, client: u8) -> Result<Place, NoRoom> {
        places.take(SocketAddr::from(([10, 0, 0, client], 1000))).map(|admitted| admitted.place)
    }

    fn has_left(place: &Place) -> bool {
        place.phase().0 == Phase::Left
    }

    #[test]
    fn the_longest_idle_gives_way() {
        let places = places(3, 3);
        let three: Vec<Place> = (0..3).map(|_| take(&places, 1).unwrap()).collect();
        // The first has been heard of last.
        assert!(three[0].enter(Phase::Running) && three[0].enter(Phase::Idle));
        let _fourth = take(&places, 1).unwrap();
        assert_eq!(three.iter().map(has_left).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn who_sends_something_stays_longer_than_who_sends_nothing() {
        let places = places(3, 3);
        let (body, head, idle) = (take(&places, 1).unwrap(), take(&places, 1).unwrap(), take(&places, 1).unwrap());
        body.enter(Phase::Body);
        head.note_bytes();
        let _fourth = take(&places, 1).unwrap();
        assert_eq!([&body, &head, &idle].map(has_left), [false, false, true]);
    }

    #[test]
    fn answers_are_never_cut() {
        let places = places(2, 2);
        let (running, writing) = (take(&places, 1).unwrap(), take(&places, 1).unwrap());
        running.enter(Phase::Running);
        writing.set_writing(true);
        assert_eq!(take(&places, 1).err(), Some(NoRoom::OfClient));
        assert_eq!(take(&places, 2).err(), Some(NoRoom::InAll));
        writing.set_writing(false);
        let _second = take(&places, 2).unwrap();
        assert!(has_left(&writing));
        // And who has left runs nothing any more.
        assert!(!writing.enter(Phase::Running));
    }

    #[test]
    fn a_client_above_its_share_gives_way_to_others_and_to_itself_only() {
        let places = places(4, 3);
        let patient = take(&places, 2).unwrap();
        let greedy: Vec<Place> = (0..3).map(|_| take(&places, 1).unwrap()).collect();
        let more = take(&places, 1).unwrap();
        assert!(has_left(&greedy[0]) && !has_left(&patient));
        let _third = take(&places, 3).unwrap();
        assert!(has_left(&greedy[1]) && !has_left(&patient) && !has_left(&more));
    }

    #[test]
    fn what_ends_makes_room() {
        let places = places(1, 1);
        let running = take(&places, 1).unwrap();
        running.enter(Phase::Running);
        assert!(take(&places, 2).is_err());
        drop(running);
        assert!(take(&places, 2).is_ok());
        assert!(!places.make_room());
    }
}
