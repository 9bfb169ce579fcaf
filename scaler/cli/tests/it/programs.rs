//! The monitoring programs of a local cluster, for real.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backends::Program;
use cli::up::UpError;
use cli::up::{Exporter, PrometheusServer, ScrapeTargets, end_leftovers};
use keyspace::endpoint::Endpoint;
use keyspace::topology::ShardId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use warp::Filter;

use crate::kit::servers::{DATABASE, Server, run};

/// A name and a password that would break out of a badly built DSN or option file.
const PASSWORD: &str = "p@ss/w#rd):'";

async fn wait_until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(40), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn kill_now(pid: u32) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
}

/// Kills what a failing test leaves: programs outlive the process that started them.
struct KillAtEnd(Vec<(PathBuf, &'static str)>);

impl Drop for KillAtEnd {
    fn drop(&mut self) {
        let running = self.0.iter().filter_map(|(dir, name)| Program::adopt(dir, name).ok().flatten());
        running.for_each(|program| kill_now(program.pid()));
    }
}

/// A MariaDB with 120 rows in `users`, and an account for the exporter.
async fn start_database() -> Option<(Server, Endpoint)> {
    let server = Server::start().await?;
    for statement in [
        "CREATE TABLE users (id INT PRIMARY KEY)",
        "INSERT INTO users SELECT seq FROM seq_1_to_120",
        "ANALYZE TABLE users",
        &format!("CREATE USER watch@'%' IDENTIFIED BY '{}'", PASSWORD.replace('\'', "''")),
        "GRANT PROCESS, REPLICATION CLIENT, SELECT ON *.* TO watch@'%'",
    ] {
        run(&mut server.connect().await, statement).await;
    }
    let endpoint = Endpoint::tcp("127.0.0.1", server.address().port(), "watch", PASSWORD, DATABASE);
    Some((server, endpoint))
}

/// Stands for router and scaler: metrics, and where the exporter is.
async fn serve_targets(exporter: SocketAddr) -> SocketAddr {
    let metrics = warp::path!("metrics").map(|| "sql_autoscaler_test 7\n");
    let targets = format!(r#"[{{"targets":["{exporter}"],"labels":{{"shard":"shard-1"}}}}]"#);
    let discovery = warp::path!("sd" / "mysqld")
        .map(move || warp::reply::with_header(targets.clone(), "content-type", "application/json"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(metrics.or(discovery)).incoming(listener).run());
    address
}

/// The value of an instant query that gives one sample.
async fn value(prometheus: &str, expr: &str) -> Option<String> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let query = client.get(format!("{prometheus}/api/v1/query")).query(&[("query", expr)]).send().await.ok()?;
    let answer: serde_json::Value = serde_json::from_str(&query.text().await.ok()?).ok()?;
    Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_shows_in_prometheus_and_crashed_programs_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let monitoring = folder.path().join("monitoring");
    let (dir, exporters) = (monitoring.join("prometheus"), monitoring.join("exporters"));
    let _at_end = KillAtEnd(vec![(dir.clone(), "prometheus"), (exporters.clone(), "exporter-shard-1")]);
    let Some((_database, endpoint)) = start_database().await else { return };
    let shard = ShardId::new("shard-1").unwrap();
    let exporter = Exporter::start(&exporters, &shard, &endpoint).await.unwrap();
    let services = serve_targets(exporter.address()).await;
    let targets = ScrapeTargets { router: services, scaler: services };
    let listen = free_address();
    let prometheus = PrometheusServer::start(&dir, listen, Duration::from_secs(1), &targets).await.unwrap();

    let url = prometheus.url();
    let holds = async |expr: &str, wanted: &str| value(&url, expr).await.as_deref() == Some(wanted);
    wait_until("the router's metrics", || holds(r#"sql_autoscaler_test{job="router"}"#, "7")).await;
    wait_until("the shard", || holds(r#"mysql_up{shard="shard-1"}"#, "1")).await;
    let rows = r#"mysql_info_schema_table_rows{shard="shard-1",schema="shop",table="users"}"#;
    wait_until("the rows", || holds(rows, "120")).await;
    assert!(holds("count(count by (schema) (mysql_info_schema_table_rows))", "1").await, "other schemas are listed");

    // The same port again, and no second Prometheus.
    let second = PrometheusServer::start(&monitoring.join("second"), listen, Duration::from_secs(1), &targets).await;
    let refused = second.unwrap_err();
    assert!(matches!(refused, UpError::PortInUse { .. }), "{refused}");
    assert!(refused.to_string().contains("by prometheus (pid "), "{refused}");

    // A killed exporter is started again at the same address.
    let running = |dir: &Path, name: &str| Program::adopt(dir, name).unwrap();
    let first = running(&exporters, "exporter-shard-1").unwrap().pid();
    kill_now(first);
    wait_until("a new exporter", || async {
        running(&exporters, "exporter-shard-1").is_some_and(|program| program.pid() != first)
            && tokio::net::TcpStream::connect(exporter.address()).await.is_ok()
    })
    .await;

    exporter.stop().await.unwrap();
    prometheus.stop().await.unwrap();
    assert!(running(&exporters, "exporter-shard-1").is_none());
    assert!(running(&dir, "prometheus").is_none());
    assert!(tokio::net::TcpStream::connect(listen).await.is_err());
}

#[test]
fn what_a_killed_up_leaves_is_ended_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_owned();
    let _at_end = KillAtEnd(vec![(dir.clone(), "exporter-shard-1")]);
    let shard = ShardId::new("shard-1").unwrap();
    // Nobody answers there: the exporter runs all the same and says that the shard is down.
    let endpoint = Endpoint::tcp("127.0.0.1", free_address().port(), "u", "p", "app");
    let killed = tokio::runtime::Runtime::new().unwrap();
    let exporter = killed.block_on(Exporter::start(&dir, &shard, &endpoint)).unwrap();
    // As with a kill, nothing of this `up` has a chance to clean up.
    std::mem::forget(exporter);
    killed.shutdown_background();
    let next = tokio::runtime::Runtime::new().unwrap();
    next.block_on(async {
        assert!(Program::adopt(&dir, "exporter-shard-1").unwrap().is_some());
        assert_eq!(end_leftovers(&dir).await.unwrap(), 1);
        assert!(Program::adopt(&dir, "exporter-shard-1").unwrap().is_none());
        assert_eq!(end_leftovers(&dir).await.unwrap(), 0);
    });
}

#[tokio::test]
async fn a_program_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("prometheus");
    // A file where Prometheus wants its folder.
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("data"), "").unwrap();
    let targets = ScrapeTargets { router: free_address(), scaler: free_address() };
    let error = PrometheusServer::start(&dir, free_address(), Duration::from_secs(1), &targets).await.unwrap_err();
    assert!(matches!(error, UpError::EndedAtStart { .. }), "{error}");
    assert!(error.to_string().contains("not a directory"), "{error}");
}
