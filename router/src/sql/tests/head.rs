use super::*;

#[track_caller]
fn check_head(text: &str, expected: Head) {
    assert_eq!(sql(text).head(), expected, "{text}");
}

#[test]
fn heads_are_told_from_tokens() {
    let other = |word: &str| Head::Other(word.to_owned());
    for (text, expected) in [
        ("select 1", Head::Select),
        ("((SELECT 1))", Head::Select),
        ("/* x */ (SELECT 1) UNION (SELECT 2)", Head::Select),
        ("WITH a AS (DELETE x), b (c) AS (SELECT 1) SELECT 1", Head::Select),
        ("WITH a AS (SELECT 1) UPDATE t SET x = 1", Head::Update),
        ("(WITH a AS (SELECT 1) DELETE FROM t)", Head::Delete),
        ("WITH a AS (SELECT 1) (SELECT 1)", Head::With),
        ("VALUES (1)", Head::Values),
        ("TABLE t", Head::Table),
        ("INSERT INTO t SELECT 1", Head::Insert),
        ("REPLACE t VALUES (1)", Head::Replace),
        ("UPDATE a, b SET a.x = 1", Head::Update),
        ("DELETE QUICK FROM t", Head::Delete),
        ("CREATE TABLE t (a INT)", Head::CreateTable),
        ("CREATE OR REPLACE TABLE t (a INT)", Head::CreateTable),
        ("CREATE TEMPORARY TABLE t (a INT)", Head::Session("TEMPORARY TABLE")),
        ("ALTER ONLINE IGNORE TABLE t ADD x INT", Head::AlterTable),
        ("DROP TABLE IF EXISTS t", Head::DropTable),
        ("CREATE UNIQUE INDEX i ON t (a)", Head::CreateIndex),
        ("DROP INDEX i ON t", Head::DropIndex),
        ("RENAME TABLE a TO b", Head::RenameTable),
        ("TRUNCATE t", Head::Truncate),
        ("CREATE ALGORITHM = MERGE DEFINER = CURRENT_USER VIEW v AS SELECT 1", Head::CreateView),
        ("ALTER VIEW v AS SELECT 1", Head::AlterView),
        ("DROP VIEW v", Head::DropView),
        ("SHOW TABLES", Head::Show),
        ("DESC t", Head::Describe),
        ("EXPLAIN t", Head::Describe),
        ("EXPLAIN FORMAT=JSON SELECT 1", Head::Explain),
        ("DESCRIBE (SELECT 1)", Head::Explain),
        ("begin", Head::Session("BEGIN")),
        ("START TRANSACTION WITH CONSISTENT SNAPSHOT", Head::Session("START TRANSACTION")),
        ("SAVEPOINT a", Head::Session("SAVEPOINT")),
        ("LOCK TABLES t READ", Head::Session("LOCK TABLES")),
        ("SET a = 1", Head::Session("SET")),
        ("USE d", Head::Session("USE")),
        ("OPTIMIZE TABLE t", other("OPTIMIZE")),
        ("CREATE SEQUENCE s", other("CREATE SEQUENCE")),
    ] {
        check_head(text, expected);
    }
}

#[test]
fn what_begins_no_statement_is_malformed() {
    for text in ["frob the knob", "SELEC 1", "1 + 1", "(1)", "`SELECT` 1", "'SELECT'", "= 1"] {
        let error = read(text, &[]).expect_err("begins no statement");
        assert!(error.to_string().starts_with("malformed SQL: no statement begins with"), "{text}: {error}");
    }
}

#[test]
fn variables_and_calls_are_found() {
    assert_eq!(sql("SELECT @@x, a, @b := 1").user_variable(), Some("@b"));
    assert_eq!(sql("SELECT @@x, '@a', `@a`").user_variable(), None);
    assert_eq!(sql("SELECT f(1), Sleep (1)").calls(&["benchmark", "sleep"]), Some("Sleep"));
    assert_eq!(sql("SELECT sleep, 'sleep(1)'").calls(&["sleep"]), None);
}
