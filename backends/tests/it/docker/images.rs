//! Where images come from.

use std::path::Path;
use std::process::Stdio;

use backends::{ErrorClass, ProvisionError, Provisioner, PullPolicy, find_program};
use bollard::query_parameters::{PushImageOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder};
use futures_util::StreamExt;

use super::{MARIADB, on_site, wait_for};

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
