//! Speaks with one shard's server. Everything else on a statement's path sees columns, rows of bytes, ends and errors, so
//! that another client library can take the place of this one.
//!
//! Statements are sent in the text protocol: a cell is what the server prints.

mod columns;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use keyspace::endpoint::Endpoint;
use keyspace::mysql;
use keyspace::mysql::{er, errno};
use keyspace::own;
use keyspace::topology::ShardId;
use sqlx::mysql::{MySqlConnection, MySqlQueryResult, MySqlRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Executor as _, Row as _, Statement as _};

use crate::cells::{Column, Row};
use crate::error::QueryError;

/// A session on a shard's server.
pub struct Connection {
    shard: ShardId,
    session: MySqlConnection,
    /// What the server calls this session in KILL.
    id: u64,
}

/// A part of the answer to statements that were sent together.
pub enum Piece {
    Row(ShardRow),
    /// A statement is over.
    End(Done),
}

/// What a server says at the end of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub rows_affected: u64,
    /// The first id that the statement drew; `None` if it drew none.
    pub last_insert_id: Option<u64>,
}

impl Connection {
    /// # Errors
    /// Why there is no session.
    pub async fn open(shard: &ShardId, endpoint: &Endpoint, settings: &str) -> Result<Connection, String> {
        let open = async {
            let mut session = mysql::connect(endpoint).await?;
            session.execute(raw(settings)).await?;
            let id = session.fetch_one(raw("SELECT CONNECTION_ID()")).await?.try_get_unchecked(0)?;
            Ok::<_, sqlx::Error>(Connection { shard: shard.clone(), session, id })
        };
        open.await.map_err(|error| error.to_string())
    }

    /// Opens a session, runs one statement and ends the session.
    pub async fn run_apart(endpoint: &Endpoint, sql: &str) -> Result<(), String> {
        let run = async {
            let mut session = MySqlConnection::connect_with(&endpoint.connect_options()).await?;
            session.execute(raw(sql)).await?;
            session.close().await
        };
        run.await.map_err(|error: sqlx::Error| error.to_string())
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub async fn ping(&mut self) -> Result<(), String> {
        self.session.ping().await.map_err(|error| error.to_string())
    }

    /// Sends statements in one go. Their answers must be read to the end before anything else is sent.
    pub fn send(&mut self, sql: impl Into<String>) -> Answers<'_> {
        Answers { shard: &self.shard, pieces: self.session.fetch_many(raw(sql)) }
    }

    /// Sends a statement, for its rows. They must be read to the end before anything else is sent.
    pub fn rows(&mut self, sql: impl Into<String>) -> Rows<'_> {
        only_rows(self.send(sql))
    }

    /// Runs statements, all of which must succeed; gives what the last one says.
    pub async fn run(&mut self, sql: impl Into<String>) -> Result<Done, QueryError> {
        let mut answers = self.send(sql);
        let mut last = Done { rows_affected: 0, last_insert_id: None };
        while let Some(piece) = answers.try_next().await? {
            if let Piece::End(done) = piece {
                last = done;
            }
        }
        Ok(last)
    }

    /// All rows of a statement, which are known to be few.
    pub async fn fetch_all(&mut self, sql: impl Into<String>) -> Result<Vec<ShardRow>, QueryError> {
        self.rows(sql).try_collect().await
    }

    /// The first row of a statement, if it has any.
    pub async fn fetch_first(&mut self, sql: impl Into<String>) -> Result<Option<ShardRow>, QueryError> {
        Ok(self.fetch_all(sql).await?.into_iter().next())
    }

    /// Has the server read a statement without running it; gives the columns that its rows would have.
    ///
    /// `is_json` as for [`ShardRow::describe`].
    pub async fn describe(
        &mut self,
        sql: &str,
        is_json: impl Fn(&str, &str) -> bool,
    ) -> Result<Vec<Column>, QueryError> {
        let prepared = mysql::prepare(&mut self.session, sql).await;
        let prepared = prepared.map_err(|error| failure(&self.shard, error))?;
        Ok(columns::described(prepared.columns(), is_json))
    }

    /// For the statements on `_autoscaler` that [`keyspace::own`] has, and what else the keyspace asks of a server;
    /// [`failure`] says what their errors mean.
    pub fn for_keyspace(&mut self) -> &mut MySqlConnection {
        &mut self.session
    }
}

/// The text of a statement as the library wants it: nothing is put into it there.
fn raw(sql: impl Into<String>) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(sql.into()))
}

