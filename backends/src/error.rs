//! What goes wrong in provisioning, and what kind of trouble it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::instance::{InstanceId, InstanceName, OperationId, Owner};

/// The kind of trouble, on which a caller's retries depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Not enough disk, memory or permitted instances: somebody must make room.
    Quota,
    /// The server program is missing or does not work.
    Program,
    /// No port could be had.
    Port,
    /// It did not become ready in time.
    Timeout,
    /// It runs and refuses our login.
    Auth,
    /// It exists already, or belongs to somebody else.
    Conflict,
    /// It may well work the next time.
    Transient,
    /// It will not work however often it is tried.
    Permanent,
}

impl ErrorClass {
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Quota => "quota",
            ErrorClass::Program => "program",
            ErrorClass::Port => "port",
            ErrorClass::Timeout => "timeout",
            ErrorClass::Auth => "auth",
            ErrorClass::Conflict => "conflict",
            ErrorClass::Transient => "transient",
            ErrorClass::Permanent => "permanent",
        }
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a library that only one module knows.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    #[error("no {names} found on PATH or in the sbin folders; install the Debian package {package}")]
    ProgramMissing { names: String, package: &'static str },

    #[error("{program} failed while {doing}{}", tail(.log_tail))]
    ProgramFailed { program: PathBuf, doing: &'static str, log_tail: String },

    #[error("the server of {id} stopped while starting{}", tail(.log_tail))]
    ServerStopped { id: InstanceId, class: ErrorClass, log_tail: String },

    #[error("{id} was not ready after {waited:?}{}", tail(.log_tail))]
    NotReady {
        id: InstanceId,
        waited: Duration,
        log_tail: String,
        #[source]
        source: Option<sqlx::Error>,
    },

    #[error("{id} refuses the login of its own record")]
    LoginRefused {
        id: InstanceId,
        #[source]
        source: sqlx::Error,
    },

    #[error("the server that answers for {id} is another one, with its data in {datadir}")]
    OtherServer { id: InstanceId, datadir: String },

    #[error("the name {name} is taken by the instance of operation {operation}")]
    NameTaken { name: InstanceName, operation: OperationId },

    #[error("operation {operation} created {id} from a different spec")]
    SpecChanged { id: InstanceId, operation: OperationId },

    #[error("{id} belongs to {owner}")]
    Foreign { id: InstanceId, owner: Owner },

    #[error("there is no instance {id}")]
    NotFound { id: InstanceId },

    #[error("{id} is half-made; repeat its create or destroy it")]
    HalfMade { id: InstanceId },

    #[error("another call held {} for {waited:?}", .path.display())]
    Busy { path: PathBuf, waited: Duration },

    #[error("pid {pid} of {what} did not end after SIGKILL")]
    WouldNotDie { what: String, pid: u32 },

    #[error("{what} runs already with pid {pid}")]
    AlreadyRunning { what: String, pid: u32 },

    #[error("no free port between {first} and {last}")]
    NoFreePort { first: u16, last: u16 },

    #[error("{free_bytes} bytes free in {}, {needed_bytes} needed", .path.display())]
    DiskFull { path: PathBuf, free_bytes: u64, needed_bytes: u64 },

    #[error("{database:?} cannot be used as a database name")]
    BadDatabase { database: String },

    #[error("cannot {doing} {}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the record {} cannot be read", .path.display())]
    BadRecord {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },

    #[error("no Docker engine answers at {engine}; {remedy}")]
    EngineUnreachable { engine: String, remedy: &'static str, source: BoxedError },

    #[error("the Docker engine at {engine} failed to {doing}")]
    Engine { engine: String, doing: String, class: ErrorClass, source: BoxedError },

    #[error("the Docker engine at {engine} speaks API {has}, and {needed} is needed (Docker 20.10 or newer)")]
    EngineTooOld { engine: String, has: String, needed: String },

    #[error("{engine:?} cannot be used as a Docker engine: {reason}")]
    BadEngine { engine: String, reason: String },

    #[error("no Docker engine fits: {reasons}")]
    NoEngineFits { reasons: String },

    #[error(
        "the image {image} is not on the engine at {engine}, and `pull` is \"never\"; load it there, or allow pulling"
    )]
    ImageMissing { image: String, engine: String },

    #[error("the image {image} could not be pulled to the engine at {engine}; look at its name, tag and registry")]
    PullFailed { image: String, engine: String, class: ErrorClass, source: BoxedError },

    #[error("the image {image} starts `{command}`, not mariadbd or mysqld; use an official mariadb or mysql image")]
    NoDatabaseImage { image: String, command: String },

    #[error("the container {name} on the engine at {engine} is not ours and is left alone; remove or rename it")]
    NameOfStranger { name: String, engine: String },

    #[error("there is no network {network} on the engine at {engine}; `docker network create {network}` makes it")]
    NetworkMissing { network: String, engine: String },

    #[error("the server of {id} was killed for using more than its memory limit{}", tail(.log_tail))]
    OutOfMemory { id: InstanceId, log_tail: String },

    #[error("no server of the pool is free: {reasons}")]
    PoolExhausted { reasons: String },

    #[error("the server {address} of the pool could not be used")]
    PoolServer {
        address: String,
        is_refusal: bool,
        #[source]
        source: sqlx::Error,
    },

    /// A failure that a test asked the in-memory provisioner for.
    #[error("injected failure of class {class}")]
    Injected { class: ErrorClass },
}

