//! The HTTP door: requests to statements, rows to JSON, errors to status codes. Only this module knows warp.

mod answer;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use warp::http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use warp::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use warp::path::FullPath;
use warp::{Buf, Filter};

use self::answer::{Format, JsonAnswer};
use crate::budget::Client;
use crate::error::QueryError;
use crate::plan::Refusal;
use crate::service::{Consistency, Request, Router};
use crate::sql::{Param, SqlError};

/// The interface's description, kept by hand; a test compares it with the routes.
const OPENAPI: &str = include_str!("http/openapi.json");

const ROUTES: [(&str, &str); 9] = [
    ("POST", "/query"),
    ("POST", "/explain"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/topology"),
    ("POST", "/topology/refresh"),
    ("GET", "/slots"),
    ("GET", "/openapi.json"),
];

/// Serves until `shutdown`; requests that are under way are finished.
pub async fn serve(listener: TcpListener, router: Arc<Router>, shutdown: impl Future<Output = ()> + Send + 'static) {
    let requests = warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, path: FullPath, headers: HeaderMap, body| {
            let router = router.clone();
            // In a box: warp moves what is returned here several times, and the future is some kilobytes large.
            Box::pin(async move { Ok::<_, Infallible>(respond(&router, &method, path.as_str(), &headers, body).await) })
        })
        .map(|response: Result<Response<Vec<u8>>, Infallible>| response.unwrap_or_default());
    warp::serve(requests).incoming(listener).graceful(shutdown).run().await;
}

async fn respond(
    router: &Router,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response<Vec<u8>> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if method == Method::POST && is_from_other_site(headers) {
        return Failure::new(StatusCode::FORBIDDEN, "not_allowed", OTHER_SITE.to_owned()).into_response(router);
    }
    match (method.as_str(), path) {
        ("POST", "/query") => match read_request(router, headers, body).await {
            Ok(asked) => query(router, &asked).await,
            Err(failure) => failure.into_response(router),
        },
        ("POST", "/explain") => match read_request(router, headers, body).await {
            Ok(asked) => match router.explain(&asked.request).await {
                Ok(explanation) => json_response(StatusCode::OK, &explanation),
                Err(error) => Failure::of(&error).into_response(router),
            },
            Err(failure) => failure.into_response(router),
        },
        ("GET", "/health") => json_response(StatusCode::OK, &json!({ "status": "ok" })),
        ("GET", "/ready") => match router.is_ready() {
            Ok(unavailable) => {
                json_response(StatusCode::OK, &json!({ "status": "ready", "unavailable_shards": unavailable }))
            }
            Err(why) => {
                json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "not ready", "reason": why }))
            }
        },
        ("GET", "/metrics") => typed_response(StatusCode::OK, "text/plain; version=0.0.4", router.render_metrics()),
        ("GET", "/topology") => topology(router),
        ("POST", "/topology/refresh") => {
            router.refresh().await;
            topology(router)
        }
        ("GET", "/slots") => json_response(StatusCode::OK, &router.slot_load()),
        ("GET", "/openapi.json") => typed_response(StatusCode::OK, "application/json", OPENAPI.into()),
        _ => no_route(router, path),
    }
}

/// Why a request of [`is_from_other_site`] is refused.
pub const OTHER_SITE: &str = "this request comes from a web page of another site";

/// Whether a browser sent this for a page that this server did not serve: any page could otherwise reach a service
/// that listens on its visitor's loopback address. Programs send no `Origin`.
pub fn is_from_other_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    site.is_none() || site != host
}

fn topology(router: &Router) -> Response<Vec<u8>> {
    match (router.topology(), router.is_ready()) {
        (Some(topology), _) => json_response(StatusCode::OK, &topology.to_public_json()),
        (None, ready) => Failure::of(&QueryError::NotReady(ready.err().unwrap_or_default())).into_response(router),
    }
}

