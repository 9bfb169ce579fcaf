//! Keeps a move from taking what the application needs: chunks of a bounded time, and rests between them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use keyspace::endpoint::Endpoint;
use keyspace::mysql;
use keyspace::topology::ShardId;
use sqlx::mysql::MySqlConnection;
use sqlx::{Executor, Row};
use tokio::time::Instant;

use crate::cluster::Cluster;

/// Chunks shrink when rows are wide, so that one chunk stays a short transaction and fits into memory.
pub(crate) const CHUNK_BYTES: usize = 4 << 20;

/// How much of the servers a move may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttle {
    /// What one chunk is to take, read and written: long transactions hold up others, short ones cost more.
    pub chunk_time: Duration,
    /// The part of the time that a move works while the application does, above 0 and up to 1. Alone it does not rest.
    pub busy_share: f64,
    /// With as many statements running on one of the two servers the move waits.
    pub max_threads_running: u32,
    /// Replicas of the servers, which the move waits for when they are behind.
    pub replicas: Vec<Endpoint>,
    pub max_replica_lag: Duration,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            chunk_time: Duration::from_millis(100),
            busy_share: 0.25,
            // gh-ost's example of `Threads_running`, beyond which servers of any size are in trouble.
            max_threads_running: 25,
            replicas: Vec::new(),
            max_replica_lag: Duration::from_secs(10),
        }
    }
}

/// Why a move rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rest {
    /// The application is at work.
    Busy,
    /// A server has more to do than it should.
    Overloaded,
    /// A replica is behind.
    ReplicaLag,
}

impl Rest {
    pub const ALL: [Rest; 3] = [Rest::Busy, Rest::Overloaded, Rest::ReplicaLag];

    pub fn as_str(self) -> &'static str {
        match self {
            Rest::Busy => "busy",
            Rest::Overloaded => "overloaded",
            Rest::ReplicaLag => "replica_lag",
        }
    }
}

/// The number of rows in a chunk, which follows the time that chunks take.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSize {
    rows: u32,
    most: u32,
    time: Duration,
}

impl ChunkSize {
    /// Begins with `rows` and never goes above twenty times as many.
    pub fn new(rows: u32, time: Duration) -> ChunkSize {
        ChunkSize { rows, most: rows.saturating_mul(20).min(20_000), time }
    }

    pub fn rows(&self) -> u32 {
        self.rows
    }

    pub fn halve(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// Takes the size that would have taken the wanted time, at most twice or half the last one.
    pub fn adapt(&mut self, rows: usize, bytes: usize, took: Duration) {
        // The last chunk of a table says nothing about larger ones.
        if (rows as u64) < u64::from(self.rows) / 2 && took < self.time && bytes < CHUNK_BYTES {
            return;
        }
        let factor = (self.time.as_secs_f64() / took.as_secs_f64().max(1e-6)).clamp(0.5, 2.0);
        let factor = if bytes > CHUNK_BYTES { factor.min(0.5) } else { factor };
        // Twice the bytes would be too many.
        let factor = if bytes > CHUNK_BYTES / 2 { factor.min(1.0) } else { factor };
        self.rows = ((f64::from(self.rows) * factor) as u32).clamp(1, self.most);
    }
}

/// The rests of one move.
pub(crate) struct Pace {
    throttle: Throttle,
    cluster: Cluster,
    probes: Vec<Probe>,
    replicas: Vec<(Endpoint, Option<MySqlConnection>)>,
    stood_still: Option<Instant>,
    /// What was rested and is not reported yet.
    pub rested: BTreeMap<Rest, Duration>,
}

/// A look at how much a server has to do.
struct Probe {
    shard: ShardId,
    connection: Option<MySqlConnection>,
    running: u32,
    /// How many statements the server has run since it started.
    statements: Option<u64>,
    looked: Option<Instant>,
    /// Sessions that send the binary log to replicas: they always run, and are no work.
    feeding: u32,
    counted: Option<Instant>,
    busy_until: Option<Instant>,
}

/// Looks are cheap, but not free.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Replicas seldom come and go.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// A move must end some time: after so long it works on, a chunk at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// Statements of others that run on a server where the application is at work.
const BUSY_THREADS: u32 = 2;
/// Short statements are rarely there at the moment of a look, but so many of them in a second are an application too.
const BUSY_STATEMENTS_PER_SECOND: f64 = 150.0;
/// Statements are counted while the move stands still, which it seldom does on an idle server.
const STANDSTILL: Duration = Duration::from_millis(10);
const STANDSTILL_INTERVAL: Duration = Duration::from_millis(500);
/// How long a server counts as busy after it was seen so.
const BUSY_MEMORY: Duration = Duration::from_secs(5);

impl Pace {
    pub fn new(cluster: &Cluster, throttle: &Throttle, shards: &[&ShardId]) -> Pace {
        let probe = |shard: &&ShardId| Probe::new((*shard).clone());
        Pace {
            throttle: throttle.clone(),
            cluster: cluster.clone(),
            probes: shards.iter().map(probe).collect(),
            replicas: throttle.replicas.iter().map(|endpoint| (endpoint.clone(), None)).collect(),
            stood_still: None,
            rested: BTreeMap::new(),
        }
    }

