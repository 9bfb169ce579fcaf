//! The configuration: from JSON text to checked types, once, before anything opens.
//!
//! All mistakes are found in one pass and reported together, each with its JSON path.

mod backend;
mod json;
mod load;
mod mistakes;
mod prometheus;
mod read;
#[cfg(test)]
mod tests;
mod values;

use std::net::SocketAddr;
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

pub use self::load::{DEFAULT_FILE, LoadError};
pub use self::mistakes::{ConfigErrors, Mistake};

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
