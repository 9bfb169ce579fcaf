//! Database servers as containers of Docker engines.
//!
//! What there is, is asked of the engines each time: containers and volumes carry labels that say whose they are
//! and what was asked for, see `identity`. Only objects with our owner's label are ever changed. The one thing
//! kept here is the secret that passwords are derived from, and the templates of data folders.
//!
//! No command is run inside a container and no folder of the host is used, so a proxy in front of the engine may
//! forbid both. Servers are reached by a port published on one address, or by their name on a network.

mod container;
mod engine;
mod identity;
mod image;
mod launch;
mod logs;
mod options;
mod placement;
mod secret;
mod template;
mod usage;
mod wait;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::{ContainerUpdateBody, RestartPolicyNameEnum, VolumeCreateRequest};
use bollard::query_parameters::{
    InspectNetworkOptions, ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions, StopContainerOptionsBuilder,
};
use container::{Container, SERVER_PORT};
use engine::{Engine, found};
pub use engine::{EngineConfig, TlsFiles};
use futures_util::future::join_all;
use identity::Identity;
pub use image::PullPolicy;
pub use options::{DockerOptions, Restart};
use placement::{Candidate, Needs};
use secret::MasterSecret;
use tokio::sync::OnceCell;

use crate::files::{self, Lock};
use crate::{
    Address, Capabilities, DataFate, Instance, InstanceId, InstanceSpec, InstanceState, Limits, Login, OperationId,
    Owner, ProvisionError, Provisioner, ProvisionerInfo, Usage, check_database, disk, ports, sql_server,
};

/// How and where containers run.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Only instances of this owner are created, started, stopped and destroyed.
    pub owner: Owner,
    /// Holds the secret, templates and locks. Made with mode 0700.
    pub directory: PathBuf,
    pub options: DockerOptions,
}

/// Runs official `mariadb` and `mysql` images.
#[derive(Debug)]
pub struct DockerProvisioner {
    config: DockerConfig,
    engines: Vec<Engine>,
    secret: OnceCell<MasterSecret>,
}

/// Longer than one call about an instance takes, so that a second `create` of the same operation waits for the
/// first instead of failing.
const LOCK_PATIENCE: Duration = Duration::from_secs(600);

/// What is there of an instance.
#[derive(Debug, Clone)]
enum Trace {
    Container(Container),
    /// The data alone.
    Volume(Identity),
}

impl Trace {
    fn identity(&self) -> &Identity {
        match self {
            Trace::Container(container) => &container.identity,
            Trace::Volume(identity) => identity,
        }
    }
}

impl DockerProvisioner {
    /// Makes the directory where it is missing, and connects to no engine yet.
    pub fn new(config: DockerConfig) -> Result<Self, ProvisionError> {
        for part in ["locks", "placement"] {
            files::create_private_dir(&config.directory.join(part))?;
        }
        // A stop is answered only when it is over.
        let timeout = config.options.stop_grace + Duration::from_secs(30);
        let engines =
            config.options.engines.iter().map(|engine| Engine::new(engine, timeout)).collect::<Result<_, _>>()?;
        Ok(Self { config, engines, secret: OnceCell::new() })
    }

    async fn secret(&self) -> Result<&MasterSecret, ProvisionError> {
        self.secret
            .get_or_try_init(|| async {
                let _lock = Lock::take(self.config.directory.join("locks/secret"), LOCK_PATIENCE).await?;
                MasterSecret::of(&self.config.directory)
            })
            .await
    }

    async fn lock(&self, id: &InstanceId) -> Result<Lock, ProvisionError> {
        Lock::take(self.config.directory.join("locks").join(format!("{id}.lock")), LOCK_PATIENCE).await
    }

    fn check_owner(&self, id: &InstanceId, owner: &Owner) -> Result<(), ProvisionError> {
        if *owner == self.config.owner {
            return Ok(());
        }
        Err(ProvisionError::Foreign { id: id.clone(), owner: owner.clone() })
    }

