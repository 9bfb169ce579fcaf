-- by each column
SELECT user_id, COUNT(*) FROM users GROUP BY user_id
SELECT user_id, SUM(balance), MIN(user_id) FROM users GROUP BY user_id ORDER BY user_id
SELECT COUNT(*) n, user_id FROM users GROUP BY user_id ORDER BY n DESC, user_id LIMIT 4
SELECT user_id, COUNT(*) FROM users GROUP BY user_id HAVING COUNT(*) > 3 ORDER BY user_id DESC
SELECT user_id, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT user_id IS NULL, COUNT(*) FROM users GROUP BY user_id IS NULL
SELECT age, COUNT(*) FROM users GROUP BY age
SELECT age, SUM(balance), MIN(user_id) FROM users GROUP BY age ORDER BY age
SELECT COUNT(*) n, age FROM users GROUP BY age ORDER BY n DESC, age LIMIT 4
SELECT age, COUNT(*) FROM users GROUP BY age HAVING COUNT(*) > 3 ORDER BY age DESC
SELECT age, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT age IS NULL, COUNT(*) FROM users GROUP BY age IS NULL
SELECT small, COUNT(*) FROM users GROUP BY small
SELECT small, SUM(balance), MIN(user_id) FROM users GROUP BY small ORDER BY small
SELECT COUNT(*) n, small FROM users GROUP BY small ORDER BY n DESC, small LIMIT 4
SELECT small, COUNT(*) FROM users GROUP BY small HAVING COUNT(*) > 3 ORDER BY small DESC
SELECT small, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT small IS NULL, COUNT(*) FROM users GROUP BY small IS NULL
SELECT big, COUNT(*) FROM users GROUP BY big
SELECT big, SUM(balance), MIN(user_id) FROM users GROUP BY big ORDER BY big
SELECT COUNT(*) n, big FROM users GROUP BY big ORDER BY n DESC, big LIMIT 4
SELECT big, COUNT(*) FROM users GROUP BY big HAVING COUNT(*) > 3 ORDER BY big DESC
SELECT big, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT big IS NULL, COUNT(*) FROM users GROUP BY big IS NULL
SELECT balance, COUNT(*) FROM users GROUP BY balance
SELECT balance, SUM(balance), MIN(user_id) FROM users GROUP BY balance ORDER BY balance
SELECT COUNT(*) n, balance FROM users GROUP BY balance ORDER BY n DESC, balance LIMIT 4
SELECT balance, COUNT(*) FROM users GROUP BY balance HAVING COUNT(*) > 3 ORDER BY balance DESC
SELECT balance, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT balance IS NULL, COUNT(*) FROM users GROUP BY balance IS NULL
SELECT ratio, COUNT(*) FROM users GROUP BY ratio
SELECT ratio, SUM(balance), MIN(user_id) FROM users GROUP BY ratio ORDER BY ratio
SELECT COUNT(*) n, ratio FROM users GROUP BY ratio ORDER BY n DESC, ratio LIMIT 4
SELECT ratio, COUNT(*) FROM users GROUP BY ratio HAVING COUNT(*) > 3 ORDER BY ratio DESC
SELECT ratio, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT ratio IS NULL, COUNT(*) FROM users GROUP BY ratio IS NULL
SELECT score, COUNT(*) FROM users GROUP BY score
SELECT score, SUM(balance), MIN(user_id) FROM users GROUP BY score ORDER BY score
SELECT COUNT(*) n, score FROM users GROUP BY score ORDER BY n DESC, score LIMIT 4
SELECT score, COUNT(*) FROM users GROUP BY score HAVING COUNT(*) > 3 ORDER BY score DESC
SELECT score, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT score IS NULL, COUNT(*) FROM users GROUP BY score IS NULL
SELECT y, COUNT(*) FROM users GROUP BY y
SELECT y, SUM(balance), MIN(user_id) FROM users GROUP BY y ORDER BY y
SELECT COUNT(*) n, y FROM users GROUP BY y ORDER BY n DESC, y LIMIT 4
SELECT y, COUNT(*) FROM users GROUP BY y HAVING COUNT(*) > 3 ORDER BY y DESC
SELECT y, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT y IS NULL, COUNT(*) FROM users GROUP BY y IS NULL
SELECT name, COUNT(*) FROM users GROUP BY name
SELECT name, SUM(balance), MIN(user_id) FROM users GROUP BY name ORDER BY name
SELECT COUNT(*) n, name FROM users GROUP BY name ORDER BY n DESC, name LIMIT 4
SELECT name, COUNT(*) FROM users GROUP BY name HAVING COUNT(*) > 3 ORDER BY name DESC
SELECT name, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT name IS NULL, COUNT(*) FROM users GROUP BY name IS NULL
SELECT code, COUNT(*) FROM users GROUP BY code
SELECT code, SUM(balance), MIN(user_id) FROM users GROUP BY code ORDER BY code
SELECT COUNT(*) n, code FROM users GROUP BY code ORDER BY n DESC, code LIMIT 4
SELECT code, COUNT(*) FROM users GROUP BY code HAVING COUNT(*) > 3 ORDER BY code DESC
SELECT code, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT code IS NULL, COUNT(*) FROM users GROUP BY code IS NULL
SELECT nick, COUNT(*) FROM users GROUP BY nick
SELECT nick, SUM(balance), MIN(user_id) FROM users GROUP BY nick ORDER BY nick
SELECT COUNT(*) n, nick FROM users GROUP BY nick ORDER BY n DESC, nick LIMIT 4
SELECT nick, COUNT(*) FROM users GROUP BY nick HAVING COUNT(*) > 3 ORDER BY nick DESC
SELECT nick, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT nick IS NULL, COUNT(*) FROM users GROUP BY nick IS NULL
SELECT latin, COUNT(*) FROM users GROUP BY latin
SELECT latin, SUM(balance), MIN(user_id) FROM users GROUP BY latin ORDER BY latin
SELECT COUNT(*) n, latin FROM users GROUP BY latin ORDER BY n DESC, latin LIMIT 4
SELECT latin, COUNT(*) FROM users GROUP BY latin HAVING COUNT(*) > 3 ORDER BY latin DESC
SELECT latin, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT latin IS NULL, COUNT(*) FROM users GROUP BY latin IS NULL
SELECT word, COUNT(*) FROM users GROUP BY word
SELECT word, SUM(balance), MIN(user_id) FROM users GROUP BY word ORDER BY word
SELECT COUNT(*) n, word FROM users GROUP BY word ORDER BY n DESC, word LIMIT 4
SELECT word, COUNT(*) FROM users GROUP BY word HAVING COUNT(*) > 3 ORDER BY word DESC
SELECT word, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT word IS NULL, COUNT(*) FROM users GROUP BY word IS NULL
SELECT country, COUNT(*) FROM users GROUP BY country
SELECT country, SUM(balance), MIN(user_id) FROM users GROUP BY country ORDER BY country
SELECT COUNT(*) n, country FROM users GROUP BY country ORDER BY n DESC, country LIMIT 4
SELECT country, COUNT(*) FROM users GROUP BY country HAVING COUNT(*) > 3 ORDER BY country DESC
SELECT country, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT country IS NULL, COUNT(*) FROM users GROUP BY country IS NULL
SELECT born, COUNT(*) FROM users GROUP BY born
SELECT born, SUM(balance), MIN(user_id) FROM users GROUP BY born ORDER BY born
SELECT COUNT(*) n, born FROM users GROUP BY born ORDER BY n DESC, born LIMIT 4
SELECT born, COUNT(*) FROM users GROUP BY born HAVING COUNT(*) > 3 ORDER BY born DESC
SELECT born, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT born IS NULL, COUNT(*) FROM users GROUP BY born IS NULL
SELECT seen, COUNT(*) FROM users GROUP BY seen
SELECT seen, SUM(balance), MIN(user_id) FROM users GROUP BY seen ORDER BY seen
SELECT COUNT(*) n, seen FROM users GROUP BY seen ORDER BY n DESC, seen LIMIT 4
SELECT seen, COUNT(*) FROM users GROUP BY seen HAVING COUNT(*) > 3 ORDER BY seen DESC
SELECT seen, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT seen IS NULL, COUNT(*) FROM users GROUP BY seen IS NULL
SELECT changed, COUNT(*) FROM users GROUP BY changed
SELECT changed, SUM(balance), MIN(user_id) FROM users GROUP BY changed ORDER BY changed
SELECT COUNT(*) n, changed FROM users GROUP BY changed ORDER BY n DESC, changed LIMIT 4
SELECT changed, COUNT(*) FROM users GROUP BY changed HAVING COUNT(*) > 3 ORDER BY changed DESC
SELECT changed, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT changed IS NULL, COUNT(*) FROM users GROUP BY changed IS NULL
SELECT alarm, COUNT(*) FROM users GROUP BY alarm
SELECT alarm, SUM(balance), MIN(user_id) FROM users GROUP BY alarm ORDER BY alarm
SELECT COUNT(*) n, alarm FROM users GROUP BY alarm ORDER BY n DESC, alarm LIMIT 4
SELECT alarm, COUNT(*) FROM users GROUP BY alarm HAVING COUNT(*) > 3 ORDER BY alarm DESC
SELECT alarm, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT alarm IS NULL, COUNT(*) FROM users GROUP BY alarm IS NULL
SELECT kind, COUNT(*) FROM users GROUP BY kind
SELECT kind, SUM(balance), MIN(user_id) FROM users GROUP BY kind ORDER BY kind
SELECT COUNT(*) n, kind FROM users GROUP BY kind ORDER BY n DESC, kind LIMIT 4
SELECT kind, COUNT(*) FROM users GROUP BY kind HAVING COUNT(*) > 3 ORDER BY kind DESC
SELECT kind, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT kind IS NULL, COUNT(*) FROM users GROUP BY kind IS NULL
SELECT flags, COUNT(*) FROM users GROUP BY flags
SELECT flags, SUM(balance), MIN(user_id) FROM users GROUP BY flags ORDER BY flags
SELECT COUNT(*) n, flags FROM users GROUP BY flags ORDER BY n DESC, flags LIMIT 4
SELECT flags, COUNT(*) FROM users GROUP BY flags HAVING COUNT(*) > 3 ORDER BY flags DESC
SELECT flags, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT flags IS NULL, COUNT(*) FROM users GROUP BY flags IS NULL
SELECT raw, COUNT(*) FROM users GROUP BY raw
SELECT raw, SUM(balance), MIN(user_id) FROM users GROUP BY raw ORDER BY raw
SELECT COUNT(*) n, raw FROM users GROUP BY raw ORDER BY n DESC, raw LIMIT 4
SELECT raw, COUNT(*) FROM users GROUP BY raw HAVING COUNT(*) > 3 ORDER BY raw DESC
SELECT raw, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT raw IS NULL, COUNT(*) FROM users GROUP BY raw IS NULL
SELECT active, COUNT(*) FROM users GROUP BY active
SELECT active, SUM(balance), MIN(user_id) FROM users GROUP BY active ORDER BY active
SELECT COUNT(*) n, active FROM users GROUP BY active ORDER BY n DESC, active LIMIT 4
SELECT active, COUNT(*) FROM users GROUP BY active HAVING COUNT(*) > 3 ORDER BY active DESC
SELECT active, AVG(age) FROM users GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2
SELECT active IS NULL, COUNT(*) FROM users GROUP BY active IS NULL
-- by expressions, several keys, aliases
SELECT age % 3 g, COUNT(*) FROM users GROUP BY age % 3
SELECT age % 3 AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT age % 3, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY age % 3 HAVING SUM(user_id > 50) > 1
SELECT age > 10 g, COUNT(*) FROM users GROUP BY age > 10
SELECT age > 10 AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT age > 10, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY age > 10 HAVING SUM(user_id > 50) > 1
SELECT YEAR(born) g, COUNT(*) FROM users GROUP BY YEAR(born)
SELECT YEAR(born) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT YEAR(born), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY YEAR(born) HAVING SUM(user_id > 50) > 1
SELECT MONTH(seen) g, COUNT(*) FROM users GROUP BY MONTH(seen)
SELECT MONTH(seen) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT MONTH(seen), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY MONTH(seen) HAVING SUM(user_id > 50) > 1
SELECT LOWER(LEFT(name, 1)) g, COUNT(*) FROM users GROUP BY LOWER(LEFT(name, 1))
SELECT LOWER(LEFT(name, 1)) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT LOWER(LEFT(name, 1)), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY LOWER(LEFT(name, 1)) HAVING SUM(user_id > 50) > 1
SELECT UPPER(country) g, COUNT(*) FROM users GROUP BY UPPER(country)
SELECT UPPER(country) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT UPPER(country), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY UPPER(country) HAVING SUM(user_id > 50) > 1
SELECT LENGTH(code) g, COUNT(*) FROM users GROUP BY LENGTH(code)
SELECT LENGTH(code) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT LENGTH(code), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY LENGTH(code) HAVING SUM(user_id > 50) > 1
SELECT age DIV 10 g, COUNT(*) FROM users GROUP BY age DIV 10
SELECT age DIV 10 AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT age DIV 10, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY age DIV 10 HAVING SUM(user_id > 50) > 1
SELECT ROUND(balance, -3) g, COUNT(*) FROM users GROUP BY ROUND(balance, -3)
SELECT ROUND(balance, -3) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT ROUND(balance, -3), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY ROUND(balance, -3) HAVING SUM(user_id > 50) > 1
SELECT IF(age > 20, 'old', 'young') g, COUNT(*) FROM users GROUP BY IF(age > 20, 'old', 'young')
SELECT IF(age > 20, 'old', 'young') AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT IF(age > 20, 'old', 'young'), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY IF(age > 20, 'old', 'young') HAVING SUM(user_id > 50) > 1
SELECT CASE WHEN age IS NULL THEN 0 ELSE 1 END g, COUNT(*) FROM users GROUP BY CASE WHEN age IS NULL THEN 0 ELSE 1 END
SELECT CASE WHEN age IS NULL THEN 0 ELSE 1 END AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT CASE WHEN age IS NULL THEN 0 ELSE 1 END, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY CASE WHEN age IS NULL THEN 0 ELSE 1 END HAVING SUM(user_id > 50) > 1
SELECT user_id % 4 g, COUNT(*) FROM users GROUP BY user_id % 4
SELECT user_id % 4 AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT user_id % 4, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY user_id % 4 HAVING SUM(user_id > 50) > 1
SELECT DATE(seen) g, COUNT(*) FROM users GROUP BY DATE(seen)
SELECT DATE(seen) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT DATE(seen), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY DATE(seen) HAVING SUM(user_id > 50) > 1
SELECT COALESCE(country, '??') g, COUNT(*) FROM users GROUP BY COALESCE(country, '??')
SELECT COALESCE(country, '??') AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT COALESCE(country, '??'), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY COALESCE(country, '??') HAVING SUM(user_id > 50) > 1
SELECT CONCAT(country, '-', kind) g, COUNT(*) FROM users GROUP BY CONCAT(country, '-', kind)
SELECT CONCAT(country, '-', kind) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT CONCAT(country, '-', kind), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY CONCAT(country, '-', kind) HAVING SUM(user_id > 50) > 1
SELECT small + age g, COUNT(*) FROM users GROUP BY small + age
SELECT small + age AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT small + age, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY small + age HAVING SUM(user_id > 50) > 1
SELECT score > 0 AND age > 3 g, COUNT(*) FROM users GROUP BY score > 0 AND age > 3
SELECT score > 0 AND age > 3 AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT score > 0 AND age > 3, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY score > 0 AND age > 3 HAVING SUM(user_id > 50) > 1
SELECT DATE_FORMAT(born, '%Y-%m') g, COUNT(*) FROM users GROUP BY DATE_FORMAT(born, '%Y-%m')
SELECT DATE_FORMAT(born, '%Y-%m') AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT DATE_FORMAT(born, '%Y-%m'), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY DATE_FORMAT(born, '%Y-%m') HAVING SUM(user_id > 50) > 1
SELECT FLOOR(score / 10) g, COUNT(*) FROM users GROUP BY FLOOR(score / 10)
SELECT FLOOR(score / 10) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT FLOOR(score / 10), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY FLOOR(score / 10) HAVING SUM(user_id > 50) > 1
SELECT SUBSTRING(nick, 1, 2) g, COUNT(*) FROM users GROUP BY SUBSTRING(nick, 1, 2)
SELECT SUBSTRING(nick, 1, 2) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT SUBSTRING(nick, 1, 2), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY SUBSTRING(nick, 1, 2) HAVING SUM(user_id > 50) > 1
SELECT EXTRACT(YEAR FROM born) g, COUNT(*) FROM users GROUP BY EXTRACT(YEAR FROM born)
SELECT EXTRACT(YEAR FROM born) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT EXTRACT(YEAR FROM born), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY EXTRACT(YEAR FROM born) HAVING SUM(user_id > 50) > 1
SELECT NOT active g, COUNT(*) FROM users GROUP BY NOT active
SELECT NOT active AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT NOT active, MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY NOT active HAVING SUM(user_id > 50) > 1
SELECT HEX(raw) g, COUNT(*) FROM users GROUP BY HEX(raw)
SELECT HEX(raw) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT HEX(raw), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY HEX(raw) HAVING SUM(user_id > 50) > 1
SELECT CAST(balance AS SIGNED) g, COUNT(*) FROM users GROUP BY CAST(balance AS SIGNED)
SELECT CAST(balance AS SIGNED) AS g, SUM(age) FROM users GROUP BY g ORDER BY g
SELECT CAST(balance AS SIGNED), MAX(user_id) FROM users GROUP BY 1 ORDER BY MAX(user_id)
SELECT COUNT(*) FROM users GROUP BY CAST(balance AS SIGNED) HAVING SUM(user_id > 50) > 1
SELECT country, kind, COUNT(*) FROM users GROUP BY country, kind
SELECT kind, COUNT(*), country FROM users GROUP BY country, kind ORDER BY COUNT(*) DESC, country, kind LIMIT 6
SELECT country, kind, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT country, kind, COUNT(*) FROM users WHERE country IS NOT NULL AND kind IS NOT NULL GROUP BY country, kind WITH ROLLUP
SELECT country, COUNT(DISTINCT kind) FROM users GROUP BY country
SELECT country, MIN(kind), MAX(kind) FROM users GROUP BY country ORDER BY country
SELECT age, active, COUNT(*) FROM users GROUP BY age, active
SELECT active, COUNT(*), age FROM users GROUP BY age, active ORDER BY COUNT(*) DESC, age, active LIMIT 6
SELECT age, active, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT age, active, COUNT(*) FROM users WHERE age IS NOT NULL AND active IS NOT NULL GROUP BY age, active WITH ROLLUP
SELECT age, COUNT(DISTINCT active) FROM users GROUP BY age
SELECT age, MIN(active), MAX(active) FROM users GROUP BY age ORDER BY age
SELECT nick, country, COUNT(*) FROM users GROUP BY nick, country
SELECT country, COUNT(*), nick FROM users GROUP BY nick, country ORDER BY COUNT(*) DESC, nick, country LIMIT 6
SELECT nick, country, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT nick, country, COUNT(*) FROM users WHERE nick IS NOT NULL AND country IS NOT NULL GROUP BY nick, country WITH ROLLUP
SELECT nick, COUNT(DISTINCT country) FROM users GROUP BY nick
SELECT nick, MIN(country), MAX(country) FROM users GROUP BY nick ORDER BY nick
SELECT kind, flags, COUNT(*) FROM users GROUP BY kind, flags
SELECT flags, COUNT(*), kind FROM users GROUP BY kind, flags ORDER BY COUNT(*) DESC, kind, flags LIMIT 6
SELECT kind, flags, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT kind, flags, COUNT(*) FROM users WHERE kind IS NOT NULL AND flags IS NOT NULL GROUP BY kind, flags WITH ROLLUP
SELECT kind, COUNT(DISTINCT flags) FROM users GROUP BY kind
SELECT kind, MIN(flags), MAX(flags) FROM users GROUP BY kind ORDER BY kind
SELECT y, small, COUNT(*) FROM users GROUP BY y, small
SELECT small, COUNT(*), y FROM users GROUP BY y, small ORDER BY COUNT(*) DESC, y, small LIMIT 6
SELECT y, small, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT y, small, COUNT(*) FROM users WHERE y IS NOT NULL AND small IS NOT NULL GROUP BY y, small WITH ROLLUP
SELECT y, COUNT(DISTINCT small) FROM users GROUP BY y
SELECT y, MIN(small), MAX(small) FROM users GROUP BY y ORDER BY y
SELECT word, latin, COUNT(*) FROM users GROUP BY word, latin
SELECT latin, COUNT(*), word FROM users GROUP BY word, latin ORDER BY COUNT(*) DESC, word, latin LIMIT 6
SELECT word, latin, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT word, latin, COUNT(*) FROM users WHERE word IS NOT NULL AND latin IS NOT NULL GROUP BY word, latin WITH ROLLUP
SELECT word, COUNT(DISTINCT latin) FROM users GROUP BY word
SELECT word, MIN(latin), MAX(latin) FROM users GROUP BY word ORDER BY word
SELECT country, name, COUNT(*) FROM users GROUP BY country, name
SELECT name, COUNT(*), country FROM users GROUP BY country, name ORDER BY COUNT(*) DESC, country, name LIMIT 6
SELECT country, name, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT country, name, COUNT(*) FROM users WHERE country IS NOT NULL AND name IS NOT NULL GROUP BY country, name WITH ROLLUP
SELECT country, COUNT(DISTINCT name) FROM users GROUP BY country
SELECT country, MIN(name), MAX(name) FROM users GROUP BY country ORDER BY country
SELECT code, active, COUNT(*) FROM users GROUP BY code, active
SELECT active, COUNT(*), code FROM users GROUP BY code, active ORDER BY COUNT(*) DESC, code, active LIMIT 6
SELECT code, active, SUM(balance) FROM users GROUP BY 2, 1 ORDER BY 1, 2
SELECT code, active, COUNT(*) FROM users WHERE code IS NOT NULL AND active IS NOT NULL GROUP BY code, active WITH ROLLUP
SELECT code, COUNT(DISTINCT active) FROM users GROUP BY code
SELECT code, MIN(active), MAX(active) FROM users GROUP BY code ORDER BY code
-- HAVING, and orders by aggregates
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING SUM(amount) > 100
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING SUM(amount) > 100 ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING COUNT(*) BETWEEN 5 AND 60
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING COUNT(*) BETWEEN 5 AND 60 ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING MAX(amount) > 500 AND MIN(amount) < 0
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING MAX(amount) > 500 AND MIN(amount) < 0 ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING AVG(amount) > 200 OR status IS NULL
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING AVG(amount) > 200 OR status IS NULL ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING COUNT(DISTINCT product_id) > 3
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING COUNT(DISTINCT product_id) > 3 ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING status LIKE 'o%'
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING status LIKE 'o%' ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING status <> 'paid'
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING status <> 'paid' ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING SUM(quantity) IS NOT NULL
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING SUM(quantity) IS NOT NULL ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING n > 10
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING n > 10 ORDER BY n, status
SELECT status, COUNT(*) n FROM orders GROUP BY status HAVING n > 10 AND status = 'open'
SELECT status, COUNT(*) n, SUM(amount) FROM orders WHERE product_id IS NOT NULL GROUP BY status HAVING n > 10 AND status = 'open' ORDER BY n, status
SELECT product_id FROM orders GROUP BY product_id ORDER BY SUM(amount), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY SUM(amount), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY SUM(amount), customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY COUNT(*) DESC, product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY COUNT(*) DESC, 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY COUNT(*) DESC, customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY AVG(amount) DESC, product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY AVG(amount) DESC, 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY AVG(amount) DESC, customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY MAX(placed), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY MAX(placed), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY MAX(placed), customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY MIN(order_id) DESC, product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY MIN(order_id) DESC, 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY MIN(order_id) DESC, customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY SUM(amount) / COUNT(*), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY SUM(amount) / COUNT(*), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY SUM(amount) / COUNT(*), customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY COUNT(DISTINCT status), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY COUNT(DISTINCT status), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY COUNT(DISTINCT status), customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY -COUNT(*), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY -COUNT(*), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY -COUNT(*), customer_id LIMIT 5, 5
SELECT product_id FROM orders GROUP BY product_id ORDER BY MAX(amount) - MIN(amount), product_id
SELECT product_id, COUNT(*) FROM orders GROUP BY product_id ORDER BY MAX(amount) - MIN(amount), 1 LIMIT 3
SELECT customer_id, SUM(amount) FROM orders GROUP BY customer_id ORDER BY MAX(amount) - MIN(amount), customer_id LIMIT 5, 5
SELECT customer_id, COUNT(*), SUM(amount) FROM orders GROUP BY customer_id
SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 3 ORDER BY 1
SELECT COUNT(*) FROM (SELECT customer_id FROM orders GROUP BY customer_id) t
SELECT COUNT(*) FROM orders GROUP BY customer_id, order_id HAVING COUNT(*) > 1
SELECT tag, COUNT(*), SUM(weight) FROM tags GROUP BY tag ORDER BY tag
SELECT k, COUNT(*), AVG(v) FROM events GROUP BY k ORDER BY k
SELECT LOWER(k), COUNT(*) FROM events GROUP BY LOWER(k) ORDER BY 1
SELECT category, COUNT(*), AVG(price) FROM products GROUP BY category ORDER BY 1
SELECT v, COUNT(*) FROM few GROUP BY v
SELECT v, COUNT(*) FROM vacant GROUP BY v
SELECT COUNT(*) FROM users GROUP BY note
SELECT COUNT(*) c FROM users GROUP BY note ORDER BY c
SELECT MIN(HEX(note)) FROM users GROUP BY note
SELECT GROUP_CONCAT(user_id ORDER BY user_id) FROM users GROUP BY country ORDER BY country
SELECT status, GROUP_CONCAT(DISTINCT product_id ORDER BY product_id) FROM orders GROUP BY status
SELECT status, COUNT(*) FROM orders GROUP BY status WITH ROLLUP
SELECT COALESCE(status, 'all'), SUM(quantity) FROM orders WHERE status IS NOT NULL GROUP BY status WITH ROLLUP
SELECT DATE(placed) d, SUM(amount) FROM orders GROUP BY d ORDER BY d LIMIT 7
SELECT status s, product_id p, SUM(amount * quantity) t FROM orders GROUP BY s, p ORDER BY t DESC, s, p LIMIT 9
SELECT 1, COUNT(*) FROM users GROUP BY 1
SELECT 'x' AS label, COUNT(*) FROM users GROUP BY label
SELECT COUNT(*) FROM users GROUP BY NULL
-- determined by a key
SELECT user_id, name, COUNT(*) FROM users GROUP BY user_id
SELECT user_id, name, age FROM users GROUP BY user_id HAVING COUNT(*) > 0 AND age > 5 ORDER BY 1
SELECT u.user_id, u.name, SUM(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id GROUP BY u.user_id ORDER BY 1
SELECT u.name, u.country, COUNT(DISTINCT o.status) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id GROUP BY u.user_id
SELECT p.title, SUM(o.amount) FROM orders o JOIN products p ON p.product_id = o.product_id GROUP BY p.product_id ORDER BY 1
SELECT user_id, balance, COUNT(*) + 1 FROM users GROUP BY user_id ORDER BY balance, 1 LIMIT 5
