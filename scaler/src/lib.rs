pub mod catalogue;
pub mod metrics;
pub mod observe;
