//! How a router logs in to shards: by its own narrow account, or by the logins that it was given.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keyspace::accounts::{HOW_TO_MEND, ensure_router, is_login_refused};
use keyspace::endpoint::{Endpoint, Login};
use keyspace::errors::chain;
use keyspace::logins::Logins;
use keyspace::mysql;
use keyspace::topology::Shard;
use sqlx::mysql::MySqlConnection;

/// How a router logs in: by its account, which it makes itself where it has another login that may do so.
pub struct RouterLogins {
    logins: Logins,
    account: Option<Login>,
    /// When a shard that refused the account was last given it, by address.
    tried: Mutex<HashMap<String, Instant>>,
}

/// How often a shard that refuses the account is tried to be given it.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);
/// How long one shard may take for it.
const PATIENCE: Duration = Duration::from_secs(2);

impl RouterLogins {
    /// Without an account, the seeds' logins are used as they are.
    pub fn new(account: Option<Login>, seeds: &[Shard]) -> RouterLogins {
        let logins = account.clone().map_or_else(Logins::default, Logins::everywhere);
        let is_account = |seed: &&Shard| account.as_ref().is_none_or(|account| account.user() == seed.endpoint.user());
        let (own, others): (Vec<&Shard>, Vec<&Shard>) = seeds.iter().partition(is_account);
        own.iter().for_each(|seed| logins.learn(&seed.endpoint));
        others.iter().for_each(|seed| logins.keep_other(&seed.endpoint));
        RouterLogins { logins, account, tried: Mutex::default() }
    }

    pub fn logins(&self) -> &Logins {
        &self.logins
    }

    /// The seeds as this router reaches them, after their accounts were made where that is needed and possible.
    pub async fn settle(&self, seeds: &[Shard]) -> Vec<Shard> {
        join_all(seeds.iter().map(|seed| self.settle_one(&seed.endpoint))).await;
        let complete = |seed: &Shard| Shard { id: seed.id.clone(), endpoint: self.logins.complete(&seed.endpoint) };
        seeds.iter().map(complete).collect()
    }

    /// A session on a shard, which is given the account if it refuses it.
    pub async fn connect(&self, shard: &Shard) -> Result<MySqlConnection, sqlx::Error> {
        match mysql::connect(&self.logins.complete(&shard.endpoint)).await {
            Err(error) if is_login_refused(&error) && self.account.is_some() => {
                if !self.is_due(&shard.endpoint) {
                    return Err(error);
                }
                self.settle_one(&shard.endpoint).await;
                let connected = mysql::connect(&self.logins.complete(&shard.endpoint)).await;
                if let Err(error) = &connected
                    && is_login_refused(error)
                {
                    let error = chain(error);
                    tracing::error!(shard = %shard.id, error, "the shard refuses the router: {HOW_TO_MEND}");
                }
                connected
            }
            connected => connected,
        }
    }

    fn is_due(&self, endpoint: &Endpoint) -> bool {
        let mut tried = self.tried.lock().expect("no holder of this lock panics");
        let address = endpoint.address();
        let is_due = tried.get(&address).is_none_or(|at| at.elapsed() >= RETRY_INTERVAL);
        if is_due {
            tried.insert(address, Instant::now());
        }
        is_due
    }

    async fn settle_one(&self, endpoint: &Endpoint) {
        let Some(account) = &self.account else { return };
        if self.logins.complete(endpoint).login() != Some(account) {
            // Another login is used there already, or the configuration's own of this account.
            return;
        }
        let Some(admin) = self.logins.other(endpoint) else { return };
        let user = account.user();
        match tokio::time::timeout(PATIENCE, ensure_router(&admin, account)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_refusal() => {
                tracing::warn!(shard = %endpoint, user, error = chain(&error), "the router's account cannot be made by \
                     the configured login `{}`, which is used instead: let the scaler make it, or make it by hand as \
                     docs/security.md has it", admin.user());
                self.logins.learn(&admin);
            }
            Ok(Err(error)) => {
                tracing::debug!(shard = %endpoint, error = chain(&error), "the account was not looked at")
            }
            Err(_) => tracing::debug!(shard = %endpoint, "the account could not be looked at in time"),
        }
    }
}
