//! Plans while rows move.

use super::*;

/// Checks a statement with one owner, then with rows on their way to a second, then with these switched.
#[track_caller]
fn check_during_move(text: &str, expected: [&str; 3]) {
    let plans = [one_shard(), moving(false), moving(true)].map(|topology| plan_text(&topology, text));
    assert_eq!(plans, expected, "{text}");
}

#[test]
fn moves_are_seen() {
    check_during_move(
        "SELECT country FROM users",
        [
            "single shard-1",
            "single shard-1, recheck",
            "scatter shard-1 shard-2, recheck: SELECT country FROM users WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)&7)&1)",
        ],
    );
    check_during_move(
        "SELECT country FROM users WHERE user_id = 5",
        ["single shard-1", "single shard-1, recheck", "single shard-2, recheck"],
    );
    check_during_move(
        "SELECT country FROM users WHERE user_id = 3",
        ["single shard-1", "single shard-1", "single shard-1"],
    );
    check_during_move(
        "UPDATE users SET country = 1 WHERE user_id = 5",
        ["single shard-1", "single shard-1, fenced", "single shard-2"],
    );
    check_during_move(
        "UPDATE users SET country = 1 WHERE user_id = 3",
        ["single shard-1", "single shard-1", "single shard-1"],
    );
    check_during_move(
        "UPDATE users SET country = 1",
        [
            "single shard-1",
            "single shard-1, fenced",
            "scatter shard-1\n  UPDATE users SET country = 1 WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)&7)&1) shard-2",
        ],
    );
    check_during_move(
        "INSERT INTO orders (customer_id) VALUES (5)",
        ["single shard-1", "single shard-1, fenced", "single shard-2"],
    );
    check_during_move(
        "INSERT INTO orders (customer_id) VALUES (3)",
        ["single shard-1", "single shard-1", "single shard-1"],
    );
    check_during_move(
        "INSERT INTO users (user_id) VALUES (2 + 3)",
        [
            "single shard-1",
            "single shard-1, fenced",
            "refused: the value for `user_id`, the sharding key of users does not convert exactly to its type",
        ],
    );
    check_during_move(
        "INSERT INTO currencies VALUES (1, 2)",
        ["reference shard-1", "reference shard-1, fenced", "reference shard-1 shard-2"],
    );
    check_during_move(
        "DROP TABLE users",
        [
            "single, 1 shards",
            "refused: the schema cannot be changed while rows are moving",
            "refused: the schema cannot be changed while rows are moving",
        ],
    );
    check_during_move(
        "SELECT * FROM seen",
        [
            "single shard-1",
            "single shard-1, recheck",
            "refused: the view seen over several shards is not supported here",
        ],
    );
    check_during_move(
        "SELECT MAX(name) FROM users",
        [
            "single shard-1",
            "single shard-1, recheck",
            "gather at shard-1: MIN or MAX of `name` cannot be merged: its rows are gathered\n  CREATE TEMPORARY TABLE `_autoscaler_0` AS SELECT MAX(name) AS _a0 FROM users LIMIT 0\n  shard-1: SELECT MAX(name) AS _a0 FROM users WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)&7)&1)\n  shard-2: SELECT MAX(name) AS _a0 FROM users\n  SELECT MAX(_a0) AS `MAX(name)` FROM _autoscaler_0",
        ],
    );
    check_during_move(
        "SELECT f FROM users",
        [
            "single shard-1: SELECT  CAST(f AS DOUBLE) AS `f`  FROM users",
            "single shard-1, recheck: SELECT  CAST(f AS DOUBLE) AS `f`  FROM users",
            "scatter shard-1 shard-2, recheck: SELECT CAST(f AS DOUBLE) AS `f` FROM users WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`users`.`user_id` AS CHAR))&16383,0)&7)&1)",
        ],
    );
    check_during_move(
        "UPDATE users, orders SET total = 1 WHERE customer_id = user_id",
        [
            "single shard-1",
            "refused: this statement (sql parser error: Expected: SET, found: , at Line: 1, Column: 13) is not supported here",
            "refused: this statement (sql parser error: Expected: SET, found: , at Line: 1, Column: 13) is not supported here",
        ],
    );
    check_during_move("SELECT * FROM plain", ["single shard-1", "single shard-1, recheck", "home shard-1, recheck"]);
    let join = "SELECT u.country FROM users u, orders o WHERE u.country = o.id";
    check_during_move(
        join,
        [
            "single shard-1",
            "single shard-1, recheck",
            "gather at shard-1: a join of rows that lie on different shards cannot be merged: its rows are gathered\n  CREATE TEMPORARY TABLE `_autoscaler_0` (KEY (`country`)) AS SELECT `u`.`country` FROM `users` AS `u` LIMIT 0\n  shard-1: SELECT `u`.`country` FROM `users` AS `u` WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`u`.`user_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`u`.`user_id` AS CHAR))&16383,0)&7)&1)\n  shard-2: SELECT `u`.`country` FROM `users` AS `u`\n  CREATE TEMPORARY TABLE `_autoscaler_1` (KEY (`id`)) AS SELECT `o`.`id` FROM `orders` AS `o` LIMIT 0\n  shard-1: SELECT `o`.`id` FROM `orders` AS `o` WHERE (ORD(SUBSTR(x'…',(COALESCE(CRC32(CAST(`o`.`customer_id` AS CHAR))&16383,0)>>3)+1,1))>>(COALESCE(CRC32(CAST(`o`.`customer_id` AS CHAR))&16383,0)&7)&1)\n  shard-2: SELECT `o`.`id` FROM `orders` AS `o`\n  SELECT u.country FROM `_autoscaler_0` u, `_autoscaler_1` o WHERE u.country = o.id",
        ],
    );
}
