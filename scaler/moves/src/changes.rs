//! Catching up: logged keys are read again on the source and rewritten on the target.
//!
//! The order of steps is what makes it right: read a batch of changes, re-read
//! their rows, commit them on the target, delete exactly those changes. A change that arrives in between has
//! its own number and is found next time, whatever its number is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::own;
use keyspace::topology::SlotMove;
use tokio::time::Instant;

use crate::connection::{Connection, into_text, is_duplicate, is_locked, is_transient};
use crate::error::MoveError;
use crate::faults::Point;
use crate::reach::groups_by_bytes;
use crate::replace::{conflict, read_rows, write_rows};
use crate::table::{Key, MovedTable};
use crate::triggers::prepared_branches;

const BATCH: usize = 500;

/// Rows that were written on the target since they were compared, by table.
pub(crate) type Touched = BTreeMap<usize, BTreeSet<Key>>;

/// The changes of one move that are to be replayed.
pub(crate) struct Changes {
    /// By table: no change up to this number is left, or can still appear.
    floors: Vec<u64>,
    /// What the floors are once everything up to there is replayed.
    next_floors: Option<Vec<u64>>,
    floors_at: Instant,
    /// How many changes wait, as of the last look.
    pub backlog: u64,
    /// `None` while nothing is compared yet.
    pub touched: Option<Touched>,
    faults: Faults<Point>,
}

/// Changes of one table: its place among the tables, their numbers, their keys.
type Batch = BTreeMap<usize, (Vec<String>, BTreeSet<Key>)>;

/// How a batch of changes is read.
enum ReadMode<'a> {
    /// So many committed changes with numbers up to these; those of open transactions are found later.
    UpTo { newest: &'a [u64], limit: usize },
    /// All changes, inside the cutover: fails at once if a transaction holds one, prepared XA branches too.
    Locked { deadline: Instant },
}

impl Changes {
    pub fn new(tables: usize, faults: Faults<Point>) -> Changes {
        let floors = vec![0; tables];
        Changes { floors, next_floors: None, floors_at: Instant::now(), backlog: 0, touched: None, faults }
    }

    /// Replays all changes of these tables that were committed before the call. Returns how many there were.
    ///
    /// It does not wait for a moment without changes, which a busy table may never have.
    pub async fn catch_up(
        &mut self,
        source: &mut Connection,
        target: &mut Connection,
        tables: &[MovedTable],
    ) -> Result<u64, MoveError> {
        /// A key that another row still has on the target is free once that row's own change is replayed.
        const RETRIES: u32 = 50;
        let is_whole = tables.len() == self.floors.len();
        let next_floors = self.next_floors.take_if(|_| is_whole);
        let mut newest = self.newest(source, tables).await?;
        let (mut replayed, mut failures) = (0, 0);
        while newest.iter().zip(&self.floors).any(|(newest, floor)| newest > floor) {
            let reading = ReadMode::UpTo { newest: &newest, limit: BATCH << failures.min(4) };
            match self.replay_batch(source, target, tables, &reading).await {
                Ok(0) => break,
                Ok(count) => {
                    replayed += count;
                    self.backlog = self.backlog.saturating_sub(count);
                    failures = 0;
                }
                Err((error, _)) if (is_duplicate(&error) || is_transient(&error)) && failures < RETRIES => {
                    failures += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    // The change that frees the value may be newer than the call, or far behind in the queue.
                    newest = self.newest(source, tables).await?;
                }
                Err((error, table)) => return Err(conflict(error, table, target)),
            }
        }
        self.floors = next_floors.unwrap_or(std::mem::take(&mut self.floors));
        Ok(replayed)
    }

    /// Replays, inside the cutover's transaction, what is left. Nobody adds to it any more. Returns how much it was.
    pub async fn drain(
        &mut self,
        source: &mut Connection,
        target: &mut Connection,
        tables: &[MovedTable],
        deadline: Instant,
    ) -> Result<u64, MoveError> {
        let mut replayed = 0;
        loop {
            if Instant::now() > deadline {
                return Err(MoveError::OverBudget);
            }
            match self
                .replay_batch(source, target, tables, &ReadMode::Locked { deadline })
                .await
                .map_err(|(error, _)| error)?
            {
                0 => return Ok(replayed),
                count => replayed += count,
            }
        }
    }

