//! What the scaler's HTTP interface shows and does.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use keyspace::errors::chain;
use keyspace::topology::ShardId;
use serde_json::{Value, json};

use super::Scaler;
use crate::actions::drain::Refusal;
use crate::actions::scale_out;
use crate::catalogue::CatalogueError;
use crate::http::{ApiError, ControlApi, SdTarget};
use crate::observe::ShardStatus;
use crate::rules::SplitBy;

/// The service behind the interface.
pub struct Api(pub Arc<Scaler>);

fn internal(error: CatalogueError) -> ApiError {
    ApiError::new(500, "internal", chain(&error))
}

#[async_trait]
impl ControlApi for Api {
    async fn shards(&self) -> Vec<ShardStatus> {
        self.0.state().statuses.clone()
    }

    fn ready(&self) -> Result<(), String> {
        self.0.state().unready.clone().map_or(Ok(()), Err)
    }

    fn metrics(&self) -> String {
        self.0.hands.metrics.render()
    }

    async fn decisions(&self, limit: usize) -> Result<Value, ApiError> {
        let records = self.0.hands.catalogue.decisions(limit).await.map_err(internal)?;
        Ok(json!(records))
    }

    async fn explain(&self) -> Result<Value, ApiError> {
        let state = self.0.state();
        let settings = &self.0.hands.settings;
        let cooldown_until = state.policy.cooldown_until(settings.cooldown).filter(|until| *until > Timestamp::now());
        Ok(json!({
            "decision": state.decision,
            "action_in_progress": self.0.action_in_progress(&state),
            "paused": state.policy.is_paused(),
            "cooldown_until": cooldown_until.map(|at| at.to_string()),
            "min_shards": settings.min_shards,
            "max_shards": settings.max_shards,
            "epoch": self.0.hands.cluster.topology().epoch(),
        }))
    }

    async fn moves(&self) -> Result<Value, ApiError> {
        let history = self.0.hands.catalogue.moves(1000).await.map_err(internal)?;
        let mut newest_first = self.0.hands.moves();
        newest_first.sort_by_key(|progress| std::cmp::Reverse(progress.started_at));
        let mut moves: Vec<Value> = newest_first.into_iter().map(|progress| json!(progress)).collect();
        let known = |entry: &Value| moves.iter().position(|shown| shown["id"] == entry["id"]);
        let mut older = Vec::new();
        let mut reports = Vec::new();
        for entry in history {
            match known(&entry) {
                Some(index) => reports.push((index, entry)),
                None => older.push(entry),
            }
        }
        // The report of a finished move says more than its last progress.
        for (index, entry) in reports {
            if let (Some(shown), Some(report)) = (moves[index].as_object_mut(), entry.as_object()) {
                shown.extend(report.clone());
            }
        }
        moves.extend(older);
        Ok(json!(moves))
    }

    async fn scale_out(&self, dry_run: bool, source: Option<ShardId>) -> Result<Value, ApiError> {
        let refused = |refusal: scale_out::Refusal| {
            let error = ApiError::new(409, "conflict", refusal.to_string());
            refusal.remedy().into_iter().fold(error, ApiError::with_hint)
        };
        if dry_run {
            let plan = self.0.plan_scale_out(source.as_ref(), SplitBy::Load).await.map_err(refused)?;
            return Ok(json!({ "plan": plan, "dry_run": true }));
        }
        let (plan, action) = self.0.scale_out(source, SplitBy::Load).await.map_err(refused)?;
        Ok(json!({ "plan": plan, "dry_run": false, "action": action }))
    }

    async fn drain(&self, shard: ShardId, dry_run: bool) -> Result<Value, ApiError> {
        let refused = |refusal: Refusal| {
            let (status, code) = match &refusal {
                Refusal::Unknown(_) => (404, "not_found"),
                Refusal::Home(_)
                | Refusal::LastOwner(_)
                | Refusal::MinShards { .. }
                | Refusal::Moving(_)
                | Refusal::InProgress(_)
                | Refusal::Unreachable(_)
                | Refusal::CannotMove { .. } => (409, "conflict"),
            };
            ApiError::new(status, code, refusal.to_string()).with_hint(refusal.remedy())
        };
        if dry_run {
            let plan = self.0.plan_drain(&shard).await.map_err(refused)?;
            return Ok(json!({ "plan": plan, "dry_run": true }));
        }
        let (plan, action) = self.0.drain(&shard).await.map_err(refused)?;
        Ok(json!({ "plan": plan, "dry_run": false, "action": action }))
    }

    async fn pause(&self) -> Result<Value, ApiError> {
        self.set_paused(true).await
    }

    async fn resume(&self) -> Result<Value, ApiError> {
        self.set_paused(false).await
    }

    async fn sd_mysqld(&self) -> Result<Vec<SdTarget>, ApiError> {
        let topology = self.0.hands.cluster.topology();
        let targets = topology.shards().iter().filter_map(|shard| {
            let address = (self.0.exporter_of)(shard)?;
            let mut labels = BTreeMap::from([
                ("shard".to_owned(), shard.id.to_string()),
                ("cluster".to_owned(), self.0.hands.owner.to_string()),
                ("__meta_sql_autoscaler_shard".to_owned(), shard.id.to_string()),
            ]);
            labels.insert("role".to_owned(), "primary".to_owned());
            Some(SdTarget { targets: vec![address], labels })
        });
        Ok(targets.collect())
    }

    async fn sd_router(&self) -> Result<Vec<SdTarget>, ApiError> {
        let labels = BTreeMap::from([("cluster".to_owned(), self.0.hands.owner.to_string())]);
        Ok(vec![SdTarget { targets: self.0.routers.clone(), labels }])
    }
}

impl Api {
    async fn set_paused(&self, paused: bool) -> Result<Value, ApiError> {
        let remembered = {
            let mut state = self.0.state();
            match paused {
                true => state.policy.pause(),
                false => state.policy.resume(),
            }
            state.policy.clone()
        };
        self.0.hands.catalogue.save_state(super::POLICY_STATE, &remembered).await.map_err(internal)?;
        self.0.hands.metrics.set_paused(paused);
        Ok(json!({ "paused": paused }))
    }
}
