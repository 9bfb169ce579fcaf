-- INSERT … ON DUPLICATE KEY UPDATE: new rows, old rows, both in one statement, and what counts as affected.
INSERT INTO users (user_id, name) VALUES (1, 'ann 2') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (1, 'ann 2') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (100, 'new row') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (100, 'old row now') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name, age) VALUES (2, 'x', 1), (101, 'y', 2), (3, 'z', 3), (102, 'w', 4) ON DUPLICATE KEY UPDATE name = VALUES(name), age = VALUES(age)
INSERT INTO users (user_id, name, age) VALUES (2, 'x', 1), (101, 'y', 2), (3, 'z', 3), (102, 'w', 4) ON DUPLICATE KEY UPDATE name = VALUES(name), age = VALUES(age)
INSERT INTO users (user_id, name, age) VALUES (2, 'x', 1), (101, 'y', 22), (3, 'z', 3), (103, 'v', 5) ON DUPLICATE KEY UPDATE name = VALUES(name), age = VALUES(age)
INSERT INTO users (user_id, name, balance) VALUES (4, 'ignored', 10) ON DUPLICATE KEY UPDATE balance = balance + VALUES(balance)
INSERT INTO users (user_id, name, balance) VALUES (4, 'ignored', 10), (5, 'ignored', 20), (6, 'ignored', 30), (104, 'inserted', 40) ON DUPLICATE KEY UPDATE balance = balance + VALUES(balance)
INSERT INTO users (user_id, name, balance) VALUES (4, 'ignored', 0), (5, 'ignored', 1), (6, 'ignored', 0) ON DUPLICATE KEY UPDATE balance = users.balance + VALUES(balance)
INSERT INTO users (user_id, name) VALUES (7, 'n'), (8, 'n'), (9, 'n') ON DUPLICATE KEY UPDATE age = age + 1
INSERT INTO users (user_id, name) VALUES (9, 'n'), (8, 'n'), (7, 'n') ON DUPLICATE KEY UPDATE age = COALESCE(age, 0) + 1, note = CONCAT(COALESCE(note, ''), '+')
INSERT INTO users (user_id, name) VALUES (10, 'n'), (105, 'n') ON DUPLICATE KEY UPDATE note = CONCAT('was ', name, ', would be ', VALUES(name))
INSERT INTO users (user_id, name) VALUES (11, 'a'), (11, 'b'), (11, 'c') ON DUPLICATE KEY UPDATE note = CONCAT(note, VALUES(name))
INSERT INTO users (user_id, name) VALUES (106, 'first'), (106, 'second'), (106, 'third') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name, age) VALUES (107, 'count', 1), (12, 'count', 1), (107, 'count', 1), (12, 'count', 1), (107, 'count', 1) ON DUPLICATE KEY UPDATE age = age + VALUES(age)
INSERT INTO users SET user_id = 13, name = 'set form' ON DUPLICATE KEY UPDATE name = 'from the set form', kind = 'gone'
INSERT INTO users SET user_id = 108, name = 'set form' ON DUPLICATE KEY UPDATE name = 'not reached'
INSERT INTO users (user_id, name) VALUES (14, 'x') ON DUPLICATE KEY UPDATE user_id = user_id
INSERT INTO users (user_id, name) VALUES (14, 'x') ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)
INSERT INTO users (user_id, name) VALUES (14, 'x'), (109, 'x') ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (15, 'x'), (16, 'y') ON DUPLICATE KEY UPDATE name = name
INSERT INTO users (user_id, name) VALUES (17, 'x') ON DUPLICATE KEY UPDATE note = NULL
INSERT INTO users (user_id, name) VALUES (17, 'x') ON DUPLICATE KEY UPDATE note = NULL
INSERT INTO users (user_id, name) VALUES (18, 'x'), (19, 'x') ON DUPLICATE KEY UPDATE balance = DEFAULT, kind = DEFAULT
INSERT INTO users (user_id, name) VALUES (20, 'x'), (21, 'x') ON DUPLICATE KEY UPDATE kind = CASE kind WHEN 'new' THEN 'old' WHEN 'old' THEN 'gone' ELSE kind END, age = IF(age > 20, age - 1, age + 1)
INSERT INTO users (user_id, name, score) VALUES (22, 'x', 1.5), (23, 'x', 2.5), (24, 'x', -100) ON DUPLICATE KEY UPDATE score = GREATEST(COALESCE(score, 0), VALUES(score))
INSERT INTO users (user_id, name, score) VALUES (22, 'x', 50), (23, 'x', 0.5), (110, 'x', 1) ON DUPLICATE KEY UPDATE score = IF(VALUES(score) > score, VALUES(score), score)
INSERT INTO users (user_id, name, note) VALUES (25, 'x', 'ON DUPLICATE KEY UPDATE'), (111, 'y', 'VALUES(name)') ON DUPLICATE KEY UPDATE note = VALUES(note)
INSERT INTO users (user_id, name, note) VALUES (26, 'it''s', 'a\\b'), (112, 'q"q', 'semi;colon') ON DUPLICATE KEY UPDATE name = VALUES(name), note = CONCAT(VALUES(note), ';', VALUES(name), ')')
INSERT INTO `users` (`user_id`,`name`,`country`,`age`) VALUES (27,'typeorm','DE',27),(113,'typeorm','FR',30) ON DUPLICATE KEY UPDATE `name` = VALUES(`name`), `country` = VALUES(`country`), `age` = VALUES(`age`)
INSERT INTO users (user_id, name, country, age, balance, score, born, note, kind) VALUES (28, 'laravel', 'US', 1, 1, 1, '2000-01-01', 'l', 'new'), (114, 'laravel', 'US', 2, 2, 2, '2000-01-02', 'm', 'old'), (29, 'laravel', 'US', 3, 3, 3, '2000-01-03', 'n', 'gone') on duplicate key update name = values(name), country = values(country), age = values(age), balance = values(balance), score = values(score), born = values(born), note = values(note), kind = values(kind)
INSERT INTO users (user_id, name, balance) VALUES (30, 'x', 5) ON DUPLICATE KEY UPDATE balance = VALUES(balance) * 2, age = balance
INSERT INTO users (user_id, name, age) VALUES (31, 'x', 5) ON DUPLICATE KEY UPDATE age = age + 1, note = age, age = age + 1
INSERT INTO users (user_id, name) VALUES ('32', 'string key'), ('115', 'string key') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (-1, 'negative'), (0, 'zero') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name) VALUES (-1, 'negative 2'), (0, 'zero 2'), (9223372036854775807, 'largest') ON DUPLICATE KEY UPDATE name = VALUES(name)
INSERT INTO users (user_id, name, born) VALUES (33, 'x', '2020-02-29') ON DUPLICATE KEY UPDATE born = DATE_ADD(VALUES(born), INTERVAL 1 YEAR)
INSERT INTO users (user_id, name, note) VALUES (34, 'x', 'y') ON DUPLICATE KEY UPDATE note = (SELECT title FROM currencies WHERE code = 'JPY')
INSERT INTO users (user_id, name, balance) VALUES (35, 'x', 100), (116, 'x', 100) ON DUPLICATE KEY UPDATE balance = VALUES(balance) * (SELECT rate FROM currencies WHERE code = 'USD')
INSERT INTO users (user_id, name) VALUES (36, 'x'), (37, 'x'), (38, 'x'), (39, 'x'), (40, 'x') ON DUPLICATE KEY UPDATE name = CONCAT(name, '-', user_id)
INSERT /* c1 */ INTO users (user_id, name) VALUES (40, 'x') /* c2 */ ON /* c3 */ DUPLICATE KEY /* VALUES(name) */ UPDATE name = /* c4 */ VALUES(name) -- end
INSERT INTO orders VALUES (1, 1, 'paid', 10.00) ON DUPLICATE KEY UPDATE status = VALUES(status)
INSERT INTO orders VALUES (1, 1, 'paid', 10.00), (1, 2, 'paid', 20.50) ON DUPLICATE KEY UPDATE status = VALUES(status), amount = VALUES(amount)
INSERT INTO orders VALUES (1, 1, 'void', 10.00), (1, 3, 'open', 1.00), (2, 1, 'void', 3.00), (2, 3, 'open', 4.00) ON DUPLICATE KEY UPDATE status = VALUES(status), amount = amount + VALUES(amount)
INSERT INTO orders (customer_id, order_id, amount) VALUES (3, 1, 1), (3, 2, 2), (3, 3, 3) ON DUPLICATE KEY UPDATE amount = IFNULL(amount, 0) + VALUES(amount)
INSERT INTO orders (order_id, customer_id, amount) VALUES (1, 4, 1), (2, 5, 2), (3, 6, 3) ON DUPLICATE KEY UPDATE amount = VALUES(amount) - amount
INSERT INTO orders (customer_id, order_id, status) VALUES (7, 1, 'open') ON DUPLICATE KEY UPDATE status = IF(status = 'open', 'paid', 'open')
INSERT INTO orders (customer_id, order_id, status) VALUES (7, 1, 'open') ON DUPLICATE KEY UPDATE status = IF(status = 'open', 'paid', 'open')
INSERT INTO orders (customer_id, order_id) VALUES (8, 1), (9, 1), (10, 1), (31, 1), (32, 1) ON DUPLICATE KEY UPDATE status = 'dup'
INSERT INTO orders (customer_id, order_id) VALUES (8, 1), (9, 1), (10, 1), (31, 1), (32, 1) ON DUPLICATE KEY UPDATE status = 'dup'
INSERT INTO orders (customer_id, order_id, amount) VALUES (11, 1, 5) ON DUPLICATE KEY UPDATE order_id = order_id + 10
INSERT INTO orders (customer_id, order_id, amount) VALUES (11, 1, 5) ON DUPLICATE KEY UPDATE order_id = order_id + 10
INSERT INTO orders (customer_id, order_id, amount) VALUES (12, 1, 0.1), (12, 1, 0.2), (12, 1, 0.3) ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)
INSERT INTO staging VALUES (3, 1), (4, 1), (8, 1), (9, 1) ON DUPLICATE KEY UPDATE v = v + 1
INSERT INTO staging VALUES (3, 1), (4, 1), (8, 1), (9, 1) ON DUPLICATE KEY UPDATE v = v + VALUES(v)
INSERT INTO staging (user_id) VALUES (21), (22) ON DUPLICATE KEY UPDATE v = IFNULL(v, -1) + 1
INSERT INTO staging (user_id) VALUES (21), (22) ON DUPLICATE KEY UPDATE v = IFNULL(v, -1) + 1
INSERT INTO staging VALUES (33, 330), (50, 500) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO staging VALUES (33, 331), (50, 500) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO staging VALUES (33, NULL), (50, NULL), (51, NULL) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO staging VALUES (60, 1), (61, 2), (62, 3), (63, 4), (64, 5), (60, 10), (61, 20), (62, 30), (63, 40), (64, 50) ON DUPLICATE KEY UPDATE v = v * 100 + VALUES(v)
INSERT INTO tickets (id, user_id, v) VALUES (1, 1, 11) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO tickets (id, user_id, v) VALUES (2, 2, 0), (10, 2, 0), (500, 2, 0) ON DUPLICATE KEY UPDATE v = v + 1
INSERT INTO tickets (id, user_id, v) VALUES (2, 2, 0), (5, 5, 0), (501, 8, 0), (6, 8, 0) ON DUPLICATE KEY UPDATE v = v + 1
INSERT INTO accounts (id, owner, v) VALUES (1, 'ann', 5), (2, 'bob', 5), (60, 'new', 5) ON DUPLICATE KEY UPDATE v = v + VALUES(v)
INSERT INTO accounts (id, owner, v) VALUES (3, 'ann', 5) ON DUPLICATE KEY UPDATE v = IFNULL(v, 0) + VALUES(v), owner = UPPER(owner)
INSERT INTO accounts (id, owner, v) VALUES (61, 'x', 1), (4, 'y', 2), (62, 'z', 3), (5, 'w', 4) ON DUPLICATE KEY UPDATE owner = VALUES(owner), v = VALUES(v)
INSERT INTO accounts SET id = 6, owner = 'zed', v = 66 ON DUPLICATE KEY UPDATE owner = VALUES(owner), v = v + VALUES(v)
INSERT INTO emails VALUES (1, 'ann@new.example', 1) ON DUPLICATE KEY UPDATE email = VALUES(email)
INSERT INTO emails VALUES (2, 'bob@example.com', 22), (30, 'u30@example.com', 30) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO emails VALUES (4, NULL, 44), (31, NULL, 31), (8, 'eight@example.com', 88) ON DUPLICATE KEY UPDATE email = VALUES(email), v = VALUES(v)
INSERT INTO users (user_id, name, age) VALUES (1, 'x', 1), (2, 'x', 2), (3, 'x', 3), (4, 'x', 4), (5, 'x', 5), (6, 'x', 6), (7, 'x', 7), (8, 'x', 8), (9, 'x', 9), (10, 'x', 10), (11, 'x', 11), (12, 'x', 12) ON DUPLICATE KEY UPDATE age = VALUES(age), note = CONCAT_WS('|', note, VALUES(name), VALUES(user_id))
INSERT INTO users (user_id, name, age) VALUES (1, 'x', 1), (2, 'x', 2), (3, 'x', 3), (4, 'x', 40), (5, 'x', 50), (206, 'x', 6), (207, 'x', 7) ON DUPLICATE KEY UPDATE age = VALUES(age)
INSERT INTO users (user_id, name) SELECT 1, 'from a select without a table' ON DUPLICATE KEY UPDATE name = VALUES(name)
