//! Moves between real servers, with writers that keep their own account.

mod crashes;
mod crowded;
mod ended;
mod endings;
mod keys;
mod large;
mod programs;
mod refusals;
mod shapes;
mod takeover;
mod throttle;
pub mod trap;
mod values;
mod writing;
