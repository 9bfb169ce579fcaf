//! A router over servers of a test, reached over HTTP.

use std::sync::Arc;

use door::Hosts;
use keyspace::endpoint::Endpoint;
use keyspace::schema::Layout;
use keyspace::topology::{Shard, ShardId};
use router::Router;
use router::faults::Faults;
use router::{Limits, RouterConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::servers::{DATABASE, SCALERS_USER, Server, routers_login, wait_until};

/// A router that serves until it is dropped.
pub struct Front {
    pub url: String,
    pub client: reqwest::Client,
    pub router: Arc<Router>,
    _stop: oneshot::Sender<()>,
}

impl Front {
    /// Over the servers as shard-1, shard-2 and so on; returns when all of them serve.
    pub async fn start(servers: &[Server], layout: Layout, limits: Limits) -> Front {
        Front::with_faults(servers, layout, limits, Faults::default()).await
    }

    /// As [`Front::start`], with something that happens at points of transactions.
    pub async fn with_faults(servers: &[Server], layout: Layout, limits: Limits, faults: Faults) -> Front {
        let endpoints = servers.iter().map(|server| server.endpoint(DATABASE)).collect();
        Front::over(endpoints, layout, limits, faults).await
    }

    /// As [`Front::with_faults`], wherever the shards are reached. Logins that are not the scaler's are used as they are.
    pub async fn over(endpoints: Vec<Endpoint>, layout: Layout, limits: Limits, faults: Faults) -> Front {
        let front = Front::begin(endpoints, layout, limits, faults).await;
        let is_ready = || async { front.router.is_ready().is_ok_and(|away| away.is_empty()) };
        wait_until("every shard serves", is_ready).await;
        front
    }

    /// As [`Front::over`], but waits for no shard.
    pub async fn begin(endpoints: Vec<Endpoint>, layout: Layout, limits: Limits, faults: Faults) -> Front {
        let are_scalers = endpoints.iter().all(|endpoint| endpoint.user() == SCALERS_USER);
        let account = are_scalers.then(routers_login);
        let seeds = (1..)
            .zip(endpoints)
            .map(|(number, endpoint)| Shard { id: ShardId::new(format!("shard-{number}")).unwrap(), endpoint });
        let router = Router::start(RouterConfig { seeds: seeds.collect(), account, layout, limits, faults });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(router::doors::http::serve(listener, router.clone(), Hosts::default(), async {
            let _ = stopped.await;
        }));
        Front { url, client: reqwest::Client::new(), router, _stop: stop }
    }

    /// Asks a statement, for rows as arrays: the answer's status and body.
    pub async fn ask(&self, session: Option<&str>, sql: &str) -> (u16, Value) {
        ask(&self.client, &self.url, session, sql).await
    }
}

/// As [`Front::ask`], of a router that runs wherever it does.
pub async fn ask(client: &reqwest::Client, url: &str, session: Option<&str>, sql: &str) -> (u16, Value) {
    let mut request = client.post(format!("{url}/query")).json(&json!({ "query": sql, "format": "rows" }));
    if let Some(session) = session {
        request = request.header("X-Session-Id", session);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
