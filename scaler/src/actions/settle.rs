//! What a stopped scaler left half done, brought to its end: with the catalogue, or from the shards and the backend alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use backends::{Instance, InstanceState, OperationId};
use keyspace::errors::chain;
use keyspace::slots::SlotSet;
use keyspace::topology::{Shard, ShardId, Topology};
use moves;
use rand::Rng;

use crate::actions::drain;
use crate::actions::failure::Failure;
use crate::actions::failure::RetireError;
use crate::actions::record::ActionKind;
use crate::actions::retire;
use crate::actions::scale_out;
use crate::hands::Hands;

/// Finishes or undoes moves, closes actions that were under way, and takes away shards and instances that nobody uses.
///
/// Only with the lease and only while no action runs: what is being made looks like what was left.
pub async fn settle(hands: &Arc<Hands>) -> Result<(), Failure> {
    let (settings, progress) = (hands.settings.moves.clone(), hands.progress_sink());
    let recovered = moves::recover(&hands.cluster, &hands.settings.layout, &settings, &progress).await;
    let mut first_failure: Option<Failure> = match recovered {
        Ok(_) => None,
        // Only the sweep is missing, perhaps because of a shard that is to be taken away below.
        Err(error) if hands.cluster.topology().moves().is_empty() => {
            tracing::warn!(error = chain(&error), "leftovers of moves stay on a shard for now");
            Some(error.into())
        }
        Err(error) => return Err(error.into()),
    };
    let mut unknown = None;
    for action in hands.catalogue.open_actions().await? {
        let closed = match ActionKind::parse(&action.kind) {
            Some(ActionKind::Drain) => drain::resume(hands, &action).await,
            Some(ActionKind::ScaleOut) => scale_out::take_back(hands, &action).await,
            None => {
                let (id, kind) = (action.id.clone(), action.kind.clone());
                unknown.get_or_insert(format!("action `{id}` of the unknown kind `{kind}` (another version's)"));
                Err(Failure::UnknownAction { id, kind })
            }
        };
        if let Err(failure) = closed {
            tracing::warn!(action = action.id, error = chain(&failure), "an action did not come to its end");
            first_failure.get_or_insert(failure);
        }
    }
    let is_understood = unknown.is_none();
    hands.set_unknown_action(unknown);
    // What looks unused may be what an action of another version has made.
    let unused = if is_understood { remove_unused(hands).await } else { Ok(()) };
    first_failure.map_or(unused, Err)
}

/// Takes away what is there for nothing. What has rows, or cannot be looked at, is left and counted.
async fn remove_unused(hands: &Arc<Hands>) -> Result<(), Failure> {
    let instances = match hands.provisioner.list(&hands.owner).await {
        Ok(instances) => instances,
        Err(error) => {
            // Whatever it runs is no danger to anybody, and the next addition will say what is wrong.
            tracing::warn!(error = chain(&error), "the backend's instances cannot be listed, so none is removed");
            return Ok(());
        }
    };
    let mut first_failure: Option<RetireError> = None;
    for shard in idle_shards(&hands.cluster.topology(), &hands.settings.shards, &instances) {
        tracing::warn!(%shard, "the shard owns nothing and is left of an addition or a drain: it is taken away");
        if let Err(error) = retire::leave(hands, &shard).await {
            tracing::warn!(%shard, error = chain(&error), "the shard stays for now");
            first_failure.get_or_insert(error);
        }
    }
    let orphans = orphans(&hands.cluster.topology(), &hands.settings.shards, &instances);
    if !orphans.is_empty() {
        retire::wait_for_routers(hands).await;
    }
    let mut kept = BTreeSet::new();
    for instance in orphans {
        let Ok(shard) = ShardId::new(instance.name.as_str()) else { continue };
        let operation = OperationId::new(format!("settle-{:08x}", rand::rng().random::<u32>()));
        let Ok(operation) = operation else { continue };
        match retire::destroy(hands, &shard, &operation, &SlotSet::empty()).await {
            Ok(_) => {}
            Err(error) if error.keeps_server() => {
                let error = chain(&error);
                tracing::warn!(instance = %instance.id, error, "an instance that no shard knows is left as it is");
                stop_again(hands, &instance).await;
                kept.insert(instance.name.to_string());
            }
            Err(error) => {
                tracing::warn!(instance = %instance.id, error = chain(&error), "an instance is not removed yet");
                kept.insert(instance.name.to_string());
                first_failure.get_or_insert(error);
            }
        }
    }
    hands.set_orphans(kept);
    first_failure.map_or(Ok(()), |error| Err(error.into()))
}

