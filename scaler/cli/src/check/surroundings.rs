//! What the scaler depends on beyond the shards: a Prometheus that sees them, and a backend that could add one.

use std::collections::BTreeSet;
use std::path::Path;

use backends::{Instance, InstanceName, InstanceSpec, InstanceState};
use keyspace::errors::chain;
use keyspace::slots::SlotSet;
use keyspace::topology::Topology;
use scaler::actions::retire::{RemainingRows, connect, look_for_rows};
use scaler::actions::scale_out::next_shard;
use scaler::actions::settle;
use scaler::instances::endpoint_of;
use scaler::prometheus::{MetricSource, Unknown};

use crate::check::finding::{Finding, Severity};
use crate::config::{BackendKind, Config};
use crate::parts::{prometheus_client, provisioner};

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
    let asked = async { provisioner(config, data_dir)?.preflight(&spec).await };
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

/// Instances of the backend that are no shard: what an addition or a drain left, or makes right now.
pub(super) async fn orphans(config: &Config, instances: &[Instance], topology: &Topology, findings: &mut Vec<Finding>) {
    for orphan in settle::orphans(topology, &config.shards, instances) {
        if orphan.state == InstanceState::Creating {
            let problem = "belongs to no shard and is half-made";
            let remedy = "the running scaler finishes or removes it";
            findings.push(Finding::new(Severity::Note, &orphan.id, problem, remedy));
            continue;
        }
        let looked = async {
            let endpoint = endpoint_of(&orphan).map_err(|error| chain(&error))?;
            let mut connection = connect(&endpoint).await.map_err(|error| chain(&error))?;
            let found = look_for_rows(&mut connection, &config.layout, &SlotSet::empty()).await;
            found.map_err(|error| chain(&error))
        };
        findings.push(match looked.await {
            Ok(None) => Finding::new(
                Severity::Note,
                &orphan.id,
                "belongs to no shard and holds no rows",
                "it is about to join, or the running scaler destroys it",
            ),
            Ok(Some(RemainingRows { table, rows })) => Finding::new(
                Severity::Warning,
                &orphan.id,
                format!("belongs to no shard and holds {rows} rows of table {table}"),
                "save what you need and drop the table there: the scaler then destroys it, at its next start or within \
                 ten minutes",
            ),
            Err(problem) => Finding::new(
                Severity::Warning,
                &orphan.id,
                format!("belongs to no shard and cannot be looked at: {problem}"),
                "start its server: the scaler destroys it once it is known to hold no rows",
            ),
        });
    }
}
