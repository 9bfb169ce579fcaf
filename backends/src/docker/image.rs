//! The image that servers are made from: there or pulled, and what it starts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::engine::{Engine, found};
use crate::sql_server::Flavor;
use crate::{ErrorClass, ProvisionError};

/// When an image is fetched from its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// When the engine does not have it.
    #[default]
    Missing,
    Always,
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// The hash of its configuration, which changes with its content.
    pub(super) id: String,
    pub(super) flavor: Flavor,
}

/// The image, pulled now if the policy asks for it.
pub(super) async fn ensure(engine: &Engine, name: &str, policy: PullPolicy) -> Result<Image, ProvisionError> {
    let inspect = || async {
        found(engine.client().await?.inspect_image(name).await).map_err(engine.failed(format!("look at image {name}")))
    };
    let inspected = match (inspect().await?, policy) {
        (Some(image), PullPolicy::Missing | PullPolicy::Never) => Some(image),
        (None, PullPolicy::Never) => None,
        (_, PullPolicy::Always) | (None, PullPolicy::Missing) => {
            pull(engine, name).await?;
            inspect().await?
        }
    };
    let missing = || ProvisionError::ImageMissing { image: name.to_owned(), engine: engine.host.clone() };
    read(name, inspected.ok_or_else(missing)?)
}

fn read(name: &str, image: ImageInspect) -> Result<Image, ProvisionError> {
    let config = image.config.unwrap_or_default();
    let command = config.cmd.unwrap_or_default();
    let entrypoint = config.entrypoint.unwrap_or_default();
    // Official images have an entrypoint of their own and name the server as the command.
    let program = command.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let flavor = match program {
        "mariadbd" => Flavor::MariaDb,
        // MariaDB's images up to 10.x name it so too.
        "mysqld" if config.env.iter().flatten().any(|line| line.starts_with("MARIADB_")) => Flavor::MariaDb,
        "mysqld" => Flavor::MySql,
        _ => {
            let command = entrypoint.iter().chain(&command).map(String::as_str).collect::<Vec<_>>().join(" ");
            return Err(ProvisionError::NoDatabaseImage { image: name.to_owned(), command });
        }
    };
    Ok(Image { id: image.id.unwrap_or_default(), flavor })
}

/// Fetches the image and tells every two seconds how far it is.
async fn pull(engine: &Engine, name: &str) -> Result<(), ProvisionError> {
    const TELL_EVERY: Duration = Duration::from_secs(2);
    let (repository, tag) = split(name);
    tracing::info!(image = name, engine = engine.host, "pulling the image");
    let options = CreateImageOptionsBuilder::default().from_image(repository).tag(tag).build();
    let mut events = std::pin::pin!(engine.client().await?.create_image(Some(options), None, None));
    let mut progress = Progress::default();
    let mut told = Instant::now();
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| {
            let (image, host) = (name.to_owned(), engine.host.clone());
            match engine.failed("pull")(error) {
                ProvisionError::Engine { class, source, .. } => {
                    // A registry that does not know the image will not know it the next time.
                    let class = if class == ErrorClass::Auth { ErrorClass::Permanent } else { class };
                    ProvisionError::PullFailed { image, engine: host, class, source }
                }
                other => other,
            }
        })?;
        progress.add(&event);
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let (done, total) = progress.bytes();
            tracing::info!(image = name, done_bytes = done, total_bytes = total, "pulling the image");
        }
    }
    tracing::info!(image = name, engine = engine.host, "the image is there");
    Ok(())
}

/// Bytes by layer.
#[derive(Debug, Default)]
struct Progress(BTreeMap<String, (i64, i64)>);

impl Progress {
    fn add(&mut self, event: &CreateImageInfo) {
        let (Some(layer), Some(detail)) = (&event.id, &event.progress_detail) else { return };
        if let (Some("Downloading"), Some(current), Some(total)) =
            (event.status.as_deref(), detail.current, detail.total)
        {
            self.0.insert(layer.clone(), (current, total));
        }
    }

    fn bytes(&self) -> (i64, i64) {
        self.0.values().fold((0, 0), |(done, total), (current, size)| (done + current, total + size))
    }
}

/// Repository and tag; without a tag the engine would pull all of them. A digest is a tag to the engine.
fn split(name: &str) -> (&str, &str) {
    if let Some((repository, digest)) = name.split_once('@') {
        return (repository, digest);
    }
    match name.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_its_tag() {
        assert_eq!(split("mariadb:11.8"), ("mariadb", "11.8"));
        assert_eq!(split("mariadb"), ("mariadb", "latest"));
        assert_eq!(split("localhost:5000/mariadb"), ("localhost:5000/mariadb", "latest"));
        assert_eq!(split("localhost:5000/mariadb:1"), ("localhost:5000/mariadb", "1"));
        assert_eq!(split("mysql@sha256:abc"), ("mysql", "sha256:abc"));
    }

    #[test]
    fn the_command_tells_the_server() {
        let flavor = |json: &str| read("x", serde_json::from_str(json).unwrap()).map(|image| image.flavor);
        assert_eq!(flavor(r#"{"Config":{"Cmd":["mariadbd"]}}"#).unwrap(), Flavor::MariaDb);
        assert_eq!(flavor(r#"{"Config":{"Cmd":["mysqld"]}}"#).unwrap(), Flavor::MySql);
        let old_mariadb = r#"{"Config":{"Cmd":["mysqld"],"Env":["MARIADB_VERSION=1:10.6"]}}"#;
        assert_eq!(flavor(old_mariadb).unwrap(), Flavor::MariaDb);
        let error = flavor(r#"{"Config":{"Entrypoint":["/docker-entrypoint.sh"],"Cmd":["nginx","-g"]}}"#).unwrap_err();
        assert!(error.to_string().contains("starts `/docker-entrypoint.sh nginx -g`, not mariadbd"), "{error}");
    }

    #[test]
    fn progress_sums_layers() {
        let mut progress = Progress::default();
        for json in [
            r#"{"id":"a","status":"Downloading","progressDetail":{"current":1,"total":10}}"#,
            r#"{"id":"b","status":"Downloading","progressDetail":{"current":2,"total":20}}"#,
            r#"{"id":"a","status":"Downloading","progressDetail":{"current":5,"total":10}}"#,
            r#"{"id":"a","status":"Extracting","progressDetail":{"current":9,"total":99}}"#,
            r#"{"status":"Digest: x"}"#,
        ] {
            progress.add(&serde_json::from_str(json).unwrap());
        }
        assert_eq!(progress.bytes(), (7, 30));
    }
}
