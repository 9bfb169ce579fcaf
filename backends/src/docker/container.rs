//! What a container is made of, and what the engine says about one that is there.

use std::collections::HashMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum, EndpointSettings, HostConfig,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkingConfig,
    PortBinding, RestartPolicy, RestartPolicyNameEnum,
};

use super::identity::{self, Identity, Labels};
use super::options::DockerOptions;
use crate::sql_server::Flavor;
use crate::{InstanceId, Limits, Secret};

pub(super) const DATA_FOLDER: &str = "/var/lib/mysql";
pub(super) const SERVER_PORT: u16 = 3306;
const EXPOSED: &str = "3306/tcp";

/// What the entrypoints of the official images need: they hand the data to the server's user and become it.
const CAPABILITIES: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];
/// Far above the threads of a server with 500 connections, far below what harms the host.
const MOST_PROCESSES: i64 = 4096;

/// A container to be made.
pub(super) struct Shape<'a> {
    pub(super) options: &'a DockerOptions,
    pub(super) flavor: Flavor,
    pub(super) labels: Labels,
    pub(super) limits: Limits,
    /// How others on its network call it.
    pub(super) alias: &'a str,
    /// Where it is published, unless it is reached by its network.
    pub(super) published: Option<(IpAddr, u16)>,
    /// The volume of the data and its labels; `None`: one without a name that goes with the container.
    pub(super) volume: Option<(String, Labels)>,
    /// For the image to make the data folder with, where it is empty.
    pub(super) root_password: Option<&'a Secret>,
    /// Before the operator's own.
    pub(super) args: Vec<String>,
}

impl Shape<'_> {
    pub(super) fn into_body(self) -> ContainerCreateBody {
        let options = self.options;
        let mut labels: Labels = options.labels.clone().into_iter().collect();
        labels.extend(self.labels.clone());
        if let Some((_, port)) = self.published {
            identity::label_port(&mut labels, port);
        }
        let endpoints = options.network.iter().map(|network| {
            let settings = EndpointSettings { aliases: Some(vec![self.alias.to_owned()]), ..Default::default() };
            (network.clone(), settings)
        });
        ContainerCreateBody {
            image: Some(options.image.clone()),
            labels: Some(labels),
            cmd: Some(self.command_line()),
            env: self.root_password.map(|password| environment(self.flavor, password)),
            exposed_ports: Some(vec![EXPOSED.to_owned()]),
            host_config: Some(self.host_config()),
            networking_config: Some(NetworkingConfig { endpoints_config: Some(endpoints.collect()) }),
            ..Default::default()
        }
    }

    fn host_config(&self) -> HostConfig {
        let memory = self.limits.memory_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        HostConfig {
            mounts: Some(vec![self.data_mount()]),
            port_bindings: Some(self.port_bindings()),
            network_mode: self.options.network.clone(),
            memory,
            // Equal to the memory, else the engine adds as much swap again.
            memory_swap: memory,
            // Rounded: a float like 0.1 must not become 99999999.
            nano_cpus: self.limits.cpu_cores.map(|cores| (cores * 1e9).round() as i64),
            pids_limit: Some(MOST_PROCESSES),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            // None before it is complete: what fails while it is made must not be started again and again.
            restart_policy: Some(restart_policy(RestartPolicyNameEnum::NO)),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "10m".to_owned()),
                    ("max-file".to_owned(), "3".to_owned()),
                ])),
            }),
            ..Default::default()
        }
    }

    fn data_mount(&self) -> Mount {
        let options = self.options;
        let driver_config = (options.volume_driver.is_some() || !options.volume_options.is_empty()).then(|| {
            MountVolumeOptionsDriverConfig {
                name: options.volume_driver.clone(),
                options: Some(options.volume_options.clone().into_iter().collect()),
            }
        });
        let (source, labels) = self.volume.clone().unzip();
        Mount {
            target: Some(DATA_FOLDER.to_owned()),
            source,
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions { labels, driver_config, ..Default::default() }),
            ..Default::default()
        }
    }

    fn port_bindings(&self) -> HashMap<String, Option<Vec<PortBinding>>> {
        let binding = self.published.map(|(address, port)| {
            let binding = PortBinding { host_ip: Some(address.to_string()), host_port: Some(port.to_string()) };
            (EXPOSED.to_owned(), Some(vec![binding]))
        });
        binding.into_iter().collect()
    }

    /// The server's arguments, the operator's last.
    fn command_line(&self) -> Vec<String> {
        let mut args = self.flavor.tuning(self.limits);
        if self.flavor == Flavor::MariaDb && self.root_password.is_none() {
            // Its keys, made anew at each start, cost a second of every start. Not where the image is to fill the
            // data folder: its own client insists on TLS.
            args.push("--skip-ssl".to_owned());
        }
        args.extend_from_slice(&self.args);
        args.extend_from_slice(&self.options.extra_args);
        args
    }
}

