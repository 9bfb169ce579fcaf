//! No text makes the reader panic, and none is taken of which a part was not read.

use proptest::prelude::*;

use super::*;

/// Statements to make others of.
const SEEDS: [&str; 14] = [
    "CREATE OR REPLACE TABLE IF NOT EXISTS s.t (a INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'x', b TEXT AS (c + 1) VIRTUAL)",
    "CREATE TABLE t (a INT, CONSTRAINT c UNIQUE KEY u USING BTREE (a, b(3) DESC), CHECK (a > 0)) ENGINE=InnoDB COMMENT 'x'",
    "CREATE TABLE t (a INT REFERENCES o (b) ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (a) REFERENCES s.o (b))",
    "CREATE TABLE t LIKE o",
    "CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (1), PARTITION q VALUES IN (1, 2))",
    "CREATE TABLE t IGNORE AS SELECT * FROM u",
    "ALTER ONLINE IGNORE TABLE IF EXISTS t WAIT 5 ADD COLUMN (a INT, UNIQUE (b)), DROP COLUMN c, MODIFY d INT AFTER e",
    "ALTER TABLE t CHANGE a b INT FIRST, RENAME INDEX i TO j, RENAME TO s.u, ALGORITHM=INPLACE, LOCK=NONE",
    "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u WITHOUT VALIDATION",
    "DROP TABLE IF EXISTS a, b NOWAIT CASCADE",
    "RENAME TABLE a TO b, c TO d",
    "CREATE ONLINE UNIQUE INDEX IF NOT EXISTS i ON t (a ASC, (b + 1)) KEY_BLOCK_SIZE 8",
    "CREATE ALGORITHM=MERGE DEFINER=CURRENT_USER SQL SECURITY INVOKER VIEW v (a) AS SELECT 1 FROM t WITH CHECK OPTION",
    "TRUNCATE TABLE t",
];

fn words() -> Vec<&'static str> {
    SEEDS.iter().flat_map(|seed| seed.split_inclusive([' ', '(', ')', ',', '.'])).collect()
}

/// Expressions and queries: nobody reads them token by token.
const FREE: [&str; 8] =
    ["(c + 1)", "(b + 1)", "(a > 0)", "RANGE (a)", "THAN (1)", "IN (1, 2)", "SELECT * FROM u", "SELECT 1 FROM t"];

/// A mark that stands nowhere in the grammar makes a refused statement of each accepted one, wherever it is put: so no
/// token is passed over unread.
#[test]
fn no_token_is_passed_over() {
    for seed in SEEDS {
        let sql = read_sql(seed, &[]).unwrap();
        assert!(matches!(analyse(&sql), Ok(Statement::Define(_))), "{seed}: {}", picture(seed));
        let free: Vec<_> =
            FREE.iter().filter_map(|part| seed.find(part).map(|begin| begin + 1..begin + part.len())).collect();
        let places = sql.tokens.iter().map(|lexeme| lexeme.range.start).chain([seed.len()]);
        for at in places.filter(|at| !free.iter().any(|free| free.contains(at))) {
            for mark in [" ^ ", " ~ ", " => ", " 'x'.y "] {
                let text = format!("{}{mark}{}", &seed[..at], &seed[at..]);
                let found = picture(&text);
                assert!(found.starts_with('4'), "{text}: {found}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(seed in 0..SEEDS.len(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4)) {
        let words = words();
        let mut parts: Vec<&str> = SEEDS[seed].split_inclusive([' ', '(', ')', ',', '.']).collect();
        for (place, word) in cuts {
            let place = place.index(parts.len());
            parts[place] = words[word.index(words.len())];
        }
        let text: String = parts.concat();
        if let Ok(sql) = read_sql(&text, &[])
            && let Ok((_, query)) = read(&sql)
        {
            // What follows an accepted statement is not accepted with it.
            let longer = format!("{text} => x");
            prop_assert!(query.is_some() || read_sql(&longer, &[]).map_or(true, |sql| read(&sql).is_err()), "{longer}");
        }
    }

    #[test]
    fn no_tokens_make_it_panic(verb in 0..5usize, picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let words = words();
        let rest: String = picks.iter().map(|pick| format!("{} ", words[pick.index(words.len())])).collect();
        let verb = ["CREATE TABLE t ", "ALTER TABLE t ", "DROP ", "CREATE ", "RENAME TABLE "][verb];
        picture_of_any(&format!("{verb}{rest}"));
    }
}

fn picture_of_any(text: &str) {
    if let Ok(sql) = read_sql(text, &[]) {
        let _ = analyse(&sql);
    }
}

/// Lists of any length are read in time that grows with them, and deep parentheses on a small stack.
#[test]
fn long_definitions_are_read() {
    let columns = vec!["a INT DEFAULT ((1))"; 20_000].join(", ");
    check(&format!("CREATE TABLE t ({columns})"), "create t");
    let deep = format!("CREATE TABLE t (a INT DEFAULT {}1{})", "(".repeat(900), ")".repeat(900));
    check(&deep, "create t");
}
