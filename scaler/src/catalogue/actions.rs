//! Actions, written ahead: what is being done and how far it is, so that the next process can take it up.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::{Catalogue, CatalogueError, from_json, sql_limit, to_timestamp, unreadable};

/// An action about to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAction {
    /// Unique for ever.
    pub id: String,
    pub kind: String,
    pub phase: String,
    /// Everything that was decided, so that nothing is left to choose when the action is taken up again.
    pub inputs: Value,
}

/// An action as the catalogue holds it; in progress while `outcome` is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    pub id: String,
    pub kind: String,
    pub phase: String,
    pub inputs: Value,
    /// What the phases so far found out; null before the first advance.
    pub detail: Value,
    pub outcome: Option<Outcome>,
    pub message: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    /// Not done, and something of it may be left.
    Failed,
    /// Not done, and nothing of it is left.
    Undone,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Undone => "undone",
        }
    }

    fn parse(text: &str) -> Option<Outcome> {
        [Outcome::Succeeded, Outcome::Failed, Outcome::Undone].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

impl Catalogue {
    /// Writes an action down before its first effect. On disk once this returns.
    pub async fn begin_action(&self, action: &NewAction, at: Timestamp) -> Result<(), CatalogueError> {
        sqlx::query("INSERT INTO actions (id, kind, phase, inputs, detail, started_at) VALUES (?, ?, ?, ?, 'null', ?)")
            .bind(&action.id)
            .bind(&action.kind)
            .bind(&action.phase)
            .bind(action.inputs.to_string())
            .bind(at.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Writes down, before its first effect, that an action in progress enters `phase`.
    pub async fn advance_action(&self, id: &str, phase: &str, detail: &Value) -> Result<(), CatalogueError> {
        let updated = sqlx::query("UPDATE actions SET phase = ?, detail = ? WHERE id = ? AND outcome IS NULL")
            .bind(phase)
            .bind(detail.to_string())
            .bind(id)
            .execute(&self.pool)
            .await?;
        check_was_open(&updated, id)
    }

    /// Ends an action in progress. Its phase stays the last one it entered.
    pub async fn finish_action(
        &self,
        id: &str,
        outcome: Outcome,
        message: &str,
        at: Timestamp,
    ) -> Result<(), CatalogueError> {
        let updated = sqlx::query(
            "UPDATE actions SET outcome = ?, message = ?, finished_at = ? WHERE id = ? AND outcome IS NULL",
        )
        .bind(outcome.as_str())
        .bind(message)
        .bind(at.to_string())
        .bind(id)
        .execute(&self.pool)
        .await?;
        check_was_open(&updated, id)
    }

    /// The actions in progress, oldest first.
    pub async fn open_actions(&self) -> Result<Vec<Action>, CatalogueError> {
        self.select_actions("WHERE outcome IS NULL ORDER BY ordinal LIMIT ?", i64::MAX).await
    }

    /// The last `limit` actions, in progress or done, newest first.
    pub async fn actions(&self, limit: usize) -> Result<Vec<Action>, CatalogueError> {
        self.select_actions("ORDER BY ordinal DESC LIMIT ?", sql_limit(limit)).await
    }

    async fn select_actions(&self, which: &'static str, limit: i64) -> Result<Vec<Action>, CatalogueError> {
        let query = format!(
            "SELECT id, kind, phase, inputs, detail, outcome, message, started_at, finished_at FROM actions {which}"
        );
        let rows = sqlx::query(AssertSqlSafe(query)).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(read_action).collect()
    }
}

/// Fails if an update of an action met none that is open.
fn check_was_open(updated: &SqliteQueryResult, id: &str) -> Result<(), CatalogueError> {
    match updated.rows_affected() {
        0 => Err(CatalogueError::NoOpenAction(id.to_owned())),
        _ => Ok(()),
    }
}

fn read_action(row: &SqliteRow) -> Result<Action, CatalogueError> {
    let outcome: Option<&str> = row.try_get(5)?;
    let finished_at: Option<&str> = row.try_get(8)?;
    Ok(Action {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        phase: row.try_get(2)?,
        inputs: from_json("actions.inputs", row.try_get(3)?)?,
        detail: from_json("actions.detail", row.try_get(4)?)?,
        outcome: outcome
            .map(|text| {
                Outcome::parse(text).ok_or_else(|| unreadable("actions.outcome", UnknownOutcome(text.to_owned())))
            })
            .transpose()?,
        message: row.try_get(6)?,
        started_at: to_timestamp("actions.started_at", row.try_get(7)?)?,
        finished_at: finished_at.map(|text| to_timestamp("actions.finished_at", text)).transpose()?,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an outcome")]
struct UnknownOutcome(String);
