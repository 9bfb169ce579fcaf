use std::collections::BTreeMap;
use std::path::Path;

use door::DoorLimits;

use super::*;

fn parse_in(base_dir: &Path, text: &str) -> Result<Config, ConfigErrors> {
    let env = BTreeMap::from([("PASSWORD", "s3cret"), ("COUNT", "5"), ("PORT", "8181")]);
    Config::from_json(text, base_dir, &|name| env.get(name).map(|&value| value.to_owned()))
}

fn parse(text: &str) -> Config {
    parse_in(Path::new("/nowhere"), text).unwrap()
}

fn mistakes(text: &str) -> String {
    parse_in(Path::new("/nowhere"), text).unwrap_err().to_string()
}

#[test]
fn an_empty_object_is_the_defaults() {
    let config = parse("{}");
    assert!(config.shards.is_empty() && config.prometheus.is_none() && config.catalogue.is_none());
    assert_eq!(config.scaling_thresholds, ScalingThresholds::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.moves, Moves::default());
    assert_eq!((config.min_shards, config.max_shards), (1, 16));
    assert_eq!(config.monitoring_interval, Duration::from_secs(10));
    assert_eq!(config.cooldown, Duration::from_secs(60));
    assert_eq!((config.scope, config.mode), (Scope::Hot, Mode::Auto));
    assert_eq!(config.router_listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.scaler_listen.to_string(), "127.0.0.1:9090");
}

#[test]
fn the_originals_configuration_works_unchanged() {
    let config = parse(
        r#"{
        "shards": {
            "shard-1": "user:password@tcp(localhost:3306)/dbname",
            "shard-2": "user:password@tcp(localhost:3307)/dbname"
        },
        "table_shard_keys": {"users": "user_id", "orders": "customer_id"},
        "scaling_thresholds": {
            "cpu_threshold_percent": 75.0,
            "memory_threshold_percent": 80,
            "connection_threshold": 100,
            "qps_threshold": 500,
            "total_entry_threshold_per_shard": 1000
        },
        "scaling_strategy": "cold",
        "monitoring_interval_seconds": 0.5
    }"#,
    );
    let shards: Vec<String> = config.shards.iter().map(|shard| format!("{} {}", shard.id, shard.endpoint)).collect();
    assert_eq!(shards, ["shard-1 localhost:3306/dbname", "shard-2 localhost:3307/dbname"]);
    assert_eq!(config.layout.shard_keys["orders"], "customer_id");
    assert_eq!(config.scaling_thresholds.total_entry_threshold_per_shard, Some(1000.0));
    assert_eq!(config.scope, Scope::Cold);
    assert_eq!(config.monitoring_interval, Duration::from_millis(500));
}

