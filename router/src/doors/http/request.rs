//! A request of `/query` or `/explain`, from its bytes to a statement.

use std::fmt;
use std::time::Duration;

use door::{BodyError, Caller};
use futures_util::Stream;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;
use warp::Buf;
use warp::http::{HeaderMap, StatusCode};

use crate::budget::{Held, Kind};
use crate::doors::http::answer::Format;
use crate::doors::http::failure::Failure;
use crate::request::{Consistency, Request};
use crate::router::Router;
use crate::sql::read::bind::Param;

/// As many as a prepared statement of MySQL takes.
const MOST_PARAMS: usize = 65_535;

/// What a request of `/query` or `/explain` says.
pub(super) struct StatementRequest {
    pub(super) request: Request,
    pub(super) format: Format,
    pub(super) session: Option<String>,
    /// The room of the statement, until it is answered.
    _held: Held,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    query: String,
    #[serde(default, borrow)]
    params: Values<'a>,
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

/// Values as the text has them: a list of them takes many times the room of its text.
#[derive(Default)]
struct Values<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of params")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    if values.len() == MOST_PARAMS {
                        return Err(A::Error::custom(format_args!("there are more than {MOST_PARAMS} params")));
                    }
                    values.push(value);
                }
                Ok(values)
            }
        }

        deserializer.deserialize_seq(List).map(Values)
    }
}

pub(super) async fn read_request(
    router: &Router,
    caller: &Caller,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<StatementRequest, Failure> {
    let session = session_of(headers)?;
    let no_room = |error| Failure::of(&error);
    let mut held = router.budget().take(caller.client(), Kind::Bodies, 0).map_err(no_room)?;
    let most = router.limits().max_body_bytes;
    let bytes = caller.read_body(headers, body, most, |more| held.grow(more)).await.map_err(|error| match error {
        BodyError::TooLarge => {
            let message = format!("the body is larger than {most} bytes (limits.max_body_bytes)");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        }
        BodyError::Late(why) => Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", why),
        BodyError::BrokeOff(why) => Failure::bad_request(format!("the body broke off: {why}")),
        BodyError::NoRoom(error) => Failure::of(&error),
    })?;
    // The statement and its params, as texts of their own.
    held.grow(bytes.len()).map_err(no_room)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|error| Failure::bad_request(format!("the body is not UTF-8: {error}")))?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| {
        Failure::bad_request(format!("the body is not a query: {error}"))
            .with_hint("send {\"query\":\"SELECT …\",\"params\":[…],\"format\":\"objects\"|\"rows\",\"timeout_ms\":N}")
    })?;
    if body.timeout_ms == Some(0) {
        return Err(Failure::bad_request("timeout_ms must be at least 1".to_owned()));
    }
    let request = Request {
        params: params(&body.params.0)?,
        sql: body.query,
        client: caller.client(),
        timeout: body.timeout_ms.map(Duration::from_millis),
        consistency: match body.consistency {
            Wanted::Atomic => Consistency::Atomic,
            Wanted::Shard => Consistency::Shard,
        },
    };
    let format = body.format;
    let room = bytes.len() + request.params.len() * size_of::<Param>();
    drop(bytes);
    held.shrink_to(room);
    Ok(StatementRequest { request, format, session, _held: held })
}

fn params(values: &[&RawValue]) -> Result<Vec<Param>, Failure> {
    let of_json = |error| Failure::bad_request(format!("the body is not a query: {error}"));
    let param = |(index, value): (usize, &&RawValue)| {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Param::Null),
            Some(b't') => Ok(Param::Bool(true)),
            Some(b'f') => Ok(Param::Bool(false)),
            Some(b'"') => serde_json::from_str(text).map(Param::Text).map_err(of_json),
            Some(b'[' | b'{') => {
                Err(Failure::bad_request(format!("params[{index}] is a list or an object: give a single value")))
            }
            _ => serde_json::from_str(text).map(|number: Number| Param::Number(number.to_string())).map_err(of_json),
        }
    };
    values.iter().enumerate().map(param).collect()
}

/// The session that a request belongs to, by the name that its client chose.
fn session_of(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    const LONGEST: usize = 128;
    let Some(value) = headers.get("x-session-id") else { return Ok(None) };
    let name = value.to_str().ok().filter(|name| (1..=LONGEST).contains(&name.len()));
    name.map(|name| Some(name.to_owned()))
        .ok_or_else(|| Failure::bad_request(format!("X-Session-Id is not 1 to {LONGEST} printable ASCII characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_params(body: &str, expected: &[Param]) {
        let body: Body<'_> = serde_json::from_str(body).unwrap();
        let params = params(&body.params.0).map_err(|failure| failure.message).unwrap();
        assert_eq!(format!("{params:?}"), format!("{expected:?}"));
    }

    #[test]
    fn params_are_single_values() {
        let number = |text: &str| Param::Number(text.to_owned());
        check_params(
            r#"{"query":"", "params": [ null,true , false, 1, -0.50, 18446744073709551616, "a\"\u00e9" ]}"#,
            &[
                Param::Null,
                Param::Bool(true),
                Param::Bool(false),
                number("1"),
                number("-0.50"),
                number("18446744073709551616"),
                Param::Text("a\"é".to_owned()),
            ],
        );
        check_params(r#"{"query":""}"#, &[]);
        let nested: Body<'_> = serde_json::from_str(r#"{"query":"","params":[1,[2]]}"#).unwrap();
        assert!(params(&nested.params.0).is_err_and(|failure| failure.message.starts_with("params[1] is a list")));
    }

    #[test]
    fn there_are_not_more_params_than_mysql_takes() {
        let body = |count: usize| format!(r#"{{"query":"","params":[{}]}}"#, vec!["1"; count].join(","));
        assert!(serde_json::from_str::<Body<'_>>(&body(MOST_PARAMS)).is_ok());
        let error = serde_json::from_str::<Body<'_>>(&body(MOST_PARAMS + 1)).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("there are more than 65535 params"), "{error}");
    }
}
