//! Every statement of `tests/writes` over several shards, against one plain server: the same rows afterwards in every
//! table, the same counts, ids and errors.
//!
//! What the router refuses is listed in `refused_*.txt`; `UPDATE_DOCS=1` writes the lists anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use keyspace::keys::{KeyLiteral, KeySlot, KeyType};
use keyspace::schema::Layout;
use router::Limits;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;

use crate::differential::cluster::lines;
use crate::differential::{Counts, table};
use crate::docs::check_kept;
use crate::kit::front::Front;
use crate::kit::moving::move_back_and_forth;
use crate::kit::servers::{Flavor, Server, results, rows, run};

/// Tables with their sharding keys' places among the columns.
const SHARDED: [(&str, usize); 6] =
    [("users", 0), ("orders", 0), ("tickets", 1), ("accounts", 0), ("emails", 0), ("staging", 0)];
const REFERENCE: [&str; 2] = ["currencies", "units"];
const UNSHARDED: [&str; 1] = ["settings"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/writes")
}

fn layout() -> Layout {
    let key = |table: &str| match table {
        "orders" => "customer_id",
        "accounts" => "id",
        _ => "user_id",
    };
    Layout {
        shard_keys: SHARDED.iter().map(|(table, _)| (table.to_string(), key(table).to_owned())).collect(),
        reference_tables: REFERENCE.iter().map(|table| table.to_string()).collect(),
        ..Layout::default()
    }
}

/// Files in order, without those of the other flavor.
fn files(flavor: Flavor) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let is_skipped = |path: &PathBuf| {
        let class = path.file_stem().unwrap().to_str().unwrap();
        ["schema", "rows"].contains(&class) || flavor == Flavor::MySql && class == "mariadb_only"
    };
    files.retain(|path| !is_skipped(path));
    files
}

/// A router over its servers, and connections past it.
struct Cluster {
    front: Front,
    servers: Vec<Server>,
    direct: Vec<MySqlConnection>,
}

type Tables = BTreeMap<String, Vec<Vec<String>>>;

impl Cluster {
    async fn start(flavor: Flavor, shards: usize) -> Option<Cluster> {
        let servers = Server::start_all(flavor, shards).await?;
        let mut direct = Vec::new();
        for server in &servers {
            direct.push(server.connect().await);
        }
        let front = Front::start(&servers, layout(), Limits::default()).await;
        let cluster = Cluster { front, servers, direct };
        for definition in lines(&folder().join("schema.sql")) {
            let (status, answer) = cluster.write(&definition).await;
            assert_eq!(status, 200, "{definition}: {answer}");
        }
        Some(cluster)
    }

    /// Empty tables, filled again, behind a router that remembers nothing.
    async fn reset(&mut self) {
        let tables = SHARDED.iter().map(|(table, _)| *table).chain(REFERENCE).chain(UNSHARDED);
        let mut statements: Vec<String> = tables.map(|table| format!("TRUNCATE TABLE {table}")).collect();
        statements.push("DELETE FROM _autoscaler.sequences".to_owned());
        let emptied = statements.join(";");
        join_all(self.direct.iter_mut().map(|connection| run(connection, &emptied))).await;
        self.front = Front::start(&self.servers, layout(), Limits::default()).await;
        for row in lines(&folder().join("rows.sql")) {
            let (status, answer) = self.write(&row).await;
            assert_eq!(status, 200, "{row}: {answer}");
        }
    }

    async fn write(&self, sql: &str) -> (u16, Value) {
        self.front.ask(None, sql).await
    }

    /// Every row of every table, each where it belongs; what moves is left out at its old place.
    async fn tables(&mut self) -> Result<Tables, String> {
        let topology = self.front.router.topology().unwrap();
        let is_moving = !topology.moves().is_empty();
        let mut tables = Tables::new();
        let everywhere: Vec<&str> = SHARDED.iter().map(|(table, _)| *table).chain(REFERENCE).collect();
        let on_home: Vec<&str> = everywhere.iter().copied().chain(UNSHARDED).collect();
        // This is asked after every statement, so it has to be one packet for each shard.
        let asked = self.direct.iter_mut().enumerate().map(|(shard, connection)| {
            let names = if shard == 0 { &on_home } else { &everywhere };
            let statements: Vec<String> = names.iter().map(|table| format!("SELECT * FROM {table}")).collect();
            async move { results(connection, &statements.join(";")).await }
        });
        let mut by_shard: Vec<_> = join_all(asked).await.into_iter().map(Vec::into_iter).collect();
        for (table, key) in SHARDED {
            let mut all = Vec::new();
            for (shard, found) in topology.shards().iter().zip(&mut by_shard) {
                for row in found.next().unwrap() {
                    let literal = KeyLiteral::Integer(row[key].clone());
                    let KeySlot::Slot(slot) = KeyType::Integer.slot_of(&literal) else { panic!("{row:?}") };
                    match topology.owner(slot).id == shard.id {
                        true => all.push(row),
                        false if is_moving => {}
                        false => return Err(format!("{table}: {row:?} lies on {}", shard.id)),
                    }
                }
            }
            all.sort();
            tables.insert(table.to_owned(), all);
        }
        for table in REFERENCE {
            for found in &mut by_shard {
                let mut copy = found.next().unwrap();
                copy.sort();
                let first = tables.entry(table.to_owned()).or_insert_with(|| copy.clone());
                if *first != copy {
                    return Err(format!("{table}: copies differ:\n{first:?}\n{copy:?}"));
                }
            }
        }
        for table in UNSHARDED {
            let mut all = by_shard[0].next().unwrap();
            all.sort();
            tables.insert(table.to_owned(), all);
        }
        Ok(tables)
    }
}

