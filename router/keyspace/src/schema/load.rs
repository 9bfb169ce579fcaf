//! Reads the schema from a shard's information_schema.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::keys::{KeyColumn, KeyType};
use crate::mysql::ServerVersion;
use crate::schema::{Layout, Schema, Surroundings, Table, TableColumn, TableKind, UniqueIndex};

const TABLES: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(TABLE_TYPE AS CHAR), \
     COALESCE(CAST(ENGINE AS CHAR), '') FROM information_schema.TABLES \
     WHERE TABLE_SCHEMA = DATABASE()";

const COLUMNS: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), CAST(DATA_TYPE AS CHAR), \
     CAST(COLUMN_TYPE AS CHAR), CAST(COLLATION_NAME AS CHAR), CAST(IS_NULLABLE AS CHAR), \
     COLUMN_DEFAULT IS NOT NULL, CAST(EXTRA AS CHAR), CAST(DATETIME_PRECISION AS CHAR), \
     CAST(COLUMN_DEFAULT AS CHAR) \
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION";

/// Columns of which only the beginning is indexed have no name here: their values cannot be looked for.
const UNIQUE_INDEXES: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(INDEX_NAME AS CHAR), \
     CAST(IF(SUB_PART IS NULL, COALESCE(COLUMN_NAME, ''), '') AS CHAR) \
     FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 \
     ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";

const REFERENCES: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(REFERENCED_TABLE_NAME AS CHAR) \
     FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()";

const TRIGGERS: &str = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR) FROM information_schema.TRIGGERS \
     WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME NOT LIKE '\\_as\\_%'";

/// MariaDB only: its JSON columns are LONGTEXT with exactly this check.
const JSON_CHECKS: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(CHECK_CLAUSE AS CHAR) \
     FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() \
     AND CHECK_CLAUSE LIKE 'json_valid(%)'";

const OTHER_DATABASES: &str =
    "SELECT CAST(SCHEMA_NAME AS CHAR) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME <> DATABASE()";

const FUNCTIONS: &str = "SELECT CAST(ROUTINE_NAME AS CHAR) FROM information_schema.ROUTINES \
     WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'FUNCTION'";

/// Functions of the clock in a default.
const CLOCKS: [&str; 8] =
    ["current_timestamp", "now", "curdate", "curtime", "utc_timestamp", "utc_date", "utc_time", "unix_timestamp"];
/// Functions in a default that each server computes for itself.
const LOCAL_DEFAULTS: [&str; 7] = ["uuid", "uuid_short", "rand", "random_bytes", "sysdate", "connection_id", "user"];

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("reading the schema failed")]
    Database(#[from] sqlx::Error),
}

/// Whether the connection's database has a table or view of this name, also in another case.
pub async fn has_table(connection: &mut MySqlConnection, name: &str) -> Result<bool, sqlx::Error> {
    let name = crate::literal::quote_text(name);
    let look =
        format!("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {name}");
    Ok(connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(look))).await?.is_some())
}

/// The table or view of the connection's database of which the name differs from this one in case only, if its server
/// would have both.
pub async fn twin_of(connection: &mut MySqlConnection, name: &str) -> Result<Option<String>, sqlx::Error> {
    let name = crate::literal::quote_text(name);
    let look = format!(
        "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
         AND @@lower_case_table_names = 0 AND LOWER(TABLE_NAME) = LOWER({name}) \
         AND BINARY TABLE_NAME <> BINARY {name} LIMIT 1"
    );
    let found = connection.fetch_optional(sqlx::raw_sql(AssertSqlSafe(look))).await?;
    found.map(|row| text(&row, 0)).transpose()
}

/// All tables of the connection's database, each with its place by `layout`.
pub async fn load(connection: &mut MySqlConnection, layout: &Layout) -> Result<Schema, SchemaError> {
    let database: String = connection.fetch_one(sqlx::raw_sql("SELECT DATABASE()")).await?.try_get(0)?;
    let server = connection.fetch_one(sqlx::raw_sql("SELECT VERSION(), @@lower_case_table_names <> 0")).await?;
    let version: String = server.try_get(0)?;
    let folds_case = server.try_get_unchecked::<i64, _>(1)? == 1;
    // First: of a table that is made meanwhile the rest would be known in part.
    let named = connection.fetch_all(sqlx::raw_sql(TABLES)).await?;
    let (mut columns, mut unread) = columns_by_table(connection, &version).await?;
    let mut unique_indexes = unique_indexes_by_table(connection).await?;
    let mut referring = BTreeSet::new();
    for row in connection.fetch_all(sqlx::raw_sql(REFERENCES)).await? {
        referring.extend([text(&row, 0)?, text(&row, 1)?]);
    }
    let mut triggering = BTreeSet::new();
    for row in connection.fetch_all(sqlx::raw_sql(TRIGGERS)).await? {
        triggering.insert(text(&row, 0)?);
    }
    let mut tables: Vec<Table> = Vec::new();
    for row in named {
        let (name, table_type, engine) = (text(&row, 0)?, text(&row, 1)?, text(&row, 2)?);
        let columns = columns.remove(&name).unwrap_or_default();
        let kind = match (table_type.as_str(), unread.remove(&name)) {
            ("VIEW" | "SYSTEM VIEW", _) => TableKind::View,
            (_, Some(reason)) => TableKind::Unusable { reason },
            _ if columns.is_empty() => TableKind::Unusable { reason: "the shard shows no columns of it".to_owned() },
            _ => place(&name, &columns, layout),
        };
        let unique_indexes = unique_indexes.remove(&name).unwrap_or_default();
        let primary = unique_indexes.iter().find(|index| index.name == "PRIMARY");
        tables.push(Table {
            kind,
            columns,
            primary_key: primary.map(|index| index.columns.clone()).unwrap_or_default(),
            has_triggers: triggering.contains(&name),
            has_references: referring.contains(&name),
            has_transactions: ["InnoDB", "ROCKSDB"].iter().any(|name| engine.eq_ignore_ascii_case(name)),
            unique_indexes,
            name,
        });
    }
    let surroundings =
        Surroundings { version: ServerVersion::parse(&version), folds_case, ..surroundings(connection).await? };
    Ok(Schema::new(&database, layout, version.contains("MariaDB"), tables).with_surroundings(surroundings))
}

