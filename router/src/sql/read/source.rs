//! One statement as its reader leaves it: text, tokens and tree.

use std::ops::Range;

use sqlparser::ast::{Ident, Statement};
use sqlparser::tokenizer::{Location, Token, Word};

/// One statement as the client wrote it, with params bound, its tokens and (when sqlparser understands it) its tree.
#[derive(Debug)]
pub struct Sql {
    /// The statement without a trailing `;`; params spliced in as literals, otherwise byte-for-byte the client's.
    /// It may end in a comment: append only after a line break, or splice at the end of the last token.
    pub text: String,
    /// The tokens without whitespace and comments, in order of their ranges.
    pub tokens: Vec<Lexeme>,
    /// The tree, or the parser's message if sqlparser cannot.
    /// Strings in it are single-quoted and raw: decode them with [`decode_raw`](super::literal::decode_raw) and `'`. Quoted names are raw, too:
    /// a doubled backtick stays doubled. Spans in it lead back to the text: byte = column - 1.
    /// Do not clone it whole: one as deep as [`OPERATOR_LIMIT`](super::size::OPERATOR_LIMIT) overflows a small stack in a debug build.
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

impl Sql {
    /// The text of a byte range, as found in a [`Lexeme`] or in [`SelectClauses`](crate::sql::text::clauses::SelectClauses).
    pub fn slice(&self, range: Range<usize>) -> &str {
        &self.text[range]
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
    pub fn word(&self, i: usize) -> Option<&Word> {
        match &self.tokens.get(i)?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word),
            _ => None,
        }
    }

    /// Whether token `i` is this unquoted word, in any case.
    pub fn is_word(&self, i: usize, expected: &str) -> bool {
        self.word(i).is_some_and(|word| word.value.eq_ignore_ascii_case(expected))
    }

    /// Whether the tokens from `i` on are these unquoted words, in any case.
    pub fn are_words(&self, i: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(offset, word)| self.is_word(i + offset, word))
    }

    pub fn is_token(&self, i: usize, expected: &Token) -> bool {
        self.tokens.get(i).is_some_and(|lexeme| lexeme.token == *expected)
    }
}

/// A byte of the text as a place in the tree: all is one line, whose columns are counted from 1.
pub fn location(byte: usize) -> Location {
    Location::new(1, byte as u64 + 1)
}

/// The bytes of a name of the tree, the reverse of [`location`].
pub fn bytes_of(name: &Ident) -> Option<Range<usize>> {
    let byte = |column: u64| usize::try_from(column).ok()?.checked_sub(1);
    Some(byte(name.span.start.column)?..byte(name.span.end.column)?)
}
