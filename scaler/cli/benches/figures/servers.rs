//! MariaDB servers for one figure.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use backends::{
    DataFate, InstanceId, InstanceName, InstanceSpec, Limits, OperationId, Owner, ProcessConfig, ProcessProvisioner,
    Provisioner,
};
use keyspace::endpoint::Endpoint;
use scaler::instances::endpoint_of;

use crate::{Outcome, say};

/// Settings of servers that take and give many rows: with a binlog, as production has it, and commits that do not wait
/// for this machine's disk, which several figures would share.
pub const COPYING: &[&str] = &[
    "--log-bin",
    "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=256M",
];

pub struct Servers {
    folder: PathBuf,
    running: Mutex<Vec<(ProcessProvisioner, InstanceId)>>,
}

impl Servers {
    pub fn new(folder: &Path) -> Outcome<Servers> {
        Ok(Servers { folder: folder.join("servers"), running: Mutex::default() })
    }

    pub async fn start(&self) -> Outcome<Endpoint> {
        self.start_with(&[]).await
    }

    /// With options at the end of its command line.
    pub async fn start_with(&self, options: &[&str]) -> Outcome<Endpoint> {
        let mut config = ProcessConfig::new(Owner::new("bench")?, &self.folder);
        config.extra_args = options.iter().map(|option| (*option).to_owned()).collect();
        let provisioner = ProcessProvisioner::new(config)?;
        let name = format!("server-{}", rand::random::<u32>());
        let spec = InstanceSpec {
            owner: Owner::new("bench")?,
            name: InstanceName::new(&name)?,
            database: "app".to_owned(),
            limits: Limits::default(),
        };
        let instance = provisioner.create(&OperationId::new(format!("bench-{name}"))?, &spec).await?;
        let endpoint = endpoint_of(&instance)?;
        self.running.lock().map_err(|_| "poisoned")?.push((provisioner, instance.id));
        Ok(endpoint)
    }

    /// Stops all of them and removes what they stored.
    pub async fn stop(&self) {
        let running = self.running.lock().map(|mut running| std::mem::take(&mut *running)).unwrap_or_default();
        for (provisioner, id) in running {
            let operation = format!("destroy-{:08x}", rand::random::<u32>());
            let operation = OperationId::new(operation).expect("it is a name");
            if let Err(error) = provisioner.destroy(&operation, &id, DataFate::Remove).await {
                say(&format!("{} runs on: {error}", id.as_str()));
            }
        }
    }
}
