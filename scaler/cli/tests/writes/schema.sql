-- Tables of the suite of writes. Sharded: users, tickets, emails and staging by user_id, orders by customer_id,
-- accounts by id. On every shard: currencies and units. On the home shard: settings.
CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL, country CHAR(2), age INT, balance DECIMAL(12,2) NOT NULL DEFAULT 0, score DOUBLE, born DATE, note TEXT, kind ENUM('new','old','gone') DEFAULT 'new', CHECK (age < 200))
CREATE TABLE orders (customer_id BIGINT, order_id INT, status VARCHAR(10) NOT NULL DEFAULT 'open', amount DECIMAL(10,2), PRIMARY KEY (customer_id, order_id), KEY (status))
CREATE TABLE tickets (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, v INT, KEY (user_id))
CREATE TABLE accounts (id BIGINT AUTO_INCREMENT PRIMARY KEY, owner VARCHAR(20), v INT)
CREATE TABLE emails (user_id BIGINT PRIMARY KEY, email VARCHAR(60) UNIQUE, v INT)
CREATE TABLE currencies (code CHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, rate DECIMAL(10,4), title VARCHAR(30))
CREATE TABLE units (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin UNIQUE, v INT)
CREATE TABLE settings (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20))
CREATE TABLE staging (user_id BIGINT PRIMARY KEY, v INT)
