//! The keys of the configuration, in the order of its documentation.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use backends::Owner;
use door::{DoorLimits, Hosts};
use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::{Shard, ShardId};

use super::json::{Document, Object, Value};
use super::values::{dsn_mistake, dsns, seconds};
use crate::config::{
    BackendKind, Config, ConfigErrors, ExporterAccount, Limits, Mode, Moves, RouterAccount, ScaleIn, ScalingThresholds,
    Scope, Throttle, backend, prometheus,
};

/// More shards than this would own fewer than sixteen slots each, too few to balance.
const MOST_SHARDS: u64 = 1024;

/// Routers serve from a shard for 5 s after they last confirmed its epoch (`keyspace::topology`), and nothing tells
/// them of a shorter wait, so it must never be lowered.
const LEAST_CONFIRMATION_SECONDS: f64 = 5.0;

const DEFAULT_CLUSTER: &str = "sql-autoscaler";

pub fn config(text: &str, base_dir: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    let document = Document::new(base_dir, env);
    let config = document.object(text).map(|object| root(&document, object));
    match (config, document.into_mistakes()) {
        (Some(config), mistakes) if mistakes.is_empty() => Ok(config),
        (_, mistakes) => Err(ConfigErrors(mistakes)),
    }
}

fn root(document: &Document<'_>, mut object: Object<'_>) -> Config {
    let cluster = object.take("cluster").and_then(|value| cluster(&value));
    let shards = object.take_optional("shards").map(shards).unwrap_or_default();
    let database = object.take("database").and_then(|value| database(&value)).unwrap_or_else(|| "app".to_owned());
    let layout = layout(document, &mut object);
    let scaling_thresholds = object.take("scaling_thresholds").and_then(thresholds).unwrap_or_default();
    let scaling_strategy =
        object.take("scaling_strategy").and_then(|value| value.choice(&[("hot", Scope::Hot), ("cold", Scope::Cold)]));
    let monitoring_interval = object
        .take("monitoring_interval_seconds")
        .and_then(|value| seconds(&value, "a number of seconds above 0", 0.001));
    let listen_without_auth = object.take("listen_without_auth").and_then(|value| value.boolean()).unwrap_or(false);
    let router_listen = object.take("router_listen").and_then(|value| listener(&value, listen_without_auth));
    let scaler_listen = object.take("scaler_listen").and_then(|value| listener(&value, listen_without_auth));
    let hosts = object.take_optional("hosts").map(hosts).unwrap_or_default();
    let routers = object.take_optional("routers").map(routers).unwrap_or_default();
    let router_account = object.take_optional("router_account").and_then(router_account).unwrap_or_default();
    let cluster_secret = secret(&mut object, "cluster_secret", "cluster_secret_file");
    let exporter = object.take_optional("exporter").and_then(exporter);
    let prometheus = object.take_optional("prometheus").and_then(prometheus::section);
    let backend = object.take("backend").and_then(backend::backend);
    let min_shards = object.take("min_shards").and_then(|value| shard_count(&value));
    let max_shards = object.take("max_shards").and_then(|value| shard_count(&value));
    let mode = object
        .take("mode")
        .and_then(|value| value.choice(&[("auto", Mode::Auto), ("recommend", Mode::Recommend), ("off", Mode::Off)]));
    rules(&mut object);
    let cooldown =
        object.take("cooldown_seconds").and_then(|value| seconds(&value, "a number of seconds of at least 0", 0.0));
    let scale_in = object.take_optional("scale_in").and_then(scale_in);
    let limits = object.take("limits").and_then(limits).unwrap_or_default();
    object.refuse("auth", "access tokens are");
    object.refuse("tls", "TLS on the listeners is");
    let moves = object.take("moves").and_then(moves).unwrap_or_default();
    let catalogue = object.take_optional("catalogue").and_then(|value| catalogue(&value));
    object.finish();

    let config = Config {
        cluster: cluster.unwrap_or_else(|| Owner::new(DEFAULT_CLUSTER).expect("it is a name")),
        shards,
        database,
        layout,
        scaling_thresholds,
        scope: scaling_strategy.unwrap_or(Scope::Hot),
        monitoring_interval: monitoring_interval.unwrap_or(Duration::from_secs(10)),
        router_listen: router_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        scaler_listen: scaler_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9090))),
        prometheus,
        hosts: Hosts::new(hosts.iter().chain(&routers).map(String::as_str)),
        routers,
        router_account,
        cluster_secret,
        exporter,
        backend: backend.unwrap_or_default(),
        min_shards: min_shards.unwrap_or(1),
        max_shards: max_shards.unwrap_or(16),
        mode: mode.unwrap_or(Mode::Auto),
        cooldown: cooldown.unwrap_or(Duration::from_secs(60)),
        scale_in,
        limits,
        moves,
        catalogue,
    };
    check_together(document, &config);
    config
}

