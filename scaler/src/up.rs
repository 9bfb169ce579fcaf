//! What a local cluster has besides its databases and services: Prometheus, the exporters, and the data folder that
//! belongs to one `up` at a time.
//!
//! Programs found from an earlier `up` that was killed are ended and started anew: their configuration may be
//! another one by now, and both start in well under a second.

mod data_dir;
mod exporter;
mod ports;
mod prometheus_server;
mod supervised;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use backends::ProvisionError;

pub use data_dir::DataDir;
pub use exporter::Exporter;
pub use ports::{PortHolder, bind, find_free};
pub use prometheus_server::{PrometheusServer, ScrapeTargets};
pub use supervised::end_leftovers;

#[derive(Debug, thiserror::Error)]
pub enum UpError {
    #[error("the data folder {path} is in use by another `sql-autoscaler up`{}", by_whom(.holder))]
    DataDirInUse { path: PathBuf, holder: Option<PortHolder> },
    #[error("the address {address} for the {what} is in use{}", by_whom(.holder))]
    PortInUse { what: &'static str, address: SocketAddr, holder: Option<PortHolder> },
    #[error("cannot listen on {address} for the {what}")]
    Listen { what: &'static str, address: SocketAddr, source: io::Error },
    #[error("cannot {action} {path}")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{name} ended while it started; the end of its log:\n{log_tail}")]
    EndedAtStart { name: String, log_tail: String },
    #[error("{name} did not become ready within {waited:?}; the end of its log:\n{log_tail}")]
    NotReady { name: String, waited: Duration, log_tail: String },
    #[error("no {} found: install the Debian package `{package}`", .names.join(" or "))]
    ProgramMissing { names: &'static [&'static str], package: &'static str },
    #[error("cannot run {program}")]
    Program { program: String, source: Box<ProvisionError> },
    #[error("{program} tells no version that is understood: `{output}`")]
    Version { program: PathBuf, output: String },
}

/// Where a program is that a Debian package brings.
fn find(names: &'static [&'static str], package: &'static str) -> Result<PathBuf, UpError> {
    backends::find_program(names).ok_or(UpError::ProgramMissing { names, package })
}

fn by_whom(holder: &Option<PortHolder>) -> String {
    holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_tells_its_package() {
        static NAMES: [&str; 2] = ["no-such-program", "nor-this-one"];
        insta::assert_snapshot!(find(&NAMES, "some-package").unwrap_err(), @r"no no-such-program or nor-this-one found: install the Debian package `some-package`");
    }
}
