-- Statements one after the other, a chain between blank lines. `a:` is a session of the chain, `b:` another one, `-:` no
-- session, `v:` a victim without a session whose values nobody may see. `*` runs a step on many connections at once.

a: CREATE VIEW gate_{n} AS SELECT v FROM {T}
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} AS SELECT v FROM {T}
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} /*!50000SELECT * FROM*/ {T}
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} LIKE {T}
-: SHOW CREATE TABLE gate_{n}
-: INSERT INTO gate_{n} SELECT * FROM {T}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(64))
-: INSERT INTO gate_{n} /*!50000SELECT id, v FROM*/ {T}
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200) DEFAULT (LOAD_FILE('{file}')))
-: INSERT INTO gate_{n} (id) VALUES (1)
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200) DEFAULT (/*!50000LOAD_FILE*/('{file}')))
-: INSERT INTO gate_{n} (id) VALUES (1)
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200) AS (other.tell()))
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200))
-: ALTER TABLE gate_{n} ADD CHECK (/*!50000LOAD_FILE*/('{file}') <> v)
-: INSERT INTO gate_{n} VALUES (1, 'x')

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200))
-: ALTER TABLE gate_{n} ALTER COLUMN v SET DEFAULT (other.tell())
-: INSERT INTO gate_{n} (id) VALUES (1)
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, v VARCHAR(200))
-: INSERT INTO gate_{n} VALUES (1, 'SELECT v FROM mysql.canary')
a: SET @gate = (SELECT v FROM gate_{n})
a: PREPARE gate FROM @gate
a: EXECUTE gate

a: SET @gate = 'SELECT v FROM mysql.canary'
a: EXECUTE IMMEDIATE @gate
a: /*!50000EXECUTE IMMEDIATE*/ @gate
a: PREPARE gate FROM @gate
a: /*!50000PREPARE gate*/ FROM @gate
a: EXECUTE gate

a: SET @gate = 'v FROM mysql.canary -- '
a: SELECT @gate
a: SELECT * FROM users WHERE name = @gate

a: SET @gate = '\' UNION SELECT v FROM mysql.canary -- '
a: SELECT name FROM users WHERE name = @gate
a: UPDATE honest SET t = @gate WHERE id = 1
a: SELECT t FROM honest WHERE id = 1

a: USE {S}
a: SELECT v FROM canary
a: SHOW TABLES
a: USE shop

a: /*!50000USE*/ {S}
a: SELECT v FROM canary
-*: SELECT v FROM canary
a: SHOW TABLES

-: /*!USE {S}*/
-*: SELECT v FROM canary
-: USE shop

a: SET @@sql_mode = 'ANSI_QUOTES'
a: SELECT "v" FROM "mysql"."canary"
-: SELECT "v" FROM "mysql"."canary"

a: SET /*!50000sql_mode*/ = 'ANSI_QUOTES'
a: SELECT "v" FROM "mysql"."canary"

a: SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'
a: SELECT name FROM users WHERE name = '\' UNION SELECT v FROM mysql.canary -- '

a: BEGIN
a: SELECT v FROM {T}
a: INSERT INTO honest (id, t) SELECT {n}, v FROM {T} LIMIT 1
a: SELECT t FROM honest WHERE id = {n}
a: COMMIT

a: HANDLER {T} OPEN AS gate
a: HANDLER gate READ FIRST
a: HANDLER gate CLOSE

-: /*!50000HANDLER*/ {T} OPEN AS gate
-*: HANDLER gate READ FIRST
-*: /*!50000HANDLER*/ gate READ FIRST

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES other.secrets (id))
-: INSERT INTO gate_{n} VALUES (1)
-: INSERT INTO gate_{n} VALUES (5)

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY)
-: RENAME TABLE gate_{n} TO other.gate_{n}
-: RENAME TABLE gate_{n} TO gate_{n}_2, other.secrets TO gate_{n}_3
-: SELECT * FROM gate_{n}_3

