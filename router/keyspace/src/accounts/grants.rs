//! What an account may do, from `SHOW GRANTS`: the one answer that every account gets on both servers.

use std::collections::BTreeSet;
use std::fmt;

use crate::own::schema::OWN_SCHEMA;
use crate::schema::quote;

/// Privileges that an account is to have on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub privileges: Vec<&'static str>,
    pub on: On,
}

/// What a privilege is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    Server,
    Schema(String),
    /// One of our own tables.
    Table(&'static str),
}

impl Grant {
    pub fn new(on: On, privileges: &[&'static str]) -> Grant {
        Grant { privileges: privileges.to_vec(), on }
    }

    /// The statement that grants it, to an account that is written as SQL has it.
    pub fn statement(&self, account: &str) -> String {
        format!("GRANT {} ON {} TO {account}", self.privileges.join(", "), self.on)
    }
}

/// As GRANT and REVOKE have it: in the name of a schema, `_` and `%` would stand for others.
impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            On::Server => f.write_str("*.*"),
            On::Schema(name) => {
                let literal = name.replace('\\', r"\\").replace('_', r"\_").replace('%', r"\%");
                write!(f, "{}.*", quote(&literal))
            }
            On::Table(name) => write!(f, "{OWN_SCHEMA}.{}", quote(name)),
        }
    }
}

/// The privileges of one account. Those on columns and routines, and on tables that are not ours, are left out: none of
/// them is enough for anything that we do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    everywhere: BTreeSet<String>,
    /// By the pattern of the schema's name, as it was granted.
    on_schemas: Vec<(String, BTreeSet<String>)>,
    /// By our own table's name.
    on_tables: Vec<(String, BTreeSet<String>)>,
    /// What MySQL's partial revokes take back of `everywhere`, by schema.
    revoked: Vec<(String, BTreeSet<String>)>,
    /// What it may pass on, as GRANT has the object.
    passed_on: Vec<String>,
    /// A role may add what is not listed here.
    has_roles: bool,
}

const ALL: &str = "ALL PRIVILEGES";

/// What gives more than rows: files, accounts, other sessions, the server itself.
const DANGEROUS: [&str; 17] = [
    ALL,
    "FILE",
    "SUPER",
    "CREATE USER",
    "PROCESS",
    "RELOAD",
    "SHUTDOWN",
    "EVENT",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "SET USER",
    "SET_ANY_DEFINER",
    "SYSTEM_USER",
    "ROLE_ADMIN",
    "CREATE ROLE",
];

