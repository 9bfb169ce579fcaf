//! How one client of a crowd speaks to the routers, and what it believes of their answers.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Shared;
use super::account::{Change, Doubt, Key, Rows, Table};
use crate::kit::servers::wait_until;

/// How long a client waits for an answer before it turns to another router. A statement takes milliseconds; a router
/// that does not answer may be stopped, or wait for a shard.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How long a router that did not answer is left alone, if there is another one.
const AVOIDED: Duration = Duration::from_secs(3);

/// Errors that say that nothing was done, and that a fault, a move or another client can cause.
const EXPECTED: [&str; 4] = ["conflict", "shard_unavailable", "timeout", "overloaded"];

/// What an operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Done,
    NotDone,
    /// Nobody knows, and its keys are left alone.
    Doubtful,
}

/// A statement of a transaction, and what a router must say to it.
pub(super) enum Step {
    Write { sql: String, affected: u64 },
    Read { sql: String, rows: Rows },
}

/// What came back for one request.
pub(super) enum Reply {
    Answered(u16, Value),
    /// There was no connection to the router: it knows nothing of the request.
    NotSent,
    /// The connection broke before the answer.
    Broken,
    /// It may come later.
    Pending(JoinHandle<Reply>),
}

/// What an answer says of an operation.
enum Judgement {
    Happened,
    NothingDone(String),
    Unknown,
    /// It should not be.
    Wrong,
}

pub(super) struct Client {
    pub shared: Arc<Shared>,
    pub rng: StdRng,
    http: reqwest::Client,
    name: String,
    /// Rises when a session may still be in use by a request without an answer.
    generation: u32,
    avoided_until: Vec<Instant>,
}

impl Client {
    pub fn new(shared: &Arc<Shared>, name: String, rng: StdRng) -> Client {
        let http = reqwest::Client::builder().connect_timeout(PATIENCE).build().unwrap();
        let avoided_until = vec![Instant::now(); shared.urls.len()];
        Client { shared: shared.clone(), rng, http, name, generation: 0, avoided_until }
    }

    /// One statement by itself, and what it changes if it happens.
    pub async fn write(&mut self, sql: &str, affected: u64, changes: &[Change]) -> Ending {
        let started = Instant::now();
        let reply = loop {
            let router = self.pick();
            match self.send(router, None, sql).await {
                Reply::NotSent if self.shared.is_stopping() => return Ending::NotDone,
                Reply::NotSent => tokio::time::sleep(Duration::from_millis(20)).await,
                reply => break reply,
            }
        };
        self.conclude(sql, affected, changes, started, reply).await
    }

    /// Statements in a session's transaction, on one router.
    pub async fn transact(&mut self, steps: &[Step], changes: &[Change]) -> Ending {
        let started = Instant::now();
        let router = self.pick();
        let session = format!("{}-{}", self.name, self.generation);
        let begin = Step::Write { sql: "BEGIN".to_owned(), affected: 0 };
        // Before COMMIT is sent nothing can have happened.
        for step in std::iter::once(&begin).chain(steps) {
            let sql = step.sql();
            let ending = match self.send(router, Some(&session), sql).await {
                Reply::Answered(status, answer) => match step.judge(status, &answer) {
                    Judgement::Happened => continue,
                    Judgement::NothingDone(code) => self.refused(&code),
                    Judgement::Unknown => self.refused("outcome_unknown"),
                    Judgement::Wrong => {
                        self.shared.violation(format!("in a transaction {sql} was answered {answer}"));
                        Ending::NotDone
                    }
                },
                Reply::NotSent | Reply::Broken => self.refused("broken"),
                Reply::Pending(reply) => {
                    self.roll_back_later(router, session.clone(), reply);
                    self.generation += 1;
                    return self.refused("unanswered");
                }
            };
            if !matches!(self.send(router, Some(&session), "ROLLBACK").await, Reply::Answered(200, _)) {
                self.generation += 1;
            }
            return ending;
        }
        match self.send(router, Some(&session), "COMMIT").await {
            Reply::NotSent => {
                self.generation += 1;
                self.refused("broken")
            }
            reply => {
                self.generation += u32::from(!matches!(reply, Reply::Answered(..)));
                self.conclude("COMMIT", 0, changes, started, reply).await
            }
        }
    }

