//! The data plane: one SQL front for many MySQL or MariaDB shards.
//!
//! A query is read `doors → router → attempt → sql → plan → execute → merge`. See ARCHITECTURE.md.

pub mod doors;

mod attempt;
mod explain;
mod router;
mod session;

mod sql;

mod known;
mod plan;

mod execute;
mod sinks;
mod transaction;

mod merge;

mod budget;
mod bulkheads;
mod cells;
mod config;
mod definitions;
mod error;
pub mod faults;
mod logins;
mod metrics;
mod request;
mod sequences;
mod shards;
mod slot_load;
mod watch;

pub use self::config::{Limits, RouterConfig};
pub use self::metrics::Metrics;
pub use self::router::Router;
