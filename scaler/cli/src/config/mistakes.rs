//! What is wrong with a configuration.

use std::fmt;

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the JSON, as `scaling_thresholds.cpu_threshold_percent` or `shards.shard-1`; empty for the whole.
    pub path: String,
    pub message: String,
}

/// Everything wrong with the configuration, one line each. Shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub(super) Vec<Mistake>);

impl ConfigErrors {
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|Mistake { path, message }| match path.is_empty() {
            true => message.clone(),
            false => format!("{path}: {message}"),
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}