-: CREATE TABLE gate_{n} (id INT PRIMARY KEY)
-: RENAME TABLE gate_{n} TO gate_{n}_2, /*!50000other.*/secrets TO gate_{n}_3
-: SELECT * FROM gate_{n}_3

-: ALTER TABLE settings RENAME TO /*!50000other.*/settings_{n}

-: CREATE TABLE gate_{n} (id INT, v VARCHAR(64)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100))
-: ALTER TABLE gate_{n} EXCHANGE PARTITION p0 WITH TABLE other.plain
-: ALTER TABLE gate_{n} EXCHANGE PARTITION p0 WITH TABLE /*!50000other.*/plain
-: SELECT * FROM gate_{n}

-: CREATE TRIGGER gate_{n} BEFORE INSERT ON honest FOR EACH ROW SET NEW.t = (SELECT v FROM mysql.canary LIMIT 1)
-: INSERT INTO honest (id, t) VALUES ({n}, 'x')
-: SELECT t FROM honest WHERE id = {n}

-: CREATE /*!50000TRIGGER*/ gate_{n} BEFORE INSERT ON honest FOR EACH ROW SET NEW.t = (SELECT v FROM mysql.canary LIMIT 1)
-: INSERT INTO honest (id, t) VALUES ({n}, 'x')
-: SELECT t FROM honest WHERE id = {n}

-: CREATE DEFINER=view FUNCTION gate_{n}() RETURNS VARCHAR(64) READS SQL DATA RETURN 'x'
-: SELECT gate_{n}()

-: CREATE SEQUENCE gate_{n}
-: SELECT NEXTVAL(gate_{n})
-: CREATE TABLE gate_{n}_2 (id BIGINT PRIMARY KEY DEFAULT NEXTVAL(other.seq), v INT)
-: INSERT INTO gate_{n}_2 (v) VALUES (1)
-: SELECT id FROM gate_{n}_2

-: CREATE /*!TEMPORARY*/ TABLE users (id INT PRIMARY KEY, name VARCHAR(20))
-*: SELECT COUNT(*) FROM users

a: CREATE /*!TEMPORARY*/ TABLE settings (id INT PRIMARY KEY, v VARCHAR(20))
a: INSERT INTO settings VALUES (1, 'gate')
-*: SELECT v FROM settings

a: CREATE TEMPORARY TABLE gate_{n} AS SELECT v FROM {T}
a: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (v VARCHAR(200)) ENGINE=CONNECT TABLE_TYPE=DOS FILE_NAME='{file}'
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT, v VARCHAR(64)) ENGINE='feder\ated' CONNECTION='mysql://root@127.0.0.1/mysql/canary'
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} (id INT NOT NULL, v VARCHAR(64)) ENGINE=MyISAM
-: CREATE TABLE gate_{n}_2 (id INT NOT NULL, v VARCHAR(64)) ENGINE=MERGE UNION=(gate_{n}, other.old)
-: SELECT * FROM gate_{n}_2

-: CREATE VIEW gate_{n} AS SELECT * FROM information_schema.PROCESSLIST
-: SELECT * FROM gate_{n}

-: CREATE VIEW gate_{n} AS SELECT * FROM /*!50000information_schema.*/PROCESSLIST
-: SELECT * FROM gate_{n}

-: CREATE TABLE gate_{n} AS SELECT schema_name FROM information_schema.schemata
-: SELECT * FROM gate_{n}

-: CREATE VIEW gate_{n} AS SELECT name FROM users
-: ALTER VIEW gate_{n} AS SELECT v AS name FROM {T}
-: SELECT name FROM gate_{n}

-: CREATE VIEW gate_{n} AS SELECT 1 AS v /*!50000UNION SELECT v FROM*/ {T}
-: SELECT * FROM gate_{n}