    /// The size of batches in which rows are deleted.
    pub fn delete_size(&self) -> ChunkSize {
        const ROWS: u32 = 200;
        ChunkSize::new(ROWS, self.throttle.chunk_time)
    }

    /// Rests after so much work, as long as the application needs it.
    pub async fn rest(&mut self, worked: Duration) {
        let started = Instant::now();
        let mut counted = started;
        while let Some(reason) = self.obstacle().await {
            tokio::time::sleep(LOOK_INTERVAL).await;
            // A replica that does not answer takes longer to look at than the interval.
            *self.rested.entry(reason).or_default() += counted.elapsed();
            counted = Instant::now();
            if started.elapsed() > LONGEST_WAIT {
                return;
            }
        }
        if self.throttle.busy_share >= 1.0 {
            return;
        }
        if self.is_busy() {
            let pause = pause(worked, &self.throttle);
            self.pause_and_count(started, pause).await;
            *self.rested.entry(Rest::Busy).or_default() += pause;
        } else if self.stood_still.is_none_or(|at| at.elapsed() >= STANDSTILL_INTERVAL) {
            self.pause_and_count(started, STANDSTILL).await;
        }
    }

    /// Does nothing for so long, and counts what others do meanwhile. The move has stood still since `began`.
    async fn pause_and_count(&mut self, began: Instant, pause: Duration) {
        let (cluster, probes) = (&self.cluster, &mut self.probes);
        let not_seen = probes.iter_mut().filter(|probe| probe.looked.is_none_or(|at| at < began));
        join_all(not_seen.map(|probe| probe.look(cluster))).await;
        tokio::time::sleep(pause).await;
        join_all(probes.iter_mut().map(|probe| probe.count(cluster))).await;
        self.stood_still = Some(Instant::now());
    }

    /// Whether the application is at work on one of the servers, as of the last looks.
    pub fn is_busy(&self) -> bool {
        let now = Instant::now();
        self.probes.iter().any(|probe| probe.busy_until.is_some_and(|until| now < until))
    }

    /// Why the move must not go on now.
    async fn obstacle(&mut self) -> Option<Rest> {
        for probe in &mut self.probes {
            if probe.looked.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
                probe.look(&self.cluster).await;
            }
        }
        if self.probes.iter().any(|probe| probe.running >= self.throttle.max_threads_running) {
            return Some(Rest::Overloaded);
        }
        for (endpoint, connection) in &mut self.replicas {
            let lag = tokio::time::timeout(LOOK_TIMEOUT, replica_lag(endpoint, connection)).await;
            match lag {
                Ok(Ok(Some(lag))) if lag <= self.throttle.max_replica_lag => {}
                // One that does not replicate, or cannot be asked, is as far behind as can be.
                Ok(Ok(_)) => return Some(Rest::ReplicaLag),
                Ok(Err(_)) | Err(_) => {
                    *connection = None;
                    return Some(Rest::ReplicaLag);
                }
            }
        }
        None
    }
}

/// How long a move rests beside an application after so much work.
///
/// No longer than after a chunk of the intended time: what the application writes during a rest is work for the move,
/// which would grow with each rest that grew with it.
fn pause(worked: Duration, throttle: &Throttle) -> Duration {
    worked.min(throttle.chunk_time).mul_f64(1.0 / throttle.busy_share - 1.0).min(LONGEST_WAIT)
}

impl Probe {
    fn new(shard: ShardId) -> Probe {
        Probe {
            shard,
            connection: None,
            running: 0,
            statements: None,
            looked: None,
            feeding: 0,
            counted: None,
            busy_until: None,
        }
    }

    /// Looks again, and takes what was run since the last look for the application's: the move stood still.
    async fn count(&mut self, cluster: &Cluster) {
        let (before, since) = (self.statements, self.looked);
        self.look(cluster).await;
        if let (Some(before), Some(after), Some(since)) = (before, self.statements, since)
            && is_application(after.saturating_sub(before), since.elapsed())
        {
            self.busy_until = Some(Instant::now() + BUSY_MEMORY);
        }
    }

