//! The accounts on every shard: what they lack, and what they could do that nobody needs.

use std::time::Duration;

use keyspace::accounts::{Grant, Grants, grants_of, is_login_refused, quoted, router_grants};
use keyspace::endpoint::Login;
use keyspace::errors::chain;
use keyspace::mysql::Vendor;
use keyspace::mysql::er;
use keyspace::mysql::{self, errno};
use keyspace::topology::{Shard, Topology};
use moves::cluster::Cluster;
use scaler::accounts::{Accounts, exporter_grants, scaler_grants};

use crate::check::agreement::CarriedTopology;
use crate::check::finding::{Finding, Severity};
use crate::check::session::{CheckError, ShardSession};

/// Says where a topology still holds logins.
pub(super) fn stored_logins(carried: &[CarriedTopology]) -> Vec<Finding> {
    let holds =
        |(_, read): &&CarriedTopology| read.as_ref().is_ok_and(|read| read.as_ref().is_some_and(Topology::has_logins));
    let finding = |(shard, _): &CarriedTopology| {
        Finding::new(
            Severity::Warning,
            shard,
            "its row in _autoscaler.topology holds logins of shards, as earlier versions stored them",
            "run the scaler, which takes them out, and then change these passwords: binary logs and backups keep them",
        )
    };
    carried.iter().filter(holds).map(finding).collect()
}

/// Looks at the accounts on every shard that answers.
pub(super) async fn look(
    cluster: &Cluster,
    topology: &Topology,
    accounts: &Accounts,
    is_exporter_configured: bool,
    findings: &mut Vec<Finding>,
) {
    for shard in topology.shards() {
        // One that does not answer was told before.
        let Ok(mut session) = ShardSession::open(cluster, &shard.id).await else { continue };
        let looked = async {
            let vendor = if session.mariadb { Vendor::MariaDb } else { Vendor::MySql };
            let database = shard.endpoint.database();
            own(&mut session, shard, &scaler_grants(database, vendor), findings).await?;
            match accounts.router() {
                Some(router) if router.user() == shard.endpoint.user() => findings.push(Finding::new(
                    Severity::Warning,
                    &shard.id,
                    format!("the scaler logs in as `{}`, which is the router's account", router.user()),
                    "give the scaler a login of its own, or name another `router_account`",
                )),
                Some(router) => {
                    let wanted = router_grants(database, vendor);
                    let account = OtherAccount { whose: "router", login: router, wanted, expected: true };
                    other(&mut session, shard, &account, findings).await?;
                }
                None => findings.push(Finding::new(
                    Severity::Warning,
                    &shard.id,
                    "routers work with the scaler's login: its DSN has no password, from which one could be derived",
                    "set `cluster_secret` for router and scaler",
                )),
            }
            if let Some(exporter) = accounts.exporter().filter(|login| login.user() != shard.endpoint.user()) {
                let wanted = exporter_grants(database, vendor);
                let account =
                    OtherAccount { whose: "exporter", login: exporter, wanted, expected: is_exporter_configured };
                other(&mut session, shard, &account, findings).await?;
            }
            Ok::<_, CheckError>(())
        };
        if let Err(error) = looked.await {
            findings.push(crate::check::look::not_checked(&shard.id, &error));
        }
    }
}

/// The scaler's own account. What it has beyond its needs is worth knowing only: it makes accounts.
async fn own(
    session: &mut ShardSession,
    shard: &Shard,
    wanted: &[Grant],
    findings: &mut Vec<Finding>,
) -> Result<(), CheckError> {
    let lines = session.fetch_texts::<1>("SHOW GRANTS").await?;
    let grants = Grants::parse(lines.iter().map(|[line]| line.as_str()));
    let user = shard.endpoint.user();
    for grant in grants.lacking(wanted).iter().filter(|grant| grant.privileges != ["ALL PRIVILEGES"]) {
        findings.push(Finding::new(
            Severity::Warning,
            &shard.id,
            format!("the scaler's account `{user}` lacks {} on {}", grant.privileges.join(", "), grant.on),
            format!("{} WITH GRANT OPTION", grant.statement("it")),
        ));
    }
    let surplus = grants.dangerous(wanted).into_iter().filter(|(names, _)| names != "GRANT OPTION");
    for (privileges, on) in surplus {
        findings.push(Finding::new(
            Severity::Note,
            &shard.id,
            format!("the scaler's account `{user}` has more than it needs: {privileges} on {on}"),
            "docs/adopt.md has what it needs",
        ));
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(5);

struct OtherAccount<'a> {
    whose: &'static str,
    login: &'a Login,
    wanted: Vec<Grant>,
    /// Whether it is worth a word that it is not there.
    expected: bool,
}

/// An account that the scaler makes, by what it says of itself.
async fn other(
    session: &mut ShardSession,
    shard: &Shard,
    account: &OtherAccount<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), CheckError> {
    let whose = account.whose;
    let grants = match mysql::connect(&shard.endpoint.with_login(account.login)).await {
        Ok(mut connection) => {
            let granted = mysql::within(PATIENCE, grants_of(&mut connection)).await;
            granted.map_err(|error| session.failed(error))?
        }
        Err(error) if errno(&error) == Some(er::USER_LIMIT_REACHED) => return Ok(()),
        Err(error) if is_login_refused(&error) => {
            findings.extend(refused(session, shard, account).await?);
            return Ok(());
        }
        Err(error) => {
            let problem = format!("whether the {whose}'s account works is not known: {}", chain(&error));
            findings.push(Finding::new(Severity::Warning, &shard.id, problem, "look again when the server answers"));
            return Ok(());
        }
    };
    findings.extend(deviations(shard, account, &grants));
    Ok(())
}

fn deviations(shard: &Shard, account: &OtherAccount<'_>, grants: &Grants) -> Vec<Finding> {
    let (whose, user) = (account.whose, account.login.user());
    let lacking = grants.lacking(&account.wanted).into_iter().map(|grant| {
        Finding::new(
            Severity::Error,
            &shard.id,
            format!("the {whose}'s account `{user}` lacks {} on {}", grant.privileges.join(", "), grant.on),
            grant.statement(&quoted(user)),
        )
    });
    let surplus = grants.dangerous(&account.wanted).into_iter().map(|(privileges, on)| {
        Finding::new(
            Severity::Warning,
            &shard.id,
            format!("the {whose}'s account `{user}` could do more than it needs: {privileges} on {on}"),
            format!("REVOKE {privileges} ON {on} FROM {}", quoted(user)),
        )
    });
    lacking.chain(surplus).collect()
}

/// Whether an account that does not log in is missing, or has another password.
async fn refused(
    session: &mut ShardSession,
    shard: &Shard,
    account: &OtherAccount<'_>,
) -> Result<Option<Finding>, CheckError> {
    let (whose, user) = (account.whose, account.login.user());
    let known = format!("SELECT COUNT(*) FROM mysql.user WHERE User={}", keyspace::literal::quote_text(user));
    let is_there = match session.fetch_text(&known).await {
        Ok(count) => count.as_deref() != Some("0"),
        // It may not look.
        Err(_) => true,
    };
    let (severity, problem) = match is_there {
        true => (Severity::Warning, "does not log in with the password of this configuration"),
        false => (Severity::Note, "is not there yet"),
    };
    let remedy = "the running scaler makes it; router and scaler need the same `cluster_secret`, or the same account";
    let finding = Finding::new(severity, &shard.id, format!("the {whose}'s account `{user}` {problem}"), remedy);
    Ok((is_there || account.expected).then_some(finding))
}
