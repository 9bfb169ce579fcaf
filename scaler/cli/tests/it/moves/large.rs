//! Rows of many megabytes: as large as the server takes values, and larger than one statement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::schema::Layout;
use keyspace::topology::Transfer;
use moves::faults::Point;
use moves::{MoveError, MoveSettings, execute};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent};
use crate::kit::servers::{DATABASE, Flavor, Server, number, rows, run};

fn documents() -> Layout {
    Layout { shard_keys: [("documents".to_owned(), "id".to_owned())].into(), ..Layout::default() }
}

fn everything(bench: &Bench) -> [Transfer; 1] {
    [Transfer { source: id(0), target: id(1), slots: bench.cluster.topology().owned(&id(0)) }]
}

/// 16 MB whose content tells which text they were made of.
fn large(text: &str) -> String {
    format!("REPEAT(UNHEX(SHA2({text},256)),524288)")
}

fn half_as_large(text: &str) -> String {
    format!("REPEAT(UNHEX(SHA2({text},256)),262144)")
}

/// Changes large rows until the source has given them away; what it has written last, by row.
async fn rewrite(mut connection: MySqlConnection, first: i64, count: i64, over: Arc<AtomicBool>) -> BTreeMap<i64, i64> {
    /// No cutover finds time for a row of 40 MB as long as one is written again and again.
    const CHANGES: i64 = 4;
    let mut account = BTreeMap::new();
    // Faster than large rows can be copied, no move would ever end.
    let mut pace = tokio::time::interval(Duration::from_millis(250));
    for change in 1..=CHANGES {
        pace.tick().await;
        let row = first + change % count;
        let sql = format!("UPDATE documents SET mark={change}, body={} WHERE id={row}", large("mark"));
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await {
            Ok(_) => drop(account.insert(row, change)),
            Err(error) => {
                assert!(error.to_string().contains("slot moved"), "{error}");
                break;
            }
        }
        if over.load(Ordering::Relaxed) {
            break;
        }
    }
    account
}

