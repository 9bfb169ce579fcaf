//! The control plane: observe the shards, decide, plan, execute.
//!
//! Each round reads `prometheus → rules → policy`. See ARCHITECTURE.md.

pub mod prometheus;
pub mod rules;

pub mod policy;
pub mod admin;
pub mod cli;
pub mod commands;
pub mod config;
pub mod up;
pub mod catalogue;
pub mod http;
pub mod metrics;
pub mod observe;
pub mod cluster;
pub mod moves;
