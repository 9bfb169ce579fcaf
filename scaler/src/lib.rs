//! The control plane: observe the shards, decide, plan, execute.
//!
//! Each round reads `observe → prometheus → rules → policy`, and acts through `moves`. See ARCHITECTURE.md.

pub mod accounts;
pub mod admin;
pub mod catalogue;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod drain;
mod fitness;
mod foreign_keys;
pub mod http;
pub mod metrics;
pub mod moves;
pub mod observe;
pub mod output;
pub mod policy;
pub mod prometheus;
pub mod retire;
pub mod rules;
pub mod scale_out;
pub mod service;
mod settle;
pub mod slot_load;
pub mod up;
