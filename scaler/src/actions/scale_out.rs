//! Adding a shard: plan, create, join, move slots to it. Each phase is on record before it has an effect.
//!
//! ```text
//! create ─▶ join ─▶ move ─▶ done
//!    └────────┴───────┴──▶ undone: the shard leaves the topology, the instance is destroyed
//!                            └──▶ failed: it has rows of its own, and is left as it is
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use backends::{InstanceName, InstanceSpec, InstanceState, OperationId};
use jiff::Timestamp;
use keyspace::slots::{SlotSet, plan_half, plan_share_for_newcomer};
use keyspace::topology::{Shard, ShardId, Topology, Transfer};
use moves::cluster::ClusterError;
use moves::{self};
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::failure::Failure;
use crate::actions::record::{ActionKind, new_action, plan_of, record_reports};
use crate::actions::retire;
use crate::catalogue::{Action, Outcome};
use crate::hands::Hands;
use crate::instances::endpoint_of;
use crate::rules::SplitBy;
use crate::slot_load::SlotLoads;

/// A shard to be added, and what it takes from whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub shard: ShardId,
    /// Why these slots, for people.
    pub reason: String,
    pub transfers: Vec<PlannedTransfer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTransfer {
    pub source: ShardId,
    pub slots: SlotSet,
    pub slot_count: usize,
    /// Of what is asked of the source, the part that is expected to go with the slots; `None` if it is not known.
    pub load_percent: Option<f64>,
}

/// Why no shard is added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    NoPlan(String),
    #[error("rows of {shard} cannot move: {why}")]
    CannotMove { shard: ShardId, why: String },
}

impl Refusal {
    /// What can be done about it, where its words do not say so.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Refusal::NoPlan(_) => None,
            Refusal::CannotMove { .. } => Some("`sql-autoscaler check` lists all that keeps rows from moving"),
        }
    }
}

/// What adding a shard would do: half of `source`'s load or slots, or an even share of everybody's slots.
pub fn plan(
    topology: &Topology,
    source: Option<&ShardId>,
    split_by: SplitBy,
    loads: &SlotLoads,
    max_shards: usize,
) -> Result<Plan, String> {
    if topology.shards().len() >= max_shards {
        return Err(format!("there are {} shards already, as many as max_shards allows", topology.shards().len()));
    }
    if let Some(slot_move) = topology.moves().first() {
        return Err(format!("move {} is not over yet", slot_move.id));
    }
    let owned: Vec<(ShardId, SlotSet)> =
        topology.owning_shards().iter().map(|shard| (shard.id.clone(), topology.owned(&shard.id))).collect();
    let (given, reason): (Vec<(ShardId, SlotSet)>, String) = match source {
        Some(source) => {
            let (_, slots) =
                owned.iter().find(|(shard, _)| shard == source).ok_or_else(|| format!("{source} owns no slots"))?;
            let (half, reason) = half_of(source, slots, split_by, loads)?;
            (vec![(source.clone(), half)], reason)
        }
        None => {
            let shares = plan_share_for_newcomer(&owned.iter().map(|(_, slots)| slots).collect::<Vec<_>>());
            let reason = "every shard gives of its slots, so that all have equally many".to_owned();
            (owned.iter().map(|(shard, _)| shard.clone()).zip(shares).collect(), reason)
        }
    };
    let load_percent = |source: &ShardId, slots: &SlotSet| {
        let load = loads.of_shard(source, &topology.owned(source)).ok()?;
        Some((load.share_of(slots) * 1000.0).round() / 10.0)
    };
    let transfers: Vec<PlannedTransfer> = given
        .into_iter()
        .filter(|(_, slots)| !slots.is_empty())
        .map(|(source, slots)| PlannedTransfer {
            load_percent: load_percent(&source, &slots),
            source,
            slot_count: slots.len(),
            slots,
        })
        .collect();
    if transfers.is_empty() {
        return Err("no shard has a slot to give".to_owned());
    }
    Ok(Plan { shard: next_shard(topology)?, reason, transfers })
}

