//! How this process logs in to shards: topologies say where a shard is, and not by which account it is reached.

use std::sync::RwLock;

use crate::endpoint::{Endpoint, Login};
use crate::topology::{Shard, Topology};

/// The logins that a process knows, from its configuration or from whoever runs the servers.
///
/// A login goes to the address and database that it is known for and nowhere else: whoever may write a topology could
/// have it sent to a server of theirs. Only the account that all shards have is used wherever a topology leads.
#[derive(Debug, Default)]
pub struct Logins {
    everywhere: Option<Login>,
    known: RwLock<Vec<Endpoint>>,
    /// Logins that were found beside an account of all shards: of topologies of earlier versions, for one.
    others: RwLock<Vec<Endpoint>>,
}

impl Logins {
    /// Of somebody who knows these shards.
    pub fn of<'a>(shards: impl IntoIterator<Item = &'a Shard>) -> Logins {
        let logins = Logins::default();
        for shard in shards {
            logins.learn(&shard.endpoint);
        }
        logins
    }

    /// Of somebody who has one account on all shards.
    pub fn everywhere(account: Login) -> Logins {
        Logins { everywhere: Some(account), ..Logins::default() }
    }

    /// From now on this is how its place is logged in to. Nothing changes by an endpoint without a login.
    pub fn learn(&self, endpoint: &Endpoint) {
        if endpoint.login().is_none() {
            return;
        }
        let mut known = self.known.write().expect("no holder of this lock panics");
        known.retain(|other| !other.is_same_place(endpoint));
        known.push(endpoint.clone());
    }

    /// The endpoint as this process reaches it; with what login it has already, if none is known.
    pub fn complete(&self, endpoint: &Endpoint) -> Endpoint {
        let known = self.known.read().expect("no holder of this lock panics");
        match (known.iter().find(|known| known.is_same_place(endpoint)), &self.everywhere) {
            // With its own demands on TLS, too: they guard the login.
            (Some(known), _) => known.clone(),
            (None, Some(account)) => endpoint.with_login(account),
            (None, None) => endpoint.clone(),
        }
    }

    /// The same for all shards. A login that the account of all shards takes the place of is kept as another one.
    pub fn complete_topology(&self, topology: Topology) -> Topology {
        if self.everywhere.is_some() {
            topology.shards().iter().for_each(|shard| self.keep_other(&shard.endpoint));
        }
        topology.completed(|endpoint| self.complete(endpoint))
    }
}

impl Logins {
    /// Keeps a login that is not used, but could make the account that is. The first one for a place counts.
    pub fn keep_other(&self, endpoint: &Endpoint) {
        if endpoint.login().is_none() || endpoint.login() == self.everywhere.as_ref() {
            return;
        }
        let mut others = self.others.write().expect("no holder of this lock panics");
        if !others.iter().any(|other| other.is_same_place(endpoint)) {
            others.push(endpoint.clone());
        }
    }

    /// Another login of this place.
    pub fn other(&self, endpoint: &Endpoint) -> Option<Endpoint> {
        let others = self.others.read().expect("no holder of this lock panics");
        others.iter().find(|other| other.is_same_place(endpoint)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(port: u16) -> Endpoint {
        let endpoint = Endpoint::tcp("db", port, "u", "p", "app");
        serde_json::from_str(&serde_json::to_string(&endpoint).unwrap()).unwrap()
    }

    #[test]
    fn a_login_goes_to_the_place_that_it_is_known_for() {
        let logins = Logins::default();
        logins.learn(&Endpoint::tcp("db", 1, "u", "p", "app"));
        assert_eq!(logins.complete(&stored(1)).password(), "p");
        assert!(logins.complete(&stored(2)).login().is_none());
        let elsewhere = Endpoint::tcp("db", 1, "", "", "other");
        assert!(logins.complete(&elsewhere).login().is_none());
        logins.learn(&Endpoint::tcp("db", 1, "u", "changed", "app"));
        assert_eq!(logins.complete(&stored(1)).password(), "changed");
        logins.learn(&stored(1));
        assert_eq!(logins.complete(&stored(1)).password(), "changed");
    }

    #[test]
    fn an_account_of_all_shards_goes_everywhere_but_where_another_login_is_known() {
        let logins = Logins::everywhere(Login::new("r", "q"));
        logins.learn(&Endpoint::tcp("db", 1, "u", "p", "app"));
        assert_eq!(logins.complete(&stored(1)).user(), "u");
        assert_eq!(logins.complete(&stored(2)).user(), "r");
        // A login of an earlier version's topology.
        let old = Endpoint::tcp("db", 3, "old", "p", "app");
        assert_eq!(logins.complete(&old).user(), "r");
        logins.keep_other(&old);
        logins.keep_other(&old.with_login(&Login::new("lure", "x")));
        assert_eq!(logins.other(&stored(3)), Some(old));
    }
}
