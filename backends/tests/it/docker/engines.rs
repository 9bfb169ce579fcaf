//! Engines that are remote, several, or away.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use backends::{EngineConfig, ErrorClass, InstanceState, Provisioner, TlsFiles, find_program};
use tempfile::TempDir;

use super::{MARIADB, on_site, operation, wait_for};

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