    async fn login(&self, identity: &Identity) -> Result<Login, ProvisionError> {
        let password = self.secret().await?.password(&identity.volume);
        Ok(Login { user: sql_server::USER.to_owned(), password })
    }

    /// Where a container is reached that is called `alias` on its network.
    fn address(&self, engine: &Engine, alias: &str, published_port: Option<u16>) -> Address {
        match published_port {
            Some(port) => Address { host: engine.publish_address.to_string(), port },
            None => Address { host: alias.to_owned(), port: SERVER_PORT },
        }
    }

    /// A free port to publish on, unless containers are reached by their network.
    async fn publish_on(&self, engine: &Engine) -> Result<Option<(IpAddr, u16)>, ProvisionError> {
        if self.config.options.network.is_some() {
            return Ok(None);
        }
        let mut taken = HashSet::new();
        for trace in self.traces(engine, None).await? {
            if let Trace::Container(container) = trace {
                taken.extend(container.published_port);
            }
        }
        let looks_here = engine.is_local().then_some(engine.publish_address);
        Ok(Some((engine.publish_address, ports::choose(&self.config.options.ports, &taken, looks_here)?)))
    }

    /// Every instance on an engine, or those of one owner: containers, and volumes whose container is gone.
    async fn traces(&self, engine: &Engine, owner: Option<&Owner>) -> Result<Vec<Trace>, ProvisionError> {
        let client = engine.client().await?;
        let label = owner.map_or(identity::OWNER.to_owned(), |owner| format!("{}={owner}", identity::OWNER));
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let listed = client.list_containers(Some(options)).await.map_err(engine.failed("list containers"))?;
        let names = listed.into_iter().filter_map(|container| container.id);
        let looks = names.map(|name| async move {
            // One that is removed meanwhile is not there.
            found(client.inspect_container(&name, None).await).map_err(engine.failed("look at a container"))
        });
        let mut traces = Vec::new();
        for look in join_all(looks).await {
            traces.extend(look?.as_ref().and_then(Container::read).map(Trace::Container));
        }
        let with_container: HashSet<InstanceId> = traces.iter().map(|trace| trace.identity().id()).collect();
        let volumes = self.volumes(engine, &label).await?;
        traces.extend(volumes.into_iter().filter(|v| !with_container.contains(&v.id())).map(Trace::Volume));
        Ok(traces)
    }

