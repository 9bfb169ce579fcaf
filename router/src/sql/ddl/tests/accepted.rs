//! What the servers' manuals have is taken, on both sides.

use super::*;

/// Columns of a table `t`, each in a table of its own.
#[test]
fn every_type_is_known() {
    for type_name in [
        "TINYINT",
        "tinyint(1) unsigned zerofill",
        "SMALLINT",
        "MEDIUMINT SIGNED",
        "MIDDLEINT",
        "INT",
        "INTEGER(11)",
        "BIGINT(20)",
        "INT1",
        "INT8",
        "DECIMAL(10,2)",
        "DEC",
        "NUMERIC(5)",
        "FIXED(4,1)",
        "NUMBER(3)",
        "FLOAT(7,4)",
        "FLOAT4",
        "DOUBLE",
        "DOUBLE PRECISION",
        "DOUBLE PRECISION(5,2)",
        "REAL",
        "BIT(8)",
        "BOOL",
        "BOOLEAN",
        "CHAR",
        "CHAR(0x10)",
        "CHARACTER(10)",
        "NCHAR(3)",
        "NATIONAL CHAR(3)",
        "NATIONAL CHARACTER VARYING(3)",
        "NCHAR VARCHAR(5)",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "varchar(9) charset 'latin1'",
        "CHAR VARYING(3)",
        "NVARCHAR(4)",
        "CHAR(5) BINARY",
        "CHAR(5) ASCII",
        "CHAR(5) CHARACTER SET binary",
        "CHAR BYTE",
        "BINARY",
        "BINARY(16)",
        "VARBINARY(100)",
        "TINYBLOB",
        "BLOB(100)",
        "LONGBLOB",
        "TINYTEXT",
        "TEXT(7)",
        "MEDIUMTEXT BINARY",
        "LONG VARCHAR",
        "LONG",
        "ENUM('a','b''c')",
        "SET('x') CHARACTER SET latin1",
        "ENUM(x'61', \"b\")",
        "DATE",
        "TIME(6)",
        "DATETIME(3)",
        "TIMESTAMP(6) NULL",
        "YEAR(4)",
        "JSON",
        "UUID",
        "INET4",
        "INET6",
        "VECTOR(3)",
        "GEOMETRY",
        "POINT SRID 4326",
        "POINT REF_SYSTEM_ID=1",
        "GEOMETRYCOLLECTION",
        "GEOMCOLLECTION",
        "MULTIPOLYGON",
    ] {
        check(&format!("CREATE TABLE t (a {type_name})"), "create t");
        check(&format!("ALTER TABLE t ADD a {type_name} FIRST, ADD COLUMN b {type_name} AFTER a"), "change t");
    }
    check("CREATE TABLE t (a SERIAL)", "create t; unique (a)");
}

#[test]
fn every_attribute_is_known() {
    for attribute in [
        "NOT NULL",
        "NULL",
        "DEFAULT 1",
        "DEFAULT -1.5",
        "DEFAULT 'a' 'b'",
        "DEFAULT _utf8mb4'x' COLLATE utf8mb4_bin",
        "DEFAULT N'x'",
        "DEFAULT b'1'",
        "DEFAULT x'41'",
        "DEFAULT 0x41",
        "DEFAULT NULL",
        "DEFAULT TRUE",
        "DEFAULT DATE '2020-01-01'",
        "DEFAULT (1 + 2)",
        "DEFAULT (uuid())",
        "DEFAULT uuid()",
        "DEFAULT CURRENT_TIMESTAMP",
        "DEFAULT now(3) ON UPDATE NOW(3)",
        "DEFAULT CURRENT_TIMESTAMP() ON UPDATE CURRENT_TIMESTAMP",
        "DEFAULT other",
        "DEFAULT IF(1, 2, 3)",
        "AUTO_INCREMENT",
        "COMMENT 'it''s'",
        "COLLATE utf8mb4_bin",
        "COLLATE 'utf8mb4_bin'",
        "AS (a + 1)",
        "AS (a + 1) VIRTUAL NOT NULL",
        "AS (concat(b, 'c')) PERSISTENT",
        "GENERATED ALWAYS AS (a) STORED COMMENT 'x'",
        "GENERATED ALWAYS AS ROW START INVISIBLE",
        "AS ROW END",
        "CHECK (a > 0)",
        "CONSTRAINT c CHECK (a > 0) NOT ENFORCED",
        "CHECK (a IN (1, 2)) ENFORCED",
        "INVISIBLE",
        "VISIBLE",
        "COMPRESSED",
        "COMPRESSED=zlib",
        "WITHOUT SYSTEM VERSIONING",
        "WITH SYSTEM VERSIONING",
        "STORAGE DISK COLUMN_FORMAT DYNAMIC",
        "NOT NULL DEFAULT 0 COMMENT 'c'",
        "NOT SECONDARY",
    ] {
        check(&format!("CREATE TABLE t (a INT {attribute}, b INT)"), "create t");
        check(&format!("ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT {attribute} AFTER z"), "change t");
    }
}

