//! Literals as a sharding key sees them.

use keyspace::keys::KeyLiteral;
use sqlparser::ast::{Expr, UnaryOperator, Value};
use sqlparser::tokenizer::Token;

use crate::sql::meaning::statement::Literal;
use crate::sql::read::literal::decode_raw;

/// The literal that a column is compared with.
pub fn compared_literal(expr: &Expr) -> Literal {
    match expr {
        Expr::Nested(inner) => compared_literal(inner),
        Expr::Value(value) => {
            let column = usize::try_from(value.span.start.column).ok();
            // An empty span (line 0) is the parser's "unknown".
            Literal { value: literal_of(expr), at: column.and_then(|column| column.checked_sub(1)) }
        }
        _ => Literal { value: literal_of(expr), at: None },
    }
}

/// The literal that an expression is, through parentheses and signs; `Other` for everything else.
pub fn literal_of(expr: &Expr) -> KeyLiteral {
    match expr {
        Expr::Nested(inner) => literal_of(inner),
        Expr::Value(value) => literal_of_value(&value.value),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match literal_of(expr) {
            KeyLiteral::Integer(digits) => KeyLiteral::Integer(negated(&digits)),
            _ => KeyLiteral::Other,
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match literal_of(expr) {
            KeyLiteral::Integer(digits) => KeyLiteral::Integer(digits),
            _ => KeyLiteral::Other,
        },
        _ => KeyLiteral::Other,
    }
}

/// The literal that a token with its sign is.
pub fn literal_of_token(token: &Token, negative: bool) -> KeyLiteral {
    let literal = match token {
        Token::Word(_) => KeyLiteral::Null,
        Token::Number(text, _) => literal_of_value(&Value::Number(text.clone(), false)),
        Token::HexStringLiteral(digits) => hex_bytes(digits).map_or(KeyLiteral::Other, KeyLiteral::Bytes),
        Token::SingleQuotedString(raw) => KeyLiteral::Text(decode_raw(raw, '\'')),
        Token::DoubleQuotedString(raw) => KeyLiteral::Text(decode_raw(raw, '"')),
        _ => KeyLiteral::Other,
    };
    signed(literal, negative)
}

/// A literal with its sign, as the tree would have it.
pub fn signed(literal: KeyLiteral, negative: bool) -> KeyLiteral {
    match literal {
        KeyLiteral::Integer(digits) if negative => KeyLiteral::Integer(format!("-{digits}")),
        _ if negative => KeyLiteral::Other,
        literal => literal,
    }
}

fn literal_of_value(value: &Value) -> KeyLiteral {
    match value {
        Value::Null => KeyLiteral::Null,
        Value::Number(text, _) if text.bytes().all(|byte| byte.is_ascii_digit()) => KeyLiteral::Integer(text.clone()),
        Value::Number(text, _) => {
            text.strip_prefix("0x").and_then(hex_bytes).map_or(KeyLiteral::Other, KeyLiteral::Bytes)
        }
        Value::HexStringLiteral(digits) => hex_bytes(digits).map_or(KeyLiteral::Other, KeyLiteral::Bytes),
        Value::SingleQuotedString(raw) => KeyLiteral::Text(decode_raw(raw, '\'')),
        _ => KeyLiteral::Other,
    }
}

fn negated(digits: &str) -> String {
    match digits.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None => format!("-{digits}"),
    }
}

fn hex_bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok()).collect()
}
