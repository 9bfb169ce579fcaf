SELECT u.user_id, o.customer_id, o.order_id FROM users u JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u INNER JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT OUTER JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u STRAIGHT_JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u JOIN orders o ON u.user_id = o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u JOIN orders o ON u.user_id = o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON u.user_id = o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u JOIN orders o ON u.user_id = o.customer_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id GROUP BY o.status ORDER BY 1
SELECT u.user_id, o.customer_id, o.order_id FROM users u JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u INNER JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u RIGHT JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT OUTER JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u STRAIGHT_JOIN orders o ON o.product_id = u.small ORDER BY 1, 2, 3
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u JOIN orders o ON o.product_id = u.small
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u JOIN orders o ON o.product_id = u.small GROUP BY u.country
SELECT u.name, o.status FROM users u JOIN orders o ON o.product_id = u.small WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u JOIN orders o ON o.product_id = u.small WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON o.product_id = u.small ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u JOIN orders o ON o.product_id = u.small ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u JOIN orders o ON o.product_id = u.small GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u LEFT JOIN orders o ON o.product_id = u.small
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u LEFT JOIN orders o ON o.product_id = u.small GROUP BY u.country
SELECT u.name, o.status FROM users u LEFT JOIN orders o ON o.product_id = u.small WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u LEFT JOIN orders o ON o.product_id = u.small WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u LEFT JOIN orders o ON o.product_id = u.small ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u LEFT JOIN orders o ON o.product_id = u.small ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u LEFT JOIN orders o ON o.product_id = u.small GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u RIGHT JOIN orders o ON o.product_id = u.small
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u RIGHT JOIN orders o ON o.product_id = u.small GROUP BY u.country
SELECT u.name, o.status FROM users u RIGHT JOIN orders o ON o.product_id = u.small WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u RIGHT JOIN orders o ON o.product_id = u.small WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u RIGHT JOIN orders o ON o.product_id = u.small ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u RIGHT JOIN orders o ON o.product_id = u.small ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u RIGHT JOIN orders o ON o.product_id = u.small GROUP BY o.status ORDER BY 1
SELECT u.user_id, o.customer_id, o.order_id FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u INNER JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT OUTER JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u STRAIGHT_JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2, 3
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u LEFT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY u.country
SELECT u.name, o.status FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u RIGHT JOIN orders o ON u.age = o.quantity AND u.user_id > o.customer_id GROUP BY o.status ORDER BY 1
SELECT u.user_id, o.customer_id, o.order_id FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u INNER JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT OUTER JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u STRAIGHT_JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2, 3
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid'
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY u.country
SELECT u.name, o.status FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid'
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY u.country
SELECT u.name, o.status FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid'
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY u.country
SELECT u.name, o.status FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u RIGHT JOIN orders o ON u.user_id = o.customer_id AND o.status = 'paid' GROUP BY o.status ORDER BY 1
SELECT u.user_id, o.customer_id, o.order_id FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u INNER JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u LEFT OUTER JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT u.user_id, o.customer_id, o.order_id FROM users u STRAIGHT_JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2, 3
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY u.country
SELECT u.name, o.status FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY u.country
SELECT u.name, o.status FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY o.status ORDER BY 1
SELECT COUNT(*), SUM(o.amount), COUNT(u.age) FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id
SELECT u.country, COUNT(*), SUM(o.amount) FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY u.country
SELECT u.name, o.status FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.amount > 300 OR o.amount IS NULL
SELECT u.user_id FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id WHERE o.order_id IS NULL
SELECT u.user_id, o.order_id FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY u.user_id DESC, o.order_id LIMIT 6
SELECT DISTINCT u.country, o.status FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id ORDER BY 1, 2
SELECT o.status, COUNT(DISTINCT u.user_id) FROM users u RIGHT JOIN orders o ON o.customer_id = u.user_id AND u.age > o.order_id GROUP BY o.status ORDER BY 1
-- three and more, reference and unsharded tables, USING
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN products p ON p.product_id = o.product_id
SELECT u.user_id, o.order_id, p.title FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN products p ON p.product_id = o.product_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN products p ON p.product_id = o.product_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN products p ON p.product_id = o.product_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN products p ON p.product_id = o.product_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id
SELECT u.user_id, o.order_id, p.title FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM products p JOIN orders o ON p.product_id = o.product_id JOIN users u ON u.user_id = o.customer_id
SELECT u.user_id, o.order_id, p.title FROM products p JOIN orders o ON p.product_id = o.product_id JOIN users u ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM products p JOIN orders o ON p.product_id = o.product_id JOIN users u ON u.user_id = o.customer_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM products p JOIN orders o ON p.product_id = o.product_id JOIN users u ON u.user_id = o.customer_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM products p JOIN orders o ON p.product_id = o.product_id JOIN users u ON u.user_id = o.customer_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM products p LEFT JOIN orders o ON p.product_id = o.product_id LEFT JOIN users u ON u.user_id = o.customer_id
SELECT u.user_id, o.order_id, p.title FROM products p LEFT JOIN orders o ON p.product_id = o.product_id LEFT JOIN users u ON u.user_id = o.customer_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM products p LEFT JOIN orders o ON p.product_id = o.product_id LEFT JOIN users u ON u.user_id = o.customer_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM products p LEFT JOIN orders o ON p.product_id = o.product_id LEFT JOIN users u ON u.user_id = o.customer_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM products p LEFT JOIN orders o ON p.product_id = o.product_id LEFT JOIN users u ON u.user_id = o.customer_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.tag) FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tags p ON p.user_id = u.user_id
SELECT u.user_id, o.order_id, p.tag FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tags p ON p.user_id = u.user_id ORDER BY 1, 2, 3
SELECT p.tag, COUNT(*), MAX(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tags p ON p.user_id = u.user_id GROUP BY p.tag ORDER BY p.tag
SELECT u.country, p.tag, SUM(o.quantity) s FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tags p ON p.user_id = u.user_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.tag HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tags p ON p.user_id = u.user_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.tag LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.tag) FROM users u JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags p ON p.user_id = o.customer_id AND p.weight > 5
SELECT u.user_id, o.order_id, p.tag FROM users u JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags p ON p.user_id = o.customer_id AND p.weight > 5 ORDER BY 1, 2, 3
SELECT p.tag, COUNT(*), MAX(o.amount) FROM users u JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags p ON p.user_id = o.customer_id AND p.weight > 5 GROUP BY p.tag ORDER BY p.tag
SELECT u.country, p.tag, SUM(o.quantity) s FROM users u JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags p ON p.user_id = o.customer_id AND p.weight > 5 WHERE 1 AND u.age > 10 GROUP BY u.country, p.tag HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags p ON p.user_id = o.customer_id AND p.weight > 5 WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.tag LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id
SELECT u.user_id, o.order_id, p.title FROM users u JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u LEFT JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id
SELECT u.user_id, o.order_id, p.title FROM users u LEFT JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u LEFT JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u LEFT JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u LEFT JOIN (orders o JOIN products p ON p.product_id = o.product_id) ON o.customer_id = u.user_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM orders o RIGHT JOIN users u ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id
SELECT u.user_id, o.order_id, p.title FROM orders o RIGHT JOIN users u ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM orders o RIGHT JOIN users u ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM orders o RIGHT JOIN users u ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM orders o RIGHT JOIN users u ON o.customer_id = u.user_id LEFT JOIN products p ON p.product_id = o.product_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u, orders o, products p WHERE u.user_id = o.customer_id AND p.product_id = o.product_id AND 1
SELECT u.user_id, o.order_id, p.title FROM users u, orders o, products p WHERE u.user_id = o.customer_id AND p.product_id = o.product_id AND 1 ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u, orders o, products p WHERE u.user_id = o.customer_id AND p.product_id = o.product_id AND 1 GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u, orders o, products p WHERE u.user_id = o.customer_id AND p.product_id = o.product_id AND 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u, orders o, products p WHERE u.user_id = o.customer_id AND p.product_id = o.product_id AND 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT COUNT(*), SUM(o.amount), COUNT(p.title) FROM users u CROSS JOIN products p JOIN orders o ON o.customer_id = u.user_id AND o.product_id = p.product_id
SELECT u.user_id, o.order_id, p.title FROM users u CROSS JOIN products p JOIN orders o ON o.customer_id = u.user_id AND o.product_id = p.product_id ORDER BY 1, 2, 3
SELECT p.title, COUNT(*), MAX(o.amount) FROM users u CROSS JOIN products p JOIN orders o ON o.customer_id = u.user_id AND o.product_id = p.product_id GROUP BY p.title ORDER BY p.title
SELECT u.country, p.title, SUM(o.quantity) s FROM users u CROSS JOIN products p JOIN orders o ON o.customer_id = u.user_id AND o.product_id = p.product_id WHERE 1 AND u.age > 10 GROUP BY u.country, p.title HAVING s > 2 ORDER BY s DESC, 1, 2
SELECT u.user_id FROM users u CROSS JOIN products p JOIN orders o ON o.customer_id = u.user_id AND o.product_id = p.product_id WHERE 1 AND o.status = 'open' ORDER BY o.amount, u.user_id, o.order_id, p.title LIMIT 5
SELECT user_id, tag, age FROM users JOIN tags USING (user_id) ORDER BY 1, 2
SELECT user_id, tag FROM users LEFT JOIN tags USING (user_id) ORDER BY 1, 2
SELECT COUNT(*) FROM users NATURAL JOIN tags
SELECT * FROM tags JOIN few ON few.id = tags.user_id ORDER BY tags.tag, id
SELECT f.*, t.* FROM tags t JOIN few f ON f.id = t.user_id ORDER BY 1, 3, 4
SELECT product_id, title, amount FROM orders JOIN products USING (product_id) ORDER BY 1, 3 LIMIT 10
SELECT COUNT(*) FROM orders NATURAL JOIN products
SELECT COUNT(*) FROM users, few
SELECT COUNT(*) FROM users, vacant
SELECT COUNT(*) FROM few a, few b
SELECT a.id, b.id FROM few a, few b ORDER BY 1, 2
SELECT COUNT(*) FROM users a JOIN users b ON a.user_id = b.user_id
SELECT COUNT(*) FROM users a JOIN users b ON a.age = b.age
SELECT COUNT(*) FROM users a JOIN users b ON a.user_id < b.user_id
SELECT COUNT(*) FROM orders a JOIN orders b ON a.customer_id = b.customer_id AND a.order_id < b.order_id
SELECT COUNT(*) FROM orders a JOIN orders b ON a.product_id = b.product_id
SELECT COUNT(*) FROM users u LEFT JOIN vacant v ON v.id = u.user_id
SELECT COUNT(*), COUNT(v.id) FROM vacant v RIGHT JOIN users u ON v.id = u.user_id
SELECT s.v, COUNT(*) FROM settings s JOIN users u ON u.small = s.id GROUP BY s.v ORDER BY 1
SELECT s.id, f.v FROM settings s LEFT JOIN few f ON f.id = s.id ORDER BY 1
SELECT p.title, s.v FROM products p JOIN settings s ON s.id = p.product_id ORDER BY 1
SELECT p.title, COUNT(o.order_id) FROM products p LEFT JOIN orders o USING (product_id) GROUP BY p.title ORDER BY p.title
SELECT p.product_id FROM products p LEFT JOIN orders o ON o.product_id = p.product_id WHERE o.order_id IS NULL
SELECT u.user_id FROM users u LEFT JOIN tags t ON t.user_id = u.user_id WHERE t.user_id IS NULL ORDER BY 1
SELECT u.user_id, t.tag FROM users u LEFT JOIN tags t ON t.user_id = u.user_id AND t.weight > 10 WHERE u.user_id < 15 ORDER BY 1, 2
SELECT u.user_id, t.tag FROM users u LEFT JOIN tags t ON t.user_id = u.user_id AND u.age > 20 WHERE u.user_id < 15 ORDER BY 1, 2
SELECT u.user_id, e.n FROM users u JOIN events e ON e.k = u.code ORDER BY 1, 2
SELECT u.user_id, e.n FROM users u JOIN events e ON e.k = u.user_id ORDER BY 1, 2
SELECT o.* FROM orders o JOIN few f ON f.id = o.customer_id ORDER BY 1, 2
SELECT d.c, u.name FROM (SELECT customer_id, COUNT(*) c FROM orders GROUP BY customer_id) d JOIN users u ON u.user_id = d.customer_id ORDER BY 1 DESC, u.user_id
SELECT COUNT(*) FROM (SELECT user_id FROM users WHERE age > 5) a JOIN (SELECT DISTINCT customer_id FROM orders) b ON a.user_id = b.customer_id
SELECT x.n, COUNT(*) FROM (SELECT 1 n UNION SELECT 2) x JOIN users u ON u.small = x.n GROUP BY x.n ORDER BY 1
SELECT u.user_id, o.order_id, t.tag FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id LEFT JOIN tags t ON t.user_id = u.user_id AND t.weight = o.order_id WHERE u.user_id < 30 ORDER BY 1, 2, 3
SELECT COUNT(*) FROM tags t JOIN users u ON u.user_id = t.user_id JOIN orders o ON o.customer_id = t.user_id JOIN products p USING (product_id) WHERE p.category = 'tools'
SELECT u.user_id FROM users u JOIN orders o ON u.user_id = o.customer_id AND u.user_id = 7 ORDER BY o.order_id
SELECT u.user_id, o.order_id FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE o.customer_id IN (3, 4, 5) ORDER BY 1, 2
SELECT u.f, o.amount FROM users u JOIN orders o ON u.user_id = o.customer_id ORDER BY 2, u.user_id, o.order_id LIMIT 5
SELECT u.*, o.* FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 3 ORDER BY o.order_id
SELECT * FROM users u JOIN orders o ON u.user_id = o.customer_id ORDER BY u.user_id, o.order_id LIMIT 4
