//! The first topology, on real servers.

use std::collections::BTreeMap;

use keyspace::bootstrap::{BootstrapError, find_or_create};
use keyspace::endpoint::Endpoint;
use keyspace::logins::Logins;
use keyspace::own;
use keyspace::schema::Layout;
use keyspace::topology::{Shard, ShardId, Topology};

use crate::kit::servers::{DATABASE, Server, run};

/// Two servers with an empty table `users`.
struct Pair {
    servers: [Server; 2],
    seeds: Vec<Shard>,
    layout: Layout,
}

impl Pair {
    async fn start() -> Option<Pair> {
        let servers = [Server::start().await?, Server::start().await?];
        let mut seeds = Vec::new();
        for (number, server) in (1..).zip(&servers) {
            run(&mut server.connect().await, "CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
            let id = ShardId::new(format!("shard-{number}")).unwrap();
            seeds.push(Shard { id, endpoint: server.endpoint(DATABASE) });
        }
        let layout =
            Layout { shard_keys: BTreeMap::from([("users".to_owned(), "user_id".to_owned())]), ..Layout::default() };
        Some(Pair { servers, seeds, layout })
    }

    /// The slots of each shard if the cluster is found with these rows and no topology.
    async fn slots_with(&self, rows: [&str; 2]) -> Result<[usize; 2], BootstrapError> {
        for (server, rows) in self.servers.iter().zip(rows) {
            let mut connection = server.connect().await;
            run(&mut connection, "DROP DATABASE IF EXISTS _autoscaler").await;
            run(&mut connection, "DELETE FROM users").await;
            if !rows.is_empty() {
                run(&mut connection, &format!("INSERT INTO users VALUES {rows}")).await;
            }
        }
        let topology = self.find_or_create().await?;
        assert_eq!(topology.epoch().number(), 1);
        Ok([0, 1].map(|index: usize| topology.owned(&self.seeds[index].id).len()))
    }
}

impl Pair {
    async fn find_or_create(&self) -> Result<Topology, BootstrapError> {
        find_or_create(&self.seeds, &self.layout, &Logins::of(&self.seeds)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_topology_follows_the_rows() {
    let Some(pair) = Pair::start().await else { return };
    assert_eq!(pair.slots_with(["", ""]).await.unwrap(), [8192, 8192]);
    assert_eq!(pair.slots_with(["(1), (3)", ""]).await.unwrap(), [16_384, 0]);
    assert_eq!(pair.slots_with(["", "(1), (3)"]).await.unwrap(), [0, 16_384]);
    // An even spread puts 3 and 4 on shard-1, 1, 2 and 5 on shard-2.
    assert_eq!(pair.slots_with(["(3), (4)", "(1), (2), (5)"]).await.unwrap(), [8192, 8192]);
    let refused = pair.slots_with(["(3), (1)", "(2)"]).await.unwrap_err();
    assert!(matches!(&refused, BootstrapError::RowsOnSeveral { tables } if tables == "users"), "{refused}");
    assert!(refused.to_string().contains("insert the other rows through the router"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_with_another_login_is_found_again() {
    let Some(mut pair) = Pair::start().await else { return };
    let first = pair.find_or_create().await.unwrap();
    let before = pair.seeds.clone();
    for (server, seed) in pair.servers.iter().zip(&mut pair.seeds) {
        let mut connection = server.connect().await;
        run(&mut connection, "CREATE USER next@'%' IDENTIFIED BY 'n'").await;
        run(&mut connection, "GRANT ALL ON *.* TO next@'%' WITH GRANT OPTION").await;
        let port = seed.endpoint.address().rsplit(':').next().unwrap().parse().unwrap();
        seed.endpoint = Endpoint::tcp("127.0.0.1", port, "next", "n", DATABASE);
    }
    assert_eq!(pair.find_or_create().await.unwrap(), first);
    for server in &pair.servers {
        run(&mut server.connect().await, "ALTER USER app@'%' IDENTIFIED BY 'changed'").await;
    }
    let refused = find_or_create(&before, &pair.layout, &Logins::of(&before)).await.unwrap_err().to_string();
    assert!(refused.contains("refuses the login `app`") && refused.contains("correct its DSN"), "{refused}");
    // Logins are everybody's own: the topology is the same, and its shards are reached by those of this configuration.
    let found = pair.find_or_create().await.unwrap();
    assert_eq!((found.epoch().number(), found.shards()), (1, &pair.seeds[..]));
    assert!(found.shards().iter().all(|shard| shard.endpoint.user() == "next"));
    assert_eq!(found.owned(&pair.seeds[1].id), first.owned(&pair.seeds[1].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_starts_first_makes_the_topology_for_all() {
    let Some(pair) = Pair::start().await else { return };
    let starts = (0..4).map(|_| pair.find_or_create());
    let topologies: Vec<Topology> =
        futures_util::future::join_all(starts).await.into_iter().collect::<Result<_, _>>().unwrap();
    assert!(topologies.iter().all(|topology| *topology == topologies[0]));

    // Of two that change the same epoch one is refused.
    let mut connection = pair.servers[0].connect().await;
    let next = |name: &str| {
        topologies[0].with_shard(Shard { id: ShardId::new(name).unwrap(), endpoint: pair.seeds[0].endpoint.clone() })
    };
    assert!(own::topology::replace(&mut connection, &next("shard-3")).await.unwrap());
    assert!(!own::topology::replace(&mut connection, &next("shard-4")).await.unwrap());
    let kept = own::topology::read(&mut connection).await.unwrap().unwrap();
    assert_eq!((kept.epoch().number(), kept.shards().last().unwrap().id.as_str()), (2, "shard-3"));
    let found = pair.find_or_create().await.unwrap();
    assert_eq!(found.epoch().number(), 2, "the newest that any shard carries");
}
