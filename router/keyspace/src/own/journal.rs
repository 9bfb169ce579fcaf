//! What both shards know of a move, in `_autoscaler.moves` on its source and `_autoscaler.incoming_moves` on its target.

use serde::Serialize;
use sqlx::mysql::MySqlConnection;

use super::schema::is_absent;
use super::topology::{StoreError, read};
use crate::literal::quote_text;
use crate::topology::{MoveId, Topology};

/// How far one move is.
///
/// ```text
/// Preparing ─▶ Copying ─▶ Verifying ─▶ CatchingUp ─▶ CuttingOver ══▶ Switched ─▶ CleaningUp ─▶ Done
///     └───────────┴───────────┴────────────┴──────────────┴──▶ Undoing ─▶ Undone
/// ```
/// The double line is the point of no return: before it a failure undoes everything, after it the move is
/// repeated until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveState {
    Preparing,
    Copying,
    Verifying,
    CatchingUp,
    CuttingOver,
    Switched,
    CleaningUp,
    Done,
    Undoing,
    Undone,
}

impl MoveState {
    pub const ALL: [MoveState; 10] = [
        MoveState::Preparing,
        MoveState::Copying,
        MoveState::Verifying,
        MoveState::CatchingUp,
        MoveState::CuttingOver,
        MoveState::Switched,
        MoveState::CleaningUp,
        MoveState::Done,
        MoveState::Undoing,
        MoveState::Undone,
    ];

    /// As the journal has it.
    pub fn as_str(self) -> &'static str {
        match self {
            MoveState::Preparing => "Preparing",
            MoveState::Copying => "Copying",
            MoveState::Verifying => "Verifying",
            MoveState::CatchingUp => "CatchingUp",
            MoveState::CuttingOver => "CuttingOver",
            MoveState::Switched => "Switched",
            MoveState::CleaningUp => "CleaningUp",
            MoveState::Done => "Done",
            MoveState::Undoing => "Undoing",
            MoveState::Undone => "Undone",
        }
    }
}

/// Which end of a move a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

impl Side {
    /// The shard's journal of such moves.
    fn table(self) -> &'static str {
        match self {
            Side::Source => "_autoscaler.moves",
            Side::Target => "_autoscaler.incoming_moves",
        }
    }
}

/// The statement that writes a move down.
pub fn open(side: Side, id: &MoveId, doc: &str) -> String {
    let (table, state, doc) = (side.table(), MoveState::Preparing.as_str(), quote_text(doc));
    format!("REPLACE INTO {table} (id,state,doc) VALUES ('{id}','{state}',{doc})")
}

/// The statement by which a move enters a state on its source. It changes no row if another scaler undoes the move.
pub fn enter(id: &MoveId, state: MoveState) -> String {
    let (table, state, undoing) = (Side::Source.table(), state.as_str(), MoveState::Undoing.as_str());
    format!("UPDATE {table} SET state='{state}' WHERE id='{id}' AND state<>'{undoing}'")
}

/// The statement by which a move switches, within the cutover's transaction. It changes no row if somebody forbade that.
pub fn switch(id: &MoveId) -> String {
    let (table, from, to) = (Side::Source.table(), MoveState::CuttingOver.as_str(), MoveState::Switched.as_str());
    format!("UPDATE {table} SET state='{to}' WHERE id='{id}' AND state='{from}'")
}

/// The statement on a target behind which only whoever undoes the move writes its rows. It waits for a write that is under
/// way.
pub fn forbid_copying(id: &MoveId) -> String {
    format!("UPDATE {} SET state='{}' WHERE id='{id}'", Side::Target.table(), MoveState::Undoing.as_str())
}

/// The statement that reads a move's state and keeps others from changing it until the transaction ends.
pub fn hold(side: Side, id: &MoveId) -> String {
    format!("SELECT state FROM {} WHERE id='{id}' LOCK IN SHARE MODE", side.table())
}

/// The lock that a mover holds on a shard for as long as it works at a move there.
pub fn lock_name(side: Side, id: &MoveId) -> String {
    match side {
        Side::Source => format!("_autoscaler.{id}.Source"),
        Side::Target => format!("_autoscaler.{id}.Target"),
    }
}

/// The statement that forgets a move.
pub fn forget(side: Side, id: &str) -> String {
    format!("DELETE FROM {} WHERE id={}", side.table(), quote_text(id))
}

/// The statement that reads the documents of all moves.
pub fn docs(side: Side) -> String {
    format!("SELECT doc FROM {}", side.table())
}

/// The statement that reads the names of all moves.
pub fn ids(side: Side) -> String {
    format!("SELECT id FROM {} ORDER BY id", side.table())
}

/// The statement that records how far a table is copied: to the row with this key, as SQL; none yet if it is empty.
pub fn note_position(id: &MoveId, table_name: &str, last_key: &str, done: bool) -> String {
    format!(
        "REPLACE INTO _autoscaler.move_positions (id,table_name,last_key,done) VALUES ('{id}',{},{},{})",
        quote_text(table_name),
        quote_text(last_key),
        u8::from(done)
    )
}

/// The statement that forgets how far a move's tables are copied.
pub fn forget_positions(id: &str) -> String {
    format!("DELETE FROM _autoscaler.move_positions WHERE id={}", quote_text(id))
}

/// The statement that reads the names of moves whose tables are copied to some point.
pub const IDS_WITH_POSITIONS: &str = "SELECT DISTINCT id FROM _autoscaler.move_positions ORDER BY id";

/// Makes sure that a move never switches unless it has already, and returns the topology that its source carries then.
///
/// The cutover sets the same row in the transaction that writes the switch, so one of the two comes first. Waits for
/// a cutover whose commit is under way.
pub async fn forbid_switch(connection: &mut MySqlConnection, id: &MoveId) -> Result<Option<Topology>, StoreError> {
    let statement = "UPDATE _autoscaler.moves SET state = ? WHERE id = ? AND state NOT IN ('Switched','CleaningUp')";
    match sqlx::query(statement).bind(MoveState::Undoing.as_str()).bind(id.as_str()).execute(&mut *connection).await {
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    read(connection).await
}