    /// The rows of a query; `None`, counted, if there is no answer.
    pub async fn read(&mut self, sql: &str) -> Option<Vec<Value>> {
        let router = self.pick();
        let failure = match self.send(router, None, sql).await {
            Reply::Answered(200, mut answer) => {
                self.shared.tally().reads += 1;
                match answer["data"].take() {
                    Value::Array(rows) => return Some(rows),
                    other => panic!("{sql}: {other}"),
                }
            }
            Reply::Answered(_, answer) => match code_of(&answer) {
                code if EXPECTED.contains(&&*code) => reason_of(&answer),
                _ => {
                    self.shared.violation(format!("{sql} was answered {answer}"));
                    return None;
                }
            },
            Reply::NotSent | Reply::Broken => "broken".to_owned(),
            Reply::Pending(reply) => {
                reply.abort();
                "unanswered".to_owned()
            }
        };
        *self.shared.tally().failed_reads.entry(failure).or_default() += 1;
        None
    }

    /// The rows with one key as a router shows them.
    pub async fn rows(&mut self, key: Key) -> Option<Rows> {
        self.read(&key.select()).await.map(|rows| rows_of(&rows))
    }

    /// Reads rows that only this client writes: they are as its last acknowledged write left them.
    pub async fn read_own(&mut self, key: Key) {
        let expected = self.shared.account.rows(key);
        match self.rows(key).await {
            Some(found) if found != expected => {
                self.shared.violation(format!("{}: instead of {expected:?} a client read {found:?}", key.select()));
            }
            Some(_) | None => {}
        }
    }

    /// Waits until every router knows a table: those that did not make it hear of it within a second.
    pub async fn wait_for(&self, table: Table) {
        for url in &self.shared.urls {
            // A SELECT may be answered without, while one shard has every row.
            let sql = format!("DELETE FROM {} WHERE {} = 0", table.name(), table.sharding_key());
            wait_until("the router knows the table", || async {
                matches!(post(&self.http, url, None, &sql).await, Reply::Answered(200, _))
            })
            .await;
        }
    }

    /// Enters into the account what the answer to a statement says.
    async fn conclude(
        &mut self,
        sql: &str,
        affected: u64,
        changes: &[Change],
        started: Instant,
        reply: Reply,
    ) -> Ending {
        let late = match reply {
            Reply::Answered(status, answer) => match judge(status, &answer, affected) {
                Judgement::Happened => {
                    self.shared.account.enter(changes);
                    self.shared.acknowledged(started.elapsed());
                    return Ending::Done;
                }
                Judgement::NothingDone(code) => return self.refused(&code),
                Judgement::Unknown => None,
                Judgement::Wrong => {
                    self.shared.violation(format!("{sql} affects {affected} rows and was answered {answer}"));
                    None
                }
            },
            Reply::NotSent | Reply::Broken => None,
            Reply::Pending(reply) => Some(reply),
        };
        let doubt = self.shared.account.doubt(changes);
        if let Some(reply) = late {
            self.settle_later(sql.to_owned(), affected, doubt, reply);
        }
        self.look_after(sql, doubt, changes).await
    }

