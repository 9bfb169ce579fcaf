//! Definitions of tables, and of what works on them: brought to the target, and compared.

mod programs;

use keyspace::literal::quote_text;
use keyspace::mysql::er;
use keyspace::schema::auto_increment::without_auto_increment;
use keyspace::schema::quote;
pub(crate) use programs::copy_triggers;

use crate::connection::{Connection, error_number, into_text};
use crate::error::MoveError;
use crate::rows::Cells;
use crate::table::MovedTable;

/// Creates on the target what the source has and it has not: tables, functions and procedures, then views, which may
/// use both. Safe to repeat.
pub(crate) async fn copy(source: &mut Connection, target: &mut Connection) -> Result<(), MoveError> {
    let names = |kind: &str| {
        format!(
            "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE={} ORDER BY TABLE_NAME",
            quote_text(kind)
        )
    };
    let present = target.fetch_texts(&names("BASE TABLE")).await?;
    for name in source.fetch_texts(&names("BASE TABLE")).await? {
        if !present.contains(&name) {
            create(target, &definition(source, &name).await?).await?;
        }
    }
    programs::copy_routines(source, target).await?;
    let present = target.fetch_texts(&names("VIEW")).await?;
    let mut waiting = source.fetch_texts(&names("VIEW")).await?;
    waiting.retain(|name| !present.contains(name));
    // A view may need another one that sorts behind it: go round as long as that helps.
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut failed = Vec::new();
        let mut last_error = None;
        for name in waiting {
            match programs::create_view(source, target, &name).await {
                Ok(()) => {}
                Err(error) => {
                    failed.push(name);
                    last_error = Some(error);
                }
            }
        }
        match last_error {
            Some(error) if failed.len() == before => return Err(error),
            _ => waiting = failed,
        }
    }
    Ok(())
}

/// Refuses tables that differ between the two sides: rows would not fit, or mean something else.
pub(crate) async fn compare<'t>(
    source: &mut Connection,
    target: &mut Connection,
    tables: impl Iterator<Item = &'t str>,
) -> Result<(), MoveError> {
    for table in tables {
        let (here, there) = (definition(source, table).await?, definition(target, table).await?);
        if without_auto_increment(&here) != without_auto_increment(&there) {
            return Err(MoveError::DefinitionsDiffer { table: table.to_owned(), target: target.shard.clone() });
        }
    }
    Ok(())
}

/// How many rows a move will copy, if rows are spread over slots evenly: `share` is its part of the source's slots.
///
/// The server's own estimate, which is off by some tens of percent at worst.
pub(crate) async fn expected_rows(
    source: &mut Connection,
    tables: &[MovedTable],
    share: f64,
) -> Result<u64, MoveError> {
    let estimates = "SELECT CAST(TABLE_NAME AS CHAR),CAST(TABLE_ROWS AS CHAR) FROM information_schema.TABLES \
         WHERE TABLE_SCHEMA=DATABASE() AND TABLE_TYPE='BASE TABLE'";
    let mut expected = 0.0;
    for row in source.fetch(estimates).await? {
        let mut cells = row.into_iter().map(|cell| cell.map(into_text).unwrap_or_default());
        let (name, rows) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let rows: f64 = rows.parse().unwrap_or_default();
        match tables.iter().find(|table| table.name == name) {
            Some(table) if table.is_reference() => expected += rows,
            Some(_) => expected += rows * share,
            None => {}
        }
    }
    Ok(expected as u64)
}

/// Raises the target's AUTO_INCREMENT to the source's, so that it gives no number twice.
pub(crate) async fn raise_auto_increment(
    source: &mut Connection,
    target: &mut Connection,
    tables: &[MovedTable],
) -> Result<(), MoveError> {
    for table in tables {
        let sql = format!(
            "SELECT CAST(AUTO_INCREMENT AS CHAR) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME={} AND AUTO_INCREMENT IS NOT NULL",
            quote_text(&table.name)
        );
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        let here = number(source.fetch_text(&sql).await?);
        let there = number(target.fetch_text(&sql).await?);
        if let Some(next) = here.filter(|&here| there.is_none_or(|there| there < here)) {
            target.run(&format!("ALTER TABLE {} AUTO_INCREMENT={next}", quote(&table.name))).await?;
        }
    }
    Ok(())
}

/// InnoDB's numbers of the tables. TRUNCATE and rebuilds fire no triggers, but they change these.
///
/// Empty where the account may not look (PROCESS privilege): then only the definitions are compared.
pub(crate) async fn identities(source: &mut Connection, tables: &[MovedTable]) -> Result<Vec<Cells>, MoveError> {
    let view = if source.mariadb { "INNODB_SYS_TABLES" } else { "INNODB_TABLES" };
    let names: Vec<String> = tables.iter().map(|table| quote_text(&table.name)).collect();
    let Some(first) = names.first() else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT NAME,TABLE_ID FROM information_schema.{view} WHERE NAME IN (CONCAT(DATABASE(),'/',{first}){}) ORDER BY NAME",
        names[1..].iter().map(|name| format!(",CONCAT(DATABASE(),'/',{name})")).collect::<String>()
    );
    match source.fetch(&sql).await {
        Err(error) if error_number(&error) == Some(er::SPECIFIC_ACCESS_DENIED) => Ok(Vec::new()),
        other => other,
    }
}

async fn definition(connection: &mut Connection, table: &str) -> Result<String, MoveError> {
    let rows = connection.fetch(&format!("SHOW CREATE TABLE {}", quote(table))).await?;
    Ok(second_cell(rows))
}

fn second_cell(rows: Vec<Cells>) -> String {
    rows.into_iter().next().and_then(|row| row.into_iter().nth(1)).flatten().map(into_text).unwrap_or_default()
}

/// Another mover may create the same table at the same time when two sources fill one target.
async fn create(target: &mut Connection, statement: &str) -> Result<(), MoveError> {
    match target.run(statement).await {
        Err(error) if error_number(&error) == Some(er::TABLE_EXISTS) => Ok(()),
        other => other.map(|_| ()),
    }
}
