//! `?` placeholders become literals before anything is parsed.

use keyspace::literal::quote_text;
use sqlparser::tokenizer::Token;

use crate::sql::read::error::SqlError;
use crate::sql::read::source::Lexeme;

/// A value for a `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    Null,
    Bool(bool),
    /// The text of a JSON number; spliced in as written, so that no digit is lost.
    Number(String),
    Text(String),
}

/// The text with its placeholders replaced; `None` if it has none.
///
/// # Errors
/// `Params` if their number differs, `Malformed` if a number is not a JSON number.
pub fn bind(text: &str, tokens: &[Lexeme], params: &[Param]) -> Result<Option<String>, SqlError> {
    let placeholders: Vec<_> = tokens
        .iter()
        .filter(|lexeme| matches!(lexeme.token, Token::Placeholder(_)))
        .map(|lexeme| lexeme.range.clone())
        .collect();
    if placeholders.len() != params.len() {
        return Err(SqlError::Params { expected: placeholders.len(), got: params.len() });
    }
    if params.is_empty() {
        return Ok(None);
    }

    let mut bound = String::with_capacity(text.len() + 16 * params.len());
    let mut copied = 0;
    for (number, (placeholder, param)) in placeholders.iter().zip(params).enumerate() {
        bound.push_str(&text[copied..placeholder.start]);
        // A literal must stay a token of its own: `-?` is not `--1`, and `N?` is not N'…'. But a blank after `--`
        // would make a comment of the two signs.
        let touches = bound.bytes().next_back().is_some_and(|before| !b" \t\r\n(,=<>+*".contains(&before));
        if touches && !bound.ends_with("--") {
            bound.push(' ');
        }
        match param {
            Param::Null => bound.push_str("NULL"),
            Param::Bool(true) => bound.push_str("TRUE"),
            Param::Bool(false) => bound.push_str("FALSE"),
            Param::Number(digits) if is_json_number(digits) => bound.push_str(digits),
            Param::Number(_) => {
                return Err(SqlError::Malformed(format!("param {} is not a JSON number", number + 1)));
            }
            Param::Text(value) => bound.push_str(&quote_text(value)),
        }
        copied = placeholder.end;
        if text.as_bytes().get(copied).is_some_and(|after| !b" \t\r\n),;=<>+*/".contains(after)) {
            bound.push(' ');
        }
    }
    bound.push_str(&text[copied..]);
    Ok(Some(bound))
}

/// RFC 8259's grammar of a number.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}
