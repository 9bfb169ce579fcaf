use std::ops::Range;

use super::*;

/// One line: every clause of the map by its text.
fn shown(text: &str) -> String {
    let sql = sql(text);
    let Some(clauses) = select_clauses(&sql) else {
        return "none".to_owned();
    };
    let one = |name: &str, range: Option<Range<usize>>| range.map(|range| format!("{name}[{}]", sql.slice(range)));
    let many = |name: &str, ranges: &[Range<usize>]| {
        let parts: Vec<_> = ranges.iter().map(|range| sql.slice(range.clone())).collect();
        (!parts.is_empty()).then(|| format!("{name}[{}]", parts.join("|")))
    };
    let modifiers = Some(clauses.modifiers.clone()).filter(|range| !range.is_empty());
    if modifiers.is_none() {
        assert_eq!(clauses.modifiers.start, clauses.items[0].start);
    }
    [
        one("modifiers", modifiers),
        many("items", &clauses.items),
        one("from", clauses.from),
        one("where", clauses.where_),
        many("group", &clauses.group_by),
        one("having", clauses.having),
        many("order", &clauses.order_by),
        one("limit", clauses.limit),
        one("lock", clauses.lock),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ")
}

#[track_caller]
fn check_clauses(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

#[test]
fn every_clause_is_found() {
    check_clauses("SELECT 1", "items[1]");
    check_clauses("SELECT a, b AS c FROM t;", "items[a|b AS c] from[t]");
    check_clauses(
        "SELECT DISTINCT SQL_NO_CACHE a, COUNT(*) n FROM t JOIN u USING (a) WHERE x = 1 OR y GROUP BY a, b + 1 \
         HAVING n > 1 ORDER BY n DESC, a LIMIT 5, 10 FOR UPDATE",
        "modifiers[DISTINCT SQL_NO_CACHE] items[a|COUNT(*) n] from[t JOIN u USING (a)] where[x = 1 OR y] \
         group[a|b + 1] having[n > 1] order[n DESC|a] limit[5, 10] lock[FOR UPDATE]",
    );
    check_clauses(
        "SELECT a FROM t LIMIT 1 OFFSET 2 LOCK IN SHARE MODE",
        "items[a] from[t] limit[1 OFFSET 2] lock[LOCK IN SHARE MODE]",
    );
    check_clauses("SELECT a FROM t FOR UPDATE SKIP LOCKED", "items[a] from[t] lock[FOR UPDATE SKIP LOCKED]");
    check_clauses("SELECT t.* /* x */ FROM t -- y", "items[t.*] from[t]");
}

#[test]
fn keywords_inside_of_clauses_are_no_clauses() {
    check_clauses(
        "SELECT EXTRACT(YEAR FROM a), SUBSTRING(a FROM 1 FOR 2) FROM t",
        "items[EXTRACT(YEAR FROM a)|SUBSTRING(a FROM 1 FOR 2)] from[t]",
    );
    check_clauses("SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t", "items[CASE WHEN a THEN 1 ELSE 2 END] from[t]");
    check_clauses(
        "SELECT a FROM t USE INDEX FOR ORDER BY (i) ORDER BY a",
        "items[a] from[t USE INDEX FOR ORDER BY (i)] order[a]",
    );
    check_clauses(
        "SELECT a FROM t FORCE INDEX FOR GROUP BY (i) WHERE b",
        "items[a] from[t FORCE INDEX FOR GROUP BY (i)] where[b]",
    );
    check_clauses(
        "SELECT GROUP_CONCAT(a ORDER BY b SEPARATOR ','), SUM(a) OVER (PARTITION BY b ORDER BY c) FROM t ORDER BY 1",
        "items[GROUP_CONCAT(a ORDER BY b SEPARATOR ',')|SUM(a) OVER (PARTITION BY b ORDER BY c)] from[t] order[1]",
    );
    check_clauses(
        "SELECT (SELECT b FROM u WHERE c LIMIT 1) FROM t WHERE d IN (SELECT 1)",
        "items[(SELECT b FROM u WHERE c LIMIT 1)] from[t] where[d IN (SELECT 1)]",
    );
    check_clauses("SELECT `from`, 'where' FROM t", "items[`from`|'where'] from[t]");
    check_clauses("SELECT t.limit FROM t", "items[t.limit] from[t]");
    check_clauses(
        "SELECT a FROM (SELECT 1 AS a UNION SELECT 2) d, u",
        "items[a] from[(SELECT 1 AS a UNION SELECT 2) d, u]",
    );
}

#[test]
fn what_is_not_plain_has_no_map() {
    for text in [
        "SELECT 1 UNION SELECT 2",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1)",
        "SELECT a INTO @b FROM t",
        "SELECT a FROM t GROUP BY a WITH ROLLUP",
        "SELECT SUM(a) OVER w FROM t WINDOW w AS (ORDER BY b)",
        "SELECT a FROM t LIMIT 1 WHERE b",
        "INSERT INTO t SELECT 1",
    ] {
        check_clauses(text, "none");
    }
}
