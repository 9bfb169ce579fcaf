//! The metric families: names, help and labels. Names are an interface; dashboards and rules use them.

mod actions;
mod moves;
mod registrar;
mod rules;
mod shards;

use keyspace::description::Description;
use prometheus::{GaugeVec, Registry};

use self::actions::{ActionFamilies, ScalerFamilies};
use self::moves::MoveFamilies;
use self::registrar::Registrar;
use self::rules::RuleFamilies;
use self::shards::{FleetFamilies, ServerFamilies, ShardFamilies};

pub struct Families {
    /// Of all of them, in the order of their registration.
    pub descriptions: Vec<Description>,
    pub build_info: GaugeVec,
    pub servers: ServerFamilies,
    pub shards: ShardFamilies,
    pub fleet: FleetFamilies,
    pub rules: RuleFamilies,
    pub actions: ActionFamilies,
    pub scaler: ScalerFamilies,
    pub moves: MoveFamilies,
}

impl Families {
    pub fn register(registry: &Registry) -> Families {
        let registrar = &Registrar::new(registry);
        let mut families = Families {
            descriptions: Vec::new(),
            build_info: registrar.gauges("build_info", "The scaler's version; always 1.", &["version"]),
            servers: ServerFamilies::register(registrar),
            shards: ShardFamilies::register(registrar),
            fleet: FleetFamilies::register(registrar),
            rules: RuleFamilies::register(registrar),
            actions: ActionFamilies::register(registrar),
            scaler: ScalerFamilies::register(registrar),
            moves: MoveFamilies::register(registrar),
        };
        families.descriptions = registrar.take_descriptions();
        families
    }

    /// The gauges whose only label is the shard.
    pub fn of_one_shard(&self) -> [&GaugeVec; 11] {
        [
            &self.servers.cpu_limit,
            &self.servers.memory,
            &self.servers.memory_limit,
            &self.servers.disk_used,
            &self.servers.disk_capacity,
            &self.servers.disk_available,
            &self.shards.up,
            &self.shards.slots,
            &self.shards.hottest_slot,
            &self.shards.prepared,
            &self.shards.pending_changes,
        ]
    }
}
