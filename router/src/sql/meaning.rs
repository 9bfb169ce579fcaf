//! What a statement means to the planner.

pub mod analyse;
pub mod command;
pub mod inspect;
pub mod key_literal;
pub mod leftovers;
pub mod plain_rows;
pub mod scopes;
pub mod shape;
pub mod statement;
