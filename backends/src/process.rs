//! Database servers as child processes of this machine.
//!
//! Each instance has a folder with its record and its data, see `store`. Before each side effect
//! the record says what is about to happen, so that a call that was killed is finished by the
//! next one. Servers outlive the program that started them and are found again by their records.
//!
//! Limits are numbers to compare usage with: nothing holds a process back, except that InnoDB's
//! buffer pool is sized after the memory limit. Linux only, as it reads `/proc`.

mod discover;
mod files;
mod identity;
mod ports;
mod program;
mod server;
mod store;
mod template;
mod usage;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::sync::OnceCell;

pub use discover::find_program;
pub use program::{Program, ProgramCommand};

use crate::{
    Address, Capabilities, DataFate, ErrorClass, Instance, InstanceId, InstanceSpec, InstanceState,
    Login, OperationId, Owner, ProvisionError, Provisioner, ProvisionerInfo, Secret, Usage,
};
use discover::ServerProgram;
use store::{InstanceFolder, InstanceRecord, Phase, Store, Wanted};

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

/// Another program may take a port between our look at it and the server's.
const PORT_ATTEMPTS: u32 = 3;
const PASSWORD_LENGTH: usize = 32;

impl ProcessProvisioner {
    /// Makes the directory where it is missing, and starts nothing.
    pub fn new(config: ProcessConfig) -> Result<Self, ProvisionError> {
        Ok(Self {
            store: Store::open(&config.directory)?,
            config,
            server: OnceCell::new(),
        })
    }

