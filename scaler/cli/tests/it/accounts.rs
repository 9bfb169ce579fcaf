//! The accounts on every shard: what they may do, what they may not, and that nothing on a server has their passwords.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cli::config::Config;
use cli::parts::{self, KeyFile};
use keyspace::accounts::{self, Grant, router_grants};
use keyspace::endpoint::{Endpoint, Login};
use keyspace::mysql::{Vendor as Kind, er};
use keyspace::own;
use keyspace::schema::Layout;
use keyspace::topology::Topology;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use router::Limits;
use scaler::accounts::{EXPORTER_USER, exporter_grants, scaler_grants};
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor};
use tokio::process::Child;

use crate::cli::Site;
use crate::kit::front::Front;
use crate::kit::servers::{DATABASE, Flavor, Server, free_port, number, routers_login, rows, run, wait_until};
use crate::up::{has_programs, stop};

const SCALERS_PASSWORD: &str = "se:cr@t";

fn kind(flavor: Flavor) -> Kind {
    match flavor {
        Flavor::MariaDb => Kind::MariaDb,
        Flavor::MySql => Kind::MySql,
    }
}

/// Privileges by what they are for, from the lines of SHOW GRANTS.
fn shown(lines: &[Vec<String>]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for line in lines.iter().map(|line| &line[0]) {
        let (privileges, rest) = line.strip_prefix("GRANT ").unwrap().split_once(" ON ").unwrap();
        let object = rest.split_once(" TO ").unwrap().0.replace('`', "");
        let names = privileges.split(',').map(str::trim).filter(|name| *name != "USAGE").map(|name| match name {
            "BINLOG MONITOR" => "REPLICATION CLIENT".to_owned(),
            other => other.to_owned(),
        });
        found.entry(object).or_insert_with(BTreeSet::new).extend(names);
    }
    found.retain(|_, names| !names.is_empty());
    found
}

fn wanted(grants: &[Grant]) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted = BTreeMap::new();
    for Grant { privileges, on } in grants {
        let names = privileges.iter().map(|name| (*name).to_owned());
        wanted.entry(on.to_string().replace('`', "")).or_insert_with(BTreeSet::new).extend(names);
    }
    wanted
}

/// Logs in and compares what the account has with exactly what the product asks for.
async fn check_grants(endpoint: &Endpoint, login: &Login, grants: &[Grant]) {
    let connected = keyspace::mysql::connect(&endpoint.with_login(login)).await;
    let mut connection = connected.unwrap_or_else(|error| panic!("{login:?}: {error}"));
    let lines = rows(&mut connection, "SHOW GRANTS").await;
    assert_eq!(shown(&lines), wanted(grants), "{login:?}");
    let may_pass_on = lines.iter().any(|line| line[0].contains("WITH GRANT OPTION"));
    assert_eq!(may_pass_on, login.user() == "autoscaler" || login.user() == "app", "{lines:?}");
}

fn config_of(site: &Site) -> Config {
    let text = std::fs::read_to_string(site.folder().join("sql-autoscaler.json")).unwrap();
    Config::from_json(&text, site.folder(), &|_| None).unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_server_that_up_makes_has_three_narrow_accounts() {
    if !has_programs() {
        return;
    }
    let site = Site::new(json!({
        "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5, "max_shards": 2,
        "moves": { "cleanup_delay_seconds": 5 }, "database": "my_app",
    }));
    let up = site.start("up").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3)").await;
    wait_until("the scaler scales out", || site.scale_out()).await;
    wait_until("two shards own slots", || async {
        let shards = site.scaler("/shards").await;
        (0..2).all(|number| shards[number]["status"] == "healthy" && shards[number]["slots"] == 8192)
    })
    .await;
    wait_until("the exporters log in", || async { site.metric("sql_autoscaler_scaler_shards").await.is_some() }).await;
    let paths = files(site.folder());
    let records: Vec<Value> = paths
        .iter()
        .filter(|path| path.ends_with("instance.json"))
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect();
    assert_eq!(records.len(), 2, "{paths:?}");
    let secret = paths.iter().find(|path| path.ends_with("cluster_secret")).unwrap();
    let made = parts::accounts(&config_of(&site), KeyFile::Read(secret.parent().unwrap())).unwrap();
    for record in records {
        let (port, password) = (record["port"].as_u64().unwrap(), record["password"].as_str().unwrap());
        let port = u16::try_from(port).unwrap();
        let endpoint = Endpoint::tcp("127.0.0.1", port, "autoscaler", password, "my_app");
        check_grants(&endpoint, endpoint.login().unwrap(), &scaler_grants("my_app", Kind::MariaDb)).await;
        check_grants(&endpoint, made.router().unwrap(), &router_grants("my_app", Kind::MariaDb)).await;
        check_grants(&endpoint, made.exporter().unwrap(), &exporter_grants("my_app", Kind::MariaDb)).await;
        assert_eq!(made.exporter().unwrap().user(), EXPORTER_USER);
        check_exporter(&endpoint.with_login(made.exporter().unwrap())).await;
        let mut scaler = keyspace::mysql::connect(&endpoint).await.unwrap();
        check_no_logins(&mut scaler, &[password, made.router().unwrap().password()]).await;
    }
    let found = site.run(&["check"]).await;
    assert_eq!(found.0, 0, "{found:?}");
    stop(up).await;
}

