//! One line for each statement: what it becomes over two shards, or why it is refused.

mod definitions;
mod long;
mod other_databases;
mod support;

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyspace::endpoint::Endpoint;
use keyspace::keys::KeyType;
use keyspace::schema::{Layout, Schema, Table, TableColumn, TableKind, UniqueIndex};
use keyspace::slots::{self, Slot};
use keyspace::topology::{Shard, ShardId, Topology, Transfer};
use proptest::prelude::*;

use super::tree::Input;
use super::*;
use crate::sql;

fn column(definition: &str) -> TableColumn {
    let (name, rest) = definition.split_once(' ').unwrap();
    let (column_type, collation) =
        rest.split_once(' ').map_or((rest, None), |(kind, collation)| (kind, Some(collation)));
    TableColumn {
        name: name.to_owned(),
        data_type: column_type.split('(').next().unwrap().to_owned(),
        column_type: column_type.to_owned(),
        collation: collation.map(str::to_owned),
        fraction_digits: None,
        nullable: true,
        has_default: false,
        auto_increment: name == "id",
        generated: false,
        invisible: false,
        json: false,
        clock: false,
        volatile_default: false,
    }
}

fn table(name: &str, kind: TableKind, columns: &[&str]) -> Table {
    let columns: Vec<TableColumn> = columns.iter().map(|definition| column(definition)).collect();
    let primary_key = vec![columns[0].name.clone()];
    Table {
        name: name.to_owned(),
        kind,
        unique_indexes: vec![UniqueIndex { name: "PRIMARY".to_owned(), columns: primary_key.clone() }],
        primary_key,
        columns,
        has_triggers: false,
        has_references: false,
        has_transactions: true,
    }
}

fn schema() -> Schema {
    let by = |key: &str, key_type| TableKind::Sharded { key: key.to_owned(), key_type };
    let layout = Layout {
        shard_keys: BTreeMap::from(
            [("users", "user_id"), ("orders", "customer_id"), ("later", "k")]
                .map(|(table, key)| (table.to_owned(), key.to_owned())),
        ),
        reference_tables: ["currencies".to_owned()].into(),
        ..Layout::default()
    };
    let tables = vec![
        table(
            "users",
            by("user_id", KeyType::Integer),
            &[
                "user_id bigint",
                "country int",
                "name varchar(20) utf8mb4_general_ci",
                "code varchar(8) utf8mb4_bin",
                "f float",
            ],
        ),
        table("orders", by("customer_id", KeyType::Integer), &["customer_id bigint", "id int", "total decimal(9,2)"]),
        table("currencies", TableKind::Reference, &["currency int", "rate decimal(9,4)"]),
        table("plain", TableKind::Unsharded, &["v int"]),
        table("broken", TableKind::Unusable { reason: "its key is a FLOAT".to_owned() }, &["k float"]),
        table("seen", TableKind::View, &["user_id bigint"]),
    ];
    Schema::new("app", &layout, true, tables)
}

fn noon() -> Timestamp {
    "2026-03-01T12:34:56Z".parse().unwrap()
}

