//! Passwords that need no record: each is derived from one secret and what it is for.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;

use crate::files;
use crate::{ProvisionError, Secret};

const FILE: &str = "secret";
const BYTES: usize = 32;

/// What all passwords of one directory are derived from. It never leaves the file.
#[derive(Clone)]
pub(super) struct MasterSecret([u8; BYTES]);

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl MasterSecret {
    /// The secret of this directory, made when there is none yet. The caller holds the directory's lock.
    pub(super) fn of(directory: &Path) -> Result<Self, ProvisionError> {
        let path: PathBuf = directory.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let whole = bytes.try_into().map_err(|_| {
                    let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it must have 32 bytes");
                    ProvisionError::io("use the secret", &path)(source)
                })?;
                Ok(Self(whole))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut secret = [0; BYTES];
                rand::rng().fill(&mut secret);
                files::write_whole(&path, &secret)?;
                Ok(Self(secret))
            }
            Err(error) => Err(ProvisionError::io("read", path)(error)),
        }
    }

    /// HMAC-SHA-256 of the purpose in hexadecimal, cut to 32 digits (128 bits).
    pub(super) fn password(&self, purpose: &str) -> Secret {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        let digest = mac.finalize().into_bytes();
        Secret::new(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_secret_and_purposes_differ() {
        let folder = tempfile::tempdir().unwrap();
        let first = MasterSecret::of(folder.path()).unwrap();
        let again = MasterSecret::of(folder.path()).unwrap();
        assert_eq!(first.password("a"), again.password("a"));
        assert_ne!(first.password("a"), first.password("b"));
        assert_eq!(first.password("a").expose().len(), 32);
        let other = MasterSecret::of(tempfile::tempdir().unwrap().path()).unwrap();
        assert_ne!(first.password("a"), other.password("a"));
    }

    #[test]
    fn a_secret_that_was_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), b"short").unwrap();
        assert!(MasterSecret::of(folder.path()).unwrap_err().to_string().contains("secret"));
    }
}
