//! Reads: which shards they go to, and what merges their answers.

use super::*;

#[test]
fn keys_in_any_exact_form_lead_to_one_shard() {
    check_plan("SELECT country FROM users WHERE user_id = 5", "single shard-2");
    check_plan("SELECT country FROM users WHERE 5 = user_id", "single shard-2");
    check_plan("SELECT country FROM users WHERE user_id = '5'", "single shard-2");
    check_plan("SELECT country FROM users WHERE user_id = '5 '", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = '42abc'", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5.0", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5 OR country = 1", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5 OR user_id = 1", "single shard-2");
    check_plan("SELECT country FROM users WHERE (user_id = 5 OR 1 = user_id) OR user_id IN (2)", "single shard-2");
    check_plan("SELECT country FROM users u WHERE user_id = 5 OR u.user_id = 1", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5 OR user_id > 1", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id BETWEEN 1 AND 2", "single shard-2");
    check_plan("SELECT country FROM users WHERE user_id BETWEEN 2 AND 1", "reference shard-1");
    check_plan("SELECT country FROM users WHERE user_id BETWEEN 1 AND 4", "multi shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id NOT BETWEEN 1 AND 2", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id BETWEEN 1 AND 1000", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE (country, user_id) IN ((7, 1), (8, 5))", "single shard-2");
    check_plan("SELECT country FROM users WHERE (country, user_id) = (7, 3)", "single shard-1");
    check_plan(
        "SELECT country FROM users WHERE (country, user_id) IN ((7, 1), (8, country))",
        "scatter shard-1 shard-2",
    );
    check_plan("SELECT country FROM users WHERE NOT user_id = 5", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE NOT (user_id = 5)", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5 = 1", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id IN (1, 2, 5)", "single shard-2");
    check_plan(
        "SELECT country FROM users WHERE user_id IN (1, 3)",
        "multi shard-1 shard-2: SELECT country FROM users WHERE user_id IN (3)",
    );
    check_plan(
        "SELECT country FROM users WHERE user_id IN (1, NULL, 3, 5) AND country > 2 ORDER BY 1",
        "multi shard-1 shard-2: SELECT country, country AS `_autoscaler_0` FROM users WHERE user_id IN (3) AND country > 2 ORDER BY 1",
    );
    check_plan("SELECT country FROM users WHERE user_id IN (1, NULL)", "single shard-2");
    check_plan("SELECT country FROM users WHERE user_id NOT IN (1, 2)", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = NULL", "reference shard-1");
    check_plan("SELECT country FROM users WHERE user_id <=> 5", "scatter shard-1 shard-2");
    check_plan("SELECT country FROM users WHERE user_id = 5 AND user_id = 3", "single shard-1");
    check_plan("SELECT country FROM users WHERE user_id > 5", "scatter shard-1 shard-2");
    check_plan("SELECT u.country FROM users u WHERE U.USER_ID = 5", "single shard-2");
    check_plan("SELECT country FROM app.users WHERE user_id = 5", "single shard-2");
}

#[test]
fn tables_of_one_key_go_together() {
    check_plan(
        "SELECT u.country, o.total FROM users u JOIN orders o ON o.customer_id = u.user_id WHERE u.user_id = 5",
        "single shard-2",
    );
    check_plan(
        "SELECT u.country, o.total FROM users u LEFT JOIN orders o ON o.customer_id = u.user_id WHERE u.user_id = 5",
        "single shard-2",
    );
    check_plan(
        "SELECT u.country, o.total FROM users u LEFT JOIN orders o ON o.customer_id = 5 WHERE u.user_id = 5",
        "single shard-2",
    );
    check_gathered(
        "SELECT u.country, o.total FROM users u LEFT JOIN orders o ON u.user_id = 5",
        "a join of rows that lie on different shards",
    );
    check_gathered(
        "SELECT u.country FROM users u JOIN orders o ON o.total = u.country WHERE u.user_id = 5",
        "a join of rows that lie on different shards",
    );
    check_plan(
        "SELECT u.country FROM users u JOIN currencies c ON c.currency = u.country WHERE u.user_id = 5",
        "single shard-2",
    );
    check_plan(
        "SELECT country FROM users u WHERE user_id = 5 AND EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.user_id)",
        "single shard-2",
    );
    check_gathered(
        "SELECT country FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = 5 AND u.user_id = 5)",
        "a subquery over rows that lie on different shards",
    );
    check_plan("SELECT 1 FROM users WHERE user_id = 5 UNION SELECT 2 FROM users WHERE user_id = 1", "single shard-2");
    check_gathered("SELECT 1 FROM users WHERE user_id = 5 UNION SELECT 2 FROM users WHERE user_id = 3", "UNION");
    check_plan("SELECT * FROM currencies", "reference shard-1");
    check_plan("SELECT * FROM plain", "home shard-1");
    check_plan("SELECT 1", "reference shard-1");
    check_plan("SELECT * FROM plain, currencies", "home shard-1");
    check_plan(
        "SELECT * FROM plain, users WHERE user_id = 3",
        "single shard-1: SELECT  `plain`.`v`, `users`.`user_id`, `users`.`country`, `users`.`name`, `users`.`code`, CAST(`users`.`f` AS DOUBLE) AS `f`  FROM plain, users WHERE user_id = 3",
    );
    check_refused("SELECT * FROM plain NATURAL JOIN users WHERE user_id = 3", "`*` over a FLOAT column");
    check_refused("SELECT * FROM (SELECT 1 AS x) d, users WHERE user_id = 3", "`*` over a FLOAT column");
    check_plan("SELECT d.* FROM (SELECT 1 AS x) d, users WHERE user_id = 3", "single shard-1");
    check_gathered("SELECT * FROM plain, users WHERE user_id = 5", "a join of rows that lie on different shards");
    check_refused("SELECT * FROM seen", "the view seen");
    check_refused("SELECT * FROM broken", "broken cannot be used: its key is a FLOAT");
    check_refused("SELECT * FROM nowhere", "Table 'app.nowhere' doesn't exist");
}

#[test]
fn names_of_derived_tables_are_not_taken_for_tables() {
    check_refused("WITH users AS (SELECT * FROM users) SELECT country FROM users", "also a table's name");
    check_refused(
        "SELECT 1 FROM (WITH users AS (SELECT 1) SELECT * FROM users) x UNION SELECT 1 FROM users",
        "also a table's name",
    );
    check_plan("WITH five AS (SELECT 5 AS user_id) SELECT user_id FROM five", "reference shard-1");
    check_plan("WITH w AS (SELECT country FROM users WHERE user_id = 5) SELECT country FROM w", "single shard-2");
    // The inner `users` is the WITH query, not the table that the outer condition pins.
    check_gathered(
        "WITH w AS (SELECT 3 AS user_id) SELECT country FROM users WHERE users.user_id = 5 AND EXISTS \
         (SELECT 1 FROM w AS users JOIN orders o ON o.customer_id = users.user_id)",
        "WITH",
    );
    check_gathered(
        "SELECT country FROM users WHERE user_id = 5 AND EXISTS \
         (SELECT 1 FROM (SELECT 3 AS k) d JOIN orders o ON o.customer_id = k)",
        "a subquery over rows that lie on different shards",
    );
}

#[test]
fn rows_of_several_shards_are_merged() {
    check_refused("SELECT * FROM other.users", "database `other`");
    check_plan(
        "SELECT f FROM users WHERE user_id = 5",
        "single shard-2: SELECT  CAST(f AS DOUBLE) AS `f`  FROM users WHERE user_id = 5",
    );
    check_plan("SELECT country FROM users", "scatter shard-1 shard-2");
    check_plan(
        "SELECT country FROM users ORDER BY country DESC, user_id LIMIT 2, 3",
        "scatter shard-1 shard-2: SELECT country, country AS `_autoscaler_0`, user_id AS `_autoscaler_1` FROM users ORDER BY country DESC, user_id LIMIT 5",
    );
    check_plan(
        "SELECT COUNT(*), AVG(country) FROM users",
        "scatter shard-1 shard-2: SELECT COUNT(*), AVG(country), SUM(country) AS `_autoscaler_2`, COUNT(country) AS `_autoscaler_3` FROM users",
    );
    check_plan(
        "SELECT country, COUNT(*) n FROM users GROUP BY country ORDER BY n DESC LIMIT 3",
        "scatter shard-1 shard-2: SELECT country, COUNT(*) AS `n` FROM users GROUP BY country",
    );
    check_plan("SELECT MAX(code) FROM users", "scatter shard-1 shard-2");
    check_gathered("SELECT MAX(name) FROM users", "MIN or MAX of `name`");
    check_plan(
        "SELECT name FROM users ORDER BY name",
        "scatter shard-1 shard-2: SELECT name, WEIGHT_STRING(name AS CHAR(20)) AS `_autoscaler_0` FROM users ORDER BY name",
    );
    check_plan(
        "SELECT COUNT(*) FROM users GROUP BY name",
        "scatter shard-1 shard-2: SELECT COUNT(*), name AS `_autoscaler_1`, WEIGHT_STRING(name AS CHAR(20)) AS `_autoscaler_2` FROM users GROUP BY name",
    );
    check_plan(
        "SELECT f FROM users ORDER BY f",
        "scatter shard-1 shard-2: SELECT CAST(f AS DOUBLE) AS `f`, CAST(f AS DOUBLE) AS `_autoscaler_0` FROM users ORDER BY f",
    );
    check_gathered("SELECT MIN(f) FROM users", "MIN or MAX of `f`");
    check_gathered("SELECT SUM(country / 3) FROM users", "a sum over `country / 3`");
    check_gathered("SELECT COUNT(*) + 1 FROM users", "`COUNT(*) + 1`");
    check_gathered("SELECT name, COUNT(*) FROM users GROUP BY country", "`name` outside GROUP BY");
    check_plan("SELECT DISTINCT country FROM users", "scatter shard-1 shard-2");
    check_gathered("SELECT country FROM users GROUP BY country HAVING COUNT(*) > 1", "HAVING");
    check_gathered("SELECT COUNT(DISTINCT country) FROM users", "`COUNT(DISTINCT country)`");
    check_gathered("SELECT country FROM users ORDER BY RAND()", "RAND()");
    check_plan(
        "SELECT country FROM users WHERE NOW() > 5",
        "scatter shard-1 shard-2: SELECT country FROM users WHERE TIMESTAMP'2026-03-01 12:34:56' > 5",
    );
    check_refused("SELECT country FROM users FOR UPDATE", "a locking SELECT");
    check_plan("SELECT u.country FROM users u JOIN orders o ON o.customer_id = u.user_id", "scatter shard-1 shard-2");
}
