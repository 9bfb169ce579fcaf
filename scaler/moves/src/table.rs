//! A table that takes part in a move, and the SQL pieces that its rows and keys need.

use keyspace::keys::KeyType;
use keyspace::own;
use keyspace::schema::{Table, TableColumn, TableKind, quote};
use keyspace::slots::SlotSet;
use keyspace::topology::MoveId;

use crate::rows;
use crate::rows::Cells;

/// The values of a row's primary key, as literals to compare with.
pub(crate) type Key = Vec<String>;

/// One statement that inserts rows.
pub(crate) struct Insert {
    pub sql: String,
    /// What it wants session variables to be: values too large for a statement's text.
    pub values: Vec<Variable>,
}

/// The name of a session variable and its value.
pub(crate) type Variable = (String, Vec<u8>);

/// As part of names: without what would have to be quoted.
pub(crate) fn label(id: &MoveId) -> String {
    id.as_str().replace('-', "_")
}

/// What the names of a move's change tables begin with.
pub(crate) fn change_table_prefix(id: &MoveId) -> String {
    format!("{}{}_", own::changes::PREFIX, label(id))
}

/// The session variable that holds the moving slots as a bitmap, so that statements stay short.
pub(crate) const SLOTS_VARIABLE: &str = "@_autoscaler_slots";

#[derive(Clone, Debug)]
pub(crate) struct MovedTable {
    pub name: String,
    /// Numbers the table within the move: triggers and change table are named after it.
    pub index: usize,
    /// What the move's own tables and triggers have in their names.
    label: String,
    /// The columns that are written, in table order: all but the generated ones.
    columns: Vec<TableColumn>,
    primary_key: Vec<TableColumn>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// The rows whose key lies in a moving slot.
    Slots { key: String, key_type: KeyType },
    /// Every row: a reference table.
    Whole,
}

impl MovedTable {
    /// `None` for tables whose rows do not move.
    pub fn of(table: &Table, index: usize, id: &MoveId) -> Option<MovedTable> {
        let content = match &table.kind {
            TableKind::Sharded { key, key_type } => Content::Slots { key: key.clone(), key_type: *key_type },
            TableKind::Reference => Content::Whole,
            TableKind::Unsharded | TableKind::Unusable { .. } | TableKind::View => return None,
        };
        Some(MovedTable {
            name: table.name.clone(),
            index,
            label: label(id),
            columns: table.columns.iter().filter(|column| !column.generated).cloned().collect(),
            primary_key: table.primary_key.iter().filter_map(|name| table.column(name)).cloned().collect(),
            content,
        })
    }

    pub fn is_reference(&self) -> bool {
        matches!(self.content, Content::Whole)
    }

    pub fn change_table(&self) -> String {
        own::changes::table(&self.label, self.index)
    }

    /// Where the target's version of rows is kept that differ from the source's.
    pub fn kept_table(&self) -> String {
        own::changes::kept(&self.label, self.index)
    }

    /// SQL for the bytes that a row's long columns have; `None` if no row can be long.
    pub fn long_bytes(&self) -> Option<String> {
        let long = self.columns.iter().filter(|column| rows::is_long(column));
        let lengths: Vec<String> =
            long.map(|column| format!("COALESCE(OCTET_LENGTH({}),0)", quote(&column.name))).collect();
        (!lengths.is_empty()).then(|| lengths.join("+"))
    }

