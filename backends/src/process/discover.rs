//! Finding server programs on this machine.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::ProvisionError;
use crate::sql_server::Flavor;

/// Where Debian puts servers; the PATH of an ordinary user lacks these.
const SERVER_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

const SERVER_NAMES: [&str; 2] = ["mariadbd", "mysqld"];

/// The first of these programs that is on PATH or in a folder for servers. All folders are
/// searched for the first name before the second has its turn.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .chain(SERVER_FOLDERS.map(PathBuf::from))
        .collect();
    find_in(&folders, names)
}

fn find_in(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A server program and what it says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerProgram {
    pub(super) path: PathBuf,
    pub(super) flavor: Flavor,
    /// For example `10.11.19-MariaDB-0+deb12u1`.
    pub(super) version: String,
}

impl ServerProgram {
    /// The configured program, or the one that this machine has.
    pub(super) async fn discover(configured: Option<&Path>) -> Result<Self, ProvisionError> {
        let path = match configured {
            Some(path) => Some(path.to_owned()).filter(|path| is_executable(path)),
            None => find_program(&SERVER_NAMES),
        };
        let path = path.ok_or_else(|| ProvisionError::ProgramMissing {
            names: match configured {
                Some(path) => path.display().to_string(),
                None => SERVER_NAMES.join(" or "),
            },
            package: "mariadb-server",
        })?;
        let failed =
            |log_tail| ProvisionError::ProgramFailed { program: path.clone(), doing: "telling its version", log_tail };
        let asked = Command::new(&path).args(["--no-defaults", "--version"]).kill_on_drop(true).output();
        let output = tokio::time::timeout(Duration::from_secs(20), asked)
            .await
            .map_err(|_| failed("no answer in 20 s".to_owned()))?
            .map_err(ProvisionError::io("start", &path))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (flavor, version) = parse_version(&text).ok_or_else(|| failed(text.clone()))?;
        Ok(Self { path, flavor, version })
    }

    /// The program that lays out a new MariaDB data folder. It comes with the server, so the one
    /// beside it is preferred to one of another version on PATH.
    pub(super) fn install_program(&self) -> Result<PathBuf, ProvisionError> {
        const NAMES: [&str; 2] = ["mariadb-install-db", "mysql_install_db"];
        let beside: Vec<PathBuf> = self
            .path
            .ancestors()
            .skip(1)
            .take(2)
            .flat_map(|folder| ["", "bin", "scripts"].map(|sub| folder.join(sub)))
            .collect();
        find_in(&beside, &NAMES)
            .or_else(|| find_program(&NAMES))
            .ok_or_else(|| ProvisionError::ProgramMissing { names: NAMES.join(" or "), package: "mariadb-server" })
    }
}

/// Both say `NAME  Ver VERSION[ for …]`; only MariaDB names itself in the version.
fn parse_version(text: &str) -> Option<(Flavor, String)> {
    let mut words = text.split_ascii_whitespace().skip_while(|word| *word != "Ver");
    let version = words.nth(1)?.to_owned();
    let flavor = if version.contains("MariaDB") { Flavor::MariaDb } else { Flavor::MySql };
    Some((flavor, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_versions_are_understood() {
        let check = |text: &str, flavor, version: &str| {
            assert_eq!(parse_version(text), Some((flavor, version.to_owned())));
        };
        check(
            "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n",
            Flavor::MariaDb,
            "10.11.19-MariaDB-0+deb12u1",
        );
        check("/usr/sbin/mysqld  Ver 9.7.4-1 for Linux on x86_64 ((Debian))\n", Flavor::MySql, "9.7.4-1");
        assert_eq!(parse_version("Prometheus 2.42"), None);
    }

    #[test]
    fn a_program_is_found_by_name_first_and_folder_second() {
        assert!(find_program(&["no-such-program-here", "sh"]).is_some());
        assert_eq!(find_program(&["no-such-program-here"]), None);
    }

    #[tokio::test]
    async fn a_missing_program_names_the_package_that_brings_it() {
        let error = ServerProgram::discover(Some(Path::new("/nowhere/mariadbd"))).await.unwrap_err();
        assert_eq!(error.class(), crate::ErrorClass::Program);
        assert!(error.to_string().contains("mariadb-server"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_no_server_is_refused() {
        let error = ServerProgram::discover(Some(Path::new("/bin/true"))).await.unwrap_err();
        assert!(matches!(error, ProvisionError::ProgramFailed { .. }), "{error}");
    }
}
