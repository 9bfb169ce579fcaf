//! A mover's connection to one shard, set up so that values pass unchanged and locks stay small.

use std::time::Duration;

use futures_util::TryStreamExt;
use keyspace::mysql::{self, er, errno};
use keyspace::own;
use keyspace::own::journal::MoveState;
use keyspace::own::journal::Side;
use keyspace::own::topology::{Sighting, StoreError};
use keyspace::schema::load;
use keyspace::schema::{Layout, Schema};
use keyspace::topology::{MoveId, ShardId, SlotMove, Topology};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::sync::mpsc;
use tokio::time::error::Elapsed;

use crate::cluster::{Cluster, ClusterError};
use crate::error::MoveError;
use crate::foreign_keys::{self, Crossing};
use crate::rows::Cells;
use crate::table::SLOTS_VARIABLE;

/// What a connection is to do for its move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Bring it to the switch.
    Advance,
    /// Undo it or clean up behind it, also after another scaler that hangs.
    End,
}

pub(crate) struct Connection {
    pub shard: ShardId,
    pub mariadb: bool,
    /// The server's number of this connection.
    number: u64,
    /// How much of a value one statement brings.
    piece_bytes: usize,
    cluster: Cluster,
    inner: MySqlConnection,
    permit: Option<Permit>,
    /// How long an answer is waited for.
    patience: Duration,
    /// An answer did not come, and may still; nothing more can be asked.
    is_silent: bool,
}

/// What every transaction that writes rows for a move looks at first.
struct Permit {
    id: MoveId,
    side: Side,
    purpose: Purpose,
}

/// Longer than any statement of a move takes on a server that works: the largest reads 5,000 rows.
pub(crate) const DEFAULT_PATIENCE: Duration = Duration::from_secs(120);
/// What an abandoned mover's last statement may take to end.
const PREDECESSOR_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one that may only hang is waited for before its session is ended.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(5);
/// A server that works ends a statement within moments.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// A session waits while the other end of its move works, or other moves do.
const IDLE: &str = "SET SESSION wait_timeout=86400";
/// Half of the least max_allowed_packet that a server has.
const LEAST_PIECE_BYTES: usize = 512;

impl Connection {
    /// A connection that works for no move yet.
    pub async fn open(cluster: &Cluster, shard: &ShardId) -> Result<Connection, MoveError> {
        let inner = cluster.connect(shard).await?;
        let (shard, cluster) = (shard.clone(), cluster.clone());
        let mut connection = Connection {
            shard,
            mariadb: true,
            number: 0,
            piece_bytes: LEAST_PIECE_BYTES,
            cluster,
            inner,
            permit: None,
            patience: DEFAULT_PATIENCE,
            is_silent: false,
        };
        let version = connection.fetch_text("SELECT VERSION()").await?.unwrap_or_default();
        connection.mariadb = version.contains("MariaDB");
        let own = connection.fetch("SELECT CAST(CONNECTION_ID() AS CHAR),CAST(@@max_allowed_packet AS CHAR)").await?;
        let mut own = own.into_iter().flatten().map(|cell| cell.and_then(|cell| into_text(cell).parse::<u64>().ok()));
        connection.number = own.next().flatten().unwrap_or_default();
        let packet_bytes = own.next().flatten().and_then(|bytes| usize::try_from(bytes).ok());
        connection.piece_bytes = packet_bytes.map_or(LEAST_PIECE_BYTES, |bytes| bytes / 2).max(LEAST_PIECE_BYTES);
        // Strict mode would refuse zero dates and ENUM index 0 that the rows have; triggers keep the mode in
        // which they are made, so it also decides about the application's writes. Character set NULL sends
        // strings as they are stored.
        connection
            .run(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET SESSION sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks=0, \
                 character_set_results=NULL",
            )
            .await?;
        connection.run(IDLE).await?;
        connection
            .run(match connection.mariadb {
                // Rows may be older than a constraint that they violate.
                true => "SET SESSION check_constraint_checks=0",
                // Else AUTO_INCREMENT in information_schema is up to a day old.
                false => "SET SESSION information_schema_stats_expiry=0",
            })
            .await?;
        Ok(connection)
    }

    /// A connection for one move and one side of it. Waits until an earlier one, perhaps of a mover that was
    /// stopped in mid-statement, is gone: its last statement must not arrive after ours.
    pub async fn open_for(
        cluster: &Cluster,
        slot_move: &SlotMove,
        side: Side,
        purpose: Purpose,
    ) -> Result<Connection, MoveError> {
        let shard = match side {
            Side::Source => &slot_move.source,
            Side::Target => &slot_move.target,
        };
        let mut connection = Connection::open(cluster, shard).await?;
        connection.take_over(&slot_move.id, side, purpose).await?;
        connection.permit(slot_move, side, purpose).await?;
        Ok(connection)
    }

