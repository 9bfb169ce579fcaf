//! The command line.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::admin::Service;
use crate::check::Repair;

/// A sharding router and autoscaler for MySQL and MariaDB.
#[derive(Debug, Parser)]
#[command(name = "sql-autoscaler", version, arg_required_else_help = false)]
pub struct Cli {
    /// The configuration; without it sql-autoscaler.json in the current folder, else built-in defaults. `-config` is taken
    /// for `--config`.
    #[arg(long, global = true, value_name = "FILE", env = "SQL_AUTOSCALER_CONFIG")]
    pub config: Option<PathBuf>,

    /// Where databases, metrics and the catalogue are kept.
    #[arg(long, global = true, value_name = "DIR", default_value = "data", env = "SQL_AUTOSCALER_DATA_DIR")]
    pub data_dir: PathBuf,

    /// How log lines look on standard error.
    #[arg(long, global = true, value_enum, default_value_t, env = "SQL_AUTOSCALER_LOG_FORMAT")]
    pub log_format: LogFormat,

    /// error, warn, info, debug or trace, also per service, as in `info,router=debug`.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", env = "SQL_AUTOSCALER_LOG_LEVEL")]
    pub log_level: String,

    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// `--log-level` as the filter of the log takes it: a service is more than the module of its name.
    pub fn log_directives(&self) -> String {
        let parts = |service: &str| -> &[&str] {
            match service {
                "router" => &["router", "keyspace", "door"],
                "scaler" => &["scaler", "moves", "keyspace", "door"],
                _ => &[],
            }
        };
        let expanded = self.log_level.split(',').map(|directive| match directive.split_once('=') {
            Some((service, level)) if !parts(service.trim()).is_empty() => {
                let each = parts(service.trim()).iter().map(|part| format!("{part}={level}"));
                each.collect::<Vec<_>>().join(",")
            }
            _ => directive.to_owned(),
        });
        expanded.collect::<Vec<_>>().join(",")
    }

    /// Reads a command line. Wrong usage ends the process, as clap has it.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Cli {
        Cli::parse_from(with_long_config(arguments))
    }
}

/// Go's flag package, and so the program that this one takes the place of, has `-config` where others have `--config`.
fn with_long_config(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut read: Vec<OsString> = Vec::new();
    let mut is_over = false;
    for argument in arguments {
        is_over |= argument == "--";
        // Any text may be the value of a parameter.
        let is_value = read.last().is_some_and(|before| before == "--param");
        let is_config = argument.to_str().is_some_and(|text| text == "-config" || text.starts_with("-config="));
        match is_config && !is_value && !is_over {
            true => read.push([OsString::from("-"), argument].into_iter().collect()),
            false => read.push(argument),
        }
    }
    read
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything on this machine until Ctrl-C; the data stays for the next time (default).
    Up,
    /// Run the router alone.
    Router,
    /// Run the scaler alone.
    Scaler,
    /// Scale from one shard to three under load and verify every row; takes a temporary folder and free ports.
    Demo,
    /// Look for anything wrong with the configuration, the shards and where rows lie.
    Check(Check),
    /// Exit with 0 if a service answers that it is ready, for health checks.
    Ready {
        #[arg(value_enum)]
        service: Service,
        /// Address of the service instead of the configuration's.
        #[arg(long, value_name = "URL", env = "SQL_AUTOSCALER_URL")]
        url: Option<String>,
    },
    /// Show how the cluster is doing.
    Status(Ask),
    /// List the shards with their load.
    Shards(Ask),
    /// List the moves of slots between shards.
    Moves(Ask),
    /// List what the scaler decided, and why.
    Decisions {
        /// How many, the newest first.
        #[arg(long, value_name = "N", default_value_t = 20, env = "SQL_AUTOSCALER_LIMIT")]
        limit: u32,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show each rule's value, threshold and timers, and why nothing is done.
    Explain(Ask),
    /// Add a shard and move its share of the rows to it.
    ScaleOut {
        /// Take the rows from this shard only.
        #[arg(long, value_name = "SHARD", env = "SQL_AUTOSCALER_SOURCE")]
        source: Option<String>,
        #[command(flatten)]
        act: Act,
    },
    /// Move all rows off a shard and retire it.
    Drain {
        #[arg(value_name = "SHARD")]
        shard: String,
        #[command(flatten)]
        act: Act,
    },
    /// Stop acting on decisions until `resume`.
    Pause(Act),
    /// Act on decisions again.
    Resume(Act),
    /// Run SQL through the router.
    Query(Query),
    /// Evaluate the rules over past Prometheus data (comes in a later version).
    #[command(hide = true)]
    Replay {
        /// Start of the time to look at, RFC 3339.
        #[arg(long, value_name = "T", env = "SQL_AUTOSCALER_FROM")]
        from: String,
        /// End of the time to look at, RFC 3339.
        #[arg(long, value_name = "T", env = "SQL_AUTOSCALER_TO")]
        to: String,
    },
}

#[derive(Debug, Args)]
pub struct Output {
    /// Print JSON instead of tables.
    #[arg(long, env = "SQL_AUTOSCALER_JSON")]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// First remove what is provably surplus: misplaced rows of which their owner has an equal one, and what moves that are
    /// over left behind. Never the only copy of a row, nor one that differs. Refused while rows move.
    #[arg(long, env = "SQL_AUTOSCALER_REPAIR")]
    pub repair: bool,
    /// With --repair: print what would be removed and change nothing.
    #[arg(long, env = "SQL_AUTOSCALER_DRY_RUN")]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Output,
}

impl Check {
    /// What is to be removed, if anything is.
    pub fn as_repair(&self) -> Option<Repair> {
        match (self.repair, self.dry_run) {
            (true, true) => Some(Repair::DryRun),
            (true, false) => Some(Repair::Remove),
            (false, _) => None,
        }
    }
}

/// A question to the scaler.
#[derive(Debug, Args)]
pub struct Ask {
    #[command(flatten)]
    pub output: Output,
    /// Address of the scaler instead of the configuration's `scaler_listen`.
    #[arg(long, value_name = "URL", env = "SQL_AUTOSCALER_URL")]
    pub url: Option<String>,
}

/// An order to the scaler.
#[derive(Debug, Args)]
pub struct Act {
    /// Print what would be done and change nothing.
    #[arg(long, env = "SQL_AUTOSCALER_DRY_RUN")]
    pub dry_run: bool,
    #[command(flatten)]
    pub ask: Ask,
}

#[derive(Debug, Args)]
pub struct Query {
    /// One statement; without it, statements are read from standard input, each ended by `;` or the end of the input.
    /// They are one session: transactions and user variables work.
    #[arg(value_name = "SQL")]
    pub sql: Option<String>,
    /// A value for the next `?`: a number, true, false or null as in JSON, else text (`"5"` in quotes is text).
    #[arg(long, value_name = "V", requires = "sql", allow_hyphen_values = true, env = "SQL_AUTOSCALER_PARAM")]
    pub param: Vec<String>,
    #[arg(long, value_enum, default_value_t, env = "SQL_AUTOSCALER_FORMAT")]
    pub format: Format,
    /// Address of the router instead of the configuration's `router_listen`.
    #[arg(long, value_name = "URL", env = "SQL_AUTOSCALER_URL")]
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// The router's answer, one line for each statement.
    Json,
    /// RFC 4180; NULL is empty, empty text is "".
    Csv,
}