/// What a hot shard gives, and why that.
fn half_of(
    source: &ShardId,
    owned: &SlotSet,
    split_by: SplitBy,
    loads: &SlotLoads,
) -> Result<(SlotSet, String), String> {
    let by_count = |why: String| Ok((plan_half(owned), format!("{source} gives half of its slots, {why}")));
    if split_by == SplitBy::Slots {
        return by_count("as what it holds is to be halved, whatever is asked for".to_owned());
    }
    let load = match loads.of_shard(source, owned) {
        Ok(load) => load,
        Err(unmeasured) => return by_count(format!("as it is not known what is asked of each: {unmeasured}")),
    };
    load.check_splittable(owned).map_err(|why| format!("a split of {source} would not help: {why}"))?;
    let measured_by = load.measured_by();
    match load.plan_half(owned) {
        Ok(half) => {
            let percent = load.share_of(&half) * 100.0;
            Ok((half, format!("{source} gives the slots of {percent:.0} % of its load, as measured by {measured_by}")))
        }
        Err(why) => by_count(format!("as {why}, but only as measured by {measured_by}")),
    }
}

/// `shard-N`, N one above the highest.
pub fn next_shard(topology: &Topology) -> Result<ShardId, String> {
    let number = |shard: &Shard| shard.id.as_str().strip_prefix("shard-")?.parse::<u32>().ok();
    let highest = topology.shards().iter().filter_map(number).max().unwrap_or(0);
    ShardId::new(format!("shard-{}", highest + 1)).map_err(|error| error.to_string())
}

impl Plan {
    /// The same, with a name that no instance has: one that was left as it is keeps its own.
    pub fn avoiding(mut self, taken: &BTreeSet<String>) -> Plan {
        let prefix = self.shard.as_str().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let number = self.shard.as_str()[prefix.len()..].parse::<u32>().unwrap_or(0);
        let names = (number..).map(|number| format!("{prefix}{number}"));
        let free = names.take(taken.len() + 1).find(|name| !taken.contains(name));
        if let Some(free) = free.and_then(|name| ShardId::new(name).ok()) {
            self.shard = free;
        }
        self
    }
}

/// Carries a plan out. An error means that everything was undone; only after [`Failure::Retire`] the new server is still
/// there.
pub async fn execute(hands: &Arc<Hands>, plan: &Plan) -> Result<(), Failure> {
    let started = Instant::now();
    let operation = format!("add-{}-{:08x}", plan.shard, rand::rng().random::<u32>());
    let action = new_action(&operation, ActionKind::ScaleOut, "create", plan, hands.cluster.topology().epoch());
    hands.catalogue.begin_action(&action, Timestamp::now()).await?;
    let outcome = run_phases(hands, plan, &operation, started).await;
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(failure) => {
            let copies = plan.transfers.iter().flat_map(|transfer| transfer.slots.iter()).collect();
            match undo(hands, &plan.shard, &operation, &copies).await {
                Ok(()) => Err(failure),
                Err(Failure::Retire(kept)) if !kept.may_pass() => {
                    let error = keyspace::errors::chain(&failure);
                    tracing::error!(shard = %plan.shard, error, "adding a shard failed, and its server is left");
                    Err(Failure::Retire(kept))
                }
                Err(unsettled) => return Err(unsettled),
            }
        }
    };
    let (result, message) = match &outcome {
        Ok(()) => (Outcome::Succeeded, format!("{} serves", plan.shard)),
        Err(failure @ Failure::Retire(_)) => (Outcome::Failed, keyspace::errors::chain(failure)),
        Err(failure) => (Outcome::Undone, keyspace::errors::chain(failure)),
    };
    hands.catalogue.finish_action(&operation, result, &message, Timestamp::now()).await?;
    outcome
}

async fn run_phases(hands: &Arc<Hands>, plan: &Plan, operation: &str, started: Instant) -> Result<(), Failure> {
    hands.metrics.action_phase("create");
    let spec = instance_spec(hands, &plan.shard)?;
    let operation_id = operation_id(operation)?;
    let created = async {
        hands.provisioner.preflight(&spec).await?;
        hands.provisioner.create(&operation_id, &spec).await
    };
    let instance = created.await;
    let kind = hands.provisioner.info().kind;
    hands.metrics.provision_attempt(kind, instance.as_ref().map(|_| ()).map_err(|error| error.class().as_str()));
    let instance = instance?;
    tracing::info!(shard = %plan.shard, seconds = started.elapsed().as_secs_f64(), "the new server answers");

    hands.catalogue.advance_action(operation, "join", &json!({ "instance": instance.id })).await?;
    hands.metrics.action_phase("join");
    let shard = Shard { id: plan.shard.clone(), endpoint: endpoint_of(&instance)? };
    // Before a router hears of it.
    hands.accounts.ensure(&shard).await?;
    hands.cluster.change(|topology| Ok::<_, ClusterError>(topology.with_shard(shard))).await?;

    hands.catalogue.advance_action(operation, "move", &json!({ "instance": instance.id })).await?;
    hands.metrics.action_phase("move");
    let transfers: Vec<Transfer> = plan
        .transfers
        .iter()
        .map(|transfer| Transfer {
            source: transfer.source.clone(),
            target: plan.shard.clone(),
            slots: transfer.slots.clone(),
        })
        .collect();
    let (settings, progress) = (hands.settings_of_moves(&transfers).await, hands.progress_sink());
    let reports = moves::execute(&hands.cluster, &hands.settings.layout, &transfers, &settings, &progress).await?;
    record_reports(hands, &reports, started).await?;
    Ok(())
}

