//! A router over its own servers, filled with the rows of the suite.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};

use super::folder;
use crate::kit::front::Front;
use crate::kit::moving;
use crate::kit::servers::{Flavor, Server};

pub struct Cluster {
    front: Front,
    layout: Layout,
    _servers: Vec<Server>,
}

/// Rows with the columns' names and types.
#[derive(Debug)]
pub struct Answer {
    pub columns: Value,
    pub rows: Vec<Value>,
}

#[derive(Debug)]
pub enum Outcome {
    Equal,
    /// The same error of the server.
    FailedAlike,
    Refused(String),
    Different(String),
}

/// The lines of a file that are not headings.
pub fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_statement = |line: &&str| !line.is_empty() && !line.starts_with("--");
    text.lines().filter(is_statement).map(str::to_owned).collect()
}

impl Cluster {
    pub async fn start(flavor: Flavor, shards: usize) -> Option<Cluster> {
        let servers = Server::start_all(flavor, shards).await?;
        let keys = [
            ("users", "user_id"),
            ("orders", "customer_id"),
            ("tags", "user_id"),
            ("events", "k"),
            ("few", "id"),
            ("vacant", "id"),
        ];
        let layout = Layout {
            shard_keys: keys.iter().map(|(table, key)| (table.to_string(), key.to_string())).collect(),
            reference_tables: ["products".to_owned()].into(),
            ..Layout::default()
        };
        let front = Front::start(&servers, layout.clone(), Limits::default()).await;
        let cluster = Cluster { front, layout, _servers: servers };
        cluster.fill(flavor).await;
        Some(cluster)
    }

    async fn fill(&self, flavor: Flavor) {
        let accents = if flavor == Flavor::MariaDb { "utf8mb4_uca1400_ai_ci" } else { "utf8mb4_0900_ai_ci" };
        for definition in lines(&folder().join("schema.sql")) {
            self.write(&definition.replace("{ai}", accents)).await;
        }
        for row in lines(&folder().join("rows.sql")) {
            self.write(&row).await;
        }
    }

    async fn write(&self, sql: &str) {
        let (status, answer) = self.post(sql).await;
        assert_eq!(status, 200, "{sql}: {answer}");
    }

    async fn post(&self, sql: &str) -> (u16, Value) {
        self.front.ask(None, sql).await
    }

    /// How a statement would be answered, and the statement: what is merged must not be gathered one day, unnoticed.
    pub async fn route(&self, sql: &str) -> String {
        let request = self.front.client.post(format!("{}/explain", self.front.url));
        let plan: Value =
            request.json(&json!({ "query": sql, "format": "rows" })).send().await.unwrap().json().await.unwrap();
        let steps = plan["merge"].as_array().map_or(&[][..], Vec::as_slice);
        let is_copied = steps.iter().any(|step| step.as_str().is_some_and(|step| step.starts_with("copy ")));
        let reduces = plan["statements"][0]["sql"].as_str().is_some_and(|sent| sent.contains(" AS _"));
        let route = match (is_copied, reduces) {
            (true, true) => "reduce",
            (true, false) => "gather",
            (false, _) => plan["route"].as_str().unwrap_or("error"),
        };
        format!("{route:<10}{sql}")
    }

    async fn ask(&self, sql: &str) -> Result<Answer, Value> {
        match self.post(sql).await {
            (200, mut answer) => {
                let Value::Array(rows) = answer["data"].take() else { panic!("{sql}: {answer}") };
                let mut columns = answer["columns"].take();
                // Whether NULL can come depends on how the optimizer joins.
                let described = columns.as_array_mut().expect("an answer in rows describes its columns");
                described.iter_mut().for_each(|column| drop(column.as_object_mut().unwrap().remove("nullable")));
                Ok(Answer { columns, rows })
            }
            (_, mut answer) => Err(answer["error"].take()),
        }
    }

    /// See [`moving::move_back_and_forth`].
    pub async fn move_back_and_forth(&self, stop: &AtomicBool, ended: &AtomicUsize) {
        moving::move_back_and_forth(&self.front.router, &self.layout, stop, ended).await;
    }
}

/// The outcome of a statement on a sharded cluster, given what the plain one says.
pub async fn compare(plain: &Cluster, sharded: &Cluster, sql: &str) -> Outcome {
    match tokio::join!(plain.ask(sql), sharded.ask(sql)) {
        (_, Err(error)) if error["code"] == "unsupported" => {
            Outcome::Refused(error["message"].as_str().unwrap().to_owned())
        }
        (Ok(expected), Ok(got)) => {
            let is_ordered = is_ordered(sql);
            let deviates = ["STD", "VAR_", "VARIANCE"].iter().any(|name| sql.to_uppercase().contains(name));
            let rows = (expected.comparable(is_ordered, deviates), got.comparable(is_ordered, deviates));
            match same_columns(&expected.columns, &got.columns) && rows.0 == rows.1 {
                true => Outcome::Equal,
                false => Outcome::Different(difference(&expected, &got, &rows.0, &rows.1)),
            }
        }
        (Err(expected), Err(got)) => {
            match (&expected["code"], &expected["mysql"]["errno"]) == (&got["code"], &got["mysql"]["errno"]) {
                true => Outcome::FailedAlike,
                false => Outcome::Different(format!("  expected {expected}\n  got      {got}")),
            }
        }
        (Ok(expected), Err(got)) => {
            Outcome::Different(format!("  expected {} rows\n  got      {got}", expected.rows.len()))
        }
        (Err(expected), Ok(got)) => {
            Outcome::Different(format!("  expected {expected}\n  got      {} rows", got.rows.len()))
        }
    }
}

/// MySQL calls an integer expression INT or BIGINT by its execution plan.
fn same_columns(expected: &Value, got: &Value) -> bool {
    let widened = |columns: &Value| columns.to_string().replace("\"type\":\"INT\"", "\"type\":\"BIGINT\"");
    expected == got || widened(expected) == widened(got)
}

fn difference(expected: &Answer, got: &Answer, expected_rows: &[String], got_rows: &[String]) -> String {
    if expected.columns != got.columns {
        return format!("  expected {}\n  got      {}", expected.columns, got.columns);
    }
    let differs = expected_rows.iter().zip(got_rows).position(|(one, two)| one != two);
    let at = differs.unwrap_or(expected_rows.len().min(got_rows.len()));
    let row = |rows: &[String]| rows.get(at).cloned().unwrap_or_else(|| "no row".to_owned());
    format!(
        "  {} rows, got {}; row {at}\n  expected {}\n  got      {}",
        expected_rows.len(),
        got_rows.len(),
        row(expected_rows),
        row(got_rows)
    )
}

/// Whether ORDER BY stands outside of all parentheses.
fn is_ordered(sql: &str) -> bool {
    let upper = sql.to_uppercase();
    let mut depth = 0_i32;
    let mut quote = None;
    for (at, char) in upper.char_indices() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(char),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, 'O') if depth == 0 && upper[at..].starts_with("ORDER BY") => return true,
            _ => {}
        }
    }
    false
}
