//! One database server as a child process: its command line and its first statements.

use super::discover::ServerProgram;
use super::loopback::HOST;
use super::program::ProgramCommand;
use super::store::{InstanceFolder, InstanceRecord, Phase};
use crate::sql_server::Flavor;

/// The name of the server among an instance's programs.
pub(super) const PROGRAM_NAME: &str = "server";

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
    ];
    args.extend(server.flavor.tuning(record.limits));
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
        statements += &format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';\n");
        for grant in flavor.grants(&account, &record.database) {
            statements += &format!("{grant};\n");
        }
    }
    statements += &format!("CREATE DATABASE IF NOT EXISTS `{}`;\n", record.database);
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::store::Wanted;
    use crate::sql_server::USER;
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
    fn the_first_statements_leave_one_account_and_no_statement_spans_lines() {
        for flavor in [Flavor::MariaDb, Flavor::MySql] {
            let statements = first_statements(flavor, &record());
            assert!(statements.lines().all(|line| line.ends_with(';')), "{statements}");
            assert_eq!(statements.matches("CREATE USER IF NOT EXISTS").count(), 2);
            assert!(statements.contains("CREATE DATABASE IF NOT EXISTS `app`;"));
        }
    }
}
