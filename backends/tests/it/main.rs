//! Provisioners against real servers, and the in-memory one against the same demands.

mod memory;
mod process;
