//! What is asked of slots: counted by real routers, and what the scaler makes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use keyspace::schema::Layout;
use keyspace::slots::Slot;
use keyspace::topology::ShardId;
use router::Limits;
use scaler::actions::scale_out::{self, Plan};
use scaler::rules::SplitBy;
use scaler::slot_load::{SlotLoads, fetch_counters};
use serde_json::{Value, json};

use crate::cli::Site;
use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server, wait_until};
use crate::up::{has_programs, stop};

fn layout() -> Layout {
    Layout { shard_keys: [("users".to_owned(), "user_id".to_owned())].into(), ..Layout::default() }
}

fn slot_of(key: u64) -> Slot {
    Slot::of_canonical(key.to_string().as_bytes())
}

/// A router with the scaler's memory of it.
struct Watched {
    front: Front,
    loads: SlotLoads,
}

impl Watched {
    async fn start(servers: &[Server]) -> Watched {
        let front = Front::start(servers, layout(), Limits::default()).await;
        let loads = SlotLoads::new(&[front.url.trim_start_matches("http://").to_owned()]);
        let mut watched = Watched { front, loads };
        watched.send("CREATE TABLE users (user_id BIGINT PRIMARY KEY, n INT)", &[], None).await;
        watched.ask().await;
        watched
    }

    async fn send(&self, sql: &str, params: &[u64], session: Option<&str>) {
        let mut request = self.front.client.post(format!("{}/query", self.front.url));
        if let Some(session) = session {
            request = request.header("X-Session-Id", session);
        }
        let answer = request.json(&json!({ "query": sql, "params": params })).send().await.unwrap();
        assert!(answer.status().is_success(), "{sql}: {}", answer.text().await.unwrap());
    }

    async fn slots(&self) -> Value {
        self.front.client.get(format!("{}/slots", self.front.url)).send().await.unwrap().json().await.unwrap()
    }

    /// A round of the scaler.
    async fn ask(&mut self) {
        let router = self.front.url.trim_start_matches("http://");
        let counters = fetch_counters(&self.front.client, router).await;
        assert!(counters.is_ok(), "{counters:?}");
        self.loads.take(vec![(counters, Instant::now())]);
    }

    fn plan(&self, source: &str) -> Result<Plan, String> {
        let source = ShardId::new(source).unwrap();
        let topology = self.front.router.topology().unwrap();
        scale_out::plan(&topology, Some(&source), SplitBy::Load, &self.loads, 16)
    }
}