async fn large_values_move(flavor: Flavor) {
    // The values fill a packet to the last byte, and the rows more than two.
    let options = ["--max-allowed-packet=16M"];
    let Some(servers) = Server::start_all_with(flavor, 2, &options).await else { return };
    let bench = Bench::of(servers, 1).await;
    let mut source = bench.servers[0].connect().await;
    run(
        &mut source,
        "CREATE TABLE documents (id BIGINT PRIMARY KEY, mark BIGINT NOT NULL, `what?` LONGBLOB, body LONGBLOB, \
         wide LONGTEXT CHARACTER SET utf16, narrow LONGTEXT CHARACTER SET latin1, text LONGTEXT CHARACTER SET utf8mb4, \
         json JSON, shape GEOMETRY, pieces MEDIUMBLOB)",
    )
    .await;
    let small: Vec<String> = (1..=300).map(|id| format!("({id},{id},x'00{id:04}','small')")).collect();
    run(&mut source, &format!("INSERT INTO documents (id,mark,body,text) VALUES {}", small.join(","))).await;
    for row in [50, 51, 200, 300] {
        for change in [
            "`what?`=REPEAT('a?',8388608)".to_owned(),
            format!("body={}", large("mark")),
            "wide=REPEAT(CONVERT('é😀' USING utf16),200000)".to_owned(),
            "narrow=REPEAT(_latin1 x'e9ff00',200000)".to_owned(),
            "text=REPEAT('é😀''\\\\',200000)".to_owned(),
            "json=JSON_OBJECT('a',REPEAT('é😀',100000),'b',JSON_ARRAY(1,2.5e0,NULL))".to_owned(),
            "shape=ST_GeomFromText(CONCAT('LINESTRING(0 0',REPEAT(',1 -2.5',20000),')'))".to_owned(),
            "pieces=REPEAT(x'00ff',100000)".to_owned(),
        ] {
            run(&mut source, &format!("UPDATE documents SET {change} WHERE id={row}")).await;
        }
    }
    let digests = "SELECT id,mark,SHA2(`what?`,256),OCTET_LENGTH(wide),SHA2(CAST(wide AS BINARY),256),SHA2(CAST(narrow AS BINARY),256),\
         SHA2(CAST(text AS BINARY),256),SHA2(CAST(json AS BINARY),256),SHA2(CAST(shape AS BINARY),256),SHA2(pieces,256),CHAR_LENGTH(text) \
         FROM documents WHERE id NOT IN (50,51) ORDER BY id";
    let before = rows(&mut source, digests).await;
    assert_eq!(before.len(), 298);
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(rewrite(bench.servers[0].connect().await, 50, 2, over.clone()));
    execute(&bench.cluster, &documents(), &everything(&bench), &quick(), &silent()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let account = writer.await.unwrap();
    // The clean-up ended sessions that were idle.
    let mut source = bench.servers[0].connect().await;
    let mut target = bench.servers[1].connect().await;
    for (here, there) in before.iter().zip(rows(&mut target, digests).await) {
        assert_eq!(*here, there);
    }
    assert_eq!(number(&mut target, "SELECT COUNT(*) FROM documents").await, 300);
    assert_eq!(number(&mut source, "SELECT COUNT(*) FROM documents").await, 0);
    for row in [50, 51] {
        let mark = account.get(&row).copied().unwrap_or(row);
        let sql = format!("SELECT mark,body={} FROM documents WHERE id={row}", large("mark"));
        assert_eq!(rows(&mut target, &sql).await, [[mark.to_string(), "1".to_owned()]], "row {row}");
    }
    assert!(!account.is_empty(), "nothing was written");
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_larger_than_a_packet_move_on_mariadb() {
    large_values_move(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_larger_than_a_packet_move_on_mysql() {
    large_values_move(Flavor::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_takes_smaller_packets_is_refused() {
    let Some(mut servers) = Server::start_all_with(Flavor::MariaDb, 1, &["--max-allowed-packet=64M"]).await else {
        return;
    };
    servers.extend(Server::start_all(Flavor::MariaDb, 1).await.unwrap());
    let bench = Bench::of(servers, 1).await;
    bench.on_owners(ORDERS).await;
    let transfers = [half(&bench.cluster, 0, 1)];
    let refused = execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap_err();
    assert!(matches!(refused, MoveError::UnfitServer { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        "shard `shard-2` cannot move rows: its max_allowed_packet of 16777216 bytes is below the 67108864 of shard-1; \
         SET GLOBAL max_allowed_packet=67108864 on it, and in its configuration"
    );
}

fn memory_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs again in a process of its own, where nobody else takes memory.
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_while_large_rows_move() {
    const ROWS: u64 = 24;
    const ALONE: &str = "SQL_AUTOSCALER_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "moves::large::memory_stays_flat_while_large_rows_move", "--nocapture"]);
        let output = again.env(ALONE, "1").kill_on_drop(true).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let options = ["--max-allowed-packet=64M"];
    let Some(servers) = Server::start_all_with(Flavor::MariaDb, 2, &options).await else { return };
    let bench = Bench::of(servers, 1).await;
    let mut source = bench.servers[0].connect().await;
    let create = "CREATE TABLE documents (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, id BIGINT, \
         mark BIGINT NOT NULL, body LONGBLOB, PRIMARY KEY (name, id), KEY (id))";
    run(&mut source, create).await;
    for row in 1..=ROWS {
        let body = half_as_large(&row.to_string());
        run(&mut source, &format!("INSERT INTO documents VALUES ('document {row}',{row},{row},{body})")).await;
    }
    let before = memory_kb("VmRSS");
    // All rows are logged at once, by keys that have other bytes than the rows.
    let source = bench.servers[0].endpoint(DATABASE);
    let faults = Faults::hook(move |point| {
        let source = source.clone();
        Box::pin(async move {
            if point == Point::Verifying {
                let mut source = keyspace::mysql::connect(&source).await.unwrap();
                run(&mut source, "UPDATE documents SET name=UPPER(name)").await;
            }
        })
    });
    // A first chunk of all rows would be 192 MB.
    let settings = MoveSettings { chunk_rows: 1_000, confirmation_wait: Duration::from_millis(100), faults, ..quick() };
    execute(&bench.cluster, &documents(), &everything(&bench), &settings, &silent()).await.unwrap();
    let peak = memory_kb("VmHWM");
    println!("from {before} kB to at most {peak} kB");
    assert!(peak - before < 160 << 10, "from {before} kB to {peak} kB");
    let whole =
        format!("SELECT COUNT(*) FROM documents WHERE BINARY name LIKE 'DOC%' AND body={}", half_as_large("mark"));
    assert_eq!(number(&mut bench.servers[1].connect().await, &whole).await, ROWS);
    bench.assert_clean().await;
}