/// Takes back a shard that owns nothing: out of the topology, then its instance away. A shard that owns slots stays.
///
/// `copies`: the slots that were to move to it. What it has of them was copied there, because it never owned any.
async fn undo(hands: &Arc<Hands>, shard: &ShardId, operation: &str, copies: &SlotSet) -> Result<(), Failure> {
    hands.metrics.action_phase("undo");
    // The sweep of a recovery needs every shard, and the new one may be what is gone.
    if !hands.cluster.topology().moves().is_empty() {
        let settings = hands.settings.moves.clone();
        moves::recover(&hands.cluster, &hands.settings.layout, &settings, &hands.progress_sink()).await?;
    }
    let topology = hands.cluster.topology();
    if topology.shard(shard).is_some() && !topology.owned(shard).is_empty() {
        // The switch had happened, and the shard serves.
        return Ok(());
    }
    retire::leave(hands, shard).await?;
    let Some(instance) = retire::instance_of(hands, shard).await? else { return Ok(()) };
    let operation = operation_id(operation)?;
    if instance.operation != operation {
        // It was there before, and its name is why the addition failed.
        return Ok(());
    }
    if instance.state != InstanceState::Creating {
        retire::wait_for_routers(hands).await;
    }
    retire::destroy(hands, shard, &operation, copies).await?;
    Ok(())
}

/// Undoes an addition that an earlier run began, or finds that its shard serves.
pub async fn take_back(hands: &Arc<Hands>, action: &Action) -> Result<(), Failure> {
    let Some(Plan { shard, transfers, .. }) = plan_of::<Plan>(action) else {
        let message = "its record cannot be read";
        return Ok(hands.catalogue.finish_action(&action.id, Outcome::Failed, message, Timestamp::now()).await?);
    };
    let copies: SlotSet = transfers.iter().flat_map(|transfer| transfer.slots.iter()).collect();
    let (outcome, message) = match undo(hands, &shard, &action.id, &copies).await {
        Ok(()) if hands.cluster.topology().shard(&shard).is_some() => {
            (Outcome::Succeeded, "finished after a restart".to_owned())
        }
        Ok(()) => (Outcome::Undone, "undone after a restart".to_owned()),
        Err(Failure::Retire(kept)) if !kept.may_pass() => {
            (Outcome::Failed, keyspace::errors::chain(&Failure::Retire(kept)))
        }
        Err(failure) => return Err(failure),
    };
    tracing::info!(%shard, message, "settled");
    hands.catalogue.finish_action(&action.id, outcome, &message, Timestamp::now()).await?;
    Ok(())
}

fn instance_spec(hands: &Hands, shard: &ShardId) -> Result<InstanceSpec, Failure> {
    let home = hands.cluster.topology().home().endpoint.database().to_owned();
    Ok(InstanceSpec {
        owner: hands.owner.clone(),
        name: InstanceName::new(shard.as_str()).map_err(|_| Failure::Name(shard.to_string()))?,
        database: home,
        limits: hands.settings.shard_limits,
    })
}

