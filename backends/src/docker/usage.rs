//! What a container uses, from the engine's statistics.

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;

use super::engine::{Engine, found};
use crate::ProvisionError;

/// CPU time since the container started and memory that it cannot give back; `None` where it does not run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ContainerUsage {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
}

pub(super) async fn of_container(engine: &Engine, container: &str) -> Result<ContainerUsage, ProvisionError> {
    // One shot: the engine answers at once instead of comparing two samples.
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let mut samples = std::pin::pin!(engine.client().await?.stats(container, Some(options)));
    let sample = match samples.next().await {
        Some(sample) => found(sample).map_err(engine.failed("measure a container"))?,
        None => None,
    };
    Ok(sample.map_or_else(ContainerUsage::default, |sample| read(&sample)))
}

/// Memory is what counts against the limit without the page cache that would be given back, as `docker stats`
/// shows it: `total_inactive_file` is cgroup v1's name of it and `inactive_file` v2's.
fn read(sample: &ContainerStatsResponse) -> ContainerUsage {
    let cpu_nanoseconds = sample.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    let memory = sample.memory_stats.as_ref();
    let cache = memory.and_then(|memory| {
        let details = memory.stats.as_ref()?;
        details.get("total_inactive_file").or(details.get("inactive_file")).copied()
    });
    let usage = memory.and_then(|memory| memory.usage);
    ContainerUsage {
        // A stopped container's sample is all zeros on some engines.
        cpu_seconds: cpu_nanoseconds.filter(|spent| *spent > 0).map(|spent| spent as f64 / 1e9),
        memory_bytes: usage.filter(|bytes| *bytes > 0).map(|bytes| bytes.saturating_sub(cache.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, cpu_seconds: Option<f64>, memory_bytes: Option<u64>) {
        let sample = serde_json::from_str(json).unwrap();
        assert_eq!(read(&sample), ContainerUsage { cpu_seconds, memory_bytes });
    }

    #[test]
    fn both_generations_of_cgroups_are_understood() {
        check(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":1500000000}},
                "memory_stats":{"usage":100,"stats":{"total_inactive_file":30,"inactive_file":10}}}"#,
            Some(1.5),
            Some(70),
        );
        check(
            r#"{"cpu_stats":{"cpu_usage":{"total_usage":2000000000}},
                "memory_stats":{"usage":100,"stats":{"inactive_file":130}}}"#,
            Some(2.0),
            Some(0),
        );
    }

    #[test]
    fn what_does_not_run_uses_nothing_that_is_known() {
        check(r#"{"cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}"#, None, None);
        check("{}", None, None);
    }
}
