//! What an operator may choose about containers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::engine::EngineConfig;
use super::image::PullPolicy;
use crate::{InstanceName, ports};

/// What an operator may choose.
#[derive(Debug, Clone, PartialEq)]
pub struct DockerOptions {
    /// At least one.
    pub engines: Vec<EngineConfig>,
    /// An official `mariadb` or `mysql` image, or one that behaves alike.
    pub image: String,
    pub pull: PullPolicy,
    /// A network that containers join and are reached on by name, instead of being published.
    pub network: Option<String>,
    /// Further labels for the containers.
    pub labels: BTreeMap<String, String>,
    /// Labels that an engine must have.
    pub placement: BTreeMap<String, String>,
    pub restart: Restart,
    /// Whether new servers get a filled data folder; else the image fills it, which takes seconds.
    pub use_template: bool,
    /// Put at the end of each server's command line.
    pub extra_args: Vec<String>,
    /// Ports to publish on.
    pub ports: RangeInclusive<u16>,
    pub volume_driver: Option<String>,
    pub volume_options: BTreeMap<String, String>,
    /// The room that each volume has, where the engine's disk is not to be taken for it.
    pub disk_bytes: Option<u64>,
    /// Containers of somebody else that serve as instances: `usage` measures them, and nothing else touches them.
    pub measured: BTreeMap<InstanceName, String>,
    /// How long a server may take until a login works.
    pub start_timeout: Duration,
    /// How long a server may take to stop before it is killed.
    pub stop_grace: Duration,
}

impl Default for DockerOptions {
    fn default() -> Self {
        Self {
            engines: vec![EngineConfig::default()],
            image: "mariadb:11.8".to_owned(),
            pull: PullPolicy::default(),
            network: None,
            labels: BTreeMap::new(),
            placement: BTreeMap::new(),
            restart: Restart::default(),
            use_template: true,
            extra_args: Vec::new(),
            ports: ports::DEFAULT_RANGE,
            volume_driver: None,
            volume_options: BTreeMap::new(),
            disk_bytes: None,
            measured: BTreeMap::new(),
            start_timeout: Duration::from_secs(120),
            stop_grace: Duration::from_secs(60),
        }
    }
}

/// What the engine does about a server that ended by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restart {
    /// Start it again, also when the engine itself was restarted.
    #[default]
    UnlessStopped,
    /// Start it again if it failed, and not when the engine was restarted.
    OnFailure,
}
