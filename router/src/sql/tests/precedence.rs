use sqlparser::ast::{Expr, SelectItem, SetExpr, Statement, UnaryOperator};

use super::sql;

/// The expression with every operator in parentheses.
fn parenthesised(expr: &Expr) -> String {
    let list = |list: &[Expr]| list.iter().map(parenthesised).collect::<Vec<_>>().join(", ");
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    match expr {
        Expr::Nested(inner) => parenthesised(inner),
        Expr::BinaryOp { left, op, right } => {
            format!("({} {op} {})", parenthesised(left), parenthesised(right))
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => format!("(NOT {})", parenthesised(expr)),
        Expr::UnaryOp { op, expr } => format!("({op}{})", parenthesised(expr)),
        Expr::Cast { expr, .. } => format!("(BINARY {})", parenthesised(expr)),
        Expr::Like { negated, expr, pattern, .. } => {
            format!("({} {}LIKE {})", parenthesised(expr), not(negated), parenthesised(pattern))
        }
        Expr::RLike { negated, expr, pattern, .. } => {
            format!("({} {}REGEXP {})", parenthesised(expr), not(negated), parenthesised(pattern))
        }
        Expr::InList { expr, list: items, negated } => {
            format!("({} {}IN ({}))", parenthesised(expr), not(negated), list(items))
        }
        Expr::Between { expr, negated, low, high } => format!(
            "({} {}BETWEEN {} AND {})",
            parenthesised(expr),
            not(negated),
            parenthesised(low),
            parenthesised(high)
        ),
        Expr::IsNull(expr) => format!("({} IS NULL)", parenthesised(expr)),
        Expr::IsNotNull(expr) => format!("({} IS NOT NULL)", parenthesised(expr)),
        other => other.to_string(),
    }
}

pub(super) fn tree_of(expression: &str) -> String {
    let sql = sql(&format!("SELECT {expression}"));
    let statement = sql.statement.as_ref().unwrap_or_else(|error| panic!("{expression}: {error}"));
    let Statement::Query(query) = statement else { panic!("{statement:?}") };
    let SetExpr::Select(select) = query.body.as_ref() else { panic!("{query:?}") };
    let [SelectItem::UnnamedExpr(expr)] = &select.projection[..] else { panic!("{:?}", select.projection) };
    parenthesised(expr)
}

#[track_caller]
fn check_tree(expression: &str, expected: &str) {
    assert_eq!(tree_of(expression), expected, "{expression}");
}

#[test]
fn logical_operators_bind_as_in_mysql() {
    check_tree("a OR b AND c", "(a OR (b AND c))");
    check_tree("a || b AND c", "(a OR (b AND c))");
    check_tree("k = 5 AND a || b", "(((k = 5) AND a) OR b)");
    check_tree("a || b && c", "(a OR (b AND c))");
    check_tree("a XOR b AND c", "(a XOR (b AND c))");
    check_tree("a AND b XOR c", "((a AND b) XOR c)");
    check_tree("a OR b XOR c", "(a OR (b XOR c))");
    check_tree("a = 1 XOR b = 2 AND k = 5", "((a = 1) XOR ((b = 2) AND (k = 5)))");
    check_tree("a = 1 && b = 2", "((a = 1) AND (b = 2))");
    check_tree("a = 1 || b = 2", "((a = 1) OR (b = 2))");
    check_tree("NOT a = b", "(NOT (a = b))");
    check_tree("NOT a AND b", "((NOT a) AND b)");
    check_tree("NOT a IN (1)", "(NOT (a IN (1)))");
    check_tree("NOT a BETWEEN 1 AND 2", "(NOT (a BETWEEN 1 AND 2))");
    check_tree("! a = b", "((!a) = b)");
    check_tree("!!a", "(!(!a))");
    check_tree("!~a", "(!(~a))");
    check_tree("@a := 1 OR b", "(@a := (1 OR b))");
}

#[test]
fn comparisons_bind_as_in_mysql() {
    check_tree("a = b LIKE c", "(a = (b LIKE c))");
    check_tree("a LIKE b = c", "((a LIKE b) = c)");
    check_tree("a = b IN (1, 2)", "(a = (b IN (1, 2)))");
    check_tree("a = b NOT IN (1)", "(a = (b NOT IN (1)))");
    check_tree("a = b BETWEEN 1 AND 2", "(a = (b BETWEEN 1 AND 2))");
    check_tree("a BETWEEN 1 AND 2 AND b", "((a BETWEEN 1 AND 2) AND b)");
    check_tree("a BETWEEN b | 1 AND c + 2", "(a BETWEEN (b | 1) AND (c + 2))");
    check_tree("a = b REGEXP c", "(a = (b REGEXP c))");
    check_tree("a = b = c", "((a = b) = c)");
    check_tree("a < b <=> c", "((a < b) <=> c)");
    check_tree("a = b IS NULL", "((a = b) IS NULL)");
    check_tree("a IS NULL = b", "((a IS NULL) = b)");
    check_tree("a AND b IS NOT NULL", "(a AND (b IS NOT NULL))");
    check_tree("a | b LIKE c", "((a | b) LIKE c)");
    check_tree("a NOT LIKE b AND c", "((a NOT LIKE b) AND c)");
}

#[test]
fn arithmetic_binds_as_in_mysql() {
    check_tree("a | b & c", "(a | (b & c))");
    check_tree("a & b << c", "(a & (b << c))");
    check_tree("a << b + c", "(a << (b + c))");
    check_tree("a + b << c", "((a + b) << c)");
    check_tree("a + b * c", "(a + (b * c))");
    check_tree("a * b ^ c", "(a * (b ^ c))");
    check_tree("a ^ b * c", "((a ^ b) * c)");
    check_tree("- a ^ b", "((-a) ^ b)");
    check_tree("-a * b", "((-a) * b)");
    check_tree("~a + b", "((~a) + b)");
    check_tree("a MOD b + c", "((a % b) + c)");
    check_tree("a + b MOD c", "(a + (b % c))");
    check_tree("a MOD (b)", "(a % b)");
    check_tree("a DIV b * c", "((a DIV b) * c)");
    check_tree("a - b - c", "((a - b) - c)");
    check_tree("1--1", "(1 - (-1))");
    check_tree("BINARY a = b", "((BINARY a) = b)");
    check_tree("a < -1", "(a < (-1))");
    check_tree("a<@b", "(a < @b)");
    check_tree("a^@b", "(a ^ @b)");
    check_tree("a = 0x41 + 0b01", "(a = (0x41 + 0b01))");
}

#[test]
fn functions_and_intervals_keep_their_meaning() {
    check_tree("MOD(a, b)", "MOD(a, b)");
    check_tree("a + INTERVAL '1:30' HOUR_MINUTE", "(a + INTERVAL '1:30' HOUR_MINUTE)");
    check_tree("a + INTERVAL 1 + 2 DAY", "(a + INTERVAL 1 + 2 DAY)");
    check_tree("EXTRACT(YEAR_MONTH FROM a)", "EXTRACT(YEAR_MONTH FROM a)");
    check_tree("'a' \"b'c\"", "'ab''c'");
}

/// MariaDB reads them from the right, sqlparser from the left.
#[test]
fn chains_of_patterns_and_ranges_have_no_tree() {
    for chain in [
        "a LIKE b NOT LIKE c",
        "a NOT REGEXP b NOT IN (0)",
        "a LIKE b NOT BETWEEN 1 AND 2",
        "a BETWEEN 0 AND 1 BETWEEN 0 AND 1",
        "a BETWEEN 0 AND 1 NOT BETWEEN 0 AND 1",
    ] {
        assert!(sql(&format!("SELECT {chain}")).statement.is_err(), "{chain}");
    }
    check_tree("(a LIKE b) NOT LIKE c", "((a LIKE b) NOT LIKE c)");
    check_tree("a LIKE b AND NOT c LIKE d", "((a LIKE b) AND (NOT (c LIKE d)))");
}
