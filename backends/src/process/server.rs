//! One database server as a child process: its command line, its first statements, its login.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::{ConnectOptions, Connection};

use super::discover::{Flavor, ServerProgram};
use super::program::ProgramCommand;
use super::store::{InstanceFolder, InstanceRecord, Phase};
use crate::ErrorClass;

pub(super) const HOST: &str = "127.0.0.1";
pub(super) const USER: &str = "autoscaler";
/// The name of the server among an instance's programs.
pub(super) const PROGRAM_NAME: &str = "server";
/// Enough for the cause: servers log a dozen lines of orderly shutdown after it.
pub(super) const LOG_TAIL_LINES: usize = 25;

/// InnoDB's own default; more has to be asked for with a memory limit.
const DEFAULT_BUFFER_POOL_BYTES: u64 = 128 << 20;
/// Below this InnoDB does not start with 16 KiB pages and several hundred connections.
const MIN_BUFFER_POOL_BYTES: u64 = 16 << 20;

/// A server that runs as root refuses to unless it is told so.
pub(super) fn run_as() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some("--user=root")
}

pub(super) fn command(
    server: &ServerProgram,
    folder: &InstanceFolder,
    record: &InstanceRecord,
    extra_args: &[String],
) -> ProgramCommand {
    let in_folder = |option: &str, path: std::path::PathBuf| format!("--{option}={}", path.display());
    let mut args = vec![
        "--no-defaults".to_owned(),
        in_folder("datadir", folder.data()),
        in_folder("tmpdir", folder.tmp()),
        in_folder("secure-file-priv", folder.tmp()),
        in_folder("pid-file", folder.path().join("server.pid")),
        format!("--bind-address={HOST}"),
        format!("--port={}", record.port),
        // Empty means none. A path under a deep folder would exceed the 107 bytes of a socket.
        "--socket=".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--skip-log-bin".to_owned(),
        "--local-infile=0".to_owned(),
        "--character-set-server=utf8mb4".to_owned(),
        "--max-connections=500".to_owned(),
        "--innodb-flush-log-at-trx-commit=1".to_owned(),
        format!("--innodb-buffer-pool-size={}", buffer_pool_bytes(record.limits.memory_bytes)),
    ];
    match server.flavor {
        Flavor::MariaDb => args.push("--performance-schema=OFF".to_owned()),
        Flavor::MySql => args.push("--loose-mysqlx=0".to_owned()),
    }
    args.extend(run_as().map(str::to_owned));
    if record.phase != Phase::Complete {
        args.push(in_folder("init-file", folder.init_file()));
    }
    args.extend_from_slice(extra_args);
    ProgramCommand {
        program: server.path.clone(),
        args,
        // The modes of files and folders that the server makes.
        env: vec![("UMASK".to_owned(), "0600".to_owned()), ("UMASK_DIR".to_owned(), "0700".to_owned())],
        log_file: folder.log_file(),
    }
}

/// Half of the limit: the rest is for connections, temporary tables and the server itself.
fn buffer_pool_bytes(memory_limit_bytes: Option<u64>) -> u64 {
    memory_limit_bytes.map_or(DEFAULT_BUFFER_POOL_BYTES, |limit| (limit / 2).max(MIN_BUFFER_POOL_BYTES))
}

/// Whether a database name needs no escaping anywhere, and is not the server's own.
pub(super) fn is_usable_database(name: &str) -> bool {
    const SYSTEM: [&str; 4] = ["mysql", "sys", "information_schema", "performance_schema"];
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
        && !SYSTEM.contains(&name.to_ascii_lowercase().as_str())
}

/// What the server runs before it answers anybody, one statement a line; safe to run again.
///
/// The password is letters and digits and the database name is checked, so neither can end its
/// quotes. The accounts that the template came with, which have no password, go.
pub(super) fn first_statements(flavor: Flavor, record: &InstanceRecord) -> String {
    let drop_accounts = match flavor {
        Flavor::MariaDb => {
            "DELETE FROM mysql.global_priv WHERE User IN ('root', '');\n\
             DELETE FROM mysql.proxies_priv;\n\
             FLUSH PRIVILEGES;\n"
        }
        Flavor::MySql => "DROP USER IF EXISTS 'root'@'localhost';\n",
    };
    let mut statements = drop_accounts.to_owned();
    for host in [HOST, "localhost"] {
        let account = format!("'{}'@'{host}'", record.user);
        let password = record.password.expose();
        statements += &format!(
            "CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n"
        );
    }
    statements += &format!("CREATE DATABASE IF NOT EXISTS `{}`;\n", record.database);
    statements
}

/// What a server that we could log in to says about itself.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) datadir: String,
}

/// Logs in over TCP with the instance's own account.
pub(super) async fn greet(record: &InstanceRecord) -> Result<Greeting, sqlx::Error> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let options = MySqlConnectOptions::new()
        .host(HOST)
        .port(record.port)
        .username(&record.user)
        .password(record.password.expose())
        // It does not leave the machine, and MySQL's password exchange is encrypted by itself.
        .ssl_mode(MySqlSslMode::Disabled)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(true);
    let greeting = async {
        let mut connection = options.connect().await?;
        let (version, datadir) = sqlx::query_as("SELECT @@version, @@datadir").fetch_one(&mut connection).await?;
        // It has answered; that it also says good-bye well does not matter.
        let _ = connection.close().await;
        Ok(Greeting { version, datadir })
    };
    tokio::time::timeout(PATIENCE, greeting)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Whether the server answered and refused this account, which waiting does not change.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    const ACCESS_DENIED: [u16; 4] = [1044, 1045, 1130, 1698];
    error_number(error).is_some_and(|number| ACCESS_DENIED.contains(&number))
}

/// Whether it runs and has no connection left for us.
pub(super) fn is_crowded(error: &sqlx::Error) -> bool {
    error_number(error) == Some(1040)
}

fn error_number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// What kind of trouble a server had that stopped while starting, from its own words.
pub(super) fn class_of_log(log_tail: &str) -> ErrorClass {
    let says = |text: &str| log_tail.contains(text);
    if says("Address already in use") || says("Do you already have another") {
        ErrorClass::Port
    } else if says("No space left on device") || says("Disk is full") || says("Cannot allocate memory") {
        ErrorClass::Quota
    } else {
        ErrorClass::Program
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::store::Wanted;
    use crate::{InstanceId, Limits, Secret};

    fn record() -> InstanceRecord {
        InstanceRecord {
            id: InstanceId::new("demo.shard-1").unwrap(),
            owner: "demo".parse().unwrap(),
            operation: "op1".parse().unwrap(),
            name: "shard-1".parse().unwrap(),
            database: "app".into(),
            limits: Limits::default(),
            user: USER.into(),
            password: Secret::new("s3cret"),
            port: 20001,
            phase: Phase::Initialising,
            wanted: Wanted::Running,
            server_version: None,
        }
    }

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
    fn the_first_statements_leave_one_account_and_no_statement_spans_lines() {
        for flavor in [Flavor::MariaDb, Flavor::MySql] {
            let statements = first_statements(flavor, &record());
            assert!(statements.lines().all(|line| line.ends_with(';')), "{statements}");
            assert_eq!(statements.matches("CREATE USER").count(), 2);
            assert!(statements.contains("CREATE DATABASE IF NOT EXISTS `app`;"));
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
