//! Tests against real programs: MariaDB, Prometheus, its exporter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod programs;