#[test]
fn shards_keep_the_order_of_the_file() {
    let config = parse(r#"{"shards": {"z": "u@tcp(h:1)/d", "shard-10": "u@tcp(h:2)/d", "shard-9": "u@tcp(h:3)/d"}}"#);
    assert_eq!(config.shards.iter().map(|shard| shard.id.as_str()).collect::<Vec<_>>(), ["z", "shard-10", "shard-9"]);
}

#[test]
fn null_switches_a_threshold_off() {
    let thresholds = parse(r#"{"scaling_thresholds": {"qps_threshold": null}}"#).scaling_thresholds;
    assert_eq!(thresholds, ScalingThresholds { qps_threshold: None, ..ScalingThresholds::default() });
}

#[test]
fn variables_are_replaced_in_text_and_stand_for_numbers() {
    let config = parse(
        r#"{"shards": {"shard-1": "root:${PASSWORD}$${x}@tcp(h:1)/d"}, "max_shards": "${COUNT}",
            "router_listen": "localhost:${PORT}"}"#,
    );
    assert_eq!(config.shards[0].endpoint.password(), "s3cret${x}");
    assert_eq!(config.max_shards, 5);
    assert_eq!(config.router_listen.to_string(), "127.0.0.1:8181");
    insta::assert_snapshot!(mistakes(r#"{"database": "${NONE}_${NEITHER}", "mode": "${", "max_shards": "5"}"#), @r"
    database: the environment has no variable `NONE`
    database: the environment has no variable `NEITHER`
    max_shards: expected a whole number from 1 to 1024, found text
    mode: `${` begins no variable: write `${NAME}`, or `$${` for the characters themselves
    ");
}

#[test]
fn secrets_come_from_files() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("dsn"), "u:p w\\@tcp(h:1)/d\n").unwrap();
    let config = parse_in(dir.path(), r#"{"shards": {"shard-1_file": "dsn"}}"#).unwrap();
    assert_eq!((config.shards[0].id.as_str(), config.shards[0].endpoint.password()), ("shard-1", "p w\\"));
    let prometheus = r#"{"prometheus": {"url": "http://h", "basic_auth": {"username": "u", "password_file": "pw"}}}"#;
    let section = parse_in(Path::new("/etc/sa"), prometheus).unwrap().prometheus.unwrap();
    assert_eq!(section["basic_auth"]["password_file"], "/etc/sa/pw");
    insta::assert_snapshot!(mistakes(
        r#"{"shards": {"a_file": "none", "b": "u@tcp(h:1)/d", "b_file": "none"},
            "prometheus": {"url": "http://h", "authorization": {"credentials": "x", "credentials_file": "y"}}}"#
    ), @r"
    shards.a_file: cannot read /nowhere/none: No such file or directory (os error 2)
    shards.b_file: cannot read /nowhere/none: No such file or directory (os error 2)
    prometheus.authorization.credentials: `credentials` and `credentials_file` exclude each other
    ");
}

#[test]
fn the_pace_of_moves_can_be_set() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("replicas"), "w:x@tcp(r:1)/d\n\nmysql://w:y@r:2/d\n").unwrap();
    let json = r#"{"moves": {
        "chunk_time_ms": 50, "busy_share": 1, "max_threads_running": 8, "replicas_file": "replicas",
        "max_replica_lag_seconds": 2.5, "cutover_attempts": 7
    }}"#;
    let moves = parse_in(dir.path(), json).unwrap().moves;
    let passwords: Vec<&str> = moves.throttle.replicas.iter().map(Endpoint::password).collect();
    assert_eq!(passwords, ["x", "y"]);
    let throttle = Throttle {
        chunk_time: Duration::from_millis(50),
        busy_share: 1.0,
        max_threads_running: 8,
        max_replica_lag: Duration::from_millis(2_500),
        replicas: moves.throttle.replicas.clone(),
    };
    assert_eq!(moves, Moves { cutover_attempts: 7, throttle, ..Moves::default() });
    let secret = parse(r#"{"moves": {"replicas": ["w:${PASSWORD}@tcp(r:1)/d"]}}"#).moves.throttle.replicas;
    assert_eq!(secret[0].password(), "s3cret");
    insta::assert_snapshot!(
        mistakes(r#"{"moves": {"replicas": [], "replicas_file": "x"}}"#),
        @"moves.replicas_file: `replicas` and `replicas_file` exclude each other"
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    insta::assert_snapshot!(mistakes(r#"{
        "shards": {"shard-1": "root:hush@tcp(h:99999)/d", "shard 2": "root:hush@nowhere", "shard-3": 5},
        "shard_keys": {},
        "table_shard_keys": {"users": "user_id", "USERS": "id", "orders": ""},
        "reference_tables": ["Users", "countries", "countries", 7],
        "allow_local_unique": ["Users", "countries"],
        "scaling_thresholds": {"cpu_threshold_percent": 150, "cpu_treshold_percent": 50, "qps_threshold": "many",
                               "memory_threshold_percent": 0, "connection_threshold": -1},
        "scaling_strategy": "warm",
        "monitoring_interval_seconds": 0,
        "router_listen": "8080", "scaler_listen": "0.0.0.0:9090",
        "min_shards": 20, "max_shards": 0.5,
        "mode": ["auto"],
        "cooldown_seconds": -1,
        "limits": {"max_body_bytes": 0, "max_body": 1},
        "moves": {"confirmation_seconds": 4.9, "cleanup_delay_seconds": 5, "chunk_rows": 1e3, "chunk_time": 50,
                  "busy_share": 0, "max_threads_running": 0, "cutover_attempts": -1, "max_replica_lag_seconds": 0.5,
                  "replicas": ["u:hush@tcp(h:1)", 5]},
        "max_shards": 3
    }"#), @r"
    max_shards: the key appears twice
    shards.shard-1: the port in the DSN is not a number from 0 to 65535
    shards.shard 2: `shard 2` is not a shard id: use 1 to 48 letters, digits, `-`, `_` or `.`
    shards.shard 2: not a DSN: expected user:password@tcp(host:port)/database, user:password@unix(/path)/database or mysql://user:password@host:port/database
    shards.shard-3: expected text, found a number
    table_shard_keys.USERS: the table appears twice
    table_shard_keys.orders: must not be empty
    reference_tables[0]: `Users` is in `table_shard_keys` as well: a table is either sharded or whole on every shard
    reference_tables[2]: `countries` appears twice
    reference_tables[3]: expected text, found a number
    allow_local_unique[1]: `countries` is not in `table_shard_keys`: only sharded tables need it
    scaling_thresholds.cpu_threshold_percent: expected a number above 0 and at most 100, or null, found 150
    scaling_thresholds.memory_threshold_percent: expected a number above 0 and at most 100, or null, found 0
    scaling_thresholds.connection_threshold: expected a number above 0, or null, found -1
    scaling_thresholds.qps_threshold: expected a number above 0, or null, found text
    scaling_thresholds.cpu_treshold_percent: unknown key: did you mean `cpu_threshold_percent`?
    scaling_strategy: expected hot or cold, found `warm`
    monitoring_interval_seconds: expected a number of seconds above 0, found 0
    router_listen: expected an address and a port such as 127.0.0.1:8080, found `8080`
    scaler_listen: `0.0.0.0:9090` is reachable from other machines, which needs access tokens (`auth`), and these are not supported yet: listen on 127.0.0.1, or set `listen_without_auth` where the network keeps others out
    max_shards: expected a whole number from 1 to 1024, found 0.5
    mode: expected text, found a list
    cooldown_seconds: expected a number of seconds of at least 0, found -1
    limits.max_body_bytes: expected a whole number from 1024 to 1073741824, found 0
    limits.max_body: unknown key: did you mean `max_body_bytes`?
    moves.confirmation_seconds: expected a number of seconds of at least 5, found 4.9
    moves.cutover_attempts: expected a whole number from 1 to 100000, found -1
    moves.chunk_rows: expected a whole number from 1 to 100000, found 1e3
    moves.max_threads_running: expected a whole number from 1 to 100000, found 0
    moves.busy_share: expected a number above 0 and at most 1, found 0
    moves.max_replica_lag_seconds: expected a number of seconds of at least 1, found 0.5
    moves.replicas[0]: not a DSN: expected user:password@tcp(host:port)/database, user:password@unix(/path)/database or mysql://user:password@host:port/database
    moves.replicas[1]: expected text, found a number
    moves.chunk_time: unknown key: did you mean `chunk_time_ms`?
    shard_keys: unknown key: did you mean `table_shard_keys`?
    ");
}

#[test]
fn what_comes_later_is_refused_by_name() {
    insta::assert_snapshot!(mistakes(r#"{
        "auth": {"tokens": []}, "tls": {"cert_file": "x"}, "rules": [{"name": "x"}],
        "prometheus": {"url": "http://h", "oauth2": {}, "tls_config": {"server_name": "x"}}
    }"#), @r"
    prometheus.tls_config.server_name: `server_name` is not supported yet
    prometheus.oauth2: `oauth2` is not supported yet
    rules: rules of your own are not supported yet: use `scaling_thresholds`
    auth: access tokens are not supported yet
    tls: TLS on the listeners is not supported yet
    ");
    parse(
        r#"{"auth": null, "tls": null, "rules": [], "scale_in": {"enabled": false}, "backend": {"kind": "process"}}"#,
    );
}

#[test]
fn scaling_in_is_switched_on_by_name_only() {
    assert_eq!(parse(r#"{"scale_in": {}}"#).scale_in, None);
    assert_eq!(parse(r#"{"scale_in": {"enabled": false, "threshold_ratio": 0.3}}"#).scale_in, None);
    let scale_in = |ratio, hold, cooldown| {
        let (hold, cooldown) = (Duration::from_secs(hold), Duration::from_secs(cooldown));
        Some(ScaleIn { threshold_ratio: ratio, hold, cooldown })
    };
    assert_eq!(parse(r#"{"scale_in": {"enabled": true}}"#).scale_in, scale_in(0.5, 600, 600));
    let given = r#"{"scale_in": {"enabled": true, "threshold_ratio": 0.9, "for_seconds": 30, "cooldown_seconds": 0}}"#;
    assert_eq!(parse(given).scale_in, scale_in(0.9, 30, 0));
    insta::assert_snapshot!(mistakes(r#"{"scale_in": {
        "enabled": 1, "threshold_ratio": 0.95, "for_seconds": -1, "cooldown": 5
    }}"#), @r"
    scale_in.enabled: expected true or false, found a number
    scale_in.threshold_ratio: expected a number from 0.05 to 0.9, found 0.95
    scale_in.for_seconds: expected a number of seconds of at least 0, found -1
    scale_in.cooldown: unknown key: did you mean `cooldown_seconds`?
    ");
}

#[test]
fn keys_that_must_agree_are_compared() {
    insta::assert_snapshot!(mistakes(r#"{
        "shards": {"a": "u@tcp(h:1)/d", "b": "u@tcp(h:2)/e", "c": "v@tcp(h:1)/d"},
        "min_shards": 3, "max_shards": 2, "router_listen": "127.0.0.1:9090",
        "moves": {"confirmation_seconds": 60, "cleanup_delay_seconds": 30, "replicas": ["w@tcp(h:2)/e"]},
        "prometheus": {"url": "http://h", "urls": ["http://i"], "basic_auth": {}, "authorization": {}}
    }"#), @r"
    shards.b: names the database `e`, but a names `d`: all shards must use one name
    shards.c: the same database as a
    prometheus: `url` and `urls` exclude each other
    prometheus.authorization: `basic_auth` and `authorization` exclude each other
    moves.cleanup_delay_seconds: is below `confirmation_seconds`
    min_shards: 3 is above `max_shards`, which is 2
    max_shards: 2 is below the number of `shards`, 3
    moves.replicas: h:2 is one of `shards`: name its replicas
    scaler_listen: the same address as `router_listen`
    ");
}

#[test]
fn text_that_is_no_object_is_refused() {
    insta::assert_snapshot!(mistakes("{\n  \"mode\": auto\n}"), @r"not JSON: expected value at line 2 column 11");
    insta::assert_snapshot!(mistakes("[]"), @r"expected an object, found a list");
    insta::assert_snapshot!(mistakes(""), @r"not JSON: EOF while parsing a value at line 1 column 0");
    insta::assert_snapshot!(mistakes(r#"{"mode": "auto", "mode": "off"}"#), @r"mode: the key appears twice");
    insta::assert_snapshot!(mistakes(r#"{"shards": {"a": "u@tcp(h:1)/d", "a": "u@tcp(h:2)/d"}}"#), @r"shards.a: the key appears twice");
}

#[test]
fn no_mistake_shows_a_password() {
    for dsn in ["mysql://u:a@b:hush/1@h:1/d", "mysql://u:x@y/ab?hush@h:1/d", "u:hush@udp(h:1)/d", "u:p@tcp(h:hush)/d"] {
        let shown = mistakes(&format!(r#"{{"shards": {{"a": "{dsn}"}}}}"#));
        assert!(!shown.contains("hush"), "{shown}");
    }
    let shown = mistakes(r#"{"prometheus": {"url": ["hush"], "basic_auth": {"password": 4711}}, "catalogue": "hush"}"#);
    assert!(!shown.contains("hush") && !shown.contains("4711"), "{shown}");
}

#[test]
fn a_missing_default_file_is_no_mistake_but_a_missing_named_one_is() {
    assert!(matches!(Config::load(Some(Path::new("/nowhere/x.json"))), Err(LoadError::Read { .. })));
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let document = include_str!("../../../../docs/configuration.md");
    let block = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(format!("{:?}", parse(block)), format!("{:?}", parse("{}")));
    let documented: serde_json::Value = serde_json::from_str(block).unwrap();
    for key in documented.as_object().unwrap().keys() {
        assert!(document.contains(&format!("`{key}`")), "{key} is not explained");
    }
}

#[test]
fn a_docker_backend_has_an_image_and_engines() {
    let config = parse(
        r#"{"backend": {"kind": "docker", "image": "mysql:8.4", "pull": "never", "network": "shards",
            "cpu_cores": 1.5, "memory_bytes": 536870912, "labels": {"team": "db"}, "args": ["--max-connections=900"],
            "engines": [{"host": "tcp://10.0.0.7:2376", "labels": {"zone": "a"},
                         "tls": {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "/k.pem"}}],
            "placement": {"zone": "a"}, "measured": {"shard-1": "stack-shard-1-1"}}}"#,
    );
    assert_eq!(config.backend.limits.cpu_cores, Some(1.5));
    let BackendKind::Docker(docker) = config.backend.kind else { panic!("{:?}", config.backend) };
    assert_eq!((docker.image.as_str(), docker.network.as_deref()), ("mysql:8.4", Some("shards")));
    let tls = docker.engines[0].tls.as_ref().unwrap();
    assert_eq!((tls.ca.to_str(), tls.key.to_str()), (Some("/nowhere/ca.pem"), Some("/k.pem")));
    assert_eq!(docker.placement["zone"], "a");
    assert!(docker.use_template);
}

#[test]
fn mistakes_of_a_backend_are_told_where_they_are() {
    insta::assert_snapshot!(mistakes(
        r#"{"backend": {"kind": "docker", "imge": "x", "pull": "newer", "args": ["max-connections=9"], "memory_bytes": 1,
            "engines": [{"host": "ssh://h"}, {"tls": {"ca_file": "c"}}]}}"#
    ), @r"
    backend.memory_bytes: expected a whole number from 67108864 to 1125899906842624, found 1
    backend.engines[0].host: expected unix:///path or tcp://host:port, found `ssh://h`
    backend.engines[1].tls: needs `ca_file`, `cert_file` and `key_file`
    backend.pull: expected missing or always or never, found `newer`: did you mean `never`?
    backend.args[0]: expected an option of the server such as --max-connections=1000, found `max-connections=9`
    backend.imge: unknown key: did you mean `image`?
    ");
    insta::assert_snapshot!(mistakes(r#"{"backend": {"kind": "static"}}"#), @r"backend.pool: the backend `static` needs its servers' DSNs");
    insta::assert_snapshot!(mistakes(
        r#"{"shards": {"shard-1": "u:p@tcp(h:1)/d"}, "backend": {"kind": "static", "pool": ["x", "u:p@tcp(h:1)/d", "u@unix(/s)/d"]}}"#
    ), @r"
    backend.pool[0]: not a DSN: expected user:password@tcp(host:port)/database, user:password@unix(/path)/database or mysql://user:password@host:port/database
    backend.pool[2]: a server of the pool is reached over TCP
    backend.pool: h:1 is one of `shards` already
    ");
    insta::assert_snapshot!(mistakes(r#"{"backend": {"kind": "dokcer"}}"#), @r"backend.kind: expected process or docker or static, found `dokcer`: did you mean `docker`?");
    insta::assert_snapshot!(mistakes(r#"{"routers": ["router"], "exporter": {"user": "e"}}"#), @r"
    routers[0]: expected a host and a port such as router:8080, found `router`
    exporter: needs `user`, and `password` or `password_file`
    ");
}

#[test]
fn a_pool_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pool"), "u:p@tcp(a:1)/d\n\nmysql://u:p@b:2/d\n").unwrap();
    let config = parse_in(folder.path(), r#"{"backend": {"kind": "static", "pool_file": "pool"}}"#).unwrap();
    let BackendKind::Static(pool) = config.backend.kind else { panic!("{:?}", config.backend) };
    assert_eq!(pool.iter().map(Endpoint::address).collect::<Vec<_>>(), ["a:1", "b:2"]);
}

#[test]
fn services_answer_to_hosts_and_to_the_names_of_routers() {
    let config = parse(r#"{"hosts": "db.example.org, 10.0.0.9", "routers": ["router-2:8080"]}"#);
    assert_eq!(config.hosts, Hosts::new(["db.example.org", "10.0.0.9", "router-2"]));
    assert_eq!(parse("{}").hosts, Hosts::default());
    insta::assert_snapshot!(mistakes(r#"{"hosts": ["db.example.org:80", "http://a", "", "*"]}"#), @r"
    hosts[0]: expected a name or an address without port such as router.example, found `db.example.org:80`
    hosts[1]: expected a name or an address without port such as router.example, found `http://a`
    hosts[2]: must not be empty
    hosts[3]: expected a name or an address without port such as router.example, found `*`
    ");
}

#[test]
fn connections_and_their_times_are_limits() {
    let limits = parse(
        r#"{"limits": {"max_http_connections": 100, "max_http_connections_per_client": 50, "header_timeout_ms": 1000,
            "body_timeout_ms": 2000, "idle_timeout_ms": 3000, "write_timeout_ms": 4000}}"#,
    );
    let expected = DoorLimits {
        max_connections: Some(100),
        max_connections_per_client: Some(50),
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(4),
    };
    assert_eq!(limits.limits.http, expected);
}

#[test]
fn routers_are_a_list_or_one_text() {
    let routers = |value: &str| parse(&format!(r#"{{"routers": {value}}}"#)).routers;
    assert_eq!(routers(r#"["a:1", "b:2"]"#), ["a:1", "b:2"]);
    assert_eq!(routers(r#""a:1, b:2""#), ["a:1", "b:2"]);
    assert!(routers("null").is_empty());
}

#[test]
fn listening_for_others_without_tokens_has_to_be_said() {
    let config = parse(r#"{"listen_without_auth": true, "router_listen": "0.0.0.0:8080"}"#);
    assert_eq!(config.router_listen.to_string(), "0.0.0.0:8080");
}
