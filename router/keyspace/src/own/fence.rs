//! Fences, in `_autoscaler.fence`: each move that leaves a shard has one, which is up once its slots have switched.
//!
//! Whoever writes rows that are leaving holds the fence with a shared lock until its transaction ends, so that the cutover,
//! which raises it, waits. Fences are numbered `1..=MOST_FENCES` and never deleted.

/// The largest number that a server adds without an error.
const LARGEST_NUMBER: u64 = u64::MAX;

/// What the triggers of a moving table answer a write of rows that have moved, as the message of their SIGNAL.
pub const MOVED: &str = "_autoscaler: slot moved";

/// The statement that holds fences until the transaction ends. It fails with ER_DATA_OUT_OF_RANGE once one of them is up or
/// gone, so that nothing that follows in the same packet is run.
pub fn hold(fences: &[u8]) -> String {
    let ids = fences.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "SELECT {LARGEST_NUMBER} + (COUNT(*) <> {} OR SUM(fenced <> 0) <> 0) FROM _autoscaler.fence \
         WHERE id IN ({ids}) LOCK IN SHARE MODE",
        fences.len()
    )
}

/// The statement by which a cutover waits for whoever holds the fence, keeps others from it until its transaction ends,
/// and reads whether it is up.
pub fn take(fence: u8) -> String {
    format!("SELECT fenced FROM _autoscaler.fence WHERE id={fence} FOR UPDATE")
}

/// The statement that raises a fence which the transaction has taken.
pub fn raise(fence: u8) -> String {
    format!("UPDATE _autoscaler.fence SET fenced=1 WHERE id={fence}")
}

/// The statement that lowers a fence: only once the triggers are gone, which look at it.
pub fn lower(fence: u8) -> String {
    format!("UPDATE _autoscaler.fence SET fenced=0 WHERE id={fence}")
}

/// The statement that reads the numbers of all fences that are up, as texts.
pub const RAISED: &str = "SELECT CAST(id AS CHAR) FROM _autoscaler.fence WHERE fenced<>0 ORDER BY id";
