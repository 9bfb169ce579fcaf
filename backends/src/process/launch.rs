//! From a record to a server that answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::loopback;
use super::program::Program;
use super::store::{InstanceFolder, InstanceRecord, Phase, Wanted};
use super::{ProcessProvisioner, server, template};
use crate::files::{self, Lock};
use crate::sql_server::{self, Greeting};
use crate::{ErrorClass, ProvisionError, ports};

/// Another program may take a port between our look at it and the server's.
const PORT_ATTEMPTS: u32 = 3;
/// If that is another database server, it refuses us until ours has found its port taken and ends.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);

impl ProcessProvisioner {
    /// Makes the server of this record run and answer, from wherever it is.
    pub(super) async fn bring_up(&self, record: &mut InstanceRecord, lock: Lock) -> Result<(), ProvisionError> {
        let folder = self.store.instance(&record.id);
        if record.phase == Phase::Copying {
            let server = self.server().await?;
            let template = template::data_folder(&self.store.templates(), server).await?;
            folder.copy_data(template, lock).await?;
            record.phase = Phase::Initialising;
        }
        record.wanted = Wanted::Running;
        folder.write(record)?;

        let mut attempt = 1;
        loop {
            let adopted = Program::adopt(folder.path(), server::PROGRAM_NAME)?;
            let was_adopted = adopted.is_some();
            let program = match adopted {
                Some(running) => running,
                None => self.launch(&folder, record).await?,
            };
            match self.wait_until_ready(&program, record).await {
                // It was on its way out when it was found.
                Err(ProvisionError::ServerStopped { .. }) if was_adopted => {}
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

    async fn launch(&self, folder: &InstanceFolder, record: &mut InstanceRecord) -> Result<Program, ProvisionError> {
        let server = self.server().await?;
        if !ports::is_free(loopback::HOST_IP, record.port) {
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
    async fn wait_until_ready(&self, program: &Program, record: &InstanceRecord) -> Result<String, ProvisionError> {
        const POLL: Duration = Duration::from_millis(15);
        let began = Instant::now();
        loop {
            let id = record.id.clone();
            let error = match sql_server::greet(&record.address(), &record.login()).await {
                Ok(greeting) if self.is_data_of(record, &greeting.datadir) => {
                    return Ok(greeting.version);
                }
                Ok(Greeting { datadir, .. }) => {
                    return Err(ProvisionError::OtherServer { id, datadir });
                }
                Err(error) => error,
            };
            let log_tail = || program.log_tail(sql_server::LOG_TAIL_LINES);
            if !program.is_running() {
                let log_tail = log_tail();
                return Err(ProvisionError::ServerStopped { id, class: sql_server::class_of_log(&log_tail), log_tail });
            }
            let waited = began.elapsed();
            if sql_server::is_refusal(&error) && waited >= REFUSAL_PATIENCE {
                return Err(ProvisionError::LoginRefused { id, source: error });
            }
            if waited >= self.config.start_timeout {
                return Err(ProvisionError::NotReady { id, waited, log_tail: log_tail(), source: Some(error) });
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
}
