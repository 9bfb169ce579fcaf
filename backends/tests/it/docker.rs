use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backends::conformance::{self, Subject};
use backends::{
    DataFate, DockerConfig, DockerOptions, DockerProvisioner, EngineConfig, ErrorClass, Instance, InstanceSpec,
    InstanceState, Limits, OperationId, Owner, ProvisionError, Provisioner, PullPolicy, TlsFiles, find_program,
};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
    ListVolumesOptionsBuilder, PushImageOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptions,
    RemoveVolumeOptions, TagImageOptionsBuilder,
};
use futures_util::StreamExt;
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

#[tokio::test]
async fn the_docker_provisioner_conforms() {
    on_site("conforms", MARIADB, async |site| conformance::run(site).await).await;
}

#[tokio::test]
async fn the_docker_provisioner_conforms_with_mysql() {
    on_site("mysql", MYSQL, async |site| conformance::run(site).await).await;
}

#[tokio::test]
async fn a_second_server_starts_fast_and_its_container_tells_no_password() {
    for image in [MARIADB, MYSQL] {
        on_site("fast", image, start_two).await;
    }
}

async fn start_two(site: &Site) {
    let provisioner = site.provisioner_with(|_| {});
    provisioner.preflight(&site.spec("shard-1")).await.unwrap();
    for name in ["shard-1", "shard-2"] {
        let began = Instant::now();
        let instance = provisioner.create(&operation(name), &site.spec(name)).await.unwrap();
        println!("{name} ({}) ready after {:?}", instance.server_version.unwrap(), began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(20));
        let inspected = site.docker.inspect_container(instance.id.as_str(), None).await.unwrap();
        let shown = format!("{inspected:?}");
        assert!(!shown.contains(instance.login.password.expose()));
        assert!(!shown.contains("ROOT_PASSWORD"), "{shown}");
    }
}

#[tokio::test]
async fn without_a_template_the_image_fills_the_data_itself() {
    on_site("cold", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|config| config.options.use_template = false);
        let instance = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        assert_eq!(instance.state, InstanceState::Ready);
        // Its root account came from the environment, which everybody with the socket may read.
        let url = instance.address.as_ref().unwrap();
        let inspected = site.docker.inspect_container(instance.id.as_str(), None).await.unwrap();
        let env = inspected.config.unwrap().env.unwrap();
        let password = env.iter().find_map(|line| line.strip_prefix("MARIADB_ROOT_PASSWORD=")).unwrap().to_owned();
        let root = sqlx::mysql::MySqlConnectOptions::new()
            .host(&url.host)
            .port(url.port)
            .username("root")
            .password(&password)
            .ssl_mode(sqlx::mysql::MySqlSslMode::Disabled);
        let refused = sqlx::ConnectOptions::connect(&root).await.map(drop).unwrap_err();
        assert!(refused.to_string().contains("Access denied"), "{refused}");
    })
    .await;
}

/// A create that is dropped after any time leaves something that the same operation finishes.
#[tokio::test]
async fn a_create_that_is_cut_off_anywhere_is_finished_by_the_next() {
    on_site("cut", MARIADB, async |site| {
        site.provisioner_with(|_| {}).preflight(&site.spec("shard-1")).await.unwrap();
        let (mut milliseconds, mut cut_off) = (20, 0);
        let instance = loop {
            let provisioner = site.provisioner_with(|_| {});
            let (operation, spec) = (operation("op-1"), site.spec("shard-1"));
            let create = provisioner.create(&operation, &spec);
            match tokio::time::timeout(Duration::from_millis(milliseconds), create).await {
                Ok(created) => break created.unwrap(),
                Err(_) => cut_off += 1,
            }
            let seen = provisioner.list(&site.owner).await.unwrap();
            assert!(seen.len() <= 1, "{seen:?}");
            milliseconds += milliseconds / 2;
        };
        assert!(cut_off > 3, "cut off {cut_off} times only");
        assert_eq!(instance.state, InstanceState::Ready);
        assert_eq!(site.provisioner_with(|_| {}).list(&site.owner).await.unwrap(), [instance]);
    })
    .await;
}

