//! How values compare outside of the server.

use keyspace::schema::TableColumn;

use crate::merge::compare::Pad;

/// How the values of a column compare, as far as that is not told by their type alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Value,
    /// Text by its code points.
    Text(Pad),
    /// Text by the weight that the server gives it; with the length to fill up to under PAD SPACE.
    Weight(Option<u32>),
    Float,
}

impl Order {
    /// What the shards return to compare `text`, an expression, by.
    pub fn compared(&self, text: &str) -> String {
        match self {
            Order::Value | Order::Text(_) => text.to_owned(),
            Order::Weight(None) => format!("WEIGHT_STRING({text})"),
            Order::Weight(Some(length)) => format!("WEIGHT_STRING({text} AS CHAR({length}))"),
            Order::Float => format!("CAST({text} AS DOUBLE)"),
        }
    }

    pub fn pad(&self) -> Option<Pad> {
        match self {
            Order::Text(pad) => Some(*pad),
            Order::Value | Order::Weight(_) | Order::Float => None,
        }
    }
}

/// The weight by which a column's text compares, where it orders and groups as the server does.
///
/// Measured on both servers (notes, "WEIGHT_STRING"): without padding it does; under PAD SPACE it does when filled up
/// to the column's length, but for some collations of MySQL.
pub fn weight(column: &TableColumn, collation: &str, mariadb: bool) -> Option<Option<u32>> {
    /// Longer weights could exceed max_sort_length, up to which the server itself compares.
    const MAX_LENGTH: u32 = 128;
    let length = column.length().filter(|length| *length <= MAX_LENGTH)?;
    let unicode = collation.starts_with("utf8mb4_") || collation.starts_with("utf8mb3_");
    let fills = ["_general_ci", "_swedish_ci"].iter().any(|name| collation.ends_with(name));
    let padded = match mariadb {
        true => fills || collation.ends_with("_unicode_ci") || collation.contains("_uca1400_"),
        false => fills,
    };
    if collation.starts_with("utf8mb4_0900_") && !mariadb {
        return Some(None);
    }
    let known = (unicode || collation == "latin1_swedish_ci") && padded && !collation.contains("nopad");
    known.then_some(Some(length))
}
