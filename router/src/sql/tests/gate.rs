use keyspace::mysql::ServerVersion;

use super::*;

#[track_caller]
fn check_refused(text: &str, construct: &str) {
    match refusal(text) {
        SqlError::NotAllowed { construct: found, .. } => assert_eq!(found, construct, "{text}"),
        other => panic!("{text}: {other}"),
    }
}

#[track_caller]
fn check_allowed(text: &str) {
    sql(text);
}

#[test]
fn files_are_out_of_reach() {
    check_refused("SELECT 1 INTO OUTFILE '/tmp/x'", "INTO OUTFILE");
    check_refused("SELECT 1 into/**/dumpfile '/tmp/x'", "INTO DUMPFILE");
    check_refused("(SELECT a FROM t INTO OUTFILE 'x')", "INTO OUTFILE");
    check_refused("LOAD DATA INFILE 'x' INTO TABLE t", "LOAD");
    check_refused("load xml local infile 'x' into table t", "LOAD");
    check_refused("SELECT load_file('x')", "LOAD_FILE");
    check_refused("INSERT INTO t VALUES (`LOAD_FILE` (0x41))", "LOAD_FILE");
    check_refused("CREATE TABLE t (a INT) DATA DIRECTORY = '/x'", "DATA DIRECTORY");
    check_refused("ALTER TABLE t IMPORT TABLESPACE", "IMPORT TABLESPACE");
    check_refused("CREATE TABLE t (a INT) ENGINE=CONNECT FILE_NAME='x'", "ENGINE CONNECT");
    check_refused("CREATE TABLE t (a INT) ENGINE = 'federated'", "ENGINE federated");
    check_refused("SELECT `Roles_GraphML` ()", "ROLES_GRAPHML");
    check_refused("SELECT asynchronous_connection_failover_reset()", "ASYNCHRONOUS_CONNECTION_FAILOVER_RESET");
    check_refused("SELECT /*+ SET_VAR(insert_id=7000) */ 1", "the hint SET_VAR");
    check_refused("INSERT /*+ no_icp(t)Set_Var (a=1)*/ INTO t VALUES (1)", "the hint SET_VAR");
    check_refused("SELECT /*+ RESOURCE_GROUP(x) */ 1", "the hint RESOURCE_GROUP");
    check_allowed("SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 /* set_var */");
    check_refused("SELECT a FROM t PROCEDURE analyse()", "PROCEDURE ANALYSE");
    check_allowed("CREATE TABLE t (type INT, engine INT, load_file INT) ENGINE=InnoDB");
    check_allowed("SELECT outfile, dumpfile, load_file FROM t");
}

#[test]
fn accounts_and_settings_are_out_of_reach() {
    for (text, construct) in [
        ("GRANT ALL ON *.* TO a@b", "GRANT"),
        ("revoke all on t from a", "REVOKE"),
        ("CREATE USER joe@localhost", "CREATE USER"),
        ("CREATE OR REPLACE ROLE r", "CREATE ROLE"),
        ("DROP USER IF EXISTS joe", "DROP USER"),
        ("RENAME USER a TO b", "RENAME USER"),
        ("ALTER USER a IDENTIFIED BY 'x'", "ALTER USER"),
        ("SET PASSWORD = 'x'", "SET PASSWORD"),
        ("SET ROLE r", "SET ROLE"),
        ("SET GLOBAL a = 1", "SET GLOBAL"),
        ("SET x = 1, @@global.a = 1", "SET GLOBAL"),
        ("SET PERSIST a = 1", "SET PERSIST"),
        ("SET STATEMENT a = 1 FOR SELECT 1", "SET STATEMENT"),
        ("SET sql_mode = ''", "SET sql_mode"),
        ("SET @a = 1, @@session.SQL_MODE := 'ANSI_QUOTES'", "SET SQL_MODE"),
        ("SET `sql_mode` = ''", "SET sql_mode"),
        ("SET SESSION AUTHORIZATION root", "SET SESSION AUTHORIZATION"),
        ("SET NAMES gbk", "SET NAMES gbk"),
        ("SET CHARACTER SET latin1", "SET CHARACTER SET"),
        ("INSTALL PLUGIN a SONAME 'a.so'", "INSTALL"),
        ("UNINSTALL SONAME 'a.so'", "UNINSTALL"),
        ("SHUTDOWN", "SHUTDOWN"),
        ("KILL 1", "KILL"),
        ("FLUSH TABLES", "FLUSH"),
        ("RESET MASTER", "RESET"),
        ("PURGE BINARY LOGS TO 'x'", "PURGE"),
        ("CHANGE MASTER TO MASTER_HOST = 'x'", "CHANGE"),
        ("START SLAVE", "START of replication"),
        ("STOP REPLICA", "STOP"),
        ("SHOW GRANTS", "SHOW GRANTS"),
        ("SHOW FULL PROCESSLIST", "SHOW PROCESSLIST"),
        ("SHOW CREATE USER root", "SHOW CREATE USER"),
        ("XA START 'x'", "XA"),
        ("CREATE DATABASE d", "CREATE DATABASE"),
        ("DROP SCHEMA d", "DROP SCHEMA"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "CREATE SERVER"),
    ] {
        check_refused(text, construct);
    }
    for text in [
        "SET autocommit = 0",
        "SET NAMES utf8mb4",
        "SET @sql_mode = 1",
        "START TRANSACTION",
        "SELECT @@global.max_connections",
        "SELECT role, user, `database` FROM t",
        "SHOW TABLES",
    ] {
        check_allowed(text);
    }
}

