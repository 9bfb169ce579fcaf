//! Rows of a move deleted from one side.

use keyspace::faults::Faults;
use tokio::time::Instant;

use crate::connection::{Connection, is_transient};
use crate::error::MoveError;
use crate::faults::Point;
use crate::pace::Pace;
use crate::reach::next_rows;
use crate::table::{Key, MovedTable};

/// Deletes all rows of the move from one side, by key and in small transactions. Returns how many there were.
///
/// `after_batch` is told of each batch.
pub(crate) async fn delete_moving_rows(
    connection: &mut Connection,
    table: &MovedTable,
    pace: &mut Pace,
    faults: Option<&Faults<Point>>,
    after_batch: &mut (dyn FnMut(u64, &mut Pace) + Send),
) -> Result<u64, MoveError> {
    let (mut deleted, mut last_key) = (0, None);
    let mut size = pace.delete_size();
    loop {
        let started = Instant::now();
        let limit = size.rows();
        let keys = connection.fetch(&next_rows(table, &table.key_select(), last_key.as_deref(), limit)).await?;
        let keys: Vec<Key> = keys.iter().map(|cells| table.key_literals(cells)).collect();
        if !keys.is_empty() {
            connection.begin().await?;
            match connection.run(&format!("{}COMMIT", table.delete_by_keys(keys.iter()))).await {
                Ok(count) => {
                    deleted += count;
                    after_batch(count, pace);
                    if let Some(faults) = faults {
                        faults.reach(Point::BatchDeleted).await;
                    }
                }
                Err(error) if is_transient(&error) => {
                    connection.run("ROLLBACK").await?;
                    size.halve();
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        if keys.len() < limit as usize {
            return Ok(deleted);
        }
        size.adapt(keys.len(), 0, started.elapsed());
        last_key = keys.into_iter().next_back();
        pace.rest(started.elapsed()).await;
    }
}
