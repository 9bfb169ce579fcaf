//! What both shards know of a move, in `_autoscaler.moves` on its source and `_autoscaler.incoming_moves` on its target.

use sqlx::mysql::MySqlConnection;

use super::schema::is_absent;
use super::topology::{StoreError, read};
use crate::topology::{MoveId, Topology};

/// State of a move in its source's journal once it is to be undone: it cannot switch any more.
pub const UNDOING: &str = "Undoing";

/// Makes sure that a move never switches unless it has already, and returns the topology that its source carries then.
///
/// The cutover sets the same row in the transaction that writes the switch, so one of the two comes first. Waits for
/// a cutover whose commit is under way.
pub async fn forbid_switch(connection: &mut MySqlConnection, id: &MoveId) -> Result<Option<Topology>, StoreError> {
    let statement = "UPDATE _autoscaler.moves SET state = ? WHERE id = ? AND state NOT IN ('Switched', 'CleaningUp')";
    match sqlx::query(statement).bind(UNDOING).bind(id.as_str()).execute(&mut *connection).await {
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    read(connection).await
}
