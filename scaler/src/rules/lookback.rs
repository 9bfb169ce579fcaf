//! How far back a PromQL expression looks.

use std::time::Duration;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LookbackError {
    #[error("`{0}` is not a range that can be read")]
    Range(String),
    #[error("a quote or bracket is not closed")]
    Unclosed,
}

/// An upper bound of the age of the oldest sample that decides the expression's value.
///
/// Sums the longest range, every subquery's range and every positive offset: exact for one chain of functions, and
/// too long rather than too short where branches lie side by side. The server's own lookback for instant
/// selectors is not counted: it bridges missed scrapes and does not average over them.
pub fn longest_lookback(expr: &str) -> Result<Duration, LookbackError> {
    let mut scanner = Scanner { rest: expr };
    let mut longest_range = Duration::ZERO;
    let mut sum = Duration::ZERO;
    while let Some(piece) = scanner.next_piece()? {
        match piece {
            Piece::Bracket(inner) => {
                let (range, subquery) = match inner.split_once(':') {
                    Some((range, _step)) => (range, true),
                    None => (inner, false),
                };
                let unreadable = || LookbackError::Range(inner.trim().to_owned());
                let range = duration_from_text(range.trim()).ok_or_else(unreadable)?;
                match subquery {
                    true => sum = sum.saturating_add(range),
                    false => longest_range = longest_range.max(range),
                }
            }
            // A negative offset looks ahead. Anything but a duration means that `offset` is a label's name.
            Piece::Word("offset") => {
                if let Some(offset) = duration_from_text(scanner.upcoming_word()) {
                    sum = sum.saturating_add(offset);
                }
            }
            Piece::Word(_) => {}
        }
    }
    Ok(sum.saturating_add(longest_range))
}

/// A Prometheus duration: `1h30m`, `500ms`, and plain seconds, which Prometheus 3 takes as well.
pub fn duration_from_text(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit_ms: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(Duration::from_millis(count.checked_mul(unit_ms)?))?;
    }
    (!text.is_empty()).then_some(total)
}

enum Piece<'a> {
    /// What stands between `[` and `]`.
    Bracket(&'a str),
    Word(&'a str),
}

/// Walks over an expression, past strings, comments and label matchers.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn next_piece(&mut self) -> Result<Option<Piece<'a>>, LookbackError> {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' | '\'' | '`' => self.skip_string(c)?,
                '#' => self.rest = self.rest.split_once('\n').map_or("", |(_, after)| after),
                '[' => {
                    let (inner, after) = self.rest[1..].split_once(']').ok_or(LookbackError::Unclosed)?;
                    self.rest = after;
                    return Ok(Some(Piece::Bracket(inner)));
                }
                c if is_word(c) => {
                    let word = self.upcoming_word();
                    self.rest = &self.rest[word.len()..];
                    return Ok(Some(Piece::Word(word)));
                }
                c => self.rest = &self.rest[c.len_utf8()..],
            }
        }
        Ok(None)
    }

    /// The word after blanks, not consumed; empty where something else follows.
    fn upcoming_word(&self) -> &'a str {
        let rest = self.rest.trim_start();
        &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
    }

    fn skip_string(&mut self, quote: char) -> Result<(), LookbackError> {
        let mut escaped = false;
        for (position, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                // Backquoted strings know no escapes.
                '\\' if quote != '`' => escaped = true,
                c if c == quote => {
                    self.rest = &self.rest[position + 1..];
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(LookbackError::Unclosed)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expr: &str, expect_seconds: u64) {
        assert_eq!(longest_lookback(expr), Ok(Duration::from_secs(expect_seconds)), "{expr}");
    }

    #[test]
    fn ranges_offsets_and_subqueries_count() {
        check("up", 0);
        check("rate(x[5m])", 300);
        check("rate(x[5m]) / rate(y[10m])", 600);
        check("rate(x[1h30m])", 5400);
        check("x offset 1h", 3600);
        check("rate(x[5m] offset 1w)", 300 + 7 * 86_400);
        check("max_over_time(rate(x[5m])[1h:1m])", 3900);
        check("max_over_time(x[1h:])", 3600);
        check("x offset -1h", 0);
        check("rate(x[90])", 90);
    }

    #[test]
    fn strings_comments_and_names_do_not_count() {
        check(r#"x{a="[5m]", b='[\'9m]'} # [7m] offset 1h"#, 0);
        check("x{a=`\\`}[1m]", 60);
        check("sum by (offset) (x)", 0);
        check("offset_total + rate(x[1m])", 60);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(longest_lookback("x[$__range]"), Err(LookbackError::Range("$__range".to_owned())));
        assert_eq!(longest_lookback("x[5m"), Err(LookbackError::Unclosed));
        assert_eq!(longest_lookback("x{a=\"b}"), Err(LookbackError::Unclosed));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = longest_lookback(&text);
            let _ = duration_from_text(&text);
        }
    }
}
