//! Clients that ask too much: they are told so, the router stays small, and everybody else is served.

use std::time::Duration;

use futures_util::future::join_all;
use keyspace::mysql::er;
use keyspace::schema::Layout;
use nix::sys::signal::{Signal, kill};
use router::Limits;
use serde_json::{Value, json};

use crate::kit::front::{Front, ask};
use crate::kit::processes::{Options, Process, stop};
use crate::kit::servers::{Flavor, Server, wait_until};

/// What a router takes at most, whatever it is asked.
const MOST_KIBIBYTES: u64 = 200 << 10;

fn layout() -> Layout {
    Layout {
        shard_keys: [("accounts".to_owned(), "id".to_owned()), ("owners".to_owned(), "name".to_owned())].into(),
        ..Layout::default()
    }
}

/// A client of a router.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn of(url: &str) -> Client {
        Client { http: reqwest::Client::new(), url: url.to_owned() }
    }

    async fn say(&self, session: Option<&str>, sql: &str) -> (u16, Value) {
        ask(&self.http, &self.url, session, sql).await
    }

    async fn ok(&self, session: Option<&str>, sql: &str) -> Value {
        let (status, answer) = self.say(session, sql).await;
        let start: String = sql.chars().take(100).collect();
        assert_eq!(status, 200, "{start}: {answer}");
        answer
    }

    async fn refused(&self, session: Option<&str>, sql: &str, status: u16, code: &str, naming: &str) {
        let (got, answer) = self.say(session, sql).await;
        let start: String = sql.chars().take(100).collect();
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{start}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(naming), "{start}: {answer}");
    }

    async fn fill(&self) {
        self.ok(None, "CREATE TABLE accounts (id BIGINT PRIMARY KEY, v INT)").await;
        self.ok(None, "CREATE TABLE owners (name VARCHAR(20) PRIMARY KEY, account BIGINT)").await;
        let rows: Vec<String> = (1..=20).map(|id| format!("({id}, {id})")).collect();
        self.ok(None, &format!("INSERT INTO accounts VALUES {}", rows.join(","))).await;
        let rows: Vec<String> = (1..=20).map(|id| format!("('n{id}', {id})")).collect();
        self.ok(None, &format!("INSERT INTO owners VALUES {}", rows.join(","))).await;
    }

    /// Accounts of a shard.
    async fn accounts_on(&self, shard: &str) -> Vec<u32> {
        let mut found = Vec::new();
        for id in 1..=20 {
            if self.ok(None, &select(id)).await["shard"] == shard {
                found.push(id);
            }
        }
        assert!(found.len() >= 4, "{shard} has {found:?}");
        found
    }
}

fn select(id: u32) -> String {
    format!("SELECT v FROM accounts WHERE id = {id}")
}

async fn front(limits: Limits) -> Option<(Vec<Server>, Front, Client)> {
    let servers = Server::start_all(Flavor::MariaDb, 2).await?;
    let front = Front::start(&servers, layout(), limits).await;
    let client = Client::of(&front.url);
    client.fill().await;
    Some((servers, front, client))
}

