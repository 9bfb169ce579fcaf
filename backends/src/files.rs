//! Files that nobody else may read, and that are whole or not there at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProvisionError;

/// Makes the folder and what is missing above it, for our eyes only.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), ProvisionError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(ProvisionError::io("create the folder", path))
}

/// Replaces the file in one step: after a crash it is the old one or the new one.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), ProvisionError> {
    let temporary = with_suffix(path, ".new");
    let write = || -> io::Result<()> {
        // One left by a crash may have been cut short; it is ours to overwrite.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_parent(path)
    };
    write().map_err(ProvisionError::io("write", path))
}

pub(crate) fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<(), ProvisionError> {
    let json = serde_json::to_vec_pretty(record)
        .map_err(|source| ProvisionError::BadRecord { path: path.to_owned(), source })?;
    write_whole(path, &json)
}

/// The record, or `None` where there is none.
pub(crate) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ProvisionError> {
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(ProvisionError::io("read", path)(error)),
    };
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(|source| ProvisionError::BadRecord { path: path.to_owned(), source })
}

/// Removes a file or a whole folder; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), ProvisionError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !is_absent(&error) => Err(ProvisionError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The names in a folder, sorted; none if there is no folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<String>, ProvisionError> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // What has a name that is not UTF-8 was not made by us.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    };
    match read() {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        result => result.map_err(ProvisionError::io("list", folder)),
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    fs::rename(from, to).and_then(|()| sync_parent(to)).map_err(ProvisionError::io("rename", from))
}

/// Copies a folder of regular files and folders, files 0600 and folders 0700, down to the disk.
///
/// It must have reached the disk, because a server does not write again what it finds in place:
/// without it a power failure minutes later could leave holes under rows it had confirmed.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    create_private_dir(to)?;
    for name in entries(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let metadata = fs::symlink_metadata(&source).map_err(ProvisionError::io("look at", &source))?;
        if metadata.is_dir() {
            copy_tree(&source, &target)?;
        } else if metadata.is_file() {
            copy_file(&source, &target).map_err(ProvisionError::io("copy", &source))?;
        }
    }
    File::open(to).and_then(|folder| folder.sync_all()).map_err(ProvisionError::io("write", to))
}

fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    // `fs::copy` lets the file system share blocks where it can.
    fs::copy(source, target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(0o600))?;
    File::open(target)?.sync_data()
}

/// What the files below a folder take on the disk. Files that vanish meanwhile count as nothing:
/// a running server drops and renames its files at any time.
pub(crate) fn disk_usage_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_usage_bytes(&entry.path()),
            // The unit of `blocks` is 512 bytes whatever the file system's own blocks are.
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// An exclusive lock between all processes, let go when its last clone is dropped: work that goes
/// on in a thread after its caller is gone holds one too.
#[derive(Debug, Clone)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its drop")] Arc<Flock<File>>);

impl Lock {
    /// Waits for the lock, as another call may be about the same thing, but not for ever.
    pub(crate) async fn take(path: PathBuf, patience: Duration) -> Result<Self, ProvisionError> {
        let began = Instant::now();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(ProvisionError::io("open", &path))?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self(Arc::new(lock))),
                Err((same_file, nix::errno::Errno::EWOULDBLOCK)) => file = same_file,
                Err((_, errno)) => return Err(ProvisionError::io("lock", path)(errno.into())),
            }
            let waited = began.elapsed();
            if waited >= patience {
                return Err(ProvisionError::Busy { path, waited });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// A rename is on the disk only once the folder is.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