impl Grants {
    /// From the lines of `SHOW GRANTS`.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Grants {
        let mut grants = Grants::default();
        for line in lines {
            let (rest, revokes) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE ")) {
                (Some(rest), _) => (rest, false),
                (None, Some(rest)) => (rest, true),
                (None, None) => continue,
            };
            let Some((privileges, rest)) = rest.split_once(" ON ") else {
                grants.has_roles = true;
                continue;
            };
            let object = rest.split_once(if revokes { " FROM " } else { " TO " }).map_or(rest, |(object, _)| object);
            let privileges: BTreeSet<String> = privileges.split(',').map(|name| canonical(name.trim())).collect();
            if !revokes && line.ends_with("WITH GRANT OPTION") && !privileges.contains("PROXY") {
                grants.passed_on.push(object.to_owned());
            }
            match (object, schema_of(object), revokes) {
                ("*.*", _, false) => grants.everywhere.extend(privileges),
                (_, Some(schema), false) => grants.on_schemas.push((schema, privileges)),
                (_, Some(schema), true) => grants.revoked.push((schema, privileges)),
                (_, None, _) => {
                    if let Some(table) = object.strip_prefix("`_autoscaler`.") {
                        grants.on_tables.push((table.trim_matches('`').to_owned(), privileges));
                    }
                }
            }
        }
        grants
    }

    /// Which of `needed` the account lacks on a schema; none if a role might give them.
    pub fn missing<'a>(&self, schema: &str, needed: &[&'a str]) -> Vec<&'a str> {
        let lacks = |name: &&&str| !self.has_roles && !self.has_on(schema, name);
        needed.iter().filter(lacks).copied().collect()
    }

    /// What the account lacks of `wanted`; nothing if a role might give it.
    pub fn lacking(&self, wanted: &[Grant]) -> Vec<Grant> {
        if self.has_roles {
            return Vec::new();
        }
        let lacks = |on: &On, name: &str| match on {
            On::Server => !self.has_everywhere(name),
            On::Schema(schema) => !self.has_on(schema, name),
            On::Table(table) => {
                let here = self.on_tables.iter().any(|(known, set)| known == table && includes(set, name));
                !here && !self.has_on(OWN_SCHEMA, name)
            }
        };
        let missing = wanted.iter().map(|grant| {
            let privileges = grant.privileges.iter().filter(|name| lacks(&grant.on, name));
            Grant { privileges: privileges.copied().collect(), on: grant.on.clone() }
        });
        missing.filter(|grant| !grant.privileges.is_empty()).collect()
    }

    /// What the account has beyond `wanted` that lets it do more than to change rows, as `(privileges, object)`.
    pub fn dangerous(&self, wanted: &[Grant]) -> Vec<(String, String)> {
        let is_wanted = |on: &On, name: &str| {
            let mut wanted = wanted.iter().filter(|grant| grant.on == *on);
            wanted.any(|grant| grant.privileges.iter().any(|wanted| canonical(wanted) == name))
        };
        let mut found = Vec::new();
        let everywhere: Vec<&str> = DANGEROUS
            .into_iter()
            .filter(|name| self.everywhere.contains(*name) && !is_wanted(&On::Server, name))
            .collect();
        if !everywhere.is_empty() {
            found.push((everywhere.join(", "), "*.*".to_owned()));
        }
        for (schema, privileges) in &self.on_schemas {
            let is_servers = ["mysql", "sys"].iter().any(|own| matches(schema, own));
            let names: Vec<&str> = privileges.iter().map(String::as_str).collect();
            if is_servers {
                found.push((names.join(", "), On::Schema(schema.clone()).to_string()));
            }
        }
        for object in &self.passed_on {
            found.push(("GRANT OPTION".to_owned(), object.clone()));
        }
        found
    }

    /// Whether the account has a privilege that is granted for the whole server only.
    pub fn has_everywhere(&self, name: &str) -> bool {
        includes(&self.everywhere, name) || self.has_roles
    }

    fn has_on(&self, schema: &str, name: &str) -> bool {
        let is_revoked = self.revoked.iter().any(|(revoked, set)| revoked == schema && includes(set, name));
        let mut granted = self.on_schemas.iter().filter(|(pattern, _)| matches(pattern, schema));
        (includes(&self.everywhere, name) && !is_revoked) || granted.any(|(_, set)| includes(set, name))
    }
}

fn includes(set: &BTreeSet<String>, name: &str) -> bool {
    set.contains(ALL) || set.contains(&canonical(name))
}

/// One name for what MariaDB has renamed and shows by its new name.
fn canonical(name: &str) -> String {
    match name.to_uppercase().as_str() {
        "BINLOG MONITOR" => "REPLICATION CLIENT".to_owned(),
        "REPLICA MONITOR" => "SLAVE MONITOR".to_owned(),
        other => other.to_owned(),
    }
}

/// The schema that a grant is for, if it is for a whole one: `` `shop`.* ``.
fn schema_of(object: &str) -> Option<String> {
    let quoted = object.strip_suffix(".*")?.strip_prefix('`')?.strip_suffix('`')?;
    Some(quoted.replace("``", "`"))
}

