//! The compose stack as it ships, from `up` to a shard that the scaler added, and through `down` and `up` again.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

const IMAGE: &str = "sql-autoscaler:test";
/// Rows on one shard that make the scaler add another.
const ROWS_PER_SHARD: u32 = 200;

/// A project of its own, removed with its volumes at the end.
struct Stack {
    project: String,
    ports: Vec<(&'static str, u16)>,
    client: reqwest::Client,
}

impl Stack {
    /// `None`, and said so, where Docker, its compose plugin or an image is missing, which tests never pull.
    async fn new() -> Option<Stack> {
        let compose = Command::new("docker").args(["compose", "version"]).output().await;
        if !compose.is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: no docker compose (.ci/with-docker brings it)");
            return None;
        }
        let ports = ["ROUTER_PORT", "ROUTER_2_PORT", "SCALER_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT"];
        // Held until all are known, so that they differ.
        let listeners = ports.map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let numbers = listeners.iter().map(|listener| listener.local_addr().unwrap().port());
        let ports = ports.into_iter().zip(numbers).collect();
        let project = format!("sqlas-{:08x}", rand::random::<u32>());
        let stack = Stack { project, ports, client: reqwest::Client::new() };
        let images = stack.compose(&["config", "--images"]).await;
        if !images.status.success() {
            panic!("docker compose config: {}", String::from_utf8_lossy(&images.stderr));
        }
        for image in String::from_utf8(images.stdout).unwrap().lines().filter(|image| *image != IMAGE) {
            if !has_image(image).await {
                return None;
            }
        }
        Some(stack)
    }

