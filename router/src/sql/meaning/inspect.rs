//! SHOW, DESCRIBE and EXPLAIN, each form read to its last token: what is not known here shows nothing.
//!
//! What a server shows of itself is more than a client of one database may see: other databases, other clients'
//! statements, what the connection's last user left. So an answer is narrowed to the router's database where it would
//! hold more, and forms that cannot be narrowed are refused.

use keyspace::literal::quote_text;
use sqlparser::tokenizer::Token;

use crate::sql::meaning::leftovers::LEFT_VARIABLES;
use crate::sql::read::error::Unsupported;
use crate::sql::read::literal::decode_string;
use crate::sql::read::names;
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;

/// What a SHOW or DESCRIBE asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspect {
    /// Databases that it names, beside those of `tables`.
    pub databases: Vec<String>,
    pub tables: Vec<TableName>,
    /// Whether every shard would answer alike.
    pub is_alike: bool,
    /// The statement without its `narrowing`.
    text: String,
    narrowing: Option<Narrowing>,
    shown: VisibleRows,
}

/// LIKE or WHERE as the client wrote it.
#[derive(Debug, PartialEq, Eq)]
enum Narrowing {
    Like { literal: String, pattern: String },
    Where(String),
}

/// What of the answer is the client's to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VisibleRows {
    All,
    /// Routines of the router's database.
    OwnRoutines,
    /// Databases that are open to clients.
    OpenDatabases,
    /// Triggers but those of moves.
    UserTriggers,
    /// Variables but those that hold what an earlier statement left.
    Settings,
}

impl Inspect {
    /// The statement for a server, whose clients see this database.
    pub fn sql(&self, database: &str) -> String {
        let own = quote_text(database);
        let (like, shown) = match self.shown {
            VisibleRows::All => {
                return match &self.narrowing {
                    None => self.text.clone(),
                    Some(Narrowing::Like { literal, .. }) => format!("{} LIKE {literal}", self.text),
                    Some(Narrowing::Where(condition)) => format!("{} WHERE {condition}", self.text),
                };
            }
            // As bytes: their collation takes `Shop` for `shop`.
            VisibleRows::OwnRoutines => ("Name", format!("CAST(`Db` AS BINARY) = {own}")),
            VisibleRows::OpenDatabases => {
                ("Database", format!("CAST(`Database` AS BINARY) IN ({own}, 'information_schema')"))
            }
            VisibleRows::UserTriggers => ("Table", "`Trigger` NOT LIKE '\\_as\\_%'".to_owned()),
            VisibleRows::Settings => {
                let left = LEFT_VARIABLES.map(|name| format!("'{name}'")).join(", ");
                ("Variable_name", format!("LOWER(`Variable_name`) NOT IN ({left})"))
            }
        };
        match (&self.narrowing, self.shown) {
            (None, _) => format!("{} WHERE {shown}", self.text),
            // The server names the column after the pattern.
            (Some(Narrowing::Like { literal, pattern }), VisibleRows::OpenDatabases) => format!(
                "SELECT SCHEMA_NAME AS {} FROM information_schema.SCHEMATA \
                 WHERE SCHEMA_NAME LIKE {literal} AND CAST(SCHEMA_NAME AS BINARY) IN ({own}, 'information_schema') \
                 ORDER BY 1",
                keyspace::schema::quote(&format!("Database ({pattern})")),
            ),
            (Some(Narrowing::Like { literal, .. }), _) => {
                format!("{} WHERE `{like}` LIKE {literal} AND {shown}", self.text)
            }
            // The condition may end in a comment.
            (Some(Narrowing::Where(condition)), _) => format!("{} WHERE ({condition}\n) AND {shown}", self.text),
        }
    }
}

