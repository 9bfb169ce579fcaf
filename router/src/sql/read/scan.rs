//! Where MySQL's lexer sees strings, quoted names, comments and `;`: a second opinion on sqlparser's tokens.
//!
//! Written from MySQL's rules alone (<https://dev.mysql.com/doc/refman/8.4/en/comments.html> and
//! <https://dev.mysql.com/doc/refman/8.4/en/string-literals.html>), it shares no code with sqlparser, so that
//! one mistake does not fool both.

use std::ops::Range;

use crate::sql::read::error::SqlError;

/// A stretch of text that is not plain code, or a statement's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub kind: MarkKind,
    /// Bytes, with the delimiters; a line comment ends before its line break.
    pub range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// `'…'` or `"…"`, without a prefix such as `x` or `N`.
    Text,
    /// `` `…` ``
    Name,
    /// `#…`, `-- …`, `/* … */`
    Comment,
    /// `/*! … */` or `/*M! … */`
    ExecutableComment,
    /// `;`
    End,
}

/// Every mark of a text, in order.
///
/// # Errors
/// `Malformed` for a string, name or comment that does not end and for a NUL byte in code.
pub fn marks(text: &str) -> Result<Vec<Mark>, SqlError> {
    let bytes = text.as_bytes();
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let found = match byte {
            b'\'' | b'"' => Some((MarkKind::Text, quoted_end(bytes, at, Escapes::Backslash))),
            b'`' => Some((MarkKind::Name, quoted_end(bytes, at, Escapes::None))),
            b'#' => Some((MarkKind::Comment, Some(line_end(bytes, at)))),
            b'-' if starts_line_comment(bytes, at) => Some((MarkKind::Comment, Some(line_end(bytes, at)))),
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let rest = &bytes[at + 2..];
                let executable = rest.starts_with(b"!") || rest.starts_with(b"M!");
                let kind = if executable { MarkKind::ExecutableComment } else { MarkKind::Comment };
                let end = rest.windows(2).position(|pair| pair == b"*/").map(|offset| at + 2 + offset + 2);
                Some((kind, end))
            }
            b';' => Some((MarkKind::End, Some(at + 1))),
            0 => {
                return Err(SqlError::Malformed(format!("a NUL byte outside of a string, at byte {at}")));
            }
            _ => None,
        };
        match found {
            None => at += 1,
            Some((kind, Some(end))) => {
                marks.push(Mark { kind, range: at..end });
                at = end;
            }
            Some((kind, None)) => {
                let what = match kind {
                    MarkKind::Text => "string",
                    MarkKind::Name => "quoted name",
                    MarkKind::Comment | MarkKind::ExecutableComment | MarkKind::End => "comment",
                };
                return Err(SqlError::Malformed(format!("the {what} that starts at byte {at} does not end")));
            }
        }
    }
    Ok(marks)
}

/// Whether a text is comments and blanks, and nothing else but `;` at its end: servers answer that it is done.
pub fn is_comments_only(text: &str) -> bool {
    // Nothing else begins so.
    if !matches!(text.trim_start().as_bytes().first(), Some(b'/' | b'-' | b'#')) {
        return false;
    }
    let text = text.trim_end_matches(|char: char| char == ';' || char.is_ascii_whitespace());
    let Ok(marks) = marks(text) else { return false };
    let mut end = 0;
    let is_blank = |range: Range<usize>| text[range].bytes().all(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
    let only_comments = marks.iter().all(|mark| {
        let goes_on = mark.kind == MarkKind::Comment && is_blank(end..mark.range.start);
        end = mark.range.end;
        goes_on
    });
    only_comments && !marks.is_empty() && is_blank(end..text.len())
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    Backslash,
    None,
}

/// The byte after the closing quote; a doubled quote does not close.
pub fn quoted_end(bytes: &[u8], start: usize, escapes: Escapes) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        let byte = *bytes.get(at)?;
        if byte == b'\\' && escapes == Escapes::Backslash {
            at += 2;
        } else if byte != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
}

/// `--` starts a comment only before a space, a control character or the end: `1--1` is two minus signs.
pub fn starts_line_comment(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 1) == Some(&b'-') && bytes.get(at + 2).is_none_or(|next| *next == b' ' || next.is_ascii_control())
}

pub fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |offset| start + offset)
}