/// What one key alone does not show. A key that is wrong by itself has a default here that means nothing.
fn check_together(document: &Document<'_>, config: &Config) {
    let are_clean = |keys: [&str; 2]| keys.iter().all(|key| document.is_clean(key));
    if config.min_shards > config.max_shards && are_clean(["min_shards", "max_shards"]) {
        let message = format!("{} is above `max_shards`, which is {}", config.min_shards, config.max_shards);
        document.mistake("min_shards", message);
    }
    if config.shards.len() > usize::from(config.max_shards) && document.is_clean("max_shards") {
        let message = format!("{} is below the number of `shards`, {}", config.max_shards, config.shards.len());
        document.mistake("max_shards", message);
    }
    if let BackendKind::Static(pool) = &config.backend.kind {
        let served =
            |server: &&Endpoint| config.shards.iter().any(|shard| shard.endpoint.address() == server.address());
        if let Some(server) = pool.iter().find(served) {
            let message = format!("{} is one of `shards` already", server.address());
            document.mistake("backend.pool", message);
        }
    }
    let is_shard =
        |replica: &&Endpoint| config.shards.iter().any(|shard| shard.endpoint.address() == replica.address());
    if let Some(replica) = config.moves.throttle.replicas.iter().find(is_shard) {
        let message = format!("{} is one of `shards`: name its replicas", replica.address());
        document.mistake("moves.replicas", message);
    }
    if config.router_listen == config.scaler_listen
        && config.router_listen.port() != 0
        && are_clean(["router_listen", "scaler_listen"])
    {
        document.mistake("scaler_listen", "the same address as `router_listen`");
    }
}

fn cluster(value: &Value<'_>) -> Option<Owner> {
    Owner::new(value.text()?).map_err(|error| value.mistake(error.to_string())).ok()
}

/// The shards in the order of the file: the first one is the home of unsharded tables.
fn shards(value: Value<'_>) -> Vec<Shard> {
    let Some(object) = value.object() else { return Vec::new() };
    let mut shards: Vec<Shard> = Vec::new();
    for (key, value) in object.into_entries() {
        let (name, dsn) = match key.strip_suffix("_file") {
            Some(name) => (name, value.file_text()),
            None => (key.as_str(), value.text()),
        };
        let id = ShardId::new(name).map_err(|error| value.mistake(error.to_string())).ok();
        let endpoint =
            dsn.and_then(|dsn| Endpoint::parse(&dsn).map_err(|error| value.mistake(dsn_mistake(&error))).ok());
        let (Some(id), Some(endpoint)) = (id, endpoint) else { continue };
        if shards.iter().any(|shard| shard.id == id) {
            value.mistake(format!("`{id}` and `{id}_file` exclude each other"));
            continue;
        }
        if let Some(first) = shards.first().filter(|first| first.endpoint.database() != endpoint.database()) {
            value.mistake(format!(
                "names the database `{}`, but {} names `{}`: all shards must use one name",
                endpoint.database(),
                first.id,
                first.endpoint.database()
            ));
        }
        if let Some(twin) = shards.iter().find(|shard| shard.endpoint.to_string() == endpoint.to_string()) {
            value.mistake(format!("the same database as {}", twin.id));
        }
        shards.push(Shard { id, endpoint });
    }
    shards
}

/// A name that needs no thought about quoting in any of the tools that meet it.
fn database(value: &Value<'_>) -> Option<String> {
    let name = value.name()?;
    let plain = name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        value.mistake("a database that `up` creates is named with at most 64 letters, digits and `_`");
    }
    plain.then_some(name)
}

