//! How fast a move copies: the same rows by one move and by `mariadb-dump | mariadb`.

use std::process::Stdio;
use std::time::Instant;

use keyspace::endpoint::Endpoint;
use keyspace::own::journal::MoveState;
use moves::{MoveSettings, Throttle};
use tokio::process::Command;
use tokio::sync::watch;

use crate::measure::median;
use crate::pair::{Pair, lower_half, settings};
use crate::servers::{COPYING, Servers};
use crate::{Outcome, say};

const ROUNDS: usize = 3;
const ROWS: u64 = 300_000;
/// What is true for the rows of [`lower_half`].
const MOVING: &str = "(CRC32(CAST(user_id AS CHAR)) & 16383) < 8192";

/// The rate of a move's copy against that of a dump of the same rows, which somebody would use who can stop the
/// application.
pub async fn copy(servers: &Servers) -> Outcome<()> {
    let (mut ratios, mut whole_ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let source = servers.start_with(COPYING).await?;
        let (target, dump_target) = (servers.start_with(COPYING).await?, servers.start_with(COPYING).await?);
        // The rows were just written, so both read them from memory, and each has a target without any.
        let pair = Pair::start(source.clone(), target).await?;
        pair.fill(ROWS).await?;
        let started = Instant::now();
        dump(&source, &dump_target).await?;
        let dumped = started.elapsed().as_secs_f64();
        let throttle = Throttle { busy_share: 1.0, max_threads_running: u32::MAX, ..Throttle::default() };
        let settings = MoveSettings { throttle, ..settings() };
        let moved = pair.move_slots((0, 1), lower_half(), &settings, watch::Sender::default()).await?;
        servers.stop().await;
        let rows = moved.report.rows_copied as f64;
        let took = |state| moved.took(state).as_secs_f64();
        let (copied, verified) = (took(MoveState::Copying), took(MoveState::Verifying));
        say(&format!(
            "{rows:.0} rows: dump {:.0} rows/s, copy of a move {:.0} rows/s; then verified in {verified:.2} s, \
             caught up and waiting {:.2} s, cleaned up in {:.2} s",
            rows / dumped,
            rows / copied,
            took(MoveState::CatchingUp),
            took(MoveState::CleaningUp)
        ));
        ratios.push(dumped / copied);
        whole_ratios.push(dumped / (copied + verified));
    }
    say(&format!(
        "copy of a move ÷ `mariadb-dump | mariadb`, rows per second, median of {ROUNDS}: {:.2} (at least 1.2); \
         with the verification: {:.2}",
        median(&mut ratios),
        median(&mut whole_ratios)
    ));
    Ok(())
}

/// Copies the moving rows from one server to another with the programs that every administrator has.
async fn dump(source: &Endpoint, target: &Endpoint) -> Outcome<()> {
    let client = |program: &str, endpoint: &Endpoint| {
        let (host, port) = endpoint.tcp_address().ok_or("not a TCP endpoint")?;
        let mut command = Command::new(program);
        command
            .args(["--no-defaults", "--protocol=tcp", &format!("--host={host}"), &format!("--port={port}")])
            .arg(format!("--user={}", endpoint.user()))
            .env("MYSQL_PWD", endpoint.password());
        Outcome::Ok(command)
    };
    let mut dump = client("mariadb-dump", source)?
        .args(["--single-transaction", &format!("--where={MOVING}"), source.database(), "users"])
        .stdout(Stdio::piped())
        .spawn()?;
    let rows: Stdio = dump.stdout.take().ok_or("no pipe")?.try_into()?;
    let restored = client("mariadb", target)?.arg(target.database()).stdin(rows).status().await?;
    match dump.wait().await?.success() && restored.success() {
        true => Ok(()),
        false => Err("the dump failed".into()),
    }
}