    /// Looks what became of an operation. Rows as after it say that it happened, and its client goes on with them; rows
    /// as before it may yet change, so they are left alone.
    pub async fn look_after(&mut self, sql: &str, doubt: Doubt, changes: &[Change]) -> Ending {
        self.shared.tally().unknown += 1;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !self.shared.is_stopping() {
            let mut found = Vec::new();
            for change in changes {
                found.push(self.rows(change.key).await);
            }
            if let Some(found) = found.into_iter().collect::<Option<Vec<Rows>>>() {
                let each = || changes.iter().zip(&found);
                if !each().all(|(change, rows)| *rows == change.before || *rows == change.after) {
                    self.shared.violation(format!("after {sql} in doubt: {changes:?}, but {found:?}"));
                    return Ending::Doubtful;
                }
                if each().all(|(change, rows)| *rows == change.before) {
                    return Ending::Doubtful;
                }
                // One after another may be read while all of them change.
                if each().all(|(change, rows)| *rows == change.after) {
                    self.shared.account.settle(doubt, true);
                    return Ending::Done;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ending::Doubtful
    }

    /// What is answered late is held against the account as well: it may be the work of a router that was stopped.
    fn settle_later(&self, sql: String, affected: u64, doubt: Doubt, reply: JoinHandle<Reply>) {
        let shared = self.shared.clone();
        self.shared.late(async move {
            let Ok(Reply::Answered(status, answer)) = reply.await else { return };
            shared.tally().late_answers += 1;
            match judge(status, &answer, affected) {
                Judgement::Happened => _ = shared.account.settle(doubt, true),
                Judgement::NothingDone(_) if shared.account.settle(doubt, false) => {}
                Judgement::NothingDone(_) => {
                    shared.violation(format!("{sql} was seen to have happened and was answered {answer} late"));
                }
                Judgement::Unknown => {}
                Judgement::Wrong => {
                    shared.violation(format!("{sql} affects {affected} rows and was answered {answer} late"));
                }
            }
        });
    }

    /// Once a statement of an abandoned transaction is answered, nobody waits for its locks any more.
    fn roll_back_later(&self, router: usize, session: String, reply: JoinHandle<Reply>) {
        let (http, url) = (self.http.clone(), self.shared.urls[router].clone());
        self.shared.late(async move {
            if let Ok(Reply::Answered(..)) = reply.await {
                post(&http, &url, Some(&session), "ROLLBACK").await;
            }
        });
    }

    fn refused(&self, code: &str) -> Ending {
        *self.shared.tally().refused.entry(code.to_owned()).or_default() += 1;
        Ending::NotDone
    }

    /// One of the routers that are not avoided, if there are any.
    fn pick(&mut self) -> usize {
        let now = Instant::now();
        let all: Vec<usize> = (0..self.shared.urls.len()).collect();
        let answering: Vec<usize> = all.iter().copied().filter(|&router| self.avoided_until[router] <= now).collect();
        let routers = if answering.is_empty() { all } else { answering };
        *routers.choose(&mut self.rng).unwrap()
    }

    async fn send(&mut self, router: usize, session: Option<&str>, sql: &str) -> Reply {
        let (http, url) = (self.http.clone(), self.shared.urls[router].clone());
        let (session, sql) = (session.map(str::to_owned), sql.to_owned());
        // In a task of its own, it can be answered after the client's patience is over.
        let mut request = tokio::spawn(async move { post(&http, &url, session.as_deref(), &sql).await });
        let reply = match timeout(PATIENCE, &mut request).await {
            Ok(reply) => reply.unwrap(),
            Err(_) => Reply::Pending(request),
        };
        if !matches!(reply, Reply::Answered(..)) {
            self.avoided_until[router] = Instant::now() + AVOIDED;
            self.shared.tally().failovers += 1;
        }
        reply
    }
}

impl Step {
    pub fn write(sql: String, affected: u64) -> Step {
        Step::Write { sql, affected }
    }

    fn sql(&self) -> &str {
        match self {
            Step::Write { sql, .. } | Step::Read { sql, .. } => sql,
        }
    }

    fn judge(&self, status: u16, answer: &Value) -> Judgement {
        match self {
            Step::Write { affected, .. } => judge(status, answer, *affected),
            Step::Read { rows, .. } if status == 200 => match answer["data"].as_array() {
                Some(found) if rows_of(found) == *rows => Judgement::Happened,
                Some(_) | None => Judgement::Wrong,
            },
            Step::Read { .. } => judge(status, answer, 0),
        }
    }
}

async fn post(http: &reqwest::Client, url: &str, session: Option<&str>, sql: &str) -> Reply {
    let mut request = http.post(format!("{url}/query")).json(&json!({ "query": sql }));
    if let Some(session) = session {
        request = request.header("X-Session-Id", session);
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            answer.json().await.map_or(Reply::Broken, |body| Reply::Answered(status, body))
        }
        Err(error) if error.is_connect() => Reply::NotSent,
        Err(_) => Reply::Broken,
    }
}

fn judge(status: u16, answer: &Value, affected: u64) -> Judgement {
    match (status, &*code_of(answer)) {
        (200, _) if answer["rows_affected"].as_u64() == Some(affected) => Judgement::Happened,
        (200, _) => Judgement::Wrong,
        (_, "outcome_unknown") => Judgement::Unknown,
        (_, code) if EXPECTED.contains(&code) => Judgement::NothingDone(reason_of(answer)),
        _ => Judgement::Wrong,
    }
}

fn code_of(answer: &Value) -> String {
    answer["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// An error's code, with the server's number or the beginning of the message.
fn reason_of(answer: &Value) -> String {
    let error = &answer["error"];
    let detail = match error["mysql"]["errno"].as_u64() {
        Some(number) => number.to_string(),
        None => error["message"].as_str().unwrap_or_default().split([':', '(']).take(2).collect(),
    };
    format!("{}: {detail}", code_of(answer))
}

fn rows_of(rows: &[Value]) -> Rows {
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    rows.iter().map(|row| (number(row, "part"), number(row, "worth"))).collect()
}