/// The answers to statements that were sent together, one after another. After an error there are no more.
pub struct Answers<'a> {
    shard: &'a ShardId,
    pieces: BoxStream<'a, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>>,
}

impl Stream for Answers<'_> {
    type Item = Result<Piece, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = std::task::ready!(self.pieces.poll_next_unpin(context));
        Poll::Ready(piece.map(|piece| match piece {
            Ok(Either::Right(row)) => Ok(Piece::Row(ShardRow(row))),
            Ok(Either::Left(done)) => Ok(Piece::End(Done {
                rows_affected: done.rows_affected(),
                last_insert_id: (done.last_insert_id() != 0).then_some(done.last_insert_id()),
            })),
            Err(error) => Err(failure(self.shard, error)),
        }))
    }
}

/// The rows of a statement.
pub type Rows<'a> = BoxStream<'a, Result<ShardRow, QueryError>>;

/// What is left of answers, without the ends.
pub fn only_rows(answers: Answers<'_>) -> Rows<'_> {
    let rows = answers.filter_map(|piece| {
        std::future::ready(match piece {
            Ok(Piece::Row(row)) => Some(Ok(row)),
            Ok(Piece::End(_)) => None,
            Err(error) => Some(Err(error)),
        })
    });
    rows.boxed()
}

/// A row as the server sent it.
pub struct ShardRow(MySqlRow);

impl ShardRow {
    /// The columns of this row, and of all others of its statement; meant to be asked for once.
    ///
    /// `is_json` tells, by table and column name, whether a text column is declared as JSON: MariaDB's JSON is a LONGTEXT
    /// with a CHECK, and the protocol says nothing more. It is asked only about text that comes straight from a column; the
    /// table is the original name (not the alias), without its schema.
    ///
    /// Servers send all BLOB and TEXT types as one, so their names come out as `BLOB` and `TEXT`.
    pub fn describe(&self, is_json: impl Fn(&str, &str) -> bool) -> Vec<Column> {
        columns::described(self.0.columns(), is_json)
    }

    pub fn has_names_of(&self, other: &ShardRow) -> bool {
        columns::names(self.0.columns()).eq(columns::names(other.0.columns()))
    }

    /// A cell as text; `None` for NULL, and for bytes that are no text.
    ///
    /// # Panics
    /// When `index` is not below [`Row::len`].
    pub fn text(&self, index: usize) -> Option<&str> {
        std::str::from_utf8(self.cell(index)?).ok()
    }

    /// A cell that is text.
    ///
    /// # Errors
    /// [`QueryError::Internal`] where [`ShardRow::text`] has none.
    pub fn needed_text(&self, index: usize) -> Result<&str, QueryError> {
        let no_text = || QueryError::Internal(format!("column {index} of a server's answer is no text"));
        self.text(index).ok_or_else(no_text)
    }

    /// What a look at the topology saw that was sent behind other statements ([`own::topology::LOOK`]).
    pub fn sighting(&self) -> Option<own::topology::Sighting> {
        own::topology::sighting_of(&self.0).ok()
    }
}

impl Row for ShardRow {
    fn cell(&self, index: usize) -> Option<&[u8]> {
        self.0
            .try_get_unchecked::<Option<&[u8]>, _>(index)
            .expect("only an index out of range can fail, and the caller keeps below len()")
    }

    fn len(&self) -> usize {
        self.0.columns().len()
    }
}

/// What a server says when it closes a connection: it shuts down, MariaDB's KILL, MySQL's KILL, idle for too long.
const CLOSING_ERRORS: [u16; 4] =
    [er::SERVER_SHUTDOWN, er::CONNECTION_KILLED, er::SESSION_WAS_KILLED, er::CLIENT_INTERACTION_TIMEOUT];

/// Tells a server's answer from a broken connection.
pub fn failure(shard: &ShardId, error: sqlx::Error) -> QueryError {
    let Some(number) = errno(&error).filter(|number| !CLOSING_ERRORS.contains(number)) else {
        return QueryError::ConnectionBroke { shard: shard.clone(), cause: error.to_string() };
    };
    let (sqlstate, message) = match error.as_database_error() {
        Some(database) => (database.code().unwrap_or_default().into_owned(), database.message().to_owned()),
        None => (String::new(), error.to_string()),
    };
    match number == er::SIGNAL_EXCEPTION && message == own::fence::MOVED {
        true => QueryError::Moved(shard.clone()),
        false => QueryError::Database { shard: shard.clone(), errno: number, sqlstate, message },
    }
}
