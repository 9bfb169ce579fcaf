//! What is known of the cluster when a round is decided.

use std::collections::BTreeMap;

use keyspace::slots::halve::Unsplittable;
use keyspace::topology::{ShardId, Topology};

use super::decision::{Decision, Reason};

/// The cluster as the topology and the journal know it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterView {
    /// In the topology's order.
    pub shards: Vec<ShardView>,
    /// The action that runs, as a noun for people.
    pub action_in_progress: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ShardView {
    pub id: ShardId,
    pub slots: usize,
    /// Why no rows can move to or from it, such as `unreachable`.
    pub trouble: Option<String>,
    /// Why no split halves what is asked of it, as far as that is measured.
    pub unsplittable: Option<Unsplittable>,
    /// Why its rows cannot move away from it; `None` also where nobody has asked, see [`ClusterView::givers`].
    pub unfit: Option<String>,
}

impl ClusterView {
    /// A move in the topology counts as an action even where the journal knows none: it may be another scaler's.
    pub fn new(
        topology: &Topology,
        troubles: &BTreeMap<ShardId, String>,
        action_in_progress: Option<String>,
    ) -> ClusterView {
        let shard = |shard: &keyspace::topology::Shard| ShardView {
            id: shard.id.clone(),
            slots: topology.owned(&shard.id).len(),
            trouble: troubles.get(&shard.id).cloned(),
            unsplittable: None,
            unfit: None,
        };
        let unfinished = topology.moves().first().map(|unfinished| format!("move {}", unfinished.id));
        ClusterView {
            shards: topology.shards().iter().map(shard).collect(),
            action_in_progress: action_in_progress.or(unfinished),
        }
    }

    /// Adds what is known of shards whose load no split halves.
    pub fn with_unsplittable(mut self, unsplittable: &BTreeMap<ShardId, Unsplittable>) -> ClusterView {
        for shard in &mut self.shards {
            shard.unsplittable = unsplittable.get(&shard.id).copied();
        }
        self
    }

    /// The shards whose rows would move if a decision were carried out, by the scaler or on the command that it
    /// recommends. Whether they can is to be asked before that.
    pub fn givers(&self, decision: &Decision) -> Vec<ShardId> {
        let source = decision.reasons.iter().find_map(|reason| match reason {
            Reason::ScaleOut { source, .. } | Reason::Recommended { source } => Some(source.as_ref()),
            Reason::ScaleIn { shard, .. } | Reason::RecommendedDrain { shard } => Some(Some(shard)),
            Reason::Wanted(_)
            | Reason::Off
            | Reason::Paused
            | Reason::InProgress { .. }
            | Reason::Cooldown { .. }
            | Reason::Backoff { .. }
            | Reason::MaxShards { .. }
            | Reason::Futile { .. }
            | Reason::Troubled { .. }
            | Reason::Unsplittable { .. }
            | Reason::CannotMove { .. }
            | Reason::Pending { .. }
            | Reason::Calming { .. }
            | Reason::Settling { .. }
            | Reason::WarmingUp { .. }
            | Reason::Unknown { .. }
            | Reason::Strangers { .. }
            | Reason::Calm { .. } => None,
        });
        match source {
            None => Vec::new(),
            Some(Some(shard)) => vec![shard.clone()],
            Some(None) => {
                let owners = self.shards.iter().filter(|shard| shard.slots > 0);
                owners.map(|shard| shard.id.clone()).collect()
            }
        }
    }

    /// Adds why rows of shards cannot move away, for those that were asked.
    pub fn with_unfit(mut self, fitness: &BTreeMap<ShardId, Option<String>>) -> ClusterView {
        for shard in &mut self.shards {
            shard.unfit = fitness.get(&shard.id).cloned().flatten();
        }
        self
    }
}

pub(super) fn unfit(shard: &ShardView) -> Option<Reason> {
    let why = shard.unfit.clone()?;
    Some(Reason::CannotMove { shard: shard.id.clone(), why })
}

/// Whether rows cannot move, so that nobody is told to move them.
pub(super) fn are_stuck(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| matches!(reason, Reason::CannotMove { .. }))
}

pub(super) fn troubled(shard: &ShardView) -> Option<Reason> {
    let trouble = shard.trouble.clone()?;
    Some(Reason::Troubled { shard: shard.id.clone(), trouble })
}