/// As LIKE: `%` and `_` stand for others, `\` takes that from the character behind it.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest.as_str(), &name[at..]))
        }
        Some(first) => {
            let (expected, any) = match first {
                '\\' => (rest.next().unwrap_or('\\'), false),
                other => (other, other == '_'),
            };
            let mut characters = name.chars();
            characters.next().is_some_and(|c| any || c == expected) && matches(rest.as_str(), characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], schema: &str, missing: &[&str]) {
        let grants = Grants::parse(lines.iter().copied());
        assert_eq!(grants.missing(schema, &["SELECT", "TRIGGER", "LOCK TABLES"]), missing, "{grants:?}");
    }

    #[test]
    fn what_an_account_lacks_is_told_for_each_schema() {
        const ALL_LACK: &[&str] = &["SELECT", "TRIGGER", "LOCK TABLES"];
        check(&["GRANT ALL PRIVILEGES ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*1' WITH GRANT OPTION"], "shop", &[]);
        check(&["GRANT USAGE ON *.* TO `a`@`%`", "GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"], "shop", &[]);
        check(&["GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"], "_autoscaler", ALL_LACK);
        check(&["GRANT SELECT, LOCK TABLES ON `sh%`.* TO `a`@`%`"], "shop", &["TRIGGER"]);
        check(&["GRANT TRIGGER ON `\\_autoscaler`.* TO `a`@`%`"], "_autoscaler", &["SELECT", "LOCK TABLES"]);
        check(&["GRANT TRIGGER ON `\\_autoscaler`.* TO `a`@`%`"], "xautoscaler", ALL_LACK);
        check(&["GRANT SELECT, TRIGGER ON `shop`.* TO PUBLIC"], "shop", &["LOCK TABLES"]);
    }

    #[test]
    fn grants_on_less_than_a_schema_do_not_count() {
        let lines = [
            "GRANT SELECT (`a`, `b`), TRIGGER ON `shop`.`users` TO `a`@`%`",
            "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `a`@`%`",
        ];
        check(&lines, "shop", &["SELECT", "TRIGGER", "LOCK TABLES"]);
    }

    #[test]
    fn a_partial_revoke_takes_back_what_is_granted_everywhere() {
        let lines = ["GRANT SELECT, TRIGGER, LOCK TABLES ON *.* TO `a`@`%`", "REVOKE TRIGGER ON `shop`.* FROM `a`@`%`"];
        check(&lines, "shop", &["TRIGGER"]);
        check(&lines, "_autoscaler", &[]);
    }

    #[test]
    fn nothing_counts_as_missing_where_a_role_may_give_it() {
        check(&["GRANT USAGE ON *.* TO `a`@`%`", "GRANT `writer`@`%` TO `a`@`%`"], "shop", &[]);
    }

    #[test]
    fn grants_on_our_own_tables_count() {
        let wanted = [
            Grant::new(On::Schema("my_shop".to_owned()), &["SELECT", "INSERT"]),
            Grant::new(On::Table("commits"), &["INSERT", "DELETE"]),
            Grant::new(On::Server, &["REPLICATION CLIENT"]),
        ];
        let statements: Vec<String> = wanted.iter().map(|grant| grant.statement("'r'@'%'")).collect();
        assert_eq!(statements[0], r"GRANT SELECT, INSERT ON `my\_shop`.* TO 'r'@'%'");
        assert_eq!(statements[1], "GRANT INSERT, DELETE ON _autoscaler.`commits` TO 'r'@'%'");
        let shown = [
            "GRANT BINLOG MONITOR ON *.* TO `r`@`%`",
            r"GRANT SELECT, INSERT ON `my\_shop`.* TO `r`@`%`",
            "GRANT INSERT ON `_autoscaler`.`commits` TO `r`@`%`",
        ];
        let lacking = Grants::parse(shown).lacking(&wanted);
        assert_eq!(lacking, [Grant::new(On::Table("commits"), &["DELETE"])]);
        let all = Grants::parse(["GRANT ALL PRIVILEGES ON *.* TO `r`@`%`"]);
        assert_eq!(all.lacking(&wanted), []);
    }

    #[test]
    fn what_is_dangerous_is_named_where_it_was_not_asked_for() {
        let found = |lines: &[&str]| {
            let wanted = [Grant::new(On::Server, &["PROCESS"])];
            let found = Grants::parse(lines.iter().copied()).dangerous(&wanted);
            found.iter().map(|(names, on)| format!("{names} ON {on}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(found(&["GRANT PROCESS ON *.* TO `a`@`%`", "GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`"]), "");
        assert_eq!(found(&["GRANT PROCESS, FILE ON *.* TO `a`@`%`"]), "FILE ON *.*");
        let all = "GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION";
        assert_eq!(found(&[all]), "ALL PRIVILEGES ON *.*; GRANT OPTION ON *.*");
        assert_eq!(found(&["GRANT SELECT ON `mysql`.* TO `a`@`%`"]), "SELECT ON `mysql`.*");
    }
}
