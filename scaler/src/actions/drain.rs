//! Taking a shard away: its slots go to the others, it leaves the topology, its instance is destroyed.
//!
//! ```text
//! move ─▶ retire ─▶ destroy ─▶ done
//!   │        └─────────┴──▶ failed: out of what it was, and its server is kept, with the reason
//!   └──▶ undone: what had not switched is taken back, and the shard stays
//! ```
//! A drain that was begun goes forward: what a restart finds of one is finished.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::OperationId;
use jiff::Timestamp;
use keyspace::slots::{SlotSet, plan_drain};
use keyspace::topology::{MoveId, Shard, ShardId, Topology, Transfer};
use moves;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::failure::Failure;
use crate::actions::failure::RetireError;
use crate::actions::record::{ActionKind, new_action, plan_of, record_reports};
use crate::actions::retire::{self, Retired};
use crate::catalogue::{Action, Outcome};
use crate::hands::Hands;

/// Other shards are away for seconds, as while their server restarts. What takes longer ends the action, and settling
/// leftovers goes on with it.
const ATTEMPTS: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A shard to be taken away, and who takes over what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub shard: ShardId,
    /// Empty for a shard that owns nothing.
    pub transfers: Vec<PlannedTransfer>,
    pub then: Fate,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTransfer {
    pub target: ShardId,
    pub slots: SlotSet,
    pub slot_count: usize,
}

/// What becomes of the server once it owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    InstanceDestroyed,
    /// It is one of the configured `shards`: it leaves the topology, and whoever runs it stops it.
    ServerLeftRunning,
}

/// Why a shard is not drained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no shard `{0}`")]
    Unknown(ShardId),
    #[error("{0} is the home shard: unsharded tables, sequences and the scaler's lease are there")]
    Home(ShardId),
    #[error("{0} owns all slots, so there is nobody to take them")]
    LastOwner(ShardId),
    #[error("there are {shards} shards and min_shards is {min}")]
    MinShards { shards: usize, min: usize },
    #[error("move {0} is not over yet")]
    Moving(MoveId),
    #[error("{0} is in progress")]
    InProgress(String),
    #[error("{0} is unreachable, and a shard is taken away only while all of them answer")]
    Unreachable(ShardId),
    #[error("rows of {shard} cannot move: {why}")]
    CannotMove { shard: ShardId, why: String },
}

impl Refusal {
    /// What can be done about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Refusal::Unknown(_) => "`sql-autoscaler shards` lists them",
            Refusal::Home(_) => "drain another one; this one stays as long as the cluster does",
            Refusal::LastOwner(_) => "add a shard first: `sql-autoscaler scale-out`",
            Refusal::MinShards { .. } => "lower min_shards and restart the hands, or add a shard first",
            Refusal::Moving(_) => "wait until it is over: `sql-autoscaler moves`",
            Refusal::InProgress(_) => "wait until it is over: `sql-autoscaler status`",
            Refusal::Unreachable(_) => "start its server, see `sql-autoscaler check`",
            Refusal::CannotMove { .. } => "`sql-autoscaler check` lists all that keeps rows from moving",
        }
    }
}

/// What draining a shard would do. `away`: shards that do not answer; `configured`: those of the configuration.
pub fn plan(
    topology: &Topology,
    shard: &ShardId,
    min_shards: usize,
    away: &BTreeSet<ShardId>,
    configured: &[Shard],
) -> Result<Plan, Refusal> {
    if topology.shard(shard).is_none() {
        return Err(Refusal::Unknown(shard.clone()));
    }
    if topology.home().id == *shard {
        return Err(Refusal::Home(shard.clone()));
    }
    if let Some(slot_move) = topology.moves().first() {
        return Err(Refusal::Moving(slot_move.id.clone()));
    }
    let transfers = plan_transfers(topology, shard)?;
    let shards = topology.shards().len();
    if shards <= min_shards {
        return Err(Refusal::MinShards { shards, min: min_shards });
    }
    if let Some(silent) = topology.shards().iter().find(|known| away.contains(&known.id)) {
        return Err(Refusal::Unreachable(silent.id.clone()));
    }
    let then = match configured.iter().any(|known| known.id == *shard) {
        true => Fate::ServerLeftRunning,
        false => Fate::InstanceDestroyed,
    };
    Ok(Plan { shard: shard.clone(), transfers, then })
}

