//! One function for each command that asks or orders the scaler. With `json` the service's own JSON is printed.

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::cells::{cell, human_bytes, human_seconds, plain};
use crate::admin::table::{Cell, Table};
use crate::admin::{ANSWER_TIMEOUT, Admin, AdminError, Service};

type Out<'o> = &'o mut dyn Write;

/// Shows both services, the shards and the moves in progress. Failure if a service is away or not ready.
pub async fn status(admin: &Admin, json: bool, out: Out<'_>) -> Result<ExitCode, AdminError> {
    let router = readiness(admin, Service::Router).await;
    let scaler = readiness(admin, Service::Scaler).await;
    let shards = admin.fetch(Service::Scaler, "/shards").await.ok();
    let moves = admin.fetch(Service::Scaler, "/moves").await.ok();
    let all_ready = [&router, &scaler].iter().all(|service| service["ready"] == true);
    if json {
        print_json(&json!({ "router": router, "scaler": scaler, "shards": shards, "moves": moves }), out)?;
    } else {
        for (name, service) in [("router", &router), ("scaler", &scaler)] {
            let state = if service["ready"] == true { "ready" } else { "not ready" };
            let reason = service["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            writeln!(out, "{name}  {}  {state}{reason}", plain(&service["url"]))?;
        }
        if let Some(shards) = &shards {
            writeln!(out, "shards  {}", summary_of_shards(rows_of(shards)))?;
        }
        if let Some(moves) = &moves {
            let is_over = |slot_move: &&Value| matches!(slot_move["state"].as_str(), Some("done" | "undone"));
            let over = rows_of(moves).iter().filter(is_over).count();
            writeln!(out, "moves   {} in progress, {over} over", rows_of(moves).len() - over)?;
        }
    }
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn readiness(admin: &Admin, service: Service) -> Value {
    let url = admin.url(service);
    match admin.text(service, Method::GET, "/ready", None, Some(ANSWER_TIMEOUT)).await {
        Ok((200, _)) => json!({ "url": url, "ready": true }),
        Ok((status, text)) => {
            let said = serde_json::from_str::<Value>(&text)
                .ok()
                .and_then(|answer| answer["reason"].as_str().map(str::to_owned));
            let refused = crate::admin::refusal(&text).map(|error| error.to_string());
            let reason = said.or(refused).unwrap_or_else(|| format!("status {status}"));
            json!({ "url": url, "ready": false, "reason": reason })
        }
        Err(error) => json!({ "url": url, "ready": false, "reason": error.to_string() }),
    }
}

fn summary_of_shards(shards: &[Value]) -> String {
    let healthy = shards.iter().filter(|shard| shard["status"] == "healthy").count();
    // A sum over shards of which one is unknown is unknown.
    let sum = |key: &str| shards.iter().map(|shard| shard[key].as_f64()).sum::<Option<f64>>();
    let rows = sum("total_entries").map_or("-".to_owned(), |rows| format!("{rows:.0}"));
    let size = sum("database_size_bytes").map_or("-".to_owned(), human_bytes);
    format!("{} ({healthy} healthy), {rows} rows, {size}", shards.len())
}

pub async fn shards(admin: &Admin, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    let columns = [
        ("SHARD", "shard_id"),
        ("STATUS", "status"),
        ("CPU", "cpu_percent"),
        ("MEMORY", "memory_percent"),
        ("DISK", "disk_percent"),
        ("ROWS", "total_entries"),
        ("CONNECTIONS", "connection_count"),
        ("QPS", "queries_per_second"),
        ("SIZE", "database_size_bytes"),
        ("SLOTS", "slots"),
        ("ENDPOINT", "endpoint"),
        ("UPDATED", "last_updated"),
    ];
    let shards = admin.fetch(Service::Scaler, "/shards").await?;
    if json {
        return print_json(&shards, out);
    }
    let now = Timestamp::now();
    let mut table = Table::new(columns.map(|(heading, _)| heading));
    for shard in rows_of(&shards) {
        table.push(columns.iter().map(|(_, key)| cell(key, &shard[*key], now)).collect());
    }
    Ok(table.write(out)?)
}

pub async fn moves(admin: &Admin, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    let moves = admin.fetch(Service::Scaler, "/moves").await?;
    if json {
        return print_json(&moves, out);
    }
    if rows_of(&moves).is_empty() {
        return Ok(writeln!(out, "no moves")?);
    }
    let headings =
        ["ID", "STATE", "SHARDS", "SLOTS", "ROWS", "RATE", "WAITING", "RESTED", "LEFT", "CUTOVER", "MESSAGE"];
    let mut table = Table::new(headings);
    rows_of(&moves).iter().for_each(|slot_move| table.push(cells_of_move(slot_move)));
    Ok(table.write(out)?)
}

/// One move as a line. Records of moves that ended before the scaler's start may lack some of it.
fn cells_of_move(slot_move: &Value) -> Vec<Cell> {
    let text = |key: &str| slot_move[key].as_str().map_or_else(Cell::unknown, Cell::text);
    let number = |key: &str| slot_move[key].as_u64();
    let in_words = |key: &str, words: &dyn Fn(f64) -> String| {
        slot_move[key].as_f64().map_or_else(Cell::unknown, |value| Cell::number(words(value)))
    };
    // A scaler that took a move over does not know what was copied before.
    let copied = number("rows_copied").filter(|copied| *copied > 0 || number("rows_expected").is_some());
    let rows = copied.map_or_else(Cell::unknown, |copied| {
        let is_copying = matches!(slot_move["state"].as_str(), Some("preparing" | "copying"));
        // The estimate says nothing any more once all rows are copied, however many they turned out to be.
        match number("rows_expected").filter(|expected| is_copying && *expected > 0) {
            Some(expected) => {
                let percent = (copied as f64 / expected as f64 * 100.0).min(100.0);
                Cell::number(format!("{copied} of {expected} ({percent:.0} %)"))
            }
            None => Cell::number(copied.to_string()),
        }
    });
    let rests = slot_move["rested_seconds"].as_object();
    let rests = rests.map(|rests| rests.iter().filter_map(|(reason, time)| Some((reason.as_str(), time.as_f64()?))));
    let rested = rests.map(|rests| rests.collect::<Vec<_>>()).map_or_else(Cell::unknown, |rests| {
        let total: f64 = rests.iter().map(|(_, seconds)| seconds).sum();
        match rests.iter().max_by(|(_, one), (_, other)| one.total_cmp(other)) {
            Some((reason, _)) => Cell::number(format!("{} ({reason})", human_seconds(total))),
            None => Cell::number("0 s"),
        }
    });
    vec![
        text("id"),
        text("state"),
        Cell::text(&format!("{} → {}", plain(&slot_move["source"]), plain(&slot_move["target"]))),
        cell("slots", &slot_move["slots"], Timestamp::UNIX_EPOCH),
        rows,
        in_words("rows_per_second", &|rate| format!("{rate:.0}/s")),
        cell("changes_waiting", &slot_move["changes_waiting"], Timestamp::UNIX_EPOCH),
        rested,
        in_words("seconds_left", &human_seconds),
        in_words("cutover_millis", &|millis| format!("{millis:.1} ms")),
        text("message"),
    ]
}

pub async fn decisions(admin: &Admin, limit: u32, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    let mut decisions = admin.fetch(Service::Scaler, &format!("/decisions?limit={limit}")).await?;
    if json {
        return print_json(&decisions, out);
    }
    // People want the reasons in words; the rest of the detail is for machines.
    for decision in decisions.as_array_mut().into_iter().flatten() {
        if let Some(reasons) = reason_texts(&decision["detail"]) {
            decision["reason"] = reasons.join("; ").into();
        }
        if let Some(entry) = decision.as_object_mut() {
            entry.remove("detail");
            entry.remove("summary");
            entry.remove("first_at");
        }
    }
    print_list(&decisions, &["last_at", "kind", "count", "reason"], "no decisions yet", out)
}

pub async fn explain(admin: &Admin, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    let explanation = admin.fetch(Service::Scaler, "/explain").await?;
    if json {
        return print_json(&explanation, out);
    }
    for reason in reason_texts(&explanation["decision"]).unwrap_or_default() {
        writeln!(out, "{reason}")?;
    }
    let rules = &explanation["decision"]["rules"];
    print_list(rules, &["rule", "shard", "value", "threshold", "state", "since", "detail"], "no rules", out)?;
    let mut rest = explanation.clone();
    if let Some(entry) = rest.as_object_mut() {
        entry.remove("decision");
    }
    print_answer(&rest, false, out)
}

/// The reasons of a decision, in words.
fn reason_texts(decision: &Value) -> Option<Vec<String>> {
    Some(decision["reasons"].as_array()?.iter().map(|reason| plain(&reason["text"])).collect())
}

pub async fn scale_out(
    admin: &Admin,
    source: Option<&str>,
    dry_run: bool,
    json: bool,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let mut order = json!({ "dry_run": dry_run });
    if let Some(source) = source {
        order["source"] = source.into();
    }
    print_answer(&admin.send(Service::Scaler, "/scale-out", &order).await?, json, out)
}

pub async fn drain(admin: &Admin, shard: &str, dry_run: bool, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    // Anything but a plain name would ask for another path; the scaler refuses unknown shards by the same words.
    let shard = keyspace::topology::ShardId::new(shard).map_err(|error| AdminError::Refused {
        code: "bad_request".to_owned(),
        message: error.to_string(),
        hint: None,
    })?;
    let path = format!("/shards/{shard}/drain");
    print_answer(&admin.send(Service::Scaler, &path, &json!({ "dry_run": dry_run })).await?, json, out)
}

pub async fn pause(admin: &Admin, dry_run: bool, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    switch(admin, "/pause", "pause", dry_run, json, out).await
}

pub async fn resume(admin: &Admin, dry_run: bool, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    switch(admin, "/resume", "resume", dry_run, json, out).await
}

/// A dry run of a switch has no plan to ask for, so nothing is sent that could change anything.
async fn switch(
    admin: &Admin,
    path: &str,
    verb: &str,
    dry_run: bool,
    json: bool,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let answer = match dry_run {
        true => json!({ "dry_run": true, "plan": format!("{verb} the scaler at {}", admin.url(Service::Scaler)) }),
        false => admin.send(Service::Scaler, path, &json!({})).await?,
    };
    print_answer(&answer, json, out)
}

fn print_json(answer: &Value, out: Out<'_>) -> Result<(), AdminError> {
    Ok(writeln!(out, "{answer:#}")?)
}

/// The elements of a list, which may be the only list in an object.
fn rows_of(answer: &Value) -> &[Value] {
    let list = match answer {
        Value::Object(entries) => entries.values().find_map(Value::as_array),
        other => other.as_array(),
    };
    list.map_or(&[], Vec::as_slice)
}

fn print_list(answer: &Value, leading: &[&str], nothing: &str, out: Out<'_>) -> Result<(), AdminError> {
    match rows_of(answer) {
        [] => Ok(writeln!(out, "{nothing}")?),
        rows => Ok(table_of(rows, leading).write(out)?),
    }
}

/// A column for each key that any row has, the leading ones first and only if some row has them.
fn table_of(rows: &[Value], leading: &[&str]) -> Table {
    let now = Timestamp::now();
    let has = |key: &str| rows.iter().any(|row| row.get(key).is_some());
    let mut keys: Vec<&str> = leading.iter().copied().filter(|key| has(key)).collect();
    for key in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let mut table = Table::new(keys.iter().map(|key| key.replace('_', " ").to_uppercase()));
    for row in rows {
        table.push(keys.iter().map(|key| cell(key, &row[*key], now)).collect());
    }
    table
}

/// An object as its plain entries, then a table for each list of objects in it.
fn print_answer(answer: &Value, json: bool, out: Out<'_>) -> Result<(), AdminError> {
    let Value::Object(entries) = answer else { return print_json(answer, out) };
    if json {
        return print_json(answer, out);
    }
    // A plan shows its own entries: they are what was asked for.
    let entries: Vec<(&String, &Value)> = entries
        .iter()
        .flat_map(|(key, value)| match value.as_object().filter(|inner| inner.values().any(is_table)) {
            Some(inner) => inner.iter().collect(),
            None => vec![(key, value)],
        })
        .collect();
    let now = Timestamp::now();
    let mut plain_entries = Table::new(["KEY", "VALUE"]);
    for (key, value) in entries.iter().filter(|(_, value)| !is_table(value)) {
        plain_entries.push(vec![Cell::text(key), cell(key, value, now).aligned_left()]);
    }
    plain_entries.write_rows(out)?;
    for (key, value) in entries.iter().filter(|(_, value)| is_table(value)) {
        writeln!(out, "\n{key}:")?;
        let leading = ["name", "rule", "scope", "shard", "source", "slot_count", "step", "state", "value", "threshold"];
        table_of(rows_of(value), &leading).write(out)?;
    }
    Ok(())
}

fn is_table(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(Value::is_object))
}
