-- Schemas by name: {S} is a closed one.
[USE {S}]
USE [{S}]
[SHOW TABLES FROM {S}]
SHOW TABLES [IN {S}]
SHOW FULL TABLES FROM {S} LIKE '%'
SHOW EXTENDED FULL TABLES FROM {S}
SHOW TABLES FROM {S} WHERE 1
[SHOW TABLE STATUS FROM {S}]
SHOW TABLE STATUS IN {S} LIKE '%'
[SHOW OPEN TABLES FROM {S}]
[SHOW TRIGGERS FROM {S}]
SHOW FULL TRIGGERS IN {S}
[SHOW EVENTS FROM {S}]
[SHOW CREATE DATABASE {S}]
SHOW CREATE SCHEMA IF NOT EXISTS {S}
[SHOW COLUMNS FROM canary FROM {S}]
SHOW COLUMNS IN canary IN {S}
SHOW FULL FIELDS FROM canary FROM {S} LIKE '%'
[SHOW INDEX FROM canary FROM {S}]
SHOW KEYS FROM canary IN {S} WHERE 1
~SHOW PROCEDURE STATUS WHERE Db = '{s}'
~SHOW FUNCTION STATUS LIKE '%'
EXPLAIN FOR SCHEMA {S} SELECT v FROM canary
EXPLAIN FORMAT=TREE FOR DATABASE {S} SELECT v FROM canary
[DROP DATABASE {S}]
DROP SCHEMA IF EXISTS {S}
[ALTER DATABASE {S} CHARACTER SET latin1]
ALTER SCHEMA {S} COLLATE latin1_swedish_ci
ALTER DATABASE {S} READ ONLY = 1
ALTER DATABASE {S} UPGRADE DATA DIRECTORY NAME
CREATE DATABASE IF NOT EXISTS {S}
CREATE OR REPLACE DATABASE {S}
GRANT ALL ON {S}.* TO PUBLIC
BACKUP STAGE START
SELECT table_name FROM information_schema.tables WHERE table_schema = '{s}'
SELECT table_name FROM information_schema.tables WHERE table_schema [= '{s}']
SELECT table_name FROM information_schema.tables WHERE table_schema = CONCAT('{s}', '')
SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = '{s}'
SELECT index_name FROM information_schema.statistics WHERE table_schema = '{s}'
SELECT routine_definition FROM information_schema.routines WHERE routine_schema = '{s}'
SELECT view_definition FROM information_schema.views WHERE table_schema = '{s}'
SELECT constraint_name FROM information_schema.table_constraints WHERE table_schema = '{s}'
SELECT * FROM information_schema.key_column_usage WHERE table_schema = '{s}'
