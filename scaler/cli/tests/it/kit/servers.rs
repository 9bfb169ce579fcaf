//! Throwaway database servers with the accounts of the product.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use cli::config::Config;
use cli::parts::{self, KeyFile};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use keyspace::endpoint::{Endpoint, Login};
use keyspace::topology::Topology;
use scaler::accounts::scaler_grants;
use serde_json::json;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Either, Executor, Row};
pub use throwaway::{Flavor, free_port};
use tokio::time::Instant;

use crate::kit::proxy::Proxy;

pub const DATABASE: &str = "shop";
pub const SCALERS_USER: &str = "app";

/// One running server with an empty database `shop` and the scaler's account.
pub struct Server(throwaway::Server);

impl Deref for Server {
    type Target = throwaway::Server;

    fn deref(&self) -> &throwaway::Server {
        &self.0
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut throwaway::Server {
        &mut self.0
    }
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
        Server::start_one(Flavor::MariaDb, options).await
    }

    /// A MySQL 9.7 from the tree that the project keeps for tests.
    pub async fn start_mysql() -> Option<Server> {
        Server::start_one(Flavor::MySql, &[]).await
    }

    async fn start_one(flavor: Flavor, options: &[&str]) -> Option<Server> {
        let server = throwaway::Server::start(flavor, options, &make_scalers_account(flavor)).await?;
        let server = Server(server);
        server.endpoint(DATABASE);
        Some(server)
    }

    /// Several of one flavor, started together.
    pub async fn start_all(flavor: Flavor, count: usize) -> Option<Vec<Server>> {
        Server::start_all_with(flavor, count, &[]).await
    }

    /// The same with options beside the usual ones, as both flavors know them.
    pub async fn start_all_with(flavor: Flavor, count: usize, options: &[&str]) -> Option<Vec<Server>> {
        let started = (0..count).map(|_| Server::start_one(flavor, options));
        join_all(started).await.into_iter().collect()
    }

    /// As the scaler logs in.
    pub fn endpoint(&self, database: &str) -> Endpoint {
        let endpoint = self.admin_endpoint(database).with_login(&scalers_login());
        PLACES.lock().unwrap().push(endpoint.clone());
        endpoint
    }

    /// As somebody logs in who may do everything.
    pub fn admin_endpoint(&self, database: &str) -> Endpoint {
        let (name, password) = self.admin();
        Endpoint::tcp("127.0.0.1", self.address().port(), name, password, database)
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
}

pub async fn run(connection: &mut MySqlConnection, sql: &str) {
    if let Err(error) = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await {
        panic!("{error}: {sql}");
    }
}

/// All rows as text, NULL as `NULL`.
pub async fn rows(connection: &mut MySqlConnection, sql: &str) -> Vec<Vec<String>> {
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    rows.iter().map(cells).collect()
}

/// The rows of each of several statements that go to the server in one packet.
pub async fn results(connection: &mut MySqlConnection, sql: &str) -> Vec<Vec<Vec<String>>> {
    let mut results = vec![Vec::new()];
    let mut answers = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
    while let Some(answer) = answers.try_next().await.unwrap() {
        match answer {
            Either::Left(_end) => results.push(Vec::new()),
            Either::Right(row) => results.last_mut().unwrap().push(cells(&row)),
        }
    }
    results.pop();
    results
}

fn cells(row: &MySqlRow) -> Vec<String> {
    let cell = |i| {
        let bytes: Option<&[u8]> = row.try_get_unchecked(i).unwrap();
        bytes.map_or("NULL".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    (0..row.len()).map(cell).collect()
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

/// Waits until a state holds, at most 60 s.
pub async fn wait_until<F: Future<Output = bool>>(state: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 60 s: {state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
