//! The doors by which statements come in.

pub mod http;
