//! Instances that exist in memory only: the smallest provisioner, and what tests use.
//!
//! Nothing listens on the addresses it gives out. Failures are asked for beforehand with
//! [`MemoryProvisioner::inject`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use crate::{
    Address, Capabilities, DataFate, ErrorClass, Instance, InstanceId, InstanceSpec, InstanceState, Login, OperationId,
    Owner, ProvisionError, Provisioner, ProvisionerInfo, Secret, Usage,
};

/// A provisioner for one owner over a machine that all its clones share.
#[derive(Debug, Clone)]
pub struct MemoryProvisioner {
    owner: Owner,
    machine: Arc<Mutex<Machine>>,
}

#[derive(Debug, Default)]
struct Machine {
    instances: BTreeMap<InstanceId, Instance>,
    usage: BTreeMap<InstanceId, Usage>,
    faults: Vec<(Call, Fault)>,
    calls: Vec<Call>,
    half_creations: VecDeque<ErrorClass>,
    endpoints: VecDeque<(Address, Login)>,
    created: u16,
}

/// A call of the trait that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Preflight,
    Create,
    Inspect,
    List,
    Start,
    Stop,
    Destroy,
    Usage,
}

/// What happens to one coming call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Fail(ErrorClass),
    /// It has its effect and fails all the same, as if the answer were lost.
    FailAfter(ErrorClass),
    /// It does not return and has no effect; dropping it is the caller's crash.
    Hang,
    /// It has its effect and does not return.
    HangAfter,
}

impl MemoryProvisioner {
    pub fn new(owner: Owner) -> Self {
        Self { owner, machine: Arc::default() }
    }

    /// The same machine as another owner, or another program, sees it.
    pub fn on_same_machine(&self, owner: Owner) -> Self {
        Self { owner, machine: Arc::clone(&self.machine) }
    }

    /// Makes the next such call misbehave; several are used up in the order they came.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.machine().faults.push((call, fault));
    }

    /// Makes the next `create` fail half-way: its instance is there and not ready.
    pub fn leave_half_made(&self, class: ErrorClass) {
        self.machine().half_creations.push_back(class);
    }

    /// Gives the next instance that is created this address and login instead of invented ones,
    /// for tests that have a real server.
    pub fn offer(&self, address: Address, login: Login) {
        self.machine().endpoints.push_back((address, login));
    }

    /// The server of a running instance dies.
    pub fn crash(&self, id: &InstanceId) {
        match self.machine().instances.get_mut(id) {
            Some(instance) if instance.state == InstanceState::Ready => {
                instance.state = InstanceState::Failed;
            }
            Some(_) | None => {}
        }
    }

    pub fn set_usage(&self, id: &InstanceId, usage: Usage) {
        self.machine().usage.insert(id.clone(), usage);
    }

    /// Every call so far, in order, also those that failed.
    pub fn calls(&self) -> Vec<Call> {
        self.machine().calls.clone()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().expect("nothing panics while it holds the machine")
    }

    /// Notes the call and takes the fault that was injected for it.
    fn called(&self, call: Call) -> Option<Fault> {
        let mut machine = self.machine();
        machine.calls.push(call);
        let position = machine.faults.iter().position(|(of, _)| *of == call)?;
        Some(machine.faults.remove(position).1)
    }

    /// Does `effect` as far as the fault lets it.
    async fn perform<T>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut Machine) -> Result<T, ProvisionError>,
    ) -> Result<T, ProvisionError> {
        match self.called(call) {
            None => effect(&mut self.machine()),
            Some(Fault::Fail(class)) => Err(ProvisionError::Injected { class }),
            Some(Fault::FailAfter(class)) => {
                effect(&mut self.machine())?;
                Err(ProvisionError::Injected { class })
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::HangAfter) => {
                effect(&mut self.machine())?;
                std::future::pending().await
            }
        }
    }

    fn check_owner(&self, id: &InstanceId, owner: &Owner) -> Result<(), ProvisionError> {
        if *owner == self.owner {
            return Ok(());
        }
        Err(ProvisionError::Foreign { id: id.clone(), owner: owner.clone() })
    }
}

impl Machine {
    fn instance(&mut self, id: &InstanceId) -> Result<&mut Instance, ProvisionError> {
        self.instances.get_mut(id).ok_or_else(|| ProvisionError::NotFound { id: id.clone() })
    }

