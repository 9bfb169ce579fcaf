//! Memory while a million rows move.

use std::time::Instant;

use keyspace::own::journal::MoveState;
use tokio::sync::watch;

use crate::measure::{peak_megabytes, reset_peak, resident_megabytes};
use crate::pair::{Pair, all_slots, settings};
use crate::servers::{COPYING, Servers};
use crate::{Outcome, say};

const ROWS: u64 = 1_000_000;

/// Moves every row of a million from one shard to another within this process.
pub async fn million(servers: &Servers) -> Outcome<()> {
    let pair = Pair::start(servers.start_with(COPYING).await?, servers.start_with(COPYING).await?).await?;
    pair.fill(ROWS).await?;
    let before = resident_megabytes(std::process::id())?;
    reset_peak()?;
    let started = Instant::now();
    let moved = pair.move_slots((0, 1), all_slots(), &settings(), watch::Sender::default()).await?;
    let took = started.elapsed().as_secs_f64();
    let (peak, after) = (peak_megabytes()?, resident_megabytes(std::process::id())?);
    if moved.report.rows_moved != ROWS {
        return Err(format!("{} rows moved instead of {ROWS}", moved.report.rows_moved).into());
    }
    let seconds = |state| moved.took(state).as_secs_f64();
    say(&format!(
        "{ROWS} rows moved in {took:.0} s (copied {:.0}, verified {:.0}, cleaned up {:.0}): {before:.1} MB before, \
         {peak:.1} MB at most, {after:.1} MB after; growth {:.1} MB (below 50)",
        seconds(MoveState::Copying),
        seconds(MoveState::Verifying),
        seconds(MoveState::CleaningUp),
        peak - before
    ));
    Ok(())
}
