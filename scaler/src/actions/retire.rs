//! Taking a shard away: out of the topology, and then its instance destroyed, once everybody agrees that it has nothing.
//!
//! ```text
//! owns nothing ──leave──▶ in no topology ──every router has seen it──▶ final look ──▶ destroyed
//!                                                                          └─▶ kept: it holds rows of its own
//! ```
//! Every step may be repeated. Nothing that is not known counts as empty.

mod look;

use std::time::{Duration, Instant};

use backends::{DataFate, Instance, InstanceId, InstanceState, OperationId, ProvisionError};
use keyspace::own;
use keyspace::recovery;
use keyspace::recovery::xid::Xid;
use keyspace::slots::SlotSet;
use keyspace::topology::{Shard, ShardId, Topology, TopologyError};
pub use look::{RemainingRows, connect, look_for_rows};
use moves::cluster::ClusterError;

use crate::actions::failure::RetireError;
use crate::hands::Hands;
use crate::instances::endpoint_of;

/// How long a shard may take to tell which topology it carries.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Beyond the patience with the transaction's own router.
const BRANCH_TIMEOUT: Duration = Duration::from_secs(10);
const BRANCH_POLL: Duration = Duration::from_millis(200);

/// What became of the server of a shard that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retired {
    Destroyed,
    /// The backend has no such instance (any more).
    NoInstance,
    /// It is under `shards` in the configuration: its owner stops it.
    LeftToItsOwner,
}

/// Publishes the topology without a shard that owns nothing. One that is in no topology any more is fine.
///
/// Transactions that it decides, or takes part in, are brought to their end first: afterwards nobody finds it.
pub async fn leave(hands: &Hands, shard: &ShardId) -> Result<(), RetireError> {
    hands.cluster.refresh().await?;
    let topology = hands.cluster.topology();
    let Some(leaving) = topology.shard(shard).cloned() else { return Ok(()) };
    if topology.home().id == *shard {
        return Err(RetireError::Home(shard.clone()));
    }
    // Asked before anything is waited for.
    without(&topology, shard)?;
    end_branches(hands, &topology, &leaving, LeavingAnswer::Optional).await?;
    hands.cluster.change(|topology| without(topology, shard)).await?;
    tracing::info!(%shard, epoch = %hands.cluster.topology().epoch(), "the shard left the topology");
    // Whoever looks there alone, such as a router that was away, learns of it. Before its server is destroyed it is
    // written once more.
    if let Err(error) = tell(hands, &leaving).await {
        tracing::warn!(%shard, error = keyspace::errors::chain(&error), "the shard misses that it left");
    }
    Ok(())
}

/// Waits until every router that may still serve knows the topology as it is now.
pub async fn wait_for_routers(hands: &Hands) {
    tokio::time::sleep(hands.settings.moves.clone().confirmation_wait).await;
}

/// Destroys the instance of a shard that is in no topology, if nothing of its own is found on it.
///
/// `copies`: rows of sharded tables in these slots are copies of an addition that was undone, and no rows of its own.
/// Every router must know by now that the shard left: [`wait_for_routers`].
pub async fn destroy(
    hands: &Hands,
    shard: &ShardId,
    operation: &OperationId,
    copies: &SlotSet,
) -> Result<Retired, RetireError> {
    if hands.settings.shards.iter().any(|configured| configured.id == *shard) {
        return Ok(Retired::LeftToItsOwner);
    }
    let Some(instance) = instance_of(hands, shard).await? else { return Ok(Retired::NoInstance) };
    hands.cluster.refresh().await?;
    let topology = hands.cluster.topology();
    everybody_agrees(hands, &topology, shard).await?;
    // A half-made one never answered, so nothing was ever written to it.
    if instance.state != InstanceState::Creating {
        check_server(hands, &topology, shard, &instance, copies).await?;
    }
    // Between the look and the end nobody else may have taken over.
    hands.hold_lease().await?;
    hands.provisioner.destroy(operation, &instance.id, DataFate::Remove).await?;
    tracing::info!(%shard, instance = %instance.id, "the instance is destroyed");
    Ok(Retired::Destroyed)
}

