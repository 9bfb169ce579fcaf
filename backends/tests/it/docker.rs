//! The Docker provisioner: what its tests share.

mod engines;
mod failures;
mod images;
mod making;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backends::conformance::Subject;
use backends::{
    DockerConfig, DockerOptions, DockerProvisioner, Instance, InstanceSpec, Limits, OperationId, Owner, Provisioner,
    PullPolicy,
};
use bollard::Docker;
use bollard::query_parameters::{
    KillContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use tempfile::TempDir;

pub const MARIADB: &str = "mariadb:11.8";
const MYSQL: &str = "mysql:8.4";

/// What one test has on the engine: everything of its owners is removed when it is over.
pub struct Site {
    folder: TempDir,
    docker: Docker,
    image: &'static str,
    owner: Owner,
}

impl Site {
    /// `None`, and said so, where no engine answers or it lacks the image, which tests never pull.
    pub async fn new(test: &str, image: &'static str) -> Option<Self> {
        let docker = Docker::connect_with_defaults().unwrap();
        if let Err(error) = docker.version().await {
            println!("SKIPPED: no Docker engine answers ({error})");
            return None;
        }
        if docker.inspect_image(image).await.is_err() {
            println!("SKIPPED: the engine has no image {image} (.ci/stand-ins/build makes a stand-in)");
            return None;
        }
        let owner = format!("test-{test}-{:08x}", rand::random::<u32>()).parse().unwrap();
        Some(Self { folder: tempfile::tempdir().unwrap(), docker, image, owner })
    }

    pub fn config(&self) -> DockerConfig {
        let (owner, directory) = (self.owner.clone(), self.folder.path().join("backend"));
        let mut config = DockerConfig { owner, directory, options: DockerOptions::default() };
        config.options.image = self.image.to_owned();
        config.options.pull = PullPolicy::Never;
        if self.image == MYSQL {
            config.options.extra_args = vec!["--performance-schema=OFF".to_owned()];
        }
        config.options.stop_grace = Duration::from_secs(30);
        config
    }

    fn provisioner_with(&self, change: impl FnOnce(&mut DockerConfig)) -> DockerProvisioner {
        let mut config = self.config();
        change(&mut config);
        DockerProvisioner::new(config).unwrap()
    }

    fn spec(&self, name: &str) -> InstanceSpec {
        InstanceSpec {
            owner: self.owner.clone(),
            name: name.parse().unwrap(),
            database: "app".into(),
            limits: Limits::default(),
        }
    }

    fn container(&self, name: &str) -> String {
        format!("{}.{name}", self.owner)
    }

    async fn remove(&self, container: &str) {
        // Volumes without a name go along.
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        self.docker.remove_container(container, Some(options)).await.unwrap();
    }

    async fn volumes(&self) -> Vec<String> {
        let label = format!("org.sql-autoscaler.owner={}", self.owner);
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let listed = self.docker.list_volumes(Some(options)).await.unwrap().volumes.unwrap_or_default();
        let mut names: Vec<String> = listed.into_iter().map(|volume| volume.name).collect();
        names.sort();
        names
    }

    /// Everything of this test goes, whatever it is; after a panic too, if it is called from there.
    pub async fn clean_up(&self) {
        for owner in [self.owner.to_string(), format!("{}-stranger", self.owner)] {
            for key in ["org.sql-autoscaler.owner", "org.sql-autoscaler.template-of"] {
                let label = format!("{key}={owner}");
                let filters = HashMap::from([("label", vec![label.as_str()])]);
                let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
                for container in self.docker.list_containers(Some(options)).await.unwrap() {
                    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                    let _ = self.docker.remove_container(&container.id.unwrap(), Some(options)).await;
                }
                let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
                let listed = self.docker.list_volumes(Some(options)).await.unwrap().volumes.unwrap_or_default();
                for volume in listed {
                    let _ = self.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await;
                }
            }
        }
    }
}

#[async_trait]
impl Subject for Site {
    fn provisioner(&self, owner: &Owner) -> Arc<dyn Provisioner> {
        let mut config = self.config();
        config.owner = owner.clone();
        Arc::new(DockerProvisioner::new(config).unwrap())
    }

    fn owner(&self) -> Owner {
        self.owner.clone()
    }

    async fn crash(&self, instance: &Instance) {
        let options = KillContainerOptionsBuilder::default().signal("KILL").build();
        self.docker.kill_container(instance.id.as_str(), Some(options)).await.unwrap();
    }
}

/// Runs a test on a site of its own, and cleans up also when it fails.
async fn on_site(test: &str, image: &'static str, body: impl AsyncFnOnce(&Site)) {
    use futures_util::FutureExt;
    let Some(site) = Site::new(test, image).await else { return };
    let outcome = std::panic::AssertUnwindSafe(body(&site)).catch_unwind().await;
    site.clean_up().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn operation(id: &str) -> OperationId {
    id.parse().unwrap()
}

async fn sql(instance: &Instance, statement: &str) {
    let address = instance.address.as_ref().unwrap();
    let options = sqlx::mysql::MySqlConnectOptions::new()
        .host(&address.host)
        .port(address.port)
        .username(&instance.login.user)
        .password(instance.login.password.expose())
        .ssl_mode(sqlx::mysql::MySqlSslMode::Disabled);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
    sqlx::Executor::execute(&mut connection, statement).await.unwrap();
}

async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "never");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
