//! What holds for any statement.

use super::*;

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