    pub fn key_names(&self) -> impl Iterator<Item = String> + '_ {
        self.primary_key.iter().map(|column| quote(&column.name))
    }

    pub fn key_width(&self) -> usize {
        self.primary_key.len()
    }

    /// SQL that is true for a row of this move; needs [`SLOTS_VARIABLE`].
    pub fn moving_test(&self) -> String {
        self.moving_test_of("")
    }

    /// The same where column names need a qualifier, which ends with a dot.
    fn moving_test_of(&self, qualifier: &str) -> String {
        match &self.content {
            Content::Whole => "1".to_owned(),
            Content::Slots { key, key_type } => {
                let slot = key_type.slot_sql(&format!("{qualifier}{}", quote(key)));
                format!("(ORD(SUBSTR({SLOTS_VARIABLE},({slot}>>3)+1,1))>>({slot}&7)&1)")
            }
        }
    }

    /// The same test on a row of a trigger, `OLD` or `NEW`, with the slots as a literal.
    pub fn trigger_test(&self, row: &str, slots: &SlotSet) -> String {
        match &self.content {
            Content::Whole => "1".to_owned(),
            Content::Slots { key, key_type } => key_type.slot_in_sql(&format!("{row}.{}", quote(key)), slots),
        }
    }

    /// Columns of the primary key as they are read, here from the table itself.
    pub fn key_select(&self) -> String {
        join(self.primary_key.iter().map(|column| rows::select_expression(column, &quote(&column.name))))
    }

    /// The same from the change table, whose key columns are `k0`, `k1`, ….
    pub fn change_key_select(&self) -> String {
        let columns = self.primary_key.iter().enumerate();
        join(columns.map(|(i, column)| rows::select_expression(column, &format!("k{i}"))))
    }

    /// The key's columns of a trigger's row, `OLD` or `NEW`, as the change table has them.
    ///
    /// By number where a text may stand for two values: servers compare and assign ENUMs and SETs by text.
    pub fn trigger_key(&self, row: &str) -> Vec<String> {
        let columns = self.primary_key.iter().map(|column| {
            let name = format!("{row}.{}", quote(&column.name));
            if rows::is_ordinal(column) { rows::select_expression(column, &name) } else { name }
        });
        columns.collect()
    }

    /// `CREATE TABLE` for the change table: a sequence number and the key, in the columns' own types or as numbers.
    pub fn create_change_table(&self) -> String {
        let (mut numbers, mut selected) = (String::new(), Vec::new());
        for (i, column) in self.primary_key.iter().enumerate() {
            match rows::is_ordinal(column) {
                true => numbers.push_str(&format!(", k{i} BIGINT UNSIGNED NOT NULL")),
                false => selected.push(format!("{} AS k{i}", quote(&column.name))),
            }
        }
        let select = match selected.is_empty() {
            true => String::new(),
            false => format!(" SELECT {} FROM {} LIMIT 0", selected.join(","), quote(&self.name)),
        };
        format!(
            "CREATE TABLE {} (seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY{numbers}) ENGINE=InnoDB{select}",
            self.change_table()
        )
    }

    /// Key columns first, then all written columns.
    pub fn row_select(&self) -> String {
        let columns = self.columns.iter().map(|column| rows::select_expression(column, &quote(&column.name)));
        format!("{},{}", self.key_select(), join(columns))
    }

    /// One number per row over all its columns, generated ones apart; `NULL` and text `N` differ.
    pub fn digest(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let read = rows::select_expression(column, &quote(&column.name));
            format!("COALESCE(CRC32(CAST({read} AS BINARY)),'N')")
        });
        format!("CRC32(CONCAT_WS(',',{}))", join(columns))
    }

    pub fn order(&self) -> String {
        join(self.key_names())
    }

    /// Key values as literals to compare with.
    pub fn key_literals(&self, cells: &[Option<Vec<u8>>]) -> Key {
        let columns = self.primary_key.iter().zip(cells);
        columns.map(|(column, cell)| rows::key_literal(column, cell.as_deref())).collect()
    }

    /// Whether the server may find a row by a key that has other bytes than the row's own.
    pub fn has_spellings(&self) -> bool {
        self.primary_key.iter().any(rows::has_spellings)
    }

    pub fn key_equals(&self, key: &[String]) -> String {
        let columns: Vec<String> = self.key_names().zip(key).map(|(name, value)| format!("{name}={value}")).collect();
        columns.join(" AND ")
    }

    /// True for exactly the rows with one of the keys.
    pub fn key_among<'a>(&self, keys: impl Iterator<Item = &'a Vec<String>>) -> String {
        match self.primary_key.as_slice() {
            [column] => format!("{} IN ({})", quote(&column.name), join(keys.map(|key| key[0].clone()))),
            _ => {
                let alternatives: Vec<String> = keys.map(|key| format!("({})", self.key_equals(key))).collect();
                format!("({})", alternatives.join(" OR "))
            }
        }
    }

    /// True for rows behind `key` in key order. Written out, because row comparisons use no index on MariaDB.
    pub fn key_after(&self, key: &[String]) -> String {
        self.key_beyond(key, '>')
    }

    /// True for rows up to and including `key`.
    pub fn key_up_to(&self, key: &[String]) -> String {
        format!("({} OR ({}))", self.key_beyond(key, '<'), self.key_equals(key))
    }

    fn key_beyond(&self, key: &[String], comparison: char) -> String {
        let names: Vec<String> = self.key_names().collect();
        let alternatives: Vec<String> = (0..names.len())
            .map(|last| {
                let equal = (0..last).map(|i| format!("{}={} AND ", names[i], key[i]));
                format!("({}{}{comparison}{})", equal.collect::<String>(), names[last], key[last])
            })
            .collect();
        // The first comparison alone gives the optimizer its range.
        format!("({}{comparison}={} AND ({}))", names[0], key[0], alternatives.join(" OR "))
    }

    /// Statements that delete the rows with these keys, as far as they belong to the move.
    ///
    /// They look up one key after the other: what may scan waits for rows that others have locked. Keys of integers come
    /// as a table to join with, which takes a sixth of the time of one statement per key.
    pub fn delete_by_keys<'a>(&self, keys: impl Iterator<Item = &'a Key> + Clone) -> String {
        let table = quote(&self.name);
        let Some(list) = self.integers(keys.clone()) else {
            let test = self.moving_test();
            return keys.map(|key| format!("DELETE FROM {table} WHERE {} AND {test};", self.key_equals(key))).collect();
        };
        let (mut columns, mut equal) = (Vec::new(), Vec::new());
        for (i, (column, name)) in self.primary_key.iter().zip(self.key_names()).enumerate() {
            let unsigned = if column.column_type.contains("unsigned") { " UNSIGNED" } else { "" };
            columns.push(format!("k{i} BIGINT{unsigned} PATH '$[{i}]'"));
            equal.push(format!("t.{name}=j.k{i}"));
        }
        format!(
            "DELETE t FROM JSON_TABLE('{list}','$[*]' COLUMNS({})) j STRAIGHT_JOIN {table} t FORCE INDEX(PRIMARY) ON {} \
             WHERE {};",
            columns.join(","),
            equal.join(" AND "),
            self.moving_test_of("t.")
        )
    }

    /// Keys as a JSON array of arrays; `None` if they are not made of integers.
    fn integers<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Option<String> {
        // JSON has no zeros in front, which ZEROFILL makes.
        let integer = |value: &String| value.parse::<i128>().ok().map(|value| value.to_string());
        let row = |key: &Key| {
            let values: Option<Vec<String>> = key.iter().map(integer).collect();
            values.map(|values| format!("[{}]", values.join(",")))
        };
        if !self.primary_key.iter().all(rows::is_integer) {
            return None;
        }
        let rows: Option<Vec<String>> = keys.map(row).collect();
        rows.map(|rows| format!("[{}]", rows.join(",")))
    }

    /// INSERT statements for rows read by [`MovedTable::row_select`], each of about a megabyte at most.
    ///
    /// Into a table of the same columns, given as SQL names it.
    pub fn insert_statements(&self, target: &str, read: &[Cells]) -> Vec<Insert> {
        // Far below the smallest max_allowed_packet in use.
        const STATEMENT_BYTES: usize = 1 << 20;
        // A literal has two digits for each byte, so that a value which fits into a packet might not as a literal.
        const LARGE_VALUE_BYTES: usize = 256 << 10;
        let names = join(self.columns.iter().map(|column| quote(&column.name)));
        let head = format!("INSERT INTO {target} ({names}) VALUES ");
        let mut inserts: Vec<(Vec<u8>, Vec<Variable>)> = Vec::new();
        let (mut row, mut values) = (Vec::new(), Vec::new());
        for cells in read {
            for (column, cell) in self.columns.iter().zip(&cells[self.key_width()..]) {
                row.push(if row.is_empty() { b'(' } else { b',' });
                match cell {
                    Some(bytes) if bytes.len() > LARGE_VALUE_BYTES || row.len() + 2 * bytes.len() > STATEMENT_BYTES => {
                        let variable = format!("@_autoscaler_value_{}", values.len());
                        row.extend_from_slice(rows::from_variable(column, &variable).as_bytes());
                        values.push((variable, bytes.clone()));
                    }
                    cell => rows::push_literal(&mut row, column, cell.as_deref()),
                }
            }
            row.push(b')');
            match inserts.last_mut() {
                Some((sql, bound))
                    if values.is_empty() && bound.is_empty() && sql.len() + row.len() < STATEMENT_BYTES =>
                {
                    sql.push(b',');
                    sql.append(&mut row);
                }
                _ => {
                    let mut sql = head.clone().into_bytes();
                    sql.append(&mut row);
                    inserts.push((sql, std::mem::take(&mut values)));
                }
            }
        }
        // All of it is UTF-8: values that are not went as hex.
        let insert = |(sql, values): (Vec<u8>, _)| Insert { sql: String::from_utf8_lossy(&sql).into_owned(), values };
        inserts.into_iter().map(insert).collect()
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}
