use std::io::Cursor;
use std::net::SocketAddr;

use serde_json::json;
use warp::Filter;
use warp::http::StatusCode;

use super::*;
use crate::args::{Format, Query};

/// Answers each request by its method, path and body.
async fn serve(answer: fn(&str, &Value) -> (u16, Value)) -> Admin {
    let route = warp::method().and(warp::path::full()).and(warp::body::bytes()).map(
        move |method: Method, path: warp::path::FullPath, body: warp::hyper::body::Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (status, answer) = answer(&format!("{method} {}", path.as_str()), &body);
            warp::reply::with_status(answer.to_string(), StatusCode::from_u16(status).unwrap())
        },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(route).incoming(listener).run());
    let config = Config::from_json("{}", std::path::Path::new(""), &|_| None).unwrap();
    let url = address.to_string();
    Admin::new(&config).with_scaler(Some(&url)).with_router(Some(&format!("http://{url}/")))
}

fn cluster(request: &str, body: &Value) -> (u16, Value) {
    match request {
        "GET /ready" => (200, json!({})),
        "GET /moves" => (200, json!([
            {"id": "m9-1", "state": "copying", "source": "shard-1", "target": "shard-2", "slots": 8192,
             "rows_copied": 1200, "rows_expected": 5000, "rows_per_second": 812.4, "changes_waiting": 17,
             "rested_seconds": {"busy": 12.0, "overloaded": 90.5}, "seconds_left": 4.68, "cutover_millis": null,
             "message": null},
            {"id": "m7-1", "state": "cutting_over", "source": "shard-1", "target": "shard-2", "slots": 8192,
             "rows_copied": 5012, "rows_expected": 5000, "rows_per_second": 2000.0, "changes_waiting": 0,
             "rested_seconds": {}, "seconds_left": 0.0, "cutover_millis": null,
             "message": "a transaction on moving rows is open"},
            {"id": "m3-1", "state": "done", "source": "shard-2", "target": "shard-3", "rows_copied": 12,
             "cutover_millis": 23.456},
            {"id": "m2-1", "state": "cleaning_up", "source": "shard-1", "target": "shard-2", "slots": 16,
             "rows_copied": 0, "rows_expected": null, "changes_waiting": 0, "rested_seconds": {"busy": 0.25}}
        ])),
        "GET /shards" => (200, json!([
            {"shard_id": "shard-1", "status": "healthy", "cpu_percent": 12.345, "memory_percent": 3.0,
             "disk_percent": null, "total_entries": 101, "connection_count": 3, "queries_per_second": 7.25,
             "database_size_bytes": 49152, "slots": 16384, "endpoint": "127.0.0.1:3307/app"},
            {"shard_id": "shard-2", "status": "unreachable", "cpu_percent": null, "total_entries": 0,
             "database_size_bytes": null}
        ])),
        "GET /explain" => (200, json!({
            "paused": false, "max_shards": 16, "decision": {
                "reasons": [{"code": "cooldown", "text": "waiting out the cooldown"}],
                "rules": [{"rule": "rows", "shard": "shard-1", "value": 101, "threshold": 100, "state": "firing"}],
            }
        })),
        "POST /scale-out" => (200, json!({
            "dry_run": body["dry_run"],
            "plan": {"shard": "shard-3", "transfers": [{"source": body["source"], "slot_count": 8192, "slots": "0-8191"}]}
        })),
        "POST /shards/shard-9/drain" => {
            let error = json!({"code": "bad_request", "message": "no shard-9", "hint": "see `shards`"});
            (400, json!({"error": error}))
        }
        "POST /query" if body["query"] == "SELECT 1" => (200, serde_json::from_str(
            r#"{"columns": [{"name": "n"}, {"name": "t"}], "data": [[12.50, "x\ty"], [-1, null]], "shard": "shard-1"}"#
        ).unwrap()),
        "POST /query" if body["query"] == "INSERT" => {
            (200, json!({"data": [], "columns": [], "rows_affected": 1, "last_insert_id": null, "shard": "shard-1"}))
        }
        "POST /query" => (400, json!({"error": {"code": "parse_error", "message": "no SQL", "hint": null}})),
        other => panic!("unexpected {other}"),
    }
}

async fn run_query(sql: Option<&str>, format: Format, input: &str) -> (String, Result<(), AdminError>) {
    let admin = serve(cluster).await;
    let query = Query { sql: sql.map(str::to_owned), param: Vec::new(), format, url: None };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let result = query::run(&admin, query, &mut Cursor::new(input), &mut out, &mut notes).await;
    (String::from_utf8(out).unwrap() + &String::from_utf8(notes).unwrap(), result)
}

