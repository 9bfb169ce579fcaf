//! The tables of the sharded database: columns, keys, and where each table's rows lie.

pub mod auto_increment;
pub mod load;

use std::collections::{BTreeMap, BTreeSet};

use crate::keys::KeyType;
use crate::mysql::ServerVersion;

/// What the configuration says about tables, names as written there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Table → sharding key column.
    pub shard_keys: BTreeMap<String, String>,
    pub reference_tables: BTreeSet<String>,
    /// Tables whose unique indexes without the sharding key each shard may enforce for its own rows only.
    pub local_unique_tables: BTreeSet<String>,
}

/// Where the configuration puts a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placement<'a> {
    ByKey(&'a str),
    Everywhere,
    Home,
}

impl Layout {
    fn placement_of(&self, table: &str) -> Placement<'_> {
        match self.shard_keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(table)) {
            Some((_, key)) => Placement::ByKey(key),
            None if self.reference_tables.iter().any(|name| name.eq_ignore_ascii_case(table)) => Placement::Everywhere,
            None => Placement::Home,
        }
    }

    /// Whether rows of both tables lie where rows of the other one would.
    pub fn are_placed_alike(&self, table: &str, other: &str) -> bool {
        match (self.placement_of(table), self.placement_of(other)) {
            (Placement::ByKey(one), Placement::ByKey(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => one == two,
        }
    }

    /// Whether a row finds on its own shard the row of `referred` that it names by `pairs` of columns, its own and the
    /// other's: what a foreign key needs.
    pub fn keeps_together(&self, table: &str, referred: &str, pairs: &[(String, String)]) -> bool {
        match (self.placement_of(table), self.placement_of(referred)) {
            (_, Placement::Everywhere) | (Placement::Home, Placement::Home) => true,
            (Placement::ByKey(own), Placement::ByKey(other)) => {
                pairs.iter().any(|(one, two)| one.eq_ignore_ascii_case(own) && two.eq_ignore_ascii_case(other))
            }
            _ => false,
        }
    }
}

/// All tables of one database, as one shard shows them. Every shard has the same.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(crate) database: String,
    /// By lower-cased name: MySQL's names are case-sensitive or not depending on the server. Of those that differ in
    /// case only, none of which can be used, the others are by their names.
    pub(crate) tables: BTreeMap<String, Table>,
    layout: Layout,
    mariadb: bool,
    surroundings: Surroundings,
}

/// What there is on the server beside the tables.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Databases that are not the router's, in lower case.
    pub other_databases: BTreeSet<String>,
    /// Stored functions of the database, in lower case.
    pub functions: BTreeSet<String>,
    /// `None` if the server says what nobody understands.
    pub version: Option<ServerVersion>,
    /// `lower_case_table_names` of 1 or 2: names that differ in case only are one.
    pub folds_case: bool,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub kind: TableKind,
    pub columns: Vec<TableColumn>,
    /// Column names of the primary key in key order; empty if there is none.
    pub primary_key: Vec<String>,
    /// Its unique indexes, the primary key among them.
    pub unique_indexes: Vec<UniqueIndex>,
    /// Triggers that are not ours.
    pub has_triggers: bool,
    /// Foreign keys lead from it or to it.
    pub has_references: bool,
    /// Whether what is written to it can be undone.
    pub has_transactions: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueIndex {
    pub name: String,
    /// In the index's order; an empty name stands for an expression or for the beginning of a column.
    pub columns: Vec<String>,
}

/// Where a table's rows lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// By the slot of a key column.
    Sharded { key: String, key_type: KeyType },
    /// Whole on every shard.
    Reference,
    /// Whole on the home shard.
    Unsharded,
    /// Its key in the configuration cannot serve, its name is not its own, or its shard cannot show it: nothing but DDL
    /// may touch it.
    Unusable { reason: String },
    /// A view: the router does not look through it.
    View,
}

