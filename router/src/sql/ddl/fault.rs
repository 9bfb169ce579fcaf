//! Why a definition is not run.

use crate::sql::read::error::Unsupported;

pub const ADMIN_HINT: &str = "do it on the shard itself, as an administrator";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    NotAllowed { construct: String, hint: &'static str },
    Unsupported(Unsupported),
}

/// What a part of the grammar finds.
pub type Read<T> = Result<T, Fault>;

impl Fault {
    pub fn not_allowed(construct: impl Into<String>, hint: &'static str) -> Fault {
        Fault::NotAllowed { construct: construct.into(), hint }
    }

    pub fn unsupported(construct: impl Into<String>, hint: &str) -> Fault {
        Fault::Unsupported(Unsupported::with_hint(construct, hint))
    }
}
