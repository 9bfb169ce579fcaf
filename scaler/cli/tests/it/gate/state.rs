//! What a server is and holds, looked at past the router: what an attempt left behind shows as a difference.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::canaries::Canaries;
use crate::kit::servers::Flavor;

/// What was looked at, and how it was.
pub type State = BTreeMap<String, String>;

/// Tables of ours in `shop`, which the attempts neither change nor remove.
pub const KEPT: [&str; 6] = ["users", "settings", "honest", "notes", "parts", "eyes"];
/// What attempts that are honest after all may be given.
const OWN_ENGINES: [&str; 9] =
    ["InnoDB", "SEQUENCE", "MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE", "BLACKHOLE", "NULL"];

/// Statements that no client may have a server run, by the server's own count of what it understood. The router itself
/// sends KILL when a statement's time is over; one of a client would show as the end of the victim's session.
const CLOSED_COMMANDS: [&str; 96] = [
    "alter_db",
    "alter_event",
    "alter_function",
    "alter_instance",
    "alter_procedure",
    "alter_server",
    "alter_tablespace",
    "alter_user",
    "assign_to_keycache",
    "backup",
    "backup_lock",
    "binlog",
    "call_procedure",
    "change_master",
    "change_repl_filter",
    "change_replication_source",
    "clone",
    "create_db",
    "create_event",
    "create_function",
    "create_library",
    "create_package",
    "create_procedure",
    "create_resource_group",
    "create_role",
    "create_server",
    "create_spatial_reference_system",
    "create_trigger",
    "create_udf",
    "create_user",
    "drop_db",
    "drop_event",
    "drop_function",
    "drop_procedure",
    "drop_role",
    "drop_server",
    "drop_trigger",
    "drop_user",
    "execute_immediate",
    "execute_sql",
    "explain_other",
    "flush",
    "get_diagnostics",
    "grant",
    "grant_role",
    "grant_roles",
    "ha_open",
    "ha_read",
    "help",
    "import",
    "install_component",
    "install_plugin",
    "load",
    "lock_instance",
    "preload_keys",
    "prepare_sql",
    "purge",
    "purge_before_date",
    "rename_user",
    "replica_start",
    "replica_stop",
    "reset",
    "resignal",
    "restart",
    "revoke",
    "revoke_all",
    "revoke_role",
    "revoke_roles",
    "set_password",
    "set_role",
    "show_analyze",
    "show_binlog_events",
    "show_binlog_status",
    "show_binlogs",
    "show_create_event",
    "show_create_func",
    "show_create_proc",
    "show_create_trigger",
    "show_create_user",
    "show_engine_logs",
    "show_engine_mutex",
    "show_engine_status",
    "show_explain",
    "show_grants",
    "show_processlist",
    "show_relaylog_events",
    "show_replica_status",
    "show_replicas",
    "show_slave_hosts",
    "show_slave_status",
    "shutdown",
    "signal",
    "start_slave",
    "stop_slave",
    "uninstall_component",
    "uninstall_plugin",
];

/// Global variables that change by themselves.
const RESTLESS: [&str; 9] = [
    "gtid_",
    "innodb_buffer_pool_load",
    "innodb_buffer_pool_dump",
    "error_count",
    "last_insert_id",
    "timestamp",
    "rand_seed",
    "pseudo_",
    "in_transaction",
];