fn environment(flavor: Flavor, root_password: &Secret) -> Vec<String> {
    let prefix = match flavor {
        Flavor::MariaDb => "MARIADB",
        Flavor::MySql => "MYSQL",
    };
    vec![
        format!("{prefix}_ROOT_PASSWORD={}", root_password.expose()),
        // Seconds saved; sessions run in UTC, which needs no tables.
        format!("{prefix}_INITDB_SKIP_TZINFO=1"),
    ]
}

pub(super) fn restart_policy(name: RestartPolicyNameEnum) -> RestartPolicy {
    RestartPolicy { name: Some(name), maximum_retry_count: None }
}

/// A container of ours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) identity: Identity,
    pub(super) published_port: Option<u16>,
    pub(super) is_half_made: bool,
    pub(super) status: ContainerStateStatusEnum,
    /// Whether it is to run, which its restart policy says: `stop` takes that away.
    pub(super) is_wanted: bool,
    pub(super) was_out_of_memory: bool,
}

impl Container {
    /// `None`: it is not an instance of ours.
    pub(super) fn read(inspected: &ContainerInspectResponse) -> Option<Self> {
        let name = inspected.name.as_deref()?.trim_start_matches('/').to_owned();
        let labels = inspected.config.as_ref()?.labels.as_ref()?;
        let identity = Identity::from_labels(labels)?;
        let is_half_made = name == identity::half_made_name(&identity.id());
        if !is_half_made && name != identity.id().as_str() {
            // Renamed by somebody, and so not where we look.
            return None;
        }
        let state = inspected.state.as_ref();
        let policy = inspected.host_config.as_ref().and_then(|host| host.restart_policy.as_ref()?.name);
        Some(Self {
            published_port: identity::published_port(labels),
            is_half_made,
            status: state.and_then(|state| state.status).unwrap_or(ContainerStateStatusEnum::EMPTY),
            is_wanted: !matches!(policy, None | Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY)),
            was_out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false),
            name,
            identity,
        })
    }

    pub(super) fn id(&self) -> InstanceId {
        self.identity.id()
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.status, ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            owner: "demo".parse().unwrap(),
            operation: "op-1".parse().unwrap(),
            name: "shard-2".parse().unwrap(),
            database: "app".to_owned(),
            limits: Limits { cpu_cores: Some(0.1), memory_bytes: Some(512 << 20) },
            volume: "demo.shard-2.00c0ffee".to_owned(),
        }
    }

    fn body(network: Option<&str>) -> serde_json::Value {
        let options = DockerOptions { network: network.map(str::to_owned), ..DockerOptions::default() };
        let identity = identity();
        let shape = Shape {
            options: &options,
            flavor: Flavor::MariaDb,
            labels: identity.labels(),
            limits: identity.limits,
            alias: "demo.shard-2",
            published: network.is_none().then_some(([127, 0, 0, 1].into(), 20_001)),
            volume: Some((identity.volume.clone(), identity.labels())),
            root_password: None,
            args: Vec::new(),
        };
        serde_json::to_value(shape.into_body()).unwrap()
    }

    #[test]
    fn a_container_gets_no_more_than_a_server_needs() {
        let body = body(None);
        let host = &body["HostConfig"];
        assert_eq!(host["NanoCpus"], 100_000_000);
        assert_eq!(host["Memory"], host["MemorySwap"]);
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
        assert_eq!(host["PortBindings"]["3306/tcp"][0]["HostIp"], "127.0.0.1");
        assert_eq!(host["Mounts"][0]["Source"], "demo.shard-2.00c0ffee");
        for never in ["Binds", "Privileged", "Devices", "PidMode"] {
            assert!(host.get(never).is_none(), "{never}");
        }
        // Whoever may look at containers would read it.
        assert!(!body.to_string().contains("PASSWORD"), "{body}");
    }

    #[test]
    fn on_a_network_it_is_called_by_its_id_and_not_published() {
        let body = body(Some("shards"));
        assert_eq!(body["HostConfig"]["PortBindings"], serde_json::json!({}));
        assert_eq!(body["NetworkingConfig"]["EndpointsConfig"]["shards"]["Aliases"][0], "demo.shard-2");
    }

    #[test]
    fn a_container_is_read_back() {
        let json = serde_json::json!({
            "Name": "/demo.shard-2.creating",
            "Config": { "Labels": identity().labels() },
            "State": { "Status": "exited", "OOMKilled": true },
            "HostConfig": { "RestartPolicy": { "Name": "no" } },
        });
        let container = Container::read(&serde_json::from_value(json).unwrap()).unwrap();
        assert!(container.is_half_made && container.was_out_of_memory && !container.is_wanted);
        assert!(!container.is_running());
        let stranger = serde_json::json!({ "Name": "/demo.shard-2", "Config": { "Labels": {} } });
        assert_eq!(Container::read(&serde_json::from_value(stranger).unwrap()), None);
    }
}