fn no_route(router: &Router, path: &str) -> Response<Vec<u8>> {
    let allowed: Vec<&str> = ROUTES.iter().filter(|(_, known)| *known == path).map(|(method, _)| *method).collect();
    if allowed.is_empty() {
        let failure = Failure::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {path}"));
        return failure.with_hint("GET /openapi.json lists what there is").into_response(router);
    }
    let allowed = allowed.join(", ");
    let message = format!("{path} takes {allowed} only");
    let mut response =
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).into_response(router);
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    query: String,
    #[serde(default)]
    params: Vec<Value>,
    #[serde(default)]
    format: Format,
    timeout_ms: Option<u64>,
    #[serde(default)]
    consistency: Wanted,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Atomic,
    Shard,
}

/// What a request of `/query` or `/explain` says.
struct Asked {
    request: Request,
    format: Format,
    session: Option<String>,
}

async fn read_request(
    router: &Router,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Asked, Failure> {
    let session = session_of(headers)?;
    let bytes = read_body(router.limits().max_body_bytes, body).await?;
    let text =
        std::str::from_utf8(&bytes).map_err(|error| Failure::bad_request(format!("the body is not UTF-8: {error}")))?;
    let body: Body = serde_json::from_str(text).map_err(|error| {
        Failure::bad_request(format!("the body is not a query: {error}"))
            .with_hint("send {\"query\":\"SELECT …\",\"params\":[…],\"format\":\"objects\"|\"rows\",\"timeout_ms\":N}")
    })?;
    if body.timeout_ms == Some(0) {
        return Err(Failure::bad_request("timeout_ms must be at least 1".to_owned()));
    }
    let params = body.params.into_iter().enumerate().map(|(index, value)| match value {
        Value::Null => Ok(Param::Null),
        Value::Bool(value) => Ok(Param::Bool(value)),
        Value::Number(number) => Ok(Param::Number(number.to_string())),
        Value::String(text) => Ok(Param::Text(text)),
        Value::Array(_) | Value::Object(_) => {
            Err(Failure::bad_request(format!("params[{index}] is a list or an object: give a single value")))
        }
    });
    let request = Request {
        sql: body.query,
        params: params.collect::<Result<_, _>>()?,
        client: Client::default(),
        timeout: body.timeout_ms.map(Duration::from_millis),
        consistency: match body.consistency {
            Wanted::Atomic => Consistency::Atomic,
            Wanted::Shard => Consistency::Shard,
        },
    };
    Ok(Asked { request, format: body.format, session })
}

/// The session that a request belongs to, by the name that its client chose.
fn session_of(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    const LONGEST: usize = 128;
    let Some(value) = headers.get("x-session-id") else { return Ok(None) };
    let name = value.to_str().ok().filter(|name| (1..=LONGEST).contains(&name.len()));
    name.map(|name| Some(name.to_owned()))
        .ok_or_else(|| Failure::bad_request(format!("X-Session-Id is not 1 to {LONGEST} printable ASCII characters")))
}

async fn read_body(limit: u64, body: impl Stream<Item = Result<impl Buf, warp::Error>>) -> Result<Vec<u8>, Failure> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|error| Failure::bad_request(format!("the body broke off: {error}")))?;
        if bytes.len() as u64 + chunk.remaining() as u64 > limit {
            let message = format!("the body is larger than {limit} bytes (limits.max_body_bytes)");
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        while chunk.has_remaining() {
            let part = chunk.chunk();
            bytes.extend_from_slice(part);
            let length = part.len();
            chunk.advance(length);
        }
    }
    Ok(bytes)
}

async fn query(router: &Router, asked: &Asked) -> Response<Vec<u8>> {
    let limits = router.limits();
    let mut json = JsonAnswer::new(asked.format, limits.max_result_rows, limits.max_result_bytes);
    match router.run(&asked.request, asked.session.as_deref(), &mut json).await {
        Ok(answer) => typed_response(StatusCode::OK, "application/json", json.finish(&answer)),
        Err(error) => Failure::of(&error).into_response(router),
    }
}