enum Outcome {
    Equal,
    FailedAlike,
    Different(String),
}

fn compare((status, expected): &(u16, Value), (_, got): &(u16, Value)) -> Outcome {
    let seen = |answer: &Value| match answer["error"].is_object() {
        true => json!([answer["error"]["code"], answer["error"]["mysql"]["errno"]]),
        false => {
            let mut data = answer["data"].as_array().cloned().unwrap_or_default();
            data.sort_by_key(Value::to_string);
            json!([answer["rows_affected"], answer["last_insert_id"], data])
        }
    };
    match seen(expected) == seen(got) {
        true if *status == 200 => Outcome::Equal,
        true => Outcome::FailedAlike,
        false => Outcome::Different(format!("  expected {expected}\n  got      {got}")),
    }
}

fn difference(expected: &Tables, got: &Tables) -> String {
    let mut text = String::new();
    for (table, rows) in expected {
        let others = &got[table];
        let missing = rows.iter().filter(|row| !others.contains(row)).take(3);
        let surplus = others.iter().filter(|row| !rows.contains(row)).take(3);
        if rows != others {
            let (missing, surplus): (Vec<_>, Vec<_>) = (missing.collect(), surplus.collect());
            writeln!(text, "  {table}: missing {missing:?}, surplus {surplus:?}").unwrap();
        }
    }
    text
}

/// Runs a file on both. What is refused must not happen on the other side either.
async fn run_file(
    plain: &mut Cluster,
    sharded: &mut Cluster,
    file: &Path,
    different: &mut Vec<String>,
    refused: &mut Vec<String>,
) -> Counts {
    let mut counts = Counts::default();
    tokio::join!(plain.reset(), sharded.reset());
    for sql in lines(file) {
        let got = sharded.write(&sql).await;
        let would_be_refused = got.0 == 422 && got.1["error"]["code"] == "unsupported";
        if would_be_refused {
            counts.refused += 1;
            refused.push(format!("{sql}\n    {}", got.1["error"]["message"].as_str().unwrap()));
        } else {
            let expected = plain.write(&sql).await;
            match compare(&expected, &got) {
                Outcome::Equal => counts.equal += 1,
                Outcome::FailedAlike => counts.failed_alike += 1,
                Outcome::Different(how) => different.push(format!("{sql}\n{how}")),
            }
        }
        let (expected, got) = tokio::join!(plain.tables(), sharded.tables());
        let how = match got {
            Ok(got) if expected.as_ref() == Ok(&got) => continue,
            Ok(got) => difference(&expected.unwrap(), &got),
            Err(how) => how,
        };
        different.push(format!("{sql}\n{how}  (the rest of {} is left out)", file.display()));
        break;
    }
    counts
}

