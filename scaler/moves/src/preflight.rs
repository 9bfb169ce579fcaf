//! What must be true before rows may move: everything here is checked before anything is changed.

mod server;
mod space;

use keyspace::accounts::Grants;
use keyspace::mysql::er;
use keyspace::own::journal::Side;
use keyspace::schema::{Layout, Schema, Table, TableKind};
use keyspace::topology::ShardId;
use server::Server;
pub(crate) use space::check_space;

use crate::cluster::Cluster;
use crate::connection::texts;
use crate::connection::{Connection, error_number};
use crate::error::MoveError;
use crate::triggers;

/// A user's trigger that reads this variable can tell a mover, which has it set, from everybody else.
const GUARD: &str = "@_autoscaler_cleanup";

/// What a move does on the database itself, on either side: it creates what is missing, locks tables to make
/// triggers, and raises AUTO_INCREMENT.
const NEEDED: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "TRIGGER", "LOCK TABLES"];
/// What it does with its own tables.
const NEEDED_FOR_OURS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"];

/// Reads the source's schema and refuses what cannot be moved safely, naming the table and the remedy.
pub(crate) async fn check(source: &mut Connection, layout: &Layout) -> Result<Schema, MoveError> {
    let schema = source.load_schema(layout).await?;
    refuse_first(unfit_source(source, layout, &schema).await?)?;
    // What no setting and no grant tells is found out by doing it.
    match triggers::try_creating(source).await? {
        Some(remedy) => Err(unfit_shard(source, "its account may not create triggers", remedy)),
        None => Ok(schema),
    }
}

