use proptest::prelude::*;
use sqlparser::tokenizer::Token;

use super::*;

/// Runs on a thread as small as tokio's, where too deep a tree would abort the process.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    const TOKIO_STACK_BYTES: usize = 2 << 20;
    std::thread::Builder::new().stack_size(TOKIO_STACK_BYTES).spawn(run).expect("spawns").join().expect("survives");
}

/// What may be done with any tree.
fn exercise(text: &str) {
    if let Ok(sql) = read(text, &[]) {
        if let Ok(statement) = &sql.statement {
            assert!(!format!("{statement:?}{statement}").is_empty());
        }
        select_clauses(&sql);
        sql.head();
        pieces::pieces(&sql);
        freeze::frozen(&sql, jiff::Timestamp::UNIX_EPOCH);
        if let Ok(statement::Statement::Read(read)) = analyse(&sql) {
            let _ = relations::relations(&sql, &read);
        }
    }
}

#[test]
fn long_chains_are_refused_or_bearable() {
    let chains: [(&str, &str, &str); 27] = [
        ("SELECT a", " OR a", ""),
        ("SELECT a", " || a", ""),
        ("SELECT a", " XOR a", ""),
        ("SELECT 1", "+1", ""),
        ("SELECT 1", " DIV 1", ""),
        ("SELECT 1", " MOD 1", ""),
        ("SELECT ", "-", "1"),
        ("SELECT ", "!", "1"),
        ("SELECT ", "NOT ", "1"),
        ("SELECT ", "BINARY ", "1"),
        ("SELECT ", "INTERVAL ", "1 DAY"),
        ("SELECT a", " IS NULL", ""),
        ("SELECT a", " IN (1)", ""),
        ("SELECT a", " LIKE a", ""),
        ("SELECT a", " COLLATE b", ""),
        ("SELECT a", "::int", ""),
        ("SELECT a", "->'$.a'", ""),
        ("SELECT 1", " UNION SELECT 1", ""),
        ("SELECT 1, 2", " UNION ALL SELECT 1, 2", ""),
        ("SELECT a FROM t", " JOIN t", ""),
        ("SELECT a FROM t", " CROSS JOIN t", ""),
        ("SELECT a FROM t", " STRAIGHT_JOIN t", ""),
        ("SELECT a FROM t", " NATURAL JOIN t", ""),
        ("SELECT a FROM t", " LEFT JOIN t ON a = b", ""),
        ("SELECT a FROM t", " JOIN (t", ""),
        ("", "EXPLAIN ", "SELECT 1"),
        ("", "DESC FORMAT=JSON ", "SELECT 1"),
    ];
    for (before, step, after) in chains {
        for count in [16, 17, 100, 250, 900, 1_000, 1_001, 2_000, 20_000] {
            let text = format!("{before}{}{after}", step.repeat(count));
            on_small_stack(move || exercise(&text));
        }
    }
    let refused = refusal(&format!("SELECT a{}", " OR a".repeat(1_001)));
    assert_eq!(refused, SqlError::TooComplex { operators: 1_001, limit: 1_000 });
    assert!(sql(&format!("SELECT a{}", " OR a".repeat(1_000))).statement.is_ok());
}

#[test]
fn nesting_ends_in_a_clean_error() {
    let nestings: [(&str, &str, &str); 12] = [
        ("SELECT ", "(", ")"),
        ("", "(", ")"),
        ("SELECT ", "(SELECT ", ")"),
        ("SELECT 1 FROM ", "(", ")"),
        ("SELECT 1 FROM ", "(SELECT 1 FROM ", ") x"),
        ("SELECT ", "f(", ")"),
        ("SELECT ", "IF(a, ", ", b)"),
        ("SELECT ", "CASE WHEN a THEN ", " END"),
        ("SELECT ", "CASE ", ""),
        ("SELECT ", "INTERVAL(", ")"),
        ("SELECT ", "a IN (", ")"),
        ("SELECT CAST(a AS ", "ARRAY<", ">"),
    ];
    for (before, open, close) in nestings {
        for count in [30, 45, 60, 1_000, 20_000] {
            let text = format!("{before}{}1{}", open.repeat(count), close.repeat(count));
            on_small_stack(move || exercise(&text));
        }
    }
    let deep = sql(&format!("SELECT {}1{}", "(".repeat(1_000), ")".repeat(1_000)));
    assert_eq!(
        deep.statement.as_ref().map_err(String::as_str).err(),
        Some("sql parser error: recursion limit exceeded")
    );
}