    /// The volumes with this label that are not marked as kept.
    async fn volumes(&self, engine: &Engine, label: &str) -> Result<Vec<Identity>, ProvisionError> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let listed = engine.client().await?.list_volumes(Some(options)).await;
        let volumes = listed.map_err(engine.failed("list volumes"))?.volumes.unwrap_or_default();
        let kept: HashSet<&str> = volumes.iter().filter_map(|v| identity::marked_as_kept(&v.name)).collect();
        let data = volumes.iter().filter(|v| !kept.contains(v.name.as_str()));
        let identities = data.filter_map(|v| Some((v, Identity::from_labels(&v.labels)?)));
        Ok(identities.filter(|(v, identity)| v.name == identity.volume).map(|(_, identity)| identity).collect())
    }

    /// What one engine has of an instance.
    async fn trace(&self, engine: &Engine, id: &InstanceId) -> Result<Option<Trace>, ProvisionError> {
        let client = engine.client().await?;
        for name in [id.to_string(), identity::half_made_name(id)] {
            let looked = found(client.inspect_container(&name, None).await);
            let inspected = looked.map_err(engine.failed("look at a container"))?;
            if let Some(container) = inspected.as_ref().and_then(Container::read).filter(|c| c.id() == *id) {
                return Ok(Some(Trace::Container(container)));
            }
        }
        let label = format!("{}={id}", identity::INSTANCE);
        Ok(self.volumes(engine, &label).await?.into_iter().next().map(Trace::Volume))
    }

    /// The engine that has something of an instance, and what. An engine that does not answer may have it, so
    /// "nowhere" needs an answer of them all.
    async fn locate(&self, id: &InstanceId) -> Result<Option<(&Engine, Trace)>, ProvisionError> {
        let looks = join_all(self.engines.iter().map(|engine| self.trace(engine, id))).await;
        let mut silent = None;
        for (engine, look) in self.engines.iter().zip(looks) {
            match look {
                Ok(Some(trace)) => return Ok(Some((engine, trace))),
                Ok(None) => {}
                Err(error) => silent = Some(error),
            }
        }
        silent.map_or(Ok(None), Err)
    }

    async fn located(&self, id: &InstanceId) -> Result<(&Engine, Trace), ProvisionError> {
        self.locate(id).await?.ok_or_else(|| ProvisionError::NotFound { id: id.clone() })
    }

    /// The same, if we may change it.
    async fn located_own(&self, id: &InstanceId) -> Result<(&Engine, Trace), ProvisionError> {
        let (engine, trace) = self.located(id).await?;
        self.check_owner(id, &trace.identity().owner)?;
        Ok((engine, trace))
    }

    async fn observe(&self, engine: &Engine, trace: &Trace) -> Result<Instance, ProvisionError> {
        let identity = trace.identity().clone();
        let login = self.login(&identity).await?;
        let mut server_version = None;
        let (state, address) = match trace {
            Trace::Volume(_) => (InstanceState::Failed, None),
            Trace::Container(container) => {
                let address = self.address(engine, identity.id().as_str(), container.published_port);
                let state = match (container.is_half_made, container.is_wanted, container.is_running()) {
                    (true, _, _) => InstanceState::Creating,
                    (false, true, true) => match sql_server::greet(&address, &login).await {
                        Ok(greeting) => {
                            server_version = Some(greeting.version);
                            InstanceState::Ready
                        }
                        Err(error) if sql_server::is_crowded(&error) => InstanceState::Ready,
                        Err(_) => InstanceState::Starting,
                    },
                    (false, true, false) => InstanceState::Failed,
                    (false, false, true) => InstanceState::Stopping,
                    (false, false, false) => InstanceState::Stopped,
                };
                (state, Some(address))
            }
        };
        Ok(Instance {
            id: identity.id(),
            owner: identity.owner,
            operation: identity.operation,
            name: identity.name,
            state,
            address,
            login,
            database: identity.database,
            limits: identity.limits,
            server_version,
            pid: None,
        })
    }

    /// Refuses names that are taken by what is not ours.
    async fn check_names(&self, engine: &Engine, identity: &Identity) -> Result<(), ProvisionError> {
        let client = engine.client().await?;
        for name in [identity.id().to_string(), identity::half_made_name(&identity.id())] {
            let looked = found(client.inspect_container(&name, None).await);
            let inspected = looked.map_err(engine.failed("look at a container"))?;
            if inspected.is_some_and(|inspected| Container::read(&inspected).is_none()) {
                return Err(ProvisionError::NameOfStranger { name, engine: engine.host.clone() });
            }
        }
        if let Some(network) = &self.config.options.network {
            let looked = found(client.inspect_network(network, None::<InspectNetworkOptions>).await);
            if looked.map_err(engine.failed("look at a network"))?.is_none() {
                let (network, engine) = (network.clone(), engine.host.clone());
                return Err(ProvisionError::NetworkMissing { network, engine });
            }
        }
        Ok(())
    }

    /// The engine for a new instance: the one where its operation began, else the best that answers.
    async fn place(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<&Engine, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        let record = self.config.directory.join("placement").join(format!("{id}.{operation}"));
        if let Some(host) = files::read_record::<String>(&record)?
            && let Some(engine) = self.engines.iter().find(|engine| engine.host == host)
        {
            return Ok(engine);
        }
        let chosen = self.choose_engine(spec).await?;
        if self.engines.len() > 1 {
            // On record before it has an effect: the same operation must not begin again elsewhere.
            files::write_record(&record, &chosen.host)?;
            tracing::info!(instance = %id, engine = chosen.host, "placed");
        }
        Ok(chosen)
    }

    /// The best engine that answers.
    async fn choose_engine(&self, spec: &InstanceSpec) -> Result<&Engine, ProvisionError> {
        let (candidates, engines) = self.candidates().await?;
        let needs = Needs {
            labels: self.config.options.placement.clone(),
            cores: spec.limits.cpu_cores,
            memory_bytes: spec.limits.memory_bytes,
        };
        let index = placement::choose(&candidates, &needs);
        Ok(engines[index.map_err(|reasons| ProvisionError::NoEngineFits { reasons })?])
    }

    /// The engines that answer, and what each has. One that does not answer gets nothing new.
    async fn candidates(&self) -> Result<(Vec<Candidate>, Vec<&Engine>), ProvisionError> {
        let looks = join_all(self.engines.iter().map(|engine| async move {
            let info = engine.client().await?.info().await.map_err(engine.failed("tell about itself"))?;
            let instances = self.traces(engine, Some(&self.config.owner)).await?.len();
            let own_labels = info.labels.unwrap_or_default();
            let split = own_labels.iter().filter_map(|label| label.split_once('='));
            let mut labels: BTreeMap<String, String> =
                split.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            labels.extend(engine.labels.clone());
            Ok(Candidate {
                host: engine.host.clone(),
                labels,
                cores: info.ncpu.unwrap_or_default() as f64,
                memory_bytes: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
                instances,
            })
        }))
        .await;
        let (mut candidates, mut engines, mut silent) = (Vec::new(), Vec::new(), None);
        for (engine, look) in self.engines.iter().zip(looks) {
            match look {
                Ok(candidate) => {
                    candidates.push(candidate);
                    engines.push(engine);
                }
                Err(error) => {
                    tracing::warn!(engine = engine.host, %error, "an engine gets nothing new");
                    silent = Some(error);
                }
            }
        }
        match silent {
            Some(error) if engines.is_empty() => Err(error),
            _ => Ok((candidates, engines)),
        }
    }

    /// An earlier trace for `create`. An engine that does not answer matters only if the operation began there.
    async fn trace_for_create(
        &self,
        operation: &OperationId,
        id: &InstanceId,
    ) -> Result<Option<(&Engine, Trace)>, ProvisionError> {
        match self.locate(id).await {
            Err(error) if self.engines.len() > 1 => {
                let record = self.config.directory.join("placement").join(format!("{id}.{operation}"));
                let began = files::read_record::<String>(&record)?;
                let engine = began.and_then(|host| self.engines.iter().find(|engine| engine.host == host));
                match engine {
                    Some(engine) => Ok(self.trace(engine, id).await?.map(|trace| (engine, trace))),
                    None => {
                        tracing::warn!(%error, "not every engine could be asked for an earlier instance");
                        Ok(None)
                    }
                }
            }
            located => located,
        }
    }

    async fn remove_container(&self, engine: &Engine, name: &str) -> Result<(), ProvisionError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(false).build();
        let removed = found(engine.client().await?.remove_container(name, Some(options)).await);
        removed.map(drop).map_err(engine.failed("remove a container"))
    }

    async fn remove_volume(&self, engine: &Engine, name: &str) -> Result<(), ProvisionError> {
        let removed = found(engine.client().await?.remove_volume(name, None::<RemoveVolumeOptions>).await);
        removed.map(drop).map_err(engine.failed("remove a volume"))
    }

    async fn set_restart(&self, engine: &Engine, name: &str, restart: bool) -> Result<(), ProvisionError> {
        let policy = match (restart, self.config.options.restart) {
            (false, _) => RestartPolicyNameEnum::NO,
            (true, Restart::UnlessStopped) => RestartPolicyNameEnum::UNLESS_STOPPED,
            (true, Restart::OnFailure) => RestartPolicyNameEnum::ON_FAILURE,
        };
        let body =
            ContainerUpdateBody { restart_policy: Some(container::restart_policy(policy)), ..Default::default() };
        let updated = engine.client().await?.update_container(name, body).await;
        updated.map(drop).map_err(engine.failed("set a container's restart policy"))
    }

    async fn stop_container(&self, engine: &Engine, container: &Container) -> Result<(), ProvisionError> {
        // First, so that the engine does not start again what is to be stopped, also after a crash of ours.
        self.set_restart(engine, &container.name, false).await?;
        let seconds = i32::try_from(self.config.options.stop_grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let stopped = found(engine.client().await?.stop_container(&container.name, Some(options)).await);
        stopped.map(drop).map_err(engine.failed("stop a container"))
    }
}

