//! The scaler's memory on disk: decisions, actions in progress, moves and small state, in one SQLite file.
//!
//! Everything in it may be lost without losing rows: the shards themselves hold the topology. What is here says
//! why the scaler did what it did, and lets it take up an action where the last process left it.

mod actions;
mod decisions;
mod error;
mod migrations;

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use actions::{Action, NewAction, Outcome};
pub use decisions::DecisionRecord;
pub use error::CatalogueError;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

/// The open catalogue. Clones share one connection and the file lock; the lock is free once all are dropped.
#[derive(Clone)]
pub struct Catalogue {
    pool: SqlitePool,
    _lock: Arc<Flock<File>>,
}

impl Catalogue {
    /// Opens the catalogue at `path`, creating it and its folders when missing, readable by this user only.
    ///
    /// Refuses with [`CatalogueError::Held`] while another process has it open.
    pub async fn open(path: impl AsRef<Path>) -> Result<Catalogue, CatalogueError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            created.map_err(|source| CatalogueError::File { path: folder.to_owned(), source })?;
        }
        let lock = lock(path)?;
        // Created here rather than by SQLite, so that no other user can open it before its mode is set. SQLite
        // gives the -wal and -shm files the mode of the database.
        open_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A write-ahead record that a power cut can take back is none.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        // One connection: SQLite has one writer anyway, and no call can then meet SQLITE_BUSY.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        migrations::apply(&pool).await?;
        Ok(Catalogue { pool, _lock: Arc::new(lock) })
    }

    /// What was saved last under `key`.
    pub async fn load_state<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CatalogueError> {
        let row = sqlx::query("SELECT value FROM state WHERE key = ?").bind(key).fetch_optional(&self.pool).await?;
        row.map(|row| from_json(key, &row.try_get::<String, _>(0)?)).transpose()
    }

    /// Replaces what is saved under `key`.
    pub async fn save_state<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), CatalogueError> {
        let value = to_json(key, value)?;
        sqlx::query(
            "INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Writes down how far a move of slots is; a later record of the same `id` replaces the earlier one.
    pub async fn record_move(&self, id: &str, progress: &Value, at: Timestamp) -> Result<(), CatalogueError> {
        sqlx::query(
            "INSERT INTO moves (id, progress, updated_at) VALUES (?, ?, ?) \
             ON CONFLICT (id) DO UPDATE SET progress = excluded.progress, updated_at = excluded.updated_at",
        )
        .bind(id)
        .bind(progress.to_string())
        .bind(at.to_string())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The latest record of each of the last `limit` moves, the move begun last first.
    pub async fn moves(&self, limit: usize) -> Result<Vec<Value>, CatalogueError> {
        let rows = sqlx::query("SELECT id, progress FROM moves ORDER BY ordinal DESC LIMIT ?")
            .bind(sql_limit(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| from_json(row.try_get(0)?, row.try_get(1)?)).collect()
    }
}

fn lock(catalogue: &Path) -> Result<Flock<File>, CatalogueError> {
    let mut path = catalogue.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    Flock::lock(open_private(&path)?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => CatalogueError::Held(catalogue.to_owned()),
        errno => CatalogueError::File { path, source: errno.into() },
    })
}

fn open_private(path: &Path) -> Result<File, CatalogueError> {
    let private = || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        // The mode above is for a new file only; an existing one may have been copied here with a wider one.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    };
    private().map_err(|source| CatalogueError::File { path: path.to_owned(), source })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn to_json<T: Serialize + ?Sized>(entry: &str, value: &T) -> Result<String, CatalogueError> {
    serde_json::to_string(value).map_err(|source| unreadable(entry, source))
}

fn from_json<T: DeserializeOwned>(entry: &str, text: &str) -> Result<T, CatalogueError> {
    serde_json::from_str(text).map_err(|source| unreadable(entry, source))
}

fn to_timestamp(entry: &str, text: &str) -> Result<Timestamp, CatalogueError> {
    text.parse().map_err(|source: jiff::Error| unreadable(entry, source))
}

fn unreadable(entry: &str, source: impl std::error::Error + Send + Sync + 'static) -> CatalogueError {
    CatalogueError::Entry { entry: entry.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests;
