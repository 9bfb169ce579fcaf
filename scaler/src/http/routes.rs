//! From a request to a typed call, or to the error that says what is wrong with it. No IO.

use keyspace::topology::ShardId;
use serde::Deserialize;
use warp::http::Method;

use super::error::ApiError;

/// As many as the catalogue keeps.
const MAX_LIMIT: usize = 10_000;
const DEFAULT_LIMIT: usize = 100;

/// A request that is understood, with everything it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Health,
    Ready,
    Metrics,
    OpenApi,
    Shards,
    Decisions { limit: usize },
    Explain,
    Moves,
    ScaleOut { dry_run: bool, source: Option<ShardId> },
    Drain { shard: ShardId, dry_run: bool },
    Pause,
    Resume,
    SdMysqld,
    SdRouter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Health,
    Ready,
    Metrics,
    OpenApi,
    Shards,
    Decisions,
    Explain,
    Moves,
    ScaleOut,
    Drain,
    Pause,
    Resume,
    SdMysqld,
    SdRouter,
}

/// Every route: its path, in which `{id}` stands for one segment, and its method.
const ROUTES: [(&str, Method, Route); 14] = [
    ("/health", Method::GET, Route::Health),
    ("/ready", Method::GET, Route::Ready),
    ("/metrics", Method::GET, Route::Metrics),
    ("/openapi.json", Method::GET, Route::OpenApi),
    ("/shards", Method::GET, Route::Shards),
    ("/decisions", Method::GET, Route::Decisions),
    ("/explain", Method::GET, Route::Explain),
    ("/moves", Method::GET, Route::Moves),
    ("/scale-out", Method::POST, Route::ScaleOut),
    ("/shards/{id}/drain", Method::POST, Route::Drain),
    ("/pause", Method::POST, Route::Pause),
    ("/resume", Method::POST, Route::Resume),
    ("/sd/mysqld", Method::GET, Route::SdMysqld),
    ("/sd/router", Method::GET, Route::SdRouter),
];

/// The path and method of every route.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = (&'static str, Method)> {
    ROUTES.into_iter().map(|(pattern, method, _)| (pattern, method))
}

/// What to say in `Allow` about a path that exists.
pub fn allowed_method(path: &str) -> Option<&'static str> {
    let (method, ..) = find(path)?;
    Some(if method == Method::GET { "GET, HEAD" } else { "POST" })
}

/// Unknown parameters and keys are refused: a misspelt `dry_run` must not act.
pub fn parse(method: &Method, path: &str, query: &str, body: &[u8]) -> Result<Call, ApiError> {
    let (allowed, route, id) = find(path).ok_or_else(|| {
        ApiError::new(404, "not_found", format!("there is nothing at {path}"))
            .with_hint("GET /openapi.json lists what there is")
    })?;
    let reads = allowed == Method::GET && method == Method::HEAD;
    if *method != allowed && !reads {
        let message = format!("{path} does not take {method}");
        return Err(ApiError::new(405, "method_not_allowed", message).with_hint(format!("use {allowed}")));
    }
    let known: &[&str] = match route {
        Route::Decisions => &["limit"],
        Route::ScaleOut | Route::Drain => &["dry_run"],
        _ => &[],
    };
    let parameters = parse_query(query, known)?;
    let options = parse_body(body)?;
    let takes_source = route == Route::ScaleOut;
    if options.source.is_some() && !takes_source {
        return Err(bad_request(format!("{path} takes no `source`")));
    }
    if options.dry_run.is_some() && !known.contains(&"dry_run") {
        return Err(bad_request(format!("{path} takes no `dry_run`")));
    }
    // Either place is enough: whoever asked for a dry run must get one.
    let dry_run = parameters.dry_run || options.dry_run.unwrap_or(false);
    Ok(match route {
        Route::Health => Call::Health,
        Route::Ready => Call::Ready,
        Route::Metrics => Call::Metrics,
        Route::OpenApi => Call::OpenApi,
        Route::Shards => Call::Shards,
        Route::Decisions => Call::Decisions { limit: parameters.limit },
        Route::Explain => Call::Explain,
        Route::Moves => Call::Moves,
        Route::ScaleOut => Call::ScaleOut { dry_run, source: options.source },
        Route::Drain => Call::Drain {
            shard: ShardId::new(id).map_err(|error| ApiError::new(400, "bad_request", error.to_string()))?,
            dry_run,
        },
        Route::Pause => Call::Pause,
        Route::Resume => Call::Resume,
        Route::SdMysqld => Call::SdMysqld,
        Route::SdRouter => Call::SdRouter,
    })
}

/// The route of a path, and the path's `{id}` (empty if it has none).
fn find(path: &str) -> Option<(Method, Route, &str)> {
    ROUTES.into_iter().find_map(|(pattern, method, route)| match pattern.split_once("{id}") {
        None => (path == pattern).then_some((method, route, "")),
        Some((before, after)) => {
            let id = path.strip_prefix(before)?.strip_suffix(after)?;
            (!id.is_empty() && !id.contains('/')).then_some((method, route, id))
        }
    })
}

struct Parameters {
    limit: usize,
    dry_run: bool,
}

fn parse_query(query: &str, known: &[&str]) -> Result<Parameters, ApiError> {
    let mut parameters = Parameters { limit: DEFAULT_LIMIT, dry_run: false };
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !known.contains(&name) {
            let hint = match known {
                [] => "it takes no parameters".to_owned(),
                known => format!("it takes {}", known.join(", ")),
            };
            return Err(bad_request(format!("unknown parameter `{name}`")).with_hint(hint));
        }
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                parameters.limit = limit
                    .ok_or_else(|| bad_request(format!("`limit` must be from 1 to {MAX_LIMIT}, not `{value}`")))?;
            }
            _ => {
                parameters.dry_run = value
                    .parse()
                    .map_err(|_| bad_request(format!("`dry_run` must be true or false, not `{value}`")))?;
            }
        }
    }
    Ok(parameters)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    dry_run: Option<bool>,
    source: Option<ShardId>,
}

fn parse_body(body: &[u8]) -> Result<Options, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Options::default());
    }
    serde_json::from_slice(body).map_err(|error| {
        bad_request(format!("the body is not what it should be: {error}"))
            .with_hint(r#"leave it out, or send JSON such as {"dry_run": true}"#)
    })
}

fn bad_request(message: String) -> ApiError {
    ApiError::new(400, "bad_request", message)
}
