-- Statements around {stmt}, a read of a decoy.
{stmt}
{stmt};
{stmt} \G
{stmt}{nul}
{stmt};{nul}x
{bom}{stmt}
 {nbsp}{stmt}
;{stmt}
SELECT 1; {stmt}
SELECT 1 {nul}; {stmt}
DELIMITER // {stmt} //
/*!50000 {stmt} */
/*!{stmt}*/
/*M!100100 {stmt} */
/*!99999 SELECT 1 */ {stmt}
/*!50000 SELECT 1 UNION */ {stmt}
SELECT name FROM users WHERE id = 1 UNION ALL {stmt}
SELECT name FROM users WHERE id = 1 /*!50000 UNION ALL {stmt} */
SELECT name FROM users WHERE id = 1 /*! UNION ALL {stmt}
SELECT name FROM users WHERE id = 1 /*!50000 /*!50000 UNION ALL {stmt} */
SELECT name FROM users WHERE id = 1 -- /*! {lf} UNION ALL {stmt} /*! */
SELECT name FROM users WHERE id = 1 /*!99999 /* */ UNION ALL {stmt} -- */
SELECT name FROM users WHERE id = 1 /*!99999 '/*' */ */ UNION ALL {stmt}
SELECT name FROM users WHERE id = 1 /*!50000 -- */{lf} UNION ALL {stmt} */
SELECT name FROM users WHERE id = 1 AND name <> '\\' /*! UNION ALL {stmt} -- '{lf}*/
SELECT name FROM users WHERE id = 1 AND name <> 'a''/*' UNION ALL {stmt} -- */
SELECT name FROM users WHERE id = 1 --{vt}{lf} UNION ALL {stmt}
SELECT name FROM users WHERE id = 1 #{cr}{lf} UNION ALL {stmt}
SELECT * FROM ({stmt}) x
SELECT * FROM users, ({stmt}) x
SELECT ({stmt} LIMIT 1)
SELECT {brace_open}x ({stmt} LIMIT 1){brace_close}
SELECT * FROM {brace_open}oj users u LEFT JOIN ({stmt}) x ON 1{brace_close}
WITH w AS ({stmt}) SELECT * FROM w
INSERT INTO honest (id, t) SELECT {n}, x.v FROM ({stmt}) x LIMIT 1
CREATE TABLE gate_{n} AS {stmt}
CREATE TABLE gate_{n} /*!50000AS {stmt}*/
CREATE VIEW gate_{n} AS {stmt}
EXPLAIN {stmt}
EXPLAIN FORMAT=JSON {stmt}
EXPLAIN EXPLAIN {stmt}
ANALYZE {stmt}
DESCRIBE {stmt}
DO ({stmt} LIMIT 1)
PREPARE gate FROM '{stmt}'
EXECUTE IMMEDIATE '{stmt}'
EXECUTE/**/IMMEDIATE '{stmt}'
/*!50000EXECUTE IMMEDIATE*/ '{stmt}'
BEGIN NOT ATOMIC {stmt}; END
/*!BEGIN NOT ATOMIC {stmt}; END*/
BEGIN/*!99999 x*/ NOT ATOMIC {stmt}; END
IF 1 THEN {stmt}; END IF
gate: LOOP {stmt}; LEAVE gate; END LOOP
SET STATEMENT max_statement_time=5 FOR {stmt}
/*!50000SET STATEMENT max_statement_time=5 FOR*/ {stmt}
SET @gate = ({stmt} LIMIT 1)
CREATE PROCEDURE gate_{n}() {stmt}
CREATE /*!50000PROCEDURE*/ gate_{n}() {stmt}
CREATE EVENT gate_{n} ON SCHEDULE EVERY 1 DAY DO {stmt}
CALL ({stmt})
RETURN ({stmt})
{stmt} INTO @gate
{stmt} INTO OUTFILE '{dir}/gate_{n}'
{stmt} /*!50000INTO OUTFILE*/ '{dir}/gate_{n}'
{stmt} FOR UPDATE
{stmt} PROCEDURE ANALYSE(1, 1)
{stmt} WINDOW w AS ()
({stmt}) UNION ({stmt}) ORDER BY 1
HANDLER ({stmt}) OPEN
VALUES (({stmt} LIMIT 1))
SHOW TABLES WHERE ({stmt} LIMIT 1) IS NOT NULL
SHOW VARIABLES WHERE ({stmt} LIMIT 1) IS NOT NULL
SHOW STATUS WHERE Value = '1' AND ({stmt} LIMIT 1) IS NOT NULL
SHOW COLUMNS FROM users WHERE ({stmt} LIMIT 1) IS NOT NULL
SHOW COLLATION WHERE ({stmt} LIMIT 1) = 'x'
SHOW WARNINGS LIMIT ({stmt})
SELECT name FROM users LIMIT ({stmt})
KILL ({stmt} LIMIT 1)
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = ({stmt})
UPDATE honest SET t = ({stmt} LIMIT 1) WHERE id = 1
DELETE FROM honest WHERE t IN ({stmt})
LOCK TABLES users READ; {stmt}
SELECT CASE WHEN EXISTS ({stmt}) THEN 1 END
SELECT name FROM users WHERE id BETWEEN 1 AND (SELECT COUNT(*) FROM ({stmt}) x)
SELECT JSON_OBJECT('a', ({stmt} LIMIT 1))
SELECT name FROM users ORDER BY ({stmt} LIMIT 1) DESC LIMIT 1
