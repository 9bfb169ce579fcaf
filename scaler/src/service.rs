//! The scaler as a running service: one round after another of observe, decide, act, and what its API shows.

pub mod api;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use backends::{Owner, Provisioner};
use futures_util::future::join_all;
use jiff::Timestamp;
use keyspace::bootstrap::{self, BootstrapError};
use keyspace::endpoint::Login;
use keyspace::errors::chain;
use keyspace::recovery::Recovery;
use keyspace::topology::{Shard, ShardId};
use moves::cluster::{Cluster, ClusterError, Lease};
use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::actions::failure::Failure;
use crate::actions::record::ActionKind;
use crate::actions::{drain, scale_out, settle};
use crate::catalogue::{Catalogue, CatalogueError};
use crate::fitness;
use crate::fitness::Fitness;
use crate::hands::Hands;
use crate::instances::known_logins;
use crate::metrics::Metrics;
use crate::observe::{Condition, Observer, ShardStatus};
use crate::policy::{Action, ClusterView, Decision, Policy, PolicyError, PolicyState, RuleState, decide};
use crate::prometheus::Prometheus;
use crate::rules::{Rule, RuleReading, SplitBy};
use crate::settings::Settings;
use crate::slot_load::{self, SlotLoads};

/// Where Prometheus finds the metrics of a shard's server, as `host:port`; `None`: nowhere yet.
pub type ExporterOf = Arc<dyn Fn(&Shard) -> Option<String> + Send + Sync>;

/// Everything that the service is made of.
pub struct Parts {
    pub settings: Settings,
    pub catalogue: PathBuf,
    pub seeds: Vec<Shard>,
    pub provisioner: Arc<dyn Provisioner>,
    pub owner: Owner,
    pub accounts: Accounts,
    pub prometheus: Prometheus,
    pub exporter_of: ExporterOf,
    /// Where Prometheus finds the routers, and the scaler asks them for the load of slots.
    pub routers: Vec<String>,
    /// Tells the router that the topology changed.
    pub nudge: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no topology")]
    Bootstrap(#[from] BootstrapError),
    #[error("another scaler runs this cluster, or its home shard cannot be asked")]
    Lease(#[source] ClusterError),
    #[error("the catalogue cannot be used")]
    Catalogue(#[from] CatalogueError),
    #[error("the policy is wrong")]
    Policy(#[from] PolicyError),
    #[error("the rules are wrong: {0}")]
    Rules(String),
}

pub struct Scaler {
    hands: Arc<Hands>,
    prometheus: Prometheus,
    exporter_of: ExporterOf,
    routers: Vec<String>,
    /// Asks the routers.
    client: reqwest::Client,
    rules: Vec<Rule>,
    policy: Policy,
    recovery: tokio::sync::Mutex<Recovery>,
    state: Mutex<State>,
}

/// The action that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Running {
    Adding(ShardId),
    Draining(ShardId),
    /// What an earlier run, or a failed action, left half done.
    Settling,
}

/// A noun for people.
impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Running::Adding(shard) => write!(f, "adding {shard}"),
            Running::Draining(shard) => write!(f, "draining {shard}"),
            Running::Settling => f.write_str("settling what an earlier run left"),
        }
    }
}

struct State {
    statuses: Vec<ShardStatus>,
    slot_loads: SlotLoads,
    decision: Option<Decision>,
    policy: PolicyState,
    action: Option<Running>,
    task: Option<JoinHandle<()>>,
    /// When to settle what an action left half done; `None`: nothing is left.
    settle_at: Option<Instant>,
    unready: Option<String>,
}

const POLICY_STATE: &str = "policy";

/// Instances that were left as they are may have been emptied by somebody since.
const ORPHANS_INTERVAL: Duration = Duration::from_secs(600);

impl State {
    fn new(routers: &[String], policy: PolicyState) -> State {
        State {
            statuses: Vec::new(),
            slot_loads: SlotLoads::new(routers),
            decision: None,
            policy,
            action: None,
            task: None,
            settle_at: None,
            unready: Some("the first round is not over yet".to_owned()),
        }
    }
}

