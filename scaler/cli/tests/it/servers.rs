//! Throwaway database servers: own data folder, own free port, stopped when dropped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use cli::config::Config;
use cli::parts::{self, KeyFile};
use futures_util::future::join_all;
use keyspace::endpoint::{Endpoint, Login};
use keyspace::topology::Topology;
use scaler::accounts::scaler_grants;
use serde_json::json;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::proxy::Proxy;

pub const DATABASE: &str = "shop";
pub const SCALERS_USER: &str = "app";

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    MariaDb,
    MySql,
}

/// One running server with an empty database `shop`.
pub struct Server {
    child: Child,
    command: Command,
    port: u16,
    admin: Login,
    data: TempDir,
}

/// How the scaler logs in to every server of the tests: an account with exactly what the documentation asks for.
fn scalers_login() -> Login {
    Login::new(SCALERS_USER, "se:cr@t")
}

/// The account of routers, as everybody derives it who has a configuration with the scaler's login.
pub fn routers_login() -> Login {
    let config = json!({ "shards": { "shard-1": "app:se:cr@t@tcp(127.0.0.1:1)/shop" } }).to_string();
    let config = Config::from_json(&config, Path::new(""), &|_| None).unwrap();
    parts::accounts(&config, KeyFile::None).unwrap().router().unwrap().clone()
}

/// Statements that make the scaler's account.
fn make_scalers_account(flavor: Flavor) -> Vec<String> {
    let flavor = match flavor {
        Flavor::MariaDb => keyspace::mysql::Vendor::MariaDb,
        Flavor::MySql => keyspace::mysql::Vendor::MySql,
    };
    let login = scalers_login();
    let user = keyspace::accounts::quoted(login.user());
    let create = format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{}'", login.password());
    let grants = scaler_grants(DATABASE, flavor).into_iter();
    let grants = grants.map(|grant| format!("{} WITH GRANT OPTION", grant.statement(&user)));
    let database = "CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4".to_owned();
    [database, create].into_iter().chain(grants).collect()
}

/// Where the servers of this process are, and proxies before them, each with the scaler's login.
static PLACES: Mutex<Vec<Endpoint>> = Mutex::new(Vec::new());

/// A topology that a router gave, for a scaler.
pub fn with_scalers_logins(topology: Topology) -> Topology {
    let places = PLACES.lock().unwrap();
    topology.completed(|endpoint| places.iter().find(|place| place.is_same_place(endpoint)).unwrap_or(endpoint).clone())
}

impl Server {
    /// A MariaDB, or `None`, said aloud, if the machine has none.
    pub async fn start() -> Option<Server> {
        Server::start_with(&[]).await
    }

