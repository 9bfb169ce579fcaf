//! Transactions over several shards while routers and servers are killed: all of one, or nothing.
//!
//! Clients move money between accounts on different shards and keep their own account of each transfer. Every round
//! kills something at a point of the protocol, lets recovery work, and compares. `COMMIT_KILLS` sets the rounds of each
//! test, `COMMIT_SEED` the first seed.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyspace::faults::{FaultPoint, Faults};
use keyspace::mysql::er;
use keyspace::schema::Layout;
use keyspace::slots;
use keyspace::topology::{Shard, ShardId, Transfer};
use moves::cluster::ClusterError;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use router::Limits;
use router::faults::Point;
use serde_json::{Value, json};

use crate::kit::bench::silent;
use crate::kit::front::Front;
use crate::kit::moving::{cluster_of, quick_moves};
use crate::kit::processes::Process;
use crate::kit::servers::{DATABASE, Flavor, Server, number, routers_login, rows, run, wait_until};

const ACCOUNTS: i64 = 24;
const CLIENTS: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The router said that it happened.
    Done,
    /// The router said that it did not.
    Failed,
    /// The router said that nobody knows, or it died.
    Unknown,
}

fn layout() -> Layout {
    Layout {
        shard_keys: [("accounts", "id"), ("ledger", "account")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
        ..Layout::default()
    }
}

fn limits() -> Limits {
    Limits { in_doubt_timeout: Duration::from_millis(500), ..Limits::default() }
}

async fn fill(front: &Front) {
    let client = Client::new(&front.url, 0);
    for sql in [
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)".to_owned(),
        "CREATE TABLE ledger (account BIGINT, transfer BIGINT, amount BIGINT, PRIMARY KEY (account, transfer))"
            .to_owned(),
        format!(
            "INSERT INTO accounts VALUES {}",
            (1..=ACCOUNTS).map(|id| format!("({id}, 1000)")).collect::<Vec<_>>().join(", ")
        ),
    ] {
        assert_eq!(client.post(None, &sql).await.unwrap().0, 200, "{sql}");
    }
}

/// Sends transfers and remembers what it was told of each.
struct Client {
    url: String,
    http: reqwest::Client,
    session: String,
}

impl Client {
    fn new(url: &str, number: u64) -> Client {
        Client { url: url.to_owned(), http: reqwest::Client::new(), session: format!("client-{number}") }
    }

    async fn post(&self, session: Option<&str>, sql: &str) -> Option<(u16, Value)> {
        let mut request = self.http.post(format!("{}/query", self.url)).json(&json!({ "query": sql }));
        if let Some(session) = session {
            request = request.header("X-Session-Id", session);
        }
        let answer = request.send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    /// One transfer, as one statement or as a transaction of several.
    async fn transfer(&self, number: u64, rng: &mut StdRng) -> Ending {
        let (from, to) = (rng.random_range(1..=ACCOUNTS), rng.random_range(1..=ACCOUNTS));
        if from == to {
            return Ending::Failed;
        }
        let amount = rng.random_range(1..100);
        let entries = format!("INSERT INTO ledger VALUES ({from}, {number}, -{amount}), ({to}, {number}, {amount})");
        if rng.random_bool(0.3) {
            // Without the accounts: what the ledger says of it is not counted there.
            let entries = entries.replace(&format!(", {amount})"), ", 0)").replace(&format!(", -{amount})"), ", 0)");
            return ending(self.post(None, &entries).await);
        }
        let session = Some(&*self.session);
        for sql in [
            "BEGIN".to_owned(),
            format!("UPDATE accounts SET v = v - {amount} WHERE id = {from}"),
            format!("UPDATE accounts SET v = v + {amount} WHERE id = {to}"),
            entries,
        ] {
            match self.post(session, &sql).await {
                Some((200, _)) => {}
                // Before COMMIT nothing can have happened.
                other => {
                    self.post(session, "ROLLBACK").await;
                    assert_ne!(ending(other), Ending::Done, "{sql}");
                    return Ending::Failed;
                }
            }
        }
        ending(self.post(session, "COMMIT").await)
    }
}

fn ending(answer: Option<(u16, Value)>) -> Ending {
    match answer {
        Some((200, _)) => Ending::Done,
        Some((_, answer)) if answer["error"]["code"] == "outcome_unknown" => Ending::Unknown,
        Some(_) => Ending::Failed,
        None => Ending::Unknown,
    }
}

/// Clients at work until told to stop, or their router is gone.
async fn work(url: &str, seed: u64, numbers: &AtomicU64, stop: &AtomicBool) -> Vec<(u64, Ending)> {
    let clients = (0..CLIENTS).map(|client| async move {
        let mut rng = StdRng::seed_from_u64(seed * CLIENTS + client);
        let sender = Client::new(url, client);
        let mut endings = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let ending = sender.transfer(number, &mut rng).await;
            endings.push((number, ending));
        }
        endings
    });
    futures_util::future::join_all(clients).await.into_iter().flatten().collect()
}

