//! FLOAT columns, which the text protocol prints with 6 digits only: they are read as DOUBLE.

use keyspace::schema::{Schema, Table, TableColumn, quote};

use super::refusal::Refusal;
use crate::sql::meaning::statement::{ColumnRef, Item, ItemKind, Scope, SelectList, TableUse};
use crate::sql::read::error::Unsupported;

/// The items with FLOAT columns cast to DOUBLE: the text protocol prints FLOAT with 6 digits only.
pub fn expand_floats(list: &SelectList, scope: &Scope, schema: &Schema) -> Result<Vec<(String, bool)>, Refusal> {
    let column_of = |column: &ColumnRef| {
        scope.tables.iter().find_map(|used| {
            let named = column.qualifier.as_ref().is_none_or(|qualifier| used.alias.eq_ignore_ascii_case(qualifier));
            if named { schema.table(&used.table.name)?.column(&column.name) } else { None }
        })
    };
    let mut items = Vec::new();
    for item in &list.items {
        match &item.kind {
            ItemKind::Column(column) if column_of(column).is_some_and(is_float) => {
                let label = item.alias.as_ref().unwrap_or(&column.name);
                items.push((format!("CAST({} AS DOUBLE) AS {}", item.text, quote(label)), true));
            }
            ItemKind::Wildcard { qualifier } => {
                if qualifier.is_none() && (scope.joins_columns || !scope.derived.is_empty()) {
                    let construct = "`*` over a FLOAT column beside derived tables or joined columns";
                    return Err(Unsupported::with_hint(construct, "name the columns").into());
                }
                let is_chosen = |used: &&TableUse| {
                    qualifier.as_ref().is_none_or(|qualifier| used.alias.eq_ignore_ascii_case(qualifier))
                };
                let chosen: Option<Vec<(&TableUse, &Table)>> = scope
                    .tables
                    .iter()
                    .filter(is_chosen)
                    .map(|used| Some((used, schema.table(&used.table.name)?)))
                    .collect();
                let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
                    // Not a table, or an unknown one, which is the server's to complain about.
                    items.push((item.text.clone(), false));
                    continue;
                };
                for (used, table) in chosen {
                    for column in table.columns.iter().filter(|column| !column.invisible) {
                        let name = format!("{}.{}", quote(&used.alias), quote(&column.name));
                        match is_float(column) {
                            true => items.push((format!("CAST({name} AS DOUBLE) AS {}", quote(&column.name)), true)),
                            false => items.push((name, false)),
                        }
                    }
                }
            }
            _ => items.push((labelled(item), false)),
        }
    }
    Ok(items)
}

pub fn is_float(column: &TableColumn) -> bool {
    column.data_type == "float"
}

/// An item with its label kept.
pub fn labelled(item: &Item) -> String {
    match &item.alias {
        Some(alias) => format!("{} AS {}", item.text, quote(alias)),
        None => item.text.clone(),
    }
}
