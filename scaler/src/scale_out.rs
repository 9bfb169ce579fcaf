//! Adding a shard: plan, create, join, move slots to it. Each phase is on record before it has an effect.
//!
//! ```text
//! create ─▶ join ─▶ move ─▶ done
//!    └────────┴───────┴──▶ undone: the shard leaves the topology, the instance is destroyed
//!                            └──▶ failed: it has rows of its own, and is left as it is
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::{ErrorClass, Instance, InstanceName, InstanceSpec, InstanceState, OperationId, ProvisionError};
use jiff::Timestamp;
use keyspace::accounts::MakeError;
use keyspace::endpoint::Endpoint;
use keyspace::slots::{SlotSet, plan_half, plan_share_for_newcomer};
use keyspace::topology::{Shard, ShardId, Topology, TopologyError, Transfer};
use moves::cluster::ClusterError;
use moves::{self, MoveError, MoveReport};
use rand::Rng;
use serde::Serialize;
use serde_json::{Value, json};

use crate::catalogue::{Action, CatalogueError, NewAction, Outcome};
use crate::retire::{self, RetireError};
use crate::rules::SplitBy;
use crate::service::Scaler;
use crate::slot_load::SlotLoads;

/// The kind of the action in the catalogue and in metrics.
pub(crate) const KIND: &str = "scale_out";

