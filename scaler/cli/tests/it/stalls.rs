//! A shard that stands still: what its clients hear, and that nobody else notices it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyspace::endpoint::Endpoint;
use keyspace::mysql::er;
use keyspace::schema::Layout;
use keyspace::slots::{self, SlotSet};
use keyspace::topology::{ShardId, Transfer};
use nix::sys::signal::{Signal, kill};
use router::Limits;
use router::faults::Faults;
use router::faults::Point;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kit::bench::silent;
use crate::kit::front::Front;
use crate::kit::moving::{cluster_of, quick_moves};
use crate::kit::processes::stop;
use crate::kit::proxy::{Direction, Mode, Proxy};
use crate::kit::servers::{DATABASE, Flavor, Server, number, rows, run, wait_until};

/// What a statement may take by the limits of these tests.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// What a client waits for its answer: a statement's time, and what it takes to end the statement on a shard that may
/// not answer any more.
const ANSWER_WITHIN: Duration = Duration::from_secs(9);
/// Looks at a shard that were asked before it stood still count for 5 s. After that they would have to be new ones.
const BEYOND_CONFIRMATION: Duration = Duration::from_millis(6500);
/// What is said of a shard that stands still.
const DOCUMENTED: [&str; 5] = ["shard_unavailable", "timeout", "outcome_unknown", "conflict", "overloaded"];

/// How a shard is made to stand still.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Its server is stopped: connections are taken by the system, and nobody answers.
    Stopped,
    /// The network swallows what is sent either way.
    Swallowed,
}

/// A shard that stands still until this is dropped.
struct Stalled<'a> {
    server: &'a Server,
    proxy: Option<&'a Proxy>,
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        match self.proxy {
            Some(proxy) => proxy.set(Mode::Pass),
            // It can only be gone if the test killed it.
            None => drop(kill(self.server.pid(), Signal::SIGCONT)),
        }
    }
}

/// Everybody who must not notice: a reader and a writer for each of some shards, until this is dropped.
struct Bystanders {
    stop: Arc<AtomicBool>,
    /// Answers to each one's statements, and what went wrong.
    answered: Vec<Arc<AtomicUsize>>,
    tasks: JoinSet<Vec<String>>,
}