/// One that was started for a look only.
async fn stop_again(hands: &Hands, instance: &Instance) {
    if instance.state == InstanceState::Stopped
        && let Err(error) = hands.provisioner.stop(&instance.id).await
    {
        tracing::warn!(instance = %instance.id, error = chain(&error), "it runs on after the look at it");
    }
}

/// Shards of the topology that an interrupted addition or drain left there: they own nothing, nothing moves to or from
/// them, they are not configured, and they are the backend's.
pub fn idle_shards(topology: &Topology, configured: &[Shard], instances: &[Instance]) -> Vec<ShardId> {
    let home = &topology.home().id;
    let ids = topology.shards().iter().map(|shard| &shard.id);
    ids.filter(|id| {
        *id != home
            && topology.owned(id).is_empty()
            && topology.moves_touching(id).next().is_none()
            && configured.iter().all(|shard| shard.id != **id)
            && instances.iter().any(|instance| instance.name.as_str() == id.as_str())
    })
    .cloned()
    .collect()
}

/// Instances of ours that are no shard, by name or by address.
pub fn orphans(topology: &Topology, configured: &[Shard], instances: &[Instance]) -> Vec<Instance> {
    let is_shard = |instance: &Instance| {
        let address = instance.address.as_ref().map(ToString::to_string);
        let is_same =
            |shard: &Shard| shard.id.as_str() == instance.name.as_str() || Some(shard.endpoint.address()) == address;
        topology.shards().iter().chain(configured).any(is_same)
    };
    instances.iter().filter(|instance| !is_shard(instance)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use backends::{Address, InstanceId, InstanceName, Limits, Login, Owner, Secret};
    use keyspace::endpoint::Endpoint;
    use keyspace::slots;
    use keyspace::topology::Transfer;

    use super::*;

    fn shard(number: u16) -> Shard {
        let id = ShardId::new(format!("shard-{number}")).unwrap();
        Shard { id, endpoint: Endpoint::tcp("127.0.0.1", number, "u", "p", "app") }
    }

    fn instance(name: &str, port: u16) -> Instance {
        Instance {
            id: InstanceId::new(format!("test.{name}")).unwrap(),
            owner: Owner::new("test").unwrap(),
            operation: OperationId::new("add").unwrap(),
            name: InstanceName::new(name).unwrap(),
            state: InstanceState::Ready,
            address: Some(Address { host: "127.0.0.1".to_owned(), port }),
            login: Login { user: "u".to_owned(), password: Secret::new("p") },
            database: "app".to_owned(),
            limits: Limits::default(),
            server_version: None,
            pid: None,
        }
    }

    /// Two owners, a third that has joined.
    fn topology() -> Topology {
        Topology::first(vec![shard(1), shard(2)], slots::plan_even_spread(2)).unwrap().with_shard(shard(3))
    }

    fn check_idle(topology: &Topology, configured: &[Shard], expected: &[&str]) {
        let instances = [instance("shard-1", 1), instance("shard-2", 2), instance("shard-3", 3)];
        let idle = idle_shards(topology, configured, &instances);
        assert_eq!(idle.iter().map(ShardId::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_shard_of_ours_that_owns_nothing_is_idle() {
        check_idle(&topology(), &[], &["shard-3"]);
        check_idle(&topology(), &[shard(3)], &[]);
        assert_eq!(idle_shards(&topology(), &[], &[instance("shard-2", 2)]), [], "not one of the backend's");
        let half = slots::plan_half(&topology().owned(&shard(1).id));
        let moving = Transfer { source: shard(1).id, target: shard(3).id, slots: half };
        check_idle(&topology().with_moves(&[moving]).unwrap(), &[], &[]);
        // A home shard is home also while it owns nothing.
        let all = slots::plan_even_spread(1).remove(0);
        check_idle(&Topology::first(vec![shard(1), shard(2)], vec![SlotSet::empty(), all]).unwrap(), &[], &[]);
    }

    #[test]
    fn an_instance_is_an_orphan_if_neither_its_name_nor_its_address_is_a_shards() {
        let instances = [
            instance("shard-1", 1),
            // Its port changed while it was away.
            instance("shard-2", 77),
            instance("other", 3),
            instance("shard-4", 4),
            instance("shard-5", 5),
        ];
        let names = |configured: &[Shard]| -> Vec<String> {
            orphans(&topology(), configured, &instances).iter().map(|orphan| orphan.name.to_string()).collect()
        };
        assert_eq!(names(&[]), ["shard-4", "shard-5"]);
        assert_eq!(names(&[shard(5)]), ["shard-4"]);
    }
}
