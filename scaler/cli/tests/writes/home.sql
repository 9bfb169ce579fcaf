-- Writes to a table that only the home shard has.
INSERT INTO settings (id, v) VALUES (10, 'ten')
INSERT INTO settings VALUES (11, 'eleven'), (12, NULL), (13, 'it''s, (13); VALUES')
INSERT INTO settings SET id = 14, v = CONCAT('four', 'teen')
INSERT INTO settings (v, id) VALUES ('swapped', 15)
INSERT INTO settings (v) VALUES ('drawn')
INSERT INTO settings (v) VALUES ('drawn 1'), ('drawn 2')
INSERT IGNORE INTO settings (id, v) VALUES (1, 'dup'), (30, 'thirty')
INSERT INTO settings (id, v) VALUES (1, 'off') ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO settings (id, v) VALUES (1, 'off') ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO settings (id, v) VALUES (1, 'on'), (31, 'new'), (2, 'red') ON DUPLICATE KEY UPDATE v = CONCAT(COALESCE(v, ''), '>', VALUES(v))
INSERT INTO settings (id, v) VALUES (40, (SELECT title FROM currencies WHERE code = 'EUR'))
INSERT INTO settings (id, v) VALUES (41, (SELECT v FROM units WHERE id = 1) + 1)
INSERT INTO settings (id, v) VALUES (42, (SELECT COUNT(*) FROM users))
INSERT INTO settings (id, v) VALUES (43, (SELECT name FROM users WHERE user_id = 1))
INSERT INTO settings (id, v) VALUES (1, 'dup')
REPLACE INTO settings VALUES (3, 'three')
REPLACE INTO settings VALUES (3, 'three'), (50, 'fifty')
REPLACE INTO settings SET id = 50
UPDATE settings SET v = 'blue' WHERE id = 2
UPDATE settings SET v = 'blue' WHERE id = 2
UPDATE settings SET v = UPPER(v) WHERE v LIKE '%n%'
UPDATE settings SET v = 'x' WHERE id = 12345
UPDATE settings SET v = NULL WHERE id IN (11, 12, 13)
UPDATE settings SET id = 60 WHERE id = 10
UPDATE settings SET id = 61, v = 'sixty-one' WHERE id = 60
UPDATE settings SET id = 1 WHERE id = 61
UPDATE settings SET v = CASE id WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE v END
UPDATE settings SET v = (SELECT MAX(code) FROM currencies) WHERE id = 3
UPDATE settings SET v = (SELECT COUNT(*) FROM orders WHERE status = 'paid') WHERE id = 14
UPDATE settings SET v = (SELECT country FROM users WHERE user_id = 5) WHERE id = 15
UPDATE settings s SET s.v = 'alias' WHERE s.id = 15
UPDATE settings SET v = 'first' ORDER BY id LIMIT 1
UPDATE settings SET v = CONCAT(id, ':', v) WHERE v IS NOT NULL ORDER BY id DESC LIMIT 3
UPDATE settings s JOIN units n ON n.id = s.id SET s.v = n.name
UPDATE settings a JOIN settings b ON b.id = a.id + 1 SET a.v = 'followed' WHERE a.id < 5
UPDATE settings SET v = COALESCE(v, 'none')
DELETE FROM settings WHERE id = 12345
DELETE FROM settings WHERE id = 61
DELETE FROM settings WHERE v = 'none'
DELETE FROM settings WHERE id IN (SELECT id FROM units) ORDER BY id
DELETE FROM settings ORDER BY id DESC LIMIT 2
DELETE s FROM settings s JOIN currencies c ON c.title = s.v
DELETE FROM settings WHERE NULL
DELETE FROM `settings` WHERE `settings`.`id` = 15
DELETE FROM settings
INSERT INTO settings (id, v) VALUES (1, 'on') -- again
