//! Why a statement is not run.

/// Why a text is refused before anything is planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    #[error("the query holds no statement")]
    Empty,
    #[error("the query holds more than one statement")]
    Several,
    #[error("malformed SQL: {0}")]
    Malformed(String),
    #[error("{construct} is not allowed")]
    NotAllowed { construct: String, hint: String },
    #[error("an expression nests {operators} operators, above the limit of {limit}")]
    TooComplex { operators: usize, limit: usize },
    #[error("the statement has {count} {what}, above the limit of {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize },
    #[error("the query has {expected} placeholders but {got} params")]
    Params { expected: usize, got: usize },
}

impl SqlError {
    pub fn not_allowed(construct: impl Into<String>, hint: &str) -> SqlError {
        SqlError::NotAllowed { construct: construct.into(), hint: hint.to_owned() }
    }
}

/// A construct that is not supported, by the name that the client knows, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    pub construct: String,
    pub hint: Option<String>,
}

impl Unsupported {
    pub fn new(construct: impl Into<String>) -> Unsupported {
        Unsupported { construct: construct.into(), hint: None }
    }

    pub fn with_hint(construct: impl Into<String>, hint: impl Into<String>) -> Unsupported {
        Unsupported { construct: construct.into(), hint: Some(hint.into()) }
    }
}
