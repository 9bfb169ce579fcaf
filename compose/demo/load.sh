#!/bin/sh
# Load for the profile `demo`: tables, and then rows without end through the router, as an
# application sends them. Stop it with `docker compose stop demo`.
set -eu
router=http://router:8080
# While rows move, tables cannot be made.
until sql-autoscaler query --url "$router" >/dev/null <<'SQL'
CREATE TABLE IF NOT EXISTS users (user_id BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL, country INT NOT NULL, balance DECIMAL(10,2) NOT NULL);
CREATE TABLE IF NOT EXISTS orders (customer_id BIGINT NOT NULL, order_id BIGINT NOT NULL, amount DECIMAL(10,2) NOT NULL, PRIMARY KEY (customer_id, order_id));
SQL
do
    sleep 2
done
echo "tables are there; inserting and reading through $router" >&2
first=$(date +%s)000
statements() {
    n=0
    while :; do
        id=$((first + n))
        echo "INSERT INTO users VALUES ($id, 'user $id', $((n % 7)), $((n % 1000)).25);"
        echo "INSERT INTO orders VALUES ($id, 1, $((n % 90)).50);"
        echo "SELECT name, balance FROM users WHERE user_id = $id;"
        if [ $((n % 20)) = 0 ]; then
            echo "SELECT country, COUNT(*), SUM(balance) FROM users GROUP BY country ORDER BY country;"
        fi
        n=$((n + 1))
        sleep "${PAUSE_SECONDS:-0.05}"
    done
}
statements | sql-autoscaler query --url "$router" --format json >/dev/null
