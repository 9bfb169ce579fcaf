use proptest::prelude::*;
use sqlparser::tokenizer::Token;

use super::*;

#[track_caller]
fn check_bound(text: &str, params: &[Param], expected: &str) {
    assert_eq!(read(text, params).expect("binds").text, expected, "{text}");
}

fn number(digits: &str) -> Param {
    Param::Number(digits.to_owned())
}

fn text(value: &str) -> Param {
    Param::Text(value.to_owned())
}

#[test]
fn params_become_literals() {
    check_bound("SELECT ?, ?,?", &[Param::Null, Param::Bool(true), Param::Bool(false)], "SELECT NULL, TRUE,FALSE");
    check_bound("SELECT -?", &[number("-1")], "SELECT - -1");
    check_bound("SELECT --?", &[number("1")], "SELECT --1");
    check_bound("SELECT --?", &[Param::Null], "SELECT --NULL");
    check_bound("SELECT a=? AND b=?", &[number("-1.50e+3"), number("0")], "SELECT a=-1.50e+3 AND b=0");
    check_bound("SELECT N?", &[text("a")], "SELECT N 'a'");
    check_bound("SELECT 'a'?", &[text("b")], "SELECT 'a' 'b'");
    check_bound("SELECT ?a, ?.5", &[number("1"), number("2")], "SELECT 1 a, 2 .5");
    check_bound("SELECT ?", &[text("it's \\ \0\u{1a}\n\"%")], "SELECT 'it''s \\\\ \\0\\Z\n\"%'");
    check_bound("SELECT '?', `?`, \"?\" /* ? */ -- ?\n, ?", &[number("7")], "SELECT '?', `?`, \"?\" /* ? */ -- ?\n, 7");
    check_bound("SELECT ?;", &[text(";")], "SELECT ';'");
}

#[test]
fn params_must_fit() {
    let refused = |query: &str, params: &[Param]| read(query, params).expect_err("does not bind");
    assert_eq!(refused("SELECT ?, ?", &[Param::Null]), SqlError::Params { expected: 2, got: 1 });
    assert_eq!(refused("SELECT ?", &[]), SqlError::Params { expected: 1, got: 0 });
    assert_eq!(refused("SELECT '?'", &[Param::Null]), SqlError::Params { expected: 0, got: 1 });
    for digits in ["", "-", "01", "1.", ".5", "1e", "0x41", "1;DROP", "+1", "NaN", " 1"] {
        assert!(matches!(refused("SELECT ?", &[number(digits)]), SqlError::Malformed(_)), "{digits}");
    }
}

proptest! {
    #[test]
    fn text_comes_back_whole(value in any::<String>()) {
        let sql = read("SELECT ?", &[Param::Text(value.clone())]).expect("binds");
        prop_assert_eq!(sql.tokens.len(), 2);
        prop_assert_eq!(decode_string(&sql.tokens[1].token), Some(value));
    }

    /// A literal stays a token of its own between any neighbours.
    #[test]
    fn literals_do_not_touch_their_neighbours(
        before in "[-a-zN0-9 .'(),=<>+*/@!|&]{0,4}",
        after in "[-a-zL0-9 .'(),=<>+*/@!|&]{0,4}",
        param in prop_oneof![
            Just(Param::Null),
            (-9i8..10).prop_map(|n| Param::Number(n.to_string())),
            "[a';]{0,3}".prop_map(Param::Text),
        ],
    ) {
        let query = format!("SELECT {before}?{after}");
        let Ok(plain) = lex::lex(&query) else { return Ok(()) };
        let Ok(Some(bound)) = bind::bind(&query, &plain, std::slice::from_ref(&param)) else { return Ok(()) };
        let bound = lex::lex(&bound).expect("stays lexically sound");
        let literal = lex::lex(&bound_alone(&param)).expect("lexes");
        let expected: Vec<_> = plain.iter().flat_map(|lexeme| match &lexeme.token {
            Token::Placeholder(_) => literal.iter().map(|lexeme| lexeme.token.clone()).collect(),
            other => vec![other.clone()],
        }).collect();
        prop_assert_eq!(bound.into_iter().map(|lexeme| lexeme.token).collect::<Vec<_>>(), expected);
    }
}

fn bound_alone(param: &Param) -> String {
    let placeholder = lex::lex("?").expect("lexes");
    bind::bind("?", &placeholder, std::slice::from_ref(param)).expect("binds").expect("has a placeholder")
}