#[derive(Default)]
struct Tally {
    rounds: u32,
    longest_doubt: Duration,
}

/// What every transfer came to is what its client was told.
async fn check(servers: &[Server], endings: &[(u64, Ending)], what: &str) {
    let mut accounts: BTreeMap<i64, i64> = BTreeMap::new();
    let mut entries: BTreeMap<u64, Vec<(i64, i64)>> = BTreeMap::new();
    for server in servers {
        let mut connection = server.connect().await;
        for row in rows(&mut connection, "SELECT id, v FROM accounts").await {
            accounts.insert(row[0].parse().unwrap(), row[1].parse().unwrap());
        }
        for row in rows(&mut connection, "SELECT transfer, account, amount FROM ledger").await {
            let entry = (row[1].parse().unwrap(), row[2].parse().unwrap());
            entries.entry(row[0].parse().unwrap()).or_default().push(entry);
        }
    }
    assert_eq!(accounts.values().sum::<i64>(), ACCOUNTS * 1000, "{what}: money came or went");
    let mut expected: BTreeMap<i64, i64> = (1..=ACCOUNTS).map(|id| (id, 1000)).collect();
    for (account, amount) in entries.values().flatten() {
        *expected.get_mut(account).unwrap() += amount;
    }
    assert_eq!(accounts, expected, "{what}: the accounts are not what the ledger says");
    for (number, ending) in endings {
        let found = entries.get(number).map_or(0, Vec::len);
        match ending {
            Ending::Done => assert_eq!(found, 2, "{what}: transfer {number} was acknowledged"),
            Ending::Failed => assert_eq!(found, 0, "{what}: transfer {number} was said not to have happened"),
            Ending::Unknown => assert!(found == 0 || found == 2, "{what}: transfer {number} happened by half"),
        }
    }
}

/// Waits until no branch is left prepared; returns how long that took.
async fn no_doubt(servers: &[Server]) -> Duration {
    let started = Instant::now();
    wait_until("no branch is in doubt", || async {
        for server in servers {
            if !rows(&mut server.connect().await, "XA RECOVER").await.is_empty() {
                return false;
            }
        }
        true
    })
    .await;
    started.elapsed()
}

fn rounds(default: u32) -> (u32, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let rounds = number("COMMIT_KILLS").map_or(default, |rounds| u32::try_from(rounds).unwrap());
    (rounds, number("COMMIT_SEED").unwrap_or(1))
}

