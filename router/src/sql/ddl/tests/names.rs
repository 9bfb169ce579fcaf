//! No name of a table escapes, wherever it stands and however it is spelled.

use super::*;

#[test]
fn every_name_of_a_table_comes_out() {
    for (text, role) in [
        ("CREATE TABLE {} (a INT)", "create"),
        ("CREATE TABLE IF NOT EXISTS {} LIKE o", "create"),
        ("CREATE TABLE t LIKE {}", "like"),
        ("CREATE TABLE t (LIKE {})", "like"),
        ("CREATE TABLE t (a INT REFERENCES {} (b))", "refer to"),
        ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES {})", "refer to"),
        ("CREATE TABLE t AS SELECT * FROM {}", "read"),
        ("CREATE TABLE t (a INT) SELECT 1 FROM o, {}", "read"),
        ("CREATE TABLE t SELECT (SELECT 1 FROM {} LIMIT 1)", "read"),
        ("ALTER TABLE {} ADD a INT", "change"),
        ("ALTER IGNORE TABLE IF EXISTS {} NOWAIT", "change"),
        ("ALTER TABLE t ADD a INT, RENAME TO {}", "to"),
        ("ALTER TABLE t RENAME {}", "to"),
        ("ALTER TABLE t ADD CONSTRAINT FOREIGN KEY (a) REFERENCES {} (a)", "refer to"),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE {}", "exchange with"),
        ("DROP TABLE a, {}", "drop"),
        ("DROP VIEW IF EXISTS {}, b", "drop"),
        ("RENAME TABLE a TO b, {} TO d", "rename"),
        ("RENAME TABLE a TO b, c TO {}", "to"),
        ("TRUNCATE {}", "change"),
        ("CREATE INDEX i ON {} (a)", "change"),
        ("DROP INDEX i ON {}", "change"),
        ("CREATE VIEW {} AS SELECT 1", "create"),
        ("CREATE VIEW v AS SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM {})", "read"),
        ("ALTER VIEW v AS SELECT 1 FROM t LEFT JOIN {} ON 1", "read"),
    ] {
        for (name, decoded) in [
            ("s.n", "s.n"),
            ("`s`.`n`", "s.n"),
            ("S . n", "S.n"),
            ("`a``b`./* */`n c`", "a`b.n c"),
            ("_s.`n`", "_s.n"),
            ("n", "n"),
        ] {
            let text = text.replace("{}", name);
            let picture = picture(&text);
            let expected = format!("{role} {decoded}");
            assert!(picture.split("; ").any(|part| part == expected), "{text}: {picture}");
        }
    }
}

#[test]
fn names_with_a_schema_come_out_of_expressions() {
    check("CREATE TABLE t (a INT DEFAULT (s.f(1)))", "create t; read s.f");
    check("CREATE TABLE t (a INT DEFAULT s.f(1))", "422 `.` here in CREATE TABLE");
    check("CREATE TABLE t (a INT CHECK (`s`.`t`.`a` > t.b))", "create t; read s.t");
    check("ALTER TABLE t ADD INDEX ((s . f (a)))", "change t; read s.f");
    check("CREATE TABLE t (a INT) PARTITION BY HASH (s.t.a)", "create t; read s.t");
}

#[test]
fn names_without_quotes_are_no_reserved_words() {
    check("DROP TABLE table", "422 `table` here in DROP TABLE");
    check("CREATE TABLE t (check INT)", "422 `INT` here in CREATE TABLE");
    check("CREATE TABLE `table` (`check` INT)", "create table");
    check("ALTER TABLE t RENAME column TO b TO c", "422 `TO` here in ALTER TABLE");
}
