//! Running database instances: create, find again, stop, start, destroy, measure.
//!
//! A [`Provisioner`] is one way of running MySQL or MariaDB servers. This crate speaks of
//! *instances* only: what is stored in them, and which of them belong together, is the caller's
//! business. Timeouts over whole operations, retries, backoff, metrics and dry runs are the
//! caller's as well, so that every backend behaves alike in them.
//!
//! [`ProcessProvisioner`] runs servers as child processes of this machine, [`DockerProvisioner`] as
//! containers, [`PoolProvisioner`] hands out servers that somebody prepared, and [`MemoryProvisioner`]
//! runs nothing: it is the smallest example, and what tests use.

#[cfg(feature = "conformance")]
pub mod conformance;
mod disk;
mod docker;
mod error;
mod files;
mod instance;
mod memory;
mod pool;
mod ports;
mod process;
mod sql_server;

use async_trait::async_trait;

pub use docker::{DockerConfig, DockerOptions, DockerProvisioner, EngineConfig, PullPolicy, Restart, TlsFiles};
pub use error::{ErrorClass, ProvisionError};
pub use instance::{
    Address, Capabilities, DataFate, Instance, InstanceId, InstanceName, InstanceSpec, InstanceState, InvalidName,
    Limits, Login, OperationId, Owner, ProvisionerInfo, Secret, Usage,
};
pub use memory::{Call, Fault, MemoryProvisioner};
pub use pool::{PoolConfig, PoolProvisioner, PoolServer};
pub use process::{ProcessConfig, ProcessProvisioner, Program, ProgramCommand, find_program};

/// A way of running database instances for one owner.
///
/// Every method may be called again after a crash at any point of an earlier call: what was begun
/// is on record before it has an effect, and a repeated call finishes it. A future that is dropped
/// half-way leaves the same state as a crash.
#[async_trait]
pub trait Provisioner: Send + Sync {
    /// What this provisioner is and what it can do.
    fn info(&self) -> ProvisionerInfo;

    /// Tells whether `create` could work now, and changes nothing that matters.
    ///
    /// It is for the moment before anything irreversible is begun. To resume a `create` that was
    /// interrupted, call `create` again: its own half-made instance takes the name here.
    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError>;

    /// Creates an instance and returns when it is ready: a real SQL login over TCP works on the
    /// address it returns, and the database of the spec exists.
    ///
    /// Idempotent on `operation`: the same operation again returns the same instance, finishes it
    /// where it was left half-made and starts it where it is stopped. Another operation with a
    /// name that is taken is a [`ErrorClass::Conflict`].
    async fn create(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<Instance, ProvisionError>;

    /// The instance as it is now.
    async fn inspect(&self, id: &InstanceId) -> Result<Instance, ProvisionError>;

    /// Every instance of `owner` in any state, also half-made and failed ones, ordered by name.
    async fn list(&self, owner: &Owner) -> Result<Vec<Instance>, ProvisionError>;

    /// Starts a stopped or crashed instance with the data it had and returns when it is ready.
    /// One that runs already is returned as it is.
    async fn start(&self, id: &InstanceId) -> Result<Instance, ProvisionError>;

    /// Stops an instance gracefully and keeps its data. One that is stopped already is fine.
    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError>;

    /// Stops an instance and forgets it; its data is removed or kept aside as `data` says.
    ///
    /// A missing instance is fine, since that is what was wanted. One of another owner is refused
    /// as [`ProvisionError::Foreign`].
    async fn destroy(&self, operation: &OperationId, id: &InstanceId, data: DataFate) -> Result<(), ProvisionError>;

    /// What an instance uses, and of how much. Of one that does not run CPU and memory are
    /// unknown.
    async fn usage(&self, id: &InstanceId) -> Result<Usage, ProvisionError>;
}

fn check_database(spec: &InstanceSpec) -> Result<(), ProvisionError> {
    if sql_server::is_usable_database(&spec.database) {
        return Ok(());
    }
    Err(ProvisionError::BadDatabase { database: spec.database.clone() })
}
