//! How moves are paced.

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::faults::Faults;
use keyspace::topology::ShardId;

use crate::faults::Point;
use crate::pace::Throttle;

/// The defaults suit production.
#[derive(Clone, Debug)]
pub struct MoveSettings {
    /// From the announcement until the first cutover: every router that can still write has seen the
    /// announcement by then, because routers refuse to write on a topology older than five seconds.
    pub confirmation_wait: Duration,
    /// From the switch until moved rows are deleted: reads that began before it end meanwhile.
    pub cleanup_delay: Duration,
    /// How long writers of moving slots may have to wait at most.
    pub cutover_budget: Duration,
    pub cutover_attempts: u32,
    /// Rows of the first copied chunk; the size adapts from there.
    pub chunk_rows: u32,
    pub throttle: Throttle,
    /// The room on the disks of targets. A move to a target that is not named is not checked for it.
    pub free_bytes: BTreeMap<ShardId, u64>,
    /// The user of the router's account, whose sessions end before the triggers of a move go.
    pub router_user: String,
    /// What tests let happen on the way.
    pub faults: Faults<Point>,
}

impl Default for MoveSettings {
    fn default() -> MoveSettings {
        MoveSettings {
            confirmation_wait: Duration::from_millis(5_200),
            cleanup_delay: Duration::from_secs(30),
            cutover_budget: Duration::from_millis(250),
            cutover_attempts: 120,
            chunk_rows: 1_000,
            throttle: Throttle::default(),
            free_bytes: BTreeMap::new(),
            router_user: keyspace::accounts::ROUTER_USER.to_owned(),
            faults: Faults::default(),
        }
    }
}