/// All of a shard's slots, to the others that own some, so that these end as even as can be.
fn plan_transfers(topology: &Topology, shard: &ShardId) -> Result<Vec<PlannedTransfer>, Refusal> {
    let given = topology.owned(shard);
    let others: Vec<(ShardId, SlotSet)> = topology
        .owning_shards()
        .into_iter()
        .filter(|other| other.id != *shard)
        .map(|other| (other.id.clone(), topology.owned(&other.id)))
        .collect();
    if others.is_empty() {
        return Err(Refusal::LastOwner(shard.clone()));
    }
    let shares = plan_drain(&given, &others.iter().map(|(_, owned)| owned).collect::<Vec<_>>());
    let transfers = others.into_iter().zip(shares).filter(|(_, slots)| !slots.is_empty());
    let transfers = transfers.map(|((target, _), slots)| PlannedTransfer { target, slot_count: slots.len(), slots });
    Ok(transfers.collect())
}

/// Carries a plan out.
///
/// An error of [`Failure::Retire`] means that the shard owns nothing and its server is kept for now; any other, that
/// the shard stays with what had not switched.
pub async fn execute(hands: &Arc<Hands>, plan: &Plan) -> Result<(), Failure> {
    let operation = format!("drain-{}-{:08x}", plan.shard, rand::rng().random::<u32>());
    let action = new_action(&operation, ActionKind::Drain, "move", plan, hands.cluster.topology().epoch());
    hands.catalogue.begin_action(&action, Timestamp::now()).await?;
    finish(hands, &plan.shard, &operation).await
}

/// Goes on with a drain that an earlier run began. What it had reached shows in the topology and the backend.
pub async fn resume(hands: &Arc<Hands>, action: &Action) -> Result<(), Failure> {
    let Some(Plan { shard, .. }) = plan_of::<Plan>(action) else {
        let message = "its record cannot be read";
        return Ok(hands.catalogue.finish_action(&action.id, Outcome::Failed, message, Timestamp::now()).await?);
    };
    tracing::info!(%shard, phase = action.phase, "going on with a drain that an earlier run began");
    finish(hands, &shard, &action.id).await
}

async fn finish(hands: &Arc<Hands>, shard: &ShardId, operation: &str) -> Result<(), Failure> {
    hands.set_draining(Some(shard.clone()));
    let outcome = run_phases(hands, shard, operation).await;
    hands.set_draining(None);
    let (result, message) = match &outcome {
        Ok(Retired::Destroyed) => (Outcome::Succeeded, format!("{shard} is gone, its instance is destroyed")),
        Ok(Retired::LeftToItsOwner) => {
            (Outcome::Succeeded, format!("{shard} left the cluster; its server, which `shards` names, runs on"))
        }
        Ok(Retired::NoInstance) => {
            (Outcome::Succeeded, format!("{shard} left the cluster; the backend has no instance of it"))
        }
        Err(failure @ Failure::Retire(_)) => (Outcome::Failed, keyspace::errors::chain(failure)),
        Err(failure) => (Outcome::Undone, keyspace::errors::chain(failure)),
    };
    tracing::info!(%shard, message, "the drain is over");
    hands.catalogue.finish_action(operation, result, &message, Timestamp::now()).await?;
    outcome.map(drop)
}

async fn run_phases(hands: &Arc<Hands>, shard: &ShardId, operation: &str) -> Result<Retired, Failure> {
    let started = Instant::now();
    hands.metrics.action_phase("move");
    let topology = hands.cluster.topology();
    if topology.shard(shard).is_some_and(|_| !topology.owned(shard).is_empty()) {
        let transfers = plan_transfers(&topology, shard).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        let transfers: Vec<Transfer> = transfers
            .into_iter()
            .map(|transfer| Transfer { source: shard.clone(), target: transfer.target, slots: transfer.slots })
            .collect();
        let (settings, progress) = (hands.settings_of_moves(&transfers).await, hands.progress_sink());
        let reports = moves::execute(&hands.cluster, &hands.settings.layout, &transfers, &settings, &progress).await?;
        record_reports(hands, &reports, started).await?;
    }

    hands.catalogue.advance_action(operation, "retire", &json!(null)).await?;
    hands.metrics.action_phase("retire");
    patiently(shard, || retire::leave(hands, shard)).await?;

    hands.catalogue.advance_action(operation, "destroy", &json!(null)).await?;
    hands.metrics.action_phase("destroy");
    retire::wait_for_routers(hands).await;
    let operation = OperationId::new(operation);
    let Ok(operation) = operation else {
        // A name that is no instance's either.
        return Ok(Retired::LeftToItsOwner);
    };
    let no_copies = SlotSet::empty();
    Ok(patiently(shard, || retire::destroy(hands, shard, &operation, &no_copies)).await?)
}

