//! One transaction over several shards: all of it happens, or nothing does.
//!
//! The first shard that takes part decides (a last agent): it runs an ordinary transaction, the others branches under
//! XA. To commit, the others prepare; then the first one commits, together with a row in `_autoscaler.commits` that
//! holds the transaction's number: this commit is the decision. Then the others commit. Whoever finds a prepared branch
//! later learns from its name whom to ask ([`keyspace::recovery`]).
//!
//! ```text
//! Executing ─▶ Preparing ─▶ Deciding ══▶ Finishing ─▶ (settled: its rows in `commits` are deleted)
//!      └───────────┴───────────┴──▶ rolled back
//! ```
//! The double line is the point of no return.
//!
//! Every writing branch commits such a row with its own rows, so that a reader sees from a shard's snapshot which
//! transactions it holds ([`markers`]).

mod branch;
mod commit;
mod coordinator;
pub mod markers;
mod state;

pub use self::commit::before_decision;
pub use self::coordinator::Coordinator;
pub use self::state::Transaction;
