//! Instances of the backend as shards.

use backends::{Instance, Owner, Provisioner};
use keyspace::endpoint::Endpoint;
use keyspace::errors::chain;
use keyspace::logins::Logins;
use keyspace::topology::Shard;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backend answered with an instance that has no address")]
pub struct NoAddress;

/// Where an instance is reached, in the router's words.
pub fn endpoint_of(instance: &Instance) -> Result<Endpoint, NoAddress> {
    let address = instance.address.as_ref().ok_or(NoAddress)?;
    let login = &instance.login;
    Ok(Endpoint::tcp(&address.host, address.port, &login.user, login.password.expose(), &instance.database))
}

/// The logins of the scaler: of the configuration, and of the backend's instances.
pub async fn known_logins(seeds: &[Shard], pool: &[Endpoint], owner: &Owner, provisioner: &dyn Provisioner) -> Logins {
    let logins = Logins::of(seeds);
    pool.iter().for_each(|server| logins.learn(server));
    match provisioner.list(owner).await {
        Ok(instances) => instances.iter().filter_map(|instance| endpoint_of(instance).ok()).for_each(|known| {
            logins.learn(&known);
        }),
        Err(error) => tracing::warn!(error = chain(&error), "the backend's servers, and logins, are not known for now"),
    }
    logins
}
