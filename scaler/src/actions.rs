//! What changes a cluster: each action is on record before it has an effect, and can be taken up by the next scaler.

pub mod drain;
pub mod failure;
pub mod record;
pub mod retire;
pub mod scale_out;
pub mod settle;
