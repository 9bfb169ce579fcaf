//! The real program as its users see it: exit codes, messages, and what the services say over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use warp::Filter;

use crate::kit::servers::{DATABASE, Server, run, wait_until};

/// A folder with a configuration, in which commands run.
pub struct Site {
    folder: TempDir,
    client: reqwest::Client,
    router: SocketAddr,
    scaler: SocketAddr,
}

impl Site {
    pub fn new(mut config: Value) -> Site {
        let (router, scaler) = (free_address(), free_address());
        config["router_listen"] = json!(router.to_string());
        config["scaler_listen"] = json!(scaler.to_string());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sql-autoscaler.json"), config.to_string()).unwrap();
        Site { folder, client: reqwest::Client::new(), router, scaler }
    }

    pub fn over(servers: &[&Server], mut config: Value) -> Site {
        for (number, server) in (1..).zip(servers) {
            config["shards"][format!("shard-{number}")] = json!(server.endpoint(DATABASE).to_dsn());
        }
        Site::new(config)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sql-autoscaler"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Exit code, standard output, standard error.
    pub async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output().await.unwrap())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a service and waits until it is ready.
    pub async fn start(&self, service: &str) -> Child {
        self.start_with(service, &[]).await
    }

    /// Starts a service that need not become ready.
    pub fn start_unready(&self, service: &str) -> Child {
        self.spawn(service, &[])
    }

