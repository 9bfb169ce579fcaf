//! Values survive a move bit for bit.

use keyspace::schema::Layout;
use keyspace::slots;
use keyspace::topology::Transfer;
use moves::execute;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::kit::bench::{Bench, id, quick, silent};
use crate::kit::servers::{Flavor, Server, rows, run};

/// Column definition, what to read to see every bit of it, and values as SQL.
const COLUMNS: [(&str, &str, &[&str]); 24] = [
    ("t TINYINT", "{}", &["-128", "127", "NULL"]),
    ("u BIGINT UNSIGNED", "{}", &["18446744073709551615", "0"]),
    ("z INT(9) UNSIGNED ZEROFILL", "CONCAT({})", &["42", "4294967295"]),
    ("d DECIMAL(65,30)", "{}", &["-12345678901234567890123456789012345.123456789012345678901234567891", "0.1"]),
    ("f FLOAT", "CAST({} AS DOUBLE)", &["16777217", "-0.0", "3.4028234e38", "1e-45", "0.1"]),
    ("g DOUBLE", "{}", &["-0.0e0", "1.7976931348623157e308", "5e-324", "0.1", "16777217"]),
    ("e ENUM('','a','é')", "CONCAT(CAST({} AS UNSIGNED),HEX({}))", &["0", "1", "'é'"]),
    ("s SET(64)", "CAST({} AS UNSIGNED)", &["18446744073709551615", "9223372036854775809", "0"]),
    ("b BIT(64)", "HEX({})", &["b'1'", "0xFFFFFFFFFFFFFFFF", "0"]),
    ("y YEAR", "{}", &["'0000'", "2155", "1901"]),
    ("da DATE", "{}", &["'0000-00-00'", "'2024-02-31'", "'9999-12-31'", "'2024-00-10'"]),
    ("dt DATETIME(6)", "{}", &["'0000-00-00 00:00:00'", "'2024-02-29 23:59:59.999999'"]),
    ("ts TIMESTAMP(3) NULL", "{}", &["'0000-00-00 00:00:00'", "'2038-01-19 03:14:07.999'", "NULL"]),
    ("ti TIME(6)", "{}", &["'-838:59:59'", "'-00:00:00.000001'", "'838:59:59'"]),
    ("j JSON", "HEX({})", &["'{\"a\": [1, 2.50, \"é\\\\n\"], \"b\": null}'", "'\"x\"'", "NULL"]),
    ("l LONGBLOB", "HEX({})", &["x'00FF275C0A1A00'", "x'4100275C410A1A41'", "''", "REPEAT(x'00C3', 70000)"]),
    ("va VARBINARY(20)", "HEX({})", &["x'0020'", "'a  '"]),
    ("bi BINARY(5)", "HEX({})", &["x'61'", "x'0000'"]),
    ("c CHAR(10) CHARACTER SET utf8mb4", "HEX({})", &["'a  '", "'😀'", "''", "'n\\0 \\'\\\\'"]),
    ("la VARCHAR(10) CHARACTER SET latin1", "HEX({})", &["_latin1 x'E980FF'", "'\\'\\\\'"]),
    ("ut VARCHAR(10) CHARACTER SET utf16", "HEX({})", &["'é😀'", "'ab\\'c'", "_utf16 x'00C3A900'"]),
    ("gb VARCHAR(10) CHARACTER SET gbk", "HEX({})", &["_gbk x'BF5C'", "_gbk x'C3A9'"]),
    ("sj TEXT CHARACTER SET sjis", "HEX({})", &["_sjis x'835C'", "_sjis x'C3A95C'"]),
    ("p POINT", "HEX({})", &["ST_GeomFromText('POINT(1 -2.5)')", "NULL"]),
];

fn layout() -> Layout {
    Layout { shard_keys: [("v".to_owned(), "k".to_owned())].into(), ..Layout::default() }
}

