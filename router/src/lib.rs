//! The data plane: one SQL front for many MySQL or MariaDB shards.
//!
//! A query is read `http → sql → plan → execute → merge`. See ARCHITECTURE.md.

pub mod cells;
pub mod endpoint;
pub mod keys;
pub mod merge;
pub mod plan;
pub mod schema;
pub mod session;
pub mod slots;
pub mod sql;
pub mod topology;
