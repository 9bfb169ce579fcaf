//! The key `prometheus`, with the names of Prometheus' own `http_config`.

use serde_json::{Map, Value as Json};

use crate::config::json::{Object, Value};

/// Names of `http_config` that this version does not know how to follow.
const NOT_YET: [&str; 8] = [
    "oauth2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "follow_redirects",
    "enable_http2",
    "query_params",
];

/// The section with variables replaced. Files are named and not read: the client reads them again when they change.
pub fn section(value: Value<'_>) -> Option<Json> {
    let path = value.path.clone();
    let mut object = value.object()?;
    let mut section = Map::new();
    put(&mut section, "url", object.take("url").and_then(|url| text(&url)));
    put(&mut section, "urls", object.take("urls").and_then(texts));
    put(&mut section, "query_timeout", object.take("query_timeout").and_then(|timeout| text(&timeout)));
    put(&mut section, "basic_auth", object.take("basic_auth").and_then(basic_auth));
    put(&mut section, "authorization", object.take("authorization").and_then(authorization));
    put(&mut section, "http_headers", object.take("http_headers").and_then(headers));
    put(&mut section, "tls_config", object.take("tls_config").and_then(tls_config));
    for key in NOT_YET {
        object.refuse(key, &format!("`{key}` is"));
    }
    let document = object.document();
    object.finish();
    match (section.contains_key("url"), section.contains_key("urls")) {
        (false, false) => document.mistake(path, "needs `url` or `urls`"),
        (true, true) => document.mistake(path, "`url` and `urls` exclude each other"),
        _ => {}
    }
    if section.contains_key("basic_auth") && section.contains_key("authorization") {
        document.mistake("prometheus.authorization", "`basic_auth` and `authorization` exclude each other");
    }
    Some(Json::Object(section))
}

fn basic_auth(value: Value<'_>) -> Option<Json> {
    let mut object = value.object()?;
    let mut auth = Map::new();
    put(&mut auth, "username", object.take("username").and_then(|name| text(&name)));
    put_secret(&mut auth, &mut object, "password", "password_file");
    object.finish();
    Some(Json::Object(auth))
}

fn authorization(value: Value<'_>) -> Option<Json> {
    let mut object = value.object()?;
    let mut auth = Map::new();
    put(&mut auth, "type", object.take("type").and_then(|name| text(&name)));
    put_secret(&mut auth, &mut object, "credentials", "credentials_file");
    object.finish();
    Some(Json::Object(auth))
}

fn headers(value: Value<'_>) -> Option<Json> {
    let mut headers = Map::new();
    for (name, value) in value.object()?.into_entries() {
        let Some(mut object) = value.object() else { continue };
        let mut header = Map::new();
        put(&mut header, "values", object.take("values").and_then(texts));
        put(&mut header, "secrets", object.take("secrets").and_then(texts));
        put(
            &mut header,
            "files",
            object
                .take("files")
                .and_then(Value::list)
                .map(|files| Json::Array(files.iter().filter_map(file).collect())),
        );
        object.finish();
        headers.insert(name, Json::Object(header));
    }
    Some(Json::Object(headers))
}

fn tls_config(value: Value<'_>) -> Option<Json> {
    let mut object = value.object()?;
    let mut tls = Map::new();
    put(&mut tls, "ca_file", object.take("ca_file").and_then(|path| file(&path)));
    let skip = object.take("insecure_skip_verify").and_then(|skip| skip.boolean());
    put(&mut tls, "insecure_skip_verify", skip.map(Json::Bool));
    for key in ["ca", "cert", "cert_file", "key", "key_file", "server_name", "min_version", "max_version"] {
        object.refuse(key, &format!("`{key}` is"));
    }
    object.finish();
    Some(Json::Object(tls))
}

fn put(section: &mut Map<String, Json>, key: &str, value: Option<Json>) {
    if let Some(value) = value {
        section.insert(key.to_owned(), value);
    }
}

fn put_secret(section: &mut Map<String, Json>, object: &mut Object<'_>, key: &'static str, file_key: &'static str) {
    let given = object.take(key);
    let named = object.take(file_key);
    if let (Some(given), Some(_)) = (&given, &named) {
        given.mistake(format!("`{key}` and `{file_key}` exclude each other"));
    }
    put(section, key, given.and_then(|secret| text(&secret)));
    put(section, file_key, named.and_then(|path| file(&path)));
}

fn text(value: &Value<'_>) -> Option<Json> {
    value.name().map(Json::String)
}

fn texts(value: Value<'_>) -> Option<Json> {
    let items = value.list()?;
    Some(Json::Array(items.iter().filter_map(text).collect()))
}

fn file(value: &Value<'_>) -> Option<Json> {
    Some(Json::String(value.file()?.to_str()?.to_owned()))
}
