//! Moves beside a crowd of clients, through routers that are processes of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::mysql::er;
use keyspace::own;
use keyspace::own::journal::MoveState;
use keyspace::slots;
use keyspace::topology::{MovePhase, Shard, Topology, Transfer};
use moves::cluster::Cluster;
use moves::faults::Point;
use moves::{MoveSettings, ProgressSink, execute};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::bench::{Bench, ORDERS, half, id, silent, slot_of};
use crate::kit::crowd::{Crowd, Pace, Tally, assert_no_leftovers, layout};
use crate::kit::front::Front;
use crate::kit::moving::{cluster_of, quick_moves};
use crate::kit::processes::Process;
use crate::kit::proxy::{Direction, Mode, Proxy};
use crate::kit::servers::{DATABASE, Flavor, Server, number, rows, run, wait_until};

/// Routers look for themselves, so the announcement is waited for as long as in production.
fn settings() -> MoveSettings {
    MoveSettings { cleanup_delay: Duration::from_secs(1), chunk_rows: 200, ..MoveSettings::default() }
}

/// Shard-1 with all slots and shard-2 without any.
async fn two_shards(flavor: Flavor) -> Option<Bench> {
    Some(Bench::of(Server::start_all(flavor, 2).await?, 1).await)
}

async fn start_crowd(bench: &Bench, routers: &[&Process], seed: u64) -> Crowd {
    let urls = routers.iter().map(|router| router.url.clone()).collect();
    let direct = (0..).zip(&bench.servers).map(|(index, server)| (id(index), server.endpoint(DATABASE))).collect();
    Crowd::start(urls, direct, seed, Pace::default()).await
}

