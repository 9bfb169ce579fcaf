//! The backend's servers: started before everything else, kept running, and stopped after it by `up`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use backends::{
    Instance, InstanceId, InstanceName, InstanceSpec, InstanceState, OperationId, Owner, ProvisionError, Provisioner,
};
use keyspace::errors::chain;
use keyspace::topology::{Shard, ShardId};
use moves::cluster::Cluster;
use scaler::instances::endpoint_of;

use crate::config::Config;
use crate::output::tell;

/// How often the servers are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A server that does not start again is left alone for so long.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// The shards that this data folder holds, all running; a first one if there is none.
pub(super) async fn own_shards(
    provisioner: &dyn Provisioner,
    owner: &Owner,
    config: &Config,
) -> anyhow::Result<Vec<Shard>> {
    let known = running_again(provisioner, owner).await?;
    if !known.is_empty() {
        return Ok(known);
    }
    tell(format_args!("starting shard-1 …"));
    let spec = InstanceSpec {
        owner: owner.clone(),
        name: InstanceName::new("shard-1")?,
        database: config.database.clone(),
        limits: config.backend.limits,
    };
    let operation = OperationId::new("bootstrap-shard-1")?;
    provisioner.preflight(&spec).await.or_else(ignore_taken).context("shard-1 cannot be started")?;
    let instance = provisioner.create(&operation, &spec).await.context("shard-1 did not start")?;
    Ok(vec![Shard { id: ShardId::new("shard-1")?, endpoint: endpoint_of(&instance)? }])
}

/// A first start that was cut short has the name already, and `create` finishes it.
fn ignore_taken(error: ProvisionError) -> Result<(), ProvisionError> {
    match error {
        ProvisionError::NameTaken { .. } => Ok(()),
        error => Err(error),
    }
}

/// Every instance of an earlier run, running again, in the order of their numbers.
pub(super) async fn running_again(provisioner: &dyn Provisioner, owner: &Owner) -> anyhow::Result<Vec<Shard>> {
    let mut shards = Vec::new();
    for instance in provisioner.list(owner).await? {
        let instance = match instance.state {
            InstanceState::Ready => instance,
            // Never became ready: the scaler's journal knows whether it is to be finished or removed.
            InstanceState::Creating => continue,
            _ => {
                tell(format_args!("starting {} …", instance.name));
                provisioner.start(&instance.id).await.with_context(|| format!("{} did not start", instance.name))?
            }
        };
        shards.push(Shard { id: ShardId::new(instance.name.as_str())?, endpoint: endpoint_of(&instance)? });
    }
    let number = |shard: &Shard| shard.id.as_str().rsplit('-').next().and_then(|digits| digits.parse::<u32>().ok());
    shards.sort_by_key(|shard| (number(shard), shard.id.clone()));
    Ok(shards)
}

pub(super) async fn stop_all(provisioner: &dyn Provisioner, owner: &Owner) {
    let instances = match provisioner.list(owner).await {
        Ok(instances) => instances,
        Err(error) => {
            tracing::error!(%error, "the running servers could not be listed");
            return;
        }
    };
    let stops = instances.iter().map(|instance| async move {
        if let Err(error) = provisioner.stop(&instance.id).await {
            tracing::error!(instance = %instance.id, %error, "a server did not stop");
        }
    });
    futures_util::future::join_all(stops).await;
}

/// Starts again what ended by itself, until `stopped`. Only shards of the topology: others are the scaler's to finish
/// or to remove.
pub(super) async fn keep_running(
    provisioner: Arc<dyn Provisioner>,
    owner: Owner,
    cluster: Cluster,
    stopped: impl Future<Output = ()>,
) {
    tokio::pin!(stopped);
    let mut failed: HashMap<InstanceId, Instant> = HashMap::new();
    let mut can_list = true;
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let topology = cluster.topology();
        let instances = match provisioner.list(&owner).await {
            Ok(instances) => {
                can_list = true;
                instances
            }
            Err(error) => {
                // Told once, not every second for as long as an engine is away.
                if can_list {
                    tracing::warn!(error = chain(&error), "the running servers cannot be listed for now");
                }
                can_list = false;
                continue;
            }
        };
        // Of shards that an engine did not tell of when the scaler started.
        for endpoint in instances.iter().filter_map(|instance| endpoint_of(instance).ok()) {
            cluster.learn(&endpoint);
        }
        for instance in instances.into_iter().filter(|instance| instance.state == InstanceState::Failed) {
            let is_shard = ShardId::new(instance.name.as_str()).is_ok_and(|id| topology.shard(&id).is_some());
            let failed_lately = failed.get(&instance.id).is_some_and(|at| at.elapsed() < RETRY_INTERVAL);
            if !is_shard || failed_lately {
                continue;
            }
            tracing::warn!(shard = %instance.name, "the server ended by itself, starting it again");
            // Not to be left half done: the start ends before a stop of everything begins.
            match provisioner.start(&instance.id).await {
                Ok(instance) => {
                    tracing::info!(shard = %instance.name, "the server answers again");
                    if let Err(error) = follow(&cluster, &instance).await {
                        tracing::error!(shard = %instance.name, error, "its new address could not be published");
                    }
                }
                Err(error) => {
                    failed.insert(instance.id.clone(), Instant::now());
                    tracing::error!(shard = %instance.name, error = chain(&error), "the server did not start again");
                }
            }
        }
    }
}

/// Publishes where a server is reached now, if its port was taken by somebody else while it was away.
async fn follow(cluster: &Cluster, instance: &Instance) -> Result<(), String> {
    let id = ShardId::new(instance.name.as_str()).map_err(|error| error.to_string())?;
    let moved = Shard { id, endpoint: endpoint_of(instance).map_err(|error| chain(&error))? };
    cluster.learn(&moved.endpoint);
    if cluster.topology().shard(&moved.id).is_none_or(|known| known.endpoint.is_same_place(&moved.endpoint)) {
        return Ok(());
    }
    cluster.relocate(moved).await.map_err(|error| chain(&error))
}
