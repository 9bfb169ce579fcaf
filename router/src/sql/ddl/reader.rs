//! Moving over a definition's tokens.

use std::ops::Range;

use sqlparser::tokenizer::{Token, Word};

use super::fault::{Fault, Read};
use crate::sql::meaning::statement::{Define, DefinedTable, Role};
use crate::sql::read::names::TableName;
use crate::sql::read::source::Sql;

/// Words that both servers reserve: without quotes they name nothing.
const RESERVED: [&str; 72] = [
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BOTH",
    "BY",
    "CALL",
    "CASCADE",
    "CASE",
    "CHANGE",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "CONSTRAINT",
    "CONVERT",
    "CREATE",
    "CROSS",
    "DATABASE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DROP",
    "ELSE",
    "EXISTS",
    "FOR",
    "FORCE",
    "FOREIGN",
    "FROM",
    "FULLTEXT",
    "GRANT",
    "GROUP",
    "HAVING",
    "IF",
    "IGNORE",
    "IN",
    "INDEX",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KEYS",
    "LIKE",
    "LIMIT",
    "LOCK",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "PARTITION",
    "PRIMARY",
    "PROCEDURE",
    "REFERENCES",
    "RENAME",
    "REPLACE",
    "SELECT",
    "SET",
    "SPATIAL",
    "TABLE",
    "TO",
    "TRIGGER",
    "UNION",
    "UNIQUE",
    "VALUES",
    "WHERE",
    "WITH",
];

pub(super) struct Reader<'a> {
    pub sql: &'a Sql,
    pub at: usize,
    /// What is read, for messages: `CREATE TABLE`.
    statement: String,
    pub found: Define,
}

impl<'a> Reader<'a> {
    pub fn new(sql: &'a Sql, at: usize, statement: String) -> Reader<'a> {
        Reader { sql, at, statement, found: Define::default() }
    }

    pub fn is(&self, word: &str) -> bool {
        self.sql.is_word(self.at, word)
    }

    pub fn are(&self, words: &[&str]) -> bool {
        self.sql.are_words(self.at, words)
    }

    pub fn is_mark(&self, mark: &Token) -> bool {
        self.sql.is_token(self.at, mark)
    }

    pub fn is_end(&self) -> bool {
        self.at >= self.sql.tokens.len()
    }

    pub fn token(&self) -> Option<&'a Token> {
        self.sql.tokens.get(self.at).map(|lexeme| &lexeme.token)
    }

    /// The unquoted word that stands here.
    pub fn word(&self) -> Option<&'a Word> {
        self.sql.word(self.at)
    }

    /// Whether a word of these stands here.
    pub fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub fn eat(&mut self, word: &str) -> bool {
        self.eat_all(&[word])
    }

    /// Eats the words if all of them stand here, in this order.
    pub fn eat_all(&mut self, words: &[&str]) -> bool {
        let are = self.are(words);
        self.at += if are { words.len() } else { 0 };
        are
    }

    pub fn eat_one_of(&mut self, words: &[&str]) -> bool {
        let is = self.is_one_of(words);
        self.at += usize::from(is);
        is
    }

    pub fn eat_mark(&mut self, mark: &Token) -> bool {
        let is = self.is_mark(mark);
        self.at += usize::from(is);
        is
    }

    pub fn expect(&mut self, word: &str) -> Read<()> {
        self.expect_one_of(&[word])
    }

    pub fn expect_one_of(&mut self, words: &[&str]) -> Read<()> {
        if self.eat_one_of(words) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub fn expect_mark(&mut self, mark: &Token) -> Read<()> {
        if self.eat_mark(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub fn expect_end(&self) -> Read<()> {
        if self.is_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// What stands here has no place in the grammar.
    pub fn unexpected(&self) -> Fault {
        let text = match self.sql.tokens.get(self.at) {
            Some(lexeme) => format!("`{}`", self.sql.slice(lexeme.range.clone())),
            None => "the end".to_owned(),
        };
        Fault::unsupported(format!("{text} here in {}", self.statement), "leave it out")
    }

    /// `element [, element] …`
    pub fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut elements = vec![element(self)?];
        while self.eat_mark(&Token::Comma) {
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    /// `(element [, element] …)`
    pub fn in_parentheses<T>(&mut self, element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        self.expect_mark(&Token::LParen)?;
        let elements = self.list(element)?;
        self.expect_mark(&Token::RParen)?;
        Ok(elements)
    }

    /// `IF EXISTS` or `IF NOT EXISTS`; which one a place allows is left to the server.
    pub fn eat_existence(&mut self) -> bool {
        self.eat_all(&["IF", "NOT", "EXISTS"]) || self.eat_all(&["IF", "EXISTS"])
    }

    /// `WAIT n` or `NOWAIT`.
    pub fn eat_wait(&mut self) -> Read<()> {
        if !self.eat("NOWAIT") && self.eat("WAIT") {
            self.number()?;
        }
        Ok(())
    }

    pub fn number(&mut self) -> Read<()> {
        match self.token() {
            Some(Token::Number(..)) => self.at += 1,
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    pub fn text(&mut self) -> Read<()> {
        match self.token() {
            Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => self.at += 1,
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    /// Whether a name stands here: a word that is no reserved one, or is quoted.
    pub fn is_name(&self) -> bool {
        match self.token() {
            Some(Token::Word(word)) if word.quote_style.is_some() => true,
            Some(Token::Word(word)) => {
                !word.value.starts_with('@') && !RESERVED.iter().any(|other| word.value.eq_ignore_ascii_case(other))
            }
            _ => false,
        }
    }

    /// A name without its quotes.
    pub fn name(&mut self) -> Read<String> {
        match self.token() {
            Some(Token::Word(word)) if self.is_name() => {
                self.at += 1;
                Ok(match word.quote_style {
                    Some(_) => word.value.replace("``", "`"),
                    None => word.value.clone(),
                })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// `name` or `schema.name`.
    pub fn table(&mut self) -> Read<TableName> {
        let first = self.name()?;
        match self.eat_mark(&Token::Period) {
            true => Ok(TableName { schema: Some(first), name: self.name()? }),
            false => Ok(TableName { schema: None, name: first }),
        }
    }

    /// A table's name, kept with its part in the statement.
    pub fn named(&mut self, role: Role) -> Read<String> {
        let table = self.table()?;
        let name = table.name.clone();
        self.found.tables.push(DefinedTable { table, role });
        Ok(name)
    }

    /// The tokens inside of the parentheses that open here.
    pub fn balanced(&mut self) -> Read<Range<usize>> {
        let Some(open) = self.sql.tokens.get(self.at).filter(|lexeme| lexeme.token == Token::LParen) else {
            return Err(self.unexpected());
        };
        let rest = &self.sql.tokens[self.at + 1..];
        let closes =
            |lexeme: &crate::sql::read::source::Lexeme| lexeme.token == Token::RParen && lexeme.depth == open.depth;
        let Some(length) = rest.iter().position(closes) else {
            self.at = self.sql.tokens.len();
            return Err(self.unexpected());
        };
        let inside = self.at + 1..self.at + 1 + length;
        self.at = inside.end + 1;
        Ok(inside)
    }
}
