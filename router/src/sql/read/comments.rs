//! Executable comments: `/*! … */`, `/*!NNNNN … */` and `/*M! … */`, which a server of a version runs and another skips.
//!
//! They are expanded before anything else reads a statement, so that lexer, gate, parser, planner and shard read one
//! and the same text: what the servers would run stands in it as code, what they would skip is gone. The rules are
//! those of `sql/sql_lex.cc` of both servers, measured on MariaDB 10.11 and MySQL 9.7.

use std::borrow::Cow;
use std::ops::Range;

use keyspace::mysql::{ServerVersion, Vendor};

use crate::sql::read::error::SqlError;
use crate::sql::read::scan::{Escapes, line_end, quoted_end, starts_line_comment};

/// What is left of a comment's marks: they separate tokens as an empty comment does. A blank would not: `--*` is two
/// minus signs and a product, `-- ` begins a comment, and MySQL takes a comment behind SELECT and blanks for hints.
const BORDER: &str = "/**/";

/// Whether a text could hold an executable comment; a cheap look.
pub fn may_hold_code(text: &str) -> bool {
    text.contains("/*!") || text.contains("/*M!")
}

/// The statement as every one of `servers` reads it, without executable comments.
///
/// # Errors
/// `Malformed` for a comment that does not end; `NotAllowed` for one that is code to some of the servers only.
pub fn expand<'a>(text: &'a str, servers: &[ServerVersion]) -> Result<Cow<'a, str>, SqlError> {
    if !may_hold_code(text) {
        return Ok(Cow::Borrowed(text));
    }
    let Some((first, others)) = servers.split_first() else { return Ok(Cow::Borrowed(text)) };
    let expanded = expand_for(text, *first)?;
    for other in others {
        first_difference(text, &expanded, &expand_for(text, *other)?)?;
    }
    Ok(Cow::Owned(expanded.text))
}

/// A statement for one server, with what became of its comments.
struct Expanded {
    text: String,
    /// Each executable comment's bytes, and whether it is code.
    comments: Vec<(Range<usize>, bool)>,
}

fn first_difference(text: &str, one: &Expanded, other: &Expanded) -> Result<(), SqlError> {
    if one.text == other.text {
        return Ok(());
    }
    let mut pairs = one.comments.iter().zip(&other.comments);
    // Of one that is code only the marker is known.
    let whole = |(one, other): (&Range<usize>, &Range<usize>)| one.start..one.end.max(other.end);
    let range = pairs.find(|(one, other)| one.1 != other.1).map(|(one, other)| whole((&one.0, &other.0)));
    let range = range.unwrap_or(0..text.len());
    Err(SqlError::NotAllowed {
        construct: format!("the comment {}", excerpt(&text[range])),
        hint: "it is code to some of the shards' servers and none to others: write the code itself, or leave it out"
            .to_owned(),
    })
}

fn excerpt(comment: &str) -> String {
    const LONGEST: usize = 60;
    match comment.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &comment[..end]),
        None => comment.to_owned(),
    }
}

fn expand_for(text: &str, server: ServerVersion) -> Result<Expanded, SqlError> {
    let bytes = text.as_bytes();
    let mut expanded = Expanded { text: String::with_capacity(text.len()), comments: Vec::new() };
    // The comment whose code is being read. An inner one does not count: the first `*/` ends them all.
    let mut open: Option<usize> = None;
    let unended = |at: usize| SqlError::Malformed(format!("the comment that starts at byte {at} does not end"));
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            // What does not end is the lexer's to tell.
            b'\'' | b'"' => quoted_end(bytes, at, Escapes::Backslash).unwrap_or(bytes.len()),
            b'`' => quoted_end(bytes, at, Escapes::None).unwrap_or(bytes.len()),
            b'#' => line_end(bytes, at),
            b'-' if starts_line_comment(bytes, at) => line_end(bytes, at),
            b'*' if open.is_some() && bytes.get(at + 1) == Some(&b'/') => {
                open = None;
                at += 2;
                expanded.text.push_str(BORDER);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let comment = &bytes[at..];
                let is_executable =
                    comment.starts_with(b"/*!") || (comment.starts_with(b"/*M!") && reads_mariadb_marker(server));
                let (marker, runs) = if is_executable { marker(server, comment) } else { (0, false) };
                if runs {
                    let end = at + marker;
                    expanded.comments.push((at..end, true));
                    open.get_or_insert(at);
                    expanded.text.push_str(BORDER);
                    at = end;
                    continue;
                }
                let end = match is_executable {
                    true => skipped_end(bytes, at + marker),
                    false => comment_end(bytes, at + 2),
                };
                let end = end.ok_or_else(|| unended(at))?;
                // Also what this server takes for a plain comment, and another one for code.
                if is_executable || comment.starts_with(b"/*M!") {
                    expanded.comments.push((at..end, false));
                    expanded.text.push_str(BORDER);
                    at = end;
                    continue;
                }
                end
            }
            _ => at + 1,
        };
        // Every end found above lies behind an ASCII byte; a character of several bytes is copied whole.
        let end = (end..=bytes.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(bytes.len());
        expanded.text.push_str(&text[at..end]);
        at = end;
    }
    match open {
        Some(at) => Err(unended(at)),
        None => Ok(expanded),
    }
}

