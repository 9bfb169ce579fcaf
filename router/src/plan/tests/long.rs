//! Reading and planning a statement takes time in proportion to its length, whatever it is made of.

use super::*;
use crate::known::KnownReads;
use crate::sql::read::outline::outline;

/// A statement of any length: what it begins with, what is repeated (`#` becomes the number), between which, and its end.
struct Shape(&'static str, &'static str, &'static str, &'static str);

const SHAPES: [Shape; 52] = [
    Shape("SELECT ", "u.name", ",", " FROM users u"),
    Shape("SELECT ", "name AS a#", ",", " FROM users ORDER BY a0"),
    Shape("SELECT ", "COUNT(name)", ",", " FROM users GROUP BY country"),
    Shape("SELECT country, COUNT(*) FROM users GROUP BY ", "country", ",", ""),
    Shape("SELECT name FROM users ORDER BY ", "name", ",", ""),
    Shape("SELECT ", "SUM(country) OVER (PARTITION BY country)", ",", " FROM users"),
    Shape("SELECT name FROM users WHERE user_id IN (", "1", ",", ")"),
    Shape("SELECT name FROM users WHERE user_id IN (", "#", ",", ")"),
    Shape("SELECT name FROM users WHERE user_id IN (", "-#", ",", ")"),
    Shape("SELECT name FROM users WHERE name IN (", "'n#'", ",", ")"),
    Shape("SELECT name FROM users WHERE (user_id, country) IN (", "(#, 1)", ",", ")"),
    Shape("SELECT name FROM users WHERE user_id = 1 AND country = COALESCE(", "NULL", ",", ", 1)"),
    Shape("SELECT name FROM users WHERE user_id = 1 AND ", "country = 1", " AND ", ""),
    Shape("SELECT name FROM users WHERE ", "user_id = #", " OR ", ""),
    Shape("SELECT name FROM users WHERE ", "user_id = 1", " XOR ", ""),
    Shape("SELECT ", "'a'", " ", ""),
    Shape("SELECT name FROM users WHERE name = ", "'a'", "\n", ""),
    Shape("SELECT name FROM users WHERE name IN (", "'a' 'b'", ",", ")"),
    Shape("SELECT N'a' ", "N'a'", " ", ""),
    Shape("SELECT x'41' ", "x'4142'", ",", ""),
    Shape("SELECT ", "\"a\\\"\"\"b\"", ",", ""),
    Shape("SELECT '", "é\\'", "", "'"),
    Shape("SELECT 1 AS ", "name_", "", ""),
    Shape("SELECT ", "/* x */", "", "1"),
    Shape("SELECT ", "-- x", "\n", "\n1"),
    Shape("SELECT ", "/*! 1 */", "", ""),
    Shape("SELECT 1", " \t\r", "\n", ""),
    Shape("SELECT ", "(", "", "1"),
    Shape("SELECT ", "(1)", ",", ""),
    Shape("SELECT ", "CASE WHEN name = 'a' THEN 1 ELSE 2 END", ",", " FROM users"),
    Shape("SELECT CASE country ", "WHEN # THEN 'a'", " ", " END FROM users"),
    Shape("SELECT ", "(SELECT 1 FROM users WHERE user_id = 1)", ",", ""),
    Shape("SELECT 1 FROM ", "users u#", ",", ""),
    Shape("SELECT 1 FROM users u ", "JOIN orders o# ON o#.customer_id = u.user_id", " ", ""),
    Shape("SELECT 1 FROM ", "(SELECT 1) d#", ",", ""),
    Shape("WITH ", "c# AS (SELECT user_id FROM users)", ",", " SELECT 1 FROM c0"),
    Shape("", "SELECT 1", " UNION ALL ", ""),
    Shape("", "(SELECT 1)", " UNION ", ""),
    Shape("VALUES ", "ROW(1, 2)", ",", ""),
    Shape("INSERT INTO users (user_id, country, name) VALUES ", "(#, 1, 'a')", ",", ""),
    Shape("INSERT INTO orders (customer_id, total) VALUES ", "(1, 2.5)", ",", ""),
    Shape("INSERT INTO currencies VALUES ", "(#, 1)", ",", ""),
    Shape("INSERT INTO plain VALUES ", "(DEFAULT)", ",", ""),
    Shape("INSERT INTO users (user_id) VALUES (1) ON DUPLICATE KEY UPDATE ", "name = VALUES(name)", ",", ""),
    Shape("INSERT INTO users SET user_id = 1, ", "name = 'a'", ",", ""),
    Shape("INSERT INTO users (user_id, name) SELECT user_id, CONCAT(", "name", ",", ") FROM users"),
    Shape("UPDATE users SET ", "name = CONCAT(name, 'a')", ",", " WHERE user_id = 1"),
    Shape("DELETE FROM users WHERE user_id IN (", "#", ",", ")"),
    Shape("CREATE TABLE users (user_id BIGINT PRIMARY KEY, ", "c# INT", ",", ")"),
    Shape("ALTER TABLE users ", "ADD COLUMN c# INT", ",", ""),
    Shape("DROP TABLE ", "plain", ",", ""),
    Shape("SELECT 1", "", ";", ""),
];

