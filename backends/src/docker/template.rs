//! A filled data folder for each image, made once by the image itself and uploaded to each new container.
//!
//! A server that finds its data folder filled answers in about a second; one that has to fill it takes 3 to 10.
//! The upload goes through the engine's API, so it needs no folder of the host and works with remote engines.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::query_parameters::{
    CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::container::{DATA_FOLDER, Shape};
use super::engine::{Engine, found};
use super::identity::{Labels, TEMPLATE_OF};
use super::image::Image;
use super::{DockerProvisioner, logs, wait};
use crate::files::{self, Lock};
use crate::sql_server::NOT_TO_SHARE;
use crate::{InstanceId, Limits, Login, ProvisionError, Secret};

/// MySQL on a slow disk takes a minute to lay out its data.
const DEADLINE: Duration = Duration::from_secs(300);
/// What the password of a template's root account is derived for.
pub(super) const PURPOSE: &str = "template";

impl DockerProvisioner {
    /// The tar file of this image's filled data folder, made now if need be.
    pub(super) async fn template(&self, engine: &Engine, image: &Image) -> Result<PathBuf, ProvisionError> {
        let folder = self.config.directory.join("template");
        let path = folder.join(format!("{}.tar", key(image, &self.config.options.extra_args)));
        if path.exists() {
            return Ok(path);
        }
        files::create_private_dir(&folder)?;
        let _lock = Lock::take(folder.join("lock"), DEADLINE).await?;
        if path.exists() {
            return Ok(path);
        }
        tracing::info!(
            image = self.config.options.image,
            "laying out a data folder for new servers, once for this image"
        );
        self.remove_template_containers(engine).await?;
        let made = self.make_template(engine, image, &path).await;
        // Whatever came of it; what stays behind after a crash is removed by the next one.
        self.remove_template_containers(engine).await?;
        made?;
        Ok(path)
    }

    async fn make_template(&self, engine: &Engine, image: &Image, path: &Path) -> Result<(), ProvisionError> {
        let client = engine.client().await?;
        let name = format!("{}.template", self.config.owner);
        let id = InstanceId::new(name.clone()).expect("an owner's name and a word are an id");
        let password = self.secret().await?.password(PURPOSE);
        let published = self.publish_on(engine).await?;
        let shape = Shape {
            options: &self.config.options,
            flavor: image.flavor,
            labels: Labels::from([(TEMPLATE_OF.to_owned(), self.config.owner.to_string())]),
            limits: Limits::default(),
            alias: &name,
            published,
            volume: None,
            root_password: Some(&password),
            args: vec![image.flavor.template_redo_log()],
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        client
            .create_container(Some(options), shape.into_body())
            .await
            .map_err(engine.failed("create the container of a template"))?;
        client.start_container(&name, None).await.map_err(engine.failed("start the container of a template"))?;
        let address = self.address(engine, &name, published.map(|(_, port)| port));
        let login = Login { user: "root".to_owned(), password };
        wait::until_it_answers(engine, &id, &name, &address, &login, DEADLINE).await?;
        let options = StopContainerOptionsBuilder::default().t(60).build();
        client.stop_container(&name, Some(options)).await.map_err(engine.failed("stop the container of a template"))?;
        let stopped = client.inspect_container(&name, None).await.map_err(engine.failed("look at a template"))?;
        if stopped.state.as_ref().and_then(|state| state.exit_code) != Some(0) {
            // Data of a server that was killed has to be recovered by every copy.
            let log_tail = logs::tail(engine, &name).await;
            return Err(ProvisionError::ServerStopped { id, class: crate::ErrorClass::Program, log_tail });
        }
        download(engine, &name, path).await
    }

    async fn remove_template_containers(&self, engine: &Engine) -> Result<(), ProvisionError> {
        let client = engine.client().await?;
        let label = format!("{TEMPLATE_OF}={}", self.config.owner);
        let filters = std::collections::HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let containers = client.list_containers(Some(options)).await.map_err(engine.failed("list containers"))?;
        for container in containers.into_iter().filter_map(|container| container.id) {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            found(client.remove_container(&container, Some(options)).await)
                .map_err(engine.failed("remove the container of a template"))?;
        }
        Ok(())
    }
}

/// Another image, or other options that may shape the data, has another template.
fn key(image: &Image, extra_args: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&image.id).chain(extra_args) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

async fn download(engine: &Engine, container: &str, path: &Path) -> Result<(), ProvisionError> {
    let raw = files::with_suffix(path, ".raw");
    let mut file = tokio::fs::File::create(&raw).await.map_err(ProvisionError::io("create", &raw))?;
    let options = DownloadFromContainerOptionsBuilder::default().path(DATA_FOLDER).build();
    let mut pieces = std::pin::pin!(engine.client().await?.download_from_container(container, Some(options)));
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(engine.failed("download a data folder"))?;
        file.write_all(&piece).await.map_err(ProvisionError::io("write", &raw))?;
    }
    file.flush().await.map_err(ProvisionError::io("write", &raw))?;
    let path = path.to_owned();
    let filtered = tokio::task::spawn_blocking(move || {
        let unfinished = files::with_suffix(&path, ".new");
        let read = File::open(&raw).map_err(ProvisionError::io("open", &raw))?;
        let write = File::create(&unfinished).map_err(ProvisionError::io("create", &unfinished))?;
        without_private_files(read, write).map_err(ProvisionError::io("rewrite", &raw))?;
        files::remove(&raw)?;
        files::rename(&unfinished, &path)
    });
    filtered.await.expect("rewriting a file does not panic")
}

