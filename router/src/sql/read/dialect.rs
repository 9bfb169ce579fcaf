//! sqlparser's MySQL dialect with MySQL's operator precedence.
//!
//! The stock dialect builds wrong trees without a word: it binds XOR tighter than `=`, IN as
//! loosely as BETWEEN, `^` looser than `*`. A wrong tree is a wrong route.

use std::any::TypeId;

use sqlparser::ast::{BinaryOperator, CastKind, DataType, DateTimeField, Expr, Interval, Statement, UnaryOperator};
use sqlparser::dialect::{Dialect, MySqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// The dialect to parse and print MariaDB and MySQL statements with.
#[derive(Debug, Clone, Copy, Default)]
pub struct MariaDialect;

const STOCK: MySqlDialect = MySqlDialect {};

/// Binding strengths of MariaDB's grammar (sql_yacc.yy, `%left` lines), where sqlparser has no name for them.
mod strength {
    pub const NONE: u8 = 0;
    pub const ASSIGNMENT: u8 = 3;
    pub const IN: u8 = 23;
    pub const SHIFT: u8 = 26;
    pub const MULTIPLICATION: u8 = 40;
    pub const PREFIX: u8 = 48;
    pub const JSON_ARROW: u8 = 49;
}

impl MariaDialect {
    fn parse_prefix_operator(parser: &mut Parser, op: UnaryOperator) -> Result<Expr, ParserError> {
        parser.advance_token();
        let expr = Box::new(parser.parse_subexpr(strength::PREFIX)?);
        Ok(Expr::UnaryOp { op, expr })
    }

    fn parse_binary_operator(parser: &mut Parser) -> Result<Expr, ParserError> {
        parser.advance_token();
        Ok(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(parser.parse_subexpr(strength::PREFIX)?),
            data_type: DataType::Binary(None),
            format: None,
        })
    }

    /// `INTERVAL '1:30' HOUR_MINUTE`: sqlparser knows simple units only.
    fn parse_composite_interval(parser: &mut Parser) -> Result<Expr, ParserError> {
        parser.advance_token();
        let value = Box::new(parser.parse_expr()?);
        let unit = parser.parse_identifier()?;
        if !is_composite_unit(&unit.value) {
            return Err(ParserError::ParserError(format!("expected a unit after INTERVAL, found {unit}")));
        }
        Ok(Expr::Interval(Interval {
            value,
            leading_field: Some(DateTimeField::Custom(unit)),
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }))
    }
}

/// `a LIKE b NOT LIKE c`, `a BETWEEN b AND c BETWEEN d AND e`: MariaDB nests such chains to the right, sqlparser to
/// the left. Nobody needs them, and a wrong tree is worse than none.
fn chain_error(parser: &Parser, left: &Expr) -> Option<ParserError> {
    let Token::Word(word) = &parser.peek_token_ref().token else {
        return None;
    };
    let chains = matches!(word.keyword, Keyword::NOT | Keyword::BETWEEN)
        && matches!(left, Expr::Like { .. } | Expr::RLike { .. } | Expr::Between { .. });
    chains.then(|| ParserError::ParserError(format!("expected parentheses around the left side of {word}")))
}

/// Looks ahead for the unit of the INTERVAL at the parser's position. Trying one parser and then the other
/// would double the work for each level of nesting.
fn has_composite_unit(parser: &Parser) -> bool {
    // Values of intervals are short; what is longer is left to sqlparser.
    const LOOK_AHEAD: usize = 64;
    let mut depth = 0_usize;
    for n in 1..LOOK_AHEAD {
        match &parser.peek_nth_token_ref(n).token {
            Token::EOF => return false,
            Token::LParen => depth += 1,
            Token::RParen | Token::Comma if depth == 0 => return false,
            Token::RParen => depth -= 1,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => {
                if is_composite_unit(&word.value) {
                    return true;
                }
                if is_simple_unit(word.keyword) {
                    return false;
                }
            }
            _ => {}
        }
    }
    false
}

/// Operators of sqlparser that neither server has: `SELECT a ILIKE FROM t` reads a column under an alias.
fn is_foreign_operator(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::ILIKE
            | Keyword::OVERLAPS
            | Keyword::SIMILAR
            | Keyword::MATCH
            | Keyword::OPERATOR
            | Keyword::AT
            | Keyword::NOTNULL
    )
}

fn is_composite_unit(word: &str) -> bool {
    const UNITS: [&str; 11] = [
        "SECOND_MICROSECOND",
        "MINUTE_MICROSECOND",
        "MINUTE_SECOND",
        "HOUR_MICROSECOND",
        "HOUR_SECOND",
        "HOUR_MINUTE",
        "DAY_MICROSECOND",
        "DAY_SECOND",
        "DAY_MINUTE",
        "DAY_HOUR",
        "YEAR_MONTH",
    ];
    UNITS.iter().any(|unit| word.eq_ignore_ascii_case(unit))
}

fn is_simple_unit(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::MICROSECOND
            | Keyword::SECOND
            | Keyword::MINUTE
            | Keyword::HOUR
            | Keyword::DAY
            | Keyword::WEEK
            | Keyword::MONTH
            | Keyword::QUARTER
            | Keyword::YEAR
    )
}

