//! Throwaway database servers for the tests of all crates: own data folder, own free port, killed when dropped.
//!
//! No crate uses this but for its tests. It is a crate since the tests inside `router` and those of the whole product,
//! which see only what crates publish, start the same servers.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tempfile::TempDir;
use tokio::time::Instant;

/// Who may do everything, with a password. MariaDB's own administrator logs in over the socket only.
const MARIADB_ADMIN: (&str, &str) = ("admin", "a:dm@n");
const MYSQL_ADMIN: (&str, &str) = ("root", "");

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    MariaDb,
    MySql,
}

/// One running server.
pub struct Server {
    child: Child,
    command: Command,
    port: u16,
    admin: (&'static str, &'static str),
    data: TempDir,
}

impl Server {
    /// A server with options beside the usual ones, on which the administrator has run statements; `None`, said aloud,
    /// if the machine has none of the flavor.
    pub async fn start(flavor: Flavor, options: &[&str], statements: &[String]) -> Option<Server> {
        match flavor {
            Flavor::MariaDb => Server::start_mariadb(options, statements).await,
            Flavor::MySql => Server::start_mysql(options, statements).await,
        }
    }

    /// The statements are run at each start: a crash may take accounts along.
    async fn start_mariadb(options: &[&str], statements: &[String]) -> Option<Server> {
        let Some(template) = mariadb_template() else {
            say("skipped: no mariadbd");
            return None;
        };
        let data = TempDir::new().expect("the folder for temporary files can be written");
        let setup = data.path().join("setup.sql");
        let (name, password) = MARIADB_ADMIN;
        let mut script = format!(
            "CREATE USER IF NOT EXISTS {name}@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO {name}@'%' WITH GRANT OPTION;\n"
        );
        script.extend(statements.iter().map(|statement| format!("{statement};\n")));
        std::fs::write(&setup, script).expect("a folder of ours can be written");
        let mut command = Command::new("mariadbd");
        command
            .arg("--no-defaults")
            .arg(format!("--init-file={}", setup.display()))
            .args(["--skip-name-resolve", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"])
            // Less than the default of 1, so that the cutover has to make sure of the target's disk itself.
            .arg("--innodb-flush-log-at-trx-commit=2");
        Some(Server::run(command, &template, data, MARIADB_ADMIN, options).await)
    }

    /// A MySQL 9.7 from the tree that `.ci/install-mysql` keeps for tests.
    async fn start_mysql(options: &[&str], statements: &[String]) -> Option<Server> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let root = home.join(".cache/sql-autoscaler/mysql-root");
        if !root.join("mysqld").exists() {
            say(&format!("skipped: no MySQL tree at {}", root.display()));
            return None;
        }
        let data = TempDir::new().expect("the folder for temporary files can be written");
        let mut command = Command::new(root.join("mysqld"));
        command.args(["--no-defaults", "--mysqlx=0", "--skip-log-bin", "--innodb-redo-log-capacity=8M"]);
        let server = Server::run(command, &root.join("data/seed"), data, MYSQL_ADMIN, options).await;
        let mut connection = server.connect().await.expect("it answered");
        for statement in statements {
            let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(statement.as_str()))).await;
            assert!(done.is_ok(), "{done:?}: {statement}");
        }
        Some(server)
    }

    async fn run(
        mut command: Command,
        template: &Path,
        data: TempDir,
        admin: (&'static str, &'static str),
        options: &[&str],
    ) -> Server {
        let folder = data.path().join("data");
        let copied = Command::new("cp").arg("-r").arg(template).arg(&folder).status();
        assert!(copied.is_ok_and(|status| status.success()), "copying {}", template.display());
        let port = free_port();
        let log = File::create(data.path().join("log")).expect("a folder of ours can be written");
        command
            .arg(format!("--datadir={}", folder.display()))
            // A server that starts deletes the temporary tables of every other one in the same folder.
            .arg(format!("--tmpdir={}", data.path().display()))
            .arg(format!("--socket={}", data.path().join("s").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--port={port}"))
            .args(["--user=root", "--bind-address=127.0.0.1"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn().expect("the server is a program");
        let mut server = Server { child, command, port, admin, data };
        server.wait_until_ready().await;
        server
    }

    /// Name and password of somebody who may do everything.
    pub fn admin(&self) -> (&str, &str) {
        self.admin
    }

    pub async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        let (name, password) = self.admin;
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port).username(name).password(password);
        MySqlConnection::connect_with(&options).await
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Where its data and temporary files lie.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("process ids are positive and fit"))
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child of ours can be killed");
    }

    /// Starts a killed server again, with its data and its port.
    pub async fn restart(&mut self) {
        self.child = self.command.spawn().expect("the server is a program");
        self.wait_until_ready().await;
    }

    /// Another process may take the port between our look and the server's: then somebody else would answer,
    /// so the answer must come from our own data folder.
    async fn wait_until_ready(&mut self) {
        let name = self.data.path().file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(mut connection) = self.connect().await {
                let answer = sqlx::query("SELECT CAST(@@datadir AS CHAR)").fetch_one(&mut connection).await;
                let answering: String = answer.and_then(|row| row.try_get(0)).expect("a server knows its folder");
                assert!(answering.contains(&name), "port {} belongs to {answering}", self.port);
                return;
            }
            let log = || std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
            let exited = self.child.try_wait().expect("a child of ours can be asked");
            assert!(exited.is_none(), "the server ended: {}", log());
            assert!(Instant::now() < deadline, "the server on port {} did not start: {}", self.port, log());
            tokio::time::sleep(Duration::from_millis(20)).await;
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

/// A port below the range from which the kernel serves outgoing connections and other listeners.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A fresh data folder to copy, made once and kept beside the tests' programs: making one takes seconds.
fn mariadb_template() -> Option<PathBuf> {
    let program = std::env::current_exe().expect("a test knows where it is");
    // target/debug/deps/… keeps it in target/tmp, as cargo does with what tests keep.
    let folder = program.ancestors().nth(3).expect("cargo puts tests three folders below its own").join("tmp");
    std::fs::create_dir_all(&folder).expect("cargo's folder can be written");
    let kept = folder.join("mariadb-template");
    // Of several test processes that begin together one makes it.
    let lock = File::create(folder.join("mariadb-template.lock")).expect("cargo's folder can be written");
    let _lock =
        Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).expect("a lock can be waited for");
    if kept.exists() {
        return Some(kept);
    }
    let template = TempDir::new_in(&folder).expect("cargo's folder can be written");
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
    std::fs::rename(template.keep(), &kept).expect("both are in one folder");
    Some(kept)
}

#[expect(clippy::print_stdout, reason = "tests say aloud what they skip")]
fn say(text: &str) {
    println!("{text}");
}