/// Moves a table with every value of `columns` from the first shard to the second, all slots of it.
async fn check(bench: &Bench, columns: &[(&str, &str, &[&str])]) {
    let members: Vec<String> = (0..64).map(|member| format!("'m{member}'")).collect();
    let name = |definition: &str| definition.split(' ').next().unwrap().to_owned();
    let definitions: Vec<String> = columns
        .iter()
        .map(|(definition, ..)| definition.replace("SET(64)", &format!("SET({})", members.join(","))))
        .collect();
    // The key's parts are of types whose literals need care.
    let create = format!(
        "CREATE TABLE v (k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci, k2 DATETIME(3), \
         k3 ENUM('x','y'), {}, hidden INT DEFAULT 7 INVISIBLE, \
         twice BIGINT GENERATED ALWAYS AS (t * 2) VIRTUAL, kept VARCHAR(40) GENERATED ALWAYS AS (CONCAT(k,'!')) STORED, \
         PRIMARY KEY (k, k2, k3), UNIQUE KEY (k, t, u, k2)) CHARACTER SET utf8mb4",
        definitions.join(", ")
    );
    let mut source = bench.servers[0].connect().await;
    run(&mut source, "SET sql_mode='ALLOW_INVALID_DATES'").await;
    run(&mut source, &create).await;
    for (number, (definition, _, values)) in columns.iter().enumerate() {
        for (index, value) in values.iter().enumerate() {
            let sql = format!(
                "INSERT INTO v (k,k2,k3,hidden,{}) VALUES ('it''s \\\\ {number}','2024-01-01 00:00:00.00{index}','y',{number},{value})",
                name(definition)
            );
            run(&mut source, &sql).await;
        }
    }
    let read: Vec<String> = columns.iter().map(|(definition, read, _)| read.replace("{}", &name(definition))).collect();
    let everything = format!("SELECT HEX(k),k2,k3,hidden,twice,HEX(kept),{} FROM v ORDER BY k,k2,k3", read.join(","));
    let before = rows(&mut source, &everything).await;
    assert!(before.len() > 2 * columns.len());
    let slots = slots::plan_even_spread(1).remove(0);
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    let settings = moves::MoveSettings { chunk_rows: 7, ..quick() };
    let reports = execute(&bench.cluster, &layout(), &transfers, &settings, &silent()).await.unwrap();
    assert_eq!(reports[0].rows_moved, before.len() as u64);
    assert_eq!(rows(&mut source, "SELECT * FROM v").await.len(), 0);
    let after = rows(&mut bench.servers[1].connect().await, &everything).await;
    for (here, there) in before.iter().zip(&after) {
        assert_eq!(here, there);
    }
    assert_eq!(before.len(), after.len());
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_survive_a_move_on_mariadb() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    let own: [(&str, &str, &[&str]); 3] = [
        ("uu UUID", "{}", &["'123e4567-e89b-12d3-a456-426614174000'"]),
        ("i6 INET6", "{}", &["'2001:db8::ff00:42:8329'", "'::'"]),
        ("co TEXT COMPRESSED", "HEX({})", &["REPEAT('abc', 500)"]),
    ];
    let columns: Vec<_> = COLUMNS.into_iter().chain(own).collect();
    check(&bench, &columns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_survive_a_move_on_mysql() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    check(&bench, &COLUMNS).await;
}

/// What belongs to tables beside their rows: constraints, views, where AUTO_INCREMENT stands. Rows without any, too.
async fn definitions_travel(bench: &Bench) {
    let keys = [("c", "id"), ("unused", "id"), ("numbered", "id")];
    let layout =
        Layout { shard_keys: keys.map(|(table, key)| (table.to_owned(), key.to_owned())).into(), ..Layout::default() };
    let (mut source, mut target) = (bench.servers[0].connect().await, bench.servers[1].connect().await);
    for sql in [
        "CREATE TABLE c (id BIGINT PRIMARY KEY, n INT CHECK (n > 0), CONSTRAINT below CHECK (n < id + 100))",
        "CREATE TABLE unused (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v BLOB) AUTO_INCREMENT=777",
        "CREATE TABLE numbered (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY)",
        // The one that is needed sorts behind the one that needs it.
        "CREATE DEFINER=app@'%' VIEW z AS SELECT id, n FROM c WHERE n > 1",
        "CREATE DEFINER=app@'%' VIEW a AS SELECT COUNT(*) AS counted FROM z",
    ] {
        run(&mut source, sql).await;
    }
    let values: Vec<String> = (1..=40).map(|id| format!("({id}, {id})")).collect();
    run(&mut source, &format!("INSERT INTO c VALUES {}", values.join(","))).await;
    // The highest numbers were given and are gone.
    run(&mut source, "INSERT INTO numbered VALUES (1), (2), (18446744073709551000)").await;
    run(&mut source, "DELETE FROM numbered WHERE id > 2").await;
    // The target has one of the views already, over a table of its own making.
    run(
        &mut target,
        "CREATE TABLE c (id BIGINT PRIMARY KEY, n INT CHECK (n > 0), CONSTRAINT below CHECK (n < id + 100))",
    )
    .await;
    run(&mut target, "CREATE DEFINER=app@'%' VIEW z AS SELECT id, n FROM c WHERE n > 1").await;

    for slots in [slots::plan_half(&bench.cluster.topology().owned(&id(0))), bench.cluster.topology().owned(&id(0))] {
        let left = bench.cluster.topology().owned(&id(0));
        let slots = slots.iter().filter(|slot| left.contains(*slot)).collect();
        let transfers = [Transfer { source: id(0), target: id(1), slots }];
        execute(&bench.cluster, &layout, &transfers, &quick(), &silent()).await.unwrap();
        bench.assert_clean().await;
    }
    assert!(bench.cluster.topology().owned(&id(0)).is_empty());
    let cells = async |connection: &mut MySqlConnection, sql: &str| rows(connection, sql).await[0][0].clone();
    assert_eq!(cells(&mut target, "SELECT COUNT(*) FROM c").await, "40");
    assert_eq!(cells(&mut target, "SELECT counted FROM a").await, "39");
    for wrong in ["(50, 0)", "(51, 151)"] {
        let refused = target.execute(sqlx::raw_sql(AssertSqlSafe(format!("INSERT INTO c VALUES {wrong}")))).await;
        let refused = refused.unwrap_err().to_string().to_lowercase();
        assert!(refused.contains("constraint"), "{refused}");
    }
    assert_eq!(cells(&mut target, "SELECT COUNT(*) FROM unused").await, "0");
    run(&mut target, "INSERT INTO unused (v) VALUES ('x')").await;
    assert_eq!(cells(&mut target, "SELECT id FROM unused").await, "777");
    run(&mut target, "INSERT INTO numbered VALUES (NULL)").await;
    assert_eq!(cells(&mut target, "SELECT MAX(id) FROM numbered").await, "18446744073709551001");
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_views_and_numbers_survive_a_move_on_mariadb() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    definitions_travel(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_views_and_numbers_survive_a_move_on_mysql() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    definitions_travel(&Bench::of(servers, 1).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_tables_move_at_once() {
    const TABLES: usize = 200;
    let Some(bench) = Bench::start(1, 1).await else { return };
    let name = |number: usize| format!("t{number:03}");
    let layout =
        Layout { shard_keys: (0..TABLES).map(|number| (name(number), "id".to_owned())).collect(), ..Layout::default() };
    let mut source = bench.servers[0].connect().await;
    for number in 0..TABLES {
        run(&mut source, &format!("CREATE TABLE {} (id BIGINT PRIMARY KEY, v INT)", name(number))).await;
        // Every tenth stays empty.
        if number % 10 > 0 {
            run(&mut source, &format!("INSERT INTO {} SELECT seq, {number} FROM seq_1_to_9", name(number))).await;
        }
    }
    let slots = bench.cluster.topology().owned(&id(0));
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    let reports = execute(&bench.cluster, &layout, &transfers, &quick(), &silent()).await.unwrap();
    assert_eq!((reports[0].rows_copied, reports[0].rows_moved), (180 * 9, 180 * 9));
    // The clean-up ended sessions that were idle.
    let mut source = bench.servers[0].connect().await;
    let mut target = bench.servers[1].connect().await;
    for number in 0..TABLES {
        let sum = format!("SELECT COUNT(*), COALESCE(SUM(v), 0) FROM {}", name(number));
        let rows_there = if number % 10 > 0 { 9 } else { 0 };
        assert_eq!(rows(&mut target, &sum).await[0], [rows_there.to_string(), (rows_there * number).to_string()]);
        assert_eq!(rows(&mut source, &sum).await[0], ["0", "0"]);
    }
    bench.assert_clean().await;
}

/// Rows may be older than the constraints that they violate, and constraints may be there without being enforced.
async fn rows_beside_constraints_travel(bench: &Bench, violate: [&str; 3]) {
    let layout = Layout { shard_keys: [("c".to_owned(), "id".to_owned())].into(), ..Layout::default() };
    let mut source = bench.servers[0].connect().await;
    run(&mut source, "CREATE TABLE c (id BIGINT PRIMARY KEY, n INT)").await;
    for sql in violate {
        run(&mut source, sql).await;
    }
    let slots = bench.cluster.topology().owned(&id(0));
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    execute(&bench.cluster, &layout, &transfers, &quick(), &silent()).await.unwrap();
    let mut target = bench.servers[1].connect().await;
    assert_eq!(rows(&mut target, "SELECT id, n FROM c ORDER BY id").await, [["1", "-1"], ["2", "5"]]);
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_violate_a_constraint_survive_a_move_on_mariadb() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    let violate = [
        "SET SESSION check_constraint_checks=0",
        "INSERT INTO c VALUES (1, -1), (2, 5)",
        "ALTER TABLE c ADD CONSTRAINT positive CHECK (n > 0)",
    ];
    rows_beside_constraints_travel(&bench, violate).await;
    let mut target = bench.servers[1].connect().await;
    let refused = target.execute(sqlx::raw_sql("INSERT INTO c VALUES (3, -3)")).await.unwrap_err();
    assert!(refused.to_string().contains("positive"), "{refused}");
}

/// MySQL enforces a constraint on all rows or on none.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_violate_a_constraint_survive_a_move_on_mysql() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    let violate = [
        "ALTER TABLE c ADD CONSTRAINT positive CHECK (n > 0) NOT ENFORCED",
        "INSERT INTO c VALUES (1, -1), (2, 5)",
        "ALTER TABLE c ADD CONSTRAINT other CHECK (n < 100)",
    ];
    rows_beside_constraints_travel(&Bench::of(servers, 1).await, violate).await;
}

/// Names that have to be quoted, and names that the mover itself uses.
async fn odd_names_travel(bench: &Bench) {
    let table = "it's `ödd` \"t?\"; -- \\";
    let quoted = keyspace::schema::quote(table);
    let layout = Layout { shard_keys: [(table.to_owned(), "k0".to_owned())].into(), ..Layout::default() };
    let mut source = bench.servers[0].connect().await;
    let create = format!(
        "CREATE TABLE {quoted} (k0 BIGINT, seq VARCHAR(20) CHARACTER SET latin1, `spa ce` INT DEFAULT (1 + 2), \
         `quo\"te'` VARCHAR(20) CHARACTER SET utf16 DEFAULT 'é', `back``tick?` LONGBLOB, `select` DATE DEFAULT '2024-01-02', \
         `ö` INT GENERATED ALWAYS AS (`spa ce` + 1) STORED, PRIMARY KEY (seq, k0)) CHARACTER SET utf8mb4 AUTO_INCREMENT=9"
    );
    run(&mut source, &create).await;
    run(&mut source, &format!("CREATE DEFINER=app@'%' VIEW `a``view'` AS SELECT `back``tick?` AS `x y` FROM {quoted}"))
        .await;
    for row in 1..=30 {
        let sql = format!(
            "INSERT INTO {quoted} (k0, seq, `back``tick?`) VALUES ({row}, CONCAT('é''\\\\', {row} % 7), \
             IF({row} % 10, x'00', REPEAT('?', 400000)))"
        );
        run(&mut source, &sql).await;
    }
    let everything = format!(
        "SELECT k0, HEX(seq), `spa ce`, HEX(`quo\"te'`), SHA2(`back``tick?`, 256), `select`, `ö` FROM {quoted} ORDER BY k0"
    );
    let before = rows(&mut source, &everything).await;
    let slots = bench.cluster.topology().owned(&id(0));
    let transfers = [Transfer { source: id(0), target: id(1), slots }];
    let settings = moves::MoveSettings { chunk_rows: 3, ..quick() };
    execute(&bench.cluster, &layout, &transfers, &settings, &silent()).await.unwrap();
    let mut target = bench.servers[1].connect().await;
    assert_eq!(rows(&mut target, &everything).await, before);
    assert_eq!(rows(&mut target, "SELECT COUNT(*) FROM `a``view'`").await, [["30"]]);
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_survive_a_move_on_mariadb() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    odd_names_travel(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_survive_a_move_on_mysql() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    odd_names_travel(&Bench::of(servers, 1).await).await;
}
