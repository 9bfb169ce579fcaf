//! What is refused, by the name of what stands there.

use super::*;

#[test]
fn what_reaches_files_and_other_servers_is_not_allowed() {
    for (rest, construct) in [
        ("(a INT) DATA DIRECTORY='/x'", "DATA DIRECTORY"),
        ("(a INT) ENGINE=InnoDB, index directory = '/x'", "INDEX DIRECTORY"),
        ("(a INT) TABLESPACE ts", "TABLESPACE"),
        ("(a INT) CONNECTION='mysql://h/d/t'", "CONNECTION"),
        ("(a INT) COMMENT='x' CONNECTION 's'", "CONNECTION"),
        ("(a INT) UNION=(t1, t2)", "UNION"),
        ("(a INT) SECONDARY_ENGINE=RAPID", "SECONDARY_ENGINE"),
        ("(a INT) ENCRYPTION_KEY_ID=2", "ENCRYPTION_KEY_ID"),
        ("(a INT) `encryption_key_id`=2", "ENCRYPTION_KEY_ID"),
        ("(a INT) START TRANSACTION", "START TRANSACTION"),
        ("(a INT ENGINE_ATTRIBUTE='{}')", "ENGINE_ATTRIBUTE"),
        ("(a INT) ENGINE=CONNECT FILE_NAME='x'", "ENGINE CONNECT"),
        ("(a INT) ENGINE = 'federated'", "ENGINE federated"),
        (r"(a INT) ENGINE='feder\ated'", "ENGINE federated"),
        (r#"(a INT) ENGINE="F\ed\er\ated" "#, "ENGINE Federated"),
        ("(a INT) ENGINE=`S3`", "ENGINE S3"),
        ("(a INT) ENGINE MRG_MyISAM", "ENGINE MRG_MyISAM"),
        ("(a INT) ENGINE ''", "ENGINE "),
        ("(a INT) ENGINE _utf8'federated'", "ENGINE _utf8"),
        ("(a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (1) ENGINE=SPIDER)", "ENGINE SPIDER"),
        ("(a INT) PARTITION BY HASH (a) (PARTITION p DATA DIRECTORY='/x')", "DATA DIRECTORY"),
        ("(a INT) PARTITION BY HASH (a) (PARTITION p COMMENT 'x' CONNECTION 'y')", "CONNECTION"),
        (
            "(a INT) PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) (PARTITION p VALUES LESS THAN (1) \
             (SUBPARTITION s INDEX DIRECTORY '/x'))",
            "INDEX DIRECTORY",
        ),
        ("(a INT) DATA DIRECTORY='/x' SELECT 1", "DATA DIRECTORY"),
    ] {
        check(&format!("CREATE TABLE t {rest}"), &format!("403 {construct}"));
    }
    for (clause, construct) in [
        ("DISCARD TABLESPACE", "DISCARD TABLESPACE"),
        ("import tablespace", "IMPORT TABLESPACE"),
        ("IMPORT PARTITION p TABLESPACE", "IMPORT TABLESPACE"),
        ("DISCARD PARTITION ALL TABLESPACE", "DISCARD TABLESPACE"),
        ("ADD a INT, TABLESPACE x", "TABLESPACE"),
        ("ENGINE=oqgraph", "ENGINE oqgraph"),
        ("CONNECTION='x'", "CONNECTION"),
        ("UNION (a, b)", "UNION"),
        ("SECONDARY_LOAD", "SECONDARY_LOAD"),
        ("SECONDARY_ENGINE NULL", "SECONDARY_ENGINE"),
        ("ADD PARTITION (PARTITION p VALUES LESS THAN (1) TABLESPACE x)", "TABLESPACE"),
        ("REORGANIZE PARTITION p INTO (PARTITION p DATA DIRECTORY '/')", "DATA DIRECTORY"),
        ("PARTITION BY HASH (a) (PARTITION p ENGINE=FEDERATED)", "ENGINE FEDERATED"),
    ] {
        check(&format!("ALTER TABLE t {clause}"), &format!("403 {construct}"));
    }
}

#[test]
fn the_kind_of_object_is_what_stands_in_its_place() {
    for (text, construct) in [
        ("CREATE DEFINER=view FUNCTION f() RETURNS INT RETURN 1", "CREATE FUNCTION"),
        ("CREATE DEFINER=view TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1", "CREATE TRIGGER"),
        ("CREATE DEFINER=table@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "CREATE EVENT"),
        ("CREATE DEFINER = `view`@`index` PROCEDURE p() SELECT 1", "CREATE PROCEDURE"),
        ("CREATE DEFINER='view'@'%' PROCEDURE p() SELECT 1", "CREATE PROCEDURE"),
        ("CREATE DEFINER=view@10.0.0.1 PROCEDURE p() SELECT 1", "CREATE PROCEDURE"),
        ("CREATE DEFINER=CURRENT_USER() PROCEDURE p() SELECT 1", "CREATE PROCEDURE"),
        ("CREATE OR REPLACE DEFINER=x AGGREGATE FUNCTION f() RETURNS INT RETURN 1", "CREATE FUNCTION"),
        ("CREATE AGGREGATE FUNCTION IF NOT EXISTS view RETURNS STRING SONAME 'x.so'", "CREATE FUNCTION"),
        ("CREATE FUNCTION view RETURNS STRING SONAME 'x.so'", "CREATE FUNCTION"),
        ("CREATE OR REPLACE PACKAGE BODY table AS END", "CREATE PACKAGE"),
        ("CREATE USER view", "CREATE USER"),
        ("CREATE ROLE table", "CREATE ROLE"),
        ("CREATE SERVER view FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "CREATE SERVER"),
        ("CREATE DATABASE table", "CREATE DATABASE"),
        ("CREATE UNDO TABLESPACE x ADD DATAFILE 'y'", "CREATE UNDO"),
        ("CREATE TABLESPACE view ADD DATAFILE 'y'", "CREATE TABLESPACE"),
        ("CREATE SPATIAL REFERENCE SYSTEM 1 NAME 'x' DEFINITION 'y'", "CREATE REFERENCE"),
        ("CREATE RESOURCE GROUP view TYPE = USER", "CREATE RESOURCE"),
        ("CREATE JSON RELATIONAL DUALITY VIEW v AS SELECT 1", "CREATE JSON"),
        ("CREATE EXTERNAL TABLE t (a INT)", "CREATE EXTERNAL"),
        ("ALTER EVENT view RENAME TO table", "ALTER EVENT"),
        ("ALTER DEFINER=view EVENT e ENABLE", "ALTER EVENT"),
        ("ALTER INSTANCE ROTATE INNODB MASTER KEY", "ALTER INSTANCE"),
        ("ALTER DATABASE view CHARACTER SET utf8mb4", "ALTER DATABASE"),
        ("ALTER SERVER s OPTIONS (HOST 'x')", "ALTER SERVER"),
        ("DROP TRIGGER view", "DROP TRIGGER"),
        ("DROP PREPARE view", "DROP PREPARE"),
        ("DROP FUNCTION IF EXISTS table", "DROP FUNCTION"),
        ("RENAME USER view TO table", "RENAME USER"),
        ("RENAME view TO b", "RENAME VIEW"),
    ] {
        check(text, &format!("403 {construct}"));
    }
}

#[test]
fn definers_are_left_out() {
    for definer in ["view", "root@localhost", "'root'@'%'", "`a`@`b`", "CURRENT_ROLE", "'CURRENT_USER'"] {
        check(&format!("CREATE DEFINER={definer} VIEW v AS SELECT 1"), "403 DEFINER of another account");
    }
    // A host may end in what looks like a kind.
    check("CREATE DEFINER=a@b.1table FUNCTION LIKE t", "403 CREATE FUNCTION");
    check("CREATE DEFINER = current_user VIEW v AS SELECT 1", "create v");
}

#[test]
fn expressions_hold_no_queries() {
    let query = "422 a query inside of an expression of a definition";
    check("CREATE TABLE t (a INT DEFAULT (SELECT 1))", query);
    check("CREATE TABLE t (a INT, CHECK (a IN (SELECT b FROM u)))", query);
    check("CREATE TABLE t (a INT AS ((TABLE u)))", query);
    check("ALTER TABLE t ADD a INT DEFAULT f((WITH x AS (SELECT 1) SELECT 1))", query);
    check("CREATE INDEX i ON t ((EXISTS (VALUES ROW(1))))", query);
    check("CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN ((SELECT 1)))", query);
    check("CREATE TABLE t (a INT DEFAULT (nextval(s)))", "422 a sequence in a definition");
    check("CREATE TABLE t (a INT DEFAULT NEXT VALUE FOR s)", "422 `VALUE` here in CREATE TABLE");
    check("CREATE TABLE t (a INT DEFAULT (LOAD_FILE('x')))", "403 LOAD_FILE");
    check("CREATE TABLE t (a INT DEFAULT (mysql.f()))", "403 the schema mysql");
    check("CREATE VIEW v AS SELECT 1 INTO OUTFILE '/x'", "403 INTO OUTFILE");
}

#[test]
fn what_is_not_understood_is_named() {
    for (text, message) in [
        ("CREATE TABLE t", "create t"),
        ("CREATE TABLE", "422 the end here in CREATE TABLE"),
        ("CREATE TABLE t (", "422 the end here in CREATE TABLE"),
        ("CREATE TABLE t (a)", "422 `)` here in CREATE TABLE"),
        ("CREATE TABLE t ()", "422 `)` here in CREATE TABLE"),
        ("CREATE TABLE t (a INTT)", "422 `INTT` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT,)", "422 `)` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) b", "422 `b` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) ENGINE", "422 the end here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) TYPE=InnoDB", "422 `TYPE` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) SEQUENCE=1", "422 `SEQUENCE` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT foo=1)", "422 `foo` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) LIKE u", "422 `LIKE` here in CREATE TABLE"),
        ("CREATE TABLE a.b.c (a INT)", "422 `.` here in CREATE TABLE"),
        ("CREATE TABLE 't' (a INT)", "422 `'t'` here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) AS", "422 the end here in CREATE TABLE"),
        ("CREATE TABLE t (a INT) SELECT FROM FROM", "422 this query in a definition"),
        ("ALTER TABLE t ADD a INT,", "422 the end here in ALTER TABLE"),
        ("ALTER TABLE t CONVERT PARTITION p TO TABLE u", "422 `CONVERT` here in ALTER TABLE"),
        ("ALTER TABLE t FROBNICATE", "422 `FROBNICATE` here in ALTER TABLE"),
        ("ALTER TABLE t RENAME TO u, mysqlx.y", "422 `mysqlx` here in ALTER TABLE"),
        ("RENAME TABLE a TO b c TO d", "422 `c` here in RENAME TABLE"),
        ("RENAME TABLE a TO b, c", "422 the end here in RENAME TABLE"),
        ("DROP TABLE a b", "422 `b` here in DROP TABLE"),
        ("TRUNCATE a, b", "422 `,` here in TRUNCATE TABLE"),
        ("CREATE VIEW v SELECT 1", "422 `SELECT` here in CREATE VIEW"),
        ("CREATE VIEW v AS DELETE FROM t", "422 `DELETE` here in CREATE VIEW"),
        ("CREATE INDEX i ON t", "422 the end here in CREATE INDEX"),
        ("DROP INDEX i", "422 the end here in DROP INDEX"),
        ("(CREATE TABLE t (a INT))", "422 a definition in parentheses"),
        ("CREATE SEQUENCE s", "422 CREATE SEQUENCE"),
        ("DROP SEQUENCE s", "422 DROP SEQUENCE"),
        ("CREATE TEMPORARY TABLE t (a INT)", "422 TEMPORARY TABLE without a session"),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a INT)", "422 TEMPORARY TABLE without a session"),
        ("DROP TEMPORARY TABLE t", "422 TEMPORARY TABLE without a session"),
    ] {
        let found = picture(text);
        assert!(found == message || message.ends_with("definition") && found.starts_with(message), "{text}: {found}");
    }
}
