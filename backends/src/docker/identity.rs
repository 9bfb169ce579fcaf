//! What containers and volumes carry to be known again: their names and labels.
//!
//! ```text
//!   container OWNER.NAME.creating   half-made: create with its operation finishes or repeats it
//!   container OWNER.NAME            complete
//!   volume    OWNER.NAME.RANDOM     the data; it outlives its container
//!   volume    ….kept                a mark beside a volume: destroyed, its data to be kept
//! ```
//!
//! A volume without a container is an instance whose container somebody removed, as `docker compose down` does.

use std::collections::HashMap;

use crate::{InstanceId, InstanceName, InstanceSpec, Limits, OperationId, Owner};

pub(super) const OWNER: &str = "org.sql-autoscaler.owner";
pub(super) const INSTANCE: &str = "org.sql-autoscaler.instance";
const OPERATION: &str = "org.sql-autoscaler.operation";
const NAME: &str = "org.sql-autoscaler.name";
const DATABASE: &str = "org.sql-autoscaler.database";
const CPU_CORES: &str = "org.sql-autoscaler.cpu-cores";
const MEMORY_BYTES: &str = "org.sql-autoscaler.memory-bytes";
const VOLUME: &str = "org.sql-autoscaler.volume";
const PORT: &str = "org.sql-autoscaler.port";
/// The owner whose template a container lays out; such a container is no instance.
pub(super) const TEMPLATE_OF: &str = "org.sql-autoscaler.template-of";

const CREATING: &str = ".creating";
const KEPT: &str = ".kept";

pub(super) type Labels = HashMap<String, String>;

/// What was asked for when an instance was created.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Identity {
    pub(super) owner: Owner,
    pub(super) operation: OperationId,
    pub(super) name: InstanceName,
    pub(super) database: String,
    pub(super) limits: Limits,
    /// Where its data lies. Never the name of an earlier one, whose data may be kept.
    pub(super) volume: String,
}

impl Identity {
    /// Of an instance that is to be made.
    pub(super) fn new(operation: &OperationId, spec: &InstanceSpec) -> Self {
        Self {
            volume: format!("{}.{:08x}", InstanceId::of(&spec.owner, &spec.name), rand::random::<u32>()),
            owner: spec.owner.clone(),
            operation: operation.clone(),
            name: spec.name.clone(),
            database: spec.database.clone(),
            limits: spec.limits,
        }
    }

    /// Also the name of the complete container, and how it is called on a network.
    pub(super) fn id(&self) -> InstanceId {
        InstanceId::of(&self.owner, &self.name)
    }

    pub(super) fn labels(&self) -> Labels {
        let mut labels = Labels::from([
            (OWNER.to_owned(), self.owner.to_string()),
            (INSTANCE.to_owned(), self.id().to_string()),
            (OPERATION.to_owned(), self.operation.to_string()),
            (NAME.to_owned(), self.name.to_string()),
            (DATABASE.to_owned(), self.database.clone()),
            (VOLUME.to_owned(), self.volume.clone()),
        ]);
        if let Some(cores) = self.limits.cpu_cores {
            labels.insert(CPU_CORES.to_owned(), cores.to_string());
        }
        if let Some(bytes) = self.limits.memory_bytes {
            labels.insert(MEMORY_BYTES.to_owned(), bytes.to_string());
        }
        labels
    }

    /// `None`: not an instance of ours.
    pub(super) fn from_labels(labels: &Labels) -> Option<Self> {
        let get = |key: &str| labels.get(key);
        let limits = Limits {
            cpu_cores: get(CPU_CORES).map(|text| text.parse()).transpose().ok()?,
            memory_bytes: get(MEMORY_BYTES).map(|text| text.parse()).transpose().ok()?,
        };
        let identity = Self {
            owner: get(OWNER)?.parse().ok()?,
            operation: get(OPERATION)?.parse().ok()?,
            name: get(NAME)?.parse().ok()?,
            database: get(DATABASE)?.clone(),
            limits,
            volume: get(VOLUME)?.clone(),
        };
        (get(INSTANCE)? == identity.id().as_str()).then_some(identity)
    }

    pub(super) fn is_of_spec(&self, spec: &InstanceSpec) -> bool {
        self.name == spec.name && self.database == spec.database && self.limits == spec.limits
    }
}

/// The port of the host that a container is published on, which its labels keep over restarts.
pub(super) fn published_port(labels: &Labels) -> Option<u16> {
    labels.get(PORT)?.parse().ok()
}

pub(super) fn label_port(labels: &mut Labels, port: u16) {
    labels.insert(PORT.to_owned(), port.to_string());
}

pub(super) fn half_made_name(id: &InstanceId) -> String {
    format!("{id}{CREATING}")
}

/// The volume whose being there says that another one's data is to be kept.
pub(super) fn kept_mark(volume: &str) -> String {
    format!("{volume}{KEPT}")
}

pub(super) fn marked_as_kept(mark: &str) -> Option<&str> {
    mark.strip_suffix(KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_labels() {
        let identity = Identity {
            owner: "demo".parse().unwrap(),
            operation: "op-1".parse().unwrap(),
            name: "shard-2".parse().unwrap(),
            database: "app".to_owned(),
            limits: Limits { cpu_cores: Some(0.1), memory_bytes: Some(1 << 40) },
            volume: "demo.shard-2.00c0ffee".to_owned(),
        };
        assert_eq!(Identity::from_labels(&identity.labels()), Some(identity.clone()));
        let unlimited = Identity { limits: Limits::default(), ..identity };
        assert_eq!(Identity::from_labels(&unlimited.labels()), Some(unlimited));
    }

    #[test]
    fn labels_that_we_did_not_write_are_not_ours() {
        assert_eq!(Identity::from_labels(&Labels::new()), None);
        let forged = Labels::from([
            (OWNER.to_owned(), "demo".to_owned()),
            (INSTANCE.to_owned(), "demo.other".to_owned()),
            (OPERATION.to_owned(), "op".to_owned()),
            (NAME.to_owned(), "shard-2".to_owned()),
            (DATABASE.to_owned(), "app".to_owned()),
            (VOLUME.to_owned(), "demo.shard-2.00c0ffee".to_owned()),
        ]);
        assert_eq!(Identity::from_labels(&forged), None);
    }
}
