-- Tables of the differential suite. Sharded: users and tags by user_id, orders by customer_id, events by k,
-- few and vacant by id. On every shard: products. On the home shard: settings.
-- {ai} is the server's accent-insensitive collation: utf8mb4_uca1400_ai_ci or utf8mb4_0900_ai_ci.
CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, code VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, nick VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {ai}, latin VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci, word VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, country CHAR(2) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, age INT, small TINYINT, big BIGINT UNSIGNED, balance DECIMAL(12,2), ratio DECIMAL(20,10), score DOUBLE, f FLOAT, born DATE, seen DATETIME(3), changed TIMESTAMP NULL, alarm TIME, y YEAR, bits BIT(8), kind ENUM('new','old','gone'), flags SET('a','b','c'), raw VARBINARY(9), doc JSON, note TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, active BOOLEAN NOT NULL DEFAULT 1)
CREATE TABLE orders (customer_id BIGINT, order_id INT, product_id INT, status VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, amount DECIMAL(10,3), quantity SMALLINT UNSIGNED, placed DATETIME, PRIMARY KEY (customer_id, order_id), KEY (product_id))
CREATE TABLE tags (user_id BIGINT, tag VARCHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, weight INT, PRIMARY KEY (user_id, tag))
CREATE TABLE events (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, n INT, v DOUBLE, happened TIMESTAMP(6) NULL, PRIMARY KEY (k, n))
CREATE TABLE few (id INT PRIMARY KEY, v INT)
CREATE TABLE vacant (id BIGINT PRIMARY KEY, v INT, t VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)
CREATE TABLE products (product_id INT PRIMARY KEY, title VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, category VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, price DECIMAL(8,2))
CREATE TABLE settings (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)
