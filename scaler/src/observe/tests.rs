use keyspace::keys::{KeyColumn, KeyType};
use keyspace::schema::{Schema, Table, TableKind};
use keyspace::slots;
use serde_json::json;

use super::*;

fn subject() -> ObservedShard {
    ObservedShard::new(ShardId::new("shard-1").unwrap(), Endpoint::tcp("127.0.0.1", 3306, "app", "secret", "shop"))
}

fn usage() -> InstanceUsage {
    InstanceUsage {
        cpu_seconds: Some(10.0),
        resident_memory_bytes: Some(256),
        cpu_limit_cores: Some(2.0),
        memory_limit_bytes: Some(1024),
        disk_used_bytes: Some(3),
        disk_capacity_bytes: Some(4),
        disk_available_bytes: Some(1),
        instance: "sa-1".to_owned(),
        provisioner: "process",
        server_version: None,
    }
}

fn check_rate(before: Option<f64>, now: Option<f64>, expected: Option<f64>) {
    let start = Instant::now();
    let before = before.map(|total| CounterReading { at: start, total });
    let now = now.map(|total| CounterReading { at: start + Duration::from_secs(5), total });
    assert_eq!(per_second(before, now), expected);
}

#[test]
fn rates_need_two_rising_readings() {
    check_rate(Some(10.0), Some(20.0), Some(2.0));
    check_rate(Some(10.0), Some(10.0), Some(0.0));
    check_rate(None, Some(20.0), None);
    check_rate(Some(10.0), None, None);
    check_rate(Some(10.0), Some(9.0), None);
}

#[test]
fn the_observers_own_statements_are_not_load() {
    let mut subject = subject();
    let vitals = |statements, own_statements| Vitals { sessions: 1, statements, own_statements };
    assert_eq!(subject.count_statements(&vitals(1_000, 8), true), None);
    assert_eq!(subject.count_statements(&vitals(1_012, 20), false), Some(0.0));
    assert!(subject.count_statements(&vitals(1_100, 30), false).is_some_and(|rate| rate > 0.0));
    // A new session counts from zero again.
    assert_eq!(subject.count_statements(&vitals(1_105, 5), true), Some(0.0));
    // The server started again.
    assert_eq!(subject.count_statements(&vitals(7, 5), true), None);
}

#[test]
fn a_status_has_the_interfaces_names() {
    let mut subject = subject();
    subject.usage = Some(usage());
    subject.last_updated = Some(Timestamp::from_second(0).unwrap());
    let findings = RoundFindings {
        vitals: Some(Vitals { sessions: 3, statements: 9, own_statements: 1 }),
        holdings: Some(Holdings { rows: BTreeMap::from([("orders".to_owned(), 7)]), own_rows: 7, size_bytes: 16 }),
        cpu_cores: Some(0.5),
        queries_per_second: Some(1.5),
    };
    let status = subject.assemble(findings, 16_384, Condition::Healthy);
    let expected = json!({
        "shard_id": "shard-1", "cpu_percent": 25.0, "memory_percent": 25.0, "disk_percent": 75.0,
        "total_entries": 7, "connection_count": 3, "queries_per_second": 1.5, "database_size_bytes": 16,
        "table_counts": {"orders": 7}, "status": "healthy", "last_updated": "1970-01-01T00:00:00Z",
        "slots": 16_384, "endpoint": "127.0.0.1:3306/shop", "instance": "sa-1",
    });
    assert_eq!(serde_json::to_value(status).unwrap(), expected);
}

#[test]
fn what_is_unknown_is_null() {
    let status = subject().assemble(RoundFindings::default(), 0, Condition::Starting);
    let expected = json!({
        "shard_id": "shard-1", "cpu_percent": null, "memory_percent": null, "disk_percent": null,
        "total_entries": null, "connection_count": null, "queries_per_second": null, "database_size_bytes": null,
        "table_counts": null, "status": "starting", "last_updated": null,
        "slots": 0, "endpoint": "127.0.0.1:3306/shop", "instance": null,
    });
    assert_eq!(serde_json::to_value(status).unwrap(), expected);
}

#[test]
fn conditions() {
    assert_eq!(condition(true, true, 1, false), Condition::Healthy);
    assert_eq!(condition(true, true, 0, false), Condition::Joining);
    assert_eq!(condition(true, true, 0, true), Condition::Draining);
    assert_eq!(condition(false, true, 0, false), Condition::Unreachable);
    assert_eq!(condition(false, false, 0, false), Condition::Starting);
    assert_eq!(condition(false, false, 1, true), Condition::Unreachable);
}

#[test]
fn large_tables_are_estimated_unless_only_part_of_their_rows_is_owned() {
    let column = KeyColumn { data_type: "bigint", column_type: "bigint(20)", collation: None, fraction_digits: None };
    let key_type = KeyType::of_column(&column).unwrap();
    let table = |name: &str, kind| Table {
        name: name.to_owned(),
        kind,
        columns: Vec::new(),
        primary_key: Vec::new(),
        unique_indexes: Vec::new(),
        has_triggers: false,
        has_references: false,
        has_transactions: true,
    };
    let tables = vec![
        table("orders", TableKind::Sharded { key: "user_id".to_owned(), key_type }),
        table("notes", TableKind::Unsharded),
    ];
    let schema = Schema::new("shop", &Layout::default(), true, tables);
    let all = Some("SELECT CAST(COUNT(*) AS CHAR) FROM `orders`".to_owned());
    assert_eq!(look::plan_count(&schema, "orders", 99_999, None), all);
    assert_eq!(look::plan_count(&schema, "orders", 100_000, None), None);
    let half = slots::plan_even_spread(2).remove(0);
    let owned = look::plan_count(&schema, "orders", 100_000, Some(&half)).unwrap();
    assert!(owned.starts_with("SELECT CAST(COUNT(*) AS CHAR) FROM `orders` WHERE ("), "{owned}");
    assert!(owned.contains("`user_id`"), "{owned}");
    assert_eq!(look::plan_count(&schema, "notes", 100_000, Some(&half)), None);
}

struct NoUsage;

#[async_trait]
impl UsageSource for NoUsage {
    async fn usage(&self, _: &ShardId) -> Option<InstanceUsage> {
        None
    }
}

#[tokio::test]
async fn a_shard_that_is_away_is_unreachable() {
    // Bound and closed again: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shard = keyspace::topology::Shard {
        id: ShardId::new("shard-1").unwrap(),
        endpoint: Endpoint::tcp("127.0.0.1", port, "app", "secret", "shop"),
    };
    let topology = Topology::first(vec![shard.clone()], slots::plan_even_spread(1)).unwrap();
    let joining = keyspace::topology::Shard { id: ShardId::new("shard-2").unwrap(), ..shard };
    let topology = topology.with_shard(joining);
    let mut observer = Observer::new(Layout::default());
    let statuses = observer.observe(&topology, &BTreeSet::new(), &NoUsage).await;
    let seen: Vec<_> = statuses.iter().map(|status| (status.status, status.slots)).collect();
    assert_eq!(seen, [(Condition::Unreachable, 16_384), (Condition::Starting, 0)]);
}
