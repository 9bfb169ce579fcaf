//! Where a shard is reached: data source names in the forms that users have.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// A database of one server with the login to use.
///
/// One that was read from a topology has no login until its reader gives it one: serialized, an endpoint is an address
/// only. `Display` shows no password; [`Endpoint::to_dsn`] does.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    login: Login,
    address: Address,
    database: String,
    ssl_mode: SslMode,
}

/// Who somebody is on a server. `Debug` shows no password.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Login {
    user: String,
    password: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Address {
    Tcp { host: String, port: u16 },
    Socket(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum SslMode {
    Disabled,
    Preferred,
    Required,
    VerifyCa,
    VerifyIdentity,
}

const SSL_MODES: [(&str, SslMode); 5] = [
    ("disabled", SslMode::Disabled),
    ("preferred", SslMode::Preferred),
    ("required", SslMode::Required),
    ("verify_ca", SslMode::VerifyCa),
    ("verify_identity", SslMode::VerifyIdentity),
];

/// Why a DSN was not understood. Never carries the password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DsnError {
    #[error(
        "not a DSN: expected user:password@tcp(host:port)/database, \
         user:password@unix(/path)/database or mysql://user:password@host:port/database"
    )]
    Form,
    #[error("the DSN names no database")]
    NoDatabase,
    #[error("`{0}` is not a port")]
    Port(String),
    #[error("unknown DSN parameter `{0}`")]
    Parameter(String),
    #[error("`{0}` is not an ssl-mode (disabled, preferred, required, verify_ca, verify_identity)")]
    SslMode(String),
    #[error("`%` in a mysql:// DSN must be followed by two hex digits")]
    PercentEncoding,
}

impl Login {
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Login {
        Login { user: user.into(), password: password.into() }
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn password(&self) -> &str {
        &self.password
    }
}

impl Endpoint {
    /// An endpoint reached over TCP.
    pub fn tcp(host: &str, port: u16, user: &str, password: &str, database: &str) -> Endpoint {
        Endpoint {
            login: Login::new(user, password),
            address: Address::Tcp { host: host.to_owned(), port },
            database: database.to_owned(),
            ssl_mode: SslMode::Preferred,
        }
    }

    /// Reads a Go-style DSN (`user:pass@tcp(host:port)/db`, `user:pass@unix(/path)/db`) or a `mysql://` URL.
    pub fn parse(dsn: &str) -> Result<Endpoint, DsnError> {
        match dsn.strip_prefix("mysql://").or_else(|| dsn.strip_prefix("mariadb://")) {
            // What names a user has an `@`.
            Some(rest) if !rest.split('/').next().unwrap_or_default().contains('@') => Err(DsnError::Form),
            Some(rest) => parse_url(rest),
            None => parse_go(dsn),
        }
    }

    /// The endpoint as a `mysql://` URL or Go DSN that [`Endpoint::parse`] reads back, password included.
    pub fn to_dsn(&self) -> String {
        let Login { user, password } = &self.login;
        match &self.address {
            Address::Tcp { .. } => self.to_text(&format!("{}:{}@", percent_encode(user), percent_encode(password))),
            Address::Socket(_) => self.to_text(&format!("{user}:{password}")),
        }
    }

