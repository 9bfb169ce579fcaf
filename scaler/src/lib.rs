pub mod catalogue;
pub mod http;
pub mod metrics;
pub mod observe;
