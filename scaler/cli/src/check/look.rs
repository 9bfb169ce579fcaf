//! One look at one shard: privileges, schema, fitness for moves, leftovers.

use std::collections::BTreeSet;
use std::time::Duration;

use keyspace::accounts::Grants;
use keyspace::errors::chain;
use keyspace::mysql::er;
use keyspace::mysql::errno;
use keyspace::schema::{Layout, Schema, Table, UniqueIndex};
use keyspace::topology::{Shard, Topology};
use moves::cluster::Cluster;
use moves::{MoveError, find_unfit};

use crate::check::finding::{Finding, Severity, UNREACHABLE, unreachable};
use crate::check::leftovers::{self, Leftover};
use crate::check::session::{CheckError, ShardSession};

/// Adds everything found on a shard, except where its rows lie. `None` if it cannot be looked at.
pub(super) async fn at_shard(
    cluster: &Cluster,
    shard: &Shard,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) -> Option<Schema> {
    let mut session = match ShardSession::open(cluster, &shard.id).await {
        Ok(session) => session,
        Err(error) => {
            let finding = unreachable(&shard.id, &chain(&error));
            // What is configured as a shard was asked before.
            let is_same = |other: &Finding| other.place == finding.place && other.problem.starts_with(UNREACHABLE);
            if !findings.iter().any(is_same) {
                findings.push(finding);
            }
            return None;
        }
    };
    let looked = look(&mut session, cluster, shard, layout, findings).await;
    looked.map_err(|error| findings.push(not_checked(&shard.id, &error))).ok()
}

/// Says that a shard answers and yet does not tell what is asked.
pub(super) fn not_checked(place: impl ToString, error: &CheckError) -> Finding {
    let remedy = "check the login's privileges: it needs its database, _autoscaler and information_schema";
    Finding::new(Severity::Error, place, format!("cannot be checked: {}", chain(error)), remedy)
}

async fn look(
    session: &mut ShardSession,
    cluster: &Cluster,
    shard: &Shard,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) -> Result<Schema, CheckError> {
    privileges(session, shard, findings).await?;
    let schema = session.load_schema(layout).await?;
    for table in schema.tables() {
        describe_table(shard, layout, table, findings);
    }
    cannot_move(cluster, layout, shard, findings).await;
    let found = leftovers(session, &cluster.topology()).await?;
    findings.extend(found.iter().map(|leftover| leftover.finding(&shard.id)));
    transactions(session, shard, findings).await?;
    Ok(schema)
}