fn shard(number: u16) -> Shard {
    let id = ShardId::new(format!("shard-{number}")).unwrap();
    Shard { id, endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p", "app") }
}

fn one_shard() -> Topology {
    Topology::first(vec![shard(1)], slots::plan_even_spread(1)).unwrap()
}

/// Keys 1, 2 and 5 lie on shard-2, keys 3, 4 and 7 on shard-1.
fn two_shards() -> Topology {
    Topology::first(vec![shard(1), shard(2)], slots::plan_even_spread(2)).unwrap()
}

/// Half of shard-1's slots on their way to a new shard-2.
fn moving(switched: bool) -> Topology {
    let joined = one_shard().with_shard(shard(2));
    let (source, target) = (shard(1).id, shard(2).id);
    let slots = slots::plan_half(&joined.owned(&source));
    let announced = joined.with_moves(&[Transfer { source, target, slots }]).unwrap();
    let id = announced.moves()[0].id.clone();
    if switched { announced.with_switched(&id).unwrap() } else { announced }
}

/// The route with its shards, then whatever is not the statement itself sent once.
fn plan_text(topology: &Topology, text: &str) -> String {
    let plan = || {
        let sql = sql::read(text, &[]).map_err(|error| error.to_string())?;
        let refused = |refusal: Refusal| format!("refused: {refusal}");
        let statement = sql::analyse(&sql).map_err(|unsupported| refused(unsupported.into()))?;
        let schema = schema();
        let plan = Planner::new(topology, &schema, noon()).plan(&sql, &statement).map_err(refused)?;
        let route = plan.route.as_str();
        Ok::<_, String>(match plan.node {
            Node::Read(ReadNode { parts, recheck, .. }) => {
                let shards: Vec<&str> = parts.iter().map(|part| part.shard.as_str()).collect();
                let sent = parts.iter().find(|part| part.sql != text).map(|part| format!(": {}", part.sql));
                let recheck = if recheck { ", recheck" } else { "" };
                format!("{route} {}{recheck}{}", shards.join(" "), sent.unwrap_or_default())
            }
            Node::Gather(gather) => {
                let part = |part: &Part| format!("\n  {}: {}", part.shard, part.sql);
                let input = |input: &Input| {
                    format!("\n  {}{}", input.definition, input.parts.iter().map(part).collect::<String>())
                };
                let inputs: String = gather.inputs.iter().map(input).collect();
                let why = plan.reason.split_once("; ").map_or("", |(_, why)| why);
                format!("gather at {}: {why}{inputs}\n  {}", gather.at, gather.sql)
            }
            Node::Refill(refill) => format!("refill from {}", refill.source.route.as_str()),
            Node::Write(write) => {
                let part = |WritePart { part, fenced, .. }: &WritePart| {
                    let sent = if part.sql == text { String::new() } else { format!("\n  {}", part.sql) };
                    format!(" {}{}{sent}", part.shard, if *fenced { ", fenced" } else { "" })
                };
                let parts: String = write.parts.iter().map(part).collect();
                let clock = write.clock.map_or("", |_| "\n  one clock");
                let probe = |part: &Part| format!("\n  look on {}: {}", part.shard, part.sql);
                let probes: String = write.uniqueness.iter().flat_map(|unique| &unique.parts).map(probe).collect();
                let relocation = write.relocation.map(|to| format!("\n  rows {} to {}", to.condition, to.target));
                format!("{route}{parts}{clock}{probes}{}", relocation.unwrap_or_default())
            }
            Node::Define(define) => format!("{route}, {} shards", define.shards.len()),
        })
    };
    let plan = plan().unwrap_or_else(|refusal| refusal);
    // The set of owned slots is 4,096 digits long.
    let mut parts = plan.split("x'");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}x'…{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit())))
}

#[track_caller]
fn check_plan(text: &str, expected: &str) {
    assert_eq!(plan_text(&two_shards(), text), expected, "{text}");
}

#[track_caller]
fn check_refused(text: &str, part_of_reason: &str) {
    let plan = plan_text(&two_shards(), text);
    assert!(plan.starts_with("refused: ") && plan.contains(part_of_reason), "{text}\n{plan}");
}

/// No merge answers it, so that the rows are copied to one shard; `why` begins the reason.
#[track_caller]
fn check_gathered(text: &str, why: &str) {
    let plan = plan_text(&two_shards(), text);
    assert!(plan.starts_with(&format!("gather at shard-1: {why}")), "{text}\n{plan}");
}

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