    /// Remembers, now and then, up to which number no change can still appear. `tables` are all of the move's.
    ///
    /// Deleted changes that the server cannot purge yet, because of some old snapshot, are scanned by every read that
    /// begins below them: 300,000 of them would spend a cutover's whole budget. Whoever
    /// writes moving rows holds the fence, so while it is locked no change is uncommitted but those of prepared XA
    /// branches.
    pub async fn raise_floors(
        &mut self,
        source: &mut Connection,
        tables: &[MovedTable],
        slot_move: &SlotMove,
    ) -> Result<(), MoveError> {
        const INTERVAL: Duration = Duration::from_secs(2);
        if self.next_floors.is_some() || self.floors_at.elapsed() < INTERVAL {
            return Ok(());
        }
        self.floors_at = Instant::now();
        let fence = format!("BEGIN; {} NOWAIT", own::fence::take(slot_move.fence));
        source.hold_locks().await?;
        let looked = async {
            source.fetch(&fence).await?;
            let newest = self.newest(source, tables).await?;
            Ok::<_, MoveError>((newest, prepared_branches(source).await?.is_empty()))
        };
        let looked = looked.await;
        source.run("ROLLBACK").await?;
        source.holds_no_locks().await?;
        match looked {
            Ok((newest, true)) => {
                let raised = self.floors.iter().zip(newest).map(|(floor, newest)| newest.max(*floor));
                self.next_floors = Some(raised.collect());
            }
            Ok((_, false)) => {}
            Err(error) if is_locked(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The highest number of each table's changes; 0 if it has none.
    async fn newest(&mut self, source: &mut Connection, tables: &[MovedTable]) -> Result<Vec<u64>, MoveError> {
        let look = |(place, table): (usize, &MovedTable)| {
            let (changes, floor) = (table.change_table(), self.floors[place]);
            format!("SELECT {place},MIN(seq),MAX(seq) FROM {changes} WHERE seq>{floor}")
        };
        let looks: Vec<String> = tables.iter().enumerate().map(look).collect();
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        let mut newest = vec![0; tables.len()];
        self.backlog = 0;
        for row in source.fetch(&looks.join(" UNION ALL ")).await? {
            let mut numbers = row.into_iter().map(|cell| cell.and_then(|cell| into_text(cell).parse::<u64>().ok()));
            let (place, first, last) = (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten());
            if let (Some(place), Some(first), Some(last)) = (place, first, last) {
                newest[usize::try_from(place).unwrap_or_default()] = last;
                self.backlog += last - first + 1;
            }
        }
        Ok(newest)
    }

    /// Replays up to one batch of each table. Inside a transaction of the source it becomes part of that; on the
    /// target it is always committed on its own.
    async fn replay_batch<'t>(
        &mut self,
        source: &mut Connection,
        target: &mut Connection,
        tables: &'t [MovedTable],
        reading: &ReadMode<'_>,
    ) -> Result<u64, (MoveError, &'t MovedTable)> {
        let Some(first) = tables.first() else { return Ok(0) };
        let batch = self.read_batch(source, tables, reading).await.map_err(|error| (error, first))?;
        let mut replayed = 0;
        for (place, (numbers, keys)) in batch {
            let table = &tables[place];
            let at = |error| (error, table);
            for keys in groups_by_bytes(source, table, keys).await.map_err(at)? {
                // A few large rows may take longer than all the time that is left.
                if matches!(reading, ReadMode::Locked { deadline } if Instant::now() > *deadline) {
                    return Err(at(MoveError::OverBudget));
                }
                let rows = read_rows(source, table, &keys).await.map_err(at)?;
                write_rows(target, table, &keys, &rows, None).await.map_err(at)?;
                self.faults.reach(Point::ChangesReplayed).await;
                if let Some(touched) = &mut self.touched {
                    touched.entry(place).or_default().extend(keys);
                }
            }
            // Any shorter form may scan the table and then waits for every writer's uncommitted change.
            let delete = format!(
                "DELETE x FROM JSON_TABLE('[{}]','$[*]' COLUMNS(s BIGINT UNSIGNED PATH '$')) j \
                 STRAIGHT_JOIN {} x FORCE INDEX(PRIMARY) ON x.seq=j.s",
                numbers.join(","),
                table.change_table()
            );
            source.run(&delete).await.map_err(at)?;
            replayed += numbers.len() as u64;
        }
        Ok(replayed)
    }

    async fn read_batch(
        &self,
        source: &mut Connection,
        tables: &[MovedTable],
        reading: &ReadMode<'_>,
    ) -> Result<Batch, MoveError> {
        let read = |(place, table): (usize, &MovedTable)| {
            let (keys, changes, floor) = (table.change_key_select(), table.change_table(), self.floors[place]);
            let (bound, limit, lock) = match reading {
                ReadMode::UpTo { newest, .. } if newest[place] <= floor => return None,
                ReadMode::UpTo { newest, limit } => (format!(" AND seq<={}", newest[place]), *limit, ""),
                ReadMode::Locked { .. } => (String::new(), BATCH, " FOR UPDATE NOWAIT"),
            };
            Some(format!(
                "SELECT {place},seq,{keys} FROM {changes} WHERE seq>{floor}{bound} ORDER BY seq LIMIT {limit}{lock}"
            ))
        };
        let reads: Vec<String> = tables.iter().enumerate().filter_map(read).collect();
        if reads.is_empty() {
            return Ok(Batch::new());
        }
        let mut batch = Batch::new();
        for change in source.fetch(&reads.join(";")).await? {
            let text = |cell: usize| change.get(cell).cloned().flatten().map(into_text).unwrap_or_default();
            let place: usize = text(0).parse().unwrap_or_default();
            let (numbers, keys) = batch.entry(place).or_default();
            numbers.push(text(1));
            keys.insert(tables[place].key_literals(&change[2..]));
        }
        Ok(batch)
    }
}