fn operation_id(operation: &str) -> Result<OperationId, Failure> {
    OperationId::new(operation).map_err(|_| Failure::Name(operation.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keyspace::endpoint::Endpoint;
    use moves::MoveError;

    use super::*;

    fn topology(shards: u16) -> Topology {
        let shard = |number: u16| Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p", "app"),
        };
        Topology::first((1..=shards).map(shard).collect(), keyspace::slots::plan_even_spread(usize::from(shards)))
            .unwrap()
    }

    fn plan_without_load(topology: &Topology, source: Option<&ShardId>, max_shards: usize) -> Result<Plan, String> {
        plan(topology, source, SplitBy::Load, &SlotLoads::new(&[]), max_shards)
    }

    #[test]
    fn a_hot_shard_of_unknown_load_gives_half_of_its_slots() {
        let source = ShardId::new("shard-2").unwrap();
        let plan = plan_without_load(&topology(2), Some(&source), 16).unwrap();
        assert_eq!(plan.shard.as_str(), "shard-3");
        assert_eq!(plan.transfers.len(), 1);
        assert_eq!((plan.transfers[0].source.as_str(), plan.transfers[0].slot_count), ("shard-2", 4096));
        assert_eq!(plan.transfers[0].load_percent, None);
        insta::assert_snapshot!(plan.reason, @"shard-2 gives half of its slots, as it is not known what is asked of each: there is no router to ask");
    }

    /// What a router tells of a shard's slots: queries within ten seconds.
    fn loads(queries: &[(u16, u64)]) -> SlotLoads {
        let mut loads = SlotLoads::new(&["a".to_owned()]);
        let start = Instant::now();
        for (seconds, factor) in [(0, 0), (10, 1)] {
            let slots: std::collections::BTreeMap<u16, (u64, u64)> =
                queries.iter().map(|&(slot, queries)| (slot, (queries * factor, 0))).collect();
            let counters = json!({ "since": "2026-03-01T12:00:00Z", "slots": slots, "shards": {} });
            loads.take(vec![(Ok(serde_json::from_value(counters).unwrap()), start + Duration::from_secs(seconds))]);
        }
        loads
    }

    #[test]
    fn a_hot_shard_gives_half_of_its_load() {
        let source = ShardId::new("shard-1").unwrap();
        let loads = loads(&[(7, 300), (9, 300), (4000, 300), (8000, 300)]);
        let by_load = plan(&topology(2), Some(&source), SplitBy::Load, &loads, 16).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&by_load).unwrap(), @r#"{"shard":"shard-3","reason":"shard-1 gives the slots of 50 % of its load, as measured by the router","transfers":[{"source":"shard-1","slots":"0-3999","slot_count":4000,"load_percent":50.0}]}"#);
        let by_slots = plan(&topology(2), Some(&source), SplitBy::Slots, &loads, 16).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&by_slots).unwrap(), @r#"{"shard":"shard-3","reason":"shard-1 gives half of its slots, as what it holds is to be halved, whatever is asked for","transfers":[{"source":"shard-1","slots":"4096-8191","slot_count":4096,"load_percent":25.0}]}"#);
    }

    #[test]
    fn a_lone_hot_slot_is_not_moved_for_its_load() {
        let source = ShardId::new("shard-1").unwrap();
        let loads = loads(&[(7, 3000), (9, 300)]);
        let refused = plan(&topology(2), Some(&source), SplitBy::Load, &loads, 16).unwrap_err();
        insta::assert_snapshot!(refused, @"a split of shard-1 would not help: slot 7 alone carries 91 % of its load");
        let by_slots = plan(&topology(2), Some(&source), SplitBy::Slots, &loads, 16).unwrap();
        assert_eq!(by_slots.transfers[0].slot_count, 4096);
    }

    #[test]
    fn without_a_hot_shard_everybody_gives_an_even_share() {
        let plan = plan_without_load(&topology(3), None, 16).unwrap();
        assert_eq!(plan.transfers.iter().map(|transfer| transfer.slot_count).sum::<usize>(), 4096);
        assert_eq!(plan.transfers.len(), 3);
    }

    #[test]
    fn a_move_that_was_refused_is_not_tried_again_soon() {
        let unfit = MoveError::UnfitServer {
            shard: "shard-2".to_owned(),
            reason: "it is read-only".to_owned(),
            remedy: "SET GLOBAL read_only=OFF".to_owned(),
        };
        assert_eq!(Failure::from(unfit).retry_after(), Duration::from_secs(300));
        assert_eq!(Failure::from(MoveError::OverBudget).retry_after(), Duration::from_secs(60));
    }

    #[test]
    fn names_that_instances_have_are_passed_over() {
        let plan = plan_without_load(&topology(2), None, 16).unwrap();
        let named = |taken: &[&str]| {
            let taken = taken.iter().map(|name| (*name).to_owned()).collect();
            plan.clone().avoiding(&taken).shard.to_string()
        };
        assert_eq!(named(&[]), "shard-3");
        assert_eq!(named(&["shard-4", "x"]), "shard-3");
        assert_eq!(named(&["shard-3", "shard-4"]), "shard-5");
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        assert!(plan_without_load(&topology(2), None, 2).unwrap_err().contains("max_shards"));
        let stranger = ShardId::new("shard-9").unwrap();
        assert_eq!(plan_without_load(&topology(2), Some(&stranger), 9).unwrap_err(), "shard-9 owns no slots");
    }
}
