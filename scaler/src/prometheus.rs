//! Questions to Prometheus. Only this module knows the metrics JSON.
//!
//! A question has two kinds of answer: samples, or a typed reason why nothing is known. Nothing here turns the
//! absence of an answer into a number.

mod answer;
pub mod config;
#[cfg(test)]
pub(crate) mod fake;
mod sample;
mod unknown;

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use reqwest::{Client, Url, redirect};

use self::config::{ConfigError, Credentials, PrometheusConfig};
pub use self::sample::{QueryResult, Sample};
pub use self::unknown::{Unknown, list_shards};

/// Answers larger than this are not ours: the largest default expression brings one sample for each shard.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Where values come from.
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// Evaluates a PromQL expression at the source's present.
    ///
    /// Reads only, so it may be dropped at any time.
    async fn query(&self, expr: &str) -> QueryResult;
}

/// The HTTP API of one Prometheus, or of several that scrape the same targets.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    /// The addresses of `/api/v1/query`, never empty.
    endpoints: Vec<Url>,
    credentials: Credentials,
    /// The index of the endpoint that answered last.
    preferred: AtomicUsize,
}

impl Prometheus {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// Every mistake in the configuration, each with its key.
    pub fn new(config: &PrometheusConfig) -> Result<Prometheus, Vec<ConfigError>> {
        let checked = config.check()?;
        let mut builder = Client::builder()
            .timeout(checked.query_timeout)
            // A redirected POST may become a GET without its query, and credentials must not follow to another host.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .danger_accept_invalid_certs(checked.insecure_skip_verify);
        for certificate in checked.certificates {
            builder = builder.add_root_certificate(certificate);
        }
        let client = builder.build().map_err(|source| vec![ConfigError::Client(source)])?;
        Ok(Prometheus {
            client,
            endpoints: checked.endpoints,
            credentials: checked.credentials,
            preferred: AtomicUsize::new(0),
        })
    }

    async fn query_endpoint(&self, endpoint: &Url, expr: &str) -> QueryResult {
        // Thanos leaves out what it cannot reach unless told otherwise; Prometheus ignores the parameter.
        let form = [("query", expr), ("partial_response", "false")];
        let request = self.credentials.authorize(self.client.post(endpoint.clone()).form(&form)).await?;
        let mut response = request.send().await.map_err(|error| unreachable(endpoint, error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(endpoint, error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(Unknown::Malformed { detail: format!("the answer exceeds {MAX_ANSWER_BYTES} bytes") });
            }
        }
        answer::parse(status, &body)
    }
}

#[async_trait]
impl MetricSource for Prometheus {
    /// Asks the endpoint that answered last, then the others in order, until one can answer. Each has the whole
    /// `query_timeout`. When none can, the reason of the first one asked is the answer.
    async fn query(&self, expr: &str) -> QueryResult {
        let preferred = self.preferred.load(Ordering::Relaxed);
        let mut first_reason = None;
        for offset in 0..self.endpoints.len() {
            let index = (preferred + offset) % self.endpoints.len();
            match self.query_endpoint(&self.endpoints[index], expr).await {
                Err(reason) if reason.is_of_the_server() => {
                    tracing::debug!(server = server(&self.endpoints[index]), %reason, "prometheus cannot answer");
                    first_reason.get_or_insert(reason);
                }
                reading => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return reading;
                }
            }
        }
        Err(first_reason.unwrap_or(Unknown::Empty))
    }
}

fn unreachable(endpoint: &Url, error: reqwest::Error) -> Unknown {
    let server = server(endpoint);
    if error.is_timeout() {
        return Unknown::Timeout { server };
    }
    // The innermost cause is the one that people understand: connection refused, certificate expired.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Unknown::Unreachable { server, cause: cause.to_string() }
}

/// Host and port: an address in full may hold a password.
fn server(endpoint: &Url) -> String {
    let host = endpoint.host_str().unwrap_or_default();
    endpoint.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
