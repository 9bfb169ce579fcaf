//! One service alone, for production: the router, or the scaler with the servers of its backend.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use router::Router;
use router::RouterConfig;
use router::faults::Faults;
use scaler::accounts::Accounts;
use scaler::http;
use scaler::service::api::Api;
use scaler::service::{Parts, Scaler};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::instances;
use crate::output::tell;
use crate::parts::{self, KeyFile, UnfitConfig, catalogue_path, prometheus_client, provisioner, scaler_settings};
use crate::shutdown::DRAIN;
use crate::up::{DataDir, bind};

/// The accounts of a service that shares no folder with the others.
fn accounts(config: &Config) -> anyhow::Result<Accounts> {
    let accounts = parts::accounts(config, KeyFile::None)?;
    if accounts.router().is_none() {
        tracing::warn!(
            "router and scaler have no secret in common, as the first shard's DSN has no password: the router uses the \
             configured logins, and reaches no shard that the scaler adds; set `cluster_secret`"
        );
    }
    Ok(accounts)
}

/// Serves the router alone.
pub async fn router(config: Config, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<ExitCode> {
    let listener = bind("router", config.router_listen).await?;
    let router = Router::start(RouterConfig {
        account: accounts(&config)?.router().cloned(),
        seeds: config.shards,
        layout: config.layout,
        limits: config.limits,
        faults: Faults::from_env(),
    });
    tell(format_args!("router      http://{}", listener.local_addr()?));
    let hosts = config.hosts;
    end_within(DRAIN, shutdown, |stopped| router::doors::http::serve(listener, router, hosts, stopped)).await;
    Ok(ExitCode::SUCCESS)
}

/// Makes every router look at the topology at once. One that does not hear it sees the change within a second by
/// itself.
fn nudge_over_http(routers: Vec<String>) -> Arc<dyn Fn() + Send + Sync> {
    let client = reqwest::Client::new();
    Arc::new(move || {
        for router in &routers {
            let refresh = format!("http://{router}/topology/refresh");
            let nudge = client.post(refresh).timeout(Duration::from_secs(1)).send();
            tokio::spawn(async move { drop(nudge.await) });
        }
    })
}

/// Serves the scaler alone: shards from the configuration, new ones by its backend, whose servers it keeps running.
pub async fn scaler(
    config: Config,
    data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let Some(section) = &config.prometheus else {
        return Err(UnfitConfig("`scaler` alone needs `prometheus` in its configuration".to_owned()).into());
    };
    let prometheus = prometheus_client(section)?;
    let data_dir = DataDir::take(&data_dir)?;
    let listener = bind("scaler", config.scaler_listen).await?;
    let owner = config.cluster.clone();
    let (limits, hosts) = (config.limits.http.clone(), config.hosts.clone());
    let provisioner = provisioner(&config, data_dir.path())?;
    let routers = match config.routers.is_empty() {
        true => vec![config.router_listen.to_string()],
        false => config.routers.clone(),
    };
    let scaler = Scaler::start(Parts {
        catalogue: catalogue_path(&config, data_dir.path()),
        seeds: config.shards.clone(),
        provisioner: provisioner.clone(),
        owner: owner.clone(),
        accounts: accounts(&config)?,
        prometheus,
        // For an exporter that takes the server as its target.
        exporter_of: Arc::new(|shard| Some(shard.endpoint.address())),
        nudge: nudge_over_http(routers.clone()),
        routers,
        settings: scaler_settings(&config),
    })
    .await?;
    tell(format_args!("scaler      http://{}", listener.local_addr()?));
    let (stop, stopped) = oneshot::channel::<()>();
    let rounds = tokio::spawn(scaler.clone().run(async {
        let _ = stopped.await;
    }));
    let (stop_keeping, kept_until) = oneshot::channel::<()>();
    let cluster = scaler.cluster().clone();
    let keeping = tokio::spawn(instances::keep_running(provisioner, owner, cluster, async {
        let _ = kept_until.await;
    }));
    end_within(DRAIN, shutdown, |stopped| http::serve(listener, Arc::new(Api(scaler)), limits, hosts, stopped)).await;
    let _ = stop.send(());
    let _ = stop_keeping.send(());
    let _ = rounds.await;
    let _ = keeping.await;
    Ok(ExitCode::SUCCESS)
}

/// Runs a service until `shutdown`, and then no longer than `drain`.
async fn end_within<F: Future<Output = ()> + Send + 'static>(
    drain: Duration,
    shutdown: impl Future<Output = ()> + Send + 'static,
    service: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) -> F,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let mut service = tokio::spawn(service(Box::pin(async move {
        let _ = stopped.await;
    })));
    shutdown.await;
    let _ = stop.send(());
    if tokio::time::timeout(drain, &mut service).await.is_err() {
        service.abort();
    }
}
