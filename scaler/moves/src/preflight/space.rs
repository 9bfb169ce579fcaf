//! Whether rows that would move fit on the target's disk.

use keyspace::schema::{Schema, TableKind};
use keyspace::topology::ShardId;

use crate::connection::Connection;
use crate::connection::texts;
use crate::error::MoveError;

/// Bytes of one table on the source, indexes and all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Size {
    table: String,
    kind: TableKind,
    bytes: u64,
}

/// Refuses a move for which the target's disk is too small. `share` (0–1) is the part of the source's slots that would
/// move; `free_bytes` is what the target has, `None` where nobody knows, which refuses nothing. What the move needs is
/// taken off it, for the next one to the same target.
///
/// Sizes are the engine's estimates.
pub(crate) async fn check_space(
    source: &mut Connection,
    target: &ShardId,
    schema: &Schema,
    share: f64,
    free_bytes: Option<&mut u64>,
) -> Result<(), MoveError> {
    let Some(free_bytes) = free_bytes else { return Ok(()) };
    let question = "SELECT CAST(TABLE_NAME AS CHAR),CAST(COALESCE(DATA_LENGTH,0)+COALESCE(INDEX_LENGTH,0) AS CHAR) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE'";
    let mut sizes = Vec::new();
    for row in source.fetch(question).await? {
        let [name, bytes] = texts(row);
        if let Some(table) = schema.table(&name) {
            sizes.push(Size { table: name, kind: table.kind.clone(), bytes: bytes.parse().unwrap_or_default() });
        }
    }
    let moving = plan_moving_bytes(sizes, share);
    let moving_bytes = moving.iter().map(|size| size.bytes).sum();
    match (free_bytes.checked_sub(needed_bytes(moving_bytes)), moving.first()) {
        (Some(left), _) => *free_bytes = left,
        (None, None) => {}
        (None, Some(largest)) => {
            return Err(MoveError::UnfitServer {
                shard: target.to_string(),
                reason: format!(
                    "it has {} MiB free, and about {} MiB of rows would come from {}, {} MiB of them of table `{}`",
                    *free_bytes >> 20,
                    moving_bytes >> 20,
                    source.shard,
                    largest.bytes >> 20,
                    largest.table
                ),
                remedy: format!("give it {} MiB, or move fewer slots", needed_bytes(moving_bytes).div_ceil(1 << 20)),
            });
        }
    }
    Ok(())
}

/// How many bytes of each table would move, by the source's own sizes, the largest first. Reference tables count whole: a
/// newcomer gets them.
fn plan_moving_bytes(sizes: Vec<Size>, share: f64) -> Vec<Size> {
    let of_table = |size: Size| match size.kind {
        TableKind::Sharded { .. } => {
            let bytes = (size.bytes as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
            Some(Size { bytes, ..size })
        }
        TableKind::Reference => Some(size),
        TableKind::Unsharded | TableKind::Unusable { .. } | TableKind::View => None,
    };
    let mut moving: Vec<Size> = sizes.into_iter().filter_map(of_table).collect();
    moving.sort_by_key(|size| std::cmp::Reverse(size.bytes));
    moving
}

/// Half as much again: index pages that are filled out of order stay partly empty, and everything that is written
/// passes the server's logs, too.
fn needed_bytes(moving_bytes: u64) -> u64 {
    moving_bytes.saturating_add(moving_bytes / 2)
}

#[cfg(test)]
mod tests {
    use keyspace::keys::KeyType;

    use super::*;

    #[test]
    fn sharded_tables_count_by_the_share_that_moves_and_reference_tables_whole() {
        let size = |table: &str, kind, bytes| Size { table: table.to_owned(), kind, bytes };
        let sharded = || TableKind::Sharded { key: "id".to_owned(), key_type: KeyType::Integer };
        let moving = |share| {
            let sizes = vec![
                size("countries", TableKind::Reference, 10),
                size("orders", sharded(), 1_000),
                size("notes", TableKind::Unsharded, 5_000),
            ];
            let planned = plan_moving_bytes(sizes, share).into_iter().map(|size| (size.table, size.bytes));
            planned.collect::<Vec<_>>()
        };
        let expected = |list: [(&str, u64); 2]| list.map(|(table, bytes)| (table.to_owned(), bytes));
        assert_eq!(moving(0.5), expected([("orders", 500), ("countries", 10)]));
        assert_eq!(moving(0.0), expected([("countries", 10), ("orders", 0)]));
        assert_eq!(moving(f64::NAN), expected([("countries", 10), ("orders", 0)]));
        assert_eq!(needed_bytes(510), 765);
    }
}
