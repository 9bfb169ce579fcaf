SELECT nothing FROM users
SELECT u.nothing FROM users u
SELECT x.user_id FROM users u
SELECT COUNT(nothing) FROM users
SELECT user_id FROM users ORDER BY nothing
SELECT user_id FROM users GROUP BY nothing
SELECT user_id FROM users HAVING nothing > 1
SELECT user_id FROM users WHERE nothing = 1
SELECT user_id FROM users, tags
SELECT user_id FROM users JOIN tags ON users.user_id = tags.user_id
SELECT age FROM users JOIN orders ON nothing = 1
SELECT * FROM nowhere
SELECT nowhere.* FROM users
SELECT SUM(COUNT(*)) FROM users
SELECT COUNT(*) FROM users WHERE COUNT(*) > 1
SELECT user_id FROM users ORDER BY 9
SELECT user_id FROM users GROUP BY 9
SELECT (SELECT user_id FROM users) FROM few
SELECT user_id FROM users WHERE age = (SELECT age FROM users WHERE age IS NOT NULL)
SELECT user_id, age FROM users UNION SELECT user_id FROM tags
SELECT user_id FROM users WHERE (user_id, age) = (1)
SELECT NOSUCH(user_id) FROM users
SELECT CONCAT() FROM users
SELECT LEFT(name) FROM users
SELECT user_id FROM users WHERE name REGEXP '('
SELECT COUNT(*) FROM few a JOIN few a
WITH a AS (SELECT 1) SELECT b FROM a
SELECT ROW_NUMBER() FROM users
SELECT user_id FROM users WHERE user_id IN (SELECT user_id, age FROM users)
SELECT 1 + FROM users
SELECT FROM users
SELECT user_id users
SELECT user_id FROM users WHERE
SELECT user_id FROM users LIMIT -1
SELECT user_id FROM users LIMIT 'x'
SELECT big - 18446744073709551615 - 18446744073709551615 FROM users WHERE user_id < 5
SELECT 9223372036854775807 + user_id FROM users WHERE user_id > 0
