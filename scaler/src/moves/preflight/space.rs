//! Whether rows that would move fit on the target's disk.

use router::schema::{Schema, TableKind};
use router::topology::ShardId;

use super::super::MoveError;
use super::super::connection::Connection;
use super::texts;

/// Bytes of one table on the source, indexes and all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Size {
    kind: TableKind,
    bytes: u64,
}

/// Refuses a move for which the target's disk is too small. `share` (0–1) is the part of the source's slots that would
/// move; `free_bytes` is what the target has, `None` where nobody knows, which refuses nothing.
///
/// Sizes are the engine's estimates.
pub(in super::super) async fn check_space(
    source: &mut Connection,
    target: &ShardId,
    schema: &Schema,
    share: f64,
    free_bytes: Option<u64>,
) -> Result<(), MoveError> {
    let Some(free_bytes) = free_bytes else { return Ok(()) };
    let question = "SELECT CAST(TABLE_NAME AS CHAR),CAST(COALESCE(DATA_LENGTH,0)+COALESCE(INDEX_LENGTH,0) AS CHAR) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE'";
    let mut sizes = Vec::new();
    for row in source.fetch(question).await? {
        let [name, bytes] = texts(row);
        if let Some(table) = schema.table(&name) {
            sizes.push(Size { kind: table.kind.clone(), bytes: bytes.parse().unwrap_or_default() });
        }
    }
    let moving_bytes = plan_moving_bytes(&sizes, share);
    match needed_bytes(moving_bytes) > free_bytes {
        false => Ok(()),
        true => Err(MoveError::UnfitServer {
            shard: target.to_string(),
            reason: format!(
                "it has {} MiB free, and about {} MiB of rows would come from {}",
                free_bytes >> 20,
                moving_bytes >> 20,
                source.shard
            ),
            remedy: format!("give it {} MiB, or move fewer slots", needed_bytes(moving_bytes) >> 20),
        }),
    }
}

/// How many bytes would move, by the source's own sizes. Reference tables count whole: a newcomer gets them.
fn plan_moving_bytes(sizes: &[Size], share: f64) -> u64 {
    let of_table = |size: &Size| match size.kind {
        TableKind::Sharded { .. } => (size.bytes as f64 * share.clamp(0.0, 1.0)).ceil() as u64,
        TableKind::Reference => size.bytes,
        TableKind::Unsharded | TableKind::Unusable { .. } | TableKind::View => 0,
    };
    sizes.iter().map(of_table).sum()
}

/// Half as much again: index pages that are filled out of order stay partly empty, and everything that is written
/// passes the server's logs, too.
fn needed_bytes(moving_bytes: u64) -> u64 {
    moving_bytes.saturating_add(moving_bytes / 2)
}

#[cfg(test)]
mod tests {
    use router::keys::KeyType;

    use super::*;

    #[test]
    fn sharded_tables_count_by_the_share_that_moves_and_reference_tables_whole() {
        let size = |kind, bytes| Size { kind, bytes };
        let sharded = TableKind::Sharded { key: "id".to_owned(), key_type: KeyType::Integer };
        let sizes = [size(sharded, 1_000), size(TableKind::Reference, 10), size(TableKind::Unsharded, 5_000)];
        assert_eq!(plan_moving_bytes(&sizes, 0.5), 510);
        assert_eq!(plan_moving_bytes(&sizes, 0.0), 10);
        assert_eq!(plan_moving_bytes(&sizes, f64::NAN), 10);
        assert_eq!(needed_bytes(510), 765);
    }
}
