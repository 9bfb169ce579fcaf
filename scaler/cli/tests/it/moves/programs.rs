//! Functions, procedures and triggers of users arrive where rows do.

use keyspace::topology::Transfer;
use moves::{MoveError, execute};

use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent};
use crate::kit::servers::{Flavor, Server, number, rows, run};

async fn programs_travel(flavor: Flavor) {
    let Some(servers) = Server::start_all(flavor, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    if flavor == Flavor::MySql {
        // What belongs to an account that has it is made again only by one that has it, too.
        for server in &bench.servers {
            run(&mut server.connect().await, "GRANT SYSTEM_USER ON *.* TO app@'%'").await;
        }
    }
    let mut source = bench.servers[0].connect().await;
    for sql in [
        ORDERS,
        "CREATE TABLE counts (name VARCHAR(40) CHARACTER SET utf8mb4 PRIMARY KEY, n BIGINT)",
        "CREATE FUNCTION twice (n BIGINT) RETURNS BIGINT DETERMINISTIC NO SQL BEGIN DECLARE d BIGINT; SET d = 2 * n; RETURN d; END",
        "CREATE PROCEDURE note (IN what VARCHAR(40)) INSERT INTO counts VALUES (what, 1) ON DUPLICATE KEY UPDATE n = n + 1",
        "CREATE VIEW doubled AS SELECT id, twice(value) AS value FROM orders",
        "CREATE TRIGGER count_é AFTER INSERT ON orders FOR EACH ROW BEGIN IF @_autoscaler_cleanup IS NULL THEN \
         CALL note('größer'); END IF; END",
        "CREATE TRIGGER count_d AFTER DELETE ON orders FOR EACH ROW BEGIN IF @_autoscaler_cleanup IS NULL THEN \
         CALL note('deleted'); END IF; END",
        // Made first, runs last; and under modes in which strings are added by `||`.
        "SET SESSION sql_mode='PIPES_AS_CONCAT,ANSI_QUOTES'",
        "CREATE TRIGGER \"last\" BEFORE UPDATE ON orders FOR EACH ROW \
         SET NEW.note = IF(@_AUTOSCALER_CLEANUP IS NULL, NEW.note || '+last', NEW.note)",
        "SET SESSION sql_mode=DEFAULT, collation_connection=utf8mb4_bin",
        "CREATE TRIGGER first BEFORE UPDATE ON orders FOR EACH ROW PRECEDES `last` \
         SET NEW.note = IF(@_autoscaler_cleanup IS NULL, CONCAT(NEW.note, IF('a' = 'A', '+equal', '+first')), NEW.note)",
    ] {
        run(&mut source, sql).await;
    }
    let account = bench.fill_orders(300).await;
    let mut target = bench.servers[1].connect().await;
    let counted = "SELECT name, n FROM counts ORDER BY name";
    assert_eq!(rows(&mut source, counted).await, [["größer", "300"]]);
    // A second move finds everything as the first one made it.
    for slots in [half(&bench.cluster, 0, 1).slots, bench.cluster.topology().owned(&id(0))] {
        let left = bench.cluster.topology().owned(&id(0));
        let slots = slots.iter().filter(|&slot| left.contains(slot)).collect();
        let transfers = [Transfer { source: id(0), target: id(1), slots }];
        execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap();
        bench.assert_orders(&account).await;
        bench.assert_clean().await;
    }
    // The clean-up ended sessions that were idle.
    let mut source = bench.servers[0].connect().await;
    // Neither copies nor clean-up set anything off.
    assert_eq!(rows(&mut source, counted).await, [["größer", "300"]]);
    assert!(rows(&mut target, counted).await.is_empty());

    run(&mut target, "INSERT INTO orders VALUES (9001, 21, 'new')").await;
    run(&mut target, "UPDATE orders SET value = value + 1 WHERE id = 9001").await;
    assert_eq!(rows(&mut target, "SELECT note FROM orders WHERE id = 9001").await, [["new+first+last"]]);
    assert_eq!(rows(&mut target, "SELECT value FROM doubled WHERE id = 9001").await, [["44"]]);
    run(&mut target, "DELETE FROM orders WHERE id = 9001").await;
    assert_eq!(rows(&mut target, counted).await, [["deleted", "1"], ["größer", "1"]]);
    for kept in [
        "SELECT TRIGGER_NAME, SQL_MODE, COLLATION_CONNECTION, ACTION_ORDER, ACTION_STATEMENT FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA = 'shop' ORDER BY 1",
        "SELECT ROUTINE_NAME, SQL_MODE, COLLATION_CONNECTION, ROUTINE_DEFINITION FROM information_schema.ROUTINES \
         WHERE ROUTINE_SCHEMA = 'shop' ORDER BY 1",
    ] {
        assert_eq!(rows(&mut target, kept).await, rows(&mut source, kept).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_users_travel_on_mariadb() {
    programs_travel(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_users_travel_on_mysql() {
    programs_travel(Flavor::MySql).await;
}

/// What differs between two shards is nobody's to decide but the user's.
#[tokio::test(flavor = "multi_thread")]
async fn programs_that_differ_are_refused() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    let trigger = |name: &str, add: u32| {
        format!(
            "CREATE TRIGGER {name} BEFORE UPDATE ON orders FOR EACH ROW \
             SET NEW.value = NEW.value + IF(@_autoscaler_cleanup IS NULL, {add}, 0)"
        )
    };
    let mut source = bench.servers[0].connect().await;
    let mut target = bench.servers[1].connect().await;
    for connection in [&mut source, &mut target] {
        run(connection, ORDERS).await;
    }
    let check = async |reason: &str, remedy: &str| {
        let transfers = [half(&bench.cluster, 0, 1)];
        let refused = execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap_err();
        assert!(matches!(refused, MoveError::UnfitServer { .. }), "{refused:?}");
        let refused = refused.to_string();
        assert!(refused.contains(reason) && refused.contains(remedy), "{refused}");
        assert!(bench.cluster.topology().moves().is_empty());
    };
    run(&mut source, &trigger("a", 1)).await;
    run(&mut source, &trigger("b", 1)).await;
    run(&mut target, &trigger("b", 2)).await;
    check("shard `shard-2` cannot move rows: TRIGGER `b` is another one there", "a move creates it again").await;
    run(&mut target, &format!("DROP TRIGGER a; DROP TRIGGER b; {}", trigger("b", 1))).await;
    check("triggers of table `orders` run there in another order than on shard-1", "drop those").await;
    run(&mut target, "DROP TRIGGER a; DROP TRIGGER b").await;

    run(&mut source, "CREATE FUNCTION f () RETURNS INT RETURN 1").await;
    run(&mut target, "CREATE FUNCTION f () RETURNS INT RETURN 2").await;
    check("FUNCTION `f` is another one there", "make them equal").await;
    run(&mut target, "DROP FUNCTION f").await;

    run(&mut source, "CREATE USER author@'%'; CREATE DEFINER=author@'%' PROCEDURE p () DO 1").await;
    check("the account of the definer of PROCEDURE `p` is missing there", "create that account there").await;
    assert_eq!(number(&mut target, "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_NAME='p'").await, 0);
    run(&mut target, "CREATE USER author@'%'").await;
    let transfers = [half(&bench.cluster, 0, 1)];
    execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap();
    assert_eq!(
        number(&mut target, "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='shop'").await,
        2
    );
}