    /// The instance of this operation, made now in state `Creating` if there is none.
    fn begin(&mut self, operation: &OperationId, spec: &InstanceSpec) -> Result<&mut Instance, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        if !self.instances.contains_key(&id) {
            let instance = self.half_made(id.clone(), operation, spec);
            self.instances.insert(id.clone(), instance);
        }
        let instance = self.instance(&id)?;
        if instance.operation != *operation {
            return Err(name_taken(instance));
        }
        if instance.database != spec.database || instance.limits != spec.limits {
            return Err(ProvisionError::SpecChanged { id, operation: operation.clone() });
        }
        Ok(instance)
    }

    fn half_made(&mut self, id: InstanceId, operation: &OperationId, spec: &InstanceSpec) -> Instance {
        self.created += 1;
        let (address, login) = self.endpoints.pop_front().unwrap_or_else(|| {
            let address = Address {
                host: "127.0.0.1".to_owned(),
                // Ports that only root may listen on, so that nobody's server is there by chance.
                port: self.created,
            };
            let login =
                Login { user: "autoscaler".to_owned(), password: Secret::new(format!("password-{}", self.created)) };
            (address, login)
        });
        Instance {
            id,
            owner: spec.owner.clone(),
            operation: operation.clone(),
            name: spec.name.clone(),
            state: InstanceState::Creating,
            address: Some(address),
            login,
            database: spec.database.clone(),
            limits: spec.limits,
            server_version: None,
            pid: None,
        }
    }
}

fn name_taken(instance: &Instance) -> ProvisionError {
    ProvisionError::NameTaken { name: instance.name.clone(), operation: instance.operation.clone() }
}

#[async_trait]
impl Provisioner for MemoryProvisioner {
    fn info(&self) -> ProvisionerInfo {
        ProvisionerInfo {
            kind: "memory",
            capabilities: Capabilities {
                enforces_cpu: false,
                enforces_memory: false,
                runs_servers: false,
                controls_servers: true,
            },
        }
    }

    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        self.perform(Call::Preflight, |machine| {
            machine.instances.get(&id).map_or(Ok(()), |taken| Err(name_taken(taken)))
        })
        .await
    }

    async fn create(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<Instance, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        self.perform(Call::Create, |machine| {
            let leave_half_made = machine.half_creations.pop_front();
            let instance = machine.begin(operation, spec)?;
            if let Some(class) = leave_half_made {
                return Err(ProvisionError::Injected { class });
            }
            instance.state = InstanceState::Ready;
            instance.server_version = Some("0.0.0-memory".to_owned());
            Ok(instance.clone())
        })
        .await
    }

    async fn inspect(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        self.perform(Call::Inspect, |machine| machine.instance(id).cloned()).await
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Instance>, ProvisionError> {
        self.perform(Call::List, |machine| {
            let instances = machine.instances.values();
            Ok(instances.filter(|i| i.owner == *owner).cloned().collect())
        })
        .await
    }

    async fn start(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        self.perform(Call::Start, |machine| {
            let instance = machine.instance(id)?;
            self.check_owner(id, &instance.owner)?;
            if instance.state == InstanceState::Creating {
                return Err(ProvisionError::HalfMade { id: id.clone() });
            }
            instance.state = InstanceState::Ready;
            Ok(instance.clone())
        })
        .await
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError> {
        self.perform(Call::Stop, |machine| {
            let instance = machine.instance(id)?;
            self.check_owner(id, &instance.owner)?;
            if instance.state != InstanceState::Creating {
                instance.state = InstanceState::Stopped;
            }
            Ok(())
        })
        .await
    }

    async fn destroy(&self, _operation: &OperationId, id: &InstanceId, _data: DataFate) -> Result<(), ProvisionError> {
        self.perform(Call::Destroy, |machine| {
            if let Some(instance) = machine.instances.get(id) {
                self.check_owner(id, &instance.owner)?;
            }
            machine.instances.remove(id);
            machine.usage.remove(id);
            Ok(())
        })
        .await
    }

    /// What [`MemoryProvisioner::set_usage`] said last, else an idle server on a small machine.
    async fn usage(&self, id: &InstanceId) -> Result<Usage, ProvisionError> {
        self.perform(Call::Usage, |machine| {
            let limits = machine.instance(id)?.limits;
            Ok(machine.usage.get(id).copied().unwrap_or(Usage {
                cpu_seconds: Some(0.1),
                resident_memory_bytes: Some(100 << 20),
                cpu_limit_cores: Some(limits.cpu_cores.unwrap_or(2.0)),
                memory_limit_bytes: Some(limits.memory_bytes.unwrap_or(4 << 30)),
                disk_used_bytes: Some(200 << 20),
                disk_capacity_bytes: Some(100 << 30),
                disk_available_bytes: Some(50 << 30),
            }))
        })
        .await
    }
}
