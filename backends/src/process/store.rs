//! Where instances lie on the disk, and what is on record about each.
//!
//! ```text
//! DIRECTORY/locks/ID.lock                     one call at a time about one instance
//!           template/PROGRAM-VERSION/         the empty data folder
//!           instances/ID/instance.json        the record: written before each side effect
//!                        server.program.json  the running server
//!                        server.log
//!                        data/  tmp/
//!           kept/ID.OPERATION/                destroyed, with its data to keep
//!           trash/ID.OPERATION/               destroyed, on its way out
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::loopback::HOST;
use crate::files::{self, Lock};
use crate::{
    Address, DataFate, InstanceId, InstanceName, InstanceSpec, Limits, Login, OperationId, Owner, ProvisionError,
    Secret,
};

/// Longer than one call about an instance takes, so that a second `create` of the same operation
/// waits for the first instead of failing.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct InstanceRecord {
    pub(super) id: InstanceId,
    pub(super) owner: Owner,
    pub(super) operation: OperationId,
    pub(super) name: InstanceName,
    pub(super) database: String,
    pub(super) limits: Limits,
    pub(super) user: String,
    #[serde(with = "exposed")]
    pub(super) password: Secret,
    /// Kept for the instance also while it is stopped.
    pub(super) port: u16,
    pub(super) phase: Phase,
    pub(super) wanted: Wanted,
    pub(super) server_version: Option<String>,
}

/// How far `create` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// The data folder is being copied; what is there of it is worth nothing.
    Copying,
    /// The data folder is whole; accounts and database may not be there yet.
    Initialising,
    Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wanted {
    Running,
    Stopped,
}

impl InstanceRecord {
    pub(super) fn address(&self) -> Address {
        Address { host: HOST.to_owned(), port: self.port }
    }

    pub(super) fn login(&self) -> Login {
        Login { user: self.user.clone(), password: self.password.clone() }
    }

    pub(super) fn is_of_spec(&self, spec: &InstanceSpec) -> bool {
        self.name == spec.name && self.database == spec.database && self.limits == spec.limits
    }
}

/// Secrets do not serialise by themselves; the record, which only we can read, is the exception.
mod exposed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(super) fn open(directory: &Path) -> Result<Self, ProvisionError> {
        let absolute = std::path::absolute(directory).map_err(ProvisionError::io("find the folder", directory))?;
        if absolute.to_str().is_none() {
            let not_text =
                std::io::Error::new(std::io::ErrorKind::InvalidInput, "its path is not UTF-8 and cannot be on record");
            return Err(ProvisionError::io("use the folder", absolute)(not_text));
        }
        let store = Self { directory: absolute };
        for part in ["locks", "template", "instances", "kept", "trash"] {
            files::create_private_dir(&store.directory.join(part))?;
        }
        Ok(store)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn templates(&self) -> PathBuf {
        self.directory.join("template")
    }

    pub(super) fn instance(&self, id: &InstanceId) -> InstanceFolder {
        InstanceFolder(self.directory.join("instances").join(id.as_str()))
    }

    /// Held while something about the instance is changed. Lock files stay for ever, since one
    /// that is removed while somebody waits for it locks nothing.
    pub(super) async fn lock(&self, id: &InstanceId) -> Result<Lock, ProvisionError> {
        Lock::take(self.directory.join("locks").join(format!("{id}.lock")), LOCK_PATIENCE).await
    }

    /// Every instance with a record. A folder without one was left by a crash before anything
    /// was in it.
    pub(super) fn records(&self) -> Result<Vec<InstanceRecord>, ProvisionError> {
        let mut records = Vec::new();
        for name in files::entries(&self.directory.join("instances"))? {
            if let Ok(id) = InstanceId::new(name) {
                records.extend(self.instance(&id).read()?);
            }
        }
        Ok(records)
    }

    /// Takes a stopped instance out of sight in one step.
    pub(super) fn discard(
        &self,
        id: &InstanceId,
        operation: &OperationId,
        data: DataFate,
    ) -> Result<(), ProvisionError> {
        let fate = match data {
            DataFate::Keep => "kept",
            DataFate::Remove => "trash",
        };
        let target = self.directory.join(fate).join(format!("{id}.{operation}"));
        files::rename(&self.instance(id).0, &target)
    }

    /// Removes what was discarded, also by a call that was killed over it.
    pub(super) async fn empty_trash(&self) -> Result<(), ProvisionError> {
        let trash = self.directory.join("trash");
        let emptied = tokio::task::spawn_blocking(move || {
            files::entries(&trash)?.iter().try_for_each(|name| files::remove(&trash.join(name)))
        });
        emptied.await.expect("removing files does not panic")
    }
}

/// The folder of one instance.
#[derive(Debug, Clone)]
pub(super) struct InstanceFolder(PathBuf);

impl InstanceFolder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    pub(super) fn init_file(&self) -> PathBuf {
        self.0.join("init.sql")
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.0.join("server.log")
    }

    pub(super) fn read(&self) -> Result<Option<InstanceRecord>, ProvisionError> {
        files::read_record(&self.record_path())
    }

    pub(super) fn write(&self, record: &InstanceRecord) -> Result<(), ProvisionError> {
        files::create_private_dir(&self.0)?;
        files::write_record(&self.record_path(), record)
    }

    /// Fills the data folder from the template, afresh if an earlier copy was cut short.
    ///
    /// The copy goes on when this future is dropped, so it holds the instance's lock itself.
    pub(super) async fn copy_data(&self, template: PathBuf, lock: Lock) -> Result<(), ProvisionError> {
        let (data, unfinished) = (self.data(), self.0.join("data.new"));
        let copied = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            files::remove(&data)?;
            files::remove(&unfinished)?;
            files::copy_tree(&template, &unfinished)?;
            files::rename(&unfinished, &data)
        });
        copied.await.expect("copying files does not panic")
    }

    fn record_path(&self) -> PathBuf {
        self.0.join("instance.json")
    }
}
