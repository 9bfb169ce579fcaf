//! The scaler's HTTP interface. Only this module knows warp.
//!
//! Requests are parsed to a `Call` by `routes`; what a call does is the [`ControlApi`]'s.

mod error;
mod routes;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use door::sites::{OTHER_SITE, is_from_other_site};
use door::{self, BodyError, Caller, Door, DoorLimits, Hosts};
use futures_util::Stream;
use keyspace::topology::ShardId;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use warp::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use warp::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use warp::path::FullPath;
use warp::{Buf, Filter, Reply};

pub use self::error::ApiError;
use self::routes::Call;
use crate::observe::ShardStatus;

/// The interface's description, kept by hand; a test compares it with the routes.
const OPENAPI: &str = include_str!("http/openapi.json");

/// How often Prometheus should ask for targets: the shortest that its documentation shows, so that a new shard
/// is scraped before it is judged.
const SD_REFRESH_SECONDS: &str = "5";

/// Bodies are one small object.
const MAX_BODY_BYTES: u64 = 16 * 1024;

/// Prometheus, the routers' operators and their tools. With `up` the router in the same process needs the descriptors.
const MAX_CONNECTIONS: usize = 64;

/// What the scaler can show and do. `ApiError`s are answered as they are.
#[async_trait]
pub trait ControlApi: Send + Sync {
    async fn shards(&self) -> Vec<ShardStatus>;
    /// `Err` says what is still missing.
    fn ready(&self) -> Result<(), String>;
    /// Prometheus' text format 0.0.4.
    fn metrics(&self) -> String;
    async fn decisions(&self, limit: usize) -> Result<Value, ApiError>;
    async fn explain(&self) -> Result<Value, ApiError>;
    async fn moves(&self) -> Result<Value, ApiError>;
    /// `source` is the shard that is to give slots; without it the policy chooses.
    async fn scale_out(&self, dry_run: bool, source: Option<ShardId>) -> Result<Value, ApiError>;
    async fn drain(&self, shard: ShardId, dry_run: bool) -> Result<Value, ApiError>;
    async fn pause(&self) -> Result<Value, ApiError>;
    async fn resume(&self) -> Result<Value, ApiError>;
    /// Never an empty list in place of an error: Prometheus would drop every target.
    async fn sd_mysqld(&self) -> Result<Vec<SdTarget>, ApiError>;
    async fn sd_router(&self) -> Result<Vec<SdTarget>, ApiError>;
}

/// One entry of a Prometheus http_sd list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SdTarget {
    /// `host:port` each.
    pub targets: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// Answers requests on `listener` for one of `hosts` until `shutdown` completes; then requests in progress end and it
/// returns.
pub async fn serve(
    listener: TcpListener,
    api: Arc<dyn ControlApi>,
    limits: DoorLimits,
    hosts: Hosts,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let limits = DoorLimits { max_connections: Some(MAX_CONNECTIONS), max_connections_per_client: None, ..limits };
    let door = Door { limits, hosts, on_event: Box::new(|event| tracing::debug!(?event, "at the door")) };
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let requests = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get())
        .and(warp::body::stream())
        .then(move |method, path, query, headers, caller, body| {
            let api = Arc::clone(&api);
            async move { answer(api, method, path, query, headers, caller, body).await.into_response() }
        })
        // Through warp's unnamed types the compiler cannot see that this function's future is Send.
        .boxed();
    door::serve(listener, door, requests, shutdown).await;
}

async fn answer<B: Buf>(
    api: Arc<dyn ControlApi>,
    method: Method,
    path: FullPath,
    query: String,
    headers: HeaderMap,
    caller: Caller,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Response<String> {
    let answered = async {
        if method == Method::POST && is_from_other_site(&headers) {
            return Err(ApiError::new(403, "not_allowed", OTHER_SITE));
        }
        // The body of a GET means nothing; what is not read is left to hyper.
        let body = if method == Method::POST { read(&caller, &headers, body).await? } else { Vec::new() };
        let call = routes::parse(&method, path.as_str(), &query, &body)?;
        perform(&*api, call).await
    };
    answered.await.unwrap_or_else(|error| failure(&error, path.as_str()))
}

async fn perform(api: &dyn ControlApi, call: Call) -> Result<Response<String>, ApiError> {
    Ok(match call {
        Call::Health => success(&json!({"status": "ok"})),
        Call::Ready => match api.ready() {
            Ok(()) => success(&json!({"status": "ready"})),
            Err(missing) => return Err(ApiError::new(503, "not_ready", missing)),
        },
        Call::Metrics => respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", api.metrics()),
        Call::OpenApi => respond(StatusCode::OK, "application/json", OPENAPI.to_owned()),
        Call::Shards => success(&api.shards().await),
        Call::Decisions { limit } => success(&api.decisions(limit).await?),
        Call::Explain => success(&api.explain().await?),
        Call::Moves => success(&api.moves().await?),
        Call::ScaleOut { dry_run, source } => success(&api.scale_out(dry_run, source).await?),
        Call::Drain { shard, dry_run } => success(&api.drain(shard, dry_run).await?),
        Call::Pause => success(&api.pause().await?),
        Call::Resume => success(&api.resume().await?),
        Call::SdMysqld => targets(&api.sd_mysqld().await?),
        Call::SdRouter => targets(&api.sd_router().await?),
    })
}

async fn read<B: Buf>(
    caller: &Caller,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Vec<u8>, ApiError> {
    caller.read_body(headers, body, MAX_BODY_BYTES, |_| Ok::<_, Infallible>(())).await.map_err(|error| match error {
        BodyError::TooLarge => {
            ApiError::new(413, "too_large", format!("a body is at most {MAX_BODY_BYTES} bytes long"))
        }
        BodyError::Late(why) => ApiError::new(408, "timeout", why),
        BodyError::BrokeOff(_) => ApiError::new(400, "bad_request", "the request's body broke off"),
    })
}

fn targets(targets: &[SdTarget]) -> Response<String> {
    let mut response = success(&targets);
    let refresh = HeaderValue::from_static(SD_REFRESH_SECONDS);
    response.headers_mut().insert("x-prometheus-refresh-interval-seconds", refresh);
    response
}

fn success<T: Serialize + ?Sized>(value: &T) -> Response<String> {
    let body = serde_json::to_string(value).expect("answers have text keys only");
    respond(StatusCode::OK, "application/json", body)
}

fn failure(error: &ApiError, path: &str) -> Response<String> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The service discovery has no way to say "ask again" but this one.
    let status = match status.is_server_error() && path.starts_with("/sd/") {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => status,
    };
    let body = json!({"error": {"code": error.code, "message": error.message, "hint": error.hint}});
    let mut response = respond(status, "application/json", body.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(SD_REFRESH_SECONDS));
    }
    if let Some(allowed) = routes::allowed_method(path).filter(|_| status == StatusCode::METHOD_NOT_ALLOWED) {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
