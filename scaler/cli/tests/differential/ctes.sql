WITH a AS (SELECT * FROM users WHERE age > 10) SELECT COUNT(*) FROM a
WITH a AS (SELECT user_id, age FROM users) SELECT age, COUNT(*) FROM a GROUP BY age ORDER BY age
WITH a (x, y) AS (SELECT user_id, age FROM users) SELECT x FROM a WHERE y > 40 ORDER BY x
WITH a AS (SELECT customer_id c, SUM(amount) s FROM orders GROUP BY customer_id) SELECT u.user_id, a.s FROM users u JOIN a ON a.c = u.user_id ORDER BY 1
WITH a AS (SELECT customer_id c, SUM(amount) s FROM orders GROUP BY customer_id) SELECT u.user_id, a.s FROM users u LEFT JOIN a ON a.c = u.user_id ORDER BY 1
WITH a AS (SELECT 1 n), b AS (SELECT n + 1 m FROM a) SELECT m FROM b
WITH a AS (SELECT user_id FROM users WHERE age > 20), b AS (SELECT customer_id FROM orders WHERE amount > 100) SELECT COUNT(*) FROM a JOIN b ON a.user_id = b.customer_id
WITH a AS (SELECT country, COUNT(*) n FROM users GROUP BY country) SELECT MAX(n) FROM a
WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n ORDER BY i
WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT n.i, COUNT(u.user_id) FROM n LEFT JOIN users u ON u.user_id = n.i GROUP BY n.i ORDER BY 1
WITH RECURSIVE n AS (SELECT MIN(order_id) i FROM orders UNION ALL SELECT i + 1 FROM n WHERE i < 6) SELECT COUNT(*), SUM(i) FROM n
WITH a AS (SELECT user_id FROM users WHERE user_id < 20) SELECT * FROM a WHERE user_id IN (SELECT customer_id FROM orders) ORDER BY 1
WITH a AS (SELECT status, amount FROM orders) SELECT status, MAX(amount) FROM a GROUP BY status HAVING MAX(amount) > 50 ORDER BY 1
WITH top AS (SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 5) SELECT COUNT(*) FROM top JOIN tags USING (user_id)
SELECT * FROM (WITH a AS (SELECT v FROM few) SELECT COUNT(*) c FROM a) t
WITH a AS (SELECT user_id, country FROM users), b AS (SELECT country, COUNT(*) n FROM a GROUP BY country) SELECT b.n FROM b ORDER BY 1
WITH a AS (SELECT DISTINCT product_id FROM orders) SELECT p.title FROM products p JOIN a ON a.product_id = p.product_id ORDER BY 1
WITH a AS (SELECT 7 AS user_id) SELECT u.name FROM users u JOIN a USING (user_id)
WITH a AS (SELECT * FROM orders WHERE customer_id = 3) SELECT COUNT(*), SUM(amount) FROM a
WITH a AS (SELECT * FROM vacant) SELECT COUNT(*) FROM a
WITH g AS (SELECT country, COUNT(*) n, AVG(balance) b FROM users GROUP BY country) SELECT country, n FROM g ORDER BY n DESC, country LIMIT 3
WITH g AS (SELECT country FROM users WHERE country IS NOT NULL), h AS (SELECT country, COUNT(*) n FROM g GROUP BY country) SELECT SUM(n), MAX(n) FROM h
WITH a AS (SELECT user_id, country FROM users WHERE user_id < 50), b AS (SELECT user_id, tag FROM tags) SELECT a.country, COUNT(b.tag) FROM a LEFT JOIN b ON b.user_id = a.user_id GROUP BY a.country ORDER BY 1
WITH g AS (SELECT kind, COUNT(*) n, AVG(balance) b FROM users GROUP BY kind) SELECT kind, n FROM g ORDER BY n DESC, kind LIMIT 3
WITH g AS (SELECT kind FROM users WHERE kind IS NOT NULL), h AS (SELECT kind, COUNT(*) n FROM g GROUP BY kind) SELECT SUM(n), MAX(n) FROM h
WITH a AS (SELECT user_id, kind FROM users WHERE user_id < 50), b AS (SELECT user_id, tag FROM tags) SELECT a.kind, COUNT(b.tag) FROM a LEFT JOIN b ON b.user_id = a.user_id GROUP BY a.kind ORDER BY 1
WITH g AS (SELECT age, COUNT(*) n, AVG(balance) b FROM users GROUP BY age) SELECT age, n FROM g ORDER BY n DESC, age LIMIT 3
WITH g AS (SELECT age FROM users WHERE age IS NOT NULL), h AS (SELECT age, COUNT(*) n FROM g GROUP BY age) SELECT SUM(n), MAX(n) FROM h
WITH a AS (SELECT user_id, age FROM users WHERE user_id < 50), b AS (SELECT user_id, tag FROM tags) SELECT a.age, COUNT(b.tag) FROM a LEFT JOIN b ON b.user_id = a.user_id GROUP BY a.age ORDER BY 1
WITH g AS (SELECT nick, COUNT(*) n, AVG(balance) b FROM users GROUP BY nick) SELECT nick, n FROM g ORDER BY n DESC, nick LIMIT 3
WITH g AS (SELECT nick FROM users WHERE nick IS NOT NULL), h AS (SELECT nick, COUNT(*) n FROM g GROUP BY nick) SELECT SUM(n), MAX(n) FROM h
WITH a AS (SELECT user_id, nick FROM users WHERE user_id < 50), b AS (SELECT user_id, tag FROM tags) SELECT a.nick, COUNT(b.tag) FROM a LEFT JOIN b ON b.user_id = a.user_id GROUP BY a.nick ORDER BY 1
WITH g AS (SELECT active, COUNT(*) n, AVG(balance) b FROM users GROUP BY active) SELECT active, n FROM g ORDER BY n DESC, active LIMIT 3
WITH g AS (SELECT active FROM users WHERE active IS NOT NULL), h AS (SELECT active, COUNT(*) n FROM g GROUP BY active) SELECT SUM(n), MAX(n) FROM h
WITH a AS (SELECT user_id, active FROM users WHERE user_id < 50), b AS (SELECT user_id, tag FROM tags) SELECT a.active, COUNT(b.tag) FROM a LEFT JOIN b ON b.user_id = a.user_id GROUP BY a.active ORDER BY 1
