//! The front half of SQL understanding: one statement as tokens and, where sqlparser can, as a tree.
//!
//! The bytes that reach a shard must mean there exactly what they meant here. So this module lexes by
//! MySQL's rules (`lex`), insists on exactly one statement, refuses by name what no client may send
//! (`gate`), bounds what the tree may cost (`size`), and only then asks sqlparser, through a dialect
//! with MySQL's operator precedence (`dialect`). Everything is pure: no IO and no clock.
//!
//! The lexical rules are those of the pinned session: `utf8mb4`, backslash escapes on, `ANSI_QUOTES`,
//! `PIPES_AS_CONCAT` and `HIGH_NOT_PRECEDENCE` off.

mod analyse;
mod bind;
mod clauses;
pub mod command;
pub mod comments;
pub mod conditions;
mod ddl;
mod dialect;
pub mod freeze;
mod gate;
mod head;
pub mod inspect;
mod key_literal;
mod leftovers;
mod lex;
mod literal;
pub mod names;
pub mod outline;
pub mod pieces;
mod plain_rows;
pub mod relations;
mod reserved;
pub mod rows;
mod scan;
mod scopes;
mod shape;
mod size;
pub mod statement;
pub mod weight;

use std::ops::Range;

pub use analyse::analyse;
pub use bind::Param;
pub use clauses::{SelectClauses, select_clauses};
pub use dialect::MariaDialect;
pub use head::Head;
pub use literal::{decode_raw, decode_string};
pub use size::OPERATOR_LIMIT;
use sqlparser::ast::{Ident, Statement};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

/// One statement as the client wrote it, with params bound, its tokens and (when sqlparser understands it) its tree.
#[derive(Debug)]
pub struct Sql {
    /// The statement without a trailing `;`; params spliced in as literals, otherwise byte-for-byte the client's.
    /// It may end in a comment: append only after a line break, or splice at the end of the last token.
    pub text: String,
    /// The tokens without whitespace and comments, in order of their ranges.
    pub tokens: Vec<Lexeme>,
    /// The tree, or the parser's message if sqlparser cannot.
    /// Strings in it are single-quoted and raw: decode them with [`decode_raw`] and `'`. Quoted names are raw, too:
    /// a doubled backtick stays doubled. Spans in it lead back to the text: byte = column - 1.
    /// Do not clone it whole: one as deep as [`OPERATOR_LIMIT`] overflows a small stack in a debug build.
    pub statement: Result<Statement, String>,
    /// The tokens of an INSERT's rows that the tree lacks: those behind the first, if all are literals.
    pub unparsed_rows: Range<usize>,
    /// `LOCK IN SHARE MODE` is present; sqlparser cannot parse it, so the tree lacks it.
    pub lock_in_share_mode: bool,
}

/// One token with its place in the statement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexeme {
    pub token: Token,
    /// Bytes of the statement's text.
    pub range: Range<usize>,
    /// How many parentheses are open around it; a parenthesis itself counts as outside of its pair.
    pub depth: u32,
}

/// Whether a text, with its executable comments expanded, holds comments and nothing else: a server takes it for done.
pub fn is_comments_only(text: &str) -> bool {
    // Nothing else begins so.
    matches!(text.trim_start().as_bytes().first(), Some(b'/' | b'-' | b'#')) && scan::is_comments_only(text)
}

/// Why a text is refused before anything is planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    #[error("the query holds no statement")]
    Empty,
    #[error("the query holds more than one statement")]
    Several,
    #[error("malformed SQL: {0}")]
    Malformed(String),
    #[error("{construct} is not allowed")]
    NotAllowed { construct: String, hint: String },
    #[error("an expression nests {operators} operators, above the limit of {limit}")]
    TooComplex { operators: usize, limit: usize },
    #[error("the statement has {count} {what}, above the limit of {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize },
    #[error("the query has {expected} placeholders but {got} params")]
    Params { expected: usize, got: usize },
}

