//! Statements that act on a session, and what of a session stands in other statements.

use std::ops::Range;

use sqlparser::ast::{SelectItem, SetExpr, Statement};
use sqlparser::tokenizer::Token;

use crate::sql::meaning::leftovers::system_variable;
use crate::sql::read::error::Unsupported;
use crate::sql::read::head::Head;
use crate::sql::read::source::Sql;
use crate::sql::text::clauses::select_clauses;
use crate::sql::text::splice::splice;

/// A statement that acts on the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Begin {
        read_only: bool,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    /// With the savepoint's name as written.
    RollbackTo(String),
    Savepoint(String),
    Release(String),
    Set(Vec<Setting>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    Autocommit(bool),
    /// `@name = expression`: the name in lower case, without `@`.
    Variable(String, String),
    /// What every connection has anyway.
    Nothing,
}

/// The command that a statement is; `None` if it acts on rows.
pub fn command(sql: &Sql) -> Result<Option<Command>, Unsupported> {
    let Head::Session(words) = sql.head() else { return Ok(None) };
    let refuse = |hint: &str| Err(Unsupported::with_hint(words, hint));
    let count = sql.tokens.len();
    let is = |from: usize, expected: &[&str]| sql.are_words(from, expected) && count == from + expected.len();
    let work = usize::from(sql.is_word(1, "WORK"));
    // COMMIT [WORK] [AND [NO] CHAIN] [NO RELEASE]
    let chain = |from: usize| match () {
        () if count == from || is(from, &["AND", "NO", "CHAIN"]) || is(from, &["NO", "RELEASE"]) => Ok(false),
        () if is(from, &["AND", "CHAIN"]) => Ok(true),
        () => Err(Unsupported::new(format!("this form of {words}"))),
    };
    let name = |at: usize| match &sql.tokens.get(at).map(|lexeme| &lexeme.token) {
        Some(Token::Word(_)) if count == at + 1 => Ok(sql.slice(sql.tokens[at].range.clone()).to_owned()),
        _ => Err(Unsupported::new(format!("this form of {words}"))),
    };
    Ok(Some(match words {
        "BEGIN" if count == 1 + work => Command::Begin { read_only: false },
        "START TRANSACTION" if count == 2 || is(2, &["READ", "WRITE"]) => Command::Begin { read_only: false },
        "START TRANSACTION" if is(2, &["READ", "ONLY"]) => Command::Begin { read_only: true },
        "START TRANSACTION" => return refuse("each shard has its own snapshot, from its first use on"),
        "COMMIT" => Command::Commit { chain: chain(1 + work)? },
        "ROLLBACK" => match sql.is_word(1 + work, "TO") {
            true => Command::RollbackTo(name(2 + work + usize::from(sql.is_word(2 + work, "SAVEPOINT")))?),
            false => Command::Rollback { chain: chain(1 + work)? },
        },
        "SAVEPOINT" => Command::Savepoint(name(1)?),
        "RELEASE SAVEPOINT" => Command::Release(name(2)?),
        "SET" => Command::Set(settings(sql)?),
        "TEMPORARY TABLE" => return refuse("use an ordinary table"),
        "USE" => return refuse("the router serves one database"),
        "LOCK TABLES" | "UNLOCK TABLES" => return refuse("use a transaction and SELECT … FOR UPDATE"),
        _ => return refuse("leave it out"),
    }))
}

fn settings(sql: &Sql) -> Result<Vec<Setting>, Unsupported> {
    let mut settings = Vec::new();
    let mut begin = 1;
    let ends = (1..sql.tokens.len()).filter(|&i| sql.is_token(i, &Token::Comma) && sql.tokens[i].depth == 0);
    for end in ends.chain([sql.tokens.len()]) {
        settings.push(setting(sql, begin, end)?);
        begin = end + 1;
    }
    Ok(settings)
}

