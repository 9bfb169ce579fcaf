-- DELETE from one table.
DELETE FROM users WHERE user_id = 1
DELETE FROM users WHERE user_id = 1
DELETE FROM users WHERE user_id = 999
DELETE FROM users WHERE user_id = '2'
DELETE FROM users WHERE user_id = 3.0
DELETE FROM users WHERE user_id = 3.5
DELETE FROM users WHERE 4 = user_id
DELETE FROM users WHERE user_id = 5 AND country = 'DE'
DELETE FROM users WHERE user_id = 5 AND country = 'FR'
DELETE FROM users WHERE user_id = 6 AND user_id = 7
DELETE FROM users WHERE users.user_id = 6 LIMIT 1
DELETE FROM `users` WHERE `users`.`user_id` = 7
DELETE FROM `shop`.`users` WHERE (`shop`.`users`.`user_id` IN (8) AND 1=1)
delete from users where user_id = 9 -- or 1 = 1
DELETE /* FROM orders */ FROM users /* WHERE 1 = 1 */ WHERE user_id = /* 11 */ 10 /* OR user_id = 12 */
DELETE LOW_PRIORITY QUICK FROM users WHERE user_id = 11
DELETE FROM users WHERE user_id IN (12, 13, 14)
DELETE FROM users WHERE user_id IN (12, '15', 16.0, NULL, 17000)
DELETE FROM users WHERE user_id IN (NULL)
DELETE FROM users WHERE user_id NOT IN (1, NULL)
DELETE FROM users WHERE user_id = NULL
DELETE FROM users WHERE user_id IS NULL
DELETE FROM users WHERE NULL
DELETE FROM users WHERE 0
DELETE FROM users WHERE 1 = 2 OR NULL
DELETE FROM users WHERE name = 'a;b''c'
DELETE FROM users WHERE user_id = 17 OR user_id = 18
DELETE FROM users WHERE user_id = 19 OR country = 'BR'
DELETE FROM users WHERE (user_id, name) IN ((20, 'sven'), (21, 'not tina'))
DELETE FROM users WHERE (user_id, name) = (21, 'tina')
DELETE FROM users WHERE user_id <=> 22
DELETE FROM users WHERE user_id BETWEEN 23 AND 25
DELETE FROM users WHERE user_id > 39
DELETE FROM users WHERE user_id < 0 OR user_id > 1000
DELETE FROM users WHERE user_id + 0 = 39
DELETE FROM users WHERE NOT user_id <> 38
DELETE FROM users WHERE country IS NULL AND age IS NOT NULL
DELETE FROM users WHERE user_id = 36 = 1
DELETE FROM users WHERE name LIKE 'Han%' OR name REGEXP '^[E-F]'
DELETE FROM users WHERE born < '1900-01-01'
DELETE FROM users WHERE LENGTH(note) > 8 ORDER BY user_id
DELETE FROM orders WHERE customer_id = 1 ORDER BY order_id LIMIT 1
DELETE FROM orders WHERE customer_id = 2 ORDER BY amount DESC, order_id LIMIT 1
DELETE FROM orders WHERE customer_id = 2 LIMIT 0
DELETE FROM orders WHERE customer_id = 3
DELETE FROM orders WHERE customer_id = 4 AND order_id = 2
DELETE FROM orders WHERE customer_id IN (5, 6, 7) AND order_id = 1
DELETE FROM orders WHERE (customer_id = 8 AND order_id = 1) OR (customer_id = 9 AND order_id = 2)
DELETE FROM orders WHERE EXISTS (SELECT 1 FROM users WHERE users.user_id = orders.customer_id AND users.kind IS NULL)
DELETE FROM orders WHERE (customer_id, order_id) IN ((10, 1), (11, 2), (12, 3))
DELETE FROM orders WHERE order_id = 2 AND customer_id > 25
DELETE FROM orders WHERE status = 'void'
DELETE FROM orders WHERE status = 'void'
DELETE FROM orders WHERE amount IS NULL
DELETE FROM orders WHERE amount % 2 = 1
DELETE FROM orders WHERE amount > (SELECT MAX(rate) FROM currencies)
DELETE FROM orders WHERE customer_id IN (SELECT user_id FROM users WHERE country = 'DE')
DELETE FROM orders WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.user_id = orders.customer_id) AND customer_id < 10
DELETE FROM orders WHERE (SELECT country FROM users WHERE user_id = customer_id) IS NULL AND order_id = 2
DELETE FROM users WHERE country IN (SELECT LEFT(code, 2) FROM currencies WHERE rate > 1)
DELETE FROM users WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.customer_id = users.user_id) AND user_id > 30
DELETE FROM `users` WHERE `users`.`user_id` IN (29, 27)
DELETE FROM users WHERE country = 'DE' ORDER BY name DESC, user_id
DELETE FROM tickets WHERE user_id = 7
DELETE FROM tickets WHERE id = 1
DELETE FROM tickets WHERE id = 2 AND user_id = 3
DELETE FROM tickets WHERE id = 2 AND user_id = 2
DELETE FROM tickets WHERE id IN (3, 4, 5)
DELETE FROM tickets WHERE user_id = 1 ORDER BY v DESC LIMIT 1
DELETE FROM tickets WHERE v BETWEEN 60 AND 90
DELETE FROM tickets WHERE user_id NOT IN (SELECT user_id FROM emails)
DELETE FROM accounts WHERE id = 1
DELETE FROM accounts WHERE id IN (2, 3, 99)
DELETE FROM accounts WHERE owner IS NULL
DELETE FROM accounts WHERE v < 0
DELETE FROM accounts WHERE id > 8 AND v > 900
DELETE FROM emails WHERE user_id = 1
DELETE FROM emails WHERE email = 'bob@example.com'
DELETE FROM emails WHERE email IS NULL
DELETE FROM emails WHERE email = ''
DELETE FROM emails WHERE user_id IN (5, 6, 7) AND v > 5
DELETE FROM staging WHERE v IS NULL
DELETE FROM staging WHERE user_id IN (3, 50)
DELETE FROM staging WHERE TRUE
DELETE FROM staging
DELETE FROM emails ORDER BY user_id DESC
DELETE FROM accounts WHERE 1
DELETE FROM tickets
DELETE FROM orders WHERE 'a' = 'a'
DELETE FROM users WHERE user_id = 26 OR TRUE
DELETE FROM users
