//! The key `prometheus`: addresses, and the names of Prometheus' own `http_config`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Url};
use serde::Deserialize;

use super::Unknown;
use crate::rules::lookback::duration_from_text;

const DEFAULT_QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach Prometheus. Unknown keys are refused, so `oauth2`, `proxy_url` and the like are an error and not
/// silently without effect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusConfig {
    /// `http://host:9090`, with a base path where there is one.
    pub url: Option<String>,
    /// Several servers that scrape the same targets; the next one is asked when one cannot answer.
    pub urls: Vec<String>,
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub http_headers: BTreeMap<String, HttpHeader>,
    pub tls_config: Option<TlsConfig>,
    /// A Prometheus duration such as `5s`, the default. For each server asked.
    pub query_timeout: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    pub username: String,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// `Bearer` unless told otherwise.
    #[serde(rename = "type")]
    pub scheme: Option<String>,
    pub credentials: Option<Secret>,
    pub credentials_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpHeader {
    pub values: Vec<String>,
    pub secrets: Vec<Secret>,
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    pub ca_file: Option<PathBuf>,
    pub insecure_skip_verify: bool,
}

/// Text that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("prometheus.url: set `url` or `urls`")]
    NoUrl,
    #[error("prometheus.url: `url` and `urls` exclude each other")]
    UrlAndUrls,
    #[error("prometheus.url: `{url}` is not an http or https address without query and fragment")]
    Url { url: String },
    #[error("prometheus.{0}: set exactly one of the secret and its file")]
    SecretAndFile(&'static str),
    #[error("prometheus.authorization: `basic_auth` and `authorization` exclude each other")]
    TwoAuthorizations,
    #[error("prometheus.authorization.type: for `Basic` use `basic_auth`")]
    BasicType,
    #[error("prometheus.http_headers: `{0}` cannot be set as a header")]
    Header(String),
    #[error("prometheus.query_timeout: `{0}` is not a duration such as 5s")]
    Timeout(String),
    #[error("prometheus.tls_config.ca_file: {path}: {cause}")]
    CaFile { path: String, cause: String },
    #[error("prometheus: the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// A configuration without mistakes.
pub(super) struct Checked {
    pub endpoints: Vec<Url>,
    pub credentials: Credentials,
    pub certificates: Vec<Certificate>,
    pub insecure_skip_verify: bool,
    pub query_timeout: Duration,
}

impl PrometheusConfig {
    /// The configuration for one server without credentials.
    pub fn at(url: impl Into<String>) -> PrometheusConfig {
        PrometheusConfig { url: Some(url.into()), ..PrometheusConfig::default() }
    }

    pub(super) fn check(&self) -> Result<Checked, Vec<ConfigError>> {
        let mut mistakes = Vec::new();
        let endpoints = self.endpoints(&mut mistakes);
        let credentials = self.credentials(&mut mistakes);
        let tls = self.tls_config.clone().unwrap_or_default();
        let certificates = tls.ca_file.as_deref().map(read_certificates).unwrap_or_else(|| Ok(Vec::new()));
        let certificates = certificates.unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            Vec::new()
        });
        let query_timeout = match self.query_timeout.as_deref() {
            None => DEFAULT_QUERY_TIMEOUT,
            Some(text) => duration_from_text(text).filter(|duration| !duration.is_zero()).unwrap_or_else(|| {
                mistakes.push(ConfigError::Timeout(text.to_owned()));
                DEFAULT_QUERY_TIMEOUT
            }),
        };
        let insecure_skip_verify = tls.insecure_skip_verify;
        match mistakes.is_empty() {
            true => Ok(Checked { endpoints, credentials, certificates, insecure_skip_verify, query_timeout }),
            false => Err(mistakes),
        }
    }

    fn endpoints(&self, mistakes: &mut Vec<ConfigError>) -> Vec<Url> {
        match (&self.url, self.urls.is_empty()) {
            (None, true) => mistakes.push(ConfigError::NoUrl),
            (Some(_), false) => mistakes.push(ConfigError::UrlAndUrls),
            _ => {}
        }
        let endpoint = |base: &String| match query_endpoint(base) {
            Some(endpoint) => Some(endpoint),
            None => {
                mistakes.push(ConfigError::Url { url: without_userinfo(base) });
                None
            }
        };
        self.url.iter().chain(&self.urls).filter_map(endpoint).collect()
    }

    fn credentials(&self, mistakes: &mut Vec<ConfigError>) -> Credentials {
        if self.basic_auth.is_some() && self.authorization.is_some() {
            mistakes.push(ConfigError::TwoAuthorizations);
        }
        let mut authorization = None;
        if let Some(BasicAuth { username, password, password_file }) = &self.basic_auth {
            // A user without a password is legal, as in Prometheus.
            let secret = match (password, password_file) {
                (None, None) => Some(SecretSource::Given(Secret::from(""))),
                given => SecretSource::one_of(given.0, given.1),
            };
            match secret {
                Some(secret) => authorization = Some(Scheme::Basic { username: username.clone(), secret }),
                None => mistakes.push(ConfigError::SecretAndFile("basic_auth")),
            }
        }
        if let Some(Authorization { scheme, credentials, credentials_file }) = &self.authorization {
            let scheme = scheme.clone().unwrap_or_else(|| "Bearer".to_owned());
            if scheme.eq_ignore_ascii_case("basic") {
                mistakes.push(ConfigError::BasicType);
            }
            match SecretSource::one_of(credentials, credentials_file) {
                Some(secret) => authorization = Some(Scheme::Other { scheme, secret }),
                None => mistakes.push(ConfigError::SecretAndFile("authorization")),
            }
        }
        let mut headers = Vec::new();
        for (name, HttpHeader { values, secrets, files }) in &self.http_headers {
            let Some(header) = HeaderName::from_bytes(name.as_bytes()).ok().filter(settable) else {
                mistakes.push(ConfigError::Header(name.clone()));
                continue;
            };
            let given = values.iter().map(|value| SecretSource::Given(Secret(value.clone())));
            let secrets = secrets.iter().cloned().map(SecretSource::Given);
            let files = files.iter().cloned().map(SecretSource::File);
            headers.extend(given.chain(secrets).chain(files).map(|source| (header.clone(), source)));
        }
        Credentials { authorization, headers }
    }
}