/// What keeps rows from moving, by the very checks that a move begins with.
async fn cannot_move(cluster: &Cluster, layout: &Layout, shard: &Shard, findings: &mut Vec<Finding>) {
    let found = match find_unfit(cluster, layout, &shard.id).await {
        Ok(found) => found,
        Err(error) => {
            let problem = format!("whether its rows can move is not known: {}", chain(&error));
            let remedy = "a move would meet the same error before it changes anything";
            findings.push(Finding::new(Severity::Warning, &shard.id, problem, remedy));
            return;
        }
    };
    for error in found {
        let finding = match error {
            MoveError::Unfit { table, reason, remedy } => {
                Finding::new(Severity::Warning, table, format!("rows of this table cannot move: {reason}"), remedy)
            }
            MoveError::UnfitServer { shard, reason, remedy } => {
                Finding::new(Severity::Warning, shard, format!("its rows cannot move: {reason}"), remedy)
            }
            other => Finding::new(Severity::Warning, &shard.id, format!("its rows cannot move: {other}"), "see there"),
        };
        // A table is the same on every shard.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

fn describe_table(shard: &Shard, layout: &Layout, table: &Table, findings: &mut Vec<Finding>) {
    let place = format!("{} {}", shard.id, table.name);
    let Some((key, _)) = table.shard_key() else { return };
    if table.has_triggers {
        findings.push(Finding::new(
            Severity::Note,
            &place,
            "has triggers of yours: with several shards, what they read and write is on the row's own shard",
            "let them touch rows of the same sharding key only",
        ));
    }
    let lacks_key = |index: &&UniqueIndex| !index.columns.iter().any(|column| column.eq_ignore_ascii_case(key));
    for index in table.unique_indexes.iter().filter(lacks_key) {
        let (problem, remedy) =
            match layout.local_unique_tables.iter().any(|name| name.eq_ignore_ascii_case(&table.name)) {
                true => {
                    ("each shard enforces it for its own rows only, as allow_local_unique says", "add the key to it")
                }
                false => (
                    "with several shards, writes of its values ask all of them",
                    "add the key to it, or name the table in allow_local_unique, if values are unique anyway",
                ),
            };
        findings.push(Finding::new(
            Severity::Note,
            &place,
            format!("its unique index {} lacks the sharding key `{key}`: {problem}", index.name),
            remedy,
        ));
    }
}

/// Tables that the configuration names, and that some shards have and others lack or define otherwise.
pub(super) fn compare_schemas(schemas: &[(&Shard, &Schema)], layout: &Layout, findings: &mut Vec<Finding>) {
    let Some((home, first)) = schemas.first() else { return };
    for table in layout.shard_keys.keys().chain(&layout.reference_tables) {
        if schemas.iter().all(|(_, schema)| schema.table(table).is_none()) {
            let problem = "is in the configuration, but there is no such table";
            findings.push(Finding::new(Severity::Note, table, problem, "create it through the router"));
        }
    }
    let names: BTreeSet<&str> =
        schemas.iter().flat_map(|(_, schema)| schema.tables()).map(|table| table.name.as_str()).collect();
    for name in names {
        let remedy = "make it equal on all shards; CREATE and ALTER through the router reach all of them";
        for (shard, schema) in schemas {
            let problem = match (schema.table(name), first.table(name)) {
                (None, _) => "is missing, though other shards have it".to_owned(),
                (Some(table), Some(reference)) if columns(table) != columns(reference) => {
                    format!("has other columns than on {}", home.id)
                }
                _ => continue,
            };
            findings.push(Finding::new(Severity::Error, format!("{} {name}", shard.id), problem, remedy));
        }
    }
}

/// A table's columns, as far as they must be the same on all shards.
pub(super) fn columns(table: &Table) -> Vec<(&str, &str, Option<&str>, bool)> {
    let columns = table.columns.iter();
    columns.map(|c| (c.name.as_str(), c.column_type.as_str(), c.collation.as_deref(), c.nullable)).collect()
}

/// What the login may not do, of what routing and moving need.
async fn privileges(session: &mut ShardSession, shard: &Shard, findings: &mut Vec<Finding>) -> Result<(), CheckError> {
    const NEEDED: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER"];
    // Moves lock tables to make triggers; reads that no merge answers copy rows into temporary tables.
    const NEEDED_FOR_ROWS: [&str; 2] = ["LOCK TABLES", "CREATE TEMPORARY TABLES"];
    let lines = session.fetch_texts::<1>("SHOW GRANTS").await?;
    let grants = Grants::parse(lines.iter().map(|[line]| line.as_str()));
    let databases =
        [(shard.endpoint.database(), [&NEEDED[..], &NEEDED_FOR_ROWS].concat()), ("_autoscaler", NEEDED.to_vec())];
    for (name, needed) in databases {
        let missing = grants.missing(name, &needed);
        if !missing.is_empty() {
            findings.push(Finding::new(
                Severity::Error,
                &shard.id,
                format!("the login lacks {} on {name}", missing.join(", ")),
                format!("GRANT {} ON `{name}`.* TO it", missing.join(", ")),
            ));
        }
    }
    Ok(())
}

/// What is left of moves that are over.
pub(super) async fn leftovers(session: &mut ShardSession, topology: &Topology) -> Result<Vec<Leftover>, CheckError> {
    let first = leftovers::find_own_objects(session).await?;
    let second = match first.has_probe() {
        true => {
            tokio::time::sleep(PROBE_LASTS).await;
            leftovers::find_own_objects(session).await?
        }
        false => first.clone(),
    };
    Ok(second.leftovers(&first, &session.shard, topology))
}

/// Far longer than a move tries whether triggers can be created.
const PROBE_LASTS: Duration = Duration::from_millis(1_500);

/// Parts of transactions, and changes of the schema, that wait to be finished.
async fn transactions(
    session: &mut ShardSession,
    shard: &Shard,
    findings: &mut Vec<Finding>,
) -> Result<(), CheckError> {
    match session.prepared().await {
        Ok(branches) => findings.extend(branches.into_iter().map(|xid| {
            Finding::new(
                Severity::Warning,
                &shard.id,
                format!(
                    "a part of transaction {} is in doubt; {} knows what became of it",
                    xid.number(),
                    xid.decider()
                ),
                "a running router or scaler brings it to its end within seconds",
            )
        })),
        Err(error) if errno(&error) == Some(er::XAER_RMERR) => findings.push(Finding::new(
            Severity::Error,
            &shard.id,
            "the login may not look for prepared transactions",
            "GRANT XA_RECOVER_ADMIN ON *.* TO it",
        )),
        Err(error) => return Err(session.failed(error)),
    }
    if let Some(change) = session.journal().await? {
        let (problem, remedy) = match &change.stopped {
            Some(why) => (format!("a change of the schema stopped: {why}"), "mend the rows and send it again"),
            None => (
                "a change of the schema is half done".to_owned(),
                "it goes on when its router ends, or another one finishes it within seconds",
            ),
        };
        findings.push(Finding::new(Severity::Warning, &shard.id, format!("{problem} ({})", change.sql), remedy));
    }
    Ok(())
}
