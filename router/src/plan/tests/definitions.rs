//! Definitions: which tables they may name, and what they may do to them.

use super::*;

#[test]
fn what_a_definition_adds_is_seen_in_every_form() {
    let unique = "a unique index (name) without the sharding key `user_id`";
    check_refused("ALTER TABLE users ADD UNIQUE INDEX IF NOT EXISTS i (name)", unique);
    check_refused("ALTER TABLE users MODIFY name VARCHAR(20) UNIQUE", unique);
    check_refused("ALTER TABLE users ADD COLUMN name INT UNIQUE", unique);
    check_refused("ALTER ONLINE TABLE users ADD PRIMARY KEY (name)", unique);
    check_refused("ALTER IGNORE TABLE users CHANGE name name INT KEY", unique);
    check_refused("CREATE OR REPLACE UNIQUE INDEX i ON users (name)", unique);
    check_refused("CREATE UNIQUE INDEX IF NOT EXISTS i ON users (name)", unique);
    check_refused("ALTER TABLE users ADD x SERIAL", "a unique index (x) without the sharding key");
    check_refused("CREATE UNIQUE INDEX i ON users (name(3))", "a unique index () without the sharding key");
    let apart = "whose rows may lie on another shard";
    check_refused("ALTER TABLE plain ADD COLUMN u BIGINT REFERENCES users (user_id)", apart);
    check_refused("ALTER TABLE plain ADD CONSTRAINT FOREIGN KEY IF NOT EXISTS f (v) REFERENCES users (user_id)", apart);
    check_refused("ALTER TABLE plain MODIFY v BIGINT REFERENCES app.users (user_id)", apart);
    check_plan("ALTER TABLE users ADD COLUMN c INT REFERENCES currencies (currency)", "scatter, 2 shards");
}

#[test]
fn the_key_stays_what_it_is_in_every_form() {
    let changed = "changing `user_id`, the sharding key of users,";
    check_refused("ALTER ONLINE TABLE users DROP COLUMN IF EXISTS `USER_ID`", changed);
    check_refused("ALTER IGNORE TABLE users ADD x INT, MODIFY user_id INT", changed);
    check_refused("ALTER TABLE users RENAME COLUMN IF EXISTS user_id TO x", changed);
    check_refused("ALTER TABLE app.users CHANGE COLUMN user_id user_id INT", changed);
    check_refused("ALTER TABLE users ALTER user_id SET DEFAULT 1", changed);
    check_plan("ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4", "scatter, 2 shards");
}

#[test]
fn tables_keep_their_places() {
    check_refused("ALTER TABLE users RENAME TO people", "renaming users");
    check_refused("ALTER TABLE plain RENAME people, ADD x INT, RENAME TO later", "renaming a table to later");
    check_refused("RENAME TABLE plain TO a, users TO b", "renaming users");
    check_refused("RENAME TABLE plain TO later", "renaming a table to later");
    check_plan("RENAME TABLE plain TO a, seen TO b", "scatter, 2 shards");
    assert_eq!(plan_text(&one_shard(), "RENAME TABLE plain TO later"), "single, 1 shards");
    check_refused("ALTER TABLE users EXCHANGE PARTITION p WITH TABLE plain", "EXCHANGE PARTITION of users with plain");
    check_refused(
        "ALTER TABLE users EXCHANGE PARTITION p WITH TABLE orders",
        "EXCHANGE PARTITION of users with orders",
    );
    check_plan("ALTER TABLE plain EXCHANGE PARTITION p WITH TABLE other", "scatter, 2 shards");
}

#[test]
fn no_name_leads_to_another_database() {
    for text in [
        "CREATE TABLE other.t (a INT)",
        "CREATE TABLE t LIKE other.t",
        "CREATE TABLE t (a INT REFERENCES other.t (a))",
        "CREATE TABLE t SELECT * FROM `other`.t",
        "CREATE TABLE t (a INT DEFAULT (other.f()))",
        "ALTER TABLE plain RENAME TO other.plain",
        "ALTER TABLE plain ADD FOREIGN KEY (v) REFERENCES `other`.`t`",
        "ALTER TABLE plain EXCHANGE PARTITION p WITH TABLE other.t",
        "DROP TABLE plain, other.t",
        "RENAME TABLE plain TO b, b TO other.t",
        "RENAME TABLE other.t TO b",
        "TRUNCATE other.t",
        "CREATE INDEX i ON other.t (a)",
        "DROP INDEX i ON other.t",
        "CREATE VIEW other.v AS SELECT 1",
        "CREATE VIEW v AS SELECT * FROM plain UNION SELECT * FROM other.t",
        "CREATE VIEW v AS SELECT * FROM information_schema.PROCESSLIST",
        "DROP VIEW seen, other.v",
    ] {
        for topology in [one_shard(), two_shards()] {
            let plan = plan_text(&topology, text);
            assert!(plan.starts_with("refused: ") && !plan.contains("several shards"), "{text}: {plan}");
        }
    }
    check_plan("CREATE VIEW app.v AS SELECT * FROM app.plain", "scatter, 2 shards");
    check_plan("CREATE TABLE t (a INT CHECK (app.t.a > 0))", "scatter, 2 shards");
}

#[test]
fn no_two_names_differ_in_case_only() {
    for text in [
        "CREATE TABLE Plain (v INT)",
        "CREATE TABLE IF NOT EXISTS Plain LIKE users",
        "CREATE OR REPLACE VIEW PLAIN AS SELECT 1",
        "CREATE TABLE Seen (v INT)",
        "ALTER TABLE plain RENAME TO Seen",
        "RENAME TABLE plain TO Broken",
        "RENAME TABLE plain TO a, seen TO Broken",
    ] {
        check_refused(text, "which differs in case only,");
    }
    check_plan("RENAME TABLE plain TO Plain", "scatter, 2 shards");
    check_plan("RENAME TABLE plain TO seen2, seen TO Plain", "scatter, 2 shards");
    check_plan("DROP TABLE Broken, broken", "scatter, 2 shards");
    check_plan("CREATE TABLE plain (v INT)", "scatter, 2 shards");
}

#[test]
fn what_is_not_understood_goes_nowhere() {
    for topology in [one_shard(), two_shards()] {
        let plan = plan_text(&topology, "ALTER TABLE plain FROBNICATE");
        assert_eq!(plan, "refused: `FROBNICATE` here in ALTER TABLE is not supported here");
    }
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
