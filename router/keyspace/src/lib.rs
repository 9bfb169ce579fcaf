//! What router and scaler must agree on, and nothing else: which rows lie where, how that is stored on the shards, and
//! what either of them brings to an end that the other one left.

pub mod slots;

pub mod keys;

pub mod endpoint;

pub mod topology;

pub mod bootstrap;

pub mod accounts;
pub mod description;
pub mod errors;
pub mod faults;
pub mod literal;
pub mod logins;
pub mod mysql;
pub mod own;
pub mod recovery;
pub mod schema;
