
pub mod catalogue;
pub mod observe;
