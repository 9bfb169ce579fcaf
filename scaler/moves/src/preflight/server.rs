//! What a server says of itself, as far as it decides whether rows may move to or from it.

use std::collections::BTreeMap;

use keyspace::accounts::Grants;
use keyspace::mysql::er;
use keyspace::own::journal::Side;

use crate::connection::texts;
use crate::connection::{Connection, error_number};
use crate::error::MoveError;

/// Why a server cannot take part, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub reason: String,
    pub remedy: String,
}

fn obstacle(reason: impl Into<String>, remedy: impl Into<String>) -> Obstacle {
    Obstacle { reason: reason.into(), remedy: remedy.into() }
}

/// The primaries of a MySQL group that the server is a member of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// No member of a running group, or no MySQL.
    #[default]
    None,
    Primaries(u64),
    /// The account may not look.
    Hidden,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// By lower-case name; what a server does not know is not there.
    variables: BTreeMap<String, String>,
    wsrep_cluster_size: u64,
    group: Group,
}

const VARIABLES: [&str; 9] = [
    "innodb_autoinc_lock_mode",
    "innodb_flush_log_at_trx_commit",
    "read_only",
    "super_read_only",
    "innodb_read_only",
    "wsrep_on",
    "group_replication_single_primary_mode",
    "log_bin",
    "log_bin_trust_function_creators",
];

impl Server {
    pub async fn fetch(connection: &mut Connection) -> Result<Server, MoveError> {
        const DENIED_OR_ABSENT: [u16; 4] =
            [er::TABLEACCESS_DENIED, er::DBACCESS_DENIED, er::NO_SUCH_TABLE, er::UNKNOWN_TABLE];
        let variables = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('{}')", VARIABLES.join("','"));
        let mut server = Server::default();
        for row in connection.fetch(&variables).await? {
            let [name, value] = texts(row);
            server.variables.insert(name.to_lowercase(), value.to_uppercase());
        }
        for row in connection.fetch("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'").await? {
            let [_, size] = texts(row);
            server.wsrep_cluster_size = size.parse().unwrap_or_default();
        }
        if !connection.mariadb {
            let primaries = "SELECT COUNT(*), COALESCE(SUM(MEMBER_ROLE='PRIMARY'),0) \
                 FROM performance_schema.replication_group_members WHERE MEMBER_STATE='ONLINE'";
            server.group = match connection.fetch(primaries).await {
                Ok(rows) => match rows.into_iter().next().map(texts) {
                    Some([members, primaries]) if members != "0" => {
                        Group::Primaries(primaries.parse().unwrap_or_default())
                    }
                    Some(_) | None => Group::None,
                },
                Err(error) if error_number(&error).is_some_and(|number| DENIED_OR_ABSENT.contains(&number)) => {
                    Group::Hidden
                }
                Err(error) => return Err(error),
            };
        }
        Ok(server)
    }

    /// Everything that keeps rows from moving from this server, to it, or both, by what it says of itself.
    pub fn obstacles(&self, sides: &[Side], grants: &Grants) -> Vec<Obstacle> {
        let shared = [self.read_only(), self.multi_writer()];
        let of_sides = sides.iter().flat_map(|side| match side {
            Side::Source => vec![self.locking_auto_increment(), self.binary_log(grants)],
            Side::Target => vec![self.unflushed_log(grants)],
        });
        shared.into_iter().chain(of_sides).flatten().collect()
    }

    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// MariaDB 12 has more values than ON and OFF, and all of them refuse writes.
    fn is_set(&self, name: &str) -> bool {
        !matches!(self.variable(name), "" | "OFF" | "0")
    }

    fn read_only(&self) -> Option<Obstacle> {
        let name = ["innodb_read_only", "super_read_only", "read_only"].into_iter().find(|name| self.is_set(name))?;
        Some(obstacle(
            format!("it is read-only ({name}={})", self.variable(name)),
            format!("name its primary as the shard if it is a replica, else SET GLOBAL {name}=OFF"),
        ))
    }

    /// Triggers, fence and named locks are of one server: writers at another member would pass them by.
    fn multi_writer(&self) -> Option<Obstacle> {
        const REMEDY: &str = "let one member take writes (single-primary mode), or use a server that replicates \
             asynchronously";
        if self.is_set("wsrep_on") && self.wsrep_cluster_size > 1 {
            let reason = format!("it is one of {} members of a Galera cluster", self.wsrep_cluster_size);
            return Some(obstacle(reason, "use a server outside of a cluster: each member of this one takes writes"));
        }
        let is_multi_primary = self.variable("group_replication_single_primary_mode") == "OFF";
        match self.group {
            Group::Primaries(primaries) if primaries > 1 || is_multi_primary => {
                Some(obstacle("it is in a replication group whose members all take writes", REMEDY))
            }
            Group::Hidden if is_multi_primary => Some(obstacle(
                "its replication group, if it runs, lets all members take writes, and its account may not look",
                "grant SELECT on performance_schema.replication_group_members, or use single-primary mode",
            )),
            Group::Primaries(_) | Group::Hidden | Group::None => None,
        }
    }

    fn locking_auto_increment(&self) -> Option<Obstacle> {
        (self.variable("innodb_autoinc_lock_mode") == "0").then(|| {
            obstacle(
                "innodb_autoinc_lock_mode=0 would make all writers of moving rows wait for each other",
                "set it to 1 or 2 and restart the server",
            )
        })
    }

