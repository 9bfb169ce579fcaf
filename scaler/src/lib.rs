pub mod cluster;
pub mod moves;