/// An error as the client sees it.
struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
    mysql: Option<Value>,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: String) -> Failure {
        Failure { status, code, message, hint: None, mysql: None }
    }

    fn bad_request(message: String) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    fn with_hint(self, hint: &str) -> Failure {
        Failure { hint: Some(hint.to_owned()), ..self }
    }

    /// The one place where errors become statuses and codes.
    fn of(error: &QueryError) -> Failure {
        let (status, code) = match error {
            QueryError::Sql(SqlError::Empty | SqlError::Params { .. }) => (StatusCode::BAD_REQUEST, "bad_request"),
            QueryError::Sql(SqlError::Malformed(_)) => (StatusCode::BAD_REQUEST, "parse_error"),
            QueryError::Sql(SqlError::Several | SqlError::NotAllowed { .. }) => (StatusCode::FORBIDDEN, "not_allowed"),
            QueryError::Sql(SqlError::TooComplex { .. } | SqlError::TooMany { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "limit_exceeded")
            }
            QueryError::Refused(Refusal::NoSuchTable { .. }) => (StatusCode::BAD_REQUEST, "database_error"),
            QueryError::Refused(Refusal::MoveInProgress(_)) | QueryError::TransactionLost(_) => {
                (StatusCode::CONFLICT, "conflict")
            }
            QueryError::Refused(Refusal::Unsupported(_) | Refusal::UnusableTable { .. } | Refusal::BadKey { .. })
            | QueryError::DuplicateColumn(_)
            | QueryError::MayNotGather(_)
            | QueryError::InexactFloat(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported"),
            error if error.is_conflict() => (StatusCode::CONFLICT, "conflict"),
            QueryError::Database { .. } => (StatusCode::BAD_REQUEST, "database_error"),
            QueryError::ShardUnavailable { .. } | QueryError::ConnectionBroke { .. } | QueryError::NotReady(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "shard_unavailable")
            }
            QueryError::Overloaded(_) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            QueryError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            QueryError::OutcomeUnknown { .. } => (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown"),
            QueryError::LimitExceeded(_)
            | QueryError::TooMuchMemory(_)
            | QueryError::TooManyToGather(_)
            | QueryError::Merge(_) => (StatusCode::UNPROCESSABLE_ENTITY, "limit_exceeded"),
            QueryError::KeptMoving
            | QueryError::TablesDiffer { .. }
            | QueryError::GivenUp(_)
            | QueryError::SessionBusy
            | QueryError::SessionDropped(_)
            | QueryError::SchemaChanging => (StatusCode::CONFLICT, "conflict"),
            QueryError::Row(_) | QueryError::Moved(_) | QueryError::CopiesDiffer { .. } | QueryError::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        let mysql = error
            .server_error()
            .map(|server| json!({ "errno": server.errno, "sqlstate": server.sqlstate, "message": server.message }));
        Failure { status, code, message: error.to_string(), hint: error.hint(), mysql }
    }

    fn into_response(self, router: &Router) -> Response<Vec<u8>> {
        if crate::metrics::ERROR_CODES.contains(&self.code) {
            router.metrics().failed(self.code);
        }
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(hint) = self.hint {
            error["hint"] = hint.into();
        }
        if let Some(mysql) = self.mysql {
            error["mysql"] = mysql;
        }
        let mut response = json_response(self.status, &json!({ "error": error }));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn json_response(status: StatusCode, value: &Value) -> Response<Vec<u8>> {
    typed_response(status, "application/json", value.to_string().into_bytes())
}

fn typed_response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_and_own_pages_may_post() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([(HOST, "127.0.0.1:8080".parse().unwrap()), (ORIGIN, origin.parse().unwrap())])
        };
        assert!(!is_from_other_site(&HeaderMap::new()));
        assert!(!is_from_other_site(&headers("http://127.0.0.1:8080")));
        for origin in ["http://shop.example", "http://127.0.0.1:3000", "null", "http://127.0.0.1:8080.shop.example"] {
            assert!(is_from_other_site(&headers(origin)), "{origin}");
        }
    }

    #[test]
    fn the_description_names_every_route() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        for (method, path) in ROUTES {
            assert!(document["paths"][path][method.to_lowercase()].is_object(), "{method} {path}");
        }
        assert_eq!(document["paths"].as_object().unwrap().len(), ROUTES.len());
    }
}