/// Tries again what fails because something else is away.
async fn patiently<T, F: Future<Output = Result<T, RetireError>>>(
    shard: &ShardId,
    mut attempt: impl FnMut() -> F,
) -> Result<T, RetireError> {
    let mut pause = Duration::from_millis(500);
    for number in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if error.may_pass() => {
                let error = keyspace::errors::chain(&error);
                tracing::warn!(%shard, attempt = number, error, "taking the shard away will be tried again");
            }
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use keyspace::endpoint::Endpoint;
    use keyspace::slots;

    use super::*;

    fn id(number: u16) -> ShardId {
        ShardId::new(format!("shard-{number}")).unwrap()
    }

    fn shard(number: u16) -> Shard {
        Shard { id: id(number), endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p", "app") }
    }

    fn topology(shards: u16) -> Topology {
        Topology::first((1..=shards).map(shard).collect(), slots::plan_even_spread(usize::from(shards))).unwrap()
    }

    fn check_refusal(topology: &Topology, number: u16, min: usize, away: &[u16], expected: &str) {
        let away = away.iter().map(|&number| id(number)).collect();
        let refusal = plan(topology, &id(number), min, &away, &[]).unwrap_err();
        assert_eq!(refusal.to_string(), expected);
        assert!(!refusal.remedy().is_empty());
    }

    #[test]
    fn the_others_take_over_and_end_even() {
        let plan = plan(&topology(3), &id(3), 1, &BTreeSet::new(), &[]).unwrap();
        let taken: Vec<_> = plan.transfers.iter().map(|t| (t.target.as_str(), t.slot_count)).collect();
        assert_eq!(taken, [("shard-1", 2730), ("shard-2", 2731)]);
        assert_eq!(plan.then, Fate::InstanceDestroyed);
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!((&json["then"], &json["shard"]), (&json!("instance_destroyed"), &json!("shard-3")));
    }

    #[test]
    fn a_configured_shards_server_is_left_running() {
        let plan = plan(&topology(2), &id(2), 1, &BTreeSet::new(), &[shard(2)]).unwrap();
        assert_eq!(plan.then, Fate::ServerLeftRunning);
    }

    #[test]
    fn a_shard_without_slots_gives_none_and_gets_none() {
        let joined = topology(2).with_shard(shard(3));
        let plan_of = |number| plan(&joined, &id(number), 1, &BTreeSet::new(), &[]).unwrap();
        assert_eq!(plan_of(3).transfers, []);
        assert_eq!(plan_of(2).transfers.iter().map(|t| t.target.as_str()).collect::<Vec<_>>(), ["shard-1"]);
    }

    #[test]
    fn what_cannot_be_drained_is_told_with_the_reason() {
        let three = topology(3);
        check_refusal(&three, 9, 1, &[], "there is no shard `shard-9`");
        check_refusal(
            &three,
            1,
            1,
            &[],
            "shard-1 is the home shard: unsharded tables, sequences and the scaler's lease are there",
        );
        check_refusal(&three, 3, 3, &[], "there are 3 shards and min_shards is 3");
        let away = "shard-2 is unreachable, and a shard is taken away only while all of them answer";
        check_refusal(&three, 3, 1, &[2], away);
        let half = slots::plan_half(&three.owned(&id(2)));
        let moving = three.with_moves(&[Transfer { source: id(2), target: id(3), slots: half }]).unwrap();
        check_refusal(&moving, 3, 1, &[], "move m2-1 is not over yet");
        let all = slots::plan_even_spread(1).remove(0);
        let lone = Topology::first(vec![shard(1), shard(2)], vec![SlotSet::empty(), all]).unwrap();
        check_refusal(&lone, 2, 1, &[], "shard-2 owns all slots, so there is nobody to take them");
    }
}
