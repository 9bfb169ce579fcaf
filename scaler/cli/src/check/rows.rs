//! The SQL that tells rows of a sharded table apart and compares them with rows of another shard.
//!
//! It holds in a [`crate::check::session::ShardSession`], on MariaDB and MySQL, for every type a primary key can have.

use keyspace::keys::KeyType;
use keyspace::schema::{Table, TableColumn, quote};
use keyspace::slots::{Slot, SlotSet};
use moves::{key_literal, select_expression};

use crate::check::session::Cells;

/// The session variable that holds the slots whose rows are in their place, so that statements stay short.
const SLOTS_VARIABLE: &str = "@_autoscaler_in_place";

/// A sharded table with a primary key.
#[derive(Clone, Debug)]
pub(super) struct ComparedTable {
    pub name: String,
    /// All columns that are written.
    columns: Vec<TableColumn>,
    primary_key: Vec<TableColumn>,
    key: String,
    key_type: KeyType,
}

/// A row that lies where it should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MisplacedRow {
    /// The primary key's values as literals.
    pub key: Vec<String>,
    /// The primary key for people.
    pub shown: String,
    pub slot: Slot,
    pub digest: Digest,
}

/// What all columns of a row have in common with an equal row's, and with no other's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest(Option<Vec<u8>>);

impl Digest {
    /// Rows whose digest the server could not compute are equal to none.
    pub fn is_equal(&self, other: &Digest) -> bool {
        self.0.is_some() && self.0 == other.0
    }
}

/// How rows are read. Rows that others have locked are left out rather than waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// As they are committed.
    None,
    /// Nobody changes them until the transaction ends.
    Shared,
    /// As for a change of one's own, and only rows that are misplaced.
    Exclusive,
}

impl ComparedTable {
    /// `None` for tables that are not sharded, and where the primary key does not tell rows apart.
    pub fn of(table: &Table) -> Option<ComparedTable> {
        let (key, key_type) = table.shard_key()?;
        // A name that is no column stands for the beginning of one.
        let primary_key: Option<Vec<TableColumn>> =
            table.primary_key.iter().map(|name| table.column(name).cloned()).collect();
        Some(ComparedTable {
            name: table.name.clone(),
            columns: table.columns.iter().filter(|column| !column.generated).cloned().collect(),
            primary_key: primary_key.filter(|columns| !columns.is_empty())?,
            key: key.to_owned(),
            key_type,
        })
    }

    /// Tells the session which slots' rows are in their place there.
    pub fn set_slots(in_place: &SlotSet) -> String {
        format!("SET {SLOTS_VARIABLE}=x'{}'", in_place.to_hex())
    }

    /// True for rows that are not in their place.
    fn misplaced_test(&self) -> String {
        let slot = self.slot();
        format!("NOT (ORD(SUBSTR({SLOTS_VARIABLE},({slot}>>3)+1,1))>>({slot}&7)&1)")
    }

    fn slot(&self) -> String {
        self.key_type.slot_sql(&quote(&self.key))
    }

    /// The next misplaced rows behind a key, in key order, as [`ComparedTable::read`] understands them.
    pub fn misplaced_after(&self, last_key: Option<&[String]>, limit: u32) -> String {
        let after = last_key.map(|key| format!("{} AND ", self.key_after(key))).unwrap_or_default();
        let read = |column: &TableColumn| select_expression(column, &quote(&column.name));
        let keys = join(self.primary_key.iter().map(read));
        let order = join(self.primary_key.iter().map(|column| quote(&column.name)));
        format!(
            "SELECT {keys},{},{} FROM {} FORCE INDEX(PRIMARY) WHERE {after}{} ORDER BY {order} LIMIT {limit}",
            self.slot(),
            self.digest(),
            quote(&self.name),
            self.misplaced_test()
        )
    }

    /// A row of [`ComparedTable::misplaced_after`]; `None` if it has another shape.
    pub fn read(&self, mut cells: Cells) -> Option<MisplacedRow> {
        let digest = Digest(cells.pop()?);
        let slot = String::from_utf8(cells.pop()??).ok()?;
        let slot = Slot::new(slot.parse().ok()?)?;
        if cells.len() != self.primary_key.len() {
            return None;
        }
        let columns = || self.primary_key.iter().zip(&cells);
        let shown = columns().map(|(column, cell)| shown(column, cell.as_deref())).collect::<Vec<_>>();
        let key = columns().map(|(column, cell)| key_literal(column, cell.as_deref())).collect();
        Some(MisplacedRow { key, shown: shown.join(" AND "), slot, digest })
    }

