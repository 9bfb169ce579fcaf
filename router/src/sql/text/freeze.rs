//! The current time as a literal, so that every shard computes with the same.

use std::ops::Range;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use sqlparser::tokenizer::Token;

use crate::sql::read::read;
use crate::sql::read::source::Sql;
use crate::sql::text::clauses::select_clauses;
use crate::sql::text::splice::splice;

/// What a call stands for.
#[derive(Clone, Copy)]
enum Clock {
    DateTime,
    Date,
    Time,
    Seconds,
}

/// The statement with `now` (in UTC, as sessions are) in place of NOW() and its kin; `None` if there is none, or
/// one stands where its text names a column.
pub fn frozen(sql: &Sql, now: Timestamp) -> Option<Sql> {
    let calls: Vec<(Range<usize>, String)> = (0..sql.tokens.len())
        .filter_map(|index| {
            let (literal, tokens) = call_at(sql, index, now)?;
            Some((sql.tokens[index].range.start..sql.tokens[index + tokens - 1].range.end, literal))
        })
        .collect();
    if calls.is_empty() {
        return None;
    }
    let clauses = select_clauses(sql)?;
    let names_no_column = |(call, _): &(Range<usize>, String)| {
        let mut harmless = clauses.from.iter().chain(&clauses.where_);
        harmless.any(|clause| clause.start <= call.start && call.end <= clause.end)
    };
    if !calls.iter().all(names_no_column) {
        return None;
    }
    read(&splice(&sql.text, calls), &[]).ok()
}

/// The literal for the call that begins at a token, and how many tokens the call has.
fn call_at(sql: &Sql, index: usize, now: Timestamp) -> Option<(String, usize)> {
    let name = sql.word(index)?.value.to_ascii_lowercase();
    // After a period it is a column's name.
    if index > 0 && sql.is_token(index - 1, &Token::Period) {
        return None;
    }
    let clock = match name.as_str() {
        "now" | "sysdate" | "current_timestamp" | "localtime" | "localtimestamp" | "utc_timestamp" => Clock::DateTime,
        "curdate" | "current_date" | "utc_date" => Clock::Date,
        "curtime" | "current_time" | "utc_time" => Clock::Time,
        "unix_timestamp" => Clock::Seconds,
        _ => return None,
    };
    let needs_parentheses = matches!(name.as_str(), "now" | "sysdate" | "curdate" | "curtime" | "unix_timestamp");
    let (digits, tokens) = match sql.is_token(index + 1, &Token::LParen) {
        false if needs_parentheses => return None,
        false => (0, 1),
        true if sql.is_token(index + 2, &Token::RParen) => (0, 3),
        true => match &sql.tokens.get(index + 2)?.token {
            Token::Number(digits, _) if sql.is_token(index + 3, &Token::RParen) => (digits.parse().ok()?, 4),
            _ => return None,
        },
    };
    literal(clock, digits, now).map(|literal| (literal, tokens))
}

fn literal(clock: Clock, digits: usize, now: Timestamp) -> Option<String> {
    let (keyword, format) = match (clock, digits) {
        (Clock::DateTime, 0..=6) => ("TIMESTAMP", "%Y-%m-%d %H:%M:%S"),
        (Clock::Date, 0) => ("DATE", "%Y-%m-%d"),
        (Clock::Time, 0..=6) => ("TIME", "%H:%M:%S"),
        (Clock::Seconds, 0) => return Some(now.as_second().to_string()),
        _ => return None,
    };
    let text = strtime::format(format, &now.to_zoned(TimeZone::UTC)).ok()?;
    let fraction = format!("{:06}", now.subsec_microsecond());
    let fraction = match digits {
        0 => String::new(),
        _ => format!(".{}", &fraction[..digits]),
    };
    Some(format!("{keyword}'{text}{fraction}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let now = "2026-03-01T12:34:56.789012Z".parse().unwrap();
        let frozen = frozen(&read(text, &[]).unwrap(), now);
        assert_eq!(frozen.as_ref().map(|sql| sql.text.as_str()), expected, "{text}");
    }

    #[test]
    fn the_time_becomes_a_literal_of_its_type() {
        check("SELECT a FROM t WHERE b < NOW()", Some("SELECT a FROM t WHERE b < TIMESTAMP'2026-03-01 12:34:56'"));
        check(
            "SELECT a FROM t WHERE b < now( 3 ) - INTERVAL 1 DAY",
            Some("SELECT a FROM t WHERE b < TIMESTAMP'2026-03-01 12:34:56.789' - INTERVAL 1 DAY"),
        );
        check(
            "SELECT a FROM t WHERE b < CURRENT_TIMESTAMP AND c = CURDATE() AND d > CURRENT_TIME(6)",
            Some(
                "SELECT a FROM t WHERE b < TIMESTAMP'2026-03-01 12:34:56' AND c = DATE'2026-03-01' \
                 AND d > TIME'12:34:56.789012'",
            ),
        );
        check("SELECT a FROM t WHERE b < UNIX_TIMESTAMP()", Some("SELECT a FROM t WHERE b < 1772368496"));
        check(
            "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d < NOW())",
            Some("SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d < TIMESTAMP'2026-03-01 12:34:56')"),
        );
    }

    #[test]
    fn what_is_no_call_or_names_a_column_stays() {
        check("SELECT NOW() FROM t", None);
        check("SELECT a FROM t WHERE b < NOW() ORDER BY NOW()", None);
        check("SELECT a FROM t WHERE now = 1 AND t.current_date = 2", None);
        check("SELECT a FROM t WHERE `current_date` = 'NOW()'", None);
        check("SELECT a FROM t WHERE UNIX_TIMESTAMP(b) > 5", None);
        check("SELECT a FROM t WHERE b < NOW(9)", None);
    }
}