fn layout(document: &Document<'_>, object: &mut Object<'_>) -> Layout {
    let mut layout = Layout::default();
    let keys = object.take_optional("table_shard_keys").and_then(Value::object);
    for (table, value) in keys.into_iter().flat_map(Object::into_entries) {
        if layout.shard_keys.keys().any(|known| known.eq_ignore_ascii_case(&table)) {
            value.mistake("the table appears twice");
        }
        if let Some(column) = value.name() {
            layout.shard_keys.insert(table, column);
        }
    }
    let references = object.take_optional("reference_tables").and_then(Value::list);
    for value in references.into_iter().flatten() {
        let Some(table) = value.name() else { continue };
        if layout.reference_tables.iter().any(|known| known.eq_ignore_ascii_case(&table)) {
            value.mistake(format!("`{table}` appears twice"));
        }
        if layout.shard_keys.keys().any(|known| known.eq_ignore_ascii_case(&table)) {
            document.mistake(
                value.path.clone(),
                format!(
                    "`{table}` is in `table_shard_keys` as well: a table is either sharded or whole on every shard"
                ),
            );
        }
        layout.reference_tables.insert(table);
    }
    let allowed = object.take_optional("allow_local_unique").and_then(Value::list);
    for value in allowed.into_iter().flatten() {
        let Some(table) = value.name() else { continue };
        if !layout.shard_keys.keys().any(|known| known.eq_ignore_ascii_case(&table)) {
            value.mistake(format!("`{table}` is not in `table_shard_keys`: only sharded tables need it"));
        }
        layout.local_unique_tables.insert(table);
    }
    layout
}

fn thresholds(value: Value<'_>) -> Option<ScalingThresholds> {
    let mut object = value.object()?;
    let default = ScalingThresholds::default();
    let mut threshold = |key, default, expected: &str, most: f64| match object.take(key) {
        None => default,
        Some(value) if value.is_null() => None,
        Some(value) => value.number(expected, |number| number > 0.0 && number <= most),
    };
    let percent = "a number above 0 and at most 100, or null";
    let count = "a number above 0, or null";
    let thresholds = ScalingThresholds {
        cpu_threshold_percent: threshold("cpu_threshold_percent", default.cpu_threshold_percent, percent, 100.0),
        memory_threshold_percent: threshold(
            "memory_threshold_percent",
            default.memory_threshold_percent,
            percent,
            100.0,
        ),
        connection_threshold: threshold("connection_threshold", default.connection_threshold, count, f64::MAX),
        qps_threshold: threshold("qps_threshold", default.qps_threshold, count, f64::MAX),
        total_entry_threshold_per_shard: threshold(
            "total_entry_threshold_per_shard",
            default.total_entry_threshold_per_shard,
            count,
            f64::MAX,
        ),
    };
    object.finish();
    Some(thresholds)
}

/// Names under which services are asked; a port in them would mean nothing.
fn hosts(value: Value<'_>) -> Vec<String> {
    each(value, |value, text| {
        let is_name =
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_host = is_name || text.parse::<IpAddr>().is_ok();
        if !is_host {
            value.mistake(format!("expected a name or an address without port such as router.example, found `{text}`"));
        }
        is_host
    })
}

/// `host:port` each.
fn routers(value: Value<'_>) -> Vec<String> {
    each(value, |value, text| {
        let has_port =
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port {
            value.mistake(format!("expected a host and a port such as router:8080, found `{text}`"));
        }
        has_port
    })
}

/// The texts of a list, or of one text with commas, so that a variable can hold it; those that are right.
fn each(value: Value<'_>, is_right: impl Fn(&Value<'_>, &str) -> bool) -> Vec<String> {
    let check = |value: &Value<'_>, text: &str| is_right(value, text).then(|| text.to_owned());
    if value.is_text() {
        let text = value.text().unwrap_or_default();
        return text.split(',').filter_map(|address| check(&value, address.trim())).collect();
    }
    value.list().unwrap_or_default().iter().filter_map(|address| check(address, &address.name()?)).collect()
}

/// A text that may lie in a file instead. `None`: neither key is there, or both are.
fn secret(object: &mut Object<'_>, key: &'static str, file_key: &'static str) -> Option<String> {
    let (given, file) = (object.take_optional(key), object.take_optional(file_key));
    match (given, file) {
        (Some(_), Some(file)) => {
            file.mistake(format!("`{key}` and `{file_key}` exclude each other"));
            None
        }
        (Some(given), None) => given.name(),
        (None, Some(file)) => {
            let text = file.file_text()?;
            if text.is_empty() {
                file.mistake("the file is empty");
            }
            Some(text)
        }
        (None, None) => None,
    }
}

fn router_account(value: Value<'_>) -> Option<RouterAccount> {
    let mut object = value.object()?;
    let user = object.take("user").and_then(|user| user.name());
    let password = secret(&mut object, "password", "password_file");
    object.finish();
    Some(RouterAccount { user: user.unwrap_or_else(|| RouterAccount::default().user), password })
}

