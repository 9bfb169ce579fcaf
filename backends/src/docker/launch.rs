//! From an identity to a server that answers, from wherever an earlier call left it.
//!
//! ```text
//!  nothing ─▶ container .creating ─▶ data uploaded ─▶ started ─▶ our account made ─▶ renamed: complete
//! ```
//!
//! What is half-made and does not run is of no value and is made anew; only a complete container's data counts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, RenameContainerOptionsBuilder,
};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use super::container::{Container, DATA_FOLDER, Shape};
use super::engine::{Engine, found};
use super::identity::{self, Identity};
use super::image::{self, Image};
use super::{DockerProvisioner, Trace, template, wait};
use crate::sql_server::{self, Flavor};
use crate::{Address, ErrorClass, Login, ProvisionError};

/// Another program may take a port between our look at it and the engine's.
const PORT_ATTEMPTS: u32 = 4;

/// The engine goes on with a request of a create that was cut off: it may make or remove a container between our
/// look and our own request, which it then refuses. How long we look again.
const LATE_REQUESTS: Duration = Duration::from_secs(10);
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);

impl DockerProvisioner {
    /// Makes the server of this identity run and answer.
    pub(super) async fn bring_up(&self, engine: &Engine, identity: &Identity) -> Result<Container, ProvisionError> {
        let id = identity.id();
        let mut attempt = 1;
        let conflicts_end = Instant::now() + LATE_REQUESTS;
        loop {
            let container = match self.find_or_make(engine, identity).await {
                Ok(container) => container,
                Err(ProvisionError::Engine { class: ErrorClass::Conflict, .. }) if Instant::now() < conflicts_end => {
                    tokio::time::sleep(CONFLICT_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.run(engine, &container).await {
                Err(error) if error.class() == ErrorClass::Port && attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                    tracing::warn!(instance = %id, port = container.published_port, "somebody else took the port");
                    // Only a new container can have a new port; the data stays in its volume.
                    self.remove_container(engine, &container.name).await?;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        match self.trace(engine, &id).await? {
            Some(Trace::Container(container)) => Ok(container),
            _ => Err(ProvisionError::NotFound { id }),
        }
    }

    /// The container to run: a complete one or one that runs, else a new one in place of what is half-made.
    async fn find_or_make(&self, engine: &Engine, identity: &Identity) -> Result<Container, ProvisionError> {
        match self.trace(engine, &identity.id()).await? {
            Some(Trace::Container(container)) if !container.is_half_made || container.is_running() => Ok(container),
            Some(Trace::Container(half_made)) => {
                self.remove_container(engine, &half_made.name).await?;
                self.remove_volume(engine, &identity.volume).await?;
                self.make(engine, identity, Volume::New).await
            }
            Some(Trace::Volume(_)) => self.make(engine, identity, Volume::MayHoldData).await,
            None => self.make(engine, identity, Volume::New).await,
        }
    }

    /// A container with its data, not yet started.
    async fn make(&self, engine: &Engine, identity: &Identity, volume: Volume) -> Result<Container, ProvisionError> {
        let image = image::ensure(engine, &self.config.options.image, self.config.options.pull).await?;
        let template = match self.config.options.use_template {
            true => self.template_or_none(engine, &image).await?,
            false => None,
        };
        let id = identity.id();
        let name = identity::half_made_name(&id);
        let root_password = self.root_password(identity, template.is_some()).await?;
        let published = self.publish_on(engine).await?;
        let shape = Shape {
            options: &self.config.options,
            flavor: image.flavor,
            labels: identity.labels(),
            limits: identity.limits,
            alias: id.as_str(),
            published,
            volume: Some((identity.volume.clone(), identity.labels())),
            root_password: template.is_none().then_some(&root_password),
            args: Vec::new(),
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let client = engine.client().await?;
        let created = client.create_container(Some(options), shape.into_body()).await;
        created.map_err(engine.failed("create a container"))?;
        if let Some(template) = template
            && !(volume == Volume::MayHoldData && self.has_data(engine, &name).await?)
        {
            template::upload(engine, &name, &template).await?;
        }
        match self.trace(engine, &id).await? {
            Some(Trace::Container(container)) => Ok(container),
            _ => Err(ProvisionError::NotFound { id }),
        }
    }

    /// Starts a container, waits for its server, gives it our account, and makes it complete.
    async fn run(&self, engine: &Engine, container: &Container) -> Result<(), ProvisionError> {
        let client = engine.client().await?;
        let (id, identity) = (container.id(), &container.identity);
        let address = self.address(engine, id.as_str(), container.published_port);
        let login = self.login(identity).await?;
        if !container.is_half_made && !container.is_wanted {
            self.set_restart(engine, &container.name, true).await?;
        }
        // One that runs already is fine.
        client.start_container(&container.name, None).await.map_err(engine.failed("start a container"))?;
        let timeout = self.config.options.start_timeout;
        let answered = wait::until_it_answers(engine, &id, &container.name, &address, &login, timeout).await;
        match answered {
            Err(ProvisionError::LoginRefused { source, .. }) if container.is_half_made => {
                self.take_over(identity, &address, &login, source).await?;
            }
            other => drop(other?),
        }
        if container.is_half_made {
            self.set_restart(engine, &container.name, true).await?;
            let options = RenameContainerOptionsBuilder::default().name(id.as_str()).build();
            let renamed = client.rename_container(&container.name, options).await;
            renamed.map_err(engine.failed("rename a container"))?;
        }
        Ok(())
    }

    /// Makes our account and the database by the image's root account, which goes at the end.
    async fn take_over(
        &self,
        identity: &Identity,
        address: &Address,
        login: &Login,
        refusal: sqlx::Error,
    ) -> Result<(), ProvisionError> {
        let refused = |source| ProvisionError::LoginRefused { id: identity.id(), source };
        // Which of the two made the data folder is not on record.
        let passwords = [self.root_password(identity, true).await?, self.root_password(identity, false).await?];
        let mut connection = None;
        for password in passwords {
            let root = template::root(password);
            match sql_server::within(sql_server::connect(address, &root)).await {
                Ok(open) => {
                    connection = Some(open);
                    break;
                }
                Err(error) if sql_server::is_refusal(&error) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        let mut connection = connection.ok_or_else(|| refused(refusal))?;
        let version = sql_server::within(connection.fetch_one(sqlx::raw_sql("SELECT VERSION()"))).await;
        let version = version.and_then(|row| row.try_get_unchecked::<String, _>(0)).map_err(refused)?;
        for statement in first_statements(Flavor::of_version(&version), identity, login) {
            let done = sql_server::within(connection.execute(sqlx::raw_sql(AssertSqlSafe(statement)))).await;
            done.map_err(refused)?;
        }
        // It has answered; that it also says good-bye well does not matter.
        let _ = connection.close().await;
        Ok(())
    }

    async fn root_password(&self, identity: &Identity, of_template: bool) -> Result<crate::Secret, ProvisionError> {
        let secret = self.secret().await?;
        Ok(match of_template {
            true => secret.password(template::PURPOSE),
            false => secret.password(&format!("{}.root", identity.volume.clone())),
        })
    }

    /// Whether a volume that was there before holds a server's data.
    async fn has_data(&self, engine: &Engine, container: &str) -> Result<bool, ProvisionError> {
        let path = format!("{DATA_FOLDER}/mysql");
        let options = ContainerArchiveInfoOptionsBuilder::default().path(&path).build();
        let looked = engine.client().await?.get_container_archive_info(container, Some(options)).await;
        Ok(found(looked).map_err(engine.failed("look into a volume"))?.is_some())
    }

    /// The template of an image, or `None`, told aloud, where the engine does not let one be made: the image then
    /// fills each data folder itself.
    pub(super) async fn template_or_none(
        &self,
        engine: &Engine,
        image: &Image,
    ) -> Result<Option<PathBuf>, ProvisionError> {
        match self.template(engine, image).await {
            Ok(path) => Ok(Some(path)),
            // A proxy in front of the engine may forbid to copy files.
            Err(error @ ProvisionError::Engine { class: ErrorClass::Auth, .. }) => {
                let error = error.to_string();
                tracing::warn!(error, "no template can be made, so each new server takes longer to start");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Volume {
    New,
    /// Its container was removed by somebody.
    MayHoldData,
}

/// Safe to run again, except that the last one takes the account away that runs them. The password is hexadecimal
/// and the database name is checked, so neither can end its quotes.
fn first_statements(flavor: Flavor, identity: &Identity, login: &Login) -> Vec<String> {
    let (account, password) = (format!("'{}'@'%'", login.user), login.password.expose());
    let create = format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}'");
    let grants = flavor.grants(&account, &identity.database);
    let rest = [
        format!("CREATE DATABASE IF NOT EXISTS `{}`", identity.database),
        // For somebody who works inside the container.
        format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}'"),
        "DROP USER 'root'@'%'".to_owned(),
    ];
    [create].into_iter().chain(grants).chain(rest).collect()
}
