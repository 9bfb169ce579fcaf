//! The account by which routers work on a shard: what it may do, how it is made, and what is done where it is missing.
//!
//! It is as narrow as routing allows, so that a statement that should have been refused, or a login that got lost,
//! gives rows and nothing else of the server.

mod grants;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

pub use self::grants::{Grant, Grants, On};
use crate::endpoint::{Endpoint, Login};
use crate::literal::quote_text;
use crate::mysql::er;
use crate::mysql::{self, Vendor, errno};
use crate::own;
use crate::own::schema::OWN_SCHEMA;

/// What it is called unless the configuration names another.
pub const ROUTER_USER: &str = "autoscaler_router";

/// Everything that a router's account needs on a shard, and nothing else: rows and tables of the application's
/// database, and of our own schema what a router writes there.
pub fn router_grants(database: &str, vendor: Vendor) -> Vec<Grant> {
    // TRIGGER shows which tables have triggers, REFERENCES is for foreign keys, and gathered reads make temporary
    // tables.
    const ON_ROWS: [&str; 14] = [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "ALTER",
        "INDEX",
        "REFERENCES",
        "CREATE TEMPORARY TABLES",
        "CREATE VIEW",
        "SHOW VIEW",
        "TRIGGER",
        "EXECUTE",
    ];
    let mut grants = vec![
        Grant::new(On::Schema(database.to_owned()), &ON_ROWS),
        Grant::new(On::Schema(OWN_SCHEMA.to_owned()), &["SELECT"]),
        // The first topology, shards that moved, and the counter of schema changes.
        Grant::new(On::Table("topology"), &["INSERT", "UPDATE"]),
        Grant::new(On::Table("commits"), &["INSERT", "DELETE"]),
        Grant::new(On::Table("sequences"), &["INSERT", "UPDATE"]),
        Grant::new(On::Table("definitions"), &["INSERT", "DELETE"]),
        // A move of a shard that is reached elsewhere now is forbidden to switch.
        Grant::new(On::Table("moves"), &["UPDATE"]),
    ];
    if vendor == Vendor::MySql {
        // MariaDB shows prepared transactions to everybody.
        grants.push(Grant::new(On::Server, &["XA_RECOVER_ADMIN"]));
    }
    grants
}

/// An account as SQL names it, from whatever host it comes.
pub fn quoted(user: &str) -> String {
    format!("{}@'%'", quote_text(user))
}

#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("connecting failed")]
    Connect(#[source] sqlx::Error),
    #[error("a statement failed")]
    Database(#[from] sqlx::Error),
    #[error("our own schema could not be created")]
    OwnSchema(#[source] sqlx::Error),
}

impl MakeError {
    /// Whether whoever tried may not do it.
    pub fn is_refusal(&self) -> bool {
        let error = match self {
            MakeError::Connect(error) | MakeError::Database(error) | MakeError::OwnSchema(error) => error,
        };
        is_login_refused(error)
            || matches!(
                errno(error),
                Some(er::TABLEACCESS_DENIED | er::SPECIFIC_ACCESS_DENIED | er::CANT_CREATE_USER_WITH_GRANT)
            )
    }
}

/// Whether a server does not know an account, its password, or its right to the database.
pub fn is_login_refused(error: &sqlx::Error) -> bool {
    matches!(
        errno(error),
        Some(er::DBACCESS_DENIED | er::ACCESS_DENIED | er::HOST_NOT_PRIVILEGED | er::ACCESS_DENIED_NO_PASSWORD)
    )
}

/// Makes an account or gives it this password and what it lacks of the privileges. Takes nothing away.
///
/// `clause`: what else ALTER USER is to set.
pub async fn make(
    connection: &mut MySqlConnection,
    account: &Login,
    grants: &[Grant],
    clause: &str,
) -> Result<(), MakeError> {
    let user = quoted(account.user());
    let mut statements = Vec::new();
    match Vendor::of(connection).await? {
        // A binary log keeps the statement as it was sent, and the hash is as good. Where passwords are checked by a
        // plugin, the server wants to see them.
        Vendor::MariaDb if !checks_passwords(connection).await? => {
            let hash = format!("SELECT PASSWORD({})", quote_text(account.password()));
            let hash: String = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(hash))).await?.try_get_unchecked(0)?;
            statements.push(format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED BY PASSWORD '{hash}'"));
            statements.push(format!("ALTER USER {user} IDENTIFIED BY PASSWORD '{hash}' {clause}"));
        }
        // MySQL writes a hash into its logs by itself.
        Vendor::MariaDb | Vendor::MySql => {
            let password = quote_text(account.password());
            statements.push(format!("CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password}"));
            // One that was there may have an older password.
            statements.push(format!("ALTER USER {user} IDENTIFIED BY {password} {clause}"));
        }
    }
    statements.extend(grants.iter().map(|grant| grant.statement(&user)));
    for statement in statements {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
    }
    Ok(())
}

async fn checks_passwords(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let look = "SELECT COUNT(*) FROM information_schema.PLUGINS \
         WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE'";
    Ok(connection.fetch_one(sqlx::raw_sql(look)).await?.try_get_unchecked::<i64, _>(0)? > 0)
}

/// What the account of a connection may do.
pub async fn grants_of(connection: &mut MySqlConnection) -> Result<Grants, sqlx::Error> {
    let rows = connection.fetch_all(sqlx::raw_sql("SHOW GRANTS")).await?;
    let lines = rows.iter().map(|row| row.try_get_unchecked::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(Grants::parse(lines.iter().map(String::as_str)))
}

/// What keeps the router's account from working on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    Login,
    Grants(Vec<Grant>),
}

/// Logs in as the router's account and compares what it may do with what it needs; `None` if all is well.
pub async fn find_lack(endpoint: &Endpoint, account: &Login) -> Result<Option<Lack>, sqlx::Error> {
    let mut connection = match mysql::connect(&endpoint.with_login(account)).await {
        Err(error) if is_login_refused(&error) => return Ok(Some(Lack::Login)),
        connected => connected?,
    };
    let vendor = Vendor::of(&mut connection).await?;
    let lacking = grants_of(&mut connection).await?.lacking(&router_grants(endpoint.database(), vendor));
    Ok((!lacking.is_empty()).then_some(Lack::Grants(lacking)))
}

/// Makes the router's account on a shard, and our schema there, by a login that may do so. Changes nothing if all is
/// well already.
pub async fn ensure_router(admin: &Endpoint, account: &Login) -> Result<(), MakeError> {
    if find_lack(admin, account).await.map_err(MakeError::Connect)?.is_none() {
        return Ok(());
    }
    let mut connection = mysql::connect(admin).await.map_err(MakeError::Connect)?;
    // Privileges on tables are granted on tables that are there.
    own::schema::create_schema(&mut connection).await.map_err(MakeError::OwnSchema)?;
    let vendor = Vendor::of(&mut connection).await?;
    make(&mut connection, account, &router_grants(admin.database(), vendor), "").await?;
    // An anonymous account of a nearer host would be taken for it.
    mysql::connect(&admin.with_login(account)).await.map(drop).map_err(MakeError::Connect)
}

/// What to do about a shard that refuses the router's account.
pub const HOW_TO_MEND: &str = "correct its DSN, or give router and scaler the same `cluster_secret` or \
     `router_account`, by which the running scaler makes the router's account on every shard";
