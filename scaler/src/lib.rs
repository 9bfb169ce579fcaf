//! The control plane: observe the shards, decide, plan, execute.
//!
//! Each round reads `observe → prometheus → rules → policy`, and acts through `moves`. See ARCHITECTURE.md.

pub mod accounts;
pub mod catalogue;
pub mod drain;
mod fitness;
pub mod http;
pub mod metrics;
pub mod observe;
pub mod policy;
pub mod prometheus;
pub mod retire;
pub mod rules;
pub mod scale_out;
pub mod service;
pub mod settings;
pub mod settle;
pub mod slot_load;
