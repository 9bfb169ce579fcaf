//! The commands that run services, each from a checked configuration to the end of the process.

mod backend;
mod check;
mod demo;
mod instances;
mod services;
mod up;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

pub use self::check::Repair;
use crate::config::Config;
use crate::prometheus::Prometheus;
use crate::prometheus::config::PrometheusConfig;

/// How long open requests may take to end once everything stops.
const DRAIN: Duration = Duration::from_secs(5);

/// The configuration is sound, but not for this command: wrong usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnfitConfig(String);

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
    config: Config,
    data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    up::run(config, data_dir, shutdown).await
}

/// Runs the router alone until `shutdown`.
pub async fn router(
    config: Config,
    _data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    need_shards(&config, "router")?;
    services::router(config, shutdown).await
}

/// Runs the scaler alone until `shutdown`.
pub async fn scaler(
    config: Config,
    data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    need_shards(&config, "scaler")?;
    services::scaler(config, data_dir, shutdown).await
}

fn need_shards(config: &Config, command: &str) -> anyhow::Result<()> {
    match config.shards.is_empty() {
        true => Err(UnfitConfig(format!("`{command}` alone needs `shards` in its configuration")).into()),
        false => Ok(()),
    }
}

/// Where the catalogue lies.
fn catalogue_path(config: &Config, data_dir: &Path) -> PathBuf {
    match &config.catalogue {
        Some(url) => PathBuf::from(url.trim_start_matches("sqlite:").trim_start_matches("//")),
        None => data_dir.join("catalogue.db"),
    }
}

/// A client for the `prometheus` section of the configuration.
fn prometheus_client(section: &serde_json::Value) -> Result<Prometheus, UnfitConfig> {
    let unfit = |problem: &dyn std::fmt::Display| UnfitConfig(format!("the configuration's `prometheus`: {problem}"));
    let config: PrometheusConfig = serde_json::from_value(section.clone()).map_err(|error| unfit(&error))?;
    Prometheus::new(&config).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        unfit(&lines.join("; "))
    })
}

/// Scales from one shard to three under load and verifies every row; success only if all of them were right.
pub async fn demo(
    _config: Config,
    _data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    demo::run(shutdown).await
}

/// Prints what is wrong with the cluster, after removing what is provably surplus if that is wanted; success if nothing is
/// left.
pub async fn check(config: Config, data_dir: PathBuf, repair: Option<Repair>, json: bool) -> anyhow::Result<ExitCode> {
    check::run(config, data_dir, repair, json).await
}
