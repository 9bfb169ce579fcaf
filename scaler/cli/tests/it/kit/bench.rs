//! What the tests of moves share: shards, a table, and the checks after a move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyspace::keys::{KeyLiteral, KeySlot, KeyType};
use keyspace::own;
use keyspace::schema::Layout;
use keyspace::slots::{self, Slot, SlotSet};
use keyspace::topology::{Shard, ShardId, Topology, Transfer};
use moves::cluster::Cluster;
use moves::{MoveProgress, MoveSettings, ProgressSink};

use crate::kit::crowd::assert_no_leftovers;
use crate::kit::servers::{DATABASE, Flavor, Server, number, rows, run};

pub const ORDERS: &str = "CREATE TABLE orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, value BIGINT NOT NULL, \
     note VARCHAR(40), KEY (value)) AUTO_INCREMENT=5000000";

/// Shards, the first `owning` of which share all slots; the others are empty.
pub struct Bench {
    pub servers: Vec<Server>,
    pub cluster: Cluster,
}

impl Bench {
    pub async fn start(owning: usize, empty: usize) -> Option<Bench> {
        let servers = Server::start_all(Flavor::MariaDb, owning + empty).await?;
        Some(Bench::of(servers, owning).await)
    }

    pub async fn of(servers: Vec<Server>, owning: usize) -> Bench {
        // Shown when a test fails; all tests share one subscriber, so only the first call sets it.
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::WARN).try_init();
        let shard = |index: usize| Shard { id: id(index), endpoint: servers[index].endpoint(DATABASE) };
        let first = (0..owning).map(shard).collect();
        let mut topology = Topology::first(first, slots::plan_even_spread(owning)).unwrap();
        for index in owning..servers.len() {
            topology = topology.with_shard(shard(index));
        }
        for server in &servers {
            own::topology::catch_up(&mut server.connect().await, &topology).await.unwrap();
        }
        Bench { cluster: Cluster::new(topology, Arc::new(|| {})), servers }
    }

    /// Runs a statement on the shards that own slots.
    pub async fn on_owners(&self, sql: &str) {
        for shard in self.cluster.topology().owning_shards() {
            run(&mut self.cluster.connect(&shard.id).await.unwrap(), sql).await;
        }
    }

    /// Rows `first..first + count` of `orders`, each on its owner, with value 10 times the id.
    pub async fn fill_orders(&self, count: i64) -> BTreeMap<i64, i64> {
        let topology = self.cluster.topology();
        let mut by_owner: BTreeMap<ShardId, Vec<String>> = BTreeMap::new();
        for order in 1..=count {
            let owner = topology.owner(slot_of(order)).id.clone();
            by_owner.entry(owner).or_default().push(format!("({order},{},'note {order}')", order * 10));
        }
        for (owner, values) in by_owner {
            let mut connection = self.cluster.connect(&owner).await.unwrap();
            run(&mut connection, &format!("INSERT INTO orders VALUES {}", values.join(","))).await;
        }
        (1..=count).map(|order| (order, order * 10)).collect()
    }

    /// Every row of `orders` is exactly once on its owner with the value of the account.
    pub async fn assert_orders(&self, account: &BTreeMap<i64, i64>) {
        let topology = self.cluster.topology();
        let mut found = BTreeMap::new();
        for shard in topology.shards() {
            let mut connection = self.cluster.connect(&shard.id).await.unwrap();
            if number(&mut connection, HAS_ORDERS).await == 0 {
                continue;
            }
            for row in rows(&mut connection, "SELECT id, value FROM orders").await {
                let (order, value): (i64, i64) = (row[0].parse().unwrap(), row[1].parse().unwrap());
                assert_eq!(topology.owner(slot_of(order)).id, shard.id, "row {order} is on the wrong shard");
                assert_eq!(found.insert(order, value), None, "row {order} is there twice");
            }
        }
        let wrong: Vec<_> = account.iter().filter(|(order, value)| found.get(order) != Some(value)).take(5).collect();
        assert!(wrong.is_empty(), "lost or wrong: {wrong:?}");
        assert_eq!(found.len(), account.len(), "rows that nobody wrote");
    }

    /// No shard has anything left of a move.
    pub async fn assert_clean(&self) {
        assert!(self.cluster.topology().moves().is_empty());
        assert_no_leftovers(&self.servers, &self.cluster.topology()).await;
    }
}

const HAS_ORDERS: &str =
    "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop' AND TABLE_NAME='orders'";

pub fn id(index: usize) -> ShardId {
    ShardId::new(format!("shard-{}", index + 1)).unwrap()
}

pub fn slot_of(order: i64) -> Slot {
    match KeyType::Integer.slot_of(&KeyLiteral::Integer(order.to_string())) {
        KeySlot::Slot(slot) => slot,
        other => panic!("{order}: {other:?}"),
    }
}

pub fn layout() -> Layout {
    Layout {
        shard_keys: [("orders".to_owned(), "id".to_owned())].into(),
        reference_tables: ["countries".to_owned()].into(),
        ..Layout::default()
    }
}

/// Half of the source's slots.
pub fn half(cluster: &Cluster, source: usize, target: usize) -> Transfer {
    let slots: SlotSet = slots::plan_half(&cluster.topology().owned(&id(source)));
    Transfer { source: id(source), target: id(target), slots }
}

pub fn quick() -> MoveSettings {
    MoveSettings {
        confirmation_wait: Duration::from_millis(300),
        cleanup_delay: Duration::from_millis(200),
        chunk_rows: 200,
        ..MoveSettings::default()
    }
}

pub fn silent() -> ProgressSink {
    Arc::new(|_: MoveProgress| {})
}