impl ProvisionError {
    pub fn class(&self) -> ErrorClass {
        match self {
            ProvisionError::ProgramMissing { .. } | ProvisionError::ProgramFailed { .. } => ErrorClass::Program,
            ProvisionError::ServerStopped { class, .. } | ProvisionError::Injected { class } => *class,
            ProvisionError::NotReady { .. } | ProvisionError::WouldNotDie { .. } => ErrorClass::Timeout,
            ProvisionError::LoginRefused { .. } => ErrorClass::Auth,
            ProvisionError::OtherServer { .. } | ProvisionError::NoFreePort { .. } => ErrorClass::Port,
            ProvisionError::NameTaken { .. }
            | ProvisionError::SpecChanged { .. }
            | ProvisionError::Foreign { .. }
            | ProvisionError::AlreadyRunning { .. } => ErrorClass::Conflict,
            ProvisionError::Busy { .. } => ErrorClass::Transient,
            ProvisionError::DiskFull { .. } => ErrorClass::Quota,
            ProvisionError::NotFound { .. }
            | ProvisionError::HalfMade { .. }
            | ProvisionError::BadDatabase { .. }
            | ProvisionError::BadRecord { .. } => ErrorClass::Permanent,
            ProvisionError::EngineUnreachable { .. } => ErrorClass::Transient,
            ProvisionError::Engine { class, .. } | ProvisionError::PullFailed { class, .. } => *class,
            ProvisionError::NameOfStranger { .. } => ErrorClass::Conflict,
            ProvisionError::PoolExhausted { .. } => ErrorClass::Quota,
            ProvisionError::PoolServer { is_refusal: true, .. } => ErrorClass::Auth,
            ProvisionError::PoolServer { .. } => ErrorClass::Transient,
            ProvisionError::NoEngineFits { .. } | ProvisionError::OutOfMemory { .. } => ErrorClass::Quota,
            ProvisionError::ImageMissing { .. } | ProvisionError::NoDatabaseImage { .. } => ErrorClass::Program,
            ProvisionError::EngineTooOld { .. }
            | ProvisionError::BadEngine { .. }
            | ProvisionError::NetworkMissing { .. } => ErrorClass::Permanent,
            ProvisionError::Io { source, .. } => class_of_io(source),
        }
    }

    /// For `map_err`: says which file could not be dealt with.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProvisionError {
        let path = path.into();
        move |source| ProvisionError::Io { doing, path, source }
    }
}

fn class_of_io(error: &io::Error) -> ErrorClass {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => ErrorClass::Quota,
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::InvalidInput => ErrorClass::Permanent,
        io::ErrorKind::AddrInUse => ErrorClass::Port,
        _ => ErrorClass::Transient,
    }
}

/// The end of a log belongs into the message: the file may be gone when the message is read.
fn tail(log_tail: &str) -> String {
    if log_tail.is_empty() { "; its log is empty".to_owned() } else { format!("; the end of its log:\n{log_tail}") }
}
