//! Moves of slots over the shards of a router, as a scaler makes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyspace::schema::Layout;
use keyspace::slots::{self, SlotSet};
use keyspace::topology::{ShardId, Transfer};
use moves::MoveSettings;
use moves::cluster::Cluster;
use router::Router;

use super::bench::silent;
use super::servers::with_scalers_logins;

/// A scaler's handle on the shards of a router, which it tells of new topologies.
pub fn cluster_of(router: &Arc<Router>) -> Cluster {
    let nudged = router.clone();
    let nudge = Arc::new(move || {
        let router = nudged.clone();
        tokio::spawn(async move { router.refresh().await });
    });
    Cluster::new(with_scalers_logins((*router.topology().unwrap()).clone()), nudge)
}

/// Moves that are over soon: the only router hears of them at once.
pub fn quick_moves() -> MoveSettings {
    MoveSettings {
        confirmation_wait: Duration::from_millis(1200),
        cleanup_delay: Duration::from_millis(500),
        ..MoveSettings::default()
    }
}

/// Moves half of shard-1's slots to shard-2 and as many back until told to stop; counts the moves that ended.
pub async fn move_back_and_forth(router: &Arc<Router>, layout: &Layout, stop: &AtomicBool, ended: &AtomicUsize) {
    let cluster = cluster_of(router);
    let ids: Vec<ShardId> = cluster.topology().shards().iter().map(|shard| shard.id.clone()).collect();
    let mut moves = 0;
    while !stop.load(Ordering::Relaxed) {
        let (source, target) = (ids[moves % 2].clone(), ids[(moves + 1) % 2].clone());
        let slots: SlotSet = slots::plan_half(&cluster.topology().owned(&source));
        let transfer = Transfer { source, target, slots };
        moves::execute(&cluster, layout, &[transfer], &quick_moves(), &silent()).await.unwrap();
        moves += 1;
        ended.store(moves, Ordering::Relaxed);
    }
}
