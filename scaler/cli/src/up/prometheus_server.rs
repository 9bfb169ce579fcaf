//! A Prometheus of our own, for clusters that name none.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use backends::ProgramCommand;

use super::error::UpError;
use super::packages::find;
use crate::up::data_dir::{create_private_dir, failed};
use crate::up::ports;
use crate::up::supervised::{Supervised, Task};

const NAME: &str = "prometheus";
const RETENTION: &str = "15d";
/// Prometheus' own examples scrape every 15 s; rarer than that no rule gets fresh values.
const LONGEST_SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
const SHORTEST_SCRAPE_INTERVAL: Duration = Duration::from_millis(100);
/// How soon a new shard is scraped. Asking costs next to nothing.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(5);

/// Whom to scrape. The exporters are found through the scaler.
#[derive(Clone, Debug)]
pub struct ScrapeTargets {
    pub router: SocketAddr,
    pub scaler: SocketAddr,
}

#[derive(Debug)]
pub struct PrometheusServer {
    listen: SocketAddr,
    program: Supervised,
}

impl PrometheusServer {
    /// Starts Prometheus with its configuration, log and data in `dir` (absolute) and returns when it answers
    /// queries. It scrapes as often as the scaler looks, at least every 15 s.
    pub async fn start(
        dir: &Path,
        listen: SocketAddr,
        monitoring_interval: Duration,
        targets: &ScrapeTargets,
    ) -> Result<PrometheusServer, UpError> {
        let program = find(&[NAME], NAME)?;
        create_private_dir(dir)?;
        crate::up::end_leftovers(dir).await?;
        ports::check_free(NAME, listen)?;
        let config_file = dir.join("prometheus.yml");
        std::fs::write(&config_file, config(monitoring_interval, targets)).map_err(failed("write", &config_file))?;
        let command = ProgramCommand {
            program,
            args: vec![
                format!("--config.file={}", config_file.display()),
                format!("--storage.tsdb.path={}", dir.join("data").display()),
                format!("--storage.tsdb.retention.time={RETENTION}"),
                format!("--web.listen-address={listen}"),
            ],
            env: Vec::new(),
            log_file: dir.join("prometheus.log"),
        };
        let ready_url = format!("http://{listen}/-/ready");
        let task = Task { name: NAME.to_owned(), dir: dir.to_owned(), command, ready_url };
        let server = PrometheusServer { listen, program: Supervised::start(task).await? };
        if server.keeps_its_data_in(&dir.join("data")).await {
            return Ok(server);
        }
        server.stop().await?;
        Err(ports::in_use(NAME, listen))
    }

    /// Another Prometheus may have taken the address between our look at it and our server's: then that one answers.
    async fn keeps_its_data_in(&self, folder: &Path) -> bool {
        let flags = async {
            let answer = reqwest::get(format!("{}/api/v1/status/flags", self.url())).await.ok()?;
            answer.json::<serde_json::Value>().await.ok()
        };
        flags.await.is_some_and(|flags| flags["data"]["storage.tsdb.path"].as_str() == folder.to_str())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub async fn stop(self) -> Result<(), UpError> {
        self.program.stop().await
    }
}

fn config(monitoring_interval: Duration, ScrapeTargets { router, scaler }: &ScrapeTargets) -> String {
    let interval = monitoring_interval.clamp(SHORTEST_SCRAPE_INTERVAL, LONGEST_SCRAPE_INTERVAL);
    let scrape = interval.as_millis();
    let discovery = interval.clamp(Duration::from_secs(1), DISCOVERY_INTERVAL).as_millis();
    // A timeout above the interval is refused by Prometheus, and its default is 10 s.
    format!(
        "\
# Written anew by each `sql-autoscaler up`.
global:
  scrape_interval: {scrape}ms
  scrape_timeout: {scrape}ms
  evaluation_interval: {scrape}ms
scrape_configs:
  - job_name: router
    static_configs:
      - targets: ['{router}']
  - job_name: scaler
    static_configs:
      - targets: ['{scaler}']
  - job_name: mysqld
    http_sd_configs:
      - url: http://{scaler}/sd/mysqld
        refresh_interval: {discovery}ms
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: f64) -> String {
        let targets = ScrapeTargets { router: "127.0.0.1:1".parse().unwrap(), scaler: "[::1]:2".parse().unwrap() };
        config(Duration::from_secs_f64(seconds), &targets)
    }

    #[test]
    fn the_configuration_names_every_target() {
        insta::assert_snapshot!(shown(1.0), @r"
        # Written anew by each `sql-autoscaler up`.
        global:
          scrape_interval: 1000ms
          scrape_timeout: 1000ms
          evaluation_interval: 1000ms
        scrape_configs:
          - job_name: router
            static_configs:
              - targets: ['127.0.0.1:1']
          - job_name: scaler
            static_configs:
              - targets: ['[::1]:2']
          - job_name: mysqld
            http_sd_configs:
              - url: http://[::1]:2/sd/mysqld
                refresh_interval: 1000ms
        ");
    }

    #[test]
    fn intervals_stay_within_what_prometheus_and_the_rules_can_use() {
        let long = shown(60.0);
        assert!(long.contains("scrape_interval: 15000ms") && long.contains("refresh_interval: 5000ms"), "{long}");
        let short = shown(0.01);
        assert!(short.contains("scrape_interval: 100ms") && short.contains("refresh_interval: 1000ms"), "{short}");
    }
}
