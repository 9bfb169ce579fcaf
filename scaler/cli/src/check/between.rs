//! What only several shards together can tell: foreign keys that lead to other shards, copies that differ.

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::errors::chain;
use keyspace::schema::{Layout, Schema, TableKind, quote};
use keyspace::topology::{Shard, ShardId, Topology};
use moves::foreign_keys;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::check::finding::{Finding, Severity};
use crate::check::session::connect;

/// Looks at a difference this often before it counts: copies are written one after another.
const LOOKS: u32 = 4;

/// Thousands of tables take seconds.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(60);
/// Reads a whole reference table.
const SUM_PATIENCE: Duration = Duration::from_secs(600);

/// Foreign keys whose rows may lie on different shards.
pub(super) async fn foreign_keys(shard: &Shard, layout: &Layout, findings: &mut Vec<Finding>) {
    let found = async {
        let mut connection = connect(&shard.endpoint).await?;
        let crossing = foreign_keys::crossing(&mut connection, layout);
        keyspace::mysql::within(SCHEMA_PATIENCE, crossing).await.map_err(|error| chain(&error))
    };
    match found.await {
        Ok(keys) => findings.extend(keys.into_iter().map(|key| {
            Finding::new(
                Severity::Warning,
                &key.table,
                format!("foreign key {} leads to rows of {} that may lie on another shard", key.name, key.referred),
                "refer by the sharding keys or to a reference table, or drop it: rows cannot move with it",
            )
        })),
        Err(problem) => tracing::debug!(shard = %shard.id, problem, "foreign keys were not looked at"),
    }
}

/// Reference tables whose rows are not the same everywhere.
pub(super) async fn reference_tables(topology: &Topology, schema: &Schema, findings: &mut Vec<Finding>) {
    let is_copied = |shard: &&Shard| !topology.owned(&shard.id).is_empty() || shard.id == topology.home().id;
    let shards: Vec<&Shard> = topology.shards().iter().filter(is_copied).collect();
    for table in schema.tables().filter(|table| table.kind == TableKind::Reference) {
        let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
        // The sum of row checksums does not depend on the order of rows.
        let question = format!(
            "SELECT CAST(COUNT(*) AS CHAR), CAST(COALESCE(SUM(CRC32(CONCAT_WS('#', {}))), 0) AS CHAR) FROM {}",
            columns.iter().map(|column| format!("COALESCE(HEX({column}), 'NULL')")).collect::<Vec<_>>().join(", "),
            quote(&table.name)
        );
        let mut differing: BTreeMap<ShardId, String> = BTreeMap::new();
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            differing.clear();
            let mut first: Option<String> = None;
            for shard in &shards {
                // One that does not answer has a finding already.
                let Ok(sum) = sum(shard, &question).await else { continue };
                match &first {
                    None => first = Some(sum),
                    Some(first) if *first == sum => {}
                    Some(_) => drop(differing.insert(shard.id.clone(), sum)),
                }
            }
            if differing.is_empty() {
                break;
            }
        }
        findings.extend(differing.into_keys().map(|shard| {
            Finding::new(
                Severity::Error,
                format!("{shard} {}", table.name),
                format!("has other rows than on {}", shards[0].id),
                "a reference table is to be the same everywhere: write to it through the router only, and mend this copy",
            )
        }));
    }
}

async fn sum(shard: &Shard, question: &str) -> Result<String, String> {
    let mut connection = connect(&shard.endpoint).await?;
    let asked = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(question.to_owned())));
    let row = keyspace::mysql::within(SUM_PATIENCE, asked).await;
    let row = row.map_err(|error| chain(&error))?;
    let cell = |index: usize| row.try_get_unchecked::<String, _>(index).map_err(|error| chain(&error));
    Ok(format!("{} {}", cell(0)?, cell(1)?))
}
