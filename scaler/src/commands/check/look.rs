//! One look at one shard: privileges, topology, schema, placement of every row, leftovers.

use std::collections::BTreeSet;

use router::definitions::read_journal;
use router::schema::{Layout, Schema, Table, TableKind, UniqueIndex, load, quote};
use router::session::{self, errno};
use router::slots::SlotSet;
use router::topology::watch::chain;
use router::topology::{MovePhase, Shard, ShardId, Topology, store};
use router::transaction::recovery;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::{Finding, Severity, unreachable};

/// Adds everything found on a shard.
pub(super) async fn at_shard(
    shard: &Shard,
    topology: &Topology,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) -> Option<Schema> {
    let mut connection = match session::connect(&shard.endpoint).await {
        Ok(connection) => connection,
        Err(error) => {
            let finding = unreachable(&shard.id, &chain(&error));
            if !findings.contains(&finding) {
                findings.push(finding);
            }
            return None;
        }
    };
    match look(&mut connection, shard, topology, layout, findings).await {
        Ok(schema) => Some(schema),
        Err(problem) => {
            let remedy = "check the login's privileges: it needs its database, _autoscaler and information_schema";
            findings.push(Finding::new(Severity::Error, &shard.id, format!("cannot be checked: {problem}"), remedy));
            None
        }
    }
}

async fn look(
    connection: &mut MySqlConnection,
    shard: &Shard,
    topology: &Topology,
    layout: &Layout,
    findings: &mut Vec<Finding>,
) -> Result<Schema, String> {
    privileges(connection, shard, findings).await?;
    let seen = store::look(connection).await.map_err(|error| chain(&error))?;
    if seen.map(|seen| seen.epoch) != Some(topology.epoch()) {
        let carries = seen.map_or("no topology".to_owned(), |seen| format!("epoch {}", seen.epoch));
        findings.push(Finding::new(
            Severity::Warning,
            &shard.id,
            format!("carries {carries}, the cluster is at {}", topology.epoch()),
            "the running scaler brings it up to date within a round",
        ));
    }
    let schema = load::load(connection, layout).await.map_err(|error| chain(&error))?;
    for table in schema.tables() {
        check_table(connection, shard, topology, layout, table, findings).await?;
    }
    leftovers(connection, shard, topology, findings).await?;
    transactions(connection, shard, findings).await?;
    Ok(schema)
}

async fn check_table(
    connection: &mut MySqlConnection,
    shard: &Shard,
    topology: &Topology,
    layout: &Layout,
    table: &Table,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    let place = format!("{} {}", shard.id, table.name);
    if let TableKind::Unusable { reason } = &table.kind {
        let remedy = "change the table or table_shard_keys";
        findings.push(Finding::new(Severity::Warning, &place, format!("cannot be used: {reason}"), remedy));
    }
    let Some((key, key_type)) = table.shard_key() else { return Ok(()) };
    if table.primary_key.is_empty() {
        findings.push(Finding::new(Severity::Warning, &place, "has no primary key", "add one: its rows cannot move"));
    }
    if table.has_triggers {
        findings.push(Finding::new(
            Severity::Note,
            &place,
            "has triggers of yours: with several shards, what they read and write is on the row's own shard",
            "let them touch rows of the same sharding key only; drop them for the time of a move",
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
    let (name, key) = (quote(&table.name), quote(key));
    let owned = topology.owned(&shard.id);
    let moving: SlotSet = topology
        .moves_touching(&shard.id)
        .filter(|slot_move| match slot_move.phase {
            MovePhase::Announced => slot_move.target == shard.id,
            MovePhase::Switched => slot_move.source == shard.id,
        })
        .flat_map(|slot_move| slot_move.slots.iter())
        .collect();
    let count = format!(
        "SELECT COALESCE(SUM({}), 0), COALESCE(SUM({}), 0), COALESCE(SUM({key} IS NULL), 0) FROM {name} WHERE NOT {} \
         OR {key} IS NULL",
        format_args!("NOT {} AND NOT {}", key_type.slot_in_sql(&key, &owned), key_type.slot_in_sql(&key, &moving)),
        key_type.slot_in_sql(&key, &moving),
        key_type.slot_in_sql(&key, &owned),
    );
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(count))).await.map_err(|error| chain(&error))?;
    let number = |index: usize| -> Result<u64, String> {
        let text: String = row.try_get_unchecked(index).map_err(|error| chain(&error))?;
        text.parse().map_err(|_| format!("`{text}` is not a count"))
    };
    if number(0)? > 0 {
        findings.push(Finding::new(
            Severity::Error,
            &place,
            format!("{} rows lie in slots that {} does not own", number(0)?, shard.id),
            "they were written past the router: insert them through it and delete them here",
        ));
    }
    if number(1)? > 0 {
        findings.push(Finding::new(
            Severity::Note,
            &place,
            format!("{} rows are copies of a move in progress", number(1)?),
            "they disappear when the move is over",
        ));
    }
    if number(2)? > 0 {
        findings.push(Finding::new(
            Severity::Warning,
            &place,
            format!("{} rows have no sharding key", number(2)?),
            "give them one",
        ));
    }
    Ok(())
}

/// Tables that the configuration names, and that some shards have and others lack or define otherwise.
pub(super) fn compare_schemas(schemas: &[(ShardId, Schema)], layout: &Layout, findings: &mut Vec<Finding>) {
    let Some((_, first)) = schemas.first() else { return };
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
                    format!("has other columns than on {}", schemas[0].0)
                }
                _ => continue,
            };
            findings.push(Finding::new(Severity::Error, format!("{shard} {name}"), problem, remedy));
        }
    }
}

