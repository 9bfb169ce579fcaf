use keyspace::endpoint::Endpoint;
use keyspace::slots;
use keyspace::topology::SlotMove;
use keyspace::topology::{Shard, Transfer};

use super::*;

/// A move of which nothing is known but its state.
pub(crate) fn example(id: &str, state: MoveState) -> MoveProgress {
    let shard = |name: &str| ShardId::new(name).unwrap();
    let slot_move = SlotMove {
        id: serde_json::from_value(id.into()).unwrap(),
        source: shard("shard-1"),
        target: shard("shard-2"),
        slots: keyspace::slots::plan_even_spread(2).remove(0),
        phase: keyspace::topology::MovePhase::Announced,
        fence: 1,
    };
    MoveProgress { state, started_at: jiff::Timestamp::UNIX_EPOCH, ..MoveProgress::of(&slot_move) }
}

fn shard_id(number: u32) -> ShardId {
    ShardId::new(format!("shard-{number}")).unwrap()
}

fn status(number: u32, rows: &[(&str, u64)]) -> ShardStatus {
    ShardStatus {
        shard_id: shard_id(number),
        cpu_percent: None,
        memory_percent: None,
        disk_percent: None,
        total_entries: None,
        connection_count: None,
        queries_per_second: None,
        database_size_bytes: None,
        table_counts: Some(rows.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()),
        status: Condition::Healthy,
        last_updated: None,
        slots: 1,
        endpoint: String::new(),
        instance: None,
    }
}

fn usage(cpu_seconds: f64) -> InstanceUsage {
    InstanceUsage {
        cpu_seconds: Some(cpu_seconds),
        resident_memory_bytes: Some(256),
        cpu_limit_cores: Some(2.0),
        memory_limit_bytes: Some(1024),
        disk_used_bytes: None,
        disk_capacity_bytes: Some(4),
        disk_available_bytes: Some(1),
        instance: "sa-1".to_owned(),
        provisioner: "process",
        server_version: Some("10.11".to_owned()),
    }
}

/// The lines of the series of one family, without the prefix.
fn series(metrics: &Metrics, family: &str) -> Vec<String> {
    let belongs = |line: &&str| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let text = metrics.render();
    text.lines().filter_map(|line| line.strip_prefix("sql_autoscaler_")).filter(belongs).map(str::to_owned).collect()
}

