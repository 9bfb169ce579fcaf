//! `check` and `check --repair` on real servers: what they find, and that only what is surplus goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyspace::keys::{KeyLiteral, KeySlot, KeyType};
use keyspace::own;
use keyspace::schema::Layout;
use keyspace::slots::{Slot, SlotSet, plan_even_spread, plan_half};
use keyspace::topology::{ShardId, Topology, Transfer};
use moves::MoveSettings;
use moves::cluster::Cluster;
use moves::execute;
use moves::faults::Point;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;

use crate::cli::{Site, check_outcome};
use crate::kit::bench::{half, quick, silent};
use crate::kit::crowd::assert_no_leftovers;
use crate::kit::servers::{Flavor, Server, number, rows, run, with_scalers_logins};
use crate::moves::trap::Trap;

/// Two servers under one topology, each owner of half of the slots, with the tables of `definitions` on both.
async fn two_shards(flavor: Flavor, keys: Value, definitions: &[&str]) -> Option<(Vec<Server>, Site)> {
    let servers = Server::start_all(flavor, 2).await?;
    let site = Site::over(&servers.iter().collect::<Vec<_>>(), json!({ "table_shard_keys": keys }));
    let router = site.start("router").await;
    for definition in definitions {
        site.query(definition).await;
    }
    drop(router);
    Some((servers, site))
}

fn slot_of(key_type: KeyType, literal: KeyLiteral) -> Slot {
    match key_type.slot_of(&literal) {
        KeySlot::Slot(slot) => slot,
        other => panic!("{literal:?}: {other:?}"),
    }
}

/// The index of the server that owns a number.
fn owner_of(id: u32) -> usize {
    let slot = slot_of(KeyType::Integer, KeyLiteral::Integer(id.to_string()));
    usize::from(!plan_even_spread(2)[0].contains(slot))
}

async fn connect(servers: &[Server]) -> [MySqlConnection; 2] {
    [servers[0].connect().await, servers[1].connect().await]
}

/// What a misplaced row has at its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Equal,
    Differing,
    Orphan,
}

const USERS: &str = "CREATE TABLE users (user_id BIGINT PRIMARY KEY, v VARCHAR(20), w DOUBLE, \
     twice BIGINT GENERATED ALWAYS AS (user_id * 2) VIRTUAL)";

/// Writes users 1 to 600 on both servers: two thirds of the misplaced ones are made different or the only ones. Returns
/// how many there are of each kind on each server.
async fn spoil_users(servers: &[Server], flavor: Flavor) -> [BTreeMap<Kind, usize>; 2] {
    let mut connections = connect(servers).await;
    let values: Vec<String> = (1..=600).map(|id| format!("({id}, IF({id} % 2, 'N', NULL), 0e0)")).collect();
    for connection in &mut connections {
        run(connection, &format!("INSERT INTO users (user_id, v, w) VALUES {}", values.join(","))).await;
    }
    let mut counts = [BTreeMap::new(), BTreeMap::new()];
    for id in 1..=600 {
        let owner = owner_of(id);
        let kind = match id % 3 {
            0 => {
                // Text that a sloppy digest takes for NULL, and a zero with another sign, which MariaDB does not store.
                let change = match (id % 2 == 0, flavor) {
                    (true, _) => "v = 'N'",
                    (false, Flavor::MariaDb) => "w = 5e-324",
                    (false, Flavor::MySql) => "w = -0e0",
                };
                run(&mut connections[1 - owner], &format!("UPDATE users SET {change} WHERE user_id = {id}")).await;
                Kind::Differing
            }
            1 => Kind::Equal,
            _ => {
                run(&mut connections[owner], &format!("DELETE FROM users WHERE user_id = {id}")).await;
                Kind::Orphan
            }
        };
        *counts[1 - owner].entry(kind).or_default() += 1;
    }
    counts
}

async fn count_users(servers: &[Server]) -> [u64; 2] {
    let mut connections = connect(servers).await;
    let mut counts = [0; 2];
    for (connection, count) in connections.iter_mut().zip(&mut counts) {
        *count = number(connection, "SELECT COUNT(*) FROM users").await;
    }
    counts
}

