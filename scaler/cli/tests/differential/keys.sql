-- one key, in every form of literal
SELECT name FROM users WHERE user_id = 7
SELECT name FROM users WHERE 7 = user_id
SELECT name FROM users WHERE user_id = '7'
SELECT name FROM users WHERE user_id = 7.0
SELECT name FROM users WHERE user_id = 7e0
SELECT name FROM users WHERE user_id = 0x07
SELECT name FROM users WHERE user_id = +7
SELECT name FROM users WHERE user_id = -5
SELECT name FROM users WHERE user_id = - 5
SELECT name FROM users WHERE user_id = (7)
SELECT name FROM users WHERE user_id = CAST('7' AS SIGNED)
SELECT name FROM users WHERE user_id = CAST(7 AS CHAR)
SELECT name FROM users WHERE user_id = 3 + 4
SELECT name FROM users WHERE user_id = '7abc'
SELECT name FROM users WHERE user_id = ' 7'
SELECT name FROM users WHERE user_id = '7 '
SELECT name FROM users WHERE user_id = '07'
SELECT name FROM users WHERE user_id = 7.5
SELECT name FROM users WHERE user_id = ''
SELECT name FROM users WHERE user_id = NULL
SELECT name FROM users WHERE user_id <=> 7
SELECT name FROM users WHERE user_id <=> NULL
SELECT name FROM users WHERE user_id IS NULL
SELECT COUNT(*) FROM users WHERE user_id IS NOT NULL
SELECT name FROM users WHERE user_id = TRUE
SELECT name FROM users WHERE user_id = b'111'
SELECT name FROM users WHERE user_id = x'07'
SELECT user_id, name FROM users WHERE user_id = 2147483647
SELECT user_id FROM users WHERE user_id = '2147483647'
SELECT COUNT(*) FROM users WHERE user_id < 2147483647
SELECT user_id, name FROM users WHERE user_id = 2147483648
SELECT user_id FROM users WHERE user_id = '2147483648'
SELECT COUNT(*) FROM users WHERE user_id < 2147483648
SELECT user_id, name FROM users WHERE user_id = 4294967296
SELECT user_id FROM users WHERE user_id = '4294967296'
SELECT COUNT(*) FROM users WHERE user_id < 4294967296
SELECT user_id, name FROM users WHERE user_id = 9007199254740993
SELECT user_id FROM users WHERE user_id = '9007199254740993'
SELECT COUNT(*) FROM users WHERE user_id < 9007199254740993
SELECT user_id, name FROM users WHERE user_id = 9007199254740992
SELECT user_id FROM users WHERE user_id = '9007199254740992'
SELECT COUNT(*) FROM users WHERE user_id < 9007199254740992
SELECT user_id, name FROM users WHERE user_id = 9223372036854775807
SELECT user_id FROM users WHERE user_id = '9223372036854775807'
SELECT COUNT(*) FROM users WHERE user_id < 9223372036854775807
SELECT user_id, name FROM users WHERE user_id = -9223372036854775808
SELECT user_id FROM users WHERE user_id = '-9223372036854775808'
SELECT COUNT(*) FROM users WHERE user_id < -9223372036854775808
SELECT user_id, name FROM users WHERE user_id = 9223372036854775808
SELECT user_id FROM users WHERE user_id = '9223372036854775808'
SELECT COUNT(*) FROM users WHERE user_id < 9223372036854775808
SELECT user_id, name FROM users WHERE user_id = 18446744073709551615
SELECT user_id FROM users WHERE user_id = '18446744073709551615'
SELECT COUNT(*) FROM users WHERE user_id < 18446744073709551615
SELECT user_id, name FROM users WHERE user_id = 99999999999999999999
SELECT user_id FROM users WHERE user_id = '99999999999999999999'
SELECT COUNT(*) FROM users WHERE user_id < 99999999999999999999
-- lists and ranges
SELECT user_id, age FROM users WHERE user_id IN (1) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1)
SELECT tag FROM tags WHERE user_id IN (1) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1, 2) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1, 2)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1, 2)
SELECT tag FROM tags WHERE user_id IN (1, 2) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1, 2, 3, 4, 5, 6, 7, 8) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1, 2, 3, 4, 5, 6, 7, 8)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1, 2, 3, 4, 5, 6, 7, 8)
SELECT tag FROM tags WHERE user_id IN (1, 2, 3, 4, 5, 6, 7, 8) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (7, 7, 7) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (7, 7, 7)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (7, 7, 7)
SELECT tag FROM tags WHERE user_id IN (7, 7, 7) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1, NULL) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1, NULL)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1, NULL)
SELECT tag FROM tags WHERE user_id IN (1, NULL) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (NULL) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (NULL)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (NULL)
SELECT tag FROM tags WHERE user_id IN (NULL) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1, '2', 3.0) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1, '2', 3.0)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1, '2', 3.0)
SELECT tag FROM tags WHERE user_id IN (1, '2', 3.0) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN ('1', '2') ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN ('1', '2')
SELECT COUNT(*) FROM users WHERE user_id NOT IN ('1', '2')
SELECT tag FROM tags WHERE user_id IN ('1', '2') AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1000, 1001, 1002) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1000, 1001, 1002)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1000, 1001, 1002)
SELECT tag FROM tags WHERE user_id IN (1000, 1001, 1002) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (-5, -77, 2147483648) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (-5, -77, 2147483648)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (-5, -77, 2147483648)
SELECT tag FROM tags WHERE user_id IN (-5, -77, 2147483648) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (9223372036854775807, 5) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (9223372036854775807, 5)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (9223372036854775807, 5)
SELECT tag FROM tags WHERE user_id IN (9223372036854775807, 5) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (200, 201, 999999) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (200, 201, 999999)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (200, 201, 999999)
SELECT tag FROM tags WHERE user_id IN (200, 201, 999999) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (1, '2x', 3) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (1, '2x', 3)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (1, '2x', 3)
SELECT tag FROM tags WHERE user_id IN (1, '2x', 3) AND weight > 3 ORDER BY user_id, tag
SELECT user_id, age FROM users WHERE user_id IN (0x01, 2) ORDER BY user_id
SELECT COUNT(*), SUM(amount) FROM orders WHERE customer_id IN (0x01, 2)
SELECT COUNT(*) FROM users WHERE user_id NOT IN (0x01, 2)
SELECT tag FROM tags WHERE user_id IN (0x01, 2) AND weight > 3 ORDER BY user_id, tag
SELECT user_id FROM users WHERE user_id BETWEEN 1 AND 5 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN 1 AND 5
SELECT MAX(user_id) FROM users WHERE user_id >= 1 AND user_id < 5
SELECT user_id FROM users WHERE user_id BETWEEN 5 AND 1 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN 5 AND 1
SELECT MAX(user_id) FROM users WHERE user_id >= 5 AND user_id < 1
SELECT user_id FROM users WHERE user_id BETWEEN -100 AND 3 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN -100 AND 3
SELECT MAX(user_id) FROM users WHERE user_id >= -100 AND user_id < 3
SELECT user_id FROM users WHERE user_id BETWEEN 90 AND 110 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN 90 AND 110
SELECT MAX(user_id) FROM users WHERE user_id >= 90 AND user_id < 110
SELECT user_id FROM users WHERE user_id BETWEEN 1 AND 1 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN 1 AND 1
SELECT MAX(user_id) FROM users WHERE user_id >= 1 AND user_id < 1
SELECT user_id FROM users WHERE user_id BETWEEN 2147483640 AND 2147483650 ORDER BY user_id
SELECT COUNT(*) FROM orders WHERE customer_id NOT BETWEEN 2147483640 AND 2147483650
SELECT MAX(user_id) FROM users WHERE user_id >= 2147483640 AND user_id < 2147483650
-- conditions together
SELECT user_id FROM users WHERE user_id = 1 OR user_id = 2 ORDER BY 1
SELECT user_id FROM users WHERE user_id = 1 OR user_id = 60 OR user_id = 1000 ORDER BY 1
SELECT user_id FROM users WHERE user_id = 1 OR age = 5 ORDER BY 1
SELECT user_id FROM users WHERE (user_id = 1 OR user_id = 2) AND age > 0 ORDER BY 1
SELECT user_id FROM users WHERE user_id = 1 AND user_id = 2
SELECT user_id FROM users WHERE user_id = 1 AND user_id IN (1, 2)
SELECT user_id FROM users WHERE user_id IN (1, 2) AND user_id IN (2, 3)
SELECT COUNT(*) FROM users WHERE user_id = 1 AND user_id > 5
SELECT user_id FROM users WHERE NOT user_id = 1 AND user_id < 4 ORDER BY 1
SELECT user_id FROM users WHERE NOT (user_id <> 1)
SELECT user_id FROM users WHERE user_id = 1 XOR user_id = 2 ORDER BY 1
SELECT user_id FROM users WHERE user_id = 1 || user_id = 2 ORDER BY 1
SELECT user_id FROM users WHERE user_id = 1 && age IS NOT NULL
SELECT customer_id, order_id FROM orders WHERE (customer_id, order_id) IN ((1, 1), (2, 2), (3, 3), (-5, 1)) ORDER BY 1, 2
SELECT customer_id, order_id FROM orders WHERE (customer_id, order_id) = (3, 4)
SELECT order_id FROM orders WHERE customer_id = 5 AND order_id > 2 ORDER BY 1
SELECT COUNT(*) FROM orders WHERE customer_id * 2 = 10
SELECT COUNT(*) FROM orders WHERE customer_id + 0 = 5
SELECT COUNT(*) FROM users WHERE ABS(user_id) = 5
SELECT COUNT(*) FROM users WHERE user_id % 7 = 0
SELECT COUNT(*) FROM users WHERE user_id DIV 10 = 3
SELECT COUNT(*) FROM users WHERE user_id & 1
SELECT COUNT(*) FROM users WHERE user_id LIKE '1%'
SELECT COUNT(*) FROM users WHERE user_id = age
SELECT user_id FROM users WHERE user_id = 5 = 1
SELECT user_id FROM users WHERE user_id IN (SELECT 5)
SELECT user_id FROM users WHERE user_id = (SELECT 5)
SELECT user_id FROM users WHERE user_id = (SELECT MAX(product_id) FROM products)
SELECT k, n, v FROM events WHERE k = 'login' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('login', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'login'
SELECT k, n, v FROM events WHERE k = 'Login' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('Login', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'Login'
SELECT k, n, v FROM events WHERE k = 'LOGIN' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('LOGIN', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'LOGIN'
SELECT k, n, v FROM events WHERE k = 'login ' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('login ', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'login '
SELECT k, n, v FROM events WHERE k = ' login' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (' login', 'pay')
SELECT COUNT(*) FROM events WHERE k <> ' login'
SELECT k, n, v FROM events WHERE k = 'päy' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('päy', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'päy'
SELECT k, n, v FROM events WHERE k = 'pay' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('pay', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'pay'
SELECT k, n, v FROM events WHERE k = '' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('', 'pay')
SELECT COUNT(*) FROM events WHERE k <> ''
SELECT k, n, v FROM events WHERE k = '7' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('7', 'pay')
SELECT COUNT(*) FROM events WHERE k <> '7'
SELECT k, n, v FROM events WHERE k = 7 ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (7, 'pay')
SELECT COUNT(*) FROM events WHERE k <> 7
SELECT k, n, v FROM events WHERE k = 20 ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (20, 'pay')
SELECT COUNT(*) FROM events WHERE k <> 20
SELECT k, n, v FROM events WHERE k = '20' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('20', 'pay')
SELECT COUNT(*) FROM events WHERE k <> '20'
SELECT k, n, v FROM events WHERE k = x'6c6f67696e' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (x'6c6f67696e', 'pay')
SELECT COUNT(*) FROM events WHERE k <> x'6c6f67696e'
SELECT k, n, v FROM events WHERE k = _utf8mb4'login' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (_utf8mb4'login', 'pay')
SELECT COUNT(*) FROM events WHERE k <> _utf8mb4'login'
SELECT k, n, v FROM events WHERE k = N'login' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (N'login', 'pay')
SELECT COUNT(*) FROM events WHERE k <> N'login'
SELECT k, n, v FROM events WHERE k = "login" ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ("login", 'pay')
SELECT COUNT(*) FROM events WHERE k <> "login"
SELECT k, n, v FROM events WHERE k = 'log' 'in' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('log' 'in', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'log' 'in'
SELECT k, n, v FROM events WHERE k = '日本' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('日本', 'pay')
SELECT COUNT(*) FROM events WHERE k <> '日本'
SELECT k, n, v FROM events WHERE k = 'x' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('x', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'x'
SELECT k, n, v FROM events WHERE k = NULL ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (NULL, 'pay')
SELECT COUNT(*) FROM events WHERE k <> NULL
SELECT k, n, v FROM events WHERE k = 'missing' ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN ('missing', 'pay')
SELECT COUNT(*) FROM events WHERE k <> 'missing'
SELECT k, n, v FROM events WHERE k = CONCAT('log','in') ORDER BY k, n
SELECT COUNT(*) FROM events WHERE k IN (CONCAT('log','in'), 'pay')
SELECT COUNT(*) FROM events WHERE k <> CONCAT('log','in')
SELECT * FROM few WHERE id = 1
SELECT * FROM few WHERE id IN (1, 2) ORDER BY id
SELECT * FROM vacant WHERE id = 3
SELECT * FROM vacant WHERE id IN (1, 2, 3)
SELECT COUNT(*) FROM vacant
SELECT SUM(v) FROM few
SELECT e.n FROM events e WHERE e.k = 'login' AND e.n < 5 ORDER BY 1
SELECT `users`.`name` FROM `users` WHERE `users`.`user_id` = 3
SELECT name FROM shop.users WHERE user_id = 3
SELECT U.NAME FROM users U WHERE U.USER_ID = 3
