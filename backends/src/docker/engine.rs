//! One Docker engine: how it is reached, and what its errors mean.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use tokio::sync::OnceCell;

use crate::{ErrorClass, ProvisionError};

/// An engine to run containers on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// `unix:///path`, `tcp://host:port`; `None`: what `DOCKER_HOST` says, else the socket of this machine's
    /// engine, rootless ones included.
    pub host: Option<String>,
    /// The address of the engine's machine on which containers are published and reached. `None`: loopback for a
    /// socket, the address in a `tcp://` host.
    pub publish_address: Option<IpAddr>,
    /// Labels to place by, besides those that the engine has itself.
    pub labels: BTreeMap<String, String>,
    /// For a `tcp://` host that speaks TLS. `None` with `DOCKER_TLS_VERIFY` set: the files in `DOCKER_CERT_PATH`.
    pub tls: Option<TlsFiles>,
}

/// PEM files that an engine and we know each other by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files of a folder by the names that the Docker command line gives them.
    fn of_folder(folder: &Path) -> TlsFiles {
        TlsFiles { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }
}

/// Where engines listen unless they are rootless.
const SOCKET: &str = "/var/run/docker.sock";

/// The API of Docker 20.10.
const OLDEST_API: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };

#[derive(Debug)]
pub(super) struct Engine {
    /// As people name it, for example `unix:///var/run/docker.sock`.
    pub(super) host: String,
    pub(super) publish_address: IpAddr,
    pub(super) labels: BTreeMap<String, String>,
    tls: Option<TlsFiles>,
    timeout: Duration,
    client: OnceCell<Docker>,
}

impl Engine {
    /// Checks the configuration and connects to nothing. A request that takes longer than `timeout` fails.
    pub(super) fn new(config: &EngineConfig, timeout: Duration) -> Result<Self, ProvisionError> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let from_env = if config.host.is_none() { env("DOCKER_HOST") } else { None };
        let host = config.host.clone().or(from_env.clone()).unwrap_or_else(|| local_socket(&env, SOCKET));
        let bad = |reason: &str| ProvisionError::BadEngine { engine: host.clone(), reason: reason.to_owned() };
        let is_socket = host.starts_with("unix://");
        let address = host.strip_prefix("tcp://").or(host.strip_prefix("https://"));
        if !is_socket && address.is_none() {
            return Err(bad("it must begin with unix:// or tcp:// (for an engine behind ssh, forward its socket)"));
        }
        let tls_from_env = from_env.is_some() && address.is_some() && env("DOCKER_TLS_VERIFY").is_some();
        let tls = match (&config.tls, tls_from_env) {
            (Some(_), _) if is_socket => return Err(bad("a socket has no TLS")),
            (Some(files), _) => Some(files.clone()),
            (None, true) => {
                let folder = env("DOCKER_CERT_PATH").map(PathBuf::from);
                let home = || env("HOME").map(|home| Path::new(&home).join(".docker"));
                let folder = folder.or_else(home).ok_or_else(|| bad("DOCKER_TLS_VERIFY needs DOCKER_CERT_PATH"))?;
                Some(TlsFiles::of_folder(&folder))
            }
            (None, false) => None,
        };
        let publish_address = config.publish_address.unwrap_or_else(|| {
            let name = address.and_then(|address| address.rsplit_once(':')).map(|(name, _)| name);
            name.and_then(|name| name.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
        });
        Ok(Self { publish_address, labels: config.labels.clone(), tls, timeout, client: OnceCell::new(), host })
    }

    /// Whether it runs on this machine, so that its ports and folders can be looked at.
    pub(super) fn is_local(&self) -> bool {
        self.host.starts_with("unix://")
    }

    /// The connection, made and the API agreed on when first needed.
    pub(super) async fn client(&self) -> Result<&Docker, ProvisionError> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Docker, ProvisionError> {
        let seconds = self.timeout.as_secs();
        let client = match &self.tls {
            _ if self.is_local() => Docker::connect_with_unix(&self.host, seconds, API_DEFAULT_VERSION),
            None => Docker::connect_with_http(&self.host, seconds, API_DEFAULT_VERSION),
            Some(files) => {
                Docker::connect_with_ssl(&self.host, &files.key, &files.cert, &files.ca, seconds, API_DEFAULT_VERSION)
            }
        };
        let client = client.map_err(self.failed("connect"))?;
        let version = client.version().await.map_err(self.failed("tell its version"))?;
        let api = version.api_version.unwrap_or_default();
        let spoken = api.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let (major_version, minor_version): (usize, usize) = spoken.unwrap_or_default();
        let needed = &OLDEST_API;
        if (major_version, minor_version) < (needed.major_version, needed.minor_version) {
            let needed = format!("{}.{}", needed.major_version, needed.minor_version);
            return Err(ProvisionError::EngineTooOld { engine: self.host.clone(), has: api, needed });
        }
        let version = version.version.unwrap_or_default();
        tracing::debug!(engine = self.host, version, api, "connected to a Docker engine");
        client.negotiate_version().await.map_err(self.failed("agree on an API version"))
    }

