//! The pause that a writer sees at a cutover.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyspace::slots::plan_half;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::http::Http;
use crate::measure::{millis, quantile};
use crate::pair::{Pair, all_slots, settings};
use crate::servers::Servers;
use crate::{Outcome, say};

const CUTOVERS: usize = 50;
const WRITERS: u32 = 8;
const WRITES_PER_SECOND: u32 = 500;
const ROWS: u64 = 2_000;

/// Moves half of the slots there and back under writers, and takes the slowest write of each move.
pub async fn cutovers(servers: &Servers) -> Outcome<()> {
    let pair = Pair::start(servers.start().await?, servers.start().await?).await?;
    let mut http = Http::connect(&pair.address).await?;
    http.query("CREATE TABLE users (user_id BIGINT PRIMARY KEY, balance DECIMAL(12,2))").await?;
    let rows: Vec<String> = (0..ROWS).map(|id| format!("({id}, 0)")).collect();
    http.query(&format!("INSERT INTO users VALUES {}", rows.join(","))).await?;

    let half = plan_half(&all_slots());
    let (mut slowest, mut switches, mut failed, mut writes) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..CUTOVERS {
        let shards = if round % 2 == 0 { (0, 1) } else { (1, 0) };
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |number| tokio::spawn(write(pair.address.clone(), number, stop.clone()));
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        let moved = pair.move_slots(shards, half.clone(), &settings(), watch::Sender::default()).await?;
        stop.store(true, Ordering::Relaxed);
        let mut slowest_write = Duration::ZERO;
        for writer in writers {
            let written = writer.await??;
            slowest_write = slowest_write.max(written.slowest);
            writes += written.count;
            failed += written.failed;
        }
        slowest.push(slowest_write);
        switches.push(moved.report.cutover);
    }
    say(&format!(
        "{CUTOVERS} cutovers under {WRITES_PER_SECOND} writes/s, {writes} writes: slowest write p50 {:.1} ms, \
         p95 {:.1} ms (goal 25, below 50), max {:.1} ms; fence to commit p95 {:.1} ms; \
         failed writes {failed} (none allowed)",
        millis(quantile(&mut slowest, 0.5)),
        millis(quantile(&mut slowest, 0.95)),
        millis(quantile(&mut slowest, 1.0)),
        millis(quantile(&mut switches, 0.95)),
    ));
    Ok(())
}

struct Written {
    slowest: Duration,
    count: u64,
    failed: u64,
}

/// Writes at a pace of its own until told to stop, as clients do that know nothing of each other: a write that is held
/// up delays the next ones, and their time counts from when they were due.
async fn write(address: String, number: u32, stop: Arc<AtomicBool>) -> Outcome<Written> {
    let mut http = Http::connect(&address).await?;
    let interval = Duration::from_secs(1) * WRITERS / WRITES_PER_SECOND;
    let first = tokio::time::Instant::now() + interval * number / WRITERS;
    let mut due = tokio::time::interval_at(first, interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut written = Written { slowest: Duration::ZERO, count: 0, failed: 0 };
    while !stop.load(Ordering::Relaxed) {
        let since = due.tick().await;
        let id = (written.count * 37 + u64::from(number) * 251) % ROWS;
        let status = http.query(&format!("UPDATE users SET balance = balance + 1 WHERE user_id = {id}")).await?;
        written.slowest = written.slowest.max(since.elapsed());
        written.count += 1;
        written.failed += u64::from(status != 200);
    }
    Ok(written)
}
