//! The places of a statement's text that the planner cuts out or replaces.

pub mod clauses;
pub mod conditions;
pub mod freeze;
pub mod pieces;
pub mod relations;
pub mod rows;
pub mod splice;
