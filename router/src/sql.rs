//! SQL understood: a statement is read into tokens and a tree (`read`), reduced to what it means to the planner
//! (`meaning`; definitions by `ddl`), and its text is cut and joined (`text`). Only this folder knows sqlparser's tree.

pub mod read;

mod ddl;

pub mod meaning;

pub mod text;

pub use self::meaning::analyse::analyse;
pub use self::read::error::SqlError;
pub use self::read::read;

#[cfg(test)]
mod tests;
