//! The client of a running cluster: what the commands `status`, `shards`, `query` and so on ask the scaler and the
//! router over HTTP, and how the answers are shown.

mod cells;
pub mod query;
mod statements;
mod table;
#[cfg(test)]
mod tests;
pub mod views;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::config::Config;

/// Long enough for a plan, short enough to notice a service that hangs. Statements have no such bound: the router
/// has one of its own for them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the services of one cluster are reached.
#[derive(Clone)]
pub struct Admin {
    client: Client,
    scaler: String,
    router: String,
    /// The session that its statements belong to.
    session: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    Router,
    Scaler,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Router => "router",
            Service::Scaler => "scaler",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("no {service} answers at {url}: is `sql-autoscaler up` running?")]
    NotRunning { service: Service, url: String },
    #[error("the {service} at {url} gave no answer")]
    NoAnswer { service: Service, url: String, source: reqwest::Error },
    #[error("{message}")]
    Refused { code: String, message: String, hint: Option<String> },
    #[error("the {service} at {url} answered with status {status} and no explanation")]
    Status { service: Service, url: String, status: u16 },
    #[error("the {service} at {url} answered something other than the JSON of this version")]
    Malformed { service: Service, url: String },
    #[error("the statement in line {line} failed")]
    Statement { line: usize, source: Box<AdminError> },
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error("cannot write the result")]
    Output(#[from] io::Error),
}

impl AdminError {
    /// What the service suggests.
    pub fn hint(&self) -> Option<&str> {
        match self {
            AdminError::Refused { hint, .. } => hint.as_deref(),
            AdminError::Statement { source, .. } => source.hint(),
            AdminError::NotRunning { .. }
            | AdminError::NoAnswer { .. }
            | AdminError::Status { .. }
            | AdminError::Malformed { .. }
            | AdminError::Input(_)
            | AdminError::Output(_) => None,
        }
    }
}

impl Admin {
    /// The scaler at its listener, and the first of the `routers`, or else the router at its listener.
    pub fn new(config: &Config) -> Admin {
        let admin = Admin::of_this_machine(config);
        admin.with_router(config.routers.first().map(String::as_str))
    }

    /// The services at the listeners of the configuration.
    pub fn of_this_machine(config: &Config) -> Admin {
        let client = Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build();
        Admin {
            client: client.expect("a client without certificates or proxies of its own can always be built"),
            scaler: format!("http://{}", reachable(config.scaler_listen)),
            router: format!("http://{}", reachable(config.router_listen)),
            session: None,
        }
    }

    pub fn with_scaler(self, url: Option<&str>) -> Admin {
        Admin { scaler: url.map_or(self.scaler, base_url), ..self }
    }

    pub fn with_router(self, url: Option<&str>) -> Admin {
        Admin { router: url.map_or(self.router, base_url), ..self }
    }

    /// The same, with all statements in one session of the router.
    pub fn in_session(&self, name: &str) -> Admin {
        Admin { session: Some(name.to_owned()), ..self.clone() }
    }

    /// The address of a service, without a slash at its end.
    pub fn url(&self, service: Service) -> &str {
        match service {
            Service::Router => &self.router,
            Service::Scaler => &self.scaler,
        }
    }

    /// `None` if the service is ready, else what it says is missing.
    pub async fn why_not_ready(&self, service: Service) -> Result<Option<String>, AdminError> {
        let (status, text) = self.text(service, Method::GET, "/ready", None, Some(ANSWER_TIMEOUT)).await?;
        Ok((!(200..300).contains(&status)).then_some(text))
    }

    async fn fetch(&self, service: Service, path: &str) -> Result<Value, AdminError> {
        self.request(service, Method::GET, path, None, Some(ANSWER_TIMEOUT)).await
    }

    async fn send(&self, service: Service, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.request(service, Method::POST, path, Some(body), Some(ANSWER_TIMEOUT)).await
    }

    async fn request(
        &self,
        service: Service,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Option<Duration>,
    ) -> Result<Value, AdminError> {
        let (status, text) = self.text(service, method, path, body, timeout).await?;
        let url = self.url(service).to_owned();
        if (200..300).contains(&status) {
            return serde_json::from_str(&text).map_err(|_| AdminError::Malformed { service, url });
        }
        Err(refusal(&text).unwrap_or(AdminError::Status { service, url, status }))
    }

    /// Status and body, whatever the status says.
    async fn text(
        &self,
        service: Service,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Option<Duration>,
    ) -> Result<(u16, String), AdminError> {
        let base = self.url(service);
        let failed = |source: reqwest::Error| match source.is_connect() {
            true => AdminError::NotRunning { service, url: base.to_owned() },
            false => AdminError::NoAnswer { service, url: base.to_owned(), source: source.without_url() },
        };
        let mut request = self.client.request(method, format!("{base}{path}"));
        if let Some(session) = &self.session {
            request = request.header("X-Session-Id", session);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(failed)?))
    }
}

/// Where a listener on every address of this machine is reached from this machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listener.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), listener.port()),
        _ => listener,
    }
}

fn base_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// The error that both services answer with.
fn refusal(text: &str) -> Option<AdminError> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let error = answer.get("error")?;
    let text = |key| error.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(AdminError::Refused { code: text("code")?, message: text("message")?, hint: text("hint") })
}
