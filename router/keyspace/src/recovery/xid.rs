//! The name of a branch, which leads to the shard that decided.

use std::fmt;

use crate::topology::ShardId;

/// Marks branches of ours among those of others.
const FORMAT: u64 = 0x4153;

/// A transaction's number and its deciding shard, as the two parts of an XA name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Xid {
    number: String,
    decider: ShardId,
}

impl Xid {
    pub fn new(number: &str, decider: &ShardId) -> Xid {
        Xid { number: number.to_owned(), decider: decider.clone() }
    }

    pub fn number(&self) -> &str {
        &self.number
    }

    pub fn decider(&self) -> &ShardId {
        &self.decider
    }

    /// From a row of XA RECOVER; `None` if the branch is not ours.
    pub fn of_row(format: u64, number_length: usize, decider_length: usize, data: &[u8]) -> Option<Xid> {
        let (number, decider) = (data.get(..number_length)?, data.get(number_length..number_length + decider_length)?);
        let number = std::str::from_utf8(number).ok()?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let decider = ShardId::new(std::str::from_utf8(decider).ok()?).ok()?;
        (format == FORMAT && is_plain).then(|| Xid::new(number, &decider))
    }
}

/// As XA statements have it. Both parts are letters, digits and the like only.
impl fmt::Display for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}','{}',{FORMAT}", self.number, self.decider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_again() {
        let xid = Xid::new("0a-1", &ShardId::new("shard-2").unwrap());
        assert_eq!(xid.to_string(), "'0a-1','shard-2',16723");
        assert_eq!(Xid::of_row(16723, 4, 7, b"0a-1shard-2"), Some(xid));
    }

    #[test]
    fn branches_of_others_are_left_alone() {
        assert_eq!(Xid::of_row(1, 4, 7, b"0a-1shard-2"), None);
        assert_eq!(Xid::of_row(16723, 4, 7, b"0a'1shard-2"), None);
        assert_eq!(Xid::of_row(16723, 4, 9, b"0a-1shard-2"), None);
        assert_eq!(Xid::of_row(16723, 4, 0, b"0a-1"), None);
    }
}