    /// For `map_err`: what the engine was to do, and what kind of trouble it had.
    pub(super) fn failed(&self, doing: impl Into<String>) -> impl FnOnce(Error) -> ProvisionError {
        let (engine, doing) = (self.host.clone(), doing.into());
        move |error| {
            if let Some(remedy) = remedy_of_unreachable(&error) {
                return ProvisionError::EngineUnreachable { engine, remedy, source: Box::new(error) };
            }
            ProvisionError::Engine { engine, doing, class: class_of(&error), source: Box::new(error) }
        }
    }
}

/// The socket of this machine's engine: the usual one, else a rootless one if there is one.
fn local_socket(env: &dyn Fn(&str) -> Option<String>, usual: &str) -> String {
    let rootless = [
        env("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/docker.sock")),
        env("HOME").map(|home| format!("{home}/.docker/run/docker.sock")),
    ];
    let candidates = std::iter::once(usual.to_owned()).chain(rootless.into_iter().flatten());
    let found = candidates.into_iter().find(|path| Path::new(path).exists());
    format!("unix://{}", found.as_deref().unwrap_or(usual))
}

/// What to do about an engine that cannot be spoken to; `None` if it answered.
fn remedy_of_unreachable(error: &Error) -> Option<&'static str> {
    const START: &str = "start it (`systemctl start docker`), or name another one in `backend.engines` or DOCKER_HOST";
    match error {
        Error::SocketNotFoundError(_) => return Some(START),
        Error::HyperResponseError { .. } | Error::HyperLegacyError { .. } | Error::IOError { .. } => {}
        _ => return None,
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => {
                return Some("this user may not use its socket: join the group docker, or use a rootless engine");
            }
            Some(io::ErrorKind::InvalidData) => return Some("it is not trusted: look at its TLS files"),
            _ => cause = error.source(),
        }
    }
    Some(START)
}

fn class_of(error: &Error) -> ErrorClass {
    let (status, message) = match error {
        Error::DockerResponseServerError { status_code, message } => (*status_code, message.as_str()),
        Error::DockerStreamError { error } => (500, error.as_str()),
        Error::RequestTimeoutError => return ErrorClass::Timeout,
        _ => return ErrorClass::Transient,
    };
    let says = |text: &str| message.contains(text);
    if says("port is already allocated") || says("address already in use") {
        return ErrorClass::Port;
    }
    if says("no space left on device") || says("annot allocate memory") {
        return ErrorClass::Quota;
    }
    match status {
        401 | 403 => ErrorClass::Auth,
        409 => ErrorClass::Conflict,
        400..=499 => ErrorClass::Permanent,
        _ => ErrorClass::Transient,
    }
}

/// Whether the engine says that there is no such thing.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Turns "there is no such thing" into `None`.
pub(super) fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(host: &str) -> Result<Engine, ProvisionError> {
        Engine::new(&EngineConfig { host: Some(host.to_owned()), ..EngineConfig::default() }, Duration::from_secs(5))
    }

    #[test]
    fn containers_are_published_where_the_engine_is() {
        let address = |host: &str| engine(host).unwrap().publish_address.to_string();
        assert_eq!(address("unix:///run/docker.sock"), "127.0.0.1");
        assert_eq!(address("tcp://10.0.0.7:2376"), "10.0.0.7");
        assert_eq!(address("tcp://proxy:2375"), "127.0.0.1");
    }

    #[test]
    fn an_engine_that_cannot_be_spoken_to_is_refused_at_once() {
        let error = engine("ssh://host").unwrap_err();
        assert!(error.to_string().contains("forward its socket"), "{error}");
    }

    #[test]
    fn the_kind_of_trouble_is_read_from_what_the_engine_says() {
        let check = |status_code, message: &str, class| {
            let error = Error::DockerResponseServerError { status_code, message: message.to_owned() };
            assert_eq!(class_of(&error), class, "{message}");
        };
        check(500, "driver failed: Bind for 127.0.0.1:1 failed: port is already allocated", ErrorClass::Port);
        check(500, "write /var/lib/docker/x: no space left on device", ErrorClass::Quota);
        check(409, "Conflict. The container name is already in use", ErrorClass::Conflict);
        check(403, "Forbidden", ErrorClass::Auth);
        check(400, "bad", ErrorClass::Permanent);
        check(502, "bad gateway", ErrorClass::Transient);
    }

    #[test]
    fn a_rootless_socket_is_found_where_there_is_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        std::fs::write(&socket, "").unwrap();
        let runtime = folder.path().display().to_string();
        let found = local_socket(&|name| (name == "XDG_RUNTIME_DIR").then(|| runtime.clone()), "/nowhere/docker.sock");
        assert_eq!(found, format!("unix://{}", socket.display()));
        assert_eq!(local_socket(&|_| None, "/nowhere/docker.sock"), "unix:///nowhere/docker.sock");
    }

    #[tokio::test]
    async fn an_engine_that_is_too_old_is_told_with_both_versions() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let old = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let body = r#"{"Version":"18.09","ApiVersion":"1.39"}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = engine(&host).unwrap().client().await.map(drop).unwrap_err();
        old.await.unwrap();
        assert!(error.to_string().contains("speaks API 1.39, and 1.41 is needed"), "{error}");
        assert_eq!(error.class(), ErrorClass::Permanent);
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_says_what_to_do() {
        for host in ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"] {
            let error = engine(host).unwrap().client().await.map(drop).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Transient);
            assert!(error.to_string().contains("systemctl start docker"), "{error}");
            assert!(error.to_string().contains(host), "{error}");
        }
    }
}