impl Shape {
    fn text(&self, length: usize) -> String {
        let Shape(begin, step, between, end) = self;
        let mut text = (*begin).to_owned();
        let mut number = 0;
        while text.len() < length {
            if number > 0 {
                text.push_str(between);
            }
            text.push_str(&step.replace('#', &number.to_string()));
            number += 1;
        }
        text + end
    }
}

/// All that happens to a statement before a shard sees it.
fn work(text: &str) -> String {
    let (one, two, schema) = (one_shard(), two_shards(), schema());
    let read = || {
        let sql = sql::read(text, &[]).map_err(|error| error.to_string())?;
        let _ = sql::meaning::command::command(&sql).map_err(|error| error.construct)?;
        let statement = sql::analyse(&sql).map_err(|error| error.construct)?;
        if let Some(outline) = outline(text) {
            KnownReads::default().learn(outline, &statement);
        }
        let plans = [&one, &two].map(|topology| {
            let planner = Planner::new(topology, &schema, noon());
            if let Statement::Insert(insert) = &statement
                && let Some(wanted) = planner.ids_wanted(insert)
            {
                let (ids, _) = wanted.assign(1);
                planner.with_ids(&sql, insert, &wanted, &ids);
            }
            planner.plan(&sql, &statement).map(|plan| plan.route.as_str())
        });
        Ok::<_, String>(format!("{plans:?}"))
    };
    read().unwrap_or_else(|error| error)
}

fn cpu_nanos() -> u64 {
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// What work on a statement takes, at best of so many tries.
fn best_of(tries: usize, text: &str) -> u64 {
    let one = || {
        let before = cpu_nanos();
        work(text);
        cpu_nanos() - before
    };
    (0..tries).map(|_| one()).min().unwrap_or_default()
}

#[test]
fn twice_the_length_takes_not_much_more_than_twice_the_time() {
    const LENGTH: usize = 24 << 10;
    /// Below, what the clock itself is off by matters.
    const LEAST_NANOS: u64 = 20_000_000;
    /// A loop in a loop would take four times as long.
    const MOST: f64 = 3.5;
    for shape in &SHAPES {
        let (text, twice) = (shape.text(LENGTH), shape.text(2 * LENGTH));
        let ratio = |tries| best_of(tries, &twice) as f64 / best_of(tries, &text).max(LEAST_NANOS / 2) as f64;
        let found = Some(ratio(1)).filter(|ratio| *ratio < MOST).unwrap_or_else(|| ratio(4));
        assert!(found < MOST, "{}{} takes {found:.1} times as long", shape.0, shape.1);
    }
}

#[test]
fn lists_that_are_looked_at_as_a_whole_have_an_end() {
    #[track_caller]
    fn check(shape: usize, length: usize, expected: &str) {
        assert_eq!(work(&SHAPES[shape].text(length)), expected);
    }
    check(1, 64 << 10, "the statement has 4097 columns in one list, above the limit of 4096");
    check(32, 64 << 10, "the statement has 62 tables in one FROM, above the limit of 61");
    check(35, 64 << 10, "the statement has 101 WITH queries, above the limit of 100");
    let nested = format!("SELECT 1 WHERE 1 IN ({})", vec!["(SELECT 1)"; 1_001].join(","));
    assert_eq!(work(&nested), "the statement has 1002 SELECTs, above the limit of 1000");
}
