//! From the configuration's `backend` to the provisioner that carries it out.

use std::path::Path;
use std::sync::Arc;

use backends::{
    Address, DockerConfig, DockerProvisioner, Login, PoolConfig, PoolProvisioner, PoolServer, ProcessConfig,
    ProcessProvisioner, ProvisionError, Provisioner, Secret,
};
use router::endpoint::Endpoint;

use crate::config::{BackendKind, Config, Docker};

/// What runs, or would run, the shards of this configuration; it keeps its own files below `data_dir`.
pub fn provisioner(config: &Config, data_dir: &Path) -> Result<Arc<dyn Provisioner>, ProvisionError> {
    let owner = config.cluster.clone();
    let directory = data_dir.join("instances");
    Ok(match &config.backend.kind {
        BackendKind::Process => Arc::new(ProcessProvisioner::new(ProcessConfig::new(owner, directory))?),
        BackendKind::Docker(docker) => {
            let directory = data_dir.join("docker");
            Arc::new(DockerProvisioner::new(docker_config(docker, DockerConfig::new(owner, directory, &docker.image)))?)
        }
        BackendKind::Static(pool) => {
            let servers = pool.iter().map(pool_server).collect();
            Arc::new(PoolProvisioner::new(PoolConfig { owner, directory: data_dir.join("pool"), servers })?)
        }
    })
}

fn docker_config(docker: &Docker, defaults: DockerConfig) -> DockerConfig {
    DockerConfig {
        engines: docker.engines.clone(),
        pull: docker.pull,
        network: docker.network.clone(),
        labels: docker.labels.clone(),
        placement: docker.placement.clone(),
        restart: docker.restart,
        use_template: docker.template,
        extra_args: docker.args.clone(),
        volume_driver: docker.volume_driver.clone(),
        volume_options: docker.volume_options.clone(),
        disk_bytes: docker.disk_bytes,
        measured: docker.measured.clone(),
        start_timeout: docker.start_timeout,
        stop_grace: docker.stop_grace,
        ..defaults
    }
}

fn pool_server(endpoint: &Endpoint) -> PoolServer {
    let (host, port) = endpoint.tcp_address().expect("the configuration takes servers over TCP only");
    PoolServer {
        address: Address { host: host.to_owned(), port },
        login: Login { user: endpoint.user().to_owned(), password: Secret::new(endpoint.password()) },
    }
}
