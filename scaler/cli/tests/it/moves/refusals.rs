//! What a move refuses before it changes anything, and what it says about it.

use keyspace::schema::Layout;
use keyspace::topology::Transfer;
use moves::{MoveError, MoveSettings, execute};

use crate::kit::bench::{Bench, ORDERS, half, id, layout, quick, silent};
use crate::kit::servers::{Flavor, Server, number, run};

/// The message of a refused move of half of the first shard, which must leave nothing behind.
async fn refusal(bench: &Bench, layout: &Layout, transfer: Transfer) -> String {
    let refused = execute(&bench.cluster, layout, &[transfer], &quick(), &silent()).await.unwrap_err();
    assert!(matches!(refused, MoveError::Unfit { .. } | MoveError::UnfitServer { .. }), "{refused:?}");
    assert!(bench.cluster.topology().moves().is_empty());
    refused.to_string()
}

#[track_caller]
fn check(refused: &str, reason: &str, remedy: &str) {
    assert!(refused.contains(reason) && refused.contains(remedy), "no `{reason}` with `{remedy}` in: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_refused_with_reason_and_remedy() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    let members: Vec<String> = (0..64).map(|member| format!("'m{member}'")).collect();
    let set = format!("CREATE TABLE t (id BIGINT, s SET({}), PRIMARY KEY (id, s))", members.join(","));
    let cases = [
        ("CREATE TABLE t (id INT)", "table `t` cannot be moved: it has no primary key", "add one"),
        (
            "CREATE TABLE t (id BIGINT, t TEXT, PRIMARY KEY (id, t(9)))",
            "its primary key holds only the beginning of a column",
            "make the key of whole columns",
        ),
        (&set, "its primary key has the SET `s`", "take it out of the key"),
        ("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM", "its engine MyISAM has no transactions", "ENGINE=InnoDB"),
        (
            "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB WITH SYSTEM VERSIONING",
            "the history that its system versioning keeps would be lost",
            "DROP SYSTEM VERSIONING",
        ),
        ("CREATE TABLE t (id FLOAT PRIMARY KEY)", "type FLOAT cannot be a sharding key", "change the column"),
        (
            "CREATE TABLE t (id BIGINT PRIMARY KEY, FOREIGN KEY (id) REFERENCES orders (id) ON UPDATE CASCADE)",
            "foreign key t_ibfk_1 changes rows (ON DELETE RESTRICT, ON UPDATE CASCADE) without firing triggers",
            "use RESTRICT or NO ACTION",
        ),
        (
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT NULL, FOREIGN KEY (id) REFERENCES orders (id), \
             FOREIGN KEY (v) REFERENCES countries (id) ON DELETE SET NULL)",
            "foreign key t_ibfk_2 changes rows (ON DELETE SET NULL",
            "delete the children first",
        ),
        (
            "CREATE TABLE t (id INT PRIMARY KEY, n INT); \
             CREATE TRIGGER mine AFTER UPDATE ON t FOR EACH ROW SET @n = NEW.n",
            "trigger mine would also fire for rows that the move copies and deletes",
            "IF @_autoscaler_cleanup IS NULL THEN",
        ),
    ];
    let mut layout = layout();
    layout.shard_keys.insert("t".to_owned(), "id".to_owned());
    bench.on_owners("CREATE TABLE countries (id BIGINT PRIMARY KEY)").await;
    for (definition, reason, remedy) in cases {
        bench.on_owners(definition).await;
        check(&refusal(&bench, &layout, half(&bench.cluster, 0, 1)).await, reason, remedy);
        bench.on_owners("DROP TABLE t").await;
        bench.assert_clean().await;
    }
}

