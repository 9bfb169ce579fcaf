SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id)
SELECT u.country, COUNT(*) FROM users u WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) GROUP BY u.country
SELECT u.user_id, NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id AND o.amount > 500) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id AND o.amount > 500)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id AND o.amount > 500) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id AND o.amount > 500) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.quantity = u.age) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.quantity = u.age)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.quantity = u.age) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM orders o WHERE o.quantity = u.age) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT customer_id FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id NOT IN (SELECT customer_id FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id NOT IN (SELECT customer_id FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id NOT IN (SELECT customer_id FROM orders) GROUP BY u.country
SELECT u.user_id, u.user_id NOT IN (SELECT customer_id FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders WHERE status = 'open') ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders WHERE status = 'open')
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders WHERE status = 'open') GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT customer_id FROM orders WHERE status = 'open') AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age IN (SELECT quantity FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age IN (SELECT quantity FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE u.age IN (SELECT quantity FROM orders) GROUP BY u.country
SELECT u.user_id, u.age IN (SELECT quantity FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders) GROUP BY u.country
SELECT u.user_id, u.age NOT IN (SELECT quantity FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders WHERE quantity IS NOT NULL) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders WHERE quantity IS NOT NULL)
SELECT u.country, COUNT(*) FROM users u WHERE u.age NOT IN (SELECT quantity FROM orders WHERE quantity IS NOT NULL) GROUP BY u.country
SELECT u.user_id, u.age NOT IN (SELECT quantity FROM orders WHERE quantity IS NOT NULL) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.small IN (SELECT product_id FROM products) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.small IN (SELECT product_id FROM products)
SELECT u.country, COUNT(*) FROM users u WHERE u.small IN (SELECT product_id FROM products) GROUP BY u.country
SELECT u.user_id, u.small IN (SELECT product_id FROM products) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT user_id FROM tags WHERE tag = 'red') ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT user_id FROM tags WHERE tag = 'red')
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT user_id FROM tags WHERE tag = 'red') GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT user_id FROM tags WHERE tag = 'red') AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT id FROM few) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT id FROM few)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT id FROM few) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT id FROM few) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT id FROM vacant) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT id FROM vacant)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT id FROM vacant) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT id FROM vacant) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age > (SELECT AVG(age) FROM users) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age > (SELECT AVG(age) FROM users)
SELECT u.country, COUNT(*) FROM users u WHERE u.age > (SELECT AVG(age) FROM users) GROUP BY u.country
SELECT u.user_id, u.age > (SELECT AVG(age) FROM users) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age = (SELECT MAX(age) FROM users) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age = (SELECT MAX(age) FROM users)
SELECT u.country, COUNT(*) FROM users u WHERE u.age = (SELECT MAX(age) FROM users) GROUP BY u.country
SELECT u.user_id, u.age = (SELECT MAX(age) FROM users) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.balance < (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.balance < (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id)
SELECT u.country, COUNT(*) FROM users u WHERE u.balance < (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id) GROUP BY u.country
SELECT u.user_id, u.balance < (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) > 2 ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) > 2
SELECT u.country, COUNT(*) FROM users u WHERE (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) > 2 GROUP BY u.country
SELECT u.user_id, (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) > 2 AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE (SELECT COUNT(*) FROM tags t WHERE t.user_id = u.user_id) = 0 ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE (SELECT COUNT(*) FROM tags t WHERE t.user_id = u.user_id) = 0
SELECT u.country, COUNT(*) FROM users u WHERE (SELECT COUNT(*) FROM tags t WHERE t.user_id = u.user_id) = 0 GROUP BY u.country
SELECT u.user_id, (SELECT COUNT(*) FROM tags t WHERE t.user_id = u.user_id) = 0 AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age > ALL (SELECT quantity FROM orders WHERE quantity IS NOT NULL) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age > ALL (SELECT quantity FROM orders WHERE quantity IS NOT NULL)
SELECT u.country, COUNT(*) FROM users u WHERE u.age > ALL (SELECT quantity FROM orders WHERE quantity IS NOT NULL) GROUP BY u.country
SELECT u.user_id, u.age > ALL (SELECT quantity FROM orders WHERE quantity IS NOT NULL) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age > ANY (SELECT quantity FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age > ANY (SELECT quantity FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE u.age > ANY (SELECT quantity FROM orders) GROUP BY u.country
SELECT u.user_id, u.age > ANY (SELECT quantity FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age = SOME (SELECT v FROM few) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age = SOME (SELECT v FROM few)
SELECT u.country, COUNT(*) FROM users u WHERE u.age = SOME (SELECT v FROM few) GROUP BY u.country
SELECT u.user_id, u.age = SOME (SELECT v FROM few) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age <> ALL (SELECT v FROM vacant) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age <> ALL (SELECT v FROM vacant)
SELECT u.country, COUNT(*) FROM users u WHERE u.age <> ALL (SELECT v FROM vacant) GROUP BY u.country
SELECT u.user_id, u.age <> ALL (SELECT v FROM vacant) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE (u.user_id, u.small) IN (SELECT customer_id, product_id FROM orders) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE (u.user_id, u.small) IN (SELECT customer_id, product_id FROM orders)
SELECT u.country, COUNT(*) FROM users u WHERE (u.user_id, u.small) IN (SELECT customer_id, product_id FROM orders) GROUP BY u.country
SELECT u.user_id, (u.user_id, u.small) IN (SELECT customer_id, product_id FROM orders) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.country = (SELECT country FROM users v WHERE v.user_id = 1) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.country = (SELECT country FROM users v WHERE v.user_id = 1)
SELECT u.country, COUNT(*) FROM users u WHERE u.country = (SELECT country FROM users v WHERE v.user_id = 1) GROUP BY u.country
SELECT u.user_id, u.country = (SELECT country FROM users v WHERE v.user_id = 1) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.age > (SELECT AVG(v.age) FROM users v WHERE v.country = u.country) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.age > (SELECT AVG(v.age) FROM users v WHERE v.country = u.country)
SELECT u.country, COUNT(*) FROM users u WHERE u.age > (SELECT AVG(v.age) FROM users v WHERE v.country = u.country) GROUP BY u.country
SELECT u.user_id, u.age > (SELECT AVG(v.age) FROM users v WHERE v.country = u.country) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id = (SELECT MIN(v.user_id) FROM users v WHERE v.country = u.country) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id = (SELECT MIN(v.user_id) FROM users v WHERE v.country = u.country)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id = (SELECT MIN(v.user_id) FROM users v WHERE v.country = u.country) GROUP BY u.country
SELECT u.user_id, u.user_id = (SELECT MIN(v.user_id) FROM users v WHERE v.country = u.country) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM tags t JOIN orders o ON o.customer_id = t.user_id WHERE t.user_id = u.user_id) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM tags t JOIN orders o ON o.customer_id = t.user_id WHERE t.user_id = u.user_id)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM tags t JOIN orders o ON o.customer_id = t.user_id WHERE t.user_id = u.user_id) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM tags t JOIN orders o ON o.customer_id = t.user_id WHERE t.user_id = u.user_id) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM products p WHERE p.title = u.name) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM products p WHERE p.title = u.name)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM products p WHERE p.title = u.name) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM products p WHERE p.title = u.name) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE EXISTS (SELECT 1 FROM settings s WHERE s.id = u.small) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE EXISTS (SELECT 1 FROM settings s WHERE s.id = u.small)
SELECT u.country, COUNT(*) FROM users u WHERE EXISTS (SELECT 1 FROM settings s WHERE s.id = u.small) GROUP BY u.country
SELECT u.user_id, EXISTS (SELECT 1 FROM settings s WHERE s.id = u.small) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT o.customer_id FROM orders o WHERE o.product_id IN (SELECT product_id FROM products WHERE price > 10)) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT o.customer_id FROM orders o WHERE o.product_id IN (SELECT product_id FROM products WHERE price > 10))
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT o.customer_id FROM orders o WHERE o.product_id IN (SELECT product_id FROM products WHERE price > 10)) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT o.customer_id FROM orders o WHERE o.product_id IN (SELECT product_id FROM products WHERE price > 10)) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE NOT (u.user_id IN (SELECT customer_id FROM orders) AND u.age > 3) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE NOT (u.user_id IN (SELECT customer_id FROM orders) AND u.age > 3)
SELECT u.country, COUNT(*) FROM users u WHERE NOT (u.user_id IN (SELECT customer_id FROM orders) AND u.age > 3) GROUP BY u.country
SELECT u.user_id, NOT (u.user_id IN (SELECT customer_id FROM orders) AND u.age > 3) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 3) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 3)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 3) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 3) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders UNION SELECT user_id FROM tags) ORDER BY 1
SELECT COUNT(*), SUM(u.balance) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders UNION SELECT user_id FROM tags)
SELECT u.country, COUNT(*) FROM users u WHERE u.user_id IN (SELECT customer_id FROM orders UNION SELECT user_id FROM tags) GROUP BY u.country
SELECT u.user_id, u.user_id IN (SELECT customer_id FROM orders UNION SELECT user_id FROM tags) AS x FROM users u WHERE u.user_id < 40 ORDER BY 1
SELECT u.user_id, (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) IS NULL) FROM users u
SELECT u.user_id, (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id AND o.status = 'paid') FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id AND o.status = 'paid') AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT SUM(amount) FROM orders o WHERE o.customer_id = u.user_id AND o.status = 'paid') IS NULL) FROM users u
SELECT u.user_id, (SELECT MAX(o.placed) FROM orders o WHERE o.customer_id = u.user_id) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT MAX(o.placed) FROM orders o WHERE o.customer_id = u.user_id) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT MAX(o.placed) FROM orders o WHERE o.customer_id = u.user_id) IS NULL) FROM users u
SELECT u.user_id, (SELECT COUNT(*) FROM orders) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT COUNT(*) FROM orders) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT COUNT(*) FROM orders) IS NULL) FROM users u
SELECT u.user_id, (SELECT title FROM products WHERE product_id = u.small) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT title FROM products WHERE product_id = u.small) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT title FROM products WHERE product_id = u.small) IS NULL) FROM users u
SELECT u.user_id, (SELECT v FROM settings WHERE id = u.small) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT v FROM settings WHERE id = u.small) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT v FROM settings WHERE id = u.small) IS NULL) FROM users u
SELECT u.user_id, (SELECT GROUP_CONCAT(tag ORDER BY tag) FROM tags t WHERE t.user_id = u.user_id) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT GROUP_CONCAT(tag ORDER BY tag) FROM tags t WHERE t.user_id = u.user_id) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT GROUP_CONCAT(tag ORDER BY tag) FROM tags t WHERE t.user_id = u.user_id) IS NULL) FROM users u
SELECT u.user_id, (SELECT COUNT(*) FROM users v WHERE v.age < u.age) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT COUNT(*) FROM users v WHERE v.age < u.age) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT COUNT(*) FROM users v WHERE v.age < u.age) IS NULL) FROM users u
SELECT u.user_id, (SELECT v FROM few WHERE id = 1) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT v FROM few WHERE id = 1) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT v FROM few WHERE id = 1) IS NULL) FROM users u
SELECT u.user_id, (SELECT MIN(id) FROM vacant) FROM users u ORDER BY u.user_id LIMIT 30
SELECT u.user_id, (SELECT MIN(id) FROM vacant) AS x FROM users u ORDER BY x DESC, u.user_id LIMIT 12
SELECT SUM((SELECT MIN(id) FROM vacant) IS NULL) FROM users u
SELECT t.c, COUNT(*) FROM (SELECT country c, age FROM users WHERE age > 3) t GROUP BY t.c ORDER BY 1
SELECT AVG(n) FROM (SELECT COUNT(*) n FROM orders GROUP BY customer_id) t
SELECT * FROM (SELECT user_id, age FROM users ORDER BY age DESC, user_id LIMIT 5) t ORDER BY 2, 1
SELECT COUNT(*) FROM (SELECT 1 FROM users) t
SELECT t.* FROM (SELECT user_id, name FROM users WHERE user_id = 3) t
SELECT * FROM (SELECT * FROM few) t ORDER BY id
SELECT MAX(a) FROM (SELECT MAX(age) a FROM users GROUP BY country) t
SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM orders)
SELECT EXISTS (SELECT 1 FROM vacant), EXISTS (SELECT 1 FROM few)
SELECT country FROM users GROUP BY country HAVING COUNT(*) > (SELECT COUNT(*) FROM few) ORDER BY 1
SELECT user_id FROM users ORDER BY (SELECT COUNT(*) FROM orders o WHERE o.customer_id = users.user_id) DESC, user_id LIMIT 5
SELECT d.country, d.n FROM (SELECT country, COUNT(*) n FROM users GROUP BY country HAVING n > 10) d ORDER BY 1
SELECT COUNT(*) FROM users WHERE (SELECT 1)
SELECT user_id FROM users WHERE age = (SELECT age FROM users WHERE user_id = 99999)
SELECT a.user_id FROM (SELECT user_id FROM users WHERE age > 30) a WHERE a.user_id NOT IN (SELECT b.customer_id FROM (SELECT customer_id FROM orders WHERE amount > 100) b) ORDER BY 1
SELECT x.s FROM (SELECT status s, COUNT(*) c FROM orders GROUP BY status) x WHERE x.c = (SELECT MAX(y.c) FROM (SELECT COUNT(*) c FROM orders GROUP BY status) y) ORDER BY 1