/// The engine refuses for a moment what a late request of an earlier create still holds; here a container holds the
/// volume that is to be made anew.
#[tokio::test]
async fn what_a_late_request_still_holds_is_waited_for() {
    on_site("late", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|_| {});
        let (operation, spec) = (operation("op-1"), site.spec("shard-1"));
        let half_made = format!("{}.creating", site.container("shard-1"));
        tokio::select! {
            created = provisioner.create(&operation, &spec) => panic!("not cut off: {created:?}"),
            () = async {
                while site.docker.inspect_container(&half_made, None).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            } => {}
        }
        // It may run already or not.
        let _ = site.docker.stop_container(&half_made, None).await;
        let [volume] = site.volumes().await.try_into().unwrap();
        let holder = format!("{}-stranger.holder", site.owner);
        let body = ContainerCreateBody {
            image: Some(MARIADB.to_owned()),
            labels: Some(HashMap::from([("org.sql-autoscaler.owner".to_owned(), format!("{}-stranger", site.owner))])),
            host_config: Some(HostConfig { binds: Some(vec![format!("{volume}:/held")]), ..Default::default() }),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&holder).build();
        site.docker.create_container(Some(options), body).await.unwrap();
        let leave = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            site.remove(&holder).await;
        };
        let (created, ()) = tokio::join!(provisioner.create(&operation, &spec), leave);
        assert_eq!(created.unwrap().state, InstanceState::Ready);
    })
    .await;
}

#[tokio::test]
async fn a_foreign_container_of_the_name_is_never_touched() {
    on_site("foreign", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|_| {});
        let name = site.container("shard-1");
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = ContainerCreateBody { image: Some(MARIADB.to_owned()), ..Default::default() };
        let id = site.docker.create_container(Some(options), body).await.unwrap().id;
        for error in [
            provisioner.preflight(&site.spec("shard-1")).await.unwrap_err(),
            provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err(),
        ] {
            assert_eq!(error.class(), ErrorClass::Conflict, "{error}");
            assert!(error.to_string().contains(&name) && error.to_string().contains("not ours"), "{error}");
        }
        let instance = name.parse().unwrap();
        provisioner.destroy(&operation("op-2"), &instance, DataFate::Remove).await.unwrap();
        assert!(matches!(provisioner.start(&instance).await, Err(ProvisionError::NotFound { .. })));
        assert_eq!(site.docker.inspect_container(&name, None).await.unwrap().id.unwrap(), id);
        site.remove(&name).await;
    })
    .await;
}

#[tokio::test]
async fn a_removed_container_is_made_again_around_its_data() {
    on_site("removed", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|_| {});
        let created = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        sql(&created, "CREATE TABLE app.t (id INT PRIMARY KEY)").await;
        site.remove(created.id.as_str()).await;
        let seen = provisioner.inspect(&created.id).await.unwrap();
        assert_eq!(seen.state, InstanceState::Failed);
        assert_eq!(provisioner.list(&site.owner).await.unwrap(), [seen]);
        let started = provisioner.start(&created.id).await.unwrap();
        assert_eq!((started.state, &started.login), (InstanceState::Ready, &created.login));
        sql(&started, "INSERT INTO app.t VALUES (1)").await;

        // The data of one that is destroyed is kept if that is wanted, also when its container is gone already.
        site.remove(created.id.as_str()).await;
        provisioner.destroy(&operation("op-2"), &created.id, DataFate::Keep).await.unwrap();
        assert_eq!(provisioner.list(&site.owner).await.unwrap(), []);
        let volumes = site.volumes().await;
        assert_eq!(volumes.len(), 2);
        assert_eq!(volumes[1], format!("{}.kept", volumes[0]));
        let next = provisioner.create(&operation("op-3"), &site.spec("shard-1")).await.unwrap();
        sql(&next, "CREATE TABLE app.t (id INT PRIMARY KEY)").await;
        provisioner.destroy(&operation("op-4"), &next.id, DataFate::Remove).await.unwrap();
        assert_eq!(site.volumes().await.len(), 2, "what was kept stays");
    })
    .await;
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_replaced() {
    on_site("port", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|_| {});
        let created = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        sql(&created, "CREATE TABLE app.t (id INT PRIMARY KEY)").await;
        provisioner.stop(&created.id).await.unwrap();
        let port = created.address.as_ref().unwrap().port;
        let _squatter = wait_for(|| std::net::TcpListener::bind(("127.0.0.1", port)).ok()).await;
        let started = provisioner.start(&created.id).await.unwrap();
        assert_eq!(started.state, InstanceState::Ready);
        assert_ne!(started.address.as_ref().unwrap().port, port);
        sql(&started, "INSERT INTO app.t VALUES (1)").await;
    })
    .await;
}

