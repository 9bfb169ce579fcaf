//! What must be true before rows may move: everything here is checked before anything is changed.

use router::schema::load;
use router::schema::{Layout, Schema, Table, TableKind};

use super::connection::{Connection, into_text};
use super::{MoveError, triggers};
use crate::foreign_keys;

/// Reads the source's schema and refuses what cannot be moved safely, naming the table and the remedy.
pub(super) async fn check(source: &mut Connection, layout: &Layout) -> Result<Schema, MoveError> {
    let shard = source.shard.clone();
    let schema = load::load(source.inner(), layout).await.map_err(|source| MoveError::Schema { shard, source })?;
    for table in schema.tables() {
        check_table(table)?;
    }
    check_engines(source, &schema).await?;
    check_foreign_keys(source, &schema, layout).await?;
    check_user_triggers(source, &schema).await?;
    check_server(source).await?;
    Ok(schema)
}

/// Whether rows of the table move.
pub(super) fn moves(table: &Table) -> bool {
    matches!(table.kind, TableKind::Sharded { .. } | TableKind::Reference)
}

fn unfit(table: &str, reason: impl Into<String>, remedy: &str) -> MoveError {
    MoveError::Unfit { table: table.to_owned(), reason: reason.into(), remedy: remedy.to_owned() }
}

fn check_table(table: &Table) -> Result<(), MoveError> {
    if let TableKind::Unusable { reason } = &table.kind {
        return Err(unfit(&table.name, reason.clone(), "change the column or the configuration"));
    }
    match moves(table) && table.primary_key.is_empty() {
        true => Err(unfit(&table.name, "it has no primary key", "add one: changes are followed by it")),
        false => Ok(()),
    }
}

async fn check_engines(source: &mut Connection, schema: &Schema) -> Result<(), MoveError> {
    let engines = "SELECT CAST(TABLE_NAME AS CHAR), CAST(ENGINE AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE'";
    for row in source.fetch(engines).await? {
        let [name, engine] = texts(row);
        let moving = schema.table(&name).is_some_and(moves);
        if moving && !engine.eq_ignore_ascii_case("InnoDB") {
            let reason = format!("its engine {engine} has no transactions");
            return Err(unfit(&name, reason, "ALTER TABLE … ENGINE=InnoDB"));
        }
    }
    Ok(())
}

async fn check_foreign_keys(source: &mut Connection, schema: &Schema, layout: &Layout) -> Result<(), MoveError> {
    let crossing = foreign_keys::crossing(source.inner(), layout).await.map_err(|error| source.failed(error))?;
    if let Some(key) = crossing.first() {
        let reason = format!("foreign key {} leads to rows of {} that may move elsewhere", key.name, key.referred);
        return Err(unfit(&key.table, reason, "refer by the sharding keys or to a reference table, or drop it"));
    }
    let rules = "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), CAST(DELETE_RULE AS CHAR), \
         CAST(UPDATE_RULE AS CHAR) FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA=DATABASE()";
    for row in source.fetch(rules).await? {
        let [table, constraint, on_delete, on_update] = texts(row);
        let acts = |rule: &str| matches!(rule, "CASCADE" | "SET NULL" | "SET DEFAULT");
        if schema.table(&table).is_some_and(moves) && (acts(&on_delete) || acts(&on_update)) {
            let reason = format!(
                "foreign key {constraint} changes rows (ON DELETE {on_delete}, ON UPDATE {on_update}) \
                 without firing triggers"
            );
            return Err(unfit(&table, reason, "use RESTRICT or NO ACTION and delete the children first"));
        }
    }
    Ok(())
}

/// Triggers of users on either side: there is no session switch that turns them off for the mover.
pub(super) async fn check_user_triggers(shard: &mut Connection, schema: &Schema) -> Result<(), MoveError> {
    let triggers = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR), CAST(TRIGGER_NAME AS CHAR) \
         FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=DATABASE()";
    for row in shard.fetch(triggers).await? {
        let [table, trigger] = texts(row);
        if schema.table(&table).is_some_and(moves) && !trigger.starts_with(triggers::PREFIX) {
            let reason = format!("trigger {trigger} would also fire for rows that the move copies and deletes");
            return Err(unfit(&table, reason, "drop it for the time of the move"));
        }
    }
    Ok(())
}

async fn check_server(source: &mut Connection) -> Result<(), MoveError> {
    let shard = source.shard.to_string();
    let unfit_server = |reason: &str, remedy: &str| MoveError::UnfitServer {
        shard: shard.clone(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    };
    if source.fetch_text("SELECT @@innodb_autoinc_lock_mode").await?.as_deref() == Some("0") {
        return Err(unfit_server(
            "innodb_autoinc_lock_mode=0 would make all writers of moving rows wait for each other",
            "set it to 1 or 2 and restart the server",
        ));
    }
    if let Some(remedy) = triggers::try_creating(source).await? {
        return Err(unfit_server("its account may not create triggers", remedy));
    }
    match triggers::prepared_branches(source).await {
        Err(error) if super::connection::error_number(&error) == Some(1401) => {
            Err(unfit_server("its account may not look for prepared transactions", "grant XA_RECOVER_ADMIN"))
        }
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// What the source could be given the target must take, too.
pub(super) async fn check_packets(source: &mut Connection, target: &mut Connection) -> Result<(), MoveError> {
    let look = "SELECT @@GLOBAL.max_allowed_packet";
    let bytes = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let (here, there) = (bytes(source.fetch_text(look).await?), bytes(target.fetch_text(look).await?));
    if there < here {
        return Err(MoveError::UnfitServer {
            shard: target.shard.to_string(),
            reason: format!("its max_allowed_packet of {there} bytes is below the {here} of {}", source.shard),
            remedy: format!("SET GLOBAL max_allowed_packet={here} on it, and in its configuration"),
        });
    }
    Ok(())
}

fn texts<const N: usize>(row: super::connection::Cells) -> [String; N] {
    let mut cells = row.into_iter();
    std::array::from_fn(|_| cells.next().flatten().map(into_text).unwrap_or_default())
}