fn setting(sql: &Sql, begin: usize, end: usize) -> Result<Setting, Unsupported> {
    let scope = usize::from(sql.is_word(begin, "SESSION") || sql.is_word(begin, "LOCAL"));
    let mut at = begin + scope;
    // @@session.name
    let is_scope = |name: &str| ["@@session", "@@local"].iter().any(|scope| name.eq_ignore_ascii_case(scope));
    if sql.word(at).is_some_and(|word| is_scope(&word.value)) && sql.is_token(at + 1, &Token::Period) {
        at += 2;
    }
    let refuse = || {
        let tokens = &sql.tokens[begin.min(sql.tokens.len() - 1)..end];
        let what = tokens.first().map_or("", |lexeme| sql.slice(lexeme.range.clone()));
        Unsupported::with_hint(format!("SET {what}"), "only autocommit and user variables can be set")
    };
    // NAMES utf8mb4, which is all that is let through.
    if sql.is_word(at, "NAMES") {
        return Ok(Setting::Nothing);
    }
    let name = sql.word(at).map(|word| word.value.clone()).ok_or_else(refuse)?;
    let is_assigned = sql.is_token(at + 1, &Token::Eq) || sql.is_token(at + 1, &Token::Assignment);
    let value = sql.tokens.get(at + 2..end).filter(|tokens| is_assigned && !tokens.is_empty()).ok_or_else(refuse)?;
    let text = sql.slice(value[0].range.start..value[value.len() - 1].range.end);
    let system = name.strip_prefix("@@");
    match (system.unwrap_or(&name).to_ascii_lowercase().as_str(), text.to_ascii_lowercase().as_str()) {
        ("autocommit", "1" | "on" | "true") => Ok(Setting::Autocommit(true)),
        ("autocommit", "0" | "off" | "false") => Ok(Setting::Autocommit(false)),
        (variable, _) if system.is_none() && variable.starts_with('@') => {
            Ok(Setting::Variable(variable[1..].to_owned(), text.to_owned()))
        }
        _ => Err(refuse()),
    }
}

/// What of a session a statement may name.
pub trait SessionValues {
    /// A user variable as a literal, by its name in lower case.
    fn variable(&self, name: &str) -> String;
    fn last_insert_id(&self) -> u64;
    fn row_count(&self) -> i64;
    fn found_rows(&self) -> u64;
}

/// The statement with the session's values in place of what names them; `None` if nothing does.
pub fn with_session_values(sql: &Sql, values: &impl SessionValues) -> Result<Option<String>, Unsupported> {
    /// A variable may be named often, and each time its whole value is put in.
    const MOST_BYTES: usize = 4 << 20;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut bytes = 0;
    for i in 0..sql.tokens.len() {
        let Some(word) = sql.word(i) else { continue };
        let name = word.value.to_ascii_lowercase();
        if let Some(variable) = name.strip_prefix('@').filter(|variable| !variable.starts_with('@')) {
            if sql.is_token(i + 1, &Token::Assignment) || i > 0 && sql.is_word(i - 1, "INTO") {
                return Err(Unsupported::with_hint("assigning user variables in a query", "use SET @name = …"));
            }
            let value = values.variable(variable);
            bytes += value.len();
            if bytes > MOST_BYTES {
                let construct = format!("more than {MOST_BYTES} bytes of user variables in one statement");
                return Err(Unsupported::with_hint(construct, "send the values as params"));
            }
            edits.push((sql.tokens[i].range.clone(), value));
            continue;
        }
        if let Some((variable, tokens)) = system_variable(sql, i)
            && ["identity", "last_insert_id"].contains(&variable.as_str())
        {
            let range = sql.tokens[i].range.start..sql.tokens[i + tokens - 1].range.end;
            edits.push((range, values.last_insert_id().to_string()));
            continue;
        }
        if !sql.is_token(i + 1, &Token::LParen) {
            continue;
        }
        let value = match name.as_str() {
            "last_insert_id" => values.last_insert_id().to_string(),
            "row_count" => values.row_count().to_string(),
            "found_rows" => values.found_rows().to_string(),
            _ => continue,
        };
        if !sql.is_token(i + 2, &Token::RParen) {
            return Err(Unsupported::new(format!("{}(expression)", name.to_uppercase())));
        }
        edits.push((sql.tokens[i].range.start..sql.tokens[i + 2].range.end, value));
    }
    if edits.is_empty() {
        return Ok(None);
    }
    let labels = labels(sql, &edits);
    edits.extend(labels);
    Ok(Some(splice(&sql.text, edits)))
}

