//! Text to tokens: sqlparser's tokenizer, corrected to MySQL's rules and checked against [`scan`].

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace, Word};

use crate::sql::read::dialect::MariaDialect;
use crate::sql::read::error::SqlError;
use crate::sql::read::scan::{self, Mark, MarkKind};
use crate::sql::read::source::Lexeme;

/// Splits a text into MySQL's tokens.
///
/// # Errors
/// `Malformed` if a string or comment does not end, if sqlparser and MySQL disagree on where strings,
/// comments or `;` lie, or if a word is one that they read differently. `NotAllowed` for an executable comment: what it
/// means depends on the server.
pub fn lex(text: &str) -> Result<Vec<Lexeme>, SqlError> {
    let (code, marks) = code_of(text)?;
    let tokens = Tokenizer::new(&MariaDialect, &code.text)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| SqlError::Malformed(error.to_string()))?;

    let mut bytes = ByteOffsets::new(&code);
    let mut expected_marks = marks.iter().filter(|mark| mark.kind != MarkKind::Comment);
    let mut lexemes = Lexemes { text, done: Vec::with_capacity(tokens.len() / 2), depth: 0 };
    for token in tokens {
        let start = bytes.offset;
        let range = start..bytes.advance_to(token.span.end);
        if let Some((kind, range)) = token_mark(&token.token, &range) {
            let agreed = expected_marks.next().is_some_and(|mark| agrees(mark, kind, &range));
            if !agreed {
                return Err(ambiguous(text, range.start));
            }
        }
        lexemes.push(token.token, range)?;
    }
    if let Some(mark) = expected_marks.next() {
        return Err(ambiguous(text, mark.range.start));
    }
    Ok(lexemes.done)
}

/// What sqlparser gets to see, and where MySQL sees strings, names, comments and `;`.
pub fn code_of(text: &str) -> Result<(Code, Vec<Mark>), SqlError> {
    let marks = scan::marks(text)?;
    if let Some(mark) = marks.iter().find(|mark| mark.kind == MarkKind::ExecutableComment) {
        return Err(SqlError::NotAllowed {
            construct: format!("the comment that starts at byte {}", mark.range.start),
            hint: "take the code out of the comment".to_owned(),
        });
    }
    refuse_quoted_variables(text, &marks)?;
    for comment in marks.iter().filter(|mark| mark.kind == MarkKind::Comment) {
        crate::sql::read::hints::check_hint(&text[comment.range.clone()])?;
    }
    Ok((Code::of(text, &marks), marks))
}

/// A quote directly behind `@@` begins no string to sqlparser, so that everything behind it would be read otherwise.
fn refuse_quoted_variables(text: &str, marks: &[Mark]) -> Result<(), SqlError> {
    let is_one =
        |mark: &Mark| matches!(mark.kind, MarkKind::Text | MarkKind::Name) && text[..mark.range.start].ends_with("@@");
    match marks.iter().any(is_one) {
        true => Err(SqlError::NotAllowed {
            construct: "a quoted name behind @@".to_owned(),
            hint: "write the variable's name without quotes, as in @@name".to_owned(),
        }),
        false => Ok(()),
    }
}

/// A text without its comments: sqlparser could begin one elsewhere (`||/` is an operator to it, of which `/*` may be a
/// part), or read as code what MySQL skips.
pub struct Code {
    pub text: String,
    /// Where it goes on behind a comment, here and in the whole text.
    jumps: Vec<(usize, usize)>,
}

impl Code {
    fn of(whole: &str, marks: &[Mark]) -> Code {
        let mut code = Code { text: String::with_capacity(whole.len()), jumps: Vec::new() };
        let mut end = 0;
        for comment in marks.iter().filter(|mark| mark.kind == MarkKind::Comment) {
            code.text.push_str(&whole[end..comment.range.start]);
            code.text.push(' ');
            end = comment.range.end;
            code.jumps.push((code.text.len(), end));
        }
        code.text.push_str(&whole[end..]);
        code
    }
}

