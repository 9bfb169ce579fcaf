//! Literals between their raw spelling and their value.

use sqlparser::tokenizer::Token;

/// The value of a quoted string token; `None` for any other token.
///
/// It does not know the literal's character set: a client that writes `_latin1'…'` must be judged before.
pub fn decode_string(token: &Token) -> Option<String> {
    match token {
        Token::SingleQuotedString(raw) | Token::NationalStringLiteral(raw) => Some(decode_raw(raw, '\'')),
        Token::DoubleQuotedString(raw) => Some(decode_raw(raw, '"')),
        _ => None,
    }
}

/// The value of a literal's raw content (sqlparser keeps it so) between two `quote`s.
///
/// `\%` and `\_` keep their backslash, as MySQL has it outside of patterns.
pub fn decode_raw(raw: &str, quote: char) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(char) = chars.next() {
        if char == quote {
            chars.next_if_eq(&quote);
            value.push(quote);
        } else if char != '\\' {
            value.push(char);
        } else {
            match chars.next() {
                Some('0') => value.push('\0'),
                Some('b') => value.push('\u{8}'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('Z') => value.push('\u{1a}'),
                Some(wildcard @ ('%' | '_')) => value.extend(['\\', wildcard]),
                Some(other) => value.push(other),
                None => value.push('\\'),
            }
        }
    }
    value
}

/// The raw content of `"…"` respelled for `'…'`.
pub fn single_quoted(raw: &str) -> String {
    let mut respelled = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                chars.next_if_eq(&'"');
                respelled.push('"');
            }
            '\'' => respelled.push_str("''"),
            '\\' => {
                respelled.push('\\');
                respelled.extend(chars.next());
            }
            other => respelled.push(other),
        }
    }
    respelled
}
