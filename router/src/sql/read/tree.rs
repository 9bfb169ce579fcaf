//! From tokens to sqlparser's tree.

use std::ops::Range;

use sqlparser::ast::Statement;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::dialect::MariaDialect;
use super::source::{Lexeme, location};
use super::{literal, reserved};

/// The tokens as sqlparser is to see them, without those of `left_out`, and whether `LOCK IN SHARE MODE` was taken out.
///
/// `||` and `&&` become the words they mean in MySQL, because sqlparser gives the symbols other meanings.
/// `"…"` becomes `'…'`, because sqlparser joins adjacent literals without regard to their quotes.
pub fn parser_tokens(lexemes: &[Lexeme], left_out: &Range<usize>) -> (Vec<TokenWithSpan>, bool) {
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

/// The tree of one statement, or the parser's message.
pub fn parse(tokens: Vec<TokenWithSpan>) -> Result<Statement, String> {
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
