//! A real server for the tests of what only a real server can tell.

use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A MariaDB of the test's own on a socket in a temporary folder.
pub(crate) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// `None`, said aloud, where no server is installed.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let install = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", data.display()))
            .arg(tmpdir(&folder))
            .args(run_as(&folder))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !install.is_ok_and(|status| status.success()) {
            eprintln!("skipped: mariadb-install-db cannot be run (Debian: mariadb-server)");
            return None;
        }
        let process = Command::new("mariadbd")
            .args(["--no-defaults", "--skip-networking", "--innodb-buffer-pool-size=8M"])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.path().join("socket").display()))
            .arg(tmpdir(&folder))
            .args(run_as(&folder))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, folder })
    }

    pub(crate) async fn connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new().socket(self.folder.path().join("socket")).username("root");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match MySqlConnection::connect_with(&options).await {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
                outcome => return outcome,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("the server is a child that nobody else reaps");
    }
}

/// The server refuses to run as root unless told to; the owner of a new file tells who we are.
fn run_as(folder: &TempDir) -> Option<&'static str> {
    (folder.path().metadata().unwrap().uid() == 0).then_some("--user=root")
}

/// A server that starts deletes the temporary tables of every other one in the same folder.
fn tmpdir(folder: &TempDir) -> String {
    format!("--tmpdir={}", folder.path().display())
}