fn list(item: &str, count: usize) -> String {
    vec![item; count].join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_takes_memory_without_end() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let router = Process::start(&servers, &layout(), &[]).await;
    let client = Client::of(&router.url);
    client.fill().await;
    let attacks = [
        format!("SELECT {}", list("a.b", 3_700_000)),
        format!("INSERT INTO accounts VALUES {}", list("(1,2)", 600_000)),
        format!("SELECT v FROM accounts WHERE id IN ({})", list("1", 150_000)),
        format!("SELECT v FROM accounts WHERE id IN ({})", list("1", 60_000)),
        format!("SELECT {} FROM accounts", list("v", 4_000)),
        format!("SELECT {}", list("(SELECT 1)", 1_000)),
        format!("SELECT 1 FROM {}", list("(SELECT 1) d", 5_000)),
        format!("SELECT b'\\', {} '", list("a", 2_000_000)),
        format!("SELECT {}", "'a' ".repeat(200_000)),
        format!("SELECT /* {} */ 1", "x ".repeat(4_000_000)),
        format!("SELECT 1 {}", "\n".repeat(500_000)),
        format!("SELECT {}1", "(".repeat(200_000)),
    ];
    for attack in &attacks {
        let two = join_all([client.say(None, attack), client.say(None, attack)]).await;
        for (status, answer) in two {
            let start: String = attack.chars().take(60).collect();
            let code = answer["error"]["code"].as_str().unwrap_or_default();
            let is_told = matches!(
                (status, code),
                (200, _) | (503, "overloaded") | (422, "limit_exceeded" | "unsupported") | (400, _)
            );
            assert!(is_told, "{start}: {status} {answer}");
        }
        client.ok(None, &select(1)).await;
        let peak = router.peak_kibibytes();
        assert!(peak < MOST_KIBIBYTES, "{} KiB after {}", peak, attack.chars().take(60).collect::<String>());
    }
    client.refused(None, &attacks[0], 422, "limit_exceeded", "limits.max_statement_tokens").await;
    client.refused(None, &attacks[1], 422, "limit_exceeded", "limits.max_statement_tokens").await;
    client.refused(None, &attacks[2], 422, "limit_exceeded", "limits.max").await;
    // A megabyte of rows is no attack.
    let rows: Vec<String> = (100..33_000).map(|id| format!("({id},'{id:020}')")).collect();
    client.ok(None, "CREATE TABLE plain (id INT PRIMARY KEY, t VARCHAR(20))").await;
    let dump = format!("INSERT INTO plain VALUES {}", rows.join(","));
    assert!(dump.len() > 1_000_000);
    assert_eq!(client.ok(None, &dump).await["rows_affected"], json!(rows.len()));
    let peak = router.peak_kibibytes();
    assert!(peak < MOST_KIBIBYTES, "{peak} KiB after a megabyte of rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_sessions_are_bounded_in_each_and_in_all() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 1).await else { return };
    // None of them is to end while the others begin.
    let limits = json!({ "session_idle_timeout_ms": 300_000 });
    let router = Process::with(&servers, &layout(), &Options { limits, ..Options::default() }).await;
    let client = Client::of(&router.url);
    let (half, most) = ("x".repeat(1_000_000), "x".repeat(1_100_000));
    client.refused(Some("large"), &format!("SET @a = '{most}'"), 422, "limit_exceeded", "bytes at most").await;
    let set = format!("SET @a = '{half}'");
    let mut refused = 0;
    for number in 0..100 {
        let (status, answer) = client.say(Some(&format!("s{number}")), &set).await;
        match status {
            200 => {}
            _ => {
                assert_eq!(answer["error"]["code"], "overloaded", "{answer}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "100 MB of variables found room");
    let peak = router.peak_kibibytes();
    assert!(peak < MOST_KIBIBYTES, "{peak} KiB");
    // One value, named often, is many values.
    client.ok(Some("named"), "SET @b = REPEAT('x', 10000)").await;
    let often = format!("SELECT {}", list("@b", 1_000));
    client.refused(Some("named"), &often, 422, "unsupported", "user variables in one statement").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_exists_only_while_it_has_something_to_remember() {
    let limits = Limits { max_sessions: 4, ..Limits::default() };
    let Some((_servers, front, client)) = front(limits).await else { return };
    for number in 0..20 {
        let session = format!("honest-{number}");
        client.ok(Some(&session), "BEGIN").await;
        client.ok(Some(&session), &format!("UPDATE accounts SET v = v + 1 WHERE id = {}", number + 1)).await;
        client.ok(Some(&session), "COMMIT").await;
        client.ok(Some(&session), "SELECT 1").await;
    }
    let metrics = String::from_utf8(front.router.render_metrics()).unwrap();
    assert!(metrics.contains("sql_autoscaler_router_sessions 0"), "{metrics}");
    // What an ended session left is still there.
    assert_eq!(client.ok(Some("honest-0"), "SELECT FOUND_ROWS()").await["data"], json!([[1]]));

    client.ok(Some("open"), "BEGIN").await;
    client.ok(Some("open"), "UPDATE accounts SET v = 0 WHERE id = 1").await;
    for number in 0..20 {
        client.ok(Some(&format!("set-{number}")), "SET @a = 1").await;
    }
    assert_eq!(client.ok(Some("set-19"), "SELECT @a").await["data"], json!([[1]]));
    // Whoever was dropped hears of it, and goes on when it has set its variables again.
    client.refused(Some("set-0"), "SELECT @a", 409, "conflict", "@a").await;
    client.ok(Some("set-0"), "SELECT 1").await;
    client.refused(Some("set-0"), "SELECT @a", 409, "conflict", "@a").await;
    client.ok(Some("set-0"), "SET @a = 2").await;
    assert_eq!(client.ok(Some("set-0"), "SELECT @a").await["data"], json!([[2]]));
    // A transaction is never dropped for them.
    client.ok(Some("open"), "COMMIT").await;
    assert_eq!(client.ok(None, &select(1)).await["data"], json!([[0]]));
    for number in 0..3 {
        client.ok(Some(&format!("held-{number}")), "BEGIN").await;
    }
    client.refused(Some("one-more"), "BEGIN", 503, "overloaded", "limits.max_sessions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_stands_still_leaves_turns_to_the_others() {
    let limits = Limits { max_concurrent_queries: 16, statement_timeout: Duration::from_secs(2), ..Limits::default() };
    let Some((servers, front, client)) = front(limits).await else { return };
    let (here, there) = (client.accounts_on("shard-1").await[0], client.accounts_on("shard-2").await[0]);
    let stalled = servers[1].pid();
    stop(stalled).await;
    let many = tokio::spawn({
        let client = client.clone();
        async move { join_all((0..60).map(|_| async { client.say(None, &select(there)).await })).await }
    });
    // Those without a place on the shard hear so at once.
    wait_until("refusals", || async { told_to_come_again(&front) >= 40 }).await;
    for _ in 0..20 {
        client.ok(None, &select(here)).await;
    }
    let answers = many.await.unwrap();
    kill(stalled, Signal::SIGCONT).unwrap();
    let names_the_limit = |(_, answer): &&(u16, Value)| {
        let message = answer["error"]["message"].as_str();
        message.is_some_and(|message| message.contains("a quarter of limits.max_concurrent_queries"))
    };
    assert!(answers.iter().filter(names_the_limit).count() >= 40, "{answers:?}");
}

/// How many queries were refused as too many.
fn told_to_come_again(front: &Front) -> u64 {
    let metrics = String::from_utf8(front.router.render_metrics()).unwrap();
    let name = "sql_autoscaler_router_query_errors_total{reason=\"overloaded\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn open_transactions_leave_connections_to_single_statements() {
    let limits =
        Limits { max_connections_per_shard: 8, queue_timeout: Duration::from_millis(300), ..Limits::default() };
    let Some((_servers, _front, client)) = front(limits).await else { return };
    let accounts = client.accounts_on("shard-1").await;
    let mut refused = 0;
    for number in 0..12 {
        let session = format!("t{number}");
        client.ok(Some(&session), "BEGIN").await;
        let (status, answer) = client.say(Some(&session), &select(accounts[0])).await;
        if status != 200 {
            assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("overloaded")), "{answer}");
            refused += 1;
        }
    }
    // Three quarters of 8 connections are for transactions, and three quarters of those for one client.
    assert_eq!(refused, 12 - 5);
    for id in accounts {
        client.ok(None, &format!("UPDATE accounts SET v = v + 1 WHERE id = {id}")).await;
    }
    client.ok(None, "CREATE TABLE later (id INT PRIMARY KEY)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_gathers_at_once_wait_for_each_other() {
    let Some((_servers, _front, client)) = front(Limits::default()).await else { return };
    let gather = "SELECT a.id, ROW_NUMBER() OVER (ORDER BY a.v) FROM accounts a JOIN owners o ON o.account = a.id";
    let explained = client.http.post(format!("{}/explain", client.url)).json(&json!({ "query": gather })).send().await;
    let explained = explained.unwrap().json::<Value>().await.unwrap();
    assert!(explained["merge"][0].as_str().unwrap().starts_with("copy rows"), "{explained}");
    let (gathers, others) = tokio::join!(
        join_all((0..40).map(|_| client.say(None, gather))),
        join_all((1..=20).map(async |id| (id, client.say(None, &select(id)).await)))
    );
    let succeeded = gathers.iter().filter(|(status, _)| *status == 200).count();
    for (status, answer) in &gathers {
        assert!(*status == 200 || answer["error"]["code"] == "overloaded", "{answer}");
    }
    assert!(succeeded >= 8, "{succeeded} of 40");
    for (id, (status, answer)) in others {
        assert_eq!(status, 200, "{id}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_answers_is_not_told_as_a_shard_that_cannot_be_reached() {
    let Some((_servers, _front, client)) = front(Limits::default()).await else { return };
    let long = "x".repeat(65);
    for sql in [
        "CREATE TABLE `a ` (id INT PRIMARY KEY)".to_owned(),
        "DROP TABLE `a `".to_owned(),
        "ALTER TABLE `a ` ADD COLUMN b INT".to_owned(),
        "TRUNCATE TABLE `a `".to_owned(),
        format!("CREATE TABLE {long} (id INT PRIMARY KEY)"),
        format!("DROP TABLE {long}"),
    ] {
        let (status, answer) = client.say(None, &sql).await;
        assert!((400..500).contains(&status), "{sql}: {status} {answer}");
    }
    let (_, answer) = client.say(None, "CREATE TABLE `a ` (id INT PRIMARY KEY)").await;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["mysql"]["errno"]),
        (&json!("database_error"), &json!(er::WRONG_TABLE_NAME))
    );
}
