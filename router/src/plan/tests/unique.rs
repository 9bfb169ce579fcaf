//! Values that must be unique over all shards.

use super::*;

/// With a unique index of `users` that lacks its sharding key.
fn schema_with_unique_code() -> Schema {
    let schema = schema();
    let mut users = schema.table("users").unwrap().clone();
    users.unique_indexes.push(UniqueIndex { name: "code".to_owned(), columns: vec!["code".to_owned()] });
    let tables = schema.tables().filter(|table| table.name != "users").cloned().chain([users]).collect();
    Schema::new("app", &Layout::default(), true, tables)
}

/// A router that has not heard of the switch yet must not take a value that is taken on the other side of it.
#[test]
fn what_must_be_unique_is_fenced_whatever_slot_it_is_in() {
    let (topology, schema) = (moving(false), schema_with_unique_code());
    let check = |text: &str, expected: bool| {
        let sql = sql::read(text, &[]).unwrap();
        let plan = Planner::new(&topology, &schema, noon()).plan(&sql, &sql::analyse(&sql).unwrap()).unwrap();
        let Node::Write(write) = plan.node else { panic!("{text}") };
        assert_eq!(write.parts[0].fenced, expected, "{text}");
    };
    check("UPDATE users SET code = 'a' WHERE user_id = 3", true);
    check("UPDATE users SET country = 'a' WHERE user_id = 3", false);
    check("UPDATE users SET country = 'a' WHERE user_id = 5", true);
    check("INSERT INTO users (user_id, code) VALUES (3, 'a')", true);
    check("DELETE FROM users WHERE user_id = 3", false);
}

#[test]
fn unique_values_are_looked_for_where_no_shard_enforces_them() {
    let schema = schema_with_unique_code();
    let topology = two_shards();
    let check = |text: &str, expected: Result<&str, &str>| {
        let sql = sql::read(text, &[]).unwrap();
        let plan = Planner::new(&topology, &schema, noon()).plan(&sql, &sql::analyse(&sql).unwrap());
        let found = plan.map_err(|refusal| refusal.to_string()).map(|plan| match plan.node {
            Node::Write(WriteNode { uniqueness: Some(uniqueness), .. }) => uniqueness.parts[0].sql.clone(),
            _ => String::new(),
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    };
    check(
        "INSERT INTO users (user_id, code) VALUES (1, 'a'), (2, NULL), (3, 'b')",
        Ok("(SELECT 0 FROM `users` WHERE `code` = 'a' LIMIT 2 FOR UPDATE) UNION ALL \
            (SELECT 1 FROM `users` WHERE `code` = 'b' LIMIT 2 FOR UPDATE)"),
    );
    check("INSERT INTO users (user_id, country) VALUES (1, 2)", Ok(""));
    check(
        "INSERT INTO users (user_id, code) VALUES (1, LOWER('A'))",
        Err("a write of `code`, of the unique index code,"),
    );
    check("UPDATE users SET country = 1", Ok(""));
    check(
        "UPDATE users SET code = 'x' WHERE user_id = 1",
        Ok("(SELECT 0 FROM `users` WHERE `code` = 'x' LIMIT 2 FOR UPDATE)"),
    );
    check("UPDATE users SET code = CONCAT(code, 'x')", Err("that is no literal"));
}