fn columns(table: &Table) -> Vec<(&str, &str, Option<&str>, bool)> {
    let columns = table.columns.iter();
    columns.map(|c| (c.name.as_str(), c.column_type.as_str(), c.collation.as_deref(), c.nullable)).collect()
}

/// What the login may not do, of what routing and moving need. Privileges that come by a role are not looked into.
async fn privileges(
    connection: &mut MySqlConnection,
    shard: &Shard,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    const NEEDED: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER"];
    // Reads that no merge answers copy rows there.
    const NEEDED_FOR_READS: [&str; 1] = ["CREATE TEMPORARY TABLES"];
    let granted = |database: &str| {
        format!(
            "SELECT CAST(CURRENT_ROLE() AS CHAR), CAST(GROUP_CONCAT(PRIVILEGE_TYPE) AS CHAR) FROM ( \
             SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = {GRANTEE} UNION \
             SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES \
             WHERE GRANTEE = {GRANTEE} AND {database} LIKE TABLE_SCHEMA) AS granted \
             WHERE PRIVILEGE_TYPE IN ('{}')",
            [&NEEDED[..], &NEEDED_FOR_READS].concat().join("', '")
        )
    };
    let databases = [
        ("DATABASE()", shard.endpoint.database(), [&NEEDED[..], &NEEDED_FOR_READS].concat()),
        ("'_autoscaler'", "_autoscaler", NEEDED.to_vec()),
    ];
    for (database, name, needed) in databases {
        let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(granted(database)))).await;
        let row = row.map_err(|error| chain(&error))?;
        let cell = |index: usize| row.try_get_unchecked::<Option<String>, _>(index).map_err(|error| chain(&error));
        if cell(0)?.is_some_and(|role| role != "NONE") {
            return Ok(());
        }
        let held = cell(1)?.unwrap_or_default();
        let missing: Vec<&str> =
            needed.into_iter().filter(|needed| !held.split(',').any(|privilege| privilege == *needed)).collect();
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

/// The session's account as information_schema writes it.
const GRANTEE: &str =
    "CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))";

/// Triggers and change tables that belong to no move.
async fn leftovers(
    connection: &mut MySqlConnection,
    shard: &Shard,
    topology: &Topology,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    if topology.moves_touching(&shard.id).next().is_some() {
        return Ok(());
    }
    let questions = [
        (
            "SELECT CAST(TRIGGER_NAME AS CHAR) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
             AND TRIGGER_NAME LIKE '\\_as\\_%'",
            "trigger",
        ),
        (
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '_autoscaler' \
             AND TABLE_NAME LIKE 'ch\\_%'",
            "change table",
        ),
    ];
    for (question, what) in questions {
        let rows = connection.fetch_all(sqlx::raw_sql(question)).await.map_err(|error| chain(&error))?;
        for row in rows {
            let name: String = row.try_get_unchecked(0).map_err(|error| chain(&error))?;
            findings.push(Finding::new(
                Severity::Warning,
                &shard.id,
                format!("{what} {name} is left of a move that is over"),
                format!("drop it: {what}s of a move serve that move only"),
            ));
        }
    }
    Ok(())
}

/// Parts of transactions, and changes of the schema, that wait to be finished.
async fn transactions(
    connection: &mut MySqlConnection,
    shard: &Shard,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    match recovery::prepared(connection).await {
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
        Err(error) if errno(&error) == Some(recovery::XAER_RMERR) => findings.push(Finding::new(
            Severity::Error,
            &shard.id,
            "the login may not look for prepared transactions",
            "GRANT XA_RECOVER_ADMIN ON *.* TO it",
        )),
        Err(error) => return Err(chain(&error)),
    }
    if let Some(change) = read_journal(connection).await.map_err(|error| chain(&error))? {
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
