//! From the configuration's `backend` to the provisioner that carries it out.

use std::path::Path;
use std::sync::Arc;

use backends::{
    Address, DockerConfig, DockerProvisioner, Login, PoolConfig, PoolProvisioner, PoolServer, ProcessConfig,
    ProcessProvisioner, ProvisionError, Provisioner, Secret,
};
use keyspace::endpoint::Endpoint;

use crate::config::{BackendKind, Config};

/// What runs, or would run, the shards of this configuration; it keeps its own files below `data_dir`.
pub fn provisioner(config: &Config, data_dir: &Path) -> Result<Arc<dyn Provisioner>, ProvisionError> {
    let owner = config.cluster.clone();
    let directory = data_dir.join("instances");
    Ok(match &config.backend.kind {
        BackendKind::Process => Arc::new(ProcessProvisioner::new(ProcessConfig::new(owner, directory))?),
        BackendKind::Docker(options) => {
            let (directory, options) = (data_dir.join("docker"), (**options).clone());
            Arc::new(DockerProvisioner::new(DockerConfig { owner, directory, options })?)
        }
        BackendKind::Static(pool) => {
            let servers = pool.iter().map(pool_server).collect();
            Arc::new(PoolProvisioner::new(PoolConfig { owner, directory: data_dir.join("pool"), servers })?)
        }
    })
}

fn pool_server(endpoint: &Endpoint) -> PoolServer {
    let (host, port) = endpoint.tcp_address().expect("the configuration takes servers over TCP only");
    PoolServer {
        address: Address { host: host.to_owned(), port },
        login: Login { user: endpoint.user().to_owned(), password: Secret::new(endpoint.password()) },
    }
}