/// The columns of the tables, and why those of some tables cannot be understood.
async fn columns_by_table(
    connection: &mut MySqlConnection,
    version: &str,
) -> Result<(BTreeMap<String, Vec<TableColumn>>, BTreeMap<String, String>), SchemaError> {
    let mut json_columns = Vec::new();
    if version.contains("MariaDB") {
        for row in connection.fetch_all(sqlx::raw_sql(JSON_CHECKS)).await? {
            json_columns.push((text(&row, 0)?, text(&row, 1)?));
        }
    }
    let mut columns: BTreeMap<String, Vec<TableColumn>> = BTreeMap::new();
    let mut unread: BTreeMap<String, String> = BTreeMap::new();
    for row in connection.fetch_all(sqlx::raw_sql(COLUMNS)).await? {
        let table = text(&row, 0)?;
        let column = read_column(&row, |name| {
            json_columns.iter().any(|(owner, check)| *owner == table && *check == format!("json_valid(`{name}`)"))
        });
        match column {
            Ok(column) => columns.entry(table).or_default().push(column),
            Err(error) => {
                unread.insert(table, format!("one of its columns cannot be understood: {error}"));
            }
        }
    }
    Ok((columns, unread))
}

async fn unique_indexes_by_table(
    connection: &mut MySqlConnection,
) -> Result<BTreeMap<String, Vec<UniqueIndex>>, SchemaError> {
    let mut unique_indexes: BTreeMap<String, Vec<UniqueIndex>> = BTreeMap::new();
    for row in connection.fetch_all(sqlx::raw_sql(UNIQUE_INDEXES)).await? {
        let (name, column) = (text(&row, 1)?, text(&row, 2)?);
        let indexes = unique_indexes.entry(text(&row, 0)?).or_default();
        match indexes.last_mut().filter(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => indexes.push(UniqueIndex { name, columns: vec![column] }),
        }
    }
    Ok(unique_indexes)
}

async fn surroundings(connection: &mut MySqlConnection) -> Result<Surroundings, sqlx::Error> {
    let mut surroundings = Surroundings::default();
    for row in connection.fetch_all(sqlx::raw_sql(OTHER_DATABASES)).await? {
        surroundings.other_databases.insert(text(&row, 0)?.to_lowercase());
    }
    for row in connection.fetch_all(sqlx::raw_sql(FUNCTIONS)).await? {
        surroundings.functions.insert(text(&row, 0)?.to_lowercase());
    }
    Ok(surroundings)
}

fn place(name: &str, columns: &[TableColumn], layout: &Layout) -> TableKind {
    let configured = |candidate: &&String| candidate.eq_ignore_ascii_case(name);
    if layout.reference_tables.iter().any(|table| configured(&table)) {
        return TableKind::Reference;
    }
    let Some((_, key)) = layout.shard_keys.iter().find(|(table, _)| configured(table)) else {
        return TableKind::Unsharded;
    };
    let Some(column) = columns.iter().find(|column| column.name.eq_ignore_ascii_case(key)) else {
        return TableKind::Unusable {
            reason: format!("it has no column `{key}`, its sharding key in table_shard_keys"),
        };
    };
    let key_column = KeyColumn {
        data_type: &column.data_type,
        column_type: &column.column_type,
        collation: column.collation.as_deref(),
        fraction_digits: column.fraction_digits,
    };
    match KeyType::of_column(&key_column) {
        Ok(key_type) => TableKind::Sharded { key: column.name.clone(), key_type },
        Err(reason) => TableKind::Unusable { reason: format!("its sharding key `{key}` is unsupported: {reason}") },
    }
}

fn read_column(row: &MySqlRow, is_json: impl Fn(&str) -> bool) -> Result<TableColumn, sqlx::Error> {
    let name = text(row, 1)?;
    let data_type = text(row, 2)?.to_lowercase();
    let extra = text(row, 7)?.to_lowercase();
    let precision: Option<String> = row.try_get_unchecked(8)?;
    let default = row.try_get_unchecked::<Option<String>, _>(9)?.unwrap_or_default().to_lowercase();
    let calls = |names: &[&str]| names.iter().any(|name| default.contains(&format!("{name}(")));
    Ok(TableColumn {
        json: data_type == "json" || is_json(&name),
        clock: default.starts_with("current_") || extra.contains("on update") || calls(&CLOCKS),
        volatile_default: calls(&LOCAL_DEFAULTS),
        name,
        column_type: text(row, 3)?.to_lowercase(),
        collation: row.try_get_unchecked(4)?,
        nullable: text(row, 5)? == "YES",
        has_default: row.try_get_unchecked::<i64, _>(6)? == 1,
        auto_increment: extra.contains("auto_increment"),
        generated: extra.contains("generated") && !extra.contains("default_generated"),
        invisible: extra.contains("invisible"),
        fraction_digits: precision.and_then(|digits| digits.parse().ok()),
        data_type,
    })
}

fn text(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    row.try_get_unchecked(index)
}