    /// A second connection to the target, for rows that are inserted beside those of [`Connection::open_for`]. The permit
    /// is all it has: an ending waits for the rows under way, not for the session.
    pub async fn open_beside(cluster: &Cluster, slot_move: &SlotMove) -> Result<Connection, MoveError> {
        let mut connection = Connection::open(cluster, &slot_move.target).await?;
        connection.permit(slot_move, Side::Target, Purpose::Advance).await?;
        Ok(connection)
    }

    async fn permit(&mut self, slot_move: &SlotMove, side: Side, purpose: Purpose) -> Result<(), MoveError> {
        self.permit = Some(Permit { id: slot_move.id.clone(), side, purpose });
        // Our triggers let such a session delete moved rows, and triggers of users may spare it.
        let setup = format!("SET {SLOTS_VARIABLE}=x'{}', @_autoscaler_cleanup=1", slot_move.slots.to_hex());
        self.run(&setup).await.map(drop)
    }

    /// As [`Connection::begin`]; the server ends the session if it hears nothing for so long: nobody else does, and an
    /// ending waits for at most 50 seconds.
    pub async fn begin_beside(&mut self) -> Result<(), MoveError> {
        self.run("SET SESSION wait_timeout=20").await?;
        self.begin().await
    }

    /// Ends what [`Connection::begin_beside`] began, with `COMMIT` or `ROLLBACK`.
    pub async fn end_beside(&mut self, end: &str) -> Result<(), MoveError> {
        self.run(end).await?;
        self.holds_no_locks().await
    }

    async fn take_over(&mut self, id: &MoveId, side: Side, purpose: Purpose) -> Result<(), MoveError> {
        let name = own::journal::lock_name(side, id);
        let patience = match purpose {
            Purpose::Advance => PREDECESSOR_TIMEOUT,
            Purpose::End => PREDECESSOR_PATIENCE,
        };
        if self.takes_lock(&name, patience).await? {
            return Ok(());
        }
        if purpose == Purpose::End {
            let holder = self.fetch_text(&format!("SELECT IS_USED_LOCK('{name}')")).await?;
            if let Some(holder) = holder.and_then(|holder| holder.parse::<u64>().ok()) {
                tracing::warn!(r#move = %id, shard = %self.shard, holder, "ending the session of a mover that hangs");
                // It may end by itself meanwhile.
                let _ = self.run(&format!("KILL {holder}")).await;
            }
            if self.takes_lock(&name, PREDECESSOR_TIMEOUT).await? {
                return Ok(());
            }
        }
        Err(MoveError::Occupied { id: id.clone(), shard: self.shard.clone() })
    }

    async fn takes_lock(&mut self, name: &str, patience: Duration) -> Result<bool, MoveError> {
        let taken = self.fetch_text(&format!("SELECT GET_LOCK('{name}',{})", patience.as_secs())).await?;
        Ok(taken.as_deref() == Some("1"))
    }

    /// Begins a transaction that writes rows for the move: its journal row stays as it is until the end of it.
    pub async fn begin(&mut self) -> Result<(), MoveError> {
        let Some(Permit { id, side, purpose }) = &self.permit else { return self.run("BEGIN").await.map(drop) };
        let (id, purpose) = (id.clone(), *purpose);
        let look = format!("BEGIN; {}", own::journal::hold(*side, &id));
        match self.fetch_text(&look).await? {
            Some(state) if state != MoveState::Undoing.as_str() || purpose == Purpose::End => Ok(()),
            Some(_) | None => {
                self.run("ROLLBACK").await?;
                Err(MoveError::TakenOver { id, shard: self.shard.clone() })
            }
        }
    }

    /// Gives a session variable a value, in pieces where one packet does not hold it.
    pub async fn set_variable(&mut self, name: &str, value: &[u8]) -> Result<(), MoveError> {
        // The statement around it needs little, and a value may fill a packet to the last byte.
        let (first, rest) = value.split_at(value.len().min(self.piece_bytes));
        self.run_with(format!("SET {name}=?"), first.to_vec()).await?;
        for piece in rest.chunks(self.piece_bytes) {
            self.run_with(format!("SET {name}=CONCAT({name},?)"), piece.to_vec()).await?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        // Beyond max_allowed_packet the server makes it NULL, with no more than a warning.
        let length = self.fetch_text(&format!("SELECT OCTET_LENGTH({name})")).await?;
        match length.and_then(|length| length.parse::<usize>().ok()) == Some(value.len()) {
            true => Ok(()),
            false => Err(MoveError::UnfitServer {
                shard: self.shard.to_string(),
                reason: format!("a value of {} bytes is beyond its max_allowed_packet", value.len()),
                remedy: "SET GLOBAL max_allowed_packet to more, and in its configuration".to_owned(),
            }),
        }
    }

    async fn run_with(&mut self, sql: String, value: Vec<u8>) -> Result<(), MoveError> {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false).bind(value);
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, query.execute(&mut self.inner)).await;
        self.answered(done).map(drop)
    }

