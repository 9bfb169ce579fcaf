//! What suites have in common: servers, a router over them, what can fail, who writes meanwhile.
//!
//! A suite of the router needs `servers`, `front`, `processes` and `proxy`; `moving`, `bench` and `crowd` know the scaler.

pub mod bench;
pub mod crowd;
pub mod front;
pub mod moving;
pub mod processes;
pub mod proxy;
pub mod servers;