#[tokio::test]
async fn on_a_network_servers_are_reached_by_name_and_a_missing_one_is_told() {
    on_site("network", MARIADB, async |site| {
        let network = format!("{}-net", site.owner);
        let provisioner = site.provisioner_with(|config| config.options.network = Some(network.clone()));
        let error = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err();
        assert!(error.to_string().contains(&format!("docker network create {network}")), "{error}");
        let request = NetworkCreateRequest { name: network.clone(), ..Default::default() };
        site.docker.create_network(request).await.unwrap();
        // This process is not on that network, so the name cannot be looked up: the wait ends by its time.
        let hasty = site.provisioner_with(|config| {
            config.options.network = Some(network.clone());
            config.options.use_template = false;
            config.options.start_timeout = Duration::from_secs(2);
        });
        let error = hasty.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err();
        let half = hasty.list(&site.owner).await.unwrap();
        let inspected = site.docker.inspect_container(&site.container("shard-1.creating"), None).await.unwrap();
        hasty.destroy(&operation("op-2"), &half[0].id, DataFate::Remove).await.unwrap();
        site.docker.remove_network(&network).await.unwrap();
        assert_eq!(error.class(), ErrorClass::Timeout, "{error}");
        assert_eq!(half[0].state, InstanceState::Creating);
        assert_eq!(half[0].address.as_ref().unwrap().to_string(), format!("{}:3306", site.container("shard-1")));
        let aliases = inspected.network_settings.unwrap().networks.unwrap()[&network].aliases.clone().unwrap();
        assert!(aliases.contains(&site.container("shard-1")), "{aliases:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why_and_can_be_destroyed() {
    on_site("broken", MARIADB, async |site| {
        let broken = site.provisioner_with(|config| config.options.extra_args.push("--no-such-option=1".to_owned()));
        broken.preflight(&site.spec("shard-1")).await.unwrap_err();
        let cold = site.provisioner_with(|config| {
            config.options.use_template = false;
            config.options.extra_args.push("--no-such-option=1".to_owned());
        });
        let error = cold.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Program, "{error}");
        assert!(error.to_string().contains("no-such-option"), "{error}");
        let half = cold.list(&site.owner).await.unwrap().remove(0);
        assert_eq!(half.state, InstanceState::Creating);
        // Created and never ready: the same operation makes it anew once the cause is gone.
        let mended = site.provisioner_with(|_| {});
        let made = mended.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        assert_eq!(made.state, InstanceState::Ready);
        mended.destroy(&operation("op-2"), &made.id, DataFate::Remove).await.unwrap();
        assert_eq!(site.volumes().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_killed_for_its_memory_says_so() {
    on_site("oom", MARIADB, async |site| {
        let spec =
            InstanceSpec { limits: Limits { cpu_cores: None, memory_bytes: Some(8 << 20) }, ..site.spec("shard-1") };
        let provisioner = site.provisioner_with(|_| {});
        provisioner.preflight(&site.spec("shard-1")).await.unwrap();
        let error = provisioner.create(&operation("op-1"), &spec).await.unwrap_err();
        assert!(matches!(error, ProvisionError::OutOfMemory { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Quota);
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_one() {
    on_site("full", MARIADB, async |site| {
        // A file system of 20 MB in memory, too small for InnoDB's first files.
        let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=20m")];
        let provisioner = site.provisioner_with(|config| {
            config.options.use_template = false;
            config.options.volume_driver = Some("local".to_owned());
            config.options.volume_options =
                BTreeMap::from(options.map(|(key, value)| (key.to_owned(), value.to_owned())));
        });
        let error = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Quota, "{error}");
    })
    .await;
}

#[tokio::test]
async fn limits_above_the_host_and_images_that_are_no_database_are_refused_before_anything_is_made() {
    on_site("refused", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|_| {});
        let spec =
            InstanceSpec { limits: Limits { cpu_cores: Some(10_000.0), memory_bytes: None }, ..site.spec("shard-1") };
        for error in [
            provisioner.preflight(&spec).await.unwrap_err(),
            provisioner.create(&operation("op-1"), &spec).await.unwrap_err(),
        ] {
            assert_eq!(error.class(), ErrorClass::Quota, "{error}");
            assert!(error.to_string().contains("CPU cores, and the limit is 10000"), "{error}");
        }
        let error_with = async |image: &str| {
            let provisioner = site.provisioner_with(|config| config.options.image = image.to_owned());
            provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap_err()
        };
        let error = error_with("debian:bookworm-slim").await;
        assert!(
            matches!(error, ProvisionError::NoDatabaseImage { .. } | ProvisionError::ImageMissing { .. }),
            "{error}"
        );
        let error = error_with("mariadb:no-such-tag").await;
        assert!(error.to_string().contains("mariadb:no-such-tag is not on the engine"), "{error}");
        let nowhere = site.provisioner_with(|config| {
            config.options.placement = BTreeMap::from([("zone".to_owned(), "moon".to_owned())]);
        });
        let error = nowhere.preflight(&site.spec("shard-1")).await.unwrap_err();
        assert!(error.to_string().contains("it has no label zone=moon"), "{error}");
        assert_eq!(provisioner.list(&site.owner).await.unwrap(), []);
        assert_eq!(site.volumes().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_told_with_its_name() {
    on_site("pull", MARIADB, async |site| {
        let provisioner = site.provisioner_with(|config| {
            config.options.pull = PullPolicy::Missing;
            // Nothing listens there, so it fails at once wherever the test runs.
            config.options.image = "127.0.0.1:1/mariadb:11.8".to_owned();
        });
        let error = provisioner.preflight(&site.spec("shard-1")).await.unwrap_err();
        assert!(matches!(error, ProvisionError::PullFailed { .. }), "{error:?}");
        assert!(error.to_string().contains("127.0.0.1:1/mariadb:11.8"), "{error}");
    })
    .await;
}

/// From a registry of our own on loopback, which engines take for a trusted one.
#[tokio::test]
async fn a_missing_image_is_pulled() {
    on_site("registry", MARIADB, async |site| {
        let Some(registry) = Registry::start(site.folder.path()).await else { return };
        let image = format!("127.0.0.1:{}/mariadb", registry.port);
        let tag = TagImageOptionsBuilder::default().repo(&image).tag("11.8").build();
        site.docker.tag_image(MARIADB, Some(tag)).await.unwrap();
        let push = PushImageOptionsBuilder::default().tag("11.8").build();
        let pushed: Vec<_> = site.docker.push_image(&image, Some(push), None).collect().await;
        assert!(pushed.iter().all(Result::is_ok), "{pushed:?}");
        // The tag goes, and the layers that other tags need stay.
        let name = format!("{image}:11.8");
        let untag = async || site.docker.remove_image(&name, None::<RemoveImageOptions>, None).await;
        untag().await.unwrap();
        let never = site.provisioner_with(|config| config.options.image = name.clone());
        let error = never.preflight(&site.spec("shard-1")).await.unwrap_err();
        assert!(matches!(error, ProvisionError::ImageMissing { .. }), "{error}");
        let pulling = site.provisioner_with(|config| {
            config.options.image = name.clone();
            config.options.pull = PullPolicy::Missing;
            config.options.use_template = false;
        });
        pulling.preflight(&site.spec("shard-1")).await.unwrap();
        site.docker.inspect_image(&name).await.unwrap();
        let absent = site.provisioner_with(|config| {
            config.options.image = format!("{image}:no-such-tag");
            config.options.pull = PullPolicy::Missing;
        });
        let error = absent.preflight(&site.spec("shard-1")).await.unwrap_err();
        untag().await.unwrap();
        assert!(matches!(error, ProvisionError::PullFailed { .. }), "{error}");
        assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
    })
    .await;
}

struct Registry {
    port: u16,
    _process: tokio::process::Child,
}

impl Registry {
    async fn start(folder: &Path) -> Option<Registry> {
        let Some(program) = find_program(&["docker-registry"]) else {
            println!("SKIPPED: no docker-registry is installed (Debian: docker-registry)");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("registry.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            folder.join("registry").display()
        );
        std::fs::write(&config, text).unwrap();
        let process = tokio::process::Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        wait_for(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Some(Registry { port, _process: process })
    }
}

/// By a relay that speaks TLS with both sides' certificates, as a remote engine does.
#[tokio::test]
async fn an_engine_behind_tls_is_used_by_its_certificates_only() {
    on_site("tls", MARIADB, async |site| {
        let Some(front) = TlsFront::start(site.folder.path()).await else { return };
        let with = |tls: Option<TlsFiles>| {
            site.provisioner_with(|config| {
                let host = Some(format!("tcp://localhost:{}", front.port));
                config.options.engines = vec![EngineConfig { host, tls, ..EngineConfig::default() }];
                config.options.use_template = false;
            })
        };
        let file = |name: &str| site.folder.path().join(name);
        let ours = TlsFiles { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
        with(Some(ours.clone())).preflight(&site.spec("shard-1")).await.unwrap();
        // Certificates of somebody else: neither side trusts the other.
        let other = site.folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        make_certificates(&other).await;
        let stranger = TlsFiles { ca: other.join("ca.pem"), ..ours };
        for tls in [Some(stranger), None] {
            let error = with(tls).preflight(&site.spec("shard-1")).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Transient, "{error:?}");
            assert!(error.to_string().contains("no Docker engine answers at tcp://localhost:"), "{error}");
        }
    })
    .await;
}

struct TlsFront {
    port: u16,
    _process: tokio::process::Child,
}

impl TlsFront {
    async fn start(folder: &Path) -> Option<TlsFront> {
        let (Some(stunnel), Some(_)) = (find_program(&["stunnel4"]), find_program(&["openssl"])) else {
            println!("SKIPPED: no stunnel or openssl is installed (Debian: stunnel4 openssl)");
            return None;
        };
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let Some(socket) = host.strip_prefix("unix://") else {
            println!("SKIPPED: {host} is no socket to stand in front of");
            return None;
        };
        make_certificates(folder).await;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = |name: &str| folder.join(name).display().to_string();
        let (ca, cert, key) = (path("ca.pem"), path("cert.pem"), path("key.pem"));
        let text = format!(
            "foreground = yes\npid =\n[docker]\naccept = 127.0.0.1:{port}\nconnect = {socket}\n\
             CAfile = {ca}\ncert = {cert}\nkey = {key}\nverifyChain = yes\n"
        );
        let config = folder.join("stunnel.conf");
        std::fs::write(&config, text).unwrap();
        let process = tokio::process::Command::new(stunnel)
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        wait_for(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        Some(TlsFront { port, _process: process })
    }
}

/// An authority, and one certificate by it for both sides.
async fn make_certificates(folder: &Path) {
    let openssl = async |line: &str| {
        let output =
            tokio::process::Command::new("openssl").args(line.split(' ')).current_dir(folder).output().await.unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!("req -x509 {key} -keyout ca-key.pem -out ca.pem -subj /CN=test-authority")).await;
    openssl(&format!("req {key} -keyout key.pem -out request.pem -subj /CN=localhost")).await;
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out cert.pem -extfile names",
    )
    .await;
}

/// A dead engine among several gets nothing, and does not stop the others.
#[tokio::test]
async fn one_of_several_engines_may_be_away() {
    on_site("engines", MARIADB, async |site| {
        let two = site.provisioner_with(|config| {
            let dead = EngineConfig { host: Some("tcp://127.0.0.1:1".to_owned()), ..EngineConfig::default() };
            config.options.engines.insert(0, dead);
        });
        let created = two.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        assert_eq!(created.state, InstanceState::Ready);
        assert_eq!(two.inspect(&created.id).await.unwrap(), created);
        let again = two.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        assert_eq!(again, created);
        // Whether the other one has instances nobody can tell, so a list would not be whole.
        assert_eq!(two.list(&site.owner).await.unwrap_err().class(), ErrorClass::Transient);
    })
    .await;
}

/// By a relay that goes away, since this machine's engine must not be restarted under others.
#[tokio::test]
async fn an_engine_that_is_restarted_in_the_middle_is_survived() {
    on_site("restart", MARIADB, async |site| {
        let Some(mut relay) = Relay::start(&site.folder).await else { return };
        let provisioner = site.provisioner_with(|config| {
            config.options.engines =
                vec![EngineConfig { host: Some(relay.host()), publish_address: None, ..EngineConfig::default() }];
        });
        let created = provisioner.create(&operation("op-1"), &site.spec("shard-1")).await.unwrap();
        // Cut off while it works on a second one.
        let (second, spec) = (operation("op-2"), site.spec("shard-2"));
        let cut = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            relay.stop().await;
        };
        let (result, ()) = tokio::join!(provisioner.create(&second, &spec), cut);
        let error = result.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error:?}");
        assert_eq!(provisioner.inspect(&created.id).await.unwrap_err().class(), ErrorClass::Transient);
        relay.restart().await;
        let finished = provisioner.create(&second, &spec).await.unwrap();
        assert_eq!(finished.state, InstanceState::Ready);
        assert_eq!(provisioner.list(&site.owner).await.unwrap(), [created, finished]);
    })
    .await;
}

/// Stands between us and the engine, and can go away as an engine does.
struct Relay {
    path: PathBuf,
    engine: PathBuf,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Relay {
    async fn start(folder: &TempDir) -> Option<Relay> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let Some(engine) = host.strip_prefix("unix://") else {
            println!("SKIPPED: {host} is no socket to stand in front of");
            return None;
        };
        let mut relay = Relay { path: folder.path().join("docker.sock"), engine: engine.into(), task: None };
        relay.restart().await;
        Some(relay)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    async fn restart(&mut self) {
        let listener = tokio::net::UnixListener::bind(&self.path).unwrap();
        let engine = self.engine.clone();
        self.task = Some(tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let engine = engine.clone();
                open.spawn(async move {
                    let mut server = tokio::net::UnixStream::connect(&engine).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }));
    }

    async fn stop(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
        std::fs::remove_file(&self.path).unwrap();
    }
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