/// Reads exactly one statement and binds `params` to its `?` placeholders. Executable comments are expanded before
/// ([`comments::expand`]); one that is still there is refused.
///
/// A statement that sqlparser cannot parse is not an error: its tree is `Err` and its tokens still hold.
///
/// # Errors
/// Every variant of [`SqlError`]. Text whose strings, comments or `;` MySQL might see elsewhere than
/// sqlparser does is `Malformed`, so that nothing hides from the checks.
pub fn read(text: &str, params: &[Param]) -> Result<Sql, SqlError> {
    let mut tokens = lex::lex(text)?;
    let bound = bind::bind(text, &tokens, params)?;
    if let Some(bound) = &bound {
        tokens = lex::lex(bound)?;
    }
    let mut text = bound.unwrap_or_else(|| text.to_owned());

    if let Some(semicolon) = tokens.iter().position(|lexeme| lexeme.token == Token::SemiColon) {
        let end = tokens[semicolon].range.start;
        if tokens.len() > semicolon + 1 {
            return Err(SqlError::Several);
        }
        tokens.truncate(semicolon);
        text.truncate(end);
    }
    if tokens.is_empty() {
        return Err(SqlError::Empty);
    }

    let mut sql = Sql { text, tokens, statement: Err(String::new()), unparsed_rows: 0..0, lock_in_share_mode: false };
    gate::check(&sql)?;
    if !head::begins_statement(&sql.head()) {
        let first = &sql.tokens[head::first_word(&sql).min(sql.tokens.len() - 1)];
        return Err(SqlError::Malformed(format!("no statement begins with `{}`", sql.slice(first.range.clone()))));
    }
    size::check(&sql.tokens)?;
    sql.unparsed_rows = plain_rows::behind_the_first(&sql.tokens);
    let (tokens, lock_in_share_mode) = parser_tokens(&sql.tokens, &sql.unparsed_rows);
    sql.lock_in_share_mode = lock_in_share_mode;
    sql.statement = parse(tokens);
    Ok(sql)
}

impl Sql {
    /// The text of a byte range, as found in a [`Lexeme`] or in [`SelectClauses`].
    pub fn slice(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// The keyword at token `i`; `None` if there is no such token, or it is no keyword or quoted.
    pub fn keyword(&self, i: usize) -> Option<Keyword> {
        self.word(i).map(|word| word.keyword).filter(|keyword| *keyword != Keyword::NoKeyword)
    }

    /// What kind of statement this is, told from its tokens alone: it holds without a tree, too.
    pub fn head(&self) -> Head {
        head::head(self)
    }

    /// The first user variable (`@name`), with its `@`.
    pub fn user_variable(&self) -> Option<&str> {
        self.user_variables().next()
    }

    /// Every user variable (`@name`), with its `@`.
    pub fn user_variables(&self) -> impl Iterator<Item = &str> {
        (0..self.tokens.len())
            .filter_map(|i| self.word(i))
            .map(|word| word.value.as_str())
            .filter(|value| value.starts_with('@') && !value.starts_with("@@"))
    }

    /// The first call `name (…)` of one of `names` in any case, as the client spelled it.
    pub fn calls(&self, names: &[&str]) -> Option<&str> {
        self.tokens.windows(2).find_map(|pair| match (&pair[0].token, &pair[1].token) {
            (Token::Word(word), Token::LParen) if names.iter().any(|name| word.value.eq_ignore_ascii_case(name)) => {
                Some(word.value.as_str())
            }
            _ => None,
        })
    }

    /// Whether one of these words stands anywhere, unquoted and in any case.
    pub fn names_any(&self, names: &[&str]) -> bool {
        (0..self.tokens.len()).any(|i| names.iter().any(|name| self.is_word(i, name)))
    }

    /// Whether `name.` stands behind a byte of the text.
    pub fn qualifies(&self, from: usize, name: &str) -> bool {
        let is_it = |pair: &[Lexeme]| {
            let Token::Word(word) = &pair[0].token else { return false };
            pair[0].range.start >= from && pair[1].token == Token::Period && word.value.eq_ignore_ascii_case(name)
        };
        self.tokens.windows(2).any(is_it)
    }

    /// Whether a word of this name stands anywhere, quoted or not, in any case.
    pub fn names(&self, name: &str) -> bool {
        let is_it = |lexeme: &Lexeme| match &lexeme.token {
            Token::Word(word) if word.quote_style.is_some() => {
                word.value.replace("``", "`").to_lowercase() == name.to_lowercase()
            }
            Token::Word(word) => word.value.to_lowercase() == name.to_lowercase(),
            _ => false,
        };
        self.tokens.iter().any(is_it)
    }

    /// The unquoted word at token `i`.
    fn word(&self, i: usize) -> Option<&Word> {
        match &self.tokens.get(i)?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word),
            _ => None,
        }
    }

    /// Whether token `i` is this unquoted word, in any case.
    fn is_word(&self, i: usize, expected: &str) -> bool {
        self.word(i).is_some_and(|word| word.value.eq_ignore_ascii_case(expected))
    }

    /// Whether the tokens from `i` on are these unquoted words, in any case.
    fn are_words(&self, i: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(offset, word)| self.is_word(i + offset, word))
    }

    fn is_token(&self, i: usize, expected: &Token) -> bool {
        self.tokens.get(i).is_some_and(|lexeme| lexeme.token == *expected)
    }
}

