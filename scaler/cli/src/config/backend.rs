//! The key `backend`: how new shards come about.

use std::collections::BTreeMap;
use std::time::Duration;

use backends::{DockerOptions, EngineConfig, InstanceName, Limits, PullPolicy, Restart, TlsFiles};
use keyspace::endpoint::Endpoint;

use super::values::{dsns, seconds};
use crate::config::json::{Object, Value};
use crate::config::{Backend, BackendKind};

/// Below this InnoDB does not start.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;

#[derive(Clone, Copy)]
enum Kind {
    Process,
    Docker,
    Static,
}

pub fn backend(value: Value<'_>) -> Option<Backend> {
    let mut object = value.object()?;
    let kinds = [("process", Kind::Process), ("docker", Kind::Docker), ("static", Kind::Static)];
    let kind = match object.take("kind") {
        None => Kind::Process,
        // The options of a kind that nobody knows cannot be judged.
        Some(kind) => kind.choice(&kinds)?,
    };
    let limits = Limits {
        cpu_cores: object
            .take_optional("cpu_cores")
            .and_then(|cores| cores.number("a number of CPU cores of at least 0.01", |cores| cores >= 0.01)),
        memory_bytes: object
            .take_optional("memory_bytes")
            .and_then(|bytes| bytes.integer(LEAST_MEMORY_BYTES..=1 << 50)),
    };
    let kind = match kind {
        Kind::Process => BackendKind::Process,
        Kind::Docker => BackendKind::Docker(Box::new(docker(&mut object))),
        Kind::Static => BackendKind::Static(pool(&mut object)),
    };
    object.finish();
    Some(Backend { kind, limits })
}

fn docker(object: &mut Object<'_>) -> DockerOptions {
    let pulls = [("missing", PullPolicy::Missing), ("always", PullPolicy::Always), ("never", PullPolicy::Never)];
    let restarts = [("unless-stopped", Restart::UnlessStopped), ("on-failure", Restart::OnFailure)];
    let engines = object.take_optional("engines").and_then(Value::list).unwrap_or_default();
    let mut engines: Vec<EngineConfig> = engines.into_iter().filter_map(engine).collect();
    if engines.is_empty() {
        engines.push(EngineConfig::default());
    }
    let default = DockerOptions::default();
    let mut duration = |key, default: Duration| {
        let given = object.take(key).and_then(|value| seconds(&value, "a number of seconds of at least 1", 1.0));
        given.unwrap_or(default)
    };
    let start_timeout = duration("start_timeout_seconds", default.start_timeout);
    let stop_grace = duration("stop_grace_seconds", default.stop_grace);
    DockerOptions {
        image: object.take("image").and_then(|image| image.name()).unwrap_or(default.image),
        pull: object.take("pull").and_then(|pull| pull.choice(&pulls)).unwrap_or_default(),
        engines,
        network: object.take_optional("network").and_then(|network| network.name()),
        labels: texts(object, "labels"),
        placement: texts(object, "placement"),
        restart: object.take("restart").and_then(|restart| restart.choice(&restarts)).unwrap_or_default(),
        use_template: object.take("template").and_then(|template| template.boolean()).unwrap_or(true),
        extra_args: object
            .take_optional("args")
            .and_then(Value::list)
            .unwrap_or_default()
            .iter()
            .filter_map(|arg| {
                let text = arg.name()?;
                if !text.starts_with('-') {
                    arg.mistake(format!(
                        "expected an option of the server such as --max-connections=1000, found `{text}`"
                    ));
                }
                Some(text)
            })
            .collect(),
        volume_driver: object.take_optional("volume_driver").and_then(|driver| driver.name()),
        volume_options: texts(object, "volume_options"),
        disk_bytes: object.take_optional("disk_bytes").and_then(|bytes| bytes.integer(LEAST_MEMORY_BYTES..=1 << 60)),
        measured: measured(object),
        start_timeout,
        stop_grace,
        ports: default.ports,
    }
}

fn engine(value: Value<'_>) -> Option<EngineConfig> {
    let mut object = value.object()?;
    let host = object.take("host");
    if let Some(host) = &host
        && let Some(text) = host.name()
        && !["unix://", "tcp://"].iter().any(|scheme| text.starts_with(scheme))
    {
        host.mistake(format!("expected unix:///path or tcp://host:port, found `{text}`"));
    }
    let publish_address = object.take_optional("publish_address").and_then(|address| {
        let text = address.name()?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            address.mistake(format!("expected an IP address, found `{text}`"));
        }
        parsed
    });
    let engine = EngineConfig {
        host: host.and_then(|host| host.name()),
        publish_address,
        labels: texts(&mut object, "labels"),
        tls: object.take_optional("tls").and_then(tls),
    };
    object.finish();
    Some(engine)
}

fn tls(value: Value<'_>) -> Option<TlsFiles> {
    let path = value.path.clone();
    let mut object = value.object()?;
    let mut file = |key| object.take(key).and_then(|file| file.file());
    let files = (file("ca_file"), file("cert_file"), file("key_file"));
    let document = object.document();
    object.finish();
    match files {
        (Some(ca), Some(cert), Some(key)) => Some(TlsFiles { ca, cert, key }),
        _ => {
            document.mistake(path, "needs `ca_file`, `cert_file` and `key_file`");
            None
        }
    }
}

/// Names that the user chose, and text for each.
fn texts(object: &mut Object<'_>, key: &'static str) -> BTreeMap<String, String> {
    let Some(object) = object.take_optional(key).and_then(Value::object) else { return BTreeMap::new() };
    object.into_entries().filter_map(|(name, value)| Some((name, value.text()?))).collect()
}

fn measured(object: &mut Object<'_>) -> BTreeMap<InstanceName, String> {
    let Some(object) = object.take_optional("measured").and_then(Value::object) else { return BTreeMap::new() };
    let entry = |(name, value): (String, Value<'_>)| match InstanceName::new(name) {
        Ok(name) => Some((name, value.name()?)),
        Err(error) => {
            value.mistake(error.to_string());
            None
        }
    };
    object.into_entries().filter_map(entry).collect()
}

fn pool(object: &mut Object<'_>) -> Vec<Endpoint> {
    let misfit = |endpoint: &Endpoint| match endpoint.tcp_address() {
        Some(_) => None,
        None => Some("a server of the pool is reached over TCP"),
    };
    let servers = dsns(object, "pool", "pool_file", &misfit);
    if servers.is_none() {
        object.document().mistake("backend.pool", "the backend `static` needs its servers' DSNs");
    }
    servers.unwrap_or_default()
}
