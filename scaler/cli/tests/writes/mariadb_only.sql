-- What MariaDB has and MySQL has not: RETURNING, VALUE(), subqueries on the table that is written, and others.
INSERT INTO users (user_id, name) VALUES (100, 'one') RETURNING user_id
INSERT INTO users (user_id, name) VALUES (101, 'one') RETURNING user_id, name, balance, kind
INSERT INTO users (user_id, name, age) VALUES (102, 'all columns', 3) RETURNING *
INSERT INTO users (user_id, name) VALUES (105, 'e'), (103, 'c'), (104, 'd'), (110, 'j'), (107, 'g') RETURNING user_id AS id, CONCAT(name, '!') AS shout
INSERT INTO users SET user_id = 111, name = 'set form' RETURNING name, user_id + 1, 'constant', NULL
INSERT INTO users (user_id, name) VALUES (1, 'dup') RETURNING user_id
INSERT INTO users (user_id, name) VALUES (112, 'a'), (2, 'dup') RETURNING user_id
INSERT IGNORE INTO users (user_id, name) VALUES (113, 'a'), (1, 'dup'), (114, 'b') RETURNING user_id, name
INSERT IGNORE INTO users (user_id, name) VALUES (1, 'dup') RETURNING user_id
INSERT INTO users (user_id, name) VALUES (3, 'upserted'), (115, 'inserted') ON DUPLICATE KEY UPDATE name = VALUES(name) RETURNING user_id, name, country
INSERT INTO users (user_id, name) VALUES (3, 'upserted') ON DUPLICATE KEY UPDATE name = VALUE(name) RETURNING *
INSERT INTO users (user_id, name) VALUES (4, 'a'), (116, 'b') ON DUPLICATE KEY UPDATE name = CONCAT(VALUE(name), name)
INSERT INTO users (user_id, name) VALUES (117, 'x') RETURNING nothing
INSERT INTO users (user_id, name) VALUES (117, 'x') RETURNING (SELECT title FROM currencies WHERE code = 'EUR') AS euro
INSERT INTO users (user_id, name) VALUES (118, 'RETURNING *') RETURNING UPPER(name), LENGTH(name)
INSERT INTO orders VALUES (31, 1, 'open', 5), (32, 1, 'open', 6), (31, 2, DEFAULT, NULL) RETURNING customer_id, order_id, amount * 2
INSERT INTO orders (customer_id, order_id) VALUES (33, 1) RETURNING *
INSERT INTO tickets (user_id, v) VALUES (1, 1) RETURNING id
INSERT INTO tickets (user_id, v) VALUES (1, 2), (2, 3), (3, 4) RETURNING id, user_id, v
INSERT INTO accounts (owner) VALUES ('returned') RETURNING id, owner
INSERT INTO accounts (owner, v) VALUES ('a', 1), ('b', 2) RETURNING *
INSERT INTO emails VALUES (20, 'u20@example.com', 1), (21, NULL, 2) RETURNING user_id, email
INSERT INTO currencies VALUES ('SEK', 11.2, 'Krona'), ('NOK', 11.6, NULL) RETURNING code, rate
INSERT INTO currencies VALUES ('SEK', 11.3, 'x') ON DUPLICATE KEY UPDATE rate = VALUES(rate) RETURNING *
INSERT INTO units (name) VALUES ('l'), ('ml') RETURNING id, name
INSERT INTO settings (v) VALUES ('returned') RETURNING *
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id = 5 RETURNING *
INSERT INTO staging SELECT user_id, age FROM users WHERE user_id > 100 RETURNING user_id
REPLACE INTO users (user_id, name) VALUES (6, 'replaced') RETURNING user_id, name, age
REPLACE INTO users (user_id, name) VALUES (7, 'replaced'), (119, 'new'), (8, 'replaced') RETURNING *
REPLACE INTO users SET user_id = 9, name = 'set form' RETURNING kind
REPLACE INTO staging VALUES (3, 1), (4, 2), (3, 5) RETURNING user_id, v
REPLACE INTO tickets (id, user_id, v) VALUES (1, 1, 11), (500, 2, 22) RETURNING id, v
REPLACE INTO currencies VALUES ('EUR', 1, 'Euro'), ('DKK', 7.46, 'Krone') RETURNING code
REPLACE INTO settings VALUES (1, 'on') RETURNING v
DELETE FROM users WHERE user_id = 10 RETURNING user_id, name
DELETE FROM users WHERE user_id = 10 RETURNING user_id, name
DELETE FROM users WHERE user_id IN (11, 12, 13) RETURNING *
DELETE FROM users WHERE user_id IN (14, 77777) RETURNING CONCAT(name, ' ', user_id) AS gone, born + INTERVAL 1 DAY
DELETE FROM users WHERE country = 'BR' RETURNING user_id, country, balance
DELETE FROM users WHERE user_id > 115 ORDER BY user_id DESC RETURNING user_id
DELETE FROM users WHERE NULL RETURNING user_id
DELETE FROM users WHERE user_id = 15 RETURNING COUNT(*)
DELETE FROM orders WHERE customer_id = 1 RETURNING order_id, status
DELETE FROM orders WHERE customer_id = 2 ORDER BY order_id LIMIT 1 RETURNING *
DELETE FROM orders WHERE status = 'void' RETURNING customer_id, order_id
DELETE FROM tickets WHERE v IS NULL RETURNING id
DELETE FROM tickets WHERE id = 5 RETURNING *
DELETE FROM currencies WHERE code = 'NOK' RETURNING *
DELETE FROM settings RETURNING id, v
DELETE FROM units RETURNING name
DELETE FROM staging WHERE EXISTS (SELECT 1 FROM users WHERE users.user_id = staging.user_id) RETURNING user_id
DELETE FROM users WHERE user_id = (SELECT MAX(user_id) FROM users WHERE user_id = 20)
DELETE FROM orders WHERE customer_id = 3 AND amount = (SELECT MAX(amount) FROM orders WHERE customer_id = 3)
DELETE FROM orders WHERE amount > (SELECT AVG(amount) FROM orders)
UPDATE orders SET amount = (SELECT SUM(amount) FROM orders WHERE customer_id = 4) WHERE customer_id = 4 AND order_id = 1
UPDATE users SET age = (SELECT MAX(age) FROM users) WHERE user_id = 21
UPDATE orders o SET status = 'top' WHERE amount = (SELECT MAX(amount) FROM orders i WHERE i.customer_id = o.customer_id)
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.note = 'ordered' WHERE o.order_id = 1 ORDER BY u.user_id
UPDATE currencies SET rate = (SELECT MAX(rate) FROM currencies) WHERE code = 'USD'
INSERT INTO users (user_id, name) VALUES (120, 'a'), /*M! (121, 'MariaDB only'), */ (122, 'c') /*M! RETURNING user_id */
INSERT INTO users (user_id, name) VALUES (123, 'sequence' || 'or') RETURNING name
DELETE FROM users WHERE user_id IN (22, 24) AND age = 'abc'
DELETE FROM orders WHERE status > 5 AND customer_id = 8
UPDATE users SET note = 'x' WHERE user_id = '25abc'
DELETE FROM staging WHERE v = 1 / 0
DELETE FROM staging WHERE v / 0 > 1
DELETE FROM currencies RETURNING code, title
DELETE FROM accounts RETURNING id, owner, v
DELETE FROM orders RETURNING *
DELETE FROM users RETURNING user_id
DELETE FROM users RETURNING user_id