    /// Statements that give number and digest of each key that is there: the number is its place in `keys`, so that the
    /// server alone says which keys are equal. One statement per key: with a lock, any other form may scan and wait for
    /// rows that others hold.
    pub fn look_up<'a>(&self, keys: impl Iterator<Item = &'a [String]>, lock: Lock, mariadb: bool) -> Vec<String> {
        let (test, lock) = match (lock, mariadb) {
            (Lock::None, _) => (String::new(), ""),
            (Lock::Shared, true) => (String::new(), " LOCK IN SHARE MODE SKIP LOCKED"),
            (Lock::Shared, false) => (String::new(), " FOR SHARE SKIP LOCKED"),
            (Lock::Exclusive, _) => (format!(" AND {}", self.misplaced_test()), " FOR UPDATE SKIP LOCKED"),
        };
        let (digest, table) = (self.digest(), quote(&self.name));
        in_packets(keys.enumerate().map(|(number, key)| {
            format!("SELECT {number},{digest} FROM {table} WHERE {}{test}{lock}", self.key_equals(key))
        }))
    }

    /// A row of [`ComparedTable::look_up`]: number and digest.
    pub fn read_looked_up(mut cells: Cells) -> Option<(usize, Digest)> {
        let digest = Digest(cells.pop()?);
        Some((String::from_utf8(cells.pop()??).ok()?.parse().ok()?, digest))
    }

    /// Statements that delete the rows with these keys as far as they are misplaced.
    pub fn delete<'a>(&self, keys: impl Iterator<Item = &'a [String]>) -> Vec<String> {
        let (table, test) = (quote(&self.name), self.misplaced_test());
        in_packets(keys.map(|key| format!("DELETE FROM {table} WHERE {} AND {test}", self.key_equals(key))))
    }

    /// Every column counts, generated ones apart, and so does whether it is NULL. NULL as a whole if one of them is too
    /// long for the server to take in hand. Stronger than the digest of a move's verification, for rows are deleted
    /// by it, and without MD5, which MySQL has given up.
    fn digest(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let name = quote(&column.name);
            format!("IF({name} IS NULL,'N',SHA2(CAST({} AS BINARY),256))", select_expression(column, &name))
        });
        format!("SHA2(CONCAT({}),256)", columns.collect::<Vec<_>>().join(",',',"))
    }

    fn key_equals(&self, key: &[String]) -> String {
        let columns = self.primary_key.iter().zip(key).map(|(column, literal)| equals(column, literal));
        columns.collect::<Vec<_>>().join(" AND ")
    }

    /// True for rows behind `key` in key order. Written out, because row comparisons use no index on MariaDB.
    fn key_after(&self, key: &[String]) -> String {
        let alternatives: Vec<String> = (0..key.len())
            .map(|last| {
                let equal = (0..last).map(|i| format!("{} AND ", equals(&self.primary_key[i], &key[i])));
                format!("({}{}>{})", equal.collect::<String>(), operand(&self.primary_key[last]), key[last])
            })
            .collect();
        // The first comparison alone gives the optimizer its range.
        format!("({}>={} AND ({}))", operand(&self.primary_key[0]), key[0], alternatives.join(" OR "))
    }
}

/// A key column to compare with its literal. By the column itself, which uses the index; only a SET goes by its number,
/// because as itself it is compared as a signed number on MariaDB, and by its double on MySQL.
fn operand(column: &TableColumn) -> String {
    let name = quote(&column.name);
    match column.data_type.as_str() {
        "set" => select_expression(column, &name),
        _ => name,
    }
}

fn equals(column: &TableColumn, literal: &str) -> String {
    format!("{}={literal}", operand(column))
}

/// A column and its value as a condition that can be sent as it is.
fn shown(column: &TableColumn, value: Option<&[u8]>) -> String {
    let name = quote(&column.name);
    let Some(bytes) = value else { return format!("{name} IS NULL") };
    let is_number = column.exact_type().is_some()
        || matches!(
            column.data_type.as_str(),
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "double"
        );
    let is_plain = bytes.iter().all(|byte| (b' '..=b'~').contains(byte) && !matches!(byte, b'\'' | b'\\'));
    match (is_number, is_plain) {
        (true, _) => format!("{name}={}", String::from_utf8_lossy(bytes)),
        (false, true) => format!("{name}='{}'", String::from_utf8_lossy(bytes)),
        (false, false) => format!("{name}={}", key_literal(column, value)),
    }
}