#[async_trait]
impl Provisioner for DockerProvisioner {
    fn info(&self) -> ProvisionerInfo {
        ProvisionerInfo {
            kind: "docker",
            capabilities: Capabilities {
                enforces_cpu: true,
                enforces_memory: true,
                runs_servers: true,
                controls_servers: true,
            },
        }
    }

    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError> {
        let operation = OperationId::new("preflight").expect("it is a name");
        let identity = Identity::new(&operation, spec);
        let id = identity.id();
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        if let Some((_, trace)) = self.trace_for_create(&operation, &id).await? {
            let Identity { name, operation, .. } = trace.identity().clone();
            return Err(ProvisionError::NameTaken { name, operation });
        }
        let engine = self.choose_engine(spec).await?;
        self.check_names(engine, &identity).await?;
        self.publish_on(engine).await?;
        let image = image::ensure(engine, &self.config.options.image, self.config.options.pull).await?;
        if self.config.options.use_template {
            self.template_or_none(engine, &image).await?;
        }
        Ok(())
    }

    async fn create(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<Instance, ProvisionError> {
        let identity = Identity::new(operation, spec);
        let id = identity.id();
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        let _lock = self.lock(&id).await?;
        let (engine, identity) = match self.trace_for_create(operation, &id).await? {
            Some((_, trace)) if trace.identity().operation != *operation => {
                let Identity { name, operation, .. } = trace.identity().clone();
                return Err(ProvisionError::NameTaken { name, operation });
            }
            Some((_, trace)) if !trace.identity().is_of_spec(spec) => {
                return Err(ProvisionError::SpecChanged { id, operation: operation.clone() });
            }
            Some((engine, trace)) => (engine, trace.identity().clone()),
            None => {
                let engine = self.place(operation, spec).await?;
                self.check_names(engine, &identity).await?;
                (engine, identity)
            }
        };
        let trace = Trace::Container(self.bring_up(engine, &identity).await?);
        self.observe(engine, &trace).await
    }

    async fn inspect(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        let (engine, trace) = self.located(id).await?;
        self.observe(engine, &trace).await
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Instance>, ProvisionError> {
        let of_engines = join_all(self.engines.iter().map(|engine| async move {
            let traces = self.traces(engine, Some(owner)).await?;
            let observed = join_all(traces.iter().map(|trace| self.observe(engine, trace))).await;
            observed.into_iter().collect::<Result<Vec<_>, _>>()
        }))
        .await;
        let mut instances = Vec::new();
        for of_engine in of_engines {
            instances.extend(of_engine?);
        }
        instances.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(instances)
    }

    async fn start(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        let _lock = self.lock(id).await?;
        let (engine, trace) = self.located_own(id).await?;
        if matches!(&trace, Trace::Container(container) if container.is_half_made) {
            return Err(ProvisionError::HalfMade { id: id.clone() });
        }
        let trace = Trace::Container(self.bring_up(engine, &trace.identity().clone()).await?);
        self.observe(engine, &trace).await
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError> {
        let _lock = self.lock(id).await?;
        match self.located_own(id).await? {
            (engine, Trace::Container(container)) => self.stop_container(engine, &container).await,
            (_, Trace::Volume(_)) => Ok(()),
        }
    }

    /// Data to keep stays in its volume, beside which an empty volume of the name `….kept` is put.
    async fn destroy(&self, _operation: &OperationId, id: &InstanceId, data: DataFate) -> Result<(), ProvisionError> {
        let _lock = self.lock(id).await?;
        // Again and again: what an earlier call left, or another operation of the same name, goes as well.
        loop {
            let (engine, trace) = match self.located_own(id).await {
                Err(ProvisionError::NotFound { .. }) => return Ok(()),
                located => located?,
            };
            let volume = trace.identity().volume.clone();
            if let Trace::Container(container) = &trace {
                if container.is_running() {
                    self.stop_container(engine, container).await?;
                }
                if data == DataFate::Keep {
                    self.mark_as_kept(engine, trace.identity()).await?;
                }
                self.remove_container(engine, &container.name).await?;
            }
            match data {
                DataFate::Remove => self.remove_volume(engine, &volume).await?,
                DataFate::Keep => self.mark_as_kept(engine, trace.identity()).await?,
            }
        }
    }

    async fn usage(&self, id: &InstanceId) -> Result<Usage, ProvisionError> {
        let (engine, name, limits) = match self.located(id).await {
            Ok((engine, Trace::Container(container))) => (engine, container.name, container.identity.limits),
            Ok((_, Trace::Volume(_))) => return Ok(Usage::default()),
            Err(ProvisionError::NotFound { .. }) => self.measured(id).await?,
            Err(error) => return Err(error),
        };
        let info = engine.client().await?.info().await.map_err(engine.failed("tell about itself"))?;
        let used = usage::of_container(engine, &name).await?;
        let folder = info.docker_root_dir.filter(|_| engine.is_local()).map(PathBuf::from);
        let room = folder.as_deref().and_then(disk::free_space);
        let by_configuration = self.config.options.disk_bytes;
        Ok(Usage {
            cpu_seconds: used.cpu_seconds,
            resident_memory_bytes: used.memory_bytes,
            cpu_limit_cores: limits.cpu_cores.or(info.ncpu.map(|cores| cores as f64)),
            memory_limit_bytes: limits.memory_bytes.or(info.mem_total.and_then(|bytes| u64::try_from(bytes).ok())),
            // The engine tells it only by reading through every volume.
            disk_used_bytes: None,
            disk_capacity_bytes: by_configuration.or(room.map(|room| room.capacity_bytes)),
            disk_available_bytes: room.filter(|_| by_configuration.is_none()).map(|room| room.available_bytes),
        })
    }
}

impl DockerProvisioner {
    /// A container of somebody else's that the configuration names for an instance, and its limits.
    async fn measured(&self, id: &InstanceId) -> Result<(&Engine, String, Limits), ProvisionError> {
        let name =
            self.config.options.measured.iter().find(|(name, _)| InstanceId::of(&self.config.owner, name) == *id);
        let (_, container) = name.ok_or_else(|| ProvisionError::NotFound { id: id.clone() })?;
        for engine in &self.engines {
            let looked = found(engine.client().await?.inspect_container(container, None).await);
            if let Some(inspected) = looked.map_err(engine.failed("look at a container"))? {
                let host = inspected.host_config.unwrap_or_default();
                let limits = Limits {
                    cpu_cores: host.nano_cpus.filter(|nanos| *nanos > 0).map(|nanos| nanos as f64 / 1e9),
                    memory_bytes: host.memory.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0),
                };
                return Ok((engine, container.clone(), limits));
            }
        }
        Err(ProvisionError::NotFound { id: id.clone() })
    }

    async fn mark_as_kept(&self, engine: &Engine, identity: &Identity) -> Result<(), ProvisionError> {
        let mark = VolumeCreateRequest {
            name: Some(identity::kept_mark(&identity.volume)),
            labels: Some(HashMap::from([
                (identity::OWNER.to_owned(), identity.owner.to_string()),
                (identity::INSTANCE.to_owned(), identity.id().to_string()),
            ])),
            ..Default::default()
        };
        let made = engine.client().await?.create_volume(mark).await;
        made.map(drop).map_err(engine.failed("mark a volume as kept"))
    }
}
