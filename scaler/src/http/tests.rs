use std::sync::Mutex;

use jiff::Timestamp;
use keyspace::own::journal::MoveState;
use moves::Rest;
use reqwest::{Client, RequestBuilder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::observe::Condition;

/// Notes what it was asked, and fails at what needs a database while `broken`.
#[derive(Default)]
struct FakeApi {
    asked: Mutex<Vec<String>>,
    broken: bool,
}

impl FakeApi {
    fn note(&self, asked: String) -> Result<Value, ApiError> {
        self.asked.lock().unwrap().push(asked);
        match self.broken {
            true => Err(ApiError::new(500, "catalogue", "the catalogue's database failed").with_hint("free some disk")),
            false => Ok(json!({"done": true})),
        }
    }
}

#[async_trait]
impl ControlApi for FakeApi {
    async fn shards(&self) -> Vec<ShardStatus> {
        vec![ShardStatus {
            shard_id: ShardId::new("shard-1").unwrap(),
            cpu_percent: Some(12.5),
            memory_percent: None,
            disk_percent: None,
            total_entries: Some(7),
            connection_count: Some(3),
            queries_per_second: None,
            database_size_bytes: Some(16),
            table_counts: Some(BTreeMap::from([("orders".to_owned(), 7)])),
            status: Condition::Healthy,
            last_updated: Some(Timestamp::from_second(0).unwrap()),
            slots: 16_384,
            endpoint: "127.0.0.1:3306/shop".to_owned(),
            instance: None,
        }]
    }
    fn ready(&self) -> Result<(), String> {
        if self.broken { Err("no topology yet".to_owned()) } else { Ok(()) }
    }
    fn metrics(&self) -> String {
        "sql_autoscaler_scaler_paused 0\n".to_owned()
    }
    async fn decisions(&self, limit: usize) -> Result<Value, ApiError> {
        self.note(format!("decisions {limit}"))
    }
    async fn explain(&self) -> Result<Value, ApiError> {
        self.note("explain".to_owned())
    }
    async fn moves(&self) -> Result<Value, ApiError> {
        self.note("moves".to_owned())
    }
    async fn scale_out(&self, dry_run: bool, source: Option<ShardId>) -> Result<Value, ApiError> {
        self.note(format!("scale out {dry_run} {source:?}"))
    }
    async fn drain(&self, shard: ShardId, dry_run: bool) -> Result<Value, ApiError> {
        self.note(format!("drain {shard} {dry_run}"))
    }
    async fn pause(&self) -> Result<Value, ApiError> {
        self.note("pause".to_owned())
    }
    async fn resume(&self) -> Result<Value, ApiError> {
        self.note("resume".to_owned())
    }
    async fn sd_mysqld(&self) -> Result<Vec<SdTarget>, ApiError> {
        self.note("sd mysqld".to_owned())?;
        let labels = BTreeMap::from([("shard".to_owned(), "shard-1".to_owned())]);
        Ok(vec![SdTarget { targets: vec!["127.0.0.1:3306".to_owned()], labels }])
    }
    async fn sd_router(&self) -> Result<Vec<SdTarget>, ApiError> {
        self.note("sd router".to_owned())?;
        Ok(Vec::new())
    }
}

struct Server {
    api: Arc<FakeApi>,
    base: String,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(api: FakeApi) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let api = Arc::new(api);
        let served = Arc::clone(&api);
        let task = tokio::spawn(serve(listener, served, DoorLimits::default(), Hosts::new(["scaler"]), async move {
            drop(stopped.await)
        }));
        let client = Client::builder().no_proxy().build().unwrap();
        Server { api, base, client, stop, task }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str, body: &'static str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).body(body)
    }

    /// The request succeeds, and this is what the API was asked.
    async fn check_asks(&self, request: RequestBuilder, asked: &str) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{asked}");
        assert_eq!(response.json::<Value>().await.unwrap(), json!({"done": true}));
        assert_eq!(self.api.asked.lock().unwrap().drain(..).collect::<Vec<_>>(), [asked]);
    }

    /// The request is refused with a JSON error, and the API was asked nothing.
    async fn check_refused(&self, request: RequestBuilder, status: u16, code: &str, message: &str) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{message}");
        assert_eq!(response.headers()["content-type"], "application/json");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(message), "{body}");
        assert!(self.api.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn calls_reach_the_api_with_what_the_client_said() {
    let server = Server::start(FakeApi::default()).await;
    server.check_asks(server.get("/decisions"), "decisions 100").await;
    server.check_asks(server.get("/decisions?limit=7"), "decisions 7").await;
    server.check_asks(server.get("/explain"), "explain").await;
    server.check_asks(server.get("/moves"), "moves").await;
    server.check_asks(server.post("/scale-out", ""), "scale out false None").await;
    server.check_asks(server.post("/scale-out?dry_run=true", ""), "scale out true None").await;
    let body = r#"{"dry_run": true, "source": "shard-1"}"#;
    server.check_asks(server.post("/scale-out", body), "scale out true Some(shard-1)").await;
    // Either place is enough.
    server.check_asks(server.post("/scale-out?dry_run=false", body), "scale out true Some(shard-1)").await;
    server.check_asks(server.post("/shards/shard-2/drain", r#"{"dry_run":true}"#), "drain shard-2 true").await;
    server.check_asks(server.post("/shards/shard-2/drain", ""), "drain shard-2 false").await;
    server.check_asks(server.post("/pause", ""), "pause").await;
    server.check_asks(server.post("/resume", "{}"), "resume").await;
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_does_nothing() {
    let server = Server::start(FakeApi::default()).await;
    let head = server.client.head(format!("{}/pause", server.base));
    assert_eq!(head.send().await.unwrap().status(), 405);
    server.check_refused(server.get("/nothing"), 404, "not_found", "/nothing").await;
    server.check_refused(server.get("/shards/"), 404, "not_found", "/shards/").await;
    server.check_refused(server.post("/shards//drain", ""), 404, "not_found", "drain").await;
    server.check_refused(server.post("/shards/a/b/drain", ""), 404, "not_found", "drain").await;
    server.check_refused(server.get("/pause"), 405, "method_not_allowed", "/pause does not take GET").await;
    server.check_refused(server.post("/shards", ""), 405, "method_not_allowed", "/shards does not take POST").await;
    for limit in ["0", "-1", "x", "10001", ""] {
        let request = server.get(&format!("/decisions?limit={limit}"));
        server.check_refused(request, 400, "bad_request", "`limit` must be from 1 to 10000").await;
    }
    let refused = [
        ("/scale-out", "{", "the body is not what it should be"),
        ("/scale-out", r#"{"dryrun": true}"#, "unknown field `dryrun`"),
        ("/scale-out", r#"{"dry_run": "yes"}"#, "invalid type"),
        ("/scale-out", r#"{"source": "a b"}"#, "is not a shard id"),
        ("/scale-out?dryrun=true", "", "unknown parameter `dryrun`"),
        ("/scale-out?dry_run=1", "", "`dry_run` must be true or false"),
        ("/shards/shard-2/drain", r#"{"source": "shard-1"}"#, "takes no `source`"),
        ("/shards/a%20b/drain", "", "is not a shard id"),
        ("/pause", r#"{"dry_run": true}"#, "takes no `dry_run`"),
    ];
    for (path, body, message) in refused {
        server.check_refused(server.post(path, body), 400, "bad_request", message).await;
    }
    let long = server.post("/pause", "").body(" ".repeat(MAX_BODY_BYTES as usize + 1));
    server.check_refused(long, 413, "too_large", "at most 16384 bytes").await;
    let page = server.post("/pause", "").header("origin", "http://shop.example");
    server.check_refused(page, 403, "not_allowed", "another site").await;
    let allowed = server.get("/pause").send().await.unwrap();
    assert_eq!(allowed.headers()["allow"], "POST");
}

/// A page of another site could otherwise let its own name lead here, and then its requests are its own site's.
#[tokio::test]
async fn only_our_names_are_answered() {
    let server = Server::start(FakeApi::default()).await;
    for (host, origin) in [("shop.example", "http://shop.example"), ("10.0.0.1:9090", "http://10.0.0.1:9090")] {
        for path in ["/pause", "/resume", "/scale-out", "/shards/shard-1/drain"] {
            let page = server.post(path, "").header("host", host).header("origin", origin);
            server.check_refused(page, 421, "misdirected", host).await;
        }
        for path in ["/shards", "/metrics", "/decisions", "/explain", "/moves", "/sd/mysqld", "/sd/router", "/nothing"]
        {
            server.check_refused(server.get(path).header("host", host), 421, "misdirected", host).await;
        }
        assert_eq!(server.get("/health").header("host", host).send().await.unwrap().status(), 200);
    }
    for host in ["localhost:9090", "127.0.0.1", "scaler:9090"] {
        server.check_asks(server.post("/pause", "").header("host", host), "pause").await;
    }
}

#[tokio::test]
async fn shards_have_the_interfaces_form() {
    let server = Server::start(FakeApi::default()).await;
    let shards: Value = server.get("/shards").send().await.unwrap().json().await.unwrap();
    let expected = json!([{
        "shard_id": "shard-1", "cpu_percent": 12.5, "memory_percent": null, "disk_percent": null,
        "total_entries": 7, "connection_count": 3, "queries_per_second": null, "database_size_bytes": 16,
        "table_counts": {"orders": 7}, "status": "healthy", "last_updated": "1970-01-01T00:00:00Z",
        "slots": 16_384, "endpoint": "127.0.0.1:3306/shop", "instance": null,
    }]);
    assert_eq!(shards, expected);
    let openapi: Value = serde_json::from_str(OPENAPI).unwrap();
    let described = openapi["components"]["schemas"]["ShardStatus"]["properties"].as_object().unwrap();
    assert!(described.keys().eq(shards[0].as_object().unwrap().keys()));
}

#[test]
fn moves_are_described_as_they_are_told() {
    let openapi: Value = serde_json::from_str(OPENAPI).unwrap();
    let described = &openapi["components"]["schemas"]["Move"]["properties"];
    let told = json!(crate::metrics::tests::example("m3-1", MoveState::Copying));
    // The report of a finished move adds two.
    let of_report = ["rows_moved", "attempts"];
    let keys = described.as_object().unwrap().keys().filter(|key| !of_report.contains(&key.as_str()));
    assert!(keys.eq(told.as_object().unwrap().keys()), "{told}");
    assert_eq!(described["state"]["enum"], json!(MoveState::ALL));
    let reasons = described["rested_seconds"]["properties"].as_object().unwrap();
    let mut expected = Rest::ALL.map(Rest::as_str);
    expected.sort_unstable();
    assert!(reasons.keys().eq(expected.iter()));
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let server = Server::start(FakeApi::default()).await;
    for (path, status) in [("/health", "ok"), ("/ready", "ready")] {
        let response = server.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "status": status }));
    }
    let response = server.get("/metrics").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(response.text().await.unwrap(), "sql_autoscaler_scaler_paused 0\n");

    let server = Server::start(FakeApi { broken: true, ..FakeApi::default() }).await;
    assert_eq!(server.get("/health").send().await.unwrap().status(), 200);
    server.check_refused(server.get("/ready"), 503, "not_ready", "no topology yet").await;
}

#[tokio::test]
async fn service_discovery_never_answers_an_error_with_an_empty_list() {
    let server = Server::start(FakeApi::default()).await;
    let response = server.get("/sd/mysqld").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-prometheus-refresh-interval-seconds"], "5");
    let expected = json!([{"targets": ["127.0.0.1:3306"], "labels": {"shard": "shard-1"}}]);
    assert_eq!(response.json::<Value>().await.unwrap(), expected);
    assert_eq!(server.get("/sd/router").send().await.unwrap().text().await.unwrap(), "[]");

    let server = Server::start(FakeApi { broken: true, ..FakeApi::default() }).await;
    for path in ["/sd/mysqld", "/sd/router"] {
        assert_eq!(server.get(path).send().await.unwrap().status(), 503);
    }
    // Elsewhere the API's status is kept.
    let failed = server.get("/moves").send().await.unwrap();
    assert_eq!(failed.status(), 500);
    let expected = json!({"error": {
        "code": "catalogue", "message": "the catalogue's database failed", "hint": "free some disk",
    }});
    assert_eq!(failed.json::<Value>().await.unwrap(), expected);
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let server = Server::start(FakeApi::default()).await;
    let document: Value = server.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let mut routed: Vec<_> = routes::all().map(|(path, method)| (path.to_owned(), method.to_string())).collect();
    described.sort();
    routed.sort();
    assert_eq!(described, routed);
}

#[tokio::test]
async fn the_server_stops_when_told() {
    let server = Server::start(FakeApi::default()).await;
    assert_eq!(server.get("/health").send().await.unwrap().status(), 200);
    server.stop.send(()).unwrap();
    let deadline = std::time::Duration::from_secs(5);
    tokio::time::timeout(deadline, server.task).await.unwrap().unwrap();
    let refused = server.client.get(format!("{}/health", server.base)).send().await;
    assert!(refused.is_err_and(|error| error.is_connect()));
}
