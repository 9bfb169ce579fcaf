//! The control plane: observe the shards, decide, plan, execute.
//!
//! Each round reads `observe → prometheus → rules → policy`, and acts through `moves`. See ARCHITECTURE.md.

pub mod accounts;
pub mod actions;
pub mod catalogue;
mod fitness;
mod hands;
pub mod http;
pub mod instances;
pub mod metrics;
pub mod observe;
pub mod policy;
pub mod prometheus;
pub mod rules;
pub mod service;
pub mod settings;
pub mod slot_load;
