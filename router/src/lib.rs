//! The data plane: one SQL front for many MySQL or MariaDB shards.
//!
//! A query is read `http → service → sql → plan → execute → merge`. See ARCHITECTURE.md.

pub mod http;
pub mod service;

pub mod sql;

pub mod plan;

pub mod execute;

pub mod merge;

pub mod accounts;
pub mod budget;
mod bulkheads;
pub mod cells;
pub mod definitions;
pub mod endpoint;
pub mod error;
pub mod faults;
pub mod keys;
mod known;
pub mod logins;
pub mod metrics;
pub mod schema;
mod sequences;
pub mod session;
pub mod shards;
pub mod slot_load;
pub mod slots;
pub mod topology;
pub mod transaction;
