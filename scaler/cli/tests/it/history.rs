//! The promised isolation, held against histories of concurrent transactions.
//!
//! Clients append elements of their own to lists that lie on different shards, in transactions, and readers read all
//! lists at once. As in Elle (Kingsbury and Alvaro, VLDB 2020) a list tells the order of its writers, so that every read
//! can be judged: nothing of a transaction that was rolled back is seen, nothing unfinished, none by half, and two
//! transactions never pass each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keyspace::schema::Layout;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use router::Limits;
use serde_json::{Value, json};

use crate::kit::front::Front;
use crate::kit::servers::{Flavor, Server};

const LISTS: u64 = 12;
const WRITERS: u64 = 5;
const READERS: u64 = 2;

/// A transaction of a writer: what it appended, in order, as (list, element).
#[derive(Clone, Debug)]
struct Wrote {
    appended: Vec<(u64, u64)>,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Committed,
    RolledBack,
    Unknown,
}

/// What one read saw of each list.
type Seen = BTreeMap<u64, Vec<u64>>;

struct Client<'a> {
    front: &'a Front,
    session: Option<String>,
}

impl Client<'_> {
    async fn post(&self, sql: &str) -> (u16, Value) {
        let mut request = self.front.client.post(format!("{}/query", self.front.url)).json(&json!({ "query": sql }));
        if let Some(session) = &self.session {
            request = request.header("X-Session-Id", session);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn read(&self, condition: &str) -> Option<Seen> {
        let (status, answer) = self.post(&format!("SELECT id, v FROM lists {condition}")).await;
        (status == 200).then(|| answer["data"].as_array().unwrap().iter().map(list_of).collect())
    }

    /// One transaction; `None` if it never got as far as to write.
    async fn transact(
        &self,
        elements: &AtomicU64,
        in_circles: f64,
        rng: &mut StdRng,
    ) -> (Wrote, Vec<(Seen, Vec<(u64, u64)>)>) {
        let mut wrote = Wrote { appended: Vec::new(), ending: Ending::RolledBack };
        let mut seen = Vec::new();
        if self.post("BEGIN").await.0 != 200 {
            return (wrote, seen);
        }
        let mut lists: Vec<u64> = (1..=LISTS).collect::<Vec<u64>>().choose_multiple(rng, 3).copied().collect();
        // Else they wait for each other in a circle, until the end of waiting.
        if !rng.random_bool(in_circles) {
            lists.sort_unstable();
        }
        for list in lists {
            for _ in 0..rng.random_range(1..3) {
                let element = elements.fetch_add(1, Ordering::Relaxed);
                wrote.appended.push((list, element));
                let sql = format!("UPDATE lists SET v = CONCAT(v, '{element},') WHERE id = {list}");
                if self.post(&sql).await.0 != 200 {
                    self.post("ROLLBACK").await;
                    return (wrote, seen);
                }
            }
            if rng.random_bool(0.3)
                && let Some(read) = self.read(&format!("WHERE id = {list}")).await
            {
                seen.push((read, wrote.appended.clone()));
            }
        }
        if rng.random_bool(0.15) {
            self.post("ROLLBACK").await;
            return (wrote, seen);
        }
        wrote.ending = match self.post("COMMIT").await {
            (200, _) => Ending::Committed,
            (_, answer) if answer["error"]["code"] == "outcome_unknown" => Ending::Unknown,
            _ => Ending::RolledBack,
        };
        (wrote, seen)
    }
}

fn list_of(row: &Value) -> (u64, Vec<u64>) {
    let elements = row["v"].as_str().unwrap().split(',').filter(|text| !text.is_empty());
    (row["id"].as_u64().unwrap(), elements.map(|text| text.parse().unwrap()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_are_read_atomic() {
    let Some(servers) = Server::start_all(Flavor::MariaDb, 3).await else { return };
    let layout = Layout { shard_keys: [("lists".to_owned(), "id".to_owned())].into(), ..Layout::default() };
    let front = Front::start(&servers, layout, Limits::default()).await;
    let admin = Client { front: &front, session: None };
    assert_eq!(admin.post("CREATE TABLE lists (id BIGINT PRIMARY KEY, v MEDIUMTEXT NOT NULL)").await.0, 200);
    let rows: Vec<String> = (1..=LISTS).map(|id| format!("({id}, '')")).collect();
    assert_eq!(admin.post(&format!("INSERT INTO lists VALUES {}", rows.join(", "))).await.0, 200);

    let seconds = std::env::var("HISTORY_SECONDS").map_or(5, |text| text.parse().unwrap());
    let in_circles = if seconds > 20 { 0.01 } else { 0.0 };
    let (stop, elements) = (AtomicBool::new(false), AtomicU64::new(1));
    let writers = (0..WRITERS).map(|number| {
        let (front, stop, elements) = (&front, &stop, &elements);
        async move {
            let client = Client { front, session: Some(format!("writer-{number}")) };
            let mut rng = StdRng::seed_from_u64(number);
            let (mut wrote, mut seen) = (Vec::new(), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let (transaction, reads) = client.transact(elements, in_circles, &mut rng).await;
                wrote.push(transaction);
                seen.extend(reads);
            }
            (wrote, seen)
        }
    });
    let readers = (0..READERS).map(|_| {
        let (front, stop) = (&front, &stop);
        async move {
            let client = Client { front, session: None };
            let mut seen = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                seen.extend(client.read("").await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            seen
        }
    });
    let clock = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (written, read, ()) =
        tokio::join!(futures_util::future::join_all(writers), futures_util::future::join_all(readers), clock);
    let last = admin.read("").await.unwrap();
    let (mut transactions, mut own_reads) = (Vec::new(), Vec::new());
    for (wrote, seen) in written {
        transactions.extend(wrote);
        own_reads.extend(seen);
    }
    let mut reads: Vec<Seen> = read.into_iter().flatten().collect();
    let count = |ending: Ending| transactions.iter().filter(|wrote| wrote.ending == ending).count();
    println!(
        "{} transactions committed, {} rolled back, {} unknown; {} reads of all lists, {} inside transactions",
        count(Ending::Committed),
        count(Ending::RolledBack),
        count(Ending::Unknown),
        reads.len(),
        own_reads.len()
    );
    assert!(count(Ending::Committed) > 20 && reads.len() > 20);
    reads.push(last.clone());
    judge(&transactions, &reads, &last);
    for (seen, own) in &own_reads {
        for (list, elements) in seen {
            let own: Vec<u64> = own.iter().filter(|(other, _)| other == list).map(|(_, element)| *element).collect();
            assert!(elements.ends_with(&own), "a transaction does not see its own writes: {elements:?}, {own:?}");
        }
    }
}

fn judge(transactions: &[Wrote], reads: &[Seen], last: &Seen) {
    for seen in reads {
        for (list, elements) in seen {
            assert!(last[list].starts_with(elements), "list {list} was read as {elements:?} and is {:?}", last[list]);
        }
    }
    // How much of each transaction each read saw: all or nothing.
    for seen in reads {
        let visible: BTreeSet<u64> = seen.values().flatten().copied().collect();
        for wrote in transactions.iter().filter(|wrote| !wrote.appended.is_empty()) {
            let found = wrote.appended.iter().filter(|(_, element)| visible.contains(element)).count();
            match wrote.ending {
                Ending::RolledBack => assert_eq!(found, 0, "{wrote:?} was rolled back and seen"),
                Ending::Committed | Ending::Unknown => {
                    assert!(found == 0 || found == wrote.appended.len(), "{wrote:?} was seen by half: {seen:?}");
                }
            }
        }
    }
    let place: BTreeMap<u64, usize> = last.values().flat_map(|elements| elements.iter().copied().zip(0..)).collect();
    for elements in last.values() {
        let distinct: BTreeSet<&u64> = elements.iter().collect();
        assert_eq!(distinct.len(), elements.len(), "an element was appended twice");
    }
    for wrote in transactions.iter().filter(|wrote| wrote.ending == Ending::Committed) {
        assert!(wrote.appended.iter().all(|(_, element)| place.contains_key(element)), "{wrote:?} is lost");
    }
    // Of two transactions that wrote to the same lists one comes first in all of them.
    let committed: Vec<&Wrote> = transactions
        .iter()
        .filter(|wrote| wrote.appended.iter().any(|(_, element)| place.contains_key(element)))
        .collect();
    for (index, one) in committed.iter().enumerate() {
        for two in &committed[index + 1..] {
            let mut orders = BTreeSet::new();
            for (list, element) in &one.appended {
                let others = two.appended.iter().filter(|(other, _)| other == list);
                orders.extend(others.map(|(_, other)| place[element] < place[other]));
            }
            assert!(orders.len() < 2, "{one:?} and {two:?} passed each other");
        }
    }
}
