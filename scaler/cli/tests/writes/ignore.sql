-- INSERT IGNORE, and what else IGNORE forgives.
INSERT IGNORE INTO users (user_id, name) VALUES (1, 'there already')
INSERT IGNORE INTO users (user_id, name) VALUES (100, 'new')
INSERT IGNORE INTO users (user_id, name) VALUES (100, 'new no longer')
INSERT IGNORE INTO users (user_id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')
INSERT IGNORE INTO users (user_id, name) VALUES (5, 'old'), (101, 'new'), (6, 'old'), (102, 'new'), (7, 'old'), (103, 'new')
INSERT IGNORE INTO users (user_id, name) VALUES (104, 'first'), (104, 'second'), (105, 'first'), (104, 'third'), (105, 'second')
INSERT IGNORE INTO users (user_id, name) VALUES (106, 'x'), ('106', 'the same key as a string'), (106.0, 'and as a decimal')
INSERT IGNORE INTO users SET user_id = 8, name = 'set form'
INSERT IGNORE INTO users SET user_id = 107, name = 'set form', age = 7
INSERT IGNORE users (user_id, name) VALUES (107, 'no INTO'), (108, 'no INTO')
INSERT LOW_PRIORITY IGNORE INTO users (user_id, name) VALUES (109, 'low'), (9, 'low')
insert ignore into `users` (`user_id`, `name`, `note`) values (110, 'orm', 'a''b'), (10, 'orm', 'c')
INSERT /* not IGNORE */ INTO users (user_id, name) VALUES (111, 'plain')
INSERT /*! IGNORE */ INTO users (user_id, name) VALUES (111, 'in an executable comment'), (112, 'new')
INSERT IGNORE INTO users (user_id, name, country) VALUES (113, 'country cut', 'GERMANY'), (114, 'fits', 'DE')
INSERT IGNORE INTO users (user_id, name) VALUES (115, 'a name that is longer than forty characters is cut to them'), (116, 'short')
INSERT IGNORE INTO users (user_id, name, age) VALUES (117, 'not a number', 'abc'), (118, 'half a number', '12abc'), (119, 'number', '12')
INSERT IGNORE INTO users (user_id, name, age) VALUES (120, 'too low', -99999999999), (121, 'low', -2147483648)
INSERT IGNORE INTO users (user_id, name, balance) VALUES (122, 'too much', 123456789012345), (123, 'too little', -123456789012345), (124, 'three places', 1.239)
INSERT IGNORE INTO users (user_id, name, born) VALUES (125, 'no such day', '2021-02-30'), (126, 'no date', 'yesterday'), (127, 'date', '2021-02-28')
INSERT IGNORE INTO users (user_id, name, kind) VALUES (128, 'no such kind', 'other'), (129, 'kind', 'old'), (130, 'no such index', 9)
INSERT IGNORE INTO users (user_id, name) VALUES (131, NULL), (132, 'name')
INSERT IGNORE INTO users (user_id, country) VALUES (133, 'US'), (134, 'FR')
INSERT IGNORE INTO users (user_id, name, age) VALUES (135, 'over the check', 250), (136, 'under it', 150)
INSERT IGNORE INTO users (user_id, name, age) VALUES (138, 'division', 1 / 0), (139, 'modulo', 5 % 0)
INSERT IGNORE INTO orders VALUES (1, 1, 'x', 1), (1, 2, 'x', 1), (1, 3, 'x', 1), (2, 1, 'x', 1), (2, 3, 'x', 1)
INSERT IGNORE INTO orders (customer_id, order_id) VALUES (31, 1), (31, 1), (32, 1), (31, 2), (32, 1)
INSERT IGNORE INTO orders (order_id, customer_id, status) VALUES (1, 33, 'this status is too long'), (1, 34, 'short')
INSERT IGNORE INTO orders SET customer_id = 3, order_id = 1, amount = 1
INSERT IGNORE INTO orders SET customer_id = 3, order_id = 9, amount = 1
INSERT IGNORE INTO orders (customer_id, order_id, status) VALUES (35, 1, NULL), (35, 2, DEFAULT)
INSERT IGNORE INTO tickets (id, user_id, v) VALUES (1, 1, 1), (100, 1, 1), (2, 2, 2), (101, 3, 3)
INSERT IGNORE INTO tickets (id, user_id, v) VALUES (102, 4, 1), (102, 4, 2), (103, 4, 3)
INSERT IGNORE INTO accounts (id, owner) VALUES (1, 'dup'), (50, 'new'), (2, 'dup'), (51, 'new'), (50, 'dup')
INSERT IGNORE INTO emails VALUES (1, 'other@example.com', 1), (20, 'new@example.com', 20)
INSERT IGNORE INTO emails VALUES (21, NULL, 1), (22, NULL, 2), (4, NULL, 3)
INSERT IGNORE INTO staging VALUES (3, 0), (4, 0), (8, 0), (9, 0), (21, 0), (22, 0)
INSERT IGNORE INTO staging VALUES (3, 0), (4, 0), (8, 0), (9, 0), (21, 0), (22, 0)
INSERT IGNORE INTO staging (user_id) VALUES (60), (61), (62), (63), (64), (65), (60), (61), (62), (66)
INSERT IGNORE INTO staging VALUES (70, 99999999999), (71, '5x'), (72, ''), (73, NULL)
INSERT IGNORE INTO staging VALUES (-1, 1), (0, 2), (-1, 3), (9223372036854775807, 4), (9223372036854775807, 5)
INSERT IGNORE INTO users (user_id, name) VALUES (1, 'x'), (140, 'y') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT IGNORE INTO users (user_id, name, country) VALUES (2, 'x', 'US'), (141, 'y', 'TOO LONG') ON DUPLICATE KEY UPDATE country = 'CUT OFF', note = 'ignored'
INSERT IGNORE INTO currencies VALUES ('EUR', 9, 'dup'), ('SEK', 11.2, 'Krona'), ('USD', 9, 'dup'), ('sek', 1, 'lower case')
INSERT IGNORE INTO currencies VALUES ('EURO', 1, 'cut to EUR'), ('NOKK', 11.5, 'cut to NOK')
INSERT IGNORE INTO units (id, name, v) VALUES (1, 'x', 1), (20, 'kg', 1), (21, 'l', 1), (22, 'l', 2)
INSERT IGNORE INTO settings (id, v) VALUES (1, 'dup'), (20, 'new'), (2, 'dup'), (20, 'again')
UPDATE IGNORE users SET country = 'LONG', age = 10 WHERE user_id = 12
UPDATE IGNORE users SET age = 1000 WHERE user_id IN (13, 14)
UPDATE IGNORE users SET name = NULL WHERE user_id IN (15, 16)
UPDATE IGNORE orders SET order_id = 1 WHERE customer_id = 5
UPDATE IGNORE orders SET order_id = order_id + 1 WHERE customer_id = 6 ORDER BY order_id
UPDATE IGNORE orders SET status = 'longer than ten' WHERE customer_id IN (7, 8, 9)
DELETE IGNORE FROM orders WHERE customer_id = 10
DELETE IGNORE FROM orders WHERE status = 'void'
