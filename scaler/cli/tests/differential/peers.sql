-- What other routers get silently wrong (notes, "What the alternatives reach").
SELECT COUNT(*) FROM (SELECT DISTINCT country FROM users) t
SELECT COUNT(*) FROM (SELECT DISTINCT product_id, status FROM orders) t
WITH big AS (SELECT customer_id, SUM(amount) s FROM orders GROUP BY customer_id) SELECT a.customer_id, a.s FROM big a JOIN big b ON a.s = b.s ORDER BY 1
SELECT MAX(s) FROM (SELECT status, SUM(amount) s FROM orders GROUP BY status) t
SELECT MAX(c) FROM (SELECT country, COUNT(*) c FROM users GROUP BY country) t
SELECT user_id FROM users WHERE age < 10 UNION SELECT customer_id FROM orders WHERE quantity > 7 ORDER BY 1 DESC LIMIT 5
SELECT GROUP_CONCAT(user_id ORDER BY user_id DESC) FROM users WHERE age > 50
SELECT GROUP_CONCAT(DISTINCT country ORDER BY country SEPARATOR '; ') FROM users
SELECT status, GROUP_CONCAT(DISTINCT product_id ORDER BY product_id DESC SEPARATOR '|') FROM orders GROUP BY status
SELECT COUNT(DISTINCT country), COUNT(DISTINCT age) FROM users
SELECT AVG(DISTINCT age), SUM(DISTINCT age) FROM users
SELECT STDDEV(age), VAR_SAMP(age) FROM users
SELECT BIT_OR(age), BIT_AND(quantity), BIT_XOR(order_id) FROM orders JOIN users ON user_id = customer_id
SELECT country, COUNT(*) FROM users WHERE country IS NOT NULL GROUP BY country WITH ROLLUP
select country, count(*), sum(balance) from users group by country
SELECT user_id, RANK() OVER (ORDER BY age DESC, user_id) FROM users WHERE age > 30
SELECT user_id FROM users u WHERE age > (SELECT AVG(age) FROM users v WHERE v.country = u.country)
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON o.product_id = u.small
SELECT SUM(amount) / COUNT(*) FROM orders
SELECT country, AVG(age) FROM users GROUP BY country HAVING COUNT(*) > 5
