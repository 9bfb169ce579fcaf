//! One chunk of rows on its way into the target, while it is still being read.

use keyspace::faults::Faults;
use keyspace::schema::quote;
use tokio::sync::{Mutex, mpsc};

use crate::connection::Connection;
use crate::error::MoveError;
use crate::faults::Point;
use crate::replace::run_inserts;
use crate::rows::Cells;
use crate::table::{Insert, MovedTable};

/// What writes to the target. The second connection lets an idle server work on two statements at a time.
pub(crate) struct Writers<'a> {
    pub main: &'a mut Connection,
    second: Option<&'a mut Connection>,
    is_second_at_work: bool,
}

type ReadyInserts = Mutex<mpsc::Receiver<Vec<Insert>>>;

impl<'a> Writers<'a> {
    pub fn new(main: &'a mut Connection, second: Option<&'a mut Connection>) -> Writers<'a> {
        Writers { main, second, is_second_at_work: false }
    }

    /// Begins transactions and inserts the rows of a chunk while more of them come and while their statements are made:
    /// both servers and the mover then work at the same time. All of them are in `rows` in the end, whether or not they
    /// could be inserted.
    pub async fn insert(
        &mut self,
        table: &MovedTable,
        mut arriving: mpsc::UnboundedReceiver<Cells>,
        rows: &mut Vec<Cells>,
    ) -> Result<(), MoveError> {
        /// A statement costs as much as a few rows, and the first one keeps the target waiting.
        const PART_BYTES: usize = 128 << 10;
        let (statements, ready) = mpsc::channel(1);
        let ready = Mutex::new(ready);
        let making = async move {
            loop {
                let (first, mut bytes) = (rows.len(), 0);
                while bytes < PART_BYTES
                    && let Some(row) = arriving.recv().await
                {
                    bytes += row.iter().flatten().map(Vec::len).sum::<usize>();
                    rows.push(row);
                }
                if rows.len() == first {
                    return;
                }
                if !statements.is_closed() {
                    // Closed when one before has failed.
                    let _ = statements.send(table.insert_statements(&quote(&table.name), &rows[first..])).await;
                }
            }
        };
        let main = async {
            let begun = self.main.begin().await;
            run_ready(self.main, begun, &ready).await
        };
        let second = async {
            let Some(second) = &mut self.second else { return Ok(()) };
            let Some(first) = next(&ready).await else { return Ok(()) };
            self.is_second_at_work = true;
            let begun = match second.begin_beside().await {
                Ok(()) => run_inserts(second, &first).await,
                Err(error) => Err(error),
            };
            run_ready(second, begun, &ready).await
        };
        let ((), main, second) = tokio::join!(making, main, second);
        main.and(second)
    }

    /// Ends the transactions in which the rows were inserted, or could not be. `note` goes with the last one.
    ///
    /// Whatever fails, none of them is open afterwards. Some of the rows may be there all the same.
    pub async fn commit(
        &mut self,
        inserted: Result<(), MoveError>,
        note: &str,
        faults: &Faults<Point>,
    ) -> Result<(), MoveError> {
        let committed = async {
            inserted?;
            self.main.run(note).await?;
            faults.reach(Point::ChunkWritten).await;
            self.end_second("COMMIT").await?;
            self.main.run("COMMIT").await.map(drop)
        };
        let committed = committed.await;
        if committed.is_err() {
            self.roll_back().await?;
        }
        committed
    }

    /// An error is that of the second connection: what it wrote could still come. A main one that cannot roll back is
    /// gone, and its next statement says so.
    pub async fn roll_back(&mut self) -> Result<(), MoveError> {
        let _ = self.main.run("ROLLBACK").await;
        self.end_second("ROLLBACK").await
    }

    async fn end_second(&mut self, end: &str) -> Result<(), MoveError> {
        match &mut self.second {
            Some(second) if self.is_second_at_work => {
                second.end_beside(end).await?;
                self.is_second_at_work = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Runs statements as they get ready, until there are no more or one fails; then nobody needs others.
async fn run_ready(
    target: &mut Connection,
    begun: Result<(), MoveError>,
    ready: &ReadyInserts,
) -> Result<(), MoveError> {
    let run = async {
        begun?;
        while let Some(inserts) = next(ready).await {
            run_inserts(target, &inserts).await?;
        }
        Ok(())
    };
    let outcome = run.await;
    if outcome.is_err() {
        ready.lock().await.close();
    }
    outcome
}

async fn next(ready: &ReadyInserts) -> Option<Vec<Insert>> {
    ready.lock().await.recv().await
}
