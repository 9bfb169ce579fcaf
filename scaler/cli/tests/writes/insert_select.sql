-- INSERT … SELECT. Where rows are drawn ids, the SELECT has an order.
INSERT INTO units (id, name, v) SELECT 10, code, rate FROM currencies WHERE code = 'EUR'
INSERT INTO units (id, name, v) SELECT 20 + LENGTH(title), title, ROUND(rate) FROM currencies WHERE code IN ('USD', 'JPY', 'GBP')
INSERT INTO currencies (code, rate, title) SELECT CONCAT('X', name), v, name FROM units WHERE id IN (1, 2)
INSERT INTO currencies SELECT LOWER(code), rate * 2, UPPER(title) FROM currencies
INSERT INTO currencies (title, code) SELECT name, LEFT(CONCAT('Y', name), 3) FROM units WHERE name IN ('s', 'pc') ORDER BY id
INSERT INTO currencies SELECT 'ONE', 1, 'no table'
INSERT INTO currencies SELECT 'TWO', 2, 'dual' FROM DUAL
INSERT INTO currencies SELECT 'THR', 3, 'dual with a condition' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM currencies WHERE code = 'THR')
INSERT INTO currencies SELECT 'THR', 3, 'dual with a condition' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM currencies WHERE code = 'THR')
INSERT INTO currencies SELECT * FROM (SELECT 'FOU' AS code, 4 AS rate, 'derived' AS title) AS t WHERE NOT EXISTS (SELECT code FROM currencies WHERE code = 'FOU') LIMIT 1
INSERT INTO currencies SELECT 'U1', 1, 'x' UNION ALL SELECT 'U2', 2, 'y' UNION ALL SELECT 'U3', 3, NULL
INSERT INTO currencies (code, rate) SELECT CONCAT('M', COUNT(*)), MAX(v) FROM units
INSERT INTO currencies (code, rate) SELECT CONCAT('J', n.id), c.rate FROM units n JOIN currencies c ON c.code = 'CHF' WHERE n.id < 10
INSERT INTO currencies SELECT * FROM currencies WHERE code = 'no'
INSERT IGNORE INTO currencies SELECT * FROM currencies
INSERT IGNORE INTO currencies SELECT LEFT(UPPER(title), 3), 1, title FROM currencies WHERE title IN ('Euro', 'Yen', 'Pound')
INSERT INTO currencies (code, rate) SELECT code, rate FROM currencies c WHERE c.code IN ('EUR', 'USD') ON DUPLICATE KEY UPDATE rate = currencies.rate + VALUES(rate)
INSERT INTO currencies (code, title) SELECT LEFT(name, 3), name FROM units WHERE id > 20 ON DUPLICATE KEY UPDATE title = VALUES(title)
REPLACE INTO currencies SELECT code, rate + 1, title FROM currencies WHERE code LIKE 'X%'
REPLACE INTO currencies (code) SELECT 'ONE'
INSERT INTO units (id, name) WITH t AS (SELECT code FROM currencies WHERE rate > 100) SELECT 30 + ASCII(code), code FROM t WHERE code = 'JPY'
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id > 33
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id = 1
INSERT INTO staging (user_id, v) SELECT user_id, LENGTH(name) FROM users WHERE user_id = 2 AND country = 'US'
INSERT INTO staging (user_id, v) SELECT user_id, 1 FROM users WHERE user_id = 4 AND country = 'FR'
INSERT INTO staging (user_id) SELECT user_id FROM users WHERE user_id IN (5, 6, 7)
INSERT INTO staging (v, user_id) SELECT age, user_id FROM users WHERE user_id IN (9, 10, 11)
INSERT INTO staging SELECT u.user_id, u.age FROM users u WHERE u.country = 'BR' AND u.user_id < 20 AND u.user_id > 11
INSERT INTO staging (user_id, v) SELECT 12, 120
INSERT INTO staging (user_id, v) SELECT 14, age FROM users WHERE user_id = 14
INSERT INTO staging (user_id, v) SELECT 1014, age FROM users WHERE user_id = 14
INSERT INTO staging (user_id, v) SELECT user_id + 1000, age FROM users WHERE user_id = 15
INSERT INTO staging (user_id, v) SELECT user_id + 2000, age FROM users WHERE user_id < 10
INSERT INTO staging (user_id, v) SELECT customer_id, COUNT(*) FROM orders WHERE customer_id BETWEEN 15 AND 18 GROUP BY customer_id
INSERT INTO staging (user_id, v) SELECT customer_id, SUM(amount) FROM orders WHERE customer_id = 20 GROUP BY customer_id
INSERT INTO staging (user_id, v) SELECT u.user_id, o.amount FROM users u JOIN orders o ON o.customer_id = u.user_id AND o.order_id = 1 WHERE u.user_id BETWEEN 22 AND 24
INSERT INTO staging (user_id, v) SELECT u.user_id, c.rate FROM users u JOIN currencies c ON LEFT(c.code, 2) = u.country WHERE u.user_id BETWEEN 25 AND 32 AND CHAR_LENGTH(c.code) = 3 AND BINARY c.code = UPPER(c.code)
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id NOT IN (SELECT user_id FROM staging) AND user_id < 29
INSERT INTO staging (user_id, v) SELECT user_id, age FROM users WHERE user_id = 77777
INSERT INTO staging (user_id, v) SELECT user_id, age FROM users WHERE NULL
INSERT IGNORE INTO staging SELECT user_id, age FROM users WHERE user_id < 10
INSERT IGNORE INTO staging SELECT user_id, age FROM users
INSERT IGNORE INTO staging SELECT customer_id, order_id FROM orders WHERE customer_id IN (1, 2) ORDER BY order_id
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id = 3 ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id > 35 ON DUPLICATE KEY UPDATE v = IFNULL(staging.v, 0) + 1000
INSERT INTO staging (user_id, v) SELECT user_id, age FROM users WHERE country = 'DE' ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO staging (user_id, v) SELECT user_id, age FROM users WHERE country = 'DE' ON DUPLICATE KEY UPDATE v = VALUES(v) + 1
INSERT INTO staging (user_id, v) SELECT user_id, LENGTH(email) FROM emails WHERE email IS NOT NULL ON DUPLICATE KEY UPDATE v = VALUES(v)
REPLACE INTO staging SELECT user_id, age + 1 FROM users WHERE user_id = 8
REPLACE INTO staging (user_id) SELECT user_id FROM emails WHERE user_id > 10
INSERT INTO users (user_id, name, age) SELECT user_id, CONCAT('staged ', COALESCE(v, 'NULL')), 1 FROM staging WHERE user_id > 1000
INSERT INTO users (user_id, name) SELECT user_id, 'fifty' FROM staging WHERE user_id = 50
INSERT INTO users SELECT user_id + 300, name, country, age, balance, score, born, note, kind FROM users WHERE user_id = 5
INSERT INTO users SELECT user_id + 400, name, country, age, balance, score, born, note, kind FROM users WHERE user_id <= 40
INSERT INTO users (user_id, name, note) SELECT 500, title, 'a'';b' FROM currencies WHERE code = 'EUR'
INSERT INTO users (user_id, name) SELECT 500 + id, name FROM units WHERE id < 5
INSERT INTO emails SELECT user_id, CONCAT(name, user_id, '@example.com'), age FROM users WHERE user_id BETWEEN 16 AND 20
INSERT INTO emails (user_id, email) SELECT user_id, NULL FROM users WHERE user_id BETWEEN 21 AND 40
INSERT INTO orders (customer_id, order_id, amount) SELECT customer_id, order_id + 10, amount FROM orders WHERE customer_id = 1
INSERT INTO orders (customer_id, order_id, amount) SELECT customer_id, order_id + 20, amount FROM orders
INSERT INTO orders (customer_id, order_id) SELECT user_id, 30 FROM users WHERE country = 'JP'
INSERT INTO orders SELECT customer_id, 99, MAX(status), SUM(amount) FROM orders GROUP BY customer_id
INSERT INTO orders (customer_id, order_id, status) SELECT u.user_id, n.id + 100, n.name FROM users u JOIN units n ON n.id < 3 WHERE u.user_id IN (1, 2, 3)
INSERT INTO orders (customer_id, order_id, status, amount) SELECT 5, 50 + id, name, v FROM units WHERE id < 4
INSERT INTO tickets (id, user_id, v) SELECT 100 + customer_id, customer_id, order_id FROM orders WHERE customer_id < 5 AND order_id = 1 ORDER BY customer_id
INSERT INTO tickets (id, user_id, v) SELECT id + 200, user_id, v FROM tickets WHERE user_id = 1
INSERT INTO tickets (user_id, v) SELECT user_id, age FROM users WHERE user_id = 1
INSERT INTO accounts (id, owner, v) SELECT id + 100, owner, v FROM accounts WHERE id = 1
INSERT INTO accounts (id, owner, v) SELECT id + 200, name, v FROM units WHERE id IN (1, 2, 3)
INSERT INTO accounts (owner, v) SELECT name, v FROM units WHERE id < 5 ORDER BY id
INSERT INTO settings (id, v) SELECT id + 10, v FROM settings
INSERT INTO settings (id, v) SELECT id + 100, name FROM units WHERE id < 4
INSERT INTO settings (id, v) SELECT id, 'again' FROM settings ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT IGNORE INTO settings SELECT id, v FROM settings WHERE id < 3
INSERT INTO settings (id, v) SELECT 200, COUNT(*) FROM users
INSERT INTO settings (id, v) SELECT 201, MAX(code) FROM currencies
INSERT INTO settings (id, v) SELECT 202, name FROM users WHERE user_id = 2
INSERT INTO units (id, name) SELECT user_id + 1000, CONCAT('user ', user_id) FROM users WHERE user_id IN (1, 2)
INSERT INTO currencies (code, rate) SELECT 'CNT', COUNT(*) FROM orders
REPLACE INTO settings SELECT id, CONCAT(v, '!') FROM settings WHERE id > 100
INSERT INTO settings (v) SELECT v FROM settings ORDER BY id
