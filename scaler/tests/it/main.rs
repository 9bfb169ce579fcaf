//! Tests against real programs: MariaDB, Prometheus, its exporter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod programs;
//! Moves against real servers. Without a server on the machine the tests say so and pass.
#[cfg(test)]
mod keys;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod servers;
