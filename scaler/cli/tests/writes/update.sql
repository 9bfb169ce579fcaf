-- UPDATE of one table: by key, by lists and ranges of keys, by other columns, of all rows.
UPDATE users SET name = 'ann b.' WHERE user_id = 1
UPDATE users SET name = 'ann b.' WHERE user_id = 1
UPDATE users SET name = 'nobody' WHERE user_id = 12345
UPDATE users SET age = age + 1 WHERE user_id = 2
UPDATE users SET age = age + 1 WHERE user_id = 3
UPDATE users SET age = NULL WHERE user_id = 4
UPDATE users SET name = 'émile zola', country = 'FR', age = 30, balance = 0.01, score = -0.5, born = '1996-02-29', note = 'all', kind = 'old' WHERE user_id = 5
UPDATE users SET balance = balance + 10.5, note = CONCAT('balance ', balance) WHERE user_id = 6
UPDATE users SET note = CONCAT('age ', age), age = age * 2, score = age WHERE user_id = 8
UPDATE users SET age = 1, age = 2, age = age + 1 WHERE user_id = 9
UPDATE users SET kind = DEFAULT, balance = DEFAULT(balance) WHERE user_id = 7
UPDATE users SET kind = 3 WHERE user_id = 10
UPDATE users SET user_id = user_id WHERE user_id = 10
UPDATE users SET user_id = 10, name = 'same key' WHERE user_id = 10
UPDATE users SET name = 'string key' WHERE user_id = '11'
UPDATE users SET name = 'decimal key' WHERE user_id = 12.0
UPDATE users SET name = 'no such key' WHERE user_id = 12.5
UPDATE users SET name = 'double key' WHERE user_id = 13e0
UPDATE users SET name = 'reversed' WHERE 14 = user_id
UPDATE users SET name = 'null-safe' WHERE user_id <=> 15
UPDATE users SET name = 'expression key' WHERE user_id = 8 + 8
UPDATE users SET name = 'expression of the key' WHERE user_id + 1 = 18
UPDATE users SET name = 'parentheses' WHERE ((user_id) = (18))
UPDATE users SET name = 'and' WHERE user_id = 19 AND country = 'BR'
UPDATE users SET name = 'and not' WHERE user_id = 20 AND country = 'BR'
UPDATE users SET name = 'contradiction' WHERE user_id = 20 AND user_id = 21
UPDATE users SET name = 'qualified' WHERE users.user_id = 21
UPDATE users AS u SET u.name = 'alias', note = 'unqualified' WHERE u.user_id = 22
UPDATE users u SET u.name = CONCAT(u.name, u.user_id) WHERE u.user_id IN (23, 24)
UPDATE `users` SET `name` = 'orm', `age` = 1 WHERE `users`.`user_id` = 25
UPDATE `shop`.`users` SET `name` = 'prisma' WHERE (`shop`.`users`.`user_id` = 26 AND 1=1)
UPDATE LOW_PRIORITY users SET name = 'low' WHERE user_id = 27
UPDATE users SET name = 'limited' WHERE user_id = 28 LIMIT 1
UPDATE orders SET status = 'first' WHERE customer_id = 1 ORDER BY order_id LIMIT 1
UPDATE orders SET status = 'last' WHERE customer_id = 1 ORDER BY order_id DESC LIMIT 1
UPDATE orders SET status = 'none' WHERE customer_id = 1 LIMIT 0
UPDATE /* name = 'x' */ users SET /* WHERE user_id = 1 */ name = 'comment; WHERE' /* WHERE user_id = 2 */ WHERE user_id = /* 28 */ 29 -- OR 1 = 1
UPDATE users SET note = 'a WHERE user_id = 1; SET x', name = 'it''s, (a) "string"' WHERE user_id = 30 # OR user_id = 31
UPDATE users SET age = 20 WHERE user_id IN (1, 2, 3)
UPDATE users SET age = age + user_id WHERE user_id IN (1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41)
UPDATE users SET age = age - 1 WHERE user_id IN ('2', 4, 6.0, NULL)
UPDATE users SET age = age - 1 WHERE user_id IN (40)
UPDATE users SET age = age - 1 WHERE user_id IN (1, 1, 1, 2, 2)
UPDATE users SET age = age - 1 WHERE user_id IN (1001, 1002, 1003)
UPDATE users SET note = 'or' WHERE user_id = 1 OR user_id = 2 OR user_id = 30
UPDATE users SET note = 'or other' WHERE user_id = 3 OR country = 'JP'
UPDATE users SET note = 'row' WHERE (user_id, country) IN ((1, 'DE'), (2, 'FR'), (4, 'US'))
UPDATE users SET note = 'not in' WHERE user_id NOT IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
UPDATE users SET note = 'nothing' WHERE user_id NOT IN (1, NULL)
UPDATE users SET score = score + 1 WHERE user_id BETWEEN 10 AND 20
UPDATE users SET score = score + 1 WHERE user_id > 35
UPDATE users SET score = score + 1 WHERE user_id >= 5 AND user_id < 8
UPDATE users SET score = score + 1 WHERE NOT (user_id <= 38)
UPDATE users SET score = score + 1 WHERE user_id <> 7
UPDATE users SET score = score + 1 WHERE user_id BETWEEN 20 AND 10
UPDATE users SET score = 0 WHERE user_id > 9223372036854775806
UPDATE users SET score = user_id WHERE user_id % 10 = 0
UPDATE users SET score = 101 WHERE user_id = 1 = 1
UPDATE users SET score = score + 1 WHERE user_id = 1 = 0
UPDATE users SET score = 102 WHERE NOT user_id = 2 AND user_id < 4
UPDATE users SET score = 103 WHERE user_id = 3 XOR user_id = 4
UPDATE users SET score = 104 WHERE user_id = TRUE
UPDATE users SET score = 105 WHERE user_id = 0x05
UPDATE users SET score = 106 WHERE user_id = -(-6)
UPDATE users SET score = 107 WHERE user_id = ' 7'
UPDATE users SET score = 108 WHERE user_id = '8.0'
UPDATE users SET score = 109 WHERE user_id = '009'
UPDATE users SET score = 110 WHERE user_id LIKE '1_'
UPDATE users SET score = 111 WHERE user_id = (SELECT 11)
UPDATE users SET score = 112 WHERE user_id IN (SELECT id FROM units)
UPDATE users SET score = 113 WHERE user_id IN ((SELECT MAX(id) FROM units), 13)
UPDATE users SET score = 114 WHERE CASE WHEN user_id = 14 THEN 1 ELSE 0 END
UPDATE users SET score = 115 WHERE user_id = 15 AND user_id IN (14, 15)
UPDATE users SET score = 116 WHERE user_id > 10 AND user_id = 16
UPDATE users SET score = 117 WHERE user_id BETWEEN 17 AND 17
UPDATE users SET score = 118 WHERE user_id >= 18 AND user_id <= 18
UPDATE users SET score = 119 WHERE user_id & 16 AND user_id = 19
UPDATE users SET score = 120 WHERE user_id = 9223372036854775808
UPDATE users SET score = 121 WHERE (user_id = 21 OR user_id = 22) AND (country = 'DE' OR country = 'US')
UPDATE users SET score = 122 WHERE user_id = 22 OR 1 = 1
UPDATE users SET score = 123 WHERE user_id = 23 OR NULL
UPDATE users SET score = 124 WHERE (user_id, 1) = (24, 1)
UPDATE users SET score = 125 WHERE user_id IN (25) AND name = 'xena' OR user_id IN (26) AND name = 'xena'
UPDATE users SET score = 126 WHERE user_id = age
UPDATE users SET score = 127 WHERE user_id = 27 AND born = '1997-07-27' AND balance = 2700
UPDATE users SET score = 128 WHERE ISNULL(country) AND user_id IN (6, 7, 8)
UPDATE users SET score = 129 WHERE user_id IN (29, 30) AND country = 'DE' AND kind IN ('new', 'gone')
UPDATE `users` SET `users`.`age` = (`users`.`age` + 1) WHERE `users`.`user_id` IN (31, 32)
update users set age=33, balance=33.00, born='1991-03-03', country='FR', kind='old', name='Fay', note=null, score=33.0 where user_id=33
UPDATE `users` SET `name` = 'Gus II', `age` = 35 WHERE `users`.`user_id` = 34 AND `users`.`age` = 34
UPDATE `users` SET `name` = 'Gus III', `age` = 36 WHERE `users`.`user_id` = 34 AND `users`.`age` = 34
UPDATE users SET balance = balance * 1.1 WHERE country = 'DE'
UPDATE users SET balance = ROUND(balance, 1) WHERE country = 'DE'
UPDATE users SET balance = balance + 0 WHERE country = 'DE'
UPDATE users SET country = 'XX' WHERE country IS NULL
UPDATE users SET country = NULL WHERE country = 'XX'
UPDATE users SET country = LOWER(country) WHERE country IN ('FR', 'BR')
UPDATE users SET country = UPPER(country) WHERE country IS NOT NULL AND country <> 'US'
UPDATE users SET name = 'no such' WHERE country = 'ZZ'
UPDATE users SET name = CONCAT(UPPER(LEFT(name, 1)), SUBSTRING(name, 2)) WHERE user_id <= 20
UPDATE users SET name = CONCAT(UPPER(LEFT(name, 1)), SUBSTRING(name, 2)) WHERE user_id <= 20
UPDATE users SET name = TRIM(REPLACE(name, 'a', ' a ')) WHERE name LIKE '%a%' AND user_id > 20
UPDATE users SET note = REVERSE(note) WHERE note IS NOT NULL
UPDATE users SET note = LPAD(user_id, 5, '0'), name = INSERT(name, 2, 1, '*') WHERE kind = 'gone'
UPDATE users SET note = HEX(name) WHERE user_id IN (31, 32, 33)
UPDATE users SET note = REGEXP_REPLACE(name, '[aeiou]', '') WHERE user_id IN (34, 35, 36, 37)
UPDATE users SET note = SUBSTRING_INDEX('a.b.c.d', '.', user_id % 4) WHERE user_id > 36
UPDATE users SET note = NULL WHERE note = ''
UPDATE users SET note = COALESCE(note, name, 'none') WHERE note IS NULL OR name LIKE 'z%'
UPDATE users SET born = born + INTERVAL 1 YEAR WHERE born < '1980-01-01'
UPDATE users SET born = DATE_SUB(born, INTERVAL 1 DAY) WHERE MONTH(born) = 2 AND DAYOFMONTH(born) = 29
UPDATE users SET age = TIMESTAMPDIFF(YEAR, born, '2025-01-01') WHERE born IS NOT NULL AND user_id < 28
UPDATE users SET born = NULL WHERE YEAR(born) BETWEEN 1995 AND 1999
UPDATE users SET born = '2024-12-31' WHERE born IS NULL
UPDATE users SET kind = CASE WHEN age < 20 THEN 'new' WHEN age < 60 THEN 'old' ELSE 'gone' END
UPDATE users SET kind = CASE WHEN age < 20 THEN 'new' WHEN age < 60 THEN 'old' ELSE 'gone' END
UPDATE users SET balance = CASE user_id WHEN 1 THEN 11.11 WHEN 2 THEN 22.22 WHEN 39 THEN 39.39 ELSE balance END WHERE user_id IN (1, 2, 39)
UPDATE users SET name = (CASE WHEN `user_id` = 3 THEN 'Three' WHEN `user_id` = 30 THEN 'Thirty' END), age = (CASE WHEN `user_id` = 3 THEN 3 WHEN `user_id` = 30 THEN 30 END) WHERE `user_id` IN (3, 30)
UPDATE users SET score = IF(score > 10, score / 2, score * 2) WHERE score IS NOT NULL
UPDATE users SET score = IFNULL(score, 0) + IFNULL(age, 0) / 4
UPDATE users SET score = -score, age = age
UPDATE users SET age = GREATEST(LEAST(age, 60), 20)
UPDATE users SET age = age DIV 2, score = age MOD 7, balance = balance - IFNULL(age, 0)
UPDATE users SET age = age
UPDATE users SET note = 'x' WHERE NULL
UPDATE users SET note = 'x' WHERE NOT NULL
UPDATE users SET note = 'x' WHERE 0
UPDATE users SET note = 'x' WHERE FALSE OR 1 = 2
UPDATE users SET note = 'x' WHERE country = NULL
UPDATE users SET note = 'x' WHERE user_id = NULL
UPDATE users SET note = CONCAT(note, '!') WHERE 1
UPDATE users SET note = CONCAT(note, '?') WHERE TRUE AND 1 = 1
UPDATE users SET note = LEFT(note, 2) WHERE 'a' = 'A'
UPDATE users SET note = 'ordered' ORDER BY user_id DESC
UPDATE users SET note = CONCAT('ordered ', name) WHERE country = 'US' ORDER BY name, user_id
UPDATE orders SET order_id = order_id + 1 ORDER BY order_id DESC
UPDATE orders SET order_id = order_id - 1 ORDER BY customer_id, order_id ASC
UPDATE orders SET order_id = order_id + 100 WHERE customer_id = 2
UPDATE orders SET status = 'paid' WHERE customer_id = 3 AND order_id = 1
UPDATE orders SET status = 'paid' WHERE customer_id IN (4, 5) AND order_id = 2
UPDATE orders SET status = 'paid' WHERE order_id = 2
UPDATE orders SET amount = amount * 2, status = 'twice' WHERE status = 'open' AND amount > 20
UPDATE orders SET amount = 0 WHERE amount IS NULL
UPDATE orders SET amount = NULL WHERE amount = 0
UPDATE orders SET amount = amount + order_id / 10 WHERE customer_id BETWEEN 5 AND 15
UPDATE orders SET amount = ABS(amount) WHERE amount < 0
UPDATE orders SET amount = FLOOR(amount), status = DEFAULT WHERE (customer_id, order_id) IN ((20, 1), (21, 2), (22, 1))
UPDATE orders SET status = 'big' WHERE amount >= 100 XOR customer_id > 25
UPDATE tickets SET v = v + 1 WHERE user_id = 7
UPDATE tickets SET v = 0 WHERE id = 5
UPDATE tickets SET v = 0 WHERE id IN (6, 7, 8) AND user_id IN (8, 13)
UPDATE tickets SET v = v / 2 WHERE v > 100
UPDATE tickets SET v = id WHERE v IS NULL
UPDATE tickets SET v = v + 1 WHERE user_id = 1 ORDER BY id DESC LIMIT 2
UPDATE accounts SET v = v + 10 WHERE id = 1
UPDATE accounts SET v = v - 50 WHERE id = 2 AND v >= 50
UPDATE accounts SET v = v - 5000 WHERE id = 2 AND v >= 5000
UPDATE accounts SET v = IF(id = 1, v - 5, v + 5) WHERE id IN (1, 2)
UPDATE accounts SET owner = CONCAT(owner, '#', id) WHERE owner = 'ann'
UPDATE accounts SET owner = 'nobody' WHERE owner IS NULL
UPDATE emails SET v = v + 1 WHERE user_id = 3
UPDATE emails SET v = v + 1 WHERE email = 'mike@example.com'
UPDATE emails SET v = v + 1 WHERE email LIKE '%@example.com'
UPDATE users SET balance = (SELECT rate FROM currencies WHERE code = 'USD') WHERE user_id = 1
UPDATE users SET balance = 100 * (SELECT rate FROM currencies WHERE code = 'USD') WHERE country = 'US'
UPDATE users SET balance = balance / (SELECT rate FROM currencies WHERE LEFT(code, 2) = users.country) WHERE country IN ('US', 'JP', 'BR')
UPDATE users SET note = (SELECT title FROM currencies WHERE LEFT(code, 2) = country)
UPDATE users SET note = (SELECT GROUP_CONCAT(name ORDER BY id SEPARATOR '/') FROM units) WHERE user_id IN (1, 9)
UPDATE users SET age = (SELECT COUNT(*) FROM currencies WHERE rate > users.score) WHERE user_id < 15
UPDATE users SET note = 'has a currency' WHERE country IN (SELECT LEFT(code, 2) FROM currencies)
UPDATE users SET note = 'has none' WHERE NOT EXISTS (SELECT 1 FROM currencies c WHERE LEFT(c.code, 2) = users.country)
UPDATE users SET balance = (SELECT SUM(amount) FROM orders WHERE customer_id = users.user_id) WHERE user_id < 10
UPDATE users SET balance = COALESCE((SELECT SUM(o.amount) FROM orders o WHERE o.customer_id = users.user_id AND o.status = 'paid'), 0)
UPDATE users SET note = (SELECT GROUP_CONCAT(status ORDER BY order_id) FROM orders WHERE orders.customer_id = users.user_id) WHERE country = 'FR'
UPDATE users u SET u.age = (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.user_id) + (SELECT COUNT(*) FROM tickets t WHERE t.user_id = u.user_id)
UPDATE users SET note = (SELECT status FROM orders WHERE customer_id = 3 AND order_id = 2) WHERE user_id = 3
UPDATE users SET note = (SELECT email FROM emails WHERE emails.user_id = users.user_id) WHERE user_id IN (1, 2, 4, 16)
UPDATE users SET note = 'has orders' WHERE EXISTS (SELECT 1 FROM orders WHERE orders.customer_id = users.user_id)
UPDATE users SET note = 'has none' WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.customer_id = users.user_id)
UPDATE users SET note = 'spends' WHERE 50 < (SELECT SUM(amount) FROM orders WHERE customer_id = user_id)
UPDATE users SET note = 'void' WHERE user_id IN (SELECT customer_id FROM orders WHERE status = 'void')
UPDATE users SET note = 'not void' WHERE user_id NOT IN (SELECT customer_id FROM orders WHERE status = 'void' AND customer_id IS NOT NULL)
UPDATE orders SET status = 'kept' WHERE EXISTS (SELECT 1 FROM users WHERE user_id = customer_id AND country = 'JP')
UPDATE orders SET amount = (SELECT balance FROM users WHERE users.user_id = orders.customer_id) WHERE customer_id = 8
UPDATE orders o SET o.status = (SELECT u.kind FROM users u WHERE u.user_id = o.customer_id) WHERE o.customer_id IN (1, 2, 3) AND o.order_id = 1
UPDATE staging SET v = (SELECT age FROM users WHERE users.user_id = staging.user_id)
UPDATE staging SET v = user_id * 10 WHERE user_id IN (3, 8, 50)
UPDATE staging SET v = v + (SELECT MAX(v) FROM units)
UPDATE staging SET v = NULL
UPDATE staging SET v = NULL
UPDATE staging SET v = -2147483648 WHERE user_id = 3
UPDATE staging SET v = 0x7FFFFFFF, user_id = user_id WHERE user_id = 8
UPDATE staging SET v = user_id IN (3, 8) OR user_id IS NULL
