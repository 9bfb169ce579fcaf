-- Reads {X}, what the server tells about itself and its clients.
SELECT * FROM {X}
SELECT * [FROM {X}]
TABLE {X}
SELECT (SELECT COUNT(*) FROM {X})
SELECT c.* FROM users u JOIN {X} c ON u.id = 1
SELECT x.* FROM (SELECT * FROM {X}) x
WITH w AS (SELECT * FROM {X}) SELECT * FROM w
INSERT INTO honest (id, t) SELECT {n}, COUNT(*) FROM {X}
CREATE TABLE gate_{n} AS SELECT * FROM {X}
CREATE VIEW gate_{n} AS SELECT * FROM {X}
