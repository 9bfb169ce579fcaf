//! Putting the answers of several shards together into the one that a single database would give.
//!
//! Everything here is pure: rows in, rows out. Who asks the shards and in which order is the executor's business.

pub mod aggregate;
pub mod compare;
pub mod decimal;
pub mod order;