/// Statements joined into packets of about a megabyte, far below the smallest max_allowed_packet in use.
fn in_packets(statements: impl Iterator<Item = String>) -> Vec<String> {
    const PACKET_BYTES: usize = 1 << 20;
    let mut packets: Vec<String> = Vec::new();
    for statement in statements {
        match packets.last_mut() {
            Some(packet) if packet.len() + statement.len() < PACKET_BYTES => {
                packet.push(';');
                packet.push_str(&statement);
            }
            Some(_) | None => packets.push(statement),
        }
    }
    packets
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use keyspace::schema::{Layout, Schema, TableKind};

    use super::*;

    fn column(name: &str, data_type: &str, collation: Option<&str>) -> TableColumn {
        TableColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            column_type: data_type.to_owned(),
            collation: collation.map(str::to_owned),
            fraction_digits: None,
            nullable: false,
            has_default: false,
            auto_increment: false,
            generated: name.starts_with("g_"),
            invisible: false,
            json: false,
            clock: false,
            volatile_default: false,
        }
    }

    fn table(columns: Vec<TableColumn>, primary_key: &[&str]) -> Option<ComparedTable> {
        let key_type = KeyType::Integer;
        let table = Table {
            name: "t".to_owned(),
            kind: TableKind::Sharded { key: "a".to_owned(), key_type },
            columns,
            primary_key: primary_key.iter().map(|name| (*name).to_owned()).collect(),
            unique_indexes: Vec::new(),
            has_triggers: false,
            has_references: false,
            has_transactions: true,
        };
        ComparedTable::of(Schema::new("app", &Layout::default(), true, vec![table]).table("t").unwrap())
    }

    #[test]
    fn keys_are_compared_by_index_and_exactly() {
        let columns = vec![column("a", "bigint", None), column("s", "set", Some("utf8mb4_bin"))];
        let table = table(columns, &["a", "s"]).unwrap();
        assert_eq!(table.key_equals(&["5".into(), "3".into()]), "`a`=5 AND CAST(`s` AS UNSIGNED)=3");
        assert_eq!(
            table.key_after(&["5".into(), "3".into()]),
            "(`a`>=5 AND ((`a`>5) OR (`a`=5 AND CAST(`s` AS UNSIGNED)>3)))"
        );
    }

    #[test]
    fn the_digest_is_over_what_is_written() {
        let table =
            table(vec![column("a", "bigint", None), column("g_b", "int", None), column("f", "float", None)], &["a"]);
        assert_eq!(
            table.unwrap().digest(),
            "SHA2(CONCAT(IF(`a` IS NULL,'N',SHA2(CAST(`a` AS BINARY),256)),',',\
             IF(`f` IS NULL,'N',SHA2(CAST(CAST(`f` AS DOUBLE) AS BINARY),256))),256)"
        );
        assert!(!Digest(None).is_equal(&Digest(None)));
    }

    #[test]
    fn keys_are_shown_as_conditions() {
        let check =
            |column: TableColumn, value: Option<&[u8]>, expected: &str| assert_eq!(shown(&column, value), expected);
        check(column("a", "bigint", None), Some(b"-5"), "`a`=-5");
        check(column("d", "datetime", None), Some(b"2024-01-01 00:00:00"), "`d`='2024-01-01 00:00:00'");
        check(column("v", "varchar", Some("utf8mb4_bin")), Some(b"x y"), "`v`='x y'");
        check(column("v", "varchar", Some("latin1_bin")), Some(b"\xe9"), "`v`=_latin1 x'e9'");
        check(column("b", "varbinary", None), Some(b"a'"), "`b`=x'6127'");
    }

    #[test]
    fn rows_without_a_whole_primary_key_cannot_be_told_apart() {
        assert!(table(vec![column("a", "bigint", None)], &[]).is_none());
        assert!(table(vec![column("a", "bigint", None), column("t", "text", None)], &["a", ""]).is_none());
    }
}
