//! How much room a file system has.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// The space of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    pub(crate) capacity_bytes: u64,
    /// What an ordinary user may still write.
    pub(crate) available_bytes: u64,
}

/// Of the file system that holds this folder; `None` if it cannot be told.
pub(crate) fn free_space(folder: &Path) -> Option<DiskSpace> {
    let stat = statvfs(folder).ok()?;
    let block = stat.fragment_size();
    Some(DiskSpace { capacity_bytes: stat.blocks() * block, available_bytes: stat.blocks_available() * block })
}
