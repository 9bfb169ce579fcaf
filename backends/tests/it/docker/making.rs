//! Containers that are made, found and made again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use backends::conformance;
use backends::{DataFate, ErrorClass, InstanceState, ProvisionError, Provisioner};
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::{MARIADB, MYSQL, Site, on_site, operation, sql, wait_for};

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