impl Dialect for MariaDialect {
    /// sqlparser asks for this type wherever it treats MySQL apart; it is the documented way to wrap a dialect.
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 100,
            Precedence::DoubleColon => 50,
            Precedence::Caret => 45,
            Precedence::AtTz => 41,
            Precedence::MulDivModOp => strength::MULTIPLICATION,
            Precedence::PlusMinus => 30,
            Precedence::Ampersand => 25,
            Precedence::Pipe => 24,
            Precedence::Like => 23,
            Precedence::Between => 22,
            Precedence::Colon | Precedence::PgOther => 21,
            Precedence::Eq | Precedence::Is => 20,
            Precedence::UnaryNot => 15,
            Precedence::And => 10,
            Precedence::Xor => 7,
            Precedence::Or => 5,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        let keyword_at = |n: usize| match &parser.peek_nth_token_ref(n).token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let precedence = match &parser.peek_token_ref().token {
            Token::Assignment => strength::ASSIGNMENT,
            Token::ShiftLeft | Token::ShiftRight => strength::SHIFT,
            Token::Arrow | Token::LongArrow => strength::JSON_ARROW,
            Token::Word(word) => match word.keyword {
                Keyword::MOD => strength::MULTIPLICATION,
                Keyword::IN => strength::IN,
                Keyword::NOT if keyword_at(1) == Keyword::IN => strength::IN,
                Keyword::NOT if is_foreign_operator(keyword_at(1)) => strength::NONE,
                keyword if is_foreign_operator(keyword) => strength::NONE,
                _ => return None,
            },
            _ => return None,
        };
        Some(Ok(precedence))
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Minus => Some(Self::parse_prefix_operator(parser, UnaryOperator::Minus)),
            Token::Plus => Some(Self::parse_prefix_operator(parser, UnaryOperator::Plus)),
            Token::Tilde => Some(Self::parse_prefix_operator(parser, UnaryOperator::BitwiseNot)),
            Token::ExclamationMark => Some(Self::parse_prefix_operator(parser, UnaryOperator::BangNot)),
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::BINARY => Some(Self::parse_binary_operator(parser)),
                Keyword::INTERVAL if has_composite_unit(parser) => Some(Self::parse_composite_interval(parser)),
                _ => None,
            },
            _ => None,
        }
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        if let Some(error) = chain_error(parser, expr) {
            return Some(Err(error));
        }
        if !parser.parse_keyword(Keyword::MOD) {
            return STOCK.parse_infix(parser, expr, precedence);
        }
        Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
            left: Box::new(expr.clone()),
            op: BinaryOperator::Modulo,
            right: Box::new(right),
        }))
    }

    fn parse_statement(&self, parser: &mut Parser) -> Option<Result<Statement, ParserError>> {
        STOCK.parse_statement(parser)
    }

    /// The stock dialect inlines `/*! … */`, whatever its version number.
    fn supports_multiline_comment_hints(&self) -> bool {
        false
    }

    /// `EXTRACT(YEAR_MONTH FROM …)`
    fn allow_extract_custom(&self) -> bool {
        true
    }

    // All below is forwarded: every method that the stock dialect overrides.

    fn is_identifier_start(&self, ch: char) -> bool {
        STOCK.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        STOCK.is_identifier_part(ch)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        STOCK.is_delimited_identifier_start(ch)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        STOCK.identifier_quote_style(identifier)
    }

    fn is_table_factor_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser) -> bool {
        STOCK.is_table_factor_alias(explicit, kw, parser)
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        STOCK.supports_string_literal_backslash_escape()
    }

    fn supports_string_literal_concatenation(&self) -> bool {
        STOCK.supports_string_literal_concatenation()
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        STOCK.ignores_wildcard_escapes()
    }

    fn supports_numeric_prefix(&self) -> bool {
        STOCK.supports_numeric_prefix()
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        STOCK.supports_bitwise_shift_operators()
    }

    fn require_interval_qualifier(&self) -> bool {
        STOCK.require_interval_qualifier()
    }

    fn supports_limit_comma(&self) -> bool {
        STOCK.supports_limit_comma()
    }

    fn supports_create_table_select(&self) -> bool {
        STOCK.supports_create_table_select()
    }

    fn supports_insert_set(&self) -> bool {
        STOCK.supports_insert_set()
    }

    fn supports_user_host_grantee(&self) -> bool {
        STOCK.supports_user_host_grantee()
    }

    fn supports_table_hints(&self) -> bool {
        STOCK.supports_table_hints()
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        STOCK.requires_single_line_comment_whitespace()
    }

    fn supports_match_against(&self) -> bool {
        STOCK.supports_match_against()
    }

    fn supports_select_modifiers(&self) -> bool {
        STOCK.supports_select_modifiers()
    }

    fn supports_set_names(&self) -> bool {
        STOCK.supports_set_names()
    }

    fn supports_comma_separated_set_assignments(&self) -> bool {
        STOCK.supports_comma_separated_set_assignments()
    }

    fn supports_update_order_by(&self) -> bool {
        STOCK.supports_update_order_by()
    }

    fn supports_data_type_signed_suffix(&self) -> bool {
        STOCK.supports_data_type_signed_suffix()
    }

    fn supports_cross_join_constraint(&self) -> bool {
        STOCK.supports_cross_join_constraint()
    }

    fn supports_double_ampersand_operator(&self) -> bool {
        STOCK.supports_double_ampersand_operator()
    }

    fn supports_binary_kw_as_cast(&self) -> bool {
        STOCK.supports_binary_kw_as_cast()
    }

    fn supports_comment_optimizer_hint(&self) -> bool {
        STOCK.supports_comment_optimizer_hint()
    }

    fn supports_constraint_keyword_without_name(&self) -> bool {
        STOCK.supports_constraint_keyword_without_name()
    }

    fn supports_key_column_option(&self) -> bool {
        STOCK.supports_key_column_option()
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        STOCK.supports_group_by_with_modifier()
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        STOCK.supports_left_associative_joins_without_parens()
    }
}
