//! The accounts that a configuration names or derives.

use keyspace::endpoint::Login;
use scaler::accounts::{Accounts, EXPORTER_USER};

use super::secret::{self, KeyFile, SecretError};
use crate::config::Config;

/// The accounts of a configuration. `up` runs exporters of its own, which need an account also where none is configured.
pub fn accounts(config: &Config, key_file: KeyFile<'_>) -> Result<Accounts, SecretError> {
    let secret = secret::of(config, &key_file)?;
    let derived = |user: &str| Some(Login::new(user, secret.as_ref()?.password(user)));
    let account = &config.router_account;
    let own = config.shards.first().filter(|shard| shard.endpoint.user() == account.user);
    let router = match (&account.password, own) {
        (Some(password), _) => Some(Login::new(&account.user, password)),
        // Whoever has a DSN with the account has its password.
        (None, Some(shard)) => shard.endpoint.login().cloned(),
        (None, None) => derived(&account.user),
    };
    let exporter = match (&config.exporter, key_file) {
        (Some(account), _) => Some(Login::new(&account.user, &account.password)),
        (None, KeyFile::Make(_) | KeyFile::Read(_)) => derived(EXPORTER_USER),
        (None, KeyFile::None) => None,
    };
    Ok(Accounts::new(router, exporter))
}