/// Names for the items of a SELECT whose text is their name.
fn labels(sql: &Sql, edits: &[(Range<usize>, String)]) -> Vec<(Range<usize>, String)> {
    let (Some(clauses), Ok(Statement::Query(query))) = (select_clauses(sql), &sql.statement) else { return Vec::new() };
    let SetExpr::Select(select) = &*query.body else { return Vec::new() };
    let items = select.projection.iter().zip(&clauses.items);
    items
        .filter(|(item, range)| {
            // The edits are in the order of the text.
            let first = edits.partition_point(|(edit, _)| edit.start < range.start);
            let is_edited = edits.get(first).is_some_and(|(edit, _)| edit.end <= range.end);
            matches!(item, SelectItem::UnnamedExpr(_)) && is_edited
        })
        .map(|(_, range)| (range.end..range.end, format!(" AS {}", keyspace::schema::quote(sql.slice(range.clone())))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    fn check(text: &str, expected: Command) {
        assert_eq!(command(&read(text, &[]).unwrap()), Ok(Some(expected)), "{text}");
    }

    #[test]
    fn commands_are_understood() {
        check("begin", Command::Begin { read_only: false });
        check("START TRANSACTION READ ONLY", Command::Begin { read_only: true });
        check("COMMIT WORK AND CHAIN", Command::Commit { chain: true });
        check("rollback and no chain", Command::Rollback { chain: false });
        check("ROLLBACK TO SAVEPOINT `a b`", Command::RollbackTo("`a b`".to_owned()));
        check("ROLLBACK WORK TO a", Command::RollbackTo("a".to_owned()));
        check("RELEASE SAVEPOINT a", Command::Release("a".to_owned()));
        check("SET autocommit=0", Command::Set(vec![Setting::Autocommit(false)]));
        check(
            "SET @A = 1 + f(2, 3), @@session.autocommit = ON, NAMES utf8mb4",
            Command::Set(vec![
                Setting::Variable("a".to_owned(), "1 + f(2, 3)".to_owned()),
                Setting::Autocommit(true),
                Setting::Nothing,
            ]),
        );
    }

    #[test]
    fn what_is_no_command_or_none_of_ours() {
        assert_eq!(command(&read("SELECT 1", &[]).unwrap()), Ok(None));
        for text in ["START TRANSACTION WITH CONSISTENT SNAPSHOT", "USE d", "LOCK TABLES t READ", "SET foo = 1"] {
            assert!(command(&read(text, &[]).unwrap()).is_err(), "{text}");
        }
    }

    struct Values;

    impl SessionValues for Values {
        fn variable(&self, name: &str) -> String {
            format!("'{name}'")
        }
        fn last_insert_id(&self) -> u64 {
            7
        }
        fn row_count(&self) -> i64 {
            -1
        }
        fn found_rows(&self) -> u64 {
            3
        }
    }

    #[test]
    fn values_of_the_session_are_put_in() {
        let check = |text: &str, expected: Option<&str>| {
            let found = with_session_values(&read(text, &[]).unwrap(), &Values).unwrap();
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("SELECT 1", None);
        check("SELECT @A, a + @b AS c", Some("SELECT 'a' AS `@A`, a + 'b' AS c"));
        check("INSERT INTO t VALUES (LAST_INSERT_ID(), ROW_COUNT())", Some("INSERT INTO t VALUES (7, -1)"));
        check("SELECT last_insert_id()", Some("SELECT 7 AS `last_insert_id()`"));
        check("SELECT @@session.identity, @@version", Some("SELECT 7 AS `@@session.identity`, @@version"));
        assert!(with_session_values(&read("SELECT @a := 1", &[]).unwrap(), &Values).is_err());
        assert!(with_session_values(&read("SELECT LAST_INSERT_ID(5)", &[]).unwrap(), &Values).is_err());
    }
}