impl Scaler {
    /// Finds the topology (or makes the first), takes the lease, opens the catalogue.
    pub async fn start(parts: Parts) -> Result<Arc<Scaler>, StartError> {
        let settings = parts.settings;
        let logins = known_logins(&parts.seeds, &settings.pool, &parts.owner, &*parts.provisioner).await;
        let topology = bootstrap::find_or_create(&parts.seeds, &settings.layout, &logins).await?;
        let cluster = Cluster::with_logins(topology, logins, parts.nudge);
        let lease = Lease::acquire(&cluster).await.map_err(StartError::Lease)?;
        let catalogue = Catalogue::open(&parts.catalogue).await?;
        let rules =
            settings.scaling_thresholds.rules(settings.scope, settings.monitoring_interval).map_err(|errors| {
                StartError::Rules(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            })?;
        let (min, max) = (usize::from(settings.min_shards), usize::from(settings.max_shards));
        let policy = Policy::new(settings.mode, min, max, settings.cooldown, settings.monitoring_interval)?;
        let policy = policy.with_scale_in(settings.scale_in);
        let recovery = Recovery::new(settings.in_doubt_timeout);
        let metrics = Metrics::of_cluster(&parts.owner);
        metrics.shard_limits(min, max);
        metrics.set_leader(true);
        metrics.set_mode(settings.mode);
        for rule in &rules {
            metrics.rule(rule.name(), "out", rule.threshold());
        }
        let remembered = catalogue.load_state::<PolicyState>(POLICY_STATE).await?.unwrap_or_default();
        let hands =
            Hands::new(settings, cluster, catalogue, parts.provisioner, parts.owner, parts.accounts, metrics, lease);
        Ok(Arc::new(Scaler {
            hands: Arc::new(hands),
            prometheus: parts.prometheus,
            exporter_of: parts.exporter_of,
            client: reqwest::Client::new(),
            rules,
            policy,
            recovery: tokio::sync::Mutex::new(recovery),
            state: Mutex::new(State::new(&parts.routers, remembered)),
            routers: parts.routers,
        }))
    }

    pub fn cluster(&self) -> &Cluster {
        &self.hands.cluster
    }

    /// The account of the exporters, if it is the scaler's business.
    pub fn exporter_login(&self) -> Option<&Login> {
        self.hands.accounts.exporter()
    }

    /// Runs rounds until `shutdown`. An action in progress is left where the next start resumes or undoes it.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        self.settle_leftovers();
        let mut observer = Observer::new(self.hands.settings.layout.clone());
        let mut ticks = tokio::time::interval(self.hands.settings.monitoring_interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = &mut shutdown => break,
                () = self.round(&mut observer) => {}
            }
        }
        let task = self.state().task.take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    async fn round(self: &Arc<Self>, observer: &mut Observer) {
        if let Err(error) = self.hands.hold_lease().await {
            self.hands.metrics.set_leader(false);
            tracing::warn!(error = chain(&error), "without the lease nothing is decided");
            self.state().unready = Some("the lease on the home shard is lost".to_owned());
            return;
        }
        self.hands.metrics.set_leader(true);
        // A shard that hangs holds up each of the two until its time is over.
        let topology = self.hands.cluster.topology();
        // Transactions of routers that are gone for good; a router that is there does the same.
        let recover = async { self.recovery.lock().await.round(&topology).await };
        let (refreshed, (), (), _, ()) = tokio::join!(
            self.hands.cluster.refresh(),
            self.observe(observer),
            self.hands.accounts.follow(&topology),
            recover,
            self.ask_routers()
        );
        if let Err(error) = refreshed {
            tracing::warn!(error = chain(&error), "no shard's topology could be read");
        }
        // Announced moves are settled first.
        if self.state().action.is_none()
            && let Err(error) = self.hands.cluster.forget_stored_logins().await
        {
            tracing::warn!(error = chain(&error), "the topology on the shards holds logins for now");
        }
        let is_due = |state: &State| state.action.is_none() && state.settle_at.is_some_and(|at| at <= Instant::now());
        if is_due(&self.state()) {
            self.settle_leftovers();
        }
        let decision = self.decide().await;
        self.act(decision).await;
    }

