//! One mysqld_exporter for each shard.
//!
//! Debian 12 has version 0.14, which knows one server at a time. Newer ones could serve all shards from one process;
//! they are run in the same way, so that there is one way.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use backends::ProgramCommand;
use keyspace::endpoint::Endpoint;
use keyspace::topology::ShardId;

use super::error::UpError;
use super::packages::find;
use crate::up::data_dir::create_private_dir;
use crate::up::ports;
use crate::up::supervised::{Supervised, Task};

static NAMES: [&str; 2] = ["prometheus-mysqld-exporter", "mysqld_exporter"];
const PACKAGE: &str = "prometheus-mysqld-exporter";
/// Another program may take a port between our finding it free and the exporter listening on it.
const PORT_ATTEMPTS: usize = 3;

#[derive(Debug)]
pub struct Exporter {
    listen: SocketAddr,
    program: Supervised,
}

/// How the exporter is told its server: version 0.15 dropped `DATA_SOURCE_NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    DataSourceName,
    Flags,
}

impl Exporter {
    /// Starts the exporter of a shard on a free loopback port and returns when it answers. Its records and log are
    /// in `dir` (absolute). The password reaches it through its environment, which only its user may read.
    pub async fn start(dir: &Path, shard: &ShardId, endpoint: &Endpoint) -> Result<Exporter, UpError> {
        let name = format!("exporter-{shard}");
        let program = find(&NAMES, PACKAGE)?;
        create_private_dir(dir)?;
        let dialect = dialect_of(&program).await?;
        let mut attempt = 1;
        loop {
            let listen = ports::find_free("exporter")?;
            let (args, env) = invocation(dialect, endpoint, listen);
            let log_file = dir.join(format!("{name}.log"));
            let command = ProgramCommand { program: program.clone(), args, env, log_file };
            // The landing page: `/metrics` would ask the database.
            let ready_url = format!("http://{listen}/");
            let task = Task { name: name.clone(), dir: dir.to_owned(), command, ready_url };
            match Supervised::start(task).await {
                Err(UpError::EndedAtStart { .. }) if attempt < PORT_ATTEMPTS => attempt += 1,
                started => return Ok(Exporter { listen, program: started? }),
            }
        }
    }

    /// Where Prometheus scrapes it.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    pub async fn stop(self) -> Result<(), UpError> {
        self.program.stop().await
    }
}

async fn dialect_of(program: &Path) -> Result<Dialect, UpError> {
    let run = tokio::process::Command::new(program).arg("--version").stdin(Stdio::null()).output().await;
    let output = run.map_err(crate::up::data_dir::failed("run", program))?;
    // Where the version goes to has changed over time.
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    dialect(&text).ok_or_else(|| UpError::Version { program: program.to_owned(), output: text })
}

/// From the first line, `mysqld_exporter, version 0.14.0 (branch: …`.
fn dialect(version_output: &str) -> Option<Dialect> {
    let version = version_output.split_once("version ")?.1.split_ascii_whitespace().next()?;
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(if (major, minor) < (0, 15) { Dialect::DataSourceName } else { Dialect::Flags })
}

/// Arguments and environment. Table sizes are asked for the sharded database only: the whole list costs a thousand
/// series, and scanning `sys` has crashed a MariaDB. A shard is no replica, and asking for that needs a privilege.
fn invocation(dialect: Dialect, endpoint: &Endpoint, listen: SocketAddr) -> (Vec<String>, Vec<(String, String)>) {
    let mut args = vec![
        format!("--web.listen-address={listen}"),
        "--collect.info_schema.tables".to_owned(),
        format!("--collect.info_schema.tables.databases={}", endpoint.database()),
        "--no-collect.slave_status".to_owned(),
    ];
    let address = endpoint.address();
    let is_socket = address.starts_with('/');
    let env = match dialect {
        Dialect::DataSourceName => {
            let (user, password) = (endpoint.user(), endpoint.password());
            let source = match is_socket {
                true => format!("{user}:{password}@unix({address})/"),
                false => format!("{user}:{password}@tcp({address})/?tls=preferred"),
            };
            vec![("DATA_SOURCE_NAME".to_owned(), source)]
        }
        Dialect::Flags => {
            let address = if is_socket { format!("unix://{address}") } else { address };
            args.push(format!("--mysqld.address={address}"));
            args.push(format!("--mysqld.username={}", endpoint.user()));
            vec![("MYSQLD_EXPORTER_PASSWORD".to_owned(), endpoint.password().to_owned())]
        }
    };
    (args, env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_tells_how_it_is_told_its_server() {
        let debian =
            "mysqld_exporter, version 0.14.0 (branch: debian/sid, revision: 0.14.0-3+b5)\n  go version: go1.19.8";
        assert_eq!(dialect(debian), Some(Dialect::DataSourceName));
        assert_eq!(dialect("mysqld_exporter, version 0.17.2 (branch: HEAD)"), Some(Dialect::Flags));
        assert_eq!(dialect("mysqld_exporter, version 1.0.0"), Some(Dialect::Flags));
        assert_eq!(dialect("usage: x"), None);
    }

    #[test]
    fn the_password_is_never_an_argument() {
        let listen = "127.0.0.1:9104".parse().unwrap();
        for dsn in ["app:hush@tcp(db:3307)/shop", "app:hush@unix(/run/m.sock)/shop"] {
            for dialect in [Dialect::DataSourceName, Dialect::Flags] {
                let (args, env) = invocation(dialect, &Endpoint::parse(dsn).unwrap(), listen);
                assert!(!args.concat().contains("hush") && env[0].1.contains("hush"), "{args:?}");
                assert!(args.contains(&"--collect.info_schema.tables.databases=shop".to_owned()), "{args:?}");
            }
        }
    }
}