#[derive(Clone, Debug)]
pub struct TableColumn {
    pub name: String,
    /// `DATA_TYPE`, lower case.
    pub data_type: String,
    /// `COLUMN_TYPE`.
    pub column_type: String,
    pub collation: Option<String>,
    /// Digits after the second, for DATETIME, TIMESTAMP and TIME.
    pub fraction_digits: Option<u8>,
    pub nullable: bool,
    pub has_default: bool,
    pub auto_increment: bool,
    pub generated: bool,
    pub invisible: bool,
    /// JSON, also MariaDB's, which is LONGTEXT with a check.
    pub json: bool,
    /// The server writes the time into it by itself.
    pub clock: bool,
    /// Its default is another one on each server.
    pub volatile_default: bool,
}

impl Schema {
    pub fn new(database: &str, layout: &Layout, mariadb: bool, tables: Vec<Table>) -> Schema {
        let mut by_name: BTreeMap<String, Table> = BTreeMap::new();
        for mut table in tables {
            let key = table.name.to_lowercase();
            match by_name.get_mut(&key) {
                None => by_name.insert(key, table),
                Some(twin) => {
                    let reason = format!("tables `{}` and `{}` differ in case only", twin.name, table.name);
                    for unusable in [&mut *twin, &mut table] {
                        unusable.kind = TableKind::Unusable { reason: reason.clone() };
                    }
                    // One of them at most has the name in lower case.
                    if table.name == key {
                        std::mem::swap(twin, &mut table);
                    }
                    by_name.insert(table.name.clone(), table)
                }
            };
        }
        Schema {
            database: database.to_owned(),
            tables: by_name,
            layout: layout.clone(),
            mariadb,
            surroundings: Surroundings::default(),
        }
    }

    pub fn with_surroundings(self, surroundings: Surroundings) -> Schema {
        Schema { surroundings, ..self }
    }

    /// The home shard's server.
    pub fn server_version(&self) -> Option<ServerVersion> {
        self.surroundings.version
    }

    /// The database's stored functions, in lower case.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.surroundings.functions.iter().map(String::as_str)
    }

    /// Whether statements may run code that is stored in the database.
    pub fn has_stored_code(&self) -> bool {
        !self.surroundings.functions.is_empty() || self.tables.values().any(|table| table.has_triggers)
    }

    /// Whether the server has another database of this name, in any case.
    pub fn is_other_database(&self, name: &str) -> bool {
        self.surroundings.other_databases.contains(&name.to_lowercase())
    }

    /// The name of a table or view that differs from `name` in case only, if the servers would have both.
    pub fn twin_of(&self, name: &str) -> Option<&str> {
        let table = self.table(name).filter(|table| !self.surroundings.folds_case && table.name != name)?;
        Some(&table.name)
    }

    /// The database that every shard's DSN names.
    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(&name.to_lowercase())
    }

    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// Whether the servers are MariaDB's, which round some quotients otherwise than MySQL.
    pub fn is_mariadb(&self) -> bool {
        self.mariadb
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The sharding key that the configuration gives a table, whether the table exists yet or not.
    pub fn layout_key(&self, table: &str) -> Option<&str> {
        let named = self.layout.shard_keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(table));
        named.map(|(_, key)| key.as_str())
    }

    /// Whether the configuration names a reference table of this name.
    pub fn layout_reference(&self, table: &str) -> bool {
        self.layout.reference_tables.iter().any(|name| name.eq_ignore_ascii_case(table))
    }

    /// Whether the configuration lets each shard enforce a table's unique indexes for its own rows only.
    pub fn allows_local_unique(&self, table: &str) -> bool {
        self.layout.local_unique_tables.iter().any(|name| name.eq_ignore_ascii_case(table))
    }

    /// Whether a result column that comes from this table column holds JSON.
    pub fn is_json(&self, table: &str, column: &str) -> bool {
        self.table(table).and_then(|table| table.column(column)).is_some_and(|column| column.json)
    }
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The sharding key's column and type, for a sharded table.
    pub fn shard_key(&self) -> Option<(&str, KeyType)> {
        match &self.kind {
            TableKind::Sharded { key, key_type } => Some((key, *key_type)),
            TableKind::Reference | TableKind::Unsharded | TableKind::Unusable { .. } | TableKind::View => None,
        }
    }
}