v*: INSERT INTO notes (text) VALUES ('x')
-*: SELECT LAST_INSERT_ID()
-*: SELECT @@last_insert_id
-*: SELECT @@identity, @@insert_id
-*: SELECT /*!50000@@last_insert_id*/
-*: SELECT @@/*!50000*/last_insert_id
-*: SELECT @@session.last_insert_id
-*: SELECT @@local.identity
-*: SELECT @@`identity`
-*: INSERT INTO honest (id, t) VALUES (LAST_INSERT_ID() + 0, 'x')
-*: SHOW VARIABLES LIKE '%insert_id%'
-*: SHOW SESSION VARIABLES LIKE 'identity'
-*: SELECT variable_value FROM information_schema.session_variables WHERE variable_name = 'LAST_INSERT_ID'
-*: SELECT variable_value FROM performance_schema.session_variables WHERE variable_name = 'last_insert_id'

v*: SELECT CAST('{warning}' AS SIGNED) FROM settings
-*: SHOW WARNINGS
-*: SHOW /*!50000WARNINGS*/
-*: SHOW ERRORS
-*: SHOW WARNINGS LIMIT 1
-*: SHOW COUNT(*) WARNINGS
-*: SELECT @@warning_count
-*: GET DIAGNOSTICS CONDITION 1 @gate = MESSAGE_TEXT
a: GET DIAGNOSTICS CONDITION 1 @gate = MESSAGE_TEXT
a: SELECT @gate

v*: SELECT '{statement}' FROM settings
-*: SHOW PROFILES
-*: SHOW FULL PROCESSLIST
-*: SELECT * FROM information_schema.PROFILING
-*: SHOW STATUS LIKE 'Last_query%'
-*: SELECT FOUND_ROWS(), ROW_COUNT()
-*: EXPLAIN FOR CONNECTION CONNECTION_ID()

b: SET @gate_secret = '{variable}'
a: SELECT @gate_secret
-*: SELECT @gate_secret
-*: SELECT /*!50000@gate_secret*/
-*: SELECT * FROM information_schema.USER_VARIABLES
-*: SELECT * FROM performance_schema.user_variables_by_thread
a: SELECT @`gate_secret`
a: SELECT @'gate_secret'
a: SELECT @ gate_secret

a: SET sql_select_limit = 1
a: SET time_zone = '+05:00'
a: SET max_statement_time = 0.001
-*: SELECT COUNT(*) FROM users

-: SET sql_select_limit = 1
-: SET /*!50000SESSION*/ sql_select_limit = 1
-: /*!50000SET sql_select_limit = 1*/
-: /*!SET*/ sql_select_limit = 1
-*: SELECT name FROM users

-: /*!BEGIN*/
-: /*!50000START TRANSACTION*/
-: /*!50000SET*/ autocommit = 0
-*: UPDATE honest SET t = 'gate' WHERE id = 2

-: /*!50000LOCK*/ TABLES settings WRITE
-*: SELECT v FROM settings

-: SELECT /*!50000GET_LOCK*/('gate', 0)
-*: SELECT IS_FREE_LOCK('gate')

a: XA START 'gate'
a: /*!50000XA*/ START 'gate'
a: INSERT INTO honest (id, t) VALUES ({n}, 'x')
a: XA END 'gate'
a: XA PREPARE 'gate'

-: PREPARE gate FROM 'SELECT v FROM mysql.canary'
-: /*!50000PREPARE*/ gate FROM 'SELECT v FROM mysql.canary'
-*: EXECUTE gate
-*: /*!50000EXECUTE*/ gate

a: SAVEPOINT `x/*!50000; SELECT v FROM mysql.canary*/`
a: BEGIN
a: SAVEPOINT `x/*!50000; SELECT v FROM mysql.canary*/`
a: ROLLBACK TO `x/*!50000; SELECT v FROM mysql.canary*/`
a: ROLLBACK

-: CREATE TABLE other (id INT PRIMARY KEY, v VARCHAR(64))
-: SELECT v FROM {oj {T} a LEFT JOIN users u ON 1=0}
-: UPDATE LOW_PRIORITY {T} SET v = 'x'
-: CREATE VIEW gate_{n} AS SELECT 1 AS id, 'x' AS v UNION TABLE {T}
-: SELECT * FROM gate_{n}
-: DROP TABLE other
