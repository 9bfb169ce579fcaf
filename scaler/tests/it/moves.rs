//! Moves between real servers, with writers that keep their own account.

pub mod bench;
mod crowded;
mod endings;
mod refusals;
mod values;
mod writing;
