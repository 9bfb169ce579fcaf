//! What a scaler is told, from the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use keyspace::faults::Faults;
use moves::MoveSettings;
use scaler::settings::Settings;

use crate::config::{BackendKind, Config};

/// Routers look once a second and may serve for the confirmation time after a look.
const CONFIRMATION_MARGIN: Duration = Duration::from_millis(200);

/// What the scaler takes of a configuration.
pub fn scaler_settings(config: &Config) -> Settings {
    Settings {
        shards: config.shards.clone(),
        pool: pool(config),
        shard_limits: config.backend.limits,
        layout: config.layout.clone(),
        scaling_thresholds: config.scaling_thresholds.clone(),
        scope: config.scope,
        monitoring_interval: config.monitoring_interval,
        min_shards: config.min_shards,
        max_shards: config.max_shards,
        mode: config.mode,
        cooldown: config.cooldown,
        scale_in: config.scale_in,
        in_doubt_timeout: config.limits.in_doubt_timeout,
        moves: MoveSettings {
            confirmation_wait: config.moves.confirmation + CONFIRMATION_MARGIN,
            cleanup_delay: config.moves.cleanup_delay,
            cutover_budget: config.moves.cutover_budget,
            cutover_attempts: config.moves.cutover_attempts,
            chunk_rows: config.moves.chunk_rows,
            throttle: config.moves.throttle.clone(),
            free_bytes: BTreeMap::new(),
            router_user: config.router_account.user.clone(),
            faults: Faults::from_env(),
        },
    }
}

/// The prepared servers of a configuration, none with another backend.
pub fn pool(config: &Config) -> Vec<keyspace::endpoint::Endpoint> {
    match &config.backend.kind {
        BackendKind::Static(pool) => pool.clone(),
        BackendKind::Process | BackendKind::Docker(_) => Vec::new(),
    }
}