    /// A server that cannot be asked has nothing to do as far as we know: the move itself will notice.
    async fn look(&mut self, cluster: &Cluster) {
        self.looked = Some(Instant::now());
        let look = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => cluster.connect(&self.shard).await.ok()?,
            };
            const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running','Questions')";
            let rows = connection.fetch_all(sqlx::raw_sql(STATUS)).await.ok()?;
            let value = |name: &str| {
                let row =
                    rows.iter().find(|row| row.try_get_unchecked::<String, _>(0).is_ok_and(|found| found == name))?;
                row.try_get_unchecked::<String, _>(1).ok()?.parse::<u64>().ok()
            };
            let (running, statements) = (value("Threads_running")?, value("Questions"));
            if self.counted.is_none_or(|at| at.elapsed() >= COUNT_INTERVAL) {
                self.feeding = feeding_sessions(&mut connection).await.unwrap_or(0);
                self.counted = Some(Instant::now());
            }
            self.connection = Some(connection);
            Some((u32::try_from(running).ok()?, statements))
        };
        let (running, statements) = tokio::time::timeout(LOOK_TIMEOUT, look).await.ok().flatten().unwrap_or((0, None));
        self.statements = statements;
        // One is this look itself.
        self.running = running.saturating_sub(1 + self.feeding);
        if self.running >= BUSY_THREADS {
            self.busy_until = Some(Instant::now() + BUSY_MEMORY);
        }
    }
}

/// Whether so many statements in so long, the count of them included, are more than what looks at a server in any case.
fn is_application(statements: u64, time: Duration) -> bool {
    statements >= 3 && (statements - 1) as f64 / time.as_secs_f64() >= BUSY_STATEMENTS_PER_SECOND
}

/// How many sessions feed replicas. Without the right PROCESS none of them is seen.
async fn feeding_sessions(connection: &mut MySqlConnection) -> Result<u32, sqlx::Error> {
    let sql = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    let count: String = connection.fetch_one(sqlx::raw_sql(sql)).await?.try_get_unchecked(0)?;
    Ok(count.parse().unwrap_or(0))
}

/// How far a replica is behind; `None` if it does not replicate.
async fn replica_lag(endpoint: &Endpoint, kept: &mut Option<MySqlConnection>) -> Result<Option<Duration>, sqlx::Error> {
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(mysql::connect(endpoint).await?),
    };
    // MariaDB 10.6 and MySQL 8.4 have this form in common.
    let row = connection.fetch_optional(sqlx::raw_sql("SHOW REPLICA STATUS")).await?;
    let Some(row) = row else { return Ok(None) };
    let seconds = ["Seconds_Behind_Source", "Seconds_Behind_Master"]
        .into_iter()
        .find_map(|name| row.try_get_unchecked::<Option<String>, _>(name).ok());
    Ok(seconds.flatten().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[(usize, usize, u64)], expected: u32) {
        let mut size = ChunkSize::new(1_000, Duration::from_millis(100));
        for &(rows, bytes, millis) in steps {
            size.adapt(rows, bytes, Duration::from_millis(millis));
        }
        assert_eq!(size.rows(), expected, "{steps:?}");
    }

    #[test]
    fn chunks_follow_the_time_they_take() {
        check(&[(1_000, 0, 100)], 1_000);
        check(&[(1_000, 0, 10)], 2_000);
        check(&[(1_000, 0, 10), (2_000, 0, 80)], 2_500);
        check(&[(1_000, 0, 5_000)], 500);
        let quick = [1_000, 2_000, 4_000, 8_000, 16_000, 20_000].map(|rows| (rows, 0, 1));
        check(&quick, 20_000);
    }

    #[test]
    fn an_application_is_told_from_what_looks_at_a_server() {
        assert!(!is_application(2, STANDSTILL));
        assert!(is_application(6, STANDSTILL));
        assert!(!is_application(20, Duration::from_millis(300)));
        assert!(is_application(50, Duration::from_millis(300)));
    }

    #[test]
    fn rests_follow_the_work_up_to_one_chunk() {
        let throttle = Throttle::default();
        assert_eq!(pause(Duration::from_millis(40), &throttle), Duration::from_millis(120));
        assert_eq!(pause(Duration::from_secs(3), &throttle), pause(throttle.chunk_time, &throttle));
        let throttle = Throttle { busy_share: 0.001, chunk_time: Duration::from_secs(1), ..throttle };
        assert_eq!(pause(Duration::from_secs(1), &throttle), LONGEST_WAIT);
    }

    #[test]
    fn wide_rows_make_chunks_smaller_whatever_the_time() {
        check(&[(1_000, CHUNK_BYTES + 1, 10)], 500);
        check(&[(1_000, CHUNK_BYTES / 2 + 1, 10)], 1_000);
    }

    #[test]
    fn the_last_rows_of_a_table_say_nothing() {
        check(&[(3, 100, 1)], 1_000);
    }
}
