//! INSERT, UPDATE and DELETE: which rows go where.

use super::*;

#[test]
fn rows_go_to_the_owners_of_their_keys() {
    check_plan("INSERT INTO users (user_id, country) VALUES (5, 1), (1, 2)", "single shard-2");
    check_plan(
        "INSERT INTO users (user_id, country) VALUES (5, 1), (3, (2)), (1, ')')",
        "multi shard-1\n  INSERT INTO users (user_id, country) VALUES (3, (2)) \
         shard-2\n  INSERT INTO users (user_id, country) VALUES (5, 1), (1, ')')",
    );
    check_plan(
        "INSERT INTO users (user_id, country) VALUES (3, NOW()), (5, 1)",
        "multi shard-1\n  INSERT INTO users (user_id, country) VALUES (3, NOW()) \
         shard-2\n  INSERT INTO users (user_id, country) VALUES (5, 1)\n  one clock",
    );
    // The columns are named: another router may be changing the table.
    check_plan(
        "INSERT INTO users VALUES (5, 1, '', '', 1)",
        "single shard-2\n  INSERT INTO users (`user_id`, `country`, `name`, `code`, `f`) VALUES (5, 1, '', '', 1)",
    );
    check_plan("INSERT INTO users SET user_id = 5", "single shard-2");
    check_plan("REPLACE INTO users (user_id) VALUES (5)", "single shard-2");
    check_plan("INSERT INTO users (user_id) VALUES (5) ON DUPLICATE KEY UPDATE country = 3", "single shard-2");
    check_plan(
        "INSERT INTO users (user_id) VALUES (5) ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)",
        "single shard-2",
    );
    check_plan("INSERT INTO orders (customer_id, id) VALUES (5, 1)", "single shard-2");
    check_plan(
        "INSERT INTO users (user_id, country) VALUES (5, 1), (3, 2) AS new ON DUPLICATE KEY UPDATE country = new.country",
        "multi shard-1\n  INSERT INTO users (user_id, country) VALUES (3, 2) AS new ON DUPLICATE KEY UPDATE country = \
         new.country shard-2\n  INSERT INTO users (user_id, country) VALUES (5, 1) AS new ON DUPLICATE KEY UPDATE \
         country = new.country",
    );
    check_plan("INSERT INTO plain VALUES (1)", "home shard-1");
    check_plan("INSERT INTO plain SELECT country FROM users WHERE user_id = 3", "home shard-1");
    check_plan("INSERT INTO plain SELECT country FROM users WHERE user_id = 5", "refill from single");
    check_plan("INSERT INTO users SELECT * FROM users WHERE user_id = 5", "refill from single");
    check_plan("INSERT INTO currencies SELECT country, COUNT(*) FROM users GROUP BY country", "refill from scatter");
}

#[test]
fn rows_without_an_exact_key_are_refused() {
    check_refused(
        "INSERT INTO users (country) VALUES (1)",
        "the row has no value for `user_id`, the sharding key of users",
    );
    check_refused(
        "INSERT INTO users (user_id) VALUES (NULL)",
        "NULL cannot be a value of `user_id`, the sharding key of users",
    );
    for value in ["'42abc'", "2 + 3", "UUID()"] {
        check_refused(
            &format!("INSERT INTO users (user_id) VALUES ({value})"),
            "the value for `user_id`, the sharding key of users does not convert exactly to its type",
        );
    }
    check_refused(
        "INSERT INTO users (user_id) VALUES (5) ON DUPLICATE KEY UPDATE user_id = 3",
        "changing `user_id`, the sharding key of users, where a row is there already,",
    );
    check_refused(
        "INSERT INTO users (user_id, country) SELECT customer_id, total FROM orders \
         ON DUPLICATE KEY UPDATE country = orders.total",
        "ON DUPLICATE KEY UPDATE from the selected tables' columns",
    );
}

#[test]
fn changes_go_to_every_shard_with_rows() {
    check_plan("UPDATE users SET country = 1 WHERE user_id = 5", "single shard-2");
    check_plan("UPDATE users SET country = 1 WHERE user_id IN (5, 1)", "single shard-2");
    check_plan("UPDATE users SET country = 1 WHERE user_id IN (5, 3)", "multi shard-1 shard-2");
    check_plan("UPDATE users SET country = 1", "scatter shard-1 shard-2");
    check_plan("UPDATE users SET country = NOW()", "scatter shard-1 shard-2\n  one clock");
    check_plan("UPDATE users SET country = 1 WHERE user_id = '42abc'", "scatter shard-1 shard-2");
    check_plan("UPDATE users SET country = 1 WHERE user_id = NULL", "single shard-1");
    check_plan("DELETE FROM users WHERE user_id = 5 LIMIT 1", "single shard-2");
    check_plan("DELETE FROM users WHERE country = 5", "scatter shard-1 shard-2");
    check_refused("DELETE FROM users WHERE country = 5 LIMIT 1", "LIMIT in a change over several shards");
    check_plan("DELETE FROM plain", "home shard-1");
    check_refused("DELETE FROM seen", "a write through the view seen");
}

