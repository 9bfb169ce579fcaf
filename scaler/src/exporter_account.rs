//! The account by which mysqld_exporter reads every shard, also those that were added a moment ago.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use router::endpoint::Endpoint;
use router::session;
use router::topology::Topology;
use router::topology::watch::chain;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use crate::config::ExporterAccount;

const PATIENCE: Duration = Duration::from_secs(3);

/// Makes the account where it is missing, once for each shard.
pub struct ExporterAccounts {
    account: Option<ExporterAccount>,
    /// The addresses of the shards that have it.
    done: BTreeSet<String>,
}

impl ExporterAccounts {
    pub fn new(account: Option<ExporterAccount>) -> ExporterAccounts {
        ExporterAccounts { account, done: BTreeSet::new() }
    }

    /// Never fails: a shard that cannot be given the account is tried again the next time.
    pub async fn follow(&mut self, topology: &Topology) {
        let Some(account) = &self.account else { return };
        let missing = topology.shards().iter().filter(|shard| !self.done.contains(&shard.endpoint.address()));
        let made = join_all(missing.map(|shard| async move {
            match tokio::time::timeout(PATIENCE, make(&shard.endpoint, account)).await {
                Ok(Ok(())) => Some(shard.endpoint.address()),
                Ok(Err(error)) => {
                    tracing::warn!(shard = %shard.id, error = chain(&error), "the exporter's account was not made");
                    None
                }
                Err(_) => None,
            }
        }))
        .await;
        self.done.extend(made.into_iter().flatten());
    }
}

async fn make(endpoint: &Endpoint, account: &ExporterAccount) -> Result<(), sqlx::Error> {
    let mut connection = session::connect(endpoint).await?;
    let version: String = connection.fetch_one(sqlx::raw_sql("SELECT VERSION()")).await?.try_get_unchecked(0)?;
    for statement in statements(account, version.contains("MariaDB")) {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    }
    connection.close().await
}

/// The grants are those that the exporter's documentation asks for; three connections at most, so that it never
/// takes those of the applications.
fn statements(account: &ExporterAccount, is_mariadb: bool) -> [String; 3] {
    let user = format!("{}@'%'", literal(&account.user));
    let password = literal(&account.password);
    let monitor = if is_mariadb { ", SLAVE MONITOR" } else { "" };
    [
        format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password}"),
        // One that was there may have an older password.
        format!("ALTER USER {user} IDENTIFIED BY {password} WITH MAX_USER_CONNECTIONS 3"),
        format!("GRANT PROCESS, REPLICATION CLIENT, SELECT{monitor} ON *.* TO {user}"),
    ]
}

/// Our sessions know backslash escapes, so both characters are doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_cannot_end_their_quotes() {
        let account = ExporterAccount { user: "ex'p".to_owned(), password: r"a\'b".to_owned() };
        insta::assert_snapshot!(statements(&account, true).join("\n"), @r"
        CREATE USER IF NOT EXISTS 'ex''p'@'%' IDENTIFIED BY 'a\\''b'
        ALTER USER 'ex''p'@'%' IDENTIFIED BY 'a\\''b' WITH MAX_USER_CONNECTIONS 3
        GRANT PROCESS, REPLICATION CLIENT, SELECT, SLAVE MONITOR ON *.* TO 'ex''p'@'%'
        ");
        assert!(!statements(&account, false)[2].contains("SLAVE MONITOR"));
    }
}
