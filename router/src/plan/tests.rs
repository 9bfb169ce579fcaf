//! One line for each statement: what it becomes over two shards, or why it is refused.

mod any_text;
mod definitions;
mod long;
mod moves;
mod named_slots;
mod other_databases;
mod reads;
mod support;
mod unique;
mod writes;

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
