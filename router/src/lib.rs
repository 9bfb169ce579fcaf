pub mod cells;
pub mod merge;