/// Reads a SHOW.
///
/// # Errors
/// Any form that is not one of these.
pub fn show(sql: &Sql) -> Result<Inspect, Unsupported> {
    let mut show = Reader::new(sql);
    let extended = show.takes(&["EXTENDED"]);
    let full = show.takes(&["FULL"]);
    if show.takes(&["TABLES"]) {
        show.database_after_from()?;
        return show.narrowed(VisibleRows::All, true);
    }
    if show.takes_one(&["COLUMNS", "FIELDS"]) {
        show.table_after_from()?;
        return show.narrowed(VisibleRows::All, true);
    }
    if !full && show.takes_one(&["INDEX", "INDEXES", "KEYS"]) {
        show.table_after_from()?;
        return show.narrowed(VisibleRows::All, true);
    }
    if extended || full {
        return Err(show.unknown());
    }
    if show.takes(&["TABLE", "STATUS"]) {
        show.database_after_from()?;
        return show.narrowed(VisibleRows::All, false);
    }
    if show.takes(&["TRIGGERS"]) {
        show.database_after_from()?;
        return show.narrowed(VisibleRows::UserTriggers, true);
    }
    if show.takes(&["EVENTS"]) {
        show.database_after_from()?;
        return show.narrowed(VisibleRows::All, true);
    }
    if show.takes(&["CREATE"]) {
        if show.takes_one(&["TABLE", "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "SEQUENCE"]) {
            show.table()?;
        } else if show.takes_one(&["DATABASE", "SCHEMA"]) {
            let _ = show.takes(&["IF", "NOT", "EXISTS"]);
            show.database()?;
        } else {
            return Err(show.unknown());
        }
        return show.whole(true);
    }
    if show.takes(&["FUNCTION", "STATUS"]) || show.takes(&["PROCEDURE", "STATUS"]) {
        return show.narrowed(VisibleRows::OwnRoutines, true);
    }
    if show.takes_one(&["DATABASES", "SCHEMAS"]) {
        return show.narrowed(VisibleRows::OpenDatabases, true);
    }
    if show.takes(&["CHARACTER", "SET"]) || show.takes_one(&["CHARSET", "COLLATION"]) {
        return show.narrowed(VisibleRows::All, true);
    }
    if show.takes(&["STORAGE", "ENGINES"]) || show.takes_one(&["ENGINES", "PRIVILEGES"]) {
        return show.whole(true);
    }
    // A session's status counts what others did on the connection.
    if show.takes(&["GLOBAL", "STATUS"]) {
        return show.narrowed(VisibleRows::All, false);
    }
    let _ = show.takes_one(&["GLOBAL", "SESSION", "LOCAL"]);
    if show.takes(&["VARIABLES"]) {
        return show.narrowed(VisibleRows::Settings, true);
    }
    Err(show.unknown())
}

/// Reads `DESCRIBE table [column | 'pattern']`.
///
/// # Errors
/// Any other form.
pub fn describe(sql: &Sql) -> Result<Inspect, Unsupported> {
    let mut describe = Reader::new(sql);
    describe.table()?;
    let shows_column = names::part(sql, describe.at).is_some()
        || matches!(describe.token(), Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)));
    describe.at += usize::from(shows_column);
    describe.whole(true)
}

/// The token at which the statement begins that an EXPLAIN explains.
///
/// # Errors
/// Any form that names another client's connection, another database or a variable, and one that would carry out a
/// change.
pub fn explained(sql: &Sql) -> Result<usize, Unsupported> {
    let mut explain = Reader::new(sql);
    let mut runs = false;
    loop {
        if explain.takes(&["FORMAT"]) {
            explain.at += usize::from(explain.token() == Some(&Token::Eq));
            let is_named = explain.takes_one(&["TRADITIONAL", "JSON", "TREE"]);
            let is_quoted = matches!(explain.token(), Some(Token::SingleQuotedString(_)));
            explain.at += usize::from(!is_named && is_quoted);
        } else if explain.takes(&["ANALYZE"]) {
            runs = true;
        } else if !explain.takes_one(&["EXTENDED", "PARTITIONS"]) {
            break;
        }
    }
    let begins = |words: &[&str]| words.iter().any(|word| sql.is_word(explain.at, word));
    let reads = begins(&["SELECT", "WITH", "VALUES", "TABLE"]) || explain.token() == Some(&Token::LParen);
    match reads || (begins(&["INSERT", "REPLACE", "UPDATE", "DELETE"]) && !runs) {
        true => Ok(explain.at),
        false => Err(explain.unknown()),
    }
}

/// A position in the tokens behind the first word, and what was named on the way.
struct Reader<'a> {
    sql: &'a Sql,
    at: usize,
    databases: Vec<String>,
    tables: Vec<TableName>,
}

impl<'a> Reader<'a> {
    fn new(sql: &'a Sql) -> Reader<'a> {
        Reader { sql, at: 1, databases: Vec::new(), tables: Vec::new() }
    }

    fn token(&self) -> Option<&'a Token> {
        self.sql.tokens.get(self.at).map(|lexeme| &lexeme.token)
    }

    /// Goes past these words, if they come next.
    fn takes(&mut self, words: &[&str]) -> bool {
        let found = self.sql.are_words(self.at, words);
        self.at += if found { words.len() } else { 0 };
        found
    }

