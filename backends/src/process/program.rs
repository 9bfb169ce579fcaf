//! A long-running program with a record on disk, so that it is found again after a restart.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};

use super::identity::{self, Identity};
use crate::ProvisionError;
use crate::files;

/// How a program is started.
#[derive(Debug, Clone)]
pub struct ProgramCommand {
    pub program: PathBuf,
    /// On record and visible to every user of the machine: no secrets here.
    pub args: Vec<String>,
    /// Added to an environment of `PATH` and `HOME` only; not on record.
    pub env: Vec<(String, String)>,
    /// Standard output and error go to the end of it; it is made with mode 0600.
    pub log_file: PathBuf,
}

/// A program that was started by us, now or before a restart of ours.
///
/// It runs in its own process group, so that a terminal's Ctrl-C does not reach it, and goes on
/// when this value is dropped.
#[derive(Debug)]
pub struct Program {
    record_path: PathBuf,
    record: Record,
    process: Identity,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    program: PathBuf,
    args: Vec<String>,
    log_file: PathBuf,
    /// Where the log of this start begins.
    log_start: u64,
    /// `NAME=value` in the program's environment, by which it is found if we were killed between
    /// starting it and writing down its pid.
    marker: String,
    process: Option<Identity>,
}

const MARKER: &str = "AUTOSCALER_PROGRAM";
/// A log that has grown beyond this is set aside at the next start; one older log is kept.
const MAX_LOG_BYTES: u64 = 16 << 20;
const POLL: Duration = Duration::from_millis(10);
/// After SIGKILL only a process that waits for a broken disk is still there.
const KILL_GRACE: Duration = Duration::from_secs(10);

impl Program {
    /// Starts the program and puts it on record as `name` in `record_dir`, which must exist.
    ///
    /// Needs a tokio runtime, which reaps it when it ends. Fails with
    /// [`ProvisionError::AlreadyRunning`] if the one on record still runs.
    pub fn spawn(record_dir: &Path, name: &str, command: ProgramCommand) -> Result<Self, ProvisionError> {
        if let Some(running) = Self::adopt(record_dir, name)? {
            return Err(ProvisionError::AlreadyRunning { what: name.to_owned(), pid: running.pid() });
        }
        let record_path = record_path(record_dir, name);
        let log_start = set_aside_large_log(&command.log_file)?;
        let marker = rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect::<String>();
        let mut record = Record {
            program: command.program,
            args: command.args,
            log_file: command.log_file,
            log_start,
            marker: format!("{MARKER}={marker}"),
            process: None,
        };
        files::write_record(&record_path, &record)?;

        let mut child = start(&record, &command.env, &marker)?;
        let identity = child.id().and_then(Identity::of);
        record.process = identity.clone();
        let written = files::write_record(&record_path, &record);
        if written.is_err() {
            let _ = child.start_kill();
        }
        // Without reaping it would stay a zombie for as long as we live. The task ends with the
        // program or with the runtime, and then init reaps it.
        tokio::spawn(async move { child.wait().await });
        written?;
        let process = identity.ok_or_else(|| ProvisionError::ProgramFailed {
            program: record.program.clone(),
            doing: "starting",
            log_tail: String::new(),
        })?;
        Ok(Self { record_path, record, process })
    }

    /// The program on record as `name`, if it still runs: the same pid, start and arguments.
    pub fn adopt(record_dir: &Path, name: &str) -> Result<Option<Self>, ProvisionError> {
        let record_path = record_path(record_dir, name);
        let Some(mut record) = files::read_record::<Record>(&record_path)? else {
            return Ok(None);
        };
        let process = match &record.process {
            Some(process) => process.clone(),
            None => match identity::find_by_marker(&record.marker, &record.args) {
                Some(found) => {
                    record.process = Some(found.clone());
                    files::write_record(&record_path, &record)?;
                    found
                }
                None => return Ok(None),
            },
        };
        let program = Self { record_path, record, process };
        let is_ours = program.is_running() && program.process.was_started_with(&program.record.args);
        Ok(is_ours.then_some(program))
    }

    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Asks it to end with SIGTERM, kills it and what it started after `grace`, and takes it off
    /// the record. One that has ended already is fine.
    pub async fn stop(&self, grace: Duration) -> Result<(), ProvisionError> {
        if self.is_running() {
            self.process.signal(Signal::SIGTERM);
        }
        if !self.ends_within(grace).await {
            tracing::warn!(pid = self.pid(), program = %self.record.program.display(), ?grace, "killing a program that does not end");
            self.process.signal_group(Signal::SIGKILL);
            if !self.ends_within(KILL_GRACE).await {
                return Err(ProvisionError::WouldNotDie {
                    what: self.record.program.display().to_string(),
                    pid: self.pid(),
                });
            }
        }
        files::remove(&self.record_path)
    }

    /// The last lines of what it wrote since this start, as far as they fit into 64 KiB.
    pub fn log_tail(&self, lines: usize) -> String {
        log_tail(&self.record.log_file, self.record.log_start, lines)
    }

