use super::*;
use crate::sql::meaning::analyse::analyse;
use crate::sql::meaning::statement::{Role, Statement};
use crate::sql::read::read as read_sql;

mod accepted;
mod names;
mod refused;
mod robust;

/// What a definition says, or why it is refused: 403 by the gate, 422 by name.
fn picture(text: &str) -> String {
    let sql = match read_sql(text, &[]) {
        Ok(sql) => sql,
        Err(SqlError::NotAllowed { construct, .. }) => return format!("403 {construct}"),
        Err(error) => return format!("400 {error}"),
    };
    match analyse(&sql) {
        Ok(Statement::Define(define)) => define_text(&define),
        Ok(Statement::Unread(why)) | Err(why) => format!("422 {}", why.construct),
        Ok(other) => panic!("{text} was read as {other:?}"),
    }
}

fn define_text(define: &Define) -> String {
    let mut parts = Vec::new();
    for named in &define.tables {
        let role = match named.role {
            Role::Created => "create",
            Role::Changed => "change",
            Role::Dropped => "drop",
            Role::Renamed => "rename",
            Role::RenamedTo => "to",
            Role::Referred => "refer to",
            Role::Like => "like",
            Role::Exchanged => "exchange with",
            Role::Read => "read",
        };
        let schema = named.table.schema.as_deref().map(|schema| format!("{schema}.")).unwrap_or_default();
        parts.push(format!("{role} {schema}{}", named.table.name));
    }
    for columns in &define.unique_indexes {
        parts.push(format!("unique ({})", columns.join(", ")));
    }
    for key in &define.foreign_keys {
        parts.push(format!("({}) leads to {} ({})", key.columns.join(", "), key.table, key.referred.join(", ")));
    }
    if !define.altered_columns.is_empty() {
        parts.push(format!("alter {}", define.altered_columns.join(", ")));
    }
    if let Some(index) = &define.created_index {
        parts.push(format!("index {index}"));
    }
    if define.converts_text {
        parts.push("convert".to_owned());
    }
    parts.join("; ")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(picture(text), expected, "{text}");
}
