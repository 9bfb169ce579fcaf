//! What kind of statement a text is, from its tokens alone.

use crate::sql::ddl::object_kind;
use crate::sql::read::source::Sql;

/// The kind of a statement, as far as its first words tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    Select,
    /// `WITH …` whose main statement was not found.
    With,
    Values,
    Table,
    Insert,
    Replace,
    Update,
    Delete,
    CreateTable,
    AlterTable,
    DropTable,
    CreateIndex,
    DropIndex,
    RenameTable,
    Truncate,
    CreateView,
    AlterView,
    DropView,
    Show,
    /// `DESCRIBE table`, also as `DESC` or `EXPLAIN`.
    Describe,
    /// `EXPLAIN statement`, also as `DESCRIBE` or `DESC`.
    Explain,
    /// Acts on the session rather than on rows: its first words.
    Session(&'static str),
    /// Anything else: its first word in upper case.
    Other(String),
}

/// Looks through leading parentheses and past the definitions of `WITH`.
pub fn head(sql: &Sql) -> Head {
    let start = first_word(sql);
    let Some(word) = sql.word(start) else {
        return Head::Other(sql.tokens.get(start).map(|lexeme| lexeme.token.to_string()).unwrap_or_default());
    };
    let word = word.value.to_ascii_uppercase();
    match word.as_str() {
        "WITH" => main_of_with(sql, start),
        "CREATE" | "ALTER" | "DROP" | "RENAME" => definition(sql, start, &word),
        "EXPLAIN" | "DESCRIBE" | "DESC" => {
            if explains_statement(sql, start + 1) {
                Head::Explain
            } else {
                Head::Describe
            }
        }
        "TRUNCATE" => Head::Truncate,
        "SHOW" => Head::Show,
        _ => query(&word).or_else(|| session(sql, start, &word)).unwrap_or(Head::Other(word)),
    }
}

/// Whether a statement of either server can begin so. What cannot is a mistake, not something unsupported.
pub fn begins_statement(head: &Head) -> bool {
    const OTHERS: [&str; 18] = [
        "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "DO", "HELP", "SIGNAL", "RESIGNAL", "GET", "CREATE",
        "ALTER", "DROP", "RENAME", "START", "IF", "FOR", "WHILE",
    ];
    match head {
        Head::Other(words) => words.split(' ').next().is_some_and(|word| OTHERS.contains(&word)),
        _ => true,
    }
}

/// The index of the first token that is no opening parenthesis.
pub fn first_word(sql: &Sql) -> usize {
    sql.tokens.iter().take_while(|lexeme| lexeme.token == sqlparser::tokenizer::Token::LParen).count()
}

fn query(word: &str) -> Option<Head> {
    Some(match word {
        "SELECT" => Head::Select,
        "VALUES" => Head::Values,
        "TABLE" => Head::Table,
        "INSERT" => Head::Insert,
        "REPLACE" => Head::Replace,
        "UPDATE" => Head::Update,
        "DELETE" => Head::Delete,
        _ => return None,
    })
}

/// Definitions are names, column lists and subqueries in parentheses, so the first statement word outside of
/// parentheses is the main one: these words are reserved and cannot name a CTE.
fn main_of_with(sql: &Sql, with: usize) -> Head {
    let depth = sql.tokens[with].depth;
    (with + 1..sql.tokens.len())
        .filter(|i| sql.tokens[*i].depth == depth)
        .filter_map(|i| sql.word(i))
        .find_map(|word| query(&word.value.to_ascii_uppercase()))
        .unwrap_or(Head::With)
}

fn explains_statement(sql: &Sql, next: usize) -> bool {
    const STARTS: [&str; 13] = [
        "SELECT",
        "WITH",
        "VALUES",
        "INSERT",
        "REPLACE",
        "UPDATE",
        "DELETE",
        "FORMAT",
        "EXTENDED",
        "PARTITIONS",
        "ANALYZE",
        "FOR",
        "TABLE",
    ];
    sql.is_token(next, &sqlparser::tokenizer::Token::LParen) || STARTS.iter().any(|start| sql.is_word(next, start))
}

/// `CREATE | ALTER | DROP | RENAME`: modifiers may stand between the verb and the kind of object.
fn definition(sql: &Sql, start: usize, verb: &str) -> Head {
    let (kind, is_temporary) = object_kind(sql, start);
    if is_temporary {
        return Head::Session("TEMPORARY TABLE");
    }
    match (verb, kind.as_deref()) {
        ("CREATE", Some("TABLE")) => Head::CreateTable,
        ("ALTER", Some("TABLE")) => Head::AlterTable,
        ("DROP", Some("TABLE" | "TABLES")) => Head::DropTable,
        ("RENAME", Some("TABLE" | "TABLES")) => Head::RenameTable,
        ("CREATE", Some("INDEX")) => Head::CreateIndex,
        ("DROP", Some("INDEX")) => Head::DropIndex,
        ("CREATE", Some("VIEW")) => Head::CreateView,
        ("ALTER", Some("VIEW")) => Head::AlterView,
        ("DROP", Some("VIEW")) => Head::DropView,
        (verb, Some(kind)) => Head::Other(format!("{verb} {kind}")),
        (verb, None) => Head::Other(verb.to_owned()),
    }
}

fn session(sql: &Sql, start: usize, word: &str) -> Option<Head> {
    let next_is = |expected: &str| sql.is_word(start + 1, expected);
    Some(Head::Session(match word {
        "BEGIN" => "BEGIN",
        "START" if next_is("TRANSACTION") => "START TRANSACTION",
        "COMMIT" => "COMMIT",
        "ROLLBACK" => "ROLLBACK",
        "SAVEPOINT" => "SAVEPOINT",
        "RELEASE" => "RELEASE SAVEPOINT",
        "SET" => "SET",
        "USE" => "USE",
        "LOCK" => "LOCK TABLES",
        "UNLOCK" => "UNLOCK TABLES",
        "HANDLER" => "HANDLER",
        _ => return None,
    }))
}

impl Sql {
    /// What kind of statement this is, told from its tokens alone: it holds without a tree, too.
    pub fn head(&self) -> Head {
        head(self)
    }
}