/// The instance of ours that has a shard's name.
pub async fn instance_of(hands: &Hands, shard: &ShardId) -> Result<Option<Instance>, RetireError> {
    let id = format!("{}.{shard}", hands.owner);
    let id = InstanceId::new(id).map_err(|_| RetireError::Name(shard.to_string()))?;
    match hands.provisioner.inspect(&id).await {
        Ok(instance) => Ok(Some(instance).filter(|instance| instance.owner == hands.owner)),
        Err(ProvisionError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn without(topology: &Topology, shard: &ShardId) -> Result<Topology, RetireError> {
    topology.without_shard(shard).map_err(|error| match error {
        TopologyError::NotMovable(shard) => RetireError::StillOwns(shard),
        other => RetireError::Topology(other),
    })
}

/// Every shard of the cluster carries the topology of now, in which this one is not.
async fn everybody_agrees(hands: &Hands, topology: &Topology, shard: &ShardId) -> Result<(), RetireError> {
    if topology.shard(shard).is_some() {
        return Err(RetireError::StillOwns(shard.clone()));
    }
    for known in topology.shards() {
        let read = async {
            let mut connection = hands.cluster.connect(&known.id).await?;
            let read = own::topology::read(&mut connection).await;
            read.map_err(|source| ClusterError::Store { shard: known.id.clone(), source })
        };
        let read = tokio::time::timeout(ANSWER_TIMEOUT * 2, read).await;
        let carried = read.unwrap_or_else(|_| Err(ClusterError::ConnectTimeout(known.id.clone())))?;
        if carried.is_none_or(|carried| carried.epoch() != topology.epoch() || carried.shard(shard).is_some()) {
            return Err(RetireError::Disagrees { shard: shard.clone(), on: known.id.clone() });
        }
    }
    Ok(())
}

/// The final look: at what the server carries, and for rows.
async fn check_server(
    hands: &Hands,
    topology: &Topology,
    shard: &ShardId,
    instance: &Instance,
    copies: &SlotSet,
) -> Result<(), RetireError> {
    let unseen =
        |source: Box<dyn std::error::Error + Send + Sync>| RetireError::Unseen { shard: shard.clone(), source };
    let started;
    let running = match instance.state {
        InstanceState::Stopped | InstanceState::Failed | InstanceState::Stopping => {
            started = hands.provisioner.start(&instance.id).await.map_err(|error| unseen(error.into()))?;
            &started
        }
        InstanceState::Creating | InstanceState::Starting | InstanceState::Ready => instance,
    };
    let endpoint = endpoint_of(running).map_err(|error| unseen(error.into()))?;
    let serves = |known: &&Shard| known.endpoint.address() == endpoint.address();
    if let Some(owner) = topology.shards().iter().chain(&hands.settings.shards).find(serves) {
        return Err(RetireError::InUse { shard: shard.clone(), owner: owner.id.clone() });
    }
    let mut connection = look::connect(&endpoint).await.map_err(|error| unseen(error.into()))?;
    let silent = |_| unseen("it did not answer in time".into());
    let carried = tokio::time::timeout(ANSWER_TIMEOUT, own::topology::read(&mut connection)).await.map_err(silent)?;
    let carried = carried.map_err(|error| unseen(error.into()))?;
    if let Some(carried) = carried {
        if carried.epoch() > topology.epoch() {
            let (found, known) = (carried.epoch(), topology.epoch());
            return Err(RetireError::Newer { shard: shard.clone(), found, known });
        }
        let is_shared = |theirs: &Shard| topology.shards().iter().any(|ours| is_same_server(ours, theirs));
        if !carried.shards().iter().any(is_shared) {
            return Err(RetireError::OtherCluster { shard: shard.clone() });
        }
        let told = tokio::time::timeout(ANSWER_TIMEOUT, own::topology::catch_up(&mut connection, topology)).await;
        told.map_err(silent)?.map_err(|error| unseen(error.into()))?;
    }
    let leaving = Shard { id: shard.clone(), endpoint };
    end_branches(hands, topology, &leaving, LeavingAnswer::Required).await?;
    if look::has_prepared(&mut connection).await.map_err(|error| unseen(error.into()))? {
        return Err(RetireError::StrangersBranch { shard: shard.clone() });
    }
    let found = look_for_rows(&mut connection, &hands.settings.layout, copies).await.map_err(|e| unseen(e.into()))?;
    match found {
        Some(RemainingRows { table, rows }) => Err(RetireError::HoldsRows { shard: shard.clone(), table, rows }),
        None => Ok(()),
    }
}

fn is_same_server(one: &Shard, other: &Shard) -> bool {
    one.endpoint.address() == other.endpoint.address()
}

async fn tell(hands: &Hands, shard: &Shard) -> Result<(), ClusterError> {
    let tell = async {
        let connected = keyspace::mysql::connect(&shard.endpoint).await;
        let mut connection = connected.map_err(|source| ClusterError::Connect { shard: shard.id.clone(), source })?;
        let told = own::topology::catch_up(&mut connection, &hands.cluster.topology()).await;
        told.map_err(|source| ClusterError::Store { shard: shard.id.clone(), source })
    };
    tokio::time::timeout(ANSWER_TIMEOUT, tell).await.unwrap_or(Err(ClusterError::ConnectTimeout(shard.id.clone())))
}

/// Whether the leaving shard itself must say that nothing is prepared on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LeavingAnswer {
    Required,
    /// Only if it answers: it may be away.
    Optional,
}

/// Waits until no branch is prepared that `leaving` decides, nor any on it; ends those whose router left them behind.
async fn end_branches(
    hands: &Hands,
    topology: &Topology,
    leaving: &Shard,
    answer: LeavingAnswer,
) -> Result<(), RetireError> {
    let patience = hands.settings.in_doubt_timeout;
    // Where the deciding shard is found, whether it is still in the topology or not.
    let addresses = topology.with_shard(leaving.clone());
    let began = Instant::now();
    loop {
        let mut open: Vec<(ShardId, Xid)> = Vec::new();
        for shard in addresses.shards() {
            match prepared_on(shard).await {
                Ok(branches) => {
                    let concerns = |xid: &Xid| shard.id == leaving.id || *xid.decider() == leaving.id;
                    open.extend(branches.into_iter().filter(concerns).map(|xid| (shard.id.clone(), xid)));
                }
                Err(error) if shard.id == leaving.id && answer == LeavingAnswer::Optional => {
                    tracing::debug!(shard = %shard.id, %error, "no look at its prepared transactions");
                }
                Err(source) => return Err(RetireError::Branches { on: shard.id.clone(), source }),
            }
        }
        let Some((on, _)) = open.first() else { return Ok(()) };
        if began.elapsed() >= patience + BRANCH_TIMEOUT {
            return Err(RetireError::InDoubt { shard: leaving.id.clone(), on: on.clone() });
        }
        if began.elapsed() >= patience {
            for (on, xid) in &open {
                if let Err(error) = recovery::resolve(&addresses, on, xid).await {
                    tracing::warn!(shard = %on, %xid, %error, "a transaction stays in doubt for now");
                }
            }
        }
        tokio::time::sleep(BRANCH_POLL).await;
    }
}

async fn prepared_on(shard: &Shard) -> Result<Vec<Xid>, sqlx::Error> {
    let ask = async { recovery::prepared(&mut look::connect(&shard.endpoint).await?).await };
    tokio::time::timeout(ANSWER_TIMEOUT, ask).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
