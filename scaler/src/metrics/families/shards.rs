//! The families about shards.

use prometheus::{CounterVec, Gauge, GaugeVec};

use super::registrar::Registrar;

/// What each shard's server is, uses and may use.
pub struct ServerFamilies {
    pub info: GaugeVec,
    pub cpu_seconds: CounterVec,
    pub cpu_limit: GaugeVec,
    pub memory: GaugeVec,
    pub memory_limit: GaugeVec,
    pub disk_used: GaugeVec,
    pub disk_capacity: GaugeVec,
    pub disk_available: GaugeVec,
}

impl ServerFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> ServerFamilies {
        ServerFamilies {
            info: registrar.gauges(
                "shard_info",
                "A shard's instance; always 1.",
                &["shard", "provisioner", "instance_id", "server_version"],
            ),
            cpu_seconds: registrar.counters(
                "shard_process_cpu_seconds_total",
                "CPU time that the shard's server has used since it started.",
                &["shard"],
            ),
            cpu_limit: registrar.gauges("shard_cpu_limit_cores", "CPU that the shard's server may use.", &["shard"]),
            memory: registrar.gauges(
                "shard_process_resident_memory_bytes",
                "Resident memory of the shard's server.",
                &["shard"],
            ),
            memory_limit: registrar.gauges(
                "shard_memory_limit_bytes",
                "Memory that the shard's server may use.",
                &["shard"],
            ),
            disk_used: registrar.gauges("shard_disk_used_bytes", "Disk space that the shard uses.", &["shard"]),
            disk_capacity: registrar.gauges(
                "shard_disk_capacity_bytes",
                "Disk space that the shard may use.",
                &["shard"],
            ),
            disk_available: registrar.gauges(
                "shard_disk_available_bytes",
                "Disk space that is left for the shard.",
                &["shard"],
            ),
        }
    }
}

/// Whether each shard answers, and what it holds.
pub struct ShardFamilies {
    pub up: GaugeVec,
    pub slots: GaugeVec,
    pub hottest_slot: GaugeVec,
    pub prepared: GaugeVec,
    pub pending_changes: GaugeVec,
    pub rows: GaugeVec,
}

impl ShardFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> ShardFamilies {
        ShardFamilies {
            up: registrar.gauges("shard_up", "1 if the shard answered the scaler's last look.", &["shard"]),
            slots: registrar.gauges("shard_slots", "Slots, of 16384, that the shard owns.", &["shard"]),
            hottest_slot: registrar.gauges(
                "shard_hottest_slot_ratio",
                "The hottest slot's part of what routers ask of the shard, 0 to 1; absent when unknown.",
                &["shard"],
            ),
            prepared: registrar.gauges(
                "shard_prepared_transactions",
                "XA branches that are prepared on the shard and not yet decided.",
                &["shard"],
            ),
            pending_changes: registrar.gauges(
                "rebalance_pending_changes",
                "Logged changes of a move on its source that are not yet replayed; absent without a move.",
                &["shard"],
            ),
            rows: registrar.gauges(
                "shard_rows",
                "Rows of a table that the shard owns; large tables by the engine's estimate.",
                &["shard", "table"],
            ),
        }
    }
}

/// How many shards and instances there are.
pub struct FleetFamilies {
    pub shards: GaugeVec,
    pub orphans: Gauge,
    pub min: Gauge,
    pub max: Gauge,
}

impl FleetFamilies {
    pub(super) fn register(registrar: &Registrar<'_>) -> FleetFamilies {
        FleetFamilies {
            shards: registrar.gauges("scaler_shards", "Shards by state, and how many are desired.", &["state"]),
            orphans: registrar.gauge(
                "scaler_orphans",
                "Instances of the backend that belong to no shard, and hold rows or could not be looked at.",
            ),
            min: registrar.gauge("scaler_shards_min", "Fewest shards that the configuration allows."),
            max: registrar.gauge("scaler_shards_max", "Most shards that the configuration allows."),
        }
    }
}
