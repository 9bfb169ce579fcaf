//! The data plane: one SQL front for many MySQL or MariaDB shards.
//!
//! A query is read `http → service → sql → plan → execute → merge`. See ARCHITECTURE.md.

pub mod http;
pub mod service;

pub mod sql;

pub mod plan;

pub mod execute;

pub mod merge;

pub mod budget;
mod bulkheads;
pub mod cells;
pub mod definitions;
pub mod error;
pub mod faults;
mod known;
mod logins;
pub mod metrics;
mod sequences;
pub mod shards;
pub mod slot_load;
pub mod transaction;
pub mod watch;