#[tokio::test]
async fn views_show_what_the_scaler_says() {
    let admin = serve(cluster).await;
    let mut out = Vec::new();
    views::shards(&admin, false, &mut out).await.unwrap();
    views::moves(&admin, false, &mut out).await.unwrap();
    views::explain(&admin, false, &mut out).await.unwrap();
    views::scale_out(&admin, Some("shard-1"), true, false, &mut out).await.unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
    SHARD    STATUS          CPU  MEMORY  DISK  ROWS  CONNECTIONS  QPS      SIZE  SLOTS  ENDPOINT            UPDATED
    shard-1  healthy      12.3 %   3.0 %  -      101            3  7.2  48.0 KiB  16384  127.0.0.1:3307/app  -
    shard-2  unreachable       -       -  -        0            -    -         -      -  -                   -
    ID    STATE         SHARDS             SLOTS                 ROWS    RATE  WAITING              RESTED   LEFT  CUTOVER  MESSAGE
    m9-1  copying       shard-1 → shard-2   8192  1200 of 5000 (24 %)   812/s       17  102 s (overloaded)  4.7 s        -  -
    m7-1  cutting_over  shard-1 → shard-2   8192                 5012  2000/s        0                 0 s   0 ms        -  a transaction on moving rows is open
    m3-1  done          shard-2 → shard-3      -                   12       -        -                   -      -  23.5 ms  -
    m2-1  cleaning_up   shard-1 → shard-2     16                    -       -        0       250 ms (busy)      -        -  -
    waiting out the cooldown
    RULE  SHARD    VALUE  THRESHOLD  STATE
    rows  shard-1    101        100  firing
    max_shards  16
    paused      no
    dry_run  yes
    shard    shard-3

    transfers:
    SOURCE   SLOT COUNT  SLOTS
    shard-1        8192  0-8191
    ");
}

#[tokio::test]
async fn status_sums_only_what_is_known() {
    let admin = serve(cluster).await;
    let mut out = Vec::new();
    views::status(&admin, false, &mut out).await.unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.contains("shards  2 (1 healthy), 101 rows, -\nmoves   3 in progress, 1 over\n"), "{shown}");
}

#[tokio::test]
async fn json_is_the_services_own() {
    let admin = serve(cluster).await;
    let mut out = Vec::new();
    views::shards(&admin, true, &mut out).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), cluster("GET /shards", &Value::Null).1);
}

#[tokio::test]
async fn a_dry_run_of_pause_sends_nothing() {
    let admin = serve(|request, _| panic!("unexpected {request}")).await;
    let mut out = Vec::new();
    views::pause(&admin, true, false, &mut out).await.unwrap();
    assert!(String::from_utf8(out).unwrap().contains("pause the scaler at http://127.0.0.1:"));
}

#[tokio::test]
async fn refusals_carry_message_and_hint() {
    let admin = serve(cluster).await;
    let error = views::drain(&admin, "shard-9", false, false, &mut Vec::new()).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.hint()), ("no shard-9", Some("see `shards`")));
    let error = views::drain(&admin, "../pause", false, false, &mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("not a shard id"), "{error}");
}

#[tokio::test]
async fn a_service_that_does_not_run_is_named() {
    // Bound and dropped, so that nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config::from_json("{}", std::path::Path::new(""), &|_| None).unwrap();
    let admin = Admin::new(&config).with_scaler(Some(&free.to_string()));
    let error = views::shards(&admin, false, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no scaler answers at http://{free}: is `sql-autoscaler up` running?"));
}

#[test]
fn commands_ask_the_first_router_and_health_checks_their_own() {
    let json = r#"{"routers": "one:8080, two:8080", "router_listen": "127.0.0.1:7000"}"#;
    let config = Config::from_json(json, std::path::Path::new(""), &|_| None).unwrap();
    assert_eq!(Admin::new(&config).url(Service::Router), "http://one:8080");
    assert_eq!(Admin::of_this_machine(&config).url(Service::Router), "http://127.0.0.1:7000");
}

#[tokio::test]
async fn answers_keep_their_digits_in_every_format() {
    let (shown, _) = run_query(Some("SELECT 1"), Format::Table, "").await;
    insta::assert_snapshot!(shown, @r"
        n  t
    12.50  x\ty
       -1  NULL
    2 rows from shard-1
    ");
    let (shown, _) = run_query(Some("SELECT 1"), Format::Csv, "").await;
    assert!(shown.starts_with("n,t\r\n12.50,x\ty\r\n-1,\r\n"), "{shown}");
    let (shown, _) = run_query(Some("SELECT 1"), Format::Json, "").await;
    assert!(shown.contains("12.50"), "{shown}");
}

#[tokio::test]
async fn statements_of_a_pipe_run_up_to_the_first_that_fails() {
    let (shown, result) = run_query(None, Format::Table, "INSERT;\n\nnonsense;\nINSERT;\n").await;
    assert_eq!(shown, "1 row affected on shard-1\n");
    let error = anyhow::Error::new(result.unwrap_err());
    assert_eq!(format!("{error:#}"), "the statement in line 3 failed: no SQL");
    let (shown, result) = run_query(None, Format::Table, "INSERT; INSERT\n; nonsense; INSERT").await;
    assert_eq!(shown, "1 row affected on shard-1\n1 row affected on shard-1\n");
    let error = anyhow::Error::new(result.unwrap_err());
    assert_eq!(format!("{error:#}"), "the statement in line 2 failed: no SQL");
}