/// A trigger that looks for the mover keeps still for it: what it counts on the source is what users wrote.
#[tokio::test(flavor = "multi_thread")]
async fn guarded_triggers_of_users_are_allowed() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench.on_owners("CREATE TABLE counts (name VARCHAR(9) PRIMARY KEY, n BIGINT)").await;
    bench.on_owners("INSERT INTO counts VALUES ('orders', 0)").await;
    for (event, row, sign) in [("INSERT", "i", "+"), ("DELETE", "d", "-")] {
        let trigger = format!(
            "CREATE TRIGGER count_{row} AFTER {event} ON orders FOR EACH ROW BEGIN IF @_autoscaler_cleanup IS NULL THEN \
             UPDATE counts SET n = n {sign} 1 WHERE name = 'orders'; END IF; END"
        );
        bench.on_owners(&trigger).await;
    }
    // Several chunks, over both of the mover's connections.
    let account = bench.fill_orders(10_000).await;
    let counted = "SELECT n FROM counts WHERE name = 'orders'";
    let mut source = bench.servers[0].connect().await;
    assert_eq!(number(&mut source, counted).await, 10_000);
    let transfers = [half(&bench.cluster, 0, 1)];
    execute(&bench.cluster, &layout(), &transfers, &quick(), &silent()).await.unwrap();
    bench.assert_orders(&account).await;
    assert_eq!(number(&mut source, counted).await, 10_000);
}

/// A user `weak` with these rights, by whom both shards are reached from now on.
async fn with_rights(bench: &Bench, grants: &[&str]) -> moves::cluster::Cluster {
    let current = bench.cluster.topology();
    let mut shards = current.shards().to_vec();
    for (server, shard) in bench.servers.iter().zip(&mut shards) {
        let mut connection = server.connect().await;
        run(&mut connection, "DROP USER IF EXISTS weak@'%'").await;
        run(&mut connection, "CREATE USER weak@'%' IDENTIFIED BY 'w'").await;
        for grant in grants {
            run(&mut connection, &format!("GRANT {grant} TO weak@'%'")).await;
        }
        let (host, port) = shard.endpoint.tcp_address().unwrap();
        shard.endpoint = keyspace::endpoint::Endpoint::tcp(host, port, "weak", "w", crate::kit::servers::DATABASE);
    }
    let topology = current.with_endpoints(&shards).unwrap();
    moves::cluster::Cluster::new(topology, std::sync::Arc::new(|| {}))
}

const ON_SHOP: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER, LOCK TABLES ON shop.*";
const ON_OURS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON `\\_autoscaler`.*";

