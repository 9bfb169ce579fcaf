SELECT COUNT(*) FROM users WHERE name = 'ann'
SELECT user_id FROM users WHERE name IN ('ann', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'ann'
SELECT user_id FROM users WHERE name LIKE CONCAT('ann', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'ANN'
SELECT user_id FROM users WHERE name IN ('ANN', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'ANN'
SELECT user_id FROM users WHERE name LIKE CONCAT('ANN', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'émile'
SELECT user_id FROM users WHERE name IN ('émile', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'émile'
SELECT user_id FROM users WHERE name LIKE CONCAT('émile', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'EMILE'
SELECT user_id FROM users WHERE name IN ('EMILE', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'EMILE'
SELECT user_id FROM users WHERE name LIKE CONCAT('EMILE', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'strasse'
SELECT user_id FROM users WHERE name IN ('strasse', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'strasse'
SELECT user_id FROM users WHERE name LIKE CONCAT('strasse', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'Straße'
SELECT user_id FROM users WHERE name IN ('Straße', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'Straße'
SELECT user_id FROM users WHERE name LIKE CONCAT('Straße', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'o''brien'
SELECT user_id FROM users WHERE name IN ('o''brien', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'o''brien'
SELECT user_id FROM users WHERE name LIKE CONCAT('o''brien', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'back\\\\slash'
SELECT user_id FROM users WHERE name IN ('back\\\\slash', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'back\\\\slash'
SELECT user_id FROM users WHERE name LIKE CONCAT('back\\\\slash', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE name = 'x '
SELECT user_id FROM users WHERE name IN ('x ', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name > 'x '
SELECT user_id FROM users WHERE name LIKE CONCAT('x ', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE code = 'a'
SELECT user_id FROM users WHERE code IN ('a', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE code > 'a'
SELECT user_id FROM users WHERE code LIKE CONCAT('a', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE code = 'A'
SELECT user_id FROM users WHERE code IN ('A', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE code > 'A'
SELECT user_id FROM users WHERE code LIKE CONCAT('A', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE code = 'a '
SELECT user_id FROM users WHERE code IN ('a ', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE code > 'a '
SELECT user_id FROM users WHERE code LIKE CONCAT('a ', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE code = 'é'
SELECT user_id FROM users WHERE code IN ('é', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE code > 'é'
SELECT user_id FROM users WHERE code LIKE CONCAT('é', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE nick = 'ACE'
SELECT user_id FROM users WHERE nick IN ('ACE', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE nick > 'ACE'
SELECT user_id FROM users WHERE nick LIKE CONCAT('ACE', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE nick = 'coeur'
SELECT user_id FROM users WHERE nick IN ('coeur', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE nick > 'coeur'
SELECT user_id FROM users WHERE nick LIKE CONCAT('coeur', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE nick = 'cœur'
SELECT user_id FROM users WHERE nick IN ('cœur', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE nick > 'cœur'
SELECT user_id FROM users WHERE nick LIKE CONCAT('cœur', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE nick = 'ECHEC'
SELECT user_id FROM users WHERE nick IN ('ECHEC', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE nick > 'ECHEC'
SELECT user_id FROM users WHERE nick LIKE CONCAT('ECHEC', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE nick = 'he'
SELECT user_id FROM users WHERE nick IN ('he', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE nick > 'he'
SELECT user_id FROM users WHERE nick LIKE CONCAT('he', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE latin = 'CAFE'
SELECT user_id FROM users WHERE latin IN ('CAFE', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE latin > 'CAFE'
SELECT user_id FROM users WHERE latin LIKE CONCAT('CAFE', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE latin = 'café'
SELECT user_id FROM users WHERE latin IN ('café', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE latin > 'café'
SELECT user_id FROM users WHERE latin LIKE CONCAT('café', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE latin = 'uber'
SELECT user_id FROM users WHERE latin IN ('uber', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE latin > 'uber'
SELECT user_id FROM users WHERE latin LIKE CONCAT('uber', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE latin = 'nandu'
SELECT user_id FROM users WHERE latin IN ('nandu', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE latin > 'nandu'
SELECT user_id FROM users WHERE latin LIKE CONCAT('nandu', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE word = 'ann'
SELECT user_id FROM users WHERE word IN ('ann', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE word > 'ann'
SELECT user_id FROM users WHERE word LIKE CONCAT('ann', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE word = 'ANN  '
SELECT user_id FROM users WHERE word IN ('ANN  ', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE word > 'ANN  '
SELECT user_id FROM users WHERE word LIKE CONCAT('ANN  ', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE word = 'ELAN'
SELECT user_id FROM users WHERE word IN ('ELAN', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE word > 'ELAN'
SELECT user_id FROM users WHERE word LIKE CONCAT('ELAN', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE word = 'élan'
SELECT user_id FROM users WHERE word IN ('élan', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE word > 'élan'
SELECT user_id FROM users WHERE word LIKE CONCAT('élan', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE country = 'de'
SELECT user_id FROM users WHERE country IN ('de', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE country > 'de'
SELECT user_id FROM users WHERE country LIKE CONCAT('de', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE country = 'DE '
SELECT user_id FROM users WHERE country IN ('DE ', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE country > 'DE '
SELECT user_id FROM users WHERE country LIKE CONCAT('DE ', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE country = 'åx'
SELECT user_id FROM users WHERE country IN ('åx', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE country > 'åx'
SELECT user_id FROM users WHERE country LIKE CONCAT('åx', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE country = 'ax'
SELECT user_id FROM users WHERE country IN ('ax', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE country > 'ax'
SELECT user_id FROM users WHERE country LIKE CONCAT('ax', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE note = 'abc'
SELECT user_id FROM users WHERE note IN ('abc', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE note > 'abc'
SELECT user_id FROM users WHERE note LIKE CONCAT('abc', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE note = 'ÁBC'
SELECT user_id FROM users WHERE note IN ('ÁBC', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE note > 'ÁBC'
SELECT user_id FROM users WHERE note LIKE CONCAT('ÁBC', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE note = 'note'
SELECT user_id FROM users WHERE note IN ('note', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE note > 'note'
SELECT user_id FROM users WHERE note LIKE CONCAT('note', '%') ORDER BY 1
SELECT COUNT(*) FROM users WHERE note = ''
SELECT user_id FROM users WHERE note IN ('', 'zzz') ORDER BY user_id
SELECT COUNT(*) FROM users WHERE note > ''
SELECT user_id FROM users WHERE note LIKE CONCAT('', '%') ORDER BY 1
SELECT user_id, UPPER(name) FROM users ORDER BY user_id
SELECT user_id, LOWER(nick) FROM users ORDER BY user_id
SELECT user_id, LENGTH(latin) FROM users ORDER BY user_id
SELECT user_id, CHAR_LENGTH(name) FROM users ORDER BY user_id
SELECT user_id, HEX(word) FROM users ORDER BY user_id
SELECT user_id, REVERSE(name) FROM users ORDER BY user_id
SELECT user_id, CONCAT(name, '/', country) FROM users ORDER BY user_id
SELECT user_id, CONCAT_WS('-', nick, latin, word) FROM users ORDER BY user_id
SELECT user_id, SUBSTRING(name, 2, 3) FROM users ORDER BY user_id
SELECT user_id, TRIM(word) FROM users ORDER BY user_id
SELECT user_id, REPLACE(name, 'a', '4') FROM users ORDER BY user_id
SELECT user_id, LPAD(code, 4, '*') FROM users ORDER BY user_id
SELECT user_id, LOCATE('a', name) FROM users ORDER BY user_id
SELECT user_id, ASCII(code) FROM users ORDER BY user_id
SELECT user_id, ORD(name) FROM users ORDER BY user_id
SELECT user_id, SOUNDEX(name) FROM users ORDER BY user_id
SELECT user_id, name LIKE '%a%' FROM users ORDER BY user_id
SELECT user_id, name REGEXP '^[a-f]' FROM users ORDER BY user_id
SELECT user_id, name = code FROM users ORDER BY user_id
SELECT user_id, nick < word FROM users ORDER BY user_id
SELECT user_id, STRCMP(name, nick) FROM users ORDER BY user_id
SELECT user_id, QUOTE(name) FROM users ORDER BY user_id
SELECT user_id, SHA2(name, 256) FROM users ORDER BY user_id
SELECT user_id, TO_BASE64(raw) FROM users ORDER BY user_id
SELECT user_id, REPEAT(code, 2) FROM users ORDER BY user_id
SELECT user_id, ELT(2, code, name) FROM users ORDER BY user_id
SELECT user_id, FIND_IN_SET('b', flags) FROM users ORDER BY user_id
SELECT user_id, INSERT(name, 1, 1, 'Q') FROM users ORDER BY user_id
SELECT user_id, name COLLATE utf8mb4_bin = 'ann' FROM users ORDER BY user_id
SELECT user_id, country COLLATE utf8mb4_bin FROM users ORDER BY user_id
SELECT user_id, CONVERT(latin USING utf8mb4) FROM users ORDER BY user_id
SELECT user_id, CAST(code AS CHAR(1)) FROM users ORDER BY user_id
SELECT user_id, WEIGHT_STRING(code) FROM users ORDER BY user_id
SELECT user_id, FORMAT(balance, 1) FROM users ORDER BY user_id
SELECT COUNT(*) FROM users WHERE name LIKE 'under\\_%'
SELECT COUNT(*) FROM users WHERE name LIKE '100\\%'
SELECT COUNT(*) FROM users WHERE name LIKE '100|%' ESCAPE '|'
SELECT COUNT(*) FROM users WHERE name NOT LIKE '%n%'
SELECT COUNT(*) FROM users WHERE name REGEXP 'an+'
SELECT COUNT(*) FROM users WHERE name RLIKE '^.$'
SELECT MIN(name COLLATE utf8mb4_bin), MAX(name COLLATE utf8mb4_bin) FROM users
SELECT COUNT(DISTINCT name COLLATE utf8mb4_bin) FROM users
SELECT COUNT(DISTINCT BINARY note), COUNT(DISTINCT note) FROM users
SELECT COUNT(DISTINCT LOWER(tag)), COUNT(DISTINCT tag) FROM tags
SELECT name FROM users WHERE name = 'it\\'s'
SELECT COUNT(*) FROM users WHERE name = "ann"
SELECT COUNT(*) FROM users WHERE CONCAT(name, country) = 'annDE'
SELECT COUNT(*) FROM users a JOIN users b ON a.name = b.nick
SELECT COUNT(*) FROM users a JOIN users b ON a.word = b.word AND a.user_id < b.user_id
SELECT COUNT(*) FROM users u JOIN products p ON p.title = u.name
SELECT user_id FROM users WHERE raw = x'00ff' ORDER BY 1
SELECT user_id FROM users WHERE raw > x'61' ORDER BY 1
SELECT user_id FROM users WHERE raw = '' ORDER BY 1
SELECT user_id FROM users WHERE kind = 'new' ORDER BY 1
SELECT user_id FROM users WHERE kind > 'new' ORDER BY 1
SELECT user_id FROM users WHERE kind = 2 ORDER BY 1
SELECT user_id FROM users WHERE flags = 'a,b' ORDER BY 1
SELECT user_id FROM users WHERE flags = '' ORDER BY 1
SELECT user_id FROM users WHERE flags & 2 ORDER BY 1
SELECT user_id FROM users WHERE name BETWEEN 'b' AND 'f' ORDER BY 1
SELECT user_id FROM users WHERE '日本' = name ORDER BY 1