/// The exporter's account sees how many rows there are, and none of them.
async fn check_exporter(endpoint: &Endpoint) {
    let mut exporter = keyspace::mysql::connect(endpoint).await.unwrap();
    let sizes = "SELECT COUNT(*) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME='users' AND TABLE_ROWS IS NOT NULL AND DATA_LENGTH > 0";
    assert_eq!(number(&mut exporter, sizes).await, 1);
    refuses(&mut exporter, "SELECT * FROM users").await;
    refuses(&mut exporter, "SELECT * FROM mysql.user").await;
    rows(&mut exporter, "SHOW GLOBAL STATUS").await;
}

/// Nothing in our schema holds a password or names a user in an address.
async fn check_no_logins(connection: &mut MySqlConnection, passwords: &[&str]) {
    let tables = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='_autoscaler'";
    let mut seen = 0;
    for table in rows(connection, tables).await {
        for row in rows(connection, &format!("SELECT * FROM _autoscaler.`{}`", table[0])).await {
            let text = row.join(" ");
            seen += usize::from(text.contains("\"dsn\":\"mysql://"));
            let has_login = passwords.iter().any(|password| text.contains(password)) || text.contains('@');
            assert!(!has_login, "{}: {text}", table[0]);
        }
    }
    assert!(seen >= 1, "there is a topology");
}

