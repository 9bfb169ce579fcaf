-- Statements that fail, and some beside them that must not.
INSERT INTO users (user_id, name) VALUES (1, 'exists')
INSERT INTO users (user_id, name) VALUES (100, 'a'), (101, 'b'), (2, 'exists'), (102, 'c')
INSERT INTO users (user_id, name) VALUES (103, 'a'), (104, 'b'), (103, 'twice')
INSERT INTO users (user_id, name) VALUES (3, 'exists'), (105, 'a')
INSERT INTO users (user_id, name) VALUES (106, 'a'), (107, 'b'), (108, 'c'), (109, 'd'), (110, 'e'), (111, 'f'), (112, 'g'), (113, 'h'), (40, 'exists')
INSERT INTO orders (customer_id, order_id) VALUES (31, 1), (32, 1), (1, 1), (33, 1)
INSERT INTO orders (customer_id, order_id) VALUES (31, 1), (31, 2), (31, 1)
INSERT INTO staging VALUES (1, 1), (2, 2), (3, 3), (4, 4)
INSERT INTO staging SET user_id = 8
INSERT INTO tickets (id, user_id) VALUES (50, 1), (1, 2)
INSERT INTO users (user_id, name) VALUES (120)
INSERT INTO users (user_id, name) VALUES (120, 'a', 3)
INSERT INTO users (user_id, name) VALUES (120, 'a'), (121), (122, 'c')
INSERT INTO users VALUES (120, 'a')
INSERT INTO users VALUES (120, 'a', 'DE', 1, 1, 1, NULL, NULL, 'new', 'extra')
INSERT INTO users (user_id, name) VALUES ()
INSERT INTO users () VALUES ()
INSERT INTO users (user_id, user_id, name) VALUES (120, 121, 'a')
INSERT INTO users (user_id, name, nothing) VALUES (120, 'a', 1)
INSERT INTO users (user_id, orders.status) VALUES (120, 'a')
INSERT INTO users SET user_id = 120, name = 'a', nothing = 1
INSERT INTO users (user_id, name) VALUES (120, nothing)
INSERT INTO nowhere (id) VALUES (1)
INSERT INTO nowhere SELECT * FROM users WHERE user_id = 1
INSERT INTO users SELECT * FROM nowhere
INSERT INTO no_schema.users (user_id, name) VALUES (120, 'a')
INSERT INTO users (user_id) VALUES (120)
INSERT INTO users (user_id, country) VALUES (120, 'DE'), (121, 'FR')
INSERT INTO users (user_id, name) VALUES (120, NULL)
INSERT INTO users (user_id, name) VALUES (120, 'a'), (121, NULL), (122, 'c')
INSERT INTO users (user_id, name) VALUES (NULL, 'a')
INSERT INTO users (user_id, name) VALUES (120, 'a'), (NULL, 'b')
INSERT INTO users (user_id, name) VALUES (DEFAULT, 'a')
INSERT INTO users (name) VALUES ('no key')
INSERT INTO users SET name = 'no key'
INSERT INTO users (user_id, name) VALUES (120, DEFAULT)
INSERT INTO users (user_id, name) VALUES (120, DEFAULT(name))
INSERT INTO users (user_id, name) VALUES ('abc', 'a')
INSERT INTO users (user_id, name) VALUES ('12x', 'a')
INSERT INTO users (user_id, name) VALUES ('', 'a')
INSERT INTO users (user_id, name) VALUES (9223372036854775808, 'a')
INSERT INTO users (user_id, name) VALUES (-9223372036854775809, 'a'), (120, 'b')
INSERT INTO users (user_id, name) VALUES ('99999999999999999999', 'a')
INSERT INTO users (user_id, name) VALUES (1e30, 'a')
INSERT INTO users (user_id, name) VALUES (120, 'this name is longer than forty characters, so no')
INSERT INTO users (user_id, name) VALUES (120, 'a'), (121, 'this name is longer than forty characters, so no'), (122, 'c')
INSERT INTO users (user_id, name, country) VALUES (120, 'a', 'DEU')
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 2147483648)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 'old')
INSERT INTO users (user_id, name, age) VALUES (120, 'a', '5 years')
INSERT INTO users (user_id, name, balance) VALUES (120, 'a', 10000000000)
INSERT INTO users (user_id, name, balance) VALUES (120, 'a', 'much')
INSERT INTO users (user_id, name, balance) VALUES (120, 'a', NULL)
INSERT INTO users (user_id, name, score) VALUES (120, 'a', 1e999)
INSERT INTO users (user_id, name, score) VALUES (120, 'a', 'high')
INSERT INTO users (user_id, name, born) VALUES (120, 'a', '2021-02-30')
INSERT INTO users (user_id, name, born) VALUES (120, 'a', 'tomorrow')
INSERT INTO users (user_id, name, born) VALUES (120, 'a', '2021-13-01'), (121, 'b', '2021-12-01')
INSERT INTO users (user_id, name, kind) VALUES (120, 'a', 'other')
INSERT INTO users (user_id, name, kind) VALUES (120, 'a', 'new'), (121, 'b', 'older')
INSERT INTO users (user_id, name, kind) VALUES (120, 'a', 4)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 200)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 20), (121, 'b', 2000), (122, 'c', 20)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 1 / 0)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', 1), (121, 'b', 5 MOD 0)
INSERT INTO users (user_id, name, age) VALUES (120, 'a', (SELECT id FROM units))
INSERT INTO users (user_id, name, age) VALUES (120, 'a', (SELECT id, v FROM units WHERE id = 1))
INSERT INTO users (user_id, name, age) VALUES (120, 'a', NO_SUCH_FUNCTION(1))
INSERT INTO users (user_id, name, age) VALUES (120, 'a', UPPER())
INSERT INTO users (user_id, name) VALUES (120, 'a') ON DUPLICATE KEY UPDATE nothing = 1
INSERT INTO users (user_id, name) VALUES (1, 'a') ON DUPLICATE KEY UPDATE name = NULL
INSERT INTO users (user_id, name) VALUES (120, 'a'), (1, 'b') ON DUPLICATE KEY UPDATE age = 1000
INSERT INTO users (user_id, name) VALUES (120, 'a'), (1, 'b') ON DUPLICATE KEY UPDATE country = 'LONG'
INSERT INTO users (user_id, name) VALUES (1, 'b') ON DUPLICATE KEY UPDATE age = VALUES(nothing)
INSERT INTO users (user_id, name) VALUES (120, 'a'
INSERT INTO users (user_id, name) VALUES (120, 'a'))
INSERT INTO users (user_id, name) VALUES (120, 'a'),
INSERT INTO users (user_id, name) VALUES (120, 'a') (121, 'b')
INSERT INTO users (user_id, name) VALUES (120, 'unclosed)
INSERT INTO users (user_id, name) VALUES (120, 'it's')
INSERT INTO users (user_id name) VALUES (120, 'a')
INSERT INTO users (user_id, name,) VALUES (120, 'a')
INSERT INTO users (user_id, name)
INSERT INTO users VALUES
INSERT INTO VALUES (1)
INSERT users INTO VALUES (1)
INSERT INTO users (user_id, name) VALUES (120, 'a') WHERE user_id = 1
INSERT INTO users (user_id, name) VALUES (120, 'a') ON DUPLICATE UPDATE name = 'b'
INSERT INTO users (user_id, name) VALUES (120, 'a') ON DUPLICATE KEY UPDATE
INSERT INTO users SET user_id = 120 name = 'a'
INSERT INTO users SET
INSERT IGNORE INTO users (user_id, name) VALUES (120, 'a', 1)
INSERT IGNORE INTO users (user_id, nothing) VALUES (120, 1)
INSERT IGNORE INTO users (user_id, name, age) VALUES (137, 'one row over the check is an error to MariaDB', 500)
INSERT INTO currencies VALUES ('EUR', 1, 'dup')
INSERT INTO currencies VALUES ('AAA', 1, 'new'), ('BBB', 1, 'new'), ('EUR', 1, 'dup'), ('CCC', 1, 'new')
INSERT INTO currencies VALUES ('LONG', 1, 'x')
INSERT INTO currencies VALUES (NULL, 1, 'x')
INSERT INTO currencies VALUES ('AAA', 1000000, 'x')
INSERT INTO units (id, name) VALUES (50, 'a'), (51, 'kg')
INSERT INTO settings VALUES (1, 'dup')
INSERT INTO settings (id, v) VALUES (50, 'fits'), (51, 'much longer than twenty')
REPLACE INTO users (user_id, name) VALUES (1, NULL)
REPLACE INTO users (user_id, name) VALUES (1, 'a'), (2, NULL)
REPLACE INTO users (user_id, name, age) VALUES (1, 'a', 1), (2, 'b', 999), (120, 'c', 1)
REPLACE INTO users (user_id) VALUES (1)
REPLACE INTO users (user_id, name, country) VALUES (1, 'a', 'LONG')
REPLACE INTO users (user_id, name) VALUES (1, 'a') ON DUPLICATE KEY UPDATE name = 'b'
REPLACE IGNORE INTO users (user_id, name) VALUES (1, 'a')
UPDATE users SET name = NULL WHERE user_id = 1
UPDATE users SET name = 'this name is longer than forty characters, so no' WHERE user_id IN (1, 2, 3)
UPDATE users SET country = 'LONG' WHERE user_id = 1
UPDATE users SET country = 'LONG' WHERE user_id = 12345
UPDATE users SET age = 300 WHERE user_id = 1
UPDATE users SET age = age + 100
UPDATE users SET age = 300
UPDATE users SET age = 1 / 0 WHERE user_id = 1
UPDATE users SET age = 10 / (user_id - 5) WHERE user_id IN (4, 5, 6)
UPDATE users SET age = 'abc' WHERE user_id = 1
UPDATE users SET kind = 'other' WHERE user_id = 1
UPDATE users SET born = '2021-02-30' WHERE user_id = 1
UPDATE users SET balance = 99999999999 WHERE country = 'DE'
UPDATE users SET balance = balance * 1000
UPDATE users SET nothing = 1 WHERE user_id = 1
UPDATE users SET name = nothing WHERE user_id = 1
UPDATE users SET name = 'x' WHERE nothing = 1
UPDATE users SET name = 'x' WHERE user_id = 1 AND orders.status = 'x'
UPDATE users u SET users.name = 'x' WHERE u.user_id = 1
UPDATE users u SET x.name = 'x' WHERE u.user_id = 1
UPDATE nowhere SET a = 1
UPDATE users SET name = 'x' WHERE user_id = (SELECT id FROM units)
UPDATE users SET age = (SELECT id FROM units) WHERE user_id = 1
UPDATE users SET age = (SELECT amount FROM orders WHERE customer_id = users.user_id) WHERE user_id = 1
UPDATE users SET age = (SELECT nothing FROM currencies) WHERE user_id = 1
UPDATE users SET age = COUNT(*) WHERE user_id = 1
UPDATE users SET age = 1 WHERE SUM(age) > 1
UPDATE users SET age = 1 WHERE user_id
UPDATE users SET age = 1 WHERE
UPDATE users SET WHERE user_id = 1
UPDATE users age = 1 WHERE user_id = 1
UPDATE users SET age == 1 WHERE user_id = 1
UPDATE users SET age = 1, WHERE user_id = 1
UPDATE users SET age = 1 WHERE user_id = 1 LIMIT 1, 1
UPDATE users SET age = 1 WHERE user_id = 1 GROUP BY age
UPDATE users SET name = 'x' WHERE user_id = '1
UPDATE users SET name = 'x' WHERE (user_id = 1
UPDATE users SET name = 'x' WHERE user_id IN ()
UPDATE SET name = 'x'
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.nothing = 1
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET user_id = NULL WHERE u.user_id = 1
UPDATE users u JOIN staging s ON u.user_id = s.user_id SET v = 1 WHERE user_id = 3
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.age = 500, o.status = 'x' WHERE u.user_id = 1
UPDATE users u JOIN nowhere n ON n.id = u.user_id SET u.age = 1
UPDATE orders SET status = NULL WHERE customer_id = 1
UPDATE orders SET order_id = 1 WHERE customer_id = 1
UPDATE orders SET order_id = 1
UPDATE orders SET status = 'longer than ten' WHERE customer_id = 1 AND order_id = 1
UPDATE orders SET amount = 123456789 WHERE order_id = 1
UPDATE currencies SET code = 'EUR' WHERE code = 'USD'
UPDATE currencies SET code = 'XXX'
UPDATE currencies SET rate = 'x'
UPDATE currencies SET nothing = 1
UPDATE settings SET v = 'much longer than twenty' WHERE id = 1
UPDATE settings SET id = 1
DELETE FROM nowhere
DELETE FROM users WHERE nothing = 1
DELETE FROM users WHERE user_id = 1 AND orders.status = 'x'
DELETE FROM users WHERE user_id IN (SELECT nothing FROM currencies)
DELETE FROM users WHERE user_id = (SELECT id FROM units)
DELETE FROM users WHERE age = SUM(age)
DELETE FROM users WHERE
DELETE FROM
DELETE users WHERE user_id = 1
DELETE * FROM users WHERE user_id = 1
DELETE FROM users WHERE user_id = 1 HAVING 1
DELETE FROM users SET user_id = 1
DELETE FROM users WHERE user_id = 'a
DELETE FROM users, orders WHERE user_id = customer_id
DELETE x FROM users u JOIN orders o ON u.user_id = o.customer_id
DELETE u FROM users u JOIN orders o ON u.user_id = o.customer_id LIMIT 1
DELETE FROM users WHERE user_id = 1 ORDER BY nothing
UPDATE users SET note = 'x' WHERE user_id IN (1, 2) AND age = 'abc'
UPDATE users SET note = 'x' WHERE name = 0
UPDATE users SET name = 'x' WHERE age = '12abc'
UPDATE orders SET amount = 1 WHERE status > 5 AND customer_id = 1
INSERT INTO staging SELECT user_id FROM users WHERE user_id = 1
INSERT INTO staging SELECT user_id, age, name FROM users WHERE user_id = 1
INSERT INTO staging SELECT user_id, name FROM users WHERE user_id = 1
INSERT INTO staging SELECT user_id, age FROM users
INSERT INTO staging (user_id, nothing) SELECT user_id, age FROM users WHERE user_id = 1
INSERT INTO currencies SELECT name, v, name FROM units
INSERT INTO currencies SELECT 'EUR', 1, name FROM units WHERE id = 1
INSERT INTO settings SELECT id, v FROM settings
INSERT INTO users (user_id, name) VALUES (120, 'this one works')
SELEC 1
INSRT INTO users (user_id, name) VALUES (121, 'a')
UPSERT INTO users (user_id, name) VALUES (121, 'a')
MERGE INTO users USING staging ON users.user_id = staging.user_id
INSERT OR REPLACE INTO users (user_id, name) VALUES (121, 'a')
INSERT INTO users (user_id, name) VALUES (121, 'a') ON CONFLICT DO NOTHING
INSERT INTO "users" ("user_id", "name") VALUES (121, 'a')
UPDATE TOP (1) users SET name = 'a'
INSERT INTO users (user_id, name) VALUES (130, NULL), (1, 'exists')
INSERT INTO users (user_id, name) VALUES (1, 'exists'), (130, NULL)
INSERT INTO users (user_id, name, age) VALUES (131, 'a', 500), (132, 'b', 'abc'), (1, 'exists', 1)
INSERT INTO users (user_id, name, country) VALUES (133, 'a', 'DE'), (2, 'exists', 'FR'), (134, 'c', 'LONG'), (3, 'exists', 'US')
INSERT INTO users (user_id, name) VALUES (135, 'a') /* unclosed comment
INSERT INTO users (user_id, name) VALUES (135, 'a') */
INSERT INTO users (user_id, name) VALUES (135, 'a\')
INSERT INTO users (user_id, name) VALUES (135, "a')
INSERT INTO users (`user_id, name) VALUES (135, 'a')
INSERT INTO users (user_id, name) VALUES (?, ?)
INSERT INTO users (user_id, name) VALUES (:id, :name)
INSERT INTO users (user_id, name) VALUES ({135}, 'a')
INSERT INTO users (user_id, name) VALUES (135, 'a', )
INSERT INTO users (user_id, name) VALUES (, 'a')
INSERT INTO users (user_id, name) VALUES (135, 'a') VALUES (136, 'b')
UPDATE users SET age = -9223372036854775808 WHERE user_id = 1
UPDATE users SET age = 9223372036854775807 + 1 WHERE user_id = 1
UPDATE users SET user_id = user_id - 9223372036854775807 - 10 WHERE user_id = 1
UPDATE users SET user_id = 1
UPDATE users SET user_id = 2 WHERE country = 'DE'
UPDATE users SET user_id = user_id + 1
UPDATE tickets SET id = 1
UPDATE accounts SET id = 5 WHERE owner = 'bob'
UPDATE staging SET user_id = 3 WHERE v IS NULL
UPDATE staging SET v = user_id * 1000000000000 WHERE user_id = 50
UPDATE staging SET v = v DIV 0 WHERE user_id = 50
UPDATE staging SET v = (SELECT v FROM staging_2)
UPDATE staging SET v = 1 WHERE v = 1 / 0
UPDATE staging SET v = 1 WHERE v MOD 0 > 1
DELETE FROM staging WHERE (user_id, v) = (1, 2, 3)
DELETE FROM staging WHERE user_id IN (SELECT user_id, v FROM staging)
