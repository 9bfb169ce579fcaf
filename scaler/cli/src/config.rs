//! The configuration: from JSON text to checked types, once, before anything opens.
//!
//! All mistakes are found in one pass and reported together, each with its JSON path.

mod backend;
mod json;
mod prometheus;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backends::{DockerOptions, Owner};
use door::Hosts;
use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::Shard;
use moves::{MoveSettings, Throttle};
use router::Limits;
use scaler::policy::{Mode, ScaleIn};
use scaler::rules::Scope;
use scaler::rules::defaults::ScalingThresholds;

/// The file that is read when none is named and the current folder has it.
pub const DEFAULT_FILE: &str = "sql-autoscaler.json";

/// A configuration without mistakes. Each field is the key of its name unless it says otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// `cluster`, `sql-autoscaler`: what its instances carry as their owner and its metrics as a label.
    pub cluster: Owner,
    /// The shards in the order of the file, all with the same database name. Empty: the backend starts the first.
    pub shards: Vec<Shard>,
    /// The database that `up` creates on a first shard that it starts itself, `app`.
    pub database: String,
    /// `table_shard_keys` and `reference_tables`. No table is in both.
    pub layout: Layout,
    pub scaling_thresholds: ScalingThresholds,
    /// `scaling_strategy`.
    pub scope: Scope,
    /// `monitoring_interval_seconds`, 10 s.
    pub monitoring_interval: Duration,
    /// Loopback unless `listen_without_auth`, `127.0.0.1:8080`.
    pub router_listen: SocketAddr,
    /// Loopback unless `listen_without_auth`, `127.0.0.1:9090`.
    pub scaler_listen: SocketAddr,
    /// The section with its variables replaced and its keys and types checked, files as absolute or
    /// base-relative paths. Absent: `up` starts a Prometheus of its own.
    pub prometheus: Option<serde_json::Value>,
    /// `hosts`, and those of `routers`: the names under which both services are asked.
    pub hosts: Hosts,
    pub backend: Backend,
    /// Where the scaler finds the routers, `host:port`; empty: one at `router_listen`.
    pub routers: Vec<String>,
    /// The account that routers use on every shard.
    pub router_account: RouterAccount,
    /// What router and scaler derive passwords of accounts from. Absent: from what both have, see `accounts`.
    pub cluster_secret: Option<String>,
    /// `exporter`; absent: the exporters are not the scaler's business.
    pub exporter: Option<ExporterAccount>,
    /// At least 1, at most `max_shards`.
    pub min_shards: u16,
    /// 16; at least the number of `shards`.
    pub max_shards: u16,
    pub mode: Mode,
    /// `cooldown_seconds`, 60 s, counted from the end of a rebalance.
    pub cooldown: Duration,
    /// `scale_in`, with `threshold_ratio` 0.5, `for_seconds` 600 and `cooldown_seconds` 600; absent unless `enabled`.
    pub scale_in: Option<ScaleIn>,
    pub limits: Limits,
    pub moves: Moves,
    /// A `sqlite:` URL. Absent: `catalogue.db` in the data folder.
    pub catalogue: Option<String>,
}

/// How new shards come about.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    pub kind: BackendKind,
    /// `cpu_cores` and `memory_bytes` of each new shard.
    pub limits: backends::Limits,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BackendKind {
    /// A mariadbd or mysqld process on this machine.
    Process,
    /// A container of a Docker engine.
    Docker(Box<DockerOptions>),
    /// Servers that somebody prepared, in the order in which they are taken: `pool`.
    Static(Vec<Endpoint>),
}

impl Default for Backend {
    fn default() -> Backend {
        Backend { kind: BackendKind::Process, limits: backends::Limits::default() }
    }
}

/// The account that mysqld_exporter uses on every shard; the scaler makes it where it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExporterAccount {
    pub user: String,
    pub password: String,
}

/// The account that routers use on every shard; the scaler makes it where it is missing, and so does a router that can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterAccount {
    pub user: String,
    /// Absent: derived.
    pub password: Option<String>,
}

impl Default for RouterAccount {
    fn default() -> RouterAccount {
        RouterAccount { user: keyspace::accounts::ROUTER_USER.to_owned(), password: None }
    }
}

/// How rows move between shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// `cleanup_delay_seconds`, 30 s: from a switch of owners to the removal of the rows at the old one. Not below
    /// `confirmation_seconds`: a router may serve from the old owner for as long as that.
    pub cleanup_delay: Duration,
    /// `confirmation_seconds`, 5 s and not below: how long a move waits between announcing itself and switching.
    /// Routers serve from a shard for 5 s after they last confirmed its epoch, so after that all know of the move.
    pub confirmation: Duration,
    /// `cutover_budget_ms`, 250 ms: how long writers of moving slots may be held up by one attempt to switch.
    pub cutover_budget: Duration,
    /// 120: after so many attempts to switch the move is undone.
    pub cutover_attempts: u32,
    /// Rows copied by one statement to begin with, 1000; the size adapts from there.
    pub chunk_rows: u32,
    /// `chunk_time_ms`, `busy_share`, `max_threads_running`, `replicas` and `max_replica_lag_seconds`.
    pub throttle: Throttle,
}

impl Default for Moves {
    fn default() -> Moves {
        let MoveSettings { cleanup_delay, cutover_budget, cutover_attempts, chunk_rows, throttle, .. } =
            MoveSettings::default();
        let confirmation = Duration::from_secs(5);
        Moves { cleanup_delay, confirmation, cutover_budget, cutover_attempts, chunk_rows, throttle }
    }
}

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the JSON, as `scaling_thresholds.cpu_threshold_percent` or `shards.shard-1`; empty for the whole.
    pub path: String,
    pub message: String,
}

/// Everything wrong with the configuration, one line each. Shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(Vec<Mistake>);

impl ConfigErrors {
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|Mistake { path, message }| match path.is_empty() {
            true => message.clone(),
            false => format!("{path}: {message}"),
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the configuration {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration {path} has mistakes")]
    Mistakes { path: PathBuf, source: ConfigErrors },
}

impl Config {
    /// Reads the configuration. `env` gives the value of an environment variable; `base_dir` is what relative file
    /// names in `…_file` keys start from. Those files are the only thing read here besides the arguments.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn from_json(
        text: &str,
        base_dir: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigErrors> {
        read::config(text, base_dir, env)
    }

    /// The configuration of `file`; without one, that of [`DEFAULT_FILE`] in the current folder or, if there is
    /// none, the built-in defaults.
    pub fn load(file: Option<&Path>) -> Result<Config, LoadError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => "{}".to_owned(),
            read => read.map_err(|source| LoadError::Read { path: path.to_owned(), source })?,
        };
        Config::from_json(&text, path.parent().unwrap_or(Path::new("")), &|name| std::env::var(name).ok())
            .map_err(|source| LoadError::Mistakes { path: path.to_owned(), source })
    }
}
