//! The catalogue's schema, as the steps that led to it.

use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::error::CatalogueError;

/// Step `n` takes the schema from version `n` to `n + 1`. Steps are only ever added.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        count INTEGER NOT NULL,
        kind TEXT NOT NULL,
        summary TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE TABLE actions (
        ordinal INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        phase TEXT NOT NULL,
        inputs TEXT NOT NULL,
        detail TEXT NOT NULL,
        outcome TEXT CHECK (outcome IN ('succeeded', 'failed', 'undone')),
        message TEXT,
        started_at TEXT NOT NULL,
        finished_at TEXT
    );
    CREATE INDEX open_actions ON actions (ordinal) WHERE outcome IS NULL;
    CREATE TABLE moves (
        ordinal INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        progress TEXT NOT NULL,
        updated_at TEXT NOT NULL
    );
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"];

/// Brings the schema to the newest version. Each step commits together with its number, so a crash repeats none.
pub async fn apply(pool: &SqlitePool) -> Result<(), CatalogueError> {
    let version: i64 = sqlx::query("PRAGMA user_version").fetch_one(pool).await?.try_get(0)?;
    let found = usize::try_from(version).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(CatalogueError::Newer { found, known: MIGRATIONS.len() });
    }
    for (next, migration) in (1..).zip(MIGRATIONS).skip(found) {
        let mut transaction = pool.begin().await?;
        transaction.execute(sqlx::raw_sql(migration)).await?;
        transaction.execute(sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {next}")))).await?;
        transaction.commit().await?;
    }
    Ok(())
}