#[test]
fn definitions_go_everywhere() {
    check_plan("CREATE TABLE later (k BIGINT PRIMARY KEY)", "scatter, 2 shards");
    check_refused(
        "CREATE TABLE later (v BIGINT PRIMARY KEY)",
        "later cannot be used: it has no column `k`, its sharding key in table_shard_keys",
    );
    check_refused(
        "CREATE TABLE later (k FLOAT)",
        "later cannot be used: its sharding key `k` is unsupported: type FLOAT cannot be a sharding key",
    );
    check_plan("CREATE TABLE other (k FLOAT)", "scatter, 2 shards");
    check_plan("ALTER TABLE users ADD COLUMN x INT", "scatter, 2 shards");
    check_refused("ALTER TABLE users DROP COLUMN user_id", "changing `user_id`, the sharding key of users,");
    check_refused("RENAME TABLE users TO persons", "renaming users");
    check_plan("DROP TABLE users", "scatter, 2 shards");
    check_plan("TRUNCATE TABLE users", "scatter, 2 shards");
    check_refused("CREATE TABLE copy AS SELECT * FROM users", "CREATE TABLE … SELECT on several shards");
    check_plan("CREATE TABLE later (k BIGINT PRIMARY KEY, v INT UNIQUE)", "scatter, 2 shards");
    check_refused("ALTER TABLE users ADD UNIQUE (name)", "a unique index (name) without the sharding key `user_id`");
    check_plan("ALTER TABLE users ADD UNIQUE (name, user_id)", "scatter, 2 shards");
    check_refused("CREATE UNIQUE INDEX i ON users (name)", "a unique index (name) without the sharding key `user_id`");
    check_plan("CREATE UNIQUE INDEX i ON currencies (rate)", "scatter, 2 shards");
    check_plan("CREATE TABLE later (k BIGINT, FOREIGN KEY (k) REFERENCES users (user_id))", "scatter, 2 shards");
    check_plan("CREATE TABLE later (k BIGINT, c INT REFERENCES currencies (currency))", "scatter, 2 shards");
    for apart in [
        "CREATE TABLE later (k BIGINT, v INT, FOREIGN KEY (v) REFERENCES users (user_id))",
        "CREATE TABLE later (k BIGINT, v INT REFERENCES plain (v))",
        "ALTER TABLE plain ADD FOREIGN KEY (v) REFERENCES users (user_id)",
    ] {
        check_refused(apart, "whose rows may lie on another shard");
    }
    check_plan("SHOW TABLES", "home shard-1");
    check_refused("LOCK TABLES users READ", "LOCK TABLES without a session");
    check_plan("CALL f()", "CALL is not allowed");
}

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

/// Statements of files that others wrote, `SQL_CORPUS` being their folder (`make corpus` fetches MariaDB's own tests):
/// each is read and planned without a panic, and nothing that writes is taken for a read.
#[test]
fn a_corpus_is_read_and_planned_without_panic() {
    const READS: [&str; 8] = ["SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESC", "DESCRIBE", "EXPLAIN"];
    let Some(folder) = std::env::var_os("SQL_CORPUS") else { return };
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let (topology, schema) = (two_shards(), schema());
    let (mut statements, mut understood, mut planned) = (0, 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "test") {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let lines = text.lines().filter(|line| !line.starts_with(['#', '-'])).collect::<Vec<_>>().join("\n");
            for statement in lines.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
                statements += 1;
                let Ok(sql) = sql::read(statement, &[]) else { continue };
                let Ok(analysed) = sql::analyse(&sql) else { continue };
                understood += 1;
                let words = sql.tokens.iter().map(|lexeme| sql.slice(lexeme.range.clone()));
                let first = words.into_iter().find(|word| *word != "(").unwrap_or_default().to_uppercase();
                let reads = matches!(&analysed, Statement::Read(_) | Statement::Inspect(_) | Statement::Explain(_));
                assert!(!reads || READS.contains(&&*first), "{}: taken for a read: {statement}", path.display());
                planned += usize::from(Planner::new(&topology, &schema, noon()).plan(&sql, &analysed).is_ok());
            }
        }
    }
    println!("{statements} statements, {understood} understood, {planned} planned");
}

