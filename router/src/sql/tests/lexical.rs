use super::*;

#[track_caller]
fn check_tokens(text: &str, expected: &[&str]) {
    let sql = sql(text);
    let slices: Vec<_> = sql.tokens.iter().map(|lexeme| sql.slice(lexeme.range.clone())).collect();
    assert_eq!(slices, expected, "{text}");
}

#[track_caller]
fn check_malformed(text: &str) {
    assert!(matches!(refusal(text), SqlError::Malformed(_)), "{text}");
}

#[test]
fn ranges_are_bytes_whatever_the_lines_and_characters() {
    check_tokens("SELECT\t'ä€😀',\r\n x", &["SELECT", "'ä€😀'", ",", "x"]);
    check_tokens("SELECT\r\r\n\n`sch\nön`.ü -- ☃\n, 1", &["SELECT", "`sch\nön`", ".", "ü", ",", "1"]);
    check_tokens("SELECT a@b, @@x, @v:=1", &["SELECT", "a", "@b", ",", "@@x", ",", "@v", ":=", "1"]);
    check_tokens(
        "SELECT t.1a, 1e5, .5, x'4142', N'é'",
        &["SELECT", "t", ".", "1a", ",", "1e5", ",", ".5", ",", "x'4142'", ",", "N'é'"],
    );
    check_tokens("SELECT a<@b", &["SELECT", "a", "<", "@b"]);
}

#[test]
fn depth_counts_open_parentheses() {
    let sql = sql("SELECT (a, f(b)) FROM t");
    let depths: Vec<_> = sql.tokens.iter().map(|lexeme| lexeme.depth).collect();
    assert_eq!(depths, [0, 0, 1, 1, 1, 1, 2, 1, 0, 0, 0]);
}

#[test]
fn comments_are_those_of_mysql() {
    check_tokens("SELECT 1--1", &["SELECT", "1", "-", "-", "1"]);
    check_tokens("SELECT 1 -- 2\n+ 3", &["SELECT", "1", "+", "3"]);
    check_tokens("SELECT 1 # 2\n+ 3", &["SELECT", "1", "+", "3"]);
    check_tokens("SELECT /*+ NO_ICP(t) */ 1 /**/", &["SELECT", "1"]);
    check_tokens("SELECT /* /* */ 1", &["SELECT", "1"]);
    check_tokens("SELECT '-- ;' /* ; ' */, \"#;\", `;`", &["SELECT", "'-- ;'", ",", "\"#;\"", ",", "`;`"]);
    check_malformed("SELECT /* /* */ 1 */ ; DROP TABLE `t");
    check_malformed("SELECT 1 /* 2");
    check_malformed("SELECT 1 --\u{a0}; DROP TABLE t");
    check_tokens("SELECT 1 --\u{1}; DROP TABLE t", &["SELECT", "1"]);
    check_malformed("SELECT 1 --\u{3000}2");
    check_tokens("SELECT 1 --", &["SELECT", "1"]);
    check_tokens("SELECT 1 ||/* x */ 2", &["SELECT", "1", "||", "2"]);
}

