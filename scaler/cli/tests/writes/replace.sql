-- REPLACE: rows by key, in both forms.
REPLACE INTO users (user_id, name) VALUES (1, 'replaced')
REPLACE INTO users (user_id, name) VALUES (1, 'replaced')
REPLACE INTO users (user_id, name) VALUES (100, 'new')
REPLACE INTO users VALUES (2, 'whole row', 'DE', 1, 2, 3, '2004-05-06', 'seven', 'new')
REPLACE INTO users VALUES (2, 'whole row', 'DE', 1, 2, 3, '2004-05-06', 'seven', 'new'), (3, 'whole row', 'DE', 1, 2, 3, '2004-05-06', NULL, 'old')
REPLACE INTO users (user_id, name, age) VALUES (4, 'a', 1), (101, 'b', 2), (5, 'c', 3), (102, 'd', 4), (6, 'e', 5)
REPLACE INTO users (user_id, name, age) VALUES (4, 'a', 1), (101, 'b', 2), (5, 'c', 3), (102, 'd', 4), (6, 'e', 55)
REPLACE INTO users (user_id, name) VALUES (103, 'first'), (103, 'second'), (103, 'third')
REPLACE INTO users (user_id, name) VALUES (7, 'first'), (7, 'second'), (8, 'one'), (7, 'third')
REPLACE INTO users SET user_id = 9, name = 'set form'
REPLACE INTO users SET name = 'set form, new', user_id = 104, balance = 1.5, kind = DEFAULT
REPLACE users SET user_id = 104, name = 'no INTO'
REPLACE users VALUES (105, 'no INTO', NULL, NULL, DEFAULT, NULL, NULL, NULL, DEFAULT)
REPLACE LOW_PRIORITY INTO users (user_id, name) VALUES (10, 'low'), (106, 'low')
replace into `users` (`name`, `user_id`, `note`) values ('swapped', 11, 'REPLACE INTO users VALUES (1)'), ('swapped', 107, 'it''s; (really)')
REPLACE INTO users (user_id, name, note) VALUES (12, REPLACE('a-b-c', '-', '+'), REPLACE('REPLACE INTO', 'INTO', 'OUT OF'))
REPLACE INTO users (user_id, name, age, balance) VALUES (13, UPPER('x'), 2 * 21, 10 / 3), (14, CONCAT('a', 'b'), NULL, DEFAULT(balance) + 1)
REPLACE INTO users (user_id, name, note) VALUES (15, 'subquery', (SELECT title FROM currencies WHERE code = 'USD')), (108, 'subquery', (SELECT MIN(name) FROM units))
REPLACE INTO users (user_id, name, age) VALUES ('16', 'string key', '16'), ('109', 'string key', '109')
REPLACE INTO users (user_id, name) VALUES (-1, 'negative'), (-9223372036854775808, 'lowest'), (9223372036854775807, 'highest'), (0, 'zero')
REPLACE INTO users (user_id, name) VALUES (-1, 'negative again'), (9223372036854775807, 'highest again')
REPLACE INTO users (user_id, name, born, kind) VALUES (20, 'dates', DATE '2020-02-29', 'gone'), (19, 'dates', '1999-12-31', 2), (18, 'dates', NULL, NULL), (17, 'dates', 20200101, 'NEW')
REPLACE /* c */ INTO users (user_id, /* , */ name) VALUES (21, 'comment') /* , (22, 'not this') */, (110, 'comment') -- , (23, 'nor this')
REPLACE INTO users (user_id, name) VALUES (22, 'x'), (23, 'x'), (24, 'x'), (25, 'x'), (26, 'x'), (27, 'x'), (28, 'x'), (29, 'x'), (30, 'x'), (31, 'x'), (32, 'x'), (33, 'x')
REPLACE INTO orders VALUES (1, 1, 'new', 1), (1, 2, 'new', 2), (1, 3, 'new', 3)
REPLACE INTO orders VALUES (1, 1, 'newer', 1), (2, 1, 'newer', 2), (3, 1, 'newer', 3), (31, 1, 'newer', 4)
REPLACE INTO orders (customer_id, order_id) VALUES (4, 1), (4, 2), (4, 3)
REPLACE INTO orders (order_id, customer_id, amount) VALUES (1, 5, 1.5), (5, 1, 5.1), (2, 6, 2.6), (6, 2, 6.2)
REPLACE INTO orders SET customer_id = 7, order_id = 2, status = 'set'
REPLACE INTO orders SET order_id = 1, customer_id = 32, status = LEFT('settled', 3), amount = 0.1 + 0.2
REPLACE INTO orders (customer_id, order_id, status) VALUES (8, 1, DEFAULT), (8, 1, 'twice'), (9, 1, DEFAULT)
REPLACE INTO tickets (id, user_id, v) VALUES (1, 1, 111), (2, 2, 222), (200, 2, 333)
REPLACE INTO tickets (id, user_id, v) VALUES (200, 2, 333), (201, 4, 444)
REPLACE INTO tickets SET id = 5, user_id = 5
REPLACE INTO accounts (id, owner, v) VALUES (1, 'A', 1), (50, 'B', 2), (2, 'C', 3), (51, 'D', 4), (50, 'E', 5)
REPLACE INTO accounts (id, owner) VALUES (3, 'no v'), (4, NULL)
REPLACE INTO accounts SET v = 5, owner = 'five', id = 5
REPLACE INTO emails VALUES (1, 'ann@example.com', 100)
REPLACE INTO emails VALUES (2, 'bob@elsewhere.example', 2), (20, 'u20@example.com', 20)
REPLACE INTO emails (user_id, v) VALUES (3, 33), (4, 44), (21, 21)
REPLACE INTO staging VALUES (3, 31), (4, 41), (8, 81), (9, 91), (21, 211)
REPLACE INTO staging VALUES (3, 31), (4, 41), (8, 81), (9, 91), (21, 211)
REPLACE INTO staging (user_id) VALUES (33), (50), (51)
REPLACE INTO staging (v, user_id) VALUES (1, 3), (2, 3), (3, 4), (4, 4), (5, 3)
REPLACE INTO staging SET user_id = 50, v = 50 * 50
REPLACE INTO users (user_id, name) SELECT 34, 'from a select'
REPLACE INTO staging SELECT user_id, age FROM users WHERE user_id = 35
REPLACE INTO staging SELECT user_id, age FROM users WHERE user_id > 30