/// The router dies at each point of the protocol in turn.
async fn routers_are_killed(flavor: Flavor, default_rounds: u32) {
    let Some(servers) = Server::start_all(flavor, 3).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    drop(front);
    let (rounds, seed) = rounds(default_rounds);
    let numbers = AtomicU64::new(1);
    let mut endings = Vec::new();
    let mut tally = Tally::default();
    for round in 0..rounds {
        let seed = seed + u64::from(round);
        let mut rng = StdRng::seed_from_u64(seed);
        let point = Point::ALL[round as usize % Point::ALL.len()];
        let fault = format!("{}:{}", point.as_str(), rng.random_range(1..30));
        let what = format!("{flavor:?}, seed {seed}, router killed at {fault}");
        let mut process = Process::start(&servers, &layout(), &[("SQL_AUTOSCALER_FAULT", &fault)]).await;
        let (url, stop) = (process.url.clone(), AtomicBool::new(false));
        let killed = async {
            wait_until("the router has killed itself", || {
                let ended = process.has_ended();
                async move { ended }
            })
            .await;
            stop.store(true, Ordering::Relaxed);
        };
        let (worked, ()) = tokio::join!(work(&url, seed, &numbers, &stop), killed);
        // Another router finds what the dead one left.
        let front = Front::start(&servers, layout(), limits()).await;
        tally.longest_doubt = tally.longest_doubt.max(no_doubt(&servers).await);
        drop(front);
        endings.extend(worked);
        check(&servers, &endings, &what).await;
        tally.rounds += 1;
    }
    report("routers killed", flavor, &tally, &endings);
}

fn report(what: &str, flavor: Flavor, tally: &Tally, endings: &[(u64, Ending)]) {
    let count = |wanted: Ending| endings.iter().filter(|(_, ending)| *ending == wanted).count();
    println!(
        "{flavor:?}: {} {what}; transfers: {} done, {} not done, {} unknown; longest doubt after it {:?}",
        tally.rounds,
        count(Ending::Done),
        count(Ending::Failed),
        count(Ending::Unknown),
        tally.longest_doubt
    );
    assert!(count(Ending::Done) > 0);
}

