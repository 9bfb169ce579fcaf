//! The demo's view of a cluster: what any client sees over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::demo::account::Row;

/// Above the router's own bound for a statement, so that the router's word comes first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// A cheap handle; clones share the kept connections.
#[derive(Clone)]
pub struct ClusterClient {
    client: Client,
    router: SocketAddr,
    scaler: SocketAddr,
}

/// An answer of `POST /query`.
#[derive(Clone, Debug)]
pub struct Answer {
    pub rows: Vec<Row>,
    /// In shard order.
    pub shards: Vec<String>,
    pub rows_affected: Option<u64>,
}

/// A shard as `GET /topology` shows it.
#[derive(Clone, Debug)]
pub struct ShardView {
    pub id: String,
    pub slot_count: u64,
}

#[derive(Clone, Debug)]
pub struct TopologyView {
    pub epoch: u64,
    pub shards: Vec<ShardView>,
    pub move_count: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no answer from {url}")]
    NoAnswer { url: String, source: reqwest::Error },
    #[error("{url} answered {status}: {message}")]
    Refused { url: String, status: u16, message: String },
    #[error("{url} answered something unexpected: {answer}")]
    Unexpected { url: String, answer: String },
}

impl ClusterClient {
    pub fn new(router: SocketAddr, scaler: SocketAddr) -> ClusterClient {
        let client = Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build();
        ClusterClient {
            client: client.expect("a client without certificates or proxies of its own can always be built"),
            router,
            scaler,
        }
    }

    /// Fails unless the router and the scaler both say that they are ready.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.get(&format!("http://{}/ready", self.router)).await?;
        self.get(&format!("http://{}/ready", self.scaler)).await?;
        Ok(())
    }

    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Answer, ClientError> {
        let url = format!("http://{}/query", self.router);
        let request = json!({ "query": sql, "params": params, "format": "rows" });
        let answer = self.post(&url, &request).await?;
        let unexpected = || ClientError::Unexpected { url: url.clone(), answer: answer.to_string() };
        let data = answer["data"].as_array().ok_or_else(unexpected)?;
        let rows: Option<Vec<Row>> =
            data.iter().map(|row| Some(row.as_array()?.iter().map(cell_text).collect())).collect();
        Ok(Answer {
            rows: rows.ok_or_else(unexpected)?,
            shards: shards_of(&answer),
            rows_affected: answer["rows_affected"].as_u64(),
        })
    }

    /// The shards that `POST /explain` names for a statement.
    pub async fn explain_query(&self, sql: &str) -> Result<Vec<String>, ClientError> {
        let url = format!("http://{}/explain", self.router);
        Ok(shards_of(&self.post(&url, &json!({ "query": sql })).await?))
    }

    pub async fn topology(&self) -> Result<TopologyView, ClientError> {
        let url = format!("http://{}/topology", self.router);
        let answer = self.get(&url).await?;
        parse_topology(&answer).ok_or_else(|| ClientError::Unexpected { url, answer: answer.to_string() })
    }

    /// The scaler's answer to `GET path`.
    pub async fn scaler(&self, path: &str) -> Result<Value, ClientError> {
        self.get(&format!("http://{}{path}", self.scaler)).await
    }

    async fn get(&self, url: &str) -> Result<Value, ClientError> {
        receive(url, self.client.get(url)).await
    }

    async fn post(&self, url: &str, body: &Value) -> Result<Value, ClientError> {
        receive(url, self.client.post(url).json(body)).await
    }
}

async fn receive(url: &str, request: reqwest::RequestBuilder) -> Result<Value, ClientError> {
    let no_answer =
        |source: reqwest::Error| ClientError::NoAnswer { url: url.to_owned(), source: source.without_url() };
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let text = response.text().await.map_err(no_answer)?;
    let answer: Result<Value, _> = serde_json::from_str(&text);
    match answer {
        Ok(answer) if status.is_success() => Ok(answer),
        Ok(answer) => {
            let code = answer["error"]["code"].as_str().unwrap_or("error");
            let message = answer["error"]["message"].as_str().unwrap_or(&text);
            let message = format!("{code}: {message}");
            Err(ClientError::Refused { url: url.to_owned(), status: status.as_u16(), message })
        }
        Err(_) if status.is_success() => Err(ClientError::Unexpected { url: url.to_owned(), answer: text }),
        Err(_) => Err(ClientError::Refused { url: url.to_owned(), status: status.as_u16(), message: text }),
    }
}

fn shards_of(answer: &Value) -> Vec<String> {
    match (answer["shard"].as_str(), answer["shards"].as_array()) {
        (Some(shard), _) => vec![shard.to_owned()],
        (None, Some(shards)) => shards.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    }
}

fn parse_topology(answer: &Value) -> Option<TopologyView> {
    let shard = |shard: &Value| {
        Some(ShardView { id: shard["id"].as_str()?.to_owned(), slot_count: shard["slot_count"].as_u64()? })
    };
    Some(TopologyView {
        epoch: answer["epoch"].as_u64()?,
        shards: answer["shards"].as_array()?.iter().map(shard).collect::<Option<_>>()?,
        move_count: answer["moves"].as_array()?.len(),
    })
}

/// A cell as the account writes it: numbers digit by digit as they came.
fn cell_text(cell: &Value) -> String {
    match cell {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_digits() {
        let row: Value = serde_json::from_str(r#"[12.50, 9007199254740993, null, "a"]"#).unwrap();
        let cells: Vec<String> = row.as_array().unwrap().iter().map(cell_text).collect();
        assert_eq!(cells, ["12.50", "9007199254740993", "NULL", "a"]);
    }

    #[test]
    fn shards_are_read_from_single_and_several_answers() {
        assert_eq!(shards_of(&json!({ "shard": "shard-2" })), ["shard-2"]);
        assert_eq!(shards_of(&json!({ "shards": ["shard-1", "shard-2"] })), ["shard-1", "shard-2"]);
    }
}