#[test]
fn changes_of_rows_that_lie_together() {
    check_plan(
        "UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.country = o.total",
        "scatter shard-1 shard-2",
    );
    check_plan(
        "DELETE o FROM users u JOIN orders o ON u.user_id = o.customer_id WHERE u.country = 1",
        "scatter shard-1 shard-2",
    );
    check_plan(
        "UPDATE users SET country = (SELECT MAX(total) FROM orders WHERE customer_id = user_id)",
        "scatter shard-1 shard-2",
    );
    check_plan(
        "UPDATE users u JOIN currencies c ON c.currency = u.country SET u.country = c.rate",
        "scatter shard-1 shard-2",
    );
    check_plan(
        "UPDATE users u JOIN orders o ON u.user_id = o.customer_id SET u.country = 1 WHERE u.user_id = 5",
        "single shard-2",
    );
    let apart = "a change with a join or subquery over rows that lie on different shards";
    check_refused("UPDATE users u JOIN orders o ON u.country = o.id SET u.country = 1", apart);
    check_refused("DELETE FROM users WHERE country IN (SELECT total FROM orders)", apart);
    check_refused("UPDATE users SET country = (SELECT MAX(total) FROM orders)", apart);
    check_refused(
        "UPDATE users u JOIN currencies c ON c.currency = u.country SET u.country = 1, c.rate = 2",
        "whose rows lie in different ways",
    );
}

#[test]
fn a_new_key_takes_the_row_along() {
    check_plan("UPDATE users SET user_id = 3 WHERE user_id = 5", "single shard-2\n  rows `user_id` = 3 to shard-1");
    check_plan("UPDATE users SET user_id = 1 WHERE user_id = 5", "single shard-2");
    check_plan("UPDATE users SET user_id = 1", "scatter shard-1 shard-2\n  rows `user_id` = 1 to shard-2");
    check_refused("UPDATE users SET user_id = user_id + 1", "to a value that is no literal");
}

#[test]
fn reference_tables_are_written_everywhere() {
    check_plan("INSERT INTO currencies VALUES (1, 2)", "reference shard-1 shard-2");
    check_plan("DELETE FROM currencies", "reference shard-1 shard-2");
    check_plan("UPDATE currencies SET rate = UNIX_TIMESTAMP()", "reference shard-1 shard-2\n  one clock");
    check_refused("UPDATE currencies SET rate = RAND()", "RAND(), another one on each shard,");
    check_refused("INSERT INTO currencies VALUES (1, (SELECT COUNT(*) FROM users))", "that reads other tables");
    check_refused("DELETE FROM currencies LIMIT 1", "LIMIT in a change of a reference table");
}

#[test]
fn drawn_ids_are_written_into_the_statement() {
    let (schema, topology) = (schema(), two_shards());
    let planner = Planner::new(&topology, &schema, noon());
    let check = |text: &str, expected: Option<&str>| {
        let sql = sql::read(text, &[]).unwrap();
        let Ok(Statement::Insert(insert)) = sql::analyse(&sql) else { panic!("{text}") };
        let filled = planner.ids_wanted(&insert).and_then(|wanted| {
            let (ids, _) = wanted.assign(70);
            planner.with_ids(&sql, &insert, &wanted, &ids)
        });
        assert_eq!(filled.as_deref(), expected, "{text}");
    };
    check(
        "INSERT INTO orders (customer_id) VALUES (1), (2)",
        Some("INSERT INTO orders (customer_id, `id`) VALUES (1, 70), (2, 71)"),
    );
    check(
        "INSERT INTO orders VALUES (1, NULL, 2), (1, 80, 2), (1, 0, 2), (1, DEFAULT, 2)",
        Some("INSERT INTO orders VALUES (1, 70, 2), (1, 80, 2), (1, 81, 2), (1, 82, 2)"),
    );
    check("INSERT INTO orders SET customer_id = 1", Some("INSERT INTO orders SET `id` = 70, customer_id = 1"));
    check("INSERT INTO orders SET id = NULL, customer_id = 1", Some("INSERT INTO orders SET id = 70, customer_id = 1"));
    check("INSERT INTO orders () VALUES ()", Some("INSERT INTO orders (`id`) VALUES (70)"));
    check("INSERT INTO users (user_id) VALUES (1)", None);
}