#[test]
fn keys_of_a_table_are_found_in_every_form() {
    check("CREATE TABLE t (a INT PRIMARY KEY)", "create t; unique (a)");
    check("CREATE TABLE t (a INT KEY, b INT UNIQUE KEY, c INT UNIQUE)", "create t; unique (a); unique (b); unique (c)");
    check("CREATE TABLE t (a INT, PRIMARY KEY USING BTREE (a DESC, b(3)) COMMENT 'x')", "create t; unique (a, )");
    check("CREATE TABLE t (a INT, CONSTRAINT PRIMARY KEY pk (a))", "create t; unique (a)");
    check(
        "CREATE TABLE t (a INT, CONSTRAINT `c``d` UNIQUE INDEX i TYPE BTREE (a, `B``c`))",
        "create t; unique (a, B`c)",
    );
    check("CREATE TABLE t (a INT, UNIQUE ((a + 1), b) USING HASH)", "create t; unique (, b)");
    check(
        "CREATE TABLE t (a INT, UNIQUE KEY IF NOT EXISTS u (a, p WITHOUT OVERLAPS), PERIOD FOR p (s, e))",
        "create t; unique (a, p)",
    );
    for key in [
        "KEY (a)",
        "INDEX i (a) KEY_BLOCK_SIZE=8 INVISIBLE",
        "FULLTEXT KEY f (a, b) WITH PARSER ngram",
        "SPATIAL INDEX (a)",
        "FULLTEXT (a) /* x */",
        "INDEX IF NOT EXISTS i (a) NOT IGNORED",
        "VECTOR INDEX (v) M=6 DISTANCE=cosine",
        "CHECK (a > b)",
        "CONSTRAINT c CHECK (a > b)",
        "CONSTRAINT CHECK (a > b)",
        "PERIOD FOR SYSTEM_TIME (s, e)",
    ] {
        check(&format!("CREATE TABLE t (a INT, {key}, b INT)"), "create t");
        check(&format!("ALTER TABLE t ADD {key}"), "change t");
    }
}

