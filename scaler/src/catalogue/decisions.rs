//! What the scaler decided, and why: a bounded history.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Catalogue, CatalogueError, from_json, sql_limit, to_timestamp};

/// About two days of decisions that differ at every round of 15 seconds; equal ones in a row are one record.
const KEPT_DECISIONS: i64 = 10_000;

/// One decision, or a run of equal ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionRecord {
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub count: u64,
    pub kind: String,
    pub summary: String,
    /// Of the newest decision in the run.
    pub detail: Value,
}

impl Catalogue {
    /// Writes down a decision. One whose `kind` and `summary` equal those of the newest record is counted there
    /// and replaces its detail. Of the records, the newest 10,000 are kept.
    pub async fn record_decision(
        &self,
        at: Timestamp,
        kind: &str,
        summary: &str,
        detail: &Value,
    ) -> Result<(), CatalogueError> {
        let (at, detail) = (at.to_string(), detail.to_string());
        let mut transaction = self.pool.begin().await?;
        let repeated = sqlx::query(
            "UPDATE decisions SET last_at = ?, count = count + 1, detail = ? \
             WHERE id = (SELECT MAX(id) FROM decisions) AND kind = ? AND summary = ?",
        )
        .bind(&at)
        .bind(&detail)
        .bind(kind)
        .bind(summary)
        .execute(&mut *transaction)
        .await?;
        if repeated.rows_affected() == 0 {
            let inserted = sqlx::query(
                "INSERT INTO decisions (first_at, last_at, count, kind, summary, detail) VALUES (?, ?, 1, ?, ?, ?)",
            )
            .bind(&at)
            .bind(&at)
            .bind(kind)
            .bind(summary)
            .bind(&detail)
            .execute(&mut *transaction)
            .await?;
            // Only the oldest are ever deleted, so the ids have no gaps.
            sqlx::query("DELETE FROM decisions WHERE id <= ?")
                .bind(inserted.last_insert_rowid() - KEPT_DECISIONS)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The last `limit` records, newest first.
    pub async fn decisions(&self, limit: usize) -> Result<Vec<DecisionRecord>, CatalogueError> {
        let rows = sqlx::query(
            "SELECT first_at, last_at, count, kind, summary, detail FROM decisions ORDER BY id DESC LIMIT ?",
        )
        .bind(sql_limit(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_record).collect()
    }
}

fn read_record(row: &SqliteRow) -> Result<DecisionRecord, CatalogueError> {
    Ok(DecisionRecord {
        first_at: to_timestamp("decisions.first_at", row.try_get(0)?)?,
        last_at: to_timestamp("decisions.last_at", row.try_get(1)?)?,
        count: row.try_get(2)?,
        kind: row.try_get(3)?,
        summary: row.try_get(4)?,
        detail: from_json("decisions.detail", row.try_get(5)?)?,
    })
}
