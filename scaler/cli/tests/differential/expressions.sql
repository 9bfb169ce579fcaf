-- without tables
SELECT 1
SELECT 1 + 1
SELECT 1+1
SELECT 'a' 'b'
SELECT "x"
SELECT NULL
SELECT TRUE, FALSE
SELECT 1.50
SELECT 1e3
SELECT 0x41
SELECT x'4142'
SELECT b'101' + 0
SELECT -1, - 1, +1
SELECT 1 AS `a b`
SELECT 1 'quoted'
SELECT 'it''s'
SELECT 'a\\nb'
SELECT 1 FROM DUAL
SELECT DATABASE() = 'shop'
SELECT 7 / 2, 7 DIV 2, 7 % 2, 7 MOD 2
SELECT 1 = 1, 1 <> 2, 1 <=> NULL
SELECT 1 AND 0, 1 OR 0, 1 XOR 1, NOT 1, !0
SELECT 1 && 0, 1 || 0
SELECT 5 & 3, 5 | 3, 5 ^ 3, ~5, 1 << 3
SELECT CAST('12' AS UNSIGNED), CAST(1.5 AS DECIMAL(5,2))
SELECT DATE '2024-01-31' + INTERVAL 1 MONTH
SELECT TIMESTAMP '2024-01-01 00:00:00' - INTERVAL 1 SECOND
SELECT CASE 1 WHEN 1 THEN 'one' ELSE 'other' END
SELECT IF(1, 2, 3), IFNULL(NULL, 4), NULLIF(1, 1)
SELECT GREATEST(1, 2), LEAST(1, 2), COALESCE(NULL, 3)
SELECT user_id+1 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id + 1 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id  +  1 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age*2 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT -age FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age / 3 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age DIV 3 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age % 3 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT balance + 0.001 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT balance * ratio FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT ratio / 3 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT score * 2 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT score / 3 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT big + 0 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT small << 2 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age IS NULL FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age IS NOT TRUE FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age BETWEEN 1 AND 9 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age NOT IN (1, 2) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT name = 'ann' FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT UPPER( name ) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CONCAT(name,'x') FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT IF(age>5,'a','b') FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CASE WHEN age > 5 THEN 'a' END FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT born + INTERVAL 1 DAY FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT DATE_ADD(born, INTERVAL 1 MONTH) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT DATEDIFF(seen, born) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT YEAR(seen) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT DATE_FORMAT(seen, '%d.%m.%Y %H:%i') FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT UNIX_TIMESTAMP(changed) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT TIME_TO_SEC(alarm) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT HOUR(alarm) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT bits + 0 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT BIN(bits) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT kind + 0 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT flags + 0 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT HEX(raw) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT JSON_EXTRACT(doc, '$.a') FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT JSON_UNQUOTE(JSON_EXTRACT(doc, '$.nested.k')) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT JSON_TYPE(doc) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT JSON_LENGTH(doc) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT active + 1 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT NOT active FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT LAST_DAY(born) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT WEEKDAY(born) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT TRUNCATE(ratio, 3) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT ROUND(balance) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT FLOOR(score), CEIL(score) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT SIGN(balance) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CAST(age AS CHAR) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CAST(balance AS SIGNED) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CAST(f AS DECIMAL(10,2)) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CONVERT(age, CHAR) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT GREATEST(age, small) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT ISNULL(age) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id AS `some name` FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id AS 'text' FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id AS "double" FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT user_id uid FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT CRC32(name) FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT f FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT users.f FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT users.name, name FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT age, age FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT 1, user_id FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT 'lit', user_id FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT NULL, user_id FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT y + 1 FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT seen FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT changed FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT alarm FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT y FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT bits FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT doc FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT raw FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT note FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT /* c */ age FROM users WHERE user_id IN (1, 2, 3, 40, 50, 60, 1000) ORDER BY user_id
SELECT * FROM users
SELECT * FROM orders
SELECT * FROM tags
SELECT * FROM events
SELECT * FROM few
SELECT * FROM vacant
SELECT * FROM products
SELECT * FROM settings
SELECT users.* FROM users WHERE age > 30
SELECT *, age + 1 FROM users WHERE user_id < 10
SELECT user_id FROM users WHERE f = 1.25
SELECT COUNT(f), COUNT(DISTINCT f) FROM users
SELECT user_id FROM users WHERE seen < NOW() ORDER BY 1
SELECT COUNT(*) FROM orders WHERE placed > NOW() - INTERVAL 100 YEAR
SELECT COUNT(*) FROM orders WHERE placed < CURRENT_TIMESTAMP AND placed < SYSDATE()
SELECT COUNT(*) FROM users WHERE born < CURDATE() AND born < CURRENT_DATE
SELECT YEAR(NOW()) - YEAR(NOW()), COUNT(*) FROM users
SELECT COUNT(*) FROM users WHERE RAND() < 2
SELECT COUNT(*) FROM users WHERE UUID() <> 'x'
