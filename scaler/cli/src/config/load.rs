//! From a file to a configuration.

use std::path::{Path, PathBuf};

use super::mistakes::ConfigErrors;
use super::{Config, read};

/// The file that is read when none is named and the current folder has it.
pub const DEFAULT_FILE: &str = "sql-autoscaler.json";

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the configuration {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration {path} has mistakes")]
    Mistakes { path: PathBuf, source: ConfigErrors },
}

impl Config {
    /// Reads the configuration. `env` gives the value of an environment variable; `base_dir` is what relative file
    /// names in `…_file` keys start from. Those files are the only thing read here besides the arguments.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn from_json(
        text: &str,
        base_dir: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigErrors> {
        read::config(text, base_dir, env)
    }

    /// The configuration of `file`; without one, that of [`DEFAULT_FILE`] in the current folder or, if there is
    /// none, the built-in defaults.
    pub fn load(file: Option<&Path>) -> Result<Config, LoadError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => "{}".to_owned(),
            read => read.map_err(|source| LoadError::Read { path: path.to_owned(), source })?,
        };
        Config::from_json(&text, path.parent().unwrap_or(Path::new("")), &|name| std::env::var(name).ok())
            .map_err(|source| LoadError::Mistakes { path: path.to_owned(), source })
    }
}