/// Headers that this client sets itself, as Prometheus reserves them too.
fn settable(name: &HeaderName) -> bool {
    !matches!(name.as_str(), "authorization" | "host" | "content-type" | "content-length" | "connection" | "cookie")
}

fn query_endpoint(base: &str) -> Option<Url> {
    let mut url = Url::parse(base).ok()?;
    let usable = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
    url.set_path(&path);
    usable.then_some(url)
}

fn without_userinfo(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let mistake = |cause: String| ConfigError::CaFile { path: path.display().to_string(), cause };
    let pem = std::fs::read(path).map_err(|error| mistake(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| mistake(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(mistake("holds no certificate".to_owned())),
        false => Ok(certificates),
    }
}

/// What to send along with each query.
#[derive(Debug)]
pub(super) struct Credentials {
    authorization: Option<Scheme>,
    headers: Vec<(HeaderName, SecretSource)>,
}

#[derive(Debug)]
enum Scheme {
    Basic { username: String, secret: SecretSource },
    Other { scheme: String, secret: SecretSource },
}

#[derive(Clone, Debug)]
enum SecretSource {
    Given(Secret),
    /// Read again for each query, so that rotated tokens need no restart.
    File(PathBuf),
}

impl Credentials {
    /// Adds them to a request.
    pub async fn authorize(&self, mut request: RequestBuilder) -> Result<RequestBuilder, Unknown> {
        request = match &self.authorization {
            Some(Scheme::Basic { username, secret }) => request.basic_auth(username, Some(secret.text().await?)),
            Some(Scheme::Other { scheme, secret }) => {
                let text = format!("{scheme} {}", secret.text().await?);
                request.header(AUTHORIZATION, sensitive(&text, secret)?)
            }
            None => request,
        };
        for (name, source) in &self.headers {
            request = request.header(name.clone(), sensitive(&source.text().await?, source)?);
        }
        Ok(request)
    }
}

impl SecretSource {
    fn one_of(given: &Option<Secret>, file: &Option<PathBuf>) -> Option<SecretSource> {
        match (given, file) {
            (Some(secret), None) => Some(SecretSource::Given(secret.clone())),
            (None, Some(path)) => Some(SecretSource::File(path.clone())),
            _ => None,
        }
    }

    async fn text(&self) -> Result<String, Unknown> {
        match self {
            SecretSource::Given(secret) => Ok(secret.0.clone()),
            SecretSource::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(Unknown::Credentials { path: path.display().to_string(), cause: error.to_string() }),
            },
        }
    }

    fn place(&self) -> String {
        match self {
            SecretSource::Given(_) => "the configuration".to_owned(),
            SecretSource::File(path) => path.display().to_string(),
        }
    }
}

fn sensitive(text: &str, source: &SecretSource) -> Result<HeaderValue, Unknown> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Unknown::Credentials {
        path: source.place(),
        cause: "it holds characters that no HTTP header may carry".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> String {
        let config: PrometheusConfig = match serde_json::from_str(json) {
            Ok(config) => config,
            Err(error) => return error.to_string(),
        };
        match config.check() {
            Ok(checked) => checked.endpoints.iter().map(Url::as_str).collect::<Vec<_>>().join(" "),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn a_base_path_is_kept() {
        assert_eq!(check(r#"{"url":"http://h:1"}"#), "http://h:1/api/v1/query");
        assert_eq!(check(r#"{"url":"https://h/prom/"}"#), "https://h/prom/api/v1/query");
        assert_eq!(check(r#"{"urls":["http://a","http://b/x"]}"#), "http://a/api/v1/query http://b/x/api/v1/query");
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        insta::assert_snapshot!(check(r#"{"url":"ftp://me:pw@h","urls":["http://h?x=1"],"query_timeout":"0s",
            "basic_auth":{"username":"u","password":"p","password_file":"/f"},"authorization":{"type":"basic"},
            "http_headers":{"Host":{}},"tls_config":{"ca_file":"/nowhere/ca.pem"}}"#), @r"
        prometheus.url: `url` and `urls` exclude each other
        prometheus.url: `ftp://…@h` is not an http or https address without query and fragment
        prometheus.url: `http://h?x=1` is not an http or https address without query and fragment
        prometheus.authorization: `basic_auth` and `authorization` exclude each other
        prometheus.basic_auth: set exactly one of the secret and its file
        prometheus.authorization.type: for `Basic` use `basic_auth`
        prometheus.authorization: set exactly one of the secret and its file
        prometheus.http_headers: `Host` cannot be set as a header
        prometheus.tls_config.ca_file: /nowhere/ca.pem: No such file or directory (os error 2)
        prometheus.query_timeout: `0s` is not a duration such as 5s
        ");
        assert_eq!(check("{}"), "prometheus.url: set `url` or `urls`");
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for key in ["oauth2", "proxy_url", "follow_redirects"] {
            let answer = check(&format!(r#"{{"url":"http://h","{key}":null}}"#));
            assert!(answer.starts_with(&format!("unknown field `{key}`")), "{answer}");
        }
        let answer = check(r#"{"url":"http://h","tls_config":{"cert_file":"x"}}"#);
        assert!(answer.starts_with("unknown field `cert_file`"), "{answer}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let config: PrometheusConfig =
            serde_json::from_str(r#"{"url":"http://h","basic_auth":{"username":"u","password":"hush"}}"#).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