impl Bystanders {
    async fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut wrong = Vec::new();
        while let Some(failures) = self.tasks.join_next().await {
            wrong.extend(failures.unwrap());
        }
        assert!(wrong.is_empty(), "bystanders noticed: {wrong:#?}");
    }

    /// Waits until each had some more answers.
    async fn get_answers(&self, more: usize) {
        let before: Vec<usize> = self.answered.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.answered.iter().zip(&before).all(|(count, before)| count.load(Ordering::Relaxed) >= before + more) {
            assert!(Instant::now() < deadline, "bystanders get no answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Fixture {
    front: Front,
    servers: Vec<Server>,
    proxies: Vec<Proxy>,
    /// Ids of some rows of each shard; the first one is the bystanders'.
    ids: Vec<Vec<u64>>,
}

fn layout() -> Layout {
    Layout { shard_keys: [("users".to_owned(), "id".to_owned())].into(), ..Layout::default() }
}

fn limits() -> Limits {
    Limits {
        statement_timeout: STATEMENT_TIMEOUT,
        in_doubt_timeout: Duration::from_millis(500),
        session_idle_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

impl Fixture {
    async fn start(shards: usize, way: Way) -> Option<Fixture> {
        Fixture::with_faults(shards, way, |_| Faults::default()).await
    }

    async fn with_faults(shards: usize, way: Way, faults: impl FnOnce(&[Server]) -> Faults) -> Option<Fixture> {
        let servers = Server::start_all(Flavor::MariaDb, shards).await?;
        let proxies = match way {
            Way::Stopped => Vec::new(),
            Way::Swallowed => join_all(servers.iter().map(|server| Proxy::start(server.address()))).await,
        };
        let endpoints = endpoints(&servers, &proxies);
        let front = Front::over(endpoints, layout(), limits(), faults(&servers)).await;
        let mut fixture = Fixture { front, servers, proxies, ids: Vec::new() };
        // `everywhere` is written on all shards at once only.
        fixture.ok("CREATE TABLE users (id BIGINT PRIMARY KEY, v INT NOT NULL, everywhere INT NOT NULL)").await;
        fixture.ok("CREATE TABLE plain (id BIGINT PRIMARY KEY, v INT NOT NULL)").await;
        let users: Vec<String> = (1..=60).map(|id| format!("({id}, {id}, 0)")).collect();
        fixture.ok(&format!("INSERT INTO users VALUES {}", users.join(", "))).await;
        for server in &fixture.servers {
            let ids = rows(&mut server.connect().await, "SELECT id FROM users ORDER BY id LIMIT 5").await;
            fixture.ids.push(ids.iter().map(|row| row[0].parse().unwrap()).collect());
        }
        Some(fixture)
    }

    /// Makes a shard, by its place, stand still.
    async fn stall(&self, shard: usize) -> Stalled<'_> {
        let (server, proxy) = (&self.servers[shard], self.proxies.get(shard));
        match proxy {
            Some(proxy) => proxy.set(Mode::Stall(Direction::Both)),
            None => stop(server.pid()).await,
        }
        Stalled { server, proxy }
    }

    /// Status and body; the name of a session goes with it, if one is given. `None`: no answer in time.
    async fn ask(&self, sql: &str, session: Option<&str>) -> Option<(u16, Value)> {
        ask(&self.front.client, &self.front.url, sql, session).await
    }

    async fn ok(&self, sql: &str) -> Value {
        self.ok_in(sql, None).await
    }

    async fn ok_in(&self, sql: &str, session: Option<&str>) -> Value {
        match self.ask(sql, session).await {
            Some((200, answer)) => answer,
            other => panic!("{sql}: {other:?}"),
        }
    }

    /// The documented error that a statement ends in.
    async fn fails(&self, sql: &str, session: Option<&str>) -> String {
        let answer = self.ask(sql, session).await;
        let code = answer.as_ref().and_then(|(_, body)| body["error"]["code"].as_str());
        match code {
            Some(code) if DOCUMENTED.contains(&code) => code.to_owned(),
            _ => panic!("{sql}: {answer:?}"),
        }
    }

    /// A reader and a writer of each shard but one.
    fn bystanders(&self, stalled: Option<usize>) -> Bystanders {
        let mut bystanders = Bystanders { stop: Arc::default(), answered: Vec::new(), tasks: JoinSet::new() };
        for (_, ids) in self.ids.iter().enumerate().filter(|(shard, _)| Some(*shard) != stalled) {
            let id = ids[0];
            for sql in
                [format!("SELECT v FROM users WHERE id = {id}"), format!("UPDATE users SET v = v + 1 WHERE id = {id}")]
            {
                let (client, url, stop) = (self.front.client.clone(), self.front.url.clone(), bystanders.stop.clone());
                let answered = Arc::new(AtomicUsize::new(0));
                bystanders.answered.push(answered.clone());
                bystanders.tasks.spawn(async move {
                    let mut wrong = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        match ask(&client, &url, &sql, None).await {
                            Some((200, _)) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                            other => wrong.push(format!("{sql}: {other:?}")),
                        }
                        let health = client.get(format!("{url}/health")).timeout(STATEMENT_TIMEOUT).send().await;
                        if !health.is_ok_and(|health| health.status().is_success()) {
                            wrong.push("/health".to_owned());
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    wrong
                });
            }
        }
        bystanders
    }

    /// Everything works again, on all shards.
    async fn recovers(&self) {
        wait_until("every shard serves", || async { self.front.router.is_ready().is_ok_and(|away| away.is_empty()) })
            .await;
        wait_until("no change of the schema is left half done", || async { self.journal().await == 0 }).await;
        wait_until("nothing is in doubt", || async {
            let counts = join_all(self.servers.iter().map(prepared)).await;
            counts.iter().sum::<usize>() == 0
        })
        .await;
        wait_until("writes over all shards work", || async {
            matches!(self.ask("UPDATE users SET everywhere = everywhere + 1", None).await, Some((200, _)))
        })
        .await;
        let counts = "SELECT COUNT(*) AS n, COUNT(DISTINCT everywhere) AS whole, SUM(v < 0) AS undone FROM users";
        assert_eq!(self.ok(counts).await["data"], json!([{ "n": 60, "whole": 1, "undone": 0 }]));
        wait_until("the schema can be changed", || async {
            matches!(self.ask("CREATE TABLE IF NOT EXISTS after (id INT PRIMARY KEY)", None).await, Some((200, _)))
        })
        .await;
        self.ok("DROP TABLE after").await;
        let found = self.definitions("users").await;
        assert!(found.iter().all(|definition| *definition == found[0]), "{found:?}");
    }

    async fn journal(&self) -> u64 {
        number(&mut self.servers[0].connect().await, "SELECT COUNT(*) FROM _autoscaler.definitions").await
    }

    async fn definitions(&self, table: &str) -> Vec<String> {
        let mut found = Vec::new();
        for server in &self.servers {
            let shown = rows(&mut server.connect().await, &format!("SHOW CREATE TABLE {table}")).await;
            found.push(shown[0][1].clone());
        }
        found
    }
}

fn endpoints(servers: &[Server], proxies: &[Proxy]) -> Vec<Endpoint> {
    let endpoint = |(index, server): (usize, &Server)| match proxies.get(index) {
        Some(proxy) => server.endpoint_through(proxy, DATABASE),
        None => server.endpoint(DATABASE),
    };
    servers.iter().enumerate().map(endpoint).collect()
}

/// Leaves a branch of a transaction prepared on a server, as a router that was killed does.
async fn leave_branch(server: &Server, number: &str, decider: usize, id: u64) {
    let xid = format!("'{number}','shard-{}',16723", decider + 1);
    let update = format!("UPDATE users SET v = -1 WHERE id = {id}");
    run(&mut server.connect().await, &format!("XA START {xid}; {update}; XA END {xid}; XA PREPARE {xid}")).await;
}

async fn prepared(server: &Server) -> usize {
    rows(&mut server.connect().await, "XA RECOVER").await.len()
}

async fn ask(client: &reqwest::Client, url: &str, sql: &str, session: Option<&str>) -> Option<(u16, Value)> {
    let mut request = client.post(format!("{url}/query")).timeout(ANSWER_WITHIN).json(&json!({ "query": sql }));
    if let Some(session) = session {
        request = request.header("X-Session-Id", session);
    }
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_an_unknown_table_harms_nobody_while_the_home_shard_stands_still() {
    let Some(fixture) = Fixture::start(3, Way::Stopped).await else { return };
    let stalled = fixture.stall(0).await;
    let bystanders = fixture.bystanders(Some(0));
    assert_eq!(fixture.fails("SELECT * FROM nowhere", None).await, "shard_unavailable");
    tokio::time::sleep(BEYOND_CONFIRMATION).await;
    bystanders.get_answers(20).await;
    assert_eq!(fixture.fails("SELECT * FROM nowhere", None).await, "shard_unavailable");
    bystanders.finish().await;
    drop(stalled);
    fixture.recovers().await;
    let (status, answer) = fixture.ask("SELECT * FROM nowhere", None).await.unwrap();
    assert_eq!((status, &answer["error"]["mysql"]["errno"]), (400, &json!(er::NO_SUCH_TABLE)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_schema_just_before_harms_nobody_while_the_home_shard_stands_still() {
    let Some(fixture) = Fixture::start(3, Way::Stopped).await else { return };
    fixture.ok("ALTER TABLE users ADD COLUMN age INT").await;
    let stalled = fixture.stall(0).await;
    let bystanders = fixture.bystanders(Some(0));
    tokio::time::sleep(BEYOND_CONFIRMATION).await;
    bystanders.get_answers(20).await;
    bystanders.finish().await;
    drop(stalled);
    fixture.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_change_of_the_schema_and_others_behind_it_end_in_their_time_and_harm_nobody() {
    let Some(fixture) = Fixture::start(1, Way::Stopped).await else { return };
    let other = Front::over(endpoints(&fixture.servers, &[]), layout(), limits(), Faults::default()).await;
    let bystanders = fixture.bystanders(None);
    let server = &fixture.servers[0];
    let second = async |front: &Front, sql: &str| {
        let running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'CREATE TABLE slow%'";
        wait_until("the first one runs", || async { number(&mut server.connect().await, running).await > 0 }).await;
        let body = json!({ "query": sql, "timeout_ms": 500 });
        let answer = front.client.post(format!("{}/query", front.url)).timeout(ANSWER_WITHIN).json(&body).send().await;
        let answer = answer.expect("an answer in time");
        (Instant::now(), answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (long, here, there, unknown) = tokio::join!(
        async {
            let answer = fixture.ask("CREATE TABLE slow AS SELECT SLEEP(60)", None).await;
            (Instant::now(), answer.expect("an answer in time"))
        },
        second(&fixture.front, "ALTER TABLE plain ADD COLUMN age INT"),
        second(&other, "ALTER TABLE plain ADD COLUMN height INT"),
        second(&other, "SELECT * FROM nowhere"),
    );
    let (ended, (status, answer)) = long;
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("timeout")), "{answer}");
    for (at, _, answer) in [here, there] {
        // On a slow machine it may have had its turn.
        assert!(at > ended || answer["error"]["code"] == "conflict", "{answer}");
    }
    let (_, status, answer) = unknown;
    assert_eq!((status, &answer["error"]["mysql"]["errno"]), (400, &json!(er::NO_SUCH_TABLE)), "{answer}");
    tokio::time::sleep(BEYOND_CONFIRMATION).await;
    bystanders.get_answers(20).await;
    bystanders.finish().await;
    let left = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'slow'";
    assert_eq!(number(&mut server.connect().await, left).await, 0, "nothing was changed");
    fixture.recovers().await;
}

/// A transaction holds a table of the second shard, so that a change waits there when the first one has done it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_time_is_over_on_the_second_shard_is_taken_back_or_brought_to_its_end() {
    let Some(fixture) = Fixture::start(3, Way::Stopped).await else { return };
    let before = fixture.definitions("users").await;
    let mut holder = fixture.servers[1].connect().await;
    run(&mut holder, "BEGIN; SELECT * FROM users LIMIT 1").await;
    let bystanders = fixture.bystanders(Some(1));
    assert_eq!(fixture.fails("CREATE INDEX by_v ON users (v)", None).await, "timeout");
    assert_eq!(fixture.definitions("users").await, before, "an index is taken back");
    assert_eq!(fixture.journal().await, 0);

    let (status, answer) = fixture.ask("ALTER TABLE users ADD COLUMN age INT", None).await.unwrap();
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("outcome_unknown")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("ended on shard-2; it is done on shard-1"), "{message}");
    assert_eq!(fixture.journal().await, 1);
    assert_eq!(fixture.fails("ALTER TABLE plain ADD COLUMN age INT", None).await, "conflict");
    bystanders.get_answers(10).await;
    bystanders.finish().await;
    run(&mut holder, "COMMIT").await;
    wait_until("a router has brought it to its end", || async { fixture.journal().await == 0 }).await;
    let after = fixture.definitions("users").await;
    assert!(after.iter().all(|definition| definition.contains("`age` int") && *definition == after[0]), "{after:?}");
    fixture.recovers().await;
}

/// Everything at once, with each shard in turn.
async fn each_shard_stands_still_in_turn(way: Way) {
    let Some(fixture) = Fixture::start(3, way).await else { return };
    for shard in 0..3 {
        all_kinds_of_work(&fixture, shard).await;
        fixture.recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_server_that_is_stopped_but_its_own_clients() {
    each_shard_stands_still_in_turn(Way::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_network_that_swallows_but_its_own_clients() {
    each_shard_stands_still_in_turn(Way::Swallowed).await;
}

async fn all_kinds_of_work(fixture: &Fixture, shard: usize) {
    let [one, other] = [(shard + 1) % 3, (shard + 2) % 3];
    let id = |of: usize, nth: usize| fixture.ids[of][nth];
    let update = |of: usize, nth: usize| format!("UPDATE users SET v = v + 1 WHERE id = {}", id(of, nth));
    let (there, elsewhere) = (format!("there-{shard}"), format!("elsewhere-{shard}"));
    fixture.ok_in("BEGIN", Some(&there)).await;
    fixture.ok_in(&update(shard, 1), Some(&there)).await;
    fixture.ok_in("BEGIN", Some(&elsewhere)).await;
    fixture.ok_in(&update(one, 1), Some(&elsewhere)).await;
    fixture.ok_in(&update(other, 1), Some(&elsewhere)).await;
    fixture.ok(&format!("CREATE TABLE before_{shard} (id INT PRIMARY KEY)")).await;
    let stalled = fixture.stall(shard).await;
    let since = Instant::now();
    let bystanders = fixture.bystanders(Some(shard));
    leave_branch(&fixture.servers[one], &format!("a{shard}-1"), shard, id(one, 2)).await;
    leave_branch(&fixture.servers[other], &format!("b{shard}-1"), one, id(other, 2)).await;

    let concerned = [
        format!("SELECT v FROM users WHERE id = {}", id(shard, 2)),
        update(shard, 2),
        "SELECT COUNT(*) FROM users".to_owned(),
        "SELECT COUNT(DISTINCT a.v) FROM users a JOIN users b ON a.id = b.v + 1".to_owned(),
        // Bystanders' rows stay free.
        format!("UPDATE users SET everywhere = everywhere + 1 WHERE id IN ({}, {}, {})", id(0, 4), id(1, 4), id(2, 4)),
        format!("ALTER TABLE plain ADD COLUMN during_{shard} INT"),
        "CREATE TABLE another (id INT PRIMARY KEY)".to_owned(),
    ];
    let concern_nobody = async || {
        // Unsharded tables, and what tables there are, are the home shard's.
        let plain = fixture.ask("SELECT COUNT(*) FROM plain", None);
        let unknown = fixture.ask("SELECT * FROM nowhere", None);
        let (plain, unknown) = tokio::join!(plain, unknown);
        let (plain, unknown) = (plain.expect("an answer"), unknown.expect("an answer"));
        match shard {
            0 => {
                assert!(DOCUMENTED.contains(&plain.1["error"]["code"].as_str().unwrap_or_default()), "{plain:?}");
                assert_eq!(unknown.1["error"]["code"], json!("shard_unavailable"), "{unknown:?}");
            }
            _ => {
                assert_eq!(plain.0, 200, "{plain:?}");
                assert_eq!(unknown.1["error"]["mysql"]["errno"], json!(er::NO_SUCH_TABLE), "{unknown:?}");
            }
        }
        for path in ["/health", "/ready", "/metrics", "/topology"] {
            let asked = fixture.front.client.get(format!("{}{path}", fixture.front.url)).timeout(STATEMENT_TIMEOUT);
            assert_eq!(asked.send().await.expect(path).status().as_u16(), 200, "{path}");
        }
    };
    let in_sessions = async {
        fixture.fails(&update(shard, 3), Some(&there)).await;
        fixture.ok_in(&update(one, 1), Some(&elsewhere)).await;
        fixture.ok_in("COMMIT", Some(&elsewhere)).await;
    };
    let all = join_all(concerned.iter().map(|sql| fixture.fails(sql, None)));
    tokio::join!(all, concern_nobody(), in_sessions);
    tokio::time::sleep(BEYOND_CONFIRMATION.saturating_sub(since.elapsed())).await;
    tokio::join!(join_all(concerned.iter().map(|sql| fixture.fails(sql, None))), concern_nobody());
    bystanders.get_answers(20).await;
    bystanders.finish().await;
    wait_until("what another shard decides is at its end", || async { prepared(&fixture.servers[other]).await == 0 })
        .await;
    assert_eq!(prepared(&fixture.servers[one]).await, 1, "only the shard that stands still knows what became of it");
    drop(stalled);
}

/// The answer to a write over all shards of which one is stopped at a point of its transaction.
async fn write_while_stopping(point: Point, shard: usize) -> Option<(Fixture, u16, Value)> {
    let is_armed = Arc::new(AtomicBool::new(false));
    let armed = is_armed.clone();
    let stops = move |servers: &[Server]| {
        let pid = servers[shard].pid();
        Faults::hook(move |reached| {
            let is_meant = reached == point && armed.swap(false, Ordering::SeqCst);
            Box::pin(async move {
                if is_meant {
                    stop(pid).await;
                }
            })
        })
    };
    let fixture = Fixture::with_faults(3, Way::Stopped, stops).await?;
    let goes_on = Stalled { server: &fixture.servers[shard], proxy: None };
    is_armed.store(true, Ordering::SeqCst);
    let bystanders = fixture.bystanders(Some(shard));
    // Few, so that no other rows are locked than these.
    let ids: Vec<String> = fixture.ids.iter().map(|ids| ids[1].to_string()).collect();
    let sql = format!("UPDATE users SET everywhere = everywhere + 1 WHERE id IN ({})", ids.join(", "));
    let (status, answer) = fixture.ask(&sql, None).await.expect("an answer in time");
    bystanders.get_answers(10).await;
    bystanders.finish().await;
    drop(goes_on);
    Some((fixture, status, answer))
}

/// How many of the three rows the write has reached, once nothing is in doubt.
async fn rows_reached(fixture: &Fixture) -> u64 {
    wait_until("nothing is in doubt", || async {
        let counts = join_all(fixture.servers.iter().map(prepared)).await;
        counts.iter().sum::<usize>() == 0
    })
    .await;
    let mut reached = 0;
    for server in &fixture.servers {
        reached += number(&mut server.connect().await, "SELECT COUNT(*) FROM users WHERE everywhere = 1").await;
    }
    reached
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_known_although_a_shard_stands_still_behind_its_decision() {
    let Some((fixture, status, answer)) = write_while_stopping(Point::Decided, 1).await else { return };
    assert_eq!(status, 200, "{answer}");
    assert_eq!(rows_reached(&fixture).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_deciding_shard_stands_still_is_in_doubt_until_that_answers() {
    let Some((fixture, status, answer)) = write_while_stopping(Point::Prepared, 0).await else { return };
    assert_eq!((status, &answer["error"]["code"]), (504, &json!("outcome_unknown")), "{answer}");
    let reached = rows_reached(&fixture).await;
    assert!(reached == 0 || reached == 3, "{reached} of 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_starts_while_a_shard_stands_still() {
    let Some(fixture) = Fixture::start(3, Way::Stopped).await else { return };
    for shard in [0, 1] {
        let stalled = fixture.stall(shard).await;
        let begun = endpoints(&fixture.servers, &[]);
        let front = Front::begin(begun, layout(), limits(), Faults::default()).await;
        wait_until("it serves the others", || async { front.router.is_ready().is_ok_and(|away| away.len() == 1) })
            .await;
        for id in fixture.ids.iter().enumerate().filter(|(other, _)| *other != shard).map(|(_, ids)| ids[0]) {
            let sql = format!("SELECT v FROM users WHERE id = {id}");
            let (status, answer) = ask(&front.client, &front.url, &sql, None).await.expect("an answer in time");
            assert_eq!(status, 200, "{answer}");
        }
        drop(stalled);
        wait_until("it serves all", || async { front.router.is_ready().is_ok_and(|away| away.is_empty()) }).await;
        let (status, answer) = ask(&front.client, &front.url, "SELECT COUNT(*) FROM plain", None).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_move_between_others_while_a_shard_stands_still() {
    let Some(fixture) = Fixture::start(3, Way::Stopped).await else { return };
    let cluster = cluster_of(&fixture.front.router);
    let [source, target] = [1, 2].map(|number| ShardId::new(format!("shard-{number}")).unwrap());
    let slots: SlotSet = slots::plan_half(&cluster.topology().owned(&source));
    let stalled = fixture.stall(2).await;
    let bystanders = fixture.bystanders(Some(2));
    let transfer = Transfer { source, target: target.clone(), slots };
    let moved = moves::execute(&cluster, &layout(), &[transfer], &quick_moves(), &silent()).await;
    bystanders.get_answers(20).await;
    bystanders.finish().await;
    moved.expect("a move between shards that answer");
    assert!(cluster.topology().owned(&target).len() > 6_000, "the slots have a new owner");
    drop(stalled);
    fixture.recovers().await;
}