    async fn observe(&self, observer: &mut Observer) {
        let topology = self.hands.cluster.topology();
        let usage = self.hands.usage();
        let draining: BTreeSet<ShardId> = self.hands.draining().into_iter().collect();
        let statuses = observer.observe(&topology, &draining, &usage).await;
        for status in &statuses {
            let mut counted = status.clone();
            // Reference tables are copies: counting them on every shard would ask for shards without end.
            if let Some(counts) = &mut counted.table_counts {
                counts.retain(|table, _| {
                    !self.hands.settings.layout.reference_tables.iter().any(|name| name.eq_ignore_ascii_case(table))
                });
            }
            let shard = &status.shard_id;
            self.hands.metrics.shard(&counted, observer.last_usage(shard), observer.last_internals(shard));
        }
        let known: Vec<ShardId> = topology.shards().iter().map(|shard| shard.id.clone()).collect();
        self.hands.metrics.forget_shards_except(&known);
        self.hands.metrics.moves(&topology);
        self.hands.metrics.topology_epoch(topology.epoch());
        let mut state = self.state();
        let desired = match self.hands.draining() {
            Some(leaving) => known.iter().filter(|shard| **shard != leaving).count(),
            None => known.len() + usize::from(state.action.is_some()),
        };
        self.hands.metrics.shard_counts(&statuses, desired);
        state.statuses = statuses;
        state.unready = None;
    }

    /// Asks every router what was asked of each slot.
    async fn ask_routers(&self) {
        let ask = async |router: &String| (slot_load::fetch_counters(&self.client, router).await, Instant::now());
        let answers = join_all(self.routers.iter().map(ask)).await;
        let topology = self.hands.cluster.topology();
        let mut state = self.state();
        state.slot_loads.take(answers);
        self.hands.metrics.silent_routers(state.slot_loads.silent());
        for shard in topology.shards() {
            let load = state.slot_loads.of_shard(&shard.id, &topology.owned(&shard.id));
            self.hands.metrics.hottest_slot(&shard.id, load.ok().map(|load| load.hottest_share()));
        }
    }

    async fn decide(&self) -> Decision {
        let started = Instant::now();
        let readings = join_all(self.rules.iter().map(|rule| RuleReading::fetch(rule, &self.prometheus))).await;
        for reading in &readings {
            let outcome = reading.values.as_ref().err().map_or("ok", |unknown| unknown.outcome());
            self.hands.metrics.evaluation(reading.rule.name(), outcome);
            if reading.values.is_ok() {
                self.hands.metrics.rule_known(reading.rule.name(), Timestamp::now());
            }
        }
        let now = Timestamp::now();
        let mut fitness = Fitness::new();
        let (decision, remembered) = loop {
            let unasked: Vec<ShardId> = {
                let mut state = self.state();
                let view = self.view(&state).with_unfit(&fitness);
                let (decision, next) = decide(&self.policy, state.policy.clone(), &readings, &view, now);
                let givers = view.givers(&decision).into_iter();
                let unasked: Vec<ShardId> = givers.filter(|shard| !fitness.contains_key(shard)).collect();
                if unasked.is_empty() {
                    state.policy = next.clone();
                    state.decision = Some(decision.clone());
                    break (decision, next);
                }
                unasked
            };
            // Only once they are to give rows: it takes as long as reading their schema.
            fitness.extend(fitness::ask(&self.hands.cluster, &self.hands.settings.layout, unasked).await);
        };
        self.hands.metrics.evaluated(started.elapsed(), now);
        self.hands.metrics.cooldown("out", remembered.cooldown_until(self.hands.settings.cooldown));
        let scale_in = self.hands.settings.scale_in.as_ref();
        self.hands.metrics.cooldown("in", remembered.scale_in_cooldown_until(self.hands.settings.cooldown, scale_in));
        self.hands.metrics.set_paused(remembered.is_paused());
        for rule in &decision.rules {
            self.hands.metrics.rule_status(&rule.rule, rule.shard.as_ref(), rule.value, state_name(rule.state));
        }
        if let Err(error) = self.remember(&decision, &remembered).await {
            tracing::error!(error = chain(&error), "the decision could not be recorded");
        }
        decision
    }

