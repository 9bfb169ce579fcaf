//! What is wrong with a cluster, found by looking at every shard.

mod accounts;
mod agreement;
mod between;
mod finding;
mod leftovers;
mod look;
mod placement;
mod progress;
mod repair;
mod rows;
mod session;
mod surroundings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use backends::Instance;
use futures_util::future::join_all;
use keyspace::errors::chain;
use keyspace::logins::Logins;
use keyspace::own;
use keyspace::schema::Schema;
use keyspace::topology::{Epoch, Shard, ShardId, Topology};
use moves::cluster::Cluster;
use scaler::instances::endpoint_of;
use serde::Serialize;

use crate::check::agreement::CarriedTopology;
use crate::check::finding::{Finding, Severity, unreachable};
use crate::check::placement::Owners;
use crate::check::progress::Progress;
pub use crate::check::repair::Repair;
use crate::check::repair::Repaired;
use crate::check::session::{ANSWER_TIMEOUT, connect};
use crate::check::session::{CheckError, ShardSession};
use crate::config::{BackendKind, Config};
use crate::output;
use crate::parts::provisioner;
use crate::parts::{self, KeyFile};

/// What one pass over the cluster found.
struct Inspection {
    topology: Option<Topology>,
    findings: Vec<Finding>,
}

/// Prints what is wrong with the cluster, after removing what is provably surplus if that is wanted; success if nothing is
/// left.
pub async fn run(config: Config, data_dir: PathBuf, repair: Option<Repair>, json: bool) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new();
    let repaired = match repair {
        Some(repair) => Some((repair, repair_cluster(&config, &data_dir, repair, &mut progress).await?)),
        None => None,
    };
    let Inspection { topology, mut findings } = look_until_it_stands_still(&config, &data_dir, &mut progress).await?;
    if let Some((_, repaired)) = &repaired {
        findings.extend(repaired.findings.iter().cloned());
        findings.extend(repaired.refused.iter().map(|why| {
            Finding::new(
                Severity::Error,
                "repair",
                format!("nothing was removed: {why}"),
                "mend that, and run it again",
            )
        }));
    }
    findings.sort_by_key(|finding| finding.severity);
    match (json, &repaired) {
        (true, None) => write_out(&serde_json::to_string_pretty(&findings)?)?,
        (true, Some((repair, repaired))) => {
            let report = Report {
                dry_run: *repair == Repair::DryRun,
                removed: &repaired.removed,
                refused: repaired.refused.as_deref(),
                findings: &findings,
            };
            write_out(&serde_json::to_string_pretty(&report)?)?;
        }
        (false, repaired) => {
            if let Some((repair, repaired)) = repaired {
                repaired.removed.iter().try_for_each(|removal| write_out(&removal.text(*repair)))?;
            }
            write_out(&as_text(&findings, topology.as_ref()))?;
        }
    }
    let clean = findings.iter().all(|finding| finding.severity == Severity::Note);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What `check --repair --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// Then `removed` is what would be.
    dry_run: bool,
    removed: &'a [repair::Removal],
    /// Why nothing was removed.
    refused: Option<&'a str>,
    /// What is left.
    findings: &'a [Finding],
}

async fn repair_cluster(
    config: &Config,
    data_dir: &Path,
    repair: Repair,
    progress: &mut Progress,
) -> anyhow::Result<Repaired> {
    // Whatever keeps a shard from being found or read is told by the look that follows.
    let seeds = seeds(config, &instances(config, data_dir, &mut Vec::new()).await)?;
    match newest_topology(config, &seeds, &mut Vec::new()).await {
        Some(topology) => {
            let carried = carried(&topology).await;
            Ok(repair::run(&topology, &carried, &config.layout, repair, progress).await)
        }
        None => Ok(Repaired { refused: Some("no shard carries a topology".to_owned()), ..Repaired::default() }),
    }
}

/// Where rows belong is only known of a cluster whose topology does not change meanwhile.
async fn look_until_it_stands_still(
    config: &Config,
    data_dir: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Inspection> {
    const LOOKS: u32 = 3;
    let mut looks = 1;
    loop {
        let mut looked = look(config, data_dir, progress).await?;
        let Some(topology) = &looked.topology else { return Ok(looked) };
        if newest_epoch(topology).await == Some(topology.epoch()) {
            return Ok(looked);
        }
        if looks == LOOKS {
            looked.findings.push(Finding::new(
                Severity::Note,
                "cluster",
                "its topology changed while it was looked at: rows may have been on their way",
                "look again when no move is in progress",
            ));
            return Ok(looked);
        }
        looks += 1;
    }
}

/// The newest epoch that any shard of a topology carries; the topology's own if none can be read.
async fn newest_epoch(topology: &Topology) -> Option<Epoch> {
    let carried = carried(topology).await;
    let epochs = carried.into_iter().filter_map(|(_, read)| read.ok().flatten()).map(|topology| topology.epoch());
    epochs.max().or(Some(topology.epoch()))
}

async fn look(config: &Config, data_dir: &Path, progress: &mut Progress) -> anyhow::Result<Inspection> {
    let mut findings = Vec::new();
    let instances = instances(config, data_dir, &mut findings).await;
    let seeds = seeds(config, &instances)?;
    let Some(topology) = newest_topology(config, &seeds, &mut findings).await else {
        findings.push(Finding::new(
            Severity::Warning,
            "cluster",
            "no shard carries a topology",
            "start a router or the scaler once: it makes the first one",
        ));
        return Ok(Inspection { topology: None, findings });
    };
    let carried = carried(&topology).await;
    findings.extend(agreement::compare(&topology, &carried));
    findings.extend(accounts::stored_logins(&carried));
    let cluster = Cluster::new(topology.clone(), Arc::new(|| {}));
    let mut schemas = BTreeMap::new();
    for shard in topology.shards() {
        let schema = look::at_shard(&cluster, shard, &config.layout, &mut findings).await;
        schemas.extend(schema.map(|schema| (shard.id.clone(), schema)));
    }
    let made = parts::accounts(config, KeyFile::Read(data_dir))?;
    accounts::look(&cluster, &topology, &made, config.exporter.is_some(), &mut findings).await;
    look_at_rows(&cluster, &topology, &schemas, &mut findings, progress).await;
    // In the topology's order, whose first shard is the home.
    let in_order = topology.shards().iter().filter_map(|shard| Some((shard, schemas.get(&shard.id)?)));
    let in_order: Vec<_> = in_order.collect();
    look::compare_schemas(&in_order, &config.layout, &mut findings);
    if let Some((shard, schema)) = in_order.first() {
        between::foreign_keys(shard, &config.layout, &mut findings).await;
        between::reference_tables(&topology, schema, &mut findings).await;
    }
    surroundings::prometheus(config, &topology, &mut findings).await;
    surroundings::backend(config, data_dir, &topology, &mut findings).await;
    surroundings::orphans(config, &instances, &topology, &mut findings).await;
    Ok(Inspection { topology: Some(topology), findings })
}

async fn look_at_rows(
    cluster: &Cluster,
    topology: &Topology,
    schemas: &BTreeMap<ShardId, Schema>,
    findings: &mut Vec<Finding>,
    progress: &mut Progress,
) {
    let mut owners = Owners::new(cluster, schemas);
    for (shard, schema) in schemas {
        let looked = async {
            let mut here = ShardSession::open(cluster, shard).await?;
            for table in schema.tables() {
                let checked = placement::check_table(&mut here, &mut owners, topology, table, findings, progress).await;
                if let Err(error) = checked {
                    findings.push(look::not_checked(format!("{shard} {}", table.name), &error));
                }
            }
            Ok::<_, CheckError>(())
        };
        if let Err(error) = looked.await {
            findings.push(look::not_checked(shard, &error));
        }
    }
}

/// What every shard of a topology carries, in its order.
async fn carried(topology: &Topology) -> Vec<CarriedTopology> {
    let cluster = Cluster::new(topology.clone(), Arc::new(|| {}));
    let reads = topology.shards().iter().map(|shard| {
        let cluster = cluster.clone();
        async move { (shard.id.clone(), read_topology(&cluster, &shard.id).await.map_err(|error| chain(&error))) }
    });
    join_all(reads).await
}

async fn read_topology(cluster: &Cluster, shard: &ShardId) -> Result<Option<Topology>, CheckError> {
    ShardSession::open(cluster, shard).await?.topology().await
}

fn write_out(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(output::results(), "{text}")
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
    let listed = async { provisioner(config, data_dir)?.list(&config.cluster).await };
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

/// The topology with the highest epoch that the seeds carry; of several, the first one's.
async fn newest_topology(config: &Config, seeds: &[Shard], findings: &mut Vec<Finding>) -> Option<Topology> {
    let reads = join_all(seeds.iter().map(|shard| async move {
        let read = async {
            let mut connection = connect(&shard.endpoint).await?;
            own::topology::read(&mut connection).await.map_err(|error| chain(&error))
        };
        let read = tokio::time::timeout(ANSWER_TIMEOUT * 2, read).await;
        (shard, read.unwrap_or_else(|_| Err(format!("no answer within {:?}", ANSWER_TIMEOUT * 2))))
    }));
    let logins = Logins::of(seeds);
    if let BackendKind::Static(pool) = &config.backend.kind {
        pool.iter().for_each(|server| logins.learn(server));
    }
    let mut newest: Option<Topology> = None;
    for (shard, read) in reads.await {
        match read {
            Ok(Some(found)) if newest.as_ref().is_none_or(|newest| found.epoch() > newest.epoch()) => {
                newest = Some(found)
            }
            Ok(_) => {}
            Err(problem) => findings.push(unreachable(&shard.id, &problem)),
        }
    }
    newest.map(|newest| logins.complete_topology(newest))
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
