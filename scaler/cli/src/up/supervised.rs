//! A program that is kept running until it is stopped.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backends::{Program, ProgramCommand, ProvisionError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::error::UpError;
use crate::up::data_dir::failed;

/// Prometheus writes its head block at the end; past this it is killed and replays its log the next time.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// Replaying the log of a killed Prometheus takes a while, more than all else here.
const READY_PATIENCE: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(25);
const ALIVE_POLL: Duration = Duration::from_millis(250);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
const RECORD_ENDING: &str = ".program.json";

/// What to run, and how to tell that it works.
#[derive(Clone, Debug)]
pub struct Task {
    /// Unique in its folder; the records of its programs are kept there.
    pub name: String,
    pub dir: PathBuf,
    pub command: ProgramCommand,
    /// Answers 200 once the program is ready.
    pub ready_url: String,
}

/// A running program, started again when it ends. Dropping this stops it too, but nobody waits for the end then.
#[derive(Debug)]
pub struct Supervised {
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<Result<(), UpError>>,
}

impl Supervised {
    /// Starts the program and returns once it is ready. One that an earlier `up` left is ended first.
    ///
    /// Nothing is left running when it fails.
    pub async fn start(task: Task) -> Result<Supervised, UpError> {
        if let Some(leftover) = task.adopt()? {
            leftover.stop(STOP_GRACE).await.map_err(|source| task.failed(source))?;
        }
        let program = task.spawn()?;
        if let Err(error) = task.wait_until_ready(&program).await {
            program.stop(Duration::ZERO).await.map_err(|source| task.failed(source))?;
            return Err(error);
        }
        let (stop, stopped) = oneshot::channel();
        Ok(Supervised { stop, supervisor: tokio::spawn(supervise(task, program, stopped)) })
    }

    /// Ends the program and waits until it is gone.
    pub async fn stop(self) -> Result<(), UpError> {
        // If the supervisor is gone already its result says why.
        let _ = self.stop.send(());
        self.supervisor.await.expect("the supervisor does not panic and is not aborted")
    }
}

impl Task {
    fn adopt(&self) -> Result<Option<Program>, UpError> {
        Program::adopt(&self.dir, &self.name).map_err(|source| self.failed(source))
    }

    fn spawn(&self) -> Result<Program, UpError> {
        Program::spawn(&self.dir, &self.name, self.command.clone()).map_err(|source| self.failed(source))
    }

    async fn wait_until_ready(&self, program: &Program) -> Result<(), UpError> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
        let client = client.expect("a client without certificates or proxies of its own can always be built");
        let began = Instant::now();
        loop {
            // Asked first: another program on the same port must not be taken for ours after it has ended.
            let ready = client.get(&self.ready_url).send().await.is_ok_and(|response| response.status() == 200);
            if !program.is_running() {
                return Err(UpError::EndedAtStart { name: self.name.clone(), log_tail: program.log_tail(10) });
            }
            if ready {
                return Ok(());
            }
            let waited = began.elapsed();
            if waited > READY_PATIENCE {
                let name = self.name.clone();
                return Err(UpError::NotReady { name, waited, log_tail: program.log_tail(10) });
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    fn failed(&self, source: ProvisionError) -> UpError {
        UpError::Program { program: self.name.clone(), source: Box::new(source) }
    }
}

/// Watches the program until told to stop, and then ends it.
async fn supervise(task: Task, mut program: Program, mut stopped: oneshot::Receiver<()>) -> Result<(), UpError> {
    let mut backoff = FIRST_BACKOFF;
    let mut started = Instant::now();
    loop {
        if is_stopped_within(&mut stopped, ALIVE_POLL).await {
            return program.stop(STOP_GRACE).await.map_err(|source| task.failed(source));
        }
        if program.is_running() {
            continue;
        }
        if started.elapsed() > LONGEST_BACKOFF {
            backoff = FIRST_BACKOFF;
        }
        tracing::warn!(program = task.name, ?backoff, log = program.log_tail(3), "ended and is started again");
        if is_stopped_within(&mut stopped, backoff).await {
            return program.stop(STOP_GRACE).await.map_err(|source| task.failed(source));
        }
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
        started = Instant::now();
        match task.spawn() {
            Ok(again) => program = again,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(program = task.name, %error, cause, "cannot be started again");
            }
        }
    }
}

/// Waits this long, or until the owner asks to stop or is gone.
async fn is_stopped_within(stopped: &mut oneshot::Receiver<()>, patience: Duration) -> bool {
    tokio::time::timeout(patience, stopped).await.is_ok()
}

/// Ends every program on record in the folder, of shards that are gone as well; tells how many ran. For the start of
/// an `up`: what it finds was left by one that was killed.
pub async fn end_leftovers(dir: &Path) -> Result<usize, UpError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(failed("list", dir))?,
    };
    let mut ended = 0;
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str().and_then(|name| name.strip_suffix(RECORD_ENDING)) else { continue };
        let cannot_end = |source| UpError::Program { program: name.to_owned(), source: Box::new(source) };
        if let Some(program) = Program::adopt(dir, name).map_err(cannot_end)? {
            tracing::info!(program = name, pid = program.pid(), "ending what an earlier run left");
            program.stop(STOP_GRACE).await.map_err(cannot_end)?;
            ended += 1;
        }
    }
    Ok(ended)
}