    /// What has to end before another action may begin, as a noun for people.
    fn action_in_progress(&self, state: &State) -> Option<String> {
        state.action.as_ref().map(ToString::to_string).or_else(|| self.hands.unknown_action())
    }

    /// The cluster as the policy sees it, but for what shards have to be asked for.
    fn view(&self, state: &State) -> ClusterView {
        let away = |status: &&ShardStatus| matches!(status.status, Condition::Unreachable | Condition::Starting);
        let troubles = state.statuses.iter().filter(away);
        let troubles = troubles.map(|status| (status.shard_id.clone(), "unreachable".to_owned())).collect();
        let topology = self.hands.cluster.topology();
        let unsplittable = topology.shards().iter().filter_map(|shard| {
            let owned = topology.owned(&shard.id);
            let load = state.slot_loads.of_shard(&shard.id, &owned).ok()?;
            Some((shard.id.clone(), load.check_splittable(&owned).err()?))
        });
        ClusterView::new(&topology, &troubles, self.action_in_progress(state))
            .with_unsplittable(&unsplittable.collect())
    }

    async fn remember(&self, decision: &Decision, state: &PolicyState) -> Result<(), CatalogueError> {
        self.hands.catalogue.save_state(POLICY_STATE, state).await?;
        let kind = match &decision.action {
            Action::ScaleOut { .. } => "scale_out",
            Action::ScaleIn { .. } => "scale_in",
            Action::Hold => "hold",
        };
        // Equal summaries collapse into one record, so numbers that change each round stay in the detail.
        let codes: Vec<&str> = decision.reasons.iter().map(|reason| reason.code()).collect();
        let firing: Vec<String> = decision
            .rules
            .iter()
            .filter(|rule| rule.state != RuleState::Inactive)
            .map(|rule| {
                let shard = rule.shard.as_ref().map_or("cluster", |shard| shard.as_str());
                format!("{} on {shard} {}", rule.rule, state_name(rule.state))
            })
            .collect();
        let summary = match firing.is_empty() {
            true => codes.join(", "),
            false => format!("{} ({})", codes.join(", "), firing.join(", ")),
        };
        let detail = serde_json::to_value(decision).unwrap_or_default();
        self.hands.catalogue.record_decision(decision.at, kind, &summary, &detail).await
    }

    async fn act(self: &Arc<Self>, decision: Decision) {
        match decision.action {
            Action::ScaleOut { source, cause } => {
                self.hands.metrics.decision("out");
                let reason = decision.reasons.first().map(ToString::to_string).unwrap_or_default();
                tracing::info!(reason, "scaling out");
                if let Err(refusal) = self.scale_out(source, cause.split_by()).await {
                    tracing::warn!(error = chain(&refusal), "the action did not start");
                }
            }
            Action::ScaleIn { shard, .. } => {
                self.hands.metrics.decision("in");
                let reason = decision.reasons.first().map(ToString::to_string).unwrap_or_default();
                tracing::info!(reason, "scaling in");
                if let Err(refusal) = self.drain(&shard).await {
                    tracing::warn!(error = chain(&refusal), "the action did not start");
                }
            }
            Action::Hold => {
                self.hands.metrics.decision("hold");
                for reason in &decision.reasons {
                    self.hands.metrics.suppressed(reason.code());
                }
            }
        }
    }

