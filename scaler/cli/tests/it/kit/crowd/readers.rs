//! What must hold of every read, whatever moves meanwhile.

use std::time::Duration;

use rand::Rng;
use serde_json::Value;

use super::client::Client;
use super::{OWNERS, PAIR_SUM, PERMANENT};

/// Between two reads of one reader.
const REST: Duration = Duration::from_millis(40);

pub(super) const READERS: usize = 3;

/// A query, and what it must say.
struct Expectation {
    sql: String,
    holds: fn(&[Value], i64) -> bool,
    number: i64,
}

pub(super) async fn run(mut client: Client) {
    let shared = client.shared.clone();
    while !shared.is_stopping() {
        let turn = shared.turns.read().await;
        if shared.is_stopping() {
            return;
        }
        let Expectation { sql, holds, number } = choose(&mut client);
        if let Some(rows) = client.read(&sql).await
            && !holds(&rows, number)
        {
            shared.violation(format!("{sql} was answered {}", Value::Array(rows)));
        }
        drop(turn);
        tokio::time::sleep(REST).await;
    }
}

fn choose(client: &mut Client) -> Expectation {
    let is_count: fn(&[Value], i64) -> bool = |rows, number| rows[0]["n"].as_i64() == Some(number);
    match client.rng.random_range(0..5) {
        0 => Expectation {
            sql: "SELECT SUM(amount) AS n FROM pairs".to_owned(),
            holds: is_count,
            number: OWNERS * PAIR_SUM,
        },
        1 => Expectation {
            sql: format!("SELECT owner, SUM(amount) AS n FROM pairs GROUP BY owner HAVING SUM(amount) <> {PAIR_SUM}"),
            holds: |rows, _| rows.is_empty(),
            number: 0,
        },
        2 => Expectation {
            sql: "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM orders".to_owned(),
            holds: |rows, number| rows[0]["n"] == rows[0]["ids"] && rows[0]["n"].as_i64() >= Some(number),
            number: PERMANENT,
        },
        3 => {
            let first = client.rng.random_range(1..PERMANENT - 200);
            let ids: Vec<String> = (0..20).map(|n| (first + n * 10).to_string()).collect();
            let sql = format!("SELECT COUNT(*) AS n FROM orders WHERE id IN ({})", ids.join(", "));
            Expectation { sql, holds: is_count, number: 20 }
        }
        _ => {
            let first = client.rng.random_range(1..PERMANENT);
            let last = client.rng.random_range(first..=PERMANENT);
            let sql = format!("SELECT COUNT(*) AS n FROM orders WHERE id BETWEEN {first} AND {last}");
            Expectation { sql, holds: is_count, number: last - first + 1 }
        }
    }
}