fn exporter(value: Value<'_>) -> Option<ExporterAccount> {
    let path = value.path.clone();
    let mut object = value.object()?;
    let user = object.take("user").and_then(|user| user.name());
    let password = secret(&mut object, "password", "password_file");
    let document = object.document();
    object.finish();
    match (user, password) {
        (Some(user), Some(password)) => Some(ExporterAccount { user, password }),
        _ => {
            document.mistake(path, "needs `user`, and `password` or `password_file`");
            None
        }
    }
}

fn listener(value: &Value<'_>, without_auth: bool) -> Option<SocketAddr> {
    let text = value.text()?;
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let Ok(address) = numeric.as_deref().unwrap_or(&text).parse::<SocketAddr>() else {
        value.mistake(format!("expected an address and a port such as 127.0.0.1:8080, found `{text}`"));
        return None;
    };
    if !address.ip().is_loopback() && !without_auth {
        value.mistake(format!(
            "`{text}` is reachable from other machines, which needs access tokens (`auth`), and these are not \
             supported yet: listen on 127.0.0.1, or set `listen_without_auth` where the network keeps others out"
        ));
    }
    Some(address)
}

fn shard_count(value: &Value<'_>) -> Option<u16> {
    value.integer(1..=MOST_SHARDS).and_then(|count| u16::try_from(count).ok())
}

fn rules(object: &mut Object<'_>) {
    let Some(value) = object.take_optional("rules") else { return };
    let path = value.path.clone();
    if let Some([_, ..]) = value.list().as_deref() {
        object.document().mistake(path, "rules of your own are not supported yet: use `scaling_thresholds`");
    }
}

/// `None` also where it is written down and not switched on.
fn scale_in(value: Value<'_>) -> Option<ScaleIn> {
    let mut object = value.object()?;
    let enabled = object.take("enabled").and_then(|enabled| enabled.boolean()).unwrap_or(false);
    // Above it a cluster that has just shrunk would be near to growing again.
    let ratio = "a number from 0.05 to 0.9";
    let threshold_ratio = object
        .take("threshold_ratio")
        .and_then(|value| value.number(ratio, |number| (0.05..=0.9).contains(&number)))
        .unwrap_or(0.5);
    let mut duration = |key| {
        let value = object.take(key)?;
        seconds(&value, "a number of seconds of at least 0", 0.0)
    };
    let hold = duration("for_seconds").unwrap_or(Duration::from_secs(600));
    let cooldown = duration("cooldown_seconds").unwrap_or(Duration::from_secs(600));
    object.finish();
    enabled.then_some(ScaleIn { threshold_ratio, hold, cooldown })
}

fn limits(value: Value<'_>) -> Option<Limits> {
    let mut object = value.object()?;
    let default = Limits::default();
    let mut integer = |key, range| object.take(key).and_then(|value| value.integer(range));
    // The smallest body still holds a statement; the largest sizes are those that a machine may have memory for.
    let max_body_bytes = integer("max_body_bytes", 1024..=1 << 30);
    let max_result_rows = integer("max_result_rows", 1..=1_000_000_000);
    let max_result_bytes = integer("max_result_bytes", 1024..=1 << 36);
    let max_held_rows = integer("max_held_rows", 1..=1_000_000_000);
    let max_statement_tokens = integer("max_statement_tokens", 1_000..=1_000_000_000);
    let statement_timeout = integer("statement_timeout_ms", 1..=86_400_000);
    let max_concurrent_queries = integer("max_concurrent_queries", 1..=1_000_000);
    let max_connections_per_shard = integer("max_connections_per_shard", 1..=100_000);
    let queue_timeout = integer("queue_timeout_ms", 0..=3_600_000);
    let max_sessions = integer("max_sessions", 0..=1_000_000);
    // Above it a server would close the connection of an open transaction first.
    let session_idle_timeout = integer("session_idle_timeout_ms", 100..=300_000);
    // The least holds a body, its statement and its answer.
    let max_memory_bytes = integer("max_memory_bytes", 16 << 20..=1 << 40);
    // The least leaves a router at work, on a slow disk, the time to decide.
    let in_doubt_timeout = integer("in_doubt_timeout_ms", 500..=300_000);
    let http = door_limits(&mut object);
    object.finish();
    let count = |given: Option<u64>, default| given.and_then(|n| usize::try_from(n).ok()).unwrap_or(default);
    Some(Limits {
        max_body_bytes: max_body_bytes.unwrap_or(default.max_body_bytes),
        max_result_rows: max_result_rows.unwrap_or(default.max_result_rows),
        max_result_bytes: max_result_bytes.unwrap_or(default.max_result_bytes),
        max_held_rows: count(max_held_rows, default.max_held_rows),
        max_statement_tokens: count(max_statement_tokens, default.max_statement_tokens),
        statement_timeout: statement_timeout.map_or(default.statement_timeout, Duration::from_millis),
        max_concurrent_queries: count(max_concurrent_queries, default.max_concurrent_queries),
        max_connections_per_shard: count(max_connections_per_shard, default.max_connections_per_shard),
        queue_timeout: queue_timeout.map_or(default.queue_timeout, Duration::from_millis),
        max_sessions: count(max_sessions, default.max_sessions),
        session_idle_timeout: session_idle_timeout.map_or(default.session_idle_timeout, Duration::from_millis),
        max_memory_bytes: count(max_memory_bytes, default.max_memory_bytes),
        in_doubt_timeout: in_doubt_timeout.map_or(default.in_doubt_timeout, Duration::from_millis),
        http,
    })
}

