//! Functions, procedures, views and triggers of users: brought to a target that lacks them.
//!
//! Each keeps the SQL mode and the collation under which it was made, and works with the rights of its definer. Events
//! are not copied: each shard would run them.

use keyspace::literal::quote_text;
use keyspace::mysql::er;
use keyspace::schema::quote;
use tokio::time::{Duration, Instant};

use crate::connection::{Connection, error_number, into_text, texts};
use crate::error::MoveError;
use crate::triggers::{PREFIX, lock_table};

/// What servers say if the account may not create something, or not in the name of its definer.
const DENIED: [u16; 6] = [
    er::DBACCESS_DENIED,
    er::TABLEACCESS_DENIED,
    er::SPECIFIC_ACCESS_DENIED,
    er::PROCACCESS_DENIED,
    er::BINLOG_UNSAFE_ROUTINE,
    er::BINLOG_CREATE_ROUTINE_NEED_SUPER,
];
/// The view, routine or trigger exists.
const EXISTS: [u16; 3] = [er::TABLE_EXISTS, er::SP_ALREADY_EXISTS, er::TRG_ALREADY_EXISTS];

/// One of them as a server shows it.
struct Program {
    /// As SQL names it: `FUNCTION` and so on.
    kind: String,
    name: String,
    statement: String,
    /// `None` for views, which keep none.
    sql_mode: Option<String>,
    collation: String,
}

/// What programs are made under must not stay with the connection.
struct Settings {
    sql_mode: String,
    collation: String,
}

/// Creates the functions and procedures that the target lacks; refuses those that differ.
pub(crate) async fn copy_routines(source: &mut Connection, target: &mut Connection) -> Result<(), MoveError> {
    // Packages sort before their bodies.
    let names = "SELECT CAST(ROUTINE_TYPE AS CHAR),CAST(ROUTINE_NAME AS CHAR) FROM information_schema.ROUTINES \
         WHERE ROUTINE_SCHEMA=DATABASE() ORDER BY 1,2";
    let present = target.fetch(names).await?;
    for row in source.fetch(names).await? {
        let is_present = present.contains(&row);
        let [kind, name] = texts(row);
        let here = fetch(source, &kind, &name).await?;
        match (here, is_present) {
            (Some(here), true) => {
                if let Some(there) = fetch(target, &kind, &name).await? {
                    compare(&here, &there, target)?;
                }
            }
            (Some(here), false) => create(target, &here).await?,
            // Who may not see it cannot tell what it does, either.
            (None, true) => {}
            (None, false) => {
                let remedy = format!("create it on {} or let the scaler's account see it here", target.shard);
                return Err(unfit(
                    source,
                    format!("the text of {kind} {} is hidden from its account", quote(&name)),
                    remedy,
                ));
            }
        }
    }
    Ok(())
}

/// Creates one view.
pub(crate) async fn create_view(source: &mut Connection, target: &mut Connection, name: &str) -> Result<(), MoveError> {
    match fetch(source, "VIEW", name).await? {
        Some(view) => create(target, &view).await,
        // It was dropped meanwhile.
        None => Ok(()),
    }
}

/// Creates the triggers of a table that the target lacks, in their order; refuses those that differ.
pub(crate) async fn copy_triggers(
    source: &mut Connection,
    target: &mut Connection,
    table: &str,
) -> Result<(), MoveError> {
    /// As for our own triggers.
    const LOCK_DEADLINE: Duration = Duration::from_secs(60);
    let wanted = trigger_names(source, table).await?;
    if wanted.is_empty() {
        return Ok(());
    }
    let present = trigger_names(target, table).await?;
    for [when, name] in &wanted {
        let Some(here) = fetch(source, "TRIGGER", name).await? else { continue };
        if present.iter().any(|[_, other]| other == name) {
            if let Some(there) = fetch(target, "TRIGGER", name).await? {
                compare(&here, &there, target)?;
            }
            continue;
        }
        tracing::info!(shard = %target.shard, table, trigger = name, when, "creating a trigger that the shard lacks");
        lock_table(target, table, Some(Instant::now() + LOCK_DEADLINE)).await?;
        let created = create(target, &here).await;
        target.run("UNLOCK TABLES").await?;
        created?;
    }
    let mut order = trigger_names(target, table).await?;
    order.retain(|trigger| wanted.contains(trigger));
    if order != wanted {
        let reason = format!("triggers of table `{table}` run there in another order than on {}", source.shard);
        return Err(unfit(target, reason, "drop those that the table has there, a move creates them again".to_owned()));
    }
    Ok(())
}

/// When they run and what they are called, in the order in which they run. Not those of moves.
async fn trigger_names(connection: &mut Connection, table: &str) -> Result<Vec<[String; 2]>, MoveError> {
    let sql = format!(
        "SELECT CONCAT(ACTION_TIMING,' ',EVENT_MANIPULATION),CAST(TRIGGER_NAME AS CHAR) \
         FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=DATABASE() AND EVENT_OBJECT_TABLE={} \
         AND LEFT(TRIGGER_NAME,{})<>{} ORDER BY 1,ACTION_ORDER",
        quote_text(table),
        PREFIX.len(),
        quote_text(PREFIX)
    );
    Ok(connection.fetch(&sql).await?.into_iter().map(texts).collect())
}

