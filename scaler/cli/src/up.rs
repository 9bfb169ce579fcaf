//! Everything on one machine: shards by the backend, router, scaler, Prometheus, exporters.

mod data_dir;
mod error;
mod exporter;
mod holder;
mod packages;
mod ports;
mod prometheus_server;
mod supervised;

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use backends::{Owner, Provisioner};
use keyspace::endpoint::Login;
use keyspace::topology::{Shard, ShardId, Topology};
use router::Router;
use router::RouterConfig;
use router::faults::Faults;
use scaler::http;
use scaler::prometheus::Prometheus;
use scaler::service::api::Api;
use scaler::service::{Parts, Scaler};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub use self::data_dir::DataDir;
pub use self::error::UpError;
pub use self::exporter::Exporter;
pub use self::ports::{bind, find_free};
pub use self::prometheus_server::{PrometheusServer, ScrapeTargets};
pub use self::supervised::end_leftovers;
use crate::config::Config;
use crate::instances;
use crate::output::tell;
use crate::parts::{KeyFile, accounts, catalogue_path, prometheus_client, provisioner, scaler_settings};
use crate::shutdown::DRAIN;

const PROMETHEUS_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9091);

type ExporterAddresses = Arc<Mutex<HashMap<ShardId, String>>>;

/// Runs everything on this machine until `shutdown`; the data stays in `data_dir`.
pub async fn run(
    config: Config,
    data_dir: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let data_dir = DataDir::take(&data_dir)?;
    let mut machine = Machine::default();
    tokio::pin!(shutdown);
    let started = tokio::select! {
        started = machine.start(&config, data_dir.path()) => started,
        () = &mut shutdown => Ok(()),
    };
    if started.is_ok() {
        (&mut shutdown).await;
        tell(format_args!("stopping; the data stays in {}", data_dir.path().display()));
    }
    machine.stop().await;
    started.map(|()| ExitCode::SUCCESS)
}

/// What runs, in the order in which it was started; stopped in the opposite one.
#[derive(Default)]
struct Machine {
    provisioner: Option<(Arc<dyn Provisioner>, Owner)>,
    prometheus: Option<PrometheusServer>,
    exporters: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    services: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Machine {
    async fn start(&mut self, config: &Config, data_dir: &Path) -> anyhow::Result<()> {
        // Before anything is started that a mistake in it would have to stop again.
        let given_prometheus = config.prometheus.as_ref().map(prometheus_client).transpose()?;
        let router_listener = bind("router", config.router_listen).await?;
        let scaler_listener = bind("scaler", config.scaler_listen).await?;
        let (router_address, scaler_address) = (router_listener.local_addr()?, scaler_listener.local_addr()?);

        let owner = config.cluster.clone();
        let provisioner = provisioner(config, data_dir)?;
        self.provisioner = Some((provisioner.clone(), owner.clone()));
        let seeds = seeds(config, &*provisioner, &owner).await?;
        let accounts = accounts(config, KeyFile::Make(data_dir))?;
        let router = Router::start(RouterConfig {
            seeds: seeds.clone(),
            account: accounts.router().cloned(),
            layout: config.layout.clone(),
            limits: config.limits.clone(),
            faults: Faults::from_env(),
        });
        let hosts = config.hosts.clone();
        self.serve(|stopped| router::doors::http::serve(router_listener, router.clone(), hosts, stopped));

        let prometheus = match given_prometheus {
            Some(client) => client,
            None => {
                let targets = ScrapeTargets { router: router_address, scaler: scaler_address };
                self.start_prometheus(config, data_dir, &targets).await?
            }
        };
        let exporters: ExporterAddresses = Arc::default();
        let exporter_of = {
            let exporters = exporters.clone();
            // A shard whose exporter is still starting has no metrics yet.
            move |shard: &Shard| exporters.lock().expect("no holder of this lock panics").get(&shard.id).cloned()
        };
        let scaler = Scaler::start(Parts {
            settings: scaler_settings(config),
            catalogue: catalogue_path(config, data_dir),
            seeds,
            provisioner: provisioner.clone(),
            owner: owner.clone(),
            accounts,
            prometheus,
            exporter_of: Arc::new(exporter_of),
            routers: vec![router_address.to_string()],
            nudge: nudge_of(&router),
        })
        .await?;
        self.start_exporters(&scaler, data_dir, exporters).await?;
        let (api, limits, hosts) = (Arc::new(Api(scaler.clone())), config.limits.http.clone(), config.hosts.clone());
        self.serve(|stopped| http::serve(scaler_listener, api, limits, hosts, stopped));
        self.serve(|stopped| scaler.clone().run(stopped));
        let cluster = scaler.cluster().clone();
        self.serve(|stopped| instances::keep_running(provisioner.clone(), owner, cluster, stopped));

        tell_addresses(&scaler, scaler_address, router_address, data_dir);
        Ok(())
    }

    /// Starts a Prometheus of our own; returns the client that asks it.
    async fn start_prometheus(
        &mut self,
        config: &Config,
        data_dir: &Path,
        targets: &ScrapeTargets,
    ) -> anyhow::Result<Prometheus> {
        let directory = data_dir.join("prometheus");
        // Its targets answer as soon as the scaler does; until then it retries.
        let start = |address| PrometheusServer::start(&directory, address, config.monitoring_interval, targets);
        let server = match start(PROMETHEUS_ADDRESS).await {
            // As by another cluster on this machine.
            Err(UpError::PortInUse { .. } | UpError::EndedAtStart { .. }) => start(find_free("prometheus")?).await?,
            other => other?,
        };
        let client = prometheus_client(&serde_json::json!({ "url": server.url() }))?;
        tell(format_args!("Prometheus  {}", server.url()));
        self.prometheus = Some(server);
        Ok(client)
    }

    /// Has an exporter run for each shard of the topology, and its address in `exporters`.
    async fn start_exporters(
        &mut self,
        scaler: &Scaler,
        data_dir: &Path,
        exporters: ExporterAddresses,
    ) -> anyhow::Result<()> {
        let exporter_dir = data_dir.join("exporters");
        end_leftovers(&exporter_dir).await?;
        let (stop, stopped) = oneshot::channel();
        let topologies = scaler.cluster().subscribe();
        let account = scaler.exporter_login().cloned();
        let follow = tokio::spawn(follow_with_exporters(exporter_dir, account, topologies, exporters, stopped));
        self.exporters = Some((stop, follow));
        Ok(())
    }

    fn serve<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        service: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) -> F,
    ) {
        let (stop, stopped) = oneshot::channel::<()>();
        let service = service(Box::pin(async move {
            let _ = stopped.await;
        }));
        self.services.push((stop, tokio::spawn(service)));
    }

    async fn stop(self) {
        let (stops, services): (Vec<_>, Vec<_>) = self.services.into_iter().unzip();
        for stop in stops {
            // A service that ended by itself hears nothing any more.
            let _ = stop.send(());
        }
        for mut service in services {
            // A client that never finishes its request must not hold up the end.
            if tokio::time::timeout(DRAIN, &mut service).await.is_err() {
                service.abort();
            }
        }
        if let Some((stop, follow)) = self.exporters {
            let _ = stop.send(());
            let _ = follow.await;
        }
        if let Some(prometheus) = self.prometheus
            && let Err(error) = prometheus.stop().await
        {
            tracing::warn!(%error, "Prometheus did not stop");
        }
        if let Some((provisioner, owner)) = self.provisioner {
            instances::stop_all(&*provisioner, &owner).await;
        }
    }
}

