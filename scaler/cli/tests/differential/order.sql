SELECT user_id, user_id FROM users ORDER BY user_id, user_id
SELECT user_id FROM users ORDER BY user_id DESC, user_id LIMIT 7
SELECT user_id FROM users ORDER BY user_id IS NULL, user_id, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY user_id, u DESC LIMIT 5 OFFSET 40
SELECT user_id, age FROM users ORDER BY age, user_id
SELECT user_id FROM users ORDER BY age DESC, user_id LIMIT 7
SELECT age FROM users ORDER BY age IS NULL, age, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY age, u DESC LIMIT 5 OFFSET 40
SELECT user_id, small FROM users ORDER BY small, user_id
SELECT user_id FROM users ORDER BY small DESC, user_id LIMIT 7
SELECT small FROM users ORDER BY small IS NULL, small, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY small, u DESC LIMIT 5 OFFSET 40
SELECT user_id, big FROM users ORDER BY big, user_id
SELECT user_id FROM users ORDER BY big DESC, user_id LIMIT 7
SELECT big FROM users ORDER BY big IS NULL, big, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY big, u DESC LIMIT 5 OFFSET 40
SELECT user_id, balance FROM users ORDER BY balance, user_id
SELECT user_id FROM users ORDER BY balance DESC, user_id LIMIT 7
SELECT balance FROM users ORDER BY balance IS NULL, balance, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY balance, u DESC LIMIT 5 OFFSET 40
SELECT user_id, ratio FROM users ORDER BY ratio, user_id
SELECT user_id FROM users ORDER BY ratio DESC, user_id LIMIT 7
SELECT ratio FROM users ORDER BY ratio IS NULL, ratio, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY ratio, u DESC LIMIT 5 OFFSET 40
SELECT user_id, score FROM users ORDER BY score, user_id
SELECT user_id FROM users ORDER BY score DESC, user_id LIMIT 7
SELECT score FROM users ORDER BY score IS NULL, score, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY score, u DESC LIMIT 5 OFFSET 40
SELECT user_id, y FROM users ORDER BY y, user_id
SELECT user_id FROM users ORDER BY y DESC, user_id LIMIT 7
SELECT y FROM users ORDER BY y IS NULL, y, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY y, u DESC LIMIT 5 OFFSET 40
SELECT user_id, name FROM users ORDER BY name, user_id
SELECT user_id FROM users ORDER BY name DESC, user_id LIMIT 7
SELECT name FROM users ORDER BY name IS NULL, name, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY name, u DESC LIMIT 5 OFFSET 40
SELECT user_id, code FROM users ORDER BY code, user_id
SELECT user_id FROM users ORDER BY code DESC, user_id LIMIT 7
SELECT code FROM users ORDER BY code IS NULL, code, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY code, u DESC LIMIT 5 OFFSET 40
SELECT user_id, nick FROM users ORDER BY nick, user_id
SELECT user_id FROM users ORDER BY nick DESC, user_id LIMIT 7
SELECT nick FROM users ORDER BY nick IS NULL, nick, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY nick, u DESC LIMIT 5 OFFSET 40
SELECT user_id, latin FROM users ORDER BY latin, user_id
SELECT user_id FROM users ORDER BY latin DESC, user_id LIMIT 7
SELECT latin FROM users ORDER BY latin IS NULL, latin, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY latin, u DESC LIMIT 5 OFFSET 40
SELECT user_id, word FROM users ORDER BY word, user_id
SELECT user_id FROM users ORDER BY word DESC, user_id LIMIT 7
SELECT word FROM users ORDER BY word IS NULL, word, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY word, u DESC LIMIT 5 OFFSET 40
SELECT user_id, country FROM users ORDER BY country, user_id
SELECT user_id FROM users ORDER BY country DESC, user_id LIMIT 7
SELECT country FROM users ORDER BY country IS NULL, country, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY country, u DESC LIMIT 5 OFFSET 40
SELECT user_id, born FROM users ORDER BY born, user_id
SELECT user_id FROM users ORDER BY born DESC, user_id LIMIT 7
SELECT born FROM users ORDER BY born IS NULL, born, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY born, u DESC LIMIT 5 OFFSET 40
SELECT user_id, seen FROM users ORDER BY seen, user_id
SELECT user_id FROM users ORDER BY seen DESC, user_id LIMIT 7
SELECT seen FROM users ORDER BY seen IS NULL, seen, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY seen, u DESC LIMIT 5 OFFSET 40
SELECT user_id, changed FROM users ORDER BY changed, user_id
SELECT user_id FROM users ORDER BY changed DESC, user_id LIMIT 7
SELECT changed FROM users ORDER BY changed IS NULL, changed, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY changed, u DESC LIMIT 5 OFFSET 40
SELECT user_id, alarm FROM users ORDER BY alarm, user_id
SELECT user_id FROM users ORDER BY alarm DESC, user_id LIMIT 7
SELECT alarm FROM users ORDER BY alarm IS NULL, alarm, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY alarm, u DESC LIMIT 5 OFFSET 40
SELECT user_id, kind FROM users ORDER BY kind, user_id
SELECT user_id FROM users ORDER BY kind DESC, user_id LIMIT 7
SELECT kind FROM users ORDER BY kind IS NULL, kind, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY kind, u DESC LIMIT 5 OFFSET 40
SELECT user_id, flags FROM users ORDER BY flags, user_id
SELECT user_id FROM users ORDER BY flags DESC, user_id LIMIT 7
SELECT flags FROM users ORDER BY flags IS NULL, flags, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY flags, u DESC LIMIT 5 OFFSET 40
SELECT user_id, raw FROM users ORDER BY raw, user_id
SELECT user_id FROM users ORDER BY raw DESC, user_id LIMIT 7
SELECT raw FROM users ORDER BY raw IS NULL, raw, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY raw, u DESC LIMIT 5 OFFSET 40
SELECT user_id, active FROM users ORDER BY active, user_id
SELECT user_id FROM users ORDER BY active DESC, user_id LIMIT 7
SELECT active FROM users ORDER BY active IS NULL, active, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY active, u DESC LIMIT 5 OFFSET 40
SELECT user_id, f FROM users ORDER BY f, user_id
SELECT user_id FROM users ORDER BY f DESC, user_id LIMIT 7
SELECT f FROM users ORDER BY f IS NULL, f, user_id LIMIT 2, 9
SELECT user_id u FROM users ORDER BY f, u DESC LIMIT 5 OFFSET 40
SELECT user_id FROM users ORDER BY age + small, user_id
SELECT user_id, age + small AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY -age, user_id
SELECT user_id, -age AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY ABS(balance), user_id
SELECT user_id, ABS(balance) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY age % 7, user_id
SELECT user_id, age % 7 AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY LENGTH(name), user_id
SELECT user_id, LENGTH(name) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY LOWER(name), user_id
SELECT user_id, LOWER(name) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY RIGHT(name, 2), user_id
SELECT user_id, RIGHT(name, 2) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY balance * score, user_id
SELECT user_id, balance * score AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY IF(age > 5, 0, 1), user_id
SELECT user_id, IF(age > 5, 0, 1) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY CASE kind WHEN 'old' THEN 1 WHEN 'new' THEN 2 ELSE 3 END, user_id
SELECT user_id, CASE kind WHEN 'old' THEN 1 WHEN 'new' THEN 2 ELSE 3 END AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY FIELD(kind, 'gone', 'new'), user_id
SELECT user_id, FIELD(kind, 'gone', 'new') AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY COALESCE(age, 99), user_id
SELECT user_id, COALESCE(age, 99) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY YEAR(born), user_id
SELECT user_id, YEAR(born) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY TIME_TO_SEC(alarm), user_id
SELECT user_id, TIME_TO_SEC(alarm) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY CONCAT(country, name), user_id
SELECT user_id, CONCAT(country, name) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY age IS NULL, user_id
SELECT user_id, age IS NULL AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY age <=> 5, user_id
SELECT user_id, age <=> 5 AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY (SELECT 1), user_id
SELECT user_id, (SELECT 1) AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY name = 'ann', user_id
SELECT user_id, name = 'ann' AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY flags + 0, user_id
SELECT user_id, flags + 0 AS e FROM users ORDER BY e DESC, user_id LIMIT 6
SELECT user_id FROM users ORDER BY user_id LIMIT 0
SELECT user_id FROM users ORDER BY user_id LIMIT 5
SELECT user_id FROM users ORDER BY user_id LIMIT 5, 5
SELECT user_id FROM users ORDER BY user_id LIMIT 5 OFFSET 5
SELECT user_id FROM users ORDER BY user_id LIMIT 1000000
SELECT user_id FROM users ORDER BY user_id LIMIT 1000000, 5
SELECT user_id FROM users ORDER BY user_id LIMIT 3 OFFSET 18446744073709551615
SELECT user_id FROM users ORDER BY user_id LIMIT 18446744073709551615
SELECT user_id FROM users ORDER BY user_id LIMIT 10, 18446744073709551615
SELECT user_id, age FROM users ORDER BY 2 DESC, 1
SELECT user_id, age a FROM users ORDER BY a, user_id
SELECT age a, user_id FROM users ORDER BY a DESC, 2 DESC LIMIT 8
SELECT * FROM users ORDER BY user_id LIMIT 3
SELECT users.* FROM users ORDER BY users.user_id DESC LIMIT 2
SELECT u.* FROM users u ORDER BY u.name, u.user_id LIMIT 2
SELECT * FROM orders ORDER BY amount, customer_id, order_id
SELECT * FROM orders ORDER BY status DESC, amount DESC, customer_id, order_id LIMIT 12
SELECT * FROM tags ORDER BY tag, user_id
SELECT * FROM tags ORDER BY tag DESC, weight, user_id LIMIT 5
SELECT * FROM events ORDER BY k, n
SELECT * FROM events ORDER BY happened DESC, k, n LIMIT 6
SELECT * FROM events ORDER BY v, k DESC, n
SELECT * FROM few ORDER BY v
SELECT * FROM vacant ORDER BY v, id
SELECT * FROM products ORDER BY title
SELECT * FROM products ORDER BY price DESC, product_id LIMIT 2
SELECT user_id, note FROM users ORDER BY note, user_id
SELECT user_id FROM users ORDER BY note DESC, user_id LIMIT 10
SELECT user_id FROM users ORDER BY doc, user_id LIMIT 4
SELECT user_id FROM users ORDER BY bits, user_id
SELECT user_id FROM users ORDER BY name COLLATE utf8mb4_bin, user_id
SELECT user_id FROM users ORDER BY BINARY name, user_id LIMIT 9
SELECT user_id FROM users ORDER BY code COLLATE utf8mb4_general_ci, user_id
SELECT user_id FROM users ORDER BY NULL, user_id
SELECT user_id + 1 FROM users ORDER BY user_id + 1
SELECT user_id AS age FROM users ORDER BY age
SELECT -user_id AS user_id FROM users ORDER BY user_id
SELECT age AS x, user_id FROM users ORDER BY x + 1, user_id
SELECT user_id FROM users ORDER BY 'x', user_id LIMIT 3
