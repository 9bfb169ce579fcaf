//! What no client may send, whatever its role: refused on the tokens, whether or not sqlparser understands them.
//!
//! It asks three questions: does the statement reach files, accounts, the server's own schemas or its settings;
//! does it hide code from this gate; does it change how later text is read. It is the second net: the first is that
//! only statements of known kinds go on, each read to its last token, with its names resolved (`analyse`, `names`).

use sqlparser::tokenizer::{Token, Word};

use crate::sql::ddl;
use crate::sql::read::error::SqlError;
use crate::sql::read::head::first_word;
use crate::sql::read::source::Sql;

/// Schemas of the server and of this program.
const CLOSED_SCHEMAS: [&str; 4] = ["mysql", "sys", "_autoscaler", "performance_schema"];

/// Session variables that decide how SQL text is read: with another value this module reads it wrongly.
const LEXICAL_VARIABLES: [&str; 7] = [
    "sql_mode",
    "character_set_client",
    "character_set_connection",
    "collation_connection",
    "character_set_results",
    "character_set_filesystem",
    "old_mode",
];

const OF_SERVER: &str = "it is about the server, not about rows";
/// Functions that reach files, accounts, replication or what plugins keep, with hints; `_` at the end stands for all that
/// begin so. Those of plugins and loadable functions ask for no privilege, or for less than they do.
const CLOSED_FUNCTIONS: [(&str, &str); 28] = [
    ("LOAD_FILE", "files of the shard are out of reach"),
    ("ROLES_GRAPHML", OF_SERVER),
    ("SOURCE_POS_WAIT", OF_SERVER),
    ("MASTER_POS_WAIT", OF_SERVER),
    ("MASTER_GTID_WAIT", OF_SERVER),
    ("WAIT_FOR_EXECUTED_GTID_SET", OF_SERVER),
    ("WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS", OF_SERVER),
    ("BINLOG_GTID_POS", OF_SERVER),
    ("PS_THREAD_ID", OF_SERVER),
    ("PS_CURRENT_THREAD_ID", OF_SERVER),
    ("WSREP_", OF_SERVER),
    ("ASYNCHRONOUS_CONNECTION_FAILOVER_", OF_SERVER),
    ("GROUP_REPLICATION_", OF_SERVER),
    ("SERVICE_", OF_SERVER),
    ("KEYRING_", OF_SERVER),
    ("AUDIT_", OF_SERVER),
    ("MYSQL_FIREWALL_", OF_SERVER),
    ("SET_FIREWALL_", OF_SERVER),
    ("READ_FIREWALL_", OF_SERVER),
    ("VERSION_TOKENS_", OF_SERVER),
    ("MYSQLX_", OF_SERVER),
    ("MYSQL_QUERY_ATTRIBUTE_", OF_SERVER),
    ("MASKING_DICTIONARY", OF_SERVER),
    ("MASKING_DICTIONARY_", OF_SERVER),
    ("INTERNAL_", OF_SERVER),
    ("SYS_EXEC", OF_SERVER),
    ("SYS_EVAL", OF_SERVER),
    ("SYS_SET", OF_SERVER),
];

pub fn check(sql: &Sql) -> Result<(), SqlError> {
    check_statement(sql)?;
    for i in 0..sql.tokens.len() {
        check_anywhere(sql, i)?;
    }
    check_joined_columns(sql)?;
    Ok(())
}

/// MariaDB 10.11 ends with a signal over some columns of three parts beside NATURAL or USING, already when it prepares the
/// statement.
fn check_joined_columns(sql: &Sql) -> Result<(), SqlError> {
    if !sql.names_any(&["NATURAL", "USING"]) {
        return Ok(());
    }
    match crate::sql::read::names::qualified(sql).iter().find(|name| name.parts.len() > 2) {
        Some(name) => {
            let construct = format!("the name {} beside NATURAL or USING", name.parts.join("."));
            Err(SqlError::not_allowed(construct, "leave the database out"))
        }
        None => Ok(()),
    }
}

const ADMIN_HINT: &str = "do it on the shard itself, as an administrator";
const HIDDEN_HINT: &str = "send the statement itself, with params";