    /// What [`Endpoint::to_dsn`] gives, with another login before the address.
    fn to_text(&self, login: &str) -> String {
        let ssl_mode = SSL_MODES.iter().find(|(_, mode)| *mode == self.ssl_mode).map_or("preferred", |(name, _)| name);
        match &self.address {
            Address::Tcp { host, port } => format!(
                "mysql://{login}{}:{port}/{}?ssl-mode={ssl_mode}",
                if host.contains(':') { format!("[{host}]") } else { host.clone() },
                percent_encode(&self.database),
            ),
            Address::Socket(path) => {
                format!("{login}@unix({})/{}", path.display(), self.database)
            }
        }
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn user(&self) -> &str {
        &self.login.user
    }

    pub fn password(&self) -> &str {
        &self.login.password
    }

    /// `None` for an endpoint that was read from a topology and not given one.
    pub fn login(&self) -> Option<&Login> {
        (!self.login.user.is_empty()).then_some(&self.login)
    }

    /// The same place with another login.
    pub fn with_login(&self, login: &Login) -> Endpoint {
        Endpoint { login: login.clone(), ..self.clone() }
    }

    /// Whether both are the same database at the same address, whoever logs in.
    pub fn is_same_place(&self, other: &Endpoint) -> bool {
        self.address == other.address && self.database == other.database
    }

    /// `host:port`, or the socket's path.
    pub fn address(&self) -> String {
        match &self.address {
            Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp { host, port } => format!("{host}:{port}"),
            Address::Socket(path) => path.display().to_string(),
        }
    }

    /// Host and port; `None` for a socket.
    pub fn tcp_address(&self) -> Option<(&str, u16)> {
        match &self.address {
            Address::Tcp { host, port } => Some((host, *port)),
            Address::Socket(_) => None,
        }
    }

    /// Options for a connection that behaves as a plain client's: nothing that sqlx would add to the session.
    pub fn connect_options(&self) -> MySqlConnectOptions {
        let options = MySqlConnectOptions::new()
            .username(&self.login.user)
            .database(&self.database)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            .charset("utf8mb4")
            // Statements hold the users' data: they have no place in a log.
            .disable_statement_logging()
            .ssl_mode(match self.ssl_mode {
                SslMode::Disabled => MySqlSslMode::Disabled,
                SslMode::Preferred => MySqlSslMode::Preferred,
                SslMode::Required => MySqlSslMode::Required,
                SslMode::VerifyCa => MySqlSslMode::VerifyCa,
                SslMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
            });
        // An empty password that is set is sent as one that is used, which servers refuse.
        let options = if self.password().is_empty() { options } else { options.password(self.password()) };
        match &self.address {
            Address::Tcp { host, port } => options.host(host).port(*port),
            Address::Socket(path) => options.socket(path),
        }
    }
}

fn parse_go(dsn: &str) -> Result<Endpoint, DsnError> {
    // The password may hold any character, so the address is found from its end.
    let (before, database_part) = dsn.rsplit_once(")/").ok_or(DsnError::Form)?;
    let (login, address) = ["@tcp(", "@unix("]
        .iter()
        .find_map(|marker| before.rsplit_once(marker).map(|(login, rest)| (login, (*marker, rest))))
        .ok_or(DsnError::Form)?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (database, parameters) = database_part.split_once('?').unwrap_or((database_part, ""));
    let address = match address {
        ("@unix(", path) => Address::Socket(PathBuf::from(path)),
        (_, host_port) => parse_host_port(host_port)?,
    };
    // Go's driver takes parameters such as parseTime; they steer the Go client only and mean nothing here.
    let ssl_mode = parameters
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(name, value)| match (name, value) {
            ("tls", "true") => Some(SslMode::VerifyIdentity),
            ("tls", "skip-verify") => Some(SslMode::Required),
            ("tls", "preferred") => Some(SslMode::Preferred),
            ("tls", "false") => Some(SslMode::Disabled),
            _ => None,
        })
        .unwrap_or(SslMode::Preferred);
    complete(user.to_owned(), password.to_owned(), address, database.to_owned(), ssl_mode)
}

fn parse_url(rest: &str) -> Result<Endpoint, DsnError> {
    let (authority, path) = rest.split_once('/').ok_or(DsnError::NoDatabase)?;
    let (login, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (database, parameters) = path.split_once('?').unwrap_or((path, ""));
    let mut ssl_mode = SslMode::Preferred;
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !matches!(name, "ssl-mode" | "sslmode" | "ssl_mode") {
            return Err(DsnError::Parameter(name.to_owned()));
        }
        let wanted = value.to_ascii_lowercase().replace('-', "_");
        ssl_mode = SSL_MODES
            .iter()
            .find(|(known, _)| *known == wanted)
            .map(|(_, mode)| *mode)
            .ok_or_else(|| DsnError::SslMode(value.to_owned()))?;
    }
    complete(
        percent_decode(user)?,
        percent_decode(password)?,
        parse_host_port(host_port)?,
        percent_decode(database)?,
        ssl_mode,
    )
}

fn complete(
    user: String,
    password: String,
    address: Address,
    database: String,
    ssl_mode: SslMode,
) -> Result<Endpoint, DsnError> {
    if database.is_empty() {
        return Err(DsnError::NoDatabase);
    }
    Ok(Endpoint { login: Login { user, password }, address, database, ssl_mode })
}

fn parse_host_port(text: &str) -> Result<Address, DsnError> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("3306")),
        None => text.split_once(':').unwrap_or((text, "3306")),
    };
    if host.is_empty() {
        return Err(DsnError::Form);
    }
    let port = port.parse().map_err(|_| DsnError::Port(port.to_owned()))?;
    Ok(Address::Tcp { host: host.to_owned(), port })
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn percent_decode(text: &str) -> Result<String, DsnError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(), digit());
        let (Some(high), Some(low)) = (high, low) else {
            return Err(DsnError::PercentEncoding);
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| DsnError::PercentEncoding)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.database)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}@{self})", self.user())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.user)
    }
}

