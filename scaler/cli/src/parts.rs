//! From a configuration to the parts that services run on.

mod accounts;
mod provisioner;
mod secret;
mod settings;

use std::path::{Path, PathBuf};

use scaler::prometheus::Prometheus;
use scaler::prometheus::config::PrometheusConfig;

pub use self::accounts::accounts;
pub use self::provisioner::provisioner;
pub use self::secret::KeyFile;
pub use self::settings::{pool, scaler_settings};
use crate::config::Config;

/// The configuration is sound, but not for this command: wrong usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnfitConfig(pub String);

/// Where the catalogue lies.
pub fn catalogue_path(config: &Config, data_dir: &Path) -> PathBuf {
    match &config.catalogue {
        Some(url) => PathBuf::from(url.trim_start_matches("sqlite:").trim_start_matches("//")),
        None => data_dir.join("catalogue.db"),
    }
}

/// A client for the `prometheus` section of the configuration.
pub fn prometheus_client(section: &serde_json::Value) -> Result<Prometheus, UnfitConfig> {
    let unfit = |problem: &dyn std::fmt::Display| UnfitConfig(format!("the configuration's `prometheus`: {problem}"));
    let config: PrometheusConfig = serde_json::from_value(section.clone()).map_err(|error| unfit(&error))?;
    Prometheus::new(&config).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        unfit(&lines.join("; "))
    })
}
