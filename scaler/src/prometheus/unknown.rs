use keyspace::topology::ShardId;

/// Why a value is not known. Never a number, so it cannot be compared with a threshold by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("prometheus at {server} cannot be reached: {cause}")]
    Unreachable { server: String, cause: String },
    #[error("prometheus at {server} did not answer in time")]
    Timeout { server: String },
    #[error("prometheus answered with HTTP status {status}: {detail}")]
    HttpStatus { status: u16, detail: String },
    /// The query itself is at fault (`bad_data`), or evaluating it failed (`execution`).
    #[error("prometheus refused the query ({kind}): {message}")]
    Refused { kind: String, message: String },
    #[error("prometheus warned that the answer may be wrong: {}", .0.join("; "))]
    Warned(Vec<String>),
    #[error("the answer covers only a part of the data")]
    Partial,
    #[error("what prometheus sent is not an answer to a query: {detail}")]
    Malformed { detail: String },
    #[error("the query gives a {0}, not one value for each series")]
    ResultType(String),
    #[error("the query gives a native histogram, not a number")]
    Histogram,
    #[error("the file with the credentials for prometheus cannot be read: {path}: {cause}")]
    Credentials { path: String, cause: String },
    #[error("prometheus has no data for it")]
    Empty,
    #[error("its value is {value}")]
    NotFinite { value: String },
    #[error("prometheus has no data for this shard")]
    NoSeries,
    #[error("two series carry the same shard: {first} and {second}")]
    DuplicateShard { first: String, second: String },
    #[error("a series carries no shard label: {labels}")]
    NoShardLabel { labels: String },
    #[error("a rule over the cluster needs exactly one series, the query gives {0}")]
    SeveralSeries(usize),
    #[error("no data from {}, so an aggregate would be wrong", list_shards(.missing))]
    NotCovered { missing: Vec<ShardId> },
}

impl Unknown {
    /// Whether another server with the same data may know more.
    pub fn is_of_the_server(&self) -> bool {
        match self {
            Unknown::Unreachable { .. }
            | Unknown::Timeout { .. }
            | Unknown::Warned(_)
            | Unknown::Partial
            | Unknown::Malformed { .. }
            | Unknown::HttpStatus { .. } => true,
            Unknown::Refused { .. }
            | Unknown::ResultType(_)
            | Unknown::Histogram
            | Unknown::Credentials { .. }
            | Unknown::Empty
            | Unknown::NotFinite { .. }
            | Unknown::NoSeries
            | Unknown::DuplicateShard { .. }
            | Unknown::NoShardLabel { .. }
            | Unknown::SeveralSeries(_)
            | Unknown::NotCovered { .. } => false,
        }
    }

    /// The value of the label `outcome` in `sql_autoscaler_scaler_evaluations_total`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Unknown::Unreachable { .. }
            | Unknown::Timeout { .. }
            | Unknown::HttpStatus { .. }
            | Unknown::Refused { .. }
            | Unknown::Malformed { .. }
            | Unknown::Credentials { .. } => "error",
            Unknown::Warned(_) | Unknown::Partial | Unknown::NotCovered { .. } => "partial",
            Unknown::Empty | Unknown::NoSeries => "no_data",
            Unknown::NotFinite { .. }
            | Unknown::ResultType(_)
            | Unknown::Histogram
            | Unknown::DuplicateShard { .. }
            | Unknown::NoShardLabel { .. }
            | Unknown::SeveralSeries(_) => "invalid",
        }
    }
}

/// Shards as people list them.
pub fn list_shards(shards: &[ShardId]) -> String {
    shards.iter().map(ShardId::as_str).collect::<Vec<_>>().join(", ")
}