/// Every way in which a statement comes in and names slots, over one shard and over two.
#[tokio::test(flavor = "multi_thread")]
async fn routers_count_what_is_asked_of_each_slot() {
    let Some(mut servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    for servers in [servers.split_off(1), servers] {
        let watched = Watched::start(&servers).await;
        let mut expected = BTreeMap::new();
        let mut add = |key: u64, queries: u64, rows: u64| {
            let counted: &mut (u64, u64) = expected.entry(slot_of(key).to_string()).or_default();
            *counted = (counted.0 + queries, counted.1 + rows);
        };
        watched.send("INSERT INTO users VALUES (1, 0), (2, 0), (3, 0)", &[], None).await;
        (1..=3).for_each(|key| add(key, 1, 1));
        // The second one is known by its outline.
        for key in [1, 1, 9] {
            watched.send(&format!("SELECT n FROM users WHERE user_id = {key}"), &[], None).await;
            add(key, 1, u64::from(key == 1));
        }
        watched.send("SELECT n FROM users WHERE user_id = ?", &[2], None).await;
        add(2, 1, 1);
        watched.send("UPDATE users SET n = n + 1 WHERE user_id = 3", &[], Some("s")).await;
        add(3, 1, 1);
        watched.send("SELECT n FROM users WHERE user_id IN (1, 2, 3)", &[], Some("s")).await;
        (1..=3).for_each(|key| add(key, 1, 1));
        watched.send("DELETE FROM users WHERE user_id = 1", &[], None).await;
        add(1, 1, 1);
        for unnamed in ["SELECT COUNT(*) FROM users", "UPDATE users SET n = 7", "SELECT 1"] {
            watched.send(unnamed, &[], None).await;
        }
        let counted = watched.slots().await;
        assert_eq!(counted["slots"], json!(expected));
        let shards: Vec<&String> = counted["shards"].as_object().unwrap().keys().collect();
        assert_eq!(shards.len(), servers.len(), "{counted}");
        let metrics = String::from_utf8(watched.front.router.render_metrics()).unwrap();
        let total: u64 = expected.values().map(|(queries, _)| queries).sum();
        assert!(metrics.contains(&format!("sql_autoscaler_router_slot_queries_total {total}\n")), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skewed_load_is_halved_and_a_lone_hot_key_is_named() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 1).await else { return };
    let mut watched = Watched::start(&servers).await;
    // The keys as a web site's customers: the first one asks for a fifth of everything.
    for key in 1..=60u64 {
        for _ in 0..240 / key {
            watched.send(&format!("SELECT n FROM users WHERE user_id = {key}"), &[], None).await;
        }
    }
    watched.ask().await;
    let plan = watched.plan("shard-1").unwrap();
    let [transfer] = &plan.transfers[..] else { panic!("{plan:?}") };
    let percent = transfer.load_percent.unwrap();
    assert!((45.0..=55.0).contains(&percent), "{plan:?}");
    assert!(plan.reason.contains("as measured by the router"), "{}", plan.reason);
    let asked = |keys: &mut dyn Iterator<Item = u64>| keys.map(|key| 240 / key).sum::<u64>() as f64;
    let moved = asked(&mut (1..=60).filter(|&key| transfer.slots.contains(slot_of(key))));
    let share = moved / asked(&mut (1..=60));
    assert!((0.45..=0.55).contains(&share), "{share}: {plan:?}");

    let Some(servers) = Server::start_all(Flavor::MariaDb, 1).await else { return };
    let mut watched = Watched::start(&servers).await;
    for _ in 0..200 {
        watched.send("SELECT n FROM users WHERE user_id = 42", &[], None).await;
    }
    watched.ask().await;
    let refused = watched.plan("shard-1").unwrap_err();
    let slot = slot_of(42);
    assert!(refused.starts_with(&format!("a split of shard-1 would not help: slot {slot} alone carries")), "{refused}");
}

/// The whole of it: a rule asks for a shard, one key has the load, then many have it.
#[tokio::test(flavor = "multi_thread")]
async fn the_scaler_leaves_a_lone_hot_slot_alone_and_halves_the_load_of_many() {
    if !has_programs() {
        return;
    }
    let site = Site::new(json!({
        "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5, "max_shards": 2,
        // Always above it.
        "scaling_thresholds": { "connection_threshold": 1, "cpu_threshold_percent": null,
            "memory_threshold_percent": null, "qps_threshold": null },
        "moves": { "cleanup_delay_seconds": 5 },
    }));
    let up = site.start("up").await;
    assert_eq!(site.run(&["pause"]).await.0, 0);
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    let read = async |key: u64| site.query(&format!("SELECT user_id FROM users WHERE user_id = {key}")).await;
    for _ in 0..200 {
        read(42).await;
    }
    let told = |code: &'static str| {
        let site = &site;
        async move {
            let explained = site.scaler("/explain").await;
            let reasons = explained["decision"]["reasons"].as_array().cloned().unwrap_or_default();
            let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["code"].as_str()).collect();
            codes.contains(&"wanted") && codes.contains(&code)
        }
    };
    wait_until("the rule wants a shard, and the slot is named", || told("unsplittable")).await;
    let (code, _, refused) = site.run(&["scale-out", "--source", "shard-1", "--dry-run"]).await;
    assert_eq!(code, 1);
    assert!(refused.contains(&format!("slot {} alone carries", slot_of(42))), "{refused}");
    assert_eq!(site.run(&["resume"]).await.0, 0);
    // Nothing but the hot slot holds it any more.
    wait_until("only the slot is in the way", || async { told("unsplittable").await && !told("paused").await }).await;
    let (_, decisions, _) = site.run(&["decisions"]).await;
    assert!(decisions.contains("alone carries"), "{decisions}");
    assert!(site.metric("sql_autoscaler_scaler_suppressed_total{reason=\"unsplittable\"").await > Some(0.0));
    assert_eq!(site.scaler("/shards").await.as_array().unwrap().len(), 1);

    // At rest until it knows of all of them: the first few would do for a split by what was known by then.
    assert_eq!(site.run(&["pause"]).await.0, 0);
    for key in (1..=40u64).cycle().take(1600) {
        read(key).await;
    }
    wait_until("most of the load is another's", || async {
        let (code, plan, _) = site.run(&["scale-out", "--source", "shard-1", "--dry-run", "--json"]).await;
        let plan: Value = serde_json::from_str(&plan).unwrap_or_default();
        let hottest = site.metric("sql_autoscaler_shard_hottest_slot_ratio").await;
        let halves = plan["plan"]["transfers"][0]["load_percent"]
            .as_f64()
            .is_some_and(|percent| (45.0..55.0).contains(&percent));
        code == 0 && halves && hottest.is_some_and(|share| share < 0.2)
    })
    .await;
    assert_eq!(site.run(&["resume"]).await.0, 0);
    wait_until("two shards own slots", || async {
        let shards = site.scaler("/shards").await;
        shards[1]["status"] == "healthy" && shards[1]["slots"].as_u64() > Some(0)
    })
    .await;
    let (_, decisions, _) = site.run(&["decisions"]).await;
    assert!(decisions.contains("shard-1 will be split"), "{decisions}");
    let mut moved = 0;
    for key in (1..=40).chain([42; 5]) {
        moved += usize::from(read(key).await["shard"] == "shard-2");
    }
    // The first two hundred queries for one key weigh as five of the others.
    assert!((18..=27).contains(&moved), "{moved} of 45");
    stop(up).await;
}
