//! Why the catalogue cannot be used.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("another scaler is running with the catalogue {}: stop it first", .0.display())]
    Held(PathBuf),
    #[error("cannot open {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the catalogue has schema version {found}, but this scaler knows versions up to {known} only")]
    Newer { found: usize, known: usize },
    #[error("the catalogue's database failed")]
    Database(#[from] sqlx::Error),
    #[error("the catalogue's entry `{entry}` is not what this scaler writes")]
    Entry { entry: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{0}` is not an action in progress")]
    NoOpenAction(String),
}
