//! The commands that run services, each from a checked configuration to the end of the process.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;

/// Ends when the process is asked to stop: Ctrl-C or SIGTERM. The signals are watched from this call on.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Runs everything on this machine until `shutdown`; the data stays in `data_dir`.
pub async fn up(
    _config: Config,
    _data_dir: PathBuf,
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`up` is not wired yet")
}

/// Runs the router alone until `shutdown`.
pub async fn router(
    _config: Config,
    _data_dir: PathBuf,
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`router` is not wired yet")
}

/// Runs the scaler alone until `shutdown`.
pub async fn scaler(
    _config: Config,
    _data_dir: PathBuf,
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`scaler` is not wired yet")
}

/// Scales from one shard to three under load and verifies every row; success only if all of them were right.
pub async fn demo(
    _config: Config,
    _data_dir: PathBuf,
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`demo` is not wired yet")
}

/// Prints what is wrong with the cluster; success if nothing is.
pub async fn check(_config: Config, _data_dir: PathBuf, _json: bool) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`check` is not wired yet")
}