async fn missing_privileges_are_named(flavor: Flavor) {
    let Some(servers) = Server::start_all(flavor, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    bench.on_owners(ORDERS).await;
    let refusal = async |grants: &[&str]| {
        let cluster = with_rights(&bench, grants).await;
        let refused = execute(&cluster, &layout(), &[half(&cluster, 0, 1)], &quick(), &silent()).await.unwrap_err();
        assert!(matches!(refused, MoveError::UnfitServer { .. }), "{refused:?}");
        assert!(cluster.topology().moves().is_empty());
        refused.to_string()
    };
    let without = |right: &str| ON_SHOP.replace(&format!(", {right}"), "");
    for right in ["TRIGGER", "LOCK TABLES", "DROP", "ALTER"] {
        let refused = refusal(&[&without(right), ON_OURS]).await;
        check(&refused, &format!("its account lacks {right} on shop"), &format!("grant {right} on `shop`.* to it"));
    }
    let refused = refusal(&[ON_SHOP, "SELECT, INSERT, UPDATE, DELETE ON _autoscaler.*"]).await;
    check(&refused, "its account lacks CREATE, DROP on _autoscaler", "grant CREATE, DROP on `_autoscaler`.* to it");
    let sessions = match flavor {
        Flavor::MariaDb => "PROCESS, CONNECTION ADMIN",
        Flavor::MySql => "PROCESS, CONNECTION_ADMIN",
    };
    let refused = refusal(&[ON_SHOP, ON_OURS, "PROCESS ON *.*"]).await;
    check(&refused, "may not see and end sessions of a router", &format!("grant {sessions} on *.* to it"));
    let on_sessions = format!("{sessions} ON *.*");
    // The servers of these tests have a setting each that asks for one right more.
    let refused = refusal(&[ON_SHOP, ON_OURS, &on_sessions]).await;
    let narrow = match flavor {
        Flavor::MariaDb => {
            check(
                &refused,
                "with innodb_flush_log_at_trx_commit=2 moved rows have to be flushed",
                "grant RELOAD ON *.*",
            );
            [ON_SHOP, ON_OURS, &on_sessions, "RELOAD ON *.*"]
        }
        Flavor::MySql => {
            check(&refused, "its account may not look for prepared transactions", "grant XA_RECOVER_ADMIN");
            [ON_SHOP, ON_OURS, &on_sessions, "XA_RECOVER_ADMIN ON *.*"]
        }
    };
    let account = bench.fill_orders(100).await;
    let cluster = with_rights(&bench, &narrow).await;
    for server in &bench.servers {
        let known = keyspace::own::topology::catch_up(&mut server.connect().await, &cluster.topology()).await;
        known.unwrap();
    }
    execute(&cluster, &layout(), &[half(&cluster, 0, 1)], &quick(), &silent()).await.unwrap();
    bench.cluster.refresh().await.unwrap();
    bench.assert_orders(&account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_named_on_mariadb() {
    missing_privileges_are_named(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_named_on_mysql() {
    missing_privileges_are_named(Flavor::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_take_no_writes_are_refused() {
    let Some(bench) = Bench::start(1, 1).await else { return };
    bench.on_owners(ORDERS).await;
    run(&mut bench.servers[1].connect().await, "SET GLOBAL read_only=ON").await;
    let refused = refusal(&bench, &layout(), half(&bench.cluster, 0, 1)).await;
    check(&refused, "shard `shard-2` cannot move rows: it is read-only (read_only=ON)", "SET GLOBAL read_only=OFF");
    run(&mut bench.servers[1].connect().await, "SET GLOBAL read_only=OFF").await;
    run(&mut bench.servers[0].connect().await, "SET GLOBAL read_only=ON").await;
    let refused = refusal(&bench, &layout(), half(&bench.cluster, 0, 1)).await;
    check(&refused, "shard `shard-1` cannot move rows: it is read-only", "name its primary as the shard");
    run(&mut bench.servers[0].connect().await, "SET GLOBAL read_only=OFF").await;
    bench.assert_clean().await;
}

/// Two moves to one target share its room.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_room_is_refused() {
    let Some(bench) = Bench::start(2, 1).await else { return };
    bench.on_owners(ORDERS).await;
    bench.on_owners("CREATE TABLE countries (id BIGINT PRIMARY KEY)").await;
    // Some 12 MiB on each of the two.
    bench.fill_orders(2_000).await;
    bench.on_owners("ALTER TABLE orders MODIFY note VARCHAR(9000)").await;
    bench.on_owners("UPDATE orders SET note = REPEAT('x', 7000)").await;
    bench.on_owners("ANALYZE TABLE orders").await;
    let transfers = [half(&bench.cluster, 0, 2), half(&bench.cluster, 1, 2)];
    let settings = |mebibytes: u64| {
        let free_bytes = [(id(2), mebibytes << 20)].into();
        MoveSettings { free_bytes, ..quick() }
    };
    let tried = async |transfers: &[Transfer], mebibytes| {
        execute(&bench.cluster, &layout(), transfers, &settings(mebibytes), &silent()).await
    };
    let refused = tried(&transfers[..1], 3).await.unwrap_err();
    assert!(matches!(refused, MoveError::UnfitServer { .. }), "{refused:?}");
    let refused = refused.to_string();
    check(&refused, "shard `shard-3` cannot move rows: it has 3 MiB free, and about ", "or move fewer slots");
    check(&refused, " MiB of rows would come from shard-1, ", " MiB of them of table `orders`; give it ");
    let mebibytes = |after: &str| {
        let rest = refused.split(after).nth(1).unwrap();
        rest.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let (moving, wanted) = (mebibytes("about "), mebibytes("give it "));
    assert!((4..=12).contains(&moving) && wanted > moving, "{refused}");
    let refused = tried(&transfers, wanted).await.unwrap_err();
    check(&refused.to_string(), "would come from shard-2", "give it ");
    assert!(bench.cluster.topology().moves().is_empty());
    bench.assert_clean().await;
    tried(&transfers[..1], wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_in_super_read_only_is_refused() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    let bench = Bench::of(servers, 1).await;
    bench.on_owners(ORDERS).await;
    run(&mut bench.servers[1].connect().await, "SET GLOBAL super_read_only=ON").await;
    let refused = refusal(&bench, &layout(), half(&bench.cluster, 0, 1)).await;
    check(&refused, "it is read-only (super_read_only=ON)", "SET GLOBAL super_read_only=OFF");
}
