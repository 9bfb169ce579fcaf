//! A router over servers of a test, reached over HTTP.

use std::sync::Arc;

use router::schema::Layout;
use router::service::{Limits, Router, RouterConfig};
use router::topology::{Shard, ShardId};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::servers::{DATABASE, Server, wait_until};

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
        let seeds = (1..).zip(servers).map(|(number, server)| Shard {
            id: ShardId::new(format!("shard-{number}")).unwrap(),
            endpoint: server.endpoint(DATABASE),
        });
        let router = Router::start(RouterConfig { seeds: seeds.collect(), layout, limits });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(router::http::serve(listener, router.clone(), async {
            let _ = stopped.await;
        }));
        wait_until("every shard serves", || async { router.is_ready().is_ok_and(|away| away.is_empty()) }).await;
        Front { url, client: reqwest::Client::new(), router, _stop: stop }
    }
}
