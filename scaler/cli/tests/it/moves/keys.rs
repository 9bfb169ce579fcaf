//! Keys of every type: tables are copied in the order of keys, a few rows at a time, while keys change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::schema::Layout;
use keyspace::topology::Transfer;
use moves::faults::Point;
use moves::{MoveSettings, Throttle, execute};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::bench::{Bench, id, quick, silent};
use crate::kit::servers::{DATABASE, Flavor, Server, rows, run};

/// Type, and the key that belongs to number `#`.
const KEYS: [(&str, &str); 24] = [
    ("ENUM('zeta','alpha','','omega','beta')", "#%6"),
    ("SET('d','c','b','a')", "#%16"),
    ("BIT(64)", "IF(#%2,18446744073709551615-#,#)"),
    ("YEAR", "IF(#%7=0,0,1901+#%200)"),
    ("TIME(6)", "SEC_TO_TIME((#-40)*7.100001)"),
    ("DECIMAL(30,10)", "(#-40)*1.0000000001"),
    ("FLOAT", "(#-40)*0.1"),
    ("DOUBLE", "(#-40)*1e300/7"),
    ("BIGINT UNSIGNED", "18446744073709551615-#"),
    ("BIGINT", "-9223372036854775807+#"),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "CONCAT(CHAR(65+#%26+32*(#%2)),#%5,REPEAT(' ',#%3))",
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "CONCAT(ELT(1+#%6,'é','E','ß','ss','😀','\\\\'''),#%7)",
    ),
    (
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CONCAT(ELT(1+#%5,'é','E','Z','z',''),#%7,REPEAT(' ',#%2))",
    ),
    (
        "CHAR(10) CHARACTER SET latin1 COLLATE latin1_german2_ci",
        "CONCAT(CONVERT(ELT(1+#%4,'ä','ae','ß','z') USING latin1),#%9)",
    ),
    ("VARCHAR(20) CHARACTER SET utf16", "CONCAT(ELT(1+#%4,'é','😀','a','Z'),#)"),
    ("VARCHAR(20) CHARACTER SET gbk", "CONCAT(CONVERT(ELT(1+#%3,'縗','a','啊') USING gbk),#%30)"),
    ("VARBINARY(20)", "CONCAT(UNHEX(LPAD(HEX(#),4,'0')),IF(#%2,x'00',''))"),
    ("BINARY(4)", "UNHEX(LPAD(HEX(#*7),4,'0'))"),
    ("DATE", "IF(#%10=0,'0000-00-00',IF(#%10=1,'2024-02-31',DATE_ADD('2024-01-01',INTERVAL # DAY)))"),
    (
        "DATETIME(3)",
        "IF(#%10=0,'0000-00-00 00:00:00',IF(#%10=1,'2024-00-10 00:00:00',DATE_ADD('2024-01-01 00:00:00.001',INTERVAL # HOUR)))",
    ),
    ("TIMESTAMP(3)", "IF(#%10=0,'0000-00-00 00:00:00',DATE_ADD('2024-10-27 00:30:00.500',INTERVAL # MINUTE))"),
    ("INT", "IF(#%2,-#,#)"),
    ("MEDIUMINT UNSIGNED", "#*100"),
    ("INT(9) UNSIGNED ZEROFILL", "#"),
];

const NUMBERS: i64 = 80;

/// What the writer has written: by table and row, the number of its key and its version.
type Account = BTreeMap<(usize, i64), (i64, i64)>;

fn key(types: &[(&str, &str)], table: usize, number: i64) -> String {
    types[table].1.replace('#', &number.to_string())
}

/// Changes keys, also there and back, and deletes and inserts rows, until the source has given them away.
async fn change_keys(
    mut connection: MySqlConnection,
    types: Vec<(&'static str, &'static str)>,
    mut account: Account,
    over: Arc<AtomicBool>,
) -> (Account, u64) {
    run(&mut connection, "SET sql_mode='ALLOW_INVALID_DATES'").await;
    // Each table that has changed takes a few statements under the fence, and all of them have.
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for change in 0.. {
        pace.tick().await;
        let table = rand::random_range(0..types.len());
        let row = rand::random_range(1..=NUMBERS);
        let number = rand::random_range(1..=NUMBERS);
        let (_, version) = account[&(table, row)];
        let next = key(&types, table, number);
        let sql = match change % 3 {
            0 => format!(
                "BEGIN; DELETE FROM t{table} WHERE id={row}; \
                 INSERT INTO t{table} (id,k,v) VALUES ({row},{next},{}); COMMIT",
                version + 1
            ),
            _ => format!("UPDATE t{table} SET k={next}, v={} WHERE id={row}", version + 1),
        };
        match connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await {
            Ok(_) => drop(account.insert((table, row), (number, version + 1))),
            Err(error) => {
                assert!(error.to_string().contains("slot moved"), "{error}");
                return (account, change);
            }
        }
        if over.load(Ordering::Relaxed) {
            return (account, change);
        }
    }
    (account, 0)
}

async fn keys_survive(flavor: Flavor, own: &[(&'static str, &'static str)]) {
    let Some(servers) = Server::start_all(flavor, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    let types: Vec<_> = KEYS.into_iter().chain(own.iter().copied()).collect();
    let mut source = bench.servers[0].connect().await;
    run(&mut source, "SET sql_mode='ALLOW_INVALID_DATES'").await;
    let mut account = Account::new();
    for (table, (definition, _)) in types.iter().enumerate() {
        let order = if table % 5 == 0 && flavor == Flavor::MySql { " DESC" } else { "" };
        let create = format!(
            "CREATE TABLE t{table} (id BIGINT NOT NULL, k {definition} NOT NULL, v BIGINT NOT NULL, \
             PRIMARY KEY (k{order}, id), KEY (id))"
        );
        run(&mut source, &create).await;
        let values: Vec<String> = (1..=NUMBERS).map(|row| format!("({row},{},0)", key(&types, table, row))).collect();
        run(&mut source, &format!("INSERT INTO t{table} (id,k,v) VALUES {}", values.join(","))).await;
        account.extend((1..=NUMBERS).map(|row| ((table, row), (row, 0))));
    }
    let layout = Layout {
        shard_keys: (0..types.len()).map(|table| (format!("t{table}"), "id".to_owned())).collect(),
        ..Layout::default()
    };
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(change_keys(bench.servers[0].connect().await, types.clone(), account, over.clone()));
    let slots = bench.cluster.topology().owned(&id(0));
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    let throttle = Throttle { chunk_time: Duration::from_millis(20), busy_share: 1.0, ..Throttle::default() };
    // At most twenty times as many later.
    let settings = MoveSettings { chunk_rows: 1, throttle, ..quick() };
    execute(&bench.cluster, &layout, &transfers, &settings, &silent()).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let (account, changes) = writer.await.unwrap();
    assert!(changes > 50, "only {changes} changes");
    // The clean-up ended sessions that were idle.
    let mut source = bench.servers[0].connect().await;
    let mut target = bench.servers[1].connect().await;
    run(&mut target, "SET sql_mode='ALLOW_INVALID_DATES'").await;
    for (table, (definition, _)) in types.iter().enumerate() {
        run(&mut target, &format!("CREATE TABLE expected LIKE t{table}")).await;
        let values: Vec<String> = (1..=NUMBERS)
            .map(|row| {
                let (number, version) = account[&(table, row)];
                format!("({row},{},{version})", key(&types, table, number))
            })
            .collect();
        run(&mut target, &format!("INSERT INTO expected (id,k,v) VALUES {}", values.join(","))).await;
        let read = |name: &str| format!("SELECT id,v,HEX(CAST(k AS BINARY)) FROM {name} ORDER BY id,v");
        let expected = rows(&mut target, &read("expected")).await;
        assert_eq!(rows(&mut target, &read(&format!("t{table}"))).await, expected, "{definition}");
        assert_eq!(rows(&mut source, &read(&format!("t{table}"))).await.len(), 0, "{definition}");
        run(&mut target, "DROP TABLE expected").await;
    }
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_move_while_they_change_on_mariadb() {
    let own = [
        ("UUID", "CONCAT(LPAD(HEX(#*7),8,'0'),'-e89b-1',LPAD(HEX(#%9),3,'0'),'-a456-',LPAD(HEX(#%5),12,'0'))"),
        ("INET6", "IF(#%2,CONCAT('2001:db8::',HEX(#)),CONCAT('::ffff:10.0.0.',#))"),
        ("INET4", "CONCAT('10.',#%3,'.0.',#)"),
        (
            "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci",
            "CONCAT(ELT(1+#%5,'é','E','ß','ss','z'),#%7)",
        ),
    ];
    keys_survive(Flavor::MariaDb, &own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_move_while_they_change_on_mysql() {
    let own = [(
        "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
        "CONCAT(ELT(1+#%5,'é','E','ß','ss','z'),#%7,REPEAT(' ',#%2))",
    )];
    keys_survive(Flavor::MySql, &own).await;
}

/// Types and two keys each, which are equal under the default collation of the character set, and not under their own.
const EASILY_CONFUSED: [(&str, &str, &str); 5] = [
    ("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "'A'", "'a'"),
    ("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "'E1'", "'é1'"),
    ("CHAR(9) CHARACTER SET latin1 COLLATE latin1_general_cs", "'A'", "'a'"),
    ("VARCHAR(20) CHARACTER SET utf16 COLLATE utf16_bin", "'A'", "'ä'"),
    ("VARCHAR(20) CHARACTER SET gbk COLLATE gbk_bin", "'Z'", "'z '"),
];

/// A row changes its key to one that is easily confused with the old one, alone: both are then looked for by one
/// statement.
async fn easily_confused_keys_are_told_apart(flavor: Flavor, own: (&'static str, &'static str, &'static str)) {
    const POINTS: [Point; 4] = [Point::CatchingUp, Point::CuttingOver, Point::ChunkCopied, Point::Verifying];
    let Some(servers) = Server::start_all(flavor, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    let types: Vec<_> = EASILY_CONFUSED.into_iter().chain([own]).collect();
    let mut first = bench.servers[0].connect().await;
    for (table, (definition, before, _)) in types.iter().enumerate() {
        let create = format!("CREATE TABLE t{table} (k {definition}, id BIGINT NOT NULL, PRIMARY KEY (k, id))");
        run(&mut first, &create).await;
        let values: Vec<String> = (1..=6).map(|row| format!("({before},{row})")).collect();
        run(&mut first, &format!("INSERT INTO t{table} VALUES {}", values.join(","))).await;
    }
    let layout = Layout {
        shard_keys: (0..types.len()).map(|table| (format!("t{table}"), "id".to_owned())).collect(),
        ..Layout::default()
    };
    // There and back, as often as there are points.
    for (passage, point) in POINTS.into_iter().enumerate() {
        let (source, target) = (passage % 2, 1 - passage % 2);
        let changes: Vec<String> = types
            .iter()
            .enumerate()
            .map(|(table, (.., after))| format!("UPDATE t{table} SET k={after} WHERE id={}", passage + 1))
            .collect();
        let (changes, left) = (changes.join(";"), Arc::new(Mutex::new(Some(bench.servers[source].endpoint(DATABASE)))));
        let faults = Faults::hook(move |reached| {
            let source = if reached == point { left.lock().unwrap().take() } else { None };
            let changes = changes.clone();
            Box::pin(async move {
                if let Some(source) = source {
                    run(&mut keyspace::mysql::connect(&source).await.unwrap(), &changes).await;
                }
            })
        });
        let slots = bench.cluster.topology().owned(&id(source));
        let transfers = [Transfer { source: id(source), target: id(target), slots }];
        let settings = MoveSettings { chunk_rows: 1, faults, ..quick() };
        let moved = execute(&bench.cluster, &layout, &transfers, &settings, &silent()).await;
        assert!(moved.is_ok(), "a change at {point:?} was lost: {moved:?}");
        let mut connection = bench.servers[target].connect().await;
        let mut wrong = Vec::new();
        for (table, (definition, before, after)) in types.iter().enumerate() {
            run(&mut connection, &format!("CREATE TABLE expected LIKE t{table}")).await;
            let key = |row| if row <= passage + 1 { after } else { before };
            let values: Vec<String> = (1..=6).map(|row| format!("({},{row})", key(row))).collect();
            run(&mut connection, &format!("INSERT INTO expected VALUES {}", values.join(","))).await;
            let read = |name: &str| format!("SELECT id,HEX(CAST(k AS BINARY)) FROM {name} ORDER BY id");
            let expected = rows(&mut connection, &read("expected")).await;
            let found = rows(&mut connection, &read(&format!("t{table}"))).await;
            if found != expected {
                wrong.push((definition, found));
            }
            run(&mut connection, "DROP TABLE expected").await;
        }
        assert!(wrong.is_empty(), "a change at {point:?} was lost: {wrong:#?}");
    }
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn easily_confused_keys_are_told_apart_on_mariadb() {
    let own = ("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "'a'", "'a '");
    easily_confused_keys_are_told_apart(Flavor::MariaDb, own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn easily_confused_keys_are_told_apart_on_mysql() {
    let own = ("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs", "'A'", "'a'");
    easily_confused_keys_are_told_apart(Flavor::MySql, own).await;
}
