//! The slots that a plan names.

use super::*;

/// The keys whose slots a plan names, over one shard and over two alike; reads by their scopes alone, too.
#[track_caller]
fn check_named(text: &str, keys: &[u32]) {
    let named = |slots: &[Slot]| {
        let mut keys: Vec<String> = slots
            .iter()
            .map(|slot| {
                let key = (1..10).find(|key: &u32| Slot::of_canonical(key.to_string().as_bytes()) == *slot);
                key.map_or_else(|| format!("slot {slot}"), |key| key.to_string())
            })
            .collect();
        keys.sort_unstable();
        keys
    };
    let expected: Vec<String> = keys.iter().map(u32::to_string).collect();
    let schema = schema();
    for topology in [one_shard(), two_shards()] {
        let sql = sql::read(text, &[]).unwrap();
        let statement = sql::analyse(&sql).unwrap();
        let planner = Planner::new(&topology, &schema, noon());
        assert_eq!(named(&planner.plan(&sql, &statement).unwrap().slots), expected, "{text}");
        if let Statement::Read(read) = &statement
            && let Some(plan) = planner.plan_by_scopes(text, &read.scopes)
        {
            assert_eq!(named(&plan.slots), expected, "{text}, by its scopes");
        }
    }
}

#[test]
fn load_is_counted_for_the_slots_that_keys_name() {
    check_named("SELECT total FROM orders WHERE customer_id = 5", &[5]);
    check_named("SELECT country FROM users WHERE user_id = '5'", &[5]);
    check_named("SELECT country FROM users WHERE user_id IN (1, 3, 1)", &[1, 3]);
    check_named("SELECT COUNT(*) FROM users WHERE user_id IN (1, 3) AND country = 1", &[1, 3]);
    check_named("SELECT 1 FROM users u JOIN orders o ON o.customer_id = u.user_id WHERE u.user_id = 2", &[2]);
    check_named("SELECT 1 FROM users JOIN currencies ON currency = country WHERE user_id = 2", &[2]);
    check_named("UPDATE users SET country = 1 WHERE user_id = 7", &[7]);
    check_named("UPDATE users SET country = 1 WHERE user_id IN (7, 1)", &[1, 7]);
    check_named("DELETE FROM users WHERE user_id = 7", &[7]);
    check_named("INSERT INTO orders (customer_id) VALUES (5)", &[5]);
    check_named("INSERT INTO orders (customer_id) VALUES (5), (3), (5)", &[3, 5, 5]);
}

#[test]
fn what_names_no_slot_counts_for_none() {
    for text in [
        "SELECT country FROM users",
        "SELECT country FROM users WHERE user_id > 5",
        "SELECT country FROM users WHERE user_id = NULL",
        "SELECT country FROM users WHERE user_id = '42abc'",
        // The orders may be of any customer.
        "SELECT 1 FROM users u, orders o WHERE u.user_id = 2",
        "SELECT rate FROM currencies WHERE currency = 1",
        "SELECT v FROM plain WHERE v = 1",
        "UPDATE users SET country = 1",
        "UPDATE currencies SET rate = 1 WHERE currency = 1",
        "INSERT INTO plain VALUES (1)",
        "SHOW TABLES",
    ] {
        check_named(text, &[]);
    }
}
