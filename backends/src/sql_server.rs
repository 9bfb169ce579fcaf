//! What database servers have in common however they are run: their tuning, logins and last words.

use std::time::Duration;

use rand::Rng;
use rand::distr::Alphanumeric;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::{Address, ErrorClass, Limits, Login, Secret};

/// The account that we make on every server of ours.
pub(crate) const USER: &str = "autoscaler";
/// Enough for the cause: servers log a dozen lines of orderly shutdown after it.
pub(crate) const LOG_TAIL_LINES: usize = 25;

/// InnoDB's own default; more has to be asked for with a memory limit.
const DEFAULT_BUFFER_POOL_BYTES: u64 = 128 << 20;
/// Below this InnoDB does not start with 16 KiB pages and several hundred connections.
const MIN_BUFFER_POOL_BYTES: u64 = 16 << 20;

/// Small, so that a template takes little room and is quickly copied; the server grows it at its first start.
const TEMPLATE_REDO_LOG: &str = "8M";

/// Files that every server makes for itself and that must not be the same in two of them: the
/// server's id and its private keys.
pub(crate) const NOT_TO_SHARE: [&str; 9] = [
    "auto.cnf",
    "ca.pem",
    "ca-key.pem",
    "server-cert.pem",
    "server-key.pem",
    "client-cert.pem",
    "client-key.pem",
    "private_key.pem",
    "public_key.pem",
];

/// Error numbers of servers, by the names that both give them (`ER_` left out).
mod er {
    /// Too many connections.
    pub const CON_COUNT: u16 = 1040;
    pub const DBACCESS_DENIED: u16 = 1044;
    pub const ACCESS_DENIED: u16 = 1045;
    pub const HOST_NOT_PRIVILEGED: u16 = 1130;
    pub const ACCESS_DENIED_NO_PASSWORD: u16 = 1698;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    MariaDb,
    MySql,
}

impl Flavor {
    /// The options of every server that we start, whatever it lies in and listens on.
    pub(crate) fn tuning(self, limits: Limits) -> Vec<String> {
        let mut args = vec![
            "--skip-name-resolve".to_owned(),
            "--skip-log-bin".to_owned(),
            "--local-infile=0".to_owned(),
            "--character-set-server=utf8mb4".to_owned(),
            "--max-connections=500".to_owned(),
            "--innodb-flush-log-at-trx-commit=1".to_owned(),
            format!("--innodb-buffer-pool-size={}", buffer_pool_bytes(limits.memory_bytes)),
        ];
        match self {
            Flavor::MariaDb => args.push("--performance-schema=OFF".to_owned()),
            Flavor::MySql => args.push("--loose-mysqlx=0".to_owned()),
        }
        args
    }

    /// By what a server says of its version.
    pub(crate) fn of_version(version: &str) -> Flavor {
        if version.contains("MariaDB") { Flavor::MariaDb } else { Flavor::MySql }
    }

    /// Statements that give our account what an instance's owner needs: to read everything, to change its database and
    /// `_autoscaler`, to make accounts with some of that, and to see and end sessions. No files, no settings.
    pub(crate) fn grants(self, account: &str, database: &str) -> [String; 3] {
        let on_server = match self {
            Flavor::MariaDb => {
                "SELECT, CREATE USER, PROCESS, RELOAD, CONNECTION ADMIN, SET USER, REPLICATION CLIENT, SLAVE MONITOR"
            }
            Flavor::MySql => {
                "SELECT, CREATE USER, PROCESS, RELOAD, REPLICATION CLIENT, CONNECTION_ADMIN, SET_ANY_DEFINER, \
                 ALLOW_NONEXISTENT_DEFINER, XA_RECOVER_ADMIN"
            }
        };
        // In a grant `_` stands for any character.
        let pattern = database.replace('_', r"\_");
        [
            format!("GRANT {on_server} ON *.* TO {account} WITH GRANT OPTION"),
            format!("GRANT ALL PRIVILEGES ON `{pattern}`.* TO {account} WITH GRANT OPTION"),
            format!(r"GRANT ALL PRIVILEGES ON `\_autoscaler`.* TO {account} WITH GRANT OPTION"),
        ]
    }

    /// What a server that lays out a template is told as well.
    pub(crate) fn template_redo_log(self) -> String {
        match self {
            Flavor::MariaDb => format!("--innodb-log-file-size={TEMPLATE_REDO_LOG}"),
            Flavor::MySql => format!("--loose-innodb-redo-log-capacity={TEMPLATE_REDO_LOG}"),
        }
    }
}