/// A server that was there, another that a scale-out takes from a pool, both with a binary log.
async fn adopted(flavor: Flavor) {
    let options = ["--log-bin=bin", "--server-id=7", "--log-bin-trust-function-creators=1"];
    let Some(servers) = Server::start_all_with(flavor, 2, &options).await else { return };
    let site = Site::over(
        &[&servers[0]],
        json!({
            "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5, "max_shards": 2,
            "database": DATABASE, "prometheus": { "url": "http://127.0.0.1:9" }, "cooldown_seconds": 0,
            "moves": { "cleanup_delay_seconds": 5 }, "exporter": { "user": "exporter", "password": "ex'p\\w" },
            "backend": { "kind": "static", "pool": [servers[1].endpoint(DATABASE).to_dsn()] },
        }),
    );
    let router = site.start("router").await;
    let scaler = site.start("scaler").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3)").await;
    wait_until("the scaler scales out", || site.scale_out()).await;
    wait_until("two shards own slots", || async { site.scaler("/shards").await[1]["slots"] == 8192 }).await;
    wait_until("rows of both are read", || async {
        site.try_query("SELECT COUNT(*) n FROM users").await.is_ok_and(|answer| answer["data"][0]["n"] == 3)
    })
    .await;
    let made = parts::accounts(&config_of(&site), KeyFile::None).unwrap();
    let (routers, exporters) = (made.router().unwrap(), made.exporter().unwrap());
    for server in &servers {
        let endpoint = server.endpoint(DATABASE);
        check_grants(&endpoint, endpoint.login().unwrap(), &scaler_grants(DATABASE, kind(flavor))).await;
        check_grants(&endpoint, routers, &router_grants(DATABASE, kind(flavor))).await;
        check_grants(&endpoint, exporters, &exporter_grants(DATABASE, kind(flavor))).await;
        check_exporter(&endpoint.with_login(exporters)).await;
        let mut admin = server.connect().await;
        let passwords = [SCALERS_PASSWORD, "se%3Acr%40t", routers.password(), exporters.password()];
        check_no_logins(&mut admin, &passwords).await;
        // The accounts of the test itself are made before the log begins, or hashed in it.
        let folder = PathBuf::from(&rows(&mut admin, "SELECT @@datadir").await[0][0]);
        let logs: Vec<PathBuf> = files(&folder)
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("bin.0")))
            .collect();
        let logged: Vec<u8> = logs.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
        let logged = String::from_utf8_lossy(&logged);
        assert!(logged.contains("autoscaler_router") && logged.contains("slots"), "the log holds what was done");
        for password in &passwords[1..] {
            assert!(!logged.contains(password), "{password} is in the binary log");
        }
    }
    let found = site.run(&["check"]).await;
    assert!(!found.1.contains("account"), "{found:?}");
    stop(scaler).await;
    end(router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_servers_get_narrow_accounts_and_keep_no_password_on_mariadb() {
    adopted(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_servers_get_narrow_accounts_and_keep_no_password_on_mysql() {
    adopted(Flavor::MySql).await;
}

async fn end(mut child: Child) {
    kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
    child.wait().await.unwrap();
}

async fn refuses(connection: &mut MySqlConnection, sql: &str) {
    let outcome = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    let error = outcome.map(drop).expect_err(sql);
    let number = keyspace::mysql::errno(&error);
    const DENIED: [u16; 10] = [
        er::DBACCESS_DENIED,
        er::ACCESS_DENIED,
        er::TABLEACCESS_DENIED,
        er::COLUMNACCESS_DENIED,
        er::SPECIFIC_ACCESS_DENIED,
        er::PROCACCESS_DENIED,
        er::CANT_CREATE_USER_WITH_GRANT,
        er::KILL_DENIED,
        er::OPTION_PREVENTS_STATEMENT,
        er::BINLOG_CREATE_ROUTINE_NEED_SUPER,
    ];
    assert!(number.is_some_and(|number| DENIED.contains(&number)), "{sql}: {error}");
}

async fn routers_limits(flavor: Flavor) {
    let Some(servers) = Server::start_all_with(flavor, 1, &["--log-bin=bin", "--server-id=7"]).await else { return };
    let server = &servers[0];
    let login = routers_login();
    accounts::ensure_router(&server.endpoint(DATABASE), &login).await.unwrap();
    let mut admin = server.connect().await;
    run(&mut admin, "CREATE DATABASE theirs; CREATE TABLE theirs.t (a INT); INSERT INTO theirs.t VALUES (7)").await;
    let secret = "SET @hushed = 'h-u-s-h'";
    run(&mut admin, secret).await;
    let own = number(&mut admin, "SELECT CONNECTION_ID()").await;

    let mut router = keyspace::mysql::connect(&server.endpoint(DATABASE).with_login(&login)).await.unwrap();
    run(&mut router, "CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1); DROP TABLE t").await;
    for sql in [
        "SELECT * FROM mysql.user",
        "SELECT * FROM mysql.db",
        "UPDATE mysql.user SET User = 'x'",
        "SELECT * FROM theirs.t",
        "CREATE USER mine@'%'",
        "DROP USER app@'%'",
        "SET PASSWORD FOR app@'%' = 'x'",
        "GRANT SELECT ON shop.* TO app@'%'",
        "SELECT 1 INTO OUTFILE '/tmp/sql-autoscaler-never'",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE shop.nothing",
        "SET GLOBAL max_connections = 7",
        "SHOW BINLOG EVENTS",
        "SHOW ENGINE INNODB STATUS",
        "CREATE DATABASE mine",
        "DROP DATABASE _autoscaler",
        "CREATE EVENT shop.later ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CREATE FUNCTION shop.f () RETURNS INT RETURN 1",
        "CREATE PROCEDURE shop.p () SELECT 1",
        "CREATE DEFINER=app@'%' VIEW shop.v AS SELECT 1",
        "UPDATE _autoscaler.fence SET fenced = 1",
        "DELETE FROM _autoscaler.topology",
        "DROP TABLE _autoscaler.commits",
        "CREATE TABLE _autoscaler.mine (a INT)",
        "INSERT INTO _autoscaler.moves VALUES ('m', 's', 'd')",
        "FLUSH PRIVILEGES",
        &format!("KILL {own}"),
    ] {
        refuses(&mut router, sql).await;
    }
    if flavor == Flavor::MariaDb {
        refuses(&mut router, "SELECT * FROM mysql.global_priv").await;
        refuses(&mut router, "SHUTDOWN").await;
    }
    assert_eq!(rows(&mut router, "SELECT LOAD_FILE('/etc/hostname')").await, [["NULL"]]);
    let seen = rows(&mut router, "SELECT DISTINCT USER FROM information_schema.PROCESSLIST").await;
    assert_eq!(seen, [[login.user()]]);
    let seen = rows(&mut router, "SHOW DATABASES").await.concat();
    assert!(!seen.iter().any(|name| name == "theirs" || name == "mysql"), "{seen:?}");
    assert!(rows(&mut router, "SHOW GRANTS").await.iter().all(|line| !line[0].contains("GRANT OPTION")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routers_account_has_rows_and_nothing_of_the_server_on_mariadb() {
    routers_limits(Flavor::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routers_account_has_rows_and_nothing_of_the_server_on_mysql() {
    routers_limits(Flavor::MySql).await;
}

/// What a shard stores, as text.
async fn stored(server: &Server) -> String {
    rows(&mut server.connect().await, "SELECT doc FROM _autoscaler.topology").await[0][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn topologies_of_earlier_versions_lose_their_logins() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let layout = Layout { shard_keys: [("users".to_owned(), "user_id".to_owned())].into(), ..Layout::default() };
    drop(Front::start(&servers, layout.clone(), Limits::default()).await);
    for server in &servers {
        let mut admin = server.connect().await;
        let mut doc: Value = serde_json::from_str(&stored(server).await).unwrap();
        for (number, server) in servers.iter().enumerate() {
            doc["shards"][number]["dsn"] = json!(server.endpoint(DATABASE).to_dsn());
        }
        let doc = doc.to_string().replace('\\', "\\\\").replace('\'', "''");
        run(&mut admin, &format!("UPDATE _autoscaler.topology SET doc='{doc}'")).await;
        run(&mut admin, "DROP USER autoscaler_router@'%'").await;
    }
    assert!(stored(&servers[1]).await.contains("se%3Acr%40t"));
    // Its router knows one shard only, and is given its account on the other by what the topology has.
    let mut config = json!({
        "table_shard_keys": { "users": "user_id" }, "monitoring_interval_seconds": 0.5,
        "prometheus": { "url": "http://127.0.0.1:9" }, "shards": {},
    });
    let site = Site::over(&[&servers[0]], config.clone());
    let router = site.start("router").await;
    let text = "CREATE TABLE users (user_id BIGINT PRIMARY KEY)";
    wait_until("both shards serve", || async { site.try_query(text).await.is_ok() }).await;
    site.query("INSERT INTO users VALUES (1), (2), (3), (4), (5)").await;
    for server in &servers {
        let mut admin = server.connect().await;
        let sessions = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER='autoscaler_router'";
        assert!(number(&mut admin, sessions).await > 0);
    }
    end(router).await;
    let (_, found, _) = site.run(&["check"]).await;
    assert!(found.contains("shard-2: its row in _autoscaler.topology holds logins of shards"), "{found}");
    // The scaler knows both.
    config["shards"]["shard-2"] = json!(servers[1].endpoint(DATABASE).to_dsn());
    let site = Site::over(&[&servers[0]], config);
    let scaler = site.start("scaler").await;
    wait_until("no shard stores a login", || async {
        !stored(&servers[0]).await.contains('@') && !stored(&servers[1]).await.contains('@')
    })
    .await;
    let topologies = [
        own::topology::read(&mut servers[0].connect().await).await.unwrap().unwrap(),
        own::topology::read(&mut servers[1].connect().await).await.unwrap().unwrap(),
    ];
    assert!(topologies.iter().all(|topology: &Topology| topology.epoch().number() == 2 && !topology.has_logins()));
    assert_eq!(topologies[0], topologies[1]);
    stop(scaler).await;
    let router = site.start("router").await;
    assert_eq!(site.query("SELECT COUNT(*) n FROM users").await["data"], json!([{ "n": 5 }]));
    end(router).await;
    let (code, found, _) = site.run(&["check"]).await;
    assert!(!found.contains("logins") && !found.contains("account"), "{code}: {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_needs_no_other_login_than_its_narrow_one() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let login = routers_login();
    for server in &servers {
        accounts::ensure_router(&server.endpoint(DATABASE), &login).await.unwrap();
    }
    let dsn = |server: &Server| server.endpoint(DATABASE).with_login(&login).to_dsn();
    let site = Site::new(json!({
        "table_shard_keys": { "users": "user_id" },
        "shards": { "shard-1": dsn(&servers[0]), "shard-2": dsn(&servers[1]) },
    }));
    // It makes the first topology, too.
    let router = site.start("router").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    site.query("INSERT INTO users VALUES (1), (2), (3), (4), (5)").await;
    assert_eq!(site.query("SELECT COUNT(*) n FROM users").await["data"], json!([{ "n": 5 }]));
    end(router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_with_another_secret_says_what_to_do() {
    let Some(server) = Server::start().await else { return };
    accounts::ensure_router(&server.endpoint(DATABASE), &routers_login()).await.unwrap();
    let wrong = server.endpoint(DATABASE).with_login(&Login::new("autoscaler_router", "another"));
    let site = Site::new(json!({ "shards": { "shard-1": wrong.to_dsn() } }));
    let router = site.start_unready("router");
    wait_until("it says why it is not ready", || async {
        let said = site.router_ready().await.unwrap_or_default().to_string();
        said.contains("shard shard-1 refuses the login `autoscaler_router`") && said.contains("`cluster_secret`")
    })
    .await;
    end(router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_may_not_make_its_account_works_with_the_login_that_it_has() {
    let Some(server) = Server::start().await else { return };
    let mut admin = server.connect().await;
    run(&mut admin, "CREATE USER plain@'%' IDENTIFIED BY 'p'; GRANT ALL ON shop.* TO plain@'%'").await;
    run(&mut admin, r"GRANT ALL ON `\_autoscaler`.* TO plain@'%'").await;
    let plain = server.endpoint(DATABASE).with_login(&Login::new("plain", "p"));
    let site = Site::new(json!({ "shards": { "shard-1": plain.to_dsn() } }));
    let router = site.start("router").await;
    site.query("CREATE TABLE t (a INT PRIMARY KEY)").await;
    let log = std::fs::read_to_string(site.folder().join("router.log")).unwrap();
    assert_eq!(log.matches("the router's account cannot be made by the configured login `plain`").count(), 1, "{log}");
    let (code, found, _) = site.run(&["check"]).await;
    assert_eq!(code, 1);
    assert!(found.contains("the scaler's account `plain` lacks SELECT, CREATE USER, PROCESS"), "{found}");
    end(router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_reaches_the_shards_and_ends_no_session() {
    let Some(server) = Server::start().await else { return };
    let config = |secret: &str| {
        json!({
            "monitoring_interval_seconds": 0.5, "prometheus": { "url": "http://127.0.0.1:9" }, "cluster_secret": secret,
        })
    };
    let before = Site::over(&[&server], config("first"));
    let (scaler, router) = (before.start("scaler").await, before.start("router").await);
    before.query("CREATE TABLE t (a INT PRIMARY KEY)").await;
    let login = |site: &Site| parts::accounts(&config_of(site), KeyFile::None).unwrap().router().unwrap().clone();
    let endpoint = server.endpoint(DATABASE);
    let mut held = keyspace::mysql::connect(&endpoint.with_login(&login(&before))).await.unwrap();
    stop(scaler).await;

    let after = Site::over(&[&server], config("second"));
    let scaler = after.start("scaler").await;
    wait_until("the new password works", || async {
        keyspace::mysql::connect(&endpoint.with_login(&login(&after))).await.is_ok()
    })
    .await;
    let refused = keyspace::mysql::connect(&endpoint.with_login(&login(&before))).await.unwrap_err();
    assert!(accounts::is_login_refused(&refused), "{refused}");
    // Sessions that are open go on, and with them the router that has not heard of it.
    assert_eq!(number(&mut held, "SELECT 7").await, 7);
    before.query("INSERT INTO t VALUES (1)").await;
    let second = after.start("router").await;
    assert_eq!(after.query("SELECT a FROM t").await["data"], json!([{ "a": 1 }]));
    end(router).await;
    end(second).await;
    stop(scaler).await;
}

/// Somebody who may write a topology must not be sent another's password.
#[tokio::test(flavor = "multi_thread")]
async fn a_scaler_sends_its_login_to_no_address_that_only_a_topology_names() {
    let Some(server) = Server::start().await else { return };
    let site = Site::over(
        &[&server],
        json!({ "monitoring_interval_seconds": 0.5, "prometheus": { "url": "http://127.0.0.1:9" } }),
    );
    let router = site.start("router").await;
    end(router).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", free_port())).await.unwrap();
    let trap = listener.local_addr().unwrap();
    let lured = stored(&server).await.replace(&server.address().to_string(), &trap.to_string());
    assert!(lured.contains(&trap.to_string()));
    run(&mut server.connect().await, &format!("UPDATE _autoscaler.topology SET doc='{lured}'")).await;
    let scaler = site.start("scaler").await;
    // It found its shard where its own configuration has it, and went nowhere else.
    assert!(stored(&server).await.contains(&server.address().to_string()));
    let knocked = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(knocked.is_err(), "somebody came");
    stop(scaler).await;
}