    /// A MariaDB with further options.
    pub async fn start_with(options: &[&str]) -> Option<Server> {
        static TEMPLATE: OnceCell<Option<PathBuf>> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(|| async { mariadb_template() }).await;
        let Some(template) = template else {
            println!("skipped: no mariadbd");
            return None;
        };
        let data = TempDir::new().unwrap();
        copy_folder(template, &data.path().join("data"));
        let setup = data.path().join("setup.sql");
        let admin = "CREATE USER IF NOT EXISTS admin@'%' IDENTIFIED BY 'a:dm@n';\n\
             GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n";
        let statements = make_scalers_account(Flavor::MariaDb).join(";\n");
        std::fs::write(&setup, format!("{admin}{statements};\n")).unwrap();
        let port = free_port();
        let mut command = Command::new("mariadbd");
        command
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.path().join("data").display()))
            .arg(format!("--socket={}", data.path().join("s").display()))
            .arg(format!("--pid-file={}", data.path().join("pid").display()))
            // A server that starts deletes the temporary tables of every other one in the same folder.
            .arg(format!("--tmpdir={}", data.path().display()))
            .arg(format!("--init-file={}", setup.display()))
            .arg(format!("--port={port}"))
            .args(["--user=root", "--bind-address=127.0.0.1", "--skip-name-resolve"])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"])
            // Less than the default of 1, so that the cutover has to make sure of the target's disk itself.
            .arg("--innodb-flush-log-at-trx-commit=2")
            .args(options)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(data.path().join("log")).unwrap());
        let child = command.spawn().unwrap();
        let mut server = Server { child, command, port, admin: Login::new("admin", "a:dm@n"), data };
        server.wait_until_ready().await;
        server.endpoint(DATABASE);
        Some(server)
    }

    /// Several of one flavor, started together.
    pub async fn start_all(flavor: Flavor, count: usize) -> Option<Vec<Server>> {
        Server::start_all_with(flavor, count, &[]).await
    }

    /// The same with options beside the usual ones, as both flavors know them.
    pub async fn start_all_with(flavor: Flavor, count: usize, options: &[&str]) -> Option<Vec<Server>> {
        let started = (0..count).map(|_| async {
            match flavor {
                Flavor::MariaDb => Server::start_with(options).await,
                Flavor::MySql => Server::start_mysql_with(options).await,
            }
        });
        join_all(started).await.into_iter().collect()
    }

    /// A MySQL 9.7 from the tree that the project keeps for tests.
    pub async fn start_mysql() -> Option<Server> {
        Server::start_mysql_with(&[]).await
    }

    async fn start_mysql_with(options: &[&str]) -> Option<Server> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let root = home.join(".cache/sql-autoscaler/mysql-root");
        if !root.join("mysqld").exists() {
            println!("skipped: no MySQL tree at {}", root.display());
            return None;
        }
        let data = TempDir::new().unwrap();
        let folder = data.path().join("data");
        copy_folder(&root.join("data/seed"), &folder);
        let port = free_port();
        let mut command = Command::new(root.join("mysqld"));
        command
            .args(["--no-defaults", "--user=root"])
            .arg(format!("--datadir={}", folder.display()))
            .arg(format!("--tmpdir={}", data.path().display()))
            .arg(format!("--socket={}", folder.join("s").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .args(["--bind-address=127.0.0.1", "--mysqlx=0", "--skip-log-bin", "--innodb-redo-log-capacity=8M"])
            .arg(format!("--port={port}"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(data.path().join("log")).unwrap());
        let child = command.spawn().unwrap();
        let mut server = Server { child, command, port, admin: Login::new("root", ""), data };
        server.wait_until_ready().await;
        let mut connection = keyspace::mysql::connect(&server.admin_endpoint("mysql")).await.unwrap();
        for statement in make_scalers_account(Flavor::MySql) {
            run(&mut connection, &statement).await;
        }
        Some(server)
    }

    /// As the scaler logs in.
    pub fn endpoint(&self, database: &str) -> Endpoint {
        let endpoint = self.admin_endpoint(database).with_login(&scalers_login());
        PLACES.lock().unwrap().push(endpoint.clone());
        endpoint
    }

    /// As somebody logs in who may do everything.
    pub fn admin_endpoint(&self, database: &str) -> Endpoint {
        Endpoint::tcp("127.0.0.1", self.port, self.admin.user(), self.admin.password(), database)
    }

    /// Where the server listens, for a proxy before it.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The same server, reached through a proxy.
    pub fn endpoint_through(&self, proxy: &Proxy, database: &str) -> Endpoint {
        let login = scalers_login();
        let endpoint = Endpoint::tcp("127.0.0.1", proxy.port(), login.user(), login.password(), database);
        PLACES.lock().unwrap().push(endpoint.clone());
        endpoint
    }

    /// As somebody who may do everything.
    pub async fn connect(&self) -> MySqlConnection {
        keyspace::mysql::connect(&self.admin_endpoint(DATABASE)).await.unwrap()
    }

    /// Where its data and temporary files lie.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed server again, with its data and its port.
    pub async fn restart(&mut self) {
        self.child = self.command.spawn().unwrap();
        self.wait_until_ready().await;
    }

    /// Another process may take the port between our look and the server's: then somebody else would answer,
    /// so the answer must come from our own data folder.
    async fn wait_until_ready(&mut self) {
        let database = if self.admin.user() == "root" { "mysql" } else { DATABASE };
        let folder = self.data.path().file_name().unwrap().to_str().unwrap().to_owned();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(mut connection) = keyspace::mysql::connect(&self.admin_endpoint(database)).await {
                let answering = rows(&mut connection, "SELECT @@datadir").await[0][0].clone();
                assert!(answering.contains(&folder), "port {} belongs to {answering}", self.port);
                return;
            }
            let log = self.data.path().join("log");
            let exited = self.child.try_wait().unwrap();
            assert!(exited.is_none(), "the server ended: {}", std::fs::read_to_string(&log).unwrap_or_default());
            assert!(Instant::now() < deadline, "the server on port {} did not start", self.port);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may be gone already: a test killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn run(connection: &mut MySqlConnection, sql: &str) {
    if let Err(error) = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await {
        panic!("{error}: {sql}");
    }
}

/// All rows as text, NULL as `NULL`.
pub async fn rows(connection: &mut MySqlConnection, sql: &str) -> Vec<Vec<String>> {
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    let cell = |row: &sqlx::mysql::MySqlRow, i| {
        let bytes: Option<&[u8]> = row.try_get_unchecked(i).unwrap();
        bytes.map_or("NULL".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    rows.iter().map(|row| (0..row.len()).map(|i| cell(row, i)).collect()).collect()
}

/// All rows of a statement over InnoDB's own views. MariaDB shows what they were until nobody has looked for 0.1 s.
pub async fn innodb_rows(server: &Server, sql: &str) -> Vec<Vec<String>> {
    tokio::time::sleep(Duration::from_millis(120)).await;
    rows(&mut server.connect().await, sql).await
}

/// The first cell as a number.
pub async fn number(connection: &mut MySqlConnection, sql: &str) -> u64 {
    rows(connection, sql).await[0][0].parse().unwrap()
}

/// A fresh data folder to copy, made once and kept in the target folder: making one takes seconds.
fn mariadb_template() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kept = folder.join("mariadb-template");
    if kept.exists() {
        return Some(kept);
    }
    let template = TempDir::new_in(folder).unwrap();
    let installed = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--force", "--user=root", "--skip-test-db", "--innodb-log-file-size=8M"])
        .args(["--auth-root-authentication-method=normal", "--skip-name-resolve"])
        .arg(format!("--datadir={}", template.path().display()))
        .arg(format!("--tmpdir={}", folder.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        return None;
    }
    // Another test process may have been faster; its folder is as good.
    if std::fs::rename(template.path(), &kept).is_ok() {
        let _ = template.keep();
    }
    Some(kept)
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "copying {}", from.display());
}

/// A port below the range from which the kernel serves outgoing connections and other listeners.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..32_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until a state holds, at most 60 s.
pub async fn wait_until<F: Future<Output = bool>>(state: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 60 s: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