/// A server dies while the router is at a point of the protocol, and comes back.
async fn servers_are_killed(flavor: Flavor, default_rounds: u32) {
    let Some(mut servers) = Server::start_all(flavor, 3).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    drop(front);
    let (rounds, seed) = rounds(default_rounds);
    let numbers = AtomicU64::new(1);
    let mut endings = Vec::new();
    let mut tally = Tally::default();
    for round in 0..rounds {
        let seed = seed + u64::from(round);
        let mut rng = StdRng::seed_from_u64(seed);
        let point = Point::ALL[round as usize % Point::ALL.len()];
        let victim = rng.random_range(0..servers.len());
        let after = rng.random_range(1..30);
        let what = format!("{flavor:?}, seed {seed}, shard-{} killed at {}:{after}", victim + 1, point.as_str());
        let pid = servers[victim].pid().to_string();
        let (left, killed) = (Arc::new(AtomicU32::new(after)), Arc::new(AtomicBool::new(false)));
        let is_killed = killed.clone();
        let faults = Faults::hook(move |reached| {
            if reached == point && left.fetch_sub(1, Ordering::Relaxed) == 1 {
                assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
                is_killed.store(true, Ordering::Relaxed);
            }
            Box::pin(std::future::ready(()))
        });
        let front = Front::with_faults(&servers, layout(), limits(), faults).await;
        let stop = AtomicBool::new(false);
        let url = front.url.clone();
        let server = &mut servers[victim];
        let restart = async {
            wait_until("a server is killed", || async { killed.load(Ordering::Relaxed) }).await;
            server.kill();
            server.restart().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop.store(true, Ordering::Relaxed);
        };
        let (worked, ()) = tokio::join!(work(&url, seed, &numbers, &stop), restart);
        tally.longest_doubt = tally.longest_doubt.max(no_doubt(&servers).await);
        drop(front);
        endings.extend(worked);
        check(&servers, &endings, &what).await;
        tally.rounds += 1;
    }
    report("servers killed", flavor, &tally, &endings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_router_leaves_nothing_by_half_on_mariadb() {
    routers_are_killed(Flavor::MariaDb, 14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_router_leaves_nothing_by_half_on_mysql() {
    routers_are_killed(Flavor::MySql, 7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_mariadb_leaves_nothing_by_half() {
    servers_are_killed(Flavor::MariaDb, 14).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_mysql_leaves_nothing_by_half() {
    servers_are_killed(Flavor::MySql, 7).await;
}

/// What a read over several shards may see of transfers that go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_sees_half_a_transaction() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    // Longer than usual between the decision and the other branches' commits.
    let faults = Faults::hook(|point| match point {
        Point::Decided => Box::pin(tokio::time::sleep(Duration::from_millis(2))),
        _ => Box::pin(std::future::ready(())),
    });
    let front = Front::with_faults(&servers, layout(), limits(), faults).await;
    fill(&front).await;
    let stop = AtomicBool::new(false);
    // One statement for each: they never wait for each other in a circle.
    let writers = (0..CLIENTS).map(|number| {
        let (url, stop) = (&front.url, &stop);
        async move {
            let client = Client::new(url, number);
            let mut rng = StdRng::seed_from_u64(number);
            let mut transfers = 0;
            while !stop.load(Ordering::Relaxed) {
                let (from, to) = (rng.random_range(1..=ACCOUNTS), rng.random_range(1..=ACCOUNTS));
                let change = format!("CASE id WHEN {from} THEN -5 ELSE 5 END");
                let sql = format!("UPDATE accounts SET v = v + {change} WHERE id IN ({from}, {to})");
                if from != to {
                    assert_eq!(client.post(None, &sql).await.unwrap().0, 200);
                    transfers += 1;
                }
            }
            transfers
        }
    });
    let reader = async |consistency: &str, query: &str, total: &Value| {
        let (mut reads, mut torn) = (0u32, 0u32);
        let ends = Instant::now() + Duration::from_secs(2);
        while Instant::now() < ends {
            let body = json!({ "query": query, "consistency": consistency });
            let answer = front.client.post(format!("{}/query", front.url)).json(&body).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            reads += 1;
            torn += u32::from(answer["data"][0]["s"] != *total);
        }
        (reads, torn)
    };
    let total = serde_json::from_str(&(ACCOUNTS * 1000).to_string()).unwrap();
    let readers = async {
        let merged = reader("atomic", "SELECT SUM(v) s FROM accounts", &total).await;
        let reduced = reader("atomic", "SELECT SUM(v) + 0 s FROM accounts", &total).await;
        let gathered =
            reader("atomic", "SELECT SUM(a.v) s FROM accounts a JOIN accounts b ON a.id = b.id + 0", &total).await;
        let of_each_shard = reader("shard", "SELECT SUM(v) s FROM accounts", &total).await;
        stop.store(true, Ordering::Relaxed);
        (merged, reduced, gathered, of_each_shard)
    };
    let (worked, (merged, reduced, gathered, of_each_shard)) =
        tokio::join!(futures_util::future::join_all(writers), readers);
    println!(
        "reads and torn ones beside {} transfers: merged {merged:?}, reduced {reduced:?}, gathered {gathered:?}, \
         without looking {of_each_shard:?}",
        worked.iter().sum::<u32>()
    );
    for (reads, torn) in [merged, reduced, gathered] {
        assert!(reads > 0 && torn == 0, "{torn} of {reads} reads saw half a transaction");
    }
    // Else this test could not fail.
    assert!(of_each_shard.1 > 0, "no read without looking was torn");
    let mut connection = servers[0].connect().await;
    wait_until("the markers are gone", || async {
        let mut left = 0;
        for server in &servers {
            left += number(&mut server.connect().await, "SELECT COUNT(*) FROM _autoscaler.commits").await;
        }
        left == 0
    })
    .await;
    assert_eq!(number(&mut connection, "SELECT COUNT(*) FROM _autoscaler.commits").await, 0);
}

/// A shard that cannot write, for what reason ever, and when ever it says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_cannot_write_leaves_nothing() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    let client = Client::new(&front.url, 1);
    let full = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'";
    let update = "UPDATE accounts SET v = v + 1";
    for victim in 0..servers.len() {
        let mut connection = servers[victim].connect().await;
        // In its rows; and when it is about to prepare or to decide.
        for table in ["shop.accounts", "_autoscaler.commits"] {
            let event = if table == "shop.accounts" { "UPDATE" } else { "INSERT" };
            let (schema, _) = table.split_once('.').unwrap();
            let trigger = format!("CREATE TRIGGER {schema}.full BEFORE {event} ON {table} FOR EACH ROW {full}");
            run(&mut connection, &trigger).await;
            let (status, answer) = client.post(None, update).await.unwrap();
            assert_eq!(
                (status, &answer["error"]["mysql"]["errno"]),
                (400, &json!(er::RECORD_FILE_FULL)),
                "{table}: {answer}"
            );
            run(&mut connection, &format!("DROP TRIGGER {schema}.full")).await;
            no_doubt(&servers).await;
            check(&servers, &[], &format!("shard-{} full at {table}", victim + 1)).await;
        }
    }
    assert_eq!(client.post(None, update).await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_shard_leaves_nothing() {
    let Some(servers) = Server::start_all(Flavor::MySql, 2).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    let client = Client::new(&front.url, 1);
    for server in &servers {
        let mut connection = server.connect().await;
        run(&mut connection, "SET GLOBAL super_read_only = 1").await;
        let (status, answer) = client.post(None, "UPDATE accounts SET v = v + 1").await.unwrap();
        assert_eq!(
            (status, &answer["error"]["mysql"]["errno"]),
            (400, &json!(er::OPTION_PREVENTS_STATEMENT)),
            "{answer}"
        );
        run(&mut connection, "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0").await;
        check(&servers, &[], "a shard was read-only").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rows_are_all_there_or_none() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    let client = Client::new(&front.url, 1);
    let insert = async |wrong: Option<u64>| {
        let row = |id: u64| match Some(id) == wrong {
            true => format!("({id}, 1)"),
            false => format!("({id}, 1, 0)"),
        };
        let rows: Vec<String> = (1_000..11_000).map(row).collect();
        client.post(None, &format!("INSERT INTO ledger VALUES {}", rows.join(", "))).await.unwrap()
    };
    let (status, answer) = insert(Some(6_000)).await;
    assert_eq!(
        (status, answer["error"]["mysql"]["errno"].as_u64()),
        (400, Some(er::WRONG_VALUE_COUNT_ON_ROW.into())),
        "{answer}"
    );
    let count = async || client.post(None, "SELECT COUNT(*) n FROM ledger").await.unwrap().1["data"][0]["n"].clone();
    assert_eq!(count().await, json!(0));
    let (status, answer) = insert(None).await;
    assert_eq!((status, &answer["rows_affected"]), (200, &json!(10_000)), "{answer}");
    let (status, answer) = insert(None).await;
    assert_eq!((status, answer["error"]["mysql"]["errno"].as_u64()), (400, Some(er::DUP_ENTRY.into())), "{answer}");
    assert_eq!(count().await, json!(10_000));
}

/// Only shards whose rows changed commit with each other; one that only decides keeps nothing either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_without_changes_have_nothing_to_commit() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    let front = Front::start(&servers, layout(), limits()).await;
    fill(&front).await;
    let client = Client::new(&front.url, 1);
    let prepared = async || {
        let metrics = client.http.get(format!("{}/metrics", front.url)).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find(|line| line.contains("branches_total{event=\"prepared\"}")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let mut by_shard: BTreeMap<String, i64> = BTreeMap::new();
    for id in 1..=ACCOUNTS {
        let (_, answer) = client.post(None, &format!("SELECT v FROM accounts WHERE id = {id}")).await.unwrap();
        by_shard.entry(answer["shard"].as_str().unwrap().to_owned()).or_insert(id);
    }
    let [one, two, three] = by_shard.values().copied().collect::<Vec<_>>()[..] else { panic!("{by_shard:?}") };
    let before = prepared().await;
    for id in [one, two, three] {
        let sql = format!("UPDATE accounts SET v = v + 1 WHERE id + 0 = {id}");
        let (status, answer) = client.post(None, &sql).await.unwrap();
        assert_eq!((status, &answer["rows_affected"]), (200, &json!(1)), "{answer}");
    }
    assert_eq!(client.post(None, "UPDATE accounts SET v = 0 WHERE v > 1000000").await.unwrap().0, 200);
    assert_eq!(prepared().await, before);
    // The first of them decides although it only read.
    for sql in [
        "BEGIN".to_owned(),
        format!("SELECT v FROM accounts WHERE id = {one}"),
        format!("UPDATE accounts SET v = v - 7 WHERE id = {two}"),
        format!("UPDATE accounts SET v = v + 7 WHERE id = {three}"),
        "COMMIT".to_owned(),
    ] {
        assert_eq!(client.post(Some("s"), &sql).await.unwrap().0, 200, "{sql}");
    }
    assert_eq!(prepared().await, before + 2);
    let (_, answer) = client.post(None, "SELECT SUM(v) s FROM accounts").await.unwrap();
    assert_eq!(answer["data"][0]["s"], json!(ACCOUNTS * 1000 + 3));
    wait_until("the markers are gone", || async {
        for server in &servers {
            if number(&mut server.connect().await, "SELECT COUNT(*) FROM _autoscaler.commits").await > 0 {
                return false;
            }
        }
        true
    })
    .await;
}

/// A shard that joins gets the reference tables while they are written; no write is lost, none is there twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_shard_gets_reference_tables_while_they_are_written() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let layout = Layout { reference_tables: ["rates".to_owned()].into(), ..layout() };
    let front = Front::start(&servers[..1], layout.clone(), limits()).await;
    fill(&front).await;
    let client = Client::new(&front.url, 1);
    for sql in ["CREATE TABLE rates (code VARCHAR(9) PRIMARY KEY, rate INT)", "INSERT INTO rates VALUES ('EUR', 0)"] {
        assert_eq!(client.post(None, sql).await.unwrap().0, 200, "{sql}");
    }
    let cluster = cluster_of(&front.router);
    let (home, newcomer) = (cluster.topology().home().id.clone(), ShardId::new("shard-2").unwrap());
    let joined = Shard { id: newcomer.clone(), endpoint: servers[1].endpoint(DATABASE) };
    keyspace::accounts::ensure_router(&joined.endpoint, &routers_login()).await.unwrap();
    cluster.change(|topology| Ok::<_, ClusterError>(topology.with_shard(joined))).await.unwrap();
    let slots = slots::plan_half(&cluster.topology().owned(&home));
    let transfer = Transfer { source: home, target: newcomer, slots };
    let stop = AtomicBool::new(false);
    let moving = async {
        moves::execute(&cluster, &layout, &[transfer], &quick_moves(), &silent()).await.unwrap();
        stop.store(true, Ordering::Relaxed);
    };
    let writing = async {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            for sql in [
                "UPDATE rates SET rate = rate + 1 WHERE code = 'EUR'".to_owned(),
                format!("INSERT INTO rates VALUES ('n{count}', {count})"),
            ] {
                let (status, answer) = client.post(None, &sql).await.unwrap();
                assert_eq!(status, 200, "{sql}: {answer}");
            }
            count += 1;
        }
        count
    };
    let ((), count) = tokio::join!(moving, writing);
    assert_eq!(cluster.topology().owning_shard_count(), 2);
    for server in &servers {
        let mut connection = server.connect().await;
        let found = rows(
            &mut connection,
            "SELECT COUNT(*), SUM(code = 'EUR' AND rate = (SELECT COUNT(*) - 1 FROM rates)) FROM rates",
        )
        .await;
        assert_eq!(found, [[(count + 1).to_string(), "1".to_owned()]]);
    }
}