    /// What adding a shard would do now, or why it cannot be done.
    pub(crate) async fn plan_scale_out(
        &self,
        source: Option<&ShardId>,
        split_by: SplitBy,
    ) -> Result<scale_out::Plan, scale_out::Refusal> {
        let plan = self.plan_in(&self.state(), source, split_by).map_err(scale_out::Refusal::NoPlan)?;
        let givers = plan.transfers.iter().map(|transfer| transfer.source.clone());
        match self.first_unfit(givers).await {
            Some((shard, why)) => Err(scale_out::Refusal::CannotMove { shard, why }),
            None => Ok(plan),
        }
    }

    /// The first of these shards whose rows cannot move away, and why.
    async fn first_unfit(&self, givers: impl IntoIterator<Item = ShardId>) -> Option<(ShardId, String)> {
        let fitness = fitness::ask(&self.hands.cluster, &self.hands.settings.layout, givers).await;
        fitness.into_iter().find_map(|(shard, why)| Some((shard, why?)))
    }

    fn plan_in(&self, state: &State, source: Option<&ShardId>, split_by: SplitBy) -> Result<scale_out::Plan, String> {
        if let Some(action) = self.action_in_progress(state) {
            return Err(format!("{action} is in progress"));
        }
        let max_shards = usize::from(self.hands.settings.max_shards);
        let plan = scale_out::plan(&self.hands.cluster.topology(), source, split_by, &state.slot_loads, max_shards)?;
        let away = state.statuses.iter().find(|status| {
            let gives = plan.transfers.iter().any(|transfer| transfer.source == status.shard_id);
            gives && status.status == Condition::Unreachable
        });
        match away {
            Some(status) => Err(format!("{} is unreachable and could not give its rows", status.shard_id)),
            None => Ok(plan.avoiding(&self.hands.orphans())),
        }
    }

    /// Starts adding a shard; refused while another action runs. Returns what it does, and its name.
    pub(crate) async fn scale_out(
        self: &Arc<Self>,
        source: Option<ShardId>,
        split_by: SplitBy,
    ) -> Result<(scale_out::Plan, String), scale_out::Refusal> {
        self.plan_scale_out(source.as_ref(), split_by).await?;
        let mut state = self.state();
        // The shards took a moment to answer, in which something else may have begun.
        let plan = self.plan_in(&state, source.as_ref(), split_by).map_err(scale_out::Refusal::NoPlan)?;
        let action = Running::Adding(plan.shard.clone());
        let name = action.to_string();
        state.action = Some(action);
        let (scaler, carried_out) = (self.clone(), plan.clone());
        state.task = Some(tokio::spawn(async move {
            let started = Instant::now();
            let outcome = scale_out::execute(&scaler.hands, &carried_out).await;
            scaler.action_over(ActionKind::ScaleOut, outcome, started).await;
        }));
        Ok((plan, name))
    }

    /// What draining a shard would do now, or why it cannot be done.
    pub(crate) async fn plan_drain(&self, shard: &ShardId) -> Result<drain::Plan, drain::Refusal> {
        let plan = self.plan_drain_in(&self.state(), shard)?;
        let gives = (!plan.transfers.is_empty()).then(|| shard.clone());
        match self.first_unfit(gives).await {
            Some((shard, why)) => Err(drain::Refusal::CannotMove { shard, why }),
            None => Ok(plan),
        }
    }

    fn plan_drain_in(&self, state: &State, shard: &ShardId) -> Result<drain::Plan, drain::Refusal> {
        let is_away = |status: &&ShardStatus| matches!(status.status, Condition::Unreachable | Condition::Starting);
        let away = state.statuses.iter().filter(is_away).map(|status| status.shard_id.clone()).collect();
        let min = usize::from(self.hands.settings.min_shards);
        let plan = drain::plan(&self.hands.cluster.topology(), shard, min, &away, &self.hands.settings.shards);
        match (self.action_in_progress(state), plan) {
            // What will never be possible is told first.
            (Some(action), Ok(_) | Err(drain::Refusal::Moving(_) | drain::Refusal::Unreachable(_))) => {
                Err(drain::Refusal::InProgress(action))
            }
            (_, plan) => plan,
        }
    }

