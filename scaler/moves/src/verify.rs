//! Proof that the target has what the source has, while both are written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyspace::schema::quote;
use tokio::time::Instant;

use crate::changes::{Changes, Touched};
use crate::connection::Connection;
use crate::error::MoveError;
use crate::pace::Pace;
use crate::reach::reach;
use crate::table::{Key, MovedTable};

/// Rows per comparison: small enough to look at one by one when they differ.
const RANGE_ROWS: u32 = 5_000;
/// The same for rows with long values: what a server reads within a second or two.
const RANGE_BYTES: usize = 256 << 20;
/// Keys per comparison of single rows.
const KEYS: usize = 500;

type Digests = BTreeMap<Key, Option<Vec<u8>>>;

/// Rows that are not the same on both sides although nothing is left to be replayed.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub keys: Vec<Key>,
}

/// Compares all moving rows of one table, over all columns. A difference counts only if it stays after all
/// changes are replayed and the source's row stood still meanwhile.
pub(crate) async fn verify(
    source: &mut Connection,
    target: &mut Connection,
    changes: &mut Changes,
    tables: &[MovedTable],
    table: &MovedTable,
    pace: &mut Pace,
) -> Result<Option<Difference>, MoveError> {
    let mut last_key: Option<Key> = None;
    loop {
        let started = Instant::now();
        let bound = range_end(source, table, last_key.as_deref()).await?;
        let after = last_key.as_ref().map(|key| table.key_after(key));
        let up_to = bound.as_ref().map(|key| table.key_up_to(key));
        let conditions: Vec<String> = after.into_iter().chain(up_to).chain([table.moving_test()]).collect();
        let range = conditions.join(" AND ");
        if summary(source, table, &range).await? != summary(target, table, &range).await? {
            let (here, there) = (digests(source, table, &range).await?, digests(target, table, &range).await?);
            let lasting = settle(source, target, changes, tables, table, differing(&here, &there)).await?;
            if lasting.is_some() {
                return Ok(lasting);
            }
        }
        match bound {
            Some(key) => last_key = Some(key),
            None => return Ok(None),
        }
        pace.rest(started.elapsed()).await;
    }
}

/// Compares rows that were written since they were compared last. What is equal is taken off the list; what differs
/// stays, since a change of it may be on its way.
pub(crate) async fn verify_touched(
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
    touched: &mut Touched,
) -> Result<(), MoveError> {
    for (&place, keys) in touched.iter_mut() {
        let table = &tables[place];
        for some in keys.iter().cloned().collect::<Vec<Key>>().chunks(KEYS) {
            let range = format!("{} AND {}", table.key_among(some.iter()), table.moving_test());
            let (here, there) = (digests(source, table, &range).await?, digests(target, table, &range).await?);
            some.iter().for_each(|key| _ = keys.remove(key));
            // As the rows have them: a logged key may have other bytes than that of the row which the server finds by it.
            keys.extend(differing(&here, &there));
        }
    }
    touched.retain(|_, keys| !keys.is_empty());
    Ok(())
}

/// The key that ends the next range; `None` if the rest of the table is one range.
async fn range_end(
    source: &mut Connection,
    table: &MovedTable,
    last_key: Option<&[String]>,
) -> Result<Option<Key>, MoveError> {
    if let Some(long_bytes) = table.long_bytes() {
        let reach = reach(source, table, &long_bytes, last_key, RANGE_ROWS, RANGE_BYTES).await?;
        return Ok(reach.filter(|reach| !reach.is_end).map(|reach| reach.last));
    }
    let after = last_key.map(|key| format!("WHERE {}", table.key_after(key))).unwrap_or_default();
    let sql = format!(
        "SELECT {} FROM {} FORCE INDEX(PRIMARY) {after} ORDER BY {} LIMIT 1 OFFSET {}",
        table.key_select(),
        quote(&table.name),
        table.order(),
        RANGE_ROWS - 1
    );
    Ok(source.fetch(&sql).await?.first().map(|cells| table.key_literals(cells)))
}

async fn summary(
    connection: &mut Connection,
    table: &MovedTable,
    range: &str,
) -> Result<Vec<crate::rows::Cells>, MoveError> {
    let digest = table.digest();
    let name = quote(&table.name);
    connection.fetch(&format!("SELECT COUNT(*),SUM({digest}),BIT_XOR({digest}) FROM {name} WHERE {range}")).await
}

async fn digests(connection: &mut Connection, table: &MovedTable, range: &str) -> Result<Digests, MoveError> {
    let sql = format!("SELECT {},{} FROM {} WHERE {range}", table.key_select(), table.digest(), quote(&table.name));
    let rows = connection.fetch(&sql).await?;
    Ok(rows.into_iter().map(|mut cells| (table.key_literals(&cells), cells.pop().flatten())).collect())
}

/// The keys of rows that only one side has, or both with other values.
fn differing(here: &Digests, there: &Digests) -> BTreeSet<Key> {
    let missing = there.keys().filter(|key| !here.contains_key(*key));
    here.iter()
        .filter(|(key, digest)| there.get(*key) != Some(digest))
        .map(|(key, _)| key)
        .chain(missing)
        .cloned()
        .collect()
}

/// Looks again at rows that differed.
async fn settle(
    source: &mut Connection,
    target: &mut Connection,
    changes: &mut Changes,
    tables: &[MovedTable],
    table: &MovedTable,
    mut suspects: BTreeSet<Key>,
) -> Result<Option<Difference>, MoveError> {
    /// A row that moves in each of so many looks is compared again when its last change is replayed.
    const ROUNDS: u32 = 10;
    let mut lasting = Vec::new();
    for round in 0..ROUNDS {
        if suspects.is_empty() {
            return Ok(None);
        }
        if round > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let range = format!("{} AND {}", table.key_among(suspects.iter()), table.moving_test());
        let before = digests(source, table, &range).await?;
        changes.catch_up(source, target, tables).await?;
        let there = digests(target, table, &range).await?;
        let after = digests(source, table, &range).await?;
        // Not what is left of the suspects: the server also finds rows whose keys are equal to theirs and have other
        // bytes, as a row's own key may have by now.
        let (moved, differs) = (differing(&before, &after), differing(&after, &there));
        lasting = differs.difference(&moved).cloned().collect();
        suspects = differs.union(&moved).cloned().collect();
    }
    Ok((!lasting.is_empty()).then_some(Difference { keys: lasting }))
}