/// The mark that MySQL's scan must have for a token; `None` for plain code.
fn token_mark(token: &Token, range: &Range<usize>) -> Option<(MarkKind, Range<usize>)> {
    let prefixed = range.start + 1..range.end;
    match token {
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => Some((MarkKind::Text, range.clone())),
        Token::NationalStringLiteral(_) | Token::SingleQuotedByteStringLiteral(_) => Some((MarkKind::Text, prefixed)),
        // `0x…` has the same token but no quotes; its first digit tells it apart in `Lexemes::push`.
        Token::HexStringLiteral(digits) if range.len() == digits.len() + 3 => Some((MarkKind::Text, prefixed)),
        Token::Word(Word { quote_style: Some(_), .. }) => Some((MarkKind::Name, range.clone())),
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
            Some((MarkKind::Comment, range.clone()))
        }
        Token::SemiColon => Some((MarkKind::End, range.clone())),
        _ => None,
    }
}

fn agrees(mark: &Mark, kind: MarkKind, range: &Range<usize>) -> bool {
    mark.kind == kind && mark.range == *range
}

fn ambiguous(text: &str, at: usize) -> SqlError {
    let excerpt: String = text[at..].chars().take(20).collect();
    SqlError::Malformed(format!("a quote, comment or ; that can be read in two ways, at byte {at}, near {excerpt:?}"))
}

/// Turns sqlparser's locations (lines and columns of characters of the code) into byte offsets of the whole text, in one
/// pass.
struct ByteOffsets<'a> {
    chars: Peekable<CharIndices<'a>>,
    len: usize,
    jumps: Peekable<std::slice::Iter<'a, (usize, usize)>>,
    /// How far the whole text is ahead.
    ahead: usize,
    offset: usize,
    line: u64,
    column: u64,
}

