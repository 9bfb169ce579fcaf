//! What servers and hosts cannot do, and how it is told.

use std::collections::BTreeMap;

use backends::{DataFate, ErrorClass, InstanceSpec, InstanceState, Limits, ProvisionError, Provisioner};

use super::{MARIADB, on_site, operation};

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
