//! `query`: statements through the router, answers as a table, JSON or CSV.

use std::io::{BufRead, Write};

use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::statements::Splitter;
use crate::admin::table::{Cell, Table};
use crate::admin::{Admin, AdminError, Service};
use crate::args::{Format, Query};

/// Runs the statement of the command line or, without one, those of `input`, up to the first that fails. Results go
/// to `out`, the summaries for people to `notes`.
pub async fn run(
    admin: &Admin,
    query: Query,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), AdminError> {
    if let Some(sql) = &query.sql {
        let parameters: Vec<Value> = query.param.iter().map(|text| parameter(text)).collect();
        return execute(admin, sql, parameters, query.format, out, notes).await;
    }
    // One session, so that transactions and variables work from one statement to the next.
    let admin = admin.in_session(&format!("query-{:016x}", rand::random::<u64>()));
    let mut splitter = Splitter::default();
    let mut line = String::new();
    loop {
        line.clear();
        let at_end = input.read_line(&mut line).map_err(AdminError::Input)? == 0;
        let statements = if at_end { splitter.finish().into_iter().collect() } else { splitter.push(&line) };
        for statement in statements {
            let failed = |source| AdminError::Statement { line: statement.line, source: Box::new(source) };
            execute(&admin, &statement.sql, Vec::new(), query.format, out, notes).await.map_err(failed)?;
        }
        if at_end {
            return Ok(());
        }
    }
}

/// A JSON number, text, true, false or null; any other text stands for itself.
fn parameter(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Array(_) | Value::Object(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(scalar) => scalar,
    }
}

async fn execute(
    admin: &Admin,
    sql: &str,
    parameters: Vec<Value>,
    format: Format,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), AdminError> {
    let request = json!({ "query": sql, "params": parameters, "format": "rows" });
    let answer = admin.request(Service::Router, Method::POST, "/query", Some(&request), None).await?;
    let malformed = || AdminError::Malformed { service: Service::Router, url: admin.url(Service::Router).to_owned() };
    if format == Format::Json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let columns = columns(&answer);
    let rows = answer["data"].as_array().ok_or_else(malformed)?;
    let rows: Option<Vec<&Vec<Value>>> = rows.iter().map(Value::as_array).collect();
    let rows = rows.filter(|rows| rows.iter().all(|row| row.len() == columns.len())).ok_or_else(malformed)?;
    if !columns.is_empty() {
        match format {
            Format::Csv => write_csv(&columns, &rows, out)?,
            Format::Table | Format::Json => write_table(&columns, &rows, out)?,
        }
    }
    Ok(writeln!(notes, "{}", summary(&answer, rows.len()))?)
}

fn columns(answer: &Value) -> Vec<&str> {
    let columns = answer["columns"].as_array();
    columns.into_iter().flatten().map(|column| column["name"].as_str().unwrap_or_default()).collect()
}

fn write_table(columns: &[&str], rows: &[&Vec<Value>], out: &mut dyn Write) -> std::io::Result<()> {
    let mut table = Table::new(columns);
    for row in rows {
        let cell = |value: &Value| match value {
            Value::Null => Cell::null(),
            Value::Number(number) => Cell::number(number.to_string()),
            Value::String(text) => Cell::text(text),
            other => Cell::text(&other.to_string()),
        };
        table.push(row.iter().map(cell).collect());
    }
    table.write(out)
}

fn write_csv(columns: &[&str], rows: &[&Vec<Value>], out: &mut dyn Write) -> std::io::Result<()> {
    let heading = columns.iter().map(|name| csv_text(name));
    write!(out, "{}\r\n", heading.collect::<Vec<_>>().join(","))?;
    for row in rows {
        let fields = row.iter().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => csv_text(text),
            other => csv_text(&other.to_string()),
        });
        write!(out, "{}\r\n", fields.collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}

/// Empty text is quoted because nothing at all stands for NULL.
fn csv_text(text: &str) -> String {
    match text.is_empty() || text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// `3 rows from shard-1, shard-2` or `1 row affected on shard-1, last insert id 7`.
fn summary(answer: &Value, rows: usize) -> String {
    let shards: Vec<&str> = match &answer["shards"] {
        Value::Array(shards) => shards.iter().filter_map(Value::as_str).collect(),
        _ => answer["shard"].as_str().into_iter().collect(),
    };
    let plural = |count: u64| if count == 1 { "row" } else { "rows" };
    let (mut summary, preposition) = match answer["rows_affected"].as_u64() {
        Some(affected) => (format!("{affected} {} affected", plural(affected)), "on"),
        None => (format!("{rows} {}", plural(rows as u64)), "from"),
    };
    if !shards.is_empty() {
        summary += &format!(" {preposition} {}", shards.join(", "));
    }
    if let Some(id) = answer["last_insert_id"].as_u64().filter(|id| *id > 0) {
        summary += &format!(", last insert id {id}");
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_scalars_or_text() {
        let shown =
            ["5", "-1.50", "null", "true", "\"5\"", "abc", "", "[1]", "05"].map(|text| parameter(text).to_string());
        assert_eq!(shown, ["5", "-1.50", "null", "true", "\"5\"", "\"abc\"", "\"\"", "\"[1]\"", "\"05\""]);
    }

    #[test]
    fn csv_tells_null_from_empty_text() {
        let row: Vec<Value> = serde_json::from_str(r#"[null, "", "a,\"b\"", 12.50, {"x": 1}]"#).unwrap();
        let mut out = Vec::new();
        write_csv(&["a", "b", "c", "d", "e"], &[&row], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,b,c,d,e\r\n,\"\",\"a,\"\"b\"\"\",12.50,\"{\"\"x\"\":1}\"\r\n");
    }

    #[test]
    fn summaries_count_and_name_shards() {
        assert_eq!(summary(&json!({"data": [], "shard": "shard-2"}), 1), "1 row from shard-2");
        let write = json!({"data": [], "shards": ["a", "b"], "rows_affected": 2, "last_insert_id": 7});
        assert_eq!(summary(&write, 0), "2 rows affected on a, b, last insert id 7");
    }
}