/// The shards to begin with: the configured ones, else the backend's own.
async fn seeds(config: &Config, provisioner: &dyn Provisioner, owner: &Owner) -> anyhow::Result<Vec<Shard>> {
    if config.shards.is_empty() {
        return instances::own_shards(provisioner, owner, config).await;
    }
    let mut seeds = config.shards.clone();
    seeds.extend(instances::running_again(provisioner, owner).await?);
    Ok(seeds)
}

fn tell_addresses(scaler: &Scaler, scaler_address: SocketAddr, router_address: SocketAddr, data_dir: &Path) {
    tell(format_args!("scaler      http://{scaler_address}"));
    tell(format_args!("router      http://{router_address}"));
    for shard in scaler.cluster().topology().shards() {
        tell(format_args!("{:<11} {}", shard.id, shard.endpoint));
    }
    tell(format_args!("\ntry         curl -s http://{router_address}/query -d '{{\"query\":\"SHOW TABLES\"}}'"));
    tell(format_args!("stop        Ctrl-C; the data stays in {}", data_dir.display()));
}

/// Makes the router look at the topology at once.
fn nudge_of(router: &Arc<Router>) -> Arc<dyn Fn() + Send + Sync> {
    let router = Arc::downgrade(router);
    Arc::new(move || {
        if let Some(router) = router.upgrade() {
            tokio::spawn(async move { router.refresh().await });
        }
    })
}

/// Keeps one exporter per shard of the topology.
async fn follow_with_exporters(
    directory: PathBuf,
    account: Option<Login>,
    mut topologies: watch::Receiver<Arc<Topology>>,
    addresses: ExporterAddresses,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut running: HashMap<ShardId, Exporter> = HashMap::new();
    loop {
        let topology = topologies.borrow_and_update().clone();
        for shard in topology.shards().iter().filter(|shard| !running.contains_key(&shard.id)).collect::<Vec<_>>() {
            // Until the scaler has made the account, in its first round, the exporter says that the shard is down.
            let endpoint =
                account.as_ref().map_or(shard.endpoint.clone(), |account| shard.endpoint.with_login(account));
            match Exporter::start(&directory, &shard.id, &endpoint).await {
                Ok(exporter) => {
                    let address = exporter.address().to_string();
                    addresses.lock().expect("no holder of this lock panics").insert(shard.id.clone(), address);
                    running.insert(shard.id.clone(), exporter);
                }
                Err(error) => {
                    tracing::error!(shard = %shard.id, error = keyspace::errors::chain(&error), "no exporter");
                }
            }
        }
        let gone: Vec<ShardId> = running.keys().filter(|shard| topology.shard(shard).is_none()).cloned().collect();
        for shard in gone {
            addresses.lock().expect("no holder of this lock panics").remove(&shard);
            stop_exporter(running.remove(&shard)).await;
        }
        tokio::select! {
            _ = &mut stopped => break,
            changed = topologies.changed() => if changed.is_err() { break },
        }
    }
    for (_, exporter) in running {
        stop_exporter(Some(exporter)).await;
    }
}

async fn stop_exporter(exporter: Option<Exporter>) {
    if let Some(exporter) = exporter
        && let Err(error) = exporter.stop().await
    {
        tracing::warn!(%error, "an exporter did not stop");
    }
}
