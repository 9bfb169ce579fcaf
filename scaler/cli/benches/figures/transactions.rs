//! What it costs that a write on two shards, and a read, are of one piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::Shard;
use router::Router;
use router::RouterConfig;

use crate::http::{Http, serve};
use crate::measure::{millis, quantile};
use crate::pair::shard_id;
use crate::servers::Servers;
use crate::{Outcome, say};

const ROWS: u64 = 100_000;

pub async fn across_shards(servers: &Servers) -> Outcome<()> {
    let (one, two) = (servers.start().await?, servers.start().await?);
    let shard = |index: usize, endpoint: Endpoint| Outcome::Ok(Shard { id: shard_id(index)?, endpoint });
    let mut layout = Layout::default();
    layout.shard_keys.insert("users".to_owned(), "user_id".to_owned());
    let router = Router::start(RouterConfig {
        account: None,
        seeds: vec![shard(0, one)?, shard(1, two)?],
        layout,
        limits: Default::default(),
        faults: Default::default(),
    });
    let address = serve(&router).await?;
    while router.is_ready().map_or(true, |away| !away.is_empty()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut http = Http::connect(&address).await?;
    let table = "CREATE TABLE users (user_id BIGINT PRIMARY KEY, name VARCHAR(64), country CHAR(2), balance DECIMAL(12,2), \
         KEY (country))";
    http.query(table).await?;
    for first in (0..ROWS).step_by(5_000) {
        let row = |id: u64| format!("({id}, 'name of {id}', 'c{}', 0)", id % 8);
        let rows: Vec<String> = (first..first + 5_000).map(row).collect();
        http.query(&format!("INSERT INTO users VALUES {}", rows.join(","))).await?;
    }
    let mut keys: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    for id in 0..400 {
        http.query(&format!("SELECT user_id FROM users WHERE user_id = {id}")).await?;
        keys[usize::from(String::from_utf8_lossy(&http.body).contains("shard-2"))].push(id);
    }
    let pairs: Vec<(u64, u64)> = keys[0].iter().copied().zip(keys[1].iter().copied()).take(150).collect();
    let (mut apart, mut together) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        for (one, two) in &pairs {
            let started = Instant::now();
            for id in [one, two] {
                http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id = {id}")).await?;
            }
            apart.push(started.elapsed());
        }
        for (one, two) in &pairs {
            let started = Instant::now();
            http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id IN ({one}, {two})")).await?;
            together.push(started.elapsed());
        }
    }
    let (apart, together) = (quantile(&mut apart, 0.5), quantile(&mut together, 0.5));
    say(&format!(
        "write on two shards p50: {:.2} ms atomically, {:.2} ms as two statements, ratio {:.2}",
        millis(together),
        millis(apart),
        millis(together) / millis(apart)
    ));
    // The rows of those transactions are of no use any more, and gone by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for is_written in [false, true] {
        let stop = Arc::new(AtomicBool::new(!is_written));
        let writer = tokio::spawn(transfer(address.clone(), pairs.clone(), stop.clone()));
        let (mut atomic, mut loose) = (Vec::new(), Vec::new());
        for number in 0..400 {
            let (consistency, times) = if number % 2 == 0 { ("atomic", &mut atomic) } else { ("shard", &mut loose) };
            let query = format!("SELECT COUNT(*) FROM users WHERE country = 'c{}'", number / 2 % 8);
            let body = serde_json::json!({ "query": query, "consistency": consistency }).to_string();
            let started = Instant::now();
            http.request("POST /query", &body).await?;
            times.push(started.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        let transfers = writer.await??;
        let (atomic, loose) = (quantile(&mut atomic, 0.5), quantile(&mut loose, 0.5));
        say(&format!(
            "scatter COUNT p50 beside {transfers} writes on two shards: atomic {:.2} ms, by shard {:.2} ms, ratio {:.2} (below 1.15)",
            millis(atomic),
            millis(loose),
            millis(atomic) / millis(loose)
        ));
    }
    Ok(())
}

/// Writes on both shards until told to stop; returns how many.
async fn transfer(address: String, pairs: Vec<(u64, u64)>, stop: Arc<AtomicBool>) -> Outcome<u64> {
    let mut http = Http::connect(&address).await?;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (one, two) = pairs[count as usize % pairs.len()];
        http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id IN ({one}, {two})")).await?;
        count += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(count)
}
