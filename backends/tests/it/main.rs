//! Provisioners against real servers, and the in-memory one against the same demands.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail by panicking and skip aloud")]

mod docker;
mod memory;
mod pool;
mod process;