/// `None` if it is gone, or its text is hidden from the account.
async fn fetch(connection: &mut Connection, kind: &str, name: &str) -> Result<Option<Program>, MoveError> {
    // The text comes in the character set of whoever made it unless another one is asked for.
    connection.run("SET character_set_results=utf8mb4").await?;
    let shown = connection.fetch(&format!("SHOW CREATE {kind} {}", quote(name))).await;
    connection.run("SET character_set_results=NULL").await?;
    let Some(row) = shown?.into_iter().next() else { return Ok(None) };
    let mut cells = row.into_iter().map(|cell| cell.map(into_text));
    let mut next = || cells.next().flatten();
    let shown_name = next();
    let sql_mode = if kind == "VIEW" { None } else { next() };
    let statement = next();
    let _client = next();
    let (Some(_), Some(statement), Some(collation)) = (shown_name, statement, next()) else { return Ok(None) };
    Ok(Some(Program { kind: kind.to_owned(), name: name.to_owned(), statement, sql_mode, collation }))
}

fn compare(here: &Program, there: &Program, target: &Connection) -> Result<(), MoveError> {
    // Each shard may have accounts of its own.
    let is_same = without_definer(&here.statement) == without_definer(&there.statement)
        && here.sql_mode == there.sql_mode
        && here.collation == there.collation;
    if is_same {
        return Ok(());
    }
    let reason = format!("{} {} is another one there than on the other shard", here.kind, quote(&here.name));
    Err(unfit(target, reason, "make them equal, or drop it there: a move creates it again".to_owned()))
}

async fn create(target: &mut Connection, program: &Program) -> Result<(), MoveError> {
    let Program { kind, name, .. } = program;
    let name = quote(name);
    let before = Settings::fetch(target).await?;
    let sql_mode = program.sql_mode.clone().unwrap_or_else(|| before.sql_mode.clone());
    Settings { sql_mode, collation: program.collation.clone() }.apply(target).await?;
    let created = target.run(&program.statement).await;
    // Asked for before anything else is done: the next statement clears them.
    let warnings = match &created {
        Ok(_) => target.fetch("SHOW WARNINGS").await?,
        Err(_) => Vec::new(),
    };
    before.apply(target).await?;
    match created {
        Err(error) if error_number(&error).is_some_and(|number| EXISTS.contains(&number)) => return Ok(()),
        Err(error) if error_number(&error).is_some_and(|number| DENIED.contains(&number)) => {
            let error = keyspace::errors::chain(&error);
            let reason = format!("{kind} {name} is missing there and cannot be created ({error})");
            return Err(unfit(target, reason, format!("create the {kind} there, or grant its account the right to")));
        }
        other => other?,
    };
    let has_no_definer = warnings.into_iter().map(texts).any(|[_, number, _]| number == er::NO_SUCH_USER.to_string());
    if has_no_definer {
        // It would fail whenever it is used.
        target.run(&format!("DROP {kind} {name}")).await?;
        let reason = format!("the account of the definer of {kind} {name} is missing there");
        return Err(unfit(target, reason, "create that account there".to_owned()));
    }
    Ok(())
}

impl Settings {
    async fn fetch(connection: &mut Connection) -> Result<Settings, MoveError> {
        let row = connection.fetch("SELECT @@SESSION.sql_mode,@@SESSION.collation_connection").await?;
        let [sql_mode, collation] = row.into_iter().next().map(texts).unwrap_or_default();
        Ok(Settings { sql_mode, collation })
    }

    async fn apply(&self, connection: &mut Connection) -> Result<(), MoveError> {
        let (sql_mode, collation) = (quote_text(&self.sql_mode), quote_text(&self.collation));
        connection.run(&format!("SET SESSION sql_mode={sql_mode}, collation_connection={collation}")).await.map(drop)
    }
}

/// The statement as if whoever creates it were its definer.
fn without_definer(statement: &str) -> String {
    const CLAUSE: &str = "DEFINER=";
    let Some((before, after)) = statement.split_once(CLAUSE).filter(|(before, _)| !before.contains('(')) else {
        return statement.to_owned();
    };
    // An account is two quoted names around `@`; a role is one.
    let mut quote = None;
    let ends = after.char_indices().find(|&(_, c)| match quote {
        Some(open) => {
            if c == open {
                quote = None;
            }
            false
        }
        None if matches!(c, '`' | '"' | '\'') => {
            quote = Some(c);
            false
        }
        None => c.is_whitespace(),
    });
    match ends {
        Some((end, _)) => format!("{before}{}", after[end..].trim_start()),
        None => statement.to_owned(),
    }
}

fn unfit(connection: &Connection, reason: String, remedy: String) -> MoveError {
    MoveError::UnfitServer { shard: connection.shard.to_string(), reason, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &str, expected: &str) {
        assert_eq!(without_definer(statement), expected);
    }

    #[test]
    fn programs_are_compared_without_their_definers() {
        check("CREATE DEFINER=`a p`@`%` TRIGGER t AFTER INSERT", "CREATE TRIGGER t AFTER INSERT");
        check("CREATE DEFINER=\"app\"@\"%\" FUNCTION `f`()", "CREATE FUNCTION `f`()");
        check("CREATE DEFINER=`role` PROCEDURE `p`()", "CREATE PROCEDURE `p`()");
        check(
            "CREATE FUNCTION f() RETURNS INT RETURN 'DEFINER=x y'",
            "CREATE FUNCTION f() RETURNS INT RETURN 'DEFINER=x y'",
        );
    }
}