async fn there_and_back(flavor: Flavor) {
    let Some(bench) = two_shards(flavor).await else { return };
    let routers =
        [Process::start(&bench.servers, &layout(), &[]).await, Process::start(&bench.servers, &layout(), &[]).await];
    let mut crowd = start_crowd(&bench, &[&routers[0], &routers[1]], 1).await;
    for (source, target) in [(0, 1), (1, 0)] {
        let slots = match source {
            0 => half(&bench.cluster, 0, 1).slots,
            _ => bench.cluster.topology().owned(&id(source)),
        };
        let transfer = Transfer { source: id(source), target: id(target), slots };
        let reports = execute(&bench.cluster, &layout(), &[transfer], &settings(), &silent()).await.unwrap();
        println!("{reports:?}");
        crowd.pause().await;
        let rows = crowd.account().verify(&bench.servers, &bench.cluster.topology()).await;
        println!("{rows} rows are right; {}", crowd.tally());
        assert_no_leftovers(&bench.servers, &bench.cluster.topology()).await;
        crowd.resume();
    }
    let account = crowd.account();
    let tally = crowd.stop().await;
    println!("{tally}");
    tally.assert_no_violations();
    assert!(tally.writes > 1_000 && tally.reads > 500);
    account.verify(&bench.servers, &bench.cluster.topology()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_notices_nothing_of_moves_there_and_back() {
    there_and_back(Flavor::MariaDb).await;
}

/// What a stopped router sleeps through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Rows are on both shards, and the source refuses to write those that moved.
    Switched,
    /// The source has forgotten the rows and the move.
    CleanedUp,
}

/// Rows of a table of their own, each worth 1 in the beginning and 2 when their owner has changed.
const PROBES: i64 = 120;

/// What a router is asked that has slept meanwhile.
#[derive(Clone, Debug)]
enum Probe {
    Read(i64),
    /// Over all shards, merged or gathered.
    Sum(&'static str, Vec<i64>),
    /// Of a table with so many rows.
    Count(&'static str, i64),
    Raise(i64),
    Delete(i64),
    Insert(i64),
}

impl Probe {
    fn sql(&self) -> String {
        match self {
            Probe::Read(id) => format!("SELECT v FROM probes WHERE id = {id}"),
            Probe::Sum(from, ids) => {
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                format!("SELECT SUM(a.v) AS v FROM {from} WHERE a.id + 0 IN ({})", ids.join(", "))
            }
            Probe::Count(table, _) => format!("SELECT COUNT(*) AS n FROM {table}"),
            Probe::Raise(id) => format!("UPDATE probes SET v = v + 10 WHERE id = {id}"),
            Probe::Delete(id) => format!("DELETE FROM probes WHERE id = {id}"),
            Probe::Insert(id) => format!("INSERT INTO probes VALUES ({id}, 100)"),
        }
    }

    fn is_right(&self, answer: &Value) -> bool {
        match self {
            Probe::Read(_) => answer["data"] == json!([{ "v": 2 }]),
            Probe::Sum(_, ids) => answer["data"][0]["v"].as_u64() == Some(2 * ids.len() as u64),
            Probe::Count(_, rows) => answer["data"] == json!([{ "n": rows }]),
            Probe::Raise(_) | Probe::Delete(_) | Probe::Insert(_) => answer["rows_affected"] == json!(1),
        }
    }

    /// What it makes of the probes.
    fn enter(&self, account: &mut BTreeMap<i64, i64>) {
        match self {
            Probe::Read(_) | Probe::Sum(..) | Probe::Count(..) => {}
            Probe::Raise(id) => *account.get_mut(id).unwrap() += 10,
            Probe::Delete(id) => _ = account.remove(id),
            Probe::Insert(id) => _ = account.insert(*id, 100),
        }
    }
}

/// A request that lies in the socket of a router, whether it runs or not.
struct Sent {
    probe: Probe,
    stream: TcpStream,
}

impl Sent {
    async fn to(router: &Process, probe: Probe) -> Sent {
        let address = router.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let body = json!({ "query": probe.sql() }).to_string();
        let head = format!(
            "POST /query HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        Sent { probe, stream }
    }

    async fn answer(mut self) -> (Probe, u16, Value) {
        let mut text = String::new();
        tokio::time::timeout(Duration::from_secs(20), self.stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (self.probe, status, serde_json::from_str(body).unwrap())
    }
}

/// One of two routers is stopped before the announcement of a move. What it was asked meanwhile it answers when it goes
/// on, on what it knew of the topology; and so it does with what the crowd has asked it.
async fn a_router_sleeps(until: Until) {
    let Some(bench) = two_shards(Flavor::MariaDb).await else { return };
    let mut layout = layout();
    layout.shard_keys.insert("probes".to_owned(), "id".to_owned());
    let awake = Process::start(&bench.servers, &layout, &[]).await;
    let sleeper = Process::start(&bench.servers, &layout, &[]).await;
    let http = reqwest::Client::new();
    let ask = async |router: &Process, sql: String| {
        let answer = http.post(format!("{}/query", router.url)).json(&json!({ "query": sql })).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{sql}: {}", answer.text().await.unwrap());
    };
    ask(&awake, "CREATE TABLE probes (id BIGINT PRIMARY KEY, v BIGINT NOT NULL)".to_owned()).await;
    let values: Vec<String> = (1..=PROBES).map(|id| format!("({id}, 1)")).collect();
    ask(&awake, format!("INSERT INTO probes VALUES {}", values.join(", "))).await;
    // It knows the table, and has a connection.
    ask(&sleeper, Probe::Read(1).sql()).await;
    let mut crowd = start_crowd(&bench, &[&awake, &sleeper], 2).await;
    wait_until("the crowd is at work", || async { crowd.tally().writes > 200 }).await;
    // A transaction that it left open would hold the cutover off for as long as it sleeps.
    crowd.pause().await;
    sleeper.pause().await;
    crowd.resume();

    let transfer = half(&bench.cluster, 0, 1);
    let is_moving = |id: &i64| transfer.slots.contains(slot_of(*id));
    let (moved, stayed): (Vec<i64>, Vec<i64>) = (1..=PROBES).partition(is_moving);
    let cleanup_delay = match until {
        Until::Switched => Duration::from_secs(6),
        Until::CleanedUp => Duration::from_millis(500),
    };
    let moving = tokio::spawn({
        let (cluster, layout, transfers) = (bench.cluster.clone(), layout.clone(), [transfer.clone()]);
        let settings = MoveSettings { cleanup_delay, ..settings() };
        async move { execute(&cluster, &layout, &transfers, &settings, &silent()).await.unwrap() }
    });
    match until {
        Until::Switched => wait_until("the owner has changed", || async { is_switched(&bench.cluster) }).await,
        Until::CleanedUp => wait_until("the move is over", || async { moving.is_finished() }).await,
    }
    let mut account = BTreeMap::new();
    for id in 1..=PROBES {
        ask(&awake, format!("UPDATE probes SET v = 2 WHERE id = {id}")).await;
        account.insert(id, 2);
    }
    let read: Vec<i64> = moved[..10].iter().chain(&stayed[..10]).copied().collect();
    let mut probes: Vec<Probe> = read.iter().copied().map(Probe::Read).collect();
    probes.push(Probe::Sum("probes a", read.clone()));
    probes.push(Probe::Sum("probes a JOIN probes b ON a.id = b.id + 0", read));
    probes.extend(moved[10..20].iter().copied().map(Probe::Raise));
    probes.extend(moved[20..30].iter().copied().map(Probe::Delete));
    probes.extend((PROBES + 1..).filter(is_moving).take(10).map(Probe::Insert));
    let mut sent = Vec::new();
    for probe in probes {
        sent.push(Sent::to(&sleeper, probe).await);
    }
    sleeper.resume();
    let (mut wrong, mut served) = (Vec::new(), 0);
    for request in sent {
        match request.answer().await {
            (probe, 200, answer) if probe.is_right(&answer) => {
                probe.enter(&mut account);
                served += 1;
            }
            // It may say that it does not know enough yet.
            (_, 503, _) => {}
            (probe, _, answer) => wrong.push(format!("{}: {answer}", probe.sql())),
        }
    }
    moving.await.unwrap();
    crowd.pause().await;
    let books = crowd.account();
    let tally = crowd.stop().await;
    println!("{until:?}: {served} requests served by the router that slept; {tally}");
    let mut found = BTreeMap::new();
    let topology = bench.cluster.topology();
    for (index, server) in bench.servers.iter().enumerate() {
        for row in rows(&mut server.connect().await, "SELECT id, v FROM probes").await {
            let [id_, v] = [0, 1].map(|column| row[column].parse::<i64>().unwrap());
            let is_new = found.insert(id_, v).is_none();
            if !is_new || topology.owner(slot_of(id_)).id != id(index) {
                wrong.push(format!("probe {id_} is on {}, or twice", id(index)));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{until:?}");
    assert_eq!(found, account, "{until:?}");
    tally.assert_no_violations();
    assert!(served > 0 && tally.late_answers > 0);
    books.verify(&bench.servers, &topology).await;
    assert_no_leftovers(&bench.servers, &topology).await;
}

fn is_switched(cluster: &Cluster) -> bool {
    cluster.topology().moves().iter().any(|slot_move| slot_move.phase == MovePhase::Switched)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_slept_through_a_cutover_serves_nothing_stale() {
    a_router_sleeps(Until::Switched).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_slept_through_a_whole_move_serves_nothing_stale() {
    a_router_sleeps(Until::CleanedUp).await;
}

/// Servers behind proxies. Routers go through them, by the topology that the shards carry; the other topology leads past
/// them.
async fn behind_proxies(servers: &[Server]) -> (Vec<Proxy>, Topology) {
    let (mut proxies, mut proxied, mut direct) = (Vec::new(), Vec::new(), Vec::new());
    for (index, server) in servers.iter().enumerate() {
        let proxy = Proxy::start(server.address()).await;
        proxied.push(Shard { id: id(index), endpoint: server.endpoint_through(&proxy, DATABASE) });
        direct.push(Shard { id: id(index), endpoint: server.endpoint(DATABASE) });
        proxies.push(proxy);
    }
    let [proxied, direct] = [proxied, direct].map(|shards| {
        let first = Topology::first(shards[..1].to_vec(), slots::plan_even_spread(1)).unwrap();
        shards[1..].iter().fold(first, |topology, shard| topology.with_shard(shard.clone()))
    });
    for server in servers {
        own::topology::catch_up(&mut server.connect().await, &proxied).await.unwrap();
    }
    (proxies, direct)
}

/// Statements leave a router in time and reach the source when the rows have moved away and were cleaned up there.
///
/// The source has closed the connections on which nothing came for so long: a read is refused or right, and a write is
/// not done there, whatever its client is told.
#[tokio::test(flavor = "multi_thread")]
async fn statements_that_were_held_up_on_their_way_do_not_reach_the_old_owner() {
    const READS: usize = 12;
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let (proxies, direct) = behind_proxies(&servers).await;
    let cluster = Cluster::new(direct, Arc::new(|| {}));
    let router = Process::start(&servers, &layout(), &[]).await;
    let mut source = servers[0].connect().await;
    run(&mut source, ORDERS).await;
    let transfer = half(&cluster, 0, 1);
    let moved: Vec<i64> = (1..).filter(|order| transfer.slots.contains(slot_of(*order))).take(READS).collect();
    let values: Vec<String> = moved.iter().map(|order| format!("({order}, 1)")).collect();
    run(&mut source, &format!("INSERT INTO orders (id, value) VALUES {}", values.join(", "))).await;
    let http = reqwest::Client::new();
    let read = |sql: String| {
        let request = http.post(format!("{}/query", router.url)).json(&json!({ "query": sql }));
        tokio::spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() })
    };
    // So that the router knows the table, which it has not made itself.
    read(format!("UPDATE orders SET value=1 WHERE id={}", moved[0])).await.unwrap();
    // A connection for each. Reads of the same words at the same time may be one.
    let sleep = |order: &i64, column: &str| read(format!("SELECT SLEEP(2), {column} FROM orders WHERE id={order}"));
    let slow: Vec<_> = moved.iter().flat_map(|order| [sleep(order, "id"), sleep(order, "value")]).collect();
    for slow in slow {
        slow.await.unwrap();
    }
    proxies.iter().for_each(|proxy| proxy.set(Mode::Stall(Direction::ToServer)));
    let reads: Vec<_> = moved.iter().map(|order| read(format!("SELECT value FROM orders WHERE id={order}"))).collect();
    let write = |order: &i64| read(format!("UPDATE orders SET note='late', value=value+1 WHERE id={order}"));
    let writes: Vec<_> = moved.iter().map(write).collect();
    // Beside them, the router looks for a newer topology.
    wait_until("the statements are on their way", || async { proxies[0].held() > 2 * READS }).await;
    let settings = MoveSettings { cleanup_delay: Duration::from_secs(6), ..settings() };
    execute(&cluster, &layout(), &[transfer], &settings, &silent()).await.unwrap();
    let mut target = servers[1].connect().await;
    run(&mut target, "UPDATE orders SET value=2").await;
    proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
    for (order, read) in moved.iter().zip(reads) {
        let answer = read.await.unwrap();
        let value = &answer["data"][0]["value"];
        let is_right = *value == json!(2) || *value == json!(3);
        assert!(is_right || answer["error"]["code"] == "shard_unavailable", "order {order}: {answer}");
    }
    let mut done = 0;
    for (order, write) in moved.iter().zip(writes) {
        let answer = write.await.unwrap();
        let told = answer["error"]["code"].as_str().unwrap_or("done").to_owned();
        let note = rows(&mut target, &format!("SELECT value, note FROM orders WHERE id={order}")).await;
        match told.as_str() {
            "done" => {
                assert_eq!(note, [["3", "late"]], "order {order}");
                done += 1;
            }
            "outcome_unknown" | "shard_unavailable" | "timeout" => assert_eq!(note[0][0], "2", "order {order}: {told}"),
            _ => panic!("order {order}: {answer}"),
        }
    }
    println!("{done} of {READS} late writes were done, on the new owner");
    // The test's own connection was idle for as long.
    let left = number(&mut servers[0].connect().await, "SELECT COUNT(*) FROM orders").await;
    assert_eq!(left, 0, "written on the old owner");
}

/// A router may serve for 5 s on what it saw last: until then nothing may be copied to a shard that it asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_has_not_heard_of_a_move_yet_counts_no_row_twice() {
    const ORDERS_THERE: i64 = 1_000;
    let Some(servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let bench = Bench::of(servers, 2).await;
    bench.on_owners(ORDERS).await;
    bench.fill_orders(ORDERS_THERE).await;
    let router = Process::start(&bench.servers, &layout(), &[]).await;
    router.pause().await;
    let (sender, mut states) = tokio::sync::mpsc::unbounded_channel();
    // The test stops listening before the move is over.
    let sink: ProgressSink = Arc::new(move |progress| _ = sender.send(progress.state));
    let (cluster, transfer) = (bench.cluster.clone(), half(&bench.cluster, 0, 1));
    let moving = tokio::spawn(async move { execute(&cluster, &layout(), &[transfer], &settings(), &sink).await });
    while states.recv().await.unwrap() != MoveState::Verifying {}
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(Sent::to(&router, Probe::Count("orders", ORDERS_THERE)).await);
    }
    router.resume();
    for request in sent {
        let (probe, status, answer) = request.answer().await;
        assert!(status == 503 || probe.is_right(&answer), "{ORDERS_THERE} rows, and {answer}");
    }
    moving.await.unwrap().unwrap();
}

/// Two rows may not have one value, also if one of them moved a moment ago and its old shard still has what it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_has_not_heard_of_a_switch_yet_knows_what_is_taken_behind_it() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    let layout =
        keyspace::schema::Layout { shard_keys: [("members".to_owned(), "id".to_owned())].into(), ..Default::default() };
    let front = Front::start(&servers, layout.clone(), router::Limits::default()).await;
    let ask = async |front: &str, client: &reqwest::Client, sql: &str| -> Value {
        let answer = client.post(format!("{front}/query")).json(&json!({ "query": sql })).send().await.unwrap();
        answer.json().await.unwrap()
    };
    ask(&front.url, &front.client, "CREATE TABLE members (id BIGINT PRIMARY KEY, email VARCHAR(20) UNIQUE)").await;
    let cluster = cluster_of(&front.router);
    let transfer = half(&cluster, 0, 2);
    let moving = (1..).find(|member| transfer.slots.contains(slot_of(*member))).unwrap();
    let staying = (1..).find(|member| cluster.topology().owner(slot_of(*member)).id == id(1)).unwrap();
    let rows = format!("INSERT INTO members VALUES ({moving}, 'one'), ({staying}, 'other')");
    let inserted = ask(&front.url, &front.client, &rows).await;
    assert_eq!(inserted["rows_affected"], 2, "{inserted}");

    let answers = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let (target, url, client, given) =
        (servers[2].endpoint(DATABASE), front.url.clone(), front.client.clone(), answers.clone());
    let faults = Faults::hook(move |point| {
        let (target, url, client, given) = (target.clone(), url.clone(), client.clone(), given.clone());
        Box::pin(async move {
            // Nobody but the source knows that the row has another owner, which another router has written to already.
            if point == Point::SwitchCommitted {
                let mut target = keyspace::mysql::connect(&target).await.unwrap();
                run(&mut target, &format!("UPDATE members SET email='taken' WHERE id={moving}")).await;
                let write = format!("UPDATE members SET email='taken' WHERE id={staying}");
                given.lock().await.push(ask(&url, &client, &write).await);
            }
        })
    });
    let settings = MoveSettings { faults, ..quick_moves() };
    execute(&cluster, &layout, &[transfer], &settings, &silent()).await.unwrap();
    let answers = answers.lock().await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["error"]["mysql"]["errno"], er::DUP_ENTRY, "{answers:?}");
}

/// The crowd's own rules hold while routers, servers and the network fail and nothing moves.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_accounts_for_what_fails() {
    let Some(mut servers) = Server::start_all(Flavor::MariaDb, 2).await else { return };
    let (proxies, _) = behind_proxies(&servers).await;
    let mut routers = Vec::new();
    for _ in 0..2 {
        routers.push(Process::start(&servers, &layout(), &[]).await);
    }
    let urls = routers.iter().map(|router| router.url.clone()).collect();
    let direct = vec![(id(0), servers[0].endpoint_through(&proxies[0], DATABASE))];
    let mut crowd = Crowd::start(urls, direct, 3, Pace::default()).await;
    for fault in ["router", "server", "to the server", "to the client", "reset"] {
        let before = crowd.tally().writes;
        wait_until("the crowd is at work", || async { crowd.tally().writes > before + 100 }).await;
        match fault {
            "router" => {
                routers[0].kill();
                routers[0].restart().await;
            }
            "server" => {
                servers[0].kill();
                servers[0].restart().await;
            }
            mode => {
                proxies[0].set(match mode {
                    "to the server" => Mode::Stall(Direction::ToServer),
                    "to the client" => Mode::Stall(Direction::ToClient),
                    _ => Mode::Reset,
                });
                let failed = |tally: &Tally| tally.unknown + tally.failed_reads.values().sum::<u64>();
                let before = failed(&crowd.tally());
                wait_until("the crowd notices", || async { failed(&crowd.tally()) > before + 5 }).await;
                proxies[0].set(Mode::Pass);
            }
        }
        let before = crowd.tally().writes;
        wait_until("the crowd is at work again", || async { crowd.tally().writes > before + 100 }).await;
        crowd.pause().await;
        println!("{fault}: {}", crowd.tally());
        let carried = own::topology::read(&mut servers[0].connect().await).await.unwrap().unwrap();
        assert_no_leftovers(&servers, &carried).await;
        crowd.account().verify(&servers, &carried).await;
        crowd.resume();
    }
    let tally = crowd.stop().await;
    tally.assert_no_violations();
    assert!(tally.unknown > 0 && tally.failovers > 0 && tally.unanswered == 0, "{tally}");
}