/// Everything that an attempt could change, in some hundred milliseconds.
///
/// # Errors
/// If the server does not answer, or the victim's session is gone.
pub async fn look(
    root: &mut MySqlConnection,
    flavor: Flavor,
    victim: u64,
    canaries: &Canaries,
) -> Result<State, sqlx::Error> {
    let mut state = State::new();
    let mut add = |what: String, how: String| drop(state.insert(what, how));

    // Rows read come first, since the checksums below read rows themselves.
    let read = "SELECT CONCAT(object_schema, '.', object_name), count_star \
         FROM performance_schema.table_io_waits_summary_by_table \
         WHERE object_name IN ('canary', 'decoy', 'secrets', 'plain', 'old', 'seq') AND count_star > 0";
    for row in rows(root, read).await? {
        add(format!("rows of {} read or written", row[0]), row[1].clone());
    }
    for row in rows(root, "SHOW GLOBAL STATUS LIKE 'Com\\_%'").await? {
        let command = row[0].trim_start_matches("Com_");
        if CLOSED_COMMANDS.contains(&command) {
            add(format!("statements of kind {command}"), row[1].clone());
        }
    }
    for row in rows(root, "SHOW GLOBAL VARIABLES").await? {
        if !RESTLESS.iter().any(|restless| row[0].starts_with(restless)) {
            add(format!("variable {}", row[0]), row[1].clone());
        }
    }
    for (what, sql) in lists(flavor) {
        for row in rows(root, &sql).await? {
            add(format!("{what} {}", row[0]), row[1..].join(" "));
        }
    }
    let checked: Vec<String> = accounts(flavor)
        .iter()
        .map(|table| format!("mysql.{table}"))
        .chain(["mysql.canary", "_autoscaler.decoy", "other.secrets", "other.plain", "other.old"].map(str::to_owned))
        .chain(["users", "settings", "parts"].map(|table| format!("shop.{table}")))
        .collect();
    for row in rows(root, &format!("CHECKSUM TABLE {}", checked.join(", "))).await? {
        add(format!("content of {}", row[0]), row[1].clone());
    }
    run(root, "TRUNCATE TABLE performance_schema.table_io_waits_summary_by_table").await?;
    let running = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {victim}");
    add("the session of another client".to_owned(), rows(root, &running).await?[0][0].clone());
    for (table, content) in own_tables(root).await? {
        for place in canaries.found(&content) {
            add(format!("{place:?} in the table {table}"), String::new());
        }
    }
    for row in rows(
        root,
        "SELECT table_name, engine, create_options FROM information_schema.tables WHERE table_schema = 'shop'",
    )
    .await?
    {
        let is_foreign = !OWN_ENGINES.contains(&row[1].as_str());
        if is_foreign || row[2].to_uppercase().contains("DIRECTORY") {
            add(format!("the table {} of engine {}", row[0], row[1]), row[2].clone());
        }
    }
    let views = "SELECT table_name, LOWER(view_definition) FROM information_schema.views WHERE table_schema = 'shop'";
    for row in rows(root, views).await? {
        let closed = ["mysql", "_autoscaler", "other", "sys", "performance_schema", "information_schema"];
        let reads = |schema: &&&str| row[1].contains(&format!("`{schema}`.")) || row[1].contains(&format!("{schema}."));
        if let Some(schema) = closed.iter().find(reads) {
            add(format!("a view of {schema}"), row[0].clone());
        }
        if row[1].contains("load_file") {
            add("a view of a file".to_owned(), row[0].clone());
        }
    }
    Ok(state)
}

/// The differences, worth a line each.
pub fn differences(before: &State, after: &State) -> Vec<String> {
    let changed = after.iter().filter_map(|(what, how)| match before.get(what) {
        Some(was) if was == how => None,
        Some(was) => Some(format!("{what}: was {}, is {}", short(was), short(how))),
        None => Some(format!("{what}: new, {}", short(how))),
    });
    let gone = before.iter().filter(|(what, _)| !after.contains_key(*what)).map(|(what, _)| format!("{what}: gone"));
    changed.chain(gone).collect()
}

/// Files and folders that do not belong to a server's own business, by their paths.
pub fn files(folder: &Path, state: &mut State) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("gate") && !name.starts_with("gate-bin") || name == "clone" {
            state.insert(format!("file {}", entry.path().display()), String::new());
        }
        let is_schema_of_ours = folder.ends_with("data") && name == "shop";
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_schema_of_ours {
            files(&entry.path(), state);
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Tables that hold accounts, rights and code.
fn accounts(flavor: Flavor) -> &'static [&'static str] {
    match flavor {
        Flavor::MariaDb => &[
            "global_priv",
            "db",
            "tables_priv",
            "columns_priv",
            "procs_priv",
            "proxies_priv",
            "roles_mapping",
            "func",
            "plugin",
            "proc",
            "event",
            "servers",
        ],
        Flavor::MySql => &[
            "user",
            "db",
            "tables_priv",
            "columns_priv",
            "procs_priv",
            "proxies_priv",
            "role_edges",
            "default_roles",
            "global_grants",
            "func",
            "plugin",
            "component",
            "servers",
        ],
    }
}

