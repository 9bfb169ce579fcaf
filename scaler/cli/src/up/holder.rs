//! Processes that stand in the way.

use std::fmt;
use std::fs;

/// A process that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    pid: u32,
    /// The kernel's short name of the program, if it may be read.
    name: Option<String>,
}

impl PortHolder {
    pub fn of(pid: u32) -> PortHolder {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned());
        PortHolder { pid, name }
    }
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (pid {})", self.pid),
            None => write!(f, "pid {}", self.pid),
        }
    }
}
