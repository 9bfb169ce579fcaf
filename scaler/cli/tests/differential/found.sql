-- What once differed, found by the generator or by hand.
SELECT 1 FROM DUAL
SELECT (SELECT MAX(s.v) FROM events s WHERE s.k = a.id) FROM vacant a
SELECT (SELECT COUNT(*) FROM vacant s WHERE s.id = b.user_id) FROM products a JOIN tags b ON b.user_id = a.product_id UNION SELECT a.price FROM products a
WITH picked AS (SELECT a.t, a.id, a.t FROM vacant a) SELECT COALESCE(a.v, 0), a.v FROM events a WHERE a.v > 11 AND a.k = 'none'
SELECT user_id, age FROM users HAVING age > 5 ORDER BY user_id
SELECT age FROM users HAVING age > 5
SELECT DISTINCT age FROM users HAVING age > 5
SELECT u.user_id, u.name, SUM(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id GROUP BY u.user_id
SELECT b.user_id FROM orders a LEFT JOIN tags b ON b.user_id = a.order_id LEFT JOIN orders c ON c.product_id = b.user_id WHERE c.customer_id BETWEEN 0 AND 145 GROUP BY b.user_id
SELECT COUNT(DISTINCT BINARY note), COUNT(DISTINCT note), COUNT(*) FROM users
SELECT HEX(note), COUNT(*) FROM users GROUP BY HEX(note)
SELECT LENGTH(note) n, COUNT(*) FROM users GROUP BY n ORDER BY n
SELECT (SELECT SUM(u.age)) FROM users u
SELECT user_id, (SELECT COUNT(age)) FROM users GROUP BY user_id ORDER BY user_id
SELECT u.user_id FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND o.amount > 900 WHERE o.amount IS NULL ORDER BY 1
SELECT u.user_id, p.title FROM products p LEFT JOIN users u ON u.small = p.product_id AND u.age > 100 ORDER BY 2, 1
