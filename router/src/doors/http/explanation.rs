//! An explanation as JSON.

use serde_json::{Value, json};

use crate::explain::Explanation;

pub fn to_json(explanation: &Explanation) -> Value {
    match explanation {
        Explanation::Planned { route, shards, reason, statements, steps, epoch } => {
            let statement = statements.iter().map(|part| json!({ "shard": part.shard, "sql": part.sql }));
            json!({
                "route": route.as_str(), "shards": shards, "reason": reason,
                "statements": statement.collect::<Vec<_>>(), "merge": steps, "epoch": epoch,
            })
        }
        Explanation::Refused { reason, hint, epoch } => json!({
            "route": "refused", "shards": [], "reason": reason, "hint": hint,
            "statements": [], "merge": [], "epoch": epoch.map_or(0, |epoch| epoch.number()),
        }),
    }
}