    fn compose_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--project-name", &self.project]).args(arguments);
        command.current_dir(root().join("compose")).stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.ports.iter().map(|(name, port)| (*name, port.to_string())));
        command.env("ROWS_PER_SHARD", ROWS_PER_SHARD.to_string()).env("MONITORING_INTERVAL_SECONDS", "1");
        command.env("SQL_AUTOSCALER_IMAGE", IMAGE).env("PULL", "never").env("MAX_SHARDS", "2");
        // What a developer has in compose/.env must not matter.
        command.env("COMPOSE_PROFILES", "");
        command
    }

    async fn compose(&self, arguments: &[&str]) -> Output {
        tokio::time::timeout(Duration::from_secs(240), self.compose_command(arguments).output()).await.unwrap().unwrap()
    }

    /// Succeeds, or shows what the services said.
    async fn compose_up(&self) {
        let up = self.compose(&["up", "--detach", "--wait", "--no-build"]).await;
        if !up.status.success() {
            let logs = self.compose(&["logs", "--tail", "20"]).await;
            panic!("{}\n{}", String::from_utf8_lossy(&up.stderr), String::from_utf8_lossy(&logs.stdout));
        }
    }

    fn url(&self, port: &str, path: &str) -> String {
        let (_, number) = self.ports.iter().find(|(name, _)| *name == port).unwrap();
        format!("http://127.0.0.1:{number}{path}")
    }

    async fn get(&self, port: &str, path: &str) -> Option<Value> {
        self.client.get(self.url(port, path)).send().await.ok()?.json().await.ok()
    }

    async fn query(&self, sql: &str) -> Value {
        let asked = self.client.post(self.url("ROUTER_PORT", "/query")).json(&json!({ "query": sql })).send().await;
        let (status, answer): (_, Value) = {
            let answer = asked.unwrap();
            (answer.status(), answer.json().await.unwrap())
        };
        assert!(status.is_success(), "{sql}: {answer}");
        answer
    }

    async fn wait_for<T>(&self, what: &str, seconds: u64, look: impl AsyncFn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if began.elapsed() > Duration::from_secs(seconds) {
                let logs = self.compose(&["logs", "--tail", "30", "scaler", "router"]).await;
                panic!("never: {what}\n{}", String::from_utf8_lossy(&logs.stdout));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Every shard, once all of them are healthy and own slots.
    async fn healthy_shards(&self, count: usize) -> Vec<Value> {
        self.wait_for(&format!("{count} healthy shards"), 90, async || {
            let shards = self.get("SCALER_PORT", "/shards").await?;
            let serves = |shard: &Value| shard["status"] == "healthy" && shard["slots"].as_u64() > Some(0);
            let shards: Vec<Value> = shards.as_array()?.clone();
            (shards.len() == count && shards.iter().all(serves)).then_some(shards)
        })
        .await
    }

    async fn remove(&self) {
        self.compose(&["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10"]).await;
        remove_instances(&self.project).await;
    }
}

async fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether an engine answers and has the image; says so if not.
pub async fn has_image(image: &str) -> bool {
    let inspected = Command::new("docker").args(["image", "inspect", image]).output().await;
    let is_there = inspected.is_ok_and(|output| output.status.success());
    if !is_there {
        println!("SKIPPED: no Docker engine, or it has no image {image} (.ci/stand-ins/build makes a stand-in)");
    }
    is_there
}

/// Removes every container and volume that the scaler of a cluster made.
pub async fn remove_instances(cluster: &str) {
    let label = format!("label=org.sql-autoscaler.owner={cluster}");
    for container in docker(&["ps", "--all", "--quiet", "--filter", &label]).await.lines() {
        docker(&["rm", "--force", container]).await;
    }
    for volume in docker(&["volume", "ls", "--quiet", "--filter", &label]).await.lines() {
        docker(&["volume", "rm", volume]).await;
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap().to_owned()
}

/// The product's image around the program that these tests run, as the Dockerfile makes it.
async fn build_image() {
    // A context of its own: cargo's target folder may lie anywhere.
    let context = tempfile::tempdir().unwrap();
    let folder = context.path().join("target/test");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_sql-autoscaler"), folder.join("sql-autoscaler")).unwrap();
    let built = Command::new("docker")
        .args(["build", "--quiet", "--file", "compose/Dockerfile", "--tag", IMAGE])
        .args(["--build-arg", "BINARY=prebuilt", "--build-arg", "PROFILE_FOLDER=test"])
        .arg(context.path())
        .env("DOCKER_BUILDKIT", "1")
        .current_dir(root())
        .output()
        .await
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

#[tokio::test]
async fn the_stack_scales_out_is_proven_by_its_dashboards_and_survives_down_and_up() {
    use futures_util::FutureExt;
    let Some(stack) = Stack::new().await else { return };
    build_image().await;
    let outcome = std::panic::AssertUnwindSafe(story(&stack)).catch_unwind().await;
    stack.remove().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

async fn story(stack: &Stack) {
    let warned = stack.compose(&["config", "--quiet"]).await;
    assert_eq!((warned.status.code(), warned.stderr.as_slice()), (Some(0), &b""[..]), "compose config is clean");
    let began = Instant::now();
    stack.compose_up().await;
    println!("up after {:?}", began.elapsed());
    // A file that is started twice changes nothing.
    stack.compose_up().await;

    stack.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(64), balance DECIMAL(10,2))").await;
    stack.query("CREATE TABLE orders (customer_id BIGINT PRIMARY KEY)").await;
    stack.query("CREATE TABLE currencies (code CHAR(3) PRIMARY KEY)").await;
    for user in 0..=ROWS_PER_SHARD {
        stack.query(&format!("INSERT INTO users VALUES ({user}, 'user {user}', 1.25)")).await;
    }
    let crossed = Instant::now();
    let shards = stack.healthy_shards(2).await;
    println!("threshold → shard-2 serving: {:?}", crossed.elapsed());
    let container = format!("{}.shard-2", stack.project);
    assert_eq!(docker(&["inspect", "--format", "{{.State.Status}}", &container]).await, "running");
    for shard in &shards {
        for known in ["cpu_percent", "memory_percent", "disk_percent", "total_entries"] {
            assert!(shard[known].is_number(), "{known} of {shard}");
        }
    }
    let counted = "SELECT COUNT(*) AS n, SUM(balance) AS s FROM users";
    let total = stack.query(counted).await;
    assert_eq!(total["data"][0]["n"], ROWS_PER_SHARD + 1);
    assert_eq!(total["shards"], json!(["shard-1", "shard-2"]));
    // Rates are of what goes on while they are asked for.
    let load = async {
        loop {
            for user in 0..20 {
                stack.query(&format!("SELECT name FROM users WHERE user_id = {user}")).await;
            }
            stack.query(counted).await;
            // The server refuses it, which is a failed statement.
            let twice = json!({ "query": "INSERT INTO users VALUES (1, 'again', 0)" });
            stack.client.post(stack.url("ROUTER_PORT", "/query")).json(&twice).send().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = load => unreachable!("it goes on for ever"),
        () = prove_what_is_seen(stack) => {}
    }

    // As the runbook says to look at things.
    let checked = stack.compose(&["exec", "-T", "scaler", "sql-autoscaler", "check"]).await;
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(
        said.trim(),
        "clean: 2 shards, every row where it belongs",
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    assert!(checked.status.success());

    let down = stack.compose(&["down", "--remove-orphans"]).await;
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &format!("name={}", stack.project)]).await, "");
    stack.compose_up().await;
    stack.healthy_shards(2).await;
    let again = stack.wait_for("the rows are there again", 60, async || {
        let asked = json!({ "query": counted });
        let answer = stack.client.post(stack.url("ROUTER_PORT", "/query")).json(&asked).send().await.ok()?;
        answer.status().is_success().then_some(answer.json::<Value>().await.ok()?)
    });
    assert_eq!(again.await["data"], total["data"]);
    // The account of the exporter and everything else is as it was.
    let up = async || stack.get("PROMETHEUS_PORT", "/api/v1/query?query=sum(mysql_up)").await;
    stack
        .wait_for("both shards are watched again", 60, async || {
            (up().await?["data"]["result"][0]["value"][1] == "2").then_some(())
        })
        .await;
}

/// Every expression of dashboards, rules and alerts, asked of the Prometheus that watched all this.
async fn prove_what_is_seen(stack: &Stack) {
    // Scraped every 5 s and discovered as often, rates need two samples and rules an evaluation.
    stack
        .wait_for("both shards are watched, the load is seen and the action is over", 90, async || {
            let asked = "/api/v1/query?query=count(rate(mysql_global_status_queries%5B1m%5D)) and on () \
                 sum(cluster:sql_autoscaler_router_requests:rate5m) > 0 and on () \
                 sum(increase(sql_autoscaler_scaler_actions_total{result=%22succeeded%22}%5B5m%5D)) > 0";
            let answer = stack.get("PROMETHEUS_PORT", &asked.replace(' ', "%20").replace('>', "%3E")).await?;
            (answer["data"]["result"][0]["value"][1] == "2").then_some(())
        })
        .await;
    let prove = Command::new(root().join("dashboards/prove"))
        .arg(stack.url("PROMETHEUS_PORT", ""))
        .args(["compose/prometheus/rules/recording.yml", "compose/prometheus/rules/alerts.yml"])
        .current_dir(root())
        .output()
        .await
        .unwrap();
    println!("{}", String::from_utf8_lossy(&prove.stdout));
    assert!(prove.status.success(), "{}", String::from_utf8_lossy(&prove.stderr));
}