#[test]
fn strings_are_those_of_mysql() {
    check_tokens(
        r"SELECT 'a\'b', 'a''b', 'a\\', '\\'",
        &["SELECT", r"'a\'b'", ",", "'a''b'", ",", r"'a\\'", ",", r"'\\'"],
    );
    check_tokens(r#"SELECT "a\"b;""#, &["SELECT", r#""a\"b;""#]);
    check_tokens("SELECT `a``b\\`", &["SELECT", "`a``b\\`"]);
    check_tokens("SELECT _utf8mb4'x', b'01', 0b01", &["SELECT", "_utf8mb4", "'x'", ",", "b'01'", ",", "0b01"]);
    check_tokens("SELECT 'a\0b'", &["SELECT", "'a\0b'"]);
    check_malformed("SELECT 'a");
    check_malformed(r"SELECT 'a\'");
    check_malformed("SELECT `a");
    check_malformed("SELECT 1 \0");
    check_malformed(r"SELECT b'\'; DROP TABLE t -- '");
    check_malformed("SELECT b'012'");
    check_malformed("SELECT x'4g'");
    check_malformed("SELECT x'414'");
    check_malformed("SELECT 0x41g");
    check_malformed("SELECT 1.5abc");
    check_malformed("SELECT @;DROP");
    check_malformed("SELECT 0@a");
    check_malformed("SELECT ?1");
}

#[test]
fn comments_alone_are_told_from_nothing() {
    for text in ["/* x */", " -- x", "# x\n/**/ ;", "/**/", "/* ; */ ;"] {
        assert!(is_comments_only(text), "{text}");
    }
    for text in
        ["", ";", " ; ", "SELECT 1", "/* x */ SELECT 1", "/* x */ ; SELECT 1", "'/* x */'", "/* x", "/ 2", "- -"]
    {
        assert!(!is_comments_only(text), "{text}");
    }
}

#[test]
fn exactly_one_statement() {
    for empty in ["", " \t\n", "-- x", "/* x */ # y", ";", " ; -- x"] {
        assert_eq!(refusal(empty), SqlError::Empty, "{empty}");
    }
    for several in ["SELECT 1; SELECT 2", "a b; c", ";;", "SELECT 1;;", "; SELECT 1", "FROB ; DROP"] {
        assert_eq!(refusal(several), SqlError::Several, "{several}");
    }
    assert_eq!(sql("SELECT 1 /* a */ ; -- x").text, "SELECT 1 /* a */ ");
    assert_eq!(sql("SELECT 1 -- ; x").text, "SELECT 1 -- ; x");
}

#[test]
fn executable_comments_are_expanded_before() {
    for text in
        ["SELECT 1 /*! STRAIGHT */", "SELECT /*!50000 1 + */ 2", "SELECT 1 /*M! + 1 */", "SELECT 1 /*!99999 + 1*/"]
    {
        assert!(matches!(refusal(text), SqlError::NotAllowed { .. }), "{text}");
    }
    for text in ["SELECT '/*! x */'", "SELECT 1 /* ! */", "SELECT 1 -- /*! x */", "SELECT /*+ x */ 1"] {
        assert!(sql(text).statement.is_ok(), "{text}");
    }
}

#[test]
fn a_part_of_a_name_that_begins_with_a_digit_is_a_name_or_malformed() {
    for text in ["SELECT * FROM db.5x", "SELECT * FROM `db`.5", "SELECT * FROM db.5e3", "SELECT * FROM db . 5x"] {
        match read(text, &[]) {
            Ok(sql) => assert_eq!(names::qualified(&sql).len(), 1, "{text}: {:?}", sql.tokens),
            Err(error) => assert!(matches!(error, SqlError::Malformed(_)), "{text}: {error}"),
        }
    }
    sql("SELECT .5, 1 + .5, f(.5)");
}

#[test]
fn lock_in_share_mode_is_taken_out_and_marked() {
    let locking = sql("SELECT a FROM t WHERE b = 1 LOCK IN SHARE MODE");
    assert!(locking.lock_in_share_mode && locking.statement.is_ok());
    assert!(!sql("SELECT a FROM t").lock_in_share_mode);
}

#[test]
fn strings_decode_to_their_values() {
    let value = |text: &str| decode_string(&sql(&format!("SELECT {text}")).tokens[1].token);
    let check = |text: &str, expected: &str| assert_eq!(value(text).as_deref(), Some(expected), "{text}");
    check("'a''b'", "a'b");
    check(r#""a""b'c""#, "a\"b'c");
    check("'a\"b'", "a\"b");
    check(r"'\0\'\b\n\r\t\Z\\\%\_\x'", "\0'\u{8}\n\r\t\u{1a}\\\\%\\_x");
    check("N'é'", "é");
    assert_eq!(value("1"), None);
    assert_eq!(value("x'41'"), None);
}

#[test]
fn spans_of_the_tree_are_bytes_of_the_text() {
    use sqlparser::ast::Spanned;
    let sql = sql("SELECT 'é',\r\n tä.b FROM tä");
    let Ok(Statement::Query(query)) = &sql.statement else { panic!("{:?}", sql.statement) };
    let select = query.body.as_select().expect("a SELECT");
    let span = select.projection[1].span();
    let range = span.start.column as usize - 1..span.end.column as usize - 1;
    assert_eq!(sql.slice(range), "tä.b");
}
