//! An empty data folder for each server version, made once and copied for each instance.
//!
//! To lay out a data folder takes a server about a second and more, to copy it a fraction of that.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::discover::ServerProgram;
use super::program;
use super::server;
use crate::ProvisionError;
use crate::files::{self, Lock};
use crate::sql_server::{self, Flavor};

/// A slow disk takes tens of seconds for MySQL's data dictionary.
const DEADLINE: Duration = Duration::from_secs(180);

/// The template's data folder for this server, made now if need be.
pub(super) async fn data_folder(templates: &Path, server: &ServerProgram) -> Result<PathBuf, ProvisionError> {
    let template = templates.join(file_name(server));
    if template.exists() {
        return Ok(template);
    }
    files::create_private_dir(templates)?;
    let lock = Lock::take(files::with_suffix(&template, ".lock"), DEADLINE).await?;
    if template.exists() {
        return Ok(template);
    }
    // A task of its own, with the lock: if our caller is dropped the server that lays out the
    // folder would go on, and the next one would find it writing there.
    let (server, made) = (server.clone(), template.clone());
    let making = tokio::spawn(async move {
        let _lock = lock;
        make(&server, &made).await
    });
    making.await.expect("making a template does not panic")?;
    Ok(template)
}

async fn make(server: &ServerProgram, template: &Path) -> Result<(), ProvisionError> {
    let unfinished = files::with_suffix(template, ".new");
    files::remove(&unfinished)?;
    files::create_private_dir(&unfinished)?;
    lay_out(server, &unfinished, &files::with_suffix(template, ".log")).await?;
    files::remove(&temporary_folder(&unfinished))?;
    for name in sql_server::NOT_TO_SHARE {
        files::remove(&unfinished.join(name))?;
    }
    files::rename(&unfinished, template)?;
    tracing::info!(server = %server.path.display(), version = server.version, "made a template data folder");
    Ok(())
}

fn file_name(server: &ServerProgram) -> String {
    format!("{}-{}", server.path.display(), server.version)
        .trim_start_matches('/')
        .replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")
}

async fn lay_out(server: &ServerProgram, folder: &Path, log_file: &Path) -> Result<(), ProvisionError> {
    let tmp = temporary_folder(folder);
    files::create_private_dir(&tmp)?;
    let mut command = match server.flavor {
        Flavor::MariaDb => {
            let mut command = Command::new(server.install_program()?);
            command
                .arg("--no-defaults")
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
                .arg("--skip-name-resolve")
                .arg(server.flavor.template_redo_log());
            command
        }
        Flavor::MySql => {
            let mut command = Command::new(&server.path);
            command.args(["--no-defaults", "--initialize-insecure"]).arg(server.flavor.template_redo_log());
            command
        }
    };
    let way = PlainWay::to(folder).map_err(ProvisionError::io("make a way to", folder))?;
    command
        .arg(format!("--datadir={}", way.path.display()))
        // In a shared /tmp servers that start at once delete each other's temporary tables.
        .arg(format!("--tmpdir={}", temporary_folder(&way.path).display()))
        .args(server::run_as());
    let program = PathBuf::from(command.as_std().get_program());
    files::write_whole(log_file, b"")?;
    let log = std::fs::OpenOptions::new().append(true).open(log_file).map_err(ProvisionError::io("open", log_file))?;
    let error_log = log.try_clone().map_err(ProvisionError::io("open", log_file))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(error_log)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(ProvisionError::io("start", &program))?;
    let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Err(error)) => Err(ProvisionError::io("wait for", &program)(error)),
        Ok(Ok(_)) | Err(_) => Err(ProvisionError::ProgramFailed {
            program,
            doing: "laying out a data folder",
            log_tail: errors_in(&program::log_tail(log_file, 0, usize::MAX)),
        }),
    }
}

/// A path to a folder that is one word: mariadb-install-db, a shell script, does not quote what it is given.
struct PlainWay {
    path: PathBuf,
    /// Removed again at the end.
    link: Option<PathBuf>,
}

impl PlainWay {
    fn to(folder: &Path) -> std::io::Result<PlainWay> {
        let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Ok(PlainWay { path: folder.to_owned(), link: None });
        };
        if folder.to_str().is_some_and(|text| text.chars().all(is_plain)) {
            return Ok(PlainWay { path: folder.to_owned(), link: None });
        }
        let link = std::env::temp_dir().join(format!("sql-autoscaler-{:016x}", rand::random::<u64>()));
        std::os::unix::fs::symlink(std::path::absolute(parent)?, &link)?;
        Ok(PlainWay { path: link.join(name), link: Some(link) })
    }
}

impl Drop for PlainWay {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            // A link that stays behind points to a folder of ours and harms nobody.
            let _ = std::fs::remove_file(link);
        }
    }
}

/// Beside the data folder, which must be empty for MySQL.
fn temporary_folder(data: &Path) -> PathBuf {
    files::with_suffix(data, ".tmp")
}

/// The errors alone where there are any: mariadb-install-db ends with a page of general advice.
fn errors_in(log: &str) -> String {
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    if errors.is_empty() { log.to_owned() } else { errors.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_picked_out_of_advice() {
        assert_eq!(errors_in("a\n[ERROR] no room\nadvice"), "[ERROR] no room");
        assert_eq!(errors_in("a\nb"), "a\nb");
    }

    #[test]
    fn a_template_belongs_to_one_program_and_version() {
        let server = |path: &str, version: &str| ServerProgram {
            path: path.into(),
            flavor: Flavor::MariaDb,
            version: version.into(),
        };
        assert_eq!(
            file_name(&server("/usr/sbin/mariadbd", "10.11.19-MariaDB-0+deb12u1")),
            "usr-sbin-mariadbd-10.11.19-MariaDB-0-deb12u1"
        );
        assert_ne!(file_name(&server("/a", "1")), file_name(&server("/b", "1")));
    }
}