impl TableColumn {
    /// What the column has to be cast to so that its text names its value and nothing else.
    pub fn exact_type(&self) -> Option<&'static str> {
        match self.data_type.as_str() {
            // FLOAT prints six digits.
            "float" => Some("DOUBLE"),
            // By number: `''` may be a member or an invalid value.
            "enum" | "set" | "bit" => Some("UNSIGNED"),
            _ => None,
        }
    }

    /// The number in parentheses behind the type: the characters of a CHAR or VARCHAR.
    pub fn length(&self) -> Option<u32> {
        let (_, rest) = self.column_type.split_once('(')?;
        rest.split_once(')')?.0.parse().ok()
    }
}

/// `name` as a quoted identifier.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_together_by_their_keys() {
        let layout = Layout {
            shard_keys: [("users", "id"), ("orders", "user")].map(|(t, k)| (t.to_owned(), k.to_owned())).into(),
            reference_tables: ["rates".to_owned()].into(),
            ..Layout::default()
        };
        let check = |table: &str, column: &str, referred: &str, other: &str| {
            layout.keeps_together(
                table,
                referred,
                &[("x".to_owned(), "y".to_owned()), (column.to_owned(), other.to_owned())],
            )
        };
        assert!(check("orders", "user", "users", "id"));
        assert!(check("Orders", "rate", "rates", "code"));
        assert!(check("plain", "a", "other", "b"));
        assert!(!check("orders", "seller", "users", "id"));
        assert!(!check("orders", "user", "plain", "id"));
        assert!(!check("plain", "user", "users", "id"));
        assert!(!check("rates", "user", "users", "id"));
        assert!(layout.are_placed_alike("plain", "other") && layout.are_placed_alike("RATES", "rates"));
        assert!(!layout.are_placed_alike("plain", "users") && !layout.are_placed_alike("users", "orders"));
    }

    fn table(name: &str, kind: TableKind) -> Table {
        Table {
            name: name.to_owned(),
            kind,
            columns: Vec::new(),
            primary_key: Vec::new(),
            unique_indexes: Vec::new(),
            has_triggers: false,
            has_references: false,
            has_transactions: true,
        }
    }

    #[test]
    fn tables_that_differ_in_case_only_are_all_there_and_unusable() {
        let tables = ["Casey", "plain", "casey", "CASEY"].map(|name| table(name, TableKind::Unsharded));
        let seen = table("Seen", TableKind::View);
        let schema = Schema::new(
            "shop",
            &Layout::default(),
            true,
            tables.into_iter().chain([seen, table("seen", TableKind::Unsharded)]).collect(),
        );
        let kind = |table: &Table| match &table.kind {
            TableKind::Unusable { reason } => format!("{}: {reason}", table.name),
            _ => table.name.clone(),
        };
        let found: Vec<String> = schema.tables().map(kind).collect();
        assert_eq!(
            found,
            [
                "CASEY: tables `casey` and `CASEY` differ in case only",
                "Casey: tables `Casey` and `casey` differ in case only",
                "Seen: tables `Seen` and `seen` differ in case only",
                "casey: tables `casey` and `CASEY` differ in case only",
                "plain",
                "seen: tables `Seen` and `seen` differ in case only",
            ]
        );
        assert_eq!(schema.table("CaSeY").map(|table| table.name.as_str()), Some("casey"));
        assert_eq!((schema.twin_of("Casey"), schema.twin_of("casey")), (Some("casey"), None));
        assert_eq!((schema.twin_of("Plain"), schema.twin_of("none")), (Some("plain"), None));
        let folding = schema.with_surroundings(Surroundings { folds_case: true, ..Surroundings::default() });
        assert_eq!(folding.twin_of("Plain"), None);
    }
}