#[test]
fn a_shards_series_come_and_go_with_what_is_known() {
    let metrics = Metrics::new();
    metrics.shard(&status(1, &[("orders", 7), ("notes", 1)]), Some(&usage(1.5)), Internals::default());
    metrics.shard(&status(2, &[("orders", 9)]), None, Internals::default());
    assert_eq!(
        series(&metrics, "shard_rows"),
        [
            r#"shard_rows{shard="shard-1",table="notes"} 1"#,
            r#"shard_rows{shard="shard-1",table="orders"} 7"#,
            r#"shard_rows{shard="shard-2",table="orders"} 9"#
        ]
    );
    assert_eq!(series(&metrics, "shard_disk_capacity_bytes"), [r#"shard_disk_capacity_bytes{shard="shard-1"} 4"#]);
    assert!(series(&metrics, "shard_disk_used_bytes").is_empty());
    assert_eq!(
        series(&metrics, "shard_info"),
        [r#"shard_info{instance_id="sa-1",provisioner="process",server_version="10.11",shard="shard-1"} 1"#]
    );

    // A dropped table's series goes, and all of them when nothing could be counted.
    metrics.shard(&status(1, &[("orders", 8)]), None, Internals::default());
    metrics.shard(&ShardStatus { table_counts: None, ..status(2, &[]) }, None, Internals::default());
    assert_eq!(series(&metrics, "shard_rows"), [r#"shard_rows{shard="shard-1",table="orders"} 8"#]);
    assert!(series(&metrics, "shard_info").is_empty());
    assert!(series(&metrics, "shard_process_cpu_seconds_total").is_empty());
}

#[test]
fn cpu_time_is_a_counter_that_resets_with_the_server() {
    let metrics = Metrics::new();
    for (seconds, shown) in [(1.5, "1.5"), (4.0, "4"), (0.25, "0.25")] {
        metrics.shard(&status(1, &[]), Some(&usage(seconds)), Internals::default());
        let expected = format!(r#"shard_process_cpu_seconds_total{{shard="shard-1"}} {shown}"#);
        assert_eq!(series(&metrics, "shard_process_cpu_seconds_total"), [expected]);
    }
    assert!(metrics.render().contains("# TYPE sql_autoscaler_shard_process_cpu_seconds_total counter"));
}

#[test]
fn a_removed_shard_leaves_nothing_behind() {
    let metrics = Metrics::new();
    for number in [1, 2] {
        metrics.shard(&status(number, &[("orders", 7)]), Some(&usage(1.0)), Internals::default());
        metrics.rule_status("cpu", Some(&shard_id(number)), Some(0.5), "pending");
    }
    metrics.rule_status("cluster_cpu", None, Some(0.5), "inactive");
    metrics.forget_shards_except(&[shard_id(2)]);
    let text = metrics.render();
    assert!(!text.contains("shard-1"), "{text}");
    assert!(text.contains("shard-2"), "{text}");
    assert_eq!(series(&metrics, "scaler_rule_value").len(), 2);
}

#[test]
fn a_rule_is_in_one_state_and_its_value_goes_when_unknown() {
    let metrics = Metrics::new();
    metrics.rule("cpu", "out", 0.8);
    metrics.rule_status("cpu", Some(&shard_id(1)), Some(0.9), "firing");
    assert_eq!(series(&metrics, "scaler_rule_value"), [r#"scaler_rule_value{rule="cpu",shard="shard-1"} 0.9"#]);
    metrics.rule_status("cpu", Some(&shard_id(1)), None, "unknown");
    assert!(series(&metrics, "scaler_rule_value").is_empty());
    let states = series(&metrics, "scaler_rule_state");
    let set: Vec<_> = states.iter().filter(|line| line.ends_with(" 1")).collect();
    assert_eq!(set, [r#"scaler_rule_state{rule="cpu",shard="shard-1",state="unknown"} 1"#]);
    assert_eq!(series(&metrics, "scaler_evaluations_total").len(), EVALUATION_OUTCOMES.len());
    assert_eq!(series(&metrics, "scaler_rule_threshold"), [r#"scaler_rule_threshold{direction="out",rule="cpu"} 0.8"#]);
}

#[test]
fn an_action_is_in_one_phase_until_it_ends() {
    let metrics = Metrics::new();
    metrics.action_phase("create");
    metrics.action_phase("join");
    let phases = series(&metrics, "scaler_action_phase");
    assert_eq!(phases.len(), ACTION_PHASES.len());
    let set: Vec<_> = phases.iter().filter(|line| line.ends_with(" 1")).collect();
    assert_eq!(set, [r#"scaler_action_phase{phase="join"} 1"#]);
    let end = Timestamp::from_second(90).unwrap();
    metrics.action_finished("scale_out", Outcome::Succeeded, Duration::from_secs(9), end);
    assert!(series(&metrics, "scaler_action_phase").iter().all(|line| line.ends_with(" 0")));
    let ended = r#"scaler_actions_total{action="scale_out",result="succeeded"} 1"#.to_owned();
    assert!(series(&metrics, "scaler_actions_total").contains(&ended));
    assert_eq!(
        series(&metrics, "scaler_last_action_timestamp_seconds"),
        [r#"scaler_last_action_timestamp_seconds{action="scale_out",result="succeeded"} 90"#]
    );
}

#[test]
fn moves_follow_the_topology() {
    let shard = |number| Shard { id: shard_id(number), endpoint: Endpoint::tcp("127.0.0.1", 1, "u", "p", "app") };
    let topology = Topology::first(vec![shard(1)], slots::plan_even_spread(1)).unwrap().with_shard(shard(2));
    let half = slots::plan_half(&topology.owned(&shard_id(1)));
    let transfer = Transfer { source: shard_id(1), target: shard_id(2), slots: half };
    let metrics = Metrics::new();
    metrics.moves(&topology.with_moves(&[transfer]).unwrap());
    assert_eq!(
        series(&metrics, "rebalance_moves"),
        [r#"rebalance_moves{phase="announced"} 1"#, r#"rebalance_moves{phase="switched"} 0"#]
    );
    metrics.moves(&topology);
    assert!(series(&metrics, "rebalance_moves").iter().all(|line| line.ends_with(" 0")));
}

#[test]
fn known_events_start_at_zero() {
    let metrics = Metrics::new();
    for family in ["scaler_decisions_total", "scaler_suppressed_total", "scaler_actions_total", "rebalance_moves_total"]
    {
        let lines = series(&metrics, family);
        assert!(!lines.is_empty() && lines.iter().all(|line| line.ends_with(" 0")), "{family}: {lines:?}");
    }
    metrics.suppressed("cooldown");
    let counted = r#"scaler_suppressed_total{reason="cooldown"} 1"#.to_owned();
    assert!(series(&metrics, "scaler_suppressed_total").contains(&counted));
}

#[test]
fn shards_are_counted_by_state() {
    let metrics = Metrics::new();
    let joining = ShardStatus { status: Condition::Joining, ..status(2, &[]) };
    metrics.shard_counts(&[status(1, &[]), joining], 2);
    let mut counted = series(&metrics, "scaler_shards");
    counted.retain(|line| !line.ends_with(" 0"));
    assert_eq!(
        counted,
        [
            r#"scaler_shards{state="desired"} 2"#,
            r#"scaler_shards{state="provisioning"} 1"#,
            r#"scaler_shards{state="ready"} 1"#
        ]
    );
}

#[test]
fn a_move_shows_what_is_left_until_it_ends() {
    let metrics = Metrics::new();
    let at = |second| Timestamp::from_second(second).unwrap();
    let copying = |id, rows_copied, changes_waiting, seconds_left| MoveProgress {
        rows_copied,
        rows_expected: Some(100),
        changes_waiting,
        seconds_left,
        ..example(id, MoveState::Copying)
    };
    let (first, second) = (copying("a", 30, 5, None), copying("b", 70, 0, Some(2.5)));
    metrics.move_progressed(None, &first, at(5));
    metrics.move_progressed(None, &second, at(6));
    let later = copying("a", 90, 7, Some(4.0));
    metrics.move_progressed(Some(&first), &later, at(7));
    assert_eq!(series(&metrics, "rebalance_remaining_rows"), ["rebalance_remaining_rows 40"]);
    assert_eq!(
        series(&metrics, "rebalance_waiting_changes"),
        [r#"rebalance_waiting_changes{move="a"} 7"#, r#"rebalance_waiting_changes{move="b"} 0"#]
    );
    assert_eq!(
        series(&metrics, "rebalance_remaining_seconds"),
        [r#"rebalance_remaining_seconds{move="a"} 4"#, r#"rebalance_remaining_seconds{move="b"} 2.5"#]
    );
    let last_progress = "rebalance_last_progress_timestamp_seconds";
    assert_eq!(series(&metrics, last_progress), [format!("{last_progress} 7")]);

    metrics.move_progressed(Some(&later), &example("a", MoveState::Undone), at(8));
    assert_eq!(series(&metrics, "rebalance_remaining_rows"), ["rebalance_remaining_rows 30"]);
    assert_eq!(series(&metrics, "rebalance_waiting_changes"), [r#"rebalance_waiting_changes{move="b"} 0"#]);
    // One that nobody reports any more goes with the topology's last move.
    let only = Shard { id: shard_id(1), endpoint: Endpoint::tcp("127.0.0.1", 1, "u", "p", "app") };
    metrics.moves(&Topology::first(vec![only], slots::plan_even_spread(1)).unwrap());
    assert_eq!(series(&metrics, "rebalance_remaining_rows"), ["rebalance_remaining_rows 0"]);
    assert_eq!(series(&metrics, last_progress), [format!("{last_progress} 0")]);
    for family in ["rebalance_waiting_changes", "rebalance_remaining_seconds"] {
        assert!(series(&metrics, family).is_empty(), "{family}");
    }
}

#[test]
fn what_moves_did_adds_up() {
    let metrics = Metrics::new();
    let rests = |busy, lag| BTreeMap::from([("busy", busy), ("replica_lag", lag)]);
    let first = MoveProgress {
        rows_copied: 60,
        bytes_copied: 6_000,
        changes_replayed: 3,
        rested_seconds: rests(1.5, 0.0),
        ..example("a", MoveState::Copying)
    };
    let switched = MoveProgress {
        rows_copied: 100,
        bytes_copied: 10_000,
        rested_seconds: rests(2.0, 10.0),
        cutover_attempts: 2,
        cutover_millis: Some(20.0),
        ..example("a", MoveState::Switched)
    };
    // Another mover took over, and counts from zero.
    let taken_over =
        MoveProgress { rows_deleted: 25, rested_seconds: rests(0.5, 0.0), ..example("a", MoveState::CleaningUp) };
    let done = MoveProgress { rows_deleted: 40, rested_seconds: rests(1.0, 0.0), ..example("a", MoveState::Done) };
    let mut before = None;
    for now in [first, switched, taken_over, done] {
        metrics.move_progressed(before.as_ref(), &now, Timestamp::UNIX_EPOCH);
        before = Some(now);
    }
    for (family, total) in [
        ("rebalance_rows_copied_total", 100),
        ("rebalance_bytes_copied_total", 10_000),
        ("rebalance_changes_replayed_total", 3),
        ("rebalance_rows_deleted_total", 40),
        ("rebalance_cutover_attempts_total", 2),
        ("rebalance_cutover_duration_seconds_count", 1),
    ] {
        assert_eq!(series(&metrics, family), [format!("{family} {total}")]);
    }
    assert_eq!(
        series(&metrics, "rebalance_throttled_seconds_total"),
        [
            r#"rebalance_throttled_seconds_total{reason="busy"} 2.5"#,
            r#"rebalance_throttled_seconds_total{reason="overloaded"} 0"#,
            r#"rebalance_throttled_seconds_total{reason="replica_lag"} 10"#
        ]
    );
    assert!(
        series(&metrics, "rebalance_moves_total").contains(&r#"rebalance_moves_total{result="succeeded"} 1"#.into())
    );
}

#[test]
fn what_a_shard_does_not_tell_of_itself_is_absent() {
    let metrics = Metrics::new();
    let internals = Internals { prepared_transactions: Some(2), pending_changes: Some(9), ..Internals::default() };
    metrics.shard(&status(1, &[]), None, internals);
    assert_eq!(series(&metrics, "shard_prepared_transactions"), [r#"shard_prepared_transactions{shard="shard-1"} 2"#]);
    assert_eq!(series(&metrics, "rebalance_pending_changes"), [r#"rebalance_pending_changes{shard="shard-1"} 9"#]);
    assert_eq!(series(&metrics, "shard_up"), [r#"shard_up{shard="shard-1"} 1"#]);
    metrics.shard(&status(1, &[]), None, Internals::default());
    assert!(series(&metrics, "shard_prepared_transactions").is_empty());
    assert!(series(&metrics, "rebalance_pending_changes").is_empty());
}
