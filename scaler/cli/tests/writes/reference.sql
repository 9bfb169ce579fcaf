-- Writes to tables that every shard has whole.
INSERT INTO currencies VALUES ('SEK', 11.2, 'Krona')
INSERT INTO currencies (code, rate) VALUES ('NOK', 11.6), ('DKK', 7.46)
INSERT INTO currencies (title, code, rate) VALUES ('Złoty', 'PLN', 4.3), ('Koruna, (česká)', 'CZK', 25.1)
INSERT INTO currencies SET code = 'HUF', rate = 390 + 1 / 8, title = CONCAT('For', 'int')
INSERT INTO currencies (code) VALUES ('eur'), ('Eur')
INSERT INTO currencies VALUES ('', 0, ''), ('A', NULL, NULL), ('ÅÄÖ', -1, 'it''s; "q" \\')
INSERT INTO currencies VALUES ('R1', ROUND(1.23456, 4), UPPER('x')), ('R2', 1.23456, LOWER('X')), ('R3', 99999.9999, REPEAT('x', 30))
INSERT IGNORE INTO currencies VALUES ('SEK', 1, 'dup'), ('ISK', 150, 'Króna'), ('ISK', 151, 'twice')
INSERT INTO currencies VALUES ('SEK', 11.3, 'again') ON DUPLICATE KEY UPDATE rate = VALUES(rate)
INSERT INTO currencies VALUES ('SEK', 11.3, 'again') ON DUPLICATE KEY UPDATE rate = VALUES(rate)
INSERT INTO currencies VALUES ('SEK', 11.4, 'x'), ('TRY', 35, 'Lira'), ('NOK', 11.6, 'Krone') ON DUPLICATE KEY UPDATE rate = VALUES(rate), title = COALESCE(title, VALUES(title))
INSERT INTO currencies (code, rate) VALUES ('DKK', 1), ('DKK', 2), ('DKK', 3) ON DUPLICATE KEY UPDATE rate = rate * 10 + VALUES(rate)
INSERT INTO currencies SET code = 'EUR', rate = 2 ON DUPLICATE KEY UPDATE title = CONCAT(title, '!'), rate = currencies.rate
INSERT INTO currencies (code, rate) VALUES ('EUR', 2) ON DUPLICATE KEY UPDATE code = 'EU2'
INSERT INTO currencies (code, rate) VALUES ('EU2', 1) ON DUPLICATE KEY UPDATE code = 'EUR'
REPLACE INTO currencies VALUES ('USD', 1.1, 'Dollar')
REPLACE INTO currencies VALUES ('USD', 1.1, 'Dollar'), ('CAD', 1.5, 'Dollar'), ('CAD', 1.6, 'Dollar')
REPLACE INTO currencies (code) VALUES ('TRY'), ('AUD')
REPLACE INTO currencies SET code = 'AUD', rate = 1.65
UPDATE currencies SET rate = 1.0825 WHERE code = 'USD'
UPDATE currencies SET rate = 1.0825 WHERE code = 'USD'
UPDATE currencies SET rate = 0 WHERE code = 'usd'
UPDATE currencies SET rate = rate * 2, title = CONCAT(title, ' x2') WHERE code IN ('USD', 'GBP', 'XXX')
UPDATE currencies SET title = LOWER(code) WHERE title IS NULL
UPDATE currencies SET code = 'XEU' WHERE code = 'A'
UPDATE currencies SET code = LOWER(code) WHERE code LIKE 'R_'
UPDATE currencies SET title = CASE WHEN rate > 100 THEN 'many' WHEN rate > 1 THEN 'some' ELSE title END
UPDATE currencies SET rate = rate + 1
UPDATE currencies SET rate = rate
UPDATE currencies SET rate = rate - 1 WHERE rate IS NOT NULL ORDER BY code
UPDATE currencies SET title = 'x' WHERE NULL
UPDATE currencies SET title = (SELECT name FROM units WHERE id = 1) WHERE code = 'CHF'
UPDATE currencies SET rate = (SELECT MAX(v) FROM units) WHERE EXISTS (SELECT 1 FROM units WHERE v > 100) AND code = 'JPY'
UPDATE currencies c SET c.title = 'alias' WHERE c.code = 'BRL'
UPDATE currencies JOIN units ON units.id = 2 SET currencies.title = units.name, units.v = 5 WHERE currencies.code = 'PLN'
DELETE FROM currencies WHERE code = 'HUF'
DELETE FROM currencies WHERE code = 'huf'
DELETE FROM currencies WHERE code IN ('eur', 'Eur', '')
DELETE FROM currencies WHERE rate > 300 OR rate < 0
DELETE FROM currencies WHERE title LIKE 's_me' AND code LIKE 'CA%'
DELETE FROM currencies WHERE code = 'CZK' LIMIT 1
DELETE FROM currencies WHERE rate < (SELECT v FROM units WHERE name = 'm') AND code = 'PLN'
DELETE c FROM currencies c JOIN units n ON n.name = c.title
INSERT INTO units (id, name, v) VALUES (10, 'l', 1), (11, 'ml', NULL)
INSERT INTO units SET id = 12, name = 'km', v = 1000
INSERT INTO units VALUES (14, 'out', 14), (13, 'of order', 13), (-1, 'negative', -1)
INSERT INTO units (name, id) VALUES (NULL, 15), (NULL, 16), ('KG', 17)
INSERT INTO units (id, name, v) VALUES (1, 'kg', 5) ON DUPLICATE KEY UPDATE v = v + VALUES(v)
INSERT INTO units (id, name, v) VALUES (30, 'kg', 5) ON DUPLICATE KEY UPDATE v = v + VALUES(v)
INSERT INTO units (id, name, v) VALUES (31, 'm', 1), (32, 'mile', 2), (33, 's', 3) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT INTO units (id, name, v) VALUES (31, 'm', 1), (32, 'mile', 2), (33, 's', 3) ON DUPLICATE KEY UPDATE v = VALUES(v)
INSERT IGNORE INTO units (id, name) VALUES (1, 'x'), (40, 'km'), (41, 'new')
REPLACE INTO units (id, name, v) VALUES (10, 'liter', 1), (42, 'ml', 2)
REPLACE INTO units (id, name, v) VALUES (12, 'mile', 3)
REPLACE INTO units SET id = 50, name = 'pc', v = 13
UPDATE units SET v = v + 1 WHERE id = 1
UPDATE units SET v = v + 1 WHERE name = 'kg'
UPDATE units SET v = v + 1 WHERE name = 'Kg'
UPDATE units SET name = CONCAT(name, id) WHERE id BETWEEN 10 AND 14
UPDATE units SET name = 'kg' WHERE id = 2
UPDATE units SET name = 'kg' WHERE id = 1
UPDATE units SET id = id + 100 WHERE id IN (15, 16)
UPDATE units SET v = id
UPDATE units SET v = NULL WHERE name IS NULL
UPDATE units SET id = 1 WHERE id = 2
DELETE FROM units WHERE name IS NULL
DELETE FROM units WHERE id = 1
DELETE FROM units WHERE v > 20 ORDER BY v
DELETE FROM units
DELETE FROM units
INSERT INTO units (id, name) VALUES (1, 'kg'), (2, 'm')
INSERT INTO `shop`.`units` (`id`, `name`) VALUES (3, 's')
INSERT /* c, (d) */ INTO units (id, name) VALUES /* (4, 'x'), */ (5, '(6, ''y'')') -- , (7, 'z')
DELETE FROM units WHERE TRUE
UPDATE currencies SET title = NULL, rate = NULL
DELETE FROM currencies WHERE rate IS NULL AND title IS NULL AND code < 'M'
DELETE FROM currencies
UPDATE currencies SET rate = 1
INSERT INTO currencies VALUES ('EUR', 1, 'Euro'), ('USD', 1.0825, 'Dollar')
