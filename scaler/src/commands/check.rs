//! What is wrong with a cluster, found by looking at every shard.

mod between;
mod look;
mod surroundings;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use backends::Instance;
use router::session;
use router::topology::watch::chain;
use router::topology::{Shard, ShardId, Topology, store};
use serde::Serialize;

use super::backend;
use crate::config::Config;
use crate::scale_out::endpoint_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Rows are wrong, or will be.
    Error,
    /// Something will not work.
    Warning,
    /// Worth knowing; the cluster is clean all the same.
    Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    severity: Severity,
    /// A shard, a table, or both.
    place: String,
    problem: String,
    remedy: String,
}

impl Finding {
    fn new(severity: Severity, place: impl ToString, problem: impl ToString, remedy: impl ToString) -> Finding {
        Finding { severity, place: place.to_string(), problem: problem.to_string(), remedy: remedy.to_string() }
    }
}

/// Prints what is wrong with the cluster; success if nothing is.
pub async fn run(config: Config, data_dir: PathBuf, json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    let instances = instances(&config, &data_dir, &mut findings).await;
    let seeds = seeds(&config, &instances)?;
    let topology = newest_topology(&seeds, &mut findings).await;
    match &topology {
        Some(topology) => {
            let mut schemas = Vec::new();
            for shard in topology.shards() {
                let schema = look::at_shard(shard, topology, &config.layout, &mut findings).await;
                schemas.extend(schema.map(|schema| (shard.id.clone(), schema)));
            }
            look::compare_schemas(&schemas, &config.layout, &mut findings);
            if let Some((home, schema)) = schemas.first() {
                let shard = topology.shard(home).unwrap_or(topology.home());
                between::foreign_keys(shard, &config.layout, &mut findings).await;
                between::reference_tables(topology, schema, &mut findings).await;
            }
            surroundings::prometheus(&config, topology, &mut findings).await;
            surroundings::backend(&config, &data_dir, topology, &mut findings).await;
            surroundings::orphans(&config, &instances, topology, &mut findings).await;
        }
        None => findings.push(Finding::new(
            Severity::Warning,
            "cluster",
            "no shard carries a topology",
            "start a router or the scaler once: it makes the first one",
        )),
    }
    findings.sort_by_key(|finding| finding.severity);
    if json {
        write_out(&serde_json::to_string_pretty(&findings)?)?;
    } else {
        write_out(&as_text(&findings, topology.as_ref()))?;
    }
    let clean = findings.iter().all(|finding| finding.severity == Severity::Note);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn write_out(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{text}")
}

fn as_text(findings: &[Finding], topology: Option<&Topology>) -> String {
    let shards = topology.map_or(0, |topology| topology.shards().len());
    if findings.is_empty() {
        let plural = if shards == 1 { "" } else { "s" };
        return format!("clean: {shards} shard{plural}, every row where it belongs");
    }
    let lines = findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        format!("{severity:<8} {}: {}\n         {}", finding.place, finding.problem, finding.remedy)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the backend runs. One that has never run here has nothing to list, and is not to leave files behind.
async fn instances(config: &Config, data_dir: &Path, findings: &mut Vec<Finding>) -> Vec<Instance> {
    if !config.shards.is_empty() && !data_dir.exists() {
        return Vec::new();
    }
    let listed = async { backend::provisioner(config, data_dir)?.list(&config.cluster).await };
    listed.await.unwrap_or_else(|error| {
        findings.push(Finding::new(
            Severity::Warning,
            "backend",
            format!("its instances cannot be listed: {}", chain(&error)),
            "until that is mended no shard can be added",
        ));
        Vec::new()
    })
}

/// The configured shards, and those that the backend runs.
fn seeds(config: &Config, instances: &[Instance]) -> anyhow::Result<Vec<Shard>> {
    let mut seeds = config.shards.clone();
    for instance in instances {
        if let Ok(endpoint) = endpoint_of(instance) {
            seeds.push(Shard { id: ShardId::new(instance.name.as_str())?, endpoint });
        }
    }
    let hint = "no shards: name them under `shards`, or give the --data-dir of a running `up`";
    seeds.first().context(hint)?;
    Ok(seeds)
}

async fn newest_topology(seeds: &[Shard], findings: &mut Vec<Finding>) -> Option<Topology> {
    let mut newest: Option<Topology> = None;
    for shard in seeds {
        let read = async {
            let mut connection = session::connect(&shard.endpoint).await.map_err(|error| chain(&error))?;
            store::read(&mut connection).await.map_err(|error| chain(&error))
        };
        match read.await {
            Ok(found) => newest = newest.into_iter().chain(found).max_by_key(Topology::epoch),
            Err(problem) => findings.push(unreachable(&shard.id, &problem)),
        }
    }
    newest
}

fn unreachable(shard: &ShardId, problem: &str) -> Finding {
    Finding::new(
        Severity::Error,
        shard,
        format!("cannot be reached: {problem}"),
        "start its server, or correct its DSN and login",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_read_as_sentences() {
        let finding = Finding::new(Severity::Error, "shard-1 users", "3 rows lie on the wrong shard", "move them");
        assert_eq!(
            as_text(&[finding], None),
            "error    shard-1 users: 3 rows lie on the wrong shard\n         move them"
        );
        assert!(as_text(&[], None).starts_with("clean"));
    }
}