/// Everything that a look at a shard finds against moving rows away from it.
async fn unfit_source(source: &mut Connection, layout: &Layout, schema: &Schema) -> Result<Vec<MoveError>, MoveError> {
    let crossing = source.crossing_keys(layout).await?;
    let crossing = crossing.into_iter().map(|key| {
        let reason = format!("foreign key {} leads to rows of {} that may move elsewhere", key.name, key.referred);
        unfit(&key.table, reason, "refer by the sharding keys or to a reference table, or drop it")
    });
    let mut found = unfit_tables(source, schema).await?;
    found.extend(crossing);
    found.extend(missing_privileges(source).await?);
    found.extend(unfit_server(source, &[Side::Source]).await?);
    match triggers::prepared_branches(source).await {
        Err(error) if error_number(&error) == Some(er::XAER_RMERR) => {
            let reason = "its account may not look for prepared transactions";
            found.push(unfit_shard(source, reason, "grant XA_RECOVER_ADMIN"));
        }
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    Ok(found)
}

/// Refuses a target that rows cannot be written to, or where they would set off something of a user's.
pub(crate) async fn check_target(target: &mut Connection, schema: &Schema) -> Result<(), MoveError> {
    let mut found = missing_privileges(target).await?;
    found.extend(unfit_server(target, &[Side::Target]).await?);
    found.extend(user_triggers(target, schema).await?);
    refuse_first(found)
}

/// Everything that keeps rows of a shard from moving, for whoever wants to know before a move is wanted. Changes
/// nothing on the shard. Missing privileges and foreign keys that lead elsewhere are looked for on their own.
pub async fn find_unfit(cluster: &Cluster, layout: &Layout, shard: &ShardId) -> Result<Vec<MoveError>, MoveError> {
    let mut connection = Connection::open(cluster, shard).await?;
    let schema = connection.load_schema(layout).await?;
    let mut found = unfit_tables(&mut connection, &schema).await?;
    found.extend(unfit_server(&mut connection, &[Side::Source, Side::Target]).await?);
    Ok(found)
}

/// Everything that a move away from a shard would be refused for, as far as a look tells: for whoever is about to make
/// room for the rows elsewhere. Changes nothing on the shard.
pub async fn find_unfit_source(
    cluster: &Cluster,
    layout: &Layout,
    shard: &ShardId,
) -> Result<Vec<MoveError>, MoveError> {
    let mut connection = Connection::open(cluster, shard).await?;
    let schema = connection.load_schema(layout).await?;
    unfit_source(&mut connection, layout, &schema).await
}

fn refuse_first(found: impl IntoIterator<Item = MoveError>) -> Result<(), MoveError> {
    found.into_iter().next().map_or(Ok(()), Err)
}

/// Whether rows of the table move.
pub(crate) fn moves(table: &Table) -> bool {
    matches!(table.kind, TableKind::Sharded { .. } | TableKind::Reference)
}

fn unfit(table: &str, reason: impl Into<String>, remedy: &str) -> MoveError {
    MoveError::Unfit { table: table.to_owned(), reason: reason.into(), remedy: remedy.to_owned() }
}

fn unfit_shard(connection: &Connection, reason: impl Into<String>, remedy: impl Into<String>) -> MoveError {
    MoveError::UnfitServer { shard: connection.shard.to_string(), reason: reason.into(), remedy: remedy.into() }
}

async fn unfit_tables(connection: &mut Connection, schema: &Schema) -> Result<Vec<MoveError>, MoveError> {
    let mut found: Vec<MoveError> = schema.tables().filter_map(unfit_table).collect();
    found.extend(unfit_engines(connection, schema).await?);
    found.extend(cascades(connection, schema).await?);
    found.extend(user_triggers(connection, schema).await?);
    Ok(found)
}

fn unfit_table(table: &Table) -> Option<MoveError> {
    if let TableKind::Unusable { reason } = &table.kind {
        return Some(unfit(&table.name, reason.clone(), "change the column or the configuration"));
    }
    if !moves(table) {
        return None;
    }
    if table.primary_key.is_empty() {
        return Some(unfit(&table.name, "it has no primary key", "add one: changes are followed by it"));
    }
    table.primary_key.iter().find_map(|name| match table.column(name) {
        // A name that is no column stands for the beginning of one: two rows may look like one.
        None => Some(unfit(
            &table.name,
            "its primary key holds only the beginning of a column",
            "make the key of whole columns: rows are told apart by it",
        )),
        Some(column) if column.data_type == "set" && column.column_type.matches(',').count() >= EXACT_SET_MEMBERS => {
            let reason =
                format!("its primary key has the SET `{name}`, whose many members servers do not compare exactly");
            Some(unfit(&table.name, reason, "take it out of the key: rows are told apart by it"))
        }
        Some(_) => None,
    })
}

/// MySQL compares SETs by their doubles; MariaDB by their signed numbers, which have ten members more.
const EXACT_SET_MEMBERS: usize = 53;

async fn unfit_engines(connection: &mut Connection, schema: &Schema) -> Result<Vec<MoveError>, MoveError> {
    let engines = "SELECT CAST(TABLE_NAME AS CHAR), CAST(ENGINE AS CHAR), CAST(TABLE_TYPE AS CHAR) \
         FROM information_schema.TABLES WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED')";
    let mut found = Vec::new();
    for row in connection.fetch(engines).await? {
        let [name, engine, table_type] = texts(row);
        if !schema.table(&name).is_some_and(moves) {
            continue;
        }
        if !engine.eq_ignore_ascii_case("InnoDB") {
            let reason = format!("its engine {engine} has no transactions");
            found.push(unfit(&name, reason, "ALTER TABLE … ENGINE=InnoDB"));
        }
        if table_type == "SYSTEM VERSIONED" {
            let reason = "the history that its system versioning keeps would be lost";
            found.push(unfit(&name, reason, "ALTER TABLE … DROP SYSTEM VERSIONING"));
        }
    }
    Ok(found)
}

async fn cascades(connection: &mut Connection, schema: &Schema) -> Result<Vec<MoveError>, MoveError> {
    let rules = "SELECT CAST(TABLE_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), CAST(DELETE_RULE AS CHAR), \
         CAST(UPDATE_RULE AS CHAR) FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA=DATABASE()";
    let acts = |rule: &str| matches!(rule, "CASCADE" | "SET NULL" | "SET DEFAULT");
    let mut found = Vec::new();
    for row in connection.fetch(rules).await? {
        let [table, constraint, on_delete, on_update] = texts(row);
        if schema.table(&table).is_some_and(moves) && (acts(&on_delete) || acts(&on_update)) {
            let reason = format!(
                "foreign key {constraint} changes rows (ON DELETE {on_delete}, ON UPDATE {on_update}) \
                 without firing triggers"
            );
            found.push(unfit(&table, reason, "use RESTRICT or NO ACTION and delete the children first"));
        }
    }
    Ok(found)
}

/// Triggers of users that do not look for the mover: no session switch turns them off for it.
async fn user_triggers(connection: &mut Connection, schema: &Schema) -> Result<Vec<MoveError>, MoveError> {
    let triggers = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR), CAST(TRIGGER_NAME AS CHAR), \
         CAST(ACTION_STATEMENT AS CHAR) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=DATABASE()";
    let mut found = Vec::new();
    for row in connection.fetch(triggers).await? {
        let [table, trigger, text] = texts(row);
        let is_ours = trigger.starts_with(triggers::PREFIX);
        if schema.table(&table).is_some_and(moves) && !is_ours && !is_guarded(&text) {
            let reason = format!("trigger {trigger} would also fire for rows that the move copies and deletes");
            found.push(unfit(
                &table,
                reason,
                "put what it does into IF @_autoscaler_cleanup IS NULL THEN … END IF, or drop it for the time of the move",
            ));
        }
    }
    Ok(found)
}

