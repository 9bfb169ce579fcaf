//! The nouns of provisioning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that cannot be used, because it ends up in paths, labels and command lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} must be 1 to {MAX_NAME_BYTES} letters, digits, '-' or '_', beginning with a letter or digit")]
pub struct InvalidName {
    what: &'static str,
    text: String,
}

/// Two names and a few words must fit into one file name of 255 bytes.
const MAX_NAME_BYTES: usize = 64;

fn check_name(what: &'static str, text: &str) -> Result<(), InvalidName> {
    let first_is_fine = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest_is_fine = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if first_is_fine && rest_is_fine && text.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(InvalidName { what, text: text.to_owned() })
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the name if it is 1 to 64 letters, digits, `-` or `_`, beginning with a
            /// letter or digit.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
                let name = name.into();
                check_name($what, &name)?;
                Ok(Self(name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }
        as_text!($name);
    };
}

macro_rules! as_text {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

checked_name!(
    /// On whose behalf instances run, for example one cluster; instances of others are left alone.
    Owner,
    "owner"
);
checked_name!(
    /// The caller's id of one intended change; repeating it must not have its effect twice.
    OperationId,
    "operation id"
);
checked_name!(
    /// The name of an instance, unique within its owner, for example `shard-2`.
    InstanceName,
    "instance name"
);

/// Names one instance of one provisioner, across owners. Callers keep it and hand it back; they
/// do not take it apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);

as_text!(InstanceId);

impl InstanceId {
    /// The id that was kept as text. Parts are separated by `.`, each as strict as a name, so
    /// that an id that came from outside cannot lead out of a folder.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidName> {
        let id = id.into();
        if id.len() > 2 * MAX_NAME_BYTES + 1 || id.split('.').any(|part| check_name("", part).is_err()) {
            return Err(InvalidName { what: "instance id", text: id });
        }
        Ok(Self(id))
    }

    /// The id of the one instance that may have this name.
    pub(crate) fn of(owner: &Owner, name: &InstanceName) -> Self {
        Self(format!("{owner}.{name}"))
    }
}

impl FromStr for InstanceId {
    type Err = InvalidName;

    fn from_str(id: &str) -> Result<Self, InvalidName> {
        Self::new(id)
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InvalidName;

    fn try_from(id: String) -> Result<Self, InvalidName> {
        Self::new(id)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceSpec {
    pub owner: Owner,
    pub name: InstanceName,
    /// The database that must exist once the instance is ready.
    pub database: String,
    pub limits: Limits,
}

/// How much an instance may use; `None` is as much as the machine has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub cpu_cores: Option<f64>,
    pub memory_bytes: Option<u64>,
}

/// One database server with its data, as it is at the moment of asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub id: InstanceId,
    pub owner: Owner,
    /// The operation that created it.
    pub operation: OperationId,
    pub name: InstanceName,
    pub state: InstanceState,
    /// Where it is, or will be again, reached; `None` before that is settled.
    pub address: Option<Address>,
    pub login: Login,
    pub database: String,
    pub limits: Limits,
    /// As the server itself says it, for example `10.11.19-MariaDB`; known while it is ready, and longer where it is
    /// on record.
    pub server_version: Option<String>,
    /// The server's process on this machine, where there is one.
    pub pid: Option<u32>,
}

/// ```text
///  create ─▶ Creating ─▶ Starting ─▶ Ready ─▶ Stopping ─▶ Stopped
///                           ▲          │ crash               │
///                           │          ▼                     │
///                           ├────── Failed                   │
///                           └──────── start ─────────────────┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// Half-made: `create` with its operation finishes it, `destroy` removes it.
    Creating,
    /// The server runs and does not answer yet.
    Starting,
    /// A login over TCP works.
    Ready,
    /// It was told to stop and still runs.
    Stopping,
    /// It was told to stop and did.
    Stopped,
    /// It should run and does not.
    Failed,
}

impl InstanceState {
    pub fn as_str(self) -> &'static str {
        match self {
            InstanceState::Creating => "creating",
            InstanceState::Starting => "starting",
            InstanceState::Ready => "ready",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
            InstanceState::Failed => "failed",
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

/// Text that must not reach logs: `Debug` and `Display` print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What happens to the data of an instance that is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFate {
    /// Set aside where the provisioner's documentation says; it is not found by `list` any more.
    Keep,
    Remove,
}

/// What an instance uses; `None` is what this provisioner cannot tell, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// CPU time since the server started, over all cores.
    pub cpu_seconds: Option<f64>,
    pub resident_memory_bytes: Option<u64>,
    pub cpu_limit_cores: Option<f64>,
    pub memory_limit_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    /// The size of the whole file system that holds the data.
    pub disk_capacity_bytes: Option<u64>,
    /// What may still be written there.
    pub disk_available_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionerInfo {
    /// As configuration names it, for example `process`.
    pub kind: &'static str,
    pub capabilities: Capabilities,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether [`Limits::cpu_cores`] holds an instance back, or is a number to compare with only.
    pub enforces_cpu: bool,
    /// The same for [`Limits::memory_bytes`].
    pub enforces_memory: bool,
    /// Whether there is a server that answers SQL.
    pub runs_servers: bool,
    /// Whether `stop` and `start` act on the server, and `usage` sees its process. Somebody else's
    /// server goes on as it is.
    pub controls_servers: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_a_command_line_are_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "-x", "_x", "a.b", "é", "a\0", &"x".repeat(65)] {
            assert!(InstanceName::new(bad).is_err(), "{bad:?}");
            assert!(Owner::new(bad).is_err(), "{bad:?}");
            assert!(OperationId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["shard-2", "a", "7", "A_b-C", &"x".repeat(64)] {
            assert!(InstanceName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn an_instance_id_is_names_joined_by_dots() {
        for bad in ["", ".", "..", "a..b", "a/../b", ".a", "a.", "a.-b"] {
            assert!(InstanceId::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(InstanceId::new("demo.shard-2").unwrap().as_str(), "demo.shard-2");
    }

    #[test]
    fn a_name_in_json_is_checked_too() {
        assert!(serde_json::from_str::<Owner>("\"../etc\"").is_err());
        assert!(serde_json::from_str::<InstanceId>("\"demo.shard-1\"").is_ok());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let login = Login { user: "autoscaler".into(), password: Secret::new("hunter2") };
        assert!(!format!("{login:?} {}", login.password).contains("hunter2"));
        assert_eq!(login.password.expose(), "hunter2");
    }

    #[test]
    fn an_ipv6_address_is_bracketed() {
        let address = |host: &str| Address { host: host.into(), port: 3306 };
        assert_eq!(address("::1").to_string(), "[::1]:3306");
        assert_eq!(address("127.0.0.1").to_string(), "127.0.0.1:3306");
    }
}
