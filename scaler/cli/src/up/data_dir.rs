//! The data folder, used by one `up` at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::UpError;
use super::holder::PortHolder;

/// A data folder that is ours for as long as this value lives. The kernel lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the folder if it is missing, readable by us alone, and takes it. The path is made absolute, since
    /// programs are told paths in it.
    pub fn take(path: &Path) -> Result<DataDir, UpError> {
        create_private_dir(path)?;
        let path = path.canonicalize().map_err(failed("find", path))?;
        let lock_path = path.join("up.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
                written.map_err(failed("write", &lock_path))?;
                Ok(DataDir { path, _lock: lock })
            }
            Err((held, Errno::EWOULDBLOCK)) => {
                file = held;
                let mut pid = String::new();
                // Without the pid the message only tells less.
                let _ = file.read_to_string(&mut pid);
                Err(UpError::DataDirInUse { path, holder: pid.trim().parse().ok().map(PortHolder::of) })
            }
            Err((_, errno)) => Err(failed("lock", &lock_path)(errno.into())),
        }
    }

    /// Absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

pub(super) fn create_private_dir(path: &Path) -> Result<(), UpError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create the folder", path))
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpError {
    move |source| UpError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let taken = DataDir::take(&path).unwrap();
        let refused = DataDir::take(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("(pid {})", std::process::id())), "{refused}");
        drop(taken);
        DataDir::take(&path).unwrap();
    }
}
