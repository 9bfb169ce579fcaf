SELECT user_id, ROW_NUMBER() OVER (ORDER BY age, user_id) FROM users ORDER BY user_id
SELECT user_id, ROW_NUMBER() OVER (ORDER BY age, user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT ROW_NUMBER() OVER (ORDER BY age, user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, ROW_NUMBER() OVER (ORDER BY age, user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, RANK() OVER (ORDER BY age) FROM users ORDER BY user_id
SELECT user_id, RANK() OVER (ORDER BY age) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT RANK() OVER (ORDER BY age) AS w FROM users) t WHERE t.w > 3
SELECT user_id, RANK() OVER (ORDER BY age) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, DENSE_RANK() OVER (ORDER BY country) FROM users ORDER BY user_id
SELECT user_id, DENSE_RANK() OVER (ORDER BY country) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT DENSE_RANK() OVER (ORDER BY country) AS w FROM users) t WHERE t.w > 3
SELECT user_id, DENSE_RANK() OVER (ORDER BY country) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, NTILE(4) OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, NTILE(4) OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT NTILE(4) OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, NTILE(4) OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, SUM(age) OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, SUM(age) OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT SUM(age) OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, SUM(age) OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, COUNT(*) OVER (PARTITION BY country) FROM users ORDER BY user_id
SELECT user_id, COUNT(*) OVER (PARTITION BY country) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT COUNT(*) OVER (PARTITION BY country) AS w FROM users) t WHERE t.w > 3
SELECT user_id, COUNT(*) OVER (PARTITION BY country) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, AVG(age) OVER (PARTITION BY kind) FROM users ORDER BY user_id
SELECT user_id, AVG(age) OVER (PARTITION BY kind) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT AVG(age) OVER (PARTITION BY kind) AS w FROM users) t WHERE t.w > 3
SELECT user_id, AVG(age) OVER (PARTITION BY kind) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, LAG(age) OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, LAG(age) OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT LAG(age) OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, LAG(age) OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, LEAD(name, 2) OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, LEAD(name, 2) OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT LEAD(name, 2) OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, LEAD(name, 2) OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, FIRST_VALUE(user_id) OVER (PARTITION BY country ORDER BY age, user_id) FROM users ORDER BY user_id
SELECT user_id, FIRST_VALUE(user_id) OVER (PARTITION BY country ORDER BY age, user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT FIRST_VALUE(user_id) OVER (PARTITION BY country ORDER BY age, user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, FIRST_VALUE(user_id) OVER (PARTITION BY country ORDER BY age, user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, SUM(age) OVER (ORDER BY user_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM users ORDER BY user_id
SELECT user_id, SUM(age) OVER (ORDER BY user_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT SUM(age) OVER (ORDER BY user_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS w FROM users) t WHERE t.w > 3
SELECT user_id, SUM(age) OVER (ORDER BY user_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, MAX(balance) OVER () FROM users ORDER BY user_id
SELECT user_id, MAX(balance) OVER () AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT MAX(balance) OVER () AS w FROM users) t WHERE t.w > 3
SELECT user_id, MAX(balance) OVER () x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, PERCENT_RANK() OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, PERCENT_RANK() OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT PERCENT_RANK() OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, PERCENT_RANK() OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, CUME_DIST() OVER (ORDER BY user_id) FROM users ORDER BY user_id
SELECT user_id, CUME_DIST() OVER (ORDER BY user_id) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT CUME_DIST() OVER (ORDER BY user_id) AS w FROM users) t WHERE t.w > 3
SELECT user_id, CUME_DIST() OVER (ORDER BY user_id) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY age) FROM users ORDER BY user_id
SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY age) AS w FROM users WHERE age > 10 ORDER BY w, user_id LIMIT 10
SELECT COUNT(*) FROM (SELECT ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY age) AS w FROM users) t WHERE t.w > 3
SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY age) x FROM users WHERE user_id IN (1, 2, 3, 40, 50) ORDER BY 1
SELECT customer_id, order_id, SUM(amount) OVER (PARTITION BY customer_id ORDER BY order_id) FROM orders ORDER BY 1, 2
SELECT customer_id, order_id, RANK() OVER (PARTITION BY product_id ORDER BY amount, customer_id, order_id) r FROM orders ORDER BY 1, 2
SELECT * FROM (SELECT customer_id, order_id, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY amount DESC, order_id) r FROM orders) t WHERE r = 1 ORDER BY 1
SELECT country, COUNT(*), RANK() OVER (ORDER BY COUNT(*) DESC, country) FROM users GROUP BY country ORDER BY 1
SELECT user_id, SUM(age) OVER w FROM users WINDOW w AS (ORDER BY user_id) ORDER BY 1