    async fn server(&self) -> Result<&ServerProgram, ProvisionError> {
        let configured = self.config.program.as_deref();
        self.server
            .get_or_try_init(|| ServerProgram::discover(configured))
            .await
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
        Err(ProvisionError::Foreign {
            id: id.clone(),
            owner: owner.clone(),
        })
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
                return Err(ProvisionError::NameTaken {
                    name: record.name,
                    operation: record.operation,
                });
            }
            if !record.is_of_spec(spec) {
                return Err(ProvisionError::SpecChanged {
                    id,
                    operation: record.operation,
                });
            }
            return Ok(record);
        }
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(PASSWORD_LENGTH)
            .map(char::from)
            .collect();
        let record = InstanceRecord {
            id,
            owner: spec.owner.clone(),
            operation: operation.clone(),
            name: spec.name.clone(),
            database: spec.database.clone(),
            limits: spec.limits,
            user: server::USER.to_owned(),
            password: Secret::new(password),
            port: self.choose_port()?,
            phase: Phase::Copying,
            wanted: Wanted::Running,
            server_version: None,
        };
        folder.write(&record)?;
        Ok(record)
    }

    fn choose_port(&self) -> Result<u16, ProvisionError> {
        let on_record: HashSet<u16> = self.store.records()?.iter().map(|r| r.port).collect();
        ports::choose(&self.config.ports, &on_record)
    }

    /// Makes the server of this record run and answer, from wherever it is.
    async fn bring_up(&self, record: &mut InstanceRecord) -> Result<(), ProvisionError> {
        let folder = self.store.instance(&record.id);
        if record.phase == Phase::Copying {
            let server = self.server().await?;
            let template = template::data_folder(&self.store.templates(), server).await?;
            folder.copy_data(template).await?;
            record.phase = Phase::Initialising;
        }
        record.wanted = Wanted::Running;
        folder.write(record)?;

        let mut attempt = 1;
        loop {
            let program = match Program::adopt(folder.path(), server::PROGRAM_NAME)? {
                Some(running) => running,
                None => self.launch(&folder, record).await?,
            };
            match self.wait_until_ready(&program, record).await {
                Err(error) if error.class() == ErrorClass::Port && attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                    tracing::warn!(instance = %record.id, port = record.port, "somebody else took the port");
                    program.stop(self.config.stop_grace).await?;
                    record.port = self.choose_port()?;
                    folder.write(record)?;
                }
                Err(error) => return Err(error),
                Ok(version) => {
                    record.server_version = Some(version);
                    break;
                }
            }
        }
        record.phase = Phase::Complete;
        folder.write(record)?;
        files::remove(&folder.init_file())
    }

    async fn launch(
        &self,
        folder: &InstanceFolder,
        record: &mut InstanceRecord,
    ) -> Result<Program, ProvisionError> {
        let server = self.server().await?;
        if !ports::is_free(record.port) {
            record.port = self.choose_port()?;
            folder.write(record)?;
        }
        files::remove(&folder.tmp())?;
        files::create_private_dir(&folder.tmp())?;
        if record.phase != Phase::Complete {
            let statements = server::first_statements(server.flavor, record);
            files::write_whole(&folder.init_file(), statements.as_bytes())?;
        }
        let command = server::command(server, folder, record, &self.config.extra_args);
        Program::spawn(folder.path(), server::PROGRAM_NAME, command)
    }

    /// Waits for a login that works and returns the server's version.
    async fn wait_until_ready(
        &self,
        program: &Program,
        record: &InstanceRecord,
    ) -> Result<String, ProvisionError> {
        const POLL: Duration = Duration::from_millis(15);
        let began = Instant::now();
        loop {
            let id = record.id.clone();
            let error = match server::greet(record).await {
                Ok(greeting) if self.is_data_of(record, &greeting.datadir) => {
                    return Ok(greeting.version);
                }
                Ok(server::Greeting { datadir, .. }) => {
                    return Err(ProvisionError::OtherServer { id, datadir });
                }
                Err(error) => error,
            };
            let log_tail = || program.log_tail(server::LOG_TAIL_LINES);
            if !program.is_running() {
                let log_tail = log_tail();
                return Err(ProvisionError::ServerStopped {
                    id,
                    class: server::class_of_log(&log_tail),
                    log_tail,
                });
            }
            if server::is_refusal(&error) {
                return Err(ProvisionError::LoginRefused { id, source: error });
            }
            let waited = began.elapsed();
            if waited >= self.config.start_timeout {
                return Err(ProvisionError::NotReady {
                    id,
                    waited,
                    log_tail: log_tail(),
                    source: Some(error),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Servers say their data folder with a slash at the end, and some resolve links in it.
    fn is_data_of(&self, record: &InstanceRecord, datadir: &str) -> bool {
        let ours = self.store.instance(&record.id).data();
        let theirs = PathBuf::from(datadir);
        ours == theirs || ours.canonicalize().ok() == theirs.canonicalize().ok()
    }

    async fn observe(&self, record: InstanceRecord) -> Result<Instance, ProvisionError> {
        let folder = self.store.instance(&record.id);
        let program = Program::adopt(folder.path(), server::PROGRAM_NAME)?;
        let state = match (record.phase, record.wanted, &program) {
            (Phase::Copying | Phase::Initialising, _, _) => InstanceState::Creating,
            (Phase::Complete, Wanted::Running, Some(_)) => match server::greet(&record).await {
                Ok(_) => InstanceState::Ready,
                Err(error) if server::is_crowded(&error) => InstanceState::Ready,
                Err(_) => InstanceState::Starting,
            },
            (Phase::Complete, Wanted::Running, None) => InstanceState::Failed,
            (Phase::Complete, Wanted::Stopped, Some(_)) => InstanceState::Stopping,
            (Phase::Complete, Wanted::Stopped, None) => InstanceState::Stopped,
        };
        Ok(Instance {
            id: record.id,
            owner: record.owner,
            operation: record.operation,
            name: record.name,
            state,
            address: Some(Address {
                host: server::HOST.to_owned(),
                port: record.port,
            }),
            login: Login {
                user: record.user,
                password: record.password,
            },
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
            },
        }
    }

    async fn preflight(&self, spec: &InstanceSpec) -> Result<(), ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        if let Some(record) = self.store.instance(&id).read()? {
            return Err(ProvisionError::NameTaken {
                name: record.name,
                operation: record.operation,
            });
        }
        self.choose_port()?;
        if let Some(free_bytes) = usage::free_bytes(self.store.directory())
            && free_bytes < self.config.min_free_bytes
        {
            return Err(ProvisionError::DiskFull {
                path: self.store.directory().to_owned(),
                free_bytes,
                needed_bytes: self.config.min_free_bytes,
            });
        }
        template::data_folder(&self.store.templates(), self.server().await?).await?;
        Ok(())
    }

    async fn create(
        &self,
        operation: &OperationId,
        spec: &InstanceSpec,
    ) -> Result<Instance, ProvisionError> {
        let id = InstanceId::of(&spec.owner, &spec.name);
        self.check_owner(&id, &spec.owner)?;
        check_database(spec)?;
        // Before the record: a machine without the program gets no half-made instance.
        self.server().await?;
        let _lock = self.store.lock(&id).await?;
        let mut record = self.begin(operation, spec, id)?;
        self.bring_up(&mut record).await?;
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
        let _lock = self.store.lock(id).await?;
        let mut record = self.own_record(id)?;
        if record.phase != Phase::Complete {
            return Err(ProvisionError::HalfMade { id: id.clone() });
        }
        self.bring_up(&mut record).await?;
        self.observe(record).await
    }

    async fn stop(&self, id: &InstanceId) -> Result<(), ProvisionError> {
        let _lock = self.store.lock(id).await?;
        self.shut_down(self.own_record(id)?).await
    }

    /// Data to keep goes to `DIRECTORY/kept/ID.OPERATION/data`.
    async fn destroy(
        &self,
        operation: &OperationId,
        id: &InstanceId,
        data: DataFate,
    ) -> Result<(), ProvisionError> {
        let _lock = self.store.lock(id).await?;
        match self.own_record(id) {
            Ok(record) => {
                self.shut_down(record).await?;
                self.store.discard(id, operation, data)?;
            }
            Err(ProvisionError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.store.empty_trash()
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

fn check_database(spec: &InstanceSpec) -> Result<(), ProvisionError> {
    if server::is_usable_database(&spec.database) {
        return Ok(());
    }
    Err(ProvisionError::BadDatabase {
        database: spec.database.clone(),
    })
}
