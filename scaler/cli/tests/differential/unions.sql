SELECT user_id FROM users WHERE age > 30 UNION SELECT customer_id FROM orders WHERE quantity > 5
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT customer_id FROM orders WHERE quantity > 5 ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT user_id FROM tags
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT user_id FROM tags ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT id FROM few
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT id FROM few ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT id FROM vacant
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT id FROM vacant ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT product_id FROM products
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT product_id FROM products ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT 1
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT n FROM events WHERE k = 'login'
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT COUNT(*) FROM users
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT user_id FROM users WHERE age > 30 UNION SELECT age FROM users
SELECT user_id FROM users WHERE age > 30 UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT user_id FROM tags
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT user_id FROM tags ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT id FROM few
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT id FROM few ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT id FROM vacant
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT id FROM vacant ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT product_id FROM products
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT product_id FROM products ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT 1
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT n FROM events WHERE k = 'login'
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT COUNT(*) FROM users
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT customer_id FROM orders WHERE quantity > 5 UNION SELECT age FROM users
SELECT customer_id FROM orders WHERE quantity > 5 UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT id FROM few
SELECT user_id FROM tags UNION ALL SELECT id FROM few ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT id FROM vacant
SELECT user_id FROM tags UNION ALL SELECT id FROM vacant ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT product_id FROM products
SELECT user_id FROM tags UNION ALL SELECT product_id FROM products ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT 1
SELECT user_id FROM tags UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT n FROM events WHERE k = 'login'
SELECT user_id FROM tags UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT COUNT(*) FROM users
SELECT user_id FROM tags UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT user_id FROM tags UNION SELECT age FROM users
SELECT user_id FROM tags UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT id FROM vacant
SELECT id FROM few UNION ALL SELECT id FROM vacant ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT product_id FROM products
SELECT id FROM few UNION ALL SELECT product_id FROM products ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT 1
SELECT id FROM few UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT n FROM events WHERE k = 'login'
SELECT id FROM few UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT COUNT(*) FROM users
SELECT id FROM few UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT id FROM few UNION SELECT age FROM users
SELECT id FROM few UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT id FROM vacant UNION SELECT product_id FROM products
SELECT id FROM vacant UNION ALL SELECT product_id FROM products ORDER BY 1 LIMIT 9
SELECT id FROM vacant UNION SELECT 1
SELECT id FROM vacant UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT id FROM vacant UNION SELECT n FROM events WHERE k = 'login'
SELECT id FROM vacant UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT id FROM vacant UNION SELECT COUNT(*) FROM users
SELECT id FROM vacant UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT id FROM vacant UNION SELECT age FROM users
SELECT id FROM vacant UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT product_id FROM products UNION SELECT 1
SELECT product_id FROM products UNION ALL SELECT 1 ORDER BY 1 LIMIT 9
SELECT product_id FROM products UNION SELECT n FROM events WHERE k = 'login'
SELECT product_id FROM products UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT product_id FROM products UNION SELECT COUNT(*) FROM users
SELECT product_id FROM products UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT product_id FROM products UNION SELECT age FROM users
SELECT product_id FROM products UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT 1 UNION SELECT n FROM events WHERE k = 'login'
SELECT 1 UNION ALL SELECT n FROM events WHERE k = 'login' ORDER BY 1 LIMIT 9
SELECT 1 UNION SELECT COUNT(*) FROM users
SELECT 1 UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT 1 UNION SELECT age FROM users
SELECT 1 UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT n FROM events WHERE k = 'login' UNION SELECT COUNT(*) FROM users
SELECT n FROM events WHERE k = 'login' UNION ALL SELECT COUNT(*) FROM users ORDER BY 1 LIMIT 9
SELECT n FROM events WHERE k = 'login' UNION SELECT age FROM users
SELECT n FROM events WHERE k = 'login' UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT COUNT(*) FROM users UNION SELECT age FROM users
SELECT COUNT(*) FROM users UNION ALL SELECT age FROM users ORDER BY 1 LIMIT 9
SELECT country FROM users UNION SELECT status FROM orders
(SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 3) UNION (SELECT customer_id FROM orders ORDER BY amount DESC, customer_id, order_id LIMIT 3) ORDER BY 1
SELECT COUNT(*) FROM (SELECT user_id FROM users UNION SELECT customer_id FROM orders) t
SELECT user_id, 'user' AS w FROM users WHERE user_id < 5 UNION SELECT customer_id, status FROM orders WHERE customer_id < 5 ORDER BY 1, 2
SELECT user_id, age FROM users WHERE user_id = 3 UNION SELECT user_id, age FROM users WHERE user_id = 3
SELECT balance FROM users WHERE user_id < 9 UNION SELECT amount FROM orders WHERE customer_id < 9 ORDER BY 1
SELECT code FROM users UNION SELECT k FROM events ORDER BY 1
SELECT NULL UNION SELECT v FROM few
SELECT country FROM users UNION ALL SELECT status FROM orders
(SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 3) UNION ALL (SELECT customer_id FROM orders ORDER BY amount DESC, customer_id, order_id LIMIT 3) ORDER BY 1
SELECT COUNT(*) FROM (SELECT user_id FROM users UNION ALL SELECT customer_id FROM orders) t
SELECT user_id, 'user' AS w FROM users WHERE user_id < 5 UNION ALL SELECT customer_id, status FROM orders WHERE customer_id < 5 ORDER BY 1, 2
SELECT user_id, age FROM users WHERE user_id = 3 UNION ALL SELECT user_id, age FROM users WHERE user_id = 3
SELECT balance FROM users WHERE user_id < 9 UNION ALL SELECT amount FROM orders WHERE customer_id < 9 ORDER BY 1
SELECT code FROM users UNION ALL SELECT k FROM events ORDER BY 1
SELECT NULL UNION ALL SELECT v FROM few
SELECT country FROM users INTERSECT SELECT status FROM orders
(SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 3) INTERSECT (SELECT customer_id FROM orders ORDER BY amount DESC, customer_id, order_id LIMIT 3) ORDER BY 1
SELECT COUNT(*) FROM (SELECT user_id FROM users INTERSECT SELECT customer_id FROM orders) t
SELECT user_id, 'user' AS w FROM users WHERE user_id < 5 INTERSECT SELECT customer_id, status FROM orders WHERE customer_id < 5 ORDER BY 1, 2
SELECT user_id, age FROM users WHERE user_id = 3 INTERSECT SELECT user_id, age FROM users WHERE user_id = 3
SELECT balance FROM users WHERE user_id < 9 INTERSECT SELECT amount FROM orders WHERE customer_id < 9 ORDER BY 1
SELECT code FROM users INTERSECT SELECT k FROM events ORDER BY 1
SELECT NULL INTERSECT SELECT v FROM few
SELECT country FROM users EXCEPT SELECT status FROM orders
(SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 3) EXCEPT (SELECT customer_id FROM orders ORDER BY amount DESC, customer_id, order_id LIMIT 3) ORDER BY 1
SELECT COUNT(*) FROM (SELECT user_id FROM users EXCEPT SELECT customer_id FROM orders) t
SELECT user_id, 'user' AS w FROM users WHERE user_id < 5 EXCEPT SELECT customer_id, status FROM orders WHERE customer_id < 5 ORDER BY 1, 2
SELECT user_id, age FROM users WHERE user_id = 3 EXCEPT SELECT user_id, age FROM users WHERE user_id = 3
SELECT balance FROM users WHERE user_id < 9 EXCEPT SELECT amount FROM orders WHERE customer_id < 9 ORDER BY 1
SELECT code FROM users EXCEPT SELECT k FROM events ORDER BY 1
SELECT NULL EXCEPT SELECT v FROM few
SELECT user_id FROM users UNION SELECT customer_id FROM orders UNION SELECT user_id FROM tags ORDER BY 1 DESC LIMIT 4
SELECT 1 UNION SELECT 2 UNION ALL SELECT 2 ORDER BY 1
SELECT user_id a FROM users WHERE user_id < 3 UNION ALL SELECT -customer_id FROM orders WHERE customer_id < 3 ORDER BY a
SELECT 'u', COUNT(*) FROM users UNION ALL SELECT 'o', COUNT(*) FROM orders UNION ALL SELECT 't', COUNT(*) FROM tags ORDER BY 1
SELECT t.x, COUNT(*) FROM (SELECT country x FROM users UNION ALL SELECT status FROM orders) t GROUP BY t.x ORDER BY 1
