//! The HTTP door: requests to statements, rows to JSON, errors to status codes. Only this module knows warp.

mod answer;
mod explanation;
mod failure;
mod pieces;
mod request;

use std::future::Future;
use std::sync::Arc;

use door::sites::{OTHER_SITE, is_from_other_site};
use door::{Caller, Door, Hosts};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream};
use serde_json::json;
use tokio::net::TcpListener;
use warp::http::header::{ALLOW, CONTENT_TYPE};
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Buf, Filter};

use crate::budget::Kind;
use crate::doors::http::answer::JsonAnswer;
use crate::doors::http::failure::Failure;
use crate::doors::http::pieces::{JSON, Pieces, json_response};
use crate::doors::http::request::{StatementRequest, read_request};
use crate::error::QueryError;
use crate::router::Router;

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

/// Serves under the names of `hosts` until `shutdown`; requests that are under way are finished.
pub fn serve(
    listener: TcpListener,
    router: Arc<Router>,
    hosts: Hosts,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, ()> {
    serve_until(listener, router, hosts, shutdown.boxed())
}

/// Not generic, so that all that answers a request is compiled once, with this crate, and not anew for each caller.
fn serve_until(
    listener: TcpListener,
    router: Arc<Router>,
    hosts: Hosts,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, ()> {
    let told = router.clone();
    let door = Door {
        limits: router.limits().http.clone(),
        hosts,
        on_event: Box::new(move |event| told.metrics().at_door(event)),
    };
    let requests = warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get())
        .and(warp::body::stream())
        .then(move |method: Method, path: FullPath, headers: HeaderMap, caller: Caller, body| {
            let router = router.clone();
            // In a box: warp moves what is returned here several times, and the future is some kilobytes large.
            Box::pin(async move { respond(&router, &caller, &method, path.as_str(), &headers, body).await })
        })
        .boxed();
    door::serve(listener, door, requests, shutdown).boxed()
}

async fn respond(
    router: &Router,
    caller: &Caller,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if method == Method::POST && is_from_other_site(headers) {
        return Failure::new(StatusCode::FORBIDDEN, "not_allowed", OTHER_SITE.to_owned()).into_response(router);
    }
    let answered = match (method.as_str(), path) {
        ("POST", "/query") => match read_request(router, caller, headers, body).await {
            Ok(asked) => query(router, &asked).await,
            Err(failure) => Err(failure),
        },
        ("POST", "/explain") => match read_request(router, caller, headers, body).await {
            Ok(asked) => match router.explain(&asked.request).await {
                Ok(explanation) => {
                    document(router, caller, JSON, explanation::to_json(&explanation).to_string().into_bytes())
                }
                Err(error) => Err(Failure::of(&error)),
            },
            Err(failure) => Err(failure),
        },
        ("GET", "/health") => Ok(json_response(StatusCode::OK, &json!({ "status": "ok" }))),
        ("GET", "/ready") => Ok(match router.is_ready() {
            Ok(unavailable) => {
                json_response(StatusCode::OK, &json!({ "status": "ready", "unavailable_shards": unavailable }))
            }
            Err(why) => {
                json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "not ready", "reason": why }))
            }
        }),
        ("GET", "/metrics") => document(router, caller, "text/plain; version=0.0.4", router.render_metrics()),
        ("GET", "/topology") => topology(router, caller),
        ("POST", "/topology/refresh") => {
            router.refresh().await;
            topology(router, caller)
        }
        ("GET", "/slots") => document(router, caller, JSON, router.slot_load().to_string().into_bytes()),
        ("GET", "/openapi.json") => {
            let mut response = Response::new(OPENAPI.into());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
            Ok(response)
        }
        _ => return no_route(router, path),
    };
    answered.unwrap_or_else(|failure| failure.into_response(router))
}

fn topology(router: &Router, caller: &Caller) -> Result<Response, Failure> {
    match (router.topology(), router.is_ready()) {
        (Some(topology), _) => document(router, caller, JSON, topology.to_public_json().to_string().into_bytes()),
        (None, ready) => Err(Failure::of(&QueryError::NotReady(ready.err().unwrap_or_default()))),
    }
}

/// An answer that is made whole, and may then wait for its client to read it.
fn document(router: &Router, caller: &Caller, content_type: &'static str, body: Vec<u8>) -> Result<Response, Failure> {
    let held = router.budget().take(caller.client(), Kind::Answers, body.capacity());
    let held = Some(held.map_err(|error| Failure::of(&error))?);
    Ok(Pieces { pieces: vec![body], held }.into_response(StatusCode::OK, content_type))
}

fn no_route(router: &Router, path: &str) -> Response {
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

async fn query(router: &Router, asked: &StatementRequest) -> Result<Response, Failure> {
    let client = asked.request.client;
    let mut json = JsonAnswer::new(asked.format, router.limits(), router.budget(), client);
    match router.run(&asked.request, asked.session.as_deref(), &mut json).await {
        Ok(answer) => Ok(json.finish(&answer).into_response(StatusCode::OK, JSON)),
        Err(error) => Err(Failure::of(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_every_route() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        for (method, path) in ROUTES {
            assert!(document["paths"][path][method.to_lowercase()].is_object(), "{method} {path}");
        }
        assert_eq!(document["paths"].as_object().unwrap().len(), ROUTES.len());
    }
}