#[test]
fn what_alter_table_adds_and_changes_is_found_in_every_form() {
    check("ALTER TABLE t ADD UNIQUE (a)", "change t; unique (a)");
    check("ALTER TABLE t ADD UNIQUE INDEX IF NOT EXISTS i (a)", "change t; unique (a)");
    check("ALTER TABLE t ADD CONSTRAINT IF NOT EXISTS c UNIQUE (a)", "change t; unique (a)");
    check("ALTER TABLE t ADD COLUMN a INT UNIQUE", "change t; unique (a)");
    check("ALTER TABLE t ADD (a INT UNIQUE, UNIQUE (b), c INT)", "change t; unique (a); unique (b)");
    check("ALTER TABLE t ADD PRIMARY KEY (a), ADD b SERIAL", "change t; unique (a); unique (b)");
    check("ALTER TABLE t MODIFY a INT UNIQUE", "change t; unique (a); alter a");
    check("ALTER TABLE t MODIFY COLUMN IF EXISTS a INT AFTER b", "change t; alter a");
    check("ALTER TABLE t CHANGE COLUMN `a``b` c INT PRIMARY KEY FIRST", "change t; unique (c); alter a`b, c");
    check("ALTER ONLINE TABLE t DROP a", "change t; alter a");
    check("ALTER IGNORE TABLE t ADD UNIQUE (a)", "change t; unique (a)");
    check(
        "ALTER ONLINE IGNORE TABLE IF EXISTS t WAIT 5 DROP COLUMN IF EXISTS a CASCADE, DROP b",
        "change t; alter a, b",
    );
    check("ALTER TABLE t NOWAIT ALTER a SET DEFAULT (1 + 1), ALTER COLUMN b DROP DEFAULT", "change t; alter a, b");
    check("ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO j, RENAME KEY k TO l", "change t; alter a");
    check(
        "ALTER TABLE t ADD FOREIGN KEY IF NOT EXISTS f (a) REFERENCES o (b)",
        "change t; refer to o; (a) leads to o (b)",
    );
    check(
        "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES s.o (c, d) ON DELETE SET NULL ON UPDATE CASCADE, DROP d",
        "change t; refer to s.o; (a, b) leads to o (c, d); alter d",
    );
    check(
        "ALTER TABLE t ADD COLUMN a INT REFERENCES o (b) ON UPDATE NO ACTION COMMENT 'x'",
        "change t; refer to o; (a) leads to o (b)",
    );
    check("CREATE TABLE t (a INT REFERENCES o)", "create t; refer to o; (a) leads to o ()");
    check(
        "CREATE TABLE t (a DATETIME REFERENCES o (b) ON UPDATE CURRENT_TIMESTAMP)",
        "create t; refer to o; (a) leads to o (b)",
    );
    check("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "change t; convert");
    check("ALTER TABLE t CONVERT TO CHARSET DEFAULT", "change t; convert");
    for clauses in [
        "",
        "FORCE",
        "ENABLE KEYS",
        "ENGINE=InnoDB ROW_FORMAT=DYNAMIC, COMMENT='x'",
        "AUTO_INCREMENT=100",
        "ALGORITHM=INPLACE, LOCK=NONE",
        "ADD a INT, ALGORITHM INSTANT",
        "ORDER BY a, t.b DESC",
        "DROP PRIMARY KEY, DROP INDEX i, DROP KEY IF EXISTS k",
        "DROP FOREIGN KEY f, DROP CONSTRAINT IF EXISTS c, DROP CHECK d",
        "ALTER INDEX i INVISIBLE, ALTER KEY IF EXISTS j NOT IGNORED",
        "ALTER CHECK c NOT ENFORCED, ALTER CONSTRAINT d ENFORCED",
        "DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin",
        "ADD SYSTEM VERSIONING",
        "DROP SYSTEM VERSIONING",
        "DROP PERIOD FOR SYSTEM_TIME",
        "ADD PARTITION (PARTITION p VALUES LESS THAN (9))",
        "ADD PARTITION PARTITIONS 4",
        "DROP PARTITION IF EXISTS p, q",
        "TRUNCATE PARTITION ALL",
        "REBUILD PARTITION p",
        "COALESCE PARTITION 2",
        "REORGANIZE PARTITION p INTO (PARTITION a VALUES LESS THAN (1), PARTITION b VALUES LESS THAN MAXVALUE)",
        "REMOVE PARTITIONING",
        "ADD c INT PARTITION BY HASH (c) PARTITIONS 3",
        "ANALYZE PARTITION p, q",
        "PARTITION BY KEY ()",
        "FORCE, ADD period INT, ADD system INT",
        "ADD COLUMN comment TEXT, ADD COLUMN engine INT, ADD `index` INT, ADD COLUMN vector INT",
    ] {
        check(&format!("ALTER TABLE t {clauses}"), "change t");
    }
}

#[test]
fn options_and_partitions_are_known() {
    for rest in [
        "ENGINE=InnoDB",
        "engine innodb",
        "ENGINE='MyISAM' DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        "ENGINE `aria` TRANSACTIONAL=1",
        "ENGINE=\"MEM\\ORY\"",
        "AUTO_INCREMENT=5 AVG_ROW_LENGTH 1, CHECKSUM=1 COMMENT='x'",
        "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8",
        "STATS_PERSISTENT=DEFAULT STATS_AUTO_RECALC=0 PACK_KEYS=1 MAX_ROWS=10 MIN_ROWS=1 DELAY_KEY_WRITE=0",
        "ENCRYPTION='Y' COMPRESSION='zlib'",
        "PAGE_COMPRESSED=1 `PAGE_COMPRESSION_LEVEL`=9 `encrypted`=YES",
        "WITH SYSTEM VERSIONING",
        "CHARACTER SET binary",
        "CHAR SET = 'utf8mb4'",
        "AUTOEXTEND_SIZE = 4M",
        "PARTITION BY HASH (a) PARTITIONS 4",
        "PARTITION BY LINEAR HASH (YEAR(a))",
        "PARTITION BY KEY ALGORITHM=2 (a, b)",
        "PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB COMMENT = 'x', PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "PARTITION BY RANGE COLUMNS(a, b) (PARTITION p VALUES LESS THAN (1, MAXVALUE))",
        "PARTITION BY LIST COLUMNS (a) (PARTITION p VALUES IN ('a', 'b'), PARTITION d DEFAULT)",
        "PARTITION BY LIST (a) (PARTITION p VALUES IN ((1,2), (3,4)) MAX_ROWS=1)",
        "ENGINE=InnoDB PARTITION BY RANGE (a) SUBPARTITION BY HASH (b) SUBPARTITIONS 2 (PARTITION p VALUES LESS THAN (1) (SUBPARTITION s, SUBPARTITION 'u'))",
        "WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH STARTS '2020-01-01' AUTO PARTITIONS 3 (PARTITION h HISTORY, PARTITION c CURRENT)",
    ] {
        check(&format!("CREATE TABLE t (a INT) {rest}"), "create t");
    }
}

#[test]
fn other_statements_are_known() {
    check("CREATE OR REPLACE TABLE IF NOT EXISTS t LIKE s.o", "create t; like s.o");
    check("CREATE TABLE t (LIKE o)", "create t; like o");
    check("CREATE TABLE t SELECT * FROM a JOIN s.b USING (id)", "create t; read a; read s.b");
    check(
        "CREATE TABLE t (a INT UNIQUE) ENGINE=InnoDB IGNORE AS WITH c AS (SELECT 1 FROM d) SELECT * FROM c",
        "create t; read d; read c; unique (a)",
    );
    check("CREATE TABLE t (SELECT 1 UNION SELECT a FROM b)", "create t; read b");
    check("DROP TABLE IF EXISTS a, s.`b``c` NOWAIT CASCADE", "drop a; drop s.b`c");
    check("DROP TABLES a, b RESTRICT", "drop a; drop b");
    check("DROP VIEW IF EXISTS a, b", "drop a; drop b");
    check("RENAME TABLE a TO b, s.c WAIT 3 TO d", "rename a; to b; rename s.c; to d");
    check("RENAME TABLES IF EXISTS a TO b", "rename a; to b");
    check("ALTER TABLE a RENAME TO s.b", "rename a; to s.b");
    check("ALTER TABLE a ADD c INT, RENAME b", "rename a; to b");
    check("ALTER TABLE a RENAME AS b", "rename a; to b");
    check("ALTER TABLE a RENAME = b", "rename a; to b");
    check("TRUNCATE t", "change t");
    check("TRUNCATE TABLE s.t WAIT 1", "change s.t");
    check("CREATE INDEX i ON t (a)", "change t; index i");
    check(
        "CREATE OR REPLACE UNIQUE INDEX i USING BTREE ON t (a, b) COMMENT 'x' ALGORITHM=INPLACE LOCK=NONE",
        "change t; unique (a, b)",
    );
    check("CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)", "change t; unique (a)");
    check("CREATE ONLINE UNIQUE INDEX `i j` ON s.t ((lower(a)))", "change s.t; unique (); index `i j`");
    check("CREATE FULLTEXT INDEX f ON t (a) WITH PARSER ngram", "change t; index f");
    check("CREATE SPATIAL INDEX f ON t (g) NOWAIT", "change t; index f");
    check("DROP INDEX IF EXISTS i ON t WAIT 3", "change t");
    check("DROP INDEX `PRIMARY` ON t ALGORITHM=COPY LOCK SHARED", "change t");
    check("ALTER TABLE a EXCHANGE PARTITION p WITH TABLE s.b WITHOUT VALIDATION", "change a; exchange with s.b");
    check("CREATE VIEW v AS SELECT * FROM t", "create v; read t");
    check(
        "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = CURRENT_USER() SQL SECURITY INVOKER VIEW IF NOT EXISTS s.v (a, b) AS SELECT 1, 2 FROM t WHERE a IN (SELECT b FROM u) WITH LOCAL CHECK OPTION",
        "create s.v; read t; read u",
    );
    check(
        "CREATE VIEW v AS (SELECT a FROM t) UNION ALL (SELECT b FROM u) WITH CHECK OPTION",
        "create v; read t; read u",
    );
    check("ALTER SQL SECURITY DEFINER VIEW v AS SELECT 1", "change v");
}