/// What there is, by name.
fn lists(flavor: Flavor) -> Vec<(&'static str, String)> {
    let kept = KEPT.map(|table| format!("'{table}'")).join(", ");
    let accounts = match flavor {
        Flavor::MariaDb => "SELECT CONCAT(user, '@', host), priv FROM mysql.global_priv",
        Flavor::MySql => "SELECT CONCAT(user, '@', host), account_locked FROM mysql.user",
    };
    vec![
        (
            "table",
            format!(
                "SELECT CONCAT(table_schema, '.', table_name), table_type, engine, create_options, table_comment \
                 FROM information_schema.tables WHERE table_schema IN ('mysql', 'other') OR table_schema = 'shop' \
                 AND table_name IN ({kept}) OR table_schema IN ('_autoscaler', 'sys') AND table_name LIKE 'gate%' \
                 OR table_schema = '_autoscaler' AND table_name = 'decoy' OR table_schema LIKE 'kq%'"
            ),
        ),
        (
            "column",
            format!(
                "SELECT CONCAT(table_schema, '.', table_name, '.', column_name), column_type, column_default, extra \
                 FROM information_schema.columns WHERE table_schema = 'other' OR table_schema <> 'shop' AND table_name IN ('canary', 'decoy') \
                 OR table_schema = 'shop' AND table_name IN ({kept})"
            ),
        ),
        (
            "index",
            "SELECT CONCAT(table_schema, '.', table_name, '.', index_name), COUNT(*) \
                 FROM information_schema.statistics WHERE table_schema = 'other' OR table_schema <> 'shop' AND table_name IN ('canary', 'decoy') \
                 GROUP BY 1"
                .to_owned(),
        ),
        ("database", "SELECT schema_name, default_character_set_name FROM information_schema.schemata".to_owned()),
        (
            "routine",
            "SELECT CONCAT(routine_schema, '.', routine_type, ' ', routine_name), MD5_OF FROM (SELECT \
                 routine_schema, routine_type, routine_name, CRC32(routine_definition) AS MD5_OF \
                 FROM information_schema.routines WHERE routine_schema <> 'sys') x"
                .to_owned(),
        ),
        (
            "trigger",
            "SELECT CONCAT(trigger_schema, '.', trigger_name), event_object_table \
                 FROM information_schema.triggers WHERE trigger_schema <> 'sys'"
                .to_owned(),
        ),
        ("event", "SELECT CONCAT(event_schema, '.', event_name), status FROM information_schema.events".to_owned()),
        ("plugin", "SELECT plugin_name, plugin_status FROM information_schema.plugins".to_owned()),
        ("account", accounts.to_owned()),
        (
            "foreign key into another schema",
            "SELECT CONCAT(constraint_schema, '.', constraint_name), referenced_table_name \
             FROM information_schema.referential_constraints \
             WHERE unique_constraint_schema NOT IN ('shop', constraint_schema)"
                .to_owned(),
        ),
    ]
}

/// What the tables beside ours hold, as text; those that cannot be read hold nothing for anybody.
async fn own_tables(root: &mut MySqlConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    let mut contents = Vec::new();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' \
         AND table_type IN ('BASE TABLE', 'VIEW') AND table_name <> 'eyes'";
    for row in rows(root, tables).await? {
        if let Ok(content) = rows(root, &format!("SELECT * FROM shop.`{}` LIMIT 10000", row[0])).await {
            contents.push((row[0].clone(), format!("{content:?}")));
        }
    }
    Ok(contents)
}

pub async fn rows(root: &mut MySqlConnection, sql: &str) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let rows = root.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    let cell = |row: &sqlx::mysql::MySqlRow, i| {
        let bytes: Option<&[u8]> = row.try_get_unchecked(i).unwrap();
        bytes.map_or("NULL".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    Ok(rows.iter().map(|row| (0..row.len()).map(|i| cell(row, i)).collect()).collect())
}

pub async fn run(root: &mut MySqlConnection, sql: &str) -> Result<(), sqlx::Error> {
    root.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
}
