//! Names that lead to another database of the server are refused, on one shard and on several.

use keyspace::schema::Surroundings;

use super::*;

fn beside_others() -> Schema {
    let other_databases = ["other".to_owned(), "mysql".to_owned(), "information_schema".to_owned()].into();
    schema().with_surroundings(Surroundings { other_databases, ..Surroundings::default() })
}

#[track_caller]
fn check_refused(text: &str) {
    let schema = beside_others();
    for topology in [one_shard(), two_shards()] {
        let Ok(sql) = sql::read(text, &[]) else { continue };
        let Ok(statement) = sql::analyse(&sql) else { continue };
        let plan = Planner::new(&topology, &schema, noon()).plan(&sql, &statement);
        assert!(plan.is_err(), "{text}: {plan:?}");
    }
}

#[test]
fn no_spelling_and_no_alias_opens_another_database() {
    for text in [
        "SELECT v FROM other.secrets",
        "SELECT v FROM `other` . `secrets`",
        "SELECT v FROM OTHER.secrets",
        "TABLE other.secrets",
        "SELECT name, 1 FROM users AS other WHERE user_id = 1 UNION TABLE other.secrets",
        "SELECT name FROM users UNION (TABLE other.secrets)",
        "SELECT NEXTVAL(other.seq) FROM users AS other",
        "SELECT NEXT VALUE FOR other.seq FROM users AS other",
        "INSERT INTO plain SELECT NEXTVAL(other.seq) FROM plain AS other",
        "UPDATE plain AS other SET id = NEXTVAL(other.seq) WHERE id = 1",
        "SELECT v FROM {oj other.secrets a LEFT JOIN users u ON 1=0}",
        "SELECT {x (SELECT v FROM other.secrets LIMIT 1)} FROM users other",
        "SELECT {x (SELECT GROUP_CONCAT(info) FROM information_schema.processlist)}",
        "UPDATE LOW_PRIORITY other.secrets SET v = 'x'",
        "DELETE FROM users other USING other.secrets",
        "SELECT other.tell()",
        "SELECT unknown.tell()",
        "SELECT users.user_id, unknown.users.name FROM users",
        "CREATE VIEW v AS SELECT 1 AS id UNION TABLE other.secrets",
        "CREATE VIEW v AS SELECT NEXTVAL(other.seq) AS a FROM users other",
        "CREATE TABLE other.t (id INT)",
        "EXPLAIN SELECT v FROM other.secrets",
        "SHOW COLUMNS FROM secrets FROM other",
        "DESCRIBE other.secrets",
        "SELECT * FROM information_schema.processlist",
        "SELECT information_schema.* FROM information_schema.tables",
        "INSERT INTO plain SELECT 1 FROM information_schema.tables",
        "SELECT 1 FROM users u NATURAL JOIN users s WHERE app.users.user_id = 1",
        "SELECT COUNT(*) FROM users AS u JOIN orders o USING (id) WHERE app.users.user_id < '01'",
        "CREATE TABLE _autoscaler_0 (id BIGINT PRIMARY KEY)",
        "RENAME TABLE plain TO _Autoscaler_1",
        "SELECT * FROM _autoscaler_0",
    ] {
        check_refused(text);
    }
}

#[test]
fn a_table_that_is_called_like_a_database_does_not_open_it() {
    let mut tables: Vec<_> = schema().tables().cloned().collect();
    for name in ["other", "information_schema"] {
        let mut table = tables[0].clone();
        table.name = name.to_owned();
        tables.push(table);
    }
    let other_databases = ["other".to_owned(), "information_schema".to_owned()].into();
    let schema = Schema::new("app", schema().layout(), true, tables)
        .with_surroundings(Surroundings { other_databases, ..Surroundings::default() });
    for text in [
        "SELECT v FROM {oj other.secrets a LEFT JOIN users u ON 1=0}",
        "TABLE other.secrets",
        "UPDATE LOW_PRIORITY other.secrets SET v = 'x'",
        "SELECT {x (SELECT 1 FROM information_schema.processlist)}",
        "CREATE VIEW v AS SELECT 1 AS id UNION TABLE other.secrets",
    ] {
        let sql = sql::read(text, &[]).unwrap();
        let plan = sql::analyse(&sql)
            .map(|statement| Planner::new(&one_shard(), &schema, noon()).plan(&sql, &statement).is_ok());
        assert_ne!(plan, Ok(true), "{text}");
    }
}

#[test]
fn what_is_about_the_own_database_is_shown() {
    let schema = beside_others();
    let check = |text: &str, expected: &str| {
        let sql = sql::read(text, &[]).unwrap();
        let one_shard = one_shard();
        let plan = Planner::new(&one_shard, &schema, noon()).plan(&sql, &sql::analyse(&sql).unwrap()).unwrap();
        let Node::Read(node) = plan.node else { panic!("{text}") };
        assert_eq!(node.parts[0].sql, expected, "{text}");
    };
    check(
        "SELECT t.table_name FROM information_schema.tables t",
        "SELECT t.table_name FROM (SELECT * FROM information_schema.TABLES WHERE (TABLE_SCHEMA = 'app' \
         AND CAST(TABLE_SCHEMA AS BINARY) = 'app' OR TABLE_SCHEMA = 'information_schema')) t",
    );
    check(
        "SELECT information_schema.views.table_name FROM INFORMATION_SCHEMA . `views` WHERE 1",
        "SELECT views.table_name FROM (SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'app' \
         AND CAST(TABLE_SCHEMA AS BINARY) = 'app') AS `views` WHERE 1",
    );
    check("SELECT app.users.name FROM app.users", "SELECT app.users.name FROM app.users");
}

/// sqlparser has operators that no server has: what follows them would be no table to it.
#[test]
fn words_that_are_aliases_to_a_server_hide_no_table() {
    let schema = beside_others();
    for text in [
        "SELECT user_id ILIKE FROM users",
        "SELECT COUNT(*) OVERLAPS FROM users",
        "SELECT user_id SIMILAR FROM users",
        "SELECT user_id AT FROM users",
        "SELECT user_id notnull FROM users",
    ] {
        let sql = sql::read(text, &[]).unwrap();
        let topology = two_shards();
        let plan = Planner::new(&topology, &schema, noon()).plan(&sql, &sql::analyse(&sql).unwrap());
        if let Ok(plan) = plan {
            assert_eq!(plan.route, Route::Scatter, "{text}");
        }
    }
    check_refused("SELECT secrets.v ILIKE FROM plain, other.secrets WHERE (SELECT 1 FROM plain other LIMIT 1) = 1");
}