    /// Rows must be on the target's disk before the source gives them up.
    fn unflushed_log(&self, grants: &Grants) -> Option<Obstacle> {
        let setting = self.variable("innodb_flush_log_at_trx_commit");
        let needs_flush = !matches!(setting, "" | "1");
        (needs_flush && !grants.has_everywhere("RELOAD")).then(|| {
            obstacle(
                format!(
                    "with innodb_flush_log_at_trx_commit={setting} moved rows have to be flushed to its disk, \
                     and its account may not"
                ),
                "grant RELOAD ON *.* to it, or set that to 1",
            )
        })
    }

    fn binary_log(&self, grants: &Grants) -> Option<Obstacle> {
        let refuses = self.is_set("log_bin") && !self.is_set("log_bin_trust_function_creators");
        (refuses && !grants.has_everywhere("SUPER"))
            .then(|| obstacle("its account may not create triggers", BINARY_LOG))
    }
}

/// What helps against [`er::BINLOG_CREATE_ROUTINE_NEED_SUPER`]; the same words as `triggers` has where it is met.
const BINARY_LOG: &str = "with its binary log on, the server lets only SUPER create triggers: grant SUPER or \
     SET GLOBAL log_bin_trust_function_creators=1";

#[cfg(test)]
mod tests {
    use super::*;

    fn server(variables: &[(&str, &str)]) -> Server {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Server { variables: variables.collect(), ..Server::default() }
    }

    #[track_caller]
    fn check(server: &Server, side: Side, grant: &str, expected: &[&str]) {
        let found = server.obstacles(&[side], &Grants::parse([grant]));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(format!("{}; {}", found.reason, found.remedy).contains(expected), "{found:?}");
        }
    }

    const NARROW: &str = "GRANT SELECT ON *.* TO `a`@`%`";
    const SUPER: &str = "GRANT SUPER ON *.* TO `a`@`%`";

    #[test]
    fn a_stock_server_has_nothing_against_a_move() {
        let mariadb =
            [("read_only", "OFF"), ("wsrep_on", "OFF"), ("log_bin", "OFF"), ("innodb_autoinc_lock_mode", "1")];
        check(&server(&mariadb), Side::Source, NARROW, &[]);
        let mysql = [("read_only", "OFF"), ("super_read_only", "OFF"), ("log_bin", "ON")];
        check(&server(&mysql), Side::Source, SUPER, &[]);
        check(&server(&mysql), Side::Target, NARROW, &[]);
    }

    #[test]
    fn a_server_that_takes_no_writes_is_named_with_its_strictest_setting() {
        check(&server(&[("read_only", "ON")]), Side::Target, SUPER, &["it is read-only (read_only=ON)"]);
        let both = server(&[("read_only", "ON"), ("super_read_only", "ON")]);
        check(&both, Side::Source, SUPER, &["SET GLOBAL super_read_only=OFF"]);
        check(&server(&[("read_only", "NO_LOCK_NO_ADMIN")]), Side::Source, SUPER, &["read_only=NO_LOCK_NO_ADMIN"]);
    }

    #[test]
    fn members_of_a_galera_cluster_are_refused_and_a_lone_one_is_not() {
        let mut galera = server(&[("wsrep_on", "ON")]);
        check(&galera, Side::Source, SUPER, &[]);
        galera.wsrep_cluster_size = 3;
        check(&galera, Side::Source, SUPER, &["it is one of 3 members of a Galera cluster"]);
        check(&galera, Side::Target, SUPER, &["each member of this one takes writes"]);
        check(&Server { wsrep_cluster_size: 3, ..server(&[("wsrep_on", "OFF")]) }, Side::Source, SUPER, &[]);
    }

    #[test]
    fn groups_with_several_primaries_are_refused() {
        let group = |mode, group| Server { group, ..server(&[("group_replication_single_primary_mode", mode)]) };
        let refused = ["it is in a replication group whose members all take writes"];
        check(&group("ON", Group::Primaries(1)), Side::Source, SUPER, &[]);
        check(&group("ON", Group::Primaries(2)), Side::Source, SUPER, &refused);
        check(&group("OFF", Group::Primaries(1)), Side::Target, SUPER, &refused);
        check(&group("OFF", Group::None), Side::Source, SUPER, &[]);
        check(&group("OFF", Group::Hidden), Side::Source, SUPER, &["grant SELECT on performance_schema"]);
        check(&group("ON", Group::Hidden), Side::Source, SUPER, &[]);
    }

    #[test]
    fn a_target_that_does_not_flush_by_itself_needs_an_account_that_may() {
        let lazy = server(&[("innodb_flush_log_at_trx_commit", "2")]);
        check(&lazy, Side::Target, NARROW, &["grant RELOAD ON *.* to it, or set that to 1"]);
        check(&lazy, Side::Target, "GRANT RELOAD ON *.* TO `a`@`%`", &[]);
        check(&lazy, Side::Source, NARROW, &[]);
        check(&server(&[("innodb_flush_log_at_trx_commit", "1")]), Side::Target, NARROW, &[]);
    }

    #[test]
    fn a_source_needs_concurrent_auto_increment_and_the_right_to_create_triggers() {
        let locking = server(&[("innodb_autoinc_lock_mode", "0")]);
        check(&locking, Side::Source, SUPER, &["set it to 1 or 2"]);
        check(&locking, Side::Target, SUPER, &[]);
        let logging = server(&[("log_bin", "ON"), ("log_bin_trust_function_creators", "OFF")]);
        check(&logging, Side::Source, NARROW, &["log_bin_trust_function_creators=1"]);
        check(&logging, Side::Source, SUPER, &[]);
        check(&server(&[("log_bin", "ON"), ("log_bin_trust_function_creators", "ON")]), Side::Source, NARROW, &[]);
    }
}
