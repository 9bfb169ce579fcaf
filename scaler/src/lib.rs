
pub mod catalogue;
