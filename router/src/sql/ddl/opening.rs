//! `verb [modifier] … kind`: what a definition is about, told by what stands in which place.

use sqlparser::tokenizer::Token;

use crate::sql::read::source::Sql;

/// The first words of a definition.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// In upper case, as `kind` and `unknown`.
    pub verb: String,
    pub or_replace: bool,
    pub temporary: bool,
    pub unique: bool,
    /// A `DEFINER` other than `CURRENT_USER`.
    pub other_definer: bool,
    pub kind: Option<String>,
    /// What stands where a kind should.
    unknown: String,
    /// The token after the kind.
    pub at: usize,
}

impl Opening {
    /// `CREATE VIEW`, also for what is no kind.
    pub fn name(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or(&self.unknown);
        format!("{} {kind}", self.verb).trim_end().to_owned()
    }
}

/// The kind of object that a definition is about, in upper case, and whether it is a temporary one.
pub(in crate::sql) fn object_kind(sql: &Sql, verb: usize) -> (Option<String>, bool) {
    let opening = opening(sql, verb);
    (opening.kind, opening.temporary)
}

/// Reads from the verb to the kind.
pub(super) fn opening(sql: &Sql, verb: usize) -> Opening {
    let word = |at: usize| sql.word(at).map(|word| word.value.to_ascii_uppercase()).unwrap_or_default();
    let mut opening = Opening { verb: word(verb), at: verb + 1, ..Opening::default() };
    if opening.verb == "TRUNCATE" {
        opening.at += usize::from(sql.is_word(opening.at, "TABLE"));
        return Opening { kind: Some("TABLE".to_owned()), ..opening };
    }
    modifiers(sql, &mut opening);
    let found = word(opening.at);
    if KINDS.contains(&found.as_str()) {
        opening.at += 1;
        opening.kind = Some(found);
    } else {
        opening.unknown = found;
    }
    opening
}

const KINDS: [&str; 26] = [
    "TABLE",
    "TABLES",
    "INDEX",
    "VIEW",
    "SEQUENCE",
    "DATABASE",
    "SCHEMA",
    "USER",
    "ROLE",
    "SERVER",
    "EVENT",
    "FUNCTION",
    "PROCEDURE",
    "TRIGGER",
    "PACKAGE",
    "LIBRARY",
    "TABLESPACE",
    "LOGFILE",
    "UNDO",
    "INSTANCE",
    "RESOURCE",
    "PREPARE",
    "REFERENCE",
    "CATALOG",
    "MASKING",
    "JSON",
];

/// Every modifier that a kind may have, in the order of the grammar; a wrong one for the kind is the server's to refuse.
fn modifiers(sql: &Sql, opening: &mut Opening) {
    let eat = |at: &mut usize, words: &[&str]| {
        let are = sql.are_words(*at, words);
        *at += if are { words.len() } else { 0 };
        are
    };
    let at = &mut opening.at;
    opening.or_replace = eat(at, &["OR", "REPLACE"]);
    opening.temporary = eat(at, &["TEMPORARY"]);
    for modifier in ["ONLINE", "OFFLINE", "IGNORE"] {
        eat(at, &[modifier]);
    }
    opening.unique = eat(at, &["UNIQUE"]);
    for modifier in ["FULLTEXT", "SPATIAL", "VECTOR"] {
        eat(at, &[modifier]);
    }
    if sql.is_word(*at, "ALGORITHM") && sql.is_token(*at + 1, &Token::Eq) {
        *at += 3;
    }
    if sql.is_word(*at, "DEFINER") && sql.is_token(*at + 1, &Token::Eq) {
        *at += 2;
        opening.other_definer = !sql.is_word(*at, "CURRENT_USER");
        account(sql, at);
    }
    if sql.are_words(*at, &["SQL", "SECURITY"]) {
        *at += 3;
    }
    eat(at, &["AGGREGATE"]);
}

/// `name`, `name@host` or `CURRENT_USER()`, whatever the quotes.
fn account(sql: &Sql, at: &mut usize) {
    *at += 1;
    if sql.is_token(*at, &Token::LParen) || sql.is_token(*at, &Token::AtSign) {
        *at += 2;
    } else if sql.word(*at).is_some_and(|word| word.value.starts_with('@')) {
        *at += 1;
        // A host such as 10.0.0.1 or a.b is several tokens.
        while sql.is_token(*at, &Token::Period)
            || matches!(sql.tokens.get(*at).map(|t| &t.token), Some(Token::Number(..)))
        {
            *at += 1 + usize::from(sql.is_token(*at, &Token::Period) && sql.word(*at + 1).is_some());
        }
    }
}