#[test]
fn code_does_not_hide() {
    check_refused("PREPARE s FROM 'DROP TABLE t'", "PREPARE");
    check_refused("EXECUTE IMMEDIATE 'x'", "EXECUTE");
    check_refused("CALL p()", "CALL");
    check_refused("CREATE DEFINER = a@b PROCEDURE p() SELECT 1", "CREATE PROCEDURE");
    check_refused("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", "CREATE FUNCTION");
    check_refused("DROP TRIGGER t", "DROP TRIGGER");
    check_refused("SELECT @`a b`", "a quoted user variable");
    check_refused("SELECT @'a'", "a quoted user variable");
    check_refused("SELECT @@`version`", "a quoted name behind @@");
    check_refused("SELECT @ a", "a quoted user variable");
    check_allowed("SELECT SLEEP(1), GET_LOCK('a', 1), @a");
}

#[test]
fn closed_schemas_are_named() {
    check_refused("SELECT * FROM mysql.user", "the schema mysql");
    check_refused("SELECT * FROM `MySQL` . user", "the schema mysql");
    check_refused("SELECT * FROM mysql/**/.user", "the schema mysql");
    check_refused("INSERT INTO _autoscaler.topology VALUES (1)", "the schema _autoscaler");
    check_refused("SELECT 1 FROM t WHERE a IN (SELECT b FROM sys.x)", "the schema sys");
    check_refused("FROB performance_schema.x", "the schema performance_schema");
    check_refused("USE mysql", "the schema mysql");
    check_refused("SHOW TABLES FROM `mysql`", "the schema mysql");
    check_allowed("SELECT mysql FROM sys");
    check_allowed("SELECT 'mysql.user', `mysql.user`");
}

#[test]
fn executable_comments_hide_nothing() {
    for text in [
        "SELECT 1 INTO /*! OUTFILE */ 'x'",
        "SELECT 1 INTO /*!99999 x */ OUTFILE 'x'",
        "SELECT 1 INTO /*!50000OUTFILE*/ 'x'",
        "SELECT /*!50000LOAD_FILE*/('x')",
        "SELECT * FROM /*! mysql. */ user",
        "SELECT * FROM /*!50000_autoscaler.*/topology",
        "SELECT * FROM mysql /*! . */ user",
        "SELECT 1 /*! ; DROP TABLE t */",
        "/*! GRANT */ SELECT 1",
        "SELECT 1 /*! -- */ '*/",
        "SET /*! GLOBAL */ x = 1",
        "DROP /*! DATABASE */ d",
        "SHOW /*! GRANTS */",
        "SHOW /*!50000GRANTS*/",
        "CREATE TABLE t (a INT) ENGINE=/*! CONNECT */ x",
        "CREATE TABLE s /*!50000SELECT * FROM*/ mysql.user",
        "RENAME TABLE a TO b, /*!50000mysql.*/x TO c",
        "DROP /*!50000USER*/ joe",
        "CREATE /*!50000TRIGGER*/ x BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
    ] {
        for version in ["10.11.14-MariaDB", "9.7.4"] {
            let server = ServerVersion::parse(version).unwrap();
            let outcome = comments::expand(text, &[server]).and_then(|expanded| read(&expanded, &[]));
            let refused =
                matches!(outcome, Err(SqlError::NotAllowed { .. } | SqlError::Malformed(_) | SqlError::Several));
            assert!(refused, "{text} on {version}: {outcome:?}");
        }
    }
}

/// A comment that hides where another one begins.
#[test]
fn a_line_comment_hides_no_code() {
    let text = "-- '\nDELETE FROM /*!c USING other.secrets-- */\n*/ c";
    for version in ["10.11.14-MariaDB", "9.7.4"] {
        let server = ServerVersion::parse(version).unwrap();
        let expanded = comments::expand(text, &[server]).unwrap();
        assert_eq!(expanded, "-- '\nDELETE FROM /**/c USING other.secrets-- */\n/**/ c", "{version}");
        let qualified = names::qualified(&read(&expanded, &[]).unwrap());
        assert_eq!(qualified[0].parts, ["other", "secrets"], "{version}");
    }
}
