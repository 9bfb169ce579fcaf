//! What a throttled move leaves to the application.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyspace::own::journal::MoveState;
use tokio::sync::watch;

use crate::http::Http;
use crate::measure::median;
use crate::pair::{Pair, lower_half, settings, wait_for};
use crate::servers::{COPYING, Servers};
use crate::{Outcome, say};

const ROUNDS: usize = 4;
const ROWS: u64 = 300_000;
const CLIENTS: u64 = 8;
/// One of so many statements is a write: about the share of sysbench's `oltp_read_write`, and one that hurts.
const MIXES: [u64; 2] = [5, 2];
/// What is looked at of each copy, which takes longer when it is throttled.
const WINDOW: Duration = Duration::from_secs(4);

/// Clients of the router that read and update single rows as fast as they are answered: beside the copy of a move with
/// the settings that every move has, and without one.
pub async fn throughput(servers: &Servers) -> Outcome<()> {
    let pair = Pair::start(servers.start_with(COPYING).await?, servers.start_with(COPYING).await?).await?;
    pair.fill(ROWS).await?;
    for statements_per_write in MIXES {
        beside_moves(&pair, statements_per_write).await?;
    }
    Ok(())
}

async fn beside_moves(pair: &Pair, statements_per_write: u64) -> Outcome<()> {
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // There and back, so that both shards are the source of some copies.
        let shards = if round % 2 == 0 { (0, 1) } else { (1, 0) };
        let clients = Clients::start(&pair.address, statements_per_write);
        let alone = clients.answers_per_second(tokio::time::sleep(WINDOW)).await;
        clients.stop().await?;

        let (sender, mut progress) = watch::channel(None);
        let settings = settings();
        let moving = pair.move_slots(shards, lower_half(), &settings, sender);
        let measuring = async {
            // Nobody needs the shards during the waits.
            wait_for(&mut progress, MoveState::Copying).await?;
            let clients = Clients::start(&pair.address, statements_per_write);
            let copied = progress.borrow().as_ref().map_or(0, |now| now.rows_copied);
            let started = Instant::now();
            let over = async {
                // An error means that the move has ended, which is reported below.
                let verifying = wait_for(&mut progress, MoveState::Verifying);
                let _ = tokio::time::timeout(WINDOW, verifying).await;
            };
            let beside = clients.answers_per_second(over).await;
            let took = started.elapsed();
            let copied = progress.borrow().as_ref().map_or(0, |now| now.rows_copied) - copied;
            clients.stop().await?;
            Outcome::Ok((beside, copied as f64 / took.as_secs_f64()))
        };
        let (moved, measured) = tokio::join!(moving, measuring);
        moved?;
        let (beside, rate) = measured?;
        say(&format!(
            "{CLIENTS} clients through the router: {alone:.0} answers/s, beside a copy of {rate:.0} rows/s {beside:.0}"
        ));
        ratios.push(beside / alone);
        rates.push(rate);
    }
    say(&format!(
        "one write in {statements_per_write} statements: throughput beside a throttled copy ÷ without, median of \
         {ROUNDS}: {:.2} (at least 0.8); the copy: {:.0} rows/s",
        median(&mut ratios),
        median(&mut rates)
    ));
    Ok(())
}

/// Clients that ask again as soon as they are answered.
struct Clients {
    answers: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Outcome<()>>>,
}

impl Clients {
    fn start(address: &str, statements_per_write: u64) -> Clients {
        let (answers, stop): (Arc<AtomicU64>, Arc<AtomicBool>) = Default::default();
        let client =
            |number| tokio::spawn(ask(address.to_owned(), number, statements_per_write, answers.clone(), stop.clone()));
        let tasks = (0..CLIENTS).map(client).collect();
        Clients { answers, stop, tasks }
    }

    async fn answers_per_second(&self, until: impl Future<Output = ()>) -> f64 {
        let (before, started) = (self.answers.load(Ordering::Relaxed), Instant::now());
        until.await;
        (self.answers.load(Ordering::Relaxed) - before) as f64 / started.elapsed().as_secs_f64()
    }

    async fn stop(self) -> Outcome<()> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

/// Reads and updates of single rows.
async fn ask(
    address: String,
    client: u64,
    statements_per_write: u64,
    answers: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Outcome<()> {
    let mut http = Http::connect(&address).await?;
    let mut number = client * 31_337;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let id = number * 7_919 % ROWS + 1;
        let sql = match number % statements_per_write {
            0 => format!("UPDATE users SET balance = balance + 1 WHERE user_id = {id}"),
            _ => format!("SELECT email, balance FROM users WHERE user_id = {id}"),
        };
        match http.query(&sql).await? {
            200 => answers.fetch_add(1, Ordering::Relaxed),
            status => return Err(format!("status {status}: {}", String::from_utf8_lossy(&http.body)).into()),
        };
    }
    Ok(())
}