impl<'a> ByteOffsets<'a> {
    fn new(code: &'a Code) -> Self {
        ByteOffsets {
            chars: code.text.char_indices().peekable(),
            len: code.text.len(),
            jumps: code.jumps.iter().peekable(),
            ahead: 0,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    /// Moves on to `location`, which must not lie before the previous one, and returns its byte offset.
    fn advance_to(&mut self, location: Location) -> usize {
        while (self.line, self.column) < (location.line, location.column) {
            let Some((_, char)) = self.chars.next() else {
                break;
            };
            // Only \n ends a line for sqlparser; \r is a column like any other.
            if char == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        let in_code = self.chars.peek().map_or(self.len, |(offset, _)| *offset);
        while let Some((behind, whole)) = self.jumps.next_if(|(behind, _)| *behind <= in_code) {
            self.ahead = whole - behind;
        }
        self.offset = in_code + self.ahead;
        self.offset
    }
}

/// Collects tokens, splitting and renaming those that sqlparser reads otherwise than MySQL.
struct Lexemes<'a> {
    text: &'a str,
    done: Vec<Lexeme>,
    depth: u32,
}

impl Lexemes<'_> {
    fn push(&mut self, token: Token, range: Range<usize>) -> Result<(), SqlError> {
        let refuse = |what: &str| {
            let source = &self.text[range.clone()];
            Err(SqlError::Malformed(format!("{what} {source:?}, at byte {}", range.start)))
        };
        match token {
            Token::Whitespace(_) | Token::EOF => {}
            Token::Word(word) if word.quote_style.is_none() => self.push_word(&word.value, range)?,
            Token::HexStringLiteral(digits) => {
                let source = &self.text[range.clone()];
                let quoted = source.ends_with('\'');
                // MySQL takes x'…' for something else unless it holds whole bytes, and 0x… with a letter
                // after it for a name.
                let fits = if quoted {
                    digits.len() % 2 == 0 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
                } else {
                    !digits.is_empty() && !self.name_continues(range.end)
                };
                if !fits {
                    return refuse("not a hexadecimal literal:");
                }
                // `0x31 + 0` is 49 and `x'31' + 0` is 1: they must not become one token.
                let token =
                    if quoted { Token::HexStringLiteral(digits) } else { Token::Number(source.to_owned(), false) };
                self.add(token, range);
            }
            Token::SingleQuotedByteStringLiteral(ref bits) if !bits.bytes().all(|bit| matches!(bit, b'0' | b'1')) => {
                return refuse("not a bit literal:");
            }
            Token::DoubleQuotedByteStringLiteral(_) | Token::Number(_, true) => {
                return refuse("unknown literal");
            }
            // `mysql.5x` is a name of two parts to MySQL.
            Token::Number(ref digits, _) if digits.starts_with('.') && self.touches_name(range.start) => {
                return refuse("quote the part of the name that begins with a digit:");
            }
            Token::Placeholder(ref name) if name != "?" => return refuse("unknown placeholder"),
            // sqlparser joins operators that MySQL has not.
            Token::DoubleExclamationMark
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk
            | Token::TildeAsterisk
            | Token::ArrowAt
            | Token::CaretAt => {
                for at in range {
                    self.add(symbol(self.text.as_bytes()[at]), at..at + 1);
                }
            }
            other => self.add(other, range),
        }
        Ok(())
    }

    /// `a@b` is two tokens in MySQL and `<@b` was cut before its `b`.
    fn push_word(&mut self, word: &str, mut range: Range<usize>) -> Result<(), SqlError> {
        let cut_off = self.done.last().filter(|last| last.token == Token::AtSign && last.range.end == range.start);
        if let Some(at_sign) = cut_off {
            range.start = at_sign.range.start;
            self.done.pop();
        }
        let source = &self.text[range.clone()];
        let mut part_start = 0;
        let splits = source
            .char_indices()
            .filter(|(at, char)| *char == '@' && *at > 0 && !source[..*at].ends_with('@'))
            .map(|(at, _)| at)
            .chain([source.len()]);
        for part_end in splits {
            let part = &source[part_start..part_end];
            let name = part.strip_prefix("@@").or_else(|| part.strip_prefix('@')).unwrap_or(part);
            let part_range = range.start + part_start..range.start + part_end;
            part_start = part_end;
            // `0@b` would leave a number that sqlparser took for a word.
            let cut_number = part != source && part.starts_with(|first: char| first.is_ascii_digit());
            if name.is_empty() || cut_number || !name.chars().all(is_name_part) {
                return Err(SqlError::Malformed(format!("unclear word {word:?}, at byte {}", range.start)));
            }
            let is_bits =
                part.strip_prefix("0b").is_some_and(|bits| bits.bytes().all(|bit| matches!(bit, b'0' | b'1')));
            let token = if is_bits { Token::Number(part.to_owned(), false) } else { Token::make_word(part, None) };
            self.add(token, part_range);
        }
        Ok(())
    }

    fn add(&mut self, token: Token, range: Range<usize>) {
        if token == Token::RParen {
            self.depth = self.depth.saturating_sub(1);
        }
        let depth = self.depth;
        if token == Token::LParen {
            self.depth += 1;
        }
        self.done.push(Lexeme { token, range, depth });
    }

    fn touches_name(&self, at: usize) -> bool {
        matches!(self.done.last(), Some(Lexeme { token: Token::Word(_), range, .. }) if range.end == at)
    }

    fn name_continues(&self, at: usize) -> bool {
        self.text[at..].chars().next().is_some_and(is_name_part)
    }
}

/// Characters of an unquoted name (<https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>).
fn is_name_part(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '$') || !char.is_ascii()
}

fn symbol(byte: u8) -> Token {
    match byte {
        b'!' => Token::ExclamationMark,
        b'~' => Token::Tilde,
        b'*' => Token::Mul,
        b'<' => Token::Lt,
        b'^' => Token::Caret,
        b'@' => Token::AtSign,
        other => Token::Char(char::from(other)),
    }
}
