//! Errors as HTTP answers.

use serde_json::{Value, json};
use warp::http::header::RETRY_AFTER;
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;

use crate::doors::http::pieces::json_response;
use crate::error::QueryError;
use crate::metrics::ERROR_CODES;
use crate::plan::Refusal;
use crate::router::Router;
use crate::sql::SqlError;

/// Characters of a message about an error.
const LONGEST_MESSAGE: usize = 2000;

/// An error as the client sees it.
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    pub message: String,
    hint: Option<String>,
    mysql: Option<Value>,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: String) -> Failure {
        Failure { status, code, message, hint: None, mysql: None }
    }

    pub fn bad_request(message: String) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub fn with_hint(self, hint: &str) -> Failure {
        Failure { hint: Some(hint.to_owned()), ..self }
    }

    /// The one place where errors become statuses and codes.
    pub fn of(error: &QueryError) -> Failure {
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
            QueryError::OutcomeUnknown { .. } | QueryError::ChangeUnfinished { .. } => {
                (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown")
            }
            QueryError::LimitExceeded(_)
            | QueryError::TooMuchMemory(_)
            | QueryError::TooManyToGather(_)
            | QueryError::Merge(_) => (StatusCode::UNPROCESSABLE_ENTITY, "limit_exceeded"),
            QueryError::KeptMoving
            | QueryError::TablesDiffer { .. }
            | QueryError::GivenUp(_)
            | QueryError::SessionBusy
            | QueryError::SessionDropped(_)
            | QueryError::SchemaChanging
            | QueryError::OtherChange => (StatusCode::CONFLICT, "conflict"),
            QueryError::Row(_) | QueryError::Moved(_) | QueryError::CopiesDiffer { .. } | QueryError::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        let mysql = error
            .server_error()
            .map(|server| json!({ "errno": server.errno, "sqlstate": server.sqlstate, "message": server.message }));
        Failure { status, code, message: error.to_string(), hint: error.hint(), mysql }
    }

    pub fn into_response(mut self, router: &Router) -> Response {
        // Some messages repeat what was sent, of any length.
        if let Some((end, _)) = self.message.char_indices().nth(LONGEST_MESSAGE) {
            self.message.truncate(end);
            self.message.push('…');
        }
        if ERROR_CODES.contains(&self.code) {
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