    fn spawn(&self, service: &str, environment: &[(&str, &str)]) -> Child {
        let log = std::fs::File::create(self.folder.path().join(format!("{service}.log"))).unwrap();
        let mut command = self.command(&[service]);
        command.envs(environment.iter().copied());
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// What the router says of its readiness, if it answers.
    pub async fn router_ready(&self) -> Option<Value> {
        self.client.get(format!("http://{}/ready", self.router)).send().await.ok()?.json().await.ok()
    }

    /// The same with variables of its environment.
    pub async fn start_with(&self, service: &str, environment: &[(&str, &str)]) -> Child {
        let child = self.spawn(service, environment);
        let addresses = match service {
            "router" => vec![self.router],
            "scaler" => vec![self.scaler],
            _ => vec![self.router, self.scaler],
        };
        for address in addresses {
            wait_until("the service is ready", || async {
                let ready = self.client.get(format!("http://{address}/ready")).send().await;
                ready.is_ok_and(|answer| answer.status().is_success())
            })
            .await;
        }
        child
    }

    pub async fn scaler(&self, path: &str) -> Value {
        self.client.get(format!("http://{}{path}", self.scaler)).send().await.unwrap().json().await.unwrap()
    }

    /// Orders a shard to be emptied; whether the scaler took the command.
    pub async fn drain(&self, shard: &str) -> bool {
        let asked = self.client.post(format!("http://{}/shards/{shard}/drain", self.scaler)).send().await.unwrap();
        asked.status().is_success()
    }

    /// The value of the scaler's first series that begins so.
    pub async fn metric(&self, beginning: &str) -> Option<f64> {
        let answer = self.client.get(format!("http://{}/metrics", self.scaler)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        text.lines().find(|line| line.starts_with(beginning))?.rsplit(' ').next()?.parse().ok()
    }

    /// Whether the scaler took the command; while something else is in progress it does not.
    pub async fn scale_out(&self) -> bool {
        let asked = self.client.post(format!("http://{}/scale-out", self.scaler)).send().await.unwrap();
        asked.status().is_success()
    }

    pub async fn query(&self, sql: &str) -> Value {
        self.try_query(sql).await.unwrap_or_else(|refused| panic!("{sql}: {refused}"))
    }

    /// The answer, or what was said instead of one.
    pub async fn try_query(&self, sql: &str) -> Result<Value, String> {
        let request = self.client.post(format!("http://{}/query", self.router)).json(&json!({ "query": sql }));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(answer.json().await.unwrap()),
            false => Err(answer.text().await.unwrap()),
        }
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Exit code, standard output, standard error.
fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
pub fn check_outcome((code, stdout, stderr): &(i32, String, String), expected_code: i32, part: &str) {
    assert_eq!(*code, expected_code, "{stdout}\n{stderr}");
    assert!(stdout.contains(part) || stderr.contains(part), "no `{part}` in\n{stdout}\n{stderr}");
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_names_every_mistake() {
    let site = Site::new(json!({ "table_shard_key": {}, "max_shards": 0, "scaling_strategy": "warm" }));
    let refused = site.run(&["up"]).await;
    check_outcome(&refused, 2, "did you mean `table_shard_keys`?");
    check_outcome(&refused, 2, "max_shards");
    check_outcome(&refused, 2, "warm");
    assert_eq!(refused.1, "", "results only on standard output");
    assert!(!site.folder.path().join("data").exists(), "nothing was started");

    let site = Site::new(json!({}));
    check_outcome(&site.run(&["router"]).await, 2, "`router` alone needs `shards`");
    check_outcome(&site.run(&["scaler"]).await, 2, "`scaler` alone needs `shards`");
    check_outcome(&site.run(&["--config", "absent.json", "up"]).await, 2, "absent.json");
    // As the original's users type it.
    for arguments in [["-config", "absent.json", "shards"], ["shards", "-config", "absent.json"]] {
        check_outcome(&site.run(&arguments).await, 2, "absent.json");
    }
    check_outcome(&site.run(&["check", "-config=absent.json"]).await, 2, "absent.json");
    check_outcome(&site.run(&["scale-in"]).await, 2, "scale-in");
    check_outcome(&site.run(&["--log-level", "loud=x=y", "shards"]).await, 2, "--log-level");
    check_outcome(&site.run(&["shards"]).await, 1, "no scaler answers");
    check_outcome(&site.run(&["query", "SELECT 1"]).await, 1, "no router answers");
    check_outcome(&site.run(&["check"]).await, 1, "no shards");

    let site = Site::new(json!({ "prometheus": { "url": "gopher://h" } }));
    check_outcome(&site.run(&["up"]).await, 2, "gopher://h");
}

/// `sql-autoscaler … | head`: whoever reads the results has read enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_reader_went_away_ends_quietly() {
    let site = Site::new(json!({ "shards": { "shard-1": "u:p@tcp(127.0.0.1:1)/app" } }));
    let answers = warp::any().map(|| r#"{"columns":[{"name":"a"}],"data":[[1]],"shard":"shard-1"}"#);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(warp::serve(answers).incoming(listener).run());
    let query = ["query", "SELECT 1", "--url", &url, "--format"];
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["check"],
        &["check", "--json"],
        &["check", "--repair", "--dry-run"],
        &[query[0], query[1], query[2], query[3], query[4], "table"],
        &[query[0], query[1], query[2], query[3], query[4], "csv"],
        &[query[0], query[1], query[2], query[3], query[4], "json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = site.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        // As the shell says of a program that SIGPIPE ended.
        assert_eq!((output.status.code(), said.as_str()), (Some(141), ""), "{arguments:?}");
    }
    // Nobody hears what is wrong, and nothing else is wrong for that.
    for (arguments, code) in [(&["shards"][..], 1), (&["-config", "absent.json", "up"], 2), (&["fly"], 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = site.command(arguments).stdout(writer.try_clone().unwrap()).stderr(writer).status().await.unwrap();
        assert_eq!(ended.code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let site = Site::new(json!({ "shards": { "shard-1": "u:p@tcp(127.0.0.1:1)/app" } }));
    let _holder = std::net::TcpListener::bind(site.router).unwrap();
    let refused = site.run(&["router"]).await;
    check_outcome(&refused, 1, &site.router.to_string());
    check_outcome(&refused, 1, &format!("(pid {})", std::process::id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_prometheus_nothing_is_decided_and_a_second_scaler_is_refused() {
    let Some(server) = Server::start().await else { return };
    let config = json!({
        "table_shard_keys": { "users": "user_id" },
        "scaling_thresholds": { "total_entry_threshold_per_shard": 1 },
        "monitoring_interval_seconds": 0.2,
        "prometheus": { "url": format!("http://{}", free_address()) },
    });
    let mut connection = server.connect().await;
    run(&mut connection, "CREATE TABLE users (user_id BIGINT PRIMARY KEY)").await;
    run(&mut connection, "INSERT INTO users VALUES (1), (2), (3)").await;
    let site = Site::over(&[&server], config.clone());
    let _scaler = site.start("scaler").await;

    let failures = |decision: &Value| decision["rules"].as_array().is_some_and(|rules| rules.len() == 5);
    wait_until("a decision is made", || async { failures(&site.scaler("/explain").await["decision"]) }).await;
    let explained = site.scaler("/explain").await;
    let rules = explained["decision"]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["state"] == "unknown" && rule["value"].is_null()), "{explained}");
    assert!(explained["decision"]["reasons"].to_string().contains("prometheus at"), "{explained}");
    let shards = site.scaler("/shards").await;
    assert_eq!((&shards[0]["total_entries"], shards.as_array().unwrap().len()), (&json!(3), 1), "{shards}");
    assert_eq!(shards[0]["cpu_percent"], Value::Null, "what is not known is not zero");

    let second = Site::over(&[&server], config);
    let refused = second.run(&["scaler"]).await;
    check_outcome(&refused, 1, "another scaler");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_is_wrong() {
    let (Some(one), Some(mut two)) = (Server::start().await, Server::start().await) else { return };
    let site = Site::over(&[&one, &two], json!({ "table_shard_keys": { "users": "user_id", "orders": "user_id" } }));
    let router = site.start("router").await;
    for table in ["users", "orders"] {
        site.query(&format!("CREATE TABLE {table} (user_id BIGINT PRIMARY KEY, v INT)")).await;
    }
    for id in 1..20 {
        site.query(&format!("INSERT INTO users VALUES ({id}, 0)")).await;
    }
    check_outcome(&site.run(&["check"]).await, 0, "clean: 2 shards");

    // Key 1 belongs to shard-2.
    let mut connection = one.connect().await;
    run(&mut connection, "INSERT INTO users VALUES (1, 7)").await;
    run(&mut connection, "DROP TABLE orders").await;
    run(&mut connection, "CREATE TRIGGER _as_old AFTER DELETE ON users FOR EACH ROW DO 1").await;
    run(&mut two.connect().await, "ALTER TABLE users ADD COLUMN w INT").await;
    let found = site.run(&["check"]).await;
    check_outcome(&found, 1, "shard-1 users: 1 rows lie in slots that shard-1 does not own");
    check_outcome(&found, 1, "shard-1 orders: is missing");
    check_outcome(&found, 1, "shard-2 users: has other columns than on shard-1");
    check_outcome(&found, 1, "trigger _as_old on users is named like those of moves");
    let (_, stdout, _) = site.run(&["check", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    assert!(findings.iter().any(|finding| finding["severity"] == "error" && finding["remedy"].is_string()), "{stdout}");

    drop(router);
    two.kill();
    check_outcome(&site.run(&["check"]).await, 1, "shard-2: cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_writes_over_several_shards_leave_behind() {
    let (Some(one), Some(two)) = (Server::start().await, Server::start().await) else { return };
    let keys = json!({ "users": "user_id", "orders": "user_id" });
    let site = Site::over(&[&one, &two], json!({ "table_shard_keys": keys, "reference_tables": ["rates"] }));
    let router = site.start("router").await;
    for sql in [
        "CREATE TABLE users (user_id BIGINT PRIMARY KEY, email VARCHAR(20) UNIQUE)",
        "CREATE TABLE orders (user_id BIGINT, id BIGINT, seller BIGINT, PRIMARY KEY (user_id, id))",
        "CREATE TABLE rates (code CHAR(3) PRIMARY KEY, rate INT)",
        "INSERT INTO rates VALUES ('EUR', 1)",
    ] {
        site.query(sql).await;
    }
    let clean = site.run(&["check"]).await;
    check_outcome(
        &clean,
        0,
        "shard-1 users: its unique index email lacks the sharding key `user_id`: with several shards",
    );
    drop(router);

    let mut connection = one.connect().await;
    run(
        &mut connection,
        "XA START '0a-1','shard-2',16723; INSERT INTO rates VALUES ('USD', 2); XA END '0a-1','shard-2',16723",
    )
    .await;
    run(&mut connection, "XA PREPARE '0a-1','shard-2',16723").await;
    let mut connection = one.connect().await;
    run(&mut connection, "ALTER TABLE orders ADD FOREIGN KEY sells (seller) REFERENCES users (user_id)").await;
    run(&mut two.connect().await, "ALTER TABLE orders ADD FOREIGN KEY sells (seller) REFERENCES users (user_id)").await;
    run(&mut two.connect().await, "UPDATE rates SET rate = 7").await;
    let stopped = r#"{"sql":"ALTER TABLE users ADD x INT","shards":[],"newcomers":[],"done":[],"before":{},"tables":[],"stopped":"no"}"#;
    run(&mut connection, &format!("INSERT INTO _autoscaler.definitions VALUES (1, '{stopped}')")).await;
    let found = site.run(&["check"]).await;
    check_outcome(&found, 1, "shard-1: a part of transaction 0a-1 is in doubt; shard-2 knows what became of it");
    check_outcome(&found, 1, "leads to rows of users that may lie on another shard");
    check_outcome(&found, 1, "shard-2 rates: has other rows than on shard-1");
    check_outcome(&found, 1, "a change of the schema stopped: no (ALTER TABLE users ADD x INT)");
}

/// Without Prometheus, without an engine, and with a pool that has nothing free.
#[tokio::test(flavor = "multi_thread")]
async fn check_names_what_keeps_the_scaler_from_scaling() {
    let Some(server) = Server::start().await else { return };
    let with = async |more: Value| {
        let mut config = json!({ "table_shard_keys": { "users": "user_id" } });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let site = Site::over(&[&server], config);
        let _router = site.start("router").await;
        site.run(&["check"]).await
    };
    let found = with(json!({ "prometheus": { "url": "http://127.0.0.1:1" } })).await;
    check_outcome(&found, 1, "warning  prometheus: cannot be asked: ");
    check_outcome(&found, 1, "without it no rule decides anything");
    let docker = json!({ "kind": "docker", "engines": [{ "host": "tcp://127.0.0.1:1" }] });
    let found = with(json!({ "backend": docker })).await;
    check_outcome(
        &found,
        1,
        "warning  backend: shard-2 could not be added: no Docker engine answers at tcp://127.0.0.1:1",
    );
    // Another name of the same server, which holds the shard itself.
    let endpoint = server.endpoint(DATABASE);
    let (_, port) = endpoint.tcp_address().unwrap();
    let (user, password) = (endpoint.user(), endpoint.password());
    let pool = json!({ "kind": "static", "pool": [format!("{user}:{password}@tcp(localhost:{port})/shop")] });
    let found = with(json!({ "backend": pool })).await;
    check_outcome(&found, 1, "warning  backend: shard-2 could not be added: no server of the pool is free");
    check_outcome(&found, 1, "is not empty, it has _autoscaler.");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_missing_privileges() {
    let Some(server) = Server::start().await else { return };
    let mut connection = server.connect().await;
    run(&mut connection, "CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'w'").await;
    let granted = "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON *.* TO weak@'127.0.0.1'";
    run(&mut connection, granted).await;
    let port = server.endpoint(DATABASE).address().rsplit(':').next().unwrap().to_owned();
    let site = Site::new(json!({ "shards": { "shard-1": format!("weak:w@tcp(127.0.0.1:{port})/{DATABASE}") } }));
    let _router = site.start("router").await;
    let found = site.run(&["check"]).await;
    check_outcome(&found, 1, "shard-1: the login lacks TRIGGER, LOCK TABLES, CREATE TEMPORARY TABLES on shop");
    check_outcome(&found, 1, "GRANT TRIGGER, LOCK TABLES, CREATE TEMPORARY TABLES ON `shop`.* TO it");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_understands_mysql() {
    let Some(server) = Server::start_mysql().await else { return };
    let site = Site::over(&[&server], json!({ "table_shard_keys": { "users": "user_id" } }));
    let _router = site.start("router").await;
    site.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(20))").await;
    site.query("INSERT INTO users VALUES (1, 'a')").await;
    check_outcome(&site.run(&["check"]).await, 0, "clean: 1 shard,");
}