/// Half of the limit: the rest is for connections, temporary tables and the server itself.
fn buffer_pool_bytes(memory_limit_bytes: Option<u64>) -> u64 {
    memory_limit_bytes.map_or(DEFAULT_BUFFER_POOL_BYTES, |limit| (limit / 2).max(MIN_BUFFER_POOL_BYTES))
}

/// Whether a database name needs no escaping anywhere, and is not the server's own.
pub(crate) fn is_usable_database(name: &str) -> bool {
    const SYSTEM: [&str; 4] = ["mysql", "sys", "information_schema", "performance_schema"];
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
        && !SYSTEM.contains(&name.to_ascii_lowercase().as_str())
}

const PASSWORD_LENGTH: usize = 32;

/// Letters and digits only, so that it needs no quoting anywhere.
pub(crate) fn new_password() -> Secret {
    Secret::new(rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect::<String>())
}

/// What a server that we could log in to says about itself.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) version: String,
    pub(crate) datadir: String,
}

/// Logs in over TCP, with nothing sent that a server might not understand.
pub(crate) async fn connect(address: &Address, login: &Login) -> Result<MySqlConnection, sqlx::Error> {
    // What stays on the machine needs no encryption, and MySQL's password exchange is encrypted by itself.
    let is_local = address.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    MySqlConnectOptions::new()
        .host(&address.host)
        .port(address.port)
        .username(&login.user)
        .password(login.password.expose())
        .ssl_mode(if is_local { MySqlSslMode::Disabled } else { MySqlSslMode::Preferred })
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(true)
        .connect()
        .await
}

/// Logs in and asks who is there.
pub(crate) async fn greet(address: &Address, login: &Login) -> Result<Greeting, sqlx::Error> {
    within(async {
        let mut connection = connect(address, login).await?;
        let (version, datadir) = sqlx::query_as("SELECT @@version, @@datadir").fetch_one(&mut connection).await?;
        // It has answered; that it also says good-bye well does not matter.
        let _ = connection.close().await;
        Ok(Greeting { version, datadir })
    })
    .await
}

/// Gives a server that hangs no longer than 5 s.
pub(crate) async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    const PATIENCE: Duration = Duration::from_secs(5);
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Whether the server answered and refused this account, which waiting does not change.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    const REFUSED: [u16; 4] =
        [er::DBACCESS_DENIED, er::ACCESS_DENIED, er::HOST_NOT_PRIVILEGED, er::ACCESS_DENIED_NO_PASSWORD];
    error_number(error).is_some_and(|number| REFUSED.contains(&number))
}

/// Whether it runs and has no connection left for us.
pub(crate) fn is_crowded(error: &sqlx::Error) -> bool {
    error_number(error) == Some(er::CON_COUNT)
}

fn error_number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// What kind of trouble a server had that stopped while starting, from its own words.
pub(crate) fn class_of_log(log_tail: &str) -> ErrorClass {
    let says = |text: &str| log_tail.contains(text);
    if says("Address already in use") || says("Do you already have another") {
        ErrorClass::Port
    } else if says("No space left on device")
        || says("failed with error 28")
        || says("Disk is full")
        || says("Cannot allocate memory")
    {
        ErrorClass::Quota
    } else {
        ErrorClass::Program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_name_must_need_no_quoting() {
        for bad in ["", "a`b", "a b", "a/b", "é", "mysql", "SYS", &"x".repeat(65)] {
            assert!(!is_usable_database(bad), "{bad:?}");
        }
        for good in ["app", "my-app_1", "a$b"] {
            assert!(is_usable_database(good), "{good:?}");
        }
    }

    #[test]
    fn half_of_a_memory_limit_is_buffer_pool() {
        assert_eq!(buffer_pool_bytes(None), 128 << 20);
        assert_eq!(buffer_pool_bytes(Some(1 << 30)), 512 << 20);
        assert_eq!(buffer_pool_bytes(Some(1)), 16 << 20);
    }

    #[test]
    fn a_servers_last_words_tell_the_kind_of_trouble() {
        let check = |text: &str, class| assert_eq!(class_of_log(text), class, "{text}");
        check(
            "[ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use",
            ErrorClass::Port,
        );
        check("[ERROR] InnoDB: No space left on device", ErrorClass::Quota);
        check("[ERROR] unknown variable 'x=1'", ErrorClass::Program);
    }
}
