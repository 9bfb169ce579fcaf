//! A client's statement, from its request to its answer.

use std::time::{Duration, Instant};

use door::Client;
use keyspace::topology::ShardId;
use tokio::sync::Mutex;

use crate::error::QueryError;
use crate::execute::Written;
use crate::sql;
use crate::sql::meaning::statement::{Scope, Statement};
use crate::sql::read::bind::Param;
use crate::sql::read::source::Sql;
use crate::transaction::Transaction;

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Request {
    pub sql: String,
    pub params: Vec<Param>,
    pub client: Client,
    /// Shorter than the configured timeout, if given.
    pub timeout: Option<Duration>,
    pub consistency: Consistency,
}

/// What a read over several shards sees of a transaction over several shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// All of it or nothing.
    #[default]
    Atomic,
    /// What each shard has, which may be a part.
    Shard,
}

/// Where an answer came from, and what a write did.
#[derive(Debug)]
pub struct Answer {
    pub shards: Vec<ShardId>,
    /// Set for writes and DDL.
    pub written: Option<Written>,
}

/// A statement as far as it had to be read.
pub enum Parsed {
    /// A read, known by its outline.
    Known(Vec<Scope>),
    Full(Box<(Sql, Statement)>),
}

/// What holds for a statement however often it is tried.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub request: &'a Request,
    pub deadline: Instant,
    pub timeout: Duration,
    /// That of the session, if it has one open.
    pub transaction: Option<&'a Mutex<Transaction>>,
    /// Rows that it reads are locked: those that are moving must not be switched meanwhile.
    pub locks: bool,
}

impl Parsed {
    /// Reads the whole statement of a request.
    pub fn full(request: &Request) -> Result<Parsed, QueryError> {
        Parsed::of(&request.sql, &request.params)
    }

    /// Reads a text.
    pub fn of(text: &str, params: &[Param]) -> Result<Parsed, QueryError> {
        let sql = sql::read(text, params)?;
        let statement = sql::analyse(&sql)?;
        Ok(Parsed::Full(Box::new((sql, statement))))
    }
}
