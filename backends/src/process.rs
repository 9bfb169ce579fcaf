//! Database servers as child processes of this machine.
//!
//! Each instance has a folder with its record and its data, see `store`. Before each side effect
//! the record says what is about to happen, so that a call that was killed is finished by the
//! next one. Servers outlive the program that started them and are found again by their records.
//!
//! Limits are numbers to compare usage with: nothing holds a process back, except that InnoDB's
//! buffer pool is sized after the memory limit. Linux only, as it reads `/proc`.

mod discover;
mod identity;
mod launch;
mod loopback;
mod program;
mod server;
mod store;
mod template;
mod usage;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use discover::ServerProgram;
pub use discover::find_program;
pub use program::{Program, ProgramCommand};
use store::{InstanceRecord, Phase, Store, Wanted};
use tokio::sync::OnceCell;

use crate::{
    Capabilities, DataFate, Instance, InstanceId, InstanceSpec, InstanceState, OperationId, Owner, ProvisionError,
    Provisioner, ProvisionerInfo, Usage, check_database, disk, ports, sql_server,
};

/// How and where servers run.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// Only instances of this owner are created, started, stopped and destroyed.
    pub owner: Owner,
    /// Holds everything: templates, data, logs, records with passwords. Made with mode 0700.
    pub directory: PathBuf,
    /// `None`: the `mariadbd` or else the `mysqld` that this machine has.
    pub program: Option<PathBuf>,
    /// Put at the end of each server's command line.
    pub extra_args: Vec<String>,
    pub ports: RangeInclusive<u16>,
    /// How long a server may take until a login works, also after a crash with much to recover.
    pub start_timeout: Duration,
    /// How long a server may take to stop before it is killed.
    pub stop_grace: Duration,
    /// `preflight` refuses with less room than this on the disk.
    pub min_free_bytes: u64,
}

impl ProcessConfig {
    pub fn new(owner: Owner, directory: impl Into<PathBuf>) -> Self {
        Self {
            owner,
            directory: directory.into(),
            program: None,
            extra_args: Vec::new(),
            ports: ports::DEFAULT_RANGE,
            start_timeout: Duration::from_secs(60),
            stop_grace: Duration::from_secs(30),
            // An empty instance takes about 140 MB, most of it redo log.
            min_free_bytes: 512 << 20,
        }
    }
}

/// Runs `mariadbd` or `mysqld` on loopback, with data from a template.
#[derive(Debug)]
pub struct ProcessProvisioner {
    config: ProcessConfig,
    store: Store,
    /// Looked up when first needed: what runs already can be adopted without a program.
    server: OnceCell<ServerProgram>,
}

impl ProcessProvisioner {
    /// Makes the directory where it is missing, and starts nothing.
    pub fn new(config: ProcessConfig) -> Result<Self, ProvisionError> {
        Ok(Self { store: Store::open(&config.directory)?, config, server: OnceCell::new() })
    }

    async fn server(&self) -> Result<&ServerProgram, ProvisionError> {
        let configured = self.config.program.as_deref();
        self.server.get_or_try_init(|| ServerProgram::discover(configured)).await
    }

    /// The record of an instance that we may change.
    fn own_record(&self, id: &InstanceId) -> Result<InstanceRecord, ProvisionError> {
        let record = self.record(id)?;
        self.check_owner(id, &record.owner)?;
        Ok(record)
    }

    fn record(&self, id: &InstanceId) -> Result<InstanceRecord, ProvisionError> {
        let record = self.store.instance(id).read()?;
        record.ok_or_else(|| ProvisionError::NotFound { id: id.clone() })
    }

    fn check_owner(&self, id: &InstanceId, owner: &Owner) -> Result<(), ProvisionError> {
        if *owner == self.config.owner {
            return Ok(());
        }
        Err(ProvisionError::Foreign { id: id.clone(), owner: owner.clone() })
    }

    /// The record for this operation: the one that is there, or a new one.
    fn begin(
        &self,
        operation: &OperationId,
        spec: &InstanceSpec,
        id: InstanceId,
    ) -> Result<InstanceRecord, ProvisionError> {
        let folder = self.store.instance(&id);
        if let Some(record) = folder.read()? {
            if record.operation != *operation {
                return Err(ProvisionError::NameTaken { name: record.name, operation: record.operation });
            }
            if !record.is_of_spec(spec) {
                return Err(ProvisionError::SpecChanged { id, operation: record.operation });
            }
            return Ok(record);
        }
        let record = InstanceRecord {
            id,
            owner: spec.owner.clone(),
            operation: operation.clone(),
            name: spec.name.clone(),
            database: spec.database.clone(),
            limits: spec.limits,
            user: sql_server::USER.to_owned(),
            password: sql_server::new_password(),
            port: self.choose_port()?,
            phase: Phase::Copying,
            wanted: Wanted::Running,
            server_version: None,
        };
        folder.write(&record)?;
        Ok(record)
    }