/// Behind the first `*/` from `start` on.
fn comment_end(bytes: &[u8], start: usize) -> Option<usize> {
    bytes.get(start..)?.windows(2).position(|pair| pair == b"*/").map(|offset| start + offset + 2)
}

/// The same of an executable comment that is skipped: plain comments in it end by themselves.
fn skipped_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match bytes.get(at..at + 2)? {
            b"*/" => return Some(at + 2),
            b"/*" => at = comment_end(bytes, at + 2)?,
            _ => at += 1,
        }
    }
}

/// The bytes of the marker at the beginning of `comment`, and whether what follows is code to this server.
///
/// MariaDB takes six digits where there are six, MySQL only where a blank follows them. MariaDB skips what was
/// written for MySQL 5.7 to 9, whose features it may lack.
fn marker(server: ServerVersion, comment: &[u8]) -> (usize, bool) {
    let for_mariadb = comment.starts_with(b"/*M!");
    let start = if for_mariadb { 4 } else { 3 };
    let digits = comment[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let blank_follows = matches!(comment.get(start + 6), Some(b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r'));
    let length = match (server.vendor(), digits) {
        (_, 0..=4) => 0,
        (Vendor::MariaDb, 6..) => 6,
        (Vendor::MySql, 6..) if blank_follows => 6,
        _ => 5,
    };
    let version = comment[start..start + length].iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    let runs = match server.vendor() {
        Vendor::MariaDb => version <= server.number() && (for_mariadb || !(50_700..=99_999).contains(&version)),
        Vendor::MySql => version <= server.number(),
    };
    (start + length, length == 0 || runs)
}

/// Whether `/*M!` is more than a comment to this server.
fn reads_mariadb_marker(server: ServerVersion) -> bool {
    server.vendor() == Vendor::MariaDb
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARIADB: &str = "10.11.14-MariaDB-0+deb12u2";
    const MYSQL: &str = "9.7.4";

    #[track_caller]
    fn check_on(version: &str, text: &str, expected: &str) {
        let server = ServerVersion::parse(version).unwrap();
        assert_eq!(expand(text, &[server]).unwrap(), expected, "{text} on {version}");
    }

    #[track_caller]
    fn check(text: &str, on_mariadb: &str, on_mysql: &str) {
        check_on(MARIADB, text, on_mariadb);
        check_on(MYSQL, text, on_mysql);
    }

    #[test]
    fn versions_are_numbers() {
        let number = |version: &str| ServerVersion::parse(version).map(|version| version.number());
        assert_eq!(number(MARIADB), Some(101_114));
        assert_eq!(number(MYSQL), Some(90_704));
        assert_eq!(number("8.4.0-log"), Some(80_400));
        assert_eq!(number("11.8.3-MariaDB"), Some(110_803));
        assert_eq!(number("nonsense"), None);
    }

    #[test]
    fn code_is_what_the_server_runs() {
        check("SELECT 1 /*! +1 */", "SELECT 1 /**/ +1 /**/", "SELECT 1 /**/ +1 /**/");
        check("SELECT 1 /*!50000+1*/", "SELECT 1 /**/+1/**/", "SELECT 1 /**/+1/**/");
        check("SELECT 1 /*!50700 +1 */", "SELECT 1 /**/", "SELECT 1 /**/ +1 /**/");
        check("SELECT 1 /*!90705 +1 */", "SELECT 1 /**/", "SELECT 1 /**/");
        check("SELECT 1 /*!100000 +1 */", "SELECT 1 /**/ +1 /**/", "SELECT 1 /**/");
        check("SELECT 1 /*!101115 +1 */", "SELECT 1 /**/", "SELECT 1 /**/");
        check("SELECT 1 /*M! +1 */", "SELECT 1 /**/ +1 /**/", "SELECT 1 /**/");
        check("SELECT 1 /*M!50700 +1 */", "SELECT 1 /**/ +1 /**/", "SELECT 1 /**/");
        check("SELECT 1 /*!5000 +1 */", "SELECT 1 /**/5000 +1 /**/", "SELECT 1 /**/5000 +1 /**/");
        check("SELECT 1 /*! 50000 +1 */", "SELECT 1 /**/ 50000 +1 /**/", "SELECT 1 /**/ 50000 +1 /**/");
        check("SELECT 1 /*m!+1*/", "SELECT 1 /*m!+1*/", "SELECT 1 /*m!+1*/");
        check("SELECT 1 /*!M5*/", "SELECT 1 /**/M5/**/", "SELECT 1 /**/M5/**/");
    }

    #[test]
    fn digits_are_counted_as_each_server_does() {
        check("SELECT 1 /*!050000 +1 */", "SELECT 1 /**/ +1 /**/", "SELECT 1 /**/ +1 /**/");
        check("SELECT 1 /*!090705\u{b}+1*/", "SELECT 1 /**/", "SELECT 1 /**/");
        check("SELECT 1 + /*!0999991*/", "SELECT 1 + /**/", "SELECT 1 + /**/91/**/");
        check("SELECT 1 + /*!5000011*/", "SELECT 1 + /**/", "SELECT 1 + /**/11/**/");
        check("SELECT /*!100000*/", "SELECT /**//**/", "SELECT /**/0/**/");
        check("SELECT /*!090705x*/", "SELECT /**/", "SELECT /**/5x/**/");
        check("SELECT 1 + /*M!0999997*/", "SELECT 1 + /**/7/**/", "SELECT 1 + /**/");
        check("SELECT /*!50000mysql.*/user", "SELECT /**/mysql./**/user", "SELECT /**/mysql./**/user");
    }

    #[test]
    fn comments_within_comments_end_as_on_the_server() {
        let both = |text: &str, expected: &str| check(text, expected, expected);
        both("1 /*!50000 /* x */ +1 */", "1 /**/ /* x */ +1 /**/");
        both("1 /*!99999 /* x */ +1 */ +5", "1 /**/ +5");
        both("1 /*!99999 /* /* x */ +1 */ +5", "1 /**/ +5");
        both("1 /*!99999 /*/ */ */ +1", "1 /**/ +1");
        both("1 /*!50000 /*!50000 +1 */ +2", "1 /**/ /**/ +1 /**/ +2");
        both("1 /*!50000 /*!50000 +1 */ +2 */", "1 /**/ /**/ +1 /**/ +2 */");
        both("1 /*!50000 /*!99999 +1 */ +2 */", "1 /**/ /**/ +2 /**/");
        both("1 /*!50000 + f('*/') */", "1 /**/ + f('*/') /**/");
        both("1 /*!50000 as `x */` */", "1 /**/ as `x */` /**/");
        both("1 /*!50000 +1 -- */\n +1 */", "1 /**/ +1 -- */\n +1 /**/");
        both("2 */*!50000 2*/", "2 */**/ 2/**/");
        both("2 /*!50000**/3", "2 /**/*/**/3");
        both("1 /*! --*/ 1", "1 /**/ --/**/ 1");
        both("'/*! a */' `/*! b */` -- /*! c", "'/*! a */' `/*! b */` -- /*! c");
        both("/* /*! */ 1", "/* /*! */ 1");
        both("é/*!é*/é", "é/**/é/**/é");
        check("1 /*M!999999 /* */ */ +5", "1 /**/ +5", "1 /**/ */ +5");
    }

    #[test]
    fn a_comment_separates() {
        check("sel/*!*/ect 1", "sel/**//**/ect 1", "sel/**//**/ect 1");
        check("a/*!99999 x*/b", "a/**/b", "a/**/b");
        check("/*!40101 SET NAMES utf8mb4 */", "/**/ SET NAMES utf8mb4 /**/", "/**/ SET NAMES utf8mb4 /**/");
    }

    #[test]
    fn what_does_not_end_is_malformed() {
        for text in ["1 /*! +1", "1 /*!", "1 /*!50000", "1 /*!99999 +1", "1 /*!99999 /* */", "/*!1 /*M!", "/*! '*/"] {
            for version in [MARIADB, MYSQL] {
                let outcome = expand(text, &[ServerVersion::parse(version).unwrap()]);
                let is_malformed = matches!(&outcome, Err(SqlError::Malformed(_)));
                assert!(is_malformed, "{text} on {version}: {outcome:?}");
            }
        }
    }

    #[test]
    fn what_is_code_to_some_only_is_refused_by_name() {
        let servers = [MARIADB, MYSQL].map(|version| ServerVersion::parse(version).unwrap());
        assert_eq!(expand("SELECT 1 /*!40101 +1 */", &servers).unwrap(), "SELECT 1 /**/ +1 /**/");
        assert_eq!(expand("SELECT 1 /*!999999 +1 */", &servers).unwrap(), "SELECT 1 /**/");
        for (text, comment) in [
            ("SELECT 1 /*!80000 +1 */", "the comment /*!80000 +1 */"),
            ("SELECT 1 /*!40000 +1 */ /*M! +2 */", "the comment /*M! +2 */"),
        ] {
            match expand(text, &servers) {
                Err(SqlError::NotAllowed { construct, .. }) => assert_eq!(construct, comment, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
