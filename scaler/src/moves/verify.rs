//! Proof that the target has what the source has, while both are written.

use std::collections::BTreeMap;

use router::schema::quote;

use super::MoveError;
use super::changes::catch_up;
use super::connection::Connection;
use super::table::MovedTable;

/// Rows per comparison: small enough to look at one by one when they differ.
const RANGE_ROWS: u32 = 5_000;

type Digests = BTreeMap<Vec<String>, Option<Vec<u8>>>;

/// Compares all moving rows of one table, over all columns. A difference counts only if it stays after all
/// changes are replayed and the source's row stood still meanwhile.
pub(super) async fn verify(
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
    table: &MovedTable,
) -> Result<(), MoveError> {
    let mut last_key: Option<Vec<String>> = None;
    loop {
        let bound = range_end(source, table, last_key.as_deref()).await?;
        let after = last_key.as_ref().map(|key| table.key_after(key));
        let up_to = bound.as_ref().map(|key| table.key_up_to(key));
        let conditions: Vec<String> = after.into_iter().chain(up_to).chain([table.moving_test()]).collect();
        let range = conditions.join(" AND ");
        if summary(source, table, &range).await? != summary(target, table, &range).await? {
            let (here, there) = (digests(source, table, &range).await?, digests(target, table, &range).await?);
            settle(source, target, tables, table, differing(&here, &there)).await?;
        }
        match bound {
            Some(key) => last_key = Some(key),
            None => return Ok(()),
        }
    }
}

/// The key that ends the next range; `None` if the rest of the table is one range.
async fn range_end(
    source: &mut Connection,
    table: &MovedTable,
    last_key: Option<&[String]>,
) -> Result<Option<Vec<String>>, MoveError> {
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
) -> Result<Vec<super::connection::Cells>, MoveError> {
    let digest = table.digest();
    let name = quote(&table.name);
    connection.fetch(&format!("SELECT COUNT(*),SUM({digest}),BIT_XOR({digest}) FROM {name} WHERE {range}")).await
}

async fn digests(connection: &mut Connection, table: &MovedTable, range: &str) -> Result<Digests, MoveError> {
    let sql = format!("SELECT {},{} FROM {} WHERE {range}", table.key_select(), table.digest(), quote(&table.name));
    let rows = connection.fetch(&sql).await?;
    Ok(rows.into_iter().map(|mut cells| (table.key_literals(&cells), cells.pop().flatten())).collect())
}

fn differing(here: &Digests, there: &Digests) -> Vec<Vec<String>> {
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
    tables: &[MovedTable],
    table: &MovedTable,
    mut suspects: Vec<Vec<String>>,
) -> Result<(), MoveError> {
    /// A row that moves in each of so many looks is left to the replay that will follow its last change.
    const ROUNDS: u32 = 10;
    let mut lasting = Vec::new();
    for _ in 0..ROUNDS {
        if suspects.is_empty() {
            return Ok(());
        }
        let range = format!("{} AND {}", table.key_among(suspects.iter()), table.moving_test());
        let before = digests(source, table, &range).await?;
        catch_up(source, target, tables).await?;
        let there = digests(target, table, &range).await?;
        let after = digests(source, table, &range).await?;
        let stood_still = |key: &Vec<String>| before.get(key) == after.get(key);
        let differs = differing(&after, &there);
        suspects.retain(|key| !stood_still(key) || differs.contains(key));
        lasting = suspects.iter().filter(|key| stood_still(key)).cloned().collect();
    }
    match lasting.is_empty() {
        true => Ok(()),
        false => Err(MoveError::RowsDiffer {
            table: table.name.clone(),
            rows: lasting.len(),
            first_key: lasting[0].join(","),
        }),
    }
}
