//! What passwords of accounts are derived from, so that router and scaler agree on them without telling each other.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::Sha256;

use crate::config::Config;

/// In the data folder of `up`.
const FILE: &str = "cluster_secret";
const BYTES: usize = 32;

/// Where a secret may lie that nobody configured.
#[derive(Clone, Copy, Debug)]
pub enum KeyFile<'a> {
    /// In this data folder, made if it is not there yet: for `up`, whose router and scaler share the folder.
    Make(&'a Path),
    /// The same, for whoever looks only.
    Read(&'a Path),
    /// Nowhere: router and scaler have no folder in common.
    None,
}

#[derive(Debug, thiserror::Error)]
#[error("the secret {path} cannot be used")]
pub struct SecretError {
    path: PathBuf,
    source: std::io::Error,
}

pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// HMAC-SHA-256 of what it is for, cut to 128 bits, with what servers that judge passwords ask for.
    pub(super) fn password(&self, user: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"sql-autoscaler account ");
        mac.update(user.as_bytes());
        let digest = mac.finalize().into_bytes();
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("Ra1-{digits}")
    }
}

/// `cluster_secret`; else the password of the first configured shard, which all who have the configuration have; else
/// the key file. An empty password is no secret.
pub(super) fn of(config: &Config, key_file: &KeyFile<'_>) -> Result<Option<Secret>, SecretError> {
    if let Some(secret) = &config.cluster_secret {
        return Ok(Some(Secret(secret.clone().into_bytes())));
    }
    let first = config.shards.first().map(|shard| &shard.endpoint);
    let password = first.filter(|first| first.user() != config.router_account.user).map(|first| first.password());
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        return Ok(Some(Secret(password.as_bytes().to_vec())));
    }
    match key_file {
        KeyFile::None => Ok(None),
        KeyFile::Read(folder) => read(&folder.join(FILE)),
        KeyFile::Make(folder) => {
            let path = folder.join(FILE);
            match read(&path)? {
                Some(secret) => Ok(Some(secret)),
                None => make(&path).map(Some).map_err(|source| SecretError { path, source }),
            }
        }
    }
}

fn read(path: &Path) -> Result<Option<Secret>, SecretError> {
    let failed = |source| SecretError { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?.read_to_end(&mut bytes).map_err(failed)?,
    };
    match bytes.len() {
        BYTES => Ok(Some(Secret(bytes))),
        _ => Err(failed(std::io::Error::new(ErrorKind::InvalidData, format!("it must have {BYTES} bytes")))),
    }
}

/// Whole or not at all: a start that is cut short must not leave half of it.
fn make(path: &Path) -> std::io::Result<Secret> {
    let mut bytes = vec![0; BYTES];
    rand::rng().fill(&mut bytes[..]);
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    Ok(Secret(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn password(config: &str, key_file: KeyFile<'_>) -> Option<String> {
        let config = Config::from_json(config, Path::new(""), &|_| None).unwrap();
        of(&config, &key_file).unwrap().map(|secret| secret.password("r"))
    }

    #[test]
    fn who_has_the_same_secret_derives_the_same_password() {
        let of = |config: &str| password(config, KeyFile::None);
        let one = of(r#"{"cluster_secret": "s"}"#);
        assert_eq!(one.as_ref().unwrap().len(), 36);
        assert_eq!(one, of(r#"{"cluster_secret": "s", "shards": {"shard-1": "root:p@tcp(h:1)/app"}}"#));
        let first = of(r#"{"shards": {"shard-1": "root:p@tcp(h:1)/app", "shard-2": "root:q@tcp(h:2)/app"}}"#);
        assert_ne!(first, one);
        assert_eq!(first, of(r#"{"shards": {"shard-1": "other:p@tcp(g:1)/app"}}"#));
        // A password that everybody knows, and one that is not the scaler's.
        assert_eq!(of(r#"{"shards": {"shard-1": "root:@tcp(h:1)/app"}}"#), None);
        assert_eq!(of(r#"{"shards": {"shard-1": "autoscaler_router:p@tcp(h:1)/app"}}"#), None);
    }

    #[test]
    fn a_folder_keeps_its_secret_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(password("{}", KeyFile::Read(folder.path())), None);
        let made = password("{}", KeyFile::Make(folder.path()));
        assert!(made.is_some());
        assert_eq!(password("{}", KeyFile::Make(folder.path())), made);
        assert_eq!(password("{}", KeyFile::Read(folder.path())), made);
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join(FILE), "short").unwrap();
        let config = Config::from_json("{}", Path::new(""), &|_| None).unwrap();
        assert!(of(&config, &KeyFile::Read(folder.path())).is_err());
    }
}
