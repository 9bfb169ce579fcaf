//! What a statement reads of the connection it runs on, where an earlier statement may be another client's.
//!
//! Connections are pooled: what one statement leaves on them (ids, warnings, seeds, locks) the next user would find.
//! A session's own values are kept by the router and put into the text (`command`); everything else is refused.

use sqlparser::tokenizer::Token;

use crate::sql::read::error::Unsupported;
use crate::sql::read::names;
use crate::sql::read::source::Sql;

/// Session variables that statements change by themselves, of those without a global value on MariaDB 10.11 and MySQL 9.7
/// (the others of these are constants of the connection or the clock).
pub const LEFT_VARIABLES: [&str; 12] = [
    "last_insert_id",
    "identity",
    "insert_id",
    "warning_count",
    "error_count",
    "rand_seed1",
    "rand_seed2",
    "in_transaction",
    "last_gtid",
    "gtid_seq_no",
    "wsrep_gtid_seq_no",
    "statement_id",
];

/// Functions of the session that the router answers by itself where there is one.
const OF_SESSION: [&str; 3] = ["last_insert_id", "found_rows", "row_count"];
/// Functions of locks that belong to a connection.
const OF_LOCKS: [&str; 5] = ["get_lock", "release_lock", "release_all_locks", "is_used_lock", "is_free_lock"];
/// Functions that tell what the connection drew from a sequence.
const OF_SEQUENCES: [&str; 1] = ["lastval"];

const SESSION_HINT: &str = "send the header X-Session-Id: statements of one name are one session";

/// Refuses what would mean something else on the next connection of a pool.
///
/// # Errors
/// `Unsupported`, with the function or variable.
pub fn refuse(sql: &Sql) -> Result<(), Unsupported> {
    if let Some(variable) = sql.user_variable() {
        return Err(Unsupported::with_hint(format!("the user variable {variable} without a session"), SESSION_HINT));
    }
    if let Some(function) = sql.calls(&OF_SESSION) {
        let function = function.to_uppercase();
        return Err(Unsupported::with_hint(format!("{function}() without a session"), SESSION_HINT));
    }
    if let Some(function) = sql.calls(&OF_LOCKS) {
        let hint = "its lock would belong to a connection that others use: lock a row with SELECT … FOR UPDATE";
        return Err(Unsupported::with_hint(format!("{}()", function.to_uppercase()), hint));
    }
    if let Some(function) = sql.calls(&OF_SEQUENCES) {
        return Err(of_connection(format!("{}()", function.to_uppercase())));
    }
    for at in 0..sql.tokens.len() {
        if sql.are_words(at, &["PREVIOUS", "VALUE", "FOR"]) {
            return Err(of_connection("PREVIOUS VALUE FOR".to_owned()));
        }
        if let Some((name, _)) = system_variable(sql, at)
            && LEFT_VARIABLES.contains(&name.as_str())
        {
            return Err(match name.as_str() {
                "identity" | "last_insert_id" => {
                    Unsupported::with_hint(format!("@@{name} without a session"), SESSION_HINT)
                }
                _ => of_connection(format!("@@{name}")),
            });
        }
    }
    Ok(())
}

fn of_connection(construct: String) -> Unsupported {
    Unsupported::with_hint(construct, "it tells what the last user of a connection left there")
}

/// The system variable that begins at a token, `@@name` or `@@session.name`, in lower case, and how many tokens it is.
pub fn system_variable(sql: &Sql, at: usize) -> Option<(String, usize)> {
    let first = sql.word(at)?.value.strip_prefix("@@")?.to_ascii_lowercase();
    match first.as_str() {
        "session" | "local" | "global" if sql.is_token(at + 1, &Token::Period) => {
            Some((names::part(sql, at + 2)?.to_ascii_lowercase(), 3))
        }
        _ => Some((first, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    #[test]
    fn what_others_left_is_refused_by_name() {
        let check = |text: &str, construct: &str| {
            let found = refuse(&read(text, &[]).unwrap()).map_err(|unsupported| unsupported.construct);
            assert_eq!(found, Err(construct.to_owned()), "{text}");
        };
        check("SELECT @a", "the user variable @a without a session");
        check("SELECT Last_Insert_Id ()", "LAST_INSERT_ID() without a session");
        check("SELECT @@LAST_INSERT_ID", "@@last_insert_id without a session");
        check("SELECT 1 + @@session.`identity`", "@@identity without a session");
        check("SELECT @@local . warning_count", "@@warning_count");
        check("SELECT @@error_count", "@@error_count");
        check("SELECT GET_LOCK('a', 1)", "GET_LOCK()");
        check("SELECT PREVIOUS VALUE FOR s", "PREVIOUS VALUE FOR");
        check("SELECT LASTVAL(s)", "LASTVAL()");
        for text in ["SELECT @@version, @@session.sql_mode, @@global.max_connections", "SELECT identity FROM t"] {
            assert_eq!(refuse(&read(text, &[]).unwrap()), Ok(()), "{text}");
        }
    }
}
