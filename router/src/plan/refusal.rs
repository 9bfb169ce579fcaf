//! Why a statement is not run.

use crate::sql::read::error::Unsupported;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{} is not supported here", .0.construct)]
    Unsupported(Unsupported),
    /// What the server would answer itself; asking it could do harm.
    #[error("Table '{database}.{table}' doesn't exist")]
    NoSuchTable { database: String, table: String },
    #[error("{table} cannot be used: {reason}")]
    UnusableTable { table: String, reason: String },
    #[error("{message}")]
    BadKey { message: String, hint: String },
    #[error("{0} while rows are moving")]
    MoveInProgress(&'static str),
}

impl Refusal {
    /// A table or view of which the name differs from that of another one in case only.
    pub(crate) fn twin(name: &str, twin: &str) -> Refusal {
        let hint = "choose another name: on some servers both would be one table";
        Unsupported::with_hint(format!("`{name}` beside `{twin}`, which differs in case only,"), hint).into()
    }

    pub fn hint(&self) -> Option<&str> {
        match self {
            Refusal::Unsupported(unsupported) => unsupported.hint.as_deref(),
            Refusal::BadKey { hint, .. } => Some(hint),
            Refusal::MoveInProgress(_) => Some("try again when the move is over (GET /topology shows it)"),
            Refusal::NoSuchTable { .. } | Refusal::UnusableTable { .. } => None,
        }
    }
}

impl From<Unsupported> for Refusal {
    fn from(unsupported: Unsupported) -> Refusal {
        Refusal::Unsupported(unsupported)
    }
}
