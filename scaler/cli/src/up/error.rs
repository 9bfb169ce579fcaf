//! Why a local cluster does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use backends::ProvisionError;

use super::holder::PortHolder;

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

fn by_whom(holder: &Option<PortHolder>) -> String {
    holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
}