    /// The topology that the shard carries.
    pub async fn topology(&mut self) -> Result<Option<Topology>, MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::topology::read(&mut self.inner)).await;
        self.stored(done)
    }

    /// The epoch that the shard carries.
    pub async fn sighting(&mut self) -> Result<Option<Sighting>, MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::topology::look(&mut self.inner)).await;
        self.stored(done)
    }

    /// Brings the shard up to a topology.
    pub async fn catch_up(&mut self, topology: &Topology) -> Result<(), MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::topology::catch_up(&mut self.inner, topology)).await;
        self.stored(done)
    }

    /// [`own::topology::replace`], within the transaction if one is open.
    pub async fn replace_topology(&mut self, topology: &Topology) -> Result<bool, MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::topology::replace(&mut self.inner, topology)).await;
        self.stored(done)
    }

    /// [`own::journal::forbid_switch`].
    pub async fn forbid_switch(&mut self, id: &MoveId) -> Result<Option<Topology>, MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::journal::forbid_switch(&mut self.inner, id)).await;
        self.stored(done)
    }

    /// [`own::schema::create_schema`].
    pub async fn create_own_schema(&mut self) -> Result<(), MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, own::schema::create_schema(&mut self.inner)).await;
        self.stored(done.map(|made| made.map_err(StoreError::from)))
    }

    fn stored<T>(&mut self, outcome: Result<Result<T, StoreError>, Elapsed>) -> Result<T, MoveError> {
        match outcome {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => Err(ClusterError::Store { shard: self.shard.clone(), source }.into()),
            Err(elapsed) => self.answered(Err(elapsed)),
        }
    }

    /// To be called before locks are taken that others wait for: if this process stands still or is cut off while it has
    /// them, the server ends the session after three seconds, and the locks with it.
    pub async fn hold_locks(&mut self) -> Result<(), MoveError> {
        self.run("SET SESSION wait_timeout=3").await.map(drop)
    }

    /// The locks are given back.
    pub async fn holds_no_locks(&mut self) -> Result<(), MoveError> {
        self.run(IDLE).await.map(drop)
    }

    /// How long answers are waited for from now on.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    fn check_answers(&self) -> Result<(), MoveError> {
        match self.is_silent {
            true => Err(MoveError::Silent(self.shard.clone())),
            false => Ok(()),
        }
    }

    fn answered<T>(&mut self, outcome: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, MoveError> {
        match outcome {
            Ok(answer) => answer.map_err(|source| self.failed(source)),
            Err(_) => {
                self.is_silent = true;
                Err(MoveError::Silent(self.shard.clone()))
            }
        }
    }

    /// Runs a statement that may have to wait for a lock, but not for longer than `wait`; `false` if it did not get it.
    ///
    /// Servers know such limits in whole seconds only, and whoever comes later waits behind it as well.
    pub async fn run_within(&mut self, sql: &str, wait: Duration) -> Result<bool, MoveError> {
        // Opened before it is needed: nobody is to wait for that, too.
        let mut killer = self.cluster.connect(&self.shard).await?;
        let number = self.number;
        let outcome = {
            let running = self.run(sql);
            tokio::pin!(running);
            match tokio::time::timeout(wait, &mut running).await {
                Ok(outcome) => return outcome.map(|_| true),
                Err(_) => {
                    let kill = format!("KILL QUERY {number}");
                    // If the statement has just ended, there is nothing to end.
                    let _ = mysql::within(KILL_PATIENCE, killer.execute(sqlx::raw_sql(AssertSqlSafe(kill)))).await;
                    running.await
                }
            }
        };
        match outcome {
            Ok(_) => {
                // The end meant for it may still come to the next statement.
                let _ = self.run("DO 0").await;
                Ok(true)
            }
            Err(error) if error_number(&error) == Some(er::QUERY_INTERRUPTED) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs one or more statements and returns the affected rows.
    pub async fn run(&mut self, sql: &str) -> Result<u64, MoveError> {
        self.check_answers()?;
        let done = tokio::time::timeout(self.patience, self.inner.execute(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
        Ok(self.answered(done)?.rows_affected())
    }

    pub async fn fetch(&mut self, sql: &str) -> Result<Vec<Cells>, MoveError> {
        self.check_answers()?;
        let rows = tokio::time::timeout(self.patience, self.inner.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
        let rows = self.answered(rows)?;
        rows.iter().map(cells).collect::<Result<_, _>>().map_err(|source| self.failed(source))
    }

    /// Hands the rows on as they come, so that they must fit into memory: nobody waits for whoever takes them.
    pub async fn fetch_into(&mut self, sql: &str, rows: mpsc::UnboundedSender<Cells>) -> Result<(), MoveError> {
        self.check_answers()?;
        let reading = async {
            let mut answer = self.inner.fetch(sqlx::raw_sql(AssertSqlSafe(sql)));
            while let Some(row) = answer.try_next().await? {
                // An answer is read to its end even if nobody wants it any more.
                let _ = rows.send(cells(&row)?);
            }
            Ok(())
        };
        let read = tokio::time::timeout(self.patience, reading).await;
        self.answered(read)
    }

    /// The first cell of the first row as text.
    pub async fn fetch_text(&mut self, sql: &str) -> Result<Option<String>, MoveError> {
        let rows = self.fetch(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten().map(into_text))
    }

    /// The first column as text.
    pub async fn fetch_texts(&mut self, sql: &str) -> Result<Vec<String>, MoveError> {
        let rows = self.fetch(sql).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).map(into_text).collect())
    }

    /// Whether a connection of this server is this one or holds the scaler's lease.
    pub fn is_needed(&self, number: u64) -> bool {
        let holds_lease =
            self.cluster.topology().home().id == self.shard && self.cluster.lease_connection() == Some(number);
        number == self.number || holds_lease
    }

    /// Brings everything committed to the server's disk, where its settings do not at each commit.
    pub async fn flush_log(&mut self) -> Result<(), MoveError> {
        let at_commit = self.fetch_text("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit").await?;
        if at_commit.as_deref() != Some("1") {
            self.run("FLUSH ENGINE LOGS").await?;
        }
        Ok(())
    }

    /// The tables of the shard.
    pub async fn load_schema(&mut self, layout: &Layout) -> Result<Schema, MoveError> {
        self.check_answers()?;
        match tokio::time::timeout(self.patience, load::load(&mut self.inner, layout)).await {
            Ok(schema) => schema.map_err(|source| MoveError::Schema { shard: self.shard.clone(), source }),
            Err(elapsed) => self.answered(Err(elapsed)),
        }
    }

    /// The foreign keys whose rows may come to lie on different shards.
    pub async fn crossing_keys(&mut self, layout: &Layout) -> Result<Vec<Crossing>, MoveError> {
        self.check_answers()?;
        let keys = tokio::time::timeout(self.patience, foreign_keys::crossing(&mut self.inner, layout)).await;
        self.answered(keys)
    }

    pub fn failed(&self, source: sqlx::Error) -> MoveError {
        MoveError::Database { shard: self.shard.clone(), source }
    }
}

fn cells(row: &MySqlRow) -> Result<Cells, sqlx::Error> {
    (0..row.len()).map(|i| Ok(row.try_get_unchecked::<Option<&[u8]>, _>(i)?.map(<[u8]>::to_vec))).collect()
}

/// The first cells of a row as texts, NULL as an empty one.
pub(crate) fn texts<const N: usize>(row: Cells) -> [String; N] {
    let mut cells = row.into_iter();
    std::array::from_fn(|_| cells.next().flatten().map(into_text).unwrap_or_default())
}

pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The shard could not be reached, or stopped answering.
pub(crate) fn is_away(error: &MoveError) -> bool {
    match error {
        MoveError::Database { source, .. } => source.as_database_error().is_none(),
        MoveError::Silent(_) => true,
        MoveError::Cluster(ClusterError::Connect { .. } | ClusterError::ConnectTimeout(_)) => true,
        _ => false,
    }
}

/// Another transaction has the lock: MariaDB calls it a timeout also for NOWAIT, MySQL has another number for that.
pub(crate) fn is_locked(error: &MoveError) -> bool {
    matches!(error_number(error), Some(er::LOCK_WAIT_TIMEOUT | er::LOCK_NOWAIT))
}

/// A deadlock, a lock not given in time, or a row changed meanwhile: the same work may succeed next time.
pub(crate) fn is_transient(error: &MoveError) -> bool {
    is_locked(error) || matches!(error_number(error), Some(er::LOCK_DEADLOCK | er::CHECKREAD))
}

pub(crate) fn is_duplicate(error: &MoveError) -> bool {
    error_number(error) == Some(er::DUP_ENTRY)
}

pub(crate) fn error_number(error: &MoveError) -> Option<u16> {
    match error {
        MoveError::Database { source, .. } => errno(source),
        _ => None,
    }
}
