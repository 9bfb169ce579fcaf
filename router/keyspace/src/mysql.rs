//! A session on one server, set up so that every statement means the same everywhere.

pub mod er;

use std::io;
use std::time::Duration;

use sqlx::mysql::{MySqlConnection, MySqlStatement};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqlSafeStr};

use crate::endpoint::Endpoint;

/// A server that works greets and sets a session up within milliseconds, and a busy one within a second or two.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Ends what a pinned clock (`SET timestamp = …`) begins.
pub const REAL_CLOCK: &str = "SET timestamp = DEFAULT";

/// Waits for an answer of a server for so long. Without one, what the connection would say next is not known.
pub async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| {
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {patience:?}"))))
    })
}

/// A session that behaves the same on every shard and as a plain client's with the server's stock settings:
/// UTC, utf8mb4, and the stock sql_mode, whatever the server's own is set to, because the parser relies on it.
///
/// A server that does not answer is given up after [`CONNECT_TIMEOUT`].
pub async fn connect(endpoint: &Endpoint) -> Result<MySqlConnection, sqlx::Error> {
    if endpoint.login().is_none() {
        let missing = format!("no login is known for {endpoint}: name a shard by the address that the topology has");
        return Err(sqlx::Error::Configuration(missing.into()));
    }
    // In a box: it is seldom waited for, and would else make the future of every statement larger by some kilobytes.
    within(CONNECT_TIMEOUT, Box::pin(open(endpoint))).await
}

async fn open(endpoint: &Endpoint) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = MySqlConnection::connect_with(&endpoint.connect_options()).await?;
    let vendor = Vendor::of(&mut connection).await?;
    let setup = format!(
        "SET NAMES utf8mb4, SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION div_precision_increment = 4, \
         SESSION sql_mode = '{}'",
        stock_sql_mode(vendor)
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(setup))).await?;
    Ok(connection)
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    MariaDb,
    MySql,
}

impl Vendor {
    /// From what `SELECT VERSION()` answers.
    pub fn parse(version: &str) -> Vendor {
        if version.contains("MariaDB") { Vendor::MariaDb } else { Vendor::MySql }
    }

    /// Asks the server.
    pub async fn of(connection: &mut MySqlConnection) -> Result<Vendor, sqlx::Error> {
        Ok(Vendor::parse(&version(connection).await?))
    }
}

/// What a server is, as far as it decides which comments it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerVersion {
    vendor: Vendor,
    number: u32,
}

impl ServerVersion {
    /// Reads what `SELECT VERSION()` answers, for example `10.11.14-MariaDB-0+deb12u2` or `9.7.4`.
    pub fn parse(version: &str) -> Option<ServerVersion> {
        let numbers = version.split(|char: char| !char.is_ascii_digit()).take(3);
        let numbers: Vec<u32> = numbers.map(|digits| digits.parse().ok()).collect::<Option<_>>()?;
        let [major, minor, patch] = numbers[..] else { return None };
        Some(ServerVersion { vendor: Vendor::parse(version), number: major * 10_000 + minor * 100 + patch })
    }

    pub fn vendor(self) -> Vendor {
        self.vendor
    }

    /// As comments have it: 10.11.14 is 101114, 9.7.4 is 90704.
    pub fn number(self) -> u32 {
        self.number
    }
}

/// What a server says that it is, for example `10.11.14-MariaDB`.
pub async fn version(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    connection.fetch_one(sqlx::raw_sql("SELECT VERSION()")).await?.try_get(0)
}

/// Has the server end statements of this session that take longer, the reading ones at least.
pub async fn limit_statements(connection: &mut MySqlConnection, limit: Duration) -> Result<(), sqlx::Error> {
    let limit = match Vendor::of(connection).await? {
        Vendor::MariaDb => format!("SET SESSION max_statement_time = {}", limit.as_secs_f64()),
        Vendor::MySql => format!("SET SESSION max_execution_time = {}", limit.as_millis()),
    };
    connection.execute(sqlx::raw_sql(AssertSqlSafe(limit))).await.map(drop)
}

/// Has the server read a statement without running it.
pub async fn prepare(connection: &mut MySqlConnection, sql: &str) -> Result<MySqlStatement, sqlx::Error> {
    connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await
}

/// The sql_mode that MariaDB 10.6+ and MySQL 8.4+ start with when nothing is configured.
fn stock_sql_mode(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::MariaDb => "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
        Vendor::MySql => {
            "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
             ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
        }
    }
}

/// The server's error number, if the server answered with an error.
pub fn errno(error: &sqlx::Error) -> Option<u16> {
    let database_error = error.as_database_error()?;
    Some(database_error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?.number())
}