fn door_limits(object: &mut Object<'_>) -> DoorLimits {
    let default = DoorLimits::default();
    let mut count = |key| {
        let value = object.take_optional(key)?;
        value.integer(1..=1_000_000).and_then(|count| usize::try_from(count).ok())
    };
    let max_connections = count("max_http_connections");
    let max_connections_per_client = count("max_http_connections_per_client");
    let mut timeout = |key, default| {
        let milliseconds = object.take(key).and_then(|value| value.integer(100..=86_400_000));
        milliseconds.map_or(default, Duration::from_millis)
    };
    DoorLimits {
        max_connections,
        max_connections_per_client,
        header_timeout: timeout("header_timeout_ms", default.header_timeout),
        body_timeout: timeout("body_timeout_ms", default.body_timeout),
        idle_timeout: timeout("idle_timeout_ms", default.idle_timeout),
        write_timeout: timeout("write_timeout_ms", default.write_timeout),
    }
}

fn moves(value: Value<'_>) -> Option<Moves> {
    let path = value.path.clone();
    let mut object = value.object()?;
    let default = Moves::default();
    let mut duration = |key| {
        let value = object.take(key)?;
        seconds(&value, "a number of seconds of at least 5", LEAST_CONFIRMATION_SECONDS)
    };
    let confirmation = duration("confirmation_seconds").unwrap_or(default.confirmation);
    let cleanup_delay = duration("cleanup_delay_seconds").unwrap_or(default.cleanup_delay.max(confirmation));
    let mut integer = |key, range| object.take(key).and_then(|value| value.integer(range));
    let cutover_budget = integer("cutover_budget_ms", 1..=60_000);
    let cutover_attempts = integer("cutover_attempts", 1..=100_000);
    let chunk_rows = integer("chunk_rows", 1..=100_000);
    let chunk_time = integer("chunk_time_ms", 1..=10_000);
    let max_threads_running = integer("max_threads_running", 1..=100_000);
    let busy_share = object
        .take("busy_share")
        .and_then(|value| value.number("a number above 0 and at most 1", |number| number > 0.0 && number <= 1.0));
    // Servers tell their lag in whole seconds.
    let max_replica_lag = object
        .take("max_replica_lag_seconds")
        .and_then(|value| seconds(&value, "a number of seconds of at least 1", 1.0));
    let replicas = dsns(&mut object, "replicas", "replicas_file", &|_| None);
    let document = object.document();
    object.finish();
    if cleanup_delay < confirmation {
        document.mistake(format!("{path}.cleanup_delay_seconds"), "is below `confirmation_seconds`");
    }
    let count = |given: Option<u64>, default| given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    Some(Moves {
        cleanup_delay,
        confirmation,
        cutover_budget: cutover_budget.map_or(default.cutover_budget, Duration::from_millis),
        cutover_attempts: count(cutover_attempts, default.cutover_attempts),
        chunk_rows: count(chunk_rows, default.chunk_rows),
        throttle: Throttle {
            chunk_time: chunk_time.map_or(default.throttle.chunk_time, Duration::from_millis),
            busy_share: busy_share.unwrap_or(default.throttle.busy_share),
            max_threads_running: count(max_threads_running, default.throttle.max_threads_running),
            replicas: replicas.unwrap_or(default.throttle.replicas),
            max_replica_lag: max_replica_lag.unwrap_or(default.throttle.max_replica_lag),
        },
    })
}

fn catalogue(value: &Value<'_>) -> Option<String> {
    let url = value.text()?;
    if !url.starts_with("sqlite:") || url.len() <= "sqlite:".len() {
        // What else it may be, a URL of another database for one, can hold a password.
        value.mistake("expected a URL such as sqlite:/var/lib/sql-autoscaler/catalogue.db");
        return None;
    }
    Some(url)
}
