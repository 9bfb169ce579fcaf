//! What would become of a statement, for people: where it goes, what each shard gets, and how the answers become one.

use std::time::Instant;

use keyspace::topology::{Epoch, ShardId};

use crate::error::QueryError;
use crate::plan::{Combine, Gather, Merge, Node, Part, Plan, Refusal, Route, WriteNode};
use crate::request::{Attempt, Request};
use crate::router::Router;
use crate::sql;
use crate::watch::View;

/// What would become of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    Planned {
        route: Route,
        /// Every shard that takes part.
        shards: Vec<ShardId>,
        reason: String,
        statements: Vec<Part>,
        /// What happens to the answers, step by step.
        steps: Vec<String>,
        epoch: Epoch,
    },
    Refused {
        reason: String,
        hint: Option<String>,
        /// `None`: no topology would have it run.
        epoch: Option<Epoch>,
    },
}

impl Explanation {
    fn of(plan: &Plan) -> Explanation {
        let (statements, steps) = describe(plan);
        Explanation::Planned {
            route: plan.route,
            shards: plan.shards(),
            reason: plan.reason.clone(),
            statements,
            steps,
            epoch: plan.epoch,
        }
    }

    fn refused(refusal: &Refusal, epoch: Option<Epoch>) -> Explanation {
        Explanation::Refused { reason: refusal.to_string(), hint: refusal.hint().map(str::to_owned), epoch }
    }
}

impl Router {
    /// Plans a statement and says what would happen.
    pub async fn explain(&self, request: &Request) -> Result<Explanation, QueryError> {
        let request = &*self.expanded(request)?;
        let timeout = self.limits.statement_timeout;
        let started = Instant::now();
        let deadline = started + timeout;
        let _turn = self.turns.take(request.client, started + self.limits.queue_timeout).await?;
        let attempt = Attempt { request, deadline, timeout, transaction: None, locks: false };
        let _held = self.admit(request, deadline).await?;
        let read = || sql::read(&request.sql, &request.params).map(|sql| (sql::analyse(&sql), sql));
        let (statement, sql) = self.at_length(request.sql.len(), &attempt, read).await??;
        let statement = match statement {
            Ok(statement) => statement,
            Err(unsupported) => return Ok(Explanation::refused(&unsupported.into(), None)),
        };
        let view = self.watch.view().map_err(QueryError::NotReady)?;
        let epoch = view.topology.epoch();
        let plan = |view: &View| self.plan(&sql, &statement, view, None, None);
        let planned = match self.at_length(sql.text.len(), &attempt, || plan(&view)).await? {
            Err(Refusal::NoSuchTable { table, .. }) => {
                self.watch.find_table(&table, Instant::now() + self.limits.statement_timeout).await?;
                let view = self.watch.view().map_err(QueryError::NotReady)?;
                self.at_length(sql.text.len(), &attempt, || plan(&view)).await?
            }
            planned => planned,
        };
        match planned {
            Ok(plan) => Ok(Explanation::of(&plan)),
            Err(refusal) => Ok(Explanation::refused(&refusal, Some(epoch))),
        }
    }
}

/// The statements of a plan, and what happens to their answers.
fn describe(plan: &Plan) -> (Vec<Part>, Vec<String>) {
    match &plan.node {
        Node::Read(node) => {
            (node.parts.clone(), if node.parts.len() > 1 { describe_merge(&node.merge) } else { Vec::new() })
        }
        Node::Gather(node) => {
            let mut statements: Vec<Part> = node.inputs.iter().flat_map(|input| input.parts.clone()).collect();
            statements.push(Part { shard: node.at.clone(), sql: node.sql.clone() });
            (statements, describe_gather(node))
        }
        Node::Refill(node) => {
            let (statements, mut steps) = describe(&node.source);
            steps.push("insert the rows where they belong".to_owned());
            (statements, steps)
        }
        Node::Write(node) => (node.parts.iter().map(|part| part.part.clone()).collect(), describe_write(node)),
        Node::Define(node) => {
            let statement = |shard: &ShardId| Part { shard: shard.clone(), sql: node.sql.clone() };
            (node.shards.iter().map(statement).collect(), Vec::new())
        }
    }
}

/// The steps of a write, for people.
fn describe_write(node: &WriteNode) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(relocation) = &node.relocation {
        steps.push(format!("move the rows with the new key to {}", relocation.target));
    }
    if let Some(uniqueness) = &node.uniqueness {
        let shards = uniqueness.parts.len();
        steps.push(format!("look on {shards} shards for {} values of unique indexes", uniqueness.probes.len()));
    }
    if !node.is_single() {
        steps.push("commit on all of them or on none".to_owned());
    }
    steps
}

/// The steps of a gather, for people.
fn describe_gather(node: &Gather) -> Vec<String> {
    let copies =
        node.inputs.iter().map(|input| format!("copy rows of {} to {} as {}", input.table, node.at, input.scratch));
    copies.chain([format!("run the statement on {}", node.at)]).collect()
}

/// The steps of a merge, for people.
fn describe_merge(merge: &Merge) -> Vec<String> {
    let (mut steps, window) = match merge {
        Merge::Concatenate(window) => (vec!["rows in shard order".to_owned()], window),
        Merge::Ordered { keys, window, .. } => (vec![format!("merge sorted rows by {} keys", keys.len())], window),
        Merge::Grouped(grouping) => {
            let mut steps = vec![match grouping.keys.len() {
                0 => "one group of all rows".to_owned(),
                keys => format!("join groups by {keys} keys"),
            }];
            steps.extend(grouping.columns.iter().filter_map(|combine| match combine {
                Combine::First => None,
                Combine::Count => Some("add COUNTs".to_owned()),
                Combine::Sum => Some("add SUMs".to_owned()),
                Combine::Min { .. } => Some("least of MINs".to_owned()),
                Combine::Max { .. } => Some("greatest of MAXs".to_owned()),
                Combine::Avg { .. } => Some("AVG from SUM and COUNT".to_owned()),
            }));
            if !grouping.order.is_empty() {
                steps.push(format!("sort groups by {} keys", grouping.order.len()));
            }
            (steps, &grouping.window)
        }
    };
    if window.offset > 0 {
        steps.push(format!("skip {} rows", window.offset));
    }
    if let Some(limit) = window.limit {
        steps.push(format!("take {limit} rows"));
    }
    steps
}
