//! The schema `_autoscaler`, which each shard has beside the application's: its tables, and every statement on them.

pub mod changes;
pub mod commits;
pub mod definitions;
pub mod fence;
pub mod journal;
pub mod schema;
pub mod sequences;
pub mod topology;