/// Copies an archive of a data folder without what must differ from server to server.
fn without_private_files(archive: impl Read, target: File) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    let mut target = tar::Builder::new(target);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let is_private = path.file_name().is_some_and(|name| NOT_TO_SHARE.iter().any(|private| name == *private));
        let is_plain = matches!(entry.header().entry_type(), tar::EntryType::Regular | tar::EntryType::Directory);
        if is_private || !is_plain {
            continue;
        }
        let mut header = entry.header().clone();
        target.append_data(&mut header, path, &mut entry)?;
    }
    target.into_inner()?.sync_all()
}

/// Puts a template's content into a container that was created and not started.
pub(super) async fn upload(engine: &Engine, container: &str, template: &Path) -> Result<(), ProvisionError> {
    let file = tokio::fs::File::open(template).await.map_err(ProvisionError::io("open", template))?;
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; 256 << 10];
        let length = tokio::io::AsyncReadExt::read(&mut file, &mut piece).await?;
        piece.truncate(length);
        Ok::<_, io::Error>((length > 0).then(|| (bytes::Bytes::from(piece), file)))
    });
    // The archive's paths begin with the name of the data folder itself.
    let above = Path::new(DATA_FOLDER).parent().and_then(Path::to_str).expect("the data folder lies in a folder");
    let options = bollard::query_parameters::UploadToContainerOptionsBuilder::default().path(above).build();
    let client = engine.client().await?;
    let uploaded = client.upload_to_container(container, Some(options), bollard::body_try_stream(pieces)).await;
    uploaded.map_err(engine.failed("upload a data folder"))
}

/// The account that a template came with.
pub(super) fn root(password: Secret) -> Login {
    Login { user: "root".to_owned(), password }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql_server::Flavor;

    #[test]
    fn private_files_are_left_out_of_an_archive() {
        let mut archive = tar::Builder::new(Vec::new());
        for name in ["mysql/auto.cnf", "mysql/ibdata1", "mysql/server-key.pem"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_uid(999);
            header.set_cksum();
            archive.append_data(&mut header, name, &b"abc"[..]).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.tar");
        without_private_files(archive.into_inner().unwrap().as_slice(), File::create(&path).unwrap()).unwrap();
        let mut read = tar::Archive::new(File::open(&path).unwrap());
        let kept: Vec<_> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().display().to_string(), entry.header().uid().unwrap())
            })
            .collect();
        assert_eq!(kept, [("mysql/ibdata1".to_owned(), 999)]);
    }

    #[test]
    fn a_template_belongs_to_an_image_and_its_options() {
        let image = |id: &str| Image { id: id.to_owned(), flavor: Flavor::MariaDb };
        assert_ne!(key(&image("a"), &[]), key(&image("b"), &[]));
        assert_ne!(key(&image("a"), &[]), key(&image("a"), &["--x".to_owned()]));
        assert_eq!(key(&image("a"), &[]).len(), 24);
    }
}
