-- every column by every function
SELECT COUNT(user_id) FROM users
SELECT COUNT(DISTINCT user_id) FROM users
SELECT COUNT(age) FROM users
SELECT COUNT(DISTINCT age) FROM users
SELECT COUNT(small) FROM users
SELECT COUNT(DISTINCT small) FROM users
SELECT COUNT(big) FROM users
SELECT COUNT(DISTINCT big) FROM users
SELECT COUNT(balance) FROM users
SELECT COUNT(DISTINCT balance) FROM users
SELECT COUNT(ratio) FROM users
SELECT COUNT(DISTINCT ratio) FROM users
SELECT COUNT(score) FROM users
SELECT COUNT(DISTINCT score) FROM users
SELECT COUNT(y) FROM users
SELECT COUNT(DISTINCT y) FROM users
SELECT COUNT(name) FROM users
SELECT COUNT(DISTINCT name) FROM users
SELECT COUNT(code) FROM users
SELECT COUNT(DISTINCT code) FROM users
SELECT COUNT(nick) FROM users
SELECT COUNT(DISTINCT nick) FROM users
SELECT COUNT(latin) FROM users
SELECT COUNT(DISTINCT latin) FROM users
SELECT COUNT(word) FROM users
SELECT COUNT(DISTINCT word) FROM users
SELECT COUNT(country) FROM users
SELECT COUNT(DISTINCT country) FROM users
SELECT COUNT(born) FROM users
SELECT COUNT(DISTINCT born) FROM users
SELECT COUNT(seen) FROM users
SELECT COUNT(DISTINCT seen) FROM users
SELECT COUNT(changed) FROM users
SELECT COUNT(DISTINCT changed) FROM users
SELECT COUNT(alarm) FROM users
SELECT COUNT(DISTINCT alarm) FROM users
SELECT COUNT(kind) FROM users
SELECT COUNT(DISTINCT kind) FROM users
SELECT COUNT(flags) FROM users
SELECT COUNT(DISTINCT flags) FROM users
SELECT COUNT(raw) FROM users
SELECT COUNT(DISTINCT raw) FROM users
SELECT COUNT(active) FROM users
SELECT COUNT(DISTINCT active) FROM users
SELECT COUNT(note) FROM users
SELECT COUNT(DISTINCT note) FROM users
SELECT COUNT(bits) FROM users
SELECT COUNT(DISTINCT bits) FROM users
SELECT COUNT(doc) FROM users
SELECT COUNT(DISTINCT doc) FROM users
SELECT MIN(user_id), MAX(user_id) FROM users
SELECT MAX(user_id) FROM users WHERE user_id > 30
SELECT MIN(age), MAX(age) FROM users
SELECT MAX(age) FROM users WHERE user_id > 30
SELECT MIN(small), MAX(small) FROM users
SELECT MAX(small) FROM users WHERE user_id > 30
SELECT MIN(big), MAX(big) FROM users
SELECT MAX(big) FROM users WHERE user_id > 30
SELECT MIN(balance), MAX(balance) FROM users
SELECT MAX(balance) FROM users WHERE user_id > 30
SELECT MIN(ratio), MAX(ratio) FROM users
SELECT MAX(ratio) FROM users WHERE user_id > 30
SELECT MIN(score), MAX(score) FROM users
SELECT MAX(score) FROM users WHERE user_id > 30
SELECT MIN(y), MAX(y) FROM users
SELECT MAX(y) FROM users WHERE user_id > 30
SELECT MIN(name), MAX(name) FROM users
SELECT MAX(name) FROM users WHERE user_id > 30
SELECT MIN(code), MAX(code) FROM users
SELECT MAX(code) FROM users WHERE user_id > 30
SELECT MIN(nick), MAX(nick) FROM users
SELECT MAX(nick) FROM users WHERE user_id > 30
SELECT MIN(latin), MAX(latin) FROM users
SELECT MAX(latin) FROM users WHERE user_id > 30
SELECT MIN(word), MAX(word) FROM users
SELECT MAX(word) FROM users WHERE user_id > 30
SELECT MIN(country), MAX(country) FROM users
SELECT MAX(country) FROM users WHERE user_id > 30
SELECT MIN(born), MAX(born) FROM users
SELECT MAX(born) FROM users WHERE user_id > 30
SELECT MIN(seen), MAX(seen) FROM users
SELECT MAX(seen) FROM users WHERE user_id > 30
SELECT MIN(changed), MAX(changed) FROM users
SELECT MAX(changed) FROM users WHERE user_id > 30
SELECT MIN(alarm), MAX(alarm) FROM users
SELECT MAX(alarm) FROM users WHERE user_id > 30
SELECT MIN(kind), MAX(kind) FROM users
SELECT MAX(kind) FROM users WHERE user_id > 30
SELECT MIN(flags), MAX(flags) FROM users
SELECT MAX(flags) FROM users WHERE user_id > 30
SELECT MIN(raw), MAX(raw) FROM users
SELECT MAX(raw) FROM users WHERE user_id > 30
SELECT MIN(active), MAX(active) FROM users
SELECT MAX(active) FROM users WHERE user_id > 30
SELECT SUM(user_id), AVG(user_id) FROM users
SELECT SUM(DISTINCT user_id) FROM users
SELECT AVG(DISTINCT user_id) FROM users
SELECT SUM(-user_id) FROM users WHERE age > 10
SELECT SUM(user_id), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(user_id), 2) FROM users
SELECT SUM(user_id IS NULL), SUM(user_id > 3) FROM users
SELECT MAX(user_id) - MIN(user_id) FROM users
SELECT SUM(age), AVG(age) FROM users
SELECT SUM(DISTINCT age) FROM users
SELECT AVG(DISTINCT age) FROM users
SELECT SUM(-age) FROM users WHERE age > 10
SELECT SUM(age), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(age), 2) FROM users
SELECT SUM(age IS NULL), SUM(age > 3) FROM users
SELECT MAX(age) - MIN(age) FROM users
SELECT SUM(small), AVG(small) FROM users
SELECT SUM(DISTINCT small) FROM users
SELECT AVG(DISTINCT small) FROM users
SELECT SUM(-small) FROM users WHERE age > 10
SELECT SUM(small), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(small), 2) FROM users
SELECT SUM(small IS NULL), SUM(small > 3) FROM users
SELECT MAX(small) - MIN(small) FROM users
SELECT SUM(big), AVG(big) FROM users
SELECT SUM(DISTINCT big) FROM users
SELECT AVG(DISTINCT big) FROM users
SELECT SUM(big) FROM users WHERE age > 10
SELECT SUM(big), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(big), 2) FROM users
SELECT SUM(big IS NULL), SUM(big > 3) FROM users
SELECT MAX(big) - MIN(big) FROM users
SELECT SUM(balance), AVG(balance) FROM users
SELECT SUM(DISTINCT balance) FROM users
SELECT AVG(DISTINCT balance) FROM users
SELECT SUM(-balance) FROM users WHERE age > 10
SELECT SUM(balance), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(balance), 2) FROM users
SELECT SUM(balance IS NULL), SUM(balance > 3) FROM users
SELECT MAX(balance) - MIN(balance) FROM users
SELECT SUM(ratio), AVG(ratio) FROM users
SELECT SUM(DISTINCT ratio) FROM users
SELECT AVG(DISTINCT ratio) FROM users
SELECT SUM(-ratio) FROM users WHERE age > 10
SELECT SUM(ratio), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(ratio), 2) FROM users
SELECT SUM(ratio IS NULL), SUM(ratio > 3) FROM users
SELECT MAX(ratio) - MIN(ratio) FROM users
SELECT SUM(score), AVG(score) FROM users
SELECT SUM(DISTINCT score) FROM users
SELECT AVG(DISTINCT score) FROM users
SELECT SUM(-score) FROM users WHERE age > 10
SELECT SUM(score), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(score), 2) FROM users
SELECT SUM(score IS NULL), SUM(score > 3) FROM users
SELECT MAX(score) - MIN(score) FROM users
SELECT SUM(y), AVG(y) FROM users
SELECT SUM(DISTINCT y) FROM users
SELECT AVG(DISTINCT y) FROM users
SELECT SUM(-y) FROM users WHERE age > 10
SELECT SUM(y), COUNT(*) FROM users WHERE 1 = 0
SELECT ROUND(AVG(y), 2) FROM users
SELECT SUM(y IS NULL), SUM(y > 3) FROM users
SELECT MAX(y) - MIN(y) FROM users
SELECT BIT_AND(age) FROM users
SELECT BIT_OR(age) FROM users
SELECT BIT_XOR(age) FROM users
SELECT STD(age) FROM users
SELECT STDDEV(age) FROM users
SELECT STDDEV_POP(age) FROM users
SELECT STDDEV_SAMP(age) FROM users
SELECT VARIANCE(age) FROM users
SELECT VAR_POP(age) FROM users
SELECT VAR_SAMP(age) FROM users
SELECT BIT_AND(small) FROM users
SELECT BIT_OR(small) FROM users
SELECT BIT_XOR(small) FROM users
SELECT STD(small) FROM users
SELECT STDDEV(small) FROM users
SELECT STDDEV_POP(small) FROM users
SELECT STDDEV_SAMP(small) FROM users
SELECT VARIANCE(small) FROM users
SELECT VAR_POP(small) FROM users
SELECT VAR_SAMP(small) FROM users
SELECT BIT_AND(quantity) FROM orders
SELECT BIT_OR(quantity) FROM orders
SELECT BIT_XOR(quantity) FROM orders
SELECT STD(quantity) FROM orders
SELECT STDDEV(quantity) FROM orders
SELECT STDDEV_POP(quantity) FROM orders
SELECT STDDEV_SAMP(quantity) FROM orders
SELECT VARIANCE(quantity) FROM orders
SELECT VAR_POP(quantity) FROM orders
SELECT VAR_SAMP(quantity) FROM orders
-- inside expressions
SELECT SUM(amount) / COUNT(amount) + 1 FROM orders
SELECT SUM(amount) / COUNT(amount) + 1 FROM orders WHERE customer_id > 20
SELECT SUM(amount) / COUNT(amount) + 1 AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount) / 3 FROM orders
SELECT SUM(amount) / 3 FROM orders WHERE customer_id > 20
SELECT SUM(amount) / 3 AS x FROM orders WHERE status = 'none such'
SELECT COUNT(*) * 2 FROM orders
SELECT COUNT(*) * 2 FROM orders WHERE customer_id > 20
SELECT COUNT(*) * 2 AS x FROM orders WHERE status = 'none such'
SELECT COUNT(*) + COUNT(DISTINCT status) FROM orders
SELECT COUNT(*) + COUNT(DISTINCT status) FROM orders WHERE customer_id > 20
SELECT COUNT(*) + COUNT(DISTINCT status) AS x FROM orders WHERE status = 'none such'
SELECT ROUND(AVG(amount), 2) FROM orders
SELECT ROUND(AVG(amount), 2) FROM orders WHERE customer_id > 20
SELECT ROUND(AVG(amount), 2) AS x FROM orders WHERE status = 'none such'
SELECT ROUND(SUM(amount) / COUNT(*), 4) FROM orders
SELECT ROUND(SUM(amount) / COUNT(*), 4) FROM orders WHERE customer_id > 20
SELECT ROUND(SUM(amount) / COUNT(*), 4) AS x FROM orders WHERE status = 'none such'
SELECT IF(COUNT(*) > 100, 'many', 'few') FROM orders
SELECT IF(COUNT(*) > 100, 'many', 'few') FROM orders WHERE customer_id > 20
SELECT IF(COUNT(*) > 100, 'many', 'few') AS x FROM orders WHERE status = 'none such'
SELECT CASE WHEN SUM(amount) > 0 THEN MAX(amount) ELSE MIN(amount) END FROM orders
SELECT CASE WHEN SUM(amount) > 0 THEN MAX(amount) ELSE MIN(amount) END FROM orders WHERE customer_id > 20
SELECT CASE WHEN SUM(amount) > 0 THEN MAX(amount) ELSE MIN(amount) END AS x FROM orders WHERE status = 'none such'
SELECT COALESCE(SUM(quantity), 0) FROM orders
SELECT COALESCE(SUM(quantity), 0) FROM orders WHERE customer_id > 20
SELECT COALESCE(SUM(quantity), 0) AS x FROM orders WHERE status = 'none such'
SELECT IFNULL(MAX(placed), 'never') FROM orders
SELECT IFNULL(MAX(placed), 'never') FROM orders WHERE customer_id > 20
SELECT IFNULL(MAX(placed), 'never') AS x FROM orders WHERE status = 'none such'
SELECT GREATEST(MIN(amount), AVG(amount)) FROM orders
SELECT GREATEST(MIN(amount), AVG(amount)) FROM orders WHERE customer_id > 20
SELECT GREATEST(MIN(amount), AVG(amount)) AS x FROM orders WHERE status = 'none such'
SELECT -SUM(amount) FROM orders
SELECT -SUM(amount) FROM orders WHERE customer_id > 20
SELECT -SUM(amount) AS x FROM orders WHERE status = 'none such'
SELECT NOT COUNT(*) FROM orders
SELECT NOT COUNT(*) FROM orders WHERE customer_id > 20
SELECT NOT COUNT(*) AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount) > 10 FROM orders
SELECT SUM(amount) > 10 FROM orders WHERE customer_id > 20
SELECT SUM(amount) > 10 AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount * quantity) FROM orders
SELECT SUM(amount * quantity) FROM orders WHERE customer_id > 20
SELECT SUM(amount * quantity) AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount / 3) FROM orders
SELECT SUM(amount / 3) FROM orders WHERE customer_id > 20
SELECT SUM(amount / 3) AS x FROM orders WHERE status = 'none such'
SELECT AVG(amount / 7) FROM orders
SELECT AVG(amount / 7) FROM orders WHERE customer_id > 20
SELECT AVG(amount / 7) AS x FROM orders WHERE status = 'none such'
SELECT SUM(quantity DIV 2) FROM orders
SELECT SUM(quantity DIV 2) FROM orders WHERE customer_id > 20
SELECT SUM(quantity DIV 2) AS x FROM orders WHERE status = 'none such'
SELECT SUM(IF(status = 'paid', amount, 0)) FROM orders
SELECT SUM(IF(status = 'paid', amount, 0)) FROM orders WHERE customer_id > 20
SELECT SUM(IF(status = 'paid', amount, 0)) AS x FROM orders WHERE status = 'none such'
SELECT COUNT(IF(status = 'paid', 1, NULL)) FROM orders
SELECT COUNT(IF(status = 'paid', 1, NULL)) FROM orders WHERE customer_id > 20
SELECT COUNT(IF(status = 'paid', 1, NULL)) AS x FROM orders WHERE status = 'none such'
SELECT SUM(CASE WHEN product_id IS NULL THEN 1 ELSE 0 END) FROM orders
SELECT SUM(CASE WHEN product_id IS NULL THEN 1 ELSE 0 END) FROM orders WHERE customer_id > 20
SELECT SUM(CASE WHEN product_id IS NULL THEN 1 ELSE 0 END) AS x FROM orders WHERE status = 'none such'
SELECT COUNT(DISTINCT product_id, status) FROM orders
SELECT COUNT(DISTINCT product_id, status) FROM orders WHERE customer_id > 20
SELECT COUNT(DISTINCT product_id, status) AS x FROM orders WHERE status = 'none such'
SELECT MAX(LENGTH(status)) FROM orders
SELECT MAX(LENGTH(status)) FROM orders WHERE customer_id > 20
SELECT MAX(LENGTH(status)) AS x FROM orders WHERE status = 'none such'
SELECT MIN(CONCAT(status, '-', product_id)) FROM orders
SELECT MIN(CONCAT(status, '-', product_id)) FROM orders WHERE customer_id > 20
SELECT MIN(CONCAT(status, '-', product_id)) AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount) + SUM(quantity) FROM orders
SELECT SUM(amount) + SUM(quantity) FROM orders WHERE customer_id > 20
SELECT SUM(amount) + SUM(quantity) AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount) * AVG(quantity) FROM orders
SELECT SUM(amount) * AVG(quantity) FROM orders WHERE customer_id > 20
SELECT SUM(amount) * AVG(quantity) AS x FROM orders WHERE status = 'none such'
SELECT AVG(amount) - AVG(quantity) FROM orders
SELECT AVG(amount) - AVG(quantity) FROM orders WHERE customer_id > 20
SELECT AVG(amount) - AVG(quantity) AS x FROM orders WHERE status = 'none such'
SELECT SUM(DISTINCT quantity) / COUNT(DISTINCT quantity) FROM orders
SELECT SUM(DISTINCT quantity) / COUNT(DISTINCT quantity) FROM orders WHERE customer_id > 20
SELECT SUM(DISTINCT quantity) / COUNT(DISTINCT quantity) AS x FROM orders WHERE status = 'none such'
SELECT FORMAT(SUM(amount), 2) FROM orders
SELECT FORMAT(SUM(amount), 2) FROM orders WHERE customer_id > 20
SELECT FORMAT(SUM(amount), 2) AS x FROM orders WHERE status = 'none such'
SELECT CAST(SUM(amount) AS SIGNED) FROM orders
SELECT CAST(SUM(amount) AS SIGNED) FROM orders WHERE customer_id > 20
SELECT CAST(SUM(amount) AS SIGNED) AS x FROM orders WHERE status = 'none such'
SELECT CONCAT('n=', COUNT(*)) FROM orders
SELECT CONCAT('n=', COUNT(*)) FROM orders WHERE customer_id > 20
SELECT CONCAT('n=', COUNT(*)) AS x FROM orders WHERE status = 'none such'
SELECT SUM(quantity) % 7 FROM orders
SELECT SUM(quantity) % 7 FROM orders WHERE customer_id > 20
SELECT SUM(quantity) % 7 AS x FROM orders WHERE status = 'none such'
SELECT SUM(amount) DIV 10 FROM orders
SELECT SUM(amount) DIV 10 FROM orders WHERE customer_id > 20
SELECT SUM(amount) DIV 10 AS x FROM orders WHERE status = 'none such'
SELECT ABS(MIN(amount)) FROM orders
SELECT ABS(MIN(amount)) FROM orders WHERE customer_id > 20
SELECT ABS(MIN(amount)) AS x FROM orders WHERE status = 'none such'
SELECT MAX(amount) IS NULL FROM orders
SELECT MAX(amount) IS NULL FROM orders WHERE customer_id > 20
SELECT MAX(amount) IS NULL AS x FROM orders WHERE status = 'none such'
SELECT SUM(customer_id) FROM orders
SELECT SUM(customer_id) FROM orders WHERE customer_id > 20
SELECT SUM(customer_id) AS x FROM orders WHERE status = 'none such'
SELECT AVG(customer_id) FROM orders
SELECT AVG(customer_id) FROM orders WHERE customer_id > 20
SELECT AVG(customer_id) AS x FROM orders WHERE status = 'none such'
SELECT SUM(quantity) << 2 FROM orders
SELECT SUM(quantity) << 2 FROM orders WHERE customer_id > 20
SELECT SUM(quantity) << 2 AS x FROM orders WHERE status = 'none such'
SELECT POW(COUNT(*), 2) FROM orders
SELECT POW(COUNT(*), 2) FROM orders WHERE customer_id > 20
SELECT POW(COUNT(*), 2) AS x FROM orders WHERE status = 'none such'
SELECT DATEDIFF(MAX(placed), MIN(placed)) FROM orders
SELECT DATEDIFF(MAX(placed), MIN(placed)) FROM orders WHERE customer_id > 20
SELECT DATEDIFF(MAX(placed), MIN(placed)) AS x FROM orders WHERE status = 'none such'
SELECT YEAR(MAX(placed)) FROM orders
SELECT YEAR(MAX(placed)) FROM orders WHERE customer_id > 20
SELECT YEAR(MAX(placed)) AS x FROM orders WHERE status = 'none such'
SELECT BIT_OR(quantity) & 6 FROM orders
SELECT BIT_OR(quantity) & 6 FROM orders WHERE customer_id > 20
SELECT BIT_OR(quantity) & 6 AS x FROM orders WHERE status = 'none such'
SELECT COUNT(1) FROM orders
SELECT COUNT(1) FROM orders WHERE customer_id > 20
SELECT COUNT(1) AS x FROM orders WHERE status = 'none such'
SELECT COUNT('x') FROM orders
SELECT COUNT('x') FROM orders WHERE customer_id > 20
SELECT COUNT('x') AS x FROM orders WHERE status = 'none such'
SELECT COUNT(NULL) FROM orders
SELECT COUNT(NULL) FROM orders WHERE customer_id > 20
SELECT COUNT(NULL) AS x FROM orders WHERE status = 'none such'
SELECT SUM(NULL) FROM orders
SELECT SUM(NULL) FROM orders WHERE customer_id > 20
SELECT SUM(NULL) AS x FROM orders WHERE status = 'none such'
SELECT SUM('3') FROM orders
SELECT SUM('3') FROM orders WHERE customer_id > 20
SELECT SUM('3') AS x FROM orders WHERE status = 'none such'
SELECT MAX(7) FROM orders
SELECT MAX(7) FROM orders WHERE customer_id > 20
SELECT MAX(7) AS x FROM orders WHERE status = 'none such'
SELECT SUM(1) FROM orders
SELECT SUM(1) FROM orders WHERE customer_id > 20
SELECT SUM(1) AS x FROM orders WHERE status = 'none such'
SELECT MIN(NULL) FROM orders
SELECT MIN(NULL) FROM orders WHERE customer_id > 20
SELECT MIN(NULL) AS x FROM orders WHERE status = 'none such'
SELECT AVG(1) FROM orders
SELECT AVG(1) FROM orders WHERE customer_id > 20
SELECT AVG(1) AS x FROM orders WHERE status = 'none such'
SELECT SUM(1.50) FROM orders
SELECT SUM(1.50) FROM orders WHERE customer_id > 20
SELECT SUM(1.50) AS x FROM orders WHERE status = 'none such'
-- lists, and nothing to add up
SELECT GROUP_CONCAT(tag ORDER BY tag, user_id) FROM tags WHERE user_id < 20
SELECT GROUP_CONCAT(DISTINCT tag ORDER BY tag DESC SEPARATOR '/') FROM tags
SELECT GROUP_CONCAT(user_id ORDER BY age, user_id) FROM users WHERE user_id < 50
SELECT GROUP_CONCAT(user_id, ':', age ORDER BY user_id) FROM users WHERE age > 50
SELECT GROUP_CONCAT(v ORDER BY v) FROM few
SELECT GROUP_CONCAT(v) FROM vacant
SELECT COUNT(*), SUM(v), MIN(v), MAX(v), AVG(v), COUNT(DISTINCT v) FROM vacant
SELECT COUNT(*), SUM(v), MIN(t), AVG(v) FROM vacant WHERE id > 0
SELECT COUNT(*), AVG(v) FROM few
SELECT SUM(v) FROM events
SELECT AVG(v), MIN(v), MAX(v) FROM events
SELECT COUNT(*) FROM products
SELECT SUM(price), AVG(price), MIN(title), MAX(category) FROM products
SELECT COUNT(*) FROM settings
SELECT COUNT(*), COUNT(DISTINCT country), COUNT(DISTINCT age), SUM(DISTINCT small) FROM users
SELECT COUNT(*) c, SUM(balance) s, AVG(score) a FROM users HAVING c > 5
SELECT COUNT(*) FROM users HAVING COUNT(*) > 100000
SELECT COUNT(*) FROM users LIMIT 0
SELECT COUNT(*) FROM users LIMIT 1
SELECT COUNT(*) FROM users LIMIT 1, 1
SELECT count( * ) , Sum( balance ) FROM users
SELECT COUNT(*), (SELECT COUNT(*) FROM orders) FROM users
SELECT JSON_ARRAYAGG(v) FROM few WHERE id = 1
SELECT MIN(user_id) FROM users WHERE name = 'nobody'