async fn only_equal_copies_are_removed(flavor: Flavor) {
    let Some((servers, site)) = two_shards(flavor, json!({ "users": "user_id" }), &[USERS]).await else { return };
    let kinds = spoil_users(&servers, flavor).await;
    let before = count_users(&servers).await;

    let found = site.run(&["check"]).await;
    for (index, kinds) in kinds.iter().enumerate() {
        let (equal, differing, orphaned) = (kinds[&Kind::Equal], kinds[&Kind::Differing], kinds[&Kind::Orphan]);
        let total = equal + differing + orphaned;
        assert!(equal > 50 && differing > 50 && orphaned > 50);
        let place = format!("shard-{0} users: {total} rows lie in slots that shard-{0} does not own", index + 1);
        check_outcome(
            &found,
            1,
            &format!("{place}: {equal} equal to their owners' rows; {differing} unlike their owners' rows"),
        );
        check_outcome(&found, 1, &format!("; {orphaned} that their owners lack (`user_id`="));
    }
    let (_, stdout, _) = site.run(&["check", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let counts = &findings.iter().find(|finding| finding["place"] == "shard-1 users").unwrap()["misplaced"];
    assert_eq!(counts["orphaned"], kinds[0][&Kind::Orphan], "{stdout}");
    assert_eq!(counts["differing_keys"].as_array().unwrap().len(), 10, "{stdout}");

    let would = site.run(&["check", "--repair", "--dry-run"]).await;
    let of_first = kinds[0][&Kind::Equal];
    check_outcome(&would, 1, &format!("would go shard-1 users: {of_first} rows that their owners have, too"));
    assert_eq!(count_users(&servers).await, before, "a dry run changes nothing");

    let (code, stdout, stderr) = site.run(&["check", "--repair", "--json"]).await;
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    assert_eq!((code, &report["dry_run"], &report["refused"]), (1, &json!(false), &Value::Null), "{stdout}");
    let removed = json!({ "shard": "shard-1", "what": "rows", "name": "users", "count": of_first });
    assert!(report["removed"].as_array().unwrap().contains(&removed), "{stdout}");
    let expected = [0, 1].map(|index| before[index] - kinds[index][&Kind::Equal] as u64);
    assert_eq!(count_users(&servers).await, expected, "{stdout}");
    let mut connections = connect(&servers).await;
    for id in (1..=600).filter(|id| id % 3 == 1) {
        let sql = format!("SELECT COUNT(*) FROM users WHERE user_id = {id}");
        assert_eq!(number(&mut connections[owner_of(id)], &sql).await, 1, "{id} is gone from its owner");
    }

    // What people do about the others: the owner gets what it lacks, and of two rows one is right.
    for id in (1..=600).filter(|id| id % 3 != 1) {
        let owner = owner_of(id);
        match id % 3 {
            0 => run(&mut connections[1 - owner], &format!("DELETE FROM users WHERE user_id = {id}")).await,
            _ => {
                let value = format!("INSERT INTO users (user_id, v, w) VALUES ({id}, IF({id} % 2, 'N', NULL), 0)");
                run(&mut connections[owner], &value).await;
            }
        }
    }
    check_outcome(&site.run(&["check", "--repair"]).await, 0, "clean: 2 shards, every row where it belongs");
    assert_eq!(count_users(&servers).await.iter().sum::<u64>(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_copies_that_equal_their_owners_row_are_removed_on_mariadb() {
    only_equal_copies_are_removed(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_copies_that_equal_their_owners_row_are_removed_on_mysql() {
    only_equal_copies_are_removed(Flavor::MySql).await;
}

/// Primary keys whose literals, comparisons or order need care. In each table three rows are misplaced: one equal, one
/// that differs in the only bit it can, and one that only the server's own comparison finds at its owner.
async fn every_type_of_key_is_compared_exactly(flavor: Flavor) {
    let members: Vec<String> = (0..64).map(|member| format!("'m{member}'")).collect();
    let odd = format!(
        "CREATE TABLE odd (k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci, s SET({}), d DATETIME(3), \
         e ENUM('x','y'), f FLOAT, u VARCHAR(5) CHARACTER SET utf16 COLLATE utf16_bin, b VARBINARY(9), bits BIT(64), \
         note BLOB, PRIMARY KEY (s, k, d, e, f, u, b, bits)) CHARACTER SET utf8mb4",
        members.join(",")
    );
    let Some((servers, site)) = two_shards(flavor, json!({ "odd": "k" }), &[&odd]).await else { return };
    let mut connections = connect(&servers).await;
    let owner = |key: &str| {
        let slot = slot_of(KeyType::TextCaseInsensitive, KeyLiteral::Text(key.to_owned()));
        usize::from(!plan_even_spread(2)[0].contains(slot))
    };
    // Sets that are one number as doubles, dates that strict mode refuses, bytes that need escaping.
    let sets = ["18446744073709551615", "18446744073709551614", "18446744073709551613", "9223372036854775809", "0"];
    let mut expected = [[0, 0]; 2];
    for connection in &mut connections {
        run(connection, "SET sql_mode='ALLOW_INVALID_DATES'").await;
    }
    for (number, key) in ["it's", "\\", "Plain", "b  c", "x%", "zz"].into_iter().enumerate() {
        let owner = owner(key);
        let literal = key.replace('\\', "\\\\").replace('\'', "''");
        for (index, set) in sets.iter().enumerate() {
            let (other_case, note) = match index % 3 {
                0 => (literal.clone(), "x'00FF'"),
                1 => (literal.clone(), "x'00FE'"),
                // The same key to the collation, another row to the bytes.
                _ => (literal.to_uppercase(), "x'00FF'"),
            };
            let is_equal = index % 3 == 0 || (index % 3 == 2 && literal == literal.to_uppercase());
            let row = |key: &str, note: &str| {
                format!(
                    "INSERT INTO odd VALUES ('{key}', {set}, '0000-00-00 00:00:00.00{number}', 2, 0.1, 'é😀', \
                     x'0027{index:02x}', 0xFFFFFFFFFFFFFFF{number}, {note})"
                )
            };
            run(&mut connections[owner], &row(&literal, "x'00FF'")).await;
            run(&mut connections[1 - owner], &row(&other_case, note)).await;
            expected[1 - owner][usize::from(!is_equal)] += 1;
        }
    }
    let found = site.run(&["check"]).await;
    for (index, [equal, differing]) in expected.into_iter().enumerate() {
        if equal + differing > 0 {
            let text =
                format!("does not own: {equal} equal to their owners' rows; {differing} unlike their owners' rows");
            check_outcome(&found, 1, &format!("shard-{} odd: {} rows lie", index + 1, equal + differing));
            check_outcome(&found, 1, &text);
        }
    }
    assert!(!found.1.contains("owners lack"), "{}", found.1);
    check_outcome(&site.run(&["check", "--repair"]).await, 1, "unlike their owners' rows");
    for (index, [_, differing]) in expected.into_iter().enumerate() {
        let owned = 30 - (expected[index][0] + expected[index][1]);
        let left = number(&mut connections[index], "SELECT COUNT(*) FROM odd").await;
        assert_eq!(left, owned + differing, "shard-{}", index + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_key_is_compared_exactly_on_mariadb() {
    every_type_of_key_is_compared_exactly(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_key_is_compared_exactly_on_mysql() {
    every_type_of_key_is_compared_exactly(Flavor::MySql).await;
}

/// What two moves leave whose scaler was stopped for good and whose journals somebody lost: one away from the shard and
/// one towards it, both announced in an epoch. The tables of the bookkeeping are there, as on every shard.
async fn leave_behind(connection: &mut MySqlConnection, epoch: u32) {
    let (outgoing, incoming) = (format!("m{epoch}-1"), format!("m{epoch}-2"));
    let changes = format!("_autoscaler.ch_m{epoch}_1_0");
    for sql in [
        format!("CREATE TABLE {changes} (seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, k0 BIGINT)"),
        "UPDATE _autoscaler.fence SET fenced=1 WHERE id IN (1, 37)".to_owned(),
        format!("INSERT INTO _autoscaler.moves VALUES ('{outgoing}', 'Copying', '{{}}')"),
        format!("INSERT INTO _autoscaler.incoming_moves VALUES ('{incoming}', 'Preparing', '{{}}')"),
        format!(
            "INSERT INTO _autoscaler.move_positions VALUES ('{incoming}', 'users', '1', 0), \
             ('{incoming}', 'orders', '1', 0)"
        ),
        format!(
            "CREATE TRIGGER _as_m{epoch}_1_0_i AFTER INSERT ON users FOR EACH ROW \
             INSERT INTO {changes} (k0) VALUES (NEW.user_id)"
        ),
        format!(
            "CREATE TRIGGER _as_m{epoch}_1_0_d AFTER DELETE ON users FOR EACH ROW \
             INSERT INTO {changes} (k0) VALUES (OLD.user_id)"
        ),
    ] {
        run(connection, &sql).await;
    }
}

/// Triggers, change tables, probes, moves away, moves hither, positions, raised fences.
const LEFT: &str = "SELECT (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'), \
     (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '_autoscaler' AND TABLE_NAME LIKE 'ch\\_%'), \
     (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = '_as_probe'), \
     (SELECT COUNT(*) FROM _autoscaler.moves), (SELECT COUNT(*) FROM _autoscaler.incoming_moves), \
     (SELECT COUNT(*) FROM _autoscaler.move_positions), (SELECT SUM(fenced) FROM _autoscaler.fence)";
const NOTHING: [&str; 7] = ["0"; 7];

async fn leftovers_are_removed(flavor: Flavor) {
    let Some((servers, site)) = two_shards(flavor, json!({ "users": "user_id" }), &[USERS]).await else { return };
    let mut connection = servers[0].connect().await;
    leave_behind(&mut connection, 1).await;
    run(&mut connection, "CREATE TABLE _as_probe (a INT)").await;
    let found = site.run(&["check"]).await;
    for problem in [
        "warning  shard-1: trigger _as_m1_1_0_i on users is left of a move that is over",
        "change table _autoscaler.ch_m1_1_0 is left",
        "table _as_probe is left",
        "the journal _autoscaler.moves has move m1-1, which no topology has",
        "the journal _autoscaler.incoming_moves has move m1-2, which no topology has",
        "_autoscaler.move_positions has rows of move m1-2",
        "fence 1 is up, but no move of this shard that has it has switched",
        "fence 37 is up, but no move of this shard that has it has switched",
    ] {
        check_outcome(&found, 1, problem);
    }
    let would = site.run(&["check", "--repair", "--dry-run"]).await;
    check_outcome(&would, 1, "would go shard-1: trigger _as_m1_1_0_d");
    assert_eq!(rows(&mut connection, LEFT).await[0], ["2", "1", "1", "1", "1", "2", "2"]);

    // A transaction that holds the table for a moment is waited for.
    let mut holder = servers[0].connect().await;
    run(&mut holder, "BEGIN").await;
    run(&mut holder, "SELECT COUNT(*) FROM users").await;
    let (repaired, ()) = tokio::join!(site.run(&["check", "--repair"]), async {
        wait_for_query(&servers[0], "LOCK TABLES").await;
        run(&mut holder, "COMMIT").await;
    });
    for removal in [
        "removed  shard-1: trigger _as_m1_1_0_i",
        "removed  shard-1: trigger _as_m1_1_0_d",
        "removed  shard-1: change table _autoscaler.ch_m1_1_0",
        "removed  shard-1: table _as_probe",
        "removed  shard-1: move m1-1 from the journal",
        "removed  shard-1: move m1-2 from the journal of arriving moves",
        "removed  shard-1: 2 notes of how far move m1-2 had copied",
        "removed  shard-1: what raised fence 1",
        "removed  shard-1: what raised fence 37",
        "clean: 2 shards",
    ] {
        check_outcome(&repaired, 0, removal);
    }
    assert_eq!(rows(&mut connection, LEFT).await[0], NOTHING);

    // Triggers that outlived their change table make every write fail, and LOCK TABLES, too.
    leave_behind(&mut connection, 1).await;
    run(&mut connection, "DROP TABLE _autoscaler.ch_m1_1_0").await;
    check_outcome(&site.run(&["check", "--repair"]).await, 0, "clean: 2 shards");
    assert_eq!(rows(&mut connection, LEFT).await[0], NOTHING);

    // A move that an epoch to come will announce may be one that a scaler just prepares; a trigger of ours by its
    // beginning only may be anybody's. What they need stays.
    leave_behind(&mut connection, 9).await;
    let waits = site.run(&["check", "--repair"]).await;
    check_outcome(&waits, 1, "the journal _autoscaler.moves has move m9-1");
    check_outcome(&waits, 1, "the journal _autoscaler.incoming_moves has move m9-2");
    check_outcome(&waits, 1, "drop it once the triggers that begin with _as_ are gone, not before");
    assert_eq!(rows(&mut connection, LEFT).await[0], ["2", "1", "0", "1", "1", "2", "0"]);
}

/// Waits until somebody on the server is in the middle of such a statement.
async fn wait_for_query(server: &Server, part: &str) {
    let mut connection = server.connect().await;
    let question = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%{part}%' AND ID <> CONNECTION_ID()"
    );
    let connection = &mut connection;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while number(connection, &question).await == 0 {
        assert!(tokio::time::Instant::now() < deadline, "nobody asked {part}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_left_behind_is_removed_on_mariadb() {
    leftovers_are_removed(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_left_behind_is_removed_on_mysql() {
    leftovers_are_removed(Flavor::MySql).await;
}

/// The topology that both servers carry.
async fn topology(servers: &[Server]) -> Topology {
    own::topology::read(&mut servers[0].connect().await).await.unwrap().unwrap()
}

fn announced(topology: &Topology) -> Topology {
    let id = |number| ShardId::new(format!("shard-{number}")).unwrap();
    let slots: SlotSet = plan_half(&topology.owned(&id(1)));
    topology.with_moves(&[Transfer { source: id(1), target: id(2), slots }]).unwrap()
}

/// A move is stopped behind its switch, or before it, and somebody takes it out of the topology: whatever it has made
/// on either shard is known, by the names and in the tables that moves use today.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_move_makes_is_found_and_removed_on_both_shards() {
    for point in [Point::CatchingUp, Point::SwitchCommitted] {
        let keys = json!({ "users": "user_id" });
        let Some((servers, site)) = two_shards(Flavor::MariaDb, keys, &[USERS]).await else { return };
        let first = with_scalers_logins(topology(&servers).await);
        let mut connection = servers[0].connect().await;
        for id in (1..=200).filter(|id| owner_of(*id) == 0) {
            run(&mut connection, &format!("INSERT INTO users (user_id, v) VALUES ({id}, 'x')")).await;
        }
        let cluster = Cluster::new(first, Arc::new(|| {}));
        let (trap, mut reached) = Trap::set(point, 1);
        let settings = MoveSettings { faults: trap.faults(), ..quick() };
        let layout = Layout { shard_keys: [("users".to_owned(), "user_id".to_owned())].into(), ..Layout::default() };
        let mover = {
            let (cluster, transfers) = (cluster.clone(), vec![half(&cluster, 0, 1)]);
            tokio::spawn(async move { execute(&cluster, &layout, &transfers, &settings, &silent()).await })
        };
        reached.recv().await.unwrap();
        mover.abort();
        assert!(mover.await.unwrap_err().is_cancelled());
        let carried = topology(&servers).await;
        let without = carried.without_move(&carried.moves()[0].id);
        for connection in &mut connect(&servers).await {
            own::topology::catch_up(connection, &without).await.unwrap();
        }
        let found = site.run(&["check"]).await;
        for problem in ["_autoscaler.moves has move m2-1", "_autoscaler.incoming_moves has move m2-1"] {
            check_outcome(&found, 1, problem);
        }
        check_outcome(&site.run(&["check", "--repair"]).await, 0, "clean: 2 shards");
        assert_no_leftovers(&servers, &without).await;
    }
}

/// One user on both shards, equal.
async fn double_user(servers: &[Server]) -> usize {
    for connection in &mut connect(servers).await {
        run(connection, "INSERT INTO users (user_id, v) VALUES (7, 'x')").await;
    }
    1 - owner_of(7)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_repaired_unless_every_shard_agrees_and_no_row_moves() {
    let keys = json!({ "users": "user_id" });
    let Some((mut servers, site)) = two_shards(Flavor::MariaDb, keys, &[USERS]).await else { return };
    double_user(&servers).await;
    let refused = async |why: &str| {
        let refused = site.run(&["check", "--repair"]).await;
        check_outcome(&refused, 1, &format!("error    repair: nothing was removed: {why}"));
        refused
    };

    let first = topology(&servers).await;
    let moving = announced(&first);
    for connection in &mut connect(&servers).await {
        own::topology::catch_up(connection, &moving).await.unwrap();
    }
    refused("move m2-1 is in progress").await;
    assert_eq!(count_users(&servers).await, [1, 1]);

    // Two documents under one epoch, as two scalers at a time or a restored backup would leave them.
    let mut second = servers[1].connect().await;
    let other = serde_json::to_string(&moving.without_move(&moving.moves()[0].id)).unwrap();
    let doc = other.replacen("\"epoch\":3", "\"epoch\":2", 1);
    run(&mut second, &format!("UPDATE _autoscaler.topology SET doc = '{}' WHERE id = 1", doc.replace('\\', "\\\\")))
        .await;
    let found = refused("shard-2 carries another topology than the others").await;
    check_outcome(&found, 1, "shard-2: carries another topology under epoch 2 than shard-1: other moves");

    run(&mut second, "UPDATE _autoscaler.topology SET epoch = 1").await;
    run(&mut second, &format!("UPDATE _autoscaler.topology SET doc = '{}'", serde_json::to_string(&first).unwrap()))
        .await;
    let found = refused("shard-2 carries another topology than the others").await;
    check_outcome(&found, 1, "shard-2: carries epoch 1, the cluster is at 2");

    servers[1].kill();
    let found = refused("shard-2 cannot be read").await;
    check_outcome(&found, 1, "error    shard-2: cannot be reached: ");
    assert_eq!(number(&mut servers[0].connect().await, "SELECT COUNT(*) FROM users").await, 1);
}

/// A move is announced while a repair is about to delete: it waits for the announcement, sees it, and deletes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_announced_meanwhile_stops_the_repair() {
    let keys = json!({ "users": "user_id" });
    let Some((servers, site)) = two_shards(Flavor::MariaDb, keys, &[USERS]).await else { return };
    let misplaced = double_user(&servers).await;
    let moving = announced(&topology(&servers).await);
    let mut announcer = servers[1 - misplaced].connect().await;
    run(&mut announcer, "BEGIN").await;
    own::topology::catch_up(&mut announcer, &topology(&servers).await).await.unwrap();
    run(&mut announcer, "BEGIN").await;
    assert!(own::topology::replace(&mut announcer, &moving).await.unwrap());
    let (stopped, ()) = tokio::join!(site.run(&["check", "--repair"]), async {
        wait_for_query(&servers[1 - misplaced], "LOCK IN SHARE MODE").await;
        run(&mut announcer, "COMMIT").await;
    });
    check_outcome(&stopped, 1, "error    repair: stopped: the topology changed meanwhile; run it again");
    assert_eq!(count_users(&servers).await, [1, 1]);
}

/// Nobody waits for a lock of others: their rows stay for the next time.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_is_left_alone_and_the_others_go() {
    let keys = json!({ "users": "user_id" });
    let Some((servers, site)) = two_shards(Flavor::MariaDb, keys, &[USERS]).await else { return };
    for connection in &mut connect(&servers).await {
        run(connection, "INSERT INTO users (user_id, v) SELECT seq, 'x' FROM seq_1_to_50").await;
    }
    let held = (1..=50).find(|id| owner_of(*id) == 1).unwrap();
    // The owner's row is about to go: its copy must not go before anybody knows.
    let mut holder = servers[1].connect().await;
    run(&mut holder, "BEGIN").await;
    run(&mut holder, &format!("DELETE FROM users WHERE user_id = {held}")).await;
    let repaired = site.run(&["check", "--repair"]).await;
    check_outcome(&repaired, 1, "shard-1 users: 1 surplus rows stay: others had locked or changed them");
    let mut first = servers[0].connect().await;
    assert_eq!(number(&mut first, &format!("SELECT COUNT(*) FROM users WHERE user_id = {held}")).await, 1);
    run(&mut holder, "COMMIT").await;
    let repaired = site.run(&["check", "--repair"]).await;
    check_outcome(
        &repaired,
        1,
        &format!("1 rows lie in slots that shard-1 does not own: 1 that their owners lack (`user_id`={held})"),
    );
    assert_eq!(count_users(&servers).await.iter().sum::<u64>(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_which_a_delete_would_do_more_or_less_are_left_alone() {
    let keys = json!({ "users": "user_id", "logs": "user_id", "old": "user_id", "bare": "user_id" });
    let definitions = [
        USERS,
        "CREATE TABLE logs (user_id BIGINT PRIMARY KEY, n INT)",
        "CREATE TABLE old (user_id BIGINT PRIMARY KEY) ENGINE=MyISAM",
        "CREATE TABLE bare (user_id BIGINT)",
        "CREATE TABLE plain (a INT PRIMARY KEY)",
    ];
    let Some((servers, site)) = two_shards(Flavor::MariaDb, keys, &definitions).await else { return };
    let misplaced = double_user(&servers).await;
    for connection in &mut connect(&servers).await {
        for table in ["logs", "old", "bare"] {
            run(connection, &format!("INSERT INTO {table} (user_id) VALUES (7)")).await;
        }
        run(connection, "CREATE TRIGGER counts BEFORE DELETE ON users FOR EACH ROW SET @n = OLD.user_id").await;
        run(connection, "INSERT INTO plain VALUES (1)").await;
    }
    run(&mut servers[misplaced].connect().await, "ALTER TABLE logs ADD KEY (n)").await;
    let place = format!("shard-{}", misplaced + 1);
    let kept = site.run(&["check", "--repair"]).await;
    for (table, why) in [
        ("users", "1 surplus rows stay: trigger counts would fire for them"),
        ("old", "1 surplus rows stay: its engine has no transactions"),
        ("logs", "1 surplus rows stay: the table is not defined in the same way on all shards"),
        ("bare", &format!("1 rows lie in slots that {place} does not own: 1 that could not be compared")),
    ] {
        check_outcome(&kept, 1, &format!("{place} {table}: {why}"));
    }
    // What a move would refuse is told before one is wanted, once for all shards.
    for (table, why) in [
        ("users", "trigger counts would also fire for rows that the move copies and deletes"),
        ("old", "its engine MyISAM has no transactions"),
        ("bare", "it has no primary key"),
    ] {
        let warning = format!("warning  {table}: rows of this table cannot move: {why}");
        check_outcome(&kept, 1, &warning);
        assert_eq!(kept.1.matches(&warning).count(), 1, "{}", kept.1);
    }
    check_outcome(&kept, 1, "shard-2 plain: 1 rows lie here, but the table is whole on shard-1");
    assert_eq!(count_users(&servers).await, [1, 1]);

    // Guarded, the trigger keeps still.
    for connection in &mut connect(&servers).await {
        run(connection, "DROP TRIGGER counts").await;
        let guarded = "CREATE TRIGGER counts BEFORE DELETE ON users FOR EACH ROW BEGIN \
             IF @_autoscaler_cleanup IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END";
        run(connection, guarded).await;
    }
    let repaired = site.run(&["check", "--repair"]).await;
    check_outcome(&repaired, 1, &format!("removed  {place} users: 1 rows that their owners have, too"));
    assert!(!repaired.1.contains("users: rows of this table cannot move"), "{}", repaired.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_a_topology_or_without_a_shard_is_told_and_not_touched() {
    let Some(server) = Server::start().await else { return };
    let site = Site::over(&[&server], json!({ "table_shard_keys": { "users": "user_id" } }));
    check_outcome(&site.run(&["check"]).await, 1, "warning  cluster: no shard carries a topology");
    let refused = site.run(&["check", "--repair"]).await;
    check_outcome(&refused, 1, "repair: nothing was removed: no shard carries a topology");
    let none = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '_autoscaler'";
    assert_eq!(number(&mut server.connect().await, none).await, 0);
}

/// Rows whose owner is away are counted, and nobody guesses.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_owner_that_is_away_are_not_compared() {
    let keys = json!({ "users": "user_id" });
    let Some((mut servers, site)) = two_shards(Flavor::MariaDb, keys, &[USERS]).await else { return };
    let misplaced = double_user(&servers).await;
    servers[1 - misplaced].kill();
    let found = site.run(&["check"]).await;
    check_outcome(&found, 1, "1 rows lie in slots that");
    check_outcome(&found, 1, "1 that could not be compared");
    servers[1 - misplaced].restart().await;
    check_outcome(&site.run(&["check", "--repair"]).await, 0, "clean: 2 shards");
}