/// Without the login: topologies lie on every shard, where the accounts of others are nobody's business.
impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text(""))
    }
}

/// Topologies of earlier versions have the login, which is kept in memory until its reader has one of its own.
impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = match text.strip_prefix("mysql://") {
            Some(rest) => parse_url(rest),
            None => parse_go(&text),
        };
        parsed.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dsn: &str, user: &str, password: &str, address: &str, database: &str) {
        let endpoint = Endpoint::parse(dsn).unwrap();
        assert_eq!(
            (endpoint.user(), endpoint.password(), endpoint.address().as_str(), endpoint.database()),
            (user, password, address, database)
        );
        assert_eq!(Endpoint::parse(&endpoint.to_dsn()).unwrap(), endpoint);
        assert!(password.is_empty() || !format!("{endpoint} {endpoint:?}").contains(password));
        let stored = serde_json::to_string(&endpoint).unwrap();
        let read: Endpoint = serde_json::from_str(&stored).unwrap();
        assert!(password.is_empty() || !stored.contains(password), "{stored}");
        assert!(read.is_same_place(&endpoint) && read.login().is_none(), "{stored}");
        assert_eq!(read.with_login(&Login::new(user, password)), endpoint);
        // As earlier versions stored it.
        let stored = serde_json::to_string(&endpoint.to_dsn()).unwrap();
        assert_eq!(serde_json::from_str::<Endpoint>(&stored).unwrap(), endpoint);
    }

    #[test]
    fn go_dsns_of_the_original_are_read() {
        check("root:s3cret@tcp(127.0.0.1:3307)/app", "root", "s3cret", "127.0.0.1:3307", "app");
        check("root:@tcp(db)/app?parseTime=true", "root", "", "db:3306", "app");
        check("u:p@:/(x)@tcp(db:1)/app", "u", "p@:/(x)", "db:1", "app");
        check("u:pw9@unix(/run/mysqld/mysqld.sock)/app", "u", "pw9", "/run/mysqld/mysqld.sock", "app");
    }

    #[test]
    fn urls_are_read() {
        check("mysql://u:p%40ss@db:3307/app?ssl-mode=REQUIRED", "u", "p@ss", "db:3307", "app");
        check("mysql://u:p9@[::1]:3307/app", "u", "p9", "[::1]:3307", "app");
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        let error = |dsn| Endpoint::parse(dsn).unwrap_err();
        assert_eq!(error("nonsense"), DsnError::Form);
        assert_eq!(error("mysql://h:1/d"), DsnError::Form);
        assert_eq!(error("u:p@tcp(h:1)/"), DsnError::NoDatabase);
        assert_eq!(error("mysql://u:p@h:70000/d"), DsnError::Port("70000".into()));
        assert_eq!(error("mysql://u:p@h/d?sslmode=maybe"), DsnError::SslMode("maybe".into()));
        assert_eq!(error("mysql://u:p@h/d?charset=x"), DsnError::Parameter("charset".into()));
    }
}
