//! Clients that take their time, as seen by all others: no wait for one of them is without an end, and what they hold
//! is bounded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use door::{DoorLimits, Hosts};
use keyspace::schema::Layout;
use keyspace::topology::{Shard, ShardId};
use router::Router;
use router::faults::Faults;
use router::{Limits, RouterConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::kit::processes::{Options, Process};
use crate::kit::servers::{DATABASE, Server, routers_login, wait_until};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A router whose door is tried.
struct Doorway {
    address: SocketAddr,
    router: Arc<Router>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Doorway {
    /// A router without shards: its door does not need any.
    async fn alone(http: DoorLimits) -> Doorway {
        Doorway::start(&[], "127.0.0.1:0", Limits { http, ..Limits::default() }, Hosts::default()).await
    }

    async fn over(server: &Server, limits: Limits) -> Doorway {
        let doorway = Doorway::start(std::slice::from_ref(server), "127.0.0.1:0", limits, Hosts::default()).await;
        wait_until("the shard serves", || async { doorway.router.is_ready().is_ok_and(|away| away.is_empty()) }).await;
        doorway
    }

    async fn start(servers: &[Server], listen: &str, limits: Limits, hosts: Hosts) -> Doorway {
        let seeds = (1..).zip(servers).map(|(number, server)| Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: server.endpoint(DATABASE),
        });
        let config = RouterConfig {
            seeds: seeds.collect(),
            account: Some(routers_login()),
            layout: Layout::default(),
            limits,
            faults: Faults::default(),
        };
        let router = Router::start(config);
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(router::doors::http::serve(listener, router.clone(), hosts, async {
            let _ = stopped.await;
        }));
        Doorway { address, router, stop: Some(stop), served }
    }

    async fn connect(&self) -> TcpStream {
        connect(self.address).await
    }

    /// Sends a request on a connection of its own, and returns the whole answer.
    async fn ask(&self, request: &str) -> Answer {
        ask(self.address, request).await
    }

    /// The value of a series of the router's metrics.
    fn metric(&self, series: &str) -> u64 {
        metric(&String::from_utf8(self.router.render_metrics()).unwrap(), series)
    }

    async fn wait_for_ended(&self, reason: &str, count: u64) {
        let series = format!("sql_autoscaler_router_http_ended_connections_total{{reason=\"{reason}\"}}");
        wait_until(&format!("{count} have ended by {reason}"), || async { self.metric(&series) >= count }).await;
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = connect(address).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    Answer::read(stream).await
}

fn metric(metrics: &str, series: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing")).parse().unwrap()
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// All that comes until the other side closes, as one answer.
    async fn read(mut stream: TcpStream) -> Answer {
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn post(body: &str) -> String {
    format!("{}{body}", head_of_post(body.len()))
}

fn head_of_post(length: usize) -> String {
    format!("POST /query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
}

fn query(sql: &str) -> String {
    post(&json!({ "query": sql }).to_string())
}

/// Completes when the other side has closed the connection without a word.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is still open");
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

/// Sends byte after byte until the other side has closed the connection, or answers; returns what it said.
async fn dribble(mut stream: TcpStream, bytes: &[u8]) -> String {
    let mut said = Vec::new();
    let (mut reading, mut writing) = stream.split();
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    let dribbling = async {
        for byte in bytes {
            beat.tick().await;
            if writing.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let _ = reading.read_to_end(&mut said).await;
    };
    tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            () = dribbling => {}
            () = reading => {}
        }
    })
    .await
    .expect("it may go on for ever");
    String::from_utf8(said).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_dribble_have_an_end() {
    let limits = DoorLimits { header_timeout: Duration::from_millis(300), ..DoorLimits::default() };
    let door = Doorway::alone(limits).await;
    let head = format!("GET /health HTTP/1.1\r\nX-Long: {}", "x".repeat(10_000));
    assert_eq!(dribble(door.connect().await, head.as_bytes()).await, "");
    door.wait_for_ended("header_timeout", 1).await;
    // Also after a request that was well.
    let mut stream = door.connect().await;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answer = dribble(stream, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    door.wait_for_ended("header_timeout", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_not_longer_than_anybody_needs() {
    let door = Doorway::alone(DoorLimits::default()).await;
    let request = |length: usize| {
        format!(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: {}\r\n\r\n",
            "x".repeat(length)
        )
    };
    assert_eq!(door.ask(&request(8_000)).await.status, 200);
    let mut stream = door.connect().await;
    // It may be closed while this is being sent.
    let _ = stream.write_all(request(17_000).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_dribble_have_an_end() {
    let limits = DoorLimits { body_timeout: Duration::from_millis(400), ..DoorLimits::default() };
    let door = Doorway::alone(limits).await;
    let request = format!("{}{}", head_of_post(20_000), "x".repeat(20));
    let mut stream = door.connect().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = dribble(stream, &[b'x'; 1_000]).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("limits.body_timeout_ms"), "{answer}");
    door.wait_for_ended("body_timeout", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_stop_have_an_end() {
    let limits = DoorLimits { header_timeout: Duration::from_millis(300), ..DoorLimits::default() };
    let door = Doorway::alone(limits).await;
    let answer = door.ask(&format!("{}{{\"query\"", head_of_post(2_000))).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "timeout"));
    assert!(answer.body.contains("limits.header_timeout_ms"), "{}", answer.body);
    door.wait_for_ended("body_timeout", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_have_an_end() {
    let limits = DoorLimits { idle_timeout: Duration::from_millis(300), ..DoorLimits::default() };
    let door = Doorway::alone(limits).await;
    closed(door.connect().await).await;
    let mut used = door.connect().await;
    used.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(used).await.status, 200);
    door.wait_for_ended("idle_timeout", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_that_it_is_too_large_is_not_read() {
    let door = Doorway::alone(DoorLimits::default()).await;
    let answer = door.ask(&head_of_post(1 << 30)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    // One that does not say it is told when it is.
    let mut stream = door.connect().await;
    let head = "POST /query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
        for _ in 0..64 {
            if writing.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
    });
    let mut answer = vec![0; 20];
    tokio::time::timeout(PATIENCE, reading.read_exact(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    drop(reading);
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_give_way_to_new_ones() {
    let limits = DoorLimits { max_connections: Some(20), ..DoorLimits::default() };
    let door = Doorway::alone(limits).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(door.connect().await);
    }
    assert_eq!(door.ask(&get("/health")).await.status, 200);
    // One client has three quarters.
    door.wait_for_ended("displaced", 100 + 1 - 15).await;
    wait_until("the displaced are closed", || async { door.metric("sql_autoscaler_router_http_connections") <= 15 })
        .await;
    let oldest = idle.remove(0);
    closed(oldest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_requests_do_not_give_way() {
    let Some(server) = Server::start().await else { return };
    let http = DoorLimits { max_connections: Some(8), ..DoorLimits::default() };
    let door = Doorway::over(&server, Limits { http, ..Limits::default() }).await;
    let mut running = Vec::new();
    for _ in 0..6 {
        let mut stream = door.connect().await;
        stream.write_all(query("SELECT SLEEP(3) AS slept").as_bytes()).await.unwrap();
        running.push(stream);
    }
    let active = "sql_autoscaler_router_active_queries";
    wait_until("all of them run", || async { door.metric(active) == 6 }).await;
    let refused = Answer::read(door.connect().await).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert_eq!(door.metric("sql_autoscaler_router_http_refused_connections_total{reason=\"client_share\"}"), 1);
    for stream in running {
        let answer = Answer::read(stream).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(door.ask(&query("SELECT 1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_do_not_stop_others() {
    let Some(server) = Server::start().await else { return };
    let limits = Limits { max_concurrent_queries: 4, ..Limits::default() };
    let door = Doorway::over(&server, limits).await;
    let mut unfinished = Vec::new();
    for _ in 0..200 {
        let mut stream = door.connect().await;
        // Most of it is there, and it takes up what has come only.
        let request = format!("{}{}", head_of_post(10 << 20), "x".repeat(100_000));
        stream.write_all(request.as_bytes()).await.unwrap();
        unfinished.push(stream);
    }
    let bodies = "sql_autoscaler_router_held_bytes{kind=\"bodies\"}";
    wait_until("their bytes are held", || async { door.metric(bodies) >= 200 * 100_000 }).await;
    for _ in 0..20 {
        let answer = door.ask(&query("SELECT 1 AS one")).await;
        assert_eq!((answer.status, answer.body.contains("[{\"one\":1}]")), (200, true), "{}", answer.body);
    }
    assert_eq!(door.metric("sql_autoscaler_router_active_queries"), 0);
    drop(unfinished);
    wait_until("they are forgotten", || async { door.metric(bodies) == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_room_are_refused_and_leave_it_to_others() {
    let limits = Limits { max_memory_bytes: 16 << 20, ..Limits::default() };
    let door = Doorway::start(&[], "127.0.0.1:0", limits, Hosts::default()).await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        let mut stream = door.connect().await;
        let (reading, mut writing) = {
            stream.write_all(head_of_post(6 << 20).as_bytes()).await.unwrap();
            stream.into_split()
        };
        let body = vec![b'x'; 5 << 20];
        sent.push((reading, tokio::spawn(async move { writing.write_all(&body).await.map(|()| writing) })));
    }
    let refusals = "sql_autoscaler_router_memory_refusals_total{kind=\"bodies\"}";
    wait_until("some are refused", || async { door.metric(refusals) >= 2 }).await;
    assert!(door.metric("sql_autoscaler_router_held_bytes{kind=\"bodies\"}") <= 12 << 20);
    assert_eq!(door.ask(&get("/health")).await.status, 200);
}

/// An answer that is not read is kept by the router until its client is given up, within what it may hold.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_bounded_memory() {
    let Some(server) = Server::start().await else { return };
    let servers = [server];
    let limits = json!({ "write_timeout_ms": 4000, "in_doubt_timeout_ms": 500 });
    let router = Process::with(&servers, &Layout::default(), &Options { limits, ..Options::default() }).await;
    let address = router.address();
    assert_eq!(ask(address, &query("CREATE TABLE wide (id INT PRIMARY KEY)")).await.status, 200);
    let ids: Vec<String> = (1..=45).map(|id| format!("({id})")).collect();
    assert_eq!(ask(address, &query(&format!("INSERT INTO wide VALUES {}", ids.join(",")))).await.status, 200);
    let large = query("SELECT id, REPEAT('x', 1000000) AS wide FROM wide");

    let mut streams = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(address).await;
        stream.write_all(large.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let mut statuses = Vec::new();
    let mut most = 0;
    for stream in &mut streams {
        // The status only; of what follows nothing is read.
        let mut status = [0; 12];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut status)).await.unwrap().unwrap();
        statuses.push(String::from_utf8_lossy(&status[9..]).into_owned());
        most = most.max(router.resident_bytes());
    }
    assert!(statuses.iter().all(|status| status == "200" || status == "503"), "{statuses:?}");
    assert!(statuses.iter().any(|status| status == "200"), "{statuses:?}");
    assert!(most < 200 << 20, "{most} bytes");
    let others = ask(address, &query("SELECT id FROM wide WHERE id = 7")).await;
    assert_eq!(others.status, 200, "{}", others.body);

    let metrics = async || ask(address, &get("/metrics")).await.body;
    let answers = "sql_autoscaler_router_held_bytes{kind=\"answers\"}";
    // This document itself is one.
    wait_until("they are given up", || async { metric(&metrics().await, answers) < 1 << 20 }).await;
    assert!(
        metric(&metrics().await, "sql_autoscaler_router_http_ended_connections_total{reason=\"write_timeout\"}") >= 1
    );
    let whole = ask(address, &large).await;
    let body: Value = serde_json::from_str(&whole.body).unwrap();
    assert_eq!((whole.status, body["data"].as_array().unwrap().len()), (200, 45));
    assert!(whole.head.contains(&format!("content-length: {}", whole.body.len())), "{}", whole.head);
    assert!(router.resident_bytes() < 200 << 20, "{} bytes", router.resident_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_any_size_come_whole() {
    let Some(server) = Server::start().await else { return };
    let door = Doorway::over(&server, Limits::default()).await;
    assert_eq!(door.ask(&query("CREATE TABLE t (id INT PRIMARY KEY)")).await.status, 200);
    let ids: Vec<String> = (1..=300).map(|id| format!("({id})")).collect();
    assert_eq!(door.ask(&query(&format!("INSERT INTO t VALUES {}", ids.join(",")))).await.status, 200);
    for length in [1, 200, 218, 219, 1_000, 70_000] {
        let sql = format!("SELECT id, REPEAT('x', {length}) AS x FROM t ORDER BY id");
        for format in ["objects", "rows"] {
            let answer = door.ask(&post(&json!({ "query": sql, "format": format }).to_string())).await;
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let rows = body["data"].as_array().unwrap();
            assert_eq!((answer.status, rows.len()), (200, 300));
            let cell = |index: usize, column: usize, name: &str| match format {
                "rows" => rows[index][column].clone(),
                _ => rows[index][name].clone(),
            };
            for index in [0, 150, 299] {
                assert_eq!(cell(index, 0, "id"), json!(index + 1));
                assert_eq!(cell(index, 1, "x").as_str().unwrap().len(), length);
            }
            assert_eq!(body["shard"], "shard-1");
            assert_eq!(body.get("columns").is_some(), format == "rows");
            assert!(answer.head.contains(&format!("content-length: {}", answer.body.len())), "{}", answer.head);
        }
    }
    let held = "sql_autoscaler_router_held_bytes{kind=\"answers\"}";
    wait_until("nothing is held any more", || async { door.metric(held) == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_room_is_refused_and_never_cut() {
    let Some(server) = Server::start().await else { return };
    let door = Doorway::over(&server, Limits { max_memory_bytes: 16 << 20, ..Limits::default() }).await;
    assert_eq!(door.ask(&query("CREATE TABLE t (id INT PRIMARY KEY)")).await.status, 200);
    let ids: Vec<String> = (1..=100).map(|id| format!("({id})")).collect();
    assert_eq!(door.ask(&query(&format!("INSERT INTO t VALUES {}", ids.join(",")))).await.status, 200);
    // More than one client may have at all.
    let never = door.ask(&query("SELECT id, REPEAT('x', 200000) AS x FROM t")).await;
    assert_eq!((never.status, never.code().as_str()), (422, "limit_exceeded"), "{}", never.body);
    // There would be room, were it not for one that is not read.
    let mut unread = door.connect().await;
    unread.write_all(query("SELECT id, REPEAT('x', 90000) AS x FROM t").as_bytes()).await.unwrap();
    unread.read_exact(&mut [0; 12]).await.unwrap();
    let now = door.ask(&query("SELECT id, REPEAT('y', 90000) AS x FROM t")).await;
    assert_eq!((now.status, now.code().as_str()), (503, "overloaded"), "{}", now.body);
    assert!(now.head.contains("retry-after: 1"), "{}", now.head);
    drop(unread);
    let again = query("SELECT id, REPEAT('y', 90000) AS x FROM t");
    wait_until("there is room again", || async { door.ask(&again).await.status == 200 }).await;
}

/// The name that a page of another site lets lead here is the `Host` of its requests.
#[tokio::test(flavor = "multi_thread")]
async fn only_our_names_are_answered() {
    let hosts = Hosts::new(["db.example.org", "router:8080"]);
    let door = Doorway::start(&[], "127.0.0.1:0", Limits::default(), hosts).await;
    let port = door.address.port();
    let request = |host: &str, path: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let ours = [
        "localhost",
        "LocalHost:1",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:80",
        "db.example.org",
        "router:80",
        "Router.",
    ];
    for host in ours.map(str::to_owned).into_iter().chain([format!("127.0.0.1:{port}")]) {
        assert_eq!(door.ask(&request(&host, "/openapi.json")).await.status, 200, "{host}");
    }
    let others = [
        "shop.example",
        "db.example.org.shop.example",
        "10.0.0.1",
        "0.0.0.0",
        "localhost.shop.example",
        "x@localhost",
        "",
    ];
    for host in others.map(str::to_owned).into_iter().chain([format!("shop.example:{port}")]) {
        for path in ["/metrics", "/slots", "/topology", "/openapi.json", "/nothing"] {
            let answer = door.ask(&request(&host, path)).await;
            assert_eq!((answer.status, answer.code().as_str()), (421, "misdirected"), "{host} {path}");
            assert!(answer.body.contains("`hosts`"), "{}", answer.body);
        }
        // Whoever probes a service may know no name of it.
        assert_eq!(door.ask(&request(&host, "/health")).await.status, 200);
        assert_eq!(door.ask(&request(&host, "/ready")).await.status, 503);
    }
    let statement = r#"{"query":"SELECT 1"}"#;
    let page = format!(
        "POST /query HTTP/1.1\r\nHost: shop.example:{port}\r\nOrigin: http://shop.example:{port}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{statement}",
        statement.len()
    );
    assert_eq!(door.ask(&page).await.status, 421);
    // No second name goes in with the first.
    let two = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    assert_eq!(door.ask(two).await.status, 421);
    let absolute = "GET http://shop.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(door.ask(absolute).await.status, 421);
    let none = door.ask("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!((none.status, none.code().as_str()), (400, "bad_request"));
    assert!(door.metric("sql_autoscaler_router_query_errors_total{reason=\"misdirected\"}") > 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_for_any_address_is_asked_by_any_address() {
    let door = Doorway::start(&[], "0.0.0.0:0", Limits::default(), Hosts::default()).await;
    let loopback = SocketAddr::from(([127, 0, 0, 1], door.address.port()));
    for (host, status) in [("203.0.113.9:80", 200), ("127.0.0.1", 200), ("[2001:db8::1]", 200), ("shop.example", 421)] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(loopback, &request).await.status, status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let door = Doorway::alone(DoorLimits::default()).await;
    let paths = ["/health", "/nothing", "/ready", "/health", "/one", "/two"];
    let mut requests = String::new();
    for path in paths {
        requests += &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    requests += &get("/last");
    let mut stream = door.connect().await;
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "503", "200", "404", "404", "404"]);
    assert!(text.find("/one").unwrap() < text.find("/two").unwrap() && text.ends_with("}}"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_clients_are_answered() {
    let door = Doorway::alone(DoorLimits::default()).await;
    let answer = door.ask("GET /metrics HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status, answer.head.starts_with("http/1.0 ")), (200, true));
    let statement = r#"{"query":"SELECT 1"}"#;
    let posted =
        door.ask(&format!("POST /query HTTP/1.0\r\nContent-Length: {}\r\n\r\n{statement}", statement.len())).await;
    assert_eq!((posted.status, posted.code().as_str()), (503, "shard_unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_waits_for_requests_that_run_and_for_nothing_else() {
    let Some(server) = Server::start().await else { return };
    let mut door = Doorway::over(&server, Limits::default()).await;
    let idle = door.connect().await;
    let mut used = door.connect().await;
    used.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut running = door.connect().await;
    running.write_all(query("SELECT SLEEP(1) AS slept").as_bytes()).await.unwrap();
    let active = "sql_autoscaler_router_active_queries";
    wait_until("it runs", || async { door.metric(active) == 1 }).await;
    door.stop.take().unwrap().send(()).unwrap();
    closed(idle).await;
    assert_eq!(Answer::read(used).await.status, 200);
    let answer = Answer::read(running).await;
    assert_eq!((answer.status, answer.body.contains("\"slept\":0")), (200, true), "{}", answer.body);
    tokio::time::timeout(PATIENCE, door.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(door.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_few_descriptors_goes_on_answering() {
    let Some(server) = Server::start().await else { return };
    let servers = [server];
    let options = Options { descriptors: Some(512), ..Options::default() };
    let router = Process::with(&servers, &Layout::default(), &options).await;
    let mut idle = Vec::new();
    for _ in 0..520 {
        idle.push(connect(router.address()).await);
    }
    for _ in 0..20 {
        let answer = ask(router.address(), &query("SELECT 1 AS one")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let metrics = ask(router.address(), &get("/metrics")).await.body;
    assert_eq!(metric(&metrics, "sql_autoscaler_router_http_refused_connections_total{reason=\"no_descriptor\"}"), 0);
    // Half of the descriptors, of which one client has three quarters.
    assert!(metric(&metrics, "sql_autoscaler_router_http_connections") <= 192);
}

/// Somebody gave it more places than it has descriptors.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_descriptors_makes_room() {
    let Some(server) = Server::start().await else { return };
    let servers = [server];
    let limits =
        json!({ "max_http_connections": 5000, "max_http_connections_per_client": 5000, "in_doubt_timeout_ms": 500 });
    let options = Options { descriptors: Some(128), limits, ..Options::default() };
    let router = Process::with(&servers, &Layout::default(), &options).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(connect(router.address()).await);
    }
    let metrics = ask(router.address(), &get("/metrics")).await;
    assert_eq!(metrics.status, 200);
    let refused = "sql_autoscaler_router_http_refused_connections_total{reason=\"no_descriptor\"}";
    assert!(metric(&metrics.body, refused) >= 1);
    drop(idle);
    let one = query("SELECT 1 AS one");
    wait_until("it answers all again", || async { ask(router.address(), &one).await.status == 200 }).await;
}
