use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backends::conformance::{self, Subject};
use backends::{
    DataFate, ErrorClass, Instance, InstanceSpec, InstanceState, Limits, OperationId, Owner, ProcessConfig,
    ProcessProvisioner, ProvisionError, Provisioner, find_program,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A machine of its own in a temporary folder, with nothing left running when it is dropped.
struct Machine {
    folder: TempDir,
    program: Option<PathBuf>,
}

impl Machine {
    /// `None`, and said so, where no server is installed.
    fn new() -> Option<Self> {
        if find_program(&["mariadbd", "mysqld"]).is_none() {
            println!("SKIPPED: neither mariadbd nor mysqld is installed (Debian: mariadb-server)");
            return None;
        }
        // Users have folders with blanks and more in their names.
        let folder = tempfile::Builder::new().prefix("a folder's ").tempdir().unwrap();
        Some(Self { folder, program: None })
    }

    /// With the MySQL that `.ci/install-mysql` puts beside the machine's MariaDB.
    fn with_mysql() -> Option<Self> {
        let cache = match std::env::var_os("XDG_CACHE_HOME") {
            Some(cache) => PathBuf::from(cache),
            None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
        };
        let program = cache.join("sql-autoscaler/mysql-root/mysqld");
        if !program.exists() {
            println!("SKIPPED: no MySQL in {} (.ci/install-mysql)", program.display());
            return None;
        }
        Some(Self { folder: tempfile::tempdir().unwrap(), program: Some(program) })
    }

    fn config(&self, owner: &Owner) -> ProcessConfig {
        let mut config = ProcessConfig::new(owner.clone(), self.folder.path().join("backend"));
        config.program.clone_from(&self.program);
        config
    }

    fn process(&self, owner: &Owner) -> ProcessProvisioner {
        ProcessProvisioner::new(self.config(owner)).unwrap()
    }

    fn instance_file(&self, instance: &str, file: &str) -> PathBuf {
        let instances = self.folder.path().join("backend/instances");
        instances.join(instance).join(file)
    }
}

impl Drop for Machine {
    /// Also when a check has failed: kills the servers whose data is in our folder.
    fn drop(&mut self) {
        let ours = format!("--datadir={}/", self.folder.path().display());
        for pid in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = pid.file_name().to_str().and_then(|pid| pid.parse().ok()) else {
                continue;
            };
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.contains(&ours) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

#[async_trait]
impl Subject for Machine {
    fn provisioner(&self, owner: &Owner) -> Arc<dyn Provisioner> {
        Arc::new(self.process(owner))
    }

    async fn crash(&self, instance: &Instance) {
        let pid = instance.pid.expect("a running server has a pid");
        kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    }
}

fn owner() -> Owner {
    "demo".parse().unwrap()
}

fn spec(name: &str) -> InstanceSpec {
    InstanceSpec { owner: owner(), name: name.parse().unwrap(), database: "app".into(), limits: Limits::default() }
}

fn operation(id: &str) -> OperationId {
    id.parse().unwrap()
}

#[tokio::test]
async fn the_process_provisioner_conforms() {
    let Some(machine) = Machine::new() else {
        return;
    };
    conformance::run(&machine).await;
    conformance::clean_up(&machine).await;
}

#[tokio::test]
async fn the_process_provisioner_conforms_with_mysql() {
    let Some(machine) = Machine::with_mysql() else {
        return;
    };
    conformance::run(&machine).await;
    conformance::clean_up(&machine).await;
}

#[tokio::test]
async fn a_second_instance_starts_fast_and_nobody_else_may_read_its_files() {
    for machine in [Machine::new(), Machine::with_mysql()].into_iter().flatten() {
        create_three_and_check_files(&machine).await;
    }
}

async fn create_three_and_check_files(machine: &Machine) {
    let provisioner = machine.process(&owner());
    let began = Instant::now();
    provisioner.preflight(&spec("shard-1")).await.unwrap();
    println!("template made after {:?}", began.elapsed());
    for name in ["shard-1", "shard-2", "shard-3"] {
        let began = Instant::now();
        let instance = provisioner.create(&operation(name), &spec(name)).await.unwrap();
        let version = instance.server_version.as_deref().unwrap();
        println!("{name} ({version}) ready after {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(10));
        check_private(&machine.instance_file(instance.id.as_str(), ""));
        assert!(!machine.instance_file(instance.id.as_str(), "init.sql").exists());
    }
}

fn check_private(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_dir() {
            assert_eq!(mode, 0o700, "{:?}", entry.path());
            check_private(&entry.path());
        } else if metadata.is_file() {
            // Servers write a few files of no secret with a mode of their own; the folders above
            // keep everybody out of those.
            let in_data = entry.path().components().any(|part| part.as_os_str() == "data");
            assert!(mode == 0o600 || in_data, "{:?} has mode {mode:o}", entry.path());
        }
    }
}

/// A create that is dropped after any time leaves something that the same operation finishes.
#[tokio::test]
async fn a_create_that_is_cut_off_anywhere_is_finished_by_the_next() {
    let Some(machine) = Machine::new() else {
        return;
    };
    machine.process(&owner()).preflight(&spec("shard-1")).await.unwrap();
    let mut milliseconds = 1;
    let mut cut_off = 0;
    let instance = loop {
        let provisioner = machine.process(&owner());
        let (operation, spec) = (operation("op-1"), spec("shard-1"));
        let create = provisioner.create(&operation, &spec);
        match tokio::time::timeout(Duration::from_millis(milliseconds), create).await {
            Ok(created) => break created.unwrap(),
            Err(_) => cut_off += 1,
        }
        let seen = provisioner.list(&owner()).await.unwrap();
        assert!(seen.iter().all(|i| i.state == InstanceState::Creating), "{seen:?}");
        milliseconds += milliseconds / 2 + 1;
    };
    assert!(cut_off > 3, "cut off {cut_off} times only");
    assert_eq!(instance.state, InstanceState::Ready);
    assert_eq!(machine.process(&owner()).list(&owner()).await.unwrap(), [instance]);
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why_and_can_be_destroyed() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let mut config = machine.config(&owner());
    config.extra_args = vec!["--no-such-option=1".into()];
    let provisioner = ProcessProvisioner::new(config).unwrap();
    let error = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Program);
    assert!(error.to_string().contains("no-such-option"), "{error}");
    let half = provisioner.list(&owner()).await.unwrap().remove(0);
    assert_eq!((half.state, half.pid), (InstanceState::Creating, None));

    let mended = machine.process(&owner());
    mended.destroy(&operation("op-2"), &half.id, DataFate::Remove).await.unwrap();
    assert_eq!(mended.list(&owner()).await.unwrap(), []);
    assert!(!machine.instance_file(half.id.as_str(), "").exists());
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_replaced() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let provisioner = machine.process(&owner());
    let created = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap();
    provisioner.stop(&created.id).await.unwrap();
    let port = created.address.as_ref().unwrap().port;
    let _squatter = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let started = provisioner.start(&created.id).await.unwrap();
    assert_eq!(started.state, InstanceState::Ready);
    assert_ne!(started.address.unwrap().port, port);
}

#[tokio::test]
async fn kept_data_is_set_aside() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let provisioner = machine.process(&owner());
    let created = provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap();
    provisioner.destroy(&operation("op-2"), &created.id, DataFate::Keep).await.unwrap();
    let kept = machine.folder.path().join("backend/kept").join(format!("{}.op-2", created.id));
    assert!(kept.join("data/ibdata1").exists());
    let process = PathBuf::from(format!("/proc/{}", created.pid.unwrap()));
    let began = Instant::now();
    // It has ended and is reaped in a moment.
    while process.exists() {
        assert!(began.elapsed() < Duration::from_secs(10), "{process:?} is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn preflight_refuses_what_create_could_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ProcessConfig::new(owner(), folder.path().join("backend"));
    config.min_free_bytes = u64::MAX;
    let provisioner = ProcessProvisioner::new(config).unwrap();
    let full = provisioner.preflight(&spec("shard-1")).await.unwrap_err();
    assert_eq!(full.class(), ErrorClass::Quota, "{full}");
    let quoted = InstanceSpec { database: "a`b".into(), ..spec("shard-1") };
    let error = provisioner.preflight(&quoted).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
}

#[tokio::test]
async fn a_missing_program_leaves_no_instance_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = ProcessConfig::new(owner(), folder.path().join("backend"));
    config.program = Some("/nowhere/mariadbd".into());
    let provisioner = ProcessProvisioner::new(config).unwrap();
    for error in [
        provisioner.preflight(&spec("shard-1")).await.unwrap_err(),
        provisioner.create(&operation("op-1"), &spec("shard-1")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ProvisionError::ProgramMissing { .. }), "{error}");
        assert!(error.to_string().contains("mariadb-server"), "{error}");
    }
    assert_eq!(provisioner.list(&owner()).await.unwrap(), []);
}
