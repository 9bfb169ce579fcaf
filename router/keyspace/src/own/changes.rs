//! The tables that a move has on its source: changes that its triggers log, and rows that it keeps for people.

use crate::literal::quote_text;
use crate::schema::quote;

/// How the names of change tables begin.
pub const PREFIX: &str = "ch_";

/// The change table of a move's table, which is told by its place among them.
pub fn table(label: &str, place: usize) -> String {
    format!("_autoscaler.{PREFIX}{label}_{place}")
}

/// The table with the target's version of rows that differ from the source's.
pub fn kept(label: &str, place: usize) -> String {
    format!("_autoscaler.kept_{label}_{place}")
}

/// The statement that reads the names of all change tables that begin with `prefix`.
pub fn names(prefix: &str) -> String {
    format!(
        "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA='_autoscaler' AND LEFT(TABLE_NAME,{})={}",
        prefix.len(),
        quote_text(prefix)
    )
}

/// The statement that drops tables of these names, where they are there.
pub fn drop(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("_autoscaler.{}", quote(name))).collect();
    format!("DROP TABLE IF EXISTS {}", names.join(","))
}

/// The statement that reads the span of the numbers of a change table's changes. Those deleted in the middle count too, so
/// it is the most that can wait.
pub fn span(name: &str) -> String {
    format!("SELECT CAST(COALESCE(MAX(seq) - MIN(seq) + 1, 0) AS CHAR) FROM _autoscaler.{}", quote(name))
}
