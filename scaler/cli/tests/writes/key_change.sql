-- UPDATE of the sharding key, of rows that so belong elsewhere.
UPDATE users SET user_id = 1001 WHERE user_id = 3
UPDATE users SET user_id = 1001 WHERE user_id = 3
UPDATE users SET user_id = 3 WHERE user_id = 1001
UPDATE users SET user_id = 1002 WHERE user_id = 3 AND country = 'DE'
UPDATE users SET user_id = 1002 WHERE user_id = 3 AND country = 'FR'
UPDATE users SET user_id = 1003, name = 'moved', balance = balance + 1 WHERE user_id = 4
UPDATE users SET name = CONCAT(name, ' moved'), user_id = 1004, age = age * 2, kind = DEFAULT, born = NULL WHERE user_id = 5
UPDATE users SET user_id = 6 WHERE user_id = 6
UPDATE users SET user_id = 6, name = 'same key' WHERE user_id = 6
UPDATE users SET user_id = '6', name = 'same key as a string' WHERE user_id = '6'
UPDATE users SET user_id = 7 WHERE user_id = 8
UPDATE users SET user_id = 7, name = 'not done' WHERE user_id = 8
UPDATE users SET user_id = 8, name = 'not done either' WHERE user_id = 7
UPDATE users SET user_id = 1005 WHERE user_id = 77777
UPDATE users SET user_id = 7 WHERE user_id = 77777
UPDATE users SET user_id = NULL WHERE user_id = 9
UPDATE users SET user_id = 'nine' WHERE user_id = 9
UPDATE users SET user_id = 99999999999999999999 WHERE user_id = 9
UPDATE users SET user_id = -9 WHERE user_id = 9
UPDATE users SET user_id = 9223372036854775807 WHERE user_id = 10
UPDATE users SET user_id = -9223372036854775808, note = 'lowest' WHERE user_id = 11
UPDATE users SET user_id = 0 WHERE user_id = 12
UPDATE users SET user_id = '1013' WHERE user_id = 13
UPDATE users SET user_id = 1014.4 WHERE user_id = 14
UPDATE users SET user_id = user_id + 1000 WHERE user_id = 15
UPDATE users SET user_id = user_id * 10, age = user_id WHERE user_id = 16
UPDATE users SET user_id = -user_id WHERE user_id IN (17, 18)
UPDATE users SET user_id = 2019 WHERE user_id IN (19)
UPDATE users SET user_id = 2020 WHERE user_id IN (20, 21)
UPDATE users SET user_id = 2020 WHERE user_id IN (20, 77777)
UPDATE users SET user_id = CASE user_id WHEN 22 THEN 1022 WHEN 23 THEN 1023 END WHERE user_id IN (22, 23)
UPDATE users SET user_id = 3000 + age WHERE name = 'will'
UPDATE users SET user_id = 1025 WHERE name = 'xena' AND country = 'JP'
UPDATE users SET user_id = 1026 WHERE name = 'no such name'
UPDATE users SET user_id = user_id + 100 WHERE user_id BETWEEN 26 AND 30
UPDATE users SET user_id = user_id - 100 WHERE user_id > 125 AND user_id < 131
UPDATE users SET user_id = user_id + 1 WHERE user_id BETWEEN 26 AND 40 ORDER BY user_id DESC
UPDATE users SET user_id = user_id - 1 WHERE user_id BETWEEN 27 AND 41 ORDER BY user_id
UPDATE users SET user_id = user_id WHERE country = 'DE'
UPDATE users SET user_id = 1030 WHERE user_id = 30 LIMIT 1
UPDATE users SET user_id = 1031, name = NULL WHERE user_id = 31
UPDATE users SET user_id = 1031, age = 300 WHERE user_id = 31
UPDATE users SET user_id = 1031, country = 'LONG' WHERE user_id = 31
UPDATE users SET user_id = 1031, nothing = 1 WHERE user_id = 31
UPDATE users SET user_id = 1031, user_id = 1032 WHERE user_id = 31
UPDATE users u SET u.user_id = 1033 WHERE u.user_id = 33
UPDATE `users` SET `user_id` = 1034, `name` = 'orm', `note` = 'it''s; moved' WHERE `users`.`user_id` = 34
UPDATE users SET user_id = (SELECT 1035) WHERE user_id = 35
UPDATE users SET user_id = 36000 + (SELECT MAX(id) FROM units) WHERE user_id = 36
UPDATE users SET user_id = 1037 WHERE user_id = 37 AND EXISTS (SELECT 1 FROM orders WHERE customer_id = 37)
UPDATE users SET user_id = 37 WHERE 1 = 0
UPDATE IGNORE users SET user_id = 37 WHERE user_id = 38
UPDATE IGNORE users SET user_id = 1038 WHERE user_id = 38
UPDATE users SET user_id = user_id + 100000
DELETE FROM users WHERE user_id > 100000 OR user_id < -100000
UPDATE users SET user_id = user_id + 100000
UPDATE users SET user_id = user_id - 100000
INSERT INTO users (user_id, name) VALUES (2, 'x') ON DUPLICATE KEY UPDATE user_id = 5002
INSERT INTO users (user_id, name) VALUES (2, 'x') ON DUPLICATE KEY UPDATE user_id = 5002
INSERT INTO users (user_id, name) VALUES (2, 'x') ON DUPLICATE KEY UPDATE user_id = 5002
INSERT INTO users (user_id, name) VALUES (6, 'x'), (7, 'y'), (6000, 'z') ON DUPLICATE KEY UPDATE user_id = user_id + 6000, name = VALUES(name)
INSERT INTO orders (customer_id, order_id) VALUES (4, 1), (4, 3) ON DUPLICATE KEY UPDATE customer_id = VALUES(customer_id) + 60
UPDATE orders SET customer_id = 99 WHERE customer_id = 5
UPDATE orders SET customer_id = 99 WHERE customer_id = 5
UPDATE orders SET customer_id = 98, status = 'moved', amount = amount + 0.5 WHERE customer_id = 6 AND order_id = 2
UPDATE orders SET customer_id = 98 WHERE customer_id = 6
UPDATE orders SET customer_id = 97 WHERE customer_id IN (7, 77777)
UPDATE orders SET customer_id = 10 WHERE customer_id = 9
UPDATE orders SET customer_id = 10, order_id = order_id + 10 WHERE customer_id = 9
UPDATE orders SET customer_id = 11, order_id = 3 WHERE customer_id = 12 AND order_id = 1
UPDATE orders SET customer_id = 11, order_id = 3 WHERE customer_id = 12 AND order_id = 2
UPDATE orders SET customer_id = 11 WHERE customer_id = 11
UPDATE orders SET customer_id = 96 WHERE order_id = 2 AND customer_id = 13
UPDATE orders SET customer_id = customer_id + 50 WHERE customer_id > 25
UPDATE orders SET customer_id = customer_id + 1000 WHERE status = 'void'
UPDATE orders SET customer_id = order_id, order_id = 500 WHERE customer_id = 14 AND order_id = 1
UPDATE orders SET customer_id = 95 WHERE customer_id = 15 ORDER BY order_id LIMIT 1
UPDATE orders SET customer_id = 95 WHERE customer_id = 15 ORDER BY order_id
UPDATE orders SET customer_id = 94 WHERE customer_id = 16 AND amount < 10
UPDATE orders SET customer_id = 93 WHERE customer_id IN (SELECT user_id FROM users WHERE user_id = 1)
UPDATE orders SET customer_id = 1 WHERE customer_id = 2
UPDATE orders SET customer_id = 92 WHERE customer_id IN (17, 18)
UPDATE orders SET customer_id = NULL WHERE customer_id = 20
UPDATE orders o JOIN users u ON u.user_id = o.customer_id SET o.customer_id = 91 WHERE o.customer_id = 21
UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.user_id = 5000, o.customer_id = 5000 WHERE u.user_id = 1
UPDATE tickets SET user_id = 5 WHERE id = 3
UPDATE tickets SET user_id = 6, v = v + 1 WHERE user_id = 2
UPDATE tickets SET user_id = 500 WHERE user_id = 7
UPDATE tickets SET user_id = 501 WHERE v IS NULL
UPDATE tickets SET user_id = id + 600 WHERE user_id = 1
UPDATE tickets SET user_id = id WHERE id > 15
UPDATE tickets SET user_id = 502, id = 100 WHERE id = 9
UPDATE tickets SET id = 101 WHERE user_id = 500 AND id = 13
UPDATE tickets SET user_id = NULL WHERE id = 6
UPDATE accounts SET id = 100 WHERE id = 1
UPDATE accounts SET id = 2 WHERE id = 3
UPDATE accounts SET id = id + 200, v = v + 1 WHERE id = 4
UPDATE accounts SET id = id + 300 WHERE owner = 'bob'
UPDATE emails SET user_id = 100 WHERE user_id = 1
UPDATE emails SET user_id = 3 WHERE user_id = 2
UPDATE emails SET user_id = 101, email = 'moved@example.com' WHERE user_id = 3
UPDATE emails SET user_id = 102, email = 'moved@example.com' WHERE user_id = 5
UPDATE emails SET user_id = 103, email = NULL WHERE user_id = 6
UPDATE staging SET user_id = 4 WHERE user_id = 3
UPDATE staging SET user_id = 9, v = user_id WHERE user_id = 8
UPDATE staging SET user_id = 50 WHERE user_id = 33
UPDATE staging SET user_id = user_id + 1
UPDATE staging SET user_id = user_id * 2 WHERE v IS NULL