/// The tokens as sqlparser is to see them, without those of `left_out`, and whether `LOCK IN SHARE MODE` was taken out.
///
/// `||` and `&&` become the words they mean in MySQL, because sqlparser gives the symbols other meanings.
/// `"…"` becomes `'…'`, because sqlparser joins adjacent literals without regard to their quotes.
fn parser_tokens(lexemes: &[Lexeme], left_out: &Range<usize>) -> (Vec<TokenWithSpan>, bool) {
    let is_word = |i: usize, expected: &str| {
        matches!(lexemes.get(i).map(|lexeme| &lexeme.token),
            Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
    };
    let mut tokens = Vec::with_capacity(lexemes.len() - left_out.len());
    let mut lock_in_share_mode = false;
    let mut i = 0;
    while i < lexemes.len() {
        if left_out.contains(&i) {
            i = left_out.end;
            continue;
        }
        if is_word(i, "LOCK") && is_word(i + 1, "IN") && is_word(i + 2, "SHARE") && is_word(i + 3, "MODE") {
            lock_in_share_mode = true;
            i += 4;
            continue;
        }
        let Lexeme { token, range, .. } = &lexemes[i];
        let token = match token {
            Token::StringConcat => Token::make_keyword("OR"),
            Token::Overlap => Token::make_keyword("AND"),
            Token::DoubleQuotedString(raw) => Token::SingleQuotedString(literal::single_quoted(raw)),
            other => other.clone(),
        };
        // One "line" whose columns are byte offsets from 1: spans in the tree lead back to the text.
        let span = Span::new(location(range.start), location(range.end));
        tokens.push(TokenWithSpan::new(token, span));
        i += 1;
    }
    (tokens, lock_in_share_mode)
}

fn location(byte: usize) -> Location {
    Location::new(1, byte as u64 + 1)
}

/// The bytes of a name of the tree, the reverse of [`location`].
fn bytes_of(name: &Ident) -> Option<Range<usize>> {
    let byte = |column: u64| usize::try_from(column).ok()?.checked_sub(1);
    Some(byte(name.span.start.column)?..byte(name.span.end.column)?)
}

/// What an UPDATE or DELETE reads, as a SELECT: its tables, its condition, and the values that it assigns.
pub fn change_as_select(sql: &Sql) -> Option<Sql> {
    let at_top = |i: &usize| sql.tokens[*i].depth == 0;
    let find = |word: &str, from: usize| (from..sql.tokens.len()).filter(at_top).find(|&i| sql.is_word(i, word));
    let slice = |begin: usize, end: usize| {
        let tokens = sql.tokens.get(begin..end).filter(|tokens| !tokens.is_empty())?;
        Some(sql.slice(tokens[0].range.start..tokens[tokens.len() - 1].range.end))
    };
    let condition = conditions::change_text(sql)?.condition.map(|range| sql.slice(range));
    let end =
        find("WHERE", 0).or_else(|| find("ORDER", 0)).or_else(|| find("RETURNING", 0)).unwrap_or(sql.tokens.len());
    let (values, from) = match &sql.statement {
        Ok(Statement::Update(_)) => {
            let set = find("SET", 1)?;
            let first = (1..set).find(|&i| !sql.is_word(i, "LOW_PRIORITY") && !sql.is_word(i, "IGNORE"))?;
            let values = rows::assigned_values(sql, set + 1, end)?;
            let values: Vec<String> = values.into_iter().map(|range| format!("({})", sql.slice(range))).collect();
            (values.join(", "), slice(first, set)?)
        }
        Ok(Statement::Delete(_)) => ("1".to_owned(), slice(find("FROM", 1)? + 1, end)?),
        _ => return None,
    };
    let where_ = condition.map_or(String::new(), |condition| format!("\nWHERE {condition}"));
    read(&format!("SELECT {values} FROM {from}{where_}"), &[]).ok()
}

/// The text with each range, none of which overlaps another, replaced.
pub fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let taken_out: usize = edits.iter().map(|(range, _)| range.len()).sum();
    let put_in: usize = edits.iter().map(|(_, replacement)| replacement.len()).sum();
    let mut spliced = String::with_capacity(text.len() + put_in - taken_out);
    let mut end = 0;
    for (range, replacement) in edits {
        spliced.push_str(&text[end..range.start]);
        spliced.push_str(&replacement);
        end = range.end;
    }
    spliced.push_str(&text[end..]);
    spliced
}

fn parse(tokens: Vec<TokenWithSpan>) -> Result<Statement, String> {
    let mut parser = Parser::new(&MariaDialect).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(|error| error.to_string())?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(format!("expected the end of the statement, found {}", rest.token));
    }
    match reserved::as_name(&statement) {
        None => Ok(statement),
        Some(word) => Err(format!("expected a name, found {word}")),
    }
}

#[cfg(test)]
mod tests;
