use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const ONE: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;

/// Answers the given number of requests, one connection each, and gives back what it was sent.
async fn serve(status: &'static str, body: &'static str, requests: usize) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.contains("partial_response") {
                let mut chunk = [0; 4096];
                let length = stream.read(&mut chunk).await.unwrap();
                assert!(length > 0, "the request ended early: {request}");
                request.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
            }
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            seen.push(request);
        }
        seen
    });
    (address, task)
}

fn client(json: serde_json::Value) -> Prometheus {
    Prometheus::new(&serde_json::from_value(json).unwrap()).unwrap()
}

/// An address where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_query_is_a_form_with_credentials() {
    let (url, server) = serve("200 OK", ONE, 1).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "t0ken\n").unwrap();
    let prometheus = client(serde_json::json!({
        "url": format!("{url}/base/"), "authorization": {"credentials_file": file.path()},
        "http_headers": {"X-Scope-OrgID": {"values": ["team a"]}},
    }));
    assert_eq!(prometheus.query("up{a=\"b&c\"}").await.unwrap()[0].value(), Ok(1.0));
    let request = &server.await.unwrap()[0];
    assert!(request.starts_with("POST /base/api/v1/query HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer t0ken\r\n"), "{request}");
    assert!(request.contains("x-scope-orgid: team a\r\n"), "{request}");
    assert!(request.ends_with("query=up%7Ba%3D%22b%26c%22%7D&partial_response=false"), "{request}");
}

#[tokio::test]
async fn a_missing_credentials_file_is_said_so() {
    let prometheus = client(serde_json::json!({
        "url": nowhere().await, "basic_auth": {"username": "u", "password_file": "/nowhere/password"},
    }));
    let reason = prometheus.query("up").await.unwrap_err();
    assert!(matches!(reason, Unknown::Credentials { .. }), "{reason}");
}

#[tokio::test]
async fn the_next_server_is_asked_and_remembered() {
    let (starting, first) = serve("503 Service Unavailable", "Service Unavailable", 1).await;
    let (serving, second) = serve("200 OK", ONE, 2).await;
    let prometheus = client(serde_json::json!({ "urls": [nowhere().await, starting, serving] }));
    for _ in 0..2 {
        assert_eq!(prometheus.query("1").await.unwrap().len(), 1);
    }
    assert_eq!(first.await.unwrap().len(), 1, "the second query goes to the server that answered the first");
    assert_eq!(second.await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_bad_expression_is_not_asked_twice() {
    let refusal = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    let (url, server) = serve("400 Bad Request", refusal, 1).await;
    let prometheus = client(serde_json::json!({ "urls": [url, nowhere().await] }));
    let reason = prometheus.query("rate(").await.unwrap_err();
    assert_eq!(reason.to_string(), "prometheus refused the query (bad_data): parse error");
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_or_silent_is_unknown() {
    let down = nowhere().await;
    let reason = client(serde_json::json!({ "url": down })).query("up").await.unwrap_err();
    let expected = format!("prometheus at {} cannot be reached", down.trim_start_matches("http://"));
    assert!(reason.to_string().starts_with(&expected), "{reason}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let prometheus = client(serde_json::json!({ "url": url, "query_timeout": "50ms" }));
    let asked = tokio::time::timeout(Duration::from_secs(10), prometheus.query("up"));
    assert!(matches!(asked.await.unwrap(), Err(Unknown::Timeout { .. })));
}