    fn check_disk(&self) -> Result<(), ProvisionError> {
        let needed_bytes = self.config.min_free_bytes;
        match disk::free_space(self.store.directory()).map(|room| room.available_bytes) {
            Some(free_bytes) if free_bytes < needed_bytes => {
                Err(ProvisionError::DiskFull { path: self.store.directory().to_owned(), free_bytes, needed_bytes })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn choose_port(&self) -> Result<u16, ProvisionError> {
        let on_record: HashSet<u16> = self.store.records()?.iter().map(|r| r.port).collect();
        ports::choose(&self.config.ports, &on_record, Some(loopback::HOST_IP))
    }

    async fn observe(&self, record: InstanceRecord) -> Result<Instance, ProvisionError> {
        let folder = self.store.instance(&record.id);
        let program = Program::adopt(folder.path(), server::PROGRAM_NAME)?;
        let state = match (record.phase, record.wanted, &program) {
            (Phase::Copying | Phase::Initialising, _, _) => InstanceState::Creating,
            (Phase::Complete, Wanted::Running, Some(_)) => {
                match sql_server::greet(&record.address(), &record.login()).await {
                    Ok(_) => InstanceState::Ready,
                    Err(error) if sql_server::is_crowded(&error) => InstanceState::Ready,
                    Err(_) => InstanceState::Starting,
                }
            }
            (Phase::Complete, Wanted::Running, None) => InstanceState::Failed,
            (Phase::Complete, Wanted::Stopped, Some(_)) => InstanceState::Stopping,
            (Phase::Complete, Wanted::Stopped, None) => InstanceState::Stopped,
        };
        let (address, login) = (record.address(), record.login());
        Ok(Instance {
            id: record.id,
            owner: record.owner,
            operation: record.operation,
            name: record.name,
            state,
            address: Some(address),
            login,
            database: record.database,
            limits: record.limits,
            server_version: record.server_version,
            pid: program.map(|program| program.pid()),
        })
    }

    /// Stops the server of an instance, also a half-made one.
    async fn shut_down(&self, mut record: InstanceRecord) -> Result<(), ProvisionError> {
        let folder = self.store.instance(&record.id);
        if record.wanted != Wanted::Stopped {
            record.wanted = Wanted::Stopped;
            folder.write(&record)?;
        }
        match Program::adopt(folder.path(), server::PROGRAM_NAME)? {
            Some(program) => program.stop(self.config.stop_grace).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Provisioner for ProcessProvisioner {
    fn info(&self) -> ProvisionerInfo {
        ProvisionerInfo {
            kind: "process",
            capabilities: Capabilities {
                enforces_cpu: false,
                enforces_memory: false,
                runs_servers: true,
                controls_servers: true,
            },
        }
    }

    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        if let Some(record) = self.store.instance(&id).read()? {
            return Err(ProvisionError::NameTaken { name: record.name, operation: record.operation });
        }
        self.choose_port()?;
        self.check_disk()?;
        template::data_folder(&self.store.templates(), self.server().await?).await?;
        Ok(())
    }

    async fn create(&self, operation: &OperationId, spec: &InstanceSpec) -> Result<Instance, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        // Before the record: a machine without the program gets no half-made instance.
        self.server().await?;
        let lock = self.store.lock(&id).await?;
        let mut record = self.begin(operation, spec, id)?;
        self.bring_up(&mut record, lock.clone()).await?;
        self.observe(record).await
    }

    async fn inspect(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        self.observe(self.record(id)?).await
    }

    async fn list(&self, owner: &Owner) -> Result<Vec<Instance>, ProvisionError> {
        let mut instances = Vec::new();
        for record in self.store.records()? {
            if record.owner == *owner {
                instances.push(self.observe(record).await?);
            }
        }
        Ok(instances)
    }

    async fn start(&self, id: &InstanceId) -> Result<Instance, ProvisionError> {
        let lock = self.store.lock(id).await?;
        let mut record = self.own_record(id)?;
        if record.phase != Phase::Complete {
            return Err(ProvisionError::HalfMade { id: id.clone() });
        }
        self.bring_up(&mut record, lock.clone()).await?;
        self.observe(record).await
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError> {
        let _lock = self.store.lock(id).await?;
        self.shut_down(self.own_record(id)?).await
    }

    /// Data to keep goes to `DIRECTORY/kept/ID.OPERATION/data`.
    async fn destroy(&self, operation: &OperationId, id: &InstanceId, data: DataFate) -> Result<(), ProvisionError> {
        let _lock = self.store.lock(id).await?;
        match self.own_record(id) {
            Ok(record) => {
                self.shut_down(record).await?;
                self.store.discard(id, operation, data)?;
            }
            Err(ProvisionError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.store.empty_trash().await
    }

    async fn usage(&self, id: &InstanceId) -> Result<Usage, ProvisionError> {
        let record = self.record(id)?;
        let folder = self.store.instance(id);
        let program = Program::adopt(folder.path(), server::PROGRAM_NAME)?;
        let (pid, limits, data) = (program.map(|p| p.pid()), record.limits, folder.data());
        let measured = tokio::task::spawn_blocking(move || usage::measure(pid, limits, &data));
        Ok(measured.await.expect("reading usage does not panic"))
    }
}
