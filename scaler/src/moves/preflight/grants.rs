//! What an account may do, from `SHOW GRANTS`: the one answer that every account gets on both servers.

use std::collections::BTreeSet;

/// The privileges of one account. Those on single tables, columns and routines are left out: none of them is enough
/// for rows to move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    everywhere: BTreeSet<String>,
    /// By the pattern of the schema's name, as it was granted.
    on_schemas: Vec<(String, BTreeSet<String>)>,
    /// What MySQL's partial revokes take back of `everywhere`, by schema.
    revoked: Vec<(String, BTreeSet<String>)>,
    /// A role may add what is not listed here.
    has_roles: bool,
}

const ALL: &str = "ALL PRIVILEGES";

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
            let privileges = privileges.split(',').map(|name| name.trim().to_uppercase()).collect();
            match (object, schema_of(object), revokes) {
                ("*.*", _, false) => grants.everywhere.extend(privileges),
                (_, Some(schema), false) => grants.on_schemas.push((schema, privileges)),
                (_, Some(schema), true) => grants.revoked.push((schema, privileges)),
                (_, None, _) => {}
            }
        }
        grants
    }

    /// Which of `needed` the account lacks on a schema; none if a role might give them.
    pub fn missing<'a>(&self, schema: &str, needed: &[&'a str]) -> Vec<&'a str> {
        let lacks = |name: &&&str| !self.has_roles && !self.has_on(schema, name);
        needed.iter().filter(lacks).copied().collect()
    }

    /// Whether the account has a privilege that is granted for the whole server only.
    pub fn has_everywhere(&self, name: &str) -> bool {
        self.everywhere.contains(name) || self.everywhere.contains(ALL) || self.has_roles
    }

    fn has_on(&self, schema: &str, name: &str) -> bool {
        let names = |set: &BTreeSet<String>| set.contains(name) || set.contains(ALL);
        let is_revoked = self.revoked.iter().any(|(revoked, set)| revoked == schema && names(set));
        let mut granted = self.on_schemas.iter().filter(|(pattern, _)| matches(pattern, schema));
        (names(&self.everywhere) && !is_revoked) || granted.any(|(_, set)| names(set))
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
}