/// A shard to be added, and what it takes from whom.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub shard: ShardId,
    /// Why these slots, for people.
    pub reason: String,
    pub transfers: Vec<PlannedTransfer>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedTransfer {
    pub source: ShardId,
    pub slots: SlotSet,
    pub slot_count: usize,
    /// Of what is asked of the source, the part that is expected to go with the slots; `None` if it is not known.
    pub load_percent: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("no instance could be created")]
    Provision(#[from] ProvisionError),
    #[error("the accounts of routers and exporters could not be made on the new server")]
    Account(#[from] MakeError),
    #[error("the topology could not be changed")]
    Cluster(#[from] ClusterError),
    #[error("the topology does not allow it")]
    Topology(#[from] TopologyError),
    #[error("moving rows failed")]
    Move(#[from] MoveError),
    #[error("the action could not be recorded")]
    Catalogue(#[from] CatalogueError),
    #[error("the backend answered with an instance that has no address")]
    NoAddress,
    #[error("`{0}` cannot name an instance")]
    Name(String),
    #[error("{0}")]
    Refused(String),
    /// Nothing was done about it: only its own version knows what it has made and what undoes that.
    #[error(
        "action `{id}` is of kind `{kind}`, which this version of sql-autoscaler does not know: it is left as it is, for \
         the version that began it"
    )]
    UnknownAction { id: String, kind: String },
    /// Everything else is done or undone.
    #[error("a server could not be taken away")]
    Retire(#[from] RetireError),
}

impl Failure {
    /// How long to wait before the next attempt: short for what passes by itself, long for what somebody must mend.
    pub fn retry_after(&self) -> Duration {
        match self {
            Failure::Provision(error) => match error.class() {
                ErrorClass::Transient | ErrorClass::Timeout | ErrorClass::Port => Duration::from_secs(15),
                ErrorClass::Conflict | ErrorClass::Auth => Duration::from_secs(60),
                ErrorClass::Quota | ErrorClass::Program | ErrorClass::Permanent => Duration::from_secs(300),
            },
            Failure::UnknownAction { .. } => Duration::from_secs(300),
            Failure::Account(error) if error.is_refusal() => Duration::from_secs(300),
            Failure::Account(_) | Failure::Cluster(_) | Failure::Topology(_) | Failure::Catalogue(_) => {
                Duration::from_secs(15)
            }
            Failure::Retire(error) if error.may_pass() => Duration::from_secs(15),
            // The next server would be created, and destroyed, for the same refusal.
            Failure::Move(error) if error.is_refusal() => Duration::from_secs(300),
            Failure::Move(_) | Failure::NoAddress | Failure::Name(_) | Failure::Refused(_) | Failure::Retire(_) => {
                Duration::from_secs(60)
            }
        }
    }
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
    let witnesses = load.witnesses();
    match load.plan_half(owned) {
        Ok(half) => {
            let percent = load.share_of(&half) * 100.0;
            Ok((half, format!("{source} gives the slots of {percent:.0} % of its load, as measured by {witnesses}")))
        }
        Err(why) => by_count(format!("as {why}, but only as measured by {witnesses}")),
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
    pub(crate) fn avoiding(mut self, taken: &BTreeSet<String>) -> Plan {
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
pub(crate) async fn execute(scaler: &Arc<Scaler>, plan: &Plan) -> Result<(), Failure> {
    let started = Instant::now();
    let operation = format!("add-{}-{:08x}", plan.shard, rand::rng().random::<u32>());
    let action = NewAction {
        id: operation.clone(),
        kind: KIND.to_owned(),
        phase: "create".to_owned(),
        inputs: json!({ "plan": plan, "epoch": scaler.cluster.topology().epoch() }),
    };
    scaler.catalogue.begin_action(&action, Timestamp::now()).await?;
    let outcome = run_phases(scaler, plan, &operation, started).await;
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(failure) => {
            let copies = plan.transfers.iter().flat_map(|transfer| transfer.slots.iter()).collect();
            match undo(scaler, &plan.shard, &operation, &copies).await {
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
    scaler.catalogue.finish_action(&operation, result, &message, Timestamp::now()).await?;
    outcome
}

async fn run_phases(scaler: &Arc<Scaler>, plan: &Plan, operation: &str, started: Instant) -> Result<(), Failure> {
    scaler.metrics.action_phase("create");
    let spec = instance_spec(scaler, &plan.shard)?;
    let operation_id = operation_id(operation)?;
    let created = async {
        scaler.provisioner.preflight(&spec).await?;
        scaler.provisioner.create(&operation_id, &spec).await
    };
    let instance = created.await;
    let kind = scaler.provisioner.info().kind;
    scaler.metrics.provision_attempt(kind, instance.as_ref().map(|_| ()).map_err(|error| error.class().as_str()));
    let instance = instance?;
    tracing::info!(shard = %plan.shard, seconds = started.elapsed().as_secs_f64(), "the new server answers");

    scaler.catalogue.advance_action(operation, "join", &json!({ "instance": instance.id })).await?;
    scaler.metrics.action_phase("join");
    let shard = Shard { id: plan.shard.clone(), endpoint: endpoint_of(&instance)? };
    // Before a router hears of it.
    scaler.accounts.ensure(&shard).await?;
    scaler.cluster.change(|topology| Ok::<_, ClusterError>(topology.with_shard(shard))).await?;

    scaler.catalogue.advance_action(operation, "move", &json!({ "instance": instance.id })).await?;
    scaler.metrics.action_phase("move");
    let transfers: Vec<Transfer> = plan
        .transfers
        .iter()
        .map(|transfer| Transfer {
            source: transfer.source.clone(),
            target: plan.shard.clone(),
            slots: transfer.slots.clone(),
        })
        .collect();
    let (settings, progress) = (scaler.settings_of_moves(&transfers).await, scaler.progress_sink());
    let reports = moves::execute(&scaler.cluster, &scaler.settings.layout, &transfers, &settings, &progress).await?;
    record_reports(scaler, &reports, started).await?;
    Ok(())
}

/// Writes finished moves to the log and into the catalogue.
pub(crate) async fn record_reports(
    scaler: &Scaler,
    reports: &[MoveReport],
    started: Instant,
) -> Result<(), CatalogueError> {
    for report in reports {
        tracing::info!(slot_move = %report.id, rows = report.rows_moved, cutover = ?report.cutover,
            attempts = report.attempts, seconds = started.elapsed().as_secs_f64(), "moved");
        let mut record = json!({
            "id": report.id, "source": report.source, "target": report.target, "state": "done",
            "rows_copied": report.rows_copied, "rows_moved": report.rows_moved, "attempts": report.attempts,
            "cutover_millis": report.cutover.as_secs_f64() * 1000.0,
        });
        // After a restart the record is all that is known of the move.
        let progress = scaler.progress_of(&report.id).map(|progress| json!(progress));
        if let (Some(record), Some(Value::Object(progress))) = (record.as_object_mut(), progress) {
            for (key, value) in progress {
                record.entry(key).or_insert(value);
            }
        }
        scaler.catalogue.record_move(report.id.as_str(), &record, Timestamp::now()).await?;
    }
    Ok(())
}

/// Takes back a shard that owns nothing: out of the topology, then its instance away. A shard that owns slots stays.
///
/// `copies`: the slots that were to move to it. What it has of them was copied there, because it never owned any.
async fn undo(scaler: &Arc<Scaler>, shard: &ShardId, operation: &str, copies: &SlotSet) -> Result<(), Failure> {
    scaler.metrics.action_phase("undo");
    // The sweep of a recovery needs every shard, and the new one may be what is gone.
    if !scaler.cluster.topology().moves().is_empty() {
        let settings = scaler.settings.moves.clone();
        moves::recover(&scaler.cluster, &scaler.settings.layout, &settings, &scaler.progress_sink()).await?;
    }
    let topology = scaler.cluster.topology();
    if topology.shard(shard).is_some() && !topology.owned(shard).is_empty() {
        // The switch had happened, and the shard serves.
        return Ok(());
    }
    retire::leave(scaler, shard).await?;
    let Some(instance) = retire::instance_of(scaler, shard).await? else { return Ok(()) };
    let operation = operation_id(operation)?;
    if instance.operation != operation {
        // It was there before, and its name is why the addition failed.
        return Ok(());
    }
    if instance.state != InstanceState::Creating {
        retire::wait_for_routers(scaler).await;
    }
    retire::destroy(scaler, shard, &operation, copies).await?;
    Ok(())
}

/// Undoes an addition that an earlier run began, or finds that its shard serves.
pub(crate) async fn take_back(scaler: &Arc<Scaler>, action: &Action) -> Result<(), Failure> {
    let plan = &action.inputs["plan"];
    let shard = plan["shard"].as_str().and_then(|name| ShardId::new(name).ok());
    let Some(shard) = shard else {
        let message = "its record names no shard";
        return Ok(scaler.catalogue.finish_action(&action.id, Outcome::Failed, message, Timestamp::now()).await?);
    };
    let transfers = plan["transfers"].as_array().into_iter().flatten();
    let sets = transfers.filter_map(|transfer| serde_json::from_value::<SlotSet>(transfer["slots"].clone()).ok());
    let copies: SlotSet = sets.flat_map(|slots| slots.iter().collect::<Vec<_>>()).collect();
    let (outcome, message) = match undo(scaler, &shard, &action.id, &copies).await {
        Ok(()) if scaler.cluster.topology().shard(&shard).is_some() => {
            (Outcome::Succeeded, "finished after a restart".to_owned())
        }
        Ok(()) => (Outcome::Undone, "undone after a restart".to_owned()),
        Err(Failure::Retire(kept)) if !kept.may_pass() => {
            (Outcome::Failed, keyspace::errors::chain(&Failure::Retire(kept)))
        }
        Err(failure) => return Err(failure),
    };
    tracing::info!(%shard, message, "settled");
    scaler.catalogue.finish_action(&action.id, outcome, &message, Timestamp::now()).await?;
    Ok(())
}

fn instance_spec(scaler: &Scaler, shard: &ShardId) -> Result<InstanceSpec, Failure> {
    let home = scaler.cluster.topology().home().endpoint.database().to_owned();
    Ok(InstanceSpec {
        owner: scaler.owner.clone(),
        name: InstanceName::new(shard.as_str()).map_err(|_| Failure::Name(shard.to_string()))?,
        database: home,
        limits: scaler.settings.shard_limits,
    })
}

fn operation_id(operation: &str) -> Result<OperationId, Failure> {
    OperationId::new(operation).map_err(|_| Failure::Name(operation.to_owned()))
}

/// Where an instance is reached, in the router's words.
pub fn endpoint_of(instance: &Instance) -> Result<Endpoint, Failure> {
    let address = instance.address.as_ref().ok_or(Failure::NoAddress)?;
    let login = &instance.login;
    Ok(Endpoint::tcp(&address.host, address.port, &login.user, login.password.expose(), &instance.database))
}

#[cfg(test)]
mod tests {
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