    /// Goes past one of these words.
    fn takes_one(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.takes(&[word]))
    }

    fn name(&mut self) -> Result<String, Unsupported> {
        let name = names::part(self.sql, self.at).ok_or_else(|| self.unknown())?;
        self.at += 1;
        Ok(name)
    }

    fn database(&mut self) -> Result<(), Unsupported> {
        let name = self.name()?;
        self.databases.push(name);
        Ok(())
    }

    fn database_after_from(&mut self) -> Result<(), Unsupported> {
        match self.takes_one(&["FROM", "IN"]) {
            true => self.database(),
            false => Ok(()),
        }
    }

    fn table(&mut self) -> Result<(), Unsupported> {
        let first = self.name()?;
        let table = match self.token() {
            Some(Token::Period) => {
                self.at += 1;
                TableName { schema: Some(first), name: self.name()? }
            }
            _ => TableName { schema: None, name: first },
        };
        self.tables.push(table);
        Ok(())
    }

    /// `FROM table [FROM database]`
    fn table_after_from(&mut self) -> Result<(), Unsupported> {
        if !self.takes_one(&["FROM", "IN"]) {
            return Err(self.unknown());
        }
        self.table()?;
        self.database_after_from()
    }

    /// The form without anything behind it.
    fn whole(self, is_alike: bool) -> Result<Inspect, Unsupported> {
        match self.token() {
            None => Ok(self.inspect(None, VisibleRows::All, is_alike)),
            Some(_) => Err(self.unknown()),
        }
    }

    /// The form, perhaps with LIKE or WHERE behind it.
    fn narrowed(mut self, shown: VisibleRows, is_alike: bool) -> Result<Inspect, Unsupported> {
        let form = self.at;
        let narrowing = if self.takes(&["LIKE"]) {
            let pattern = self.token().and_then(decode_string).ok_or_else(|| self.unknown())?;
            let literal = self.sql.slice(self.sql.tokens[self.at].range.clone()).to_owned();
            self.at += 1;
            if self.token().is_some() {
                return Err(self.unknown());
            }
            Some(Narrowing::Like { literal, pattern })
        } else if self.takes(&["WHERE"]) {
            let (Some(first), Some(last)) = (self.sql.tokens.get(self.at), self.sql.tokens.last()) else {
                return Err(self.unknown());
            };
            let condition = self.sql.slice(first.range.start..last.range.end).to_owned();
            // A subquery reads what nobody looked at; a parenthesis that closes more than was opened would end what the
            // condition is put into.
            let stands = |word: &str| (self.at..self.sql.tokens.len()).any(|at| self.sql.is_word(at, word));
            if let Some(word) = ["SELECT", "TABLE", "VALUES", "WITH"].into_iter().find(|word| stands(word)) {
                return Err(Unsupported::with_hint(format!("{word} inside of SHOW"), "ask in two statements"));
            }
            // Its columns have one part; more is somebody's sequence or function.
            if (self.at..self.sql.tokens.len()).any(|at| self.sql.is_token(at, &Token::Period)) {
                return Err(Unsupported::new("a qualified name inside of SHOW"));
            }
            if !is_balanced(&self.sql.tokens[self.at..]) {
                return Err(self.unknown());
            }
            Some(Narrowing::Where(condition))
        } else if self.token().is_none() {
            None
        } else {
            return Err(self.unknown());
        };
        self.at = form;
        Ok(self.inspect(narrowing, shown, is_alike))
    }

    fn inspect(self, narrowing: Option<Narrowing>, shown: VisibleRows, is_alike: bool) -> Inspect {
        let end = self.sql.tokens[self.at - 1].range.end;
        let text = self.sql.slice(0..end).to_owned();
        Inspect { databases: self.databases, tables: self.tables, is_alike, text, narrowing, shown }
    }

    fn unknown(&self) -> Unsupported {
        let verb = self.sql.slice(self.sql.tokens[0].range.clone()).to_uppercase();
        let end = self.sql.tokens.get(self.at).or(self.sql.tokens.last()).map_or(0, |lexeme| lexeme.range.end);
        let read = self.sql.slice(self.sql.tokens[0].range.start..end);
        let hint = "docs/sql-support.md lists the forms that there are";
        Unsupported::with_hint(format!("this form of {verb} (from `{read}` on)"), hint)
    }
}

