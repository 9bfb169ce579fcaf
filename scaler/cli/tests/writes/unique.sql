-- Unique columns beside the sharding key, and given ids that exist already.
INSERT INTO emails VALUES (100, 'ann@example.com', 1)
INSERT INTO emails VALUES (1, 'new@example.com', 1)
INSERT INTO emails VALUES (101, 'ANN@EXAMPLE.COM', 1)
INSERT INTO emails VALUES (101, 'free@example.com', 1)
INSERT INTO emails VALUES (102, 'free@example.com', 1)
INSERT INTO emails VALUES (102, 'free too@example.com', 1), (103, 'mike@example.com', 2)
INSERT INTO emails VALUES (104, 'same@example.com', 1), (105, 'same@example.com', 2)
INSERT INTO emails VALUES (104, 'four@example.com', 1), (105, 'five@example.com', 2), (104, 'six@example.com', 3)
INSERT INTO emails VALUES (106, NULL, 1), (107, NULL, 2), (108, NULL, 3)
INSERT INTO emails (user_id, v) VALUES (109, 1), (110, 2)
INSERT INTO emails VALUES (111, '', 1)
INSERT INTO emails (email, user_id) VALUES ('kurt@example.com', 112)
INSERT INTO emails SET user_id = 112, email = 'bob@example.com'
INSERT INTO emails SET user_id = 112, email = 'twelve@example.com'
INSERT IGNORE INTO emails VALUES (113, 'bob@example.com', 1)
INSERT IGNORE INTO emails VALUES (113, 'thirteen@example.com', 1), (114, 'thirteen@example.com', 2), (115, 'lena@example.net', 3), (116, NULL, 4)
INSERT INTO emails VALUES (117, 'bob@example.com', 99) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO emails VALUES (117, 'seventeen@example.com', 1), (118, 'gina@example.com', 98) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO emails VALUES (7, 'gina@example.com', 97) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO emails VALUES (7, 'bob@example.com', 0) ON DUPLICATE KEY UPDATE email = VALUES(email)
INSERT INTO emails VALUES (7, 'other@example.com', 0) ON DUPLICATE KEY UPDATE email = 'bob@example.com'
INSERT INTO emails VALUES (7, 'other@example.com', 0) ON DUPLICATE KEY UPDATE email = 'gina@elsewhere.example'
REPLACE INTO emails VALUES (119, 'judy@example.com', 1)
REPLACE INTO emails VALUES (9, 'ivan@example.net', 1)
REPLACE INTO emails VALUES (9, 'lena@example.net', 1)
REPLACE INTO emails VALUES (120, NULL, 1), (121, NULL, 1)
UPDATE emails SET email = 'ann@example.com' WHERE user_id = 2
UPDATE emails SET email = 'ann@example.com' WHERE user_id = 1
UPDATE emails SET email = 'Ann@Example.com' WHERE user_id = 1
UPDATE emails SET email = 'bob@elsewhere.example' WHERE user_id = 2
UPDATE emails SET email = 'bob@example.com' WHERE user_id = 3
UPDATE emails SET email = 'bob@example.com' WHERE user_id = 3
UPDATE emails SET email = NULL WHERE user_id IN (5, 6)
UPDATE emails SET email = 'nobody@example.com' WHERE user_id = 12345
UPDATE emails SET email = 'one for two@example.com' WHERE user_id IN (5, 6)
UPDATE emails SET email = 'only one@example.com' WHERE user_id IN (5, 12345)
UPDATE emails SET email = 'mike@example.com' WHERE v = 0
UPDATE emails SET email = 'all alike@example.com'
UPDATE emails SET email = CONCAT('x', email) WHERE email IS NOT NULL
UPDATE emails SET email = SUBSTRING(email, 2) WHERE user_id < 50
UPDATE emails SET email = CONCAT(user_id, '@example.com') WHERE user_id > 100
UPDATE emails SET email = IF(user_id = 14, '14a@example.com', '15a@example.com') WHERE user_id IN (14, 15)
UPDATE IGNORE emails SET email = '14a@example.com' WHERE user_id = 15
UPDATE IGNORE emails SET email = '15b@example.com' WHERE user_id = 15
DELETE FROM emails WHERE user_id = 14
INSERT INTO emails VALUES (140, '14a@example.com', 14)
DELETE FROM emails WHERE email = '15b@example.com'
UPDATE emails SET email = '15b@example.com' WHERE user_id = 140
INSERT INTO emails VALUES (15, '14a@example.com', 15)
DELETE FROM emails WHERE user_id IN (15, 140)
INSERT INTO emails VALUES (15, '15b@example.com', 15), (140, '14a@example.com', 14)
INSERT INTO emails SELECT user_id + 500, NULL, v FROM emails WHERE user_id = 1
INSERT INTO emails VALUES (200, ' leading@example.com', 1), (201, 'leading@example.com', 2)
INSERT INTO emails VALUES (202, 'a''b@example.com', 1), (203, 'a"b@example.com', 2), (204, 'a\\b@example.com', 3)
INSERT INTO emails VALUES (205, 'a\'b@example.com', 1)
INSERT INTO tickets (id, user_id, v) VALUES (1, 500, 1)
INSERT INTO tickets (id, user_id, v) VALUES (1, 1, 1)
INSERT INTO tickets (id, user_id, v) VALUES (300, 1, 1), (301, 2, 2), (300, 3, 3)
INSERT INTO tickets (id, user_id, v) VALUES (300, 1, 1), (301, 2, 2), (2, 3, 3)
INSERT INTO tickets (id, user_id, v) VALUES (300, 1, 1), (301, 2, 2)
INSERT INTO tickets (id, user_id, v) VALUES (300, 9, 9)
INSERT IGNORE INTO tickets (id, user_id, v) VALUES (300, 9, 9), (302, 9, 9)
INSERT INTO tickets (id, user_id, v) VALUES (301, 9, 9) ON DUPLICATE KEY UPDATE v = 999
REPLACE INTO tickets (id, user_id, v) VALUES (301, 10, 10)
UPDATE tickets SET id = 300 WHERE id = 302
UPDATE tickets SET id = 303 WHERE id = 302
UPDATE tickets SET id = 303 WHERE user_id = 34
INSERT INTO accounts (id, owner) VALUES (1, 'dup')
INSERT INTO accounts (id, owner) VALUES (60, 'new'), (2, 'dup'), (61, 'new')
INSERT INTO accounts (id, owner) VALUES (60, 'new'), (60, 'dup')
INSERT INTO accounts (id, owner) VALUES (60, 'new'), (61, 'new')
UPDATE accounts SET id = 61 WHERE id = 60
INSERT INTO units (id, name) VALUES (1, 'free')
INSERT INTO units (id, name) VALUES (60, 'kg')
INSERT INTO units (id, name) VALUES (60, 'x'), (61, 'x')
INSERT INTO units (id, name) VALUES (60, 'KG'), (61, 'Kg')
UPDATE units SET name = 'kg' WHERE id = 60
UPDATE units SET id = 1 WHERE id = 60
INSERT INTO currencies VALUES ('EUR', 1, 'dup')
INSERT INTO currencies VALUES ('XAA', 1, 'new'), ('USD', 1, 'dup')
UPDATE currencies SET code = 'EUR' WHERE code = 'USD'
INSERT INTO orders (customer_id, order_id) VALUES (1, 1)
INSERT INTO orders (customer_id, order_id) VALUES (31, 1), (32, 1), (31, 1)
INSERT INTO users (user_id, name) VALUES (1, 'ann')