    async fn ends_within(&self, patience: Duration) -> bool {
        let began = Instant::now();
        while self.is_running() {
            if began.elapsed() >= patience {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

fn start(record: &Record, env: &[(String, String)], marker: &str) -> Result<tokio::process::Child, ProvisionError> {
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&record.log_file)
        .map_err(ProvisionError::io("open", &record.log_file))?;
    let error_log = log.try_clone().map_err(ProvisionError::io("open", &record.log_file))?;
    let mut command = tokio::process::Command::new(&record.program);
    command
        .args(&record.args)
        // Our own environment may hold secrets that are none of its business.
        .env_clear()
        .envs(["PATH", "HOME"].iter().filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some((name, value))
        }))
        .envs(env.iter().map(|(name, value)| (name, value)))
        .env(MARKER, marker)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(error_log)
        .process_group(0)
        .kill_on_drop(false);
    command.spawn().map_err(ProvisionError::io("start", &record.program))
}

fn record_path(record_dir: &Path, name: &str) -> PathBuf {
    record_dir.join(format!("{name}.program.json"))
}

/// Returns where the log of the coming start begins.
fn set_aside_large_log(log_file: &Path) -> Result<u64, ProvisionError> {
    let length = fs::metadata(log_file).map_or(0, |metadata| metadata.len());
    if length <= MAX_LOG_BYTES {
        return Ok(length);
    }
    files::rename(log_file, &files::with_suffix(log_file, ".1"))?;
    Ok(0)
}

/// The last `lines` lines of a log from the offset `start` on.
pub(super) fn log_tail(log_file: &Path, start: u64, lines: usize) -> String {
    const MAX_BYTES: u64 = 64 << 10;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(log_file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(length.saturating_sub(MAX_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // A log that cannot be read says nothing, and the failure it should explain matters more.
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves no child behind for longer than a moment, however it ends.
    const FOREVER: &str = "while :; do sleep 0.05; done";

    fn shell(folder: &Path, script: &str) -> ProgramCommand {
        ProgramCommand {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into(), folder.display().to_string()],
            env: vec![("GREETING".into(), "hello".into())],
            log_file: folder.join("log"),
        }
    }

    async fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let began = Instant::now();
        while !condition() {
            assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
            tokio::time::sleep(POLL).await;
        }
    }

    #[tokio::test]
    async fn a_program_is_adopted_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let program = Program::spawn(dir, "sleeper", shell(dir, &format!("echo $GREETING; {FOREVER}"))).unwrap();
        wait_until("its greeting", || program.log_tail(5) == "hello").await;

        let adopted = Program::adopt(dir, "sleeper").unwrap().unwrap();
        assert_eq!(adopted.pid(), program.pid());
        let again = Program::spawn(dir, "sleeper", shell(dir, "true")).unwrap_err();
        assert!(matches!(again, ProvisionError::AlreadyRunning { .. }), "{again}");

        adopted.stop(Duration::from_secs(10)).await.unwrap();
        assert!(!program.is_running());
        assert!(Program::adopt(dir, "sleeper").unwrap().is_none());
        program.stop(Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_ignores_sigterm_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let program = Program::spawn(dir, "deaf", shell(dir, &format!("trap '' TERM; echo on; {FOREVER}"))).unwrap();
        wait_until("its trap", || program.log_tail(1) == "on").await;
        program.stop(Duration::from_millis(100)).await.unwrap();
        assert!(!program.is_running());
    }

    #[tokio::test]
    async fn one_that_ended_does_not_run_though_nobody_asked() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let program = Program::spawn(dir, "brief", shell(dir, "echo bye >&2")).unwrap();
        wait_until("its end", || !program.is_running()).await;
        assert_eq!(program.log_tail(1), "bye");
        let proc = PathBuf::from(format!("/proc/{}", program.pid()));
        wait_until("its reaping", || !proc.exists()).await;
        assert!(Program::adopt(dir, "brief").unwrap().is_none());
    }

    #[tokio::test]
    async fn one_whose_pid_was_not_written_down_is_found_by_its_marker() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let program = Program::spawn(dir, "lost", shell(dir, FOREVER)).unwrap();
        let path = record_path(dir, "lost");
        let mut record: Record = files::read_record(&path).unwrap().unwrap();
        record.process = None;
        files::write_record(&path, &record).unwrap();

        let found = Program::adopt(dir, "lost").unwrap().unwrap();
        assert_eq!(found.pid(), program.pid());
        found.process.signal_group(Signal::SIGKILL);
        wait_until("its end", || !program.is_running()).await;
    }

    #[tokio::test]
    async fn a_record_that_points_at_a_stranger_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let mut stranger = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let record = Record {
            program: "/bin/sh".into(),
            args: vec!["--datadir=/ours".into()],
            log_file: dir.join("log"),
            log_start: 0,
            marker: "X=y".into(),
            process: Identity::of(stranger.id()),
        };
        files::write_record(&record_path(dir, "forged"), &record).unwrap();
        assert!(Program::adopt(dir, "forged").unwrap().is_none());
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn a_log_tail_begins_with_this_start() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "old\na\nb\nc\n").unwrap();
        assert_eq!(log_tail(&log, 4, 10), "a\nb\nc");
        assert_eq!(log_tail(&log, 0, 2), "b\nc");
        assert_eq!(log_tail(&folder.path().join("none"), 0, 2), "");
    }
}