async fn every_write(flavor: Flavor, shards: usize, list: &str) {
    let (Some(mut plain), Some(mut sharded)) = (Cluster::start(flavor, 1).await, Cluster::start(flavor, shards).await)
    else {
        return;
    };
    let mut counts = BTreeMap::new();
    let (mut different, mut refused) = (Vec::new(), Vec::new());
    for file in files(flavor) {
        let class = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let of_file = run_file(&mut plain, &mut sharded, &file, &mut different, &mut refused).await;
        counts.insert(class, of_file);
    }
    println!("{flavor:?}, {shards} shards\n{}", table(&counts));
    assert!(different.is_empty(), "{} differ over {shards} shards:\n{}", different.len(), different.join("\n\n"));
    check_kept(&folder().join(list), &(refused.join("\n") + "\n"));
    for connection in &mut sharded.direct {
        assert!(rows(connection, "XA RECOVER").await.is_empty(), "a branch is left prepared");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_do_what_they_do_on_one_mariadb_or_are_refused() {
    every_write(Flavor::MariaDb, 3, "refused_mariadb.txt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_do_what_they_do_on_one_mysql_or_are_refused() {
    every_write(Flavor::MySql, 3, "refused_mysql.txt").await;
}

/// Slots go back and forth between two shards all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_do_the_same_while_rows_move() {
    let flavor = Flavor::MariaDb;
    let (Some(mut plain), Some(mut sharded)) = (Cluster::start(flavor, 1).await, Cluster::start(flavor, 2).await)
    else {
        return;
    };
    let mut counts = BTreeMap::new();
    let mut different = Vec::new();
    let mut moves = 0;
    for file in files(flavor) {
        let class = file.file_stem().unwrap().to_str().unwrap().to_owned();
        // Its answers depend on the moment: a key cannot be changed while rows move.
        if class == "key_change" {
            continue;
        }
        tokio::join!(plain.reset(), sharded.reset());
        let router = sharded.front.router.clone();
        let (stop, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
        let layout = layout();
        let moving = move_back_and_forth(&router, &layout, &stop, &ended);
        let writing = async {
            let mut of_file = Counts::default();
            for sql in lines(&file) {
                let got = sharded.write(&sql).await;
                let code = got.1["error"]["code"].as_str().unwrap_or_default();
                // While rows move some are refused, for good or for the time being.
                if code == "unsupported" || code == "conflict" && got.1["error"]["mysql"].is_null() {
                    of_file.refused += 1;
                    continue;
                }
                let expected = plain.write(&sql).await;
                match compare(&expected, &got) {
                    Outcome::Equal => of_file.equal += 1,
                    Outcome::FailedAlike => of_file.failed_alike += 1,
                    Outcome::Different(how) => different.push(format!("{sql}\n{how}")),
                }
            }
            stop.store(true, Ordering::Relaxed);
            of_file
        };
        let (of_file, ()) = tokio::join!(writing, moving);
        moves += ended.load(Ordering::Relaxed);
        counts.insert(class, of_file);
        let (expected, got) = (plain.tables().await.unwrap(), sharded.tables().await.unwrap());
        if expected != got {
            different.push(format!("{}\n{}", file.display(), difference(&expected, &got)));
        }
    }
    println!("while {moves} moves ran\n{}", table(&counts));
    assert!(different.is_empty(), "{} differ while rows move:\n{}", different.len(), different.join("\n\n"));
}

/// The message of a server names all columns of a key, or another key's value that looks like an id: what was drawn twice
/// is told by the rows.
#[tokio::test(flavor = "multi_thread")]
async fn ids_that_rows_have_already_are_drawn_again() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let shard_keys = [("tasks".to_owned(), "tenant".to_owned())].into();
    let front = Front::start(&servers, Layout { shard_keys, ..Layout::default() }, Limits::default()).await;
    let cluster = Cluster { front, direct: Vec::new(), servers };
    let create = "CREATE TABLE tasks (id INT AUTO_INCREMENT, tenant INT NOT NULL, code VARCHAR(9), \
                  PRIMARY KEY (id, tenant), UNIQUE (tenant, code))";
    assert_eq!(cluster.write(create).await.0, 200);
    let (_, first) = cluster.write("INSERT INTO tasks (tenant) VALUES (7)").await;
    assert_eq!(first["last_insert_id"], 1, "{first}");

    let topology = cluster.front.router.topology().unwrap();
    let owner = topology.shards().iter().position(|shard| first["shard"] == shard.id.as_str()).unwrap();
    run(&mut cluster.servers[owner].connect().await, "INSERT INTO tasks VALUES (2, 7, 'a'), (3, 7, 'b')").await;
    let (status, second) = cluster.write("INSERT INTO tasks (tenant, code) VALUES (7, 'c')").await;
    assert_eq!(status, 200, "{second}");
    let drawn = second["last_insert_id"].as_u64().unwrap();
    assert!(drawn > 3, "{second}");

    // Nothing is drawn again for what is a duplicate whatever its id is, though it looks like that id.
    let code = drawn + 1;
    let (status, answer) = cluster.write(&format!("INSERT INTO tasks VALUES (1000, 7, '{code}')")).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = cluster.write(&format!("INSERT INTO tasks (tenant, code) VALUES (7, '{code}')")).await;
    assert_eq!((status, &answer["error"]["mysql"]["errno"]), (400, &json!(1062)), "{answer}");

    // A shard that is only joining lacks the table, and nobody else sees what a transaction did itself.
    run(&mut cluster.servers[1 - owner].connect().await, "RENAME TABLE tasks TO elsewhere").await;
    let (_, last) = cluster.write("INSERT INTO tasks (tenant) VALUES (7)").await;
    let next = last["last_insert_id"].as_u64().unwrap() + 1;
    run(&mut cluster.servers[owner].connect().await, &format!("INSERT INTO tasks VALUES ({next}, 7, 'd')")).await;
    let (status, answer) = cluster.write("INSERT INTO tasks (tenant, code) VALUES (7, 'e')").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["last_insert_id"].as_u64().unwrap() > next, "{answer}");
    let next = answer["last_insert_id"].as_u64().unwrap() + 1;
    let renumber = format!("UPDATE tasks SET id = {next} WHERE tenant = 7 AND code = 'a'");
    for statement in ["BEGIN", &renumber, "INSERT INTO tasks (tenant, code) VALUES (7, 'f')", "COMMIT"] {
        let (status, answer) = cluster.front.ask(Some("s"), statement).await;
        assert_eq!(status, 200, "{statement}: {answer}");
    }
}
