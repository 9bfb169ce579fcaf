//! What the scaler depends on beyond the shards: a Prometheus that sees them, and a backend that could add one.

use std::collections::BTreeSet;
use std::path::Path;

use backends::{InstanceName, InstanceSpec};
use router::topology::Topology;
use router::topology::watch::chain;

use super::super::{backend, prometheus_client};
use super::{Finding, Severity};
use crate::config::{BackendKind, Config};
use crate::prometheus::{MetricSource, Unknown};
use crate::scale_out::next_shard;

/// Asks the configured Prometheus for what the rules are made of. One that `up` starts is its own business.
pub(super) async fn prometheus(config: &Config, topology: &Topology, findings: &mut Vec<Finding>) {
    let Some(section) = &config.prometheus else { return };
    let client = match prometheus_client(section) {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::new(Severity::Error, "prometheus", error, "correct the configuration"));
            return;
        }
    };
    let seen = match client.query("max by (shard) (mysql_up)").await {
        Ok(samples) => samples,
        Err(Unknown::Empty) => Vec::new(),
        Err(reason) => {
            let remedy = "start it, or correct `prometheus`: without it no rule decides anything";
            findings.push(Finding::new(Severity::Warning, "prometheus", format!("cannot be asked: {reason}"), remedy));
            return;
        }
    };
    let answering: BTreeSet<&str> = seen
        .iter()
        .filter(|sample| sample.value().is_ok_and(|value| value == 1.0))
        .filter_map(|sample| sample.labels.get("shard").map(String::as_str))
        .collect();
    for shard in topology.shards().iter().filter(|shard| !answering.contains(shard.id.as_str())) {
        let is_seen =
            seen.iter().any(|sample| sample.labels.get("shard").is_some_and(|name| *name == shard.id.as_str()));
        let (problem, remedy) = match is_seen {
            true => (
                "mysqld_exporter cannot log in to it, or it does not answer",
                "look at the exporter's log; `exporter` in the configuration makes its account on every shard",
            ),
            false => (
                "Prometheus has no mysql_up of it",
                "start mysqld_exporter (0.15 or newer) and scrape it through the scaler's /sd/mysqld, as \
                 compose/prometheus/prometheus.yml does: without it the rules for CPU, memory, connections and \
                 queries are unknown",
            ),
        };
        findings.push(Finding::new(Severity::Warning, &shard.id, problem, remedy));
    }
}

/// Asks the backend whether the next shard could be added. A process would lay out its template, which is for `up`.
pub(super) async fn backend(config: &Config, data_dir: &Path, topology: &Topology, findings: &mut Vec<Finding>) {
    if config.backend.kind == BackendKind::Process {
        return;
    }
    let Some(name) = next_shard(topology).ok().and_then(|shard| InstanceName::new(shard.as_str()).ok()) else { return };
    let spec = InstanceSpec {
        owner: config.cluster.clone(),
        name,
        database: topology.home().endpoint.database().to_owned(),
        limits: config.backend.limits,
    };
    let asked = async { backend::provisioner(config, data_dir)?.preflight(&spec).await };
    if let Err(error) = asked.await {
        let problem = format!("{} could not be added: {}", spec.name, chain(&error));
        findings.push(Finding::new(
            Severity::Warning,
            "backend",
            problem,
            "until that is mended the scaler cannot scale out",
        ));
    }
}