fn is_balanced(tokens: &[crate::sql::read::source::Lexeme]) -> bool {
    let mut open = 0_u32;
    tokens.iter().all(|lexeme| match lexeme.token {
        Token::LParen => {
            open += 1;
            true
        }
        Token::RParen => open.checked_sub(1).map(|rest| open = rest).is_some(),
        _ => true,
    }) && open == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::read::read;

    #[track_caller]
    fn check_show(text: &str, expected: &str) {
        let found = show(&read(text, &[]).unwrap()).map(|inspect| inspect.sql("app"));
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_unknown(text: &str) {
        if let Ok(sql) = read(text, &[]) {
            let is_unknown = match sql.head() {
                crate::sql::read::head::Head::Explain => explained(&sql).is_err(),
                crate::sql::read::head::Head::Describe => describe(&sql).is_err(),
                _ => show(&sql).is_err(),
            };
            assert!(is_unknown, "{text}");
        }
    }

    #[test]
    fn forms_over_the_own_database_are_sent_as_they_are() {
        for text in [
            "SHOW TABLES",
            "SHOW FULL TABLES FROM app LIKE 'u%'",
            "SHOW TABLES WHERE Tables_in_app = 'users'",
            "show full columns from `users`",
            "SHOW INDEX FROM app.users",
            "SHOW KEYS IN users IN app WHERE Key_name = 'PRIMARY'",
            "SHOW CREATE TABLE app.users",
            "SHOW TABLE STATUS LIKE 'users'",
            "SHOW CREATE DATABASE IF NOT EXISTS app",
            "SHOW CHARACTER SET LIKE 'utf8%'",
            "SHOW COLLATION",
            "SHOW ENGINES",
            "SHOW GLOBAL STATUS LIKE 'Uptime'",
        ] {
            check_show(text, text);
        }
    }

    #[test]
    fn answers_are_narrowed_to_what_is_the_clients() {
        check_show(
            "SHOW DATABASES",
            "SHOW DATABASES WHERE CAST(`Database` AS BINARY) IN ('app', 'information_schema')",
        );
        check_show(
            "SHOW SCHEMAS WHERE `Database` = 'x' OR 1 -- all",
            "SHOW SCHEMAS WHERE (`Database` = 'x' OR 1\n) AND CAST(`Database` AS BINARY) IN ('app', 'information_schema')",
        );
        check_show(
            "SHOW DATABASES LIKE 'a%'",
            "SELECT SCHEMA_NAME AS `Database (a%)` FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'a%' \
             AND CAST(SCHEMA_NAME AS BINARY) IN ('app', 'information_schema') ORDER BY 1",
        );
        check_show(
            "SHOW TRIGGERS LIKE 'u%'",
            "SHOW TRIGGERS WHERE `Table` LIKE 'u%' AND `Trigger` NOT LIKE '\\_as\\_%'",
        );
        check_show("SHOW FUNCTION STATUS", "SHOW FUNCTION STATUS WHERE CAST(`Db` AS BINARY) = 'app'");
        let variables = show(&read("SHOW SESSION VARIABLES LIKE 'id%'", &[]).unwrap()).unwrap().sql("app");
        assert!(
            variables.starts_with("SHOW SESSION VARIABLES WHERE `Variable_name` LIKE 'id%' AND LOWER("),
            "{variables}"
        );
    }

    #[test]
    fn names_are_told() {
        let inspect = show(&read("SHOW COLUMNS FROM a.`b``c` FROM d", &[]).unwrap()).unwrap();
        assert_eq!(inspect.databases, ["d"]);
        assert_eq!(inspect.tables, [TableName { schema: Some("a".to_owned()), name: "b`c".to_owned() }]);
        let inspect = describe(&read("DESC a . b c", &[]).unwrap()).unwrap();
        assert_eq!(inspect.tables, [TableName { schema: Some("a".to_owned()), name: "b".to_owned() }]);
    }

    #[test]
    fn other_forms_show_nothing() {
        for text in [
            "SHOW FULL PROCESSLIST",
            "SHOW BINLOG EVENTS",
            "SHOW BINARY LOGS",
            "SHOW ENGINE INNODB STATUS",
            "SHOW GRANTS",
            "SHOW WARNINGS",
            "SHOW COUNT(*) WARNINGS",
            "SHOW ERRORS",
            "SHOW STATUS",
            "SHOW SESSION STATUS",
            "SHOW OPEN TABLES",
            "SHOW PROFILE",
            "SHOW EXPLAIN FOR 1",
            "SHOW TABLES FROM app x",
            "SHOW FULL TABLE STATUS",
            "SHOW CREATE",
            "SHOW CREATE USER x",
            "SHOW COLUMNS FROM",
            "SHOW DATABASES WHERE 1) OR (1",
            "SHOW TABLES WHERE SETVAL(other.seq, 9000) > 0",
            "SHOW TABLES WHERE (SELECT v FROM other.secrets) = 1",
            "SHOW DATABASES LIKE 'a' 'b'",
            "EXPLAIN FOR CONNECTION 3",
            "EXPLAIN FORMAT = JSON FOR CONNECTION 3",
            "EXPLAIN FORMAT = JSON INTO @a SELECT 1",
            "EXPLAIN FORMAT = JSON FOR SCHEMA mysql SELECT 1",
            "EXPLAIN ANALYZE UPDATE t SET a = 1",
            "DESCRIBE t a b",
        ] {
            check_unknown(text);
        }
    }

    #[test]
    fn what_is_explained_is_found() {
        let check =
            |text: &str, expected: usize| assert_eq!(explained(&read(text, &[]).unwrap()), Ok(expected), "{text}");
        check("EXPLAIN SELECT 1", 1);
        check("DESC FORMAT = JSON (SELECT 1)", 4);
        check("EXPLAIN EXTENDED UPDATE t SET a = 1", 2);
        check("EXPLAIN ANALYZE FORMAT='tree' SELECT 1", 5);
    }
}