    /// Starts taking a shard away; refused while another action runs. Returns what it does, and its name.
    pub(crate) async fn drain(self: &Arc<Self>, shard: &ShardId) -> Result<(drain::Plan, String), drain::Refusal> {
        self.plan_drain(shard).await?;
        let mut state = self.state();
        // As when a shard is added.
        let plan = self.plan_drain_in(&state, shard)?;
        let action = Running::Draining(shard.clone());
        let name = action.to_string();
        state.action = Some(action);
        self.hands.set_draining(Some(shard.clone()));
        let (scaler, carried_out) = (self.clone(), plan.clone());
        state.task = Some(tokio::spawn(async move {
            let started = Instant::now();
            let outcome = drain::execute(&scaler.hands, &carried_out).await;
            scaler.hands.set_draining(None);
            scaler.action_over(ActionKind::Drain, outcome, started).await;
        }));
        Ok((plan, name))
    }

    async fn action_over(&self, kind: ActionKind, outcome: Result<(), Failure>, started: Instant) {
        let now = Timestamp::now();
        let remembered = {
            let mut state = self.state();
            state.action = None;
            match &outcome {
                Ok(()) => state.policy.action_ended(now),
                Err(failure) => {
                    // Undoing may have failed, too.
                    state.settle_at = Some(Instant::now());
                    let retry_at = now + jiff::SignedDuration::try_from(failure.retry_after()).unwrap_or_default();
                    match failure {
                        // The rows of a drained shard have moved all the same.
                        Failure::Retire(_) if kind == ActionKind::Drain => {
                            state.policy.action_broke_off(chain(failure), now, retry_at);
                        }
                        _ => state.policy.action_failed(chain(failure), retry_at),
                    }
                }
            }
            state.policy.clone()
        };
        let result = match &outcome {
            Ok(()) => crate::catalogue::Outcome::Succeeded,
            Err(failure @ Failure::Retire(_)) => {
                tracing::error!(action = kind.as_str(), error = chain(failure), "the action failed");
                crate::catalogue::Outcome::Failed
            }
            Err(failure) => {
                tracing::error!(action = kind.as_str(), error = chain(failure), "the action failed and was undone");
                crate::catalogue::Outcome::Undone
            }
        };
        self.hands.metrics.action_finished(kind.as_str(), result, started.elapsed(), now);
        if let Err(error) = self.hands.catalogue.save_state(POLICY_STATE, &remembered).await {
            tracing::error!(error = chain(&error), "the end of the action could not be recorded");
        }
    }

    /// Starts settling what an earlier run or a failed action left half done: moves are finished or undone, shards
    /// that never served are removed. Tried again until nothing is left.
    fn settle_leftovers(self: &Arc<Self>) {
        let mut state = self.state();
        state.action = Some(Running::Settling);
        let scaler = self.clone();
        state.task = Some(tokio::spawn(async move {
            let outcome = settle::settle(&scaler.hands).await;
            let mut state = scaler.state();
            state.action = None;
            state.settle_at = match outcome {
                Ok(()) if scaler.hands.orphans().is_empty() => None,
                Ok(()) => Some(Instant::now() + ORPHANS_INTERVAL),
                Err(failure) => {
                    tracing::error!(error = chain(&failure), "leftovers could not be settled yet");
                    Some(Instant::now() + failure.retry_after())
                }
            };
        }));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

fn state_name(state: RuleState) -> &'static str {
    match state {
        RuleState::Inactive => "inactive",
        RuleState::Pending => "pending",
        RuleState::Firing => "firing",
        RuleState::Unknown => "unknown",
        RuleState::Invalid => "invalid",
        RuleState::WarmingUp => "warming_up",
        RuleState::Settling => "settling",
    }
}
