-- UPDATE and DELETE of joined tables. No row may be set to one of several values.
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.balance = o.amount WHERE o.order_id = 1 AND u.user_id = 1
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.balance = o.amount WHERE o.order_id = 1 AND o.amount IS NOT NULL
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.balance = o.amount WHERE o.order_id = 1 AND o.amount IS NOT NULL
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET o.status = u.kind WHERE u.kind = 'gone'
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = 'both', o.status = 'both' WHERE u.user_id IN (2, 3, 5)
UPDATE users u INNER JOIN orders o ON o.customer_id = u.user_id SET u.age = u.age + 1 WHERE o.status = 'paid'
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.age = u.age + 1
UPDATE users u JOIN orders o ON u.user_id = o.customer_id AND o.order_id = 2 SET u.note = CONCAT(u.name, ': ', o.status), o.amount = o.amount + u.age WHERE u.country = 'US'
UPDATE users, orders SET users.note = 'comma', orders.status = 'comma' WHERE users.user_id = orders.customer_id AND users.country = 'JP'
UPDATE users AS a, orders AS b SET a.score = b.amount WHERE a.user_id = b.customer_id AND b.order_id = 1 AND a.user_id BETWEEN 10 AND 20
UPDATE users CROSS JOIN orders ON user_id = customer_id SET note = 'unqualified' WHERE status = 'void'
UPDATE users STRAIGHT_JOIN orders ON user_id = customer_id SET note = 'straight' WHERE order_id = 1 AND status = 'sent'
UPDATE users u LEFT JOIN orders o ON o.customer_id = u.user_id SET u.note = 'no orders' WHERE o.customer_id IS NULL
UPDATE users u LEFT JOIN orders o ON o.customer_id = u.user_id AND o.status = 'open' SET u.kind = IF(o.order_id IS NULL, 'old', 'new') WHERE u.user_id IN (1, 4, 9, 35)
UPDATE orders o RIGHT JOIN users u ON o.customer_id = u.user_id AND o.order_id = 1 SET u.score = COALESCE(o.amount, -1) WHERE u.country = 'DE'
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = 'x' WHERE u.user_id = 12345
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = 'x' WHERE NULL
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = u.note
UPDATE users u JOIN emails e ON e.user_id = u.user_id SET u.note = e.email, e.v = u.age WHERE e.email IS NOT NULL
UPDATE users u JOIN emails e USING (user_id) SET u.note = CONCAT('using ', e.v) WHERE e.v > 3
UPDATE users NATURAL JOIN staging SET note = CONCAT('natural ', v)
UPDATE users u JOIN orders o ON u.user_id = o.customer_id JOIN emails e ON e.user_id = u.user_id SET u.name = 'three', o.status = 'three', e.v = 3 WHERE u.user_id IN (6, 7)
UPDATE users u JOIN orders o ON u.user_id = o.customer_id JOIN tickets t ON t.user_id = o.customer_id SET t.v = o.amount WHERE o.order_id = 1 AND o.amount < 1000 AND t.id > 5
UPDATE tickets t JOIN users u ON u.user_id = t.user_id SET t.v = IFNULL(t.v, 0) + u.age WHERE u.country = 'DE'
UPDATE staging s JOIN users u ON u.user_id = s.user_id SET s.v = u.age
UPDATE staging s JOIN users u ON u.user_id = s.user_id SET u.balance = u.balance + 1, s.v = u.user_id WHERE s.v IS NOT NULL
UPDATE users u JOIN currencies c ON c.code = 'USD' SET u.balance = u.balance * c.rate WHERE u.user_id = 2
UPDATE users u JOIN currencies c ON LEFT(c.code, 2) = u.country SET u.note = c.title, u.score = c.rate
UPDATE users u JOIN currencies c ON LEFT(c.code, 2) = u.country SET u.balance = u.balance + c.rate WHERE u.user_id IN (2, 4, 6, 9)
UPDATE users u LEFT JOIN currencies c ON LEFT(c.code, 2) = u.country SET u.note = IFNULL(c.title, 'unknown') WHERE u.user_id < 10
UPDATE orders o JOIN units un ON un.id = o.order_id SET o.status = un.name WHERE o.customer_id BETWEEN 20 AND 25
UPDATE orders o JOIN currencies c ON c.code = 'EUR' JOIN users u ON u.user_id = o.customer_id SET o.amount = o.amount * c.rate + 1 WHERE u.country = 'FR'
UPDATE currencies c JOIN units un ON un.name = 'kg' SET c.rate = c.rate + un.v / 10000 WHERE c.code = 'GBP'
UPDATE currencies c, units un SET c.title = CONCAT(c.title, '/', un.name) WHERE un.id = 2 AND c.rate > 1
UPDATE users u JOIN (SELECT customer_id, SUM(amount) AS total FROM orders GROUP BY customer_id) t ON t.customer_id = u.user_id SET u.balance = IFNULL(t.total, 0)
UPDATE users u JOIN (SELECT customer_id, COUNT(*) AS n FROM orders WHERE status = 'open' GROUP BY customer_id) t ON t.customer_id = u.user_id SET u.age = t.n WHERE u.user_id = 1
UPDATE users u JOIN (SELECT 1 AS id, 'one' AS n UNION ALL SELECT 2, 'two' UNION ALL SELECT 33, 'thirty-three') t ON t.id = u.user_id SET u.name = t.n
UPDATE users a JOIN users b ON a.user_id = b.user_id SET a.note = CONCAT('self ', b.name) WHERE b.country = 'BR'
UPDATE users a JOIN users b ON b.user_id = a.user_id + 1 SET a.note = b.name WHERE a.user_id IN (10, 20, 30)
UPDATE users u JOIN accounts a ON a.owner = u.name SET u.note = 'has an account'
UPDATE tickets t JOIN accounts a ON a.id = t.id SET t.v = a.v WHERE a.v IS NOT NULL
UPDATE users u JOIN settings s ON s.id = 1 SET u.note = s.v WHERE u.user_id = 40
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.user_id = u.user_id WHERE o.status = 'paid'
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = 'IN ON' WHERE u.user_id = 8 AND o.customer_id IN (8, 9)
UPDATE `users` `u` INNER JOIN `orders` AS `o` ON `o`.`customer_id` = `u`.`user_id` SET `u`.`note` = 'it''s; quoted' WHERE `o`.`amount` > 100 AND `u`.`user_id` > 20
UPDATE users u SET u.note = 'semi' WHERE u.user_id IN (SELECT o.customer_id FROM orders o JOIN tickets t ON t.user_id = o.customer_id WHERE t.v > 50)
DELETE o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 1
DELETE o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.country = 'JP'
DELETE orders FROM orders JOIN users ON users.user_id = orders.customer_id WHERE users.user_id IN (2, 3) AND orders.order_id = 1
DELETE FROM o USING users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 4
DELETE FROM orders USING orders, users WHERE orders.customer_id = users.user_id AND users.age IS NULL
DELETE orders.* FROM orders INNER JOIN users ON user_id = customer_id WHERE name = 'hugo'
DELETE u, o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id = 5
DELETE u, o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.country = 'BR'
DELETE u, o FROM users u LEFT JOIN orders o ON u.user_id = o.customer_id WHERE u.user_id IN (10, 11, 38, 39)
DELETE u FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id WHERE o.customer_id IS NULL AND u.user_id > 35
DELETE u, o, t FROM users u JOIN orders o ON o.customer_id = u.user_id JOIN tickets t ON t.user_id = u.user_id WHERE u.user_id IN (12, 21)
DELETE u FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE o.status = 'no such'
DELETE u FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE FALSE
DELETE u FROM users u WHERE u.user_id = 22
DELETE users FROM users WHERE country = 'FR' AND user_id < 30
DELETE u FROM users u JOIN currencies c ON LEFT(c.code, 2) = u.country WHERE c.rate > 100
DELETE o FROM orders o JOIN currencies c ON c.rate > o.amount WHERE c.code = 'BRL'
DELETE c FROM currencies c JOIN units un ON un.name = 'm' AND c.rate < un.v
DELETE t FROM tickets t JOIN (SELECT user_id FROM users WHERE kind = 'old') u ON u.user_id = t.user_id
DELETE t FROM tickets t LEFT JOIN users u ON u.user_id = t.user_id WHERE u.user_id IS NULL
DELETE e FROM emails e JOIN users u USING (user_id) WHERE u.country = 'DE'
DELETE s, e FROM staging s JOIN emails e ON e.user_id = s.user_id WHERE s.user_id < 10
DELETE a FROM users a JOIN users b ON a.user_id = b.user_id WHERE b.user_id = 34
DELETE a FROM accounts a JOIN accounts b ON a.owner = b.owner AND a.id > b.id
DELETE o FROM orders o LEFT JOIN users u ON u.user_id = o.customer_id WHERE u.user_id IS NULL
DELETE u FROM users u JOIN settings s ON s.id = u.user_id