/// A condition over `user_id` and `country`, as SQL and as what it says of a row.
#[derive(Clone, Debug)]
enum Test {
    Key(i64),
    Keys(Vec<i64>),
    Between(i64, i64),
    Country(i64),
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
}

impl Test {
    fn sql(&self) -> String {
        match self {
            Test::Key(key) => format!("user_id = {key}"),
            Test::Keys(keys) => {
                format!("user_id IN ({})", keys.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))
            }
            Test::Between(low, high) => format!("user_id BETWEEN {low} AND {high}"),
            Test::Country(country) => format!("country = {country}"),
            Test::Not(inner) => format!("NOT ({})", inner.sql()),
            Test::And(one, two) => format!("({} AND {})", one.sql(), two.sql()),
            Test::Or(one, two) => format!("({} OR {})", one.sql(), two.sql()),
        }
    }

    fn holds(&self, user_id: i64, of_country: i64) -> bool {
        match self {
            Test::Key(key) => user_id == *key,
            Test::Keys(keys) => keys.contains(&user_id),
            Test::Between(low, high) => (*low..=*high).contains(&user_id),
            Test::Country(country) => of_country == *country,
            Test::Not(inner) => !inner.holds(user_id, of_country),
            Test::And(one, two) => one.holds(user_id, of_country) && two.holds(user_id, of_country),
            Test::Or(one, two) => one.holds(user_id, of_country) || two.holds(user_id, of_country),
        }
    }
}

fn tests() -> impl Strategy<Value = Test> {
    let leaf = prop_oneof![
        (1..9_i64).prop_map(Test::Key),
        prop::collection::vec(1..9_i64, 1..4).prop_map(Test::Keys),
        (1..9_i64, 1..9_i64).prop_map(|(low, high)| Test::Between(low, high)),
        (0..2_i64).prop_map(Test::Country),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|test| Test::Not(Box::new(test))),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| Test::And(Box::new(one), Box::new(two))),
            (inner.clone(), inner).prop_map(|(one, two)| Test::Or(Box::new(one), Box::new(two))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a condition says, every row that meets it lies on a shard that is asked, or that the write goes to.
    #[test]
    fn no_row_that_counts_is_left_out(test in tests()) {
        let topology = two_shards();
        let schema = schema();
        let planner = Planner::new(&topology, &schema, noon());
        let wanted: Vec<ShardId> = (1..9)
            .flat_map(|user_id| [(user_id, 0), (user_id, 1)])
            .filter(|(user_id, country)| test.holds(*user_id, *country))
            .map(|(user_id, _)| match KeyType::Integer.slot_of(&keyspace::keys::KeyLiteral::Integer(user_id.to_string())) {
                keyspace::keys::KeySlot::Slot(slot) => topology.owner(slot).id.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        for text in [
            format!("SELECT country FROM users WHERE {}", test.sql()),
            format!("UPDATE users SET country = 3 WHERE {}", test.sql()),
            format!("DELETE FROM users WHERE {}", test.sql()),
        ] {
            let sql = sql::read(&text, &[]).unwrap();
            let Ok(plan) = planner.plan(&sql, &sql::analyse(&sql).unwrap()) else { continue };
            let asked: Vec<ShardId> = match plan.node {
                Node::Read(read) => read.parts.into_iter().map(|part| part.shard).collect(),
                Node::Write(write) => write.parts.into_iter().map(|part| part.part.shard).collect(),
                Node::Refill(_) => Vec::new(),
                Node::Gather(gather) => gather.inputs.into_iter().flat_map(|input| input.parts).map(|part| part.shard).collect(),
                Node::Define(_) => Vec::new(),
            };
            for shard in &wanted {
                prop_assert!(asked.contains(shard), "{text}: rows on {shard}, asked {asked:?}");
            }
        }
    }
}