/// What the first words tell.
fn check_statement(sql: &Sql) -> Result<(), SqlError> {
    let start = first_word(sql);
    let Some(word) = sql.word(start) else {
        return Ok(());
    };
    let verb = word.value.to_ascii_uppercase();
    match verb.as_str() {
        "GRANT" | "REVOKE" | "INSTALL" | "UNINSTALL" | "SHUTDOWN" | "RESTART" | "KILL" | "FLUSH" | "RESET"
        | "PURGE" | "CHANGE" | "STOP" | "CLONE" | "BINLOG" | "BACKUP" | "CACHE" => {
            Err(SqlError::not_allowed(verb, ADMIN_HINT))
        }
        "LOAD" | "IMPORT" => Err(SqlError::not_allowed(verb, "insert the rows with INSERT")),
        "PREPARE" | "EXECUTE" | "DEALLOCATE" | "CALL" => Err(SqlError::not_allowed(verb, HIDDEN_HINT)),
        "XA" => Err(SqlError::not_allowed(verb, "the router runs its own two-phase commit")),
        "START" if !sql.is_word(start + 1, "TRANSACTION") => {
            Err(SqlError::not_allowed("START of replication", ADMIN_HINT))
        }
        "LOCK" | "UNLOCK" if sql.is_word(start + 1, "INSTANCE") => {
            Err(SqlError::not_allowed("LOCK INSTANCE", ADMIN_HINT))
        }
        "CREATE" | "ALTER" | "DROP" | "RENAME" | "TRUNCATE" => ddl::check(sql),
        "SET" => check_set(sql, start + 1),
        "SHOW" => check_show(sql, start + 1),
        "EXPLAIN" | "DESCRIBE" | "DESC" => check_explain(sql, start + 1),
        "USE" => match sql.tokens.get(start + 1).map(|lexeme| &lexeme.token) {
            Some(Token::Word(word)) if is_closed_schema(word) => Err(closed_schema(word)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_set(sql: &Sql, first: usize) -> Result<(), SqlError> {
    for (word, hint) in [
        ("PASSWORD", ADMIN_HINT),
        ("ROLE", ADMIN_HINT),
        ("DEFAULT", ADMIN_HINT),
        ("RESOURCE", ADMIN_HINT),
        ("STATEMENT", "send the statement by itself"),
    ] {
        if sql.is_word(first, word) {
            return Err(SqlError::not_allowed(format!("SET {word}"), hint));
        }
    }
    for i in first..sql.tokens.len() {
        let Token::Word(Word { value, .. }) = &sql.tokens[i].token else {
            continue;
        };
        let qualified = value.starts_with("@@");
        if value.starts_with('@') && !qualified {
            continue;
        }
        let variable = value.trim_start_matches('@');
        if sql.is_word(i, "AUTHORIZATION") {
            return Err(SqlError::not_allowed("SET SESSION AUTHORIZATION", ADMIN_HINT));
        }
        let scope = ["GLOBAL", "PERSIST", "PERSIST_ONLY"].iter().find(|scope| variable.eq_ignore_ascii_case(scope));
        if let Some(scope) = scope
            && (qualified || sql.word(i).is_some())
        {
            return Err(SqlError::not_allowed(format!("SET {scope}"), ADMIN_HINT));
        }
        if LEXICAL_VARIABLES.iter().any(|lexical| variable.eq_ignore_ascii_case(lexical)) && assigned(sql, i + 1) {
            return Err(SqlError::not_allowed(
                format!("SET {variable}"),
                "the router pins it, to read SQL as the shard does",
            ));
        }
        let charset = sql.are_words(i, &["CHARACTER", "SET"]) || sql.is_word(i, "CHARSET");
        if charset && starts_assignment(sql, first, i) {
            return Err(SqlError::not_allowed("SET CHARACTER SET", "the connection speaks utf8mb4"));
        }
        if sql.is_word(i, "NAMES") && starts_assignment(sql, first, i) {
            let charset = sql.tokens.get(i + 1).and_then(|lexeme| spelled(&lexeme.token)).unwrap_or_default();
            if !charset.eq_ignore_ascii_case("utf8mb4") {
                return Err(SqlError::not_allowed(format!("SET NAMES {charset}"), "the connection speaks utf8mb4"));
            }
        }
    }
    Ok(())
}

fn assigned(sql: &Sql, i: usize) -> bool {
    sql.is_token(i, &Token::Eq) || sql.is_token(i, &Token::Assignment)
}

fn starts_assignment(sql: &Sql, first: usize, i: usize) -> bool {
    i == first || sql.is_token(i - 1, &Token::Comma)
}

/// What shows other clients, accounts, logs or the server's insides.
fn check_show(sql: &Sql, first: usize) -> Result<(), SqlError> {
    const CLOSED: [&str; 15] = [
        "GRANTS",
        "PROCESSLIST",
        "ENGINE",
        "BINLOG",
        "BINARY",
        "MASTER",
        "SLAVE",
        "REPLICA",
        "REPLICAS",
        "RELAYLOG",
        "ALL",
        "EXPLAIN",
        "ANALYZE",
        "USER_STATISTICS",
        "CLIENT_STATISTICS",
    ];
    let subject = first + usize::from(sql.is_word(first, "FULL"));
    if sql.are_words(first, &["CREATE", "USER"]) {
        return Err(SqlError::not_allowed("SHOW CREATE USER", ADMIN_HINT));
    }
    if let Some(closed) = CLOSED.iter().find(|word| sql.is_word(subject, word)) {
        return Err(SqlError::not_allowed(format!("SHOW {closed}"), ADMIN_HINT));
    }
    for i in first..sql.tokens.len().saturating_sub(1) {
        let names_schema = ["FROM", "IN", "DATABASE", "SCHEMA", "EXISTS"].iter().any(|word| sql.is_word(i, word));
        match &sql.tokens[i + 1].token {
            Token::Word(word) if names_schema && is_closed_schema(word) => {
                return Err(closed_schema(word));
            }
            _ => {}
        }
    }
    Ok(())
}

/// sqlparser parses EXPLAIN EXPLAIN EXPLAIN …, each on more stack, though no server takes it.
fn check_explain(sql: &Sql, first: usize) -> Result<(), SqlError> {
    const EXPLAINS: [&str; 3] = ["EXPLAIN", "DESCRIBE", "DESC"];
    const EXPLAINED: [&str; 8] = ["SELECT", "WITH", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE"];
    for i in first..sql.tokens.len() {
        if EXPLAINS.iter().any(|word| sql.is_word(i, word)) {
            return Err(SqlError::Malformed("EXPLAIN of an EXPLAIN".to_owned()));
        }
        if EXPLAINED.iter().any(|word| sql.is_word(i, word)) {
            break;
        }
    }
    Ok(())
}

/// What is refused wherever it stands, in subqueries and in statements that sqlparser cannot parse alike.
fn check_anywhere(sql: &Sql, i: usize) -> Result<(), SqlError> {
    match &sql.tokens[i].token {
        // `@`, with no name behind it, and what sqlparser makes of `@>` and `@?`.
        Token::AtSign | Token::AtAt | Token::AtArrow | Token::AtQuestion | Token::AtDashAt => {
            Err(SqlError::not_allowed("a quoted user variable", "write its name without quotes, as in @name"))
        }
        Token::Word(word) if is_closed_schema(word) && sql.is_token(i + 1, &Token::Period) => Err(closed_schema(word)),
        // MariaDB and MySQL find a native function under a quoted name, too.
        Token::Word(word) if sql.is_token(i + 1, &Token::LParen) => {
            let begins =
                |name: &str| word.value.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
            let closed = |(name, _): &&(&str, &str)| match name.ends_with('_') {
                true => begins(name),
                false => word.value.eq_ignore_ascii_case(name),
            };
            match CLOSED_FUNCTIONS.iter().find(closed) {
                Some((_, hint)) => Err(SqlError::not_allowed(word.value.to_uppercase(), hint)),
                None => Ok(()),
            }
        }
        Token::Word(_) if sql.are_words(i, &["PROCEDURE", "ANALYSE"]) => {
            Err(SqlError::not_allowed("PROCEDURE ANALYSE", "ask for MIN, MAX and COUNT"))
        }
        Token::Word(_) if sql.is_word(i, "INTO") => {
            match ["OUTFILE", "DUMPFILE"].iter().find(|w| sql.is_word(i + 1, w)) {
                Some(word) => Err(SqlError::not_allowed(format!("INTO {word}"), "read the rows from the answer")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn is_closed_schema(word: &Word) -> bool {
    CLOSED_SCHEMAS.iter().any(|schema| word.value.eq_ignore_ascii_case(schema))
}

fn closed_schema(word: &Word) -> SqlError {
    SqlError::not_allowed(
        format!("the schema {}", word.value.to_ascii_lowercase()),
        "it belongs to the server or to the autoscaler",
    )
}

/// A name or string as it stands between its quotes.
fn spelled(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(&word.value),
        Token::SingleQuotedString(raw) | Token::DoubleQuotedString(raw) => Some(raw),
        _ => None,
    }
}