/// Whether a trigger's text reads the variable of the mover, which it has set on both sides.
pub fn is_guarded(text: &str) -> bool {
    // Names of user variables do not tell capitals from small letters.
    text.to_ascii_lowercase().contains(GUARD)
}

async fn grants(connection: &mut Connection) -> Result<Grants, MoveError> {
    let lines = connection.fetch_texts("SHOW GRANTS").await?;
    Ok(Grants::parse(lines.iter().map(String::as_str)))
}

async fn missing_privileges(connection: &mut Connection) -> Result<Vec<MoveError>, MoveError> {
    let database = connection.fetch_text("SELECT DATABASE()").await?.unwrap_or_default();
    let grants = grants(connection).await?;
    let needs = [(database.as_str(), &NEEDED[..]), ("_autoscaler", &NEEDED_FOR_OURS[..])];
    let lacks = |(schema, needed): (&str, &[&str])| {
        let missing = grants.missing(schema, needed);
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            unfit_shard(
                connection,
                format!("its account lacks {missing} on {schema}"),
                format!("grant {missing} on `{schema}`.* to it"),
            )
        })
    };
    let mut found: Vec<MoveError> = needs.into_iter().filter_map(lacks).collect();
    let may_end = ["CONNECTION ADMIN", "CONNECTION_ADMIN", "SUPER"].iter().any(|name| grants.has_everywhere(name));
    if !grants.has_everywhere("PROCESS") || !may_end {
        let name = if connection.mariadb { "CONNECTION ADMIN" } else { "CONNECTION_ADMIN" };
        found.push(unfit_shard(
            connection,
            "its account may not see and end sessions of a router that stood still while rows moved",
            format!("grant PROCESS, {name} on *.* to it"),
        ));
    }
    Ok(found)
}

async fn unfit_server(connection: &mut Connection, sides: &[Side]) -> Result<Vec<MoveError>, MoveError> {
    let grants = grants(connection).await?;
    let obstacles = Server::fetch(connection).await?.obstacles(sides, &grants).into_iter();
    Ok(obstacles.map(|obstacle| unfit_shard(connection, obstacle.reason, obstacle.remedy)).collect())
}

/// What the source could be given the target must take, too.
pub(crate) async fn check_packets(source: &mut Connection, target: &mut Connection) -> Result<(), MoveError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_guarded_if_it_reads_the_movers_variable() {
        assert!(is_guarded("BEGIN IF @_autoscaler_cleanup IS NULL THEN SET NEW.n = 1; END IF; END"));
        assert!(is_guarded("SET NEW.n = IF(@_AutoScaler_Cleanup IS NULL, 1, NEW.n)"));
        assert!(!is_guarded("SET NEW.n = 1"));
        assert!(!is_guarded("SET NEW.n = @_autoscaler"));
    }
}