#[test]
fn long_lists_are_welcome() {
    let list = vec!["-1"; 20_000].join(", ");
    assert!(sql(&format!("SELECT a FROM t WHERE a IN ({list})")).statement.is_ok());
    let rows = vec!["(-1, 'a', 1 + 1)"; 5_000].join(", ");
    assert!(sql(&format!("INSERT INTO t VALUES {rows}")).statement.is_ok());
}

/// Every token lies after the one before, and its text reads as the same token again.
fn check_ranges(sql: &Sql) {
    let mut end = 0;
    for (i, lexeme) in sql.tokens.iter().enumerate() {
        assert!(lexeme.range.start >= end && lexeme.range.end > lexeme.range.start, "{:?}", sql.text);
        end = lexeme.range.end;
        // After a period, digits belong to a name: such a slice reads otherwise on its own.
        let slice = sql.slice(lexeme.range.clone());
        if i > 0 && sql.is_token(i - 1, &Token::Period) && slice.starts_with(|char: char| char.is_ascii_digit()) {
            continue;
        }
        let again = lex::lex(slice).expect("a token is lexically sound");
        let tokens: Vec<_> = again.iter().map(|lexeme| &lexeme.token).collect();
        assert_eq!(tokens, [&lexeme.token], "{:?}", sql.text);
    }
}

fn token_soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP",
        "BY",
        "ORDER",
        "LIMIT",
        "UNION",
        "WITH",
        "AS",
        "INSERT",
        "INTO",
        "VALUES",
        "UPDATE",
        "SET",
        "DELETE",
        "CREATE",
        "TABLE",
        "INT",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
        "AND",
        "OR",
        "XOR",
        "MOD",
        "DIV",
        "IS",
        "NULL",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "INTERVAL",
        "DAY",
        "HOUR_MINUTE",
        "BINARY",
        "JOIN",
        "ON",
        "LOCK",
        "SHARE",
        "MODE",
        "FOR",
        "a",
        "b",
        "t",
        "t.a",
        "`c d`",
        "1",
        "1.5",
        "1e5",
        "0x41",
        "0b1",
        "'s'",
        "\"d\"",
        "@u",
        "@@v",
        "(",
        ")",
        ",",
        ".",
        ";",
        "*",
        "+",
        "-",
        "--",
        "-- ",
        "#",
        "/*",
        "*/",
        "/*!",
        "\n",
        "\r\n",
        "'",
        "`",
        "\\",
        "<",
        "=",
        "<=>",
        ":=",
        "||",
        "&&",
        "!",
        "~",
        "^",
        "|",
        "?",
        "é",
        "😀",
        "\u{a0}",
        "\0",
        "N",
        "x",
        "b",
        "_utf8mb4",
        "@",
        "$",
        "{",
        "}",
        "[",
        "]",
        ":",
        "%",
        "->",
    ]);
    let glue = prop::sample::select(vec!["", " ", " ", " ", "\t"]);
    prop::collection::vec((words, glue), 0..40)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, glue)| [word, glue]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        exercise(&text);
        if let Ok(sql) = read(&text, &[]) { check_ranges(&sql); }
    }

    #[test]
    fn any_tokens_are_read_without_panic(text in token_soup()) {
        exercise(&text);
        if let Ok(sql) = read(&text, &[]) { check_ranges(&sql); }
    }

    #[test]
    fn any_tokens_after_a_head_are_read_without_panic(
        head in prop::sample::select(vec!["SELECT a ", "SELECT a FROM t WHERE ", "INSERT INTO t VALUES (", "UPDATE t SET a = "]),
        soup in token_soup(),
    ) {
        let text = format!("{head}{soup}");
        exercise(&text);
        if let Ok(sql) = read(&text, &[]) { check_ranges(&sql); }
    }
}
